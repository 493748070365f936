"""ExGes in use: constraints, the dial, pins, edits, and the library behind it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cospeech
from corpus_data import voice
from cospeech import api
from cospeech.core.errors import UserError
from cospeech.core.rotation import geodesic
from cospeech.loading import load
from cospeech.methods.motion_constraint import MotionConstraint
from cospeech.motion.codec import Codec
from cospeech.motion.motion import Motion
from cospeech.sampling.edit import joint_indices
from cospeech.speech.audio import write_wav
from cospeech.speech.speech import Speech, Word

CODEC = Codec()


# ------------------------------------------------------------------------ a trained tiny model

torch = pytest.importorskip("torch")
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tiny_run, mini_dataset, tmp_path_factory):
    """A tiny model of exges with its library."""
    import shutil

    from cospeech.methods.training_runs import export, train

    run = tmp_path_factory.mktemp("exges") / "run"
    for stage in ("alignment", "tokenizer"):
        shutil.copytree(tiny_run / stage, run / stage)
    for stage in ("retrieval", "denoiser"):
        train(mini_dataset, run, method="exges", preset="tiny", stage=stage)
    out = export(run, tmp_path_factory.mktemp("models") / "mine", dataset=mini_dataset)
    cospeech.build_library(mini_dataset, out / "base", model=out / "retrieval", quiet=True)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps({**config, "base": "base"}))
    return out


@pytest.fixture(scope="module")
def model(folder):
    return load(folder)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech(voice(6.01, seed=4)[0])


def clip(seconds: float, seed: int = 0) -> Motion:
    from corpus_data import gesturing

    return gesturing(seconds, seed=seed)


def pinned_clip(dataset, frames: int) -> Motion:
    """Real motion of the dataset, standing."""
    from cospeech.data.dataset import GestureDataset
    from cospeech.motion.procedural.posture import stand

    opened = GestureDataset(dataset)
    item = opened.select(kind="motion")[0]
    return stand(CODEC.decode(opened.motion(item)[:frames]))


@slow
def test_it_brings_its_library_along(model, folder):
    assert model.library is not None
    assert model.library.library.has_frame_keys
    assert load(folder, library=folder / "base").library.name == "base"


@slow
def test_motion_is_as_long_as_the_speech_and_the_seed_decides(model, speech):
    first = model.generate(speech, seed=3)
    assert first.frames == speech.frames
    assert first.face.shape == (speech.frames, 52)
    assert first.rotations.tobytes() == model.generate(speech, seed=3).rotations.tobytes()
    assert first.rotations.tobytes() != model.generate(speech, seed=4).rotations.tobytes()


@slow
@pytest.mark.parametrize("seconds", [0.03, 0.2, 1.0, 7.43, 16.0])
def test_any_length(model, seconds):
    recording = Speech(np.tile(voice(8.0, seed=2)[0], 2)[: int(seconds * 16000)])
    motion = model.generate(recording, face=False)
    assert motion.frames == recording.frames
    r = motion.rotations.astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-4)


@slow
def test_it_explains_itself(model, speech):
    explanation = model.generate(speech, face=False).extra["explain"]
    json.dumps(explanation)
    assert explanation["base"] == "base"
    assert explanation["used"]
    known = {entry.id for entry in model.library.library.samples()}
    end = 0.0
    for used in explanation["used"]:
        assert used["segment"] in known
        assert end <= used["start"] <= used["used_from"] < used["used_to"] <= used["end"] + 1e-6
        assert 0.8 <= used["speed"] <= 1.25
        end = used["start"]


@slow
def test_pins_are_met_exactly_and_the_rest_moves_on(model, speech, mini_dataset):
    wanted = pinned_clip(mini_dataset, 45)
    pin = MotionConstraint(wanted, 2.0, 3.5, ("left-arm",))
    motion = model.generate(speech, face=False, constraint=[pin])
    joints = joint_indices(["left-arm"])
    away = geodesic(motion.rotations[60:105][:, joints], wanted.rotations[:, joints])
    assert np.rad2deg(away).max() < 1.0
    # No jump at the borders: what is left to turn is spread over half a second.
    turns = np.rad2deg(geodesic(motion.rotations[1:, joints], motion.rotations[:-1, joints])).max(1)
    assert turns[[59, 104]].max() < 5.0
    free = joint_indices(["right-arm"])
    assert np.rad2deg(geodesic(motion.rotations[60:105][:, free], wanted.rotations[:, free])).max() > 1.0


@slow
def test_a_pose_is_held(model, speech, mini_dataset):
    pose = pinned_clip(mini_dataset, 1)
    motion = model.generate(speech, face=False, constraint=[MotionConstraint(pose, 1.0, 2.0, ("head",))])
    joints = joint_indices(["head"])
    np.testing.assert_allclose(
        motion.rotations[30:60][:, joints], np.repeat(pose.rotations[:, joints], 30, 0), atol=1e-6
    )


@slow
def test_two_pins_and_a_start_pose_are_all_met(model, speech, mini_dataset):
    wanted = pinned_clip(mini_dataset, 60)
    pins = [
        MotionConstraint(wanted[:30], 1.0, 2.0, ("left-arm",)),
        MotionConstraint(wanted[10:40], 2.2, 3.2, ("left-arm",)),
        MotionConstraint(wanted[:9], 0.2, 0.5, ("right-arm",)),
    ]
    start = wanted[50:51]
    motion = model.generate(speech, face=False, constraint=pins, start_pose=start)
    for pin, first in zip(pins, (30, 66, 6), strict=True):
        joints = joint_indices(pin.joints)
        got = motion.rotations[first : first + len(pin.motion)][:, joints]
        np.testing.assert_allclose(got, pin.motion.rotations[:, joints], atol=1e-6)
    arms = joint_indices(["arms"])
    np.testing.assert_allclose(motion.rotations[0, arms], start.rotations[0, arms], atol=1e-6)


@slow
def test_a_pin_at_another_rate_is_met(model, speech, mini_dataset):
    wanted = pinned_clip(mini_dataset, 45)
    fast = wanted.resample(60.0)
    joints = joint_indices(["right-arm"])
    motion = model.generate(speech, face=False, constraint=[MotionConstraint(fast, 2.0, 3.4, ("right-arm",))])
    again = fast.resample(30.0).rotations[:42, joints]
    assert np.rad2deg(geodesic(motion.rotations[60:102][:, joints], again)).max() < 1.0


@slow
def test_a_pinned_trunk_looks_where_it_did(model, speech, mini_dataset):
    """Even if the pinned motion bends at the hips: the chest's direction in the world is what counts."""
    from dataclasses import replace

    from cospeech.core.rotation import axis_rotation
    from cospeech.motion.kinematics import global_rotations

    clip_ = pinned_clip(mini_dataset, 30)
    rotations = clip_.rotations.copy()
    rotations[:, 0] = rotations[:, 0] @ axis_rotation("X", np.deg2rad(25.0))
    bent = replace(clip_, rotations=rotations)
    motion = model.generate(speech, face=False, constraint=[MotionConstraint(bent, 2.0, 3.0)])
    chest = bent.skeleton.index("spine3")
    wanted, got = (global_rotations(m.rotations, m.skeleton.parents)[:, chest] for m in (bent, motion[60:90]))
    assert np.rad2deg(geodesic(got, wanted)).max() < 2.0


