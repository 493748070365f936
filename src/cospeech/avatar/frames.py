"""Frames of a motion, drawn by as many processes as there are processors.

The workers are plain interpreters that read a job from their input and write frames to their output:
they neither import the caller's script nor inherit its threads, so drawing works the same in a
script, a notebook and a service, on every system.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import numpy as np

from ..errors import UserError
from ..motion.motion import Motion
from .body import load_body
from .camera import Camera, frame_motion
from .pose import pose_vertices
from .scene import Studio, draw

BACKENDS = ("auto", "software", "gl")
ALONE = 24  # motions of fewer frames are drawn here, without other processes
CHUNK = 16  # frames posed at once
CLOSE = 800  # pixels a metre from which on the full body is drawn
AHEAD = 4  # frames a worker may be ahead


@dataclass(frozen=True)
class _Job:
    motion: Motion
    camera: Camera
    size: tuple[int, int]
    level: int


def render_frames(
    motion: Motion,
    *,
    size: int | tuple[int, int] = 512,
    view: str = "gesture",
    camera: Camera | None = None,
    level: int | None = None,
    backend: str = "auto",
    workers: int | None = None,
) -> Iterator[np.ndarray]:
    """Draw the default person moving, one picture a frame of the motion.

    Args:
        motion: on the canonical joints.
        size: pixels, one number for a square or (width, height).
        view: "gesture" (upper body), "full" or "face"; a still camera that has the motion in the picture.
        camera: instead of ``view``.
        level: detail of the body, 0 full or 1 lighter; by default what suits the picture.
        backend: "software" needs NumPy only, "gl" a graphics driver and moderngl, "auto" takes gl if
            it works here and software else.
        workers: processes that draw (software only); by default one a processor.

    Returns:
        Iterator over [H, W, 3] uint8 sRGB.

    Raises:
        UserError: wrong size, view, backend, or a motion on another skeleton.
    """
    width, height = picture_size(size)
    if backend not in BACKENDS:
        raise UserError(f"backends are {', '.join(BACKENDS)}; got {backend!r}")
    if not motion.frames:
        raise UserError("the motion has no frames; nothing can be drawn")
    if camera is None:
        camera = frame_motion(motion, view=view, aspect=width / height)
    if backend != "software":
        from .gl import open_painter

        painter = open_painter(width, height, required=backend == "gl")
        if painter is not None:
            job = _Job(motion, camera, (width, height), 0 if level is None else level)
            return _draw(job, range(motion.frames), painter.draw)
    if level is None:
        level = 0 if height / camera.height > CLOSE else 1
    job = _Job(motion, camera, (width, height), level)
    workers = _processors() if workers is None else workers
    if workers < 2 or motion.frames < ALONE:
        return _draw(job, range(motion.frames), draw)
    return _draw_together(job, min(workers, motion.frames))


def picture_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(width, height) from one number or two. Raises UserError unless 16 to 8192 pixels."""
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and 16 <= n <= 8192 for n in pair):
        raise UserError(
            f"a picture is 16 to 8192 pixels wide and high; got {size!r}, give e.g. 512 or (1280, 720)"
        )
    return int(pair[0]), int(pair[1])


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(8, len(os.sched_getaffinity(0)))
    return min(8, os.cpu_count() or 1)


def _draw(job: _Job, frames: range, painter=draw) -> Iterator[np.ndarray]:  # type: ignore[no-untyped-def]
    body = load_body(job.level)
    studio = Studio(job.camera, *job.size)
    for start in range(frames.start, frames.stop, CHUNK * frames.step):
        stop = min(start + CHUNK * frames.step, frames.stop)
        for points in pose_vertices(body, job.motion, frames=slice(start, stop, frames.step)):
            yield painter(studio, body, points)


def _draw_together(job: _Job, workers: int) -> Iterator[np.ndarray]:
    processes, queues = [], []
    done = threading.Event()
    try:
        for index in range(workers):
            process = _start(job, index, workers)
            queue: Queue[bytes | None] = Queue(AHEAD)
            processes.append(process)
            queues.append(queue)
            reader = threading.Thread(
                target=_read, args=(process, queue, done, job.size[0] * job.size[1] * 3), daemon=True
            )
            reader.start()
        for frame in range(job.motion.frames):
            data = queues[frame % workers].get()
            if data is None:
                message = processes[frame % workers].stderr.read().decode(errors="replace").strip()  # type: ignore[union-attr]
                raise RuntimeError(
                    f"a drawing process ended early: {message.splitlines()[-1] if message else ''}"
                )
            yield np.frombuffer(data, np.uint8).reshape(job.size[1], job.size[0], 3)
    finally:
        done.set()
        for process, queue in zip(processes, queues, strict=True):
            process.kill()
            try:
                queue.get_nowait()
            except Empty:
                pass
            process.wait()
            for pipe in (process.stdout, process.stderr):
                pipe.close()  # type: ignore[union-attr]


def _start(job: _Job, index: int, workers: int) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    process = subprocess.Popen(
        [sys.executable, "-c", "from cospeech.avatar.frames import worker; worker()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **one, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert process.stdin is not None
    pickle.dump((job, index, workers), process.stdin, protocol=5)
    process.stdin.close()
    return process


def _read(
    process: subprocess.Popen[bytes], queue: Queue[bytes | None], done: threading.Event, count: int
) -> None:
    """Move frames from a worker's output to its queue until either side ends."""
    try:
        while not done.is_set():
            data = process.stdout.read(count)  # type: ignore[union-attr]
            if len(data) < count:
                break
            queue.put(data)
    except ValueError:  # closed from the other side
        pass
    if not done.is_set():
        queue.put(None)


def worker() -> None:
    """A drawing process: job from standard input, raw frames to standard output."""
    job, index, workers = pickle.load(sys.stdin.buffer)
    output = sys.stdout.buffer
    try:
        for frame in _draw(job, range(index, job.motion.frames, workers)):
            output.write(frame.tobytes())
            output.flush()
    except BrokenPipeError:
        os._exit(0)
