"""What recognisers and aligners write as JSON: Whisper and its kin, Vosk, Deepgram, Gentle and others.

Each layout is brought into that of Whisper: segments with ``start``, ``end``, ``text`` and, where there are
some, ``words``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.errors import UserError
from ...core.json_files import json_values
from .entries import Entry, Script, clock_seconds, filled, in_seconds, joined_as_written

Segments = list[dict[str, Any]]

_WHISPER_KEYS = ("segments", "chunks", "transcription", "words", "word_segments")
_WORDS_ALONE = ("words", "word_segments")
_TEXT_KEYS = ("punctuated_word", "word", "text", "Word", "content", "value", "utf8")
_START_KEYS: tuple[str, ...] = ("start", "startTime", "start_time", "startOffset")
_TICK = 1e-7  # seconds, of Azure
_PERIOD = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")


def recogniser_script(text: str, path: Path) -> Script:
    """Words or segments of the JSON that a recogniser or aligner wrote. Raises UserError."""
    document = _document(text, path)
    segments = segments_of(document)
    if segments is None:
        raise UserError(
            f"{path} has no 'segments' of Whisper in it, nor words of Vosk, Deepgram, Gentle, AssemblyAI, Google, "
            "Azure, AWS or Rev; give the JSON that one of these writes"
        )
    reader = _Reader(path)
    utterances = [reader.utterance(segment, index) for index, segment in enumerate(segments, start=1)]
    if len(utterances) > 1 and all(len(one) == 1 and len(one[0].text.split()) == 1 for one in utterances):
        utterances = [joined_as_written([replace(one[0], joins=True) for one in utterances])]
    if reader.whole:
        flat = iter(in_seconds([entry for utterance in utterances for entry in utterance]))
        utterances = [[next(flat) for _ in utterance] for utterance in utterances]
    return Script(utterances, ordered=not _has_channels(document))


def looks_recognised(text: str) -> bool:
    """Whether a JSON text is a transcript of a known layout, and none of our own outputs."""
    try:
        document = _document(text, Path("transcript"))
        if isinstance(document, dict) and "format" in document:
            return False
        segments = segments_of(document)
    except UserError:
        return False
    return bool(segments) and any(_said(one) or isinstance(one.get("words"), list) for one in segments or ())


def _document(text: str, path: Path) -> Any:
    """The value of a JSON text; a list of all where several follow one another, as Vosk prints them."""
    documents = json_values(text, path, advice="save the transcript again")
    return documents[0] if len(documents) == 1 else documents


def segments_of(document: Any) -> Segments | None:
    """The segments of a document of any known layout; None if it has none."""
    if isinstance(document, list):
        if not all(isinstance(item, dict) for item in document):
            return None
        if any(not item.keys().isdisjoint(("result", "alternatives", "partial")) for item in document):
            return [segment for item in document for segment in segments_of(item) or ()]
        return document
    if not isinstance(document, dict):
        return None
    found = next((found for layout in _LAYOUTS if (found := layout(document)) is not None), None)
    return _dicts(found) if isinstance(found, list) else None


def _dicts(value: Any, key: str | None = None) -> Segments:
    """The dictionaries in a list, which may be under a key."""
    value = value.get(key) if key is not None and isinstance(value, dict) else value
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _first(items: Segments) -> dict[str, Any]:
    return items[0] if items else {}


def _whisper(document: dict[str, Any]) -> Any:
    """openai-whisper, faster-whisper, WhisperX, whisper.cpp, pipelines of the hub, Gentle, AssemblyAI, ElevenLabs."""
    found = {key: document[key] for key in _WHISPER_KEYS if isinstance(document.get(key), list) and document[key]}
    # Word times beside the segments, as the web API gives them, are more precise.
    key = "words" if "words" in found else next(iter(found), None)
    if key is None:
        return None
    if not all(isinstance(item, dict) for item in found[key]):
        return ()
    if key not in _WORDS_ALONE:
        return found[key]
    return [{"words": [word for word in found[key] if word.get("type", "word") not in ("spacing", "audio_event")]}]


def _vosk(document: dict[str, Any]) -> Segments | None:
    best = _first(_dicts(document, "alternatives")) if "result" not in document else document
    words = _dicts(best, "result")
    if words:
        return [{"words": words}]
    return [] if set(document) <= {"text", "partial", "spk", "spk_frames"} and document.get("text", "") == "" else None


def _deepgram(document: dict[str, Any]) -> Segments | None:
    results = document.get("results")
    channels = _dicts(results, "channels") if isinstance(results, dict) else []
    found = [_first(_dicts(channel, "alternatives")) for channel in channels]
    return [{"words": _dicts(one, "words"), "text": one.get("transcript", "")} for one in found] or None


def _amazon(document: dict[str, Any]) -> Segments | None:
    results = document.get("results")
    items = _dicts(results, "items") if isinstance(results, dict) else []
    words: Segments = []
    for item in items:
        said = str(_first(_dicts(item, "alternatives")).get("content", ""))
        if item.get("type") == "punctuation" and words:
            words[-1]["word"] += said
        else:
            words.append({"word": said, "start": item.get("start_time"), "end": item.get("end_time")})
    return [{"words": words}] if words else None


def _google(document: dict[str, Any]) -> Segments | None:
    response = document.get("response")
    results = _dicts(response if isinstance(response, dict) else document, "results")
    best = [_first(_dicts(result, "alternatives")) for result in results]
    return [{"words": _dicts(one, "words"), "text": one.get("transcript", "")} for one in best if one] or None


def _azure(document: dict[str, Any]) -> Segments | None:
    phrases = [document] if "NBest" in document else _dicts(document, "recognizedPhrases")
    best = [(phrase, _first(_dicts(phrase, "NBest") or _dicts(phrase, "nBest"))) for phrase in phrases]
    found = [
        {
            **phrase,
            "text": one.get("Display", one.get("display", "")),
            "words": _dicts(one, "Words") or _dicts(one, "words"),
        }
        for phrase, one in best
    ]
    return found or None


def _rev(document: dict[str, Any]) -> Segments | None:
    segments = []
    for monologue in _dicts(document, "monologues"):
        words: Segments = []
        for element in _dicts(monologue, "elements"):
            said = str(element.get("value", ""))
            if element.get("type") == "punct" and words:
                words[-1]["word"] += said.strip()
            elif element.get("type") == "text":
                words.append({"word": said, "start": element.get("ts"), "end": element.get("end_ts")})
        segments.append({"words": words})
    return segments or None


def _aeneas(document: dict[str, Any]) -> Segments | None:
    fragments = _dicts(document, "fragments")
    return [
        {"start": one.get("begin"), "end": one.get("end"), "text": " ".join(map(str, one["lines"]))}
        if isinstance(one.get("lines"), list)
        else {}
        for one in fragments
    ] or None


def _mfa(document: dict[str, Any]) -> Segments | None:
    tiers = document.get("tiers")
    words = next((tier for name, tier in tiers.items() if "word" in name), None) if isinstance(tiers, dict) else None
    rows = words.get("entries") if isinstance(words, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 3 for row in rows):
        return None
    return [{"start": start, "end": end, "text": said} for start, end, said in rows]


def _video_site(document: dict[str, Any]) -> Segments | None:
    """json3 of YouTube, whose events last beyond the next one; those that only break a line have no words."""
    events = [event for event in _dicts(document, "events") if _dicts(event, "segs")]
    begins = [_milliseconds(event.get("tStartMs")) for event in events]
    segments: Segments = []
    for event, start, later in zip(events, begins, [*begins, None][1:], strict=True):
        length = _milliseconds(event.get("dDurationMs"))
        if start is None or length is None:
            segments.append({"text": "".join(str(part.get("utf8", "")) for part in _dicts(event, "segs"))})
            continue
        end = start + length if later is None or later <= start else min(start + length, later)
        parts = _dicts(event, "segs")
        starts = [start + (_milliseconds(part.get("tOffsetMs", 0)) or 0.0) for part in parts]
        words = [
            {"text": part.get("utf8", ""), "start": one, "end": until}
            for part, one, until in zip(parts, starts, [*starts[1:], end], strict=True)
        ]
        segments.append({"start": start, "end": end, "words": words})
    return segments or None


def _milliseconds(value: Any) -> float | None:
    return value / 1000 if isinstance(value, int | float) and abs(value) < 1e15 else None


_LAYOUTS: tuple[Callable[[dict[str, Any]], Any], ...] = (
    _deepgram,
    _amazon,
    _google,
    _azure,
    _vosk,
    _rev,
    _aeneas,
    _mfa,
    _video_site,
    _whisper,
)


def _has_channels(document: Any) -> bool:
    """Whether words of several channels follow one another, each from the beginning."""
    results = document.get("results") if isinstance(document, dict) else None
    return isinstance(results, dict) and len(_dicts(results, "channels")) > 1


def _said(item: dict[str, Any]) -> str | None:
    """The text of a segment or word; None if it is none."""
    found = next((item[key] for key in _TEXT_KEYS if key in item), None)
    return found if isinstance(found, str) else None


class _Reader:
    """Segments to pieces; notices whether all times are whole numbers, which may be milliseconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._whole: bool | None = None

    @property
    def whole(self) -> bool:
        return bool(self._whole)

    def utterance(self, segment: dict[str, Any], index: int) -> list[Entry]:
        """The words of a segment, or the segment. Raises UserError."""
        name = f"segment {index}"
        start, end = self._span(segment, name)
        words = segment.get("words")
        if isinstance(words, list) and words:
            items = []
            for number, word in enumerate(words, start=1):
                label = f"word {number} of {name}"
                if not isinstance(word, dict):
                    raise UserError(f"{self._path}: {label} is {str(word)[:40]!r}; save the transcript again")
                items.append((label, self._text(word, label), *self._span(word, label)))
            return filled(items, (start, end), f"{self._path}: {name}")
        said = self._text(segment, name)
        if not said.strip():
            return []
        if start is None:
            raise UserError(f"{self._path}: {name} ({said[:30]!r}) has no times; ask Whisper for timestamps")
        return [Entry(name, said, start, start if end is None else end)]

    def _text(self, item: dict[str, Any], name: str) -> str:
        said = _said(item)
        if said is None:
            raise UserError(f"{self._path}: {name} has no text; save the transcript again")
        return said

    def _span(self, item: dict[str, Any], name: str) -> tuple[float | None, float | None]:
        """Start and end in seconds, None where missing. Raises UserError."""
        where = f"{self._path}: {name}"
        if "timestamp" in item:
            pair = item["timestamp"]
            pair = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
            return self._time(pair[0], where), self._time(pair[1], where)
        if isinstance(item.get("offsets"), dict):
            offsets = item["offsets"]
            return self._unit(offsets.get("from"), where, 0.001), self._unit(offsets.get("to"), where, 0.001)
        for begin, length in (("Offset", "Duration"), ("offsetInTicks", "durationInTicks")):
            if begin in item:
                first, lasting = (self._unit(item.get(key), where, _TICK) for key in (begin, length))
                return (None, None) if first is None or lasting is None else (first, first + lasting)
        return self._named_span(item, where)

    def _named_span(self, item: dict[str, Any], where: str) -> tuple[float | None, float | None]:
        """Start and end under one of their usual names."""
        named = next((key for key in _START_KEYS if key in item), None)
        if named is None or (named == "startOffset" and isinstance(item[named], int)):
            return None, None  # startOffset of Gentle counts characters
        first, last = (self._time(item.get(key), where) for key in (named, named.replace("start", "end")))
        if named == "startTime" and last is not None and first is None:
            first = 0.0  # Google leaves out a zero
        return first, last

    def _unit(self, value: Any, where: str, scale: float) -> float | None:
        """Seconds of a number of another unit."""
        number = self._time(value, where, whole=False)
        return None if number is None else number * scale

    def _time(self, value: Any, where: str, *, whole: bool = True) -> float | None:
        """Seconds of a number, "1.4s", "PT1.4S", "0:01.4" or {"seconds": 1, "nanos": 400000000}. Raises UserError."""
        if value is None:
            return None
        if isinstance(value, dict):
            parts = [self._time(value.get(key, 0), where, whole=False) for key in ("seconds", "nanos")]
            return (parts[0] or 0.0) + (parts[1] or 0.0) * 1e-9
        if isinstance(value, str) and (seconds := _seconds_of(value)) is not None:
            return seconds
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{where} has the time {str(value)[:30]!r}; times must be seconds")
        if whole:
            self._whole = self._whole is not False and isinstance(value, int)
        try:
            return float(value)
        except OverflowError:
            return math.inf


def _seconds_of(text: str) -> float | None:
    """Seconds of "1.4s", "PT1.4S" or a clock; None if it is none."""
    period = _PERIOD.fullmatch(text)
    if period is not None and any(period.groups()):
        hours, minutes, seconds = (float(part or 0) for part in period.groups())
        return 3600 * hours + 60 * minutes + seconds
    return clock_seconds(text.strip().removesuffix("s"))
