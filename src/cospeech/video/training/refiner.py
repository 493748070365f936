"""Training of the refinement of warped portraits, and of the perceptual encoder for its loss."""

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
from ...motion.points import BODY_POINTS, FACE_MIRROR, FACE_SLICE, HAND_SLICES
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from .perceptual_network import PerceptualEncoder, PerceptualEncoderConfig, perceptual_encoder_loss
from .portrait_network import PortraitConfig, PortraitGenerator
from .portrait_pairs import Pairs

METHOD, ENCODER = "video generator", "picture encoder"
WINDOW = 128  # pixels of the windows that are learned from [D]
PATCH = 64  # pixels of the discriminator's patches, and of the map of weights
BOX_MARGIN = 0.04  # round hands and face, where the picture is 2 wide
NEAR_POINTS, WINDOW_GRID = 0.8, 8  # share of windows at a keypoint; pixels that windows are aligned to
WINDOW_SPREAD = 5  # parts of a window's side that the deviation of its middle is one of
LIGHT, TINT = 0.12, 0.06  # deviations of the log gamma of all channels, and of each
QUALITY_BATCH = 8
CRITIC_SLOPE = 0.2  # of leaky rectifiers below 0
_OTHER_SIDE = {"left": "right", "right": "left"}
_BODY_MIRROR = [
    BODY_POINTS.index(f"{_OTHER_SIDE[side]}_{rest}") for side, _, rest in (name.partition("_") for name in BODY_POINTS)
]
_MIRROR = [*_BODY_MIRROR, *(FACE_SLICE.start + k for k in FACE_MIRROR)]  # the keypoint that each becomes in a mirror
_SWAP = [0, 2, 1, 4, 3, 6, 5]  # parts, left for right
Perceptual = Callable[[Tensor], list[Tensor]]  # pictures [B, 3, S, S] in -1 .. 1 -> activations


@dataclass(frozen=True)
class VideoLoss:
    """Weights of the loss (equation 8; crops and the weight of hands and face are ours [D])."""

    pixel: float = 20.0
    perceptual: float = 0.5
    adversarial: float = 0.0  # without a critic results are sharp already, as sources are warped
    body: float = 2.0  # how much more a pixel of a hand or face counts


