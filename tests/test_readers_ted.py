"""TED Gesture and TED Expressive: points become rotations, films of LMDB folders become clips."""

from __future__ import annotations

import pickle
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation
from cospeech.data.clips import Dropped, GestureClip
from cospeech.data.prepare import prepare, reader
from cospeech.data.readers import ted
from cospeech.data.readers.safe_pickle import need, unpickle
from cospeech.data.readers.ted_body import LAYOUTS, body_of
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.retarget import limb_directions
from cospeech.motion.skeleton import LEFT_HAND
from reader_data import apart, person

RATE = 25.0  # frames a second of the films below


def seen(motion: Motion, count: int) -> np.ndarray:
    """The points [T, count, 3] of a canonical body in a TED corpus' axes."""
    layout = LAYOUTS[count]
    names = motion.skeleton.names
    place = {name: motion.positions[:, names.index(name)].astype(float) for name in names}
    world = global_rotations(motion.rotations.astype(float), motion.skeleton.parents)
    chest = world[:, names.index("spine3")] @ axis_rotation("X", np.deg2rad(layout.lean))
    head = world[:, names.index("head")] @ axis_rotation("X", np.deg2rad(layout.nod))
    place["spine"] = place["neck"] - 0.4 * chest[:, :, 1]
    place["top"] = place["neck"] + 0.3 * head[:, :, 1]
    for side, x in (("left", 1.0), ("right", -1.0)):
        place[f"{side}_ear"] = place["head"] + head @ [0.08 * x, 0.05, 0.0]
        place[f"{side}_eye"] = place["head"] + head @ [0.03 * x, 0.08, 0.09]
    place["nose"] = place["head"] + head @ [0.0, 0.05, 0.12]
    return np.stack([place[name] for name in layout.names], axis=1) * layout.axes


def film_clip(count: int = 10, seconds: float = 4.0, *, start: float = 60.0) -> dict:
    """One clip of a film, with the keys that the published records have."""
    points = seen(person(seconds, fps=RATE, seed=4), count)
    words = [["hello", 60.5, 61.0], [".", 61.0, 61.0], ["there", 60.9, 61.6], ["late", 65.0, 65.4]]
    return {
        "words": words,
        "skeletons_3d": points.astype(np.float32),
        "audio_feat": np.zeros((128, 120), np.float16),
        "audio_raw": voice(seconds, seed=1)[0].astype(np.float16),
        "start_frame_no": round(start * RATE),
        "end_frame_no": round((start + seconds) * RATE),
        "start_time": start,
        "end_time": start + seconds,
    }


def write_films(folder, *values) -> None:
    """An LMDB folder; films that are not bytes are pickled."""
    lmdb = pytest.importorskip("lmdb")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(folder), map_size=2**26) as env, env.begin(write=True) as transaction:
        for number, value in enumerate(values):
            data = value if isinstance(value, bytes) else pickle.dumps(value)
            transaction.put(f"{number:010d}".encode("ascii"), data)


