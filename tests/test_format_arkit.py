"""Live Link Face CSV and keypoints JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.core.rotation import euler_to_matrix, geodesic
from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.formats.arkit import LIVE_LINK_ROTATIONS, LIVE_LINK_SHAPES
from cospeech.motion.formats.keypoints import load_keypoints, project
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.skeleton import CANONICAL_NAMES
from format_data import canonical_motion, write

# As the app writes it (two frames a second left out by its own hiccup: the last row holds no weights).
APP = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,JawOpen,HeadYaw,HeadPitch,HeadRoll\n"
    "14:03:52:28.207,61,0.25,0.5,0.1,0.2,0.3\n"
    "14:03:52:29.207,61,0.5,0.75,0.0,0.0,0.0\n"
    "14:03:53:00.207,0\n"
)


def test_columns_are_the_apps_own():
    assert len(LIVE_LINK_SHAPES) == 52
    assert sorted(name.lower() for name in LIVE_LINK_SHAPES) == sorted(name.lower() for name in ARKIT_NAMES)
    header = ",".join((*LIVE_LINK_SHAPES, *LIVE_LINK_ROTATIONS))
    assert header.startswith("EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft")
    assert "JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft" in header
    assert "MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft" in header
    assert header.endswith(
        "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,"
        "RightEyeYaw,RightEyePitch,RightEyeRoll"
    )


def test_face_head_and_eyes_come_back(tmp_path):
    motion = canonical_motion(70, fps=60.0)
    path = save_motion(motion, tmp_path / "a.csv")
    lines = path.read_text().splitlines()
    assert len(lines) == 71
    assert all(len(line.split(",")) == 63 for line in lines)
    assert lines[1].startswith("00:00:00:00.000,61,")
    assert lines[61].startswith("00:00:01:00.000,61,")
    again = load_motion(path, fps=60)
    np.testing.assert_array_equal(again.face, motion.face)
    neck, head, eye = (CANONICAL_NAMES.index(name) for name in ("neck", "head", "left_eye"))
    whole = motion.rotations[:, neck] @ motion.rotations[:, head]
    assert (
        geodesic((again.rotations[:, neck] @ again.rotations[:, head]).astype(float), whole.astype(float)).max() < 1e-4
    )
    assert geodesic(again.rotations[:, eye].astype(float), motion.rotations[:, eye].astype(float)).max() < 1e-4


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_rate_from_timecodes(tmp_path, fps):
    path = save_motion(canonical_motion(200, fps=fps), tmp_path / "a.csv")
    assert load_motion(path).fps == fps


def test_a_file_of_the_app(tmp_path):
    motion = load_motion(write(tmp_path / "a.csv", APP))
    assert motion.frames == 3
    assert motion.fps == 30.0
    jaw = motion.face[:, ARKIT_NAMES.index("jawOpen")]
    np.testing.assert_allclose(jaw, [0.5, 0.75, 0.75])  # held where the app lost the face
    assert not motion.face[:, ARKIT_NAMES.index("mouthPucker")].any()
    neck, head = (motion.rotations[0, CANONICAL_NAMES.index(name)] for name in ("neck", "head"))
    np.testing.assert_allclose(neck @ head, euler_to_matrix(np.array([0.1, 0.2, 0.3]), "YXZ"), atol=1e-5)
    shuffled = "\ufeff" + APP.replace("JawOpen", "jawopen").replace("\n", "\r\n")
    (tmp_path / "b.csv").write_bytes(shuffled.encode())
    np.testing.assert_array_equal(load_motion(tmp_path / "b.csv").face, motion.face)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "needs a line of names"),
        ("Timecode,BlendShapeCount,JawOpen,EyeBlinkLeft\n", "needs a line of names"),
        ("a,b\n1,2\n", "names no ARKit shapes"),
        (APP.replace("0.75", "open"), "line 3: 'open' is not a finite number"),
        (APP.replace("0.75", "nan"), "line 3: 'nan' is not a finite number"),
    ],
)
def test_broken_tables(tmp_path, text, problem):
    with pytest.raises(UserError, match=problem):
        load_motion(write(tmp_path / "a.csv", text))


def test_no_face_no_csv(tmp_path):
    with pytest.raises(UserError, match="no face"):
        save_motion(canonical_motion(3, face=False), tmp_path / "a.csv")
    with pytest.raises(UserError, match="fps must be"):
        load_motion(write(tmp_path / "b.csv", APP), fps=0)


def test_keypoints_in_space(tmp_path):
    motion = canonical_motion(9)
    points = load_keypoints(save_motion(motion, tmp_path / "a.json"))
    assert points.names == motion.skeleton.names
    assert points.parents == motion.skeleton.parents
    assert points.fps == 30.0
    assert points.camera is None
    np.testing.assert_allclose(points.points, motion.positions, atol=1e-5)


def test_keypoints_in_an_image(tmp_path):
    motion = canonical_motion(9)
    path = save_motion(motion, tmp_path / "a.json", dimensions=2, size=(640, 360), camera=(0.0, 1.0, 4.0))
    points = load_keypoints(path)
    assert points.points.shape == (9, 55, 2)
    assert points.camera == {"size": [640, 360], "position": [0.0, 1.0, 4.0], "fov": 35.0}
    expected = project(motion.positions, size=(640, 360), camera=(0.0, 1.0, 4.0))
    np.testing.assert_allclose(points.points, expected, atol=0.006)
    middle = project(np.array([0.0, 1.0, 0.0]), size=(640, 360), camera=(0.0, 1.0, 4.0))
    np.testing.assert_allclose(middle, [320, 180])
    left, high = project(np.array([[0.5, 1.0, 0.0], [0.0, 1.5, 0.0]]), size=(640, 360), camera=(0.0, 1.0, 4.0))
    assert left[0] > 320  # the person's left at the right of the image
    assert high[1] < 180
    top = 4.0 * np.tan(np.radians(35.0 / 2))
    edge = project(np.array([0.0, 1.0 + top, 0.0]), size=(640, 360), camera=(0.0, 1.0, 4.0))
    assert edge[1] == pytest.approx(0.0, abs=1e-9)


def test_keypoints_refuse(tmp_path):
    motion = canonical_motion(2)
    with pytest.raises(UserError, match="2 or 3 dimensions"):
        save_motion(motion, tmp_path / "a.json", dimensions=4)
    with pytest.raises(UserError, match="behind the camera"):
        save_motion(motion, tmp_path / "a.json", dimensions=2, camera=(0.0, 1.0, 0.0))
    with pytest.raises(UserError, match="fov"):
        save_motion(motion, tmp_path / "a.json", dimensions=2, fov=200)
    assert not (tmp_path / "a.json").exists()
    with pytest.raises(UserError, match="holds no full motion"):
        load_motion(save_motion(motion, tmp_path / "a.json"))


def test_damaged_keypoints(tmp_path):
    whole = json.loads(save_motion(canonical_motion(2), tmp_path / "a.json").read_text())
    damaged = [
        "",
        "{",
        "[]",
        "{}",
        json.dumps({**whole, "version": 2}),
        json.dumps({**whole, "names": whole["names"][1:]}),
        json.dumps({**whole, "points": [[["x"]]]}),
        json.dumps({**whole, "points": whole["points"][0]}),
        json.dumps({**whole, "fps": 0}),
        json.dumps({**whole, "fps": None}),
        json.dumps({key: value for key, value in whole.items() if key != "parents"}),
    ]
    for text in damaged:
        with pytest.raises(UserError) as caught:
            load_keypoints(write(tmp_path / "b.json", text))
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        load_keypoints(tmp_path / "missing.json")


def test_other_rigs_have_a_face_but_no_known_head(tmp_path):
    from cospeech.motion.retarget import to_rig

    rig = to_rig(canonical_motion(4), "mixamo")
    again = load_motion(save_motion(replace(rig), tmp_path / "a.csv"))
    assert again.face is not None
    assert (again.rotations == np.eye(3)).all()
