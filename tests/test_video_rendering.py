"""Synthetic people: keypoints and parts lie where they should, and an appearance gives one picture."""

from dataclasses import replace

import numpy as np
import pytest

from cospeech.avatar.body import load_body
from cospeech.avatar.camera import Camera
from cospeech.avatar.light import STUDIO, light_vertices
from cospeech.avatar.pose import pose_vertices
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.motion.motion import Motion
from cospeech.motion.points import POINTS
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.video.synthetic.appearance import STYLES, Appearance, Clothing, Hair, View, random_appearance
from cospeech.video.synthetic.figure import HAIR, make_figure, regions
from cospeech.video.synthetic.poses import far_apart, random_face, random_fingers
from cospeech.video.synthetic.rendering import light_of, render_person


def arms_down(frames=2, face=None):
    """Upper arms hang, forearms lift before the body with the palms apart."""
    skeleton = canonical_skeleton()
    turns = np.tile(np.eye(3), (frames, len(skeleton), 1, 1))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        turns[:, skeleton.index(f"{side}_shoulder")] = axis_angle_to_matrix(np.array([0, 0, sign * 1.2]))
        turns[:, skeleton.index(f"{side}_elbow")] = axis_angle_to_matrix(np.array([0, sign * 1.3, 0.0]))
    return Motion(skeleton, 30, turns, np.tile(skeleton.offsets[0], (frames, 1)), face)


def at(film, name, frame=0):
    """Row and column of a point."""
    x, y = film.points[frame, POINTS.index(name)]
    return int(y), int(x)


@pytest.fixture(scope="module")
def appearances():
    return [random_appearance(np.random.default_rng([9, k])) for k in range(8)]


@pytest.fixture(scope="module")
def films(appearances):
    return [render_person(appearance, arms_down(1), size=128) for appearance in appearances]


def test_film_is_as_described(films):
    film = films[0]
    assert film.frames.shape == (1, 128, 128, 3)
    assert film.frames.dtype == film.mask.dtype == film.parts.dtype == np.uint8
    assert film.points.shape == (1, 116, 2)
    assert set(np.unique(film.parts)) == set(range(9))
    assert ((film.mask >= 127) == (film.parts > 0)).mean() > 0.999


def test_points_lie_on_the_person(films):
    for film in films:
        seen = film.confidence[0] > 0
        x, y = film.points[0, seen].astype(int).T
        assert seen.mean() > 0.8
        assert (film.mask[0][y, x] > 0).mean() > 0.95


def test_points_agree_with_parts(films):
    """Joints in the middle of a limb, where the forearm hides nothing."""
    wanted = {
        "left_middle1": 5,
        "right_middle1": 8,
        "left_wrist": (4, 5),
        "right_wrist": (7, 8),
        "face_30": 2,
        "face_57": 2,
    }
    for name, part in wanted.items():
        right = [film.parts[0][at(film, name)] in np.atleast_1d(part) for film in films]
        assert np.mean(right) > 0.8, name


def test_left_is_at_the_right_of_the_picture(films):
    for film in films:
        for part in ("shoulder", "wrist", "middle3"):
            assert at(film, f"left_{part}")[1] > at(film, f"right_{part}")[1]
        columns = [np.flatnonzero((film.parts[0] == part).any(0)).mean() for part in (5, 8)]
        assert columns[0] > columns[1]


def test_framed_as_a_portrait(films):
    for film in films:
        left, right = (film.points[0, POINTS.index(f"{side}_shoulder")] for side in ("left", "right"))
        assert 0.24 < (left - right)[0] / 128 < 0.46
        assert abs((left + right)[0] / 256 - 0.5) < 0.12
        assert film.mask[0, :1].max() == 0  # the hair is not cut
        assert film.mask[0, -1].max() == 255


def test_mouth_opens_in_the_picture():
    face = np.zeros((2, 52))
    face[1, ARKIT_NAMES.index("jawOpen")] = 0.8
    film = render_person(Appearance(), arms_down(2, face), size=256)
    gap = [np.linalg.norm(np.subtract(*film.points[k][[48 + 62, 48 + 66]])) for k in (0, 1)]
    assert gap[0] < 1.5
    assert gap[1] > 3.0
    x, y = film.points[1][[48 + 62, 48 + 66]].mean(0).astype(int)
    assert film.frames[1, y, x].mean() < 0.8 * film.frames[0, y, x].mean()  # the mouth's inside is dark


def test_the_same_appearance_gives_the_same_picture():
    first, again, other = (
        render_person(random_appearance(np.random.default_rng(seed)), arms_down(1), size=96) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.points, again.points)
    assert np.abs(first.frames.astype(int) - other.frames).mean() > 20


def test_appearances_differ(films):
    tones = np.array([film.frames[0][film.parts[0] == 5].mean(0) for film in films])
    tops = np.array([film.frames[0][film.parts[0] == 1].mean(0) for film in films])
    for values in (tones, tops):
        assert np.ptp(values, axis=0).max() > 60


