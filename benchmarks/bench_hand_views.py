"""What further pictures of a person bring to the hands of a portrait film: one JSON object.

Drawn people in poses far apart, so that every picture is true: the first picture is the portrait, the last ones are
drawn from it with the true keypoints, and the second one (and the third) gives further views of the hands. In each
picture the view that fits best is drawn, as in films (``driving.hand_choice``). Figures are the mean LPIPS of hands by
our own encoder (``video.evaluation``) and their PSNR: of all pictures, and of the hands of which another view is shown;
the difference to the portrait alone is paired, its interval is over people.

    cospeech video people DATASET --split test --count 40 --frames-each 8 -o people
    python benchmarks/bench_hand_views.py people --looks FOLDER [--views 1]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from cospeech.core.progress import track
from cospeech.video.driving.hand_choice import MARGIN, misfit
from cospeech.video.evaluation import PerceptualFeatureExtractor, score
from cospeech.video.synthetic.corpus import SyntheticPeople
from cospeech.video.warping.hand_views import HandView, ShownHand, cut_view
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.layers import Layers, cut
from cospeech.video.warping.limb_geometry import SIDES, hand

MOST_VIEWS = 2
DRAWS = 1000  # of the bootstrap


def shown_hands(layers: Layers, views: dict[str, list[HandView]], points: np.ndarray) -> dict[str, ShownHand]:
    """By side, of the hands that another view than the portrait's fits better."""
    result = {}
    for side, each in views.items():
        true = hand(points, side)
        shapes = [hand(layers.points, side), *(view.points for view in each)]
        unlike = np.array([float(misfit(shape, true[None])[0]) for shape in shapes])
        unlike[1:] += MARGIN
        best = int(unlike.argmin())
        if best:
            result[side] = ShownHand(0.0, ((each[best - 1], true, 1.0),))
    return result


def measured(person: Any, count: int, encoder: PerceptualFeatureExtractor) -> list[dict[str, float]]:
    """A row for each hand of each picture: LPIPS and PSNR without and with further views, and whether one is shown."""
    points = person.points.astype(np.float64)
    first = 1 + MOST_VIEWS
    layers, *others = (cut(person.frames[k], points[k], person.mask[k] / 255, room=not k) for k in range(1 + count))
    views = {side: [view for other in others if (view := cut_view(other, side, layers))] for side in SIDES}
    views = {side: each for side, each in views.items() if each}
    target = person.frames[first:]
    shown = [shown_hands(layers, views, each) for each in points[first:]]
    made = {}
    for name in ("alone", "views"):
        drawn = [
            draw(layers, each, None, hands if name == "views" else None).picture
            for each, hands in zip(points[first:], shown, strict=True)
        ]
        pictures = np.clip(np.round(np.stack(drawn) * 255), 0, 255).astype(np.uint8)
        made[name] = score(pictures, target, points[first:], clip="person", encoder=encoder)["hands"]
    rows, at = [], 0
    # Scores of hands: the left one of all pictures that show it, then the right one.
    frames = made["alone"].frames
    turn = int(np.flatnonzero(np.diff(frames) <= 0)[0]) + 1 if (np.diff(frames) <= 0).any() else len(frames)
    for at, frame in enumerate(frames):
        side = SIDES[0] if at < turn else SIDES[1]
        row = {
            f"{name} {metric}": float(scores.values[metric][at])
            for name, scores in made.items()
            for metric in ("lpips", "psnr")
        }
        rows.append({**row, "shown": float(side in shown[frame]), "usable": float(side in views)})
    return rows


def summary(people: list[list[dict[str, float]]], rng: np.random.Generator) -> dict[str, Any]:
    """Means over hands, and intervals of the differences over people."""
    result: dict[str, Any] = {}
    for name, key in (("all", None), ("usable", "usable"), ("shown", "shown")):
        kept = [[row for row in rows if key is None or row[key]] for rows in people]
        kept = [rows for rows in kept if rows]
        entry: dict[str, Any] = {"hands": sum(map(len, kept)), "people": len(kept)}
        for metric in ("lpips", "psnr"):
            sums = np.array([[sum(r[f"{n} {metric}"] for r in rows) for n in ("alone", "views")] for rows in kept])
            count = np.array([len(rows) for rows in kept])
            means = sums.sum(0) / count.sum()
            draws = rng.integers(0, len(kept), (DRAWS, len(kept)))
            change = (sums[draws].sum(1) / count[draws].sum(1)[:, None]) @ [-1, 1]
            ends = np.percentile(change, [2.5, 97.5])
            entry[metric] = {"alone": means[0], "views": means[1], "change": means[1] - means[0], "interval": [*ends]}
        result[name] = entry
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("people", type=Path)
    parser.add_argument("--looks", type=Path, required=True)
    parser.add_argument("--views", type=int, default=1, choices=(1, MOST_VIEWS))
    parser.add_argument("--most", type=int, help="people; all unless given")
    options = parser.parse_args()
    corpus, encoder = SyntheticPeople(options.people), PerceptualFeatureExtractor(options.looks)
    people = corpus.people[: options.most]
    rows = [
        measured(corpus.film(person), options.views, encoder) for person in track(people, "drawing", total=len(people))
    ]
    found = summary(rows, np.random.default_rng(0))
    print(json.dumps({"benchmark": "hand views", "views": options.views, **found}, indent=1))


if __name__ == "__main__":
    main()
