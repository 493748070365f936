"""Driving: a video starts with the portrait, keeps its proportions, and does what the motion does."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.motion.formats.keypoints import Keypoints, project
from cospeech.motion.motion import Motion
from cospeech.motion.points import BODY_POINTS, ELBOWS, FACE_POINTS, HAND_SLICES, POINTS, PointCodec, parents
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech.features import LAYOUT
from cospeech.speech.loading import load_speech
from cospeech.speech.speech import Speech
from cospeech.video.driving.driver import drive, drive_keypoints
from cospeech.video.driving.heads import INNER
from cospeech.video.driving.landmarks import landmarks_of
from cospeech.video.driving.limbs import Limbs
from cospeech.video.driving.lips import lips
from cospeech.video.driving.motion_directions import motion_directions
from cospeech.video.driving.portrait_fit import fit
from cospeech.video.films.preview import preview

SIZE = (512, 512)
SEEN = np.ones(116)
SKELETON = canonical_skeleton()
FRAMES = 60
HELLO = Path(__file__).parents[1] / "examples" / "hello.wav"


def motion(frames=FRAMES, *, size=0.5, seed=0, face=None, **joints):
    """A person with hands before them who moves smoothly; joints: further turns, degrees."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 2 * np.pi, frames)[:, None, None]
    wave = np.sin(time * rng.uniform(0.5, 2, (1, 55, 3)) + rng.uniform(0, 6, (1, 55, 3)))
    turns = size * rng.uniform(0, 0.3, (1, 55, 3)) * wave
    turns[:, [1, 2, 4, 5, 7, 8, 10, 11, 22, 23, 24]] = 0
    turns[:, 0] *= 0.3
    for side, sign in (("left", 1), ("right", -1)):
        turns[:, SKELETON.index(f"{side}_shoulder")] += [0, 0, -1.2 * sign]
        turns[:, SKELETON.index(f"{side}_elbow")] += [0, -1.0 * sign, 0]
    for name, angles in joints.items():
        turns[:, SKELETON.index(name)] += np.radians(angles)
    place = np.tile(SKELETON.offsets[0], (frames, 1))
    return Motion(SKELETON, 30, axis_angle_to_matrix(turns), place, face)


def weights(frames=FRAMES, **shapes):
    face = np.zeros((frames, 52), np.float32)
    for name, weight in shapes.items():
        face[:, ARKIT_NAMES.index(name)] = weight
    return face


def mirrored(points):
    """Points [..., 116, 2] in a mirror in the middle of the picture."""
    centred = points - [SIZE[0] / 2, 0]
    channels = centred.reshape(*centred.shape[:-2], -1)
    body, face = np.split(channels, [2 * len(BODY_POINTS)], -1)
    turned = [PointCodec("body").mirror(body), PointCodec("face").mirror(face)]
    return np.concatenate(turned, -1).reshape(centred.shape).astype(float) + [SIZE[0] / 2, 0]


@cache
def portrait():
    """The default person, photographed with hands up, as symmetric as can be."""
    points = project(landmarks_of(motion(1, size=0.0))[0].astype(float), camera=(0.0, 1.3, 2.2))
    return (points + mirrored(points)) / 2


def gap(points):
    face = points[..., 48:, :]
    return np.mean([np.linalg.norm(face[..., a, :] - face[..., b, :], axis=-1) for a, b in INNER], 0)


def speeds(points):
    return np.linalg.norm(np.diff(points, axis=0), axis=-1)


@pytest.mark.parametrize("frames", [1, 2, 47])
def test_length_and_first_frame(frames):
    face = np.random.default_rng(3).uniform(0, 1, (frames, 52)).astype(np.float32)
    points = drive(motion(frames, face=face), portrait(), SEEN, SIZE)
    assert points.shape == (frames, 116, 2)
    assert np.isfinite(points).all()
    np.testing.assert_array_equal(points[0], portrait())


