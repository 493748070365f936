"""The bodies' meshes: valid, bound to the canonical skeleton, small; their clothes take colours."""

import numpy as np
import pytest

from cospeech.avatar.body import ASSETS, BODIES, LEVELS, chosen_body, coloured, load_body, vertex_normals
from cospeech.core.errors import UserError
from cospeech.motion.procedural.face import ARKIT_NAMES
from cospeech.motion.skeleton import MIRROR, canonical_skeleton


@pytest.fixture(
    params=[(level, name) for name in BODIES for level in LEVELS], ids=lambda param: f"{param[1]}{param[0]}"
)
def body(request):
    return load_body(*request.param)


def test_mesh_is_valid(body):
    count = len(body)
    assert body.triangles.min() == 0
    assert body.triangles.max() == count - 1
    a, b, c = body.triangles.T
    assert ((a != b) & (b != c) & (c != a)).all()
    assert np.isfinite(body.vertices).all()
    np.testing.assert_allclose(np.linalg.norm(body.normals, axis=1), 1, atol=1e-3)


def test_weights_sum_to_one(body):
    assert body.joints.shape == body.weights.shape == (len(body), 4)
    assert body.joints.max() < 55
    assert (body.weights >= 0).all()
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("name", BODIES)
def test_levels(name):
    full, light = load_body(0, name), load_body(1, name)
    assert len(light) < 0.6 * len(full) < 0.6 * 14_500
    with pytest.raises(UserError, match="levels 0 and 1"):
        load_body(7, name)


def test_a_body_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="no body 'man'; there are person, woman and mannequin"):
        load_body(0, "man")


def test_assets_are_small():
    sizes = {path.name: path.stat().st_size for path in ASSETS.iterdir()}
    assert len(sizes) == len(BODIES) * len(LEVELS)
    assert sum(size for name, size in sizes.items() if not name.startswith("person")) < 1e6
    assert sizes["person0.npz"] < 320_000  # of the page that is written unless another body is named


def test_bound_to_the_canonical_skeleton(body):
    np.testing.assert_allclose(body.joint_positions, canonical_skeleton().rest_positions, atol=1e-4)


def test_skeleton_is_symmetric(body):
    flipped = body.joint_positions[list(MIRROR)] * [-1, 1, 1]
    np.testing.assert_allclose(flipped, body.joint_positions, atol=1e-4)


def test_stands_on_the_floor_in_t_pose(body):
    low, high = body.vertices.min(0), body.vertices.max(0)
    assert abs(low[1]) < 0.003
    assert 1.70 < high[1] < 1.80
    assert 1.5 < high[0] - low[0] < 2.0  # arms spread
    np.testing.assert_allclose(high[0], -low[0], atol=0.02)


def test_mesh_is_roughly_symmetric(body):
    """Every vertex of the left hand has one near its mirror image on the right."""
    hand = body.vertices[body.vertices[:, 0] > 0.7] * [-1, 1, 1]
    other = body.vertices[body.vertices[:, 0] < -0.65]
    distance = np.sqrt(((hand[:, None] - other[None]) ** 2).sum(-1)).min(1)
    assert np.quantile(distance, 0.9) < 0.008


def test_triangles_face_outwards(body):
    """The mesh encloses a volume like a person's (divergence theorem), so faces are not inside out."""
    a, b, c = (body.vertices[body.triangles[:, k]] for k in range(3))
    volume = np.einsum("fa,fa->", a, np.cross(b, c)) / 6
    assert 0.03 < volume < 0.15


def test_colours(body):
    for values in (body.colours, body.occlusion, body.shine, body.softness, body.baked_colours):
        assert values.min() >= 0
        assert values.max() <= 1


def test_shapes(body):
    assert set(body.morphs.names) == set(ARKIT_NAMES)
    for index, delta in zip(body.morphs.indices, body.morphs.deltas, strict=True):
        assert len(index) == len(delta) > 0
        assert index.max() < len(body)
        assert np.abs(delta).max() < 0.05
    tracked = body.vertices[body.morphs.moved]
    assert tracked[:, 1].min() > 1.4  # faces only


