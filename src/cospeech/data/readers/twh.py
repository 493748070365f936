"""Talking With Hands 16.2M in the layouts of the GENEA challenges 2022 and 2023: two people talk.

Lee et al., Talking With Hands 16.2M, ICCV 2019. Expected beneath the folder, joined by name: NAME.bvh (30
fps, T-pose), NAME.wav and NAME.tsv (start, end, text), where NAME is ``trn_2023_v0_000_main-agent`` (in
trn/main-agent/bvh and so on, metadata.csv in trn) or ``trn_2022_v1_000`` (in trn/bvh,
trn_2022_v1_metadata.csv in trn).

Where the layout is from: folders, names, splits, and the columns of tsv and metadata.csv from
genea-workshop/genea_challenge_2023, dataset/README.md; the header of metadata.csv from
genea-workshop/2023_ivi_baseline, process_data.py; the table of 2022 (name, finger flag, speaker; no header),
lines of tsv without text and the mark of laughter from cjerry1243/Tacotron2-SpeechGesture, process_data.py;
T-pose, facing +z and y up from TeoNikolov/genea_visualizer, scripts/README.md; joints and lengths from
JonathanPWindle/UEA-DH-GENEA23, utils/ds_files/genea23.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...core.csv_files import csv_rows, read_csv
from ...core.errors import UserError
from ...core.progress import note, track
from ...speech.loading import load_speech
from ...speech.speech import Speech, Word
from ..clips import Dropped
from ..recordings import LazyReader, Recording
from .paired_files import Few, bvh_body, by_name, paired, words_within

CREDIT = "Talking With Hands 16.2M (Lee et al., ICCV 2019), as of the GENEA challenges"

UNKNOWN = "twh"  # speaker of a recording that no table of people has
SPLITS = {"trn": "train", "val": "val", "tst": "test"}
_TAKE = r"(?P<split>trn|val|tst)_\d{4}_v\d+_\d+"
_NAME = re.compile(rf"{_TAKE}(_(?P<side>main-agent|interloctr))?")


@LazyReader
def read(folder: str | Path, *, limit: int | None = None, quiet: bool = False) -> Iterator[Recording | Dropped]:
    """Clips of speech and motion of one side of each talk, upright and facing +z, with words.

    Of 2023, whose talks have both sides, the main agent's is read: the interlocutors of the training part
    are there as main agents as well. The speaker is ``twh`` and the number in the table of people; one
    called ``twh`` without that table. Where the table says that fingers were recorded they stay; where it
    does not, they are made up (``motion.procedural.fingers``); without the table it counts whether they move.
    There are no emotions.

    Args:
        folder: holds trn, val and tst, or some of them, in any depth.
        limit: read only so many recordings of each speaker (for trials).
    Raises:
        UserError: there is no BVH file, two files have one name, or a table is broken.
    """
    folder = Path(folder)
    files = by_name(folder, ".bvh", ".wav", ".tsv")
    motions = [name for name in files if ".bvh" in files[name]]
    if not motions:
        raise UserError(f"{folder} is no twh folder: it holds no .bvh files")
    people = _people(folder)
    others = [name for name in motions if _is_interlocutor(name)]
    few = Few(limit)
    for name in track(sorted(set(motions) - set(others)), "twh", quiet=quiet):
        own, match = files[name], _NAME.fullmatch(name)
        if match is None:
            yield Dropped(name, "the name is not SPLIT_YEAR_VERSION_NUMBER (as in trn_2023_v0_000_main-agent)")
            continue
        speaker, fingers = people.get(name, (UNKNOWN, None))
        if few.over(speaker):
            continue
        if ".wav" not in own:
            yield Dropped(name, "no sound of the same name (.wav)")
            continue
        load = partial(
            paired,
            name,
            partial(_speech, own, speaker, quiet=quiet),
            partial(bvh_body, own[".bvh"], identity=name, table="twh", emotion=None, fingers=fingers),
            speaker=speaker,
            split=SPLITS[match["split"]],
            emotion=None,
            quiet=quiet,
        )
        yield Recording(name, tuple(own.values()), load)
    for name in sorted(set(files) - set(motions)):
        if ".wav" in files[name] and not name.endswith("_interloctr"):
            yield Dropped(name, "no motion of the same name (.bvh)")
    if others and not quiet:
        note(f"twh: {len(others)} recordings of interlocutors are left out")


def _is_interlocutor(name: str) -> bool:
    match = _NAME.fullmatch(name)
    return match is not None and match["side"] == "interloctr"


def _speech(own: dict[str, Path], speaker: str, quiet: bool) -> Speech:
    """The recording with its words; without them, and that is told, if the tsv cannot be used."""
    speech = load_speech(own[".wav"], speaker=speaker)
    if ".tsv" not in own:
        return speech
    try:
        return replace(speech, words=read_tsv(own[".tsv"], seconds=speech.seconds))
    except UserError as error:
        if not quiet:
            note(f"{own['.wav'].stem}: read without words: {error}")
        return speech


def read_tsv(path: Path, *, seconds: float) -> tuple[Word, ...]:
    """Words of a file of lines ``start <tab> end <tab> text``; none of an empty one, as there are two.

    Several words in a line are spread over its time; a # marks laughter and is no part of a word.

    Raises:
        UserError: a time is no number.
    """
    entries = []
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        start, _, rest = line.partition("\t")
        end, _, text = rest.partition("\t")
        text = text.replace("#", " ").strip()
        if not text:
            continue
        try:
            entries.append((text, float(start), float(end)))
        except ValueError:
            raise UserError(f"{path}, line {number}: expected start, end and text with tabs between") from None
    return words_within(entries, seconds)


def _people(folder: Path) -> dict[str, tuple[str, bool]]:
    """Name of a recording -> (speaker, whether fingers were recorded), of all tables of people."""
    people: dict[str, tuple[str, bool]] = {}
    for table in sorted(folder.rglob("*metadata.csv")):
        for number, row in csv_rows(read_csv(table), table):
            if number == 1 and not re.match(_TAKE, row[0]):
                continue  # the header, of 2023
            if len(row) == 5:
                name, speaker, fingers = f"{row[0].strip()}_main-agent", row[1], row[2]
            elif len(row) == 3:
                name, fingers, speaker = row[0].strip(), row[1], row[2]
            else:
                raise UserError(f"{table}, line {number}: expected 3 or 5 columns, got {len(row)}")
            people[name] = (f"twh{speaker.strip()}", fingers.strip().endswith("_incl"))
    return people
