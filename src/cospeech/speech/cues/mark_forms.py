"""The forms that a mark in a text can have, each read from its opening character on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.emotions import ALIASES, EMOTIONS
from ...core.errors import UserError
from .parameters import EMOTION_PARAMETERS, GESTURE_PARAMETERS, parameters_of

LONGEST = 600  # characters of a mark; what is longer is none
_GESTURES = ("gesture", "animation", "anim", "motion", "action")
_EMOTIONS = ("emotion", "emote", "expression", "face", "mood")
_KINDS = dict.fromkeys(_GESTURES, "gesture") | dict.fromkeys(_EMOTIONS, "emotion")
_BRACKET_KEYS = ("gesture", "animation", "anim", "motion", "emotion", "emote", "expression", "face")
_BRACE_KEYS = (*_BRACKET_KEYS, "action", "act", "mood", "intent", "cognitive")
_TAGS = ("expr", "gesture", "bookmark", "mark")
_NAMES = ("name", "label", "id", "value", "type")  # of the name of a gesture in an object of its own
Marks = tuple[tuple[str, str, Mapping[str, Any]], ...]  # kind, name and parameters of each
_NONE = ("", "none", "null", "nil", "n/a", "idle", "no")  # where an object says that there is none


@dataclass(frozen=True)
class Found:
    """What a mark says: (kind, name, parameters) of each gesture and emotion, and where it ends in the text."""

    end: int
    marks: Marks = ()


@dataclass(frozen=True)
class NotOurs:
    """No mark; with a fault one that cannot be read, as in "is not closed"."""

    fault: str = ""


@dataclass(frozen=True)
class Wait:
    """The text may go on as a mark."""


class _Faulty(Exception):
    """What is wrong with a mark."""


def found_at(text: str, at: int, *, final: bool) -> Found | NotOurs | Wait:
    """The mark that begins at a ``<``, ``[`` or ``{`` of a text.

    Args:
        final: whether the text is whole; else what is not closed may be closed by what follows.
    """
    rest = text[at : at + LONGEST]
    ended = final or len(text) - at >= LONGEST
    try:
        found = {"<": _tag, "[": _bracket, "{": _brace}[text[at]](rest, ended)
    except _Faulty as error:
        return NotOurs(str(error))
    except UserError as error:
        return NotOurs(f"cannot be read: it{error}")
    return Found(at + found.end, found.marks) if isinstance(found, Found) else found


# --- Tags ------------------------------------------------------------------------------------------

_ATTRIBUTE = re.compile(
    r"""\s*([A-Za-z_][\w:.-]*)\s*=\s*(?:\\?"([^"]*?)\\?"|\\?'([^']*?)\\?'|[“”„]([^“”]*)[“”]|([^\s"'/>]+))\s*"""
)
_MARK_VALUE = re.compile(r"\s*(gesture|animation|anim|motion|emotion|emote)\s*[.:/]\s*(\S.*?)\s*", re.IGNORECASE)
_AZURE = re.compile(r"(.+?)(?:-(left|right))?-\d+")  # as in wave-left-1


def _tag(rest: str, ended: bool) -> Found | NotOurs | Wait:
    if rest.startswith("<|"):
        return _token(rest, ended)
    closing = re.match(r"<\s*/", rest)
    name = _name(rest, closing.end() if closing else 1, _TAGS, ended)
    if not isinstance(name, tuple):
        return name
    tag, begin = name
    if not re.match(r"[\s/>]|$", rest[begin:]):
        return NotOurs()
    end = _closed(rest, begin, ">", "<", ended)
    if end is None:
        return Wait()
    own = tag in ("expr", "gesture")
    if closing:
        return Found(end) if own and end > 0 else NotOurs()
    if end < 0:
        return NotOurs("is not closed; end it with />" if own else "")
    attributes = _attributes(rest[begin : end - 1].rstrip().removesuffix("/"), strict=own)
    return _of_expression(tag, attributes, end) if own else _of_bookmark(tag, attributes, end)


def _of_bookmark(tag: str, attributes: dict[str, str], end: int) -> Found | NotOurs:
    """``<bookmark mark="gesture.wave-left-1"/>`` or ``<mark name="gesture.wave"/>``; other bookmarks are not ours."""
    match = _MARK_VALUE.fullmatch(attributes.pop("mark", "") or attributes.pop("name", ""))
    if match is None:
        return NotOurs()
    kind, value = _KINDS[match[1].lower()], match[2]
    azure = _AZURE.fullmatch(value) if tag == "bookmark" and kind == "gesture" else None
    if azure is not None:
        value = azure[1]
        attributes |= {"side": azure[2]} if azure[2] else {}
    return Found(end, (_mark(kind, value, attributes, strict=True),))


def _of_expression(tag: str, attributes: dict[str, str], end: int) -> Found | NotOurs:
    """``<expr type="gesture" label="wave" .../>`` or ``<gesture name="wave" .../>``."""
    kind = "gesture" if tag == "gesture" else _KINDS.get(attributes.pop("type", "gesture").strip().lower(), "")
    if not kind:
        return NotOurs()
    name = next((attributes.pop(key) for key in _NAMES if key in attributes), "")
    if not name.strip():
        raise _Faulty('has no label; write <expr type="gesture" label="wave"/>')
    return Found(end, (_mark(kind, name, attributes, strict=True),))


