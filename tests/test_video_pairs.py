"""Training pairs of refinement: their content, their files, and that mirroring exchanges all of it."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.motion.points import FACE_MIRROR, POINTS
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.layers import cut
from cospeech.video.warping.limb_geometry import body_scale
from cospeech.video.warping.matte import box
from portrait_data import HANDS, doubled, draw_figure, drawn_portrait, figure_points, grid, moved_arm

torch = pytest.importorskip("torch")
pairs, training = (import_module(f"cospeech.video.training.{name}") for name in ("portrait_pairs", "refiner"))


def a_pair(shift=(9.0, -12.0)):
    portrait = drawn_portrait()
    moved = moved_arm(portrait.points, "left", shift)
    return pairs.make_pair(portrait.layers, portrait.picture, draw_figure(moved)[0], moved)


def stacked(*several):
    return pairs.Pair(*(np.stack([getattr(one, field.name) for one in several]) for field in fields(pairs.Pair)))


def partner(points: np.ndarray) -> np.ndarray:
    """[116, 2] pixels of 256 as they are in a mirror."""
    order = []
    for name in POINTS[:48]:
        side, _, rest = name.partition("_")
        order.append(POINTS.index(f"{'left' if side == 'right' else 'right'}_{rest}"))
    order += [48 + k for k in FACE_MIRROR]
    return points[order] * [-1, 1] + [256, 0]


def test_a_pair_says_where_everything_came_from():
    pair = a_pair()
    assert pair.source.dtype == pair.warped.dtype == pair.target.dtype == pair.masks.dtype == np.uint8
    assert pair.masks.shape == pair.seen.shape == (7, 128, 128)
    np.testing.assert_allclose((pair.points[1] - pair.points[0])[HANDS["left"]] * 128, [[9, -12]] * 21, atol=1e-3)
    # The source, looked up where the flow says, is the warped picture, wherever one part is seen.
    source = torch.from_numpy(pair.source).permute(2, 0, 1)[None].float()
    flow = torch.from_numpy(pair.flow.astype(np.float32))[None]
    found = torch.nn.functional.grid_sample(source, flow, align_corners=False, padding_mode="border")
    half = torch.nn.functional.avg_pool2d(torch.from_numpy(pair.warped).permute(2, 0, 1)[None].float(), 2)
    sure = torch.from_numpy(pair.seen).max(0).values > 250
    error = (found - half).abs().mean(1)[0][sure]
    assert error.median() < 1
    assert (error < 12).float().mean() > 0.9


def test_pairs_are_written_and_read_back(tmp_path):
    both = [a_pair(), a_pair((-4.0, -20.0))]
    pairs.write_shard(tmp_path / "", 0, both)
    (tmp_path / "other").mkdir()
    pairs.write_shard(tmp_path / "other", 0, both[:1])
    read = pairs.Pairs(tmp_path, tmp_path / "other")
    assert len(read) == 3
    batch = read.batch(np.array([1, 2, 0]))
    for wanted, k in ((both[1], 0), (both[0], 1), (both[0], 2)):
        for field in fields(pairs.Pair):
            value = getattr(batch, field.name)
            assert value.dtype == getattr(wanted, field.name).dtype
            np.testing.assert_array_equal(value[k], getattr(wanted, field.name))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no pairs in"):
        pairs.Pairs(tmp_path / "empty")


# ---------------------------------------------------------------------------- mirrors


def test_mirroring_twice_gives_the_batch_back():
    batch = training.planes_of(stacked(a_pair(), a_pair((3.0, 5.0))))
    turned = training.mirrored(batch)
    assert set(turned) == set(batch)
    again = training.mirrored(turned)
    for name, value in batch.items():
        assert turned[name].shape == value.shape
        torch.testing.assert_close(again[name], value, rtol=0, atol=0)
        assert not torch.equal(turned[name], value)


def test_a_mirrored_pair_is_the_pair_of_a_mirrored_person():
    points, right = figure_points("up"), [3, 4, 5, *range(27, 48)]
    points[right] = figure_points("down")[right]  # so that nobody is their own mirror image
    picture, person = draw_figure(points)
    moved = moved_arm(points, "left", (-6.0, 12.0))
    pair = pairs.make_pair(cut(picture, points, person), picture, draw_figure(moved)[0], moved)
    flipped = np.ascontiguousarray(picture[:, ::-1])
    layers = cut(flipped, partner(points), person[:, ::-1])
    other = pairs.make_pair(layers, flipped, draw_figure(moved)[0][:, ::-1].copy(), partner(moved))
    turned = training.mirrored(training.planes_of(stacked(pair)))
    wanted = training.planes_of(stacked(other))
    for name in ("from", "points", "source", "target"):
        torch.testing.assert_close(turned[name], wanted[name], rtol=0, atol=1e-5)
    for name, most in (("warped", 0.01), ("masks", 0.005), ("seen", 0.005), ("flow", 0.0006)):
        assert (turned[name] - wanted[name]).abs().mean() < most, name
        assert (training.tensors(stacked(pair))[name] - wanted[name]).abs().mean() > 2 * most, name


def test_batches_depend_on_step_and_process_alone(tmp_path):
    pairs.write_shard(tmp_path, 0, [a_pair((k, -2.0 * k)) for k in range(1, 5)])
    read = pairs.Pairs(tmp_path)
    batches = training.PairBatches(read, batch_size=4, seed=3)
    process = training.ProcessInfo(1, 2)
    one, same, other = (batches(step, process) for step in (5, 5, 6))
    assert len(one["source"]) == 2  # half of four, as there are two processes
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["points"], other["points"])
    assert not torch.equal(one["points"], batches(5, training.ProcessInfo(0, 2))["points"])


def test_halved_pairs_are_those_of_half_the_size():
    """Points stay, and the middles of pixels come from where they came from."""
    batch = training.planes_of(stacked(a_pair()))
    half = training.halved(batch)
    assert half["source"].shape == (1, 3, 128, 128)
    assert half["flow"].shape == (1, 64, 64, 2)
    still = training.halved(training.at_rest(batch))
    at = (torch.arange(64) + 0.5) / 32 - 1
    torch.testing.assert_close(still["flow"][0], torch.stack(torch.meshgrid(at, at, indexing="xy"), -1))
    torch.testing.assert_close(half["points"], batch["points"])


def test_large_and_small_pictures_are_drawn_equally_often(tmp_path):
    small = a_pair()
    blank = {field.name: getattr(small, field.name) for field in fields(pairs.Pair)}
    large = {name: value.repeat(2, 0).repeat(2, 1) for name, value in blank.items() if value.shape[-1] == 3}
    large |= {name: blank[name].repeat(2, 1).repeat(2, 2) for name in ("masks", "seen")}
    large["flow"] = blank["flow"].repeat(2, 0).repeat(2, 1)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    pairs.write_shard(tmp_path / "a", 0, [small] * 9)
    pairs.write_shard(tmp_path / "b", 0, [pairs.Pair(**blank | large)])
    batches = training.PairBatches(pairs.Pairs(tmp_path / "a", tmp_path / "b"), batch_size=2, window=64)
    made = [batches(step, training.ProcessInfo(0, 1)) for step in range(24)]
    assert all(batch["warped"].shape == (2, 3, 64, 64) for batch in made)
    zooms = [float(batch["zoom"][0]) for batch in made]
    assert 4 <= sum(zoom > 2 for zoom in zooms) <= 12  # large ones, of which half are halved
    rest = [batch for batch in made if torch.equal(batch["points"], batch["from"])]
    for batch in rest:
        torch.testing.assert_close(batch["warped"], batch["target"])


# ---------------------------------------------------------------------------- poses


def test_random_poses_are_those_of_speakers():
    points = figure_points()
    before = points.copy()
    rng = np.random.default_rng(0)
    poses = np.stack([pairs.random_pose(points, rng) for _ in range(200)])
    np.testing.assert_array_equal(points, before)
    again = pairs.random_pose(points, np.random.default_rng(0))
    np.testing.assert_array_equal(again, poses[0])
    assert np.isfinite(poses).all()
    scale = body_scale(points)
    for a, b in ((0, 1), (1, 2), (3, 4), (4, 5)):
        length = np.linalg.norm(poses[:, a] - poses[:, b], axis=-1)
        own = np.linalg.norm(points[a] - points[b])
        assert length.min() > 0.4 * own
        assert length.max() < max(own, 0.85 * scale) + 0.1 * scale
        assert length.std() > 0.05 * own
    for side, wrist in (("left", 2), ("right", 5)):
        hand = poses[:, HANDS[side]]
        np.testing.assert_allclose(hand[:, 0], poses[:, wrist], atol=1e-9)  # hands stay on their arms
        size = np.linalg.norm(hand[:, 9] - hand[:, 0], axis=-1) / np.linalg.norm(
            points[HANDS[side]][9] - points[HANDS[side]][0]
        )
        assert 0.75 < size.min() < size.max() < 1.3
    assert np.abs(poses - points).max(-1)[:, 48:].max() < 0.5 * scale  # heads do not fly off


def test_alike_is_what_a_picture_can_be_warped_to():
    points = figure_points("up")
    assert pairs.alike(points, points)
    turn = 1.2 * np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
    assert pairs.alike(points, points @ turn + 20)
    assert pairs.alike(points, moved_arm(points, "left", (30.0, 30.0)))
    backs = points.copy()
    hand = HANDS["right"]
    backs[hand] = (backs[hand] - backs[hand].mean(0)) * [1, -1] + backs[hand].mean(0)
    assert not pairs.alike(points, backs)
    aside = points.copy()
    aside[48:, 0] = (aside[48:, 0] - 128) * 0.35 + 128
    assert not pairs.alike(points, aside)
    assert not pairs.alike(aside, points)


def test_portraits_are_the_truth_of_their_pairs():
    portrait, large = drawn_portrait(), doubled(drawn_portrait())
    made = list(pairs.portrait_pairs(large.picture, large.points, large.person, 2, 1, real=True))
    assert len(made) == 2
    for pair in made:
        np.testing.assert_array_equal(pair.target, portrait.picture)
        np.testing.assert_allclose(pair.points[1], portrait.points / 128 - 1, atol=1e-6)
        still = np.abs(pair.source.astype(float) - pair.target).mean()
        assert np.abs(pair.warped.astype(float) - pair.target).mean() < 0.8 * still
    assert not np.array_equal(made[0].source, made[1].source)


def test_pairs_to_learn_from_have_the_faults_of_films():
    """The true portrait is wanted, and where the person was the room is not known: traces are left."""
    large = doubled(drawn_portrait())
    pair = next(pairs.portrait_pairs(large.picture, large.points, large.person, 1, 1))
    np.testing.assert_array_equal(pair.target, drawn_portrait().picture)
    assert not np.allclose(pair.points[1], drawn_portrait().points / 128 - 1, atol=1e-3)
    free = box(pair.seen.sum(0).astype(float), 1).repeat(2, 0).repeat(2, 1) == 0
    moved = free & (np.abs(pair.source.astype(float) - pair.target).max(-1) > 30)
    assert moved.sum() > 20
    assert np.abs(pair.warped.astype(float) - pair.target).max(-1)[moved].mean() > 0.1


def test_keypoints_of_pairs_are_off_as_detected_ones_are():
    """Joints by the most, then whole hands, and the face by little; all of them by so many shoulder widths."""
    points, rng = figure_points(), np.random.default_rng(0)
    off = np.stack([pairs.inexact(points, rng) for _ in range(300)]) / body_scale(points)
    assert off.std(0)[[1, 2, 4, 5]].mean() == pytest.approx(0.02, rel=0.1)
    assert off.std(0)[HANDS["left"]].mean() == pytest.approx(0.0124, rel=0.1)
    assert off.std(0)[48:].mean() == pytest.approx(0.005, rel=0.1)
    hand = off[:, HANDS["left"]]
    assert (hand - hand.mean(1, keepdims=True)).std() < 0.004  # a hand is off as a whole


def test_masks_of_pairs_grow_and_shrink():
    mask = np.zeros((128, 128))
    mask[40:90, 30:100] = 1
    rng = np.random.default_rng(0)
    areas = [pairs.inexact_mask(mask, 200.0, rng).sum() / mask.sum() for _ in range(40)]
    assert min(areas) < 0.99
    assert max(areas) > 1.01
    assert max(abs(area - 1) for area in areas) < 0.15


def test_pairs_that_warping_misses_by_far_are_left_out(monkeypatch):
    points = figure_points("down")
    poses = np.stack([points, moved_arm(points, "left", (8.0, -8.0))])
    pictures, masks = (np.stack(values) for values in zip(*map(draw_figure, poses), strict=True))
    made = list(pairs.person_pairs(pictures, poses, masks, 10, 0))
    assert len(made) == 2
    monkeypatch.setattr(pairs, "LEAST_PSNR", 60.0)
    assert not list(pairs.person_pairs(pictures, poses, masks, 10, 0))


def test_people_are_paired_with_what_is_alike(monkeypatch):
    points = figure_points("down")
    other = points.copy()
    other[48:, 0] = (other[48:, 0] - 128) * 0.3 + 128  # turned away: like no other
    poses = np.stack([points, moved_arm(points, "left", (8.0, -8.0)), other])
    drawn = [draw_figure(pose) for pose in poses]
    pictures, masks = (np.stack(values) for values in zip(*drawn, strict=True))
    pictures[2, :9] = 0
    made = list(pairs.person_pairs(pictures, poses, masks, 10, 0))
    assert len(made) == 2
    for pair in made:
        assert not np.array_equal(pair.source, pictures[2])
        assert not np.array_equal(pair.target, pictures[2])
        assert not np.array_equal(pair.source, pair.target)
    assert len(list(pairs.person_pairs(pictures, poses, masks, 1, 0))) == 1
    assert not list(pairs.person_pairs(pictures[1:], poses[1:], masks[1:], 5, 0))
    monkeypatch.setattr(pairs, "LEAST_PSNR", 0.0)
    both = list(pairs.person_pairs(pictures[1:], poses[1:], masks[1:], 5, 0, every=True))
    assert len(both) == 2  # drawn people are exact at any side


def test_the_flow_of_a_still_pair_is_the_middles_of_pixels():
    portrait = drawn_portrait()
    pair = pairs.make_pair(portrait.layers, portrait.picture, portrait.picture, portrait.points)
    np.testing.assert_allclose(pair.flow, grid(128, 128) / 64 - 1, atol=1e-3)
    assert np.abs(draw(portrait.layers, portrait.points).picture * 255 - pair.warped).max() <= 0.5001
