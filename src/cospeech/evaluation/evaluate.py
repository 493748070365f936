"""Evaluation of systems on the test clips of a dataset: rows of figures, plots and players in a report.

How it is set up, all decisions of ours [D]: the recorded motion of the split is cut into two halves
of like emotions. The second half is the reference that every distance is measured against; the first
is the row "real (other half)", so that its distances are the floor that a perfect system would reach.
Systems gesture to the speech of the first half; where a corpus has no sound with its motion, to the
speech of its synthetic pairs, and every figure that ties motion to voice then rests on synthetic pairs.
Frechet distances are measured once more against people whose manner was asked for, if they are others
(``asked``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from .. import __version__
from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..core.progress import track
from ..data.dataset import GestureDataset, Sample, held_out
from ..methods.evaluators.model import TrainedClassifier, TrainedExtractor, load_classifier, load_extractors
from ..metrics.base import MIN_CLIPS, Value, paired_difference, percentiles
from ..motion.codec import Codec
from ..motion.motion import Motion
from ..motion.procedural.posture import stand
from ..speech.encoders.settings import EncoderSettings
from .groups import GROUPS
from .measures import ASKED, Ground, Measures
from .report import NO_DIFFERENCE, Difference, Kind, Player, Report, Row, write_report
from .requested_speakers import Asked, asked_for
from .splits import halves, spread
from .systems import Baselines, ModelSystem, System, TestClip, file_name

FLOOR = "real (other half)"
OTHERS = "real, other people"
MADE = "synthetic pairs of real motion"


WritePlayer = Callable[[Motion, Path, str], object]  # motion, path of an HTML file, its title


@dataclass(frozen=True)
class Material:
    """What a dataset's split gives to an evaluation."""

    dataset: GestureDataset
    split: str
    first: list[Sample]  # recorded motion, the row
    second: list[Sample]  # recorded motion, the reference
    speech: list[Sample]  # what is gestured to
    synthetic_pairs: bool


def evaluate(
    systems: Sequence[System],
    dataset: str | Path | GestureDataset,
    *,
    out: str | Path | None = None,
    metrics: Sequence[str] = GROUPS,
    split: str = "test",
    clips: int = 120,
    baselines: bool = True,
    player: WritePlayer | None = None,
    players: int = 2,
    extractor: str | Path = "extractor",
    classifier: str | Path = "emotion-classifier",
    seed: int = 0,
    quiet: bool = False,
) -> Report:
    """Measure systems beside real motion and baselines.

    Args:
        systems: models or folders of motion (``systems``); with two or more, every pair of them is
            compared on the same clips.
        dataset: made by ``prepare``.
        out: folder for report.json, report.html and clips.csv; nothing is written without it.
        metrics: groups of figures, of ``measures.GROUPS``.
        clips: speeches at most, evenly over emotions.
        player: writes a page on which a motion plays; none are written without it.
        players: clips that are written as pages to watch, side by side.
        extractor, classifier: shipped ones by name, or folders of your own.
    Raises:
        UserError: no recorded motion in the split, too little of it, no speech, unknown metrics, or a
            model reads columns of encoders that the dataset was prepared without.
    """
    unknown = [name for name in metrics if name not in GROUPS]
    if unknown or not metrics:
        raise UserError(
            f"unknown metrics {unknown[0]!r}; known: {', '.join(GROUPS)}"
            if unknown
            else f"no metrics are named; known: {', '.join(GROUPS)}"
        )
    names = [system.name for system in systems]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two systems are called {name!r}; rename a folder, so that rows can be told apart")
    opened = dataset if isinstance(dataset, GestureDataset) else GestureDataset(dataset)
    opened.need_bodies("evaluating")
    material = choose(opened, split, clips=clips, seed=seed)
    body = Recordings(opened)
    speech = speech_of(material, body)
    for system in systems:
        if isinstance(system, ModelSystem):  # before any work: does the dataset have what it reads?
            opened.inputs(material.speech[0], 0, 0, encoders=system.encoders)
    asked = asked_for(opened, split, systems, speech, seed)
    ground = ground_of(material, metrics, extractor, classifier, asked=asked)
    rows: list[Row] = []

    def row(name: str, kind: Kind, items: Iterable[tuple[TestClip, Motion | None]], *, copies: bool = False) -> Row:
        measures = Measures(ground, metrics, copies=copies)
        for clip, motion in items:
            measures.update(clip, motion)
        rows.append(measures.row(name, kind))
        return rows[-1]

    for name, count, items in real_rows(material, asked, speech, body, clips=clips, seed=seed):
        row(name, "real", track(items, name, total=count, quiet=quiet))
    known = list(systems)
    if baselines and opened.select(split="train", kind=("motion", "pair")):
        known = [*Baselines(opened, seed=seed).all(), *systems]
    measured: dict[str, Row] = {}
    for system in known:
        found = row(
            system.name,
            system.kind,
            track(((clip, system.motion(clip)) for clip in speech), system.name, total=len(speech), quiet=quiet),
            copies=getattr(system, "copies", False),
        )
        if system in systems:
            measured[system.name] = found
            if not found.clips:
                raise UserError(
                    f"{system.name} has no motion for any of the {len(speech)} clips; files are named after "
                    f"clips, such as {file_name(speech[0].id)}.bvh"
                )
    differences = [
        difference
        for i, a in enumerate(systems)
        for b in systems[i + 1 :]
        for difference in compare_rows(measured[a.name], measured[b.name], rows[0])
    ]
    report = Report(
        title=" and ".join(names) + f" on {opened.folder.name}" if names else opened.folder.name,
        data={
            "store": opened.folder.name,
            "fingerprint": opened.fingerprint,
            "split": split,
            "clips": len(speech),
            "seconds": round(sum(len(c.features) for c in speech) / 30, 1),
            "speakers": sorted({item.speaker for item in material.first}),
            "made_pairs": material.synthetic_pairs,
            "asked": list(asked.speakers),
        },
        settings={"metrics": list(metrics), "clips": clips, "seed": seed},
        rows=tuple(rows),
        differences=tuple(differences),
        labels=EMOTIONS,
        notes=(*_notes(material, asked), *(_notes_on_asked(asked, ground) if "fgd" in metrics else ())),
        version=__version__,
    )
    if out is None:
        return report
    folder = Path(out)
    write_report(report, folder)  # before the players, so that a broken folder is told at once
    if player is not None and players:
        shown = _players(player, folder, systems, material, speech[:players], body)
        report = replace(report, players=shown)
        write_report(report, folder)
    write_clips(speech, folder / "clips.csv")
    return report


