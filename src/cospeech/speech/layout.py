"""Names of the features: which column of [T, 48] is what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .spectrum import MEL_BANDS

SILENCE = -2.5  # value of every mel band and of energy in silence


@dataclass(frozen=True)
class FeatureLayout:
    """Names of the columns of a feature array [T, dim].

    >>> LAYOUT.dim, LAYOUT["mel"], LAYOUT["pitch"]
    (48, slice(0, 40, None), slice(42, 43, None))
    """

    slices: Mapping[str, slice]

    @property
    def dim(self) -> int:
        """Number of columns."""
        width: int = max(part.stop for part in self.slices.values())
        return width

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the columns."""
        return tuple(self.slices)

    def __getitem__(self, name: str) -> slice:
        return self.slices[name]

    def get(self, features: np.ndarray, name: str) -> np.ndarray:
        """The columns of a name, [..., width]; a name of width one loses that axis: [...]."""
        part = features[..., self.slices[name]]
        return part[..., 0] if part.shape[-1] == 1 else part


def _layout(**widths: int) -> FeatureLayout:
    slices, start = {}, 0
    for name, width in widths.items():
        slices[name] = slice(start, start + width)
        start += width
    return FeatureLayout(MappingProxyType(slices))


LAYOUT = _layout(
    mel=MEL_BANDS,  # log mel bands, 60 to 7000 Hz, in running standard deviations; SILENCE in silence
    energy=1,  # log energy in running standard deviations about the speech's mean; SILENCE in silence
    voicing=1,  # 0 no periodicity .. 1 fully periodic
    pitch=1,  # log f0 about the speaker's running median in running deviations; 0 where unvoiced
    pitch_delta=1,  # rise of pitch over the last 1/15 s, in deviations per 0.2 s; 0 where unvoiced
    onset=1,  # spectral flux, 0 .. 2, about 1 at the onset of a clear syllable
    accent=1,  # prominence of the moment, 0 .. 1, peaks on stressed syllables
    pause=1,  # seconds since the last speech, saturating at 1
    speech=1,  # 1 speech, 0 silence
)
FEATURE_DIM = LAYOUT.dim
