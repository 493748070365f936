"""BVH: round trips, the freedoms of the format, and files that are broken."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.core.rotation import euler_to_matrix, geodesic
from cospeech.motion.formats.bvh import continuous_euler, load_bvh, save_bvh
from cospeech.motion.motion import Motion, concatenate
from cospeech.motion.skeleton import Skeleton
from format_data import canonical_motion, ebmdb_clips, smooth_rotations, write

SMALL = """HIERARCHY
ROOT Hips
{
  OFFSET 0 10 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 50 0
    CHANNELS 3 Yrotation Xrotation Zrotation
    JOINT Head
    {
      OFFSET 0 45 5
      CHANNELS 2 Xrotation Yrotation
      End Site
      {
        OFFSET 0 40 0
      }
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0333333
1 90 3 10 20 30 40 50 60 70 80
2 91 4 0 0 0 0 0 0 0 0
"""


def test_small_file(tmp_path):
    motion = load_bvh(write(tmp_path / "a.bvh", SMALL))
    assert motion.skeleton.names == ("Hips", "Spine", "Head")
    assert motion.fps == 30.0
    assert motion.skeleton.ends == ((2, (0.0, 0.4, 0.0)),)
    np.testing.assert_allclose(motion.skeleton.offsets, [[0, 0.1, 0], [0, 0.5, 0], [0, 0.45, 0.05]])
    # Position channels replace the OFFSET.
    np.testing.assert_allclose(motion.translation, [[0.01, 0.9, 0.03], [0.02, 0.91, 0.04]], atol=1e-7)
    expected = euler_to_matrix(np.radians([[10.0, 20, 30]]), "ZXY")[0]
    np.testing.assert_allclose(motion.rotations[0, 0], expected, atol=1e-6)
    expected = euler_to_matrix(np.radians([[40.0, 50, 60]]), "YXZ")[0]
    np.testing.assert_allclose(motion.rotations[0, 1], expected, atol=1e-6)
    np.testing.assert_allclose(motion.rotations[0, 2], euler_to_matrix(np.radians([[70.0, 80]]), "XY")[0], atol=1e-6)


def test_corpus_clips_round_trip_within_half_a_millimetre(tmp_path):
    for path in ebmdb_clips(tmp_path, every=100):
        motion = load_bvh(path)
        assert motion.fps == 30.0
        assert len(motion.skeleton) == 23
        again = load_bvh(save_bvh(motion, tmp_path / "again.bvh"))
        assert again.skeleton == motion.skeleton
        np.testing.assert_allclose(again.positions, motion.positions, atol=5e-4)
        for (joint, tip), (other, other_tip) in zip(motion.skeleton.ends, again.skeleton.ends, strict=True):
            assert joint == other
            np.testing.assert_allclose(tip, other_tip, atol=1e-6)


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_every_order_round_trips(tmp_path, order):
    motion = canonical_motion(25)
    again = load_bvh(save_bvh(motion, tmp_path / "a.bvh", order=order))
    place = [again.skeleton.index(name) for name in motion.skeleton.names]
    np.testing.assert_allclose(again.positions[:, place], motion.positions, atol=1e-4)


@pytest.mark.parametrize("unit", ["m", "cm", "mm", "in"])
def test_unit_is_guessed_from_the_body(tmp_path, unit):
    motion = canonical_motion(3)
    again = load_bvh(save_bvh(motion, tmp_path / "a.bvh", unit=unit))
    np.testing.assert_allclose(again.translation, motion.translation, atol=1e-4)
    np.testing.assert_allclose(load_bvh(tmp_path / "a.bvh", unit=unit).translation, motion.translation, atol=1e-4)


def test_z_up_is_turned(tmp_path):
    motion = canonical_motion(5)
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # y-up to z-up
    skeleton = Skeleton(motion.skeleton.names, motion.skeleton.parents, motion.skeleton.offsets @ turn.T)
    tilted = Motion(skeleton, 30.0, turn @ motion.rotations @ turn.T, motion.translation @ turn.T)
    save_bvh(tilted, tmp_path / "z.bvh")
    for up in ("auto", "z"):
        again = load_bvh(tmp_path / "z.bvh", up=up)
        place = [again.skeleton.index(name) for name in motion.skeleton.names]
        np.testing.assert_allclose(again.positions[:, place], motion.positions, atol=1e-4)
    np.testing.assert_allclose(load_bvh(tmp_path / "z.bvh", up="y").translation, tilted.translation, atol=1e-5)


def test_positions_on_other_joints(tmp_path):
    text = SMALL.replace("CHANNELS 3 Y", "CHANNELS 6 Xposition Yposition Zposition Y")
    fixed = text.replace("30 40 50", "30 0 60 0 40 50").replace("91 4 0 0 0 0", "91 4 0 0 0 0 60 0 0")
    motion = load_bvh(write(tmp_path / "fixed.bvh", fixed))
    np.testing.assert_allclose(motion.skeleton.offsets[1], [0, 0.6, 0])
    assert "per_frame" not in motion.extra
    moving = text.replace("30 40 50", "30 0 60 0 40 50").replace("91 4 0 0 0 0", "91 4 0 0 0 0 62 0 0")
    motion = load_bvh(write(tmp_path / "moving.bvh", moving))
    np.testing.assert_allclose(motion.skeleton.offsets[1], [0, 0.61, 0])
    values = motion.extra["per_frame"]["bvh_position/Spine"]
    np.testing.assert_allclose(values[:, 1], [0.60, 0.62])
    again = load_bvh(save_bvh(motion, tmp_path / "again.bvh"))
    np.testing.assert_allclose(again.extra["per_frame"]["bvh_position/Spine"], values, atol=1e-6)


def test_written_files_suit_animation_tools(tmp_path):
    motion = canonical_motion(4)
    text = save_bvh(motion, tmp_path / "a.bvh").read_text()
    assert text.startswith("HIERARCHY\nROOT pelvis\n{\n\tOFFSET 0.000000 0.000000 0.000000\n\tCHANNELS 6 Xposition")
    leaves = sum(not children for children in motion.skeleton.children)
    assert text.count("End Site") == leaves == 15
    assert "Frame Time: 0.03333333\n" in text
    height = float(text.splitlines()[-4].split()[1])
    assert height == pytest.approx(motion.translation[0, 1] * 100, abs=1e-3)
    again = load_bvh(tmp_path / "a.bvh")
    tips = {again.skeleton.names[joint]: tip for joint, tip in again.skeleton.ends}
    toe = again.skeleton.rest_positions[again.skeleton.index("left_foot")] + tips["left_foot"]
    assert toe[1] + motion.skeleton.offsets[0, 1] == pytest.approx(0.0, abs=1e-6)


def test_other_rigs_by_name(tmp_path):
    motion = canonical_motion(4)
    save_bvh(motion, tmp_path / "a.bvh", rig="mixamo")
    assert "JOINT LeftForeArm" in (tmp_path / "a.bvh").read_text()
    with pytest.raises(UserError, match="unknown rig table"):
        save_bvh(motion, tmp_path / "b.bvh", rig="teapot")
    assert not (tmp_path / "b.bvh").exists()


def test_angles_do_not_jump():
    turns = np.linspace(0, 6 * np.pi, 400)[:, None]
    angles = np.concatenate([turns, 1.4 * np.sin(turns), 2 * turns], axis=1)[:, None]
    rotations = euler_to_matrix(angles, "ZXY")
    found = continuous_euler(rotations, "ZXY")
    assert np.abs(np.diff(found, axis=0)).max() < 0.3
    assert geodesic(euler_to_matrix(found, "ZXY"), rotations).max() < 1e-6


def test_angles_pass_the_gimbal_lock_without_jumps():
    middle = np.linspace(0, np.pi, 181)  # the middle angle runs through 90 degrees
    angles = np.stack([np.full(181, 0.3), middle, np.full(181, -0.2)], axis=-1)[:, None]
    rotations = euler_to_matrix(angles, "ZXY")
    found = continuous_euler(rotations, "ZXY")
    near = np.abs(middle - np.pi / 2) < np.radians(1.5)
    steps = np.abs(np.diff(found, axis=0)).max((1, 2))
    assert steps[~(near[1:] | near[:-1])].max() < 0.05
    assert geodesic(euler_to_matrix(found, "ZXY"), rotations).max() < 1e-6


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("0.0333333", 30),
        ("0.033333", 30),
        ("0.0333", 30),
        ("0.033", 30),
        ("3.333333e-02", 30),
        ("0.008333", 120),
        ("0.0083333", 120),
        ("0.016667", 60),
        ("0.04", 25),
        ("0.0416667", 24),
        ("0.03336667", 30000 / 1001),
        ("0.01", 100),
        ("0.1", 10),
        ("0.02", 50),
        ("0.005", 200),
    ],
)
def test_frame_times_are_rounded_numbers(tmp_path, text, fps):
    motion = load_bvh(write(tmp_path / "a.bvh", SMALL.replace("0.0333333", text)))
    assert motion.fps == pytest.approx(fps, rel=1e-9)


def test_ways_of_writing(tmp_path):
    expected = load_bvh(write(tmp_path / "a.bvh", SMALL))
    for i, text in enumerate(
        (
            SMALL.replace("\n", "\r\n"),
            "\ufeff" + SMALL,
            SMALL.replace("ROOT Hips\n{", "ROOT Hips {"),
            SMALL.upper().replace("HIPS", "Hips").replace("SPINE", "Spine").replace("HEAD", "Head"),
            SMALL + "\n\n  \n",
            SMALL.replace(" ", "\t"),
            SMALL.rstrip("\n"),
            SMALL.replace("MOTION\n", "MOTION\n\n"),
        )
    ):
        (tmp_path / f"b{i}.bvh").write_bytes(text.encode())
        motion = load_bvh(tmp_path / f"b{i}.bvh")
        np.testing.assert_array_equal(motion.rotations, expected.rotations)
        assert motion.skeleton.names == expected.skeleton.names
    spaced = load_bvh(write(tmp_path / "c.bvh", SMALL.replace("JOINT Spine", "JOINT Bip01 Spine")))
    assert spaced.skeleton.names[1] == "Bip01_Spine"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("JOINT Head", "JOINT Spine", "line 10: joint 'Spine' occurs twice"),
        ("OFFSET 0 45 5", "OFFSET 0 x 5", "line 12: an OFFSET must be a number, got 'x'"),
        ("OFFSET 0 45 5", "OFFSET 0 nan 5", "line 12"),
        ("CHANNELS 2 X", "CHANNELS 7 X", "line 14: unknown channel"),
        ("CHANNELS 2 Xrotation Y", "CHANNELS 2 Xrotation X", "line 13: channel Xrotation occurs twice"),
        ("CHANNELS 2 ", "CHANNELS -1 ", "line 13"),
        ("Frames: 2", "Frames: 3", "line 22: says 3 frames, the file holds 2"),
        ("Frames: 2", "Frames: 1", "line 22: says 1 frames, the file holds 2"),
        ("Frames: 2", "Frames: two", "line 22"),
        ("Frames: 2", "Frames: 0", "line 22"),
        ("Time: 0.0333333", "Time: 0", "line 22"),
        ("Time: 0.0333333", "Time: -1", "line 22"),
        ("70 80\n", "70\n", "line 24: frame 1 has 10 values for 11 channels"),
        ("2 91 4", "2 9l 4", "line 25: '9l' is not a finite number"),
        ("2 91 4", "2 nan 4", "line 25: 'nan' is not a finite number"),
        ("2 91 4", "2 1e999 4", "line 25"),
        ("HIERARCHY", "HIERARHY", "not a BVH file"),
        ("MOTION", "MOTOIN", "no MOTION line"),
        ("Frames: 2\n", "", "expected 'Frames: N'"),
        ("ROOT Hips", "ROOT", "line 2: a joint without a name"),
        ("ROOT Hips", "JOINT Hips", "line 2"),
        ("  JOINT Spine", "  ROOT Spine", "line 6: a ROOT within a joint"),
        ("      }\n    }\n  }\n}\n", "      }\n    }\n  }\n", "ends where a closing brace"),
        ("}\nMOTION", "}\n}\nMOTION", "line 21: unexpected '}'"),
    ],
)
def test_broken_files_name_the_line(tmp_path, old, new, problem):
    assert old in SMALL
    path = write(tmp_path / "broken.bvh", SMALL.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load_bvh(path)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_truncation_is_a_clear_error(tmp_path):
    path = tmp_path / "cut.bvh"
    whole = load_bvh(write(path, SMALL))
    for length in range(len(SMALL)):
        write(path, SMALL[:length])
        try:
            motion = load_bvh(path)
        except UserError:
            continue
        assert motion.frames == whole.frames  # cut inside the very last number
        assert length >= len(SMALL) - 2


def test_wrong_options(tmp_path):
    path = write(tmp_path / "a.bvh", SMALL)
    for options in ({"up": "x"}, {"unit": "yard"}, {"unit": -1.0}):
        with pytest.raises(UserError):
            load_bvh(path, **options)
    motion = canonical_motion(2)
    with pytest.raises(UserError, match="rotation order"):
        save_bvh(motion, tmp_path / "b.bvh", order="XYX")
    bad = replace(motion.skeleton, names=("pel vis", *motion.skeleton.names[1:]))
    with pytest.raises(UserError, match="joint name"):
        save_bvh(replace(motion, skeleton=bad), tmp_path / "b.bvh")
    assert list(tmp_path.iterdir()) == [path]


def test_deep_and_wide_skeletons(tmp_path):
    count = 300
    names = tuple(f"j{i}" for i in range(count))
    offsets = np.full((count, 3), 0.01)
    motion = Motion(
        Skeleton(names, tuple(range(-1, count - 1)), offsets), 30.0, smooth_rotations(2, count), np.zeros((2, 3))
    )
    again = load_bvh(save_bvh(motion, tmp_path / "deep.bvh", unit="m"), unit="m")
    np.testing.assert_allclose(again.positions, motion.positions, atol=1e-3)


def test_reading_is_fast(tmp_path):
    motion = canonical_motion(600, face=False)
    minutes = concatenate([motion] * 3)
    path = save_bvh(minutes, tmp_path / "long.bvh")
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        assert load_bvh(path).frames == 1800
        best = min(best, time.process_time() - start)
    assert best < 0.6  # a minute of 55 joints: 0.09 s on a quiet machine; ten minutes of 23 joints 0.4 s
