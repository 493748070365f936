"""The networks of EmotionGesture: prompter, VAE, generator."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from cospeech.methods.emotion.network import EmotionConfig, Generator  # noqa: E402
from cospeech.methods.emotion.prompter import Prompter  # noqa: E402
from cospeech.methods.emotion.vae import EmotionVae, divergence  # noqa: E402
from cospeech.nn.transformer import ConditionedBlock  # noqa: E402

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
)


def seeded_randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------ prompter


def by_hand(net: Prompter, poses: torch.Tensor, spatial: bool, temporal: bool) -> torch.Tensor:
    """F'' of one sample, line by line as in the paper."""
    future = net.future(poses[None])[0].clone()
    flat = poses.reshape(1, -1)
    if spatial:
        m = net.ensemble(flat)[0]
        for k in range(net.given):
            sigma = torch.sigmoid(m @ future[k] / len(m) ** 0.5)
            future[k] = sigma * future[k] + (1 - sigma) * m
    if temporal:
        u = net.history(flat)[0]
        v = net.motion(future[: net.given].reshape(1, -1))[0]
        share = torch.softmax((u @ u) / len(u) * v, 0)
        for k in range(net.given):
            future[k] = future[k] * (1 + share[k])
    return future


@pytest.mark.parametrize(("spatial", "temporal"), [(True, True), (True, False), (False, True)])
def test_the_prompter_is_that_of_the_paper_sample_by_sample(spatial, temporal):
    torch.manual_seed(0)
    net = Prompter(3, 8, 5, 16, spatial=spatial, temporal=temporal)
    poses = seeded_randn(4, 3, 5)
    made, queries = net(poses)
    assert queries.shape == (4, 11, 16)
    for row in range(4):
        torch.testing.assert_close(made[row], by_hand(net, poses[row], spatial, temporal))
    moved = poses.clone()
    moved[2] += 1.0
    others = [0, 1, 3]
    again, queries_again = net(moved)
    torch.testing.assert_close(again[others], made[others])
    torch.testing.assert_close(queries_again[others], queries[others])
    assert not torch.allclose(again[2], made[2])


def test_without_both_halves_zeros_stand_for_what_is_to_come():
    torch.manual_seed(0)
    net = Prompter(3, 8, 5, 16, spatial=False, temporal=False)
    made, queries = net(seeded_randn(2, 3, 5))
    assert made.shape == (2, 8, 5)
    assert not made.any()
    assert not torch.allclose(queries[0, :3], queries[1, :3])  # the given poses are there all the same
    torch.testing.assert_close(queries[0, 3:], queries[1, 3:])
    assert {name.split(".")[0] for name, _ in net.named_parameters()} == {"out", "place"}


@pytest.mark.parametrize("new", [2, 3, 9])
def test_less_may_be_made_than_is_given(new):
    torch.manual_seed(0)
    made, queries = Prompter(3, new, 5, 16)(seeded_randn(2, 3, 5))
    assert made.shape == (2, new, 5)
    assert queries.shape == (2, 3 + new, 16)
    assert made.isfinite().all()


# ------------------------------------------------------------------------ VAE


def vae() -> EmotionVae:
    torch.manual_seed(0)
    return EmotionVae(latent=5, voice=12, emotions=10, width=16, heads=2, size=4, chunk=4, dropout=0.0).eval()


def test_divergence_is_that_of_torch():
    mean, log = seeded_randn(3, 6, 4), seeded_randn(3, 6, 4, seed=1)
    normal, standard = torch.distributions.Normal, torch.distributions.Normal(0.0, 1.0)
    own = torch.distributions.kl_divergence(normal(mean, log.exp()), standard).sum(-1)
    torch.testing.assert_close(divergence(mean, log), own)
    assert not divergence(0 * mean, 0 * log).any()


def test_the_posterior_sees_motion_voice_and_mood():
    net, motion, voice_features = vae(), seeded_randn(2, 8, 5), seeded_randn(2, 8, 12, seed=1)
    emotion = torch.eye(10)[[1, 5]][:, None].expand(-1, 8, -1)
    mean, log = net.posterior(motion, voice_features, emotion)
    assert mean.shape == log.shape == (2, 2, 4)
    for other in (
        (motion + 1, voice_features, emotion),
        (motion, voice_features + 1, emotion),
        (motion, voice_features, emotion.flip(0)),
    ):
        assert not torch.allclose(net.posterior(*other)[0], mean)


def test_features_of_a_latent_are_of_its_chunk_and_the_mood():
    net, z = vae(), seeded_randn(1, 4, 4)
    emotion = torch.eye(10)[[3]][:, None].expand(-1, 16, -1)
    made = net.decode(z, emotion)
    assert made.shape == (1, 16, 16)
    moved = z.clone()
    moved[:, 0] += 1.0
    far = net.decode(moved, emotion)
    torch.testing.assert_close(far[:, 8:], made[:, 8:])
    assert not torch.allclose(far[:, :4], made[:, :4])
    assert not torch.allclose(net.decode(z, emotion.roll(1, 2)), made)


@pytest.mark.parametrize("chunk", [2, 4, 10])
def test_a_latent_for_every_chunk(chunk):
    torch.manual_seed(0)
    net = EmotionVae(latent=5, voice=12, emotions=10, width=16, heads=2, size=4, chunk=chunk, dropout=0.0)
    for count in (1, 3):
        steps = count * chunk
        mean, _ = net.posterior(seeded_randn(2, steps, 5), seeded_randn(2, steps, 12), torch.rand(2, steps, 10))
        assert mean.shape == (2, count, 4)
        assert net.decode(mean, torch.rand(2, steps, 10)).shape == (2, steps, 16)


def test_chunks_that_cannot_be_are_told():
    with pytest.raises(ValueError, match="an even number of steps; got 5"):
        Generator(replace(SMALL, window=10, chunk=5))
    with pytest.raises(ValueError, match="no whole chunks of 4"):
        Generator(replace(SMALL, window=10))


# ------------------------------------------------------------------------ generator


def made(**changes) -> Generator:
    torch.manual_seed(0)
    latents = torch.arange(5.0), torch.linspace(0.5, 3, 5)
    net = Generator(replace(SMALL, **changes), latents=latents).eval()
    for block in net.decoder:
        torch.nn.init.normal_(block.modulation.weight, std=0.2)
    return net


def inputs(net: Generator, size: int = 2) -> dict[str, torch.Tensor]:
    c = net.config
    steps = c.given + c.window
    mood = seeded_randn(size, c.window // c.chunk, c.size) if c.vae else seeded_randn(size, steps, c.embedding)
    return {
        "prompt": seeded_randn(size, c.given, c.latent),
        "beat": seeded_randn(size, steps, c.embedding, seed=1),
        "voice": mood,
        "emotion": torch.rand(size, steps, 10),
        "style": torch.rand(size, c.styles),
        "intensity": torch.rand(size, 2),
    }


@pytest.mark.parametrize("with_vae", [True, False])
@pytest.mark.parametrize("name", ["prompt", "beat", "voice", "emotion", "style", "intensity"])
def test_the_generator_listens_to_everything(name, with_vae):
    net = made(vae=with_vae)
    given = inputs(net)
    whole = net(**given)
    assert whole.shape == (2, 8, 5)
    moved = given[name].clone()
    moved[1] += 0.5
    changed = net(**{**given, name: moved})
    assert not torch.allclose(changed[1], whole[1])
    torch.testing.assert_close(changed[0], whole[0])  # and each sample to its own


def test_a_mood_that_changes_late_moves_what_is_late_most():
    net = made()
    given = inputs(net, 1)
    joy, fear = (torch.eye(10)[[k]][:, None].expand(-1, 11, -1) for k in (5, 4))
    late = torch.cat([joy[:, :9], fear[:, 9:]], 1)
    plain, changed = (net(**{**given, "emotion": mood}) for mood in (joy, late))
    away = (changed - plain).norm(dim=-1)[0]
    assert away[6:].min() > 3 * away[:4].max()


def test_scaling_goes_there_and_back():
    net = made()
    z = torch.arange(5.0) + seeded_randn(4000, 5) * torch.linspace(0.5, 3, 5)
    torch.testing.assert_close(net.unscaled(net.scaled(z)), z)
    assert abs(float(net.scaled(z).square().mean()) - 1) < 0.1


def test_weights_with_the_old_name_of_the_voice_projection_are_read():
    net, fresh = made(vae=False), made(vae=False)
    torch.nn.init.normal_(net.voice_projection.weight)
    old = {name.replace("voice_projection.", "heard."): value for name, value in net.state_dict().items()}
    fresh.load_state_dict(old)
    assert torch.equal(fresh.voice_projection.weight, net.voice_projection.weight)


@pytest.mark.parametrize("with_vae", [True, False])
def test_what_is_drawn_reaches_the_output_past_the_layers(with_vae):
    """With the layers' own head at rest there is still the straight way, step by step."""
    net = made(vae=with_vae)
    for part in (net.head.weight, net.head.bias):
        torch.nn.init.zeros_(part)
    given = inputs(net)
    whole, (sketch, _) = net(**given), net.prompter(given["prompt"])
    if with_vae:
        features = net.vae.decode(given["voice"], given["emotion"][:, 3:])
    else:
        features = net.voice_projection(given["voice"])[:, 3:]
    torch.testing.assert_close(whole, sketch + net.straight(features))
    moved = given["voice"].clone()
    moved[:, -1] += 1.0
    away = (net(**{**given, "voice": moved}) - whole).abs().amax((0, 2))
    assert away[-1] > 1e-3
    assert not away[:2].any()


@pytest.mark.parametrize("fusion", ["cross", "concat", "both"])
def test_a_condition_step_by_step_is_the_global_one_where_it_is_constant(fusion):
    torch.manual_seed(0)
    block = ConditionedBlock(16, 2, hidden=32, fusion=fusion).eval()
    torch.nn.init.normal_(block.modulation.weight, std=0.2)
    x, speech, condition = seeded_randn(2, 7, 16), seeded_randn(2, 7, 16, seed=1), seeded_randn(2, 16, seed=2)
    whole = block(x, speech, condition)
    course = condition[:, None].expand(-1, 7, -1)
    torch.testing.assert_close(block(x, speech, course), whole)
    turned = torch.cat([course[:, :6], -course[:, 6:]], 1)
    changed = block(x, speech, turned)
    assert not torch.allclose(changed, whole)
    assert not torch.allclose(changed, block(x, speech, turned.mean(1)))
