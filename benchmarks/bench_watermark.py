"""How well the marks of generated videos last, how visible they are and what they cost: one JSON object.

    python benchmarks/bench_watermark.py [--pictures FOLDER] [--clips 100] [--unmarked 3000] [--frames 24]

Half of the clips are 256 pixels wide, half 512. Every fourth is the default person gesturing; of the others, with
--pictures, the middle of a picture of the folder sways while its border stands still, and every second such picture
is made one of little texture (blurred, dark, pale, of few colours, or with a plain wall behind and a plain shirt). Each
is marked, written with ``write_video`` (quality 20) and attacked: ``asked`` is H.264 at crf 28 and 0.75 of the
size, ``png`` and ``jpeg`` (quality 90) are one frame as a picture. ``read`` is the share with the right payload.
Of what is unmarked, two thirds are pictures (changed crop, mirroring, zoom, size, brightness and softness; half of them
JPEG), one third clips of three frames at crf 28 and 0.75 of the size; every one is compared with all payloads of
both versions, in all windows.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from bench_render import gesturing
from cospeech.avatar.film import write_video
from cospeech.avatar.frames import render_frames
from cospeech.video.provenance.code import PAYLOADS
from cospeech.video.provenance.record import verify
from cospeech.video.provenance.watermark import Marker, Reading, read

SIZES = (256, 512)
ATTACKS: dict[str, dict[str, Any]] = {
    "none": {},
    "asked": {"crf": 28, "scale": 0.75},
    "crf28": {"crf": 28},
    "crf35": {"crf": 35},
    "half_size": {"crf": 23, "scale": 0.5},
    "brighter": {"crf": 23, "gain": 1.15},
    "cropped_5_percent": {"crf": 23, "crop": (0.025, 0.025, 0.95)},
    "cropped_5_percent_of_two_sides": {"crf": 23, "crop": (0, 0.05, 0.95)},
    "cropped_5_percent_of_each_side": {"crf": 23, "crop": (0.05, 0.05, 0.9)},
    "cropped_5_percent_then_asked": {"crf": 28, "scale": 0.75, "crop": (0.025, 0.025, 0.95)},
    "mirrored": {"crf": 23, "mirror": 1},
}
PLAIN = ("blurred", "dark", "pale", "few_colours", "wall")  # pictures of little texture


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


def plainer(image: Image.Image, kind: str) -> Image.Image:
    """A picture with less texture."""
    width, height = image.size
    if kind == "blurred":
        return image.filter(ImageFilter.GaussianBlur(width / 60))
    if kind == "dark":
        return image.point(lambda value: round(value * 0.22))
    if kind == "pale":
        return image.point(lambda value: round(225 + 0.12 * (value - 128)))
    if kind == "few_colours":
        return image.filter(ImageFilter.MedianFilter(9)).quantize(12).convert("RGB")
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    face = np.clip((1 - ((x - 0.5) / 0.14) ** 2 - ((y - 0.3) / 0.22) ** 2) * 6, 0, 1)[..., None]
    shirt = np.clip((1 - ((x - 0.5) / 0.3) ** 2 - ((y - 1) / 0.5) ** 2) * 12, 0, 1)[..., None]
    wall = np.array([188, 184, 176]) * (1 + 0.06 * (y - x))[..., None]
    plain = wall * (1 - shirt) + np.array([92, 110, 140]) * shirt
    return Image.fromarray((np.asarray(image) * face + plain * (1 - face)).astype(np.uint8))


def clips(count: int, frames: int, pictures: list[Image.Image]) -> Iterator[tuple[str, np.ndarray]]:
    """Kind and [T, H, W, 3] each."""
    motion = gesturing(frames * 8)
    for index in range(count):
        rng, size = np.random.default_rng(index), SIZES[index // 4 % 2]
        if pictures and index % 4:
            picture = pictures[(index * 3 // 4) % len(pictures)].resize((size, size))
            kind = PLAIN[index // 4 % len(PLAIN)] if index % 4 == 2 else "portrait"
            yield kind, sway(np.asarray(plainer(picture, kind) if kind in PLAIN else picture), frames, rng)
        else:
            start = int(rng.integers(frames * 7))
            view = ("gesture", "full", "face")[index // 8 % 3]
            part = motion[start : start + frames]
            yield "drawn", np.stack(list(render_frames(part, size=size, view=view, backend="software", workers=1)))


def attacked(
    path: Path,
    *,
    crf: int = 0,
    scale: float = 1,
    gain: float = 1,
    crop: tuple[float, float, float] = (0, 0, 1),
    mirror: int = 0,
) -> Path:
    """The video encoded again as others would do, without its metadata."""
    import av

    target = path.with_stem(f"{path.stem}-again")
    with av.open(str(path)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        graph, last = av.filter.Graph(), None
        nodes = [graph.add_buffer(template=stream)]
        left, top, share = crop
        if share < 1:
            nodes.append(graph.add("crop", f"iw*{share}:ih*{share}:iw*{left}:ih*{top}"))
        if mirror:
            nodes.append(graph.add("hflip"))
        if scale != 1 or share < 1:
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


def pictured(path: Path, frame: int) -> dict[str, Path]:
    """One frame of a video as PNG and as JPEG."""
    import av
    from av.video.reformatter import Colorspace

    with av.open(str(path)) as source:
        frames = list(source.decode(video=0))
    image = Image.fromarray(frames[frame].to_ndarray(format="rgb24", src_colorspace=Colorspace.ITU709))
    found = {"png": path.with_suffix(".png"), "jpeg": path.with_suffix(".jpg")}
    image.save(found["png"])
    image.save(found["jpeg"], quality=90)
    return found


def marked(options: argparse.Namespace, pictures: list[Image.Image], folder: Path) -> dict[str, Any]:
    found: dict[str, list[Reading]] = {name: [] for name in (*ATTACKS, "png", "jpeg")}
    right: dict[str, list[bool]] = {name: [] for name in found}
    kinds, sizes, psnr, greatest, drift, costs = [], [], [], [], [], []
    for index, (kind, plain) in enumerate(clips(options.clips, options.frames, pictures)):
        payload = index * 2654435761 % PAYLOADS
        began = time.process_time()
        marker = Marker(payload, plain.shape[2:0:-1])
        frames = [marker.mark(plain[0])]
        first = time.process_time()
        frames = np.stack(frames + [marker.mark(frame) for frame in plain[1:]])
        costs.append(((first - began) * 1000, (time.process_time() - first) / (len(plain) - 1) * 1000))
        kinds.append(kind)
        sizes.append(plain.shape[1])
        change = frames.astype(np.int16) - plain
        psnr.append(10 * np.log10(255**2 / np.mean(change.astype(np.float64) ** 2)))
        greatest.append(int(np.abs(change).max()))
        still = (np.ptp(plain, axis=0) == 0).all(-1)
        drift.append(float(np.ptp(change, axis=0)[still].mean()) if still.any() else 0.0)
        path = folder / "clip.mp4"
        write_video(path, iter(frames), len(frames), 30, plain.shape[2:0:-1])
        files = {**pictured(path, len(frames) // 2), "none": path}
        for name in found:
            reading = verify(files[name] if name in files else attacked(path, **ATTACKS[name])).watermark
            found[name].append(reading)
            right[name].append(reading.payload == payload)
    little, size = np.isin(kinds, (*PLAIN, "drawn")), np.array(sizes)
    return {
        "attacks": {
            name: {
                "read": float(np.mean(right[name])),
                "found": float(np.mean([one.found for one in found[name]])),
                "read_of_little_texture": shared(right[name], little),
                **{f"read_at_{one}": shared(right[name], size == one) for one in SIZES},
                "score_median": round(float(np.median([one.score for one in found[name]])), 1),
                "score_5_percent": round(float(np.quantile([one.score for one in found[name]], 0.05)), 1),
                "score_least": round(min(one.score for one in found[name]), 1),
            }
            for name in found
        },
        "of_little_texture": int(little.sum()),
        "psnr_db": {"mean": round(float(np.mean(psnr)), 2), "least": round(float(min(psnr)), 2)},
        "greatest_change": {"median": float(np.median(greatest)), "most": max(greatest)},
        "still_pixels_change_over_time_of_255": {
            "mean": round(float(np.mean(drift)), 4),
            "greatest": round(max(drift), 4),
        },
        "cpu_ms": {
            str(one): dict(
                zip(("first_frame", "further_frame"), np.median(part, axis=0).round(2).tolist(), strict=True)
            )
            for one in SIZES
            if len(part := np.array(costs)[size == one])
        },
    }


def shared(right: list[bool], chosen: np.ndarray) -> float | None:
    return round(float(np.mean(np.array(right)[chosen])), 4) if chosen.any() else None


def unmarked(options: argparse.Namespace, pictures: list[Image.Image], folder: Path) -> dict[str, Any]:
    drawn = [Image.fromarray(clip[0]) for _, clip in clips(12, 2, [])]
    sources = [*pictures, *drawn]
    scores, alarms, moving = [], 0, 0
    for index in range(options.unmarked):
        rng = np.random.default_rng(10_000 + index)
        image = sources[index % len(sources)]
        zoom, shift = rng.uniform(0.3, 1), rng.uniform(0, 1, 2)
        left, top = shift * (1 - zoom) * image.size
        box = (left, top, left + zoom * image.width, top + zoom * image.height)
        clip = index % 3 == 0
        size = (256, 256) if clip else tuple(int(side) for side in rng.integers(160, 640, 2))
        image = image.resize(size, Image.Resampling.BICUBIC, box=box)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.3:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 4)))
        picture = np.clip(np.asarray(image) * rng.uniform(0.6, 1.2, 3), 0, 255).astype(np.uint8)
        if clip:
            path = folder / "plain.mp4"
            write_video(path, iter(sway(picture, 3, rng)), 3, 30, (256, 256))
            reading = verify(attacked(path, crf=28, scale=0.75)).watermark
            moving += 1
        else:
            data = io.BytesIO()
            Image.fromarray(picture).save(data, *(("JPEG",) if rng.random() < 0.5 else ("PNG",)))
            reading = read([np.asarray(Image.open(data).convert("RGB"))])
        scores.append(reading.score)
        alarms += reading.found
    return {
        "clips": moving,
        "pictures": options.unmarked - moving,
        "false_alarms": int(alarms),
        "score_mean": round(float(np.mean(scores)), 2),
        "score_greatest": round(max(scores), 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--unmarked", type=int, default=3000)
    parser.add_argument("--frames", type=int, default=24)
    options = parser.parse_args()
    paths = sorted(options.pictures.glob("*.png")) if options.pictures else []
    pictures = [Image.open(path).convert("RGB") for path in paths]
    text: dict[str, Any] = {
        "benchmark": "watermark",
        "cores": len(os.sched_getaffinity(0)),
        "clips": options.clips,
        "frames": options.frames,
        "pictures": len(pictures),
        "milliseconds_to_read_30_frames": {str(size): reading_time(size) for size in SIZES},
    }
    with tempfile.TemporaryDirectory() as folder:
        if options.clips:
            text.update(marked(options, pictures, Path(folder)))
        if options.unmarked:
            text["unmarked"] = unmarked(options, pictures, Path(folder))
    print(json.dumps(text, indent=1))


def reading_time(size: int) -> float:
    """Processor time for 30 decoded frames without a mark, which is looked for in all windows then."""
    frame = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    read([frame])
    began = time.process_time()
    read([frame] * 30)
    return round((time.process_time() - began) * 1000, 1)


if __name__ == "__main__":
    main()
