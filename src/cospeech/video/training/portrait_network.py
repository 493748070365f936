"""The paper's generator of pictures as what refines a warped portrait (Contextual Gesture, section 3.3, appendix D).

Dense motion (64 x 64, the whole picture) weighs 29 thin-plate splines, the identity and the flow of the layers, and
so corrects that flow. Feature maps of the source at a half, a quarter and an eighth of the film's size are warped by it
and gated by occlusion masks; SPADE blocks (Park et al., CVPR 2019) conditioned on heatmaps of the edges between
keypoints predict residuals to them; a U-Net renders the picture at the film's own size, in crops.

Ours [D]: the flow of the layers is a candidate and nearly all of the weight at first; the U-Net renders a residual to
the warped picture, with a gate, the fourth occlusion mask, that is closed far from the person, so that an untouched
background stays equal to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.errors import UserError
from ..warping.edge_maps import GROUPS, edge_list
from ..warping.limb_geometry import PARTS as PART_NAMES
from ..warping.mixture import SPLINES
from ..warping.refine import MOTION_SIDE, SKELETON
from ..warping.resampling import MAP_SIDE

PARTS = len(PART_NAMES)  # 7
REFINERS = ("none", "unet", "skeleton", "edges")  # the paper's ablation of refinement
HEAT = MAP_SIDE  # side of the heatmaps, of which the coarser ones are means
SLOPE = 0.1  # of leaky rectifiers below 0
PIXELS = 4  # of a block of 2 x 2 that the last level paints at a time
NORM_FLOOR = 1e-4  # added to mean squares of features
CONTEXT = 8  # channels by which dense motion tells the U-Net of the whole picture
LAYERS_FIRST = 8.0  # logit by which the flow of the layers is ahead at first
GREY = (0.299, 0.587, 0.114)
SIGMAS = (0.06, 0.015, 0.012)  # at first, of each of GROUPS, where the picture is 2 wide


@dataclass(frozen=True)
class PortraitConfig:
    """Sizes of the refining network."""

    channels: tuple[int, int, int] = (24, 48, 64)  # of maps of a half, a quarter and an eighth of the side
    render: int = 32  # channels of the U-Net's last blocks
    refine: str = "edges"
    motion: bool = True  # weigh splines; without it the flow is that of the layers
    weighing: tuple[int, int] = (24, 32)  # channels of dense motion at 64, and at 32 and 16 pixels

    def __post_init__(self) -> None:
        if self.refine not in REFINERS:
            raise UserError(f"refine is one of {', '.join(REFINERS)}; got {self.refine!r}")


class EdgeMaps(nn.Module):
    """Heatmaps of edges with a learnable thickness, equations 4 to 7.

    M(p) = max over edges of exp(-d(p)^2 / sigma^2), d the distance to the edge; one sigma a group.
    """

    def __init__(self, *, learned: bool = True) -> None:
        super().__init__()
        self.sigma = nn.Parameter(torch.tensor(SIGMAS).log(), requires_grad=learned)
        for group in range(len(GROUPS)):
            edges = torch.tensor([(a, b) for a, b, own in edge_list() if own == group])
            self.register_buffer(f"edges{group}", edges, persistent=False)
        at = (torch.arange(HEAT) + 0.5) / (HEAT / 2) - 1
        y, x = torch.meshgrid(at, at, indexing="ij")
        self.register_buffer("places", torch.stack([x, y], -1).reshape(1, 1, -1, 2), persistent=False)

    def forward(self, points: Tensor, window: Tensor | None = None) -> Tensor:
        """Points [B, 116, 2] in -1 .. 1 -> [B, 3, 128, 128] in 0 .. 1, or as large as a window.

        ``window`` [B, h, w, 2] has the places of its pixels in -1 .. 1.
        """
        at: Tensor = self.places if window is None else window.flatten(1, 2)[:, None]  # type: ignore[assignment]
        size = (HEAT, HEAT) if window is None else window.shape[1:3]
        maps = []
        for group, sigma in enumerate(self.sigma.exp()):
            edges: Tensor = getattr(self, f"edges{group}")
            with torch.no_grad():
                squared = self._squared(points[:, edges[:, 0]], points[:, edges[:, 1]], at)
            maps.append(torch.exp(-squared / sigma**2))
        return torch.stack(maps, 1).reshape(len(points), len(GROUPS), *size)

    def _squared(self, start: Tensor, end: Tensor, places: Tensor) -> Tensor:
        """Least squared distance of places to edges [B, E, 2] (equations 5 and 6): [B, places]."""
        way = end - start
        size = (way * way).sum(-1, keepdim=True).clamp_min(1e-9)  # [B, E, 1]
        x = places[..., 0] - start[..., :1]
        y = places[..., 1] - start[..., 1:]
        t = ((x * way[..., :1] + y * way[..., 1:]) / size).clamp(0, 1)
        x, y = x - t * way[..., :1], y - t * way[..., 1:]
        return (x * x + y * y).amin(1)


class Spade(nn.Module):
    """Features normalised at every pixel, with scale and shift predicted from heatmaps.

    Not over the whole picture, as in the paper, so that a window of it is rendered like the whole [D].
    """

    def __init__(self, channels: int, heat: int, hidden: int = 32) -> None:
        super().__init__()
        self.see = nn.Conv2d(heat, hidden, 3, padding=1)
        self.scale = nn.Conv2d(hidden, 2 * channels, 1)

    def forward(self, features: Tensor, heat: Tensor) -> Tensor:
        scale, shift = self.scale(functional.relu(self.see(heat))).chunk(2, 1)
        size = features.float().square().mean(1, keepdim=True)
        return features * torch.rsqrt(size + NORM_FLOOR) * (1 + scale) + shift


class Fusion(nn.Module):
    """Residual to warped features from the next coarser level, conditioned on heatmaps (or on nothing)."""

    def __init__(self, channels: int, below: int, heat: int) -> None:
        super().__init__()
        self.join = nn.Conv2d(channels + below, channels, 3, padding=1)
        self.spade = Spade(channels, heat) if heat else None
        self.out = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, warped: Tensor, below: Tensor, heat: Tensor) -> Tensor:
        hidden = self.join(torch.cat([warped, below], 1))
        if self.spade is not None:
            hidden = self.spade(hidden, heat)
        return warped + self.out(functional.leaky_relu(hidden, SLOPE))


def _down(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, stride=2, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(outer, outer, 3, padding=1),
        nn.LeakyReLU(SLOPE),
    )


class Unshuffle(nn.Module):
    """Blocks of 2 x 2 pixels as channels, as ``nn.PixelUnshuffle``, for pictures of any size once exported."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("blocks", torch.eye(3 * PIXELS).view(3 * PIXELS, 3, 2, 2), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        return functional.conv2d(picture, self.blocks, stride=2)  # type: ignore[arg-type]


