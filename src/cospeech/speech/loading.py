"""From a recording and its transcript to a ``Speech``: decoding, resampling, reading or finding the words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import file_path
from ..core.emotions import canonical_emotion
from ..core.errors import UserError
from ..core.timing import SAMPLE_RATE
from .audio import SHORTEST, decode
from .cues.markup import cues_of
from .forced_alignment import align
from .lip_track import load_lips
from .phones.track import cut
from .speech import Speech
from .transcript import read_marked, read_phones, read_transcript

# What stands for a speech: a sound or video file, (samples, rate), or a loaded ``Speech``.
SpeechLike = str | Path | tuple[np.ndarray, int] | Speech


def load_speech(
    path: SpeechLike | np.ndarray,
    *,
    rate: int | None = None,
    transcript: str | Path | None = None,
    lips: str | Path | None = None,
    emotion: str | None = None,
    speaker: str | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> Speech:
    """Read a recording, and what was said in it if a transcript is at hand.

    Args:
        path: any audio or video file; samples [N] in [-1, 1] as (samples, rate), or alone beside ``rate``;
            or a loaded ``Speech``, which keeps its rate.
        rate: samples a second of samples that are given alone.
        transcript: captions, JSON of a recogniser, TextGrid and others (these bring times), or plain text, which is
            aligned to the sound and may have marks of gestures in it (``cues.markup``). Phones of a TextGrid are taken
            for the lips.
        lips: a track of lips (``lip_track``) that the mouth follows instead of the sound.
        emotion: one of emotions.EMOTIONS, or an alias.
        speaker: a name for the speaker, as you like.
        sample_rate: samples a second to resample to.

    Raises:
        UserError: a file cannot be used; the message says why and what to do.
    """
    if emotion is not None:
        emotion = canonical_emotion(emotion)  # before the work, not after
    speech = _recording(path, rate, sample_rate)
    speech = replace(speech, emotion=emotion or speech.emotion, speaker=speaker or speech.speaker)
    if lips is not None:
        speech = replace(speech, lips=load_lips(lips))
    if transcript is None:
        return speech
    path = file_path(transcript, "a transcript")
    marked = read_marked(path)
    if marked is not None:
        words = align(speech, text=marked.text)
        return replace(speech, words=words, phones=(), cues=cues_of(marked, words))
    found = read_transcript(path, seconds=speech.seconds)
    assert not isinstance(found, str), "a plain text is read above"
    return replace(speech, words=found, phones=cut(read_phones(path), 0.0, speech.seconds))


def load_recording(
    path: Path,
    *,
    transcript: str | Path | None = None,
    lips: str | Path | None = None,
    beside: bool = True,
    words: str = "off",
    words_model: str | Path | None = None,
) -> Speech:
    """Read a recording as the commands do: without a transcript, one that lies beside it is taken if it fits.

    Args:
        words, words_model: a recogniser that is asked where no words are known, as of ``with_words``.

    Raises:
        UserError: as ``load_speech`` and ``with_words``; what lies beside the recording raises none.
    """
    speech = load_speech(path, transcript=transcript, lips=lips)
    if transcript is None and beside:
        from .beside import with_words_beside

        speech = with_words_beside(speech, path)
    return with_words(speech, words, model=words_model)


def with_words(speech: Speech, recogniser: str = "auto", *, model: str | Path | None = None) -> Speech:
    """The speech with the words that an installed recogniser hears, where none are known (``recognised_words``).

    Raises:
        UserError: an unknown recogniser, or one that was named and cannot be used.
    """
    from .recognised_words import recognise_words

    return (
        speech if speech.words else replace(speech, words=recognise_words(speech, recogniser=recogniser, model=model))
    )


def _recording(source: SpeechLike | np.ndarray, rate: int | None, sample_rate: int) -> Speech:
    """A recording without its words, whatever it is given as. Raises UserError, see ``load_speech``."""
    if isinstance(source, str | Path | Speech):
        if rate is not None:
            raise UserError("a rate goes with samples; a file or a Speech has its own, so leave it out")
        if isinstance(source, Speech):
            return source
        return Speech(decode(source, sample_rate=sample_rate), sample_rate=sample_rate)
    speech = Speech(*_samples(source, rate))
    if speech.seconds < SHORTEST:
        raise UserError(f"the samples last {speech.seconds:.3f} s; give at least {SHORTEST} s of speech")
    return speech.resampled(sample_rate=sample_rate)


def _samples(source: Any, rate: Any) -> tuple[np.ndarray, int]:
    """An array and its rate, from (samples, rate) or from samples and the rate beside them. Raises UserError."""
    if rate is None and isinstance(source, tuple | list) and len(source) == 2 and np.ndim(source[0]):
        source, rate = source
    if not hasattr(source, "__array__") and not isinstance(source, tuple | list):
        raise UserError(f"a speech is a sound file, (samples, rate) or a Speech; got {type(source).__name__}")
    if rate is None:
        raise UserError("samples are given without their rate; give (samples, rate), as in (samples, 16000)")
    if np.ndim(rate) or isinstance(rate, bool | str) or not rate > 0 or rate != int(rate):
        raise UserError(f"the rate of samples is {rate!r}; give a whole number above 0, as in 16000")
    try:
        return np.asarray(source), int(rate)
    except (TypeError, ValueError) as error:
        raise UserError(f"samples are no array of numbers ({error}); give mono samples [N]") from None
