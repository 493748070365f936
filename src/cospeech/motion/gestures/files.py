"""Gestures of a user's own, as files: JSON of keys, or JSON beside a recorded motion.

A folder of gestures has a file NAME.json for each, with the fields of ``Gesture``; a recorded one names its motion
(``motion``, a file beside it) and the moment of its stroke (``stroke``, seconds).
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any

from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.files import atomic_path, data_home
from ...core.json_files import decode_struct
from ...core.progress import note_once
from ...core.timing import FPS
from ..motion import Motion, load_motion
from ..retarget import on_canonical
from .gesture import Gesture, HandKey, TurnKey
from .recorded import Recording, fastest_moment

FOLDER = "gestures"  # within a gesture library, and within the folder of what a user keeps
SHORTEST, LONGEST = 0.3, 10.0  # seconds of a recorded gesture
MARGIN = 0.1  # seconds from either end of a recording within which no stroke can be
_OF_RECORDING = ("motion", "stroke")
_KEYS = {"hand": HandKey, "other": HandKey, "head": TurnKey, "trunk": TurnKey}


def users_folder() -> Path:
    """Where a user's own gestures are kept unless another folder is named."""
    return data_home() / FOLDER


def file_name(name: str) -> str:
    """The name of a gesture as that of a file, and as it is looked up.

    >>> file_name("Royal wave")
    'royal_wave'
    """
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")


def recorded_gesture(
    motion: Motion, *, name: str, stroke: float | None = None, means: str = "", aliases: tuple[str, ...] = ()
) -> Gesture:
    """A gesture from a motion.

    Args:
        motion: of a rig that is known; put on the canonical joints.
        name: of the gesture.
        stroke: seconds at which its stroke is fastest; where a hand is fastest unless given.

    Raises:
        UserError: too short or long, a stroke outside of it, or hands that do not move.
    """
    motion = replace(on_canonical(motion).resample(FPS), face=None, extra={})
    if not SHORTEST <= motion.seconds <= LONGEST:
        raise UserError(
            f"the motion of a gesture lasts {motion.seconds:.2f} s; give {SHORTEST:g} to {LONGEST:g} s, "
            "or the part that is the gesture (span)"
        )
    stroke = fastest_moment(motion) if stroke is None else stroke
    if not MARGIN <= stroke <= motion.seconds - MARGIN:
        raise UserError(
            f"the stroke is {stroke:.2f} s after the gesture begins, which lasts {motion.seconds:.2f} s; give one "
            f"{MARGIN:g} to {motion.seconds - MARGIN:.2f} s after its beginning"
        )
    recording = Recording(motion, stroke)
    return Gesture(
        _checked_name(name),
        means or name,
        "emblem",
        recording=recording,
        side=recording.sides[0],
        hold=0.1,
        aliases=aliases,
    )


def _checked_name(name: str) -> str:
    if not file_name(name):
        raise UserError(f"the name {name!r} of a gesture has no letter in it; give a word or two")
    return file_name(name)


def save_gesture(folder: str | Path, gesture: Gesture) -> Path:
    """Write a gesture into a folder of gestures, which is made; one of that name is replaced. Its JSON file."""
    folder = file_path(folder, "the folder of gestures")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{file_name(gesture.name)}.json"
    data = gesture_data(gesture)
    if gesture.recording is not None:
        motion = target.with_suffix(".npz")
        gesture.recording.motion.save(motion)
        data |= {"motion": motion.name, "stroke": round(gesture.recording.stroke, 4)}
    with atomic_path(target) as temporary:
        temporary.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def gesture_data(gesture: Gesture) -> dict[str, Any]:
    """The fields of a gesture that are not as usual, as plain values for JSON; a recording is left out."""
    result: dict[str, Any] = {}
    for field in fields(Gesture):
        if field.name == "recording":
            continue
        value = getattr(gesture, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if value == default:
            continue
        if field.name in _KEYS:
            value = [_key_data(key) for key in value]
        result[field.name] = dict(value) if field.name == "face" else value
    return result


def _key_data(key: HandKey | TurnKey) -> dict[str, Any]:
    defaults = {field.name: field.default for field in fields(type(key))}
    return {name: value for name, value in asdict(key).items() if value != defaults[name]}


def read_gesture(path: str | Path) -> Gesture:
    """Read a gesture's JSON file.

    Raises:
        UserError: it cannot be read, or is none; the message names the place and what is allowed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path} ({error}); give a gesture as JSON") from None
    data = decode_struct(text, dict[str, Any], path)
    given = {name: data.pop(name) for name in _OF_RECORDING if name in data}
    known = [field.name for field in fields(Gesture) if field.name != "recording"]
    _check_names(data, [*known, *_OF_RECORDING], str(path))
    data.setdefault("means", data.get("name", ""))
    if "motion" in given:
        data.setdefault("side", "left")  # replaced below; a gesture needs something that moves
        return _with_recording(path, data, given)
    try:
        for name, kind in _KEYS.items():
            for key in data.get(name, ()):
                _check_names(key, [field.name for field in fields(kind)], f"{path}, {name}")
        return decode_struct(json.dumps(data), Gesture, path)
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def _with_recording(path: Path, data: dict[str, Any], given: dict[str, Any]) -> Gesture:
    """A gesture whose motion lies beside its JSON file."""
    name, stroke = str(given["motion"]), given.get("stroke")
    if Path(name).name != name:
        raise UserError(f"{path}: motion is {name!r}; give the name of a file beside it")
    if stroke is not None and (isinstance(stroke, bool) or not isinstance(stroke, int | float)):
        raise UserError(f"{path}: stroke is {stroke!r}; give seconds, as in 0.8")
    gesture = recorded_gesture(
        load_motion(path.parent / name), name=str(data.get("name", path.stem)), stroke=stroke, means=str(data["means"])
    )
    aliases = data.get("aliases", ())
    return replace(gesture, aliases=tuple(str(alias) for alias in aliases))


def _check_names(data: Any, known: list[str], where: str) -> None:
    if not isinstance(data, dict):
        raise UserError(f"{where}: got {type(data).__name__}; give an object with {', '.join(known)}")
    for name in data:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise UserError(
                f"{where}: unknown {name!r}{f', perhaps {near[0]!r}' if near else ''}; known: {', '.join(known)}"
            )


def gestures_in(folder: str | Path) -> list[Gesture]:
    """The gestures of a folder, by name; none if it is not there. What cannot be read is left out with a note."""
    found = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            found.append(read_gesture(path))
        except UserError as error:
            note_once(f"a gesture is left out: {error}")
    return found
