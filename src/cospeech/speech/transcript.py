"""Words and their times from the files that people have: TextGrid, SRT, VTT, Whisper JSON, text.

Where a file gives times only for a phrase, its words are spread over the phrase by their length (a
decision of ours). What is not checked: whether the words are those of the recording.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from .phones.inventory import PHONES, SILENCE, is_ipa, phones_of_ipa
from .phones.track import Phone
from .word import Word

OVERHANG = 1.0  # seconds that the last word may run past the end of the recording; it is cut there
_ORDER = 1e-3  # seconds; rounding in the file


@dataclass(frozen=True)
class _Entry:
    """One timed piece of a file, before it is checked."""

    name: str  # how to call it in a message: "interval 12"
    text: str
    start: float  # seconds
    end: float


def read_transcript(path: str | Path, *, seconds: float | None = None) -> tuple[Word, ...] | str:
    """Read a transcript.

    Args:
        path: .TextGrid (long or short form), .srt, .vtt, .json (Whisper and its kin), or .txt. Any
            other suffix is judged by the content.
        seconds: length of the recording; if given, times beyond it are refused.

    Returns:
        The words with their times, or the plain text of a file without times.

    Raises:
        UserError: the file cannot be read, or an entry has impossible times; the message names it.
    """
    path = Path(path)
    text = read_text(path)
    kind = path.suffix.lower()
    if kind not in {".textgrid", ".srt", ".vtt", ".json", ".txt"}:
        kind = _guess(text)
    if kind == ".txt":
        plain = " ".join(text.split())
        if not plain:
            raise UserError(f"{path} is empty; give a transcript with words in it")
        return plain
    readers = {".textgrid": _textgrid, ".srt": _cues, ".vtt": _cues, ".json": _whisper}
    return _words(readers[kind](text, path), path, seconds)


def read_phones(path: str | Path, *, strict: bool = False) -> tuple[Phone, ...]:
    """Phones of the tier of a TextGrid that has phones; none if the file has no such tier.

    Stress is left out, and phones written in the IPA or X-SAMPA-like labels of MFA become ours.

    Args:
        strict: refuse labels that are no phones, instead of passing them over.
    Raises:
        UserError: the file cannot be read, or an interval has impossible times; the message names it.
    """
    path = Path(path)
    text = read_text(path)
    if path.suffix.lower() != ".textgrid" and _guess(text) != ".textgrid":
        return ()
    tiers = _tiers(text, path)
    name = next((name for name in tiers if re.search(r"phone|segment|\bmau\b", name.lower())), None)
    if name is None:
        return ()
    phones: list[Phone] = []
    before = 0.0
    for index, (start, end, label) in enumerate(tiers[name], start=1):
        where = f"{path}: interval {index} of tier {name!r}"
        if not (math.isfinite(start) and math.isfinite(end)) or start < before - _ORDER or end < start - _ORDER:
            raise UserError(f"{where} is at {start:g} to {end:g} s, after {before:g} s; put times in order")
        before = end
        names = _phones_of_label(label)
        if strict and names is None:
            raise UserError(f"{where}: unknown name {label[:40]!r}; give phones of CMUdict or the IPA")
        phones += _shared_out(names or (), start, end)
    return tuple(phones)


def _shared_out(names: Sequence[str], start: float, end: float) -> list[Phone]:
    """Phones that share a time evenly."""
    step = (end - start) / max(1, len(names))
    return [Phone(name, start + k * step, start + (k + 1) * step) for k, name in enumerate(names)]


def _phones_of_label(label: str) -> tuple[str, ...] | None:
    """Phones of a label of a tier of phones, none of silence; None if it is no phone."""
    plain = re.sub(r"\d", "", label.strip())
    if plain.lower() in _SILENT or plain.upper() == SILENCE or _MARK.fullmatch(plain):
        return ()
    if plain.upper() in PHONES:
        return (plain.upper(),)
    return tuple(one for one in phones_of_ipa(plain) if one != SILENCE) if is_ipa(plain) else None


def spread(text: str, *, start: float, end: float) -> list[Word]:
    """Words of a phrase over its time, each as long as its letters (plus one) are many.

    >>> [(w.text, w.start) for w in spread("we go on", start=0.0, end=9.0)]
    [('we', 0.0), ('go', 3.0), ('on', 6.0)]
    """
    parts = text.split()
    total = sum(len(part) + 1 for part in parts)
    words, done = [], 0
    for part in parts:
        first = start + (end - start) * done / total
        done += len(part) + 1
        words.append(Word(part, first, start + (end - start) * done / total))
    return words


def read_text(path: Path, *, what: str = "transcript") -> str:
    """The text of a file in UTF-8, UTF-16 or Latin-1. Raises UserError; ``what`` says what is wanted."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a {what} file")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"no such {what}: {path}; check the name") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "latin-1")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    kinds = "TextGrid, SRT, VTT, Whisper JSON or plain text" if what == "transcript" else "CSV, TSV, JSON or TextGrid"
    raise UserError(f"{path} is no text file; give {kinds}")


