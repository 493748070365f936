"""Fit the detector that tells a voice from music (``cospeech.speech.voice``), and say how well it does.

    python scripts/build_voice_detector.py --speech SPEECH --music FOLDER [--other-music FOLDER]

SPEECH has recordings and a manifest.csv as ``cospeech.data.readers.voices`` reads it; voices of the train split are
learned, those of the others are for the report. FOLDER has music without singing; one piece in five is for the report,
and so is all of ``--other-music``, best of other composers. A third of the learned speech is heard over music (3 to
20 dB below it), a third in noise (5 to 25 dB). Writes src/cospeech/speech/voice.npz: no sound, only the fitted numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cospeech.core.files import atomic_path
from cospeech.core.timing import FPS, SAMPLE_RATE
from cospeech.data.readers.voices import manifest, split_of
from cospeech.speech.features import speech_features
from cospeech.speech.loading import load_speech
from cospeech.speech.voice import WEIGHTS, voice_statistics

SECONDS = 20.0  # of a recording, and of each of two parts of a piece
PIECES = 2
EVERY = 10  # frames of which one is learned
FIRST = FPS // 2  # frame from which on
RIDGE = 3.0  # pull of all weights to zero
ROUNDS = 25  # of Newton's method
UNHEARD = 5  # of so many pieces one is for the report
MUSIC_BELOW, NOISE_BELOW = (3.0, 20.0), (5.0, 25.0)  # decibels

Clips = list[np.ndarray]  # statistics of each


def voices(folder: Path, split: str, most: int) -> Iterator[np.ndarray]:
    """Samples of recordings of a split's voices."""
    rows = [name for name, row in manifest(folder).items() if split_of(row["speaker"]) == split]
    for name in np.random.default_rng(0).permutation(rows)[:most]:
        yield load_speech(folder / name).cut(end=SECONDS).samples


def pieces(folder: Path, rng: np.random.Generator) -> list[Clips]:
    """Samples of parts of every piece of music that is long enough."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".ogg", ".flac", ".wav", ".mp3")):
        samples = load_speech(path).samples
        if len(samples) > 1.5 * SECONDS * SAMPLE_RATE:
            length = round(SECONDS * SAMPLE_RATE)
            starts = rng.integers(0, len(samples) - length, PIECES)
            found.append([samples[start : start + length] for start in starts.tolist()])
    return found


def mixed(voice: np.ndarray, other: np.ndarray, below: float) -> np.ndarray:
    """A voice over another sound that is so many decibels below it."""
    other = np.resize(other, len(voice))
    level = np.sqrt((voice**2).mean() / max(float((other**2).mean()), 1e-12)) * 10 ** (-below / 20)
    return (voice + level * other).astype(np.float32)


def fitted(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias of a ridge logistic regression with both classes of equal weight, by Newton's method."""
    x = np.concatenate([positive, negative])
    mean, spread = x.mean(0), x.std(0) + 1e-3
    x = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    y = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
    share = np.where(y > 0, 0.5 / len(positive), 0.5 / len(negative)) * len(y)
    pull = np.append(np.full(x.shape[1] - 1, RIDGE), 0.0)
    w = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-x @ w))
        slope = x.T @ (share * (chance - y)) + pull * w
        bend = (x * (share * chance * (1 - chance))[:, None]).T @ x + np.diag(pull + 1e-6)
        w -= np.linalg.solve(bend, slope)
    return w[:-1] / spread, float(w[-1] - (w[:-1] * mean / spread).sum())


def report(name: str, clips: Clips, weights: np.ndarray, bias: float) -> None:
    odds = [clip @ weights + bias for clip in clips]
    late = np.concatenate([values[FPS:] for values in odds])
    voice, music = (late > 0).mean(), (late < -2).mean()
    print(f"{name}: {len(clips)} clips, after 1 s voice in {voice:.1%} of frames, surely music in {music:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--other-music", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    music = pieces(options.music, rng)
    known = [part for k, piece in enumerate(music) if k % UNHEARD for part in piece]
    positive = []
    for k, samples in enumerate(voices(options.speech, "train", 240)):
        heard = samples
        if k % 3 == 1:
            heard = mixed(samples, known[rng.integers(len(known))], rng.uniform(*MUSIC_BELOW))
        elif k % 3 == 2:
            heard = mixed(samples, rng.standard_normal(len(samples)), rng.uniform(*NOISE_BELOW))
        positive.append(_statistics(heard))
    negative = [_statistics(part) for part in known]
    weights, bias = fitted(*(np.concatenate([clip[FIRST::EVERY] for clip in kind]) for kind in (positive, negative)))
    with atomic_path(WEIGHTS) as path, open(path, "wb") as file:
        np.savez(file, weights=weights.astype(np.float32), bias=np.float32(bias))
    unheard = [part for k, piece in enumerate(music) if not k % UNHEARD for part in piece]
    speech = {split: list(voices(options.speech, split, 40)) for split in ("val", "test")}
    for split, clips in speech.items():
        report(f"{split} voices", [_statistics(clip) for clip in clips], weights, bias)
        over = [mixed(clip, unheard[k % len(unheard)], 10.0) for k, clip in enumerate(clips)]
        report(f"{split} voices over music 10 dB below", [_statistics(clip) for clip in over], weights, bias)
    report("pieces that were not learned", [_statistics(part) for part in unheard], weights, bias)
    if options.other_music:
        others = [_statistics(piece[0]) for piece in pieces(options.other_music, rng)]
        report("other music", others, weights, bias)


def _statistics(samples: np.ndarray) -> np.ndarray:
    return voice_statistics(speech_features(samples))


if __name__ == "__main__":
    main()
