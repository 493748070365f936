"""Reconstruction by the motion tokenizer of real clips that it never saw: one JSON object.

python benchmarks/bench_tokenizer.py --ebmdb FOLDER [--model contextual] [--actor DiMi]
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from cospeech import load
from cospeech.core.rotation import geodesic
from cospeech.data.clips import Dropped
from cospeech.data.readers import ebmdb
from cospeech.metrics.liveliness import liveliness
from cospeech.motion.codec import Codec
from cospeech.motion.skeleton import canonical_skeleton


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ebmdb", required=True)
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--actor", default="DiMi")
    options = parser.parse_args()
    networks, codec = load(options.model).networks, Codec()  # type: ignore[attr-defined]
    skeleton = canonical_skeleton()
    joints, wrists = skeleton.indices(list(codec.body)), skeleton.indices(["left_wrist", "right_wrist"])
    angles, gaps, real, made = [], [], [], []
    for clip in ebmdb.read(options.ebmdb, quiet=True):
        if isinstance(clip, Dropped) or clip.speaker != options.actor:
            continue
        frames = len(clip.motion) // networks.downsample * networks.downsample
        source = clip.motion[:frames]
        again = codec.decode(networks.decode(networks.vectors(networks.encode(codec.encode(source)))))
        angles.append(np.rad2deg(geodesic(source.rotations[:, joints], again.rotations[:, joints])))
        gaps.append(np.linalg.norm(source.positions[:, wrists] - again.positions[:, wrists], axis=-1))
        real.append(source)
        made.append(again)
    a, b = liveliness(real), liveliness(made)
    result = {
        "benchmark": "tokenizer",
        "model": options.model,
        "actor": options.actor,
        "clips": len(real),
        "joint_angle_deg": round(float(np.concatenate(angles).mean()), 3),
        "wrist_cm": round(float(np.concatenate(gaps).mean() * 100), 3),
        "hand_speed_ratio": round(b.speed_mean / a.speed_mean, 4),
        "jerk_ratio": round(b.jerk / a.jerk, 4),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
