"""BEAT and BEAT2: what the readers find in files laid out as the corpora are."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.data.clips import Dropped, GestureClip
from cospeech.data.prepare import prepare, reader
from cospeech.data.readers import beat, beat2
from cospeech.data.readers.beat_labels import semantic_scores
from cospeech.motion.formats.bvh import save_bvh
from cospeech.motion.formats.smplx import save_smplx
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.retarget import to_rig
from cospeech.speech.audio import write_wav
from format_data import beat_rig, shared_file
from reader_data import HANDS, apart, by_id, person

WORDS = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 4
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 4
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.6
            text = ""
        intervals [2]:
            xmin = 0.6
            xmax = 1.1
            text = "relaxing"
        intervals [3]:
            xmin = 1.1
            xmax = 4
            text = "Monday"
"""
SEMANTICS = "01_beat_align\t0\t1.0\t1.0\t0.1\n07_iconic_h\t1.0\t2.0\t1.0\t0.7\trelaxing at home\n"


def face_file(path, seconds: float) -> None:
    """A face as BEAT has it: 60 fps, 51 shapes, the jaw opens over the first two seconds."""
    names = [name for name in ARKIT_NAMES if name != "tongueOut"]
    frames = []
    for frame in range(round(seconds * 60)):
        weights = [0.0] * 51
        weights[names.index("jawOpen")] = min(frame / 120, 1.0)
        weights[names.index("eyeBlinkLeft")] = 1.2  # the device goes beyond
        frames.append({"weights": weights, "time": frame / 60, "rotation": []})
    path.write_text(json.dumps({"names": names, "frames": frames}))


def write_beat(folder, name: str, seconds: float = 4.0, *, fps: float = 120.0, rest: bool = True) -> Motion:
    """One recording in the folder of its speaker, as beat_english_v0.2.1 has it."""
    place = folder / name.split("_")[0]
    place.mkdir(parents=True, exist_ok=True)
    motion = person(seconds, fps=fps, seed=4)
    save_bvh(to_rig(motion, "beat", skeleton=beat_rig()), place / f"{name}.bvh", order="XYZ")
    write_wav(place / f"{name}.wav", voice(seconds + 0.05, seed=1)[0])
    if rest:
        (place / f"{name}.TextGrid").write_text(WORDS)
        (place / f"{name}.csv").write_text("00_netural,0,1.5,1.5,0\n06_fear,1.5,4,2.5,6\n")
        (place / f"{name}.txt").write_text(SEMANTICS)
        face_file(place / f"{name}.json", seconds)
    return motion


