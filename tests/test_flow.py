"""Latents and words of body parts, their activity, and the flow that samples them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.core.timing import FPS
from cospeech.methods.conditioning import Condition
from cospeech.methods.flow.activity import LEVELS, OCTAVE, clock, part_speeds, to_levels, to_speeds
from cospeech.methods.flow.activity_sampler import ActivitySampler, with_ahead
from cospeech.methods.flow.codes import PartCodes
from cospeech.methods.flow.latents import PARTS, STACK, PartLatents
from cospeech.methods.flow.liveliness import QUIET_LEVEL, VoiceGate, enlarged, followed, gated, livelier, liveliness
from cospeech.methods.flow.material import drawn_plan
from cospeech.methods.flow.network import ActivityConfig, ActivityNetwork, Flow, FlowConfig
from cospeech.methods.flow.sampling import FlowInputs, FlowSampling, clocked_noise, sample_flow
from cospeech.methods.flow.train_flow import flow_loss, given_parts
from cospeech.motion.codec import Codec
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech.layout import FEATURE_DIM, LAYOUT
from cospeech.speech.loading import load_speech

CODEC = Codec()
HELLO = Path(__file__).parents[1] / "examples" / "hello.wav"


def moving(frames: int, seed: int, *, fingers: bool = False, sides: tuple[str, ...] = ("left", "right")) -> np.ndarray:
    """Encoded motion [T, C] of arms and trunk that swing smoothly."""
    rng, skeleton = np.random.default_rng(seed), canonical_skeleton()
    rotations = np.tile(np.eye(3, dtype=np.float32), (frames, len(skeleton), 1, 1))
    names = [f"{side}_{joint}" for side in sides for joint in ("shoulder", "elbow")] + ["spine2", "head"]
    if fingers:
        names += [f"{side}_index1" for side in sides]
    time = np.arange(frames)[:, None] / FPS
    for name in names:
        angle = 0.5 * np.sin(2 * np.pi * rng.uniform(0.2, 0.9, 3) * time + rng.uniform(0, 6, 3))
        rotations[:, skeleton.index(name)] = axis_angle_to_matrix(angle)
    translation = np.tile(skeleton.offsets[0], (frames, 1)).astype(np.float32)
    return CODEC.encode(Motion(skeleton, FPS, rotations, translation))


@pytest.fixture(scope="module")
def motions() -> list[np.ndarray]:
    return [moving(240, seed) for seed in range(12)]


@pytest.fixture(scope="module")
def latents(motions) -> PartLatents:
    return PartLatents.fit(motions, CODEC)


@pytest.fixture(scope="module")
def codes(motions, latents) -> PartCodes:
    return PartCodes.fit(motions, latents, None, size=48)


def angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Largest difference of the body's channels, frame by frame."""
    body = CODEC.slices["body"]
    return np.abs(a[:, body] - b[:, body]).max(1)


def test_latents_give_the_motion_back(latents, motions):
    whole = latents.decode(latents.encode(motions[0]))
    assert angles(whole, motions[0])[STACK:-STACK].max() < 0.05  # a fiftieth of a turn's sine, ends apart


def test_latents_of_a_length_that_is_no_multiple_repeat_the_last_frame(latents, motions):
    assert len(latents.encode(motions[0][:10])) == 3
    assert np.array_equal(latents.encode(motions[0][:10])[:2], latents.encode(motions[0][:8]))


def test_mirrored_latents_are_latents_of_the_mirror_image(latents, motions):
    z = latents.encode(motions[1])
    np.testing.assert_allclose(latents.mirrored(z), latents.encode(CODEC.mirror(motions[1])), atol=1e-4)


def test_a_part_knows_nothing_of_the_others(latents, motions):
    z = latents.encode(motions[0])
    other = z.copy()
    other[:, latents.slices["left_arm"]] = 0.0
    changed = np.abs(latents.decode(other) - latents.decode(z)).max(0) > 1e-6
    assert set(np.flatnonzero(changed)) <= set(latents.channels["left_arm"])


def test_what_is_held_does_not_move(latents, motions):
    z = np.repeat(latents.encode(motions[2])[10:11], 6, axis=0)
    z[:, latents.slices["right_arm"]] = latents.held(z[0], "right_arm")
    still = latents.decode(z)[:, latents.channels["right_arm"]]
    assert np.ptp(still[STACK:-STACK], axis=0).max() < 0.02
    pose = motions[3][40]
    held = latents.decode(np.repeat(latents.still(pose)[None], 5, axis=0))
    assert angles(held[8:12], pose[None]).max() < 0.05


