"""What draws the latents of EmotionGesture's VAE: the network, its loss, sampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cospeech.methods.emotion.sampling import EmotionCondition, EmotionSampling, draw, sample_latents
from cospeech.sampling.diffusion import WILDEST, DiffusionSampling, alpha_sigma

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from cospeech.methods.emotion.network import EmotionConfig  # noqa: E402
from cospeech.methods.emotion.prior import Prior, PriorConfig, TrainedPrior, prior_loss  # noqa: E402
from cospeech.training.loop import Batch  # noqa: E402

SIZES = EmotionConfig(channels=6, latent=5, downsample=2, given=3, window=8, embedding=12, styles=2, size=4, chunk=4)
SMALL = PriorConfig(width=16, heads=2, hidden=32, depth=1, dropout=0.0, drop_condition=0.0, prompt_noise=0.0)


def seeded_randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fresh(**changes) -> Prior:
    torch.manual_seed(0)
    return Prior(replace(SMALL, **changes), SIZES, (torch.arange(4.0), torch.linspace(0.5, 2, 4)))


def shaken(**changes) -> Prior:
    """With a head that says something, and layers that are open."""
    net = fresh(**changes)
    torch.nn.init.normal_(net.head.weight, std=0.2)
    for block in net.blocks:
        torch.nn.init.normal_(block.modulation.weight, std=0.2)
    return net


def batch(size: int = 6, seed: int = 0) -> Batch:
    alpha, sigma = (torch.from_numpy(v).float() for v in alpha_sigma(np.linspace(0.1, 0.9, size)))
    which = torch.arange(size)
    return {
        "z": seeded_randn(size, 2, 4, seed=seed),
        "noise": seeded_randn(size, 2, 4, seed=seed + 1),
        "alpha": alpha,
        "sigma": sigma,
        "prompt": seeded_randn(size, 3, 5, seed=seed + 2),
        "beat": seeded_randn(size, 11, 12, seed=seed + 3),
        "emotion": torch.eye(10)[which % 10],
        "style": torch.eye(2)[which % 2],
        "intensity": seeded_randn(size, 2, seed=seed + 4),
    }


# ------------------------------------------------------------------------ network


def inputs(size: int = 2) -> dict[str, torch.Tensor]:
    return {
        "x": seeded_randn(size, 2, 4),
        "alpha": torch.full((size,), 0.6),
        "sigma": torch.full((size,), 0.8),
        "prompt": seeded_randn(size, 3, 5, seed=1),
        "beat": seeded_randn(size, 11, 12, seed=2),
        "emotion": torch.rand(size, 11, 10),
        "style": torch.rand(size, 2),
        "intensity": torch.rand(size, 2),
    }


@pytest.mark.parametrize("name", list(inputs()))
def test_the_prior_listens_to_everything_sample_by_sample(name):
    net, given = shaken().eval(), inputs()
    whole = net(**given)
    assert whole.shape == (2, 2, 4)
    moved = given[name].clone()
    moved[1] += 0.3
    changed = net(**{**given, name: moved})
    assert (changed[1] - whole[1]).abs().max() > 1e-3
    torch.testing.assert_close(changed[0], whole[0])


def test_the_angle_of_the_noise_is_heard_and_not_only_its_amount():
    """The noise that is taken for itself, beside alpha and sigma in the output, changes."""
    net, given = shaken().eval(), inputs()

    def noise(alpha: float, sigma: float) -> torch.Tensor:
        made = net(**{**given, "alpha": torch.full((2,), alpha), "sigma": torch.full((2,), sigma)})
        return (made - alpha * given["x"]) / sigma

    torch.testing.assert_close(noise(0.3, 0.4), noise(0.6, 0.8), atol=1e-4, rtol=1e-4)
    assert (noise(0.8, 0.6) - noise(0.6, 0.8)).abs().max() > 1e-2


def test_before_training_the_best_guess_is_the_input_scaled_down():
    given = inputs()
    torch.testing.assert_close(fresh().eval()(**given), 0.6 * given["x"])


def test_speech_and_mood_are_heard_chunk_by_chunk():
    """As means over the steps of a chunk; the prompt's steps are heard one by one."""
    net, given = shaken().eval(), inputs()
    whole = net(**given)
    for name in ("beat", "emotion"):
        for steps in ([3, 4, 5, 6], [7, 8, 9, 10]):
            order = list(range(11))
            order[steps[0] : steps[-1] + 1] = reversed(steps)
            torch.testing.assert_close(net(**{**given, name: given[name][:, order]}), whole)
        order = [*range(3), *range(7, 11), *range(3, 7)]
        assert not torch.allclose(net(**{**given, name: given[name][:, order]}), whole, atol=1e-4)
        assert not torch.allclose(net(**{**given, name: given[name][:, [1, 0, *range(2, 11)]]}), whole, atol=1e-4)


