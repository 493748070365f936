"""What of a transcript is spoken: no tags, notes on sounds, names of speakers, dashes or notes of music.

Conventions of captions differ and files do not name theirs, so the rules here are decisions of ours [D]: brackets
and, in captions, parentheses are notes; a name in capitals before a colon is a speaker, one in small letters only if
the file makes a habit of it.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable

MARK = "\ue000"  # stands between two pieces while they are cleaned as one text
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_NO_CHARACTER = re.compile("[\ud800-\udfff]")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"<\s?[\w/!][^<>]*>|\{[^{}]*\}")
_HIDDEN_TAG = re.compile(r"</?(?:i|b|u|s|c|v|font|lang|ruby|rt)\b[^<>]*>", re.IGNORECASE)  # was written with entities
_BRACKETS = re.compile(r"\[[^\[\]]{0,200}\]|【[^【】]{0,200}】|［[^［］]{0,200}］|\*\*?([^*\n]{1,60})\*\*?")
_PARENTHESES = re.compile(r"\(([^()]{0,200})\)|（([^（）]{0,200})）")
_MUSIC = re.compile("[\u2669-\u266f\U0001f3b5\U0001f3b6\U0001f3bc]")
_NOISE = re.compile(
    r"\b(laugh\w*|chuckl\w*|giggl\w*|applau\w*|clap\w*|cheer\w*|music|sigh\w*|cough\w*|sneez\w*|sniff\w*|gasp\w*|cry\w*|"
    r"sob\w*|scream\w*|shout\w*|whisper\w*|mumbl\w*|inaudible|unintelligible|indistinct|crosstalk|silence|pause\w*|beat|"
    r"noise\w*|breath\w*|inhal\w*|exhal\w*|groan\w*|grunt\w*|yawn\w*|hum\w*|sing\w*|clears? throat|off-?screen|"
    r"voice-?over|lach\w*|applaus|musik|seufz\w*|hust\w*|stille)\b",
    re.IGNORECASE,
)
_LEAD = re.compile(
    rf"([\s{MARK}]*)(?:>+[\s{MARK}]*)?(?:[-\u2010-\u2015\u2212•·*]+(?![\d.,])[\s{MARK}]*)?(?:>+[\s{MARK}]*)?"
)
_LABEL = re.compile(rf"([^\W\d_][\w .,'\u2019#&/-]{{0,39}}?)\s*[:：](?=[\s{MARK}]|$|[^\W\d_])")
_SPOKEN_BEFORE_COLON = frozenset(
    "note remember warning caution important example for first second third fourth finally so but and well listen look "
    "result conclusion today tomorrow now then here there also in tip hint fact rule step chapter part point reason "
    "problem solution spoiler yes no ok okay p.s. ps nb one two three next last again this that these those it is what "
    "why how who my your our the a an to of time date number remember think imagine take i we you".split()
)
_PARTICLES = frozenset("of the de la von van der den da di and und y".split())
_SYMBOLS = frozenset("&%$€£¥+=@§°")


def plain(text: str, *, parentheses: bool = True) -> str:
    """A text without tags, styles, notes on sounds and notes of music; lines and marks stay.

    Args:
        parentheses: leave out everything in parentheses, as in captions; else only what reads like a sound.
    """
    text = _NO_CHARACTER.sub(" ", _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    text = _TAG.sub(_marks, _BREAK.sub("\n", text))
    if "&" in text:
        text = MARK.join(html.unescape(piece).replace(MARK, " ") for piece in text.split(MARK))
        text = _HIDDEN_TAG.sub(_marks, _UNSEEN.sub("", text))
    for _ in range(4):  # notes within notes
        before = text
        text = _PARENTHESES.sub(lambda match: _note(match, always=parentheses), _BRACKETS.sub(_bracket, text))
        if text == before:
            break
    return _NO_CHARACTER.sub(" ", _MUSIC.sub(" ", text))


def _marks(match: re.Match[str]) -> str:
    """The marks within what is left out, so that pieces stay as many as they were."""
    return MARK * match[0].count(MARK) or ("" if match[0][:1] in "<{" else " ")


def _bracket(match: re.Match[str]) -> str:
    """Nothing of a note in brackets; the words between asterisks, which stress them, unless they are a sound."""
    inner = match[1]
    return _marks(match) if inner is None or _NOISE.search(inner) else inner


def _note(match: re.Match[str], *, always: bool) -> str:
    inner = match[1] or match[2] or ""
    if always or not inner.strip() or (_NOISE.search(inner) and len(inner.split()) <= 4):
        return _marks(match)
    text, (first, last) = match.string, match.span()
    alone = not text[text.rfind("\n", 0, first) + 1 : first].strip() and not re.match(r"[^\n]*\S", text[last:])
    return _marks(match) if alone else match[0]


def speakers_of(lines: Iterable[str]) -> frozenset[str]:
    """Names before a colon that the lines of a file, already ``plain``, use for who speaks."""
    lines = [line for line in lines if any(character.isalnum() for character in line)]
    shouted = sum(line.isupper() for line in lines) > 0.8 * len(lines)
    found: Counter[str] = Counter()
    for line in lines:
        label = _label_of(line[_lead(line) :])
        if label is not None:
            found[label] += 1
    usual = {
        label: count
        for label, count in found.items()
        if len(label) == 1 or label.split()[0].lower() not in _SPOKEN_BEFORE_COLON
    }
    habit = 2 * sum(usual.values()) >= len(lines)
    return frozenset(label for label, count in usual.items() if habit or count > 1 or (label.isupper() and not shouted))


def _lead(line: str) -> int:
    """Where a line begins behind its dash or arrow of a change of speaker."""
    match = _LEAD.match(line)
    return match.end() if match else 0


def _label_of(line: str) -> str | None:
    """The name before a colon at the beginning of a line; None if there is none."""
    match = _LABEL.match(line)
    if match is None:
        return None
    words = match[1].split()
    spaced = line[match.end() : match.end() + 1].strip(MARK) == "" or line[match.end() : match.end() + 1].isspace()
    named = all(word[0].isupper() or word[0].isdigit() or word[0] in "#&" or word in _PARTICLES for word in words)
    if len(words) > 4 or not (match[1].isupper() or (named and spaced)):
        return None
    return " ".join(words)


def spoken(text: str, speakers: frozenset[str]) -> str:
    """What is said of a text that is ``plain``: words alone, without dashes and speakers; marks stay."""
    lines = []
    for line in text.split("\n"):
        start = _lead(line)
        label = _LABEL.match(line, start)
        if label is not None and " ".join(label[1].split()) in speakers:
            start = label.end() + _lead(line[label.end() :])
        lines.append(MARK * line[:start].count(MARK) + line[start:])
    pieces = "\n".join(lines).split(MARK)
    return MARK.join("" if len(pieces) > 1 and _is_label(piece) else _words_in(piece) for piece in pieces)


def _is_label(piece: str) -> bool:
    """Whether a piece among others is nothing but a name in capitals and its colon."""
    label = _LABEL.fullmatch(piece.strip())
    return label is not None and len(label[1]) > 1 and label[1].isupper()


def _words_in(piece: str) -> str:
    """A piece without what has neither letters nor digits; a space at an end stays one."""
    kept = [word for word in piece.split() if _is_word(word)]
    before, after = (" " if end[:1].isspace() else "" for end in (piece, piece[::-1]))
    return f"{before}{' '.join(kept)}{after}" if kept else " " if before or after else ""


def _is_word(word: str) -> bool:
    if re.fullmatch(r"%[A-Za-z_]+", word):  # %HESITATION
        return False
    return any(character.isalnum() or character in _SYMBOLS for character in word)
