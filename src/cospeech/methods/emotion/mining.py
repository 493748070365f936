"""Emotion-beat mining: what the voice says about mood and rhythm (EmotionGesture, section 3.2).

A truncated SE-ResNet [R] and a head each for emotion and beat. A classifier reads the emotion head. The
beat head is brought, moment by moment, to what is being said: a text encoder embeds the words that are
spoken at each step, and only steps within words are positives. Ours are these [D]: pictures have 40 bands
and 30 frames a second and the steps are those of the motion tokenizer; words are bags of their letter
groups, since no word vectors come with the package.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.errors import UserError
from ...speech.acoustics import MEL
from ...speech.layout import LAYOUT
from ...speech.spectrum import MEL_BANDS

NAMED = LAYOUT.dim - MEL_BANDS  # columns of the features that are rhythm: energy to speech
SIMILARITIES = ("cosine", "inverse_l2")
GRAMS = 12  # letter groups of a word, at most


@dataclass(frozen=True)
class MiningConfig:
    """Sizes of both encoders and the settings of the losses."""

    filters: tuple[int, ...] = (16, 32, 64)  # [R] has 32, 64, 128
    blocks: tuple[int, ...] = (2, 2, 2)  # [R] has 3, 4, 6
    width: int = 256  # of a step
    embedding: int = 128  # E of both heads; [R] has 512
    downsample: int = 4  # frames a step
    emotions: int = 10
    buckets: int = 4096  # of letter groups
    dropout: float = 0.2
    similarity: str = "cosine"  # or "inverse_l2", the official one [R]
    temperature: float = 0.1  # of the cosine [D]
    onset_only: bool = False  # words count where they begin alone [R]; else all through [D]
    emotion: float = 1.0  # weights of the losses [D]
    beat: float = 0.1

    def check(self) -> None:
        """Raises UserError for an unknown similarity, or a step that strides cannot make."""
        if self.similarity not in SIMILARITIES:
            raise UserError(
                f"unknown similarity {self.similarity!r}; set similarity to one of {', '.join(SIMILARITIES)}"
            )
        if self.downsample not in (1, 2, 4) or not len(self.filters) == len(self.blocks) == 3:
            raise UserError(
                f"mining has three stages and steps of 1, 2 or 4 frames; got filters of {len(self.filters)}, blocks of "
                f"{len(self.blocks)} stages and steps of {self.downsample}; give three filters and three blocks"
            )


class SqueezeBlock(nn.Module):
    """Residual block of two convolutions with squeeze and excitation (Hu et al. 2018), [B, C, M, T]."""

    def __init__(self, channels: int, out: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.GroupNorm(8, out), nn.GroupNorm(8, out)
        self.squeeze = nn.Sequential(nn.Linear(out, out // 8), nn.ReLU(), nn.Linear(out // 8, out))
        self.skip = None
        if channels != out or stride != (1, 1):
            self.skip = nn.Conv2d(channels, out, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.second(F.relu(self.norm1(self.first(x)))))
        y = y * torch.sigmoid(self.squeeze(y.mean((2, 3))))[..., None, None]
        z: Tensor = F.relu(y + (x if self.skip is None else self.skip(x)))
        return z


class Listener(nn.Module):
    """A truncated SE-ResNet over mel bands, and a track of other columns, -> steps [B, N, W]."""

    def __init__(self, config: MiningConfig, columns: int) -> None:
        """Raises UserError as ``MiningConfig.check``."""
        super().__init__()
        config.check()
        layers: list[nn.Module] = []
        channels, left = config.filters[0], config.downsample
        self.stem = nn.Conv2d(1, channels, 3, stride=(2, 2 if left > 1 else 1), padding=1)
        left = max(1, left // 2)
        for stage, (out, count) in enumerate(zip(config.filters, config.blocks, strict=True)):
            for number in range(count):
                stride = (1, 1)
                if stage and not number:
                    stride = (2, 2 if left > 1 else 1)
                    left = max(1, left // 2)
                layers.append(SqueezeBlock(channels, out, stride))
                channels = out
        self.layers = nn.Sequential(*layers)
        self.flat = nn.Linear(channels * -(-MEL_BANDS // 8), config.width)
        d = config.downsample
        self.track = nn.Conv1d(columns, config.width, 2 * d if d > 1 else 1, stride=d, padding=d // 2)
        self.mix = nn.Sequential(nn.LayerNorm(config.width), nn.GELU(), nn.Dropout(config.dropout))

    def forward(self, mel: Tensor, others: Tensor) -> Tensor:
        """mel: [B, T, 40]; others: [B, T, columns]; T is a multiple of the step."""
        y = self.layers(self.stem(mel.transpose(1, 2)[:, None])).flatten(1, 2).transpose(1, 2)
        z: Tensor = self.mix(self.flat(y) + self.track(others.transpose(1, 2)).transpose(1, 2))
        return z


class Mining(nn.Module):
    """Features [B, T, 48] -> beat, acoustics [B, T, 42] -> emotion, both [B, T / downsample, E].

    The paper's heads share one audio encoder. Here each has its own, of one design, since they must hear
    different things: rhythm must not know who speaks, emotion must know how high and how harsh. [D]
    """

    def __init__(self, config: MiningConfig) -> None:
        """Raises UserError as ``MiningConfig.check``."""
        super().__init__()
        config.check()
        self.config = config
        self.rhythm, self.mood = Listener(config, NAMED), Listener(config, 3)
        self.emotion = nn.Linear(config.width, config.embedding)
        self.beat = nn.Linear(config.width, config.embedding)
        self.heed = nn.Linear(config.embedding, 1)
        self.classify = nn.Linear(2 * config.embedding, config.emotions)

    def forward(self, features: Tensor, acoustics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Emotion and beat [B, N, E], and logits [B, 10] of the whole."""
        emotion, logits = self.emotions(acoustics)
        return emotion, self.beats(features), logits

    def beats(self, features: Tensor) -> Tensor:
        """Beat [B, N, E] of features [B, T, 48]."""
        first = LAYOUT.dim - NAMED
        y: Tensor = self.beat(self.rhythm(features[..., :first], features[..., first : LAYOUT.dim]))
        return y

    def emotions(self, acoustics: Tensor) -> tuple[Tensor, Tensor]:
        """Emotion [B, N, E] of acoustics [B, T, 42], and logits [B, 10] of the whole."""
        mel = acoustics[..., MEL] + 2.5  # about zero in ordinary recordings
        others = torch.cat([acoustics[..., MEL.stop :], mel.mean(-1, keepdim=True)], -1)
        emotion = self.emotion(self.mood(mel, others))
        share = torch.softmax(self.heed(emotion), 1)  # silence says little
        mean = (emotion * share).sum(1)
        spread = ((emotion - mean[:, None]).square() * share).sum(1)
        logits: Tensor = self.classify(torch.cat([mean, (spread + 1e-6).sqrt()], -1))
        return emotion, logits