def choose(dataset: GestureDataset, split: str, *, clips: int, seed: int) -> Material:
    """The halves of recorded motion and the speech to gesture to.

    Raises:
        UserError: the split has too little recorded motion, or no speech.
    """
    recorded = dataset.select(split=split, kind=("motion", "pair"))
    if len(recorded) < 2 * MIN_CLIPS:
        raise UserError(
            f"split {split} of {dataset.folder} has {len(recorded)} clips of recorded motion; at least "
            f"{2 * MIN_CLIPS} are needed for two halves"
        )
    first, second = halves(recorded, seed)
    heard = [item for item in first if item.kind == "pair"]
    made = not heard
    if made:
        heard = dataset.select(split=split, kind="synthetic_pair")
    if not heard:
        raise UserError(f"split {split} of {dataset.folder} has no speech; prepare it with speech")
    return Material(dataset, split, first, second, spread(heard, clips, seed), made)


def _unseen(dataset: GestureDataset) -> list[Sample]:
    """Recordings of the training split, those that the classifier did not learn from if they are enough."""
    learned = dataset.select(split="train", kind=("motion", "pair"))
    unseen = [item for item in learned if held_out(item)]
    return unseen if len(unseen) >= 2 * MIN_CLIPS else learned


class Recordings:
    """Motion of a dataset's items, standing as generated motion does."""

    def __init__(self, dataset: GestureDataset) -> None:
        self.dataset, self.codec = dataset, Codec()

    def motion(self, item: Sample) -> Motion:
        return stand(self.codec.decode(self.dataset.motion(item)))

    def recorded(self, item: Sample, number: int, *, heard: bool) -> tuple[TestClip, Motion]:
        """A recorded clip as its own answer; without speech it has no features."""
        motion = self.motion(item)
        features = self.dataset.features(item) if heard else np.zeros((0, 0))
        return TestClip(item.id, item.speaker, item.emotion, features, None, number), motion


def speech_of(material: Material, body: Recordings) -> list[TestClip]:
    """The test clips that systems gesture to."""
    dataset = material.dataset
    return [
        TestClip(
            item.id,
            item.speaker,
            item.emotion,
            dataset.features(item),
            None if material.synthetic_pairs else body.motion(item),
            number,
            partial(_inputs, dataset, item),
        )
        for number, item in enumerate(material.speech)
    ]


