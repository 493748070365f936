"""The network of refinement: its heatmaps are the paper's, and the background stays."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from cospeech.motion.points import POINTS, parents
from cospeech.video.warping.edge_maps import edge_list, edge_maps
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.matte import box
from cospeech.video.warping.mixture import groups, spline_flows
from cospeech.video.warping.refine import CELL, REACH, crops, near_person, open_refiner
from cospeech.video.warping.resampling import enlarge, network_flow, to_square
from portrait_data import drawn_portrait, figure_points, grid, moved_arm

torch = pytest.importorskip("torch")
nets, perceptual = (
    import_module("cospeech.video.training.portrait_network"),
    import_module("cospeech.video.training.perceptual_network"),
)
pairs, training = (import_module(f"cospeech.video.training.{name}") for name in ("portrait_pairs", "refiner"))

HEAT, PARTS = nets.HEAT, nets.PARTS
TINY = nets.PortraitConfig(channels=(8, 8, 8), render=8, weighing=(8, 8))


def shaken(refine: str):
    """A network with all weights other than they begin, as the last layer begins at 0."""
    torch.manual_seed(0)
    network = nets.PortraitGenerator(replace(TINY, refine=refine))
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in network.parameters():
            value += 0.1 * torch.randn(value.shape, generator=noise)
    return network.eval()


def network_inputs(portrait, points) -> dict:
    """What the generator takes for one picture of 256, from a pair."""
    pair = pairs.make_pair(portrait.layers, portrait.picture, portrait.picture, points)
    one = replace(pair, **{name: value[None] for name, value in vars(pair).items()})
    return training.tensors(one)


# ---------------------------------------------------------------------------- heatmaps


def slow_map(points: np.ndarray, edges: list[tuple[int, int]], sigma: float, place: np.ndarray) -> float:
    """Equations 4 to 7 as the paper writes them, at one place."""
    best = 0.0
    for i, j in edges:
        start, end = points[i], points[j]
        length = float(((end - start) ** 2).sum())
        t = float((place - start) @ (end - start)) / length if length else 0.0  # (6)
        if t <= 0:  # (5)
            distance = np.linalg.norm(place - start)
        elif t >= 1:
            distance = np.linalg.norm(place - end)
        else:
            distance = np.linalg.norm(place - ((1 - t) * start + t * end))
        best = max(best, float(np.exp(-(distance**2) / sigma**2)))  # (4), (7)
    return best


def test_heatmaps_are_those_of_the_paper():
    points = figure_points("up") / 128 - 1
    points[20] = points[19]  # an edge without length
    network = nets.EdgeMaps()
    with torch.no_grad():
        network.sigma += torch.tensor([0.1, 0.7, -0.2])
        maps = network(torch.tensor(points, dtype=torch.float32)[None])[0].numpy()
    assert maps.shape == (3, HEAT, HEAT)
    assert maps.max() > 0.95
    sigma = network.sigma.exp().tolist()
    rng = np.random.default_rng(0)
    for group in range(3):
        edges = [(a, b) for a, b, own in edge_list() if own == group]
        near = np.argwhere(maps[group] > 0.02)
        for y, x in [*rng.permutation(near)[:40], *rng.integers(0, HEAT, (10, 2))]:
            place = (np.array([x, y]) + 0.5) / (HEAT / 2) - 1
            assert maps[group, y, x] == pytest.approx(slow_map(points, edges, sigma[group], place), abs=1e-4)


def test_thickness_is_learned_and_only_where_it_should():
    points = torch.tensor(figure_points() / 128 - 1, dtype=torch.float32)[None]
    learned = nets.EdgeMaps()
    learned(points).sum().backward()
    assert (learned.sigma.grad > 0).all()  # thicker edges are larger
    assert not nets.EdgeMaps(learned=False).sigma.requires_grad
    for name, count in (("edges", 1), ("skeleton", 0), ("unet", 0)):
        network = nets.PortraitGenerator(replace(TINY, refine=name))
        parameters = [key for key, p in network.named_parameters() if "sigma" in key and p.requires_grad]
        assert len(parameters) == count


def test_edges_are_those_of_joints():
    edges = edge_list()
    assert {(a, b) for a, b, _ in edges} == {(k, p) for k, p in enumerate(parents(POINTS)) if p >= 0}
    named = {(POINTS[a], POINTS[b]): group for a, b, group in edges}
    assert named["left_wrist", "left_elbow"] == 0
    assert named["left_index2", "left_index1"] == 1
    assert named["face_1", "face_0"] == 2
    assert len(named) == 5 + 2 * 21 + 68 - 9  # of the face every run begins anew


def test_heatmaps_of_films_are_those_of_training():
    points = figure_points("up") / 128 - 1
    network = nets.EdgeMaps()
    at = (np.arange(HEAT) + 0.5) / (HEAT / 2) - 1
    with torch.no_grad():
        wanted = network(torch.tensor(points, dtype=torch.float32)[None])[0].numpy()
    thickness = network.sigma.exp().tolist()
    np.testing.assert_allclose(edge_maps(points, at, at, thickness), wanted, atol=2e-4)
    part = edge_maps(points, at[40:90], at[20:70], thickness)
    np.testing.assert_allclose(part, wanted[:, 40:90, 20:70], atol=2e-4)


# ---------------------------------------------------------------------------- dense motion


def test_splines_of_groups_carry_their_points():
    source = figure_points() / 128 - 1
    driven = source + [0.05, -0.03]
    flows = spline_flows(source, driven)
    assert flows.shape == (len(groups()), 32, 32, 2)
    at = (np.arange(32) + 0.5) / 16 - 1
    still = np.stack(np.meshgrid(at, at), -1)
    np.testing.assert_allclose(spline_flows(source, source), np.broadcast_to(still, flows.shape), atol=1e-5)
    for flow, group in zip(flows, groups(), strict=True):
        column, row = ((driven[group[0]] + 1) * 16).astype(int)
        np.testing.assert_allclose(flow[row, column] - still[row, column], [-0.05, 0.03], atol=0.01)


def test_dense_motion_begins_with_the_flow_of_the_layers_and_can_leave_it():
    portrait = drawn_portrait("up")
    inputs = network_inputs(portrait, moved_arm(portrait.points, "left", (-8.0, 10.0)))
    network = shaken("edges")
    small = [inputs[f"small_{name}"] for name in ("source", "warped", "seen", "flow", "splines")]
    heat = network.heat(inputs["points"], network.motion.still)
    new = nets.DenseMotion(TINY, 3)
    with torch.no_grad():
        assert new(*small, heat)[:, :2].abs().max() < 0.02
        new.tell.bias[29] += 30  # the identity wins everywhere
        moved = new(*small, heat)[:, :2].permute(0, 2, 3, 1) + small[3]
        torch.testing.assert_close(moved, new.still.expand_as(moved), rtol=0, atol=1e-5)
        one, other = network(inputs), network(inputs | {"small_splines": inputs["small_splines"] + 0.2})
    assert not torch.equal(one, other)
    alone = nets.PortraitGenerator(replace(TINY, motion=False))
    assert not [name for name, _ in alone.named_parameters() if "motion" in name or "hear" in name]


# ---------------------------------------------------------------------------- crops of films


@pytest.mark.parametrize("side", [256, 512, 248])
def test_crops_are_round_arms_and_face(side):
    points = figure_points("up") * side / 256
    found = crops(points, side)
    covered = np.zeros((side, side))
    for rows, columns, share in found:
        for span in (rows, columns):
            assert span.start % CELL == span.stop % CELL == 0
            assert 0 <= span.start < span.stop <= side
        assert share.shape == (rows.stop - rows.start, columns.stop - columns.start, 1)
        assert share.max() == 1
        edge = share[:, 0] if columns.start else share[:, 0] * 0
        assert edge.max() < 0.2
        covered[rows, columns] = np.maximum(covered[rows, columns], share[..., 0])
    for point in points[[1, 2, 4, 5, *range(6, 116)]]:
        if (point < side).all():
            column, row = point.astype(int)
            assert covered[row, column] == 1
    assert (covered == 0).mean() > 0.3


def test_crops_beyond_the_picture_are_left_out_and_hands_that_touch_share_one():
    points = figure_points("up")
    gone = points.copy()
    gone[[1, 2, *range(6, 27)]] += 400
    assert len(crops(gone, 256)) == len(crops(points, 256)) - 1
    folded = points.copy()
    folded[[1, 2, *range(6, 27)]] = folded[[4, 5, *range(27, 48)]]
    assert len(crops(folded, 256)) == 2


def test_what_may_change_is_near_the_person_at_any_size():
    person = np.zeros((128, 128))
    person[40:, 50:80] = 1
    near = near_person(person)
    assert near[60, 52] == near[60, 82] == 1
    assert 0 < near[60, 86] < 1
    assert near[60, 88] == near[30, 65] == near[60, 40] == 0
    large = near_person(person.repeat(2, 0).repeat(2, 1))
    np.testing.assert_allclose(large.reshape(128, 2, 128, 2).mean((1, 3)), near, atol=0.2)


# ---------------------------------------------------------------------------- what it may change


@pytest.mark.parametrize("refine", ["unet", "skeleton", "edges"])
def test_background_beyond_reach_keeps_its_bits(refine):
    portrait = drawn_portrait("up")
    moved = moved_arm(portrait.points, "left", (-8.0, 10.0))
    inputs = network_inputs(portrait, moved)
    network = shaken(refine)
    with torch.no_grad():
        made, warped, seen = network(inputs)[0].numpy(), inputs["warped"][0].numpy(), inputs["seen"][0].numpy()
    person = (seen.sum(0) > 0).repeat(2, 0).repeat(2, 1).astype(float)
    away = box(person, 2 * REACH + 1) < 1e-9
    assert away.mean() > 0.15
    np.testing.assert_array_equal(made[:, away], warped[:, away])
    assert (made != warped)[:, person > 0].mean() > 0.2
    assert (made != warped)[:, (person == 0) & ~away].mean() > 0.1


def test_a_new_network_changes_nothing():
    portrait = drawn_portrait()
    inputs = network_inputs(portrait, moved_arm(portrait.points, "left", (5.0, -5.0)))
    with torch.no_grad():
        for name in ("none", "unet", "skeleton", "edges"):
            made = nets.PortraitGenerator(replace(TINY, refine=name))(inputs)
            torch.testing.assert_close(made, inputs["warped"], rtol=0, atol=0)


def test_points_matter_where_edges_are_seen():
    portrait = drawn_portrait()
    inputs = network_inputs(portrait, portrait.points)
    for name, sees in (("unet", False), ("edges", True), ("skeleton", True)):
        network = shaken(name)
        with torch.no_grad():
            one, other = network(inputs), network(inputs | {"points": inputs["points"] + 0.1})
        assert (not torch.equal(one, other)) is sees


def test_an_unknown_kind_of_refinement_is_refused():
    with pytest.raises(ValueError, match="none, unet, skeleton, edges; got 'best'"):
        nets.PortraitConfig(refine="best")


# ---------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_flow_is_the_same_at_every_size(factor):
    """In use as in training, whatever the portrait's size: the middle of four pixels, or of 64."""
    side = 256 * factor
    places = grid(side, side)
    moved = places * [0.9, 1.1] + [10.0 * factor, -6.0 * factor] + 0.05 * places[..., ::-1]
    middles = (grid(128, 128) * 2 * factor) @ np.array([[0.9, 0.05], [0.05, 1.1]])
    wanted = (middles + [10.0 * factor, -6.0 * factor]) / (side / 2) - 1
    np.testing.assert_allclose(network_flow(moved), wanted, atol=0.3 / 128)
    still = grid(128, 128) / 64 - 1
    np.testing.assert_allclose(network_flow(places), still, atol=1e-6)


