"""Runs the command cospeech and follows its progress, which it tells in lines of JSON. Knows nothing of Blender.

The protocol is that of docs/progress.md.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

PROTOCOL = 1
_READING, _WRITING = 0.1, 0.9  # shares of a take's time at which generating begins and ends, roughly
_PATIENCE = 5.0  # seconds that a command which is to stop gets to clear up
_INSTALL = "pip install cospeech, or name the command in the add-on's preferences"


class CommandError(Exception):
    """In one line why there is no result."""


def find_command(given: str = "") -> list[str]:
    """The words that start cospeech.

    Args:
        given: a path, or a command line such as ``/opt/venv/bin/python -m cospeech``; empty to look on the PATH.

    Raises:
        CommandError: there is none.
    """
    given = given.strip()
    if not given:
        found = shutil.which("cospeech")
        if found is None:
            raise CommandError(f"no command cospeech is on the PATH; {_INSTALL}")
        return [found]
    whole = os.path.expanduser(given)
    if os.path.isfile(whole):
        return [whole]
    words = shlex.split(given, posix=os.name != "nt")
    program = shutil.which(os.path.expanduser(words[0].strip('"')))
    if program is None:
        raise CommandError(f"{given}: no such program; correct the command in the add-on's preferences")
    return [program, *words[1:]]


@dataclass
class Command:
    """A command that runs beside us. ``poll`` it until it is over, or ``stop`` it."""

    process: subprocess.Popen[str]
    share: float = 0.0  # of the work that is done, 0 to 1
    stage: str = "starting"
    notes: list[str] = field(default_factory=list)
    outputs: list[str] | None = None  # once it is done
    error: str = ""
    _lines: queue.Queue[str | None] = field(default_factory=queue.Queue)
    _take: int = 1
    _takes: int = 1
    _last: str = ""

    @classmethod
    def start(cls, words: Iterable[str]) -> Command:
        """Start a command line, to which ``--progress json`` is added. Raises CommandError if it cannot be started."""
        words = [*words, "--progress", "json"]
        hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                creationflags=hidden,
            )
        except OSError as error:
            raise CommandError(f"{words[0]} cannot be run: {error.strerror}; {_INSTALL}") from None
        command = cls(process)
        threading.Thread(target=command._listen, daemon=True).start()
        return command

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)

    def poll(self) -> bool:
        """Take in what was said since; whether the command is over. Never waits. Raises CommandError if it failed."""
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return False
            if line is None:
                break
            self._take_in(line.strip())
        self.process.wait()
        if self.outputs is None or self.process.returncode != 0:
            told = self.error or self._last or f"it ended with status {self.process.returncode}"
            raise CommandError(" ".join(told.removeprefix("cospeech: ").split()))
        return True

    def _take_in(self, line: str) -> None:
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            self._last = line or self._last
            return
        if kind == "start" and event["protocol"] != PROTOCOL:
            self.error = (
                f"cospeech {event.get('cospeech')} reports its progress by protocol {event['protocol']}, "
                f"and this add-on knows {PROTOCOL}; install versions that belong together"
            )
            self.process.terminate()
        elif kind == "stage":
            self._take, self._takes = event.get("take", self._take), event.get("takes", self._takes)
            self._begin(event["stage"])
        elif kind == "progress" and event["total"] and self.stage.startswith("generating"):
            self._advance(_READING + (_WRITING - _READING) * event["done"] / event["total"])
        elif kind == "note":
            self.notes.append(event["message"])
        elif kind == "done":
            self.share, self.outputs = 1.0, event["outputs"]
        elif kind == "error":
            self.error = self.error or event["message"]

    def _begin(self, stage: str) -> None:
        takes = f", take {self._take} of {self._takes}" if self._takes > 1 else ""
        self.stage = stage + takes
        if stage.startswith("generating"):
            self._advance(_READING)
        elif stage.startswith("writing"):
            self._advance(_WRITING)

    def _advance(self, of_take: float) -> None:
        self.share = max(self.share, (self._take - 1 + of_take) / self._takes)

    def stop(self) -> None:
        """End the command, if it runs, and wait until it is gone."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
