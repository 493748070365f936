"""Files that detectors of whole-body points write: one person's 116 points, frame by frame.

Layouts, told apart by what is in them:

- MMPose (RTMPose, DWPose): a list of ``{"frame_id": 0, "instances": [{"keypoints": [[x, y] * 133],
  "keypoint_scores": [133]}]}``, as ``MMPoseInferencer`` saves it, or that list as ``instance_info`` of an
  object, as the demos do. The 133 points are those of COCO-WholeBody (Jin et al., ECCV 2020): 17 of the
  body, 6 of the feet, 68 of the face, 21 of either hand.
- plain: ``{"fps": 25, "keypoints": [T, 133, 2], "keypoint_scores": [T, 133]}``; scores may be left out, or
  stand as a third number in each point. One picture may be ``[133, 2]``.
- OpenPose: a list of ``{"people": [{"pose_keypoints_2d": ..., "face_keypoints_2d": ...,
  "hand_left_keypoints_2d": ..., "hand_right_keypoints_2d": ...}]}``, x, y, score each; BODY_25 or COCO.
- our own cospeech-keypoints with all 116 names, as ``cospeech video keypoints`` writes it.

An object may say ``fps``. Coordinates are pixels, y down. One frame may stand without the list around it, and
of one picture MMPose writes the list of people alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.json_files import read_json
from ...motion.formats.keypoints import DOCUMENT_FORMAT, load_keypoints
from ...motion.points import FACE_SIZE, HAND_SIZE, POINTS, SHOULDERS

HIGHEST_RATE = 1000.0  # frames a second
SPARSEST = 10  # times as many frames may have been left out as are there
WHOLE_BODY = 133
_FACE, _LEFT, _RIGHT = 23, 91, 112  # first points of COCO-WholeBody's parts
_COLUMNS = (
    *(5, 7, 9, 6, 8, 10),
    *range(_LEFT, _LEFT + HAND_SIZE),
    *range(_RIGHT, _RIGHT + HAND_SIZE),
    *range(_FACE, _FACE + FACE_SIZE),
)
_OPENPOSE_ARMS = (5, 6, 7, 2, 3, 4)  # left, then right: shoulder, elbow, wrist


def load_detections(path: Path) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Points [T, 116, 2] pixels and confidence [T, 116] of the person who talks, and the rate if it is told.

    Of several people it is the one with the widest shoulders where they first appear, and from then on the
    one nearest to where that one was [D]. Where nobody is found the confidence is 0.

    Raises:
        UserError: no JSON, or none of the layouts above.
    """
    document = read_json(path, limit="json")
    if isinstance(document, dict) and document.get("format") == DOCUMENT_FORMAT:
        own = load_keypoints(path)
        if own.names != POINTS or own.points.shape[-1] != 2:
            raise UserError(f"{path.name} holds {len(own.names)} points; expected the {len(POINTS)} of a picture")
        seen = np.ones(own.points.shape[:2]) if own.confidence is None else own.confidence
        return own.points.astype(np.float32), seen.astype(np.float32), own.fps
    return read_detections(document, path.name)


def read_detections(document: Any, name: str) -> tuple[np.ndarray, np.ndarray, float | None]:
    """``load_detections`` of what stands in a file called ``name``."""
    try:
        people, fps = _people(document)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{name} is not laid out as MMPose or OpenPose write it ({' '.join(str(error).split())})"
        ) from None
    if not people:
        raise UserError(f"{name} holds no frames")
    chosen = _followed(people)
    points = np.where(np.isfinite(chosen[..., :2]), chosen[..., :2], 0.0)
    confidence = np.where(np.isfinite(chosen).all(-1), np.clip(chosen[..., 2], 0.0, 1.0), 0.0)
    return points.astype(np.float32), confidence.astype(np.float32), fps


