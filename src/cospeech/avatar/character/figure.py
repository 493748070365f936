"""A character as it is drawn: one mesh on the 55 canonical joints and those between, standing as our own person does.

It is turned to face +z, put on the floor at the origin and made as tall as the default person, so that light, cameras
and shadows are those of every picture. Joints that a character lacks are added where ours are, and move nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ...motion.formats.gltf import foreign
from ...motion.kinematics import local_rotations
from ...motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, canonical_skeleton
from ..body import load_body, vertex_normals
from .character import Character, Posed
from .face import DRIVERS, base_weights
from .meshes import Part, check_drawable, read_parts
from .rig import Rig
from .textures import Textures, load_textures

OCCLUSION, SHINE, SOFTNESS = 1.0, 0.12, 0.35  # of every surface, as ``Body`` has them [D]
_SEAM = 1e-5  # metres: vertices nearer than this are one point of the surface
_STILL = 1e-7  # metres that a shape of the face has to move a vertex


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawn character in rest pose. Right-handed, y up, metres, facing +z."""

    names: tuple[str, ...]  # of the joints: the canonical ones in their order, then others
    parents: tuple[int, ...]
    rest: np.ndarray  # [J, 3] metres
    vertices: np.ndarray  # [V, 3] float32 metres
    normals: np.ndarray  # [V, 3] float32 unit
    triangles: np.ndarray  # [F, 3] int32, counter-clockwise from outside; those of double-sided materials both ways
    joints: np.ndarray  # [V, 4 or 8] indices
    weights: np.ndarray  # [V, 4 or 8] float32, sum 1
    colours: np.ndarray  # [V, 3] float32 linear
    uv: np.ndarray  # [V, 2] float32
    layer: np.ndarray  # [V] int16, the texture, -1 for none
    cutoff: np.ndarray  # [V] float32, alpha below which nothing is drawn
    textures: Textures
    shapes: tuple[tuple[np.ndarray, np.ndarray], ...]  # of the face: vertices [K], and how they move [K, 3] metres
    recipes: np.ndarray  # [drivers, shapes] what drives each (``face.DRIVERS``)
    crown: float  # metres from the head's joint to the top of the head
    scale: float  # of the scene
    order: np.ndarray  # [J] which joint of the character's rig each is, -1 for one that it lacks
    heading: np.ndarray  # [3, 3] turn by which the scene's person stands away from +z
    place: np.ndarray  # [3] metres, where in the scene it stands

    def __len__(self) -> int:
        return len(self.vertices)

    @cached_property
    def occlusion(self) -> np.ndarray:
        """[V] float32, as of ``Body``."""
        return np.full(len(self), OCCLUSION, np.float32)

    @cached_property
    def shine(self) -> np.ndarray:
        """[V] float32, as of ``Body``."""
        return np.full(len(self), SHINE, np.float32)

    @cached_property
    def softness(self) -> np.ndarray:
        """[V] float32, as of ``Body``."""
        return np.full(len(self), SOFTNESS, np.float32)

    @cached_property
    def face_layer(self) -> np.ndarray:
        """[F] the texture of every triangle, -1 for none."""
        layer: np.ndarray = self.layer[self.triangles[:, 0]].astype(np.int64)
        return layer

    @cached_property
    def holes(self) -> np.ndarray:
        """[F] whether a triangle's texture may leave holes in it."""
        holes: np.ndarray = (self.cutoff[self.triangles[:, 0]] > 0) & (self.face_layer >= 0)
        return holes

    @cached_property
    def texels(self) -> np.ndarray:
        """[F] float32 twice the area of every triangle on its texture, in texels."""
        a, b, c = (self.uv[self.triangles[:, corner]] * self.textures.size for corner in range(3))
        u, v = b - a, c - a
        area: np.ndarray = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).astype(np.float32)
        return area

    @cached_property
    def dense(self) -> np.ndarray:
        """[V, J] float32 weights of all joints."""
        result = np.zeros((len(self), len(self.names)), np.float32)
        np.add.at(result, (np.arange(len(self))[:, None], self.joints), self.weights)
        return result

    def move(self, posed: Posed) -> FigureMotion:
        """What the character does, as it is drawn."""
        frames, known = posed.frames, self.order >= 0
        turns = np.empty((frames, len(self.names), 3, 3))
        places = np.empty((frames, len(self.names), 3))
        turns[:, known] = self.heading.T @ posed.turns[:, self.order[known]] @ self.heading
        places[:, known] = (posed.places[:, self.order[known]] - self.place) @ self.heading * self.scale
        for joint in np.flatnonzero(~known):
            parent = self.parents[joint]
            turns[:, joint] = turns[:, parent]
            places[:, joint] = places[:, parent] + turns[:, parent] @ (self.rest[joint] - self.rest[parent])
        weights = np.zeros((frames, len(self.shapes)))
        if posed.drivers is not None:
            weights = np.clip(posed.drivers @ self.recipes, 0.0, 1.0)
        return FigureMotion(posed.fps, turns, places, weights.astype(np.float32), self.parents)


