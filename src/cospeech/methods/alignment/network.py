"""Chronological speech-gesture alignment: content encoders of both sides, trained by contrast.

Contextual Gesture, section 3.1, equation 1 and appendix D. Speech and gesture are embedded in one space,
where a speech lies near the gesture that goes with it. The paper trains one pair of encoders for the
body and one for the face; an ``Alignment`` is one such pair. Which channels it sees is a matter of the
dataset's space (``motion.representation``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import UserError
from ...nn.transformer import Block, check_heads, rotary_angles


@dataclass(frozen=True)
class AlignConfig:
    """Sizes of both encoders and the settings of the loss."""

    features: int = 48  # F of the speech features
    words: int = 0  # W of a word embedding that joins frame by frame; 0: none, as our corpora have none
    channels: int = 267  # C of the codec
    seen: int = 264  # of them the first ones are seen: body and hands, not where the root is
    width: int = 256  # the paper has 384 (preset "large")
    hidden: int = 1024  # [P]
    heads: int = 4
    depth: int = 2  # [P] blocks of an encoder
    embedding: int = 128  # E; 0: frame features alone
    downsample: int = 4  # frames a step, as the tokenizer has them; the paper has 1 [D]
    dropout: float = 0.1
    temperature: float = 0.7  # [P] tau
    chronological: bool = True  # shuffled speech as negatives [P]
    chronological_weight: float = 1.0  # a shuffled negative counts for so many others; the paper has 1

    def check(self) -> None:
        """Raises UserError for heads that do not divide the width."""
        check_heads(self.width, self.heads)


class SpeechSizes(Protocol):
    """What the config of a generator says of its speech encoder."""

    @property
    def features(self) -> int: ...
    @property
    def words(self) -> int: ...
    @property
    def speech_width(self) -> int: ...
    @property
    def speech_hidden(self) -> int: ...
    @property
    def speech_heads(self) -> int: ...
    @property
    def speech_depth(self) -> int: ...
    @property
    def downsample(self) -> int: ...
    @property
    def dropout(self) -> float: ...


def speech_sizes(config: SpeechSizes) -> AlignConfig:
    """Sizes of a generator's ``SpeechEncoder``, which has no embedding of its own."""
    return AlignConfig(
        features=config.features,
        words=config.words,
        width=config.speech_width,
        hidden=config.speech_hidden,
        heads=config.speech_heads,
        depth=config.speech_depth,
        embedding=0,
        downsample=config.downsample,
        dropout=config.dropout,
    )


