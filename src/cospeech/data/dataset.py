"""The dataset on disk: encoded motion and speech features, ready for training.

A dataset is a folder with ``manifest.json`` and shards (``NAME.safetensors``). A shard holds many samples end to
end; the manifest lists the shards and says where each sample begins. Motion is kept as int16 over [-1, 1] (6D
rotations, and root displacement in metres), which rounds by 0.002 degrees and 0.03 mm and takes half the space of
float32. Shards appear whole or not at all, so an interrupted ``prepare`` continues where it stopped. In the
representations ``smplx`` and ``points`` (``motion.representation``) the columns of all modalities stand side by
side, the header names them, and each group of channels has a value range of its own in the place of 1.

A dataset that was prepared with pretrained encoders also holds their columns, frame by frame, in arrays of their own
(``speech.encoders.settings.KINDS``), as float16; its header says which encoders they are. The voice in absolute
numbers (``speech.acoustics``) is kept likewise.

Formats: 2 names its shards in the manifest and calls the pairs that are matched by us "synthetic_pair"; 1 numbers
its shards from 0 and calls them "made_pair". Both are read, 2 is written.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import file_path
from ..core.deprecation import renamed_keywords
from ..core.errors import UserError
from ..core.files import atomic_path, write_arrays
from ..core.json_files import plain_json, read_json
from ..motion.representation import Representation, read_representation
from ..speech.acoustics import DIM as ACOUSTICS
from ..speech.encoders.settings import KINDS, EncoderSettings, input_slices, read_encoders

FORMAT = 2
READABLE = (1, 2)
SYNTHETIC_PAIR = "synthetic_pair"
OPEN_SHARDS = 32  # shards of a dataset that are mapped at a time; the least recently read one is closed
_SCALE = 32767.0
_OLD_KINDS = {"made_pair": SYNTHETIC_PAIR}  # format 1
_OLD_HEADER = {"made_pairs": "synthetic_pairs"}


@dataclass(frozen=True)
class Sample:
    """One sample of a dataset."""

    id: str
    # "motion" (real, no speech), "pair" (recorded together), "synthetic_pair" (matched by us) or "generated" (by
    # a model for a real speech; nothing trains on it).
    kind: str
    split: str  # train, val or test
    speaker: str  # whose motion
    emotion: str | None
    frames: int
    shard: int
    start: int  # first frame in its shard
    info: dict[str, Any] = field(default_factory=dict)


def held_out(sample: Sample) -> bool:
    """Whether a clip is one of those (one in six) that the emotion classifier never learns from, whoever acts.

    Emotions look different from person to person. The classifier is therefore also evaluated on clips that it has
    not seen of people whom it knows. [D]
    """
    return zlib.crc32(sample.id.encode()) % 6 == 0


@dataclass(frozen=True)
class SampleData:
    """What is written: the arrays of a sample and its description."""

    id: str
    kind: str
    split: str
    speaker: str
    emotion: str | None
    motion: np.ndarray  # [T, C] float32, encoded
    features: np.ndarray | None  # [T, F] float32, or None
    info: dict[str, Any] = field(default_factory=dict)
    # "acoustics" and columns of encoders by kind, [T, W] each
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)


def shard_name(shard: int | str) -> str:
    """Stem of a shard's files: a number is one of format 1, and of datasets that are written by hand."""
    return f"shard-{shard:05d}" if isinstance(shard, int) else shard


