"""Commands whose options are declared by the methods (``methods.options``), those of other packages included."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_type_hints

from tyro.conf import FlagCreatePairsOff, UseAppendAction, arg

if TYPE_CHECKING:
    from ..methods.options import Option

Command = Callable[..., None]
F = TypeVar("F", bound=Command)

# Commands whose arguments other packages add to: what they add, and the registry.
_EXTENDED = {
    "evaluate": ("metrics", "cospeech.evaluation.groups:METRICS"),
    "compare": ("metrics", "cospeech.evaluation.groups:METRICS"),
    "prepare": ("corpora", "cospeech.data.readers:READERS"),
    "convert": ("formats", "cospeech.motion.formats:FORMATS"),
}
_TYPES = {"number": float, "integer": int, "flag": bool, "text": str, "file": str, "folder": str}


def takes(*actions: str) -> Callable[[F], F]:
    """Decorator: ``**options`` of a command stand for the options that the methods declare for these actions."""

    def mark(command: F) -> F:
        vars(command)["actions"] = actions
        return command

    return mark


def writes(command: F) -> F:
    """Decorator: the parameter ``saving`` of a command stands for the options of files (``api.writing``)."""
    vars(command)["writes"] = True
    return command


def complete(command: Command, words: list[str]) -> Command:
    """The command with all options as parameters of its own.

    Other packages are searched for methods only if a word is no option of ours, or if help is requested, which then
    names the parts of other packages that the command takes.
    """
    own = completed(command, plugins=False)
    names = {f"--{name.replace('_', '-')}" for name in inspect.signature(own).parameters}
    names |= {name.replace("--", "--no-", 1) for name in names}
    given = {word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")}
    return _naming_plugins(completed(command, plugins=True)) if given - names or "-h" in words else own


def _naming_plugins(command: Command) -> Command:
    """The command, its help with the names of what other packages add to it."""
    if command.__name__ not in _EXTENDED:
        return command
    from ..methods.registry import resolve

    what, reference = _EXTENDED[command.__name__]
    names = resolve(reference).plugins

    @wraps(command)
    def call(*args: Any, **keywords: Any) -> None:
        command(*args, **keywords)

    if names:
        first, _, rest = (command.__doc__ or "").partition("\n")
        call.__doc__ = f"{first}\n\n    Installed packages add the {what} {', '.join(names)}.\n{rest}"
    return call


@cache
def completed(command: Command, *, plugins: bool) -> Command:
    """See ``complete``; with or without the methods of other packages."""
    return _with_declared(_with_saving(command) if vars(command).get("writes") else command, plugins=plugins)


def _with_declared(command: Command, *, plugins: bool) -> Command:
    """The command with the options that the methods declare for its actions in the place of ``**options``."""
    actions: tuple[str, ...] = vars(command).get("actions", ())
    if not actions:
        return command
    from ..methods.options import all_options, builtin_options, option_lines

    found = all_options(*actions) if plugins else builtin_options(*actions)
    declared = {name: pair for name, pair in found.items() if pair[0].info.command_line}
    own = inspect.signature(command)
    hints = _hints(command)
    parameters = {name: p for name, p in own.parameters.items() if p.kind is not Parameter.VAR_KEYWORD}
    declared = {name: pair for name, pair in declared.items() if name not in parameters}

    def call(*args: Any, **keywords: Any) -> None:
        command(*args, **_changed(keywords, {name: option for name, (option, _) in declared.items()}))

    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=option.default) for name, (option, _) in declared.items()
    ]
    call.__name__, call.__module__ = command.__name__, command.__module__
    vars(call)["__signature__"] = own.replace(parameters=[*parameters.values(), *options])
    call.__annotations__ = {name: hints[name] for name in parameters}
    call.__annotations__ |= {name: _annotation(option) for name, (option, _) in declared.items()}
    lines = "".join(f"        {line}\n" for line in option_lines(declared))
    call.__doc__ = f"{(command.__doc__ or '').rstrip()}\n{lines}    "
    return call


def _hints(command: Command) -> dict[str, Any]:
    from ..methods.options import EditKeywords, Keywords

    names = {"Keywords": Keywords, "EditKeywords": EditKeywords}
    return get_type_hints(command, localns=names, include_extras=True)


def _with_saving(command: Command) -> Command:
    """The command with the options of files in the place of ``saving``, which it gets as a mapping."""
    from ..api.writing import WRITE_OPTIONS

    own = inspect.signature(command)
    hints = _hints(command)

    def call(*args: Any, **keywords: Any) -> None:
        saving = {name: keywords.pop(name) for name in WRITE_OPTIONS if name in keywords}
        command(*args, saving=saving, **keywords)

    parameters, lines = [], ""
    for name, parameter in own.parameters.items():
        if name != "saving":
            parameters.append(parameter)
            continue
        for label, option in WRITE_OPTIONS.items():
            parameters.append(Parameter(label, Parameter.KEYWORD_ONLY, default=option.default))
            kind = float if label == "fps" else str
            named = Annotated[kind | None, arg(metavar=option.metavar, help_behavior_hint="")]  # type: ignore[valid-type]
            flag = Annotated[bool, arg(help_behavior_hint="")]
            hints[label] = flag if isinstance(option.default, bool) else named
            lines += f"        {label}: {option.help}.\n"
    call.__name__, call.__module__ = command.__name__, command.__module__
    vars(call).update(actions=vars(command).get("actions", ()), __signature__=own.replace(parameters=parameters))
    call.__annotations__ = {name: hints[name] for name in (*(p.name for p in parameters), "return") if name in hints}
    call.__doc__ = f"{(command.__doc__ or '').rstrip()}\n{lines}    "
    return call


def _changed(keywords: dict[str, Any], declared: Mapping[str, Option]) -> dict[str, Any]:
    """Arguments without the declared options that are as they are unless given: not every method takes them."""
    return {name: value for name, value in keywords.items() if name not in declared or value != declared[name].default}


def _annotation(option: Option) -> Any:
    """The type of an option, as tyro reads it."""
    info, kind = option.info, _TYPES[option.info.kind]
    if info.choices is not None:
        kind = Literal[info.choices]  # type: ignore[assignment]
    if kind is bool:
        return FlagCreatePairsOff[bool]
    if info.repeated:
        return UseAppendAction[Annotated[tuple[kind, ...], arg(metavar=info.metavar, help_behavior_hint="")]]  # type: ignore[valid-type]
    if option.default is None:
        return Annotated[kind | None, arg(metavar=info.metavar, help_behavior_hint="")]
    return Annotated[kind, arg(metavar=info.metavar)]
