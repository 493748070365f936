"""The detector: networks in ONNX, regions and boxes, what the points of a person become, and all of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from cospeech.core.errors import UserError
from cospeech.motion.points import POINTS
from cospeech.video.detection import boxes, extraction
from cospeech.video.detection.boxes import Detection, Detector, detections
from cospeech.video.detection.conversion import INPUT, onnx_file
from cospeech.video.detection.face_mesh import MESH, MESH_SIZE, REGIONS
from cospeech.video.detection.holistic import Person, Steady, _kept, _Smoothing
from cospeech.video.detection.keypoints import check_person, find_keypoints
from cospeech.video.detection.regions import Region, cropped, turn_between
from cospeech.video.detection.setup import networks_folder
from cospeech.video.detection.tflite import read_network
from tflite_data import Step, write_network

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(0)


# ---------------------------------------------------------------------------- networks


def run(data: bytes, picture: np.ndarray) -> list[np.ndarray]:
    """A network's outputs, by way of ONNX, for a picture [1, H, W, C]."""
    model = onnx_file(read_network(data, "net"), "net")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {INPUT: picture.transpose(0, 3, 1, 2)})


def one_step(
    kind: str, picture: np.ndarray, shape: tuple, options: dict, *constants: np.ndarray, weights16: bool = False
) -> np.ndarray:
    """The output of a network of one operator."""
    tensors = [(picture.shape, None), *((one.shape, one.ravel()) for one in constants), (shape, None)]
    step = Step(kind, range(len(tensors) - 1), len(tensors) - 1, options)
    (found,) = run(write_network(tensors, [step], 0, [len(tensors) - 1]), picture)
    assert found.shape == shape
    return found


