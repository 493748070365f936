"""The rasteriser: coverage, depth, interpolation, no gaps between neighbours."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cospeech.avatar.light import cast_shadow
from cospeech.avatar.raster import plane_coefficients, resolve, visibility

FACE = np.array([[0, 1, 2]])


def test_coverage_of_a_known_triangle():
    points = np.array([[0, 0, 1], [8, 0, 1], [0, 8, 1]], np.float32)
    ids = visibility(points, FACE, 10, 10)
    x, y = np.meshgrid(np.arange(10) + 0.5, np.arange(10) + 0.5)
    inside = (x + y < 8) & (x < 8)
    np.testing.assert_array_equal(ids == 0, inside)
    assert (ids[~inside] == -1).all()


def test_triangles_that_face_away_are_dropped():
    points = np.array([[0, 0, 1], [0, 8, 1], [8, 0, 1]], np.float32)
    assert (visibility(points, FACE, 10, 10) == -1).all()


def test_the_nearer_triangle_wins_in_either_order():
    square = np.array([[0, 0], [8, 0], [0, 8]], np.float32)
    near = np.c_[square, [1, 1, 1]]
    far = np.c_[square, [2, 2, 2]]
    points = np.concatenate([near, far]).astype(np.float32)
    for faces in (np.array([[0, 1, 2], [3, 4, 5]]), np.array([[3, 4, 5], [0, 1, 2]])):
        ids = visibility(points, faces, 8, 8)
        winner = int(np.flatnonzero(faces[:, 0] == 0)[0])
        assert set(np.unique(ids)) == {-1, winner}


def test_crossing_triangles_split_where_they_cross():
    points = np.array([[0, 0, 0], [16, 0, 2], [0, 16, 0], [0, 0, 1], [16, 0, 1], [0, 16, 1]], np.float32)
    ids = visibility(points, np.array([[0, 1, 2], [3, 4, 5]]), 16, 16)
    assert (ids[0, :8] == 0).all()
    assert (ids[0, 8:15] == 1).all()


def test_outside_the_picture_is_cut():
    points = np.array([[-50, -50, 1], [100, -50, 1], [-50, 100, 1]], np.float32)
    assert (visibility(points, FACE, 8, 6) == 0).all()
    assert (visibility(points + [500, 0, 0], FACE, 8, 6) == -1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_a_fan_covers_without_gap_or_overlap(seed):
    """Triangles round a point cover exactly what they cover together, wherever the point lies."""
    rng = np.random.default_rng(seed)
    rim = np.array([[2, 2], [29, 2], [29, 29], [2, 29]], float)
    points = np.concatenate([rng.uniform(6, 26, (1, 2)), rim])
    points = np.c_[points, np.ones(5)].astype(np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1]])
    whole = visibility(points, faces, 32, 32)
    assert (whole >= 0).sum() == 27 * 27
    parts = sum((visibility(points, face[None], 32, 32) >= 0).sum() for face in faces)
    assert parts == 27 * 27


def test_values_are_linear_across_a_triangle():
    points = np.array([[1, 1, 1], [30, 3, 1], [5, 29, 1]], np.float32)
    values = (points[:, :2] @ np.array([[0.5, 2.0], [1.0, -1.0]]) + [3, 40]).astype(np.float32)
    plane = plane_coefficients(points, FACE, values)
    np.testing.assert_allclose(plane[0, 1], [0.5, 2.0], atol=1e-4)
    np.testing.assert_allclose(plane[0, 2], [1.0, -1.0], atol=1e-4)


def test_resolve_counts_samples():
    """A pixel half covered is half picture, half background."""
    points = np.array([[0, 0, 1], [5, 0, 1], [5, 8, 1], [0, 8, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    ids = visibility(points, faces, 8, 8)
    picture = np.zeros((4, 4, 3), np.float32)
    resolve(ids, points, faces, np.full((4, 3), 100, np.float32), picture)
    np.testing.assert_allclose(picture[:, :, 0], [[100, 100, 50, 0]] * 4, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_resolve_is_the_mean_of_four_samples(seed):
    """Whichever samples of a pixel see the same triangle, and whatever else it sees."""
    rng = np.random.default_rng(seed)
    points = np.c_[rng.uniform(-4, 36, (24, 2)), rng.uniform(1, 2, 24)].astype(np.float32)
    faces, values = np.arange(24).reshape(8, 3), rng.uniform(0, 200, (24, 3)).astype(np.float32)
    faces = np.concatenate([faces, faces[:, ::-1]])
    ids = visibility(points, faces, 32, 32)
    picture = np.full((16, 16, 3), 50, np.float32)
    resolve(ids, points, faces, values, picture)
    plane = plane_coefficients(points, faces, values).astype(np.float64)
    y, x = np.mgrid[:32, :32] + 0.5
    offset = np.stack([x, y], -1) - points[faces[ids, 0], :2]
    samples = plane[ids, 0] + plane[ids, 1] * offset[..., :1] + plane[ids, 2] * offset[..., 1:]
    samples = np.where(ids[..., None] < 0, 50, np.clip(samples, values.min(0), values.max(0)))
    expected = samples.reshape(16, 2, 16, 2, 3).mean((1, 3))
    np.testing.assert_allclose(picture, expected, atol=0.5)


def test_nothing_to_draw():
    points = np.zeros((3, 3), np.float32)
    assert (visibility(points, FACE, 4, 4) == -1).all()


def test_large_triangles_cast_no_shadow_on_themselves():
    """A barrel of long triangles, lit from above and aside: what faces the light is all in it."""
    around, along = np.meshgrid(np.linspace(0, 2 * np.pi, 24, endpoint=False), np.linspace(0.8, 1.4, 3))
    normals = np.stack([np.sin(around), np.zeros(around.shape), np.cos(around)], -1).reshape(-1, 3).astype(np.float32)
    points = (0.16 * normals + along.reshape(-1, 1) * [0, 1, 0]).astype(np.float32)
    low = np.arange(48).reshape(2, 24)
    beside = np.roll(low, -1, axis=1)
    triangles = np.concatenate(
        [np.stack(c, -1).reshape(-1, 3) for c in ((low, beside, beside + 24), (low, beside + 24, low + 24))]
    )
    light = np.array([0.3, 0.75, 0.59], np.float32)
    light /= np.linalg.norm(light)
    shadow = cast_shadow(triangles, points, normals, light)
    facing = normals @ light
    assert (facing > 0.4).sum() > 15
    assert shadow[facing > 0.4].max() == 0
    assert shadow[(facing < -0.4) & (points[:, 1] < 1)].mean() > 0.5  # behind it, low in the open barrel
