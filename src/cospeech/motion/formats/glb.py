"""glTF binary: the avatar with its animation in one file that every viewer opens; and skinned animation in.

Written: a skinned mesh with vertex colours, joints of identity rest rotation named as the skeleton names
them, rotation tracks and the root's translation at every frame, 52 ARKit morph targets as sparse accessors
with their names in ``mesh.extras.targetNames``, and their weights. Tracks that never change shrink to one
key, or to none where they keep the rest pose: nothing is lost. Eight helper joints carry the twist of the
arms, marked in their nodes' extras. glTF holds no sound.

Read: any node tree and skin; see ``gltf_motion``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import UserError
from ...core.rotation import matrix_to_quaternion
from ..expressions import one_jaw
from ..motion import Motion
from ..skeleton import CANONICAL_NAMES, Skeleton, canonical_skeleton
from .gltf import INDICES, VERTICES, GltfFile, GltfWriter, foreign
from .gltf_motion import HELPER, read_animation, read_motion, read_weights

if TYPE_CHECKING:
    from ...avatar.body import Body


def load_glb(path: str | Path, *, animation: str | int | None = None, fps: float | None = None) -> Motion:
    """Read the skinned animation of a .glb (or of a .gltf with everything inside).

    Args:
        path: the file.
        animation: name or index; the first if None.
        fps: sample at this rate; None keeps the file's own where its keys are even, else 30.

    Returns:
        The motion on the file's own rig, with a face if the file animates ARKit shapes.

    Raises:
        UserError: damaged, without animation, or no animation of that name (the message lists them).
    """
    with foreign(path):
        file = GltfFile(path)
        tracks = read_animation(file, animation, fps)
        motion = read_motion(file, tracks)
        return motion.with_face(_face(read_weights(file, tracks), motion.frames))


def save_glb(
    motion: Motion,
    path: str | Path,
    *,
    level: int = 0,
    mesh: bool = True,
    twist: bool = True,
    name: str = "gesture",
    body: Body | None = None,
) -> Path:
    """Write the avatar in motion. Other rigs are retargeted to it; without a mesh every rig stays itself.

    Args:
        motion: what to write.
        path: the file; it appears whole or not at all.
        level: detail of the default avatar, 0 full or 1 lighter.
        mesh: False writes the moving skeleton alone.
        twist: add helper joints that spread the twist of the arms.
        name: of the animation.
        body: another body bound to the canonical joints.
    """
    path = Path(path)
    if motion.frames == 0:
        raise UserError("the motion has no frames; nothing to write")
    writer = GltfWriter()
    channels = Channels(writer, motion)
    if not mesh:
        nodes = add_joints(writer, motion.skeleton)
        channels.skeleton(nodes, motion)
        _add_skin(writer, nodes, motion.skeleton.rest_positions)  # without one, tools see no bones
        writer.document["scenes"][0]["nodes"] = [nodes[0]]
    else:
        if motion.skeleton.names != CANONICAL_NAMES:
            from ..retarget import retarget

            motion = retarget(motion)
        motion = one_jaw(motion)
        if body is None:
            # The one import upwards: what to draw when nothing is given. Kept here and at the time of use.
            from ...avatar.body import load_body

            body = load_body(level)
        skeleton = _skeleton(body)
        nodes = add_joints(writer, skeleton)
        channels.skeleton(nodes, motion)
        joints, weights = _influences(body.joints, body.weights)
        rest = skeleton.rest_positions
        bones = nodes
        if twist:
            helpers, rest, joints, weights = _add_helpers(writer, channels, nodes, body, motion, rest)
            bones = [*nodes, *helpers]
        person = _add_mesh(writer, body, joints, weights)
        _add_skin(writer, bones, rest)
        writer.document["scenes"][0]["nodes"] = [nodes[0], person]
        if motion.face is not None:
            channels.weights(person, motion.face, body.morphs.names)
    channels.finish(name)
    return writer.save(path)


class Channels:
    """Collects the channels of one animation."""

    def __init__(self, writer: GltfWriter, motion: Motion) -> None:
        self._writer = writer
        self._times = (np.arange(motion.frames) / motion.fps).astype(np.float32)
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
        from ..procedural.face import ARKIT_NAMES

        column = {name: i for i, name in enumerate(ARKIT_NAMES)}
        ordered = np.zeros((len(face), len(names)), np.float32)
        for shape, shape_name in enumerate(names):
            if shape_name in column:
                ordered[:, shape] = face[:, column[shape_name]]
        self.add(node, "weights", ordered.reshape(-1), "SCALAR", per_frame=len(names))

    def finish(self, name: str) -> None:
        """Write the animation into the document."""
        self._writer.document["animations"] = [{"name": name, "channels": self._channels, "samplers": self._samplers}]


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


def _add_skin(writer: GltfWriter, bones: list[int], rest: np.ndarray) -> None:
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(bones), 1, 1))
    inverse[:, 3, :3] = -rest  # column-major: the translation is the last row
    matrices = writer.accessor(inverse.reshape(-1, 16), "MAT4")
    writer.document["skins"] = [{"joints": bones, "inverseBindMatrices": matrices, "skeleton": bones[0]}]


def _skeleton(body: Body) -> Skeleton:
    """The skeleton the body is bound to: the canonical one, or its own offsets where they differ."""
    own, rest = canonical_skeleton(), np.asarray(body.joint_positions, np.float64)
    if np.abs(own.rest_positions - rest).max() < 1e-3:
        return own
    parents = np.array(own.parents)
    return Skeleton(own.names, own.parents, rest - np.where(parents[:, None] >= 0, rest[parents], 0.0))


def _influences(joints: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints [V, 4] and weights as glTF wants them: sum 1, joint 0 where the weight is 0."""
    weights = np.asarray(weights, np.float32)
    weights = weights / weights.sum(1, keepdims=True)
    return np.where(weights > 0, joints, 0).astype(np.uint8), weights