def convolved(picture: np.ndarray, weights: np.ndarray, stride: int) -> np.ndarray:
    """A convolution [1, H, W, O] by definition, with TensorFlow's padding "same", which is more at the end."""
    _, height, width, _ = picture.shape
    out, rows, columns, _ = weights.shape
    size = [-(-height // stride), -(-width // stride)]
    missing = [max((size[0] - 1) * stride + rows - height, 0), max((size[1] - 1) * stride + columns - width, 0)]
    padded = np.pad(picture[0], [(gap // 2, gap - gap // 2) for gap in missing] + [(0, 0)])
    result = np.zeros((1, *size, out), np.float32)
    for y in range(size[0]):
        for x in range(size[1]):
            part = padded[y * stride : y * stride + rows, x * stride : x * stride + columns]
            result[0, y, x] = np.tensordot(weights, part, axes=3)
    return result


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions(stride):
    picture = RNG.normal(size=(1, 6, 8, 3)).astype(np.float32)
    weights, bias = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
    wanted = convolved(picture, weights, stride) + bias
    options = {0: ("b", 0), 1: ("i", stride), 2: ("i", stride)}
    np.testing.assert_allclose(one_step("CONV_2D", picture, wanted.shape, options, weights, bias), wanted, atol=1e-5)
    limited = one_step("CONV_2D", picture, wanted.shape, {**options, 3: ("b", 3)}, weights, bias)
    np.testing.assert_allclose(limited, np.clip(wanted, 0, 6), atol=1e-5)
    each = weights[:1]
    apart = np.concatenate(
        [convolved(picture[..., k : k + 1], each[..., k : k + 1], stride) for k in range(3)], axis=-1
    )
    options[3] = ("i", 1)
    np.testing.assert_allclose(one_step("DEPTHWISE_CONV_2D", picture, apart.shape, options, each), apart, atol=1e-5)


def test_other_operators():
    picture = RNG.normal(size=(1, 4, 6, 4)).astype(np.float32)
    around = np.array([[0, 0], [1, 0], [0, 2], [3, 1]], np.int32)
    np.testing.assert_array_equal(one_step("PAD", picture, (1, 5, 8, 8), {}, around), np.pad(picture, around))
    slopes = RNG.normal(size=(1, 1, 4)).astype(np.float32)
    wanted = np.where(picture > 0, picture, picture * slopes)
    np.testing.assert_allclose(one_step("PRELU", picture, picture.shape, {}, slopes), wanted, rtol=1e-6)
    np.testing.assert_allclose(one_step("LOGISTIC", picture, picture.shape, {}), 1 / (1 + np.exp(-picture)), rtol=1e-5)
    np.testing.assert_array_equal(one_step("RESHAPE", picture, (1, 24, 4), {}), picture.reshape(1, 24, 4))
    deep = picture.reshape(1, 4, 6, 2, 2, 1).transpose(0, 1, 3, 2, 4, 5).reshape(1, 8, 12, 1)
    np.testing.assert_array_equal(one_step("DEPTH_TO_SPACE", picture, (1, 8, 12, 1), {0: ("i", 2)}), deep)
    pooled = picture.reshape(1, 2, 2, 3, 2, 4).max((2, 4))
    options = {number: ("i", 2) for number in (1, 2, 3, 4)} | {0: ("b", 1)}
    np.testing.assert_array_equal(one_step("MAX_POOL_2D", picture, pooled.shape, options), pooled)
    level = np.full((1, 2, 2, 1), 3, np.float32)
    np.testing.assert_allclose(one_step("RESIZE_BILINEAR", level, (1, 5, 4, 1), {3: ("b", 1)}), 3.0, rtol=1e-6)
    matrix = RNG.normal(size=(5, 96)).astype(np.float32)
    wanted = picture.reshape(1, -1) @ matrix.T
    np.testing.assert_allclose(one_step("FULLY_CONNECTED", picture, (1, 5), {}, matrix), wanted, rtol=1e-4)


def test_sparse_weights_become_dense():
    """Rows kept as compressed ones, of single weights and of blocks of two by one."""

    def sizes(size: int) -> dict:
        return {0: ("b", 0), 1: ("i", size)}

    def compressed(segments: list[int], indices: list[int]) -> dict:
        bytes_, words = np.array(segments, np.uint8), np.array(indices, np.uint16)
        return {0: ("b", 1), 2: ("b", 3), 3: {0: bytes_}, 4: ("b", 2), 5: {0: words}}

    single = {0: np.array([0, 1], np.int32), 2: [sizes(2), compressed([0, 1, 3], [1, 0, 2])]}
    blocks = {
        0: np.array([0, 1, 2], np.int32),
        1: np.array([0], np.int32),
        2: [sizes(2), compressed([0, 1, 2], [2, 0]), sizes(2)],
    }
    for sparsity, values, wanted in (
        (single, [1, 2, 3], [[0, 1, 0], [2, 0, 3]]),
        (blocks, [1, 2, 3, 4], [[0, 0, 1], [0, 0, 2], [3, 0, 0], [4, 0, 0]]),
    ):
        shape = (len(wanted), 3)
        held = np.array(values, np.float16)
        tensors = [
            ((1, 1, 3, 1), None),
            (shape, held, sparsity),
            (shape, None),
            (shape, None),
            ((1, len(wanted)), None),
        ]
        steps = [Step("DENSIFY", [1], 2, {}), Step("DEQUANTIZE", [2], 3, {}), Step("FULLY_CONNECTED", [0, 3], 4, {})]
        (made,) = run(write_network(tensors, steps, 0, [4]), np.array([1, 10, 100], np.float32).reshape(1, 1, 3, 1))
        np.testing.assert_array_equal(made[0], np.array(wanted) @ [1, 10, 100])


def test_networks_that_cannot_be_used():
    picture = np.zeros((1, 4, 4, 1), np.float32)
    with pytest.raises(UserError, match=r"net has the operator RESIZE|net is no network that can be read"):
        one_step("RESIZE_NEAREST_NEIGHBOR", picture, (1, 8, 8, 1), {})
    for data in (b"", b"hello hello hello", b"\xff\xff\xff\xffTFL3" + b"\xff" * 40):
        with pytest.raises(UserError, match=r"net is no network that can be read"):
            read_network(data, "net")
    with pytest.raises(UserError, match=r"dilated"):
        one_step("CONV_2D", picture, (1, 4, 4, 1), {4: ("i", 2)}, np.zeros((1, 3, 3, 1), np.float32))


# ---------------------------------------------------------------------------- regions and boxes


def test_regions_turn_and_return():
    region = Region(100.0, 60.0, 40.0, 20.0, np.pi / 2)  # its upper side is to the right
    np.testing.assert_allclose(
        region.to_picture(np.array([(0.5, 0.5), (0.5, 0.0), (0.0, 0.5)])), [(100, 60), (110, 60), (100, 40)]
    )
    spots = RNG.normal(size=(7, 2)) * 50
    np.testing.assert_allclose(region.to_picture(region.to_shares(spots)), spots)
    np.testing.assert_allclose(turn_between(np.zeros(2), np.array([0, -1.0]), np.pi / 2), 0, atol=1e-12)
    np.testing.assert_allclose(turn_between(np.zeros(2), np.array([1.0, 0]), np.pi / 2), np.pi / 2)
    square = Region(50.0, 50.0, 20.0, 10.0).squared(2.0, down=-0.5)
    assert (square.x, square.y, square.width, square.height) == (50, 45, 40, 40)
    assert Region(0, 0, 30, 10).widened(1.0) == Region(0, 0, 30, 30)
    around = Region.of_turned_points(np.array([(0.0, 0.0), (10.0, 10.0), (-10.0, 10.0), (0.0, 20.0)]), np.pi / 4)
    np.testing.assert_allclose(
        [around.x, around.y, around.width, around.height], [0, 10, 200**0.5, 200**0.5], atol=1e-9
    )


def test_crops_show_what_is_in_the_region():
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    picture = np.stack([x * 2, y * 3, np.full_like(x, 200)], axis=-1).astype(np.uint8)
    for turn in (0.0, 0.4, np.pi / 2, -2.5):
        region = Region(30.0, 24.0, 16.0, 16.0, turn)
        shown = cropped(picture, region, 32)
        spots = region.to_picture(np.stack(np.meshgrid(np.arange(32), np.arange(32)), axis=-1) / 32)
        np.testing.assert_allclose(shown[..., :2], spots * [2, 3], atol=1.01)
    beside = Region(-8.0, 24.0, 16.0, 16.0)
    assert (cropped(picture, beside, 8)[..., 2] == 200).all()
    assert (cropped(picture, beside, 8, black_outside=True) == 0).all()


class FakeNetworks:
    """A detector that answers with boxes [N, 2 + K, 2]: middle, size and points in pixels of its input."""

    def __init__(self, cell: np.ndarray, boxes: list[tuple[int, float, list]], numbers: int) -> None:
        self.raw, self.logits = (
            np.zeros((1, len(cell), numbers), np.float32),
            np.full((1, len(cell), 1), -9, np.float32),
        )
        for place, logit, values in boxes:
            spots = np.array(values, float)
            spots[[0, *range(2, len(spots))]] -= cell[place]
            self.raw[0, place], self.logits[0, place] = spots.ravel(), logit

    def run(self, name: str, picture: np.ndarray) -> list[np.ndarray]:
        assert picture.shape == (8, 8, 3)
        return [self.raw, self.logits]


def test_boxes_that_overlap_are_one():
    detector = Detector("any", 8, ((2, 1),), 0.5, -1.0)
    cell = np.array([(2, 2), (6, 2), (2, 6), (6, 6)], float)
    hands = [
        (0, 3.0, [(2, 2), (2, 2), (3, 3)]),
        (1, 3.0, [(2.5, 2), (2, 2), (4, 3)]),  # the same
        (2, 1.0, [(2, 6), (2, 2), (2, 6)]),
        (3, -1.0, [(6, 6), (2, 2), (6, 6)]),  # not sure enough
    ]
    picture = np.zeros((40, 80, 3), np.uint8)  # 80 pixels are the 8 of the input, with 20 of black above and below
    one, two = detections(FakeNetworks(cell, hands, 6), detector, picture)  # type: ignore[arg-type]
    np.testing.assert_allclose(one.box, [(12.5, -10), (32.5, 10)], atol=1e-4)
    np.testing.assert_allclose(one.points, [(35, 10)], atol=1e-4)
    np.testing.assert_allclose(two.points, [(20, 40)], atol=1e-4)
    assert one.score > two.score > 0.5
    assert detections(FakeNetworks(cell, [], 6), detector, picture) == []  # type: ignore[arg-type]


def test_detectors_have_as_many_boxes_as_their_networks():
    counts = {"FACES_NEAR": 896, "FACES_FAR": 2304, "PEOPLE": 2254, "PALMS": 2016}
    for name, count in counts.items():
        assert sum(side * side * each for side, each in getattr(boxes, name).cells) == count


def test_a_region_stays_while_little_moves():
    points = np.array([(48.0, 48.0), (52.0, 52.0)])
    old, steady = Region(50.0, 50.0, 20.0, 20.0), Steady(degrees=30.0, share=0.2, growth=0.3, margin=0.1)
    assert _kept(points, old, Region(52.0, 50.0, 20.0, 20.0, 0.3), steady) is old
    for moved in (
        Region(56.0, 50.0, 20.0, 20.0),
        Region(50.0, 50.0, 40.0, 40.0),
        Region(50.0, 50.0, 20.0, 20.0, 1.0),
        Region(50.0, 50.0, 20.0, 20.0, 0.1),  # the points below lie outside
    ):
        far = points + [30, 0] if moved.turn == 0.1 else points
        assert _kept(far, old, moved, steady) is moved


def test_smoothing_calms_and_follows():
    noise = RNG.normal(size=(60, 1, 2))
    still, rush = _Smoothing(30.0, 0.05, 80.0), _Smoothing(30.0, 0.05, 80.0)
    calm = np.stack([still(one * 0.2, 400.0) for one in noise])
    assert calm[20:].std() < 0.5 * (noise * 0.2)[20:].std()
    for k in range(30):
        last = rush(np.full((1, 2), 40.0 * k), 400.0)
    assert np.abs(last - 40.0 * 29).max() < 12


# ---------------------------------------------------------------------------- the points of a person


def found(*, left=None, right=None, face=None) -> Person:
    """A pose whose shoulders are 400 apart, with wrists at (700, 700) and (300, 700)."""
    pose = np.zeros((33, 2))
    pose[[11, 13, 15, 12, 14, 16]] = [(700, 400), (750, 600), (700, 700), (300, 400), (250, 600), (300, 700)]
    return Person(pose, np.full(33, 0.8), (left, right), face)


def test_the_mesh_has_a_face_in_it():
    assert len(set(MESH)) == len(MESH) == 68
    assert max(MESH) < MESH_SIZE
    assert [len(set(region)) for region in REGIONS] == [80, 71, 71]


def test_where_everything_goes():
    left = np.stack([720 + np.arange(21) * 2, np.full(21, 720)], axis=1).astype(float)
    mesh = np.stack([np.arange(468), np.full(468, 200)], axis=1).astype(float)
    points, confidence = extraction.keypoints_of(found(left=left, face=mesh))
    at = dict(zip(POINTS, points.tolist(), strict=True))
    sure = dict(zip(POINTS, confidence.tolist(), strict=True))
    assert at["left_shoulder"] == [700, 400]
    assert at["right_elbow"] == [250, 600]
    assert at["left_hand"] == at["left_wrist"] == [720, 720]  # the hand knows better
    assert at["left_pinky4"] == [760, 720]
    assert at["right_wrist"] == [300, 700]
    assert at["face_8"] == [152, 200]  # 152 is the chin
    assert sure["left_hand"] == sure["left_wrist"] == sure["face_0"] == 1
    assert sure["right_hand"] == 0
    np.testing.assert_allclose(sure["right_wrist"], 0.8, atol=1e-6)


def test_a_hand_far_from_its_wrist_is_none():
    _, confidence = extraction.keypoints_of(found(right=np.full((21, 2), 700.0)))  # at the left wrist
    assert not confidence[27:48].any()
    assert not extraction.keypoints_of(None)[1].any()


def test_small_faces_are_not_counted():
    def faces(*widths: float) -> list[Detection]:
        return [Detection(0.9, np.array([(0.0, 0.0), (width, width)]), np.zeros((6, 2))) for width in widths]

    assert extraction.count_people(faces(0.2, 0.05)) == 1
    assert extraction.count_people(faces(0.2, 0.15, 0.09)) == 2
    assert extraction.count_people([]) == 0


def test_a_wrist_does_not_jump_when_its_hand_is_lost():
    frames = 10
    poses = np.stack([np.linspace(0, 90, frames), np.full(frames, 50.0)], axis=1)
    points, confidence = np.zeros((frames, 116, 2)), np.ones((frames, 116))
    confidence[4:7, 6:27] = 0
    confidence[5, 2] = 0
    points[:, 2] = poses + [0, 12]  # the hand's root
    points[4:7, 2] = poses[4:7]
    extraction.steady_wrists(points, confidence, 0, poses)
    np.testing.assert_allclose(points[[3, 4, 6, 7], 2], poses[[3, 4, 6, 7]] + [0, 12])
    np.testing.assert_allclose(points[5, 2], poses[5])  # no pose either
    untouched = points.copy()
    extraction.steady_wrists(points, np.zeros((frames, 116)), 1, poses)
    np.testing.assert_array_equal(points, untouched)


# ---------------------------------------------------------------------------- all of it


@pytest.fixture
def portraits(tmp_path, monkeypatch) -> list[Path]:
    """Portraits, where the networks are set up."""
    try:
        networks_folder()
    except UserError as error:
        pytest.skip(str(error))
    shared = Path(os.environ.get("COSPEECH_SHARED", ROOT.parent / "shared"))
    paths = sorted((shared / "data" / "portraits").glob("*.png"))
    if not paths:
        pytest.skip("no portraits are at hand")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return paths


@pytest.mark.slow
def test_a_portrait(portraits):
    """With both hands in it: where they are, and which is the person's left."""
    seen = find_keypoints(portraits[0])
    assert seen.people == 1
    assert check_person(seen, "portrait") == ()
    points = dict(zip(POINTS, seen.points[0], strict=True))
    assert points["left_shoulder"][0] > points["right_shoulder"][0] + 100
    assert np.linalg.norm(points["left_hand"] - points["left_wrist"]) < 30
    assert points["face_8"][1] > points["face_27"][1] + 40  # the chin is below the bridge of the nose
    assert points["face_16"][0] > points["face_0"][0] + 40
    assert seen.mask is not None
    middle = ((points["left_shoulder"] + points["right_shoulder"]) / 2).astype(int)
    assert seen.mask[middle[1] + 20, middle[0]] > 250
    assert seen.mask[5, 5] < 5


@pytest.mark.slow
def test_portraits_that_do_not_suit(portraits, tmp_path):
    from PIL import Image

    picture = np.asarray(Image.open(portraits[0]).convert("RGB"))
    for changed, message in (
        (np.rot90(picture, 2), "shows the person upside down; turn it by 180 degrees"),
        (np.rot90(picture, 1), "lying on the side; turn it by 90 degrees clockwise"),
        (np.rot90(picture, 3), "lying on the side; turn it by 90 degrees anticlockwise"),
        (np.concatenate([picture, picture[:, ::-1]], axis=1), "shows 2 people; crop it"),
        (np.full((300, 300, 3), 120, np.uint8), "no person is found"),
    ):
        path = tmp_path / "changed.png"
        Image.fromarray(np.ascontiguousarray(changed)).save(path)
        with pytest.raises(UserError, match=message):
            check_person(find_keypoints(path), "changed.png")


@pytest.mark.slow
def test_points_follow_a_mirrored_picture_and_a_film(portraits, tmp_path):
    from PIL import Image

    from cospeech.avatar.film import write_video

    picture = np.asarray(Image.open(portraits[0]).convert("RGB").resize((384, 384)))
    Image.fromarray(picture).save(tmp_path / "plain.png")
    Image.fromarray(np.ascontiguousarray(picture[:, ::-1])).save(tmp_path / "mirrored.png")
    plain, mirrored = (find_keypoints(tmp_path / name).points[0] for name in ("plain.png", "mirrored.png"))
    swapped = mirrored[[3, 4, 5, 0, 1, 2]] * [-1, 1] + [384, 0]
    assert np.abs(swapped - plain[:6]).max() < 15
    frames = iter(np.stack([np.roll(picture, 2 * k, axis=1) for k in range(6)]))
    write_video(tmp_path / "film.mp4", frames, 6, 30.0, (384, 384), quality=5)
    film = find_keypoints(tmp_path / "film.mp4")
    assert film.points.shape == (6, 116, 2)
    assert (film.fps, film.people) == (30.0, 1)
    moved = film.points[:, 48:].mean(1)[:, 0] - plain[48:, 0].mean()
    np.testing.assert_allclose(moved, 2 * np.arange(6), atol=2.0)
