"""How well lips follow the phones that are spoken: one table, and one JSON object.

    python benchmarks/bench_lips.py --beat2 FOLDER [--speech FOLDER] [--sounds FOLDER] [--systems network ...]
        [--peers FOLDER] [-o FILE]

The truth are phones with times: of the TextGrids in the folder ``--beat2`` (with the jaw of the npz beside each), of
held-out LibriSpeech voices (``--speech``), whose text is aligned, and of the test split of labelled sounds
(``--sounds``, ``methods.phones.dataset``), such as synthesised German. Systems: ``network`` and ``hama`` (from the
sound alone), ``words`` (the words are given with their times), ``text`` (without times), ``phones`` (the truth itself,
what the mouth makes of it) and ``loudness``; with ``--peers`` also those of other projects that are installed from npm
in that folder (``peers``); what cannot be run says why in its row. Faces are sampled 30 times a second. Lips are apart
by jawOpen - mouthClose.

- p/b/m shut: of those spoken, how many have lips apart by less than ``SHUT`` of what is usual (95th percentile of
  speech) within 60 ms of the phone, with the 95 % interval of Wilson. Closures in speech that have no such phone, and
  no pause, within 60 ms are false.
- at 10 false a minute: the same with the bound at which so many are false.
- opening r: correlation of the opening with a curve made of the true phones (``OPENINGS``, smoothed over 50 ms).
- jaw r: correlation with the rotation of the real jaw, in frames of speech.
- visemes: share of the recogniser's frames whose class of fifteen is right.
- CPU: seconds a second of sound, from the sound to the weights.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

import peers
from cospeech.core.timing import FPS, SAMPLE_RATE
from cospeech.methods.phones.dataset import LABEL_RATE, PhoneDataset
from cospeech.motion.face_shapes import ARKIT_INDEX
from cospeech.motion.procedural.lips import lips_from_phones
from cospeech.speech.features import LAYOUT
from cospeech.speech.loading import load_speech
from cospeech.speech.phones import hama
from cospeech.speech.phones.inventory import PHONE_INDEX, PHONES, SILENCE, VISEME_INDEX, VISEMES
from cospeech.speech.phones.recognise import recognise
from cospeech.speech.phones.track import TRACK_RATE, Phone, PhoneTrack, rasterised
from cospeech.speech.speech import Speech
from cospeech.speech.transcript import read_phones
from sounds import music, pink, white

NEAR = 0.06  # seconds
SHUT = 0.1  # of the usual opening
PAUSE = 0.1  # seconds without a phone that are a pause
FALSE_RATE = 10.0  # a minute
OPEN = 0.1  # of the widest usual opening: a mouth that is not closed
OPENINGS = dict(zip(VISEMES, (0, 0, 0.1, 0.2, 0.2, 0.3, 0.25, 0.15, 0.2, 0.3, 1.0, 0.7, 0.4, 0.7, 0.3), strict=True))
HELD_OUT = ("librispeech:2033", "librispeech:3331", "librispeech:367", "librispeech:1998", "librispeech:2414")


@dataclass(frozen=True)
class Recording:
    """A speech whose phones are known."""

    name: str
    speech: Speech
    phones: tuple[Phone, ...]
    jaw: np.ndarray | None = None


@dataclass
class Counts:
    """Closures of one system over recordings."""

    wanted: int = 0
    found: int = 0
    false: int = 0
    seconds: float = 0.0

    def add(self, other: Counts) -> None:
        for name in ("wanted", "found", "false", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def per_minute(self) -> float:
        return 60.0 * self.false / max(self.seconds, 1e-9)


def opening(face: np.ndarray) -> np.ndarray:
    """How far the lips are apart, [T]."""
    apart: np.ndarray = face[:, ARKIT_INDEX["jawOpen"]] - face[:, ARKIT_INDEX["mouthClose"]]
    return apart


def closures(recording: Recording, apart: np.ndarray, bound: float) -> Counts:
    """p, b and m with lips apart by less than ``bound``, and closures of speech that belong to none."""
    frames = len(apart)
    shut = apart < bound
    speaking = np.zeros(frames, bool)
    excused = np.zeros(frames, bool)
    counts = Counts()
    before = 0.0
    for phone in recording.phones:
        first, last = (round(time * FPS) for time in (phone.start, phone.end))
        speaking[first : last + 1] = True
        near = slice(max(0, math.ceil((phone.start - NEAR) * FPS)), math.floor((phone.end + NEAR) * FPS) + 1)
        if phone.name in ("P", "B", "M"):
            counts.wanted += 1
            counts.found += bool(shut[near].any())
            excused[near] = True
        if phone.start - before > PAUSE:
            gap = slice(max(0, math.floor((before - NEAR) * FPS)), math.ceil((phone.start + NEAR) * FPS) + 1)
            excused[gap] = True
        before = max(before, phone.end)
    excused[max(0, math.floor((before - NEAR) * FPS)) :] = True
    edges = np.flatnonzero(np.diff(np.pad((shut & speaking).astype(np.int8), 1)))
    counts.false = sum(not excused[a:b].any() for a, b in edges.reshape(-1, 2))
    counts.seconds = float(speaking.sum()) / FPS
    return counts


def at_rate(parts: Sequence[tuple[Recording, np.ndarray]], rate: float) -> Counts:
    """Closures at the greatest bound with no more than so many false ones a minute."""
    best = Counts()
    for bound in np.linspace(0.01, 0.8, 80):
        total = Counts()
        for recording, apart in parts:
            total.add(closures(recording, apart, float(bound)))
        if total.per_minute <= rate and total.found >= best.found:
            best = total
    return best


def interval(found: int, wanted: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not wanted:
        return 0.0, 1.0
    z, share = 1.96, found / wanted
    middle = (share + z * z / (2 * wanted)) / (1 + z * z / wanted)
    half = z * math.sqrt(share * (1 - share) / wanted + z * z / (4 * wanted**2)) / (1 + z * z / wanted)
    return middle - half, middle + half


def true_opening(recording: Recording, frames: int) -> np.ndarray:
    """The curve of the true phones, [frames]."""
    rows = rasterised(recording.phones, recording.speech.seconds)
    weights = np.asarray([OPENINGS[VISEMES[index]] for index in VISEME_INDEX])
    curve = gaussian_filter1d(rows @ weights, 0.05 * TRACK_RATE)
    return np.interp(np.arange(frames) / FPS, np.arange(len(curve)) / TRACK_RATE, curve)


def r(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if np.std(one) * np.std(other) > 0 else 0.0


# Systems ------------------------------------------------------------------------------------------------------------

Tracker = Callable[[Recording], PhoneTrack]


def _samples(recording: Recording) -> np.ndarray:
    return recording.speech.resampled().samples


TRACKERS: dict[str, Tracker] = {
    "network": lambda one: recognise(_samples(one), recogniser="network"),
    "network-0": lambda one: recognise(_samples(one), recogniser="network", look_ahead=0.0),
    "network-200": lambda one: recognise(_samples(one), recogniser="network", look_ahead=0.2),
    "hama": lambda one: recognise(_samples(one)),
    "words": lambda one: recognise(_samples(one), words=one.speech.words),
    "phones": lambda one: recognise(_samples(one), phones=one.phones),
}


def _track(system: str, recording: Recording) -> PhoneTrack:
    if system == "text":
        from cospeech.speech.forced_alignment import align

        return recognise(_samples(recording), words=align(recording.speech, text=recording.speech.text))
    return TRACKERS[system](recording)


def measure(system: str, recordings: Sequence[Recording]) -> dict[str, Any]:
    """One row of the table."""
    tracks: list[PhoneTrack | None] = []
    mouths: list[np.ndarray] = []
    cpu = 0.0
    for recording in recordings:
        features = recording.speech.features
        began = time.process_time()
        if system == "loudness":
            tracks.append(None)
            mouths.append(np.clip((LAYOUT.get(features, "energy") + 1.3) / 2.6, 0, 1) * LAYOUT.get(features, "speech"))
        else:
            track = _track(system, recording)
            tracks.append(track)
            mouths.append(opening(lips_from_phones(track, features)))
        cpu += time.process_time() - began
    seconds = sum(recording.speech.seconds for recording in recordings)
    return scored(system, recordings, tracks, mouths, cpu / seconds)


def measure_peer(system: str, recordings: Sequence[Recording], folder: Path) -> dict[str, Any]:
    """One row of the table for another project; with a note instead of figures if it cannot be run."""
    if not peers.is_installed(system, folder):
        return {"system": system, "note": f"{peers.PEERS[system].package} is not installed"}
    if system in peers.NEEDS_WORDS and not all(recording.speech.words for recording in recordings):
        return {"system": system, "note": "needs words, which these recordings have not"}
    try:
        documents, cpu = peers.run_peer(system, [recording.speech for recording in recordings], folder)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        return {"system": system, "note": f"cannot be run: {error}"}
    rows = []
    for delay in peers.PEERS[system].delays:
        pairs = zip(documents, recordings, strict=True)
        tracks = [peers.track_of(found, one.speech.seconds, earlier=delay) for found, one in pairs]
        mouths = [
            opening(lips_from_phones(track, one.speech.features)) for track, one in zip(tracks, recordings, strict=True)
        ]
        rows.append({**scored(system, recordings, tracks, mouths, cpu), "delay": delay})
    return max(rows, key=lambda row: float(row["viseme_accuracy"]))


def scored(
    system: str,
    recordings: Sequence[Recording],
    tracks: Sequence[PhoneTrack | None],
    mouths: Sequence[np.ndarray],
    cpu: float,
) -> dict[str, Any]:
    """Figures of openings of the mouth [T] beside the truth.

    Args:
        tracks: what the system heard, None if it hears no phones.
        cpu: seconds a second of sound.
    """
    parts: list[tuple[Recording, np.ndarray]] = []
    usual: list[np.ndarray] = []
    rows: dict[str, list[float]] = {"opening_r": [], "jaw_r": []}
    right = rows_heard = 0
    for recording, track, apart in zip(recordings, tracks, mouths, strict=True):
        truth = rasterised(recording.phones, recording.speech.seconds)
        silent = truth[:, PHONE_INDEX[SILENCE]] > 0.5
        place = np.minimum(np.arange(len(apart)) * TRACK_RATE // FPS, len(silent) - 1)
        speaking = ~silent[place]
        usual.append(apart[speaking])
        parts.append((recording, apart))
        rows["opening_r"].append(r(apart, true_opening(recording, len(apart))))
        if recording.jaw is not None:
            count = min(len(recording.jaw), len(apart))
            inside = speaking[:count]
            rows["jaw_r"].append(r(apart[:count][inside], recording.jaw[:count][inside]))
        if track is not None:
            classes = np.asarray(VISEME_INDEX)
            right += int((classes[track.probabilities.argmax(1)] == classes[truth.argmax(1)]).sum())
            rows_heard += len(truth)
    scale = float(np.percentile(np.concatenate(usual), 95)) or 1.0
    parts = [(recording, apart / scale) for recording, apart in parts]
    fixed = Counts()
    for recording, apart in parts:
        fixed.add(closures(recording, apart, SHUT))
    swept = at_rate(parts, FALSE_RATE)
    return {
        "system": system,
        "pbm": [fixed.found, fixed.wanted],
        "pbm_interval": [round(edge, 2) for edge in interval(fixed.found, fixed.wanted)],
        "false_per_minute": round(fixed.per_minute, 1),
        "pbm_at_10_false": [swept.found, swept.wanted],
        "opening_r": round(float(np.mean(rows["opening_r"])), 3),
        "jaw_r": round(float(np.mean(rows["jaw_r"])), 3) if rows["jaw_r"] else None,
        "viseme_accuracy": round(right / rows_heard, 3) if rows_heard else None,
        "cpu": round(cpu, 4),
    }


LABELS = {
    "loudness": "loudness alone",
    "network": "network, 80 ms",
    "network-0": "network, 0 ms",
    "network-200": "network, 200 ms",
    "hama": "`[phones]`",
    "words": "words with times",
    "phones": "true phones",
    **{name: peer.label for name, peer in peers.PEERS.items()},
}
COLUMNS = (
    "recordings",
    "system",
    "p, b, m shut (95 % interval)",
    "false a minute",
    "at 10 false a minute",
    "opening r",
    "jaw r",
    "visemes right",
    "CPU s a second",
)


def cells(recordings: str, row: Mapping[str, Any]) -> list[str]:
    """A row as ``results/lips.json`` has it."""
    start = [recordings, LABELS.get(row["system"], row["system"])]
    if "note" in row:
        return [*start, row["note"], *[""] * (len(COLUMNS) - 3)]
    (found, wanted), (low, high), (swept, _) = row["pbm"], row["pbm_interval"], row["pbm_at_10_false"]
    return [
        *start,
        f"{found}/{wanted} ({low:.2f} to {high:.2f})",
        f"{row['false_per_minute']:.1f}",
        f"{swept}/{wanted}" if swept else "at no bound",
        f"{row['opening_r']:.2f}",
        "" if row["jaw_r"] is None else f"{row['jaw_r']:.2f}",
        "" if row["viseme_accuracy"] is None else f"{100 * row['viseme_accuracy']:.0f} %",
        f"{row['cpu']:.3f}",
    ]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side."""
    widths = [max(len(row[k]) for row in (COLUMNS, *rows)) for k in range(len(COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (COLUMNS, *rows))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def open_in_sounds(system: str) -> dict[str, float]:
    """Share of the frames in which the mouth is open, of sounds that are no speech."""
    length = 20.0
    steady = np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * steady) / k for k in range(1, 8))
    made = {
        "music": music(length, 3),
        "white noise": white(length, 3),
        "pink noise": pink(length, 3),
        "hum": 0.1 * hum / np.std(hum),
        "silence": np.zeros_like(steady),
    }
    out = {}
    for name, samples in made.items():
        speech = Speech(np.clip(samples, -1, 1).astype(np.float32))
        track = _track(system, Recording(name, speech, ()))
        out[name] = round(float((opening(lips_from_phones(track, speech.features)) > OPEN * 0.6).mean()), 3)
    return out


