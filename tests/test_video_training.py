"""Training of portrait video: from pictures and films to a model folder that agrees with torch."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from corpus_data import shake
from cospeech.core.errors import UserError
from cospeech.methods.model_folder import evaluator_folder
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.matte import box
from cospeech.video.warping.refine import crops, open_refiner
from portrait_data import doubled, draw_figure, drawn_portrait, figure_points, moved_arm

torch = pytest.importorskip("torch")
train, generator, export, pairs, nets = (
    import_module(f"cospeech.video.training.{name}")
    for name in ("train", "refiner", "export", "portrait_pairs", "portrait_network")
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Two pictures with a folder beside them; their points are known by their name."""
    folder = tmp_path_factory.mktemp("pictures")
    for pose in ("down", "up"):
        Image.fromarray(drawn_portrait(pose).picture).save(folder / f"{pose}.png")
    (folder / "more").mkdir()
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def known(monkeypatch):
    """Portraits are opened by name; returns the names so far."""
    opened = []

    def open_portrait(path, *, size):
        assert size == 512  # tiny pairs are of 256
        opened.append(Path(path).name)
        return doubled(drawn_portrait(Path(path).stem))

    monkeypatch.setattr(train, "open_portrait", open_portrait)
    return opened


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory) -> Path:
    """A run of the tiny preset on two portraits, its weights shaken before they are exported: two steps leave the
    last layer as good as zero."""
    out = tmp_path_factory.mktemp("run") / "looks-of-ann"

    def export_shaken(run, *arguments, **options):
        shake(run.parent, stages=(run.name,), size=0.06)
        return export.export_portrait(run, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "open_portrait", lambda path, size: doubled(drawn_portrait(Path(path).stem)))
        patch.setattr(train, "export_portrait", export_shaken)
        assert train.train_video(out, portraits=[pictures], preset="tiny", start="none", looks="own") == out / "model"
    return out


@pytest.fixture(scope="module")
def model(run) -> Path:
    """The run's model folder."""
    return run / "model"


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_leaves_pairs_curves_and_a_model_folder(run):
    assert sorted(path.name for path in (run / "pairs").iterdir()) == ["portrait-down", "portrait-up"]
    assert len(pairs.Pairs(*(run / "pairs").iterdir())) == 4
    assert [entry["step"] for entry in log(run / "generator")] == [1, 2]
    assert {"pixel", "perceptual", "adversarial", "critic"} < set(log(run / "generator")[0])
    assert {path.name for path in (run / "model").iterdir()} == {
        "config.json",
        "encoder.onnx",
        "motion.onnx",
        "refiner.onnx",
        "weights.safetensors",
    }
    described = json.loads((run / "model" / "config.json").read_text())
    assert (described["method"], described["name"]) == ("portrait", "looks-of-ann")
    assert described["config"]["channels"] == [8, 8, 8]


@pytest.mark.parametrize("size", [256, 512])
def test_the_model_folder_draws_what_torch_draws(model, size):
    """One graph for films of all sizes: far from the crops' borders, where they see the same, and elsewhere nothing."""
    portrait = drawn_portrait("up")
    points = moved_arm(portrait.points, "left", (-8.0, 14.0))
    if size == 512:
        portrait, points = doubled(portrait), points * 2
    drawn = draw(portrait.layers, points)
    refiner = open_refiner(model)
    refiner.encode(portrait.layers, portrait.picture)
    found = refiner(drawn, points)
    assert found.shape == (size, size, 3)
    pair = pairs.make_pair(portrait.layers, portrait.picture, portrait.picture, points)
    batch = generator.tensors(replace(pair, **{name: value[None] for name, value in vars(pair).items()}))
    batch["warped"] = torch.from_numpy(drawn.picture.transpose(2, 0, 1)[None] * 2 - 1)
    network = export.generator_of(evaluator_folder(model, "portrait")).eval()
    with torch.no_grad():
        wanted = network(batch)[0].permute(1, 2, 0).numpy() / 2 + 0.5
    assert np.abs(wanted - drawn.picture).mean() > 0.005  # it does something
    inner, outer = np.zeros((size, size), bool), np.ones((size, size), bool)
    for rows, columns, share in crops(points, size):
        inner[rows, columns] |= box(share[..., 0], 36) > 1 - 1e-6
        outer[rows, columns] = False
    assert inner.mean() > 0.001
    assert np.abs(found - wanted)[inner].mean() < 0.003
    np.testing.assert_array_equal(found[outer], drawn.picture[outer])


