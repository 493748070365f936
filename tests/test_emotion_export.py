"""The model folder of EmotionGesture: it says what torch says, with graphs of its own or a neighbour's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.core.rotation import geodesic
from cospeech.data.dataset import GestureDataset
from cospeech.loading import load
from cospeech.methods.emotion.sampling import EmotionCondition, EmotionSampling, sample_latents
from cospeech.speech.speech import Speech

torch = pytest.importorskip("torch")

from cospeech.methods.emotion.export import export_emotion  # noqa: E402
from cospeech.methods.emotion.train_generator import load_generator_run  # noqa: E402
from cospeech.methods.emotion.train_mining import load_mining_run  # noqa: E402
from cospeech.methods.emotion.train_prior import load_prior_run  # noqa: E402
from cospeech.methods.model_writer import write_graphs  # noqa: E402
from cospeech.methods.tokenizer.export import tokenizer_graphs  # noqa: E402
from cospeech.methods.tokenizer.network import Tokenizer  # noqa: E402
from cospeech.methods.tokenizer.train import load_tokenizer_run  # noqa: E402
from cospeech.methods.training_runs import export  # noqa: E402
from cospeech.training.onnx_export import round_weights  # noqa: E402

pytestmark = pytest.mark.slow  # a tiny model is trained


@pytest.fixture(scope="module")
def dataset(mini_dataset) -> GestureDataset:
    return GestureDataset(mini_dataset)


@torch.no_grad()
def rounded(tokenizer: Tokenizer) -> None:
    """Its weights as they are exported."""
    for part in (tokenizer.encoder, tokenizer.decoder):
        round_weights(part, "int8")
    round_weights(tokenizer.synthesis, "float16")
    tokenizer.analysis.copy_(tokenizer.analysis.half().float())


class TorchNetworks:
    """The networks of a run with the weights as they are exported."""

    @torch.no_grad()
    def __init__(self, run: Path) -> None:
        self.tokenizer, _ = load_tokenizer_run(run / "tokenizer")
        self.mining, _ = load_mining_run(run / "mining")
        self.generator, _ = load_generator_run(run / "emotion")
        self.diffused, _ = load_prior_run(run / "prior")
        for part in (self.mining, self.generator, self.diffused):
            round_weights(part, "int8")
        rounded(self.tokenizer)
        c = self.generator.config
        self.downsample, self.given, self.window = c.downsample, c.given, c.window
        self.chunk, self.size, self.latent = c.chunk, c.size, c.latent

    @torch.no_grad()
    def _called(self, function, *arrays):
        return function(*(torch.from_numpy(np.asarray(array, dtype=np.float32)) for array in arrays))

    def beats(self, features):
        return self._called(self.mining.beats, features[None])[0].numpy()

    def emotion_logits(self, sound):
        return self._called(self.mining.emotions, sound[None])[1][0].numpy()

    def denoise(self, *inputs):
        return self._called(self.diffused, *inputs).numpy()

    def make(self, given, beat, mood, *condition):
        own = mood * self.diffused.std.numpy() + self.diffused.mean.numpy()
        return self._called(self.generator, given, beat, own, *condition).numpy()

    def encode(self, motion):
        latent = self._called(self.tokenizer.encode_latent, motion[None])
        return self.generator.scaled(latent)[0].detach().numpy()

    def decode(self, latent):
        z = self.generator.unscaled(torch.from_numpy(latent[None]))
        with torch.no_grad():
            return self.tokenizer.smoothed(self.tokenizer.decode_latent(z))[0].numpy()


@pytest.mark.parametrize("steps", [1, 7, 61])
def test_the_exported_model_says_what_torch_says(emotion_run, emotion_model, dataset, steps):
    original, exported = TorchNetworks(emotion_run), load(emotion_model).networks
    rng = np.random.default_rng(steps)
    features = rng.normal(size=(4 * steps, 48)).astype(np.float32)
    emotion = rng.dirichlet(np.ones(10), steps).astype(np.float32)
    condition = EmotionCondition(emotion, np.array([0.3, 0.7], np.float32), np.array([0.2, 1.0], np.float32))
    motion = np.tile(dataset.motion(dataset.select(kind="motion")[0]), (3, 1))[: 4 * steps]
    sound = rng.normal(size=(4 * steps, 42)).astype(np.float32)
    given = rng.normal(size=(10, 16)).astype(np.float32)
    made = [
        (
            networks.beats(features),
            networks.emotion_logits(sound),
            networks.encode(motion),
            latent := sample_latents(
                networks, features, condition, given, np.random.default_rng(0), EmotionSampling(guidance=1.5)
            ),
            networks.decode(latent),
        )
        for networks in (original, exported)
    ]
    for one, other in zip(*made, strict=True):
        assert one.shape == other.shape
        assert one.std() > 1e-2
        np.testing.assert_allclose(other, one, atol=2e-3 * max(1.0, float(one.std())), rtol=0)


def test_each_graph_says_what_torch_says(emotion_run, emotion_model):
    original, exported = TorchNetworks(emotion_run), load(emotion_model).networks
    rng = np.random.default_rng(0)

    def noise(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    weights = rng.dirichlet(np.ones(10), (2, 34)).astype(np.float32)
    known = (noise(2, 10, 16), noise(2, 34, 16))
    condition = (weights, np.array([[0.3, 0.7], [0, 0]], np.float32), noise(2, 2))
    level = np.array([[0.6, 0.999], [0.8, 0.0447]], np.float32)
    z = noise(2, 6, 8)
    one, other = (net.denoise(z, *level, *known, *condition) for net in (original, exported))
    assert one.shape == (2, 6, 8)
    assert np.abs(one - level[0, :, None, None] * z).max() > 0.1  # more than the input scaled down
    np.testing.assert_allclose(other, one, atol=2e-4)
    one, other = (net.make(*(v[:1] for v in (*known, z, *condition))) for net in (original, exported))
    assert one.shape == (1, 24, 16)
    np.testing.assert_allclose(other, one, atol=2e-4 * max(1.0, float(one.std())))


# ------------------------------------------------------------------------ a tokenizer of one's neighbour


@pytest.fixture(scope="module")
def neighbours(emotion_run, emotion_model, dataset, tmp_path_factory) -> Path:
    """A folder of models: own graphs, those of other latents, and one that borrows the latter."""
    place = tmp_path_factory.mktemp("neighbours")
    shutil.copytree(emotion_model, place / "own")
    tokenizer, _ = load_tokenizer_run(emotion_run / "tokenizer")
    rounded(tokenizer)
    theirs, _ = load_generator_run(emotion_run / "emotion")
    theirs.mean += 0.3 * torch.arange(16.0)
    theirs.scale *= torch.linspace(0.5, 3.0, 16)
    (place / "theirs").mkdir()
    shutil.copy(emotion_model / "config.json", place / "theirs")
    write_graphs(place / "theirs", tokenizer_graphs(tokenizer, theirs))
    runs = [emotion_run / stage for stage in ("tokenizer", "mining", "emotion", "prior")]
    with pytest.MonkeyPatch.context() as patch:  # all other graphs are those of the model, which take long
        patch.setattr(
            "cospeech.methods.model_writer.export_graph",
            lambda *given, **_: shutil.copy(emotion_model / given[-1].name, given[-1]),
        )
        export_emotion(*runs, dataset, place / "guest", name="moody", beside=("theirs", theirs))
    return place


def test_a_borrowed_tokenizer_gives_the_same_motion(neighbours):
    own, guest = (load(neighbours / name) for name in ("own", "guest"))
    assert not (neighbours / "guest" / "encoder.onnx").exists()
    assert not (neighbours / "guest" / "decoder.onnx").exists()
    speech = Speech(voice(4.0, seed=2)[0])
    pose = own.generate(speech, seed=5, face=False)[:60]
    motion = np.tile(own.rest(own.speakers[0]), (40, 1))
    np.testing.assert_allclose(guest.networks.encode(motion), own.networks.encode(motion), atol=1e-3)
    strange = load(neighbours / "own").networks
    strange._tokenizer = guest.networks._tokenizer
    assert np.abs(strange.encode(motion) - own.networks.encode(motion)).max() > 0.5  # other latents
    for options in ({}, {"emotion": "joy", "start_pose": pose}):
        made = [
            model.generate(speech, seed=1, face=False, **options).rotations.astype(np.float64) for model in (own, guest)
        ]
        assert np.rad2deg(geodesic(*made)).max() < 0.1


def test_a_neighbour_that_is_gone_is_told(neighbours, tmp_path):
    shutil.copytree(neighbours / "guest", tmp_path / "guest")
    with pytest.raises(UserError, match=r"theirs is no model folder"):
        load(tmp_path / "guest")
    shutil.copytree(neighbours / "theirs", tmp_path / "theirs")
    (tmp_path / "theirs" / "decoder.onnx").unlink()
    with pytest.raises(UserError, match=r"theirs lacks decoder\.onnx"):
        load(tmp_path / "guest").generate(Speech(voice(1.0, seed=2)[0]))
    (tmp_path / "guest" / "latents.safetensors").unlink()
    with pytest.raises(UserError, match=r"lacks latents\.safetensors; export the model again"):
        load(tmp_path / "guest")


# ------------------------------------------------------------------------ what cannot be


def test_the_run_of_a_vae_needs_that_of_its_prior(emotion_run, dataset, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(emotion_run, run)
    shutil.rmtree(run / "prior")
    with pytest.raises(UserError, match="has a VAE; train its prior, or name the run of one"):
        export(run, tmp_path / "out", dataset=dataset.folder)


def test_runs_that_do_not_belong_together_are_told(emotion_run, dataset, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(emotion_run, run)
    for stage in ("mining", "emotion", "prior"):
        path = run / stage / "config.json"
        text = json.loads(path.read_text())
        path.write_text(json.dumps({**text, "method": "magic"}))
        with pytest.raises(UserError, match="is a run of 'magic'; a run of emotion"):
            export(run, tmp_path / "out", dataset=dataset.folder)
        path.write_text(json.dumps(text))
