"""Whether gestures are alive and go with the voice, in figures that are hard to please by accident: one JSON object.

    python benchmarks/bench_alive.py DATASET --speech SPEECH [--beat2 BEAT2] [--models contextual exges emotion]
        [--quick] [--split test] [--table FILE]

Gestures are generated for recordings of voices that no training saw: with the defaults; with each of ten moods and the
default one at three intensities; joined to a minute; with a louder second half; and for sound that is no speech. Beside
them stand the halves of the training actors' recordings (DATASET), with ``--beat2`` a real conversational speaker, and
what chance gives. ``--table`` writes the table of docs/results.md. ``--quick`` takes about a quarter of all;
perplexities are then those of fewer strokes, of recordings as well.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import cospeech
from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.core.files import atomic_path
from cospeech.core.progress import note, track
from cospeech.data.dataset import GestureDataset
from cospeech.data.readers.voices import manifest, split_of
from cospeech.data.synthetic_pairs import phrases
from cospeech.evaluation.clips import Recordings
from cospeech.evaluation.splits import split_halves
from cospeech.metrics import HandLead, NearestRepeat, StrokeAccent, StrokeClusters, StrokeShapes, Value
from cospeech.metrics.presence import presence
from cospeech.metrics.response import IntensityResponse, loudness_response, mean_wrist_speed
from cospeech.motion.motion import Motion, load_motion
from cospeech.motion.retarget import on_canonical
from cospeech.sampling.rhythm import LEAD
from cospeech.speech.features import accents, prominent_accents
from cospeech.speech.loading import load_speech
from cospeech.speech.speech import Speech
from sounds import SOUNDS, joined, louder

METHODS = ("contextual", "exges", "emotion")
MOODS = (None, *EMOTIONS)  # None: as it is by default
INTENSITIES = (0.5, 1.0, 2.0)
SHORTEST, LONGEST = 6.0, 16.0  # seconds of a recording that is taken, and that are taken of it
LONG = 61.0  # seconds of joined recordings, in which repeats are looked for
RAISED = 15.0  # decibels
SOUND = 20.0  # seconds of sound that is no speech
BODY = ("one_handed_share", "hanging_share", "head_speed", "trunk_yaw", "finger_variety")  # of ``presence``

Paired = tuple[Motion, Speech]
Generate = Callable[..., Motion]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    voices: int  # with the defaults
    moods: int  # voices for every mood and intensity
    minutes: int  # of joined recordings
    raised: int  # voices whose second half gets louder
    sounds: int  # of every kind
    strokes: int  # of which perplexity is given


FULL = Size(voices=48, moods=5, minutes=6, raised=16, sounds=4, strokes=500)
QUICK = Size(voices=12, moods=1, minutes=2, raised=8, sounds=1, strokes=120)


def held_out(folder: Path, split: str) -> list[Speech]:
    """Recordings of a split's voices without transcripts, one of each voice first, then second ones."""
    rows = [row for row in manifest(folder).values() if split_of(row["speaker"]) == split]
    rows = [row for row in rows if float(row["seconds"]) >= SHORTEST]
    seen: dict[str, int] = {}
    order = []
    for row in sorted(rows, key=lambda row: (row["speaker"], row["file"])):
        seen[row["speaker"]] = seen.get(row["speaker"], 0) + 1
        order.append((seen[row["speaker"]], row["speaker"], row["file"]))
    return [load_speech(folder / name).cut(end=LONGEST) for _, _, name in sorted(order)]


def shapes(clusters: StrokeClusters, motions: Sequence[Motion], strokes: int) -> dict[str, float]:
    """Perplexity, and of how many strokes."""
    found = fed(StrokeShapes(clusters, counted=strokes), ((motion,) for motion in motions))
    return {"stroke_shapes": found[0].value, "strokes": found[0].count}


def fed(metric: Any, clips: Any) -> list[Value]:
    """The values of a metric over clips, each the arguments of its update."""
    for number, arguments in enumerate(clips):
        metric.update(*arguments, clip=str(number))
    found = metric.compute()
    return [found] if isinstance(found, Value) else list(found)


def coupled(pairs: Sequence[Paired]) -> dict[str, float]:
    """How hands go with the voice."""
    lead, size = fed(HandLead(), ((motion, speech.features) for motion, speech in pairs))
    found = {"hand_lead": lead.value, "hand_lead_r": size.value, "hand_lead_r_shifted": size.chance}
    for name, times in (("accent_ratio", accents), ("prominent_accent_ratio", prominent_accents)):
        clips = ((m, times(s.features)[0] - LEAD, phrases(s.features)) for m, s in pairs)
        found[name] = fed(StrokeAccent(prominent=times is prominent_accents), clips)[0].value
    return found