def test_eyes_are_rigid(body):
    for joint, name in ((23, "Left"), (24, "Right")):
        ball = (body.joints[:, 0] == joint) & (body.weights[:, 0] > 0.99)
        assert ball.sum() > 50
        blink = body.morphs.names.index(f"eyeBlink{name}")
        assert not set(np.flatnonzero(ball)) & set(body.morphs.indices[blink].tolist())


def open_edges(body):
    """Share of the edges that one triangle alone has, as at the end of a sleeve; a mannequin's lines are left out."""
    places, place = np.unique(np.round(body.vertices, 5), axis=0, return_inverse=True)
    edges = np.sort(place.ravel()[body.triangles][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, number = np.unique(edges, axis=0, return_counts=True)
    open_ = number == 1
    if "lines" in body.regions:
        lines = body.vertices[body.regions["lines"].vertices]
        away = np.linalg.norm(places[edges[open_]].mean(1)[:, None] - lines[None], axis=2).min(1) > 0.012
        return float(away.sum() / len(edges))
    return float(open_.mean())


def test_other_bodies_have_no_holes():
    """Their parts end where those of the default person do, and nowhere else."""
    for name in BODIES[1:]:
        assert open_edges(load_body(0, name)) < 1.2 * open_edges(load_body(0))


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_not_the_other(name):
    """Each has a shape of its own, and eyes and lips at the same places as the default person."""
    body, default = load_body(0, name), load_body(0)
    for joint in (23, 24):
        own, first = ((b.joints[:, 0] == joint) & (b.weights[:, 0] > 0.99) for b in (body, default))
        np.testing.assert_allclose(body.vertices[own].mean(0), default.vertices[first].mean(0), atol=0.002)
    if name != BODIES[0]:
        assert len(body) != len(default) or np.abs(body.vertices - default.vertices).max() > 0.005


def test_regions_are_apart(body):
    taken = np.concatenate([region.vertices for region in body.regions.values()])
    assert len(np.unique(taken)) == len(taken) > 0.4 * len(body)
    for region in body.regions.values():
        assert np.abs(body.colours[region.vertices].mean(0) - region.colour).max() < 0.16


def test_colours_reach_their_region_and_no_other(body):
    name = next(iter(body.regions))
    region = body.regions[name].vertices
    new = coloured(body, {name: "#00ff00"})
    assert new.colours[region][:, [0, 2]].max() == 0
    assert new.colours[region][:, 1].max() > 0.5
    rest = np.setdiff1d(np.arange(len(body)), region)
    np.testing.assert_array_equal(new.colours[rest], body.colours[rest])
    assert load_body(0, body.name).colours[region[0], 0] != 0, "the stored body stays"


def test_a_region_in_its_own_colour_stays_as_it_is(body):
    name, region = next(iter(body.regions.items()))
    same = coloured(body, {name: "#" + "".join(f"{round(255 * part):02x}" for part in region.colour)})
    own = body.colours[region.vertices]
    main = np.abs(own - region.colour).max(1) < 1e-6
    assert main.mean() > 0.3
    np.testing.assert_allclose(same.colours[region.vertices][main], own[main], atol=1e-6)


@pytest.mark.parametrize(
    ("colours", "message"),
    [
        ("jacket=#34", "no colour '#34' for jacket"),
        ("jacket=bluish", "no colour 'bluish' for jacket; give #rgb"),
        ("hat=red", "no 'hat' to colour on this body .woman.; it has jacket, shirt"),
        ("navy", "colours are named as in jacket=#345,trousers=navy; got 'navy'"),
        ("", "colours are named as in"),
        (7, "colours are text as in"),
    ],
)
def test_wrong_colours_are_refused(colours, message):
    with pytest.raises(UserError, match=message):
        chosen_body("woman", colours, 1)


def test_normals_of_a_known_mesh():
    points = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], np.float32)
    normals = vertex_normals(points, np.array([[0, 1, 2]], np.int32))
    np.testing.assert_allclose(normals[0, :3], [[0, 0, 1]] * 3, atol=1e-6)
