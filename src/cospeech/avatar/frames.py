"""Frames of a motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..core.errors import UserError
from ..core.parallel import draw_together, processors
from ..motion.motion import Motion
from .body import Body, BodyLike, ColoursLike, chosen_body
from .camera import Camera, frame_motion
from .character.character import Character
from .character.drawing import draw_figure, framed_person, pose_figure
from .character.figure import Figure, FigureMotion, load_figure
from .character.lighter import lighter
from .pose import pose_vertices
from .scene import Studio, draw

BACKENDS = ("auto", "software", "gl")
ALONE = 24  # motions of fewer frames are drawn here, without other processes
CHUNK = 16  # frames posed at once
LONG = 100  # frames of a film from which on a lighter mesh of a character is worth making
CLOSE = 800  # pixels a metre from which on the full body is drawn

Painter = Callable[[Studio, Body, np.ndarray], np.ndarray]  # as ``scene.draw``


@dataclass(frozen=True)
class _Job:
    motion: Motion
    camera: Camera
    size: tuple[int, int]
    level: int
    body: BodyLike | None = None
    colours: ColoursLike | None = None
    figure: Figure | None = None  # who is drawn instead of our person, and what it does
    moved: FigureMotion | None = None

    @property
    def frames(self) -> int:
        return self.motion.frames

    def draw(self, frames: range) -> Iterator[np.ndarray]:
        return _draw(self, frames)


def render_frames(
    motion: Motion,
    *,
    size: int | tuple[int, int] = 512,
    view: str = "gesture",
    camera: Camera | None = None,
    level: int | None = None,
    backend: str = "auto",
    workers: int | None = None,
    body: BodyLike | None = None,
    colours: ColoursLike | None = None,
    onto: Character | None = None,
) -> Iterator[np.ndarray]:
    """Draw the default person moving, or another, one picture a frame of the motion.

    Args:
        motion: on the canonical joints.
        size: pixels, one number for a square or (width, height).
        view: "gesture" (upper body), "full" or "face"; a still camera that has the motion in the picture.
        camera: instead of ``view``.
        level: detail of the body, 0 full or 1 lighter; by default what suits the picture.
        backend: "software" needs NumPy only, "gl" a graphics driver and moderngl, "auto" takes gl if
            it works here and software else.
        workers: processes that draw (software only); by default one a processor.
        body: "person", "woman", "mannequin", or another body bound to the canonical joints.
        colours: of its clothes, as in "jacket=#345,trousers=navy" or as a dict.
        onto: a user's own character, which is drawn instead (in software only).

    Returns:
        Iterator over [H, W, 3] uint8 sRGB.

    Raises:
        UserError: wrong size, view, backend, body or colours, or a motion on another skeleton.
    """
    width, height = picture_size(size)
    chosen_body(body, colours, 1)  # a wrong one is reported before anything is drawn
    if backend not in BACKENDS:
        raise UserError(f"backends are {', '.join(BACKENDS)}; got {backend!r}")
    if not motion.frames:
        raise UserError("the motion has no frames; nothing can be drawn")
    workers = processors() if workers is None else workers
    if onto is not None:
        return _drawn_figure(motion, onto, (width, height), view=view, camera=camera, workers=workers)
    if camera is None:
        camera = frame_motion(motion, view=view, aspect=width / height)
    if backend != "software":
        from .gl import open_painter

        painter = open_painter(width, height, required=backend == "gl")
        if painter is not None:
            job = _Job(motion, camera, (width, height), 0 if level is None else level, body, colours)
            return _draw(job, range(motion.frames), painter.draw)
    if level is None:
        level = 0 if height / camera.height > CLOSE else 1
    return _start(_Job(motion, camera, (width, height), level, body, colours), workers)


def _drawn_figure(
    motion: Motion, character: Character, size: tuple[int, int], *, view: str, camera: Camera | None, workers: int
) -> Iterator[np.ndarray]:
    """The pictures of a user's own character."""
    figure = load_figure(character)
    moved = figure.move(character.pose(motion))
    if camera is None:
        camera = frame_motion(motion, view=view, aspect=size[0] / size[1], person=framed_person(figure, moved, motion))
    if motion.frames >= LONG:
        figure = lighter(figure, camera.height / size[1])
    return _start(_Job(motion, camera, size, 0, figure=figure, moved=moved), workers)


def _start(job: _Job, workers: int) -> Iterator[np.ndarray]:
    if workers < 2 or job.frames < ALONE:
        return _draw(job, range(job.frames), draw)
    return draw_together(job, min(workers, job.frames))


def picture_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(width, height) from one number or two. Raises UserError unless 16 to 8192 pixels."""
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and 16 <= n <= 8192 for n in pair):
        raise UserError(f"a picture is 16 to 8192 pixels wide and high; got {size!r}, give e.g. 512 or (1280, 720)")
    return int(pair[0]), int(pair[1])


def _draw(job: _Job, frames: range, painter: Painter = draw) -> Iterator[np.ndarray]:
    studio = Studio(job.camera, *job.size)
    if job.figure is not None and job.moved is not None:
        for frame in frames:
            yield draw_figure(studio, job.figure, *pose_figure(job.figure, job.moved, frame))
        return
    body = chosen_body(job.body, job.colours, job.level)
    for start in range(frames.start, frames.stop, CHUNK * frames.step):
        stop = min(start + CHUNK * frames.step, frames.stop)
        for points in pose_vertices(body, job.motion, frames=slice(start, stop, frames.step)):
            yield painter(studio, body, points)
