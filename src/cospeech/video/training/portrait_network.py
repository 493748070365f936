"""Structure-aware refinement of a warped portrait (Contextual Gesture, section 3.3, appendix D).

Feature maps of the source, 32, 64 and 128 pixels wide, are warped by the flow of the layers and gated by occlusion
masks; SPADE blocks (Park et al., CVPR 2019) conditioned on heatmaps of the edges between keypoints predict residuals
to them; a U-Net renders the picture. Ours [D]: the U-Net renders a residual to the warped picture, with a gate that
is closed far from the person, so that an untouched background stays equal to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.errors import UserError
from ...motion.points import BODY_SLICE, HAND_SLICES, POINTS, parents
from ..warping.limb_geometry import PARTS as PART_NAMES
from ..warping.resampling import MAP_SIDE

PARTS = len(PART_NAMES)  # 7
REFINERS = ("none", "unet", "skeleton", "edges")  # the paper's ablation of refinement
GROUPS = ("arms", "hands", "face")  # edges with a thickness of their own
HEAT = MAP_SIDE  # side of the heatmaps, of which the coarser ones are means
SLOPE = 0.1  # of leaky rectifiers below 0
PIXELS = 4  # of a block of 2 x 2 that the last level paints at a time
NORM_FLOOR = 1e-4  # added to mean squares of features
SIGMAS = (0.06, 0.015, 0.012)  # at first, of each of GROUPS, where the picture is 2 wide


@dataclass(frozen=True)
class PortraitConfig:
    """Sizes of the refining network."""

    channels: tuple[int, int, int] = (24, 48, 64)  # of maps 128, 64 and 32 pixels wide
    render: int = 32  # channels of the U-Net's last blocks
    refine: str = "edges"
    reach: int = 9  # pixels round the person (of 256) that may change; over the next 5 less and less

    def __post_init__(self) -> None:
        if self.refine not in REFINERS:
            raise UserError(f"refine is one of {', '.join(REFINERS)}; got {self.refine!r}")


def edge_list() -> list[tuple[int, int, int]]:
    """(keypoint, keypoint, group) of every edge; edges between joints only, as in the paper, not all pairs."""
    result = []
    for point, parent in enumerate(parents(POINTS)):
        if parent >= 0:
            result.append((point, parent, 0 if point < HAND_SLICES[0].start else 1 if point < BODY_SLICE.stop else 2))
    return result


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

    def forward(self, warped: Tensor, below: Tensor, heat: Tensor | None) -> Tensor:
        hidden = self.join(torch.cat([warped, below], 1))
        if self.spade is not None and heat is not None:
            hidden = self.spade(hidden, heat)
        return warped + self.out(functional.leaky_relu(hidden, SLOPE))


def _down(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, stride=2, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(outer, outer, 3, padding=1),
        nn.LeakyReLU(SLOPE),
    )


class PortraitEncoder(nn.Module):
    """Feature maps of the source, 128, 64 and 32 pixels wide: computed once for a video."""

    def __init__(self, config: PortraitConfig) -> None:
        super().__init__()
        c = config.channels
        self.d128 = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(3 * PIXELS, c[0], 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(c[0], c[0], 3, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        self.d64, self.d32 = _down(c[0] + PARTS, c[1]), _down(c[1], c[2])

    def forward(self, source: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Source [B, 3, 256, 256] in -1 .. 1 and its parts [B, 7, 128, 128]."""
        f128 = self.d128(source)
        f64 = self.d64(torch.cat([f128, masks], 1))
        return f128, f64, self.d32(f64)


