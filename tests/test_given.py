"""What callers give in Python: one thing or several, sound as samples, and values of a wrong kind."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cospeech
from cli_data import config_only, motion_file, tone, write_wav
from cospeech.core.errors import UserError
from cospeech.gesture_library.query import load_query
from cospeech.methods.base import GestureModel
from cospeech.sampling.edit import joint_indices, time_spans
from cospeech.speech.loading import load_speech
from cospeech.speech.speech import Speech

SAMPLES = tone(2.0)[:, 0]


@pytest.fixture
def model(tmp_path):
    """A model that says what it was given."""

    class Model(GestureModel):
        name, config, speakers = "plain", {}, ()

        def generate(self, speech, **options):
            return speech, options

        def edit(self, motion, speech, **options):
            return speech, options

        def from_features(self, features, **options):
            return features, options

    return Model()


@pytest.mark.parametrize("run", [cospeech.evaluate, cospeech.compare])
def test_one_system_is_no_list_of_letters(run, tmp_path):
    folder = tmp_path / "nothing"
    for systems in (str(folder), folder):
        with pytest.raises(UserError, match=r"no model '.*nothing'|got 1, use evaluate for one"):
            run(systems, tmp_path)


def test_one_loaded_system(model, tmp_path):
    with pytest.raises(UserError, match="no dataset"):
        cospeech.evaluate(model, tmp_path)
    with pytest.raises(UserError, match="got 1, use evaluate for one"):
        cospeech.compare(model, tmp_path)


def test_speech_as_samples_and_their_rate(model, tmp_path):
    file = write_wav(tmp_path / "talk.wav", SAMPLES)
    expected = load_speech(file).samples
    motion = motion_file(tmp_path / "m.npz", frames=60)
    pair = (SAMPLES, 16_000)
    for loaded in (
        load_speech(pair),
        load_speech(SAMPLES, rate=16_000),
        load_speech(Speech(SAMPLES)),
        load_query(pair),
        cospeech.generate(pair, model=model)[0],
        cospeech.edit(motion, speech=pair, model=model)[0],
    ):
        assert np.array_equal(loaded.samples, expected)
    assert load_speech((SAMPLES.tolist(), 8_000)).seconds == pytest.approx(4.0)


def test_samples_that_cannot_be_used(model, tmp_path):
    motion, picture = motion_file(tmp_path / "m.npz", frames=60), tmp_path / "face.png"
    for speech, message in (
        (SAMPLES, "give (samples, rate)"),
        (SAMPLES.tolist(), "give (samples, rate)"),
        ((16_000, SAMPLES), "give"),
        ((SAMPLES, "fast"), "the rate of samples is 'fast'"),
        ((SAMPLES, 0), "the rate of samples is 0"),
        ((SAMPLES[:100], 16_000), "give at least 0.2 s"),
        ((np.zeros((2, 50)), 16_000), "give mono samples"),
        (7, "a speech is a sound file, (samples, rate) or a Speech; got int"),
        (None, "got NoneType"),
    ):
        calls = [
            lambda speech=speech: load_speech(speech),
            lambda speech=speech: cospeech.generate(speech, model=model),
            lambda speech=speech: cospeech.animate(picture, speech, tmp_path / "x.mp4", refine="none"),
            lambda speech=speech: load_query(speech),
            lambda speech=speech: cospeech.edit(motion, speech=speech, model=model),
        ]
        for call in calls[: 4 if speech is None else 5]:
            with pytest.raises(UserError, match=re.escape(message)) as caught:
                call()
            assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="leave it out"):
        load_speech(Speech(SAMPLES), rate=16_000)


def test_one_span_or_several(model, tmp_path):
    motion = motion_file(tmp_path / "m.npz", frames=60)
    for span in ((0.5, 1.5), [0.5, 1.5], "0.5:1.5", [(0.5, 1.5)], ["0.5:1.5"], np.array([0.5, 1.5])):
        assert time_spans(span, 2.0) == [(0.5, 1.5)]
        passed = cospeech.edit(motion, speech=(SAMPLES, 16_000), span=span, model=model)[1]
        assert time_spans(passed["span"], 2.0) == [(0.5, 1.5)]
    assert time_spans([(0, 0.5), (1, 2)], 2.0) == [(0.0, 0.5), (1.0, 2.0)]
    for span in (5, [5], "abc", (1, 2, 3), ((1,),), ("1", "2")):
        with pytest.raises(UserError, match="a span is START:END"):
            time_spans(span, 9.0)
    assert joint_indices("head,hands") == joint_indices(["head", "hands"])


def test_values_of_a_wrong_kind_are_told_in_one_line(model, tmp_path):
    speech, folder = (SAMPLES, 16_000), config_only(tmp_path / "model")
    motion = motion_file(tmp_path / "m.bvh")
    for call in (
        lambda: cospeech.generate(speech, emotion=5, model=folder),
        lambda: cospeech.generate(speech, emotion={"joy": "much"}, model=folder),
        lambda: cospeech.generate(speech, intensity="high", model="contextual"),
        lambda: cospeech.generate(speech, seed=1.5, model="contextual"),
        lambda: cospeech.generate(speech, seed="3", model="contextual"),
        lambda: cospeech.generate(speech, start_pose=5, model="contextual"),
        lambda: cospeech.generate(speech, constraint=5, model="exges"),
        lambda: cospeech.edit(5, speech=speech),
        lambda: cospeech.convert(5, tmp_path / "x.glb"),
        lambda: cospeech.convert(motion, 5),
        lambda: cospeech.animate(5, speech, tmp_path / "x.mp4", refine="none"),
        lambda: cospeech.animate("face.png", speech, 5),
        lambda: joint_indices(5),
        lambda: cospeech.generate(speech, transcript=5),
        lambda: cospeech.generate(speech, model=5),
        lambda: cospeech.generate(speech, library=5, model="exges"),
        lambda: cospeech.generate(speech, library="x", model=model),
        lambda: cospeech.generate(speech, faithfulness="x", model="exges"),
        lambda: cospeech.generate(speech, emotion_track=5, model="emotion"),
        lambda: cospeech.generate(speech, emotion_track=["joy"], model="emotion"),
        lambda: cospeech.generate(speech, variety="x", model="emotion"),
        lambda: cospeech.generate(speech, seated="yes"),
        lambda: cospeech.edit(motion, speech=speech, model=5),
        lambda: cospeech.evaluate("contextual", 5),
        lambda: cospeech.evaluate(5, tmp_path),
        lambda: cospeech.load(5),
        lambda: cospeech.search(motion, library=5),
        lambda: cospeech.video_keypoints(5),
        lambda: cospeech.verify(5),
        lambda: cospeech.merge_libraries(5, tmp_path / "merged"),
        lambda: cospeech.merge_libraries([5], tmp_path / "merged"),
        lambda: cospeech.build_library(5, tmp_path / "library"),
        lambda: cospeech.library_info(5),
        lambda: cospeech.check_library(5),
        lambda: cospeech.add_to_library(5, tmp_path),
        lambda: cospeech.convert(motion, tmp_path / "gone" / "x.glb"),
    ):
        with pytest.raises(UserError) as caught:
            call()
        assert "\n" not in str(caught.value)
