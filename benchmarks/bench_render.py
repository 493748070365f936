"""How fast a motion becomes an mp4: one JSON object.

    python benchmarks/bench_render.py [--seconds 10] [--size 512] [--backend software]

``frames_per_second`` is the whole path by the clock: posing, drawing, H.264. ``cpu_ms_per_frame`` is
processor time, which a busy machine hardly changes; ``free_machine_fps`` is what it allows on the
processors at hand.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from cospeech.avatar.body import load_body, vertex_normals
from cospeech.avatar.camera import frame_motion
from cospeech.avatar.film import render_video
from cospeech.avatar.light import light_vertices
from cospeech.avatar.pose import pose_vertices
from cospeech.avatar.raster import visibility
from cospeech.avatar.scene import Studio, draw
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import canonical_skeleton


def gesturing(frames: int) -> Motion:
    """Arms, hands, head and face in steady movement."""
    skeleton, t = canonical_skeleton(), np.arange(frames) / 30
    rotations = np.tile(np.eye(3), (frames, 55, 1, 1))

    def turn(joint: str, axis: int, degrees: np.ndarray) -> None:
        vector = np.zeros((frames, 3))
        vector[:, axis] = np.radians(degrees)
        index = skeleton.index(joint)
        rotations[:, index] = rotations[:, index] @ axis_angle_to_matrix(vector)

    for side, sign in (("left", 1), ("right", -1)):
        phase = 0.8 * sign
        turn(f"{side}_shoulder", 2, sign * (-65 + 8 * np.sin(2 * t + phase)))
        turn(f"{side}_shoulder", 1, sign * (-20 - 10 * np.sin(3 * t + phase)))
        turn(f"{side}_elbow", 1, sign * (-70 - 25 * np.sin(2.4 * t + phase)))
        turn(f"{side}_wrist", 0, -30 - 30 * np.sin(1.7 * t + phase))
        for finger in ("index", "middle", "ring", "pinky"):
            for k in (1, 2, 3):
                turn(f"{side}_{finger}{k}", 2, sign * (-15 - 12 * np.sin(2 * t + phase)))
    turn("head", 1, 8 * np.sin(1.3 * t))
    face = 0.3 + 0.3 * np.sin(np.arange(52) + 6 * t[:, None])
    return Motion(skeleton, 30, rotations, np.tile(skeleton.offsets[0], (frames, 1)), face)


def stage_times(motion: Motion, size: int, *, repeats: int = 15) -> dict[str, float]:
    """Processor milliseconds a frame of each stage, in one process."""
    body = load_body(1)
    studio = Studio(frame_motion(motion), size, size)
    points = pose_vertices(body, motion, frames=slice(0, 16))
    normals = vertex_normals(points[:1], body.triangles)[0]
    screen = studio.camera.project(points[0], size, size)
    screen[:, :2] *= 2
    draw(studio, body, points[0])
    stages = {
        "pose": lambda: pose_vertices(body, motion, frames=slice(0, 16)),
        "light": lambda: light_vertices(body, points[0], normals, studio.camera),
        "visibility": lambda: visibility(screen, body.triangles[:, ::-1], 2 * size, 2 * size),
        "draw_all": lambda: draw(studio, body, points[0]),
    }
    result = {}
    for name, stage in stages.items():
        start = time.process_time()
        for _ in range(repeats):
            stage()
        share = 16 if name == "pose" else 1
        result[name] = round((time.process_time() - start) / repeats / share * 1000, 2)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--backend", default="software")
    options = parser.parse_args()
    motion = gesturing(int(options.seconds * 30))
    load_before, start = os.getloadavg()[0], time.perf_counter()

    def spent() -> float:
        return sum(
            usage.ru_utime + usage.ru_stime
            for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )

    before = spent()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        render_video(motion, path, size=options.size, backend=options.backend, quiet=True)
        clock, processor, megabytes = time.perf_counter() - start, spent() - before, path.stat().st_size / 1e6
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(
        json.dumps(
            {
                "benchmark": "render",
                "backend": options.backend,
                "size": options.size,
                "frames": motion.frames,
                "processors": processors,
                "load_before": round(load_before, 1),
                "frames_per_second": round(motion.frames / clock, 1),
                "cpu_ms_per_frame": round(processor / motion.frames * 1000, 1),
                "free_machine_fps": round(processors * motion.frames / processor, 1),
                "megabytes": round(megabytes, 2),
                "stage_cpu_ms": stage_times(motion, options.size),
            }
        )
    )


if __name__ == "__main__":
    main()