def _guess(text: str) -> str:
    start = text.lstrip()[:2000]
    if start.startswith("File type") or '"ooTextFile' in start:
        return ".textgrid"
    if start.startswith(("{", "[")):
        return ".json"
    return ".srt" if "-->" in start else ".txt"


def _words(entries: Iterable[_Entry], path: Path, seconds: float | None) -> tuple[Word, ...]:
    """Check the times of the entries, spread phrases, and cut small overlaps."""
    words: list[Word] = []
    before = 0.0
    for entry in entries:
        where = f"{path}: {entry.name} ({entry.text[:30]!r})"
        if not (math.isfinite(entry.start) and math.isfinite(entry.end)) or entry.start < -_ORDER:
            raise UserError(f"{where} has times {entry.start} to {entry.end}; correct them")
        if entry.end < entry.start - _ORDER:
            raise UserError(f"{where} ends at {entry.end:.3f} s, before its start at {entry.start:.3f} s; correct it")
        if entry.start < before - _ORDER:
            raise UserError(
                f"{where} starts at {entry.start:.3f} s, before the entry above it ({before:.3f} s); "
                "put the entries in order of time"
            )
        start, end = max(entry.start, before), max(entry.end, entry.start)
        if seconds is not None:
            if start >= seconds or end > seconds + OVERHANG:
                raise UserError(
                    f"{where} is at {start:.3f} to {end:.3f} s but the recording lasts {seconds:.3f} s; "
                    "give the transcript of this recording"
                )
            end = min(end, seconds)
        if words and words[-1].end > start:
            last = words[-1]
            words[-1] = Word(last.text, last.start, max(last.start, start))
        words += spread(entry.text, start=start, end=max(start, end))
        before = start
    if not words:
        raise UserError(f"{path} has no words in it; give a transcript with words, or none")
    return tuple(words)


# --- Praat TextGrid -------------------------------------------------------------------------------

# Praat reads numbers, quoted strings and <flags> that stand free, and takes all else for comment; so
# one reader serves the long form and the short one.
_TOKEN = re.compile(r'(?:(?<=\s)|^)("(?:[^"]|"")*"|<[^<>\s]+>|[-+]?\d[\d.]*(?:[eE][-+]?\d+)?%?)(?=\s|$)')
_WORD_TIERS = ("words", "word", "wrd", "orthography", "ortho", "transcript", "transcription", "text")
_MARK = re.compile(r"<[^>]*>|\[[^\]]*\]|\{[^}]*\}")  # a label that is not said, as in <laugh>
_SILENT = {"", "sp", "sil", "spn", "pau", "brth", "#", "_"}


def _textgrid(text: str, path: Path) -> list[_Entry]:
    tiers = _tiers(text, path)
    if not tiers:
        raise UserError(f"{path} has no interval tier; give a TextGrid with a tier of words")
    tier = _word_tier(tiers)
    entries = []
    for index, (start, end, label) in enumerate(tiers[tier], start=1):
        label = label.strip()
        if label.lower() not in _SILENT and not _MARK.fullmatch(label):
            entries.append(_Entry(f"interval {index} of tier {tier!r}", label, start, end))
    return entries


