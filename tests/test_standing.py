"""A standing speaker: head and trunk upright, resting hands hang, weight shifts, and feet stay where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.rotation import euler_to_matrix, matrix_to_axis_angle
from cospeech.core.series import runs
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.posture import already_posed, stand
from cospeech.motion.procedural.standing import (
    CHEST_RAISED,
    HEAD_RAISED,
    HEAD_STAYS,
    HOLD_HEIGHT,
    LAP_HEIGHT,
    SHIFT,
    Sway,
    at_ease,
    delayed,
    free_hands,
    hand_rests,
    hanging,
    leading,
    lowered,
    nodding,
    rest_weights,
    sway,
    turned,
    upright,
)
from cospeech.motion.skeleton import canonical_skeleton

SKELETON = canonical_skeleton()
WRISTS = SKELETON.indices(["left_wrist", "right_wrist"])
ANKLES = SKELETON.indices(["left_ankle", "right_ankle"])
FPS = 30


def pitch(motion: Motion, joint: str) -> np.ndarray:
    """Degrees by which a joint looks down."""
    world = global_rotations(motion.rotations.astype(np.float64), SKELETON.parents)[:, SKELETON.index(joint)]
    return np.rad2deg(-np.arcsin(world[:, 1, 2]))


def with_hands_in_the_lap(seconds: float, *, left: slice, right: slice = slice(0), lowered_by: float = 72.0) -> Motion:
    """Forearms level to the front, still, upper arms down by so many degrees; elsewhere hands wave above the chest."""
    frames = round(seconds * FPS)
    rotations = np.tile(np.eye(3, dtype=np.float32), (frames, 55, 1, 1))
    wave = np.sin(np.arange(frames) * 0.5)
    for side, sign, rest in (("left", 1.0, left), ("right", -1.0, right)):
        resting = np.zeros(frames, bool)
        resting[rest] = True
        raised = np.where(resting, lowered_by, 10.0 + 20.0 * wave)
        angles = np.zeros((frames, 3))
        angles[:, 2] = -sign * np.deg2rad(raised)
        rotations[:, SKELETON.index(f"{side}_shoulder")] = euler_to_matrix(angles, "XYZ")
        bend = np.zeros((frames, 3))
        bend[:, 1] = -sign * np.deg2rad(80.0)
        rotations[:, SKELETON.index(f"{side}_elbow")] = euler_to_matrix(bend, "XYZ")
    return Motion(SKELETON, FPS, rotations, np.tile(SKELETON.offsets[0].astype(np.float32), (frames, 1)))


def test_head_and_chest_are_raised_by_constant_angles_and_the_way_back_is_exact():
    motion = stand(gesturing(4.0, seed=1))
    raised = upright(motion)
    np.testing.assert_allclose((pitch(motion, "spine3") - pitch(raised, "spine3")).mean(), CHEST_RAISED, atol=0.3)
    assert 0.8 * HEAD_RAISED < (pitch(motion, "head") - pitch(raised, "head")).mean() < 1.6 * HEAD_RAISED
    back = lowered(raised)
    head = SKELETON.index("head")
    there = global_rotations(motion.rotations.astype(np.float64), SKELETON.parents)[:, head]
    again = global_rotations(back.rotations.astype(np.float64), SKELETON.parents)[:, head]
    np.testing.assert_allclose(again, there, atol=1e-5)


def test_a_hand_that_rests_hangs_and_the_other_goes_on():
    motion = with_hands_in_the_lap(6.0, left=slice(60, 150))
    before, after = motion.positions[:, WRISTS], hanging(motion).positions[:, WRISTS]
    np.testing.assert_array_equal(after[:, 1], before[:, 1])  # the right one
    middle = slice(85, 125)
    hip = motion.positions[0, SKELETON.index("left_hip"), 1]
    assert (after[middle, 0, 1] < hip + 0.02).all()
    assert (before[middle, 0, 1] > hip + 0.1).all()
    np.testing.assert_array_equal(after[:40, 0], before[:40, 0])
    down, up = after[61:80, 0], after[130:149, 0]  # the recorded hand is still meanwhile
    for way in (down, up):
        speed = np.linalg.norm(np.diff(way, axis=0), axis=-1) * FPS
        assert 0.2 < speed.max() < 2.5


def test_a_short_stop_is_no_rest():
    assert not rest_weights(with_hands_in_the_lap(4.0, left=slice(50, 70))).any()


def test_a_raised_hand_that_holds_still_does_not_fall():
    motion = with_hands_in_the_lap(4.0, left=slice(0))
    held = replace(motion, rotations=np.repeat(motion.rotations[:1], len(motion), 0))
    assert not rest_weights(held).any()


@pytest.mark.parametrize("seed", range(3))
def test_feet_stay_where_they_are_while_weight_shifts(seed):
    relaxed, moves = at_ease(
        gesturing(20.0, seed=seed), np.arange(2.0, 20.0, 3.0), np.arange(0.5, 20.0, 0.8), seed=seed
    )
    standing = stand(relaxed, shift=moves.shift)
    ankles = standing.positions[:, ANKLES]
    assert np.abs(ankles - ankles[:1]).max() < 0.002
    assert np.ptp(standing.positions[:, 0, 0]) > 0.02
    assert np.abs(moves.shift).max() <= SHIFT


def stepping(seed: int, seconds: float = 60.0) -> tuple[Motion, Sway]:
    """Somebody who gestures, in phrases of three seconds, and how he stands."""
    motion = gesturing(seconds, seed=seed)
    relaxed, moves = at_ease(motion, np.arange(2.0, seconds, 3.0), np.arange(0.5, seconds, 0.8), seed=seed)
    return stand(relaxed, shift=moves.shift, feet=moves.feet), moves


@pytest.mark.parametrize("seed", range(3))
def test_a_foot_is_lifted_and_put_down_and_never_slides(seed):
    standing, moves = stepping(seed)
    ankles = standing.positions[:, ANKLES].astype(np.float64)
    lift = ankles[..., 1] - ankles[0, :, 1]
    way = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1)
    on_the_floor = np.maximum(lift[1:], lift[:-1]) < 0.001
    assert way[on_the_floor].max() < 0.002  # metres a frame, and no foot creeps from step to step:
    found = [runs(lift[:, k] > 0.001) for k in (0, 1)]
    assert 3 <= sum(map(len, found)) <= 8
    assert not (lift > 0.001).all(axis=1).any()  # one stays
    assert lift.min() > -0.001
    for k, steps in enumerate(found):
        for first, last in steps:
            assert 0.018 < lift[first:last, k].max() < 0.037
            put = ankles[min(last + 3, len(ankles) - 1), k] - ankles[first - 3, k]
            assert 0.045 < np.linalg.norm(put) < 0.14
            assert np.sign(moves.shift[first]) == (-1 if k == 0 else 1)  # the other leg carries
        edges = [0, *(edge for first, last in steps for edge in (first - 3, last + 3)), len(ankles)]
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            assert np.ptp(ankles[begin:end, k], axis=0).max() < 0.002
    speed = np.diff(ankles, axis=0) * FPS
    assert np.linalg.norm(speed, axis=-1).max() < 0.7
    assert np.linalg.norm(np.diff(speed, axis=0) * FPS, axis=-1).max() < 6.0  # a foot that sets off at once: over 10
    pelvis, middle = standing.translation[:, [0, 2]], ankles[:, :, [0, 2]].mean(axis=1)
    assert np.abs(pelvis - middle).max() < 0.1  # the body goes along


def test_steps_are_rare_and_come_at_the_ends_of_phrases():
    ends = np.arange(2.0, 600.0, 3.0)
    lift = sway(600 * FPS, FPS, ends, seed=0).feet[..., 1].max(axis=1)
    begins = np.array([first for first, _ in runs(lift > 1e-6)]) / FPS
    assert np.diff(begins).min() > 8.0
    assert 8.0 < np.diff(begins).mean() < 13.0
    after = (begins[:, None] - ends[None]).min(axis=1, where=begins[:, None] > ends[None], initial=9.0)
    assert after.max() < 0.8  # at once after the weight has shifted
    assert not sway(600 * FPS, FPS, ends, seed=0, steps=False).feet.any()


def test_feet_stay_in_a_motion_that_begins_or_ends_in_a_given_pose():
    motion, ends = gesturing(40.0, seed=0), np.arange(2.0, 40.0, 3.0)
    for posed, moving in (((False, False), True), ((True, False), False), ((False, True), False)):
        assert at_ease(motion, ends, ends, seed=0, posed=posed)[1].feet.any() == moving


def test_who_has_taken_steps_is_known_as_standing():
    standing, _ = stepping(1)
    assert already_posed(standing) is standing
    dragged = replace(standing, translation=standing.translation + np.linspace(0, 3, len(standing))[:, None])
    assert already_posed(dragged) is None


def test_hands_that_are_held_low_for_long_rest_too():
    """Forearms level before the belly, above the lap: 2 s of it is a hold, 4 s a rest."""
    for seconds, falls in ((2.0, False), (4.0, True)):
        still = slice(60, 60 + round(seconds * FPS))
        motion = with_hands_in_the_lap(8.0, left=still, right=still, lowered_by=25.0)
        height = motion.positions[still, WRISTS[0], 1] - motion.positions[still, 0, 1]
        assert LAP_HEIGHT < height.max() < HOLD_HEIGHT
        assert rest_weights(motion)[still].any() == falls


def test_one_hand_leads_in_some_phrases_and_the_other_does_less_and_later():
    motion, ends = stand(gesturing(30.0, seed=2)), np.arange(3.0, 30.0, 3.0)
    found = [leading(motion, ends, seed=k) for k in range(10)]
    assert all((lead.less.min(axis=1) == 0.0).all() for lead in found)
    assert 0.1 < np.mean([lead.less.max(axis=1) > 0.1 for lead in found]) < 0.7
    assert max(lead.later.max() for lead in found) <= 0.13
    later = np.zeros((len(motion), 2))
    later[100:200, 0] = 4 / FPS
    moved = delayed(motion, later)
    left, right = (SKELETON.index(f"{side}_shoulder") for side in ("left", "right"))
    np.testing.assert_allclose(moved.rotations[100:200, left], motion.rotations[96:196, left], atol=1e-5)
    np.testing.assert_array_equal(moved.rotations[:, right], motion.rotations[:, right])
    np.testing.assert_array_equal(moved.rotations[200:, left], motion.rotations[200:, left])


def test_sway_turns_at_the_ends_of_phrases_and_is_the_same_for_one_seed():
    ends = np.arange(5.0, 60.0, 5.0)
    moves = sway(60 * FPS, FPS, ends, seed=3)
    again, other = sway(60 * FPS, FPS, ends, seed=3), sway(60 * FPS, FPS, ends, seed=4)
    np.testing.assert_array_equal(moves.yaw, again.yaw)
    assert np.abs(moves.yaw - other.yaw).max() > 1.0
    assert 2.0 < np.std([sway(60 * FPS, FPS, ends, seed=k).yaw for k in range(20)]) < 9.0
    assert np.abs(np.diff(moves.yaw)).max() * FPS < 60.0  # degrees a second


def test_the_head_stays_with_the_listener_while_the_trunk_turns():
    motion = stand(gesturing(2.0, seed=0))
    yaw = np.full(len(motion), 10.0)
    world = global_rotations(turned(motion, yaw).rotations.astype(np.float64), SKELETON.parents)
    before = global_rotations(motion.rotations.astype(np.float64), SKELETON.parents)

    def change(joint: str) -> float:
        index = SKELETON.index(joint)
        heading = [np.rad2deg(np.arctan2(w[:, index, 0, 2], w[:, index, 2, 2])) for w in (world, before)]
        return float((heading[0] - heading[1]).mean())

    assert change("spine3") == pytest.approx(10.0, abs=0.1)
    assert change("head") == pytest.approx(10.0 * (1 - HEAD_STAYS), abs=0.5)


def test_the_head_nods_at_accents_and_not_elsewhere():
    motion = stand(gesturing(10.0, seed=1))
    accents = np.arange(1.0, 10.0, 2.0)
    down = np.mean([pitch(nodding(motion, np.zeros(0), accents, seed=k), "head") for k in range(30)], axis=0)
    down = down - pitch(motion, "head")
    at, between = (np.rint(times * FPS).astype(int) for times in (accents, accents[:-1] + 1.0))
    assert down[at].min() > 0.8
    assert np.abs(down[between]).max() < 0.5


def test_one_hand_is_free_in_some_phrases_in_which_hands_are_apart(monkeypatch):
    motion = stand(gesturing(30.0, seed=2))
    ends = np.arange(3.0, 30.0, 3.0)
    weights = [free_hands(motion, ends, seed=k) for k in range(20)]
    assert all((w.min(axis=1) == 0.0).all() for w in weights)  # never both
    share = np.mean([w.max(axis=1) > 0.5 for w in weights])
    assert 0.02 < share < 0.4
    monkeypatch.setattr("cospeech.motion.procedural.standing.FREE_APART", 5.0)
    assert not any(free_hands(motion, ends, seed=k).any() for k in range(20))


def test_a_hand_that_gestures_low_does_not_rest_between_its_short_holds():
    """Short holds are no rests, however near they lie; a stir between two rests is no gesture."""
    low = np.ones(300, dtype=bool)
    busy = np.tile(np.r_[np.ones(10, dtype=bool), np.zeros(15, dtype=bool)], 12)
    busy[[0, 1, 2, -1, -2, -3]] = True
    assert all(first == 0 or last == 300 for first, last in hand_rests(busy, low, 48, 27))
    calm = np.ones(300, dtype=bool)
    calm[140:160] = False
    assert hand_rests(calm, low, 48, 27) == [(0, 300)]
    assert hand_rests(calm, ~(np.arange(300) == 150), 48, 27) == [(0, 140), (160, 300)]


def test_resting_hands_are_loosely_curled():
    motion = with_hands_in_the_lap(6.0, left=slice(0, 180))
    joints = [j for j, name in enumerate(SKELETON.names) if name.startswith("left") and "middle" in name]
    relaxed, _ = at_ease(motion, np.array([3.0]), np.zeros(0), seed=0)
    curl = np.rad2deg(np.linalg.norm(matrix_to_axis_angle(relaxed.rotations[:, joints].astype(float)), axis=-1))
    assert curl.mean(axis=1).min() > 10
    learned, _ = at_ease(motion, np.zeros(0), np.zeros(0), seed=0, shape_hands=False, posed=(True, True))
    assert np.abs(learned.rotations[[0, -1]][:, joints] - np.eye(3)).max() < 1e-5
