"""Several takes of a speech, and which of them is the best.

A take is judged by what people see first: strokes that go with the accents of the voice, gestures that were asked for
and are there, hands that move as much as people's do and not always the same one, and hands that pass through nothing.
The score is no measure of quality beside other systems; it only ranks takes of one model. Decisions of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Unpack

import numpy as np

from ..core.errors import UserError
from ..methods.base import GestureModel
from ..methods.options import Keywords
from ..metrics.contact import through_share
from ..motion.motion import Motion
from ..motion.phases import STILL_SPEED, hand_speed, strokes, wrists_in_chest
from ..speech.features import prominent_accents
from ..speech.layout import LAYOUT
from ..speech.speech import Speech

WITH_ACCENT = 0.2  # seconds between an accent and a stroke that goes with it
MOVING = 0.55  # share of the time of speech in which people who talk move a hand
REACH = 0.12  # metres from their mean place (standard deviation) for which wrists get half
THROUGH = 0.02  # share of frames with hands in the body from which contact counts nothing
WEIGHTS = {"accents": 0.3, "meaning": 0.3, "variety": 0.25, "contact": 0.15}


@dataclass(frozen=True)
class TakeScore:
    """How good a take is, each from 0 to 1."""

    accents: float  # share of the voice's prominent accents with a stroke near them
    meaning: float  # share of the gestures that were asked for, or that words call for, that are there
    variety: float  # how far hands go, how much they move while somebody speaks, and whether both do
    contact: float  # 1 where no hand is in the body or in the other hand

    @property
    def total(self) -> float:
        """The weighted sum, 0 to 1."""
        return float(sum(weight * getattr(self, name) for name, weight in WEIGHTS.items()))

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {**{name: round(value, 3) for name, value in asdict(self).items()}, "total": round(self.total, 3)}


def score_take(motion: Motion, speech: Speech) -> TakeScore:
    """How good a take is.

    Args:
        motion: generated for the speech; ``extra["explain"]`` tells of named gestures.
    """
    return TakeScore(_accents(motion, speech), _meaning(motion), _variety(motion, speech), _contact(motion))


def _accents(motion: Motion, speech: Speech) -> float:
    times = prominent_accents(speech.features)[0]
    found = np.array([stroke.time for stroke in strokes(motion)])
    if not len(times):
        return 1.0
    if not len(found):
        return 0.0
    return float((np.abs(times[:, None] - found).min(axis=1) <= WITH_ACCENT).mean())


def _meaning(motion: Motion) -> float:
    explained = motion.extra.get("explain", {})
    there, missing = len(explained.get("gestures", ())), len(explained.get("left_out", ()))
    return there / (there + missing) if there + missing else 1.0


def _variety(motion: Motion, speech: Speech) -> float:
    """The mean of three: hands go far, move while somebody speaks, and both take part."""
    spread = np.linalg.norm(wrists_in_chest(motion).std(axis=0), axis=-1)
    spoken = np.asarray(LAYOUT.get(speech.features, "speech")[: len(motion)] >= 0.5)
    moving = hand_speed(motion)[: len(spoken)].max(axis=1) >= STILL_SPEED
    share = float(moving[spoken].mean()) if spoken.any() else MOVING
    both = float(spread.min() / max(spread.max(), 1e-6))
    far = float(spread.mean())
    return (far / (far + REACH) + min(1.0, share / MOVING) + both) / 3


def _contact(motion: Motion) -> float:
    return max(0.0, 1.0 - through_share([motion]) / THROUGH)


def best_take(
    speech: Speech, model: GestureModel, *, variants: int = 8, **options: Unpack[Keywords]
) -> tuple[Motion, list[TakeScore]]:
    """The best of several takes, and the scores of all; ``extra["explain"]["takes"]`` has them too.

    Args:
        speech: loaded.
        model: of bodies, loaded.
        variants: so many takes, of the seed in the options and those after it.
    Raises:
        UserError: no variants, or a model of keypoints.
    """
    if variants < 1:
        raise UserError(f"variants must be a whole number from 1 on; got {variants}")
    keywords: dict[str, Any] = {**options}
    first, best = int(keywords.pop("seed", 0)), 0
    chosen: Motion | None = None
    scores: list[TakeScore] = []
    for take in range(variants):
        motion = model.generate(speech, **keywords, seed=first + take)
        if not isinstance(motion, Motion):
            raise UserError(f"{model.described} generates no body whose takes could be ranked; leave out best")
        scores.append(score_take(motion, speech))
        if chosen is None or scores[take].total > scores[best].total:
            chosen, best = motion, take
    assert chosen is not None
    explained = {**chosen.extra.get("explain", {}), "takes": takes_data(scores, first, best)}
    return replace(chosen, extra={**chosen.extra, "explain": explained}), scores


def takes_data(scores: Sequence[TakeScore], first: int, best: int) -> dict[str, Any]:
    """The scores of takes for JSON, with their seeds."""
    return {
        "chosen": first + best,
        "of": [{"seed": first + take, **score.as_dict()} for take, score in enumerate(scores)],
    }
