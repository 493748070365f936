"""A word with its times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One word as it was spoken."""

    text: str
    start: float  # seconds
    end: float  # seconds, not before start