def _attributes(body: str, *, strict: bool) -> dict[str, str]:
    found, at = {}, 0
    body = body.strip()
    while at < len(body):
        match = _ATTRIBUTE.match(body, at)
        if match is None:
            if strict:
                raise _Faulty(f'has {body[at : at + 20]!r}, which is no name="value"')
            return {}
        found[match[1].lower()] = next(value for value in match.groups()[1:] if value is not None)
        at = match.end()
    return found


_TOKEN = re.compile(r"<\|\s*(act|emote_\w+)(?!\w)", re.IGNORECASE)
_TOKEN_BEGUN = re.compile(r"<\|\s*(?:a(?:ct?)?|e(?:m(?:o(?:te?)?)?)?|emote_\w*)?", re.IGNORECASE)


def _token(rest: str, ended: bool) -> Found | NotOurs | Wait:
    """``<|ACT:{...}|>``, with or without braces, or ``<|EMOTE_HAPPY|>``, of the project AIRI and those after it."""
    match = _TOKEN.match(rest)
    if match is None:
        return Wait() if not ended and _TOKEN_BEGUN.fullmatch(rest) else NotOurs()
    if match.end() == len(rest) and not ended:
        return Wait()
    name = match[1].lower()
    end = rest.find("|>", match.end())
    if end < 0:
        if ended:
            raise _Faulty("is not closed; end it with |>")
        return Wait()
    if name != "act":
        return Found(end + 2, (_mark("emotion", name.removeprefix("emote_"), {}, strict=False),))
    return Found(end + 2, _of_act(rest[match.end() : end].strip().lstrip(":= ").strip()))


def _of_act(body: str) -> Marks:
    """The marks of what an ACT token holds. Raises _Faulty."""
    if not re.search(r"[:={]", body):  # a name alone
        if not body.strip(" \"'"):
            raise _Faulty('is empty; write <|ACT:{"motion": "wave"}|>')
        name = body.strip(" \"'")
        kind = "emotion" if ALIASES.get(name.lower(), name.lower()) in EMOTIONS else "gesture"
        return (_mark(kind, name, {}, strict=False),)
    marks = _of_object(_object(body), lenient=True)
    if marks is None:
        raise _Faulty('has neither a motion nor an emotion; write <|ACT:{"motion": "wave"}|>')
    return marks


# --- Brackets and braces ---------------------------------------------------------------------------


def _bracket(rest: str, ended: bool) -> Found | NotOurs | Wait:
    return _listed(rest, ended, _BRACKET_KEYS, "]", "\n")


def _brace(rest: str, ended: bool) -> Found | NotOurs | Wait:
    return _listed(rest, ended, _BRACE_KEYS, "}", "")


def _listed(rest: str, ended: bool, keys: tuple[str, ...], close: str, stops: str) -> Found | NotOurs | Wait:
    """``[animation:wave, size: 2]`` or ``{"gesture": "wave", "size": 2}``."""
    quote = re.match(r".\s*[\"'“”]?", rest, re.DOTALL)
    assert quote is not None
    name = _name(rest, quote.end(), keys, ended)
    if not isinstance(name, tuple):
        return name
    key, begin = name
    sign = re.match(r"[\"'“”]?\s*", rest[begin:])
    assert sign is not None
    begin += sign.end()
    if begin == len(rest):
        return NotOurs() if ended else Wait()
    if rest[begin] not in ":=":
        return NotOurs()
    end = _closed(rest, 1, close, stops, ended)
    if end is None:
        return Wait()
    if end < 0:
        return NotOurs(f"is not closed; end it with {close}" if key in _KINDS else "")
    fields = _object(rest[1 : end - 1])
    marks = _of_object(fields, lenient=close == "}" and not {"gesture", "animation"} & fields.keys())
    return NotOurs() if marks is None else Found(end, marks)


def _of_object(fields: Mapping[str, Any], *, lenient: bool) -> Marks | None:
    """The marks of an object's gestures and emotions; None if it speaks of neither. Raises _Faulty."""
    inner = next((fields[key] for key in fields if key == "act"), None)
    if isinstance(inner, Mapping):
        return _of_object({str(key).lower(): value for key, value in inner.items()}, lenient=lenient)
    kinds = [key for key in fields if key in _KINDS]
    if not kinds:
        return None
    others = {key: value for key, value in fields.items() if key not in _KINDS}
    marks = []
    for key in kinds:
        own = others if len(kinds) == 1 or _KINDS[key] == "gesture" else {}
        marks += [
            _mark(_KINDS[key], name, {**own, **more}, strict=not lenient) for name, more in _names(fields[key], lenient)
        ]
    return tuple(marks)


