"""From a dataset to a run of EmotionGesture: what is kept, what is learned from, and the stages."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cospeech
from corpus_data import gesturing, voice
from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.data.clips import GestureClip
from cospeech.data.dataset import GestureDataset
from cospeech.data.encoding import encoded
from cospeech.loading import load
from cospeech.methods.conditioning import emotion_weights
from cospeech.methods.emotion.sampling import EmotionCondition, EmotionSampling, sample_latents
from cospeech.motion.representation import representation
from cospeech.speech.acoustics import acoustics
from cospeech.speech.speech import Speech

torch = pytest.importorskip("torch")

from cospeech.methods.emotion.mining import MiningConfig  # noqa: E402
from cospeech.methods.emotion.train_generator import PromptedWindows, chances, load_generator_run, mined_features  # noqa: E402
from cospeech.methods.emotion.train_mining import VoiceWindows, load_mining_run  # noqa: E402
from cospeech.methods.tokenizer.train import load_tokenizer_run  # noqa: E402
from cospeech.training.loop import ProcessInfo  # noqa: E402

pytestmark = pytest.mark.slow  # a tiny model is trained
HEARING = MiningConfig(filters=(8, 8, 8), blocks=(1, 1, 1), width=32, embedding=16)


@pytest.fixture(scope="module")
def dataset(mini_dataset) -> GestureDataset:
    return GestureDataset(mini_dataset)


def old_store(mini_dataset: Path, folder: Path) -> Path:
    """The dataset as an older version wrote it."""
    shutil.copytree(mini_dataset, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["acoustics"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


# ------------------------------------------------------------------------ what the dataset keeps


def test_the_store_keeps_how_voices_sound(dataset):
    """Beside the features, moment by moment, and silent where the synthetic pairs are."""
    pairs = dataset.select(kind="synthetic_pair")
    assert pairs
    for item in pairs:
        kept, features = dataset.acoustics(item), dataset.features(item)
        assert kept.shape == (item.frames, 42)
        np.testing.assert_array_equal(dataset.acoustics(item, 7, 31), kept[7:31])
        np.testing.assert_allclose(kept[0, :40], -5.75, atol=0.01)  # digital silence goes before
        voiced = kept[:, 41] > 0.6
        assert 0.2 < voiced.mean() < 0.9
        assert 0.2 < np.median(kept[voiced, 40]) < 1.2  # syllables of 140 to 190 Hz
        level, detected = kept[:, :40].mean(1)[10:-10], features[:, :40].mean(1)
        fits = [np.corrcoef(level, detected[10 + lag : len(detected) - 10 + lag])[0, 1] for lag in range(-5, 6)]
        assert int(np.argmax(fits)) == 5  # at no lag
        assert fits[5] > 0.8
    assert not dataset.acoustics(dataset.select(kind="motion")[0]).any()


@pytest.mark.parametrize("seconds", [3.6, 4.0, 4.3])
def test_recordings_keep_it_as_long_as_their_motion(seconds):
    samples, motion = voice(seconds, seed=1)[0], gesturing(4.0, seed=1)
    clip = GestureClip("talk", "Ada", "train", "joy", Speech(samples), motion)
    kept, expected = encoded(clip, representation("body"), None).extra["acoustics"], acoustics(samples)
    assert kept.shape == (120, 42)
    count = min(120, len(expected))
    np.testing.assert_array_equal(kept[:count], expected[:count])
    np.testing.assert_array_equal(kept[count:], np.repeat(expected[-1:], 120 - count, 0))


def test_older_stores_are_told(mini_dataset, tmp_path):
    folder = old_store(mini_dataset, tmp_path / "old")
    opened = GestureDataset(folder)
    message = r"old does not keep how the voices sound, .* run `cospeech prepare` again in a new folder"
    with pytest.raises(UserError, match=message):
        opened.acoustics(opened.select(kind="synthetic_pair")[0])
    with pytest.raises(UserError, match=message):
        cospeech.train(folder, tmp_path / "run", method="emotion", preset="tiny", stage="mining")
    assert not (tmp_path / "run" / "mining" / "model.safetensors").exists()


# ------------------------------------------------------------------------ voices


def test_windows_of_voices_depend_on_the_step_alone(dataset):
    windows = VoiceWindows(dataset, HEARING, frames=60, batch_size=12, vary=True)
    first, again, other = windows(3, ProcessInfo()), windows(3, ProcessInfo()), windows(4, ProcessInfo())
    assert first["features"].shape == (12, 60, 48)
    assert first["acoustics"].shape == (12, 60, 42)
    for name, value in first.items():
        torch.testing.assert_close(again[name], value)
    assert not torch.equal(other["acoustics"], first["acoustics"])
    assert windows(3, ProcessInfo(1, 2))["features"].shape == (6, 60, 48)


def test_each_voice_of_synthetic_pairs_is_heard_in_every_emotion(dataset):
    windows = VoiceWindows(dataset, HEARING, frames=60, batch_size=300)
    names = [item.id.split("#")[0] for item in windows.samples]
    assert len(set(names)) == len(names) == 4  # two rounds of four voices
    batch = windows(0, ProcessInfo())
    assert set(batch["emotion"].tolist()) == set(range(len(EMOTIONS)))
    loud = batch["acoustics"][..., :40].amax(1).mean(-1)
    kinds = batch["emotion"]
    anger, shame = (loud[kinds == EMOTIONS.index(name)].mean() for name in ("anger", "shame"))
    assert anger > shame + 0.2


def test_what_has_no_speech_is_told(dataset):
    with pytest.raises(UserError, match="no speech with motion in nowhere"):
        VoiceWindows(dataset, HEARING, splits=("nowhere",))


# ------------------------------------------------------------------------ prompted windows


@pytest.fixture(scope="module")
def windows(dataset, emotion_run) -> PromptedWindows:
    tokenizer, _ = load_tokenizer_run(emotion_run / "tokenizer")
    mining, _ = load_mining_run(emotion_run / "mining")
    generator, described = load_generator_run(emotion_run / "emotion")
    styles = tuple(described["styles"])
    return PromptedWindows(dataset, tokenizer, mining, styles, generator.config, batch_size=40, grow=10)


def test_prompted_windows(windows):
    batch = windows(5, ProcessInfo())
    assert batch["latent"].shape == (40, 34, 16)
    assert batch["pose"].shape == (40, 96, 267)
    assert batch["beat"].shape == batch["voice"].shape == (40, 34, 16)
    assert (batch["emotion"].sum(1) == 1).all()
    assert (batch["style"].sum(1) == 1).all()
    assert float(batch["warm"]) == pytest.approx(0.6)
    assert float(windows(99, ProcessInfo())["warm"]) == 1.0
    for name, value in batch.items():
        assert value.isfinite().all(), name
        torch.testing.assert_close(windows(5, ProcessInfo())[name], value)


def test_latents_poses_and_sounds_of_a_window_are_of_one_moment(windows):
    """Every window is found again in its recording: all of it at the same place."""
    batch, config = windows(2, ProcessInfo()), windows.config
    begun = 0
    for row in range(12):
        latent = batch["latent"][row].numpy()
        found = []
        for number, whole in enumerate(windows.latents):
            for start in range(-config.given, len(whole)):
                places = np.arange(start, start + len(latent)).clip(0, len(whole) - 1)
                if np.array_equal(whole[places].astype(np.float32), latent):
                    found.append((number, start, places))
        ((number, start, places),) = found
        begun += start < 0
        mood, beat = windows.voices[number]
        np.testing.assert_array_equal(batch["voice"][row], mood[places].astype(np.float32))
        np.testing.assert_array_equal(batch["beat"][row], beat[places].astype(np.float32))
        length = len(windows.latents[number])
        np.testing.assert_array_equal(batch["valid"][row], start + np.arange(len(latent)) < length)
        item = windows.samples[number]
        frames = np.arange(4 * (start + config.given), 4 * (start + len(latent))).clip(0, 4 * length - 1)
        pose = (windows.dataset.motion(item)[frames] - windows.mean) / windows.std
        np.testing.assert_allclose(batch["pose"][row], pose, atol=1e-5)
        assert EMOTIONS[int(batch["emotion"][row].argmax())] == item.emotion
        assert windows.styles[int(batch["style"][row].argmax())] == item.speaker
    assert begun  # some begin before their recording does, as generated motion begins


def test_a_calm_voice_is_heard_in_the_mood_of_its_motion(dataset, emotion_run):
    mining, _ = load_mining_run(emotion_run / "mining")
    item = next(item for item in dataset.select(kind="synthetic_pair") if item.emotion != "neutral")
    mood, beat = mined_features(mining, dataset, item)
    assert len(mood) == len(beat) == item.frames // 4
    calm, same = mined_features(mining, dataset, replace(item, emotion="neutral"))
    np.testing.assert_array_equal(same, beat)  # the strokes stay on their accents
    assert np.abs(mood - calm).max() > 0.01


def test_jitter_is_added_to_all_that_is_learned_from(windows, dataset, emotion_run):
    tokenizer, _ = load_tokenizer_run(emotion_run / "tokenizer")
    mining, _ = load_mining_run(emotion_run / "mining")
    shaken = PromptedWindows(
        dataset, tokenizer, mining, windows.styles, windows.config, batch_size=40, jitter=0.2, grow=10
    )
    calm, batch = windows(5, ProcessInfo()), shaken(5, ProcessInfo())
    away = (batch["pose"] - calm["pose"]).numpy() * windows.std
    assert float(np.rad2deg(away[..., :-3].std())) == pytest.approx(0.2, rel=0.02)
    assert not away[..., -3:].any()  # where the pelvis is does not jitter
    assert not torch.allclose(batch["latent"], calm["latent"])
    torch.testing.assert_close(batch["beat"], calm["beat"])


# ------------------------------------------------------------------------ stages


def test_unknown_stages_and_those_that_lack_others_are_told(mini_dataset, tmp_path):
    stages = "alignment, tokenizer, mining, emotion, prior, all"
    with pytest.raises(UserError, match=f"unknown stage 'half'; known: {stages}"):
        cospeech.train(mini_dataset, tmp_path, method="emotion", preset="tiny", stage="half")
    with pytest.raises(UserError, match="holds no trained weights yet"):
        cospeech.train(mini_dataset, tmp_path, method="emotion", preset="tiny", stage="emotion")
    with pytest.raises(UserError, match="holds no trained weights yet"):
        cospeech.train(mini_dataset, tmp_path, method="emotion", preset="tiny", stage="prior")
    with pytest.raises(UserError, match="emotion sees bodies only"):
        cospeech.train(mini_dataset, tmp_path, method="emotion", preset="tiny", modality="face")


def test_frame_by_frame_and_without_a_vae(mini_dataset, tmp_path):
    """Two steps of every stage in the step of the paper; then emotion alone decides, and no random draw."""
    changes = {
        "training": {"steps": 2, "batch": 4, "warmup": 1, "log_every": 1},
        "emotion": {"window": 30, "chunk": 30, "vae": False, "discriminator": False, "spatial": False},
        **{stage: {"downsample": 1} for stage in ("alignment", "tokenizer", "mining")},
    }
    run = cospeech.train(mini_dataset, tmp_path / "run", method="emotion", preset="tiny", config=changes)
    model = load(cospeech.export(run, tmp_path / "mine", dataset=mini_dataset))
    assert (model.networks.downsample, model.networks.size) == (1, 0)
    assert not (run / "prior").exists()
    assert not (tmp_path / "mine" / "prior.onnx").exists()
    speech = Speech(voice(2.5, seed=2)[0])
    takes = [model.generate(speech, face=False, seed=k, emotion="joy", relaxed=False) for k in (1, 2)]
    assert len(takes[0]) == speech.frames
    elbow = takes[0].skeleton.index("left_elbow")
    assert takes[0].rotations[:, elbow].tobytes() == takes[1].rotations[:, elbow].tobytes()
    assert sum(model.detect_emotion(speech).values()) == pytest.approx(1.0)
    steps = np.zeros((60, 48), dtype=np.float32)
    given = np.zeros((10, model.networks.latent), dtype=np.float32)
    style = np.array([1, 0], np.float32)
    joy, fear = (
        sample_latents(
            model.networks,
            steps,
            EmotionCondition(np.repeat(emotion_weights(name)[None], 60, 0), style, np.array([0, 1], np.float32)),
            given,
            np.random.default_rng(0),
            EmotionSampling(),
        )
        for name in ("joy", "fear")
    )
    assert np.abs(joy - fear).max() > 1e-4


def test_rare_moods_are_drawn_by_the_root_of_their_share(dataset):
    """In any order of the items alike: processes must agree on the dice."""
    first = dataset.select(kind="synthetic_pair")[0]
    moods = ["joy"] * 8 + ["shame"] * 2 + [None] * 6
    items = [replace(first, emotion=mood) for mood in moods]
    lengths = np.array([10.0] * 8 + [5.0, 15.0] + [10.0] * 6)
    chance = chances(items, lengths)
    wanted = np.sqrt([80 / 160, 20 / 160, 60 / 160])
    groups = [chance[:8].sum(), chance[8:10].sum(), chance[10:].sum()]
    np.testing.assert_allclose(groups, wanted / wanted.sum())
    np.testing.assert_allclose(chance[9], 3 * chance[8])  # within a mood by length
    turned = chances(items[::-1], lengths[::-1])
    np.testing.assert_array_equal(turned[::-1], chance)
