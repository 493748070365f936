"""The body of an appearance: the default person with other proportions, another face, hair and glasses.

Every vertex keeps its position on the default person (``rest``), from which textures are computed. Proportions
change bone by bone: a vertex follows the scaled bones that move it, blended by its skin weights, so that nothing
tears. Decision of ours [D], as are all shapes below; numbers are metres on the default person in T-pose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ...avatar.body import Body, Morphs, load_body, vertex_normals
from ...core.series import smoothstep
from ...motion.procedural.face import ARKIT_NAMES
from ...motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, FINGERS
from .accessories import Accessory, accessories
from .appearance import Appearance, Build

# Regions of the skin, hair and clothes.
SKIN, HAIR, BROW, EYE, TOP, LAPEL, INNER, CUFF, TROUSERS, OTHER, FRAME = range(11)
# Labels of parts of the body, as they stand in a picture; 0 is the background.
TRUNK, HEAD, PARTS = 1, 2, 9
ARM = {"left": 3, "right": 6}  # upper arm; forearm and hand follow

SHOULDER, ELBOW, WRIST = 0.162, 0.432, 0.668  # metres from the middle, T-pose
# Half axes (up, forward) of a bare arm, by metres from the middle.
_ARM_AT = (0.17, 0.24, 0.32, 0.43, 0.50, 0.58, 0.62, 0.638, 0.648, 0.67)
_ARM_UP = (0.052, 0.049, 0.045, 0.036, 0.036, 0.029, 0.025, 0.0235, 0.019, 0.018)
_ARM_FORWARD = (0.056, 0.051, 0.047, 0.040, 0.041, 0.033, 0.029, 0.0272, 0.022, 0.021)
_MOUTH = ((-0.035, 1.53, 0.05), (0.035, 1.60, 0.148))  # metres, opposite corners of boxes in T-pose
_BROWS = ((-0.06, 1.64, 0.09), (0.06, 1.67, 0.20))
_DEFAULT_COLOURS = {  # of scripts/build_avatar_dress.py
    (58, 82, 112): TOP,
    (60, 70, 88): TOP,
    (52, 74, 102): LAPEL,
    (236, 233, 226): INNER,
    (224, 221, 215): INNER,
    (58, 58, 64): TROUSERS,
    (44, 34, 30): OTHER,
    (92, 66, 50): OTHER,
    (226, 222, 214): OTHER,
    (30, 36, 48): OTHER,
}


@dataclass(frozen=True, eq=False)
class Figure:
    """The body of an appearance. The first ``own`` vertices are the default person's, in its order."""

    body: Body
    own: int
    rest: np.ndarray  # [V, 3] float32, where each vertex is on the default person
    region: np.ndarray  # [F] uint8, of each triangle
    part: np.ndarray  # [F] uint8, label of each triangle


