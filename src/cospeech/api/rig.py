"""What was recognised of the rig in a file, before anything is made of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import file_path
from ..core.errors import UserError
from ..motion.formats import SOURCE, find_format
from ..motion.formats.fbx import fbx_as_gltf
from ..motion.formats.glb import motion_of
from ..motion.formats.gltf import GltfFile, foreign
from ..motion.motion import Motion, load_motion
from ..motion.rig_binding import bind_joints
from ..motion.rig_map import with_map
from ..motion.rig_names import Joints
from ..motion.rig_recognition import body_height, recognise, remarks, unplaced
from ..motion.rig_rest import rest_pose, with_person_rest

_STILL_FORMATS = (".glb", ".vrm", ".fbx")


@dataclass(frozen=True)
class RigReport:
    """A rig as it is read. Names are the rig's own; lengths are metres after scaling, y is up after turning."""

    convention: str  # name of the table in ``motion.rigs``, "" for none that is known
    title: str
    recognised_by: str  # "names", "geometry", "the file" or "the map"
    confidence: float  # 0 to 1; above 0.8 it may be relied on
    doubts: tuple[str, ...]  # what speaks against it
    joints: dict[str, tuple[str, ...]]  # canonical joint -> joints of the rig, averaged if several
    missing: tuple[str, ...]  # joints of a person that the rig lacks
    without_place: tuple[str, ...]  # joints of the rig that are none of a person
    moving_without_place: tuple[str, ...]  # those whose movement is left out
    height: float | None  # of the person
    scale: float  # by which the file's lengths were multiplied
    up: str  # axis of the file that was taken as up
    facing: str  # of the rest pose: "+z", or degrees from it to the left
    rest_pose: str  # "T-pose", "A-pose", "arms hanging", "a person" or "no person"
    rest_verdict: str  # what stands for a rest pose that cannot be a person's; "" if it is one
    animations: tuple[str, ...]
    animation: str  # the one that was read
    people: tuple[str, ...]
    person: str  # the one that was read
    frames: int
    fps: float
    remarks: tuple[str, ...]  # what reading it says

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def recognise_rig(
    source: str | Path | Motion,
    *,
    map: str | Path | None = None,
    animation: str | int | None = None,
    person: str | int | None = None,
) -> RigReport:
    """What the joints of a rig are, and how its file is read.

    Args:
        source: a motion file, a character without animation (.glb .vrm .fbx), or a loaded motion.
        map: JSON that says which joint is which (``motion.rig_map``).
        animation: of several in the file, by name or number from 0.
        person: likewise.

    Raises:
        UserError: the file cannot be read, or no person can be made out in it.
    """
    if isinstance(source, Motion):
        motion = source if map is None else with_map(source, map)
    else:
        motion = _loaded(file_path(source, "a motion file or a Motion"), map, animation, person)
    found = recognise(motion)
    skeleton = motion.skeleton
    pose = rest_pose(skeleton, found.joints)
    posed, verdict = _posed(motion, found.joints)
    facing = bind_joints(found.joints, posed.skeleton).facing
    said: dict[str, Any] = motion.extra.get(SOURCE, {})
    used = {index for indices in found.joints.values() for index in indices}
    return RigReport(
        convention=found.table,
        title=found.title,
        recognised_by=found.by,
        joints={name: tuple(skeleton.names[i] for i in indices) for name, indices in found.joints.items()},
        confidence=found.confidence,
        doubts=found.doubts,
        missing=found.missing,
        height=body_height(skeleton, found.joints),
        without_place=tuple(name for i, name in enumerate(skeleton.names) if i not in used),
        moving_without_place=unplaced(motion, found.joints),
        scale=said.get("scale", 1.0),
        up=said.get("up", "y"),
        facing=_direction(facing[:, 2]),
        rest_pose=pose.kind,
        rest_verdict=verdict,
        animations=tuple(said.get("animations", ())),
        animation=said.get("animation", ""),
        people=tuple(said.get("people", ())),
        person=said.get("person", ""),
        frames=motion.frames,
        fps=motion.fps,
        remarks=tuple(remarks(motion, found)),
    )


def _posed(motion: Motion, joints: Joints) -> tuple[Motion, str]:
    """As ``with_person_rest``; where nothing stands for the rest pose, the motion as it is and why."""
    try:
        return with_person_rest(motion, joints)
    except UserError as error:
        return motion, str(error)


def reading_options(map: str | Path | None, animation: str | int | None, person: str | int | None) -> dict[str, Any]:
    """Options of ``load_motion`` that were given: which joint is which, which animation, which person."""
    given = {"map": map, "animation": animation, "person": person}
    return {name: value for name, value in given.items() if value is not None}


def _loaded(path: Path, map: str | Path | None, animation: str | int | None, person: str | int | None) -> Motion:
    """A motion file; of a character without animation its rest pose."""
    suffix = find_format(path, "read").suffix
    if suffix in _STILL_FORMATS and animation is None and path.is_file():
        with foreign(path):
            file = fbx_as_gltf(path, meshes=False) if suffix == ".fbx" else GltfFile(path)
            if not file.items("animations"):
                still = motion_of(file, person=person, still=True)
                return still if map is None else with_map(still, map)
    return load_motion(path, **reading_options(map, animation, person))


def _direction(forward: np.ndarray) -> str:
    """The axis that a direction lies along, else the angle from +z to the person's left."""
    for axis, name in enumerate("xyz"):
        if abs(forward[axis]) > 1 - 1e-6:
            return f"{'+' if forward[axis] > 0 else '-'}{name}"
    return f"{np.degrees(np.arctan2(forward[0], forward[2])):.0f} degrees left of +z"