def test_an_earlier_model_folder_begins_a_network_of_today(model, tmp_path):
    """Before there was dense motion, its weights were not there, and thicknesses had another name."""
    from safetensors.numpy import load_file, save_file

    described = json.loads((model / "config.json").read_text())
    described["config"] = {key: described["config"][key] for key in ("channels", "render", "refine")} | {"reach": 9}
    (tmp_path / "config.json").write_text(json.dumps(described))
    old = load_file(model / "weights.safetensors")
    old = {key: value for key, value in old.items() if not key.startswith(("motion.", "refiner.hear."))}
    old["refiner.edges.sigma"] = old.pop("edges.sigma")
    save_file(old, tmp_path / "weights.safetensors")
    network = export.generator_of(evaluator_folder(tmp_path, "portrait"))
    for name, value in old.items():
        own = network.state_dict()[name.replace("refiner.edges", "edges")]
        np.testing.assert_array_equal(own.numpy(), value.astype(np.float32))
    assert network.motion is not None


def test_an_earlier_model_folder_still_refines(tmp_path):
    """Its graphs see a square of 256 pixels; their change is enlarged."""
    from onnx import TensorProto, helper, save

    def graph(name, inputs, nodes, outputs):
        values = [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in inputs]
        results = [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in outputs]
        tenth = helper.make_tensor("tenth", TensorProto.FLOAT, [], [0.1])
        made = helper.make_model(
            helper.make_graph(nodes, name, values, results, [tenth]), opset_imports=[helper.make_opsetid("", 18)]
        )
        made.ir_version = 9
        save(made, tmp_path / f"{name}.onnx")

    levels = ["f128", "f64", "f32"]
    graph("encoder", ["source", "masks"], [helper.make_node("Identity", ["source"], [one]) for one in levels], levels)
    nodes = [
        helper.make_node("Mul", ["f128", "tenth"], ["part"]),
        helper.make_node("Add", ["warped", "part"], ["picture"]),
    ]
    graph("refiner", [*levels, "warped", "seen", "flow", "points"], nodes, ["picture"])
    head = {"format": 1, "method": "portrait", "name": "old", "package_version": "0.1.0"}
    described = head | {"config": {"refine": "edges", "reach": 9}}
    (tmp_path / "config.json").write_text(json.dumps(described))
    portrait = doubled(drawn_portrait())
    drawn = draw(portrait.layers, portrait.points)
    refiner = open_refiner(tmp_path)
    refiner.encode(portrait.layers, portrait.picture)
    change = 0.05 * (portrait.picture / 127.5 - 1)  # every pixel four times, so nearly as enlarged
    found = refiner(drawn, portrait.points)
    assert np.abs(found - np.clip(drawn.picture + change, 0, 1)).mean() < 0.001


def test_the_shipped_encoder_judges_in_training_as_in_evaluation():
    from cospeech.video.evaluation import PerceptualFeatureExtractor

    picture = drawn_portrait().picture[None]
    encoder = export.encoder_of(evaluator_folder("looks", "looks"))
    found = encoder(torch.from_numpy(picture).permute(0, 3, 1, 2).float() / 127.5 - 1)
    wanted = PerceptualFeatureExtractor("looks")(picture / 255.0)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.permute(0, 2, 3, 1).numpy(), other, atol=1e-4)
    assert not any(value.requires_grad for value in encoder.parameters())


