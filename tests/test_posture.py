"""Standing and sitting: the upper body stays as it was in the world, the feet stay on the floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.core.rotation import axis_rotation, euler_to_matrix
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.posture import distribute_spine, seat, stand
from cospeech.motion.skeleton import canonical_skeleton
from format_data import canonical_motion

SKELETON = canonical_skeleton()
UPPER = [i for i in range(55) if i == SKELETON.index("spine3")]
for _joint, _parent in enumerate(SKELETON.parents):
    if _parent in UPPER:
        UPPER.append(_joint)
ANKLES = SKELETON.indices(["left_ankle", "right_ankle"])


def swaying(seconds: float = 6.0, *, degrees: float = 14.0, seed: int = 0) -> Motion:
    """A person who gestures and leans to all sides meanwhile, seen from the world."""
    motion = gesturing(seconds, seed=seed)
    time = np.arange(motion.frames) / 30
    angles = np.deg2rad(degrees) * np.stack([np.sin(time * 1.3), np.sin(time * 0.7), np.sin(time * 1.9)], -1)
    rotations = motion.rotations.copy()
    rotations[:, 0] = euler_to_matrix(angles, "XYZ")
    return replace(motion, rotations=rotations, face=np.zeros((motion.frames, 52)), extra={"kept": 1})


def degrees_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles by the chord, which float32 tells well (the arc cosine does not)."""
    chord = np.linalg.norm(a.astype(np.float64) - b, axis=(-2, -1)) / (2 * np.sqrt(2))
    return np.rad2deg(2 * np.arcsin(np.clip(chord, 0, 1)))


def world(motion: Motion) -> np.ndarray:
    return global_rotations(motion.rotations.astype(np.float64), SKELETON.parents)


@pytest.mark.parametrize("pose", [stand, seat])
@pytest.mark.parametrize("motion", [swaying(), canonical_motion(60, seed=4)], ids=["swaying", "wild"])
def test_everything_from_the_chest_up_keeps_its_place_in_the_world(pose, motion):
    assert len(UPPER) == 55 - 11  # all but the pelvis, two of the spine and the legs
    change = degrees_between(world(pose(motion))[:, UPPER], world(motion)[:, UPPER])
    assert change.max() < 0.01
    posed = pose(motion)
    assert posed.frames == motion.frames
    assert posed.face is motion.face
    assert posed.extra is motion.extra


@pytest.mark.parametrize("seed", range(3))
def test_feet_stay_where_they_are_while_the_body_sways(seed):
    standing = stand(swaying(seed=seed))
    ankles = standing.positions[:, ANKLES].astype(np.float64)
    assert np.abs(ankles - SKELETON.rest_positions[ANKLES]).max() < 1e-3
    feet = world(standing)[:, SKELETON.indices(["left_ankle", "right_ankle", "left_foot", "right_foot"])]
    assert degrees_between(feet, np.eye(3)).max() < 0.01  # level, straight ahead
    assert np.ptp(standing.translation[:, [0, 2]], axis=0).max() > 0.01  # and the body does sway


def test_the_weight_stays_above_the_feet():
    """The pelvis gives way to the other side when the chest leans."""
    motion = swaying()
    lean = np.deg2rad(20)
    for axis, angle, direction in (("Z", -lean, 0), ("X", lean, 2)):
        rotations = motion.rotations.copy()
        rotations[:, 0] = axis_rotation(axis, angle)
        standing = stand(replace(motion, rotations=rotations))
        chest = standing.positions[:, SKELETON.index("neck"), direction].mean()
        pelvis = (standing.translation - SKELETON.offsets[0])[:, direction].mean()
        assert chest > 0.02
        assert -0.05 < pelvis < -0.005


@pytest.mark.parametrize("pose", [stand, seat])
def test_knees_bend_forward(pose):
    posed = pose(swaying())
    for side in ("left", "right"):
        hip, knee, ankle = (
            posed.positions[:, SKELETON.index(f"{side}_{part}")].astype(np.float64) for part in ("hip", "knee", "ankle")
        )
        line = (ankle - hip) / np.linalg.norm(ankle - hip, axis=-1, keepdims=True)
        out = (knee - hip) - line * ((knee - hip) * line).sum(-1, keepdims=True)
        assert out[:, 2].min() > 0.005  # metres, +z is forward
        assert np.abs(out[:, 0]).max() < np.abs(out[:, 2]).min()  # forward rather than to a side


def test_a_seated_person_sits():
    seated = seat(swaying())
    np.testing.assert_array_equal(seated.translation, np.broadcast_to(seated.translation[0], (180, 3)))
    assert 0.4 < seated.translation[0, 1] < 0.55
    assert degrees_between(world(seated)[:, 0], np.eye(3)).max() < 0.01  # a still pelvis
    ankles = seated.positions[:, ANKLES].astype(np.float64)
    assert np.ptp(ankles, axis=0).max() < 1e-3
    assert np.abs(ankles[..., 1] - SKELETON.rest_positions[ANKLES, 1]).max() < 1e-3
    for side in ("left", "right"):
        hip, knee = (seated.positions[:, SKELETON.index(f"{side}_{part}"), :] for part in ("hip", "knee"))
        thigh = knee - hip
        slope = np.rad2deg(np.arcsin(thigh[:, 1] / np.linalg.norm(thigh, axis=-1)))
        assert np.abs(slope).max() < 20
        assert thigh[:, 2].min() > 0.3


@pytest.mark.parametrize("pose", [stand, seat])
def test_posing_twice_changes_nothing_more(pose):
    once = pose(swaying())
    twice = pose(once)
    np.testing.assert_allclose(twice.rotations, once.rotations, atol=1e-5)
    np.testing.assert_allclose(twice.translation, once.translation, atol=1e-5)
    back = stand(seat(once)) if pose is stand else once
    np.testing.assert_allclose(back.rotations, once.rotations, atol=1e-5)


def test_the_spines_parts_add_up_to_the_chest():
    chest = world(swaying(degrees=30))[:, SKELETON.index("spine3")]
    parts = distribute_spine(chest)
    assert list(parts) == ["pelvis", "spine1", "spine2", "spine3"]
    product = parts["pelvis"] @ parts["spine1"] @ parts["spine2"] @ parts["spine3"]
    assert degrees_between(product, chest).max() < 1e-3
    pelvis = degrees_between(parts["pelvis"], np.eye(3))
    assert pelvis.max() < 0.3 * degrees_between(chest, np.eye(3)).max()


@pytest.mark.parametrize("pose", [stand, seat])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_few_frames_are_enough(pose, frames):
    assert pose(swaying()[:frames]).frames == frames


def test_a_far_lean_neither_breaks_nor_lifts_the_feet():
    motion = swaying()
    rotations = motion.rotations.copy()
    rotations[:, 0] = axis_rotation("X", np.linspace(0, np.deg2rad(60), motion.frames))
    standing = stand(replace(motion, rotations=rotations))
    ankles = standing.positions[:, ANKLES].astype(np.float64)
    assert np.abs(ankles - SKELETON.rest_positions[ANKLES]).max() < 1e-3