def test_flow_in_use_is_that_of_training():
    portrait = drawn_portrait()
    moved = moved_arm(portrait.points, "left", (9.0, -12.0))
    pair = pairs.make_pair(portrait.layers, portrait.picture, portrait.picture, moved)
    np.testing.assert_allclose(network_flow(draw(portrait.layers, moved).source), pair.flow, atol=1e-3)


def test_flow_of_a_picture_that_is_no_square():
    for size in ((200, 256), (256, 180), (130, 90)):
        still = network_flow(grid(*size))
        assert still.shape == (128, 128, 2)
        np.testing.assert_allclose(still, grid(128, 128) / 64 - 1, atol=1e-6)


@pytest.mark.parametrize("side", [128, 200, 256, 384, 512, 1000])
def test_pictures_are_reduced_without_shift(side):
    """A slope stays a slope: nothing is moved by half a pixel."""
    slope = grid(side, side) / side
    np.testing.assert_allclose(to_square(slope), grid(256, 256) / 256, atol=0.6 / 128)
    middle = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(to_square(slope)[middle], (grid(256, 256) / 256)[middle], atol=1e-4)
    back = enlarge(to_square(slope), side)
    np.testing.assert_allclose(back[8:-8, 8:-8], slope[8:-8, 8:-8], atol=1e-4)


