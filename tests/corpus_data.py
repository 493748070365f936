"""Made-up corpora: arms that stroke at known times, voices of syllables, folders as the readers expect."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cospeech.core.rotation import axis_rotation
from cospeech.core.timing import FPS, SAMPLE_RATE
from cospeech.data.readers.voices import split_of
from cospeech.motion.formats.bvh import save_bvh
from cospeech.motion.motion import Motion
from cospeech.motion.retarget import to_rig
from cospeech.motion.skeleton import Skeleton, canonical_skeleton
from cospeech.speech.audio import write_wav

STROKE = 0.3  # seconds that a made-up stroke lasts; it is fastest in its middle
ACTORS = {"AnBh": "train", "HeGa": "train", "PaPi": "val", "DiMi": "test"}


def ease(time: np.ndarray, middle: float, lasts: float = STROKE) -> np.ndarray:
    """A step from 0 to 1 around ``middle`` seconds without jerk at its ends."""
    t = np.clip((time - middle) / lasts + 0.5, 0, 1)
    return t**3 * (10 - 15 * t + 6 * t**2)


def arms(
    frames: int, strokes: list[tuple[float, str]], *, hang: bool = False, degrees: float = 50.0, fps: float = FPS
) -> Motion:
    """A person whose forearms beat at known times and stand still between.

    Args:
        strokes: (time in seconds, "left" or "right"): the forearm goes up, with the next stroke down.
        hang: begin with the arms hanging instead of the forearms raised.
        degrees: by which the elbow turns in a stroke; 50 give about 1.3 m/s.
    """
    skeleton = canonical_skeleton()
    rotations = np.tile(np.eye(3), (frames, len(skeleton), 1, 1))
    time = np.arange(frames) / fps
    for side, sign in (("left", 1.0), ("right", -1.0)):
        bend = np.full(frames, 5.0 if hang else 85.0)
        up = 1.0
        for moment in sorted(when for when, which in strokes if which == side):
            bend = bend + up * degrees * ease(time, moment)
            up = -up
        rotations[:, skeleton.index(f"{side}_shoulder")] = axis_rotation("Z", np.deg2rad(-80.0 * sign))
        rotations[:, skeleton.index(f"{side}_elbow")] = axis_rotation("Y", np.deg2rad(-sign * bend))
    return Motion(skeleton, fps, rotations, np.tile(skeleton.offsets[0], (frames, 1)))


def gesturing(seconds: float, *, seed: int, fps: float = FPS) -> Motion:
    """A person who beats now with one hand, now with the other, and sways and nods meanwhile."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * fps)
    moments = np.cumsum(rng.uniform(0.45, 1.2, int(seconds / 0.45) + 1))
    moments = moments[moments < seconds - 0.4]
    sides = rng.choice(["left", "right"], len(moments))
    motion = arms(frames, list(zip(moments.tolist(), sides.tolist(), strict=True)), fps=fps)
    rotations = motion.rotations.astype(np.float64)
    time = np.arange(frames) / fps
    parts = (("spine1", "X", 4.0), ("spine3", "Y", 9.0), ("neck", "Y", 8.0), ("head", "X", 5.0))
    for name, axis, size in parts:
        turn = np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * time + rng.uniform(0, 6)) * np.deg2rad(size)
        joint = motion.skeleton.index(name)
        rotations[:, joint] = rotations[:, joint] @ axis_rotation(axis, turn)
    return Motion(motion.skeleton, fps, rotations, motion.translation)


def ebmdb_rig() -> Skeleton:
    """The 23 joints of the MPI database (lengths in metres as in its files): the arms hang at rest."""
    joints = [
        ("Hips", "", (0, 0, 0)),
        ("Chest", "Hips", (0, 0.096, 0)),
        ("Chest2", "Chest", (0, 0.096, 0)),
        ("Chest3", "Chest2", (0, 0.096, 0)),
        ("Chest4", "Chest3", (0, 0.096, 0)),
        ("Neck", "Chest4", (0, 0.145, 0)),
        ("Head", "Neck", (0, 0.089, 0)),
    ]
    for side, x in (("Right", -1.0), ("Left", 1.0)):
        joints += [
            (f"{side}Collar", "Chest4", (0.029 * x, 0.096, 0)),
            (f"{side}Shoulder", f"{side}Collar", (0.135 * x, 0, 0)),
            (f"{side}Elbow", f"{side}Shoulder", (0, -0.297, 0)),
            (f"{side}Wrist", f"{side}Elbow", (0, -0.24, 0)),
        ]
    for side, x in (("Right", -1.0), ("Left", 1.0)):
        joints += [
            (f"{side}Hip", "Hips", (0.078 * x, 0, 0)),
            (f"{side}Knee", f"{side}Hip", (0, -0.409, 0)),
            (f"{side}Ankle", f"{side}Knee", (0, -0.397, 0)),
            (f"{side}Toe", f"{side}Ankle", (0, -0.05, 0.11)),
        ]
    names = [name for name, _, _ in joints]
    parents = tuple(names.index(parent) if parent else -1 for _, parent, _ in joints)
    tips = {
        "Head": (0.0, 0.171, 0.0),
        "RightWrist": (0.0, -0.177, 0.0),
        "LeftWrist": (0.0, -0.177, 0.0),
        "RightToe": (0.0, -0.014, 0.059),
        "LeftToe": (0.0, -0.014, 0.059),
    }
    ends = tuple((names.index(name), tip) for name, tip in tips.items())
    return Skeleton(tuple(names), parents, np.array([offset for _, _, offset in joints]), ends)


