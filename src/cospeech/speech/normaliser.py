"""Running statistics of a recording, and the features that follow from them.

Causal: a frame is normalised by what was heard up to AHEAD frames after it. Frames of silence never
enter the statistics of speech. The frames are taken one after another, so how they are grouped into
calls makes no difference. All of it is a decision of ours.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.timing import FPS
from .layout import FEATURE_DIM, LAYOUT, SILENCE
from .spectrum import BOTTOM, MEL_BANDS

AHEAD = 2  # frames a frame looks into the future

_CONTEXT = 8  # past frames kept for the cues
_FLOOR_FRAMES = 3 * FPS  # the background level is the lowest of three seconds
_FAINT = -70.0  # dBFS: anything below is silence, whatever came before
_VOICED = 0.4  # normalised autocorrelation from which a frame is voiced
_LEVEL_FRAMES = 8 * FPS  # memory of the speaker's loudness, in voiced frames
_STATS_FRAMES = 20 * FPS  # memory of the means and deviations, in speech frames
_PRIOR_FRAMES = 2 * FPS  # how many speech frames the prior is worth
_PITCH_FRAMES = 15 * FPS  # memory of the pitch median, in voiced frames
_PITCH_PRIOR_FRAMES = FPS
_PITCH_PRIOR_SCALE = 2.5  # semitones
_BREATH_FRAMES = 4  # longest stretch without voice that loud consonants last
_PAUSE_FRAMES = FPS  # the pause cue saturates after a second

# Mean of each mel band (and of the energy) about the level of voiced speech, and deviations, in dB: a
# smooth fit to recordings of sixty English readers. Only the first seconds lean on it.
_PRIOR_MEAN = np.interp(
    np.arange(MEL_BANDS + 1), (0, 3, 8, 14, 24, 30, 39, 40), (-26.5, -20.0, -21.0, -31.0, -32.0, -34.5, -41.5, -2.8)
)
_PRIOR_DEVIATION = np.interp(np.arange(MEL_BANDS + 1), (0, 10, 20, 39, 40), (10.5, 12.5, 12.0, 13.0, 8.0))


class Normaliser:
    """Running statistics, and the features that follow from them. One frame after another."""

    def __init__(self) -> None:
        past = _CONTEXT
        self.levels = np.full((past, MEL_BANDS + 1), BOTTOM)  # [past, 41] dBFS
        self.recent = np.zeros(0)  # energy levels of the last three seconds
        self.semitones = np.zeros(past)  # raw pitch
        self.strength = np.zeros(past)
        self.active = np.zeros(past, dtype=bool)
        self.seen = 0
        self.unvoiced = 0  # frames without voice since the last with
        self.level = math.nan  # dBFS, mean of voiced speech
        self.level_count = 0.0
        self.mean = _PRIOR_MEAN.copy()  # [41] dB about the level
        self.variance = _PRIOR_DEVIATION**2
        self.count = float(_PRIOR_FRAMES)
        self.pitches: deque[float] = deque()
        self.sorted_pitches: list[float] = []
        self.ages = 0  # frames since the last speech
        self.held = 99
        self.smooth_pitch = np.full(2, np.nan)  # of the last two frames given out; nan where unvoiced

    def push(self, levels: np.ndarray, f0: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Take frames [t, ...]; return the features of the frames AHEAD earlier."""
        new = len(levels)
        semitones = 12.0 * np.log2(f0 / 100.0)
        floors = self._floors(levels[:, -1])
        active = np.zeros(new, dtype=bool)
        reference = np.zeros((new, 2))  # level and gate, dBFS
        mean, deviation = np.zeros((new, MEL_BANDS + 1)), np.zeros((new, MEL_BANDS + 1))
        pitch_norm = np.zeros((new, 2))  # median and deviation, semitones
        energy, loud = levels[:, -1].tolist(), strength.tolist()
        for i in range(new):
            active[i], reference[i, 1] = self._gate(energy[i], loud[i], floors[i])
            self.seen += 1
            if active[i]:
                self._update(levels[i], energy[i], loud[i], float(semitones[i]))
            reference[i, 0] = self.level
            mean[i] = self.mean
            deviation[i] = self.variance
            pitch_norm[i] = self._pitch_statistics()
        np.sqrt(deviation, out=deviation)

        self.levels = np.concatenate([self.levels, levels])
        self.semitones = np.concatenate([self.semitones, semitones])
        self.strength = np.concatenate([self.strength, strength])
        self.active = np.concatenate([self.active, active])
        out = self._features(reference, mean, deviation, pitch_norm)
        for name in ("levels", "semitones", "strength", "active"):
            setattr(self, name, getattr(self, name)[-_CONTEXT:])
        # The first AHEAD frames given out stand before the recording.
        return out[max(0, AHEAD - (self.seen - new)) :]

    def finish(self) -> np.ndarray:
        """The last AHEAD frames, as if silence followed."""
        if not self.seen:
            return np.zeros((0, FEATURE_DIM), np.float32)
        return self.push(np.full((AHEAD, MEL_BANDS + 1), BOTTOM), np.full(AHEAD, 100.0), np.zeros(AHEAD))

    def _floors(self, energy: np.ndarray) -> list[float]:
        """Lowest level of the last three seconds, for each frame."""
        line = np.concatenate([self.recent, energy])
        padded = np.concatenate([np.full(_FLOOR_FRAMES - 1, np.inf), line])
        floors = sliding_window_view(padded, _FLOOR_FRAMES).min(axis=1)[len(self.recent) :]
        self.recent = line[-(_FLOOR_FRAMES - 1) :]
        levels: list[float] = floors.tolist()
        return levels

    def _gate(self, energy: float, strength: float, floor: float) -> tuple[bool, float]:
        """Whether a frame holds speech, and the threshold in dBFS."""
        if math.isnan(self.level):
            threshold = max(floor + 15.0, _FAINT + 10.0)
            return energy > threshold or (strength > _VOICED and energy > _FAINT + 5.0), threshold
        threshold = max(floor + 8.0, _FAINT, self.level - 24.0)
        steady = self.seen >= _FLOOR_FRAMES and self.level - floor < 6.0
        if not steady:
            threshold = min(threshold, max(self.level - 6.0, _FAINT))
        # A breath: longer without voice than a consonant, and faint beside the voice.
        if strength > _VOICED + 0.1:
            self.unvoiced = 0
        elif strength <= _VOICED:
            self.unvoiced += 1
        if self.unvoiced > _BREATH_FRAMES and self.level_count > FPS:
            threshold = max(threshold, self.level - 10.0)
        return energy > threshold, threshold

    def _update(self, levels: np.ndarray, energy: float, strength: float, semitones: float) -> None:
        """Let a frame of speech into the statistics."""
        voiced = strength > _VOICED
        if math.isnan(self.level):
            self.level = energy
        if voiced:
            self.level_count = min(self.level_count + 1.0, _LEVEL_FRAMES)
            self.level += (energy - self.level) / self.level_count
            insort(self.sorted_pitches, semitones)
            self.pitches.append(semitones)
            if len(self.pitches) > _PITCH_FRAMES:
                old = self.pitches.popleft()
                del self.sorted_pitches[bisect_left(self.sorted_pitches, old)]
        self.count = min(self.count + 1.0, _STATS_FRAMES)
        step = 1.0 / self.count
        off = np.maximum(levels - (self.mean + self.level), -3.0 * np.sqrt(self.variance))
        self.mean = self.mean + step * off
        self.variance = self.variance + step * ((1.0 - step) * off * off - self.variance)

    def _pitch_statistics(self) -> tuple[float, float]:
        line = self.sorted_pitches
        n = len(line)
        if not n:
            return 0.0, _PITCH_PRIOR_SCALE
        spread = (line[(n - 1) * 9 // 10] - line[(n - 1) // 10]) / 2.56  # of a Gaussian's 10 to 90 %
        weight = n / (n + _PITCH_PRIOR_FRAMES)
        return line[n // 2], max(1.0, weight * spread + (1.0 - weight) * _PITCH_PRIOR_SCALE)

    def _features(
        self, reference: np.ndarray, mean: np.ndarray, deviation: np.ndarray, pitch_norm: np.ndarray
    ) -> np.ndarray:
        """Features of the frames AHEAD before each new one, [t, 48] float32."""
        new = len(reference)
        here = slice(_CONTEXT - AHEAD, _CONTEXT - AHEAD + new)

        def at(line: np.ndarray, offset: int) -> np.ndarray:
            return line[_CONTEXT - AHEAD + offset : _CONTEXT - AHEAD + offset + new]

        out = np.zeros((new, FEATURE_DIM), np.float32)
        level = np.where(np.isnan(reference[:, 0]), 0.0, reference[:, 0])

        # Speech or silence: a median over five frames, then held for two (gaps inside words).
        votes = np.sum([at(self.active, k) for k in range(-2, AHEAD + 1)], axis=0)
        middle = (votes >= 3).tolist()
        gate, silent = np.zeros(new), np.zeros(new)
        for i in range(new):
            self.held = 0 if middle[i] else self.held + 1
            gate[i] = self.held <= 2
            self.ages = 0 if gate[i] else self.ages + 1
            silent[i] = min(1.0, self.ages / _PAUSE_FRAMES)
        speech = gate > 0

        # Levels. Softly to SILENCE below the gate, so that all silences look alike.
        energy = self.levels[:, -1]
        soft = gate * np.clip((energy[here] - reference[:, 1]) / 6.0 + 1.0, 0.0, 1.0)
        z = np.clip((self.levels[here] - level[:, None] - mean) / deviation, SILENCE, -2 * SILENCE)
        z = SILENCE + soft[:, None] * (z - SILENCE)
        out[:, LAYOUT["mel"]] = z[:, :-1]
        out[:, LAYOUT["energy"]] = z[:, -1:]

        # Voicing and pitch; the pitch is the median of the voiced ones among five frames.
        voicing = gate * np.clip((at(self.strength, 0) - 0.2) / 0.5, 0.0, 1.0)
        voiced = speech & (at(self.strength, 0) > _VOICED)
        near = np.stack([at(self.semitones, k) for k in range(-2, 3)], axis=1)
        sound = (self.strength > _VOICED) & self.active
        usable = np.stack([at(sound, k) for k in range(-2, 3)], axis=1)
        usable[:, 2] |= voiced
        ordered = np.sort(np.where(usable, near, np.inf), axis=1)
        smooth = ordered[np.arange(new), np.maximum(usable.sum(axis=1) - 1, 0) // 2]
        tone = np.where(voiced, (smooth - pitch_norm[:, 0]) / pitch_norm[:, 1], np.nan)
        tone = np.clip(tone, -3.0, 3.0)
        line = np.concatenate([self.smooth_pitch, tone])
        self.smooth_pitch = line[-2:]
        rise = (line[2:] - line[:-2]) * 3.0
        out[:, LAYOUT["voicing"]] = voicing[:, None]
        out[:, LAYOUT["pitch"]] = np.nan_to_num(tone)[:, None]
        out[:, LAYOUT["pitch_delta"]] = np.clip(np.nan_to_num(rise), -3.0, 3.0)[:, None]

        # Onset: how much the bands rise from one frame to the next, above the background.
        quiet = np.maximum(level - 35.0, reference[:, 1])[:, None] + mean[:, :-1] + 3.0
        bands = self.levels[:, :-1]
        step = np.maximum(at(bands, 0), quiet) - np.maximum(at(bands, -1), quiet)
        flux = np.maximum(step, 0.0).mean(axis=1)
        onset = np.clip(flux / 8.0, 0.0, 2.0) * gate
        out[:, LAYOUT["onset"]] = onset[:, None]

        # Accent: loud for this speaker, risen from the dip before, high in pitch, with an onset near.
        wide = [at(energy, k) for k in range(-8 + AHEAD, AHEAD + 1)]  # offsets -6 .. 2
        centre = (wide[5] + 2.0 * wide[6] + wide[7]) / 4.0
        dip = np.maximum(np.minimum.reduce(wide[:6]), level - 25.0)
        loud = np.clip((centre - level + 6.0) / 12.0, 0.0, 1.0)
        risen = np.clip((centre - dip) / 15.0, 0.0, 1.0)
        falls = np.clip((centre - wide[8]) / 6.0 + 0.5, 0.0, 1.0)
        high = np.clip(np.nan_to_num(tone) / 2.0, -0.5, 1.0)
        prominence = loud * (0.35 + 0.35 * risen + 0.3 * high) * (0.6 + 0.4 * falls) * (0.5 + 0.5 * voicing)
        out[:, LAYOUT["accent"]] = np.clip(gate * prominence * 1.25, 0.0, 1.0)[:, None]

        out[:, LAYOUT["pause"]] = silent[:, None]
        out[:, LAYOUT["speech"]] = gate[:, None]
        return out
