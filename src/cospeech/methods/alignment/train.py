"""Training the chronological speech-gesture alignment on a dataset.

Contextual Gesture, section 3.1 and appendix F (retrieval). See ``methods/alignment/network.py``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import UserError
from ...core.timing import FPS
from ...data.dataset import GestureDataset, Sample
from ...data.windows import PAIRS
from ...speech.layout import LAYOUT
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..batches import input_sizes
from ..training import description
from .network import AlignConfig, Alignment, alignment_loss, cosines
from .segments import frames_of, other_order, segments

METHOD = "alignment"
WINDOW = 144  # frames, 4.8 s; the paper trains on 3.2 s and retrieves among 4 s
RANKS = (1, 2, 3, 5, 10)  # [P]
SPOKEN = 0.3  # share of a window that is speech, at least, if it can be had
TRIES = 12
MOST_SAMPLES = 200  # about so many give mean and deviation
OFFSET = 0.02  # of every channel by augmentation, in its own unit


class AlignmentWindows:
    """Windows of speech and its motion, no two of a batch of one voice while there are voices enough.

    When the voices are used up, other recordings of them follow, and never two windows of one recording.
    A window whose motion comes from the clips of another one in the batch is avoided; where it cannot
    be, ``same`` tells, and the two are not negatives of each other.
    """

    def __init__(
        self,
        dataset: GestureDataset,
        *,
        splits: tuple[str, ...] = ("train",),
        window: int = WINDOW,
        batch_size: int = 64,
        seed: int = 0,
        cut: float = 0.0,
        augment: bool = False,
        modality: str = "body",
    ) -> None:
        """Prepare to draw.

        Args:
            modality: whose motion is seen, body or face.
            cut: share of the samples whose speech and gesture are both put in one other order first. They
                still belong together, so that to hear a cut is not to know what is wrong. [D]
            augment: mirror motion, and turn every channel by a small constant a window.

        Raises:
            UserError: the dataset has no two recordings that are long enough, or no such modality.
        """
        self.dataset, self.window, self.batch_size, self.seed = dataset, window, batch_size, seed
        self.cut, self.augment, self.codec = cut, augment, dataset.representation.modality(modality)
        self.features, self.words = input_sizes(dataset)
        self.samples = [s for s in dataset.select(split=splits, kind=PAIRS) if s.frames >= window]
        self.voices: dict[str, dict[str, list[Sample]]] = {}  # voice -> recording -> its samples
        for sample in self.samples:
            self.voices.setdefault(voice_of(sample), {}).setdefault(recording_of(sample), []).append(sample)
        self.last: list[Sample] = []  # of the latest batch
        self.recordings = sum(len(recordings) for recordings in self.voices.values())
        if self.recordings < 2:
            raise UserError(
                f"the dataset has {self.recordings} recordings of speech with motion of {window / FPS:.1f} s or "
                f"longer in {', '.join(splits)} and two are needed; prepare more, or name other splits"
            )

    def statistics(self) -> tuple[Tensor, Tensor, Tensor]:
        """mean [C], std [C] and pace [] of the motion, from some of the samples."""
        some = self.samples[:: max(1, len(self.samples) // MOST_SAMPLES)]
        motions = [self.dataset.motion(sample, modality=self.codec.modality) for sample in some]
        motions += [self.codec.mirror(motion) for motion in motions]
        stacked = np.concatenate(motions)
        # One scale a group, so that no joint that hardly moves is blown up.
        std = np.empty(self.codec.channels, dtype=np.float32)
        for columns in self.codec.slices.values():
            std[columns] = np.sqrt(stacked[:, columns].var(0).mean()) + 1e-6
        changes = np.concatenate([np.diff(motion / std, axis=0) for motion in motions])
        pace = float(np.sqrt((changes[:, : self.codec.seen] ** 2).mean())) + 1e-6
        return torch.from_numpy(stacked.mean(0)), torch.from_numpy(std), torch.tensor(pace)

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        """features [B, T, F], motion [B, T, C], shuffled [B, T, F], same [B, B]; words and shuffled_words
        [B, T, W] if the dataset has any."""
        rng = np.random.default_rng([self.seed, step + 1000, process.rank])
        rows, sources = self._drawn(max(2, self.batch_size // process.world_size), rng)
        self.last = [sample for sample, _ in rows]
        features, motions, shuffled = [], [], []
        for sample, start in rows:
            speech = self.dataset.inputs(sample, start, start + self.window)
            motion = self.dataset.motion(sample, start, start + self.window, modality=self.codec.modality)
            if self.augment:
                if rng.random() < 0.5:
                    motion = self.codec.mirror(motion)
                motion = motion + rng.normal(0, OFFSET, (1, motion.shape[1])).astype(np.float32)
            parts = segments(speech)
            order = tuple(range(len(parts)))
            if rng.random() < self.cut:
                order = other_order(len(parts), rng)
            wrong = other_order(len(parts), rng, order)
            features.append(speech[frames_of(parts, order)])
            motions.append(motion[frames_of(parts, order)])
            shuffled.append(speech[frames_of(parts, wrong)])
        arrays = {"features": features, "motion": motions, "shuffled": shuffled}
        batch = {name: torch.from_numpy(np.stack(value)) for name, value in arrays.items()}
        if self.words:
            for name, own in (("features", "words"), ("shuffled", "shuffled_words")):
                sizes = (self.features, self.words)
                batch[name], batch[own] = batch[name].split(sizes, -1)  # type: ignore[no-untyped-call]
        return {**batch, "same": torch.tensor([[bool(a & b) for b in sources] for a in sources])}

    def _drawn(self, size: int, rng: np.random.Generator) -> tuple[list[tuple[Sample, int]], list[frozenset[str]]]:
        """Samples and first frames of a batch, and the clips that their motion is made of."""
        rows: list[tuple[Sample, int]] = []
        sources: list[frozenset[str]] = []
        used: set[str] = set()
        size = min(size, self.recordings)
        left = {voice: list(recordings) for voice, recordings in self.voices.items()}
        while len(rows) < size:
            for voice in rng.permutation(sorted(left)):
                best: tuple[float, Sample, int] | None = None
                for _ in range(TRIES):  # what shares no motion and is speech, if it can be had
                    recording = left[voice][int(rng.integers(len(left[voice])))]
                    choice = self.voices[voice][recording]
                    sample = choice[int(rng.integers(len(choice)))]
                    start = int(rng.integers(sample.frames - self.window + 1))
                    spoken = self.dataset.features(sample, start, start + self.window)[:, LAYOUT["speech"]].mean()
                    badness = 2.0 * bool(sources_of(sample) & used) + float(spoken < SPOKEN)
                    if best is None or badness < best[0]:
                        best = (badness, sample, start)
                    if badness == 0:
                        break
                assert best is not None
                rows.append(best[1:])
                sources.append(sources_of(best[1]))
                used |= sources[-1]
                left[voice].remove(recording_of(best[1]))
                if len(rows) == size:
                    break
            left = {voice: recordings for voice, recordings in left.items() if recordings}
        return rows, sources


def voice_of(sample: Sample) -> str:
    """Who speaks: of a synthetic pair the voice, of a recorded one the speaker."""
    return str(sample.info.get("voice", sample.speaker))


def recording_of(sample: Sample) -> str:
    """The recording that is spoken; synthetic pairs have several partners for each ("recording#number")."""
    return sample.id.rsplit("#", 1)[0]


def sources_of(sample: Sample) -> frozenset[str]:
    """Clips that the motion is made of, mirrored ("~") or not."""
    return frozenset(str(name).rstrip("~") for name in sample.info.get("sources", [sample.id]))


def fit_alignment(
    dataset: GestureDataset,
    folder: str | Path,
    *,
    config: AlignConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    held_out: str = "val",
    cut: float = 0.5,
    modality: str = "body",
) -> Alignment:
    """Train the encoders of speech and of motion of a modality; continues a run found in ``folder``.

    Args:
        modality: of the dataset, body or face.
        cut: see ``AlignmentWindows``; the paper has 0.

    Raises:
        UserError: too little speech with motion, no such modality, or a run of other sizes in the folder.
    """
    config, training, codec = (
        config or AlignConfig(),
        training or TrainConfig(),
        dataset.representation.modality(modality),
    )
    sound, words = input_sizes(dataset)
    config = replace(config, features=sound, words=words, channels=codec.channels, seen=codec.seen)
    windows = AlignmentWindows(
        dataset,
        splits=splits,
        batch_size=training.batch_size,
        seed=training.seed,
        cut=cut if config.chronological else 0.0,
        augment=True,
        modality=modality,
    )
    torch.manual_seed(training.seed)
    model = Alignment(config, *windows.statistics())
    validation = None
    try:
        if held_out not in splits:
            validation = {
                name: AlignmentWindows(dataset, splits=(held_out,), batch_size=32, seed=1, cut=share, modality=modality)
                for name, share in (("true", 0.0), ("cut", 1.0))
            }
    except UserError:  # nothing is held out: train without figures
        validation = None

    def validate(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, Alignment)
        assert validation is not None
        batches = [validation["true"](step, ProcessInfo()) for step in range(8)]
        return alignment_quality(network, batches, [validation["cut"](step, ProcessInfo()) for step in range(8)])

    described = {
        **description(METHOD, dataset, config, splits, modality=modality),
        "cut": cut,
        "made_pairs": dataset.synthetic_pairs,
        "encoders": dataset.header.get("encoders", {}),
    }
    check, best = validate if validation else None, BestFigure("speech_r@1", larger=True)
    fit(model, alignment_loss, windows, folder, training, validate=check, best=best, describe=described)
    return model


@torch.no_grad()
def alignment_quality(network: Alignment, batches: list[Batch], cuts: list[Batch]) -> dict[str, float]:
    """Figures of batches (32 pairs each, or as many as there are): percent, chance beside each.

    ``speech_r@k`` and ``gesture_r@k``: the right one is among the k nearest (appendix F); speech, or the
    gesture, is what asks. ``order``: the gesture is nearer to its speech than to it shuffled.
    ``order_stranger``: likewise, asked of another sample's gesture; above chance means that the encoder
    hears the cut, whatever the gesture. ``order_cut``: both sides were put into one other order first,
    so that right and wrong are cut alike.
    """
    sums: dict[str, float] = {}

    def add(name: str, value: float, count: int) -> None:
        sums[name] = sums.get(name, 0.0) + 100 * value / count

    device = next(network.parameters()).device
    for batch in batches:
        speech, gesture, shuffled = _embedded(network, batch, device)
        near, size = cosines(speech, gesture), len(speech)
        for side, table in (("speech", near), ("gesture", near.T)):
            right = table.diagonal()[:, None]
            rank = 1 + (table > right).sum(1) + ((table == right).sum(1) - 1) / 2
            for k in RANKS:
                add(f"{side}_r@{k}", float((rank <= k).float().mean()), len(batches))
        for k in RANKS:
            add(f"chance_r@{k}", min(1.0, k / size), len(batches))
        wrong = F.cosine_similarity(gesture, shuffled)
        add("order", _above(near.diagonal(), wrong), len(batches))
        strange = gesture.roll(1, 0)
        toward, away = F.cosine_similarity(strange, speech), F.cosine_similarity(strange, shuffled)
        add("order_stranger", _above(toward, away), len(batches))
    for batch in cuts:
        speech, gesture, shuffled = _embedded(network, batch, device)
        toward, away = F.cosine_similarity(gesture, speech), F.cosine_similarity(gesture, shuffled)
        add("order_cut", _above(toward, away), len(cuts))
    return {**sums, "chance_order": 50.0}


def _above(a: Tensor, b: Tensor) -> float:
    """Share of a > b; a tie counts half."""
    return float(((a > b).float() + 0.5 * (a == b).float()).mean())


def _embedded(network: Alignment, batch: Batch, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings [B, E] of speech, gesture and shuffled speech."""
    batch = {name: value.to(device) for name, value in batch.items()}
    return (
        network.speech(batch["features"], batch.get("words"))[1],
        network.gesture(batch["motion"])[1],
        network.speech(batch["shuffled"], batch.get("shuffled_words"))[1],
    )


def load_alignment_run(folder: str | Path, *, checkpoint: str = "last") -> tuple[Alignment, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    networks = {METHOD: lambda sizes: Alignment(AlignConfig(**sizes))}
    network, described = saved_run(folder, networks, checkpoint=checkpoint)
    assert isinstance(network, Alignment)
    return network, described
