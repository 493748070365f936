"""The flow in use: what is left open of a plan, sampled, for any method that generates bodies. NumPy, ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.emotions import EMOTIONS
from ...motion.codec import Codec
from ...speech.features import FEATURE_DIM
from ..conditioning import Condition
from ..model_folder import ModelFolder, check_sizes, read_settings
from .activity_sampler import ActivitySampler
from .codes import PartCodes
from .latents import PARTS, STACK, PartLatents
from .liveliness import VoiceGate, enlarged, followed, gated, livelier, liveliness
from .sampling import FlowInputs, FlowSampling, sample_flow

FOLDER = "flow"  # of a model folder, that holds the flow; the entry of its config.json has the same name
SIZES = ("ahead", "window")
OF_ARMS = np.array([part != "trunk" for part in PARTS], np.float32)


@dataclass(frozen=True)
class Plan:
    """What a method has decided of a motion of N latents, before the flow samples the rest.

    Args:
        codes: [N, P] words of the parts (``PartCodes``), -1 where the flow is free.
        known: [N, D] latents, where ``given`` [N, P] is 1.
        livelier: octaves by which each part, or all of them, are to be faster than the voice lets them be.
        levels: activity; drawn from the voice unless given (``MotionFlow.levels``), above LEVELS - 1 where a part is to
            be larger than the flow makes it (``liveliness.enlarged``).
    """

    codes: np.ndarray
    known: np.ndarray
    given: np.ndarray
    livelier: np.ndarray | float = 0.0  # [P]
    levels: np.ndarray | None = None  # [N, P]

    @classmethod
    def free(cls, count: int, size: int) -> Plan:
        """Nothing decided of N latents of so many columns."""
        parts = len(PARTS)
        return cls(np.full((count, parts), -1), np.zeros((count, size), np.float32), np.zeros((count, parts)))


def has_flow(folder: ModelFolder) -> bool:
    """Whether a model folder has a flow."""
    return FOLDER in folder.config


class MotionFlow:
    """Latents of body parts, their words, the sampler of activity and the flow, out of a model folder."""

    def __init__(self, folder: ModelFolder) -> None:
        """``folder``: of the method; raises UserError if its flow lacks something."""
        described = folder.config[FOLDER]
        check_sizes(described, folder.folder / "config.json", FOLDER, SIZES)
        self._folder = ModelFolder(folder.folder / FOLDER, described)
        self.sampling = read_settings(self._folder, FlowSampling(window=described["window"]))
        arrays = self._folder.arrays("parts")
        self.latents = PartLatents(arrays, Codec())
        self.codes = PartCodes(arrays, self.latents)
        self.activity = ActivitySampler(self._folder.arrays("activity"), described["ahead"])
        self.responsive = 1.0  # to how the voice's liveliness changes over seconds
        moods: dict[str, float] = described.get("moods", {})
        self._moods = np.array([moods.get(name, 0.0) for name in EMOTIONS], np.float32)
        self._folder.open_ahead("flow")
        self._graph = self._folder.graphs()

    def sample(self, features: np.ndarray, condition: Condition, plan: Plan, rng: np.random.Generator) -> np.ndarray:
        """Encoded motion [T, C] for speech features [T, F] and a plan of ceil(T / STACK) latents."""
        latents = self.sample_latents(features, condition, plan, rng)
        return self.latents.decode(latents)[: len(features)]

    def resampled(
        self,
        encoded: np.ndarray,
        features: np.ndarray,
        condition: Condition,
        rng: np.random.Generator,
        *,
        fixed: Sequence[tuple[int, int]] = (),
        octaves: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Encoded motion [T, C] that does in words what another does, and is alive as recorded motion is.

        Args:
            encoded: [T, C] whose words are the plan; its first latent is kept.
            fixed: frames [first, last + 1) that are kept, but for what a latent mixes at their edges.
            octaves: [P] by which each part, or all of them, are to be faster.
        """
        known = self.latents.encode(encoded)
        given = np.zeros((len(known), len(PARTS)))
        given[0] = 1.0
        for first, last in fixed:
            given[first // STACK : -(-last // STACK)] = 1.0
        return self.sample(features, condition, Plan(self.codes.encode(known), known, given, octaves), rng)

    def sample_latents(
        self, features: np.ndarray, condition: Condition, plan: Plan, rng: np.random.Generator
    ) -> np.ndarray:
        """[N, D] of what ``sample`` decodes."""
        levels = self.levels(features, condition, plan, rng) if plan.levels is None else plan.levels
        speech, given = stacked(features[:, :FEATURE_DIM]), plan.given.astype(np.float32)
        inputs = FlowInputs(speech, followed(levels).astype(np.float32), self._shown(plan), given, condition)
        latents = sample_flow(self.network, inputs, plan.known, self.latents.widths, rng, self.sampling)
        return enlarged(latents, levels, plan.livelier, plan.given, list(self.latents.slices.values()))

    def levels(self, features: np.ndarray, condition: Condition, plan: Plan, rng: np.random.Generator) -> np.ndarray:
        """[N, P] activity of the parts (``activity``), drawn from the voice."""
        drawn = self.activity.sample(stacked(features[:, :FEATURE_DIM]), self._shown(plan), condition, rng)
        octaves = plan.livelier + self.mood_octaves(condition) + self.responsive * liveliness(features)[:, None]
        return gated(livelier(drawn, octaves), VoiceGate().push(features))

    def mood_octaves(self, condition: Condition) -> np.ndarray:
        """[1 or N, P] octaves by which a mood's arms are faster than the networks make them.

        The networks move less differently from mood to mood than people do; what is missing was measured
        (``scripts/calibrate_moods.py``) and is in config.json, octaves by emotion. [D]
        """
        octaves: np.ndarray = (condition.emotion @ self._moods)[:, None] * OF_ARMS
        return octaves

    def _shown(self, plan: Plan) -> np.ndarray:
        return self.codes.shown(_thinned(plan.codes, self.sampling.words_every))

    def give(self, plan: Plan, encoded: np.ndarray, first: int, columns: Sequence[int]) -> None:
        """Write encoded motion [L, C], from a frame on, into a plan, of the parts all of whose joints are wanted.

        Args:
            columns: joints by their place in the codec.
        """
        before = first % STACK
        rows = self.latents.encode(np.pad(encoded, ((before, 0), (0, 0)), mode="edge"))
        here = slice(first // STACK, first // STACK + len(rows))
        for part, channels in enumerate(self.latents.channels.values()):
            if set(channels // 6) <= set(columns):
                own = self.latents.slices[PARTS[part]]
                plan.known[here, own], plan.given[here, part] = rows[:, own], 1.0

    @property
    def streams(self) -> bool:
        """Whether the flow takes a past that was computed before; those of older folders do not."""
        return "past" in self._graph("flow").inputs

    @cached_property
    def no_past(self) -> np.ndarray:
        """[L, 1, 2, H, 0, W / H] keys and values of no positions."""
        layers, _, _, heads, _, size = self._graph("flow").shape("past")
        return np.zeros((layers, 1, 2, heads, 0, size), np.float32)

    def after(
        self, noisy: np.ndarray, time: float, known: int, inputs: FlowInputs, past: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Clean latents [N, D] and the keys and values [L, 1, 2, H, N, W / H] of their positions.

        Args:
            noisy: [N, D] latents at a time from 0 (noise) to 1, of which the first ``known`` are final.
            past: keys and values of final latents before these.
        """
        clean, present = self._graph("flow").all(*self._arrays(noisy, time, known, inputs), past)
        return clean[0], present

    def network(self, noisy: np.ndarray, time: float, known: int, inputs: FlowInputs) -> np.ndarray:
        """See ``FlowNetwork``."""
        if self.streams:
            return self.after(noisy, time, known, inputs, self.no_past)[0]
        clean: np.ndarray = self._graph("flow")(*self._arrays(noisy, time, known, inputs))[0]
        return clean

    def _arrays(self, noisy: np.ndarray, time: float, known: int, inputs: FlowInputs) -> list[np.ndarray]:
        """Inputs of the graph, in its order."""
        condition = inputs.condition
        arrays = (noisy, inputs.given, inputs.plan, inputs.speech, inputs.levels)
        batched = [np.ascontiguousarray(array[None], dtype=np.float32) for array in arrays]
        moment, before = np.array([time], np.float32), np.array([known], np.int64)
        return [batched[0], moment, before, *batched[1:], condition.emotion, condition.style, condition.intensity]


def _thinned(codes: np.ndarray, every: int) -> np.ndarray:
    """Words [N, P] of which one latent in ``every`` has any."""
    kept = np.full_like(codes, -1)
    if every:
        kept[every // 2 :: every] = codes[every // 2 :: every]
    return kept


def stacked(features: np.ndarray) -> np.ndarray:
    """Features [T, F] -> [ceil(T / STACK), STACK x F + 1]: those of a latent's frames, and that they are known."""
    fill = -len(features) % STACK
    rows = np.pad(features, ((0, fill), (0, 0)), mode="edge").reshape(-1, STACK * features.shape[1])
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1).astype(np.float32)