class TestBeat:
    """BVH, wav, TextGrid, json, csv and txt of one name."""

    def test_a_recording_with_everything(self, tmp_path):
        truth = write_beat(tmp_path / "beat_english_v0.2.1", "2_scott_0_9_9")
        (clip,) = beat.read(tmp_path, quiet=True)
        assert (clip.id, clip.speaker, clip.split) == ("2_scott_0_9_9", "scott", "train")
        assert clip.emotion == clip.speech.emotion == "fear"  # for the longer part, by the csv file
        motion = clip.motion
        assert (motion.fps, motion.frames, clip.speech.frames) == (30.0, 120, 120)
        words = [(word.text, word.start, word.end) for word in clip.speech.words]
        assert words == [("relaxing", 0.6, 1.1), ("Monday", 1.1, 4.0)]
        # Only the heading of the whole recording is taken out; 120 fps are 30 fps at every fourth frame.
        assert max(apart(motion, truth[::4]).values()) < 6.0  # the mean heading sways
        assert np.abs(motion.rotations[:, HANDS] - np.eye(3)).max() > 0.2
        jaw = motion.face[:, ARKIT_NAMES.index("jawOpen")]
        np.testing.assert_allclose(jaw[[0, 30, 59, 90]], [0.0, 0.5, 59 / 60, 1.0], atol=1e-6)
        assert motion.face[:, ARKIT_NAMES.index("eyeBlinkLeft")].max() == 1.0
        assert not motion.face[:, ARKIT_NAMES.index("tongueOut")].any()
        scores = motion.extra["per_frame"]["semantic"]
        np.testing.assert_allclose(scores[[0, 30, 31, 60, 61, 119]], [0.1, 0.1, 0.7, 0.7, 0, 0])

    def test_the_published_split(self):
        """readme_beat.md: which texts are for what, by those who spoke for four hours and for one."""
        texts = {"0": range(1, 119), "1": range(13)}

        def recordings_of(number: int, which: str) -> set[str]:
            return {
                f"{kind}_{text}"
                for kind, own in texts.items()
                for text in own
                if beat.split(number, kind, text, text) == which
            }

        first, last = (65, 73, 81, 87, 95, 103, 111), (72, 80, 86, 94, 102, 110, 118)
        assert recordings_of(2, "test") == {f"0_{n}" for n in (*range(1, 9), *first)} | {"1_1"}
        assert recordings_of(2, "val") == {f"0_{n}" for n in (*range(57, 65), *last)} | {"1_12"}
        assert recordings_of(5, "test") == {f"0_{n}" for n in (1, 2, 3, 4, *first)} | {"1_1"}
        assert recordings_of(5, "val") == {f"0_{n}" for n in (5, 6, 7, 8)}
        assert len(recordings_of(2, "train") & {f"0_{n}" for n in range(1, 119)}) == 48 + 6 + 6 + 4 + 6 + 6 + 6 + 6
        assert beat.split(10, "0", 95, 96) == "test"  # two texts in one file, one of them held out
        assert beat.split(2, "3", 1, 1) is None

    def test_halves_of_those_who_spoke_for_an_hour(self, tmp_path, monkeypatch):
        monkeypatch.setattr(beat, "_HALVED", {"0": ({65}, 2), "1": ({1}, 20)})
        for name in ("5_stewart_0_65_65", "5_stewart_0_66_66", "5_stewart_1_1_1", "2_scott_0_65_65"):
            write_beat(tmp_path, name, fps=30.0, rest=name == "5_stewart_0_65_65")
        clips = by_id(beat.read(tmp_path, quiet=True))
        assert {name: clip.split for name, clip in clips.items() if isinstance(clip, GestureClip)} == {
            "2_scott_0_65_65": "test",
            "5_stewart_0_65_a": "test",
            "5_stewart_0_65_b": "val",
            "5_stewart_0_66_66": "train",
            "5_stewart_1_1_a": "test",
        }
        assert "shorter than a second" in clips["5_stewart_1_1_b"].reason
        a, b = clips["5_stewart_0_65_a"], clips["5_stewart_0_65_b"]
        assert a.motion.frames == a.speech.frames == b.motion.frames == b.speech.frames == 60
        assert [word.text for word in a.speech.words] == ["relaxing", "Monday"]
        assert [(word.text, word.start, word.end) for word in b.speech.words] == [("Monday", 0.0, 2.0)]
        assert b.motion.extra["per_frame"]["semantic"][:2] == pytest.approx([0.7, 0.0])
        assert b.motion.face[0, ARKIT_NAMES.index("jawOpen")] == 1.0
        assert (clips["2_scott_0_65_65"].emotion, clips["5_stewart_1_1_a"].emotion) == ("joy", None)

    def test_what_is_broken(self, tmp_path, capsys):
        for name in ("1_wayne_0_9_9", "1_wayne_0_10_10", "1_wayne_0_11_11", "1_wayne_0_12_12"):
            write_beat(tmp_path, name, 1.5, fps=30.0)
        place = tmp_path / "1"
        (place / "1_wayne_0_9_9.bvh").write_text("HIERARCHY\nROOT Hips\n")
        (place / "1_wayne_0_10_10.wav").unlink()
        (place / "1_wayne_0_11_11.json").write_text('{"names": []}')
        (place / "1_wayne_0_11_11.csv").write_text("joy\n")
        (place / "1_wayne_0_11_11.txt").write_text("07_iconic_h\tnow\tthen\n")
        (place / "1_wayne_0_11_11.TextGrid").write_text("nothing")
        shutil.copy(place / "1_wayne_0_12_12.bvh", place / "session.bvh")
        write_wav(place / "1_wayne_0_13_13.wav", voice(1.5, seed=1)[0])
        clips = by_id(beat.read(tmp_path))
        reasons = {name: clip.reason for name, clip in clips.items() if isinstance(clip, Dropped)}
        assert "MOTION" in reasons.pop("1_wayne_0_9_9")
        assert reasons.pop("1_wayne_0_10_10") == "no sound of the same name (.wav)"
        assert reasons.pop("1_wayne_0_13_13") == "no motion of the same name (.bvh)"
        assert "NUMBER_SPEAKER_KIND" in reasons.pop("session")
        assert not reasons
        bare = clips["1_wayne_0_11_11"]
        assert (bare.emotion, bare.motion.face, bare.speech.words) == ("neutral", None, ())
        assert "per_frame" not in bare.motion.extra
        printed = capsys.readouterr().err
        for what in ("face", "words", "semantic labels"):
            assert f"1_wayne_0_11_11: read without {'its ' if what == 'face' else ''}{what}" in printed
        assert "1_wayne_0_11_11: the emotion file cannot be read" in printed

    def test_limit_twice_one_name_and_nothing(self, tmp_path):
        with pytest.raises(UserError, match=r"no beat folder: it holds no \.bvh"):
            list(beat.read(tmp_path))
        for name in ("1_wayne_0_9_9", "1_wayne_0_10_10", "2_scott_0_9_9"):
            write_beat(tmp_path, name, 1.5, fps=30.0, rest=False)
        names = [clip.id for clip in beat.read(tmp_path, limit=1, quiet=True)]
        assert names == ["1_wayne_0_10_10", "2_scott_0_9_9"]
        (tmp_path / "cache").mkdir()
        shutil.copy(tmp_path / "1" / "1_wayne_0_9_9.bvh", tmp_path / "cache" / "1_wayne_0_9_9.bvh")
        with pytest.raises(UserError, match=r"two files are called 1_wayne_0_9_9\.bvh"):
            list(beat.read(tmp_path))

    def test_a_store_is_made_of_it(self, tmp_path):
        write_beat(tmp_path / "beat", "2_scott_0_9_9", 2.0, fps=30.0)
        assert reader("beat") is beat.read
        assert prepare([("beat", tmp_path / "beat")], tmp_path / "store", quiet=True).pairs == 1


