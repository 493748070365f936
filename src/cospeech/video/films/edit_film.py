"""Other gestures in a part of a film; the rest of the film goes on as it was.

After Contextual Gesture, "Video Gesture Editing": points are taken from the film, those of a span are made
anew for the speech of it, and the span is rendered again. How points and pictures of the span join the film
are decisions of ours (``handover``, ``patch``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np

from ...avatar.film import write_video
from ...core.errors import UserError
from ...core.files import atomic_path, same_file
from ...core.progress import note, stage, track
from ...core.timing import FPS
from ...loading import load
from ...methods.base import GestureModel
from ...methods.conditioning import LENGTH_SLACK
from ...methods.options import EditKeywords
from ...motion.formats.keypoints import Keypoints
from ...motion.motion import Motion
from ...sampling.edit import span_frames, span_weights, time_spans
from ...speech.audio import decode
from ...speech.speech import Speech
from ..detection.keypoints import Seen, check_person, complete, find_points
from ..provenance.record import Record, fingerprint, marked
from ..warping.refine import NONE
from .animate import check_film, portrait_points
from .background import AROUND, LOOKS, MOST, looked_at, open_backdrop
from .footage import COPIED, Footage, add_sound, mixed, open_footage, planes_of, rgb_of
from .portrait import Portrait, portrait_of
from .span_frames import Patch, changing, covering, drawn_patches
from .transition import at_times, between, drawn_parts, handed_over, named_parts, with_hands

CONTEXT = 2.0  # seconds of speech that are heard on either side of a span
FADE = 0.01  # seconds in which one sound gives way to another
QUALITY = 16  # x264's constant rate factor: frames that are kept lose little
RATE = 48_000  # samples a second of a sound that is written anew
_BESIDE = 0.2  # seconds round a frame in which a hand that is seen counts as seen in it


@dataclass(frozen=True, eq=False)
class Sound:
    """What is heard in the film that is written."""

    speech: Speech  # mono
    kept: bool  # it is the film's own from beginning to end


@dataclass(frozen=True, eq=False)
class Gestures:
    """What is made for a span, with some time before and after it."""

    motion: Motion | Keypoints
    speech: Speech
    begins: int  # frame of the film


def edit_film(
    film: str | Path,
    out: str | Path,
    *,
    speech: Speech | None = None,
    span: Sequence[str | tuple[float, float]] = (),
    joints: Sequence[str] = (),
    model: str | Path | GestureModel = "contextual",
    points: str | Path | None = None,
    refine: str | Path = NONE,
    mark: bool = True,
    quality: int = QUALITY,
    workers: int | None = None,
    quiet: bool = False,
    **options: Unpack[EditKeywords],
) -> Path:
    """Give the person in a film other gestures in some spans.

    Frames outside of the spans go to the encoder with the pixels that were decoded; what the encoder loses
    of them is all that changes. In a span the film's own frames stay wherever the person is not made anew.

    Args:
        film: of one person before a camera that stands still.
        out: the film to write, *.mp4; it appears whole or not at all.
        speech: another speech, as long as the film within 0.1 s; it is heard and seen within the spans.
        span: "START:END" or (START, END) in seconds; the whole film if none.
        joints: hands, arms, left-arm, right-arm, head, torso; both arms if none, and with another speech all.
        model: of the new gestures, as of ``generate``.
        points: JSON of the film's points from another detector, instead of looking for them.
        refine: a network that paints what warping cannot (a model folder), or "none".
        mark: carry the watermark, in the frames that are made anew, and the record.
        quality: x264's constant rate factor, 0 to 51.
        workers: processes that draw; by default one a processor.
        quiet: no progress bar.
        options: of the new gestures, as the method declares them.
    Raises:
        UserError: a film, span, speech or option that cannot be used; nobody or several people in the film; a
            camera that moves.
    """
    out, film = check_film(out), Path(film)
    if same_file(out, film):
        raise UserError(f"cannot write {out}: it is the film that is read; give another name")
    parts = named_parts(joints, spoken=speech is not None)
    footage = open_footage(film)
    spans = time_spans(span, footage.seconds)
    sound = heard_in(footage, speech, spans)
    loaded = load(model) if isinstance(model, str | Path) else model
    seen = _seen(footage, points)
    bounds = span_frames(spans, footage.frames, footage.fps)
    whole = complete(seen.points, seen.confidence, seen.size)
    pictures = _pictures(footage, bounds)
    behind = [_behind(footage, pictures, whole, first, end) for first, end in bounds]
    patches: list[tuple[int, Patch]] = []
    stage("gesturing")
    for (first, end), room in zip(bounds, behind, strict=True):
        sides = tuple(
            None if frame < 0 else replace(_portrait(pictures[frame], frame, whole, seen), behind=room)
            for frame in _beside(first, end, footage.frames)
        )
        made = _gestures(loaded, sound.speech, footage, first, end, options)
        patches.append((first, _patch(sides, made, whole[first:end], parts, refine, footage, first)))
    stage(f"drawing {sum(patch.frames for _, patch in patches)} of {footage.frames} frames")
    frames, metadata = _frames(footage, patches, spans, workers, loaded.name if mark else None)
    with atomic_path(out) as temporary:
        shown = track(frames, "writing", total=footage.frames, quiet=quiet)
        _write(temporary, shown, footage, sound, quality, {**footage.about, **metadata})
    return out


def heard_in(footage: Footage, speech: Speech | None, spans: Sequence[tuple[float, float]]) -> Sound:
    """The film's own sound, with another speech within the spans.

    Raises:
        UserError: the speech is not as long as the film, or there is nothing to be heard.
    """
    if speech is not None and abs(speech.seconds - footage.seconds) > LENGTH_SLACK:
        raise UserError(
            f"{footage.path.name} lasts {footage.seconds:.2f} s and the speech {speech.seconds:.2f} s; give "
            f"a speech as long as the film within {LENGTH_SLACK:g} s"
        )
    if footage.sound is None:
        if speech is None:
            raise UserError(f"{footage.path.name} has no sound; give what is said in it with --speech")
        return Sound(speech, False)
    count = round(footage.seconds * RATE)
    own = _as_long(decode(footage.path, sample_rate=RATE), count)
    if speech is None:
        return Sound(Speech(own, sample_rate=RATE), True)
    speech = speech.cut(end=footage.seconds)
    new = _as_long(speech.resampled(sample_rate=RATE).samples, count)
    time = np.arange(count) / RATE
    share = np.zeros(count, np.float32)
    for start, end in spans:
        rises = 1.0 if start <= 0 else np.clip((time - start) / FADE + 0.5, 0, 1)
        falls = 1.0 if end >= footage.seconds else np.clip((end - time) / FADE + 0.5, 0, 1)
        share = np.maximum(share, np.minimum(rises, falls))
    return Sound(replace(speech, samples=own + share * (new - own), sample_rate=RATE), False)


def _as_long(samples: np.ndarray, count: int) -> np.ndarray:
    return np.pad(samples[:count], (0, max(0, count - len(samples))))


def _seen(footage: Footage, points: str | Path | None) -> Seen:
    """The film's points, one of each frame."""
    seen = find_points(footage.path, points=points)
    name = footage.path.name
    if abs(seen.frames - footage.frames) > 2 or seen.size != footage.size:
        raise UserError(
            f"{name} has {footage.frames} frames of {footage.size[0]} x {footage.size[1]} and its points "
            f"are of {seen.frames} of {seen.size[0]} x {seen.size[1]}; give points of this film"
        )
    for line in check_person(seen, name):
        note(line)
    at = np.minimum(np.arange(footage.frames), seen.frames - 1)
    return replace(seen, points=seen.points[at], confidence=seen.confidence[at])


