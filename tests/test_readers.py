"""Readers of corpora: what they yield, what they leave out and why, and which split it goes to."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

from corpus_data import ACTORS, ebmdb_rig, gesturing, voice, write_ebmdb
from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation
from cospeech.data.clips import Dropped, GestureClip
from cospeech.data.prepare import reader
from cospeech.data.readers import beat2, ebmdb, folder, voices
from cospeech.motion.formats.bvh import save_bvh
from cospeech.motion.formats.smplx import load_smplx, save_smplx
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.phases import strokes
from cospeech.motion.retarget import to_rig
from cospeech.motion.skeleton import LEFT_HAND, RIGHT_HAND, Skeleton, canonical_skeleton
from cospeech.speech.audio import write_wav
from format_data import shared_file, smooth_rotations

HANDS = [*LEFT_HAND, *RIGHT_HAND]
GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
4
<exists>
1
"IntervalTier"
"words"
0
4
2
0
1.5
"hello"
1.5
2.5
"there"
"""


def chest_forward(motion: Motion) -> np.ndarray:
    """Mean direction in which the chest looks."""
    skeleton = canonical_skeleton()
    return global_rotations(motion.rotations, skeleton.parents)[:, skeleton.index("spine3"), :, 2].mean(0)


def with_fingers(seconds: float, seed: int) -> Motion:
    """A gesturing person whose fingers wander as well, askew by a radian."""
    motion = gesturing(seconds, seed=seed)
    rotations = motion.rotations.copy()
    rotations[:, HANDS] = smooth_rotations(motion.frames, 30, seed=seed, angle=0.3)
    rotations[:, 0] = axis_rotation("Y", 1.0) @ rotations[:, 0]
    return Motion(motion.skeleton, motion.fps, rotations, motion.translation)


def by_id(clips: list) -> dict:
    return {clip.id: clip for clip in clips}


