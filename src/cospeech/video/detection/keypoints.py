"""Where a person is in a picture or film: 116 points, from MediaPipe or from a file, and what is missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.timing import FPS
from ...data.point_normalization import SEEN
from ...data.readers.detections import read_detections
from ...motion.formats.keypoints import DOCUMENT_FORMAT, Keypoints, load_keypoints
from ...motion.points import POINTS, SHOULDERS, Place, parents
from .detector import detect
from .imputation import ARM, ENOUGH_OF_FACE, ENOUGH_OF_HAND, FACE, HAND_POINTS, complete
from .picture import is_picture, load_picture, picture_size

__all__ = ["Seen", "check_person", "complete", "find_points", "video_keypoints"]

_BESIDE = 0.1  # of the picture: shoulders may lie so far beyond its edge
_CROWD = 0.2  # of the frames of a film in which somebody else counts
_MOSTLY = 0.5  # of the frames in which a part must be seen


@dataclass(frozen=True, eq=False)
class Seen:
    """The points of one person in a picture (T = 1) or film, as they were found.

    Raises:
        UserError: the arrays are not of the shapes below, or hold values that are no numbers.
    """

    points: np.ndarray  # [T, 116, 2] float32, pixels, y down, in the order of motion.points.POINTS
    confidence: np.ndarray  # [T, 116] float32, 0 (not found) to 1
    fps: float | None  # frames a second, None of a picture
    size: tuple[int, int]  # width and height, pixels, as load_picture gives it
    mask: np.ndarray | None = None  # [H, W] uint8, 255 where the person is; None where nobody looked
    people: int = 1  # how many there are

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float32)
        confidence = np.asarray(self.confidence, dtype=np.float32)
        count = len(POINTS)
        if points.ndim != 3 or points.shape[1:] != (count, 2) or not len(points):
            raise UserError(f"expected points [T, {count}, 2]; got {list(points.shape)}")
        if confidence.shape != points.shape[:2]:
            raise UserError(f"confidence must be {list(points.shape[:2])}; got {list(confidence.shape)}")
        if not (np.isfinite(points).all() and np.isfinite(confidence).all()):
            raise UserError("points and confidence must be finite numbers; set what is missing to 0")
        if self.mask is not None and self.mask.shape != (self.size[1], self.size[0]):
            raise UserError(f"a mask is as large as its picture, {self.size}; got {list(self.mask.shape)}")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "confidence", confidence)

    @property
    def frames(self) -> int:
        """T."""
        return len(self.points)


def find_points(path: str | Path, *, points: str | Path | None = None, cache: bool = True) -> Seen:
    """Find a person's points in a picture or film, or read those that another detector found.

    Args:
        path: a picture (as ``load_picture`` reads it, and in its pixels), or a film.
        points: JSON of the same picture or film: MMPose, DWPose, plain or OpenPose
            (``data.readers.detections``), or our own cospeech-keypoints with all 116 names. Those of a
            larger or smaller copy are scaled, if the file says its size ("canvas_width" and
            "canvas_height", or "size" of "camera") or the picture was made smaller on reading.
        cache: False to look anew and keep nothing (``detector.detect``).
    Raises:
        UserError: no picture or film, no points in the file, no environment to find them, or it failed.
    """
    path = Path(path)
    if is_picture(path):
        picture = load_picture(path)
        size = (picture.shape[1], picture.shape[0])
        if points is not None:
            return _given(Path(points), path, size, picture_size(path), None)
        found = detect(picture, name=path.name, cache=cache)
        return _seen(found, None, int(found["people"][0]))
    size, fps = _film(path)
    if points is not None:
        return _given(Path(points), path, size, size, fps)
    found = detect(path, name=path.name, cache=cache)
    return _seen(found, fps, int(np.quantile(found["people"], 1 - _CROWD, method="lower")))


def check_person(seen: Seen, what: str) -> tuple[str, ...]:
    """Is there one person of whom enough is to be seen?

    Args:
        what: the file's name, for messages.
    Returns:
        Notes, a line each, on what was not found and is filled in.
    Raises:
        UserError: nobody, several people, or no face or shoulders.
    """
    found = seen.confidence >= SEEN
    if not found.any() or seen.people < 1:
        raise UserError(
            f"no person is found in {what}; give a picture of one person from the waist up, facing the camera"
        )
    if seen.people > 1:
        raise UserError(f"{what} shows {seen.people} people; crop it so that one person is left")
    shown = seen.points[:, list(SHOULDERS)] / np.array(seen.size)
    within = ((shown > -_BESIDE) & (shown < 1 + _BESIDE)).all(-1) & found[:, list(SHOULDERS)]
    if within.mean(0).min() < _MOSTLY:
        raise UserError(f"the shoulders are not in {what}; give a picture that goes from head to waist")
    if (found[:, FACE].sum(1) >= ENOUGH_OF_FACE).mean() < _MOSTLY:
        raise UserError(f"the face is not seen in {what}; give a picture in which it looks at the camera")
    notes = []
    for side, part in HAND_POINTS.items():
        _, elbow, wrist = ARM[side]
        share = float((found[:, part].sum(1) >= ENOUGH_OF_HAND).mean())
        if share == 0.0:
            where = "is not found" if _is_inside(seen, found, wrist) else "is not in the picture"
            notes.append(f"{what}: the {side} hand {where}; it moves as the wrist does")
        elif share < _MOSTLY:
            notes.append(f"{what}: the {side} hand is seen in {share:.0%} of the frames; others are filled in")
        lost = [name for name, point in (("elbow", elbow), ("wrist", wrist)) if not found[:, point].any()]
        if lost and (share == 0.0 or lost == ["elbow"]):
            notes.append(
                f"{what}: the {side} {' and '.join(lost)} {'are' if len(lost) > 1 else 'is'} not found, "
                "where the arm goes is a guess"
            )
    return tuple(notes)


def video_keypoints(path: str | Path, *, points: str | Path | None = None, cache: bool = True) -> Keypoints:
    """The points of the one person in a picture or film, complete, with how sure each is (0: made up).

    Args:
        path: a picture or a film.
        points: JSON of another detector, which is read instead of looking.
        cache: False to look anew and keep nothing.
    Returns:
        116 points in pixels; one frame, at 30 a second, of a picture. ``confidence`` below 0.3 marks what
        was not found and filled in.
    Raises:
        UserError: as ``find_points`` and ``check_person``.
    """
    from ...core.progress import note

    path = file_path(path, "a picture or a video")
    seen = find_points(path, points=points, cache=cache)
    for line in check_person(seen, Path(path).name):
        note(line)
    whole = complete(seen.points, seen.confidence, seen.size)
    place = Place.of(whole[:, :48])
    camera = {
        "size": list(seen.size),
        "centre": [round(place.x, 2), round(place.y, 2)],
        "shoulder_width": round(place.width, 2),
    }
    return Keypoints(POINTS, parents(POINTS), seen.fps or float(FPS), whole, camera, seen.confidence)


def _seen(found: dict[str, np.ndarray], fps: float | None, faces: int) -> Seen:
    """Of an answer; a person whose face was not counted is still one."""
    width, height = (int(number) for number in found["size"])
    people = max(faces, int((found["confidence"] >= SEEN).any()))
    return Seen(found["points"], found["confidence"], fps, (width, height), found.get("mask"), people)


def _is_inside(seen: Seen, found: np.ndarray, point: int) -> bool:
    """Is a point within the picture in a frame in which it is found?"""
    shown = seen.points[found[:, point], point] / np.array(seen.size)
    return bool(((shown >= 0) & (shown < 1)).all(-1).any())


def _given(file: Path, path: Path, size: tuple[int, int], original: tuple[int, int], fps: float | None) -> Seen:
    """Points of a file for a picture that was ``original`` pixels large and is ``size`` now."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} is no JSON that can be read ({' '.join(str(error).split())})") from None
    canvas = original
    rate: float | None
    if isinstance(document, dict) and document.get("format") == DOCUMENT_FORMAT:
        points, confidence, rate, told = _own(file)
        canvas = told or size
    else:
        points, confidence, rate = read_detections(document, file.name)
        told = _canvas(document)
        if told is not None:
            canvas = told
            if np.abs(points).max(initial=0) <= 2.0:  # shares of the picture, as some write
                points = points * np.array(told, dtype=np.float32)
    if fps is None and len(points) > 1:
        raise UserError(f"{file} holds {len(points)} frames and {path} is one picture; give its own points")
    scale = np.array(size) / np.array(canvas)
    if not 0.98 < scale[0] / scale[1] < 1.02:
        raise UserError(
            f"{file} is of a picture of {canvas[0]} x {canvas[1]} and {path} has {original[0]} x "
            f"{original[1]}; give points of the same picture"
        )
    there = int((confidence >= SEEN).any())
    return Seen(points * scale, confidence, None if fps is None else rate or fps, size, people=there)


