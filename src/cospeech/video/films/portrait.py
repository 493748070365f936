"""A portrait ready to be animated: its picture, its keypoints, and the mask of the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.progress import note
from ..detection.keypoints import check_person, complete_keypoints, find_keypoints
from ..detection.matting import person_matte
from ..detection.painting import looks_painted
from ..detection.person_mask import person_mask
from ..detection.picture import load_picture
from ..driving.head_shape import head_depth
from ..warping.hand_views import HandView
from ..warping.head_depth import HeadDepth
from ..warping.layers import Layers, cut
from .cropping import choose_crop

SMALLEST, LARGEST = 128, 1024  # pixels of the longer side of a film


@dataclass(frozen=True, eq=False)
class Portrait:
    """One person in one picture, with all keypoints. Width and height are even, as videos need."""

    picture: np.ndarray  # [H, W, 3] uint8 sRGB
    points: np.ndarray  # [116, 2] float64 pixels, in the order of motion.points.POINTS, complete
    confidence: np.ndarray  # [116] 0 (imputed) to 1
    person: np.ndarray  # [H, W] float32 in 0 .. 1, soft
    matte: np.ndarray | None = None  # [H, W] float32 in 0 .. 1: the person, right to the pixel
    behind: np.ndarray | None = None  # [H, W, 4] float32 in 0 .. 1: known background, and its reliability
    views: Mapping[str, tuple[HandView, ...]] = field(default_factory=dict)  # by side, of hands in other pictures
    mesh: np.ndarray | None = None  # [468, 3] pixels: the face's points with depth, if they were detected

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.picture.shape[1], self.picture.shape[0]

    @cached_property
    def head(self) -> HeadDepth:
        """Depth of the head."""
        return head_depth(self.points, self.mesh)

    @cached_property
    def layers(self) -> Layers:
        """The portrait cut into layers that move separately."""
        flat = cut(
            self.picture, self.points, self.person, confidence=self.confidence, matte=self.matte, behind=self.behind
        )
        return replace(flat, head=self.head)


def open_portrait(
    path: str | Path, *, points: str | Path | None = None, size: int = 512, cache: bool = True, crop: str = "half"
) -> Portrait:
    """Read a picture of one person and detect their keypoints.

    Undetected parts, such as a hand outside the picture, are reported in a note and imputed.

    Args:
        path: PNG, JPEG or WebP.
        points: JSON of another detector (see ``find_keypoints``), read instead of detecting.
        size: of the longer side, pixels; smaller pictures are enlarged.
        cache: False to detect anew.
        crop: what of the picture is shown: "half" for as much as there is of the person, "bust" for head and
            shoulders, "auto" for those where no hand can be shown moving.
    Raises:
        UserError: no picture, nobody or several people in it, no face or shoulders, or a wrong size.
    """
    check_size(size)
    picture = load_picture(path, quiet=True)  # ``find_keypoints`` gives the notes
    seen = find_keypoints(path, points=points, cache=cache)
    for line in check_person(seen, Path(path).name):
        note(line)
    if looks_painted(picture):
        note(
            f"{Path(path).name} looks like a painting or drawing; the networks were made for photographs, so the "
            "outline, the hands and the lips may be less exact"
        )
    found = complete_keypoints(seen.points, seen.confidence, seen.size)[0]
    shown = choose_crop(found, seen.confidence[0], seen.size, crop)
    if shown.reason:
        note(f"{Path(path).name}: {shown.reason}")
    left, top, right, bottom = shown.box
    inside = (slice(top, bottom), slice(left, right))
    mask = None if seen.mask is None else seen.mask[inside]
    matte = person_matte(picture[inside], name=Path(path).name, cache=cache)
    mesh = None if seen.mesh is None else seen.mesh - [left, top, 0]
    return portrait_of(picture[inside], found - [left, top], seen.confidence[0], mask, size, matte=matte, mesh=mesh)


def portrait_of(
    picture: np.ndarray,
    points: np.ndarray,
    confidence: np.ndarray,
    mask: np.ndarray | None,
    size: int,
    *,
    matte: np.ndarray | None = None,
    mesh: np.ndarray | None = None,
) -> Portrait:
    """A portrait resampled to another size.

    Args:
        picture: [H, W, 3] uint8.
        points: [116, 2] pixels in it, complete.
        confidence: [116] 0 to 1.
        mask: [H, W] uint8 of the person, or None to compute it.
        size: of the longer side, pixels.
        matte: [H, W] uint8 of the person by a matting network.
        mesh: [468, 3] pixels of its face, with depth.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    scale = size / max(width, height)
    wide, high = (max(2, round(side * scale / 2) * 2) for side in (width, height))
    small = np.asarray(Image.fromarray(picture).resize((wide, high), Image.Resampling.LANCZOS))
    moved = np.asarray(points, np.float64) * [wide / width, high / height]
    if mask is None:
        person = person_mask(small, moved)
    else:
        resized = Image.fromarray(mask).resize((wide, high), Image.Resampling.BILINEAR)
        person = np.asarray(resized, np.float32) / 255
    exact = None
    if matte is not None:
        exact = np.asarray(Image.fromarray(matte).resize((wide, high), Image.Resampling.BOX), np.float32) / 255
    deep = None if mesh is None else np.asarray(mesh, np.float64) * [wide / width, high / height, wide / width]
    return Portrait(small, moved, np.asarray(confidence), person, exact, mesh=deep)


def check_size(size: int) -> None:
    """Raises UserError unless a video can have this size (longer side, pixels)."""
    if not isinstance(size, int) or not SMALLEST <= size <= LARGEST:
        raise UserError(f"the longer side of the video is {SMALLEST} to {LARGEST} pixels; got {size}, give e.g. 512")
