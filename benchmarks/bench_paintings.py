"""How well paintings and drawings are told from photographs (``video.detection.painting``): one JSON object.

There are no paintings here, so portraits are made painterly by filters, each with random strength: Kuwahara, bilateral
with few colours, oil (the most frequent tone near by), pencil, strokes on canvas; watercolour and comic are never
fitted on. Photographs are the portraits as they are, and blurred, noisy, compressed, enlarged, sharpened, tinted
and grey ones. Portraits that are set aside (every fifth from the third) are measured and never fitted on.

    python benchmarks/bench_paintings.py PORTRAITS [--drawn FOLDER] [--photographs FOLDER] [--fit FILE.json] [--aside]

--fit writes a new model, by the portraits that are not set aside; --drawn takes a corpus of ``cospeech video people``,
whose first half is fitted on, and --photographs a folder of other photographs, that are never fitted on.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from cospeech.core.progress import track
from cospeech.video.detection.painting import is_painting, painting_features
from cospeech.video.detection.picture import load_picture
from cospeech.video.synthetic.corpus import SyntheticPeople
from cospeech.video.warping.matte import box

ASIDE = slice(2, None, 5)
ROUNDS = 1  # of each filter on each portrait
RIDGE = 0.3  # of the logistic model
FALSE_ALARMS = 0.005  # of photographs that a model is not fitted on (FOLDS); it sets the threshold
FOLDS = 4  # of the portraits
DRAWN_WEIGHT = 4  # of a drawn person, as there are few
Rng = np.random.Generator


def kuwahara(image: np.ndarray, rng: Rng) -> np.ndarray:
    """The mean of that quarter round a pixel which varies least."""
    radius = int(rng.integers(2, 6))
    half = (radius + 1) // 2
    values = np.pad(image.astype(np.float32), ((half, half), (half, half), (0, 0)), mode="edge")
    mean, power = box(values, half), box((values**2).mean(-1), half)
    spread = power - (mean**2).mean(-1)
    height, width = image.shape[:2]
    shifts = [(y, x) for y in (0, 2 * half) for x in (0, 2 * half)]
    means = np.stack([mean[y : y + height, x : x + width] for y, x in shifts])
    chosen = np.stack([spread[y : y + height, x : x + width] for y, x in shifts]).argmin(0)
    return np.take_along_axis(means, chosen[None, ..., None], 0)[0]


def bilateral(image: np.ndarray, rng: Rng, radius: int = 3) -> np.ndarray:
    """Smooth between edges."""
    range_width = rng.uniform(20, 45)
    values = image.astype(np.float32)
    padded = np.pad(values, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    total, weight = np.zeros_like(values), np.zeros(values.shape[:2], np.float32)
    for dy in range(2 * radius + 1):
        for dx in range(2 * radius + 1):
            near = padded[dy : dy + len(values), dx : dx + values.shape[1]]
            away = ((near - values) ** 2).sum(-1) / np.float32(2 * range_width**2)
            share = np.exp(-away - np.float32(((dy - radius) ** 2 + (dx - radius) ** 2) / (2 * radius)))
            total += share[..., None] * near
            weight += share
    return total / weight[..., None]


def posterised(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Bilateral, in 5 to 12 levels of each colour."""
    smooth = bilateral(image, rng)
    step = 255 / (rng.integers(5, 13) - 1)
    return np.round(smooth / step) * step


def oil(image: np.ndarray, rng: Rng) -> np.ndarray:
    """The mean colour of the most frequent tones near by."""
    radius, count = int(rng.integers(2, 6)), int(rng.integers(8, 21))
    values = image.astype(np.float32)
    bins = np.minimum((values.mean(-1) / 256 * count).astype(int), count - 1)
    best, result = np.zeros(bins.shape, np.float32), values.copy()
    for number in range(count):
        inside = (bins == number).astype(np.float32)
        share = box(inside, radius)
        mean = box(values * inside[..., None], radius) / np.maximum(share, 1e-6)[..., None]
        more = share > best
        result[more], best[more] = mean[more], share[more]
    return result


