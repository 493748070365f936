"""Plain text to words with times, by forced alignment (pocketsphinx, English model in its wheel), English or German.

The words of a window of sound are laid end to end as a grammar that may stop after any of them; what
was heard well inside the window is kept, and the next window starts behind it. So a long recording
takes time in proportion to its length. (One grammar over everything grows with its square: 36 s for
ten minutes.)

Words the dictionary lacks are pronounced by rules (g2p.py). Where the text cannot be found in the
sound (another language, another recording, too much noise), the words are spread over the stretches
of speech by their length, and a note says so. Both are decisions of ours. The decoder gives no score to judge
by; what is found with wide beams only must agree with what the phone network hears.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import UserError
from ..core.progress import note
from ..core.timing import FPS, SAMPLE_RATE
from .agreement import agreement
from .features import LAYOUT, pauses
from .languages import Language, reading_of
from .pocketsphinx_search import USUAL, WIDE, WIDEST, search, sound_of, word_decoder
from .speech import Speech, Word

WINDOW = 30.0  # seconds aligned at once
TRUSTED = 6.0  # seconds before a window's end from which its words are heard again
FASTEST = 8.0  # words a second of speech; no text is read faster
SLOWEST = 0.3
COVERED = 0.75  # share of the speech that the words must cover, if the text is to fit
# Least agreement of words that are only found by wider beams (``agreement``). Texts of another recording have up to .32
# by the widest, which German needs, and German texts of their own .39 at least.
AGREED = {WIDE: 0.28, WIDEST: 0.36}
_MOST = 6.0  # words a second put into a window's grammar


def align(speech: Speech, *, text: str) -> tuple[Word, ...]:
    """Find the words of a text in a recording.

    Args:
        speech: the recording; words it has already are not looked at.
        text: what was said, in English or German. Punctuation stays on its word; numbers are read out.

    Returns:
        Each word of the text (split at blanks) that holds a letter or a digit, with its times.

    Raises:
        UserError: the text has no words, or far too many or few for the recording.
    """
    written, words = _searched(speech, text)
    if words is not None:
        return words
    note("the transcript could not be found in the sound; its words are spread over the speech by length")
    return _spread_over_speech(written, speech.features, speech.seconds)


def find_words(speech: Speech, *, text: str) -> tuple[Word, ...] | None:
    """The words of a text with their times, as ``align``; None where they cannot be found in the sound.

    Raises:
        UserError: the text has no words, or far too many or few for the recording.
    """
    return _searched(speech, text)[1]


def _searched(speech: Speech, text: str) -> tuple[list[str], tuple[Word, ...] | None]:
    """The words as they are written, and with their times if they are found. Raises UserError, see ``align``."""
    speech = speech.resampled(sample_rate=SAMPLE_RATE)
    written = [word for word in text.split() if any(map(str.isalnum, word))]
    if not written:
        raise UserError("the transcript has no words in it; give the text that was said")
    talking = LAYOUT.get(speech.features, "speech") >= 0.5
    voiced_seconds = max(float(talking.sum()) / FPS, 0.2)
    if not SLOWEST <= len(written) / voiced_seconds <= FASTEST and len(written) > 2:
        raise UserError(
            f"the transcript has {len(written)} words but the recording has {voiced_seconds:.1f} s of speech; "
            "give the text of this recording"
        )
    language = reading_of(text)
    tokens = [language.spoken(word) for word in written]
    known = sum(bool(token) for token in tokens) >= 0.5 * len(written)
    # Wide beams lose no words, and find those of other recordings as well; so they come second. The widest are for
    # sounds that the English model does not know.
    for beams in (USUAL, WIDE) if language.dictionary else (USUAL, WIDE, WIDEST):
        times = _find(speech.samples, tokens, beams=beams, language=language) if known else None
        if times is None:
            continue
        words = _place(written, times, speech.seconds)
        fits = _covered(words, tokens, talking) >= COVERED
        if fits and (beams == USUAL or agreement(speech, words) >= AGREED[beams]):
            return written, words
    return written, None


def _find(
    samples: np.ndarray, tokens: list[list[str]], *, beams: int, language: Language
) -> list[tuple[float, float] | None] | None:
    """Times of each written word in seconds (None for one that is not spoken); None if not found."""
    flat = [token for word in tokens for token in word]
    decoder = word_decoder(flat, beams=beams, language=language)
    sound = sound_of(samples)
    total = len(sound) / SAMPLE_RATE
    found: list[tuple[float, float]] = []
    begin = 0.0
    while len(found) < len(flat):
        end = begin + WINDOW
        last = end + TRUSTED >= total
        part = sound[round(begin * SAMPLE_RATE) : len(sound) if last else round(end * SAMPLE_RATE)]
        left = flat[len(found) :]
        if not last:
            left = left[: int(_MOST * WINDOW)]
        heard = search(decoder, part, left, whole=last)
        if heard is None:
            return None
        pieces = [(piece.start + begin, piece.end + begin) for piece in heard]
        if not last:
            pieces = [piece for piece in pieces if piece[1] < end - TRUSTED]
            # Behind the last word kept, in the middle of what lies between it and the next.
            begin = pieces[-1][1] if pieces else end - TRUSTED
        elif len(pieces) != len(left):
            return None
        found += pieces
        if begin >= total and not last:
            return None
    return _spans(tokens, found)


def _spans(tokens: list[list[str]], found: list[tuple[float, float]]) -> list[tuple[float, float] | None]:
    """Start and end of each written word from those of its tokens; None for one without tokens."""
    times = iter(found)
    spans: list[tuple[float, float] | None] = []
    for word in tokens:
        parts = [next(times) for _ in word]
        spans.append((parts[0][0], parts[-1][1]) if parts else None)
    return spans


def _place(written: list[str], times: list[tuple[float, float] | None], seconds: float) -> tuple[Word, ...]:
    """Words with their times; those that have none share the gap they stand in."""
    words: list[Word] = []
    waiting: list[str] = []
    before = 0.0
    for text, span in zip([*written, ""], [*times, (seconds, seconds)], strict=True):
        if span is None:
            waiting.append(text)
            continue
        start, end = min(span[0], seconds), min(span[1], seconds)
        if waiting:
            step = max(0.0, min(start - before, 0.5 * len(waiting))) / len(waiting)
            words += [Word(w, before + k * step, before + (k + 1) * step) for k, w in enumerate(waiting)]
            waiting = []
        if text:
            words.append(Word(text, start, end))
        before = end
    return tuple(words)


def _covered(words: tuple[Word, ...], tokens: list[list[str]], talking: np.ndarray) -> float:
    """Share of the frames of speech that lie inside a word of credible length."""
    inside = np.zeros(len(talking), dtype=bool)
    for word, spelled in zip(words, tokens, strict=True):
        longest = 0.5 + 0.12 * max(len(word.text), sum(map(len, spelled)))  # a number is longer than its digits
        if word.end - word.start <= longest:
            inside[int(word.start * FPS) : int(np.ceil(word.end * FPS)) + 1] = True
    return float((inside & talking).sum() / max(1, talking.sum()))


def _spread_over_speech(written: list[str], features: np.ndarray, seconds: float) -> tuple[Word, ...]:
    """Words by their length over the recording without its pauses; none reaches over a pause."""
    silent = pauses(features)
    edges = [0.0, *(time for pause in silent for time in pause), seconds]
    parts = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 0.05] or [(0.0, seconds)]
    ends = np.cumsum([b - a for a, b in parts])
    share = np.cumsum([0.0, *(len(word) + 1.0 for word in written)])
    share *= ends[-1] / share[-1]
    words = []
    for text, first, last in zip(written, share[:-1].tolist(), share[1:].tolist(), strict=True):
        index = min(int(np.searchsorted(ends, 0.5 * (first + last), side="right")), len(parts) - 1)
        start, stop = parts[index]
        shift = stop - float(ends[index])
        words.append(Word(text, max(first + shift, start), min(last + shift, stop)))
    return tuple(words)
