"""Faces of portraits that move: mouths that open and shut, lids that close, irises that turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cospeech.core.rotation import axis_rotation
from cospeech.motion.eyes import look_weights
from cospeech.motion.motion import Motion
from cospeech.motion.points import FACE_SLICE
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.video.driving.gaze import gaze
from cospeech.video.driving.heads import INNER, expressions, turned, uncrossed
from cospeech.video.driving.portrait_fit import default_face, fit
from cospeech.video.films.animate import portrait_gaze
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.layers import Layers, cut
from video_data import person

PIXELS = 1400.0  # of a metre of the face
SKIN, OTHER_SKIN, LIP, TOOTH, IRIS = (200, 160, 135), (150, 110, 90), (176, 70, 74), (232, 228, 220), (40, 30, 26)
FINE = 4  # of what is drawn, before it is averaged
EYES = (slice(36, 42), slice(42, 48))  # right, left


@dataclass(frozen=True)
class Face:
    picture: np.ndarray
    points: np.ndarray
    layers: Layers

    def moved(self, turn: np.ndarray | None = None, **weights: float) -> np.ndarray:
        """Keypoints under ARKit weights, of both sides where a name has no side."""
        face = np.zeros((1, 52))
        for name, weight in weights.items():
            face[
                0,
                [k for k, known in enumerate(ARKIT_NAMES) if known.removesuffix("Left").removesuffix("Right") == name],
            ] = weight
        who = fit(self.points, np.ones(116), (512, 512))
        turn = np.eye(3) if turn is None else turn
        points = self.points.copy()
        points[FACE_SLICE] = uncrossed(turned(who, turn[None], expressions(who, face)), who.face)[0]
        return points

    def drawn(self, points: np.ndarray, look: tuple[float, float] | None = None) -> np.ndarray:
        turns = None if look is None else np.radians(np.array(look))
        return np.round(draw(self.layers, points, turns).picture * 255)


def portrait(opened: float = 0.0) -> Face:
    """A drawn person whose skin is darker on the right side of the picture; with an open mouth, teeth show."""
    model = default_face()
    shape = model.neutral + opened * model.shapes[ARKIT_NAMES.index("jawOpen")]
    points = person()
    face = (shape[:, :2] - model.neutral[:, :2].mean(0)) * [PIXELS, -PIXELS] + [256, 190]
    if not opened:
        for upper, lower in INNER:
            face[[upper, lower]] = face[[upper, lower]].mean(0)
    points[FACE_SLICE] = face
    points[:6, 1] += 130
    points[6:48, 1] += 60
    image = Image.new("RGB", (512 * FINE, 512 * FINE), (60, 90, 80))
    pen = ImageDraw.Draw(image)

    def polygon(places: np.ndarray, colour: tuple[int, int, int]) -> None:
        pen.polygon([tuple(place) for place in places * FINE], fill=colour)

    middle, half = face.mean(0), np.ptp(face, axis=0) * [0.56, 0.85]
    polygon(np.array([(150, 370), (360, 370), (420, 512), (90, 512)]), (70, 70, 120))
    round_ = np.linspace(0, 2 * np.pi, 200)
    polygon(middle + half * np.stack([np.cos(round_), np.sin(round_)], -1), SKIN)
    right = round_[np.cos(round_) >= 0]
    right = np.sort(np.where(right > np.pi, right - 2 * np.pi, right))
    polygon(middle + half * np.stack([np.cos(right), np.sin(right)], -1), OTHER_SKIN)
    for eye in EYES:
        polygon(face[eye], (236, 234, 230))
        centre, radius = face[eye].mean(0), 0.2 * np.ptp(face[eye, 0])
        mask = Image.new("L", image.size)
        ImageDraw.Draw(mask).polygon([tuple(place) for place in face[eye] * FINE], fill=255)
        disc = Image.new("L", image.size)
        ImageDraw.Draw(disc).ellipse([*((centre - radius) * FINE), *((centre + radius) * FINE)], fill=255)
        both = Image.fromarray(np.minimum(np.asarray(mask), np.asarray(disc)))
        image.paste(Image.new("RGB", image.size, IRIS), mask=both)
    polygon(face[48:60], LIP)
    if opened:
        polygon(face[60:68], TOOTH)
    picture = np.asarray(image.resize((512, 512), Image.Resampling.BOX))
    grid = np.asarray(picture, float)
    mask = (np.abs(grid - [60, 90, 80]).sum(-1) > 30).astype(np.float32)
    return Face(picture, points, cut(picture, points, mask))


@pytest.fixture(scope="module")
def closed() -> Face:
    return portrait()


@pytest.fixture(scope="module")
def smiling() -> Face:
    return portrait(0.22)


def window(points: np.ndarray, margin: int = 0) -> tuple[slice, slice]:
    low, high = points.min(0).astype(int) - margin, points.max(0).astype(int) + margin + 1
    return slice(low[1], high[1]), slice(low[0], high[0])


def white(picture: np.ndarray) -> np.ndarray:
    """Bright without a colour: teeth, or the white of an eye."""
    return (picture.min(-1) > 90) & (np.ptp(picture, axis=-1) < 0.25 * picture.max(-1))


def column(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Colours down the middle of the mouth."""
    inner = points[FACE_SLICE][60:68]
    x = round(float(inner[[2, 6], 0].mean()))
    return picture[int(inner[2, 1]) : int(np.ceil(inner[6, 1])) + 1, x - 2 : x + 3].mean(1)


