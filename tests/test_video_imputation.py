"""Imputed keypoints: lengths of a body, hands at the end of their arms."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.motion.points import POINTS
from cospeech.video.detection.imputation import FOREARM, HAND, UPPER_ARM, complete_keypoints, hand_at_rest
from video_data import SIZE, person

WIDTH = 200.0  # of the shoulders
LEFT, RIGHT = slice(6, 27), slice(27, 48)
AT = {name: k for k, name in enumerate(POINTS)}


def completed(*missing: slice | int, points: np.ndarray | None = None, score: float = 0.0) -> np.ndarray:
    """The person [116, 2] when these points are not found; what stands in their place must not matter."""
    confidence, detected = np.ones(116), (person() if points is None else points).copy()
    for part in missing:
        confidence[part] = score
        if not score:
            detected[part] = np.nan
    return complete_keypoints(detected, confidence, SIZE)


def apart(points: np.ndarray, one: str, other: str) -> float:
    return float(np.linalg.norm(points[AT[one]] - points[AT[other]]))


def mirrored(points: np.ndarray) -> np.ndarray:
    """The person in a mirror: left and right change places (the face is left as it is)."""
    turned = points * [-1, 1] + [512, 0]
    order = [3, 4, 5, 0, 1, 2, *range(27, 48), *range(6, 27)]
    return np.concatenate([turned[order], points[48:]])


def test_what_was_found_stays():
    np.testing.assert_array_equal(completed(), person())
    for missing in (LEFT, RIGHT, 1, 2, 4, 5, slice(0, 0), 60):
        keep = np.ones(116, bool)
        keep[missing] = False
        np.testing.assert_array_equal(completed(missing)[keep], person()[keep])


def test_an_undetected_hand_continues_its_forearm():
    for side, part in (("left", LEFT), ("right", RIGHT)):
        points = completed(part)
        wrist, elbow = points[AT[f"{side}_wrist"]], points[AT[f"{side}_elbow"]]
        np.testing.assert_allclose(points[AT[f"{side}_hand"]], wrist)
        along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        tip = points[AT[f"{side}_middle4"]] - wrist
        assert tip @ along == pytest.approx(0.95 * HAND * WIDTH)
        assert abs(tip @ [-along[1], along[0]]) < 0.05 * HAND * WIDTH
        for finger in ("thumb", "index", "middle", "ring", "pinky"):  # one joint after the other
            chain = [points[AT[f"{side}_{finger}{k}"]] @ along for k in (1, 2, 3, 4)]
            assert chain == sorted(chain)


@pytest.mark.parametrize(("side", "inward"), [("left", -1), ("right", 1)])
def test_of_an_arm_that_hangs_the_thumb_is_on_the_inner_side(side, inward):
    hand = hand_at_rest(np.array([0.0, 0.0]), np.array([0.0, 100.0]), side=side, unit=WIDTH)
    assert inward * hand[4, 0] > 10 > -10 > inward * hand[20, 0]


def test_nothing_below_the_shoulder():
    """An arm that hangs, of the lengths of a body, symmetric for both sides."""
    points = completed(1, 2, 4, 5, LEFT, RIGHT)
    for side, outward in (("left", 1), ("right", -1)):
        assert apart(points, f"{side}_shoulder", f"{side}_elbow") == pytest.approx(UPPER_ARM * WIDTH)
        assert apart(points, f"{side}_elbow", f"{side}_wrist") == pytest.approx(FOREARM * WIDTH)
        bones = np.diff(points[[AT[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist")]], axis=0)
        assert (bones[:, 1] > 0.9 * np.abs(bones).sum(1) * 0.9).all()
        assert (outward * bones[:, 0] >= 0).all()
    np.testing.assert_allclose(mirrored(points)[:48], points[:48], atol=1e-9)
    assert points[AT["left_middle4"], 1] > SIZE[1]  # beyond the picture


def test_only_the_wrist_is_undetected():
    points = completed(2, LEFT)
    assert apart(points, "left_elbow", "left_wrist") == pytest.approx(FOREARM * WIDTH)
    assert points[AT["left_wrist"], 1] > points[AT["left_elbow"], 1] + 0.9 * FOREARM * WIDTH


@pytest.mark.parametrize("reach", [(-60, 60), (20, 150), (60, -100), (200, 0), (140, 220), (0, 1), (400, 300)])
def test_only_the_elbow_is_undetected(reach):
    """No bone is longer than it can be, and an elbow hangs as far as it can."""
    detected = person()
    detected[AT["left_wrist"]] = detected[AT["left_shoulder"]] + reach
    points = completed(1, points=detected)
    upper, fore = apart(points, "left_shoulder", "left_elbow"), apart(points, "left_elbow", "left_wrist")
    if np.linalg.norm(reach) >= (UPPER_ARM + FOREARM) * WIDTH:
        assert upper + fore == pytest.approx(np.linalg.norm(reach))
        assert upper / fore == pytest.approx(UPPER_ARM / FOREARM)
        return
    assert upper <= UPPER_ARM * WIDTH * 1.001
    assert fore <= FOREARM * WIDTH * 1.001
    rest = completed(1, 2, LEFT)[AT["left_elbow"]]
    allowed = np.stack(np.meshgrid(np.arange(0, 900.0, 4), np.arange(-200, 700.0, 4)), axis=-1).reshape(-1, 2)
    for centre, radius in (("left_shoulder", UPPER_ARM), ("left_wrist", FOREARM)):
        allowed = allowed[np.linalg.norm(allowed - detected[AT[centre]], axis=-1) <= radius * WIDTH]
    best = np.linalg.norm(allowed - rest, axis=-1).min()
    assert np.linalg.norm(points[AT["left_elbow"]] - rest) <= best + 1e-6


def test_an_elbow_moves_without_jumps():
    """While a wrist goes round, also where it comes too near or too far for one of the rules."""
    angle = np.linspace(0, 2 * np.pi, 720)
    detected = np.repeat(person()[None], 720, 0)
    detected[:, 2] = detected[:, 0] + np.stack([190 * np.cos(angle) + 60, 190 * np.sin(angle) + 90], axis=-1)
    confidence = np.ones((720, 116))
    confidence[:, 1] = 0
    elbow = complete_keypoints(detected, confidence, SIZE)[:, 1]
    assert np.linalg.norm(np.diff(elbow, axis=0), axis=-1).max() < 15


def test_a_guess_of_the_detector_is_kept_if_it_makes_sense():
    detected = person()
    detected[2] = (340, 520)  # beyond the lower edge
    assert tuple(completed(2, LEFT, points=detected, score=0.2)[2]) == (340, 520)
    detected[2] = (300, 20)  # too far from the elbow
    points = completed(2, LEFT, points=detected, score=0.2)
    assert apart(points, "left_elbow", "left_wrist") == pytest.approx(FOREARM * WIDTH)


def test_a_hand_tells_where_its_wrist_is():
    np.testing.assert_allclose(completed(2)[2], person()[6])


def test_single_points_of_a_hand_and_of_a_face():
    rest = hand_at_rest(person()[1], person()[2], side="left", unit=WIDTH)
    detected = person()
    turn = np.array([[0.3, -0.8], [0.8, 0.3]])
    for shape in (rest, rest * [-1, 1]):  # as it is, and mirrored
        detected[LEFT] = shape @ turn.T + [80, 40]
        lost = slice(8, 14)
        np.testing.assert_allclose(completed(lost, points=detected)[LEFT], detected[LEFT], atol=1e-6)
    detected = person()
    chin = 48 + 8
    np.testing.assert_allclose(completed(chin)[chin], (detected[chin - 1] + detected[chin + 1]) / 2, atol=1e-9)
    first = 48 + 36  # the corner of an eye, with which its line begins
    np.testing.assert_allclose(completed(first)[first], detected[first + 1])
    whole_line = slice(48 + 22, 48 + 27)
    face = completed(whole_line)[whole_line]
    assert (np.abs(face - detected[48:].mean(0)) < 60).all()


def test_frames_of_a_film_are_filled_in_between():
    frames = 9
    detected = np.repeat(person()[None], frames, 0)
    detected += np.arange(frames)[:, None, None] * [4.0, 2.0]  # all goes to the right and down
    detected[:, LEFT, 1] -= np.arange(frames)[:, None] ** 2 / 8  # the hand turns up meanwhile
    confidence = np.ones((frames, 116))
    confidence[3:6, [2, 4, 60]] = 0.1
    confidence[3:6, LEFT] = 0.0
    confidence[:2, RIGHT] = 0.0
    broken = np.where(confidence[..., None] > 0.5, detected, 9999.0)
    points = complete_keypoints(broken, confidence, SIZE)
    np.testing.assert_allclose(points[:, [2, 4, 60]], detected[:, [2, 4, 60]], atol=1e-9)
    np.testing.assert_array_equal(points[6:], detected[6:])
    shape = points[:, LEFT] - points[:, 2, None]
    np.testing.assert_allclose(shape[3:6, :, 1], np.linspace(shape[2, :, 1], shape[6, :, 1], 5)[1:4], atol=1e-9)
    np.testing.assert_allclose(points[:2, RIGHT], detected[:2, RIGHT], atol=1e-9)  # in step with its wrist


def test_who_stands_aside_has_the_arms_of_their_face():
    detected = person()
    detected[0, 0], detected[3, 0] = 276, 236  # shoulders 40 apart, the face as high as before
    detected[48 + 8], detected[48 + 27] = (256, 185), (256, 105)
    points = completed(1, 2, LEFT, points=detected)
    assert apart(points, "left_shoulder", "left_elbow") == pytest.approx(UPPER_ARM * 0.8 * 80 / 0.40)


def test_what_cannot_be_completed():
    for missing in (0, 3, slice(48, 116)):
        with pytest.raises(UserError, match="shoulders and a face must be found"):
            completed(missing)
    with pytest.raises(UserError, match="expected keypoints"):
        complete_keypoints(person()[:48], np.ones(48), SIZE)
    with pytest.raises(UserError, match="expected keypoints"):
        complete_keypoints(person()[None], np.ones(116), SIZE)
