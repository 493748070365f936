"""Which triggers become gestures: not every one, never the same gesture twice in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import UserError
from .cue import GestureCue
from .matching import Trigger

DENSITIES = ("off", "sparse", "normal", "rich")


def choose_cues(
    triggers: Sequence[Trigger],
    *,
    density: str = "normal",
    features: np.ndarray | None = None,
    seed: int = 0,
    seconds: float | None = None,
) -> list[GestureCue]:
    """Gestures for some of the triggers.

    Args:
        triggers: in order of time.
        density: "off", "sparse", "normal" or "rich".
        features: [T, 48] of the speech; where the voice is strong gestures are preferred.
        seed: chooses among gestures of one meaning; the same seed gives the same cues.
        seconds: length of the recording; nothing is placed beyond it.

    Returns:
        Cues in order of time, with ``meaning``, ``word``, ``hold_until`` and ``source`` of their triggers.

    Raises:
        UserError: unknown density.
    """
    if density not in DENSITIES:
        raise UserError(f"unknown gesture density {density!r}; known: {', '.join(DENSITIES)}")
    if density == "off":
        return []
    return [
        GestureCue(t.gestures[0], t.time, t.word, t.meaning, t.source, t.strength, hold_until=t.phrase_end)
        for t in triggers
    ]
