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
        """Halved and halved again, one after the other: [N, 4] uint8 texels of a texture, all levels; their starts."""
        levels = [self.pixels.astype(np.float32)]
        while levels[-1].shape[1] > 1:
            last = levels[-1]
            total = last[:, ::2, ::2] + last[:, 1::2, ::2] + last[:, ::2, 1::2] + last[:, 1::2, 1::2]
            levels.append(total * np.float32(0.25))
        flat = np.concatenate([level.reshape(len(self), -1, 4) for level in levels], 1)
        starts = np.cumsum([0, *(level.shape[1] ** 2 for level in levels[:-1])])
        return np.round(flat).astype(np.uint8).reshape(-1, 4), starts

    def __getstate__(self) -> dict[str, np.ndarray]:
        return {"pixels": self.pixels}  # without the levels, which are made again

    def sample(self, texture: np.ndarray, uv: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Texels between four, repeated beyond the edges.

        Args:
            texture: [N] index.
            uv: [N, 2], 0 to 1 across the texture, v downwards.
            level: [N] how often the texture is halved, rounded to whole levels.

        Returns:
            [N, 4] float32 sRGB and alpha, 0 to 255.
        """
        flat, starts = self._levels
        level = np.clip(np.round(level), 0, len(starts) - 1).astype(np.int32)
        side = (self.size >> level).astype(np.int32)
        first = texture.astype(np.int64) * (len(flat) // len(self)) + starts[level]
        place = (uv - np.floor(uv)) * side[:, None] - 0.5
        low = np.floor(place)
        share = (place - low).astype(np.float32)
        x, y = low.astype(np.int32).T
        result = np.zeros((len(uv), 4), np.float32)
        for dy in (0, 1):
            row = first + ((y + dy) % side) * side
            down = share[:, 1] if dy else 1 - share[:, 1]
            for dx in (0, 1):
                across = share[:, 0] if dx else 1 - share[:, 0]
                result += flat[row + (x + dx) % side] * (down * across)[:, None]
        return result


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
