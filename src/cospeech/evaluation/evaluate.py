"""Evaluation of systems on the test clips of a dataset: rows of figures, plots and players in a report.

The recorded motion of the split is divided into two random halves of like emotions. The second half is the
reference that every distance is measured against; the first is the row "real (other half)", whose distances are
the floor that a perfect system would reach. Systems gesture to the speech of the first half; where a corpus has no
sound with its motion, to the speech of its synthetic pairs, and every figure that relates motion to voice then
rests on synthetic pairs. Frechet distances are measured once more against the speakers that systems imitate, if
those are others (``requested_speakers``). All of this is our own decision [D].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..core.progress import track
from ..core.timing import FPS
from ..data.dataset import GestureDataset
from ..metrics.base import Value, paired_difference, percentiles
from ..metrics.emotion import EmotionClassifier
from ..metrics.extractors import Extractor
from ..motion.motion import Motion
from .baselines import BaselineMaterial
from .clips import EvaluationClip, Recordings, file_name
from .finished import finished_by
from .groups import requested_metrics
from .material import (
    FLOOR,
    SYNTHETIC,
    Material,
    choose,
    notes,
    notes_on_requested,
    real_motion,
    real_rows,
    speech_of,
    training_recordings,
)
from .measures import Measures
from .metric_groups import REQUESTED
from .output import whole_folder, write_clips, write_report
from .real_motion import RealMotion
from .report import NO_DIFFERENCE, Difference, Kind, Player, Report, Row
from .requested_speakers import RequestedSpeakers, requested_speakers
from .systems import ModelSystem, System

WritePlayer = Callable[[Motion, Path, str], object]  # motion, path of an HTML file, its title


def evaluate(
    systems: Sequence[System],
    dataset: str | Path | GestureDataset,
    *,
    out: str | Path | None = None,
    metrics: Sequence[str] | None = None,
    split: str = "test",
    clips: int = 120,
    baselines: bool = True,
    player: WritePlayer | None = None,
    players: int = 2,
    extractor: str | Path | Mapping[str, Extractor] = "extractor",
    classifier: str | Path | EmotionClassifier = "emotion-classifier",
    seed: int = 0,
    quiet: bool = False,
) -> Report:
    """Measure systems beside real motion and baselines.

    Args:
        systems: models or folders of motion (``systems``); with two or more, every pair of them is compared on
            the same clips.
        dataset: written by ``prepare``.
        out: folder for report.json, report.html and clips.csv, which appear together or not at all; nothing is
            written without it.
        metrics: names of ``groups.METRICS``; all of them, those of installed packages too, if None.
        clips: speeches at most, evenly over emotions.
        player: writes a page on which a motion plays; none are written without it.
        players: clips that are written as pages to watch, side by side.
        extractor, classifier: shipped ones by name, folders of your own, or loaded ones (extractors by what a
            row of features is, "frame" or "window").
    Raises:
        UserError: a value of the wrong kind, no recorded motion in the split, too little of it, no speech, unknown
            metrics, or a model that reads columns of encoders that the dataset was prepared without.
    """
    names = requested_metrics(metrics)
    _check(systems, dataset, split, clips, seed)
    with nullcontext() if out is None else whole_folder(out) as folder:
        opened = dataset if isinstance(dataset, GestureDataset) else GestureDataset(dataset)
        opened.need_bodies("evaluating")
        recordings = Recordings(opened)
        material = choose(opened, split, clips=clips, seed=seed)
        speech = speech_of(material, recordings)
        for system in systems:
            if isinstance(system, ModelSystem):  # before any work: does the dataset have what it reads?
                opened.inputs(material.speech[0], 0, 0, encoders=system.encoders)
        requested = requested_speakers(opened, split, systems, speech, seed)
        real = real_motion(
            material, recordings, requested=requested, speech=speech, extractor=extractor, classifier=classifier
        )
        run = _Run(real, names, quiet)
        for row in real_rows(material, requested, speech, recordings, clips=clips, seed=seed):
            run.measure(row.name, "real", row.clips, count=row.count)
        others = _baselines(opened, seed) if baselines else []
        for system in (*others, *systems):
            run.system(system, speech)
        report = _report(run, systems, material, speech, requested, clips=clips, seed=seed)
        if folder is not None:
            if player is not None and players:
                shown = _write_players(player, folder, systems, material, speech[:players], recordings)
                report = replace(report, players=shown)
            write_report(report, folder)
            write_clips(speech, folder / "clips.csv")
    return report


def _check(systems: Sequence[System], dataset: Any, split: Any, clips: Any, seed: Any) -> None:
    """Raise UserError for values that cannot be."""
    if not isinstance(dataset, str | Path | GestureDataset):
        raise UserError(f"expected the folder of a dataset; got {dataset!r:.60}, give the folder that prepare wrote")
    if not isinstance(split, str):
        raise UserError(f"split must be the name of one, such as test; got {split!r:.60}")
    for value, least, what in ((clips, 1, "clips"), (seed, 0, "seed")):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(f"{what} must be a whole number from {least} on; got {value!r:.60}")
    names = [system.name for system in systems]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two systems are called {name!r}; rename a folder, so that their rows differ")


def _baselines(dataset: GestureDataset, seed: int) -> list[System]:
    return BaselineMaterial(dataset, seed=seed).systems() if training_recordings(dataset) else []


class _Run:
    """The rows measured so far, on one reference."""

    def __init__(self, real: RealMotion, metrics: Sequence[str], quiet: bool) -> None:
        self.real, self.metrics, self.quiet = real, metrics, quiet
        self.rows: dict[str, Row] = {}

    def measure(
        self,
        name: str,
        kind: Kind,
        clips: Iterable[tuple[EvaluationClip, Motion | None]],
        *,
        count: int,
        copies: bool = False,
    ) -> Row:
        """Measure a row of ``count`` clips."""
        measures = Measures(self.real, self.metrics, copies=copies)
        for clip, motion in track(clips, name, total=count, quiet=self.quiet):
            measures.update(clip, motion)
        self.rows[name] = measures.row(name, kind)
        return self.rows[name]

    def system(self, system: System, speech: Sequence[EvaluationClip]) -> None:
        """Measure what a system gives for the speech. Raises UserError if it gives nothing."""
        finishing = (replace(clip, finish=cache(partial(finished_by, system, clip))) for clip in speech)
        clips = ((clip, system.motion(clip)) for clip in finishing)
        row = self.measure(system.name, system.kind, clips, count=len(speech), copies=system.copies)
        if not row.clips:
            raise UserError(
                f"{system.name} has no motion for any of the {len(speech)} clips; files are named after "
                f"clips, such as {file_name(speech[0].id)}.bvh"
            )


def _report(
    run: _Run,
    systems: Sequence[System],
    material: Material,
    speech: Sequence[EvaluationClip],
    requested: RequestedSpeakers,
    *,
    clips: int,
    seed: int,
) -> Report:
    """All rows, and the differences of every pair of systems."""
    dataset, rows = material.dataset, run.rows
    title = dataset.folder.name
    if systems:
        title = " and ".join(system.name for system in systems) + f" on {title}"
    described = notes(material, requested)
    if "fgd" in run.metrics:
        known = run.real.requested_references
        left_out = [f"fgd_{kind}_{REQUESTED}" for kind in run.real.extractors if kind not in known]
        described += notes_on_requested(requested, left_out)
    return Report(
        title=title,
        data={
            "dataset": dataset.folder.name,
            "fingerprint": dataset.fingerprint,
            "split": material.split,
            "clips": len(speech),
            "seconds": round(sum(len(clip.features) for clip in speech) / FPS, 1),
            "speakers": sorted({sample.speaker for sample in material.measured}),
            "synthetic_pairs": material.synthetic_pairs,
            "requested_speakers": list(requested.names),
        },
        settings={"metrics": list(run.metrics), "clips": clips, "seed": seed},
        rows=tuple(rows.values()),
        differences=tuple(
            difference
            for number, a in enumerate(systems)
            for b in systems[number + 1 :]
            for difference in compare_rows(rows[a.name], rows[b.name], rows[FLOOR])
        ),
        labels=EMOTIONS,
        notes=tuple(described),
        version=__version__,
    )


def compare_rows(a: Row, b: Row, real: Row) -> list[Difference]:
    """Every figure that two rows share with replicates, and which row it speaks for."""
    marks = {(value.name, value.extractor): value.value for value in real.values}
    others = {(value.name, value.extractor): value for value in b.values}
    found = []
    for one in a.values:
        two = others.get((one.name, one.extractor))
        if two is None or one.replicates is None or two.replicates is None:
            continue
        gap, interval = paired_difference(one, two)
        distance = _worse(one, two, marks.get((one.name, one.extractor)))
        better = NO_DIFFERENCE
        if distance is not None and not distance[0] <= 0 <= distance[1]:
            better = b.name if distance[0] > 0 else a.name
        found.append(Difference(a.name, b.name, one.name, gap, interval, better, one.extractor))
    return found


def _worse(a: Value, b: Value, real: float | None) -> tuple[float, float] | None:
    """95 % interval of how much worse a is than b; None where nothing says what is better."""
    assert a.replicates is not None
    assert b.replicates is not None
    if a.better == "lower":
        return percentiles(a.replicates - b.replicates)
    if a.better == "higher":
        return percentiles(b.replicates - a.replicates)
    return None if real is None else percentiles(np.abs(a.replicates - real) - np.abs(b.replicates - real))


def _write_players(
    write: WritePlayer,
    folder: Path,
    systems: Sequence[System],
    material: Material,
    clips: Sequence[EvaluationClip],
    recordings: Recordings,
) -> tuple[Player, ...]:
    """Pages of the first clips: the real motion (or the synthetic pair) and every system's."""
    (folder / "players").mkdir()
    players = []
    for clip, sample in zip(clips, material.speech, strict=False):
        shown = {SYNTHETIC if material.synthetic_pairs else FLOOR: recordings.motion(sample)}
        shown |= {system.name: motion for system in systems if (motion := system.motion(clip)) is not None}
        pages = {}
        for row, motion in shown.items():
            page = Path("players") / f"{file_name(clip.id)}-{file_name(row)}.html"
            write(motion, folder / page, f"{row}: {clip.id}")
            pages[row] = page.as_posix()
        players.append(Player(f"{clip.id} ({clip.emotion or 'no emotion'})", pages))
    return tuple(players)