@dataclass(frozen=True, eq=False)
class FigureMotion:
    """A figure in motion."""

    fps: float
    turns: np.ndarray  # [T, J, 3, 3] world rotations against the rest pose
    places: np.ndarray  # [T, J, 3] metres
    weights: np.ndarray  # [T, shapes] float32 of the face, 0 to 1
    parents: tuple[int, ...]

    @property
    def frames(self) -> int:
        """How many."""
        return len(self.places)

    @property
    def rotations(self) -> np.ndarray:
        """[T, J, 3, 3] local to the parent."""
        return local_rotations(self.turns, self.parents)


@lru_cache(maxsize=2)
def load_figure(character: Character) -> Figure:
    """Decode what is drawn of a character.

    Raises:
        UserError: damaged meshes or textures.
    """
    check_drawable(character)
    with foreign(character.path):
        return _figure(character)


def _figure(character: Character) -> Figure:
    parts, pictures = read_parts(character)
    rig = character.rig
    points = np.concatenate([part.points for part in parts])
    top = float(points[:, 1].max())
    scale = float(load_body(1).vertices[:, 1].max()) / max(top - character.floor, 1e-3)
    hips = rig.places[rig.nodes[0]]
    place = np.array([hips[0], character.floor, hips[2]])
    names, parents, order = _joints(rig)
    rest = _rest(names, parents, order, (rig.places[list(rig.nodes)] - place) @ rig.heading * scale)
    owner = _owners(character, {joint: at for at, joint in enumerate(order) if joint >= 0})
    vertices = ((points - place) @ rig.heading * scale).astype(np.float32)
    shapes, recipes, vertices = _shapes(character, parts, vertices, rig.heading * scale)
    triangles = _all_triangles(parts)
    width = max(part.weights.shape[1] for part in parts)
    joints = np.concatenate([_padded(owner[part.owners], width) for part in parts])
    weights = np.concatenate([_padded(part.weights, width) for part in parts]).astype(np.float32)
    return Figure(
        tuple(names),
        tuple(parents),
        rest,
        vertices,
        _normals(parts, vertices, rig.heading),
        triangles,
        joints,
        weights,
        np.concatenate([part.colours for part in parts]).astype(np.float32),
        np.concatenate([part.uv for part in parts]).astype(np.float32),
        np.concatenate([np.full(len(part.points), part.material.picture, np.int16) for part in parts]),
        np.concatenate([np.full(len(part.points), part.material.cutoff, np.float32) for part in parts]),
        load_textures(pictures, character.path.name),
        shapes,
        recipes,
        float(vertices[:, 1].max()) - float(rest[names.index("head"), 1]),
        scale,
        np.array(order),
        rig.heading,
        place,
    )


def _joints(rig: Rig) -> tuple[list[str], list[int], list[int]]:
    """Names of a figure's joints, every parent before its children, their parents, and which of the rig's they are.

    All canonical joints are among them, -1 in the rig if it lacks one; others keep the rig's names.
    """
    own = {name: joints[0] for name, joints in rig.binding.joints.items()}
    called = {joint: name for name, joint in own.items()}
    label = [called.get(joint, f"own {name}") for joint, name in enumerate(rig.skeleton.names)]
    above: dict[str, str | None] = {}
    for joint, parent in enumerate(rig.skeleton.parents):
        above[label[joint]] = label[parent] if parent >= 0 else None
    for name, parent in zip(CANONICAL_NAMES, CANONICAL_PARENTS, strict=True):
        above.setdefault(name, CANONICAL_NAMES[parent])
    names = [label[0]]
    for name in names:  # grows as it is walked
        names.extend(child for child, parent in above.items() if parent == name)
    place: dict[str | None, int] = {name: at for at, name in enumerate(names)}
    rig_joint = {name: joint for joint, name in enumerate(label)}
    return names, [place.get(above[name], -1) for name in names], [rig_joint.get(name, -1) for name in names]