def test_chosen_frames_are_those_of_the_whole():
    motion = arms_down(3, np.linspace(0, 1, 3 * 52).reshape(3, 52))
    whole = render_person(Appearance(), motion, size=96)
    part = render_person(Appearance(), motion, size=96, frames=np.array([2]))
    np.testing.assert_array_equal(whole.frames[2], part.frames[0])


def test_the_default_appearance_is_the_default_person():
    figure = make_figure(Appearance())
    np.testing.assert_allclose(figure.body.vertices, load_body(1).vertices, atol=1e-6)
    np.testing.assert_allclose(figure.body.joint_positions, load_body(1).joint_positions, atol=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_hair(style):
    figure = make_figure(replace(Appearance(), hair=Hair(style=style)))
    assert ((figure.region == HAIR).sum() == 0) == (style == "bald")
    body = figure.body
    for values in (body.colours, body.normals, body.softness, body.joints, body.weights, figure.rest):
        assert len(values) == len(body.vertices)
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-5)
    assert body.triangles.max() < len(body.vertices)


def test_sleeve_bares_the_arm():
    skin = (0.9, 0.2, 0.2)
    view = View(shoulders=0.34)
    arms = []
    for sleeve in (1.0, 0.3):
        clothing = replace(Clothing(jacket=False, sleeve=sleeve), top=replace(Clothing().top, colour=(0.1, 0.2, 0.9)))
        film = render_person(Appearance(skin=skin, clothing=clothing, view=view), arms_down(1), size=128)
        arms.append(film.frames[0][film.parts[0] == 4].astype(float).mean(0))
    assert arms[0][2] > arms[0][0] + 30
    assert arms[1][0] > arms[1][2] + 30


def test_regions_cover_the_default_person():
    for level in (0, 1):
        counts = np.bincount(regions(level), minlength=10)
        assert (counts[:10] > 0).all()
        assert counts[2] == 150  # two brows


def test_studio_light_is_as_it_was():
    """Colours of the default light on the default person, at five vertices and on average, as recorded."""
    body = load_body(1)
    camera = Camera((0, 1.4, 0), 3, 0.93, yaw=6)
    found = light_vertices(body, body.vertices, body.normals, camera)
    wanted = [
        [0.22381, 0.30392, 0.40304],
        [0.02208, 0.03470, 0.05987],
        [0.64034, 0.50610, 0.44608],
        [0.70018, 0.57579, 0.51635],
        [0.34563, 0.24854, 0.19953],
    ]
    np.testing.assert_allclose(found[[0, 1000, 3000, 4000, 6000]], wanted, atol=2e-5)
    np.testing.assert_allclose(found.mean(0), [0.447254, 0.381916, 0.360082], atol=2e-5)


def test_light_from_a_side_lights_that_side():
    body = load_body(1)
    points = pose_vertices(body, arms_down(1))[0]
    camera = Camera((0, 1.4, 0), 3, 0.93)
    light = light_of(replace(Appearance().lamps, side=70.0, rim=0.0))
    lit = light_vertices(body, points, body.normals, camera, light).mean(1)
    usual = light_vertices(body, points, body.normals, camera, STUDIO).mean(1)
    face = (body.softness > 0.5) & (body.vertices[:, 1] > 1.5) & (np.abs(body.vertices[:, 0]) > 0.04)
    left = face & (body.vertices[:, 0] > 0)  # at the right of the picture
    right = face & (body.vertices[:, 0] < 0)
    assert lit[left].mean() > lit[right].mean()
    assert usual[left].mean() < usual[right].mean()


def test_random_faces_and_fingers():
    rng = np.random.default_rng(0)
    face = random_face(rng, 900)
    assert face.min() >= 0
    assert face.max() <= 1
    jaw, blink = (face[:, ARKIT_NAMES.index(name)] for name in ("jawOpen", "eyeBlinkLeft"))
    assert jaw.max() > 0.4
    assert np.abs(np.diff(jaw)).max() < 0.4
    assert 4 <= ((blink[1:] > 0.9) & (blink[:-1] <= 0.9)).sum() <= 40
    still = arms_down(60)
    moved = random_fingers(rng, still)
    assert np.abs(moved.rotations[:, 25:] - still.rotations[:, 25:]).max() > 0.3
    np.testing.assert_array_equal(moved.rotations[:, :25], still.rotations[:, :25])
    step = np.abs(np.diff(moved.rotations, axis=0)).max()
    assert step < 0.35


def test_far_apart():
    rows = np.array([[0.0], [0.1], [5.0], [5.1], [10.0]])
    assert far_apart(rows, 3, 0).tolist() == [0, 2, 4]


def test_refusals():
    with pytest.raises(UserError, match="64 to 1024"):
        render_person(Appearance(), arms_down(1), size=16)
    with pytest.raises(UserError, match="no frames"):
        render_person(Appearance(), arms_down(1), frames=np.array([], int))
