"""Formats and retargeting over all the data at hand; prints one JSON object.

    PYTHONPATH=src python benchmarks/bench_formats.py [--every N]

The data folder is ../shared beside the repository, or COSPEECH_SHARED.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.motion import Motion, concatenate
from cospeech.motion.retarget import limb_directions, retarget, to_rig

SHARED = Path(os.environ.get("COSPEECH_SHARED", Path(__file__).parents[2] / "shared"))


def angle(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest angle in degrees by limb."""
    chords = {name: np.linalg.norm(a[name] - b[name], axis=-1).max() for name in a}
    return {name: float(np.degrees(2 * np.arcsin(min(chord / 2, 1.0)))) for name, chord in chords.items()}


def seconds(function, *arguments, **options) -> float:  # type: ignore[no-untyped-def]
    """The faster of two runs."""
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        function(*arguments, **options)
        best = min(best, time.perf_counter() - start)
    return round(best, 3)


def corpus(folder: Path, every: int) -> tuple[dict[str, object], Motion]:
    """Round trip and limb directions of every clip of ebmdb."""
    clips, frames, error, back_error, reading = 0, 0, 0.0, 0.0, 0.0
    limbs: dict[str, float] = {}
    motion = None
    with zipfile.ZipFile(SHARED / "data/ebmdb/clips.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".bvh"))[::every]
        for name in names:
            path = Path(archive.extract(name, folder))
            start = time.perf_counter()
            motion = load_motion(path)
            reading += time.perf_counter() - start
            again = load_motion(save_motion(motion, folder / "again.bvh"))
            error = max(error, float(np.abs(again.positions - motion.positions).max()))
            canonical = retarget(motion, table="ebmdb")
            before = limb_directions(motion, "ebmdb")
            for limb, degrees in angle(before, limb_directions(canonical, "canonical")).items():
                limbs[limb] = max(limbs.get(limb, 0.0), degrees)
            back = to_rig(canonical, "ebmdb", skeleton=motion.skeleton)
            back_error = max(back_error, max(angle(before, limb_directions(back, "ebmdb")).values()))
            clips, frames = clips + 1, frames + motion.frames
            path.unlink()
    assert motion is not None
    figures = {
        "clips": clips,
        "minutes": round(frames / 30 / 60, 2),
        "bvh_round_trip_max_mm": round(error * 1000, 5),
        "limb_direction_max_degrees": round(max(limbs.values()), 6),
        "limb_direction_by_limb_degrees": {name: round(value, 6) for name, value in limbs.items()},
        "back_to_the_rig_limb_max_degrees": round(back_error, 6),
        "bvh_read_seconds_a_minute_of_motion": round(reading / (frames / 30 / 60), 4),
    }
    return figures, motion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every N-th clip")
    every = parser.parse_args().every
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ebmdb, clip = corpus(folder, every)
        beat2 = SHARED / "data/beat2/2_scott_0_1_1.npz"
        save_motion(load_motion(beat2), folder / "beat2.npz")
        library = SHARED / "data/mesh2motion/animations.glb"
        rig = load_motion(library, animation="Idle_Talking_Loop")
        rig_error = max(angle(limb_directions(rig), limb_directions(retarget(rig))).values())

        long = concatenate([clip] * (18_000 // clip.frames + 1))[:18_000]
        canonical = retarget(long)
        minute = canonical[:1800].with_face(np.random.default_rng(0).random((1800, 52)).astype(np.float32))
        save_motion(long, folder / "long.bvh")
        avatar: dict[str, object] = {}
        try:
            avatar["glb_minute_write_seconds"] = seconds(save_motion, minute, folder / "a.glb")
            avatar["glb_minute_read_seconds"] = seconds(load_motion, folder / "a.glb")
            avatar["glb_minute_bytes"] = (folder / "a.glb").stat().st_size
        except (ImportError, ValueError) as error:
            avatar["glb"] = str(error)
        print(
            json.dumps(
                {
                    "ebmdb": ebmdb,
                    "beat2_npz_file_bytes_equal": (folder / "beat2.npz").read_bytes() == beat2.read_bytes(),
                    "game_rig_limb_direction_max_degrees": round(rig_error, 6),
                    "ten_minutes": {
                        "bvh_read_seconds": seconds(load_motion, folder / "long.bvh"),
                        "bvh_write_seconds": seconds(save_motion, long, folder / "again.bvh"),
                        "retarget_seconds": seconds(retarget, long),
                        "npz_write_seconds": seconds(save_motion, canonical, folder / "a.npz"),
                        "npz_read_seconds": seconds(load_motion, folder / "a.npz"),
                    },
                    **avatar,
                },
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
