"""The avatar's face: every ARKit shape moves what it names, lids and lips close, teeth show."""

import numpy as np
import pytest

from cospeech.avatar.body import BODIES, LEVELS, load_body, vertex_normals
from cospeech.avatar.raster import visibility
from cospeech.motion.face_shapes import ARKIT_NAMES
from cospeech.motion.skeleton import CANONICAL_NAMES

EYES = 1.6333  # metres, height of the eyes in T-pose
CELL = 0.00025  # metres, a pixel of the pictures below
PAIRS = [
    name.removesuffix("Left") for name in ARKIT_NAMES if name.endswith("Left") and name not in ("jawLeft", "mouthLeft")
]


def named(param):
    return f"{param[1]}{param[0]}"


@pytest.fixture(params=[(level, name) for name in BODIES[:2] for level in LEVELS], ids=named)
def body(request):
    """Those whose lips and teeth are told by their colours; the mannequin's are grey."""
    return load_body(*request.param)


@pytest.fixture(params=[(level, name) for name in BODIES for level in LEVELS], ids=named)
def any_body(request):
    return load_body(*request.param)


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


def surface_depth(body, points, triangles, places):
    """[P] metres: depth of the foremost of some triangles at places [P, 3] seen from ahead; NaN where none is."""
    width, height = round(0.08 / CELL), round(0.09 / CELL)
    screen = np.stack([points[:, 0] / CELL + width / 2, height / 2 - (points[:, 1] - EYES + 0.08) / CELL], 1)
    screen = np.concatenate([screen, -points[:, 2:]], 1)
    at = np.stack([places[:, 0] / CELL + width / 2, height / 2 - (places[:, 1] - EYES + 0.08) / CELL], 1)
    column, row = np.clip(at.astype(int), 0, [width - 1, height - 1]).T
    ids = visibility(screen.astype(np.float32), triangles[:, ::-1], width, height)[row, column]
    a, b, c = (screen[triangles[ids][:, k]] for k in range(3))
    area = np.cross(b[:, :2] - a[:, :2], c[:, :2] - a[:, :2])
    u = np.cross(at - a[:, :2], c[:, :2] - a[:, :2]) / area
    v = np.cross(b[:, :2] - a[:, :2], at - a[:, :2]) / area
    depth = -(a[:, 2] + u * (b[:, 2] - a[:, 2]) + v * (c[:, 2] - a[:, 2]))
    return np.where(ids >= 0, depth, np.nan)


def clearance(body, side, points):
    """[V] metres of points above an eyeball, and [V] which vertices are the lids and lashes that lie on it."""
    joint = CANONICAL_NAMES.index(f"{side}_eye")
    ball = (body.joints[:, 0] == joint) & (body.weights[:, 0] > 0.99)
    centre = body.joint_positions[joint]
    radius = np.median(np.linalg.norm(body.vertices[ball] - centre, axis=1))
    local = body.vertices - centre
    distance = np.linalg.norm(local, axis=1)
    front = (local[:, 2] > 0.4 * distance) & (np.abs(local[:, 1]) < 0.75 * distance)
    lids = front & (distance > radius + 0.0012) & (distance < radius + 0.006) & ~ball
    return np.linalg.norm(points - centre, axis=1) - radius, lids


def eyeball_area(body, side, **weights):
    """Pixels of an eyeball that are seen from the front."""
    joint = CANONICAL_NAMES.index(f"{side}_eye")
    ball = ((body.joints[:, 0] == joint) & (body.weights[:, 0] > 0.99))[body.triangles].all(1)
    ids = seen(body, posed(body, **weights), (0.03 if side == "left" else -0.03, EYES), (0.06, 0.05))
    return int((ball[ids] & (ids >= 0)).sum())


@pytest.mark.parametrize("name", ARKIT_NAMES)
def test_a_shape_moves_its_own_region(any_body, name):
    delta = moved(any_body, name)
    size = np.linalg.norm(delta, axis=1)
    assert size.max() > 0.0015
    x, y, _ = (any_body.vertices * size[:, None]).sum(0) / size.sum()
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


