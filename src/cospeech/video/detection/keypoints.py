"""The 116 keypoints of the person in a picture or film, from MediaPipe or from a file; checks and notes on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.json_files import read_json
from ...core.media import opened_media
from ...core.timing import FPS
from ...data.point_normalization import SEEN
from ...data.readers.detections import read_detections
from ...motion.formats.keypoints import DOCUMENT_FORMAT, Keypoints, load_keypoints
from ...motion.points import (
    BODY_SLICE,
    CHIN,
    ELBOWS,
    FACE_SLICE,
    NOSE_BRIDGE,
    POINTS,
    SHOULDERS,
    ShoulderFrame,
    parents,
)
from .detector import detect
from .imputation import ARM, ENOUGH_OF_FACE, ENOUGH_OF_HAND, HAND_POINTS, complete_keypoints
from .picture import is_picture, load_picture, picture_size

__all__ = ["DetectedKeypoints", "check_person", "complete_keypoints", "find_keypoints", "video_keypoints"]

_OUTSIDE = 0.1  # of the picture: shoulders may lie so far outside [D]
_FACE_ENDS = (FACE_SLICE.start + NOSE_BRIDGE, FACE_SLICE.start + CHIN)
_NOSE_TIP = 30  # of iBUG 300-W
_FACE_FRAME = tuple(FACE_SLICE.start + point for point in (0, 16, _NOSE_TIP, NOSE_BRIDGE, CHIN))  # what shows its turn
_CROWD = 0.2  # share of a film's frames from which a second person counts [D]
_MOSTLY = 0.5  # share of the frames in which shoulders and face must be detected [D]
_TILTED = 50.0  # degrees from upright to a person's head, from which the picture is turned [D]
# Where the tip of the nose is, across the face: 0 in the middle, 1 at the cheek's outline. On drawn people whom
# the camera circles it is at 0.9 from about 35 degrees on, and at 1.6 from about 55 on [D].
_ASIDE, _PROFILE = 0.9, 1.6
# From right to left shoulder, in lengths of an upper arm: 1.2 from the front and -1.2 from behind [D].
_NARROW, _BEHIND = 0.65, -0.5
_RELATIVE = 2.0  # coordinates up to that are shares of the picture and no pixels
_ASPECT = (0.98, 1.02)  # range of the ratio of aspect ratios of two copies of a picture


@dataclass(frozen=True, eq=False)
class DetectedKeypoints:
    """Keypoints of one person in a picture (T = 1) or film, as detected.

    Raises:
        UserError: arrays of other shapes than below, or values that are not finite.
    """

    points: np.ndarray  # [T, 116, 2] float32, pixels, y down, in the order of motion.points.POINTS
    confidence: np.ndarray  # [T, 116] float32, 0 (not detected) to 1
    fps: float | None  # frames a second, None of a picture
    size: tuple[int, int]  # width and height, pixels, as load_picture gives it
    mask: np.ndarray | None = None  # [H, W] uint8, 255 where the person is; None if there is no mask
    people: int = 1  # number of people in the picture
    mesh: np.ndarray | None = None  # [468, 3] pixels, of the face in a picture, with depth towards the viewer

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float32)
        confidence = np.asarray(self.confidence, dtype=np.float32)
        count = len(POINTS)
        if points.ndim != 3 or points.shape[1:] != (count, 2) or not len(points):
            raise UserError(f"expected keypoints [T, {count}, 2]; got {list(points.shape)}")
        if confidence.shape != points.shape[:2]:
            raise UserError(f"confidence must be {list(points.shape[:2])}; got {list(confidence.shape)}")
        if not (np.isfinite(points).all() and np.isfinite(confidence).all()):
            raise UserError("keypoints and confidence must be finite numbers; set missing ones to 0")
        if self.mask is not None and self.mask.shape != (self.size[1], self.size[0]):
            raise UserError(f"a mask is as large as its picture, {self.size}; got {list(self.mask.shape)}")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "confidence", confidence)

    @property
    def frames(self) -> int:
        """T."""
        return len(self.points)


def find_keypoints(path: str | Path, *, points: str | Path | None = None, cache: bool = True) -> DetectedKeypoints:
    """Detect a person's keypoints in a picture or film, or read those of another detector.

    Args:
        path: a picture (as ``load_picture`` reads it, and in its pixels), or a film.
        points: JSON with keypoints of the same picture or film: MMPose, DWPose, plain or OpenPose
            (``data.readers.detections``), or our own cospeech-keypoints with all 116 names. Those of a
            larger or smaller copy are scaled, if the file says its size ("canvas_width" and
            "canvas_height", or "size" of "camera") or the picture was reduced on reading.
        cache: False to detect anew and cache nothing (``detector.detect``).
    Raises:
        UserError: no picture or film, no keypoints in the file, or the detector is not set up or failed.
    """
    path = Path(path)
    if is_picture(path):
        picture = load_picture(path)
        size = (picture.shape[1], picture.shape[0])
        if points is not None:
            return _from_file(Path(points), path, size, picture_size(path), None)
        found = detect(picture, name=path.name, cache=cache)
        return _seen(found, None, int(found["people"][0]))
    size, fps = _film(path)
    if points is not None:
        return _from_file(Path(points), path, size, size, fps)
    found = detect(path, name=path.name, cache=cache)
    return _seen(found, fps, int(np.quantile(found["people"], 1 - _CROWD, method="lower")))


def check_person(seen: DetectedKeypoints, what: str) -> tuple[str, ...]:
    """Check that there is one person, upright and from the front, of whom enough is visible.

    Args:
        what: the file's name, for messages.
    Returns:
        Notes, a line each, on what was not detected and is imputed, and on a face that is turned aside.
    Raises:
        UserError: nobody, several people, a picture that is turned, a person from the side or from behind, or no
            face or shoulders.
    """
    found = seen.confidence >= SEEN
    if not found.any() or seen.people < 1:
        raise UserError(
            f"no person is found in {what}; give a picture of one person from the waist up, facing the camera "
            "(paintings and drawings are often not recognised)"
        )
    _check_upright(seen, found, what)
    if seen.people > 1:
        raise UserError(f"{what} shows {seen.people} people; crop it so that one person is left")
    shown = seen.points[:, list(SHOULDERS)] / np.array(seen.size)
    within = ((shown > -_OUTSIDE) & (shown < 1 + _OUTSIDE)).all(-1) & found[:, list(SHOULDERS)]
    if within.mean(0).min() < _MOSTLY:
        raise UserError(f"the shoulders are not in {what}; give a picture that goes from head to waist")
    aside = _check_face(seen, found, what)
    return (*aside, *_notes_on_hands(seen, found, what))


def _check_upright(seen: DetectedKeypoints, found: np.ndarray, what: str) -> None:
    """Raise UserError if the person's head points down or to a side."""
    whole = found[:, [*SHOULDERS, *_FACE_ENDS]].all(1)
    if not whole.any():
        return
    face = seen.points[whole][:, list(_FACE_ENDS)]
    ways = (face[:, 0] - face[:, 1], face.mean(1) - seen.points[whole][:, list(SHOULDERS)].mean(1))
    right, down = np.sum([_mean_direction(way) for way in ways], axis=0)
    tilt = float(np.degrees(np.arctan2(right, -down)))
    if abs(tilt) > 180 - _TILTED:
        raise UserError(f"{what} shows the person upside down; turn it by 180 degrees")
    if abs(tilt) > _TILTED:
        way = "anticlockwise" if tilt > 0 else "clockwise"
        raise UserError(f"{what} shows the person lying on the side; turn it by 90 degrees {way}")