@pytest.mark.parametrize("opened", [0.0, 0.22])
@pytest.mark.parametrize("look", [None, (0.0, 0.0)])
def test_a_face_at_its_own_points_is_the_portraits(opened, look):
    face = portrait(opened)
    part = window(face.points[FACE_SLICE], 4)
    np.testing.assert_allclose(face.drawn(face.points, look)[part], face.picture[part], atol=1)


def test_an_open_mouth_is_dark_behind_teeth_that_are_fixed_to_the_skull(closed):
    ends = []
    for jaw in (0.35, 0.6):
        points = closed.moved(jawOpen=jaw)
        down = column(closed.drawn(points), points)
        teeth = np.flatnonzero(white(down))
        assert len(teeth) >= 2
        dark = np.flatnonzero(down.max(-1) < 100)
        assert len(dark) >= 3
        assert dark.max() > teeth.min()
        ends.append(int(points[FACE_SLICE][62, 1]) + teeth[: int(np.argmax(np.diff(teeth, append=999) > 1)) + 1].max())
    assert abs(ends[0] - ends[1]) <= 1


def test_an_open_mouth_has_the_portraits_lips_round_it(closed):
    points = closed.moved(jawOpen=0.5)
    picture, lips = closed.drawn(points), points[FACE_SLICE][48:]
    for outer, inner in ((lips[3], lips[14]), (lips[9], lips[18])):
        x, y = (outer + inner) / 2
        np.testing.assert_allclose(picture[int(y), int(x)], LIP, atol=12)


def test_lips_hide_the_portraits_teeth_in_a_pause(smiling):
    own = smiling.points[FACE_SLICE][60:68]
    assert white(smiling.picture[window(own)]).sum() > 100
    for turn in (np.eye(3), axis_rotation("Y", 0.2), axis_rotation("X", -0.15)):
        points = smiling.moved(turn)
        inner = points[FACE_SLICE][60:68]
        apart = [np.linalg.norm(points[FACE_SLICE][a] - points[FACE_SLICE][b]) for a, b in INNER]
        assert max(apart) < 1.5
        mouth = smiling.drawn(points)[window(inner, 2)]
        assert white(mouth).sum() <= 2


