"""A .vrma of ours, played by three-vrm-animation on an avatar whose bones have rest rotations of their own.

Needs node and a folder with the packages three, @pixiv/three-vrm and @pixiv/three-vrm-animation, which
PLAYWRIGHT_DIR names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.rotation import matrix_to_quaternion
from cospeech.motion.eyes import EYES, eye_angles
from cospeech.motion.formats import save_motion
from cospeech.motion.formats.fbx_writer import bone_frames
from cospeech.motion.formats.gltf import GltfWriter
from cospeech.motion.formats.vrma import PRESETS, preset_weights
from cospeech.motion.retarget import to_rig
from cospeech.motion.skeleton import Skeleton
from format_data import canonical_motion

pytestmark = pytest.mark.clients
PLAYER = Path(__file__).parent / "clients" / "play_vrma.mjs"
SMALLER = 0.8  # the avatar's size


@pytest.fixture
def node_folder() -> str:
    folder = os.environ.get("PLAYWRIGHT_DIR", "")
    if shutil.which("node") is None or not (Path(folder) / "node_modules" / "@pixiv" / "three-vrm").is_dir():
        pytest.skip("needs node, and PLAYWRIGHT_DIR with three, @pixiv/three-vrm, @pixiv/three-vrm-animation")
    return folder


def avatar(skeleton: Skeleton, path: Path) -> Path:
    """A VRM 1.0 avatar without a mesh: bones turned along their limbs at rest, all presets, eyes that look."""
    writer = GltfWriter()
    frames = bone_frames(skeleton)
    nodes = []
    for joint, parent in enumerate(skeleton.parents):
        above = frames[parent].T if parent >= 0 else np.eye(3)
        turn = matrix_to_quaternion(above @ frames[joint])
        shift = above @ skeleton.offsets[joint] * SMALLER
        nodes.append(writer.node(name=f"bone{joint}", translation=shift.tolist(), rotation=turn[[1, 2, 3, 0]].tolist()))
    for joint, children in enumerate(skeleton.children):
        if children:
            writer.document["nodes"][nodes[joint]]["children"] = [nodes[child] for child in children]
    writer.document["scenes"][0]["nodes"] = [nodes[0]]
    empty = {"isBinary": False, "overrideBlink": "none", "overrideLookAt": "none", "overrideMouth": "none"}
    looks = {"inputMaxValue": 90.0, "outputScale": 30.0}
    ranges = ("HorizontalInner", "HorizontalOuter", "VerticalDown", "VerticalUp")
    writer.document["extensionsUsed"] = ["VRMC_vrm"]
    writer.document["extensions"] = {
        "VRMC_vrm": {
            "specVersion": "1.0",
            "meta": {"name": "test", "authors": ["test"], "licenseUrl": "https://vrm.dev/licenses/1.0/"},
            "humanoid": {"humanBones": {name: {"node": nodes[j]} for j, name in enumerate(skeleton.names)}},
            "expressions": {"preset": {name: dict(empty) for name in PRESETS}},
            "lookAt": {
                "type": "bone",
                "offsetFromHeadBone": [0, 0, 0],
                **{f"rangeMap{name}": looks for name in ranges},
            },
        }
    }
    return writer.save(path)


def test_limbs_expressions_and_gaze_in_three_vrm(tmp_path, node_folder):
    motion = canonical_motion(12)
    rotations = motion.rotations.copy()
    rotations[:, motion.skeleton.indices(EYES)] = np.eye(3)  # the gaze is that of the face
    motion = replace(motion, rotations=rotations)
    rig = to_rig(motion, "vrm")
    vrm, vrma = avatar(rig.skeleton, tmp_path / "a.vrm"), save_motion(motion, tmp_path / "a.vrma")
    script = Path(shutil.copy(PLAYER, tmp_path))
    (tmp_path / "node_modules").symlink_to(Path(node_folder) / "node_modules")
    done = subprocess.run(
        ["node", str(script), str(vrm), str(vrma), "30", "12"], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    played = json.loads(done.stdout)
    assert played["warnings"] == []
    names = [name for name in rig.skeleton.names if not name.endswith("Eye")]
    assert {"leftShoulder", "rightShoulder", "upperChest"} <= set(names)
    theirs = np.array([[row["bones"][name] for name in names] for row in played["rows"]])
    ours = rig.positions[:, rig.skeleton.indices(names)] * SMALLER
    apart = np.linalg.norm(theirs - ours, axis=-1)
    assert apart.max() < 1e-3, f"{1000 * apart.max():.2f} mm at {names[int(apart.max(0).argmax())]}"
    wanted = preset_weights(motion.face)
    for side in ("Left", "Right"):
        wanted[f"blink{side}"] = wanted[f"blink{side}"] - wanted["blink"]  # players add up all three
    for name, values in wanted.items():
        np.testing.assert_allclose([row["expressions"][name] for row in played["rows"]], values, atol=1e-5)
    angles = eye_angles(motion.face).mean(1)  # yaw to the person's left, pitch down, as in the viewer
    gaze = np.array([[row["yaw"], row["pitch"]] for row in played["rows"]])
    assert np.abs(gaze - angles).max() < 1.0, np.abs(gaze - angles).max(0)  # degrees; the mean of two eyes is a slerp
