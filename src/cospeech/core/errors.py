"""Errors a user can make. Everything else is a bug and keeps its traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LISTED = 12  # names that a message lists where none is near


class UserError(ValueError):
    """Something the user gave cannot be used.

    The message is one line that says what was got, what is allowed and what to do. The command
    line prints it alone and ends with exit status 2.
    """


def did_you_mean(name: str, known: Iterable[str], *, most: int = 4) -> str:
    """What a message says behind an unknown name: near ones of those that are known, or all of a few.

    >>> did_you_mean("wafe", ["wave", "nod"]), did_you_mean("x", ["wave", "nod"])
    ('did you mean wave?', 'known: wave, nod')
    """
    names = {one.casefold(): one for one in known}
    near = [names[one] for one in get_close_matches(name.casefold(), names, n=most, cutoff=0.6)]
    if near:
        return f"did you mean {' or '.join(filter(None, [', '.join(near[:-1]), near[-1]]))}?"
    listed = list(names.values())
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"known: {', '.join(listed[:_LISTED])}{more}"
