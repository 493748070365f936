"""Time, memory, length and sound of the whole animate command, and what stays still: one JSON object.

    python benchmarks/bench_video_speed.py PORTRAIT SOUND --points POINTS.json [--refine MODEL none]
        [--sizes 256 512] [--seconds 5 10 20 40] [--cores 2] [--no-mark] [--checks speed background face]

``speed``: ``python -m cospeech animate`` as a process, for sounds made by repeating SOUND. Wall seconds of
the median run; "line" is the straight line through them (seconds = intercept + slope x length) and its
greatest residual. Memory is the greatest sum over the process and its children, sampled every 50 ms: of
resident pages ("rss", where shared pages count several times) and of proportional ones ("pss"). Frames are
counted by decoding the film; the sound's lag is where its correlation with the speech is greatest. One more
run gives no points, so that MediaPipe looks for them and nothing is remembered ("cold"), if it is set up.

``background``: pixels that no part of the person comes nearer than ``--reach`` (pixels of 256) in any frame;
how far they are from the first frame, on average, in 1/255, before encoding and in the decoded film.

``face``: a minute of strength 0, whose frames must not change, and a minute of gestures: frames of the last
ten seconds beside those of the first ten whose points are nearly the same, and, as what small differences
of pose alone make, frames of the first ten seconds beside one another, as near in pose.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cospeech import api
from cospeech.core.timing import FPS, frames_in
from cospeech.metrics.images import ssim
from cospeech.motion.motion import Motion
from cospeech.speech.audio import decode, write_wav
from cospeech.speech.loading import load_speech
from cospeech.speech.speech import Speech
from cospeech.video.detection.setup import INTERPRETER
from cospeech.video.evaluation import boxes
from cospeech.video.films.animate import portrait_keypoints
from cospeech.video.films.portrait import Portrait, open_portrait
from cospeech.video.films.portrait_film import portrait_frames
from cospeech.video.warping.layer_warp import draw

RATE = 16_000
AAC_FRAME = 1024  # samples
ODD = 3.217  # seconds that end within a frame
PAGE = os.sysconf("SC_PAGE_SIZE")


def repeated(sound: np.ndarray, seconds: float) -> np.ndarray:
    """[N] samples of exactly so many seconds."""
    return np.resize(sound, round(seconds * RATE))


def family(root: int) -> list[int]:
    """A process and all its children's children."""
    parent: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parent[int(entry)] = int(text.rpartition(")")[2].split()[1])
    found = [root]
    for process in found:
        found += [child for child, own in parent.items() if own == process]
    return found


class Memory(threading.Thread):
    """Samples the memory of a process and its children until it ends."""

    def __init__(self, process: subprocess.Popen) -> None:
        super().__init__(daemon=True)
        self.process, self.rss, self.pss, self.most = process, 0, 0, 0

    def run(self) -> None:
        while self.process.poll() is None:
            rss = pss = 0
            running = family(self.process.pid)
            for one in running:
                try:
                    rss += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * PAGE
                    lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
                except (OSError, IndexError):
                    continue
                pss += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
            self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)
            self.most = max(self.most, len(running))
            time.sleep(0.05)


def animated(
    options: argparse.Namespace,
    sound: Path,
    film: Path,
    size: int,
    refine: str,
    *,
    points: bool = True,
    env: dict[str, str] | None = None,
    more: tuple[str, ...] = (),
) -> dict[str, Any]:
    """One run of the command: seconds of the clock and of processors, and MiB."""
    command = [sys.executable, "-m", "cospeech", "animate", str(options.portrait), str(sound), "-o", str(film)]
    command += ["--size", str(size), "--refine", refine, "--model", options.model, *more]
    command += ["--points", str(options.points)] if points else []
    command += [] if options.mark else ["--no-mark"]
    before = os.times()
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}
    )
    memory = Memory(process)
    memory.start()
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace").strip()
    code = process.wait()
    wall = time.perf_counter() - began
    memory.join()
    if code:
        sys.exit(f"{' '.join(command)}\n{said}")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "wall_s": round(wall, 3),
        "cpu_s": round(spent, 2),
        "rss_mib": round(memory.rss / 2**20),
        "pss_mib": round(memory.pss / 2**20),
        "processes": memory.most,
    }


