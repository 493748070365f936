"""Training the refinement of warped portraits, and the encoder that judges it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.errors import UserError
from ...motion.points import POINTS
from ...training.loop import Batch, Place, TrainConfig, fit, saved_run
from .perceptual_network import Looks, LooksConfig, looks_loss
from .portrait_network import PortraitConfig, PortraitGenerator
from .portrait_pairs import Pairs

METHOD, LOOKS = "video generator", "picture encoder"
WINDOW = 128  # pixels
_MIRROR = [
    POINTS.index(f"{'right' if name.startswith('left') else 'left'}_{name.partition('_')[2]}") for name in POINTS[:48]
]
_SWAP = [0, 2, 1, 4, 3, 6, 5]  # parts, left for right
Perceptual = Callable[[Tensor], list[Tensor]]  # pictures [B, 3, S, S] in -1 .. 1 -> activations


@dataclass(frozen=True)
class VideoLoss:
    """Weights of the loss (equation 8, and the crops and terms that are ours)."""

    pixel: float = 20.0
    perceptual: float = 0.5
    adversarial: float = 0.0  # what is learned without a critic is sharp already: sources are warped
    body: float = 2.0  # how much more a pixel of a hand or face counts


class PairBatches:
    """Random pairs as tensors; half of them mirrored, in lights of many colours.

    With ``window``, only so many pixels of the target, mostly round a hand, an elbow, a shoulder or the face:
    a quarter of the work, where the work is [D].
    """

    def __init__(
        self, pairs: Pairs, *, batch_size: int, seed: int = 0, mirror: bool = True, window: int | None = None
    ) -> None:
        self.pairs, self.batch_size, self.seed, self.mirror = pairs, batch_size, seed, mirror
        self.window = window

    def __call__(self, step: int, place: Place) -> Batch:
        """This process' share of a step's batch."""
        rng = np.random.default_rng([self.seed, step, place.rank])
        found = self.pairs.batch(rng.integers(len(self.pairs), size=max(1, self.batch_size // place.world)))
        batch = tensors(found)
        if self.mirror and rng.random() < 0.5:
            batch = mirrored(batch)
        if self.window is not None:
            batch = windowed(lit(batch, rng), self.window, rng)
        return batch


def tensors(pair: Any) -> Batch:
    """A stacked ``Pair`` as what the networks take."""

    def picture(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).permute(0, 3, 1, 2).float() / 127.5 - 1

    points = torch.from_numpy(pair.points)
    return {
        "source": picture(pair.source),
        "warped": picture(pair.warped),
        "target": picture(pair.target),
        "masks": torch.from_numpy(pair.masks).float() / 255,
        "seen": torch.from_numpy(pair.seen).float() / 255,
        "flow": torch.from_numpy(pair.flow.astype(np.float32)),
        "from": points[:, 0],
        "points": points[:, 1],
    }


def mirrored(batch: Batch) -> Batch:
    """Everything left for right."""
    from ...motion.points import _FACE_MIRROR

    order = torch.tensor([*_MIRROR, *(48 + k for k in _FACE_MIRROR)])
    result = {name: value.flip(-1) for name, value in batch.items() if name in ("source", "warped", "target")}
    for name in ("masks", "seen"):
        result[name] = batch[name][:, _SWAP].flip(-1)
    result["flow"] = batch["flow"].flip(2) * torch.tensor([-1.0, 1.0])
    for name in ("from", "points"):
        result[name] = batch[name][:, order] * torch.tensor([-1.0, 1.0])
    return result


def lit(batch: Batch, rng: np.random.Generator) -> Batch:
    """Pictures in another light: each channel of a pair brighter or darker, alike in its three pictures."""
    count = len(batch["points"])
    gain = rng.normal(0, 0.12, (count, 1, 1, 1)) + rng.normal(0, 0.06, (count, 3, 1, 1))
    power = torch.from_numpy(np.exp(gain)).float()
    result = dict(batch)
    for name in ("source", "warped", "target"):
        result[name] = ((batch[name] + 1) / 2).clamp(1e-6, 1).pow(power) * 2 - 1
    return result


def windowed(batch: Batch, side: int, rng: np.random.Generator) -> Batch:
    """What is made and wanted, cut to windows of ``side`` pixels; the source stays whole."""
    whole = batch["warped"].shape[-1]
    result: Batch = {name: [] for name in ("warped", "target", "seen", "flow", "window")}  # type: ignore[misc]
    half = (torch.arange(whole // 2) + 0.5) / (whole / 4) - 1
    y, x = torch.meshgrid(half, half, indexing="ij")
    places = torch.stack([x, y], -1)
    for row, points in enumerate(batch["points"]):
        middle = points[rng.integers(len(points))] if rng.random() < 0.8 else torch.zeros(2)
        middle = (middle.numpy() + 1) / 2 * whole + rng.normal(0, side / 5, 2)
        left, top = (int(v) for v in np.clip(np.round((middle - side / 2) / 8), 0, (whole - side) // 8) * 8)
        rows, columns = slice(top, top + side), slice(left, left + side)
        small = slice(top // 2, (top + side) // 2), slice(left // 2, (left + side) // 2)
        for name in ("warped", "target"):
            result[name].append(batch[name][row, :, rows, columns])  # type: ignore[attr-defined]
        result["seen"].append(batch["seen"][row, :, small[0], small[1]])  # type: ignore[attr-defined]
        result["flow"].append(batch["flow"][row][small])  # type: ignore[attr-defined]
        result["window"].append(places[small])  # type: ignore[attr-defined]
    return batch | {name: torch.stack(values) for name, values in result.items()}  # type: ignore[arg-type]


class PatchCritic(nn.Module):
    """Tells real from made patches of 64 x 64 round hands and face, seeing the edges too (equation 8)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 6
        for channels in (width, 2 * width, 4 * width):
            layers += [nn.utils.parametrizations.spectral_norm(nn.Conv2d(before, channels, 4, 2, 1)), nn.LeakyReLU(0.2)]
            before = channels
        self.body = nn.Sequential(*layers, nn.Conv2d(before, 1, 3, padding=1))

    def forward(self, patches: Tensor) -> Tensor:
        result: Tensor = self.body(patches)
        return result


