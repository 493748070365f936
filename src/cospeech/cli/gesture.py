"""The commands that generate gestures: generate and edit."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Unpack

from tyro.conf import FlagCreatePairsOff, Positional, arg

from ..core.errors import UserError
from ..core.progress import note, stage
from .annotations import (
    Clip,
    Count,
    Joints,
    MaybeFile,
    MaybeModel,
    MaybeRecording,
    Model,
    MotionFile,
    Onto,
    Out,
    Recording,
    RigMap,
    Saving,
    Spans,
    Words,
)
from .declared import takes, writes
from .outputs import character_for, default_targets, done, files_in, not_over, numbered, point_targets, some

if TYPE_CHECKING:
    from ..avatar.character.character import Character
    from ..methods.base import GestureModel
    from ..methods.options import EditKeywords, Keywords
    from ..motion.formats.keypoints import Keypoints
    from ..motion.motion import Motion
    from ..speech.speech import Speech

_BEST_OF = 8  # takes among which the best is sought unless their number is given


@takes("load", "generate")
@writes
def generate(
    speech: Positional[Recording],
    /,
    *,
    out: Out = (),
    transcript: MaybeFile = None,
    no_transcript: FlagCreatePairsOff[bool] = False,
    words: Words = "auto",
    words_model: MaybeModel = None,
    lips: MaybeFile = None,
    variants: Count = 1,
    best: FlagCreatePairsOff[bool] = False,
    explain: FlagCreatePairsOff[bool] = False,
    onto: Onto = None,
    model: Model = "contextual",
    saving: Saving = MappingProxyType({}),
    **options: Unpack[Keywords],
) -> None:
    """Turn a recording into a person who moves and speaks.

    Args:
        speech: a sound file (wav, flac, mp3, ogg, m4a, webm), or a video with sound.
        out: where to write; the suffix chooses the format (.html .mp4 .bvh .glb .fbx .vrma .npz .csv .json
            .visemes.json). Takes several. Default: .html, .mp4, .bvh and .glb, named after the speech; of a model of
            keypoints in a picture .keypoints.json.
        transcript: what is said: captions, a recogniser's JSON, TextGrid or plain text; what lies beside the recording
            under its name is taken by itself if it fits.
        no_transcript: leave out what lies beside the recording.
        words: what hears the words where there is no transcript: faster-whisper or whisper.cpp, auto for the first that
            is installed and has a model (none is ever downloaded), or off.
        words_model: its model: a folder, a ggml file, or a name that it has in its cache.
        lips: a track that the mouth follows: ARKit CSV, Oculus or VRM visemes (CSV, JSON), Rhubarb, TextGrid phones.
        variants: so many takes, of this seed and those after it; the files get numbers.
        best: of the variants (8 unless their number is given) write only the best: by accents, meaning, variety and
            contact.
        onto: your own character (.glb .vrm .fbx), which is written and shown with the motion instead of our person; a
            .vrma is written beside a VRM. FILE@NAME for one of several people.
        explain: write beside the first file where the gestures come from: words, accents, a library; and of takes
            their scores.
        model: a shipped model (contextual, emotion, exges) or a model folder.
    """
    began = time.monotonic()
    from .. import api
    from ..api.inputs import checked_options, open_model
    from ..speech.loading import load_recording

    ranked, variants = (_BEST_OF if variants == 1 else variants, 1) if best else (0, variants)
    others = (transcript, lips, model, onto, *files_in(options))
    targets = out or default_targets(speech, *others)
    explanation = targets[0].with_suffix(".explain.json")
    for target in numbered(targets, variants):
        not_over(api.check_target(target), speech, *others)
    for target in numbered((explanation,), variants) if explain else ():
        not_over(target, speech, *others)
    character = character_for(onto, numbered(targets, variants), speech, *others)
    given = api.check_writing(targets, saving, onto=character)
    loaded, keywords = open_model(model, options)
    if explain:
        for target in numbered((explanation,), variants):
            api.check_explained(loaded, target)
    checked = checked_options(loaded, "generate", keywords)
    if loaded.representation.name == "points":
        targets = point_targets(out, speech, *others)
        for target in numbered(targets, variants):
            not_over(api.check_target(target), speech, *others)
    stage("reading the speech")
    checked["face"] &= _shows_face(loaded, targets)
    beside = not no_transcript and _needs_words(loaded, checked)
    recording = load_recording(
        speech, transcript=transcript, lips=lips, beside=beside, words=words, words_model=words_model
    )
    checked = with_detected_emotion(checked, recording, loaded)
    written: list[Path] = []
    for take, motion in _takes(recording, loaded, checked, variants, takes=ranked):
        written += _write(motion, numbered(targets, variants, take), recording, character, given)
        if explain:
            (target,) = numbered((explanation,), variants, take)
            written.append(api.write_explanation(motion, target))
    done(written, began, f"{motion.seconds:.1f} s of motion")


def _takes(
    speech: Speech, model: GestureModel, options: Mapping[str, Any], variants: int, *, takes: int
) -> Iterator[tuple[int, Motion | Keypoints]]:
    """Takes with their numbers, or the best of so many ``takes``."""
    from .. import api
    from ..api.takes import best_take

    if takes:
        stage("generating and ranking", takes=takes)
        motion, scores = best_take(speech, model, variants=takes, **options)
        best = max(range(takes), key=lambda take: scores[take].total)
        said = ", ".join(f"{name} {value:.2f}" for name, value in scores[best].as_dict().items())
        note(f"of {takes} takes that of seed {options['seed'] + best} is the best ({said})")
        yield 0, motion
        return
    for take in range(variants):
        stage("generating", take=take + 1, takes=variants)
        yield take, api.generate(speech, words="off", model=model, **{**options, "seed": options["seed"] + take})


def _write(
    motion: Motion | Keypoints,
    targets: Sequence[Path],
    speech: Speech | None,
    onto: Character | None,
    given: Mapping[str, Any],
) -> Sequence[Path]:
    """Write a motion to all targets, which are returned, each with those of the given options that it has."""
    from .. import api

    for target in targets:
        stage(f"writing {target.name}")
        api.write(motion, target, speech=speech, onto=onto, **api.options_for(target, given, onto=onto))
    return targets


def _needs_words(model: GestureModel, options: Mapping[str, Any]) -> bool:
    """Whether words make a difference: to lips, to gestures that they call for, or to what the model samples."""
    return options["face"] or options.get("gesture_density", "off") != "off" or model.reads_words


def _shows_face(model: GestureModel, targets: Iterable[Path]) -> bool:
    """Whether one of the files that a model's motion goes into has a face, be it of points."""
    from .. import api

    return model.representation.name == "points" or any(map(api.carries_face, targets))


