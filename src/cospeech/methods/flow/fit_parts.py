"""Fitting latents and words of body parts: closed form, no training; a run folder like that of any stage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ...core.errors import UserError
from ...core.files import atomic_path, write_arrays
from ...data.dataset import GestureDataset, Sample
from ...data.windows import RECORDED, select_samples
from ...motion.codec import Codec
from ..alignment.network import Alignment
from ..training import description
from .codes import SIZE, PartCodes, Teacher
from .latents import RANK, STACK, PartLatents

METHOD = "body parts"  # as config.json of a run has it


@dataclass(frozen=True)
class PartsConfig:
    """Sizes of latents and words."""

    rank: int = RANK  # latent numbers of a part
    codes: int = SIZE  # words of a part
    distill: bool = True  # words are distilled from the alignment [P]


class _Motions:
    """Encoded motions of samples, read when they are iterated over."""

    def __init__(self, dataset: GestureDataset, samples: list[Sample]) -> None:
        self.dataset, self.samples = dataset, samples

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.dataset.motion(sample) for sample in self.samples)


def fit_parts(
    dataset: GestureDataset,
    folder: str | Path,
    *,
    config: PartsConfig | None = None,
    seed: int = 0,
    splits: tuple[str, ...] = ("train",),
    alignment: Alignment | None = None,
) -> PartCodes:
    """Fit latents and words to recorded motion, and write them into a run folder.

    Args:
        alignment: whose gesture features the words are distilled from; needed with ``config.distill``.
    Raises:
        UserError: no recorded motion, or an alignment that is missing or of another step.
    """
    folder, config = Path(folder), config or PartsConfig()
    samples = select_samples(dataset, splits=splits, kinds=RECORDED, what="recorded motion")
    motions = _Motions(dataset, [sample for sample in samples if sample.frames >= 2 * STACK])
    latents = PartLatents.fit(motions, Codec(), rank=config.rank)
    teacher = _teacher(alignment) if config.distill else None
    codes = PartCodes.fit(motions, latents, teacher, size=config.codes, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    write_arrays(folder / "model.safetensors", parts_arrays(codes))
    with atomic_path(folder / "config.json") as path:
        path.write_text(
            json.dumps({**description(METHOD, dataset, config, splits), "config": asdict(config)}, indent=1)
        )
    return codes


def parts_arrays(codes: PartCodes) -> dict[str, np.ndarray]:
    """What is kept of latents and words."""
    return {**codes.latents.arrays, **codes.arrays}


def read_parts(arrays: dict[str, np.ndarray]) -> PartCodes:
    """The inverse of ``parts_arrays``."""
    return PartCodes(arrays, PartLatents(arrays, Codec()))


def load_parts_run(folder: str | Path) -> PartCodes:
    """Latents and words of a run folder. Raises UserError if there are none."""
    from safetensors.numpy import load_file

    path = Path(folder) / "model.safetensors"
    if not path.is_file():
        raise UserError(f"{folder} holds no body parts; fit them first with --stage parts")
    return read_parts(load_file(path))


def _teacher(alignment: Alignment | None) -> Teacher:
    if alignment is None:
        raise UserError("words are distilled from an alignment and none was named; train one, or set distill to false")
    if alignment.config.downsample != STACK:
        raise UserError(
            f"words are of {STACK} frames and the alignment's steps of {alignment.config.downsample}; train an "
            f"alignment with downsample={STACK}, or set distill to false"
        )

    @torch.no_grad()
    def heard(motion: np.ndarray) -> np.ndarray:
        features: np.ndarray = alignment.gesture.frames(torch.from_numpy(motion[None]))[0].numpy()
        return features

    return heard
