"""The masked generator of the first token layer and the residual generator of the others.

Contextual Gesture, section 3.2 (sizes in the paper: 384/1024, 8 and 6 layers), after MoMask. The speech
encoder is that of the alignment (``alignment.network``) and starts from its weights; blocks attend to it by
cross-attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import UserError
from ...nn.condition import Conditioner
from ...nn.transformer import ConditionedBlock, check_fusion, check_heads
from ..alignment.network import SpeechEncoder, speech_sizes
from ..tokenizer.network import Tokenizer

RESIDUALS = ("latent", "codes", "none")
TOKENS = ("parts", "body")


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of both generators and the ways of training them."""

    features: int = 48  # F of the speech features
    words: int = 0  # W of a word embedding that joins frame by frame; 0: none
    codes: int = 512  # S of the tokenizer
    layers: int = 16  # K of the tokenizer
    latent: int = 128  # D' of the tokenizer
    downsample: int = 4  # frames a token
    window: int = 56  # tokens that are seen at once, 7.5 s; the paper has 80 frames of 3.2 s
    styles: int = 5  # speakers whose style is learned
    emotions: int = 10
    width: int = 256
    heads: int = 4
    hidden: int = 1024  # [P]
    depth: int = 6  # blocks of the masked generator; the paper has 8
    residual_depth: int = 4  # blocks of the residual generator; the paper has 6
    speech_width: int = 256  # of the speech encoder, as the alignment has it; the paper has 384
    speech_depth: int = 2  # [P]
    speech_heads: int = 4
    speech_hidden: int = 1024  # [P]
    fusion: str = "cross"  # [P]; or "concat" or "both" (see ``nn.transformer``)
    aligned: bool = True  # the speech encoder starts from the weights of the alignment [P]
    # What the residual generator gives. "codes": layer after layer, by cross-entropy [P]. "latent": the
    # sum of all further layers at once, by regression; one pass, and no layer that is unsure makes the
    # hands tremble [D]. "none": nothing.
    residual: str = "latent"
    quantised: bool = True  # False: no first layer either; all of the latent is regressed (an ablation)
    tokens: str = "parts"  # words of body parts, where there are any [D], or "body": tokens of the whole body [P]
    parts: int = 0  # so many words a step (``flow.codes``); 0: the layers of a tokenizer
    dropout: float = 0.1
    drop_speech: float = 0.1  # chance that a sample trains without speech, for guidance
    drop_condition: float = 0.1  # chance without emotion, style or intensity, each by itself
    mask_low: float = 0.5  # [P] mask ratio U(0.5, 1)
    prefix: float = 0.6  # chance that the start of the window is known
    suffix: float = 0.15  # chance that its end is known
    label_smoothing: float = 0.0
    wrong: float = 0.1  # share of first-layer codes that the residual generator is shown wrong [D]
    # Weights of the losses through the tokenizer's decoder, in its normalised channels [D]; the paper
    # gives 50 for the reconstruction, in other units.
    decoded: int = 12  # so many samples of a batch are decoded; 0: none
    reconstruction: float = 0.5
    velocity: float = 1.0
    acceleration: float = 0.5

    def check(self) -> None:
        """Raises UserError for an unknown fusion or residual, or heads that do not divide their width."""
        check_fusion(self.fusion)
        check_heads(self.width, self.heads)
        check_heads(self.speech_width, self.speech_heads, of="speech_")
        if self.residual not in RESIDUALS:
            raise UserError(f"unknown residual {self.residual!r}; set residual to one of {', '.join(RESIDUALS)}")
        if self.tokens not in TOKENS:
            raise UserError(f"unknown tokens {self.tokens!r}; set tokens to one of {', '.join(TOKENS)}")
        if self.parts and (self.residual != "none" or not self.quantised):
            raise UserError("words of body parts have no residual; set residual to none, or parts to 0")
        if not self.quantised and self.residual != "latent":
            raise UserError(
                f"residual is {self.residual!r} and quantised false; without a quantiser all is regressed, so set "
                "residual to latent, or leave quantised out"
            )