def test_what_is_no_square_lies_at_the_top_left():
    picture = np.random.default_rng(0).random((180, 256, 3)).astype(np.float32)
    found = to_square(picture)
    np.testing.assert_array_equal(found[:180], picture)
    np.testing.assert_array_equal(found[180:], picture[-1:].repeat(76, 0))


# ---------------------------------------------------------------------------- the encoder that judges


def test_the_perceptual_encoder_learns_parts_and_edges():
    torch.manual_seed(0)
    portrait = drawn_portrait("up")
    source, masks = (network_inputs(portrait, portrait.points)[name] for name in ("source", "masks"))
    points = torch.tensor(portrait.points / 128 - 1, dtype=torch.float32)[None]
    network = perceptual.PerceptualEncoder(perceptual.PerceptualEncoderConfig(channels=(4, 4, 8, 8, 8)))
    batch = {"source": source, "masks": masks, "from": points}
    levels = network(source)
    assert [tuple(level.shape[1:]) for level in levels] == [
        (4, 128, 128),
        (4, 64, 64),
        (8, 32, 32),
        (8, 16, 16),
        (8, 8, 8),
    ]
    parts, edges = network.segment(source)
    assert parts.shape[1:] == (PARTS + 1, 128, 128)
    assert edges.shape[1:] == (3, 128, 128)
    optimizer = torch.optim.Adam(network.parameters(), 2e-2)
    first = None
    for _ in range(12):
        value, terms = perceptual.perceptual_encoder_loss(network, batch)
        assert set(terms) == {"parts", "edges"}
        first = first if first is not None else float(value.detach())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert float(value.detach()) < 0.8 * first


def test_the_shipped_network_paints_a_little_and_only_on_the_person():
    refiner = open_refiner("portrait")
    assert refiner is not None
    portrait = drawn_portrait()
    layers = portrait.layers
    moved = moved_arm(portrait.points, "left", (10.0, -14.0))
    drawn = draw(layers, moved)
    refiner.encode(layers, portrait.picture)
    made = refiner(drawn, moved)
    assert made.shape == drawn.picture.shape
    assert np.isfinite(made).all()
    change = np.abs(made - drawn.picture).max(-1)
    assert 0.0005 < change.mean() < 0.02
    person = drawn.seen.sum(0) > 0
    rows, columns = np.nonzero(person)
    far = np.ones_like(person)
    for dy in range(-26, 27, 13):
        for dx in range(-26, 27, 13):
            far[np.clip(rows + dy, 0, 255), np.clip(columns + dx, 0, 255)] = False
    assert far.mean() > 0.1
    assert change[far].max() < 1e-6  # of 1/255 nothing
