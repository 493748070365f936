"""The page of all gestures: a picture of each at the end of its stroke, and the table in docs/gestures.md.

    python scripts/make_gesture_gallery.py

Writes docs/media/gestures.jpg, what stands between the marks of the table, and docs/media/talk.jpg, moments of
examples/talk.ogg.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import cospeech
from cospeech.avatar.camera import Camera
from cospeech.avatar.frames import render_frames
from cospeech.motion.gestures.demonstration import demonstrated
from cospeech.motion.gestures.dictionary import GESTURES
from cospeech.motion.gestures.gesture import Gesture

ROOT = Path(__file__).resolve().parents[1]
PAGE, PICTURE = ROOT / "docs" / "gestures.md", ROOT / "docs" / "media" / "gestures.jpg"
MARKS = re.compile(r"(<!-- table gestures -->\n).*?(<!-- end gestures -->)", re.DOTALL)
COLUMNS, SIZE, LABEL = 9, (132, 132), 16  # pixels
CAMERA = Camera(target=(0.0, 1.36, 0.0), distance=4.0, height=1.16)
TALK, TALK_SIZE, LATER = (
    ("Hello", "three", "huge,", "other", "idea?", "Wait"),
    (230, 230),
    0.3,
)  # words; s after strokes
AFTER = 0.1  # seconds after the last key: the hand has arrived
SIDES = {"one": "one hand", "both": "both hands", "none": "head and shoulders"}


def picture(gesture: Gesture) -> np.ndarray:
    """The gesture at the end of its stroke; of one that is repeated at the end of its first part."""
    done = demonstrated(gesture, seed=0, side="right" if gesture.side == "free" else None)
    keys = gesture.hand or gesture.head or gesture.trunk
    key = keys[min(1, len(keys) - 1)] if gesture.cycle or len(keys) > 4 else keys[-1]
    frame = round((done.placed[0].stroke + key.time + AFTER) * done.motion.fps)
    return next(iter(render_frames(done.motion[frame : frame + 1], size=SIZE, camera=CAMERA, level=0)))


def talk() -> Image.Image:
    """Moments of the minute that shows gestures at words, side by side."""
    sound = ROOT / "examples" / "talk.ogg"
    motion = cospeech.generate(sound, transcript=sound.with_suffix(".txt"), gesture_density="rich")
    placed = {named["word"]: named for named in motion.extra["explain"]["gestures"]}
    frames = [round((placed[word]["stroke"] + LATER) * motion.fps) for word in TALK]
    strip = Image.new("RGB", (len(frames) * TALK_SIZE[0], TALK_SIZE[1]))
    for place, frame in enumerate(frames):
        drawn = next(iter(render_frames(motion[frame : frame + 1], size=TALK_SIZE, camera=CAMERA, level=0)))
        strip.paste(Image.fromarray(drawn), (place * TALK_SIZE[0], 0))
    return strip


def main() -> None:
    """Write the picture and the table."""
    rows = -(-len(GESTURES) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIZE[0], rows * (SIZE[1] + LABEL)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (name, gesture) in enumerate(GESTURES.items()):
        x, y = number % COLUMNS * SIZE[0], number // COLUMNS * (SIZE[1] + LABEL)
        sheet.paste(Image.fromarray(picture(gesture)), (x, y))
        pen.text((x + 4, y + SIZE[1] + 2), name, fill="black")
    sheet.save(PICTURE, quality=82)
    lines = ["| name | says | other names | |", "|---|---|---|---|"]
    lines += [
        f"| `{n}` | {g.means} | {', '.join(g.aliases)} | {g.kind}, {SIDES[g.hands]} |" for n, g in GESTURES.items()
    ]
    talk().save(ROOT / "docs" / "media" / "talk.jpg", quality=85)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(MARKS.sub(lambda found: found[1] + "\n".join(lines) + "\n" + found[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
