"""Sounds that are not speech, made by formula: noises, hum, music, rooms.

They are mixed into the training of the phone network, and stand alone in it as silence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core.timing import SAMPLE_RATE


def coloured_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise [samples] whose power falls with frequency to the power 0 (white) to 2 (brown)."""
    size = 1 << int(np.ceil(np.log2(max(samples, 2))))
    hertz = np.arange(size // 2 + 1, dtype=np.float32)
    hertz[0] = 1.0
    spectrum = rng.standard_normal((2, len(hertz)), dtype=np.float32)
    shaped = (spectrum[0] + 1j * spectrum[1]) * hertz ** -np.float32(rng.uniform(0.0, 1.0))
    return _unit(np.fft.irfft(shaped, n=size)[:samples])


def hum(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Mains hum or a fan: harmonics of 40 to 240 Hz, steady or nearly so, with a little noise."""
    time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    base = float(rng.choice([50.0, 60.0, 100.0, 120.0, rng.uniform(40.0, 240.0)]))
    wave = np.zeros(samples, np.float32)
    for harmonic in range(1, int(rng.integers(2, 16))):
        strength = rng.uniform(0.1, 1.0) / harmonic ** rng.uniform(0.3, 1.5)
        wave += np.float32(strength) * np.sin(np.float32(2 * np.pi * base * harmonic) * time + rng.uniform(0, 6.3))
    return _unit(_unit(wave) + rng.uniform(0.0, 0.3) * coloured_noise(samples, rng))


def music(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Chords, a melody and drums: notes with harmonics, vibrato and an attack."""
    out = np.zeros(samples, np.float32)
    beat = rng.uniform(0.2, 0.6)
    scale = np.asarray([0, 2, 4, 5, 7, 9, 11])
    root = rng.uniform(80.0, 220.0)
    richness = rng.uniform(0.5, 2.0)  # fall of the harmonics
    vibrato = rng.uniform(0.0, 0.02) * (rng.random() < 0.5)
    start = -rng.uniform(0.0, beat)
    while start < samples / SAMPLE_RATE:
        notes = rng.choice(scale, size=int(rng.integers(1, 4)), replace=False) + 12 * rng.integers(0, 3)
        first = max(0, round(start * SAMPLE_RATE))
        last = min(samples, round((start + beat * rng.choice([1, 1, 2, 4])) * SAMPLE_RATE))
        if last > first:
            time = np.arange(last - first, dtype=np.float32) / SAMPLE_RATE
            envelope = np.minimum(time / rng.uniform(0.005, 0.08), 1.0) * np.exp(-time * rng.uniform(0.3, 6.0))
            for note in notes:
                phase = 2 * np.pi * root * 2 ** (note / 12) * time + vibrato * 50 * np.sin(2 * np.pi * 5.5 * time)
                for harmonic in range(1, int(rng.integers(2, 9))):
                    out[first:last] += envelope * np.sin(harmonic * phase) / np.float32(harmonic**richness)
            if rng.random() < 0.4:
                out[first:last] += (
                    rng.uniform(0.2, 1.0) * envelope * coloured_noise(last - first, rng) * np.exp(-20 * time)
                )
        start += beat
    return _unit(out)


SOUNDS: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = (coloured_noise, coloured_noise, hum, music)


def background(samples: int, rng: np.random.Generator) -> np.ndarray:
    """One of the sounds above, or two of them together; mean square 1."""
    out = SOUNDS[int(rng.integers(len(SOUNDS)))](samples, rng)
    if rng.random() < 0.25:
        out = _unit(out + rng.uniform(0.1, 1.0) * SOUNDS[int(rng.integers(len(SOUNDS)))](samples, rng))
    return out


def in_a_room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sound with reverberation of 0.1 to 0.6 s, its direct sound in place."""
    seconds = rng.uniform(0.1, 0.6)
    time = np.arange(round(0.7 * seconds * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    tail = rng.standard_normal(len(time), dtype=np.float32) * np.exp(-6.9 * time / seconds, dtype=np.float32)
    tail[: round(rng.uniform(0.002, 0.01) * SAMPLE_RATE)] = 0.0
    response = tail * np.float32(rng.uniform(0.2, 1.0) / (np.sqrt(np.sum(tail**2)) + 1e-9))
    response[0] = 1.0
    size = 1 << int(np.ceil(np.log2(len(sound) + len(response))))
    heard = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)
    return np.asarray(heard[: len(sound)], np.float32)


def _unit(wave: np.ndarray) -> np.ndarray:
    """[N] float32 of mean square 1; silence stays silent."""
    return np.asarray(wave / (np.sqrt(np.mean(wave**2)) + 1e-9), np.float32)
