"""Training portrait video from films of one person, portraits and drawn people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import check_folder
from ...core.progress import note, stage
from ...methods.model_folder import evaluator_folder
from ...training.loop import TrainConfig
from ..detection.keypoints import check_person, complete, find_points
from ..detection.person_mask import person_mask
from ..detection.picture import is_picture
from ..films.portrait import open_portrait
from ..synthetic.corpus import People
from .export import export_portrait, generator_of
from .perceptual_network import LooksConfig
from .portrait_network import PortraitConfig
from .portrait_pairs import SHARD, Pair, Pairs, person_pairs, portrait_pairs, write_settings, write_shard
from .refiner import VideoLoss, fit_looks, fit_video, load_looks

SIDE = 256
APART = 0.4  # seconds between frames of a film that are looked at
MOST = 400  # of them
GROUP = 12  # frames that pairs are made between


@dataclass(frozen=True)
class VideoPreset:
    """Sizes and schedules."""

    config: PortraitConfig
    training: TrainConfig
    looks: LooksConfig
    looks_training: TrainConfig
    poses: int = 32  # random ones of each portrait
    pairs: int = 6  # of each drawn person


_TRAINING = TrainConfig(
    steps=3000,
    batch_size=8,
    learning_rate=2e-3,
    warmup=50,
    weight_decay=1e-4,
    bf16=True,
    validate_every=250,
    save_every=250,
)
_LOOKS = TrainConfig(
    steps=400, batch_size=16, learning_rate=2e-3, warmup=20, bf16=True, validate_every=10**9, save_every=100
)
PRESETS = {
    "tiny": VideoPreset(
        PortraitConfig(channels=(8, 8, 8), render=8),
        TrainConfig(steps=2, batch_size=2, warmup=1, log_every=1, validate_every=2, save_every=2),
        LooksConfig(channels=(4, 4, 8, 8, 8)),
        TrainConfig(steps=2, batch_size=2, warmup=1, save_every=2),
        poses=2,
        pairs=2,
    ),
    "default": VideoPreset(PortraitConfig(), _TRAINING, LooksConfig(), _LOOKS),
    # For a GPU.
    "large": VideoPreset(
        PortraitConfig(channels=(64, 128, 192), render=64),
        replace(_TRAINING, steps=60_000, batch_size=32, learning_rate=3e-4, warmup=500),
        LooksConfig(channels=(32, 64, 96, 128, 192)),
        replace(_LOOKS, steps=10_000, batch_size=64),
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
    start: str | Path = "portrait",
    seed: int = 0,
    name: str | None = None,
) -> Path:
    """Train the network that refines portraits, and write its model folder OUT/model.

    Pairs are made first, in OUT/pairs; what is there already is not made again, and a run is continued.

    Args:
        out: run folder.
        video: films of the person whose looks are to be learned; every frame shows them.
        portraits: pictures, or folders of them; they are moved by their layers.
        people: folders of drawn people (``video.synthetic.corpus.build_people``).
        preset: tiny, default or large.
        steps: instead of the preset's.
        start: weights to begin with: the shipped model, a model folder, or "none" for new ones.
        seed: of weights, poses and batches.
        name: the model's name; that of the folder unless given.
    Raises:
        UserError: nothing to learn from, an unknown preset, or a film or picture that shows no one person.
    """
    if preset not in PRESETS:
        raise UserError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    if not (video or portraits or people):
        raise UserError("nothing to learn from is named; give films, portraits or folders of drawn people")
    chosen, out = PRESETS[preset], Path(out)
    check_folder(out / "pairs.json" if out.is_dir() else out)
    begin = None if str(start) == "none" else generator_of(evaluator_folder(start, "portrait"))
    sources: list[tuple[str, Callable[[], Iterator[Pair]]]] = []
    for path in video:
        sources.append((f"film-{Path(path).stem}", partial(film_pairs, path, seed=seed)))
    for path in pictures_of(portraits):
        sources.append((f"portrait-{path.stem}", partial(_of_portrait, path, chosen.poses, seed)))
    for path in people:
        sources.append((f"people-{Path(path).name}", partial(people_pairs, path, chosen.pairs, seed=seed)))
    made: list[Path] = []
    seen: Counter[str] = Counter()
    for label, make in sources:
        seen[label] += 1  # files of other folders may have the same name
        made.append(_collect(out / "pairs" / (label if seen[label] == 1 else f"{label}~{seen[label]}"), make))
    pairs = Pairs(*made)
    training = replace(chosen.training, seed=seed, steps=steps or chosen.training.steps)
    stage("learning to see people")
    looks_training = replace(chosen.looks_training, seed=seed)
    if _steps_done(out / "looks") < looks_training.steps:
        fit_looks(pairs, out / "looks", config=chosen.looks, training=looks_training)
    stage("learning to paint people")
    config = begin.config if begin is not None else chosen.config
    fit_video(
        pairs,
        out / "generator",
        config=config,
        weights=VideoLoss(),
        training=training,
        perceptual=load_looks(out / "looks"),
        start=begin,
    )
    names = [Path(path).name for path in (*video, *portraits, *people)]
    return export_portrait(out / "generator", out / "model", name=name or out.name, trained_on=names)


def _steps_done(run: Path) -> int:
    """How far a run has been saved; 0 if there is none."""
    from safetensors import safe_open

    if not (run / "model.safetensors").is_file():
        return 0
    with safe_open(run / "model.safetensors", "np") as saved:
        return int((saved.metadata() or {}).get("step", 0))


def pictures_of(places: Sequence[str | Path]) -> list[Path]:
    """Pictures, and those in folders. Raises UserError for a folder without any."""
    result: list[Path] = []
    for place in map(Path, places):
        found = [place]
        if place.is_dir():
            found = sorted(path for path in place.iterdir() if path.is_file() and is_picture(path))
        if not found:
            raise UserError(f"no picture in {place}; give PNG, JPEG or WebP")
        result += found
    return result


def _collect(folder: Path, make: Callable[[], Iterator[Pair]]) -> Path:
    """Shards of all pairs that are made, unless they are there."""
    if (folder / "pairs.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("shard-*.safetensors"):  # of a run that was stopped
        left.unlink()
    stage(f"making pairs of {folder.name}")
    buffer: list[Pair] = []
    count = shard = 0
    for pair in make():
        buffer.append(pair)
        count += 1
        if len(buffer) == SHARD:
            write_shard(folder, shard, buffer)
            buffer, shard = [], shard + 1
    if buffer:
        write_shard(folder, shard, buffer)
    if not count:
        note(f"{folder.name} gives no pairs: face and hands show too different sides in its pictures")
    write_settings(folder, {"pairs": count})
    return folder


def _of_portrait(path: Path, poses: int, seed: int) -> Iterator[Pair]:
    portrait = open_portrait(path, size=2 * SIDE)
    picture, points, person = square(portrait.picture, portrait.points, portrait.person)
    return portrait_pairs(picture, points, person, poses, seed)


def square(picture: np.ndarray, points: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture [H, W, 3] at the top left of a square of its longer side, its border going on."""
    side = max(picture.shape[:2])
    wide = ((0, side - picture.shape[0]), (0, side - picture.shape[1]))
    return np.pad(picture, (*wide, (0, 0)), mode="edge"), points, np.pad(person, wide, mode="edge")


