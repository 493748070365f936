"""The shard store: coded motion and speech features, ready for training.

A dataset is a folder: ``manifest.json`` and ``shard-NNNNN.safetensors``. A shard holds many items end to
end; the manifest says where each begins. Motion is kept as int16 over [-1, 1] (6D rotations, and root
displacement in metres): 0.002 degrees and 0.03 mm of rounding for half of the space. Shards appear
whole or not at all, so an interrupted ``prepare`` goes on where it stopped. In the spaces ``smplx`` and
``points`` (``motion.representation``) the columns of all parts stand side by side, the header names them, and
each group of channels has a reach of its own in the place of 1.

A dataset that was prepared with pretrained encoders holds their columns as well, frame by frame, in arrays
of their own (``speech.encoders.settings.KINDS``), as float16; its header says which encoders they are. How
the voice sounds in absolute numbers (``speech.acoustics``) is kept likewise.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.files import atomic_path
from ..motion.representation import Representation, read_representation
from ..speech.acoustics import DIM as ACOUSTICS
from ..speech.encoders.settings import KINDS, EncoderSettings, input_slices, read_encoders

FORMAT = 1
_SCALE = 32767.0


@dataclass(frozen=True)
class Sample:
    """One item of a dataset."""

    id: str
    # "motion" (real, no speech), "pair" (recorded together), "made_pair" (matched by us) or "generated" (by a
    # model for a real speech; nothing trains on it).
    kind: str
    split: str  # train, val or test
    speaker: str  # whose motion
    emotion: str | None
    frames: int
    shard: int
    start: int  # first frame in its shard
    info: dict[str, Any] = field(default_factory=dict)


def held_out(item: Sample) -> bool:
    """Is this one of the clips (one in six) that the emotion classifier never learns from, whoever acts?

    Emotions look different from person to person. So that the classifier can be trusted on motion in
    the manner of people it knows, it is judged on clips of theirs that it has not seen, too. [D]
    """
    return zlib.crc32(item.id.encode()) % 6 == 0


@dataclass(frozen=True)
class SampleData:
    """What is written: an item's arrays and its description."""

    id: str
    kind: str
    split: str
    speaker: str
    emotion: str | None
    motion: np.ndarray  # [T, C] float32, coded
    features: np.ndarray | None  # [T, F] float32, or None
    info: dict[str, Any] = field(default_factory=dict)
    # "acoustics" and columns of encoders by kind, [T, W] each
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)


def write_shard(
    folder: Path,
    number: int,
    entries: list[SampleData],
    feature_dim: int,
    *,
    widths: Mapping[str, int] | None = None,
    reach: np.ndarray | None = None,
) -> None:
    """Write one shard and its description, atomically; an existing one is replaced.

    Args:
        widths: columns by name, of encoders and "acoustics"; an entry that lacks them has zeros.
        reach: [C] the largest value of every column (``Space.reach``); 1 for all if None.
    """
    from safetensors.numpy import save_file

    motion = np.concatenate([entry.motion for entry in entries])
    features = np.concatenate(
        [
            np.zeros((len(entry.motion), feature_dim), np.float16)
            if entry.features is None
            else entry.features.astype(np.float16)
            for entry in entries
        ]
    )
    if reach is not None:
        motion = motion / reach
    arrays = {"motion": _packed(motion), "features": features}
    for kind, width in (widths or {}).items():
        arrays[kind] = np.zeros((len(motion), width), np.float16)
        at = 0
        for entry in entries:
            if kind in entry.extra:
                arrays[kind][at : at + len(entry.motion)] = entry.extra[kind]
            at += len(entry.motion)
    with atomic_path(folder / f"shard-{number:05d}.safetensors") as path:
        save_file(arrays, path)
    start, items = 0, []
    for entry in entries:
        items.append(
            asdict(
                Sample(
                    entry.id,
                    entry.kind,
                    entry.split,
                    entry.speaker,
                    entry.emotion,
                    len(entry.motion),
                    number,
                    start,
                    entry.info,
                )
            )
        )
        start += len(entry.motion)
    with atomic_path(folder / f"shard-{number:05d}.json") as path:
        path.write_text(json.dumps(items))


