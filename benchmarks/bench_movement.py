"""Whether motion can be told from recordings by features of movement: one JSON object.

    python benchmarks/bench_movement.py DATASET [--models contextual emotion exges] [--speeches 60] [--parts MODEL]
        [--pairs 200] [--recordings 400] [--table FILE] [--presence-table FILE] [--parts-table FILE]

Models gesture to speeches of validation voices in the moods and manners of training pairs. Their networks' output is
held against the recordings of the training actors, and the finished bodies against these recordings as finished bodies
(``evaluation.finished``); halves of the recordings are the null of both. ``--parts`` names a model with a flow: its
latents and words of body parts there and back, words as the plan of the flow, of recordings and of training pairs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import cospeech
from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.core.files import atomic_path
from cospeech.core.progress import note, track
from cospeech.core.timing import FPS
from cospeech.data.dataset import GestureDataset, Sample
from cospeech.evaluation.clips import EvaluationClip, Recordings
from cospeech.evaluation.finished import finished_recordings
from cospeech.evaluation.metric_groups import movement_two_sample
from cospeech.evaluation.splits import split_halves
from cospeech.evaluation.systems import ModelSystem
from cospeech.methods.conditioning import Condition, emotion_weights, style_weights
from cospeech.methods.flow.activity import part_speeds, to_levels
from cospeech.methods.flow.latents import PARTS, STACK
from cospeech.methods.flow.model import MotionFlow, Plan
from cospeech.methods.flow.sampling import FlowInputs, sample_flow
from cospeech.metrics.base import Value
from cospeech.metrics.movement_features import WINDOW, movement_features
from cospeech.metrics.presence import PresenceFigures
from cospeech.motion.motion import Motion
from cospeech.speech.layout import FEATURE_DIM

METHODS = ("contextual", "emotion", "exges")
SEED = 3  # of the choice of moods and manners, and of pairs
DIVISIONS = 10  # of recordings into halves
SPARSE = 32  # one latent in so many has words, as in the plan of ``contextual``
ASKED = {"contextual": 80, "emotion": 80, "exges": 80}  # percent at most, of the networks' output

# Figures of ``PresenceFigures`` in the table: what they are, and their null where none is measured.
PRESENCE = {
    "one_handed_share": ("strokes of one hand", ""),
    "hanging_share": ("frames with both hands hanging", "who stands still: 100 %"),
    "chest_share": ("frames with a hand higher than the middle of the spine", "0 %"),
    "head_speed": ("head, degrees a second", "0"),
    "trunk_yaw_3s": ("deviation of the trunk's heading within 3 s, degrees", "0"),
    "finger_variety_3s": ("variety of the fingers within 3 s, degrees", "0"),
}

Windows = Mapping[str, np.ndarray]  # clip -> features of its windows
Back = Callable[[Sample, int], np.ndarray]  # a sample and its number -> encoded motion


def told(name: str, generated: Windows, real: Windows) -> dict[str, Any]:
    """Held-out accuracy in percent, without and with raw jerk, each with its interval, and of how much."""
    generated, real = ({clip: rows for clip, rows in side.items() if len(rows)} for side in (generated, real))
    without, texture = movement_two_sample(generated, real, name)
    note(f"{without}, with raw jerk {texture.value:.1f}")
    sizes = {"clips": [len(generated), len(real)], "windows": [sum(map(len, s.values())) for s in (generated, real)]}
    return {"without_texture": _figures(without), "texture": _figures(texture), **sizes}


def _figures(value: Value) -> list[float]:
    assert value.interval is not None
    return [round(figure, 3) for figure in (value.value, *value.interval)]


def halves(recordings: Recordings, samples: Sequence[Sample], speeches: Sequence[np.ndarray]) -> dict[str, Any]:
    """The null: one half of the recordings against the other, as they are and as finished bodies."""
    plain, finished, figures = [], [], []
    for half in split_halves(samples, 0):
        plain.append({sample.id: movement_features(recordings.motion(sample)) for sample in half})
        clips = (recordings.clip(sample, 0, speech=sample.kind == "pair") for sample in track(half, "finishing halves"))
        bodies = Bodies()
        for passage, motion in finished_recordings(clips, speeches):
            bodies.take(passage, motion)
        finished.append(bodies.windows)
        figures.append(bodies.presence())
    every = plain[0] | plain[1], finished[0] | finished[1]
    return {"networks": null(every[0]), "finished": null(every[1]), "presence": figures, "rows": every}


def null(windows: Windows) -> dict[str, Any]:
    """What chance divisions of recordings into halves give: the mean of ``DIVISIONS``, the lowest and the highest.

    Halves with equal numbers of each actor and emotion would fall below 50: what one half has more of in the clips that
    are learned from, it has less of in those that are called.
    """
    clips = [clip for clip, rows in sorted(windows.items()) if len(rows)]
    found = []
    for seed in range(DIVISIONS):
        order = np.random.default_rng(seed).permutation(len(clips))
        sides = [{clips[k]: windows[clips[k]] for k in half} for half in (order[::2], order[1::2])]
        found.append(told(f"halves {seed}", *sides))
    return {
        **found[0],
        **{
            kind: [round(of(x[kind][0] for x in found), 3) for of in (lambda v: float(np.mean(list(v))), min, max)]
            for kind in ("without_texture", "texture")
        },
    }


class Bodies:
    """What is measured of finished bodies."""

    def __init__(self) -> None:
        self.rows: dict[str, list[np.ndarray]] = {}
        self.figures = PresenceFigures()

    def take(self, clip: str, motion: Motion) -> None:
        """One body, or a piece of it."""
        self.rows.setdefault(clip, []).append(movement_features(motion))
        self.figures.update(motion, clip=clip)

    @property
    def windows(self) -> dict[str, np.ndarray]:
        """Features of windows, clip by clip."""
        return {clip: np.concatenate(rows) for clip, rows in self.rows.items()}

    def presence(self) -> dict[str, Any]:
        """Figures of ``metrics.presence``: name -> value, interval, of how many samples, and what chance gives."""
        return {
            v.name: {"figures": _figures(v), "count": v.count, "counted": v.counted, "chance": v.chance}
            for v in self.figures.compute()
        }


def measured(name: str, clips: Sequence[EvaluationClip], plain: Windows, finished: Windows) -> dict[str, Any]:
    """Both versions of a model."""
    system = ModelSystem(cospeech.load(name))
    output, bodies = {}, Bodies()
    for clip in track(clips, name):
        output[clip.id] = movement_features(system.motion(clip))
        bodies.take(clip.id, system.finished(clip))
    return {
        "networks": told(name, output, plain),
        "finished": told(f"{name}, finished", bodies.windows, finished),
        "presence": bodies.presence(),
    }


class ThereAndBack:
    """Motion as latents or words of body parts, and from them again."""

    def __init__(self, dataset: GestureDataset, model: str) -> None:
        loaded: Any = cospeech.load(model)
        self.dataset, self.styles, self.flow = dataset, loaded.speakers, loaded.flow
        if not isinstance(self.flow, MotionFlow):
            raise UserError(f"{model} has no flow; name a model of bodies that has one")
        self.latents, self.codes = self.flow.latents, self.flow.codes

    def latents_alone(self, sample: Sample, number: int) -> np.ndarray:
        """Latents, decoded."""
        return self._decoded(sample, self.latents.encode(self.dataset.motion(sample)))

    def words_alone(self, sample: Sample, number: int) -> np.ndarray:
        """The mean poses of the words."""
        return self._decoded(sample, self.codes.decode(self._words(sample)))

    def planned(self, every: int) -> Back:
        """One word in so many as the plan; the flow samples the rest, hears nothing, and knows the activity."""

        def back(sample: Sample, number: int) -> np.ndarray:
            words = self._words(sample)
            kept = np.full_like(words, -1)
            kept[every // 2 :: every] = words[every // 2 :: every]
            levels = to_levels(part_speeds(self.dataset.motion(sample), self.latents.codec))[: len(words)]
            inputs = FlowInputs(
                np.zeros((len(words), STACK * FEATURE_DIM + 1), np.float32),
                np.rint(levels).astype(np.float32),
                self.codes.shown(kept),
                np.zeros((len(words), len(PARTS)), np.float32),
                self._condition(sample),
            )
            known, rng = np.zeros((len(words), self.latents.size), np.float32), np.random.default_rng([SEED, number])
            network, widths = self.flow.network, self.latents.widths
            return self._decoded(sample, sample_flow(network, inputs, known, widths, rng, self.flow.sampling))

        return back

    def generated(self, every: int) -> Back:
        """The same with the pair's speech and sampled activity, as when gestures are generated."""

        def back(sample: Sample, number: int) -> np.ndarray:
            self.flow.sampling = replace(self.flow.sampling, words_every=every)
            words = self._words(sample)
            plan = replace(Plan.free(len(words), self.latents.size), codes=words)
            rng = np.random.default_rng([SEED, number])
            return self.flow.sample(self.dataset.features(sample), self._condition(sample), plan, rng)

        return back

    def _words(self, sample: Sample) -> np.ndarray:
        return self.codes.encode(self.latents.encode(self.dataset.motion(sample)))

    def _decoded(self, sample: Sample, latents: np.ndarray) -> np.ndarray:
        return self.latents.decode(latents)[: sample.frames]

    def _condition(self, sample: Sample) -> Condition:
        emotion, style = emotion_weights(sample.emotion, known=EMOTIONS), style_weights(sample.speaker, self.styles)
        return Condition(emotion[None], style[None], np.array([[0.0, 1.0]], np.float32))


