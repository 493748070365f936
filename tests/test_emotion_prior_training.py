"""Training what draws the latents of EmotionGesture's VAE: from a dataset and a finished generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cospeech.data.dataset import GestureDataset

torch = pytest.importorskip("torch")

from cospeech.methods.emotion.prior import Prior, PriorConfig  # noqa: E402
from cospeech.methods.emotion.train_generator import PromptedWindows, load_generator_run  # noqa: E402
from cospeech.methods.emotion.train_mining import load_mining_run  # noqa: E402
from cospeech.methods.emotion.train_prior import LatentSamples, fit_prior, load_prior_run  # noqa: E402
from cospeech.methods.tokenizer.train import load_tokenizer_run  # noqa: E402
from cospeech.training.loop import Batch, ProcessInfo, TrainConfig  # noqa: E402

pytestmark = pytest.mark.slow  # a tiny model is trained


class Cut(Exception):
    """The power went."""


class Parts:
    """What a prior is trained on: the parts of a run, and windows of its dataset."""

    def __init__(self, dataset: GestureDataset, run: Path) -> None:
        self.dataset = dataset
        self.tokenizer, _ = load_tokenizer_run(run / "tokenizer")
        self.mining, _ = load_mining_run(run / "mining")
        self.generator, described = load_generator_run(run / "emotion")
        self.styles = tuple(described["styles"])
        self.windows = PromptedWindows(
            dataset, self.tokenizer, self.mining, self.styles, self.generator.config, batch_size=16, poses=False
        )

    def fit(self, folder: Path, windows=None, **changes) -> Prior:
        return fit_prior(
            self.dataset,
            self.tokenizer,
            self.mining,
            self.generator,
            self.styles,
            folder,
            config=PriorConfig(width=32, heads=2, hidden=64, depth=1),
            windows=windows or self.windows,
            training=TrainConfig(steps=8, batch_size=16, warmup=2, log_every=4, save_every=4, **changes),
        )


@pytest.fixture(scope="module")
def parts(mini_dataset, emotion_run) -> Parts:
    return Parts(GestureDataset(mini_dataset), emotion_run)


def test_windows_of_draws_are_those_of_the_posterior_and_of_the_step_alone(parts):
    draws = LatentSamples(parts.windows, parts.generator.eval(), seed=3)
    before = torch.random.get_rng_state()
    made, again, other = draws(5, ProcessInfo()), draws(5, ProcessInfo()), draws(6, ProcessInfo())
    assert torch.equal(torch.random.get_rng_state(), before)  # dropout goes on with dice of its own
    for name, value in made.items():
        torch.testing.assert_close(again[name], value)
    assert not torch.equal(other["noise"], made["noise"])
    net, plain = parts.generator, parts.windows(5, ProcessInfo())
    x, size = net.scaled(plain["latent"]), net.config.given
    emotion = plain["emotion"][:, None].expand(-1, net.config.window, -1)
    with torch.no_grad():
        mean, log = net.vae.posterior(x[:, size:], plain["voice"][:, size:], emotion)
    away = (made["z"] - mean) / log.exp()
    assert float(away.mean()) == pytest.approx(0.0, abs=0.15)
    assert float(away.std()) == pytest.approx(1.0, abs=0.1)
    torch.testing.assert_close(made["prompt"], x[:, :size])
    for name in ("beat", "emotion", "style", "intensity"):
        torch.testing.assert_close(made[name], plain[name])
    torch.testing.assert_close(made["alpha"].square() + made["sigma"].square(), torch.ones(16))
    assert (made["sigma"].diff() > 0).all()  # all times alike in every batch
    assert not plain["pose"].any()  # nobody reads them here


def test_a_resumed_training_of_a_prior_is_an_uninterrupted_one_to_the_bit(parts, tmp_path):
    class Failing:
        """The same windows, until the power goes in the seventh step."""

        config = parts.windows.config

        def __call__(self, step: int, process: ProcessInfo) -> Batch:
            if 6 <= step < 100:
                raise Cut
            return parts.windows(step, process)

    straight = parts.fit(tmp_path / "straight").state_dict()
    with pytest.raises(Cut):
        parts.fit(tmp_path / "cut", Failing())
    torch.manual_seed(999)
    resumed = parts.fit(tmp_path / "cut").state_dict()
    other = parts.fit(tmp_path / "other", seed=1).state_dict()
    assert any(not torch.equal(value, other[name]) for name, value in straight.items())
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name
    loaded, described = load_prior_run(tmp_path / "cut")
    assert described["method"] == "emotion prior"
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, straight[name]), name


def test_training_a_prior_leaves_the_generator_alone_and_scales_its_latents(parts, tmp_path):
    before = {name: value.clone() for name, value in parts.generator.state_dict().items()}
    prior = parts.fit(tmp_path / "prior")
    for name, value in parts.generator.state_dict().items():
        assert torch.equal(value, before[name]), name
    draws = LatentSamples(parts.windows, parts.generator)
    x = prior.scaled(torch.cat([draws(k, ProcessInfo())["z"] for k in range(20)])).flatten(0, 1)
    np.testing.assert_allclose(x.mean(0), 0.0, atol=0.2)
    np.testing.assert_allclose(x.std(0), 1.0, atol=0.2)
