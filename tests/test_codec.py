"""The numbers that networks see: there and back, mirrored, and only for motion that fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import ebmdb_rig
from cospeech.core.errors import UserError
from cospeech.motion.codec import BODY_JOINTS, HAND_JOINTS, Codec
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import CANONICAL_NAMES, canonical_skeleton
from format_data import canonical_motion, smooth_rotations

CODEC = Codec()
OTHERS = [i for i in range(55) if i not in CODEC.joints]


def test_slices_cover_every_channel_once():
    columns = np.concatenate([np.arange(CODEC.channels)[part] for part in CODEC.slices.values()])
    assert columns.tolist() == list(range(CODEC.channels))
    assert list(CODEC.slices) == ["body", "hands", "root"]
    assert CODEC.channels == 6 * (len(BODY_JOINTS) + len(HAND_JOINTS)) + 3 == 267


def test_what_is_left_out_is_what_the_docs_say():
    left_out = {CANONICAL_NAMES[i] for i in OTHERS}
    legs = {f"{s}_{p}" for s in ("left", "right") for p in ("hip", "knee", "ankle", "foot")}
    assert left_out == legs | {"jaw", "left_eye", "right_eye"}


def test_there_and_back():
    motion = canonical_motion(50, face=False)
    again = CODEC.decode(CODEC.encode(motion))
    np.testing.assert_allclose(again.rotations[:, CODEC.joints], motion.rotations[:, CODEC.joints], atol=1e-6)
    np.testing.assert_allclose(again.translation, motion.translation, atol=1e-6)
    assert (again.rotations[:, OTHERS] == np.eye(3)).all()
    coded = CODEC.encode(again)
    assert coded.dtype == np.float32
    np.testing.assert_allclose(coded, CODEC.encode(motion), atol=1e-6)


def test_the_rest_pose_is_plain():
    skeleton = canonical_skeleton()
    rest = Motion(skeleton, 30.0, np.tile(np.eye(3), (2, 55, 1, 1)), np.tile(skeleton.offsets[0], (2, 1)))
    coded = CODEC.encode(rest)
    np.testing.assert_array_equal(coded[0, :6], [1, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(coded[:, CODEC.slices["root"]], 0, atol=1e-7)


def test_any_numbers_decode_to_rotations():
    """A network's output is no rotation; what is decoded must be one."""
    noise = np.random.default_rng(0).normal(size=(20, CODEC.channels)).astype(np.float32)
    r = CODEC.decode(noise).rotations.astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(r), 1, atol=1e-5)


def test_mirrored_twice_is_the_same_to_the_bit():
    x = np.random.default_rng(1).normal(size=(3, 7, CODEC.channels)).astype(np.float32)
    np.testing.assert_array_equal(CODEC.mirror(CODEC.mirror(x)), x)
    assert (CODEC.mirror(x) != x).any()


def test_mirroring_numbers_is_mirroring_the_motion():
    motion = canonical_motion(30, seed=3, face=False)
    np.testing.assert_allclose(CODEC.mirror(CODEC.encode(motion)), CODEC.encode(motion.mirror()), atol=1e-6)
    # and a hand on the left is one on the right, at the same height and depth
    decoded = CODEC.decode(CODEC.encode(motion))
    flipped = CODEC.decode(CODEC.mirror(CODEC.encode(motion)))
    left, right = (canonical_skeleton().index(f"{side}_wrist") for side in ("left", "right"))
    expected = decoded.positions[:, left] * [-1, 1, 1]
    np.testing.assert_allclose(flipped.positions[:, right], expected, atol=0.01)


def test_motion_that_does_not_fit_is_refused():
    motion = canonical_motion(10, face=False)
    with pytest.raises(UserError, match="got 60; resample"):
        CODEC.encode(replace(motion, fps=60.0))
    rig = ebmdb_rig()
    other = Motion(rig, 30.0, smooth_rotations(10, len(rig)), np.zeros((10, 3)))
    with pytest.raises(UserError, match="got one of 23 joints; retarget"):
        CODEC.encode(other)


def test_a_smaller_codec_is_as_good():
    small = Codec(body=("pelvis", "left_wrist", "right_wrist"), hands=())
    motion = canonical_motion(10, face=False)
    assert small.channels == 21
    np.testing.assert_allclose(small.encode(small.decode(small.encode(motion))), small.encode(motion), atol=1e-6)
    np.testing.assert_array_equal(small.mirror(small.mirror(small.encode(motion))), small.encode(motion))