class TestBeat2:
    """What the published folders have beside npz, wav and TextGrid."""

    def lay_out(self, folder, language, name):
        for place in ("smplxflame_30", "wave16k", "textgrid", "sem"):
            (folder / language / place).mkdir(parents=True, exist_ok=True)
        save_smplx(person(4.0), folder / language / "smplxflame_30" / f"{name}.npz")
        write_wav(folder / language / "wave16k" / f"{name}.wav", voice(4.0, seed=1)[0])
        (folder / language / "textgrid" / f"{name}.TextGrid").write_text(WORDS)

    def test_several_languages(self, tmp_path):
        english, spanish = "beat_english_v2.0.0", "beat_spanish_v2.0.0"
        self.lay_out(tmp_path, english, "2_scott_0_1_1")
        self.lay_out(tmp_path, spanish, "15_carlos_4_1_1")
        (tmp_path / english / "sem" / "2_scott_0_1_1.txt").write_text(SEMANTICS)
        (tmp_path / spanish / "sem" / "15_carlos_4_1_1.txt").write_text("contexto hablado")
        (tmp_path / english / "train_test_split.csv").write_text("id,type\n2_scott_0_1_1,test\n")
        (tmp_path / spanish / "train_test_split.csv").write_text("id,type\n15_carlos_4_1_1,val\n")
        clips = by_id(beat2.read(tmp_path, quiet=True))
        assert {name: clip.split for name, clip in clips.items()} == {"15_carlos_4_1_1": "val", "2_scott_0_1_1": "test"}
        scores = clips["2_scott_0_1_1"].motion.extra["per_frame"]["semantic"]
        assert scores.shape == (120,)
        assert scores[45] == pytest.approx(0.7)
        assert "semantic" not in clips["15_carlos_4_1_1"].motion.extra["per_frame"]
        assert [word.text for word in clips["15_carlos_4_1_1"].speech.words] == ["relaxing", "Monday"]

    def test_the_real_clip_in_the_published_layout(self, tmp_path):
        source = shared_file("beat2/2_scott_0_1_1.npz").parent
        for suffix, place in ((".npz", "smplxflame_30"), (".wav", "wave16k"), (".TextGrid", "textgrid")):
            (tmp_path / place).mkdir()
            shutil.copy(source / f"2_scott_0_1_1{suffix}", tmp_path / place)
        (tmp_path / "sem").mkdir()
        (tmp_path / "sem" / "2_scott_0_1_1.txt").write_text(SEMANTICS)
        (tmp_path / "train_test_split.csv").write_text("id,type\n2_scott_0_1_1,additional\n")
        (clip,) = beat2.read(tmp_path, quiet=True)
        assert (clip.speaker, clip.emotion, clip.split) == ("scott", "neutral", "train")
        assert clip.motion.frames == clip.speech.frames == 1440
        assert len(clip.speech.words) > 80
        assert all(word.end <= 48.0 for word in clip.speech.words)
        assert clip.motion.extra["per_frame"]["semantic"].sum() == pytest.approx(0.1 * 31 + 0.7 * 30, abs=0.1)


def test_semantic_labels(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(
        "01_beat_align 0 1 1 0.1\n10_metaphoric_h\t0.5\t1\t0.5\t1.0\tMonday through Friday\nhabit\t1.5\t2\t.5\t0\n"
    )
    scores = semantic_scores(path, 60, 30.0)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores[[0, 20, 30, 31, 50]], [0.1, 0.1, 0.1, 0.0, 0.0])  # the first one counts
    path.write_text("02_deictic_l\t0\tx\t1\t0.2\n")
    with pytest.raises(UserError, match="line 1: expected label, start, end, duration, score"):
        semantic_scores(path, 60, 30.0)
    with pytest.raises(UserError, match="cannot read"):
        semantic_scores(tmp_path / "none.txt", 60, 30.0)
