"""A user's own character: opened, checked, and moved by a canonical motion.

The motion's world rotations are put on the character's joints as ``motion.retarget.to_rig`` does; heading and place
are those in which the character stands in its file, and lengths scale with its legs. [D]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.rotation import axis_angle_to_matrix, axis_rotation, matrix_to_axis_angle
from ...motion.expressions import one_jaw
from ...motion.eyes import EYES, one_gaze, with_turned_eyes
from ...motion.face_shapes import ARKIT_INDEX, ARKIT_NAMES
from ...motion.formats.fbx import fbx_as_gltf
from ...motion.formats.gltf import GltfFile, foreign
from ...motion.kinematics import forward
from ...motion.motion import Motion
from ...motion.retarget import on_canonical, to_rig, twist_about
from ...motion.rig_binding import LIMBS
from ...motion.skeleton import FINGERS, canonical_skeleton
from .face import Face, drivers, read_face
from .nodes import NodeTree, read_nodes
from .rig import Rig, inverse_binds, read_rig

SUFFIXES = (".glb", ".gltf", ".vrm", ".fbx")
_JAW = np.radians(16.0)  # by which a jaw bone opens at jawOpen 1, of a character without shapes of a mouth [D]
_SPREAD = np.cos(np.radians(20.0))  # of an arm that is spread, along the side
_PERFECT = 40  # custom expressions by ARKit names that make a VRM one with "perfect sync"


@dataclass(frozen=True, eq=False)
class Posed:
    """Where a character's joints are. World space of its file's scene: metres, y up."""

    fps: float
    turns: np.ndarray  # [T, J, 3, 3] world rotations against the rest pose
    places: np.ndarray  # [T, J, 3] metres
    drivers: np.ndarray | None  # [T, drivers] of the face (``face.DRIVERS``)

    @property
    def frames(self) -> int:
        """How many."""
        return len(self.places)


@dataclass(frozen=True, eq=False)
class Character:
    """What a file holds of a person."""

    file: GltfFile
    tree: NodeTree
    rig: Rig
    face: Face

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.file.path

    @property
    def vrm(self) -> str | None:
        """Version of the VRM, "0" or "1"; None of another file."""
        return self.rig.vrm

    @cached_property
    def mesh_nodes(self) -> tuple[int, ...]:
        """Nodes whose meshes are the person's: with one of its skins, or hanging on its joints."""
        return mesh_nodes(self.file, self.tree, self.rig)

    @cached_property
    def sole(self) -> float | None:
        """Height of the soles in rest pose, metres: the meshes' lowest point; None where that is not the feet."""
        low = [self._lowest(node) for node in self.mesh_nodes if "skin" in self.file.item("nodes", node)]
        joints, rest = self.rig.binding.joints, self.rig.skeleton.rest_positions
        if not low or not self.rig.upright or "left_ankle" not in joints or "left_hip" not in joints:
            return None
        ankle, hip = rest[joints["left_ankle"][0], 1], rest[joints["left_hip"][0], 1]
        return min(low) if ankle - 0.3 * (hip - ankle) < min(low) < ankle else None

    def _lowest(self, node: int) -> float:
        """Height of the lowest corner of a skinned mesh's box in rest pose."""
        entry = self.file.item("nodes", node)
        inverse = inverse_binds(self.file, entry["skin"])
        first = next(joint for joint in self.tree.order if joint in inverse)
        linear = self.rig.linear[first] @ inverse[first][:3, :3]
        shift = self.rig.linear[first] @ inverse[first][:3, 3] + self.rig.places[first]
        corners = []
        for primitive in self.file.item("meshes", entry["mesh"])["primitives"]:
            accessor = self.file.item("accessors", primitive["attributes"]["POSITION"])
            box = np.array([accessor["min"], accessor["max"]], np.float64)
            corners.append(box[[[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], [0, 1, 2]])
        return float(((np.concatenate(corners) @ linear.T) + shift)[:, 1].min())

    @cached_property
    def perfect_sync(self) -> bool:
        """Whether a VRM has the shapes of ARKit as custom expressions."""
        names = {name.lower() for name in ARKIT_NAMES}
        return sum(name.lower() in names for name in self._custom_expressions()) >= _PERFECT

    def _custom_expressions(self) -> list[str]:
        extensions = self.file.document.get("extensions", {})
        if self.vrm == "1":
            return list(extensions["VRMC_vrm"].get("expressions", {}).get("custom", {}))
        if self.vrm == "0":
            groups = extensions["VRM"].get("blendShapeMaster", {}).get("blendShapeGroups", [])
            return [str(group.get("name", "")) for group in groups]
        return []

    @property
    def in_t_pose(self) -> bool:
        """Whether the arms are spread at rest."""
        joints, rest = self.rig.binding.joints, self.rig.skeleton.rest_positions
        arm = rest[joints["left_wrist"][0]] - rest[joints["left_shoulder"][0]]
        return bool(arm[0] > _SPREAD * np.linalg.norm(arm))

    def lacks(self) -> str:
        """What a character cannot show of a motion, in words; empty if nothing."""
        joints = self.rig.binding.joints
        fingers = [f"{side}_{finger}1" for side in ("left", "right") for finger in FINGERS]
        missing = []
        if not any(name in joints for name in fingers):
            missing.append("fingers")
        if "left_hip" not in joints or "left_knee" not in joints:
            missing.append("legs")
        if not self.face.meshes:
            missing.append("shapes of a face" if "jaw" not in joints else "shapes of a face (the jaw opens)")
        return ", ".join(missing)

    def pose(self, motion: Motion) -> Posed:
        """A motion of any known rig on the character's joints.

        Raises:
            UserError: the motion has no frames, or its rig is not known.
        """
        if motion.frames == 0:
            raise UserError("the motion has no frames; nothing to write")
        motion = self._canonical(motion)
        rig = self.rig
        moved = to_rig(motion, rig.binding, skeleton=rig.skeleton, sole=self.sole)
        rotations = moved.rotations.astype(np.float64)
        for joint, limb in rig.rolls:
            rotations[:, joint] = self._rolled(rotations[:, limb], limb)
        world, places = forward(
            rotations, moved.translation.astype(np.float64), rig.skeleton.parents, rig.skeleton.offsets
        )
        heading = rig.heading
        world, places = heading @ world @ heading.T, places @ heading.T + self._place()
        face = None
        if motion.face is not None and self.face.meshes:
            face = drivers(motion.face, eyes=not self._has_eye_bones)
        return Posed(motion.fps, world, places, face)

    def _rolled(self, turn: np.ndarray, limb: int) -> np.ndarray:
        """What a limb does [T, 3, 3], with half of its twist."""
        joints, rest = self.rig.binding.joints, self.rig.skeleton.rest_positions
        end = next(joints[end][0] for start, end in LIMBS.items() if joints.get(start, (-1,))[0] == limb)
        twist = twist_about(turn, rest[end] - rest[limb])
        rolled: np.ndarray = turn @ axis_angle_to_matrix(-matrix_to_axis_angle(twist) / 2)
        return rolled

    @property
    def _has_eye_bones(self) -> bool:
        return all(eye in self.rig.binding.joints for eye in EYES)

    def _canonical(self, motion: Motion) -> Motion:
        """On the canonical joints: gaze in the eyes or in the face, the jaw in the joint or in the face."""
        motion = one_gaze(one_jaw(on_canonical(motion, separate=False)))
        if self._has_eye_bones:
            motion = with_turned_eyes(motion)
        if motion.face is not None and not self.face.moves_mouth and "jaw" in self.rig.binding.joints:
            opening = motion.face[:, ARKIT_INDEX["jawOpen"]] - motion.face[:, ARKIT_INDEX["mouthClose"]]
            rotations = motion.rotations.copy()
            rotations[:, motion.skeleton.index("jaw")] = axis_rotation("X", _JAW * np.clip(opening, 0.0, 1.0))
            motion = replace(motion, rotations=rotations)
        return motion

    def _place(self) -> np.ndarray:
        """[3] metres from the origin to where the character stands in its file."""
        own, hips = canonical_skeleton(), self.rig.places[self.rig.nodes[0]]
        size = hips[1] - self.floor
        shift = self.rig.heading @ (own.offsets[0] * size / own.offsets[0, 1])
        return np.array([hips[0] - shift[0], self.floor, hips[2] - shift[2]])

    @property
    def floor(self) -> float:
        """Height of the floor that the character stands on in its file, metres."""
        return 0.0 if self.sole is None else self.sole


def open_character(path: str | Path | Character, *, person: str | None = None) -> Character:
    """Open a user's character.

    Args:
        path: a .glb, .vrm or .gltf with a skinned person, FILE@NAME for one of several, or a character that is open.
        person: that name, given apart.

    Raises:
        UserError: no such file, another kind, damaged, without a skin, or a rig that is not known.
    """
    if isinstance(path, Character):
        return path
    path = file_path(path, "a character's file (.glb, .vrm, .fbx)")
    name, at, chosen = str(path).rpartition("@")
    if at and person is None and not path.exists():
        path, person = Path(name), chosen
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: no character is read from {path.suffix or 'this'}; give {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise UserError(f"cannot read {path}: no such file" if not path.exists() else f"{path} is no file")
    with foreign(path):
        return character_of(_opened(path), person=person)


def character_of(file: GltfFile, *, person: str | None = None) -> Character:
    """The character in a glTF document, wherever that comes from."""
    tree = read_nodes(file)
    rig = read_rig(file, tree, person)
    return Character(file, tree, rig, read_face(file, list(mesh_nodes(file, tree, rig)), rig.vrm))


def _opened(path: Path) -> GltfFile:
    if path.suffix.lower() == ".fbx":
        return fbx_as_gltf(path)
    return GltfFile(path)


def mesh_nodes(file: GltfFile, tree: NodeTree, rig: Rig) -> tuple[int, ...]:
    """Nodes whose meshes are a person's."""
    joints = set(rig.nodes)
    found = []
    for node, entry in enumerate(file.items("nodes")):
        if "mesh" not in entry:
            continue
        if entry.get("skin") in rig.skins if "skin" in entry else any(above in joints for above in tree.line(node)):
            found.append(node)
    return tuple(found)