def film_pictures(film: Path) -> Iterator[np.ndarray]:
    """[H, W, 3] uint8 of every frame of a film."""
    import av
    from av.video.reformatter import Colorspace

    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            yield frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU709).to_ndarray()


def checked(film: Path, samples: np.ndarray) -> dict[str, Any]:
    """Is the film as long as the speech, and in step with it?"""
    import av

    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        times = [float(frame.pts * stream.time_base) for frame in container.decode(video=0)]
        size = [stream.width, stream.height]
    wanted = frames_in(len(samples), sample_rate=RATE)
    extracted = decode(film, sample_rate=RATE)
    lag, likeness = offset(samples, extracted)
    step = "one sample" if abs(lag) <= 1 else "one AAC frame" if abs(lag) <= AAC_FRAME else "NEITHER"
    return {
        "frames": len(times),
        "frames_of_speech": wanted,
        "same": len(times) == wanted,
        "size": size,
        "greatest_error_of_frame_times_s": float(np.abs(np.array(times) - np.arange(len(times)) / FPS).max()),
        "sound_samples": len(extracted),
        "speech_samples": len(samples),
        "sound_lag_samples": lag,
        "sound_lag_ms": round(1000 * lag / RATE, 4),
        "sound_within": step,
        "sound_correlation": round(likeness, 4),
    }


def offset(speech: np.ndarray, extracted: np.ndarray) -> tuple[int, float]:
    """By how many samples the sound is late, and the correlation there (an FFT of both, a second at most)."""
    size = 1 << (len(speech) + len(extracted)).bit_length()
    product = np.fft.irfft(np.fft.rfft(extracted, size) * np.conj(np.fft.rfft(speech, size)), size)
    lags = np.concatenate([np.arange(RATE), np.arange(-RATE, 0)])
    best = int(np.argmax(product[lags]))
    power = float(np.linalg.norm(speech) * np.linalg.norm(extracted))
    return int(lags[best]), float(product[lags][best]) / max(power, 1e-9)


def line(lengths: list[float], walls: list[float]) -> dict[str, float]:
    """Seconds of the clock over seconds of film."""
    slope, intercept = np.polyfit(lengths, walls, 1)
    rest = np.abs(np.polyval([slope, intercept], lengths) - walls)
    return {
        "slope_s_per_s": round(float(slope), 4),
        "intercept_s": round(float(intercept), 3),
        "greatest_residual_s": round(float(rest.max()), 3),
        "frames_per_second_of_slope": round(FPS / float(slope), 2),
    }