def pencil(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Dark lines on paper, grey or with some of the colour (colour dodge by a blurred negative)."""
    grey = Image.fromarray(image).convert("L")
    negative = ImageChops.invert(grey).filter(ImageFilter.GaussianBlur(rng.uniform(2, 8)))
    lines = np.minimum(np.asarray(grey, np.float32) * 255 / np.maximum(255.0 - np.asarray(negative), 1), 255)
    lines = 255 * (lines / 255) ** rng.uniform(1, 3)
    colour = rng.choice([0.0, 0.3, 0.7])
    tone = 255 - (255 - image.astype(np.float32)) * colour
    paper = rng.normal(0, rng.uniform(0, 6), grey.size[::-1])
    return lines[..., None] / 255 * tone + paper[..., None]


def strokes(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Brush strokes along edges, from coarse to fine, and a weave of canvas (after Hertzmann, SIGGRAPH 1998)."""
    height, width = image.shape[:2]
    smooth = Image.fromarray(image).filter(ImageFilter.GaussianBlur(2))
    y, x = np.gradient(np.asarray(smooth.convert("L"), np.float32))
    canvas = smooth.filter(ImageFilter.GaussianBlur(6))
    brush = ImageDraw.Draw(canvas)
    colours, target = np.asarray(smooth), image.astype(np.float32)
    finest = rng.uniform(1.5, 3.5)
    for radius in (4 * finest, 2 * finest, finest):
        off = np.abs(np.asarray(canvas, np.float32) - target).mean(-1)
        count = int(height * width / (1.2 * radius**2))
        for row, column in zip(rng.integers(0, height, count), rng.integers(0, width, count), strict=True):
            if off[row, column] < 8 and radius < 4 * finest:
                continue
            angle = np.arctan2(x[row, column], -y[row, column]) + rng.normal(0, 0.2)
            way = radius * rng.uniform(1.5, 4) * np.array([np.cos(angle), np.sin(angle)])
            colour = np.clip(colours[row, column] + rng.normal(0, 6, 3), 0, 255).astype(int)
            ends = [(column - way[0], row - way[1]), (column + way[0], row + way[1])]
            brush.line(ends, fill=tuple(colour), width=round(2 * radius))
    period, depth = rng.uniform(2.5, 5), rng.uniform(0, 8)
    rows, columns = np.mgrid[0:height, 0:width]
    weave = depth * (np.sin(2 * np.pi * rows / period) + np.sin(2 * np.pi * columns / period)) / 2
    return np.asarray(canvas, np.float32) + weave[..., None]


def watercolour(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Large medians, darker at their edges, lighter on the whole, on rough paper."""
    size = int(rng.choice([7, 9, 11]))
    wash = Image.fromarray(image).filter(ImageFilter.MedianFilter(size)).filter(ImageFilter.MedianFilter(size))
    values = np.asarray(wash, np.float32)
    y, x = np.gradient(values.mean(-1))
    edge = np.clip(np.hypot(x, y) / 20, 0, 1) * rng.uniform(0.1, 0.35)
    paper = box(rng.normal(0, rng.uniform(4, 12), edge.shape), 1)
    return (values * 0.8 + 51) * (1 - edge)[..., None] + paper[..., None]


def comic(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Few flat tones and black outlines."""
    values = np.asarray(Image.fromarray(image).filter(ImageFilter.MedianFilter(7)), np.float32)
    step = 255 / (rng.integers(4, 8) - 1)
    blurred = (Image.fromarray(image).convert("L").filter(ImageFilter.GaussianBlur(s)) for s in (1.0, 2.0))
    near, far = (np.asarray(one, np.float32) for one in blurred)
    lines = np.clip(1 + (near - far + rng.uniform(1, 3)) / 4, 0, 1)
    return np.round(values / step) * step * lines[..., None]


FITTED = {"kuwahara": kuwahara, "posterised": posterised, "oil": oil, "pencil": pencil, "strokes": strokes}
OTHERS = {"watercolour": watercolour, "comic": comic}


def as_is(image: np.ndarray, rng: Rng) -> np.ndarray:
    return image


def blurred(image: np.ndarray, rng: Rng) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.8))))


def noisy(image: np.ndarray, rng: Rng) -> np.ndarray:
    return image + rng.normal(0, rng.uniform(2, 14), image.shape)


def compressed(image: np.ndarray, rng: Rng) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(rng.integers(25, 90)))
    return np.asarray(Image.open(file))


def enlarged(image: np.ndarray, rng: Rng) -> np.ndarray:
    """A small picture, as it is or at the size that it had."""
    side = int(rng.integers(200, 400))
    small = Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small.resize(image.shape[1::-1], Image.Resampling.BICUBIC) if rng.random() < 0.5 else small)


def sharpened(image: np.ndarray, rng: Rng) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.UnsharpMask(2, int(rng.integers(60, 200)), 2)))


