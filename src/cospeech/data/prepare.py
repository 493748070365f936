"""Corpora in, a dataset out: read, check, code, pair, write; with progress, and resumable."""

from __future__ import annotations

import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..core.progress import note, track
from ..motion.codec import Codec
from ..speech.acoustics import DIM as ACOUSTICS
from ..speech.acoustics import acoustics
from ..speech.encoders.settings import WORDS, Encoder, describe
from ..speech.features import speech_features
from ..speech.layout import LAYOUT
from .balance import Balance, Tally
from .clips import Dropped, GestureClip
from .dataset import SYNTHETIC_PAIR, GestureDataset, SampleData, write_manifest, write_shard
from .encoder_features import SILENCE, Hearing, opened, said
from .encoding import CHECKS, recorded, representation_name, representation_of, seconds_of
from .point_clips import PointClip
from .point_normalization import PlacedClip
from .synthetic_pairs import Candidate, Matcher, calm_stretches, candidate, mirrored

Reader = Callable[..., Iterator[GestureClip | PointClip | Dropped]]

SHARD_FRAMES = 40_000  # about 22 minutes a shard
DRAWS = 4  # synthetic pairs to choose from, see ``Balance``


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
    quiet: bool = False,
) -> Report:
    """Build a dataset from corpora.

    Recordings of speech with motion become pairs as they are. Motion without sound and speech without
    motion are matched into synthetic pairs (see ``pairing``), ``rounds`` times through all the speech.

    Args:
        corpora: (reader name, folder) each.
        out: folder of the dataset; an interrupted one is continued.
        representation: what the dataset holds of a motion (``motion.representation``): "body", "smplx" (the
        face as BEAT2
            has it, too) or "points" (in a picture). Unless given, it is "points" for corpora of points
            and "body" for all others. Pairs are made in "body" alone.
        rounds: how often each speech gets a partner.
        limit: read only so many clips a corpus and speaker (for trials).
        speech_encoder: a pretrained network whose states join the features frame by frame: a name of
            Hugging Face, a folder, or an object of your own (``speech.encoders.settings.Encoder``).
        speech_layer: of it: "last", a number, or "mean:K" of the last K (see ``speech.encoders.inputs``).
        word_encoder, word_layer: the same for a network that reads the words of the transcripts.
        precision: of the encoders' products, float32 or bfloat16; stored is float16.
    Returns:
        what was kept, dropped and made; also written to report.json.
    Raises:
        UserError: nothing usable was found, ``out`` holds a dataset of other settings, an encoder cannot be
            opened, there is none of the words that a word encoder is for, or corpora and space do not go
            together.
    """
    out = Path(out)
    readers = [reader(name) for name, _ in corpora]
    representation = representation_name(representation, [name for name, _ in corpora])
    encoders = opened(speech_encoder, speech_layer, word_encoder, word_layer, precision)
    plan = {
        "corpora": [[name, Path(folder).name, _listing(Path(folder))] for name, folder in corpora],
        "rounds": rounds,
        "seed": seed,
        "limit": limit,
        **({"encoders": describe(encoders)} if encoders else {}),
        **({"space": representation} if representation != "body" else {}),
    }
    plan_file = out / "plan.json"
    if plan_file.is_file() and json.loads(plan_file.read_text()) != plan:
        raise UserError(f"{out} was begun with other settings or other recordings; choose another folder or remove it")
    codec, report = Codec(), Report()
    moving: list[GestureClip] = []
    speaking: list[GestureClip] = []
    paired: list[GestureClip | PlacedClip] = []
    for read, (_, folder) in zip(readers, corpora, strict=True):
        for clip in map(CHECKS[representation], read(folder, limit=limit, quiet=quiet)):
            if isinstance(clip, Dropped):
                report.dropped.append(clip)
            elif isinstance(clip, PlacedClip):
                paired.append(clip)
            elif clip.motion is not None and clip.speech is not None:
                paired.append(clip)
            elif clip.motion is not None:
                moving.append(clip)
            else:
                speaking.append(clip)
    if not moving and not paired:
        why = f"; {report.dropped[0].id} was dropped: {report.dropped[0].reason}" if report.dropped else ""
        raise UserError(f"no usable motion was found{why}")
    if WORDS in encoders:
        worded = sum(bool(clip.speech and clip.speech.words) for clip in paired + speaking)
        if not worded:
            raise UserError("no recording has words for the word encoder; add transcripts, or leave it out")
        if not quiet:
            note(f"{worded} of {len(paired) + len(speaking)} recordings have words")
    out.mkdir(parents=True, exist_ok=True)
    plan_file.write_text(json.dumps(plan))
    report.clips = len(moving) + len(paired)
    report.pairs, report.pair_seconds = len(paired), sum(seconds_of(clip) for clip in paired)
    report.seconds = sum(seconds_of(clip) for clip in [*moving, *paired])
    hearing, coded = Hearing(encoders, out / "heard"), representation_of(representation, paired, quiet=quiet)
    writer = _Writer(
        out, LAYOUT.dim, {"acoustics": ACOUSTICS, **hearing.widths}, None if representation == "body" else coded.reach
    )
    for own in track([*moving, *paired], "coding", quiet=quiet):
        writer.add(recorded(own, coded, None if writer.done() else hearing))
    writer.flush()
    if moving and speaking:
        _make_pairs(moving, speaking, codec, hearing, writer, report, rounds=rounds, seed=seed, quiet=quiet)
    header = {
        **({"codec": {"body": list(codec.body), "hands": list(codec.hands)}} if representation != "points" else {}),
        **({"space": coded.describe()} if representation != "body" else {}),
        "feature_dim": LAYOUT.dim,
        "acoustics": ACOUSTICS,
        "synthetic_pairs": bool(moving and speaking),
        **({"encoders": describe(encoders)} if encoders else {}),
    }
    write_manifest(out, header, range(writer.number))
    hearing.close()
    (out / "report.json").write_text(
        json.dumps(
            {
                **{k: v for k, v in vars(report).items() if k != "dropped"},
                "dropped": [vars(item) for item in report.dropped],
            },
            indent=1,
        )
    )
    if not quiet:
        for line in report.lines():
            note(line)
    return report


