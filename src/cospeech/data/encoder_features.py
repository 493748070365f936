"""What a dataset keeps of speech beside the acoustic features: its words, and the features of pretrained encoders."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core.files import write_arrays
from ..core.timing import FPS
from ..speech.encoders.inputs import open_encoder
from ..speech.encoders.settings import SPEECH, WORDS, Encoder
from ..speech.speech import Speech, Word

SILENCE = 1.2  # seconds on either side of a speech that is to be paired, at most
_HALF = float(np.finfo(np.float16).max)


def opened(
    speech: str | Path | Encoder | None,
    speech_layer: str,
    words: str | Path | Encoder | None,
    word_layer: str,
    precision: str,
) -> dict[str, Encoder]:
    """Encoders by kind: names and folders are opened, objects are taken as they are.

    Raises:
        UserError: as ``open_encoder``.
    """
    encoders: dict[str, Encoder] = {}
    for kind, encoder, layer in ((SPEECH, speech, speech_layer), (WORDS, words, word_layer)):
        if isinstance(encoder, str | Path):
            encoders[kind] = open_encoder(kind, encoder, layer=layer, precision=precision)
        elif encoder is not None:
            encoders[kind] = encoder
    return encoders


class EncoderFeatures:
    """Features of pretrained encoders for the speech of a dataset that is being prepared.

    The speech of synthetic pairs is encoded once, between two silences, and kept on disk until the dataset is
    finished; every pair takes its frames from there.
    """

    def __init__(self, encoders: Mapping[str, Encoder], cache: Path) -> None:
        """encoders by kind; cache: folder of encoded speech, created when it is needed."""
        self.encoders, self._cache = encoders, cache

    @property
    def widths(self) -> dict[str, int]:
        """Columns by kind."""
        return {kind: encoder.settings.width for kind, encoder in self.encoders.items()}

    def recorded(self, speech: Speech, frames: int) -> dict[str, np.ndarray]:
        """Columns [frames, W] float16 by kind, of a speech that was recorded with its motion."""
        return {
            kind: _half(encoder.frames(encoder.states(speech), speech, count=frames))
            for kind, encoder in self.encoders.items()
        }

    def between_silences(self, speech: Speech, frames: int, *, before: int) -> dict[str, np.ndarray]:
        """Columns [frames, W] float16 by kind, of a speech after ``before`` samples of silence."""
        if not self.encoders:
            return {}
        around = padded(speech)
        start = SILENCE - before / speech.sample_rate
        return {
            kind: _half(encoder.frames(self._states(kind, around), around, count=frames, start=start))
            for kind, encoder in self.encoders.items()
        }

    def close(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self._cache, ignore_errors=True)

    def _states(self, kind: str, speech: Speech) -> np.ndarray:
        from safetensors.numpy import load_file

        mark = hashlib.sha256(speech.samples.tobytes() + repr(speech.words).encode()).hexdigest()[:24]
        path = self._cache / f"{kind}-{mark}.safetensors"
        if not path.is_file():
            self._cache.mkdir(exist_ok=True)
            write_arrays(path, {"states": _half(self.encoders[kind].states(speech))})
        return load_file(path)["states"]


def word_info(speech: Speech, frames: int, *, before: float = 0.0) -> dict[str, list[tuple[str, float, float]]]:
    """The part of a sample's ``info`` with its words; empty if the recording has none.

    ``words`` is [text, start, end] of each, in seconds from the first frame of the sample, in order. Words that
    begin after its last frame are left out, and one that continues after it ends there.

    Args:
        speech: as it was recorded.
        frames: of the sample.
        before: seconds of silence before the speech, which keeps its pace.
    """
    seconds = frames / FPS
    words = [
        (word.text, round(word.start + before, 4), round(min(word.end + before, seconds), 4))
        for word in speech.words
        if word.start + before < seconds
    ]
    return {"words": words} if words else {}


def padded(speech: Speech) -> Speech:
    """A speech between silences of ``SILENCE`` seconds, its words moved along."""
    pad = round(SILENCE * speech.sample_rate)
    later = pad / speech.sample_rate
    words = tuple(Word(word.text, word.start + later, word.end + later) for word in speech.words)
    return replace(speech, samples=np.pad(speech.samples, pad), words=words)


def _half(values: np.ndarray) -> np.ndarray:
    half: np.ndarray = np.clip(values, -_HALF, _HALF).astype(np.float16)
    return half