def tinted(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Of other colours and contrast."""
    return 255 * np.clip(image / 255 * rng.uniform(0.8, 1.3, 3), 0, 1) ** rng.uniform(0.6, 1.6)


def grey(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Black and white, with grain."""
    values = np.repeat(image.mean(-1, keepdims=True), 3, -1)
    return 255 * (values / 255) ** rng.uniform(0.7, 1.4) + rng.normal(0, rng.uniform(0, 5), (*image.shape[:2], 1))


def retouched(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Smoothed as phones do, one soft bilateral filter half laid over it."""
    return 0.5 * image + 0.5 * bilateral(image, rng, 2)


PHOTOGRAPHS = {
    one.__name__: one for one in (as_is, blurred, noisy, compressed, enlarged, sharpened, tinted, grey, retouched)
}


def made(images: list[np.ndarray], filters: dict[str, Callable[[np.ndarray, Rng], np.ndarray]], rounds: int, seed: int):
    """Name of each filter -> features [N, D] of the pictures that it makes."""
    rows: dict[str, list[np.ndarray]] = {name: [] for name in filters}
    for k, image in enumerate(track(images, "painting", total=len(images))):
        for j, (name, paint) in enumerate(filters.items()):
            for turn in range(1 if paint is as_is else rounds):
                picture = paint(image, np.random.default_rng([seed, k, j, turn]))
                rows[name].append(painting_features(np.clip(np.round(picture), 0, 255).astype(np.uint8)))
    return {name: np.array(row) for name, row in rows.items()}


def fitted(paintings: np.ndarray, photographs: np.ndarray) -> dict[str, Any]:
    """A logistic model by Newton's method, both kinds of equal weight."""
    rows = np.concatenate([paintings, photographs])
    target = np.repeat([1.0, 0.0], [len(paintings), len(photographs)])
    weight = np.repeat([0.5 / len(paintings), 0.5 / len(photographs)], [len(paintings), len(photographs)]) * len(rows)
    mean, deviation = rows.mean(0), np.maximum(rows.std(0), 1e-3)
    x = np.concatenate([(rows - mean) / deviation, np.ones((len(rows), 1))], 1)
    ridge = RIDGE * np.diag([*np.ones(rows.shape[1]), 0.0])
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (weight * (p - target)) + ridge @ beta
        beta -= np.linalg.solve((x * (weight * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ x + ridge, slope)
    return {"mean": mean, "deviation": deviation, "weights": beta[:-1], "bias": beta[-1:]}


def noted(rows: np.ndarray) -> dict[str, float]:
    """How many pictures [N, D] are said to be painted."""
    return {"pictures": len(rows), "noted": round(float(np.mean([is_painting(row) for row in rows])), 4)}


def pictures_in(folder: Path) -> list[np.ndarray]:
    """[H, W, 3] uint8 each."""
    return [load_picture(path, quiet=True) for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")]


def drawn_people(folder: Path) -> list[np.ndarray]:
    """The first picture of each person of a corpus."""
    corpus = SyntheticPeople(folder)
    return [corpus.film(person).frames[0] for person in corpus.people]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("portraits", type=Path, help="PNG portraits")
    parser.add_argument("--drawn", type=Path)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--fit", type=Path)
    parser.add_argument("--aside", action="store_true", help="measure the portraits that are set aside")
    options = parser.parse_args()
    paths = sorted(options.portraits.glob("*.png"))
    aside = paths[ASIDE]
    if options.aside:
        paths = aside
    else:
        paths = [path for path in paths if path not in aside]
    images = [load_picture(path, quiet=True) for path in paths]
    drawn = np.array([painting_features(one) for one in drawn_people(options.drawn)]) if options.drawn else None
    paintings = made(images, FITTED | OTHERS, ROUNDS, seed=int(options.aside))
    photographs = made(images, PHOTOGRAPHS, ROUNDS, seed=2 + options.aside)
    if options.fit:
        fit_model(options.fit, paintings, photographs, drawn)
    found = {f"painted: {name}": noted(rows) for name, rows in paintings.items()}
    found |= {f"photographs: {name}": noted(rows) for name, rows in photographs.items()}
    if drawn is not None:
        found["drawn people"] = noted(drawn[len(drawn) // 2 :])
    if options.photographs:
        rows = made(pictures_in(options.photographs), PHOTOGRAPHS, ROUNDS, seed=4)
        found |= {f"other photographs: {name}": noted(row) for name, row in rows.items()}
    print(json.dumps({"benchmark": "paintings", "portraits": len(images), "found": found}, indent=1))


def fit_model(
    path: Path, paintings: dict[str, np.ndarray], photographs: dict[str, np.ndarray], drawn: np.ndarray | None
) -> None:
    """Write the model of ``video.detection.painting``."""
    known = {name: paintings[name] for name in FITTED}
    people = (
        np.empty((0, len(known["oil"][0]))) if drawn is None else np.repeat(drawn[: len(drawn) // 2], DRAWN_WEIGHT, 0)
    )
    logits: list[float] = []
    for fold in range(FOLDS):
        rest = [np.delete(rows, np.s_[fold::FOLDS], 0) for rows in (*known.values(), *photographs.values())]
        model = fitted(np.concatenate([*rest[: len(known)], people]), np.concatenate(rest[len(known) :]))
        held_out = np.concatenate([rows[fold::FOLDS] for rows in photographs.values()])
        logits += list((held_out - model["mean"]) / model["deviation"] @ model["weights"] + model["bias"])
    model = fitted(np.concatenate([*known.values(), people]), np.concatenate(list(photographs.values())))
    model["threshold"] = [max(float(np.quantile(logits, 1 - FALSE_ALARMS)), 0.0)]
    path.write_text(json.dumps({name: [float(f"{v:.6g}") for v in values] for name, values in model.items()}) + "\n")


if __name__ == "__main__":
    main()
