"""How a method is trained and exported: what its package declares beside its networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..data.dataset import GestureDataset
from ..training.stages import Stage, StageRun

GestureStage = Stage[GestureDataset]
GestureStageRun = StageRun[GestureDataset]


@dataclass(frozen=True)
class Export:
    """One model folder to be written.

    Args:
        run: folder with the run folders of the stages; of a method with one stage, that stage's own.
        out: model folder to write.
        name: of the model.
        training_data: what the run was trained on, where it was named.
        checkpoint: of the networks that no later stage was trained on: "last", or "best" by validation.
    """

    run: Path
    out: Path
    name: str
    training_data: GestureDataset | None = None
    checkpoint: str = "last"

    @property
    def dataset(self) -> GestureDataset:
        """The dataset, for a method that cannot do without. Raises UserError if none was named."""
        if self.training_data is None:
            raise UserError("the rest poses come from the dataset; name it with --dataset")
        return self.training_data


@dataclass(frozen=True)
class Training:
    """The training of a method.

    Args:
        stages: in order. The run folder of a method with one stage is that of the stage; others have one for each.
        export: writes the model folder of a finished run.
        mark: name of the stage whose folder shows that a run is of this method.
        faces: whether a face is trained, too, where the dataset has one, with networks of its own in ``face``.
        encoders: whether columns of pretrained encoders are read.
    """

    stages: tuple[GestureStage, ...]
    export: Callable[[Export], Path]
    mark: str
    faces: bool = False
    encoders: bool = True


def modality_folder(out: Path, modality: str) -> Path:
    """Where a run, or a model, keeps a modality: the body in the folder itself, a face in ``face``."""
    return out if modality == "body" else out / modality


def description(
    method: str, dataset: GestureDataset, config: Any, splits: tuple[str, ...], *, modality: str = "body"
) -> dict[str, Any]:
    """What config.json of every run says: what was trained, with which sizes, on which data."""
    described = {"method": method, "config": asdict(config), "splits": list(splits), "store": dataset.fingerprint}
    if dataset.representation.name != "body":
        described |= {"space": dataset.representation.describe(), "part": modality}
    return described
