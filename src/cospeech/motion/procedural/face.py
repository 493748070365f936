"""A face for a voice, by rules: the 52 ARKit shapes, frame by frame.

The mouth follows the phones (``lips``), those of the words or those heard in the sound. Moods lie around it
(``mood_faces``); brows follow accents and questions (``brows``), the eyes a model of gaze (``gaze``), lids blink
(``blinks``), with chance where people differ.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...core.emotions import CONVERSATION, canonical_emotion
from ...core.errors import UserError
from ...core.timing import FPS
from ...speech.features import LAYOUT, phrase_ends
from ...speech.speech import Speech
from ..eyes import look_weights
from ..face_shapes import ARKIT_INDEX as _INDEX
from ..face_shapes import ARKIT_NAMES as ARKIT_NAMES
from ..face_shapes import mirror_face as mirror_face
from ..kinematics import global_rotations
from ..motion import Motion
from . import brows
from .blinks import LID_DOWN, LID_UP, blinks
from .gaze import Gaze, downcast_share, gaze
from .lips import given_lips, lips_from_phones
from .mood_faces import MoodFaces

_DRAWN = ("anger", "disgust")  # moods whose accents draw the brows down
_LIVELY_BROWS = 1.5  # intensity above which brows move no further
_FRONT = 15.0  # degrees; whose chest faces the front within these, on average, talks to somebody in front

Shares = Mapping[str, "float | np.ndarray"]


def face_from_speech(
    speech: Speech,
    *,
    seed: int = 0,
    emotion: str | Shares | None = None,
    intensity: float = 1.0,
    body: Motion | None = None,
) -> np.ndarray:
    """A face that speaks.

    Args:
        speech: the recording.
        seed: decides blinks, gaze and brows; same seed, same face.
        emotion: one of emotions.EMOTIONS, an alias, or "conversation"; or shares of several by name, each a number or
            [speech.frames]; by default that of the speech, or neutral.
        intensity: strength of expression and brows, 0 to 2; the lips keep to the sound.
        body: the motion that the face belongs to; eyes hold their gaze while its head turns. Cut or held to the length
            of the speech, on the canonical skeleton; others are not read.

    Returns:
        [speech.frames, 52] float32 in 0 .. 1, columns as in ARKIT_NAMES, 30 frames a second.

    Raises:
        UserError: unknown emotion, or intensity out of range.
    """
    if not 0.0 <= intensity <= 2.0:
        raise UserError(f"intensity is {intensity}; give a number from 0 to 2")
    features = features_of(speech)
    moods = _moods(emotion or speech.emotion or "neutral", len(features))
    look = gaze_of(speech, seed=seed, moods=moods, body=body)
    # Each part has its own chance, so that one does not change with another.
    of_blinks, of_brows, of_moods, of_life = (np.random.default_rng([seed, part]) for part in (11, 12, 13, 14))
    spoken = LAYOUT.get(features, "speech") >= 0.5
    ends = phrase_ends(features)
    if speech.lips is None or speech.lips.is_of_phones:
        lips = lips_from_phones(speech.phone_track, features)
    else:
        lips = given_lips(speech.lips, len(features))
    questions = brows.question_ends(features, ends, speech.words)
    raised, drawn = brows.brows(features, questions, of_brows)
    thinks, life = brows.thinking(look.thinking), brows.small_life(spoken, of_life)
    life += look_weights(np.repeat(look.eyes[:, None], 2, axis=1))
    shifts = [(saccade.start, saccade.amplitude) for saccade in look.saccades]
    blink = blinks(spoken, ends, shifts, of_blinks)
    faces = MoodFaces(features, lips, of_moods)
    mixed = np.zeros_like(lips)
    for mood, share in moods.items():
        signals = (drawn if mood in _DRAWN else raised) + thinks
        face = lips + faces.of(mood, intensity) + signals * min(intensity, _LIVELY_BROWS) + life
        _move_lids(face, blink)
        mixed += share[:, None].astype(np.float32) * np.clip(face, 0.0, 1.0)
    return mixed


def gaze_of(speech: Speech, *, seed: int, moods: Mapping[str, np.ndarray], body: Motion | None = None) -> Gaze:
    """The gaze of the face that ``face_from_speech`` makes."""
    features = features_of(speech)
    head = None if body is None else _head(body, len(features))
    return gaze(features, np.random.default_rng([seed, 10]), head=head, downcast=downcast_share(moods))


def features_of(speech: Speech) -> np.ndarray:
    """Features [speech.frames, 48]; resampling may round a frame away."""
    features = speech.features[: speech.frames]
    return np.pad(features, ((0, speech.frames - len(features)), (0, 0)), mode="edge")


def _moods(emotion: str | Shares, frames: int) -> dict[str, np.ndarray]:
    """Share of each mood over time, [T] by name; they sum to one, what they lack is neutral."""
    shares = {emotion: 1.0} if isinstance(emotion, str) else emotion
    moods: dict[str, np.ndarray] = {}
    for name, share in shares.items():
        mood = CONVERSATION if name.strip().lower() == CONVERSATION else canonical_emotion(name)
        line = np.asarray(share, np.float64)
        line = np.full(frames, line) if line.ndim == 0 else np.pad(line, (0, max(0, frames - len(line))), mode="edge")
        moods[mood] = moods.get(mood, 0.0) + line[:frames]
    whole = np.sum(list(moods.values()), axis=0)
    moods["neutral"] = moods.get("neutral", 0.0) + np.maximum(1.0 - whole, 0.0)
    return {mood: share / np.maximum(whole, 1.0) for mood, share in moods.items() if share.any()}


def _head(body: Motion, frames: int) -> np.ndarray | None:
    """[T, 3, 3] of the head in axes whose z points to the listener: in front, or where the chest faces on average."""
    if not {"head", "spine2"} <= set(body.skeleton.names):
        return None
    body = body.resample(FPS)
    turns = global_rotations(body.rotations.astype(np.float64), body.skeleton.parents)
    chest = turns[:, body.skeleton.index("spine2"), :, 2].mean(axis=0)
    facing = float(np.arctan2(chest[0], chest[2]))
    head = turns[:, body.skeleton.index("head")]
    if abs(facing) > np.radians(_FRONT):
        cos, sin = np.cos(facing), np.sin(facing)
        head = np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]]) @ head
    return head[np.minimum(np.arange(frames), len(head) - 1)]


def _move_lids(face: np.ndarray, blink: np.ndarray) -> None:
    """Lids that follow the eyes, and blink."""
    for side in ("Left", "Right"):
        shut, wide = face[:, _INDEX["eyeBlink" + side]], face[:, _INDEX["eyeWide" + side]]
        shut += LID_DOWN * face[:, _INDEX["eyeLookDown" + side]]
        np.clip(shut, 0.0, 1.0, out=shut)
        shut += (1.0 - shut) * blink
        wide += LID_UP * face[:, _INDEX["eyeLookUp" + side]]
        wide *= 1.0 - blink
