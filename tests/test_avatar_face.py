"""The avatar's face: every ARKit shape moves what it names, lids and lips close, teeth show."""

import numpy as np
import pytest

from cospeech.avatar.body import LEVELS, load_body
from cospeech.avatar.raster import visibility
from cospeech.motion.face_shapes import ARKIT_NAMES
from cospeech.motion.skeleton import CANONICAL_NAMES

EYES = 1.6333  # metres, height of the eyes in T-pose
CELL = 0.00025  # metres, a pixel of the pictures below
PAIRS = [
    name.removesuffix("Left") for name in ARKIT_NAMES if name.endswith("Left") and name not in ("jawLeft", "mouthLeft")
]


@pytest.fixture(params=LEVELS)
def body(request):
    return load_body(request.param)


def posed(body, **weights):
    """[V, 3] metres: the face with shapes; a name without its side stands for both."""
    points = body.vertices.copy()
    for name, weight in weights.items():
        for own in (name, f"{name}Left", f"{name}Right"):
            if own in body.morphs.names:
                index = body.morphs.names.index(own)
                points[body.morphs.indices[index]] += np.float32(weight) * body.morphs.deltas[index]
    return points


def moved(body, name):
    """[V, 3] metres at weight 1."""
    return posed(body, **{name: 1.0}) - body.vertices


def behind_the_lips(body):
    """[V] teeth, tongue, and the lining of the mouth."""
    x, y, z = body.vertices.T
    head = (y > EYES - 0.2) & (z > 0.05) & (np.abs(x) < 0.05)
    part = body.pieces
    skin = part == np.argmax(np.bincount(part[head]))
    box = (np.abs(x) < 0.03) & (y > EYES - 0.1) & (y < EYES - 0.045) & (z < 0.147) & (z > 0.06)
    inner = np.isin(part, [p for p in np.unique(part[box & ~skin]) if box[part == p].all()])
    return inner | (box & skin & (body.colours[:, 1] < 0.27))


def teeth(body):
    """[V] of the inner parts, what is bright."""
    return behind_the_lips(body) & (body.colours[:, 2] > 0.5)


def seen(body, points, centre, size):
    """[H, W] triangle at each pixel of a picture from straight ahead, -1 where there is none."""
    width, height = (round(length / CELL) for length in size)
    screen = np.empty_like(points)
    screen[:, 0] = (points[:, 0] - centre[0]) / CELL + width / 2
    screen[:, 1] = height / 2 - (points[:, 1] - centre[1]) / CELL
    screen[:, 2] = -points[:, 2]
    return visibility(screen, body.triangles[:, ::-1], width, height)


def lip_gap(body, **weights):
    """Metres of the tallest column of mouth between the lips."""
    inner = behind_the_lips(body)[body.triangles].all(1)
    ids = seen(body, posed(body, **weights), (0, EYES - 0.075), (0.07, 0.08))
    return float((inner[ids] & (ids >= 0)).sum(0).max() * CELL)


def eyeball_area(body, side, **weights):
    """Pixels of an eyeball that are seen from the front."""
    joint = CANONICAL_NAMES.index(f"{side}_eye")
    ball = ((body.joints[:, 0] == joint) & (body.weights[:, 0] > 0.99))[body.triangles].all(1)
    ids = seen(body, posed(body, **weights), (0.03 if side == "left" else -0.03, EYES), (0.06, 0.05))
    return int((ball[ids] & (ids >= 0)).sum())


@pytest.mark.parametrize("name", ARKIT_NAMES)
def test_a_shape_moves_its_own_region(body, name):
    delta = moved(body, name)
    size = np.linalg.norm(delta, axis=1)
    assert size.max() > 0.0015
    x, y, _ = (body.vertices * size[:, None]).sum(0) / size.sum()
    low, high = {"bro": (0.005, 0.06), "eye": (-0.02, 0.02), "che": (-0.09, 0.005), "nos": (-0.07, 0.02)}.get(
        name[:3], (-0.14, -0.03)
    )
    assert low < y - EYES < high
    if name.removesuffix("Left").removesuffix("Right") in PAIRS:
        assert (x > 0.003) if name.endswith("Left") else (x < -0.003)
    else:
        assert abs(x) < 0.004


@pytest.mark.parametrize("name", PAIRS)
def test_left_and_right_mirror_each_other(name):
    body = load_body(0)
    left, right = moved(body, f"{name}Left"), moved(body, f"{name}Right")
    own = np.flatnonzero(np.linalg.norm(left, axis=1) > 0.0008)
    other = np.flatnonzero(np.linalg.norm(right, axis=1) > 0)
    mirrored = body.vertices[own] * [-1, 1, 1]
    distance = np.linalg.norm(mirrored[:, None] - body.vertices[other][None], axis=2)
    near = distance.argmin(1)
    close = distance.min(1) < 0.0006
    assert close.mean() > 0.4
    difference = np.linalg.norm(left[own] * [-1, 1, 1] - right[other[near]], axis=1)[close]
    assert np.quantile(difference, 0.95) < 0.0008