@pytest.mark.parametrize("bounded", [True, False])
def test_it_begins_without_a_jump(bounded):
    points = drive(motion(face=weights(jawOpen=0.8)), portrait(), SEEN, SIZE, ease=0.5, bounded=bounded)
    first, whole = speeds(points)[0].max(), speeds(points)[:15].max()
    assert whole > 2.0  # pixels a frame: there is a way to go
    assert first < 0.05 * whole


def test_still_motion_and_no_strength_keep_the_portrait():
    """A motion that stands still in the portrait's own pose changes nothing, nor does any at strength 0."""
    still = drive(motion(size=0.0), portrait(), SEEN, SIZE, own=1.0)
    np.testing.assert_allclose(still, np.tile(portrait(), (FRAMES, 1, 1)), atol=1.0)
    none = drive(motion(face=weights(jawOpen=1)), portrait(), SEEN, SIZE, strength=0.0)
    np.testing.assert_array_equal(none, np.tile(portrait(), (FRAMES, 1, 1)))


def test_half_the_strength_is_half_the_gesture():
    """Also where the motion is larger than what the portrait bears."""
    large = motion(size=2.5)
    whole, half = (drive(large, portrait(), SEEN, SIZE, strength=strength) for strength in (1.0, 0.5))
    for wrist, shoulder in ((2, 0), (5, 3)):
        moves = [points[:, wrist] - points[:, shoulder] for points in (whole, half)]
        still = portrait()[wrist] - portrait()[shoulder]
        reach = [np.linalg.norm(move - still, axis=1).max() for move in moves]
        assert reach[1] == pytest.approx(reach[0] / 2, rel=0.05)


def test_own_pose_or_the_motions():
    """Arms hang in the motion: at own 0 the wrists go there, at own 1 they stay up."""
    hanging = motion(size=0.0, left_elbow=[0, 57.3, 0], right_elbow=[0, -57.3, 0])
    low, middle, high = (
        drive(hanging, portrait(), SEEN, SIZE, own=own, bounded=False)[-1, 2, 1] for own in (0.0, 0.5, 1.0)
    )
    assert low > middle > high
    assert high == pytest.approx(portrait()[2, 1], abs=1.0)
    person = fit(portrait(), SEEN, SIZE)
    assert low - portrait()[0, 1] > 0.85 * person.bones[0].sum()


@pytest.mark.parametrize("seed", range(3))
def test_bones_are_never_too_long(seed):
    person = fit(portrait(), SEEN, SIZE)
    points = drive(motion(size=2.5, seed=seed), portrait(), SEEN, SIZE, own=0.3, bounded=False)
    for side in (0, 1):
        shoulder, elbow = 3 * side, ELBOWS[side]
        upper = np.linalg.norm(points[:, elbow] - points[:, shoulder], axis=-1)
        fore = np.linalg.norm(points[:, elbow + 1] - points[:, elbow], axis=-1)
        assert upper.max() <= person.bones[side, 0] * (1 + 1e-9)
        assert fore.max() <= person.bones[side, 1] * (1 + 1e-9)
        assert np.ptp(fore) > 0.05 * person.bones[side, 1]