class PairBatches:
    """Random pairs as tensors; half of them mirrored, with random colours of light.

    With ``window``, only so many pixels of the target, mostly round a hand, an elbow, a shoulder or the face: a
    quarter of the computation, where it matters [D].
    """

    def __init__(
        self, pairs: Pairs, *, batch_size: int, seed: int = 0, mirror: bool = True, window: int | None = None
    ) -> None:
        self.pairs, self.batch_size, self.seed, self.mirror = pairs, batch_size, seed, mirror
        self.window = window

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        """This process' share of a step's batch."""
        rng = np.random.default_rng([self.seed, step, process.rank])
        found = self.pairs.batch(rng.integers(len(self.pairs), size=max(1, self.batch_size // process.world_size)))
        batch = tensors(found)
        if self.mirror and rng.random() < 0.5:
            batch = mirrored(batch)
        if self.window is not None:
            batch = windowed(lit(batch, rng), self.window, rng)
        return batch


def tensors(pair: Any) -> Batch:
    """A stacked ``Pair`` as tensors in the ranges that the networks take."""

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
    """A batch with left and right exchanged."""
    order = torch.tensor(_MIRROR)
    result = {name: value.flip(-1) for name, value in batch.items() if name in ("source", "warped", "target")}
    for name in ("masks", "seen"):
        result[name] = batch[name][:, _SWAP].flip(-1)
    result["flow"] = batch["flow"].flip(2) * torch.tensor([-1.0, 1.0])
    for name in ("from", "points"):
        result[name] = batch[name][:, order] * torch.tensor([-1.0, 1.0])
    return result


def lit(batch: Batch, rng: np.random.Generator) -> Batch:
    """Pictures in another light: each channel brighter or darker, equally in the three pictures of a pair."""
    count = len(batch["points"])
    gain = rng.normal(0, LIGHT, (count, 1, 1, 1)) + rng.normal(0, TINT, (count, 3, 1, 1))
    power = torch.from_numpy(np.exp(gain)).float()
    result = dict(batch)
    for name in ("source", "warped", "target"):
        result[name] = ((batch[name] + 1) / 2).clamp(1e-6, 1).pow(power) * 2 - 1
    return result


def windowed(batch: Batch, side: int, rng: np.random.Generator) -> Batch:
    """Inputs and targets cropped to windows of ``side`` pixels; the source stays whole."""
    whole = batch["warped"].shape[-1]
    result: Batch = {name: [] for name in ("warped", "target", "seen", "flow", "window")}  # type: ignore[misc]
    half = (torch.arange(whole // 2) + 0.5) / (whole / 4) - 1
    y, x = torch.meshgrid(half, half, indexing="ij")
    places = torch.stack([x, y], -1)
    for row, points in enumerate(batch["points"]):
        middle = points[rng.integers(len(points))] if rng.random() < NEAR_POINTS else torch.zeros(2)
        middle = (middle.numpy() + 1) / 2 * whole + rng.normal(0, side / WINDOW_SPREAD, 2)
        left, top = (
            int(v)
            for v in np.clip(np.round((middle - side / 2) / WINDOW_GRID), 0, (whole - side) // WINDOW_GRID)
            * WINDOW_GRID
        )
        rows, columns = slice(top, top + side), slice(left, left + side)
        small = slice(top // 2, (top + side) // 2), slice(left // 2, (left + side) // 2)
        for name in ("warped", "target"):
            result[name].append(batch[name][row, :, rows, columns])  # type: ignore[attr-defined]
        result["seen"].append(batch["seen"][row, :, small[0], small[1]])  # type: ignore[attr-defined]
        result["flow"].append(batch["flow"][row][small])  # type: ignore[attr-defined]
        result["window"].append(places[small])  # type: ignore[attr-defined]
    return batch | {name: torch.stack(values) for name, values in result.items()}  # type: ignore[arg-type]


class PatchCritic(nn.Module):
    """Discriminator of 64 x 64 patches round hands and face, with their edges (equation 8)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 6
        for channels in (width, 2 * width, 4 * width):
            layers += [
                nn.utils.parametrizations.spectral_norm(nn.Conv2d(before, channels, 4, 2, 1)),
                nn.LeakyReLU(CRITIC_SLOPE),
            ]
            before = channels
        self.body = nn.Sequential(*layers, nn.Conv2d(before, 1, 3, padding=1))

    def forward(self, patches: Tensor) -> Tensor:
        result: Tensor = self.body(patches)
        return result


class TrainedVideo(nn.Module):
    """The generator with its discriminator, as trained."""

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
        at = (torch.arange(PATCH, device=points.device) + 0.5) / (PATCH / 2) - 1
        window = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)[None]
    result = torch.zeros(len(points), 1, *window.shape[1:3], device=points.device)
    for span in (*HAND_SLICES, FACE_SLICE):
        low, high = points[:, span].amin(1) - BOX_MARGIN, points[:, span].amax(1) + BOX_MARGIN
        inside = (window > low[:, None, None]) & (window < high[:, None, None])
        result = torch.maximum(result, inside.all(-1)[:, None].float())
    return 1 + more * result


def patches(values: Tensor, points: Tensor, side: int = PATCH) -> Tensor:
    """Crops [3 B, C, side, side] of pictures round both hands and the face."""
    size = values.shape[-1]
    result = []
    for row, own in enumerate(points):
        for span in (*HAND_SLICES, FACE_SLICE):
            middle = ((own[span].mean(0) + 1) / 2 * size).round().long() - side // 2
            x, y = (int(v.clamp(0, size - side)) for v in middle)
            result.append(values[row, :, y : y + side, x : x + side])
    return torch.stack(result)


def video_loss(
    network: nn.Module, batch: Batch, perceptual: Perceptual | None, weights: VideoLoss
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of pixels and activations, and adversarial loss (equation 8): its value and its terms."""
    refined = network(batch).float()
    target = batch["target"]
    window = batch.get("window")
    focus = functional.interpolate(
        weight_map(batch["points"], weights.body, window), size=refined.shape[-1], mode="nearest"
    )
    terms = {"pixel": ((refined - target).abs() * focus).sum() / (3 * focus.sum())}
    value = weights.pixel * terms["pixel"]
    if perceptual is not None and weights.perceptual:
        near = functional.interpolate(focus, size=refined.shape[-1] // 4, mode="nearest")
        total = refined.new_zeros(())
        for a, b in zip(perceptual(refined), perceptual(target), strict=True):
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
            heat = functional.interpolate(heat, size=refined.shape[-1])
        seen_refined, seen_real = torch.cat([refined, heat], 1), torch.cat([target, heat], 1)
        if window is None:
            seen_refined, seen_real = (patches(seen, batch["points"]) for seen in (seen_refined, seen_real))
        fixed = {name: p.detach() for name, p in inner.critic.named_parameters()}
        terms["adversarial"] = -torch.func.functional_call(inner.critic, fixed, (seen_refined,)).float().mean()
        real, fake = inner.critic(seen_real).float(), inner.critic(seen_refined.detach()).float()
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
        perceptual: activations of a frozen network, such as VGG or ``PerceptualEncoder``; no such term without it.
        held_out: pairs to validate on.
        start: network whose weights training starts from, to adapt to one person.
        window: pixels of the windows that are learned from; None for whole pictures.
    Raises:
        UserError: a config without refinement, or a run of other sizes in ``folder``.
    """
    config, weights, training = config or PortraitConfig(), weights or VideoLoss(), training or TrainConfig()
    if config.refine == "none":
        raise UserError("refine 'none' returns pictures as they are warped; there is nothing to train")
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
    """Mean PSNR in dB of refined (``made``) and of warped pictures, whole and on hands and faces (``near``)."""
    sums: dict[str, list[float]] = {}
    device = next(generator.parameters()).device
    chosen = np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int)
    for first in range(0, len(chosen), QUALITY_BATCH):
        batch = {n: v.to(device) for n, v in tensors(pairs.batch(chosen[first : first + QUALITY_BATCH])).items()}
        refined = generator(*(batch[n] for n in ("source", "masks", "warped", "seen", "flow", "points")))
        focus = functional.interpolate(weight_map(batch["points"], 1.0), size=refined.shape[-1]) - 1
        for name, picture in (("made", refined.float()), ("warped", batch["warped"])):
            error = ((picture - batch["target"]) / 2) ** 2
            near = (error * focus).sum((1, 2, 3)) / (3 * focus.sum((1, 2, 3)).clamp_min(1))
            for part, value in (("psnr", error.mean((1, 2, 3))), ("near", near)):
                decibels = -10 * value.clamp_min(1e-10).log10()
                sums.setdefault(f"{part}_{name}", []).extend(decibels.tolist())
    return {name: float(np.mean(values)) for name, values in sums.items()}


def fit_perceptual_encoder(
    pairs: Pairs,
    folder: str | Path,
    *,
    config: PerceptualEncoderConfig | None = None,
    training: TrainConfig | None = None,
) -> PerceptualEncoder:
    """Train the perceptual encoder on the sources of pairs; continues a run found in ``folder``."""
    config, training = config or PerceptualEncoderConfig(), training or TrainConfig()
    torch.manual_seed(training.seed)
    model = PerceptualEncoder(config)
    batches = PairBatches(pairs, batch_size=training.batch_size, seed=training.seed)
    fit(
        model,
        perceptual_encoder_loss,
        batches,
        folder,
        training,
        describe={"method": ENCODER, "config": asdict(config)},
    )
    return model


def load_perceptual_encoder(folder: str | Path) -> PerceptualEncoder:
    """The frozen encoder of a run folder. Raises UserError if it is none."""

    def make(sizes: dict[str, Any]) -> nn.Module:
        return PerceptualEncoder(PerceptualEncoderConfig(**{**sizes, "channels": tuple(sizes["channels"])}))

    network, _ = saved_run(folder, {ENCODER: make})
    assert isinstance(network, PerceptualEncoder)
    return network.requires_grad_(False)


def load_video_run(folder: str | Path) -> tuple[PortraitGenerator, dict[str, Any]]:
    """The network of a run folder with its description. Raises UserError if it is none."""

    def make(sizes: dict[str, Any]) -> nn.Module:
        weights = VideoLoss(**json.loads((Path(folder) / "config.json").read_text()).get("loss", {}))
        return TrainedVideo(PortraitConfig(**{**sizes, "channels": tuple(sizes["channels"])}), weights)

    network, described = saved_run(folder, {METHOD: make})
    assert isinstance(network, TrainedVideo)
    return network.generator, described
