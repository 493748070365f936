"""What was said: samples, words with their times, who spoke and in what mood."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.emotions import canonical_emotion
from ..core.errors import UserError
from ..core.timing import SAMPLE_RATE, frames_in


@dataclass(frozen=True)
class Word:
    """One word as it was spoken."""

    text: str
    start: float  # seconds
    end: float  # seconds, not before start


@dataclass(frozen=True, eq=False)
class Speech:
    """A recording of one speaker.

    Raises:
        UserError: the samples are no finite mono sound within [-1, 1], a word has impossible times,
            or the emotion is unknown.
    """

    samples: np.ndarray  # [N] float32 in [-1, 1], read-only
    sample_rate: int = SAMPLE_RATE
    words: tuple[Word, ...] = ()
    speaker: str | None = None
    emotion: str | None = None  # one of emotions.EMOTIONS; aliases are resolved

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples)
        if samples.ndim != 1 or not len(samples):
            raise UserError(f"samples have shape {samples.shape}; give mono samples [N], at least one")
        if samples.dtype.kind != "f":
            raise UserError(f"samples are {samples.dtype}; give floats in [-1, 1]")
        samples = np.array(samples, dtype=np.float32)
        peak = float(np.max(np.abs(samples)))
        if not np.isfinite(peak):
            raise UserError("samples hold values that are no numbers (NaN or infinite); remove them")
        if peak > 1.0 + 1e-4:
            raise UserError(f"samples reach {peak:.3g}; scale them into [-1, 1]")
        samples = np.clip(samples, -1.0, 1.0)
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)
        if self.sample_rate <= 0:
            raise UserError(f"sample rate is {self.sample_rate}; give samples a second, above 0")
        words = tuple(self.words)
        before = 0.0
        for index, word in enumerate(words, start=1):
            if not before <= word.start <= word.end <= self.seconds + 1e-6:
                raise UserError(
                    f"word {index} ({word.text!r}) has times {word.start:.3f} to {word.end:.3f} s in a "
                    f"recording of {self.seconds:.3f} s; words must be in order and inside it"
                )
            before = word.start
        object.__setattr__(self, "words", words)
        if self.emotion is not None:
            object.__setattr__(self, "emotion", canonical_emotion(self.emotion))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    @property
    def frames(self) -> int:
        """Frames of motion that cover it."""
        return frames_in(len(self.samples), sample_rate=self.sample_rate)

    @property
    def text(self) -> str:
        """The words, one space between."""
        return " ".join(word.text for word in self.words)

    def resampled(self, *, sample_rate: int = SAMPLE_RATE) -> Speech:
        """The same speech at another rate."""
        if sample_rate == self.sample_rate:
            return self
        from .audio import resample

        samples = resample(self.samples, rate=self.sample_rate, sample_rate=sample_rate)
        peak = float(np.max(np.abs(samples)))
        samples = samples / np.float32(peak) if peak > 1.0 else samples
        seconds = len(samples) / sample_rate
        words = tuple(Word(w.text, min(w.start, seconds), min(w.end, seconds)) for w in self.words)
        return replace(self, samples=samples, sample_rate=sample_rate, words=words)

    def cut(self, *, start: float = 0.0, end: float | None = None) -> Speech:
        """The part from ``start`` to ``end`` seconds; words that reach over an edge are trimmed to it.

        Raises:
            UserError: the part is empty.
        """
        end = self.seconds if end is None else min(end, self.seconds)
        first, last = (round(max(0.0, time) * self.sample_rate) for time in (start, end))
        if last <= first:
            raise UserError(f"{start:.3f} to {end:.3f} s is no part of a recording of {self.seconds:.3f} s")
        offset, seconds = first / self.sample_rate, (last - first) / self.sample_rate
        words = []
        for word in self.words:
            word_start, word_end = max(word.start - offset, 0.0), min(word.end - offset, seconds)
            if word_end > word_start:
                words.append(Word(word.text, word_start, word_end))
        return replace(self, samples=self.samples[first:last], words=tuple(words))


# What can be heard: a sound or video file, (samples, rate), or a loaded ``Speech``.
SpeechLike = str | Path | tuple[np.ndarray, int] | Speech


def load_speech(
    path: SpeechLike | np.ndarray,
    *,
    rate: int | None = None,
    transcript: str | Path | None = None,
    emotion: str | None = None,
    speaker: str | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> Speech:
    """Read a recording, and what was said in it if a transcript is at hand.

    Args:
        path: any audio or video file; samples [N] in [-1, 1] as (samples, rate), or alone beside ``rate``;
            or a loaded ``Speech``, which keeps its rate.
        rate: samples a second of samples that are given alone.
        transcript: TextGrid, SRT, VTT, Whisper JSON (these bring times), or plain text, which is
            aligned to the sound.
        emotion: one of emotions.EMOTIONS, or an alias.
        speaker: a name for the speaker, as you like.
        sample_rate: samples a second to resample to.

    Raises:
        UserError: a file cannot be used; the message says why and what to do.
    """
    if emotion is not None:
        emotion = canonical_emotion(emotion)  # before the work, not after
    speech = _heard(path, rate, sample_rate)
    speech = replace(speech, emotion=emotion or speech.emotion, speaker=speaker or speech.speaker)
    if transcript is None:
        return speech
    from .transcript import read_transcript

    found = read_transcript(transcript, seconds=speech.seconds)
    if isinstance(found, str):
        from .forced_alignment import align

        found = align(speech, text=found)
    return replace(speech, words=found)


def _heard(source: SpeechLike | np.ndarray, rate: int | None, sample_rate: int) -> Speech:
    """A recording without its words, whatever it is given as. Raises UserError, see ``load_speech``."""
    from .audio import SHORTEST, decode

    if isinstance(source, str | Path | Speech):
        if rate is not None:
            raise UserError("a rate goes with samples; a file or a Speech has its own, so leave it out")
        if isinstance(source, Speech):
            return source
        return Speech(decode(source, sample_rate=sample_rate), sample_rate=sample_rate)
    given: object = source
    if rate is None and isinstance(source, tuple | list) and len(source) == 2 and np.ndim(source[0]):
        given, rate = source
    if not hasattr(given, "__array__") and not isinstance(given, tuple | list):
        raise UserError(f"a speech is a sound file, (samples, rate) or a Speech; got {type(given).__name__}")
    if rate is None:
        raise UserError("samples are given without their rate; give (samples, rate), as in (samples, 16000)")
    if np.ndim(rate) or isinstance(rate, bool | str) or not rate > 0 or rate != int(rate):
        raise UserError(f"the rate of samples is {rate!r}; give a whole number above 0, as in 16000")
    try:
        samples = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise UserError(f"samples are no array of numbers ({error}); give mono samples [N]") from None
    speech = Speech(samples, sample_rate=int(rate))
    if speech.seconds < SHORTEST:
        raise UserError(f"the samples last {speech.seconds:.3f} s; give at least {SHORTEST} s of speech")
    return speech.resampled(sample_rate=sample_rate)
