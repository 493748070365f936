"""Batches for the phone network: pieces of speech in other voices, rooms and noises."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ...core.timing import SAMPLE_RATE
from ...speech.phones import mel
from ...speech.phones.inventory import PHONE_INDEX, SILENCE
from ...speech.phones.recording import LOOK_AHEADS, STRIDE, step_times
from ...training.loop import Batch, ProcessInfo
from .dataset import LABEL_RATE, PhoneClip, PhoneDataset
from .sounds import background, in_a_room

SECONDS = 5.12  # of a window
SHARES: Mapping[str, float] = {"text": 1.0, "recogniser": 1.0}  # weight of a second of each source; others OTHER
OTHER = 0.6
NO_SPEECH = 0.07  # share of the windows that have no speech in them
SLOWEST, FASTEST = 0.87, 1.16
WARPS = (0.88, 0.92, 0.96, 1.0, 1.0, 1.04, 1.08, 1.13)  # of the formants
LOUDNESS = (-46.0, -10.0)  # dB of full scale, of the speech
NOISY, RATIO = 0.55, (2.0, 35.0)  # share of windows with a noise; dB of speech to noise
REVERBERANT = 0.25
LATE = 0.2  # share of the windows that begin with silence
NARROW = 0.1  # share that came by telephone
SLOPE, WAVES = 12.0, 4.0  # dB: greatest tilt of the spectrum, deviation of its waves
BACKGROUNDS, BACKGROUND_SECONDS = 96, 8.0  # sounds that are made once and cut anew for every window
MASKED_BANDS, MASKED_FRAMES = 8, 6


class PhoneWindows:
    """Windows of ``SECONDS``: what the network sees, and for each look-ahead the phone that it should name."""

    def __init__(
        self, dataset: PhoneDataset, *, sources: tuple[str, ...] = (), batch_size: int = 16, seed: int = 0
    ) -> None:
        """sources: how the phones are known, of the clips that are drawn from; all if none is named."""
        self.dataset, self.batch_size, self.seed = dataset, batch_size, seed
        self.clips = [clip for clip in dataset.select("train", sources=sources) if clip.seconds > 1.0]
        # A voice with many recordings does not drown those with few.
        minutes: dict[str, float] = {}
        for clip in self.clips:
            minutes[clip.speaker] = minutes.get(clip.speaker, 0.0) + clip.seconds / 60
        weights = np.asarray(
            [
                clip.seconds * SHARES.get(clip.source, OTHER) / max(1.0, minutes[clip.speaker]) ** 0.5
                for clip in self.clips
            ]
        )
        self.chances = np.cumsum(weights / weights.sum())
        made = np.random.default_rng([seed, 1])
        self.backgrounds = [background(round(BACKGROUND_SECONDS * SAMPLE_RATE), made) for _ in range(BACKGROUNDS)]
        self.frames = round(SECONDS * SAMPLE_RATE / mel.HOP)

    def class_weights(self) -> np.ndarray:
        """[phones] weights of the loss: the frequency of a phone to the power -0.35, 1 on average of the labels."""
        counts = np.zeros(len(PHONE_INDEX))
        for clip in self.clips:
            counts += np.bincount(self.dataset.phones(clip), minlength=len(counts))
        weights = (np.maximum(counts, 1.0) / counts.sum()) ** -0.35
        return np.asarray(weights / (weights * counts).sum() * counts.sum(), np.float32)

    def __call__(self, step: int, process: ProcessInfo) -> Batch:
        """levels [B, T, 64], phones [B, T / 2, look-aheads] (-1 where it is not known)."""
        rng = np.random.default_rng([self.seed, step, process.rank])
        rows = [self._row(rng) for _ in range(max(1, self.batch_size // process.world_size))]
        levels = np.stack([row[0] for row in rows], axis=1)  # [T, B, 64]
        running = mel.running_level(mel.voice_level(levels))
        seen = np.stack([_masked(x, rng) for x in mel.normalised(levels, running).swapaxes(0, 1)])
        return {"levels": torch.from_numpy(seen), "phones": torch.from_numpy(np.stack([row[1] for row in rows]))}

    def _row(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Mel levels [T, 64] in dB, and phones."""
        count = (self.frames - 1) * mel.HOP + mel.WINDOW
        if rng.random() < NO_SPEECH:
            labels = np.full(1, PHONE_INDEX[SILENCE], np.uint8)
            rate, start = 1.0, 0.0
            loud = 10 ** (rng.uniform(*LOUDNESS) / 20) * (rng.random() < 0.9)
            sound = np.asarray(loud * self._background(count, rng), np.float32)
        else:
            sound, labels, rate, start = self._speech(count, rng)
        hiss = 10 ** (rng.uniform(-90, -65) / 20) * rng.standard_normal(count, dtype=np.float32)
        sound = np.asarray(np.clip(sound, -1.0, 1.0) + hiss, np.float32)
        levels = mel.mel_levels(sound, warp=float(rng.choice(WARPS))) + _equaliser(rng)
        steps = self.frames // STRIDE
        columns = []
        for ahead in LOOK_AHEADS:
            place = np.floor((step_times(0, steps, ahead) - start) * rate * LABEL_RATE).astype(np.int64)
            column = labels[np.clip(place, 0, len(labels) - 1)].astype(np.int64)
            column[place < 0] = PHONE_INDEX[SILENCE]
            column[place >= len(labels)] = PHONE_INDEX[SILENCE]
            columns.append(column)
        return levels, np.stack(columns, axis=-1)

    def _speech(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Samples [count] of speech as it might be recorded, labels, their rate and where they start in seconds."""
        clip = self._clip(rng)
        rate = float(rng.uniform(SLOWEST, FASTEST))
        late = rng.uniform(0.0, 1.2) if rng.random() < LATE else 0.0
        need = int((count / SAMPLE_RATE - late) * rate * LABEL_RATE) + 2
        first = int(rng.integers(0, max(1, clip.last - clip.first - need + 1)))
        said = self.dataset.sound(clip, first, first + need)
        labels = self.dataset.phones(clip, first, first + need)
        length = min(int(len(said) / rate), count - int(late * SAMPLE_RATE))
        begin = int(late * SAMPLE_RATE)
        voice = np.zeros(count, np.float32)
        voice[begin : begin + length] = np.interp(np.arange(length) * rate, np.arange(len(said)), said)
        voice *= np.float32(10 ** (rng.uniform(*LOUDNESS) / 20) / (np.sqrt(np.mean(said**2)) + 1e-4))
        if rng.random() < REVERBERANT:
            voice = in_a_room(voice, rng)
        if rng.random() < NOISY:
            level = np.sqrt(np.mean(voice**2)) * 10 ** (-rng.uniform(*RATIO) / 20)
            voice += np.asarray(level * self._background(count, rng), np.float32)
        return voice, labels, rate, begin / SAMPLE_RATE

    def _background(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """A piece [count] of one of the sounds."""
        whole = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
        first = int(rng.integers(0, len(whole) - count + 1))
        return whole[first : first + count]

    def _clip(self, rng: np.random.Generator) -> PhoneClip:
        return self.clips[min(int(np.searchsorted(self.chances, rng.random())), len(self.clips) - 1)]


def _equaliser(rng: np.random.Generator) -> np.ndarray:
    """What a microphone, or a telephone, does to the levels of the bands, [64] dB."""
    place = np.linspace(-1.0, 1.0, mel.BANDS)
    curve = rng.uniform(-SLOPE, SLOPE) * place / 2
    for waves in (1, 2, 3):
        curve = curve + rng.normal(0.0, WAVES / waves) * np.cos(waves * np.pi * place + rng.uniform(0, 6.3))
    if rng.random() < NARROW:
        curve = np.where((place < -0.72) | (place > 0.4), curve - 30.0, curve)
    return np.asarray(curve, np.float32)


def _masked(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Levels with a few bands and moments hidden (SpecAugment, Park et al. 2019)."""
    band = int(rng.integers(0, mel.BANDS - MASKED_BANDS))
    levels[:, band : band + int(rng.integers(0, MASKED_BANDS + 1))] = 0.0
    for _ in range(2):
        frame = int(rng.integers(0, len(levels) - MASKED_FRAMES))
        levels[frame : frame + int(rng.integers(0, MASKED_FRAMES + 1))] = 0.0
    return levels
