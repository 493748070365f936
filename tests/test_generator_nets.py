"""The generator's networks: what is masked and how much, what each may see, what is left out of the loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cospeech.methods.contextual.generator import (
    Generator,
    GeneratorConfig,
    generator_loss,
    mask_tokens,
)

torch.set_num_threads(1)

CONFIG = GeneratorConfig(
    features=12, codes=20, layers=3, styles=2, width=16, heads=2, depth=2, residual_depth=1
)
WHOLE = replace(CONFIG, mask_low=1.0, prefix=0.0, suffix=0.0)


@pytest.fixture
def model() -> Generator:
    """Every part of it counts: what begins at zero is shaken."""
    torch.manual_seed(0)
    network = Generator(CONFIG)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "modulation" in name:
                value.normal_(0, 0.3)
    return network.eval()


def batch(size: int = 3, length: int = 16, *, seed: int = 0) -> dict[str, torch.Tensor]:
    dice = torch.Generator().manual_seed(seed)
    return {
        "codes": torch.randint(20, (size, length, 3), generator=dice),
        "features": torch.randn(size, length * 4, 12, generator=dice),
        "emotion": torch.eye(10)[torch.randint(10, (size,), generator=dice)],
        "style": torch.eye(2)[torch.randint(2, (size,), generator=dice)],
        "intensity": torch.randn(size, 2, generator=dice),
        "valid": torch.ones(size, length, dtype=torch.bool),
    }


def conditions(data: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    return [data["emotion"], data["style"], data["intensity"]]


def test_of_what_is_asked_eight_in_ten_are_masked_one_is_wrong_one_is_right():
    """As in BERT and MoMask."""
    torch.manual_seed(0)
    codes = torch.randint(20, (600, 56))
    hidden, asked = mask_tokens(codes, torch.ones(600, 56, dtype=torch.bool), CONFIG)
    assert torch.equal(hidden[~asked], codes[~asked])
    shown = hidden[asked]
    masked = (shown == CONFIG.codes).float().mean()
    same = (shown == codes[asked]).float().mean()
    assert masked == pytest.approx(0.8, abs=0.01)
    assert same == pytest.approx(0.1 + 0.1 / 20, abs=0.01)  # a random code is now and then the right one
    assert (shown <= CONFIG.codes).all()
    assert (shown >= 0).all()


def test_the_ratio_is_drawn_between_its_bounds():
    torch.manual_seed(0)
    config = replace(CONFIG, prefix=0.0, suffix=0.0)
    _, asked = mask_tokens(
        torch.zeros(2000, 56, dtype=torch.long), torch.ones(2000, 56, dtype=torch.bool), config
    )
    share = asked.float().mean(-1)
    assert 0.5 <= share.min() < 0.55
    assert 0.95 < share.max() <= 1.0
    assert share.mean() == pytest.approx(0.75, abs=0.02)
    places = asked.float().mean(0)  # every place is as likely as any other
    assert places.min() > 0.7
    assert places.max() < 0.8


def test_a_given_beginning_and_end_are_never_asked_for():
    torch.manual_seed(0)
    config = replace(WHOLE, prefix=0.6, suffix=0.15)
    codes = torch.randint(20, (4000, 56))
    hidden, asked = mask_tokens(codes, torch.ones(4000, 56, dtype=torch.bool), config)
    begun, ended = ~asked[:, 0], ~asked[:, -1]
    assert begun.float().mean() == pytest.approx(0.6, abs=0.03)
    assert ended.float().mean() == pytest.approx(0.15, abs=0.03)
    for row in range(200):
        open_ = asked[row].nonzero()[:, 0]
        assert torch.equal(open_, torch.arange(open_[0], open_[-1] + 1))  # one stretch
        assert open_[0] < 56 // 3
        assert 56 - 1 - open_[-1] < 56 // 8
    assert torch.equal(hidden[~asked], codes[~asked])


def test_padding_is_never_asked_for():
    torch.manual_seed(0)
    valid = torch.arange(40)[None] < torch.randint(2, 41, (500, 1))
    _, asked = mask_tokens(torch.zeros(500, 40, dtype=torch.long), valid, WHOLE)
    assert torch.equal(asked, valid)
    _, asked = mask_tokens(torch.zeros(500, 40, dtype=torch.long), valid, CONFIG)
    assert not (asked & ~valid).any()


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_short_windows_can_be_masked(length):
    for _ in range(20):
        hidden, asked = mask_tokens(
            torch.zeros(8, length, dtype=torch.long), torch.ones(8, length).bool(), WHOLE
        )
        assert hidden.shape == (8, length)
        assert asked.all()


def test_shapes(model):
    data = batch()
    speech = model.speech(data["features"])
    assert speech.shape == (3, 16, 16)
    assert model.masked(data["codes"][..., 0], speech, *conditions(data)).shape == (3, 16, 20)
    layer = torch.tensor([1, 2, 1])
    assert model.residual(data["codes"], layer, speech, *conditions(data)).shape == (3, 16, 20)


def test_a_token_hears_half_a_second_of_speech_around_it(model):
    data = batch(1, 40)
    changed = data["features"].clone()
    changed[:, 80] += 3.0  # in the twentieth token
    moved = (model.speech(changed) - model.speech(data["features"]))[0].abs().amax(-1)
    heard = (moved > 1e-6).nonzero()[:, 0].tolist()
    assert {18, 19, 20, 21, 22} <= set(heard)
    assert heard[0] >= 16  # 16 frames before, 16 after
    assert heard[-1] <= 24


def test_a_layer_reads_only_the_layers_before_it(model):
    data = batch()
    speech = model.speech(data["features"])
    layer = torch.tensor([1, 1, 2])
    before = model.residual(data["codes"], layer, speech, *conditions(data))
    later = data["codes"].clone()
    later[:2, :, 1:] = 0
    later[2, :, 2] = 0
    torch.testing.assert_close(model.residual(later, layer, speech, *conditions(data)), before)
    earlier = data["codes"].clone()
    earlier[..., 0] = (earlier[..., 0] + 1) % 20
    assert (model.residual(earlier, layer, speech, *conditions(data)) - before).abs().max() > 1e-3


def test_samples_of_a_batch_do_not_meet(model):
    data = batch()
    speech = model.speech(data["features"])
    whole = model.masked(data["codes"][..., 0], speech, *conditions(data))
    for row in range(3):
        part = slice(row, row + 1)
        alone = model.masked(data["codes"][part, :, 0], speech[part], *(c[part] for c in conditions(data)))
        torch.testing.assert_close(alone[0], whole[row], atol=1e-5, rtol=1e-4)


def test_every_condition_counts(model):
    data = batch()
    speech = model.speech(data["features"])
    before = model.masked(data["codes"][..., 0], speech, *conditions(data))
    for k in range(3):
        changed = conditions(data)
        changed[k] = changed[k] + 1.0
        assert (model.masked(data["codes"][..., 0], speech, *changed) - before).abs().max() > 1e-3
    quiet = model.masked(data["codes"][..., 0], torch.zeros_like(speech), *conditions(data))
    assert (quiet - before).abs().max() > 1e-3


def test_the_loss_has_its_named_terms(model):
    torch.manual_seed(0)
    loss, terms = generator_loss(model.train(), batch())
    assert set(terms) == {"masked", "residual", "accuracy"}
    assert torch.equal(loss, terms["masked"] + terms["residual"])
    assert 2.0 < terms["masked"].detach() < 4.0  # log 20 is 3
    loss.backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    one = Generator(replace(CONFIG, layers=1))
    data = batch()
    _, terms = generator_loss(one, {**data, "codes": data["codes"][..., :1]})
    assert set(terms) == {"masked", "accuracy"}


def test_padded_tokens_are_not_in_the_loss(model):
    data = batch()
    data["valid"][:, 10:] = False
    torch.manual_seed(0)
    before = generator_loss(model, data)[0]
    data["codes"][:, 10:] = (data["codes"][:, 10:] + 7) % 20  # targets there are other ones
    masked = model.masked.tokens.weight.data[:20].clone()
    model.masked.tokens.weight.data[:20] = 0  # and nobody looks at them as input
    model.residual.tokens.weight.data.zero_()
    torch.manual_seed(0)
    after = generator_loss(model, data)[0]
    data["codes"][:, 10:] = (data["codes"][:, 10:] + 5) % 20
    torch.manual_seed(0)
    assert torch.equal(generator_loss(model, data)[0], after)
    model.masked.tokens.weight.data[:20] = masked
    assert torch.isfinite(before)


def test_conditions_are_dropped_in_training_only():
    data = batch(size=64, length=4)
    torch.manual_seed(0)
    network = Generator(replace(CONFIG, drop_condition=1.0, drop_speech=1.0, dropout=0.0))
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "modulation" in name:
                value.normal_(0, 0.3)
    other = {
        **data,
        "emotion": data["emotion"].roll(1, -1),
        "features": data["features"] * 2,
        "intensity": -data["intensity"],
    }

    def losses(mode: bool) -> list[float]:
        network.train(mode)
        result = []
        for part in (data, other):
            torch.manual_seed(3)
            result.append(generator_loss(network, part)[0].item())
        return result

    dropped, kept = losses(True), losses(False)
    assert dropped[0] == dropped[1]
    assert kept[0] != kept[1]