def _listing(folder: Path) -> str:
    """Eight hex digits that change when a corpus gains, loses or changes the size of a file."""
    found = sorted((str(p.relative_to(folder)), p.stat().st_size) for p in folder.rglob("*") if p.is_file())
    return f"{zlib.crc32(json.dumps(found).encode()):08x}"


class _Writer:
    """Collects entries and writes shards; shards that are already there are passed over."""

    def __init__(self, folder: Path, feature_dim: int, widths: Mapping[str, int], reach: np.ndarray | None) -> None:
        self.folder, self.feature_dim, self.widths, self.number = folder, feature_dim, widths, 0
        self.reach = reach
        self._entries: list[SampleData] = []

    def done(self) -> bool:
        """Is the shard that is being filled already on disk?"""
        return (self.folder / f"shard-{self.number:05d}.json").is_file()

    def add(self, entry: SampleData) -> None:
        self._entries.append(entry)
        if sum(len(item.motion) for item in self._entries) >= SHARD_FRAMES:
            self.flush()

    def flush(self) -> None:
        if self._entries:
            if not self.done():
                write_shard(
                    self.folder,
                    self.number,
                    self._entries,
                    self.feature_dim,
                    widths=self.widths,
                    value_range=self.reach,
                )
            self.number += 1
            self._entries = []

    def skip(self) -> None:
        """Go past a shard that is already on disk."""
        self.number += 1


