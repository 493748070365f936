"""Heads in depth: which way places move when a head turns or nods, that nothing folds, and that rest is rest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.motion.points import CHIN, FACE_SLICE
from cospeech.video.detection import detector
from cospeech.video.detection.face_mesh import MESH, MESH_SIZE
from cospeech.video.detection.holistic import face_in
from cospeech.video.detection.regions import Region
from cospeech.video.driving.head_shape import head_depth
from cospeech.video.driving.heads import turned
from cospeech.video.driving.portrait_fit import default_face, fit
from cospeech.video.films.portrait import open_portrait, portrait_of
from cospeech.video.warping.body_map import BodyMap, body_map
from cospeech.video.warping.head_depth import NARROWEST, STEEPEST, HeadDepth
from cospeech.video.warping.layer_warp import draw
from portrait_data import drawn_portrait
from video_data import openpose, person, write_picture

SIZE = (512, 512)
PIXELS = 700.0  # of a metre
EARS, NOSE = (0, 16), 30
LIMIT = np.radians(17)  # that heads turn at most in films
LEFT, DOWN = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)  # axes of turns to the person's left and of nods


def points_of(turn: np.ndarray | None = None) -> np.ndarray:
    """[116, 2] of a person with the default person's face, which may look aside."""
    face = default_face().neutral @ (np.eye(3) if turn is None else turn).T
    points = person()
    points[FACE_SLICE] = face[:, :2] * [PIXELS, -PIXELS] + [256, 150]
    return points


def moved(points: np.ndarray, angles: np.ndarray, head: HeadDepth | None = None) -> np.ndarray:
    """The same with the head turned by an axis times an angle [3], radians."""
    who = fit(points, np.ones(116), SIZE, None if head is None else head.depth)
    result = points.copy()
    result[FACE_SLICE] = turned(who, axis_angle_to_matrix(np.asarray(angles)[None]), None)[0]
    return result


def mapped(points: np.ndarray, angles: np.ndarray, head: HeadDepth) -> BodyMap:
    return body_map(points, moved(points, angles, head), SIZE, (), head)


