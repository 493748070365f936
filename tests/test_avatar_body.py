"""The default person's mesh: valid, bound to the canonical skeleton, small."""

import numpy as np
import pytest

from cospeech.avatar.body import ASSETS, LEVELS, load_body, vertex_normals
from cospeech.core.errors import UserError
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.skeleton import MIRROR, canonical_skeleton


@pytest.fixture(params=LEVELS)
def body(request):
    return load_body(request.param)


def test_mesh_is_valid(body):
    count = len(body)
    assert body.triangles.min() == 0
    assert body.triangles.max() == count - 1
    a, b, c = body.triangles.T
    assert ((a != b) & (b != c) & (c != a)).all()
    assert np.isfinite(body.vertices).all()
    np.testing.assert_allclose(np.linalg.norm(body.normals, axis=1), 1, atol=1e-3)


def test_weights_sum_to_one(body):
    assert body.joints.shape == body.weights.shape == (len(body), 4)
    assert body.joints.max() < 55
    assert (body.weights >= 0).all()
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-5)


def test_levels():
    full, light = load_body(0), load_body(1)
    assert len(light) < 0.6 * len(full) < 0.6 * 14_500
    with pytest.raises(UserError, match="levels 0 and 1"):
        load_body(7)


def test_assets_are_small():
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < 6e6


def test_bound_to_the_canonical_skeleton(body):
    np.testing.assert_allclose(body.joint_positions, canonical_skeleton().rest_positions, atol=1e-4)


def test_skeleton_is_symmetric(body):
    flipped = body.joint_positions[list(MIRROR)] * [-1, 1, 1]
    np.testing.assert_allclose(flipped, body.joint_positions, atol=1e-4)


def test_stands_on_the_floor_in_t_pose(body):
    low, high = body.vertices.min(0), body.vertices.max(0)
    assert abs(low[1]) < 0.003
    assert 1.70 < high[1] < 1.80
    assert 1.5 < high[0] - low[0] < 2.0  # arms spread
    np.testing.assert_allclose(high[0], -low[0], atol=0.02)


def test_mesh_is_roughly_symmetric(body):
    """Every vertex of the left hand has one near its mirror image on the right."""
    hand = body.vertices[body.vertices[:, 0] > 0.7] * [-1, 1, 1]
    other = body.vertices[body.vertices[:, 0] < -0.65]
    distance = np.sqrt(((hand[:, None] - other[None]) ** 2).sum(-1)).min(1)
    assert np.quantile(distance, 0.9) < 0.008


def test_triangles_face_outwards(body):
    """The mesh encloses a volume like a person's (divergence theorem), so faces are not inside out."""
    a, b, c = (body.vertices[body.triangles[:, k]] for k in range(3))
    volume = np.einsum("fa,fa->", a, np.cross(b, c)) / 6
    assert 0.03 < volume < 0.15


def test_colours(body):
    for values in (body.colours, body.occlusion, body.shine, body.softness, body.baked_colours):
        assert values.min() >= 0
        assert values.max() <= 1


def test_shapes(body):
    assert set(body.morphs.names) == set(ARKIT_NAMES)
    for index, delta in zip(body.morphs.indices, body.morphs.deltas, strict=True):
        assert len(index) == len(delta) > 0
        assert index.max() < len(body)
        assert np.abs(delta).max() < 0.05
    tracked = body.vertices[body.morphs.moved]
    assert tracked[:, 1].min() > 1.4  # faces only


def test_eyes_are_rigid(body):
    for joint, name in ((23, "Left"), (24, "Right")):
        ball = (body.joints[:, 0] == joint) & (body.weights[:, 0] > 0.99)
        assert ball.sum() > 50
        blink = body.morphs.names.index(f"eyeBlink{name}")
        assert not set(np.flatnonzero(ball)) & set(body.morphs.indices[blink].tolist())


def test_normals_of_a_known_mesh():
    points = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], np.float32)
    normals = vertex_normals(points, np.array([[0, 1, 2]], np.int32))
    np.testing.assert_allclose(normals[0, :3], [[0, 0, 1]] * 3, atol=1e-6)
