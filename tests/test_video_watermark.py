"""The watermark: read back after encoding, absent elsewhere, hardly visible, still."""

from __future__ import annotations

import hashlib
import io
from fractions import Fraction

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.video.provenance.code import PAYLOADS
from cospeech.video.provenance.watermark import FALSE_ALARM, Marker, read

SIZE = (256, 256)


def picture(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """[H, W, 3]: a wall of soft light, textured blocks, grain."""
    width, height = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    light = 120 + 50 * np.sin(2 * x + seed) + 40 * np.cos(3 * y)
    shades = np.stack([light, light * 0.95, light * 0.85], -1)
    for _ in range(12):
        u, v, w, h = rng.uniform(0, 0.8, 4)
        inside = (x > u) & (x < u + 0.4 * w) & (y > v) & (y < v + 0.4 * h)
        stripes = rng.uniform(2, 12) * np.sin(rng.uniform(20, 120) * x + rng.uniform(20, 120) * y)
        shades[inside] += (rng.uniform(-50, 50, 3) + stripes[..., None])[inside]
    return np.clip(shades + rng.normal(0, 0.8, shades.shape), 0, 255).astype(np.uint8)


def moving(seed: int, frames: int = 12, size: tuple[int, int] = SIZE) -> np.ndarray:
    """[T, H, W, 3]: a patch of another picture wanders over a picture that stands still."""
    width, height = size
    still, other = picture(seed, size), picture(seed + 1000, size)
    result = np.repeat(still[None], frames, axis=0)
    h, w = height // 3, width // 4
    for t in range(frames):
        top, left = height // 3 + 2 * t, width // 3 + t
        result[t, top : top + h, left : left + w] = other[:h, :w]
    return result


def recoded(frames: np.ndarray, *, crf: int = 28, scale: float = 0.75) -> list[np.ndarray]:
    """Frames after H.264 at a smaller size."""
    import av

    data, rate = io.BytesIO(), Fraction(1, 30)
    height, width = frames.shape[1:3]
    with av.open(data, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height = (int(n * scale) // 2 * 2 for n in (width, height))
        stream.pix_fmt, stream.options = "yuv420p", {"crf": str(crf)}
        stream.codec_context.time_base = rate
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                width=stream.width, height=stream.height, format="yuv420p", dst_colorspace="ITU709"
            )
            frame.pts, frame.time_base = index, rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data.seek(0)
    with av.open(data) as container:
        return [frame.to_ndarray(format="rgb24", src_colorspace="ITU709") for frame in container.decode(video=0)]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize("seed", range(4))
def test_read_back_after_h264_at_a_smaller_size(seed):
    payload = (seed * 1234 + 5) % PAYLOADS
    reading = read(recoded(Marker(payload, SIZE).mark(moving(seed))))
    assert reading.found
    assert reading.payload == payload
    assert reading.false_alarm < FALSE_ALARM
    assert reading.frames == 12


@pytest.mark.parametrize("size", [(512, 512), (320, 180), (144, 256)])
def test_other_sizes_and_shapes(size):
    reading = read(recoded(Marker(4095, size).mark(moving(7, 6, size)), crf=23, scale=1))
    assert reading.payload == 4095


def test_it_is_read_from_a_part_of_the_video_and_in_other_light():
    marked = Marker(77, SIZE).mark(moving(3, 20))
    assert read(marked[13:14]).payload == 77
    assert read(np.clip(marked * 1.2 + 5, 0, 255).astype(np.uint8)[:4]).payload == 77


def test_unmarked_videos_raise_no_alarm():
    readings = [read([picture(seed)]) for seed in range(24)]
    assert not any(reading.found for reading in readings)
    assert all(reading.payload is None for reading in readings)
    # The best of 4,096 standard normal numbers is 3.6 on average; of as many in each of hundreds of windows, about 5.
    assert 4.2 < np.mean([reading.score for reading in readings]) < 5.6
    assert min(reading.false_alarm for reading in readings) > 1e-3  # what chance does in one of 24 is no rare thing


def test_grain_and_stripes_raise_no_alarm():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    grain = rng.integers(0, 256, (256, 256))
    for flat in (grain, 128 + 90 * np.sin(0.3 * x), 128 + 90 * np.sign(np.sin(0.2 * (x + y)))):
        assert not read([np.repeat(flat[..., None], 3, -1).astype(np.uint8)]).found


@pytest.mark.parametrize("frames", [[], [np.full((64, 64, 3), 90, np.uint8)]])
def test_nothing_is_found_in_nothing(frames):
    reading = read(frames)
    assert (reading.found, reading.payload, reading.score) == (False, None, 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_hard_to_see(seed):
    plain = picture(seed)
    marked = Marker(9, SIZE).mark(plain)
    assert not np.array_equal(plain, marked)
    assert psnr(plain, marked) >= 42
    assert psnr(plain[..., :2], marked[..., :2]) >= 42


def test_smooth_places_get_less_than_rich_ones():
    plain = np.full((256, 256, 3), 128.0)
    plain[:, 128:] += np.random.default_rng(0).normal(0, 8, (256, 128, 1))
    plain = plain.astype(np.uint8)
    change = Marker(1, SIZE).mark(plain).astype(int) - plain
    smooth, rich = (np.sqrt(np.mean(change[:, part, 0] ** 2)) for part in (slice(0, 110), slice(146, 256)))
    assert smooth < 0.9
    assert rich > 1.8 * smooth


def test_what_stands_still_stays_still():
    plain = moving(5, 18)
    marked = Marker(2000, SIZE).mark(plain).astype(int)
    far = np.ones((256, 256), bool)
    far[60:220, 60:200] = False  # all but where the patch wanders
    assert (np.ptp(plain, axis=0)[far] == 0).all()
    assert (np.ptp(marked, axis=0)[far] == 0).all()


def test_frames_one_by_one_are_frames_together_and_input_stays():
    plain = moving(6, 8)
    kept = plain.copy()
    together = Marker(3, SIZE).mark(plain)
    marker = Marker(3, SIZE)
    np.testing.assert_array_equal(together, np.stack([marker.mark(frame) for frame in plain]))
    np.testing.assert_array_equal(plain, kept)


def test_black_and_white_do_not_turn_over():
    for level in (0, 255):
        plain = np.full((128, 128, 3), level, np.uint8)
        assert np.abs(Marker(8, (128, 128)).mark(plain).astype(int) - level).max() < 12


def test_the_pattern_is_the_same_for_ever():
    """Videos that were marked with this version must be read by later ones."""
    marked = Marker(0xABC, (256, 256)).mark(np.full((256, 256, 3), 128, np.uint8)).astype(int) - 128
    y, x = np.mgrid[:256, :256] / 256 + 1 / 512
    waves = [(15, 0), (0, 15), (20, 20), (7, 31), (31, 7), (24, 3), (3, 24), (14, 15), (42, 9), (9, 42)]
    sums = [(marked[..., 1] * np.cos(np.pi * down * y) * np.cos(np.pi * across * x)).sum() for down, across in waves]
    assert "".join("+" if value > 0 else "-" for value in sums) == "+--++--+++"


def marked_by_version_1(plain: np.ndarray, payload: int) -> np.ndarray:
    """A picture [H, W, 3] with the first version's pattern: its definition, written once more."""
    channel, rows, columns = np.indices((2, 128, 128)).reshape(3, -1)
    length = np.sqrt(rows**2 + columns**2)
    inside = np.where(channel == 0, (length >= 12) & (length < 52), (length >= 8) & (length < 28))
    data = hashlib.shake_256(f"cospeech watermark 1 {payload}".encode()).digest(-(-inside.sum() // 8))
    signs = 1.0 - 2 * np.unpackbits(np.frombuffer(data, np.uint8))[: inside.sum()]
    numbers = np.zeros(channel.size)
    numbers[inside] = signs
    waves = [np.cos(np.pi * (np.arange(n) + 0.5)[:, None] / n * np.arange(128)) for n in plain.shape[:2]]
    grey, blue = waves[0] @ numbers.reshape(2, 128, 128) @ waves[1].T
    changed = plain + 1.2 * grey[..., None] / grey.std()
    changed[..., 2] += 1.5 * blue / blue.std()
    return np.clip(np.round(changed), 0, 255).astype(np.uint8)


def test_videos_that_were_marked_by_version_1_are_read():
    reading = read(recoded(np.stack([marked_by_version_1(frame, 0xABC) for frame in moving(4, 6)]), crf=23, scale=1))
    assert (reading.found, reading.payload, reading.version) == (True, 0xABC, 1)


@pytest.mark.parametrize(
    "sides", [(0.05, 0.95, 0.05, 0.95), (0.025, 0.975, 0.025, 0.975), (0.0, 0.95, 0.05, 1.0), (0.0, 1.0, 0.08, 0.97)]
)
def test_it_is_read_after_a_crop(sides):
    top, bottom, left, right = (round(256 * share) for share in sides)
    marked = Marker(1234, SIZE).mark(moving(2))[:, top : bottom // 2 * 2, left : right // 2 * 2]
    reading = read(recoded(marked, crf=23, scale=1))
    assert (reading.found, reading.payload) == (True, 1234)
    np.testing.assert_allclose(reading.crop, sides, atol=0.025)


def test_it_is_read_after_mirroring():
    reading = read(recoded(Marker(99, SIZE).mark(moving(8))[:, :, ::-1], crf=23, scale=1))
    assert (reading.payload, reading.mirrored) == (99, True)


@pytest.mark.parametrize("quality", [None, 90])
@pytest.mark.parametrize("size", [SIZE, (512, 384)])
def test_one_frame_is_read_as_a_picture(size, quality):
    from PIL import Image

    frame = Image.fromarray(recoded(Marker(3210, size).mark(moving(9, 6, size)), crf=20, scale=1)[3])
    data = io.BytesIO()
    frame.save(data, "PNG") if quality is None else frame.save(data, "JPEG", quality=quality)
    assert read([np.asarray(Image.open(data))]).payload == 3210


@pytest.mark.parametrize("kind", ["wall", "dark", "soft"])
def test_pictures_of_little_texture(kind):
    plain = picture(11).astype(float)
    y, x = np.mgrid[:256, :256] / 256
    if kind == "wall":
        plain = np.stack([170 + 30 * x, 160 + 20 * y, 150 + 10 * x * y], -1)
    elif kind == "dark":
        plain *= 0.2
    else:
        near = np.hanning(33) / np.hanning(33).sum()
        for axis in (0, 1):
            padded = np.pad(plain, [(16, 16) if axis == k else (0, 0) for k in range(3)], mode="edge")
            plain = np.apply_along_axis(np.convolve, axis, padded, near, "valid")
    frames = np.repeat(plain.astype(np.uint8)[None], 8, 0)
    assert read(recoded(Marker(2047, SIZE).mark(frames))).payload == 2047


@pytest.mark.parametrize(
    ("payload", "size", "strength"), [(-1, SIZE, 1), (PAYLOADS, SIZE, 1), (1, (32, 256), 1), (1, SIZE, 0)]
)
def test_what_cannot_be_marked(payload, size, strength):
    with pytest.raises(UserError, match="got"):
        Marker(payload, size, strength=strength)


@pytest.mark.parametrize(
    ("shape", "kind"), [((256, 128, 3), np.uint8), ((256, 256, 3), np.float32), ((256, 256), np.uint8)]
)
def test_frames_of_another_kind(shape, kind):
    with pytest.raises(UserError, match="frames to be marked"):
        Marker(1, SIZE).mark(np.zeros(shape, kind))
