"""BVH, GLB and FBX of ours in Blender, and back again.

Needs an interpreter with the package bpy (4.5, NumPy below 2), which BPY_PYTHON names.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cospeech.avatar.body import load_body
from cospeech.avatar.rigging import RiggedBody, rigged
from cospeech.avatar.skinning import blend_matrices
from cospeech.core.rotation import geodesic
from cospeech.motion.face_shapes import ARKIT_INDEX
from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.retarget import to_rig
from format_data import canonical_motion

pytestmark = pytest.mark.clients
READER = Path(__file__).parent / "clients" / "blender_joints.py"
Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # from Blender's axes
EYES = ("left_eye", "right_eye", "leftEye", "rightEye", "LeftEye", "RightEye")  # the face turns them


@pytest.fixture
def blender() -> str:
    python = os.environ.get("BPY_PYTHON", "")
    if not Path(python).is_file():
        pytest.skip("needs BPY_PYTHON, an interpreter with bpy")
    return python


def in_blender(python: str, path: Path, fps: float = 30, *, exported: Path | None = None) -> dict[str, np.ndarray]:
    """What Blender makes of a file."""
    target = path.with_suffix(".npz")
    words = [python, str(READER), str(path), str(target), str(round(fps)), *([str(exported)] if exported else [])]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, env=env)
    assert target.is_file(), done.stdout[-2000:] + done.stderr[-2000:]
    with np.load(target) as file:
        return {name: file[name] for name in file.files}


def check_joints(found: dict[str, np.ndarray], motion: Motion) -> None:
    """Every joint within .1 mm of where it should be, and turned within .01 degree."""
    names = [name for name in found["names"].tolist() if name in motion.skeleton.names and name not in EYES]
    assert len(names) >= 50
    theirs = [found["names"].tolist().index(name) for name in names]
    ours = motion.skeleton.indices(names)
    pose, rest = found["pose"][:, theirs], found["rest"][theirs]
    assert len(pose) == motion.frames
    places = pose[..., :3, 3] @ Y_UP.T
    assert np.linalg.norm(places - motion.positions[:, ours], axis=-1).max() < 1e-4

    def turns(matrices: np.ndarray) -> np.ndarray:
        linear = matrices[..., :3, :3]
        return linear / np.linalg.norm(linear, axis=-2, keepdims=True)

    world = Y_UP @ turns(pose) @ np.swapaxes(turns(rest), -1, -2) @ Y_UP.T
    wanted = global_rotations(motion.rotations.astype(float), motion.skeleton.parents)[:, ours]
    assert np.degrees(geodesic(world, wanted).max()) < 0.01


def skinned(person: RiggedBody, frame: int) -> np.ndarray:
    """The mesh [V, 3] as its four joints a vertex have it."""
    motion, body = person.motion, person.body
    points = body.vertices.astype(float)
    if motion.face is not None:
        weights = dict(zip(body.morphs.names, body.morphs.dense(len(body)), strict=True))
        points = points + sum(motion.face[frame, ARKIT_INDEX[name]] * delta for name, delta in weights.items())
    world = global_rotations(motion.rotations.astype(float), motion.skeleton.parents)[frame]
    shift = motion.positions[frame] - np.einsum("jab,jb->ja", world, motion.skeleton.rest_positions)
    dense = np.zeros((len(body), len(motion.skeleton)))
    np.add.at(dense, (np.arange(len(body))[:, None], person.joints), person.weights)
    blend = blend_matrices(dense, np.concatenate([world, shift[..., None]], axis=-1))
    return np.einsum("vab,vb->va", blend[..., :3], points) + blend[..., 3]


@pytest.mark.parametrize(
    ("suffix", "options", "fps"),
    [
        (".bvh", {}, 30.0),
        (".glb", {"level": 1}, 30.0),
        (".fbx", {"level": 1}, 30.0),
        (".fbx", {"mesh": False, "rig": "ue5", "up": "z", "unit": "m"}, 25.0),
        (".fbx", {"level": 1, "rig": "mixamo", "up": "z"}, 60.0),
    ],
)
def test_joints_and_skin_in_blender(tmp_path, blender, suffix, options, fps):
    motion = canonical_motion(8, fps=fps)
    found = in_blender(blender, save_motion(motion, tmp_path / f"a{suffix}", **options), fps)
    assert found["fps"] == pytest.approx(fps, rel=1e-5)
    rig = options.get("rig")
    check_joints(found, motion if rig is None else to_rig(motion, rig))
    drawn_bone = "MESH:Icosphere"
    kinds = [name.split(":")[0] for name in found["objects"].tolist() if name != drawn_bone]
    # Its importer of glTF leaves an empty of every skinned mesh whose shapes are animated.
    meshes = {".glb": ["EMPTY", "MESH", "MESH"], ".fbx": ["MESH"]}.get(suffix, []) if "level" in options else []
    assert sorted(kinds) == ["ARMATURE", *meshes]
    if "level" not in options:
        return
    person = rigged(motion, load_body(1), rig=rig)
    assert len(found["vertices"]) == 8
    theirs = found["vertices"][5] @ Y_UP.T
    ours = skinned(person, 5)
    if suffix == ".glb":  # Blender splits and orders vertices by its own
        assert np.allclose(np.sort(theirs[:, 1])[[0, -1]], np.sort(ours[:, 1])[[0, -1]], atol=1e-4)
        return
    assert np.abs(theirs - ours).max() < 1e-4
    np.testing.assert_allclose(np.sort(found["shapes"][5]), np.sort(motion.face[5]), atol=1e-5)
    assert len(found["materials"]) > 5


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".fbx"])
def test_round_trips(tmp_path, blender, suffix):
    """Read by Blender, written by Blender, read by us: a hundredth of a millimetre where 1 mm is asked."""
    motion = canonical_motion(8, face=False)
    options = {} if suffix == ".bvh" else {"level": 1}
    back = tmp_path / f"back{suffix}"
    in_blender(blender, save_motion(motion, tmp_path / f"a{suffix}", **options), exported=back)
    again = load_motion(back)
    assert (again.fps, again.frames) == (30.0, 8)
    names = [name for name in motion.skeleton.names if name in again.skeleton.names]
    assert len(names) >= 50
    theirs, ours = (
        again.positions[:, again.skeleton.indices(names)],
        motion.positions[:, motion.skeleton.indices(names)],
    )
    assert np.linalg.norm(theirs - ours, axis=-1).max() < 1e-5