def _check_face(seen: DetectedKeypoints, found: np.ndarray, what: str) -> tuple[str, ...]:
    """A note if the face is turned aside. Raises UserError if it is not visible, or seen from the side."""
    faces = found[:, FACE_SLICE].sum(1) >= ENOUGH_OF_FACE
    profile = f"{what} shows the person from the side, in profile; give a picture in which they face the camera"
    if faces.mean() < _MOSTLY:
        width = _shoulders_in_arms(seen, found)
        if width < _BEHIND:
            raise UserError(f"{what} shows the person from behind; give a picture in which they face the camera")
        if width < _NARROW:
            raise UserError(profile)
        raise UserError(f"the face is not visible in {what}; give a picture in which it looks at the camera")
    faces &= found[:, list(_FACE_FRAME)].all(1)
    nose = abs(float(np.median(_nose_across(seen.points[faces])))) if faces.any() else 0.0
    if nose > _PROFILE:
        raise UserError(profile)
    return (f"{what}: the face is turned aside, its far side and lips are seen less well",) if nose > _ASIDE else ()


def _shoulders_in_arms(seen: DetectedKeypoints, found: np.ndarray) -> float:
    """How far right of the other one the left shoulder is, in lengths of the longer upper arm; inf if unknown."""
    whole = found[:, list(SHOULDERS)].all(1) & (seen.confidence[:, list(ELBOWS)] > 0).all(1)  # hidden elbows will do
    if not whole.any():
        return float("inf")
    points = seen.points[whole]
    arms = np.linalg.norm(points[:, list(SHOULDERS)] - points[:, list(ELBOWS)], axis=-1).max(1)
    across = points[:, SHOULDERS[0], 0] - points[:, SHOULDERS[1], 0]
    return float(np.median(across / np.maximum(arms, 1.0)))


