"""The command that tells what a rig is."""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps
from typing import TYPE_CHECKING

from tyro.conf import FlagCreatePairsOff, Positional

from ..core.progress import say
from .annotations import Clip, MotionFile, RigMap

if TYPE_CHECKING:
    from ..api.rig import RigReport

_WIDTH = 16  # of the first column
_SHOWN = 12  # names in a line


def rig(
    file: Positional[MotionFile],
    /,
    *,
    json: FlagCreatePairsOff[bool] = False,
    map: RigMap = None,
    animation: Clip = None,
    person: Clip = None,
) -> None:
    """Show what a motion or character file holds and which of its joints is which.

    Args:
        file: a motion file (.bvh .npz .glb .vrm .vrma), or a character without animation (.glb .vrm).
        json: print JSON.
        map: JSON that says which joint of the rig is which, where its names do not tell, as in {"left_foot": "Ball_L"}.
        animation: of several in the file, by name or number from 0.
        person: of several in the file, by name or number from 0.
    """
    from ..api.rig import recognise_rig

    report = recognise_rig(file, map=map, animation=animation, person=person)
    if json:
        say(dumps({"file": str(file), **report.as_dict()}, indent=1, ensure_ascii=False))
        return
    for what, value in _lines(report):
        say(f"{what:{_WIDTH}}{value}")


def _lines(report: RigReport) -> Iterator[tuple[str, str]]:
    """What is said of a rig, line by line."""
    name = f" ({report.convention})" if report.convention else ""
    yield "rig", f"{report.title}{name}, told by {report.recognised_by}, confidence {report.confidence:.2f}"
    for doubt in report.doubts:
        yield "doubt", doubt
    height = "cannot be told" if report.height is None else f"{report.height:.2f} m"
    yield "height", f"{height}, lengths of the file times {report.scale:.6g}"
    yield "up, facing", f"{report.up}, {report.facing}"
    yield "rest pose", report.rest_pose + (f": {report.rest_verdict}" if report.rest_verdict else "")
    yield "frames", f"{report.frames}, {report.fps:g} a second"
    for what, names, taken in (
        ("animations", report.animations, report.animation),
        ("people", report.people, report.person),
    ):
        if names:
            yield what, f"{_listed(names)}{f'; {taken} is read' if len(names) > 1 else ''}"
    yield "missing", _listed(report.missing) or "none"
    yield "without place", _listed(report.without_place) or "none"
    for remark in report.remarks:
        yield "remark", remark
    for joint, names in report.joints.items():
        yield joint, ", ".join(names)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


RIG_COMMANDS = {"rig": rig}
