"""What the generator of EmotionGesture is taught: each term by itself, and whom it teaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from cospeech.methods.emotion.losses import SMOOTHED, TrainedEmotion, emotion_loss, motion_smooth  # noqa: E402
from cospeech.methods.emotion.mining import GRAMS, MiningConfig, TrainedMining, mining_loss  # noqa: E402
from cospeech.methods.emotion.network import Discriminator, EmotionConfig  # noqa: E402
from cospeech.methods.emotion.vae import divergence  # noqa: E402
from cospeech.methods.tokenizer.network import Tokenizer, TokenizerConfig  # noqa: E402
from cospeech.motion.codec import Codec  # noqa: E402
from cospeech.speech.acoustics import DIM  # noqa: E402
from cospeech.training.loop import ProcessInfo, TrainConfig, fit  # noqa: E402

SMALL = EmotionConfig(
    channels=6,
    latent=5,
    downsample=2,
    given=3,
    window=8,
    embedding=12,
    styles=2,
    width=16,
    heads=2,
    hidden=32,
    depth=1,
    dropout=0.0,
    size=4,
    chunk=4,
    drop_condition=0.0,
    prompt_noise=0.0,
)


def seeded_randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------ motion smooth


def test_equal_motion_costs_nothing_wherever_it_is():
    real = seeded_randn(2, 9, 6).double()
    assert abs(float(motion_smooth(real, real))) < 1e-12
    assert abs(float(motion_smooth(real + 3.0, real))) < 1e-12  # offsets are compared, not places


@pytest.mark.parametrize("temperature", [0.5, 10.0])
def test_other_motion_costs_something(temperature):
    real = seeded_randn(2, 9, 6).double()
    made = seeded_randn(2, 9, 6, seed=1).double()
    assert float(motion_smooth(made, real, temperature=temperature)) > 1e-4
    assert float(motion_smooth(real.flip(1), real, temperature=temperature)) > 1e-4


def test_the_loss_is_that_of_the_paper():
    """The mean over time of KL(softmax(m / G) || softmax(m^ / G)), with loops."""
    real, made = seeded_randn(2, 5, 4).double(), seeded_randn(2, 5, 4, seed=1).double()
    total = 0.0
    for row in range(2):
        for t in range(4):
            p = torch.softmax((real[row, t + 1] - real[row, t]) / 0.7, 0)
            q = torch.softmax((made[row, t + 1] - made[row, t]) / 0.7, 0)
            total += float((p * (p / q).log()).sum())
    assert float(motion_smooth(made, real, temperature=0.7)) == pytest.approx(total / 8)


@pytest.mark.parametrize("temperature", [10.0, 100.0])
def test_small_offsets_are_compared_as_velocities(temperature):
    """Half the variance over dimensions of what the offsets differ by, over G squared."""
    real, made = 0.01 * seeded_randn(2, 9, 6).double(), 0.01 * seeded_randn(2, 9, 6, seed=1).double()
    away = real.diff(dim=1) - made.diff(dim=1)
    limit = away.var(-1, correction=0).mean() / 2 / temperature**2
    loss = motion_smooth(made, real, temperature=temperature)
    assert float(loss) == pytest.approx(float(limit), rel=0.01)


def test_squared_takes_the_temperature_out_of_the_weight():
    real, made = 0.1 * seeded_randn(2, 9, 6).double(), 0.1 * seeded_randn(2, 9, 6, seed=1).double()
    plain = motion_smooth(made, real, temperature=10.0)
    squared = motion_smooth(made, real, temperature=10.0, squared=True)
    assert float(squared) == pytest.approx(100 * float(plain))
    other = motion_smooth(made, real, temperature=30.0, squared=True)
    assert float(other) == pytest.approx(float(squared), rel=0.02)


def test_jitter_beyond_the_temperature_is_bounded():
    """Twice the jitter costs four times as much while it is small, and never more than twice after."""
    real, jitter = torch.zeros(1, 40, 6).double(), seeded_randn(1, 40, 6).double()

    def growth(size: float) -> float:
        one, two = (float(motion_smooth(real, k * size * jitter)) for k in (1, 2))
        return two / one

    assert growth(0.01) == pytest.approx(4.0, rel=0.02)
    assert growth(300.0) < 2.1


# ------------------------------------------------------------------------ all terms


def trained(**changes) -> TrainedEmotion:
    torch.manual_seed(0)
    config = replace(SMALL, **changes)
    synthesis = torch.nn.Conv1d(5, 12, 1).requires_grad_(False)
    net = TrainedEmotion(config, latents=(torch.zeros(5), torch.ones(5)), synthesis=synthesis)
    for block in net.generator.decoder:
        torch.nn.init.normal_(block.modulation.weight, std=0.2)
    return net.train()


def batch(size: int = 8, seed: int = 0) -> dict[str, torch.Tensor]:
    steps = SMALL.given + SMALL.window
    which = torch.arange(size)
    return {
        "latent": seeded_randn(size, steps, 5, seed=seed),
        "pose": seeded_randn(size, 16, 6, seed=seed + 1),
        "voice": seeded_randn(size, steps, 12, seed=seed + 2),
        "beat": seeded_randn(size, steps, 12, seed=seed + 3),
        "valid": torch.ones(size, steps, dtype=torch.bool),
        "emotion": torch.eye(10)[which % 10],
        "style": torch.eye(2)[which % 2],
        "intensity": seeded_randn(size, 2, seed=seed + 4),
        "warm": torch.tensor(1.0),
    }


def terms_of(net: TrainedEmotion, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return net(given)


def reached(net: TrainedEmotion, term: torch.Tensor) -> tuple[bool, bool]:
    """Whether a term's slope reaches the generator and the discriminator."""
    net.zero_grad()
    term.backward()
    return tuple(
        any(p.grad is not None and bool(p.grad.any()) for p in part.parameters())
        for part in (net.generator, net.discriminator)
    )  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "teaches"),
    [
        ("regression", (True, False)),
        ("velocity", (True, False)),
        ("smooth", (True, False)),
        ("kl", (True, False)),
        ("adversarial", (True, False)),
        ("discriminator", (False, True)),
    ],
)
def test_each_term_teaches_one_side_only(name, teaches):
    net = trained()
    assert reached(net, terms_of(net, batch())[name]) == teaches