def film_pairs(path: str | Path, *, seed: int = 0, count: int = 800) -> Iterator[Pair]:
    """Pairs of frames of a film of one person before a still camera.

    Raises:
        UserError: no film, or nobody in it.
    """
    path = Path(path)
    if is_picture(path):
        raise UserError(f"{path.name} is a picture; give it as a portrait, or a film")
    seen = find_points(path)
    for line in check_person(seen, path.name):
        note(line)
    whole = complete(seen.points, seen.confidence, seen.size)
    step = max(1, round(APART * (seen.fps or 30.0)), -(-seen.frames // MOST))
    chosen = range(0, seen.frames, step)
    pictures, places, masks = [], [], []
    for frame, picture in _frames(path, chosen):
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


def _frames(path: Path, chosen: range) -> Iterator[tuple[int, np.ndarray]]:
    import av

    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in chosen:
                yield number, upright(frame.to_ndarray(format="rgb24"), getattr(frame, "rotation", 0))


def upright(picture: np.ndarray, rotation: float) -> np.ndarray:
    """A frame [H, W, 3] as it is meant to be seen; a film says how many degrees to the left it is turned."""
    return np.ascontiguousarray(np.rot90(picture, round(rotation / 90) % 4))


def _resized(picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from PIL import Image

    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = round(width * scale), round(height * scale)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    return small, points.astype(np.float64) * [size[0] / width, size[1] / height]


def people_pairs(folder: str | Path, count: int, *, seed: int = 0) -> Iterator[Pair]:
    """Pairs of all drawn people of a corpus, ``count`` of each at most."""
    corpus = People(folder)
    for person in corpus.people:
        film = corpus.film(person)
        masks = film.mask.astype(np.float64) / 255
        yield from person_pairs(film.frames, film.points.astype(np.float64), masks, count, seed + person.number)
