"""The one training loop: one process or many, resumable to the bit, with curves to look at.

``fit`` runs unchanged alone and under ``torchrun`` (DistributedDataParallel). A batch depends on the
step, the process and the seed alone, so a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
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
from .curves import write_curves

Batch = dict[str, Tensor]
LossFunction = Callable[[nn.Module, Batch], tuple[Tensor, dict[str, Tensor]]]


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast to train."""

    steps: int = 10_000
    batch_size: int = 64  # over all processes together
    learning_rate: float = 3e-4
    warmup: int = 200  # steps
    final_rate: float = 0.02  # share of the learning rate at the end of the cosine
    weight_decay: float = 0.01
    clip: float = 1.0  # norm of the gradient
    bf16: bool = False  # autocast the networks to bfloat16
    seed: int = 0
    log_every: int = 20
    validate_every: int = 500
    save_every: int = 500


@dataclass(frozen=True)
class Place:
    """Where this process stands among all."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0


def join_processes() -> Place:
    """Join the process group that torchrun describes in the environment, if there is one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return Place(int(os.environ.get("RANK", "0")), world)


def fit(
    model: nn.Module,
    loss: LossFunction,
    batches: Callable[[int, Place], Batch],
    folder: str | Path,
    config: TrainConfig,
    *,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    describe: dict[str, Any] | None = None,
) -> nn.Module:
    """Train until ``config.steps``; a run found in ``folder`` is continued.

    Args:
        model: the network; trained in place and returned.
        loss: (network, batch) -> the loss and its named terms. The network may be a DDP wrapper.
        batches: (step, place) -> this process' share of the step's batch, on the CPU.
        folder: the run folder: model.safetensors, training.pt, log.jsonl, curves.svg, config.json.
        validate: called on the first process with the bare model in eval mode; its figures are logged.
        describe: written to config.json beside the training config.
    """
    place = join_processes()
    folder = Path(folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(config.seed)
    model.to(device)
    optimizer = torch.optim.AdamW(_groups(model, config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.99))
    step = _resume(folder, model, optimizer, device)
    if place.first:
        folder.mkdir(parents=True, exist_ok=True)
        _cut_log(folder, step)
        text = json.dumps({"training": asdict(config), **(describe or {})}, indent=1)
        with atomic_path(folder / "config.json") as path:
            path.write_text(text)
    wrapped: nn.Module = model
    if place.world > 1:
        for buffer in model.buffers():  # code books were fitted by every process for itself
            dist.broadcast(buffer, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the option's new name is unknown to older torch
            wrapped = nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)
    torch.manual_seed(config.seed + 7919 * place.rank + step)
    _restore_random_state(folder, place)
    sums: dict[str, float] = {}
    counted, began = 0, time.monotonic()
    model.train()
    while step < config.steps:
        rate = config.learning_rate * schedule(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = {name: value.to(device) for name, value in batches(step, place).items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16), _attention(device, config):
            value, terms = loss(wrapped, batch)
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        step += 1
        for name, term in {"loss": value, "gradient": norm, **terms}.items():
            sums[name] = sums.get(name, 0.0) + float(term.detach())
        counted += 1
        last = step == config.steps
        if place.first and (step % config.log_every == 0 or last):
            pace = (time.monotonic() - began) / counted
            entry = {"step": step, **{k: v / counted for k, v in sums.items()}, "rate": rate, "seconds": pace}
            _log(folder, entry)
            left = (config.steps - step) * pace / 60
            note(f"step {step}/{config.steps}  loss {entry['loss']:.4f}  {pace:.2f} s, {left:.0f} min left")
            sums, counted, began = {}, 0, time.monotonic()
        if validate is not None and place.first and (step % config.validate_every == 0 or last):
            state = torch.get_rng_state()
            model.eval()
            with torch.no_grad():
                figures = validate(model)
            model.train()
            torch.set_rng_state(state)
            _log(folder, {"step": step, **{f"val_{k}": v for k, v in figures.items()}})
            note("  validation: " + "  ".join(f"{k} {v:.4f}" for k, v in figures.items()))
            began = time.monotonic()
        if step % config.save_every == 0 or last:
            _save(folder, model, optimizer, step, place)
            if place.first:
                write_curves(folder)
    model.eval()
    if place.world > 1:
        dist.barrier()
    return model


def _attention(device: torch.device, config: TrainConfig) -> AbstractContextManager[None]:
    """Plain attention in bfloat16 on a CPU: the backward pass of the fused one takes three times as long."""
    slow = device.type == "cpu" and config.bf16
    return sdpa_kernel(SDPBackend.MATH) if slow else nullcontext()


def schedule(step: int, config: TrainConfig) -> float:
    """Share of the learning rate at a step: linear warm-up, then half a cosine down to ``final_rate``."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    way = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.final_rate + (1 - config.final_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, way)))


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Decay matrices, not biases, norms or embeddings' scales."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
    rest = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _log(folder: Path, entry: dict[str, Any]) -> None:
    with open(folder / "log.jsonl", "a") as file:
        file.write(json.dumps(entry) + "\n")


def _cut_log(folder: Path, step: int) -> None:
    """Forget what was logged after the checkpoint that a run goes on from; it comes again."""
    log = folder / "log.jsonl"
    if not log.is_file():
        return
    kept = []
    for line in log.read_text().splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except ValueError:  # cut off when the run was stopped
            continue
    with atomic_path(log) as path:
        path.write_text("".join(kept))


def saved_run(
    folder: str | Path, networks: Mapping[str, Callable[[dict[str, Any]], nn.Module]]
) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a run folder, in eval mode, and what its config.json says.

    Args:
        networks: how to make the network of a method from its sizes, for every method that is wanted.
    Raises:
        UserError: nothing has been saved yet, the folder is damaged, or the run is of another method.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    if not (folder / "model.safetensors").is_file():
        raise UserError(f"{folder} holds no trained weights yet; train first with `cospeech train`")
    try:
        described: dict[str, Any] = json.loads((folder / "config.json").read_text())
        method = described["method"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / 'config.json'} is damaged ({error}); train again") from None
    if method not in networks:
        raise UserError(f"{folder} is a run of {method!r}; a run of {' or '.join(networks)} is needed")
    if not isinstance(described.get("config"), dict):
        raise UserError(f"{folder / 'config.json'} lacks the sizes of the network; train again")
    try:
        network = networks[method](described["config"])
        network.load_state_dict(load_file(folder / "model.safetensors"))
    except (TypeError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"{folder} was trained by another version of cospeech ({first}); train again") from None
    return network.eval(), described


def _save(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, place: Place) -> None:
    from safetensors.torch import save_file

    if place.world > 1:
        states = [None] * place.world
        dist.all_gather_object(states, torch.get_rng_state())
    else:
        states = [torch.get_rng_state()]  # type: ignore[list-item]
    if not place.first:
        return
    with atomic_path(folder / "training.pt") as path:
        whole = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "random": states}
        torch.save(whole, path)
    with atomic_path(folder / "model.safetensors") as path:
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path, {"step": str(step)})


def _resume(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> int:
    """Load the newest checkpoint; returns its step, 0 if there is none."""
    if not (folder / "training.pt").is_file():
        return 0
    try:
        state = torch.load(folder / "training.pt", map_location=device, weights_only=True)
    except Exception as error:  # zipfile, pickle and torch raise a dozen types on broken files
        raise UserError(f"{folder / 'training.pt'} is damaged; remove {folder} and train again") from error
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{folder} holds a run of other sizes; choose another folder or remove it") from error
    return int(state["step"])


def _restore_random_state(folder: Path, place: Place) -> None:
    if not (folder / "training.pt").is_file():
        return
    states = torch.load(folder / "training.pt", map_location="cpu", weights_only=True)["random"]
    if place.rank < len(states):
        torch.set_rng_state(states[place.rank])