def _people(document: Any) -> tuple[list[list[np.ndarray]], float | None]:
    """For every frame the people in it, [116, 3] each (x, y, score)."""
    fps = None
    if isinstance(document, dict):
        fps = _frame_rate(document)
        if "keypoints" in document:
            return [[frame] for frame in _plain(document)], fps
        document = [document] if {"people", "instances"} & set(document) else document["instance_info"]
    if not isinstance(document, list):
        raise TypeError("no list of frames")
    if document and not isinstance(document[0], list) and "keypoints" in document[0]:
        document = [document]
    if document and isinstance(document[0], list):
        return [[_mmpose(one) for one in frame] for frame in document], fps
    frames = [_frame(frame) for frame in document]
    return _by_number(frames, [frame.get("frame_id") for frame in document]), fps


def _frame_rate(document: dict[str, Any]) -> float | None:
    """Frames a second, if the file says them."""
    fps = float(document["fps"]) if "fps" in document else None
    if fps is not None and not 0 < fps < HIGHEST_RATE:
        raise ValueError(f"fps must be positive; got {fps:g}")
    return fps


def _by_number(frames: list[list[np.ndarray]], numbers: list[Any]) -> list[list[np.ndarray]]:
    """Frames at the places of their numbers, where all have one; nobody is in those that were left out."""
    if not numbers or not all(isinstance(number, int) for number in numbers):
        return frames
    first, count = min(numbers), max(numbers) - min(numbers) + 1
    if count > SPARSEST * len(frames) or len(set(numbers)) < len(numbers):
        raise ValueError("frame_id does not count the frames")
    result: list[list[np.ndarray]] = [[] for _ in range(count)]
    for number, frame in zip(numbers, frames, strict=True):
        result[number - first] = frame
    return result


def _frame(frame: dict[str, Any]) -> list[np.ndarray]:
    """The people of a frame that OpenPose or MMPose wrote."""
    if "people" in frame:
        return [_openpose(one) for one in frame["people"]]
    return [_mmpose(one) for one in frame["instances"]]


def _plain(document: dict[str, Any]) -> np.ndarray:
    points = np.asarray(document["keypoints"], dtype=np.float64)
    if points.ndim == 2:
        points = points[None]
    if points.ndim != 3 or points.shape[1] != WHOLE_BODY or points.shape[2] not in (2, 3):
        raise ValueError(f"keypoints must be [T, {WHOLE_BODY}, 2 or 3]; got {list(points.shape)}")
    if points.shape[2] == 2:
        scores = document.get("keypoint_scores", np.ones(points.shape[:2]))
        scores = np.asarray(scores, dtype=np.float64).reshape(points.shape[:2])
        points = np.concatenate([points, scores[..., None]], axis=2)
    return points[:, _COLUMNS]


def _mmpose(one: dict[str, Any]) -> np.ndarray:
    points = np.asarray(one["keypoints"], dtype=np.float64)
    scores = np.asarray(one["keypoint_scores"], dtype=np.float64)
    if points.shape != (WHOLE_BODY, 2) or scores.shape != (WHOLE_BODY,):
        raise ValueError(f"a person must have {WHOLE_BODY} points; got {list(points.shape)}")
    result: np.ndarray = np.concatenate([points, scores[:, None]], axis=1)[list(_COLUMNS)]
    return result


def _openpose(one: dict[str, Any]) -> np.ndarray:
    def part(name: str, columns: Sequence[int]) -> np.ndarray:
        values = np.asarray(one.get(name) or [], dtype=np.float64).reshape(-1, 3)
        return values[list(columns)] if len(values) else np.zeros((len(columns), 3))

    return np.concatenate(
        [
            part("pose_keypoints_2d", _OPENPOSE_ARMS),
            part("hand_left_keypoints_2d", range(HAND_SIZE)),
            part("hand_right_keypoints_2d", range(HAND_SIZE)),
            part("face_keypoints_2d", range(FACE_SIZE)),
        ]
    )


def _followed(people: list[list[np.ndarray]]) -> np.ndarray:
    """[T, 116, 3] of one person."""
    result = np.zeros((len(people), len(POINTS), 3))
    last: np.ndarray | None = None
    for number, found in enumerate(people):
        if not found:
            continue
        ends = np.stack([one[list(SHOULDERS), :2] for one in found])  # [people, 2, 2]
        if last is None:
            choice = int(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1).argmax())
        else:
            choice = int(np.linalg.norm(ends.mean(1) - last, axis=-1).argmin())
        result[number], last = found[choice], ends[choice].mean(0)
    return result
