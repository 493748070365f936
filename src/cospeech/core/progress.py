"""The one place through which progress and notes reach the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def track(items: Iterable[T], what: str, *, total: int | None = None, quiet: bool = False) -> Iterator[T]:
    """Iterate with a progress bar on standard error (none when it is no terminal, or quiet)."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from tqdm import tqdm

    sys.stderr.write("\r\033[K")
    yield from tqdm(items, desc=what, total=total, leave=False, unit="")


def stage(text: str) -> None:
    """Say what is being done, on a terminal, in a line that the next one replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text} ...")
        sys.stderr.flush()


def note(text: str) -> None:
    """One line to standard error."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    sys.stderr.write(text.rstrip("\n") + "\n")
    sys.stderr.flush()


_said: set[str] = set()


def note_once(text: str) -> None:
    """A note that a command says once, however often the same thing comes up in it."""
    if text not in _said:
        _said.add(text)
        note(text)


def forget_notes() -> None:
    """Begin anew, as each command does: what was said once is said again."""
    _said.clear()