class TestBeat2:
    """npz, wav and TextGrid of one name."""

    @pytest.fixture
    def corpus(self, tmp_path):
        for name, seconds, sound in (
            ("1_wayne_0_1_1", 4.0, 4.1),
            ("1_wayne_0_73_73", 4.0, 3.9),
            ("1_wayne_1_1_2", 4.0, 4.0),
            ("2_scott_0_87_87", 4.0, 2.0),
            ("2_scott_0_2_2", 0.7, 0.7),
            ("2_scott_0_3_3", 4.0, None),
        ):
            save_smplx(with_fingers(seconds, seed=3), tmp_path / f"{name}.npz")
            if sound:
                write_wav(tmp_path / f"{name}.wav", voice(sound, seed=1)[0])
        (tmp_path / "1_wayne_0_1_1.TextGrid").write_text(GRID)
        write_wav(tmp_path / "2_scott_0_9_9.wav", voice(2.0, seed=1)[0])
        return tmp_path

    def test_pairs_and_what_is_left_out(self, corpus):
        clips = by_id(beat2.read(corpus, quiet=True))
        good = {name: clip for name, clip in clips.items() if isinstance(clip, GestureClip)}
        assert sorted(good) == ["1_wayne_0_1_1", "1_wayne_0_73_73", "1_wayne_1_1_2"]
        assert [good[name].emotion for name in sorted(good)] == ["neutral", "anger", None]
        for clip in good.values():
            assert clip.speaker == clip.speech.speaker == "wayne"
            assert clip.motion.frames == clip.speech.frames
            assert clip.motion.fps == 30.0
        assert good["1_wayne_0_1_1"].motion.frames == 120
        assert good["1_wayne_0_73_73"].motion.frames == 117
        assert [word.text for word in good["1_wayne_0_1_1"].speech.words] == ["hello", "there"]
        reasons = {name: clip.reason for name, clip in clips.items() if isinstance(clip, Dropped)}
        assert sorted(reasons) == ["2_scott_0_2_2", "2_scott_0_3_3", "2_scott_0_87_87", "2_scott_0_9_9"]
        assert "more than a fifth in length (2.0 s of sound, 4.0 s of motion)" in reasons["2_scott_0_87_87"]
        assert "shorter than a second" in reasons["2_scott_0_2_2"]
        assert reasons["2_scott_0_3_3"].startswith("no sound")
        assert reasons["2_scott_0_9_9"].startswith("no motion")

    def test_fingers_stay_and_the_body_faces_us(self, corpus):
        read = by_id(beat2.read(corpus, quiet=True))["1_wayne_0_1_1"].motion
        raw = load_smplx(corpus / "1_wayne_0_1_1.npz")
        np.testing.assert_array_equal(read.rotations[:, HANDS], raw.rotations[:, HANDS])
        assert abs(chest_forward(raw)[0]) > 0.5
        assert abs(chest_forward(read)[0]) < 0.01
        arms = canonical_skeleton().indices(["left_elbow", "right_shoulder", "head"])
        np.testing.assert_allclose(read.rotations[:, arms], raw.rotations[:, arms], atol=1e-5)
        assert len(strokes(read)) == len(strokes(raw))

    def test_other_rates_become_thirty(self, tmp_path):
        save_smplx(gesturing(4.0, seed=1, fps=60), tmp_path / "1_wayne_0_1_1.npz")
        write_wav(tmp_path / "1_wayne_0_1_1.wav", voice(4.0, seed=1)[0])
        (clip,) = beat2.read(tmp_path, quiet=True)
        assert clip.motion.frames == 120
        assert len(strokes(clip.motion)) == len(strokes(gesturing(4.0, seed=1)))

    def test_the_published_split_and_layout(self, corpus):
        for suffix, place in ((".npz", "smplxflame_30"), (".wav", "wave16k"), (".TextGrid", "textgrid")):
            (corpus / place).mkdir()
            for path in corpus.glob(f"*{suffix}"):
                shutil.move(path, corpus / place / path.name)
        (corpus / "train_test_split.csv").write_text(
            "id,type\n1_wayne_0_1_1,test\n1_wayne_0_73_73,val\n1_wayne_1_1_2,additional\n"
        )
        clips = [clip for clip in beat2.read(corpus, quiet=True) if isinstance(clip, GestureClip)]
        assert [clip.split for clip in clips] == ["test", "val", "train"]
        assert clips[0].speech.words
        (corpus / "train_test_split.csv").write_text("id,type\n1_wayne_0_1_1,holdout\n")
        with pytest.raises(UserError, match="'holdout'; known: train"):
            list(beat2.read(corpus))

    def test_without_a_table_the_name_decides(self, corpus):
        clips = [clip for clip in beat2.read(corpus, quiet=True) if isinstance(clip, GestureClip)]
        assert [clip.split for clip in clips] == [voices.split_of(clip.id) for clip in clips]

    def test_emotions_of_the_texts(self):
        """The ranges that the published loaders of BEAT have."""
        ranges = {
            (1, 64): "neutral",
            (65, 72): "joy",
            (73, 80): "anger",
            (81, 86): "sadness",
            (87, 94): "disgust",
            (95, 102): "surprise",
            (103, 110): "fear",
            (111, 118): "disgust",
        }
        for (first, last), emotion in ranges.items():
            assert beat2.emotion_of("0", first) == beat2.emotion_of("0", last) == emotion
            assert emotion in EMOTIONS
        assert beat2.emotion_of("2", 1) == "neutral"
        assert beat2.emotion_of("0", 119) is beat2.emotion_of("0", 0) is beat2.emotion_of("3", 70) is None

    def test_damage_drops_a_clip_and_not_the_corpus(self, corpus, capsys):
        (corpus / "1_wayne_0_1_1.npz").write_bytes(b"PK")
        (corpus / "1_wayne_0_73_73.wav").write_bytes(b"RIFF")
        (corpus / "1_wayne_1_1_2.TextGrid").write_text(GRID.replace("1.5", "x"))
        shutil.copy(corpus / "2_scott_0_3_3.npz", corpus / "notes.npz")
        clips = by_id(beat2.read(corpus))
        assert isinstance(clips["1_wayne_0_1_1"], Dropped)
        assert isinstance(clips["1_wayne_0_73_73"], Dropped)
        assert "NUMBER_SPEAKER_KIND" in clips["notes"].reason
        assert clips["1_wayne_1_1_2"].speech.words == ()  # words are not worth a clip
        assert "1_wayne_1_1_2: read without words" in capsys.readouterr().err

    def test_limit_counts_by_speaker(self, corpus):
        names = [c.id for c in beat2.read(corpus, limit=1, quiet=True) if c.id.startswith(("1_", "2_"))]
        assert names == ["1_wayne_0_1_1", "2_scott_0_2_2", "2_scott_0_9_9"]

    def test_not_a_beat2_folder(self, tmp_path):
        with pytest.raises(UserError, match=r"holds no \.npz"):
            list(beat2.read(tmp_path))

    def test_the_real_clip(self, tmp_path):
        clips = {clip.id: clip for clip in beat2.read(shared_file("beat2/2_scott_0_1_1.npz").parent, quiet=True)}
        clip = clips["2_scott_0_1_1"]
        assert (clip.speaker, clip.emotion) == ("scott", "neutral")
        assert clip.motion.frames == clip.speech.frames == 1440
        assert len(clip.speech.words) > 80
        assert abs(chest_forward(clip.motion)[0]) < 0.01
        assert 10 < len(strokes(clip.motion)) < 120


