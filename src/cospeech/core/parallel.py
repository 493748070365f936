"""Work for as many processes as there are processors: pictures of a film, files to read.

The workers are plain interpreters that read a job from their input and write frames to their output:
they neither import the caller's script nor inherit its threads, so they work the same in a
script, a notebook and a service, on every system.
"""

from __future__ import annotations

import mmap
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Protocol, TypeVar

import numpy as np

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4  # frames a worker may be ahead
ALIGNMENT = 64  # bytes


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
    """All pictures of a job in order, drawn by several processes, which share the memory of its arrays."""
    with _stored(job) as stored:
        yield from _drawn_together(stored, job.frames, job.size, workers)


def _drawn_together(job: _Stored, frames: int, size: tuple[int, int], workers: int) -> Iterator[np.ndarray]:
    processes, queues = [], []
    done = threading.Event()
    try:
        for index in range(workers):
            process = _start(job, index, workers)
            queue: Queue[bytes | None] = Queue(AHEAD)
            processes.append(process)
            queues.append(queue)
            reader = threading.Thread(target=_read, args=(process, queue, done, size[0] * size[1] * 3), daemon=True)
            reader.start()
        for frame in range(frames):
            data = queues[frame % workers].get()
            if data is None:
                message = processes[frame % workers].stderr.read().decode(errors="replace").strip()  # type: ignore[union-attr]
                raise RuntimeError(f"a drawing process ended early: {message.splitlines()[-1] if message else ''}")
            yield np.frombuffer(data, np.uint8).reshape(size[1], size[0], 3)
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


@dataclass(frozen=True)
class _Stored:
    """A pickled job; its arrays lie in a file that all workers map."""

    pickled: bytes
    path: str
    spans: tuple[tuple[int, int], ...]  # first byte and size of each array

    def opened(self) -> Job:
        """The job, with arrays that may be written to; nothing of that reaches the file."""
        with open(self.path, "rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        job: Job = pickle.loads(self.pickled, buffers=[mapped[first : first + size] for first, size in self.spans])
        return job


@contextmanager
def _stored(job: Job) -> Iterator[_Stored]:
    """Store a job for workers, as long as the block lasts."""
    arrays: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(job, protocol=5, buffer_callback=arrays.append)
    handle, path = tempfile.mkstemp(prefix="cospeech-")
    try:
        spans = []
        with open(handle, "wb") as file:
            file.write(bytes(ALIGNMENT))  # an empty file cannot be mapped
            for array in arrays:
                file.write(bytes(-file.tell() % ALIGNMENT))
                spans.append((file.tell(), array.raw().nbytes))
                file.write(array.raw())
        yield _Stored(pickled, path, tuple(spans))
    finally:
        os.unlink(path)


def _start(job: _Stored, index: int, workers: int) -> subprocess.Popen[bytes]:
    process = _interpreter("worker")
    assert process.stdin is not None
    try:
        pickle.dump((job, index, workers), process.stdin, protocol=5)
        process.stdin.close()
    except BrokenPipeError:  # it ended; its message is read where its frames are waited for
        pass
    return process


def _interpreter(function: str, *, errors: int | None = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """A plain interpreter of one thread that calls a function of this module; ``errors``: its standard error."""
    root = str(Path(__file__).resolve().parents[2])
    # The current folder is no place for modules: -P, and no empty element, which would name it.
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"from cospeech.core.parallel import {function}; {function}()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, **one, "PYTHONPATH": os.pathsep.join(paths)},
    )


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
    stored, index, workers = pickle.load(sys.stdin.buffer)
    job, output = stored.opened(), sys.stdout.buffer
    try:
        for frame in job.draw(range(index, job.frames, workers)):
            output.write(frame.tobytes())
            output.flush()
    except BrokenPipeError:
        os._exit(0)


def map_together(function: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[R]:
    """``function`` of every task, by several processes, in the order of the tasks.

    The function is one of a module, and tasks and results can be pickled. What a worker writes to standard error
    appears; its standard output is lost. When the caller stops early, the workers end.

    Raises:
        Exception: what the function raised for the first task that failed.
        RuntimeError: a worker ended early.
    """
    waiting: Queue[int] = Queue()
    for index in range(len(tasks)):
        waiting.put(index)
    processes = [_interpreter("task_worker", errors=None) for _ in range(min(workers, len(tasks)))]
    answers: list[Queue[tuple[bool, Any]]] = [Queue(1) for _ in tasks]
    threads = [
        threading.Thread(target=_serve, args=(process, function, tasks, waiting, answers), daemon=True)
        for process in processes
    ]
    try:
        for thread in threads:
            thread.start()
        for answer in answers:
            worked, result = answer.get()
            if not worked:
                raise result
            yield result
    finally:
        for process in processes:
            process.kill()
        for process, thread in zip(processes, threads, strict=True):
            process.wait()
            thread.join()
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    pipe.close()  # type: ignore[union-attr]


def _serve(
    process: subprocess.Popen[bytes],
    function: Callable[[T], R],
    tasks: Sequence[T],
    waiting: Queue[int],
    answers: list[Queue[tuple[bool, Any]]],
) -> None:
    """Give one worker task after task."""
    while True:
        try:
            index = waiting.get_nowait()
        except Empty:
            return
        try:
            pickle.dump((function, tasks[index]), process.stdin, protocol=5)  # type: ignore[arg-type]
            process.stdin.flush()  # type: ignore[union-attr]
            answers[index].put(pickle.load(process.stdout))  # type: ignore[arg-type]
        except Exception as error:
            answers[index].put((False, RuntimeError(f"a worker ended early ({type(error).__name__}: {error})")))
            return


def task_worker() -> None:
    """A process of ``map_together``: tasks from standard input, results to standard output."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed by the way must not stand between the results
    while True:
        try:
            function, task = pickle.load(source)
        except EOFError:
            return
        answer: tuple[bool, Any]
        try:
            answer = (True, function(task))
        except Exception as error:
            answer = (False, error)
        try:
            pickle.dump(answer, target, protocol=5)
            target.flush()
        except BrokenPipeError:
            os._exit(0)