def _tiers(text: str, path: Path) -> dict[str, list[tuple[float, float, str]]]:
    """Interval tiers by name: [(start, end, label), ...]."""
    tokens = _TOKEN.findall(text)
    at = 0

    def take() -> str:
        nonlocal at
        if at >= len(tokens):
            raise ValueError
        at += 1
        token: str = tokens[at - 1]
        return token

    def string() -> str:
        token = take()
        if not token.startswith('"'):
            raise ValueError
        return token[1:-1].replace('""', '"')

    tiers: dict[str, list[tuple[float, float, str]]] = {}
    try:
        if string() != "ooTextFile" or string() != "TextGrid":
            raise ValueError
        float(take()), float(take())
        if take() != "<exists>":
            return {}
        for _ in range(int(take())):
            kind, name = string(), string()
            float(take()), float(take())
            count = int(take())
            if kind == "IntervalTier":
                rows = [(float(take()), float(take()), string()) for _ in range(count)]
                while name in tiers:
                    name += "'"
                tiers[name] = rows
            else:
                for _ in range(count):
                    float(take()), string()
    except ValueError as error:
        raise UserError(f"{path} is no TextGrid that can be read; save it again in Praat") from error
    return tiers


def _word_tier(tiers: dict[str, list[tuple[float, float, str]]]) -> str:
    """The tier of words: by its name, or the one whose labels look most like words."""
    for wanted in _WORD_TIERS:
        for name in tiers:
            if re.split(r"\s*[-_/:]\s*", name.strip().lower())[-1] == wanted:
                return name

    def likeness(name: str) -> tuple[bool, float]:
        labels = [label.strip() for _, _, label in tiers[name] if label.strip().lower() not in _SILENT]
        if not labels:
            return False, -99.0
        short = sum(len(label) <= 3 for label in labels) / len(labels)
        phones = short > 0.8 or bool(re.search(r"phone|segment|mau", name.lower()))
        # One word a label beats a sentence a label.
        return not phones, -sum(len(label.split()) for label in labels) / len(labels)

    return max(tiers, key=likeness)


# --- SRT and VTT ----------------------------------------------------------------------------------

_CLOCK = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_CUE = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}")
_STAMP = re.compile(rf"<{_CLOCK}>")


def _cues(text: str, path: Path) -> list[_Entry]:
    """Cues of SRT or VTT; times inside a VTT cue (<00:01.500>) are used where they stand."""
    stamped = bool(_STAMP.search(text))
    seen: set[str] = set()
    entries: list[_Entry] = []
    number = 0
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        at = next((i for i, line in enumerate(lines) if "-->" in line), None)
        if at is None:
            continue
        number += 1
        match = _CUE.match(lines[at])
        if match is None:
            raise UserError(f"{path}: cue {number} has times {lines[at].strip()!r}; write 00:00:01,000 --> ...")
        start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
        body = lines[at + 1 :]
        if stamped:
            # Rolling captions show a line again while the next one is spoken.
            body = [line for line in body if _STAMP.search(line) or _plain(line) not in seen]
            seen.update(_plain(line) for line in body)
        entries += _pieces(f"cue {number}", "\n".join(body), start, end)
    return entries


def _pieces(name: str, body: str, start: float, end: float) -> list[_Entry]:
    """A cue cut at the times inside it."""
    pieces, begin, last = [], start, 0
    for stamp in _STAMP.finditer(body):
        time = _seconds(stamp.groups())
        pieces.append(_Entry(name, _plain(body[last : stamp.start()]), begin, time))
        begin, last = time, stamp.end()
    pieces.append(_Entry(name, _plain(body[last:]), begin, end))
    return [piece for piece in pieces if piece.text]