def speed(options: argparse.Namespace, sound: np.ndarray, folder: Path) -> dict[str, Any]:
    """All lengths, sizes and networks; the lengths in turns, so that a busy minute falls on all of them."""
    result: dict[str, Any] = {}
    for size in options.sizes:
        for refine in options.refine:
            rows: dict[str, Any] = {}
            for seconds in (ODD, *options.seconds):
                wav, film = folder / "talk.wav", folder / "film.mp4"
                samples = repeated(sound, seconds)
                write_wav(wav, samples)
                runs = [animated(options, wav, film, size, refine) for _ in range(options.repeats)]
                run = sorted(runs, key=lambda one: one["wall_s"])[len(runs) // 2]
                frames = frames_in(len(samples), sample_rate=RATE)
                rows[f"{seconds:g}"] = {
                    **run,
                    "frames_per_second": round(frames / run["wall_s"], 2),
                    **checked(film, load_speech(wav).samples),
                }
            walls = [rows[f"{seconds:g}"]["wall_s"] for seconds in options.seconds]
            entry: dict[str, Any] = {"runs": rows}
            if len(walls) > 1:
                entry["line"] = line(options.seconds, walls)
                spent = [rows[f"{seconds:g}"]["cpu_s"] for seconds in options.seconds]
                slope = line(options.seconds, spent)["slope_s_per_s"]
                entry["cpu_ms_per_frame_of_slope"] = round(1000 * slope / FPS, 1)
            result[f"{size} {Path(refine).name}"] = entry
    if options.cold and os.environ.get(INTERPRETER):
        write_wav(folder / "talk.wav", repeated(sound, options.seconds[0]))
        empty = {"XDG_CACHE_HOME": str(folder / "cache")}
        run = animated(
            options,
            folder / "talk.wav",
            folder / "film.mp4",
            options.sizes[0],
            options.refine[0],
            points=False,
            env=empty,
        )
        result["cold"] = {"seconds": options.seconds[0], **run}
    return result


class Scene:
    """A portrait that speaks for so long, as the command draws it."""

    def __init__(self, options: argparse.Namespace, sound: np.ndarray, seconds: float, folder: Path) -> None:
        self.options, self.size, self.refine = options, options.sizes[0], options.refine[0]
        self.wav, self.film = folder / "scene.wav", folder / "scene.mp4"
        write_wav(self.wav, repeated(sound, seconds))
        self.portrait: Portrait = open_portrait(options.portrait, points=options.points, size=self.size)

    def points(self) -> np.ndarray:
        """[T, 116, 2], those that the command draws with the same seed."""
        speech: Speech = load_speech(self.wav)
        motion: Motion = api.generate(speech, model=self.options.model)
        return portrait_keypoints(self.portrait, motion, speech)

    def command(self, *more: str) -> Path:
        """The film."""
        animated(self.options, self.wav, self.film, self.size, self.refine, more=more)
        return self.film


def background(options: argparse.Namespace, sound: np.ndarray, folder: Path) -> dict[str, Any]:
    """How still the pixels are that the person never comes near."""
    scene = Scene(options, sound, options.still_seconds, folder)
    points = scene.points()
    width, height = scene.portrait.size
    near = np.zeros((height, width), bool)
    for one in points:
        near |= draw(scene.portrait.layers, one).seen.max(0) > 0
    reach = round(options.reach * max(width, height) / 256)
    away = ~grown(near, reach)
    result: dict[str, Any] = {
        "seconds": options.still_seconds,
        "reach_px": reach,
        "share_of_picture": round(float(away.mean()), 4),
    }
    if away.any():
        drawn = portrait_frames(scene.portrait, points, refine=scene.refine)
        result["before_encoding"] = changes(drawn, away, scene.portrait.picture)
        result["film"] = changes(film_pictures(scene.command()), away, scene.portrait.picture)
    return result


def grown(mask: np.ndarray, reach: int) -> np.ndarray:
    """[H, W] true within ``reach`` pixels of a true one, along rows and columns."""
    for axis in (0, 1):
        padded = np.pad(mask, [(reach, reach) if k == axis else (0, 0) for k in (0, 1)])
        mask = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis).any(-1)
    return mask


def changes(pictures: Iterator[np.ndarray], away: np.ndarray, portrait: np.ndarray) -> dict[str, Any]:
    """Of pixels of a film, in 1/255: distances from the first frame, the frame before, and the portrait."""
    first = before = None
    sums, most, alike, count = np.zeros(3), 0, 0, 0
    for picture in pictures:
        values = picture[away].astype(int)
        if first is None or before is None:
            first = before = values
            continue
        gaps = [np.abs(values - other) for other in (first, before, portrait[away].astype(int))]
        sums += [gap.mean() for gap in gaps]
        most, alike, count = max(most, int(gaps[0].max())), alike + int((gaps[0] == 0).sum()), count + 1
        before = values
    assert first is not None
    means = [round(float(value), 5) for value in sums / max(count, 1)]
    return {
        "from_first_frame": means[0],
        "from_frame_before": means[1],
        "from_portrait": means[2],
        "greatest": most,
        "share_unchanged": round(alike / max(count * first.size, 1), 5),
    }


