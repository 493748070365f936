"""Whether a camera that moves is noticed in films, and still ones are not refused: one JSON object.

Films of a still camera are shaken, moved, zoomed and turned here (the person with the wall), the noise of a sensor is
added, and all is encoded again (H.264, crf 20). Keypoints are known and moved along. Figures, over all films: how many
are refused ("moves"), and how many get the note that nothing can be told ("unknown").

    python benchmarks/bench_camera.py FILM [FILM ...]

Beside each FILM.mp4 lies FILM.json with its keypoints (``cospeech video keypoints FILM.mp4 -o FILM.json``).
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cospeech.motion.formats.keypoints import load_keypoints
from cospeech.video.films.background import MOST_CHANGED, evenly_spread, open_backdrop
from cospeech.video.films.footage import open_footage, rgb_of
from cospeech.video.warping.resampling import bilinear

FPS, STEP = 7.5, 4  # frames a second that are kept, and every which frame of a film of 30 that is
SECONDS = 4.0
MARGIN, NOISE = 0.06, 2.0  # of the longer side, that is cut off; grey levels
# How far the camera goes: root mean square of shifts, as a share of the longer side; zoom and turn twice as much.
CASES = (
    ("still", 0.0),
    *(("shake", far) for far in (0.005, 0.01, 0.02, 0.04)),
    *(("drift", far) for far in (0.01, 0.04)),
    *(("zoom", far) for far in (0.01, 0.02)),
    *(("turn", far) for far in (0.01, 0.02)),
)


def path(kind: str, far: float, frames: int, rng: np.random.Generator) -> np.ndarray:
    """[T, 4]: shift x and y, zoom and turn of a camera."""
    time, result = np.arange(frames) / FPS, np.zeros((frames, 4))
    ramp = np.linspace(-1.7, 1.7, frames)
    if kind == "shake":
        rate, phase = rng.uniform(0.7, 3.5, (2, 6, 1)), rng.uniform(0, 2 * np.pi, (2, 6, 1))
        result[:, :2] = (np.sin(2 * np.pi * rate * time + phase) / np.sqrt(rate)).sum(1).T
        result *= far / max(1e-9, float(np.sqrt((result**2).sum(1).mean())))
    elif kind == "drift":
        way = rng.uniform(0, 2 * np.pi)
        result[:, :2] = far * ramp[:, None] * [np.cos(way), np.sin(way)]
    elif kind == "zoom":
        result[:, 2] = 2 * far * ramp
    elif kind == "turn":
        result[:, 3] = 2.8 * far * np.sin(2 * np.pi * 0.5 * time + rng.uniform(0, 2 * np.pi))
    return result


def filmed(
    pictures: list[np.ndarray], points: np.ndarray, motion: np.ndarray, rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Pictures [h, w, 3] as a camera that moves would take them, encoded, and their keypoints."""
    height, width = pictures[0].shape[:2]
    side, margin = max(height, width), round(MARGIN * max(height, width) / 2) * 2
    y, x = np.mgrid[margin : height - margin, margin : width - margin] + 0.5
    u, v = (x - width / 2) / side, (y - height / 2) / side
    taken, moved = [], []
    for picture, places, (dx, dy, zoom, turn) in zip(pictures, points, motion, strict=True):
        at = np.stack([x + side * (dx + zoom * u - turn * v), y + side * (dy + zoom * v + turn * u)], -1)
        shown = bilinear(picture.astype(np.float32), at.astype(np.float32))
        taken.append(np.clip(shown + rng.normal(0, NOISE, shown.shape), 0, 255).astype(np.uint8))
        middle = np.array([width, height]) / 2
        there = places - middle - side * np.array([dx, dy])
        moved.append(there @ np.linalg.inv([[1 + zoom, -turn], [turn, 1 + zoom]]).T + middle - margin)
    return _encoded(taken), np.array(moved)


def _encoded(pictures: list[np.ndarray]) -> list[np.ndarray]:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"crf": "20", "preset": "veryfast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def main() -> None:
    """Measure every case of every film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path)
    films = parser.parse_args().films
    count = round(SECONDS * FPS)
    result: dict[str, dict[str, int]] = {}
    for film in films:
        footage, points = open_footage(film), load_keypoints(film.with_suffix(".json")).points
        numbers = list(range(0, min(footage.frames, STEP * count), STEP))
        pictures = [rgb_of(planes, footage.matrix) for _, planes in sorted(footage.picked(numbers).items())]
        for kind, far in CASES:
            rng = np.random.default_rng(1)
            shown, places = filmed(pictures, points[numbers], path(kind, far, len(numbers), rng), rng)
            chosen = evenly_spread(0, len(shown))
            backdrop = open_backdrop([shown[k] for k in chosen], places[chosen])
            every = range(len(chosen))
            camera = backdrop.camera(every)
            refused = camera.moves or backdrop.change(every) > MOST_CHANGED
            name = kind if kind == "still" else f"{kind} {far:.1%}"
            figures = result.setdefault(name, {"films": 0, "moves": 0, "unknown": 0})
            figures["films"] += 1
            figures["moves"] += int(refused)
            figures["unknown"] += int(camera.unknown and not refused)
            print(film.name, name, f"{camera.moved:.2%} +- {camera.error:.2%}", refused, file=sys.stderr)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
