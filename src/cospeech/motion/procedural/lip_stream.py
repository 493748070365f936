"""Lips of a live voice: the same mouth as of a whole recording, a little after the sound."""

from __future__ import annotations

import numpy as np

from ...core.timing import FPS
from ...speech.features import FEATURE_DIM, FeatureExtractor
from ...speech.phones.network import DEFAULT_LOOK_AHEAD, PhoneNetwork, PhoneSteps, PhoneStream
from ...speech.phones.recognise import on_the_grid
from ...speech.phones.track import TRACK_RATE, PhoneTrack
from ..face_shapes import FACE_SHAPES
from .lips import lips_from_phones

AHEAD = 0.1  # seconds of phones after a frame that shape it; later ones count for little
_PAST = 1  # seconds before a frame that shape it


class LipStream:
    """ARKit weights of jaw, mouth and tongue while somebody speaks.

    A frame is ready when the sound of ``delay`` seconds after it has come.

    >>> stream = LipStream()
    >>> stream.push(np.zeros(16000, np.float32)).shape[1]
    52
    """

    def __init__(self, *, look_ahead: float = DEFAULT_LOOK_AHEAD, network: PhoneNetwork | None = None) -> None:
        """Begin a stream; arguments as of ``PhoneStream``. Raises UserError for an unknown look-ahead."""
        self._phones = PhoneStream(look_ahead=look_ahead, network=network)
        self._extractor = FeatureExtractor()
        self._features = np.zeros((0, FEATURE_DIM), np.float32)
        self._times = np.zeros(0)
        self._probabilities: list[np.ndarray] = []
        self._first = 0  # frame that the features begin with
        self._next = 0  # frame that is given next

    @property
    def delay(self) -> float:
        """Seconds from a moment to when its frame is given, at most, with pieces of no length."""
        return self._phones.look_ahead + AHEAD + 2.0 / FPS

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take the next samples [n] (float, mono, 16 kHz); return the frames now ready, [t, 52] float32."""
        self._take(self._phones.push(samples), self._extractor.push(np.asarray(samples)))
        known = 0 if not len(self._times) else int((self._times[-1] - AHEAD) * FPS) + 1
        return self._given(min(known, self._first + len(self._features)))

    def flush(self) -> np.ndarray:
        """End the stream; return its last frames [t, 52]."""
        self._take(self._phones.flush(), self._extractor.flush())
        return self._given(self._first + len(self._features))

    def _take(self, steps: PhoneSteps, features: np.ndarray) -> None:
        self._times = np.concatenate([self._times, steps.times])
        self._probabilities.append(steps.probabilities)
        self._features = np.concatenate([self._features, features])

    def _given(self, until: int) -> np.ndarray:
        """Frames from the next one to ``until`` (excluded); what is no longer needed is forgotten."""
        if until <= self._next:
            return np.zeros((0, FACE_SHAPES), np.float32)
        begin = self._first // FPS  # seconds
        rows = int((until / FPS - begin + AHEAD) * TRACK_RATE) + 2
        steps = PhoneSteps(self._times - begin, np.concatenate(self._probabilities))
        track = PhoneTrack((), on_the_grid(steps, rows), "network")
        face = lips_from_phones(track, self._features[: until - self._first])[self._next - self._first :]
        self._next = until
        keep = max(0, until // FPS - _PAST) * FPS  # whole seconds, so that frames and rows meet
        self._features, self._first = self._features[keep - self._first :], keep
        late = self._times >= keep / FPS - 0.1
        self._times, self._probabilities = self._times[late], [steps.probabilities[late]]
        return face
