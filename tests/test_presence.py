"""Figures of how a person stands and talks: of motions whose hands, head and trunk are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import arms, gesturing
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation
from cospeech.metrics import PresenceFigures, Value
from cospeech.metrics.presence import presence
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.posture import stand
from cospeech.motion.skeleton import canonical_skeleton

FPS = 30


def figures(*motions: Motion) -> dict[str, Value]:
    metric = PresenceFigures()
    for number, motion in enumerate(motions):
        metric.update(motion, clip=str(number))
    return {value.name: value for value in metric.compute()}


def turning(joint: str, axis: str, degrees: np.ndarray) -> Motion:
    """Nothing moves but one joint, which is turned by so much [T]."""
    motion = arms(len(degrees), [])
    rotations = motion.rotations.astype(np.float64)
    index = canonical_skeleton().index(joint)
    rotations[:, index] = rotations[:, index] @ axis_rotation(axis, np.deg2rad(degrees))
    return stand(replace(motion, rotations=rotations.astype(np.float32)))


def test_strokes_of_one_hand_are_told_from_those_of_both():
    apart = stand(arms(300, [(1.0, "left"), (3.0, "right"), (5.0, "left"), (7.0, "right")]))
    together = stand(arms(300, [(t, side) for t in (1.0, 3.0, 5.0, 7.0) for side in ("left", "right")]))
    one, both = figures(apart)["one_handed_share"], figures(together)["one_handed_share"]
    assert (one.value, both.value) == (1.0, 0.0)
    assert one.counted == "strokes"
    assert one.count == 4
    assert both.chance > 0.5  # hands that knew nothing of each other would hardly ever meet


def test_hands_hang_or_are_up():
    down, up = stand(arms(120, [], hang=True)), stand(arms(120, []))
    raised = up.rotations.astype(np.float64)
    index = canonical_skeleton().index("left_elbow")
    raised[:, index] = axis_rotation("Y", np.full(120, np.deg2rad(-150.0)))
    high = figures(replace(up, rotations=raised.astype(np.float32)))
    low = figures(down)
    assert low["hanging_share"].value == 1.0
    assert low["chest_share"].value == 0.0
    assert high["hanging_share"].value == 0.0
    assert low["hanging_share"].count == 120


def test_turns_of_head_and_trunk():
    time = np.arange(180) / FPS
    head = figures(turning("head", "Y", 20 * time))
    assert head["head_speed"].value == pytest.approx(20.0, abs=0.1)
    assert head["trunk_yaw_3s"].value == pytest.approx(0.0, abs=0.01)
    trunk = figures(turning("spine1", "Y", 10 * np.sin(2 * np.pi * time / 3)))
    assert trunk["trunk_yaw_3s"].value == pytest.approx(10 / np.sqrt(2), rel=0.02)
    assert trunk["trunk_yaw_3s"].count == 2  # whole stretches of 3 s


def test_deviations_do_not_grow_with_the_length():
    """A slow turn is as much within 3 s, whether the motion goes on or not."""
    short, long = (turning("spine1", "Y", 5 * np.arange(frames) / FPS) for frames in (90, 360))
    values = [figures(motion)["trunk_yaw_3s"].value for motion in (short, long)]
    assert values[0] == pytest.approx(values[1], rel=0.01)
    assert presence([long]).trunk_yaw > 3 * presence([short]).trunk_yaw


def test_what_both_measure_is_the_same():
    motions = [stand(gesturing(6.0, seed=seed)) for seed in range(3)]
    found, whole = figures(*motions), presence(motions)
    for name in ("one_handed_share", "hanging_share", "chest_share", "head_speed"):
        assert found[name].value == pytest.approx(getattr(whole, name), rel=1e-5)


def test_nothing_to_measure():
    metric = PresenceFigures()
    metric.update(stand(gesturing(1.0, seed=0))[:1], clip="one frame")
    with pytest.raises(UserError, match="nothing to measure; 1 clips were left out"):
        metric.compute()
    still = figures(stand(arms(60, [])))
    assert "one_handed_share" not in still
    assert "finger_variety_3s" not in still
