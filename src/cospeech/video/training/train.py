"""Training of portrait video on films of one person, portraits and synthetic people."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import check_folder
from ...core.media import opened_media
from ...core.progress import note, stage
from ...methods.model_folder import evaluator_folder
from ...training.loop import TrainConfig
from ..detection.keypoints import check_person, complete_keypoints, find_keypoints
from ..detection.person_mask import person_mask
from ..detection.picture import is_picture
from ..evaluation import METHOD as ENCODER_METHOD
from ..films.portrait import open_portrait
from ..synthetic.corpus import SyntheticPeople
from ..warping.resampling import SIDE
from .export import encoder_of, export_portrait, generator_of
from .perceptual_network import PerceptualEncoderConfig
from .portrait_network import PortraitConfig
from .portrait_pairs import SHARD, Pair, Pairs, person_pairs, portrait_pairs, write_settings, write_shard
from .refiner import VideoLoss, fit_perceptual_encoder, fit_video, load_perceptual_encoder

OWN = "own"  # perceptual encoder that is trained on the pairs
TELL_EVERY = 20.0  # seconds between lines about pairs
APART = 0.4  # seconds between the frames of a film that are used
MOST = 400  # of them
GROUP = 12  # frames among which pairs are formed
PAIRS_OF_FILM = 800
ENCODER_RUN = "looks"  # name of its run's folder on disk


@dataclass(frozen=True)
class VideoPreset:
    """Sizes and schedules."""

    config: PortraitConfig
    training: TrainConfig
    perceptual: PerceptualEncoderConfig
    perceptual_training: TrainConfig
    poses: int = 12  # random poses of each portrait
    pairs: int = 6  # of each synthetic person
    side: int = 2 * SIDE  # pixels of portraits' pairs, half of the portrait's


_TRAINING = TrainConfig(
    steps=3000,
    batch_size=8,
    learning_rate=1e-3,
    warmup=50,
    weight_decay=1e-4,
    bf16=True,
    log_every=10,
    validate_every=250,
    save_every=100,
)
_PERCEPTUAL = TrainConfig(
    steps=400, batch_size=16, learning_rate=2e-3, warmup=20, bf16=True, validate_every=10**9, save_every=100
)
PRESETS = {
    "tiny": VideoPreset(
        PortraitConfig(channels=(8, 8, 8), render=8, weighing=(8, 8)),
        TrainConfig(steps=2, batch_size=2, warmup=1, log_every=1, validate_every=2, save_every=2),
        PerceptualEncoderConfig(channels=(4, 4, 8, 8, 8)),
        TrainConfig(steps=2, batch_size=2, warmup=1, save_every=2),
        poses=2,
        pairs=2,
        side=SIDE,
    ),
    "default": VideoPreset(PortraitConfig(), _TRAINING, PerceptualEncoderConfig(), _PERCEPTUAL),
    # For a GPU.
    "large": VideoPreset(
        PortraitConfig(channels=(64, 128, 192), render=64, weighing=(64, 96)),
        replace(_TRAINING, steps=60_000, batch_size=32, learning_rate=3e-4, warmup=500),
        PerceptualEncoderConfig(channels=(32, 64, 96, 128, 192)),
        replace(_PERCEPTUAL, steps=10_000, batch_size=64),
        poses=200,
        pairs=12,
    ),
}


def train_video(
    out: str | Path,
    *,
    video: Sequence[str | Path] = (),
    portraits: Sequence[str | Path] = (),
    people: Sequence[str | Path] = (),
    preset: str = "default",
    steps: int | None = None,
    adversarial: float | None = None,
    start: str | Path = "portrait",
    looks: str | Path = ENCODER_METHOD,
    seed: int = 0,
    name: str | None = None,
) -> Path:
    """Train the network that refines portraits, and write its model folder OUT/model.

    Training pairs are created first, in OUT/pairs; existing ones are kept, and a run is continued.

    Args:
        out: run folder.
        video: films of the person whose appearance is to be learned, visible in every frame.
        portraits: pictures, or folders of them; they are warped by their layers.
        people: folders of synthetic people (``video.synthetic.corpus.build_synthetic_people``).
        preset: tiny, default or large.
        steps: of training, instead of the preset's.
        adversarial: weight of the adversarial loss, instead of ``VideoLoss.adversarial``; 0 switches it off.
        start: initial weights: the shipped model, a model folder, or "none" for random ones.
        looks: perceptual encoder of the loss: the shipped one, a model folder, or "own" to train one on the pairs.
        seed: of weights, poses and batches.
        name: the model's name; the folder's name by default.
    Raises:
        UserError: nothing to learn from, an unknown preset, a negative weight, or a film or picture that does not
            show one person.
    """
    if preset not in PRESETS:
        raise UserError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    if not (video or portraits or people):
        raise UserError("nothing to learn from; give films, portraits or folders of synthetic people")
    weights = VideoLoss() if adversarial is None else replace(VideoLoss(), adversarial=adversarial)
    chosen, out = PRESETS[preset], Path(out)
    check_folder(out / "pairs.json" if out.is_dir() else out)
    initial = None if str(start) == "none" else generator_of(evaluator_folder(start, "portrait"))
    perceptual = None if str(looks) == OWN else encoder_of(evaluator_folder(looks, ENCODER_METHOD))
    training = replace(chosen.training, seed=seed, steps=steps or chosen.training.steps)
    pairs = Pairs(*_collected(out / "pairs", _sources(video, portraits, people, chosen, seed)))
    if perceptual is None:
        note("training the perceptual encoder")
        perceptual_training = replace(chosen.perceptual_training, seed=seed)
        if _steps_done(out / ENCODER_RUN) < perceptual_training.steps:
            fit_perceptual_encoder(pairs, out / ENCODER_RUN, config=chosen.perceptual, training=perceptual_training)
        perceptual = load_perceptual_encoder(out / ENCODER_RUN)
    note(f"training the refinement on {len(pairs)} pairs: {training.steps} steps")
    config = initial.config if initial is not None else chosen.config
    fit_video(
        pairs,
        out / "generator",
        config=config,
        weights=weights,
        training=training,
        perceptual=perceptual,
        start=initial,
    )
    names = [Path(path).name for path in (*video, *portraits, *people)]
    return export_portrait(out / "generator", out / "model", name=name or out.name, trained_on=names)


@dataclass(frozen=True)
class _Source:
    """Where pairs come from."""

    label: str
    make: Callable[[], Iterator[Pair]]
    count: int  # pairs at most


def _sources(
    video: Sequence[str | Path],
    portraits: Sequence[str | Path],
    people: Sequence[str | Path],
    chosen: VideoPreset,
    seed: int,
) -> list[_Source]:
    films = [_Source(f"film-{Path(path).stem}", partial(film_pairs, path, seed=seed), PAIRS_OF_FILM) for path in video]
    pictures = [
        _Source(
            f"portrait-{path.stem}",
            partial(pairs_of_portrait, path, chosen.poses, seed, side=chosen.side),
            chosen.poses,
        )
        for path in pictures_of(portraits)
    ]
    drawn = [
        _Source(
            f"people-{Path(path).name}",
            partial(people_pairs, path, chosen.pairs, seed=seed),
            chosen.pairs * len(SyntheticPeople(path).people),
        )
        for path in people
    ]
    return [*films, *pictures, *drawn]


class _Clock:
    """Lines that say how many pairs there are and how long the others will take."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.made = total, 0, 0
        self.began = self.told = time.monotonic()
        note(f"creating up to {total} training pairs; how long it takes is said with the first of them")

    def add(self, count: int = 1, *, made: bool = True) -> None:
        """Count pairs, made or found."""
        self.done += count
        self.made += count if made else 0
        now = time.monotonic()
        if not made or (self.made > 1 and now - self.told < TELL_EVERY):
            return
        self.told = now
        left = (now - self.began) / self.made * max(0, self.total - self.done) / 60
        note(f"pair {self.done} of {self.total}, {left:.0f} min left")