class ContentEncoder(nn.Module):
    """A sequence [B, T, C] -> frame features [B, T', D] and one embedding [B, E], T' = T // downsample."""

    def __init__(self, config: AlignConfig, channels: int) -> None:
        super().__init__()
        d, w = config.downsample, config.width
        self.stem = nn.Conv1d(channels, w, 2 * d if d > 1 else 1, stride=d, padding=d // 2)
        self.mix = nn.Conv1d(w, w, 3, padding=1)
        self.place = nn.Parameter(torch.full((w,), 0.2))  # weight of the position in each channel
        self.blocks = nn.ModuleList(
            Block(w, config.heads, hidden=config.hidden, dropout=config.dropout) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(w)
        self.head = None  # an encoder without embedding gives frames alone
        if config.embedding:
            self.head = nn.Sequential(nn.Linear(w, w), nn.GELU(), nn.Linear(w, config.embedding))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.frames(x)
        assert self.head is not None
        return frames, self.head(frames.mean(1))  # mean, then a two-layer MLP (appendix D)

    def frames(self, x: Tensor) -> Tensor:
        """[B, T, C] -> [B, T', D], before pooling."""
        y = self.stem(x.transpose(1, 2))
        y = (y + self.mix(F.gelu(y))).transpose(1, 2)
        # Attention sees distances alone. The mean over time can only tell what came when, which is what
        # chronology is about, if a step knows its place as well.
        angles = rotary_angles(y.shape[1], y.shape[2], y.device)
        y = y + self.place * torch.cat([angles.sin(), angles.cos()], -1)
        for block in self.blocks:
            y = block(y)
        frames: Tensor = self.norm(y)
        return frames


class SpeechContent(nn.Module):
    """The speech encoder: features [B, T, F], and words [B, T, W] where there are any."""

    def __init__(self, config: AlignConfig) -> None:
        super().__init__()
        self.words = config.words
        self.encoder = ContentEncoder(config, config.features + config.words)

    def forward(self, features: Tensor, words: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Frame features [B, T', D] and embedding [B, E]; zeros stand for words that are not known."""
        y: tuple[Tensor, Tensor] = self.encoder(self._joined(features, words))
        return y

    def frames(self, features: Tensor, words: Tensor | None = None) -> Tensor:
        """Frame features [B, T', D] alone."""
        return self.encoder.frames(self._joined(features, words))

    def _joined(self, features: Tensor, words: Tensor | None) -> Tensor:
        if not self.words:
            return features
        if words is None:
            words = features.new_zeros(*features.shape[:2], self.words)
        return torch.cat([features, words], -1)


class GestureContent(nn.Module):
    """The gesture encoder: coded motion [B, T, C], normalised inside; poses and their changes are seen.

    Its frame features [B, T', D] are the teacher of the tokenizer's distillation (equation 2).
    """

    mean: Tensor
    std: Tensor
    pace: Tensor

    def __init__(
        self, config: AlignConfig, mean: Tensor | None = None, std: Tensor | None = None, pace: Tensor | None = None
    ) -> None:
        """mean, std: [C] of coded motion; pace: [] usual change of a normalised channel in a frame."""
        super().__init__()
        c = config.channels
        self.seen, self.width, self.downsample = config.seen, config.width, config.downsample
        self.register_buffer("mean", torch.zeros(c) if mean is None else mean.float())
        self.register_buffer("std", torch.ones(c) if std is None else std.float())
        self.register_buffer("pace", torch.ones(()) if pace is None else pace.float())
        self.encoder = ContentEncoder(config, 2 * config.seen)

    def forward(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Frame features [B, T', D] and embedding [B, E]."""
        y: tuple[Tensor, Tensor] = self.encoder(self._seen(motion))
        return y

    def frames(self, motion: Tensor) -> Tensor:
        """Frame features [B, T', D] alone."""
        return self.encoder.frames(self._seen(motion))

    def _seen(self, motion: Tensor) -> Tensor:
        x = ((motion - self.mean) / self.std)[..., : self.seen]
        change = F.pad(x[:, 1:] - x[:, :-1], (0, 0, 1, 0)) / self.pace
        return torch.cat([x, change], -1)


class Alignment(nn.Module):
    """Both encoders of the body (or of the face, see above) and their loss."""

    def __init__(
        self, config: AlignConfig, mean: Tensor | None = None, std: Tensor | None = None, pace: Tensor | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.speech = SpeechContent(config)
        self.gesture = GestureContent(config, mean, std, pace)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named terms of a batch (see ``alignment_loss``)."""
        c, features = self.config, batch["features"]
        words = batch.get("words")
        size = len(features)
        shuffled = None
        if c.chronological:
            both = None if words is None else torch.cat([words, batch["shuffled_words"]])
            # One pass for both orders. Sound and words are shuffled together.
            z = self.speech(torch.cat([features, batch["shuffled"]]), both)[1].float()
            speech, shuffled = z[:size], z[size:, None]
        else:
            speech = self.speech(features, words)[1].float()
        gesture = self.gesture(batch["motion"])[1].float()
        loss = info_nce(
            speech,
            gesture,
            temperature=c.temperature,
            shuffled=shuffled,
            weight=c.chronological_weight,
            same=batch.get("same"),
        )
        with torch.no_grad():
            near = cosines(speech, gesture)
            right = near.argmax(1) == torch.arange(size, device=near.device)
            terms = {"accuracy": right.float().mean()}
            if shuffled is not None:
                wrong = F.cosine_similarity(gesture, shuffled[:, 0])
                terms["order"] = (near.diagonal() > wrong).float().mean()
        terms["contrast"] = loss
        return terms


class SpeechEncoder(nn.Module):
    """Speech features [B, T, F], and words [B, T, W] if any, -> [B, T / downsample, D].

    The content encoder of the alignment without its head, and a map to the width of a generator.
    """

    def __init__(self, sizes: AlignConfig, width: int) -> None:
        """sizes: of the encoder, without embedding; width: of the network that reads it."""
        super().__init__()
        self.content = SpeechContent(sizes)
        self.out: nn.Module = nn.Identity() if sizes.width == width else nn.Linear(sizes.width, width)

    def initialise_from(self, alignment: Alignment | None) -> None:
        """Take the weights of an alignment's speech encoder. Raises UserError if there is none of these sizes."""
        if alignment is None:
            raise UserError("the speech encoder starts from an alignment and none was named; train one first")
        known = {
            name: value for name, value in alignment.speech.state_dict().items() if not name.startswith("encoder.head.")
        }
        own = self.content.state_dict()
        wrong = [n for n in own if n not in known or known[n].shape != own[n].shape]
        if wrong:
            raise UserError(
                f"the alignment's speech encoder has other sizes ({wrong[0]}); train the alignment with the same preset"
            )
        self.content.load_state_dict(known)

    def forward(self, features: Tensor, words: Tensor | None = None) -> Tensor:
        y: Tensor = self.out(self.content.frames(features, words))
        return y


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """[N, E], [M, E] -> cosine similarities [N, M]."""
    return F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T


def info_nce(
    speech: Tensor,
    gesture: Tensor,
    *,
    temperature: float,
    shuffled: Tensor | None = None,
    weight: float = 1.0,
    same: Tensor | None = None,
) -> Tensor:
    """Symmetric InfoNCE over the batch (equation 1) with chronological negatives.

    Args:
        speech, gesture: [N, E] embeddings of pairs, row by row.
        shuffled: [N, K, E] embeddings of each sample's own speech in other orders. They join the
            denominator of that sample's gesture, and of no other: where it is the speech that asks,
            the paper shuffles nothing that could answer. [D]
        weight: one of ``shuffled`` counts for so many of the other negatives.
        same: [N, N] bool, pairs of samples that are not negatives of each other (they share motion);
            the diagonal is not read.
    """
    near = cosines(speech, gesture) / temperature  # S_ij / tau, i the speech
    if same is not None:
        near = near.masked_fill(same & ~torch.eye(len(near), dtype=torch.bool, device=near.device), -1e4)
    target = torch.arange(len(near), device=near.device)
    gesture_to_speech = near.T
    if shuffled is not None:
        own = F.cosine_similarity(gesture[:, None], shuffled, dim=-1) / temperature + math.log(weight)
        gesture_to_speech = torch.cat([gesture_to_speech, own], 1)
    return 0.5 * (F.cross_entropy(near, target) + F.cross_entropy(gesture_to_speech, target))


def alignment_loss(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Equation 1.

    batch: features [B, T, F] and motion [B, T, C] of pairs, shuffled [B, T, F] (the same speech in
    another order), same [B, B] bool (see ``info_nce``); words and shuffled_words [B, T, W] if there are
    any.
    """
    terms = model(batch)
    return terms["contrast"], {name: term for name, term in terms.items() if name != "contrast"}