class PortraitRefiner(nn.Module):
    """Warped picture, flow, parts and points to the final picture."""

    def __init__(self, config: PortraitConfig) -> None:
        super().__init__()
        self.config = config
        c1, c2, c3 = config.channels
        heat = len(GROUPS) if config.refine in ("skeleton", "edges") else 0
        self.edges = EdgeMaps(learned=config.refine == "edges") if heat else None
        known = 3 + PARTS + heat  # warped picture, parts, heatmaps
        self.look128 = nn.Sequential(nn.Conv2d(known, c1, 3, padding=1), nn.LeakyReLU(SLOPE))
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
        nn.init.zeros_(self.paint.weight)
        assert self.paint.bias is not None
        nn.init.zeros_(self.paint.bias)

    def forward(
        self,
        f128: Tensor,
        f64: Tensor,
        f32: Tensor,
        warped: Tensor,
        seen: Tensor,
        flow: Tensor,
        points: Tensor,
        window: Tensor | None = None,
    ) -> Tensor:
        """The picture [B, 3, 256, 256] in -1 .. 1, or a window of it, which suffices for training.

        Args:
            f128, f64, f32: features of the source.
            warped: [B, 3, 256, 256] in -1 .. 1.
            seen: [B, 7, 128, 128] in 0 .. 1, parts of the warped picture.
            flow: [B, 128, 128, 2] in -1 .. 1, where in the source each pixel came from.
            points: [B, 116, 2] in -1 .. 1, keypoints of the target.
            window: [B, h, w, 2] in -1 .. 1, positions of its pixels at half the side; ``warped``, ``seen`` and
                ``flow`` cover the window only.
        """
        half = functional.avg_pool2d(warped, 2)
        h128 = self._heat(points, window)
        known = torch.cat([half, seen] + ([h128] if h128 is not None else []), 1)
        l128 = self.look128(known)
        l64 = self.look64(l128)
        l32 = self.look32(l64)
        heats = [h128 if h128 is None else functional.avg_pool2d(h128, k) for k in (4, 2, 1)]
        flows = [flow[:, 2::4, 2::4], flow[:, 1::2, 1::2], flow]
        warm = [
            functional.grid_sample(f, g, padding_mode="border", align_corners=False) * torch.sigmoid(o(look))
            for f, g, o, look in zip((f32, f64, f128), flows, self.occlusion, (l32, l64, l128), strict=True)
        ]
        x32 = self.fuse32(warm[0], l32, heats[0])
        x64 = self.fuse64(warm[1], torch.cat([_up(self.shrink32(x32)), l64], 1), heats[1])
        x128 = self.fuse128(warm[2], torch.cat([_up(self.shrink64(x64)), l128], 1), heats[2])
        hidden = self.render(torch.cat([x128, functional.pixel_unshuffle(warped, 2)], 1))
        painted = functional.pixel_shuffle(self.paint(hidden), 2)
        gate = torch.sigmoid(painted[:, 3:]) * self._near(seen)
        return (warped + 2 * gate * torch.tanh(painted[:, :3])).clamp(-1, 1)

    def _heat(self, points: Tensor, window: Tensor | None) -> Tensor | None:
        if self.edges is None:
            return None
        maps: Tensor = self.edges(points, window)
        return (maps > 0.5).to(maps.dtype) if self.config.refine == "skeleton" else maps

    def _near(self, seen: Tensor) -> Tensor:
        """[B, 1, 256, 256]: 1 on and round the person, falling to 0 within 5 pixels from ``reach`` on."""
        side = self.config.reach // 2 * 2 + 1
        person = seen.sum(1, keepdim=True).clamp(0, 1)
        grown = functional.max_pool2d(person, side, 1, side // 2)
        soft = functional.avg_pool2d(grown, 5, 1, 2)
        return functional.interpolate(soft, scale_factor=2.0, mode="bilinear", align_corners=False)


def _up(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


class PortraitGenerator(nn.Module):
    """Encoder and refiner together, as they are trained."""

    def __init__(self, config: PortraitConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.refiner = PortraitEncoder(config), PortraitRefiner(config)

    def forward(
        self,
        source: Tensor,
        masks: Tensor,
        warped: Tensor,
        seen: Tensor,
        flow: Tensor,
        points: Tensor,
        window: Tensor | None = None,
    ) -> Tensor:
        """As ``PortraitRefiner``; without refinement the warped picture."""
        if self.config.refine == "none":
            return warped
        picture: Tensor = self.refiner(*self.encoder(source, masks), warped, seen, flow, points, window)
        return picture
