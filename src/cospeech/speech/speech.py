"""What was said: samples, words with their times, who spoke and with which emotion."""

from __future__ import annotations

import base64
import html
import io
import wave
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..core.emotions import canonical_emotion
from ..core.errors import UserError
from ..core.timing import SAMPLE_RATE, frames_in
from .cues.cue import GestureCue
from .cues.parameters import shifted_cues
from .lip_track import LipTrack
from .phones.track import Phone, PhoneTrack
from .phones.track import cut as cut_phones
from .word import Word as Word

LONGEST_PLAYED = 60.0  # seconds of sound that a notebook carries


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
    phones: tuple[Phone, ...] = ()  # as a TextGrid has them; they are heard where none are given
    lips: LipTrack | None = None  # what the mouth does, whatever is heard
    cues: tuple[GestureCue, ...] = ()  # gestures that are asked for, as by the marks of a text

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
        object.__setattr__(self, "phones", tuple(self.phones))
        object.__setattr__(self, "cues", tuple(self.cues))
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

    @cached_property
    def features(self) -> np.ndarray:
        """[frames, 48] float32, read-only, columns as in ``features.LAYOUT``; computed once, at 16 kHz.

        How far up the recorder was turned makes no difference (``features.at_usual_level``).
        """
        from .features import at_usual_level, speech_features

        features = speech_features(at_usual_level(self.resampled().samples))
        features.flags.writeable = False
        return features

    @cached_property
    def phone_track(self) -> PhoneTrack:
        """Which phones are spoken when (``phones.recognise``); found once, at 16 kHz."""
        from .phones.recognise import recognise

        if self.lips is not None and self.lips.is_of_phones:
            return self.lips.phone_track(self.seconds)
        return recognise(self.resampled().samples, phones=self.phones, words=self.words)

    def _repr_html_(self) -> str:
        """The speech as a notebook shows it: a table of what is known of it, and a player if it is short."""
        facts = {
            "duration": f"{self.seconds:.2f} s",
            "sample rate": f"{self.sample_rate} Hz",
            "speaker": self.speaker,
            "emotion": self.emotion,
            "words": f"{len(self.words)}: {self.text}" if self.words else None,
        }
        rows = "".join(f"<tr><th>{name}</th><td>{html.escape(fact)}</td></tr>" for name, fact in facts.items() if fact)
        sound = ""
        if self.seconds <= LONGEST_PLAYED:
            data = base64.b64encode(self._wav()).decode("ascii")
            sound = f'<audio controls src="data:audio/wav;base64,{data}"></audio>'
        return f"<table>{rows}</table>{sound}"

    def _wav(self) -> bytes:
        """The samples as a wav file of 16 bits."""
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(self.sample_rate)
            writer.writeframes(np.round(self.samples * 32767).astype("<i2").tobytes())
        return file.getvalue()

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
        phones = cut_phones(self.phones, offset, offset + seconds)
        lips = None if self.lips is None else self.lips.cut(offset, offset + seconds)
        cues = shifted_cues(self.cues, -offset, seconds)
        return replace(self, samples=self.samples[first:last], words=tuple(words), phones=phones, lips=lips, cues=cues)
