"""Pictures of any kind become upright sRGB of a limited size."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from cospeech.core.errors import UserError
from cospeech.video.detection.picture import BACKDROP, is_picture, load_picture, picture_size
from video_data import write_picture


def exif(turn: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = turn
    return tags


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "gif"])
def test_kinds(tmp_path, suffix):
    path = write_picture(tmp_path / f"a.{suffix}", (300, 200))
    picture = load_picture(path)
    assert picture.dtype == np.uint8
    assert picture.shape == (200, 300, 3)
    assert picture.flags.writeable
    np.testing.assert_allclose(picture[100, 270], [229, 127, 40], atol=26)  # GIF has few colours
    assert picture_size(path) == (300, 200)
    assert is_picture(path)


def test_the_content_counts_and_not_the_name(tmp_path):
    path = write_picture(tmp_path / "a.png").rename(tmp_path / "a.mp4")
    assert is_picture(path)
    assert load_picture(path).shape == (512, 512, 3)
    (tmp_path / "b.png").write_text("no picture")
    assert not is_picture(tmp_path / "b.png")


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_turned_as_exif_says(tmp_path, turn, suffix):
    """However it is stored, the picture has its red to the right and its green below."""
    upright = Image.open(write_picture(tmp_path / "a.png", (320, 160)))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[turn]
    stored = upright if undo is None else upright.transpose(undo)
    path = tmp_path / f"b.{suffix}"
    stored.save(path, exif=exif(turn))
    np.testing.assert_allclose(load_picture(path).astype(int), np.asarray(upright), atol=12)
    assert picture_size(path) == (320, 160)


def test_transparency_shows_the_backdrop_and_a_note_says_so(tmp_path, capfd):
    clear = np.zeros((200, 200, 4), np.uint8)
    clear[:, 100:] = (250, 10, 20, 255)
    clear[:100, 100:, 3] = 128
    Image.fromarray(clear).save(tmp_path / "a.png")
    picture = load_picture(tmp_path / "a.png")
    assert "a.png is partly transparent" in capfd.readouterr().err
    assert tuple(picture[150, 20]) == BACKDROP
    assert tuple(picture[150, 180]) == (250, 10, 20)
    np.testing.assert_allclose(picture[50, 180], (np.array(BACKDROP) + (250, 10, 20)) / 2, atol=1)
    clear[..., 3] = 255
    Image.fromarray(clear).save(tmp_path / "b.png")
    load_picture(tmp_path / "b.png")
    assert capfd.readouterr().err == ""
    palette = Image.fromarray(clear).convert("RGB").quantize(4)
    palette.save(tmp_path / "c.png", transparency=palette.getpixel((0, 0)))
    assert tuple(load_picture(tmp_path / "c.png")[0, 0]) == BACKDROP


def test_unusual_pixels(tmp_path):
    """Sixteen bits, grey, CMYK and a profile of its own come out as they look."""
    ramp = np.tile(np.arange(256, dtype=np.uint16), (200, 1))
    Image.fromarray(ramp * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(load_picture(tmp_path / "deep.png")[..., 1], ramp)
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(load_picture(tmp_path / "grey.png")[..., 2], ramp)
    Image.new("CMYK", (200, 200), (0, 255, 255, 0)).save(tmp_path / "ink.jpg")
    np.testing.assert_allclose(load_picture(tmp_path / "ink.jpg")[9, 9], (255, 0, 0), atol=4)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain = Image.new("RGB", (200, 200), (90, 120, 30))
    for name, profile in {
        "srgb": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "lab": lab,  # does not fit RGB
        "broken": b"no profile",
    }.items():
        plain.save(tmp_path / f"{name}.png", icc_profile=profile)
        np.testing.assert_allclose(load_picture(tmp_path / f"{name}.png")[9, 9], (90, 120, 30), atol=1)


def test_a_wide_colour_space_is_brought_to_srgb(tmp_path):
    """A profile whose red and green stand in each other's place: colours come out swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = {bytes(profile[132 + 12 * k : 136 + 12 * k]): 132 + 12 * k for k in range(profile[131])}
    red, green = (slice(table[tag] + 4, table[tag] + 12) for tag in (b"rXYZ", b"gXYZ"))
    profile[red], profile[green] = profile[green], profile[red]
    Image.new("RGB", (200, 200), (200, 60, 20)).save(tmp_path / "a.png", icc_profile=bytes(profile))
    np.testing.assert_allclose(load_picture(tmp_path / "a.png")[9, 9], (60, 200, 20), atol=3)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_large_pictures_are_reduced(tmp_path, suffix):
    path = write_picture(tmp_path / f"a.{suffix}", (3000, 1500))
    picture = load_picture(path)
    assert picture.shape == (1024, 2048, 3)
    np.testing.assert_allclose(picture[512, 1024], [127, 127, 40], atol=3)
    assert picture_size(path) == (3000, 1500)
    assert load_picture(path, most=512).shape == (256, 512, 3)
    assert load_picture(path, most=4000).shape == (1500, 3000, 3)


