"""Up axis and size of a person in a file: what readers settle where a format, or a program, leaves it open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .motion import Motion
from .rig_names import Joints
from .rig_recognition import body_height, recognised
from .rig_rest import rest_pose
from .skeleton import Skeleton

UNITS = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}  # metres
HUMAN = (0.8, 2.6)  # metres: heights of people in metres, centimetres and millimetres
_HUMAN_IN_OTHERS = (1.4, 2.2)  # likewise in inches, feet and decimetres, which are rare
TYPICAL = 1.7  # metres: a person whose unit no height tells
_CLEARLY = 1.5  # by which one axis outweighs the others
_FRAMES = 16

# Rotations that take an up axis to +y; one that is z up faces -y, as programs with z up have it.
TURNS = {
    "y": np.eye(3),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
    "-z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    "x": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "-x": np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "-y": np.diag([-1.0, -1.0, 1.0]),
}


def up_axis(motion: Motion) -> str:
    """Which way is up in a motion, "y", "z" ...: where the trunk points in the rest pose and in the frames alike.

    Somebody who lies in the frames and stands in the rest pose lies. A rest pose that is no person's does not count.
    """
    found = recognised(motion)
    if found is None:
        return "y"
    step = max(1, motion.frames // _FRAMES)
    moved = _axis(motion.positions[::step], found.joints)
    if not rest_pose(motion.skeleton, found.joints).is_person:
        return moved or "y"
    rest = _axis(motion.skeleton.rest_positions[None], found.joints)
    return moved if moved is not None and moved == rest else "y"


def _axis(points: np.ndarray, joints: Joints) -> str | None:
    """The axis along which the trunk points on average over poses [F, J, 3]; None if it is none clearly."""
    top = next((name for name in ("head", "neck", "spine3") if name in joints), None)
    if top is None:
        return None
    trunk = (points[:, joints[top][0]] - points[:, joints["pelvis"][0]]).mean(0)
    first, second = np.argsort(-np.abs(trunk))[:2]
    if abs(trunk[first]) <= _CLEARLY * abs(trunk[second]):
        return None
    return ("" if trunk[first] > 0 else "-") + "xyz"[first]


def turned_up(motion: Motion, up: str) -> Motion:
    """A motion whose up axis is ``up`` as one with y up."""
    if up == "y":
        return motion
    turn, skeleton = TURNS[up], motion.skeleton
    ends = tuple((joint, tuple((turn @ np.array(tip)).tolist())) for joint, tip in skeleton.ends)
    return replace(
        motion,
        skeleton=replace(skeleton, offsets=skeleton.offsets @ turn.T, ends=ends),
        rotations=turn @ motion.rotations.astype(np.float64) @ turn.T,
        translation=motion.translation.astype(np.float64) @ turn.T,
    )


def scaled(motion: Motion, scale: float) -> Motion:
    """The same motion on a body of another size."""
    if scale == 1.0:
        return motion
    skeleton = motion.skeleton
    ends = tuple((joint, tuple((scale * np.array(tip)).tolist())) for joint, tip in skeleton.ends)
    return replace(
        motion,
        skeleton=Skeleton(skeleton.names, skeleton.parents, skeleton.offsets * scale, ends),
        translation=motion.translation * scale,
    )


def metres_per_unit(height: float, units: Mapping[str, float] = UNITS) -> tuple[float, str]:
    """Metres a unit in which a person of ``height`` units is as tall as people are, and the unit's name.

    Args:
        units: metres of each unit that is known; metre, centimetre and millimetre go before others.

    Returns:
        The unit with the likeliest height; if none is human, what makes the person ``TYPICAL``, and "".
    """
    for names, (low, high) in ((("m", "cm", "mm"), HUMAN), (tuple(units), _HUMAN_IN_OTHERS)):
        fitting = [name for name in names if low <= height * units[name] <= high]
        if fitting:
            name = min(fitting, key=lambda name: abs(np.log(height * units[name] / TYPICAL)))
            return units[name], name
    return TYPICAL / height, ""


def person_height(motion: Motion) -> float | None:
    """Height in the motion's unit of the person that its rig is; None if that cannot be told."""
    found = recognised(motion)
    return None if found is None else body_height(motion.skeleton, found.joints)
