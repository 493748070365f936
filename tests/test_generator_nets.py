"""The generator's networks: what is masked and how much, what each may see, what is left out of the loss."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from cospeech.core.errors import UserError
from cospeech.methods.alignment.network import AlignConfig, Alignment
from cospeech.methods.contextual.network import Generator, GeneratorConfig, generator_loss, mask_tokens
from cospeech.nn.quantizer import ResidualQuantizer

torch.set_num_threads(1)

CONFIG = GeneratorConfig(
    features=12,
    codes=20,
    layers=3,
    latent=6,
    styles=2,
    width=16,
    heads=2,
    hidden=32,
    depth=2,
    residual_depth=1,
    speech_width=16,
    speech_hidden=32,
    speech_heads=2,
    fusion="both",
)
CODES = replace(CONFIG, residual="codes")
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
    generator = torch.Generator().manual_seed(seed)
    return {
        "codes": torch.randint(20, (size, length, 3), generator=generator),
        "features": torch.randn(size, length * 4, 12, generator=generator),
        "emotion": torch.eye(10)[torch.randint(10, (size,), generator=generator)],
        "style": torch.eye(2)[torch.randint(2, (size,), generator=generator)],
        "intensity": torch.randn(size, 2, generator=generator),
        "valid": torch.ones(size, length, dtype=torch.bool),
    }


def conditions(data: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    return [data["emotion"], data["style"], data["intensity"]]


def test_of_what_is_asked_eight_in_ten_are_masked_one_is_wrong_one_is_right():
    """As in BERT and MoMask."""
    torch.manual_seed(0)
    codes = torch.randint(20, (600, 56))
    hidden, predicted = mask_tokens(codes, torch.ones(600, 56, dtype=torch.bool), CONFIG)
    assert torch.equal(hidden[~predicted], codes[~predicted])
    shown = hidden[predicted]
    masked = (shown == CONFIG.codes).float().mean()
    same = (shown == codes[predicted]).float().mean()
    assert masked == pytest.approx(0.8, abs=0.01)
    assert same == pytest.approx(0.1 + 0.1 / 20, abs=0.01)  # a random code is now and then the right one
    assert (shown <= CONFIG.codes).all()
    assert (shown >= 0).all()


def test_the_ratio_is_drawn_between_its_bounds():
    torch.manual_seed(0)
    config = replace(CONFIG, prefix=0.0, suffix=0.0)
    _, predicted = mask_tokens(torch.zeros(2000, 56, dtype=torch.long), torch.ones(2000, 56, dtype=torch.bool), config)
    share = predicted.float().mean(-1)
    assert 0.5 <= share.min() < 0.55
    assert 0.95 < share.max() <= 1.0
    assert share.mean() == pytest.approx(0.75, abs=0.02)
    places = predicted.float().mean(0)  # every place is as likely as any other
    assert places.min() > 0.7
    assert places.max() < 0.8


def test_a_given_beginning_and_end_are_never_asked_for():
    torch.manual_seed(0)
    config = replace(WHOLE, prefix=0.6, suffix=0.15)
    codes = torch.randint(20, (4000, 56))
    hidden, predicted = mask_tokens(codes, torch.ones(4000, 56, dtype=torch.bool), config)
    begun, ended = ~predicted[:, 0], ~predicted[:, -1]
    assert begun.float().mean() == pytest.approx(0.6, abs=0.03)
    assert ended.float().mean() == pytest.approx(0.15, abs=0.03)
    for row in range(200):
        open_ = predicted[row].nonzero()[:, 0]
        assert torch.equal(open_, torch.arange(open_[0], open_[-1] + 1))  # one stretch
        assert open_[0] < 56 // 3
        assert 56 - 1 - open_[-1] < 56 // 8
    assert torch.equal(hidden[~predicted], codes[~predicted])


def test_padding_is_never_asked_for():
    torch.manual_seed(0)
    valid = torch.arange(40)[None] < torch.randint(2, 41, (500, 1))
    _, predicted = mask_tokens(torch.zeros(500, 40, dtype=torch.long), valid, WHOLE)
    assert torch.equal(predicted, valid)
    _, predicted = mask_tokens(torch.zeros(500, 40, dtype=torch.long), valid, CONFIG)
    assert not (predicted & ~valid).any()


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_short_windows_can_be_masked(length):
    for _ in range(20):
        hidden, predicted = mask_tokens(torch.zeros(8, length, dtype=torch.long), torch.ones(8, length).bool(), WHOLE)
        assert hidden.shape == (8, length)
        assert predicted.all()


def test_shapes(model):
    data = batch()
    speech = model.speech(data["features"])
    assert speech.shape == (3, 16, 16)
    assert model.masked(data["codes"][..., 0], speech, *conditions(data)).shape == (3, 16, 20)
    known, given = torch.zeros(3, 16, 6), torch.zeros(3, 16)
    assert model.latent(data["codes"][..., 0], known, given, speech, *conditions(data)).shape == (3, 16, 6)
    layer = torch.tensor([1, 2, 1])
    codes = Generator(CODES).residual(data["codes"], layer, speech, *conditions(data))
    assert codes.shape == (3, 16, 20)
    words = Generator(replace(CONFIG, words=5)).speech
    encoded = words(data["features"], torch.ones(3, 64, 5))
    assert encoded.shape == (3, 16, 16)
    assert (encoded - words(data["features"])).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"residual": "some"}, "unknown residual 'some'; set residual to one of latent, codes, none"),
        ({"fusion": "none"}, "unknown fusion 'none'; set fusion to one of cross, concat, both"),
        ({"quantised": False, "residual": "codes"}, "set residual to latent"),
        ({"heads": 3}, "heads 3 does not split width 16 into heads of an even size; allowed for this width: 1, 2,"),
        ({"heads": 0}, "heads 0 does not split width 16"),
        ({"speech_heads": 3}, "set speech_heads to one of them, or speech_width to a multiple of 2 * speech_heads"),
    ],
)
def test_unknown_ways_are_refused(wrong, message):
    with pytest.raises(UserError, match=re.escape(message)):
        Generator(replace(CONFIG, **wrong))


def test_the_speech_encoder_begins_as_the_alignments():
    torch.manual_seed(0)
    sizes = AlignConfig(features=12, channels=9, seen=9, width=16, hidden=32, heads=2, embedding=8, dropout=0)
    alignment = Alignment(sizes).eval()
    speech = Generator(CONFIG).eval().speech
    features = batch()["features"]
    assert not torch.allclose(speech(features), alignment.speech.frames(features))
    speech.initialise_from(alignment)
    torch.testing.assert_close(speech(features), alignment.speech.frames(features))
    wide = Generator(replace(CONFIG, width=32)).eval().speech  # another width of the blocks is no hindrance
    wide.initialise_from(alignment)
    torch.testing.assert_close(wide.content.frames(features), alignment.speech.frames(features))
    with pytest.raises(ValueError, match="other sizes"):
        Generator(replace(CONFIG, speech_width=32)).speech.initialise_from(alignment)


def test_codes_begin_as_what_they_stand_for():
    """Angles between code vectors are kept in the embedding, and codes are scored by the same vectors."""
    torch.manual_seed(0)
    network, vectors = Generator(CONFIG), torch.randn(20, 6)
    network.masked.initialise_from(vectors)
    network.latent.initialise_from(vectors)
    centred = torch.nn.functional.normalize(vectors - vectors.mean(0), dim=-1)
    for part in (network.masked, network.latent):
        own = torch.nn.functional.normalize(part.tokens.weight[:20], dim=-1)
        torch.testing.assert_close(own @ own.T, centred @ centred.T, atol=1e-4, rtol=1e-4)
        assert part.tokens.weight[:20].std().item() == pytest.approx(1, abs=0.05)
    torch.testing.assert_close(network.masked.head.weight, network.masked.tokens.weight[:20] / 4)


@pytest.mark.parametrize("fusion", ["cross", "concat"])
def test_speech_is_heard_where_it_is_said(fusion):
    """Positions are relative: moving tokens and speech together moves what is said of them."""
    torch.manual_seed(0)
    network = Generator(replace(CONFIG, fusion=fusion)).eval()
    data = batch(1, 16)
    codes, speech = data["codes"][..., 0], torch.randn(1, 16, 16)
    whole = network.masked(codes, speech, *conditions(data))
    quiet = network.masked(codes, torch.zeros_like(speech), *conditions(data))
    assert (whole - quiet).abs().max() > 1e-3
    shifted = network.masked(codes.roll(3, 1), speech.roll(3, 1), *conditions(data))
    near = (shifted.roll(-3, 1) - whole)[:, 4:9].abs().mean()
    other = (network.masked(codes, speech.roll(3, 1), *conditions(data)) - whole)[:, 4:9].abs().mean()
    assert near < 0.5 * other


def test_a_layer_reads_only_the_layers_before_it():
    torch.manual_seed(0)
    network = Generator(CODES).eval()
    data = batch()
    speech = network.speech(data["features"])
    layer = torch.tensor([1, 1, 2])
    before = network.residual(data["codes"], layer, speech, *conditions(data))
    later = data["codes"].clone()
    later[:2, :, 1:] = 0
    later[2, :, 2] = 0
    torch.testing.assert_close(network.residual(later, layer, speech, *conditions(data)), before)
    earlier = data["codes"].clone()
    earlier[..., 0] = (earlier[..., 0] + 1) % 20
    assert (network.residual(earlier, layer, speech, *conditions(data)) - before).abs().max() > 1e-3


def test_what_is_known_of_the_rest_stays_and_is_read(model):
    with torch.no_grad():
        model.latent.head.weight.normal_(0, 0.3)
    data = batch()
    speech = model.speech(data["features"])
    known, given = torch.randn(3, 16, 6), torch.zeros(3, 16)
    given[:, :4] = 1
    made = model.latent(data["codes"][..., 0], known, given, speech, *conditions(data))
    torch.testing.assert_close(made[:, :4], known[:, :4])
    known[:, 4:] += 1  # not given, so not read
    again = model.latent(data["codes"][..., 0], known, given, speech, *conditions(data))
    torch.testing.assert_close(again, made)
    known[:, 2] += 1
    other = model.latent(data["codes"][..., 0], known, given, speech, *conditions(data))
    assert (other - made)[:, 4:].abs().max() > 1e-4


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


class Linear(torch.nn.Module):
    """What a tokenizer is to the loss: codes -> sums of vectors, latents -> motion of two channels."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.quantizer = ResidualQuantizer(3, 20, 6)
        for codebook in self.quantizer.codebooks:
            codebook.vectors.copy_(torch.randn(20, 6, generator=generator))
        self.weight = torch.randn(6, 8, generator=generator)
        self.mean, self.std = torch.zeros(2), torch.ones(2)

    def decode_latent(self, latent: torch.Tensor) -> torch.Tensor:
        return (latent @ self.weight).reshape(len(latent), -1, 2)


