"""The phone network at run time: a causal recogniser in NumPy, for streams and whole recordings alike.

``methods.phones`` trains it. 0.6 M weights; it names the phone of every 20 ms with 0, 80 or 200 ms of look-ahead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.timing import SAMPLE_RATE
from . import mel
from .inventory import PHONES
from .recording import LOOK_AHEADS, STEP, STRIDE, step_times

DEFAULT_LOOK_AHEAD = 0.08  # seconds
FORMAT = 1


@dataclass(frozen=True)
class PhoneSteps:
    """What the network says of a stretch of sound.

    Args:
        times: [T] seconds, the moments it speaks of, 20 ms apart; those before 0 are left out.
        probabilities: [T, phones] float32, columns as ``inventory.PHONES``, each row sums to 1.
    """

    times: np.ndarray
    probabilities: np.ndarray


class PhoneNetwork:
    """The weights of a model folder; many streams may share them."""

    def __init__(self, folder: str | Path) -> None:
        """Read a model folder. Raises UserError if it is none of a phone network."""
        from safetensors.numpy import load_file

        folder = Path(folder)
        try:
            config = json.loads((folder / "config.json").read_text())
            self.weights = {k: v.astype(np.float32) for k, v in load_file(folder / "network.safetensors").items()}
        except (OSError, ValueError) as error:
            raise UserError(f"{folder} has no phone network that can be read ({error}); export it again") from None
        if config.get("method") != "phones" or config.get("format") != FORMAT or config.get("phones") != list(PHONES):
            raise UserError(f"{folder} is no phone network of this version; export it again")
        self.depth, self.width = int(config["config"]["depth"]), int(config["config"]["width"])
        self.first = self.weights["first.weight"].transpose(2, 1, 0)  # [kernel, in, out]
        self.second = self.weights["second.weight"].transpose(2, 1, 0)

    def convolve(self, frames: np.ndarray, layer: str) -> np.ndarray:
        """One convolution without padding and its GELU: [T, in] -> [T', out]."""
        kernel, stride = (self.first, 1) if layer == "first" else (self.second, STRIDE)
        count = (len(frames) - len(kernel)) // stride + 1
        out = np.broadcast_to(self.weights[f"{layer}.bias"], (count, kernel.shape[2])).copy()
        for place, matrix in enumerate(kernel):
            out += frames[place : place + stride * (count - 1) + 1 : stride] @ matrix
        return _gelu(out)

    def recur(self, inputs: np.ndarray, state: np.ndarray) -> np.ndarray:
        """All layers of the GRU, [T, width] -> [T, width]; ``state`` [depth, width] is brought up to date."""
        width = self.width
        for layer in range(self.depth):
            w = {
                name: self.weights[f"gru.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            driven = inputs @ w["weight_ih"].T + w["bias_ih"]
            recurrent = np.ascontiguousarray(w["weight_hh"].T)
            hidden, out = state[layer], np.empty_like(inputs)
            for index, drive in enumerate(driven):
                echo = hidden @ recurrent + w["bias_hh"]
                gates = 1.0 / (1.0 + np.exp(-(drive[: 2 * width] + echo[: 2 * width])))
                new = np.tanh(drive[2 * width :] + gates[:width] * echo[2 * width :])
                hidden = new + gates[width:] * (hidden - new)
                out[index] = hidden
            state[layer], inputs = hidden, out
        return inputs

    def name_phones(self, hidden: np.ndarray, head: int) -> np.ndarray:
        """Probabilities [T, phones] of one head."""
        rows = slice(head * len(PHONES), (head + 1) * len(PHONES))
        logits = hidden @ self.weights["head.weight"][rows].T + self.weights["head.bias"][rows]
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
        return probabilities


def _gelu(x: np.ndarray) -> np.ndarray:
    """x times the normal distribution function, by formula 7.1.26 of Abramowitz and Stegun (error below 2e-7)."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1.0 / (1.0 + np.float32(0.3275911) * z)
    series = np.zeros_like(t)
    for term in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(term)) * t
    tail = 0.5 * series * np.exp(-z * z)  # of the distribution beyond |x|
    gelu: np.ndarray = x * np.where(x > 0.0, 1.0 - tail, tail)
    return gelu


@cache
def shipped_network() -> PhoneNetwork:
    """The network that comes with the package, read once."""
    return PhoneNetwork(Path(str(files("cospeech") / "models" / "phones")))


class PhoneStream:
    """Phones of a stream: the same whatever the sizes of the pieces.

    >>> stream = PhoneStream()
    >>> steps = stream.push(np.zeros(1600, np.float32))
    >>> steps.probabilities.shape == (len(steps.times), 40)
    True
    """

    def __init__(self, *, look_ahead: float = DEFAULT_LOOK_AHEAD, network: PhoneNetwork | None = None) -> None:
        """Begin a stream.

        Args:
            look_ahead: seconds of sound after a moment that are waited for: 0, 0.08 or 0.2.
            network: the shipped one unless given.

        Raises:
            UserError: there is no such look-ahead.
        """
        if look_ahead not in LOOK_AHEADS:
            known = ", ".join(f"{value:g}" for value in LOOK_AHEADS)
            raise UserError(f"the look-ahead is {look_ahead!r} s; it can be {known}")
        self.network, self.head = network or shipped_network(), LOOK_AHEADS.index(look_ahead)
        self.look_ahead = look_ahead
        self._samples = np.zeros(0, np.float32)
        self._level = mel.LEVEL_FLOOR
        self._before = np.zeros((len(self.network.first) - 1, mel.BANDS), np.float32)
        self._middle = np.zeros((len(self.network.second) - STRIDE, self.network.first.shape[2]), np.float32)
        self._state = np.zeros((self.network.depth, self.network.width), np.float32)
        self._step = 0

    def push(self, samples: np.ndarray) -> PhoneSteps:
        """Take the next samples [n] (float, mono, 16 kHz); return what can be said now."""
        self._samples = np.concatenate([self._samples, np.asarray(samples, np.float32)])
        frames = (len(self._samples) - mel.WINDOW) // mel.HOP + 1
        frames = max(0, frames) // STRIDE * STRIDE
        if not frames:
            return PhoneSteps(np.zeros(0), np.zeros((0, len(PHONES)), np.float32))
        levels = mel.mel_levels(self._samples[: (frames - 1) * mel.HOP + mel.WINDOW])
        self._samples = self._samples[frames * mel.HOP :]
        running = mel.running_level(mel.voice_level(levels), self._level)
        self._level = float(running[-1])
        seen = np.concatenate([self._before, mel.normalised(levels, running)])
        self._before = seen[-len(self._before) :]
        middle = np.concatenate([self._middle, self.network.convolve(seen, "first")])
        self._middle = middle[-len(self._middle) :]
        hidden = self.network.recur(self.network.convolve(middle, "second"), self._state)
        times = step_times(self._step, self._step + len(hidden), self.look_ahead)
        self._step += len(hidden)
        keep = times >= 0.0
        return PhoneSteps(times[keep], self.network.name_phones(hidden, self.head)[keep])

    def flush(self) -> PhoneSteps:
        """End the stream: what is said of its last moments, heard with silence after them."""
        rest = self.look_ahead + mel.WINDOW / SAMPLE_RATE + STEP
        return self.push(np.zeros(round(rest * SAMPLE_RATE), np.float32))


def hear_phones(
    samples: np.ndarray, *, look_ahead: float = DEFAULT_LOOK_AHEAD, network: PhoneNetwork | None = None
) -> PhoneSteps:
    """What the network says of a whole recording [N] (float, mono, 16 kHz).

    Raises:
        UserError: there is no such look-ahead.
    """
    stream = PhoneStream(look_ahead=look_ahead, network=network)
    block = 30 * SAMPLE_RATE  # bounds the memory
    parts = [stream.push(samples[at : at + block]) for at in range(0, len(samples), block)]
    parts.append(stream.flush())
    times = np.concatenate([part.times for part in parts])
    inside = times < len(samples) / SAMPLE_RATE
    return PhoneSteps(times[inside], np.concatenate([part.probabilities for part in parts])[inside])