class MaskedGenerator(nn.Module):
    """Logits of the first-layer codes of a window, or of the words of body parts, some known and some masked."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.codes, self.parts = config.codes, config.parts
        streams = max(config.parts, 1)
        self.tokens = nn.Embedding(streams * (config.codes + 1), config.width)  # the last one of each is the mask
        self.condition = Conditioner(config.emotions, config.styles, config.width)
        self.blocks = _blocks(config, config.depth)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, streams * config.codes)

    @torch.no_grad()
    def initialise_from(self, *vectors: Tensor) -> None:
        """Embed codes, and score them, by the vectors [S, D] that they stand for, of each part; like codes are then
        alike from the first step on, which brings training forward a good deal. [D]"""
        width, size = self.tokens.embedding_dim, self.codes
        for part, own in enumerate(vectors):
            spread = _spread(own, width)
            rows = self.tokens.weight[part * (size + 1) : (part + 1) * (size + 1)]
            rows[:-1] = spread
            rows[-1] = 0
            self.head.weight[part * size : (part + 1) * size] = spread * width**-0.5

    def forward(self, codes: Tensor, speech: Tensor, emotion: Tensor, style: Tensor, intensity: Tensor) -> Tensor:
        """codes [B, N], of parts [B, N, P], with S for masked, speech [B, N, D] -> logits [B, N, S] or [B, N, P, S]."""
        if self.parts:
            offsets = torch.arange(self.parts, device=codes.device) * (self.codes + 1)
            x = self.tokens(codes + offsets).sum(-2)
        else:
            x = self.tokens(codes)
        condition = self.condition(emotion, style, intensity)
        for block in self.blocks:
            x = block(x, speech, condition)
        y: Tensor = self.head(self.norm(x))
        return y.reshape(*y.shape[:-1], self.parts, self.codes) if self.parts else y


class ResidualGenerator(nn.Module):
    """Logits of layer v conditioned on the layers before it."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.codes = config.codes
        self.tokens = nn.Embedding(config.layers * config.codes, config.width)
        self.layer = nn.Embedding(config.layers, config.width)
        self.condition = Conditioner(config.emotions, config.styles, config.width)
        self.blocks = _blocks(config, config.residual_depth)
        self.norm = nn.LayerNorm(config.width)
        self.heads = nn.Parameter(torch.randn(config.layers, config.width, config.codes) * config.width**-0.5)

    def forward(
        self, codes: Tensor, layer: Tensor, speech: Tensor, emotion: Tensor, style: Tensor, intensity: Tensor
    ) -> Tensor:
        """codes [B, N, K], layer [B] the one to be predicted (it and later ones are not read) -> [B, N, S]."""
        numbers = torch.arange(codes.shape[-1], device=codes.device)
        known = (numbers < layer[:, None])[:, None, :, None].to(speech.dtype)
        x = (self.tokens(codes + numbers * self.codes) * known).sum(-2) + self.layer(layer)[:, None]
        condition = self.condition(emotion, style, intensity)
        for block in self.blocks:
            x = block(x, speech, condition)
        y: Tensor = self.norm(x) @ self.heads[layer]
        return y


class LatentGenerator(nn.Module):
    """The sum of all layers after the first, as one vector a token: a residual generator by regression. [D]

    Its inputs are the first layer and, for tokens that are known in full, their own sum.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(config.codes + 1, config.width)  # the last one: not known
        self.known = nn.Linear(config.latent + 1, config.width)
        self.condition = Conditioner(config.emotions, config.styles, config.width)
        self.blocks = _blocks(config, config.residual_depth)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.latent)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @torch.no_grad()
    def initialise_from(self, vectors: Tensor) -> None:
        """As the masked generator's."""
        self.tokens.weight[:-1] = _spread(vectors, self.tokens.embedding_dim)

    def forward(
        self,
        codes: Tensor,
        known: Tensor,
        fixed: Tensor,
        speech: Tensor,
        emotion: Tensor,
        style: Tensor,
        intensity: Tensor,
    ) -> Tensor:
        """codes [B, N] of the first layer, known [B, N, D'] sums where fixed [B, N] is 1 -> [B, N, D']."""
        fixed = fixed[..., None].to(known.dtype)
        x = self.tokens(codes) + self.known(torch.cat([known * fixed, fixed], -1))
        condition = self.condition(emotion, style, intensity)
        for block in self.blocks:
            x = block(x, speech, condition)
        y: Tensor = self.head(self.norm(x))
        return y * (1 - fixed) + known * fixed


