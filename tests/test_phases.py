"""Strokes, holds and rests of arms whose movement is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus_data import STROKE, arms, gesturing
from cospeech.core.rotation import axis_rotation
from cospeech.motion.phases import (
    STILL_SPEED,
    STROKE_SPEED,
    hand_speed,
    peaks,
    phases,
    still_share,
    strokes,
    wrists_in_chest,
)
from cospeech.motion.skeleton import canonical_skeleton
from format_data import canonical_motion

KNOWN = [(0.8, "left"), (1.5, "right"), (2.0, "right"), (2.9, "left"), (3.6, "right"), (4.3, "left")]
FOREARM = float(np.linalg.norm(canonical_skeleton().offsets[canonical_skeleton().index("left_wrist")]))
PEAK = 1.875 * np.deg2rad(50.0) / STROKE * FOREARM  # metres a second, of a step without jerk


def test_known_strokes_are_found_at_their_time():
    found = strokes(arms(160, KNOWN))
    assert [stroke.side for stroke in found] == [side for _, side in KNOWN]
    assert np.abs(np.array([stroke.time for stroke in found]) - [time for time, _ in KNOWN]).max() <= 2 / 30
    assert np.array([stroke.strength for stroke in found]) == pytest.approx(np.full(6, PEAK), rel=0.2)


@pytest.mark.parametrize("fps", [24, 60, 120])
def test_strokes_are_the_same_at_any_rate(fps):
    found = strokes(arms(round(160 / 30 * fps), KNOWN, fps=fps))
    assert len(found) == len(KNOWN)
    assert np.abs(np.array([stroke.time for stroke in found]) - [time for time, _ in KNOWN]).max() <= 2 / 30


@pytest.mark.parametrize("gap", [0.45, 0.6, 1.0])
def test_a_row_of_beats_is_counted(gap):
    times = np.arange(0.5, 8.0, gap)
    found = strokes(arms(270, [(time, "left") for time in times]))
    assert len(found) == len(times)


def test_both_hands_together_are_one_stroke():
    both = strokes(arms(90, [(1.0, "left"), (1.0, "right"), (2.0, "left"), (2.05, "right")]))
    assert len(both) == 2


def test_slow_movement_is_no_stroke():
    slow = arms(120, [(1.5, "left")], degrees=50 * 0.9 * STROKE_SPEED / PEAK)
    assert strokes(slow) == []
    assert hand_speed(slow).max() > STILL_SPEED
    assert strokes(arms(60, [])) == []


def test_turning_and_walking_are_no_gestures():
    """Speeds are relative to the chest: a person who spins on the spot with still arms does not gesture."""
    still = arms(120, [])
    rotations = still.rotations.copy()
    rotations[:, 0] = axis_rotation("Y", np.linspace(0, 12, 120))
    away = still.translation + np.linspace(0, 5, 120)[:, None] * [0, 0, 1]
    spinning = replace(still, rotations=rotations, translation=away)
    assert hand_speed(spinning).max() < 1e-3
    assert strokes(spinning) == []
    np.testing.assert_allclose(wrists_in_chest(spinning), wrists_in_chest(still), atol=1e-4)


def test_still_share_is_the_share_of_stillness():
    assert still_share(arms(90, [])) == 1.0
    motion = arms(150, [(1.0, "left"), (3.0, "right")])
    exact = 1 - 2 * STROKE / motion.seconds
    assert still_share(motion) == pytest.approx(exact, abs=0.05)
    faster = arms(150, [(0.5 + 0.5 * k, "left") for k in range(9)])
    assert still_share(faster) < still_share(motion)


def test_raised_hands_hold_and_hanging_hands_rest():
    raised = phases(arms(120, [(2.0, "left")]))
    assert [phase.kind for phase in raised if phase.side == "left"] == ["hold", "stroke", "hold"]
    assert [phase.kind for phase in raised if phase.side == "right"] == ["hold"]
    assert {phase.kind for phase in phases(arms(60, [], hang=True))} == {"rest"}
    lap = [p.kind for p in phases(arms(120, [(1.0, "left")], hang=True, degrees=55)) if p.side == "left"]
    assert lap == ["rest", "stroke", "rest"]  # the hand comes to lie at the height of the lap
    hold = next(phase for phase in raised if phase.side == "left")
    assert hold.end == pytest.approx(2.0 - STROKE / 2, abs=0.1)


def test_a_whole_gesture_has_its_phases_in_order():
    """Up from rest, there and back at the top, down to rest."""
    unit = arms(150, [(1.0, "right"), (1.3, "right"), (1.6, "right"), (1.9, "right")], hang=True, degrees=100)
    kinds = [phase.kind for phase in phases(unit) if phase.side == "right"]
    assert kinds[0] == "rest"
    assert kinds[-1] == "rest"
    assert kinds[1] == "preparation"
    assert kinds[-2] == "retraction"
    assert "stroke" in kinds[2:-2]


@pytest.mark.parametrize("motion", [gesturing(9.3, seed=1), canonical_motion(77), arms(1, []), arms(2, [])])
def test_each_hands_phases_cover_the_whole_motion(motion):
    for side in ("left", "right"):
        own = [phase for phase in phases(motion) if phase.side == side]
        assert own[0].start == 0.0
        assert own[-1].end == pytest.approx(motion.seconds)
        for before, after in pairwise(own):
            assert before.end == pytest.approx(after.start)
        assert all(phase.end > phase.start for phase in own)
    assert [phase.start for phase in phases(motion)] == sorted(phase.start for phase in phases(motion))


@settings(max_examples=60)
@given(st.lists(st.floats(0, 2), max_size=80), st.floats(0.1, 1), st.integers(1, 12), st.floats(0, 0.5))
def test_peaks_are_high_apart_and_local_maxima(values, height, distance, prominence):
    values = np.array(values)
    found = peaks(values, height=height, distance=distance, prominence=prominence)
    assert (np.diff(found) >= distance).all()
    for index in found:
        assert 0 < index < len(values) - 1
        assert values[index] >= height
        assert values[index] == values[index - 1 : index + 2].max()
