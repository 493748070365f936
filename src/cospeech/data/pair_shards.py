"""The shards of synthetic pairs: which speech gets which speaker's gestures, and what has been made already."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.progress import track
from ..core.timing import SAMPLE_RATE
from ..motion.codec import Codec
from ..speech.acoustics import DIM as ACOUSTICS
from ..speech.acoustics import acoustics
from ..speech.features import at_usual_level, speech_features
from ..speech.layout import LAYOUT
from .balance import Balance, Tally
from .dataset import SYNTHETIC_PAIR, SampleData, write_shard
from .encoder_features import SILENCE, EncoderFeatures, word_info
from .reading import SHARD_FRAMES, GestureMaterial, Voice
from .synthetic_pairs import Candidate, Matcher, calm_stretches

DRAWS = 4  # pairs to choose from, see ``Balance``
SHARD_PAIRS = 60  # in a shard, at most
SHORTEST_SILENCE = 0.3  # seconds before and after the speech of a pair, at least
SPLITS = ("train", "val", "test")

Job = tuple[int, Voice]  # round, speech
Key = tuple[str, str]  # speaker and emotion of the gestures


@dataclass
class PairReport:
    """What was made of pairs."""

    names: list[str] = field(default_factory=list)  # of the shards
    frames: list[int] = field(default_factory=list)  # of each pair
    distances: list[float] = field(default_factory=list)  # seconds from a stroke to the nearest accent, mean
    shuffled: list[float] = field(default_factory=list)  # the same by chance

    def add(self, name: str, described: Sequence[dict[str, Any]]) -> None:
        """Count the pairs of a shard."""
        self.names.append(name)
        self.frames += [pair["frames"] for pair in described]
        self.distances += [pair["info"]["distance"] for pair in described]
        self.shuffled += [pair["info"]["shuffled"] for pair in described]


def job_shards(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs in order, sixty a shard; fewer if they are long, so that a shard fits into memory."""
    shards: list[list[Job]] = []
    frames = 0
    for job in jobs:
        own = job[1].frames
        if not shards or len(shards[-1]) == SHARD_PAIRS or frames + own > SHARD_FRAMES:
            shards.append([])
            frames = 0
        shards[-1].append(job)
        frames += own
    return shards


class PairMaker:
    """Makes the synthetic pairs of one split from its clips of motion."""

    def __init__(
        self, split: str, gestures: Sequence[GestureMaterial], encoders: EncoderFeatures, *, seed: int
    ) -> None:
        """Gather the gestures of every speaker and emotion; what they are made of stays on disk."""
        self.split, self.encoders, self.seed, self.codec = split, encoders, seed, Codec()
        pools: dict[Key, list[Candidate]] = defaultdict(list)
        real: dict[Key, Tally] = defaultdict(Tally)
        for gesture in gestures:
            key = (gesture.speaker, gesture.emotion or "neutral")
            pools[key].append(gesture.candidate)
            real[key] += gesture.tally
        self.balances = {key: Balance(tally) for key, tally in real.items()}
        rests = {
            speaker: calm_stretches([item for key, pool in pools.items() if key[0] == speaker for item in pool])
            for speaker in {key[0] for key in pools}
        }
        self.matchers = {key: Matcher(pool, rests[key[0]], self.codec) for key, pool in pools.items()}
        # Rare emotions are drawn less often than an even share, more often than their own.
        self.keys = sorted(pools)
        self.weight = np.sqrt([sum(len(item.motion) for item in pools[key]) for key in self.keys])

    def pair(self, voice: Voice, number: int) -> SampleData:
        """The pair of a speech in a round; it counts in the balance of its speaker and emotion."""
        rng = np.random.default_rng([self.seed, number, zlib.crc32(voice.id.encode())])
        key = self.keys[int(rng.choice(len(self.keys), p=self.weight / self.weight.sum()))]
        # A second of silence on both sides teaches how gesturing begins and ends.
        before, after = (int(SAMPLE_RATE * rng.uniform(SHORTEST_SILENCE, SILENCE)) for _ in range(2))
        speech = voice.speech()
        samples = np.pad(speech.samples, (before, after))
        features = speech_features(at_usual_level(samples))
        drawn = [self.matchers[key].make(features, rng) for _ in range(DRAWS)]
        tallies = [Tally.of(self.codec.decode(pair.motion)) for pair in drawn]
        choice = self.balances[key].choose(tallies)
        pair, tally = drawn[choice], tallies[choice]
        info = {
            "speed": tally.path / tally.seconds,
            "distance": pair.distance,
            "shuffled": pair.shuffled,
            "voice": voice.speaker,
            "sources": list(pair.sources),
            "tally": vars(tally),
            **word_info(speech, len(pair.motion), before=before / SAMPLE_RATE),
        }
        extra = {
            "acoustics": acoustics(samples),
            **self.encoders.between_silences(speech, len(pair.motion), before=before),
        }
        return SampleData(f"{voice.id}#{number}", SYNTHETIC_PAIR, self.split, *key, pair.motion, features, info, extra)


def make_pairs(
    folder: Path,
    gestures: Sequence[GestureMaterial],
    voices: Sequence[Voice],
    encoders: EncoderFeatures,
    *,
    key: str,
    rounds: int,
    seed: int,
    quiet: bool,
) -> PairReport:
    """Write the shards of synthetic pairs within each split, round after round through all the speech.

    Args:
        folder: of the dataset; shards that are there are used again.
        key: hash of what the pairs are made of.
    """
    report = PairReport()
    for split in SPLITS:
        own = [gesture for gesture in gestures if gesture.split == split]
        jobs = [(number, voice) for number in range(rounds) for voice in voices if voice.split == split]
        if not own or not jobs:
            continue
        maker: PairMaker | None = None
        waiting: list[Path] = []  # shards that are there, whose pairs count in the balance
        for index, shard in enumerate(track(job_shards(jobs), f"pairs {split}", quiet=quiet)):
            text = json.dumps([key, split, index, [(number, voice.id) for number, voice in shard]])
            name = f"shard-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
            described = folder / f"{name}.json"
            if described.is_file() and described.with_suffix(".safetensors").is_file():
                waiting.append(described)
            else:
                maker = maker or PairMaker(split, own, encoders, seed=seed)
                _count(maker, waiting)
                waiting = []
                pairs = [maker.pair(voice, number) for number, voice in shard]
                write_shard(folder, name, pairs, LAYOUT.dim, widths={"acoustics": ACOUSTICS, **encoders.widths})
            report.add(name, json.loads(described.read_text()))
    return report


def _count(maker: PairMaker, described: Sequence[Path]) -> None:
    """Count pairs that were made before in the balance."""
    for path in described:
        for pair in json.loads(path.read_text()):
            balance = maker.balances[pair["speaker"], pair["emotion"]]
            balance.synthetic = balance.synthetic + Tally(**pair["info"]["tally"])