class PortraitEncoder(nn.Module):
    """Feature maps of the source at a half, a quarter and an eighth of its side: computed once for a video."""

    def __init__(self, config: PortraitConfig) -> None:
        super().__init__()
        c = config.channels
        self.d128 = nn.Sequential(
            Unshuffle(),
            nn.Conv2d(3 * PIXELS, c[0], 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(c[0], c[0], 3, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        self.d64, self.d32 = _down(c[0] + PARTS, c[1]), _down(c[1], c[2])

    def forward(self, source: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Source [B, 3, H, W] in -1 .. 1 and its parts [B, 7, H/2, W/2]; H and W are multiples of 8."""
        f128 = self.d128(source)
        f64 = self.d64(torch.cat([f128, masks], 1))
        return f128, f64, self.d32(f64)


class DenseMotion(nn.Module):
    """Weights of the candidate flows at every place of the whole picture, and what they are together."""

    def __init__(self, config: PortraitConfig, heat: int) -> None:
        super().__init__()
        self.heat = heat > 0
        fine, coarse = config.weighing
        known = SPLINES + 2 + 3 + PARTS + heat  # what candidates show, warped picture, parts, heatmaps
        self.look64 = nn.Sequential(nn.Conv2d(known, fine, 3, padding=1), nn.LeakyReLU(SLOPE))
        self.look32, self.look16 = _down(fine, coarse), _down(coarse, coarse)
        self.rise32 = nn.Sequential(nn.Conv2d(2 * coarse, coarse, 3, padding=1), nn.LeakyReLU(SLOPE))
        self.rise64 = nn.Sequential(nn.Conv2d(coarse + fine, fine, 3, padding=1), nn.LeakyReLU(SLOPE))
        self.tell = nn.Conv2d(fine, SPLINES + 2 + CONTEXT, 1)
        assert self.tell.bias is not None
        with torch.no_grad():
            self.tell.weight[: SPLINES + 2].zero_()
            self.tell.bias.zero_()
            self.tell.bias[SPLINES + 1] = LAYERS_FIRST
        at = (torch.arange(MOTION_SIDE) + 0.5) / (MOTION_SIDE / 2) - 1
        self.register_buffer("still", torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)[None], persistent=False)

    def forward(
        self, source: Tensor, warped: Tensor, seen: Tensor, flow: Tensor, splines: Tensor, heat: Tensor
    ) -> Tensor:
        """[B, 2 + CONTEXT, 64, 64]: what is added to the flow of the layers, and context.

        Args:
            source, warped: [B, 3, 64, 64] in -1 .. 1.
            seen: [B, 7, 64, 64] in 0 .. 1.
            flow: [B, 64, 64, 2] of the layers, in -1 .. 1.
            splines: [B, 29, h, w, 2] by ``mixture.spline_flows``.
            heat: [B, 3, 64, 64].
        """
        count = len(source)
        rows = splines.permute(0, 1, 4, 2, 3).flatten(1, 2)
        size = (MOTION_SIDE, MOTION_SIDE)
        fine = functional.interpolate(rows, size=size, mode="bilinear", align_corners=False)
        fine = fine.reshape(count, SPLINES, 2, *size).permute(0, 1, 3, 4, 2)
        still = self.still.expand(count, -1, -1, -1)  # type: ignore[operator]
        flows = torch.cat([fine, still[:, None], flow[:, None]], 1)
        red, green, blue = source[:, :1], source[:, 1:2], source[:, 2:]
        grey = GREY[0] * red + GREY[1] * green + GREY[2] * blue
        shown = _sampled(grey, flows.flatten(1, 2)).reshape(count, SPLINES + 2, *size)
        known = torch.cat([shown, warped, seen, *([heat] if self.heat else [])], 1)
        l64 = self.look64(known)
        l32 = self.look32(l64)
        r32 = self.rise32(torch.cat([_up(self.look16(l32)), l32], 1))
        r64 = self.rise64(torch.cat([_up(r32), l64], 1))
        told = self.tell(r64)
        weights = told[:, : SPLINES + 2].float().softmax(1)
        mixed = (weights[..., None] * flows).sum(1) - flow
        return torch.cat([mixed.permute(0, 3, 1, 2), told[:, SPLINES + 2 :]], 1)


class PortraitRefiner(nn.Module):
    """Warped picture, flow, parts, heatmaps and dense motion to the final picture, or to a crop of it."""

    def __init__(self, config: PortraitConfig, heat: int) -> None:
        super().__init__()
        self.heat = heat > 0
        c1, c2, c3 = config.channels
        known = 3 + PARTS + heat  # warped picture, parts, heatmaps
        self.look128 = nn.Sequential(nn.Conv2d(known, c1, 3, padding=1), nn.LeakyReLU(SLOPE))
        self.hear = nn.Conv2d(CONTEXT, c1, 1, bias=False) if config.motion else None
        self.look64, self.look32 = _down(c1, c2), _down(c2, c3)
        self.occlusion = nn.ModuleList([nn.Conv2d(c, 1, 3, padding=1) for c in (c3, c2, c1)])
        self.fuse32, self.fuse64, self.fuse128 = (
            Fusion(c, below, heat) for c, below in ((c3, c3), (c2, c3 + c2), (c1, c2 + c1))
        )
        self.shrink32, self.shrink64 = nn.Conv2d(c3, c3, 1), nn.Conv2d(c2, c2, 1)
        # The last level works at half the side, on 2 x 2 pixels at a time: a third of the time.
        self.render = nn.Sequential(
            nn.Conv2d(c1 + 3 * PIXELS, config.render, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(config.render, config.render, 3, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        # Of 2 x 2 pixels: residual, and the fourth occlusion mask, its gate.
        self.paint = nn.Conv2d(config.render, 4 * PIXELS, 3, padding=1)
        for untouched in (self.paint.weight, self.paint.bias, None if self.hear is None else self.hear.weight):
            if untouched is not None:
                nn.init.zeros_(untouched)
        self.unshuffle = Unshuffle()

    def forward(
        self,
        f2: Tensor,
        f4: Tensor,
        f8: Tensor,
        warped: Tensor,
        seen: Tensor,
        near: Tensor,
        flow: Tensor,
        heat: Tensor,
        context: Tensor | None = None,
    ) -> Tensor:
        """The picture [B, 3, H, W] in -1 .. 1, or any crop of it whose sides are multiples of 8.

        Args:
            f2, f4, f8: features of the source.
            warped: [B, 3, H, W] in -1 .. 1.
            seen: [B, 7, H/2, W/2] in 0 .. 1, parts of the warped picture.
            near: [B, 1, H/2, W/2] in 0 .. 1, what of the change is let through.
            flow: [B, H/2, W/2, 2] in -1 .. 1 of the source: where each pixel came from, with dense motion.
            heat: [B, 3, H/2, W/2], heatmaps of edges.
            context: [B, CONTEXT, H/2, W/2] of dense motion, if there is any.
        """
        l128 = self.look128(torch.cat([functional.avg_pool2d(warped, 2), seen, *([heat] if self.heat else [])], 1))
        if self.hear is not None and context is not None:
            l128 = l128 + self.hear(context)
        l64 = self.look64(l128)
        l32 = self.look32(l64)
        heats = [functional.avg_pool2d(heat, k) for k in (4, 2)]
        flows = (flow[:, 2::4, 2::4], flow[:, 1::2, 1::2])
        warm = [
            _sampled(f, g) * torch.sigmoid(o(look))
            for f, g, o, look in zip((f8, f4, f2), (*flows, flow), self.occlusion, (l32, l64, l128), strict=True)
        ]
        x32 = self.fuse32(warm[0], l32, heats[0])
        x64 = self.fuse64(warm[1], torch.cat([_up(self.shrink32(x32)), l64], 1), heats[1])
        x128 = self.fuse128(warm[2], torch.cat([_up(self.shrink64(x64)), l128], 1), heat)
        hidden = self.render(torch.cat([x128, self.unshuffle(warped)], 1))
        painted = functional.pixel_shuffle(self.paint(hidden), 2)
        gate = torch.sigmoid(painted[:, 3:]) * _up(near)
        return (warped + 2 * gate * torch.tanh(painted[:, :3])).clamp(-1, 1)


def _up(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


def _sampled(values: Tensor, places: Tensor) -> Tensor:
    return functional.grid_sample(values, places, padding_mode="border", align_corners=False)


class PortraitGenerator(nn.Module):
    """Encoder, dense motion and refiner together, as they are trained."""

    def __init__(self, config: PortraitConfig) -> None:
        super().__init__()
        self.config = config
        heat = len(GROUPS) if config.refine in ("skeleton", "edges") else 0
        self.edges = EdgeMaps(learned=config.refine == "edges")
        self.encoder = PortraitEncoder(config)
        self.motion = DenseMotion(config, heat) if config.motion else None
        self.refiner = PortraitRefiner(config, heat)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """The refined picture [B, 3, H, W] in -1 .. 1 of a batch by ``refiner.tensors`` or ``refiner.windowed``."""
        warped = batch["warped"]
        if self.config.refine == "none":
            return warped
        flow, places, context = batch["flow"], batch["window"], None
        heat = self.heat(batch["points"], places)
        if self.motion is not None:
            small = (batch[f"small_{name}"] for name in ("source", "warped", "seen", "flow", "splines"))
            whole = self.heat(batch["points"], self.motion.still)  # type: ignore[arg-type]
            told = _sampled(self.motion(*small, whole), places)
            flow = flow + told[:, :2].permute(0, 2, 3, 1) * batch["zoom"][:, None, None, None]
            context = told[:, 2:]
        features = self.encoder(batch["source"], batch["masks"])
        picture: Tensor = self.refiner(*features, warped, batch["seen"], batch["near"], flow, heat, context)
        return picture

    def heat(self, points: Tensor, places: Tensor) -> Tensor:
        """Heatmaps [B, 3, h, w] of points [B, 116, 2] at places [B or 1, h, w, 2], all in -1 .. 1."""
        maps: Tensor = self.edges(points, places)
        return (maps > SKELETON).to(maps.dtype) if self.config.refine == "skeleton" else maps
