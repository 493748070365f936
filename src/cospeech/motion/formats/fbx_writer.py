"""Scenes of FBX: objects, how they are connected, and what moves; ``fbx_binary`` writes the records.

Written as Autodesk's own exporters do, so that Maya, MotionBuilder, Unity, Unreal and Blender find what they expect:
centimetres, y up, joints as "LimbNode" with a rotation of their own before the animated one (PreRotation, the joint
orient of Maya), Euler angles in the order XYZ, keys at every frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.rotation import align_vectors, matrix_to_euler, transpose
from ..motion import Motion
from ..skeleton import Skeleton
from .bvh import continuous_euler, leaf_ends, metres, shifts
from .fbx_binary import CREATED, FILE_ID, VERSION, Int64, Record, Value, save_records

HELPER = "cospeech_helper"  # a property of joints that only carry skin, as in the extras of a GLB
TICKS = 46_186_158_000  # of FBX time in a second
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # from y up to z up
_TIME_MODES = {24: 11, 25: 10, 30: 6, 48: 5, 50: 4, 60: 3, 72: 16, 96: 15, 100: 2, 120: 1}  # by frames a second
_CUSTOM = 14
_LINEAR_KEYS = 1 << 2 | 1 << 8 | 1 << 13 | 1 << 14  # linear between keys; tangents, unused then, are automatic
_ROTATION_ORDER = "ZYX"  # matrices from the left; FBX calls it XYZ: x is turned first
_BESIDE = 0.7  # cosine: a joint of several children points at the one that carries on, if one is nearer than this
Triple = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Space:
    """The unit and the up axis of a file."""

    scale: float  # units a metre
    turn: np.ndarray  # [3, 3], from y up to the file's axes
    up: str

    @classmethod
    def of(cls, up: str, unit: str | float) -> Space:
        """From options. Raises UserError."""
        if up not in ("y", "z"):
            raise UserError(f"up is 'y' or 'z'; got {up!r}")
        return cls(1.0 / metres(unit), _Z_UP if up == "z" else np.eye(3), up)

    def points(self, positions: np.ndarray) -> np.ndarray:
        """Metres [..., 3] with y up as numbers of the file."""
        turned: np.ndarray = np.asarray(positions, np.float64) @ self.turn.T * self.scale
        return turned


class FbxWriter:
    """Collects objects, connections and curves of one scene with one animation.

    Args:
        motion: its rate and length are those of the animation.
        space: unit and up axis.
        name: of the animation.
    """

    def __init__(self, motion: Motion, space: Space, name: str) -> None:
        self.space = space
        self._fps = motion.fps
        self._name = name
        self._times = np.round(np.arange(motion.frames) * (TICKS / motion.fps)).astype(np.int64)
        self._objects: list[Record] = []
        self._connections: list[Record] = []
        self._next = 1_000_000
        self._stack = self.object("AnimationStack", name, "AnimStack", "")
        end = Int64(int(self._times[-1]))
        properties = self._stack_record.add("Properties70")
        for label in ("Local", "Reference"):
            add_property(properties, f"{label}Start", "KTime", "Time", "", Int64(0))
            add_property(properties, f"{label}Stop", "KTime", "Time", "", end)
        self._layer = self.object("AnimationLayer", "BaseLayer", "AnimLayer", "")
        self.connect(self._layer, self._stack)

    @property
    def _stack_record(self) -> Record:
        return self._objects[0]

    def object(self, kind: str, name: str, category: str, subtype: str) -> int:
        """Add an object; its identity. ``last`` is its record, to be filled."""
        self._next += 1
        self._objects.append(Record(kind, (Int64(self._next), f"{name}\0\1{category}", subtype)))
        return self._next

    @property
    def last(self) -> Record:
        """The record of the object that was added last."""
        return self._objects[-1]

    def connect(self, child: int, parent: int, property_name: str | None = None) -> None:
        """Hang an object below another one (0 is the scene), or on one of its properties."""
        ends: tuple[Value | Int64, ...] = (Int64(child), Int64(parent))
        values = ("OO", *ends) if property_name is None else ("OP", *ends, property_name)
        self._connections.append(Record("C", values))

    def curve_node(self, target: int, property_name: str, values: np.ndarray, *, fields: Sequence[str]) -> None:
        """Animate a property of an object: values [T, len(fields)], a key at every frame; two where they stay."""
        node = self.object("AnimationCurveNode", property_name.removeprefix("Lcl ")[:1], "AnimCurveNode", "")
        properties = self.last.add("Properties70")
        for label, value in zip(fields, values[0], strict=True):
            add_property(properties, f"d|{label}", "Number", "", "A", float(value))
        self.connect(node, self._layer)
        self.connect(node, target, property_name)
        for column, label in zip(values.T, fields, strict=True):
            ends = [0, -1] if len(column) > 1 else [0]
            still = (column == column[0]).all()
            times, keys = (self._times[ends], column[ends]) if still else (self._times, column)
            curve = self.object("AnimationCurve", "", "AnimCurve", "")
            record = self.last
            record.add("Default", float(column[0]))
            record.add("KeyVer", 4008)
            record.add("KeyTime", times)
            record.add("KeyValueFloat", keys.astype(np.float32))
            record.add("KeyAttrFlags", np.array([_LINEAR_KEYS], np.int32))
            record.add("KeyAttrDataFloat", np.zeros(4, np.float32))
            record.add("KeyAttrRefCount", np.array([len(keys)], np.int32))
            self.connect(curve, node, f"d|{label}")

    def model(self, name: str, subtype: str, parent: int) -> tuple[int, Record]:
        """A node of the scene and its properties."""
        node = self.object("Model", name, "Model", subtype)
        record = self.last
        record.add("Version", 232)
        properties = record.add("Properties70")
        add_property(properties, "RotationActive", "bool", "", "", 1)
        add_property(properties, "InheritType", "enum", "", "", 1)  # scale is inherited as in any other tool
        add_property(properties, "DefaultAttributeIndex", "int", "Integer", "", 0)
        record.add("Shading", True)
        record.add("Culling", "CullingOff")
        self.connect(node, parent)
        return node, properties

    def bind_pose(self, nodes: Sequence[int], matrices: np.ndarray) -> None:
        """The pose in which the skin was bound: world matrices [N, 4, 4] of nodes."""
        self.object("Pose", "BindPose", "Pose", "BindPose")
        record = self.last
        record.add("Type", "BindPose")
        record.add("Version", 100)
        record.add("NbPoseNodes", len(nodes))
        for node, matrix in zip(nodes, matrices, strict=True):
            entry = record.add("PoseNode")
            entry.add("Node", Int64(node))
            entry.add("Matrix", columns(matrix))

    def save(self, path: Path) -> Path:
        """Write the file; it appears whole or not at all."""
        objects, connections = Record("Objects", (), self._objects), Record("Connections", (), self._connections)
        scene = [*self._head(), self._definitions(), objects, connections, self._takes()]
        return save_records(scene, path)

    def _head(self) -> list[Record]:
        from ... import __name__ as package

        extension = Record("FBXHeaderExtension")
        extension.add("FBXHeaderVersion", 1003)
        extension.add("FBXVersion", VERSION)
        extension.add("EncryptionType", 0)
        extension.add("Creator", package)
        document = Record("Documents")
        document.add("Count", 1)
        scene = document.add("Document", Int64(999_999), "Scene", "Scene")
        properties = scene.add("Properties70")
        add_property(properties, "ActiveAnimStackName", "KString", "", "", self._name)
        scene.add("RootNode", Int64(0))
        return [
            extension,
            Record("FileId", (FILE_ID,)),
            Record("CreationTime", (CREATED,)),
            Record("Creator", (package,)),
            self._settings(),
            document,
            Record("References"),
        ]

    def _settings(self) -> Record:
        settings = Record("GlobalSettings")
        settings.add("Version", 1000)
        properties = settings.add("Properties70")
        up = self.space.up
        axes = {"UpAxis": 2, "UpAxisSign": 1, "FrontAxis": 1, "FrontAxisSign": -1} if up == "z" else {}
        axes = axes or {"UpAxis": 1, "UpAxisSign": 1, "FrontAxis": 2, "FrontAxisSign": 1}
        for label, value in {**axes, "CoordAxis": 0, "CoordAxisSign": 1}.items():
            add_property(properties, label, "int", "Integer", "", value)
        centimetres = 100.0 / self.space.scale
        for label in ("UnitScaleFactor", "OriginalUnitScaleFactor"):
            add_property(properties, label, "double", "Number", "", centimetres)
        whole = round(self._fps)
        mode = _TIME_MODES.get(whole, _CUSTOM) if abs(whole - self._fps) < 1e-6 else _CUSTOM
        add_property(properties, "TimeMode", "enum", "", "", mode)
        add_property(properties, "TimeSpanStart", "KTime", "Time", "", Int64(0))
        add_property(properties, "TimeSpanStop", "KTime", "Time", "", Int64(int(self._times[-1])))
        add_property(properties, "CustomFrameRate", "double", "Number", "", float(self._fps))
        return settings

    def _definitions(self) -> Record:
        counts: dict[str, int] = {"GlobalSettings": 1}
        for record in self._objects:
            counts[record.name] = counts.get(record.name, 0) + 1
        definitions = Record("Definitions")
        definitions.add("Version", 100)
        definitions.add("Count", sum(counts.values()))
        for name, count in counts.items():
            definitions.add("ObjectType", name).add("Count", count)
        return definitions

    def _takes(self) -> Record:
        takes = Record("Takes")
        takes.add("Current", self._name)
        take = takes.add("Take", self._name)
        take.add("FileName", f"{self._name}.tak")
        span = Int64(0), Int64(int(self._times[-1]))
        take.add("LocalTime", *span)
        take.add("ReferenceTime", *span)
        return takes


def add_property(record: Record, name: str, kind: str, label: str, flags: str, *values: Value | Int64) -> None:
    """A property "P" of an object."""
    record.add("P", name, kind, label, flags, *values)


def add_triple(record: Record, name: str, values: Triple, *, kind: str | None = None, flags: str = "A") -> None:
    """A property of three numbers."""
    label = "Vector" if kind == "Vector3D" else ""
    add_property(record, name, kind or name, label, flags, *(float(value) for value in values))


def columns(matrix: np.ndarray) -> np.ndarray:
    """A matrix [4, 4] as FBX has it: 16 numbers, column by column."""
    return np.ascontiguousarray(np.asarray(matrix, np.float64).T).reshape(16)


def bone_frames(skeleton: Skeleton) -> np.ndarray:
    """World rest frames [J, 3, 3] whose y axis points along the bone, as tools draw and pose joints.

    A joint of one child points at it; of several, at the one that carries on its own bone; a leaf at its tip.
    """
    tips = {joint: np.asarray(tip, np.float64) for joint, tip in leaf_ends(skeleton)}
    frames = np.empty((len(skeleton), 3, 3))
    for joint, children in enumerate(skeleton.children):
        before = skeleton.offsets[joint] if skeleton.parents[joint] >= 0 else np.array([0.0, 1.0, 0.0])
        options = [skeleton.offsets[child] for child in children] or [tips.get(joint, before)]
        options = [option for option in options if np.linalg.norm(option) > 1e-6] or [before]
        best = max(options, key=lambda option: _cosine(option, before))
        direction = best if len(options) == 1 or _cosine(best, before) > _BESIDE else before
        if np.linalg.norm(direction) < 1e-6:
            direction = np.array([0.0, 1.0, 0.0])
        frames[joint] = align_vectors(np.array([0.0, 1.0, 0.0]), direction)
    return frames


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def add_skeleton(
    writer: FbxWriter, motion: Motion, *, helpers: frozenset[int] = frozenset()
) -> tuple[list[int], np.ndarray]:
    """The joints of a motion with their curves.

    Args:
        helpers: joints that only carry skin.

    Returns:
        Their identities, and their world matrices at rest [J, 4, 4] in the file's space.
    """
    skeleton, space = motion.skeleton, writer.space
    frames = bone_frames(skeleton)
    sizes = _sizes(skeleton)
    moved = shifts(motion)
    local = transpose(frames)[None] @ motion.rotations.astype(np.float64) @ frames[None]
    angles = np.degrees(continuous_euler(local, _ROTATION_ORDER))[..., ::-1]  # x, y, z
    nodes: list[int] = []
    for joint, parent in enumerate(skeleton.parents):
        above = frames[parent].T if parent >= 0 else space.turn
        node, properties = writer.model(skeleton.names[joint], "LimbNode", nodes[parent] if parent >= 0 else 0)
        nodes.append(node)
        before = np.degrees(matrix_to_euler(above @ frames[joint], _ROTATION_ORDER))[::-1]
        add_triple(properties, "PreRotation", before, kind="Vector3D", flags="")
        place = above @ skeleton.offsets[joint] * space.scale
        add_triple(properties, "Lcl Translation", place)
        add_triple(properties, "Lcl Rotation", np.zeros(3))
        if joint in helpers:
            add_property(properties, HELPER, "bool", "", "AU", 1)
        attribute = writer.object("NodeAttribute", skeleton.names[joint], "NodeAttribute", "LimbNode")
        add_property(writer.last.add("Properties70"), "Size", "double", "Number", "", float(sizes[joint] * space.scale))
        writer.last.add("TypeFlags", "Skeleton")
        writer.connect(attribute, node)
        if not (motion.rotations[:, joint] == np.eye(3)).all():
            writer.curve_node(node, "Lcl Rotation", angles[:, joint], fields="XYZ")
        if joint in moved:
            writer.curve_node(node, "Lcl Translation", moved[joint] @ above.T * space.scale, fields="XYZ")
    world = np.tile(np.eye(4), (len(skeleton), 1, 1))
    world[:, :3, :3] = space.turn @ frames
    world[:, :3, 3] = space.points(skeleton.rest_positions)
    return nodes, world


def _sizes(skeleton: Skeleton) -> np.ndarray:
    """Lengths [J] in metres by which tools draw the joints."""
    lengths = [
        [float(np.linalg.norm(skeleton.offsets[child])) for child in children] or [0.03]
        for children in skeleton.children
    ]
    return np.array([max(min(length), 0.01) for length in lengths])