class TextEncoder(nn.Module):
    """Words step by step -> [B, N, E]: letter groups, place in the word, three temporal convolutions [R]."""

    def __init__(self, config: MiningConfig) -> None:
        super().__init__()
        w = config.embedding
        self.words = nn.EmbeddingBag(config.buckets + 1, w, mode="mean", padding_idx=0)
        self.place = nn.Linear(2, w)
        self.layers = nn.ModuleList(nn.Conv1d(w, w, 3, padding=2**k, dilation=2**k) for k in range(3))
        self.out = nn.Linear(w, w)

    def forward(self, grams: Tensor, place: Tensor) -> Tensor:
        """grams: [B, N, GRAMS] int, 0 for none; place: [B, N, 2] begun and left of the word, 0 to 1."""
        size, steps = grams.shape[:2]
        y = self.words(grams.reshape(-1, grams.shape[-1])).reshape(size, steps, -1) + self.place(place)
        y = y.transpose(1, 2)
        for layer in self.layers:
            y = y + F.gelu(layer(y))
        z: Tensor = self.out(y.transpose(1, 2))
        return z


class TrainedMining(nn.Module):
    """Both encoders, as the training loop sees them."""

    def __init__(self, config: MiningConfig) -> None:
        super().__init__()
        self.config = config
        self.mining, self.text = Mining(config), TextEncoder(config)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named terms of a batch, see ``mining_loss``."""
        c = self.config
        _, beat, logits = self.mining(batch["features"], batch["acoustics"])
        known = batch["emotion"] >= 0
        label = batch["emotion"].clamp_min(0)
        loss = F.cross_entropy(logits.float(), label, reduction="none", label_smoothing=0.05)
        share = known.float() / known.sum().clamp_min(1)
        right = (logits.argmax(-1) == label).float()
        terms = {"emotion": (loss * share).sum(), "accuracy": (right * share).sum()}
        words = self.text(batch["grams"], batch["place"])
        terms |= beat_contrast(
            words.float(), beat.float(), batch["spoken"], similarity=c.similarity, temperature=c.temperature
        )
        return terms


def nearness(text: Tensor, beat: Tensor, *, kind: str, temperature: float) -> Tensor:
    """[B, N, E] both -> [B, N, N], text by beat: cosine / temperature [D], or 1 / (distance + 1e-8) [R]."""
    if kind == "cosine":
        return F.normalize(text, dim=-1) @ F.normalize(beat, dim=-1).transpose(1, 2) / temperature
    return 1 / (torch.cdist(text, beat) + 1e-8)


def beat_contrast(
    text: Tensor, beat: Tensor, spoken: Tensor, *, similarity: str = "cosine", temperature: float = 0.1
) -> dict[str, Tensor]:
    """Frame-wise contrast of a clip's steps: which sound goes with which word; from text to beat [R].

    Args:
        text, beat: [B, N, E].
        spoken: [B, N] bool, steps within words; no others are asked, and none of them answers.
    Returns:
        ``beat``, the loss, and ``found``, the share of steps whose own sound is nearest.
    """
    near = nearness(text, beat, kind=similarity, temperature=temperature)
    near = near.masked_fill(~spoken[:, None], -1e4)
    steps = near.shape[1]
    target = torch.arange(steps, device=near.device).expand(len(near), steps)
    loss = F.cross_entropy(near.transpose(1, 2), target, reduction="none")
    share = spoken.float() / spoken.sum().clamp_min(1)
    right = (near.argmax(-1) == target).float()
    return {"beat": (loss * share).sum(), "found": (right * share).sum()}


def mining_loss(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Classification of the emotion and contrast of the beat, weighted.

    Args:
        model: a TrainedMining or its distributed wrapper.
        batch: features [B, T, 48], acoustics [B, T, 42], emotion [B] int (-1: unknown), grams
            [B, N, GRAMS] int, place [B, N, 2], spoken [B, N] bool.
    """
    terms = model(batch)
    config: MiningConfig = getattr(model, "module", model).config  # type: ignore[assignment]
    return config.emotion * terms["emotion"] + config.beat * terms["beat"], terms


