"""The Motion type: mirroring, cutting, resampling, joining."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.motion.motion import Motion, concatenate
from cospeech.motion.procedural.face import ARKIT_NAMES, mirror_face
from format_data import canonical_motion


def test_mirror_is_its_own_inverse_and_swaps_the_sides():
    motion = canonical_motion(12)
    mirrored = motion.mirror()
    names = motion.skeleton.names
    left, right = names.index("left_wrist"), names.index("right_wrist")
    # The canonical body is symmetrical to a millimetre or so, so the mirrored wrist is where it should be.
    np.testing.assert_allclose(mirrored.positions[:, right], motion.positions[:, left] * [-1, 1, 1], atol=0.02)
    back = mirrored.mirror()
    np.testing.assert_allclose(back.rotations, motion.rotations, atol=1e-5)
    np.testing.assert_allclose(back.translation, motion.translation, atol=1e-6)
    np.testing.assert_array_equal(back.face, motion.face)
    assert mirrored.with_face(None).mirror().face is None


def test_a_mirrored_face_winks_with_the_other_eye():
    face = np.zeros((1, 52), np.float32)
    face[0, ARKIT_NAMES.index("eyeBlinkLeft")] = 1.0
    face[0, ARKIT_NAMES.index("mouthRight")] = 0.5
    face[0, ARKIT_NAMES.index("jawOpen")] = 0.25
    other = dict(zip(ARKIT_NAMES, mirror_face(face)[0], strict=True))
    assert {name: float(v) for name, v in other.items() if v} == {
        "eyeBlinkRight": 1.0,
        "mouthLeft": 0.5,
        "jawOpen": 0.25,
    }


@pytest.mark.parametrize("fps", [15.0, 24.0, 60.0, 120.0])
def test_resampling_keeps_the_length_and_the_poses(fps):
    motion = canonical_motion(60)
    other = motion.resample(fps)
    assert other.seconds == pytest.approx(motion.seconds, abs=1 / fps)
    same = other.resample(30.0)
    middle = slice(3, 55)  # the last poses are held, so the ends may differ
    turn = np.swapaxes(same.rotations, -1, -2)[middle] @ motion.rotations[: same.frames][middle]
    angle = np.degrees(np.arccos(np.clip((np.trace(turn, axis1=-2, axis2=-1) - 1) / 2, -1, 1)))
    assert angle.mean() < 1.0


def test_cut_and_join():
    motion = canonical_motion(30)
    parts = [motion.cut(0.0, 0.5), motion.cut(0.5, 1.0)]
    assert [part.frames for part in parts] == [15, 15]
    whole = concatenate(parts)
    np.testing.assert_array_equal(whole.rotations, motion.rotations)
    np.testing.assert_array_equal(whole.face, motion.face)
    with pytest.raises(UserError, match="one frame rate"):
        concatenate([motion, motion.resample(60.0)])


def test_impossible_motions_are_refused():
    motion = canonical_motion(3)
    with pytest.raises(UserError, match=r"rotations must be \[T, 55, 3, 3\]; got \[3, 54, 3, 3\]"):
        Motion(motion.skeleton, 30.0, motion.rotations[:, :54], motion.translation)
    with pytest.raises(UserError, match="not finite"):
        Motion(motion.skeleton, 30.0, motion.rotations * np.nan, motion.translation)
    with pytest.raises(UserError, match="must be positive"):
        Motion(motion.skeleton, 0.0, motion.rotations, motion.translation)
    with pytest.raises(UserError, match="face must be"):
        Motion(motion.skeleton, 30.0, motion.rotations, motion.translation, face=np.zeros((3, 51)))
