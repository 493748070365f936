"""The flow while someone speaks: speech features go in bit by bit, encoded motion comes out, and stays as it is.

Each step samples the next latents after those that are final, whose keys and values are kept, together with latents of
the speech that is known ahead. The latter are drafts: they tell where the motion goes, so that the final ones can be
decoded, and are sampled anew by the next step. Where that one decides otherwise, the difference in pose and velocity
is carried over its frames and dies away (inertialization, after Bollo, GDC 2016). No words are planned: the flow is as
near to recordings without them (docs/experiments.md). All this is a decision of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import UserError
from ...core.timing import FPS
from ...speech.layout import FEATURE_DIM
from ..conditioning import Condition, generator
from .activity import PartNoise, part_speeds, renewals, to_levels
from .activity_sampler import ActivityState, with_ahead
from .latents import PARTS, STACK
from .liveliness import VoiceGate, VoiceLiveliness, followed, gated, latent_means, livelier
from .model import MotionFlow, stacked
from .sampling import FlowInputs, euler

CONTEXT = 2  # latents before and after others that the frames of those depend on
GUESSED = 1  # latents after the final ones that are sampled at least, without their speech if it is not known
CARRIED = 0.4  # rate a frame at which the difference of the last frames from what they would be now dies away
# Latents of a step unless said otherwise, without look-ahead and with some: steps of four are as near to recordings as
# whole files, shorter ones are not (docs/results.md).
ADVANCE, ADVANCE_AHEAD = 1, 4
MOST = 16  # latents of a step


@dataclass(frozen=True)
class StreamSampling:
    """How a stream is sampled."""

    steps: int = 3  # Euler steps; five are no better by the two-sample test (docs/experiments.md)
    prefix: int = 10  # final latents whose keys are kept; more are no better
    ahead: int = 24  # latents of speech that are seen ahead, at most
    # By which each part is told to be faster, since steps move arms about 13 % less than whole windows do at the same
    # activity.
    octaves: tuple[float, ...] = (0.2, 0.2, 0.0)


class FlowStream:
    """Encoded motion of a speech that is still going on.

    >>> from cospeech import load
    >>> model = load("contextual")
    >>> stream = FlowStream(model.flow, model.global_condition(model.options()), look_ahead=0.0)
    >>> stream.push(np.zeros((9, 48), np.float32))
    >>> stream.step().shape, stream.step().shape, stream.ready
    ((4, 267), (4, 267), False)
    >>> stream.flush().shape
    (1, 267)
    """

    def __init__(
        self,
        flow: MotionFlow,
        condition: Condition,
        *,
        seed: int = 0,
        look_ahead: float | None = 0.5,
        advance: int | None = None,
        history: np.ndarray | None = None,
        octaves: np.ndarray | float = 0.0,
        settings: StreamSampling | None = None,
    ) -> None:
        """Prepare to sample.

        Args:
            condition: emotion, style and intensity; may be changed between steps (``condition``).
            look_ahead: seconds of speech that must be known after the frames of a step; None: as much as was pushed.
            advance: latents, of four frames each, that a step makes final; if None one without look-ahead, else four,
                which look better and cost less. Sound is then known ``look_ahead`` after the last frame of the step.
            history: [T, C] encoded motion that goes before; anything if None.
            octaves: [P] by which each part, or all of them, are to be faster; may be changed (``octaves``).
        Raises:
            UserError: a flow that cannot stream, or a value that is not allowed.
        """
        if not flow.streams:
            raise UserError("the flow of this model cannot stream, since it is of an older version; export it again")
        if look_ahead is not None and not 0 <= look_ahead < np.inf:
            raise UserError(f"a look-ahead is seconds from 0 on, or None for all that is known; got {look_ahead}")
        if advance is None:
            advance = ADVANCE if look_ahead == 0 else ADVANCE_AHEAD
        if advance not in range(1, MOST + 1):
            raise UserError(f"a step makes 1 to {MOST} latents final; got {advance}")
        self.octaves = octaves
        self._flow = flow
        self._condition: Condition = condition
        self._settings = settings or StreamSampling()
        self._ahead: int | None = None if look_ahead is None else round(look_ahead * FPS)  # frames
        self._advance = int(advance)
        children = generator(seed).spawn(len(PARTS) + 1)
        self._rng = children[-1]
        self._noise = [PartNoise(width, rng) for width, rng in zip(flow.latents.widths, children, strict=False)]
        self._voice, self._gate = VoiceLiveliness(), VoiceGate()
        self._features: np.ndarray = np.zeros((0, FEATURE_DIM), np.float32)  # of frames that are not final
        self._lively: np.ndarray = np.zeros(0)  # octaves by which the voice makes these frames faster
        self._quiet: np.ndarray = np.zeros(0, dtype=bool)  # where hands rest in these frames
        self._pushed = 0  # frames
        self._given = 0  # of them that have their motion
        self._ended = False
        self._uniform: np.ndarray = np.zeros((0, flow.activity.parts))  # of latents that are not final
        self._activity = flow.activity.start()
        self._drawn: list[ActivityState] = []  # of latents that are not final, which heard all that they can
        self._past: np.ndarray = flow.no_past
        self._last: np.ndarray = np.zeros((0, flow.latents.codec.channels), np.float32)  # two frames that were given
        self._final, self._fresh = self._begun(history)

    def _begun(self, history: np.ndarray | None) -> tuple[np.ndarray, FlowInputs]:
        """Latents [N, D] of what goes before, and their inputs; their keys are not known yet."""
        latents = np.zeros((0, self._flow.latents.size), np.float32)
        levels = np.zeros((0, len(PARTS)), np.float32)
        if history is not None:
            codec = self._flow.latents.codec
            if history.ndim != 2 or not len(history) or history.shape[1] != codec.channels:
                raise UserError(
                    f"what goes before has shape {history.shape}; give encoded motion of shape [T, {codec.channels}]"
                )
            whole = np.pad(history, ((-len(history) % STACK, 0), (0, 0)), mode="edge")
            latents = self._flow.latents.encode(whole)[-self._settings.prefix :]
            levels = to_levels(part_speeds(whole, codec))[-self._settings.prefix :].astype(np.float32)
            self._last = np.concatenate([history[:1], history])[-2:]
        unheard = np.zeros((len(latents), STACK * FEATURE_DIM + 1), np.float32)
        return latents, self._inputs(unheard, levels, final=True)

    @property
    def condition(self) -> Condition:
        """Emotion, style and intensity of the steps to come."""
        return self._condition

    @condition.setter
    def condition(self, condition: Condition) -> None:
        self._condition = condition
        self._drawn = []

    @property
    def ready(self) -> bool:
        """Whether ``step`` has frames to give."""
        if self._ended:
            return self._given < self._pushed
        return bool(len(self._features) >= STACK * self._advance + (self._ahead or 0))

    def push(self, features: np.ndarray) -> None:
        """Take the next speech features [n, F], columns as in ``speech.layout.LAYOUT``.

        Raises:
            UserError: they are of another width or hold no numbers, or the stream has ended.
        """
        features = np.asarray(features)
        if features.ndim != 2 or features.shape[1] < FEATURE_DIM or features.dtype.kind not in "fiu":
            raise UserError(f"speech features have shape {features.shape}; give numbers of shape [n, {FEATURE_DIM}]")
        features = features[:, :FEATURE_DIM].astype(np.float32)
        if not np.isfinite(features).all():
            raise UserError("speech features hold values that are no numbers (NaN or infinite); push finite ones")
        if self._ended:
            raise UserError("the stream has ended; begin another one for more speech")
        self._features = np.concatenate([self._features, features])
        self._lively = np.concatenate([self._lively, self._voice.push(features)])
        self._quiet = np.concatenate([self._quiet, self._gate.push(features)])
        self._pushed += len(features)

    def finish(self) -> None:
        """End the speech; what is left can be had by ``step`` until nothing is ``ready``."""
        self._ended = True

    def flush(self) -> np.ndarray:
        """End the speech and return all frames [k, C] that are left."""
        self.finish()
        rest = [np.zeros((0, self._flow.latents.codec.channels), np.float32)]
        while self.ready:
            rest.append(self.step())
        return np.concatenate(rest)

    def step(self) -> np.ndarray:
        """The next encoded frames [k, C] (``motion.codec``), 4 x advance, fewer at the end; none if not ``ready``."""
        if not self.ready:
            return np.zeros((0, self._flow.latents.codec.channels), np.float32)
        features, lively = self._visible()
        speech = stacked(features)
        count = min(self._advance, len(speech))
        guessed = 0 if self._at_end(len(features)) else max(0, count + GUESSED - len(speech))
        levels = self._levels(speech, features, lively, count)
        levels = np.pad(levels, ((0, guessed), (0, 0)), mode="edge")
        speech = np.pad(speech, ((0, guessed), (0, 0)))
        rates = renewals(levels)
        noise = np.concatenate([own.push(rates[:, k], keep=count) for k, own in enumerate(self._noise)], axis=-1)
        sampled = self._sampled(noise * np.float32(self._flow.sampling.temperature), speech, levels)
        frames = self._decoded(sampled, count)
        self._fresh = self._inputs(speech[:count], levels[:count], final=True)
        self._final = np.concatenate([self._final, sampled[:count]])[-max(CONTEXT, count) :]
        self._features, self._lively = self._features[STACK * count :], self._lively[STACK * count :]
        self._quiet = self._quiet[STACK * count :]
        frames = frames[: self._pushed - self._given]
        self._given += len(frames)
        return frames

    def _visible(self) -> tuple[np.ndarray, np.ndarray]:
        """Features [T, F] that this step may see, and how lively the voice is in these frames [T]."""
        most = STACK * self._settings.ahead
        visible = STACK * self._advance + (most if self._ahead is None else min(most, self._ahead))
        return self._features[:visible], self._lively[:visible]

    def _at_end(self, visible: int) -> bool:
        return self._ended and visible == len(self._features)

    def _levels(self, speech: np.ndarray, features: np.ndarray, lively: np.ndarray, count: int) -> np.ndarray:
        """Activity [N, P] of the visible latents; the first ``count`` of them are final."""
        sampler, known = self._flow.activity, len(self._drawn)
        missing = len(speech) - len(self._uniform)
        if missing > 0:
            self._uniform = np.concatenate([self._uniform, self._rng.random((missing, sampler.parts))])
        heard = with_ahead(speech, sampler.ahead, len(speech))[known:]
        plan = np.zeros((len(heard), self._flow.latents.size + len(PARTS)), np.float32)
        states = list(self._drawn)
        state = states[-1] if states else self._activity
        for row, uniform in zip(sampler.embedded(heard, plan, self._condition), self._uniform[known:], strict=False):
            state = sampler.step(row, state, uniform)
            states.append(state)
        sure = max(count, len(features) // STACK - sampler.ahead)
        self._drawn, self._activity = states[count:sure], states[count - 1]
        self._uniform = self._uniform[count:]
        drawn = np.stack([state.levels for state in states]).astype(np.float32)
        octaves = np.add(self.octaves, self._settings.octaves) + self._flow.mood_octaves(self._condition)
        octaves = octaves + self._flow.responsive * latent_means(lively)[:, None]
        return gated(followed(livelier(drawn, octaves)), self._quiet[: len(features)])

    def _inputs(self, speech: np.ndarray, levels: np.ndarray, *, final: bool) -> FlowInputs:
        """What the flow is told about some latents, without words."""
        plan = np.zeros((len(speech), self._flow.latents.size + len(PARTS)), np.float32)
        given = np.full((len(speech), len(PARTS)), float(final), np.float32)
        return FlowInputs(speech, levels, plan, given, self._condition)

    def _sampled(self, noise: np.ndarray, speech: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Latents [N, D] from noise; the keys of final latents before them are computed on the way, once."""
        fresh, steps = len(self._fresh.speech), self._settings.steps
        inputs = self._inputs(speech, levels, final=False)
        x = noise
        for step in range(steps):
            now, then = step / steps, (step + 1) / steps
            if step or not fresh:
                clean, _ = self._flow.after(x, now, 0, inputs, self._past)
            else:
                known = np.concatenate([self._final[-fresh:], x])
                clean, present = self._flow.after(known, now, fresh, self._fresh.followed_by(inputs), self._past)
                kept: np.ndarray = np.concatenate([self._past, present[:, :, :, :, :fresh]], axis=4)
                self._past = kept[:, :, :, :, -self._settings.prefix :]
                clean = clean[fresh:]
            x = euler(x, clean, now, then)
        return x

    def _decoded(self, sampled: np.ndarray, count: int) -> np.ndarray:
        """Frames [count x STACK, C] of the first latents, which go on from the frames that were given last."""
        before = self._final[-CONTEXT:]
        codec, first = self._flow.latents.codec, STACK * len(before)
        decoded = self._flow.latents.decode(np.concatenate([before, sampled[: count + CONTEXT]]))
        frames: np.ndarray = decoded[first : first + STACK * count]
        if len(self._last):
            frames = codec.orthonormal(frames + carried(self._last - decoded[first - 2 : first], len(frames)))
        self._last = frames[-2:]
        return frames


def carried(apart: np.ndarray, count: int) -> np.ndarray:
    """[count, C] what is added to frames so that pose and velocity go on from the two frames before them.

    Args:
        apart: [2, C] what those were, less what they would be now.
    """
    time = np.arange(1, count + 1, dtype=np.float32)[:, None]
    velocity = apart[1] - apart[0]
    offset: np.ndarray = (apart[1] + (velocity + CARRIED * apart[1]) * time) * np.exp(-CARRIED * time)
    return offset
