"""Keypoint normalisation: clips of keypoints in a picture -> the representation ``points`` at 30 fps, without gaps.

Keypoints that the detector did not find are interpolated linearly from the frames before and after; a keypoint
counts as found from a confidence of ``SEEN``. A clip is dropped if its shoulders, a hand or (where its corpus has
one) its face are not found in more than half of the frames. Arms whose elbow leaves the picture are frequent and are
kept. Decisions of ours [D].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import UserError
from ..core.timing import FPS
from ..motion.points import (
    ARM_SLICES,
    BODY_POINTS,
    FACE_POINTS,
    FACE_SLICE,
    FINGERS,
    HAND_SLICES,
    HANDS,
    WRISTS,
    PointCodec,
    ShoulderFrame,
)
from ..speech.speech import Speech
from .clips import Dropped
from .point_clips import PointClip

SEEN = 0.3  # confidence from which a point counts as seen
LEAST = 0.5  # share of the frames in which most of a group must be seen

# Names that corpora have for the same points (PATS, OpenPose).
_ALIASES = {
    **{
        f"{s}{j}": f"{side}_{j.lower()}"
        for s, side in (("L", "left"), ("R", "right"))
        for j in ("Shoulder", "Elbow", "Wrist")
    },
    **{f"{s}HandRoot": f"{side}_hand" for s, side in (("L", "left"), ("R", "right"))},
    **{
        f"{s}Hand{('Little' if f == 'pinky' else f.capitalize())}{k}": f"{side}_{f}{k}"
        for s, side in (("L", "left"), ("R", "right"))
        for f in FINGERS
        for k in (1, 2, 3, 4)
    },
}
_GROUPS = {
    "the shoulders": ("left_shoulder", "right_shoulder"),
    "the left hand": tuple(name for name in HANDS if name.startswith("left")),
    "the right hand": tuple(name for name in HANDS if name.startswith("right")),
    "the face": FACE_POINTS,
}


@dataclass(frozen=True, eq=False)
class NormalizedClip:
    """A recording in the representation ``points``."""

    id: str
    speaker: str
    split: str
    emotion: str | None
    speech: Speech
    body: np.ndarray  # [T, 96] float32, encoded
    face: np.ndarray | None  # [T, 136], None where the corpus has no face
    shoulder_frame: ShoulderFrame  # where the person was in the picture

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.body) / FPS

    @property
    def speed(self) -> float:
        """Mean speed of both wrists, shoulder widths a second."""
        wrists = PointCodec("body").decode(self.body)[:, list(WRISTS)]
        return float(np.linalg.norm(np.diff(wrists, axis=0), axis=-1).mean() * FPS)


def normalized(clip: PointClip) -> NormalizedClip | Dropped:
    """A clip relative to the person (``motion.points.ShoulderFrame``), or why that cannot be."""
    if clip.speech is None:
        return Dropped(clip.id, "no sound that goes with the points")
    own = {_ALIASES.get(name, name): index for index, name in enumerate(clip.names)}
    lacking = [name for name in BODY_POINTS if name not in own]
    if lacking:
        return Dropped(clip.id, f"no point {lacking[0]}; arms and hands need {len(BODY_POINTS)} points")
    frames = int(min(clip.seconds, clip.speech.seconds) * FPS + 1e-6)
    if frames < FPS:
        return Dropped(clip.id, f"shorter than a second ({frames} frames)")
    names = BODY_POINTS + (FACE_POINTS if all(name in own for name in FACE_POINTS) else ())
    columns = [own[name] for name in names]
    points = clip.points[:, columns].astype(np.float64)
    seen = np.ones(points.shape[:2], dtype=bool)
    if clip.confidence is not None:
        seen = clip.confidence[:, columns] >= SEEN
    reason = _unseen(seen, names)
    if reason:
        return Dropped(clip.id, reason)
    try:
        pixels = _filled(points, seen, clip.fps, frames)
        shoulder_frame = ShoulderFrame.of(pixels[:, : len(BODY_POINTS)])
    except UserError as error:
        return Dropped(clip.id, str(error))
    near = shoulder_frame.normalised(pixels)
    face = None
    if len(names) > len(BODY_POINTS):
        face = PointCodec("face").encode(near[:, len(BODY_POINTS) :])
    body = PointCodec("body").encode(near[:, : len(BODY_POINTS)])
    return NormalizedClip(clip.id, clip.speaker, clip.split, clip.emotion, clip.speech, body, face, shoulder_frame)


def _unseen(seen: np.ndarray, names: tuple[str, ...]) -> str | None:
    """Why so little of somebody was seen that the clip says nothing; seen [T, P]."""
    for group, members in _GROUPS.items():
        columns = [names.index(name) for name in members if name in names]
        if not columns:
            continue
        most = 1.0 if group == "the shoulders" else 0.5
        share = float((seen[:, columns].mean(axis=1) >= most).mean())
        if share < LEAST:
            return f"{group} cannot be seen in more than half of the frames ({100 * (1 - share):.0f} %)"
    return None


def _filled(points: np.ndarray, seen: np.ndarray, fps: float, frames: int) -> np.ndarray:
    """Points [T, P, 2] at ``frames`` frames of 30 a second, those not seen [T, P] in between.

    A point that is never seen is put into the middle of those of its arm, hand or face that are.
    """
    when, wanted = np.arange(len(points)) / fps, np.arange(frames) / FPS
    result = np.empty((frames, points.shape[1], 2))
    anywhere = np.asarray(seen.any(axis=0))
    for point in np.flatnonzero(anywhere).tolist():
        there = seen[:, point]
        for axis in range(2):
            result[:, point, axis] = np.interp(wanted, when[there], points[there, point, axis])
    for point in np.flatnonzero(~anywhere).tolist():
        group = _beside(point, anywhere.tolist())
        result[:, point] = result[:, group].mean(axis=1)
    return result


def _beside(point: int, known: list[bool]) -> list[int]:
    """Known points of the same arm, hand or face as one that is never seen."""
    groups = (*ARM_SLICES, *HAND_SLICES, slice(FACE_SLICE.start, len(known)))
    group = next(span for span in groups if span.start <= point < span.stop)
    return [other for other in range(group.start, group.stop) if known[other]]
