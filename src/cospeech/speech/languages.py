"""The languages whose plain text is found in sound: how their words are read out and pronounced, and what tells them.

Both are heard by the English acoustic model of pocketsphinx; German words are given in its phones (``g2p_german``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .g2p import pronounce, spoken
from .g2p_german import german_pronunciations, spoken_german

Pronunciations = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Language:
    """How a language is read.

    Args:
        code: "en" or "de".
        spoken: the tokens that one written word is spoken as; none if it has nothing to say.
        pronunciations: phones of a token, one way or several, the usual one first.
        dictionary: whether pocketsphinx's dictionary is of this language and goes first.
    """

    code: str
    spoken: Callable[[str], list[str]]
    pronunciations: Callable[[str], Pronunciations]
    dictionary: bool


ENGLISH = Language("en", spoken, lambda word: (pronounce(word),), True)
GERMAN = Language("de", spoken_german, german_pronunciations, False)
LANGUAGES = {language.code: language for language in (ENGLISH, GERMAN)}

# Words that are frequent in one of the two and none in the other.
_FUNCTION_WORDS = {
    "de": frozenset(
        "der die das den dem des ein eine einen einem einer eines und oder aber nicht kein keine ich du er sie es "
        "wir ihr mich mir dich dir sich uns euch ist sind war waren bin bist seid wird werden wurde wurden hat "
        "habe haben hatte hatten kann können konnte muss müssen soll sollen will wollen zu zum zur mit von vom "
        "für auf aus bei nach über unter durch um im am dass wenn weil als wie wo wer auch noch nur schon sehr "
        "mehr hier dort ja nein doch mal jetzt dann bitte danke mein meine meinen sein seine seinen dein deine "
        "unser unsere guten heute gut man so in an was nie ihre ihren ihnen da immer wieder nun warum wann wieso "
        "viel viele alle alles nichts etwas jemand niemand mag gibt geht kommt macht hallo tschüss bis vor hinter "
        "zwischen ohne gegen seit ob denn sondern ganz wirklich morgen gestern bald zwei drei vielen fürs ums "
        "beim ins ans aufs diese dieser dieses diesem diesen jede jeder wieviel ach na also hab ihm ihn eure".split()
    ),
    "en": frozenset(
        "the a an and or but not no i you he she it we they me him her us them my your his its our their is are "
        "was were am be been has have had can could must should shall would will to with of for on out by after "
        "over under through at in that this these those if because as how where who what also still only very "
        "more here there yes now then please thank good today so do does did don't one from which i'm it's that's "
        "she's he's we're you're they're isn't didn't doesn't won't can't why when just some any other about into "
        "than see say said get go going want know think come look hello thanks let's two all never ever every up "
        "down".split()
    ),
}
_BOTH = _FUNCTION_WORDS["de"] & _FUNCTION_WORDS["en"] | frozenset(("die", "war", "man", "will", "hat", "am"))


def language_of(text: str | Iterable[str]) -> str:
    """The language of a text or of its words, "en" or "de", by function words, and by ä, ö, ü and ß where none tell.

    What is in neither is called English, too.

    >>> language_of("Das ist nicht der Weg"), language_of("This is not the way"), language_of("Grüße")
    ('de', 'en', 'de')
    """
    text = text if isinstance(text, str) else " ".join(text)
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower().replace("’", "'"))
    german, english = (_FUNCTION_WORDS[code] for code in ("de", "en"))
    telling = sum((word in german) - (word in english) for word in words if word not in _BOTH)
    if not telling:
        telling = any(letter in "äöüß" for word in words for letter in word)
    if not telling:
        telling = sum((word in german) - (word in english) for word in words)
    return "de" if telling > 0 else "en"


def reading_of(text: str | Iterable[str]) -> Language:
    """How a text is read, by ``language_of``."""
    return LANGUAGES[language_of(text)]