def test_weights_beside_the_graphs_are_those_of_the_run(model):
    network = export.generator_of(evaluator_folder(model, "portrait"))
    trained, _ = generator.load_video_run(model.parent / "generator")
    assert network.config == trained.config
    for name, value in trained.state_dict().items():
        wanted = value.half().float() if value.numel() >= 4096 else value  # as graphs store them
        torch.testing.assert_close(network.state_dict()[name], wanted, rtol=0, atol=0)


def test_a_run_is_continued_and_pairs_are_kept(run, pictures, tmp_path, known, monkeypatch):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    before = log(out / "looks")
    monkeypatch.setattr(train, "export_portrait", lambda run, out, **options: out)
    train.train_video(out, portraits=[pictures], preset="tiny", start="none", looks="own", steps=4)
    assert not known
    assert [entry["step"] for entry in log(out / "generator")] == [1, 2, 3, 4]
    assert log(out / "looks") == before


def test_a_model_folder_is_a_beginning(run, model, pictures, tmp_path, known, monkeypatch):
    """Its sizes count, not the preset's, and two small steps lead not far from it."""
    out = tmp_path / "next"
    for name in ("pairs", "looks"):
        shutil.copytree(run / name, out / name)
    passed = {}
    monkeypatch.setattr(train, "export_portrait", lambda run, out, **options: passed.update(options))
    train.train_video(out, portraits=[pictures / "up.png"], preset="tiny", start=model, looks="own", name="ann")
    begin = export.generator_of(evaluator_folder(model, "portrait"))
    end, _ = generator.load_video_run(out / "generator")
    change = [(value - end.state_dict()[name]).abs().max() for name, value in begin.state_dict().items()]
    assert 0 < max(change) < 0.01
    assert passed == {"name": "ann", "trained_on": ["up.png"]}


def test_quality_tells_what_is_better(run):
    read = pairs.Pairs(*(run / "pairs").iterdir())
    new = nets.PortraitGenerator(train.PRESETS["tiny"].config)
    figures = generator.quality(new, read)
    assert set(figures) == {"psnr_made", "psnr_warped", "near_made", "near_warped"}
    assert figures["psnr_made"] == pytest.approx(figures["psnr_warped"], abs=1e-3)
    assert 10 < figures["psnr_warped"] < 60

    def perfect(*given):
        return targets.pop(0)

    targets = [generator.tensors(read.batch(np.arange(4)))["target"]]
    new.forward = perfect
    figures = generator.quality(new, read)
    assert figures["psnr_made"] == figures["near_made"] == pytest.approx(100)
    assert figures["near_warped"] < 60


@pytest.mark.parametrize("window", [None, 64])
def test_a_run_with_a_critic_is_opened_too(run, tmp_path, window):
    read = pairs.Pairs(*(run / "pairs").iterdir())
    tiny = train.PRESETS["tiny"]
    weights = generator.VideoLoss(adversarial=0.02)
    generator.fit_video(read, tmp_path, config=tiny.config, weights=weights, training=tiny.training, window=window)
    network, described = generator.load_video_run(tmp_path)
    assert described["loss"]["adversarial"] == 0.02
    assert network.config == tiny.config
    assert {"adversarial", "critic"} < set(log(tmp_path)[0])


def test_a_window_is_painted_as_the_whole_is(run):
    read = pairs.Pairs(*(run / "pairs").iterdir())
    torch.manual_seed(0)
    network = nets.PortraitGenerator(train.PRESETS["tiny"].config).eval()
    torch.nn.init.normal_(network.refiner.paint.weight, std=0.05)
    batch = generator.tensors(read.batch(np.arange(2)))
    part = generator.windowed(batch, 160, np.random.default_rng(1))
    assert part["target"].shape == (2, 3, 160, 160)
    assert part["window"].shape == (2, 80, 80, 2)
    with torch.no_grad():
        whole, made = network(batch), network(part)
    for row in range(2):
        left, top = (int(v) for v in ((part["window"][row, 0, 0] + 1) * 128 - 1).round())
        inner = slice(40, 120)  # as far from the window's border as its pixels are seen
        wanted = whole[row, :, top : top + 160, left : left + 160]
        torch.testing.assert_close(made[row, :, inner, inner], wanted[:, inner, inner], atol=2e-3, rtol=0)
        target = batch["target"][row, :, top : top + 160, left : left + 160]
        torch.testing.assert_close(part["target"][row], target)
    assert (whole - batch["warped"]).abs().max() > 0.01


