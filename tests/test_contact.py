"""Hands, forearms and trunk push each other out: known depths, what is kept, and that nothing pops."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import cospeech
from cospeech.avatar.body import load_body
from cospeech.core.rotation import align_vectors, axis_rotation
from cospeech.metrics import HandThrough
from cospeech.motion.kinematics import global_rotations, local_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.body_solids import placed, slab_depth
from cospeech.motion.procedural.contact import TOLERANCE, movable_arms, penetration, separated
from cospeech.motion.procedural.posture import seat
from cospeech.motion.retarget import on_canonical, retarget, to_rig
from cospeech.motion.skeleton import canonical_skeleton

SKELETON = canonical_skeleton()
REST = SKELETON.rest_positions
WRISTS = SKELETON.indices(["left_wrist", "right_wrist"])
ARMS = SKELETON.indices([f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "elbow", "wrist")])
ASIDE = {"left": [0.35, 1.1, 0.35], "right": [-0.35, 1.1, 0.35]}  # where hands touch nothing
FPS = 30.0
TRUNK = ["pelvis", "spine1", "spine2", "spine3"]


def reaching(**places: np.ndarray | list[float]) -> Motion:
    """Wrists (left=, right=) that go through places [T, 3] in the world, elbows out and down, hands as the forearms."""
    places = {**{side: np.array([place]) for side, place in ASIDE.items()}, **places}
    frames = max(len(np.atleast_2d(place)) for place in places.values())
    world = np.tile(np.eye(3), (frames, 55, 1, 1))
    for side, place in places.items():
        rest = np.array([1.0 if side == "left" else -1.0, 0.0, 0.0])
        upper, lower = (abs(SKELETON.offsets[SKELETON.index(f"{side}_{part}")][0]) for part in ("elbow", "wrist"))
        way = np.broadcast_to(place, (frames, 3)) - REST[SKELETON.index(f"{side}_shoulder")]
        reach = np.linalg.norm(way, axis=-1, keepdims=True)
        along = way / reach
        out = np.array([rest[0], -0.6, 0.3]) - along * (along @ np.array([rest[0], -0.6, 0.3]))[:, None]
        out /= np.linalg.norm(out, axis=-1, keepdims=True)
        cosine = (upper**2 + reach**2 - lower**2) / (2 * upper * reach)
        elbow = upper * (cosine * along + np.sqrt(1 - cosine**2) * out)
        world[:, SKELETON.index(f"{side}_shoulder")] = align_vectors(rest, elbow)
        below = [k for k, name in enumerate(SKELETON.names) if name.startswith(side) and k >= 25]
        for joint in (SKELETON.index(f"{side}_elbow"), SKELETON.index(f"{side}_wrist"), *below):
            world[:, joint] = align_vectors(rest, way - elbow)
    rotations = local_rotations(world, SKELETON.parents)
    return Motion(SKELETON, FPS, rotations, np.tile(REST[:1], (frames, 1)))


def path(*points: list[float], seconds: float = 0.6, hold: float = 0.6) -> np.ndarray:
    """[T, 3] from point to point, eased, with a hold at each."""
    parts = [np.tile(points[0], (round(hold * FPS), 1))]
    for before, after in pairwise(points):
        share = np.linspace(0, 1, round(seconds * FPS), endpoint=False)[:, None]
        parts.append(np.array(before) + (3 * share**2 - 2 * share**3) * (np.array(after) - np.array(before)))
        parts.append(np.tile(after, (round(hold * FPS), 1)))
    return np.concatenate(parts)


BELLY = [0.02, 1.12, 0.10]  # a wrist inside of the belly
CLIPS = {
    "belly": reaching(left=path(ASIDE["left"], BELLY, ASIDE["left"])),
    "both on the belly": reaching(
        left=path(ASIDE["left"], [0.05, 1.1, 0.2], ASIDE["left"]),
        right=path(ASIDE["right"], [-0.05, 1.12, 0.2], ASIDE["right"]),
    ),
    "clasped": reaching(
        left=path(ASIDE["left"], [0.07, 1.2, 0.4], ASIDE["left"]),
        right=path(ASIDE["right"], [-0.07, 1.2, 0.4], ASIDE["right"]),
    ),
    "crossing": reaching(
        left=path([0.2, 1.2, 0.4], [-0.1, 1.2, 0.4], [0.2, 1.2, 0.4]),
        right=path([-0.2, 1.2, 0.4], [0.1, 1.21, 0.4], [-0.2, 1.2, 0.4]),
    ),
    "passing up and down": reaching(
        left=path([0.05, 1.08, 0.32], [0.05, 1.36, 0.36], seconds=1.2),
        right=path([-0.05, 1.36, 0.36], [-0.05, 1.08, 0.32], seconds=1.2),
    ),
    "into the thigh": reaching(left=path([0.45, 1.2, 0.2], [0.2, 0.93, 0.1], [0.45, 1.2, 0.2])),
    "face": reaching(right=path(ASIDE["right"], [-0.05, 1.58, 0.15], ASIDE["right"])),
}
SEATED = {
    f"seated, {name}": seat(motion)
    for name, motion in {"lap": reaching(left=path(ASIDE["left"], [0.12, 1.0, 0.3], ASIDE["left"]))}.items()
}


def bend(motion: Motion) -> np.ndarray:
    """[T - 2] metres: the largest second difference of the wrists, how suddenly they change their speed."""
    places = motion.positions[:, WRISTS].astype(np.float64)
    return np.linalg.norm(np.diff(places, n=2, axis=0), axis=-1).max(axis=-1)


def test_a_hand_that_goes_on_into_the_belly_is_deeper_by_as_much():
    """Straight before the spine, 5 and 10 mm further in."""
    hands = [reaching(left=[[0.0, 1.15, 0.17 - further]]) for further in (0, 0.005, 0.01)]
    depths = [float(penetration(hand).hand_trunk[0, 0]) for hand in hands]
    np.testing.assert_allclose(np.diff(depths), 0.005, atol=0.002)
    assert not any(np.any(part > 0) for part in vars(penetration(reaching())).values())


def test_the_trunk_is_where_the_mesh_of_the_avatar_is():
    """Depth from the mesh itself: front of the belly, the chest, the side of the waist."""
    body = load_body(0)
    trunk = np.isin(body.joints[np.arange(len(body)), body.weights.argmax(1)], SKELETON.indices(TRUNK))
    cores = placed(np.tile(np.eye(3), (1, 55, 1, 1)), SKELETON)[1]
    places = body.vertices[trunk & (np.abs(body.vertices[:, 0]) < 0.1)]
    places = places[(places[:, 1] > 0.95) & (places[:, 1] < 1.4)]
    depth = slab_depth((places - REST[0])[None], np.zeros(len(places)), cores)[0][0].max(axis=0)
    assert np.percentile(np.abs(depth), 90) < 0.02
    assert abs(np.median(depth)) < 0.01


def test_palms_that_lie_in_each_other_are_as_deep_as_they_are_thick():
    """Two wrists at one place: middle lines of the palms meet, and a palm's radius is 18 mm."""
    meeting = reaching(left=[[0.0, 1.2, 0.42]], right=[[0.0, 1.2, 0.42]])
    assert float(penetration(meeting).hands[0]) == pytest.approx(2 * 0.018, abs=0.003)
    apart = reaching(left=[[0.3, 1.2, 0.42]], right=[[-0.3, 1.2, 0.42]])
    assert float(penetration(apart).hands[0]) == 0.0