def _rest(names: list[str], parents: list[int], order: list[int], places: np.ndarray) -> np.ndarray:
    """[J, 3] where the rig has its joints, and where ours would be if it lacks one."""
    own = canonical_skeleton()
    rest = np.zeros((len(order), 3))
    for at, joint in enumerate(order):
        rest[at] = places[joint] if joint >= 0 else rest[parents[at]] + own.offsets[own.index(names[at])]
    return rest


def _owners(character: Character, index: dict[int, int]) -> np.ndarray:
    """[nodes] the figure's joint that every node of the file moves with: itself, the nearest above it, or the hips."""
    place = {node: joint for joint, node in enumerate(character.rig.nodes)}
    result = np.zeros(len(character.tree.names), np.int64)
    for node in range(len(result)):
        above = next((place[one] for one in character.tree.line(node) if one in place), 0)
        result[node] = index[above]
    return result


def _padded(values: np.ndarray, width: int) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))


def _all_triangles(parts: list[Part]) -> np.ndarray:
    """[F, 3] int32 of all parts; double-sided ones both ways round."""
    found, first = [], 0
    for part in parts:
        found.append(part.triangles + first)
        if part.material.double:
            found.append(part.triangles[:, ::-1] + first)
        first += len(part.points)
    return np.ascontiguousarray(np.concatenate(found), np.int32)


def _normals(parts: list[Part], vertices: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """[V, 3] float32: the file's own, or those of the triangles round each point, across seams of texture."""
    result, first = np.empty_like(vertices), 0
    for part in parts:
        own = slice(first, first + len(part.points))
        first = own.stop
        if part.normals is not None:
            result[own] = part.normals @ heading
            continue
        _, same = np.unique(np.round(vertices[own] / _SEAM).astype(np.int64), axis=0, return_inverse=True)
        same = same.reshape(-1)
        welded = np.zeros((1, same.max(initial=-1) + 1, 3), np.float32)
        welded[0, same] = vertices[own]
        triangles = part.triangles.astype(np.int32)
        whole = vertex_normals(welded, np.ascontiguousarray(same[triangles], np.int32))[0][same]
        thin = np.linalg.norm(whole, axis=1) < 0.5  # two sides in one place, which cancel out
        whole[thin] = vertex_normals(vertices[None, own], np.ascontiguousarray(triangles))[0][thin]
        result[own] = whole
    return result


def _shapes(
    character: Character, parts: list[Part], vertices: np.ndarray, turn: np.ndarray
) -> tuple[tuple[tuple[np.ndarray, np.ndarray], ...], np.ndarray, np.ndarray]:
    """Shapes of the face and what drives them; the vertices with what the file itself weighs and nothing drives."""
    vertices = vertices.copy()
    found: dict[bytes, tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]] = {}
    meshes = {shapes.node: shapes for shapes in character.face.meshes}
    first = 0
    for part in parts:
        driven = meshes.get(part.node)
        base = base_weights(character.file, part.node, max(part.targets, default=-1) + 1)
        for target, (index, delta) in part.targets.items():
            moved = delta @ turn
            recipe = None if driven is None else driven.matrix[:, target]
            if recipe is None or not recipe.any():
                vertices[index + first] += (base[target] * moved).astype(np.float32)
                continue
            kept = np.abs(moved).max(1) > _STILL
            one = found.setdefault(recipe.tobytes(), (recipe, []))
            one[1].append((index[kept] + first, moved[kept]))
        first += len(part.points)
    shapes = tuple(
        (np.concatenate([index for index, _ in pieces]), np.concatenate([delta for _, delta in pieces]))
        for _, pieces in found.values()
    )
    recipes = np.stack([recipe for recipe, _ in found.values()], 1) if found else np.zeros((len(DRIVERS), 0))
    return shapes, recipes, vertices
