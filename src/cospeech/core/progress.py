"""The one place through which progress and notes reach the terminal, or the program that runs a command.

As text, progress is for people: it is shown on a terminal alone. As JSON lines (``--progress json``) it is for
programs: docs/progress.md describes the protocol. Both go to standard error.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from os import path
from typing import Any, TypeVar

from .errors import UserError

T = TypeVar("T")

PROTOCOL = 1  # of the JSON lines; another number where something is renamed or goes
KINDS = ("text", "json")

_as_json = False
_stage = ""
_counting = False
_closing = ""
_outputs: list[str] = []


def report_as(kind: str) -> None:
    """How progress is reported from here on, as each command begins.

    Raises:
        UserError: another kind than text or json.
    """
    global _as_json, _stage, _closing
    if kind not in KINDS:
        raise UserError(f"progress is reported as {' or '.join(KINDS)}; got {kind!r}")
    _as_json, _stage, _closing = kind == "json", "", ""
    _outputs.clear()


def emit(event: str, **fields: Any) -> None:
    """A line of JSON, where that is how progress is reported."""
    if not _as_json:
        return
    with contextlib.suppress(OSError):  # nobody listens any more, which is no reason to stop
        sys.stderr.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stderr.flush()


def counted(items: Collection[T]) -> Iterator[T]:
    """Iterate and count the current stage's steps, for programs; people see the stage alone."""
    return _counted(items, len(items))


def _counted(items: Iterable[T], total: int | None) -> Iterator[T]:
    global _counting
    if not _as_json or _counting:  # of loops within one another the outer one is counted
        yield from items
        return
    _counting, done = True, 0
    try:
        for item in items:
            emit("progress", stage=_stage, done=done, total=total)
            yield item
            done += 1
        emit("progress", stage=_stage, done=done, total=total)
    finally:
        _counting = False


def track(items: Iterable[T], what: str, *, total: int | None = None, quiet: bool = False) -> Iterator[T]:
    """Iterate with a progress bar on standard error (none when it is no terminal, or quiet)."""
    if _as_json and not quiet:
        stage(what)
        yield from _counted(items, len(items) if total is None and isinstance(items, Sized) else total)
        return
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from tqdm import tqdm

    sys.stderr.write("\r\033[K")
    yield from tqdm(items, desc=what, total=total, leave=False, unit="")


def stage(text: str, *, take: int = 1, takes: int = 1) -> None:
    """Say what is being done, on a terminal, in a line that the next one replaces; of several takes, of which."""
    global _stage
    _stage = text
    if _as_json:
        emit("stage", stage=text, **({"take": take, "takes": takes} if takes > 1 else {}))
    elif sys.stderr.isatty():
        of_takes = f", take {take} of {takes}" if takes > 1 else ""
        sys.stderr.write(f"\r\033[K{text}{of_takes} ...")
        sys.stderr.flush()


def wrote(targets: Sequence[Any], text: str) -> None:
    """A command's closing note, with the files that it wrote; programs hear of them in the last line."""
    global _closing
    _outputs.extend(path.abspath(target) for target in targets)
    _closing = text
    if not _as_json:
        note(text)


def ended() -> None:
    """A command did all it was asked for: the last line of JSON."""
    emit("done", outputs=list(_outputs), message=_closing)


def failed(message: str, status: int) -> None:
    """A command stopped: one line of text, or the last line of JSON."""
    if _as_json:
        emit("error", message=message, status=status)
    else:
        note(f"cospeech: {message}")


def note(text: str) -> None:
    """One line to standard error."""
    if _as_json:
        emit("note", message=text.rstrip("\n"))
        return
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
