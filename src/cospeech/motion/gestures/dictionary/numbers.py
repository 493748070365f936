"""Numbers shown with fingers, palms to the listener; and the first, second and third of a list."""

from __future__ import annotations

from collections.abc import Iterator

from ..gesture import Gesture
from ..gesture import HandKey as K

_ONE_HAND = ("index", "two", "three", "four", "spread")
_NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _counts() -> Iterator[Gesture]:
    for number, name in enumerate(_NAMES, start=1):
        shown = _ONE_HAND[min(number, 5) - 1]
        hand = (
            K(-0.15, (0.2, 0.05, 0.26), "up .2out", "ahead", "fist"),
            K(0.15, (0.22, 0.14, 0.31), "up .12out", "ahead", shown),
        )
        other = () if number <= 5 else (hand[0], K(0.15, hand[1].at, "up .12out", "ahead", _ONE_HAND[number - 6]))
        yield Gesture(f"count_{number}", name, "emblem", hand=hand, other=other, hold=0.5, aliases=(name,))


def _items() -> Iterator[Gesture]:
    for number, (name, shown) in enumerate(
        zip(("first", "second", "third"), ("index", "two", "three"), strict=True), start=1
    ):
        hand = (
            K(-0.15, (0.18, 0.1, 0.28), "up .3ahead .1in", "in .6back", "loose_fist"),
            K(0.15, (0.17, 0.03, 0.34), "up .35ahead .15in", "in .7back", shown),
        )
        yield Gesture(f"list_{number}", f"{name} of several", "discourse", hand=hand, hold=0.5, aliases=(name,))


GESTURES = (*_counts(), *_items())
