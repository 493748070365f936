"""A gesture library, opened for reading: its samples, their keys and their motion."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import file_path
from ..core.deprecation import warn_renamed
from ..core.emotions import canonical_emotion
from ..core.errors import UserError
from ..core.json_files import plain_json
from ..core.progress import note
from ..core.timing import FPS
from ..methods.flow.latents import STACK
from ..motion.codec import Codec
from ..motion.motion import Motion
from ..motion.procedural.posture import plant
from ..speech.layout import LAYOUT
from ..speech.speech import Word
from . import index
from .catalogue import Header, read_catalogue, read_files, read_header
from .embedder import Embedder, Embedding
from .expressiveness import Expressiveness
from .latents import PARTS, LatentMotion, rows_around, rows_of
from .sample import Filters, LibrarySample, plain_text
from .shards import (
    FRAMES,
    MOTION,
    NO_SHARD,
    Damaged,
    ShardFile,
    read_array,
    read_bases,
    read_bytes,
    read_frame_keys,
    read_frames,
    unpacked,
)

SYNC_TOLERANCE = 2.0  # steps, as in the contrast of frames

_SAMPLE = (
    "SELECT row, name, kind, split, speaker, emotion, start, end, words, spoken, speed, peak, extent, "
    "strokes FROM entry JOIN recording ON recording.id = recording"
)


@dataclass(frozen=True)
class Hit:
    """A segment that was found."""

    rank: int  # 1 is the best
    score: float  # cosine, -1 to 1
    sample: LibrarySample

    @property
    def entry(self) -> LibrarySample:
        """The old name of ``sample``."""
        warn_renamed("Hit.entry", "Hit.sample")
        return self.sample


@dataclass(frozen=True)
class Keys:
    """All keys of one role."""

    values: np.ndarray  # [N, E] float32 of length one, zeros where there is none
    present: np.ndarray  # [N] bool


class GestureLibrary:
    """What a library was when it was opened; what is added later is not seen.

    Raises:
        UserError: there is no library, it is damaged, of another format, or of another skeleton, frame rate
            or set of features than this version has.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = file_path(folder, "the folder of a gesture library")
        self.catalogue: sqlite3.Connection = read_catalogue(self.folder)
        self.header: Header = read_header(self.folder, self.catalogue)
        self._codec = Codec()
        own = Header(self.header.embedding, float(FPS), self._codec.body, self._codec.hands, LAYOUT.dim)
        check_header(self.header, own, self.folder)
        self._files = {(file.shard, file.role): file for file in read_files(self.catalogue)}
        self._verified: set[str] = set()
        self._reported: set[str] = set()
        self._frames: dict[int, tuple[int, np.ndarray, np.ndarray]] = {}  # shard -> first row, bounds, keys
        self._keys: dict[str, Keys] = {}
        self._approximate: dict[str, index.FaissIndex] = {}
        self._of: dict[tuple[str | None, str | None], np.ndarray] = {}  # recordings of speaker and emotion
        self._last: tuple[Filters, np.ndarray] | None = None  # a long question asks with one filter

    def __len__(self) -> int:
        """Number of segments."""
        return int(self.catalogue.execute("SELECT count(*) FROM entry").fetchone()[0])

    @property
    def files(self) -> list[ShardFile]:
        """All shard files."""
        return list(self._files.values())

    @property
    def roles(self) -> set[tuple[int, str]]:
        """Which shard has a file of which role."""
        return set(self._files)

    # ------------------------------------------------------------------------ samples

    def samples(self, rows: Iterable[int] | None = None) -> list[LibrarySample]:
        """The samples of rows, in their order; all of them if None."""
        if rows is None:
            return [_sample(found) for found in self.catalogue.execute(f"{_SAMPLE} ORDER BY row")]
        query = f"{_SAMPLE} WHERE row = ?"
        return [_sample(self.catalogue.execute(query, (int(row),)).fetchone()) for row in rows]

    def entries(self, rows: Iterable[int] | None = None) -> list[LibrarySample]:
        """The old name of ``samples``."""
        warn_renamed("GestureLibrary.entries", "GestureLibrary.samples")
        return self.samples(rows)

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """Names of all whose motion is in the library, sorted."""
        return tuple(n for (n,) in self.catalogue.execute("SELECT DISTINCT speaker FROM recording ORDER BY 1"))

    def related(self, names: Sequence[str]) -> set[int]:
        """Ids of the recordings of these names and of all that share an original with one of them."""
        query = (
            "SELECT id FROM recording WHERE name = ?1 UNION SELECT recording FROM origin WHERE name = ?1 OR "
            "name IN (SELECT origin.name FROM origin JOIN recording ON id = recording "
            "WHERE recording.name = ?1)"
        )
        return {row for name in names for (row,) in self.catalogue.execute(query, (name,))}

    def allowed(self, filters: Filters) -> np.ndarray | None:
        """[N] bool: the rows that filters let through; None if they let all through.

        Raises:
            UserError: an unknown speaker or emotion; the message lists the known ones.
        """
        if filters == Filters():
            return None
        if self._last is not None and self._last[0] == filters:
            return self._last[1].copy()
        columns = self._columns
        allowed: np.ndarray = self._recordings(filters)[columns["recording"]]
        for name, least in (
            ("speed", filters.min_speed),
            ("peak", filters.min_peak),
            ("extent", filters.min_extent),
            ("strokes", filters.min_strokes),
        ):
            if least is not None:
                allowed &= columns[name] >= least
        if filters.max_speed is not None:
            allowed &= columns["speed"] <= filters.max_speed
        if filters.words is not None:
            said = np.zeros(len(allowed), dtype=bool)
            query = "SELECT row FROM entry WHERE instr(text, ?) > 0"
            said[[row for (row,) in self.catalogue.execute(query, (_phrase(filters.words),))]] = True
            allowed &= said
        self._last = (filters, allowed.copy())
        return allowed

    def _recordings(self, filters: Filters) -> np.ndarray:
        """[highest id + 1] bool: which recordings a speaker, an emotion and what is excluded leave."""
        if filters.speaker is not None and filters.speaker not in self.speakers:
            raise UserError(f"unknown speaker {filters.speaker!r}; the library has {', '.join(self.speakers)}")
        emotion = None if filters.emotion is None else canonical_emotion(filters.emotion)
        if (filters.speaker, emotion) not in self._of:
            rows = self.catalogue.execute(
                "SELECT id FROM recording WHERE (?1 IS NULL OR speaker = ?1) AND (?2 IS NULL OR emotion = ?2)",
                (filters.speaker, emotion),
            )
            query = "SELECT coalesce(max(id), 0) FROM recording"
            of = np.zeros(self.catalogue.execute(query).fetchone()[0] + 1, dtype=bool)
            of[[row for (row,) in rows]] = True
            self._of[filters.speaker, emotion] = of
        left = self._of[filters.speaker, emotion].copy()
        left[list(self.related(filters.exclude))] = False
        return left

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        """[N] each."""
        names = ("recording", "speed", "peak", "extent", "strokes")
        rows = self.catalogue.execute(f"SELECT {', '.join(names)} FROM entry ORDER BY row").fetchall()
        values = np.array(rows, dtype=np.float64).reshape(-1, len(names)).T
        columns = {name: np.ascontiguousarray(column) for name, column in zip(names, values, strict=True)}
        return {**columns, "recording": columns["recording"].astype(np.int64)}

    # ------------------------------------------------------------------------ keys and search

    def keys(self, role: str) -> Keys:
        """Keys of a role ("gesture" or "speech"), read and checked when they are first asked for.

        Damaged files are reported once, and their segments are left out.
        """
        if role not in self._keys:
            values = np.zeros((len(self), self.header.embedding.size), dtype=np.float32)
            lost = 0
            query = "SELECT id, first_row, rows FROM shard ORDER BY id"
            for shard, first, count in self.catalogue.execute(query).fetchall():
                if (shard, role) not in self._files:
                    continue
                file = self._files[shard, role]
                try:
                    values[first : first + count] = _shaped(read_array(self.folder, file), count, self, file)
                except Damaged as error:
                    lost += count
                    note(f"{error}; see `cospeech library check {self.folder}`")
            if lost:
                note(f"{lost} of {len(self)} segments are left out")
            self._keys[role] = Keys(values, np.any(values, axis=1))
        return self._keys[role]

    def nearest(
        self, key: np.ndarray, *, role: str, k: int = 5, filters: Filters | None = None, approximate: bool = False
    ) -> list[Hit]:
        """The segments whose keys are nearest to one, best first.

        Args:
            key: [E] of length one, of the embedder that the library was made with.
            role: "gesture" compares with how segments move, "speech" with what was said.
            k: hits at most.
            filters: which segments may be found.
            approximate: ask faiss, whose index is made at the first question; few keys are compared
                exactly all the same.
        Raises:
            UserError: impossible filters, or faiss is wanted and not there.
        """
        if k < 1:
            raise UserError(f"k must be 1 or more; got {k}")
        if key.shape != (self.header.embedding.size,):
            raise UserError(
                f"the library has keys of {self.header.embedding.size} numbers, got shape {list(key.shape)}; "
                f"ask with the embedding {self.header.embedding.name}"
            )
        keys = self.keys(role)
        allowed = self.allowed(filters or Filters())
        if allowed is not None:
            allowed = allowed & keys.present
        elif not keys.present.all():
            allowed = keys.present
        if approximate and (len(keys.present) if allowed is None else int(allowed.sum())) >= index.FEW:
            if role not in self._approximate:
                self._approximate[role] = index.FaissIndex(keys.values, keys.present)
            rows, scores = self._approximate[role].nearest(key, k=k, allowed=allowed)
        else:
            rows, scores = index.nearest(keys.values, key, k=k, allowed=allowed)
        found = self.samples(rows.tolist())
        return [Hit(n, float(s), e) for n, (s, e) in enumerate(zip(scores, found, strict=True), start=1)]

    def check_embedder(self, embedder: Embedder) -> None:
        """Raises UserError if the library was made with another embedder than this one."""
        theirs, ours = self.header.embedding, Embedding.of(embedder)
        if theirs != ours:
            raise UserError(
                f"{self.folder} was made with the embedding {theirs}, this is {ours}; give the model it was "
                "made with as --model (generate: --library-model), or build it again with "
                f"`cospeech library build DATASET -o {self.folder}`"
            )

    @property
    def has_frame_keys(self) -> bool:
        """Has every shard keys of frames?"""
        shards = {shard for shard, _ in self._files if shard != NO_SHARD}
        return bool(shards) and all((shard, FRAMES) in self._files for shard in shards)

    def frame_keys(self, entry: LibrarySample) -> np.ndarray:
        """Keys of an entry's frames [N, E'], of length one. Raises ``Damaged`` if they cannot be read."""
        (shard,) = self.catalogue.execute("SELECT shard FROM entry WHERE row = ?", (entry.row,)).fetchone()
        if shard not in self._frames:
            first, rows = self.catalogue.execute("SELECT first_row, rows FROM shard WHERE id = ?", (shard,)).fetchone()
            file = self._files[shard, FRAMES]
            keys, counts = read_frame_keys(self.folder, file)
            if len(counts) != rows:
                raise Damaged(f"{self.folder / file.name} has keys of {len(counts)} segments, not of {rows}")
            self._frames[shard] = (first, np.concatenate([[0], np.cumsum(counts)]), keys)
        first, bounds, keys = self._frames[shard]
        place = entry.row - first
        return keys[bounds[place] : bounds[place + 1]].astype(np.float32)

    def rerank(self, hits: Sequence[Hit], frames: np.ndarray) -> list[Hit]:
        """Hits put in order by the mean of their score and that of their frames, best first.

        Args:
            frames: [N, E'] keys of the question's frames. For each of them the best frame near its own
                place in the segment counts (``methods.exges.retrieval_network.fine_similarity``).
        """
        scores = []
        for hit in hits:
            try:
                own = self.frame_keys(hit.sample)
            except Damaged as error:
                self.report(error)
                scores.append(hit.score)
                continue
            place = (np.arange(len(frames)) + 0.5) * len(own) / len(frames) - 0.5
            near = np.abs(np.arange(len(own)) - place[:, None]) <= SYNC_TOLERANCE
            scores.append(float(np.where(near, frames @ own.T, -1.0).max(1).mean()))
        both = [(hit.score + score) / 2 for hit, score in zip(hits, scores, strict=True)]
        order = np.argsort(both, kind="stable")[::-1]
        return [Hit(n, both[k], hits[k].sample) for n, k in enumerate(order.tolist(), start=1)]

    def report(self, error: Damaged) -> None:
        """Note a damaged file, once."""
        if str(error) not in self._reported:
            self._reported.add(str(error))
            note(f"{error}; what it holds is left out")

    @property
    def speeds(self) -> np.ndarray:
        """[N] mean hand speed of every segment, metres a second."""
        return self._columns["speed"]

    # ------------------------------------------------------------------------ motion

    def encoded(self, entry: LibrarySample) -> np.ndarray:
        """Coded motion [T, C] float32 of an entry: exactly what the dataset had, or decoded from latents.

        Raises:
            Damaged: its shard cannot be read; all others still can.
        """
        shard, first = self.catalogue.execute("SELECT shard, first FROM entry WHERE row = ?", (entry.row,)).fetchone()
        file = self._files[shard, MOTION]
        if file.name not in self._verified:
            try:
                read_bytes(self.folder, file)
            except Damaged as error:
                raise Damaged(
                    f"{error}; the motion of {entry.id} is lost, or the library was built anew since it was "
                    f"opened; see `cospeech library check {self.folder}`"
                ) from None
            self._verified.add(file.name)
        frames = entry.last - entry.first
        bases = self.bases
        if bases is None:
            return unpacked(read_frames(self.folder, file, first, frames))
        query = "SELECT frames FROM recording WHERE name = ?"
        (whole,) = self.catalogue.execute(query, (entry.recording,)).fetchone()
        start, stop = rows_around(entry.first, frames, rows_of(whole))
        rows = read_frames(self.folder, file, (first - entry.first) // STACK + start, stop - start)
        return bases.unpacked(rows, entry.first - start * STACK, frames)

    @cached_property
    def bases(self) -> LatentMotion | None:
        """Of the latents that motion is kept as; None if it is kept as frames. Raises ``Damaged``."""
        if self.header.bases is None:
            return None
        file = self._files.get((NO_SHARD, PARTS))
        if file is None:
            raise Damaged(f"{self.folder} has no bases of its latents; all motion is lost")
        return read_bases(self.folder, file)

    def motion(self, entry: LibrarySample) -> Motion:
        """The motion of an entry: canonical, 30 fps, legs under it. Raises as ``coded``."""
        return plant(self._codec.decode(self.encoded(entry)), seated=False)


def check_header(header: Header, own: Header, folder: Path) -> None:
    """Raises UserError, with what to do, if a library is of another skeleton, rate or set of features."""
    again = f"prepare its corpora again and then `cospeech library build DATASET -o {folder}`"
    if (header.body, header.hands) != (own.body, own.hands):
        theirs, ours = (len(h.body) + len(h.hands) for h in (header, own))
        raise UserError(
            f"{folder} holds motion of another skeleton ({theirs} joints, this version codes {ours}); {again}"
        )
    if header.fps != own.fps:
        raise UserError(f"{folder} holds motion at {header.fps:g} frames a second, expected {own.fps:g}; {again}")
    if header.features != own.features:
        raise UserError(
            f"{folder} was made from {header.features} speech features, this version has {own.features}; {again}"
        )


def _shaped(keys: np.ndarray, count: int, library: GestureLibrary, file: ShardFile) -> np.ndarray:
    if keys.shape != (count, library.header.embedding.size):
        raise Damaged(f"{library.folder / file.name} has keys of shape {list(keys.shape)}")
    return keys


def _phrase(words: str) -> str:
    phrase = plain_text(words)
    if not phrase:
        raise UserError(f"words must hold a word; got {words!r}")
    return phrase


def _sample(found: tuple[Any, ...] | None) -> LibrarySample:
    """A sample as the catalogue has it. Raises Damaged for what is missing or of another kind."""
    if found is None:
        raise Damaged("the catalogue is damaged: a segment or its recording is gone; build the library again")
    row, name, kind, split, speaker, emotion, start, end, words, spoken, *figures = found
    texts, numbers = (name, kind, split, speaker), (row, start, end, spoken)
    if not all(type(text) is str for text in texts) or not all(type(number) is int for number in numbers):
        raise Damaged(
            f"the catalogue is damaged: segment {str(row)[:20]} is described wrongly; build the library again"
        )
    try:
        said = None if words is None else tuple(_word(*word) for word in plain_json(words, "words"))
        speed, peak, extent, strokes = figures
        expressiveness = Expressiveness(float(speed), float(peak), float(extent), int(strokes))
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:80]
        raise Damaged(f"the catalogue is damaged: segment {row} ({reason}); build the library again") from None
    return LibrarySample(row, name, kind, split, speaker, emotion, start, end, said, bool(spoken), expressiveness)


def _word(text: Any, start: Any, end: Any) -> Word:
    return Word(str(text), float(start), float(end))


def open_library(folder: str | Path) -> GestureLibrary:
    """Open a gesture library for reading. Raises UserError as ``GestureLibrary``."""
    return GestureLibrary(folder)
