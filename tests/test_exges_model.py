"""ExGes in use: constraints, the dial, pins, edits, and the library behind it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cospeech
from corpus_data import voice
from cospeech import api
from cospeech.errors import UserError
from cospeech.methods.exges.constraint import Constraint, cells, columns_of, owner, propose
from cospeech.methods.exges.pins import Pin
from cospeech.methods.exges.reference import Reference, fitted
from cospeech.motion.codec import Codec
from cospeech.motion.motion import Motion
from cospeech.motion_base.semantics import classes
from cospeech.rotation import geodesic
from cospeech.runtime import load
from cospeech.sampling.edit import joint_indices
from cospeech.speech.audio import write_wav
from cospeech.speech.speech import Speech, Word

CODEC = Codec()


def reference(slot: tuple[int, int], length: int, seed: int = 0) -> Reference:
    rng = np.random.default_rng(seed)
    coded = rng.normal(0, 1, (length, CODEC.channels)).astype(np.float32)
    return Reference(slot, coded, f"clip:{seed}", 0.5, {"speaker": "Ann", "words": None})


# ------------------------------------------------------------------------ references and constraints


@pytest.mark.parametrize(
    ("room", "length", "rate", "frames"),
    [(60, 60, 1.0, 60), (60, 72, 1.2, 60), (60, 200, 1.25, 60), (60, 30, 0.8, 37), (50, 45, 0.9, 50)],
)
def test_a_reference_is_stretched_by_a_fifth_and_no_more(room, length, rate, frames):
    coded, (first, last), played = fitted(reference((100, 100 + room), length), 4)
    assert played == pytest.approx(rate)
    assert len(coded) == last - first == frames
    assert 100 <= first
    assert last <= 100 + room


def test_a_reference_that_fits_is_taken_as_it_is():
    own = reference((8, 68), 60)
    coded, place, _ = fitted(own, 4)
    np.testing.assert_allclose(coded, own.coded, atol=1e-6)
    assert place == (8, 68)


def test_a_long_reference_is_cut_where_it_is_calm():
    own = reference((0, 40), 200)
    own.coded[60:62] = own.coded[60]
    own.coded[108:112] = own.coded[108]
    coded, _, rate = fitted(own, 4)
    assert rate == 1.25
    assert np.abs(coded[0] - own.coded[60]).mean() < 0.3


def test_faithfulness_is_the_share_of_cells_and_each_share_holds_the_smaller_ones():
    shown = {}
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        constraint = Constraint.none(240)
        propose(
            constraint, [reference((0, 240), 240)], faithfulness=share, step=4, rng=np.random.default_rng(3)
        )
        shown[share] = constraint.mask
    inside = slice(6, 234)
    assert not shown[0.0].any()
    assert shown[1.0][inside].all()
    for low, high in ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)):
        assert (shown[low] <= shown[high]).all()
        assert shown[low].sum() < shown[high].sum()
    assert abs(shown[0.5][inside].mean() - 0.5) < 0.12


def test_ends_of_a_reference_are_left_to_the_network():
    constraint = Constraint.none(120)
    both = [reference((0, 60), 60), reference((60, 120), 60, seed=1)]
    propose(constraint, both, faithfulness=1.0, step=4, rng=np.random.default_rng(0))
    free = np.flatnonzero(~constraint.mask.any(1))
    np.testing.assert_array_equal(free, [*range(6), *range(54, 66), *range(114, 120)])


def test_a_users_own_constraint_stands_above_what_was_retrieved():
    constraint = Constraint.none(60)
    head = columns_of(joint_indices(["head"]))
    wanted = np.full((20, CODEC.channels), 7.0, dtype=np.float32)
    constraint.insist(wanted, 20, head)
    propose(constraint, [reference((0, 60), 60)], faithfulness=1.0, step=4, rng=np.random.default_rng(0))
    channels = np.isin(owner(), head)
    assert (constraint.pose[20:40][:, channels] == 7.0).all()
    assert not (constraint.pose[20:40][:, ~channels] == 7.0).any()
    assert constraint.hard[20:40][:, head].all()
    assert constraint.hard.sum() == 20 * len(head)


def test_every_channel_and_joint_has_its_place():
    assert len(owner()) == CODEC.channels
    assert owner().max() == len(CODEC.joints)
    names = [*CODEC.body, *CODEC.hands, "root"]
    parts = dict(zip(names, cells(), strict=True))
    assert parts["left_elbow"] == parts["left_index2"] != parts["right_elbow"]
    assert parts["neck"] == parts["head"] != parts["spine2"]


def test_words_have_classes():
    assert classes(["No,", "I", "never", "counted", "three!"]) == {"no": "No,", "I": "I", "number": "three!"}
    assert classes(["Grass", "grows."]) == {}


# ------------------------------------------------------------------------ a trained tiny model

torch = pytest.importorskip("torch")
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tiny_run, mini_store, tmp_path_factory):
    """A tiny model of exges with its base."""
    import shutil

    from cospeech.training.exges.train import export, train

    run = tmp_path_factory.mktemp("exges") / "run"
    for stage in ("alignment", "tokenizer"):
        shutil.copytree(tiny_run / stage, run / stage)
    for stage in ("retrieval", "denoiser"):
        train(mini_store, run, preset="tiny", stage=stage)
    out = export(run, mini_store, tmp_path_factory.mktemp("models") / "mine")
    cospeech.build_base(mini_store, out / "base", model=out / "retrieval", quiet=True)
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


def pinned_clip(store, frames: int) -> Motion:
    """Real motion of the store, standing."""
    from cospeech.data.store import Store
    from cospeech.motion.posture import stand

    opened = Store(store)
    item = opened.select(kind="motion")[0]
    return stand(CODEC.decode(opened.motion(item)[:frames]))


@slow
def test_it_brings_its_library_along(model, folder):
    assert model.library is not None
    assert model.library.base.fine
    assert load(folder, base=folder / "base").library.name == "base"


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
    heard = Speech(np.tile(voice(8.0, seed=2)[0], 2)[: int(seconds * 16000)])
    motion = model.generate(heard, face=False)
    assert motion.frames == heard.frames
    r = motion.rotations.astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-4)


@slow
def test_it_explains_itself(model, speech):
    told = model.generate(speech, face=False).extra["explain"]
    json.dumps(told)
    assert told["base"] == "base"
    assert told["used"]
    known = {entry.id for entry in model.library.base.entries()}
    end = 0.0
    for used in told["used"]:
        assert used["segment"] in known
        assert end <= used["start"] <= used["used_from"] < used["used_to"] <= used["end"] + 1e-6
        assert 0.8 <= used["speed"] <= 1.25
        end = used["start"]


@slow
def test_pins_are_met_exactly_and_the_rest_moves_on(model, speech, mini_store):
    wanted = pinned_clip(mini_store, 45)
    pin = Pin(wanted, 2.0, 3.5, ("left-arm",))
    motion = model.generate(speech, face=False, pins=[pin])
    joints = joint_indices(["left-arm"])
    away = geodesic(motion.rotations[60:105][:, joints], wanted.rotations[:, joints])
    assert np.rad2deg(away).max() < 1.0
    # No jump at the borders: less than the pinned clip's own fastest turn and a little.
    turns = np.rad2deg(geodesic(motion.rotations[1:, joints], motion.rotations[:-1, joints])).max(1)
    assert turns[[58, 59, 104, 105]].max() < max(20.0, 2 * turns.max())
    free = joint_indices(["right-arm"])
    assert np.rad2deg(geodesic(motion.rotations[60:105][:, free], wanted.rotations[:, free])).max() > 1.0


@slow
def test_a_pose_is_held(model, speech, mini_store):
    pose = pinned_clip(mini_store, 1)
    motion = model.generate(speech, face=False, pins=[Pin(pose, 1.0, 2.0, ("head",))])
    joints = joint_indices(["head"])
    np.testing.assert_allclose(
        motion.rotations[30:60][:, joints], np.repeat(pose.rotations[:, joints], 30, 0), atol=1e-6
    )


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
def test_a_base_of_another_embedding_is_refused(folder, mini_store, tmp_path):
    from base_data import FakeEmbedder

    cospeech.build_base(mini_store, tmp_path / "other", model=FakeEmbedder(), quiet=True)
    with pytest.raises(UserError, match="--base-model"):
        load(folder, base=tmp_path / "other")
    with pytest.raises(UserError, match="made with the embedding fake"):
        load(folder, base=tmp_path / "other", base_model=folder / "retrieval")


@slow
def test_methods_without_retrieval_say_so(tiny_model, speech, folder):
    with pytest.raises(UserError, match="takes no motion base"):
        load(tiny_model, base=folder / "base")
    with pytest.raises(UserError, match="no faithfulness and no constraint"):
        cospeech.generate(speech, model=tiny_model, faithfulness=0.5)


@slow
def test_words_prefer_segments_said_with_like_words(folder, model):
    """Of two segments with equal keys, the one whose speaker said the like is taken."""
    from cospeech.motion_base.base import Hit

    library = model.library
    entry = library.base.entries([0])[0]
    fields = {**vars(entry), "words": (Word("never", 0.0, 0.3),)}
    said = type(entry)(**fields)
    plain = library._gain(Hit(1, 0.5, entry), ["no"], 60, 0.2, None, {})
    meant = library._gain(Hit(1, 0.5, said), ["no"], 60, 0.2, None, {})
    assert meant > plain
    assert library._gain(Hit(1, 0.5, said), ["grass"], 60, 0.2, None, {}) == plain


@slow
def test_the_command_writes_the_explanation(folder, tmp_path, speech):
    from cospeech import cli

    write_wav(tmp_path / "talk.wav", speech.samples, sample_rate=speech.sample_rate)
    out = tmp_path / "talk.npz"
    cli.main(["generate", str(tmp_path / "talk.wav"), "-o", str(out), "--method", str(folder), "--explain"])
    told = json.loads((tmp_path / "talk.explain.json").read_text())
    assert told["used"]
    assert out.is_file()


# ------------------------------------------------------------------------ the shipped model


@pytest.fixture(scope="module")
def shipped_model():
    from cospeech.runtime import shipped

    if "exges" not in shipped():
        pytest.skip("exges is not shipped")
    return load("exges")


def test_the_shipped_one_gestures_from_its_own_base(shipped_model):
    from pathlib import Path

    from cospeech.motion.phases import hand_speed

    hello = Path(__file__).parents[1] / "examples" / "hello.wav"
    heard = cospeech.load_speech(hello)
    for speaker in shipped_model.speakers:
        motion = shipped_model.generate(heard, speaker=speaker, emotion="joy", face=False)
        used = motion.extra["explain"]["used"]
        assert len(used) >= 4
        assert {one["kind"] for one in used} == {"generated"}
        assert {one["speaker"] for one in used} == {speaker}
        speed = hand_speed(motion)
        assert 0.03 < speed.mean() < 0.6
        assert speed.max() < 5.0


def test_the_shipped_one_is_calm_in_silence(shipped_model):
    from cospeech.motion.phases import hand_speed

    quiet = Speech(np.zeros(16000 * 8, dtype=np.float32))
    motion = shipped_model.generate(quiet, face=False)
    assert motion.extra["explain"]["used"] == []
    assert hand_speed(motion).mean() < 0.15