class TestFolder:
    """BVH and sound of one name, of any known rig."""

    def take(self, place, name, seconds=4.0, *, rig="mixamo", sound=None):
        place.mkdir(parents=True, exist_ok=True)
        motion = with_fingers(seconds, seed=len(name))
        moved = to_rig(motion, "ebmdb", skeleton=ebmdb_rig()) if rig == "ebmdb" else to_rig(motion, rig)
        save_bvh(moved, place / f"{name}.bvh")
        write_wav(place / f"{name}.wav", voice(sound or seconds, seed=2)[0])
        return motion

    def test_a_plain_folder(self, tmp_path):
        motion = self.take(tmp_path / "mine", "talk", sound=4.2)
        (tmp_path / "mine" / "talk.TextGrid").write_text(GRID)
        (clip,) = folder.read(tmp_path / "mine", quiet=True)
        assert (clip.id, clip.speaker, clip.split, clip.emotion) == ("talk.bvh", "mine", "train", None)
        assert clip.motion.frames == clip.speech.frames == 120
        assert clip.motion.skeleton == canonical_skeleton()
        assert [word.text for word in clip.speech.words] == ["hello", "there"]
        assert abs(chest_forward(clip.motion)[0]) < 0.01
        found, true = strokes(clip.motion), strokes(motion)
        assert np.abs(np.array([s.time for s in found]) - [s.time for s in true]).max() <= 2 / 30
        chord = np.linalg.norm(clip.motion.rotations[:, HANDS] - motion.rotations[:, HANDS], axis=(-2, -1))
        assert np.rad2deg(chord / np.sqrt(2)).mean() < 2  # the fingers that were recorded

    def test_a_rig_without_fingers_gets_some(self, tmp_path):
        self.take(tmp_path, "bare", rig="ebmdb")
        still = with_fingers(4.0, seed=1)
        rotations = still.rotations.copy()
        rotations[:, HANDS] = np.eye(3)
        save_bvh(Motion(still.skeleton, 30.0, rotations, still.translation), tmp_path / "stiff.bvh")
        write_wav(tmp_path / "stiff.wav", voice(4.0, seed=2)[0])
        for clip in folder.read(tmp_path, quiet=True):
            fingers = clip.motion.rotations[:, HANDS]
            assert np.abs(fingers - fingers[:1]).max() > 0.02
            assert np.abs(fingers - np.eye(3)).max() > 0.2

    def test_folders_are_speakers_and_labels_say_more(self, tmp_path):
        self.take(tmp_path / "anna", "one")
        self.take(tmp_path / "anna", "two")
        self.take(tmp_path / "ben" / "monday", "one")
        (tmp_path / "labels.csv").write_text(
            "file,emotion,speaker,split\nanna/one.bvh,Happy,,val\nben/monday/one,,benjamin,\n"
        )
        clips = by_id(folder.read(tmp_path, quiet=True))
        labels = {name: (c.speaker, c.emotion, c.split) for name, c in clips.items()}
        assert labels == {
            "anna/one.bvh": ("anna", "joy", "val"),
            "anna/two.bvh": ("anna", None, "train"),
            "ben/monday/one.bvh": ("benjamin", None, "train"),
        }
        assert clips["anna/one.bvh"].speech.emotion == "joy"
        limited = [clip.id for clip in folder.read(tmp_path, limit=1, quiet=True)]
        assert limited == ["anna/one.bvh", "ben/monday/one.bvh"]

    def test_what_cannot_be_used_is_dropped_with_a_reason(self, tmp_path):
        self.take(tmp_path, "good")
        self.take(tmp_path, "long", sound=6.0)
        self.take(tmp_path, "mute")
        (tmp_path / "mute.wav").unlink()
        (tmp_path / "broken.bvh").write_text("HIERARCHY\n")
        shutil.copy(tmp_path / "good.wav", tmp_path / "broken.wav")
        snake = Skeleton(("a", "b", "c"), (-1, 0, 1), np.array([[0, 0, 0], [0, 0.3, 0], [0, 0.3, 0.0]]))
        Motion(snake, 30.0, np.tile(np.eye(3), (120, 3, 1, 1)), np.zeros((120, 3))).save(tmp_path / "alien.bvh")
        shutil.copy(tmp_path / "good.wav", tmp_path / "alien.wav")
        shutil.copy(tmp_path / "good.wav", tmp_path / "lonely.wav")
        clips = by_id(folder.read(tmp_path, quiet=True))
        assert isinstance(clips.pop("good.bvh"), GestureClip)
        reasons = {name: clip.reason for name, clip in clips.items()}
        assert sorted(reasons) == ["alien.bvh", "broken.bvh", "lonely", "long.bvh", "mute.bvh"]
        assert "fit no known rig" in reasons["alien.bvh"]
        assert "MOTION" in reasons["broken.bvh"]
        assert "by more than a fifth" in reasons["long.bvh"]
        assert reasons["mute.bvh"].startswith("no sound")
        assert reasons["lonely"].startswith("no motion")
        assert all("\n" not in reason for reason in reasons.values())

    def test_a_rig_of_other_names_is_read_by_its_bones(self, tmp_path):
        self.take(tmp_path, "good")
        text = (tmp_path / "good.bvh").read_text()
        names = dict.fromkeys(re.findall(r"(?:ROOT|JOINT) (\S+)", text))
        for k, name in enumerate(names):
            text = re.sub(rf"(ROOT|JOINT) {name}\b", rf"\1 bone_{k:02d}", text)
        (tmp_path / "odd.bvh").write_text(text)
        shutil.copy(tmp_path / "good.wav", tmp_path / "odd.wav")
        clips = by_id(folder.read(tmp_path, quiet=True))
        odd, good = (clips[f"{name}.bvh"].motion.positions[:, :22] for name in ("odd", "good"))
        np.testing.assert_allclose(odd, good, atol=0.02)

    def test_a_second_too_much_is_cut_and_told(self, tmp_path, capsys):
        self.take(tmp_path, "talk", 4.0, sound=4.7)
        (clip,) = folder.read(tmp_path)
        assert clip.motion.frames == clip.speech.frames == 120
        assert "talk.bvh: 4.7 s of sound, 4.0 s of motion; both are cut" in capsys.readouterr().err

    def test_ten_recordings_are_split_fewer_are_not(self, tmp_path):
        self.take(tmp_path, "take0")
        for k in range(1, 12):
            for suffix in (".bvh", ".wav"):
                shutil.copy(tmp_path / f"take0{suffix}", tmp_path / f"take{k}{suffix}")
        clips = list(folder.read(tmp_path, quiet=True))
        assert [clip.split for clip in clips] == [voices.split_of(clip.id) for clip in clips]
        assert len({clip.split for clip in clips}) > 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("name,emotion\n", "must have the column file"),
            ("file,mood\n", "file and may have emotion, speaker and split; got file, mood"),
            ("", "got nothing"),
            ("file,emotion\nother.bvh,joy\n", "line 2: 'other.bvh' has no .bvh file"),
            ("file,emotion\ntalk.bvh,bored\n", "line 2: unknown emotion 'bored'; known: neutral"),
            ("file,split\ntalk.bvh,holdout\n", "line 2: unknown split 'holdout'; known: train, val, test"),
            ("file,split\ntalk.bvh,val\ntalk,val\n", "line 3: talk.bvh is there twice"),
        ],
    )
    def test_labels_that_cannot_be_meant(self, tmp_path, text, message):
        self.take(tmp_path, "talk", 1.5)
        (tmp_path / "labels.csv").write_text(text)
        with pytest.raises(UserError, match=message):
            list(folder.read(tmp_path, quiet=True))

    def test_nothing_there(self, tmp_path):
        with pytest.raises(UserError, match=r"holds no \.bvh"):
            list(folder.read(tmp_path))