def _packed(motion: np.ndarray) -> np.ndarray:
    """Coded motion within [-1, 1] as int16."""
    return np.clip(np.round(motion * _SCALE), -_SCALE, _SCALE).astype(np.int16)


def rounded(motion: np.ndarray) -> np.ndarray:
    """Coded motion [T, C] of bodies as a dataset gives it back after writing, float32."""
    return _packed(motion).astype(np.float32) / np.float32(_SCALE)


def write_manifest(folder: Path, header: dict[str, Any], shards: Iterable[int]) -> None:
    """Gather the shards' descriptions into manifest.json; from then on the dataset can be opened."""
    items = []
    for number in shards:
        items.extend(json.loads((folder / f"shard-{number:05d}.json").read_text()))
    with atomic_path(folder / "manifest.json") as path:
        path.write_text(json.dumps({"format": FORMAT, **header, "items": items}))


class GestureDataset:
    """A finished store, opened for reading. Arrays are memory-mapped and decoded on demand."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / "manifest.json"
        if not path.is_file():
            raise UserError(f"{folder} is no dataset: it has no manifest.json; make one with `cospeech prepare`")
        try:
            manifest = json.loads(path.read_text())
            version = manifest.pop("format")
            self.items = [Sample(**item) for item in manifest.pop("items")]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error}); run `cospeech prepare` again") from None
        if version != FORMAT:
            raise UserError(f"{folder} has store format {version}, this version reads {FORMAT}; prepare it again")
        self.header: dict[str, Any] = manifest
        self.encoders: dict[str, EncoderSettings] = read_encoders(manifest.get("encoders"), path)
        self.representation: Representation = read_representation(manifest.get("space"), path)
        self._shards: dict[int, dict[str, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.items)

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """Names of all whose motion is in the dataset, sorted."""
        return tuple(sorted({item.speaker for item in self.items}))

    def select(
        self, *, split: str | tuple[str, ...] | None = None, kind: str | tuple[str, ...] | None = None
    ) -> list[Sample]:
        """Items of the given splits and kinds."""
        splits = (split,) if isinstance(split, str) else split
        kinds = (kind,) if isinstance(kind, str) else kind
        return [
            item
            for item in self.items
            if (splits is None or item.split in splits) and (kinds is None or item.kind in kinds)
        ]

    def motion(self, item: Sample, start: int = 0, end: int | None = None, *, part: str = "body") -> np.ndarray:
        """Coded motion [T, C] float32 of an item or of its frames start to end, one part of the space.

        Raises:
            UserError: there is no such part, or there are no such frames.
        """
        if len(self.representation.parts) == 1 and self.representation.name == "body" and part == "body":
            return self._cut("motion", item, start, end).astype(np.float32) / _SCALE
        self.representation.part(part)
        columns = self.representation.slices[part]
        packed = self._cut("motion", item, start, end)[:, columns]
        return packed.astype(np.float32) / _SCALE * self.representation.reach[columns]

    def need_bodies(self, what: str) -> None:
        """Raises UserError if the dataset holds points in a picture, which ``what`` cannot use."""
        if self.representation.name == "points":
            raise UserError(
                f"{self.folder} holds points in a picture; {what} needs bodies, as of folder, beat or beat2"
            )

    def features(self, item: Sample, start: int = 0, end: int | None = None) -> np.ndarray:
        """Speech features [T, F] float32 (zeros where there is no speech)."""
        return self._cut("features", item, start, end).astype(np.float32)

    def extra(self, name: str, item: Sample, start: int = 0, end: int | None = None) -> np.ndarray:
        """Columns of an encoder, [T, W] float32 (zeros where there is no speech, or no word).

        Raises:
            UserError: the dataset was prepared without one of this kind.
        """
        if name not in self.encoders:
            raise UserError(f"{self.folder} holds no {name}; run `cospeech prepare` in a new folder, with an encoder")
        return self._cut(name, item, start, end).astype(np.float32)

    def acoustics(self, item: Sample, start: int = 0, end: int | None = None) -> np.ndarray:
        """How the voice sounds (``speech.acoustics``), [T, 42] float32; zeros where there is no speech.

        Raises:
            UserError: the dataset is from a version that kept none.
        """
        if self.header.get("acoustics") != ACOUSTICS:
            raise UserError(
                f"{self.folder} does not keep how the voices sound, which emotion is heard by; "
                "run `cospeech prepare` again in a new folder"
            )
        return self._cut("acoustics", item, start, end).astype(np.float32)

    @cached_property
    def slices(self) -> Mapping[str, slice]:
        """Named columns of ``inputs``: "features", then those of the encoders that there are."""
        return input_slices(int(self.header["feature_dim"]), self.encoders)

    def inputs(
        self,
        item: Sample,
        start: int = 0,
        end: int | None = None,
        *,
        encoders: Mapping[str, EncoderSettings] | None = None,
    ) -> np.ndarray:
        """All that a network may read of the speech, [T, F + W ...] float32, in the order of ``slices``.

        Args:
            encoders: those alone with which a model learned (``SpeechInputs.settings``); all unless given.
        Raises:
            UserError: the dataset was prepared without one of them, or with another in its place.
        """
        chosen = self.encoders if encoders is None else encoders
        for kind, wanted in chosen.items():
            own = self.encoders.get(kind, wanted)
            if replace(own, name=wanted.name) != wanted:
                raise UserError(
                    f"{self.folder} was prepared with {own.name}, layer {own.layer}, weights {own.weights}; "
                    f"wanted is {wanted.name}, layer {wanted.layer}, weights {wanted.weights}, prepare anew"
                )
        columns = [self.features(item, start, end)]
        columns += [self.extra(kind, item, start, end) for kind in KINDS if kind in chosen]
        return np.concatenate(columns, axis=1) if len(columns) > 1 else columns[0]

    def _cut(self, name: str, item: Sample, start: int, end: int | None) -> np.ndarray:
        end = item.frames if end is None else end
        if not 0 <= start <= end <= item.frames:
            raise UserError(f"frames {start}:{end} are outside of item {item.id!r} with {item.frames}")
        part = self._shard(item.shard).get(name, np.zeros(0))[item.start + start : item.start + end]
        if len(part) < end - start or (name in self.encoders and part.shape[1] != self.encoders[name].width):
            raise UserError(
                f"{self.folder} is mixed up: shard {item.shard} ends before {item.id!r} does; "
                "run `cospeech prepare` again in a new folder"
            )
        return part

    def _shard(self, number: int) -> dict[str, np.ndarray]:
        if number not in self._shards:
            self._shards[number] = _map_shard(self.folder / f"shard-{number:05d}.safetensors")
        return self._shards[number]

    @cached_property
    def fingerprint(self) -> str:
        """Eight hex digits that change when the items or the encoders do."""
        text = json.dumps([[item.id, item.frames] for item in self.items])
        if self.encoders:
            own = {kind: (s.layer, s.precision, s.width, s.weights) for kind, s in self.encoders.items()}
            text += json.dumps(own, sort_keys=True)
        if self.representation.name != "body":
            text += json.dumps(self.representation.describe())
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def _map_shard(path: Path) -> dict[str, np.ndarray]:
    """Memory-map the tensors of a safetensors file."""
    types = {"I16": np.int16, "F16": np.float16, "F32": np.float32}
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("no safetensors file")
            header = json.loads(file.read(size))
        raw = np.memmap(path, mode="r", dtype=np.uint8)
        result = {}
        for name in ("motion", "features", *(kind for kind in ("acoustics", *KINDS) if kind in header)):
            low, high = header[name]["data_offsets"]
            values = raw[8 + size + low : 8 + size + high].view(types[header[name]["dtype"]])
            result[name] = values.reshape(header[name]["shape"])
        return result
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise UserError(f"shard {path} cannot be read ({reason}); run `cospeech prepare` again") from None
