"""From a corpus to gestures: prepare, train, export, load, generate; and what cannot be asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import cospeech
from corpus_data import voice
from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.core.timing import frame_to_sample
from cospeech.loading import load, read_config, shipped
from cospeech.methods.contextual.model import ContextualModel
from cospeech.methods.contextual.sampling import Condition, ContextualSampling, sample_tokens
from cospeech.methods.contextual.stages import GENERATOR
from cospeech.methods.tokenizer.stages import TOKENIZER
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.contact import separated
from cospeech.motion.procedural.posture import seat
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.sampling.masked import MaskedSampling
from cospeech.speech.audio import write_wav
from cospeech.speech.speech import Speech

pytestmark = pytest.mark.slow  # the first test trains and exports a model, unless another one has


@pytest.fixture(scope="module")
def model(tiny_model) -> ContextualModel:
    return load(tiny_model)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech(voice(6.01, seed=4)[0])


def same(a: Motion, b: Motion) -> bool:
    return (
        a.rotations.tobytes() == b.rotations.tobytes()
        and a.translation.tobytes() == b.translation.tobytes()
        and a.face.tobytes() == b.face.tobytes()
    )


@pytest.mark.parametrize(
    "samples",
    [1, 533, 534, 3200, *(frame_to_sample(n) + d for n in (7, 8, 100, 223, 224, 225) for d in (0, 1)), 390001],
)
def test_motion_is_exactly_as_long_as_the_speech(model, samples):
    """Odd lengths, single frames, a token more or less, and more than one window."""
    long = np.tile(voice(7.0, seed=1)[0], 4)
    spoken = Speech(long[:samples])
    motion = model.generate(spoken)
    assert motion.frames == spoken.frames
    assert motion.fps == 30
    assert motion.skeleton == canonical_skeleton()
    assert motion.face.shape == (spoken.frames, 52)
    r = motion.rotations.astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-5)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_speech_at_any_sample_rate(model, speech, rate):
    other = speech.resampled(sample_rate=rate)
    motion = model.generate(other)
    assert motion.frames == other.frames
    assert motion.face.shape[0] == other.frames


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(model, speech, tiny_model):
    first = model.generate(speech, seed=3)
    assert same(first, model.generate(speech, seed=3))
    assert same(first, load(tiny_model).generate(speech, seed=3))  # another session, nothing is left over
    other = model.generate(speech, seed=4)
    assert np.abs(first.rotations - other.rotations).max() > 0.05
    model.generate(speech, seed=9)
    assert same(first, model.generate(speech, seed=3))


def test_another_process_gives_the_same_bytes(model, speech, tiny_model, tmp_path):
    write_wav(tmp_path / "talk.wav", speech.samples)
    code = (
        "import sys, hashlib, cospeech\n"
        "motion = cospeech.generate(sys.argv[1], model=sys.argv[2], seed=5)\n"
        "sys.stdout.write(hashlib.sha256(motion.rotations.tobytes()).hexdigest())\n"
        "assert 'torch' not in sys.modules\n"
    )
    import hashlib

    here = cospeech.generate(tmp_path / "talk.wav", model=tiny_model, seed=5)
    source = str(Path(__file__).parents[1] / "src")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {source!r})\n{code}",
            tmp_path / "talk.wav",
            tiny_model,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == hashlib.sha256(here.rotations.tobytes()).hexdigest()


def test_every_wish_changes_the_motion(model, speech):
    plain = model.generate(speech)
    conditions = ({"seated": True}, {"emotion": "anger"}, {"speaker": "HeGa"}, {"intensity": 2.0}, {"face": False})
    for options in conditions:
        motion = model.generate(speech, **options)
        assert motion.frames == plain.frames
        if options == {"face": False}:
            assert motion.face is None
            np.testing.assert_array_equal(motion.rotations, plain.rotations)
        else:
            assert np.abs(motion.rotations - plain.rotations).max() > 0.02, options


def test_seated_is_the_same_gesture_on_a_chair(model, speech):
    standing, seated = model.generate(speech, relaxed=False), model.generate(speech, seated=True)
    head, arms = (canonical_skeleton().indices(names) for names in (["neck", "head"], ["left_shoulder", "left_elbow"]))
    np.testing.assert_allclose(standing.rotations[:, head], seated.rotations[:, head], atol=1e-5)
    expected = separated(seat(standing))  # arms are pushed off the thighs
    np.testing.assert_allclose(expected.rotations[:, arms], seated.rotations[:, arms], atol=1e-3)
    assert seated.translation[:, 1].max() < standing.translation[:, 1].min() - 0.3


def test_defaults_and_what_the_speech_says(model, speech):
    plain = model.generate(speech)
    assert same(plain, model.generate(speech, emotion="conversation", speaker="AnBh", intensity=1.0, seed=0))
    assert not same(plain, model.generate(speech, emotion="neutral"))
    labelled = replace(speech, emotion="joy", speaker="HeGa")
    assert same(model.generate(labelled), model.generate(speech, emotion="joy", speaker="HeGa"))
    assert same(model.generate(labelled, emotion="Happy"), model.generate(labelled, emotion={"joy": 2.0}))
    stranger = replace(speech, speaker="somebody")  # a name that means nothing to the model is no error
    assert same(plain, model.generate(stranger))
    mixed = model.generate(speech, emotion={"joy": 1, "anger": 1})
    assert not np.array_equal(mixed.rotations, model.generate(speech, emotion="joy").rotations)


def test_what_the_model_does_not_know(model, speech):
    for options, message in (
        ({"emotion": "bored"}, f"unknown emotion 'bored'; known: {', '.join(EMOTIONS)}"),
        ({"speaker": "scott"}, "unknown speaker 'scott'; this model knows AnBh, HeGa"),
        ({"intensity": 3.0}, "intensity must be from 0.25 to 2.5; got 3"),
        ({"intensity": 0.0}, "intensity must be from 0.25 to 2.5; got 0"),
        ({"intensity": float("nan")}, "intensity must be from 0.25 to 2.5; got nan"),
        ({"seed": -1}, "seed must be a whole number from 0 on; got -1"),
        ({"emotion": {"joy": -1.0}}, "weight of emotion 'joy' must not be negative"),
        ({"emotion": {"joy": 0.0}}, "all zero"),
        ({"emotion": {}}, "all zero"),
    ):
        with pytest.raises(UserError) as caught:
            model.generate(speech, **options)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_it_begins_and_ends_at_rest(model, speech):
    """The first token and the last two are those of the speaker's rest, whatever was drawn between."""
    quiet = model.with_sampling(rhythm=False)
    takes = [quiet.generate(speech, seed=seed, face=False, relaxed=False) for seed in range(4)]
    joints = canonical_skeleton().indices(["left_elbow", "right_elbow", "left_wrist"])
    rotations = np.stack([take.rotations[:, joints] for take in takes])
    spread = np.linalg.norm(rotations - rotations.mean(0), axis=(-2, -1)).max(axis=(0, 2))
    assert spread[-2:].max() < 0.5 * np.median(spread)