def there_and_back(
    dataset: GestureDataset, model: str, recorded: Sequence[Sample], pairs: Sequence[Sample]
) -> dict[str, Any]:
    """What every way there and back costs, against the motion itself."""
    ways = ThereAndBack(dataset, model)
    found = {}
    for kind, samples, made in (
        (
            "recordings",
            recorded,
            {
                "latents": ways.latents_alone,
                "words": ways.words_alone,
                "words, flow": ways.planned(1),
                f"words, flow, one in {SPARSE}": ways.planned(SPARSE),
            },
        ),
        (
            "pairs",
            pairs,
            {
                "words": ways.words_alone,
                "words, flow": ways.generated(1),
                f"words, flow, one in {SPARSE}": ways.generated(SPARSE),
            },
        ),
    ):
        real = windows(samples, lambda sample, _: dataset.motion(sample), ways)
        for name, back in made.items():
            found[f"{kind}, {name}"] = told(f"{kind}, {name}", windows(track(samples, name), back, ways), real)
    return found


def windows(samples: Iterable[Sample], back: Back, ways: ThereAndBack) -> dict[str, np.ndarray]:
    """Features of the windows of samples, as ``back`` gives them."""
    decode = ways.latents.codec.decode
    return {sample.id: movement_features(decode(back(sample, number))) for number, sample in enumerate(samples)}


