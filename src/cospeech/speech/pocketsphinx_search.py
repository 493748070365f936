"""What words or phones are spoken when, where their order is known: searches by pocketsphinx.

The acoustic model is the English one of its wheel. Beams are wider than pocketsphinx sets them, since the
right words must not be lost on the way; the lattice is left out, which is slower and fails on long sequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .languages import ENGLISH, Language
from .phones.inventory import PHONES, SILENCE

TICKS = 100  # frames a second of pocketsphinx
LATE = 0.01  # seconds by which its times lie before those of hand-made labels
# From those of pocketsphinx to the widest that its numbers allow.
_BEAMS: tuple[dict[str, Any], ...] = (
    {},
    {"beam": 1e-120, "pbeam": 1e-120, "wbeam": 1e-100, "bestpath": False},
    {"beam": 1e-300, "pbeam": 1e-300, "wbeam": 1e-250, "bestpath": False},
)
USUAL, WIDE, WIDEST = range(len(_BEAMS))
_ALTERNATE = re.compile(r"\(\d+\)$")  # of a word that is pronounced in several ways
_PHONE = "phone-"  # a word of one phone is called so


@dataclass(frozen=True)
class Found:
    """A word, or a phone, in the sound.

    Args:
        text: the word as the dictionary has it, or the phone.
        start, end: seconds.
    """

    text: str
    start: float
    end: float


def sound_of(samples: np.ndarray) -> np.ndarray:
    """Samples as pocketsphinx takes them, 16 bits."""
    return np.asarray(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")


def _open(**settings: Any) -> Any:
    from pocketsphinx import Decoder, get_model_path

    return Decoder(lm=None, hmm=get_model_path("en-us/en-us"), cmn="batch", loglevel="FATAL", **settings)


def word_decoder(words: Iterable[str], *, beams: int = USUAL, language: Language = ENGLISH) -> Any:
    """A decoder that knows the words; those that the dictionary lacks are pronounced by rules."""
    from pocketsphinx import get_model_path

    dictionary = get_model_path("en-us/cmudict-en-us.dict") if language.dictionary else None
    decoder = _open(dict=dictionary, **_BEAMS[beams])
    missing = sorted(word for word in set(words) if decoder.lookup_word(word) is None)
    spelled = []
    for word in missing:
        ways = [way or ("AH",) for way in language.pronunciations(word)]
        spelled += [(f"{word}({k})" if k > 1 else word, " ".join(way)) for k, way in enumerate(ways, start=1)]
    for index, (name, phones) in enumerate(spelled, start=1):
        decoder.add_word(name, phones, index == len(spelled))
    return decoder


def _phone_decoder() -> Any:
    decoder = _open(dict=None, **_BEAMS[WIDE])
    names = [phone for phone in PHONES if phone != SILENCE]
    for index, phone in enumerate(names, start=1):
        decoder.add_word(_PHONE + phone, phone, index == len(names))
    return decoder


def search(decoder: Any, sound: np.ndarray, words: Sequence[str], *, whole: bool = True) -> list[Found] | None:
    """Words in order, as far as the sound goes (all of them if ``whole``); None if they are not found.

    Args:
        decoder: knows the words.
        sound: [N] int16, 16 kHz.
    """
    from pocketsphinx import FsgModel

    final = len(words) + 1
    grammar = FsgModel("text", decoder.get_logmath(), 1.0, final + 1)
    for index, word in enumerate(words):
        grammar.trans_add(index, index + 1, 0, grammar.word_add(word))
        if not whole:
            grammar.null_trans_add(index, final, 0)
    grammar.null_trans_add(len(words), final, 0)
    grammar.set_start_state(0)
    grammar.set_final_state(final)
    decoder.add_fsg("text", grammar)
    decoder.activate_search("text")
    decoder.start_utt()
    decoder.process_raw(sound.tobytes(), full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return None
    return [
        Found(_ALTERNATE.sub("", piece.word), piece.start_frame / TICKS, (piece.end_frame + 1) / TICKS)
        for piece in decoder.seg()
        if not piece.word.startswith(("<", "[", "(", "+"))
    ]


def phones_of_words(
    sound: np.ndarray, words: Sequence[str], *, language: Language = ENGLISH
) -> list[list[Found]] | None:
    """Phones of each word in a piece of sound of at most half a minute; None if the words are not found."""
    decoder = word_decoder(words, beams=WIDE if language.dictionary else WIDEST, language=language)
    found = search(decoder, sound, words)
    if found is None or len(found) != len(words):
        return None
    states = _states(decoder, sound)
    if states is not None and len(states) == len(words):
        return states
    # The second pass fails now and then; the phones of the pronunciations found are then searched as words.
    spelled = [decoder.lookup_word(piece.text).split() for piece in found]
    flat = align_phones(sound, [phone for phones in spelled for phone in phones])
    if flat is None:
        return None
    rest = iter(flat)
    return [[next(rest) for _ in phones] for phones in spelled]


def _states(decoder: Any, sound: np.ndarray) -> list[list[Found]] | None:
    """Phones of each word of the search before, from an alignment of the states of the acoustic model."""
    try:
        decoder.set_alignment()
        decoder.start_utt()
        decoder.process_raw(sound.tobytes(), full_utt=True)
        decoder.end_utt()
        alignment = decoder.get_alignment()
    except RuntimeError:
        return None
    if alignment is None:
        return None
    words = []
    for word in alignment:
        phones = [Found(p.name, p.start / TICKS, (p.start + p.duration) / TICKS) for p in word if p.name in PHONES]
        if [phone for phone in phones if phone.text != SILENCE]:
            words.append([phone for phone in phones if phone.text != SILENCE])
    return words


def align_phones(sound: np.ndarray, phones: Sequence[str]) -> list[Found] | None:
    """Times of phones in order, silences between them allowed; None if they are not found."""
    found = search(_phone_decoder(), sound, [_PHONE + phone for phone in phones])
    if found is None or len(found) != len(phones):
        return None
    return [Found(piece.text.removeprefix(_PHONE), piece.start, piece.end) for piece in found]
