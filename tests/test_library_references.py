"""Gestures of a library for a speech: no gesture twice within a minute, as long as the library has others."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from corpus_data import voice
from cospeech.core.timing import FPS
from cospeech.data.dataset import SampleData
from cospeech.data.readers.paired_files import upright
from cospeech.gesture_library.build import build_library
from cospeech.gesture_library.library import GestureLibrary
from cospeech.gesture_library.references import LibraryReferences
from cospeech.gesture_library.repeats import Shown
from cospeech.methods.exges.references import Reference
from cospeech.motion.codec import Codec
from cospeech.speech.features import speech_features
from library_data import FakeEmbedder, write_store
from test_repetition import wandering

EMBEDDER = FakeEmbedder()
COPY = "copy of "


def recording(name: str, seconds: float, seed: int, *, turned: float = 0.0) -> SampleData:
    """Arms that never do the same twice; ``turned``: but for a little."""
    motion = wandering(seconds, seed)
    encoded = Codec().encode(upright(motion))
    encoded += turned * np.random.default_rng(seed).standard_normal(encoded.shape[1]).astype(np.float32)
    return SampleData(name, "motion", "train", "anna", "joy", Codec().orthonormal(encoded), None, {})


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return speech_features(voice(60.0, seed=1, pause=(20.0, 20.6))[0])


def library(folder: Path, entries: list[SampleData]) -> GestureLibrary:
    build_library(write_store(folder / "store", entries), folder / "library", model=EMBEDDER, quiet=True)
    return GestureLibrary(folder / "library")


@pytest.fixture(scope="module")
def doubled(tmp_path_factory) -> GestureLibrary:
    """Every gesture is there twice, the second time a degree or so beside."""
    entries = []
    for seed in range(4):
        entries.append(recording(f"talk {seed}", 30.0, seed))
        entries.append(recording(f"{COPY}talk {seed}", 30.0, seed, turned=0.01))
    return library(tmp_path_factory.mktemp("doubled"), entries)


def found(opened: GestureLibrary, features: np.ndarray, *, seed: int = 0, rule: str = "best") -> list[Reference]:
    asked = {"speaker": "anna", "emotion": "joy", "liveliness": 1.0, "seed": seed, "rule": rule}
    return LibraryReferences(opened, EMBEDDER).references(features, (), **asked)


@pytest.mark.parametrize("rule", ["best", "random"])
def test_no_segment_comes_twice_within_a_minute(doubled, features, rule):
    for seed in range(2):
        references = found(doubled, features, seed=seed, rule=rule)
        assert len(references) > 15
        assert len({one.id for one in references}) == len(references)


def test_what_looks_like_it_does_not_come_either(doubled, features):
    """Of two gestures that differ by a degree one is shown: few pairs overlap where each comes as often by chance."""
    references = found(doubled, features)
    spans = [
        (one.id.removeprefix(COPY).rpartition(":")[0], one.info["recorded_from"], one.info["recorded_to"])
        for one in references
    ]
    same = [(a, b) for a, b in combinations(spans, 2) if a[0] == b[0] and min(a[2], b[2]) - max(a[1], b[1]) > 0.5]
    assert same == []


def test_a_seed_gives_the_same_gestures_and_another_others(doubled, features):
    ids = [[one.id for one in found(doubled, features, seed=seed)] for seed in (3, 3, 4)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("rule", ["best", "random"])
def test_a_small_library_repeats_rather_than_say_nothing(tmp_path, features, rule):
    few = library(tmp_path, [recording("talk", 7.0, 1)])
    references = found(few, features, rule=rule)
    assert len(references) > 15
    shown = [one.id for one in references]
    assert len(set(shown)) == len(few)  # all there is
    assert all(a != b for a, b in pairwise(shown))


def test_likeness_is_of_paths_and_is_forgotten_after_a_minute():
    encoded = [Codec().encode(upright(wandering(3.0, seed))) for seed in range(2)]
    shown = Shown()
    assert shown.likeness(encoded[0]) == 0.0
    shown.add("a", 90, encoded[0])
    assert shown.likeness(encoded[0]) == pytest.approx(1.0, abs=1e-3)
    later = shown.likeness(encoded[0][15:])  # a part of it, half a second later
    assert later > 0.9 > shown.likeness(encoded[1])
    still = np.repeat(encoded[0][:1], 60, axis=0)
    assert shown.likeness(still) == 0.0  # nobody minds that hands rest where they were
    shown.forget(90 + 60 * FPS)
    assert shown.likeness(encoded[0]) > 0.9
    shown.forget(91 + 60 * FPS)
    assert shown.likeness(encoded[0]) == 0.0
    assert shown.ids == []
