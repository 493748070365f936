"""How near made pictures of people come to true ones: one JSON object, and Markdown tables on stderr.

Sets: pairs (``video.training.portrait_pairs``; of portraits the target is a real picture and the source is
made), and films of drawn people, whose first frame is the source of all frames. Systems on each:

- still: the source as it is; what doing nothing gets.
- warping: layers moved by the 116 points, nothing painted; what ``--refine none`` draws.
- each ``--model NAME=FOLDER``: the same refined by a run folder of ``fit_video`` or an exported model folder.
- keypoint ablation, warped only, so that points and maps alone differ: "points, mixture" is the paper's
  design with fixed weights (``video.warping.mixture``), "points, one spline" all 116 points in one spline,
  and "centroids, one spline" ten middles of parts, which stand for what a network finds unsupervised.

Figures: PSNR, SSIM and LPIPS with our own encoder (``video.evaluation``) on whole pictures and on crops of
elbows, forearms, hands, all three ("arms") and faces; on films its Frechet distance, too. "alike" has the same
of those pictures alone whose hands and face show about the side that the source shows (``pairs.alike``), as in
films that gestures drive. Intervals are over people (pairs that share a picture are of one person);
"minus_warping" is the paired difference to warping.

    python benchmarks/bench_video.py --looks FOLDER --pairs portraits=FOLDER --pairs people=FOLDER \\
        --films people=FOLDER --model unet=RUN --model skeleton=RUN --model edges=RUN [--most 200]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from cospeech.core.errors import UserError
from cospeech.methods.model_folder import ModelFolder, evaluator_folder
from cospeech.metrics import FVD, Value, paired_difference, video_reference
from cospeech.video.driving.head_shape import in_depth
from cospeech.video.evaluation import PerceptualFeatureExtractor, PictureScores, VideoFeatureExtractor, score
from cospeech.video.synthetic.corpus import Person, SyntheticPeople
from cospeech.video.training.portrait_pairs import Pair, Pairs, alike, make_pair
from cospeech.video.warping.layers import cut
from cospeech.video.warping.mixture import centroids, mixture_places, spline_places, warped
from cospeech.video.warping.refine import CropRefiner, crops

ORDER = ((1, 2), (3,), (6,), (4,), (7,), (5,), (8,))  # labels of a drawn person in each of layers.PARTS


@dataclass(frozen=True)
class Scene:
    """Pairs of one person, in the order of time where it is a film."""

    clip: str  # who
    pair: Pair
    parts: tuple[np.ndarray, np.ndarray] | None = None  # [T, 7, h, w] seen of source and target, in 0 .. 1


def stacked(pairs: list[Pair]) -> Pair:
    """Single pairs as a batch."""
    return Pair(*(np.stack([getattr(pair, field.name) for pair in pairs]) for field in fields(Pair)))


class PairScenes:
    """Pairs of a folder, each by itself, named by who is in them."""

    film = False

    def __init__(self, folder: Path, most: int | None) -> None:
        self.pairs = Pairs(folder)
        count = len(self.pairs)
        self.chosen = np.linspace(0, count - 1, min(count, most or count)).astype(int)
        self.people = self._people()

    def _people(self) -> list[str]:
        """Of every chosen pair; pairs are of one person if they share a picture with others in between."""
        leader: dict[str, str] = {}

        def lead(one: str) -> str:
            while leader.setdefault(one, one) != one:
                one = leader[one]
            return one

        keys = []
        for k in self.chosen:
            pair = self.pairs.batch(np.array([k]))
            ends = [hashlib.blake2b(side.tobytes()).hexdigest()[:16] for side in (pair.source, pair.target)]
            leader[lead(ends[0])] = lead(ends[1])
            keys.append(ends[1])
        return [lead(key) for key in keys]

    def __iter__(self) -> Iterator[Scene]:
        for k, person in zip(self.chosen, self.people, strict=True):
            pair = self.pairs.batch(np.array([k]))
            whole = pair.masks.astype(np.float32) / 255
            in_front = np.cumprod(1 - whole[:, ::-1], axis=1)[:, ::-1]
            ahead = np.concatenate([in_front[:, 1:], np.ones_like(whole[:, :1])], 1)
            yield Scene(person, pair, (whole * ahead, pair.seen.astype(np.float32) / 255))


class FilmScenes:
    """Films of a folder: the first frame warped to all."""

    film = True

    def __init__(self, folder: Path, most: int | None, depth: bool = True) -> None:
        self.depth = depth
        self.corpus = SyntheticPeople(folder)
        if not self.corpus.header.get("film"):
            raise UserError(f"{folder} holds single pictures; give a corpus that was built with film=True")
        self.chosen: list[Person] = self.corpus.people[:most]

    def __iter__(self) -> Iterator[Scene]:
        for person in self.chosen:
            film = self.corpus.film(person)
            points = film.points.astype(np.float64)
            layers = cut(film.frames[0], points[0], film.mask[0] / 255)
            if self.depth:
                layers = in_depth(layers)
            pairs = [make_pair(layers, film.frames[0], *one) for one in zip(film.frames, points, strict=True)]
            parts = np.stack([np.isin(film.parts, labels) for labels in ORDER], 1).astype(np.float32)
            source = np.broadcast_to(parts[:1], parts.shape)
            yield Scene(f"person {person.number}", stacked(pairs), (source, parts))


def inputs(pair: Pair, k: int) -> dict[str, np.ndarray]:
    """What a refining network of the earlier kind takes of one pair, batch 1."""

    def picture(values: np.ndarray) -> np.ndarray:
        return values[None].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1

    return {
        "source": picture(pair.source[k]),
        "masks": pair.masks[k][None].astype(np.float32) / 255,
        "warped": picture(pair.warped[k]),
        "seen": pair.seen[k][None].astype(np.float32) / 255,
        "flow": pair.flow[k][None].astype(np.float32),
        "points": pair.points[k, 1][None],
    }


def as_bytes(made: np.ndarray) -> np.ndarray:
    """[S, S, 3] in 0 .. 1 -> uint8."""
    return np.clip(np.round(made * 255), 0, 255).astype(np.uint8)


class ExportedSquare:
    """A model folder of the earlier kind, for squares of 256 pixels."""

    def __init__(self, folder: ModelFolder) -> None:
        self.encoder, self.refiner = folder.graph("encoder"), folder.graph("refiner")
        self.config = folder.config["config"]

    def __call__(self, pair: Pair) -> np.ndarray:
        made, seen, features = [], None, []
        for k in range(len(pair.points)):
            given = inputs(pair, k)
            if seen is None or not np.array_equal(seen, given["source"]):
                seen, features = given["source"], self.encoder.all(given["source"], given["masks"])
            one = self.refiner(*features, *(given[n] for n in ("warped", "seen", "flow", "points")))[0]
            made.append(as_bytes(one.transpose(1, 2, 0) / 2 + 0.5))
        return np.stack(made)


class Exported:
    """A model folder."""

    def __init__(self, folder: ModelFolder) -> None:
        self.refiner = CropRefiner(folder)
        self.config = folder.config["config"]

    def __call__(self, pair: Pair) -> np.ndarray:
        made, both, seen = [], pixels(pair), None
        half = pair.source.shape[1] / 2
        for k in range(len(pair.points)):
            if seen is None or not np.array_equal(seen, pair.source[k]):
                seen = pair.source[k]
                self.refiner.begin(seen, pair.masks[k] / np.float32(255), both[k, 0])
            warped = pair.warped[k].astype(np.float32) / np.float32(255)
            came = (pair.flow[k].astype(np.float32) + 1) * np.float32(half)
            made.append(as_bytes(self.refiner.paint(warped, pair.seen[k] / np.float32(255), came, both[k, 1])))
        return np.stack(made)


class Trained:
    """A run folder, its change in the crops that a film has."""

    def __init__(self, run: Path) -> None:
        import torch

        from cospeech.video.training.refiner import load_video_run

        torch.set_num_threads(1)
        generator, described = load_video_run(run)
        self.generator, self.config = generator.eval(), described["config"]

    def __call__(self, pair: Pair) -> np.ndarray:
        import torch

        from cospeech.video.training.refiner import tensors

        made, side = [], pair.source.shape[1]
        with torch.no_grad():
            for k, points in enumerate(pixels(pair)[:, 1]):
                one = Pair(*(getattr(pair, field.name)[k : k + 1] for field in fields(Pair)))
                refined = self.generator(tensors(one))[0].permute(1, 2, 0).numpy() / 2 + 0.5
                weight = np.zeros((side, side, 1), np.float32)
                for rows, columns, share in crops(points, side):
                    weight[rows, columns] += share
                warped = pair.warped[k].astype(np.float32) / np.float32(255)
                made.append(as_bytes(warped + np.minimum(weight, 1) * (refined - warped)))
        return np.stack(made)


def opened(place: str) -> ExportedSquare | Exported | Trained:
    """A model by its folder: an exported one, the name of a shipped one, or a run."""
    path = Path(place) / "config.json"
    if path.is_file() and json.loads(path.read_text()).get("method") == "video generator":
        return Trained(Path(place))
    folder = evaluator_folder(place, "portrait")
    return Exported(folder) if "motion" in folder.config["config"] else ExportedSquare(folder)


def pixels(pair: Pair) -> np.ndarray:
    """[T, 2, 116, 2] points of source and target in pixels."""
    return (pair.points.astype(np.float64) + 1) * (pair.source.shape[1] / 2)


def by_points(places: Callable[[np.ndarray, np.ndarray, tuple[int, int]], np.ndarray]) -> Callable:
    """A system that warps the source by its points."""

    def paint(scene: Scene) -> np.ndarray:
        both = pixels(scene.pair)
        size = scene.pair.source.shape[2], scene.pair.source.shape[1]
        moved = [places(old, new, size) for old, new in both]
        return np.stack([warped(one, at) for one, at in zip(scene.pair.source, moved, strict=True)])

    return paint


def by_centroids(scene: Scene) -> np.ndarray:
    """A system that knows ten places of either picture."""
    assert scene.parts is not None
    made = []
    for picture, before, after in zip(scene.pair.source, *scene.parts, strict=True):
        side = len(picture)
        old, new = (centroids(parts) * (side / parts.shape[-1]) for parts in (before, after))
        both = np.isfinite(old).all(1) & np.isfinite(new).all(1)
        made.append(warped(picture, spline_places(old[both], new[both], (side, side))))
    return np.stack(made)


def systems(models: Mapping[str, ExportedSquare | Exported | Trained], keypoints: bool) -> dict[str, Callable]:
    """Name -> scene to pictures."""
    result: dict[str, Callable] = {"still": lambda scene: scene.pair.source, "warping": lambda scene: scene.pair.warped}
    for name, model in models.items():
        result[name] = lambda scene, model=model: model(scene.pair)
    if keypoints:
        result["points, mixture"] = by_points(mixture_places)
        result["points, one spline"] = by_points(spline_places)
        result["centroids, one spline"] = by_centroids
    return result


def measured(scenes: Any, painters: Mapping[str, Callable], perceptual: PerceptualFeatureExtractor) -> dict[str, Any]:
    """All figures of all systems on one set."""
    every = {name: PictureScores(perceptual) for name in painters}
    near = {name: PictureScores(perceptual) for name in painters}
    film = VideoFeatureExtractor(perceptual)
    made: dict[str, list[tuple[str, np.ndarray]]] = {name: [] for name in painters}
    real: list[tuple[str, np.ndarray]] = []
    people, counts = set(), np.zeros(2, int)
    for scene in scenes:
        target, points = scene.pair.target, pixels(scene.pair)
        same = np.array([alike(*both) for both in points])
        known = perceptual(target / 255.0)
        if scenes.film:
            real.append((scene.clip, target))
        for name, paint in painters.items():
            pictures = paint(scene)
            found = score(pictures, target, points[:, 1], clip=scene.clip, encoder=perceptual, known=known)
            every[name].add(found, clip=scene.clip)
            near[name].add(found, clip=scene.clip, only=same)
            if scenes.film:
                made[name].append((scene.clip, pictures))
        people.add(scene.clip)
        counts += len(target), int(same.sum())
    values = {name: one.compute() for name, one in every.items()}
    result: dict[str, Any] = {"pictures": int(counts[0]), "alike": int(counts[1]), "people": len(people)}
    if scenes.film:
        try:
            reference = video_reference(real, film)
            for name in painters:
                distance = FVD(reference, film)
                for clip, pictures in made[name]:
                    distance.update(pictures, clip=clip)
                values[name]["picture"]["fvd"] = distance.compute()
        except UserError as error:  # too few films for a covariance
            result["fvd_left_out"] = str(error)
    result["systems"] = beside_warping(values)
    result["systems_alike"] = beside_warping({name: one.compute() for name, one in near.items()})
    return result


def beside_warping(values: Mapping[str, Mapping[str, Mapping[str, Value]]]) -> dict[str, Any]:
    """System -> region -> metric -> entry for JSON."""
    base = values["warping"]
    return {
        name: {
            region: {key: with_base(value, base[region].get(key)) for key, value in found.items()}
            for region, found in own.items()
        }
        for name, own in values.items()
    }


def with_base(value: Value, base: Value | None) -> dict[str, Any]:
    """A value for JSON."""
    entry = {
        "value": float(f"{value.value:.5g}"),
        "unit": value.unit,
        "count": value.count,
        "people": value.clips,
        "interval": value.interval and [float(f"{end:.5g}") for end in value.interval],
    }
    if value.name.startswith("fvd"):
        entry["convention"] = value.convention
    if base is not None and base is not value and value.replicates is not None:
        try:
            difference, ends = paired_difference(value, base)
        except UserError:
            return entry
        entry["minus_warping"] = [float(f"{number:.4g}") for number in (difference, *ends)]
    return entry


def table(name: str, found: Mapping[str, Any]) -> str:
    """Markdown tables of a set: all pictures, and those alike."""
    lines = [f"\n{name}: {found['pictures']} pictures of {found['people']} people"]
    for title, key in (("all", "systems"), (f"{found['alike']} alike", "systems_alike")):
        columns = [(region, metric) for region, own in found[key]["warping"].items() for metric in own]
        if not columns:
            continue
        heads = [title, *(f"{region} {metric}" for region, metric in columns)]
        lines += ["", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for system, own in found[key].items():
            cells = " | ".join(f"{own[region][metric]['value']:.4g}" for region, metric in columns)
            lines.append(f"| {system} | {cells} |")
    return "\n".join(lines) + "\n"


def named(text: str) -> tuple[str, str]:
    """NAME=FOLDER."""
    name, sign, place = text.partition("=")
    if not (name and sign and place):
        raise argparse.ArgumentTypeError(f"give NAME=FOLDER; got {text!r}")
    return name, place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--looks", required=True, help="model folder of export_perceptual_encoder")
    parser.add_argument("--pairs", type=named, action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--films", type=named, action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--model", type=named, action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--most", type=int, help="pairs of a folder, evenly chosen; all unless given")
    parser.add_argument("--films-most", type=int, help="films of a folder; all unless given")
    parser.add_argument("--flat", action="store_true", help="warp heads of films without their depth")
    parser.add_argument("--no-keypoints", action="store_true", help="leave the ablation of keypoints out")
    options = parser.parse_args()
    if not (options.pairs or options.films):
        parser.error("give --pairs or --films")
    perceptual = PerceptualFeatureExtractor(options.looks)
    models = {name: opened(place) for name, place in options.model}
    painters = systems(models, not options.no_keypoints)
    sets = {f"pairs {name}": PairScenes(Path(place), options.most) for name, place in options.pairs}
    films = {name: FilmScenes(Path(place), options.films_most, not options.flat) for name, place in options.films}
    sets |= {f"films {name}": scenes for name, scenes in films.items()}  # type: ignore[misc]
    result: dict[str, Any] = {}
    for name, scenes in sets.items():
        result[name] = measured(scenes, painters, perceptual)
        sys.stderr.write(table(name, result[name]))
    head = {
        "benchmark": "video",
        "lpips": perceptual.id,
        "fvd": VideoFeatureExtractor(perceptual).id,
        "models": {name: model.config for name, model in models.items()},
        "sets": result,
    }
    print(json.dumps(head, indent=1))


if __name__ == "__main__":
    main()