def _names(value: Any, lenient: bool) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Names and what is said of each, of a name, an object with a name, or a list of these. Raises _Faulty."""
    if isinstance(value, list):
        return [pair for one in value for pair in _names(one, lenient)]
    if isinstance(value, Mapping):
        rest = {str(key).lower(): one for key, one in value.items()}
        value = next((rest.pop(key) for key in _NAMES if key in rest), None)
        return [(name, rest) for name, _ in _names(value, lenient)]
    if value is None or (isinstance(value, str) and value.strip().lower() in _NONE):
        if lenient:
            return []
        raise _Faulty("has no name; write [animation:wave] or {gesture: wave}")
    return [(str(value), {})]


def _mark(kind: str, name: str, given: Mapping[str, Any], *, strict: bool) -> tuple[str, str, Mapping[str, Any]]:
    """A mark, checked. Raises UserError, which says what "it" has."""
    name = name.strip()
    if kind == "emotion":
        key = ALIASES.get(name.lower(), name.lower())
        name = key if key in EMOTIONS else name
    allowed = GESTURE_PARAMETERS if kind == "gesture" else EMOTION_PARAMETERS
    if strict:
        return kind, name, parameters_of(given, "", allowed=allowed)
    kept: dict[str, Any] = {}
    for key, value in given.items():  # a language model's numbers may be anything
        try:
            kept |= parameters_of({str(key): value}, "", allowed=allowed, ignore=True)
        except UserError:
            continue
    return kind, name, kept


# --- What is written -------------------------------------------------------------------------------


def _name(rest: str, begin: int, known: tuple[str, ...], ended: bool) -> tuple[str, int] | NotOurs | Wait:
    """One of the known names at a place, blanks before it, in small letters, and where it ends."""
    match = re.compile(r"\s*([A-Za-z_]*)").match(rest, begin)
    assert match is not None
    name = match[1].lower()
    if match.end() == len(rest) and not ended:
        return Wait() if any(one.startswith(name) for one in known) else NotOurs()
    return (name, match.end()) if name in known else NotOurs()


def _closed(rest: str, begin: int, close: str, stops: str, ended: bool) -> int | None:
    """Behind the closing character, brackets and quotes within it passed over; -1 if there is none, None if not yet."""
    pairs = {"[": "]", "{": "}"} if close != ">" else {}
    waiting, quote, before = [close], "", ""
    for at in range(begin, len(rest)):
        character = rest[at]
        if quote:
            if character in quote and (before != "\\" or close == ">"):  # texts in JSON hold tags with \\"
                quote = ""
        elif character in _QUOTES and (character != "'" or before in "=:,[{( \\\n\t"):
            quote = _QUOTES[character]
        elif character == waiting[-1]:
            waiting.pop()
            if not waiting:
                return at + 1
        elif character in stops:
            return -1
        elif character in pairs:
            waiting.append(pairs[character])
        before = character
    return -1 if ended else None


_QUOTES = {'"': '"', "'": "'", "“": "“”", "„": "“”"}  # what opens, and what closes
_KEY = re.compile(r"\s*[\"'“”]?([A-Za-z_][\w-]*)[\"'“”]?\s*[:=]\s*")
_BARE = re.compile(r"(?:(?!\s+[\"']?[A-Za-z_][\w-]*[\"']?\s*[:=])[^,;\[\]{}()\n])*")
_QUOTED = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|[“”„]([^“”]*)[“”]""")
_WORDS = {"true": True, "false": False, "null": None, "none": None}


def _object(body: str) -> dict[str, Any]:
    """Keys, in small letters, and values of an object written as JSON or without quotes. Raises _Faulty."""
    body = body.strip()
    for text in (body, f"{{{body}}}"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return {str(key).lower(): value for key, value in found.items()}
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1]
    return _pairs(body, 0, "")[0]


def _pairs(text: str, at: int, close: str) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while True:
        while at < len(text) and (text[at].isspace() or text[at] in ",;"):
            at += 1
        if at >= len(text) or (close and text[at] == close):
            return found, at + 1
        match = _KEY.match(text, at)
        if match is None:
            raise _Faulty(f"has {text[at : at + 20]!r}, which is no name and value")
        value, at = _value(text, match.end())
        found[match[1].lower()] = value


def _value(text: str, at: int) -> tuple[Any, int]:
    first = text[at : at + 1]
    if first == "{":
        return _pairs(text, at + 1, "}")
    if first in ("[", "("):
        return _values(text, at + 1, "]" if first == "[" else ")")
    quoted = _QUOTED.match(text, at)
    if quoted is not None:
        inner = next(group for group in quoted.groups() if group is not None)
        return re.sub(r"\\(.)", r"\1", inner), quoted.end()
    bare = _BARE.match(text, at)
    assert bare is not None
    word = bare[0].strip()
    return _WORDS.get(word.lower(), word), bare.end()


def _values(text: str, at: int, close: str) -> tuple[list[Any], int]:
    found: list[Any] = []
    while True:
        while at < len(text) and (text[at].isspace() or text[at] in ",;"):
            at += 1
        if at >= len(text) or text[at] == close:
            return found, at + 1
        value, end = _value(text, at)
        if end == at:
            raise _Faulty(f"has {text[at : at + 20]!r}, which is no value")
        found.append(value)
        at = end
