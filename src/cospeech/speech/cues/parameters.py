"""What can be said of a gesture beside its name: one table for marks in a text, files of gestures and calls."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...core.errors import UserError, did_you_mean
from .cue import HIGHEST, LARGEST, LONGEST, MOST_REPEATS, SHORTEST, SIDES, SMALLEST, GestureCue

DIRECTIONS = {  # to the speaker's left, up, ahead
    "left": (1.0, 0.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "up": (0.0, 1.0, 0.0),
    "down": (0.0, -1.0, 0.0),
    "ahead": (0.0, 0.0, 1.0),
    "front": (0.0, 0.0, 1.0),
    "behind": (0.0, 0.0, -1.0),
    "back": (0.0, 0.0, -1.0),
}
_ALIASES = {
    "length": "duration",
    "seconds": "duration",
    "scale": "size",
    "amplitude": "size",
    "hand": "side",
    "arm": "side",
    "repeat": "repeats",
    "times": "repeats",
    "dir": "direction",
    "target": "direction",
}
# Smallest and largest value of each number, and its unit.
_RANGES = {
    "duration": (SHORTEST, LONGEST, " s"),
    "hold": (0.0, LONGEST, " s"),
    "size": (SMALLEST, LARGEST, ""),
    "speed": (SMALLEST, LARGEST, ""),
    "height": (-HIGHEST, HIGHEST, " m"),
    "repeats": (1, MOST_REPEATS, ""),
    "intensity": (0.0, 1.0, ""),
}
_UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 0.001, "m": 1.0, "cm": 0.01, "%": 0.01, "x": 1.0, "": 1.0}
GESTURE_PARAMETERS = ("duration", "hold", "size", "speed", "height", "side", "repeats", "direction")
EMOTION_PARAMETERS = ("intensity", "duration")

Known = Callable[[str], bool] | Collection[str]  # names of gestures: a collection, or what tells whether one is known


def parameters_of(
    given: Mapping[str, Any], where: str, *, allowed: Collection[str] = GESTURE_PARAMETERS, ignore: bool = False
) -> dict[str, Any]:
    """Parameters by their own names, checked and converted; those that are None or empty are left out.

    Args:
        given: as they are written; numbers may be texts with a unit, "1.5 s", "20cm", "80%".
        where: what a message begins with.
        ignore: pass over what is none of the allowed ones.

    Raises:
        UserError: an unknown name, or a value that is not allowed.

    >>> parameters_of({"Size": "150%", "hand": "Left", "dir": "up", "hold": None}, "the mark")
    {'size': 1.5, 'side': 'left', 'direction': (0.0, 1.0, 0.0)}
    """
    out: dict[str, Any] = {}
    for key, value in given.items():
        name = key.strip().lower().replace("-", "_")
        name = _ALIASES.get(name, name)
        if name not in allowed:
            if ignore:
                continue
            raise UserError(f"{where} has {key!r}, which no gesture takes; {did_you_mean(name, allowed)}")
        if value is None or value == "":
            continue
        if name in out:
            raise UserError(f"{where} has {name} twice; give it once")
        out[name] = _READERS[name](name, value, where) if name in _READERS else _number(name, value, where)
    return out


def number_of(value: Any) -> float | None:
    """A number, or a text that is one with or without a unit; None if it is none.

    >>> number_of("1.5 s"), number_of("250ms"), number_of(2), number_of("soon")
    (1.5, 0.25, 2.0, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([a-z%]*)\s*", value.lower())
        if match is None or match[2] not in _UNITS:
            return None
        value = float(match[1]) * _UNITS[match[2]]
    try:
        value = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _number(name: str, value: Any, where: str) -> float | int:
    low, high, unit = _RANGES[name]
    number = number_of(value)
    whole = name == "repeats"
    if number is None or not low <= number <= high or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise UserError(f"{where} has the {name} {value!r}; give {kind} from {low:g} to {high:g}{unit}")
    return int(number) if whole else number


def _side(name: str, value: Any, where: str) -> str | None:
    side = str(value).strip().lower().removesuffix(" hand").removesuffix("hand").removesuffix("_")
    side = {"l": "left", "r": "right", "two": "both", "any": ""}.get(side, side)
    if side and side not in SIDES:
        raise UserError(f"{where} has the side {value!r}; it can be left, right or both")
    return side or None


def _direction(name: str, value: Any, where: str) -> tuple[float, float, float]:
    if isinstance(value, str):
        words = re.findall(r"[a-z]+", value.lower())
        if words and DIRECTIONS.keys() >= set(words):
            value = [sum(axis) for axis in zip(*map(DIRECTIONS.__getitem__, words), strict=True)]
        else:
            value = re.split(r"[\s,;]+", value.strip(" ()[]"))
    numbers = [number_of(one) for one in value] if isinstance(value, Iterable) else []
    if len(numbers) != 3 or None in numbers or not any(numbers):
        known = ", ".join(DIRECTIONS)
        raise UserError(
            f"{where} has the direction {value!r}; give x, y, z to the speaker's left, up and ahead, or {known}"
        )
    x, y, z = (float(one or 0.0) for one in numbers)
    return (x, y, z)


_READERS: Mapping[str, Callable[[str, Any, str], Any]] = {"side": _side, "direction": _direction}


def cue_fields(parameters: Mapping[str, Any], time: float, *, end: float = math.inf) -> dict[str, Any]:
    """Fields of a ``GestureCue`` at a time, from parameters that are checked; a hold ends at ``end`` at the latest."""
    fields = {name: value for name, value in parameters.items() if name not in ("hold", "intensity")}
    if "hold" in parameters:
        fields["hold_until"] = min(time + parameters["hold"], end)
    return fields


def shifted_cues(cues: Iterable[GestureCue], offset: float, seconds: float) -> tuple[GestureCue, ...]:
    """The cues as much later, as far as they are in a speech of so many seconds."""
    moved = []
    for cue in cues:
        hold = None if cue.hold_until is None else min(max(cue.hold_until + offset, 0.0), seconds)
        if 0.0 <= cue.time + offset <= seconds:
            moved.append(replace(cue, time=cue.time + offset, hold_until=hold))
    return tuple(moved)


def check_known(name: str, known: Known | None, where: str) -> str:
    """The name, if it is one of a gesture.

    Raises:
        UserError: it is none; near ones are listed where the names are a collection.
    """
    if known is None or (known(name) if callable(known) else name in known or _spelling(name) in map(_spelling, known)):
        return name
    near = f"; {did_you_mean(_spelling(name), known)}" if isinstance(known, Collection) else ""
    raise UserError(f"{where} names the gesture {name!r}, which is not known{near}")


def _spelling(name: str) -> str:
    """A name without its case, blanks and hyphens."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())