@pytest.mark.parametrize("name", CLIPS | SEATED)
def test_nothing_passes_through_and_nothing_pops(name):
    motion = (CLIPS | SEATED)[name]
    before, result = penetration(motion), separated(motion)
    after = penetration(result)
    deepest = max(before.hand.max(), before.hand_head.max(), before.hand_forearm.max())
    assert deepest > 1.5 * TOLERANCE, "the clip is no test"
    assert after.hand.max() <= TOLERANCE
    assert max(after.hand_head.max(), after.hand_forearm.max(), after.forearms.max()) <= TOLERANCE
    # Wrists never change their speed more suddenly than the eased path does, plus 5 mm a frame and frame.
    assert bend(result).max() < bend(motion).max() + 0.005


@pytest.mark.parametrize("name", CLIPS | SEATED)
def test_hands_keep_their_orientation_and_all_else_its_bits(name):
    motion = (CLIPS | SEATED)[name]
    result = separated(motion)
    others = np.setdiff1d(np.arange(len(SKELETON)), ARMS)
    np.testing.assert_array_equal(result.rotations[:, others], motion.rotations[:, others])
    np.testing.assert_array_equal(result.translation, motion.translation)
    hands = [
        global_rotations(each.rotations.astype(np.float64), SKELETON.parents)[:, WRISTS] for each in (motion, result)
    ]
    np.testing.assert_allclose(hands[1], hands[0], atol=2e-6)
    np.testing.assert_allclose(np.linalg.det(result.rotations.astype(np.float64)), 1, atol=1e-5)


