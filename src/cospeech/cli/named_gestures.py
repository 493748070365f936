"""The commands of named gestures."""

from __future__ import annotations

import shutil
import time
from json import dumps
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import FlagCreatePairsOff, Positional, arg

from ..core.errors import UserError
from ..core.progress import note, say
from .annotations import (
    Clip,
    Count,
    MaybeFolder,
    MaybeName,
    MaybeNumber,
    MaybeRecording,
    MaybeSpan,
    MotionFile,
    Names,
    Out,
    RigMap,
)
from .outputs import done, not_over

GestureName = Annotated[str, arg(metavar="NAME")]
GestureFile = Annotated[Path, arg(metavar="GESTURES")]


def show_list(*, json: FlagCreatePairsOff[bool] = False, library: MaybeFolder = None) -> None:
    """List the named gestures: ours, and your own.

    Args:
        json: print JSON.
        library: a gesture library whose named gestures are listed as well.
    """
    from .. import api

    found = api.gestures(library)
    if json:
        rows = [
            {
                "name": g.name,
                "means": g.means,
                "kind": g.kind,
                "hands": g.hands,
                "aliases": g.aliases,
                "own": n in found.own,
            }
            for n, g in found.items()
        ]
        say(dumps(rows, indent=1, ensure_ascii=False))
        return
    wide = max(map(len, found)) + 2
    width = shutil.get_terminal_size((120, 40)).columns
    for name, gesture in found.items():
        aliases = f"  ({', '.join(gesture.aliases)})" if gesture.aliases else ""
        own = "own, " if name in found.own else ""
        say(f"{name:{wide}}{own}{gesture.means}{aliases}"[:width].rstrip())


def show(
    name: Positional[GestureName], /, *, out: Out = (), uses: Count = 3, seed: Count = 0, library: MaybeFolder = None
) -> None:
    """Show a gesture on our person, a few times, each time differently.

    Args:
        name: of the gesture.
        out: where to write (.html .mp4 .bvh .glb .npz ...); takes several. NAME.html unless given.
        uses: how often it is done.
        seed: another seed gives other uses.
        library: a gesture library whose named gestures are known as well.
    """
    began = time.monotonic()
    from .. import api

    motion = api.show_gesture(name, uses=uses, seed=seed, library=library)
    targets = out or (Path(f"{api.gestures(library)[name].name}.html"),)
    for target in targets:
        api.check_target(target)
    done([api.write(motion, target) for target in targets], began, f"{motion.seconds:.1f} s of motion")


def find(
    text: Positional[Annotated[str, arg(metavar="TEXT")]], /, *, k: Count = 5, library: MaybeFolder = None
) -> None:
    """Find gestures for what is said: named ones, and segments of a gesture library that have words.

    Args:
        text: what is said, as in "the door is over there".
        k: gestures at most.
        library: the gesture library that is asked as well.
    """
    from .. import api

    for hit in api.find_gestures(text, library=library, k=k):
        why = ", ".join(f"{name} {value}" for name, value in hit.why.items() if value)
        say(f"{hit.score:.2f}  {hit.gesture.name}: {hit.gesture.means} ({why})")


def add(
    source: Positional[MotionFile],
    /,
    *,
    name: MaybeName = None,
    stroke: MaybeNumber = None,
    span: MaybeSpan = None,
    means: str = "",
    alias: Names = (),
    library: MaybeFolder = None,
    map: RigMap = None,
    animation: Clip = None,
    person: Clip = None,
) -> None:
    """Add a gesture of your own, from a motion or as JSON; it is then known wherever gestures are asked for by name.

    Args:
        source: a motion file (.bvh .npz .glb .fbx ...), or a gesture as JSON (docs/gestures.md).
        name: of the gesture, as in "royal wave"; a JSON file may have its own.
        stroke: seconds of the file at which the stroke of a motion is fastest; where a hand is fastest unless given.
        span: of a motion, the part that is the gesture.
        means: what it says, in a few words.
        alias: another name; may be given again.
        library: the gesture library that it is added to; your own folder unless given.
        map: JSON that says which joint of the rig is which.
        animation: of several in the file, by name or number from 0.
        person: of several in the file, by name or number from 0.
    """
    from .. import api
    from ..api.rig import reading_options

    written = api.add_gesture(
        source,
        name=name,
        stroke=stroke,
        span=span,
        means=means,
        aliases=alias,
        library=library,
        **reading_options(map, animation, person),
    )
    note(f"wrote {written}; next: cospeech gesture show {written.stem}")


def perform(
    motion: Positional[MotionFile],
    gestures: Positional[GestureFile],
    /,
    *,
    out: Out,
    speech: MaybeRecording = None,
    seed: Count = 0,
    library: MaybeFolder = None,
) -> None:
    """Put named gestures into a motion that is there.

    Args:
        motion: a motion file.
        gestures: JSON or CSV of gestures at times or words (docs/gestures.md).
        out: where to write; takes several.
        speech: the recording, whose sound the films get, and whose words gestures may be placed at.
        seed: of how they are done.
        library: a gesture library whose named gestures are known as well.
    """
    began = time.monotonic()
    from .. import api
    from ..motion.motion import load_motion
    from ..speech.loading import load_recording

    if not out:
        raise UserError("nothing to write is named; name a file, as in -o talk.html")
    for target in out:
        not_over(api.check_target(target), motion, gestures, speech)
    recording = None if speech is None else load_recording(speech)
    new = api.perform_gestures(load_motion(motion), gestures, speech=recording, seed=seed, library=library)
    done([api.write(new, target, speech=recording) for target in out], began, f"{new.seconds:.1f} s of motion")


GESTURE_COMMANDS: dict[str, Any] = {
    "gesture list": show_list,
    "gesture show": show,
    "gesture find": find,
    "gesture add": add,
    "gesture perform": perform,
}
