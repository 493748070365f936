"""Makes docs/media/portraits.jpg: drawn people as portraits, and frames of the films that they become.

The first picture of a row is the portrait; the others are drawn by ``cospeech animate``'s own steps. The
upper rows are portraits as docs/video.md asks for, the lower ones such as it warns of. People are drawn, for
no picture of a person may be in the repository.

    python scripts/make_video_gallery.py [--out docs/media/portraits.jpg] [--refine portrait]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import cospeech
from cospeech.motion.motion import Motion
from cospeech.motion.points import WRISTS
from cospeech.video.films.animate import portrait_keypoints
from cospeech.video.films.portrait import Portrait
from cospeech.video.films.portrait_film import portrait_frames
from cospeech.video.synthetic.appearance import View, random_appearance
from cospeech.video.synthetic.rendering import render_person
from cospeech.video.warping.limb_geometry import body_scale

ROOT = Path(__file__).resolve().parents[1]
SIZE = 256
FRAMES = (40, 110, 180, 250, 330)
GOOD, BAD = (3, 11, 23, 31), (7, 15)  # seeds of people


def portrait_at(seed: int, motion: Motion, *, folded: bool) -> Portrait:
    """A drawn person at the moment of a motion at which the hands are furthest apart, or nearest."""
    appearance = random_appearance(np.random.default_rng(seed))
    appearance = replace(appearance, view=View(yaw=0.0))
    some = np.arange(15, motion.frames - 15, 6)
    film = render_person(appearance, motion, size=SIZE, frames=some)
    apart = np.array([np.linalg.norm(p[WRISTS[0]] - p[WRISTS[1]]) / body_scale(p) for p in film.points])
    inside = film.confidence[:, 6:48].mean(1)
    best = int(np.argmin(apart) if folded else np.argmax(inside - 0.2 * np.abs(apart - 1.2)))
    return Portrait(
        film.frames[best],
        film.points[best].astype(float),
        film.confidence[best],
        film.mask[best].astype(np.float32) / 255,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "media" / "portraits.jpg")
    parser.add_argument("--refine", default="portrait")
    options = parser.parse_args()
    speech = cospeech.load_speech(ROOT / "examples" / "hello.wav")
    model = cospeech.load("contextual")
    rows = []
    for seed in (*GOOD, *BAD):
        posing, moving = (model.generate(speech, seed=seed + more) for more in (0, 100))
        portrait = portrait_at(seed, posing, folded=seed in BAD)
        points = portrait_keypoints(portrait, moving, speech)[list(FRAMES)]
        frames = portrait_frames(portrait, points, refine=options.refine, workers=1)
        rows.append(np.concatenate([portrait.picture, *frames], axis=1))
    Image.fromarray(np.concatenate(rows)).save(options.out, quality=88)


if __name__ == "__main__":
    main()
