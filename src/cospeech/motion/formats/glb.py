"""glTF binary without the avatar: skinned animation in, moving skeletons out; ``avatar.glb`` adds the body.

Written: joints of identity rest rotation named as the skeleton names them, rotation tracks and the root's
translation at every frame. Tracks that never change shrink to one key, or to none where they keep the rest pose:
nothing is lost. glTF holds no sound.

Read: any node tree and skin; see ``gltf_motion``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...core.errors import UserError
from ...core.progress import note_once
from ...core.rotation import matrix_to_quaternion
from ..eyes import with_turned_eyes
from ..face_shapes import ARKIT_NAMES
from ..motion import Motion
from ..person_frame import HUMAN, TYPICAL, metres_per_unit, person_height, scaled, turned_up, up_axis
from ..rig_tables import GIVEN
from ..skeleton import Skeleton
from . import SOURCE
from .gltf import GltfFile, GltfWriter, foreign
from .gltf_motion import (
    NODES,
    Person,
    animation_names,
    chosen_person,
    people,
    read_animation,
    read_motion,
    read_weights,
    still_animation,
)
from .humanoid import humanoid_bones


def load_glb(
    path: str | Path,
    *,
    animation: str | int | None = None,
    fps: float | None = None,
    person: str | int | None = None,
    up: str = "auto",
) -> Motion:
    """Read the skinned animation of a .glb or .vrm (or of a .gltf with everything inside).

    Args:
        path: the file.
        animation: name or number from 0; the first if None, which is said if there are several.
        fps: sample at this rate; None keeps the file's own where its keys are even, else 30.
        person: of several bodies, name or number from 0; the one with the most joints if None, which is said.
        up: "y" as glTF has it, "z", or "auto": a body that stands along z in its rest pose and in the animation is put
            upright, which is said.

    Returns:
        The motion on the file's own rig, with a face if the file animates ARKit shapes. What a VRM says of its bones
        is in ``extra`` and goes before their names.

    Raises:
        UserError: damaged, without animation, or no animation or person of that name (the message lists them).
    """
    if up not in ("auto", "y", "z"):
        raise UserError(f"up is 'auto', 'y' or 'z'; got {up!r}")
    with foreign(path):
        return motion_of(GltfFile(path), animation=animation, fps=fps, person=person, up=up)


def motion_of(
    file: GltfFile,
    *,
    animation: str | int | None = None,
    fps: float | None = None,
    person: str | int | None = None,
    up: str = "auto",
    still: bool = False,
) -> Motion:
    """The motion of a parsed file, as of ``load_glb``; ``still`` takes its rest pose alone."""
    body = chosen_person(file, person)
    bones = humanoid_bones(file)
    nodes = set(bones or (() if body is None else body.joints)) or None
    tracks = still_animation() if still else read_animation(file, animation, fps, nodes=nodes)
    motion = read_motion(file, tracks, person=body)
    face = _face(read_weights(file, tracks), motion.frames)
    extra = _told(file, motion, bones, tracks.name, body)
    return in_person_frame(replace(motion, extra=extra), file.path, up).with_face(face)


def _told(file: GltfFile, motion: Motion, bones: dict[int, str], animation: str, body: Person | None) -> dict[str, Any]:
    """What a file tells beside the motion: which bone is which, its animations and its people."""
    names = tuple(p.name for p in people(file))
    source: dict[str, Any] = {"animations": animation_names(file), "animation": animation, "people": names}
    source |= {"person": "" if body is None else body.name, "up": "y", "scale": 1.0}
    extra: dict[str, Any] = {SOURCE: source}
    named = dict(zip(motion.extra[NODES], motion.skeleton.names, strict=True))
    joints = {bone: (named[node],) for node, bone in bones.items() if node in named}
    if joints:
        extra[GIVEN] = {"by": "the file", "title": "VRM humanoid", "table": "vrm", "joints": joints}
    return extra


def in_person_frame(motion: Motion, path: Path, up: str) -> Motion:
    """A motion put upright and at a person's size, where its file has neither as glTF has it; what is done is said."""
    source = motion.extra[SOURCE]
    if up == "auto":
        up = up_axis(motion)
        if up != "y":
            note_once(f"{path} stands along {up}, where glTF has y up; it is put upright")
    height = person_height(motion)
    scale = 1.0
    if height is not None and not HUMAN[0] <= height <= HUMAN[1]:
        scale, name = metres_per_unit(height)
        unit = f"its unit is taken as {name}" if name else f"it is taken as {TYPICAL} m tall"
        note_once(f"the person in {path} is {height:.3g} m tall, where glTF has metres; {unit}")
    result = scaled(turned_up(motion, up), scale)
    return replace(result, extra={**motion.extra, SOURCE: {**source, "up": up, "scale": scale}})


def save_skeleton(motion: Motion, path: str | Path, *, name: str = "gesture") -> Path:
    """Write a moving skeleton of any rig, without a mesh; ``avatar.glb`` writes the skinned body.

    Args:
        motion: what to write.
        path: the file; it appears whole or not at all.
        name: of the animation.
    """
    motion = with_turned_eyes(motion)
    writer = GltfWriter()
    channels = Channels(writer, motion)
    nodes = add_joints(writer, motion.skeleton)
    channels.skeleton(nodes, motion)
    add_skin(writer, nodes, motion.skeleton.rest_positions)  # without one, tools see no bones
    writer.document["scenes"][0]["nodes"] = [nodes[0]]
    channels.finish(name)
    return writer.save(Path(path))