def step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smoothstep from 0 at low to 1 at high."""
    return smoothstep((x - low) / (high - low))


def bump(x: np.ndarray, centre: float, width: float) -> np.ndarray:
    """A Gaussian bump of height 1."""
    return np.exp(-(((x - centre) / width) ** 2))


@lru_cache(maxsize=2)
def regions(level: int) -> np.ndarray:
    """[V] uint8, the region of every vertex of the default person."""
    body = load_body(level)
    colours = np.round(body.colours * 255).astype(int)
    region = np.full(len(body), EYE, np.uint8)
    for colour, number in _DEFAULT_COLOURS.items():
        region[np.abs(colours - colour).max(1) <= 1] = number
    v = body.vertices
    region[(region == INNER) & (np.abs(v[:, 0]) > 0.5)] = CUFF
    cloth = (v[:, 1] < 1.53) & (body.softness < 0.5) & (region == EYE)
    region[cloth] = INNER  # shades of the shirt's band
    inside = _pieces_within(body.pieces, v, _MOUTH)  # teeth, tongue
    hair = (region == EYE) & (body.softness < 0.5) & (np.abs(body.shine - 0.35) < 0.06)
    region[hair] = HAIR
    region[(body.softness > 0.5) & ~inside] = SKIN
    region[_pieces_within(body.pieces, v, _BROWS)] = BROW
    return region


def _pieces_within(piece: np.ndarray, v: np.ndarray, box: tuple[tuple[float, ...], tuple[float, ...]]) -> np.ndarray:
    """[V] whether a vertex belongs to a piece that lies in a box as a whole."""
    outside = ((v < box[0]) | (v > box[1])).any(1)
    whole: np.ndarray = np.bincount(piece, outside)[piece] == 0
    return whole


def _parts(joints: np.ndarray) -> np.ndarray:
    """Labels of joints."""
    label = np.full(len(CANONICAL_NAMES), TRUNK, np.uint8)
    label[[CANONICAL_NAMES.index(n) for n in ("neck", "head", "jaw", "left_eye", "right_eye")]] = HEAD
    for side, first in ARM.items():
        for k, name in enumerate(("shoulder", "elbow", "wrist")):
            label[CANONICAL_NAMES.index(f"{side}_{name}")] = first + k
        for name in (f"{side}_{finger}{k}" for finger in FINGERS for k in (1, 2, 3)):
            label[CANONICAL_NAMES.index(name)] = first + 2
    return label[joints]


def _triangle_parts(body: Body) -> np.ndarray:
    """[F] label of the body part that moves each triangle most."""
    share = np.zeros((len(body), PARTS), np.float32)
    np.add.at(share, (np.arange(len(body))[:, None], _parts(body.joints)), body.weights)
    return share[body.triangles].sum(1).argmax(1).astype(np.uint8)


def _face(v: np.ndarray, build: Build) -> np.ndarray:
    """Another face: widths by height, lengths below the eyes, nose, chin and eyes."""
    head = step(v[:, 1], 1.49, 1.535)
    x, y, z = (v[:, k].copy() for k in range(3))
    wide = build.jaw * bump(y, 1.545, 0.035) + build.cheeks * bump(y, 1.605, 0.03)
    x = x * (1 + head * (wide + build.forehead * bump(y, 1.70, 0.05)))
    x = x * (1 + head * build.jaw * 0.25)
    below = np.minimum(y - 1.625, 0)
    y = y + head * build.lower_face * below
    near = bump(v[:, 0], 0, 0.022) * bump(v[:, 1], 1.60, 0.025) * step(v[:, 2], 0.12, 0.145)
    z = z + near * build.nose * 0.02
    x = x + x * near * (build.nose_width + 0.5 * build.nose)
    y = y - near * build.nose * 0.008
    chin = bump(v[:, 0], 0, 0.03) * bump(v[:, 1], 1.535, 0.02) * step(v[:, 2], 0.07, 0.11)
    z = z + chin * build.chin
    for side in (-1, 1):
        about = np.exp(-(((v[:, 0] - side * 0.030) / 0.024) ** 2) - ((v[:, 1] - 1.633) / 0.018) ** 2)
        about = about * step(v[:, 2], 0.08, 0.11) * build.eyes
        x = x + about * (v[:, 0] - side * 0.030)
        y = y + about * (v[:, 1] - 1.633)
    return np.stack([x, y, z], 1)


def _clothed(v: np.ndarray, region: np.ndarray, appearance: Appearance) -> np.ndarray:
    """Clothes of another cut: narrower, with shorter sleeves over bare arms, a shirt flush with the top."""
    clothing, build = appearance.clothing, appearance.build
    v = v.copy()
    cloth = np.isin(region, (TOP, LAPEL, INNER, TROUSERS, OTHER)) & (np.abs(v[:, 0]) < 0.3)
    trunk = cloth * step(np.abs(v[:, 0]), 0.26, 0.17) * step(v[:, 1], 1.47, 1.36)
    front = step(v[:, 2], 0.0, 0.06)
    if not clothing.jacket:
        flush = (region == INNER) * step(v[:, 1], 1.46, 1.38)
        v[:, 2] += flush * 0.011
    waist = build.waist * bump(v[:, 1], 1.12, 0.10)
    v[:, 0] *= 1 - trunk * (waist + clothing.tight)
    v[:, 2] = 0.01 + (v[:, 2] - 0.01) * (1 - trunk * (0.6 * waist + clothing.tight))
    v[:, 2] += trunk * front * build.belly * bump(v[:, 1], 1.08, 0.11) * bump(v[:, 0], 0, 0.16)
    for side in (-1, 1):
        round_ = np.exp(-(((v[:, 0] - side * 0.072) / 0.058) ** 2) - ((v[:, 1] - 1.285) / 0.06) ** 2)
        v[:, 2] += cloth * front * build.bust * round_
    reach = np.abs(v[:, 0])
    hem = hem_of(clothing.sleeve)
    sleeve = (region == TOP) & (reach > SHOULDER + 0.02) & (v[:, 1] > 1.3)
    bare = sleeve * step(reach, hem - 0.002, hem + 0.012)
    # A sleeve that ends early hangs closer to the arm than one that ends in a cuff.
    up, forward = v[:, 1] - 1.40, v[:, 2] - 0.019 - 0.008 * bump(reach, 0.45, 0.12)
    angle = np.arctan2(forward, up)
    a = np.interp(reach, _ARM_AT, _ARM_UP)
    b = np.interp(reach, _ARM_AT, _ARM_FORWARD)
    radius = 1 / np.sqrt((np.cos(angle) / a) ** 2 + (np.sin(angle) / b) ** 2)
    own = np.hypot(up, forward)
    slack = 1 - 2.7 * clothing.tight
    wanted = np.where(bare > 0, bare * radius + (1 - bare) * own * slack, own * slack)
    scale = np.where(sleeve, wanted / np.maximum(own, 1e-4), 1.0)
    v[:, 1] = np.where(sleeve, 1.40 + up * scale, v[:, 1])
    v[:, 2] = np.where(sleeve, v[:, 2] - forward + forward * scale, v[:, 2])
    return v


def hem_of(sleeve: float) -> float:
    """Metres from the middle at which a sleeve of a share of the arm ends."""
    return SHOULDER + sleeve * (WRIST - SHOULDER) if sleeve < 0.97 else 1.0


def _scales(build: Build) -> np.ndarray:
    """[55, 3] factors of each bone along x, y, z of the T-pose."""
    scale = np.ones((len(CANONICAL_NAMES), 3))

    def put(names: tuple[str, ...], x: float, y: float, z: float) -> None:
        for name in names:
            scale[CANONICAL_NAMES.index(name)] = x, y, z

    put(("pelvis",), build.hips, 1.0, build.depth)
    put(("spine1", "spine2"), build.chest, build.trunk, build.depth)
    put(("spine3",), build.chest, build.trunk, build.depth)
    put(("neck",), build.neck_girth, build.neck_length, build.neck_girth)
    put(("head", "jaw", "left_eye", "right_eye"), build.head, build.head, build.head)
    for side in ("left", "right"):
        put((f"{side}_collar",), build.shoulders, build.chest, build.depth)
        put((f"{side}_shoulder",), build.upper_arm, build.arm_girth, build.arm_girth)
        put((f"{side}_elbow",), build.forearm, build.arm_girth, build.arm_girth)
        hand = (f"{side}_wrist", *(f"{side}_{finger}{k}" for finger in FINGERS for k in (1, 2, 3)))
        put(hand, build.hand, build.hand, build.hand)
        put((f"{side}_hip", f"{side}_knee"), build.hips, 1.0, build.hips)
    return scale


def _resized(body: Body, build: Build) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V, 3] and joints [55, 3] with every bone scaled about its joint."""
    scale, rest = _scales(build), body.joint_positions.astype(np.float64)
    place = rest.copy()
    for joint, parent in enumerate(CANONICAL_PARENTS):
        if parent >= 0:
            place[joint] = place[parent] + scale[parent] * (rest[joint] - rest[parent])
    shift = place - scale * rest
    factor = np.einsum("vk,vka->va", body.weights, scale[body.joints])
    return body.vertices * factor + np.einsum("vk,vka->va", body.weights, shift[body.joints]), place


