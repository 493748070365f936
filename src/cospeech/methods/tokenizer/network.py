"""Motion tokens: a convolutional auto-encoder with a residual quantiser (Contextual Gesture, section 3.2).

The frozen gesture encoder of the alignment teaches the tokens what a gesture says (equation 2): a layer
that is there in training alone brings the quantised latent to the teacher's features, token by token.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.rotation import matrix_from_6d
from ...motion.kinematics import forward as forward_kinematics
from ...motion.skeleton import CANONICAL_PARENTS, canonical_skeleton
from ...nn.quantizer import Quantized, ResidualQuantizer

DECODER_CONTEXT = 3  # tokens on either side that the linear decoder reads


@dataclass(frozen=True)
class TokenizerConfig:
    """Sizes of the tokenizer and weights of its losses."""

    channels: int = 267  # C of the codec
    width: int = 256
    latent: int = 128  # [P]
    blocks: int = 3  # residual blocks a stage
    downsample: int = 4  # frames a token. The paper has 1; measured here, four frames quantised
    layers: int = 16  # together by many layers cost as many bits and err by half (docs/experiments.md)
    smooth: float = 0.05  # decoded frames are mixed with their neighbours' by so much (see experiments.md)
    codes: int = 512  # [D] the paper has 1024; half suffices for our hour of motion
    quantizer_dropout: float = 0.2  # [R, MoMask]
    # Weights of the named losses: reconstruction, velocity and acceleration in the codec's channels,
    # position and its velocity in metres, commitment (alpha = 0.02), distillation (beta = 0.5).
    reconstruction: float = 1.0
    velocity: float = 5.0
    acceleration: float = 3.0
    position: float = 10.0
    position_velocity: float = 60.0
    commitment: float = 0.02
    distill: float = 0.5  # of no account without a teacher
    teacher: int = 0  # D' of the gesture encoder that is distilled; 0: none


class Tokenizer(nn.Module):
    """[B, T, C] motion <-> [B, T / downsample, K] codes. Normalisation is inside.

    Both ways are a linear map plus what convolutions add. The linear maps begin as principal components
    (in) and as the least-squares decoder of the tokens around (out) and stay so; the convolutions begin
    at zero. So training starts from the best linear code instead of from noise (a decision of ours: it
    saves most of the training).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        config: TokenizerConfig,
        mean: Tensor | None = None,
        std: Tensor | None = None,
        basis: Tensor | None = None,
    ) -> None:
        """``basis``: [downsample * C, latent] principal directions of normalised stacked frames."""
        super().__init__()
        self.config = config
        c, w, d = config.channels, config.width, config.downsample
        self.register_buffer("mean", torch.zeros(c) if mean is None else mean.float())  # [C]
        self.register_buffer("std", torch.ones(c) if std is None else std.float())  # [C]
        down: nn.Module = nn.Conv1d(w, w, 2 * d, stride=d, padding=d // 2) if d > 1 else nn.Identity()
        up: nn.Module = nn.ConvTranspose1d(w, w, 2 * d, stride=d, padding=d // 2) if d > 1 else nn.Identity()
        dilations = [3**i for i in range(config.blocks)]
        if basis is None:
            basis = torch.randn(d * c, config.latent) * (d * c) ** -0.5
        self.analysis = nn.Parameter(basis.float().clone())
        self.synthesis = nn.Conv1d(
            config.latent, d * c, 2 * DECODER_CONTEXT + 1, padding=DECODER_CONTEXT, padding_mode="replicate"
        )
        self.encoder = nn.Sequential(
            nn.Conv1d(c, w, 3, padding=1),
            FrameBlock(w, 1),
            down,
            *(FrameBlock(w, dilation) for dilation in dilations),
            nn.Conv1d(w, config.latent, 1),
        )
        self.quantizer = ResidualQuantizer(config.layers, config.codes, config.latent, dropout=config.quantizer_dropout)
        self.decoder = nn.Sequential(
            nn.Conv1d(config.latent, w, 3, padding=1),
            *(FrameBlock(w, dilation) for dilation in reversed(dilations)),
            up,
            FrameBlock(w, 1),
            FrameBlock(w, 3),
            nn.Conv1d(w, c, 3, padding=1),
        )
        self.project = nn.Linear(config.latent, config.teacher) if config.teacher else None
        # The linear maps stay as they were fitted: steps of Adam, all of one size, would roughen the
        # fine balance that makes the decoder smooth (measured: eight times the jerk).
        self.analysis.requires_grad_(False)
        self.synthesis.requires_grad_(False)
        for last in (self.encoder[-1], self.decoder[-1]):
            assert isinstance(last, nn.Conv1d)
            assert last.bias is not None
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    @property
    def frame_rate(self) -> float:
        """Tokens a second."""
        return 30 / self.config.downsample

    def encode_latent(self, x: Tensor) -> Tensor:
        """[B, T, C] -> [B, T', D] before quantisation."""
        y = (x - self.mean) / self.std
        stacked = y.reshape(len(y), -1, self.config.downsample * self.config.channels)
        z: Tensor = stacked @ self.analysis + self.encoder(y.transpose(1, 2)).transpose(1, 2)
        return z

    def decode_latent(self, latent: Tensor) -> Tensor:
        """[B, T', D] -> [B, T, C]."""
        linear = self.synthesis(latent.transpose(1, 2)).transpose(1, 2)
        linear = linear.reshape(len(latent), -1, self.config.channels)
        y: Tensor = linear + self.decoder(latent.transpose(1, 2)).transpose(1, 2)
        return y * self.std + self.mean

    def encode(self, x: Tensor) -> Tensor:
        """Motion [B, T, C], T a multiple of ``downsample``, -> codes [B, T', K]."""
        return self.quantizer.encode(self.encode_latent(x))

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, T', k] -> motion [B, T, C], lightly smoothed over three frames."""
        return self.smoothed(self.decode_latent(self.quantizer.decode(codes)))

    def smoothed(self, y: Tensor) -> Tensor:
        """[B, T, C] mixed with the frames before and after."""
        a = self.config.smooth
        before, after = torch.cat([y[:, :1], y[:, :-1]], 1), torch.cat([y[:, 1:], y[:, -1:]], 1)
        return (1 - 2 * a) * y + a * (before + after)

    def forward(self, x: Tensor) -> tuple[Tensor, Quantized, Tensor | None]:
        """Rebuilt motion [B, T, C], what was quantised, and the latent as the teacher sees it [B, T', D']."""
        quantized = self.quantizer(self.encode_latent(x))
        content = None if self.project is None else self.project(quantized.latent)
        return self.decode_latent(quantized.latent), quantized, content


class FrameBlock(nn.Module):
    """Residual block whose normalisation is per frame, so that a code means the same in any window."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return x + self.out(F.gelu(self.conv(F.gelu(h))))


def tokenizer_loss(
    model: nn.Module,
    config: TokenizerConfig,
    x: Tensor,
    *,
    std: Tensor,
    offsets: Tensor,
    joints: list[int],
    teacher: Tensor | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Equation (3) with geometric terms.

    Args:
        model: a Tokenizer or its distributed wrapper.
        x: motion [B, T, C].
        std: [C] scale of the channels.
        offsets: [J, 3] metres of the canonical skeleton.
        joints: canonical indices of the coded joints; none where the motion is no body, which has no
            geometric terms then (points are positions already, expressions have none). [D]
        teacher: [B, T', D'] gesture features to distil (equation 2), or None.
    Returns:
        the sum, and every term by name before its weight.
    """
    y, quantized, content = model(x)
    with torch.autocast(x.device.type, enabled=False):  # kinematics in bfloat16 would be off by millimetres
        return _terms(config, x, y.float(), quantized, std, offsets, joints, teacher, content)


def _terms(
    config: TokenizerConfig,
    x: Tensor,
    y: Tensor,
    quantized: Quantized,
    std: Tensor,
    offsets: Tensor,
    joints: list[int],
    teacher: Tensor | None,
    content: Tensor | None,
) -> tuple[Tensor, dict[str, Tensor]]:
    a, b = x / std, y / std
    terms = {
        "reconstruction": F.smooth_l1_loss(b, a, beta=0.1),
        "velocity": F.l1_loss(b.diff(dim=1), a.diff(dim=1)),
        "acceleration": F.l1_loss(b.diff(n=2, dim=1), a.diff(n=2, dim=1)),
        "commitment": quantized.commitment,
    }
    if joints and (config.position or config.position_velocity):
        p, q = (coded_positions(motion, offsets, joints) for motion in (x, y))
        terms["position"] = F.l1_loss(q, p)
        terms["position_velocity"] = F.l1_loss(q.diff(dim=1), p.diff(dim=1))
    if teacher is not None and content is not None:  # equation (2)
        terms["distill"] = 1 - F.cosine_similarity(content.float(), teacher, dim=-1).mean()
    loss = sum((getattr(config, name) * value for name, value in terms.items()), torch.zeros(()))
    return loss, {**terms, "perplexity": quantized.perplexity}


def coded_positions(channels: Tensor, offsets: Tensor, joints: list[int]) -> Tensor:
    """World positions [..., J', 3] of the arms', head's and finger tips' joints of coded motion [..., C]."""
    parents, kept = _tree(tuple(joints))
    sixd = channels[..., : 6 * len(joints)].reshape(*channels.shape[:-1], len(joints), 6)
    matrices = matrix_from_6d(sixd[..., kept, :])
    used = [joints[k] for k in kept]
    root = channels[..., 6 * len(joints) :]
    positions: Tensor = forward_kinematics(matrices, root, parents, offsets[used])[1]
    return positions[..., 1:, :]


def _tree(joints: tuple[int, ...]) -> tuple[tuple[int, ...], list[int]]:
    """Parents among the coded joints, and which of them count: all but the second and third phalanges."""
    names = canonical_skeleton().names
    kept = [k for k, joint in enumerate(joints) if names[joint][-1] not in "23" or "spine" in names[joint]]
    place = {joints[k]: n for n, k in enumerate(kept)}
    parents = tuple(place[CANONICAL_PARENTS[joints[k]]] if CANONICAL_PARENTS[joints[k]] >= 0 else -1 for k in kept)
    return parents, kept
