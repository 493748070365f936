"""A corpus of synthetic people for training portrait video: shards of pictures with keypoints, masks and parts.

A corpus is a folder: ``shard-NNNNN.safetensors`` with a ``.json`` beside each, and ``manifest.json``, which
is written anew after every shard, so that reading can begin before the end. Shards appear whole or not at
all; an interrupted ``build_synthetic_people`` goes on where it stopped. Who is drawn follows from the seed, the split
and the person's number, so no person of one split is in another; actors are those of the dataset's split.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path, write_arrays
from ...core.json_files import read_json
from ...core.progress import track
from ...data.dataset import GestureDataset, Sample
from ...motion.motion import Motion
from ...motion.points import FINGERS, SIDES
from ...motion.skeleton import CANONICAL_NAMES
from ..driving.landmarks import joint_places, project
from .appearance import Appearance, random_appearance
from .figure import make_figure
from .poses import actors_of, far_apart, sampled_clip, sampled_poses
from .rendering import PersonFilm, frame_person, render_person

FORMAT = 1
SHARD = 20  # people
ARRAYS = ("frames", "points", "confidence", "mask", "parts")
CANDIDATES = 96  # sampled poses that a person's pictures are chosen from
APART = 5  # candidates for each picture; with more, only extreme poses would be chosen [D]
INSIDE = 0.75  # share of a hand's joints that should be in the picture [D]
TRIES = 4  # clips of which the one with the most visible hands is drawn
FIRST_CANDIDATES, ENOUGH = 3, 2  # sampled poses at least, and those with visible hands, for each picture
_ARMS = [CANONICAL_NAMES.index(f"{side}_{n}") for n in ("shoulder", "elbow", "wrist") for side in SIDES]
_ARMS.append(CANONICAL_NAMES.index("head"))
_HAND = ("wrist", *(f"{finger}{k}" for finger in FINGERS for k in (1, 2, 3)))
_HANDS = [[CANONICAL_NAMES.index(f"{side}_{name}") for name in _HAND] for side in SIDES]
# Weights of fingers (metres from the wrist) and of face shapes against the arms' positions in metres [D].
_FINGERS, _FACE = 0.5, 0.08


@dataclass(frozen=True)
class Person:
    """One person of a corpus."""

    number: int
    actor: str  # whose motion
    shard: int
    start: int  # first picture in the shard
    frames: int


def build_synthetic_people(
    dataset: str | Path | GestureDataset,
    out: str | Path,
    *,
    count: int = 500,
    frames_each: int = 6,
    size: int = 256,
    seed: int = 0,
    split: str = "train",
    actors: Sequence[str] | None = None,
    film: bool = False,
    shard: int = SHARD,
    pictures: Sequence[np.ndarray] = (),
    quiet: bool = False,
) -> Path:
    """Draw a corpus of synthetic people.

    Args:
        dataset: its recorded motion moves the people.
        out: folder, created if missing.
        count: number of people.
        frames_each: pictures of each, in poses that differ much; consecutive frames with ``film``.
        size: pixels, width and height.
        seed: of everything random.
        split: train, val or test: whose motion, and which people.
        actors: only these of the split.
        film: draw consecutive frames, 30 a second.
        shard: people in a file.
        pictures: [H, W, 3] uint8, backgrounds of the user's own.
        quiet: no progress bar.

    Returns:
        The folder.

    Raises:
        UserError: nothing to draw, no such actors, or the folder holds another corpus.
    """
    if count < 1 or frames_each < 1 or shard < 1:
        raise UserError(f"got {count} people, {frames_each} pictures each, {shard} in a file; all are 1 or more")
    opened = dataset if isinstance(dataset, GestureDataset) else GestureDataset(dataset)
    casts = actors_of(opened, split, actors)
    folder = Path(out)
    header = {
        "format": FORMAT,
        "seed": seed,
        "split": split,
        "size": size,
        "frames_each": frames_each,
        "film": film,
        "shard": shard,
        "actors": sorted(casts),
    }
    _check(folder, header)
    folder.mkdir(parents=True, exist_ok=True)
    shards = range(-(-count // shard))
    for number in track(shards, "drawing people", total=len(shards), quiet=quiet):
        described = folder / f"shard-{number:05d}.json"
        wanted = range(number * shard, min((number + 1) * shard, count))
        if described.is_file() and len(json.loads(described.read_text())) == len(wanted):
            continue
        people: list[Person] = []
        films: list[PersonFilm] = []
        for k in wanted:
            rng = np.random.default_rng([seed, zlib.crc32(split.encode()), k])
            actor = sorted(casts)[int(rng.integers(len(casts)))]
            films.append(_draw(rng, opened, casts[actor], frames_each, size, film, tuple(pictures)))
            people.append(Person(k, actor, number, len(people) * frames_each, frames_each))
        _write(folder, number, films, people)
        _write_manifest(folder, header)
    _write_manifest(folder, header)
    return folder


def _draw(
    rng: np.random.Generator,
    dataset: GestureDataset,
    samples: list[Sample],
    count: int,
    size: int,
    film: bool,
    pictures: tuple[np.ndarray, ...],
) -> PersonFilm:
    """Pictures of one person, chosen among candidates with the hands in the picture."""
    appearance = random_appearance(rng)
    if film:
        tries = [sampled_clip(rng, dataset, samples, count) for _ in range(TRIES)]
        seen = [_seen(appearance, motion, size)[0].mean() for motion in tries]
        return render_person(appearance, tries[int(np.argmax(seen))], size=size, pictures=pictures)
    motion = sampled_poses(rng, dataset, samples, max(CANDIDATES, FIRST_CANDIDATES * count))
    inside, features = _seen(appearance, motion, size)
    good = np.flatnonzero(inside >= INSIDE)
    if len(good) < ENOUGH * count:
        good = np.argsort(-inside)[: ENOUGH * count]
    good = rng.permutation(good)[: APART * count]
    chosen = np.sort(good[far_apart(features[good], count, 0)])
    return render_person(appearance, motion, size=size, frames=chosen, pictures=pictures)


def _seen(appearance: Appearance, motion: Motion, size: int) -> tuple[np.ndarray, np.ndarray]:
    """[T] the smaller share of a hand's joints in the picture, and [T, D] features by which poses differ."""
    figure = make_figure(appearance)
    camera = frame_person(figure, motion, appearance.view)
    places = joint_places(figure.body, motion)
    shares = []
    for hand in _HANDS:
        pixels = project(places[:, hand], camera, size, size)
        within: np.ndarray = np.all((pixels >= 0) & (pixels < size), axis=-1)
        shares.append(within.mean(1))
    body = places[:, _ARMS] - places[:, _ARMS[:2]].mean(1, keepdims=True)
    fingers = [_FINGERS * (places[:, hand[1:]] - places[:, hand[:1]]) for hand in _HANDS]
    rows = [part.reshape(len(places), -1) for part in (body, *fingers)]
    if motion.face is not None:
        rows.append(_FACE * motion.face)
    return np.minimum(*shares), np.concatenate(rows, 1)


