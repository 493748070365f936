"""Words and their times from the files that people have: captions, subtitles, tiers, tables, JSON of recognisers, text.

Where a file gives times only for a phrase, its words are spread over the phrase by their length (a
decision of ours). What is not checked: whether the words are those of the recording.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise, zip_longest
from pathlib import Path

from ..core.errors import UserError
from ..core.limits import check_size
from ..core.progress import note
from .cues.markup import Marked, split, word_at
from .phones.inventory import PHONES, SILENCE, is_ipa, phones_of_ipa
from .phones.track import Phone
from .transcript_formats.captions import captions_script, looks_like_captions
from .transcript_formats.cleaning import MARK, plain, speakers_of, spoken
from .transcript_formats.elan import eaf_script
from .transcript_formats.entries import LETTER, Entry, Script
from .transcript_formats.recognisers import recogniser_script
from .transcript_formats.subtitles import ass_script, looks_like_lrc, lrc_script
from .transcript_formats.tables import ctm_script, looks_like_ctm, looks_like_labels, looks_like_table, table_script
from .transcript_formats.textgrid import SILENT, textgrid_script, tiers_of
from .word import Word

OVERHANG = 1.0  # seconds that the last word may run past the end of the recording; it is cut there
LATEST = 1e6  # seconds; no recording is longer than 11 days
_ORDER = 1e-3  # seconds; rounding in the file
_FASTEST_LETTER = 0.02  # seconds; a phrase with less time for each letter cannot be spoken [D]
_HURRIED_LETTER = 0.04  # seconds a letter, for which a phrase may be cut where the next one begins [D]

READERS: dict[str, Callable[[str, Path], Script]] = {
    ".textgrid": textgrid_script,
    ".eaf": eaf_script,
    ".json": recogniser_script,
    ".srt": captions_script,
    ".vtt": captions_script,
    ".sbv": captions_script,
    ".ass": ass_script,
    ".ssa": ass_script,
    ".lrc": lrc_script,
    ".ctm": ctm_script,
    ".tsv": table_script,
    ".csv": table_script,
}
SUFFIXES = (*READERS, ".txt")
# Beside a recording the first that is there is taken; a .csv there is rather a track of a face.
SUFFIXES_BESIDE = tuple(".textgrid .eaf .ctm .srt .vtt .sbv .ass .ssa .lrc .json .tsv .txt".split())


def read_transcript(path: str | Path, *, seconds: float | None = None) -> tuple[Word, ...] | str:
    """Read a transcript.

    Args:
        path: .TextGrid (long or short form), .eaf, .json (of Whisper and other recognisers), .srt, .vtt, .sbv, .ass,
            .ssa, .lrc, .ctm, .tsv, .csv, or .txt: plain text, or labels of Audacity or any of the others, which the
            content tells. A file without a suffix is judged by its content too.
        seconds: length of the recording; if given, times beyond it are refused.

    Returns:
        The words with their times, or the plain text of a file without times.

    Raises:
        UserError: the file cannot be read, its suffix is unknown, or an entry has impossible times; the message
            names it.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind and kind not in SUFFIXES:
        _check_there(path, "transcript")
        raise UserError(
            f"{path} has the suffix {path.suffix}, which no transcript has; known: {', '.join(SUFFIXES)}; "
            "save it as one of these"
        )
    text = read_text(path)
    if kind in ("", ".txt"):
        kind = _kind_of(text, path) or kind
    if kind == ".txt":
        return _plain_text(text, path).text
    if kind == "":
        raise UserError(
            f"{path} has no suffix and is no transcript that is known; name it with one of {', '.join(SUFFIXES)}"
        )
    return read_words(READERS[kind](text, path), path, seconds)


def read_marked(path: str | Path) -> Marked | None:
    """What is said of a plain text, and the marks of gestures in it (``cues.markup``); None of another transcript.

    Raises:
        UserError: the file cannot be read, or a mark in it.
    """
    path = Path(path)
    if path.suffix.lower() not in ("", ".txt"):
        return None
    text = read_text(path)
    return _plain_text(text, path) if (_kind_of(text, path) or path.suffix.lower()) == ".txt" else None


