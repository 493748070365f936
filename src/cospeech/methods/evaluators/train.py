"""Training of what measures motion: the FGD extractors and the emotion classifier; export of both.

Both learn from recorded motion only, never from synthetic pairs or generated motion, and from the training
split only, so that real motion of other actors is as new to them as generated motion.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.emotions import EMOTIONS
from ...core.errors import UserError
from ...data.dataset import GestureDataset, Sample, held_out
from ...motion.codec import Codec
from ...motion.upper_body import CHANNELS, JOINTS, POINTS, upper_body
from ...training.checkpoints import BestFigure
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ...training.onnx_export import round_weights
from ...training.presets import TINY
from ...training.stages import Settings
from ..model_writer import GraphSpec, write_config, write_graphs
from ..tokenizer.train import resample
from ..training import Export, GestureStage, GestureStageRun, Training
from .network import EmotionNet, EmotionNetConfig, ExtractorConfig, MotionAutoencoders, angle


class UpperBodies:
    """Random windows of recorded motion as judges see it, mirrored and re-timed; with their emotion."""

    def __init__(
        self,
        dataset: GestureDataset,
        *,
        splits: tuple[str, ...],
        window: int,
        batch_size: int,
        seed: int = 0,
        stretch: float = 0.15,
        noise: float = 0.0,
        balanced: bool = False,
    ) -> None:
        """``balanced``: every emotion as often as any other, and no clip that is ``kept_out``; else every
        second of motion counts alike."""
        self.window, self.batch_size, self.seed = window, batch_size, seed
        self.stretch, self.noise = stretch, noise
        self.items = [
            item
            for item in dataset.select(split=splits, kind=("motion", "pair"))
            if item.frames >= window // 2 and (not balanced or (item.emotion in EMOTIONS and not held_out(item)))
        ]
        if not self.items:
            raise UserError(
                f"the dataset has no recorded motion in {', '.join(splits)}; prepare more, or name other splits"
            )
        codec = Codec()
        self.bodies: list[tuple[np.ndarray, np.ndarray]] = []
        for item in self.items:
            coded = dataset.motion(item)
            self.bodies.append((upper_body(codec.decode(coded)), upper_body(codec.decode(codec.mirror(coded)))))
        weight = np.array([item.frames for item in self.items], dtype=np.float64)
        if balanced:
            emotions = np.array([EMOTIONS.index(str(item.emotion)) for item in self.items])
            weight /= np.bincount(emotions, weight, len(EMOTIONS))[emotions]
        self._chance = weight / weight.sum()
        whole = np.concatenate([body for pair in self.bodies for body in pair])
        self.mean = torch.from_numpy(whole.mean(0))
        # One scale for all rotations and one for all positions, so that no joint that hardly moves is
        # blown up.
        split = 6 * (1 + len(JOINTS))
        scale = np.empty(CHANNELS, dtype=np.float32)
        scale[:split] = np.sqrt(whole[:, :split].var(0).mean())
        scale[split:] = np.sqrt(whole[:, split:].var(0).mean())
        self.std = torch.from_numpy(scale)
        changes = np.concatenate([np.diff(body / scale, axis=0) for pair in self.bodies for body in pair])
        self.pace = torch.tensor(float(np.sqrt((changes**2).mean())))

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        rng = np.random.default_rng([self.seed, step + 1000, process.rank])
        size = self.batch_size // process.world_size
        x = np.empty((size, self.window, CHANNELS), dtype=np.float32)
        label = np.full(size, -100, dtype=np.int64)
        for row, choice in enumerate(rng.choice(len(self.items), size=size, p=self._chance)):
            body = self.bodies[choice][int(rng.integers(2))]
            rate = float(rng.uniform(1 - self.stretch, 1 + self.stretch))
            span = rate * (self.window - 1)
            place_in = rng.uniform(0, max(1e-3, len(body) - 1 - span)) + rate * np.arange(self.window)
            period = 2 * (len(body) - 1)  # there and back where the clip is too short
            place_in = place_in % period
            x[row] = resample(body, np.where(place_in > period / 2, period - place_in, place_in))
            emotion = self.items[choice].emotion
            if emotion in EMOTIONS:
                label[row] = EMOTIONS.index(emotion)
        if self.noise:  # one offset a window: nobody shall be known by how they hold themselves
            scale = self.std.numpy() * self.noise
            x += rng.normal(size=(size, 1, CHANNELS)).astype(np.float32) * scale
        return {"x": torch.from_numpy(x), "label": torch.from_numpy(label)}


def fit_extractor(
    dataset: GestureDataset,
    folder: str | Path,
    *,
    config: ExtractorConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    unseen: str = "val",
) -> MotionAutoencoders:
    """Train both auto-encoders; continues a run found in ``folder``."""
    config, training = config or ExtractorConfig(), training or TrainConfig()
    windows = UpperBodies(
        dataset, splits=splits, window=config.window, batch_size=training.batch_size, seed=training.seed
    )
    torch.manual_seed(training.seed)
    model = MotionAutoencoders(config, windows.mean, windows.std, windows.pace)

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        terms = network(batch)
        total = torch.zeros(())
        for name in ("frame", "window"):
            total = total + terms[name] + config.velocity * terms[f"{name}_velocity"]
            total = total + config.acceleration * terms[f"{name}_acceleration"]
            total = total + config.geodesic * terms[f"{name}_geodesic"]
        return total, terms

    quality = None
    if dataset.select(split=unseen, kind=("motion", "pair")):

        def quality(network: nn.Module) -> dict[str, float]:
            assert isinstance(network, MotionAutoencoders)
            return extractor_quality(network, dataset, unseen)

    fit(
        model,
        loss,
        windows,
        folder,
        training,
        validate=quality,
        best=BestFigure("window_angle"),
        describe={
            "method": "extractor",
            "config": asdict(config),
            "splits": list(splits),
            "store": dataset.fingerprint,
        },
    )
    return model


@torch.no_grad()
def extractor_quality(network: MotionAutoencoders, dataset: GestureDataset, split: str) -> dict[str, float]:
    """Mean angle in degrees between real and rebuilt joints, of both auto-encoders, over all windows."""
    codec, size = Codec(), network.config.window
    sums, count = np.zeros(2), 0
    for item in dataset.select(split=split, kind=("motion", "pair")):
        body = upper_body(codec.decode(dataset.motion(item)))
        starts = range(0, len(body) - size + 1, size)
        if not starts:
            continue
        x = torch.from_numpy(np.stack([body[s : s + size] for s in starts]))
        turns = network.config.rotations
        for k, y in enumerate(network.rebuild(x)):
            sums[k] += float(angle(y[..., :turns], x[..., :turns]).mean()) * len(starts)
        count += len(starts)
    if not count:
        raise UserError(f"no clip of {split} is as long as a window of {size} frames")
    degrees = np.rad2deg(sums / count)
    return {"frame_angle": float(degrees[0]), "window_angle": float(degrees[1])}


def fit_classifier(
    dataset: GestureDataset,
    folder: str | Path,
    *,
    config: EmotionNetConfig | None = None,
    training: TrainConfig | None = None,
    splits: tuple[str, ...] = ("train",),
    unseen: str = "val",
) -> EmotionNet:
    """Train the emotion classifier; continues a run found in ``folder``.

    Its figures while training: on kept-out clips of the people it learns from ("known"), and on the
    people of ``unseen``.
    """
    config, training = config or EmotionNetConfig(), training or TrainConfig()
    windows = UpperBodies(
        dataset,
        splits=splits,
        window=config.window,
        batch_size=training.batch_size,
        seed=training.seed,
        stretch=0.25,
        noise=0.15,
        balanced=True,
    )
    torch.manual_seed(training.seed)
    model = EmotionNet(config, windows.mean, windows.std)

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logits = network(batch["x"]).float()
        value = F.cross_entropy(logits, batch["label"], label_smoothing=config.label_smoothing)
        right = (logits.argmax(-1) == batch["label"]).float().mean()
        return value, {"accuracy": right}

    judged = {
        "known": [item for item in _acted(dataset, splits) if held_out(item)],
        "unseen": _acted(dataset, (unseen,)),
    }

    def quality(network: nn.Module) -> dict[str, float]:
        return {
            f"{name}_{figure}": value
            for name, items in judged.items()
            if items
            for figure, value in classifier_quality(network, dataset, items).items()
        }

    fit(
        model,
        loss,
        windows,
        folder,
        training,
        validate=quality if any(judged.values()) else None,
        best=BestFigure(f"{'unseen' if judged['unseen'] else 'known'}_balanced", larger=True),
        describe={
            "method": "emotion-classifier",
            "config": asdict(config),
            "splits": list(splits),
            "store": dataset.fingerprint,
        },
    )
    return model


def _acted(dataset: GestureDataset, splits: tuple[str, ...]) -> list[Sample]:
    """Recorded clips whose emotion is one of ours."""
    return [item for item in dataset.select(split=splits, kind=("motion", "pair")) if item.emotion in EMOTIONS]


@torch.no_grad()
def classifier_quality(network: nn.Module, dataset: GestureDataset, items: list[Sample]) -> dict[str, float]:
    """Accuracy and mean accuracy of the emotions, 0 to 1, over whole clips."""
    codec = Codec()
    right = np.zeros((len(EMOTIONS), 2))
    for item in items:
        x = torch.from_numpy(upper_body(codec.decode(dataset.motion(item))))
        wanted = EMOTIONS.index(str(item.emotion))
        right[wanted] += (int(network(x[None]).argmax()) == wanted, 1)
    present = right[:, 1] > 0
    return {
        "accuracy": float(right[:, 0].sum() / right[:, 1].sum()),
        "balanced": float((right[present, 0] / right[present, 1]).mean()),
    }


class _Frames(nn.Module):
    def __init__(self, network: MotionAutoencoders) -> None:
        super().__init__()
        self.network = network

    def forward(self, motion: Tensor) -> Tensor:
        return self.network.frames(motion)


class _Windows(_Frames):
    def forward(self, motion: Tensor) -> Tensor:
        return self.network.windows(motion)


def export_evaluator(
    run: str | Path,
    out: str | Path,
    *,
    name: str | None = None,
    credits: list[str] | None = None,
    results: dict[str, Any] | None = None,
    checkpoint: str = "last",
) -> Path:
    """Write the model folder of a finished extractor or classifier run, weights as float16.

    Raises:
        UserError: the folder is no such run, or nothing has been saved yet.
    """
    network, described = load_evaluator_run(run, checkpoint=checkpoint)
    out = Path(out)
    round_weights(network, "float16")
    method, config = described["method"], network.config
    if isinstance(network, MotionAutoencoders):
        size = network.config.window
        frames: list[tuple[str, nn.Module, dict[int, str]]] = [
            ("frame", _Frames(network), {1: "frames"}),
            ("window", _Windows(network), {0: "windows"}),
        ]
    else:
        size = network.config.window
        frames = [("emotion", network, {0: "windows"})]
    graphs = {
        label: GraphSpec(
            graph,
            {"motion": torch.zeros(1 if label == "frame" else 2, size, config.channels)},
            ["features"],
            {"motion": dynamic},
        )
        for label, graph, dynamic in frames
    }
    write_graphs(out, graphs, weight_format="float16")
    return write_config(
        out,
        method,
        asdict(config),
        name=name or out.name,
        channels={"joints": ["spine3", *JOINTS], "points": list(POINTS)},
        emotions=list(EMOTIONS),
        trained_on=described["splits"],
        store=described["store"],
        credits=credits,
        results=results,
    )


def load_evaluator_run(
    folder: str | Path, *, checkpoint: str = "last"
) -> tuple[MotionAutoencoders | EmotionNet, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""
    network, described = saved_run(
        folder,
        {
            "extractor": lambda sizes: MotionAutoencoders(ExtractorConfig(**sizes)),
            "emotion-classifier": lambda sizes: EmotionNet(EmotionNetConfig(**sizes)),
        },
        checkpoint=checkpoint,
    )
    assert isinstance(network, MotionAutoencoders | EmotionNet)
    return network, described


def _fit_extractor(run: GestureStageRun) -> MotionAutoencoders:
    return fit_extractor(run.dataset, run.folder, **run.options)


def _fit_classifier(run: GestureStageRun) -> EmotionNet:
    return fit_classifier(run.dataset, run.folder, **run.options)


def _export(export: Export) -> Path:
    return export_evaluator(export.run, export.out, name=export.name, checkpoint=export.checkpoint)


# What measures motion is small, and the same in every preset that is meant to be used.
_EXTRACTOR = Settings(
    ExtractorConfig(), TrainConfig(steps=1600, batch_size=64, learning_rate=1e-3, warmup=100, validate_every=400)
)
_CLASSIFIER = Settings(
    EmotionNetConfig(),
    TrainConfig(steps=1000, batch_size=64, learning_rate=1e-3, warmup=50, validate_every=250, weight_decay=0.1),
)
_EXTRACTOR_STAGE = GestureStage(
    "extractor",
    _fit_extractor,
    {
        "tiny": Settings(ExtractorConfig(width=16, latent=8, window_latent=4), TINY),
        **dict.fromkeys(("default", "large", "paper"), _EXTRACTOR),
    },
    derived=("channels", "rotations"),
)
_CLASSIFIER_STAGE = GestureStage(
    "emotion-classifier",
    _fit_classifier,
    {"tiny": Settings(EmotionNetConfig(width=16), TINY), **dict.fromkeys(("default", "large", "paper"), _CLASSIFIER)},
    derived=("channels", "emotions"),
)
EXTRACTOR = Training((_EXTRACTOR_STAGE,), _export, mark="extractor")
CLASSIFIER = Training((_CLASSIFIER_STAGE,), _export, mark="emotion-classifier")
