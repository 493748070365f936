"""Words that gestures answer to: no, everything, you, here, numbers.

ExGes chooses gestures for what is said as well as how [P]. The classes are ours [D], after the kinds of
gestures that go with words: negation (a wave or shake), all and nothing (a wide sweep), you and I and here
(pointing), numbers and size (fingers, measuring hands), questions (open palms), contrast (one hand, then the
other).
"""

from __future__ import annotations

from collections.abc import Iterable

from .sample import plain_text

CLASSES: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "no": "no not never nothing none nobody neither nor don't doesn't didn't can't cannot won't isn't "
        "aren't wasn't without refuse stop",
        "all": "all every everything everyone everybody always whole entire completely everywhere nothing",
        "you": "you your yours yourself",
        "I": "i me my mine myself we us our",
        "there": "here there this that these those where over above below behind left right up down",
        "number": "one two three four five six seven eight nine ten hundred thousand million first second "
        "third once twice half both many few several",
        "size": "big huge great large small little tiny long short high low wide narrow deep much more",
        "question": "what why how who when which whatever maybe perhaps wonder",
        "contrast": "but however or instead although rather whereas while",
        "very": "very really so extremely absolutely definitely totally must important",
    }.items()
}


def classes(words: Iterable[str]) -> dict[str, str]:
    """Class -> the word that is of it, of the words that are said.

    >>> classes(["Well,", "EVERYTHING", "changed."])
    {'all': 'EVERYTHING'}
    """
    found: dict[str, str] = {}
    for word in words:
        plain = plain_text(word).strip()
        for name, members in CLASSES.items():
            if plain in members:
                found.setdefault(name, word)
    return found
