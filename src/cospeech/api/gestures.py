"""Named gestures: which there are, how one looks, a user's own; and motion that gets some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.progress import note
from ..gesture_library.library import open_library
from ..gesture_library.meaning import MeaningHit, find_by_meaning
from ..motion.gestures.demonstration import demonstrated
from ..motion.gestures.files import FOLDER, read_gesture, recorded_gesture, save_gesture, users_folder
from ..motion.gestures.lookup import GestureDictionary
from ..motion.gestures.perform import perform, tell_left_out, with_gestures
from ..motion.motion import Motion, load_motion
from ..motion.retarget import on_canonical
from ..sampling.edit import Span, time_spans
from ..speech.cues.cue import GestureCue
from ..speech.cues.gesture_file import requested_cues
from ..speech.speech import Speech


def gestures(library: str | Path | None = None) -> GestureDictionary:
    """The gestures that can be asked for by name: ours, and the user's own.

    Args:
        library: a gesture library, whose named gestures are there as well.
    """
    return GestureDictionary.of_user(library)


def add_gesture(
    source: str | Path | Motion,
    *,
    name: str | None = None,
    stroke: float | None = None,
    span: Span | None = None,
    means: str = "",
    aliases: Iterable[str] = (),
    library: str | Path | None = None,
    **reading: Any,
) -> Path:
    """Add a gesture of the user's own; one of that name is replaced.

    Args:
        source: a motion, a file of it on any rig that is known, or a gesture as JSON (docs/gestures.md).
        name: of the gesture; a JSON file may have its own.
        stroke: seconds at which the stroke of a motion is fastest; where a hand is fastest unless given.
        span: "START:END" or (START, END) in seconds of a motion, the part that is the gesture; all of it unless given.
        means: what it says, in a few words.
        aliases: other names.
        library: the gesture library that it is added to; the user's own folder unless given.
        reading: of a motion file, as ``load_motion`` takes it: map, animation, person.
    Returns:
        The JSON file that was written.
    Raises:
        UserError: what is given cannot be used.
    """
    folder = users_folder() if library is None else _folder_of(library)
    if not isinstance(source, Motion) and Path(source).suffix.lower() == ".json":
        if stroke is not None or span is not None:
            raise UserError("a stroke or span goes with a motion; a gesture as JSON has its own times, so leave it out")
        gesture = read_gesture(source)
        gesture = replace(gesture, name=name or gesture.name, means=means or gesture.means)
    else:
        if not name:
            raise UserError('a gesture from a motion needs a name; give one, as in --name "royal wave"')
        motion = source if isinstance(source, Motion) else load_motion(source, **reading)
        if span is not None:
            ((start, end),) = time_spans(span, motion.seconds)
            motion, stroke = motion.cut(start, end), None if stroke is None else stroke - start
        gesture = recorded_gesture(motion, name=name, stroke=stroke, means=means)
    gesture = replace(gesture, aliases=(*gesture.aliases, *aliases))
    known = gestures(library)
    for other in dict.fromkeys(known[called].name for called in (gesture.name, *gesture.aliases) if called in known):
        note(f"{gesture.name} now stands for what the gesture {other} stood for")
    return save_gesture(folder, gesture)


def _folder_of(library: str | Path) -> Path:
    if not Path(library).is_dir():
        raise UserError(f"no gesture library {library}; check the name, or leave it out to add to your own folder")
    return Path(library) / FOLDER


def find_gestures(text: str, *, library: str | Path | None = None, k: int = 5) -> list[MeaningHit]:
    """Gestures for what is said, the best first: named ones, and segments of a gesture library that have words.

    Args:
        text: what is said, in English or German, or the name of a gesture.
        library: folder of the gesture library that is asked as well.
        k: gestures at most.
    Raises:
        UserError: nothing in the text calls for a gesture.
    """
    opened = None if library is None else open_library(library)
    return find_by_meaning(text, library=opened, dictionary=gestures(library), k=k)


def show_gesture(name: str, *, uses: int = 3, seed: int = 0, library: str | Path | None = None) -> Motion:
    """A standing person who does a gesture so many times, each time differently.

    Args:
        name: of the gesture.
        uses: how often it is done.
        seed: another seed gives other uses.
        library: a gesture library whose named gestures are known as well.
    Raises:
        UserError: no such gesture; the message names near ones.
    """
    if uses < 1:
        raise UserError(f"uses must be a whole number from 1 on; got {uses}")
    return demonstrated(gestures(library)[name], uses=uses, seed=seed).motion


def perform_gestures(
    motion: Motion,
    cues: str | Path | Sequence[GestureCue | Mapping[str, Any]],
    *,
    speech: Speech | None = None,
    seed: int = 0,
    library: str | Path | None = None,
) -> Motion:
    """A motion with named gestures in it; ``extra["explain"]`` says where they are.

    Args:
        motion: of any rig that is known; put on the canonical joints.
        cues: as ``generate`` takes them: a JSON or CSV file, cues, or mappings.
        speech: whose words gestures may be placed at.
        seed: of how they are done.
        library: a gesture library whose named gestures are known as well.
    """
    motion = on_canonical(motion)
    dictionary = gestures(library)
    words = () if speech is None else speech.words
    found = requested_cues(cues, words=words, seconds=motion.seconds, known=dictionary)
    done = perform(motion, found, dictionary.__getitem__, seed=seed)
    tell_left_out(done.left_out)
    face = None if done.motion.face is None else with_gestures(done.motion.face, done.face)
    explained = {
        "gestures": [placed.as_dict() for placed in done.placed],
        "left_out": [left.as_dict() for left in done.left_out],
    }
    return replace(done.motion.with_face(face), extra={**done.motion.extra, "explain": explained})
