"""What a network reads of a speech: 48 features a frame, then the columns of the encoders it learned with.

Training takes the same from a dataset (``GestureDataset.inputs``). No torch is imported here until an encoder is
opened, and none is for a model that has no ``encoders`` in its config.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ..features import FEATURE_DIM
from ..speech import Speech
from .settings import KINDS, SPEECH, WORDS, Encoder, EncoderSettings, input_slices, read_encoders


def need_packages() -> None:
    """Raises UserError unless torch and transformers are installed."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"speech and word encoders need {' and '.join(missing)}, not installed here; pip install 'cospeech[train]'"
        )


def open_encoder(
    kind: str, name: str | Path, *, layer: str = "last", precision: str = "float32", beside: Path | None = None
) -> Encoder:
    """Load a pretrained encoder (imports torch and transformers).

    Args:
        kind: "speech_encoding" (WavLM, HuBERT, wav2vec 2.0) or "words" (RoBERTa and other readers of text).
        name: of Hugging Face, as in microsoft/wavlm-large, or a folder. What is in the cache of Hugging Face
            is used without a network.
        layer: "last", a number (0: what enters the first block), or "mean:K" of the last K layers.
        precision: of the matrix products, float32 or bfloat16; all else is float32.
        beside: a model folder; a folder in it with the last part of ``name`` is taken first.
    Raises:
        UserError: a package is missing, no such encoder, no network, another kind of network, or no such
            layer.
    """
    settings = EncoderSettings(str(name), layer, precision)
    need_packages()
    if beside is not None and (beside / Path(name).name).is_dir():
        name = beside / Path(name).name
    if kind == SPEECH:
        from .speech_encoder import SpeechEncoder

        return SpeechEncoder(settings, place=str(name))
    if kind == WORDS:
        from .word_encoder import WordEncoder

        return WordEncoder(settings, place=str(name))
    raise UserError(f"no encoder is of the kind {kind!r}; known: {', '.join(KINDS)}")


class SpeechInputs:
    """Speech -> what a model's networks read, [T, F] float32, with named columns.

    ``slices`` has "features" (the 48), and "speech_encoding" and "words" where the model has them.
    """

    def __init__(
        self,
        settings: Mapping[str, EncoderSettings] | None = None,
        *,
        beside: Path | None = None,
        opened: Mapping[str, Encoder] | None = None,
    ) -> None:
        """Name the encoders.

        Args:
            settings: of the encoders, by kind; none means the 48 features alone.
            beside: the model folder, which may hold the encoders' folders.
            opened: encoders of your own, by kind; each must have the settings' weights and width.
        Raises:
            UserError: it has not.
        """
        self.settings = {kind: settings[kind] for kind in KINDS if settings and kind in settings}
        self.slices = input_slices(FEATURE_DIM, self.settings)
        self._beside = beside
        self._opened: dict[str, Encoder] = {}
        for kind, encoder in (opened or {}).items():
            self._opened[kind] = self._checked(kind, encoder)

    @classmethod
    def of_model(cls, config: Mapping[str, Any], folder: Path) -> SpeechInputs:
        """Of a model folder and its config.json, whose key ``encoders`` says what is needed.

        Raises:
            UserError: that key is damaged.
        """
        return cls(read_encoders(config.get("encoders"), folder / "config.json"), beside=folder)

    @property
    def width(self) -> int:
        """F, number of columns."""
        width: int = max(part.stop for part in self.slices.values())
        return width

    def __call__(self, speech: Speech, frames: int | None = None) -> np.ndarray:
        """[frames, F] float32 of a speech; all its frames unless told.

        Where the speech is a little shorter, the sound's last frame goes on, and there is no word. Encoders
        are opened at the first call and kept.

        Raises:
            UserError: an encoder cannot be opened (see ``open_encoder``), or has other weights or another
                width than the one the model learned with.
        """
        frames = speech.frames if frames is None else frames
        features = speech.features[:frames]
        features = np.pad(features, ((0, frames - len(features)), (0, 0)), mode="edge")
        columns = [features]
        for kind in self.settings:
            encoder = self._encoder(kind)
            columns.append(encoder.frames(encoder.states(speech), speech, count=frames))
        return np.concatenate(columns, axis=1) if len(columns) > 1 else features

    def _encoder(self, kind: str) -> Encoder:
        if kind not in self._opened:
            own, beside = self.settings[kind], self._beside
            need_packages()
            try:
                found = open_encoder(kind, own.name, layer=own.layer, precision=own.precision, beside=beside)
            except UserError as error:
                if beside is None:
                    raise
                place = beside / Path(own.name).name
                raise UserError(f"{error}; its files may also lie in {place}, as a part of the model") from None
            self._opened[kind] = self._checked(kind, found)
        return self._opened[kind]

    def _checked(self, kind: str, encoder: Encoder) -> Encoder:
        wanted, found = self.settings[kind], encoder.settings
        if (wanted.width, wanted.weights) != (found.width, found.weights):
            raise UserError(
                f"the encoder {wanted.name} has weights {found.weights} and {found.width} columns; the model "
                f"learned with weights {wanted.weights} and {wanted.width} columns, so give it that one"
            )
        return encoder
