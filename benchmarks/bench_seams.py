"""Long speech: motion at the seams of windows beside motion inside of them. One JSON object.

    python benchmarks/bench_seams.py DATASET [--model NAME|FOLDER] [--minutes 10] [--split test]

Speeches of the split are laid end to end, and every style gestures to all of it. A seam is where one
window hands over to the next (``sampling.longform``). Jerk: mean norm of the wrists' third difference in
frames at most 4 from a seam, and in frames at least 12 from any; the ratio with its 95 % interval over
seams. Distance: FGD to the recorded motion of the training speakers, of as many stretches of 64 frames
around seams as around places half way between two; and as a floor of chance, of two halves of the
latter. The warp of time after generation is left out, since it moves the seams.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from cospeech import load
from cospeech.data.dataset import GestureDataset
from cospeech.evaluation.clips import Recordings
from cospeech.methods.evaluators.model import load_extractors
from cospeech.metrics.frechet import FrechetDistance, Reference
from cospeech.motion.motion import Motion
from cospeech.motion.phases import wrists_in_chest
from cospeech.sampling.longform import windows

NEAR, FAR = 4, 12  # frames


def seams(frames: int, model: Any) -> np.ndarray:
    """First frames of what each window but the first adds."""
    step, settings = model.networks.downsample, model.sampling
    found = windows(-(-frames // step), settings.window, settings.overlap)
    return np.array([window.fresh * step for window in found[1:]], dtype=int)


def jerks(motion: Motion) -> np.ndarray:
    """[T - 3] metres a second cubed, mean of both wrists."""
    wrists = wrists_in_chest(motion).astype(np.float64)
    size: np.ndarray = np.linalg.norm(np.diff(wrists, n=3, axis=0), axis=-1).mean(1) * motion.fps**3
    return size


def split_jerk(motion: Motion, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean jerk near every seam, and between every seam and the next."""
    jerk = jerks(motion)
    at = np.arange(len(jerk)) + 1.5  # a third difference speaks of the middle of its four frames
    near = np.array([jerk[np.abs(at - place) <= NEAR].mean() for place in places])
    inside = np.array(
        [
            jerk[(at > a + FAR) & (at < b - FAR)].mean()
            for a, b in zip(places, [*places[1:], len(motion)], strict=True)
            if b - a > 2 * FAR + 2
        ]
    )
    return near, inside


def ratio_interval(near: np.ndarray, inside: np.ndarray, rounds: int = 1000) -> tuple[float, float]:
    """95 % interval of the ratio of the means, drawing seams anew."""
    rng = np.random.default_rng(0)
    found = [rng.choice(near, len(near)).mean() / rng.choice(inside, len(inside)).mean() for _ in range(rounds)]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    dataset, model = GestureDataset(options.dataset), load(options.model).with_sampling(rhythm=False)
    body = Recordings(dataset)
    extractor = load_extractors("extractor")["window"]
    recorded = dataset.select(split="train", kind=("motion", "pair"))
    real = Reference.of(((item.id, extractor.features(body.motion(item))) for item in recorded), extractor=extractor.id)
    inputs, frames = [], 0
    for item in dataset.select(split=options.split, kind=("pair", "synthetic_pair")):
        if frames >= options.minutes * 1800:
            break
        inputs.append(dataset.inputs(item, encoders=model.inputs.settings))
        frames += item.frames
    features = np.concatenate(inputs)[: int(options.minutes * 1800)]
    near, inside = [], []
    rows: dict[str, list[np.ndarray]] = {"seam": [], "inside": []}
    for number, speaker in enumerate(model.speakers):
        motion = model.from_features(features, speaker=speaker, seed=number)
        places = seams(len(motion), model)
        a, b = split_jerk(motion, places)
        near.append(a)
        inside.append(b)
        middle = (places[1:] + places[:-1]) // 2
        for name, centres in (("seam", places), ("inside", middle)):
            for centre in centres:
                if 32 <= centre <= len(motion) - 32:
                    rows[name].append(extractor.features(motion[centre - 32 : centre + 32])[:1])

    def distance(parts: list[np.ndarray]) -> float:
        metric = FrechetDistance(real, rows="window")
        for number, part in enumerate(parts):
            metric.update(part, clip=str(number), extractor=extractor.id)
        return round(metric.compute().value, 4)

    count = min(map(len, rows.values()))
    a, b = np.concatenate(near), np.concatenate(inside)
    text = {
        "model": model.name,
        "minutes": round(len(features) / 1800, 2),
        "styles": len(model.speakers),
        "seams": len(a),
        "made_pairs": dataset.synthetic_pairs,
        "extractor": extractor.id,
        "jerk_at_seams": round(float(a.mean()), 2),
        "jerk_inside": round(float(b.mean()), 2),
        "jerk_ratio": round(float(a.mean() / b.mean()), 3),
        "jerk_ratio_interval": [round(value, 3) for value in ratio_interval(a, b)],
        "fgd_at_seams": distance(rows["seam"][:count]),
        "fgd_inside": distance(rows["inside"][:count]),
        "fgd_halves_inside": [distance(rows["inside"][k::2]) for k in (0, 1)],
        "fgd_halves_seams": [distance(rows["seam"][k::2]) for k in (0, 1)],
    }
    print(json.dumps(text))


if __name__ == "__main__":
    main()
