"""The words of a command line: which command they ask for, or in one line why none."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Container, Mapping
from functools import partial, wraps
from itertools import pairwise
from typing import Any, get_origin, get_type_hints

import tyro

from ..core.errors import UserError
from ..core.progress import note
from .declared import complete

_DESCRIPTION = "Speech in, gestures out. Start with: cospeech generate talk.wav"
# Words that are no command, but begin several ("library build", "video setup").
_GROUPS = {
    "gesture": "Named gestures: wave, point, shrug ... Start with: cospeech gesture list",
    "library": "Gesture libraries: gestures to search. Start with: cospeech library build DATASET -o FOLDER",
    "video": "Portraits that move. Start with: cospeech video setup",
}

# Commands and options by the names they had before -> their names now.
_OLD_GROUPS = {"base": "library"}
_OLD_OPTIONS = {
    "generate": {"--base": "--library", "--base-model": "--library-model"},
    "search": {"--base": "--library"},
    "prepare": {"--space": "--representation"},
    "export": {"--store": "--dataset"},
}


def renamed(words: list[str]) -> list[str]:
    """The words with old names of commands and options replaced, each with a note."""
    if not words:
        return words
    command = _OLD_GROUPS.get(words[0], words[0])
    options = _OLD_OPTIONS.get(command, {})
    result = [command]
    for word in words[1:]:
        name, sign, value = word.partition("=")
        result.append(f"{options.get(name.replace('_', '-'), name)}{sign}{value}")
    for old, new in dict.fromkeys(zip(words, result, strict=True)):
        if old != new:
            old, new = old.partition("=")[0], new.partition("=")[0]
            note(f"cospeech: {old} is now called {new}; the old name goes with the next release")
    return result


def parsed(
    words: list[str], commands: Mapping[str, Callable[..., None]], program: str = "cospeech"
) -> Callable[[], None]:
    """The command that the words ask for, ready to run.

    Args:
        commands: by name; names of two words are commands of a group.
    Raises:
        UserError: the words are no command; in one line what tyro says in a box.
    """
    group = words[0] if words and words[0] in _GROUPS and program == "cospeech" else None
    if group:
        own = {name.split(" ")[1]: command for name, command in commands.items() if name.startswith(f"{group} ")}
        return parsed(words[1:], own, f"{program} {group}")
    if len(words) > 1 and " ".join(words[:2]) in commands and words[0] in commands:  # "train video" beside "train"
        return parsed(words[1:], {words[1]: commands[" ".join(words[:2])]}, f"{program} {words[0]}")
    if words and words[0] in commands and " " not in words[0]:  # only the command that is named is built
        commands = {words[0]: complete(commands[words[0]], words[1:])}
    else:
        commands, words = _listed(commands), _without_help(words)
    return _chosen(words, commands, program)


def _chosen(words: list[str], commands: Mapping[str, Callable[..., None]], program: str) -> Callable[[], None]:
    """The command among those that tyro parses, with its arguments."""
    chosen: list[Callable[[], None]] = []

    def choosing(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def choose(*args: Any, **options: Any) -> None:
            chosen.append(partial(command, *args, **options))

        return choose

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            if words and words[0] in commands:  # one command needs no table of all, which takes longer to build
                tyro.cli(
                    choosing(commands[words[0]]), args=spread_outputs(words, commands)[1:], prog=f"{program} {words[0]}"
                )
            else:
                tyro.extras.subcommand_cli_from_dict(
                    {name: choosing(command) for name, command in commands.items()},
                    args=words,
                    prog=program,
                    description=_GROUPS.get(program.partition(" ")[2], _DESCRIPTION),
                )
    except SystemExit as end:
        if end.code in (0, None):
            raise
        raise UserError(_from_box(said.getvalue(), words, commands, program)) from None
    return chosen[0]


def _without_help(words: list[str]) -> list[str]:
    """Words that begin with no command: that it is none is said even where help is asked for."""
    unknown = words[:1] and not words[0].startswith("-")
    return [word for word in words if word not in ("-h", "--help")] if unknown else words


def _listed(commands: Mapping[str, Callable[..., None]]) -> dict[str, Callable[..., None]]:
    """What stands in the list of commands, a group as one: names with the first line of their help."""
    result: dict[str, Callable[..., None]] = {}
    for name, command in commands.items():
        group = name.partition(" ")[0]
        if group in result or (group in commands and group != name):
            continue

        def listed() -> None: ...

        listed.__doc__ = _GROUPS[group] if group != name else (command.__doc__ or "").partition("\n")[0]
        result[group] = listed
    return result


def _from_box(text: str, words: list[str], commands: Mapping[str, Any], program: str) -> str:
    """What a box of tyro says, in one line: its complaint, a guess at what was meant, where help is."""
    drawn = text.splitlines()  # where the output cannot hold box characters, rules of hyphens and two spaces instead
    lines = [line.strip("│ ") for line in drawn if line.startswith(("│", "  ")) and line.strip()]
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith(("──", "---")):
            parts.append([])
        else:
            parts[-1].append(line)
    complaint = " ".join(parts[0][:2] if parts[0][0].endswith(":") else parts[0]).rstrip(".")
    for part in parts[1:]:
        guess = re.match(r"(--[\w-]+)", part[1]) if part[0].startswith("Perhaps") and len(part) > 1 else None
        if guess:
            complaint += f"; perhaps {guess[1]}"
        if part[0].startswith("Available subcommands"):
            complaint += f"; known: {' '.join(part).partition(': ')[2]}"
    command = f"{words[0]} " if words and words[0] in commands else ""
    return f"{complaint[:1].lower()}{complaint[1:]}; see {program} {command}--help"


def spread_outputs(words: list[str], commands: Mapping[str, Callable[..., None]]) -> list[str]:
    """``-o a b`` means ``-o a -o b``: every word after -o up to the next option is an output.

    ``-o a talk.wav`` with nothing else to read means that the last word is what to read.

    Args:
        commands: by name; of one that writes a single file or folder the words stay as they are.
    """
    command = commands.get(words[0]) if words else None
    if command is None or not _takes_several_outputs(command):
        return words
    return [*words[:1], *_spread(words[1:], _flags(command))]


def _spread(words: list[str], flags: Container[str]) -> list[str]:
    """``spread_outputs`` of the words after the command.

    Args:
        flags: options that take no value.
    """
    result: list[str] = []
    outputs, positional = 0, False
    last = ""  # the option whose value comes next, "-o" as long as outputs follow
    for word, following in pairwise([*words, "-"]):
        if word in ("-o", "--out"):
            last, outputs = "-o", 0
            if following.startswith("-"):
                result.append(word)  # it lacks its file, which the parser will say
        elif word.startswith("-") and len(word) > 1:
            last = "" if "=" in word or word.replace("_", "-") in flags else word
            result.append(word)
        elif last == "-o":
            result += ["--out", word]
            outputs += 1
        else:
            positional, last = positional or not last, ""
            result.append(word)
    if not positional and last == "-o" and outputs > 1:
        del result[-2]
    return result


def _takes_several_outputs(command: Callable[..., None]) -> bool:
    out = get_type_hints(command).get("out")
    return get_origin(out) is tuple


def _flags(command: Callable[..., None]) -> set[str]:
    """Options of a command that stand alone; after any other one comes its value."""
    flags = {"-h", "--help"}
    for name, kind in get_type_hints(command, include_extras=True).items():
        if kind is not bool and getattr(kind, "__origin__", None) is not bool:  # Annotated[bool, ...]
            continue
        option = name.replace("_", "-")
        flags |= {f"--{option}", f"--no-{option}"}
        for extra in getattr(kind, "__metadata__", ()):
            flags |= set(getattr(extra, "aliases", None) or ())
    return flags