def test_latents_are_diffused_at_the_same_size():
    net = fresh()
    z = torch.arange(4.0) + torch.linspace(0.5, 2, 4) * seeded_randn(4000, 4)
    x = net.scaled(z)
    torch.testing.assert_close(x * net.std + net.mean, z)
    np.testing.assert_allclose(x.mean(0), 0.0, atol=0.06)
    np.testing.assert_allclose(x.std(0), 1.0, atol=0.06)


# ------------------------------------------------------------------------ loss


def test_the_loss_is_the_error_of_what_is_found_under_the_noise():
    model, given = TrainedPrior(fresh()).eval(), batch()
    loss, terms = prior_loss(model, given)
    a, s = given["alpha"][:, None, None], given["sigma"][:, None, None]
    gap = a * (a * given["z"] + s * given["noise"]) - given["z"]  # an untrained head adds nothing
    torch.testing.assert_close(loss, F.smooth_l1_loss(gap, torch.zeros_like(gap), beta=0.5))
    noisy = given["sigma"] > given["alpha"]
    assert 0 < int(noisy.sum()) < len(noisy)
    torch.testing.assert_close(terms["noisy"], gap[noisy].square().mean())
    torch.testing.assert_close(terms["clear"], gap[~noisy].square().mean())
    model.prior.forward = lambda *_: given["z"]
    right, terms = prior_loss(model, given)
    assert not any((right, *terms.values()))


def test_a_batch_without_noisy_samples_has_terms_all_the_same():
    given = {**batch(), "alpha": torch.full((6,), 0.9), "sigma": torch.full((6,), 0.4)}
    _, terms = prior_loss(TrainedPrior(fresh()), given)
    assert float(terms["noisy"]) == 0.0
    assert float(terms["clear"]) > 0.0


def test_wishes_are_dropped_one_by_one_in_training_alone():
    model, given = TrainedPrior(fresh(drop_condition=0.5, prompt_noise=0.1)), batch(400)
    calls: list[tuple[torch.Tensor, ...]] = []
    model.prior.forward = lambda *all_: calls.append(all_) or all_[0]
    model.train()(given)
    model.eval()(given)
    taught, looked = calls
    for k, name in ((5, "emotion"), (6, "style"), (7, "intensity")):
        whole = given[name][:, None].expand(-1, 11, -1) if name == "emotion" else given[name]
        torch.testing.assert_close(looked[k], whole)
        kept = taught[k].flatten(1).any(1)
        assert float(kept.float().mean()) == pytest.approx(0.5, abs=0.1)
        torch.testing.assert_close(taught[k][kept], whole[kept])
    both = taught[5].flatten(1).any(1) & taught[6].any(1)
    assert float(both.float().mean()) == pytest.approx(0.25, abs=0.1)  # each by dice of its own
    torch.testing.assert_close(looked[3], given["prompt"])
    assert float((taught[3] - given["prompt"]).std()) == pytest.approx(0.1, rel=0.1)


# ------------------------------------------------------------------------ sampling


