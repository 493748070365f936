"""Corpora in, a dataset out: read, check, encode, pair, write; resumable, in flat memory.

Recordings are read one group at a time, by as many processes as there are processors, and every group becomes a
shard as soon as it has been read (``reading``). A shard is named after what it was made of: reader, files with size
and time of change, settings. So whatever is there already is used again, after an interruption as well as when a
corpus has changed. Synthetic pairs are made last, from material on disk (``pair_shards``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.files import atomic_path
from ..core.parallel import map_together, processors
from ..core.progress import note, track
from ..core.timing import FPS
from ..motion.codec import Codec
from ..motion.formats import FORMATS
from ..motion.representation import Representation
from ..motion.rigs import RIGS
from ..speech.acoustics import DIM as ACOUSTICS
from ..speech.encoders.settings import WORDS, Encoder, describe
from ..speech.layout import LAYOUT
from .clips import Dropped, GestureClip
from .dataset import FORMAT, GestureDataset, write_manifest
from .encoder_features import EncoderFeatures, opened
from .encoding import representation_name, representation_of
from .pair_shards import PairReport, make_pairs
from .point_clips import PointClip
from .reading import MATERIAL, Group, Reading, clips_of, material_of, read_group, write_group
from .recordings import LazyReader, Recording, groups

Reader = Callable[..., Iterator[GestureClip | PointClip | Dropped]]

READING = 1  # raised when reading or encoding changes, so that older shards are made anew
SMALL = 24_000_000  # bytes of recordings that are read in this process
_KEY = 16  # hex digits


@dataclass
class Report:
    """What ``prepare`` did."""

    clips: int = 0
    seconds: float = 0.0
    dropped: list[Dropped] = field(default_factory=list)
    pairs: int = 0
    pair_seconds: float = 0.0
    stroke_to_accent: float = float("nan")  # seconds, mean over synthetic pairs
    stroke_to_accent_shuffled: float = float("nan")

    def lines(self) -> list[str]:
        """The report in words."""
        result = [f"kept {self.clips} clips of motion, {self.seconds / 60:.1f} min"]
        if self.pairs:
            result.append(
                f"{self.pairs} pairs with speech, {self.pair_seconds / 3600:.2f} h"
                + (
                    f"; synthetic pairs: stroke to accent {self.stroke_to_accent:.3f} s, "
                    f"by chance {self.stroke_to_accent_shuffled:.3f} s"
                    if np.isfinite(self.stroke_to_accent)
                    else ""
                )
            )
        for reason, count in Counter(_kind(item.reason) for item in self.dropped).most_common():
            result.append(f"dropped {count}: {reason}")
        return result


def _kind(reason: str) -> str:
    return reason.split("(")[0].strip()


def reader(name: str) -> Reader:
    """The reader of a corpus by name. Raises UserError with the known names."""
    from .readers import READERS

    return READERS.get(name)


@dataclass(frozen=True)
class _Corpus:
    """A corpus of which nothing has been read yet."""

    name: str  # of its reader
    folder: Path
    groups: tuple[tuple[str, list[Recording | Dropped]], ...] = ()  # name of the shard, and what goes into it
    stream: tuple[str, Callable[[], Iterator[Any]]] | None = None  # of a reader that cannot list its recordings

    @property
    def keys(self) -> list[str]:
        """What tells whether the corpus has changed."""
        return [name for name, _ in self.groups] if self.stream is None else [self.stream[0]]


def prepare(
    corpora: Sequence[tuple[str, str | Path]],
    out: str | Path,
    *,
    representation: str | None = None,
    rounds: int = 6,
    seed: int = 0,
    limit: int | None = None,
    speech_encoder: str | Path | Encoder | None = None,
    speech_layer: str = "last",
    word_encoder: str | Path | Encoder | None = None,
    word_layer: str = "last",
    precision: str = "float32",
    workers: int | None = None,
    quiet: bool = False,
) -> Report:
    """Build a dataset from corpora.

    Recordings of speech with motion become pairs as they are. Motion without sound and speech without motion are
    matched into synthetic pairs (see ``synthetic_pairs``), ``rounds`` times through all the speech.

    Recordings that were read before, in an interrupted or in a finished call with the same settings, are not read
    again unless one of their files has another size or time of change. Without any change nothing is done.

    Args:
        corpora: (reader name, folder) each.
        out: folder of the dataset; an interrupted one is continued, a finished one brought up to date.
        representation: what the dataset holds of a motion (``motion.representation``): "body", "smplx" (body and
            face as BEAT2 has them) or "points" (keypoints in a picture). Unless given, it is "points" for corpora of
            keypoints and "body" for all others. Synthetic pairs are made in "body" alone.
        rounds: how often each speech gets a partner.
        limit: read only so many clips a corpus and speaker (for trials).
        speech_encoder: a pretrained network whose states join the features frame by frame: a name of
            Hugging Face, a folder, or an object of your own (``speech.encoders.settings.Encoder``).
        speech_layer: of it: "last", a number, or "mean:K" of the last K (see ``speech.encoders.inputs``).
        word_encoder, word_layer: the same for a network that reads the words of the transcripts.
        precision: of the encoders' products, float32 or bfloat16; stored is float16.
        workers: processes that read recordings; as many as there are processors (8 at most) if None. The dataset is
            the same for any number. Small corpora, all with an encoder, and all once a reader, motion format or rig has
            been registered at run time are read in this process.
    Returns:
        what was kept, dropped and paired; also written to report.json.
    Raises:
        UserError: nothing usable was found, ``out`` holds a dataset of other settings, an encoder cannot be
            opened, no recording has words for the word encoder, or corpora and representation do not go together.
    """
    out = Path(out)
    if workers is not None and workers < 1:
        raise UserError(f"workers must be at least 1; got {workers}")
    readers = [reader(name) for name, _ in corpora]
    representation = representation_name(representation, [name for name, _ in corpora])
    encoders = opened(speech_encoder, speech_layer, word_encoder, word_layer, precision)
    plan = {
        "format": FORMAT,
        "corpora": [[name, Path(folder).name] for name, folder in corpora],
        "rounds": rounds,
        "seed": seed,
        "limit": limit,
        **({"encoders": describe(encoders)} if encoders else {}),
        **({"space": representation} if representation != "body" else {}),
    }
    report = _check_plan(out, plan, [Path(folder) for _, folder in corpora])
    if report is None:
        found = [
            _listed(read, name, Path(folder), plan, quiet=quiet)
            for read, (name, folder) in zip(readers, corpora, strict=True)
        ]
        features = EncoderFeatures(encoders, out / "heard")
        report = _brought_up_to_date(out, plan, found, features, workers=workers, quiet=quiet)
    if not quiet:
        for line in report.lines():
            note(line)
    return report


def _brought_up_to_date(
    out: Path,
    plan: dict[str, Any],
    corpora: Sequence[_Corpus],
    encoders: EncoderFeatures,
    *,
    workers: int | None,
    quiet: bool,
) -> Report:
    """The report of the dataset in ``out``, which is made or changed where it is not what the corpora say."""
    key = _hash([plan, [corpus.keys for corpus in corpora]])
    done = _finished(out, key)
    if done is not None:
        return done
    created = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(out / "plan.json") as path:
        path.write_text(json.dumps(plan))
    try:
        reading = Reading(out, plan.get("space", "body"))
        names: list[str] = []
        for corpus in corpora:
            _read_corpus(corpus, reading, encoders, workers=workers, quiet=quiet)
            names += [part for name in corpus.keys for part in reading.parts(name) or ()]
        report = _assemble(reading, names, encoders, plan, key, quiet=quiet)
    except UserError:
        if created and not (out / "manifest.json").exists():
            shutil.rmtree(out)
        raise
    encoders.close()
    return report


def _check_plan(out: Path, plan: dict[str, Any], folders: list[Path]) -> Report | None:
    """See that ``out`` was begun with the same settings; the report, if it is a finished dataset of format 1.

    Raises:
        UserError: it was begun with others, or by an older version and is not finished.
    """
    path = out / "plan.json"
    if not path.is_file():
        return None
    begun = json.loads(path.read_text())
    if begun == plan:
        return None
    corpora = [[*own, _listing(folder)] for own, folder in zip(plan["corpora"], folders, strict=True)]
    if begun != {**{name: value for name, value in plan.items() if name != "format"}, "corpora": corpora}:
        raise UserError(f"{out} was begun with other settings or other recordings; choose another folder or remove it")
    if not ((out / "manifest.json").is_file() and (out / "report.json").is_file()):
        raise UserError(f"{out} was begun by an older version; choose another folder or remove it")
    return _read_report(out)


def _listing(folder: Path) -> str:
    """How plans of format 1 say what a corpus holds: a hash of its files' names and sizes."""
    found = sorted((str(p.relative_to(folder)), p.stat().st_size) for p in folder.rglob("*") if p.is_file())
    return f"{zlib.crc32(json.dumps(found).encode()):08x}"


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_KEY]


