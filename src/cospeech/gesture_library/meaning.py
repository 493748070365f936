"""Gestures by what is meant: named ones of the dictionary and recorded segments, in one search.

A recorded segment answers a word if its speaker said a word of the same meaning (``speech.cues``) and moved a hand with
it. It is scored by what is alike, beside a named gesture, which has ``NAMED``. Where sentence-transformers and a model
of it are at hand (``COSPEECH_SENTENCES`` names its folder; nothing is downloaded), sentences are compared as well. The
numbers are decisions of ours: a segment wins only with the same word, or with a sentence that is much alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.timing import FPS, seconds_to_frame
from ..motion.gestures.gesture import Gesture
from ..motion.gestures.lookup import GestureDictionary
from ..motion.gestures.recorded import Recording
from ..motion.phases import hand_speed
from ..speech.cues.cue import GestureCue
from ..speech.cues.matching import Trigger, find_triggers
from ..speech.word import Word
from .library import GestureLibrary
from .sample import LibrarySample, plain_text
from .semantics import CLASSES
from .shards import Damaged

SENTENCES = "COSPEECH_SENTENCES"
NAMED = 0.6  # score of a named gesture that fits
SAME_MEANING, SAME_WORD = 0.3, 0.15
MOVED = 0.2  # of a stroke at the word that is as fast as ``FAST`` or faster
VOICE = 0.25  # times the cosine of the keys
ALIKE = 0.3  # times the cosine of the sentences
FAST, SLOW = 1.2, 0.35  # metres a second of a hand near the word; slower than SLOW it says nothing
NEAR_WORD = 0.35  # seconds around the word in which the hand must be fastest
AROUND = (0.7, 1.1)  # seconds of the segment before and after its stroke that are taken
SENTENCE = 2.0  # seconds around a word whose words are its sentence
MOST = 64  # segments with the word that are looked at
LOOKED_AT = 6  # of them, whose motion is read


@dataclass(frozen=True)
class MeaningHit:
    """A gesture that answers a meaning."""

    score: float
    gesture: Gesture
    why: Mapping[str, Any]  # for JSON: meaning, word, and of a segment where it is from

    @property
    def recorded(self) -> bool:
        """Whether it is a segment of the library."""
        return self.gesture.recording is not None and "segment" in self.why


def find_by_meaning(
    text: str | Sequence[Word],
    *,
    library: GestureLibrary | None = None,
    dictionary: GestureDictionary | None = None,
    key: np.ndarray | None = None,
    k: int = 5,
) -> list[MeaningHit]:
    """Named gestures and recorded segments for what is said, the best first.

    Args:
        text: what is said, or its words with times; the first thing in it that calls for a gesture counts.
        library: whose segments are asked as well.
        dictionary: the named gestures; ours and the user's unless given.
        key: [E] of the voice, in the library's embedding.
        k: hits at most.
    Raises:
        UserError: nothing in the text calls for a gesture.
    """
    words = spread_words(text) if isinstance(text, str) else tuple(text)
    said = " ".join(word.text for word in words)
    dictionary = GestureDictionary.of_user() if dictionary is None else dictionary
    found = find_triggers(words)
    hits = [MeaningHit(1.0, dictionary[said], {"word": said})] if said in dictionary else []
    if not found and not hits:
        raise UserError(f"nothing in {said!r} calls for a gesture that is known; cospeech gesture list shows all")
    for trigger in found[:1]:
        hits += _named(trigger, dictionary)
        if library is not None:
            hits += recorded_hits(trigger, said, library, key=key)
    return sorted(hits, key=lambda hit: -hit.score)[:k]


def spread_words(text: str) -> tuple[Word, ...]:
    """Words of a text with times of a usual pace, for texts that are not spoken."""
    return tuple(Word(word, 0.4 * place, 0.4 * place + 0.35) for place, word in enumerate(text.split()))


def _named(trigger: Trigger, dictionary: GestureDictionary) -> list[MeaningHit]:
    why = {"meaning": trigger.meaning, "word": trigger.word}
    names = [name for name in trigger.gestures if name in dictionary]
    return [MeaningHit(NAMED - 0.01 * place, dictionary[name], why) for place, name in enumerate(names)]


def recorded_hits(
    trigger: Trigger, said: str, library: GestureLibrary, *, key: np.ndarray | None = None
) -> list[MeaningHit]:
    """Segments of a library whose speakers meant the same and moved a hand with it."""
    rows = _rows_with(library, trigger)
    if not rows:
        return []
    samples = library.samples(rows)
    cosines = _cosines(library, samples, key)
    alike = _alike(said, [sample.text or "" for sample in samples])
    scored = []
    for place, sample in enumerate(samples):
        theirs = [other for other in find_triggers(sample.words or ()) if other.meaning == trigger.meaning]
        if not theirs:
            continue
        same = [other for other in theirs if plain_text(other.word) == plain_text(trigger.word)]
        score = SAME_MEANING + SAME_WORD * bool(same) + VOICE * cosines[place] + ALIKE * alike[place]
        scored.append((score, sample, (same or theirs)[0]))
    hits = []
    for score, sample, other in sorted(scored, key=lambda row: -row[0])[:LOOKED_AT]:
        found = _cut(library, sample, other.time)
        if found is None:
            continue
        gesture, speed = found
        moved = MOVED * min(1.0, (speed - SLOW) / (FAST - SLOW))
        why = {"meaning": trigger.meaning, "word": trigger.word, "theirs": other.word, "segment": sample.id}
        hits.append(MeaningHit(score + moved, gesture, {**why, "speaker": sample.speaker, "words": sample.text}))
    return hits


def _rows_with(library: GestureLibrary, trigger: Trigger) -> list[int]:
    """Rows of segments in which the word of a trigger is said, or one of its class (``semantics``)."""
    word = plain_text(trigger.word)
    like = {word, *(other for members in CLASSES.values() if word.strip() in members for other in members)}
    query = "SELECT row FROM entry WHERE instr(text, ?) > 0 LIMIT ?"
    found = [row for other in sorted(like) for (row,) in library.catalogue.execute(query, (plain_text(other), MOST))]
    return list(dict.fromkeys(found))[: 4 * MOST]


def _cosines(library: GestureLibrary, samples: Sequence[LibrarySample], key: np.ndarray | None) -> np.ndarray:
    """[N] cosine of the voice's key and those of the gestures, 0 without one."""
    if key is None:
        return np.zeros(len(samples))
    own = library.keys("gesture").values[[sample.row for sample in samples]]
    return np.asarray(np.maximum(own @ key / max(float(np.linalg.norm(key)), 1e-9), 0.0))


