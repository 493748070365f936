"""ZeroEGGS and Talking With Hands: what the readers find in files laid out as the corpora are."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.core.rotation import matrix_to_euler
from cospeech.data.clips import Dropped
from cospeech.data.prepare import prepare, reader
from cospeech.data.readers import twh, zeggs
from cospeech.data.readers.ebmdb import seed_of
from cospeech.data.readers.voices import split_of
from cospeech.motion.formats.bvh import save_bvh
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.fingers import add_fingers
from cospeech.motion.retarget import detect_table, limb_directions, retarget, to_rig
from cospeech.motion.skeleton import Skeleton
from cospeech.speech.audio import write_wav
from reader_data import HANDS, apart, by_id, person

Joints = list[tuple[str, str, tuple[float, float, float]]]


def rig(joints: Joints) -> Skeleton:
    """A skeleton of (name, parent, offset)."""
    names = [name for name, _, _ in joints]
    parents = tuple(names.index(parent) if parent else -1 for _, parent, _ in joints)
    return Skeleton(tuple(names), parents, np.array([offset for _, _, offset in joints], dtype=float))


def zeggs_rig() -> Skeleton:
    """75 joints named and connected as in data_definition.json, of plausible lengths, in T-pose."""
    joints: Joints = [("Hips", "", (0, 0.95, 0)), ("Spine", "Hips", (0, 0.1, 0))]
    joints += [(f"Spine{k}", f"Spine{k - 1 or ''}", (0, 0.11, 0)) for k in (1, 2, 3)]
    joints += [("Neck", "Spine3", (0, 0.16, 0)), ("Neck1", "Neck", (0, 0.05, 0.01))]
    joints += [("Head", "Neck1", (0, 0.05, 0.01)), ("HeadEnd", "Head", (0, 0.19, 0))]
    knuckles = {"Thumb": (0.03, -0.02, 0.03), "Index": (0.09, 0, 0.025), "Middle": (0.09, 0, 0)}
    knuckles |= {"Ring": (0.085, 0, -0.02), "Pinky": (0.08, 0, -0.04)}
    for side, x in (("Right", -1.0), ("Left", 1.0)):
        joints += [
            (f"{side}Shoulder", "Spine3", (0.03 * x, 0.12, 0.02)),
            (f"{side}Arm", f"{side}Shoulder", (0.13 * x, 0, 0)),
            (f"{side}ForeArm", f"{side}Arm", (0.28 * x, 0, 0)),
            (f"{side}Hand", f"{side}ForeArm", (0.24 * x, 0, 0)),
        ]
        for finger, (out, up, ahead) in knuckles.items():
            joints.append((f"{side}Hand{finger}1", f"{side}Hand", (out * x, up, ahead)))
            for k in (2, 3, 4):
                joints.append((f"{side}Hand{finger}{k}", f"{side}Hand{finger}{k - 1}", (0.03 * x, 0, 0)))
        joints += [(f"{side}ForeArmEnd", f"{side}ForeArm", (0.24 * x, 0, 0))]
        joints += [(f"{side}ArmEnd", f"{side}Arm", (0.28 * x, 0, 0))]
    for side, x in (("Right", -1.0), ("Left", 1.0)):
        joints += [
            (f"{side}UpLeg", "Hips", (0.09 * x, -0.02, 0)),
            (f"{side}Leg", f"{side}UpLeg", (0, -0.42, 0)),
            (f"{side}Foot", f"{side}Leg", (0, -0.42, 0)),
            (f"{side}ToeBase", f"{side}Foot", (0, -0.07, 0.12)),
            (f"{side}ToeBaseEnd", f"{side}ToeBase", (0, 0, 0.06)),
            (f"{side}LegEnd", f"{side}Leg", (0, -0.42, 0)),
            (f"{side}UpLegEnd", f"{side}UpLeg", (0, -0.42, 0)),
        ]
    assert len(joints) == 75
    return rig(joints)


def twh_rig() -> Skeleton:
    """The joints and, in centimetres, the lengths of genea23.json; the right side mirrors the left."""
    joints: Joints = [
        ("body_world", "", (0, 0, 0)),
        ("b_root", "body_world", (0, 91.5, 0)),
        ("b_spine0", "b_root", (0, 2.52, -2.92)),
        ("b_spine1", "b_spine0", (0, 10.88, 2.19)),
        ("b_spine2", "b_spine1", (0, 10.37, -4.28)),
        ("b_spine3", "b_spine2", (0, 18.40, -1.78)),
        ("b_neck0", "b_spine3", (0, 12.77, 3.30)),
        ("b_head", "b_neck0", (0, 6.35, 3.19)),
        ("b_head_null", "b_head", (0, 19.9, 4.1)),
        ("b_jaw", "b_head", (0, 5.05, 2.27)),
    ]
    arm: Joints = [
        ("b_l_shoulder", "b_spine3", (2.8, 7.18, 9.09)),
        ("p_l_scap", "b_l_shoulder", (16.06, -0.98, -5.09)),
        ("b_l_arm", "p_l_scap", (0.31, -4.18, -0.50)),
        ("b_l_arm_twist", "b_l_arm", (0, 0, 0)),
        ("b_l_forearm", "b_l_arm_twist", (25.58, -0.59, -0.69)),
        ("b_l_wrist_twist", "b_l_forearm", (24.78, -0.57, -0.67)),
        ("b_l_wrist", "b_l_wrist_twist", (2.06, 0.07, 1.82)),
        ("b_l_thumb0", "b_l_wrist", (1.01, -0.38, 0.79)),
        ("b_l_thumb1", "b_l_thumb0", (0.99, -2.16, 1.67)),
        ("b_l_thumb2", "b_l_thumb1", (4.17, -0.82, 1.49)),
        ("b_l_thumb3", "b_l_thumb2", (3.79, -0.15, 0.23)),
    ]
    knuckles = {
        "index": (8.7, -0.2, 2.4),
        "middle": (8.73, 0.03, 0.04),
        "ring": (7.97, -0.33, -2.09),
        "pinky": (7.05, -1.12, -4.03),
    }
    for finger, place in knuckles.items():
        arm += [(f"b_l_{finger}1", "b_l_wrist", place), (f"b_l_{finger}2", f"b_l_{finger}1", (4, 0, 0))]
        arm.append((f"b_l_{finger}3", f"b_l_{finger}2", (2.5, 0, 0)))
    leg: Joints = [
        ("b_l_eye", "b_head", (3.4, 7.01, 8.59)),
        ("b_l_upleg", "b_root", (8.7, -7.18, -1.32)),
        ("b_l_leg", "b_l_upleg", (0, -37.3, 0.16)),
        ("b_l_foot_twist", "b_l_leg", (0, -39.87, -3.21)),
        ("b_l_foot", "b_l_foot_twist", (0, 0, 0)),
    ]
    for name, parent, (x, y, z) in (*arm, *leg):
        joints += [(name, parent, (x, y, z))]
        joints += [(name.replace("_l_", "_r_"), parent.replace("_l_", "_r_"), (-x, y, z))]
    return rig(joints)


def write_twh_bvh(path, motion: Motion) -> None:
    """As GENEA's files are: centimetres, six channels on every joint, z x y."""
    skeleton, lines = motion.skeleton, ["HIERARCHY"]
    order: list[int] = []
    channels = "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"

    def add(joint: int) -> None:
        order.append(joint)
        kind = "ROOT" if joint == 0 else "JOINT"
        offset = " ".join(f"{value:.6f}" for value in skeleton.offsets[joint])
        lines.extend([f"{kind} {skeleton.names[joint]}", "{", f"OFFSET {offset}", channels])
        children = [child for child, parent in enumerate(skeleton.parents) if parent == joint]
        for child in children:
            add(child)
        lines.extend([] if children else ["End Site", "{", "OFFSET 0 0 0", "}"])
        lines.append("}")

    add(0)
    angles = np.rad2deg(matrix_to_euler(motion.rotations[:, order], "ZXY"))
    places = np.tile(skeleton.offsets[order], (motion.frames, 1, 1))
    rows = np.concatenate([places, angles], axis=-1).reshape(motion.frames, -1)
    lines += ["MOTION", f"Frames: {motion.frames}", f"Frame Time: {1 / motion.fps:.6f}"]
    lines += [" ".join(f"{value:.6f}" for value in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")


class TestZeggs:
    """BVH and wav of one name, and info.csv."""

    def lay_out(self, folder, *names: str, seconds: float = 2.0, fps: float = 60.0) -> Motion:
        folder.mkdir(parents=True, exist_ok=True)
        motion = person(seconds, fps=fps, seed=4)
        recorded = to_rig(motion, "zeggs", skeleton=zeggs_rig())
        for name in names:
            save_bvh(recorded, folder / f"{name}.bvh", order="ZYX")
            write_wav(folder / f"{name}.wav", voice(seconds, seed=1)[0])
        return motion

    def test_recordings_and_the_published_split(self, tmp_path):
        clean, original = tmp_path / "zeggs" / "clean", tmp_path / "zeggs" / "original"
        truth = self.lay_out(clean, "001_Neutral_0_x_1_0")
        self.lay_out(clean, "001_Neutral_0_mirror_x_1_0", "067_Speech_2_x_1_0", "004_Happy_0_x_1_0", seconds=1.2)
        self.lay_out(original, "001_Neutral_0", "002_Sad_0", seconds=1.2)
        info = "anim_bvh,audio,validation\n001_Neutral_0.bvh,001_Neutral_0.wav,FALSE\n"
        info += "001_Neutral_0_mirror.bvh,001_Neutral_0.wav,FALSE\n004_Happy_0.bvh,004_Happy_0.wav,TRUE\n"
        (tmp_path / "zeggs" / "info.csv").write_text(info)
        clips = by_id(zeggs.read(tmp_path / "zeggs"))
        dropped = {name: clip for name, clip in clips.items() if isinstance(clip, Dropped)}
        assert list(dropped) == ["002_Sad_0"]
        assert "use the files of the folder clean" in dropped["002_Sad_0"].reason
        labels = {
            name: (clip.speaker, clip.split, clip.emotion, clip.motion.extra["style"])
            for name, clip in clips.items()
            if name not in dropped
        }
        assert labels == {
            "001_Neutral_0_x_1_0": ("zeggs", "train", "neutral", "Neutral"),
            "001_Neutral_0_mirror_x_1_0": ("zeggs", "train", "neutral", "Neutral"),
            "004_Happy_0_x_1_0": ("zeggs", "val", "joy", "Happy"),
            "067_Speech_2_x_1_0": ("zeggs", split_of("067_Speech_2"), None, "Speech"),
        }
        clip = clips["001_Neutral_0_x_1_0"]
        assert (clip.motion.fps, clip.motion.frames, clip.speech.frames) == (30.0, 60, 60)
        assert clip.speech.words == ()
        assert max(apart(clip.motion, truth[::2]).values()) < 6.0  # the mean heading sways
        assert np.abs(clip.motion.rotations[:, HANDS] - np.eye(3)).max() > 0.2  # its own fingers
        assert [clip.id for clip in zeggs.read(clean, limit=1, quiet=True)] == ["001_Neutral_0_mirror_x_1_0"]
        beneath = {clip.id: clip.split for clip in zeggs.read(clean, quiet=True)}
        assert beneath["004_Happy_0_x_1_0"] == "val"  # by info.csv of the folder above

    def test_without_the_table(self, tmp_path):
        self.lay_out(tmp_path / "valid", "010_Angry_1_x_0_9", seconds=1.2)
        self.lay_out(tmp_path / "train", "011_Laughing_0_x_1_0", seconds=1.2)
        clips = by_id(zeggs.read(tmp_path, quiet=True))
        labels = {name: (clip.split, clip.emotion) for name, clip in clips.items()}
        assert labels == {"010_Angry_1_x_0_9": ("val", "anger"), "011_Laughing_0_x_1_0": ("train", "amusement")}

    def test_what_is_broken(self, tmp_path):
        with pytest.raises(UserError, match=r"no zeggs folder: it holds no \.bvh"):
            list(zeggs.read(tmp_path / "none"))
        self.lay_out(tmp_path, "001_Neutral_0_x_1_0", "002_Sad_0_x_1_0", "take", seconds=1.2)
        (tmp_path / "001_Neutral_0_x_1_0.bvh").write_text("HIERARCHY\nROOT Hips\n")
        (tmp_path / "002_Sad_0_x_1_0.wav").unlink()
        write_wav(tmp_path / "003_Old_0_x_1_0.wav", voice(1.2, seed=1)[0])
        reasons = {name: clip.reason for name, clip in by_id(zeggs.read(tmp_path, quiet=True)).items()}
        assert "MOTION" in reasons.pop("001_Neutral_0_x_1_0")
        assert reasons.pop("002_Sad_0_x_1_0") == "no sound of the same name (.wav)"
        assert reasons.pop("003_Old_0_x_1_0") == "no motion of the same name (.bvh)"
        assert "NUMBER_STYLE_TAKE" in reasons.pop("take")
        assert not reasons
        (tmp_path / "info.csv").write_text("name,split\n1,train\n")
        with pytest.raises(UserError, match="must have the columns anim_bvh and validation; got name, split"):
            list(zeggs.read(tmp_path, quiet=True))

    def test_a_store_is_made_of_it(self, tmp_path):
        self.lay_out(tmp_path / "zeggs", "001_Neutral_0_x_1_0", seconds=1.5, fps=30.0)
        assert reader("zeggs") is zeggs.read
        assert prepare([("zeggs", tmp_path / "zeggs")], tmp_path / "store", quiet=True).pairs == 1


class TestTwh:
    """bvh, wav and tsv of one name, and a table of people."""

    def lay_out(self, folder, name: str, seconds: float = 1.2, *, words: str = "") -> Motion:
        motion = person(seconds, seed=4)
        recorded = to_rig(motion, "twh", skeleton=twh_rig())
        for kind in ("bvh", "wav", "tsv"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        write_twh_bvh(folder / "bvh" / f"{name}.bvh", recorded)
        write_wav(folder / "wav" / f"{name}.wav", voice(seconds, seed=1)[0])
        (folder / "tsv" / f"{name}.tsv").write_text(words)
        return motion

    def test_the_rig(self):
        motion, skeleton = person(1.0, seed=2), twh_rig()
        assert detect_table(skeleton) == "twh"
        recorded = to_rig(motion, "genea", skeleton=skeleton)
        back = retarget(recorded)
        assert max(apart(back, motion, turn=0.0).values()) < 0.1
        seen = limb_directions(recorded, "twh")
        for limb in ("left_shoulder", "right_shoulder", "left_hip", "left_knee"):
            np.testing.assert_allclose(seen[limb], limb_directions(back)[limb], atol=1e-4)
        # The wrist sits beside the joint that twists the forearm, and moves with it.
        np.testing.assert_allclose(seen["right_elbow"], limb_directions(back)["right_elbow"], atol=0.02)

    def test_2023_with_both_sides(self, tmp_path, capsys):
        trn, val = tmp_path / "trn" / "main-agent", tmp_path / "val" / "main-agent"
        words = "0.2\t0.6\tyou know\n0.6\t0.7\t#\n0.7\t0.9\t#yeah\n1.0\t1.1\t\n1.9\t2.4\tright\n9\t9.5\tlate\n"
        truth = self.lay_out(trn, "trn_2023_v0_000_main-agent", 2.0, words=words)
        self.lay_out(trn, "trn_2023_v0_001_main-agent")
        self.lay_out(tmp_path / "trn" / "interloctr", "trn_2023_v0_000_interloctr")
        self.lay_out(val, "val_2023_v0_000_main-agent", words="0.1\tnow\tright\n")
        header = "prefix,main-agent_id,main-agent_has_fingers,interloctr_id,interloctr_has_fingers\n"
        (tmp_path / "trn" / "metadata.csv").write_text(
            f"{header}trn_2023_v0_000,3,finger_incl,9,finger_excl\ntrn_2023_v0_001,9,finger_excl,3,finger_incl\n"
        )
        (tmp_path / "val" / "metadata.csv").write_text(f"{header}val_2023_v0_000,12,finger_excl,3,finger_incl\n")
        clips = by_id(twh.read(tmp_path))
        assert {name: (clip.speaker, clip.split, clip.emotion) for name, clip in clips.items()} == {
            "trn_2023_v0_000_main-agent": ("twh3", "train", None),
            "trn_2023_v0_001_main-agent": ("twh9", "train", None),
            "val_2023_v0_000_main-agent": ("twh12", "val", None),
        }
        clip = clips["trn_2023_v0_000_main-agent"]
        assert (clip.motion.fps, clip.motion.frames, clip.speech.frames) == (30.0, 60, 60)
        said = [(word.text, word.start, word.end) for word in clip.speech.words]
        assert [text for text, _, _ in said] == ["you", "know", "yeah", "right"]
        assert (said[0][1], said[1][2], said[2][1:], said[3][1:]) == (0.2, 0.6, (0.7, 0.9), (1.9, 2.0))
        assert 0.2 < said[0][2] <= said[1][1] < 0.6
        assert max(apart(clip.motion, truth).values()) < 6.0
        # The flag says whose fingers these are.
        assert np.abs(clip.motion.rotations[:, HANDS] - truth.rotations[:, HANDS]).max() < 0.05
        bare = clips["trn_2023_v0_001_main-agent"]
        made_up = add_fingers(bare.motion, seed=seed_of(bare.id)).rotations[:, HANDS]
        np.testing.assert_allclose(bare.motion.rotations[:, HANDS], made_up, atol=1e-5)
        labels = capsys.readouterr().err
        assert "twh: 1 recordings of interlocutors are left out" in labels
        assert "val_2023_v0_000_main-agent: read without words" in labels
        assert "line 1: expected start, end and text" in labels

    def test_2022_and_limit(self, tmp_path):
        for number in (0, 1, 2):
            self.lay_out(tmp_path / "trn", f"trn_2022_v1_00{number}")
        self.lay_out(tmp_path / "tst", "tst_2022_v1_000")
        (tmp_path / "trn" / "trn_2022_v1_metadata.csv").write_text(
            "trn_2022_v1_000,finger_incl,1\ntrn_2022_v1_001,finger_incl,7\ntrn_2022_v1_002,finger_incl,1\n"
        )
        clips = by_id(twh.read(tmp_path, limit=1, quiet=True))
        assert {name: (clip.speaker, clip.split) for name, clip in clips.items()} == {
            "trn_2022_v1_000": ("twh1", "train"),
            "trn_2022_v1_001": ("twh7", "train"),
            "tst_2022_v1_000": ("twh", "test"),  # not in a table
        }

    def test_what_is_broken(self, tmp_path):
        with pytest.raises(UserError, match=r"no twh folder: it holds no \.bvh"):
            list(twh.read(tmp_path))
        for number in (0, 1):
            self.lay_out(tmp_path, f"trn_2022_v1_00{number}")
        bvh = tmp_path / "bvh"
        (bvh / "trn_2022_v1_000.bvh").write_text((bvh / "trn_2022_v1_000.bvh").read_text()[:-2000])
        (tmp_path / "wav" / "trn_2022_v1_001.wav").unlink()
        shutil.copy(bvh / "trn_2022_v1_001.bvh", bvh / "session1.bvh")
        write_wav(tmp_path / "wav" / "tst_2022_v1_000.wav", voice(1.2, seed=1)[0])
        write_wav(tmp_path / "wav" / "tst_2023_v0_000_interloctr.wav", voice(1.2, seed=1)[0])
        reasons = {name: clip.reason for name, clip in by_id(twh.read(tmp_path, quiet=True)).items()}
        assert "trn_2022_v1_000.bvh" in reasons.pop("trn_2022_v1_000")
        assert reasons.pop("trn_2022_v1_001") == "no sound of the same name (.wav)"
        assert reasons.pop("tst_2022_v1_000") == "no motion of the same name (.bvh)"
        assert "SPLIT_YEAR_VERSION_NUMBER" in reasons.pop("session1")
        assert not reasons
        (tmp_path / "trn_metadata.csv").write_text("trn_2022_v1_000,1\n")
        with pytest.raises(UserError, match=r"metadata\.csv, line 1: expected 3 or 5 columns, got 2"):
            list(twh.read(tmp_path, quiet=True))

    def test_a_store_is_made_of_it(self, tmp_path):
        self.lay_out(tmp_path / "trn", "trn_2022_v1_000", 1.5)
        assert reader("twh") is twh.read
        assert prepare([("twh", tmp_path)], tmp_path / "store", quiet=True).pairs == 1
