"""The commands that make gestures: generate and edit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from ..core.errors import UserError
from ..core.progress import note, stage
from .annotations import (
    Constraints,
    Count,
    Joints,
    MaybeEmotion,
    MaybeFigure,
    MaybeFile,
    MaybeFolder,
    MaybeModel,
    MaybeName,
    MaybePose,
    MaybeRecording,
    Model,
    MotionFile,
    Out,
    Recording,
    Spans,
)
from .outputs import default_targets, done, not_over, numbered, point_targets, some

if TYPE_CHECKING:
    from ..methods.base import GestureModel
    from ..speech.speech import Speech


def generate(
    speech: Positional[Recording],
    /,
    *,
    out: Out = (),
    emotion: MaybeEmotion = None,
    emotion_track: MaybeFile = None,
    intensity: Annotated[float, arg(metavar="X")] = 1.0,
    speaker: MaybeName = None,
    transcript: MaybeFile = None,
    seed: Count = 0,
    variants: Count = 1,
    variety: MaybeFigure = None,
    seated: FlagCreatePairsOff[bool] = False,
    start_pose: MaybePose = None,
    end_pose: MaybePose = None,
    faithfulness: MaybeFigure = None,
    constraint: Constraints = (),
    base: MaybeFolder = None,
    base_model: MaybeModel = None,
    explain: FlagCreatePairsOff[bool] = False,
    model: Model = "contextual",
) -> None:
    """Turn a recording into a person who moves and speaks.

    Args:
        speech: a sound file (wav, flac, mp3, ogg, m4a, webm), or a video with sound.
        out: where to write; the suffix chooses the format (.html .mp4 .bvh .glb .vrma .npz .csv .json).
            Takes several. Default: .html, .mp4, .bvh and .glb, named after the speech; of a model of
            points in a picture .keypoints.json.
        emotion: neutral (default), amusement, anger, disgust, fear, joy, pride, sadness, shame, surprise; a
            mixture, as in joy:0.7,surprise:0.3; or auto, for what the voice sounds like.
        emotion_track: of emotion: a JSON or CSV file of start, emotion, strength, for moods over time.
        intensity: liveliness, 0.25 to 2.5; 1.0 is usual.
        speaker: whose manner of gesturing; a wrong name lists the right ones.
        transcript: what is said: TextGrid, SRT, VTT, Whisper JSON or plain text.
        seed: another one gives another take.
        variants: so many takes, of this seed and those after it; the files get numbers.
        variety: of emotion: how far takes differ, 0 to 2; 1.0 is usual.
        seated: sit instead of stand.
        start_pose: a motion file whose first frame is the pose to begin in; FILE@SECONDS picks a moment, and
            emotion goes on from what led to it.
        end_pose: a motion file whose last frame is the pose to end in; FILE@SECONDS picks a moment.
        faithfulness: of exges: how much of the retrieved gestures is kept, 0 to 1.
        constraint: of exges: motion or a pose that must be met, as in wave.bvh@2.0:3.5:hands. Takes several.
        base: of exges: the gesture library that gestures are taken from; the model's own unless given.
        base_model: of exges: what the base's keys were made with, if that is no shipped model.
        explain: write beside the first file which gesture of the base stands where, and why.
        model: a shipped model (contextual, emotion, exges) or a model folder.
    """
    began = time.monotonic()
    from .. import api
    from ..loading import load
    from ..methods.emotion.emotion_track import read_track
    from ..speech.loading import load_speech

    others = (transcript, emotion_track, start_pose, end_pose, *constraint, base, base_model, model)
    targets = out or default_targets(speech, *others)
    explanation = targets[0].with_suffix(".explain.json")
    for target in numbered(targets, variants):
        not_over(api.check_target(target), speech, *others)
    for target in numbered((explanation,), variants) if explain else ():
        not_over(target, speech, *others)
    wished = api.mood(emotion)
    track = read_track(emotion_track) if emotion_track else None
    loaded = load(model, base=base, base_model=base_model)
    if explain:
        for target in numbered((explanation,), variants):
            api.check_explained(loaded, target)
    if loaded.representation.name == "points":
        targets = point_targets(out, speech, *others)
        for target in numbered(targets, variants):
            not_over(api.check_target(target), speech, *others)
    stage("listening")
    heard = load_speech(speech, transcript=transcript)
    if wished == api.AUTO:
        wished = listened(heard, loaded)
    written: list[Path] = []
    for take in range(variants):
        stage("gesturing" if variants == 1 else f"gesturing, take {take + 1} of {variants}")
        motion = api.generate(
            heard,
            emotion=wished,
            emotion_track=track,
            variety=variety,
            intensity=intensity,
            speaker=speaker,
            seed=seed + take,
            seated=seated,
            start_pose=start_pose,
            end_pose=end_pose,
            faithfulness=faithfulness,
            constraint=constraint,
            model=loaded,
        )
        for target in numbered(targets, variants, take):
            stage(f"writing {target.name}")
            api.write(motion, target, speech=heard)
            written.append(target)
        if explain:
            (target,) = numbered((explanation,), variants, take)
            written.append(api.write_explanation(motion, target))
    done(written, began, f"{motion.seconds:.1f} s of motion")


def edit(
    motion: Positional[MotionFile],
    /,
    *,
    out: Out,
    speech: MaybeRecording = None,
    span: Spans = (),
    joints: Joints = (),
    emotion: MaybeEmotion = None,
    intensity: Annotated[float, arg(metavar="X")] = 1.0,
    speaker: MaybeName = None,
    seed: Count = 0,
    model: Annotated[str, arg(metavar="NAME|FOLDER")] = "contextual",
    points: MaybeFile = None,
    refine: Annotated[str, arg(metavar="FOLDER|none")] = "none",
    mark: Annotated[bool, arg(help_behavior_hint="")] = True,
) -> None:
    """Give a part of a motion, or of a film, other gestures; all else stays as it is.

    Args:
        motion: a motion file (.bvh .npz .glb .vrma), or a film of one person (.mp4 .mov .webm .mkv .avi).
        out: where to write; the suffix chooses the format. Takes several of a motion; of a film one .mp4.
        speech: the sound that goes with it, as long as it within 0.1 s. A film needs none; another speech is
            heard within the spans, and the face follows it.
        span: what to make anew, as in 2.0:4.5, in seconds; everything unless given. Takes several.
        joints: hands, arms, left-arm, right-arm, head, torso or names of joints. Takes several. Unless given,
            all of a motion, whose pelvis, legs, place and face are always kept; of a film the arms.
        emotion: of the new gestures; the names are those of generate.
        intensity: liveliness of the new gestures, 0.25 to 2.5; 1.0 is usual.
        speaker: whose manner of gesturing; a wrong name lists the right ones.
        seed: another one gives another take.
        model: a shipped model or a model folder.
        points: of a film: JSON of its points from another detector (MMPose, DWPose, OpenPose).
        refine: of a film: a network that paints what warping cannot, from train video, or none.
        mark: of a film: carry the watermark and the record that tell it is made; --no-mark to leave them out.
    """
    began = time.monotonic()
    from .. import api
    from ..api.editing import is_film
    from ..loading import load
    from ..motion.motion import Motion, load_motion
    from ..speech.loading import load_speech

    film = is_film(motion)
    if film and len(out) > 1:
        raise UserError(f"the edit of a film is written to one file; got {len(out)}, name one .mp4")
    for target in some(out):
        not_over(api.check_target(target), motion, speech, points, model, refine)
    wished, heard = api.mood(emotion), None
    loaded, moved = load(model), motion if film else load_motion(motion)
    stage("listening")
    if speech is not None or (film and wished == api.AUTO):
        heard = load_speech(speech or motion)
    if wished == api.AUTO and heard is not None:
        wished = listened(heard, loaded)
    stage("gesturing")
    edited = api.edit(
        moved,
        speech=None if speech is None else heard,
        out=out[0] if film else None,
        span=span,
        joints=joints,
        emotion=wished,
        intensity=intensity,
        speaker=speaker,
        seed=seed,
        model=loaded,
        points=points,
        refine=refine,
        mark=mark,
    )
    if not isinstance(edited, Motion):
        done(out, began, f"{motion.name} edited")
        return
    for target in out:
        stage(f"writing {target.name}")
        api.write(edited, target, speech=heard)
    done(out, began, f"{edited.seconds:.1f} s of motion")


def listened(speech: Speech, model: GestureModel) -> dict[str, float]:
    """The mixture of emotions that a voice sounds like; says so, with how sure it is."""
    from ..api.inputs import hear_emotion
    from ..core.emotions import EMOTIONS
    from ..methods.conditioning import heard_mixture, told

    found = hear_emotion(speech, model=model)
    note(f"the voice sounds like {told(found)} (a guess; name an emotion with --emotion to overrule it)")
    return heard_mixture(found, known=getattr(model, "emotions", EMOTIONS))
