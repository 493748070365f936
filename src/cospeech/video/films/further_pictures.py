"""Further pictures or films of a portrait's person, from which their hands are seen from another side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.progress import note, stage
from ...data.point_normalization import SEEN
from ...motion.points import HAND_SLICES
from ..detection.keypoints import DetectedKeypoints, check_person, complete_keypoints, find_keypoints
from ..detection.matting import person_matte
from ..detection.picture import is_picture, load_picture
from ..driving.hand_choice import misfit
from ..warping.hand_views import HandView, cut_view
from ..warping.layers import Layers, cut
from ..warping.limb_geometry import SIDES, body_scale, free_arms, hand
from .footage import open_footage, rgb_of
from .portrait import Portrait, portrait_of

WANTED = "in which hands and forearms are whole and apart from each other"
ALIKE = 0.12  # misfit up to which two views of a hand are the same [D]
MOST_OF_FILM = 2  # views of either hand from a film [D]
STEADY = 0.15  # shoulder widths a second that a hand of a film moves where it is sharp [D]
LARGEST = 1024  # pixels of a picture's longer side when it is as large as the portrait
RESOLUTION = 2.5  # times that a picture of a far person is enlarged, from which its hands look blurred [D]


@dataclass(frozen=True, eq=False)
class _Frame:
    """A further picture, or a frame of a film."""

    name: str
    picture: np.ndarray  # [H, W, 3] uint8
    points: np.ndarray  # [116, 2] pixels, complete
    confidence: np.ndarray  # [116]
    mask: np.ndarray | None  # [H, W] uint8
    sides: tuple[str, ...]  # whose hands are wanted of it


def with_further_views(portrait: Portrait, paths: Sequence[str | Path], *, cache: bool = True) -> Portrait:
    """The portrait with views of its hands from other pictures or films of the same person.

    A view that shows a hand as the portrait or another view does is left out. What is used is said in notes.

    Args:
        portrait: whose hands they are.
        paths: PNG, JPEG or WebP, or films of one person; the portrait itself if there are none.
        cache: False to detect keypoints anew.

    Raises:
        UserError: a picture as ``open_portrait`` refuses it, or no hand of them can be used.
    """
    if not paths:
        return portrait
    layers = portrait.layers
    views: dict[str, list[HandView]] = {side: [] for side in layers.meshes}
    shapes = {side: [hand(layers.points, side)] for side in layers.meshes}
    if not views:
        note("the film shows no hand moving, so further pictures of hands are of no use to it")
        return portrait
    usable = [_add_views(views, shapes, layers, file_path(path, "a further picture"), cache=cache) for path in paths]
    if not any(usable):
        names = ", ".join(Path(path).name for path in paths)
        raise UserError(f"no hand in {names} can be used; give a picture {WANTED}")
    return replace(portrait, views={side: tuple(each) for side, each in views.items() if each})


def _add_views(
    views: dict[str, list[HandView]], shapes: dict[str, list[np.ndarray]], layers: Layers, path: Path, *, cache: bool
) -> bool:
    """Add those of a picture or film that differ from the others; whether any hand of it can be used."""
    usable = False
    given = dict.fromkeys(views, 0)
    for frame in _frames(path, cache=cache):
        other = _layers_of(frame, body_scale(layers.points), cache=cache)
        for side in frame.sides:
            view = cut_view(other, side, layers)
            usable |= view is not None
            if view is None or min(float(misfit(shape, view.points[None])[0]) for shape in shapes[side]) < ALIKE:
                continue
            views[side].append(view)
            shapes[side].append(view.points)
            given[side] += 1
    told = ", ".join(f"{count} of the {side} hand" for side, count in given.items() if count)
    if told:
        note(f"{path.name}: further views, {told}")
    elif usable:
        note(f"{path.name} shows the hands from the same side as the pictures before it and is left out")
    else:
        note(f"no hand in {path.name} can be used; give a picture {WANTED}")
    return usable


def _frames(path: Path, *, cache: bool) -> Iterator[_Frame]:
    """The picture, or the chosen frames of a film. Raises UserError as ``check_person``."""
    seen = find_keypoints(path, cache=cache)
    check_person(seen, path.name)
    whole = complete_keypoints(seen.points, seen.confidence, seen.size)
    if is_picture(path):
        picture = load_picture(path, quiet=True)
        sides = free_arms(whole[0], seen.confidence[0], seen.size)
        yield _Frame(path.name, picture, whole[0], seen.confidence[0], seen.mask, sides)
        return
    wanted = chosen_frames(whole, seen)
    if not wanted:
        return
    stage(f"looking at {path.name}")
    footage = open_footage(path)
    for number, planes in footage.picked([n for n in wanted if n < footage.frames]).items():
        picture = rgb_of(planes, footage.matrix)
        yield _Frame(
            f"{path.name}, frame {number}", picture, whole[number], seen.confidence[number], None, wanted[number]
        )


def chosen_frames(points: np.ndarray, seen: DetectedKeypoints) -> dict[int, tuple[str, ...]]:
    """Frames of a film that show hands well and differently, and which hands of each are wanted.

    Args:
        points: [T, 116, 2] pixels, complete.
        seen: as they were detected.
    """
    fps = seen.fps or 1.0
    result: dict[int, tuple[str, ...]] = {}
    free = [free_arms(*each, seen.size) for each in zip(points, seen.confidence, strict=True)]
    scale = float(np.median([body_scale(each) for each in points]))
    for side, span in zip(SIDES, HAND_SLICES, strict=True):
        hands = points[:, span]
        speed = np.zeros(len(hands))
        if len(hands) > 1:
            speed = np.linalg.norm(np.gradient(hands, axis=0), axis=-1).mean(1) * fps / scale
        sure = np.median(seen.confidence[:, span], axis=1)
        good = np.array([side in each for each in free]) & (sure >= SEEN)
        good &= speed <= max(STEADY, float(np.quantile(speed[good], 0.25)) if good.any() else 0.0)
        numbers = np.flatnonzero(good)
        if not len(numbers):
            continue
        # Farthest points: first the shape that most are like, then what is least like those before.
        sample = numbers[:: max(1, len(numbers) // 60)]
        unlike = np.stack([misfit(hands[number], hands[sample]) for number in sample])
        picked = [int(unlike.mean(0).argmin())]
        while len(picked) < MOST_OF_FILM and unlike[picked].min(0).max() > ALIKE:
            picked.append(int(unlike[picked].min(0).argmax()))
        for number in sample[picked]:
            result[int(number)] = (*result.get(int(number), ()), side)
    return result


def _layers_of(frame: _Frame, scale: float, *, cache: bool) -> Layers:
    """Layers of a further picture, enlarged or reduced so that a shoulder width has ``scale`` pixels."""
    longer = max(frame.picture.shape[:2])
    factor = scale / body_scale(frame.points)
    if factor > RESOLUTION:
        note(f"{frame.name}: the person is small in it, so their hands may look blurred")
    matte = person_matte(frame.picture, name=frame.name, cache=cache)
    size = round(min(factor * longer, LARGEST))
    same = portrait_of(frame.picture, frame.points, frame.confidence, frame.mask, size, matte=matte)
    return cut(same.picture, same.points, same.person, confidence=same.confidence, matte=same.matte, room=False)
