"""Training the flow on a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...data.dataset import Sample
from ...data.windows import PAIRS, place_window, select_samples
from ...training.loop import Batch, fit, saved_run
from .activity import LEVELS
from .latents import PARTS
from .material import SPEECH, PartTraining, PartWindows, drawn_plan
from .network import Flow, FlowConfig
from .sampling import clocked_noise

METHOD = "motion flow"  # as config.json of a run has it
NEAR_CLEAN = 0.05  # the least 1 - t by which errors are divided
VELOCITY = 1.0  # weight of the loss of velocity
STILLNESS = 0.15  # added to the share of activity that divides the loss of velocity
HOLDING = 0.12  # share of windows in which one arm is made to hold still
LEAST_OPEN = 4  # latents that are not given, at least
# Chances of what is given in a window beside its prefix.
NO_PREFIX, LONG_PREFIX = 0.2, 0.2
SUFFIX, MOMENT, WHOLE_PART = 0.25, 0.1, 0.1
LONGEST_SUFFIX, LONGEST_MOMENT = 8, 4


class FlowWindows(PartWindows[FlowConfig]):
    """Windows for the flow: pairs, and recorded motion without speech, as much of either."""

    def weights(self) -> list[float]:
        """See ``PartWindows.weights``."""
        paired = np.array([sample.kind in PAIRS for sample in self.material.samples])
        frames = np.array([sample.frames for sample in self.material.samples], dtype=np.float64)
        shares = np.where(paired, frames / max(frames[paired].sum(), 1), frames / max(frames[~paired].sum(), 1))
        return [float(share) for share in shares]

    def row(self, index: int, sample: Sample, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """See ``PartWindows.row``."""
        config, material, augment = self.config, self.material, self.augment
        start, count = place_window(rng, len(material.encoded[index]), config.window)
        z, level, codes = material.cut(index, start, count, mirror=augment and rng.random() < config.mirror)
        if augment and rng.random() < HOLDING:
            z, level, codes = self._held(z, level, rng)
        if augment and rng.random() < 0.5:
            level = np.rint(level)  # as the sampler gives it
        speech = np.zeros((config.window, SPEECH), np.float32)
        if rng.random() >= config.drop_speech:
            speech[:count] = material.speech(index, start, count, vary=rng if augment else None)
        known, given = given_parts(count, config, rng)
        plan = drawn_plan(codes, rng, config.drop_plan) if augment else codes
        row = {
            "clean": z,
            "noise": clocked_noise(level, material.latents.widths, rng),
            "levels": level,
            "given": given,
            "plan": material.words.shown(plan),
        }
        padded = {name: np.pad(v, ((0, config.window - count), (0, 0))).astype(np.float32) for name, v in row.items()}
        return {**padded, "speech": speech, "valid": np.arange(config.window) < count, "known": np.array(known)}

    def _held(
        self, z: np.ndarray, level: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One arm holds still all the time, as it does at its stillest moment."""
        arm = int(rng.integers(2))
        z, level = z.copy(), level.copy()
        stillest = z[level[:, arm].argmin()]
        z[:, self.material.latents.slices[PARTS[arm]]] = self.material.latents.held(stillest, PARTS[arm])
        level[:, arm] = 0.0
        return z, level, self.material.words.encode(z)


def given_parts(count: int, config: FlowConfig, rng: np.random.Generator) -> tuple[int, np.ndarray]:
    """Length of the prefix of a window, and [count, P] which parts are given: the prefix, at times more."""
    given = np.zeros((count, config.parts))
    longest = config.prefix if rng.random() < LONG_PREFIX else config.prefix // 3
    known = 0 if rng.random() < NO_PREFIX else int(rng.integers(min(longest, max(count - LEAST_OPEN, 0)) + 1))
    given[:known] = 1.0
    kind = rng.random()
    if kind < SUFFIX:
        suffix = min(int(rng.integers(1, LONGEST_SUFFIX + 1)), max(count - known - LEAST_OPEN, 0))
        given[count - suffix :] = 1.0
    elif kind < SUFFIX + MOMENT:
        first = int(rng.integers(count))
        given[first : first + int(rng.integers(1, LONGEST_MOMENT + 1))] = 1.0
    elif kind < SUFFIX + MOMENT + WHOLE_PART:
        given[:, rng.integers(config.parts)] = 1.0
    return known, given


def flow_loss(
    network: nn.Module, batch: Batch, *, weights: Tensor, widths: Sequence[int]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Error of the predicted clean latents, by 1 / (1 - t), and of their velocity, more where a part is still.

    Args:
        weights: [D] of the latents' columns.
        widths: columns of each part.
    """
    clean, given = batch["clean"], batch["given"]
    size, length, _ = clean.shape
    columns = torch.tensor(widths, device=clean.device)
    time = torch.sigmoid(torch.randn(size, device=clean.device))
    t = time[:, None, None]
    kept = given.repeat_interleave(columns, -1)
    noisy = kept * clean + (1 - kept) * (t * clean + (1 - t) * batch["noise"])
    inputs = [batch[name] for name in ("known", "given", "plan", "speech", "levels", "emotion", "style", "intensity")]
    predicted, _ = network(noisy, time, *inputs)
    counted = (1 - kept) * batch["valid"].float()[..., None] * weights.to(clean.device)
    scale = (1.0 / (1 - t).clamp_min(NEAR_CLEAN)).expand(-1, length, 1)
    error = (predicted - clean).float()
    total = counted.sum().clamp_min(1e-6)
    main = (error**2 * counted * scale).sum() / total
    shown = error * (1 - kept)
    still = 1.0 / (STILLNESS + batch["levels"][:, 1:] / (LEVELS - 1))
    step = (shown[:, 1:] - shown[:, :-1]) ** 2 * still.repeat_interleave(columns, -1)
    velocity = (step * counted[:, 1:] * scale[:, 1:]).sum() / total
    return main + VELOCITY * velocity, {"main": main.detach(), "velocity": velocity.detach()}


def fit_flow(run: PartTraining, config: FlowConfig | None = None) -> Flow:
    """Train the flow. Raises UserError if there is no motion."""
    config = replace(config or FlowConfig(), widths=run.codes.latents.widths, styles=len(run.styles))
    schedule, scale = run.schedule, run.codes.latents.scale
    material = run.material(select_samples(run.dataset, splits=run.splits))
    windows = FlowWindows(material, run.styles, config, batch_size=schedule.batch_size, seed=schedule.seed)
    torch.manual_seed(schedule.seed)
    model = Flow(config)
    weights = torch.from_numpy(np.sqrt(scale / scale.mean()).astype(np.float32))
    loss = partial(flow_loss, weights=weights, widths=config.widths)
    fit(model, loss, windows, run.folder, schedule, describe=run.described(METHOD, config))
    return model


def _built(sizes: dict[str, Any]) -> Flow:
    return Flow(FlowConfig(**{**sizes, "widths": tuple(sizes["widths"])}))


def load_flow_run(folder: str | Path) -> tuple[Flow, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    network, described = saved_run(folder, {METHOD: _built})
    assert isinstance(network, Flow)
    return network, described
