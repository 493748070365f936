"""How near a portrait's layers, where nothing has moved, come to the portrait: one JSON object.

Figures of each portrait, in percent: "off" pixels further than 25 of 255 from the portrait, "lost" pixels of the person
(mask above 0.9) that show mostly background, and "unowned" pixels of the matte whose layers do not add up to it; and
the median and the worst of all. Keypoints are those of `cospeech video setup`.

    python benchmarks/bench_portrait_rest.py FOLDER [--size 512]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from cospeech.video.films.portrait import Portrait, open_portrait
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.layers import cut

OFF = 25  # of 255
PERSON = 0.9  # of the mask
OWNED = 0.01  # of a pixel


def figures(portrait: Portrait) -> dict[str, float]:
    """Percent of pixels."""
    # A quick cut has the same masks; only what the hole is filled with differs.
    flat = cut(
        portrait.picture,
        portrait.points,
        portrait.person,
        confidence=portrait.confidence,
        matte=portrait.matte,
        room=False,
    )
    layers = replace(flat, head=portrait.head)
    drawn = draw(layers, portrait.points)
    shown = np.round(np.clip(drawn.picture, 0, 1) * 255)
    person = portrait.person > PERSON
    unowned = np.abs(layers.parts.sum(0) - layers.person) > OWNED
    shares = {
        "off": (np.abs(shown - portrait.picture).max(-1) > OFF).mean(),
        "lost": (drawn.seen.sum(0) < 0.5)[person].mean(),
        "unowned": unowned.mean(),
    }
    return {name: round(100 * float(share), 3) for name, share in shares.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="PNG portraits")
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    rows = {path.stem: figures(open_portrait(path, size=options.size)) for path in sorted(options.folder.glob("*.png"))}
    found = {name: [row[name] for row in rows.values()] for name in ("off", "lost", "unowned")}
    result = {name: {"median": float(np.median(v)), "worst": max(v)} for name, v in found.items()}
    print(json.dumps({"benchmark": "portrait rest", "portraits": len(rows), **result, "of each": rows}, indent=1))


if __name__ == "__main__":
    main()