@takes("edit")
@writes
def edit(
    motion: Positional[MotionFile],
    /,
    *,
    out: Out,
    speech: MaybeRecording = None,
    transcript: MaybeFile = None,
    no_transcript: FlagCreatePairsOff[bool] = False,
    lips: MaybeFile = None,
    span: Spans = (),
    joints: Joints = (),
    onto: Onto = None,
    model: Annotated[str, arg(metavar="NAME|FOLDER")] = "contextual",
    points: MaybeFile = None,
    refine: Annotated[str, arg(metavar="FOLDER|none")] = "none",
    mark: Annotated[bool, arg(help_behavior_hint="")] = True,
    map: RigMap = None,
    animation: Clip = None,
    person: Clip = None,
    saving: Saving = MappingProxyType({}),
    **options: Unpack[EditKeywords],
) -> None:
    """Give a part of a motion, or of a video, other gestures; all else stays as it is.

    Args:
        motion: a motion file (.bvh .npz .glb .vrm .fbx .vrma), keypoints (.json), or a video of one person (.mp4 .mov
            .webm .mkv .avi).
        out: where to write; the suffix chooses the format. Takes several of a motion; of a video one .mp4.
        speech: the sound that goes with it, as long as it within 0.1 s. A video needs none; another speech is
            heard within the spans, and the face follows it.
        transcript: what is said in it, as of generate; what lies beside it under its name is taken if it fits.
        no_transcript: leave out what lies beside the speech.
        lips: a track that the mouth of a video follows, as of generate.
        span: what to generate again, as in 2.0:4.5, in seconds; everything unless given. Takes several.
        joints: hands, arms, left-arm, right-arm, head, torso or names of joints. Takes several. Unless given,
            all of a motion, whose pelvis, legs, place and face are always kept; of a video the arms.
        onto: your own character (.glb .vrm .fbx), which is written and shown with the motion; see generate.
        model: a shipped model or a model folder; one of keypoints edits the tokens of a video's own.
        points: of a video: JSON of its points from another detector (MMPose, DWPose, OpenPose).
        refine: of a video: a network that paints what warping cannot, from train video, or none.
        mark: of a video: carry the watermark and the record that tell it is made; --no-mark to leave them out.
        map: JSON that says which joint of the rig is which, as in {"left_foot": "Ball_L"}.
        animation: of several in the file, by name or number from 0.
        person: of several in the file, by name or number from 0.
    """
    began = time.monotonic()
    from .. import api
    from ..api.editing import check_goes_with, is_film, load_edited
    from ..api.inputs import checked_options
    from ..api.rig import reading_options
    from ..loading import load
    from ..speech.loading import load_recording, load_speech

    check_goes_with(speech, transcript, lips)
    video = is_film(motion)
    if video:
        _check_film_edit(out, onto)
    for target in some(out):
        not_over(api.check_target(target), motion, speech, transcript, lips, points, model, refine, onto, map)
    character = character_for(onto, out, motion, speech, transcript, lips)
    given = api.check_writing(out, saving, onto=character)
    loaded, source = load(model), motion if video else load_edited(motion, **reading_options(map, animation, person))
    checked = checked_options(loaded, "edit", options)
    stage("reading the speech")
    recording = None
    if speech is not None:
        recording = load_recording(speech, transcript=transcript, lips=lips, beside=not no_transcript)
    if checked["emotion"] == api.AUTO and (video or recording is not None):
        checked = with_detected_emotion(checked, recording or load_speech(motion), loaded)
    stage("generating")
    checked |= {"span": span, "joints": joints, "points": points, "refine": refine, "mark": mark}
    edited = api.edit(source, speech=recording, out=out[0] if video else None, model=loaded, **checked)
    if isinstance(edited, Path):
        done(out, began, f"{motion.name} edited")
    else:
        _write(edited, out, recording, character, given)
        done(out, began, f"{edited.seconds:.1f} s of motion")


def _check_film_edit(out: tuple[Path, ...], onto: Path | None) -> None:
    """Raise UserError for what the edit of a video does not take."""
    if len(out) > 1:
        raise UserError(f"the edit of a video is written to one file; got {len(out)}, name one .mp4")
    if onto is not None:
        raise UserError("a video keeps its own person; leave --onto out, or edit a motion")


def with_detected_emotion(options: dict[str, Any], speech: Speech, model: GestureModel | None = None) -> dict[str, Any]:
    """The options, "auto" replaced by the emotion that the voice sounds like, which is reported.

    Args:
        model: what gets the options; without one any emotion may be heard.
    """
    from ..api.inputs import detect_emotion
    from ..core.emotions import EMOTIONS
    from ..methods.conditioning import AUTO, described_weights, detected_mixture

    if options["emotion"] != AUTO:
        return options
    found = detect_emotion(speech, model=model)
    note(f"the voice sounds like {described_weights(found)} (a guess; name an emotion with --emotion to overrule it)")
    return {**options, "emotion": detected_mixture(found, known=EMOTIONS if model is None else model.emotions)}