def test_of_pictures_that_move_it_is_the_first(tmp_path, capfd):
    frames = [Image.new("RGB", (200, 200), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert tuple(load_picture(tmp_path / "a.webp")[9, 9]) == (255, 0, 0)
    assert capfd.readouterr().err == "a.webp is animated; its first frame is used\n"


def png_of(width: int, height: int) -> bytes:
    """The head of a PNG of that size, of whose pixels there is next to nothing."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return start + struct.pack(">I", 9000) + b"IDAT" + zlib.compress(bytes(99))


def test_what_cannot_be_used(tmp_path):
    whole = io.BytesIO()
    Image.open(write_picture(tmp_path / "a.png")).save(whole, "JPEG")
    bad: dict[str, tuple[bytes | None, str]] = {
        "missing.png": (None, "no such file: .*missing.png; check the name"),
        "empty.png": (b"", r"empty.png is empty \(0 bytes\)"),
        "text.png": (b"hello", "text.png is no picture that can be read; give PNG, JPEG or WebP"),
        "cut.jpg": (whole.getvalue()[:900], "cut.jpg is damaged or cut off"),
        "cut.png": ((tmp_path / "a.png").read_bytes()[:700], "cut.png is damaged or cut off"),
        "head.png": (png_of(600, 600), "head.png is damaged or cut off"),
        "trap.png": (png_of(20_000, 10_001), "trap.png has more than 200 megapixels"),
    }
    for name, (content, message) in bad.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=message) as error:
            load_picture(tmp_path / name)
        assert len(str(error.value).splitlines()) == 1
    with pytest.raises(UserError, match="is a folder; give one picture in it"):
        load_picture(tmp_path)
    with pytest.raises(UserError, match="is 400 x 127 pixels; give a picture of at least 128 x 128"):
        load_picture(write_picture(tmp_path / "small.png", (400, 127)))
    with pytest.raises(UserError, match="is 4000 x 200 pixels, too narrow"):
        load_picture(write_picture(tmp_path / "narrow.png", (4000, 200)))
    load_picture(write_picture(tmp_path / "least.png", (128, 128)))


def test_pillows_own_limit_stays(tmp_path: Path):
    before = Image.MAX_IMAGE_PIXELS
    load_picture(write_picture(tmp_path / "a.png"))
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_missing_file_is_reported_in_plain_words(tmp_path):
    with pytest.raises(UserError) as caught:
        load_picture(tmp_path / "none.png")
    assert str(caught.value) == f"no such file: {tmp_path / 'none.png'}; check the name"


def test_notes_can_be_left_to_somebody_else(tmp_path, capsys):
    clear = Image.new("RGBA", (300, 300), (200, 30, 30, 0))
    clear.save(tmp_path / "clear.png")
    quiet = load_picture(tmp_path / "clear.png", quiet=True)
    assert not capsys.readouterr().err
    np.testing.assert_array_equal(load_picture(tmp_path / "clear.png"), quiet)
    assert "transparent" in capsys.readouterr().err
