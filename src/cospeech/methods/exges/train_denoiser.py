"""Training the denoiser on a dataset and a finished motion tokenizer."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...data.dataset import GestureDataset
from ...motion.codec import Codec
from ...sampling.diffusion import alpha_sigma
from ...training.loop import Batch, Place, TrainConfig, fit, saved_run
from ..alignment.network import Alignment
from ..alignment.train import input_sizes
from ..contextual.train_generator import mean_speeds, vary_voice
from ..tokenizer.network import Tokenizer
from .masks import MaskConfig, constraint_masks
from .network import Denoiser, DenoiserConfig, TrainedDenoiser, denoiser_loss
from .pose_mask import owner

METHOD = "exges denoiser"


class LatentWindows:
    """Random windows of latents, poses and speech, with noise, masks and conditions."""

    def __init__(
        self,
        dataset: GestureDataset,
        tokenizer: Tokenizer,
        styles: tuple[str, ...],
        config: DenoiserConfig,
        *,
        splits: tuple[str, ...] = ("train",),
        batch_size: int = 48,
        seed: int = 0,
        vary: bool = False,
    ) -> None:
        """Encode all motion once.

        Raises:
            UserError: the dataset has no speech with motion there.
        """
        self.dataset, self.styles, self.config = dataset, styles, config
        self.batch_size, self.seed, self.vary = batch_size, seed, vary
        self.items = dataset.select(split=splits, kind=("pair", "synthetic_pair"))
        if not self.items:
            raise UserError(
                f"the dataset has no speech with motion in {', '.join(splits)}; prepare more, or name other splits"
            )
        self.speeds = mean_speeds(self.items)
        self.latents = [encode_latents(tokenizer, dataset.motion(item)) for item in self.items]
        self.sound, self.words = input_sizes(dataset)
        lengths = np.array([len(z) for z in self.latents], dtype=np.float64)
        self._chance = lengths / lengths.sum()

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation [D] of the latents."""
        z = np.concatenate(self.latents).astype(np.float64)
        return torch.from_numpy(z.mean(0)), torch.from_numpy(z.std(0).clip(1e-4))

    def __call__(self, step: int, place: Place) -> Batch:
        c = self.config
        rng = np.random.default_rng([self.seed, step, place.rank])
        size, frames = self.batch_size // place.world, c.window * c.downsample
        latent = np.zeros((size, c.window, c.latent), dtype=np.float32)
        pose = np.zeros((size, frames, c.channels), dtype=np.float32)
        features = np.zeros((size, frames, self.sound + self.words), dtype=np.float32)
        valid = np.zeros((size, c.window), dtype=bool)
        emotion = np.zeros((size, len(EMOTIONS)), dtype=np.float32)
        style = np.zeros((size, len(self.styles)), dtype=np.float32)
        intensity = np.zeros((size, 2), dtype=np.float32)
        for row, choice in enumerate(rng.choice(len(self.items), size=size, p=self._chance)):
            item, length = self.items[choice], len(self.latents[choice])
            count = min(c.window, length)
            start = int(rng.integers(length - count + 1))
            latent[row, :count] = self.latents[choice][start : start + count]
            part = slice(start * c.downsample, (start + count) * c.downsample)
            pose[row, : count * c.downsample] = self.dataset.motion(item)[part]
            heard = self.dataset.inputs(item)[part].astype(np.float32)
            features[row, : len(heard)] = vary_voice(heard, rng) if self.vary else heard
            valid[row, :count] = True
            if item.emotion in EMOTIONS:
                emotion[row, EMOTIONS.index(item.emotion)] = 1.0
            if item.speaker in self.styles:
                style[row, self.styles.index(item.speaker)] = 1.0
            usual = max(self.speeds[item.speaker, item.emotion], 1e-3)
            intensity[row] = np.log(item.info["speed"] / usual + 1e-3), 1.0
        arrays = {
            "latent": latent,
            "pose": pose,
            "features": features,
            "valid": valid,
            "emotion": emotion,
            "style": style,
            "intensity": intensity,
        }
        batch = {name: torch.from_numpy(value) for name, value in arrays.items()}
        if self.words:
            batch["features"], batch["words"] = batch["features"].split((self.sound, self.words), -1)
        return {**batch, **self._noised(batch, rng)}

    def _noised(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Times, noise and the masked constraint of a batch, all of this step's own dice."""
        c = self.config
        size, frames = batch["pose"].shape[:2]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            time = (torch.arange(size) + torch.rand(size)) / size  # evenly spread over the batch
            alpha, sigma = (torch.from_numpy(v).float() for v in alpha_sigma(time.numpy()))
            noise = torch.randn(size, c.window, c.latent)
            mask = constraint_masks(size, frames, c.joints, c.masks)
            blur = c.masks.noise * torch.randn_like(batch["pose"])
            mask, clean = _with_ends(mask, batch["valid"], c)
        return {"alpha": alpha, "sigma": sigma, "noise": noise, "mask": mask, "blur": blur * (1 - clean)[..., None]}


def _with_ends(mask: Tensor, valid: Tensor, c: DenoiserConfig) -> tuple[Tensor, Tensor]:
    """Masks [B, T, J] with beginnings and ends given whole by chance, and where [B, T] these are."""
    size, steps = valid.shape
    place = torch.arange(steps)[None]
    length = valid.sum(1, keepdim=True)
    count = torch.randint(1, max(2, steps // 4), (size, 1))
    ends = (torch.rand(size, 1) < c.prefix) & (place < count)
    count = torch.randint(1, max(2, steps // 8), (size, 1))
    ends = ends | ((torch.rand(size, 1) < c.suffix) & (place >= length - count))
    whole = (ends & valid).repeat_interleave(c.downsample, 1).float()
    there = valid.repeat_interleave(c.downsample, 1).float()
    return torch.maximum(mask, whole[..., None]) * there[..., None], whole


@torch.no_grad()
def encode_latents(tokenizer: Tokenizer, motion: np.ndarray) -> np.ndarray:
    """Latents [N, D] float16 of a whole coded motion [T, C], before quantisation."""
    frames = len(motion) // tokenizer.config.downsample * tokenizer.config.downsample
    z = tokenizer.encode_latent(torch.from_numpy(np.ascontiguousarray(motion[None, :frames])))[0]
    return z.numpy().astype(np.float16)


def fit_denoiser(
    dataset: GestureDataset,
    tokenizer: Tokenizer,
    folder: str | Path,
    *,
    config: DenoiserConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    alignment: Alignment | None = None,
    vary: bool = True,
) -> Denoiser:
    """Train a denoiser; continues a run found in ``folder``.

    Args:
        alignment: whose speech encoder begins the denoiser's; with ``config.aligned`` there must be one.
        vary: change the voices of the training windows (``vary_voice``).

    Raises:
        UserError: no speech with motion, or an alignment that is missing or has other sizes.
    """
    training, codec = training or TrainConfig(), Codec()
    tokenizer.eval().requires_grad_(False)
    styles = tuple(sorted({item.speaker for item in dataset.select(split=splits)}))
    sound, words = input_sizes(dataset)
    config = replace(
        config or DenoiserConfig(),
        features=sound,
        words=words,
        channels=codec.channels,
        joints=len(codec.joints) + 1,
        latent=tokenizer.config.latent,
        downsample=tokenizer.config.downsample,
        styles=len(styles),
    )
    windows = LatentWindows(
        dataset, tokenizer, styles, config, splits=splits, batch_size=training.batch_size, seed=training.seed, vary=vary
    )
    torch.manual_seed(training.seed)
    model = Denoiser(
        config, latents=windows.statistics(), poses=(tokenizer.mean, tokenizer.std), owner=torch.from_numpy(owner())
    )
    if config.aligned:
        _begin(model, alignment)
    held_out = None
    if "val" not in splits and dataset.select(split="val", kind=("pair", "synthetic_pair")):
        held_out = LatentWindows(dataset, tokenizer, styles, config, splits=("val",), batch_size=48, seed=1)

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        batch = {**batch, "x": model.scaled(batch["latent"]), "pose": batch["pose"] + batch["blur"] * model.pose_std}
        return denoiser_loss(network, batch)

    def validate(network: nn.Module) -> dict[str, float]:
        assert held_out is not None
        sums: dict[str, float] = {}
        for step in range(4):
            batch = {name: v.to(model.mean.device) for name, v in held_out(step, Place()).items()}
            value, terms = loss(network, batch)
            for name, v in {"loss": value, **terms}.items():
                sums[name] = sums.get(name, 0.0) + float(v) / 4
        return sums

    fit(
        TrainedDenoiser(model),
        loss,
        windows,
        folder,
        training,
        validate=validate if held_out else None,
        describe={
            "method": METHOD,
            "config": asdict(config),
            "styles": list(styles),
            "vary": vary,
            "splits": list(splits),
            "store": dataset.fingerprint,
            "encoders": dataset.header.get("encoders", {}),
        },
    )
    return model


def _begin(model: Denoiser, alignment: Alignment | None) -> None:
    if alignment is None:
        raise UserError("the speech encoder begins with an alignment and none was given; train one first")
    try:
        model.speech.begin_with(alignment)
    except ValueError as error:
        raise UserError(f"{error}; train the alignment with the same preset") from None


def load_denoiser_run(folder: str | Path) -> tuple[Denoiser, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""

    def made(sizes: dict[str, Any]) -> nn.Module:
        masks = MaskConfig(**sizes.pop("masks", {}))
        return TrainedDenoiser(Denoiser(DenoiserConfig(**sizes, masks=masks)))

    network, described = saved_run(folder, {METHOD: made})
    assert isinstance(network, TrainedDenoiser)
    return network.denoiser, described