def test_sampling_can_be_set(model, speech):
    calm = model.with_sampling(masked=MaskedSampling(steps=1, temperature=0.0))
    assert calm.sampling.masked.steps == 1
    assert model.sampling.masked.steps == MaskedSampling().steps
    assert not np.array_equal(calm.generate(speech).rotations, model.generate(speech).rotations)
    guided = model.with_sampling(guidance=3.0).generate(speech, emotion="anger")
    assert np.abs(guided.rotations - model.generate(speech, emotion="anger").rotations).max() > 0.01


def test_given_tokens_are_kept_in_every_window(model):
    networks, rng = model.networks, np.random.default_rng(0)
    features = rng.normal(size=(150 * 4, 48)).astype(np.float32)
    given = np.full((150, networks.layers), -1, dtype=np.int64)
    kept = [0, 1, 47, 48, 52, 53, 54, 55, 56, 57, 100, 149]  # across the windows' edges too
    given[kept] = rng.integers(0, networks.codes, (len(kept), networks.layers))
    before = given.copy()
    one = np.ones((1, 2), np.float32)
    condition = Condition(np.eye(10, dtype=np.float32)[:1], one, one)
    made = sample_tokens(networks, features, condition, np.random.default_rng(0), ContextualSampling(), known=given)
    np.testing.assert_array_equal(given, before)
    np.testing.assert_array_equal(made.codes[kept], before[kept, 0])
    assert ((made.codes >= 0) & (made.codes < networks.codes)).all()
    np.testing.assert_allclose(made.latent[kept], networks.vectors(before[kept]), atol=1e-5)
    assert np.abs(made.latent).sum(-1).min() > 0  # no token was left out