class TestTedBody:
    """Points in space become rotations."""

    @pytest.mark.parametrize("count", [10, 43])
    def test_limbs_keep_their_directions(self, count):
        truth = person(2.0, fps=RATE, seed=2)
        motion = body_of(seen(truth, count), RATE)
        assert (motion.fps, motion.frames) == (RATE, 50)
        assert motion.rotations.dtype == np.float32
        wrong = apart(motion, truth, turn=0.0)
        assert wrong.pop("head") < 1.0  # 10 points do not tell how it is turned about itself
        assert max(wrong.values()) < 0.05

    def test_fingers_that_were_seen(self):
        truth = person(2.0, fps=RATE, seed=2)
        motion = body_of(seen(truth, 43), RATE)
        skeleton = truth.skeleton
        for finger in ("index", "pinky", "thumb"):
            for k in (1, 2):
                start, end = (skeleton.index(f"left_{finger}{j}") for j in (k, k + 1))
                bones = [m.positions[:, end] - m.positions[:, start] for m in (motion, truth)]
                mine, true = (bone / np.linalg.norm(bone, axis=-1, keepdims=True) for bone in bones)
                np.testing.assert_allclose(mine, true, atol=1e-4)
        assert np.ptp(motion.rotations[:, LEFT_HAND], axis=0).max() > 0.1

    def test_the_published_mean_poses_are_upright(self):
        """config/multimodal_context.yml and config_expressive/hierarchy.yml (there without fingers here)."""
        gesture = [
            (0, 0, 0),
            (0.003, -0.205, -0.014),
            (0.003, -0.305, 0.041),
            (0.003, -0.425, -0.001),
            (-0.146, -0.151, -0.014),
            (-0.284, 0.067, 0.011),
            (-0.228, 0.112, 0.209),
            (0.152, -0.152, -0.016),
            (0.292, 0.064, 0.004),
            (0.245, 0.112, 0.205),
        ]
        expressive = np.zeros((43, 3))
        expressive[:8] = [
            (-0.005, -0.540, 0.008),
            (-0.017, -0.706, -0.011),
            (0.155, -0.682, -0.030),
            (-0.151, -0.682, -0.027),
            (0.209, -0.469, -0.010),
            (-0.232, -0.468, -0.044),
            (0.167, -0.464, -0.190),
            (-0.165, -0.455, -0.216),
        ]
        expressive[38:] = [
            (-0.006, -0.922, -0.168),
            (-0.035, -0.964, -0.139),
            (0.024, -0.965, -0.139),
            (-0.070, -0.951, -0.056),
            (0.057, -0.957, -0.057),
        ]
        for k, name in enumerate(LAYOUTS[43].names[8:38], start=8):
            side = name.split("_")[0]
            across = {"index": 0.02, "pinky": -0.02}.get(name.split("_")[1][:-1], 0.0)
            expressive[k] = expressive[6 if side == "left" else 7] + [0.0, across, -0.02 * int(name[-1])]
        for pose in (gesture, expressive):
            motion = body_of(np.stack([pose, pose]), 15.0)
            directions = limb_directions(motion)
            for limb in ("spine3", "head"):
                np.testing.assert_allclose(directions[limb][0], [0, 1, 0], atol=0.1)
            names = motion.skeleton.names
            at = {name: motion.positions[0, names.index(name)] for name in names}
            for side, x in (("left", 1.0), ("right", -1.0)):
                wrist = at[f"{side}_wrist"]
                assert wrist[0] * x > 0.1  # the left hand is at the left,
                assert wrist[2] > 0.1  # both are ahead,
                assert wrist[1] < at["neck"][1] - 0.2  # and hang

    def test_gaps(self):
        truth = person(2.0, fps=RATE, seed=2)
        points = seen(truth, 10)
        holed = points.copy()
        holed[10:14] = 0.0
        holed[0] = np.nan
        motion = body_of(holed, RATE)
        whole = body_of(points, RATE)
        kept = [t for t in range(50) if t != 0 and not 10 <= t < 14]
        np.testing.assert_allclose(motion.rotations[kept], whole.rotations[kept], atol=1e-5)
        assert np.isfinite(motion.rotations).all()
        holed[30:38] = 0.0
        with pytest.raises(UserError, match=r"no body for 0\.32 s \(allowed 0\.3\)"):
            body_of(holed, RATE)
        with pytest.raises(UserError, match=r"no body for 2\.00 s"):
            body_of(np.zeros((50, 43, 3)), RATE)
        with pytest.raises(UserError, match=r"got \[50, 9, 3\]"):
            body_of(points[:, :9], RATE)


