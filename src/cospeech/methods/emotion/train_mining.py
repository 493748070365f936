"""Training emotion-beat mining on the speech of a dataset."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...core.timing import FPS
from ...data.dataset import GestureDataset, Sample
from ...data.prosody import other_voice, synthetic_voice, with_rate
from ...training.loop import Batch, Place, TrainConfig, fit, saved_run
from ..contextual.train_generator import vary_voice
from .mining import GRAMS, Mining, MiningConfig, TrainedMining, mining_loss, word_steps

METHOD = "emotion mining"
PAIRS = ("pair", "synthetic_pair")


class VoiceWindows:
    """Random windows of speech: a recorded pair with its own emotion, a calm voice in a made one.

    Of synthetic pairs the voice is calm whatever the motion: it gets a mood by chance (``data.prosody``).
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
        self.batch_size, self.seed, self.shift, self.words, self.vary = batch_size, seed, shift, words, vary
        found: dict[str, Sample] = {}
        for item in dataset.select(split=splits, kind=PAIRS):
            found.setdefault(item.id.split("#")[0] if item.kind == "synthetic_pair" else item.id, item)
        self.items = list(found.values())
        if not self.items:
            raise UserError(
                f"the dataset has no speech with motion in {', '.join(splits)}; prepare more, or name other splits"
            )
        dataset.acoustics(self.items[0], 0, 0)
        lengths = np.array([item.frames for item in self.items], dtype=np.float64)
        self._chance = lengths / lengths.sum()

    def __call__(self, step: int, place: Place) -> Batch:
        c = self.config
        rng = np.random.default_rng([self.seed, step, place.rank])
        size, frames = self.batch_size // place.world, self.frames
        steps = frames // c.downsample
        features = np.zeros((size, frames, int(self.dataset.header["feature_dim"])), dtype=np.float32)
        sound = np.zeros((size, frames, self._columns), dtype=np.float32)
        emotion = np.full(size, -1, dtype=np.int64)
        words = [
            torch.zeros(size, steps, GRAMS, dtype=torch.long),
            torch.zeros(size, steps, 2),
            torch.zeros(size, steps, dtype=torch.bool),
        ]
        for row, choice in enumerate(rng.choice(len(self.items), size=size, p=self._chance)):
            item = self.items[choice]
            mood, rate = self._mood(item, rng)
            need = int(frames * rate) + 2
            start = int(rng.integers(max(1, item.frames - need + 1)))
            end = min(item.frames, start + need)
            heard = self.dataset.features(item, start, end)
            sounds = self.dataset.acoustics(item, start, end)
            if self.vary:
                sounds = other_voice(sounds, rng)
            if item.kind == "synthetic_pair" and mood is not None:
                sounds, rate = synthetic_voice(sounds, mood, rng)
            if self.vary:
                heard = vary_voice(heard, rng)
            heard, sounds = with_rate(heard, rate)[:frames], with_rate(sounds, rate)[:frames]
            features[row, : len(heard)], sound[row, : len(sounds)] = heard, sounds
            if len(heard) < frames:
                features[row, len(heard) :], sound[row, len(sounds) :] = heard[-1], sounds[-1]
            emotion[row] = -1 if mood is None else EMOTIONS.index(mood)
            if self.words:
                said = [
                    (w[0], (w[1] - start / FPS) / rate, (w[2] - start / FPS) / rate) for w in item.info.get("words", ())
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

    def _mood(self, item: Sample, rng: np.random.Generator) -> tuple[str | None, float]:
        if item.kind == "synthetic_pair":
            return EMOTIONS[int(rng.integers(len(EMOTIONS)))], 1.45  # room for the fastest
        return (item.emotion if item.emotion in EMOTIONS else None), 1.0


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
    made = VoiceWindows(
        dataset,
        config,
        splits=splits,
        batch_size=training.batch_size,
        seed=training.seed,
        shift=shift,
        words=words,
        vary=True,
    )
    torch.manual_seed(training.seed)
    model = TrainedMining(config)
    held_out = None
    if "val" not in splits and dataset.select(split="val", kind=PAIRS):
        held_out = VoiceWindows(dataset, config, splits=("val",), batch_size=64, seed=1, shift=shift)

    def validate(network: nn.Module) -> dict[str, float]:
        assert held_out is not None
        return judged(network, held_out)

    fit(
        model,
        mining_loss,
        made,
        folder,
        training,
        validate=validate if held_out else None,
        describe={
            "method": METHOD,
            "config": asdict(config),
            "splits": list(splits),
            "shift": shift,
            "words": words,
            "store": dataset.fingerprint,
        },
    )
    return model.mining


@torch.no_grad()
def judged(network: nn.Module, windows: VoiceWindows, batches: int = 8) -> dict[str, float]:
    """Mean terms of some batches."""
    sums: dict[str, float] = {}
    device = next(network.parameters()).device
    for step in range(batches):
        batch = {name: v.to(device) for name, v in windows(step, Place()).items()}
        for name, value in network(batch).items():
            sums[name] = sums.get(name, 0.0) + float(value) / batches
    return sums


def load_mining_run(folder: str | Path) -> tuple[Mining, dict[str, Any]]:
    """The network of a run folder, without its text encoder. Raises UserError if it is none."""

    def made(sizes: dict[str, Any]) -> nn.Module:
        lists = {key: tuple(sizes[key]) for key in ("filters", "blocks")}
        return TrainedMining(MiningConfig(**{**sizes, **lists}))

    network, described = saved_run(folder, {METHOD: made})
    assert isinstance(network, TrainedMining)
    return network.mining, described