def face(options: argparse.Namespace, sound: np.ndarray, folder: Path) -> dict[str, Any]:
    """Does the face stay the same over a minute?"""
    scene = Scene(options, sound, options.minute, folder)
    still = list(film_pictures(scene.command("--strength", "0")))
    own = scene.portrait.points[None]
    corners, side, _ = boxes(own, "face", scene.portrait.size)
    (x, y) = corners[0]
    window = slice(y, y + side), slice(x, x + side)
    held = np.repeat(own, 13, 0)  # as many as are drawn by several processes
    drawn = [one.astype(int) for one in portrait_frames(scene.portrait, held, refine=scene.refine)]
    result: dict[str, Any] = {
        "seconds": options.minute,
        "still": {
            "greatest_change_before_encoding": max(int(np.abs(drawn[0] - one).max()) for one in drawn),
            "film_ssim_of_face_first_last": round(alike(still[FPS][window], still[-1][window])[0], 5),
            "film_colour_of_face_first_last": round(alike(still[FPS][window], still[-1][window])[1], 4),
        },
    }
    points = scene.points()
    pictures = list(film_pictures(scene.command()))
    span = min(10 * FPS, len(points) // 3)
    early, late = np.arange(FPS, span), np.arange(len(points) - span, len(points))
    across, within = nearest(points, early, late), nearest(points, early, early)
    for name, chosen in (("start_to_end", across), ("start_to_start", within)):
        result[name] = compared(scene, points, pictures, chosen)
    return result


def nearest(points: np.ndarray, some: np.ndarray, others: np.ndarray, count: int = 10) -> list[tuple[int, int]]:
    """Pairs of frames whose faces lie nearest to one another, a second apart at least."""
    rows = []
    for i in some:
        gaps = np.linalg.norm(points[others, 48:] - points[i, 48:], axis=-1).mean(-1)
        gaps[np.abs(others - i) < FPS] = np.inf
        j = int(np.argmin(gaps))
        rows.append((float(gaps[j]), int(i), int(others[j])))
    return [(i, j) for _, i, j in sorted(rows)[:count]]


def compared(
    scene: Scene, points: np.ndarray, pictures: list[np.ndarray], chosen: list[tuple[int, int]]
) -> dict[str, Any]:
    """Faces of pairs of frames: how far apart their points are, and how alike they look."""
    rows = []
    for i, j in chosen:
        both = points[[i, j]]
        corners, side, _ = boxes(both.mean(0)[None], "face", scene.portrait.size)
        x, y = corners[0]
        drawn = list(portrait_frames(scene.portrait, both, refine=scene.refine, workers=1))
        cuts: list[float] = []
        for pair in (drawn, [pictures[i], pictures[j]]):
            cuts += alike(*(one[y : y + side, x : x + side] for one in pair))
        rows.append([float(np.linalg.norm(both[0, 48:] - both[1, 48:], axis=-1).mean()), *cuts])
    names = ("points_apart_px", "drawn_ssim", "drawn_colour", "film_ssim", "film_colour")
    means = np.mean(rows, axis=0)
    return {"pairs": len(rows), **{name: round(float(v), 5) for name, v in zip(names, means, strict=True)}}


def alike(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """SSIM of two pictures, and how far apart their mean colours are, in 1/255."""
    near = float(ssim(a[None] / 255.0, b[None] / 255.0)[0])
    return near, float(np.abs(a.mean((0, 1)) - b.mean((0, 1))).mean())


CHECKS = {"speed": speed, "background": background, "face": face}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("portrait", type=Path)
    parser.add_argument("sound", type=Path)
    parser.add_argument("--points", type=Path, required=True, help="of `cospeech video keypoints`")
    parser.add_argument("--refine", nargs="+", default=["none"], help="the checks use the first")
    parser.add_argument("--model", default="contextual", help="of gestures")
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 512], help="the checks use the first")
    parser.add_argument("--seconds", nargs="+", type=float, default=[5.0, 10.0, 20.0, 40.0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--still-seconds", type=float, default=10.0)
    parser.add_argument("--minute", type=float, default=60.0)
    parser.add_argument("--reach", type=float, default=12.0, help="pixels of 256")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--no-mark", dest="mark", action="store_false")
    parser.add_argument("--no-cold", dest="cold", action="store_false")
    parser.add_argument("--checks", nargs="+", choices=tuple(CHECKS), default=list(CHECKS))
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    os.sched_setaffinity(0, cores)
    sound = load_speech(options.sound).samples
    with tempfile.TemporaryDirectory() as folder:
        found = {name: CHECKS[name](options, sound, Path(folder)) for name in options.checks}
    head = {
        "benchmark": "video speed",
        "machine": platform.processor() or platform.machine(),
        "cores": len(cores),
        "load_of_15_minutes": round(os.getloadavg()[2], 2),
        "mark": options.mark,
        "refine": options.refine,
    }
    print(json.dumps({**head, **found}, indent=1))


if __name__ == "__main__":
    main()