def test_light_is_the_same_in_all_pictures_of_a_pair(run):
    read = pairs.Pairs(*(run / "pairs").iterdir())
    batch = generator.tensors(read.batch(np.arange(2)))
    batch["warped"] = batch["target"].clone()
    other = generator.lit(batch, np.random.default_rng(0))
    torch.testing.assert_close(other["warped"], other["target"])
    assert (other["target"] - batch["target"]).abs().mean() > 0.01
    torch.testing.assert_close(other["flow"], batch["flow"])


def test_hands_forearms_and_faces_count_more():
    points = torch.tensor(figure_points() / 128 - 1, dtype=torch.float32)[None]
    at = (torch.arange(64) + 0.5) / 32 - 1
    places = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)[None]
    weight = generator.weight_map(points, 4.0, places)[0, 0].numpy()
    assert set(np.unique(weight)) == {1.0, 5.0}
    for x, y in ((128, 62), (185, 222), (71, 222), (191, 186)):
        assert weight[y // 4, x // 4] == 5
    assert weight[160 // 4, 128 // 4] == weight[2, 2] == 1


# ---------------------------------------------------------------------------- what is refused


def test_unusable_training_material_is_refused(run, pictures, tmp_path):
    cases = {
        "nothing to learn from": {},
        "unknown preset 'huge'; known: tiny, default, large": {"portraits": [pictures], "preset": "huge"},
        "no model 'nobody'": {"portraits": [pictures], "start": "nobody"},
        "no picture in": {"portraits": [pictures / "more"], "start": "none"},
        "adversarial is a weight from 0 on; got -1": {"portraits": [pictures], "adversarial": -1.0},
        "is a picture; give it as a portrait": {"video": [pictures / "up.png"], "start": "none"},
    }
    for message, options in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            train.train_video(tmp_path / "run", **{"preset": "tiny", **options})
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="nothing to train"):
        generator.fit_video(None, tmp_path, config=nets.PortraitConfig(refine="none"))
    for opened, folder in ((generator.load_perceptual_encoder, "generator"), (generator.load_video_run, "looks")):
        with pytest.raises(UserError, match="is a run of"):
            opened(run / folder)


def test_a_refiner_is_a_model_folder_of_its_kind(run, tmp_path):
    assert open_refiner("none") is None
    assert open_refiner(run / "model") is not None
    with pytest.raises(UserError, match="no model 'nobody'"):
        open_refiner("nobody")
    with pytest.raises(UserError, match="a model of 'portrait' is needed"):
        open_refiner("extractor")
    shutil.copytree(run / "model", tmp_path / "cut")
    (tmp_path / "cut" / "refiner.onnx").unlink()
    with pytest.raises(UserError, match=r"lacks refiner\.onnx"):
        open_refiner(tmp_path / "cut")


def test_points_of_a_portrait_that_are_no_square(run):
    portrait = drawn_portrait("down", size=(256, 220))
    refiner = open_refiner(run / "model")
    refiner.encode(portrait.layers, portrait.picture)
    drawn = draw(portrait.layers, portrait.points)
    found = refiner(drawn, portrait.points)
    assert found.shape == (220, 256, 3)
    assert np.abs(found - drawn.picture).max() < 0.2


def test_a_picture_is_laid_at_the_top_left_of_a_square():
    picture, person = draw_figure(figure_points(), 256, 200)
    padded, _, mask = train.square(picture, figure_points(), person)
    assert padded.shape == (256, 256, 3)
    np.testing.assert_array_equal(padded[:200], picture)
    np.testing.assert_array_equal(padded[230], picture[199])
    np.testing.assert_array_equal(mask[255], person[199])