def _beside(first: int, end: int, frames: int) -> tuple[int, int]:
    """Numbers of the frames before and after a span, -1 for none; of a span of the whole film its first."""
    if first == 0 and end == frames:
        return 0, -1
    return first - 1, end if end < frames else -1


def _pictures(footage: Footage, bounds: Sequence[tuple[int, int]]) -> dict[int, np.ndarray]:
    """RGB of the frames that are needed before anything is drawn."""
    wanted = set()
    for first, end in bounds:
        wanted |= {frame for frame in _beside(first, end, footage.frames) if frame >= 0}
        wanted |= set().union(*_looks(footage, first, end))
    stage(f"looking at {footage.path.name}")
    return {frame: rgb_of(planes, footage.matrix) for frame, planes in footage.picked(wanted).items()}


def _looks(footage: Footage, first: int, end: int) -> tuple[list[int], list[int]]:
    """Frames of a span, and more round it, at which it is looked for what is behind the person."""
    around = round(AROUND * footage.fps)
    inside = looked_at(max(0, first - 1), min(footage.frames, end + 1))
    more = looked_at(max(0, first - around), first, LOOKS // 2) if first else []
    if end < footage.frames:
        more += looked_at(end, min(footage.frames, end + around), LOOKS // 2)
    return inside, sorted(set(more) - set(inside))


def _behind(
    footage: Footage, pictures: Mapping[int, np.ndarray], points: np.ndarray, first: int, end: int
) -> np.ndarray:
    """What is behind the person of a span (``Backdrop.behind``). Raises UserError if the camera moves."""
    inside, more = _looks(footage, first, end)
    looks, chosen = [*inside, *more], range(len(inside))
    backdrop = open_backdrop([pictures[frame] for frame in looks], points[looks])
    change = backdrop.change(chosen)
    if change > MOST:
        raise UserError(
            f"{change:.0%} of what is behind the person in {footage.path.name} changes from "
            f"{first / footage.fps:.2f} to {end / footage.fps:.2f} s; give a span with a still camera"
        )
    return backdrop.behind(backdrop.alike(chosen))


def _portrait(picture: np.ndarray, frame: int, whole: np.ndarray, seen: Seen) -> Portrait:
    """A frame of the film; a hand counts as seen if it is about that moment."""
    around = round(_BESIDE * (seen.fps or FPS))
    confidence = seen.confidence[max(0, frame - around) : frame + around + 1].max(0)
    return portrait_of(picture, whole[frame], confidence, None, max(seen.size))


def _gestures(
    model: GestureModel, speech: Speech, footage: Footage, first: int, end: int, options: EditKeywords
) -> Gestures:
    """Gestures for a span and what is heard round it."""
    around = round(CONTEXT * footage.fps)
    begins = max(0, first - around)
    stop = min(footage.seconds, (end + around) / footage.fps)
    heard = speech.cut(start=begins / footage.fps, end=stop).resampled()
    made = model.generate(heard, **options)
    return Gestures(made, heard, begins)


def _patch(
    sides: tuple[Portrait | None, ...],
    gestures: Gestures,
    own: np.ndarray,
    parts: frozenset[str],
    refine: str | Path,
    footage: Footage,
    first: int,
) -> Patch:
    """What is to be drawn of the span that begins with frame ``first`` and has the points ``own``."""
    end, fps = first + len(own), footage.fps
    at = (np.arange(first, end) - gestures.begins) * FPS / fps
    made = [at_times(portrait_points(side, gestures.motion, gestures.speech), at) for side in sides if side]
    both, made = between(made[0], made[-1])
    weights = span_weights([(first, end)], footage.frames, fps)[first:end]
    common = handed_over(own, both, weights, parts, fps=fps)
    points = [
        common if side is None else with_hands(common, own, new, side.points, weights, parts, after=bool(k))
        for k, (side, new) in enumerate(zip(sides, made, strict=True))
    ]
    change = np.full(len(own), float(sides[0] is None)) if None in sides else changing(common, fps)
    cover = covering(len(own), fps, starts=first > 0, ends=end < footage.frames)
    return Patch(
        (sides[0], sides[1]), (points[0], points[1]), own, change, cover, tuple(drawn_parts(parts)), str(refine)
    )


def _frames(
    footage: Footage,
    patches: Sequence[tuple[int, Patch]],
    spans: Sequence[tuple[float, float]],
    workers: int | None,
    marked_by: str | None,
) -> tuple[Iterator[np.ndarray], Mapping[str, str]]:
    """Planes of all frames, and the record."""

    def made() -> Iterator[np.ndarray]:
        for first, patch in patches:
            drawn = drawn_patches(patch, workers)
            for planes, (picture, share) in zip(footage.planes(first, first + patch.frames), drawn, strict=True):
                yield mixed(planes, picture, share, footage.matrix)

    new = made()
    record: dict[str, str] = {}
    if marked_by is not None:
        edited = ", ".join(f"{start:.2f}:{end:.2f}" for start, end in spans)
        about = Record(f"edit of {edited}", {"film": fingerprint(footage.path)}, marked_by)
        pictures = (rgb_of(planes, footage.matrix) for planes in new)
        shown, record = marked(pictures, footage.size, about)
        new = (_rounded(planes_of(picture, footage.matrix)) for picture in shown)
    inside = np.zeros(footage.frames, bool)
    for first, patch in patches:
        inside[first : first + patch.frames] = True
    frames = (next(new) if own else planes for own, planes in zip(inside, footage.planes(), strict=True))
    return frames, record


def _rounded(planes: np.ndarray) -> np.ndarray:
    return np.clip(np.round(planes), 0, 255).astype(np.uint8)


def _write(
    path: Path, frames: Iterator[np.ndarray], footage: Footage, sound: Sound, quality: int, metadata: Mapping[str, str]
) -> None:
    """The film with its sound, which is copied where it is the film's own and mp4 takes it."""
    copied = sound.kept and footage.sound in COPIED
    pictures = path.with_name(f"{path.stem}-pictures{path.suffix}") if copied else path
    try:
        write_video(
            pictures,
            frames,
            footage.frames,
            footage.fps,
            footage.size,
            speech=None if copied else sound.speech,
            quality=quality,
            metadata=metadata,
            colours=footage.colours,
        )
        if copied:
            add_sound(pictures, footage, path)
    finally:
        if copied:
            pictures.unlink(missing_ok=True)
