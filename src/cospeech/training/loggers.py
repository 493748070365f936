"""Where the figures of a run go: a JSONL file always, TensorBoard where it is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ..core.files import atomic_path


class Logger(Protocol):
    """Takes the figures of a run as they come."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures by name; those of the validation begin with ``val_``."""
        ...

    def close(self) -> None:
        """Called once, when the run ends or is stopped."""
        ...


class JsonlLogger:
    """A line of JSON in ``log.jsonl`` for every set of figures."""

    def __init__(self, folder: Path, step: int) -> None:
        """Continue the log of a run at a step; what was logged after it is dropped, since it comes again."""
        self.path = folder / "log.jsonl"
        if not self.path.is_file():
            return
        kept = []
        for line in self.path.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except ValueError:  # cut off when the run was stopped
                continue
        with atomic_path(self.path) as path:
            path.write_text("".join(kept))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        with open(self.path, "a") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")

    def close(self) -> None:
        """Nothing stays open between lines."""


class TensorBoardLogger:
    """Scalars in the folder ``tensorboard`` of the run. Raises ImportError where it is not installed."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(log_dir=str(folder / "tensorboard"), purge_step=step + 1)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            tag = f"validation/{name.removeprefix('val_')}" if name.startswith("val_") else f"training/{name}"
            self.writer.add_scalar(tag, value, step)

    def close(self) -> None:
        self.writer.close()


def open_loggers(folder: Path, step: int) -> list[Logger]:
    """The loggers of a run that starts, or continues, at a step."""
    loggers: list[Logger] = [JsonlLogger(folder, step)]
    try:
        loggers.append(TensorBoardLogger(folder, step))
    except ImportError:  # tensorboard is not installed
        pass
    return loggers