class TrainedVideo(nn.Module):
    """The generator with what only its training needs."""

    def __init__(self, config: PortraitConfig, weights: VideoLoss) -> None:
        super().__init__()
        self.generator, self.weights = PortraitGenerator(config), weights
        self.critic = PatchCritic()

    def forward(self, batch: Batch) -> Tensor:
        picture: Tensor = self.generator(
            *(batch[name] for name in ("source", "masks", "warped", "seen", "flow", "points")), batch.get("window")
        )
        return picture


def weight_map(points: Tensor, more: float, window: Tensor | None = None) -> Tensor:
    """[B, 1, 64, 64]: 1, and 1 + more on hands and face of points [B, 116, 2] in -1 .. 1.

    Of a window [B, h, w, 2] of places, [B, 1, h, w].
    """
    if window is None:
        at = (torch.arange(64, device=points.device) + 0.5) / 32 - 1
        window = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)[None]
    result = torch.zeros(len(points), 1, *window.shape[1:3], device=points.device)
    for span in (slice(6, 27), slice(27, 48), slice(48, 116)):
        low, high = points[:, span].amin(1) - 0.04, points[:, span].amax(1) + 0.04
        inside = (window > low[:, None, None]) & (window < high[:, None, None])
        result = torch.maximum(result, inside.all(-1)[:, None].float())
    return 1 + more * result


def patches(values: Tensor, points: Tensor, side: int = 64) -> Tensor:
    """Crops [3 B, C, side, side] of pictures round both hands and the face."""
    size = values.shape[-1]
    result = []
    for row, own in enumerate(points):
        for span in (slice(6, 27), slice(27, 48), slice(48, 116)):
            middle = ((own[span].mean(0) + 1) / 2 * size).round().long() - side // 2
            x, y = (int(v.clamp(0, size - side)) for v in middle)
            result.append(values[row, :, y : y + side, x : x + side])
    return torch.stack(result)


