"""Training and export of the phone network."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import UserError
from ...speech.phones import mel
from ...speech.phones.inventory import PHONES, VISEME_INDEX
from ...speech.phones.recording import LOOK_AHEADS, step_times
from ...training.loop import Batch, TrainConfig, fit
from .dataset import LABEL_RATE, PhoneDataset
from .network import PhoneNetwork, PhoneNetworkConfig
from .windows import PhoneWindows

HEAD_WEIGHTS = (0.3, 1.0, 0.5)  # of the look-aheads in the loss
SMOOTHING = 0.03
METHOD = "phones"


@dataclass(frozen=True)
class PhonePreset:
    """Sizes and schedule."""

    config: PhoneNetworkConfig
    training: TrainConfig


_DEFAULT = TrainConfig(
    steps=2600,
    batch_size=16,
    learning_rate=3e-3,
    warmup=100,
    final_rate=0.01,
    weight_decay=0.01,
    validate_every=200,
    save_every=50,
)
PRESETS = {
    "tiny": PhonePreset(
        PhoneNetworkConfig(hidden=16, width=24, depth=1),
        TrainConfig(steps=4, batch_size=2, warmup=1, validate_every=4, save_every=4),
    ),
    "default": PhonePreset(PhoneNetworkConfig(), _DEFAULT),
    "large": PhonePreset(PhoneNetworkConfig(), replace(_DEFAULT, steps=20_000)),
}


def fit_phones(
    dataset: str | Path,
    out: str | Path,
    *,
    preset: str = "default",
    steps: int | None = None,
    seed: int = 0,
    sources: tuple[str, ...] = (),
) -> PhoneNetwork:
    """Train the phone network on a folder of labelled sounds; a run found in ``out`` is continued.

    Args:
        sources: how the phones of the clips are known: text, recogniser, or names of synthesisers; all unless named.

    Raises:
        UserError: unknown preset, nothing to train on, or a run with other settings in ``out``.
    """
    if preset not in PRESETS:
        raise UserError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    config, training = PRESETS[preset].config, PRESETS[preset].training
    training = replace(training, steps=training.steps if steps is None else steps, seed=seed)
    sounds = PhoneDataset(dataset)
    windows = PhoneWindows(sounds, sources=sources, batch_size=training.batch_size, seed=seed)
    if not windows.clips:
        raise UserError(f"{dataset} has nothing to train on of {', '.join(sources) or 'any source'}")
    torch.manual_seed(training.seed)
    network = PhoneNetwork(config)
    weights = torch.from_numpy(windows.class_weights())

    def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logits, wanted = model(batch["levels"]), batch["phones"]
        terms = [
            F.cross_entropy(logits[:, :, k].flatten(0, 1), wanted[..., k].flatten(), weights, label_smoothing=SMOOTHING)
            for k in range(len(LOOK_AHEADS))
        ]
        right = (logits.argmax(-1) == wanted).float().mean((0, 1))
        total = sum((w * term for w, term in zip(HEAD_WEIGHTS, terms, strict=True)), torch.zeros(()))
        return total, {f"accuracy_{ahead * 1000:.0f}": right[k] for k, ahead in enumerate(LOOK_AHEADS)}

    held_out = sounds.select("val")
    described = {"method": METHOD, "config": asdict(config), "sources": list(sources)}
    fit(
        network,
        loss,
        windows,
        out,
        training,
        validate=(lambda model: phone_quality(model, sounds)) if held_out else None,
        describe=described,
    )
    return network


@torch.no_grad()
def phone_quality(network: nn.Module, dataset: PhoneDataset, split: str = "val") -> dict[str, float]:
    """Share of the frames whose phone, and whose mouth shape, is right at each look-ahead, 0 to 1."""
    visemes = np.asarray(VISEME_INDEX)
    right: dict[str, list[float]] = {}
    for clip in dataset.select(split):
        levels = mel.mel_levels(dataset.sound(clip))
        levels = levels[: len(levels) // 2 * 2]
        seen = mel.normalised(levels, mel.running_level(mel.voice_level(levels)))
        said = network(torch.from_numpy(seen)[None])[0].argmax(-1).numpy()
        labels = dataset.phones(clip)
        for k, ahead in enumerate(LOOK_AHEADS):
            place = np.floor(step_times(0, len(said), ahead) * LABEL_RATE).astype(np.int64)
            inside = (place >= 0) & (place < len(labels))
            wanted, found = labels[place[inside]], said[inside, k]
            name = f"{ahead * 1000:.0f}"
            right.setdefault(f"phones_{name}", []).extend((wanted == found).tolist())
            right.setdefault(f"visemes_{name}", []).extend((visemes[wanted] == visemes[found]).tolist())
    assert len(PHONES) == len(visemes)
    return {name: float(np.mean(values)) for name, values in right.items()}
