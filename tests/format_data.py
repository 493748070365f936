"""What the tests of formats and retargeting share: where the data is, made-up motions and rigs."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import Skeleton, canonical_skeleton

SHARED = Path(os.environ.get("COSPEECH_SHARED", Path(__file__).parents[2] / "shared"))


def shared_file(name: str) -> Path:
    """A file of the shared data; skips the test where it is absent."""
    path = SHARED / "data" / name
    if not path.is_file():
        pytest.skip(f"needs {path}; set COSPEECH_SHARED to the folder that holds data/")
    return path


def ebmdb_clips(folder: Path, every: int) -> list[Path]:
    """Every n-th clip of the corpus, unpacked into a folder."""
    with zipfile.ZipFile(shared_file("ebmdb/clips.zip")) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".bvh"))[::every]
        return [Path(archive.extract(name, folder)) for name in names]


def smooth_rotations(frames: int, joints: int, *, seed: int = 0, angle: float = 0.6) -> np.ndarray:
    """[T, J, 3, 3] rotations that wander smoothly, radians of ``angle`` about random axes."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 2 * np.pi, max(frames, 2))[:frames, None, None]
    phase, axis = rng.uniform(0, 2 * np.pi, (1, joints, 3)), rng.normal(size=(1, joints, 3)) * angle
    return axis_angle_to_matrix(np.sin(t * rng.integers(1, 4, (1, joints, 3)) + phase) * axis)


def canonical_motion(frames: int = 40, *, seed: int = 0, face: bool = True, fps: float = 30.0) -> Motion:
    """A canonical body that moves everywhere."""
    rng = np.random.default_rng(seed)
    skeleton = canonical_skeleton()
    t = np.linspace(0, 1, frames)[:, None]
    translation = skeleton.offsets[0] + 0.1 * np.sin(t * [[3.0, 5.0, 2.0]])
    weights = rng.random((frames, 52)).astype(np.float32) if face else None
    return Motion(skeleton, fps, smooth_rotations(frames, 55, seed=seed), translation, face=weights)


# BEAT's tree: pinky hangs from the ring finger's metacarpal, thumb from the index finger's.
_BEAT_HAND = (
    *(("Middle1", ""), ("Middle2", "Middle1"), ("Middle3", "Middle2"), ("Middle4", "Middle3")),
    *(("Ring", ""), ("Ring1", "Ring"), ("Ring2", "Ring1"), ("Ring3", "Ring2"), ("Ring4", "Ring3")),
    *(("Pinky", "Ring"), ("Pinky1", "Pinky"), ("Pinky2", "Pinky1"), ("Pinky3", "Pinky2")),
    *(("Pinky4", "Pinky3"), ("Index", ""), ("Index1", "Index"), ("Index2", "Index1")),
    *(("Index3", "Index2"), ("Index4", "Index3"), ("Thumb1", "Index"), ("Thumb2", "Thumb1")),
    *(("Thumb3", "Thumb2"), ("Thumb4", "Thumb3")),
)


def beat_rig() -> Skeleton:
    """75 joints named and connected as BEAT's, of plausible lengths, in T-pose."""
    names = ["Hips", "Spine", "Spine1", "Spine2", "Spine3", "Neck", "Neck1", "Head", "HeadEnd"]
    parents = [-1, 0, 1, 2, 3, 4, 5, 6, 7]
    offsets: list[tuple[float, float, float]] = [(0, 0.98, 0), (0, 0.1, 0), (0, 0.12, 0), (0, 0.12, 0.01)]
    offsets += [(0, 0.12, -0.01), (0, 0.16, 0), (0, 0.06, 0.01), (0, 0.06, 0.01), (0, 0.2, 0)]

    def add(name: str, parent: str, offset: tuple[float, float, float]) -> None:
        parents.append(names.index(parent))
        names.append(name)
        offsets.append(offset)

    for side, x in (("Right", -1.0), ("Left", 1.0)):
        add(f"{side}Shoulder", "Spine3", (0.03 * x, 0.12, 0.02))
        add(f"{side}Arm", f"{side}Shoulder", (0.15 * x, 0, 0))
        add(f"{side}ForeArm", f"{side}Arm", (0.29 * x, 0, 0))
        add(f"{side}Hand", f"{side}ForeArm", (0.25 * x, 0, 0))
        for part, parent in _BEAT_HAND:
            z = {"Middle": 0.0, "Ring": -0.02, "Pinky": -0.04, "Index": 0.025, "Thumb": 0.03}[part.rstrip("1234")]
            if parent == "":
                offset = (0.03 * x, 0.0, z / 2) if part in ("Ring", "Index") else (0.09 * x, 0.0, z)
            elif part == "Thumb1":
                offset = (0.01 * x, -0.01, 0.02)
            else:
                offset = ((0.06 if part[-1] == "1" else 0.03) * x, 0.0, z / 4)
            add(f"{side}Hand{part}", f"{side}Hand{parent}", offset)
    for side, x in (("Right", -1.0), ("Left", 1.0)):
        add(f"{side}UpLeg", "Hips", (0.09 * x, -0.03, 0))
        add(f"{side}Leg", f"{side}UpLeg", (0, -0.44, 0))
        add(f"{side}Foot", f"{side}Leg", (0, -0.43, 0))
        add(f"{side}ForeFoot", f"{side}Foot", (0, -0.05, 0.08))
        add(f"{side}ToeBase", f"{side}ForeFoot", (0, -0.02, 0.05))
        add(f"{side}ToeBaseEnd", f"{side}ToeBase", (0, -0.01, 0.06))
    return Skeleton(tuple(names), tuple(parents), np.array(offsets))


def reposed(skeleton: Skeleton, turns: dict[str, tuple[float, float, float]]) -> Skeleton:
    """The same rig with another rest pose: subtrees turned about their joint (axis-angle, degrees)."""
    from cospeech.motion.kinematics import global_rotations

    local = np.tile(np.eye(3), (len(skeleton), 1, 1))
    for name, vector in turns.items():
        local[skeleton.index(name)] = axis_angle_to_matrix(np.radians(np.array(vector, dtype=float)))
    world = global_rotations(local, skeleton.parents)
    offsets = np.array(
        [
            world[parent] @ offset if parent >= 0 else offset
            for parent, offset in zip(skeleton.parents, skeleton.offsets, strict=True)
        ]
    )
    return Skeleton(skeleton.names, skeleton.parents, offsets)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def parts(path: Path) -> tuple[dict, bytes]:
    """Document and binary chunk of a GLB file."""
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def rebuilt(path: Path, document: dict, binary: bytes) -> Path:
    """A GLB file of a document and a binary chunk."""
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    total = 28 + len(text) + len(binary)
    path.write_bytes(
        struct.pack("<IIIII", 0x46546C67, 2, total, len(text), 0x4E4F534A)
        + text
        + struct.pack("<II", len(binary), 0x004E4942)
        + binary
    )
    return path