def similarity_residual(hand, own):
    """What is left of hands [T, 21, 2] after the best turn, size and shift of the own one, of its size."""
    a, b = ((h - h.mean(-2, keepdims=True)) @ [1, 1j] for h in (own, hand))
    factor = (b * a.conj()).sum(-1) / (abs(a) ** 2).sum()
    rest = np.sqrt((abs(b - factor[:, None] * a) ** 2).sum(-1) / (abs(a) ** 2).sum())
    return rest, abs(factor)


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_hands_stay_hands(seed, bounded):
    fist = {f"left_{f}{k}": [0, 0, -80] for f in ("index", "middle", "ring", "pinky") for k in (1, 2)}
    wild = motion(size=3.0, seed=seed)
    closing = motion(size=3.0, seed=seed, **fist)
    rotations = np.where(np.arange(FRAMES)[:, None, None, None] < 30, wild.rotations, closing.rotations)
    film = Motion(SKELETON, 30, rotations, wild.translation)
    points = drive(film, portrait(), SEEN, SIZE, bounded=bounded)
    for side, part in enumerate(HAND_SLICES):
        rest, size = similarity_residual(points[:, part], portrait()[part])
        assert rest.max() < 0.2
        assert size.min() > 0.75
        assert size.max() < 1.2
        root = points[:, part.start] - points[:, 3 * side + 2]
        own = portrait()[part.start] - portrait()[3 * side + 2]
        assert np.linalg.norm(root, axis=-1).max() < 1.2 * np.linalg.norm(own) + 1e-6
        pointing = (points[:, part.start + 9] - points[:, part.start]) @ [1, 1j]
        turned = np.diff(np.unwrap(np.angle(pointing)))
        assert abs(turned).max() * 30 < 8.0  # radians a second
    left = points[:, 6:27]
    rest, _ = similarity_residual(left, portrait()[6:27])
    assert rest.max() > 0.01  # fingers do move


def test_lips_open_and_shut():
    closed, open_ = (drive(motion(size=0.0, face=weights(jawOpen=w)), portrait(), SEEN, SIZE)[-1] for w in (0.0, 0.7))
    mouth = np.linalg.norm(portrait()[96] - portrait()[102])
    assert gap(open_) > gap(closed) + 0.2 * mouth
    assert open_[56, 1] > closed[56, 1] + 2  # the chin
    assert abs(open_[48 + 27] - closed[48 + 27]).max() < 0.5  # the bridge of the nose


def test_an_open_mouth_of_the_portrait_shuts():
    agape = drive(motion(size=0.0, face=weights(jawOpen=0.4)), portrait(), SEEN, SIZE)[-1]
    points = drive(motion(size=0.0, face=weights()), agape, SEEN, SIZE)
    np.testing.assert_array_equal(points[0], agape)
    assert gap(points[-1]) < 0.25 * gap(agape)


def test_lips_and_lids_never_cross():
    rng = np.random.default_rng(5)
    face = rng.uniform(0, 1, (FRAMES, 52)).astype(np.float32)
    points = drive(motion(face=face), portrait(), SEEN, SIZE)[:, 48:]
    own = portrait()[None, 48:]

    def gaps(faces: np.ndarray, upper: int, lower: int) -> np.ndarray:
        down = faces[:, 8] - faces[:, 27]
        down /= np.linalg.norm(down, axis=-1, keepdims=True)
        return ((faces[:, lower] - faces[:, upper]) * down).sum(-1)

    for pair in (*INNER, (37, 41), (38, 40), (43, 47), (44, 46)):  # no further than in the portrait itself
        assert gaps(points, *pair).min() > min(0.0, gaps(own, *pair)[0]) - 1e-6


def test_one_lid_is_the_left_one():
    points = drive(motion(size=0.0, face=weights(eyeBlinkLeft=1.0)), portrait(), SEEN, SIZE)[-1, 48:]
    own = portrait()[48:]
    height = lambda face, a, b: np.linalg.norm(face[a] - face[b])  # noqa: E731
    assert height(points, 43, 47) < 0.35 * height(own, 43, 47)
    assert height(points, 37, 41) == pytest.approx(height(own, 37, 41), rel=0.1)


def test_head_turns_and_nods_as_the_motion():
    """The motion's left is at the right of the picture; to nod is to bring the nose down."""
    side = np.zeros((FRAMES, 55, 3))
    side[30:, SKELETON.index("head")] = np.radians([0, 30, 0])
    nod = np.zeros((FRAMES, 55, 3))
    nod[30:, SKELETON.index("head")] = np.radians([20, 0, 0])
    still = motion(size=0.0)
    for turn, axis in ((side, 0), (nod, 1)):
        film = Motion(SKELETON, 30, still.rotations @ axis_angle_to_matrix(turn), still.translation)
        face = drive(film, portrait(), SEEN, SIZE)[:, 48:]
        nose = face[:, 30] - face[:, [0, 16]].mean(1)
        assert nose[-1, axis] - nose[25, axis] > 2.0


