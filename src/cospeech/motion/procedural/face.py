"""A face for a voice, by rules: the 52 ARKit shapes, frame by frame.

The mouth follows the phones (``lips``), those of the words or those heard in the sound; eyes, lids and brows
follow accents and pauses, with chance where people differ; the emotion lies beneath as a steady
expression. All of it is a decision of ours.
"""

from __future__ import annotations

import numpy as np

from ...core.emotions import canonical_emotion
from ...core.errors import UserError
from ...core.timing import FPS
from ...speech.features import LAYOUT, accents, phrase_ends
from ...speech.speech import Speech
from ..face_shapes import ARKIT_INDEX as _INDEX
from ..face_shapes import ARKIT_NAMES as ARKIT_NAMES
from ..face_shapes import mirror_face as mirror_face
from .lips import given_lips, lips_from_phones, shape_columns

# Expressions at intensity 1; a name without a side stands for both sides.
_EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {"mouthSmile": 0.04},
    "amusement": {"mouthSmile": 0.5, "cheekSquint": 0.4, "eyeSquint": 0.25, "browOuterUp": 0.1, "mouthDimple": 0.1},
    "anger": {"browDown": 0.65, "noseSneer": 0.2, "eyeSquint": 0.2, "mouthFrown": 0.2, "mouthStretch": 0.1},
    "disgust": {"noseSneer": 0.5, "mouthUpperUp": 0.2, "browDown": 0.35, "mouthFrown": 0.25, "eyeSquint": 0.25},
    "fear": {"browInnerUp": 0.6, "eyeWide": 0.45, "mouthStretch": 0.3, "browOuterUp": 0.2},
    "joy": {"mouthSmile": 0.45, "cheekSquint": 0.35, "eyeSquint": 0.1, "browOuterUp": 0.15},
    "pride": {"mouthSmile": 0.2, "browOuterUp": 0.15, "eyeSquint": 0.1, "mouthShrugLower": 0.1},
    "sadness": {"browInnerUp": 0.55, "mouthFrown": 0.4, "eyeBlink": 0.15, "mouthShrugLower": 0.1},
    "shame": {"browInnerUp": 0.35, "mouthFrown": 0.2, "eyeBlink": 0.2, "eyeLookDown": 0.25, "mouthRollLower": 0.1},
    "surprise": {"browInnerUp": 0.5, "browOuterUp": 0.55, "eyeWide": 0.5},
}


def face_from_speech(
    speech: Speech, *, seed: int = 0, emotion: str | None = None, intensity: float = 1.0
) -> np.ndarray:
    """A face that speaks.

    Args:
        speech: the recording.
        seed: decides blinks, glances and brows; same seed, same face.
        emotion: one of emotions.EMOTIONS or an alias; by default that of the speech, or neutral.
        intensity: strength of expression and brows, 0 to 2; the lips keep to the sound.

    Returns:
        [speech.frames, 52] float32 in 0 .. 1, columns as in ARKIT_NAMES, 30 frames a second.

    Raises:
        UserError: unknown emotion, or intensity out of range.
    """
    if not 0.0 <= intensity <= 2.0:
        raise UserError(f"intensity is {intensity}; give a number from 0 to 2")
    emotion = canonical_emotion(emotion or speech.emotion or "neutral")
    features = speech.features
    frames = speech.frames
    features = features[:frames]
    if len(features) < frames:  # resampling may round a frame away
        features = np.pad(features, ((0, frames - len(features)), (0, 0)), mode="edge")
    rng = np.random.default_rng(seed)
    ends = phrase_ends(features)
    if speech.lips is None or speech.lips.is_of_phones:
        face = lips_from_phones(speech.phone_track, features)
    else:
        face = given_lips(speech.lips, frames)
    face += _expression(features, emotion, intensity) * (1.0 - 0.5 * face[:, [_INDEX["mouthPucker"]]])
    face += _brows(features, rng, emotion) * min(intensity, 1.5)
    face += _glances(frames, ends, rng)
    blink = _blinks(frames, ends, rng)
    for side in ("Left", "Right"):
        lids = face[:, _INDEX["eyeBlink" + side]]
        # Lids follow the eyes down; a blink closes whatever way is left.
        lids += 0.3 * face[:, _INDEX["eyeLookDown" + side]]
        lids += (1.0 - lids) * blink
        face[:, _INDEX["eyeWide" + side]] *= 1.0 - blink
    return np.clip(face, 0.0, 1.0, out=face)