@slow
@pytest.mark.parametrize(
    ("start", "end", "frames", "message"),
    [(2.0, 4.0, 30, "lasts 1.00 s"), (5.0, 9.0, 1, "not within"), (-1.0, 2.0, 1, "not within")],
)
def test_pins_that_cannot_be(model, speech, mini_dataset, start, end, frames, message):
    with pytest.raises(UserError, match=message):
        model.generate(speech, constraint=[MotionConstraint(pinned_clip(mini_dataset, frames), start, end)])


@slow
def test_edits_keep_everything_else(model, speech):
    motion = model.generate(speech, face=False)
    changed = model.edit(motion, speech, span=["2:4"], joints=["hands"], seed=9)
    hands = joint_indices(["hands"])
    others = [j for j in range(55) if j not in hands]
    assert changed.rotations[:, others].tobytes() == motion.rotations[:, others].tobytes()
    for part in (slice(0, 60), slice(120, None)):
        assert changed.rotations[part].tobytes() == motion.rotations[part].tobytes()
    assert (changed.rotations[75:105][:, hands] != motion.rotations[75:105][:, hands]).any()
    assert "explain" not in changed.extra  # it would tell of gestures that are gone


@slow
def test_without_a_library_it_still_gestures(model, speech):
    motion = model.with_library(None).generate(speech, face=False)
    assert motion.frames == speech.frames
    assert motion.extra["explain"]["used"] == []


@slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"faithfulness": 1.5}, "from 0 to 1"),
        ({"speaker": "Nobody"}, "this model knows"),
        ({"intensity": 9.0}, "0.25 to 2.5"),
        ({"seed": -1}, "whole number"),
        ({"constraint": ["wave.bvh"]}, "FILE@START:END"),
        ({"constraint": ["wave.bvh@5:4"]}, "ends before"),
    ],
)
def test_wishes_that_cannot_be(folder, speech, options, message):
    with pytest.raises(UserError, match=message):
        cospeech.generate(speech, model=folder, **options)


@slow
def test_a_constraint_file_must_be_long_enough(folder, speech, tmp_path):
    api.write(clip(1.0), tmp_path / "short.npz")
    with pytest.raises(UserError, match=r"less than the 2\.00 s"):
        cospeech.generate(speech, model=folder, constraint=[f"{tmp_path / 'short.npz'}@1:3"])


