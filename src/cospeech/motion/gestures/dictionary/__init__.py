"""The gestures that come with cospeech, by kind; ``GESTURES`` has all of them by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..gesture import Gesture
from . import actions, attitudes, deictic, discourse, emblems, numbers, sizes

GESTURES: Mapping[str, Gesture] = MappingProxyType(
    {
        gesture.name: gesture
        for part in (emblems, numbers, deictic, sizes, discourse, attitudes, actions)
        for gesture in part.GESTURES
    }
)
