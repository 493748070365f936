"""Training the sampler of activity on a dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...data.dataset import GestureDataset
from ...data.windows import WindowSampler, place_window
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..batches import can_validate, conditions, mean_speeds, pairs_of, speakers_of, validation
from ..training import description
from .activity_sampler import with_ahead
from .codes import PartCodes
from .material import PartMaterial, drawn_plan
from .network import ActivityConfig, ActivityNetwork

METHOD = "activity sampler"  # as config.json of a run has it


class ActivityWindows:
    """Windows of speech with the activity of the parts."""

    def __init__(
        self,
        material: PartMaterial,
        styles: tuple[str, ...],
        config: ActivityConfig,
        *,
        batch_size: int,
        seed: int,
        augment: bool = True,
    ) -> None:
        self.material, self.styles, self.config, self.augment = material, styles, config, augment
        self.speeds = mean_speeds(material.samples)
        self.sampler = WindowSampler(material.dataset, material.samples, batch_size=batch_size, seed=seed)

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        rng = self.sampler.rng(step, rank=process.rank)
        chosen = self.sampler.choose(rng, world_size=process.world_size)
        rows = [self._row(index, rng) for index, _ in chosen]
        arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        given = conditions([sample for _, sample in chosen], self.styles, self.speeds)
        if self.augment:
            for values in given.values():
                values[rng.random(len(chosen)) < self.config.drop_condition] = 0.0
        arrays |= given
        return {name: torch.from_numpy(value) for name, value in arrays.items()}

    def _row(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        config, material, augment = self.config, self.material, self.augment
        total = len(material.levels[index])
        start, count = place_window(rng, total, config.window)
        _, level, codes = material.cut(index, start, count, mirror=augment and rng.random() < config.mirror)
        more = min(config.ahead, total - start - count)
        heard = material.speech(index, start, count + more, vary=rng if augment else None)
        seen = int(rng.integers(config.ahead + 1)) if augment else config.ahead
        row = {
            "levels": np.rint(level).astype(np.int64),
            "plan": material.words.shown(drawn_plan(codes, rng, config.drop_plan) if augment else codes),
            "speech": with_ahead(heard, config.ahead, count, seen=seen),
        }
        padded = {name: np.pad(value, ((0, config.window - count), (0, 0))) for name, value in row.items()}
        return {**padded, "valid": np.arange(config.window) < count}


def activity_loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy of the levels of every part."""
    inputs = [batch[name] for name in ("levels", "plan", "speech", "emotion", "style", "intensity")]
    counted = batch["valid"].float()
    terms = {}
    for part, logit in enumerate(network(*inputs)):
        loss = F.cross_entropy(logit.transpose(1, 2).float(), batch["levels"][..., part], reduction="none")
        terms[f"part{part}"] = (loss * counted).sum() / counted.sum()
    total = torch.stack(list(terms.values())).sum()
    return total, {name: value.detach() for name, value in terms.items()}


def fit_activity(
    dataset: GestureDataset,
    codes: PartCodes,
    folder: str | Path,
    *,
    config: ActivityConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
) -> ActivityNetwork:
    """Train the sampler of activity; continues a run found in ``folder``.

    Args:
        codes: words and latents of the parts.
    Raises:
        UserError: no speech with motion.
    """
    folder, training = Path(folder), training or TrainConfig()
    styles = speakers_of(dataset, splits)
    config = replace(config or ActivityConfig(), latent=codes.latents.size, styles=len(styles))
    material = PartMaterial(dataset, pairs_of(dataset, splits), codes, folder / "material")
    windows = ActivityWindows(material, styles, config, batch_size=training.batch_size, seed=training.seed)
    held_out = None
    if can_validate(dataset, splits):
        unseen = PartMaterial(dataset, pairs_of(dataset, ("val",)), codes, folder / "material" / "val")
        held_out = ActivityWindows(unseen, styles, config, batch_size=32, seed=1, augment=False)
    torch.manual_seed(training.seed)
    model = ActivityNetwork(config)
    described = {**description(METHOD, dataset, config, splits), "styles": list(styles)}
    validate, best = validation(activity_loss, held_out), BestFigure("loss")
    fit(model, activity_loss, windows, folder, training, validate=validate, best=best, describe=described)
    return model


def load_activity_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[ActivityNetwork, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    networks = {METHOD: lambda sizes: ActivityNetwork(ActivityConfig(**sizes))}
    network, described = saved_run(folder, networks, checkpoint=checkpoint)
    assert isinstance(network, ActivityNetwork)
    return network, described