THROUGH = ("reconstruction", "velocity", "acceleration")


@pytest.mark.parametrize("fusion", ["cross", "concat", "both"])
@pytest.mark.parametrize("residual", ["latent", "codes", "none"])
def test_the_loss_has_its_named_terms(residual, fusion):
    torch.manual_seed(0)
    network = Generator(replace(CONFIG, residual=residual, fusion=fusion)).train()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "modulation" in name or "latent.head" in name:
                value.normal_(0, 0.3)
    loss, terms = generator_loss(network, batch(), tokenizer=Linear())
    own = {"masked", "accuracy", *THROUGH} | ({"residual"} if residual != "none" else set())
    assert set(terms) == own
    weighted = sum(getattr(CONFIG, name) * terms[name] for name in THROUGH)
    torch.testing.assert_close(loss, terms["masked"] + terms.get("residual", 0) + weighted)
    assert 2.0 < terms["masked"].detach() < 4.5  # log 20 is 3
    loss.backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_without_a_quantiser_all_is_regressed():
    torch.manual_seed(0)
    network = Generator(replace(CONFIG, quantised=False)).train()
    _, terms = generator_loss(network, batch(), tokenizer=Linear())
    assert set(terms) == {"residual", *THROUGH}
    assert terms["residual"].detach() == pytest.approx(1.0, abs=0.05)  # it begins by saying nothing
    one = Generator(replace(CONFIG, layers=1))
    data = batch()
    _, terms = generator_loss(one, {**data, "codes": data["codes"][..., :1]})
    assert set(terms) == {"masked", "accuracy"}


