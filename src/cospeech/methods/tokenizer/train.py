"""Training the motion tokenizer on a dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.errors import UserError
from ...core.timing import FPS
from ...data.dataset import GestureDataset
from ...data.windows import RECORDED, Moments, WindowSampler
from ...motion.codec import Codec
from ...motion.representation import ModalityCodec
from ...motion.skeleton import canonical_skeleton
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..alignment.network import GestureContent
from ..modalities import reconstruction_figure, reposed, scale, tokenizer_quality
from ..training import description
from .network import DECODER_CONTEXT, Tokenizer, TokenizerConfig, tokenizer_loss

METHOD = "contextual tokenizer"  # as config.json of a run has it
WINDOW = 64  # frames
FASTEST = 1.25  # rate at which a window is taken, at most; at least its inverse
_STREAM = 1000  # of the sampler: steps below 0 are for statistics


class MotionWindows:
    """Random windows of coded motion, mirrored, re-timed and slightly re-posed.

    Re-posing turns every body joint by a small constant angle a window: other people hold themselves
    differently, and six actors are few. Other parts than the body are changed likewise (``parts``).
    """

    def __init__(
        self,
        dataset: GestureDataset,
        codec: ModalityCodec,
        *,
        splits: tuple[str, ...] = ("train",),
        window: int = WINDOW,
        batch_size: int = 64,
        seed: int = 0,
        repose: float = 8.0,
    ) -> None:
        self.codec, self.window, self.repose = codec, window, repose
        least = FASTEST * window + 2  # frames
        samples = [s for s in dataset.select(split=splits, kind=RECORDED) if s.frames >= least]
        samples = samples or [s for s in dataset.select(split=splits) if s.frames >= least]
        if not samples:
            raise UserError(
                f"the dataset has no motion of {FASTEST * window / FPS:.1f} s or longer in {', '.join(splits)}; "
                "prepare more, or name other splits"
            )
        self.dataset = dataset
        self.sampler = WindowSampler(dataset, samples, batch_size=batch_size, seed=seed, stream=_STREAM)
        moments = Moments()
        for sample in samples:
            motion = dataset.motion(sample, modality=codec.modality)
            moments.add(motion)
            moments.add(codec.mirror(motion))
        self.mean = torch.from_numpy(moments.mean.astype(np.float32))
        self.std = torch.from_numpy(scale(codec, moments.variance))

    def basis(self, downsample: int, latent: int) -> Tensor:
        """Principal directions [downsample * C, latent] of the windows' stacked, normalised frames.

        Where a latent has more numbers than these frames, the rest of it is zero: free for what the
        convolutions add.
        """
        x = torch.cat([self(step, ProcessInfo())["x"] for step in range(-40, 0)])
        stacked = ((x - self.mean) / self.std).reshape(-1, downsample * self.codec.channels)
        # In float64: in float32 it does not converge on every processor.
        _, vectors = torch.linalg.eigh((stacked.T @ stacked / len(stacked)).double())
        basis = vectors[:, -latent:].flip(-1).float()
        return nn.functional.pad(basis, (0, latent - basis.shape[1]))

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        rng = self.sampler.rng(step, rank=process.rank)
        chosen = self.sampler.choose(rng, world_size=process.world_size)
        windows = np.empty((len(chosen), self.window, self.codec.channels), dtype=np.float32)
        for row, (_, sample) in enumerate(chosen):
            rate = float(rng.choice([1.0, rng.uniform(1 / FASTEST, FASTEST)]))
            times = rng.uniform(0, sample.frames - 1 - rate * (self.window - 1)) + rate * np.arange(self.window)
            first = int(times[0])
            motion = self.dataset.motion(sample, first, int(times[-1]) + 2, modality=self.codec.modality)
            windows[row] = resample(motion, times - first)
            if rng.random() < 0.5:
                windows[row] = self.codec.mirror(windows[row])
        x = torch.from_numpy(windows)
        if self.repose:
            x = reposed(self.codec, x, rng, self.repose)
        return {"x": x}


def resample(motion: np.ndarray, place: np.ndarray) -> np.ndarray:
    """[T, C] at fractional frames, linear."""
    low = np.minimum(place.astype(int), len(motion) - 2)
    t = (place - low)[:, None].astype(np.float32)
    return motion[low] * (1 - t) + motion[low + 1] * t


def fit_tokenizer(
    dataset: GestureDataset,
    folder: str | Path,
    *,
    config: TokenizerConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    teacher: GestureContent | None = None,
    modality: str = "body",
) -> Tokenizer:
    """Train a tokenizer; continues a run found in ``folder``.

    Args:
        modality: of the dataset, body or face.
        teacher: gesture encoder of an alignment, which is distilled into the tokens (equation 2); none
            is if None.

    Raises:
        UserError: the teacher has steps of another length than the tokens, or the dataset has no such modality.
    """
    training, codec = training or TrainConfig(), dataset.representation.modality(modality)
    config = replace(config or TokenizerConfig(), channels=codec.channels)
    if teacher is not None:
        if teacher.downsample != config.downsample:
            raise UserError(
                f"the alignment has {teacher.downsample} frames a step and the tokenizer "
                f"{config.downsample}; train an alignment with as many"
            )
        teacher = teacher.eval().requires_grad_(False)
        config = replace(config, teacher=teacher.width)
    windows = MotionWindows(dataset, codec, splits=splits, batch_size=training.batch_size, seed=training.seed)
    torch.manual_seed(training.seed)
    basis = windows.basis(config.downsample, config.latent)
    model = Tokenizer(config, windows.mean, windows.std, basis)
    if not (Path(folder) / "training.pt").is_file():
        start_linear(model, windows)
        if teacher is not None:
            start_content(model, windows, teacher)
    offsets = torch.tensor(canonical_skeleton().offsets, dtype=torch.float32)
    joints = codec.joints if isinstance(codec, Codec) else []

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            content = None if teacher is None else teacher.to(batch["x"].device).frames(batch["x"])
        return tokenizer_loss(
            network, config, batch["x"], std=windows.std, offsets=offsets, joints=joints, teacher=content
        )

    recorded = dataset.select(split="val", kind=RECORDED)[::6]
    held_out = [dataset.motion(sample, modality=modality) for sample in recorded]

    def validate(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, Tokenizer)
        return tokenizer_quality(network, held_out, codec)

    described = description(METHOD, dataset, config, splits, modality=modality)
    check, best = validate if held_out else None, BestFigure(reconstruction_figure(codec))
    fit(model, loss, windows, folder, training, validate=check, best=best, describe=described)
    return model


@torch.no_grad()
def start_linear(model: Tokenizer, windows: MotionWindows, *, batches: int = 30, smoothness: float = 160.0) -> None:
    """Fit the codebooks to the linear code, then the linear decoder to their codes by least squares.

    The decoder minimises the error of the channels plus ``smoothness`` times that of their velocity,
    also across token borders, which is where independent tokens jitter.
    """
    config, quantizer = model.config, model.quantizer
    x = torch.cat([windows(step, ProcessInfo())["x"] for step in range(-90, -90 + batches)])
    y = (x - model.mean) / model.std
    latent = model.encode_latent(x)
    flat = latent.reshape(1, -1, config.latent)
    dropout, quantizer.dropout = quantizer.dropout, 0.0
    quantizer.train()
    for _ in range(250):
        quantizer(flat[:, torch.randint(flat.shape[1], (4096,))])
    quantizer.dropout = dropout
    quantized = quantizer.decode(quantizer.encode(latent))
    weights = _linear_decoder(quantized, y, config.downsample, smoothness)  # [step, (2 R + 1) * latent, C]
    taps = weights.reshape(config.downsample, 2 * DECODER_CONTEXT + 1, config.latent, -1)
    model.synthesis.weight.copy_(taps.permute(0, 3, 2, 1).reshape(-1, config.latent, 2 * DECODER_CONTEXT + 1))
    assert model.synthesis.bias is not None
    model.synthesis.bias.zero_()


@torch.no_grad()
def start_content(model: Tokenizer, windows: MotionWindows, teacher: GestureContent, *, batches: int = 20) -> None:
    """Fit the layer towards the teacher by least squares, so that training starts from the best one. [D]"""
    x = torch.cat([windows(step, ProcessInfo())["x"] for step in range(-120, -120 + batches)])
    latent = model.quantizer.decode(model.encode(x)).flatten(0, 1)
    wanted = teacher.frames(x).flatten(0, 1)
    ones = torch.cat([latent, torch.ones(len(latent), 1)], 1)
    left = ones.T @ ones
    left += 1e-3 * left.diagonal().mean() * torch.eye(len(left))
    solved = torch.linalg.solve(left, ones.T @ wanted)
    assert model.project is not None
    model.project.weight.copy_(solved[:-1].T)
    model.project.bias.copy_(solved[-1])


def _linear_decoder(quantized: Tensor, y: Tensor, step: int, smoothness: float) -> Tensor:
    """Weights [step, K, C] that turn the tokens around each token into its ``step`` frames."""
    size, channels = 2 * DECODER_CONTEXT + 1, y.shape[-1]
    around = quantized.unfold(1, size, 1).permute(0, 1, 3, 2).flatten(2)  # [B, N - 2 R, K]
    count = around.shape[-1]
    frames = y.reshape(len(y), -1, step, channels)[:, DECODER_CONTEXT:-DECODER_CONTEXT]
    left = torch.zeros(step * count, step * count)
    right = torch.zeros(step * count, channels)

    def add(parts: list[tuple[int, float, Tensor]], target: Tensor, weight: float) -> None:
        """One kind of equation: sum of sign * (tokens @ weights of a frame) = target."""
        for i, sign_i, a in parts:
            at = slice(i * count, (i + 1) * count)
            right[at] += weight * sign_i * a.flatten(0, 1).T @ target.flatten(0, 1)
            for j, sign_j, b in parts:
                other = slice(j * count, (j + 1) * count)
                left[at, other] += weight * sign_i * sign_j * a.flatten(0, 1).T @ b.flatten(0, 1)

    for k in range(step):
        add([(k, 1.0, around)], frames[:, :, k], 1.0)
    for k in range(step - 1):
        add([(k + 1, 1.0, around), (k, -1.0, around)], frames[:, :, k + 1] - frames[:, :, k], smoothness)
    border = frames[:, 1:, 0] - frames[:, :-1, -1]
    add([(0, 1.0, around[:, 1:]), (step - 1, -1.0, around[:, :-1])], border, smoothness)
    left += 1e-4 * left.diagonal().mean() * torch.eye(len(left))
    return torch.linalg.solve(left, right).reshape(step, count, channels)


def load_tokenizer_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[Tokenizer, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    networks = {METHOD: lambda sizes: Tokenizer(TokenizerConfig(**sizes))}
    network, described = saved_run(folder, networks, checkpoint=checkpoint)
    assert isinstance(network, Tokenizer)
    return network, described
