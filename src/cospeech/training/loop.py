"""The one training loop: one process or many, resumable to the bit, with curves to look at.

``fit`` runs unchanged alone and under ``torchrun`` (DistributedDataParallel). A batch depends on the
step, the process and the seed alone, and the states of all random generators are in the checkpoint, so a
resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..core.errors import UserError
from ..core.files import atomic_path
from ..core.progress import note
from .checkpoints import BestFigure, BestWeights, check_continued, copied_weights, resume, save_checkpoint
from .checkpoints import saved_run as saved_run
from .curves import write_curves
from .lock import lock_run
from .loggers import Logger, open_loggers
from .processes import ProcessInfo as ProcessInfo
from .processes import join_processes as join_processes
from .processes import restore_random_state

Batch = dict[str, Tensor]
LossFunction = Callable[[nn.Module, Batch], tuple[Tensor, dict[str, Tensor]]]
Validation = Callable[[nn.Module], dict[str, float]]

_RANK_STRIDE = 7919  # a prime: seeds of processes do not meet those of steps


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast to train.

    Raises:
        UserError: a number is out of range; the message names it.
    """

    steps: int = 10_000
    batch_size: int = 64  # over all processes together
    learning_rate: float = 3e-4
    warmup: int = 200  # steps
    final_rate: float = 0.02  # share of the learning rate at the end of the cosine
    weight_decay: float = 0.01
    clip: float = 1.0  # norm of the gradient
    bf16: bool = False  # autocast the networks to bfloat16, where the device computes in it
    seed: int = 0
    log_every: int = 20
    validate_every: int = 500
    save_every: int = 500

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "log_every", "validate_every", "save_every"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be 1 or more; got {getattr(self, name)}")
        for name in ("warmup", "final_rate", "weight_decay", "seed"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} must not be negative; got {getattr(self, name)}")
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} must be above 0; got {getattr(self, name)}")


def fit(
    model: nn.Module,
    loss: LossFunction,
    batches: Callable[[int, ProcessInfo], Batch],
    folder: str | Path,
    config: TrainConfig,
    *,
    validate: Validation | None = None,
    best: BestFigure | None = None,
    describe: dict[str, Any] | None = None,
    loggers: Sequence[Logger] = (),
) -> nn.Module:
    """Train until ``config.steps``; a run found in ``folder`` is continued.

    Args:
        model: the network; trained in place and returned.
        loss: (network, batch) -> the loss and its named terms. The network may be a DDP wrapper.
        batches: (step, place) -> this process' share of the step's batch, on the CPU.
        folder: the run folder: model.safetensors, best.safetensors, training.pt, log.jsonl, curves.svg,
            config.json.
        validate: called on the first process with the bare model in eval mode; its figures are logged.
        best: which figure of ``validate`` chooses best.safetensors; it is written with the next checkpoint.
        describe: written to config.json beside the training config.
        loggers: get all figures, beside log.jsonl and TensorBoard.
    Raises:
        UserError: another process trains in the folder, or it holds a run with other settings.
    """
    process, folder = join_processes(), Path(folder)
    described = {"training": asdict(config), **(describe or {})}
    with lock_run(folder) if process.first else nullcontext():
        check_continued(folder, described)
        loop = _Loop(model, loss, batches, folder, config, process, validate, best)
        if process.first:
            with atomic_path(folder / "config.json") as path:
                path.write_text(json.dumps(described, indent=1))
            loop.loggers = [*open_loggers(folder, loop.step), *loggers]
        try:
            loop.run()
        finally:
            for logger in loop.loggers:
                logger.close()
    model.eval()
    if process.world_size > 1:
        dist.barrier()
    return model


