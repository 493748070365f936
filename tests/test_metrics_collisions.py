"""Bodies that pass through themselves, and bodies that only touch."""

from __future__ import annotations

import numpy as np
import pytest

from corpus_data import arms, gesturing
from cospeech.core.errors import UserError
from cospeech.core.rotation import align_vectors, axis_rotation
from cospeech.metrics import SelfIntersection, intersections
from cospeech.metrics.collisions import HEAD_AXES, HEAD_CENTRE, inside_head, inside_trunk, segment_distance
from cospeech.metrics.liveliness import palm_in_trunk
from cospeech.motion.kinematics import forward, local_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import canonical_skeleton
from format_data import beat_rig

SKELETON = canonical_skeleton()
REST = SKELETON.rest_positions


def reaching(**targets: list[float]) -> Motion:
    """One frame in which the wrists (left=, right=) are at places in the world, elbows out and down."""
    world = np.tile(np.eye(3), (1, 55, 1, 1))
    for side, target in targets.items():
        rest = np.array([1.0 if side == "left" else -1.0, 0.0, 0.0])
        shoulder = REST[SKELETON.index(f"{side}_shoulder")]
        upper = np.linalg.norm(SKELETON.offsets[SKELETON.index(f"{side}_elbow")])
        lower = np.linalg.norm(SKELETON.offsets[SKELETON.index(f"{side}_wrist")])
        way = np.array(target) - shoulder
        reach = np.clip(np.linalg.norm(way), abs(upper - lower) + 1e-3, upper + lower - 1e-3)
        along = way / np.linalg.norm(way)
        out = np.array([rest[0], -0.6, 0.3])  # where the elbow goes
        out = out - (out @ along) * along
        out /= np.linalg.norm(out)
        cosine = (upper**2 + reach**2 - lower**2) / (2 * upper * reach)
        elbow = upper * (cosine * along + np.sqrt(1 - cosine**2) * out)
        wrist = reach * along
        below = [SKELETON.index(f"{side}_elbow"), SKELETON.index(f"{side}_wrist")]
        below += [k for k, name in enumerate(SKELETON.names) if name.startswith(side) and k >= 25]
        world[0, SKELETON.index(f"{side}_shoulder")] = align_vectors(rest, elbow)
        for joint in below:
            world[0, joint] = align_vectors(rest, wrist - elbow)
    rotations = local_rotations(world, SKELETON.parents)
    return Motion(SKELETON, 30.0, rotations, REST[:1])


def kinds(motion: Motion) -> set[str]:
    return {kind for kind, frames in intersections(motion).items() if frames[0]}


def test_wrists_go_where_they_are_sent():
    motion = reaching(left=[0.3, 1.2, 0.3], right=[-0.3, 1.5, 0.2])
    wrists = motion.positions[0, SKELETON.indices(["left_wrist", "right_wrist"])]
    np.testing.assert_allclose(wrists, [[0.3, 1.2, 0.3], [-0.3, 1.5, 0.2]], atol=1e-4)
    assert kinds(motion) == set()


@pytest.mark.parametrize("seed", range(3))
def test_real_gestures_do_not_collide(seed):
    motion = gesturing(4.0, seed=seed)
    assert not any(frames.any() for frames in intersections(motion).values())


def test_each_kind_is_seen():
    """The arms are mirror images, so what crosses the middle meets its partner there."""
    head = (REST[SKELETON.index("head")] + HEAD_CENTRE).tolist()
    assert "trunk" in kinds(reaching(left=[0.0, 1.2, 0.0]))
    assert "head" in kinds(reaching(right=head))
    assert "trunk" not in kinds(reaching(right=head))
    for inward, expected in ((0.3, set()), (0.05, {"hands"}), (-0.05, {"forearms"})):
        motion = reaching(left=[inward, 1.25, 0.4], right=[-inward, 1.25, 0.4])
        assert kinds(motion) == expected, inward


