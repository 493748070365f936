"""Embedding of speech and motion for retrieval: momentum contrast with momentum distillation.

ExGes, section "Motion retrieval": a contrastive speech-motion embedding with momentum distillation, made
for fine-grained retrieval [P]. The form is that of ALBEF (Li et al. 2021, section 3.2) and MoCo [R]: slow
copies of the encoders fill a queue of past keys and give soft targets. Ours [D]: the encoders are those of
the alignment of Contextual Gesture and begin with its weights; what shares an origin with the question is
left out of the queue instead of sharing mass, since our synthetic pairs show one motion with many voices; and
beside the key of a segment there are keys of its frames, compared in the order of time.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..alignment.network import AlignConfig, Alignment, GestureContent, SpeechContent

SYNC_TOLERANCE = 2  # steps by which a frame of motion may come before or after the sound that it answers


@dataclass(frozen=True)
class RetrievalConfig:
    """Sizes of the encoders and the settings of the loss."""

    encoders: AlignConfig = field(default_factory=AlignConfig)
    fine: int = 64  # E' of the keys of frames
    queue: int = 2048  # past keys; [R] at most 4096
    momentum: float = 0.995  # [R] mu
    distill: float = 0.4  # [R] alpha at the end of its ramp; 0: no momentum distillation
    ramp: int = 100  # steps in which alpha grows from 0
    temperature: float = 0.07  # [R] tau, learned from here
    fine_weight: float = 1.0  # of the contrast of frames


class Encoders(nn.Module):
    """Both encoders, and the maps to the keys of frames."""

    def __init__(
        self, config: RetrievalConfig, mean: Tensor | None = None, std: Tensor | None = None, pace: Tensor | None = None
    ) -> None:
        super().__init__()
        sizes = config.encoders
        self.speech = SpeechContent(sizes)
        self.gesture = GestureContent(sizes, mean, std, pace)
        self.fine_speech = nn.Linear(sizes.width, config.fine)
        self.fine_gesture = nn.Linear(sizes.width, config.fine)

    def of_speech(self, features: Tensor, words: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keys of frames [B, N, E'] and of the segment [B, E], of length one."""
        frames, key = self.speech(features, words)
        return F.normalize(self.fine_speech(frames).float(), dim=-1), F.normalize(key.float(), dim=-1)

    def of_gesture(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Keys of frames [B, N, E'] and of the segment [B, E], of length one."""
        frames, key = self.gesture(motion)
        return F.normalize(self.fine_gesture(frames).float(), dim=-1), F.normalize(key.float(), dim=-1)


class Retrieval(nn.Module):
    """Encoders, their slow copies and the queue."""

    queued_speech: Tensor
    queued_gesture: Tensor
    queued_origins: Tensor
    steps: Tensor

    def __init__(
        self,
        config: RetrievalConfig,
        mean: Tensor | None = None,
        std: Tensor | None = None,
        pace: Tensor | None = None,
        *,
        origins: int = 1,
    ) -> None:
        """``origins``: how many origins a sample has at most."""
        super().__init__()
        self.config = config
        self.encoders = Encoders(config, mean, std, pace)
        self.slow = copy.deepcopy(self.encoders).requires_grad_(False)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        self.log_fine = nn.Parameter(torch.tensor(math.log(config.temperature)))
        e = config.encoders.embedding
        self.register_buffer("queued_speech", torch.zeros(config.queue, e))
        self.register_buffer("queued_gesture", torch.zeros(config.queue, e))
        self.register_buffer("queued_origins", torch.full((config.queue, origins), -1))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def initialise_from(self, alignment: Alignment) -> None:
        """Take the weights of an alignment. Raises ValueError if its sizes differ."""
        try:
            for encoders in (self.encoders, self.slow):
                encoders.speech.load_state_dict(alignment.speech.state_dict())
                encoders.gesture.load_state_dict(alignment.gesture.state_dict())
        except RuntimeError:
            raise ValueError("the alignment has other sizes") from None

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named terms of a batch (see ``retrieval_loss``)."""
        c, size = self.config, len(batch["features"])
        features, words, motion = batch["features"], batch.get("words"), batch["motion"]
        fine_a, key_a = self.encoders.of_speech(features, words)
        fine_m, key_m = self.encoders.of_gesture(motion)
        with torch.no_grad():
            if self.training:
                self._follow()
            slow_a, slow_m = self.slow.of_speech(features, words)[1], self.slow.of_gesture(motion)[1]
            all_a = torch.cat([slow_a, self.queued_speech])
            all_m = torch.cat([slow_m, self.queued_gesture])
            others = torch.cat([batch["origins"], self.queued_origins])
            barred = shared(batch["origins"], others)
            barred[:, size:] |= (self.queued_origins == -1).all(-1)  # not filled yet
            barred[:, :size].fill_diagonal_(False)
            alpha = c.distill * min(1.0, float(self.steps) / max(1, c.ramp))
        tau = self.log_temperature.exp().clamp(0.001, 0.5)
        terms = {
            "speech": distilled(key_a @ all_m.T / tau, slow_a @ all_m.T / tau.detach(), barred, alpha),
            "gesture": distilled(key_m @ all_a.T / tau, slow_m @ all_a.T / tau.detach(), barred, alpha),
        }
        near = fine_similarity(fine_a, fine_m) / self.log_fine.exp().clamp(0.001, 0.5)
        near = near.masked_fill(barred[:, :size], -1e4)
        target = torch.arange(size, device=near.device)
        terms["fine"] = 0.5 * (F.cross_entropy(near, target) + F.cross_entropy(near.T, target))
        with torch.no_grad():
            terms["accuracy"] = ((key_a @ key_m.T).argmax(1) == target).float().mean()
            terms["fine_accuracy"] = (near.argmax(1) == target).float().mean()
            if self.training:
                self._enqueue(slow_a, slow_m, batch["origins"])
        return terms

    @torch.no_grad()
    def _follow(self) -> None:
        """theta' <- mu theta' + (1 - mu) theta."""
        pairs: Iterator[tuple[Tensor, Tensor]] = zip(self.slow.parameters(), self.encoders.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast, 1 - self.config.momentum)

    def _enqueue(self, speech: Tensor, gesture: Tensor, origins: Tensor) -> None:
        count = min(len(speech), self.config.queue)
        place = (int(self.steps) * len(speech) + torch.arange(count)) % self.config.queue
        self.queued_speech[place] = speech[:count]
        self.queued_gesture[place] = gesture[:count]
        self.queued_origins[place] = origins[:count]
        self.steps += 1


def shared(origins: Tensor, others: Tensor) -> Tensor:
    """Which of [B, K] and [M, K] origins (-1: none) have one in common, [B, M] bool."""
    equal = (origins[:, None, :, None] == others[None, :, None, :]) & (origins >= 0)[:, None, :, None]
    return equal.any(-1).any(-1)


def distilled(scores: Tensor, slow: Tensor, barred: Tensor, alpha: float) -> Tensor:
    """Cross-entropy [] with the targets of ALBEF, equation 6.

    Args:
        scores: [B, M] of the question against its own answer (at i, i) and others, over tau.
        slow: [B, M] the same by the slow encoders.
        barred: [B, M] bool, what is no answer and no other either.
        alpha: share of the slow encoders' own distribution in the targets.
    """
    scores, slow = scores.masked_fill(barred, -1e4), slow.masked_fill(barred, -1e4)
    rows = torch.arange(len(scores), device=scores.device)
    target = alpha * slow.softmax(-1)
    target[rows, rows] += 1 - alpha
    return -(target * scores.log_softmax(-1)).sum(-1).mean()


def fine_similarity(speech: Tensor, gesture: Tensor) -> Tensor:
    """Similarity [A, M] of keys of frames [A, N, E'] and [M, N, E'] of segments of one length.

    For every step of speech the best step of motion within ``SYNC_TOLERANCE``, and the mean over time (as FILIP's
    late interaction, Yao et al. 2022, in a band, because a gesture goes with its own word). [D]
    """
    near = torch.einsum("ane,bme->abnm", speech, gesture)
    place = torch.arange(speech.shape[1], device=near.device)
    far = (place[:, None] - place[None]).abs() > SYNC_TOLERANCE
    return near.masked_fill(far, -1.0).amax(-1).mean(-1)


def retrieval_loss(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """L = (CE(s_a2m, y_a2m) + CE(s_m2a, y_m2a)) / 2, and the contrast of frames.

    batch: features [B, T, F] and motion [B, T, C] of pairs, origins [B, K] int64 (numbers of what motion and
    speech were made of, -1 for none); words [B, T, W] if any.
    """
    network = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
    assert isinstance(network, Retrieval)
    terms = model(batch)
    loss = 0.5 * (terms["speech"] + terms["gesture"]) + network.config.fine_weight * terms["fine"]
    return loss, terms
