"""What a user asks of a method - emotion, liveliness, manner, seed - as the networks take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..emotions import EMOTIONS, canonical_emotion
from ..errors import UserError
from ..motion.motion import Motion
from ..speech.speech import Speech

LEAST, MOST = 0.25, 2.5  # of intensity
LENGTH_SLACK = 0.1  # seconds by which a motion to edit and its speech may differ


def emotion_weights(emotion: str | Mapping[str, float] | None) -> np.ndarray:
    """[10] weights that sum to one; neutral if None.

    Raises:
        UserError: an unknown emotion, a negative weight, or none above zero.
    """
    weights = np.zeros(len(EMOTIONS), dtype=np.float32)
    if emotion is None:
        emotion = "neutral"
    mixture = {emotion: 1.0} if isinstance(emotion, str) else emotion
    for name, weight in mixture.items():
        if weight < 0:
            raise UserError(f"the weight of emotion {name!r} must not be negative; got {weight:g}")
        weights[EMOTIONS.index(canonical_emotion(name))] += weight
    if not weights.any():
        raise UserError("the weights of the emotions are all zero; give at least one above zero")
    return weights / weights.sum()


def strongest(weights: np.ndarray) -> str | None:
    """The name of the emotion that has most weight; None if none has any."""
    return EMOTIONS[int(weights.argmax())] if weights.any() else None


def style_weights(speaker: str, speakers: Sequence[str]) -> np.ndarray:
    """[styles] one-hot. Raises UserError with the known names."""
    if speaker not in speakers:
        raise UserError(f"unknown speaker {speaker!r}; this model knows {', '.join(speakers)}")
    weights = np.zeros(len(speakers), dtype=np.float32)
    weights[list(speakers).index(speaker)] = 1.0
    return weights


def wished(
    speech: Speech, emotion: str | Mapping[str, float] | None, speaker: str | None, speakers: Sequence[str]
) -> tuple[str | Mapping[str, float] | None, str | None]:
    """Emotion and speaker that are asked for; what is not said is the speech's own, where it is known."""
    own = speech.speaker if speech.speaker in speakers else None
    return speech.emotion if emotion is None else emotion, own if speaker is None else speaker


def check_length(motion: Motion, speech: Speech) -> None:
    """Raises UserError if a motion to edit is not as long as its speech within ``LENGTH_SLACK``."""
    if abs(motion.seconds - speech.seconds) > LENGTH_SLACK:
        raise UserError(
            f"the motion lasts {motion.seconds:.2f} s and the speech {speech.seconds:.2f} s; they must "
            f"agree within {LENGTH_SLACK:g} s, so give the speech of this motion, or cut the longer one"
        )


def check_intensity(intensity: float) -> float:
    """The same number. Raises UserError if it is out of range."""
    if not LEAST <= intensity <= MOST:
        raise UserError(f"intensity must be from {LEAST:g} to {MOST:g}; got {intensity:g}")
    return intensity


def generator(seed: int) -> np.random.Generator:
    """The source of chance. Raises UserError for a negative seed."""
    if seed < 0:
        raise UserError(f"the seed must be a whole number from 0 on; got {seed}")
    return np.random.default_rng(seed)
