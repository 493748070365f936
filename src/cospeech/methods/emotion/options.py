"""What users can set of EmotionGesture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..options import BodyOptions, option
from .emotion_track import EmotionKeyframe, requested_track


@dataclass(frozen=True, kw_only=True)
class EmotionOptions(BodyOptions):
    """Those of all methods that generate bodies, emotions over time, and how far takes differ."""

    emotion_track: Sequence[EmotionKeyframe] | None = option(
        None,
        kind="file",
        help="a JSON or CSV file of start, emotion, strength, for emotions over time, instead of emotion",
        metavar="FILE",
        convert=requested_track,
    )
    variety: float | None = option(
        None,
        help="how far takes differ: 0 for the most usual motion, 1 as people differ, up to 2; the model's own setting "
        "unless given",
        minimum=0.0,
        maximum=2.0,
        metavar="X",
        actions=("generate", "edit"),
    )
