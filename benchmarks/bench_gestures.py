"""Named gestures put into generated motion: joins, contact, time of the stroke, variants, speed. One JSON object.

    python benchmarks/bench_gestures.py [SOUND ...] [--seeds 3]

Every gesture of the dictionary is put twice into motion that was generated for a recording (examples/hello.wav unless
others are named), without words, at moments that the generated motion knows nothing of.

- joins: mean norm of acceleration and jerk of the wrists relative to the chest in preparations and retractions, over
  the same of the generated strokes (the hand of a stroke, within 0.4 s of its fastest moment).
- through: share of the frames of gestures in which a hand is in the body or in the other hand (``metrics.contact``).
- stroke: seconds from the moment that was asked for to the nearest moment at which a hand is fastest.
- variants: mean distance of the leading wrist between two uses, one mirrored if another hand leads, from 0.6 s before
  the stroke to 0.8 s after it, over the root mean square of its distance from its own mean place.
- seconds: processor time of a minute of speech with 12 gestures, over that without.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import cospeech
from cospeech.core.progress import track
from cospeech.core.timing import FPS
from cospeech.metrics.contact import through_share
from cospeech.motion.gestures.lookup import GestureDictionary
from cospeech.motion.gestures.perform import Performance, PlacedGesture, perform
from cospeech.motion.motion import Motion
from cospeech.motion.phases import hand_speed, strokes, wrists_in_chest
from cospeech.speech.cues.cue import GestureCue
from cospeech.speech.speech import Speech

HELLO = Path(__file__).resolve().parents[1] / "examples" / "hello.wav"
SIDES = ("left", "right")
AROUND_STROKE = 0.4  # seconds of a generated stroke on either side of its fastest moment
BEFORE, AFTER = 0.6, 0.8  # seconds around a stroke that two uses are compared in
PEAK = 0.15  # metres a second that a moment must have to be a fastest one
MINUTE = 60.0


def changes(motion: Motion, order: int) -> np.ndarray:
    """[T, 2] norm of the derivative of an order of both wrists in the frame of the chest, in metres and seconds."""
    values = np.diff(wrists_in_chest(motion), order, axis=0) * motion.fps**order
    return np.linalg.norm(values, axis=-1)


def of_strokes(motion: Motion, values: np.ndarray) -> list[float]:
    """Values [T, 2] of the hands of strokes, near them."""
    found: list[float] = []
    for stroke in strokes(motion):
        part = slice(max(0, round((stroke.time - AROUND_STROKE) * FPS)), round((stroke.time + AROUND_STROKE) * FPS))
        found += values[part, SIDES.index(stroke.side)].tolist()
    return found


def of_joins(done: Performance, values: np.ndarray) -> list[float]:
    """Values [T, 2] of hands that prepare a gesture, or retract."""
    found: list[float] = []
    for placed in done.placed:
        sides = [0, 1] if placed.side == "both" else [SIDES.index(placed.side)]
        for first, last in ((placed.start, placed.stroke - 0.2), (placed.end - 0.7, placed.end)):
            found += values[max(0, round(first * FPS)) : round(last * FPS), sides].ravel().tolist()
    return found


def off(motion: Motion, placed: PlacedGesture) -> float:
    """Seconds from a stroke's moment to the nearest one at which one of its hands is fastest."""
    sides = [0, 1] if placed.side == "both" else [SIDES.index(placed.side)]
    pace = hand_speed(motion)[:, sides].max(axis=1)
    inner = pace[1:-1]
    fastest = np.flatnonzero((inner >= pace[:-2]) & (inner > pace[2:]) & (inner > PEAK)) + 1
    return float(np.abs(fastest / motion.fps - placed.stroke).min(initial=1.0))


def apart(motion: Motion, uses: Sequence[PlacedGesture]) -> float:
    """How far two uses of a gesture are apart, over how far the hand goes."""
    ways = []
    for placed in uses:
        frames = np.arange(round(-BEFORE * FPS), round(AFTER * FPS)) + round(placed.stroke * FPS)
        side = 0 if placed.side == "left" else 1
        ways.append(wrists_in_chest(motion)[np.minimum(frames, len(motion) - 1), side] * [(-1, 1)[side], 1, 1])
    size = np.sqrt(((ways[0] - ways[0].mean(axis=0)) ** 2).sum(axis=-1).mean())
    return float(np.linalg.norm(ways[0] - ways[1], axis=-1).mean() / size)


def measured(motions: Sequence[Motion], dictionary: GestureDictionary) -> dict[str, object]:
    """The figures of joins, contact, strokes and variants."""
    generated: tuple[list[float], list[float]] = ([], [])
    joined: tuple[list[float], list[float]] = ([], [])
    parts, away, ratios = [], [], {}
    for motion in motions:
        for order in (2, 3):
            generated[order - 2].extend(of_strokes(motion, changes(motion, order)))
    for number, name in enumerate(track(dictionary, "gestures")):
        motion = motions[number % len(motions)]
        cues = [GestureCue(name, share * motion.seconds) for share in (0.27, 0.62)]
        done = perform(motion, cues, dictionary.__getitem__, seed=number)
        parts += [done.motion.cut(placed.start, placed.end) for placed in done.placed]
        if not dictionary[name].hand:
            continue
        for order in (2, 3):
            joined[order - 2].extend(of_joins(done, changes(done.motion, order)))
        away += [off(done.motion, placed) for placed in done.placed]
        ratios[name] = apart(done.motion, done.placed)
    ratio = [float(np.mean(new) / np.mean(old)) for new, old in zip(joined, generated, strict=True)]
    least = min(ratios, key=lambda name: ratios[name])
    return {
        "gestures": len(dictionary),
        "joins": {"acceleration": round(ratio[0], 3), "jerk": round(ratio[1], 3)},
        "through": round(through_share(parts), 5),
        "stroke": {"median": round(float(np.median(away)), 3), "p90": round(float(np.percentile(away, 90)), 3)},
        "variants": {
            "least": round(ratios[least], 3),
            "of": least,
            "median": round(float(np.median([*ratios.values()])), 3),
        },
    }


def seconds(speech: Speech) -> dict[str, float]:
    """Processor time of a minute without and with a dozen gestures."""
    samples = np.tile(speech.samples, int(np.ceil(MINUTE / speech.seconds)))[: round(MINUTE * speech.sample_rate)]
    minute = Speech(samples, speech.sample_rate)
    gestures = [{"time": 2.0 + 4.8 * k, "gesture": name} for k, name in enumerate(list(GestureDictionary())[::10][:12])]
    times: dict[str, list[float]] = {"without": [], "with": []}
    model = cospeech.load("contextual")
    for _ in range(3):
        for name, given in (("without", ()), ("with", gestures)):
            fresh = Speech(minute.samples, minute.sample_rate)
            began = time.process_time()
            cospeech.generate(fresh, model=model, gestures=given)
            times[name].append(time.process_time() - began)
    without, with_gestures = min(times["without"]), min(times["with"])
    return {"without": round(without, 2), "with": round(with_gestures, 2), "ratio": round(with_gestures / without, 3)}


def main() -> None:
    """Parse arguments, measure, print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", type=Path, nargs="*", default=[HELLO])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    model = cospeech.load("contextual")
    motions = []
    for sound in arguments.sounds:
        speech = cospeech.load_speech(sound)
        for seed in range(arguments.seeds):
            motion = cospeech.generate(speech, model=model, seed=seed, gesture_density="off", face=False)
            assert isinstance(motion, Motion)
            motions.append(motion)
    result = {**measured(motions, GestureDictionary()), "seconds": seconds(cospeech.load_speech(arguments.sounds[0]))}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