class TestTed:
    """LMDB folders of films."""

    @pytest.mark.parametrize("count", [10, 43])
    def test_a_clip_with_everything(self, tmp_path, count):
        write_films(tmp_path / "lmdb_val", {"vid": "abc_def", "clips": [film_clip(count)]})
        (clip,) = ted.read(tmp_path, quiet=True)
        assert isinstance(clip, GestureClip)
        assert (clip.id, clip.speaker, clip.split, clip.emotion) == ("abc_def_1500", "abc_def", "val", None)
        assert (clip.motion.fps, clip.motion.frames, clip.speech.frames) == (30.0, 120, 120)
        said = [(word.text, word.start, word.end) for word in clip.speech.words]
        assert [text for text, _, _ in said] == ["hello", "there"]
        np.testing.assert_allclose([times for _, *times in said], [[0.5, 1.0], [1.0, 1.6]], atol=1e-9)
        assert max(apart(clip.motion, person(4.0, fps=RATE, seed=4).resample(30.0)[:120]).values()) < 6.5
        assert np.ptp(clip.motion.rotations[:, LEFT_HAND], axis=0).max() > 0.02  # seen, or made up

    def test_splits_limit_and_what_is_broken(self, tmp_path):
        good, flat, empty, dark = (film_clip(seconds=1.5) for _ in range(4))
        del flat["skeletons_3d"]
        empty |= {"end_time": 60.0}
        dark |= {"skeletons_3d": np.zeros((38, 10, 3))}
        odd = {**film_clip(seconds=1.5, start=80.0), "words": [["a", None, 1]]}
        write_films(tmp_path / "train", {"vid": "x", "clips": [good, odd]}, {"vid": "y", "clips": [flat, 3]})
        broken = [{"vid": "z", "clips": [empty, dark]}, b"\x80\x04broken", [[1], [2]], _Evil()]
        write_films(tmp_path / "test", *broken)
        clips = by_id_in_order(ted.read(tmp_path, quiet=True))
        assert {name: clip.split for name, clip in clips.items() if isinstance(clip, GestureClip)} == {
            "x_1500": "train",
            "x_2000": "train",
        }
        assert clips["x_2000"].speech.words == ()
        reasons = {name: clip.reason for name, clip in clips.items() if isinstance(clip, Dropped)}
        assert "no skeletons_3d in the record" in reasons.pop("y_1500")
        assert "no skeletons_3d in the record" in reasons.pop("y_clip1")
        assert "the clip's times make 0 s" in reasons.pop("z_1500")
        assert "no body for 1.50 s" in reasons.pop("z_1500 again")
        assert "damaged" in reasons.pop("test/0000000001")
        assert "no film with vid and clips" in reasons.pop("test/0000000002")
        assert "it names builtins.print" in reasons.pop("test/0000000003")
        assert not reasons
        assert [clip.id for clip in ted.read(tmp_path, limit=1, quiet=True) if clip.id[0] == "x"] == ["x_1500"]

    def test_records_of_pyarrow(self, tmp_path, monkeypatch):
        film = pickle.dumps({"vid": "v", "clips": [film_clip(seconds=1.5)]})
        write_films(tmp_path / "lmdb_test", b"\xff\xff\xff\xff" + film, b"\xff\xff\xff\xff")
        monkeypatch.setitem(sys.modules, "pyarrow", ModuleType("pyarrow"))  # a new one has no deserialize
        with pytest.raises(UserError, match=r"docs/formats\.md says under TED"):
            list(ted.read(tmp_path, quiet=True))
        old = SimpleNamespace(deserialize=lambda value: pickle.loads(bytes(value)[4:]))
        monkeypatch.setitem(sys.modules, "pyarrow", old)
        clip, dropped = ted.read(tmp_path, quiet=True)
        assert (clip.id, clip.split) == ("v_1500", "test")
        assert dropped == Dropped("test/0000000001", "a record of pyarrow is damaged (EOFError)")

    def test_folders_and_packages(self, tmp_path, monkeypatch):
        with pytest.raises(UserError, match="no ted folder: it has no LMDB folder lmdb_train"):
            list(ted.read(tmp_path))
        pytest.importorskip("lmdb")
        (tmp_path / "lmdb_train").mkdir()
        (tmp_path / "lmdb_train" / "data.mdb").write_bytes(b"nothing" * 100)
        with pytest.raises(UserError, match="no LMDB that can be read"):
            list(ted.read(tmp_path))
        monkeypatch.setitem(sys.modules, "lmdb", None)
        with pytest.raises(UserError, match=r"needs lmdb, which is not installed; pip install 'cospeech\[corp"):
            list(ted.read(tmp_path))

    def test_a_store_is_made_of_it(self, tmp_path):
        write_films(tmp_path / "ted" / "lmdb_train", {"vid": "v", "clips": [film_clip(seconds=2.0)]})
        assert reader("ted") is ted.read
        assert prepare([("ted", tmp_path / "ted")], tmp_path / "store", quiet=True).pairs == 1


class _Evil:
    def __reduce__(self):
        return print, ("ran",)


def by_id_in_order(clips) -> dict:
    """As ``by_id``, but what comes a second time is called "again"."""
    found: dict = {}
    for clip in clips:
        found[clip.id if clip.id not in found else f"{clip.id} again"] = clip
    return found


def test_pickles_that_are_read(capsys):
    value = {"a": [1, 2.5, "text", None, (True,)], "b": np.arange(6.0).reshape(2, 3), "c": np.float32(2)}
    back = unpickle(pickle.dumps(value))
    np.testing.assert_array_equal(back.pop("b"), value.pop("b"))
    assert back == value
    for protocol in range(6):
        assert (unpickle(pickle.dumps(np.arange(3), protocol=protocol)) == [0, 1, 2]).all()
    texts = np.array([["one"], ["two"]], dtype=object)
    assert unpickle(pickle.dumps(texts)).tolist() == texts.tolist()
    with pytest.raises(UserError, match=r"holds more than numbers and texts \(it names builtins\.print\)"):
        unpickle(pickle.dumps(_Evil()))
    with pytest.raises(UserError, match="damaged"):
        unpickle(b"\x80\x04")
    assert capsys.readouterr().out == ""
    assert need("json", "x").loads("1") == 1
