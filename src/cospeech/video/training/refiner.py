"""Training of the refinement of warped portraits, and of the perceptual encoder for its loss."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.errors import UserError
from ...motion.points import BODY_POINTS, ELBOWS, FACE_MIRROR, FACE_SLICE, HAND_SLICES, WRISTS
from ...training.loop import Batch, ProcessInfo, TrainConfig, fit, saved_run
from ..warping.mixture import spline_flows
from ..warping.refine import MOTION_SIDE, near_person
from ..warping.resampling import SIDE
from .perceptual_network import PerceptualEncoder, PerceptualEncoderConfig, perceptual_encoder_loss
from .portrait_network import PortraitConfig, PortraitGenerator
from .portrait_pairs import Pairs

METHOD, ENCODER = "video generator", "picture encoder"
WINDOW = 128  # pixels of the windows that are learned from [D]
SOURCE_WINDOW = 192  # pixels of the source round what a window shows
BOX_MARGIN = 0.04  # round hands, forearms and face, where the picture is 2 wide
WINDOW_GRID = 8  # pixels that windows are aligned to
ON_ARMS, ON_FACE = 0.65, 0.25  # shares of windows at a point of an arm or hand, and of the face; the rest is anywhere
WINDOW_SPREAD = 5  # parts of a window's side that the deviation of its middle is one of
HALVED = 0.5  # share of batches of large pictures that are halved
AT_REST = 0.05  # share of batches whose source does not move, so that nothing is to be changed
LIGHT, TINT = 0.12, 0.06  # deviations of the log gamma of all channels, and of each
QUALITY_BATCH = 4
CRITIC_SLOPE = 0.2  # of leaky rectifiers below 0
CRITIC_SHARE = 0.05  # of the critic's own loss, so that its gradients do not fill the clipped norm
NORM_FLOOR = 1e-3  # added to norms of activations
ADVERSARIAL = 0.2  # weight of the adversarial loss
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
    perceptual: float = 100.0
    adversarial: float = ADVERSARIAL
    body: float = 2.0  # how much more a pixel of a hand, forearm or face counts

    def __post_init__(self) -> None:
        if not 0 <= self.adversarial < math.inf:
            raise UserError(f"adversarial is a weight from 0 on; got {self.adversarial:g}, give e.g. {ADVERSARIAL:g}")


class PairBatches:
    """Random pairs as tensors; half of them mirrored, with random colours of light.

    With ``window``, only so many pixels of the target, mostly round an arm, a hand or the face: a quarter of the
    computation, where it matters [D].
    """

    def __init__(
        self, pairs: Pairs, *, batch_size: int, seed: int = 0, mirror: bool = True, window: int | None = None
    ) -> None:
        self.pairs, self.batch_size, self.seed, self.mirror = pairs, batch_size, seed, mirror
        self.window = window

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        """This process' share of a step's batch; pictures of all sizes are drawn equally often."""
        rng = np.random.default_rng([self.seed, step, process.rank])
        sides = sorted(self.pairs.sides)
        side = sides[rng.integers(len(sides))]
        numbers = self.pairs.sides[side]
        count = max(1, self.batch_size // process.world_size)
        batch = planes_of(self.pairs.batch(numbers[rng.integers(len(numbers), size=count)]))
        if side > SIDE and rng.random() < HALVED:
            batch = halved(batch)
        if self.mirror and rng.random() < 0.5:
            batch = mirrored(batch)
        if self.window is None:
            return overview(batch)
        if rng.random() < AT_REST:
            batch = at_rest(batch)
        return lit(windowed(overview(batch), self.window, rng), rng)


def tensors(pair: Any) -> Batch:
    """A stacked ``Pair`` as the networks take it, whole."""
    return overview(planes_of(pair))


def planes_of(pair: Any) -> Batch:
    """The arrays of a stacked ``Pair`` as tensors in the ranges that the networks take."""

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


def overview(batch: Batch) -> Batch:
    """A batch with what dense motion sees of the whole picture, where its pixels are, and what may change."""
    half = batch["seen"].shape[-1]
    step = half // MOTION_SIDE
    at = (torch.arange(half) + 0.5) / (half / 2) - 1
    places = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)
    both = zip(batch["from"].numpy(), batch["points"].numpy(), strict=True)
    return batch | {
        "small_source": functional.avg_pool2d(batch["source"], 2 * step),
        "small_warped": functional.avg_pool2d(batch["warped"], 2 * step),
        "small_seen": functional.avg_pool2d(batch["seen"], step),
        "small_flow": batch["flow"][:, step // 2 :: step, step // 2 :: step],
        "small_splines": torch.from_numpy(np.stack([spline_flows(*one) for one in both])),
        "near": torch.from_numpy(np.stack([near_person(one)[None] for one in batch["seen"].sum(1).numpy()])),
        "window": places.expand(len(batch["points"]), -1, -1, -1),
        "zoom": torch.ones(len(batch["points"])),
    }


def halved(batch: Batch) -> Batch:
    """A batch of pictures of half the side."""
    result = {n: functional.avg_pool2d(batch[n], 2) for n in ("source", "warped", "target", "masks", "seen")}
    half = batch["flow"].shape[1]
    return batch | result | {"flow": batch["flow"][:, 1::2, 1::2] - 1 / half}


def at_rest(batch: Batch) -> Batch:
    """A batch whose sources stay as they are, and are what is wanted."""
    half = batch["flow"].shape[1]
    at = (torch.arange(half) + 0.5) / (half / 2) - 1
    still = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1).expand_as(batch["flow"])
    source = batch["source"]
    return batch | {"warped": source, "target": source, "seen": batch["masks"], "flow": still, "points": batch["from"]}


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
    """Pictures in another light: each channel brighter or darker, equally in all pictures of a pair."""
    count = len(batch["points"])
    gain = rng.normal(0, LIGHT, (count, 1, 1, 1)) + rng.normal(0, TINT, (count, 3, 1, 1))
    power = torch.from_numpy(np.exp(gain)).float()
    result = dict(batch)
    for name in ("source", "warped", "target", "small_source", "small_warped"):
        result[name] = ((batch[name] + 1) / 2).clamp(1e-6, 1).pow(power) * 2 - 1
    return result


def windowed(batch: Batch, side: int, rng: np.random.Generator) -> Batch:
    """An ``overview`` cropped to windows of ``side`` pixels, and its sources to what is round them."""
    whole = batch["warped"].shape[-1]
    own = min(whole, SOURCE_WINDOW)
    rows: dict[str, list[Tensor]] = {}
    for row, points in enumerate(batch["points"].numpy()):
        middle = (_window_middle(points, rng) + 1) / 2 * whole + rng.normal(0, side / WINDOW_SPREAD, 2)
        large, small = _square_at(middle, side, whole)
        cut = {name: batch[name][row, :, large[0], large[1]] for name in ("warped", "target")}
        cut |= {name: batch[name][row, :, small[0], small[1]] for name in ("seen", "near")}
        cut["window"] = batch["window"][row][small]
        flow = (batch["flow"][row][small] + 1) / 2 * whole  # pixels of the source
        large, small = _square_at(flow.reshape(-1, 2).median(0).values.numpy(), own, whole)
        cut["source"], cut["masks"] = batch["source"][row][:, *large], batch["masks"][row][:, *small]
        corner = torch.tensor([large[1].start, large[0].start])
        cut["flow"] = (flow - corner) / (own / 2) - 1
        for name, value in cut.items():
            rows.setdefault(name, []).append(value)
    zoom = torch.full((len(batch["points"]),), whole / own)
    return batch | {name: torch.stack(values) for name, values in rows.items()} | {"zoom": zoom}


def _window_middle(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A place [2] in -1 .. 1 round which a window is learned from."""
    kind = rng.random()
    if kind < ON_ARMS:
        side = int(rng.integers(2))
        of_arm = [ELBOWS[side], WRISTS[side], *range(HAND_SLICES[side].start, HAND_SLICES[side].stop, 4)]
        return points[of_arm[rng.integers(len(of_arm))]]
    if kind < ON_ARMS + ON_FACE:
        return points[FACE_SLICE][rng.integers(FACE_SLICE.stop - FACE_SLICE.start)]
    return rng.uniform(-1, 1, 2)