def voice(seconds: float, *, seed: int, pause: tuple[float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A train of syllables, every third louder and higher: samples [N] and the times of those [K]."""
    rng = np.random.default_rng(seed)
    sound = 1e-4 * rng.standard_normal(round(seconds * SAMPLE_RATE))
    heavy_times, at, count = [], 0.3, 0
    while at < seconds - 0.4:
        if pause and pause[0] - 0.2 < at < pause[1]:
            at = pause[1]
            continue
        heavy = count % 3 == 0
        time = np.arange(round(0.16 * SAMPLE_RATE)) / SAMPLE_RATE
        pitch = 190.0 if heavy else rng.uniform(140.0, 160.0)
        tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 16))
        first = round(at * SAMPLE_RATE)
        sound[first : first + len(time)] += (0.35 if heavy else 0.1) * np.hanning(len(time)) ** 0.5 * tone
        if heavy:
            heavy_times.append(at + 0.08)
        at, count = at + rng.uniform(0.19, 0.3), count + 1
    return (sound / np.abs(sound).max() * 0.7).astype(np.float32), np.array(heavy_times)


def stresses(seconds: float, *, seed: int, pause: tuple[float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A murmur with a strong stress every 0.55 to 0.95 s: samples [N] and the times of the stresses [K]."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * (140.0 * time + 1.5 * np.sin(2 * np.pi * 2.1 * time))
    murmur = sum(np.sin(k * phase) / k for k in range(1, 12))
    level = 0.12 * (1 + 0.35 * np.sin(2 * np.pi * 4.3 * time))
    times = 0.4 + np.cumsum(rng.uniform(0.55, 0.95, int(seconds / 0.55) + 1))
    times = times[times < seconds - 0.4]
    if pause:
        times = times[(times < pause[0] - 0.2) | (times > pause[1] + 0.1)]
    for moment in times:
        level += 0.9 * np.exp(-0.5 * ((time - moment) / 0.045) ** 2)
    if pause:
        level[(time > pause[0]) & (time < pause[1])] = 0.0
    sound = level * murmur + 1e-4 * rng.standard_normal(len(time))
    return (sound / np.abs(sound).max() * 0.7).astype(np.float32), times


@dataclass(frozen=True)
class MiniCorpus:
    """Two folders as the readers expect them."""

    ebmdb: Path
    speech: Path


def write_ebmdb(folder: Path, *, clips: int = 3, seconds: float = 6.0) -> Path:
    """A folder like that of the MPI database: four actors, some askew, in neutral, joy and anger."""
    rig, rows = ebmdb_rig(), []
    folder.mkdir(parents=True, exist_ok=True)
    for number, actor in enumerate(ACTORS):
        (folder / actor).mkdir()
        for take in range(clips):
            emotion = ("neutral", "joy", "anger")[take % 3]
            motion = gesturing(seconds + 0.5 * take, seed=10 * number + take)
            rotations = motion.rotations.copy()
            rotations[:, 0] = axis_rotation("Y", 0.8 * number) @ rotations[:, 0]
            turned = Motion(motion.skeleton, motion.fps, rotations, motion.translation)
            file = f"{actor}/fairytale_{emotion}_{take:04d}.bvh"
            save_bvh(to_rig(turned, "ebmdb", skeleton=rig), folder / file)
            rows.append([file, actor, emotion, "fairytale", f"{actor}_take", turned.frames, turned.seconds])
    with open(folder / "clips.csv", "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "actor", "emotion", "kind", "session", "frames", "seconds"])
        writer.writerows(rows)
    return folder


def write_speech(folder: Path, *, train: int = 4, others: int = 1, seconds: float = 7.3) -> Path:
    """A folder of voices; their speakers' names fall into the wanted splits."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, rows, number = {"train": train, "val": others, "test": others}, [], 0
    while any(wanted.values()):
        speaker = f"voice{number}"
        number += 1
        if not wanted[split_of(speaker)]:
            continue
        wanted[split_of(speaker)] -= 1
        samples, _ = voice(seconds + 0.37 * len(rows), seed=number, pause=(3.0, 4.1))
        write_wav(folder / f"{speaker}.wav", samples)
        rows.append([f"{speaker}.wav", speaker])
    with open(folder / "manifest.csv", "w", newline="") as table:
        csv.writer(table).writerows([["file", "speaker"], *rows])
    return folder


def shake(run: Path, *, stages: tuple[str, ...] = ("tokenizer", "generator"), size: float = 0.08) -> None:
    """Add noise to the weights of stages of a finished run."""
    import torch
    from safetensors.torch import load_file, save_file

    for stage in stages:
        path = run / stage / "model.safetensors"
        noise = torch.Generator().manual_seed(0)
        weights = {
            name: value + size * torch.randn(value.shape, generator=noise)
            if value.ndim > 1 and "quantizer" not in name and name not in ("analysis", "synthesis.weight")
            else value
            for name, value in load_file(path).items()
        }
        save_file(weights, path)
