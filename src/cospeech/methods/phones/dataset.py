"""A folder of sounds whose phones are known, as training of the phone network reads it.

``clips.json`` describes the clips; ``samples.npy`` has their sound one after the other (int16, 16 kHz) and
``labels.npy`` the phone of every 10 ms (uint8, an index into ``PHONES``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.timing import SAMPLE_RATE
from ...speech.phones.inventory import PHONE_INDEX, SILENCE
from ...speech.phones.track import Phone

LABEL_RATE = 100  # labels a second
SAMPLES_A_LABEL = SAMPLE_RATE // LABEL_RATE


@dataclass(frozen=True)
class PhoneClip:
    """One recording.

    Args:
        name, speaker, language: of the recording.
        source: how its phones are known: text, recogniser, or the name of a synthesiser.
        split: train, val or test; a speaker is in one of them.
        first, last: labels of the whole folder that are its own.
    """

    name: str
    speaker: str
    language: str
    source: str
    split: str
    first: int
    last: int

    @property
    def seconds(self) -> float:
        """Length."""
        return (self.last - self.first) / LABEL_RATE


class PhoneDataset:
    """Sounds and their phones."""

    def __init__(self, folder: str | Path) -> None:
        """Open a folder. Raises UserError if it is none."""
        self.folder = Path(folder)
        try:
            described = json.loads((self.folder / "clips.json").read_text())
            self.clips = tuple(PhoneClip(**clip) for clip in described["clips"])
            self.samples = np.load(self.folder / "samples.npy", mmap_mode="r")
            self.labels = np.load(self.folder / "labels.npy", mmap_mode="r")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder} is no folder of labelled sounds ({error}); make one first") from None

    def select(self, split: str, *, sources: Sequence[str] = ()) -> tuple[PhoneClip, ...]:
        """Clips of a split, of some sources only if these are named."""
        return tuple(c for c in self.clips if c.split == split and (not sources or c.source in sources))

    def sound(self, clip: PhoneClip, first: int = 0, last: int | None = None) -> np.ndarray:
        """Samples [N] float32 of labels ``first`` to ``last`` of a clip."""
        end = clip.last if last is None else min(clip.first + last, clip.last)
        part = self.samples[(clip.first + first) * SAMPLES_A_LABEL : end * SAMPLES_A_LABEL]
        return np.asarray(part, np.float32) / np.float32(32768)

    def phones(self, clip: PhoneClip, first: int = 0, last: int | None = None) -> np.ndarray:
        """Labels [T] uint8 of a clip."""
        end = clip.last if last is None else min(clip.first + last, clip.last)
        return np.asarray(self.labels[clip.first + first : end])


def phone_labels(phones: Iterable[Phone], count: int) -> np.ndarray:
    """[count] uint8: the phone in the middle of every 10 ms, silence between the phones."""
    out = np.full(count, PHONE_INDEX[SILENCE], np.uint8)
    for phone in phones:
        first, last = (max(0, round(time * LABEL_RATE)) for time in (phone.start, phone.end))
        out[first:last] = PHONE_INDEX[phone.name]
    return out


def write_phone_dataset(
    folder: str | Path, clips: Iterable[tuple[dict[str, str], np.ndarray, Sequence[Phone]]]
) -> PhoneDataset:
    """Write a folder of (name, speaker, language, source and split; samples [N] float32 or int16; phones)."""
    out = Path(folder)
    described, sounds, labels = [], [], []
    at = 0
    for about, samples, phones in clips:
        count = len(samples) // SAMPLES_A_LABEL
        sound = samples[: count * SAMPLES_A_LABEL]
        if sound.dtype != np.int16:
            sound = np.round(np.clip(sound, -1.0, 1.0) * 32767).astype(np.int16)
        sounds.append(sound)
        labels.append(phone_labels(phones, count))
        described.append(asdict(PhoneClip(**about, first=at, last=at + count)))
        at += count
    if not described:
        raise UserError("no sound has phones that are known; name recordings with transcripts")
    out.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("samples", sounds), ("labels", labels)):
        with atomic_path(out / f"{name}.npy") as path:
            np.save(path, np.concatenate(arrays))
    with atomic_path(out / "clips.json") as path:  # last: it makes the folder one
        path.write_text(json.dumps({"format": 1, "clips": described}, indent=1))
    return PhoneDataset(out)
