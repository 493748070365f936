"""Steps and words onto frames, cutting long input, and what is written down about encoders. No network."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cospeech.core.errors import UserError
from cospeech.core.timing import frames_within
from cospeech.speech.encoders.frames import Steps, chunks, word_windows, words_at_frames
from cospeech.speech.encoders.inputs import SpeechInputs, open_encoder
from cospeech.speech.encoders.settings import EncoderSettings, describe, input_slices, read_encoders
from cospeech.speech.features import accents, pauses, speech_features
from cospeech.speech.speech import Word
from encoder_data import STEPS, LengthEncoder, LoudnessEncoder, noise, spoken


def test_steps_of_the_usual_front_end():
    assert (STEPS.hop, STEPS.span) == (320, 400)  # 50 a second, 25 ms each
    assert STEPS.seconds(0) == pytest.approx(199.5 / 16_000)
    assert STEPS.seconds(50) - STEPS.seconds(0) == pytest.approx(1.0)
    assert [STEPS.count(n) for n in (0, 399, 400, 719, 720, 16_000)] == [0, 0, 1, 1, 2, 49]


@pytest.mark.parametrize("start", [0.0, 0.7, -0.4])
def test_a_frame_is_where_its_time_says(start):
    """States that tell the time of their own middle give the times of the frames."""
    steps = STEPS.count(16_000 * 5)
    middles = STEPS.seconds(0) + np.arange(steps) * STEPS.hop / 16_000
    found = STEPS.at_frames(middles[:, None], count=150, start=start)[:, 0]
    times = start + np.arange(150) / 30
    np.testing.assert_allclose(found, np.clip(times, middles[0], middles[-1]), atol=1e-6)


def test_states_of_any_number():
    for count in (1, 2, 3):
        states = np.arange(count, dtype=np.float32)[:, None]
        found = STEPS.at_frames(states, count=9)
        assert found.shape == (9, 1)
        assert found[0, 0] == 0
        assert found[-1, 0] == count - 1
    late = STEPS.at_frames(np.arange(200_000.0)[:, None], count=119_999)  # over an hour: nothing drifts
    assert late[119_990, 0] == pytest.approx((119_990 / 30 - STEPS.seconds(0)) * 50, abs=0.02)


@given(st.integers(1, 900), st.integers(1, 60), st.integers(0, 30))
def test_chunks_cover_everything_once(steps, core, context):
    parts = chunks(steps, core=core, context=context)
    assert [n for _, begin, end, _ in parts for n in range(begin, end)] == list(range(steps))
    for first, begin, end, last in parts:
        assert 0 <= first <= begin < end <= last <= steps
        assert last - first <= core + 2 * context
        assert begin - first == context or first == 0
        assert last - end == context or last == steps


@given(st.lists(st.integers(0, 9), min_size=1, max_size=120), st.integers(10, 40))
def test_word_windows_cover_everything_once(tokens, capacity):
    windows = word_windows(tokens, capacity)
    assert [n for _, begin, end, _ in windows for n in range(begin, end)] == list(range(len(tokens)))
    for first, begin, end, last in windows:
        assert 0 <= first <= begin < end <= last <= len(tokens)
        assert sum(tokens[first:last]) <= capacity
    if sum(tokens) <= capacity:
        assert windows == [(0, 0, len(tokens), len(tokens))]


def test_word_windows_have_context_on_both_sides():
    windows = word_windows([1] * 100, 20)
    assert all(begin - first == 5 and last - end == 5 for first, begin, end, last in windows[1:-1])


def test_frames_within():
    assert frames_within(0.0, 1.0) == range(30)
    assert frames_within(1.0, 1.5) == range(30, 45)
    assert frames_within(0.1, 0.2) == range(3, 6)  # 0.1 * 30 is a little over 3 as a float
    assert frames_within(0.34, 0.36) == range(11, 11)
    for frame in range(1000):
        assert frames_within(frame / 30, (frame + 1) / 30) == range(frame, frame + 1)


def test_words_lie_on_the_frames_on_which_they_are_spoken():
    words = (Word("a", 0.1, 0.2), Word("b", 0.5, 1.0), Word("c", 0.8, 1.2))
    placed = words_at_frames(np.array([[1.0], [2.0], [3.0]]), words, count=45)[:, 0]
    wanted = np.zeros(45)
    wanted[3:6], wanted[15:24], wanted[24:36] = 1, 2, 3  # the later of two is heard where they overlap
    np.testing.assert_array_equal(placed, wanted)
    later = words_at_frames(np.array([[1.0], [2.0], [3.0]]), words, count=20, start=0.5)[:, 0]
    np.testing.assert_array_equal(later, wanted[15:35])
    early = words_at_frames(np.array([[1.0], [2.0], [3.0]]), words, count=20, start=-0.1)[:, 0]
    np.testing.assert_array_equal(early[3:], wanted[:17])


def test_a_word_between_two_frames_has_the_nearest_one_if_it_is_free():
    vectors, quick = np.array([[1.0], [2.0]]), Word("b", 1.005, 1.03)
    alone = words_at_frames(vectors, (Word("a", 0.0, 0.5), quick), count=40)[:, 0]
    np.testing.assert_array_equal(np.flatnonzero(alone == 2), [31])
    beside = words_at_frames(vectors[[1, 0]], (quick, Word("a", 1.03, 1.2)), count=40)[:, 0]
    assert not (beside == 2).any()
    assert not words_at_frames(vectors, (Word("a", 2.0, 2.1), Word("b", 3.01, 3.02)), count=40).any()
    assert words_at_frames(np.zeros((0, 3)), (), count=4).shape == (4, 3)


# ---------------------------------------------------------------------------- settings and inputs


def test_settings_are_checked():
    for layer in ("first", "-1", "mean:0", "mean:", "1.5", "mean:x"):
        with pytest.raises(UserError, match="no layer is called"):
            EncoderSettings("x", layer)
    with pytest.raises(UserError, match="no precision is called 'int8'; give float32 or bfloat16"):
        EncoderSettings("x", precision="int8")


def test_what_is_written_comes_back():
    encoders = {"words": LengthEncoder(), "speech_encoding": LoudnessEncoder()}
    text = json.loads(json.dumps(describe(encoders)))
    assert list(text) == ["speech_encoding", "words"]
    assert read_encoders(text, "config.json") == {k: encoders[k].settings for k in text}
    assert read_encoders(None, "config.json") == read_encoders({}, "config.json") == {}


@pytest.mark.parametrize(
    "change",
    [{"width": "768"}, {"width": True}, {"width": 0}, {"layer": 3}, {"layer": "top"}, {"more": 1}, {"name": None}],
    ids=str,
)
def test_what_is_written_wrongly_is_told(change):
    own = asdict(EncoderSettings("roberta-base", width=768, weights="0123abcd"))
    with pytest.raises(UserError) as caught:
        read_encoders({"words": {**own, **change}}, "config.json")
    assert "\n" not in str(caught.value)
    for wrong in ([], {"sound": own}, {"words": 3}, {"words": {"name": "x"}}):
        with pytest.raises(UserError, match=r"^config.json: encoders"):
            read_encoders(wrong, "config.json")


def test_columns_have_names():
    wav, text = EncoderSettings("a", width=1024), EncoderSettings("b", width=768)
    slices = input_slices(48, {"words": text, "speech_encoding": wav})
    assert dict(slices) == {"features": slice(0, 48), "speech_encoding": slice(48, 1072), "words": slice(1072, 1840)}
    assert dict(input_slices(48, {})) == {"features": slice(0, 48)}


def test_a_model_without_encoders_reads_the_features_alone():
    speech = noise(2.0)
    inputs = SpeechInputs.of_model({"method": "contextual"}, Path("somewhere"))
    assert inputs.width == 48
    np.testing.assert_array_equal(inputs(speech), speech.features)
    longer = inputs(speech, 65)
    np.testing.assert_array_equal(longer[60:], np.repeat(longer[59:60], 5, 0))


def test_a_model_with_encoders_reads_their_columns_as_well():
    own = {"speech_encoding": LoudnessEncoder(), "words": LengthEncoder()}
    speech = noise(2.0, words=spoken("we speak"))
    settings = read_encoders(describe(own), "x")
    inputs = SpeechInputs(dict(reversed(settings.items())), opened=own)  # named in any order
    assert list(inputs.settings) == ["speech_encoding", "words"]
    assert inputs.width == 52
    rows = inputs(speech, 66)
    assert rows.shape == (66, 52)
    assert rows.dtype == np.float32
    parts = {name: rows[:, part] for name, part in inputs.slices.items()}
    np.testing.assert_array_equal(parts["features"][:60], speech.features)
    np.testing.assert_allclose(parts["speech_encoding"][1:58, 1], np.arange(1, 58) / 30, atol=1e-5)
    np.testing.assert_array_equal(parts["words"][3:12, 0], 2)  # "we", 0.1 to 0.4 s
    np.testing.assert_array_equal(parts["words"][15:24, 0], 5)
    assert not parts["words"][60:].any()
    fast = replace(speech, samples=np.repeat(speech.samples, 3), sample_rate=48_000)
    np.testing.assert_allclose(inputs(fast, 66)[:, -2:], parts["words"])


def test_an_encoder_of_other_weights_is_refused():
    settings = read_encoders(describe({"speech_encoding": LoudnessEncoder()}), "x")
    with pytest.raises(UserError, match="has weights 0000cccc and 2 columns; the model learned with weights 0000a"):
        SpeechInputs(settings, opened={"speech_encoding": LoudnessEncoder("0000cccc")})


def test_columns_beyond_the_features_change_no_rule():
    features = speech_features(noise(6.0).samples)
    wide = np.concatenate([features, np.ones((len(features), 7), np.float32)], 1)
    for rule in (accents, pauses):
        np.testing.assert_array_equal(rule(wide), rule(features))
    with pytest.raises(ValueError, match="give features"):
        accents(features[:, :40])


def test_missing_packages_are_told(monkeypatch):
    from importlib import util

    real = util.find_spec
    for missing in (("transformers",), ("torch", "transformers")):
        monkeypatch.setattr(util, "find_spec", lambda name, gone=missing: None if name in gone else real(name))
        with pytest.raises(UserError, match=rf"need {' and '.join(missing)}, not .* pip install 'cospeech\[train\]'"):
            open_encoder("words", "roberta-base")


def test_steps_of_other_front_ends():
    assert Steps.of((4,), (2,)) == Steps(2, 4)
    assert Steps.of((10, 3), (5, 2), sample_rate=8000) == Steps(10, 20, 8000)
