"""What a user asks of a method - emotion, liveliness, manner, seed - as the networks take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral

import numpy as np

from ..core.arguments import number
from ..core.emotions import EMOTIONS, canonical_emotion
from ..core.errors import UserError
from ..motion.formats.keypoints import Keypoints
from ..motion.motion import Motion
from ..speech.speech import Speech

LEAST, MOST = 0.25, 2.5  # of intensity
LENGTH_SLACK = 0.1  # seconds by which a motion to edit and its speech may differ


def emotion_weights(emotion: str | Mapping[str, float] | None) -> np.ndarray:
    """[10] weights that sum to one; neutral if None.

    What weights lack to one is neutral, so {"joy": 0.5} is half of it; more than one is shared out. [D]

    Raises:
        UserError: an unknown emotion, a negative weight, or none above zero.
    """
    weights = np.zeros(len(EMOTIONS), dtype=np.float32)
    if emotion is None:
        emotion = "neutral"
    mixture = {emotion: 1.0} if isinstance(emotion, str) else emotion
    if not isinstance(mixture, Mapping):
        raise UserError(f"an emotion is a name or weights by name; got {type(emotion).__name__}")
    for name, weight in mixture.items():
        number(weight, f"the weight of emotion {name!r}")
        if weight < 0:
            raise UserError(f"the weight of emotion {name!r} must not be negative; got {weight:g}")
        if not np.isfinite(weight):
            raise UserError(f"the weight of emotion {name!r} must be a number; got {weight:g}")
        weights[EMOTIONS.index(canonical_emotion(name))] += weight
    if not weights.any():
        raise UserError("the weights of the emotions are all zero; give at least one above zero")
    weights[0] += max(0.0, 1.0 - float(weights.sum()))
    return weights / weights.sum()


def parse_emotion(text: str) -> dict[str, float]:
    """A name, or a mixture as in "joy:0.7,surprise:0.3", as weights by canonical name.

    >>> parse_emotion("Happy"), parse_emotion("joy:0.7, surprise:0.3")
    ({'joy': 1.0}, {'joy': 0.7, 'surprise': 0.3})

    Raises:
        UserError: an unknown emotion (the message lists the known ones), or a weight that is no number.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, sign, weight = part.partition(":")
        canonical = canonical_emotion(name)
        try:
            value = float(weight) if sign else 1.0
        except ValueError:
            raise UserError(
                f"the weight of emotion {name.strip()!r} must be a number, as in joy:0.7,surprise:0.3; "
                f"got {weight.strip()!r}"
            ) from None
        weights[canonical] = weights.get(canonical, 0.0) + value
    emotion_weights(weights)
    return weights


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


def check_length(motion: Motion | Keypoints, speech: Speech) -> None:
    """Raises UserError if a motion to edit is not as long as its speech within ``LENGTH_SLACK``."""
    if abs(motion.seconds - speech.seconds) > LENGTH_SLACK:
        raise UserError(
            f"the motion lasts {motion.seconds:.2f} s and the speech {speech.seconds:.2f} s; they must "
            f"agree within {LENGTH_SLACK:g} s, so give the speech of this motion, or cut the longer one"
        )


def check_intensity(intensity: float) -> float:
    """The same number. Raises UserError if it is out of range."""
    number(intensity, "intensity")
    if not LEAST <= intensity <= MOST:
        raise UserError(f"intensity must be from {LEAST:g} to {MOST:g}; got {intensity:g}")
    return intensity


def generator(seed: int) -> np.random.Generator:
    """The source of chance. Raises UserError for a negative seed."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise UserError(f"the seed must be a whole number from 0 on; got {seed}")
    return np.random.default_rng(seed)


def told(weights: Mapping[str, float]) -> str:
    """Weights in words, the largest first: "joy 62 %, surprise 20 %"."""
    order = sorted(weights.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in order if weight >= 0.05)


def heard_mixture(
    heard: Mapping[str, float], *, least: float = 0.15, known: Sequence[str] = EMOTIONS
) -> dict[str, float]:
    """How likely a voice is in each emotion as weights; what is less likely than ``least`` is neutral. [D]

    So is what the model that is asked has not learned: nobody wished for it.
    """
    kept = {name: share for name, share in heard.items() if share >= least and name in known}
    rest = 1.0 - sum(kept.values())
    kept["neutral"] = kept.get("neutral", 0.0) + max(0.0, rest)
    return kept
