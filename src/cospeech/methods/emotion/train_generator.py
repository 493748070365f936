"""Training the generator of EmotionGesture on a dataset, a finished tokenizer and a finished mining."""

from __future__ import annotations

import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...data.dataset import GestureDataset, Sample
from ...data.prosody import synthetic_voice
from ...motion.codec import Codec
from ...training.loop import Batch, Place, TrainConfig, fit, saved_run
from ..contextual.train_generator import mean_speeds
from ..exges.train_denoiser import encode_latents
from ..tokenizer.network import Tokenizer
from .losses import TrainedEmotion, emotion_loss
from .mining import Mining
from .network import EmotionConfig, Generator
from .train_mining import PAIRS

METHOD = "emotion generator"
RARE = 0.5  # an emotion is drawn by its share to this power: at 1 as it comes, at 0 all alike [D]


class PromptedWindows:
    """Random windows of latents with their audio, the first steps of which are the prompt.

    A window may begin before its recording does; then its pose is held, as a generated motion begins.
    """

    def __init__(
        self,
        dataset: GestureDataset,
        tokenizer: Tokenizer,
        mining: Mining,
        styles: tuple[str, ...],
        config: EmotionConfig,
        *,
        splits: tuple[str, ...] = ("train",),
        batch_size: int = 48,
        seed: int = 0,
        jitter: float = 0.0,
        grow: int = 1,
        poses: bool = True,
    ) -> None:
        """Encode all motion and hear all speech, once.

        Args:
            grow: steps of training in which the weights of KL and discriminator come to their own.
            jitter: degrees (deviation) of noise that is added to every joint in every frame of the training
                motion, each for itself: to learn what jittering data do.
            poses: whether batches have poses, which only the motion-smooth loss reads.
        Raises:
            UserError: the dataset has no speech with motion there, or keeps not how it sounds.
        """
        self.dataset, self.styles, self.config = dataset, styles, config
        self.batch_size, self.seed, self.jitter, self.grow = batch_size, seed, jitter, grow
        self.poses = poses
        self.mean, self.std = tokenizer.mean.numpy(), tokenizer.std.numpy()
        self.items = dataset.select(split=splits, kind=PAIRS)
        if not self.items:
            raise UserError(
                f"the dataset has no speech with motion in {', '.join(splits)}; prepare more, or name other splits"
            )
        self.speeds = mean_speeds(self.items)
        self.latents = [encode_latents(tokenizer, self._motion(item)) for item in self.items]
        self.heard = [hear(mining, dataset, item) for item in self.items]
        lengths = np.array([len(z) for z in self.latents], dtype=np.float64)
        self._chance = drawn(self.items, lengths)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation [D] of the latents."""
        z = np.concatenate(self.latents).astype(np.float64)
        return torch.from_numpy(z.mean(0)), torch.from_numpy(z.std(0).clip(1e-4))

    def __call__(self, step: int, place: Place) -> Batch:
        c = self.config
        rng = np.random.default_rng([self.seed, step, place.rank])
        size, steps = self.batch_size // place.world, c.given + c.window
        latent = np.zeros((size, steps, c.latent), dtype=np.float32)
        pose = np.zeros((size, c.window * c.downsample, c.channels), dtype=np.float32)
        mood = np.zeros((size, steps, c.embedding), dtype=np.float32)
        beat, valid = mood.copy(), np.zeros((size, steps), dtype=bool)
        emotion = np.zeros((size, len(EMOTIONS)), dtype=np.float32)
        style = np.zeros((size, len(self.styles)), dtype=np.float32)
        intensity = np.zeros((size, 2), dtype=np.float32)
        for row, choice in enumerate(rng.choice(len(self.items), size=size, p=self._chance)):
            item, length = self.items[choice], len(self.latents[choice])
            start = int(rng.integers(-c.given, max(1 - c.given, length - steps + 1)))
            places = np.arange(start, start + steps)
            valid[row] = places < length
            within = places.clip(0, length - 1)
            latent[row] = self.latents[choice][within]
            mood[row], beat[row] = self.heard[choice][0][within], self.heard[choice][1][within]
            if self.poses:
                first = (start + c.given) * c.downsample
                frames = np.arange(first, first + len(pose[row])).clip(0, length * c.downsample - 1)
                pose[row] = (self._motion(item)[frames] - self.mean) / self.std
            if item.emotion in EMOTIONS:
                emotion[row, EMOTIONS.index(item.emotion)] = 1.0
            if item.speaker in self.styles:
                style[row, self.styles.index(item.speaker)] = 1.0
            usual = max(self.speeds[item.speaker, item.emotion], 1e-3)
            intensity[row] = np.log(item.info["speed"] / usual + 1e-3), 1.0
        arrays = {
            "latent": latent,
            "pose": pose,
            "mood": mood,
            "beat": beat,
            "valid": valid,
            "emotion": emotion,
            "style": style,
            "intensity": intensity,
        }
        batch = {name: torch.from_numpy(value) for name, value in arrays.items()}
        return {**batch, "warm": torch.tensor(min(1.0, (step + 1) / self.grow))}

    def _motion(self, item: Sample) -> np.ndarray:
        """Coded motion [T, C], with the jitter that was asked for."""
        motion = self.dataset.motion(item)
        if self.jitter:
            rng = np.random.default_rng(zlib.crc32(item.id.encode()))
            noise = rng.standard_normal((len(motion), motion.shape[1] - 3), dtype=np.float32)
            motion[:, :-3] += np.deg2rad(self.jitter) * noise  # the last three say where the root is
        return motion


def drawn(items: list[Sample], lengths: np.ndarray) -> np.ndarray:
    """[I] chance of each item: its length, by the share of its emotion to the power ``RARE``."""
    kinds = np.array([str(item.emotion) for item in items])
    share = {name: lengths[kinds == name].sum() / lengths.sum() for name in np.unique(kinds)}
    weights = lengths * np.array([share[name] ** (RARE - 1) for name in kinds])
    chance: np.ndarray = weights / weights.sum()
    return chance


@torch.no_grad()
def hear(mining: Mining, dataset: GestureDataset, item: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Emotion and beat [N, E] float16 of a sample's speech; a calm voice of a synthetic pair in its motion's mood.

    Its rate is left alone, so that the strokes stay on their accents.
    """
    step = mining.config.downsample
    frames = item.frames // step * step
    features, sound = dataset.features(item, 0, frames), dataset.acoustics(item, 0, frames)
    if item.kind == "synthetic_pair" and item.emotion in EMOTIONS:
        sound, _ = synthetic_voice(sound, item.emotion, np.random.default_rng(zlib.crc32(item.id.encode())))
    mood, beat, _ = mining(torch.from_numpy(features)[None], torch.from_numpy(sound)[None])
    return mood[0].numpy().astype(np.float16), beat[0].numpy().astype(np.float16)