def _nose_across(points: np.ndarray) -> np.ndarray:
    """[T]: the tip of the nose across the face, from the middle (0) to the cheek's outline (-1 right, 1 left)."""
    right, left, nose, bridge, chin = (points[:, point] for point in _FACE_FRAME)
    down = chin - bridge
    level = np.stack([down[:, 1], -down[:, 0]], axis=-1)
    half = ((left - right) * level).sum(-1) / 2
    result: np.ndarray = ((nose - (left + right) / 2) * level).sum(-1) / np.maximum(half, 1e-6)
    return result


def _mean_direction(vectors: np.ndarray) -> np.ndarray:
    """[2]: mean of vectors [T, 2], each of length 1."""
    result: np.ndarray = (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)).mean(0)
    return result


def _notes_on_hands(seen: DetectedKeypoints, found: np.ndarray, what: str) -> tuple[str, ...]:
    """A line for each hand and arm that is not detected, or not always.

    Args:
        found: [T, N] bool, the keypoints that are detected.
        what: the file's name.
    """
    notes = []
    for side, part in HAND_POINTS.items():
        _, elbow, wrist = ARM[side]
        share = float((found[:, part].sum(1) >= ENOUGH_OF_HAND).mean())
        if share == 0.0:
            where = "is not found" if _is_inside(seen, found, wrist) else "is not in the picture"
            notes.append(f"{what}: the {side} hand {where}; it moves as the wrist does")
        elif share < _MOSTLY:
            notes.append(f"{what}: the {side} hand is visible in {share:.0%} of the frames; the others are imputed")
        lost = [name for name, point in (("elbow", elbow), ("wrist", wrist)) if not found[:, point].any()]
        if lost and (share == 0.0 or lost == ["elbow"]):
            notes.append(
                f"{what}: the {side} {' and '.join(lost)} {'are' if len(lost) > 1 else 'is'} not found, "
                "where the arm goes is a guess"
            )
    return tuple(notes)


def video_keypoints(path: str | Path, *, points: str | Path | None = None, cache: bool = True) -> Keypoints:
    """Keypoints of the one person in a picture or film, complete, with their confidence (0: imputed).

    Args:
        path: a picture or a film.
        points: JSON of another detector, read instead of detecting.
        cache: False to detect anew and cache nothing.
    Returns:
        116 keypoints in pixels; of a picture one frame, at 30 a second. ``confidence`` below 0.3 marks keypoints
        that were not detected and are imputed.
    Raises:
        UserError: as ``find_keypoints`` and ``check_person``.
    """
    from ...core.progress import note

    path = file_path(path, "a picture or a video")
    seen = find_keypoints(path, points=points, cache=cache)
    for line in check_person(seen, Path(path).name):
        note(line)
    whole = complete_keypoints(seen.points, seen.confidence, seen.size)
    shoulder_frame = ShoulderFrame.of(whole[:, BODY_SLICE])
    camera = {
        "size": list(seen.size),
        "centre": [round(shoulder_frame.x, 2), round(shoulder_frame.y, 2)],
        "shoulder_width": round(shoulder_frame.width, 2),
    }
    return Keypoints(POINTS, parents(POINTS), seen.fps or float(FPS), whole, camera, seen.confidence)


