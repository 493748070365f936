"""The MPI Emotional Body Expressions Database: seated story tellers, ten emotions, no sound.

Volkova, de la Rosa, Buelthoff, Mohler, PLOS ONE 2014. Expected: ``clips.csv`` (file, actor, emotion,
kind, frames, seconds) and the BVH files in ``clips.zip`` or unpacked beside it.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ...core.csv_files import csv_records, read_csv
from ...core.emotions import canonical_emotion
from ...core.errors import UserError
from ...core.progress import track
from ...core.rotation import axis_rotation, matrix_to_quaternion, quaternion_to_matrix, transpose
from ...core.timing import FPS
from ...motion.formats.bvh import load_bvh
from ...motion.kinematics import global_rotations
from ...motion.motion import Motion
from ...motion.procedural.fingers import add_fingers
from ...motion.procedural.posture import stand
from ...motion.retarget import retarget
from ...motion.skeleton import canonical_skeleton
from ..clips import Dropped, GestureClip
from ..recordings import LazyReader, Recording

# Split by actor: clips of one actor resemble each other too much to stand on both sides.
SPLITS = {"DiMi": "test", "PaPi": "val"}
LEAN = 3.0  # degrees to the front of who speaks to somebody and stands
CREDIT = "MPI Emotional Body Expressions Database (Volkova, de la Rosa, Buelthoff, Mohler, PLOS ONE 2014), CC BY 4.0"


@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of motion, upright and facing +z, with fingers added; dropped ones with the reason.

    Every actor's mean orientation of the chest over each take is taken out, so that a person who sat
    askew or leaned back on a chair stands upright; all limbs keep their directions relative to the
    chest. Clips without a session are of several takes, so each faces +z by itself, and only the lean is the
    actor's mean; so who bows in sadness still bows.

    Args:
        folder: holds clips.csv and clips.zip (or the unpacked actors' folders).
        limit: read only so many clips of each actor (for trials).
    Raises:
        UserError: clips.csv is missing or a named file is not there.
    """
    folder = Path(folder)
    table = folder / "clips.csv"
    if not table.is_file():
        raise UserError(f"{folder} is no ebmdb folder: it has no clips.csv")
    rows = [row for _, row in csv_records(read_csv(table), table)]
    takes: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row["actor"]] += 1
        if limit is None or counts[row["actor"]] <= limit:
            takes[row["actor"], row["session"]].append(row)
    packed = folder / "clips.zip"
    sizes = _sizes(packed) if packed.is_file() else None
    for (actor, session), take in track(takes.items(), "ebmdb", quiet=quiet):
        names = [row["file"] for row in take]
        for name in names:
            if not ((folder / name).is_file() if sizes is None else name in sizes):
                raise UserError(f"{Path(name).name} is named in clips.csv but is not there")
        take_id = f"{actor}/{session}"
        if sizes is None:
            files = tuple(dict.fromkeys(folder / name for name in names))
            yield Recording(take_id, files, partial(_read_take, folder, actor, take))
        else:
            size = sum(sizes[name] for name in names)
            yield Recording(take_id, (packed,), partial(_unpacked_take, packed, actor, take), size)


def _sizes(packed: Path) -> dict[str, int]:
    """Bytes of every file of an archive."""
    with zipfile.ZipFile(packed) as archive:
        return {member.filename: member.file_size for member in archive.infolist()}


def _unpacked_take(packed: Path, actor: str, take: list[dict[str, str]]) -> Iterator[GestureClip | Dropped]:
    with tempfile.TemporaryDirectory() as scratch:
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(scratch, sorted({row["file"] for row in take}))
        yield from _read_take(Path(scratch), actor, take)


def _read_take(root: Path, actor: str, take: list[dict[str, str]]) -> Iterator[GestureClip | Dropped]:
    motions: list[tuple[dict[str, str], Motion]] = []
    for row in take:
        motion = retarget(load_bvh(root / row["file"]), table="ebmdb").resample(FPS)
        motions.append((row, motion))
    turns = upright_turns([_chest(motion) for _, motion in motions], one_take=bool(take[0]["session"]))
    for (row, motion), upright in zip(motions, turns, strict=True):
        identity = Path(row["file"]).with_suffix("").as_posix()
        emotion = canonical_emotion(row["emotion"])
        if motion.frames < FPS:
            yield Dropped(identity, f"shorter than a second ({motion.frames} frames)")
            continue
        turned = motion.rotations.copy()
        turned[:, 0] = upright @ turned[:, 0]
        standing = stand(replace(motion, rotations=turned))
        reason = implausible(standing)
        if reason:
            yield Dropped(identity, reason)
            continue
        finished = add_fingers(standing, emotion=emotion, seed=seed_of(identity))
        yield GestureClip(identity, actor, SPLITS.get(actor, "train"), emotion, None, finished)


def upright_turns(chests: list[np.ndarray], *, one_take: bool) -> list[np.ndarray]:
    """[3, 3] turns of the world, one a clip, after which chests face +z and stand upright on average.

    Args:
        chests: world rotations of spine3, [T, 3, 3] a clip.
        one_take: the clips were recorded in one go, so they share one turn; otherwise each has its own heading, the
            median over its frames, and all share the lean.
    """
    headings = [np.eye(3)] * len(chests) if one_take else [axis_rotation("Y", -_heading(chest)) for chest in chests]
    turned = np.concatenate([turn @ chest for turn, chest in zip(headings, chests, strict=True)])
    # Mean rotation: the leading eigenvector of the quaternions' outer products (Markley 2007).
    q = matrix_to_quaternion(turned)
    mean = quaternion_to_matrix(np.linalg.eigh(q.T @ q)[1][:, -1])
    # A standing person leans forward a few degrees when speaking to somebody.
    shared = axis_rotation("X", np.deg2rad(LEAN)) @ transpose(mean)
    return [shared @ turn for turn in headings]


def _chest(motion: Motion) -> np.ndarray:
    """[T, 3, 3] world rotations of spine3."""
    skeleton = canonical_skeleton()
    chest = skeleton.index("spine3")
    world: np.ndarray = global_rotations(motion.rotations[:, : chest + 1], skeleton.parents[: chest + 1])[:, chest]
    return world


def _heading(chest: np.ndarray) -> float:
    """Radians from +z to the left: the median over frames of where the chest faces, taken about their mean."""
    angles = np.arctan2(chest[:, 0, 2], chest[:, 2, 2])
    middle = np.angle(np.exp(1j * angles).mean())
    return float(middle + np.median(np.angle(np.exp(1j * (angles - middle)))))


def implausible(motion: Motion) -> str | None:
    """Why a motion cannot be used, or None: a joint that jumps, or a hand faster than any real one."""
    positions = motion.positions[:, canonical_skeleton().indices(["left_wrist", "right_wrist", "head"])]
    step = np.linalg.norm(np.diff(positions, axis=0), axis=-1) * motion.fps
    if step.max(initial=0.0) > 8.0:
        return f"a hand or the head moves at {step.max():.1f} m/s (allowed 8)"
    return None


def seed_of(identity: str) -> int:
    """The seed of what is made up for a clip."""
    return zlib.crc32(identity.encode())
