"""Synthetic emotional voices: real speech whose prosody is changed as an emotion changes it.

Emotional speech with a known label is scarce, calm read speech is not. So the acoustics of a calm voice
(``speech.acoustics``) are moved after the acoustic profiles of emotions. That pitch is higher or lower,
wider or narrower, speech faster or slower, louder or softer, its spectrum flatter or steeper, is as
published: Banse and Scherer 1996 (J. Pers. Soc. Psychol. 70, 614-636) for anger, fear, joy (their
elation), pride, sadness, shame and disgust; Juslin and Laukka 2003 (Psychol. Bull. 129, 770-814) for anger,
fear, joy and sadness; Sauter, Eisner, Calder and Scott 2010 (Q. J. Exp. Psychol. 63, 2251-2272) for
amusement and surprise. By how much is a decision of ours [D], and so is that the numbers are moved and not
the sound: a voice that was really sad also trembles, breathes and hesitates, which these are not. Whatever
is measured on them says "synthetic voices".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.emotions import EMOTIONS
from ..speech.acoustics import DECIBELS, MEL, PITCH, VOICED, VOICING
from ..speech.spectrum import BAND_HERTZ


@dataclass(frozen=True)
class Profile:
    """What an emotion does to a calm voice."""

    level: float = 0.0  # semitones of the mean pitch
    range: float = 1.0  # of the pitch about its median
    rate: float = 1.0  # of speaking
    loudness: float = 0.0  # dB
    tilt: float = 0.0  # dB an octave above 1 kHz


PROFILES: dict[str, Profile] = {
    "neutral": Profile(),
    "amusement": Profile(level=3.0, range=1.35, rate=1.03, loudness=2.0, tilt=1.0),
    "anger": Profile(level=2.0, range=1.3, rate=1.12, loudness=7.0, tilt=3.0),
    "disgust": Profile(level=-1.5, range=0.9, rate=0.88, loudness=-1.0, tilt=0.4),
    "fear": Profile(level=5.0, range=0.75, rate=1.2, loudness=0.5, tilt=-0.6),
    "joy": Profile(level=3.5, range=1.5, rate=1.1, loudness=4.5, tilt=1.8),
    "pride": Profile(level=0.5, range=1.2, rate=0.95, loudness=2.5, tilt=0.8),
    "sadness": Profile(level=-2.0, range=0.65, rate=0.83, loudness=-5.0, tilt=-2.5),
    "shame": Profile(level=-0.8, range=0.75, rate=0.95, loudness=-7.0, tilt=-1.8),
    "surprise": Profile(level=5.0, range=1.75, rate=1.0, loudness=2.5, tilt=0.8),
}

VARY = 0.3  # by so much of itself a change differs from voice to voice (standard deviation)
_SPEECH = 15.0  # dB above the quiet over which a frame is speech to the full
_OCTAVES = np.maximum(np.log2(BAND_HERTZ / 1000.0), 0.0).astype(np.float32)


def varied(profile: Profile, rng: np.random.Generator) -> Profile:
    """The profile as one voice has it."""
    level, spread, rate, loudness, tilt = rng.normal(1.0, VARY, 5)
    return Profile(
        profile.level * level,
        1 + (profile.range - 1) * spread,
        1 + (profile.rate - 1) * rate,
        profile.loudness * loudness,
        profile.tilt * tilt,
    )


def with_prosody(sound: np.ndarray, profile: Profile) -> np.ndarray:
    """Acoustics [T, 42] of the same words in another emotion; pace is left alone, see ``with_rate``.

    Silence stays silent: loudness and tilt grow with the level above the quiet of the recording.
    """
    out = sound.copy()
    mel = sound[:, MEL]
    level = mel.mean(1) * DECIBELS
    quiet = np.quantile(level, 0.1) if len(level) else 0.0
    share = np.clip((level - quiet) / _SPEECH, 0.0, 1.0)[:, None].astype(np.float32)
    out[:, MEL] = mel + share * (profile.loudness + profile.tilt * _OCTAVES) / DECIBELS
    voiced = sound[:, VOICING] >= VOICED
    if voiced.any():
        pitch = sound[voiced, PITCH]
        middle = np.median(pitch)
        out[voiced, PITCH] = middle + (pitch - middle) * profile.range + profile.level / 12
    return out


def with_rate(columns: np.ndarray, rate: float) -> np.ndarray:
    """Columns [T, C] spoken ``rate`` times as fast, [round(T / rate), C]; nothing is mixed across silence.

    Frames are repeated or left out, so that what is 0 for "unvoiced" is not mixed with a pitch.
    """
    count = max(1, round(len(columns) / rate))
    places = np.minimum((np.arange(count) * rate).round().astype(int), len(columns) - 1)
    result: np.ndarray = columns[places]
    return result


def other_voice(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Acoustics [T, 42] as of another voice before another microphone: gain, colour, pitch. [D]

    How loud a recording is says nothing, since every one is set differently.
    """
    out = sound.copy()
    bands = np.arange(sound.shape[1] - 2, dtype=np.float32)
    colour = np.interp(bands, np.linspace(0, len(bands) - 1, 5), rng.normal(0, 2.5, 5))
    out[:, MEL] += ((rng.uniform(-15, 5) + colour) / DECIBELS).astype(np.float32)
    voiced = sound[:, VOICING] >= VOICED
    out[voiced, PITCH] += np.float32(rng.normal(0, 0.12))
    return out


def synthetic_voice(
    sound: np.ndarray, emotion: str, rng: np.random.Generator, *, strength: float = 1.0
) -> tuple[np.ndarray, float]:
    """Acoustics [T, 42] of a calm voice in an emotion, before its rate is changed, and that rate.

    Args:
        emotion: a canonical name (``emotions.EMOTIONS``).
        strength: 0 leaves the voice calm.
    """
    assert emotion in EMOTIONS
    own = varied(PROFILES[emotion], rng)
    part = Profile(
        own.level * strength,
        1 + (own.range - 1) * strength,
        1 + (own.rate - 1) * strength,
        own.loudness * strength,
        own.tilt * strength,
    )
    return with_prosody(sound, part), float(np.clip(part.rate, 0.7, 1.4))
