"""Write BVH files; ``bvh.py`` reads them and states the conventions."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.rotation import matrix_to_euler
from ..motion import Motion
from ..skeleton import Skeleton

UNITS = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}  # metres
POSITION_KEY = "bvh_position/"  # in motion.extra["per_frame"]: [T, 3] metres of a joint that also slides
_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


def save_bvh(
    motion: Motion, path: str | Path, *, unit: str | float = "cm", order: str = "ZXY", rig: str | None = None
) -> Path:
    """Write a BVH file: y up, root OFFSET zero, Euler angles without jumps, an End Site on every leaf.

    Args:
        motion: any skeleton.
        path: the file; it appears whole or not at all.
        unit: "cm" (what tools expect), another name of ``UNITS``, or metres a unit.
        order: axes of the rotation channels, in order of application.
        rig: write canonical motion with the joint names of a named table ("mixamo", "vrm", "ue5", ...).
    """
    path = Path(path)
    order = order.upper()
    if order not in _ORDERS:
        raise UserError(f"rotation order must be one of {', '.join(_ORDERS)}; got {order!r}")
    if rig is not None:
        from ..retarget import to_rig

        motion = to_rig(motion, rig)
    scale = 1.0 / metres(unit)
    skeleton = motion.skeleton
    for name in skeleton.names:
        if not name or re.search(r"[\s{}]", name):
            raise UserError(f"joint name {name!r} cannot stand in a BVH file: empty, or spaces in it")
    positions: dict[int, np.ndarray] = {0: motion.translation.astype(np.float64)}
    for key, value in motion.extra.get("per_frame", {}).items():
        name = key.removeprefix(POSITION_KEY)
        if key.startswith(POSITION_KEY) and name in skeleton.names and len(value) == motion.frames:
            positions[skeleton.index(name)] = value
    lines = ["HIERARCHY"]
    columns: list[np.ndarray] = []
    angles = np.degrees(continuous_euler(motion.rotations, order))
    _write_joint(lines, 0, 0, skeleton, leaf_ends(skeleton), scale, order, set(positions))
    for joint in _depth_first(skeleton):
        if joint in positions:
            columns.append(positions[joint] * scale)
        columns.append(angles[:, joint])
    table = np.concatenate(columns, axis=1)
    lines += ["MOTION", f"Frames: {motion.frames}", f"Frame Time: {1 / motion.fps:.8f}"]
    row = " ".join(["%.5f"] * table.shape[1])
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
        for start in range(0, len(table), 1024):
            file.writelines(row % tuple(values) + "\n" for values in table[start : start + 1024].tolist())
    return path


def continuous_euler(rotations: np.ndarray, order: str) -> np.ndarray:
    """Euler angles [T, J, 3] radians of rotations [T, J, 3, 3], without jumps along time.

    Of the two triples (a, b, c) and (a + pi, pi - b, c + pi) that name one rotation, each frame takes the
    one nearer to the frame before; then whole turns are removed.
    """
    angles = matrix_to_euler(rotations, order)
    if len(angles) < 2:
        return angles
    other = np.stack([angles[..., 0] + np.pi, np.pi - angles[..., 1], angles[..., 2] + np.pi], -1)

    def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs((a - b + np.pi) % (2 * np.pi) - np.pi).sum(-1)

    # Changing the triple costs the same from either one, so the choices follow by counting changes.
    changes = distance(other[1:], angles[:-1]) < distance(angles[1:], angles[:-1]) - 1e-9
    swapped = np.concatenate([np.zeros_like(changes[:1]), np.cumsum(changes, axis=0) % 2 == 1])
    return np.unwrap(np.where(swapped[..., None], other, angles), axis=0)


def leaf_ends(skeleton: Skeleton) -> list[tuple[int, np.ndarray]]:
    """End sites: the skeleton's own, and for leaves without one a tip that carries on the last bone."""
    ends = [(joint, np.asarray(tip)) for joint, tip in skeleton.ends]
    known = {joint for joint, _ in ends}
    for joint, children in enumerate(skeleton.children):
        if children or joint in known:
            continue
        offset = skeleton.offsets[joint]
        name = re.sub(r"[._-][lr]$", "", skeleton.names[joint].lower())  # Blender's and Unreal's sides
        if name.endswith(("eye", "jaw")):
            tip = np.array([0.0, 0.0, 0.03 if name.endswith("eye") else 0.08])
        elif name.endswith("head"):
            tip = np.array([0.0, 0.18, 0.0])
        elif name.endswith(("foot", "toe", "toes", "toebase", "ball")):
            height = float(skeleton.rest_positions[joint, 1])  # the tip of the toes stands on the floor
            tip = np.array([0.0, -height if 0 < height < 0.15 else 0.0, 0.07])
        elif name.endswith(("wrist", "hand")):
            tip = offset * (0.17 / max(float(np.linalg.norm(offset)), 1e-6))
        else:
            tip = offset * 0.8
        ends.append((joint, tip if np.linalg.norm(tip) > 1e-4 else np.array([0.0, 0.05, 0.0])))
    return ends


def metres(unit: str | float) -> float:
    """Metres a unit, by name or number. Raises UserError."""
    if isinstance(unit, str):
        if unit not in UNITS:
            raise UserError(f"unknown unit {unit!r}; known: {', '.join(UNITS)}, or metres a unit as a number")
        return UNITS[unit]
    if not 0 < unit < 1e6:
        raise UserError(f"a unit is a positive number of metres; got {unit}")
    return float(unit)


def _depth_first(skeleton: Skeleton) -> list[int]:
    order: list[int] = []
    stack = [0]
    while stack:
        joint = stack.pop()
        order.append(joint)
        stack.extend(reversed(skeleton.children[joint]))
    return order


def _write_joint(
    lines: list[str],
    joint: int,
    depth: int,
    skeleton: Skeleton,
    ends: list[tuple[int, np.ndarray]],
    scale: float,
    order: str,
    with_position: set[int],
) -> None:
    pad = "\t" * depth
    offset = skeleton.offsets[joint] * scale if joint else np.zeros(3)
    turns = " ".join(f"{axis}rotation" for axis in order)
    channels = f"6 Xposition Yposition Zposition {turns}" if joint in with_position else f"3 {turns}"
    lines += [
        f"{pad}{'JOINT' if depth else 'ROOT'} {skeleton.names[joint]}",
        f"{pad}{{",
        f"{pad}\tOFFSET {_triple(offset)}",
        f"{pad}\tCHANNELS {channels}",
    ]
    for child in skeleton.children[joint]:
        _write_joint(lines, child, depth + 1, skeleton, ends, scale, order, with_position)
    for owner, tip in ends:
        if owner == joint:
            lines += [f"{pad}\tEnd Site", f"{pad}\t{{"]
            lines += [f"{pad}\t\tOFFSET {_triple(tip * scale)}", f"{pad}\t}}"]
    lines.append(f"{pad}}}")


def _triple(vector: np.ndarray) -> str:
    return " ".join(f"{value + 0.0:.6f}" for value in vector)
