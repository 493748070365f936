"""Conditioning: emotion, intensity, speaker, seed and poses, from what users write to what networks take."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import numpy as np

from ..core.arguments import file_path, number
from ..core.emotions import CONVERSATION as CONVERSATION
from ..core.emotions import EMOTIONS, canonical_emotion
from ..core.errors import UserError
from ..core.timing import FPS, seconds_to_frame
from ..motion.formats.keypoints import Keypoints
from ..motion.motion import Motion, load_motion
from ..motion.retarget import on_canonical
from ..speech.speech import Speech

AUTO = "auto"  # the emotion that the voice sounds like
# What holds unless a mood is named: a mixture of the actors' livelier moods. [D]
_CONVERSATION = {"amusement": 0.3, "pride": 0.3, "joy": 0.2, "surprise": 0.2}
INTENSITY_RANGE = (0.25, 2.5)
LENGTH_SLACK = 0.1  # seconds by which a motion to edit and its speech may differ


def emotion_weights(emotion: str | Mapping[str, float] | None, *, known: Collection[str] = EMOTIONS) -> np.ndarray:
    """[10] weights that sum to one; neutral if None.

    What weights lack to one is neutral, so {"joy": 0.5} is half of it; more than one is shared out. [D]

    Args:
        known: emotions that a model has learned; "conversation" is a mixture of those among them, neutral if there
            are none.
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
        for part, share in _expanded(name, known).items():
            weights[EMOTIONS.index(part)] += weight * share
    if not weights.any():
        raise UserError("the weights of the emotions are all zero; give at least one above zero")
    weights[0] += max(0.0, 1.0 - float(weights.sum()))
    shares: np.ndarray = weights / weights.sum()
    return shares


def canonical_mood(name: str) -> str:
    """The canonical name of an emotion, or "conversation". Raises UserError with the known names."""
    if name.strip().lower() == CONVERSATION:
        return CONVERSATION
    try:
        return canonical_emotion(name)
    except UserError as error:
        raise UserError(f"{error}, {CONVERSATION}") from None


def _expanded(name: str, known: Collection[str]) -> dict[str, float]:
    """The emotions of a mood with their shares."""
    mood = canonical_mood(name)
    if mood != CONVERSATION:
        return {mood: 1.0}
    shares = {part: share for part, share in _CONVERSATION.items() if part in known} or {"neutral": 1.0}
    return {part: share / sum(shares.values()) for part, share in shares.items()}


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
        canonical = canonical_mood(name)
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


def shown_emotion(emotion: str | Mapping[str, float] | None, *, known: Collection[str] = EMOTIONS) -> str | None:
    """The mood that the face shows: conversation, or the emotion that has most weight."""
    return CONVERSATION if emotion == CONVERSATION else strongest(emotion_weights(emotion, known=known))


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


@dataclass(frozen=True)
class Condition:
    """The global condition of a network, with a batch axis."""

    emotion: np.ndarray  # [B, 10] float32 weights
    style: np.ndarray  # [B, styles] float32 weights
    intensity: np.ndarray  # [B, 2] float32: log of the relative hand speed, 1 where known

    def twice(self) -> Condition:
        """This condition as a batch of two: guidance is of the speech alone. [D]"""
        return Condition(*(np.concatenate([v, v]) for v in (self.emotion, self.style, self.intensity)))


def requested_emotion(emotion: str | Mapping[str, float] | None) -> str | dict[str, float] | None:
    """A name, a mixture as in "joy:0.7,surprise:0.3", or weights, checked; "auto" and None stay.

    Raises:
        UserError: an unknown emotion; the message lists the known ones.
    """
    if emotion is None or emotion == AUTO:
        return emotion
    if isinstance(emotion, str):
        weights = parse_emotion(emotion)
        return next(iter(weights)) if list(weights.values()) == [1.0] else weights
    emotion_weights(emotion)
    return dict(emotion)


def read_pose(
    source: str | Path | Motion | None, *, last: bool = False, history: int = 0, map: str | Path | None = None
) -> Motion | None:
    """One frame, canonical: of a motion, of a motion file, or of "FILE@SECONDS".

    Args:
        last: the last frame where no time is named, else the first.
        history: so many frames at 30 a second before a named time come along, where there are any; of a
            motion, all frames are then taken as what leads to its last one.
        map: which joint of a file's rig is which, as ``load_motion`` takes it.

    Raises:
        UserError: no such file or time.
    """
    if source is None:
        return None
    if isinstance(source, Motion):
        return on_canonical(source if history else source[-1:] if last else source[:1], separate=False)
    file_path(source, "a pose as a motion file or FILE@SECONDS")
    name, sign, moment = str(source).rpartition("@")
    if not sign or Path(source).exists():
        motion = load_motion(source, map=map)
        return on_canonical(motion[-1:] if last else motion[:1], separate=False)
    motion = load_motion(name, map=map)
    try:
        frame = seconds_to_frame(float(moment), fps=motion.fps)
    except (ValueError, OverflowError):
        raise UserError(f"a pose is FILE or FILE@SECONDS, as in talk.bvh@2.5; got {source}") from None
    if not 0 <= frame <= len(motion):
        raise UserError(f"{name} lasts {motion.seconds:.2f} s; it has no pose at {moment} s")
    place = min(frame, len(motion) - 1)
    return on_canonical(motion[max(0, place - round(history * motion.fps / FPS)) : place + 1], separate=False)


def check_length(motion: Motion | Keypoints, speech: Speech) -> None:
    """Raises UserError if a motion to edit is not as long as its speech within ``LENGTH_SLACK``."""
    if abs(motion.seconds - speech.seconds) > LENGTH_SLACK:
        raise UserError(
            f"the motion lasts {motion.seconds:.2f} s and the speech {speech.seconds:.2f} s; they must "
            f"agree within {LENGTH_SLACK:g} s, so give the speech of this motion, or cut the longer one"
        )


def generator(seed: int) -> np.random.Generator:
    """A random generator. Raises UserError for a negative seed."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise UserError(f"seed must be a whole number from 0 on; got {seed}")
    return np.random.default_rng(seed)


def seed_for(seed: int, frames: int) -> int:
    """The seed of one speech, so that two of different lengths do not begin alike. [D]"""
    return int(np.random.SeedSequence([seed, frames]).generate_state(1)[0])


def described_weights(weights: Mapping[str, float]) -> str:
    """Weights in words, the largest first: "joy 62 %, surprise 20 %"."""
    order = sorted(weights.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in order if weight >= 0.05)


def detected_mixture(
    probabilities: Mapping[str, float], *, least: float = 0.15, known: Sequence[str] = EMOTIONS
) -> dict[str, float]:
    """Probabilities of the emotions of a voice as weights; those below ``least`` become neutral. [D]

    So do emotions that the generating model has not learned.
    """
    kept = {name: share for name, share in probabilities.items() if share >= least and name in known}
    rest = 1.0 - sum(kept.values())
    kept["neutral"] = kept.get("neutral", 0.0) + max(0.0, rest)
    return kept