def _expression(features: np.ndarray, emotion: str, intensity: float) -> np.ndarray:
    """The steady expression [T, 52], somewhat stronger while the voice is strong."""
    base = np.zeros(len(ARKIT_NAMES), np.float32)
    for name, weight in _EXPRESSIONS[emotion].items():
        base[shape_columns(name)] = weight * intensity
    energy = LAYOUT.get(features, "speech") * np.clip(LAYOUT.get(features, "energy"), 0.0, 1.5)
    kernel = np.hanning(FPS + 2)[1:-1]
    # Away from speech the convolution is exactly zero, so the face is still there.
    life = np.convolve(energy, kernel / kernel.sum())[FPS // 2 :][: len(energy)]
    return (0.75 + 0.25 * np.clip(life, 0.0, 1.0))[:, None].astype(np.float32) * base


def _brows(features: np.ndarray, rng: np.random.Generator, emotion: str) -> np.ndarray:
    """Brows that rise (drawn down in anger and disgust) on some of the strong accents, [T, 52]."""
    times, strengths = accents(features)
    face = np.zeros((len(features), len(ARKIT_NAMES)), np.float32)
    line = np.zeros(len(features))
    last = -9.0
    for time, strength, chance in zip(times, strengths, rng.random(len(times)), strict=True):
        if time - last > 0.8 and chance < 1.6 * (strength - 0.4):
            last = float(time)
            _add(line, time - 0.15, 0.2, 0.35, 0.5 * float(strength) * (0.6 + 0.4 * chance))
    down = emotion in ("anger", "disgust")
    weights = {"browDown": 0.6} if down else {"browInnerUp": 0.7, "browOuterUp": 0.8, "eyeWide": 0.15}
    for name, weight in weights.items():
        face[:, shape_columns(name)] = (weight * line)[:, None]
    return face


def _add(line: np.ndarray, start: float, rise: float, fall: float, height: float) -> None:
    """Lay a smooth hill over line [T] (the greater of the two stays); times in seconds."""
    first, last = max(0, int(np.ceil(start * FPS))), min(len(line), int((start + rise + fall) * FPS) + 1)
    if last <= first:
        return
    time = np.arange(first, last) / FPS - start
    way = np.where(time < rise, time / rise, (rise + fall - time) / fall)
    hill = height * (0.5 - 0.5 * np.cos(np.pi * np.clip(way, 0.0, 1.0)))
    line[first:last] = np.maximum(line[first:last], hill)


def _blinks(frames: int, ends: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Closing of the lids [T], 0 .. 1: every two to six seconds, and often where a phrase ends."""
    wanted = [float(end) + 0.05 for end in ends if rng.random() < 0.6]
    line = np.zeros(frames)
    time = float(rng.uniform(0.6, 3.0))
    while time < frames / FPS:
        at = next((end for end in wanted if time - 2.0 < end < time + 0.7), time)
        wanted = [end for end in wanted if end > at + 0.8]
        top = round(at * FPS) / FPS  # on a frame, so that the lids are seen to close
        _add(line, top - 0.07, 0.07, 0.13, 1.0)
        time = at + float(np.clip(rng.lognormal(1.25, 0.35), 2.0, 6.0))
    return line


def _glances(frames: int, ends: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Small quick movements of the eyes, [T, 52]; back to the listener where a phrase ends."""
    side, up = np.zeros(frames), np.zeros(frames)
    time, phrase = 0.0, 0
    while time < frames / FPS:
        first = round(time * FPS)
        aside = rng.random() < 0.2
        side[first:] = rng.normal(0.0, 0.18 if aside else 0.05)
        up[first:] = rng.normal(0.02, 0.12 if aside else 0.04)
        time += float(np.clip(rng.exponential(0.9), 0.25, 3.0))
        while phrase < len(ends) and ends[phrase] <= time:
            back = round(float(ends[phrase]) * FPS)
            if back > first:
                side[back:] = rng.normal(0.0, 0.03)
                up[back:] = rng.normal(0.0, 0.02)
            phrase += 1
    # A saccade this small takes 30 to 50 ms: two frames.
    side, up = (np.convolve(np.pad(line, (1, 0), mode="edge"), (0.6, 0.4))[1:-1] for line in (side, up))
    face = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    right, left = np.clip(-side, 0.0, 0.5), np.clip(side, 0.0, 0.5)  # the speaker's left and right
    for name, line in (
        ("eyeLookOutLeft", left),
        ("eyeLookInRight", left),
        ("eyeLookInLeft", right),
        ("eyeLookOutRight", right),
        ("eyeLookUp", np.clip(up, 0.0, 0.5)),
        ("eyeLookDown", np.clip(-up, 0.0, 0.5)),
    ):
        face[:, shape_columns(name)] = line[:, None]
    return face
