"""Recordings through the layers that finish generated bodies, so that the two can be compared."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from corpus_data import gesturing, voice
from cospeech.core.errors import UserError
from cospeech.evaluation.clips import EvaluationClip
from cospeech.evaluation.finished import (
    Recorded,
    finished,
    finished_by,
    finished_recordings,
    finished_windows,
    passages,
)
from cospeech.evaluation.systems import FolderSystem
from cospeech.metrics.movement_features import movement_features, without_texture
from cospeech.metrics.twosample import two_sample
from cospeech.motion.codec import Codec
from cospeech.motion.procedural.posture import stand
from cospeech.speech.features import speech_features

SECONDS = 4.0


def features(seconds: float, seed: int) -> np.ndarray:
    return speech_features(voice(seconds, seed=seed)[0])


def recorded(seed: int, *, speaker: str = "Ada", emotion: str | None = "joy", own: bool = False) -> Recorded:
    motion = stand(gesturing(SECONDS, seed=seed))
    heard = features(SECONDS, seed)[: len(motion)] if own else np.zeros((0, 0))
    return EvaluationClip(f"clip {seed}", speaker, emotion, heard, None, seed), motion[: len(heard) or None]


@pytest.fixture(scope="module")
def speeches() -> list[np.ndarray]:
    return [features(seconds, seed) for seed, seconds in enumerate((9.0, 2.0, 7.0))]


@pytest.fixture(scope="module")
def people() -> list[Recorded]:
    return [recorded(seed, speaker=("Ada", "Ben")[seed % 2]) for seed in range(40)]


def encoded(people: list[Recorded]) -> np.ndarray:
    return np.concatenate([Codec().encode(motion) for _, motion in people])


def test_recordings_without_a_voice_follow_each_other_until_a_speech_is_over(speeches):
    people = [recorded(seed) for seed in range(5)]
    found = list(passages(people, speeches))
    lengths = [len(passage.encoded) for passage in found]
    assert lengths == [len(speeches[0]), len(speeches[2]), sum(len(m) for _, m in people) - sum(lengths[:2])]
    np.testing.assert_array_equal(np.concatenate([passage.encoded for passage in found]), encoded(people))
    assert all(len(passage.features) == len(passage.encoded) for passage in found)
    starts = np.cumsum([0, *(len(motion) for _, motion in people)])
    edges = [
        edge + first for passage, first in zip(found, np.cumsum([0, *lengths]), strict=False) for edge in passage.edges
    ]
    assert set(starts) <= set(edges)


def test_speakers_and_emotions_stay_apart(speeches):
    people = [recorded(0), recorded(1, speaker="Ben"), recorded(2, emotion="anger"), recorded(3, emotion=None)]
    found = list(passages(people, speeches))
    assert [passage.emotion for passage in found] == ["joy", "joy", "anger", None]
    assert {len(passage.edges) for passage in found} == {2}


def test_a_recording_with_its_own_voice_keeps_it(speeches):
    clip, motion = recorded(7, own=True)
    (found,) = passages([(clip, motion)], speeches)
    np.testing.assert_array_equal(found.features, clip.features)
    assert (found.id, found.edges) == ("clip 7", (0, len(motion)))


def test_a_voice_is_needed():
    with pytest.raises(UserError, match=r"no speech is as long as 3 s; recordings without a voice cannot be finished"):
        finished_windows([recorded(0)], [features(2.0, 0)])


def test_windows_lie_within_recordings(speeches):
    people = [recorded(seed) for seed in range(4)]
    found = list(finished_recordings(people, speeches))
    expected = [(p.id, b - a) for p in passages(people, speeches) for a, b in pairwise(p.edges)]
    assert [(passage, len(motion)) for passage, motion in found] == expected
    rows = finished_windows(people, speeches)
    whole = sum(len(movement_features(motion)) for _, motion in found)
    assert sum(map(len, rows.values())) == whole < sum(map(len, (movement_features(m) for _, m in people))) + 1


def test_a_finished_body_is_the_one_that_users_get(speeches):
    """The hands of who rests hang, and the chest turns."""
    still = np.repeat(encoded([recorded(0)])[:1], len(speeches[0]), axis=0)
    motion = finished(still, speeches[0], clip="one", emotion="joy")
    other = finished(still, speeches[0], clip="another", emotion="joy")
    assert np.ptp(movement_features(motion), axis=0).max() > 1.0
    assert np.abs(movement_features(motion) - movement_features(other)).max() > 1.0


def test_halves_of_recordings_cannot_be_told_apart_when_both_are_finished(people, speeches):
    """Finished against not finished is told at once: the layers show, so either both sides have them or none."""
    one, other = people[0::2], people[1::2]
    rows = [seen(finished_windows(side, speeches)) for side in (one, other)]
    assert two_sample(*rows, extractor="movement", hidden=0)[0].value < 60
    plain = {clip.id: without_texture(movement_features(motion)) for clip, motion in other}
    assert two_sample(rows[0], plain, extractor="movement", hidden=0)[0].value > 80


def seen(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: without_texture(values) for name, values in rows.items()}


def test_files_go_through_the_layers_whatever_they_hold(tmp_path, speeches):
    (passage,) = passages([recorded(0, own=True)], ())
    body = finished(passage.encoded, passage.features, clip="some", emotion="joy")
    clip = EvaluationClip("clip", "Ada", "joy", passage.features, None, 0)
    for name, motion in (("finished", body), ("recorded", gesturing(SECONDS, seed=0))):
        folder = tmp_path / name
        folder.mkdir()
        motion.save(folder / "clip.bvh")
        system = FolderSystem(folder)
        made, given = finished_by(system, clip), system.motion(clip)
        assert made is not None
        assert given is not None
        assert not np.array_equal(made.rotations, given.rotations)