# Recordings ---------------------------------------------------------------------------------------------------------


def beat2(folder: Path) -> list[Recording]:
    """Recordings with a TextGrid of words and phones, and a jaw."""
    out = []
    for path in sorted(folder.glob("*.TextGrid")):
        speech = load_speech(path.with_suffix(".wav"), transcript=path)
        poses = np.load(path.with_suffix(".npz"))["poses"]
        phones = read_phones(path)
        out.append(Recording(path.stem, replace(speech, phones=()), phones, poses[:, 66]))
    return out


def held_out(folder: Path) -> list[Recording]:
    """Recordings of LibriSpeech voices that no network of ours has heard; their phones are those of their text."""
    from cospeech.data.readers.voices import manifest
    from cospeech.speech.forced_alignment import align

    out = []
    for name, row in manifest(folder).items():
        if row["speaker"] in HELD_OUT and row["transcript"]:
            speech = load_speech(folder / name)
            speech = replace(speech, words=align(speech, text=row["transcript"]))
            out.append(Recording(name, speech, speech.phone_track.phones))
    return out


def labelled(folder: Path) -> list[Recording]:
    """Recordings of the test split of a folder of labelled sounds."""
    dataset = PhoneDataset(folder)
    out = []
    for clip in dataset.select("test"):
        labels = dataset.phones(clip)
        edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
        phones = tuple(
            Phone(PHONES[labels[a]], a / LABEL_RATE, b / LABEL_RATE)
            for a, b in pairwise(edges)
            if PHONES[labels[a]] != SILENCE
        )
        out.append(Recording(clip.name, Speech(dataset.sound(clip)), phones))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--beat2", type=Path)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--systems", nargs="+", default=["loudness", "network", "hama", "text", "words", "phones"])
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="where npm has installed other projects")
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    systems = [name for name in options.systems if name != "hama" or hama.is_installed()]
    sets = {"conversation": beat2(options.beat2)} if options.beat2 else {}
    if options.speech:
        sets["held-out voices"] = held_out(options.speech)
    if options.sounds:
        sets["labelled sounds"] = labelled(options.sounds)
    result: dict[str, Any] = {"benchmark": "lips", "sets": {}, "open_in_sounds": {}}
    for name, recordings in sets.items():
        rows = [measure(system, recordings) for system in systems]
        if options.peers:
            rows += [measure_peer(system, recordings, options.peers) for system in peers.PEERS]
        result["sets"][name] = rows
    sys.stdout.write(table([cells(name, row) for name, rows in result["sets"].items() for row in rows]))
    for system in ("network", "hama"):
        if system in systems:
            result["open_in_sounds"][system] = open_in_sounds(system)
    sys.stdout.write(json.dumps(result["open_in_sounds"]) + "\n")
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
