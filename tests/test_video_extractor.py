"""The detector's program: what it makes of MediaPipe's results, and that it runs on its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from cospeech.motion.points import POINTS
from cospeech.video.detection import extractor

FILE = Path(extractor.__file__)


def landmarks(spots, visibility: float = 1.0) -> SimpleNamespace:
    """Spots [N, 2] in shares of the picture, as MediaPipe hands them over."""
    return SimpleNamespace(landmark=[SimpleNamespace(x=x, y=y, visibility=visibility) for x, y in spots])


def result(*, left=None, right=None, face=None) -> SimpleNamespace:
    """A pose whose shoulders are 0.4 apart, with wrists at (0.7, 0.7) and (0.3, 0.7)."""
    pose = np.zeros((33, 2))
    pose[[11, 13, 15, 12, 14, 16]] = [(0.7, 0.4), (0.75, 0.6), (0.7, 0.7), (0.3, 0.4), (0.25, 0.6), (0.3, 0.7)]
    return SimpleNamespace(
        pose_landmarks=landmarks(pose, 0.8), face_landmarks=face, left_hand_landmarks=left, right_hand_landmarks=right
    )


def test_it_stands_alone():
    """An old Python reads it, and neither cospeech nor what comes with MediaPipe is imported at once."""
    tree = ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = {(node.module, node.level) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"sys", "numpy", "cv2"}
    assert froms == {("__future__", 0), ("pathlib", 0), ("mediapipe", 0)}
    command = [sys.executable, "-I", str(FILE), "picture", "missing.npy", "out.npz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (1, "no such file: missing.npy")


def test_the_mesh_has_a_face_in_it():
    assert len(set(extractor.MESH)) == len(extractor.MESH) == 68
    assert max(extractor.MESH) < 468


def test_where_everything_goes():
    left = landmarks(np.stack([0.72 + np.arange(21) / 500, np.full(21, 0.72)], axis=1))
    mesh = landmarks(np.stack([np.arange(478) / 478, np.full(478, 0.2)], axis=1))
    points, confidence = extractor.keypoints_of(result(left=left, face=mesh), 1000, 500)
    at = dict(zip(POINTS, points.tolist(), strict=True))
    sure = dict(zip(POINTS, confidence.tolist(), strict=True))
    np.testing.assert_allclose(at["left_shoulder"], (700, 200), atol=1e-3)
    np.testing.assert_allclose(at["right_elbow"], (250, 300), atol=1e-3)
    np.testing.assert_allclose(at["left_hand"], (720, 360), atol=1e-3)
    np.testing.assert_allclose(at["left_wrist"], (720, 360), atol=1e-3)  # the hand knows better
    np.testing.assert_allclose(at["left_pinky4"], (760, 360), atol=1e-3)
    np.testing.assert_allclose(at["right_wrist"], (300, 350), atol=1e-3)
    np.testing.assert_allclose(at["face_8"], (1000 * 152 / 478, 100), atol=1e-3)  # 152 is the chin
    assert sure["left_hand"] == sure["left_wrist"] == sure["face_0"] == 1
    assert sure["right_hand"] == 0
    np.testing.assert_allclose(sure["right_wrist"], 0.8, atol=1e-6)


def test_a_hand_far_from_its_wrist_is_none():
    right = landmarks(np.full((21, 2), 0.7))  # at the left wrist
    _, confidence = extractor.keypoints_of(result(right=right), 1000, 1000)
    assert not confidence[27:48].any()
    nobody = SimpleNamespace(pose_landmarks=None)
    assert not extractor.keypoints_of(nobody, 1000, 1000)[1].any()


def test_small_faces_are_not_counted():
    def faces(*widths: float) -> SimpleNamespace:
        boxes = [SimpleNamespace(relative_bounding_box=SimpleNamespace(width=width)) for width in widths]
        return SimpleNamespace(detections=[SimpleNamespace(location_data=box) for box in boxes])

    assert extractor.count_people(faces(0.2, 0.05)) == 1
    assert extractor.count_people(faces(0.2, 0.15, 0.09)) == 2
    assert extractor.count_people(SimpleNamespace(detections=None)) == 0


def test_a_wrist_does_not_jump_when_its_hand_is_lost():
    frames = 10
    poses = np.stack([np.linspace(0, 90, frames), np.full(frames, 50.0)], axis=1)
    points, confidence = np.zeros((frames, 116, 2)), np.ones((frames, 116))
    confidence[4:7, 6:27] = 0
    confidence[5, 2] = 0
    points[:, 2] = poses + [0, 12]  # the hand's root
    points[4:7, 2] = poses[4:7]
    extractor.steady_wrists(points, confidence, 6, 2, poses)
    np.testing.assert_allclose(points[[3, 4, 6, 7], 2], poses[[3, 4, 6, 7]] + [0, 12])
    np.testing.assert_allclose(points[5, 2], poses[5])  # no pose either
    untouched = points.copy()
    extractor.steady_wrists(points, np.zeros((frames, 116)), 27, 5, poses)
    np.testing.assert_array_equal(points, untouched)
