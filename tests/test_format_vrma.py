"""VRMA: out and in again, and what the specification asks of it."""

from __future__ import annotations

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.formats.gltf import GltfFile
from cospeech.motion.formats.vrma import PRESETS, preset_weights
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.retarget import retarget
from cospeech.motion.skeleton import CANONICAL_NAMES
from format_data import canonical_motion, parts


def test_vrma_comes_back(tmp_path):
    motion = canonical_motion(18)
    again = load_motion(save_motion(motion, tmp_path / "a.vrma", expressions="arkit"))
    assert again.skeleton.names[0] == "hips"
    assert "leftThumbMetacarpal" in again.skeleton.names
    assert not any(name.endswith("Eye") for name in again.skeleton.names)
    np.testing.assert_allclose(again.face, motion.face, atol=1e-6)
    canonical = retarget(again)
    known = [i for i, name in enumerate(CANONICAL_NAMES) if not name.endswith("eye")]
    np.testing.assert_allclose(canonical.positions[:, known], motion.positions[:, known], atol=1e-5)


def test_vrma_follows_its_specification(tmp_path):
    motion = canonical_motion(6)
    document, _ = parts(save_motion(motion, tmp_path / "a.vrma"))
    extension = document["extensions"]["VRMC_vrm_animation"]
    assert document["extensionsUsed"] == ["VRMC_vrm_animation"]
    assert extension["specVersion"] == "1.0"
    bones = extension["humanoid"]["humanBones"]
    required = ["hips", "spine", "head"]
    required += [
        f"{side}{part}"
        for side in ("left", "right")
        for part in ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")
    ]
    assert set(required) <= set(bones)
    assert not {"leftEye", "rightEye"} & set(bones)
    assert set(extension["expressions"]["preset"]) == set(PRESETS)
    assert not {"lookUp", "lookDown", "lookLeft", "lookRight"} & set(PRESETS)
    moved = {
        document["nodes"][channel["target"]["node"]]["name"]
        for channel in document["animations"][0]["channels"]
        if channel["target"]["path"] == "translation"
    }
    assert moved == {"hips", *PRESETS}  # no other bone may move along
    assert all("rotation" not in document["nodes"][bone["node"]] for bone in bones.values())  # T-pose
    face = load_motion(tmp_path / "a.vrma").face
    blink, jaw, close = (ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "jawOpen", "mouthClose"))
    np.testing.assert_allclose(face[:, blink], motion.face[:, blink], atol=1e-6)
    # VRM has no mouthClose: lips that are shut over an open jaw are no "aa".
    apart = np.maximum(motion.face[:, jaw] - motion.face[:, close], 0.0)
    np.testing.assert_allclose(face[:, jaw], apart, atol=1e-6)
    bare, _ = parts(save_motion(motion, tmp_path / "b.vrma", expressions="none"))
    assert "expressions" not in bare["extensions"]["VRMC_vrm_animation"]
    with pytest.raises(UserError, match="expressions is"):
        save_motion(motion, tmp_path / "c.vrma", expressions="all")


def test_a_plain_glb_is_no_vrma(tmp_path):
    path = save_motion(canonical_motion(3), tmp_path / "a.glb", mesh=False)
    path.rename(tmp_path / "a.vrma")
    with pytest.raises(UserError, match="not a VRM animation"):
        load_motion(tmp_path / "a.vrma")


def test_blinks_are_written_once_and_moods_are_whole(tmp_path):
    motion = canonical_motion(4)
    face = np.zeros((4, 52), np.float32)
    left, right, down = (ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight", "browDownLeft"))
    face[:, left], face[:, right] = [0.0, 1.0, 0.75, 0.0], [0.0, 1.0, 0.25, 0.5]
    face[:, down] = 1.0  # one brow alone is no anger
    assert not preset_weights(face)["angry"].any()
    file = GltfFile(save_motion(motion.with_face(face), tmp_path / "a.vrma"))
    written = {}
    for channel in file.items("animations")[0]["channels"]:
        name = file.items("nodes")[channel["target"]["node"]]["name"]
        sampler = file.items("animations")[0]["samplers"][channel["sampler"]]
        written[name] = file.values(sampler["output"])
    np.testing.assert_allclose(written["blink"][:, 0], [0, 1, 0.25, 0], atol=1e-6)
    np.testing.assert_allclose(written["blinkLeft"][:, 0], [0, 0, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(written["blinkRight"][:, 0], [0, 0, 0, 0.5], atol=1e-6)
    again = load_motion(tmp_path / "a.vrma").face
    np.testing.assert_allclose(again[:, [left, right]], face[:, [left, right]], atol=1e-6)