def test_both_together_are_taught_by_the_whole():
    net = trained()
    torch.manual_seed(5)
    loss, terms = emotion_loss(net, batch())
    assert reached(net, loss) == (True, True)
    assert set(terms) == {"regression", "velocity", "smooth", "kl", "adversarial", "discriminator"}


def test_terms_are_weighted_and_two_of_them_warm_up():
    net = trained(regression=2.0, velocity=3.0, kl=0.1, smooth=5.0, adversarial=0.7)
    for warm in (0.0, 0.4, 1.0):
        torch.manual_seed(5)
        loss, terms = emotion_loss(net, {**batch(), "warm": torch.tensor(warm)})
        expected = (
            2 * terms["regression"]
            + 3 * terms["velocity"]
            + 5 * terms["smooth"]
            + warm * (0.1 * terms["kl"] + 0.7 * terms["adversarial"])
            + 0.01 * terms["discriminator"]
        )
        torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"vae": False}, {"kl"}),
        ({"discriminator": False}, {"adversarial", "discriminator"}),
        ({"smooth": 0.0}, {"smooth"}),
    ],
)
def test_parts_that_are_left_out_have_no_terms(change, gone):
    net = trained(**change)
    torch.manual_seed(5)
    loss, terms = emotion_loss(net, batch())
    assert loss.isfinite()
    whole = {"regression", "velocity", "smooth", "kl", "adversarial", "discriminator"}
    assert set(terms) == whole - gone


def test_the_adversarial_slope_is_as_steep_as_that_of_regression_and_velocity():
    net = trained()
    caught: list[torch.Tensor] = []
    forward = net.generator.forward
    net.generator.forward = lambda *given: caught.append(forward(*given)) or caught[-1]
    terms = terms_of(net, batch())
    made = caught[0]
    regressed = torch.autograd.grad(terms["regression"] + terms["velocity"], made, retain_graph=True)[0]
    judged = torch.autograd.grad(terms["adversarial"], made)[0]
    torch.testing.assert_close(judged.norm(), regressed.norm(), rtol=1e-3, atol=0)


