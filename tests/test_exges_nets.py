"""The networks of ExGes: masks, denoiser, embedding with momentum."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from cospeech.methods.alignment.network import AlignConfig, Alignment  # noqa: E402
from cospeech.methods.exges.masks import MaskConfig, constraint_masks  # noqa: E402
from cospeech.methods.exges.network import Denoiser, DenoiserConfig, TrainedDenoiser, denoiser_loss  # noqa: E402
from cospeech.methods.exges.retrieval_network import (  # noqa: E402
    Retrieval,
    RetrievalConfig,
    distilled,
    fine_similarity,
    retrieval_loss,
    shared,
)

SMALL = DenoiserConfig(
    features=48,
    channels=15,
    joints=3,
    latent=6,
    downsample=2,
    window=8,
    styles=2,
    width=16,
    heads=2,
    hidden=32,
    depth=2,
    speech_width=16,
    speech_heads=2,
    speech_hidden=32,
    dropout=0.0,
)
OWNER = torch.tensor([0] * 6 + [1] * 6 + [2] * 3)


def test_masks_have_the_shares_of_the_paper():
    """70 % constrained; of these 40, 30 and 30 % by keypoints, frames and sequences."""
    torch.manual_seed(0)
    mask = constraint_masks(3000, 40, 45, MaskConfig())
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    seen = mask.amax((1, 2)) > 0
    assert abs(seen.float().mean() - 0.7) < 0.03
    kept = mask[seen]
    by_frame = (kept == kept[:, :, :1]).all(2).all(1)
    by_joint = (kept == kept[:, :1]).all(2).all(1)
    assert abs(by_frame.float().mean() - 0.3) < 0.04
    assert abs((by_joint & ~by_frame).float().mean() - 0.3) < 0.05
    share = kept[~by_frame & ~by_joint].mean((1, 2))
    assert 0.08 < share.min()
    assert share.max() < 0.92
    assert abs(share.mean() - 0.5) < 0.04


def made(**changes) -> Denoiser:
    torch.manual_seed(0)
    deviation = torch.linspace(0.5, 3, 6)
    return Denoiser(
        DenoiserConfig(**{**vars(SMALL), **changes}), latents=(torch.arange(6.0), deviation), owner=OWNER
    ).eval()


def inputs(size: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    angle = torch.linspace(0.1, 1.4, size)
    return {
        "x": torch.randn(size, 8, 6),
        "alpha": angle.cos(),
        "sigma": angle.sin(),
        "pose": torch.randn(size, 16, 15),
        "mask": (torch.rand(size, 16, 3) < 0.5).float(),
        "speech": torch.randn(size, 8, 16),
        "emotion": torch.rand(size, 10),
        "style": torch.rand(size, 2),
        "intensity": torch.rand(size, 2),
    }


def test_a_fresh_denoiser_is_the_best_linear_one():
    """Before training it knows each number's variance and no more: the Wiener estimate."""
    net, given = made(), inputs()
    a, s = given["alpha"][:, None, None], given["sigma"][:, None, None]
    wiener = a * net.spread**2 / (a**2 * net.spread**2 + s**2) * given["x"]
    torch.testing.assert_close(net(**given), wiener)


def test_scaling_goes_there_and_back_and_has_variance_one():
    net = made()
    z = torch.arange(6.0) + torch.randn(5000, 6) * torch.linspace(0.5, 3, 6)
    x = net.scaled(z)
    torch.testing.assert_close(net.unscaled(x), z)
    assert abs(float(x.square().mean()) - 1) < 0.1
    torch.testing.assert_close(x.std(0), net.spread, atol=0.06, rtol=0.05)


def test_the_constraint_is_read_where_the_mask_is_and_nowhere_else():
    net, given = made(), inputs()
    torch.nn.init.normal_(net.head.weight)
    before = net(**given)
    hidden = given["mask"][..., OWNER] == 0
    other = torch.where(hidden, torch.full_like(given["pose"], 99.0), given["pose"])
    torch.testing.assert_close(net(**{**given, "pose": other}), before)
    assert not torch.allclose(net(**{**given, "pose": given["pose"] + 1}), before)
    assert not torch.allclose(net(**{**given, "mask": 1 - given["mask"]}), before)


@pytest.mark.parametrize("name", ["alpha", "speech", "emotion", "style", "intensity"])
def test_the_denoiser_listens_to_every_condition(name):
    net, given = made(), inputs()
    torch.nn.init.normal_(net.head.weight)
    for block in net.blocks:
        torch.nn.init.normal_(block.modulation.weight, std=0.1)
    changed = {**given, name: given[name] + 0.3}
    assert not torch.allclose(net(**changed), net(**given))


