"""Body and face apart, from recordings to gestures: points in a picture, and SMPL-X with expressions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import cospeech
from corpus_data import voice
from cospeech import cli
from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset
from cospeech.data.prepare import prepare
from cospeech.loading import load
from cospeech.methods import model_writer
from cospeech.methods.alignment.network import Alignment
from cospeech.methods.alignment.stages import ALIGNMENT
from cospeech.methods.contextual import export as exporting
from cospeech.methods.contextual.export import TorchNetworks
from cospeech.methods.contextual.model import ContextualModel
from cospeech.methods.contextual.network import Generator
from cospeech.methods.contextual.stages import GENERATOR
from cospeech.methods.contextual.train import load_generator_run
from cospeech.methods.modalities import tokenizer_quality
from cospeech.methods.tokenizer.network import Tokenizer
from cospeech.methods.tokenizer.stages import TOKENIZER
from cospeech.methods.tokenizer.train import MotionWindows, fit_tokenizer, load_tokenizer_run
from cospeech.methods.training_runs import export, train
from cospeech.motion.expressions import KEY
from cospeech.motion.formats.keypoints import Keypoints, load_keypoints
from cospeech.motion.formats.smplx import load_smplx
from cospeech.motion.points import POINTS
from cospeech.motion.representation import representation
from cospeech.speech.audio import write_wav
from cospeech.speech.speech import Speech
from cospeech.training.loop import TrainConfig
from format_data import canonical_motion
from space_data import write_beat2, write_keypoints

torch.set_num_threads(1)
pytestmark = pytest.mark.slow

SHORT = TrainConfig(steps=2, batch_size=4, warmup=1, log_every=1, validate_every=2, save_every=2)
QUICK = {
    "training": {"steps": 2, "batch": 4, "warmup": 1, "log_every": 1},
    "alignment": {"depth": 1},
    "generator": {"residual": "none", "depth": 1, "speech_depth": 1},
}


def made(dataset: Path, folder: Path) -> Path:
    """Run and model folder of all modalities of a dataset: two steps of ``tiny``, with as few graphs as can be."""
    train(dataset, folder / "run", preset="tiny", config=QUICK)
    return export(folder / "run", folder / "model", dataset=dataset)


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("points")
    prepare([("keypoints", write_keypoints(folder / "films"))], folder / "store", quiet=True)
    made(folder / "store", folder)
    return folder


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """The graphs are left out: writing them takes longest, and those of points have been through it."""
    folder = tmp_path_factory.mktemp("smplx")
    prepare([("beat2", write_beat2(folder / "beat2"))], folder / "store", representation="smplx", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_writer, "export_graph", lambda *_, **__: None)
        made(folder / "store", folder)
    return folder


def with_torch(folder: Path) -> ContextualModel:
    """The model of a folder without graphs, over the networks of its run."""
    model = load(folder / "model")
    assert isinstance(model, ContextualModel)

    def networks(run: Path) -> TorchNetworks:
        tokenizer, generator = load_tokenizer_run(run / "tokenizer")[0], load_generator_run(run / "generator")[0]
        exporting.round_for_export(tokenizer, generator)
        return TorchNetworks(tokenizer, generator)

    model.networks = networks(folder / "run")
    model.face_networks = (model.face_networks[0], networks(folder / "run" / "face"))
    return model


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech(voice(3.01, seed=4)[0])


def test_points_are_generated(films, speech):
    model = load(films / "model")
    points = model.generate(speech, seed=3)
    assert isinstance(points, Keypoints)
    assert points.points.shape == (speech.frames, 116, 2)
    assert (points.names, points.fps) == (POINTS, 30.0)
    np.testing.assert_array_equal(points.points, cospeech.generate(speech, model=model, seed=3).points)
    bodies = model.generate(speech, seed=3, face=False)
    np.testing.assert_array_equal(bodies.points, points.points[:, :48])  # the face has dice of its own
    assert not np.array_equal(model.generate(speech, seed=4).points, points.points)
    for person, x in (("person0", 500), ("person1", 700)):  # where the training films have them
        own = model.generate(speech, speaker=person)
        assert own.points[:, [0, 3]].mean() == pytest.approx((x + 300) / 2, abs=60)
        assert own.camera["centre"][0] == pytest.approx(x, abs=5)


def test_points_are_edited_by_their_tokens(films, speech):
    model = load(films / "model")
    points = model.generate(speech, seed=3)
    edited = model.edit(points, speech, span=["1:2"], seed=8)
    np.testing.assert_array_equal(edited.points[:30], points.points[:30])
    np.testing.assert_array_equal(edited.points[60:], points.points[60:])
    np.testing.assert_array_equal(edited.points[:, 48:], points.points[:, 48:])
    moved = np.linalg.norm(edited.points - points.points, axis=-1)[30:60, :48]
    assert moved.max() > 1.0
    assert moved[[0, -1]].max() < 0.1 * moved.max()
    again = model.edit(points, speech, span=["1:2"], seed=8)
    np.testing.assert_array_equal(edited.points, again.points)
    assert not np.array_equal(edited.points, model.edit(points, speech, span=["1:2"], seed=9).points)
    whole = model.edit(points, speech, seed=8).points[:, :48]
    assert not np.array_equal(whole, points.points[:, :48])


def test_what_points_cannot_do(films, speech):
    model = load(films / "model")
    for options in ({"seated": True}, {"start_pose": canonical_motion(1)}):
        with pytest.raises(UserError, match="keypoints in a picture and no body, takes no option"):
            cospeech.generate(speech, model=model, **options)
    points = model.generate(speech)
    for given, options, message in (
        (points, {"joints": ["arms"]}, "keypoints in a picture and no body, edits all joints together"),
        (points, {"span": ["2:9"]}, "not within"),
        (replace(points, points=points.points[:60]), {}, "agree within 0.1 s"),
        (replace(points, fps=25.0), {}, "30 frames a second, got 116 of 2 numbers at 25"),
    ):
        with pytest.raises(UserError, match=message):
            model.edit(given, speech, **options)
    with pytest.raises(UserError, match="unknown speaker 'nobody'; this model knows person0, person1"):
        model.generate(speech, speaker="nobody")
    for method in ("extractor", "emotion-classifier"):
        with pytest.raises(UserError, match=f"holds points in a picture; {method} needs bodies"):
            train(films / "store", films / "judge", method=method, preset="tiny")
    with pytest.raises(UserError, match="no modality 'feet' in the representation 'points'; it has body, face"):
        train(films / "store", films / "other", preset="tiny", modality="feet")


def test_points_at_the_command_line(films, speech, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "talk.wav", speech.samples)
    model = str(films / "model")
    cli.main(["generate", "talk.wav", "--model", model])
    assert load_keypoints(tmp_path / "talk.keypoints.json").points.shape == (speech.frames, 116, 2)
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", "talk.wav", "--model", model, "-o", "talk.bvh"])
    assert caught.value.code == 2
    assert "cannot write talk.bvh: this model generates keypoints in a picture" in capsys.readouterr().err
    assert not (tmp_path / "talk.bvh").exists()


def test_faces_are_generated(faces, speech, tmp_path):
    model = with_torch(faces)
    motion = model.generate(speech, seed=1)
    values = motion.extra["per_frame"][KEY]
    assert values.shape == (speech.frames, 100)
    assert np.ptp(values, axis=0).max() > 0.01
    assert motion.face.shape == (speech.frames, 52)  # by rules, for the formats that know no other
    bare = model.generate(speech, seed=1, face=False)
    assert bare.face is None
    assert KEY not in bare.extra.get("per_frame", {})
    jaw = motion.skeleton.index("jaw")
    assert np.abs(motion.rotations[:, jaw] - np.eye(3)).max() > 0.01
    np.testing.assert_array_equal(np.delete(motion.rotations, jaw, 1), np.delete(bare.rotations, jaw, 1))
    back = load_smplx(motion.save(tmp_path / "talk.npz"))
    np.testing.assert_array_equal(back.extra["per_frame"][KEY], values)
    np.testing.assert_allclose(back.rotations[:, jaw], motion.rotations[:, jaw], atol=1e-5)
    plain = load(faces / "model")
    plain.networks = model.networks
    with pytest.raises(UserError, match=r"face lacks speech\.onnx; export the model again"):
        plain.generate(speech)


def test_tokens_of_a_face_are_its_own(faces, tmp_path):
    """Other faces beside the same bodies: nothing of the body's training changes, all of the face's does."""
    prepare(
        [("beat2", write_beat2(tmp_path / "beat2", shift=0.5))], tmp_path / "store", representation="smplx", quiet=True
    )
    config, weights = TOKENIZER.presets["tiny"].config, {}
    for part in ("body", "face"):
        for name, dataset in (("own", faces / "store"), ("other", tmp_path / "store")):
            fit_tokenizer(GestureDataset(dataset), tmp_path / part / name, config=config, training=SHORT, modality=part)
            weights[name] = load_file(tmp_path / part / name / "model.safetensors")
        assert weights["own"].keys() == weights["other"].keys()
        same = [np.array_equal(weights["own"][key], weights["other"][key]) for key in weights["own"]]
        assert all(same) if part == "body" else not all(same)
    assert weights["own"]["mean"].shape == (106,)


@pytest.mark.parametrize("part", ["body", "face"])
def test_quality_has_units(films, faces, part):
    """Nothing lost is no error; a whole shoulder width, or a whole deviation, is one."""

    class Off:
        config = TOKENIZER.presets["tiny"].config

        def __init__(self, by: float) -> None:
            self.by = by

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            return x

        def decode(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.by

    for folder in (films, faces):
        dataset = GestureDataset(folder / "store")
        motions = [dataset.motion(item, modality=part) for item in dataset.items[:2]]
        perfect = tokenizer_quality(Off(0.0), motions, dataset.representation.modality(part))
        assert perfect.pop("speed_ratio") == pytest.approx(1, abs=0.01)
        assert perfect.pop("jerk_ratio") == pytest.approx(1, abs=0.05)
        assert perfect == pytest.approx(dict.fromkeys(perfect, 0.0), abs=0.05)
        if folder == films:
            away = tokenizer_quality(Off(1.0), motions, dataset.representation.modality(part))
            assert away["distance"] == pytest.approx(2**0.5, abs=1e-3)


@pytest.mark.parametrize("name", ["points", "smplx"])
def test_the_papers_sizes(name, films, faces):
    """Appendix D: six layers of 1024 codes, latent 128, every frame a token, 384 / 1024, 8 and 6 blocks."""
    generator = GENERATOR.presets["paper"].config
    for part in representation(name).modalities:
        sizes = replace(TOKENIZER.presets["paper"].config, channels=part.channels)
        tokenizer = Tokenizer(sizes)
        channels = {"points": {"body": 96, "face": 136}, "smplx": {"body": 267, "face": 106}}[name]
        assert part.channels == channels[part.modality]
        assert [tuple(codebook.vectors.shape) for codebook in tokenizer.quantizer.codebooks] == [(1024, 128)] * 6
        window = torch.zeros(1, generator.window, part.channels)
        assert window.shape[1] == 80
        assert tokenizer.encode_latent(window).shape == (1, 80, 128)
        basis = MotionWindows(
            GestureDataset((films if name == "points" else faces) / "store"), part, batch_size=4
        ).basis(1, 128)
        assert basis.shape == (part.channels, 128)  # also where a frame has fewer numbers than the latent
        align = replace(ALIGNMENT.presets["paper"].config, channels=part.channels, seen=part.seen)
        assert (align.width, align.hidden, align.depth, align.downsample) == (384, 1024, 2, 1)
        assert Alignment(align).gesture.frames(window).shape == (1, 80, 384)
    network = Generator(replace(generator, codes=1024, layers=6, latent=128, downsample=1))
    assert (len(network.masked.blocks), len(network.residual.blocks)) == (8, 6)
    assert (generator.width, generator.hidden, generator.speech_depth) == (384, 1024, 2)
