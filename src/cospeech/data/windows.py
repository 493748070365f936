"""Random windows over the samples of a dataset, read when they are drawn: one sampler for every training stage.

A stage that trains on plain windows calls the sampler::

    sampler = WindowSampler(dataset, kinds=PAIRS, window=144, batch_size=64, seed=training.seed)
    batch = sampler(step, rank=process.rank, world_size=process.world_size)   # batch["motion"] [B, 144, C], ...

A stage that places windows by a rule of its own (another rate, tokens instead of frames, mirrored) takes the
choices and draws the rest from the same generator::

    rng = sampler.rng(step, rank=process.rank)
    for row, (index, sample) in enumerate(sampler.choose(rng, world_size=process.world_size)):
        start, count = place_window(rng, len(codes[index]), window)
        x[row, :count] = dataset.motion(sample, start, start + count)

What is computed once from every sample (tokens, latents) goes into ``SampleArrays``: one file, mapped into memory.
``Moments`` gathers means and deviations without holding what it has seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core.deprecation import renamed_keywords
from ..core.errors import UserError
from ..core.files import atomic_path
from .dataset import SYNTHETIC_PAIR, GestureDataset, Sample

RECORDED = ("motion", "pair")  # kinds of samples whose motion was recorded
PAIRS = ("pair", SYNTHETIC_PAIR)  # kinds of samples with speech

Arrays = dict[str, np.ndarray]
Augment = Callable[[Arrays, Sample, np.random.Generator], Arrays]


def place_window(rng: np.random.Generator, length: int, window: int) -> tuple[int, int]:
    """First frame and number of frames of a random window; the whole where ``length`` is less than the window."""
    count = min(window, length)
    return int(rng.integers(length - count + 1)), count


def select_samples(
    dataset: GestureDataset,
    *,
    splits: Sequence[str] = ("train",),
    kinds: Sequence[str] | None = None,
    keep: Callable[[Sample], bool] | None = None,
    what: str = "motion",
) -> list[Sample]:
    """Samples of the splits and kinds for which ``keep`` is true.

    Raises:
        UserError: there are none; ``what`` says what they would have been.
    """
    kinds = None if kinds is None else tuple(kinds)
    found = [sample for sample in dataset.select(split=tuple(splits), kind=kinds) if keep is None or keep(sample)]
    if not found:
        raise UserError(f"the dataset has no {what} in {', '.join(splits)}; prepare more, or name other splits")
    return found


class WindowSampler:
    """Random windows of given samples; every batch is determined by (seed, step, rank) alone.

    Nothing of the corpus is held: ``__call__`` reads the frames of its windows from the memory-mapped dataset.
    """

    @renamed_keywords({"part": "modality"})
    def __init__(
        self,
        dataset: GestureDataset,
        samples: Sequence[Sample],
        *,
        batch_size: int,
        window: int = 64,
        seed: int = 0,
        stream: int = 0,
        weights: Iterable[float] | None = None,
        modality: str = "body",
        augment: Augment | None = None,
    ) -> None:
        """Prepare to draw.

        Args:
            samples: what is drawn from (``select_samples``).
            batch_size: windows in a step, over all processes.
            window: frames of the windows that ``__call__`` reads.
            seed, stream: the generator of a step is seeded by (seed, step + stream, rank).
            weights: [S] chance of each sample up to a factor; its number of frames if None.
            modality: whose motion ``__call__`` reads: body or face.
            augment: (arrays, sample, rng) -> arrays of the same shapes; called for every window in turn.
        """
        self.dataset, self.samples, self.batch_size, self.window = dataset, list(samples), batch_size, window
        self.seed, self.stream, self.modality, self.augment = seed, stream, modality, augment
        own = [sample.frames for sample in self.samples] if weights is None else list(weights)
        chance = np.array(own, dtype=np.float64)
        self._chance = chance / chance.sum()

    def rng(self, step: int, *, rank: int = 0) -> np.random.Generator:
        """The generator of a process' batch at a step."""
        return np.random.default_rng([self.seed, step + self.stream, rank])

    @renamed_keywords({"world": "world_size"})
    def choose(self, rng: np.random.Generator, *, world_size: int = 1) -> list[tuple[int, Sample]]:
        """This process' share of a batch: (index among ``samples``, sample) of each window."""
        size = self.batch_size // world_size
        chosen = rng.choice(len(self.samples), size=size, p=self._chance)
        return [(int(index), self.samples[index]) for index in chosen]

    @renamed_keywords({"world": "world_size"})
    def __call__(self, step: int, *, rank: int = 0, world_size: int = 1) -> Arrays:
        """The batch of a step.

        Returns:
            motion [B, T, C] and speech [B, T, F] float32 (``GestureDataset.inputs``), zeros after the end of a sample
            that is shorter than the window; valid [B, T] bool; index [B] among ``samples``, start [B] first frame.
        """
        rng = self.rng(step, rank=rank)
        rows: list[Arrays] = []
        for index, sample in self.choose(rng, world_size=world_size):
            start, count = place_window(rng, sample.frames, self.window)
            arrays = {
                "motion": self.dataset.motion(sample, start, start + count, modality=self.modality),
                "speech": self.dataset.inputs(sample, start, start + count),
            }
            if self.augment is not None:
                arrays = self.augment(arrays, sample, rng)
            row = {name: _padded(values, self.window) for name, values in arrays.items()}
            row["valid"] = np.arange(self.window) < count
            rows.append({**row, "index": np.array(index), "start": np.array(start)})
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _padded(values: np.ndarray, frames: int) -> np.ndarray:
    return np.pad(values, ((0, frames - len(values)), (0, 0)))


