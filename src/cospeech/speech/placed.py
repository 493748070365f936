"""A speech as it lies in silence: later, and as long as what it goes with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.errors import UserError
from .cues.parameters import shifted_cues
from .lip_track import LipTrack
from .phones.inventory import PHONES
from .phones.track import TRACK_RATE, cut, shifted
from .speech import Speech


def placed(speech: Speech, *, start: float, seconds: float) -> Speech:
    """The speech as it lies in so many seconds of silence, from ``start`` on; what goes beyond them is cut.

    Words, phones, lips and cues come along, and what is heard in it (``phone_track``) is what is heard without the
    silence.

    Raises:
        UserError: it would begin before 0, or not before the end.
    """
    if not 0.0 <= start < seconds:
        raise UserError(f"a speech cannot begin at {start:g} s of {seconds:.3f} s; choose a time from 0 on before them")
    count, first = max(1, int(seconds * speech.sample_rate + 1e-6)), round(start * speech.sample_rate)
    samples = np.zeros(count, np.float32)
    heard = speech.samples[: max(0, count - first)]
    samples[first : first + len(heard)] = heard
    seconds = count / speech.sample_rate
    words = (replace(w, start=w.start + start, end=min(w.end + start, seconds)) for w in speech.words)
    out = replace(
        speech,
        samples=samples,
        words=tuple(word for word in words if word.end > word.start),
        phones=cut(shifted(speech.phones, start), 0.0, seconds),
        lips=None,
        cues=shifted_cues(speech.cues, start, seconds),
    )
    if speech.lips is not None and not speech.lips.is_of_phones:
        rows = int(np.ceil(seconds * speech.lips.fps)) + 1
        weights = speech.lips.at_rate(speech.lips.fps, rows, start=start)
        return replace(out, lips=replace(speech.lips, weights=weights))
    track = speech.phone_track.placed(start, seconds)
    if speech.lips is not None:
        out = replace(out, lips=LipTrack(PHONES, track.probabilities, float(TRACK_RATE)))
    vars(out)["phone_track"] = track  # where a cached property keeps its value
    return out
