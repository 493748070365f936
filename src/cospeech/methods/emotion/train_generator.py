"""Training the generator of EmotionGesture on a dataset, a finished tokenizer and a finished mining."""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...data.dataset import SYNTHETIC_PAIR, GestureDataset, Sample
from ...data.prosody import synthetic_voice
from ...data.windows import PAIRS, WindowSampler
from ...motion.codec import Codec
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..batches import can_validate, conditions, latent_statistics, mean_speeds, pairs_of, validation
from ..tokenizer.encoding import encode_latents
from ..tokenizer.network import Tokenizer
from ..training import description
from .losses import TrainedEmotion, emotion_loss
from .mining import Mining
from .network import EmotionConfig, Generator

METHOD = "emotion generator"
RARE = 0.5  # an emotion is drawn by its share to this power: at 1 as it comes, at 0 all alike [D]


class PromptedWindows:
    """Random windows of latents with their audio, the first steps of which are the prompt.

    A window may start before its recording; then the first pose is held, as at the start of a generated motion.
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
        """Encode all motion and all speech once.

        Args:
            grow: steps of training in which the weights of KL and discriminator grow to 1.
            jitter: degrees (deviation) of independent noise on every joint in every frame of the training
                motion, to measure the effect of jittering data.
            poses: whether batches have poses, which only the motion-smooth loss reads.
        Raises:
            UserError: the dataset has no speech with motion there, or no acoustics of it.
        """
        self.dataset, self.styles, self.config = dataset, styles, config
        self.jitter, self.grow = jitter, grow
        self.poses = poses
        self.mean, self.std = tokenizer.mean.numpy(), tokenizer.std.numpy()
        self.samples = pairs_of(dataset, splits)
        self.speeds = mean_speeds(self.samples)
        self.latents = [encode_latents(tokenizer, self._motion(sample)) for sample in self.samples]
        self.voices = [mined_features(mining, dataset, sample) for sample in self.samples]
        weights = chances(self.samples, np.array([len(z) for z in self.latents], dtype=np.float64))
        self.sampler = WindowSampler(dataset, self.samples, batch_size=batch_size, seed=seed, weights=weights)

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        c = self.config
        rng = self.sampler.rng(step, rank=process.rank)
        chosen = self.sampler.choose(rng, world_size=process.world_size)
        size, steps = len(chosen), c.given + c.window
        latent = np.zeros((size, steps, c.latent), dtype=np.float32)
        pose = np.zeros((size, c.window * c.downsample, c.channels), dtype=np.float32)
        voice = np.zeros((size, steps, c.embedding), dtype=np.float32)
        beat, valid = voice.copy(), np.zeros((size, steps), dtype=bool)
        for row, (index, sample) in enumerate(chosen):
            length = len(self.latents[index])
            start = int(rng.integers(-c.given, max(1 - c.given, length - steps + 1)))
            places = np.arange(start, start + steps)
            valid[row] = places < length
            within = places.clip(0, length - 1)
            latent[row] = self.latents[index][within]
            voice[row], beat[row] = self.voices[index][0][within], self.voices[index][1][within]
            if self.poses:
                first = (start + c.given) * c.downsample
                frames = np.arange(first, first + len(pose[row])).clip(0, length * c.downsample - 1)
                pose[row] = (self._motion(sample)[frames] - self.mean) / self.std
        arrays = {"latent": latent, "pose": pose, "voice": voice, "beat": beat, "valid": valid}
        arrays |= conditions([sample for _, sample in chosen], self.styles, self.speeds)
        batch = {name: torch.from_numpy(value) for name, value in arrays.items()}
        return {**batch, "warm": torch.tensor(min(1.0, (step + 1) / self.grow))}

    def _motion(self, sample: Sample) -> np.ndarray:
        """Encoded motion [T, C], with the requested jitter."""
        motion = self.dataset.motion(sample)
        if self.jitter:
            rng = np.random.default_rng(zlib.crc32(sample.id.encode()))
            noise = rng.standard_normal((len(motion), motion.shape[1] - 3), dtype=np.float32)
            motion[:, :-3] += np.deg2rad(self.jitter) * noise  # the last three say where the root is
        return motion


def chances(samples: list[Sample], lengths: np.ndarray) -> np.ndarray:
    """[S] chance of each sample: its length, by the share of its emotion to the power ``RARE``."""
    kinds = np.array([str(sample.emotion) for sample in samples])
    share = {name: lengths[kinds == name].sum() / lengths.sum() for name in np.unique(kinds)}
    weights = lengths * np.array([share[name] ** (RARE - 1) for name in kinds])
    chance: np.ndarray = weights / weights.sum()
    return chance


@torch.no_grad()
def mined_features(mining: Mining, dataset: GestureDataset, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Emotion and beat features [N, E] float16 of a sample's speech.

    The calm voice of a synthetic pair gets the emotion of its motion. Its rate stays, so that the strokes stay on
    their accents.
    """
    step = mining.config.downsample
    frames = sample.frames // step * step
    features, sound = dataset.features(sample, 0, frames), dataset.acoustics(sample, 0, frames)
    if sample.kind == SYNTHETIC_PAIR and sample.emotion in EMOTIONS:
        sound, _ = synthetic_voice(sound, sample.emotion, np.random.default_rng(zlib.crc32(sample.id.encode())))
    voice, beat, _ = mining(torch.from_numpy(features)[None], torch.from_numpy(sound)[None])
    return voice[0].numpy().astype(np.float16), beat[0].numpy().astype(np.float16)


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
    samples = dataset.select(split=splits, kind=PAIRS)
    styles = tuple(sorted({sample.speaker for sample in samples}))
    config = replace(
        config or EmotionConfig(),
        channels=codec.channels,
        latent=tokenizer.config.latent,
        downsample=tokenizer.config.downsample,
        embedding=mining.config.embedding,
        styles=len(styles),
    )
    build = partial(PromptedWindows, dataset, tokenizer, mining, styles, config)
    held_out = None
    if windows is None:
        windows = build(
            splits=splits,
            batch_size=training.batch_size,
            seed=training.seed,
            jitter=jitter,
            grow=max(1, training.steps // 10),
        )
        held_out = build(splits=("val",), batch_size=48, seed=1) if can_validate(dataset, splits) else None
    windows.config = config
    torch.manual_seed(training.seed)
    model = TrainedEmotion(config, latents=latent_statistics(windows.latents), synthesis=tokenizer.synthesis)

    described = {
        **description(METHOD, dataset, config, splits),
        "styles": list(styles),
        "jitter": jitter,
        "emotions": [e for e in EMOTIONS if any(sample.emotion == e for sample in windows.samples)],
    }
    validate, best = validation(emotion_loss, held_out), BestFigure("regression")
    fit(model, emotion_loss, windows, folder, training, validate=validate, best=best, describe=described)
    return model.generator


def load_generator_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[Generator, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    networks = {METHOD: lambda sizes: TrainedEmotion(EmotionConfig(**sizes))}
    network, described = saved_run(folder, networks, checkpoint=checkpoint)
    assert isinstance(network, TrainedEmotion)
    return network.generator, described
