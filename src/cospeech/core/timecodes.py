"""Time codes as cameras and Live Link Face write them: HH:MM:SS:FF, with or without a fraction of a frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from .errors import UserError

USUAL_RATE = 60.0  # frames a second where time codes do not tell, as Live Link Face records
_TIMECODE = re.compile(r"(\d+):(\d+):(\d+)[:;](\d+)(\.\d+)?")
_RATES = (24.0, 25.0, 30.0, 60.0, 120.0, 1000.0)
_MIDNIGHT = 12 * 3600  # seconds; who goes back by more has passed midnight


def checked_rate(stamps: Sequence[str], where: Callable[[int], str]) -> float:
    """``timecode_rate`` of time codes in order.

    Args:
        where: the place of a row by its index, for the message.

    Raises:
        UserError: the time runs backwards.
    """
    late = backwards(stamps)
    if late is not None:
        raise UserError(f"{where(late)}: the time runs backwards; put the rows in order of time")
    return timecode_rate(stamps)


def timecode_rate(stamps: Sequence[str]) -> float:
    """Frames a second: how many rows pass between changes of the second; 60 where that cannot be told.

    >>> timecode_rate([f"00:00:{k // 25:02d}:{k % 25:02d}.000" for k in range(80)]), timecode_rate(["x"])
    (25.0, 60.0)
    """
    parsed = [_parsed(stamp) for stamp in stamps]
    known = [one for one in parsed if one is not None]
    if len(known) < len(parsed):
        return USUAL_RATE
    changes = np.flatnonzero(np.diff([seconds for seconds, _ in known]))
    if len(changes) >= 2:
        return float(np.median(np.diff(changes)))
    highest = max((frame for _, frame in known), default=USUAL_RATE - 1)
    return next((rate for rate in _RATES if highest < rate), USUAL_RATE) if changes.size else USUAL_RATE


def backwards(stamps: Sequence[str]) -> int | None:
    """Index of the first time code before the one above it; None if there is none. Other texts are passed over.

    >>> backwards(["00:00:01:05", "00:00:01:04"]), backwards(["23:59:59:29", "00:00:00:00"])
    (1, None)
    """
    before: tuple[int, float] | None = None
    for index, stamp in enumerate(stamps):
        here = _parsed(stamp)
        if here is None:
            continue
        if before is not None and here < before and before[0] - here[0] < _MIDNIGHT:
            return index
        before = here
    return None


def _parsed(stamp: str) -> tuple[int, float] | None:
    """Whole seconds and frames."""
    match = _TIMECODE.match(stamp.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(match[k]) for k in (1, 2, 3))
    return hours * 3600 + minutes * 60 + seconds, float(f"{match[4]}{match[5] or ''}")
