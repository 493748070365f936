"""How well the marks of generated videos last, how visible they are and what they cost: one JSON object.

    python benchmarks/bench_watermark.py [--pictures FOLDER] [--clips 100] [--unmarked 2000] [--frames 45]

Clips are the default person gesturing and, with --pictures, three of four times a picture of the folder
whose middle sways while its border stands still. Each is marked, written with ``write_video`` (quality 20)
and attacked: ``asked`` is H.264 at crf 28 and 0.75 of the size. ``read`` is the share with the right payload.
Unmarked clips (three frames of changed crop, mirroring, zoom and brightness, then crf 28 and 0.75) give the
false alarms; every one of them is compared with all 4,096 payloads.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench_render import gesturing
from cospeech.avatar.film import write_video
from cospeech.avatar.frames import render_frames
from cospeech.video.provenance.record import verify
from cospeech.video.provenance.watermark import PAYLOADS, Marker, Reading, read

ATTACKS: dict[str, dict[str, float]] = {
    "none": {},
    "asked": {"crf": 28, "scale": 0.75},
    "crf28": {"crf": 28},
    "crf35": {"crf": 35},
    "half_size": {"crf": 23, "scale": 0.5},
    "brighter": {"crf": 23, "gain": 1.15},
    "cropped_by_10_percent": {"crf": 23, "crop": 0.05},
    "mirrored": {"crf": 23, "mirror": 1},
}


def sway(picture: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """[T, H, W, 3]: parts of the middle move by a few pixels, the border does not."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    edge = np.minimum(np.minimum(x, width - 1 - x) / width, (y + 0.1 * height) / height)
    weight = np.clip((edge - 0.12) / 0.15, 0, 1)
    parts = [(rng.uniform(0.25, 0.75), rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.25)) for _ in range(5)]
    moves = [(rng.uniform(2, 7) / 256, rng.uniform(0.4, 1.2), rng.uniform(0, 6.28)) for _ in parts]
    near = [np.exp(-(((x / width - u) ** 2 + (y / height - v) ** 2) / 2 / s**2)) * weight for u, v, s in parts]
    result = []
    for t in np.arange(frames) / 30:
        dx = sum(n * a * width * np.sin(6.28 * f * t + p) for n, (a, f, p) in zip(near, moves, strict=True))
        dy = sum(n * a * width * np.cos(5 * f * t + 2 * p) for n, (a, f, p) in zip(near, moves, strict=True))
        result.append(sample(picture, x + dx, y + dy))
    return np.stack(result)


