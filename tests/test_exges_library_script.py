"""The script of the shipped library: what it keeps, how it goes on, and how far segments are from recordings."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.gesture_library.embedder import Embedding
from cospeech.gesture_library.library import GestureLibrary
from cospeech.motion.codec import Codec
from cospeech.speech.features import speech_features
from library_data import FakeEmbedder
from test_repetition import wandering

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import build_exges_library as script

EMBEDDER = FakeEmbedder()


@dataclass
class Model:
    """Two speakers in two moods; generates nothing itself."""

    speakers: tuple[str, ...] = ("anna", "ben")
    emotions: tuple[str, ...] = ("joy", "anger")


@pytest.fixture
def spoken() -> list[script.Voice]:
    return [script.Voice(f"talk{seed}", speech_features(voice(8.0, seed=seed)[0]), None) for seed in range(2)]


def settings(spoken: list[script.Voice], *, kept: int = 3, seed: int = 0) -> script.Settings:
    names = tuple(one.name for one in spoken)
    return script.Settings("fake", Embedding.of(EMBEDDER), names, kept, 2 * kept, seed)


def moving(model, spoken, *, speaker, emotion, seed):
    return wandering(8.0, seed)


def test_a_piece_is_taken_again_unless_it_is_of_other_settings(spoken, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(script, "gestured", lambda *args, **options: made.append(options) or moving(*args, **options))
    arguments = (tmp_path, Model(), EMBEDDER, spoken)
    first = script.piece(*arguments, settings(spoken), 1)
    opened = GestureLibrary(first)
    assert len(opened) == 3
    assert {(one.speaker, one.emotion, one.kind) for one in opened.samples()} == {("ben", "joy", "generated")}
    assert {options["speaker"] for options in made} == {"ben"}
    assert len({options["seed"] for options in made}) == len(made)
    before = len(made)
    assert script.piece(*arguments, settings(spoken), 1) == first
    assert len(made) == before
    assert script.piece(*arguments, settings(spoken, seed=1), 1) != first
    assert len(made) > before


def test_where_nothing_moves_there_is_no_library(spoken, tmp_path, monkeypatch):
    still = wandering(8.0, 0, degrees=0.01)
    monkeypatch.setattr(script, "gestured", lambda *args, **options: still)
    with pytest.raises(UserError, match="gave only 0 segments that move"):
        script.piece(tmp_path, Model(), EMBEDDER, spoken, settings(spoken), 0)
    assert not list(tmp_path.iterdir())


def test_the_most_different_ones_are_kept():
    crowd = np.random.default_rng(0).normal(0, 0.01, (30, 2))
    corners = np.array([[5.0, 0], [0, 5.0], [-5.0, 0]])
    chosen = script.diverse(np.concatenate([crowd, corners]), 4)
    assert set(chosen[1:]) == {30, 31, 32}
    assert chosen[0] < 30
    assert sorted(script.diverse(crowd, 99)) == list(range(30))


def wrists(seconds: float, seed: int) -> np.ndarray:
    return script.wrists_of(Codec().encode(wandering(seconds, seed)))


def test_a_recording_in_disguise_is_found():
    """A part of a recording is found wherever it begins; a stranger's motion is far from it."""
    recordings = [
        script.wrists_of(Codec().encode(wandering(seconds, seed))) for seed, seconds in enumerate((9.0, 14.0))
    ]
    stranger = script.wrists_of(Codec().encode(wandering(5.0, 7)))
    paths = [recordings[0][31:101], recordings[1][200:245], stranger[:70], stranger[:45] + 0.5]
    found = script.distances(paths, recordings)
    assert found[:2].max() < 0.002
    assert found[2] > 0.02
    wanted = min(
        np.sqrt(((one[s : s + 45] - paths[3]) ** 2).sum(1).mean()) for one in recordings for s in range(len(one) - 44)
    )
    assert found[3] == pytest.approx(wanted, rel=0.02)
    assert np.isinf(script.distances([np.zeros((900, 6), np.float32)], recordings)).all()  # longer than any recording
