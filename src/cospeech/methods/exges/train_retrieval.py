"""Training the embedding for retrieval on a dataset, and its figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...core.errors import UserError
from ...data.dataset import GestureDataset, Sample
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..alignment.network import AlignConfig, Alignment
from ..alignment.train import RANKS, AlignmentWindows, recording_of, sources_of
from ..batches import input_sizes
from ..training import description
from .retrieval_network import Encoders, Retrieval, RetrievalConfig, fine_similarity, retrieval_loss

METHOD = "retrieval"
SHORTEST, LONGEST = 32, 120  # frames of a training window, 1 to 4 s as the segments of a library


class SegmentWindows:
    """Batches of windows as long as a library's segments are, one length a batch, with their origins."""

    def __init__(
        self,
        dataset: GestureDataset,
        *,
        splits: tuple[str, ...] = ("train",),
        batch_size: int = 64,
        seed: int = 0,
        step: int = 4,
        length: int | None = None,
        augment: bool = False,
    ) -> None:
        """``step``: frames a step of the encoders; ``length``: of all windows, by chance if None."""
        self.inner = AlignmentWindows(
            dataset, splits=splits, window=LONGEST, batch_size=batch_size, seed=seed, augment=augment
        )
        self.step, self.length, self.seed = step, length, seed
        names = {n for sample in self.inner.samples for n in _origins(sample)}
        self._numbers = {name: k for k, name in enumerate(sorted(names))}
        self.origins = max(len(_origins(sample)) for sample in self.inner.samples)

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        rng = np.random.default_rng([self.seed, step, 77])  # one length on all processes
        frames = self.length or int(rng.integers(SHORTEST // self.step, LONGEST // self.step + 1)) * self.step
        batch = self.inner(step, process)
        samples = self.inner.last
        origins = torch.full((len(samples), self.origins), -1)
        for row, sample in enumerate(samples):
            for column, name in enumerate(sorted(_origins(sample))):
                origins[row, column] = self._numbers[name]
        kept: Batch = {"origins": origins}
        for name in ("features", "words", "motion"):
            if name in batch:
                kept[name] = batch[name][:, :frames]
        return kept


def _origins(sample: Sample) -> frozenset[str]:
    """Clips and recordings that a pair is made of: nothing that shares one may answer for it."""
    return sources_of(sample) | {f"speech {recording_of(sample)}"}


def fit_retrieval(
    dataset: GestureDataset,
    folder: str | Path,
    *,
    alignment: Alignment,
    config: RetrievalConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    held_out: str = "val",
) -> Retrieval:
    """Train the embedding from an alignment on; continues a run found in ``folder``.

    Raises:
        UserError: too little speech with motion, or words in one of dataset and alignment alone.
    """
    config, training = config or RetrievalConfig(), training or TrainConfig()
    config = replace(config, encoders=replace(alignment.config, chronological=False))
    sound, words = input_sizes(dataset)
    if (sound, words) != (config.encoders.features, config.encoders.words):
        raise UserError("the alignment was trained on a dataset with other encoders; train one on this dataset")
    windows = SegmentWindows(
        dataset,
        splits=splits,
        batch_size=training.batch_size,
        seed=training.seed,
        step=config.encoders.downsample,
        augment=True,
    )
    torch.manual_seed(training.seed)
    model = Retrieval(config, origins=windows.origins)
    model.initialise_from(alignment)
    try:
        validation = SegmentWindows(dataset, splits=(held_out,), batch_size=32, seed=1, length=64)
    except UserError:
        validation = None

    def validate(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, Retrieval)
        assert validation is not None
        return retrieval_quality(network.encoders, [validation(step, ProcessInfo()) for step in range(12)])

    described = {
        **description(METHOD, dataset, config, splits),
        "origins": windows.origins,
        "made_pairs": dataset.synthetic_pairs,
        "encoders": dataset.header.get("encoders", {}),
    }
    check, best = validate if validation else None, BestFigure("both_speech_r@1", larger=True)
    fit(model, retrieval_loss, windows, folder, training, validate=check, best=best, describe=described)
    return model


@torch.no_grad()
def retrieval_quality(encoders: Encoders, batches: list[Batch]) -> dict[str, float]:
    """R@k in batches, percent, both ways: by keys of segments, of frames, and both together."""
    sums: dict[str, float] = {}
    device = next(encoders.parameters()).device
    for batch in batches:
        batch = {name: value.to(device) for name, value in batch.items()}
        fine_a, key_a = encoders.of_speech(batch["features"], batch.get("words"))
        fine_m, key_m = encoders.of_gesture(batch["motion"])
        segment, fine = key_a @ key_m.T, fine_similarity(fine_a, fine_m)
        for name, near in (("segment", segment), ("fine", fine), ("both", segment + fine)):
            for side, table in (("speech", near), ("gesture", near.T)):
                right = table.diagonal()[:, None]
                rank = 1 + (table > right).sum(1) + ((table == right).sum(1) - 1) / 2
                for k in RANKS:
                    label = f"{name}_{side}_r@{k}"
                    sums[label] = sums.get(label, 0.0) + 100 * float((rank <= k).float().mean()) / len(batches)
    return sums


def load_retrieval_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[Retrieval, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    path = Path(folder) / "config.json"
    try:
        origins = int(json.loads(path.read_text())["origins"])
    except (OSError, ValueError, KeyError, TypeError):
        origins = 1  # what is wrong with the folder is told below

    def built(sizes: dict[str, Any]) -> nn.Module:
        encoders = AlignConfig(**sizes.pop("encoders"))
        return Retrieval(RetrievalConfig(**sizes, encoders=encoders), origins=origins)

    network, described = saved_run(folder, {METHOD: built}, checkpoint=checkpoint)
    assert isinstance(network, Retrieval)
    return network, described
