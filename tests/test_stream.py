"""Motion that is sampled while its speech is still going on."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import cospeech
from corpus_data import voice
from cospeech.core.errors import UserError
from cospeech.methods.flow.stream import FlowStream
from cospeech.motion.codec import Codec
from cospeech.motion.phases import hand_speed
from cospeech.speech.features import FeatureExtractor, speech_features
from cospeech.speech.layout import FEATURE_DIM, SILENCE

CODEC = Codec()
FRAMES = 103  # no multiple of a latent


@pytest.fixture(scope="module")
def model():
    return cospeech.load("contextual")


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return speech_features(voice(4.0, seed=2)[0])[:FRAMES]


def condition(model, **options):
    return model.global_condition(model.resolve(model.requested("generate", options), None))


def begun(model, **options) -> FlowStream:
    options.setdefault("history", model.rest(None)[None])
    return FlowStream(model.flow, options.pop("condition", condition(model)), **options)


def stepped(stream: FlowStream) -> list[np.ndarray]:
    found = []
    while stream.ready:
        found.append(stream.step())
    return found


def pieces(stream: FlowStream, features: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """What steps give while features are pushed in pieces of these sizes, over and over."""
    found, start, turn = [], 0, 0
    while start < len(features):
        size = sizes[turn % len(sizes)]
        stream.push(features[start : start + size])
        found += stepped(stream)
        start, turn = start + size, turn + 1
    stream.finish()
    return found + stepped(stream)


@pytest.mark.parametrize("look_ahead", [0.0, 0.1, 0.5])
def test_pieces_of_any_size_give_the_same_frames(model, features, look_ahead):
    whole = begun(model, look_ahead=look_ahead, seed=3)
    whole.push(features)
    expected = whole.flush()
    assert expected.shape == (FRAMES, CODEC.channels)
    for sizes in ([1], [7, 1, 30], [16]):
        given = pieces(begun(model, look_ahead=look_ahead, seed=3), features, sizes)
        assert np.concatenate(given).tobytes() == expected.tobytes(), sizes


def test_what_was_given_does_not_change(model, features):
    stream = begun(model, look_ahead=0.5)
    stream.push(features[:60])
    early = stepped(stream)
    copies = [frames.copy() for frames in early]
    stream.push(features[60:])
    late = stream.flush()
    assert all(np.array_equal(*pair) for pair in zip(early, copies, strict=True))
    assert sum(map(len, early)) + len(late) == FRAMES


@pytest.mark.parametrize("look_ahead", [0.0, 0.5])
def test_speech_beyond_the_look_ahead_changes_nothing(model, features, look_ahead):
    """And speech within it does."""
    stream = begun(model, look_ahead=look_ahead, advance=1)
    stream.push(features)
    plain = stream.flush()
    changed = 41
    other = features.copy()
    other[changed:] = np.random.default_rng(0).standard_normal(other[changed:].shape) * 2
    stream = begun(model, look_ahead=look_ahead, advance=1)
    stream.push(other)
    found = stream.flush()
    heard = round(look_ahead * 30)
    unheard = [first for first in range(0, FRAMES, 4) if first + 4 + heard <= changed][-1] + 4
    assert np.array_equal(found[:unheard], plain[:unheard])
    assert np.abs(found[unheard : unheard + 4] - plain[unheard : unheard + 4]).max() > 1e-4


@pytest.mark.parametrize("frames", [1, 3, 4, 5, 16, 50])
@pytest.mark.parametrize("look_ahead", [0.0, 0.5, None])
def test_motion_is_as_long_as_the_speech(model, features, frames, look_ahead):
    stream = begun(model, look_ahead=look_ahead)
    stream.push(features[:frames])
    encoded = stream.flush()
    assert encoded.shape == (frames, CODEC.channels)
    r = CODEC.decode(encoded).rotations.astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-4)
    assert not stream.ready
    assert len(stream.step()) == len(stream.flush()) == 0


def test_steps_wait_for_their_look_ahead(model, features):
    stream = begun(model, look_ahead=0.5, advance=2)
    stream.push(features[:22])
    assert not stream.ready
    stream.push(features[22:23])
    assert len(stream.step()) == 8
    assert not stream.ready


def test_all_that_was_pushed_is_seen_ahead(model, features):
    first = []
    for end in (16, 60):
        stream = begun(model, look_ahead=None)
        stream.push(features[:end])
        first.append(stream.step())
    assert len(first[0]) == len(first[1]) == 16
    assert np.abs(first[0] - first[1]).max() > 1e-4


def test_from_samples_to_motion(model):
    """Samples in pieces as a microphone brings them; the same frames as the whole recording gives."""
    samples = voice(3.0, seed=5)[0]
    whole = begun(model, look_ahead=0.0)
    whole.push(speech_features(samples))
    expected = whole.flush()
    extractor, stream, given = FeatureExtractor(), begun(model, look_ahead=0.0), []
    for start in range(0, len(samples), 320):
        stream.push(extractor.push(samples[start : start + 320]))
        given += stepped(stream)
        assert sum(map(len, given)) >= 30 * (start + 320) / 16000 - 8  # a latent, and what features need
    stream.push(extractor.flush())
    given.append(stream.flush())
    assert np.concatenate(given).tobytes() == expected.tobytes()


def test_it_goes_on_from_what_goes_before(model, features):
    rest = model.rest(None)
    raised = cospeech.generate(cospeech.Speech(voice(3.0, seed=1)[0]), model=model, seed=4)
    pose = CODEC.encode(raised)[45:60]
    for history in (rest[None], pose):
        stream = begun(model, look_ahead=0.0, history=history)
        stream.push(features[:8])
        motion = CODEC.decode(np.concatenate([history[-1:], stream.step()]))
        assert hand_speed(motion)[:2].max() < 1.5  # metres a second
    stream = begun(model, look_ahead=0.0, history=None)
    stream.push(features[:8])
    assert np.isfinite(stream.flush()).all()


def test_seed_mood_and_liveliness_change_what_follows(model, features):
    def given(change=None, **options) -> np.ndarray:
        stream = begun(model, look_ahead=0.5, advance=2, **options)
        stream.push(features)
        early = np.concatenate([stream.step() for _ in range(5)])
        if change:
            change(stream)
        return np.concatenate([early, stream.flush()])

    def angry(stream: FlowStream) -> None:
        stream.condition = condition(model, emotion="anger")

    def lively(stream: FlowStream) -> None:
        stream.octaves = 1.0

    plain = given()
    assert np.array_equal(plain, given())
    assert np.abs(plain - given(seed=1)).max() > 0.02
    for change in (angry, lively):
        other = given(change)
        assert np.array_equal(other[:40], plain[:40])
        assert np.abs(other[40:] - plain[40:]).max() > 0.01
    speeds = [hand_speed(CODEC.decode(given(octaves=value))).mean() for value in (-1.5, 1.0)]
    assert speeds[1] > 1.3 * speeds[0]


def test_who_is_silent_comes_to_rest(model):
    """Half a minute of silence after speech, as in a call in which the other one talks."""
    spoken = speech_features(voice(4.0, seed=2)[0])
    silent = speech_features(np.zeros(16000 * 12, np.float32))
    assert silent[60, 0] == SILENCE
    stream = begun(model, look_ahead=0.0)
    stream.push(spoken)
    stream.push(silent)
    speed = hand_speed(CODEC.decode(stream.flush())).mean(1)
    assert speed[-120:].mean() < 0.5 * speed[: len(spoken)].mean()


@pytest.mark.parametrize(
    "wrong",
    [np.full((4, FEATURE_DIM), np.nan), np.zeros((4, 47)), np.zeros(48), np.full((4, FEATURE_DIM), "a")],
    ids=["nan", "narrow", "flat", "text"],
)
def test_features_that_cannot_be_used_are_refused(model, wrong):
    stream = begun(model)
    with pytest.raises(UserError, match=r"^speech features [^\n]*; (give|push) [^\n]*$"):
        stream.push(wrong)
    assert len(stream.flush()) == 0


def test_options_that_cannot_be_used_are_refused(model):
    for options in ({"look_ahead": -0.1}, {"look_ahead": np.inf}, {"advance": 0}, {"advance": 17}, {"seed": -1}):
        with pytest.raises(UserError, match=r"^[^\n]*got -?[^\n]*$"):
            begun(model, **options)
    with pytest.raises(UserError, match="give encoded motion of shape"):
        begun(model, history=np.zeros((3, 4)))
    ended = begun(model)
    ended.finish()
    with pytest.raises(UserError, match="has ended"):
        ended.push(np.zeros((1, FEATURE_DIM)))


def test_a_flow_of_an_older_version_generates_but_does_not_stream(model, tmp_path):
    import onnx

    folder = tmp_path / "older"
    shutil.copytree(model.folder, folder)
    path = folder / "flow" / "flow.onnx"
    graph = onnx.load(path)
    names = [entry.name for entry in graph.graph.input]
    past = graph.graph.input[names.index("past")]
    shape = [4, 1, 2, 4, 0, 64]
    del graph.graph.input[names.index("past")]
    graph.graph.initializer.append(onnx.helper.make_tensor(past.name, onnx.TensorProto.FLOAT, shape, []))
    del graph.graph.output[1]
    onnx.save(graph, path)
    older, speech = cospeech.load(folder), cospeech.Speech(voice(2.0, seed=1)[0])
    np.testing.assert_array_equal(older.generate(speech).rotations, model.generate(speech).rotations)
    with pytest.raises(UserError, match="cannot stream"):
        begun(older)
