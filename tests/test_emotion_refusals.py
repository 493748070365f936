"""Emotions that a model has learned and those it has not, and all else that EmotionGesture refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import cospeech
from corpus_data import voice
from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.loading import load
from cospeech.methods.emotion.emotion_track import EmotionKeyframe
from cospeech.methods.emotion.sampling import EmotionSampling
from cospeech.sampling.diffusion import DiffusionSampling
from cospeech.speech.speech import Speech

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow  # a tiny model is trained


@pytest.fixture(scope="module")
def model(emotion_model):
    return load(emotion_model)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech(voice(3.0, seed=4)[0])


# ------------------------------------------------------------------------ moods that it knows


def changed(emotion_model: Path, folder: Path, **change) -> Path:
    """The model with another config."""
    shutil.copytree(emotion_model, folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    return folder


def test_it_knows_the_emotions_that_it_has_seen(model):
    assert model.emotions == ("neutral", "anger", "joy")  # those of the corpus, in the usual order


@pytest.mark.parametrize(
    ("options", "strange"),
    [
        ({"emotion": "fear"}, "fear"),
        ({"emotion": {"joy": 0.9, "fear": 0.05, "shame": 0.05}}, "fear, shame"),
        ({"emotion_track": [EmotionKeyframe(0, "joy"), EmotionKeyframe(2, "pride", 0.5)]}, "pride"),
    ],
)
def test_emotions_that_it_has_not_seen_are_told(emotion_model, model, speech, options, strange):
    with pytest.raises(UserError) as error:
        cospeech.generate(speech, model=emotion_model, **options)
    assert str(error.value) == f"the model moody has not learned {strange}; it knows neutral, anger, joy"
    if "emotion" in options:
        motion = model.generate(speech, face=False)
        with pytest.raises(UserError, match=f"has not learned {strange}; it knows neutral"):
            cospeech.edit(motion, speech=speech, span=["1:2"], model=model, **options)


def weights_of(model, monkeypatch, **options) -> np.ndarray:
    """The weights of emotions [10] that the generator is asked with."""
    seen = []
    make = type(model.networks).make
    monkeypatch.setattr(type(model.networks), "make", lambda self, *given: seen.append(given[3]) or make(self, *given))
    model.from_features(np.zeros((30, 48), np.float32), **options)
    assert (seen[0] == seen[0][:, :1]).all()
    return seen[0][0, 0]


@pytest.mark.parametrize(
    ("known", "requested", "expected"),
    [
        (["neutral", "joy"], None, {"joy": 1.0}),  # conversation: what is known of its mixture
        (["neutral", "anger"], None, {"neutral": 1.0}),
        (["neutral", "joy"], {"joy": 0.6}, {"neutral": 0.4, "joy": 0.6}),
        (["anger", "fear"], None, {}),
        (["anger", "joy"], "neutral", {}),
        (["anger", "joy"], {"joy": 0.6}, {"joy": 0.6}),
        ([], None, {}),
    ],
)
def test_zeros_stand_for_neutral_where_nobody_was(emotion_model, tmp_path, monkeypatch, known, requested, expected):
    own = load(changed(emotion_model, tmp_path / "mine", emotions=known))
    weights = weights_of(own, monkeypatch, emotion=requested)
    found = {name: float(w) for name, w in zip(EMOTIONS, weights, strict=True) if w}
    assert found == pytest.approx(expected)


def test_a_model_of_a_corpus_without_emotions_says_so(emotion_model, tmp_path, speech):
    own = load(changed(emotion_model, tmp_path / "mine", emotions=[]))
    with pytest.raises(UserError, match="it knows no emotions, since its corpus names none"):
        own.generate(speech, emotion="joy")


# ------------------------------------------------------------------------ what cannot be


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"emotion": "bored"}, f"unknown emotion 'bored'; known: {', '.join(EMOTIONS)}"),
        ({"emotion": {"joy": -1.0}}, "must not be negative"),
        ({"emotion_track": [EmotionKeyframe(0, "bored")]}, "unknown emotion 'bored'"),
        ({"emotion_track": [EmotionKeyframe(1, "joy"), EmotionKeyframe(1, "fear")]}, "after the one before"),
        ({"emotion_track": "none.csv"}, "no such file: none.csv"),
        ({"variety": -0.1}, "variety must be from 0 to 2; got -0.1"),
        ({"variety": 2.1}, "variety must be from 0 to 2; got 2.1"),
        ({"variety": float("nan")}, "variety must be from 0 to 2; got nan"),
        ({"speaker": "Nobody"}, "unknown speaker 'Nobody'; this model knows AnBh, HeGa"),
        ({"intensity": 9.0}, "0.25 to 2.5"),
        ({"seed": -1}, "whole number"),
        ({"faithfulness": 0.5}, "takes no option 'faithfulness'"),
        ({"start_pose": "none.bvh"}, "none.bvh"),
    ],
)
def test_wishes_that_cannot_be(emotion_model, speech, options, message):
    with pytest.raises(UserError) as error:
        cospeech.generate(speech, model=emotion_model, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{"variety": 1.0}, {"emotion_track": [EmotionKeyframe(0, "joy")]}])
def test_other_methods_know_no_variety_and_no_track(speech, options):
    message = f"the method contextual takes no option .*; methods that take {next(iter(options))}: emotion"
    with pytest.raises(UserError, match=message) as error:
        cospeech.generate(speech, model="contextual", **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"emotions": ["joy", "bored"]}, "emotions must be of neutral, amusement"),
        ({"emotions": 7}, "emotions must be of neutral, amusement"),
        ({"emotions": [{}]}, "emotions must be of neutral, amusement"),
        ({"sampling": {"diffusion": {"steps": 0}}}, "steps must be from 1"),
        ({"sampling": {"diffusion": 7}}, "has sampling settings that are not known"),
        ({"colour": "red"}, "has the unknown key 'colour'"),
        ({"config": {"latent": 16, "downsample": 4, "given": 10, "window": 24}}, "config.chunk"),
        ({"config": 7}, "lacks the whole number config.latent"),
        ({"styles": []}, "lacks styles"),
        ({"styles": [1]}, "lacks styles"),
        ({"sampling": {"speed": 3}}, "has sampling settings that are not known"),
    ],
)
def test_a_damaged_config_is_told(emotion_model, tmp_path, change, message):
    with pytest.raises(UserError) as error:
        load(changed(emotion_model, tmp_path / "mine", **change))
    assert message in str(error.value)
    assert "config.json" in str(error.value)


@pytest.mark.parametrize("name", ["beats", "prior", "generator", "decoder", "encoder"])
def test_a_missing_graph_is_told(emotion_model, tmp_path, speech, name):
    shutil.copytree(emotion_model, tmp_path / "mine")
    (tmp_path / "mine" / f"{name}.onnx").unlink()
    with pytest.raises(UserError, match=rf"lacks {name}\.onnx; export the model again"):
        load(tmp_path / "mine").generate(speech)


def test_sampler_settings_of_the_config_count(emotion_model, tmp_path):
    settings = {"diffusion": {"steps": 3, "temperature": 0.8}, "guidance": 2.0, "variety": 0.5}
    own = load(changed(emotion_model, tmp_path / "mine", sampling=settings))
    assert own.sampling == EmotionSampling(
        diffusion=DiffusionSampling(steps=3, temperature=0.8), guidance=2.0, variety=0.5
    )
