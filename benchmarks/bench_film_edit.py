"""What an edit of a film does to the frames outside of its spans: one JSON object.

Each film is encoded in many ways (``FORMS``), as cameras, services and programs do, and its second third is replaced
by itself, so that no network is needed and only writing is measured. Figures, over all frames outside: the share that
comes back bit by bit, and the least PSNR of the others against the frames that were decoded (as 8 bit 4:2:0).
"noise" adds the noise of a sensor before encoding. "seconds" is for writing one film.

    python benchmarks/bench_film_edit.py FILM [FILM ...]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from cospeech.video.films.footage import open_footage, rgb_of
from cospeech.video.films.pieces import frame_psnr, write_film

NOISE = 4.0  # grey levels


@dataclass(frozen=True)
class Form:
    """A way to encode a film."""

    name: str
    suffix: str = ".mp4"
    codec: str = "libx264"
    options: tuple[tuple[str, str], ...] = (("crf", "20"),)
    pixels: str = "yuv420p"
    size: int = 0  # of the longer side, pixels; that of the film if 0
    fps: str = ""  # that of the film if empty
    noise: bool = False


FORMS = (
    Form("H.264, crf 20"),
    Form("H.264, crf 28, 256 pixels", options=(("crf", "28"),), size=256),
    Form("H.264, crf 18, 1280 pixels", options=(("crf", "18"),), size=1280),
    Form("H.264, crf 18, noise", options=(("crf", "18"),), noise=True),
    Form("H.264, a key frame each second", options=(("crf", "20"), ("g", "30"))),
    Form("H.264, a key frame each second, noise", options=(("crf", "18"), ("g", "30")), noise=True),
    Form("H.264, open groups", options=(("crf", "20"), ("x264-params", "open-gop=1:keyint=30"))),
    Form("H.264, Baseline", options=(("crf", "20"), ("profile", "baseline"))),
    Form("H.264, 29.97 a second, mkv", suffix=".mkv", fps="30000/1001"),
    Form("H.264, avi", suffix=".avi", options=(("crf", "20"), ("bf", "0"))),
    Form("H.264, 4:4:4", pixels="yuv444p"),
    Form("H.264, 10 bit", pixels="yuv420p10le"),
    Form("H.264, full range", pixels="yuvj420p"),
    Form("HEVC", codec="libx265", options=(("crf", "22"), ("x265-params", "log-level=none"))),
    Form("VP9, webm", suffix=".webm", codec="libvpx-vp9", options=(("crf", "24"), ("b", "0"), ("cpu-used", "8"))),
    Form("MPEG-4 part 2, avi", suffix=".avi", codec="mpeg4", options=(("q", "3"),)),
)


def encoded(film: Path, form: Form, path: Path) -> Path:
    """A film in another form, without sound."""
    import av

    footage, rng = open_footage(film), np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        rate = Fraction(form.fps) if form.fps else Fraction(footage.fps).limit_denominator(1001)
        stream: Any = container.add_stream(form.codec, rate=rate, options=dict(form.options))
        scale = form.size / max(footage.size) if form.size else 1.0
        stream.width, stream.height = (round(side * scale / 2) * 2 for side in footage.size)
        stream.pix_fmt = form.pixels
        for planes in footage.planes():
            picture = rgb_of(planes, footage.matrix).astype(np.float32)
            if form.noise:
                picture += rng.normal(0, NOISE, picture.shape)
            frame = av.VideoFrame.from_ndarray(np.clip(np.round(picture), 0, 255).astype(np.uint8), format="rgb24")
            frame = frame.reformat(width=stream.width, height=stream.height, format=form.pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def measured(film: Path, written: Path) -> dict[str, float]:
    """Replace the second third of a film by itself and compare the rest."""
    footage = open_footage(film)
    first, end = footage.frames // 3, 2 * footage.frames // 3
    inside = np.zeros(footage.frames, bool)
    inside[first:end] = True
    began = time.perf_counter()
    write_film(written, inside, footage.planes(first, end), footage, speech=None, quality=16, metadata={})
    seconds = time.perf_counter() - began
    both: Iterator[tuple[np.ndarray, np.ndarray]] = zip(footage.planes(), open_footage(written).planes(), strict=True)
    quality = np.array([frame_psnr(*pair) for pair in both])[~inside]
    others = quality[np.isfinite(quality)]
    return {
        "exact": round(float(np.isinf(quality).mean()), 3),
        "least_psnr": round(float(others.min()), 2) if len(others) else float("inf"),
        "seconds": round(seconds, 2),
    }


def main() -> None:
    """Measure every form of every film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path)
    films = parser.parse_args().films
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMS:
            figures = []
            for film in films:
                source = encoded(film, form, Path(folder) / f"source{form.suffix}")
                figures.append(measured(source, Path(folder) / "written.mp4"))
            result[form.name] = {
                "exact": round(float(np.mean([one["exact"] for one in figures])), 3),
                "least_psnr": min(one["least_psnr"] for one in figures),
                "seconds": round(float(np.mean([one["seconds"] for one in figures])), 2),
            }
            print(form.name, result[form.name], file=sys.stderr)
    print(json.dumps({"films": len(films), "forms": result}, indent=1))


if __name__ == "__main__":
    main()
