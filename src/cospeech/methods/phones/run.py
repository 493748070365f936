"""Training of the phone network from recordings: phones of their words, else those that hama hears, are its labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...core.arguments import several
from ...data.clips import GestureClip
from ...data.readers.voices import read
from ...speech.phones import hama
from ...speech.phones.of_words import lip_phones_in_words
from ...speech.phones.track import Phone
from .dataset import PhoneDataset, write_phone_dataset
from .export import export_phones
from .train import fit_phones

Labelled = tuple[dict[str, str], np.ndarray, Sequence[Phone]]


def label_sounds(folders: Sequence[str | Path], out: str | Path) -> PhoneDataset:
    """Write the folder of labelled sounds that training reads.

    Args:
        folders: of sound files, with transcripts beside them or in manifest.csv (``data.readers.voices``). English
            words are aligned by pocketsphinx (source "text"); where there are none, the phones are those that hama
            hears (source "recogniser"), if the extra [phones] is installed, and else the clip is left out.

    Raises:
        UserError: no sound has phones that can be known.
    """
    return write_phone_dataset(out, (clip for folder in folders for clip in _labelled(Path(folder))))


def _labelled(folder: Path) -> Iterator[Labelled]:
    for clip in read(folder):
        if not isinstance(clip, GestureClip) or clip.speech is None:
            continue
        speech = clip.speech
        phones = lip_phones_in_words(speech.samples, speech.words) if speech.words else ()
        source = "text"
        if not phones and hama.is_installed():
            phones, source = hama.phones_by_hama(speech.samples), "recogniser"
        if phones:
            about = {"name": clip.id, "speaker": clip.speaker, "language": "", "source": source, "split": clip.split}
            yield about, speech.samples, phones


def train_phones(
    speech: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    preset: str = "default",
    steps: int | None = None,
    seed: int = 0,
) -> Path:
    """Train the network that hears phones on recordings; a run found in ``out`` is continued.

    Args:
        speech: folders of sound files, with transcripts beside them or in manifest.csv; those without are labelled by
            hama, if the extra [phones] is installed.
        out: run folder: ``sounds`` with the labelled sounds, ``run``, and ``model``, the model folder.
        preset: tiny, default or large.
        steps: instead of the preset's.
        seed: of weights and batches.

    Raises:
        UserError: unknown preset, or no sound whose phones can be known.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    sounds = out / "sounds"
    if not (sounds / "clips.json").is_file():
        label_sounds(several(speech), sounds)
    fit_phones(sounds, out / "run", preset=preset, steps=steps, seed=seed)
    return export_phones(out / "run", out / "model", name=out.name)
