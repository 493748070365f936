"""Transformer blocks: positions are relative, samples do not mix, the condition counts once it is learned."""

from __future__ import annotations

import pytest
import torch

from cospeech.nn.transformer import ConditionedBlock, SelfAttention, rotary_angles, rotate

torch.set_num_threads(1)


@pytest.fixture
def block() -> ConditionedBlock:
    torch.manual_seed(0)
    return ConditionedBlock(16, 2, hidden=32).eval()


def learned(block: ConditionedBlock) -> ConditionedBlock:
    with torch.no_grad():
        block.modulation.weight.normal_(0, 0.3)
        block.modulation.bias.normal_(0, 0.3)
    return block


def test_rotation_keeps_lengths_and_sees_distances_alone():
    q, k = torch.randn(8), torch.randn(8)
    angles = rotary_angles(50, 8, torch.device("cpu"))
    assert angles.shape == (50, 4)
    turned_q, turned_k = rotate(q.expand(50, 8), angles), rotate(k.expand(50, 8), angles)
    torch.testing.assert_close(turned_q.norm(dim=-1), q.norm().expand(50))
    products = turned_q @ turned_k.T
    for distance in (0, 1, 7, 30):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=1e-4)
    assert abs(products.diagonal(3)[0] - products.diagonal(9)[0]) > 1e-3


def test_attention_runs_over_time_and_not_over_the_batch():
    torch.manual_seed(0)
    attention, x = SelfAttention(16, 4), torch.randn(5, 12, 16)
    y = attention(x)
    for row in range(5):
        torch.testing.assert_close(attention(x[row : row + 1])[0], y[row], atol=1e-5, rtol=1e-4)
    changed = x.clone()
    changed[0, 3] += 1.0
    moved = (attention(changed) - y).abs().amax(dim=-1)
    assert (moved[0] > 1e-4).all()  # every moment of that sample sees it
    assert moved[1:].max() < 1e-6


def test_attention_sees_how_far_and_not_where(monkeypatch):
    """With the same vector everywhere, what a query makes of a key is a matter of their distance alone."""
    seen = []

    def watched(q, k, v):
        seen.append((q @ k.transpose(-1, -2)).detach())
        return v

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    torch.manual_seed(0)
    SelfAttention(16, 2)(torch.randn(1, 1, 16).expand(1, 40, 16))
    for head in seen[0][0]:
        diagonals = [head.diagonal(distance) for distance in range(-30, 31)]
        assert max(float(values.max() - values.min()) for values in diagonals) < 1e-4
        assert float(head.max() - head.min()) > 1e-2


def test_attention_knows_the_order():
    torch.manual_seed(0)
    attention, x = SelfAttention(16, 4), torch.randn(1, 12, 16)
    assert not torch.allclose(attention(x.flip(1)).flip(1), attention(x), atol=1e-3)


def test_a_fresh_block_adds_the_speech_and_nothing_else(block):
    x, speech, condition = torch.randn(2, 9, 16), torch.randn(2, 9, 16), torch.randn(2, 16)
    torch.testing.assert_close(block(x, speech, condition), x + block.speech(speech))


def test_a_block_in_training_listens_to_all_it_is_given(block):
    learned(block)
    x, speech, condition = torch.randn(2, 9, 16), torch.randn(2, 9, 16), torch.randn(2, 16)
    y = block(x, speech, condition)
    assert (block(x, speech, condition + 1) - y).abs().max() > 1e-2
    assert (block(x, speech + 1, condition) - y).abs().max() > 1e-2
    for row in range(2):  # and never to a neighbour's
        alone = block(x[row : row + 1], speech[row : row + 1], condition[row : row + 1])
        torch.testing.assert_close(alone[0], y[row], atol=1e-5, rtol=1e-4)


def test_every_parameter_learns_after_the_first_step(block):
    learned(block)
    inputs = [torch.randn(2, 9, 16), torch.randn(2, 9, 16), torch.randn(2, 16)]
    block(*inputs).square().mean().backward()
    assert [name for name, p in block.named_parameters() if p.grad is None or not p.grad.any()] == []