def read_phones(path: str | Path, *, strict: bool = False) -> tuple[Phone, ...]:
    """Phones of the tier of a TextGrid that has phones; none if the file has no such tier.

    Stress is left out, and phones written in the IPA or X-SAMPA-like labels of MFA become ours.

    Args:
        strict: refuse labels that are no phones, instead of passing them over.
    Raises:
        UserError: the file cannot be read, or an interval has impossible times; the message names it.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in ("", ".txt", ".textgrid"):
        return ()
    text = read_text(path)
    if kind != ".textgrid" and not _is_textgrid(text):
        return ()
    tiers = tiers_of(text, path)
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


_UNSPOKEN_LABEL = re.compile(r"<[^>]*>|\[[^\]]*\]|\{[^}]*\}")  # a label that is not said, as in <laugh>


def _phones_of_label(label: str) -> tuple[str, ...] | None:
    """Phones of a label of a tier of phones, none of silence; None if it is no phone."""
    label = re.sub(r"\d", "", label.strip())
    if label.lower() in SILENT or label.upper() == SILENCE or _UNSPOKEN_LABEL.fullmatch(label):
        return ()
    if label.upper() in PHONES:
        return (label.upper(),)
    return tuple(one for one in phones_of_ipa(label) if one != SILENCE) if is_ipa(label) else None


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


# --- Files and what they are ----------------------------------------------------------------------


def _check_there(path: Path, what: str) -> None:
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a {what} file")
    if not path.exists():
        raise UserError(f"no such {what}: {path}; check the name")


def read_text(path: Path, *, what: str = "transcript") -> str:
    """The text of a file in UTF-8, UTF-16, UTF-32 or Windows-1252. Raises UserError; ``what`` says what is wanted."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a {what} file")
    check_size(path, "text")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"no such {what}: {path}; check the name") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    text, guessed = _decoded(data)
    if "\x00" in text:
        kinds = (
            "TextGrid, SRT, VTT, JSON, a table or plain text" if what == "transcript" else "CSV, TSV, JSON or TextGrid"
        )
        raise UserError(f"{path} is no text file; give {kinds}")
    foreign = sum(character > "\x7f" for character in text)
    if guessed and foreign >= 8 and foreign > 0.3 * len(text):
        raise UserError(f"{path} is neither in UTF-8 nor in a Western encoding; save it as UTF-8")
    return text


