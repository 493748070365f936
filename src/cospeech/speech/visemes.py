"""When the lips must do something the sound does not tell: from words with times.

Each word is pronounced by rules (g2p.py), its phones are laid evenly over its time, and where lips
must meet (p, b, m) the moment is moved to the nearest dip of the sound. A decision of ours; good to
about 50 ms. English only: other words give what their letters suggest.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..core.timing import FPS
from .g2p import pronounce, spoken
from .layout import LAYOUT
from .speech import Word

VISEMES = ("shut", "bitten", "round", "wide")  # p b m; f v; oo w sh; ee s
_OF_PHONE = {
    **dict.fromkeys(("P", "B", "M"), 0),
    **dict.fromkeys(("F", "V"), 1),
    **dict.fromkeys(("UW", "UH", "OW", "W", "OY", "SH", "CH", "JH", "ZH"), 2),
    **dict.fromkeys(("IY", "IH", "EY", "S", "Z"), 3),
}


def visemes(words: Iterable[Word], features: np.ndarray) -> np.ndarray:
    """Lip positions that words ask for.

    Args:
        words: words with their times.
        features: of the same recording, [T, 48].

    Returns:
        [T, 4] float32 in 0 .. 1, columns as in VISEMES.
    """
    frames = len(features)
    energy = LAYOUT.get(features, "energy")
    out = np.zeros((frames, len(VISEMES)), np.float32)
    for word in words:
        phones = [phone for token in spoken(word.text) for phone in pronounce(token)]
        step = (word.end - word.start) / max(1, len(phones))
        for index, phone in enumerate(phones):
            kind = _OF_PHONE.get(phone)
            if kind is None:
                continue
            centre = (word.start + (index + 0.5) * step) * FPS
            reach = max(0.5 * step * FPS, 1.2)
            if kind == 0:
                first, last = max(0, round(centre - reach)), min(frames, round(centre + reach) + 1)
                if last > first:
                    centre = first + float(np.argmin(energy[first:last]))
                reach = 1.2  # lips meet for about 80 ms, however long the word
            first, last = max(0, int(np.ceil(centre - 2 * reach))), min(frames, int(centre + 2 * reach) + 1)
            if last > first:
                hill = np.clip(1.5 - np.abs(np.arange(first, last) - centre) / reach, 0.0, 1.0)
                out[first:last, kind] = np.maximum(out[first:last, kind], hill)
    return out
