"""EmotionGesture's ablations on our corpus, in a size that two cores can train: one JSON object.

    python benchmarks/bench_emotion_ablation.py DATASET TOKENIZER RUNS [--only NAME ...] [--split test]

TOKENIZER is a finished run. RUNS keeps every run and, in RUNS/rows, every row as soon as it is measured; an
interrupted benchmark goes on when it is called again. Generators are narrower than in the preset
``default`` and train for 300 steps, priors for 600, so the figures compare with each other alone:

- full; no contrast of the beat, no prompter (zeros), its two halves alone, no motion-smooth loss, no VAE, no
  discriminator;
- prompts of 1, 5 and 20 steps instead of 10;
- motion-smooth loss: 0.5, 1 and 2 degrees of jitter in the training motion, with it and without; with 1
  degree temperatures of 1, 5 and 20 instead of 10, and the paper's weights;
- words of the transcripts moved by 0.1, 0.2 and 0.5 s while the mining learns.

Measured by the figures of ``evaluate`` without the warp of time, which would hide what the network does to
the beat, and at the hand-over from recorded motion to made motion: mean acceleration and jerk of the
wrists over the eight frames around it, beside the recording's own there. All pairs are made ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from common import Rows, System, finished, mark, measure
from cospeech.data.dataset import GestureDataset
from cospeech.data.windows import PAIRS
from cospeech.evaluation.systems import ModelSystem
from cospeech.loading import load
from cospeech.methods.conditioning import emotion_weights, style_weights
from cospeech.methods.emotion.export import export_emotion
from cospeech.methods.emotion.mining import Mining
from cospeech.methods.emotion.model import EmotionModel
from cospeech.methods.emotion.network import EmotionConfig
from cospeech.methods.emotion.prior import PriorConfig
from cospeech.methods.emotion.sampling import EmotionCondition, sample_latents
from cospeech.methods.emotion.stages import GENERATOR
from cospeech.methods.emotion.stages import MINING as MINING_STAGE
from cospeech.methods.emotion.stages import PRIOR as PRIOR_STAGE
from cospeech.methods.emotion.train_generator import PromptedWindows, fit_generator, load_generator_run
from cospeech.methods.emotion.train_mining import fit_mining, load_mining_run
from cospeech.methods.emotion.train_prior import fit_prior
from cospeech.methods.model_folder import evaluator_folder
from cospeech.methods.tokenizer.network import Tokenizer
from cospeech.methods.tokenizer.train import load_tokenizer_run
from cospeech.motion.codec import Codec

SMALL = EmotionConfig(width=160, hidden=640, depth=2, smooth=20.0)
TRAINING = replace(
    GENERATOR.presets["default"].training,
    steps=300,
    batch_size=32,
    learning_rate=1e-3,
    warmup=40,
    validate_every=300,
    save_every=150,
)
MINING = replace(MINING_STAGE.presets["default"].training, steps=300, validate_every=300, save_every=150)
SMALL_PRIOR = PriorConfig(width=128, hidden=512, depth=3)
PRIOR = replace(PRIOR_STAGE.presets["default"].training, steps=600, warmup=50, validate_every=600, save_every=300)
METRICS = ("fgd", "liveliness", "diversity", "smoothness", "beats", "emotion")
NEAR = 4  # frames on either side of a hand-over


@dataclass(frozen=True)
class Variant:
    """One row: how the words are moved (None: left out), the jitter, and what is other than in the full."""

    changes: dict[str, Any] = field(default_factory=dict)
    shift: float | None = 0.0
    jitter: float = 0.0


OFF = {"smooth": 0.0}
VARIANTS = {
    "full": Variant(),
    "no-contrast": Variant(shift=None),
    "no-prompter": Variant({"spatial": False, "temporal": False}),
    "spatial-only": Variant({"temporal": False}),
    "temporal-only": Variant({"spatial": False}),
    "no-smooth-loss": Variant(OFF),
    "no-vae": Variant({"vae": False}),
    "no-discriminator": Variant({"discriminator": False}),
    **{f"prompt-{steps}": Variant({"given": steps}) for steps in (1, 5, 20)},
    **{f"jitter-{size}": Variant(jitter=size) for size in (0.5, 1.0, 2.0)},
    **{f"jitter-{size}-no-smooth-loss": Variant(OFF, jitter=size) for size in (0.5, 1.0, 2.0)},
    **{f"jitter-1.0-temperature-{g}": Variant({"temperature": g}, jitter=1.0) for g in (1.0, 5.0, 20.0)},
    "jitter-1.0-paper": Variant({"smooth": 0.01, "squared": False}, jitter=1.0),  # 1 beside 100
    **{f"words-{shift}": Variant(shift=shift) for shift in (0.1, 0.2, 0.5)},
}


_encoded: dict[tuple[str, float], PromptedWindows] = {}


def encoded(
    dataset: GestureDataset, tokenizer: Tokenizer, mining: Mining, mining_run: str, jitter: float
) -> PromptedWindows:
    """Training windows, encoded once for all rows that share them."""
    if (mining_run, jitter) not in _encoded:
        styles = tuple(sorted({item.speaker for item in dataset.select(split="train", kind=PAIRS)}))
        _encoded[mining_run, jitter] = PromptedWindows(
            dataset,
            tokenizer,
            mining,
            styles,
            SMALL,
            batch_size=TRAINING.batch_size,
            jitter=jitter,
            grow=TRAINING.steps // 10,
        )
    return _encoded[mining_run, jitter]


def train(dataset: GestureDataset, tokens: Path, runs: Path, name: str) -> Path:
    """Train what a variant needs, as far as it is not there; returns its model folder."""
    variant, out = VARIANTS[name], runs / f"{name}-model"
    if (out / "config.json").is_file():
        return out
    mining_run = runs / f"mining-{'none' if variant.shift is None else variant.shift}"
    if not finished(mining_run, MINING.steps):
        fit_mining(dataset, mining_run, training=MINING, shift=variant.shift or 0.0, words=variant.shift is not None)
    tokenizer, mining = load_tokenizer_run(tokens)[0].eval(), load_mining_run(mining_run)[0].eval()
    for network in (tokenizer, mining):
        network.requires_grad_(False)
    windows = encoded(dataset, tokenizer, mining, mining_run.name, variant.jitter)
    if not finished(runs / name, TRAINING.steps):
        windows.sampler.batch_size, windows.poses = TRAINING.batch_size, True
        fit_generator(
            dataset,
            tokenizer,
            mining,
            runs / name,
            config=replace(SMALL, **variant.changes),
            training=TRAINING,
            jitter=variant.jitter,
            windows=windows,
        )
    generator, described = load_generator_run(runs / name)
    prior = None
    if generator.config.vae:
        prior = runs / f"{name}-prior"
        if not finished(prior, PRIOR.steps):
            windows.sampler.batch_size, windows.poses = PRIOR.batch_size, False
            fit_prior(
                dataset,
                tokenizer,
                mining,
                generator,
                tuple(described["styles"]),
                prior,
                config=SMALL_PRIOR,
                training=PRIOR,
                windows=windows,
            )
    return export_emotion(tokens, mining_run, runs / name, prior, dataset, out, name=name, sampling={"rhythm": False})


def hand_over(dataset: GestureDataset, model: EmotionModel, split: str, count: int = 60) -> dict[str, float]:
    """Acceleration (m/s^2) and jerk (m/s^3) of the wrists where recorded motion becomes made motion."""
    net, codec = model.networks, Codec()
    speech = dataset.select(split=split, kind=("pair", "synthetic_pair"))[0]
    features = dataset.features(speech)[: net.window * net.downsample]
    features = np.pad(features, ((0, net.window * net.downsample - len(features)), (0, 0)), mode="edge")
    items = [i for i in dataset.select(split=split, kind=("motion", "pair")) if i.frames >= 120][:count]
    found: dict[str, list[float]] = {}
    for number, item in enumerate(items):
        coded = dataset.motion(item)[: item.frames // 4 * 4]
        at = len(coded) // 8 * 4
        latents = net.encode(coded[:at])
        given = np.pad(latents, ((max(0, net.given - len(latents)), 0), (0, 0)), mode="edge")[-net.given :]
        speaker = model.speakers[number % len(model.speakers)]
        emotion = np.repeat(emotion_weights(item.emotion)[None], net.window, 0)
        condition = EmotionCondition(emotion, style_weights(speaker, model.speakers), np.array([0, 1], np.float32))
        made = sample_latents(net, features, condition, given, np.random.default_rng(number), model.sampling)
        both = net.decode(np.concatenate([latents[-8:], made[:8]]))
        kept = min(8, len(latents)) * net.downsample
        for name, motion, seam in (("made", both, kept), ("recorded", coded, at)):
            part = codec.decode(motion[max(0, seam - 12) : seam + 12]).positions[:, [20, 21]]
            middle = min(seam, 12)
            for figure, order in (("acceleration", 2), ("jerk", 3)):
                size = np.linalg.norm(np.diff(part, n=order, axis=0), axis=-1).mean(-1) * 30**order
                near = size[max(0, middle - NEAR - order // 2) : middle + NEAR - order // 2]
                found.setdefault(f"{figure}_{name}", []).append(float(near.mean()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def variants(dataset: GestureDataset, tokens: Path, runs: Path, names: list[str]) -> Iterator[System]:
    """The systems of rows, each trained when its turn comes."""
    for name in names:
        folder = train(dataset, tokens, runs, name)
        yield name, folder, lambda folder=folder, name=name: ModelSystem(load(folder), name=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--only", nargs="+", default=[*VARIANTS], choices=[*VARIANTS])
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=48)
    options = parser.parse_args()
    dataset = GestureDataset(options.dataset)
    settings = {
        "store": dataset.fingerprint,
        "split": options.split,
        "clips": options.clips,
        "metrics": list(METRICS),
        "steps": TRAINING.steps,
        "extractor": mark(evaluator_folder("extractor", "extractor").folder),
        "classifier": mark(evaluator_folder("emotion-classifier", "emotion-classifier").folder),
    }
    rows = Rows(options.runs / "rows" / f"{options.split}-{options.clips}", settings)
    text = measure(dataset, rows, METRICS, variants(dataset, options.tokenizer, options.runs, options.only))
    for name in options.only:
        model = load(train(dataset, options.tokenizer, options.runs, name))
        assert isinstance(model, EmotionModel)
        text["rows"][name] = {**text["rows"][name], "hand_over": hand_over(dataset, model, options.split)}
    sys.stdout.write(json.dumps({**settings, **text}) + "\n")


if __name__ == "__main__":
    main()
