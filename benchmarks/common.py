"""What several benchmarks share: speeches of a dataset, and rows that are measured once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from cospeech.core.files import atomic_path
from cospeech.core.progress import note, track
from cospeech.core.timing import FPS
from cospeech.data.dataset import GestureDataset, Sample
from cospeech.evaluation.clips import EvaluationClip, Recordings
from cospeech.evaluation.material import choose, real_motion, real_rows, speech_of
from cospeech.evaluation.measures import Measures
from cospeech.evaluation.report import Kind, Row
from cospeech.evaluation.requested_speakers import requested_speakers
from cospeech.evaluation.systems import ModelSystem
from cospeech.motion.motion import Motion

Part = tuple[EvaluationClip, Motion]
System = tuple[str, Path, Callable[[], ModelSystem]]  # name of the row, model folder, and what opens it


def speeches(dataset: GestureDataset, split: str, count: int, *, seconds: int) -> list[Sample]:
    """One sample a recording, of at least so many seconds, evenly over all."""
    seen: dict[str, Sample] = {}
    for sample in dataset.select(split=split, kind=("pair", "synthetic_pair")):
        if sample.frames >= FPS * seconds:
            seen.setdefault(sample.id.rsplit("#", 1)[0], sample)
    samples = [seen[name] for name in sorted(seen)]
    return samples[:: max(1, len(samples) // count)][:count]


def finished(run: Path, steps: int) -> bool:
    """Has a run been trained to its end?"""
    log = run / "log.jsonl"
    return log.is_file() and any(json.loads(line)["step"] >= steps for line in log.read_text().splitlines())


def mark(folder: Path) -> str:
    """Eight hex digits that change when a model does."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:8]


class Rows:
    """Rows in a folder, a file each, with what they were measured with."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self.settings = folder, settings

    def path(self, name: str) -> Path:
        """Of a row."""
        return self.folder / ("".join(c if c.isalnum() else "-" for c in name) + ".json")

    def known(self, name: str, model: str | None) -> dict[str, Any] | None:
        """The figures of a row, if they were measured with this model and these settings."""
        if not self.path(name).is_file():
            return None
        text = json.loads(self.path(name).read_text())
        return text["figures"] if (text["model"], text["settings"]) == (model, self.settings) else None

    def keep(self, row: Row, model: str | None) -> None:
        """Write a row."""
        figures = {value.name: {"value": value.value, "interval": value.interval} for value in row.values}
        text = {"row": row.name, "model": model, "settings": self.settings, "figures": figures}
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.path(row.name)) as path:
            path.write_text(json.dumps(text))
        note(f"measured {row.name}")


def measure(dataset: GestureDataset, rows: Rows, metrics: Sequence[str], systems: Iterable[System]) -> dict[str, Any]:
    """Figures of all rows; those that are not known yet are measured, one after another."""
    split, clips = rows.settings["split"], rows.settings["clips"]
    material, body = choose(dataset, split, clips=clips, seed=0), Recordings(dataset)
    speech = speech_of(material, body)
    requested = requested_speakers(dataset, split, [], speech, 0)  # those of training, whom every variant knows
    real = real_motion(material, body, requested=requested)

    def row(name: str, kind: Kind, model: str | None, parts: Iterable[Part], count: int) -> None:
        measures = Measures(real, metrics)
        for clip, motion in track(parts, name, total=count):
            measures.update(clip, motion)
        rows.keep(measures.row(name, kind), model)

    found: dict[str, Any] = {}
    for real_row in real_rows(material, requested, speech, body, clips=clips, seed=0):
        if rows.known(real_row.name, None) is None:
            row(real_row.name, "real", None, real_row.clips, real_row.count)
        found[real_row.name] = rows.known(real_row.name, None)
    for name, folder, opened in systems:
        model = mark(folder)
        if rows.known(name, model) is None:
            system = opened()
            row(name, "model", model, ((clip, system.motion(clip)) for clip in speech), len(speech))
        found[name] = rows.known(name, model)
    return {
        "made_pairs": material.synthetic_pairs,
        "clips": len(speech),
        "requested_speakers": list(requested.names),
        "rows": found,
    }
