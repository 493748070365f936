"""Recordings -> shards of a dataset, one group of recordings at a time, in whichever process.

A group is one shard, or several if its recordings are long (``SHARD_FRAMES``). Beside a shard stands ``SHARD.json``:
its samples, what was left out and why, and what the making of synthetic pairs needs to know of motion without speech
and of speech without motion. The arrays that pairs are made of are kept in a folder of their own, in float32, until
the dataset is finished. ``GROUP.json``, which names the shards of a group, is written last: where there is one, the
group has been read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import atomic_path, write_arrays
from ..motion.codec import Codec
from ..motion.representation import representation
from ..speech.acoustics import DIM as ACOUSTICS
from ..speech.layout import LAYOUT
from ..speech.speech import Speech, Word
from .balance import Tally
from .clips import Dropped, GestureClip
from .dataset import SampleData, described, shard_arrays
from .encoder_features import EncoderFeatures
from .encoding import CHECKS, encoded, seconds_of
from .frames import Frames, open_frames
from .point_normalization import NormalizedClip
from .recordings import Clip, Recording
from .synthetic_pairs import Candidate, candidate

MATERIAL = "material"  # folder beside the shards: what synthetic pairs are made of
_SIDES = (1, 0, 2)  # [T, 2, 3] <-> [2, T, 3]
SHARD_FRAMES = 20_000  # after which a shard is written: 11 minutes


@dataclass
class Group:
    """What is known of a group of recordings that has been read."""

    samples: list[dict[str, Any]] = field(default_factory=list)  # as in the manifest, without the shard
    seconds: list[float] = field(default_factory=list)  # of each sample
    faces: list[bool] = field(default_factory=list)  # of each sample: has it a face beside the body
    candidates: list[dict[str, Any]] = field(default_factory=list)  # motion without speech
    voices: list[dict[str, Any]] = field(default_factory=list)  # speech without motion
    dropped: list[list[str]] = field(default_factory=list)  # id and reason
    worded: int = 0  # recordings of speech that have words
    spoken: int = 0  # recordings of speech

    @classmethod
    def of(cls, folder: Path, name: str) -> Group:
        """A group that has been read."""
        return cls(**json.loads((folder / f"{name}.json").read_text()))


@dataclass(frozen=True)
class Reading:
    """How recordings become shards of the dataset in ``folder``."""

    folder: Path
    representation: str

    def parts(self, name: str) -> list[str] | None:
        """Names of the shards of a group; None if it has not been read, or something of it is not there."""
        end = self.folder / f"{name}.json"
        names: list[str] = json.loads(end.read_text())["parts"] if end.is_file() else []
        return names if names and all(self._is_whole(part) for part in names) else None

    def _is_whole(self, part: str, *, material: bool = True) -> bool:
        """Whether a shard is there; ``material``: and what pairs are made of."""
        if not (self.folder / f"{part}.json").is_file():
            return False
        group = Group.of(self.folder, part)
        wanted = [self.folder / f"{part}.safetensors"] if group.samples else []
        if material and (group.candidates or group.voices):
            wanted.append(self.folder / MATERIAL / f"{part}.safetensors")
        return all(path.is_file() for path in wanted)

    def has_shard(self, part: str) -> bool:
        """Whether a shard has been written, with or without what pairs are made of."""
        return self._is_whole(part, material=False)


def read_group(task: tuple[Reading, str, list[Recording | Dropped]]) -> None:
    """Read a group of recordings and write its shards (one argument, for ``parallel.map_together``)."""
    reading, name, recordings = task
    write_group(reading, name, clips_of(recordings))


def clips_of(recordings: Iterable[Recording | Dropped]) -> Iterator[Clip]:
    """The clips of recordings, read one after the other."""
    for found in recordings:
        if isinstance(found, Dropped):
            yield found
        else:
            yield from found.clips()


def write_group(
    reading: Reading, name: str, clips: Iterable[Clip], encoders: EncoderFeatures | None = None
) -> list[str]:
    """Write clips as shards of ``SHARD_FRAMES`` or a little more, so that memory does not depend on how many they are.

    Returns: names of the shards.
    """
    writer, names = _GroupWriter(reading, encoders), list[str]()
    for clip in clips:
        writer.add(clip)
        if writer.frames >= SHARD_FRAMES:
            names.append(f"{name}-{len(names):04d}")
            writer.write(names[-1])
            writer = _GroupWriter(reading, encoders)
    names.append(f"{name}-{len(names):04d}")
    writer.write(names[-1])
    with atomic_path(reading.folder / f"{name}.json") as path:
        path.write_text(json.dumps({"parts": names}))
    return names


class _GroupWriter:
    """Encodes clips as they come and writes them together."""

    def __init__(self, reading: Reading, encoders: EncoderFeatures | None) -> None:
        self.reading, self.encoders = reading, encoders
        self.group, self.frames = Group(), 0  # frames of motion, and of speech without motion
        self._stored = 0  # frames of motion
        self._arrays: list[dict[str, np.ndarray]] = []  # of each sample, as they are stored
        self._material: dict[str, np.ndarray] = {}

    def add(self, read: Clip) -> None:
        clip = CHECKS[self.reading.representation](read)
        if isinstance(clip, Dropped):
            self.group.dropped.append([clip.id, clip.reason])
            return
        speech = clip.speech
        self.group.spoken += speech is not None
        self.group.worded += bool(speech and speech.words)
        if isinstance(clip, GestureClip) and clip.motion is None:
            self._add_voice(clip)
            return
        face = isinstance(clip, NormalizedClip) and clip.face is not None
        parts = ("body",) if isinstance(clip, NormalizedClip) and not face else None
        target = representation(self.reading.representation, parts)
        sample = encoded(clip, target, self.encoders)
        widths = {"acoustics": ACOUSTICS, **({} if self.encoders is None else self.encoders.widths)}
        value_range = None if target.name == "body" else target.value_range
        self._arrays.append(shard_arrays([sample], LAYOUT.dim, widths=widths, value_range=value_range))
        self.group.samples += [{**one, "start": self._stored} for one in described([sample])]
        self._stored += len(sample.motion)
        self.group.seconds.append(seconds_of(clip))
        self.group.faces.append(face)
        self.frames += len(sample.motion)
        if isinstance(clip, GestureClip) and speech is None and self.reading.representation == "body":
            self._add_candidate(clip, sample)

    def _add_voice(self, clip: GestureClip) -> None:
        assert clip.speech is not None
        self._material[f"samples/{len(self.group.voices)}"] = clip.speech.samples
        self.group.voices.append(
            {
                "id": clip.id,
                "speaker": clip.speaker,
                "split": clip.split,
                "sample_rate": clip.speech.sample_rate,
                "frames": clip.speech.frames,
                "words": [[word.text, word.start, word.end] for word in clip.speech.words],
            }
        )
        self.frames += clip.speech.frames

    def _add_candidate(self, clip: GestureClip, sample: SampleData) -> None:
        assert clip.motion is not None
        found, number = candidate(clip, Codec(), motion=sample.motion), len(self.group.candidates)
        self._material[f"motion/{number}"] = sample.motion
        self._material[f"wrists/{number}"] = np.ascontiguousarray(found.wrists[:].transpose(_SIDES))
        self._material[f"speed/{number}"] = found.speed[:]
        self.group.candidates.append(
            {
                "id": clip.id,
                "speaker": clip.speaker,
                "split": clip.split,
                "emotion": clip.emotion,
                "stroke_times": found.stroke_times.tolist(),
                "stroke_strengths": found.stroke_strengths.tolist(),
                "tally": vars(Tally.of(clip.motion)),
            }
        )

    def write(self, name: str) -> None:
        folder = self.reading.folder
        if self._arrays and not self.reading.has_shard(name):
            write_arrays(folder / f"{name}.safetensors", self._joined())
        if self._material:
            (folder / MATERIAL).mkdir(exist_ok=True)
            write_arrays(folder / MATERIAL / f"{name}.safetensors", self._material)
        with atomic_path(folder / f"{name}.json") as path:
            path.write_text(json.dumps(vars(self.group)))

    def _joined(self) -> dict[str, np.ndarray]:
        """All samples end to end; what was joined is let go."""
        if self.reading.representation == "points" and not all(self.group.faces):
            body = representation("points", ("body",)).channels  # its columns come before those of the face
            for arrays in self._arrays:
                arrays["motion"] = arrays["motion"][:, :body]
        return {name: np.concatenate([own.pop(name) for own in self._arrays]) for name in list(self._arrays[0])}


@dataclass(frozen=True)
class Voice:
    """Speech without motion, read when it is needed."""

    id: str
    speaker: str
    split: str
    frames: int  # of motion that cover it
    sample_rate: int
    words: tuple[Word, ...]
    samples: Frames

    def speech(self) -> Speech:
        """The whole of it."""
        return Speech(self.samples[:], self.sample_rate, self.words, self.speaker)


@dataclass(frozen=True)
class GestureMaterial:
    """Motion without speech, read when it is needed."""

    speaker: str
    split: str
    emotion: str | None
    candidate: Candidate
    tally: Tally


def material_of(folder: Path, groups: Mapping[str, Group]) -> tuple[list[GestureMaterial], list[Voice]]:
    """Motion without speech and speech without motion of groups by name, in order."""
    gestures: list[GestureMaterial] = []
    voices: list[Voice] = []
    for name, group in groups.items():
        if group.candidates or group.voices:
            arrays = open_frames(folder / MATERIAL / f"{name}.safetensors")
            gestures += [_gesture(one, number, arrays) for number, one in enumerate(group.candidates)]
            voices += [_voice(one, arrays[f"samples/{number}"]) for number, one in enumerate(group.voices)]
    return gestures, voices


def _voice(described: dict[str, Any], samples: Frames) -> Voice:
    words = tuple(Word(*word) for word in described["words"])
    return Voice(**{**described, "words": words, "samples": samples})


def _gesture(described: dict[str, Any], number: int, arrays: Mapping[str, Frames]) -> GestureMaterial:
    speed = arrays[f"speed/{number}"]
    candidate = Candidate(
        described["id"],
        arrays[f"motion/{number}"],
        _wrists(arrays[f"wrists/{number}"], len(speed)),
        speed,
        np.array(described["stroke_times"], dtype=np.float64),
        np.array(described["stroke_strengths"], dtype=np.float64),
    )
    tally = Tally(**described["tally"])
    return GestureMaterial(described["speaker"], described["split"], described["emotion"], candidate, tally)


def _wrists(stored: Frames, frames: int) -> Frames:
    """Wrists [T, 2, 3] of what is stored [2, T, 3]: in memory as they were, so that sums round as they did."""
    return Frames(lambda start, end: stored[:].transpose(_SIDES)[start:end], frames)