def test_fingers_join_their_arm_where_the_corpus_has_them():
    with_fingers = [moving(160, seed, fingers=True) for seed in range(6)]
    own = PartLatents.fit(with_fingers, CODEC)
    assert own.widths[0] == own.widths[1] > own.widths[2]
    hands = CODEC.slices["hands"]
    back = own.decode(own.encode(with_fingers[0]))
    assert np.abs(back[:, hands] - with_fingers[0][:, hands])[STACK:-STACK].max() < 0.1


def test_words_name_poses_and_mirror_with_them(codes, latents, motions):
    z = latents.encode(motions[4])
    words = codes.encode(z)
    assert words.shape == (len(z), len(PARTS))
    error = ((codes.decode(words) - z) ** 2 * latents.scale**2).sum()
    assert error < 0.3 * (z**2 * latents.scale**2).sum()  # of the variance of the poses
    swapped = codes.encode(latents.mirrored(z))
    assert np.array_equal(swapped[:, 0], words[:, 1])
    assert np.array_equal(swapped[:, 1], words[:, 0])
    assert not codes.decode(np.full((2, 3), -1)).any()


def test_words_are_distilled_from_what_is_heard(motions, latents):
    """A teacher that tells apart what poses hardly show makes words that tell it apart."""

    def teacher(motion: np.ndarray) -> np.ndarray:
        z = latents.encode(motion[: len(motion) // STACK * STACK])
        return np.stack([np.sign(z[:, 5]), np.sign(z[:, 6])], axis=1)  # small components of the left arm

    plain = PartCodes.fit(motions, latents, None, size=32)
    taught = PartCodes.fit(motions, latents, teacher, size=32)

    def told(words: PartCodes) -> float:
        """Share of the teacher's variance that the left arm's words explain."""
        z = np.concatenate([latents.encode(motion) for motion in motions])
        heard = np.concatenate([teacher(motion) for motion in motions])
        own = words.encode(z)[:, 0]
        means = np.stack([heard[own == word].mean(0) if (own == word).any() else heard.mean(0) for word in range(32)])
        return 1 - ((heard - means[own]) ** 2).sum() / ((heard - heard.mean(0)) ** 2).sum()

    assert told(taught) > told(plain) + 0.05


def test_activity_is_of_each_part():
    one = part_speeds(moving(120, 1, sides=("left",)), CODEC)
    assert one.shape == (30, 3)
    assert one[:, 0].mean() > 0.1  # metres a second
    assert one[:, 1].max() < 0.02
    assert one[:, 2].mean() > 3.0  # degrees a second


def test_levels_and_speeds_are_each_others_inverse():
    levels = np.linspace(0.5, LEVELS - 1, 7)[:, None].repeat(3, 1)
    np.testing.assert_allclose(to_levels(to_speeds(levels)), levels, atol=1e-9)
    np.testing.assert_allclose(to_speeds(levels[:1] + OCTAVE)[0, 0], 2 * to_speeds(levels[:1])[0, 0])


def test_noise_stands_still_where_a_part_does():
    levels = np.zeros((40, 3))
    levels[:, 0] = 12.0
    noise = clocked_noise(levels, (8, 8, 8), np.random.default_rng(0))
    change = np.abs(np.diff(noise, axis=0)).mean(0)
    assert change[:8].min() > 10 * change[8:16].max()
    many = np.concatenate([clocked_noise(levels, (8, 8, 8), np.random.default_rng(seed)) for seed in range(60)])
    np.testing.assert_allclose(many.std(0), 1.0, atol=0.25)
    assert (np.diff(clock(levels), axis=0) > 0).all()


def condition(styles: int = 4) -> Condition:
    return Condition(
        np.eye(10, dtype=np.float32)[:1], np.eye(styles, dtype=np.float32)[:1], np.array([[0.1, 1.0]], np.float32)
    )


def test_activity_in_numpy_is_that_of_torch():
    torch.manual_seed(0)
    config = ActivityConfig(width=24, latent=12)
    network = ActivityNetwork(config).eval()
    sampler = ActivitySampler({name: value.numpy() for name, value in network.state_dict().items()}, config.ahead)
    rng = np.random.default_rng(1)
    speech = rng.standard_normal((20, STACK * FEATURE_DIM + 1)).astype(np.float32)
    plan = rng.standard_normal((20, 12 + 3)).astype(np.float32)
    levels = sampler.sample(speech, plan, condition(), rng, temperature=0.0)
    heard = torch.from_numpy(with_ahead(speech, config.ahead, 20))[None]
    known = condition()
    with torch.no_grad():
        logits = network(
            torch.from_numpy(levels.astype(np.int64))[None],
            torch.from_numpy(plan)[None],
            heard,
            *(torch.from_numpy(v) for v in (known.emotion, known.style, known.intensity)),
        )
    np.testing.assert_array_equal(torch.stack(logits, -1)[0].argmax(1).numpy(), levels)


def test_activity_hears_no_further_than_it_may():
    speech = np.arange(12.0)[:, None].repeat(2, 1)
    rows = with_ahead(speech, 2, 12, seen=1)
    assert rows[3].tolist() == [3, 3, 4, 4, 0, 0]
    assert with_ahead(speech, 2, 12)[11].tolist() == [11, 11, 0, 0, 0, 0]


def flow_network(config: FlowConfig) -> Flow:
    torch.manual_seed(0)
    network = Flow(config).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network


def call(network: Flow):
    def predict(noisy: np.ndarray, time: float, known: int, inputs: FlowInputs) -> np.ndarray:
        arrays = (noisy, inputs.given, inputs.plan, inputs.speech, inputs.levels)
        tensors = [torch.from_numpy(np.ascontiguousarray(a[None], dtype=np.float32)) for a in arrays]
        own = [
            torch.from_numpy(v) for v in (inputs.condition.emotion, inputs.condition.style, inputs.condition.intensity)
        ]
        with torch.no_grad():
            return network(tensors[0], torch.tensor([time]), torch.tensor([known]), *tensors[1:], *own)[0][0].numpy()

    return predict


def told(count: int, widths: tuple[int, ...]) -> FlowInputs:
    rng = np.random.default_rng(3)
    return FlowInputs(
        rng.standard_normal((count, STACK * FEATURE_DIM + 1)).astype(np.float32),
        np.full((count, 3), 6.0, np.float32),
        np.zeros((count, sum(widths) + 3), np.float32),
        np.zeros((count, 3), np.float32),
        condition(),
    )


def test_what_is_known_does_not_hear_what_follows():
    """A prefix may be cached: what its positions compute depends on nothing after them."""
    config = FlowConfig(width=32, heads=2, depth=2, widths=(4, 4, 4))
    network, inputs = flow_network(config), told(20, (4, 4, 4))
    inputs.given[:8] = 1.0
    x = np.random.default_rng(0).standard_normal((20, 12)).astype(np.float32)
    first = call(network)(x, 0.3, 8, inputs)
    x[8:] += 1.0
    other = call(network)(x, 0.3, 8, inputs)
    np.testing.assert_allclose(first[:8], other[:8], atol=1e-6)
    assert np.abs(first[8:] - other[8:]).max() > 1e-3


def test_given_parts_are_kept_and_the_rest_is_sampled_at_any_length():
    widths = (4, 4, 4)
    network = flow_network(FlowConfig(width=32, heads=2, depth=1, widths=widths))
    for count in (1, 2, 9, 64, 65, 200):
        inputs = told(count, widths)
        known = np.random.default_rng(1).standard_normal((count, 12)).astype(np.float32)
        inputs.given[0] = 1.0
        inputs.given[:, 1] = 1.0
        latents = sample_flow(call(network), inputs, known, widths, np.random.default_rng(2), FlowSampling())
        assert latents.shape == (count, 12)
        assert np.isfinite(latents).all()
        np.testing.assert_array_equal(latents[0], known[0])
        np.testing.assert_array_equal(latents[:, 4:8], known[:, 4:8])
        again = sample_flow(call(network), inputs, known, widths, np.random.default_rng(2), FlowSampling())
        np.testing.assert_array_equal(latents, again)
        if count > 2:
            other = sample_flow(call(network), inputs, known, widths, np.random.default_rng(5), FlowSampling())
            assert np.abs(other - latents).max() > 1e-3


def test_the_loss_counts_what_is_open_and_valid_alone():
    config = FlowConfig(width=32, heads=2, depth=1, widths=(4, 4, 4))
    network = flow_network(config)
    inputs = told(10, config.widths)
    batch = {
        "clean": torch.randn(1, 10, 12),
        "noise": torch.randn(1, 10, 12),
        "given": torch.zeros(1, 10, 3),
        "known": torch.zeros(1, dtype=torch.long),
        "plan": torch.from_numpy(inputs.plan)[None],
        "speech": torch.from_numpy(inputs.speech)[None],
        "levels": torch.from_numpy(inputs.levels)[None],
        "valid": torch.ones(1, 10, dtype=torch.bool),
        "emotion": torch.zeros(1, 10),
        "style": torch.zeros(1, 4),
        "intensity": torch.zeros(1, 2),
    }

    def loss(**changes) -> float:
        torch.manual_seed(7)
        return flow_loss(network, {**batch, **changes}, weights=torch.ones(12), widths=config.widths)[0].item()

    assert loss() > 0
    assert loss(given=torch.ones(1, 10, 3)) == 0
    assert loss(valid=torch.zeros(1, 10, dtype=torch.bool)) == 0


def test_what_is_given_in_training_leaves_something_open():
    rng, config = np.random.default_rng(0), FlowConfig()
    seen = [given_parts(30, config, rng) for _ in range(400)]
    assert all((given[:known] == 1).all() for known, given in seen)
    assert all(given.mean() < 1 for _, given in seen)
    assert any(0 < given[-1].mean() for _, given in seen)  # ends
    assert any(given.mean(0).max() == 1 for _, given in seen)  # whole parts
    assert {known > 0 for known, _ in seen} == {True, False}


def test_plans_of_training_are_incomplete():
    rng = np.random.default_rng(0)
    plans = [drawn_plan(np.arange(60).reshape(20, 3), rng, 0.4) for _ in range(300)]
    empty = np.mean([(plan < 0).all() for plan in plans])
    assert 0.3 < empty < 0.5
    assert any((plan[:, 0] < 0).all() and (plan[:, 1] >= 0).any() for plan in plans)


def features(seconds: float, **columns: float) -> np.ndarray:
    rows = np.zeros((round(seconds * FPS), FEATURE_DIM), np.float32)
    for name, value in columns.items():
        rows[:, LAYOUT[name]] = value
    return rows


def test_who_speaks_up_is_livelier_and_a_steady_voice_is_not():
    steady = liveliness(features(8, speech=1, energy=0.0))
    assert np.abs(steady).max() < 1e-6
    rising = np.concatenate([features(4, speech=1, energy=-0.5), features(4, speech=1, energy=1.0)])
    track = liveliness(rising)
    assert track[-1] > 0.2 > track[25]
    np.testing.assert_array_equal(liveliness(rising[:180])[:45], track[:45])  # causal


def test_who_has_been_silent_rests():
    levels = np.full((45, 3), 9.0)
    spoken = load_speech(HELLO).features[: 3 * FPS]
    heard = np.concatenate([spoken, features(3, speech=0, pause=1)])
    begun = -(-int(np.argmax(LAYOUT.get(spoken, "speech") > 0)) // STACK)
    calm = gated(levels, VoiceGate().push(heard))
    assert (calm[begun:22] == 9).all()
    assert (calm[24:] == QUIET_LEVEL).all()


def test_livelier_parts_move_faster_and_still_ones_stay_still():
    levels = np.array([[0.0, 5.0, 14.5]])
    twice = followed(livelier(levels, 1.0))
    np.testing.assert_allclose(twice, [[0.0, 5.0 + OCTAVE, LEVELS - 1]], rtol=1e-6)
    np.testing.assert_allclose(livelier(levels, 0.0), levels)


def test_what_the_flow_cannot_follow_is_made_larger_where_it_was_asked_for_and_not_given():
    latents = np.sin(np.arange(120) / 2)[:, None].repeat(6, 1)
    parts = [slice(0, 2), slice(2, 4), slice(4, 6)]
    levels = np.tile([16.0, 16.0, 9.0], (120, 1))
    kept = np.zeros((120, 3))
    kept[60:80, 1] = 1
    larger = enlarged(latents, levels, np.array([0.4, 0.4, 0.4]), kept, parts)
    assert 1.2 < np.abs(larger[20:50, :2]).max() <= 2**0.4
    np.testing.assert_array_equal(larger[60:80, 2:4], latents[60:80, 2:4])
    assert np.abs(larger[20:50, 2:4]).max() > 1.2
    assert np.abs(np.diff(larger, axis=0)).max() < 1.6 * np.abs(np.diff(latents, axis=0)).max()  # without a jump
    np.testing.assert_array_equal(larger[:, 4:], latents[:, 4:])  # which the flow follows
    np.testing.assert_array_equal(enlarged(latents, levels, 0.0, kept, parts), latents)