@slow
def test_a_base_of_another_embedding_is_refused(folder, mini_dataset, tmp_path):
    from library_data import FakeEmbedder

    cospeech.build_library(mini_dataset, tmp_path / "other", model=FakeEmbedder(), quiet=True)
    with pytest.raises(UserError, match="--library-model"):
        load(folder, library=tmp_path / "other")
    with pytest.raises(UserError, match="made with the embedding fake"):
        load(folder, library=tmp_path / "other", library_model=folder / "retrieval")


@slow
def test_a_damaged_shard_costs_its_own_gestures_alone(folder, speech, tmp_path, capsys):
    import shutil

    shutil.copytree(folder, tmp_path / "mine")
    frames = next((tmp_path / "mine" / "base").glob("frames-*.safetensors"))
    data = bytearray(frames.read_bytes())
    data[-1] ^= 1
    frames.write_bytes(data)
    damaged = load(tmp_path / "mine")
    assert damaged.generate(speech, face=False).extra["explain"]["used"]
    motion = next((tmp_path / "mine" / "base").glob("motion-*.safetensors"))
    motion.write_bytes(motion.read_bytes()[:-8])
    assert load(tmp_path / "mine").generate(speech, face=False).frames == speech.frames
    assert "is left out" in capsys.readouterr().err


@slow
def test_methods_without_retrieval_say_so(tiny_model, speech, folder):
    with pytest.raises(UserError, match=r"contextual takes no option 'library' .*methods that take library: exges"):
        load(tiny_model, library=folder / "base")
    with pytest.raises(UserError, match=r"takes no option 'faithfulness'; .*methods that take faithfulness: exges"):
        cospeech.generate(speech, model=tiny_model, faithfulness=0.5)
    with pytest.raises(UserError, match="loaded already"):
        cospeech.generate(speech, model=load(tiny_model), library=folder / "base")


@slow
def test_words_prefer_segments_said_with_like_words(folder, model):
    """Of two segments with equal keys, the one whose speaker said the like is taken."""
    from cospeech.gesture_library.library import Hit

    library = model.library
    entry = library.library.samples([0])[0]
    fields = {**vars(entry), "words": (Word("never", 0.0, 0.3),)}
    said = type(entry)(**fields)
    plain = library._gain(Hit(1, 0.5, entry), ["no"], (0, 60), 0.2, {})
    meant = library._gain(Hit(1, 0.5, said), ["no"], (0, 60), 0.2, {})
    assert meant > plain
    assert library._gain(Hit(1, 0.5, said), ["grass"], (0, 60), 0.2, {}) == plain


@slow
def test_the_command_writes_the_explanation(folder, tmp_path, speech):
    from cospeech import cli

    write_wav(tmp_path / "talk.wav", speech.samples, sample_rate=speech.sample_rate)
    out = tmp_path / "talk.npz"
    cli.main(["generate", str(tmp_path / "talk.wav"), "-o", str(out), "--method", str(folder), "--explain"])
    explanation = json.loads((tmp_path / "talk.explain.json").read_text())
    assert explanation["used"]
    assert out.is_file()


# ------------------------------------------------------------------------ the shipped model


@pytest.fixture(scope="module")
def shipped_model():
    from cospeech.loading import shipped

    if "exges" not in shipped():
        pytest.skip("exges is not shipped")
    return load("exges")


def test_the_shipped_one_gestures_from_its_own_base(shipped_model):
    from pathlib import Path

    from cospeech.motion.phases import hand_speed

    hello = Path(__file__).parents[1] / "examples" / "hello.wav"
    recording = cospeech.load_speech(hello)
    gestures = 0  # those that fit how lively the voice is; of some takes more than of others
    for speaker in shipped_model.speakers:
        takes = [
            shipped_model.generate(recording, speaker=speaker, emotion="joy", seed=seed, face=False)
            for seed in range(3)
        ]
        used = [one for motion in takes for one in motion.extra["explain"]["used"]]
        gestures += len(used)
        assert len(used) >= 2 * len(takes)
        assert {one["kind"] for one in used} == {"generated"}
        assert {one["speaker"] for one in used} == {speaker}
        for motion in takes:
            speed = hand_speed(motion)
            assert 0.03 < speed.mean() < 0.6
            assert speed.max() < 5.0
    assert gestures >= 3 * len(takes) * len(shipped_model.speakers)


def test_the_shipped_one_is_calm_in_silence(shipped_model):
    from cospeech.motion.phases import hand_speed

    quiet = Speech(np.zeros(16000 * 8, dtype=np.float32))
    motion = shipped_model.generate(quiet, face=False)
    assert motion.extra["explain"]["used"] == []
    assert hand_speed(motion).mean() < 0.15