def test_the_whole_way_by_the_front_door(model, speech, tiny_model, tmp_path):
    motion = cospeech.generate(speech, model=tiny_model, emotion="joy", seated=True, seed=2)
    assert same(motion, model.generate(speech, emotion="joy", seated=True, seed=2))
    motion.save(tmp_path / "talk.bvh")
    assert cospeech.load_motion(tmp_path / "talk.bvh").frames == motion.frames
    with pytest.raises(UserError, match="no such file"):
        cospeech.generate(tmp_path / "no.wav", model=tiny_model)


class TestBrokenFolders:
    """A model folder that is not whole is told in one line, never a traceback."""

    @pytest.fixture
    def folder(self, tiny_model, tmp_path) -> Path:
        return Path(shutil.copytree(tiny_model, tmp_path / "broken"))

    def refusal(self, folder: Path, speech: Speech) -> str:
        with pytest.raises(UserError) as caught:
            load(folder).generate(speech)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500
        return str(caught.value)

    @pytest.mark.parametrize(
        "name",
        ["speech.onnx", "masked.onnx", "residual.onnx", "decoder.onnx", "rest.safetensors", "codebooks.safetensors"],
    )
    @pytest.mark.parametrize("how", ["missing", "cut", "empty", "text"])
    def test_a_file(self, folder, speech, name, how):
        path = folder / name
        whole = path.read_bytes()
        path.unlink()
        if how != "missing":
            path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no graph " * 9}[how])
        message = self.refusal(folder, speech)
        assert name in message
        assert "export the model again" in message
        assert ("lacks" if how == "missing" else "damaged") in message

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": 2}, "has model format 2, this version reads 1"),
            ({"format": "1"}, "has model format 1, this version reads 1"),
            ({"method": "magic"}, "names the method 'magic'; known: contextual"),
            ({"config": None}, "lacks the whole number config.codes"),
            ({"config": {"codes": 32, "layers": "2", "downsample": 4}}, "config.layers"),
            ({"styles": []}, "lacks styles"),
            ({"styles": None}, "lacks styles"),
            ({"default_speaker": "scott"}, "default speaker 'scott'; known: AnBh, HeGa"),
            ({"styles": ["AnBh", "scott"]}, "lacks the rest pose of scott"),
            ({"sampling": {"stride": 3}}, "sampling settings that are not known"),
            ({"sampling": {"masked": {"stepps": 3}}}, "sampling settings that are not known"),
            ({"sampling": 3}, "sampling settings that are not known"),
            ({"config": {"codes": 64, "layers": 2, "downsample": 4}}, "is not of this model"),
        ],
    )
    def test_a_config_that_says_other_things(self, folder, speech, change, message):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **change}))
        assert message in self.refusal(folder, speech)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "is no JSON that can be read"),
            ("{", "is no JSON that can be read"),
            ("\xff", "is no JSON that can be read"),
            ("[]", "lacks format"),
            ("3", "lacks format"),
            ("{}", "lacks format"),
            ('{"format": 1, "method": "contextual"}', "lacks config, package_version"),
        ],
    )
    def test_a_config_that_is_none(self, folder, speech, text, message):
        (folder / "config.json").write_bytes(text.encode("latin-1"))
        assert message in self.refusal(folder, speech)

    def test_no_folder_at_all(self, tmp_path, speech):
        assert "has no config.json" in self.refusal(tmp_path, speech)
        with pytest.raises(UserError, match="no model 'nobody': give a model folder or a shipped one"):
            load("nobody")
        with pytest.raises(UserError, match="no model"):
            load("../models")

    def test_shipped_models_can_be_opened(self):
        for name in shipped():
            assert load(name).speakers