class Generator(nn.Module):
    """Both generators over one speech encoder."""

    def __init__(self, config: GeneratorConfig) -> None:
        """Raises UserError as ``GeneratorConfig.check``."""
        super().__init__()
        config.check()
        self.config = config
        self.speech = SpeechEncoder(speech_sizes(config), config.width)
        self.masked = MaskedGenerator(config) if config.quantised else None
        kind = config.residual if (config.layers > 1 and not config.parts) or not config.quantised else "none"
        self.residual = ResidualGenerator(config) if kind == "codes" else None
        self.latent = LatentGenerator(config) if kind == "latent" else None

    def forward(self, batch: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Named losses of a batch (see ``generator_loss``), and what is decoded for the others."""
        c = self.config
        codes, features = batch["codes"], batch["features"]
        emotion, style, intensity = batch["emotion"], batch["style"], batch["intensity"]
        size, device = len(codes), codes.device
        if self.training:
            emotion, style, intensity = (
                value * (torch.rand(size, 1, device=device) >= c.drop_condition)
                for value in (emotion, style, intensity)
            )
        speech = self.speech(features, batch.get("words"))
        if self.training:
            speech = speech * (torch.rand(size, 1, 1, device=device) >= c.drop_speech)
        condition = (speech, emotion, style, intensity)
        terms: dict[str, Tensor] = {}
        parts: dict[str, Tensor] = {}
        true = codes if c.parts else codes[..., 0]
        first, predicted = mask_tokens(true, batch["valid"], c)
        parts["predicted"] = predicted
        if self.masked is not None:
            logits = self.masked(first, *condition).float()
            target = true.masked_fill(~predicted, -100)
            terms["masked"] = F.cross_entropy(
                logits.flatten(0, -2), target.flatten(), label_smoothing=c.label_smoothing
            )
            with torch.no_grad():
                right = (logits.argmax(-1) == true) & predicted
                terms["accuracy"] = right.sum() / predicted.sum().clamp_min(1)
            parts["logits"] = logits
        if self.residual is not None:
            # Early layers shape the motion, late ones refine it: squaring favours the early ones.
            layer = 1 + ((c.layers - 1) * torch.rand(size, device=device).square()).long()
            logits = self.residual(codes, layer, *condition).float()
            target = codes.gather(-1, layer[:, None, None].expand(-1, codes.shape[1], 1))[..., 0]
            target = target.masked_fill(~batch["valid"], -100)
            terms["residual"] = F.cross_entropy(logits.flatten(0, 1), target.flatten())
        if self.latent is not None:
            rest = batch["rest"]
            fixed = _ends(codes[..., 0], batch["valid"], c)
            if c.quantised:
                draw = torch.rand(codes.shape[:2], device=device)
                wrong = (draw < c.wrong) & ~fixed if self.training else torch.zeros_like(fixed)
                shown = torch.where(wrong, torch.randint(c.codes, codes.shape[:2], device=device), codes[..., 0])
            else:
                shown = torch.full_like(codes[..., 0], c.codes)
            generated = self.latent(shown, rest, fixed, *condition).float()
            there = (batch["valid"] & ~fixed)[..., None]
            scale = rest.square().mean().clamp_min(1e-6)
            terms["residual"] = ((generated - rest).square() * there).sum() / (
                there.sum().clamp_min(1) * rest.shape[-1] * scale
            )
            parts["rest"] = generated
        return terms, parts


def _spread(vectors: Tensor, width: int) -> Tensor:
    """Vectors [S, D] turned at random into ``width`` columns of variance one."""
    scaled = (vectors - vectors.mean(0)) / vectors.std().clamp_min(1e-6)
    turn = torch.linalg.qr(torch.randn(max(vectors.shape[1], width), max(vectors.shape[1], width)))[0]
    spread = scaled @ turn[: vectors.shape[1], :width].to(vectors.device)
    return spread / spread.std().clamp_min(1e-6)


def _blocks(config: GeneratorConfig, depth: int) -> nn.ModuleList:
    return nn.ModuleList(
        ConditionedBlock(config.width, config.heads, hidden=config.hidden, dropout=config.dropout, fusion=config.fusion)
        for _ in range(depth)
    )


def mask_tokens(codes: Tensor, valid: Tensor, config: GeneratorConfig) -> tuple[Tensor, Tensor]:
    """Choose the tokens that are to be predicted, and hide them.

    Args:
        codes: [B, N], or [B, N, P] of parts; valid: [B, N] bool, false where a window is padded.
    Returns:
        codes with hidden ones (80 % mask, 10 % random, 10 % as they are), and where they are to be predicted.
    """
    if codes.ndim == 3:
        parts = codes.shape[-1]
        open_ = (valid & ~_ends(codes[..., 0], valid, config)).repeat_interleave(parts, 1)
        hidden, predicted = _hidden(codes.flatten(1), open_, config)
        return hidden.reshape(codes.shape), predicted.reshape(codes.shape)
    return _hidden(codes, valid & ~_ends(codes, valid, config), config)


def _hidden(codes: Tensor, open_: Tensor, config: GeneratorConfig) -> tuple[Tensor, Tensor]:
    """Hide some of the open tokens [B, N] of a window; which ones."""
    size, length = codes.shape
    device = codes.device
    ratio = config.mask_low + (1 - config.mask_low) * torch.rand(size, 1, device=device)
    score = torch.rand(size, length, device=device).masked_fill(~open_, 2.0)
    count = (ratio * open_.sum(-1, keepdim=True)).ceil()
    predicted = open_ & (score.argsort(-1).argsort(-1) < count)
    draw = torch.rand(size, length, device=device)
    hidden = torch.where(
        draw < 0.8,
        torch.full_like(codes, config.codes),
        torch.where(draw < 0.9, torch.randint(config.codes, codes.shape, device=device), codes),
    )
    return torch.where(predicted, hidden, codes), predicted


def _ends(codes: Tensor, valid: Tensor, config: GeneratorConfig) -> Tensor:
    """Where [B, N], by chance, starts and ends of windows are known."""
    size, length = codes.shape
    device = codes.device
    place = torch.arange(length, device=device)[None]
    count = torch.randint(1, max(2, length // 3), (size, 1), device=device)
    use = torch.rand(size, 1, device=device) < config.prefix
    start = use & (place < count)
    count = torch.randint(1, max(2, length // 8), (size, 1), device=device)
    use = torch.rand(size, 1, device=device) < config.suffix
    return valid & (start | (use & (place >= length - count)))


def generator_loss(
    model: nn.Module, batch: dict[str, Tensor], *, tokenizer: Tokenizer | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_mask + L_res (equation 10), and reconstruction, velocity and acceleration through the decoder.

    The first layer enters the decoder as the mean of the code vectors under the network's own
    probabilities, so that the losses have a gradient [D].

    Args:
        model: a Generator or its distributed wrapper.
        batch: codes [B, N, K], features [B, T, F], emotion [B, 10], style [B, S], intensity [B, 2],
            valid [B, N] bool; words [B, T, W] if there are any.
        tokenizer: the frozen one that the codes are of; needed by a regressed residual and by the
            losses through the decoder, which are left out without it.
    """
    network = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
    assert isinstance(network, Generator)
    c = network.config
    codebook = None
    if tokenizer is not None:
        codes = batch["codes"]
        first = tokenizer.quantizer.decode(codes[..., :1]) if c.quantised else 0.0
        whole = tokenizer.quantizer.decode(codes)
        batch = {**batch, "rest": whole - first}
        codebook = tokenizer.quantizer.codebooks[0].vectors if c.quantised else None
    terms, parts = model(batch)
    loss = terms.get("masked", torch.zeros(())) + terms.get("residual", torch.zeros(()))
    if tokenizer is None or not c.decoded:
        return loss, terms
    some = slice(0, c.decoded)
    generated = parts["rest"][some] if "rest" in parts else batch["rest"][some]
    if c.quantised:
        assert isinstance(codebook, Tensor)
        soft = parts["logits"][some].softmax(-1) @ codebook
        generated = generated + torch.where(parts["predicted"][some, :, None], soft, first[some])  # type: ignore[index, operator]
    weight = batch["valid"][some].repeat_interleave(c.downsample, 1)[..., None].float()
    with torch.autocast(generated.device.type, enabled=False):
        with torch.no_grad():
            x = (tokenizer.decode_latent(whole[some]) - tokenizer.mean) / tokenizer.std
        y = (tokenizer.decode_latent(generated.float()) - tokenizer.mean) / tokenizer.std
        for n, name in enumerate(("reconstruction", "velocity", "acceleration")):
            w = weight[:, n:]
            gap = (y.diff(n=n, dim=1) - x.diff(n=n, dim=1)).abs() * w
            terms[name] = gap.sum() / (w.sum().clamp_min(1) * y.shape[-1])
            loss = loss + getattr(c, name) * terms[name]
    return loss, terms
