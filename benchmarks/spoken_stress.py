"""Where espeak-ng stresses the words that it speaks: the middle of the stressed vowel of each, in seconds."""

from __future__ import annotations

import ctypes
from difflib import SequenceMatcher

import espeak
from cospeech.speech.word import Word

VOWELS = frozenset("aeiouyæøœɐɑɒɔəɘɚɛɜɝɞɤɨɪɯɵʉʊʌʏᵻɶ")
_IPA_BETWEEN = 2 | ord("_") << 8  # phonemes in the IPA, each followed by this character
_PRIMARY, _SECONDARY = 2, 1

Sound = tuple[float, float, int]  # start, end and stress of a vowel


def stress_times(spoken: espeak.Spoken, text: str, *, voice: str) -> tuple[float, ...]:
    """The middle of the stressed vowel of each word of what ``espeak.say`` spoke."""
    library, _ = espeak._library()
    library.espeak_SetVoiceByName(voice.encode())
    said = _phonemes(text)
    levels = _levels([name for name, _, _ in spoken.phones], said)
    vowels = [
        (start, end, level)
        for (name, start, end), level in zip(spoken.phones, levels, strict=True)
        if name[:1] in VOWELS
    ]
    return tuple(
        _time(word, [v for v in vowels if word.start - 1e-6 <= v[0] < word.end]) for word in spoken.speech.words
    )


def _phonemes(text: str) -> list[tuple[str, int]]:
    """Phonemes of a text in order, each with its stress."""
    library, _ = espeak._library()
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    pointer = ctypes.c_char_p(text.encode())
    found = []
    while pointer.value:
        line = library.espeak_TextToPhonemes(ctypes.byref(pointer), espeak._UTF8, _IPA_BETWEEN).decode()
        for name in line.replace(" ", "_").split("_"):
            if name.strip("ˈˌ"):
                found.append((name.strip("ˈˌ"), {"ˈ": _PRIMARY, "ˌ": _SECONDARY}.get(name[0], 0)))
    return found


def _levels(spoken: list[str], said: list[tuple[str, int]]) -> list[int]:
    """Stress of each phone that was spoken; the two lists differ here and there."""
    levels = [0] * len(spoken)
    matcher = SequenceMatcher(None, spoken, [name for name, _ in said], autojunk=False)
    for left, right, size in matcher.get_matching_blocks():
        for k in range(size):
            levels[left + k] = said[right + k][1]
    return levels


def _time(word: Word, vowels: list[Sound]) -> float:
    """Of the vowel with the most stress; where its sentence gives it none, of the one that the word alone stresses."""
    if not vowels:
        return (word.start + word.end) / 2
    best = max(vowels, key=lambda vowel: vowel[2])  # the first of equals
    if not best[2] and len(vowels) > 1:
        alone = [level for name, level in _phonemes(word.text) if name[:1] in VOWELS]
        best = vowels[min(alone.index(max(alone)) if alone else 0, len(vowels) - 1)]
    return (best[0] + best[1]) / 2