def video_loss(
    network: nn.Module, batch: Batch, perceptual: Perceptual | None, weights: VideoLoss
) -> tuple[Tensor, dict[str, Tensor]]:
    """Pixels, activations, and the critic's view (equation 8)."""
    made = network(batch).float()
    target = batch["target"]
    window = batch.get("window")
    focus = functional.interpolate(
        weight_map(batch["points"], weights.body, window), size=made.shape[-1], mode="nearest"
    )
    terms = {"pixel": ((made - target).abs() * focus).sum() / (3 * focus.sum())}
    value = weights.pixel * terms["pixel"]
    if perceptual is not None and weights.perceptual:
        near = functional.interpolate(focus, size=made.shape[-1] // 4, mode="nearest")
        total = made.new_zeros(())
        for a, b in zip(perceptual(made), perceptual(target), strict=True):
            share = functional.interpolate(near, size=a.shape[-1], mode="area")
            total = (
                total + (_unit(a.float()) - _unit(b.float())).abs().sum(1, keepdim=True).mul(share).sum() / share.sum()
            )
        terms["perceptual"] = total
        value = value + weights.perceptual * total
    inner = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    assert isinstance(inner, TrainedVideo)
    if weights.adversarial and inner.generator.refiner.edges is not None:
        with torch.no_grad():
            heat = inner.generator.refiner.edges(batch["points"], window)
            heat = functional.interpolate(heat, size=made.shape[-1])
        seen_made, seen_real = torch.cat([made, heat], 1), torch.cat([target, heat], 1)
        if window is None:
            seen_made, seen_real = (patches(seen, batch["points"]) for seen in (seen_made, seen_real))
        fixed = {name: p.detach() for name, p in inner.critic.named_parameters()}
        terms["adversarial"] = -torch.func.functional_call(inner.critic, fixed, (seen_made,)).float().mean()
        real, fake = inner.critic(seen_real).float(), inner.critic(seen_made.detach()).float()
        terms["critic"] = functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()
        value = value + weights.adversarial * terms["adversarial"] + terms["critic"]
    return value, terms


def _unit(values: Tensor) -> Tensor:
    return values / (values.norm(dim=1, keepdim=True) + 1e-3)


def fit_video(
    pairs: Pairs,
    folder: str | Path,
    *,
    config: PortraitConfig | None = None,
    weights: VideoLoss | None = None,
    training: TrainConfig | None = None,
    perceptual: Perceptual | None = None,
    held_out: Pairs | None = None,
    start: PortraitGenerator | None = None,
    window: int | None = WINDOW,
) -> PortraitGenerator:
    """Train the refinement; continues a run found in ``folder``.

    Args:
        perceptual: activations of a frozen network, such as VGG or ``Looks``; without it that term is 0.
        held_out: pairs to validate on.
        start: weights to begin with, for the looks of one person.
        window: pixels of the windows that are learned from; None for whole pictures.
    Raises:
        UserError: a config that refines nothing, or a run of other sizes in ``folder``.
    """
    config, weights, training = config or PortraitConfig(), weights or VideoLoss(), training or TrainConfig()
    if config.refine == "none":
        raise UserError("refine 'none' leaves pictures as they are warped; there is nothing to train")
    torch.manual_seed(training.seed)
    model = TrainedVideo(config, weights)
    if isinstance(perceptual, nn.Module):  # where ``fit`` trains
        perceptual.to("cuda" if torch.cuda.is_available() else "cpu")
    if start is not None:
        model.generator.load_state_dict(start.state_dict())
    batches = PairBatches(pairs, batch_size=training.batch_size, seed=training.seed, window=window)

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return video_loss(network, batch, perceptual, weights)

    def validate(network: nn.Module) -> dict[str, float]:
        assert held_out is not None
        assert isinstance(network, TrainedVideo)
        return quality(network.generator, held_out)

    fit(
        model,
        loss,
        batches,
        folder,
        training,
        validate=validate if held_out else None,
        describe={"method": METHOD, "config": asdict(config), "loss": asdict(weights)},
    )
    return model.generator


@torch.no_grad()
def quality(generator: PortraitGenerator, pairs: Pairs, most: int = 64) -> dict[str, float]:
    """PSNR in dB of the made and of the warped pictures, whole and on hands and faces."""
    sums: dict[str, list[float]] = {}
    device = next(generator.parameters()).device
    chosen = np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int)
    for begin in range(0, len(chosen), 8):
        batch = {n: v.to(device) for n, v in tensors(pairs.batch(chosen[begin : begin + 8])).items()}
        made = generator(*(batch[n] for n in ("source", "masks", "warped", "seen", "flow", "points")))
        focus = functional.interpolate(weight_map(batch["points"], 1.0), size=made.shape[-1]) - 1
        for name, picture in (("made", made.float()), ("warped", batch["warped"])):
            error = ((picture - batch["target"]) / 2) ** 2
            near = (error * focus).sum((1, 2, 3)) / (3 * focus.sum((1, 2, 3)).clamp_min(1))
            for part, value in (("psnr", error.mean((1, 2, 3))), ("near", near)):
                decibels = -10 * value.clamp_min(1e-10).log10()
                sums.setdefault(f"{part}_{name}", []).extend(decibels.tolist())
    return {name: float(np.mean(values)) for name, values in sums.items()}


def fit_looks(
    pairs: Pairs, folder: str | Path, *, config: LooksConfig | None = None, training: TrainConfig | None = None
) -> Looks:
    """Train the own encoder of pictures on the sources of pairs; continues a run found in ``folder``."""
    config, training = config or LooksConfig(), training or TrainConfig()
    torch.manual_seed(training.seed)
    model = Looks(config)
    batches = PairBatches(pairs, batch_size=training.batch_size, seed=training.seed)
    fit(model, looks_loss, batches, folder, training, describe={"method": LOOKS, "config": asdict(config)})
    return model


def load_looks(folder: str | Path) -> Looks:
    """The frozen encoder of a run folder. Raises UserError if it is none."""
    made = {LOOKS: lambda sizes: Looks(LooksConfig(**{**sizes, "channels": tuple(sizes["channels"])}))}
    network, _ = saved_run(folder, made)
    assert isinstance(network, Looks)
    return network.requires_grad_(False)


def load_video_run(folder: str | Path) -> tuple[PortraitGenerator, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""

    def make(sizes: dict[str, Any]) -> nn.Module:
        weights = VideoLoss(**json.loads((Path(folder) / "config.json").read_text()).get("loss", {}))
        return TrainedVideo(PortraitConfig(**{**sizes, "channels": tuple(sizes["channels"])}), weights)

    network, described = saved_run(folder, {METHOD: make})
    assert isinstance(network, TrainedVideo)
    return network.generator, described