def test_lids_close_with_the_skin_above_them(closed):
    shares = []
    for shut in (0.0, 0.5, 1.0):
        points = closed.moved(eyeBlink=shut)
        picture = closed.drawn(points)
        eyes = [window(closed.points[FACE_SLICE][eye]) for eye in EYES]
        shares.append(sum(white(picture[eye]).sum() for eye in eyes))
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] <= 0.05 * shares[0]
    for eye, colour in zip(EYES, (SKIN, OTHER_SKIN), strict=True):
        x, y = closed.points[FACE_SLICE][eye][[1, 2]].mean(0) + [0, 3]
        np.testing.assert_allclose(picture[int(y), int(x)], colour, atol=25)


@pytest.mark.parametrize("degrees", [-12.0, 12.0])
def test_irises_turn_to_where_the_eyes_look(closed, degrees):
    still, turned_ = (closed.drawn(closed.points, look) for look in (None, (degrees, 0.0)))
    for eye in EYES:
        part = window(closed.points[FACE_SLICE][eye])
        x = np.arange(part[1].stop - part[1].start)
        before, after = (
            ((picture[part].sum(-1) < 300).sum(0) * x).sum() / (picture[part].sum(-1) < 300).sum()
            for picture in (still, turned_)
        )
        assert 1.0 < (after - before) * np.sign(degrees) < 8.0
        assert white(turned_[part]).sum() > 0.7 * white(still[part]).sum()
    changed = np.abs(still - turned_).max(-1) > 1
    for eye in EYES:
        changed[window(closed.points[FACE_SLICE][eye], 1)] = False
    assert not changed.any()


def test_eyes_in_which_no_iris_is_seen_stay():
    face = portrait()
    blind = face.picture.copy()
    for eye in EYES:
        blind[window(face.points[FACE_SLICE][eye], 1)] = SKIN
    layers = cut(blind, face.points, face.layers.person)
    still, looking = (draw(layers, face.points, look).picture for look in (None, np.array([0.2, 0.0])))
    np.testing.assert_array_equal(still, looking)


def motion(heads: np.ndarray, eyes: np.ndarray) -> Motion:
    """A motion whose head turns, and whose eyes turn in it: yaw [T], radians to the person's left."""
    skeleton = canonical_skeleton()
    rotations = np.tile(np.eye(3, dtype=np.float32), (len(heads), len(skeleton), 1, 1))
    rotations[:, skeleton.index("head")] = axis_rotation("Y", heads)
    angles = np.zeros((len(eyes), 2, 2))
    angles[..., 0] = np.degrees(eyes)[:, None]
    return Motion(skeleton, 30.0, rotations, np.tile(skeleton.offsets[0], (len(heads), 1)), look_weights(angles))


def test_eyes_look_aside_where_the_motion_does():
    eyes = np.zeros(60)
    eyes[20:30] = 0.2
    turns = gaze(motion(np.zeros(60), eyes))
    np.testing.assert_allclose(turns[25], [0.2, 0.0], atol=0.01)
    np.testing.assert_allclose(turns[5], 0.0, atol=0.01)


def test_eyes_on_the_viewer_stay_there_while_the_head_turns_by_less():
    sway = 0.25 * np.sin(np.arange(120) * 2 * np.pi / 60)
    turns = gaze(motion(sway, -sway))
    assert 0.3 < -turns[15, 0] / sway[15] < 0.8
    np.testing.assert_allclose(turns[15], -turns[45], atol=0.01)


def test_a_gaze_begins_at_the_portraits_and_needs_eyes_that_move():
    moving = motion(np.zeros(60), np.where(np.arange(60) % 3 == 0, 0.2, 0.0))
    turns = portrait_gaze(moving)
    assert not turns[0].any()
    assert np.abs(turns[30]).max() > 0.15
    assert portrait_gaze(replace(moving, face=0 * moving.face)) is None
    np.testing.assert_allclose(portrait_gaze(moving, strength=0.5), 0.5 * turns, atol=1e-9)
