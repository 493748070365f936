"""The 116 keypoints of the default person: on the right features and sides, moving with the face."""

from dataclasses import replace

import numpy as np
import pytest

from cospeech.avatar.body import LEVELS, load_body
from cospeech.avatar.camera import Camera
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.motion.motion import Motion
from cospeech.motion.points import BODY_POINTS, FACE_MIRROR, POINTS
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.skeleton import CANONICAL_NAMES, canonical_skeleton
from cospeech.video.driving.landmarks import landmarks_3d, landmarks_of, project

LEFT = [k for k, name in enumerate(BODY_POINTS) if name.startswith("left")]
RIGHT = [BODY_POINTS.index("right" + BODY_POINTS[k][4:]) for k in LEFT]


def t_pose(*faces):
    """One frame for every face."""
    weights = np.zeros((len(faces), 52))
    for frame, face in enumerate(faces):
        for name, amount in face.items():
            weights[frame, ARKIT_NAMES.index(name)] = amount
    skeleton = canonical_skeleton()
    turns = np.tile(np.eye(3), (len(faces), len(skeleton), 1, 1))
    return Motion(skeleton, 30, turns, np.tile(skeleton.offsets[0], (len(faces), 1)), weights)


@pytest.fixture(params=LEVELS)
def level(request):
    return request.param


def test_sides_mirror(level):
    points = landmarks_of(t_pose({}), level=level)[0]
    flip = np.array([-1, 1, 1])
    assert (points[LEFT, 0] > 0).all()  # the person faces +z, its left is +x
    np.testing.assert_allclose(points[LEFT], points[RIGHT] * flip, atol=0.008)
    face = points[48:]
    np.testing.assert_allclose(face, face[list(FACE_MIRROR)] * flip, atol=0.004)
    assert face[0, 0] < -0.06 < 0.06 < face[16, 0]


def test_features_stand_in_order(level):
    face = landmarks_of(t_pose({}), level=level)[0, 48:]
    height = face[:, 1]
    order = [face[17:27], face[36:48], face[30:31], face[31:36], face[48:55], face[55:60], face[8:9]]
    means = [part[:, 1].mean() for part in order]
    assert (np.diff(means) < -0.003).all()
    assert height[8] == height.min()  # the chin
    assert face[30, 2] == face[:, 2].max()  # the tip of the nose
    assert (np.diff(face[:17, 0]) > 0).all()
    assert (np.diff(face[48:55, 0]) > 0).all()
    assert (np.diff(face[54:60, 0]) < 0).all()
    steps = np.linalg.norm(np.diff(face[:17, :2], axis=0), axis=1)
    assert steps.max() < 1.25 * steps.min()


def test_mouth_opens(level):
    shut, opened = landmarks_of(t_pose({}, {"jawOpen": 0.7}), level=level)[:, 48:]
    gap = np.linalg.norm(shut[[61, 62, 63]] - shut[[67, 66, 65]], axis=1)
    wide = np.linalg.norm(opened[[61, 62, 63]] - opened[[67, 66, 65]], axis=1)
    assert (gap < 0.004).all()
    assert (wide > 0.009).all()
    assert np.linalg.norm(opened - shut, axis=1)[[*range(27, 31), *range(36, 48)]].max() < 0.001
    assert shut[8, 1] - opened[8, 1] > 0.005


def test_eyes_shut(level):
    opened, shut = landmarks_of(t_pose({}, {"eyeBlinkLeft": 1.0}), level=level)[:, 48:]
    upper, lower = [43, 44], [47, 46]  # the person's left eye
    assert (opened[upper, 1] - opened[lower, 1] > 0.006).all()
    assert (np.abs(shut[upper, 1] - shut[lower, 1]) < 0.003).all()
    np.testing.assert_allclose(shut[36:42], opened[36:42], atol=1e-6)


def test_finger_tips_follow_the_fingers(level):
    motion = t_pose({}, {})
    bent = CANONICAL_NAMES.index("left_index3")
    motion.rotations[1, bent] = axis_angle_to_matrix(np.array([0, 0, -np.pi / 2]))
    straight, curled = landmarks_of(motion, level=level)
    tip, joint = (POINTS.index(f"left_index{k}") for k in (4, 3))
    assert 0.015 < np.linalg.norm(straight[tip] - straight[joint]) < 0.035
    assert curled[joint, 1] - curled[tip, 1] > 0.012
    others = [k for k in range(116) if k != tip]
    np.testing.assert_allclose(curled[others], straight[others], atol=1e-6)


def test_levels_agree():
    motion = t_pose({}, {"jawOpen": 1.0, "eyeBlinkLeft": 0.5, "mouthSmileLeft": 1.0})
    distance = np.linalg.norm(landmarks_of(motion, level=0) - landmarks_of(motion, level=1), axis=-1)
    assert distance.mean() < 0.0006
    assert distance.max() < 0.004


def test_projected_to_pixels():
    points = landmarks_of(t_pose({}))
    camera = Camera((0.0, 1.3, 0.0), 4.0, 2.0)
    pixels = project(points, camera, 300, 200)
    assert pixels.shape == (1, 116, 2)
    assert pixels[0, POINTS.index("left_wrist"), 0] > 150 > pixels[0, POINTS.index("right_wrist"), 0]
    assert pixels[0, POINTS.index("face_8"), 1] > pixels[0, POINTS.index("face_27"), 1]  # y is down


def test_other_bodies_are_refused():
    body = load_body(1)
    short = replace(body, vertices=body.vertices[:-1])
    with pytest.raises(UserError, match=f"one of {len(body) - 1}"):
        landmarks_3d(short, body.vertices[None], body.joint_positions[None])
