"""How active each part of the body is, drawn latent after latent from the voice, in NumPy.

A small recurrent network: cheap enough to run step by step while someone speaks, and what it draws can be shifted
(livelier, calmer) before the flow moves the body by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..conditioning import Condition
from .activity import LEVELS


@dataclass(frozen=True, eq=False)
class ActivityState:
    """What the sampler remembers after a latent."""

    hidden: np.ndarray  # [W] of the recurrent unit
    levels: np.ndarray  # [P] int64 that were drawn; LEVELS before the first latent


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
        x = self.embedded(with_ahead(speech, self.ahead, len(speech)), plan, condition)
        state = self.start()
        levels = np.empty((len(x), self.parts), np.float32)
        for step, row in enumerate(x):
            state = self.step(row, state, rng.random(self.parts), temperature=temperature)
            levels[step] = state.levels
        return levels

    def start(self) -> ActivityState:
        """The state before the first latent."""
        size = len(self._w["recurrent.bias_hh_l0"]) // 3
        return ActivityState(np.zeros(size, np.float32), np.full(self.parts, LEVELS))

    def embedded(self, heard: np.ndarray, plan: np.ndarray, condition: Condition) -> np.ndarray:
        """[N, W] what steps take, of speech [N, (ahead + 1) x (F + 1)] (``with_ahead``) and a plan [N, D + P]."""
        x = self._linear("speech.2", _silu(self._linear("speech.0", heard))) + self._linear("plan", plan)
        joined: np.ndarray = x + self._conditioned(condition)
        return joined

    def step(
        self, embedded: np.ndarray, state: ActivityState, uniform: np.ndarray, *, temperature: float = 1.0
    ) -> ActivityState:
        """Draw the levels of one latent.

        Args:
            embedded: [W], a row of ``embedded``.
            uniform: [P] numbers from 0 to 1 by which levels are drawn.
            temperature: of the draws; 0 takes the likeliest level.
        """
        before = (self._w[f"levels.{part}.weight"][state.levels[part]] for part in range(self.parts))
        hidden = self._recurrent(embedded + sum(before), state.hidden)
        levels, known = np.empty(self.parts, np.int64), hidden
        for part in range(self.parts):
            inner = _silu(self._linear(f"inner.{part}", known)) + hidden
            levels[part] = _drawn(self._linear(f"heads.{part}", inner), float(uniform[part]), temperature)
            known = known + self._w[f"levels.{part}.weight"][levels[part]]
        return ActivityState(hidden, levels)

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


def _drawn(logits: np.ndarray, uniform: float, temperature: float) -> int:
    """One level from logits [LEVELS], by a number from 0 to 1."""
    if temperature <= 0:
        return int(logits.argmax())
    chance = np.exp((logits - logits.max()) / temperature)
    return min(int(np.searchsorted(np.cumsum(chance / chance.sum()), uniform)), LEVELS - 1)


def _silu(x: np.ndarray) -> np.ndarray:
    y: np.ndarray = x * _sigmoid(x)
    return y


def _sigmoid(x: np.ndarray) -> np.ndarray:
    y: np.ndarray = 1 / (1 + np.exp(-x))
    return y