def test_the_discriminator_is_taught_by_hinges():
    net = trained()
    given = batch()
    net.eval()  # no noise: then what is made can be made again
    terms = terms_of(net, given)
    condition = torch.cat([given["emotion"], given["style"]], -1)
    x = net.generator.scaled(given["latent"])
    real = net.discriminator(x[:, 2:].diff(dim=1), condition)
    caught: list[torch.Tensor] = []
    forward = net.generator.forward
    net.generator.forward = lambda *args: caught.append(forward(*args)) or caught[-1]
    terms_of(net, given)
    fake = net.discriminator(torch.cat([x[:, 2:3], caught[0]], 1).diff(dim=1), condition)
    expected = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    torch.testing.assert_close(terms["discriminator"], expected)


def test_the_discriminator_knows_what_was_asked_for():
    net = trained().eval()
    change, condition = seeded_randn(2, 8, 5), torch.cat([torch.eye(10)[[5, 5]], torch.eye(2)], -1)
    seen = net.discriminator(change, condition)
    assert seen.shape == (2,)
    assert not torch.allclose(net.discriminator(change, condition.roll(1, 1)), seen)
    assert not torch.allclose(net.discriminator(change.flip(1), condition), seen)


def test_weights_with_the_old_names_of_submodules_are_read():
    saved, fresh = Discriminator(5, 12).eval(), Discriminator(5, 12).eval()
    renamed = {"classifier.": "judge.", "condition_projection.": "asked."}
    old = {}
    for name, value in saved.state_dict().items():
        start = next((new for new in renamed if name.startswith(new)), "")
        old[renamed.get(start, "") + name.removeprefix(start)] = value
    assert set(old) != set(saved.state_dict())
    fresh.load_state_dict(old)
    change, condition = seeded_randn(2, 8, 5), torch.eye(12)[:2]
    torch.testing.assert_close(fresh(change, condition), saved(change, condition), atol=0, rtol=0)


def test_looking_needs_no_slopes():
    net = trained().eval()
    with torch.no_grad():
        first, again = net(batch()), net(batch())
    for name, value in first.items():
        assert value.isfinite(), name
        torch.testing.assert_close(value, again[name])  # and rolls no dice


def test_the_divergence_is_that_of_the_posterior_and_teaches_it():
    net = trained()
    given = batch()
    x = net.generator.scaled(given["latent"])[:, SMALL.given :]
    emotion = given["emotion"][:, None].expand(-1, SMALL.window, -1)
    mean, log = net.generator.vae.posterior(x, given["voice"][:, SMALL.given :], emotion)
    kl = terms_of(net, given)["kl"]
    torch.testing.assert_close(kl, divergence(mean, log).mean())
    net.zero_grad()
    kl.backward()
    for part in net.generator.vae.guess.weight.grad.chunk(2):
        assert part.any()
    assert net.generator.vae.scatter.weight.grad is None  # and nobody else


def test_the_decoder_is_told_what_the_posterior_saw():
    """With noise in training, without when it is looked at: then two looks are the same."""
    net, given = trained(), batch()
    x = net.generator.scaled(given["latent"])[:, SMALL.given :]
    emotion = given["emotion"][:, None].expand(-1, SMALL.window, -1)
    decoded: list[torch.Tensor] = []
    decode = net.generator.vae.decode
    net.generator.vae.decode = lambda z, kinds: decoded.append(z) or decode(z, kinds)
    net.eval()
    terms_of(net, given)
    mean, log = net.generator.vae.posterior(x, given["voice"][:, SMALL.given :], emotion)
    torch.testing.assert_close(decoded.pop(), mean)
    net.train()
    terms_of(net, given)
    away = ((decoded.pop() - mean) / log.exp()).detach()
    assert float(away.mean()) == pytest.approx(0.0, abs=0.4)
    assert float(away.std()) == pytest.approx(1.0, abs=0.3)


def test_poses_are_compared_in_the_first_samples_of_a_batch():
    net, given, other = trained(), batch(12), batch(12)
    other["pose"][SMOOTHED:] += seeded_randn(12 - SMOOTHED, 16, 6, seed=9)
    first = terms_of(net, given)["smooth"]
    torch.testing.assert_close(terms_of(net, other)["smooth"], first)
    other["pose"][SMOOTHED - 1] += seeded_randn(16, 6, seed=9)
    assert not torch.allclose(terms_of(net, other)["smooth"], first)