def test_lips_meet_at_rest(any_body):
    assert lip_gap(any_body) < 0.0005


@pytest.mark.parametrize("opening", [0.2, 0.5, 1.0])
def test_mouth_close_shuts_the_lips_of_an_open_jaw(any_body, opening):
    assert lip_gap(any_body, jawOpen=opening) > 0.004 * opening / 0.2
    assert lip_gap(any_body, jawOpen=opening, mouthClose=opening) < 0.001


def test_pressed_lips_stay_shut(any_body):
    assert lip_gap(any_body, mouthPress=1.0) < 0.001


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_blink_hides_the_eyeball(any_body, side):
    opened = eyeball_area(any_body, side)
    half = eyeball_area(any_body, side, eyeBlink=0.5)
    assert eyeball_area(any_body, side, eyeBlink=1.0) < 0.02 * opened
    assert 0.25 * opened < half < 0.75 * opened
    assert eyeball_area(any_body, side, eyeBlink=1.0, eyeLookDown=0.5) < 0.02 * opened


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


def test_the_pupil_turns_with_the_gaze(any_body):
    """By the angles that gaze is written with: 25 degrees to the side, 18 up, 20 down."""
    for side, sign in (("Left", 1), ("Right", -1)):
        joint = CANONICAL_NAMES.index(f"{side.lower()}_eye")
        pupil = (any_body.joints[:, 0] == joint) & (any_body.colours.max(1) < 0.1)
        centre = any_body.joint_positions[joint]
        for name, axis, degrees in (("Up", 1, 18), ("Down", 1, -20), ("Out", 0, 25 * sign), ("In", 0, -25 * sign)):
            line = (any_body.vertices + moved(any_body, f"eyeLook{name}{side}"))[pupil].mean(0) - centre
            np.testing.assert_allclose(np.degrees(np.arctan2(line[axis], line[2])), degrees, atol=1)


def test_brows_are_level_and_follow_their_shapes(any_body):
    x, y, z = any_body.vertices.T
    brow = (any_body.colours[:, 0] < 0.72) & (y > EYES + 0.012) & (y < EYES + 0.03) & (z > 0.1) & (np.abs(x) < 0.052)
    inner = brow & (np.abs(x) < 0.026)
    outer = brow & (np.abs(x) > 0.038)
    assert min(inner.sum(), outer.sum()) > 6
    assert abs(y[inner].mean() - y[outer].mean()) < 0.0025  # neither sad nor angry
    assert moved(any_body, "browInnerUp")[inner, 1].mean() > 2 * moved(any_body, "browInnerUp")[outer, 1].mean()
    assert moved(any_body, "browInnerUp")[inner, 1].mean() > 0.003
    assert moved(any_body, "browOuterUp")[outer, 1].mean() > 0.003
    assert moved(any_body, "browDown")[inner, 1].mean() < -0.003


def test_a_smile_lifts_corners_and_cheeks(any_body):
    delta = moved(any_body, "mouthSmile")
    x, y, z = any_body.vertices.T
    cheek = (np.abs(np.abs(x) - 0.040) < 0.012) & (np.abs(y - EYES + 0.045) < 0.012) & (z > 0.09)
    corner = (np.abs(np.abs(x) - 0.024) < 0.003) & (np.abs(y - EYES + 0.067) < 0.004) & (z > 0.13)
    assert delta[corner, 1].mean() > 0.005
    assert delta[cheek, 1].mean() > 0.001


LIDS = [
    {"eyeBlink": blink, "eyeSquint": squint, "cheekSquint": cheek, **look}
    for blink in (0.0, 0.3, 0.5, 0.8)
    for squint, cheek in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0))
    for look in ({}, {"eyeWide": 0.5}, {"eyeLookDown": 0.7}, {"eyeLookUp": 0.7}, {"browDown": 1.0, "noseSneer": 1.0})
]