def _faces_kept(body: Body, region: np.ndarray, appearance: Appearance) -> np.ndarray:
    """[F] bool: triangles of the default person that are worn or visible."""
    v, clothing = body.vertices, appearance.clothing
    of = region[body.triangles[:, 0]]
    middle = v[body.triangles].mean(1)
    kept = middle[:, 1] > 0.30
    if appearance.hair.style == "bald":
        kept &= of != HAIR
    if not clothing.jacket:
        kept &= of != (LAPEL if clothing.neck != "collar" else 255)
        kept &= ~((of == OTHER) & (middle[:, 1] > 0.9))  # button and belt
        if clothing.neck != "collar":  # without the stand of the jacket's collar
            line = 1.487 - 0.42 * middle[:, 2] - middle[:, 1] + 1.2 * middle[:, 0] ** 2
            kept &= ~((of == TOP) & (line < 0.004) & (np.abs(middle[:, 0]) < 0.13))
    if clothing.sleeve < 0.97:
        kept &= of != CUFF
    return kept


def make_figure(appearance: Appearance, level: int = 1) -> Figure:
    """The body of an appearance.

    Args:
        appearance: proportions, hair and clothes.
        level: detail of the default person, 0 full or 1 lighter.
    """
    default = load_body(level)
    region = regions(level)
    vertices = default.vertices.astype(np.float64)
    traits = np.array(appearance.build.traits)
    names = default.morphs.names
    for amount, name in zip(traits, ARKIT_NAMES, strict=True):
        if amount:
            k = names.index(name)
            vertices[default.morphs.indices[k]] += amount * default.morphs.deltas[k]
    hair = (region == HAIR)[:, None]
    about = np.array([0.0, 1.66, 0.03])
    vertices = np.where(hair, about + (vertices - about) * appearance.hair.volume, vertices)
    vertices = _clothed(vertices, region, appearance)
    kept = _faces_kept(default, region, appearance)
    added = accessories(appearance)
    rest = default.vertices
    body = replace(default, vertices=vertices.astype(np.float32), triangles=default.triangles[kept])
    of_vertex = region
    for accessory in added:
        body, rest = _joined(body, rest, accessory)
        of_vertex = np.concatenate([of_vertex, np.full(len(accessory.vertices), accessory.region, np.uint8)])
    faced = _face(body.vertices.astype(np.float64), appearance.build)
    body = replace(body, vertices=faced.astype(np.float32))
    placed, joints = _resized(body, appearance.build)
    hem = hem_of(appearance.clothing.sleeve)
    bare = (of_vertex == TOP) & (np.abs(rest[:, 0]) > hem) & (rest[:, 1] > 1.3)
    wrist = (of_vertex == SKIN) & (np.abs(np.abs(rest[:, 0]) - 0.655) < 0.03)  # no cuff darkens it
    wrist &= appearance.clothing.sleeve < 0.97
    placed = placed.astype(np.float32)
    body = replace(
        body,
        vertices=placed,
        normals=vertex_normals(placed[None], body.triangles)[0],
        softness=np.where(bare, 1.0, body.softness).astype(np.float32),
        shine=np.where(bare, 0.2, body.shine).astype(np.float32),
        occlusion=np.where(bare | wrist, np.maximum(body.occlusion, 0.8), body.occlusion).astype(np.float32),
        morphs=Morphs(
            names, default.morphs.indices, tuple(delta * appearance.build.head for delta in default.morphs.deltas)
        ),
        joint_positions=joints.astype(np.float32),
    )
    return Figure(body, len(default), rest, of_vertex[body.triangles[:, 0]], _triangle_parts(body))


def _joined(body: Body, rest: np.ndarray, accessory: Accessory) -> tuple[Body, np.ndarray]:
    """A body with one more piece, and the places of all vertices on the default person."""
    count, start = len(accessory.vertices), len(body)
    pieces = np.asarray(accessory.vertices, np.float32)
    joined = replace(
        body,
        vertices=np.concatenate([body.vertices, pieces]),
        triangles=np.concatenate([body.triangles, (accessory.triangles + start).astype(np.int32)]),
        normals=np.concatenate([body.normals, np.zeros_like(pieces)]),
        joints=np.concatenate([body.joints, accessory.joints.astype(np.uint8)]),
        weights=np.concatenate([body.weights, accessory.weights.astype(np.float32)]),
        colours=np.concatenate([body.colours, np.full((count, 3), 0.3, np.float32)]),
        occlusion=np.concatenate([body.occlusion, accessory.occlusion.astype(np.float32)]),
        shine=np.concatenate([body.shine, np.full(count, accessory.shine, np.float32)]),
        softness=np.concatenate([body.softness, np.zeros(count, np.float32)]),
    )
    return joined, np.concatenate([rest, pieces])
