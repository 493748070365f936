"""How active each part of the body is, drawn latent after latent from the voice, in NumPy.

A small recurrent network: cheap enough to run step by step while someone speaks, and what it draws can be shifted
(livelier, calmer) before the flow moves the body by it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..conditioning import Condition
from .activity import LEVELS


class ActivitySampler:
    """The trained network (``network.ActivityNetwork``) as arrays."""

    def __init__(self, arrays: Mapping[str, np.ndarray], ahead: int) -> None:
        """``ahead``: latents of speech that are seen ahead, where they are there."""
        self._w = {name: np.asarray(value, dtype=np.float32) for name, value in arrays.items()}
        self.ahead = ahead
        self.parts = sum(name.startswith("heads.") and name.endswith(".weight") for name in self._w)

    def sample(
        self,
        speech: np.ndarray,
        plan: np.ndarray,
        condition: Condition,
        rng: np.random.Generator,
        *,
        temperature: float = 1.0,
    ) -> np.ndarray:
        """Levels [N, P] float32 for stacked speech [N, F + 1] and a plan [N, D + P].

        Args:
            temperature: of the draws; 0 takes the likeliest level.
        """
        heard = with_ahead(speech, self.ahead, len(speech))
        x = self._linear("speech.2", _silu(self._linear("speech.0", heard))) + self._linear("plan", plan)
        x = x + self._conditioned(condition)
        state = np.zeros(x.shape[1], np.float32)
        before = np.full(self.parts, LEVELS)
        levels = np.empty((len(x), self.parts), np.int64)
        for step, row in enumerate(x):
            embedded = row + sum(self._w[f"levels.{part}.weight"][before[part]] for part in range(self.parts))
            state = self._recurrent(embedded, state)
            known = state
            for part in range(self.parts):
                inner = _silu(self._linear(f"inner.{part}", known)) + state
                before[part] = _drawn(self._linear(f"heads.{part}", inner), rng, temperature)
                known = known + self._w[f"levels.{part}.weight"][before[part]]
            levels[step] = before
        return levels.astype(np.float32)

    def _linear(self, name: str, x: np.ndarray) -> np.ndarray:
        y: np.ndarray = x @ self._w[f"{name}.weight"].T
        return y + self._w[f"{name}.bias"] if f"{name}.bias" in self._w else y

    def _conditioned(self, condition: Condition) -> np.ndarray:
        """[N, W], or [1, W] of a condition that does not change."""
        joined = self._linear("condition.emotion", condition.emotion)
        for name in ("style", "intensity"):
            joined = joined + self._linear(f"condition.{name}", getattr(condition, name))
        mixed: np.ndarray = joined + self._linear("condition.mix.1", _silu(joined))
        return mixed

    def _recurrent(self, x: np.ndarray, state: np.ndarray) -> np.ndarray:
        """One step of a gated recurrent unit, as PyTorch has it."""
        w = self._w
        new = w["recurrent.weight_ih_l0"] @ x + w["recurrent.bias_ih_l0"]
        old = w["recurrent.weight_hh_l0"] @ state + w["recurrent.bias_hh_l0"]
        size = len(state)
        reset = _sigmoid(new[:size] + old[:size])
        update = _sigmoid(new[size : 2 * size] + old[size : 2 * size])
        candidate = np.tanh(new[2 * size :] + reset * old[2 * size :])
        after: np.ndarray = (1 - update) * candidate + update * state
        return after


def with_ahead(speech: np.ndarray, ahead: int, count: int, *, seen: int | None = None) -> np.ndarray:
    """[N, F + 1] -> [count, (ahead + 1) x (F + 1)]: each latent with those after it; zeros beyond what is ``seen``."""
    seen = ahead if seen is None else seen
    padded = np.pad(speech, ((0, ahead), (0, 0)))
    columns = [padded[k : k + count] if k <= seen else np.zeros_like(speech[:count]) for k in range(ahead + 1)]
    return np.concatenate(columns, axis=1)


def _drawn(logits: np.ndarray, rng: np.random.Generator, temperature: float) -> int:
    """One level from logits [LEVELS]."""
    if temperature <= 0:
        return int(logits.argmax())
    chance = np.exp((logits - logits.max()) / temperature)
    return min(int(np.searchsorted(np.cumsum(chance / chance.sum()), rng.random())), LEVELS - 1)


def _silu(x: np.ndarray) -> np.ndarray:
    y: np.ndarray = x * _sigmoid(x)
    return y


def _sigmoid(x: np.ndarray) -> np.ndarray:
    y: np.ndarray = 1 / (1 + np.exp(-x))
    return y