def _collected(out: Path, sources: Sequence[_Source]) -> list[Path]:
    """A folder of pairs for every source, each labelled; existing ones are kept."""
    folders: list[Path] = []
    seen: Counter[str] = Counter()
    clock = _Clock(sum(source.count for source in sources))
    for source in sources:
        seen[source.label] += 1  # files of other folders may have the same name
        label = source.label if seen[source.label] == 1 else f"{source.label}~{seen[source.label]}"
        folders.append(_collect(out / label, source, clock))
    return folders


def _steps_done(run: Path) -> int:
    """Steps of a run that are saved; 0 if there is none."""
    from safetensors import safe_open

    if not (run / "model.safetensors").is_file():
        return 0
    with safe_open(run / "model.safetensors", "np") as saved:
        return int((saved.metadata() or {}).get("step", 0))


def pictures_of(places: Sequence[str | Path]) -> list[Path]:
    """Paths of pictures, and of those in folders. Raises UserError for a folder without any."""
    result: list[Path] = []
    for place in map(Path, places):
        found = [place]
        if place.is_dir():
            found = sorted(path for path in place.iterdir() if path.is_file() and is_picture(path))
        if not found:
            raise UserError(f"no picture in {place}; give PNG, JPEG or WebP")
        result += found
    return result


def _collect(folder: Path, source: _Source, clock: _Clock) -> Path:
    """Write shards of all pairs of a source, unless the folder is complete."""
    if (folder / "pairs.json").is_file():
        clock.add(source.count, made=False)
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("shard-*.safetensors"):  # of a run that was stopped
        left.unlink()
    stage(f"creating pairs of {folder.name}")
    buffer: list[Pair] = []
    count = shard = 0
    for pair in source.make():
        buffer.append(pair)
        count += 1
        clock.add()
        if len(buffer) == SHARD:
            write_shard(folder, shard, buffer)
            buffer, shard = [], shard + 1
    if buffer:
        write_shard(folder, shard, buffer)
    if not count:
        note(f"{folder.name} gives no pairs: warping comes near none of its pictures")
    clock.add(source.count - count, made=False)
    write_settings(folder, {"pairs": count})
    return folder