@pytest.fixture(scope="module")
def actors(tmp_path_factory):
    return write_ebmdb(tmp_path_factory.mktemp("readers") / "ebmdb", clips=2, seconds=4.0)


class TestEbmdb:
    """Clips of motion, upright, with fingers, split by actor."""

    def test_actors_stand_upright_each_in_one_split(self, actors):
        clips = list(ebmdb.read(actors, quiet=True))
        assert len(clips) == 8
        assert {clip.speaker: clip.split for clip in clips} == ACTORS
        assert {clip.emotion for clip in clips} == {"neutral", "joy"}
        for clip in clips:
            forward = chest_forward(clip.motion)
            assert abs(forward[0]) < 0.1
            assert forward[2] > 0.9
            assert clip.speech is None
        truth = strokes(gesturing(4.0, seed=0))
        found = strokes(clips[0].motion)
        assert len(found) == len(truth)
        assert np.abs(np.array([s.time for s in found]) - [s.time for s in truth]).max() <= 2 / 30

    def test_zipped_or_not_and_twice_the_same(self, actors, tmp_path):
        shutil.make_archive(str(tmp_path / "clips"), "zip", actors)
        shutil.copy(actors / "clips.csv", tmp_path / "clips.csv")
        for a, b in zip(ebmdb.read(actors, quiet=True), ebmdb.read(tmp_path, quiet=True), strict=True):
            assert a.id == b.id
            np.testing.assert_array_equal(a.motion.rotations, b.motion.rotations)

    @pytest.mark.parametrize(("session", "worst"), [("", 1.0), ("take", 45.0)])
    def test_clips_without_a_session_face_the_front_each_by_itself(self, tmp_path, session, worst):
        """Two clips of one actor, turned by 60 degrees to either side of the back, the second bowing by 20."""
        rows = ["file,actor,emotion,kind,session,frames,seconds"]
        for name, turn, bow in (("one", 120.0, 0.0), ("two", 240.0, 20.0)):
            motion = gesturing(4.0, seed=3)
            turned = axis_rotation("Y", np.deg2rad(turn)) @ axis_rotation("X", np.deg2rad(bow))
            rotations = motion.rotations.copy()
            rotations[:, 0] = turned @ rotations[:, 0]
            moved = Motion(motion.skeleton, motion.fps, rotations, motion.translation)
            save_bvh(to_rig(moved, "ebmdb", skeleton=ebmdb_rig()), tmp_path / f"{name}.bvh")
            rows.append(f"{name}.bvh,AnBh,joy,nonverbal,{session},{moved.frames},{moved.seconds}")
        (tmp_path / "clips.csv").write_text("\n".join(rows) + "\n")
        forward = np.array([chest_forward(clip.motion) for clip in ebmdb.read(tmp_path, quiet=True)])
        aside = np.rad2deg(np.abs(np.arctan2(forward[:, 0], forward[:, 2]))).max()
        assert aside < worst if not session else aside > worst  # one take keeps its turns
        if not session:
            down = np.rad2deg(-np.arcsin(forward[:, 1]))
            assert down[1] - down[0] == pytest.approx(20.0, abs=2.0)

    def test_limit_missing_files_and_jumps(self, actors, tmp_path):
        assert len(list(ebmdb.read(actors, limit=1, quiet=True))) == 4
        with pytest.raises(UserError, match=r"has no clips\.csv"):
            list(ebmdb.read(tmp_path))
        shutil.copytree(actors, tmp_path / "copy")
        (tmp_path / "copy" / "AnBh" / "fairytale_joy_0001.bvh").unlink()
        with pytest.raises(UserError, match=r"fairytale_joy_0001\.bvh is named in clips\.csv but"):
            list(ebmdb.read(tmp_path / "copy", quiet=True))
        jumping = gesturing(2.0, seed=0)
        jumping.rotations[30, canonical_skeleton().index("left_shoulder")] = np.eye(3)
        assert "m/s (allowed 8)" in ebmdb.implausible(jumping)
        assert ebmdb.implausible(gesturing(2.0, seed=0)) is None


def test_readers_by_name():
    for name, module in {"ebmdb": ebmdb, "beat2": beat2, "folder": folder, "speech": voices}.items():
        assert reader(name) is module.read
    with pytest.raises(UserError, match="unknown corpus 'trinity'; known: beat, beat2, ebmdb, folder, keypoints, pats"):
        reader("trinity")