def sample(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.clip(x, 0, picture.shape[1] - 1.001), np.clip(y, 0, picture.shape[0] - 1.001)
    left, top = x.astype(int), y.astype(int)
    u, v = (x - left)[..., None], (y - top)[..., None]
    picture = picture.astype(np.float32)
    above = picture[top, left] * (1 - u) + picture[top, left + 1] * u
    below = picture[top + 1, left] * (1 - u) + picture[top + 1, left + 1] * u
    return np.rint(above * (1 - v) + below * v).astype(np.uint8)


def clips(count: int, frames: int, size: int, pictures: list[np.ndarray]) -> Iterator[np.ndarray]:
    """[T, H, W, 3] each."""
    motion = gesturing(frames * 8)
    for index in range(count):
        rng = np.random.default_rng(index)
        if pictures and index % 4:
            yield sway(pictures[(index * 3 // 4) % len(pictures)], frames, rng)
        else:
            start = int(rng.integers(frames * 7))
            view = ("gesture", "full", "face")[index // 4 % 3]
            part = motion[start : start + frames]
            yield np.stack(list(render_frames(part, size=size, view=view, backend="software", workers=1)))


def attacked(path: Path, *, crf: int = 0, scale: float = 1, gain: float = 1, crop: float = 0, mirror: int = 0) -> Path:
    """The video encoded again as others would do, without its metadata."""
    import av

    target = path.with_stem(f"{path.stem}-again")
    with av.open(str(path)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        graph, last = av.filter.Graph(), None
        nodes = [graph.add_buffer(template=stream)]
        if crop:
            nodes.append(graph.add("crop", f"iw*{1 - 2 * crop}:ih*{1 - 2 * crop}"))
        if mirror:
            nodes.append(graph.add("hflip"))
        if scale != 1:
            nodes.append(graph.add("scale", f"trunc(iw*{scale}/2)*2:trunc(ih*{scale}/2)*2:flags=bicubic"))
        if gain != 1:
            nodes.append(graph.add("lutyuv", f"y=clip(16+(val-16)*{gain}\\,16\\,235)"))
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        for index, frame in enumerate(source.decode(stream)):
            graph.push(frame)
            changed: Any = graph.pull()
            if last is None:
                last = sink.add_stream("libx264", rate=30)
                last.width, last.height, last.pix_fmt = changed.width, changed.height, "yuv420p"
                last.codec_context.time_base = Fraction(1, 30)
                last.options = {"crf": str(crf), "preset": "medium"}
            changed.pts, changed.time_base = index, Fraction(1, 30)
            sink.mux(last.encode(changed))
        sink.mux(last.encode(None))
    return target


def marked(options: argparse.Namespace, pictures: list[np.ndarray], folder: Path) -> dict[str, Any]:
    found: dict[str, list[Reading]] = {name: [] for name in ATTACKS}
    right: dict[str, list[bool]] = {name: [] for name in ATTACKS}
    psnr, drift, milliseconds = [], [], []
    for index, plain in enumerate(clips(options.clips, options.frames, options.size, pictures)):
        payload = index * 2654435761 % PAYLOADS
        marker = Marker(payload, plain.shape[2:0:-1])
        began = time.process_time()
        frames = np.stack([marker.mark(frame) for frame in plain])
        milliseconds.append((time.process_time() - began) / len(plain) * 1000)
        change = frames.astype(np.int16) - plain
        psnr.append(10 * np.log10(255**2 / np.mean(change.astype(np.float64) ** 2)))
        still = (np.ptp(plain, axis=0) == 0).all(-1)
        drift.append(float(np.ptp(change, axis=0)[still].mean()) if still.any() else 0.0)
        path = folder / "clip.mp4"
        write_video(path, iter(frames), len(frames), 30, plain.shape[2:0:-1])
        for name, how in ATTACKS.items():
            reading = verify(attacked(path, **how) if how else path).watermark  # type: ignore[arg-type]
            found[name].append(reading)
            right[name].append(reading.payload == payload)
    return {
        "attacks": {
            name: {
                "read": float(np.mean(right[name])),
                "found": float(np.mean([one.found for one in found[name]])),
                "score_median": round(float(np.median([one.score for one in found[name]])), 1),
                "score_5_percent": round(float(np.quantile([one.score for one in found[name]], 0.05)), 1),
            }
            for name in ATTACKS
        },
        "psnr_db": {"mean": round(float(np.mean(psnr)), 2), "least": round(float(min(psnr)), 2)},
        "still_pixels_change_over_time_of_255": {
            "mean": round(float(np.mean(drift)), 4),
            "greatest": round(max(drift), 4),
        },
        "cpu_ms_per_frame": round(float(np.median(milliseconds)), 2),
    }


def unmarked(options: argparse.Namespace, pictures: list[np.ndarray], folder: Path) -> dict[str, Any]:
    sources = pictures or [clip[0] for clip in clips(12, 2, options.size, [])]
    scores, alarms = [], 0
    for index in range(options.unmarked):
        rng = np.random.default_rng(10_000 + index)
        picture = sources[index % len(sources)]
        picture = picture[:, ::-1] if rng.random() < 0.5 else picture
        y, x = np.mgrid[: options.size, : options.size].astype(np.float32)
        zoom, shift = rng.uniform(0.6, 1), rng.uniform(0, 1, 2)
        shift = shift * (1 - zoom) * options.size
        picture = sample(picture, x * zoom + shift[0], y * zoom + shift[1])
        picture = np.clip(picture * rng.uniform(0.7, 1.2, 3), 0, 255).astype(np.uint8)
        path = folder / "plain.mp4"
        frames = sway(picture, 3, rng)
        write_video(path, iter(frames), 3, 30, (options.size, options.size))
        reading = verify(attacked(path, crf=28, scale=0.75)).watermark
        scores.append(reading.score)
        alarms += reading.found
    return {
        "clips": options.unmarked,
        "payloads_each": PAYLOADS,
        "false_alarms": int(alarms),
        "score_mean": round(float(np.mean(scores)), 2),
        "score_greatest": round(max(scores), 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--unmarked", type=int, default=2000)
    parser.add_argument("--frames", type=int, default=45)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    paths = sorted(options.pictures.glob("*.png")) if options.pictures else []
    square = (options.size, options.size)
    pictures = [np.asarray(Image.open(path).convert("RGB").resize(square)) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        text = {
            "benchmark": "watermark",
            "cores": len(os.sched_getaffinity(0)),
            "clips": options.clips,
            "frames": options.frames,
            "size": options.size,
            "pictures": len(pictures),
            "milliseconds_to_read": reading_time(options.size),
            **marked(options, pictures, Path(folder)),
            "unmarked": unmarked(options, pictures, Path(folder)),
        }
    print(json.dumps(text, indent=1))


def reading_time(size: int) -> float:
    """Processor time for 30 decoded frames."""
    frame = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    read([frame])
    began = time.process_time()
    read([frame] * 30)
    return round((time.process_time() - began) * 1000, 1)


if __name__ == "__main__":
    main()
