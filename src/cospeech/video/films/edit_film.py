"""New gestures in some spans of a film; the rest of the film stays as it is.

After Contextual Gesture, "Video Gesture Editing": keypoints are detected in the film, those of a span are
generated anew for the speech of the span, and the span is rendered again. How keypoints (``transition``) and
pictures (``span_frames``) of the span join the film are decisions of ours [D].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

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
from ...motion.points import BODY_POINTS, POINTS, parents
from ...sampling.edit import span_frames, span_weights, time_spans
from ...speech.audio import decode
from ...speech.speech import Speech
from ..detection.keypoints import DetectedKeypoints, check_person, complete_keypoints, find_keypoints
from ..provenance.record import Record, fingerprint, marked, sign
from ..warping.refine import NONE
from .animate import check_film, portrait_keypoints
from .background import AROUND, INSPECTED, MOST_CHANGED, evenly_spread, open_backdrop
from .camera import person_shaken
from .footage import COPIED_CODECS, Footage, mixed, open_footage, planes_of, rgb_of
from .pieces import write_film
from .portrait import Portrait, portrait_of
from .span_frames import SpanFrames, crossfade, drawn_span, span_opacity
from .steady import steady
from .transition import (
    blend_gestures,
    edited_layers,
    edited_parts,
    interpolate_frames,
    transition_points,
    with_common_middles,
    with_hands,
)

CONTEXT = 2.0  # seconds of speech on either side of a span that the model takes as well
FADE = 0.01  # seconds over which one sound is cross-faded with another
QUALITY = 16  # x264's constant rate factor: frames that stay lose little
SAMPLE_RATE = 48_000  # Hz of a sound that is written anew
HAND_MEMORY = 0.2  # seconds round a frame in which a hand that is detected counts for it
FRAMES_OFF = 2  # frames by which keypoints and film may differ in length
NO_FRAME = -1


@dataclass(frozen=True, eq=False)
class Sound:
    """The sound of the film that is written."""

    speech: Speech  # mono
    original: bool  # it is the film's own from beginning to end


@dataclass(frozen=True, eq=False)
class Gestures:
    """Motion generated for a span, with some time before and after it."""

    motion: Motion | Keypoints
    speech: Speech
    first: int  # frame of the film at which they start


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
    """Generate new gestures for the person in a film, in some spans of it.

    Frames outside of the spans are copied bit by bit up to each span, and from the first key frame after it on;
    those between are encoded again with 48 dB or more (``pieces``). In a span the film's own pixels stay wherever
    nothing of the person is replaced.

    Args:
        film: a video of one person, filmed with a still camera.
        out: the video to write, *.mp4; it appears whole or not at all.
        speech: another speech, as long as the film within 0.1 s; it replaces the film's own within the spans.
        span: "START:END" or (START, END) in seconds; the whole film if none.
        joints: hands, arms, left-arm, right-arm, head, torso; both arms if none, and all with another speech.
        model: of the new gestures, as for ``generate``; one of keypoints edits the tokens of the film's own.
        points: JSON of the film's keypoints from another detector, instead of detecting them.
        refine: a network that paints what warping cannot (a model folder), or "none".
        mark: add the watermark, in the frames that are drawn anew, and the record of provenance.
        quality: x264's constant rate factor of the spans, 0 to 51.
        workers: processes that draw; one for each processor by default.
        quiet: no progress bar.
        options: of the new gestures, as the method declares them.
    Raises:
        UserError: a film, span, speech or option that cannot be used; nobody or several people in the film; a
            camera that moves.
    """
    out, film = check_film(out), Path(film)
    if same_file(out, film):
        raise UserError(f"cannot write {out}: it is the video that is read; choose another name")
    parts = edited_parts(joints, new_speech=speech is not None)
    footage = open_footage(film)
    spans = time_spans(span, footage.seconds)
    sound = edited_sound(footage, speech, spans)
    loaded = load(model) if isinstance(model, str | Path) else model
    seen = _detected(footage, points)
    bounds = span_frames(spans, footage.frames, footage.fps)
    whole = steady(complete_keypoints(seen.points, seen.confidence, seen.size), seen.confidence, footage.fps)
    pictures = _pictures(footage, bounds)
    behind = [_background(footage, pictures, whole, first, end) for first, end in bounds]
    drawn_spans: list[tuple[int, SpanFrames]] = []
    stage("generating gestures")
    for (first, end), room in zip(bounds, behind, strict=True):
        sides = tuple(
            None if frame < 0 else replace(_portrait(pictures[frame], frame, whole, seen), behind=room)
            for frame in _neighbours(first, end, footage.frames)
        )
        generated = _gestures(loaded, sound, footage, whole, (first, end), options)
        drawn_spans.append((first, _plan_span(sides, generated, whole[first:end], parts, refine, footage, first)))
    count = sum(span.frames for _, span in drawn_spans)
    stage(f"drawing {count} of {footage.frames} frames")
    new, metadata = _new_frames(footage, drawn_spans, spans, workers, loaded.name if mark else None)
    inside = np.zeros(footage.frames, bool)
    inside[np.concatenate([np.arange(*bound) for bound in bounds])] = True
    copied = sound.original and footage.sound in COPIED_CODECS
    with atomic_path(out) as temporary:
        write_film(
            temporary,
            inside,
            track(new, "drawing", total=count, quiet=quiet),
            footage,
            speech=None if copied else sound.speech,
            quality=quality,
            metadata={**footage.about, **metadata},
        )
        sign(temporary, metadata)
    return out


def edited_sound(footage: Footage, speech: Speech | None, spans: Sequence[tuple[float, float]]) -> Sound:
    """The film's own sound, with another speech within the spans.

    Raises:
        UserError: the speech is not as long as the film, or there is neither sound nor speech.
    """
    if speech is not None and abs(speech.seconds - footage.seconds) > LENGTH_SLACK:
        raise UserError(
            f"{footage.path.name} lasts {footage.seconds:.2f} s and the speech {speech.seconds:.2f} s; give "
            f"a speech as long as the film within {LENGTH_SLACK:g} s"
        )
    if footage.sound is None:
        if speech is None:
            raise UserError(f"{footage.path.name} has no sound; give its speech with --speech")
        return Sound(speech, False)
    count = round(footage.seconds * SAMPLE_RATE)
    own = _as_long(decode(footage.path, sample_rate=SAMPLE_RATE), count)
    if speech is None:
        return Sound(Speech(own, sample_rate=SAMPLE_RATE), True)
    speech = speech.cut(end=footage.seconds)
    new = _as_long(speech.resampled(sample_rate=SAMPLE_RATE).samples, count)
    time = np.arange(count) / SAMPLE_RATE
    share = np.zeros(count, np.float32)
    for start, end in spans:
        rises = 1.0 if start <= 0 else np.clip((time - start) / FADE + 0.5, 0, 1)
        falls = 1.0 if end >= footage.seconds else np.clip((end - time) / FADE + 0.5, 0, 1)
        share = np.maximum(share, np.minimum(rises, falls))
    return Sound(replace(speech, samples=own + share * (new - own), sample_rate=SAMPLE_RATE), False)


def _as_long(samples: np.ndarray, count: int) -> np.ndarray:
    return np.pad(samples[:count], (0, max(0, count - len(samples))))


def _detected(footage: Footage, points: str | Path | None) -> DetectedKeypoints:
    """The keypoints of every frame of the film."""
    seen = find_keypoints(footage.path, points=points)
    name = footage.path.name
    if abs(seen.frames - footage.frames) > FRAMES_OFF or seen.size != footage.size:
        raise UserError(
            f"{name} has {footage.frames} frames of {footage.size[0]} x {footage.size[1]} and its keypoints "
            f"are of {seen.frames} of {seen.size[0]} x {seen.size[1]}; give keypoints of this film"
        )
    for line in check_person(seen, name):
        note(line)
    at = np.minimum(np.arange(footage.frames), seen.frames - 1)
    return replace(seen, points=seen.points[at], confidence=seen.confidence[at])


def _neighbours(first: int, end: int, frames: int) -> tuple[int, int]:
    """Numbers of the frames before and after a span, NO_FRAME for none; of a span of the whole film its first."""
    if first == 0 and end == frames:
        return 0, NO_FRAME
    return first - 1, end if end < frames else NO_FRAME


def _pictures(footage: Footage, bounds: Sequence[tuple[int, int]]) -> dict[int, np.ndarray]:
    """RGB pictures [H, W, 3] of the frames that are needed before anything is drawn, by number."""
    wanted = set()
    for first, end in bounds:
        wanted |= {frame for frame in _neighbours(first, end, footage.frames) if frame >= 0}
        wanted |= set().union(*_background_frames(footage, first, end))
    stage(f"looking at {footage.path.name}")
    return {frame: rgb_of(planes, footage.matrix) for frame, planes in footage.picked(wanted).items()}


def _background_frames(footage: Footage, first: int, end: int) -> tuple[list[int], list[int]]:
    """Numbers of frames in a span, and of more round it, in which the background is searched for."""
    around = round(AROUND * footage.fps)
    inside = evenly_spread(max(0, first - 1), min(footage.frames, end + 1))
    more = evenly_spread(max(0, first - around), first, INSPECTED // 2) if first else []
    if end < footage.frames:
        more += evenly_spread(end, min(footage.frames, end + around), INSPECTED // 2)
    return inside, sorted(set(more) - set(inside))


def _background(
    footage: Footage, pictures: Mapping[int, np.ndarray], points: np.ndarray, first: int, end: int
) -> np.ndarray:
    """The background of a span (``Backdrop.behind``). Raises UserError if the camera moves."""
    inside, more = _background_frames(footage, first, end)
    inspected, chosen = [*inside, *more], range(len(inside))
    backdrop = open_backdrop([pictures[frame] for frame in inspected], points[inspected])
    change, camera = backdrop.change(chosen), backdrop.camera(chosen)
    name, when = footage.path.name, f"from {first / footage.fps:.2f} to {end / footage.fps:.2f} s"
    if change > MOST_CHANGED:
        raise UserError(f"{change:.0%} of the background in {name} changes {when}; give a span with a still camera")
    shaken = camera.unknown and person_shaken(points[first:end], max(footage.size), footage.fps)
    if camera.moves or shaken:
        far = "with the person" if shaken else f"by {camera.moved:.1%} of the picture"
        raise UserError(f"the camera moves in {name} {when}, {far}; give a span with a still camera")
    if camera.unknown:
        note(f"{name}: the wall is too plain to tell whether the camera moves; if it does, new arms will not follow")
    return backdrop.behind(backdrop.alike(chosen))


def _portrait(picture: np.ndarray, frame: int, whole: np.ndarray, seen: DetectedKeypoints) -> Portrait:
    """A frame of the film as a portrait; a hand counts as detected if it is detected shortly before or after."""
    around = round(HAND_MEMORY * (seen.fps or FPS))
    confidence = seen.confidence[max(0, frame - around) : frame + around + 1].max(0)
    return portrait_of(picture, whole[frame], confidence, None, max(seen.size))


def _gestures(
    model: GestureModel, sound: Sound, footage: Footage, own: np.ndarray, bounds: tuple[int, int], options: EditKeywords
) -> Gestures:
    """Generate gestures for the speech of a span and a little round it.

    A model of keypoints gets those of the film, ``own`` [T, 116, 2], and masks the tokens of the span, as the paper
    does; their face stays, unless another speech is heard.
    """
    (first, end), around = bounds, round(CONTEXT * footage.fps)
    start = max(0, first - around)
    stop = min(footage.seconds, (end + around) / footage.fps)
    excerpt = sound.speech.cut(start=start / footage.fps, end=stop).resampled()
    if model.representation.name != "points":
        return Gestures(model.generate(excerpt, **options), excerpt, start)
    names = POINTS if sound.original else BODY_POINTS
    points = interpolate_frames(own, start + np.arange(excerpt.frames) * footage.fps / FPS)[:, : len(names)]
    span = ((first - start) / footage.fps, min((end - start) / footage.fps, excerpt.seconds))
    edit: Any = model.edit  # of keypoints, not of a body
    motion = edit(Keypoints(names, parents(names), float(FPS), points), excerpt, span=[span], **options)
    return Gestures(motion, excerpt, start)


def _plan_span(
    sides: tuple[Portrait | None, ...],
    gestures: Gestures,
    own: np.ndarray,
    parts: frozenset[str],
    refine: str | Path,
    footage: Footage,
    first: int,
) -> SpanFrames:
    """What is to be drawn of the span that starts at frame ``first`` and has the film's keypoints ``own``."""
    end, fps = first + len(own), footage.fps
    at = (np.arange(first, end) - gestures.first) * FPS / fps
    generated = [
        interpolate_frames(portrait_keypoints(side, gestures.motion, gestures.speech), at) for side in sides if side
    ]
    both, generated = blend_gestures(generated[0], generated[-1])
    weights = span_weights([(first, end)], footage.frames, fps)[first:end]
    common = transition_points(own, both, weights, parts, fps=fps)
    points = [
        common if side is None else with_hands(common, own, new, side.points, weights, parts, after=bool(k))
        for k, (side, new) in enumerate(zip(sides, generated, strict=True))
    ]
    change = np.full(len(own), float(sides[0] is None)) if None in sides else crossfade(common, fps)
    if None not in sides:
        points = list(with_common_middles(points[0], points[1]))
    cover = span_opacity(len(own), fps, starts=first > 0, ends=end < footage.frames)
    return SpanFrames(
        (sides[0], sides[1]), (points[0], points[1]), own, change, cover, tuple(edited_layers(parts)), str(refine)
    )


def _new_frames(
    footage: Footage,
    drawn_spans: Sequence[tuple[int, SpanFrames]],
    spans: Sequence[tuple[float, float]],
    workers: int | None,
    model_name: str | None,
) -> tuple[Iterator[np.ndarray], Mapping[str, str]]:
    """Planes of the frames in the spans, and the record of provenance; no record and no mark without a name."""

    def drawn_frames() -> Iterator[np.ndarray]:
        for first, span in drawn_spans:
            pictures = drawn_span(span, workers)
            for planes, (picture, share) in zip(footage.planes(first, first + span.frames), pictures, strict=True):
                yield mixed(planes, picture, share, footage.matrix)

    if model_name is None:
        return drawn_frames(), {}
    edited = ", ".join(f"{start:.2f}:{end:.2f}" for start, end in spans)
    about = Record(f"edit of {edited}", {"film": fingerprint(footage.path)}, model_name)
    shown, record = marked((rgb_of(planes, footage.matrix) for planes in drawn_frames()), footage.size, about)
    return (_rounded(planes_of(picture, footage.matrix)) for picture in shown), record


def _rounded(planes: np.ndarray) -> np.ndarray:
    return np.clip(np.round(planes), 0, 255).astype(np.uint8)
