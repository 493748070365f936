"""The contextual method with words of body parts and a flow: from training to motion."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import cospeech
from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.core.timing import frame_to_sample
from cospeech.loading import load
from cospeech.methods.contextual.part_model import PartModel
from cospeech.methods.flow.export import add_flow
from cospeech.motion.phases import hand_speed
from cospeech.speech.speech import Speech

pytestmark = pytest.mark.slow  # the first test trains and exports a model, unless another one has


@pytest.fixture(scope="module")
def model(parts_model) -> PartModel:
    return load(parts_model)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech(voice(6.01, seed=4)[0])


def test_a_model_folder_with_a_flow_is_of_parts(model):
    assert isinstance(model, PartModel)
    assert model.config["flow"]["window"] > 0


@pytest.mark.parametrize("samples", [1, 533, 3200, frame_to_sample(8), frame_to_sample(225) + 1, 390001])
def test_motion_is_exactly_as_long_as_the_speech(model, samples):
    spoken = Speech(np.tile(voice(7.0, seed=1)[0], 4)[:samples])
    motion = model.generate(spoken)
    assert motion.frames == spoken.frames
    r = motion.rotations.astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(model, speech, parts_model):
    first = model.generate(speech, seed=3)
    assert first.rotations.tobytes() == load(parts_model).generate(speech, seed=3).rotations.tobytes()
    assert np.abs(first.rotations - model.generate(speech, seed=4).rotations).max() > 0.02


def test_every_wish_changes_the_motion(model, speech):
    plain = model.generate(speech)
    for options in ({"seated": True}, {"emotion": "anger"}, {"speaker": model.speakers[-1]}, {"intensity": 2.0}):
        assert np.abs(model.generate(speech, **options).rotations - plain.rotations).max() > 1e-3, options


def test_motion_meets_the_poses_at_both_ends(model, speech):
    pose = model.generate(speech, seed=8)[60:61]
    motion = model.generate(speech, start_pose=pose, end_pose=pose)
    arms = motion.skeleton.indices(["left_elbow", "right_elbow", "left_shoulder", "right_shoulder"])
    for place in (0, -1):
        np.testing.assert_allclose(motion.rotations[place, arms], pose.rotations[0, arms], atol=1e-4)


def test_an_edit_changes_its_span_and_joints_alone(model, speech):
    motion = model.generate(speech, seed=1)
    edited = model.edit(motion, speech, span=(2.0, 4.0), joints="left-arm", seed=9)
    changed = np.abs(edited.rotations - motion.rotations).max((2, 3)) > 0
    frames, joints = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert 2.0 * 30 <= frames.min()
    assert frames.max() <= 4.0 * 30
    assert all(motion.skeleton.names[joint].startswith("left_") for joint in joints)


def test_intensity_is_heard_by_the_hands(model, speech):
    speeds = [hand_speed(model.generate(speech, intensity=value)).mean() for value in (0.5, 2.0)]
    assert speeds[0] != speeds[1]


@pytest.mark.parametrize("lost", ["flow/flow.onnx", "flow/parts.safetensors", "flow/activity.safetensors"])
def test_a_folder_that_lacks_a_file_says_which(parts_model, tmp_path, speech, lost):
    folder = tmp_path / "model"
    shutil.copytree(parts_model, folder)
    (folder / lost).unlink()
    with pytest.raises(UserError, match=lost.partition("/")[2]):
        load(folder).generate(speech)


def test_a_config_without_the_flows_sizes_is_refused(parts_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(parts_model, folder)
    config = json.loads((folder / "config.json").read_text())
    del config["flow"]["window"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"flow\.window"):
        load(folder)


def test_a_flow_can_be_added_to_a_model_that_plans_otherwise(parts_model, tiny_model, tmp_path, speech):
    """As the runs of ExGes and EmotionGesture are exported; here onto a folder of whole-body tokens."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    before = json.loads((folder / "config.json").read_text())
    add_flow(parts_model.parent / "nowhere", folder)
    assert json.loads((folder / "config.json").read_text()) == before
    add_flow(parts_model.parent / "run", folder)
    assert json.loads((folder / "config.json").read_text())["flow"]["sampling"] == {"words_every": 32}
    before["styles"] = ["somebody"]
    (folder / "config.json").write_text(json.dumps(before))
    with pytest.raises(UserError, match="train both on the same splits"):
        add_flow(parts_model.parent / "run", folder)


def test_a_stage_that_a_run_has_no_use_for_is_refused(mini_dataset, tmp_path):
    with pytest.raises(UserError, match="no use for the stage tokenizer"):
        cospeech.train(mini_dataset, tmp_path / "run", preset="tiny", stage="tokenizer")
    with pytest.raises(UserError, match="no use for the stage flow"):
        cospeech.train(mini_dataset, tmp_path / "run", preset="tiny", stage="flow", set=("generator.tokens=body",))
    with pytest.raises(UserError, match="needs the stage parts"):
        cospeech.train(mini_dataset, tmp_path / "run", preset="tiny", stage="flow")
    with pytest.raises(UserError, match="unknown tokens"):
        cospeech.train(mini_dataset, tmp_path / "run", preset="tiny", set=("generator.tokens=hands",))
