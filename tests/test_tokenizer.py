"""Motion tokens: shapes, locality, a linear start that already works, losses that mean what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cospeech.data.dataset import GestureDataset
from cospeech.methods.tokenizer.network import Tokenizer, TokenizerConfig, coded_positions, tokenizer_loss
from cospeech.methods.tokenizer.train import MotionWindows, resample, start_linear, tokenizer_quality
from cospeech.motion.codec import Codec
from cospeech.motion.skeleton import CANONICAL_NAMES, canonical_skeleton
from cospeech.training.loop import ProcessInfo
from format_data import canonical_motion

torch.set_num_threads(1)

CODEC = Codec()
CONFIG = TokenizerConfig(width=16, latent=12, blocks=3, layers=3, codes=32)
OFFSETS = torch.tensor(canonical_skeleton().offsets, dtype=torch.float32)


def shaken(config: TokenizerConfig = CONFIG) -> Tokenizer:
    """A tokenizer whose every layer counts."""
    torch.manual_seed(0)
    model = Tokenizer(config)
    with torch.no_grad():
        for value in (*model.encoder.parameters(), *model.decoder.parameters()):
            value.add_(0.1 * torch.randn_like(value))
        for codebook in model.quantizer.codebooks:
            codebook.vectors.normal_()
    return model.eval()


@pytest.fixture(scope="module")
def model() -> Tokenizer:
    return shaken()


@pytest.fixture(scope="module")
def windows(mini_dataset) -> MotionWindows:
    return MotionWindows(GestureDataset(mini_dataset), CODEC, batch_size=16)


@pytest.fixture(scope="module")
def plain_windows(mini_dataset) -> MotionWindows:
    """Windows without other people's ways of holding themselves: what few tokens can code."""
    return MotionWindows(GestureDataset(mini_dataset), CODEC, batch_size=16, repose=0.0)


@pytest.fixture(scope="module")
def started(plain_windows) -> Tokenizer:
    """Straight from the linear start, untrained."""
    torch.manual_seed(0)
    config = replace(CONFIG, latent=16, codes=64, layers=4)
    fresh = Tokenizer(config, plain_windows.mean, plain_windows.std, plain_windows.basis(4, 16))
    start_linear(fresh, plain_windows, batches=12)
    return fresh.eval()


