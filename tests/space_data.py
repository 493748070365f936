"""Made-up recordings of the spaces beyond the canonical body: points in a picture, and SMPL-X with faces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from corpus_data import gesturing, voice
from cospeech.core.rotation import axis_rotation
from cospeech.core.timing import FPS
from cospeech.motion.formats.smplx import save_smplx
from cospeech.motion.motion import Motion
from cospeech.motion.points import BODY_POINTS, POINTS
from cospeech.speech.audio import write_wav

WHOLE_BODY = 133


def person_points(
    seconds: float, *, seed: int, fps: float = 25.0, at: tuple[float, float] = (640.0, 300.0), width: float = 180.0
) -> np.ndarray:
    """[T, 116, 2] pixels of somebody who gestures and whose mouth opens; ``width`` of the shoulders."""
    motion = gesturing(seconds, seed=seed, fps=fps)
    positions, names = motion.positions, motion.skeleton.names
    place = {}
    for name in BODY_POINTS:
        side, _, rest = name.partition("_")
        joint = f"{side}_wrist" if rest == "hand" else name
        if joint not in names:  # a finger tip lies beyond the last joint
            joint = f"{side}_{rest[:-1]}{int(rest[-1]) - 1}"
        spread = 0.01 * (hash_of(name) % 7)
        place[name] = positions[:, names.index(joint), :2] + [0.0, spread]
    head = positions[:, names.index("head"), :2]
    time = np.arange(len(head)) / fps
    opening = 0.01 + 0.01 * np.sin(2 * np.pi * 3 * time + seed)
    for k in range(68):
        angle = 2 * np.pi * k / 68
        size = 0.09 if k < 48 else 0.03
        offset = np.array([size * np.cos(angle), size * np.sin(angle)])
        lower = (k >= 48) * np.stack([0 * opening, -opening * (np.sin(angle) < 0)], axis=1)
        place[f"face_{k}"] = head + offset + lower
    points = np.stack([place[name] for name in POINTS], axis=1)
    shoulders = points[:, [0, 3]]
    scale = width / np.linalg.norm(shoulders[0, 0] - shoulders[0, 1])
    centred = (points - shoulders.mean((0, 1))) * scale * [1, -1]
    return (centred + np.asarray(at)).astype(np.float32)


def hash_of(name: str) -> int:
    """A number that is the same in every run."""
    return sum(map(ord, name))


def whole_body(points: np.ndarray) -> np.ndarray:
    """[T, 116, 2] -> [T, 133, 2] in the order of COCO-WholeBody; what we do not read is zero."""
    result = np.zeros((len(points), WHOLE_BODY, 2), dtype=np.float32)
    result[:, [5, 7, 9, 6, 8, 10]] = points[:, :6]
    result[:, 91:133] = points[:, 6:48]
    result[:, 23:91] = points[:, 48:]
    return result


def mmpose(points: np.ndarray, scores: np.ndarray | None = None) -> list[dict]:
    """Frames as MMPoseInferencer saves them; points [T, 133, 2]."""
    scores = np.ones(points.shape[:2]) if scores is None else scores
    return [
        {
            "frame_id": n,
            "instances": [
                {"keypoints": p.tolist(), "keypoint_scores": s.tolist(), "bbox": [[0, 0, 1, 1]], "bbox_score": 0.9}
            ],
        }
        for n, (p, s) in enumerate(zip(points.round(2), scores, strict=True))
    ]


def write_keypoints(folder: Path, *, people: int = 2, clips: int = 2, seconds: float = 5.6) -> Path:
    """A folder as the reader ``keypoints`` expects it: people of different size at different places."""
    for person in range(people):
        own = folder / f"person{person}"
        own.mkdir(parents=True)
        for take in range(clips):
            seed = 10 * person + take
            points = person_points(seconds, seed=seed, at=(500.0 + 200 * person, 300.0), width=150.0 + 60 * person)
            document = {"fps": 25, "instance_info": mmpose(whole_body(points))}
            (own / f"take{take}.json").write_text(json.dumps(document))
            write_wav(own / f"take{take}.wav", voice(len(points) / 25, seed=seed)[0])
    return folder


def expressive(seconds: float, *, seed: int) -> Motion:
    """A body whose jaw turns and whose FLAME expressions come and go."""
    motion = gesturing(seconds, seed=seed, fps=float(FPS))
    rng, time = np.random.default_rng(seed), np.arange(motion.frames) / FPS
    waves = rng.normal(size=(100, 2)) @ np.stack([np.sin(2 * np.pi * 2 * time), np.cos(2 * np.pi * time)])
    rotations = motion.rotations.copy()
    rotations[:, motion.skeleton.index("jaw")] = axis_rotation("X", 0.1 + 0.1 * np.sin(2 * np.pi * 3 * time))
    extra = {"per_frame": {"smplx/expressions": (0.4 * waves.T).astype(np.float32)}}
    return Motion(motion.skeleton, motion.fps, rotations, motion.translation, extra=extra)


def write_beat2(folder: Path, *, clips: int = 3, seconds: float = 5.6, shift: float = 0.0) -> Path:
    """A folder as the reader ``beat2`` expects it; ``shift`` is added to all expressions."""
    folder.mkdir(parents=True)
    for speaker in ("2_scott", "4_lawrence"):
        for take in range(clips):
            motion = expressive(seconds, seed=take + len(speaker))
            motion.extra["per_frame"]["smplx/expressions"] += np.float32(shift)
            name = f"{speaker}_0_{take + 1}_1"
            save_smplx(motion, folder / f"{name}.npz")
            write_wav(folder / f"{name}.wav", voice(motion.seconds, seed=take)[0])
    rows = [f"{path.stem},train" for path in sorted(folder.glob("*.npz"))]
    (folder / "train_test_split.csv").write_text("\n".join(["id,type", *rows]) + "\n")
    return folder
