"""Record what the package makes of examples/hello.wav, to tell a change of code from a change of motion.

``python scripts/record_golden.py`` writes tests/golden/golden.npz (every 15th frame) and digests.json (all
bits, which hold for one processor and one set of libraries). ``--compare`` writes nothing, compares all bits
with digests.json and ends with status 1 if any differ. Record again only when a model or a method changes on
purpose.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in tests: sums differ with threads; read when NumPy is imported

import numpy as np

import cospeech

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
HELLO = ROOT / "examples" / "hello.wav"
THINNING = 15  # every so many frames are kept
METHODS = ("contextual", "exges", "emotion")
SEEDS = (0, 1, 2)
PORTRAIT_SECONDS = 1.5

sys.path.insert(0, str(ROOT / "tests"))


def motion_arrays(motion: cospeech.Motion) -> dict[str, np.ndarray]:
    """Local rotations [T, J, 3, 3], root translation [T, 3] in metres, face weights [T, 52]."""
    arrays = {"rotations": motion.rotations, "translation": motion.translation}
    return arrays if motion.face is None else {**arrays, "face": motion.face}


def generated() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The motions of every method and seed, and one edit."""
    speech = cospeech.load_speech(HELLO)
    for method in METHODS:
        model = cospeech.load(method)
        for seed in SEEDS:
            motion = model.generate(speech, seed=seed)
            yield f"{method}-{seed}", motion_arrays(motion)
            if (method, seed) == ("contextual", 0):
                edited = model.edit(motion, speech, span=["2:4.5"], joints=["arms"], seed=3)
                yield "edit", motion_arrays(edited)


def searched() -> dict[str, np.ndarray]:
    """Scores [N] and segments of one search in the gesture library that ships."""
    base = Path(cospeech.__file__).parent / "models" / "exges-base"
    model = base.parent / "retrieval"
    found = cospeech.search(HELLO, library=base, model=model)
    hits = [hit for part in found.found for hit in part.hits]
    return {"scores": np.array([hit.score for hit in hits]), "segments": np.array([hit.sample.id for hit in hits])}


def portrait_frames() -> dict[str, np.ndarray]:
    """Frames [T, H, W, 3] uint8 of a drawn person's film, decoded."""
    import av

    from cospeech.video.films.portrait import Portrait
    from portrait_data import draw_figure, figure_points

    points = figure_points("down") / 2
    picture, person = draw_figure(points, 128, 128)
    portrait = Portrait(picture, points, np.ones(116), person)
    speech = cospeech.load_speech(HELLO)
    speech = cospeech.Speech(speech.samples[: round(PORTRAIT_SECONDS * speech.sample_rate)], speech.sample_rate)
    with tempfile.TemporaryDirectory() as folder:
        film = cospeech.animate(portrait, speech, Path(folder) / "film.mp4", size=128, mark=False)
        with av.open(str(film)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return {"frames": np.stack(frames)}


def outputs() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Everything that is held, by name."""
    yield from generated()
    yield "search", searched()
    yield "portrait", portrait_frames()


def thinned(name: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What goes into golden.npz."""
    if name == "search":
        return arrays
    step = 4 if name == "portrait" else 1
    return {
        key: array[::THINNING, ::step, ::step] if name == "portrait" else array[::THINNING]
        for key, array in arrays.items()
    }


def digest(array: np.ndarray) -> str:
    """Of all bits, the shape and the type."""
    head = f"{array.dtype.str} {array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()[:32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compare", action="store_true", help="compare with what is recorded; write nothing")
    options = parser.parse_args()
    arrays: dict[str, np.ndarray] = {}
    digests: dict[str, str] = {}
    for name, made in outputs():
        for key, array in thinned(name, made).items():
            arrays[f"{name}/{key}"] = array
        for key, array in made.items():
            digests[f"{name}/{key}"] = digest(array)
    if options.compare:
        recorded = json.loads((GOLDEN / "digests.json").read_text())
        different = sorted(key for key in digests | recorded if digests.get(key) != recorded.get(key))
        print("\n".join(f"differs: {key}" for key in different) or f"all {len(digests)} equal to the bit")
        raise SystemExit(1 if different else 0)
    GOLDEN.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN / "golden.npz", **arrays)
    (GOLDEN / "digests.json").write_text(json.dumps(digests, indent=1) + "\n")


if __name__ == "__main__":
    main()
