"""Named gestures and recorded segments compete for what is meant."""

from __future__ import annotations

import sqlite3
import sys
from types import ModuleType

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.gesture_library import meaning
from cospeech.gesture_library.expressiveness import Expressiveness
from cospeech.gesture_library.library import Keys
from cospeech.gesture_library.meaning import NAMED, answered, find_by_meaning
from cospeech.gesture_library.sample import LibrarySample, plain_text
from cospeech.motion.gestures.demonstration import at_rest, demonstrated
from cospeech.motion.gestures.dictionary import GESTURES
from cospeech.motion.gestures.lookup import GestureDictionary
from cospeech.motion.gestures.perform import perform
from cospeech.motion.motion import Motion
from cospeech.speech.cues.cue import GestureCue
from cospeech.speech.word import Word

WAVING = demonstrated(GESTURES["wave"], side="left").motion  # whose stroke is at 1.4 s


class Library:
    """A gesture library of a few segments, in memory."""

    def __init__(self, *segments: tuple[str, Motion]) -> None:
        self.catalogue = sqlite3.connect(":memory:")
        self.catalogue.execute("CREATE TABLE entry (row INTEGER, text TEXT)")
        self.catalogue.executemany(
            "INSERT INTO entry VALUES (?, ?)", [(k, plain_text(t)) for k, (t, _) in enumerate(segments)]
        )
        self.segments = segments

    def samples(self, rows):
        return [self._sample(row, self.segments[row][0]) for row in rows]

    def _sample(self, row: int, text: str) -> LibrarySample:
        words = tuple(Word(word, 1.2 + 0.4 * k, 1.5 + 0.4 * k) for k, word in enumerate(text.split()))
        figures = Expressiveness(0.3, 1.0, 0.3, 1)
        return LibrarySample(row, f"talk{row}", "pair", "train", "Ada", None, 0, 102, words, True, figures)

    def motion(self, sample: LibrarySample) -> Motion:
        return self.segments[sample.row][1]

    def keys(self, role: str) -> Keys:
        return Keys(np.eye(len(self.segments), 4, dtype=np.float32), np.ones(len(self.segments), bool))


def test_without_a_library_the_dictionary_answers():
    hits = find_by_meaning("Hello everybody", dictionary=GestureDictionary())
    assert hits[0].gesture.name == "wave"
    assert not hits[0].recorded
    with pytest.raises(UserError, match="nothing in 'the grass is green' calls for a gesture"):
        find_by_meaning("the grass is green", dictionary=GestureDictionary())
    assert find_by_meaning("thumbs up", dictionary=GestureDictionary())[0].gesture.name == "thumbs_up"


def test_a_segment_with_the_same_word_and_a_stroke_at_it_wins():
    library = Library(("Hello", WAVING), ("Hello", at_rest(3.4)), ("grass", WAVING))
    hits = find_by_meaning("Hello everybody", library=library, dictionary=GestureDictionary())
    assert hits[0].recorded
    assert hits[0].why["segment"] == "talk0:0-102"
    assert [hit.recorded for hit in hits].count(True) == 1  # who said the word and kept still has no gesture for it
    assert hits[0].score > NAMED


def test_the_voice_decides_between_segments():
    library = Library(("Hello", WAVING), ("Hello", WAVING))
    for row in (0, 1):
        key = np.eye(4)[row]
        best = find_by_meaning("Hello all", library=library, dictionary=GestureDictionary(), key=key)[0]
        assert best.why["segment"].startswith(f"talk{row}:")


def test_sentences_are_compared_where_a_model_is_at_hand(monkeypatch):
    class SentenceTransformer:
        """What is used of the class of that name."""

        def __init__(self, folder: str, *, local_files_only: bool) -> None:
            assert (folder, local_files_only) == ("my-model", True)

        def encode(self, texts, *, normalize_embeddings: bool):
            assert normalize_embeddings
            return np.array([[1.0, 0.0] if "friends" in text else [0.0, 1.0] for text in texts])

    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = SentenceTransformer
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    monkeypatch.setattr(meaning, "find_spec", lambda name: name)
    monkeypatch.setenv(meaning.SENTENCES, "my-model")
    meaning.sentence_model.cache_clear()
    library = Library(("Hello there", WAVING), ("Hello friends", WAVING))
    best = find_by_meaning("Hello dear friends", library=library, dictionary=GestureDictionary())[0]
    assert best.why["words"] == "Hello friends"
    meaning.sentence_model.cache_clear()


def test_a_cue_that_words_called_for_is_answered_by_a_recording_and_one_by_name_is_not():
    library = Library(("Hello", WAVING))
    cues = [
        GestureCue("wave", 3.0, word="Hello", meaning="greeting", source="words", strength=0.7),
        GestureCue("wave", 6.0, word="Hello", meaning="greeting", source="words", strength=0.7),
        GestureCue("wave", 9.0),
    ]
    new, recorded = answered(cues, [Word("Hello", 2.8, 3.2)], library, lambda time: None)
    assert [cue.gesture for cue in new] == ["talk0:0-102", "wave", "wave"]  # no segment twice
    dictionary = GestureDictionary().joined(recorded)
    done = perform(at_rest(12.0), new, dictionary.__getitem__, seed=0)
    assert len(done.placed) == 3
    assert done.placed[0].side == "left"