def _alike(said: str, texts: Sequence[str]) -> np.ndarray:
    """[N] cosine of sentences, 0 where no model of sentences is at hand."""
    model = sentence_model()
    if model is None or not texts:
        return np.zeros(len(texts))
    vectors = np.asarray(model.encode([said, *texts], normalize_embeddings=True), dtype=np.float64)
    return np.asarray(np.maximum(vectors[1:] @ vectors[0], 0.0))


@cache
def sentence_model() -> Any:
    """The model of sentences that ``COSPEECH_SENTENCES`` names, if sentence-transformers is installed; else None."""
    folder = os.environ.get(SENTENCES)
    if not folder or find_spec("sentence_transformers") is None:
        return None
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(folder, local_files_only=True)


def _cut(library: GestureLibrary, sample: LibrarySample, time: float) -> tuple[Gesture, float] | None:
    """A segment around the stroke at a word, as a gesture, and the stroke's speed; None where no hand moves with it."""
    try:
        motion = library.motion(sample)
    except Damaged as error:
        library.report(error)
        return None
    pace = hand_speed(motion).max(axis=1)
    first, last = (int(np.clip(seconds_to_frame(max(0.0, time + a)), 0, len(pace))) for a in (-NEAR_WORD, NEAR_WORD))
    if last <= first or pace[first:last].max() < SLOW:
        return None
    stroke = first + int(pace[first:last].argmax())
    begin = max(0, stroke - seconds_to_frame(AROUND[0]))
    end = min(len(motion), stroke + seconds_to_frame(AROUND[1]))
    recording = Recording(motion[begin:end], (stroke - begin) / FPS)
    gesture = Gesture(sample.id, sample.text or "", "iconic", recording=recording, side=recording.sides[0], hold=0.0)
    return gesture, float(pace[stroke])


def answered(
    cues: Sequence[GestureCue],
    words: Sequence[Word],
    library: GestureLibrary,
    key_of: Callable[[float], np.ndarray | None],
) -> tuple[list[GestureCue], list[Gesture]]:
    """Cues that words called for, those that a recorded segment answers better with its name; and those segments.

    Args:
        words: of the speech, with times.
        key_of: the voice's key around a time, in the library's embedding; None where it has none.
    """
    result, recorded, used = [], [], set()
    for cue in cues:
        hits = []
        if cue.source == "words" and cue.meaning:
            said = " ".join(word.text for word in words if abs(word.start - cue.time) < SENTENCE)
            trigger = Trigger(cue.meaning, (cue.gesture,), cue.time, cue.word)
            hits = recorded_hits(trigger, said, library, key=key_of(cue.time))
        hits = [hit for hit in hits if hit.score > NAMED and hit.gesture.name not in used]
        if not hits:
            result.append(cue)
            continue
        best = max(hits, key=lambda hit: hit.score)
        used.add(best.gesture.name)
        recorded.append(best.gesture)
        result.append(replace(cue, gesture=best.gesture.name, side=None))
    return result, recorded
