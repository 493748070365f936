"""How lively the voice is over seconds: people who speak up gesture larger and faster, and stop when they stop.

The tie of hands to single syllables is weak in real recordings and steady over seconds (docs/design.md). What the
networks hear is normalised by running statistics, so it says little of a speech that grows loud; the track here does.
A decision of ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.series import hann_mean, widest
from ...core.timing import FPS
from ...speech.layout import FEATURE_DIM, LAYOUT
from ...speech.voice import VOICE_MEMORY, voice_log_odds
from .activity import LEVELS, OCTAVE
from .latents import latent_rows

MEMORY = 2.5  # seconds: time constant of what counts as of now
LOUDNESS = 0.5  # octaves of speed for one deviation of loudness
PITCH = 0.15  # octaves of speed for one deviation of pitch, up or down
MOST = 1.0  # octaves, either way
SILENT = 0.9  # seconds without speech from which hands come to rest
SURELY_MUSIC = -2.0  # log odds of a voice below which what sounds is taken for music
QUIET_LEVEL = 0.5  # activity of who has been silent for longer
FOLLOWED = 13.0  # level up to which the flow moves parts as fast as it is asked to
MOST_ENLARGED = 0.5  # octaves
MIDDLE = 15  # latents, two seconds, about whose mean a movement is enlarged
NEAR = 5  # latents over which enlarging sets in and ends


class VoiceLiveliness:
    """The track of a voice that is heard bit by bit: the same values whatever the sizes of the pieces."""

    def __init__(self) -> None:
        self._loud, self._high, self._usual = 0.0, 0.0, 0.0
        self._frames = 0

    def push(self, features: np.ndarray) -> np.ndarray:
        """The next speech features [T, F] -> [T] octaves by which the voice asks for faster hands."""
        spoken = LAYOUT.get(features, "speech") > 0
        energy = np.where(spoken, LAYOUT.get(features, "energy"), 0.0)
        pitch = np.where(spoken, np.abs(LAYOUT.get(features, "pitch")), 0.0)
        keep = np.exp(-1 / (MEMORY * FPS))
        track = np.zeros(len(features))
        for frame in range(len(features)):
            if spoken[frame]:
                self._loud, self._high = self._loud * keep, self._high * keep
                self._loud += (1 - keep) * energy[frame]
                self._high += (1 - keep) * pitch[frame]
                self._usual += (self._high - self._usual) / min(self._frames + frame + 1, 20 * FPS)
            track[frame] = LOUDNESS * self._loud + PITCH * (self._high - self._usual)
        self._frames += len(features)
        octaves: np.ndarray = np.clip(track, -MOST, MOST)
        return octaves


def liveliness(features: np.ndarray) -> np.ndarray:
    """[ceil(T / STACK)] octaves by which the voice asks for faster hands, of speech features [T, F]; causal."""
    return latent_means(VoiceLiveliness().push(features))


def latent_means(track: np.ndarray) -> np.ndarray:
    """[T] of frames -> [ceil(T / STACK)] of latents; the last frame is repeated."""
    means: np.ndarray = latent_rows(track).mean(1)
    return means


class VoiceGate:
    """Where nobody has spoken for a while, or not yet, or music plays; of a voice that is heard bit by bit."""

    def __init__(self) -> None:
        self._recent: np.ndarray = np.zeros((0, FEATURE_DIM), np.float32)
        self._heard = False

    def push(self, features: np.ndarray) -> np.ndarray:
        """The next speech features [T, F] -> [T] bool."""
        features = features[:, :FEATURE_DIM]
        heard: np.ndarray = np.cumsum(LAYOUT.get(features, "speech")) > (-1 if self._heard else 0)
        known = np.concatenate([self._recent, features])
        music = voice_log_odds(known)[len(self._recent) :] < SURELY_MUSIC
        quiet: np.ndarray = ~heard | music | (LAYOUT.get(features, "pause") >= SILENT)
        self._recent = known[-VOICE_MEMORY:]
        self._heard = bool(heard[-1]) if len(heard) else self._heard
        return quiet


def gated(levels: np.ndarray, quiet: np.ndarray) -> np.ndarray:
    """Levels [N, P] of activity, low where all frames of a latent are ``quiet`` [T] (``VoiceGate``)."""
    whole = latent_rows(quiet).all(axis=1, keepdims=True)
    capped: np.ndarray = np.where(whole, np.minimum(levels, QUIET_LEVEL), levels)
    return capped


def livelier(levels: np.ndarray, octaves: np.ndarray | float) -> np.ndarray:
    """Levels [N, P] of parts that move so many octaves faster, [N, P] or [P]; what is still stays still.

    Beyond ``LEVELS - 1`` they say what the flow cannot follow (``enlarged``).
    """
    moved = np.maximum(levels + np.asarray(octaves, dtype=np.float32) * OCTAVE, 0.5)
    return np.where(levels < 0.5, levels, moved).astype(np.float32)


def followed(levels: np.ndarray) -> np.ndarray:
    """Levels as the flow knows them, at most ``LEVELS - 1``."""
    known: np.ndarray = np.minimum(levels, LEVELS - 1)
    return known


def enlarged(
    latents: np.ndarray, levels: np.ndarray, octaves: np.ndarray | float, kept: np.ndarray, parts: Sequence[slice]
) -> np.ndarray:
    """Latents [N, D] whose movements are larger where parts were asked to be faster than the flow makes them.

    Latents are linear, so that a movement is enlarged about its mean over two seconds: an animator's exaggeration. A
    decision of ours.

    Args:
        levels: [N, P] that were asked for (``livelier``).
        octaves: [P], or of all parts, that a user asked for; where it is none, or fewer, nothing is enlarged.
        kept: [N, P] 1 where a part is given; it and what is near stay as they are.
        parts: columns of each part.
    """
    beyond = np.clip((levels - FOLLOWED) / OCTAVE, 0.0, np.clip(octaves, 0.0, MOST_ENLARGED))
    if not beyond.any():
        return latents
    larger = latents.copy()
    for part, columns in enumerate(parts):
        free = hann_mean(1.0 - widest(kept[:, part], NEAR // 2), NEAR)
        factor = 2 ** (hann_mean(beyond[:, part], NEAR) * free)
        middle = hann_mean(latents[:, columns], MIDDLE)
        larger[:, columns] += (factor[:, None] - 1) * (latents[:, columns] - middle)
    return larger
