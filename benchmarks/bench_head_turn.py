"""How near a picture whose head is turned by warping comes to the true one: one JSON object.

Drawn people with hanging arms at 512, whose heads turn by known angles; the picture of the head at rest is warped to
the true keypoints of the turned one. Figures are means over people: PSNR, SSIM and LPIPS (ours) of the face's crop, and
PSNR within the box round the whole head. "flat" warps without depth, "depth" with that of the default person's head.
Drawn people have the default person's head with other proportions, so their depth is known better than a portrait's.

    python benchmarks/bench_head_turn.py [--people 8] [--looks looks] [--pictures FOLDER]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.motion.motion import Motion
from cospeech.motion.points import FACE_SLICE, SIDES
from cospeech.motion.procedural.resting import hanging_pose
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.video.driving.head_shape import in_depth
from cospeech.video.evaluation import PerceptualFeatureExtractor, score
from cospeech.video.synthetic.appearance import random_appearance
from cospeech.video.synthetic.rendering import PersonFilm, render_person
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.layers import Layers, cut

SIZE = 512
SEED = 7
# Degrees: nod (down), turn (to the person's left), tilt.
ANGLES = [(0, 0, 0), (0, -15, 0), (0, -8, 0), (0, 8, 0), (0, 15, 0), (-10, 0, 0), (10, 0, 0), (0, 0, 10), (5, 10, 5)]


def turned_heads() -> Motion:
    """A frame for each of ANGLES."""
    skeleton = canonical_skeleton()
    rotations = np.tile(np.eye(3, dtype=np.float32), (len(ANGLES), len(skeleton), 1, 1))
    for side in SIDES:
        for joint, rotation in hanging_pose(side).items():
            rotations[:, skeleton.index(joint)] = rotation
    rotations[:, skeleton.index("head")] = axis_angle_to_matrix(np.radians(np.array(ANGLES, float)))
    translation = np.tile(skeleton.offsets[0], (len(ANGLES), 1))
    return Motion(skeleton, 30.0, rotations, translation.astype(np.float32))


def head_box(film: PersonFilm, frame: int) -> tuple[slice, slice]:
    """Rows and columns round the head."""
    face = film.points[frame, FACE_SLICE]
    low, high = face.min(0), face.max(0)
    reach = (high - low) * [0.45, 0.9]
    left, top = np.maximum(low - reach, 0).astype(int)
    right, bottom = np.minimum(high + reach * [1, 0.35], SIZE).astype(int)
    return slice(top, bottom), slice(left, right)


def figures(layers: Layers, film: PersonFilm, looks: PerceptualFeatureExtractor) -> list[dict[str, float]]:
    """For each angle."""
    drawn = [draw(layers, points.astype(np.float64)).picture for points in film.points]
    made = np.clip(np.round(np.stack(drawn) * 255), 0, 255).astype(np.uint8)
    rows = []
    for k in range(len(ANGLES)):
        one = slice(k, k + 1)
        found = score(made[one], film.frames[one], film.points[one], clip="head", encoder=looks)["face"].values
        box = head_box(film, k)
        error = float(((made[k][box].astype(float) - film.frames[k][box]) ** 2).mean())
        row = {name: float(values.mean()) for name, values in found.items()}
        rows.append({**row, "head": 10 * np.log10(255**2 / max(error, 1e-2))})
    return rows


def save(path: Path, shown: np.ndarray, film: PersonFilm) -> None:
    """Heads [T, H, W, 3], the true ones above."""
    from PIL import Image

    box = head_box(film, 0)
    rows = [np.concatenate([one[box] for one in pictures], 1) for pictures in (film.frames, shown)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows).astype(np.uint8)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--looks", default="looks", help="model folder of the perceptual encoder")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures: true, flat, with depth")
    options = parser.parse_args()
    looks = PerceptualFeatureExtractor(options.looks)
    motion, rng = turned_heads(), np.random.default_rng(SEED)
    every: dict[str, list[list[dict[str, float]]]] = {"flat": [], "depth": []}
    for number in range(options.people):
        film = render_person(random_appearance(rng), motion, size=SIZE, level=0)
        points = film.points[0].astype(np.float64)
        layers = cut(film.frames[0], points, film.mask[0] / 255)
        deep = in_depth(layers)
        for name, one in (("flat", layers), ("depth", deep)):
            every[name].append(figures(one, film, looks))
            if options.pictures is not None:
                shown = [draw(one, points.astype(np.float64)).picture for points in film.points]
                save(options.pictures / f"{number}-{name}.png", np.clip(np.stack(shown) * 255, 0, 255), film)
    result = {
        name: {
            str(angle): {key: round(float(np.mean([one[k][key] for one in people])), 5) for key in people[0][k]}
            for k, angle in enumerate(ANGLES)
        }
        for name, people in every.items()
    }
    print(json.dumps({"benchmark": "head turn", "people": options.people, "size": SIZE, **result}, indent=1))


if __name__ == "__main__":
    main()