def test_frames_away_from_contact_keep_their_bits():
    motion = CLIPS["belly"]
    deep = np.flatnonzero(penetration(motion).hand_trunk.max(axis=1) > 0)
    away = np.ones(len(motion), dtype=bool)
    away[max(0, deep[0] - 15) : deep[-1] + 16] = False  # half a second
    assert away.sum() > 20
    result = separated(motion)
    np.testing.assert_array_equal(result.rotations[away], motion.rotations[away])
    assert not np.array_equal(result.rotations, motion.rotations)
    free = reaching(left=path(ASIDE["left"], [0.4, 1.4, 0.3]))
    assert separated(free) is free


def test_hands_that_touch_go_on_touching():
    """Meant contact stays contact: at the hold the surfaces are within a centimetre of each other."""
    result = separated(CLIPS["clasped"])
    middle = len(result) // 2
    assert 0 < float(penetration(result).hands[middle]) <= TOLERANCE


def test_two_hands_share_the_way():
    motion = CLIPS["clasped"]
    moved = np.linalg.norm(separated(motion).positions[:, WRISTS] - motion.positions[:, WRISTS], axis=-1)
    middle = len(motion) // 2
    assert moved[middle, 0] > 0.005
    assert moved[middle, 0] == pytest.approx(moved[middle, 1], rel=0.1)


@pytest.mark.parametrize("name", CLIPS | SEATED)
def test_the_mirror_image_gives_the_mirror_image(name):
    motion = (CLIPS | SEATED)[name]
    one, other = separated(motion.mirror()), separated(motion).mirror()
    np.testing.assert_allclose(one.positions, other.positions, atol=2e-3)
    np.testing.assert_array_equal(separated(motion).rotations, separated(motion).rotations)


def test_the_frame_rate_does_not_matter():
    motion = CLIPS["belly"]
    fast = separated(motion.resample(60.0))
    assert penetration(fast).hand.max() <= TOLERANCE
    np.testing.assert_allclose(fast.positions[::2][:, WRISTS], separated(motion).positions[:, WRISTS], atol=0.015)


def test_an_elbow_leaves_the_trunk():
    """Upper arms that hang and forearms across the belly, elbows in the waist."""
    motion = reaching(left=np.tile([-0.06, 1.14, 0.20], (40, 1)))
    inward = motion.rotations.copy()
    span = motion.positions[:, SKELETON.index("left_wrist")] - motion.positions[:, SKELETON.index("left_shoulder")]
    axis = (span / np.linalg.norm(span, axis=-1, keepdims=True))[0].astype(np.float64)
    turn = align_vectors(np.array([0.0, 1.0, 0.0]), axis) @ axis_rotation("Y", -0.6)
    turn = turn @ align_vectors(np.array([0.0, 1.0, 0.0]), axis).T
    shoulder = SKELETON.index("left_shoulder")
    inward[:, shoulder] = (turn @ inward[:, shoulder].astype(np.float64)).astype(np.float32)
    motion = replace(motion, rotations=inward)
    assert penetration(motion).forearm_trunk.max() > 2 * TOLERANCE
    assert penetration(separated(motion)).forearm_trunk.max() <= TOLERANCE


