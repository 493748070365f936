"""What measures motion and is trained: data, networks, export, and the folders in use."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.core.rotation import matrix_from_6d
from cospeech.data.dataset import held_out
from cospeech.data.prepare import open_dataset
from cospeech.loading import load, shipped
from cospeech.methods.evaluators.model import load_classifier, load_extractors
from cospeech.methods.model_folder import evaluator_folder
from cospeech.motion.codec import Codec
from cospeech.motion.kinematics import forward
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.motion.upper_body import CHANNELS, POINTS, upper_body

torch = pytest.importorskip("torch")

from cospeech.methods.evaluators.train import (  # noqa: E402  # noqa: E402
    CLASSIFIER,
    EXTRACTOR,
    UpperBodies,
    export_evaluator,
    fit_classifier,
    fit_extractor,
    load_evaluator_run,
)
from cospeech.methods.training_runs import export, train  # noqa: E402
from cospeech.training.loop import ProcessInfo  # noqa: E402
from cospeech.training.onnx_export import export_graph  # noqa: E402


@pytest.fixture(scope="module")
def dataset(mini_dataset):
    return open_dataset(mini_dataset)


@pytest.fixture(scope="module")
def motion(dataset):
    return Codec().decode(dataset.motion(dataset.select(kind="motion")[0]))


@pytest.fixture
def runs(tiny_evaluators):
    return tiny_evaluators


def test_the_upper_body_is_rotations_and_places_about_the_chest(motion):
    skeleton, body = canonical_skeleton(), upper_body(motion)
    assert body.shape == (len(motion), CHANNELS)
    turns = matrix_from_6d(body[:, : CHANNELS - 3 * len(POINTS)].reshape(len(motion), -1, 6))
    world, places = forward(motion.rotations, motion.translation, skeleton.parents, skeleton.offsets)
    chest = skeleton.index("spine3")
    np.testing.assert_allclose(turns[:, 0], world[:, chest], atol=1e-5)
    wrist = places[:, skeleton.index("right_wrist")] - places[:, chest]
    inside = np.einsum("tji,tj->ti", world[:, chest], wrist)
    np.testing.assert_allclose(body[:, -3:], inside, atol=1e-4)


def test_the_upper_body_does_not_see_where_somebody_stands(motion):
    moved = type(motion)(motion.skeleton, motion.fps, motion.rotations, motion.translation + [1, 0, 2])
    np.testing.assert_allclose(upper_body(moved), upper_body(motion), atol=1e-5)
    with pytest.raises(UserError, match="at 25; retarget and resample"):
        upper_body(motion.resample(25))


def test_windows_are_of_the_split_and_the_same_again(dataset):
    windows = UpperBodies(dataset, splits=("train",), window=64, batch_size=6)
    assert {item.split for item in windows.items} == {"train"}
    assert {item.kind for item in windows.items} == {"motion"}  # never synthetic pairs
    a, b = windows(3, ProcessInfo())["x"], windows(3, ProcessInfo())["x"]
    assert a.shape == (6, 64, CHANNELS)
    assert torch.equal(a, b)
    assert not torch.equal(a, windows(4, ProcessInfo())["x"])


def test_the_classifier_never_learns_from_kept_out_clips(dataset):
    windows = UpperBodies(dataset, splits=("train",), window=32, batch_size=4, balanced=True)
    assert windows.items
    assert not any(held_out(item) for item in windows.items)
    assert any(held_out(item) for item in dataset.select(kind="motion"))
    labels = {EMOTIONS[int(k)] for step in range(20) for k in windows(step, ProcessInfo())["label"]}
    assert labels == {item.emotion for item in windows.items}


def test_exported_judges_are_the_trained_networks(runs, motion):
    body = torch.from_numpy(upper_body(motion))
    network, _ = load_evaluator_run(runs / "extractor")
    found = load_extractors(runs / "extractor-model")
    with torch.no_grad():
        frames = network.frames(body[None, :64])[0].numpy()
        windows = network.windows(body[None, :64]).numpy()
    np.testing.assert_allclose(found["frame"].features(motion)[:16], frames, atol=2e-3)
    np.testing.assert_allclose(found["window"].features(motion)[:1], windows, atol=2e-3)
    classifier = load_classifier(runs / "emotion-classifier-model")
    network, _ = load_evaluator_run(runs / "emotion-classifier")
    with torch.no_grad():
        wanted = network(body[None, : classifier.window]).softmax(-1)[0].numpy()
    np.testing.assert_allclose(classifier(motion[: classifier.window]), wanted, atol=2e-3)


def test_rows_of_features(runs, motion):
    found = load_extractors(runs / "extractor-model")
    assert found["frame"].features(motion).shape == (len(motion) // 4, found["frame"].dim)
    assert found["frame"].features(motion[:3]).shape == (0, found["frame"].dim)
    assert len(found["window"].features(motion[:63])) == 0
    assert len(found["window"].features(motion[:96])) == 2
    head = found["frame"].features(motion[:64])
    np.testing.assert_allclose(found["frame"].features(motion)[:16], head, atol=1e-5)  # whatever comes after
    probabilities = load_classifier(runs / "emotion-classifier-model")(motion[:1])
    assert probabilities.shape == (10,)
    assert probabilities.sum() == pytest.approx(1.0)


def test_other_weights_have_another_id(runs, dataset, tmp_path):
    tiny = EXTRACTOR.stages[0].presets["tiny"]
    fit_extractor(dataset, tmp_path / "run", config=tiny.config, training=tiny.training)
    again = export_evaluator(tmp_path / "run", tmp_path / "again", name="extractor-model")
    one = load_extractors(runs / "extractor-model")["frame"].id
    assert load_extractors(again)["frame"].id == one  # the same seed, the same weights
    fit_extractor(dataset, tmp_path / "other", config=tiny.config, training=replace(tiny.training, seed=1))
    export_evaluator(tmp_path / "other", tmp_path / "other-model", name="extractor-model")
    assert load_extractors(tmp_path / "other-model")["frame"].id != one


def test_a_judge_is_no_model_of_gestures(runs, tmp_path):
    assert not {"extractor", "emotion-classifier"} & set(shipped())
    with pytest.raises(UserError, match="measures motion and generates none"):
        load(runs / "extractor-model")
    with pytest.raises(UserError, match="is a model of 'extractor'; a model of 'emotion-classifier'"):
        load_classifier(runs / "extractor-model")
    with pytest.raises(UserError, match="no model 'nobody'"):
        load_extractors("nobody")
    shutil.copytree(runs / "extractor-model", tmp_path / "cut")
    (tmp_path / "cut" / "frame.onnx").unlink()
    assert set(load_extractors(tmp_path / "cut")) == {"window"}
    (tmp_path / "cut" / "window.onnx").unlink()
    with pytest.raises(UserError, match=r"lacks frame\.onnx and window\.onnx"):
        load_extractors(tmp_path / "cut")


def test_an_extractor_of_somebody_else_sees_all_joints(tmp_path, motion):
    """As the published one of BEAT2 does: 330 numbers a frame, wrapped into a folder of ours."""

    class Theirs(torch.nn.Module):
        def forward(self, motion):
            return motion.reshape(1, -1, 4, 330).mean(2)[..., :12]

    export_graph(
        Theirs(),
        (torch.zeros(1, 64, 330),),
        ["motion"],
        ["features"],
        {"motion": {1: "frames"}},
        tmp_path / "frame.onnx",
        weight_format="float32",
    )
    config = {
        "format": 1,
        "method": "extractor",
        "name": "theirs",
        "package_version": "0.1.0",
        "input": "smplx-6d",
        "config": {"latent": 12, "window": 64, "downsample": 4},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    rows = load_extractors(tmp_path)["frame"].features(motion)
    wanted = motion.rotations[:4, :2, :2].reshape(4, 12).mean(0)  # two joints' first two rows
    np.testing.assert_allclose(rows[0], wanted, atol=1e-5)
    (tmp_path / "config.json").write_text(json.dumps({**config, "input": "pictures"}))
    with pytest.raises(UserError, match="has the input 'pictures'; known: upper-body, smplx-6d"):
        load_extractors(tmp_path)


def test_what_cannot_be_trained_is_told(runs, mini_dataset, tmp_path):
    with pytest.raises(UserError, match="unknown method 'dance'; known: contextual, exges, emotion, extractor,"):
        train(mini_dataset, tmp_path, method="dance")
    with pytest.raises(UserError, match="has one stage only"):
        train(mini_dataset, tmp_path, method="extractor", stage="generator")
    with pytest.raises(UserError, match="no recorded motion in nowhere"):
        train(mini_dataset, tmp_path, method="extractor", preset="tiny", splits=("nowhere",))
    with pytest.raises(UserError, match="holds no trained weights yet"):
        export_evaluator(tmp_path, tmp_path / "out")
    with pytest.raises(UserError, match="name it with --dataset"):
        export(tmp_path, tmp_path / "out")


def test_training_lowers_the_loss(runs):
    for method, name in (("extractor", "frame_geodesic"), ("emotion-classifier", "loss")):
        log = [json.loads(line) for line in (runs / method / "log.jsonl").read_text().splitlines()]
        values = [entry[name] for entry in log if name in entry]
        assert values[-1] < values[0]


def test_the_shipped_ones_load():
    for name, method in (("extractor", "extractor"), ("emotion-classifier", "emotion-classifier")):
        config = evaluator_folder(name, method).config
        assert config["trained_on"] == ["train"]
        assert config["results"]


def test_a_classifier_run_reports_known_and_unseen_people(dataset, tmp_path):
    tiny = CLASSIFIER.stages[0].presets["tiny"]
    fit_classifier(dataset, tmp_path, config=tiny.config, training=tiny.training)
    figures = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    named = {key for entry in figures for key in entry if key.startswith("val_")}
    assert {"val_unseen_accuracy", "val_unseen_balanced"} <= named
