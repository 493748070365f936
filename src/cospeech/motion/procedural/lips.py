"""Speech to lips: the ARKit weights of jaw, mouth and tongue, for all methods, from the phones of a recording.

Phones become parts of a mouth (``coarticulation``), whose strength follows the effort of the voice, and these become
weights. All of it is a decision of ours.
"""

from __future__ import annotations

import numpy as np

from ...core.timing import FPS
from ...speech.features import LAYOUT
from ...speech.lip_track import LipTrack
from ...speech.phones.track import PhoneTrack
from ..face_shapes import ARKIT_INDEX, FACE_SHAPES
from .coarticulation import MouthShapes, coarticulated

_OF_LIPS = ("jaw", "mouth", "tongue", "cheekPuff")
JAW = 0.6  # opening of the jaw in a clear "ah"
_ROUNDED = 1.35  # times its mean with its neighbours' that rounding is shown: w and "oo" are too short to get there
_EFFORT = 0.25  # share of the opening that depends on how loud the voice is
_PHRASE = 2.0  # frames over which loudness is smoothed
_PRESS_AFTER, _PRESSED = 0.15, 0.35  # seconds of a pause until the lips press, and until they are pressed


def lips_from_phones(track: PhoneTrack, features: np.ndarray) -> np.ndarray:
    """Jaw, mouth and tongue of a voice.

    Args:
        track: which phones are spoken when.
        features: of the same recording, [T, 48]; effort and pauses are taken from them.

    Returns:
        [T, 52] float32 in 0 .. 1, columns as ``ARKIT_NAMES``, shapes of eyes and brows zero.
    """
    return mouth_weights(coarticulated(track.probabilities, len(features)), effort(features), pressed(features))


def given_lips(track: LipTrack, frames: int) -> np.ndarray:
    """Jaw, mouth and tongue [frames, 52] of a track of ARKit weights; names are found in any case."""
    column = {name.lower(): index for name, index in ARKIT_INDEX.items() if name.startswith(_OF_LIPS)}
    face = np.zeros((frames, FACE_SHAPES), np.float32)
    weights = track.at_rate(FPS, frames)
    for index, name in enumerate(track.names):
        if name.lower() in column:
            face[:, column[name.lower()]] = weights[:, index]
    return face


def effort(features: np.ndarray) -> np.ndarray:
    """How hard the voice works [T], 0 .. 1, from its level beside its running level."""
    energy = LAYOUT.get(features, "energy").astype(np.float64)
    reach = round(3 * _PHRASE)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _PHRASE) ** 2)
    smoothed = np.convolve(np.pad(energy, reach, mode="edge"), bell / bell.sum(), "valid") if len(energy) else energy
    return np.clip((smoothed + 1.3) / 2.6, 0.0, 1.0)


def pressed(features: np.ndarray) -> np.ndarray:
    """How far the lips are pressed in pauses [T], 0 .. 1: from the first word on, constant in a long pause."""
    pause = LAYOUT.get(features, "pause").astype(np.float64)
    spoken = np.maximum.accumulate(LAYOUT.get(features, "speech")) if len(features) else pause
    return spoken * np.clip((pause - _PRESS_AFTER) / _PRESSED, 0.0, 1.0)


def mouth_weights(shapes: MouthShapes, effort: np.ndarray, press: np.ndarray) -> np.ndarray:
    """ARKit weights [T, 52] of a mouth.

    ``mouthClose`` shuts the lips over an open jaw by as much as it is open, as ARKit has it, so that lips are apart by
    ``jawOpen - mouthClose``.

    Args:
        effort: of the voice, [T] 0 .. 1.
        press: of the lips in pauses, [T] 0 .. 1.
    """
    strength = 1.0 - _EFFORT + 2.0 * _EFFORT * effort * 0.75
    shut, bitten = shapes.shut, shapes.bitten
    apart = np.clip(shapes.open * strength, 0.0, 1.0)
    jaw = JAW * apart * (1.0 - 0.55 * shut) * (1.0 - 0.25 * bitten)
    gap = apart * (1.0 - shut)
    rounded = np.clip(_ROUNDED * shapes.round, 0.0, 1.0)
    free = gap * (1.0 - rounded) * (1.0 - bitten)
    teeth = shapes.teeth * (1.0 - shut) * (1.0 - bitten)
    face = np.zeros((len(apart), FACE_SHAPES), np.float32)

    def put(name: str, value: np.ndarray) -> None:
        for column in shape_columns(name):
            face[:, column] = value

    put("jawOpen", jaw)
    put("mouthClose", jaw * np.maximum(shut, 0.35 * bitten))
    put("mouthPucker", 0.8 * rounded * (1.0 - 0.5 * shut))
    put("mouthFunnel", (0.55 * rounded * gap + 0.1 * teeth * rounded) * (1.0 - shut))
    put("mouthStretch", (0.35 * shapes.wide + 0.12 * teeth) * (1.0 - shut) * (1.0 - rounded))
    put("mouthSmile", 0.12 * shapes.wide * (1.0 - shut))
    put("mouthDimple", 0.3 * shapes.wide * (1.0 - shut))
    put("mouthLowerDown", 0.4 * free + 0.25 * teeth)
    put("mouthUpperUp", 0.22 * free + 0.14 * teeth + 0.22 * bitten)
    put("mouthRollLower", 0.25 * shut + 0.55 * bitten)
    put("mouthRollUpper", 0.2 * shut)
    put("mouthPress", 0.15 * press + 0.35 * shut)
    put("tongueOut", 0.12 * shapes.tongue * gap)
    return np.clip(face, 0.0, 1.0, out=face)


def shape_columns(name: str) -> list[int]:
    """Column of a shape, or both columns of one that has sides."""
    return [ARKIT_INDEX[name]] if name in ARKIT_INDEX else [ARKIT_INDEX[name + "Left"], ARKIT_INDEX[name + "Right"]]
