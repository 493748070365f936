"""Breathing, and looking around in silence: small, seeded, and only where they belong."""

from __future__ import annotations

import numpy as np
import pytest

from corpus_data import arms, voice
from cospeech.core.rotation import matrix_to_axis_angle
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.procedural.idle import BREATH, CHEST, GAZE, add_idle, quiet_share
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech.speech import Speech

SKELETON = canonical_skeleton()
TALKING = Speech(voice(20.0, seed=1)[0])
PAUSING = Speech(voice(20.0, seed=1, pause=(6.0, 13.0))[0])
PARTS = ("spine3", "neck", "head", "left_collar", "right_collar", "left_shoulder", "right_shoulder")


def turned(a, b, joint: str) -> np.ndarray:
    """[T, 3] degrees: the world turn of a joint between two motions."""
    index = SKELETON.index(joint)
    x, y = (global_rotations(m.rotations.astype(np.float64), SKELETON.parents)[:, index] for m in (a, b))
    return np.rad2deg(matrix_to_axis_angle(y @ x.swapaxes(-1, -2)))


def test_the_same_seed_gives_the_same_life():
    still = arms(PAUSING.frames, [])
    first, again, other = (add_idle(still, PAUSING, seed=seed).rotations for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_only_chest_shoulders_and_head_move():
    still = arms(PAUSING.frames, [])
    moved = add_idle(still, PAUSING, seed=0)
    changed = {SKELETON.names[j] for j in range(55) if (moved.rotations[:, j] != still.rotations[:, j]).any()}
    assert changed == set(PARTS)
    np.testing.assert_array_equal(moved.translation, still.translation)


def test_a_breath_every_four_seconds_of_under_a_degree():
    still = arms(TALKING.frames, [])
    chest = turned(still, add_idle(still, TALKING, seed=0), "spine3")[:, 0]
    assert -CHEST - 0.01 < chest.min() < -0.9 * CHEST  # back, and only back
    assert chest.max() < 0.01
    middle = (chest.max() + chest.min()) / 2
    breaths = ((chest[:-1] > middle) & (chest[1:] <= middle)).sum()
    assert TALKING.seconds / BREATH - 1.5 <= breaths <= TALKING.seconds / BREATH + 1.5


def test_hands_hardly_notice():
    """Breathing lifts the collars, not the arms' orientation."""
    still = arms(TALKING.frames, [])
    moved = add_idle(still, TALKING, seed=0)
    assert np.abs(turned(still, moved, "left_wrist")).max() < CHEST + 0.05
    assert np.linalg.norm(moved.positions - still.positions, axis=-1).max() < 0.02


def test_nobody_looks_around_while_speaking():
    still = arms(TALKING.frames, [])
    moved = add_idle(still, TALKING, seed=0)
    assert np.abs(turned(still, moved, "head")).max() < CHEST + 0.05  # the breath alone
    assert not quiet_share(TALKING, TALKING.frames, 30).any()


def test_the_head_wanders_in_a_long_silence_and_only_there():
    still = arms(PAUSING.frames, [])
    sizes = []
    for seed in range(6):
        yaw = turned(still, add_idle(still, PAUSING, seed=seed), "head")[:, 1]
        time = np.arange(len(yaw)) / 30
        outside = (time < 5.9) | (time > 13.1)
        assert np.abs(yaw[outside]).max() < 0.6
        assert np.abs(np.diff(yaw)).max() * 30 < 120  # degrees a second: no jerk of the head
        sizes.append(np.abs(yaw[~outside]).max())
    assert 4.0 < max(sizes) <= GAZE[0] + 1.0


def test_a_short_pause_does_not_count():
    short = Speech(voice(10.0, seed=1, pause=(4.0, 5.0))[0])
    assert not quiet_share(short, short.frames, 30).any()


def test_silence_is_heard_at_any_sample_rate():
    other = PAUSING.resampled(sample_rate=44100)
    share = quiet_share(other, other.frames, 30)
    np.testing.assert_allclose(share, quiet_share(PAUSING, PAUSING.frames, 30), atol=0.3)
    assert share[200:360].mean() > 0.8


@pytest.mark.parametrize("seconds", [0.2, 1.0, 3.0, 7.77])
def test_shares_for_any_length(seconds):
    silence = Speech(np.zeros(round(seconds * 16000), np.float32))
    share = quiet_share(silence, silence.frames, 30)
    assert share.shape == (silence.frames,)
    assert ((share >= 0) & (share <= 1 + 1e-9)).all()
    assert share.any() == (seconds > 2)
    assert add_idle(arms(silence.frames, []), silence, seed=0).frames == silence.frames
