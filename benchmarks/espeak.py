"""Speech whose words and phones are known to the millisecond: spoken by espeak-ng, which tells when each begins.

It needs the library of espeak-ng (``apt install espeak-ng``). Its voices are formant synthesis: intelligible, far from
a person. Figures measured with them say so.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from cospeech.speech.audio import resample
from cospeech.speech.speech import Speech
from cospeech.speech.transcript import spread
from cospeech.speech.word import Word

_WORD, _END, _PHONEME = 1, 5, 7
_SYNCHRONOUS, _PHONEME_EVENTS, _IPA = 2, 1, 2
_RATE, _PITCH, _RANGE, _UTF8 = 1, 3, 4, 1
QUIET = 0.3  # seconds of silence before and after


class _Event(ctypes.Structure):
    class _Id(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Spoken:
    """What was said, with true times.

    Args:
        speech: 16 kHz; its words have true times, and the text of the sentence between blanks.
        phones: (IPA, start, end) in order, pauses left out.
    """

    speech: Speech
    phones: tuple[tuple[str, float, float], ...]


@cache
def _library() -> tuple[Any, int]:
    name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
    library = ctypes.cdll.LoadLibrary(name)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _IPA)
    if rate <= 0:
        raise RuntimeError("espeak-ng cannot be started; install it with its voices")
    return library, rate


def is_installed() -> bool:
    """Whether espeak-ng can be used here."""
    try:
        _library()
    except (OSError, RuntimeError):
        return False
    return True


def say(text: str, *, voice: str = "en", words_a_minute: int = 160, pitch: int = 50, noise: float = 0.0) -> Spoken:
    """Speak a text.

    Args:
        voice: "en", "de", and variants of them such as "de+f2".
        pitch: 0 to 99.
        noise: of the recording, standard deviation as a share of the speech's.
    """
    library, rate = _library()
    pieces: list[np.ndarray] = []
    events: list[tuple[int, int, int, float, str]] = []

    def heard(samples: Any, count: int, event: Any) -> int:
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while event[index].type:
            one = event[index]
            name = one.id.string.decode("utf-8", "replace") if one.type == _PHONEME else ""
            events.append((one.type, one.text_position, one.length, one.audio_position / 1000, name))
            index += 1
        return 0

    callback = _Callback(heard)
    if library.espeak_SetVoiceByName(voice.encode()):
        raise ValueError(f"espeak-ng has no voice {voice}")
    library.espeak_SetSynthCallback(callback)
    for parameter, value in ((_RATE, words_a_minute), (_PITCH, pitch), (_RANGE, 50)):
        library.espeak_SetParameter(parameter, value, 0)
    data = text.encode() + b"\0"
    library.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
    sound = np.concatenate(pieces).astype(np.float32) / 32768
    samples = resample(sound, rate=rate, sample_rate=16000)
    quiet = np.zeros(round(QUIET * 16000), np.float32)
    samples = np.concatenate([quiet, 0.7 * samples / np.abs(samples).max(), quiet]).astype(np.float32)
    if noise:
        samples += np.random.default_rng(0).normal(0, noise * samples.std(), len(samples)).astype(np.float32)
    end = QUIET + len(sound) / rate
    phones = _phones(events, end)
    words = _words(text, events, phones)
    return Spoken(Speech(np.clip(samples, -1, 1), words=words), phones)


def _phones(events: list[tuple[int, int, int, float, str]], end: float) -> tuple[tuple[str, float, float], ...]:
    marks = [(event[3] + QUIET, event[4]) for event in events if event[0] in (_PHONEME, _END)]
    marks.append((end, ""))
    spans = [(name, a, b) for (a, name), (b, _) in pairwise(marks)]
    return tuple((name, a, b) for name, a, b in spans if b > a and name.strip("_:; |\x00"))


def _words(
    text: str, events: list[tuple[int, int, int, float, str]], phones: tuple[tuple[str, float, float], ...]
) -> tuple[Word, ...]:
    """Words between blanks; espeak tells the first character, from 1, of each word that it says."""
    spans, at = [], 0
    for written in text.split():
        at = text.index(written, at)
        spans.append((at, at + len(written), written))
        at += len(written)
    starts: dict[int, float] = {}
    for kind, position, _, time, _ in events:
        if kind == _WORD:
            index = next((k for k, (first, last, _) in enumerate(spans) if first <= position - 1 < last), None)
            if index is not None:
                starts.setdefault(index, time + QUIET)
    words: list[Word] = []
    order = sorted(starts)
    for index, later in zip(order, [*order[1:], None], strict=True):
        until = starts[later] if later is not None else float("inf")
        own = [(a, b) for _, a, b in phones if starts[index] - 1e-6 <= a < until - 1e-6]
        if own:
            # What is spoken as one word, as "on the" is, has one mark; its words share the time by their letters.
            merged = " ".join(span[2] for span in spans[index : len(spans) if later is None else later])
            words += spread(merged, start=own[0][0], end=own[-1][1])
    return tuple(words)
