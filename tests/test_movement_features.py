"""Features of windows for tests of two samples: they show what would be wrong, and little else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.errors import UserError
from cospeech.metrics.movement_features import NAMES, RAW_TEXTURE, movement_features, without_texture
from cospeech.metrics.twosample import two_sample
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.posture import stand
from cospeech.motion.skeleton import MIRROR, Skeleton, canonical_skeleton

FPS = 30


def column(rows: np.ndarray, name: str) -> np.ndarray:
    return rows[:, NAMES.index(name)]


def test_one_row_for_every_window():
    rows = movement_features(stand(gesturing(9.0, seed=0)))
    assert rows.shape == (5, len(NAMES))
    assert np.isfinite(rows).all()
    assert movement_features(stand(gesturing(2.5, seed=0))).shape == (0, len(NAMES))
    assert without_texture(rows).shape == (5, len(NAMES) - len(RAW_TEXTURE))
    assert len(RAW_TEXTURE) == 2


def test_a_statue_is_still_and_holds():
    motion = stand(gesturing(4.0, seed=0))
    statue = replace(motion, rotations=np.repeat(motion.rotations[:1], len(motion), 0))
    rows = movement_features(statue)
    assert (column(rows, "both_still_share") == 1).all()
    assert (column(rows, "left_longest_hold") == 1).all()
    assert (column(rows, "left_holds") == 1).all()
    assert (column(rows, "head_pitch_speed") < 1e-6).all()


def test_the_hand_that_moves_is_told_from_the_other():
    motion = stand(gesturing(6.0, seed=2))
    rotations = motion.rotations.copy()
    arm = canonical_skeleton().indices(["left_shoulder", "left_elbow", "left_wrist"])
    rotations[:, arm] = rotations[:1, arm]
    rows, both = movement_features(replace(motion, rotations=rotations)), movement_features(motion)
    assert (column(rows, "left_still_share") > 0.9).all()
    assert column(rows, "speed_asymmetry").mean() > column(both, "speed_asymmetry").mean() + 0.3


def test_a_mirror_image_changes_the_sides():
    motion = stand(gesturing(5.0, seed=3))
    flip = np.diag([-1.0, 1.0, 1.0]).astype(np.float32)
    image = replace(motion, rotations=flip @ motion.rotations[:, MIRROR] @ flip)
    rows, mirrored = movement_features(motion), movement_features(image)
    np.testing.assert_allclose(column(rows, "left_speed_mean"), column(mirrored, "right_speed_mean"), rtol=0.02)
    np.testing.assert_allclose(column(rows, "left_wrist_x_mean"), -column(mirrored, "right_wrist_x_mean"), atol=0.01)
    np.testing.assert_allclose(column(rows, "head_yaw_mean"), -column(mirrored, "head_yaw_mean"), atol=0.2)


def smoothed(motion: Motion) -> Motion:
    """Rotations averaged over three frames: nobody would see it."""
    padded = np.concatenate([motion.rotations[:1], motion.rotations, motion.rotations[-1:]])
    return replace(motion, rotations=(padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4)


def noisy(seed: int) -> Motion:
    """Gestures with the noise of a capture."""
    motion = stand(gesturing(12.0, seed=seed))
    rng = np.random.default_rng(seed)
    return replace(motion, rotations=motion.rotations + rng.normal(0, 2e-4, motion.rotations.shape).astype(np.float32))


def test_a_low_pass_shows_in_raw_jerk_and_hardly_elsewhere():
    rows = np.concatenate([movement_features(noisy(k)) for k in range(12)])
    filtered = np.concatenate([movement_features(smoothed(noisy(k))) for k in range(12)])
    change = np.abs(filtered - rows).mean(0) / (rows.std(0) + 1e-9)
    assert change[list(RAW_TEXTURE)].min() > 1.0
    others = np.delete(change, RAW_TEXTURE)
    assert np.median(others) < 0.1


def test_halves_of_one_actor_cannot_be_told_apart_and_a_calmer_one_can():
    rows = {f"clip{k}": without_texture(movement_features(noisy(k))) for k in range(40)}
    one, other = ({k: rows[k] for k in list(rows)[start::2]} for start in (0, 1))
    assert two_sample(one, other, extractor="movement")[0].value < 65

    def calm(seed: int) -> Motion:
        motion = noisy(seed)
        return motion.warp(np.arange(len(motion)) / FPS / 2)

    slow = {f"calm{k}": without_texture(movement_features(calm(k))) for k in range(20)}
    assert two_sample(slow, other, extractor="movement")[0].value > 80


def test_another_skeleton_is_refused():
    bone = Skeleton(("a", "b"), (-1, 0), np.zeros((2, 3)))
    motion = Motion(bone, FPS, np.tile(np.eye(3, dtype=np.float32), (100, 2, 1, 1)), np.zeros((100, 3), np.float32))
    with pytest.raises(UserError, match="expected the canonical skeleton, got one of 2 joints; retarget it first"):
        movement_features(motion)
