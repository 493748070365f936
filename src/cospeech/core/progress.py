"""The one place through which progress and notes reach the terminal, or the program that runs a command.

As text, progress is for people: it is shown on a terminal alone. As JSON lines (``--progress json``) it is for
programs: docs/progress.md describes the protocol. Both go to standard error.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from os import path
from typing import Any, TypeVar

from .errors import UserError
from .text import harmless, one_line

T = TypeVar("T")

PROTOCOL = 1  # of the JSON lines; another number where something is renamed or goes
KINDS = ("text", "json")
_NO_READER = 141  # status: 128 and SIGPIPE

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
    _to_stderr(json.dumps({"event": event, **fields}) + "\n")


def _to_stderr(text: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed: nobody listens, no reason to stop
        sys.stderr.write(text)
        sys.stderr.flush()


def _on_terminal() -> bool:
    return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()


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
    if quiet or not _on_terminal():
        yield from items
        return
    from tqdm import tqdm

    sys.stderr.write("\r\033[K")
    yield from tqdm(items, desc=one_line(what), total=total, leave=False, unit="")


def stage(text: str, *, take: int = 1, takes: int = 1) -> None:
    """Say what is being done, on a terminal, in a line that the next one replaces; of several takes, of which."""
    global _stage
    _stage = text
    if _as_json:
        emit("stage", stage=text, **({"take": take, "takes": takes} if takes > 1 else {}))
    elif _on_terminal():
        of_takes = f", take {take} of {takes}" if takes > 1 else ""
        _to_stderr(f"\r\033[K{one_line(text)}{of_takes} ...")


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
        note(f"cospeech: {one_line(message)}")


def note(text: str) -> None:
    """One line to standard error."""
    if _as_json:
        emit("note", message=text.rstrip("\n"))
        return
    _to_stderr(("\r\033[K" if _on_terminal() else "") + harmless(text.rstrip("\n")) + "\n")


def say(text: str) -> None:
    """What a command was asked for, to standard output: the one place that writes there.

    Raises:
        SystemExit: the reader has gone, as ``head`` does; status 141, as of SIGPIPE.
        UserError: standard output is closed, or full.
    """
    if sys.stdout is None:
        raise UserError("standard output is closed; let it lead somewhere")
    try:
        sys.stdout.write(harmless(text.rstrip("\n")) + "\n")
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError):  # what is left unwritten is not tried again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(_NO_READER) from None
        raise UserError(f"cannot write to standard output: {error.strerror}") from None


_said: set[str] = set()


def note_once(text: str) -> None:
    """A note that a command says once, however often the same thing comes up in it."""
    if text not in _said:
        _said.add(text)
        note(text)


def forget_notes() -> None:
    """Begin anew, as each command does: what was said once is said again."""
    _said.clear()
