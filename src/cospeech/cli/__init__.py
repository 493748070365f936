"""The command line: one thin command for each function of the package."""

from __future__ import annotations

import errno
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from ..core.errors import UserError
from ..core.limits import raised
from ..core.progress import PROTOCOL, emit, ended, failed, forget_notes, report_as, say
from .commands import COMMANDS
from .words import parsed, renamed

# What to do about an error of the machine; nothing is said where there is nothing true to say.
_ADVICE = {
    errno.ENOSPC: "; free some space, or write to another disk",
    errno.EDQUOT: "; free some space, or write to another disk",
    errno.EROFS: "; write to another disk",
    errno.EACCES: "; change its permissions, or choose another place",
    errno.EPERM: "; change its permissions, or choose another place",
    errno.ENOENT: "; check the name",
    errno.ENOTDIR: "; check the name",
    errno.EISDIR: "; name a file",
    errno.ENAMETOOLONG: "; choose a shorter name",
    errno.EMFILE: "; close other programs, or raise the limit (ulimit -n)",
    errno.ENFILE: "; close other programs",
    errno.ENOMEM: "; close other programs, or take a shorter recording",
}

_PROGRESS, _DEBUG, _LIMIT = "--progress", "--debug", "--limit"
_FAULT = 70  # status of what was not foreseen, as in sysexits.h
_LONGEST_FAULT = 200  # characters
_STOPPED = "stopped; nothing half-written was left"

__all__ = ["COMMANDS", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a user's error ends in one line and status 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--version"]:
        from .. import __version__

        say(f"cospeech {__version__}")
        return
    forget_notes()
    debug = False
    try:
        words, debug, limits = _common(words)
        words = _with_progress(words)
        with _stopped_by_signals(), raised(limits):
            parsed(renamed(words), COMMANDS)()
    except UserError as error:
        failed(str(error), 2)
        raise SystemExit(2) from None
    except OSError as error:  # of the machine: a full disk, a folder that may not be written to
        if error.errno is None:
            _end_on_fault(error, debug)
        place = f" {error.filename}" if error.filename else ""
        failed(f"cannot go on:{place} {error.strerror}{_ADVICE.get(error.errno, '')}", 2)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        failed(_STOPPED, 130)
        raise SystemExit(130) from None
    except MemoryError:
        failed("there is not enough memory for this; close other programs, or take a shorter recording", 2)
        raise SystemExit(2) from None
    except Exception as error:
        _end_on_fault(error, debug)
    ended()


def _end_on_fault(error: Exception, debug: bool) -> NoReturn:
    """End on what was not foreseen: its traceback goes into a file, and its name into one line. Status 70."""
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:_LONGEST_FAULT]}"
    if debug:
        emit("error", message=said, status=_FAULT)
        raise error
    handle, log = tempfile.mkstemp(prefix="cospeech-", suffix=".log")
    with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        traceback.print_exception(error, file=file)
    failed(f"a fault of cospeech ({said}); please report it with {log}, or run it again with {_DEBUG}", _FAULT)
    raise SystemExit(_FAULT) from None


def _common(words: list[str]) -> tuple[list[str], bool, list[str]]:
    """The words without ``--debug`` and ``--limit NAME=NUMBER``, which every command takes; whether, and the limits."""
    rest: list[str] = []
    limits: list[str] = []
    waiting = False
    for word in words:
        if waiting:
            limits.append(word)
            waiting = False
        elif word == _LIMIT:
            waiting = True
        elif word.startswith(f"{_LIMIT}="):
            limits.append(word.partition("=")[2])
        elif word != _DEBUG:
            rest.append(word)
    return rest, _DEBUG in words, limits + [""] * waiting


def _with_progress(words: list[str]) -> list[str]:
    """The words without ``--progress text|json``, which every command takes; from here on it is heeded."""
    kind, rest = "text", []
    waiting = False
    for word in words:
        name, sign, value = word.partition("=")
        if waiting:
            kind, waiting = word, False
        elif name != _PROGRESS:
            rest.append(word)
        elif sign:
            kind = value
        else:
            waiting = True
    report_as("" if waiting else kind)
    if kind == "json":
        from .. import __version__

        emit("start", protocol=PROTOCOL, cospeech=__version__, command=rest[0] if rest else "")
    return rest


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """End on SIGTERM and SIGHUP as by Ctrl-C: unfinished files are removed, workers end. Status 128 + the signal's."""

    def stop(number: int, _: object) -> None:
        failed(_STOPPED, 128 + number)
        raise SystemExit(128 + number)

    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    ours = [getattr(signal, name) for name in names if hasattr(signal, name)]
    ours = [number for number in ours if signal.getsignal(number) is signal.SIG_DFL]  # nohup ignores one
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
