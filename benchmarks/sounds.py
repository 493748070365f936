"""Sound for benchmarks that is no speech, and speech that gets louder; all mono at 16 kHz."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cospeech.core.timing import SAMPLE_RATE
from cospeech.speech.speech import Speech

LEVEL = 0.1  # root mean square of made sounds
PEAK = 0.99  # of speech where it is loudest
VIBRATO, DEPTH = 5.5, 0.006  # hertz, and share of the frequency by which it swings
PARTIALS = 8
CHORDS = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (261.6, 329.6, 392.0), (196.0, 246.9, 293.7))  # Am F C G
BAR = 2.0  # seconds of a chord
NOTE = 0.25  # seconds between the notes of an arpeggio


def white(seconds: float, seed: int) -> np.ndarray:
    """White noise."""
    return _levelled(np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)))


def pink(seconds: float, seed: int) -> np.ndarray:
    """Noise whose power falls with the frequency, from 20 Hz on."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)))
    frequency = np.fft.rfftfreq(round(seconds * SAMPLE_RATE), 1 / SAMPLE_RATE)
    spectrum *= (frequency >= 20) / np.sqrt(np.maximum(frequency, 20))
    return _levelled(np.fft.irfft(spectrum, round(seconds * SAMPLE_RATE)))


def music(seconds: float, seed: int) -> np.ndarray:
    """Held chords under an arpeggio, with vibrato; the chords begin at another one for each seed."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(len(CHORDS)))
    out = np.zeros(round(seconds * SAMPLE_RATE))
    for bar in range(int(np.ceil(seconds / BAR))):
        chord = CHORDS[(first + bar) % len(CHORDS)]
        for frequency in chord:
            _add(out, bar * BAR, _tone(frequency, BAR, attack=0.08, decay=3.0), 0.5)
        for note in range(round(BAR / NOTE)):
            frequency = 2 * chord[int(rng.integers(len(chord)))]
            _add(out, bar * BAR + note * NOTE, _tone(frequency, 2 * NOTE, attack=0.01, decay=0.25), 1.0)
    return _levelled(out)


def silence(seconds: float, seed: int) -> np.ndarray:
    """Nothing, for every seed."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


SOUNDS = {"white_noise": white, "pink_noise": pink, "music": music, "silence": silence}


def louder(speech: Speech, decibels: float) -> tuple[Speech, Speech, Speech]:
    """A speech low enough to be raised; the same with its second half louder; the same, all of it louder.

    A plain gain, so the spectrum is as it was. The loudest has its peak at ``PEAK``.
    """
    gain = 10 ** (decibels / 20)
    low = speech.samples * (PEAK / max(float(np.abs(speech.samples).max()), 1e-6) / gain)
    half = low.copy()
    half[len(half) // 2 :] *= gain
    return tuple(replace(speech, samples=samples.astype(np.float32)) for samples in (low, half, low * gain))


def joined(speeches: list[Speech], seconds: float, *, pause: float = 0.4) -> list[Speech]:
    """Speeches of so many seconds from shorter ones, one after another with pauses between; what is left is dropped."""
    length, found, waiting = round(seconds * SAMPLE_RATE), [], np.zeros(0, np.float32)
    for speech in speeches:
        waiting = np.concatenate([waiting, speech.samples, np.zeros(round(pause * SAMPLE_RATE), np.float32)])
        if len(waiting) >= length:
            found.append(Speech(waiting[:length]))
            waiting = np.zeros(0, np.float32)
    return found


def _tone(frequency: float, seconds: float, *, attack: float, decay: float) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * frequency * (time - DEPTH / (2 * np.pi * VIBRATO) * np.cos(2 * np.pi * VIBRATO * time))
    wave = sum(np.sin(k * phase) / k**1.5 for k in range(1, PARTIALS + 1))
    return wave * np.minimum(time / attack, 1) * np.exp(-time / decay) * np.minimum((seconds - time) / 0.02, 1)


def _add(out: np.ndarray, start: float, tone: np.ndarray, weight: float) -> None:
    first = round(start * SAMPLE_RATE)
    part = tone[: max(0, len(out) - first)]
    out[first : first + len(part)] += weight * part


def _levelled(sound: np.ndarray) -> np.ndarray:
    return np.clip(sound * (LEVEL / np.sqrt((sound**2).mean())), -1, 1).astype(np.float32)