class _Means:
    """Means of the terms of the loss, and the time a step takes, since the last report."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count, self.start = 0, time.monotonic()

    def add(self, terms: Mapping[str, Tensor]) -> None:
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(term.detach())
        self.count += 1

    def taken(self) -> tuple[dict[str, float], float]:
        """Means by name, and seconds a step."""
        means = {name: value / self.count for name, value in self.sums.items()}
        return means, (time.monotonic() - self.start) / self.count


class _Loop:
    """A run in progress."""

    def __init__(
        self,
        model: nn.Module,
        loss: LossFunction,
        batches: Callable[[int, ProcessInfo], Batch],
        folder: Path,
        config: TrainConfig,
        process: ProcessInfo,
        validate: Validation | None,
        figure: BestFigure | None,
    ) -> None:
        self.model, self.loss, self.batches, self.folder = model, loss, batches, folder
        self.config, self.process, self.validate, self.figure = config, process, validate, figure
        self.loggers: list[Logger] = []
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.bf16 = config.bf16 and has_bfloat16(self.device)
        if config.bf16 and not self.bf16:
            note("this processor has no bfloat16 instructions: training in float32")
        torch.manual_seed(config.seed)
        model.to(self.device)
        self.optimizer = torch.optim.AdamW(
            _groups(model, config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.99)
        )
        resumed = resume(folder, model, self.optimizer, figure)
        self.step, self.best = resumed.step, resumed.best
        self.wrapped = self._wrapped()
        torch.manual_seed(config.seed + _RANK_STRIDE * process.rank + self.step)
        if resumed.random is not None:
            restore_random_state(resumed.random, process)
        self.means = _Means()

    def _wrapped(self) -> nn.Module:
        if self.process.world_size == 1:
            return self.model
        for buffer in self.model.buffers():  # codebooks were fitted by every process for itself
            dist.broadcast(buffer, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the option's new name is unknown to older torch
            return nn.parallel.DistributedDataParallel(self.model, broadcast_buffers=False)

    def run(self) -> None:
        config, first = self.config, self.process.first
        self.means = _Means()
        self.model.train()
        while self.step < config.steps:
            rate = self._update()
            last = self.step == config.steps
            if first and (self.step % config.log_every == 0 or last):
                self._report(rate)
            if self.validate is not None and first and (self.step % config.validate_every == 0 or last):
                self._validate(self.validate)
            if self.step % config.save_every == 0 or last:
                self._save()

    def _update(self) -> float:
        """One step of the optimizer; returns its learning rate."""
        config = self.config
        rate = config.learning_rate * schedule(self.step, config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = {name: value.to(self.device) for name, value in self.batches(self.step, self.process).items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16), _attention(self.device, self.bf16):
            value, terms = self.loss(self.wrapped, batch)
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self.optimizer.step()
        self.step += 1
        self.means.add({"loss": value, "gradient": norm, **terms})
        return rate

    def _report(self, rate: float) -> None:
        means, pace = self.means.taken()
        self.means = _Means()
        self._log({**means, "rate": rate, "seconds": pace})
        left = (self.config.steps - self.step) * pace / 60
        note(f"step {self.step}/{self.config.steps}  loss {means['loss']:.4f}  {pace:.2f} s, {left:.0f} min left")

    def _validate(self, validate: Validation) -> None:
        devices = [torch.cuda.current_device()] if self.device.type == "cuda" else []
        self.model.eval()
        with torch.random.fork_rng(devices), torch.no_grad():
            figures = validate(self.model)
        self.model.train()
        self._log({f"val_{name}": value for name, value in figures.items()})
        note("  validation: " + "  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        value = figures[self.figure.name] if self.figure is not None else math.nan
        if self.figure is not None and math.isfinite(value):
            if self.best is None or self.figure.better(value, self.best.value):
                self.best = BestWeights(self.step, value, copied_weights(self.model))
        self.means.start = time.monotonic()

    def _save(self) -> None:
        save_checkpoint(
            self.folder, self.model, self.optimizer, self.step, self.process, figure=self.figure, best=self.best
        )
        if self.best is not None:
            self.best = BestWeights(self.best.step, self.best.value)
        if self.process.first:
            write_curves(self.folder)

    def _log(self, figures: Mapping[str, float]) -> None:
        for logger in self.loggers:
            logger.log(self.step, figures)


def has_bfloat16(device: torch.device) -> bool:
    """Does the device compute in bfloat16? Without its instructions a CPU takes ten times as long as in float32."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _attention(device: torch.device, bf16: bool) -> AbstractContextManager[None]:
    """Plain attention in bfloat16 on a CPU: the backward pass of the fused one takes three times as long."""
    slow = device.type == "cpu" and bf16
    return sdpa_kernel(SDPBackend.MATH) if slow else nullcontext()


def schedule(step: int, config: TrainConfig) -> float:
    """Share of the learning rate at a step: linear warm-up, then half a cosine down to ``final_rate``."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.final_rate + (1 - config.final_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Decay matrices, not biases, norms or embeddings' scales."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
    rest = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
