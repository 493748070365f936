"""Training the sampler of activity on a dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...data.dataset import Sample
from ...data.windows import place_window
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, fit, saved_run
from ..batches import can_validate, pairs_of, validation
from .activity_sampler import with_ahead
from .material import PartTraining, PartWindows, drawn_plan
from .network import ActivityConfig, ActivityNetwork

METHOD = "activity sampler"  # as config.json of a run has it


class ActivityWindows(PartWindows[ActivityConfig]):
    """Windows of speech with the activity of the parts."""

    def row(self, index: int, sample: Sample, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """See ``PartWindows.row``."""
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


def fit_activity(run: PartTraining, config: ActivityConfig | None = None) -> ActivityNetwork:
    """Train the sampler of activity. Raises UserError if there is no speech with motion."""
    dataset, schedule = run.dataset, run.schedule
    config = replace(config or ActivityConfig(), latent=run.codes.latents.size, styles=len(run.styles))
    material = run.material(pairs_of(dataset, run.splits))
    windows = ActivityWindows(material, run.styles, config, batch_size=schedule.batch_size, seed=schedule.seed)
    held_out = None
    if can_validate(dataset, run.splits):
        unseen = run.material(pairs_of(dataset, ("val",)), "unseen")
        held_out = ActivityWindows(unseen, run.styles, config, batch_size=32, seed=1, augment=False)
    torch.manual_seed(schedule.seed)
    model = ActivityNetwork(config)
    validate, best = validation(activity_loss, held_out), BestFigure("loss")
    described = run.described(METHOD, config)
    fit(model, activity_loss, windows, run.folder, schedule, validate=validate, best=best, describe=described)
    return model


def load_activity_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[ActivityNetwork, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    networks = {METHOD: lambda sizes: ActivityNetwork(ActivityConfig(**sizes))}
    network, described = saved_run(folder, networks, checkpoint=checkpoint)
    assert isinstance(network, ActivityNetwork)
    return network, described
