"""The command line: one thin command for each function of the package."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..core.errors import UserError
from ..core.progress import PROTOCOL, emit, ended, failed, forget_notes, report_as
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

_PROGRESS = "--progress"
_STOPPED = "stopped; nothing half-written was left"

__all__ = ["COMMANDS", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a user's error ends in one line and status 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--version"]:
        from .. import __version__

        sys.stdout.write(f"cospeech {__version__}\n")
        return
    forget_notes()
    try:
        words = _with_progress(words)
        with _stopped_by_signals():
            parsed(renamed(words), COMMANDS)()
    except UserError as error:
        failed(str(error), 2)
        raise SystemExit(2) from None
    except OSError as error:  # of the machine: a full disk, a folder that may not be written to
        if error.errno is None:
            _tell_fault(error)
            raise
        place = f" {error.filename}" if error.filename else ""
        failed(f"cannot go on:{place} {error.strerror}{_ADVICE.get(error.errno, '')}", 2)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        failed(_STOPPED, 130)
        raise SystemExit(130) from None
    except Exception as error:
        _tell_fault(error)
        raise
    ended()


def _tell_fault(error: Exception) -> None:
    """Programs hear of a fault of ours in a line, before its traceback."""
    emit("error", message=f"{type(error).__name__}: {' '.join(str(error).split())}", status=1)


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