class Fake:
    """Networks that say what they were asked; what they find depends on the wishes and the noise."""

    downsample, given, window, chunk, size, latent = 2, 3, 8, 4, 4, 5

    def __init__(self) -> None:
        self.calls: list[tuple[np.ndarray, ...]] = []

    def beats(self, features: np.ndarray) -> np.ndarray:
        return np.zeros((len(features) // 2, 12), np.float32)

    def denoise(self, z, alpha, sigma, given, beat, emotion, style, intensity):
        self.calls.append((z, alpha, sigma, given, beat, emotion, style, intensity))
        felt = emotion.mean(1)[:, None, :4] + style.sum(-1)[:, None, None] + intensity.sum(-1)[:, None, None]
        made: np.ndarray = (alpha[:, None, None] * z + sigma[:, None, None] * np.tanh(z + felt)).astype("f4")
        return made

    def make(self, given, beat, mood, emotion, style, intensity):
        made: np.ndarray = np.repeat(mood, 4, 1)[:, :, [0, 1, 2, 3, 3]] + given[:, -1:]
        return made


PROMPT, BEAT = seeded_randn(1, 3, 5).numpy(), seeded_randn(1, 11, 12, seed=1).numpy()
WISHED = (
    np.repeat(np.eye(10, dtype=np.float32)[None, 2:3], 11, 1),
    np.array([[0.0, 1.0]], np.float32),
    np.array([[0.4, 1.0]], np.float32),
)


def drawn(networks: Fake, seed: int = 0, **changes) -> np.ndarray:
    return draw(networks, PROMPT, BEAT, WISHED, np.random.default_rng(seed), EmotionSampling(**changes))


def test_without_guidance_each_step_asks_once_with_all_wishes():
    networks = Fake()
    made = drawn(networks, diffusion=DiffusionSampling(steps=4))
    assert made.shape == (1, 2, 4)
    assert len(networks.calls) == 4
    for z, alpha, sigma, given, beat, *own in networks.calls:
        assert z.shape == (1, 2, 4)
        assert float(alpha[0]) ** 2 + float(sigma[0]) ** 2 == pytest.approx(1.0)
        for value, expected in zip((given, beat, *own), (PROMPT, BEAT, *WISHED), strict=True):
            np.testing.assert_array_equal(value, expected)
    assert (np.diff([float(calls[2][0]) for calls in networks.calls]) < 0).all()  # less noise every time


@pytest.mark.parametrize("guidance", [0.0, 0.5, 2.0, 3.5])
def test_guidance_asks_without_wishes_too_and_goes_on_from_there(guidance):
    networks, one = Fake(), DiffusionSampling(steps=1)
    guided = drawn(networks, diffusion=one, guidance=guidance)
    ((z, alpha, sigma, given, beat, *own),) = networks.calls
    np.testing.assert_array_equal(z[0], z[1])
    for value, expected in zip((given, beat), (PROMPT, BEAT), strict=True):  # they are no wishes
        np.testing.assert_array_equal(value, np.repeat(expected, 2, 0))
    for value, expected in zip(own, WISHED, strict=True):
        np.testing.assert_array_equal(value[:1], expected)
        assert not value[1].any()
    made, bare = networks.denoise(z, alpha, sigma, given, beat, *own)
    assert np.abs(made - bare).max() > 0.1
    np.testing.assert_allclose(guided[0], made + (guidance - 1) * (made - bare), atol=1e-5)


def test_without_variety_every_seed_draws_the_same():
    networks = Fake()
    still, same = (drawn(networks, seed, variety=0.0) for seed in (1, 2))
    np.testing.assert_array_equal(still, same)
    assert np.abs(still).max() > 0.1  # a draw all the same
    assert not networks.calls[0][0].any()
    assert np.abs(drawn(networks, 1) - drawn(networks, 2)).max() > 0.1


def test_variety_is_that_of_the_noise():
    networks = Fake()
    for settings in (
        {},
        {"variety": 0.5},
        {"variety": 2.0, "diffusion": DiffusionSampling(temperature=0.25)},
        {"variety": 2.0},
        {"variety": 2.0, "diffusion": DiffusionSampling(temperature=1.5)},
    ):
        networks.calls.clear()
        drawn(networks, 3, **settings)
        temperature = settings.get("diffusion", DiffusionSampling()).temperature
        factor = min(WILDEST, settings.get("variety", 1.0) * temperature)
        noise = np.random.default_rng(3).standard_normal((2, 4))
        np.testing.assert_allclose(networks.calls[0][0][0], factor * noise, atol=1e-6)


def test_each_window_has_a_draw_of_its_own_under_its_own_speech_and_mood():
    networks, course = Fake(), np.eye(10, dtype=np.float32)[[0] * 8 + [3] * 8 + [5] * 4]
    wishes = EmotionCondition(course, np.array([1, 0], np.float32), np.array([0, 1], np.float32))
    settings = EmotionSampling(diffusion=DiffusionSampling(steps=2))
    features = np.zeros((40, 48), np.float32)
    done = sample_latents(networks, features, wishes, PROMPT[0], np.random.default_rng(0), settings)
    assert done.shape == (20, 5)
    assert len(networks.calls) == 6  # three windows of two steps
    for k, prompt in enumerate((PROMPT[0], done[5:8], done[13:16])):
        z, _, _, given, _, emotion, *_ = networks.calls[2 * k]
        np.testing.assert_array_equal(given[0], prompt)
        np.testing.assert_array_equal(emotion[0, 3:].argmax(1), [[0, 3, 5][k]] * 8)
        assert not any(np.array_equal(z, networks.calls[2 * j][0]) for j in range(k))


class Learned(Fake):
    """A prior in torch."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.prior = prior.eval()

    @torch.no_grad()
    def denoise(self, *arrays):
        return self.prior(*(torch.from_numpy(np.asarray(v, np.float32)) for v in arrays)).numpy()


def test_the_prior_learns_what_goes_with_a_mood_and_how_it_varies():
    """Two moods, each of two ways to be: draws find both ways, of the mood that is asked for alone."""
    rng = torch.Generator().manual_seed(0)
    model = TrainedPrior(fresh(width=32, hidden=64, drop_condition=0.1)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for step in range(250):
        which = torch.randint(2, (64,), generator=rng)
        way = torch.randint(2, (64, 1, 1), generator=rng) * 2.0 - 1
        z = torch.zeros(64, 2, 4)
        z[..., :2] = (which * 2.0 - 1)[:, None, None]  # the mood
        z[..., 2:] = way  # the way, one for both chunks
        z = z + 0.1 * torch.randn(z.shape, generator=rng)
        alpha, sigma = (torch.from_numpy(v).float() for v in alpha_sigma(np.linspace(0, 1, 64)))
        noise = torch.randn(z.shape, generator=rng)
        given = {**batch(64, seed=10 * step), "z": z, "noise": noise, "alpha": alpha, "sigma": sigma}
        loss, _ = prior_loss(model, {**given, "emotion": torch.eye(10)[which]})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    networks = Learned(model.prior)
    for mood, sign in ((0, -1.0), (1, 1.0)):
        wishes = (np.repeat(np.eye(10, dtype=np.float32)[None, mood : mood + 1], 11, 1), *WISHED[1:])
        made = np.concatenate(
            [draw(networks, PROMPT, BEAT, wishes, np.random.default_rng(k), EmotionSampling()) for k in range(24)]
        )
        assert (np.sign(made[..., :2]) == sign).all()
        ways = made[..., 2:].reshape(24, -1)
        assert (np.sign(ways) == np.sign(ways[:, :1])).mean() > 0.9  # one way at a time
        assert float(np.abs(made).mean()) == pytest.approx(1.0, abs=0.15)
        assert 4 <= (ways[:, 0] > 0).sum() <= 20
