"""What the names and the label files of BEAT say; those of BEAT2 are the same.

From PantoMatrix/PantoMatrix, scripts/BEAT_2022/readme_beat.md (names, emotions, semantic labels) and
scripts/BEAT_2022/dataloaders/beat.py (columns of the label files, and that the first of two labels that
overlap counts).
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.progress import note
from ...core.timing import frame_times
from ...motion.motion import Motion

# 1_wayne_0_1_8: who, the kind of recording, and the first and last of the texts in it.
NAME = re.compile(r"(?P<number>\d+)_(?P<speaker>[^_]+)_(?P<kind>\d)_(?P<first>\d+)_(?P<last>\d+)")
NOT_A_NAME = "the name is not NUMBER_SPEAKER_KIND_FIRST_LAST (as in 2_scott_0_1_1)"
SPEECHES = "0246"  # English, Chinese, Spanish, Japanese; the odd kinds are conversations
SEMANTIC = "semantic"  # key in motion.extra["per_frame"]: [T] float32, 0 to 1

# The emotion goes with the number of the text: 1 to 64 neutral, 65 to 72 happiness, ...
_LAST_TEXT = (
    (64, "neutral"),
    (72, "joy"),
    (80, "anger"),
    (86, "sadness"),
    (94, "disgust"),
    (102, "surprise"),
    (110, "fear"),
    (118, "disgust"),
)
_LABEL = re.compile(r"(\d\d_[a-z_]+|habit|need_cut)\s")


def emotion_of(kind: str, text: int) -> str | None:
    """The emotion that a recording of BEAT was to show; None for conversations and unknown texts.

    Contempt is disgust here.

    >>> emotion_of("0", 1), emotion_of("0", 73), emotion_of("1", 1)
    ('neutral', 'anger', None)
    """
    if kind not in SPEECHES or text < 1:
        return None
    return next((emotion for last, emotion in _LAST_TEXT if text <= last), None)


def with_semantics(motion: Motion, path: Path | None, *, quiet: bool) -> Motion:
    """A motion with its semantic labels; without them, and that is told, if they cannot be read."""
    if path is None:
        return motion
    try:
        scores = semantic_scores(path, motion.frames, motion.fps)
    except UserError as error:
        if not quiet:
            note(f"{path.stem}: read without semantic labels: {error}")
        return motion
    if scores is None:
        return motion
    per_frame = {**motion.extra.get("per_frame", {}), SEMANTIC: scores}
    return replace(motion, extra={**motion.extra, "per_frame": per_frame})


def semantic_scores(path: Path, frames: int, fps: float) -> np.ndarray | None:
    """How much each frame's gesture means, [T] float32: 0 none, 0.1 beat, ... 1 strongly metaphoric.

    A line is ``07_iconic_h <tab> start <tab> end <tab> duration <tab> score <tab> keywords``, times in
    seconds. Frames without a label are 0. None for a file with no label in it: the languages other than
    English have plain text there.

    Raises:
        UserError: a label without numbers.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    labels = [(number, line) for number, line in enumerate(lines, start=1) if _LABEL.match(line)]
    if not labels:
        return None
    times = frame_times(frames, fps=fps)
    scores = np.zeros(frames, dtype=np.float32)
    for number, line in reversed(labels):
        try:
            start, end, _, score = (float(word) for word in line.split()[1:5])
        except ValueError:
            raise UserError(f"{path}, line {number}: expected label, start, end, duration, score") from None
        scores[(start <= times) & (times <= end)] = np.clip(score, 0.0, 1.0)
    return scores
