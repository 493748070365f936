"""Exported graphs against the torch networks: every graph, any length, with weights as they are stored."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import cospeech
from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset
from cospeech.loading import load, read_config
from cospeech.methods.contextual.export import TorchNetworks, export_contextual, rest_tokens, round_for_export
from cospeech.methods.contextual.graphs import OnnxNetworks
from cospeech.methods.contextual.network import Generator, GeneratorConfig
from cospeech.methods.contextual.sampling import Condition, ContextualSampling, sample_tokens
from cospeech.methods.contextual.train import load_generator_run
from cospeech.methods.model_folder import Graph, ModelFolder
from cospeech.methods.tokenizer.train import load_tokenizer_run
from cospeech.motion.codec import Codec
from cospeech.motion.phases import wrists_in_chest
from cospeech.speech.speech import Speech
from cospeech.training.onnx_export import export_graph, round_weights

torch.set_num_threads(1)
pytestmark = pytest.mark.slow  # the first test exports a model: half a minute

LENGTHS = (1, 2, 7, 56, 131)  # tokens
GRAPHS = ("speech", "masked", "residual", "decoder", "encoder")


@pytest.fixture(scope="module")
def exported(tiny_model) -> OnnxNetworks:
    return OnnxNetworks(ModelFolder(tiny_model, read_config(tiny_model)))


@pytest.fixture(scope="module")
def original(tiny_run) -> TorchNetworks:
    tokenizer, generator = load_tokenizer_run(tiny_run / "tokenizer")[0], load_generator_run(tiny_run / "generator")[0]
    round_for_export(tokenizer, generator)
    return TorchNetworks(tokenizer, generator)


def inputs(length: int, networks: OnnxNetworks, batch: int = 1, *, seed: int = 0):
    """Codes, masked codes, speech and a condition that mixes everything."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, networks.codes, (batch, length, networks.layers))
    first = np.where(rng.random((batch, length)) < 0.5, networks.codes, codes[..., 0])
    speech = rng.normal(size=(batch, length, 32)).astype(np.float32)
    condition = Condition(
        rng.random((batch, 10)).astype(np.float32),
        rng.random((batch, 2)).astype(np.float32),
        rng.normal(size=(batch, 2)).astype(np.float32),
    )
    return codes, first, speech, condition


def close(a: np.ndarray, b: np.ndarray) -> None:
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert a.std() > 1e-2  # the graph does say something
    np.testing.assert_allclose(a, b, atol=1e-3, rtol=0)


@pytest.mark.parametrize("length", LENGTHS)
def test_speech(exported, original, length):
    features = np.random.default_rng(length).normal(size=(length * 4, 48)).astype(np.float32)
    close(exported.speech(features), original.speech(features))


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("length", LENGTHS)
def test_masked(exported, original, length, batch):
    _, first, speech, condition = inputs(length, exported, batch)
    close(exported.masked(first, speech, condition), original.masked(first, speech, condition))


@pytest.mark.parametrize("length", LENGTHS)
def test_what_the_first_layer_leaves_over(exported, original, length):
    assert exported.kind == original.kind == "latent"
    codes, _, speech, condition = inputs(length, exported)
    rng = np.random.default_rng(length)
    known = rng.normal(size=(1, length, exported.codebooks.shape[-1])).astype(np.float32)
    given = (rng.random((1, length)) < 0.5).astype(np.float32)
    made = exported.rest(codes[..., 0], known, given, speech, condition)
    close(made, original.rest(codes[..., 0], known, given, speech, condition))
    np.testing.assert_allclose(made[given == 1], known[given == 1], atol=1e-6)


def test_residual_of_every_layer(tiny_run, mini_dataset, tmp_path):
    """The paper's residual generator, layer by layer (weights as they were learned), and one without any."""
    tokenizer, described = load_tokenizer_run(tiny_run / "tokenizer")[0], load_generator_run(tiny_run / "generator")[1]
    for kind, weights in (("codes", "float32"), ("none", "int8")):
        torch.manual_seed(1)
        network = Generator(replace(GeneratorConfig(**described["config"]), residual=kind, fusion="both", depth=1))
        with torch.no_grad():
            for name, value in network.named_parameters():
                if "modulation" in name:
                    value.normal_(0, 0.3)
        run = tmp_path / kind
        run.mkdir()
        save_file(network.state_dict(), run / "model.safetensors")
        text = {**described, "config": asdict(network.config)}
        (run / "config.json").write_text(json.dumps(text))
        runs, out = (tiny_run / "tokenizer", run), tmp_path / f"{kind}-model"
        export_contextual(*runs, GestureDataset(mini_dataset), out, weights=weights)
        networks = OnnxNetworks(ModelFolder(out, read_config(out)))
        same = load_generator_run(run)[0]
        round_for_export(tokenizer, same, weights)
        torches = TorchNetworks(tokenizer, same)
        np.testing.assert_array_equal(networks.codebooks, torches.codebooks)
        assert networks.kind == torches.kind == kind
        if kind == "none":
            assert not (out / "residual.onnx").exists()
        else:
            for length in LENGTHS[:3]:
                codes, _, speech, condition = inputs(length, networks)
                for layer in range(1, networks.layers):
                    made = networks.residual(codes, layer, speech, condition)
                    close(made, torches.residual(codes, layer, speech, condition))
        assert len(load(out).generate(Speech(voice(3.0, seed=1)[0]))) == 90
    sizes = [sum(path.stat().st_size for path in folder.glob("*coder.onnx")) for folder in tmp_path.glob("*-model")]
    assert max(sizes) > 1.5 * min(sizes)  # both have the same tokenizer
    with pytest.raises(UserError, match="weights are kept as int8, float16, float32; got 'int4'"):
        export_contextual(*runs, GestureDataset(mini_dataset), tmp_path / "four", weights="int4")


