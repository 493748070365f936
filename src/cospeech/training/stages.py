"""A method's training as a list of stages, each with its presets. What they train, a stage's function knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from ..core.errors import UserError
from .loop import TrainConfig

Dataset = TypeVar("Dataset")


@runtime_checkable
class CheckedConfig(Protocol):
    """A config whose fields must fit each other."""

    def check(self) -> None:
        """Raises UserError if they do not."""


@dataclass(frozen=True)
class Settings:
    """What a preset says of a stage: the config of its network, a frozen dataclass, and the schedule."""

    config: Any
    training: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class StageRun(Generic[Dataset]):
    """One stage to be trained.

    Args:
        dataset: what is learned from.
        folder: run folder of the stage.
        runs: folder in which every stage has its run folder, by name.
        config, training: of the preset, with the user's overrides.
        splits: of the dataset.
        modality: body or face.
        configs: of all stages of the method, by name.
    """

    dataset: Dataset
    folder: Path
    runs: Path
    config: Any
    training: TrainConfig
    splits: tuple[str, ...] = ("train",)
    modality: str = "body"
    configs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments that every function that fits a network takes."""
        return {"config": self.config, "training": self.training, "splits": self.splits}


def _always(run: StageRun[Any]) -> bool:
    return True


@dataclass(frozen=True)
class Stage(Generic[Dataset]):
    """One stage of a method's training.

    Args:
        name: of the stage and of its run folder.
        fit: trains it; a run found in the folder is continued.
        presets: settings by the name of the preset.
        needs: stages that must be trained before, each with the name of the field of this one's config that
            switches the need off when it is false or 0, or None.
        derived: fields of the config that follow from the dataset or from stages before, so that nobody sets them.
        applies: False for a run that has no use for the stage.
    """

    name: str
    fit: Callable[[StageRun[Dataset]], object]
    presets: Mapping[str, Settings]
    needs: Mapping[str, str | None] = field(default_factory=dict)
    derived: Sequence[str] = ()
    applies: Callable[[StageRun[Dataset]], bool] = _always

    def needed(self, config: Any) -> tuple[str, ...]:
        """Names of the stages that must be trained before, with this config."""
        return tuple(name for name, switch in self.needs.items() if switch is None or getattr(config, switch))


def preset_names(stages: Sequence[Stage[Any]]) -> tuple[str, ...]:
    """Presets that all stages have, in the order of the first one."""
    return tuple(name for name in stages[0].presets if all(name in stage.presets for stage in stages))


def chosen_stages(stages: Sequence[Stage[Any]], name: str) -> tuple[Stage[Any], ...]:
    """The stages that a name stands for: one, or "all".

    Raises:
        UserError: there is none of that name.
    """
    chosen = tuple(stage for stage in stages if name in (stage.name, "all"))
    if not chosen:
        raise UserError(f"unknown stage {name!r}; known: {', '.join(stage.name for stage in stages)}, all")
    return chosen


def check_needs(stage: Stage[Dataset], run: StageRun[Dataset], stages: Sequence[Stage[Dataset]]) -> None:
    """Raises UserError unless the stages before that the run has a use for have been trained."""
    unused = {other.name for other in stages if not other.applies(run)}
    for name in stage.needed(run.config):
        if name not in unused and not (run.runs / name / "model.safetensors").is_file():
            raise UserError(
                f"the stage {stage.name} needs the stage {name}, and {run.runs / name} holds no trained weights yet; "
                f"train it first with --stage {name}"
            )
