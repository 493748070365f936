"""How the person stands and talks whom a new user sees first: one JSON object.

    python benchmarks/bench_presence.py --speech SPEECH [--beat2 BEAT2] [--model NAME] [--voices 48] [--emotion NAME]

Every voice that no training saw (validation and test) is given gestures with the defaults, one recording a voice, each
with another seed, body finished as users get it. With ``--beat2``, a real conversational speaker is measured alike.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import cospeech
from cospeech.core.progress import track
from cospeech.data.clips import Dropped
from cospeech.data.readers import voices
from cospeech.metrics.presence import presence
from cospeech.motion.motion import load_motion
from cospeech.motion.retarget import on_canonical

SHORTEST = 6.0  # seconds of a recording
LONGEST = 16.0  # seconds that are taken of it


def held_out(folder: Path, count: int) -> list[Any]:
    """One speech a voice that no training saw, in order of their names."""
    found: dict[str, Any] = {}
    for clip in voices.read(folder):
        if isinstance(clip, Dropped) or clip.split == "train" or clip.speech.seconds < SHORTEST:
            continue
        found.setdefault(clip.speaker, clip.speech.cut(end=LONGEST))
    return [found[name] for name in sorted(found)][:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--beat2", type=Path)
    parser.add_argument("--model", default="contextual")
    parser.add_argument("--emotion")
    parser.add_argument("--voices", type=int, default=48)
    options = parser.parse_args()
    model = cospeech.load(options.model)
    speeches = held_out(options.speech, options.voices)
    motions = [
        cospeech.generate(speech, model=model, seed=seed, emotion=options.emotion, face=False)
        for seed, speech in enumerate(track(speeches, "generating"))
    ]
    result: dict[str, Any] = {
        "benchmark": "presence",
        "model": options.model,
        "emotion": options.emotion or "default",
        "voices": len(motions),
        "generated": {name: round(value, 4) for name, value in presence(motions).as_dict().items()},
    }
    if options.beat2:
        real = [on_canonical(load_motion(path)) for path in sorted(options.beat2.glob("*.npz"))]
        result["real"] = {name: round(value, 4) for name, value in presence(real).as_dict().items()}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