class Timed(Protocol):
    """What has frames."""

    @property
    def frames(self) -> int:
        """How many."""

    @property
    def fps(self) -> float:
        """Frames a second."""


class Channels:
    """Collects the channels of one animation."""

    def __init__(self, writer: GltfWriter, series: Timed) -> None:
        self._writer = writer
        self._times = (np.arange(series.frames) / series.fps).astype(np.float32)
        self._inputs: dict[int, int] = {}
        self._samplers: list[dict[str, Any]] = []
        self._channels: list[dict[str, Any]] = []

    def add(
        self, node: int, path: str, values: np.ndarray, kind: str, *, per_frame: int = 1, full: bool = False
    ) -> None:
        """A track [T, ...] of a node; a constant one becomes a single key unless all are asked for."""
        keys = len(self._times)
        flat = values.reshape(keys, -1)
        if not full and keys > 1 and (flat == flat[0]).all():
            keys, values = 1, values[:per_frame]
        if keys not in self._inputs:
            self._inputs[keys] = self._writer.accessor(self._times[:keys], "SCALAR", bounds=True)
        output = self._writer.accessor(values.astype(np.float32), kind)
        self._samplers.append({"input": self._inputs[keys], "output": output, "interpolation": "LINEAR"})
        self._channels.append({"sampler": len(self._samplers) - 1, "target": {"node": node, "path": path}})

    def skeleton(self, nodes: list[int], motion: Motion) -> None:
        """Rotations of all joints that leave their rest pose, and the root's path with every key: it
        also tells how long the animation is."""
        for joint, node in enumerate(nodes):
            self.rotation(node, motion.rotations[:, joint])
        self.add(nodes[0], "translation", motion.translation, "VEC3", full=True)

    def rotation(self, node: int, matrices: np.ndarray, *, rest: bool = False) -> None:
        """A track of rotations [T, 3, 3]; ``rest`` writes it even if it is identity all along."""
        if not rest and (matrices == np.eye(3)).all():
            return
        q = matrix_to_quaternion(matrices.astype(np.float64))
        flips = np.cumprod(np.where((q[1:] * q[:-1]).sum(-1) < 0, -1.0, 1.0))
        q[1:] *= flips[:, None]
        self.add(node, "rotation", q[:, [1, 2, 3, 0]], "VEC4")

    def weights(self, node: int, face: np.ndarray, names: tuple[str, ...]) -> None:
        """Morph weights of a mesh's shapes, from ARKit columns."""
        column = {name: i for i, name in enumerate(ARKIT_NAMES)}
        ordered = np.zeros((len(face), len(names)), np.float32)
        for shape, shape_name in enumerate(names):
            if shape_name in column:
                ordered[:, shape] = face[:, column[shape_name]]
        self.shapes(node, ordered)

    def shapes(self, node: int, weights: np.ndarray) -> None:
        """Weights [T, K] of all morph targets of a node's mesh."""
        self.add(node, "weights", weights.reshape(-1), "SCALAR", per_frame=weights.shape[1])

    def finish(self, name: str) -> None:
        """Write the animation into the document, after those that are there."""
        animation = {"name": name, "channels": self._channels, "samplers": self._samplers}
        self._writer.document.setdefault("animations", []).append(animation)


def add_joints(writer: GltfWriter, skeleton: Skeleton) -> list[int]:
    """One node a joint, rest rotation identity; their indices."""
    nodes = []
    for joint, joint_name in enumerate(skeleton.names):
        properties: dict[str, Any] = {"name": joint_name, "translation": skeleton.offsets[joint].tolist()}
        nodes.append(writer.node(**properties))
    for joint, children in enumerate(skeleton.children):
        if children:
            writer.document["nodes"][nodes[joint]]["children"] = [nodes[child] for child in children]
    return nodes


def add_skin(writer: GltfWriter, bones: list[int], rest: np.ndarray) -> None:
    """Bind the bones at their rest positions [J, 3] metres; rest rotations are identity."""
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(bones), 1, 1))
    inverse[:, 3, :3] = -rest  # column-major: the translation is the last row
    matrices = writer.accessor(inverse.reshape(-1, 16), "MAT4")
    writer.document["skins"] = [{"joints": bones, "inverseBindMatrices": matrices, "skeleton": bones[0]}]


def _face(weights: dict[str, np.ndarray], frames: int) -> np.ndarray | None:
    """ARKit columns [T, 52] from weights by name (any case, "Left" or "_L"); None if there are none."""
    if not weights:
        return None
    known = {name.lower(): i for i, name in enumerate(ARKIT_NAMES)}
    known |= {name.replace("Left", "_L").replace("Right", "_R").lower(): i for i, name in enumerate(ARKIT_NAMES)}
    face = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    found = False
    for name, values in weights.items():
        column = known.get(name.lower())
        if column is not None:
            face[:, column] = values
            found = True
    return face if found else None
