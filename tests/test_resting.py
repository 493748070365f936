"""How hands rest: in one of a few ways, the same for a whole rest, without passing through each other."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.series import minimum_jerk
from cospeech.metrics.collisions import intersections, segment_distance
from cospeech.motion.motion import Motion
from cospeech.motion.phases import wrists_in_chest
from cospeech.motion.procedural.contact import separated
from cospeech.motion.procedural.posture import stand
from cospeech.motion.procedural.resting import KINDS, PLACES, Rest, resting, rests
from cospeech.motion.skeleton import canonical_skeleton

SKELETON = canonical_skeleton()
FPS = 30


def within(frames: int, first: int, last: int) -> np.ndarray:
    """[T] from 0 to 1 about a rest."""
    at = np.arange(frames)
    return minimum_jerk(np.minimum((at - first) / 16 + 0.5, (last - at) / 16 + 0.5))


def palms_apart(motion: Motion) -> np.ndarray:
    """[T] metres between the middle lines of the palms."""
    place = motion.positions.astype(np.float64)
    ends = [place[:, SKELETON.index(f"{side}_{part}")] for side in ("left", "right") for part in ("wrist", "middle1")]
    return segment_distance(*ends)


@pytest.mark.parametrize("outer", ["left", "right"])
@pytest.mark.parametrize("kind", ["belly", "clasp", "forearm"])
def test_hands_meet_and_part_without_passing_through_anything(kind, outer):
    for seed in range(4):
        motion = stand(gesturing(8.0, seed=seed))
        already = {name: found[[0, 60, -1]].any() for name, found in intersections(motion).items()}
        assert not any(already.values())
        weights = np.stack([within(240, 70, 170), within(240, 76, 166)], axis=-1)
        rested = stand(resting(motion, weights, [Rest(76, 166, kind, outer)], seed=seed))
        for name, found in intersections(rested).items():
            assert not (found & ~intersections(motion)[name]).any(), name
        middle = slice(105, 135)
        if kind == "forearm":
            elbow, wrist = (SKELETON.index(f"{'right' if outer == 'left' else 'left'}_{p}") for p in ("elbow", "wrist"))
            place = rested.positions.astype(np.float64)
            own = [place[:, SKELETON.index(f"{outer}_{part}")] for part in ("middle1", "middle3")]
            apart = segment_distance(place[:, elbow], place[:, wrist], *own)[middle]
            assert 0.025 < apart.min() <= apart.max() < 0.08
        else:
            apart = palms_apart(rested)[middle]
            assert 0.02 < apart.min() <= apart.max() < 0.06  # palms are 0.036 thick: they touch
        speed = np.linalg.norm(np.diff(wrists_in_chest(rested), axis=0), axis=-1) * FPS
        assert speed[105:135].max() < 0.02
        assert speed.max() < np.linalg.norm(np.diff(wrists_in_chest(motion), axis=0), axis=-1).max() * FPS + 2.5


@pytest.mark.parametrize("kind", list(PLACES))
def test_hands_at_rest_touch_and_hardly_need_be_separated(kind):
    motion = stand(gesturing(1.0, seed=0))
    for outer, seed in (("left", 0), ("right", 1), ("right", 2)):
        rested = stand(resting(motion, np.ones((30, 2)), [Rest(0, 30, kind, outer)], seed=seed))
        apart = separated(rested)
        assert np.linalg.norm(apart.positions - rested.positions, axis=-1).max() < 0.02  # on a trunk that leans
        assert kind == "forearm" or palms_apart(apart).max() < 0.06


def test_the_outer_hand_comes_later_and_goes_sooner():
    motion = stand(gesturing(8.0, seed=0))
    weights = np.ones((240, 2))  # both have hung for long
    rested = resting(motion, weights, [Rest(80, 160, "belly", "right")], seed=0)
    wrists = wrists_in_chest(rested)
    home, there = wrists[20], wrists[120]
    share = np.linalg.norm(wrists - home, axis=-1) / np.linalg.norm(there - home, axis=-1)
    for edge in (share[:120], share[120:][::-1]):
        reached = (edge > 0.9).argmax(axis=0)
        assert reached[1] > reached[0] + 3


def rest_of(spans: list[tuple[int, int]], frames: int = 6000) -> np.ndarray:
    weights = np.zeros((frames, 2))
    for first, last in spans:
        weights[first:last] = 1.0
    return weights


def test_how_people_rest_is_chance_that_persists():
    spans = [(k, k + 60) for k in range(100, 5900, 100)]
    by_seed = [[rest.kind for rest in rests(rest_of(spans), FPS, seed=seed)] for seed in range(30)]
    assert all(len(kinds) == len(spans) for kinds in by_seed)  # one kind a rest
    assert by_seed[3] == [rest.kind for rest in rests(rest_of(spans), FPS, seed=3)]
    counts = Counter(kind for kinds in by_seed for kind in kinds)
    total = sum(counts.values())
    assert set(counts) == set(KINDS)
    for kind, share in KINDS.items():
        assert counts[kind] / total == pytest.approx(share, abs=0.08)
    same = np.mean([a == b for kinds in by_seed for a, b in pairwise(kinds)])
    assert 0.6 < same < 0.85  # by chance alone: 0.3
    assert len({rests(rest_of(spans), FPS, seed=seed)[0].outer for seed in range(10)}) == 2
    assert len({rest.outer for rest in rests(rest_of(spans), FPS, seed=0)}) == 1


def test_a_short_rest_of_both_hands_changes_nothing():
    assert not rests(rest_of([(100, 125)]), FPS, seed=0)
    assert len(rests(rest_of([(100, 135)]), FPS, seed=0)) == 1
    one = rest_of([(100, 400)])
    one[:, 1] = 0.0
    assert not rests(one, FPS, seed=0)


def test_a_pose_does_not_change_within_a_rest():
    motion = stand(gesturing(10.0, seed=1))
    weights = np.stack([within(300, 60, 240)] * 2, axis=-1)
    for kind in PLACES:
        rested = resting(motion, weights, [Rest(60, 240, kind, "left")], seed=2).rotations
        joints = SKELETON.indices([f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "index2")])
        assert np.ptp(rested[100:200, joints], axis=0).max() < 1e-5