def real_rows(
    material: Material, asked: Asked, speech: Sequence[TestClip], body: Recordings, *, clips: int, seed: int
) -> Iterator[tuple[str, int, Iterable[tuple[TestClip, Motion]]]]:
    """Rows of recorded motion that stand beside systems: name, number of clips, clips with their motion."""
    paired, first = not material.synthetic_pairs, material.first
    yield FLOOR, len(first), (body.recorded(item, k, heard=paired) for k, item in enumerate(first))
    others = spread(asked.row or _unseen(material.dataset), clips, seed)
    if others and material.split != "train":
        yield (
            OTHERS,
            len(others),
            (body.recorded(item, k, heard=item.kind == "pair") for k, item in enumerate(others)),
        )
    if material.synthetic_pairs:
        pairs = zip(speech, material.speech, strict=True)
        yield MADE, len(speech), ((clip, body.motion(item)) for clip, item in pairs)


def _inputs(dataset: GestureDataset, item: Sample, encoders: Mapping[str, EncoderSettings]) -> np.ndarray:
    return dataset.inputs(item, encoders=encoders)


def ground_of(
    material: Material,
    metrics: Sequence[str] = GROUPS,
    extractor: str | Path = "extractor",
    classifier: str | Path = "emotion-classifier",
    *,
    asked: Asked | None = None,
) -> Ground:
    """The common ground of all rows: the reference half, and the training split's ranges and speeds.

    Args:
        asked: whose recordings are a second reference of Frechet distances.
    """
    extractors: dict[str, TrainedExtractor] = {}
    if {"fgd", "diversity", "two_sample"} & set(metrics):
        extractors = load_extractors(extractor)
    judge: TrainedClassifier | None = load_classifier(classifier) if "emotion" in metrics else None
    body = Recordings(material.dataset)
    manner = asked.reference if asked and "fgd" in metrics else ()
    train = material.dataset.select(split="train", kind=("motion", "pair"))
    return Ground.of(
        [(item.id, body.motion(item)) for item in material.second],
        [body.motion(item) for item in train] or [body.motion(item) for item in material.second],
        extractors=extractors,
        classifier=judge,
        asked=((item.id, body.motion(item)) for item in manner),
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


def _notes(material: Material, asked: Asked) -> tuple[str, ...]:
    others = "those whose manner was asked for" if asked.row else "the training split"
    notes = [
        f"Distances are measured against {len(material.second)} recorded clips of the split; "
        f"'{FLOOR}' is {len(material.first)} others of the same people, the floor of a perfect system.",
        f"'{OTHERS}' is recorded motion of {others}: what it costs to be somebody else; of clips that the "
        "emotion classifier did not learn from, where there are enough.",
    ]
    if material.synthetic_pairs:
        notes.append(
            f"The corpus has no sound with its motion. Systems gesture to other people's speech; '{MADE}' is "
            "recorded motion laid on that speech by matching strokes and accents, not a truth."
        )
    return tuple(notes)


def _notes_on_asked(asked: Asked, ground: Ground) -> tuple[str, ...]:
    if asked.why_not:
        return (f"There is no distance to people whose manner was asked for: {asked.why_not}.",)
    few = [f"fgd_{rows}_{ASKED}" for rows in ground.extractors if rows not in ground.asked]
    return (
        f"Distances that end in _{ASKED} are measured against {len(asked.reference)} recordings of those "
        f"whose manner was asked for ({', '.join(asked.speakers)}); '{OTHERS}' is others of theirs, the "
        "floor. Models may have learned from these recordings, and baselines that play recordings of the "
        "training split back may play these: such a distance tells of manner, not of motion that is new.",
        *(f"{name} is left out: these recordings are too short or too few for it." for name in few),
    )


def write_clips(speech: Sequence[TestClip], path: Path) -> None:
    """clips.csv: which clips were measured, and how files of other programs are to be named."""
    from ..core.files import atomic_path

    lines = ["id,file,speaker,emotion,seconds"]
    for clip in speech:
        quoted = '"' + clip.id.replace('"', '""') + '"'
        lines.append(f"{quoted},{file_name(clip.id)},{clip.speaker},{clip.emotion or ''},{len(clip.features) / 30:.3f}")
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _players(
    write: WritePlayer,
    folder: Path,
    systems: Sequence[System],
    material: Material,
    clips: Sequence[TestClip],
    body: Recordings,
) -> tuple[Player, ...]:
    """Pages of the first clips: the real motion (or the synthetic pair) and every system's."""
    players = []
    for clip, item in zip(clips, material.speech, strict=False):
        shown = [(MADE if material.synthetic_pairs else FLOOR, body.motion(item))]
        shown += [(system.name, motion) for system in systems if (motion := system.motion(clip)) is not None]
        pages = {}
        for name, motion in shown:
            page = Path("players") / f"{file_name(clip.id)}-{file_name(name)}.html"
            (folder / "players").mkdir(exist_ok=True)
            write(motion, folder / page, f"{name}: {clip.id}")
            pages[name] = page.as_posix()
        players.append(Player(f"{clip.id} ({clip.emotion or 'no emotion'})", pages))
    return tuple(players)
