"""Emotion as users say it: names, mixtures, courses over time, and what was heard."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from cospeech.core.emotions import EMOTIONS
from cospeech.core.errors import UserError
from cospeech.core.timing import FPS
from cospeech.methods.conditioning import (
    described_weights,
    detected_mixture,
    emotion_weights,
    parse_emotion,
    requested_emotion,
)
from cospeech.methods.emotion.emotion_track import FADE, EmotionKeyframe, checked_track, read_track, track_weights

KNOWN = ", ".join(EMOTIONS)


def named(weights: np.ndarray) -> dict[str, float]:
    return {name: round(float(w), 5) for name, w in zip(EMOTIONS, weights, strict=True) if w > 1e-6}


# ------------------------------------------------------------------------ files


def test_json_and_csv_say_the_same(tmp_path):
    moods = (
        EmotionKeyframe(0.0, "joy"),
        EmotionKeyframe(2.5, "sadness:0.6,fear:0.4", 0.5),
        EmotionKeyframe(4.0, "Angry", 0.0),
    )
    rows = [
        {"start": 0, "emotion": "joy"},
        {"start": 2.5, "emotion": "sadness:0.6,fear:0.4", "strength": 0.5},
        {"start": "4.0", "emotion": " Angry ", "strength": 0},
    ]
    (tmp_path / "track.json").write_text(json.dumps(rows))
    (tmp_path / "track.csv").write_text(
        'start,emotion,strength\n0,joy,\n2.5, "sadness:0.6,fear:0.4", 0.5\n4.0, Angry ,0\n'
    )
    assert read_track(tmp_path / "track.json") == moods
    assert read_track(str(tmp_path / "track.csv")) == moods


def test_strength_may_be_left_out(tmp_path):
    (tmp_path / "track.csv").write_text("\ufeffstart,emotion\n0,joy\n3,fear\n", encoding="utf-8")
    assert read_track(tmp_path / "track.csv") == (EmotionKeyframe(0.0, "joy", 1.0), EmotionKeyframe(3.0, "fear", 1.0))
    (tmp_path / "track.json").write_text('\n [{"emotion": "joy", "start": 1.5, "strength": null}]')
    assert read_track(tmp_path / "track.json") == (EmotionKeyframe(1.5, "joy", 1.0),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start,emotion\n0,joy\n1,bored\n", f"unknown emotion 'bored'; known: {KNOWN}"),
        ('[{"start": 0, "emotion": "joy:0.5,bored:0.5"}]', f"unknown emotion 'bored'; known: {KNOWN}"),
        ("start,emotion\n0,joy:x\n", "the weight of emotion 'joy' must be a number"),
        ("start,emotion\n1,joy\n0.5,fear\n", "the emotion at 0.5 s must begin at 0 or later, and after the one"),
        ("start,emotion\n1,joy\n1,fear\n", "the emotion at 1 s must begin at 0 or later, and after the one"),
        ("start,emotion\n-1,joy\n", "the emotion at -1 s must begin at 0 or later"),
        ("start,emotion\nnan,joy\n", "must begin at 0 or later"),
        ("start,emotion\n0,joy\ninf,fear\n", "must begin at 0 or later"),
        ("start,emotion,strength\n0,joy,1.5\n", "has the strength 1.5; give 0 to 1"),
        ('[{"start": 0, "emotion": "joy", "strength": -0.1}]', "has the strength -0.1; give 0 to 1"),
        ("start,emotion,strength\n0,joy,nan\n", "has the strength nan; give 0 to 1"),
        ("", "holds no emotions; give start, emotion and"),
        ("start,emotion\n", "holds no emotions; give start, emotion and"),
        ("[]", "holds no emotions; give start, emotion and"),
        ('{"start": 0, "emotion": "joy"}', "holds no emotions; give start, emotion and"),
        ('[{"start": 0, "emotion"', "is no JSON that can be read"),
        ('[{"start": 0}]', "is no track of emotions"),
        ("[0, 1]", "is no track of emotions"),
        ("when,what\n0,joy\n", "is no track of emotions"),
        ("start,emotion\nsoon,joy\n", "is no track of emotions"),
        ("Dear diary, today I was happy.\nAnd sad.\n", "is no track of emotions"),
        ('[{"start": {}, "emotion": "joy"}]', "is no track of emotions"),
    ],
)
def test_tracks_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "track.any"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_track(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"no such file: .*none\.csv; give a JSON or CSV file of emotions"):
        read_track(tmp_path / "none.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_track(tmp_path)
    (tmp_path / "sound.csv").write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match=r"sound\.csv cannot be read .*UTF-8"):
        read_track(tmp_path / "sound.csv")


def test_moods_of_the_library_are_checked_alike():
    moods = [EmotionKeyframe(0.0, "joy"), EmotionKeyframe(1.0, "fear", 0.0)]
    assert checked_track(moods) == tuple(moods)
    with pytest.raises(UserError, match="the track of emotions holds no emotions"):
        checked_track([])
    with pytest.raises(UserError, match="unknown emotion 'bored'"):
        checked_track([EmotionKeyframe(0.0, "bored")])


# ------------------------------------------------------------------------ courses


def test_one_mood_counts_from_beginning_to_end():
    made = track_weights([EmotionKeyframe(1.7, "joy")], 100)
    assert made.shape == (100, 10)
    np.testing.assert_array_equal(made, np.repeat(emotion_weights("joy")[None], 100, 0))


def test_strength_leaves_the_rest_to_neutral():
    assert named(track_weights([EmotionKeyframe(0, "joy", 0.3)], 1)[0]) == {"neutral": 0.7, "joy": 0.3}
    assert named(track_weights([EmotionKeyframe(0, "joy", 0.0)], 1)[0]) == {"neutral": 1.0}
    mixed = track_weights([EmotionKeyframe(0, "joy:0.5,fear:0.5", 0.5)], 1)[0]
    assert named(mixed) == {"neutral": 0.5, "joy": 0.25, "fear": 0.25}


def test_moods_fade_about_the_moment_they_begin():
    made = track_weights(
        [EmotionKeyframe(0.0, "joy"), EmotionKeyframe(4.0, "fear"), EmotionKeyframe(8.0, "shame", 0.5)], 12 * FPS
    )
    half = math.ceil(FADE / 2 * FPS)
    joy, fear, shame, neutral = (made[:, EMOTIONS.index(k)] for k in ("joy", "fear", "shame", "neutral"))
    np.testing.assert_array_equal(joy[: 4 * FPS - half], 1.0)
    assert joy[4 * FPS] == fear[4 * FPS] == 0.5
    np.testing.assert_array_equal(fear[4 * FPS + half : 8 * FPS - half], 1.0)
    np.testing.assert_array_equal(shame[8 * FPS + half :], 0.5)
    np.testing.assert_array_equal(neutral[8 * FPS + half :], 0.5)
    assert not joy[4 * FPS + half :].any()
    between = fear[4 * FPS - half : 4 * FPS + half]
    assert (np.diff(between) >= 0).all()


def test_steps_are_the_frames_they_begin_with():
    moods = [EmotionKeyframe(0.0, "joy"), EmotionKeyframe(1.0, "fear"), EmotionKeyframe(2.2, "shame", 0.5)]
    for frames in (1, 4, 119, 120):
        whole = track_weights(moods, frames)
        coarse = track_weights(moods, frames, every=4)
        assert len(coarse) == -(-frames // 4)
        np.testing.assert_array_equal(coarse, whole[::4])


MOODS = some.lists(
    some.tuples(
        some.floats(0.05, 3.0),
        some.sampled_from([*EMOTIONS, "joy:0.5,fear:0.2", "anger:3,shame:1"]),
        some.floats(0.0, 1.0),
    ),
    min_size=1,
    max_size=6,
)


@given(MOODS, some.sampled_from([1, 4]))
def test_any_course_sums_to_one_and_nowhere_jumps(steps, every):
    starts = np.cumsum([gap for gap, _, _ in steps])
    moods = [EmotionKeyframe(float(t), name, share) for t, (_, name, share) in zip(starts, steps, strict=True)]
    made = track_weights(moods, 300, every=every)
    assert made.dtype == np.float32
    assert (made >= 0).all()
    np.testing.assert_allclose(made.sum(1), 1.0, atol=1e-5)
    # A fade is steepest in its middle, half as steep again as a straight one; several may overlap.
    overlap = max(int((np.abs(starts - t) < FADE).sum()) for t in starts)
    assert np.abs(np.diff(made, axis=0)).max() <= overlap * 1.5 * every / (FADE * FPS) + 1e-5


# ------------------------------------------------------------------------ mixtures


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("joy", {"joy": 1.0}),
        (" Happiness ", {"joy": 1.0}),
        ("joy:0.7,surprise:0.3", {"joy": 0.7, "surprise": 0.3}),
        ("joy : 0.5 , sad:0.2", {"joy": 0.5, "sadness": 0.2}),
        ("happy:0.2,joy:0.3", {"joy": 0.5}),
        ("joy,fear", {"joy": 1.0, "fear": 1.0}),
        ("joy:1,fear:0", {"joy": 1.0, "fear": 0.0}),
    ],
)
def test_mixtures_are_read(text, weights):
    assert parse_emotion(text) == weights


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bored", f"unknown emotion 'bored'; known: {KNOWN}"),
        ("", "unknown emotion ''"),
        ("joy,", "unknown emotion ''"),
        ("joy:0.7,bored:0.3", "unknown emotion 'bored'"),
        ("joy:much", "the weight of emotion 'joy' must be a number, as in joy:0.7,surprise:0.3; got 'much'"),
        ("joy:", "must be a number"),
        ("joy:0.7:0.3", "must be a number"),
        ("joy:-0.5", "the weight of emotion 'joy' must not be negative; got -0.5"),
        ("joy:nan", "must be a number; got nan"),
        ("joy:inf", "must be a number; got inf"),
        ("joy:0", "all zero"),
        ("joy:0,fear:0", "all zero"),
    ],
)
def test_mixtures_that_cannot_be(text, message):
    for read in (parse_emotion, requested_emotion):
        with pytest.raises(UserError) as error:
            read(text)
        assert message in str(error.value)


def test_what_a_mixture_lacks_is_neutral_and_too_much_is_shared_out():
    assert named(emotion_weights({"joy": 0.5})) == {"neutral": 0.5, "joy": 0.5}
    assert named(emotion_weights({"joy": 0.7, "surprise": 0.3})) == {"joy": 0.7, "surprise": 0.3}
    assert named(emotion_weights({"joy": 3.0, "fear": 1.0})) == {"joy": 0.75, "fear": 0.25}
    assert named(emotion_weights({"neutral": 0.2, "joy": 0.2})) == {"neutral": 0.8, "joy": 0.2}
    assert named(emotion_weights(None)) == named(emotion_weights("neutral")) == {"neutral": 1.0}


def test_conversation_is_a_mixture_of_what_a_model_knows():
    lively = named(emotion_weights("conversation"))
    assert set(lively) == {"amusement", "pride", "joy", "surprise"}
    assert sum(lively.values()) == pytest.approx(1.0)
    assert named(emotion_weights("Conversation", known=("neutral", "joy", "fear"))) == {"joy": 1.0}
    assert named(emotion_weights("conversation", known=("fear",))) == {"neutral": 1.0}
    half = named(emotion_weights({"conversation": 0.5, "fear": 0.5}, known=("joy", "fear")))
    assert half == {"joy": 0.5, "fear": 0.5}
    assert parse_emotion("joy:0.5,conversation:0.5") == {"joy": 0.5, "conversation": 0.5}
    with pytest.raises(UserError, match=r"unknown emotion 'chatty'; known: neutral, .*, surprise, conversation"):
        parse_emotion("chatty")


@given(some.dictionaries(some.sampled_from(EMOTIONS), some.floats(0.0, 5.0), min_size=1))
def test_weights_always_sum_to_one(mixture):
    if sum(mixture.values()) < 1e-3:
        mixture = {**mixture, "joy": 0.5}
    made = emotion_weights(mixture)
    assert (made >= 0).all()
    assert float(made.sum()) == pytest.approx(1.0, abs=1e-5)
    others = [name for name in mixture if name != "neutral" and mixture[name] > 1e-3]
    for a, b in pairwise(others):  # their proportions stay
        one, two = (made[EMOTIONS.index(name)] for name in (a, b))
        assert one * mixture[b] == pytest.approx(two * mixture[a], rel=1e-3)


def test_a_wish_is_checked_before_any_work():
    assert requested_emotion(None) is None
    assert requested_emotion("auto") == "auto"
    assert requested_emotion("Happy") == "joy"
    assert requested_emotion("joy:1.0") == "joy"
    assert requested_emotion("joy:0.4") == {"joy": 0.4}
    assert requested_emotion("joy:0.7,surprise:0.3") == {"joy": 0.7, "surprise": 0.3}
    given_ = {"sad": 0.5}
    assert requested_emotion(given_) == given_
    assert requested_emotion(given_) is not given_
    with pytest.raises(UserError, match="unknown emotion 'bored'"):
        requested_emotion({"bored": 1.0})
    with pytest.raises(UserError, match="must not be negative"):
        requested_emotion({"joy": -1.0})


def test_what_was_heard_becomes_a_mixture():
    """What is unlikely is taken for neutral, not for a trace of nine moods."""
    detected = {"neutral": 0.1, "joy": 0.5, "surprise": 0.25, "fear": 0.1, "anger": 0.05}
    mixture = detected_mixture(detected)
    assert mixture == pytest.approx({"joy": 0.5, "surprise": 0.25, "neutral": 0.25})
    assert detected_mixture({"neutral": 0.3, "joy": 0.7}) == pytest.approx({"neutral": 0.3, "joy": 0.7})
    assert detected_mixture(detected, known=("neutral", "joy")) == pytest.approx({"joy": 0.5, "neutral": 0.5})
    even = dict.fromkeys(EMOTIONS, 0.1)
    assert detected_mixture(even) == pytest.approx({"neutral": 1.0})
    assert set(detected_mixture(even, least=0.05)) == set(EMOTIONS)
    assert named(emotion_weights(mixture)) == {"neutral": 0.25, "joy": 0.5, "surprise": 0.25}


def test_what_was_heard_is_told_largest_first():
    detected = {"neutral": 0.154, "anger": 0.03, "joy": 0.616, "surprise": 0.2}
    assert described_weights(detected) == "joy 62 %, surprise 20 %, neutral 15 %"
