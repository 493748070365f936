"""Sampling of masked tokens: what is given stays, all is filled, only the dice decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cospeech.sampling.masked import MaskedSampling, draw, masked_count, sample_masked

CODES = 12  # of the made-up network; 12 is its mask


class Network:
    """Fixed logits by place; remembers what it was shown."""

    def __init__(self, length: int, *, seed: int = 0, sharp: np.ndarray | None = None) -> None:
        self.logits = np.random.default_rng(seed).normal(size=(length, CODES))
        if sharp is not None:
            self.logits *= sharp[:, None]
        self.shown: list[np.ndarray] = []

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        self.shown.append(codes.copy())
        return self.logits


def masked(length: int, given: dict[int, int] | None = None) -> np.ndarray:
    codes = np.full(length, CODES)
    for place, code in (given or {}).items():
        codes[place] = code
    return codes


@given(st.integers(1, 30), st.integers(0, 500))
def test_fewer_are_masked_at_every_step_and_none_at_the_end(steps, length):
    counts = [masked_count(step, steps, length) for step in range(steps)]
    assert counts[-1] == 0
    assert counts == sorted(counts, reverse=True)
    assert all(0 <= count <= length for count in counts)


@settings(max_examples=60)
@given(
    data=st.data(),
    length=st.integers(1, 60),
    steps=st.integers(1, 8),
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    top_k=st.integers(0, 5),
    noise=st.floats(0, 10),
)
def test_what_is_given_stays_and_all_else_is_filled(data, length, steps, temperature, top_k, noise):
    places = data.draw(st.lists(st.integers(0, length - 1), unique=True, max_size=length))
    start = masked(length, {place: place % CODES for place in places})
    before = start.copy()
    network = Network(length)
    chosen = MaskedSampling(steps=steps, temperature=temperature, top_k=top_k, order_noise=noise)
    out = sample_masked(network, start, CODES, np.random.default_rng(0), chosen)
    np.testing.assert_array_equal(start, before)  # the input is not written to
    assert ((out >= 0) & (out < CODES)).all()
    for place in places:
        assert out[place] == place % CODES
    for shown in network.shown:  # given tokens are seen by the network at every step
        np.testing.assert_array_equal(shown[places], before[places])


def test_the_dice_alone_decide():
    def run(seed: int) -> np.ndarray:
        return sample_masked(Network(50), masked(50), CODES, np.random.default_rng(seed), MaskedSampling())

    np.testing.assert_array_equal(run(1), run(1))
    assert (run(1) != run(2)).any()


def test_as_many_are_open_as_the_schedule_says():
    network = Network(100)
    sample_masked(network, masked(100), CODES, np.random.default_rng(0), MaskedSampling(steps=5))
    assert [int((shown == CODES).sum()) for shown in network.shown] == [100, 95, 81, 59, 31]
    for before, after in zip(network.shown[:-1], network.shown[1:], strict=True):
        settled = before != CODES
        np.testing.assert_array_equal(after[settled], before[settled])  # once settled, always settled


def test_without_noise_the_surest_are_settled_first():
    sharp = np.linspace(0.2, 6, 40)[np.random.default_rng(3).permutation(40)]
    network = Network(40, sharp=sharp)
    chosen = MaskedSampling(steps=6, temperature=0.0, order_noise=0.0)
    sample_masked(network, masked(40), CODES, np.random.default_rng(0), chosen)
    p = np.exp(network.logits) / np.exp(network.logits).sum(-1, keepdims=True)
    certainty = p.max(-1)
    for shown in network.shown[1:]:
        settled = shown != CODES
        assert certainty[settled].min() >= certainty[~settled].max()


def test_with_much_noise_the_order_is_random():
    sharp = np.linspace(0.2, 6, 40)
    firsts = []
    for seed in range(60):
        network = Network(40, sharp=sharp)
        chosen = MaskedSampling(steps=6, temperature=0.0, order_noise=1e6)
        sample_masked(network, masked(40), CODES, np.random.default_rng(seed), chosen)
        firsts.append(np.flatnonzero(network.shown[2] != CODES).mean())
    assert np.mean(firsts) == pytest.approx(19.5, abs=3)  # the sure end is not preferred


def test_nothing_open_asks_nobody():
    network, start = Network(5), np.arange(5)
    out = sample_masked(network, start, CODES, np.random.default_rng(0), MaskedSampling())
    assert network.shown == []
    np.testing.assert_array_equal(out, start)


def test_temperature_zero_takes_the_likeliest():
    network = Network(30)
    chosen = replace(MaskedSampling(), temperature=0.0)
    out = sample_masked(network, masked(30), CODES, np.random.default_rng(0), chosen)
    np.testing.assert_array_equal(out, network.logits.argmax(-1))


def test_codes_are_drawn_as_often_as_they_are_likely():
    logits = np.log(np.array([0.5, 0.25, 0.15, 0.1]))
    many = np.tile(logits, (20000, 1))
    codes, probability = draw(many, np.random.default_rng(0), 1.0)
    share = np.bincount(codes, minlength=4) / len(codes)
    np.testing.assert_allclose(share, [0.5, 0.25, 0.15, 0.1], atol=0.012)
    np.testing.assert_allclose(probability, np.array([0.5, 0.25, 0.15, 0.1])[codes])
    colder = np.bincount(draw(many, np.random.default_rng(0), 0.5)[0], minlength=4) / len(codes)
    squares = np.array([0.5, 0.25, 0.15, 0.1]) ** 2
    np.testing.assert_allclose(colder, squares / squares.sum(), atol=0.012)


def test_top_k_leaves_the_others_out():
    logits = np.random.default_rng(1).normal(size=(3000, CODES))
    codes, _ = draw(logits, np.random.default_rng(0), 2.0, top_k=3)
    ranks = (np.take_along_axis(logits, codes[:, None], -1) < logits).sum(-1)
    assert set(ranks.tolist()) == {0, 1, 2}
    assert set(draw(logits, np.random.default_rng(0), 2.0, top_k=CODES + 5)[0].tolist()) == set(range(CODES))


def test_extreme_logits_do_not_break_the_draw():
    logits = np.array([[1e4, -1e4, 0.0], [-1e30, 0.0, -1e30], [0.0, 0.0, 0.0]])
    codes, probability = draw(logits, np.random.default_rng(0), 1.0)
    assert codes[:2].tolist() == [0, 1]
    np.testing.assert_allclose(probability, [1, 1, 1 / 3])