@pytest.mark.parametrize("length", [*LENGTHS, 5000])
def test_decoder(exported, original, length):
    """Also of eleven minutes: the decoder sees the whole of a recording at once."""
    codes = np.random.default_rng(length).integers(0, exported.codes, (length, exported.layers))
    latent = exported.vectors(codes)
    assert latent.shape == (length, 16)
    close(exported.decode(latent), original.decode(latent))


@pytest.mark.parametrize("length", LENGTHS)
def test_encoder(exported, original, mini_dataset, length):
    dataset = GestureDataset(mini_dataset)
    motion = np.concatenate([dataset.motion(item) for item in dataset.select(split="train")])[: length * 4]
    made, true = exported.encode(motion), original.encode(motion)
    assert made.shape == true.shape == (length, exported.layers)
    assert (made == true).mean() > 0.99  # a tie may fall either way


def test_codebooks(exported, original):
    np.testing.assert_array_equal(exported.codebooks, original.codebooks)
    codes = np.random.default_rng(0).integers(0, exported.codes, (9, exported.layers))
    with torch.no_grad():
        summed = original.tokenizer.quantizer.decode(torch.from_numpy(codes)[None])[0].numpy()
    np.testing.assert_allclose(exported.vectors(codes), summed, atol=1e-5)


def test_sampling_is_the_same_over_both(exported, original):
    """One loop, two kinds of networks, several windows: the same tokens from the same dice."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(130 * 4, 48)).astype(np.float32)
    _, _, _, condition = inputs(1, exported)
    settings = ContextualSampling(guidance=1.5)
    ours, theirs = (
        sample_tokens(networks, features, condition, np.random.default_rng(1), settings)
        for networks in (exported, original)
    )
    assert (ours.codes == theirs.codes).mean() > 0.95
    assert ours.codes.shape == (130,)


def test_graphs_hold_no_large_float32(tiny_model):
    """Weights are stored as int8 or float16; what stays float32 is small."""
    small_types = 0
    for name in GRAPHS:
        model = onnx.load(tiny_model / f"{name}.onnx")
        onnx.checker.check_model(model)
        for tensor in model.graph.initializer:
            count = int(np.prod(tensor.dims))
            if tensor.data_type == onnx.TensorProto.FLOAT:
                assert count < 4096, f"{name}: {tensor.name}"
            elif tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.FLOAT16):
                small_types += 1
        assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
    assert small_types >= 5


def test_no_path_of_this_machine_is_in_a_model(tiny_model, tmp_path_factory):
    for path in tiny_model.iterdir():
        data = path.read_bytes()
        for place in ("/site-packages/", tmp_path_factory.getbasetemp(), Path(__file__).parents[1]):
            word = str(place).encode()
            assert word not in data, f"{word!r} in {path.name}"


def test_the_config_says_what_is_in_the_folder(tiny_model):
    config = json.loads((tiny_model / "config.json").read_text())
    assert config["format"] == 1
    assert config["method"] == "contextual"
    assert config["name"] == "tiny"
    assert config["package_version"] == cospeech.__version__
    assert config["styles"] == ["AnBh", "HeGa"]
    assert config["default_speaker"] == "AnBh"
    assert config["made_pairs"] is True
    assert config["trained_on"] == ["train"]
    assert config["config"] == {
        "codes": 32,
        "layers": 2,
        "downsample": 4,
        "features": 48,
        "words": 0,
        "width": 32,
        "quantised": True,
        "residual": "latent",
    }
    assert {path.name for path in tiny_model.iterdir()} >= {f"{name}.onnx" for name in GRAPHS}


def test_the_rest_poses_are_still_and_low(exported, tiny_model, mini_dataset):
    rest = ModelFolder(tiny_model, {}).arrays("rest")
    assert set(rest) == {"AnBh", "HeGa"}
    for tokens in rest.values():
        assert tokens.shape == (4, exported.layers)
        assert tokens.dtype == np.int64
    shown = []

    class Watching:
        def encode(self, x: torch.Tensor) -> torch.Tensor:
            shown.append(x[0].numpy())
            return torch.zeros(1, 6, 2).long()

    dataset = GestureDataset(mini_dataset)
    rest_tokens(Watching(), dataset, ["HeGa"])
    (pose,) = shown
    assert np.ptp(pose, axis=0).max() < 1e-6  # one pose, held
    heights = [
        wrists_in_chest(Codec().decode(dataset.motion(item)))[..., 1].mean(1)
        for item in dataset.select(kind="motion")
        if item.speaker == "HeGa"
    ]
    own = wrists_in_chest(Codec().decode(pose))[0, :, 1].mean()
    assert own < np.percentile(np.concatenate(heights), 30)


def test_rounding_once_is_rounding_for_good():
    for dataset in ("int8", "float16"):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(80, 96), nn.Conv1d(96, 64, 3), nn.Linear(4, 4))
        before = {name: value.clone() for name, value in network.state_dict().items()}
        round_weights(network, dataset)
        once = {name: value.clone() for name, value in network.state_dict().items()}
        round_weights(network, dataset)
        for name, value in network.state_dict().items():
            torch.testing.assert_close(value, once[name], atol=1e-7, rtol=1e-6)
            change = (once[name] - before[name]).abs().max()
            assert change <= before[name].abs().max() / (250 if dataset == "int8" else 1000)
            assert (change > 0) == (value.numel() >= 4096)


def test_weights_that_were_not_rounded_are_refused(tmp_path):
    """Otherwise the graph would quietly be another network than the one that was measured."""
    network = nn.Linear(80, 96)
    for weight_format in ("int8", "float16"):
        with pytest.raises(ValueError, match="was not rounded for storage; call round_weights first"):
            export_graph(
                network, (torch.zeros(2, 80),), ["x"], ["y"], {}, tmp_path / "a.onnx", weight_format=weight_format
            )
    assert not list(tmp_path.iterdir())


def test_storage_saves_space_and_computes_the_same(tmp_path):
    torch.manual_seed(0)
    sizes, x = [], np.random.default_rng(0).normal(size=(5, 80)).astype(np.float32)
    for weight_format in ("float32", "float16", "int8"):
        network = nn.Sequential(nn.Linear(80, 96), nn.GELU(), nn.Linear(96, 50))
        round_weights(network, weight_format)
        path = tmp_path / f"{weight_format}.onnx"
        export_graph(
            network, (torch.zeros(2, 80),), ["x"], ["y"], {"x": {0: "batch"}}, path, weight_format=weight_format
        )
        with torch.no_grad():
            np.testing.assert_allclose(Graph(path)(x), network(torch.from_numpy(x)).numpy(), atol=1e-5)
        sizes.append(path.stat().st_size)
    assert all(after < 0.7 * before for before, after in pairwise(sizes))


class Translated(nn.Module):
    """Operators for which torch has no ONNX of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose1d(3, 4, 4, stride=2, padding=1, output_padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = (1 - self.up(x.transpose(1, 2))).square()
        return torch.rsub(y, 3, alpha=2) + (y > 0.5).to(y.dtype) + (100 * y).to(torch.int64)


class InPlace(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y[:, :1] += 1
        return y


class Unknown(nn.Module):
    """An operator that ONNX has only in parts."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x > 0).to("cpu", x.dtype) + x


@pytest.mark.parametrize(("network", "times"), [(Translated, 0), (InPlace, 1), (Unknown, 1)])
def test_what_needs_no_decomposition_is_not_decomposed(tmp_path, monkeypatch, network, times):
    """It takes most of the time of an export; the graph is torch's network with and without."""
    decomposed = []
    decompose = torch.export.ExportedProgram.run_decompositions

    def counted(program, *options):
        decomposed.append(program)
        return decompose(program, *options)

    monkeypatch.setattr(torch.export.ExportedProgram, "run_decompositions", counted)
    torch.manual_seed(0)
    network, path = network(), tmp_path / "graph.onnx"
    export_graph(network, (torch.randn(1, 6, 3),), ["x"], ["y"], {"x": {1: "steps"}}, path)
    assert len(decomposed) == times
    assert torch.export.ExportedProgram.run_decompositions is counted  # as it was
    for steps in (1, 2, 9):
        x = torch.randn(1, steps, 3)
        with torch.no_grad():
            np.testing.assert_allclose(Graph(path)(x.numpy()), network(x).numpy(), atol=1e-5)


def test_a_run_without_weights_cannot_be_exported(tmp_path, mini_dataset):
    with pytest.raises(UserError, match="holds no trained weights yet"):
        cospeech.export(tmp_path, tmp_path / "model", dataset=mini_dataset)
