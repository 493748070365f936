"""Shards and catalogue rows of new recordings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..methods.flow.latents import STACK
from ..speech.speech import Word
from .catalogue import Writing
from .expressiveness import Expressiveness
from .latents import LatentMotion, packed_keys
from .sample import plain_text
from .shards import FRAMES, MOTION, ShardFile, unpacked, write_bases, write_shard_file

SHARD_FRAMES = 40_000  # about 22 minutes a shard, 21 MB


@dataclass(frozen=True)
class Segment:
    """What is written of one segment."""

    start: int  # frames in the recording
    end: int
    words: tuple[Word, ...] | None  # seconds from the segment's start
    gesture: np.ndarray  # [E]
    speech: np.ndarray | None  # [E]
    expressiveness: Expressiveness
    frames: np.ndarray | None = None  # [N, E'] keys of its frames, if the embedder gives any


@dataclass(frozen=True)
class Recording:
    """What is written of one recording."""

    name: str
    kind: str
    split: str
    speaker: str
    emotion: str | None
    origins: tuple[str, ...]  # what it is made of, see ``build.origins``
    digest: str  # of motion and speech
    frames: int  # T
    motion: np.ndarray  # [T, C] int16; or rows of latents, int8, which belong to the bases of the library
    segments: tuple[Segment, ...]


class Shards:
    """Writes recordings into shards, numbered after those that the library has. No recording is in two.

    Rows are kept back to the end: as long as nothing is written into the catalogue, readers never wait.
    """

    def __init__(self, change: Writing, embedding: int, bases: LatentMotion | None = None) -> None:
        """Into a library of ``embedding`` numbers a key.

        Args:
            bases: keep motion as latents of these, and keys as one byte a number.
        """
        self._change, self._embedding, self._bases = change, embedding, bases
        self._waiting: list[Recording] = []
        self._frames = 0  # of those
        self._rows: dict[str, list[tuple[Any, ...]]] = {
            name: [] for name in ("shard", "file", "recording", "origin", "entry")
        }
        self._shard, self._recording, self._row = (
            self._after(table, column) for table, column in (("shard", "id"), ("recording", "id"), ("entry", "row"))
        )

    def _after(self, table: str, column: str) -> int:
        query = f"SELECT coalesce(max({column}), -1) FROM {table}"
        return int(self._change.connection.execute(query).fetchone()[0]) + 1

    def add(self, recording: Recording) -> None:
        """Add a recording; a shard is written when it is full."""
        if self._bases is not None and recording.motion.dtype != np.int8:
            recording = replace(recording, motion=self._bases.packed(unpacked(recording.motion)))
        self._waiting.append(recording)
        self._frames += self._room(recording)
        if self._frames >= SHARD_FRAMES:
            self.flush()

    def _room(self, recording: Recording) -> int:
        """Frames that a recording takes in its shard."""
        return len(recording.motion) * (1 if self._bases is None else STACK)

    def flush(self) -> None:
        """Write what is waiting as one shard."""
        found = [segment for recording in self._waiting for segment in recording.segments]
        if not found:
            return
        motion = np.concatenate([recording.motion for recording in self._waiting])
        self._write(MOTION, motion)
        for role, array in _keys(found, self._embedding).items():
            self._write(role, array.astype(np.float32) if self._bases is None else packed_keys(array))
        frames = [segment.frames for segment in found if segment.frames is not None]
        if len(frames) == len(found):
            counts = np.array([len(own) for own in frames], dtype=np.int64)
            keys = np.concatenate(frames)
            self._write(FRAMES, keys.astype(np.float16) if self._bases is None else packed_keys(keys), counts=counts)
        self._rows["shard"].append((self._shard, self._row, len(found), self._frames))
        offset = 0
        for recording in self._waiting:
            self._describe(recording, offset)
            offset += self._room(recording)
        self._shard, self._waiting, self._frames = self._shard + 1, [], 0

    def _write(self, role: str, array: np.ndarray, *, counts: np.ndarray | None = None) -> None:
        """Write one file of the shard, and its row."""
        self._list(write_shard_file(self._change.folder, self._shard, role, array, counts=counts))

    def _list(self, file: ShardFile) -> None:
        self._rows["file"].append(tuple(asdict(file).values()))

    def write_bases(self) -> None:
        """Write the bases of latents, which a new library of latents needs."""
        if self._bases is not None:
            self._list(write_bases(self._change.folder, self._bases))

    def _describe(self, recording: Recording, offset: int) -> None:
        """Rows of a recording whose first frame is so far into the shard."""
        one = recording
        self._rows["recording"].append(
            (self._recording, one.name, one.kind, one.split, one.speaker, one.emotion, one.frames, one.digest)
        )
        self._rows["origin"] += [(self._recording, name) for name in one.origins]
        for segment in recording.segments:
            words = text = None
            if segment.words is not None:
                words = json.dumps([list(asdict(word).values()) for word in segment.words])
                text = plain_text(" ".join(word.text for word in segment.words))
            figures = asdict(segment.expressiveness).values()
            self._rows["entry"].append(
                (
                    self._row,
                    self._recording,
                    self._shard,
                    offset + segment.start,
                    segment.start,
                    segment.end,
                    int(segment.speech is not None),
                    words,
                    text,
                    *figures,
                )
            )
            self._row += 1
        self._recording += 1

    def finish(self) -> None:
        """Write the last shard, and all rows into the catalogue."""
        self.flush()
        for table, rows in self._rows.items():
            self._change.insert(table, rows)


def _keys(segments: Sequence[Segment], size: int) -> dict[str, np.ndarray]:
    """Keys [N, E] of segments by role; of speech zeros where a segment has none, and no array if none has."""
    keys = {"gesture": np.stack([segment.gesture for segment in segments])}
    if any(segment.speech is not None for segment in segments):
        none = np.zeros(size, dtype=np.float32)
        keys["speech"] = np.stack([none if segment.speech is None else segment.speech for segment in segments])
    return keys