def some(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Samples of at least a window, so many at most, by chance."""
    long = [sample for sample in samples if sample.frames >= WINDOW * FPS]
    return [long[k] for k in np.random.default_rng(SEED).permutation(len(long))[:most]]


def requested_clips(dataset: GestureDataset, count: int) -> list[EvaluationClip]:
    """Speeches of validation voices, each in the mood and the manner of a training pair."""
    pairs = dataset.select(split="train", kind=("pair", "synthetic_pair"))
    voices = dataset.select(split="val", kind=("pair", "synthetic_pair"))
    if not pairs or not voices:
        raise UserError(f"{dataset.folder} has no speech in train or val; prepare it with speech")
    manners = np.random.default_rng(SEED).choice(len(pairs), count, replace=False)
    return [
        EvaluationClip(
            f"speech {number}",
            pairs[manner].speaker,
            pairs[manner].emotion,
            dataset.features(voices[number % len(voices)]),
            None,
            number,
        )
        for number, manner in enumerate(manners)
    ]


def shown(figures: Sequence[float]) -> str:
    """A figure with its interval as tables have it."""
    return f"{figures[0]:.1f} ({figures[1]:.0f} to {figures[2]:.0f})"


def line(what: str, asked: str, *kinds: Mapping[str, Any]) -> list[str]:
    """A row of a table."""
    cells = [what, asked]
    for kind in kinds:
        cells += [shown(kind["without_texture"]), shown(kind["texture"]), f"{kind['clips'][0]}; {kind['windows'][0]}"]
    return cells


def table(result: Mapping[str, Any], command: str) -> dict[str, Any]:
    """The stored table of both versions."""
    kinds = ("networks", "finished")
    columns = ["what", "asked, first column"]
    for kind in ("networks' output", "finished body"):
        columns += [f"{kind}, %", "with raw jerk", "clips; windows"]
    rows = [
        line(
            "recordings, one half against the other: mean, lowest and highest of 10",
            "47 to 53",
            *(result["halves"][kind] for kind in kinds),
        )
    ]
    for name, model in result["models"].items():
        rows.append(line(f"`{name}`", f"at most {ASKED.get(name, 80)}", *(model[kind] for kind in kinds)))
    return stored(command, columns, rows)


def presence_table(result: Mapping[str, Any], command: str) -> dict[str, Any]:
    """The stored table of how finished bodies stand and gesture, with the halves and chance beside."""
    one, other = result["halves"]["presence"]
    rows = []
    for name, (what, null) in PRESENCE.items():
        share = one[name]["counted"] != "stretches" and name != "head_speed"
        cells = [figures[name] for figures in (*(m["presence"] for m in result["models"].values()), one, other)]
        chance = one[name]["chance"]
        beside = null if chance is None else f"{100 * chance:.0f} %"
        rows.append([what, *(_cell(cell, share) for cell in cells), beside])
    columns = ["what", *result["models"], "recordings, one half", "the other half", "null"]
    return stored(command, columns, rows)


def _cell(cell: Mapping[str, Any], share: bool) -> str:
    value, low, high = cell["figures"]
    size = f"{cell['count']:,} {cell['counted']}"
    if share:
        return f"{100 * value:.0f} % ({100 * low:.0f} to {100 * high:.0f}; {size})"
    return f"{value:.1f} ({low:.1f} to {high:.1f}; {size})"


def parts_table(result: Mapping[str, Any], command: str) -> dict[str, Any]:
    """The stored table of what was there and back."""
    asked = {"recordings, latents": "at most 58", "recordings, words, flow": "at most 70"}
    rows = [line(name, asked.get(name, ""), kind) for name, kind in result["parts"].items()]
    return stored(command, ["what", "asked", "told from the motion itself, %", "with raw jerk", "clips; windows"], rows)


def stored(command: str, columns: list[str], rows: list[list[str]]) -> dict[str, Any]:
    """A table as benchmarks/results has it."""
    return {"command": command, "date": date.today().isoformat(), "columns": columns, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="prepared with the recordings of the training actors, and speech")
    parser.add_argument("--models", nargs="*", default=list(METHODS))
    parser.add_argument("--speeches", type=int, default=60)
    parser.add_argument("--parts", help="a model with a flow; not measured unless named")
    parser.add_argument("--pairs", type=int, default=200, help="of those there and back")
    parser.add_argument("--recordings", type=int, default=400, help="of those there and back")
    parser.add_argument("--table", type=Path, help="where to write the table of both versions")
    parser.add_argument("--presence-table", type=Path, help="where to write the table of finished bodies")
    parser.add_argument("--parts-table", type=Path, help="where to write the table of there and back")
    options = parser.parse_args()
    dataset = GestureDataset(options.dataset)
    recordings = Recordings(dataset)
    recorded = dataset.select(split="train", kind=("motion", "pair"))
    command = "python benchmarks/bench_movement.py DATASET"
    result: dict[str, Any] = {"benchmark": "movement", "speeches": options.speeches, "models": {}}
    if options.models or options.table:
        clips = requested_clips(dataset, options.speeches)
        result["halves"] = halves(recordings, recorded, [clip.features for clip in clips])
        rows = result["halves"].pop("rows")
        result["models"] = {name: measured(name, clips, *rows) for name in options.models}
        if options.table:
            write(options.table, table(result, command))
        if options.presence_table:
            write(options.presence_table, presence_table(result, command))
    if options.parts:
        pairs = dataset.select(split="train", kind=("pair", "synthetic_pair"))
        chosen = [some(recorded, options.recordings), some(pairs, options.pairs)]
        result["parts"] = there_and_back(dataset, options.parts, *chosen)
        if options.parts_table:
            sizes = f"--recordings {options.recordings} --pairs {options.pairs}"
            write(options.parts_table, parts_table(result, f"{command} --models --parts {options.parts} {sizes}"))
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


def write(path: Path, made: Mapping[str, Any]) -> None:
    """A table as a file of benchmarks/results."""
    with atomic_path(path) as whole:
        whole.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