@pytest.mark.parametrize("side", ["left", "right"])
def test_lids_and_lashes_stay_outside_the_eyeball(any_body, side):
    for weights in [*LIDS, {"eyeWide": 1.0, "eyeLookUp": 1.0}, {"eyeBlink": 1.0, "eyeSquint": 1.0, "cheekSquint": 1.0}]:
        above, lids = clearance(any_body, side, posed(any_body, **weights))
        assert lids.sum() > 60
        assert above[lids].min() > 0.0002, weights
        assert above[lids].max() < 0.0085, weights


def test_lids_narrow_the_eye_by_degrees(any_body):
    """A blink, a squint and a raised cheek each cover more; all together leave no part of the eye bare."""
    bare = [eyeball_area(any_body, "left", **weights) for weights in ({}, {"eyeSquint": 0.6}, {"eyeSquint": 1.0})]
    assert bare[0] > 1.1 * bare[1] > 1.1 * bare[2] > 0.5 * bare[0]
    half = eyeball_area(any_body, "left", eyeBlink=0.35, eyeSquint=0.4)
    assert 0.35 * bare[0] < half < 0.8 * bare[0]
    assert eyeball_area(any_body, "left", eyeWide=1.0) > 1.15 * bare[0]
    shut = {"eyeBlink": 1.0, "eyeSquint": 1.0, "cheekSquint": 1.0, "mouthSmile": 1.0}
    assert eyeball_area(any_body, "left", **shut) < 0.02 * bare[0]


def test_the_outer_corner_of_the_eye_does_not_fold_over(body):
    """No skin beside the eye turns its back in a hearty smile."""
    x, y, z = body.vertices.T
    near = (np.abs(x) > 0.047) & (np.abs(x) < 0.066) & (np.abs(y - EYES) < 0.014) & (z > 0.08) & (body.softness > 0.5)
    near &= body.pieces == np.argmax(np.bincount(body.pieces[near]))
    triangles = body.triangles[near[body.triangles].all(1)]

    def facing(points):
        a, b, c = (points[triangles[:, k]] for k in range(3))
        return np.cross(b - a, c - a)[:, 2]

    seen_at_rest = facing(body.vertices) > 1e-7
    smile = facing(posed(body, mouthSmile=1.0, cheekSquint=1.0, eyeSquint=1.0))
    assert seen_at_rest.sum() > 10
    assert (smile[seen_at_rest] > 0).all()


SPEECH = [
    {"jawOpen": jaw, **shape, **mood}
    for jaw in (0.0, 0.1, 0.2, 0.3)
    for shape in (
        *({}, {"mouthStretch": 0.8}, {"mouthLowerDown": 0.6}, {"mouthFunnel": 0.6}, {"mouthPucker": 0.7}),
        *(
            {"mouthPress": 0.6},
            {"mouthRollLower": 0.5, "mouthUpperUp": 0.3},
            {"mouthStretch": 0.5, "mouthLowerDown": 0.4},
        ),
    )
    for mood in (
        *({}, {"mouthSmile": 0.9, "cheekSquint": 0.8}, {"mouthFrown": 0.7, "mouthShrugLower": 0.5}),
        *({"noseSneer": 1.0, "mouthUpperUp": 0.65}, {"mouthDimple": 0.6, "mouthPress": 0.4}),
    )
]


def test_teeth_stay_behind_the_lips_in_speech(body):
    bright, inner = teeth(body), behind_the_lips(body)
    x, y, z = body.vertices.T
    lips = ~inner & (body.softness > 0.5) & (np.abs(x) < 0.045) & (np.abs(y - EYES + 0.08) < 0.04) & (z > 0.115)
    triangles = body.triangles[lips[body.triangles].all(1)]
    for weights in SPEECH:
        points = posed(body, **weights)
        over = points[bright, 2] - surface_depth(body, points, triangles, points[bright])
        assert np.isfinite(over).sum() > 20
        assert np.nanmax(over) < -0.0002, weights


