"""The mesh of an arm: its weights are harmonic, and it is drawn without gaps and where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.video.warping.arm_mesh import arm_mesh, rasterized
from cospeech.video.warping.layers import LAYERS
from cospeech.video.warping.limb_geometry import along, body_scale, bones, hand, hand_distance
from portrait_data import SIDE, drawn_portrait, figure_points, grid, hand_points


def lattice(step: float, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V, 2] every ``step`` pixels of a picture and beyond, and triangles [N, 3]."""
    columns, rows = int(np.ceil(width / step)) + 1, int(np.ceil(height / step)) + 1
    vertices = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) * float(step)
    at = np.arange(columns * rows).reshape(rows, columns)
    a, b, c, d = (v.ravel() for v in (at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]))
    return vertices, np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])


def centres(at: np.ndarray, width: int) -> np.ndarray:
    return np.stack([at % width, at // width], -1) + 0.5


@pytest.mark.parametrize("step", [0.7, 3, 8, 50, 300])
def test_a_mesh_that_stays_covers_every_pixel_once(step):
    vertices, triangles = lattice(step, 61, 43)
    at, places = rasterized(vertices, vertices, triangles, (61, 43))
    np.testing.assert_array_equal(at, np.arange(61 * 43))
    np.testing.assert_allclose(places, centres(at, 61), atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_places_are_those_that_the_mesh_takes_there(seed):
    """Vertices anywhere, none turned over: what comes from a place is where the mesh takes that place."""
    rng = np.random.default_rng(seed)
    vertices, triangles = lattice(8, 64, 64)
    turn = 0.3 * rng.normal(size=(2, 2)) + np.eye(2)
    driven = (vertices - 32) @ turn.T + 32 + rng.uniform(-2, 2, vertices.shape)
    corners = driven[triangles]
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    if np.linalg.det(turn) < 0.3 or (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).min() <= 0:
        driven = (vertices - 32) * 1.1 + 30 + rng.uniform(-1.5, 1.5, vertices.shape)
    at, places = rasterized(driven, vertices, triangles, (64, 64))
    assert len(np.unique(at)) == len(at) > 500
    # Forward: bilinear shares within the two triangles of a cell.
    cell = np.clip((places // 8).astype(int), 0, 7)
    u, v = (places / 8 - cell).T[:, :, None]
    corner = driven.reshape(9, 9, 2)
    a, b = corner[cell[:, 1], cell[:, 0]], corner[cell[:, 1], cell[:, 0] + 1]
    c, d = corner[cell[:, 1] + 1, cell[:, 0]], corner[cell[:, 1] + 1, cell[:, 0] + 1]
    forward = np.where(u + v <= 1, a + u * (b - a) + v * (c - a), d + (1 - u) * (c - d) + (1 - v) * (b - d))
    np.testing.assert_allclose(forward, centres(at, 64), atol=2e-3)


def test_later_triangles_cover_earlier_ones_and_turned_ones_are_left_out():
    square = np.array([[2.0, 2.0], [12.0, 2.0], [2.0, 12.0]])
    driven = np.concatenate([square, square])
    source = np.concatenate([square, square + 100])
    for triangles, expected in (
        ([[0, 1, 2], [3, 4, 5]], 100.0),
        ([[3, 4, 5], [0, 1, 2]], 0.0),
        ([[0, 1, 2], [3, 5, 4]], 0.0),
    ):
        at, places = rasterized(driven, source, np.array(triangles), (20, 20))
        np.testing.assert_allclose(places - centres(at, 20), expected, atol=1e-3)
        assert len(np.unique(at)) == len(at) >= 45
    assert not len(rasterized(square, square, np.array([[0, 2, 1]]), (20, 20))[0])


def test_a_mesh_outside_the_picture_covers_nothing():
    vertices, triangles = lattice(8, 16, 16)
    for shift in ([1e6, 0.0], [0.0, -1e6], [-40.0, -40.0]):
        at, places = rasterized(vertices + shift, vertices, triangles, (16, 16))
        assert len(at) == len(places) == 0


@pytest.mark.parametrize("pose", ["down", "up", "foreshortened"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_weights_of_a_drawn_arm(pose, side):
    portrait = drawn_portrait(pose)
    mesh, points = portrait.layers.meshes[side], portrait.points
    np.testing.assert_allclose(mesh.weights.sum(1), 1, atol=1e-12)
    for values in (mesh.along, mesh.weights):
        assert values.min() >= -1e-12
        assert values.max() <= 1 + 1e-12
    palm = hand_distance(hand(points, side), mesh.vertices, body_scale(points))
    assert (palm < 1).sum() > 10
    np.testing.assert_allclose(mesh.along[palm < 1], 1)
    np.testing.assert_allclose(mesh.weights[palm < 1], [[0, 0, 1]] * (palm < 1).sum(), atol=1e-12)


@pytest.mark.parametrize("pose", ["down", "up"])
def test_weights_rise_from_the_elbow_to_the_hand(pose):
    portrait = drawn_portrait(pose)
    mesh, points = portrait.layers.meshes["left"], portrait.points
    share, distance = along(bones(points, "left")["lower"], mesh.vertices)
    core = (distance < 7) & (share > 0) & (share < 1)
    assert core.sum() >= 8
    assert np.corrcoef(share[core], mesh.along[core])[0, 1] > 0.9
    held = mesh.along < 1e-6
    assert held.any()
    upper, beside = along(bones(points, "left")["upper"], mesh.vertices)
    assert (beside[held] < 20).all()
    assert (upper[held] < 1.06).all()  # to the elbow


@pytest.mark.parametrize("pose", ["down", "up"])
def test_the_mesh_covers_the_arm(pose):
    layers = drawn_portrait(pose).layers
    for side, mesh in layers.meshes.items():
        at, places = rasterized(mesh.vertices, mesh.vertices, mesh.triangles, layers.size)
        covered = np.zeros(SIDE * SIDE, bool)
        covered[at] = True
        np.testing.assert_allclose(places, grid(SIDE, SIDE).reshape(-1, 2)[at], atol=1e-3)
        assert covered.reshape(SIDE, SIDE)[layers.masks[LAYERS.index(f"{side}_arm")] > 0.05].all()


def test_an_arm_that_is_held_nowhere_goes_with_the_hand():
    """Only the hand is seen: all of the mesh moves with it."""
    points = figure_points()
    points[6:27] = hand_points(np.array([60.0, 200.0]), np.array([0.0, 1.0]))
    mask = (hand_distance(points[6:27], grid(SIDE, SIDE), body_scale(points)) < 1).astype(float)
    mesh = arm_mesh(mask, points, "left", body_scale(points))
    np.testing.assert_array_equal(mesh.along, 1)
    np.testing.assert_allclose(mesh.weights, [[0, 0, 1]] * len(mesh.vertices))
