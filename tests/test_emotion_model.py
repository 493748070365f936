"""EmotionGesture in use: moods, mixtures, courses, takes, poses to go on from, edits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cospeech
from corpus_data import voice
from cospeech import api
from cospeech.api.inputs import detect_emotion
from cospeech.core.emotions import EMOTIONS
from cospeech.core.rotation import geodesic
from cospeech.data.dataset import GestureDataset
from cospeech.loading import load
from cospeech.methods.conditioning import emotion_weights
from cospeech.methods.emotion.emotion_track import FADE, EmotionKeyframe
from cospeech.methods.emotion.options import EmotionOptions
from cospeech.methods.emotion.sampling import EmotionCondition, EmotionSampling, sample_latents
from cospeech.motion.codec import Codec
from cospeech.motion.face_shapes import ARKIT_NAMES
from cospeech.motion.motion import Motion, load_motion
from cospeech.motion.procedural.posture import stand
from cospeech.motion.procedural.standing import lowered
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.sampling.edit import joint_indices
from cospeech.speech.speech import Speech

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow  # a tiny model is trained

CODED = Codec().joints
# Joints that breath and glances, which have a chance of their own, do not move.
FREE = canonical_skeleton().indices(["left_elbow", "right_elbow", "left_wrist", "right_wrist"])


@pytest.fixture(scope="module")
def model(emotion_model):
    return load(emotion_model)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech(voice(6.01, seed=4)[0])


@pytest.fixture(scope="module")
def clip(mini_dataset) -> Motion:
    """Real motion of the dataset, standing."""
    opened = GestureDataset(mini_dataset)
    return stand(Codec().decode(opened.motion(opened.select(kind="motion")[0])[:120]))


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.rad2deg(geodesic(a, b))


def condition(steps: int, emotion: str = "joy") -> EmotionCondition:
    weights = np.repeat(emotion_weights(emotion)[None], steps, 0)
    return EmotionCondition(weights, np.array([1, 0], np.float32), np.array([0.0, 1.0], np.float32))


# ------------------------------------------------------------------------ takes


def test_motion_is_as_long_as_the_speech_and_the_seed_decides(model, speech):
    first = model.generate(speech, seed=3)
    assert first.frames == speech.frames
    assert first.face.shape == (speech.frames, 52)
    again, other = model.generate(speech, seed=3), model.generate(speech, seed=4)
    assert first.rotations.tobytes() == again.rotations.tobytes()
    assert first.face.tobytes() == again.face.tobytes()
    assert degrees(first.rotations[:, FREE], other.rotations[:, FREE]).max() > 0.1


@pytest.mark.parametrize("seconds", [0.03, 0.2, 1.0, 7.43, 16.0])
def test_any_length(model, seconds):
    spoken = Speech(np.tile(voice(8.0, seed=2)[0], 2)[: int(seconds * 16000)])
    motion = model.generate(spoken, face=False)
    assert motion.frames == spoken.frames
    assert motion.face is None
    r = motion.rotations.astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-4)


def test_without_variety_all_takes_are_one(model, speech):
    still = [model.generate(speech, seed=k, face=False, variety=0.0, relaxed=False).rotations for k in (1, 2)]
    assert still[0][:, FREE].tobytes() == still[1][:, FREE].tobytes()
    assert still[0].tobytes() != still[1].tobytes()  # they breathe and look around all the same


def test_takes_differ_more_with_more_variety(model):
    features = np.random.default_rng(0).normal(size=(400, 48)).astype(np.float32)
    given = np.random.default_rng(1).normal(size=(10, model.networks.latent)).astype(np.float32)

    def apart(variety: float) -> float:
        settings = EmotionSampling(variety=variety)
        takes = [
            sample_latents(model.networks, features, condition(100), given, np.random.default_rng(k), settings)
            for k in range(5)
        ]
        assert takes[0].shape == (100, model.networks.latent)
        return float(np.ptp(takes, axis=0).mean())

    none, half, whole, double = (apart(variety) for variety in (0.0, 0.5, 1.0, 2.0))
    assert none == 0.0
    assert 0.001 < half < whole < double


def test_every_window_goes_on_from_the_one_before(model, monkeypatch):
    """The first is prompted with what is given, each other with the last steps that were made."""
    prompts, results = [], []
    make = type(model.networks).make

    def watched(self, given, *others):
        prompts.append(given.copy())
        results.append(make(self, given, *others))
        return results[-1]

    monkeypatch.setattr(type(model.networks), "make", watched)
    features = np.zeros((4 * 60, 48), dtype=np.float32)
    given = np.random.default_rng(1).normal(size=(10, model.networks.latent)).astype(np.float32)
    done = sample_latents(model.networks, features, condition(60), given, np.random.default_rng(0), EmotionSampling())
    assert len(prompts) == 3  # of 24 steps each
    np.testing.assert_array_equal(prompts[0][0], given)
    for prompt, before in zip(prompts[1:], results[:-1], strict=True):
        np.testing.assert_array_equal(prompt[0], before[0, -10:])
    np.testing.assert_array_equal(done, np.concatenate([made[0] for made in results])[:60])


def test_sampler_settings_can_be_changed(model, speech):
    plain = model.generate(speech, seed=1, face=False)
    calm = model.with_sampling(variety=0.0)
    assert calm.generate(speech, seed=1, face=False).extra["explain"]["variety"] == 0.0
    told = {"method": "emotion", "model": "moody", "variety": 1.0}
    assert {name: plain.extra["explain"][name] for name in told} == told
    unwarped = model.with_sampling(rhythm=False).generate(speech, seed=1, face=False)
    assert unwarped.rotations.tobytes() != plain.rotations.tobytes()
    guided = model.with_sampling(guidance=3.0).generate(speech, seed=1, face=False)
    assert guided.rotations.tobytes() != plain.rotations.tobytes()
    assert model.sampling == EmotionSampling()


# ------------------------------------------------------------------------ moods


@pytest.mark.parametrize("emotion", ["anger", "joy"])
def test_every_emotion_moves_otherwise(model, speech, emotion):
    plain, moved = (model.generate(speech, seed=1, face=False, emotion=k) for k in ("neutral", emotion))
    assert degrees(plain.rotations[:, FREE], moved.rotations[:, FREE]).mean() > 0.1


def test_the_speechs_own_emotion_counts_where_none_is_asked_for(model, speech):
    own = replace(speech, emotion="anger")
    wanted = model.generate(speech, seed=1, emotion="anger")
    assert model.generate(own, seed=1).rotations.tobytes() == wanted.rotations.tobytes()
    other = model.generate(own, seed=1, emotion="joy")
    assert other.rotations.tobytes() != wanted.rotations.tobytes()


def test_a_track_of_one_mood_is_that_emotion(model, speech):
    plain = model.generate(speech, seed=1, emotion="joy")
    for track in ([EmotionKeyframe(0.0, "joy")], [EmotionKeyframe(3.0, "happy")]):
        course = model.generate(speech, seed=1, emotion_track=track)
        assert course.rotations.tobytes() == plain.rotations.tobytes()
        assert course.face.tobytes() == plain.face.tobytes()
    half = model.generate(speech, seed=1, emotion_track=[EmotionKeyframe(0.0, "joy", 0.5)])
    mixed = model.generate(speech, seed=1, emotion={"joy": 0.5})
    assert half.rotations.tobytes() == mixed.rotations.tobytes()
    assert half.rotations.tobytes() != plain.rotations.tobytes()


def test_what_was_before_a_change_of_mood_stays(model):
    """Windows that are over when the mood begins to change know nothing of it."""
    speech = Speech(voice(12.0, seed=4)[0])
    still = model.with_sampling(rhythm=False)
    joy = still.generate(speech, seed=1, face=False, emotion="joy")
    turned = still.generate(
        speech, seed=1, face=False, emotion_track=[EmotionKeyframe(0, "joy"), EmotionKeyframe(7.5, "anger")]
    )
    same = slice(0, 2 * 24 * 4 - 40)  # two windows, less what the decoder looks ahead
    np.testing.assert_allclose(turned.rotations[same], joy.rotations[same], atol=1e-5)
    late = slice(240, None)
    assert degrees(turned.rotations[late][:, FREE], joy.rotations[late][:, FREE]).mean() > 0.5


# The eyes hold their gaze while the head turns, and each mood has another body.
OF_EYES = ("eyeLook", "eyeBlink", "eyeWide")
NOT_EYES = [column for column, name in enumerate(ARKIT_NAMES) if not name.startswith(OF_EYES)]


def face_of(model, speech, **options) -> np.ndarray:
    return model.generate(speech, seed=1, **options).face[:, NOT_EYES]


def test_the_face_fades_from_mood_to_mood(model, speech):
    joy, sad = (face_of(model, speech, emotion=name) for name in ("joy", "anger"))
    mixed = face_of(model, speech, emotion_track=[EmotionKeyframe(0, "joy"), EmotionKeyframe(3.0, "anger")])
    half = round(FADE / 2 * 30) + 1
    np.testing.assert_allclose(mixed[: 90 - half], joy[: 90 - half], atol=1e-6)
    np.testing.assert_allclose(mixed[90 + half :], sad[90 + half :], atol=1e-6)
    np.testing.assert_allclose(mixed[90], (joy[90] + sad[90]) / 2, atol=1e-5)
    assert np.abs(joy[90] - sad[90]).max() > 0.1
    own = np.maximum(np.abs(np.diff(joy, axis=0)), np.abs(np.diff(sad, axis=0))).max()
    assert np.abs(np.diff(mixed, axis=0)).max() < own + 0.08  # no jump but what the lips do anyway


def test_the_face_of_a_mixture_is_as_mixed_as_it(model, speech):
    def face(emotion) -> np.ndarray:
        return face_of(model, speech, emotion=emotion)

    joy, anger, neutral = (face(name) for name in ("joy", "anger", "neutral"))
    assert np.abs(joy - anger).max() > 0.1
    assert np.abs(joy - neutral).max() > 0.1
    np.testing.assert_allclose(face({"joy": 0.6, "anger": 0.4}), 0.6 * joy + 0.4 * anger, atol=1e-5)
    np.testing.assert_allclose(face({"joy": 0.6}), 0.6 * joy + 0.4 * neutral, atol=1e-5)
    np.testing.assert_array_equal(face({"joy": 0.97, "anger": 0.03}), joy)  # too faint to show


# ------------------------------------------------------------------------ hearing


def test_hearing(model, speech):
    detected = model.detect_emotion(speech)
    assert tuple(detected) == EMOTIONS
    assert sum(detected.values()) == pytest.approx(1.0)
    assert min(detected.values()) > 0
    assert detect_emotion(speech, model=model) == detected
    other = model.detect_emotion(Speech(np.float32(0.05) * speech.samples))
    assert max(abs(other[name] - detected[name]) for name in EMOTIONS) > 0.005  # loudness is heard


def test_long_voices_are_heard_in_parts(model):
    """Seventy seconds: the last ten count a seventh."""
    first, rest = voice(60.0, seed=1)[0], 0.03 * voice(10.0, seed=2)[0]
    whole, one, two = (
        np.log(list(model.detect_emotion(Speech(part)).values()))
        for part in (np.concatenate([first, rest]), first, rest)
    )
    mean = (6 * one + two) / 7
    np.testing.assert_allclose(whole - whole.mean(), mean - mean.mean(), atol=0.02)
    assert np.abs(two - one).max() > 0.05


def test_auto_is_the_mixture_that_is_heard(emotion_model, model, speech, monkeypatch):
    """What the model has not learned nobody wished for: it counts as neutral."""
    detected = dict.fromkeys(EMOTIONS, 0.0) | {"joy": 0.4, "anger": 0.2, "fear": 0.3, "shame": 0.1}
    monkeypatch.setattr(type(model), "detect_emotion", lambda self, speech: detected)
    made = cospeech.generate(speech, emotion="auto", model=model, seed=1)
    wanted = cospeech.generate(speech, emotion={"joy": 0.4, "anger": 0.2, "neutral": 0.4}, model=model, seed=1)
    assert made.rotations.tobytes() == wanted.rotations.tobytes()
    edited = cospeech.edit(made, speech=speech, emotion="auto", span=["2:4"], model=model)
    assert edited.frames == made.frames


# ------------------------------------------------------------------------ poses


@pytest.mark.parametrize("seated", [False, True])
def test_it_begins_and_ends_in_the_poses(model, speech, clip, seated):
    made = model.generate(speech, seed=2, face=False, start_pose=clip[:60], end_pose=clip[90:100], seated=seated)
    assert made.frames == speech.frames
    assert degrees(made.rotations[0], clip.rotations[59])[CODED].max() < 0.01
    assert degrees(made.rotations[-1], clip.rotations[99])[CODED].max() < 0.01


def test_the_hand_over_has_no_jump(model, speech, clip, monkeypatch):
    """What is turned to meet the pose is let go of slowly."""
    met = model.generate(speech, seed=2, face=False, start_pose=clip[:60])
    monkeypatch.setattr("cospeech.methods.postprocessing.meet_pose", lambda rotations, *_, **__: rotations)
    free = model.generate(speech, seed=2, face=False, start_pose=clip[:60])
    turned = met.rotations[:, CODED] @ np.swapaxes(free.rotations[:, CODED], -1, -2)
    away = degrees(turned, np.broadcast_to(np.eye(3), turned.shape)).max(1)
    assert away[0] > 5.0
    assert away[30:].max() < 0.1
    assert degrees(turned[1:], turned[:-1]).max() < 0.15 * away[0]


def test_what_led_to_the_pose_is_gone_on_from(model, speech, clip):
    """Not its last pose alone: another way to the same pose has another future."""
    long, short = (model.generate(speech, seed=2, face=False, start_pose=pose) for pose in (clip[:60], clip[59:60]))
    assert degrees(long.rotations[0], short.rotations[0])[CODED].max() < 0.01
    assert degrees(long.rotations[40:][:, FREE], short.rotations[40:][:, FREE]).max() > 0.5
    # So far it looks back and hardly further: the pelvis alone is balanced over a few frames.
    recent = model.generate(speech, seed=2, face=False, start_pose=clip[60 - model.capabilities.history_frames : 60])
    assert degrees(recent.rotations, long.rotations).max() < 0.1


def test_the_prompt_is_the_clip(model, clip):
    """Decoded again, the prompt is what was given, bent as the actors were, as well as the tokenizer can say it."""
    coded = Codec().encode(lowered(clip[:60]))
    whole = model.networks.encode(coded)
    prompt = model._prompt(EmotionOptions(start_pose=clip[:60], speaker=model.speakers[0]))
    assert prompt.shape == (10, model.networks.latent)
    np.testing.assert_allclose(prompt[4:-2], whole[9:-2], atol=0.15 * whole.std())
    held = model._prompt(EmotionOptions(start_pose=clip[59:60], speaker=model.speakers[0]))
    np.testing.assert_allclose(held[:-2], np.repeat(held[4:5], 8, 0), atol=1e-3)


def test_a_moment_of_a_file_is_gone_on_from(model, speech, clip, tmp_path):
    path = api.write(clip, tmp_path / "clip.npz")
    moment = cospeech.generate(speech, model=model, start_pose=f"{path}@2.0", seed=2)
    led = load_motion(path)[60 - model.capabilities.history_frames : 61]
    motion = cospeech.generate(speech, model=model, start_pose=led, seed=2)
    assert moment.rotations.tobytes() == motion.rotations.tobytes()
    held = cospeech.generate(speech, model=model, start_pose=led[-1:], seed=2)
    assert held.rotations[40:].tobytes() != motion.rotations[40:].tobytes()
    first = cospeech.generate(speech, model=model, start_pose=path, seed=2)
    assert degrees(first.rotations[0], clip.rotations[0])[CODED].max() < 0.05


# ------------------------------------------------------------------------ edits


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_edits_keep_everything_else(model, speech, clip, fps):
    motion = model.generate(speech).resample(fps)
    changed = model.edit(motion, speech, span=["2:4"], joints=["arms"], emotion="anger", seed=9)
    assert changed.frames == motion.frames
    arms = joint_indices(["arms"])
    others = [j for j in range(55) if j not in arms]
    assert changed.rotations[:, others].tobytes() == motion.rotations[:, others].tobytes()
    edge = round(2 * fps)
    for part in (slice(0, edge), slice(2 * edge, None)):
        assert changed.rotations[part].tobytes() == motion.rotations[part].tobytes()
    assert changed.face.tobytes() == motion.face.tobytes()
    assert changed.translation.tobytes() == motion.translation.tobytes()
    middle = round(3 * fps)
    assert degrees(changed.rotations[middle, arms], motion.rotations[middle, arms]).max() > 0.5
    assert "explain" not in changed.extra
    again = model.edit(motion, speech, span=["2:4"], joints=["arms"], emotion="anger", seed=9)
    assert again.rotations.tobytes() == changed.rotations.tobytes()
    other = model.edit(motion, speech, span=["2:4"], joints=["arms"], emotion="joy", seed=9)
    assert other.rotations.tobytes() != changed.rotations.tobytes()


def test_an_edit_goes_on_from_what_is_before_it(model, speech, clip):
    """The same span after another past comes out otherwise."""
    motion = model.generate(speech, face=False)
    past = motion.rotations.copy()
    past[:60] = clip.rotations[:60]
    other = replace(motion, rotations=past)
    made = [model.edit(m, speech, span=["2:4"], seed=9).rotations[75:105, FREE] for m in (motion, other)]
    assert degrees(*made).max() > 0.01