def _decoded(data: bytes) -> tuple[str, bool]:
    """Text in the encoding that its first bytes or its zeros tell, else UTF-8, else Western, a guess."""
    encoding = "utf-8-sig"
    if data[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        encoding = "utf-32"
    elif data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\x00" in data:
        zeros = [data[first:4000:2].count(0) for first in (0, 1)]
        encoding = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    try:
        return data.decode(encoding), False
    except UnicodeDecodeError:
        if encoding != "utf-8-sig":
            return "\x00", False
    # A text in UTF-8 with a broken character here and there is not one in Windows-1252.
    mended = data.decode("utf-8", errors="replace")
    broken = mended.count("\ufffd")
    if sum(character > "\x7f" for character in mended) - broken > broken:
        return mended.removeprefix("\ufeff"), False
    try:
        return data.decode("cp1252"), True
    except UnicodeDecodeError:
        return data.decode("latin-1"), True


def _is_textgrid(text: str) -> bool:
    start = text.lstrip()[:2000]
    return start.startswith("File type") or '"ooTextFile' in start


def _kind_of(text: str, path: Path) -> str | None:
    """The suffix that a text without one, or of .txt, should have; None if it is plain. Raises UserError for markup."""
    text = split(text, strict=False).text if text.lstrip()[:1] in ("{", "[") else text  # which may be a mark
    start = text.lstrip("\ufeff \t\r\n")[:4000]
    lines = [line.strip("\r") for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    if re.match(r"\{\\rtf|<!DOCTYPE|<html", start, re.IGNORECASE):
        raise UserError(f"{path} holds a formatted document; save it as plain text")
    if start.startswith(("<?xml", "<ANNOTATION_DOCUMENT")):
        return ".eaf"
    checks: dict[str, bool] = {
        ".textgrid": _is_textgrid(text),
        ".json": bool(re.match(r"\{\s*[\"}]|\[\s*\{", start)),
        ".ass": start.startswith("[Script Info]") or bool(re.search(r"^Dialogue:\s", text, re.MULTILINE)),
        ".srt": looks_like_captions(text),
        ".tsv": looks_like_labels(lines) or looks_like_table(lines),
        ".lrc": looks_like_lrc(lines),
        ".ctm": looks_like_ctm(lines),
    }
    return next((kind for kind, found in checks.items() if found), None)


def _plain_text(text: str, path: Path) -> Marked:
    """What is said of a plain text, a space between the words, and its marks. Raises UserError."""
    if not text.strip():
        raise UserError(f"{path} is empty; give a transcript with words in it")
    try:
        marked = split(text.replace(MARK, " "))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    places = [0, *(mark.at for mark in marked.marks), len(marked.text)]
    text = plain(MARK.join(marked.text[a:b] for a, b in pairwise(places)), parentheses=False)
    said, ends = "", []
    for piece in spoken(text, speakers_of(text.replace(MARK, "").split("\n"))).split(MARK):
        said += piece.lstrip() if not said or said[-1].isspace() else piece
        ends.append(len(said))
    said = said.rstrip()
    if not said:
        raise UserError(f"{path} has no words in it; give a transcript with words, or none")
    ends = [min(end, len(said)) for end in ends[:-1]]
    placed = zip(marked.marks, ends, strict=True)
    return Marked(said, tuple(replace(mark, at=at, word=word_at(said, at)) for mark, at in placed))


# --- From what is written to words ----------------------------------------------------------------


def read_words(script: Script, path: Path, seconds: float | None) -> tuple[Word, ...]:
    """The words of a transcript, in order of time; ``path`` names it in messages. Raises UserError."""
    entries = list(_spoken_entries(script))
    if not script.ordered:
        entries.sort(key=lambda entry: entry.start)
    entries = _at_once(_checked(entries, path, seconds))
    limit = math.inf if seconds is None else seconds
    words: list[Word] = []
    hurried = []
    for entry, later in zip_longest(entries, entries[1:]):
        end = _end_of(entry, limit if later is None else min(limit, later.start), limit)
        if _is_hurried(entry, end):
            hurried.append(entry)
        words += spread(entry.text, start=entry.start, end=end)
    if not words:
        raise UserError(f"{path} has no words in it; give a transcript with words, or none")
    if hurried:
        first = hurried[0]
        note(f"{path}: {first.name} ({first.text[:30]!r}) is too short for its words ({len(hurried)} in all)")
    words.sort(key=lambda word: word.start)
    return tuple(
        word if word.end <= later.start else replace(word, end=later.start) for word, later in pairwise(words)
    ) + (words[-1],)


def _end_of(entry: Entry, until: float, limit: float) -> float:
    """When an entry ends, if the next one begins at ``until``: it gets the time it needs where there is room."""
    end, letters = min(entry.end, limit), len(entry.text)
    if end <= entry.start or _is_hurried(entry, end):
        return max(end, min(entry.start + LETTER * letters, until))
    return min(end, until) if until - entry.start >= _HURRIED_LETTER * letters else end


def _is_hurried(entry: Entry, end: float) -> bool:
    """Whether a phrase of several words that ends so cannot be spoken in its time."""
    return " " in entry.text and end - entry.start < _FASTEST_LETTER * len(entry.text)


def _spoken_entries(script: Script) -> Iterable[Entry]:
    """Pieces of which something is said, each without what is not."""
    utterances = [pieces for pieces in script.utterances if pieces]
    texts = [
        plain(MARK.join(piece.text.replace(MARK, " ") for piece in pieces), parentheses=script.captions)
        for pieces in utterances
    ]
    speakers = speakers_of(line for text in texts for line in text.split("\n")) if script.captions else frozenset()
    for pieces, text in zip(utterances, texts, strict=True):
        said = spoken(text, speakers).split(MARK)
        assert len(said) == len(pieces), "marks are kept"
        yield from _with_whole_words([replace(p, text=t) for p, t in zip(pieces, said, strict=True) if t])


def _with_whole_words(pieces: Sequence[Entry]) -> list[Entry]:
    """Pieces that join, such as syllables, with words that none of them cuts in two."""
    out: list[Entry] = []
    for piece in pieces:
        before = out[-1] if out else None
        if before is None or not piece.joins or before.text[-1:].isspace() or piece.text[:1].isspace():
            out.append(piece)
            continue
        parts = [*spread(before.text, start=before.start, end=before.end)]
        rest = [*spread(piece.text, start=piece.start, end=piece.end)]
        out.pop()
        if not parts or not rest:
            out += [before, piece]
            continue
        joined = Word(parts[-1].text + rest[0].text, parts[-1].start, rest[0].end)
        out += [
            replace(before, text=word.text, start=word.start, end=word.end) for word in [*parts[:-1], joined, *rest[1:]]
        ]
        space = piece.text[-1:] if piece.text[-1:].isspace() else ""
        out[-1] = replace(out[-1], text=out[-1].text + space)
    return [replace(piece, text=" ".join(piece.text.split())) for piece in out if piece.text.strip()]


def _checked(entries: Iterable[Entry], path: Path, seconds: float | None) -> list[Entry]:
    """Entries whose times can be, in order. Raises UserError."""
    checked: list[Entry] = []
    before = 0.0
    for entry in entries:
        where = f"{path}: {entry.name} ({entry.text[:30]!r})"
        start, end = entry.start, entry.end
        if not (-_ORDER <= start <= LATEST and end <= LATEST):
            raise UserError(f"{where} has times {start} to {end}; correct them")
        if end < start - _ORDER:
            raise UserError(f"{where} ends at {end:.3f} s, before its start at {start:.3f} s; correct it")
        if start < before - _ORDER:
            raise UserError(
                f"{where} starts at {start:.3f} s, before the entry above it ({before:.3f} s); "
                "put the entries in order of time"
            )
        before = start = max(start, before)
        if seconds is not None and (start >= seconds or end > seconds + OVERHANG):
            raise UserError(
                f"{where} is at {start:.3f} to {end:.3f} s but the recording lasts {seconds:.3f} s; "
                "give the transcript of this recording"
            )
        checked.append(replace(entry, start=start, end=max(start, end)))
    return checked


def _at_once(entries: Sequence[Entry]) -> list[Entry]:
    """Entries of which no two begin at once: such ones share their time, and one that is there twice is there once."""
    out = []
    for _, group in groupby(entries, key=lambda entry: entry.start):
        those = list({entry.text: entry for entry in group}.values())
        text = " ".join(entry.text for entry in those)
        out.append(replace(those[0], text=text, end=max(entry.end for entry in those)))
    return out
