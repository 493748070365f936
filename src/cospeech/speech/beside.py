"""A transcript that lies beside a recording, found and used by itself if it is surely one.

``talk.wav`` may have ``talk.TextGrid``, ``.srt``, ``.json`` (of a recogniser), ``.txt`` or another transcript beside it
(``SUFFIXES_BESIDE``). It is used if it can be read and its words fit the sound; otherwise a note says why not. How
the fit is judged is a decision of ours: the phones of the words must be those that the phone network hears.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..core.errors import UserError
from ..core.progress import note
from .agreement import agreement
from .cues.markup import cues_of
from .forced_alignment import find_words
from .languages import ENGLISH, reading_of
from .phones.of_words import phones_in_words
from .phones.track import cut
from .speech import Speech
from .transcript import SUFFIXES_BESIDE, read_marked, read_phones, read_text, read_transcript
from .transcript_formats.recognisers import looks_recognised

AGREEMENT = 0.33  # least agreement; 22 readers have .34 to .61, with the text of another one .15 to .32
_LONGEST = 2_000_000  # bytes of a transcript


def transcript_beside(recording: Path) -> Path | None:
    """The file beside a recording that is a transcript by its name and content; None if there is none."""
    try:
        files = {path.name.lower(): path for path in recording.parent.iterdir() if path.stem == recording.stem}
    except OSError:
        return None
    for suffix in SUFFIXES_BESIDE:
        path = files.get(recording.stem.lower() + suffix)
        if path is not None and path.is_file() and _may_be_one(path):
            return path
    return None


def with_words_beside(speech: Speech, recording: Path) -> Speech:
    """The speech with the words of the transcript beside its recording, if there is one that fits; a note says so."""
    path = transcript_beside(recording)
    if path is None:
        return speech
    try:
        marked = read_marked(path)
        found = marked.text if marked else read_transcript(path, seconds=speech.seconds)
        words = find_words(speech, text=found) if isinstance(found, str) else found
        cues = cues_of(marked, words) if marked and words else ()
        phones = () if words is None else phones_in_words(speech.resampled().samples, words)
        given = cut(read_phones(path), 0.0, speech.seconds)
        fits = words is not None and agreement(speech, words, phones=phones) >= AGREEMENT
    except UserError as error:
        note(f"{path} lies beside the recording but cannot be used ({error})")
        return speech
    if words is None or not fits:
        note(f"{path} lies beside the recording but does not fit the sound; name it with --transcript to use it")
        return speech
    note(f"took the words of {path}, which lies beside the recording; --no-transcript leaves them out")
    lips = phones if reading_of(word.text for word in words) is ENGLISH else ()
    return replace(speech, words=words, phones=given or lips, cues=cues)


def _may_be_one(path: Path) -> bool:
    """Whether a file looks like a transcript; of JSON only what recognisers write does, none of our outputs."""
    try:
        if path.stat().st_size > _LONGEST:
            return False
        return path.suffix.lower() != ".json" or looks_recognised(read_text(path))
    except (OSError, UserError):
        return False