def _write(folder: Path, number: int, films: list[PersonFilm], people: list[Person]) -> None:
    arrays = {name: np.concatenate([getattr(film, name) for film in films]) for name in ARRAYS}
    write_arrays(folder / f"shard-{number:05d}.safetensors", arrays)
    with atomic_path(folder / f"shard-{number:05d}.json") as path:
        path.write_text(json.dumps([asdict(person) for person in people]))


def _write_manifest(folder: Path, header: dict[str, Any]) -> None:
    people = [person for path in sorted(folder.glob("shard-*.json")) for person in json.loads(path.read_text())]
    with atomic_path(folder / "manifest.json") as path:
        path.write_text(json.dumps({**header, "people": people}))


def _check(folder: Path, header: dict[str, Any]) -> None:
    """Raises UserError if the folder holds a corpus with other settings."""
    path = folder / "manifest.json"
    if not path.is_file():
        return
    found = _read(path)
    for name, value in header.items():
        if found.get(name) != value:
            raise UserError(
                f"{folder} holds another corpus: its {name} is {found.get(name)}, requested is {value}; "
                "choose a new folder"
            )


def _read(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = read_json(path, advice="build the corpus again")
    if manifest.get("format") != FORMAT:
        raise UserError(f"{path} has format {manifest.get('format')}, this version reads {FORMAT}")
    return manifest


class SyntheticPeople:
    """A corpus of synthetic people, as far as it is written, opened for reading."""

    def __init__(self, folder: str | Path) -> None:
        """Raises UserError if there is none."""
        self.folder = Path(folder)
        path = self.folder / "manifest.json"
        if not path.is_file():
            raise UserError(f"{folder} has no manifest.json, so no synthetic people; run `cospeech video people` first")
        self.header = _read(path)
        self.people = [Person(**person) for person in self.header.pop("people")]

    def __len__(self) -> int:
        return len(self.people)

    def __iter__(self) -> Iterator[PersonFilm]:
        return (self.film(person) for person in self.people)

    def film(self, person: Person) -> PersonFilm:
        """One person's pictures, read from the disk."""
        from safetensors import safe_open

        span = slice(person.start, person.start + person.frames)
        with safe_open(str(self.folder / f"shard-{person.shard:05d}.safetensors"), "np") as file:
            return PersonFilm(**{name: file.get_slice(name)[span] for name in ARRAYS})
