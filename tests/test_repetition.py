"""Motion that repeats itself is noticed, also where the loop drifts; gestures that are all different are not blamed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation
from cospeech.core.timing import FPS
from cospeech.metrics import NearestRepeat
from cospeech.metrics.beats import gaussian_smooth
from cospeech.metrics.repetition import GestureWindows, nearest_repeats
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import canonical_skeleton


def wandering(seconds: float, seed: int, *, degrees: float = 30.0) -> Motion:
    """Arms that never do the same twice: shoulders and elbows turn at random, below 1 Hz or so."""
    skeleton, rng, frames = canonical_skeleton(), np.random.default_rng(seed), round(seconds * FPS)
    rotations = np.tile(np.eye(3, dtype=np.float32), (frames, len(skeleton), 1, 1))
    for name in ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow"):
        for axis in "XYZ":
            angle = gaussian_smooth(rng.normal(size=frames), 8.0)
            turn = axis_rotation(axis, np.deg2rad(degrees) * angle / angle.std())
            rotations[:, skeleton.index(name)] = rotations[:, skeleton.index(name)] @ turn.astype(np.float32)
    return Motion(skeleton, FPS, rotations, np.zeros((frames, 3), np.float32))


def looped(motion: Motion, times: int) -> Motion:
    return replace(
        motion,
        rotations=np.tile(motion.rotations, (times, 1, 1, 1)),
        translation=np.tile(motion.translation, (times, 1)),
    )


def values(*motions: Motion) -> tuple[float, float]:
    metric = NearestRepeat()
    for number, motion in enumerate(motions):
        metric.update(motion, clip=str(number))
    return tuple(value.value for value in metric.compute())


def test_a_loop_repeats_itself_and_wandering_arms_do_not():
    assert values(looped(wandering(4.1, seed=0), 12)) == pytest.approx((0.0, 0.0), abs=0.03)
    found = values(wandering(49.2, seed=0))
    assert found[0] > 0.7
    assert found[1] > 0.5


def test_a_repeat_that_drifts_is_found_anywhere():
    loop = looped(wandering(4.1, seed=0), 12)
    rotations = loop.rotations.copy()
    drift = axis_rotation("Z", np.linspace(0, 2.5, len(loop))).astype(np.float32)
    for name in ("left_collar", "right_collar"):
        index = canonical_skeleton().index(name)
        rotations[:, index] = drift @ rotations[:, index]
    in_place, anywhere = values(replace(loop, rotations=rotations))
    assert in_place > 2 * anywhere
    assert anywhere < 0.6


def test_a_repeat_after_more_than_a_minute_does_not_count():
    first, other = wandering(3.0, seed=1), wandering(66.0, seed=2)

    def after(seconds: float) -> Motion:
        parts = [first.rotations, other.rotations[: round(seconds * FPS)], first.rotations]
        rotations = np.concatenate(parts)
        return replace(first, rotations=rotations, translation=np.zeros((len(rotations), 3), np.float32))

    assert nearest_repeats(GestureWindows.of(after(20)))[0] < 0.02
    assert nearest_repeats(GestureWindows.of(after(66)))[0] > 0.3


def test_another_clip_stands_beside_as_chance():
    metric = NearestRepeat()
    for seed in range(3):
        metric.update(looped(wandering(3.5, seed=seed), 6), clip=str(seed))
    value = metric.compute()[0]
    assert value.value < 0.05
    assert value.chance > 0.7
    same = NearestRepeat()
    for name in ("a", "b"):
        same.update(wandering(20.0, seed=5), clip=name)
    assert same.compute()[0].chance < 0.05  # the clip before was the very same


def test_windows_that_hardly_move_are_no_gestures():
    metric = NearestRepeat()
    metric.update(wandering(20.0, seed=0, degrees=0.2), clip="still")
    metric.update(wandering(2.0, seed=0), clip="short")
    with pytest.raises(UserError, match="2 clips were left out"):
        metric.compute()


def test_one_gesture_over_and_over_counts_as_repeating():
    """Beats of one forearm are all alike."""
    assert values(gesturing(40.0, seed=0))[0] < values(wandering(40.0, seed=0))[0] - 0.2
