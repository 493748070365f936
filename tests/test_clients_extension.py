"""The Blender extension, built and installed: gestures on armatures, at the scene's rate, stopped and refused.

Needs an interpreter with the package bpy (4.5, NumPy below 2), which BPY_PYTHON names. Blender's own validator, which
that package has, reads the zip.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from character_data import MIXAMO, VRM1, write_character
from cli_data import HELLO, needs_model, write_wav
from cospeech.motion.formats.gltf import GltfFile
from format_data import canonical_motion

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests" / "clients" / "blender_extension.py"
SECONDS = 3.0
PERSON = replace(MIXAMO, table="canonical", prefix="", size=1.0, armature_scale=1.0, armature_turn=0.0)

pytestmark = [pytest.mark.clients, needs_model]


@pytest.fixture(scope="module")
def blender() -> str:
    python = os.environ.get("BPY_PYTHON", "")
    if not Path(python).is_file():
        pytest.skip("needs BPY_PYTHON, an interpreter with bpy")
    return python


@pytest.fixture(scope="module")
def extension(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("extension")
    script = ROOT / "scripts" / "build_blender_extension.py"
    done = subprocess.run([sys.executable, script, "-o", folder], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def read(path: Path, seconds: float) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(path, always_2d=True)
    return samples[: round(seconds * rate)], rate


def length_of(path: Path) -> float:
    """Seconds to the last key of a file's last animation."""
    file = GltfFile(path)
    animation = file.items("animations")[-1]
    return max(file.item("accessors", sampler["input"])["max"][0] for sampler in animation["samplers"])


@pytest.fixture
def in_blender(tmp_path, blender, extension):
    """Calls the script with settings; what it found."""
    command = tmp_path / "cospeech"
    words = f'PYTHONPATH="{ROOT / "src"}" exec "{sys.executable}" -m cospeech "$@"'
    command.write_text(f"#!/bin/sh\n{words}\n")
    command.chmod(0o755)
    sound = write_wav(tmp_path / "talk.wav", *read(HELLO, SECONDS))
    (tmp_path / "kept").mkdir()

    def call(armature: object, what: str = "gesture", **more: object) -> dict:
        settings = {
            "zip": str(extension),
            "command": str(command),
            "sound": str(sound),
            "folder": str(tmp_path / "kept"),
            "armature": str(armature),
            "what": what,
            **more,
        }
        told, result = tmp_path / "settings.json", tmp_path / "result.json"
        told.write_text(json.dumps(settings))
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        env |= {"BLENDER_USER_RESOURCES": str(tmp_path / "blender"), "TMPDIR": str(tmp_path / "temporary")}
        (tmp_path / "temporary").mkdir(exist_ok=True)
        done = subprocess.run(
            [blender, SCRIPT, told, result], capture_output=True, text=True, timeout=90, env=env, check=False
        )
        assert result.is_file(), done.stdout[-3000:] + done.stderr[-3000:]
        assert not list((tmp_path / "temporary").glob("cospeech-*"))
        return json.loads(result.read_text())

    return call