def _own(file: Path) -> tuple[np.ndarray, np.ndarray, float, tuple[int, int] | None]:
    """Points, confidence, rate and size of a cospeech-keypoints file of a picture."""
    read = load_keypoints(file)
    missing = [name for name in POINTS if name not in read.names]
    if missing or read.points.shape[-1] != 2:
        raise UserError(
            f"{file} has no {missing[0] if missing else 'points in a picture'}; give one with all "
            f"{len(POINTS)} points, as `cospeech video keypoints` writes it"
        )
    chosen = [read.names.index(name) for name in POINTS]
    sure = np.ones(read.points.shape[:2]) if read.confidence is None else read.confidence
    told = (read.camera or {}).get("size")
    return read.points[:, chosen], sure[:, chosen], read.fps, None if told is None else _size(told, file)


def _canvas(document: Any) -> tuple[int, int] | None:
    """The size that OpenPose files of some programs tell."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict) or not {"canvas_width", "canvas_height"} <= set(first):
        return None
    return _size([first["canvas_width"], first["canvas_height"]], "the file")


def _size(told: Any, file: Path | str) -> tuple[int, int]:
    try:
        width, height = (int(number) for number in told)
    except (TypeError, ValueError):
        width = height = 0
    if width < 1 or height < 1:
        raise UserError(f"{file}: the size of the picture must be two numbers above 0; got {told!r}")
    return width, height


def _film(path: Path) -> tuple[tuple[int, int], float]:
    """Width and height in pixels, and frames a second.

    Raises:
        UserError: neither a picture nor a film.
    """
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            frame = next(container.decode(stream))
            rate = stream.average_rate or stream.guessed_rate
    except (av.error.FFmpegError, OSError, IndexError, StopIteration, ValueError):
        raise UserError(
            f"{path} is neither a picture nor a film that can be read; give PNG, JPEG, WebP or MP4"
        ) from None
    size = (frame.width, frame.height)
    aside = getattr(frame, "rotation", 0) % 180 == 90
    return (size[1], size[0]) if aside else size, float(rate or FPS)