def _square_at(middle: np.ndarray, side: int, whole: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns of a square within a picture, aligned, and of the same in maps of half the side."""
    first = np.clip(np.round((middle - side / 2) / WINDOW_GRID), 0, (whole - side) // WINDOW_GRID) * WINDOW_GRID
    left, top = (int(value) for value in first)
    large = slice(top, top + side), slice(left, left + side)
    small = slice(top // 2, (top + side) // 2), slice(left // 2, (left + side) // 2)
    return large, small


class PatchCritic(nn.Module):
    """Discriminator of patches of 22 pixels, with the edges between keypoints (equation 8)."""

    def __init__(self, width: int = 16) -> None:
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
        picture: Tensor = self.generator(batch)
        return picture


def weight_map(points: Tensor, more: float, places: Tensor) -> Tensor:
    """[B, 1, h, w]: 1, and 1 + more on hands, forearms and face of points [B, 116, 2], at places [B, h, w, 2]."""
    result = torch.zeros(len(points), 1, *places.shape[1:3], device=points.device)
    parts = [points[:, span] for span in (*HAND_SLICES, FACE_SLICE)]
    parts += [points[:, [elbow, wrist]] for elbow, wrist in zip(ELBOWS, WRISTS, strict=True)]
    for own in parts:
        low, high = own.amin(1) - BOX_MARGIN, own.amax(1) + BOX_MARGIN
        inside = (places > low[:, None, None]) & (places < high[:, None, None])
        result = torch.maximum(result, inside.all(-1)[:, None].float())
    return 1 + more * result


def video_loss(
    network: nn.Module, batch: Batch, perceptual: Perceptual | None, weights: VideoLoss
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of pixels and activations, and adversarial loss (equation 8): its value and its terms."""
    refined = network(batch).float()
    target = batch["target"]
    focus = weight_map(batch["points"], weights.body, batch["window"])
    fine = functional.interpolate(focus, size=refined.shape[-1], mode="nearest")
    terms = {"pixel": ((refined - target).abs() * fine).sum() / (3 * fine.sum())}
    value = weights.pixel * terms["pixel"]
    if perceptual is not None and weights.perceptual:
        total = refined.new_zeros(())
        # Encoders that halve what they see are blind to patterns of two pixels, unless these lie elsewhere each time.
        shift = [int(by) for by in torch.randint(2, (2,))]
        with torch.no_grad():
            wanted = perceptual(target.roll(shift, (-2, -1)))
        for a, b in zip(perceptual(refined.roll(shift, (-2, -1))), wanted, strict=True):
            share = functional.interpolate(focus, size=a.shape[-1], mode="area")
            gap = (_unit(a.float()) - _unit(b.float())).square().mean(1, keepdim=True)
            total = total + (gap * share).sum() / share.sum()
        terms["perceptual"] = total
        value = value + weights.perceptual * total
    inner = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    assert isinstance(inner, TrainedVideo)
    if weights.adversarial:
        with torch.no_grad():
            heat = inner.generator.edges(batch["points"], batch["window"])
            heat = functional.interpolate(heat, size=refined.shape[-1])
        seen_refined, seen_real = torch.cat([refined, heat], 1), torch.cat([target, heat], 1)
        fixed = {name: p.detach() for name, p in inner.critic.named_parameters()}
        terms["adversarial"] = -torch.func.functional_call(inner.critic, fixed, (seen_refined,)).float().mean()
        real, fake = inner.critic(seen_real).float(), inner.critic(seen_refined.detach()).float()
        terms["critic"] = functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()
        value = value + weights.adversarial * terms["adversarial"] + CRITIC_SHARE * terms["critic"]
    return value, terms


def _unit(values: Tensor) -> Tensor:
    return values / (values.norm(dim=1, keepdim=True) + NORM_FLOOR)


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
        refined = generator(batch)
        focus = functional.interpolate(weight_map(batch["points"], 1.0, batch["window"]), size=refined.shape[-1]) - 1
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
        pairs = {key: tuple(sizes[key]) for key in ("channels", "weighing")}
        return TrainedVideo(PortraitConfig(**{**sizes, **pairs}), weights)

    network, described = saved_run(folder, {METHOD: make})
    assert isinstance(network, TrainedVideo)
    return network.generator, described