def test_blenders_validator_takes_the_zip(blender, extension):
    find = "import bpy; print(bpy.utils.system_resource('SCRIPTS'))"
    folder = subprocess.run([blender, "-c", find], capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    tool = Path(folder) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    assert tool.is_file()
    done = subprocess.run([blender, tool, "validate", extension], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def armature(tmp_path: Path, name: str) -> str:
    if name == "metarig":
        return name
    if name == "ours":
        return str(canonical_motion(4).save(tmp_path / "person.glb", level=1))
    kind = {"mixamo": MIXAMO, "vrm": VRM1}[name]
    return str(write_character(tmp_path / ("me.vrm" if kind.vrm else "me.glb"), kind).rename(tmp_path / "person.glb"))


@pytest.mark.parametrize(
    ("name", "scene_fps", "options"),
    [
        ("ours", [24, 1.0], {"first": 11}),
        ("mixamo", [30, 1.001], {"intensity": 1.5, "strip": False}),
        ("vrm", [60, 1.0], {"rate": "MOTION", "seed": 3}),
        ("metarig", [25, 1.0], {"takes": 2, "model": "emotion", "emotion": "joy"}),
    ],
)
def test_the_pose_is_that_of_the_file(tmp_path, in_blender, name, scene_fps, options):
    takes, file = options.get("takes", 1), "gesture.1.glb" if "takes" in options else "gesture.glb"
    hold = ["forearm.L"] if name == "metarig" else []
    found = in_blender(armature(tmp_path, name), scene_fps=scene_fps, options=options, file=file, hold=hold)
    assert found["failed"] == bool(hold)
    assert ("hold 1 of them (forearm.L" in found["message"]) == bool(hold)
    assert found["mm"] < 1.0
    assert found["degrees"] < 1.0
    assert found["skin_mm"] < 1.0
    assert found["moved_m"] > 0.02  # something moves
    fps = 30.0 if options.get("rate") == "MOTION" else scene_fps[0] / scene_fps[1]
    assert found["fps"] == pytest.approx(fps)
    assert found["seconds"] == pytest.approx(length_of(tmp_path / "kept" / file), abs=1e-3)
    assert abs(found["seconds"] - SECONDS) < 1.5 / fps
    first = options.get("first", 1)
    assert found["first"] == pytest.approx(first)
    assert found["frame_end"] >= first + SECONDS * fps - 1.5
    assert found["interpolation"] == ["LINEAR"]
    stems = ["talk"] if takes == 1 else [f"talk.{k + 1}" for k in range(takes)]
    assert [action for action in found["new"]["actions"] if "face" not in action and action != "walk"] == stems
    assert found["plays"] == stems[0]
    assert found["kept"]  # what the armature played before
    assert found["mode"] == "POSE"
    assert {kind: new for kind, new in found["new"].items() if new and kind not in ("actions", "sounds")} == {}
    if options.get("strip", True):
        (strip,) = found["strips"]
        assert strip[0] == "talk"
        assert strip[1] == first
        assert abs(strip[2] - SECONDS * fps) <= 1.0
    else:
        assert found["strips"] == []
    if name == "metarig":
        assert (found["meshes"], found["face"]) == (0, [])
    else:
        assert found["face"] == ["talk face"]
        assert found["face_seconds"] == [pytest.approx(found["seconds"], abs=1e-3)]
        assert found["jaw"] > 0.05


def test_cancelling_leaves_nothing(tmp_path, in_blender):
    found = in_blender(armature(tmp_path, "mixamo"), what="cancel", options={"takes": 16})
    assert found["stage"].startswith("generating")
    assert found["was_there"]
    assert not found["folder_left"]
    assert not found["running"]
    assert not found["changed"]
    assert (found["mode"], found["selected"], found["again"]) == ("POSE", True, True)


def test_progress_is_shown_and_escape_stops(tmp_path, in_blender):
    found = in_blender(armature(tmp_path, "mixamo"), what="modal")
    assert found["idle"][0] == "Sound"
    assert found["idle"][-1] == "cospeech.gesture"
    assert found["busy"][-2:][1] == "cospeech.stop"
    assert found["shares"] == sorted(found["shares"])
    assert found["shares"][0] == 0.0
    assert 0.1 <= max(found["shares"]) <= 1.0
    assert found["result"] == ["FINISHED"]
    assert len(found["after"]["actions"]) == len(found["before"]["actions"]) + 2
    assert found["escaped"] == ["CANCELLED"]
    assert found["after escape"] == found["after"]
    assert found["said"][-1] == "stopped"


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("mixamo", {"sound": "/nowhere/talk.wav"}, "no such file"),
        ("mixamo", {"command": "/nowhere/cospeech"}, "no such program"),
        ("mixamo", {"options": {"speaker": "nobody"}}, "nobody"),
        ("metarig", {"drop": ["arm", "hand", "shoulder"]}, "metarig: the joints spine, "),
    ],
    ids=["sound", "command", "speaker", "rig"],
)
def test_errors_are_one_line_in_the_panel(tmp_path, in_blender, name, more, message):
    found = in_blender(armature(tmp_path, name), what="fail", **more)
    assert message in found["message"]
    assert found["message"] in found["reported"]
    assert found["failed"]
    assert found["again"]
    assert not found["changed"]