def test_a_denoiser_learns_to_use_a_constraint():
    """On latents that are a fixed map of poses, shown poses must lower the error."""
    torch.manual_seed(0)
    way = torch.randn(30, 6) * 0.3
    net = TrainedDenoiser(made(aligned=False, drop_speech=0.0, drop_condition=0.0)).train()
    net.denoiser.mean.zero_()
    net.denoiser.scale.fill_(1.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    errors = {}
    for step in range(250):
        pose = torch.randn(32, 16, 15)
        x = pose.reshape(32, 8, 30) @ way
        angle = torch.rand(32) * 1.5
        batch = {
            "x": x,
            "noise": torch.randn_like(x),
            "alpha": angle.cos(),
            "sigma": angle.sin(),
            "pose": pose,
            "mask": torch.ones(32, 16, 3),
            "features": torch.zeros(32, 16, 48),
            "emotion": torch.zeros(32, 10),
            "style": torch.zeros(32, 2),
            "intensity": torch.zeros(32, 2),
            "valid": torch.ones(32, 8, dtype=torch.bool),
        }
        loss, terms = denoiser_loss(net, batch)
        errors[step] = float(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert errors[249] < 0.35 * errors[0]
    assert set(terms) == {"noisy", "clear"}


# ------------------------------------------------------------------------ the embedding

ENCODERS = AlignConfig(
    features=48, channels=12, seen=12, width=16, hidden=32, heads=2, embedding=8, chronological=False
)
TINY = RetrievalConfig(encoders=ENCODERS, fine=4, queue=24, ramp=4)


def pairs(size: int = 6, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    origins = torch.arange(size)[:, None] + torch.tensor([[0, 100]])
    return {
        "features": torch.randn(size, 16, 48),
        "motion": torch.randn(size, 16, 12),
        "origins": origins + 1000 * seed,
    }


def test_without_distillation_the_loss_is_plain_cross_entropy():
    torch.manual_seed(0)
    scores = torch.randn(4, 7)
    barred = torch.zeros(4, 7, dtype=torch.bool)
    plain = torch.nn.functional.cross_entropy(scores, torch.arange(4))
    torch.testing.assert_close(distilled(scores, torch.randn(4, 7), barred, 0.0), plain)


def test_the_targets_are_those_of_albef():
    """y = alpha softmax(s') + (1 - alpha) onehot, by hand."""
    scores, slow = torch.randn(2, 3), torch.randn(2, 3)
    barred = torch.zeros(2, 3, dtype=torch.bool)
    target = 0.4 * slow.softmax(-1) + 0.6 * torch.eye(3)[:2]
    expected = -(target * scores.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(distilled(scores, slow, barred, 0.4), expected)


def test_what_shares_an_origin_is_no_other():
    barred = shared(torch.tensor([[1, 2], [3, -1]]), torch.tensor([[2, 5], [-1, -1], [3, 3]]))
    assert barred.tolist() == [[True, False, False], [False, False, True]]
    scores = torch.zeros(1, 3)
    with_it = distilled(scores, scores, torch.tensor([[False, False, False]]), 0.0)
    without = distilled(scores, scores, torch.tensor([[False, True, False]]), 0.0)
    assert abs(float(with_it) - math.log(3)) < 1e-5
    assert abs(float(without) - math.log(2)) < 1e-5


def test_slow_encoders_follow_and_the_queue_fills():
    torch.manual_seed(0)
    net = Retrieval(TINY, origins=2).train()
    first = [p.clone() for p in net.slow.parameters()]
    with torch.no_grad():
        for p in net.encoders.parameters():
            p.add_(1.0)
    assert all(not p.requires_grad for p in net.slow.parameters())
    retrieval_loss(net, pairs())
    for before, after in zip(first, net.slow.parameters(), strict=True):
        torch.testing.assert_close(after, before + 0.005, atol=1e-5, rtol=0)
    for seed in range(1, 6):
        retrieval_loss(net, pairs(seed=seed))
    assert (net.queued_origins >= 0).all()  # 6 batches of 6 into 24 places: all are taken, the oldest gone
    assert sorted(set((net.queued_origins[:, 0] // 1000).tolist())) == [2, 3, 4, 5]
    lengths = net.queued_speech.norm(dim=-1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))


def test_evaluation_leaves_queue_and_slow_encoders_alone():
    net = Retrieval(TINY, origins=2).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    retrieval_loss(net, pairs())
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_it_begins_as_the_alignment():
    torch.manual_seed(0)
    alignment = Alignment(ENCODERS)
    net = Retrieval(TINY).eval()
    alignment.eval()
    net.initialise_from(alignment)
    batch = pairs()
    wanted = torch.nn.functional.normalize(alignment.speech(batch["features"])[1], dim=-1)
    torch.testing.assert_close(net.encoders.of_speech(batch["features"])[1], wanted)
    with pytest.raises(ValueError, match="other sizes"):
        net.initialise_from(Alignment(AlignConfig(width=32)))


def test_frames_are_compared_in_order():
    """The same frames in another order are less alike, and a shift by a step hardly is."""
    torch.manual_seed(0)
    a = torch.nn.functional.normalize(torch.randn(1, 20, 8), dim=-1)
    same = float(fine_similarity(a, a))
    shifted = float(fine_similarity(a[:, 1:], a[:, :-1]))
    shuffled = float(fine_similarity(a, a.flip(1)))
    assert abs(same - 1) < 1e-5
    assert shifted > 0.95
    assert shuffled < 0.8


def test_the_embedding_learns_pairs():
    torch.manual_seed(0)
    way = torch.randn(48, 12) * 0.3
    net = Retrieval(TINY, origins=2).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    for step in range(200):
        batch = pairs(12, seed=step)
        batch["features"] = torch.randn(12, 1, 48) + 0.3 * batch["features"]
        batch["motion"] = batch["features"] @ way
        loss, terms = retrieval_loss(net, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(terms["accuracy"]) >= 0.5  # by chance 0.08
    assert float(terms["fine_accuracy"]) >= 0.5
