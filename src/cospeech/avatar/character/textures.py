"""Base colours of a character's materials: pictures of one size, and how the software rasteriser reads them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 1024  # pixels a side of a texture that is drawn
MANY, SMALL = 8, 512  # of more textures than that each is so large
_SIZES = (64, 128, 256, 512, LARGEST)
WHITE = 255 * 256  # what a sampled channel is at most
_LANES, _TWO = np.full(4, 255, np.uint16).view(np.uint64)[0], np.full(4, 2, np.uint16).view(np.uint64)[0]


@dataclass(frozen=True, eq=False)
class Textures:
    """All textures as squares of one size. Rows from the top, as glTF counts them."""

    pixels: np.ndarray  # [K, S, S, 4] uint8 sRGB and alpha; K may be 0

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def size(self) -> int:
        """Pixels a side."""
        return int(self.pixels.shape[1])

    def has_alpha(self, index: int) -> bool:
        """Whether anything of a texture is not opaque."""
        return bool((self.pixels[index, :, :, 3] < 255).any())

    @cached_property
    def _levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Halved and halved again: [N] uint64 texels of four lanes of 16 bits; first texel and side of each level.

        One texture after the other with all its levels, and last a white texel for surfaces without one.
        """
        level = self.pixels.astype(np.uint16).view(np.uint64)[..., 0]
        levels = [level]
        while level.shape[1] > 1:
            total = level[:, ::2, ::2] + level[:, 1::2, ::2] + level[:, ::2, 1::2] + level[:, 1::2, 1::2]
            level = ((total + _TWO) >> np.uint64(2)) & _LANES
            levels.append(level)
        flat = np.concatenate([level.reshape(len(self), -1) for level in levels], 1).reshape(-1)
        starts = np.cumsum([0, *(level.shape[1] ** 2 for level in levels[:-1])])
        return np.append(flat, _LANES), starts

    def __getstate__(self) -> dict[str, np.ndarray]:
        return {"pixels": self.pixels}  # without the levels, which are made again

    def levels(self, texture: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where to sample: first texel [N] and side [N], int32.

        Args:
            texture: [N] index, -1 for white.
            level: [N] how often the texture is halved, rounded to whole levels.
        """
        flat, starts = self._levels
        level = np.clip(np.round(level), 0, len(starts) - 1).astype(np.int32)
        first = texture.astype(np.int32) * np.int32(len(flat) // max(len(self), 1)) + starts.astype(np.int32)[level]
        side = np.int32(self.size) >> level
        return np.where(texture < 0, np.int32(len(flat) - 1), first), np.where(texture < 0, np.int32(1), side)

    def sample(self, first: np.ndarray, side: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Texels between four, to a sixteenth, repeated beyond the edges.

        All channels at once: a lane of 16 bits holds 8 bits, times 16 across, times 16 down.

        Args:
            first, side: [N] of ``levels``.
            u, v: [N] 0 to 1 across the texture, v downwards.

        Returns:
            [N, 4] uint16 sRGB and alpha, 0 to ``WHITE``.
        """
        flat, _ = self._levels
        steps = (16 * side).astype(np.float32)
        x = np.floor(u * steps - np.float32(8)).astype(np.int32)
        y = np.floor(v * steps - np.float32(8)).astype(np.int32)
        across, down = (x & 15).astype(np.uint64), (y & 15).astype(np.uint64)
        x >>= 4
        y >>= 4
        last = side - np.int32(1)
        left, right = x & last, (x + 1) & last
        rest = np.uint64(16) - across
        upper, lower = first + (y & last) * side, first + ((y + 1) & last) * side
        above = flat.take(upper + left) * rest + flat.take(upper + right) * across
        below = flat.take(lower + left) * rest + flat.take(lower + right) * across
        mixed: np.ndarray = above * (np.uint64(16) - down) + below * down
        return mixed.view(np.uint16).reshape(-1, 4)


def load_textures(pictures: Sequence[bytes], name: str) -> Textures:
    """Decode pictures (PNG, JPEG, WebP) and bring them to one size.

    Raises:
        UserError: a picture of another kind, or a damaged one.
    """
    from PIL import Image

    opened = []
    for data in pictures:
        try:
            picture = Image.open(io.BytesIO(data))
            picture.draft("RGB", (LARGEST, LARGEST))  # a JPEG is decoded no larger than needed
            picture.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UserError(f"{name}: a texture cannot be read ({error}); save it as PNG or JPEG") from error
        opened.append(picture)
    if not opened:
        return Textures(np.zeros((0, 1, 1, 4), np.uint8))
    largest = max(max(picture.size) for picture in opened)
    limit = LARGEST if len(opened) <= MANY else SMALL
    size = next((size for size in _SIZES if size >= min(largest, limit)), LARGEST)
    return Textures(np.stack([_square(picture, size) for picture in opened]))


def _square(picture: Image.Image, size: int) -> np.ndarray:
    """[S, S, 4] uint8 of a picture."""
    if min(picture.size) >= 2 * size and picture.mode in ("RGB", "RGBA", "L"):
        picture = picture.reduce((picture.width // size, picture.height // size))
    mode = "RGBA" if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info else "RGB"
    picture = picture.convert(mode)
    if picture.size != (size, size):
        picture = picture.resize((size, size), 2, reducing_gap=2.0)  # bilinear
    return np.asarray(picture.convert("RGBA"))


def encoded(textures: Textures) -> list[tuple[str, bytes]]:
    """Media type and bytes of every texture, small: JPEG, or WebP (PNG where Pillow lacks that) with alpha."""
    from PIL import Image, features

    result = []
    for index, pixels in enumerate(textures.pixels):
        file = io.BytesIO()
        if not textures.has_alpha(index):
            Image.fromarray(pixels[..., :3]).save(file, "JPEG", quality=85)
            kind = "image/jpeg"
        elif features.check("webp"):
            Image.fromarray(pixels).save(file, "WEBP", quality=85)
            kind = "image/webp"
        else:
            Image.fromarray(pixels).save(file, "PNG")
            kind = "image/png"
        result.append((kind, file.getvalue()))
    return result