def shard_arrays(
    samples: Sequence[SampleData],
    feature_dim: int,
    *,
    widths: Mapping[str, int] | None = None,
    value_range: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Arrays of a shard by name, as they are stored: samples end to end, int16 and float16."""
    motion = np.concatenate([sample.motion for sample in samples])
    features = [
        np.zeros((len(sample.motion), feature_dim), np.float16)
        if sample.features is None
        else sample.features.astype(np.float16)
        for sample in samples
    ]
    if value_range is not None:
        motion = motion / value_range
    arrays = {"motion": _packed(motion), "features": np.concatenate(features)}
    for kind, width in (widths or {}).items():
        arrays[kind] = np.zeros((len(motion), width), np.float16)
        at = 0
        for sample in samples:
            if kind in sample.extra:
                arrays[kind][at : at + len(sample.motion)] = sample.extra[kind]
            at += len(sample.motion)
    return arrays


def described(samples: Sequence[SampleData]) -> list[dict[str, Any]]:
    """Descriptions of the samples of one shard, as the manifest has them, without the number of the shard."""
    start, result = 0, []
    for sample in samples:
        result.append(
            {
                "id": sample.id,
                "kind": _OLD_KINDS.get(sample.kind, sample.kind),
                "split": sample.split,
                "speaker": sample.speaker,
                "emotion": sample.emotion,
                "frames": len(sample.motion),
                "start": start,
                "info": sample.info,
            }
        )
        start += len(sample.motion)
    return result


def write_shard(
    folder: Path,
    shard: int | str,
    samples: Sequence[SampleData],
    feature_dim: int,
    *,
    widths: Mapping[str, int] | None = None,
    value_range: np.ndarray | None = None,
) -> None:
    """Write one shard and its description, atomically; an existing one is replaced.

    Args:
        shard: number or stem of its files.
        widths: columns by name, of encoders and "acoustics"; a sample that lacks them has zeros.
        value_range: [C] the largest value of every column (``Representation.value_range``); 1 for all if None.
    """
    arrays = shard_arrays(samples, feature_dim, widths=widths, value_range=value_range)
    write_arrays(folder / f"{shard_name(shard)}.safetensors", arrays)
    with atomic_path(folder / f"{shard_name(shard)}.json") as path:
        path.write_text(json.dumps(described(samples)))


def _packed(motion: np.ndarray) -> np.ndarray:
    """Encoded motion within [-1, 1] as int16."""
    return np.clip(np.round(motion * _SCALE), -_SCALE, _SCALE).astype(np.int16)


def rounded(motion: np.ndarray) -> np.ndarray:
    """Encoded motion [T, C] of bodies as a dataset gives it back after writing, float32."""
    return _packed(motion).astype(np.float32) / np.float32(_SCALE)


def write_manifest(
    folder: Path,
    header: Mapping[str, Any],
    shards: Iterable[int | str],
    samples: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write manifest.json; from then on the dataset can be opened.

    Args:
        shards: numbers or stems of the shards' files, in order.
        samples: descriptions with the index of their shard, in the order of the dataset; those beside the shards,
            one shard after the other, if None.
    """
    names = [shard_name(shard) for shard in shards]
    if samples is None:
        samples = [
            {**sample, "shard": index}
            for index, name in enumerate(names)
            for sample in json.loads((folder / f"{name}.json").read_text())
        ]
    manifest = {"format": FORMAT, **header, "shards": names, "items": list(samples)}
    with atomic_path(folder / "manifest.json") as path:
        path.write_text(json.dumps(manifest))


class GestureDataset:
    """A finished dataset, opened for reading.

    Opening reads the manifest alone. ``motion``, ``features`` and the others map the shard into memory and copy and
    decode the requested frames, so a process holds windows, never shards or the corpus. At most ``OPEN_SHARDS``
    shards are mapped at a time.
    """

    def __init__(self, folder: str | Path) -> None:
        """Open the dataset in ``folder``.

        Raises:
            UserError: there is none, its manifest is damaged, or it has a format of another version.
        """
        self.folder = file_path(folder, "the folder of a dataset")
        path = self.folder / "manifest.json"
        if not path.is_file():
            raise UserError(f"{folder} is no dataset: it has no manifest.json; make one with `cospeech prepare`")
        try:
            manifest = read_json(path, limit="file")
            version = manifest.pop("format")
            self.samples = _read_samples(manifest.pop("items"))
            names = manifest.pop("shards", None)
            self._names = None if names is None else [Path(name).name for name in names]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path} is damaged ({reason}); run `cospeech prepare` again") from None
        if version not in READABLE:
            known = " and ".join(map(str, READABLE))
            raise UserError(f"{folder} has dataset format {version}, this version reads {known}; prepare it again")
        self.header: dict[str, Any] = {_OLD_HEADER.get(name, name): value for name, value in manifest.items()}
        self.encoders: dict[str, EncoderSettings] = read_encoders(manifest.get("encoders"), path)
        self.representation: Representation = read_representation(manifest.get("space"), path)
        self._shards: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()

    @property
    def synthetic_pairs(self) -> bool:
        """Whether the dataset holds pairs that were matched by us."""
        return bool(self.header.get("synthetic_pairs", False))

    @property
    def items(self) -> list[Sample]:
        """``samples`` by their name in earlier versions."""
        return self.samples

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """Names of all whose motion is in the dataset, sorted."""
        return tuple(sorted({sample.speaker for sample in self.samples}))

    def select(
        self, *, split: str | tuple[str, ...] | None = None, kind: str | tuple[str, ...] | None = None
    ) -> list[Sample]:
        """Samples of the given splits and kinds."""
        splits = (split,) if isinstance(split, str) else split
        kinds = (kind,) if isinstance(kind, str) else kind
        if kinds is not None:
            kinds = tuple(_OLD_KINDS.get(name, name) for name in kinds)
        return [
            sample
            for sample in self.samples
            if (splits is None or sample.split in splits) and (kinds is None or sample.kind in kinds)
        ]

    @renamed_keywords({"part": "modality"})
    def motion(self, sample: Sample, start: int = 0, end: int | None = None, *, modality: str = "body") -> np.ndarray:
        """Encoded motion [T, C] float32 of a sample or of its frames start to end, one modality of the representation.

        Raises:
            UserError: there is no such modality, or there are no such frames.
        """
        if len(self.representation.modalities) == 1 and self.representation.name == "body" and modality == "body":
            return self._cut("motion", sample, start, end).astype(np.float32) / _SCALE
        self.representation.modality(modality)
        columns = self.representation.slices[modality]
        packed = self._cut("motion", sample, start, end)[:, columns]
        motion: np.ndarray = packed.astype(np.float32) / _SCALE * self.representation.value_range[columns]
        return motion

    def need_bodies(self, what: str) -> None:
        """Raises UserError if the dataset holds points in a picture, which ``what`` cannot use."""
        if self.representation.name == "points":
            raise UserError(
                f"{self.folder} holds points in a picture; {what} needs bodies, as of folder, beat or beat2"
            )

    def features(self, sample: Sample, start: int = 0, end: int | None = None) -> np.ndarray:
        """Speech features [T, F] float32 (zeros where there is no speech)."""
        return self._cut("features", sample, start, end).astype(np.float32)

    def extra(self, name: str, sample: Sample, start: int = 0, end: int | None = None) -> np.ndarray:
        """Columns of an encoder, [T, W] float32 (zeros where there is no speech, or no word).

        Raises:
            UserError: the dataset was prepared without one of this kind.
        """
        if name not in self.encoders:
            raise UserError(f"{self.folder} holds no {name}; run `cospeech prepare` in a new folder, with an encoder")
        return self._cut(name, sample, start, end).astype(np.float32)

    def acoustics(self, sample: Sample, start: int = 0, end: int | None = None) -> np.ndarray:
        """The voice in absolute numbers (``speech.acoustics``), [T, 42] float32; zeros where there is no speech.

        Raises:
            UserError: the dataset is from a version that kept none.
        """
        if self.header.get("acoustics") != ACOUSTICS:
            raise UserError(
                f"{self.folder} does not keep how the voices sound, which emotion is recognised by; "
                "run `cospeech prepare` again in a new folder"
            )
        return self._cut("acoustics", sample, start, end).astype(np.float32)

    @cached_property
    def slices(self) -> Mapping[str, slice]:
        """Named columns of ``inputs``: "features", then those of the dataset's encoders."""
        return input_slices(int(self.header["feature_dim"]), self.encoders)

    def inputs(
        self,
        sample: Sample,
        start: int = 0,
        end: int | None = None,
        *,
        encoders: Mapping[str, EncoderSettings] | None = None,
    ) -> np.ndarray:
        """All conditioning columns of the speech, [T, F + W ...] float32, in the order of ``slices``.

        Args:
            encoders: only those that a model was trained with (``SpeechInputs.settings``); all if None.
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
        columns = [self.features(sample, start, end)]
        columns += [self.extra(kind, sample, start, end) for kind in KINDS if kind in chosen]
        return np.concatenate(columns, axis=1) if len(columns) > 1 else columns[0]

    def _cut(self, name: str, sample: Sample, start: int, end: int | None) -> np.ndarray:
        end = sample.frames if end is None else end
        if not 0 <= start <= end <= sample.frames:
            raise UserError(f"frames {start}:{end} are outside of sample {sample.id!r} with {sample.frames}")
        part = self._shard(sample.shard).get(name, np.zeros(0))[sample.start + start : sample.start + end]
        if len(part) < end - start or (name in self.encoders and part.shape[1] != self.encoders[name].width):
            raise UserError(
                f"{self.folder} is mixed up: shard {sample.shard} ends before {sample.id!r} does; "
                "run `cospeech prepare` again in a new folder"
            )
        return part

    def _shard(self, number: int) -> dict[str, np.ndarray]:
        if number not in self._shards:
            self._shards[number] = _map_shard(self.folder / f"{self._shard_name(number)}.safetensors")
            if len(self._shards) > OPEN_SHARDS:
                self._shards.popitem(last=False)
        self._shards.move_to_end(number)
        return self._shards[number]

    def _shard_name(self, number: int) -> str:
        if self._names is None:
            return shard_name(number)
        if not 0 <= number < len(self._names):
            raise UserError(f"{self.folder} is mixed up: it names no shard {number}; run `cospeech prepare` again")
        return self._names[number]

    @cached_property
    def fingerprint(self) -> str:
        """Eight hex digits that change when the samples or the encoders do."""
        text = json.dumps([[sample.id, sample.frames] for sample in self.samples])
        if self.encoders:
            own = {kind: (s.layer, s.precision, s.width, s.weights) for kind, s in self.encoders.items()}
            text += json.dumps(own, sort_keys=True)
        if self.representation.name != "body":
            text += json.dumps(self.representation.describe())
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def _read_samples(described: Any) -> list[Sample]:
    """Samples of a manifest, every type checked. Raises ValueError."""
    import msgspec

    try:
        samples = msgspec.convert(described, list[Sample])
    except msgspec.ValidationError as error:
        raise ValueError(error) from None
    unknown = {name for sample in described for name in sample} - {field.name for field in fields(Sample)}
    if unknown:
        raise ValueError(f"samples have no {min(unknown)!r}")
    kinds = [_OLD_KINDS.get(sample.kind) for sample in samples]
    return [sample if kind is None else replace(sample, kind=kind) for sample, kind in zip(samples, kinds, strict=True)]


def _map_shard(path: Path) -> dict[str, np.ndarray]:
    """Memory-map the tensors of a safetensors file."""
    types = {"I16": np.int16, "F16": np.float16, "F32": np.float32}
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("no safetensors file")
            header = plain_json(file.read(size), path)
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