def grams(word: str, buckets: int) -> list[int]:
    """Letter groups of a word as numbers from 1: the whole word, then all threes with its borders.

    >>> grams("Hi", 4096) == grams("hi!", 4096), len(grams("hi", 4096))
    (True, 3)
    """
    letters = "".join(ch for ch in word.lower() if ch.isalnum())
    framed = f"<{letters}>"
    parts = [framed, *(framed[k : k + 3] for k in range(len(framed) - 2))][:GRAMS]
    return [1 + zlib.crc32(part.encode()) % buckets for part in parts]


def word_steps(
    words: Sequence[tuple[str, float, float]], steps: int, rate: float, config: MiningConfig, *, shift: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Words with times in seconds as ``TextEncoder`` reads them: grams [N, GRAMS], place [N, 2], spoken [N].

    Args:
        rate: steps a second.
        shift: seconds by which the words are moved, to learn what wrong times cost.
    """
    numbers = torch.zeros(steps, GRAMS, dtype=torch.long)
    place = torch.zeros(steps, 2)
    spoken = torch.zeros(steps, dtype=torch.bool)
    for text, start, end in words:
        first, last = round((start + shift) * rate), max(1, round((end - start) * rate))
        own = grams(text, config.buckets)
        for k in range(1 if config.onset_only else last):
            if 0 <= first + k < steps:
                numbers[first + k, : len(own)] = torch.tensor(own)
                numbers[first + k, len(own) :] = 0
                place[first + k] = torch.tensor([(k + 0.5) / last, 1 - (k + 0.5) / last])
                spoken[first + k] = True
    return numbers, place, spoken