@pytest.mark.parametrize("bounded", [True, False])
def test_mirror_image(bounded):
    face = np.random.default_rng(1).uniform(0, 0.6, (FRAMES, 52)).astype(np.float32)
    film = motion(size=1.0, face=face)
    there, back = (drive(m, portrait(), SEEN, SIZE, bounded=bounded) for m in (film, film.mirror()))
    assert abs(there - mirrored(there)).max() > 5  # the motion is not its own mirror image
    np.testing.assert_allclose(back[:, :48], mirrored(there)[:, :48], atol=1e-3)
    np.testing.assert_allclose(back, mirrored(there), atol=0.8)  # the default face is not quite symmetric


def test_the_whole_body_turning_aside_does_not_turn_the_portrait():
    facing = drive(motion(), portrait(), SEEN, SIZE)
    aside = motion()
    rotations = aside.rotations.copy()
    turn = axis_angle_to_matrix(np.array([0, 1.2, 0.0])).astype(np.float32)
    rotations[:, 0] = turn @ rotations[:, 0]
    place = aside.translation @ turn.T + [2.0, 0, -1.0]
    moved = drive(Motion(SKELETON, 30, rotations, place), portrait(), SEEN, SIZE)
    np.testing.assert_allclose(moved, facing, atol=0.5)


def test_unseen_arms_have_the_lengths_of_the_default_person():
    short = portrait().copy()
    short[[1, 2]] = short[0] + [[1.0, 9.0], [2.0, 18.0]]
    unseen = SEEN.copy()
    unseen[[1, 2]] = 0.0
    unseen[6:27] = 0.0
    person = fit(short, unseen, SIZE)
    np.testing.assert_allclose(person.bones[0], person.bones[1], rtol=0.05)
    points = drive(motion(), short, unseen, SIZE)
    np.testing.assert_array_equal(points[0], short)
    assert np.isfinite(points).all()


def test_an_arm_without_a_hand_moves_little():
    unseen = SEEN.copy()
    unseen[6:27] = 0.0
    lively = motion(size=2.0)
    whole, half = (drive(lively, portrait(), seen, SIZE, bounded=False) for seen in (SEEN, unseen))
    assert np.ptp(half[:, 2], axis=0).max() < 0.6 * np.ptp(whole[:, 2], axis=0).max()
    assert np.ptp(half[:, 2], axis=0).max() > 2
    np.testing.assert_array_equal(half[:, 27:48], whole[:, 27:48])


def keypoints(film, names=POINTS, *, fps=30.0, at=(100.0, 40.0), size=0.7):
    """The points of a motion as a model of points gives them: another place and size in the picture."""
    points = project(landmarks_of(film).astype(float), camera=(0.0, 1.3, 2.2)) * size + at
    return Keypoints(names, parents(names), fps, points[:, [POINTS.index(n) for n in names]])


def test_points_drive_as_the_motion_does():
    film = motion(size=1.0, face=weights(jawOpen=0.0))
    film.face[20:, ARKIT_NAMES.index("jawOpen")] = np.abs(np.sin(np.arange(40) / 3))
    ours, theirs = drive(film, portrait(), SEEN, SIZE), drive_keypoints(keypoints(film), portrait(), SEEN, SIZE)
    assert theirs.shape == ours.shape
    np.testing.assert_array_equal(theirs[0], portrait())
    for point in (2, 5):
        moved = [(p[20:, point] - p[20:, point].mean(0)).ravel() for p in (ours, theirs)]
        assert np.corrcoef(*moved)[0, 1] > 0.8
    assert np.corrcoef(gap(ours[20:]), gap(theirs[20:]))[0, 1] > 0.95


