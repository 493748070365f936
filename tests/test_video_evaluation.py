"""Evaluation of generated pictures: crops lie on the parts, distances see changes where they are."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.metrics import FVD, LPIPS, PSNR, video_reference
from cospeech.video.evaluation import (
    PerceptualFeatureExtractor,
    PictureScores,
    VideoFeatureExtractor,
    boxes,
    crops,
    score,
)
from cospeech.video.warping.mixture import centroids, groups, mixture_places, spline_places, warped
from video_data import person

SIDE = 256
POINTS = person() / 2  # in a picture of 256


def smooth(seed: int, frames: int) -> np.ndarray:
    """[T, 256, 256, 3] uint8: blots that drift."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (24, 24, 3)).repeat(16, 0).repeat(16, 1)
    return np.stack([coarse[k : k + SIDE, 2 * k : 2 * k + SIDE] for k in range(frames)]).astype(np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny encoder, trained for two steps and exported."""
    pytest.importorskip("torch")
    from cospeech.video.training.export import export_perceptual_encoder
    from cospeech.video.training.portrait_pairs import Pair, Pairs, write_shard
    from cospeech.video.training.refiner import fit_perceptual_encoder
    from cospeech.video.training.train import PRESETS

    folder = tmp_path_factory.mktemp("looks")
    pictures, half = smooth(0, 2), (7, SIDE // 2, SIDE // 2)
    masks = np.zeros(half, np.uint8)
    masks[0, 60:, 40:90] = 255
    points = np.stack([POINTS, POINTS]).astype(np.float32) / (SIDE / 2) - 1
    flow = np.zeros((SIDE // 2, SIDE // 2, 2), np.float16)
    pairs = [Pair(one, masks, one, masks, flow, one, points) for one in pictures]
    write_shard(folder, 0, pairs)
    tiny = PRESETS["tiny"]
    fit_perceptual_encoder(Pairs(folder), folder / "run", config=tiny.perceptual, training=tiny.perceptual_training)
    return export_perceptual_encoder(folder / "run", folder / "model")


@pytest.fixture(scope="module")
def encoder(model):
    return PerceptualFeatureExtractor(model)


def test_crops_lie_on_the_parts():
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    where = np.stack([x, y], -1)[None].repeat(2, 0)  # each pixel tells its place
    moved = np.stack([POINTS, POINTS])
    moved[1, 48:] += [20, 10]
    for part, span in (("left_hand", slice(6, 27)), ("right_hand", slice(27, 48)), ("face", slice(48, 116))):
        cut = crops(where, moved, part)
        assert cut.shape[0] == 2
        assert cut.shape[1] == cut.shape[2]
        for one, points in zip(cut, moved[:, span], strict=True):
            assert (one[0, 0] <= points.min(0)).all()
            assert (one[-1, -1] + 1 >= points.max(0)).all()
            assert cut.shape[1] <= 1.3 * np.ptp(points, axis=0).max() + 1
    face = crops(where, moved, "face")
    np.testing.assert_array_equal(face[1] - face[0], np.broadcast_to([20, 10], face[0].shape))


def test_elbows_and_forearms_are_cut_out_by_the_width_of_the_shoulders():
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    where = np.stack([x, y], -1)[None]
    moved = POINTS[None].copy()
    shoulders = np.linalg.norm(moved[0, 0] - moved[0, 3])
    for part, joints, beside in (("left_elbow", [1], 0.2), ("right_forearm", [4, 5], 0.12)):
        cut = crops(where, moved, part)[0]
        own = moved[0, joints]
        wanted = np.ptp(own, axis=0).max() + 2 * beside * shoulders
        assert cut.shape[0] == cut.shape[1] == np.clip(np.ceil(wanted), 24, SIDE)
        middle = (own.min(0) + own.max(0)) / 2
        half = cut.shape[0] / 2
        inside = np.clip(middle, half, SIDE - half)
        np.testing.assert_allclose(cut.reshape(-1, 2).mean(0) + 0.5, inside, atol=1)


def test_arms_are_elbows_forearms_and_hands_together(encoder):
    real, points = smooth(1, 2), np.stack([POINTS, POINTS])
    made = smooth(2, 2)
    found = score(made, real, points, clip="a", encoder=encoder)
    assert list(found) == ["picture", "elbows", "forearms", "hands", "arms", "face"]
    for name in ("psnr", "ssim", "lpips"):
        parts = [found[part].values[name] for part in ("elbows", "forearms", "hands")]
        np.testing.assert_array_equal(found["arms"].values[name], np.concatenate(parts))


def test_a_part_out_of_the_picture_is_left_out():
    gone = np.stack([POINTS, POINTS])
    gone[0, 6:27] += [0, 200]
    frames = smooth(0, 2)
    assert len(crops(frames, gone, "left_hand")) == 1
    assert len(crops(frames, gone, "right_hand")) == 2
    gone[1, 6:27] += [0, 200]
    assert crops(frames, gone, "left_hand").shape[0] == 0
    found = score(frames, frames, gone, clip="a")
    assert list(found["hands"].frames) == [0, 1]  # the right hand of both
    edge = POINTS[None] + 0.0
    edge[0, 48:] += [-POINTS[48:, 0].min(), -POINTS[48:, 1].min()]
    assert (boxes(edge, "face", (SIDE, SIDE))[0] == 0).all()


def test_wrong_keypoints_are_refused():
    frames = smooth(0, 2)
    with pytest.raises(UserError, match=r"keypoints must be \[frames, 116, 2\] pixels; got \[116, 2\]"):
        boxes(POINTS, "face", (SIDE, SIDE))
    with pytest.raises(UserError, match=r"unknown part 'foot'; known: left_hand, right_hand, left_elbow, .*, face"):
        crops(frames, np.stack([POINTS, POINTS]), "foot")
    with pytest.raises(UserError, match="2 frames and 1 sets of keypoints; give one set for each frame"):
        crops(frames, POINTS[None], "face")


def test_distances_see_what_changed_and_where(encoder):
    real, points = smooth(1, 2), np.stack([POINTS, POINTS])
    same = score(real, real, points, clip="a", encoder=encoder)
    for found in same.values():
        assert (found.values["psnr"] == 100).all()
        np.testing.assert_allclose(found.values["ssim"], 1, atol=1e-9)
        np.testing.assert_array_equal(found.values["lpips"], 0)
    made = real.copy()
    x, y = boxes(points, "left_hand", (SIDE, SIDE))[0][0]
    made[0, y : y + 40, x : x + 40] = 255 - made[0, y : y + 40, x : x + 40]
    found = score(made, real, points, clip="a", encoder=encoder)
    assert found["face"].values["psnr"].min() == 100
    hands = found["hands"]  # left of both pictures, then right
    assert list(hands.frames) == [0, 1, 0, 1]
    assert hands.values["psnr"][0] < 15
    assert (hands.values["psnr"][1:] == 100).all()
    assert hands.values["lpips"][0] > 4 * found["picture"].values["lpips"][0] > 0
    assert hands.values["lpips"][1] == 0


def test_distance_of_the_whole_is_lpips(encoder):
    real, made = smooth(1, 3), smooth(2, 3)
    metric = LPIPS(encoder)
    metric.update(made, real, clip="a")
    found = score(made, real, np.stack([POINTS] * 3), clip="a", encoder=encoder)["picture"].values["lpips"]
    assert found.mean() == pytest.approx(metric.compute().value, rel=1e-5)
    known = score(made, real, np.stack([POINTS] * 3), clip="a", encoder=encoder, known=encoder(real / 255.0))["picture"]
    np.testing.assert_allclose(known.values["lpips"], found)


def test_scores_are_means_over_the_requested_frames():
    real, points = smooth(1, 4), np.stack([POINTS] * 4)
    made = np.clip(real.astype(int) + np.array([1, 2, 4, 8])[:, None, None, None], 0, 255).astype(np.uint8)
    found = score(made, real, points, clip="a")
    every, some = PictureScores(), PictureScores()
    every.add(found, clip="a")
    some.add(found, clip="a", only=np.array([True, False, False, True]))
    psnr = PSNR()
    psnr.update(made[[0, 3]], real[[0, 3]], clip="a")
    assert some.compute()["picture"]["psnr"].value == pytest.approx(psnr.compute().value)
    assert every.compute()["picture"]["psnr"].count == 4
    assert every.compute()["hands"]["ssim"].count == 8
    assert some.compute()["hands"]["ssim"].count == 4
    none = PictureScores()
    none.add(found, clip="a", only=np.zeros(4, bool))
    assert none.compute() == {}


def test_the_encoder_is_named_by_what_it_is(model, encoder, tmp_path):
    assert encoder.id.startswith("cospeech-looks-")
    assert PerceptualFeatureExtractor(model).id == encoder.id
    layers = encoder(np.zeros((3, 100, 140, 1)))
    assert [layer.shape for layer in layers] == [
        (3, SIDE >> k, SIDE >> k, channels) for k, channels in enumerate(encoder.channels, 1)
    ]
    assert [weight.sum() for weight in encoder.weights] == pytest.approx([1] * len(layers))
    other = tmp_path / "other"
    shutil.copytree(model, other)
    config = json.loads((other / "config.json").read_text())
    for change, message in (
        ({"method": "portrait"}, "is a model of 'portrait'; a model of 'looks' is needed"),
        ({"config": {}}, "must list two or more config.channels; got None, export the model again"),
    ):
        (other / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(UserError, match=message):
            PerceptualFeatureExtractor(other)


def test_features_of_videos_describe_content_and_motion(encoder):
    film = VideoFeatureExtractor(encoder)
    assert film.id == f"{encoder.id}-film16"
    moving = smooth(3, 20)
    rows = film(moving / 255.0)
    assert rows.shape == (5, film.dim)
    assert film(moving[:15] / 255.0).shape == (0, film.dim)
    still = film(np.repeat(moving[:1], 16, 0) / 255.0)[0]
    first = encoder.channels[-2]
    moves = np.r_[first : 2 * first, film.dim - encoder.channels[-1] : film.dim]
    assert (still[moves] == 0).all()
    assert (rows[:, moves].mean(0) > 0).all()
    np.testing.assert_allclose(still[:first], encoder(moving[:1] / 255.0)[-2].mean((0, 1, 2)), rtol=1e-4)


def test_the_distance_of_films_sees_shuffled_frames(encoder):
    film = VideoFeatureExtractor(encoder)
    real = [(str(k), smooth(k, 30)) for k in range(3)]
    reference = video_reference(real, film)
    values = []
    for order in (np.arange(30), np.random.default_rng(0).permutation(30)):
        distance = FVD(reference, film)
        for clip, frames in real:
            distance.update(frames[order], clip=clip)
        values.append(distance.compute())
    assert values[0].value == pytest.approx(0, abs=1e-9)
    assert values[1].value > 1e-6
    assert values[1].extractor == film.id


def test_the_mixture_moves_what_is_near_the_points_and_keeps_the_rest():
    assert sorted(groups().ravel()) == list(range(116))
    size = (SIDE, SIDE)
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    grid = np.stack([x, y], -1)
    np.testing.assert_allclose(mixture_places(POINTS, POINTS, size), grid, atol=0.02)
    came = mixture_places(POINTS, POINTS + [6.0, 4.0], size) - grid
    for point in POINTS[[2, 16, 80]] + [6.0, 4.0]:
        column, row = point.astype(int)
        np.testing.assert_allclose(came[row, column], [-6, -4], atol=0.3)
    np.testing.assert_allclose(came[:8, :8], 0, atol=0.05)
    picture = smooth(0, 1)[0]
    np.testing.assert_array_equal(warped(picture, grid), picture)
    whole = spline_places(POINTS, POINTS + [6.0, 4.0], size) - grid
    np.testing.assert_allclose(whole[70, 130], [-6, -4], atol=1.0)
    np.testing.assert_allclose(whole[[0, 0, -1, -1], [0, -1, 0, -1]], 0, atol=0.5)


def test_centroids_are_middles_of_what_is_seen():
    parts = np.zeros((7, 40, 40), np.float32)
    parts[0, :, 10:30] = 1
    parts[1, 4:8, 30:34] = 1
    found = centroids(parts)
    np.testing.assert_allclose(found[0], [32, 6])
    assert np.isnan(found[1:6]).all()
    np.testing.assert_allclose(found[6:], [[20, 5], [20, 15], [20, 25], [20, 35]])
