"""Training emotion-beat mining on the speech of a dataset."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...core.emotions import EMOTIONS
from ...core.timing import FPS
from ...data.dataset import SYNTHETIC_PAIR, GestureDataset, Sample
from ...data.prosody import other_voice, synthetic_voice, with_rate
from ...data.windows import WindowSampler
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..batches import can_validate, pairs_of, validation, vary_voice
from ..training import description
from .mining import GRAMS, Mining, MiningConfig, TrainedMining, mining_loss, word_steps

METHOD = "emotion mining"
FASTEST = 1.45  # rate of a synthetic voice, at most


class VoiceWindows:
    """Random windows of speech: a recorded pair with its own emotion, a synthetic pair with a random one.

    The voice of a synthetic pair is calm whatever the motion, so its prosody is changed (``data.prosody``).
    """

    def __init__(
        self,
        dataset: GestureDataset,
        config: MiningConfig,
        *,
        splits: tuple[str, ...] = ("train",),
        frames: int = 240,
        batch_size: int = 48,
        seed: int = 0,
        shift: float = 0.0,
        words: bool = True,
        vary: bool = False,
    ) -> None:
        """Gather the voices; each voice of synthetic pairs once.

        Args:
            shift: seconds by which words are moved.
            words: whether words are used at all.
            vary: change the voices (``vary_voice``, ``other_voice``).
        Raises:
            UserError: the dataset has no speech there, or keeps not how it sounds.
        """
        self.dataset, self.config, self.frames = dataset, config, frames
        self.shift, self.words, self.vary = shift, words, vary
        found: dict[str, Sample] = {}
        for sample in pairs_of(dataset, splits):
            found.setdefault(sample.id.split("#")[0] if sample.kind == SYNTHETIC_PAIR else sample.id, sample)
        self.samples = list(found.values())
        dataset.acoustics(self.samples[0], 0, 0)
        self.sampler = WindowSampler(dataset, self.samples, batch_size=batch_size, seed=seed)

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        c = self.config
        rng = self.sampler.rng(step, rank=process.rank)
        chosen = self.sampler.choose(rng, world_size=process.world_size)
        size, frames = len(chosen), self.frames
        steps = frames // c.downsample
        features = np.zeros((size, frames, int(self.dataset.header["feature_dim"])), dtype=np.float32)
        sound = np.zeros((size, frames, self._columns), dtype=np.float32)
        emotion = np.full(size, -1, dtype=np.int64)
        words = [
            torch.zeros(size, steps, GRAMS, dtype=torch.long),
            torch.zeros(size, steps, 2),
            torch.zeros(size, steps, dtype=torch.bool),
        ]
        for row, (_, sample) in enumerate(chosen):
            label, rate = self._emotion(sample, rng)
            need = int(frames * rate) + 2
            start = int(rng.integers(max(1, sample.frames - need + 1)))
            end = min(sample.frames, start + need)
            speech = self.dataset.features(sample, start, end)
            voice = self.dataset.acoustics(sample, start, end)
            if self.vary:
                voice = other_voice(voice, rng)
            if sample.kind == SYNTHETIC_PAIR and label is not None:
                voice, rate = synthetic_voice(voice, label, rng)
            if self.vary:
                speech = vary_voice(speech, rng)
            speech, voice = with_rate(speech, rate)[:frames], with_rate(voice, rate)[:frames]
            features[row, : len(speech)], sound[row, : len(voice)] = speech, voice
            if len(speech) < frames:
                features[row, len(speech) :], sound[row, len(voice) :] = speech[-1], voice[-1]
            emotion[row] = -1 if label is None else EMOTIONS.index(label)
            if self.words:
                said = [
                    (w[0], (w[1] - start / FPS) / rate, (w[2] - start / FPS) / rate)
                    for w in sample.info.get("words", ())
                ]
                own = word_steps(said, steps, FPS / c.downsample, c, shift=self.shift)
                for whole, part in zip(words, own, strict=True):
                    whole[row] = part
        return {
            "features": torch.from_numpy(features),
            "acoustics": torch.from_numpy(sound),
            "emotion": torch.from_numpy(emotion),
            "grams": words[0],
            "place": words[1],
            "spoken": words[2],
        }

    @property
    def _columns(self) -> int:
        return int(self.dataset.header["acoustics"])

    def _emotion(self, sample: Sample, rng: np.random.Generator) -> tuple[str | None, float]:
        """Label of a window's voice, None if unknown, and the most by which its rate may change."""
        if sample.kind == SYNTHETIC_PAIR:
            return EMOTIONS[int(rng.integers(len(EMOTIONS)))], FASTEST
        return (sample.emotion if sample.emotion in EMOTIONS else None), 1.0


def fit_mining(
    dataset: GestureDataset,
    folder: str | Path,
    *,
    config: MiningConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    shift: float = 0.0,
    words: bool = True,
) -> Mining:
    """Train both heads; continues a run found in ``folder``.

    Args:
        shift: seconds by which the words of the transcripts are moved, to learn what wrong times cost.
        words: False leaves the transcripts out, and with them the contrast.
    Raises:
        UserError: no speech, or a dataset that keeps not how voices sound.
    """
    training = training or TrainConfig()
    config = config or MiningConfig()
    if not words:
        config = replace(config, beat=0.0)
    build = partial(VoiceWindows, dataset, config, shift=shift)
    windows = build(splits=splits, batch_size=training.batch_size, seed=training.seed, words=words, vary=True)
    torch.manual_seed(training.seed)
    model = TrainedMining(config)
    held_out = build(splits=("val",), batch_size=64, seed=1) if can_validate(dataset, splits) else None

    described = {**description(METHOD, dataset, config, splits), "shift": shift, "words": words}
    validate, best = validation(mining_loss, held_out, batches=8), BestFigure("emotion")
    fit(model, mining_loss, windows, folder, training, validate=validate, best=best, describe=described)
    return model.mining


def load_mining_run(folder: str | Path) -> tuple[Mining, dict[str, Any]]:
    """The network of a run folder, without its text encoder. Raises UserError if it is none."""

    def built(sizes: dict[str, Any]) -> nn.Module:
        lists = {key: tuple(sizes[key]) for key in ("filters", "blocks")}
        return TrainedMining(MiningConfig(**{**sizes, **lists}))

    network, described = saved_run(folder, {METHOD: built})
    assert isinstance(network, TrainedMining)
    return network.mining, described
