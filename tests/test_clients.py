"""What is written, loaded by the programs that it is for: three.js with three-vrm in Chromium, and Blender.

Run with ``pytest -m clients``. PLAYWRIGHT_DIR names a folder with three, @pixiv/three-vrm, @pixiv/three-vrm-animation
and playwright-core (npm), CHROMIUM the browser (/usr/bin/chromium); BPY_PYTHON a Python with bpy 4.5 and NumPy below 2.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from character_data import MIXAMO, RIGIFY, VRM0, VRM1, Kind, gesturing, picture, write_character
from cospeech.avatar.character.character import Character, open_character
from cospeech.motion.rig_binding import LIMBS

pytestmark = pytest.mark.clients

SCRIPTS = Path(__file__).parents[1] / "scripts"
TIMES = (0.0, 0.5, 1.0)
T_POSE = replace(VRM1, arms_down=0.0)
KINDS = {"mixamo": replace(MIXAMO, texture=picture()), "vrm1": VRM1, "rigify": RIGIFY}


def run(*words: object) -> dict:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def in_three(path: Path, *words: object) -> dict:
    folder = os.environ.get("PLAYWRIGHT_DIR")
    if not folder or not shutil.which("node") or not (Path(folder) / "node_modules" / "three").is_dir():
        pytest.skip("needs node, and PLAYWRIGHT_DIR with three, three-vrm and playwright-core")
    result = run("node", SCRIPTS / "client_three.mjs", path, "--dir", folder, "--at", ",".join(map(str, TIMES)), *words)
    assert not result["problems"]
    return result


def in_blender(path: Path) -> dict:
    python = os.environ.get("BPY_PYTHON")
    if not python:
        pytest.skip("needs BPY_PYTHON, a Python with bpy 4.5")
    return run(python, SCRIPTS / "client_blender.py", path, "--frames", *(round(30 * time) for time in TIMES))


def off(character: Character, places: dict[str, list]) -> tuple[float, float, float]:
    """Greatest distances: of any joint from where it was meant to be (metres), of a wrist from where the source's arm
    puts it once its bones are as long as the character's (metres), of a limb from the source's direction (degrees)."""
    motion = gesturing()
    frames = [round(30 * time) for time in TIMES]
    posed, rig = character.pose(motion), character.rig
    names, rest = character.tree.names, rig.skeleton.rest_positions
    at = {name: np.array(places[names[rig.nodes[joints[0]]]]) for name, joints in rig.binding.joints.items()}
    meant = {name: posed.places[frames, joints[0]] for name, joints in rig.binding.joints.items()}
    joint = max(np.linalg.norm(at[name] - meant[name], axis=1).max() for name in at)
    source = {name: motion.positions[frames, motion.skeleton.index(name)] @ rig.heading.T for name in at}
    degrees = 0.0
    for start, end in LIMBS.items():
        a, b = at[end] - at[start], source[end] - source[start]
        cross = np.linalg.norm(np.cross(a, b), axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert (np.einsum("ta,ta->t", a, b) > 0).all()
        degrees = max(degrees, np.degrees(np.arcsin(cross)).max())
    wrist = 0.0
    for side in ("left", "right"):
        reached = at[f"{side}_shoulder"].copy()
        for start, end in pairwise(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist")):
            length = np.linalg.norm(rest[rig.binding.joints[end][0]] - rest[rig.binding.joints[start][0]])
            bone = source[end] - source[start]
            reached += bone * (length / np.linalg.norm(bone, axis=1, keepdims=True))
        wrist = max(wrist, np.linalg.norm(reached - at[f"{side}_wrist"], axis=1).max())
    return joint, wrist, degrees


def made(tmp_path: Path, kind: Kind) -> tuple[Character, Path]:
    suffix = ".vrm" if kind.vrm else ".glb"
    character = open_character(write_character(tmp_path / f"me{suffix}", kind))
    return character, gesturing().save(tmp_path / f"out{suffix}", onto=character)


def check(character: Character, places: dict[str, list]) -> None:
    joint, wrist, degrees = off(character, places)
    assert joint < 1e-3
    assert wrist < 1e-3
    assert degrees < 1.0


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_three(tmp_path, kind):
    character, path = made(tmp_path, kind)
    result = in_three(path)
    assert result["clip"] == "gesture"
    check(character, result["places"])
    if kind.targets:
        face = gesturing().face[[round(30 * time) for time in TIMES]]
        np.testing.assert_allclose(result["weights"]["jawOpen"], face[:, 17], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_blender(tmp_path, kind):
    character, path = made(tmp_path, kind)
    glb = path.rename(path.with_suffix(".glb"))
    result = in_blender(glb)
    assert result["actions"] == ["gesture"]
    check(character, result["places"])


@pytest.mark.parametrize("loaded", [in_three, in_blender], ids=["three", "blender"])
@pytest.mark.parametrize("rig", ["mixamo", "ue5", None])
def test_a_character_from_fbx(tmp_path, rig, loaded):
    """It comes out as .glb, on its own joints; here one in centimetres whose z is up."""
    pytest.importorskip("ufbx")
    still = gesturing(1, face=False)
    source = still.save(tmp_path / "me.fbx", level=1, up="z", unit="cm", **({} if rig is None else {"rig": rig}))
    character = open_character(source)
    check(character, loaded(gesturing().save(tmp_path / "out.glb", onto=character))["places"])


@pytest.mark.parametrize("kind", [T_POSE, VRM0], ids=["vrm1", "vrm0"])
def test_the_vrma_beside_it(tmp_path, kind):
    """three-vrm puts it on the humanoid: limbs as the source's, whatever the VRM's own rest rotations."""
    character, path = made(tmp_path, kind)
    result = in_three(path, "--vrma", path.with_suffix(".vrma"))
    _, wrist, degrees = off(character, result["places"])
    assert degrees < 1.0
    assert wrist < 1e-3
    assert max(result["weights"]["jawOpen"]) > 0.2
