"""Clips of an evaluation: speech to gesture to, and recordings that answer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.timing import FPS
from ..data.dataset import GestureDataset, Sample
from ..gesture_library.build import words_of
from ..motion.codec import Codec
from ..motion.motion import Motion
from ..motion.procedural.posture import stand
from ..speech.encoders.settings import EncoderSettings
from ..speech.speech import Word

# Settings of encoders by kind -> speech features and the encoders' columns, [T, F].
ReadInputs = Callable[[Mapping[str, EncoderSettings]], np.ndarray]


@dataclass(frozen=True, eq=False)
class EvaluationClip:
    """One speech of the test set, and what is known of it."""

    id: str
    speaker: str
    emotion: str | None
    features: np.ndarray  # [T, 48]; what baselines and metrics read; [0, 0] where there is no speech
    recorded: Motion | None  # the recorded motion of this very speech, if there is one
    number: int  # place in the test set
    read_inputs: ReadInputs | None = None  # None: there are features alone
    words: tuple[Word, ...] = ()  # of the speech, in order; empty where the dataset has none
    finish: Callable[[], Motion | None] | None = None  # the finished body of the system at hand; None: a recording

    def inputs(self, encoders: Mapping[str, EncoderSettings]) -> np.ndarray:
        """What a model with these encoders reads, [T, F]: 48 features, then the encoders' columns.

        Raises:
            UserError: the clip has no such columns.
        """
        if not encoders:
            return self.features
        if self.read_inputs is None:
            raise UserError(
                f"clip {self.id!r} has speech features alone, wanted are columns of {', '.join(encoders)} as "
                "well; take clips of a dataset that was prepared with an encoder"
            )
        return self.read_inputs(encoders)


class Recordings:
    """Recorded motion of a dataset's samples, standing as generated motion does."""

    def __init__(self, dataset: GestureDataset) -> None:
        self.dataset, self.codec = dataset, Codec()

    def motion(self, sample: Sample) -> Motion:
        return stand(self.codec.decode(self.dataset.motion(sample)))

    def clip(self, sample: Sample, number: int, *, speech: bool) -> tuple[EvaluationClip, Motion]:
        """A recording that stands for itself; ``speech``: its speech belongs to its motion."""
        features = self.dataset.features(sample) if speech else np.zeros((0, 0))
        clip = EvaluationClip(sample.id, sample.speaker, sample.emotion, features, None, number)
        return clip, self.motion(sample)


def speech_clips(samples: Sequence[Sample], recordings: Recordings, *, synthetic_pairs: bool) -> list[EvaluationClip]:
    """The clips that systems gesture to. Those of synthetic pairs have no recorded motion."""
    dataset = recordings.dataset
    return [
        EvaluationClip(
            sample.id,
            sample.speaker,
            sample.emotion,
            dataset.features(sample),
            None if synthetic_pairs else recordings.motion(sample),
            number,
            partial(_inputs, dataset, sample),
            words_of(sample) or (),
        )
        for number, sample in enumerate(samples)
    ]


def _inputs(dataset: GestureDataset, sample: Sample, encoders: Mapping[str, EncoderSettings]) -> np.ndarray:
    return dataset.inputs(sample, encoders=encoders)


def file_name(clip: str) -> str:
    """A clip's id as a file name."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in clip)


def clips_table(clips: Sequence[EvaluationClip]) -> list[dict[str, Any]]:
    """Rows of clips.csv: which clips were measured, and how files of other programs are to be named."""
    return [
        {
            "id": clip.id,
            "file": file_name(clip.id),
            "speaker": clip.speaker,
            "emotion": clip.emotion or "",
            "seconds": f"{len(clip.features) / FPS:.3f}",
        }
        for clip in clips
    ]
