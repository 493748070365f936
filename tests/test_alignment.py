"""Alignment of speech and gesture: loss, negatives, batches, training, export."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.loading import load, shipped
from cospeech.methods.alignment.model import load_aligned
from cospeech.methods.model_folder import read_config
from cospeech.motion.codec import Codec
from cospeech.speech.layout import FEATURE_DIM, LAYOUT

torch = pytest.importorskip("torch")

from cospeech.methods.alignment.export import export_alignment  # noqa: E402
from cospeech.methods.alignment.network import AlignConfig, Alignment, alignment_loss, info_nce  # noqa: E402
from cospeech.methods.alignment.segments import EQUAL, frames_of, other_order, segments  # noqa: E402
from cospeech.methods.alignment.train import (  # noqa: E402
    AlignmentWindows,
    alignment_quality,
    fit_alignment,
    load_alignment_run,
    recording_of,
    voice_of,
)
from cospeech.methods.training_runs import export, train  # noqa: E402
from cospeech.training.loop import ProcessInfo, TrainConfig  # noqa: E402
from cospeech.training.onnx_export import round_weights  # noqa: E402

TINY = AlignConfig(width=48, hidden=64, heads=2, embedding=16, dropout=0.0, temperature=0.1)
QUICK = TrainConfig(
    steps=80, batch_size=24, learning_rate=3e-3, warmup=5, log_every=20, validate_every=80, save_every=30
)


def toy_entry(number: int, split: str, rng: np.random.Generator) -> SampleData:
    """Fifteen seconds: hands and voice rise together, at times of their own."""
    frames, codec = 450, Codec()
    time, rise = np.arange(frames), np.zeros(frames)
    for moment in np.sort(rng.uniform(0, frames, 12)):
        rise += np.exp(-0.5 * ((time - moment) / 6) ** 2)
    features = 0.1 * rng.normal(size=(frames, FEATURE_DIM))
    features[:, LAYOUT["energy"]] += 3 * rise[:, None]
    features[:, LAYOUT["speech"]] = 1.0
    motion = 0.01 * rng.normal(size=(frames, codec.channels))
    motion[:, codec.slices["body"]][:, ::6] += 0.4 * rise[:, None]
    info = {"voice": f"{split}:{number // 2}", "sources": [f"clip{number}"], "speed": 0.1}
    return SampleData(
        f"toy{number}#0",
        "synthetic_pair",
        split,
        "A",
        None,
        motion.astype(np.float32),
        features.astype(np.float32),
        info,
    )


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("toy"), np.random.default_rng(0)
    entries = [toy_entry(k, split, rng) for split, count in (("train", 120), ("val", 40)) for k in range(count)]
    write_shard(folder, 0, entries, FEATURE_DIM)
    write_manifest(folder, {"feature_dim": FEATURE_DIM, "made_pairs": True}, [0])
    return GestureDataset(folder)


@pytest.fixture(scope="module")
def toy_run(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alignment") / "run"
    fit_alignment(toy, folder, config=TINY, training=QUICK)
    return folder


@pytest.fixture(scope="module")
def toy_model(toy_run):
    return export(toy_run, toy_run.parent / "model")


def unit(rng, *shape):
    rows = rng.normal(size=shape)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_shapes():
    config = replace(TINY, words=5)
    model = Alignment(config).eval()
    features, motion, words = torch.randn(3, 50, 48), torch.randn(3, 50, 267), torch.randn(3, 50, 5)
    frames, embedding = model.speech(features, words)
    assert frames.shape == (3, 12, 48)
    assert embedding.shape == (3, 16)
    frames, embedding = model.gesture(motion)
    assert frames.shape == (3, 12, 48)
    assert embedding.shape == (3, 16)
    none, zeros = model.speech(features), model.speech(features, torch.zeros_like(words))
    torch.testing.assert_close(none[1], zeros[1])  # zeros where there are no words
    assert not torch.allclose(none[1], model.speech(features, words)[1])
    face = Alignment(AlignConfig(channels=52, seen=52, width=32, heads=2)).eval()  # the second
    assert face.gesture(torch.rand(1, 16, 52))[0].shape == (1, 4, 32)
    whole = Alignment(replace(TINY, downsample=1))
    assert whole.speech(features)[0].shape == (3, 50, 48)


def test_where_somebody_stands_is_not_seen():
    model, motion = Alignment(TINY).eval(), torch.randn(1, 40, 267)
    moved = motion.clone()
    moved[..., Codec().slices["root"]] += 1.0
    torch.testing.assert_close(model.gesture(moved)[1], model.gesture(motion)[1])


def test_the_default_is_small():
    count = sum(weight.numel() for weight in Alignment(AlignConfig()).parameters())
    assert 3e6 < count < 5e6


def test_the_loss_is_info_nce():
    rng, tau = np.random.default_rng(0), 0.7
    s, g, wrong = unit(rng, 4, 8), unit(rng, 4, 8), unit(rng, 4, 2, 8)
    near = np.exp(s @ g.T / tau)
    plain = -np.mean(
        [0.5 * math.log(near[i, i] / near[i].sum()) + 0.5 * math.log(near[i, i] / near[:, i].sum()) for i in range(4)]
    )
    # Lengths do not count; embeddings are compared by cosine.
    tensors = (torch.from_numpy(3 * s), torch.from_numpy(0.2 * g))
    assert float(info_nce(*tensors, temperature=tau)) == pytest.approx(plain, abs=1e-6)
    for weight in (1.0, 5.0):
        total = 0.0
        for i in range(4):
            own = weight * np.exp(wrong[i] @ g[i] / tau).sum()  # in the gesture's denominator, no other
            total -= 0.5 * math.log(near[i, i] / near[i].sum())
            total -= 0.5 * math.log(near[i, i] / (near[:, i].sum() + own))
        value = info_nce(*tensors, temperature=tau, shuffled=torch.from_numpy(wrong), weight=weight)
        assert float(value) == pytest.approx(total / 4, abs=1e-6)


def test_samples_that_share_motion_are_no_negatives():
    rng = np.random.default_rng(1)
    s, g = torch.from_numpy(unit(rng, 3, 8)), torch.from_numpy(unit(rng, 3, 8))
    same = torch.eye(3, dtype=torch.bool)
    torch.testing.assert_close(info_nce(s, g, temperature=0.7, same=same), info_nce(s, g, temperature=0.7))
    same[0, 1] = same[1, 0] = True
    near = np.exp((s @ g.T).numpy() / 0.7)
    near[0, 1] = near[1, 0] = 0
    wanted = -np.mean(
        [0.5 * math.log(near[i, i] / near[i].sum()) + 0.5 * math.log(near[i, i] / near[:, i].sum()) for i in range(3)]
    )
    assert float(info_nce(s, g, temperature=0.7, same=same)) == pytest.approx(wanted, abs=1e-6)


def test_segments_begin_where_pauses_end():
    features = np.zeros((144, FEATURE_DIM), np.float32)
    for start, end in ((0, 30), (40, 80), (83, 100), (120, 144)):  # the pause at 80 is too short
        features[start:end, LAYOUT["speech"]] = 1.0
    assert segments(features) == [slice(0, 40), slice(40, 120), slice(120, 144)]
    features[:, LAYOUT["speech"]] = 1.0
    assert segments(features) == [slice(36 * k, 36 * k + 36) for k in range(EQUAL)]


def test_another_order_has_the_same_segments():
    rng = np.random.default_rng(0)
    parts = [slice(0, 40), slice(40, 120), slice(120, 144)]
    orders = {other_order(3, rng) for _ in range(60)}
    assert len(orders) == 5  # all but the true one
    assert {other_order(2, rng, (1, 0)) for _ in range(5)} == {(0, 1)}
    assert np.array_equal(frames_of(parts, (2, 0, 1)), [*range(120, 144), *range(40), *range(40, 120)])
    for order in orders:
        assert sorted(frames_of(parts, order)) == list(range(144))


def test_batches(toy):
    windows = AlignmentWindows(toy, batch_size=16, window=120, seed=3)
    a, b = windows(5, ProcessInfo()), windows(5, ProcessInfo())
    assert a["features"].shape == (16, 120, FEATURE_DIM)
    assert a["motion"].shape == (16, 120, Codec().channels)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["features"], windows(6, ProcessInfo())["features"])
    assert not torch.equal(a["features"], windows(5, ProcessInfo(1, 2))["features"][:8])
    for row, wrong in zip(a["features"], a["shuffled"], strict=True):
        assert not torch.equal(row, wrong)
        first = np.lexsort(row.numpy().T)
        second = np.lexsort(wrong.numpy().T)  # the same frames
        np.testing.assert_array_equal(row.numpy()[first], wrong.numpy()[second])
    assert torch.equal(a["same"], torch.eye(16, dtype=torch.bool))
    rows, _ = windows._drawn(16, np.random.default_rng(0))
    assert len({voice_of(item) for item, _ in rows}) == 16
    rows, _ = windows._drawn(100, np.random.default_rng(0))  # 60 voices with two recordings each
    assert len({voice_of(item) for item, _ in rows[:60]}) == 60
    assert len({recording_of(item) for item, _ in rows}) == 100


def test_what_is_cut_still_belongs_together(toy):
    def matched(motion, speech):
        rise = motion[:, :, 0].numpy()
        energy = speech[..., LAYOUT["energy"]][..., 0].numpy()
        return [np.corrcoef(a, b)[0, 1] for a, b in zip(rise, energy, strict=True)]

    batch = AlignmentWindows(toy, batch_size=8, cut=1.0)(0, ProcessInfo())
    assert min(matched(batch["motion"], batch["features"])) > 0.9
    assert np.mean(matched(batch["motion"], batch["shuffled"])) < 0.6


def test_alignment_is_learned(toy, toy_run):
    network, described = load_alignment_run(toy_run)
    windows = AlignmentWindows(toy, splits=("val",), batch_size=16, seed=9)
    cuts = AlignmentWindows(toy, splits=("val",), batch_size=16, seed=9, cut=1.0)
    figures = alignment_quality(
        network, [windows(k, ProcessInfo()) for k in range(8)], [cuts(k, ProcessInfo()) for k in range(8)]
    )
    assert figures["chance_r@1"] == pytest.approx(100 / 16)
    for side in ("speech", "gesture"):
        assert figures[f"{side}_r@1"] > 25
        assert figures[f"{side}_r@5"] > 80
    assert figures["order"] > 55
    assert figures["order_stranger"] < 65
    assert figures["chance_order"] == 50
    assert described["splits"] == ["train"]
    log = [json.loads(line) for line in (toy_run / "log.jsonl").read_text().splitlines()]
    assert log[-1]["val_speech_r@1"] > 4 * log[-1]["val_chance_r@1"]


def test_without_chronological_negatives(toy):
    windows = AlignmentWindows(toy, batch_size=8)
    loss, terms = alignment_loss(Alignment(replace(TINY, chronological=False)), windows(0, ProcessInfo()))
    assert "order" not in terms
    assert float(loss.detach()) > 0.0
    plain, chronological = Alignment(replace(TINY, chronological=False)), Alignment(TINY)
    chronological.load_state_dict(plain.state_dict())
    with torch.no_grad():
        more, less = (alignment_loss(model, windows(0, ProcessInfo()))[0] for model in (chronological, plain))
    assert more > less  # one more in the denominator


def test_the_exported_model_is_the_trained_one(toy, toy_run, toy_model):
    out = toy_model
    assert read_config(out)["method"] == "alignment"
    assert "alignment" not in shipped()
    with pytest.raises(UserError, match="measures motion and generates none"):
        load(out)
    model, (network, _) = load_aligned(out), load_alignment_run(toy_run)
    round_weights(network, "int8")  # what is exported is the rounded network
    item = toy.items[0]
    for frames in (4, 61, 144, 240):
        features, motion = toy.features(item, 0, frames), toy.motion(item, 0, frames)
        pairs = (
            (network.speech, model.speech, model.speech_frames, features),
            (network.gesture, model.gesture, model.gesture_frames, motion),
        )
        for encoder, embed, hear, rows in pairs:
            with torch.no_grad():
                hidden, embedding = encoder(torch.from_numpy(rows[None]))
            wanted = torch.nn.functional.normalize(embedding[0], dim=0).numpy()
            np.testing.assert_allclose(embed(rows), wanted, atol=1e-4)
            assert np.linalg.norm(embed(rows)) == pytest.approx(1.0, abs=1e-5)
            assert hear(rows).shape == (frames // 4, TINY.width)
            np.testing.assert_allclose(hear(rows), hidden[0].numpy(), atol=5e-4)


@pytest.mark.slow
def test_words_are_a_second_input(tmp_path):
    from safetensors.torch import save_file

    config = replace(TINY, words=3)
    network, run = Alignment(config), tmp_path / "run"
    run.mkdir()
    save_file(network.state_dict(), run / "model.safetensors")
    text = {"method": "alignment", "config": vars(config), "splits": ["train"], "made_pairs": False, "store": "0"}
    (run / "config.json").write_text(json.dumps(text))
    model = load_aligned(export_alignment(run, tmp_path / "model"))
    features = np.zeros((20, 48), np.float32)
    np.testing.assert_allclose(model.speech(features), model.speech(features, np.zeros((20, 3))), atol=1e-6)
    assert not np.allclose(model.speech(features), model.speech(features, np.ones((20, 3))))
    with pytest.raises(UserError, match="words have 9 frames, speech has 20"):
        model.speech(features, np.zeros((9, 3)))


def test_a_run_is_continued(toy, tmp_path):
    # A constant rate, so that three steps of three are as three of six.
    flat = replace(QUICK, steps=6, save_every=3, batch_size=8, final_rate=1.0, warmup=0)
    whole = fit_alignment(toy, tmp_path / "a", config=TINY, training=flat)
    fit_alignment(toy, tmp_path / "b", config=TINY, training=replace(flat, steps=3))
    again = fit_alignment(toy, tmp_path / "b", config=TINY, training=flat)
    for (name, a), b in zip(whole.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    with pytest.raises(UserError, match=r"other settings \(config\.width: 48 in the folder, 16 now\)"):
        fit_alignment(toy, tmp_path / "b", config=replace(TINY, width=16), training=flat)


def test_the_command_trains_a_prepared_store(mini_dataset, tmp_path):
    out = train(mini_dataset, tmp_path / "run", method="alignment", preset="tiny", steps=3)
    model = load_aligned(export(out, tmp_path / "model", name="mine"))
    assert model.name == "mine"
    assert json.loads((tmp_path / "model" / "config.json").read_text())["made_pairs"] is True


def test_errors(toy, toy_model, mini_dataset, tmp_path):
    with pytest.raises(UserError, match=r"0 recordings of speech with motion of 4\.8 s or longer in test"):
        AlignmentWindows(toy, splits=("test",))
    with pytest.raises(UserError, match="one stage only"):
        train(mini_dataset, tmp_path / "x", method="alignment", stage="tokenizer")
    with pytest.raises(UserError, match="holds no trained weights yet"):
        load_alignment_run(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"method": "extractor"}))
    (other / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="is a run of 'extractor'"):
        load_alignment_run(other)
    with pytest.raises(UserError, match="no model"):
        load_aligned(tmp_path / "nothing")
    model = load_aligned(shutil.copytree(toy_model, tmp_path / "model"))
    with pytest.raises(UserError, match=r"speech features must be \[T, 48\]; got shape \[9, 47\]"):
        model.speech(np.zeros((9, 47)))
    with pytest.raises(UserError, match="coded motion must have 4 frames at least; got 3"):
        model.gesture(np.zeros((3, 267)))
    with pytest.raises(UserError, match="reads no words"):
        model.speech(np.zeros((9, 48)), np.zeros((9, 3)))
    text = json.loads((tmp_path / "model" / "config.json").read_text())
    del text["config"]["embedding"]
    (tmp_path / "model" / "config.json").write_text(json.dumps(text))
    with pytest.raises(UserError, match=r"lacks the whole number config\.embedding"):
        load_aligned(tmp_path / "model")