def _make_pairs(
    moving: list[GestureClip],
    speaking: list[GestureClip],
    codec: Codec,
    hearing: Hearing,
    writer: _Writer,
    report: Report,
    *,
    rounds: int,
    seed: int,
    quiet: bool,
) -> None:
    """Pairs within each split; one shard holds one split's round over a part of the speech."""
    distances: list[tuple[float, float, int]] = []
    for split in ("train", "val", "test"):
        pools: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        real: dict[tuple[str, str], Tally] = defaultdict(Tally)
        for clip in moving:
            if clip.split == split and clip.motion is not None:
                item, key = candidate(clip, codec), (clip.speaker, clip.emotion or "neutral")
                pools[key] += [item, mirrored(item, codec)]
                real[key] += Tally.of(clip.motion)
        balances = {key: Balance(tally) for key, tally in real.items()}
        voices = [clip for clip in speaking if clip.split == split]
        if not pools or not voices:
            continue
        rests = _rests(pools)
        matchers = {key: Matcher(pool, rests[key[0]], codec) for key, pool in pools.items()}
        # Rare emotions are drawn less often than an even share, more often than their own.
        keys = sorted(pools)
        weight = np.sqrt([sum(len(item.motion) for item in pools[key]) for key in keys])
        jobs = [(number, voice) for number in range(rounds) for voice in voices]
        for own in track(_shards(jobs, bounded=bool(hearing.encoders)), f"pairs {split}", quiet=quiet):
            if writer.done():
                described = json.loads((writer.folder / f"shard-{writer.number:05d}.json").read_text())
                distances += [(d["info"]["distance"], d["info"]["shuffled"], d["frames"]) for d in described]
                for d in described:
                    balances[d["speaker"], d["emotion"]].made += Tally(**d["info"]["tally"])
                writer.skip()
                continue
            for number, voice in own:
                entry = _pair(voice, number, split, keys, weight, matchers, balances, codec, hearing, seed)
                info = entry.info
                distances.append((info["distance"], info["shuffled"], len(entry.motion)))
                writer._entries.append(entry)
            writer.flush()
    report.pairs += len(distances)
    report.pair_seconds += sum(d[2] for d in distances) / 30
    if distances:
        report.stroke_to_accent = float(np.nanmean([d[0] for d in distances]))
        report.stroke_to_accent_shuffled = float(np.nanmean([d[1] for d in distances]))


def _shards(jobs: list[tuple[int, GestureClip]], *, bounded: bool) -> list[list[tuple[int, GestureClip]]]:
    """Sixty pairs a shard; fewer if they are long and wide, so that a shard fits into memory."""
    shards: list[list[tuple[int, GestureClip]]] = []
    frames = 0
    for job in jobs:
        own = job[1].speech.frames if job[1].speech else 0
        if not shards or len(shards[-1]) == 60 or (bounded and frames + own > SHARD_FRAMES):
            shards.append([])
            frames = 0
        shards[-1].append(job)
        frames += own
    return shards


def _pair(
    voice: GestureClip,
    number: int,
    split: str,
    keys: list[tuple[str, str]],
    weight: np.ndarray,
    matchers: dict[tuple[str, str], Matcher],
    balances: dict[tuple[str, str], Balance],
    codec: Codec,
    hearing: Hearing,
    seed: int,
) -> SampleData:
    assert voice.speech is not None
    rng = np.random.default_rng([seed, number, zlib.crc32(voice.id.encode())])
    speaker, emotion = keys[int(rng.choice(len(keys), p=weight / weight.sum()))]
    # A second of silence on both sides teaches how gesturing begins and ends.
    before, after = (int(16_000 * rng.uniform(0.3, SILENCE)) for _ in range(2))
    samples = np.pad(voice.speech.samples, (before, after))
    features = speech_features(samples)
    drawn = [matchers[speaker, emotion].make(features, rng) for _ in range(DRAWS)]
    tallies = [Tally.of(codec.decode(pair.motion)) for pair in drawn]
    choice = balances[speaker, emotion].choose(tallies)
    made, tally = drawn[choice], tallies[choice]
    speed = tally.path / tally.seconds
    return SampleData(
        f"{voice.id}#{number}",
        SYNTHETIC_PAIR,
        split,
        speaker,
        emotion,
        made.motion,
        features,
        {
            "speed": speed,
            "distance": made.distance,
            "shuffled": made.shuffled,
            "voice": voice.speaker,
            "sources": list(made.sources),
            "tally": vars(tally),
            **said(voice.speech, len(made.motion), before=before / 16_000),
        },
        {"acoustics": acoustics(samples), **hearing.between_silences(voice.speech, len(made.motion), before=before)},
    )


def _rests(pools: dict[tuple[str, str], list[Candidate]]) -> dict[str, list[Candidate]]:
    """Calm stretches of every speaker, over all emotions."""
    result = {}
    for speaker in {key[0] for key in pools}:
        own = [item for key, pool in pools.items() if key[0] == speaker for item in pool]
        result[speaker] = calm_stretches(own)
    return result


def open_dataset(folder: str | Path) -> GestureDataset:
    """Open a finished store."""
    return GestureDataset(folder)