def test_the_losses_through_the_decoder_vanish_for_the_true_motion(model):
    """A network that is sure of every true code, and of the rest, has nothing left to mend there."""
    data, tokenizer = batch(), Linear()
    whole = tokenizer.quantizer.decode(data["codes"])

    def sure(*args):
        return 100 * torch.nn.functional.one_hot(data["codes"][..., 0], 20).float()

    def rest(*args):
        return whole - tokenizer.quantizer.decode(data["codes"][..., :1])

    model.masked.forward, model.latent.forward = sure, rest
    _, terms = generator_loss(model, data, tokenizer=tokenizer)
    for name in ("masked", "residual", *THROUGH):
        assert terms[name].item() == pytest.approx(0, abs=1e-5)
    model.latent.forward = lambda *args: rest() + torch.ones(6)  # off by as much at all times
    _, terms = generator_loss(model, data, tokenizer=tokenizer)
    off = (torch.ones(6) @ tokenizer.weight).reshape(4, 2)
    assert terms["reconstruction"].item() == pytest.approx(off.abs().mean().item(), rel=1e-4)


def test_padded_tokens_are_not_in_the_loss(model):
    data, tokenizer = batch(), Linear()
    data["valid"][:, 10:] = False
    for network in (model, Generator(CODES).eval()):
        network.masked.tokens.weight.data[:20] = 0  # nobody looks at codes as input
        for part in (network.residual, network.latent):
            if part is not None:
                part.tokens.weight.data.zero_()
        found = []
        for shift in (0, 7, 5):  # targets in the padding are other ones
            data["codes"][:, 10:] = (data["codes"][:, 10:] + shift) % 20
            torch.manual_seed(0)
            terms = generator_loss(network, data, tokenizer=tokenizer)[1]
            found.append({name: terms[name].item() for name in ("masked", "reconstruction")})
        assert found[0] == found[1] == found[2]
        assert np.isfinite(found[0]["masked"])


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
            result.append(generator_loss(network, part, tokenizer=Linear())[0].item())
        return result

    dropped, kept = losses(True), losses(False)
    assert dropped[0] == dropped[1]
    assert kept[0] != kept[1]