def fit_generator(
    dataset: GestureDataset,
    tokenizer: Tokenizer,
    mining: Mining,
    folder: str | Path,
    *,
    config: EmotionConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    jitter: float = 0.0,
    windows: PromptedWindows | None = None,
) -> Generator:
    """Train the generator, its VAE and its discriminator; continues a run found in ``folder``.

    Args:
        jitter: see ``PromptedWindows``.
        windows: encoded already, for many runs on the same data; then nothing is validated.
    Raises:
        UserError: no speech with motion, or a mining whose steps are not the tokenizer's.
    """
    training, codec = training or TrainConfig(), Codec()
    tokenizer.eval().requires_grad_(False)
    mining.eval().requires_grad_(False)
    if mining.config.downsample != tokenizer.config.downsample:
        raise UserError(
            f"the mining has steps of {mining.config.downsample} frames and the tokenizer of "
            f"{tokenizer.config.downsample}; train both with one preset"
        )
    styles = tuple(sorted({item.speaker for item in dataset.select(split=splits, kind=PAIRS)}))
    config = replace(
        config or EmotionConfig(),
        channels=codec.channels,
        latent=tokenizer.config.latent,
        downsample=tokenizer.config.downsample,
        embedding=mining.config.embedding,
        styles=len(styles),
    )
    validated = windows is None and "val" not in splits and bool(dataset.select(split="val", kind=PAIRS))
    windows = windows or PromptedWindows(
        dataset,
        tokenizer,
        mining,
        styles,
        config,
        splits=splits,
        batch_size=training.batch_size,
        seed=training.seed,
        jitter=jitter,
        grow=max(1, training.steps // 10),
    )
    windows.config = config
    torch.manual_seed(training.seed)
    model = TrainedEmotion(config, latents=windows.statistics(), synthesis=tokenizer.synthesis)
    held_out = None
    if validated:
        held_out = PromptedWindows(dataset, tokenizer, mining, styles, config, splits=("val",), batch_size=48, seed=1)

    def validate(network: nn.Module) -> dict[str, float]:
        assert held_out is not None
        sums: dict[str, float] = {}
        for step in range(4):
            batch = {name: v.to(model.generator.mean.device) for name, v in held_out(step, Place()).items()}
            for name, value in network(batch).items():
                sums[name] = sums.get(name, 0.0) + float(value) / 4
        return sums

    fit(
        model,
        emotion_loss,
        windows,
        folder,
        training,
        validate=validate if held_out else None,
        describe={
            "method": METHOD,
            "config": asdict(config),
            "styles": list(styles),
            "jitter": jitter,
            "emotions": [e for e in EMOTIONS if any(item.emotion == e for item in windows.items)],
            "splits": list(splits),
            "store": dataset.fingerprint,
        },
    )
    return model.generator


def load_generator_run(folder: str | Path) -> tuple[Generator, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    network, described = saved_run(folder, {METHOD: lambda sizes: TrainedEmotion(EmotionConfig(**sizes))})
    assert isinstance(network, TrainedEmotion)
    return network.generator, described
