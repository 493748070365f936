"""Residual quantisation: codes that are used, errors that fall, and a state that a checkpoint holds whole."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from cospeech.nn.quantizer import Codebook, ResidualQuantizer

torch.set_num_threads(1)


def clusters(count: int = 16, dim: int = 8, size: int = 512, *, seed: int = 0) -> torch.Tensor:
    """[1, size, dim]: points around ``count`` centres."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(count, dim, generator=torch.Generator().manual_seed(99)) * 3
    which = torch.randint(count, (size,), generator=generator)
    return (centres[which] + 0.05 * torch.randn(size, dim, generator=generator))[None]


def trained(layers: int = 4, size: int = 32, dim: int = 8, steps: int = 60) -> ResidualQuantizer:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(layers, size, dim, dropout=0.0)
    for step in range(steps):
        quantizer(torch.randn(4, 128, dim, generator=torch.Generator().manual_seed(step)))
    return quantizer.eval()


def test_nearest_is_nearest():
    codebook, x = Codebook(40, 6), torch.randn(200, 6)
    assert torch.equal(codebook.nearest(x), torch.cdist(x, codebook.vectors).argmin(-1))


def test_perplexity_grows_to_the_number_of_clusters():
    """A first batch of one cluster leaves all codes in one place; they spread when the others come."""
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(1, 16, 8, dropout=0.0)
    quantizer(clusters(1))
    perplexities = [float(quantizer(clusters(seed=step)).perplexity) for step in range(150)]
    assert perplexities[0] < 4
    assert perplexities[-1] > 10
    error = (quantizer(clusters(seed=999)).latent - clusters(seed=999)).square().mean()
    assert error < 0.5 * clusters().var()


def test_dead_codes_are_replaced_by_members_of_the_batch():
    torch.manual_seed(0)
    codebook = Codebook(8, 4)
    x = torch.randn(64, 4)
    codebook.start(x)
    with torch.no_grad():
        codebook.vectors[3] = codebook.total[3] = 1e3  # nobody will choose it
        codebook.count[3] = 0.1
    used = codebook.vectors.clone()
    codebook.update(x, codebook.nearest(x))
    assert torch.cdist(codebook.vectors[3:4], x).min() < 1e-6
    assert codebook.count[3] == 1.0
    assert torch.equal(codebook.total[3], codebook.vectors[3])
    moved = (codebook.vectors - used).norm(dim=-1)
    assert moved[torch.arange(8) != 3].max() < 2.0


def test_vectors_are_running_means_of_their_members():
    torch.manual_seed(0)
    codebook = Codebook(2, 3, decay=0.5)
    points = torch.tensor([[1.0, 0, 0], [3.0, 0, 0], [0, 5.0, 0], [0, 7.0, 0]])
    codebook.vectors.copy_(points[[0, 2]])
    codebook.total.copy_(codebook.vectors)
    for _ in range(20):
        codebook.update(points, torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(codebook.vectors, torch.tensor([[2.0, 0, 0], [0, 6.0, 0]]), atol=1e-3, rtol=0)


def test_a_checkpoint_holds_the_running_sums():
    """What the field's repositories forget: without the sums a resumed run jumps."""
    torch.manual_seed(0)
    first = ResidualQuantizer(2, 16, 8, dropout=0.0)
    for step in range(10):
        first(clusters(seed=step))
    state = first.state_dict()
    assert {name.split(".")[-1] for name in state} == {"vectors", "count", "total", "ready"}
    second = ResidualQuantizer(2, 16, 8, dropout=0.0)
    second.load_state_dict({name: value.clone() for name, value in state.items()})
    for quantizer in (first, second):
        torch.manual_seed(1)
        for step in range(10, 15):
            quantizer(clusters(seed=step))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_encode_and_decode_agree_with_the_whole():
    quantizer, z = trained(), torch.randn(3, 20, 8)
    result = quantizer(z)
    codes = quantizer.encode(z)
    assert torch.equal(codes, result.codes)
    assert codes.shape == (3, 20, 4)
    assert codes.dtype == torch.int64
    torch.testing.assert_close(quantizer.decode(codes), result.latent)
    assert torch.equal(quantizer.encode(z[1:2]), codes[1:2])  # a code is no matter of the batch


def test_every_layer_lowers_the_error():
    quantizer, z = trained(), torch.randn(8, 100, 8, generator=torch.Generator().manual_seed(5))
    codes = quantizer.encode(z)
    errors = [float((quantizer.decode(codes[..., :k]) - z).square().mean()) for k in range(1, 5)]
    assert errors[0] < 0.8 * float(z.square().mean())
    for before, after in pairwise(errors):
        assert after < 0.85 * before


def test_a_dropped_layer_adds_nothing():
    quantizer = trained()
    codes = quantizer.encode(torch.randn(1, 9, 8))
    cut = codes.clone()
    cut[..., 2:] = -1
    assert torch.equal(quantizer.decode(cut), quantizer.decode(codes[..., :2]))


def test_dropout_uses_the_first_layers_only_and_only_in_training():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(4, 16, 8, dropout=1.0)
    used = set()
    for step in range(40):
        codes = quantizer(clusters(seed=step)).codes
        kept = (codes[0, 0] >= 0).tolist()
        assert kept == sorted(kept, reverse=True)
        assert kept[0]
        assert ((codes >= 0) == (codes[:1, :1] >= 0)).all()
        used.add(sum(kept))
    assert used == {1, 2, 3, 4}
    assert (quantizer.eval()(clusters()).codes >= 0).all()


def test_gradients_pass_straight_through_and_commitment_pulls():
    quantizer = trained()
    z = torch.randn(1, 30, 8, requires_grad=True)
    weight = torch.randn(1, 30, 8)
    (quantizer(z).latent * weight).sum().backward()
    torch.testing.assert_close(z.grad, weight)
    z.grad = None
    quantizer(z).commitment.backward()
    with torch.no_grad():
        nearer = z - 0.1 * z.grad / z.grad.abs().max()
        assert quantizer(nearer).commitment < quantizer(z).commitment


def test_evaluation_changes_nothing():
    quantizer = trained()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(torch.randn(2, 50, 8))
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_around_it_does_not_confuse_near_codes(dtype):
    quantizer, z = trained(), torch.randn(1, 64, 8)
    with torch.autocast("cpu", dtype=dtype):
        result = quantizer(z)
    assert result.latent.dtype == torch.float32
    assert torch.equal(result.codes, quantizer.encode(z))


def test_weights_with_the_old_name_of_the_codebooks_are_read():
    torch.manual_seed(0)
    saved, fresh = ResidualQuantizer(3, 8, 4), ResidualQuantizer(3, 8, 4)
    for codebook in saved.codebooks:
        codebook.vectors.normal_()
    old = {name.replace("codebooks.", "books."): value for name, value in saved.state_dict().items()}
    fresh.load_state_dict(old)
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, saved.state_dict()[name])