@pytest.mark.parametrize(("downsample", "frames"), [(1, 5), (2, 8), (4, 4), (4, 64), (8, 32)])
def test_shapes(downsample, frames):
    model = shaken(replace(CONFIG, downsample=downsample))
    x = torch.randn(2, frames, CODEC.channels)
    codes = model.encode(x)
    assert codes.shape == (2, frames // downsample, 3)
    assert ((codes >= 0) & (codes < 32)).all()
    assert model.decode(codes).shape == x.shape
    y, quantized, _ = model(x)
    assert y.shape == x.shape
    assert quantized.codes.shape == codes.shape
    assert model.frame_rate == 30 / downsample


def test_fewer_layers_decode_too(model):
    codes = model.encode(torch.randn(1, 32, CODEC.channels))
    latents = [model.quantizer.decode(codes[..., :k]) for k in (1, 2, 3)]
    assert model.decode(codes[..., :1]).shape == (1, 32, CODEC.channels)
    assert not torch.equal(latents[0], latents[2])


def test_a_token_means_the_same_in_any_window(model):
    """Beyond its receptive field of 15 tokens on either side nothing reaches a token."""
    torch.manual_seed(1)
    x = torch.randn(1, 80 * 4, CODEC.channels)
    whole, part = model.encode_latent(x), model.encode_latent(x[:, 20 * 4 : 60 * 4])
    torch.testing.assert_close(part[:, 16:-16], whole[:, 36:-36], atol=1e-4, rtol=1e-4)
    assert (part[:, :1] - whole[:, 20:21]).abs().max() > 1e-3  # at the edge it does reach
    assert torch.equal(model.encode(x)[:, 36:-36], model.encode(x[:, 80:240])[:, 16:-16])


def test_a_frame_is_decoded_the_same_in_any_window(model):
    torch.manual_seed(2)
    latent = torch.randn(1, 80, CONFIG.latent)
    whole, part = model.decode_latent(latent), model.decode_latent(latent[:, 20:60])
    torch.testing.assert_close(part[:, 64:-64], whole[:, 144:-144], atol=1e-4, rtol=1e-4)
    assert (part[:, :1] - whole[:, 80:81]).abs().max() > 1e-3


def test_samples_of_a_batch_do_not_meet(model):
    x = torch.randn(4, 32, CODEC.channels)
    whole = model.encode_latent(x)
    for row in range(4):
        torch.testing.assert_close(model.encode_latent(x[row : row + 1])[0], whole[row], atol=1e-5, rtol=1e-4)


def test_normalisation_is_inside():
    """Motion of another mean and scale gives the same tokens to a tokenizer that knows them."""
    torch.manual_seed(0)
    plain = shaken()
    mean, std = torch.randn(CODEC.channels), torch.rand(CODEC.channels) + 0.5
    knowing = Tokenizer(CONFIG, mean, std)
    knowing.load_state_dict({**plain.state_dict(), "mean": mean, "std": std})
    x = torch.randn(2, 32, CODEC.channels)
    torch.testing.assert_close(knowing.encode_latent(x * std + mean), plain.encode_latent(x), atol=1e-4, rtol=1e-4)
    codes = plain.encode(x)
    torch.testing.assert_close(knowing.decode(codes), plain.decode(codes) * std + mean, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_linear_start_is_much_better_than_the_mean(started, plain_windows):
    x = plain_windows(12345, ProcessInfo())["x"]
    scale = plain_windows.std
    error = ((started.decode(started.encode(x)) - x) / scale).square().mean()
    mean = ((plain_windows.mean - x) / scale).square().mean()
    still = ((x.mean(1, keepdim=True) - x) / scale).square().mean()  # each window's own mean pose
    assert error < 0.05 * mean
    assert error < 0.15 * still


def test_the_linear_start_on_smooth_motion_of_any_kind():
    """Without a corpus: six sines of random rate and phase, mixed into all channels."""
    rng = np.random.default_rng(0)
    time = np.arange(64)[:, None] / 30
    rate, phase = rng.uniform(0.2, 1.5, (200, 1, 6)), rng.uniform(0, 6, (200, 1, 6))
    mix = rng.normal(size=(6, CODEC.channels)) * 0.2
    data = torch.from_numpy((np.sin(2 * np.pi * rate * time + phase) @ mix).astype(np.float32))

    class Sines:
        mean, std = data.mean((0, 1)), torch.full((CODEC.channels,), float(data.std()))

        def __call__(self, step: int, process: ProcessInfo) -> dict[str, torch.Tensor]:
            return {"x": data[np.random.default_rng(step + 1000).choice(200, 16)]}

    sines = Sines()
    stacked = ((data - sines.mean) / sines.std).reshape(-1, 4 * CODEC.channels)
    basis = torch.linalg.eigh(stacked.T @ stacked)[1][:, -16:]
    model = Tokenizer(replace(CONFIG, latent=16, codes=64, layers=6), sines.mean, sines.std, basis)
    torch.manual_seed(0)
    start_linear(model, sines, batches=12, smoothness=1.0)
    model.eval()
    x = sines(7, ProcessInfo())["x"]
    assert (model.decode(model.encode(x)) - x).square().mean() < 0.15 * (x - sines.mean).square().mean()


def test_the_start_leaves_the_convolutions_silent_and_the_maps_fixed(started):
    latent = torch.randn(1, 8, 16)
    assert not started.decoder(latent.transpose(1, 2)).any()
    frozen = {name for name, p in started.named_parameters() if not p.requires_grad}
    assert frozen == {"analysis", "synthesis.weight", "synthesis.bias"}


def test_quality_of_nothing_lost_is_perfect(windows):
    class Perfect(torch.nn.Module):
        config = CONFIG

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            return x

        decode = encode

    figures = tokenizer_quality(
        Perfect(), [windows.dataset.motion(sample) for sample in windows.sampler.samples[:2]], CODEC
    )
    assert figures == pytest.approx({"angle": 0, "wrist_cm": 0, "speed_ratio": 1, "jerk_ratio": 1}, abs=0.05)


def test_coded_positions_are_those_of_the_body():
    """The loss's own kinematics against the package's."""
    motion = canonical_motion(9, seed=1, face=False)
    coded = CODEC.encode(motion)
    positions = coded_positions(torch.from_numpy(coded), OFFSETS, CODEC.joints).numpy()
    tips = {f"{s}_{f}1" for s in ("left", "right") for f in ("index", "middle", "pinky", "ring", "thumb")}
    names = [CANONICAL_NAMES[j] for j in CODEC.joints]
    kept = [n for n in names if n in tips or "spine" in n or n[-1] not in "123"][1:]  # without the root
    expected = CODEC.decode(coded).positions - canonical_skeleton().offsets[0]
    np.testing.assert_allclose(positions, expected[:, canonical_skeleton().indices(kept)], atol=1e-5)


def test_the_loss_has_its_named_terms_and_teaches_every_free_part(model):
    network = shaken().train()
    x = torch.from_numpy(CODEC.encode(canonical_motion(64, face=False)))[None].repeat(4, 1, 1)
    torch.manual_seed(0)
    inputs = {"std": torch.ones(CODEC.channels), "offsets": OFFSETS, "joints": CODEC.joints}
    loss, terms = tokenizer_loss(network, CONFIG, x, **inputs)
    weighed = sum(getattr(CONFIG, name) * value for name, value in terms.items() if name != "perplexity")
    torch.testing.assert_close(loss, weighed)
    assert set(terms) == {
        "reconstruction",
        "velocity",
        "acceleration",
        "commitment",
        "position",
        "position_velocity",
        "perplexity",
    }
    loss.backward()
    silent = [n for n, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert silent == []


def test_a_perfect_copy_has_no_loss():
    class Copy(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple:
            from cospeech.nn.quantizer import Quantized

            zero = torch.zeros(())
            return x, Quantized(x, torch.zeros(1, 1, 1).long(), zero, zero + 1), None

    x = torch.from_numpy(CODEC.encode(canonical_motion(32, face=False)))[None]
    inputs = {"std": torch.ones(CODEC.channels), "offsets": OFFSETS, "joints": CODEC.joints}
    loss, terms = tokenizer_loss(Copy(), CONFIG, x, **inputs)
    assert float(loss) == pytest.approx(0, abs=1e-5)
    assert "distill" not in terms


def test_a_teacher_adds_its_term():
    """Equation 2: one minus the cosine, token by token, of the projected sum of all layers."""
    torch.manual_seed(0)
    config = replace(CONFIG, teacher=5)
    model = Tokenizer(config).eval()
    x = torch.randn(2, 32, CODEC.channels)
    inputs = {"std": torch.ones(CODEC.channels), "offsets": OFFSETS, "joints": CODEC.joints}
    _, quantized, content = model(x)
    torch.testing.assert_close(content, model.project(quantized.latent))
    for sign, wanted in ((1, 0), (-1, 2)):
        loss, terms = tokenizer_loss(model, config, x, **inputs, teacher=sign * content.detach())
        assert terms["distill"].item() == pytest.approx(wanted, abs=1e-5)
        without, _ = tokenizer_loss(model, config, x, **inputs)
        assert (loss - without).item() == pytest.approx(0.5 * wanted, rel=1e-3, abs=1e-4)  # beta
    loss.backward()
    assert model.project.weight.grad.any()
    assert model.encoder[-1].weight.grad.any()  # the tokens learn, not only the layer


def test_windows_depend_on_step_process_and_seed_alone(windows, mini_dataset):
    again = MotionWindows(GestureDataset(mini_dataset), CODEC, batch_size=16)
    first = windows(3, ProcessInfo())["x"]
    assert first.shape == (16, windows.window, CODEC.channels)
    assert torch.equal(first, again(3, ProcessInfo())["x"])
    assert not torch.equal(first, windows(4, ProcessInfo())["x"])
    parts = [windows(3, ProcessInfo(rank, 2))["x"] for rank in range(2)]
    assert [len(part) for part in parts] == [8, 8]
    assert not torch.equal(*parts)
    other = MotionWindows(GestureDataset(mini_dataset), CODEC, batch_size=16, seed=1)
    assert not torch.equal(first, other(3, ProcessInfo())["x"])


def test_reposed_windows_are_still_motion(windows):
    x = windows(1, ProcessInfo())["x"]
    sixd = x[..., : CODEC.slices["hands"].stop].reshape(16, windows.window, -1, 6)
    body = sixd[:, :, : len(CODEC.body)]
    torch.testing.assert_close(body[..., :3].norm(dim=-1), torch.ones(body.shape[:-1]), atol=1e-3, rtol=0)
    torch.testing.assert_close((body[..., :3] * body[..., 3:]).sum(-1), torch.zeros(body.shape[:-1]), atol=1e-2, rtol=0)


def test_resampling_at_whole_frames_is_exact():
    motion = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    np.testing.assert_array_equal(resample(motion, np.arange(20.0)), motion)
    np.testing.assert_allclose(resample(motion, np.array([3.5])), (motion[3:4] + motion[4:5]) / 2, rtol=1e-6)
