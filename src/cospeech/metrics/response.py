"""How motion answers to what goes in: louder speech, the intensity that is asked for, sound that is no speech.

These need motion made twice, so they are measured on a model and not on a corpus (``benchmarks/bench_alive.py``). Wrist
speeds are relative to the chest, canonical skeleton. All are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.errors import UserError
from ..motion.motion import Motion
from ..motion.phases import hand_speed, wrists_in_chest


def mean_wrist_speed(motions: Sequence[Motion]) -> float:
    """Metres a second: mean over all frames and both wrists of ``phases.hand_speed``.

    On noise, music and silence, where nobody speaks, it says whether a model gestures to any sound.
    """
    return float(np.concatenate([hand_speed(motion).ravel() for motion in motions]).mean())


def later_over_earlier(motions: Sequence[Motion]) -> float:
    """Mean wrist speed in the second halves of motions over that in their first halves, all motions together.

    Raises:
        UserError: nothing moves in the first halves.
    """
    halves = np.zeros(2)
    for motion in motions:
        speed = hand_speed(motion).mean(axis=1)
        middle = len(speed) // 2
        halves += speed[:middle].sum() / max(middle, 1), speed[middle:].sum() / max(len(speed) - middle, 1)
    if halves[0] <= 0:
        raise UserError("nothing moves in the first halves; give motions that gesture")
    return float(halves[1] / halves[0])


@dataclass(frozen=True)
class LoudnessResponse:
    """What louder speech changes, in motions of one seed for each speech."""

    louder_half: float  # 1: nothing; later_over_earlier of motions to a louder second half, over that of the unchanged
    another_seed: float  # the same of unchanged speech with another seed: what chance gives
    constant_gain: float  # mean wrist speed where all is louder over that of the unchanged; 1: nothing
    constant_gain_moved: float  # metres: mean distance of the wrists in the chest's frame between those two


def loudness_response(
    unchanged: Sequence[Motion], louder_half: Sequence[Motion], louder: Sequence[Motion], another_seed: Sequence[Motion]
) -> LoudnessResponse:
    """Compare motions to the same speeches: as they are, the second half louder, all louder; and with another seed.

    ``louder_half`` is (v2 / v1) / (u2 / u1), where v are mean wrist speeds of the first and second halves of motions
    whose speech gets louder, u of the unchanged ones. So neither a speaker's level nor what is said in the second
    half counts. Louder means a plain gain, which leaves the spectrum as it is; a real voice's would get brighter.

    Raises:
        UserError: the lists differ in length, or nothing moves.
    """
    lists = (unchanged, louder_half, louder, another_seed)
    if len({len(motions) for motions in lists}) != 1 or not unchanged:
        raise UserError(f"give as many motions of each kind, at least one; got {[len(motions) for motions in lists]}")
    usual = later_over_earlier(unchanged)
    gaps = [
        np.linalg.norm(wrists_in_chest(a) - wrists_in_chest(b), axis=-1).ravel()
        for a, b in zip(unchanged, louder, strict=True)
    ]
    return LoudnessResponse(
        later_over_earlier(louder_half) / usual,
        later_over_earlier(another_seed) / usual,
        mean_wrist_speed(louder) / mean_wrist_speed(unchanged),
        float(np.concatenate(gaps).mean()),
    )


@dataclass(frozen=True)
class IntensityResponse:
    """Mean wrist speed at three intensities, a mood each."""

    speeds: dict[str, tuple[float, float, float]]  # mood -> metres a second at intensity 0.5, 1 and 2

    @property
    def rising(self) -> int:
        """Moods in which speed rises from 0.5 to 1 and from 1 to 2."""
        return sum(low < middle < high for low, middle, high in self.speeds.values())

    @property
    def ratios(self) -> dict[str, float]:
        """Mood -> speed at 2 over speed at 1."""
        return {mood: high / max(middle, 1e-9) for mood, (_, middle, high) in self.speeds.items()}
