"""A gesture that is asked for at a moment."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...core.errors import UserError

SOURCES = ("words", "sound", "text", "file", "call")
SIDES = ("left", "right", "both")
SHORTEST, LONGEST = 0.5, 10.0  # seconds of a gesture
SMALLEST, LARGEST = 0.1, 4.0  # size and speed, as factors
HIGHEST = 1.0  # metres that a gesture may be raised or lowered
MOST_REPEATS = 20


@dataclass(frozen=True)
class GestureCue:
    """A gesture that is asked for at a moment.

    Whether the dictionary has the gesture is seen where it is placed.

    Args:
        gesture: name of the dictionary, of the user's own, or an alias.
        time: seconds; its stroke falls there.
        word: that it goes with, as it is written.
        meaning: class of the trigger, such as "negation"; empty where it was asked for by name.
        source: "words"; "sound" (spotted in phones); "text" (markup); "file"; "call".
        strength: 0 to 1, how sure it is and how much it is wanted; those asked for by name have 1.
        duration: seconds of the whole gesture, 0.5 to 10.
        hold_until: seconds; end of the phrase, until which a hold may last.
        size, speed: of its movement, as factors.
        height: metres by which it is raised.
        side: "left", "right" or "both", of the speaker; free unless given.
        repeats: how often its stroke comes.
        direction: for ``point``: to the speaker's left, up, ahead; its length does not matter.

    Raises:
        UserError: a value is out of its range; the message names the gesture and what is allowed.
    """

    gesture: str
    time: float
    word: str = ""
    meaning: str = ""
    source: str = "call"
    strength: float = 1.0
    duration: float | None = None
    hold_until: float | None = None
    size: float = 1.0
    speed: float = 1.0
    height: float = 0.0
    side: str | None = None
    repeats: int | None = None
    direction: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.gesture, str) or not self.gesture.strip():
            raise UserError(f"gesture is {self.gesture!r}; give the name of one")
        object.__setattr__(self, "gesture", self.gesture.strip())
        self._check_number("time", self.time, 0.0, math.inf)
        self._check_number("strength", self.strength, 0.0, 1.0)
        self._check_number("size", self.size, SMALLEST, LARGEST)
        self._check_number("speed", self.speed, SMALLEST, LARGEST)
        self._check_number("height", self.height, -HIGHEST, HIGHEST, " metres")
        if self.duration is not None:
            self._check_number("duration", self.duration, SHORTEST, LONGEST, " seconds")
        if self.hold_until is not None:
            self._check_number("hold_until", self.hold_until, 0.0, math.inf)
        if self.repeats is not None:
            self._check_number("repeats", self.repeats, 1, MOST_REPEATS)
            if self.repeats != int(self.repeats):
                raise self._error("repeats", self.repeats, f"a whole number from 1 to {MOST_REPEATS}")
        if self.source not in SOURCES:
            raise self._error("source", self.source, f"one of {', '.join(SOURCES)}")
        if self.side is not None and self.side not in SIDES:
            raise self._error("side", self.side, f"one of {', '.join(SIDES)}, or none")
        if self.direction is not None:
            object.__setattr__(self, "direction", self._direction())

    def _direction(self) -> tuple[float, float, float]:
        wanted = "three numbers, to the speaker's left, up and ahead, not all 0"
        try:
            left, up, ahead = (float(value) for value in self.direction or ())
        except (TypeError, ValueError):
            raise self._error("direction", self.direction, wanted) from None
        if not math.isfinite(left + up + ahead) or not (left or up or ahead):
            raise self._error("direction", self.direction, wanted)
        return left, up, ahead

    def _check_number(self, name: str, value: object, least: float, most: float, unit: str = "") -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not least <= value <= most:  # type: ignore[operator]
            allowed = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}{unit}"
            raise self._error(name, value, allowed)

    def _error(self, name: str, value: object, allowed: str) -> UserError:
        at = f" at {self.time:.2f} s" if isinstance(self.time, int | float) else ""
        return UserError(f"gesture {self.gesture!r}{at}: {name} is {value!r}; give {allowed}")