def test_lips_meet_at_rest(body):
    assert lip_gap(body) < 0.0005


@pytest.mark.parametrize("opening", [0.2, 0.5, 1.0])
def test_mouth_close_shuts_the_lips_of_an_open_jaw(body, opening):
    assert lip_gap(body, jawOpen=opening) > 0.004 * opening / 0.2
    assert lip_gap(body, jawOpen=opening, mouthClose=opening) < 0.001


def test_pressed_lips_stay_shut(body):
    assert lip_gap(body, mouthPress=1.0) < 0.001


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_blink_hides_the_eyeball(body, side):
    opened = eyeball_area(body, side)
    half = eyeball_area(body, side, eyeBlink=0.5)
    assert eyeball_area(body, side, eyeBlink=1.0) < 0.02 * opened
    assert 0.25 * opened < half < 0.75 * opened
    assert eyeball_area(body, side, eyeBlink=1.0, eyeLookDown=0.5) < 0.02 * opened


def test_teeth_show_where_the_mouth_opens(body):
    bright = teeth(body)[body.triangles].all(1)
    for weights, least in (({"jawOpen": 0.5}, 0.00004), ({"mouthUpperUp": 1.0}, 0.00004)):
        ids = seen(body, posed(body, **weights), (0, EYES - 0.075), (0.07, 0.08))
        assert (bright[ids] & (ids >= 0)).sum() * CELL**2 > least  # square metres
    ids = seen(body, body.vertices, (0, EYES - 0.075), (0.07, 0.08))
    assert (bright[ids] & (ids >= 0)).sum() * CELL**2 < 0.000001


def test_upper_teeth_stay_and_lower_teeth_follow_the_jaw(body):
    bright, delta = teeth(body), moved(body, "jawOpen")
    jaw = CANONICAL_NAMES.index("jaw")
    lower = bright & (body.joints[:, 0] == jaw)
    upper = bright & (body.joints[:, 0] == CANONICAL_NAMES.index("head"))
    assert lower.sum() > 40
    assert upper.sum() > 40
    assert np.abs(delta[upper]).max() == 0
    assert delta[lower, 1].max() < -0.004
    assert body.vertices[upper, 1].min() < body.vertices[lower, 1].max()  # overbite: edges pass each other


def test_the_tongue_comes_out_between_the_lips(body):
    inner = behind_the_lips(body)
    rest, out = body.vertices, posed(body, tongueOut=1.0)
    assert out[inner, 2].max() > rest[:, 2][np.abs(rest[:, 1] - EYES + 0.075) < 0.01].max() + 0.005
    assert rest[inner, 2].max() < 0.15


def test_the_pupil_turns_with_the_gaze(body):
    """By the angles that gaze is written with: 25 degrees to the side, 18 up, 20 down."""
    for side, sign in (("Left", 1), ("Right", -1)):
        joint = CANONICAL_NAMES.index(f"{side.lower()}_eye")
        pupil = (body.joints[:, 0] == joint) & (body.colours.max(1) < 0.1)
        centre = body.joint_positions[joint]
        for name, axis, degrees in (("Up", 1, 18), ("Down", 1, -20), ("Out", 0, 25 * sign), ("In", 0, -25 * sign)):
            line = (body.vertices + moved(body, f"eyeLook{name}{side}"))[pupil].mean(0) - centre
            np.testing.assert_allclose(np.degrees(np.arctan2(line[axis], line[2])), degrees, atol=1)


def test_brows_are_level_and_follow_their_shapes(body):
    x, y, z = body.vertices.T
    brow = (body.colours[:, 0] < 0.72) & (y > EYES + 0.012) & (y < EYES + 0.03) & (z > 0.1) & (np.abs(x) < 0.052)
    inner = brow & (np.abs(x) < 0.026)
    outer = brow & (np.abs(x) > 0.038)
    assert min(inner.sum(), outer.sum()) > 6
    assert abs(y[inner].mean() - y[outer].mean()) < 0.0025  # neither sad nor angry
    assert moved(body, "browInnerUp")[inner, 1].mean() > 2 * moved(body, "browInnerUp")[outer, 1].mean()
    assert moved(body, "browInnerUp")[inner, 1].mean() > 0.003
    assert moved(body, "browOuterUp")[outer, 1].mean() > 0.003
    assert moved(body, "browDown")[inner, 1].mean() < -0.003


def test_a_smile_lifts_corners_and_cheeks(body):
    delta = moved(body, "mouthSmile")
    x, y, z = body.vertices.T
    cheek = (np.abs(np.abs(x) - 0.040) < 0.012) & (np.abs(y - EYES + 0.045) < 0.012) & (z > 0.09)
    corner = (np.abs(np.abs(x) - 0.024) < 0.003) & (np.abs(y - EYES + 0.067) < 0.004) & (z > 0.13)
    assert delta[corner, 1].mean() > 0.005
    assert delta[cheek, 1].mean() > 0.001