def pairs_of_portrait(path: Path, poses: int, seed: int, *, side: int = SIDE) -> Iterator[Pair]:
    """Pairs, ``side`` pixels wide, of a picture of one person in ``poses`` random poses."""
    portrait = open_portrait(path, size=2 * side)
    picture, points, person = square(portrait.picture, portrait.points, portrait.person)
    return portrait_pairs(picture, points, person, poses, seed)


def square(picture: np.ndarray, points: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture [H, W, 3] at the top left of a square of its longer side, its border repeated."""
    side = max(picture.shape[:2])
    wide = ((0, side - picture.shape[0]), (0, side - picture.shape[1]))
    return np.pad(picture, (*wide, (0, 0)), mode="edge"), points, np.pad(person, wide, mode="edge")


def film_pairs(path: str | Path, *, seed: int = 0, count: int = PAIRS_OF_FILM) -> Iterator[Pair]:
    """Pairs of frames of a film of one person from a still camera.

    Raises:
        UserError: no film, or nobody in it.
    """
    path = Path(path)
    if is_picture(path):
        raise UserError(f"{path.name} is a picture; give it as a portrait, or a film")
    seen = find_keypoints(path)
    for line in check_person(seen, path.name):
        note(line)
    whole = complete_keypoints(seen.points, seen.confidence, seen.size)
    step = max(1, round(APART * (seen.fps or 30.0)), -(-seen.frames // MOST))
    chosen = range(0, seen.frames, step)
    pictures, places, masks = [], [], []
    for frame, picture in upright_frames(path, chosen):
        small, points = _resized(picture, whole[frame])
        padded = square(small, points, person_mask(small, points))
        pictures.append(padded[0])
        places.append(padded[1])
        masks.append(padded[2])
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pictures))
    groups = [order[k : k + GROUP] for k in range(0, len(order), GROUP)]
    each = max(1, count // max(1, len(groups)))
    for number, group in enumerate(groups):
        if len(group) > 1:
            shown, points, persons = (np.stack([values[k] for k in group]) for values in (pictures, places, masks))
            yield from person_pairs(shown, points, persons, each, seed + number)


def upright_frames(path: Path, chosen: range) -> Iterator[tuple[int, np.ndarray]]:
    """Numbers and pictures [H, W, 3] uint8 of chosen frames of a film, upright."""

    with opened_media(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in chosen:
                yield number, upright(frame.to_ndarray(format="rgb24"), getattr(frame, "rotation", 0))


def upright(picture: np.ndarray, rotation: float) -> np.ndarray:
    """A frame [H, W, 3] rotated upright; ``rotation`` is the film's tag, degrees counterclockwise."""
    return np.ascontiguousarray(np.rot90(picture, round(rotation / 90) % 4))


def _resized(picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from PIL import Image

    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = round(width * scale), round(height * scale)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    return small, points.astype(np.float64) * [size[0] / width, size[1] / height]


def people_pairs(folder: str | Path, count: int, *, seed: int = 0) -> Iterator[Pair]:
    """Pairs of all synthetic people of a corpus, at most ``count`` of each."""
    corpus = SyntheticPeople(folder)
    for person in corpus.people:
        film = corpus.film(person)
        masks = film.mask.astype(np.float64) / 255
        points = film.points.astype(np.float64)
        yield from person_pairs(film.frames, points, masks, count, seed + person.number, every=True)