def _plain(text: str) -> str:
    """A caption without tags, styles and notes on sounds ("[music]", "♪")."""
    text = re.sub(r"<[^>]*>|\{\\[^}]*\}|\[[^\]]*\]|♪", " ", text)
    for entity, character in (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return " ".join(text.split())


def _seconds(clock: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = clock
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + int(seconds or 0) + float(f"0.{fraction or 0}")


# --- Whisper --------------------------------------------------------------------------------------


_WHISPER_KEYS = ("segments", "chunks", "transcription", "words", "word_segments")
_LETTER = 0.07  # seconds that a letter takes where a last segment has no end


def _whisper(text: str, path: Path) -> list[_Entry]:
    """Layouts of openai-whisper, faster-whisper, whisperX, whisper.cpp, and the hub's pipelines."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is no JSON that can be read; save the transcript again") from error
    if isinstance(data, dict):
        data = _whisper_pieces(data)
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise UserError(f"{path} has no 'segments' of Whisper in it; give the JSON that Whisper writes")
    entries: list[_Entry] = []
    for index, segment in enumerate(data, start=1):
        name = f"segment {index}"
        start, end, said = _timed(segment, name, path)
        words = segment.get("words")
        if isinstance(words, list) and words:
            entries += _segment_words(words, name, start, end, path)
        elif said:
            if start is None:
                raise UserError(f"{path}: {name} ({said[:30]!r}) has no times; ask Whisper for timestamps")
            entries.append(_Entry(name, said, start, start if end is None else end))
    # A last segment without an end lasts as long as its letters need.
    if entries and entries[-1].end <= entries[-1].start:
        last = entries[-1]
        entries[-1] = _Entry(last.name, last.text, last.start, last.start + _LETTER * len(last.text))
    return entries


def _whisper_pieces(document: dict[str, Any]) -> Any:
    """The list of segments or words of a document; the document itself if it has none."""
    found = {key: document[key] for key in _WHISPER_KEYS if isinstance(document.get(key), list) and document[key]}
    # Word times beside the segments, as the web API gives them, are more precise.
    if "segments" in found and "words" in found:
        return found["words"]
    return next(iter(found.values()), document)


def _timed(item: dict[str, Any], name: str, path: Path) -> tuple[float | None, float | None, str]:
    """Start, end (None where missing) and text of a segment or a word."""
    start, end = item.get("start"), item.get("end")
    if "timestamp" in item:
        pair = item["timestamp"]
        start, end = (pair[0], pair[1]) if isinstance(pair, list) and len(pair) == 2 else (None, None)
    elif isinstance(item.get("offsets"), dict):
        pair = item["offsets"]
        start, end = (
            value / 1000 if isinstance(value, (int, float)) else None for value in (pair.get("from"), pair.get("to"))
        )
    said = item.get("word", item.get("text", ""))
    for value in (start, end):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise UserError(f"{path}: {name} has the time {value!r}; times must be seconds")
    if not isinstance(said, str):
        raise UserError(f"{path}: {name} has no text; save the transcript again")
    return start, end, _plain(said)


def _segment_words(words: list[Any], name: str, start: float | None, end: float | None, path: Path) -> list[_Entry]:
    """Words of a segment; runs without times (whisperX leaves out numbers) fill the gap they stand in."""
    items = []
    for index, word in enumerate(words, start=1):
        if not isinstance(word, dict):
            raise UserError(f"{path}: word {index} of {name} is {word!r}; save the transcript again")
        items.append((f"word {index} of {name}", *_timed(word, f"word {index} of {name}", path)))
    entries: list[_Entry] = []
    waiting: list[str] = []
    label = ""
    last = start
    for label, first, until, said in items:
        if first is None or until is None:
            waiting.append(said)
            continue
        if waiting:
            entries.append(_Entry(label, " ".join(waiting), last if last is not None else first, first))
            waiting = []
        if said:
            entries.append(_Entry(label, said, first, until))
        last = until
    if waiting:
        if last is None:
            raise UserError(f"{path}: {name} has no times; ask Whisper for timestamps")
        entries.append(_Entry(label, " ".join(waiting), last, end if end is not None else last))
    return [entry for entry in entries if entry.text]