class SampleArrays:
    """One array [N, ...] for every sample, computed once, kept in a file and mapped into memory.

    Indexing gives the array of a sample; ``lengths`` are the N. A file that was computed from the same samples with
    the same ``key`` is used again, so a continued run does not encode its corpus anew.
    """

    def __init__(
        self, path: str | Path, samples: Sequence[Sample], compute: Callable[[Sample], np.ndarray], *, key: str
    ) -> None:
        """Compute and write what is not there yet.

        Args:
            path: file without suffix; ``.npy`` and ``.json`` are added.
            compute: sample -> [N, ...], all of one type and of one shape behind N.
            key: what else the arrays depend on: fingerprint of the dataset, hash of the encoder's weights.
        """
        values, index = (Path(f"{path}{suffix}") for suffix in (".npy", ".json"))
        wanted = hashlib.sha256(json.dumps([key, [[s.id, s.frames] for s in samples]]).encode()).hexdigest()
        lengths = _lengths(index, wanted) if values.is_file() else None
        if lengths is None:
            index.unlink(missing_ok=True)
            lengths = _write_rows(values, (compute(sample) for sample in samples))
            with atomic_path(index) as temporary:
                temporary.write_text(json.dumps({"key": wanted, "lengths": lengths}))
        self.lengths = np.array(lengths, dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self._rows = np.load(values, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        rows: np.ndarray = self._rows[self._starts[index] : self._starts[index + 1]]
        return rows


def _lengths(index: Path, key: str) -> list[int] | None:
    """Lengths of the arrays that were written under a key; None if they were not."""
    try:
        written = json.loads(index.read_text())
        return [int(length) for length in written["lengths"]] if written["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_rows(path: Path, arrays: Iterable[np.ndarray]) -> list[int]:
    """Write arrays end to end as one .npy file, one at a time in memory; returns their lengths."""
    lengths: list[int] = []
    head: np.ndarray | None = None
    with atomic_path(path) as temporary:
        with open(temporary, "w+b") as file:
            for array in arrays:
                if head is None:
                    head = array[:0]
                    _write_header(file, head, 0)
                file.write(np.ascontiguousarray(array, dtype=head.dtype).tobytes())
                lengths.append(len(array))
            file.seek(0)
            _write_header(file, np.zeros(0, np.float32) if head is None else head, sum(lengths))
    return lengths


def _write_header(file: BinaryIO, head: np.ndarray, rows: int) -> None:
    """The header of a .npy file; NumPy pads it so that a greater number of rows leaves its size as it is."""
    shape = (rows, *head.shape[1:])
    described = {"descr": np.lib.format.dtype_to_descr(head.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)


class Moments:
    """Mean and variance of the columns of many arrays, one at a time, in float64 (Chan, Golub and LeVeque 1983)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray = np.zeros(())  # [C]
        self._squares: np.ndarray = np.zeros(())  # [C] sum of squared differences from the mean

    def add(self, values: np.ndarray) -> None:
        """Count [T, C] in."""
        rows = np.asarray(values, dtype=np.float64)
        if not len(rows):
            return
        mean = rows.mean(0)
        squares = ((rows - mean) ** 2).sum(0)
        total = self.count + len(rows)
        change = mean - self.mean
        self._squares = self._squares + squares + change**2 * (self.count * len(rows) / total)
        self.mean = self.mean + change * (len(rows) / total)
        self.count = total

    @property
    def variance(self) -> np.ndarray:
        """[C] of all rows, as ``numpy.var`` has it."""
        result: np.ndarray = self._squares / max(self.count, 1)
        return result

    @property
    def deviation(self) -> np.ndarray:
        """[C] standard deviation."""
        result: np.ndarray = np.sqrt(self.variance)
        return result