def test_what_is_behind_the_end_of_a_recording_teaches_nothing():
    net = trained(vae=False, discriminator=False)
    given, other = batch(), batch()
    given["valid"][:, 7:] = other["valid"][:, 7:] = False
    other["latent"][:, 7:] += 5.0
    first, second = terms_of(net, given), terms_of(net, other)
    for name in ("regression", "velocity"):
        torch.testing.assert_close(second[name], first[name])
    other["latent"][:, 6] += 5.0
    third = terms_of(net, other)
    assert not torch.allclose(third["regression"], first["regression"])


def test_a_motion_that_is_right_costs_nothing():
    net = trained(vae=False, discriminator=False)
    given = batch()
    target = net.generator.scaled(given["latent"])[:, SMALL.given :]
    net.generator.forward = lambda *_: target
    given["pose"] = net.poses(target)
    for name, value in terms_of(net, given).items():
        assert abs(float(value)) < 1e-6, name


def test_poses_are_those_of_the_tokenizers_linear_decoder():
    torch.manual_seed(0)
    codec = Codec()
    tokenizer = Tokenizer(TokenizerConfig(width=16, latent=5, blocks=1, layers=1, codes=8)).eval()
    torch.nn.init.normal_(tokenizer.synthesis.weight, std=0.1)
    for parameter in tokenizer.decoder.parameters():  # leaves the linear one alone
        torch.nn.init.zeros_(parameter)
    step = tokenizer.config.downsample
    config = replace(SMALL, channels=codec.channels, downsample=step)
    net = TrainedEmotion(config, latents=(torch.ones(5), 2 * torch.ones(5)), synthesis=tokenizer.synthesis)
    z = seeded_randn(2, 8, 5)
    expected = (tokenizer.decode_latent(z) - tokenizer.mean) / tokenizer.std
    torch.testing.assert_close(net.poses(net.generator.scaled(z)), expected, atol=1e-4, rtol=1e-4)


def test_the_tokenizers_decoder_is_not_trained_along():
    net = trained()
    assert not any("linear" in name or "synthesis" in name for name in net.state_dict())


# ------------------------------------------------------------------------ training


class Cut(Exception):
    """The power went."""


HEARING = MiningConfig(filters=(8, 8, 8), blocks=(1, 1, 1), width=16, embedding=12, dropout=0.3)
CONFIG = TrainConfig(steps=8, batch_size=8, learning_rate=1e-2, warmup=2, log_every=4, save_every=4)


def generator_batch(step: int, process: ProcessInfo) -> dict[str, torch.Tensor]:
    return {**batch(seed=10 * step), "warm": torch.tensor(min(1.0, (step + 1) / 4))}


def mining_batch(step: int, process: ProcessInfo) -> dict[str, torch.Tensor]:
    return {
        "features": seeded_randn(4, 16, 48, seed=step),
        "acoustics": seeded_randn(4, 16, DIM, seed=step + 1),
        "emotion": torch.arange(4),
        "grams": torch.full((4, 4, GRAMS), step + 1),
        "place": seeded_randn(4, 4, 2, seed=step),
        "spoken": torch.ones(4, 4, dtype=torch.bool),
    }


def fresh_generator() -> torch.nn.Module:
    return trained(dropout=0.2, drop_condition=0.3, prompt_noise=0.1)


def fresh_mining() -> torch.nn.Module:
    torch.manual_seed(1)
    return TrainedMining(HEARING)


@pytest.mark.parametrize(
    ("fresh", "loss", "batches"),
    [(fresh_generator, emotion_loss, generator_batch), (fresh_mining, mining_loss, mining_batch)],
)
def test_a_resumed_training_is_an_uninterrupted_one_to_the_bit(fresh, loss, batches, tmp_path: Path):
    """Draws, dropout and the power iterations of the discriminator go on where they were."""

    def cut(step: int, process: ProcessInfo) -> dict[str, torch.Tensor]:
        if step >= 6:
            raise Cut
        return batches(step, process)

    straight = fit(fresh(), loss, batches, tmp_path / "straight", CONFIG).state_dict()
    with pytest.raises(Cut):
        fit(fresh(), loss, cut, tmp_path / "cut", CONFIG)
    torch.manual_seed(999)
    resumed = fit(fresh(), loss, batches, tmp_path / "cut", CONFIG).state_dict()
    began = fresh().state_dict()
    assert any(not torch.equal(value, began[name]) for name, value in straight.items())
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name