def repeated(motions: Sequence[Motion]) -> dict[str, float]:
    """How near the most similar gesture within a minute is."""
    place, anywhere = fed(NearestRepeat(), ((motion,) for motion in motions))
    return {
        "nearest_repeat": place.value,
        "nearest_repeat_others": place.chance,
        "nearest_repeat_anywhere": anywhere.value,
    }


def body(motions: Sequence[Motion]) -> dict[str, float]:
    """Figures of ``presence`` that belong here, and the wrists' speed."""
    found = presence(motions).as_dict()
    return {name: found[name] for name in ("wrist_speed", *BODY)}


def answered(generate: Generate, speeches: Iterable[Speech]) -> dict[str, float]:
    """What louder speech changes."""
    kinds: list[list[Motion]] = [[], [], [], []]
    for seed, speech in enumerate(speeches):
        low, half, high = louder(speech, RAISED)
        for motions, heard, own in zip(kinds, (low, half, high, low), (seed, seed, seed, 1000 + seed), strict=True):
            motions.append(generate(heard, seed=own))
    found = loudness_response(*kinds)
    return {
        "louder_half": found.louder_half,
        "louder_half_another_seed": found.another_seed,
        "constant_gain": found.constant_gain,
        "constant_gain_moved": found.constant_gain_moved,
    }


def asked_intensity(
    generate: Generate, speeches: Sequence[Speech], moods: Iterable[str | None]
) -> tuple[IntensityResponse, list[Motion]]:
    """Speeds at three intensities, and the motions of all moods at intensity 1."""
    speeds, usual = {}, []
    for mood in moods:
        motions = [
            [generate(speech, seed=seed, emotion=mood, intensity=intensity) for seed, speech in enumerate(speeches)]
            for intensity in INTENSITIES
        ]
        usual += motions[INTENSITIES.index(1.0)]
        low, middle, high = map(mean_wrist_speed, motions)
        speeds[mood or "default"] = (low, middle, high)
    return IntensityResponse(speeds), usual


