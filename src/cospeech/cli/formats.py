"""The commands on motion that is there: into another format, drawn, or given a face."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import FlagCreatePairsOff, Positional, arg

from ..core.progress import note, stage
from .annotations import Clip, Count, MaybeEmotion, MaybeFile, MaybeRecording, MotionFile, Onto, Out, RigMap, Saving
from .declared import writes
from .gesture import with_detected_emotion
from .outputs import character_for, done, not_over, some

if TYPE_CHECKING:
    from ..motion.motion import Motion
    from ..speech.speech import Speech


@writes
def convert(
    source: Positional[MotionFile],
    /,
    *,
    out: Out,
    speech: MaybeRecording = None,
    onto: Onto = None,
    robot: MaybeFile = None,
    robot_map: MaybeFile = None,
    map: RigMap = None,
    animation: Clip = None,
    person: Clip = None,
    saving: Saving = MappingProxyType({}),
) -> None:
    """Bring motion from one format to another, or to the joint angles of a robot.

    Args:
        source: a motion file (.bvh .npz .glb .vrm .fbx .vrma).
        out: where to write; the suffix chooses the format. Takes several.
        speech: a recording that the motion gets lips and a face from, as by the command face.
        onto: your own character (.glb .vrm .fbx), which is written and shown with the motion instead of our person; a
            .vrma is written beside a VRM. FILE@NAME for one of several people.
        robot: a humanoid's URDF; out is then its joint angles, .csv or .json (docs/robots.md).
        robot_map: JSON that says which of its joints are arms, waist and head, where they are not recognised.
        map: JSON that says which joint of the rig is which, where its names do not tell, as in {"left_foot": "Ball_L"}.
        animation: of several in the file, by name or number from 0.
        person: of several in the file, by name or number from 0.
    """
    from ..api.rig import reading_options

    reading = reading_options(map, animation, person)
    if robot is not None or robot_map is not None:
        from ..api.robots import check_alone
        from ..api.writing import check_writing

        urdf = Path(check_alone(robot, speech, onto))
        check_writing((), saving)  # a robot has none of these
        _to_robot(source, out, urdf, robot_map, reading)
        return
    if speech is not None:
        face(source, speech=speech, out=out, onto=onto, map=map, animation=animation, person=person, saving=saving)
        return
    began = time.monotonic()
    from .. import api
    from ..motion.motion import load_motion

    for target in some(out):
        not_over(api.check_target(target), source, onto, map)
    character = character_for(onto, out, source)
    given = api.check_writing(out, saving, onto=character)
    moved = load_motion(source, **reading)
    for target in out:
        stage(f"writing {target.name}")
        api.write_converted(moved, target, onto=character, **api.options_for(target, given, onto=character))
    done(out, began, f"from {source.name}")


def _to_robot(source: Path, out: Out, robot: Path, robot_map: Path | None, reading: dict[str, Any]) -> None:
    """Joint angles of a robot, and in a few lines what came of it. Raises UserError."""
    began = time.monotonic()
    from ..api.robots import to_robot
    from ..motion.motion import load_motion
    from ..motion.robots.robot_files import check_robot_target, save_robot_motion, told

    for target in some(out):
        not_over(check_robot_target(target), source, robot, robot_map)
    stage(f"moving {robot.name}")
    moved = to_robot(load_motion(source, **reading), robot, robot_map=robot_map)
    for target in out:
        save_robot_motion(moved, target)
    for line in told(moved):
        note(line)
    done(out, began, f"from {source.name}")


@writes
def face(
    motion: Positional[MotionFile],
    /,
    *,
    speech: Annotated[Path, arg(metavar="SPEECH")],
    out: Out,
    start: Annotated[float, arg(metavar="SECONDS")] = 0.0,
    transcript: MaybeFile = None,
    no_transcript: FlagCreatePairsOff[bool] = False,
    lips: MaybeFile = None,
    emotion: MaybeEmotion = None,
    intensity: Annotated[float, arg(metavar="X")] = 1.0,
    seed: Count = 0,
    onto: Onto = None,
    map: RigMap = None,
    animation: Clip = None,
    person: Clip = None,
    saving: Saving = MappingProxyType({}),
) -> None:
    """Give body motion lips and a face that speak a recording: cospeech face dance.bvh --speech talk.wav -o dance.glb.

    The motion keeps its length and all that the body does. Before the speech and after it the face lives on in silence.

    Args:
        motion: a motion file (.bvh .npz .glb .vrm .fbx .vrma).
        speech: a sound file (wav, flac, mp3, ogg, m4a, webm), or a video with sound; what goes beyond the motion is
            cut.
        out: where to write; the suffix chooses the format, of those with a face (.glb .fbx .vrma .npz .html .mp4
            .csv .visemes.json). Takes several.
        start: where in the motion the speech begins, seconds.
        transcript: what is said: captions, a recogniser's JSON, TextGrid or plain text; what lies beside the recording
            under its name is taken by itself if it fits.
        no_transcript: leave out what lies beside the recording.
        lips: a track that the mouth follows: ARKit CSV, Oculus or VRM visemes (CSV, JSON), Rhubarb, TextGrid phones.
        emotion: of the face: neutral (default), amusement, anger, disgust, fear, joy, pride, sadness, shame, surprise;
            of a mixture the strongest; or auto, for what the voice sounds like.
        intensity: strength of expression and brows, 0.25 to 2.5; the lips keep to the sound.
        seed: of blinks, glances and brows.
        onto: your own character (.glb .vrm .fbx), which is written and shown with the motion instead of our person; a
            .vrma is written beside a VRM. FILE@NAME for one of several people.
        map: JSON that says which joint of the rig is which, where its names do not tell, as in {"left_foot": "Ball_L"}.
        animation: of several in the file, by name or number from 0.
        person: of several in the file, by name or number from 0.
    """
    began = time.monotonic()
    from .. import api
    from ..api.rig import reading_options
    from ..motion.motion import load_motion
    from ..speech.loading import load_recording

    for target in some(out):
        not_over(api.check_face_target(target), motion, speech, transcript, lips, onto, map)
    character = character_for(onto, out, motion, speech, transcript, lips)
    given = api.check_writing(out, saving, onto=character)
    options = api.face_options(emotion=emotion, intensity=intensity, seed=seed)
    moved = load_motion(motion, **reading_options(map, animation, person))
    stage("reading the speech")
    recording = load_recording(speech, transcript=transcript, lips=lips, beside=not no_transcript)
    moved, recording = _speaking(moved, recording, with_detected_emotion(options, recording), start=start)
    for target in out:
        stage(f"writing {target.name}")
        own = api.options_for(target, given, onto=character)
        api.write_converted(moved, target, speech=recording, onto=character, **own)
    done(out, began, f"{moved.seconds:.1f} s of motion with a face")


def render(
    motion: Positional[MotionFile],
    /,
    *,
    out: Out,
    audio: MaybeFile = None,
    speech: MaybeRecording = None,
    transcript: MaybeFile = None,
    body: Annotated[str, arg(metavar="NAME")] = "person",
    colours: Annotated[str | None, arg(metavar="PART=COLOUR,...", help_behavior_hint="")] = None,
    onto: Onto = None,
    map: RigMap = None,
    animation: Clip = None,
    person: Clip = None,
) -> None:
    """Draw motion on the default body or your own, as a film or a page.

    Args:
        motion: a motion file (.bvh .npz .glb .vrm .fbx .vrma).
        out: a film (.mp4) or a page (.html). Takes several.
        audio: the sound that goes with it, which leaves the face as it is; that of --speech unless given.
        speech: a recording that the motion gets lips and a face from, as by the command face.
        transcript: its words, for the page and the lips.
        body: who is shown: person, woman or mannequin.
        colours: of clothes and hair, as in jacket=#345,trousers=navy; see convert.
        onto: your own character (.glb .vrm .fbx), which is shown instead of our person; FILE@NAME for one of several.
        map: JSON that says which joint of the rig is which, where its names do not tell, as in {"left_foot": "Ball_L"}.
        animation: of several in the file, by name or number from 0.
        person: of several in the file, by name or number from 0.
    """
    began = time.monotonic()
    from .. import api
    from ..api.rig import reading_options
    from ..motion.formats import known_suffixes
    from ..motion.motion import load_motion
    from ..speech.loading import load_recording, load_speech

    drawn = known_suffixes("write", content="picture")
    for target in some(out):
        not_over(api.check_target(target, suffixes=drawn), motion, audio, speech, transcript, onto, map)
    character = character_for(onto, out, motion, audio, speech, transcript)
    who = api.check_writing(out, {"body": body, "colours": colours}, onto=character)
    sound = None if audio is None else load_speech(audio, transcript=transcript if speech is None else None)
    moved = load_motion(motion, **reading_options(map, animation, person))
    if speech is not None:
        moved, spoken = _speaking(moved, load_recording(speech, transcript=transcript))
        sound = spoken if sound is None else sound
    for target in out:
        stage(f"drawing {target.name}")
        api.render(moved, target, speech=sound, onto=character, **who)
    done(out, began, f"{moved.seconds:.1f} s of motion")


def _speaking(
    motion: Motion, speech: Speech, options: Mapping[str, Any] | None = None, *, start: float = 0.0
) -> tuple[Motion, Speech]:
    """The motion with a face, and the speech as long as it; what is replaced is said."""
    from .. import api

    if motion.face is not None and motion.face.any():
        note("the face that the motion has is replaced")
    placed = api.placed_speech(motion, speech, start=start)
    stage("making the face")
    return api.add_face(motion, placed, **(options or {})), placed
