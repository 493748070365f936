"""What a mood does to a face: expressions that come, wax, tremble a little and go, laid around a mouth that talks.

The shapes are those of the action units that the Facial Action Coding System names for an emotion (Ekman, Friesen and
Hager 2002; amusement, shame and pride after Keltner 1995 and Tracy and Robins 2004), by their ARKit names. Joy and
amusement are smiles that reach the eyes (AU 6 with 12: Duchenne; Ekman, Davidson and Friesen 1990). A felt expression
comes within half a second or so, lasts as long as what is said is about it, goes slower than it came, and is nearly,
never wholly, alike on both sides (Hess and Kleck 1990; Schmidt et al. 2006; Ekman, Hager and Friesen 1981). Weights and
times are decisions of ours. [D]

The mouth belongs to the phones first. What an expression does to it gives way where lips are shut (p, b, m), where
teeth are on the lip (f, v) and where lips are round, and a jaw drops in pauses only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...core.emotions import CONVERSATION, EMOTIONS
from ...core.series import minimum_jerk, wander
from ...core.timing import FPS
from ...speech.features import LAYOUT
from ..face_shapes import ARKIT_INDEX, FACE_SHAPES
from .lips import shape_columns

MOODS = (*EMOTIONS, CONVERSATION)

# At intensity 1; a name without a side stands for both sides.
EXPRESSIONS: Mapping[str, Mapping[str, float]] = {
    "neutral": {},
    "conversation": {"mouthSmile": 0.14, "cheekSquint": 0.08, "eyeSquint": 0.04, "mouthDimple": 0.05},
    # AU 6 7 12 25 26: eyes narrow, cheeks high
    "amusement": {
        **{"mouthSmile": 0.76, "mouthDimple": 0.2, "mouthUpperUp": 0.5, "jawOpen": 0.22},
        **{"cheekSquint": 0.8, "eyeSquint": 0.65, "noseSneer": 0.12},
    },
    # AU 4 5 7 23 24
    "anger": {
        **{"browDown": 1.0, "noseSneer": 0.5, "eyeSquint": 0.45, "eyeWide": 0.15},
        **{
            "mouthFrown": 0.45,
            "mouthPress": 0.45,
            "mouthRollLower": 0.2,
            "mouthRollUpper": 0.25,
            "mouthShrugLower": 0.3,
        },
    },
    # AU 9 10 15 17
    "disgust": {
        **{"noseSneer": 1.0, "mouthUpperUp": 0.75, "browDown": 0.3, "cheekSquint": 0.5, "eyeSquint": 0.55},
        **{"mouthFrown": 0.35, "mouthShrugLower": 0.3},
    },
    # AU 1 2 4 5 20 25
    "fear": {
        **{"browInnerUp": 1.0, "browOuterUp": 0.25, "browDown": 0.2, "eyeWide": 0.85},
        **{"mouthStretch": 0.75, "mouthFrown": 0.25, "mouthLowerDown": 0.45, "jawOpen": 0.08},
    },
    # AU 6 12, brows up
    "joy": {
        **{"mouthSmile": 0.72, "mouthUpperUp": 0.25, "cheekSquint": 0.55, "eyeSquint": 0.1},
        **{"browInnerUp": 0.2, "browOuterUp": 0.4},
    },
    # AU 12 14 24, lids low, chin up
    "pride": {
        **{"mouthSmile": 0.28, "mouthDimple": 0.3, "mouthPress": 0.3, "mouthShrugLower": 0.4},
        **{"browOuterUp": 0.35, "eyeBlink": 0.16, "cheekSquint": 0.15},
    },
    # AU 1 4 15 17
    "sadness": {
        **{"browInnerUp": 1.0, "browDown": 0.2, "eyeBlink": 0.25, "eyeSquint": 0.15},
        **{"mouthFrown": 0.85, "mouthShrugLower": 0.5},
    },
    # AU 14 24 28, lids low; the eyes are cast down (``gaze``)
    "shame": {
        **{"browInnerUp": 0.45, "eyeBlink": 0.25, "cheekSquint": 0.15},
        **{"mouthFrown": 0.25, "mouthRollLower": 0.4, "mouthRollUpper": 0.25, "mouthDimple": 0.2},
    },
    # AU 1 2 5 26
    "surprise": {"browInnerUp": 0.9, "browOuterUp": 1.0, "eyeWide": 0.85, "jawOpen": 0.3, "mouthFunnel": 0.15},
}
BRIEF = {"surprise": 0.5, "fear": 0.25, "disgust": 0.2}  # share of an expression that fades within a phrase [D]
_FADES = 1.8  # seconds in which that share falls to 1/e
_LOWEST_LIDS = 0.36  # weight of eyeBlink of an expression, at most: it still sees
_ONSET, _FIRST = 0.6, 0.55  # seconds of the onset, and how far an expression is there before
_WAX = 0.3  # share that follows the voice
_GOES = 3.0  # seconds of silence in which that share falls to 1/e
_LIFE = 0.09  # of slow changes, beside 1
_LIFE_KNOTS = 0.9  # seconds between these
_SIDES = 0.05  # of left against right
_AWAY_FROM_SPEECH = (0.15, 0.4)  # seconds from speech at which a mouth begins to be free, and is
_MOVES = 0.03  # of jawOpen, from which a mouth speaks, whatever is heard
_FULL_GAP = 0.12  # of jawOpen - mouthClose, from which lips are well apart
_ROUND = 0.8  # of mouthPucker, fully round (``lips.mouth_weights``)
_BITTEN, _SHUT_ROLL = 0.55, 0.2  # of mouthRollLower at f and v, and of mouthRollUpper at p, b and m, there as well
_TALKING = 0.75  # of what an expression does to a mouth that talks
_PARTS_LIPS = ("mouthUpperUp", "mouthLowerDown", "mouthFunnel", "mouthStretch")
_DRAWS_CORNERS = ("mouthSmile", "mouthDimple", "mouthStretch", "mouthFrown", "mouthUpperUp")
_ON_LOWER_LIP = ("mouthRollLower", "mouthShrugLower", "mouthLowerDown", "mouthPress")


@dataclass(frozen=True, eq=False)
class _Mouth:
    """What the phones do with the mouth, each [T] 0 to 1."""

    shut: np.ndarray
    bitten: np.ndarray
    round: np.ndarray
    apart: np.ndarray  # lips do not touch
    idle: np.ndarray  # nobody speaks


class MoodFaces:
    """What moods add to one face that talks.

    Args:
        features: of the speech, [T, 48].
        lips: weights [T, 52] of the mouth that it makes.
        rng: decides the slow changes and the sides, the same for all moods.
    """

    def __init__(self, features: np.ndarray, lips: np.ndarray, rng: np.random.Generator) -> None:
        self._course, self._fading = _course(features), _fading(features)
        self._life = _life(len(features), rng)
        self._mouth = _mouth(features, lips)

    def of(self, mood: str, intensity: float) -> np.ndarray:
        """What one of ``MOODS`` adds to the lips at an intensity of 0 to 2, [T, 52]."""
        brief = BRIEF.get(mood, 0.0)
        level = intensity * self._course * (1.0 - brief + brief * self._fading)
        face = np.zeros((len(level), FACE_SHAPES), np.float32)
        for name, weight in EXPRESSIONS[mood].items():
            face[:, shape_columns(name)] = (weight * level)[:, None]
        face = np.minimum(face * self._life, 1.0)
        lids = shape_columns("eyeBlink")
        face[:, lids] = np.minimum(face[:, lids], _LOWEST_LIDS)
        return _around_lips(face, self._mouth)


def _course(features: np.ndarray) -> np.ndarray:
    """How strong an expression is [T], about 1: it comes with the first words, waxes with the voice, and wanes."""
    voice = LAYOUT.get(features, "speech") * np.clip(0.5 + 0.5 * LAYOUT.get(features, "energy"), 0.0, 1.0)
    kernel = np.hanning(FPS + 2)[1:-1]
    waxing = np.convolve(voice, kernel / kernel.sum())[FPS // 2 :][: len(voice)]
    waning = np.exp(-1.0 / (_GOES * FPS))
    held = np.empty(len(waxing))
    before = 0.0
    for frame, value in enumerate(waxing.tolist()):
        before = held[frame] = max(value, before * waning)
    spoken = np.flatnonzero(LAYOUT.get(features, "speech") >= 0.5)
    start = spoken[0] / FPS if len(spoken) else 0.0
    onset = _FIRST + (1.0 - _FIRST) * minimum_jerk((np.arange(len(voice)) / FPS - start + 0.2) / _ONSET)
    level = 1.0 - _WAX + 1.5 * _WAX * np.clip(held, 0.0, 1.0)
    course: np.ndarray = onset * level
    return course


def _fading(features: np.ndarray) -> np.ndarray:
    """[T] 1 where a phrase begins, less and less in it."""
    speaks = LAYOUT.get(features, "speech") >= 0.5
    fading, level, quiet = np.empty(len(speaks)), 1.0, FPS
    for frame, speaking in enumerate(speaks.tolist()):
        begins = speaking and quiet >= FPS // 3
        quiet = 0 if speaking else quiet + 1
        level = level + 0.35 * (1.0 - level) if begins or level < 0.0 else level * float(np.exp(-1.0 / (_FADES * FPS)))
        fading[frame] = level
    return fading


def _life(frames: int, rng: np.random.Generator) -> np.ndarray:
    """[T, 52] slow changes about 1: of mouth, eyes and brows apart, and of left against right."""
    life = np.ones((frames, FACE_SHAPES), np.float32)
    parts = {part: 1.0 + _LIFE * wander(rng, frames, FPS, period=_LIFE_KNOTS) for part in ("mouth", "eye", "brow")}
    lopsided = _SIDES * (0.7 * float(rng.uniform(-1.0, 1.0)) + 0.5 * wander(rng, frames, FPS, period=2.5))
    for name, column in ARKIT_INDEX.items():
        part = next((part for part in ("brow", "eye") if name.startswith(part)), "mouth")
        sided = lopsided if name.endswith("Left") else -lopsided if name.endswith("Right") else 0.0
        life[:, column] = parts[part] * (1.0 + sided)
    return life


def _mouth(features: np.ndarray, lips: np.ndarray) -> _Mouth:
    """What the phones do, from their weights; also of lips that are given."""
    jaw, close = lips[:, ARKIT_INDEX["jawOpen"]], lips[:, ARKIT_INDEX["mouthClose"]]
    roll = lips[:, ARKIT_INDEX["mouthRollUpper"]]
    shut = np.clip(np.maximum(roll / _SHUT_ROLL, close / np.maximum(jaw, 0.05)), 0.0, 1.0)
    bitten = np.clip((lips[:, ARKIT_INDEX["mouthRollLower"]] - 0.25 * shut) / _BITTEN, 0.0, 1.0)
    speech = np.flatnonzero((LAYOUT.get(features, "speech") >= 0.5) | (jaw > _MOVES))
    frames = np.arange(len(lips))
    away = np.full(len(lips), np.inf)
    if len(speech):
        after = speech[np.minimum(np.searchsorted(speech, frames), len(speech) - 1)]
        before = speech[np.maximum(np.searchsorted(speech, frames, side="right") - 1, 0)]
        away = np.minimum(np.abs(frames - before), np.abs(frames - after)) / FPS
    least, most = _AWAY_FROM_SPEECH
    return _Mouth(
        shut=shut,
        bitten=bitten,
        round=np.clip(lips[:, ARKIT_INDEX["mouthPucker"]] / _ROUND, 0.0, 1.0),
        apart=np.clip((jaw - close) / _FULL_GAP, 0.0, 1.0),
        idle=minimum_jerk((away - least) / (most - least)),
    )


def _around_lips(face: np.ndarray, mouth: _Mouth) -> np.ndarray:
    """An expression [T, 52] that leaves the mouth to the phones where it must."""
    free = 1.0 - mouth.shut
    talking = mouth.idle + (1.0 - mouth.idle) * _TALKING
    gains = {name: talking.copy() for name in ARKIT_INDEX if name.startswith("mouth")}
    for name, gain in gains.items():
        if name.startswith(_PARTS_LIPS):
            gain *= np.maximum(mouth.idle, mouth.apart) * free * (1.0 - mouth.bitten)
        if name.startswith(_DRAWS_CORNERS):
            gain *= 1.0 - 0.75 * mouth.round
        if name.startswith(_ON_LOWER_LIP):
            gain *= (1.0 - mouth.bitten) * (1.0 - 0.6 * mouth.apart * (1.0 - mouth.idle))
        face[:, ARKIT_INDEX[name]] *= gain
    face[:, ARKIT_INDEX["jawOpen"]] *= mouth.idle * free
    face[:, shape_columns("noseSneer")] *= (1.0 - 0.8 * mouth.shut)[:, None]  # it lifts the upper lip
    return face
