"""Face weights from the voice, for motions and keypoints without a face."""

from __future__ import annotations

import numpy as np

from ...core.errors import UserError
from ...motion.procedural.face import face_from_speech
from ...speech.speech import Speech


def lips(
    speech: Speech, frames: int, *, seed: int = 0, emotion: str | None = None, intensity: float = 1.0
) -> np.ndarray:
    """Jaw, mouth, lids and brows from the voice.

    Args:
        speech: the recording; with words, lips that must meet (p, b, m) meet.
        frames: length of the video; after the end of the speech the last face stays.
        seed: of blinks and brows.
        emotion, intensity: as for ``motion.procedural.face.face_from_speech``.

    Returns:
        [frames, 52] float32 ARKit weights, 30 frames a second; for ``driver.drive_keypoints``.

    Raises:
        UserError: fewer than one frame, or an unknown emotion.
    """
    if frames < 1:
        raise UserError(f"a video has at least one frame; got {frames}")
    face = face_from_speech(speech, seed=seed, emotion=emotion, intensity=intensity)[:frames]
    return np.concatenate([face, face[-1:].repeat(frames - len(face), axis=0)])
