"""Keypoints of a person: detected, cached, read from files; what is said of pictures that do not suit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.motion.formats.keypoints import load_keypoints
from cospeech.motion.points import POINTS
from cospeech.video.detection.detector import cache_folder
from cospeech.video.detection.keypoints import DetectedKeypoints, check_person, find_keypoints, video_keypoints
from video_data import detector_calls, openpose, person, whole_body, write_picture

__all__ = ["detector_calls"]  # fixture

ONES = np.ones(116)


def write_film(path: Path, frames: int = 12, fps: int = 25) -> Path:
    from cospeech.avatar.film import write_video

    pictures = iter(np.full((frames, 48, 64, 3), 90, np.uint8))
    write_video(path, pictures, frames, fps, (64, 48))
    return path


# ---------------------------------------------------------------------------- detected once


def test_a_picture_is_detected_once(tmp_path, detector_calls):
    path = write_picture(tmp_path / "ann.png")
    first = find_keypoints(path)
    np.testing.assert_allclose(first.points[0], person(), atol=1e-3)
    assert (first.fps, first.size, first.people, first.frames) == (None, (512, 512), 1, 1)
    assert first.mask is not None
    assert first.mask.shape == (512, 512)
    again = find_keypoints(path.rename(tmp_path / "renamed.webp"))  # its content counts
    assert len(detector_calls()) == 1
    np.testing.assert_array_equal(again.points, first.points)
    np.testing.assert_array_equal(again.mask, first.mask)
    find_keypoints(write_picture(tmp_path / "other.png", (400, 512)))
    assert len(detector_calls()) == 2
    find_keypoints(tmp_path / "renamed.webp", cache=False)
    assert len(detector_calls()) == 3


def test_a_damaged_cache_is_replaced_and_nothing_partial_stays(tmp_path, detector_calls):
    path = write_picture(tmp_path / "ann.png")
    find_keypoints(path)
    (kept,) = cache_folder().iterdir()
    assert cache_folder().is_relative_to(tmp_path / "cache")
    whole = kept.read_bytes()
    for damaged in (b"", whole[:300], b"hello", whole[:-30]):
        kept.write_bytes(damaged)
        find_keypoints(path)
        assert kept.read_bytes()[:2] == b"PK"
    assert len(detector_calls()) == 5
    assert list(cache_folder().iterdir()) == [kept]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, detector_calls):
    (tmp_path / "cache").write_text("a file stands where the folder would be")
    path = write_picture(tmp_path / "ann.png")
    assert find_keypoints(path).frames == find_keypoints(path).frames == 1
    assert len(detector_calls()) == 2


def test_another_detector_makes_old_answers_void(tmp_path, detector_calls, monkeypatch):
    from cospeech.video.detection import detector

    path = write_picture(tmp_path / "ann.png")
    find_keypoints(path)
    newer = tmp_path / "holistic.py"
    newer.write_bytes(detector.SOURCES[0].read_bytes() + b"# newer\n")
    monkeypatch.setattr(detector, "SOURCES", (newer, *detector.SOURCES[1:]))
    find_keypoints(path)
    assert len(detector_calls()) == 2
    monkeypatch.setattr(detector, "NETWORKS", {"other.tflite": "0" * 64})
    find_keypoints(path)
    assert len(detector_calls()) == 3


def test_films(tmp_path, detector_calls):
    seen = find_keypoints(write_film(tmp_path / "talk.mp4"))
    assert seen.points.shape == (12, 116, 2)
    assert (seen.fps, seen.size, seen.mask) == (25.0, (64, 48), None)
    assert seen.people == 1  # the second one passes through two frames of twelve
    assert detector_calls() == ["film"]
    find_keypoints(tmp_path / "talk.mp4")
    assert len(detector_calls()) == 1


def test_if_detecting_fails_nothing_is_kept(tmp_path, detector_calls):
    path = write_picture(tmp_path / "ann.png")
    detector_calls.mode = "fails"
    with pytest.raises(UserError, match=r"a network is damaged"):
        find_keypoints(path)
    assert not cache_folder().exists()
    detector_calls.mode = "works"
    assert find_keypoints(path).frames == 1


def test_what_is_neither_picture_nor_film(tmp_path, detector_calls):
    for name, content in {"a.txt": b"hello", "b.mp4": b"\0" * 500}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name} is neither a picture nor a film"):
            find_keypoints(tmp_path / name)
    with pytest.raises(UserError, match=r"no such file"):
        find_keypoints(tmp_path / "missing.png")
    assert detector_calls() == []


# ---------------------------------------------------------------------------- points of other detectors


def read_document(folder: Path, document: object, picture: Path | None = None) -> DetectedKeypoints:
    file = folder / "points.json"
    file.write_text(json.dumps(document))
    return find_keypoints(picture or write_picture(folder / "ann.png"), points=file)


def test_layouts_of_one_picture(tmp_path):
    scores = np.linspace(0.5, 1, 116)
    points, all_scores = whole_body(person(), scores)
    one = {"keypoints": points, "keypoint_scores": all_scores}
    people = {"people": [openpose(person(), scores)]}
    for document in (
        [{"frame_id": 0, "instances": [one]}],
        {"instance_info": [{"frame_id": 0, "instances": [one]}]},
        {"instances": [one]},
        [one],
        [[one]],
        one,
        {"keypoints": [points], "keypoint_scores": [all_scores]},
        people,
        [people],
        {**people, "canvas_width": 512, "canvas_height": 512},
    ):
        seen = read_document(tmp_path, document)
        np.testing.assert_allclose(seen.points[0], person(), atol=1e-3)
        np.testing.assert_allclose(seen.confidence[0], scores, atol=1e-6)
        assert (seen.fps, seen.size, seen.mask, seen.people) == (None, (512, 512), None, 1)


def test_points_of_a_copy_of_another_size(tmp_path):
    half = openpose(person() / 2, ONES)
    seen = read_document(tmp_path, {"people": [half], "canvas_width": 256, "canvas_height": 256})
    np.testing.assert_allclose(seen.points[0], person(), atol=1e-3)
    shares = openpose(person() / 512, ONES)
    seen = read_document(tmp_path, [{"people": [shares], "canvas_width": 768, "canvas_height": 768}])
    np.testing.assert_allclose(seen.points[0], person(), atol=1e-3)
    large = write_picture(tmp_path / "large.png", (4096, 4096))  # read at half its size
    seen = read_document(tmp_path, {"people": [openpose(person() * 8, ONES)]}, large)
    assert seen.size == (2048, 2048)
    np.testing.assert_allclose(seen.points[0], person() * 4, atol=1e-2)
    with pytest.raises(UserError, match=r"is of a picture of 640 x 360 and .* has 512 x 512; give points of"):
        read_document(tmp_path, {"people": [half], "canvas_width": 640, "canvas_height": 360})
    with pytest.raises(UserError, match=r"must be two numbers above 0"):
        read_document(tmp_path, {"people": [half], "canvas_width": 0, "canvas_height": None})


def test_our_own_file_comes_back_as_it_was(tmp_path, detector_calls):
    path = write_picture(tmp_path / "ann.png")
    made = video_keypoints(path)
    made.save(tmp_path / "ann.json")
    read = load_keypoints(tmp_path / "ann.json")
    assert read.names == POINTS
    assert read.camera == {"size": [512, 512], "centre": [256.0, 220.0], "shoulder_width": 200.0}
    np.testing.assert_allclose(read.points[0], person(), atol=0.006)
    np.testing.assert_array_equal(read.confidence, np.ones((1, 116)))
    seen = find_keypoints(write_picture(tmp_path / "twice.png", (1024, 1024)), points=tmp_path / "ann.json")
    np.testing.assert_allclose(seen.points[0], person() * 2, atol=0.012)
    assert len(detector_calls()) == 1
    document = json.loads((tmp_path / "ann.json").read_text())
    document["names"][7] = "sixth_finger"
    with pytest.raises(UserError, match=r"has no left_thumb1; give one with all 116 points"):
        read_document(tmp_path, document)
    document["confidence"] = [[1.0]]
    with pytest.raises(UserError, match=r"confidence must be"):
        read_document(tmp_path, document)


def test_points_of_a_film(tmp_path):
    frames = np.stack([person() / 8 + k for k in range(12)])
    points = [whole_body(one, ONES) for one in frames]
    document = {"keypoints": [one for one, _ in points], "keypoint_scores": [one for _, one in points]}
    seen = read_document(tmp_path, document, write_film(tmp_path / "talk.mp4"))
    assert (seen.fps, seen.size) == (25.0, (64, 48))
    np.testing.assert_allclose(seen.points, frames, atol=1e-3)
    assert read_document(tmp_path, {**document, "fps": 50}, tmp_path / "talk.mp4").fps == 50
    with pytest.raises(UserError, match=r"holds 12 frames and .*ann.png is one picture"):
        read_document(tmp_path, document)


def test_files_that_cannot_be_used(tmp_path):
    for document in (
        {},
        [],
        [[]],
        [1],
        {"people": 3},
        {"people": [{"pose_keypoints_2d": [1, 2]}]},
        {"keypoints": [[1, 2]]},
        "text",
        None,
        {"format": "cospeech-keypoints"},
    ):
        with pytest.raises(UserError) as error:
            check_person(read_document(tmp_path, document), "ann.png")
        assert len(str(error.value).splitlines()) == 1
    (tmp_path / "points.json").write_text("{")
    with pytest.raises(UserError, match=r"is no JSON that can be read"):
        find_keypoints(tmp_path / "ann.png", points=tmp_path / "points.json")


# ---------------------------------------------------------------------------- is there a person


def seen_with(**changes: object) -> DetectedKeypoints:
    usual: dict = {"points": person()[None], "confidence": ONES[None], "fps": None, "size": (512, 512)}
    return DetectedKeypoints(**{**usual, **changes})


def without(*parts: slice | int) -> np.ndarray:
    confidence = np.ones((1, 116))
    for part in parts:
        confidence[:, part] = 0
    return confidence


def test_one_person_of_whom_enough_is_seen(detector_calls, tmp_path):
    assert check_person(seen_with(), "ann.png") == ()
    for changes, message in (
        ({"confidence": np.zeros((1, 116)), "people": 0}, "no person is found in ann.png; give a picture of"),
        ({"people": 3}, "ann.png shows 3 people; crop it so that one person is left"),
        ({"confidence": without(0)}, "the shoulders are not in ann.png; give a picture that goes from head"),
        ({"points": person()[None] + [0, 400]}, "the shoulders are not in ann.png"),
        ({"confidence": without(slice(48, 100))}, "the face is not visible in ann.png"),
    ):
        with pytest.raises(UserError, match=message):
            check_person(seen_with(**changes), "ann.png")
    path = write_picture(tmp_path / "ann.png")
    for mode, message in {"two": "shows 2 people", "nobody": "no person is found"}.items():
        detector_calls.mode = mode
        with pytest.raises(UserError, match=message):
            check_person(find_keypoints(path, cache=False), "ann.png")
    detector_calls.mode = "faceless"  # no face was counted, but points were found
    assert find_keypoints(path, cache=False).people == 1


def rotated(points: np.ndarray, degrees: float) -> np.ndarray:
    """Points of the picture rotated clockwise about its middle."""
    angle = np.radians(degrees)
    return (points - 256) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + 256


def test_pictures_that_are_turned_are_refused():
    for degrees, message in {
        180: "ann.png shows the person upside down; turn it by 180 degrees",
        90: "ann.png shows the person lying on the side; turn it by 90 degrees anticlockwise",
        -100: "ann.png shows the person lying on the side; turn it by 90 degrees clockwise",
    }.items():
        with pytest.raises(UserError) as error:
            check_person(seen_with(points=rotated(person(), degrees)[None]), "ann.png")
        assert str(error.value) == message
    for degrees in (-40, 20, 40):
        assert check_person(seen_with(points=rotated(person(), degrees)[None]), "ann.png") == ()
    upside_down_at_times = np.stack([rotated(person(), 180 * (k < 3)) for k in range(10)])
    assert check_person(seen_with(points=upside_down_at_times, confidence=np.ones((10, 116)), fps=30.0), "a") == ()


def test_people_from_the_side_and_from_behind_are_refused():
    def with_nose(across: float) -> DetectedKeypoints:
        points = person()
        points[48 + 30, 0] = 256 + 45 * across
        return seen_with(points=points[None])

    for across in (0.0, 0.5, -0.8):
        assert check_person(with_nose(across), "ann.png") == ()
    for across in (1.1, -1.4):
        (line,) = check_person(with_nose(across), "ann.png")
        assert line == "ann.png: the face is turned aside, its far side and lips are seen less well"
    from_the_side = "ann.png shows the person from the side, in profile; give a picture in which they face the camera"
    narrow, behind = person(), person()
    narrow[[0, 3], 0] = 276, 236
    behind[[0, 1, 3, 4], 0] = behind[[3, 4, 0, 1], 0]
    faceless = without(slice(48, 116))
    for seen, message in (
        (with_nose(1.8), from_the_side),
        (with_nose(-2.0), from_the_side),
        (seen_with(points=narrow[None], confidence=faceless), from_the_side),
        (seen_with(points=behind[None], confidence=faceless), "ann.png shows the person from behind; give a picture"),
        (seen_with(confidence=faceless), "the face is not visible in ann.png"),
    ):
        with pytest.raises(UserError, match=message):
            check_person(seen, "ann.png")


def test_undetected_parts_are_noted():
    left = slice(6, 27)
    assert check_person(seen_with(confidence=without(left)), "a") == (
        "a: the left hand is not found; it moves as the wrist does",
    )
    assert check_person(seen_with(confidence=without(left, 2)), "a") == (
        "a: the left hand is not in the picture; it moves as the wrist does",
        "a: the left wrist is not found, where the arm goes is a guess",
    )
    assert check_person(seen_with(confidence=without(2)), "a") == ()  # the hand tells where it is
    many = {"points": np.repeat(person()[None], 10, 0), "confidence": np.ones((10, 116)), "fps": 30.0}
    many["confidence"][3:, left] = 0.1
    assert check_person(seen_with(**many), "a") == (
        "a: the left hand is visible in 30% of the frames; the others are imputed",
    )


def test_invalid_detections_are_refused():
    for changes in (
        {"points": person()},
        {"confidence": ONES},
        {"points": person()[None] * np.nan},
        {"mask": np.zeros((3, 3), np.uint8)},
    ):
        with pytest.raises(UserError):
            seen_with(**changes)