def mesh_of(points: np.ndarray, head: HeadDepth | None = None) -> np.ndarray:
    """A mesh [468, 3] over a face, as deep as a head."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(3), MESH_SIZE)
    mesh = (points[FACE_SLICE][rng.integers(0, 68, (MESH_SIZE, 3))] * shares[..., None]).sum(1)
    mesh[list(MESH)] = points[FACE_SLICE]
    depth = np.zeros((MESH_SIZE, 1)) if head is None else head.at(mesh)
    return np.concatenate([mesh, depth], 1)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("axis", "along"), [(LEFT, 0), (DOWN, 1)])
def test_the_nose_moves_further_than_the_ears(axis, along, sign):
    points = points_of()
    head = head_depth(points)
    face = points[FACE_SLICE]
    places = np.concatenate([face[[NOSE, *EARS]], [[256.0, 150 - 0.16 * PIXELS]]])
    after = mapped(points, sign * 0.2 * np.array(axis), head).forward(places)
    nose, *ears, crown = sign * (after - places)[:, along]
    assert nose > 0.15 * 0.12 * PIXELS  # the tip is 12 cm before the joint
    assert all(nose > 1.5 * abs(ear) for ear in ears)
    assert nose > 1.2 * abs(crown)


def test_landmarks_go_where_they_are_driven():
    points = points_of()
    head = head_depth(points)
    driven = moved(points, np.array([0.1, 0.2, 0.1]), head)
    after = body_map(points, driven, SIZE, (), head).forward(points[FACE_SLICE])
    assert np.abs(after - driven[FACE_SLICE]).max() < 1.5  # of 100 that a face is high


@pytest.mark.parametrize("aside", [0.0, 0.3])
def test_nothing_folds_within_the_limits(aside):
    points = points_of(axis_angle_to_matrix(np.array([0.0, aside, 0.0])))
    head = head_depth(points)
    step = 2.0
    x, y = np.meshgrid(np.arange(120, 392, step), np.arange(10, 260, step))
    for way in np.linspace(0, 2 * np.pi, 8, endpoint=False):
        angles = LIMIT * np.array([np.sin(way), np.cos(way), 0.3])
        came = mapped(points, angles, head)(np.stack([x, y], -1).reshape(-1, 2)).reshape(*x.shape, 2)
        across, down = np.gradient(came, step, axis=1), np.gradient(came, step, axis=0)
        area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        assert area.min() > 0.1
        assert area.max() < 5  # what turns away is compressed no further


def test_a_turn_beyond_the_limits_is_limited():
    points = points_of()
    head = head_depth(points)
    small, large = (head.parallax(moved(points, [0, angle, 0], head)[FACE_SLICE]) for angle in (0.2, 0.8))
    np.testing.assert_allclose(small, [np.tan(0.2), 0], atol=1e-3)
    assert np.hypot(*large) == pytest.approx((1 - NARROWEST) / STEEPEST)


def test_depth_is_smooth_and_ends_within_its_grid():
    for points in (points_of(), points_of() * 2, points_of() / 4):
        head = head_depth(points)
        grid = head.grid[..., 0].astype(float)
        slopes = np.gradient(grid, head.cell)
        assert np.hypot(*slopes).max() < 1.1 * STEEPEST
        assert not any(edge.any() for edge in (grid[0], grid[-1], grid[:, 0], grid[:, -1]))
        assert not head.at(points[:48]).any()  # shoulders and arms stay
        assert head.at(points[FACE_SLICE])[NOSE, 0] == grid.max() or grid.max() > head.at(points[FACE_SLICE]).max()


def test_backward_undoes_forward():
    points = points_of()
    head = head_depth(points)
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.uniform(0, 512, (4000, 2)), points])
    for way in ([0.3, 0.0], [-0.1, 0.25], [0.0, -0.3]):
        back = head.backward(head.forward(places, np.array(way)), np.array(way))
        assert np.abs(back - places).max() < 0.05


def test_at_rest_the_picture_is_the_portrait():
    portrait = drawn_portrait()
    assert portrait.layers.head is not None
    assert np.abs(portrait.layers.head.parallax(portrait.points[FACE_SLICE])).max() < 1e-6
    shown = np.round(draw(portrait.layers, portrait.points).picture * 255)
    assert (np.abs(shown - portrait.picture).max(-1) > 25).mean() < 0.002


def test_a_mesh_says_how_deep_its_own_face_is():
    points = points_of()
    generic = head_depth(points)
    mesh = mesh_of(points, generic) + [0, 0, 100.0]  # a mesh is as far as it likes
    same = head_depth(points, mesh)
    assert np.abs(same.depth - generic.depth).max() < 0.15 * np.ptp(generic.depth)
    nose = points[FACE_SLICE][[NOSE]]
    near = np.linalg.norm(mesh[:, :2] - nose, axis=1)
    mesh[:, 2] += 20.0 * np.exp(-((near / 25) ** 2))
    longer = head_depth(points, mesh)
    above = [head.depth[NOSE] - head.depth[list(EARS)].mean() for head in (same, longer)]
    assert 10 < above[1] - above[0] < 21
    angles = 0.2 * np.array(LEFT)
    far, further = (mapped(points, angles, head).forward(nose)[0, 0] for head in (same, longer))
    assert further - far > 0.15 * 10.0


def test_a_mesh_goes_with_its_picture():
    portrait = drawn_portrait()
    mesh = mesh_of(portrait.points, portrait.head)
    half = portrait_of(portrait.picture, portrait.points, portrait.confidence, None, 128, mesh=mesh)
    np.testing.assert_allclose(half.mesh, mesh / 2)
    np.testing.assert_allclose(half.mesh[list(MESH), :2], half.points[FACE_SLICE])


def test_files_of_points_without_a_mesh_work(tmp_path, monkeypatch):
    monkeypatch.setenv("COSPEECH_HOME", str(tmp_path / "nothing is set up"))
    points = points_of()
    write_picture(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(json.dumps({"people": [openpose(points, np.ones(116))]}))
    portrait = open_portrait(tmp_path / "a.png", points=tmp_path / "a.json", size=256)
    assert portrait.mesh is None
    assert np.isfinite(draw(portrait.layers, moved(points, [0, 0.2, 0]) / 2).picture).all()


def test_the_network_of_faces_gives_depth():
    class Stub:
        def run(self, name: str, picture: np.ndarray) -> list[np.ndarray]:
            mesh = np.full((MESH_SIZE, 3), 96.0)
            mesh[4] = 96, 48, -48.0  # towards the viewer
            return [mesh, np.array([9.0])]

    found = face_in(Stub(), np.zeros((400, 400, 3), np.uint8), Region(200.0, 200.0, 192.0 * 2, 192.0 * 2))
    np.testing.assert_allclose(found[4], [200, 104, 96])
    np.testing.assert_allclose(found[5], [200, 200, -192])
    assert found[CHIN].shape == (3,)


@pytest.mark.parametrize("mesh", [np.zeros((68, 3)), np.full((MESH_SIZE, 3), np.nan)])
def test_a_damaged_mesh_is_not_used(mesh):
    good = {
        "points": np.zeros((1, 116, 2)),
        "confidence": np.ones((1, 116)),
        "people": np.ones(1),
        "size": np.array([8, 8]),
        "fps": np.array(0.0),
    }
    assert detector._has_shapes({**good, "mesh": np.zeros((MESH_SIZE, 3))})
    assert not detector._has_shapes({**good, "mesh": mesh})