def _listed(read: Reader, name: str, folder: Path, plan: dict[str, Any], *, quiet: bool) -> _Corpus:
    """The groups of a corpus, each with the name that its shard has or will have."""
    limit = plan["limit"]
    settings = [READING, plan.get("space", "body"), limit, plan.get("encoders")]
    if isinstance(read, LazyReader):
        listed = list(read.recordings(folder, limit=limit, quiet=quiet))
        parts = []
        for group in groups(listed):
            identities = [vars(one) if isinstance(one, Dropped) else one.identity(folder) for one in group]
            parts.append((f"shard-{_hash([name, settings, identities])}", group))
        return _Corpus(name, folder, tuple(parts))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = [[str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    stream = (f"shard-{_hash([name, settings, stats])}", partial(read, folder, limit=limit, quiet=quiet))
    return _Corpus(name, folder, stream=stream)


def _read_corpus(
    corpus: _Corpus, reading: Reading, encoders: EncoderFeatures, *, workers: int | None, quiet: bool
) -> None:
    """Read what has not been read of a corpus."""
    if corpus.stream is not None:
        name, read = corpus.stream
        if reading.parts(name) is None:
            write_group(reading, name, read(), encoders)
        return
    tasks = [(reading, name, group) for name, group in corpus.groups if reading.parts(name) is None]
    count = processors() if workers is None else workers
    small = workers is None and sum(_bytes(group) for _, _, group in tasks) < SMALL
    if encoders.encoders or count == 1 or len(tasks) < 2 or small or _needs_this_process():
        for _, name, group in track(tasks, "reading", quiet=quiet):
            write_group(reading, name, clips_of(group), encoders)
    else:
        for _ in track(map_together(read_group, tasks, count), "reading", total=len(tasks), quiet=quiet):
            pass


def _needs_this_process() -> bool:
    """Whether a reader, motion format or rig was registered at run time, of which other processes know nothing."""
    from .readers import READERS

    return any(registry.registered for registry in (READERS, FORMATS, RIGS))


def _bytes(group: Iterable[Recording | Dropped]) -> int:
    """Size of the files of a group's recordings."""
    return sum(one.bytes for one in group if isinstance(one, Recording))


def _assemble(
    reading: Reading, names: Sequence[str], encoders: EncoderFeatures, plan: dict[str, Any], key: str, *, quiet: bool
) -> Report:
    """Pairs, manifest and report of a dataset whose recordings have been read; removes what it does not need."""
    out = reading.folder
    found = {name: Group.of(out, name) for name in names}
    groups_read = list(found.values())
    _check_usable(groups_read, encoders, quiet)
    gestures, voices = material_of(out, found)
    synthetic = bool(gestures and voices)
    pairs = PairReport()
    if synthetic:
        rounds, seed, own = plan["rounds"], plan["seed"], _hash([key, names])
        pairs = make_pairs(out, gestures, voices, encoders, key=own, rounds=rounds, seed=seed, quiet=quiet)
    shards = [*(name for name, group in found.items() if group.samples), *pairs.names]
    moving, paired = _samples(found, shards, recorded="motion"), _samples(found, shards, recorded="pair")
    samples = [sample for sample, _ in [*moving, *paired]]
    for index, name in enumerate(shards[len(shards) - len(pairs.names) :], start=len(shards) - len(pairs.names)):
        samples += [{**pair, "shard": index} for pair in json.loads((out / f"{name}.json").read_text())]
    faces = [face for group in groups_read for face in group.faces]
    header = _header(representation_of(reading.representation, faces, quiet=quiet), encoders, synthetic=synthetic)
    write_manifest(out, header, shards, samples)
    report = _report(moving, paired, pairs, groups_read)
    _write_report(out, report, key)
    _clean(out, {*names, *pairs.names})
    return report


def _report(
    moving: Sequence[tuple[dict[str, Any], float]],
    paired: Sequence[tuple[dict[str, Any], float]],
    pairs: PairReport,
    found: Sequence[Group],
) -> Report:
    """What was read and paired."""
    report = Report(
        clips=len(moving) + len(paired),
        seconds=sum(seconds for _, seconds in [*moving, *paired]),
        dropped=[Dropped(*one) for group in found for one in group.dropped],
        pairs=len(paired) + len(pairs.frames),
        pair_seconds=sum(seconds for _, seconds in paired) + sum(pairs.frames) / FPS,
    )
    if pairs.frames:
        report.stroke_to_accent = float(np.nanmean(pairs.distances))
        report.stroke_to_accent_shuffled = float(np.nanmean(pairs.shuffled))
    return report


def _samples(found: Mapping[str, Group], shards: Sequence[str], *, recorded: str) -> list[tuple[dict[str, Any], float]]:
    """Descriptions of the samples of a kind, with the index of their shard, and their seconds."""
    number = {name: index for index, name in enumerate(shards)}
    return [
        ({**sample, "shard": number[name]}, seconds)
        for name, group in found.items()
        for sample, seconds in zip(group.samples, group.seconds, strict=True)
        if sample["kind"] == recorded
    ]


def _check_usable(found: Sequence[Group], encoders: EncoderFeatures, quiet: bool) -> None:
    """Raises UserError if there is no motion, or no word for a word encoder."""
    if not any(group.samples for group in found):
        dropped = [one for group in found for one in group.dropped]
        why = f"; {dropped[0][0]} was dropped: {dropped[0][1]}" if dropped else ""
        raise UserError(f"no usable motion was found{why}")
    if WORDS in encoders.encoders:
        worded, spoken = sum(group.worded for group in found), sum(group.spoken for group in found)
        if not worded:
            raise UserError("no recording has words for the word encoder; add transcripts, or leave it out")
        if not quiet:
            note(f"{worded} of {spoken} recordings have words")


def _header(target: Representation, encoders: EncoderFeatures, *, synthetic: bool) -> dict[str, Any]:
    codec = Codec()
    return {
        **({"codec": {"body": list(codec.body), "hands": list(codec.hands)}} if target.name != "points" else {}),
        **({"space": target.describe()} if target.name != "body" else {}),
        "feature_dim": LAYOUT.dim,
        "acoustics": ACOUSTICS,
        "synthetic_pairs": synthetic,
        **({"encoders": describe(encoders.encoders)} if encoders.encoders else {}),
    }


def _write_report(out: Path, report: Report, key: str) -> None:
    written = {**vars(report), "dropped": [vars(one) for one in report.dropped], "key": key}
    with atomic_path(out / "report.json") as path:
        path.write_text(json.dumps(written, indent=1))


def _read_report(out: Path) -> Report:
    written = json.loads((out / "report.json").read_text())
    written.pop("key", None)
    return Report(**{**written, "dropped": [Dropped(**one) for one in written["dropped"]]})


def _finished(out: Path, key: str) -> Report | None:
    """The report of a dataset that was finished from the same recordings; None if there is none."""
    path = out / "report.json"
    if not (path.is_file() and (out / "manifest.json").is_file()):
        return None
    names = json.loads((out / "manifest.json").read_text()).get("shards", [])
    whole = all((out / f"{name}.safetensors").is_file() for name in names)
    return _read_report(out) if whole and json.loads(path.read_text()).get("key") == key else None


def _clean(out: Path, names: set[str]) -> None:
    """Remove what pairs were made of, and the shards of recordings that are no longer there."""
    shutil.rmtree(out / MATERIAL, ignore_errors=True)
    groups_read = {name.rpartition("-")[0] for name in names}
    for path in out.glob("shard-*"):
        if path.stem not in names | groups_read:
            path.unlink()


def open_dataset(folder: str | Path) -> GestureDataset:
    """Open a finished dataset."""
    return GestureDataset(folder)