def measured(model: str, speeches: Sequence[Speech], clusters: StrokeClusters, size: Size) -> dict[str, Any]:
    """All figures of a model."""
    generate = partial(cospeech.generate, model=cospeech.load(model), face=False)
    chosen = speeches[: size.voices]
    motions = [generate(speech, seed=seed) for seed, speech in enumerate(track(chosen, f"{model}: voices"))]
    found: dict[str, Any] = {**body(motions), **shapes(clusters, motions, size.strokes)}
    found |= coupled(list(zip(motions, chosen, strict=True)))
    long = joined(list(speeches), LONG)[: size.minutes]
    found |= repeated([generate(speech, seed=seed) for seed, speech in enumerate(track(long, f"{model}: minutes"))])
    found |= answered(generate, track(speeches[: size.raised], f"{model}: louder speech"))
    moods = track(MOODS, f"{model}: moods")
    response, of_moods = asked_intensity(generate, speeches[-size.moods :], moods)
    of_shapes = shapes(clusters, of_moods, size.strokes)
    found |= {"stroke_shapes_moods": of_shapes["stroke_shapes"], "strokes_moods": of_shapes["strokes"]}
    ratios = list(response.ratios.values())
    found |= {
        "intensity": {
            mood: rounded(dict(zip(map(str, INTENSITIES), s, strict=True))) for mood, s in response.speeds.items()
        },
        "intensity_rising": response.rising,
        "intensity_ratio_mean": float(np.mean(ratios)),
        "intensity_ratio_least": min(ratios),
    }
    for name, make in SOUNDS.items():
        found[name] = mean_wrist_speed([generate(Speech(make(SOUND, k)), seed=k) for k in range(size.sounds)])
    return rounded(found)


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    """The same with four digits behind the point."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def real_people(folder: Path) -> dict[str, Any]:
    """What there is of a real conversational speaker."""
    paths = sorted(folder.glob("*.npz"))
    pairs = [(on_canonical(load_motion(path)), load_speech(path.with_suffix(".wav"))) for path in paths]
    motions = [motion for motion, _ in pairs]
    return rounded({**body(motions), **coupled(pairs), **repeated(motions)})


# What stands in the table: (what, asked, name of the figure, digits or None for a share, name of what chance gives).
ROWS: tuple[tuple[str, str, str, int | None, str | None], ...] = (
    ("shapes of strokes, default mood", "at least 20", "stroke_shapes", 1, None),
    ("shapes of strokes, all moods", "at least 26", "stroke_shapes_moods", 1, None),
    ("nearest repeat within a minute (another speech)", "at least 0.9", "nearest_repeat", 2, "nearest_repeat_others"),
    ("the same, wherever the hands are", "", "nearest_repeat_anywhere", 2, None),
    ("hand before loudness, s", "0.05 to 0.35", "hand_lead", 2, None),
    ("correlation there (loudness shifted)", "at least 0.12", "hand_lead_r", 2, "hand_lead_r_shifted"),
    ("stroke to accent, over chance", "0.58 to 0.91", "accent_ratio", 2, None),
    ("stroke to prominent accent, over chance", "at most 0.95", "prominent_accent_ratio", 2, None),
    (
        "speed in a second half 15 dB louder (another seed)",
        "at least 1.3",
        "louder_half",
        2,
        "louder_half_another_seed",
    ),
    ("speed where all is 15 dB louder", "1.00", "constant_gain", 2, None),
    ("how far wrists then are, m", "0", "constant_gain_moved", 3, None),
    ("moods, of 11, in which speed rises with intensity", "11", "intensity_rising", 0, None),
    ("speed at intensity 2 over 1, mean of moods", "at least 1.8", "intensity_ratio_mean", 2, None),
    ("the same, least of moods", "", "intensity_ratio_least", 2, None),
    ("speed in white noise, m/s", "at most 0.04", "white_noise", 3, None),
    ("speed in pink noise, m/s", "at most 0.04", "pink_noise", 3, None),
    ("speed in music, m/s", "at most 0.04", "music", 3, None),
    ("speed in silence, m/s", "at most 0.04", "silence", 3, None),
    ("mean wrist speed, m/s", "0.20 to 0.45", "wrist_speed", 2, None),
    ("strokes of one hand", "at least 20 %", "one_handed_share", None, None),
    ("frames with both hands hanging", "10 to 40 %", "hanging_share", None, None),
    ("head, degrees a second", "18", "head_speed", 0, None),
    ("deviation of the trunk's heading, degrees", "4", "trunk_yaw", 1, None),
    ("variety of the fingers, degrees", "8", "finger_variety", 1, None),
)


def cell(figures: dict[str, Any], name: str, digits: int | None, beside: str | None) -> str:
    """A figure as the table shows it, what chance gives in brackets; a dash where it was not measured."""
    value = figures.get(name)
    if value is None:
        return "-"
    text = f"{100 * value:.0f} %" if digits is None else f"{value:.{digits}f}"
    other = figures.get(beside or "")
    return text if other is None else f"{text} ({other:.{digits or 0}f})"


def table(result: dict[str, Any]) -> dict[str, Any]:
    """The stored table of docs/results.md."""
    halves, real = result["halves"], result.get("real", {})
    columns = {name: result["models"][name] for name in result["models"]}
    rows = []
    for what, asked, name, digits, beside in ROWS:
        own = [cell(figures, name, digits, beside) for figures in columns.values()]
        both = cell(real, name, digits, beside)
        if name.startswith("stroke_shapes"):
            both = f"{halves[0]:.1f}, {halves[1]:.1f} (halves of recordings)"
        rows.append([what, asked, *own, both])
    command = "python benchmarks/bench_alive.py DATASET --speech SPEECH --beat2 BEAT2" + " --quick" * result["quick"]
    titles = ["what", "asked", *columns, "real"]
    return {"command": command, "date": date.today().isoformat(), "columns": titles, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="prepared with the recordings of the training actors")
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--beat2", type=Path)
    parser.add_argument("--models", nargs="+", default=list(METHODS))
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", type=Path, help="where to write the table of docs/results.md")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    dataset = GestureDataset(options.dataset)
    recordings, samples = Recordings(dataset), dataset.select(split="train", kind=("motion", "pair"))
    one, other = split_halves(samples, 0)
    motions = {sample.id: recordings.motion(sample) for sample in track(samples, "recordings")}
    clusters = StrokeClusters.of(motions.values())
    halves = [shapes(clusters, [motions[s.id] for s in half], size.strokes)["stroke_shapes"] for half in (one, other)]
    speeches = held_out(options.speech, options.split)
    if len(speeches) < size.voices:
        raise UserError(
            f"{options.speech} has {len(speeches)} recordings of the {options.split} voices, {size.voices} are needed"
        )
    result: dict[str, Any] = {
        "benchmark": "alive",
        "split": options.split,
        "quick": options.quick,
        "halves": [round(value, 2) for value in halves],
        "models": {name: measured(name, speeches, clusters, size) for name in options.models},
    }
    if options.beat2:
        result["real"] = real_people(options.beat2)
    made = table(result)
    for row in (made["columns"], *made["rows"]):
        note(" | ".join(row))
    if options.table:
        with atomic_path(options.table) as path:
            path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
