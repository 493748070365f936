"""The command line: one thin command for each function of the package."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..core.errors import UserError
from ..core.progress import note
from .commands import COMMANDS
from .words import parsed

__all__ = ["COMMANDS", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a user's error ends in one line and status 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--version"]:
        from .. import __version__

        sys.stdout.write(f"cospeech {__version__}\n")
        return
    try:
        parsed(words, COMMANDS)()
    except UserError as error:
        note(f"cospeech: {error}")
        raise SystemExit(2) from None
    except OSError as error:  # of the machine: a full disk, a folder that may not be written to
        if error.errno is None:
            raise
        place = f" {error.filename}" if error.filename else ""
        note(f"cospeech: cannot go on:{place} {error.strerror}; free space or choose another place")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        note("cospeech: stopped; nothing half-written was left")
        raise SystemExit(130) from None