def test_runs_are_taken_up_by_stage(tiny_run, mini_dataset, tmp_path):
    """A second call finds all stages done; unknown stages and presets are told."""
    before = {path: path.read_bytes() for path in tiny_run.rglob("training.pt")}
    assert len(before) == 3
    whole = ("generator.tokens=body",)
    cospeech.train(mini_dataset, tiny_run, preset="tiny", set=whole)
    log = [json.loads(line) for line in (tiny_run / "generator" / "log.jsonl").read_text().splitlines()]
    assert max(entry["step"] for entry in log) == 20
    with pytest.raises(
        UserError, match="unknown stage 'half'; known: alignment, tokenizer, parts, generator, activity, flow, all"
    ):
        cospeech.train(mini_dataset, tmp_path, preset="tiny", stage="half")
    with pytest.raises(UserError, match="unknown preset"):
        cospeech.train(mini_dataset, tmp_path, preset="giant")
    with pytest.raises(UserError, match="holds no trained weights yet"):
        cospeech.train(mini_dataset, tmp_path, preset="tiny", stage="generator")
    described = (tiny_run / "generator" / "config.json").read_bytes()
    with pytest.raises(UserError, match="other sizes"):
        cospeech.train(mini_dataset, tiny_run, preset="large", stage="generator", steps=21, set=whole)
    assert (tiny_run / "generator" / "config.json").read_bytes() == described
    assert {path: path.read_bytes() for path in before} == before
    with pytest.raises(UserError, match="is no dataset"):
        cospeech.train(tmp_path, tmp_path / "run", preset="tiny")
    with pytest.raises(UserError, match=r"0 recordings of speech with motion of .* in nowhere"):
        cospeech.train(mini_dataset, tmp_path / "run", preset="tiny", splits=("nowhere",))


def test_the_config_of_a_model_is_read_as_it_is(tiny_model):
    config = read_config(tiny_model)
    assert config["format"] == 1
    assert load(tiny_model).name == "tiny"


def test_the_papers_preset_trains_and_runs(mini_dataset, tmp_path):
    """Two steps of every stage as in the paper, frame by frame, residual codes, windows of 80; narrow and shallow."""
    tokenizer, generator = (asdict(stage.presets["paper"].config) for stage in (TOKENIZER, GENERATOR))
    assert (tokenizer["layers"], tokenizer["codes"], tokenizer["latent"]) == (6, 1024, 128)
    assert (generator["width"], generator["hidden"]) == (384, 1024)
    assert (generator["depth"], generator["residual_depth"]) == (8, 6)
    narrow = {"width": 24, "heads": 2, "hidden": 32}
    changes = {
        "training": {"steps": 2, "batch": 4, "warmup": 1, "log_every": 1},
        "alignment": {**narrow, "depth": 1},
        "tokenizer": {"width": 24, "latent": 16, "blocks": 1, "codes": 32},
        "generator": {
            **narrow,
            "depth": 1,
            "residual_depth": 1,
            "speech_depth": 1,
            **{f"speech_{name}": value for name, value in narrow.items()},
        },
    }
    run = cospeech.train(mini_dataset, tmp_path / "run", preset="paper", config=changes)
    for stage, preset in ((TOKENIZER, tokenizer), (GENERATOR, generator)):
        trained = json.loads((run / stage.name / "config.json").read_text())["config"]
        kept = preset.keys() - changes[stage.name].keys() - set(stage.derived)
        assert {key: trained[key] for key in kept} == {key: preset[key] for key in kept}
    out = cospeech.export(run, tmp_path / "paper", dataset=mini_dataset)
    model = load(out)
    assert (model.networks.downsample, model.networks.kind) == (1, "codes")
    assert model.sampling.window == 80
    assert len(model.generate(Speech(voice(4.0, seed=2)[0]))) == 120
