"""How large what is read may be: one table, checked before memory is taken, and how a user raises a limit.

The limits keep a small file that unpacks to a great deal, or a damaged count, from filling the memory. They are
decisions of ours, well above what people record. Every command takes ``--limit NAME=NUMBER``; programs and worker
processes are told by the environment, ``COSPEECH_LIMITS="seconds=36000,joints=5000"``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError, did_you_mean

VARIABLE = "COSPEECH_LIMITS"

LIMITS: dict[str, tuple[float, str]] = {
    "seconds": (4 * 3600, "seconds of a recording or a motion"),
    "text": (64, "MiB of a transcript, a track, a table or a map"),
    "json": (512, "MiB of keypoints as JSON"),
    "file": (2048, "MiB of a motion file or a manifest"),
    "pipe": (512, "MiB of a recording that comes through a pipe"),
    "pixels": (40_000_000, "pixels of a picture"),
    "joints": (2000, "joints of a skeleton"),
    "poses": (30_000_000, "frames times joints of a motion"),
    "distance": (100_000, "metres from the origin"),
    "unpacked": (100, "times its size that a compressed file may unpack to, from 64 MiB on"),
}
FREE = 1 << 26  # bytes that any compressed file may unpack to
_FREE_POSES = 2_000_000  # frames times joints that any file may have
SLOWEST, FASTEST = 1.0, 1000.0  # frames a second of a motion file


def limit(name: str) -> float:
    """The limit of that name, as it is now. Raises UserError if ``COSPEECH_LIMITS`` cannot be read."""
    return _changed().get(name, LIMITS[name][0])


def check_limit(name: str, value: float, where: str | Path) -> None:
    """Refuse what is over a limit.

    Args:
        value: in the unit of the limit.
        where: how messages call what was given: its file.
    Raises:
        UserError: with the value, the limit and the option that raises it.
    """
    most = limit(name)
    if not value <= most:
        raise UserError(
            f"{where} has {_figure(value)} {LIMITS[name][1]}; {_figure(most)} are allowed, "
            f"give --limit {name}=NUMBER if it is meant so"
        )


def check_unpacked(unpacked: int, packed: int, where: str | Path) -> None:
    """Refuse a compressed file that unpacks to far more than its size. Raises UserError.

    Args:
        unpacked, packed: bytes.
    """
    if unpacked > FREE and unpacked > limit("unpacked") * max(packed, 1):
        raise UserError(
            f"{where} unpacks to {unpacked / 2**20:.0f} MiB, {_figure(unpacked / max(packed, 1))} times its size; "
            f"{_figure(limit('unpacked'))} are allowed, give --limit unpacked=NUMBER if it is meant so"
        )


def check_rate(fps: float, where: str | Path) -> None:
    """Refuse frame rates that no motion has. Raises UserError."""
    if not SLOWEST <= fps <= FASTEST:
        raise UserError(
            f"{where} has {_figure(fps)} frames a second; {SLOWEST:g} to {FASTEST:g} are allowed, correct its rate"
        )


def check_length(frames: int, fps: float, where: str | Path) -> None:
    """Refuse a motion of a rate that none has, or that lasts too long. Raises UserError."""
    check_rate(fps, where)
    check_limit("seconds", frames / fps, where)


def check_poses(frames: int, joints: int, where: str | Path, *, given: int, share: float = 2.0) -> None:
    """Refuse a motion that takes too much memory, or far more than its file has numbers for. Raises UserError.

    Args:
        given: numbers of the file that move it.
        share: joints in frames that there may be for each of these numbers; a few million may be in any file.
    """
    check_limit("joints", joints, where)
    check_limit("poses", frames * joints, where)
    if frames * joints > max(_FREE_POSES, share * given):
        raise UserError(
            f"{where} makes {frames} frames of {joints} joints out of {given} numbers; "
            "leave out joints that rest, or cut the motion"
        )


def check_size(path: Path, name: str) -> None:
    """Refuse a file over a limit of MiB, before it is read; one that is not there is left to its reader."""
    try:
        size = path.stat().st_size
    except OSError:
        return
    check_limit(name, size / 2**20, path)


@contextmanager
def raised(wanted: Sequence[str]) -> Iterator[None]:
    """Other limits for a while, NAME=NUMBER each, here and in processes that are started. Raises UserError."""
    before = os.environ.get(VARIABLE)
    if wanted:
        if "" in wanted:
            raise UserError(f"--limit names none; give NAME=NUMBER, of {', '.join(LIMITS)}")
        os.environ[VARIABLE] = ",".join(filter(None, [before, *wanted]))
    try:
        _changed()
        yield
    finally:
        if wanted:
            os.environ.pop(VARIABLE, None)
            if before is not None:
                os.environ[VARIABLE] = before


def _changed() -> dict[str, float]:
    """Limits that a user set, by name. Raises UserError."""
    changed = {}
    for entry in filter(None, os.environ.get(VARIABLE, "").split(",")):
        name, _, number = (part.strip() for part in entry.partition("="))
        if name not in LIMITS:
            raise UserError(f"unknown limit {name!r}; {did_you_mean(name, LIMITS)}")
        try:
            changed[name] = float(number)
        except ValueError:
            changed[name] = math.nan
        if not changed[name] > 0:
            raise UserError(f"the limit {name} is {number!r}; give a number above 0, as in --limit {name}=1000")
    return changed


def _figure(value: float) -> str:
    """A number as messages write it."""
    return f"{value:,.0f}" if 10 <= abs(value) < 1e12 else f"{value:.3g}"
