"""Figures of liveliness on motion whose figures are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import STROKE, arms, gesturing
from cospeech.core.rotation import axis_rotation
from cospeech.metrics.liveliness import JointRanges, liveliness, palm_in_trunk, stroke_to_accent
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import canonical_skeleton

SKELETON = canonical_skeleton()
FOREARM = float(np.linalg.norm(SKELETON.offsets[SKELETON.index("left_wrist")]))
BEATS = [(1.0, "left"), (2.0, "right"), (3.0, "left"), (4.0, "right"), (5.0, "left")]


def test_a_still_person_is_still():
    figures = liveliness([arms(300, [])])
    assert figures.seconds == 10.0
    assert figures.speed_mean == figures.strokes_per_minute == figures.trunk_share == 0
    assert figures.jerk < 0.05  # what float32 leaves
    assert figures.still_share == 1
    assert figures.extent < 1e-6


def test_known_beats_give_known_figures():
    motion = arms(180, BEATS)
    figures = liveliness([motion])
    assert figures.strokes_per_minute == pytest.approx(5 / 6 * 60)
    way = 5 * np.deg2rad(50) * FOREARM  # metres that both wrists together go in six seconds
    assert figures.speed_mean == pytest.approx(way / motion.seconds / 2, rel=0.02)
    assert figures.still_share == pytest.approx(1 - 5 * STROKE / 6, abs=0.1)
    assert set(figures.as_dict()) == {
        "seconds",
        "speed_mean",
        "speed_p95",
        "jerk",
        "strokes_per_minute",
        "still_share",
        "extent",
        "trunk_share",
    }


def test_larger_gestures_give_larger_figures_and_turning_none():
    small, large = (liveliness([arms(180, BEATS, degrees=d)]) for d in (30.0, 60.0))
    assert large.speed_mean == pytest.approx(2 * small.speed_mean, rel=0.02)
    assert large.extent > 1.5 * small.extent
    assert large.jerk > 1.5 * small.jerk
    motion = arms(180, BEATS)
    rotations = motion.rotations.copy()
    rotations[:, 0] = axis_rotation("Y", np.linspace(0, 9, 180)) @ rotations[:, 0]
    turning = liveliness([replace(motion, rotations=rotations)])
    assert turning.speed_mean == pytest.approx(liveliness([motion]).speed_mean, rel=1e-3)


def test_a_set_is_its_parts_weighed_by_length():
    busy, calm = arms(180, BEATS), arms(360, [])
    both, one = liveliness([busy, calm]), liveliness([busy])
    assert both.seconds == 18.0
    assert both.speed_mean == pytest.approx(one.speed_mean / 3)
    assert both.strokes_per_minute == pytest.approx(one.strokes_per_minute / 3)
    assert both.still_share == pytest.approx((one.still_share + 2) / 3)


def test_a_hand_in_the_belly_is_seen():
    assert not palm_in_trunk(gesturing(4.0, seed=0)).any()
    rotations = np.tile(np.eye(3), (3, 55, 1, 1))
    rotations[:, SKELETON.index("right_shoulder")] = axis_rotation("Z", np.deg2rad(80.0))  # hanging
    # Frame 0: the forearm hangs; 1: it points forward; 2: it points at the spine.
    rotations[1, SKELETON.index("right_elbow")] = axis_rotation("Y", np.deg2rad(90.0))
    rotations[2, SKELETON.index("right_elbow")] = axis_rotation("Z", np.deg2rad(105.0))
    motion = Motion(SKELETON, 30.0, rotations, np.tile(SKELETON.offsets[0], (3, 1)))
    assert palm_in_trunk(motion).tolist() == [False, False, True]


def test_joint_ranges_know_what_they_have_seen():
    joints = SKELETON.indices(["left_elbow", "neck"])
    seen = [gesturing(6.0, seed=k) for k in range(3)]
    ranges = JointRanges.of(seen, joints)
    assert all(ranges.outside(motion, joints) == 0 for motion in seen)
    odd = seen[0].rotations.copy()
    odd[:45, joints[0]] = axis_rotation("Y", np.deg2rad(25.0))  # bent backwards, a quarter of the time
    assert ranges.outside(replace(seen[0], rotations=odd), joints) == pytest.approx(45 / 180 / 2)
    assert ranges.outside(replace(seen[0], rotations=odd), joints, tolerance=200.0) == 0


def test_strokes_on_accents_are_nearer_than_by_chance():
    times = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.4, 20))
    motion = arms(round(times[-1] * 30) + 40, [(t, "left") for t in times])
    on, null = stroke_to_accent(motion, times, rng=np.random.default_rng(0))
    assert len(on) == 20
    assert len(null) == 20 * 20
    assert on.max() <= 2 / 30
    assert null.mean() > 0.15
    off, null = stroke_to_accent(motion, times + 0.25, rng=np.random.default_rng(0))
    assert off.mean() == pytest.approx(0.25, abs=0.04)


def test_strokes_outside_of_speech_do_not_count():
    motion = arms(300, [(t, "left") for t in (1.0, 2.0, 5.0, 8.0)])
    accents = np.array([1.0, 2.0, 8.2])
    near, chance = stroke_to_accent(
        motion, accents, [(0.5, 2.5), (7.5, 9.0)], rng=np.random.default_rng(0), shuffles=50
    )
    np.testing.assert_allclose(near, [0.0, 0.0, 0.2], atol=2 / 30)
    assert len(chance) == 150
    assert chance.max() < 1.0  # nowhere but within the same stretches


def test_without_strokes_or_accents_there_is_nothing_to_measure():
    rng = np.random.default_rng(0)
    for motion, times in ((arms(60, []), np.array([1.0])), (arms(60, [(1.0, "left")]), np.zeros(0))):
        on, null = stroke_to_accent(motion, times, rng=rng)
        assert on.shape == null.shape == (0,)
