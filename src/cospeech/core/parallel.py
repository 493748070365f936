"""Pictures of a film, drawn by as many processes as there are processors.

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
from pathlib import Path
from queue import Empty, Queue
from typing import Protocol

import numpy as np

AHEAD = 4  # frames a worker may be ahead


class Job(Protocol):
    """What can be drawn frame by frame; it is pickled for the workers."""

    @property
    def frames(self) -> int:
        """How many."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every picture."""

    def draw(self, frames: range) -> Iterator[np.ndarray]:
        """Pictures [H, W, 3] uint8 of these frames."""


def processors() -> int:
    """How many workers are of use here, 8 at most."""
    if hasattr(os, "sched_getaffinity"):
        return min(8, len(os.sched_getaffinity(0)))
    return min(8, os.cpu_count() or 1)


def draw_together(job: Job, workers: int) -> Iterator[np.ndarray]:
    """All pictures of a job in order, drawn by several processes."""
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
        for frame in range(job.frames):
            data = queues[frame % workers].get()
            if data is None:
                message = processes[frame % workers].stderr.read().decode(errors="replace").strip()  # type: ignore[union-attr]
                raise RuntimeError(f"a drawing process ended early: {message.splitlines()[-1] if message else ''}")
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


def _start(job: Job, index: int, workers: int) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parents[2])
    # The current folder is no place for modules: -P, and no empty element, which would name it.
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from cospeech.core.parallel import worker; worker()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **one, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert process.stdin is not None
    try:
        pickle.dump((job, index, workers), process.stdin, protocol=5)
        process.stdin.close()
    except BrokenPipeError:  # it ended; its message is read where its frames are waited for
        pass
    return process


def _read(process: subprocess.Popen[bytes], queue: Queue[bytes | None], done: threading.Event, count: int) -> None:
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
        for frame in job.draw(range(index, job.frames, workers)):
            output.write(frame.tobytes())
            output.flush()
    except BrokenPipeError:
        os._exit(0)