def _add_helpers(
    writer: GltfWriter, channels: Channels, nodes: list[int], body: Body, motion: Motion, rest: np.ndarray
) -> tuple[list[int], np.ndarray, np.ndarray, np.ndarray]:
    """Helper joints of the arms: their nodes, all bones' rest positions, and the skin over all bones."""
    from ...avatar.skinning import dense_weights, twist_about_x
    from ...core.rotation import transpose

    dense = dense_weights(body.joints, body.weights, body.vertices, rest)
    top = np.argsort(-dense, axis=1, kind="stable")[:, :4]
    joints, weights = _influences(top, np.take_along_axis(dense, top, axis=1))
    helpers, places = [], []
    for side in ("left", "right"):
        collar, shoulder, elbow, wrist = (
            CANONICAL_NAMES.index(f"{side}_{part}") for part in ("collar", "shoulder", "elbow", "wrist")
        )
        arm = motion.rotations[:, shoulder].astype(np.float64)
        hand = motion.rotations[:, wrist].astype(np.float64)
        swing = arm @ transpose(twist_about_x(arm, 1.0))
        for parent, joint, turn, label in (
            (collar, shoulder, swing, "shoulder_twist0"),
            (collar, shoulder, swing @ twist_about_x(arm, 0.5), "shoulder_twist1"),
            (elbow, elbow, twist_about_x(hand, 0.5), "elbow_twist1"),
            (elbow, elbow, twist_about_x(hand, 1.0), "elbow_twist2"),
        ):
            shift = rest[joint] - rest[parent]
            node = writer.node(name=f"{side}_{label}", translation=shift.tolist(), extras={HELPER: True})
            writer.document["nodes"][nodes[parent]]["children"].append(node)
            channels.rotation(node, turn)
            helpers.append(node)
            places.append(rest[joint])
    return helpers, np.concatenate([rest, np.array(places)]), joints, weights


def _add_mesh(writer: GltfWriter, body: Body, joints: np.ndarray, weights: np.ndarray) -> int:
    """The mesh with its material and shapes; the node that carries it."""
    count = len(body.vertices)
    colours = getattr(body, "baked_colours", body.colours)
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)  # sRGB
    rgba = np.concatenate([np.clip(linear, 0, 1), np.ones((count, 1))], axis=1)
    normals = np.asarray(body.normals, np.float32)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-6, normals / np.maximum(length, 1e-6), [0.0, 1.0, 0.0]).astype(np.float32)
    indices = np.asarray(body.triangles).reshape(-1).astype(np.uint16 if count <= 65535 else np.uint32)
    writer.document["materials"] = [
        {"name": "body", "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.8}}
    ]
    primitive: dict[str, Any] = {
        "attributes": {
            "POSITION": writer.accessor(np.asarray(body.vertices, np.float32), "VEC3", target=VERTICES, bounds=True),
            "NORMAL": writer.accessor(normals, "VEC3", target=VERTICES),
            "COLOR_0": writer.accessor(
                np.round(rgba * 65535).astype(np.uint16), "VEC4", target=VERTICES, normalized=True
            ),
            "JOINTS_0": writer.accessor(joints, "VEC4", target=VERTICES),
            "WEIGHTS_0": writer.accessor(weights, "VEC4", target=VERTICES),
        },
        "indices": writer.accessor(indices, "SCALAR", target=INDICES),
        "material": 0,
    }
    mesh: dict[str, Any] = {"name": "body", "primitives": [primitive]}
    if body.morphs.names:
        primitive["targets"] = [
            {"POSITION": writer.sparse(count, index, delta)}
            for index, delta in zip(body.morphs.indices, body.morphs.deltas, strict=True)
        ]
        mesh["weights"] = [0.0] * len(body.morphs.names)
        mesh["extras"] = {"targetNames": list(body.morphs.names)}
    writer.document["meshes"] = [mesh]
    return writer.node(name="body", mesh=0, skin=0)


def _face(weights: dict[str, np.ndarray], frames: int) -> np.ndarray | None:
    """ARKit columns [T, 52] from weights by name (any case, "Left" or "_L"); None if there are none."""
    if not weights:
        return None
    from ..procedural.face import ARKIT_NAMES

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
