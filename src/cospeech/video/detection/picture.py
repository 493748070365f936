"""Pictures of any kind read as pixels [H, W, 3] uint8 sRGB, of a limited size."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.progress import note

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # as Pillow names them
LEAST = 128  # pixels of the shorter side
MOST_MEGAPIXELS = 200  # above, a file is taken for a trap
BACKDROP = (192, 192, 192)  # a plain light grey, which draws no attention [D]
_ORIENTATION = 0x0112  # the tag of EXIF


def load_picture(path: str | Path, *, most: int = 2048, quiet: bool = False) -> np.ndarray:
    """Read a picture upright, in sRGB.

    It is rotated according to EXIF, converted from its colour profile to sRGB, and reduced if it is larger than
    ``most``. Transparent pixels show ``BACKDROP``, with a note (a person needs a background, and black or white
    would show at the hair [D]). Of animated pictures the first frame is read.

    Args:
        path: PNG, JPEG or WebP (also GIF, BMP and TIFF).
        most: pixels of the longer side at most.
        quiet: no notes.

    Returns:
        [H, W, 3] uint8 sRGB.

    Raises:
        UserError: no such file, no picture, damaged, below ``LEAST`` or above ``MOST_MEGAPIXELS``.
    """
    from PIL import Image as images

    path = file_path(path, "a picture")
    with _opened(path) as image:
        size, turn = image.size, _orientation(image, path)
        if min(size) < LEAST:
            raise UserError(f"{path} is {size[0]} x {size[1]} pixels; give a picture of at least {LEAST} x {LEAST}")
        if max(size) * LEAST > min(size) * most:
            raise UserError(f"{path} is {size[0]} x {size[1]} pixels, too narrow; crop it to the person's upper body")
        if not quiet and image.format != "MPO" and getattr(image, "is_animated", False):
            note(f"{path.name} is animated; its first frame is used")
        profile = image.info.get("icc_profile")
        with _readable(path):
            image.draft("RGB", (most, most))  # a JPEG is decoded at an eighth, quarter or half
            image = _in_eight_bits(image)
            # reduce() first, as it needs no copy of the whole picture
            factor = max(image.size) // most
            if factor > 1:
                image = image.reduce(factor)
            image.thumbnail((most, most), images.Resampling.LANCZOS)
        seen = _over_backdrop(_turned(image, turn), None if quiet else path)
    return np.array(_in_srgb(seen, profile))


def picture_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels of a picture, upright, before it is reduced.

    Raises:
        UserError: as ``load_picture``.
    """
    with _opened(Path(path)) as image:
        width, height = image.size
        return (height, width) if _orientation(image, Path(path)) >= 5 else (width, height)


def is_picture(path: str | Path) -> bool:
    """Whether a file is a picture of a kind that can be read; the content counts, not the name.

    Raises:
        UserError: no such file, or a folder.
    """
    path = _existing_file(Path(path))
    from PIL import Image, UnidentifiedImageError

    try:
        with _large_ones(), Image.open(path, formats=KINDS):
            return True
    except UnidentifiedImageError:
        return False
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return True  # a damaged one


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """The picture, not yet decoded."""
    from PIL import Image, UnidentifiedImageError

    _existing_file(path)
    try:
        with _large_ones():
            image = Image.open(path, formats=KINDS)
    except UnidentifiedImageError:
        raise UserError(
            f"{path} is no picture that can be read; give PNG, JPEG or WebP (export others, as HEIC, to JPEG)"
        ) from None
    except Image.DecompressionBombError:
        raise UserError(
            f"{path} has more than {MOST_MEGAPIXELS} megapixels; give a smaller picture, 2048 pixels are used"
        ) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path} cannot be read as a picture ({_line(error)}); export it again") from None
    with image:
        yield image


@contextmanager
def _large_ones() -> Iterator[None]:
    """Raise Pillow's limit, at twice of which it stops, to ``MOST_MEGAPIXELS``, and silence its warning."""
    from PIL import Image

    usual = Image.MAX_IMAGE_PIXELS
    Image.init()  # registers all kinds, not only the most common ones
    Image.MAX_IMAGE_PIXELS = MOST_MEGAPIXELS * 1_000_000 // 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = usual


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UserError(f"{path} is damaged or cut off ({_line(error)}); export it again") from None


def _orientation(image: Image, path: Path) -> int:
    """Orientation of EXIF, 1 to 8; 1 if there is none."""
    with _readable(path):
        turn = image.getexif().get(_ORIENTATION, 1)
        return turn if turn in range(1, 9) else 1


def _existing_file(path: Path) -> Path:
    if path.is_dir():
        raise UserError(f"{path} is a folder; give one picture in it")
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the name")
    if not path.stat().st_size:
        raise UserError(f"{path} is empty (0 bytes); give a picture")
    return path


def _in_eight_bits(image: Image) -> Image:
    """Decoded, as L, LA, RGB, RGBA or CMYK; without a copy where none is needed."""
    from PIL import Image as images

    if image.mode.startswith(("I", "F")):  # 16 bits or more a pixel, which Pillow would cut off
        values = np.asarray(image)
        deep = image.mode.startswith("I;16") or values.max() > 255
        return images.fromarray(np.clip(values // 256 if deep else values, 0, 255).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("RGBA")
    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image.convert("RGB")
    image.load()
    return image


def _turned(image: Image, turn: int) -> Image:
    """Rotated and mirrored according to the orientation of EXIF (1 to 8)."""
    from PIL.Image import Transpose

    ways = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(ways[turn]) if turn in ways else image


def _over_backdrop(image: Image, path: Path | None) -> Image:
    from PIL import Image as images

    if image.mode not in ("LA", "RGBA"):
        return image
    image = image.convert("RGBA")
    if min(image.getchannel("A").tobytes()) == 255:
        return image.convert("RGB")
    if path is not None:
        note(f"{path.name} is partly transparent; a plain grey background is laid under it")
    backing = images.new("RGBA", image.size, (*BACKDROP, 255))
    backing.alpha_composite(image)
    return backing.convert("RGB")


def _in_srgb(image: Image, profile: bytes | None) -> Image:
    """RGB; a profile that cannot be used is ignored, as most viewers do."""
    if not profile:
        return image.convert("RGB")
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        moved = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImportError, OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return image.convert("RGB")
    return moved or image.convert("RGB")


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:120].rstrip(".")
