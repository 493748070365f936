"""Generated motion beside real motion: one JSON object.

For every style and emotion, speech of the test speakers in turn is given gestures and the figures are set
beside those of real clips of the same emotion: of the actor whose style was asked for, and of the test
actor, whom no training saw. Bodies are as the networks give them, without the layers of standing. All
generated motion comes from a model trained on synthetic pairs.

    python benchmarks/bench_motion.py --ebmdb FOLDER --speech FOLDER [--model NAME] [--voices 6] [--split val]
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from cospeech import load
from cospeech.core.emotions import EMOTIONS
from cospeech.data.clips import Dropped
from cospeech.data.readers import ebmdb, voices
from cospeech.data.synthetic_pairs import phrases
from cospeech.metrics.liveliness import JointRanges, liveliness, stroke_to_accent
from cospeech.motion.codec import Codec
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.sampling.rhythm import LEAD
from cospeech.speech.features import accents, speech_features

FIGURES = ("speed_mean", "speed_p95", "jerk", "strokes_per_minute", "still_share", "extent", "trunk_share")


def difference(made: dict[str, float], real: dict[str, float]) -> dict[str, float]:
    """Relative differences; points for shares."""
    return {
        name: round(made[name] - real[name], 4)
        if name.endswith("share")
        else round(made[name] / max(real[name], 1e-9) - 1, 4)
        for name in FIGURES
    }


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(values[name], 4) for name in FIGURES}


def measure(model: Any, real_clips: list, speeches: list, *, voices: int) -> dict[str, Any]:
    """All figures of a model (anything with ``speakers`` and ``generate``).

    ``voices``: speeches for each style and emotion, taken in turn from all of them, so that no few
    speakers' rhythm decides.
    """
    real: dict[tuple[str, str], list] = defaultdict(list)
    for clip in real_clips:
        real[clip.speaker, clip.emotion].append(clip.motion)
    joints = canonical_skeleton().indices(list(Codec().body))
    ranges = JointRanges.of([c.motion for c in real_clips if c.split == "train"], joints)
    rng = np.random.default_rng(0)
    prepared = []
    for speech in speeches:
        features = speech_features(speech.samples)
        prepared.append((speech, accents(features)[0] - LEAD, phrases(features)))
    styles: dict[str, Any] = {}
    distances, nulls, outside = [], [], []
    per_emotion: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    every_made: list = []
    turn = 0
    for style in model.speakers:
        made_all, real_all = [], []
        for emotion in EMOTIONS:
            if not real[style, emotion]:
                continue
            made = []
            for _ in range(voices):
                speech, times, spans = prepared[turn % len(prepared)]
                motion = model.generate(speech, emotion=emotion, speaker=style, seed=turn, face=False, relaxed=False)
                turn += 1
                made.append(motion)
                a, b = stroke_to_accent(motion, times, spans, rng=rng)
                distances.append(a)
                nulls.append(b)
                outside.append(ranges.outside(motion, joints))
            own, genuine = liveliness(made).as_dict(), liveliness(real[style, emotion]).as_dict()
            per_emotion[emotion]["real_speed"].append(genuine["speed_mean"])
            per_emotion[emotion]["made_speed"].append(own["speed_mean"])
            per_emotion[emotion]["real_extent"].append(genuine["extent"])
            per_emotion[emotion]["made_extent"].append(own["extent"])
            made_all += made
            real_all += real[style, emotion]
        own, genuine = liveliness(made_all).as_dict(), liveliness(real_all).as_dict()
        styles[style] = {"made": rounded(own), "real": rounded(genuine), "difference": difference(own, genuine)}
        every_made += made_all
    unseen = liveliness([m for (actor, _), ms in real.items() if actor == "DiMi" for m in ms]).as_dict()
    pooled_real = liveliness([m for (actor, _), ms in real.items() if actor in model.speakers for m in ms]).as_dict()
    pooled = liveliness(every_made).as_dict()
    distance, null = np.concatenate(distances), np.concatenate(nulls)
    table = {
        emotion: {name: round(float(np.mean(values)), 3) for name, values in row.items()}
        for emotion, row in per_emotion.items()
    }
    order = list(table)
    agree = {
        kind: round(
            float(
                np.corrcoef([table[e][f"real_{kind}"] for e in order], [table[e][f"made_{kind}"] for e in order])[0, 1]
            ),
            3,
        )
        for kind in ("speed", "extent")
    }
    takes = [model.generate(speeches[0], emotion="joy", seed=seed, face=False, relaxed=False) for seed in range(4)]
    wrists = canonical_skeleton().indices(["left_wrist", "right_wrist"])
    apart = [
        float(np.linalg.norm(a.positions[:, wrists] - b.positions[:, wrists], axis=-1).mean())
        for i, a in enumerate(takes)
        for b in takes[i + 1 :]
    ]
    return {
        "clips": len(every_made),
        "speakers_of_speech": len(speeches),
        "pooled": {
            "made": rounded(pooled),
            "real": rounded(pooled_real),
            "difference": difference(pooled, pooled_real),
        },
        "unseen_actor": {"real": rounded(unseen), "difference": difference(pooled, unseen)},
        "styles": styles,
        "joint_range_share": round(float(np.mean(outside)), 6),
        "stroke_to_accent_s": round(float(distance.mean()), 4),
        "stroke_to_accent_null_s": round(float(null.mean()), 4),
        "emotions": table,
        "emotion_agreement_r": agree,
        "seeds_apart_m": round(float(np.mean(apart)), 3),
    }


def read_all(ebmdb_folder: str, speech_folder: str, split: str) -> tuple[list, list]:
    """Real clips, and one speech of every speaker of a split (the first of 5 to 16 s)."""
    clips = [clip for clip in ebmdb.read(ebmdb_folder, quiet=True) if not isinstance(clip, Dropped)]
    test = [
        clip
        for clip in voices.read(speech_folder, quiet=True)
        if not isinstance(clip, Dropped) and clip.split == split and 5 <= clip.speech.seconds <= 16
    ]
    seen: set[str] = set()
    first = [clip for clip in test if not (clip.speaker in seen or seen.add(clip.speaker))]
    return clips, [clip.speech for clip in first]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ebmdb", required=True)
    parser.add_argument("--speech", required=True)
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--voices", type=int, default=6)
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    clips, speeches = read_all(options.ebmdb, options.speech, options.split)
    result = measure(load(options.model), clips, speeches, voices=options.voices)
    text = json.dumps(
        {"benchmark": "motion", "model": options.model, "split": options.split, "made_pairs": True, **result}, indent=1
    )
    if options.out:
        options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