def test_weights_and_sides_say_what_may_move():
    motion = CLIPS["clasped"]
    weights = np.ones(len(motion))
    weights[: len(motion) // 2] = 0
    result = separated(motion, weights=weights)
    np.testing.assert_array_equal(result.rotations[weights == 0], motion.rotations[weights == 0])
    alone = separated(motion, sides=(False, True))
    np.testing.assert_array_equal(alone.rotations[:, ARMS[:3]], motion.rotations[:, ARMS[:3]])
    assert penetration(alone).hands.max() <= TOLERANCE
    assert separated(motion, sides=(False, False)) is motion
    assert movable_arms(ARMS[:3]) == (True, False)
    assert movable_arms([ARMS[0], *ARMS[3:]]) == (False, True)


@pytest.fixture(scope="module")
def speech():
    return cospeech.load_speech("examples/hello.wav").cut(end=6.0)


@pytest.mark.parametrize("options", [{"emotion": "joy"}, {"emotion": "anger"}, {}, {"seated": True}], ids=str)
def test_generated_hands_pass_through_nothing(speech, options):
    metric = HandThrough()
    for seed in range(3):
        metric.update(cospeech.generate(speech, seed=seed, face=False, **options), clip=str(seed))
    assert metric.compute().value <= 0.005


def test_given_poses_are_kept_even_if_they_penetrate(speech):
    pose = reaching(left=[BELLY], right=[[-0.1, 1.1, 0.15]])
    model = cospeech.load("contextual")
    made = model.generate(speech, start_pose=pose, end_pose=pose, face=False)
    arms = SKELETON.indices(["left_shoulder", "left_elbow", "right_shoulder", "right_elbow"])
    for frame in (0, -1):
        np.testing.assert_array_equal(made.rotations[frame, arms], pose.rotations[0, arms])
    inside = slice(round(0.8 * FPS), -round(0.8 * FPS))
    assert (penetration(made).hand[inside] > TOLERANCE).mean() <= 0.005


def test_an_edit_keeps_what_is_outside_and_passes_through_nothing_inside(speech):
    model = cospeech.load("contextual")
    motion = cospeech.generate(speech, seed=1, face=False)
    whole = penetration(model.edit(motion, speech, seed=5))
    assert (whole.hand > TOLERANCE).mean() <= 0.005
    edited = model.edit(motion, speech, span="2:4", joints="right-arm", seed=2)
    outside = np.ones(len(motion), dtype=bool)
    outside[round(2 * FPS) : round(4 * FPS)] = False
    np.testing.assert_array_equal(edited.rotations[outside], motion.rotations[outside])
    np.testing.assert_array_equal(edited.rotations[:, ARMS[:3]], motion.rotations[:, ARMS[:3]])
    assert not np.array_equal(edited.rotations, motion.rotations)
    assert (penetration(edited).hand > TOLERANCE).mean() <= 0.005


def test_retargeting_takes_hands_out_of_the_body_for_people_and_not_for_data():
    rig = to_rig(CLIPS["belly"], "mixamo")
    seen, recorded = on_canonical(rig), retarget(rig)
    assert penetration(seen).hand.max() <= TOLERANCE
    assert penetration(recorded).hand.max() > 0.05
    np.testing.assert_array_equal(on_canonical(rig, separate=False).rotations, recorded.rotations)
    canonical = CLIPS["belly"]
    assert on_canonical(canonical) is canonical  # what is canonical is a person's own, or has been taken apart


def test_longer_arms_of_a_rig_are_thought_of():
    """A rig with longer arms meets its belly elsewhere than the avatar does."""
    offsets = SKELETON.offsets.copy()
    for name in ("left_wrist", "right_wrist"):
        offsets[SKELETON.index(name)] *= 1.25
    rig = to_rig(CLIPS["belly"], "mixamo").skeleton
    longer = [1.25 if name.endswith(("LeftHand", "RightHand")) else 1.0 for name in rig.names]
    long = replace(rig, offsets=rig.offsets * np.array(longer)[:, None])
    moved = to_rig(CLIPS["belly"], "mixamo", skeleton=long, separate=True)
    own = replace(SKELETON, offsets=offsets)
    back = retarget(moved, to=own)
    assert penetration(back).hand.max() <= 1.5 * TOLERANCE
    assert penetration(retarget(to_rig(CLIPS["belly"], "mixamo", skeleton=long), to=own)).hand.max() > 0.05


def test_the_metric_counts_frames():
    motion = CLIPS["belly"]
    metric = HandThrough()
    metric.update(motion, clip="one")
    value = metric.compute()
    assert value.value == pytest.approx((penetration(motion).hand > TOLERANCE).mean())
    assert (value.name, value.count, value.better) == ("hand_through", len(motion), "lower")