def _seen(found: dict[str, np.ndarray], fps: float | None, faces: int) -> DetectedKeypoints:
    """Keypoints from the detector's arrays; a person whose face was not counted still counts."""
    width, height = (int(number) for number in found["size"])
    people = max(faces, int((found["confidence"] >= SEEN).any()))
    other = found.get("mask"), people, found.get("mesh")
    return DetectedKeypoints(found["points"], found["confidence"], fps, (width, height), *other)


def _is_inside(seen: DetectedKeypoints, found: np.ndarray, point: int) -> bool:
    """Whether a keypoint lies in the picture in any frame in which it is detected."""
    shown = seen.points[found[:, point], point] / np.array(seen.size)
    return bool(((shown >= 0) & (shown < 1)).all(-1).any())


def _from_file(
    file: Path, path: Path, size: tuple[int, int], original: tuple[int, int], fps: float | None
) -> DetectedKeypoints:
    """Keypoints of a file for a picture that was ``original`` pixels large and is ``size`` now."""
    document = read_json(file, limit="json")
    canvas = original
    rate: float | None
    if isinstance(document, dict) and document.get("format") == DOCUMENT_FORMAT:
        points, confidence, rate, stated = _read_own_format(file)
        canvas = stated or size
    else:
        points, confidence, rate = read_detections(document, file.name)
        stated = _canvas(document)
        if stated is not None:
            canvas = stated
            if np.abs(points).max(initial=0) <= _RELATIVE:  # shares of the picture, as some write
                points = points * np.array(stated, dtype=np.float32)
    if fps is None and len(points) > 1:
        raise UserError(f"{file} holds {len(points)} frames and {path} is one picture; give its own points")
    scale = np.array(size) / np.array(canvas)
    if not _ASPECT[0] < scale[0] / scale[1] < _ASPECT[1]:
        raise UserError(
            f"{file} is of a picture of {canvas[0]} x {canvas[1]} and {path} has {original[0]} x "
            f"{original[1]}; give points of the same picture"
        )
    there = int((confidence >= SEEN).any())
    return DetectedKeypoints(points * scale, confidence, None if fps is None else rate or fps, size, people=there)


def _read_own_format(file: Path) -> tuple[np.ndarray, np.ndarray, float, tuple[int, int] | None]:
    """Keypoints, confidence, frame rate and picture size of a cospeech-keypoints file."""
    read = load_keypoints(file)
    missing = [name for name in POINTS if name not in read.names]
    if missing or read.points.shape[-1] != 2:
        raise UserError(
            f"{file} has no {missing[0] if missing else 'points in a picture'}; give one with all "
            f"{len(POINTS)} points, as `cospeech video keypoints` writes it"
        )
    chosen = [read.names.index(name) for name in POINTS]
    sure = np.ones(read.points.shape[:2]) if read.confidence is None else read.confidence
    stated = (read.camera or {}).get("size")
    return read.points[:, chosen], sure[:, chosen], read.fps, None if stated is None else _size(stated, file)


def _canvas(document: Any) -> tuple[int, int] | None:
    """The picture size that OpenPose files of some programs contain, or None."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict) or not {"canvas_width", "canvas_height"} <= set(first):
        return None
    return _size([first["canvas_width"], first["canvas_height"]], "the file")


def _size(stated: Any, file: Path | str) -> tuple[int, int]:
    try:
        width, height = (int(number) for number in stated)
    except (TypeError, ValueError):
        width = height = 0
    if width < 1 or height < 1:
        raise UserError(f"{file}: the size of the picture must be two numbers above 0; got {stated!r}")
    return width, height


def _film(path: Path) -> tuple[tuple[int, int], float]:
    """Width and height in pixels, and frames a second.

    Raises:
        UserError: neither a picture nor a film.
    """
    import av

    try:
        with opened_media(path) as container:
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