def test_hands_may_touch():
    """Knuckles over a centimetre from the middle on either side: fingers interlock, and that is no error."""
    for gap, expected in ((0.006, {"hands"}), (0.014, set())):
        side = np.array([0.12, 1.25, 0.42])
        for _ in range(20):  # moving the wrist turns the arm a little
            motion = reaching(left=side, right=side * [-1, 1, 1])
            side[0] += gap - motion.positions[0, SKELETON.index("left_middle1"), 0]
        assert kinds(motion) == expected, gap


def test_the_head_is_as_large_as_it_is_and_turns():
    rotations = np.tile(np.eye(3), (2, 55, 1, 1))
    head = SKELETON.index("head")
    rotations[1, head] = axis_rotation("Y", np.deg2rad(90.0))
    world, place = forward(rotations, np.tile(REST[0], (2, 1)), SKELETON.parents, SKELETON.offsets)
    centre = REST[head] + HEAD_CENTRE
    ends = np.concatenate([sign * share * np.diag(HEAD_AXES) for sign in (-1, 1) for share in (0.98, 1.02)])
    found = inside_head(world, place, np.stack([centre + ends] * 2))
    np.testing.assert_array_equal(found[0], [True] * 3 + [False] * 3 + [True] * 3 + [False] * 3)
    turned = place[1, head] + (centre + ends - REST[head]) @ world[1, head].T
    np.testing.assert_array_equal(inside_head(world, place, np.stack([turned] * 2))[1], found[0])


def test_trunk_probes_agree_with_palms():
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(60):
        place = [rng.uniform(-0.2, 0.3), rng.uniform(0.95, 1.5), rng.uniform(-0.1, 0.3)]
        motion = reaching(left=place)
        world, joints = forward(
            motion.rotations.astype(float), motion.translation.astype(float), SKELETON.parents, SKELETON.offsets
        )
        palms = [
            joints[:, SKELETON.indices([f"{side}_wrist", f"{side}_middle1"])].mean(axis=1) for side in ("left", "right")
        ]
        found = inside_trunk(world, joints, np.stack(palms, axis=1)).any(axis=1)
        np.testing.assert_array_equal(found, palm_in_trunk(motion))
        seen.append(bool(found[0]))
    assert 5 < sum(seen) < 55


def test_distances_of_segments_against_a_search():
    rng = np.random.default_rng(0)
    ends = rng.normal(size=(4, 50, 3))
    exact = segment_distance(*ends)
    share = np.linspace(0, 1, 60)[:, None, None]
    first = ends[0] + share * (ends[1] - ends[0])
    second = ends[2] + share * (ends[3] - ends[2])
    searched = np.linalg.norm(first[:, None] - second[None], axis=-1).min(axis=(0, 1))
    assert (exact <= searched + 1e-9).all()
    np.testing.assert_allclose(exact, searched, atol=0.05)
    along = np.array([1.0, 0, 0])
    zero = np.zeros(3)
    assert segment_distance(zero, along, zero + [0, 2, 0], along + [0, 2, 0]) == pytest.approx(2.0)  # parallel
    assert segment_distance(zero, along, 3 * along, 4 * along) == pytest.approx(2.0)  # in line
    assert segment_distance(zero, along, along / 2 - [0, 1, 0], along / 2 + [0, 1, 0]) == 0  # crossing


def test_shares_of_frames():
    good, bad = arms(10, []), reaching(left=[0.0, 1.2, 0.0])
    metric, trunk, head = SelfIntersection(), SelfIntersection("trunk"), SelfIntersection("head")
    for one in (metric, trunk, head):
        one.update(good, clip="good")
        one.update(bad, clip="bad")
    assert metric.compute().value == trunk.compute().value == pytest.approx(1 / 11)
    assert head.compute().value == 0
    assert metric.compute().name == "self_intersection_any"
    with pytest.raises(UserError, match="kind must be any"):
        SelfIntersection("feet")
    rig = beat_rig()
    other = Motion(rig, 30.0, np.tile(np.eye(3), (2, len(rig), 1, 1)), np.zeros((2, 3)))
    with pytest.raises(UserError, match="canonical 55-joint"):
        metric.update(other, clip="a")
