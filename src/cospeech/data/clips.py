"""What a corpus reader yields: clips of motion, clips of speech, or both recorded together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..motion.motion import Motion

if TYPE_CHECKING:
    from ..speech.speech import Speech


@dataclass(frozen=True)
class GestureClip:
    """One recording. A clip without speech is motion only, one without motion is speech only."""

    id: str  # unique within its corpus
    speaker: str  # whose motion (or, without motion, whose voice)
    split: str  # train, val or test
    emotion: str | None = None
    speech: Speech | None = None
    motion: Motion | None = None  # canonical skeleton, 30 fps


@dataclass(frozen=True)
class Dropped:
    """A recording that a reader left out, and why."""

    id: str
    reason: str