def test_lower_teeth_do_not_peep_over_the_lip(body):
    """Where the jaw hardly opens, less than a square millimetre of them is seen."""
    bright = teeth(body) & (body.joints[:, 0] == CANONICAL_NAMES.index("jaw"))
    bright = bright[body.triangles].all(1)
    for weights in SPEECH:
        if "mouthFunnel" not in weights:
            ids = seen(body, posed(body, **weights), (0, EYES - 0.075), (0.07, 0.08))
            assert (bright[ids] & (ids >= 0)).sum() * CELL**2 < 1e-6, weights


@pytest.mark.parametrize("weights", [{"mouthStretch": 0.8, "jawOpen": 0.25, "mouthLowerDown": 0.4}, {"jawOpen": 0.4}])
def test_corners_of_an_open_mouth_are_not_black(body, weights):
    ids = seen(body, posed(body, **weights), (0, EYES - 0.075), (0.07, 0.08))
    light = (body.colours.max(1) * body.occlusion)[body.triangles].mean(1)
    hole = behind_the_lips(body)[body.triangles].all(1)[ids] & (ids >= 0)
    hole &= np.abs(np.arange(hole.shape[1]) - hole.shape[1] / 2 + 0.5) * CELL > 0.012
    assert hole.sum() > 200
    assert np.quantile(light[ids[hole]], 0.02) > 0.13


def test_skin_folds_with_its_shapes():
    """Lines of the forehead, beside the nose, between the brows; the lighter body has too few vertices for them."""
    body = load_body(0)
    x, y, z = body.vertices.T
    places = {
        "browInnerUp": (np.abs(x) < 0.02) & (y > EYES + 0.03) & (y < EYES + 0.06) & (z > 0.1),
        "noseSneer": (np.abs(x) < 0.01) & (np.abs(y - EYES + 0.004) < 0.014) & (z > 0.13),
        "browDown": (np.abs(x) < 0.016) & (np.abs(y - EYES - 0.015) < 0.011) & (z > 0.13),
        "mouthSmile": (np.abs(np.abs(x) - 0.030) < 0.009) & (np.abs(y - EYES + 0.055) < 0.014) & (z > 0.1),
        "mouthDimple": (np.abs(np.abs(x) - 0.0335) < 0.008) & (np.abs(y - EYES + 0.066) < 0.008) & (z > 0.1),
    }
    for name, area in places.items():
        before, after = (
            vertex_normals(points[None], body.triangles)[0] for points in (body.vertices, posed(body, **{name: 1}))
        )
        turn = np.degrees(np.arccos(np.clip((before * after).sum(1), -1, 1)))
        assert np.quantile(turn[area], 0.9) > 12, name


def test_pressed_lips_are_thinner(body):
    x, y, _ = body.vertices.T
    red = (body.colours[:, 0] - body.colours[:, 1] > 0.26) & ~behind_the_lips(body) & (np.abs(x) < 0.006)
    red &= np.abs(y - EYES + 0.0705) < 0.011
    pressed = posed(body, mouthPress=1.0)
    assert pressed[red, 1].std() < 0.75 * y[red].std()
    assert (pressed - body.vertices)[red, 2].mean() < -0.0008


def test_a_sneer_bares_the_upper_teeth(body):
    upper = teeth(body) & (body.joints[:, 0] == CANONICAL_NAMES.index("head"))
    upper = upper[body.triangles].all(1)
    ids = seen(body, posed(body, noseSneer=1.0, mouthUpperUp=0.65), (0, EYES - 0.075), (0.07, 0.08))
    assert (upper[ids] & (ids >= 0)).sum() * CELL**2 > 0.00008


def test_a_funnel_flares_the_lips(body):
    x, y, z = body.vertices.T
    lip = (np.abs(x) < 0.01) & (np.abs(y - EYES + 0.069) < 0.012) & (z > 0.14) & ~behind_the_lips(body)
    assert moved(body, "mouthFunnel")[lip, 2].mean() > 0.0045