def test_points_without_a_face_get_one_from_the_voice():
    speech = load_speech(HELLO).cut(end=FRAMES / 30)
    body = keypoints(motion(), BODY_POINTS)
    face = lips(speech, FRAMES)
    assert face.shape == (FRAMES, 52)
    silent, spoken = (drive_keypoints(body, portrait(), SEEN, SIZE, face=f) for f in (None, face))
    np.testing.assert_allclose(np.diff(silent[:, 48:] - silent[:, 48:49], axis=0), 0, atol=1e-6)
    np.testing.assert_array_equal(silent[:, :48], spoken[:, :48])
    on = LAYOUT.get(speech.features, "speech")[:FRAMES] >= 0.5
    assert gap(spoken)[20:][on[20:]].mean() > 2 * gap(spoken)[20:][~on[20:]].mean()
    assert len(lips(speech, 90)) == 90


def test_other_rates_become_30():
    assert len(drive_keypoints(keypoints(motion(40), fps=20.0), portrait(), SEEN, SIZE)) == 60
    slow = motion(40)
    assert len(drive(Motion(SKELETON, 20, slow.rotations, slow.translation), portrait(), SEEN, SIZE)) == 60


def test_preview_draws_frames():
    points = drive(motion(3), portrait(), SEEN, SIZE)
    frames = list(preview(points, SIZE))
    assert [frame.shape for frame in frames] == [(512, 512, 3)] * 3
    assert frames[0].dtype == np.uint8
    x, y = (int(v) for v in points[0, 1])
    assert frames[0][y - 2 : y + 3, x - 2 : x + 3].any()
    assert not frames[0][:40, :40].any()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fit(portrait()[:48], SEEN, SIZE), "116"),
        (lambda: fit(portrait() * np.nan, SEEN, SIZE), "finite"),
        (lambda: fit(portrait() * 0, SEEN, SIZE), "no shoulders"),
        (lambda: drive(motion(2), portrait(), SEEN, SIZE, strength=1.5), "strength"),
        (lambda: drive(motion(2), portrait(), SEEN, SIZE, ease=-1), "ease"),
        (lambda: drive(motion(2), portrait(), SEEN, SIZE, own=2), "own"),
        (lambda: drive(motion(2)[:0], portrait(), SEEN, SIZE), "no frames"),
        (lambda: drive_keypoints(keypoints(motion(2), FACE_POINTS), portrait(), SEEN, SIZE), "116 or 48"),
        (lambda: drive_keypoints(keypoints(motion(2)), portrait(), SEEN, SIZE, face=weights(3)), "face must be"),
        (lambda: lips(Speech(np.zeros(1600, np.float32), 16000), 0), "at least one"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(UserError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_hands_keep_off_the_face():
    """The left hand goes up before the face and down again; the right one is not held back."""
    directions = motion_directions(motion(90, size=0.0))
    up = np.exp(-(((np.arange(90) - 45) / 12.0) ** 2))[:, None]
    arms = directions.arms.copy()
    arms[:, 0, 0] += up * ([-0.2, -0.1, 0.97] - arms[:, 0, 0])
    arms[:, 0, 1] += up * ([-0.45, -0.88, 0.1] - arms[:, 0, 1])
    arms /= np.linalg.norm(arms, axis=-1, keepdims=True)
    limbs = Limbs(fit(portrait(), SEEN, SIZE), replace(directions, arms=arms), 0.0)
    face, still = np.tile(portrait()[48:], (90, 1, 1)), np.zeros((90, 2, 2))
    low, high = face[0].min(0), face[0].max(0)

    def before(share):
        places = (limbs.at(still, share)[:, 6:27] - (low + high) / 2) / ((high - low) / 2)
        return ((places**2).sum(-1) < 1).mean(-1).max()

    left, right = limbs.clear(still, np.ones(90), face).T
    np.testing.assert_allclose(right, 1.0, atol=1e-12)
    np.testing.assert_allclose(left[[0, 1, -2, -1]], 1.0, atol=0.01)
    assert abs(np.diff(left)).max() < 0.15
    assert before(np.ones((90, 2))) > 0.5
    assert before(np.stack([left, right], 1)) < 0.1
