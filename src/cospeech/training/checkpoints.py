"""What a run folder keeps: the last checkpoint, the best weights, and the settings of the run.

``training.pt`` is what continuing needs, ``model.safetensors`` the weights of the same step,
``best.safetensors`` those with the best validation figure, ``config.json`` the settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import UserError
from ..core.files import atomic_path
from .processes import ProcessInfo, RandomStates, gather_random_states

CHECKPOINTS = {"last": "model.safetensors", "best": "best.safetensors"}

# Settings that a continued run may have otherwise: they change nothing in the weights.
_FREE = ("training.log_every", "training.validate_every", "training.save_every")
_LABELS = {"store": "dataset", "training.steps": "steps", "training.seed": "seed"}


@dataclass(frozen=True)
class BestFigure:
    """The validation figure by which the best checkpoint is chosen."""

    name: str
    larger: bool = False  # whether a larger one is better

    def better(self, one: float, other: float) -> bool:
        return one > other if self.larger else one < other


@dataclass(frozen=True)
class BestWeights:
    """The weights with the best validation figure so far; None for ``weights`` that are in the file already."""

    step: int
    value: float
    weights: dict[str, Tensor] | None = None


@dataclass(frozen=True)
class Resumed:
    """Where a run goes on: at step 0, with no random state, if it is new."""

    step: int = 0
    random: RandomStates | None = None
    best: BestWeights | None = None


def check_continued(folder: Path, described: Mapping[str, Any]) -> None:
    """See that a run, if the folder holds one, has the settings of the one that is to continue it.

    More steps are allowed. Settings that only one of both knows are not compared, so that runs of older
    versions go on.

    Raises:
        UserError: another dataset, seed or config, or fewer steps; the message says what differs.
    """
    if not (folder / "training.pt").is_file() or not (folder / "config.json").is_file():
        return
    try:
        before = json.loads((folder / "config.json").read_text())
    except ValueError as error:
        raise UserError(f"{folder / 'config.json'} is damaged ({error}); remove {folder} and train again") from None
    differences = _differences(before, json.loads(json.dumps(described)))
    if differences:
        raise UserError(
            f"{folder} holds a run with other settings ({'; '.join(differences)}); "
            "continue with the same settings, or choose another folder"
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name in (name for name in now if name in before):
        key, old, new = prefix + name, before[name], now[name]
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{key}.")
        elif old != new and key not in _FREE and not (key == "training.steps" and new > old):
            found.append(f"{_LABELS.get(key, key)}: {old} in the folder, {new} now")
    return found


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    process: ProcessInfo,
    *,
    figure: BestFigure | None = None,
    best: BestWeights | None = None,
) -> None:
    """Write the state of a run. Every process must call this; the first one writes."""
    from safetensors.torch import save_file

    random = gather_random_states(process)
    if not process.first:
        return
    if figure is not None and best is not None and best.weights is not None:
        metadata = {"step": str(best.step), "figure": figure.name, "value": repr(best.value)}
        with atomic_path(folder / CHECKPOINTS["best"]) as path:
            save_file(best.weights, path, metadata)
    with atomic_path(folder / "training.pt") as path:
        whole = {
            "step": step,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": random.cpu,
            "random_cuda": random.cuda,
        }
        torch.save(whole, path)
    with atomic_path(folder / CHECKPOINTS["last"]) as path:
        save_file(copied_weights(model), path, {"step": str(step)})


def copied_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a network on the CPU, apart from the network's own."""
    return {name: value.detach().cpu().clone().contiguous() for name, value in model.state_dict().items()}


def resume(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, figure: BestFigure | None) -> Resumed:
    """Load the last checkpoint of a folder, if there is one.

    Raises:
        UserError: it is damaged, or of a network of other sizes.
    """
    if not (folder / "training.pt").is_file():
        return Resumed()
    try:
        state = torch.load(folder / "training.pt", map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, pickle and torch raise a dozen types on broken files
        raise UserError(f"{folder / 'training.pt'} is damaged; remove {folder} and train again") from error
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{folder} holds a run of other sizes; choose another folder or remove it") from error
    random = RandomStates(state["random"], state.get("random_cuda", []))
    return Resumed(int(state["step"]), random, _best_so_far(folder, int(state["step"]), figure))


def _best_so_far(folder: Path, step: int, figure: BestFigure | None) -> BestWeights | None:
    """The best checkpoint of a run up to a step; None if it is from a later step, which comes again."""
    from safetensors import safe_open

    path = folder / CHECKPOINTS["best"]
    if figure is None or not path.is_file():
        return None
    with safe_open(path, "pt") as saved:
        known: dict[str, str] = saved.metadata() or {}
    if known.get("figure") != figure.name or int(known["step"]) > step:
        return None
    return BestWeights(int(known["step"]), float(known["value"]))


def saved_run(
    folder: str | Path, networks: Mapping[str, Callable[[dict[str, Any]], nn.Module]], *, checkpoint: str = "last"
) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a run folder, in eval mode, and what its config.json says.

    Args:
        networks: builds the network of a method from its sizes, for every method that is allowed.
        checkpoint: "last", or "best" by the validation figure.
    Raises:
        UserError: nothing has been saved yet, the folder is damaged, or the run is of another method.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    weights = folder / CHECKPOINTS[checkpoint]
    if not (folder / CHECKPOINTS["last"]).is_file():
        raise UserError(f"{folder} holds no trained weights yet; train first with `cospeech train`")
    if not weights.is_file():
        raise UserError(f"{folder} has no best checkpoint, since nothing was validated; use the last one")
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
        network.load_state_dict(load_file(weights))
    except (TypeError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"{folder} was trained by another version of cospeech ({first}); train again") from None
    return network.eval(), described
