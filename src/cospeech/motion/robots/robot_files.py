"""Joint angles of a robot as CSV and JSON, and what was cut in a few lines."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from .joint_angles import RobotMotion

SUFFIXES = (".csv", ".json")
DECIMALS = 7
_TOLD = 8  # lines on cuts


def check_robot_target(path: str | Path) -> Path:
    """Raises UserError if joint angles cannot be written under that name."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: joint angles of a robot are written as {' or '.join(SUFFIXES)}; choose one of these")
    return path


def save_robot_motion(moved: RobotMotion, path: str | Path) -> Path:
    """Write joint angles: a CSV with the columns time and joints, or JSON with limits, errors and cuts too.

    Raises:
        UserError: another suffix, or the file cannot be written.
    """
    path = check_robot_target(path)
    text = _csv(moved) if path.suffix.lower() == ".csv" else json.dumps(_document(moved), allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _csv(moved: RobotMotion) -> str:
    names = [joint.name for joint in moved.joints]
    wrong = next((name for name in names if any(sign in name for sign in ',"\n\r')), None)
    if wrong is not None:
        raise UserError(f"the joint {wrong[:60]!r} has a name that no column of CSV can have; write .json instead")
    rows = [
        ",".join([f"{frame / moved.fps:.6f}", *(f"{value:.{DECIMALS}f}" for value in row)])
        for frame, row in enumerate(moved.positions)
    ]
    return "\n".join([",".join(["time", *names]), *rows]) + "\n"


def _document(moved: RobotMotion) -> dict[str, object]:
    def known(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "format": "cospeech-robot",
        "version": 1,
        "robot": moved.robot,
        "fps": moved.fps,
        "unit": "radians; metres of prismatic joints; seconds",
        "joints": [
            {
                "name": joint.name,
                "type": joint.kind,
                "lower": known(joint.lower),
                "upper": known(joint.upper),
                "velocity": known(joint.velocity),
                "moved": joint.name in moved.moved,
            }
            for joint in moved.joints
        ],
        "positions": np.round(moved.positions, DECIMALS).tolist(),
        "errors": [
            {
                "direction": e.name,
                "median": round(e.median, 3),
                "p95": round(e.most_of, 3),
                "largest": round(e.largest, 3),
            }
            for e in moved.errors
        ],
        "cut": [
            {"joint": c.joint, "by": c.by, "start": round(c.start, 4), "end": round(c.end, 4), "most": round(c.most, 5)}
            for c in moved.cuts
        ],
    }


def told(moved: RobotMotion) -> list[str]:
    """What came of it, in a few lines: joints, errors of directions, what was cut."""
    lines = [f"{moved.robot}: {len(moved.moved)} of {len(moved.joints)} joints move, recognised by {moved.found_by}"]
    off = ", ".join(f"{e.name} {e.median:.1f} ({e.most_of:.1f})" for e in moved.errors)
    lines.append(f"directions are off by degrees, median (95 %): {off}")
    cuts = sorted(moved.cuts, key=lambda cut: -cut.most)
    for cut in cuts[:_TOLD]:
        why = "its limit" if cut.by == "limit" else "its speed"
        lines.append(
            f"{cut.joint} is cut by {why}: {np.degrees(cut.most):.0f} degrees at {cut.start:.2f} to {cut.end:.2f} s"
        )
    if len(cuts) > _TOLD:
        lines.append(f"{len(cuts) - _TOLD} smaller cuts are in the JSON")
    return lines
