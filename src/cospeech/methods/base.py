"""What every method offers: a model that turns speech into motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..motion.formats.keypoints import Keypoints
from ..motion.motion import Motion
from ..motion.representation import Representation
from ..speech.speech import Speech
from ..speech.transcript import Word


class GestureModel(Protocol):
    """A loaded model. ``load`` returns one; every method has its own class."""

    name: str
    config: dict[str, Any]
    representation: Representation  # what it makes: bodies, or points in a picture

    @property
    def speakers(self) -> tuple[str, ...]:
        """Speakers whose manner the model knows."""
        ...

    def generate(self, speech: Speech, *, seed: int = 0, **options: Any) -> Motion | Keypoints:
        """Motion exactly as long as the speech; points in a picture if the model learned those."""
        ...

    def edit(
        self,
        motion: Motion,
        speech: Speech,
        *,
        span: Sequence[str | tuple[float, float]] = (),
        joints: Sequence[str] = (),
        seed: int = 0,
        **options: Any,
    ) -> Motion:
        """The motion with other gestures in the spans and joints that are named."""
        ...

    def from_features(
        self, features: np.ndarray, *, seed: int = 0, words: Sequence[Word] = (), **options: Any
    ) -> Motion | Keypoints:
        """The same for speech features [T, F], exactly T frames long; without a procedural face.

        ``words`` are those of the speech, for methods that read them.
        """
        ...
