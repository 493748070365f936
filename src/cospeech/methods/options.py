"""What methods let users set: one declaration for Python, the command line, checks, messages and controls.

Every method has a frozen dataclass of options beside it. A field says all there is to say about an option::

    @dataclass(frozen=True, kw_only=True)
    class WaveOptions(BodyOptions):
        height: float = option(1.0, help="how high the hand is raised", unit="m", minimum=0.0, maximum=2.0)

From it follow the keyword arguments of ``cospeech.generate``, ``edit``, ``animate`` and ``load``, the options of the
commands, the checks when a value is given, the messages on what is allowed, and ``describe``, from which a user
interface can build its controls.
"""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from inspect import Parameter
from numbers import Integral
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar, cast

from ..core.arguments import number, several
from ..core.deprecation import warn_renamed
from ..core.errors import UserError
from ..speech.cues.choosing import DENSITIES
from .conditioning import INTENSITY_RANGE, requested_emotion
from .motion_constraint import MotionConstraint, requested_constraints
from .registry import METHODS, resolve

if TYPE_CHECKING:
    from ..motion.motion import Motion
    from ..speech.cues.cue import GestureCue
    from .emotion.emotion_track import EmotionKeyframe
ACTIONS = ("load", "generate", "edit")  # what an option may be of; ``animate`` takes those of load and generate
KINDS = ("number", "integer", "flag", "text", "file", "folder")
_KIND_OF = {"float": "number", "int": "integer", "bool": "flag", "str": "text"}
_INFO: Final = "option"  # key of a field's metadata
_GENERATE = ("generate",)

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", bound="GenerateOptions")


@dataclass(frozen=True)
class OptionInfo:
    """What a field declares beside its name and default, see ``option``."""

    help: str
    kind: str
    unit: str | None
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...] | None
    metavar: str | None
    convert: Callable[[Any], Any] | None
    repeated: bool
    actions: tuple[str, ...]
    old: tuple[str, ...]
    command_line: bool


def option(
    default: Any,
    *,
    help: str,
    kind: str = "",
    unit: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] | None = None,
    metavar: str | None = None,
    convert: Callable[[Any], Any] | None = None,
    repeated: bool = False,
    actions: Sequence[str] = _GENERATE,
    old: Sequence[str] = (),
    command_line: bool = True,
) -> Any:
    """A field of a dataclass of options.

    Args:
        default: what holds unless the option is given; None for "as the model has it".
        help: one sentence, as it stands in ``--help``.
        kind: number, integer, flag, text, file or folder; from the annotation (float, int, bool, str, with or
            without None) unless given.
        unit: of a number: "s", "m", "m/s".
        minimum, maximum: range of a number, both ends included.
        choices: allowed texts.
        metavar: placeholder of the value on the command line: "FILE@START:END".
        convert: called with a value that is not None: returns what the method gets, or raises UserError.
        repeated: the option may be given several times; ``convert`` gets all values.
        actions: what the option is of: "load", "generate", "edit".
        old: names that the option had before; they work with a notice.
        command_line: False for what only Python can give.
    """
    info = OptionInfo(
        help=help,
        kind=kind,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        choices=None if choices is None else tuple(choices),
        metavar=metavar,
        convert=convert,
        repeated=repeated,
        actions=tuple(actions),
        old=tuple(old),
        command_line=command_line,
    )
    return field(default=default, metadata=MappingProxyType({_INFO: info}))


@dataclass(frozen=True)
class Option:
    """A declared option with its name and default."""

    name: str
    default: Any
    info: OptionInfo

    def check(self, value: Any) -> Any:
        """The value as the method gets it.

        Raises:
            UserError: it is of another type, out of range, or not among the choices.
        """
        info = self.info
        if value is None and self.default is None:
            return None
        if info.convert is not None:
            return info.convert(value)
        if info.kind in ("number", "integer"):
            return self._number(value)
        if info.kind == "flag" and not isinstance(value, bool):
            raise UserError(f"{self.name} must be True or False; got {value!r}")
        if info.kind in ("file", "folder") and not isinstance(value, str | Path):
            raise UserError(f"{self.name} must be the path of a {info.kind}; got {type(value).__name__}")
        if info.kind == "text" and not isinstance(value, str):
            raise UserError(f"{self.name} must be a text; got {value!r}")
        if info.choices is not None and value not in info.choices:
            raise UserError(f"{self.name} must be one of {', '.join(info.choices)}; got {value!r}")
        return value

    def _number(self, value: Any) -> Any:
        low, high, whole = self.info.minimum, self.info.maximum, self.info.kind == "integer"
        if low is not None and high is not None:
            allowed = f" from {low:g} to {high:g}"
        elif low is not None:
            allowed = f" from {low:g} on"
        else:
            allowed = f" up to {high:g}" if high is not None else ""
        if whole:
            if isinstance(value, bool) or not isinstance(value, Integral):
                raise UserError(f"{self.name} must be a whole number{allowed}; got {value!r}")
        else:
            number(value, self.name)
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            what = " a whole number" if whole else ""
            raise UserError(f"{self.name} must be{what}{allowed}; got {value:g}")
        return value

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON and user interfaces."""
        info = self.info
        return {
            "name": self.name,
            "type": info.kind,
            "help": info.help,
            "unit": info.unit,
            "range": [info.minimum, info.maximum],
            "choices": None if info.choices is None else list(info.choices),
            "default": list(self.default) if isinstance(self.default, tuple) else self.default,
            "metavar": info.metavar,
            "repeated": info.repeated,
            "actions": list(info.actions),
        }


def _declared(declaration: Field[Any]) -> Option:
    """The option of a field, its kind from the annotation where none is named."""
    info: OptionInfo = declaration.metadata[_INFO]
    if not info.kind:
        written = declaration.type if isinstance(declaration.type, str) else str(declaration.type)
        names = [name.strip().removeprefix("<class '").removesuffix("'>") for name in written.split("|")]
        kinds = [_KIND_OF[name] for name in names if name in _KIND_OF]
        if not kinds:
            raise TypeError(f"option {declaration.name!r} of the type {written} needs a kind: {', '.join(KINDS)}")
        info = OptionInfo(**{**vars(info), "kind": kinds[0]})
    default = None if declaration.default is MISSING else declaration.default
    return Option(declaration.name, default, info)


def _unread(value: Any) -> Any:
    """The value as it is: the method reads it when the speech is known."""
    return value


def given_gestures(given: Any) -> Any:
    """The option ``gestures``: a file's path, or a tuple of cues and mappings; read when the speech is known."""
    return given if isinstance(given, str | Path) else several(given)


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """What every method takes."""

    emotion: str | Mapping[str, float] | None = option(
        None,
        help="conversation (default), neutral, amusement, anger, disgust, fear, joy, pride, sadness, shame, surprise; "
        "a mixture, as in joy:0.7,surprise:0.3, where what lacks to 1 is neutral; or auto, for what the voice sounds "
        "like",
        metavar="NAME[:X][,NAME:X]|auto",
        convert=requested_emotion,
        actions=("generate", "edit"),
    )
    intensity: float = option(
        1.0,
        help="liveliness, 0.25 to 2.5; 1.0 is usual",
        minimum=INTENSITY_RANGE[0],
        maximum=INTENSITY_RANGE[1],
        metavar="X",
        actions=("generate", "edit"),
    )
    speaker: str | None = option(
        None,
        help="whose style of gesturing; a wrong name lists the right ones",
        metavar="NAME",
        actions=("generate", "edit"),
    )
    seed: int = option(0, help="another seed gives another take", minimum=0, metavar="N", actions=("generate", "edit"))
    face: bool = option(
        True, help="with a face: lips, blinks and expression", command_line=False, actions=("generate",)
    )

    def __post_init__(self) -> None:
        for name, declared in options_of(type(self)).items():
            object.__setattr__(self, name, declared.check(getattr(self, name)))


@dataclass(frozen=True, kw_only=True)
class BodyOptions(GenerateOptions):
    """What every method that generates bodies takes."""

    seated: bool = option(False, help="sit instead of stand")
    relaxed: bool = option(
        True,
        help="stand as people do who talk, with level head and hands that hang at rest; False for the upper body as "
        "the networks give it and no gestures that words call for, to be measured beside the seated actors",
        command_line=False,
    )
    start_pose: Motion | None = option(
        None,
        kind="file",
        help="a motion file whose first frame is the pose to begin in; FILE@SECONDS chooses another frame. The method "
        "emotion also continues the motion before that frame",
        metavar="FILE[@SECONDS]",
        convert=_unread,
    )
    end_pose: Motion | None = option(
        None,
        kind="file",
        help="a motion file whose last frame is the pose to end in; FILE@SECONDS chooses another frame",
        metavar="FILE[@SECONDS]",
        convert=_unread,
    )
    constraint: Sequence[str | MotionConstraint] = option(
        (),
        kind="file",
        help="motion or a pose that must be met exactly, as in wave.bvh@2.0:3.5:hands; may be given again",
        metavar="FILE@START:END[:JOINTS]",
        convert=requested_constraints,
        repeated=True,
        old=("pins",),
    )
    pose_map: str | Path | None = option(
        None,
        kind="file",
        help="JSON that says which joint is which in the files of poses and constraints, where names do not tell, "
        'as in {"left_foot": "Ball_L"}',
        metavar="FILE",
    )
    gestures: str | Path | Sequence[Any] | None = option(
        None,
        kind="file",
        help="named gestures at times or words: a JSON or CSV file (docs/gestures.md)",
        metavar="FILE",
        convert=given_gestures,
    )
    gesture_density: str = option(
        "normal",
        help="how many of the gestures that the words call for are made: off, sparse, normal or rich",
        choices=DENSITIES,
        metavar="NAME",
    )
    triggers: str | Path | None = option(
        None,
        kind="file",
        help="which words call for which gestures, as JSON, beside or instead of ours (docs/gestures.md)",
        metavar="FILE",
    )


class EditKeywords(TypedDict, total=False):
    """Types of the keyword arguments that ``edit`` passes on to methods (``ContextualOptions`` and its like)."""

    emotion: str | Mapping[str, float] | None
    intensity: float
    speaker: str | None
    seed: int
    variety: float | None


class GenerateKeywords(EditKeywords, total=False):
    """Types of the keyword arguments that ``generate`` passes on to methods."""

    face: bool
    seated: bool
    relaxed: bool
    start_pose: str | Path | Motion | None
    end_pose: str | Path | Motion | None
    emotion_track: str | Path | Sequence[EmotionKeyframe] | None
    faithfulness: float | None
    constraint: str | MotionConstraint | Sequence[str | MotionConstraint]
    pose_map: str | Path | None
    gestures: str | Path | Sequence[GestureCue | Mapping[str, Any]] | None
    gesture_density: str
    triggers: str | Path | None


class LoadKeywords(TypedDict, total=False):
    """Types of the keyword arguments that ``load`` passes on to methods."""

    library: str | Path | None
    library_model: str | Path | None


class Keywords(GenerateKeywords, LoadKeywords, total=False):
    """Types of the keyword arguments of ``cospeech.generate`` and ``cospeech.animate``."""


def options_of(declaration: type[GenerateOptions], *actions: str) -> dict[str, Option]:
    """The declared options by name, of some actions or of all."""
    return {
        option.name: option
        for option in map(_declared, fields(declaration))
        if not actions or set(actions) & set(option.info.actions)
    }


def describe(declaration: type[GenerateOptions], *actions: str) -> list[dict[str, Any]]:
    """Name, type, help, unit, range, choices, default and placeholder of every option, as plain values."""
    return [declared.describe() for declared in options_of(declaration, *actions).values()]


def method_options(method: str) -> type[GenerateOptions]:
    """The dataclass of a method's options. Raises UserError if there is no such method."""
    return cast(type[GenerateOptions], resolve(METHODS.get(method).options))


def all_options(*actions: str, methods: Sequence[str] | None = None) -> dict[str, tuple[Option, tuple[str, ...]]]:
    """Every option that some method takes, with the names of the methods that do; common ones first."""
    found: dict[str, tuple[Option, tuple[str, ...]]] = {}
    for method in _generating() if methods is None else methods:
        for name, declared in options_of(method_options(method), *actions).items():
            first, takers = found.get(name, (declared, ()))
            found[name] = (first, (*takers, method))
    return found


def _generating() -> Iterator[str]:
    return (name for name in METHODS if not METHODS.get(name).evaluator)


def read_options(declaration: type[T], keywords: Mapping[str, Any], *, action: str, taker: str) -> T:
    """Keyword arguments as a checked object.

    An option that another method has and this one has not is accepted as long as it requests nothing (None, False
    or empty), so that callers may pass all options on.

    Args:
        declaration: the dataclass of the method.
        action: "load", "generate" or "edit".
        taker: what the options are for, in messages: "the method contextual".
    Raises:
        UserError: an unknown option; the message lists what is taken, and which methods take that one. Or a value
            that is not allowed.
    """
    known = options_of(declaration, action)
    old = {name: option.name for option in known.values() for name in option.info.old}
    values: dict[str, Any] = {}
    for given, value in keywords.items():
        name = old.get(given, given)
        if name != given:
            warn_renamed(f"the option {given!r}", repr(name), stacklevel=4)
            if name in keywords:
                raise UserError(f"{name} is given twice, as {given} too; leave {given} out")
        if name in known:
            values[name] = value
        elif not _requests_nothing(value) or _current_name(name) not in all_options():
            raise UserError(unknown_option(_current_name(name), known, action=action, taker=taker))
    return declaration(**values)


def _current_name(name: str) -> str:
    """What an option is called now that some method had by another name before."""
    return next((option.name for option, _ in all_options().values() if name in option.info.old), name)


def _requests_nothing(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, list | tuple) and not value)


def unknown_option(name: str, known: Mapping[str, Option], *, action: str, taker: str) -> str:
    """The one message for an option that is not taken: what is, and who takes it."""
    where = {"edit": " for an edit", "load": " when it is loaded"}.get(action, "")
    takes = ", ".join(known) or "none"
    text = f"{taker} takes no option {name!r}{where}; it takes {takes}"
    elsewhere = all_options(action)
    if name in elsewhere:
        return f"{text}; methods that take {name}: {', '.join(elsewhere[name][1])}"
    near = difflib.get_close_matches(name, known, 1)
    return f"{text}; perhaps {near[0]!r} is meant" if near else text


def with_declared(*actions: str) -> Callable[[F], F]:
    """Decorator: ``**options`` of a function become, for ``help()`` and ``inspect``, the options of our methods.

    Calling goes on as it was: the function gets the keyword arguments that are given.
    """

    def decorate(function: F) -> F:
        declared = builtin_options(*actions)
        own = inspect.signature(function)
        names = [name for name, parameter in own.parameters.items() if parameter.kind is not Parameter.VAR_KEYWORD]
        parameters = [own.parameters[name] for name in names]
        parameters += [
            Parameter(option.name, Parameter.KEYWORD_ONLY, default=option.default)
            for option, _ in declared.values()
            if option.name not in names
        ]
        described = "".join(f"        {line}\n" for line in option_lines(declared))
        text = re.sub(r"^ +options: [^\n]*\n", described, function.__doc__ or "", count=1, flags=re.MULTILINE)
        vars(function)["__signature__"] = own.replace(parameters=parameters)
        function.__doc__ = text
        return function

    return decorate


def builtin_options(*actions: str) -> dict[str, tuple[Option, tuple[str, ...]]]:
    """``all_options`` of the methods that come with cospeech."""
    return all_options(*actions, methods=[name for name in METHODS.builtin if not METHODS.get(name).evaluator])


def option_lines(declared: Mapping[str, tuple[Option, tuple[str, ...]]]) -> list[str]:
    """Lines of a docstring: "name: help" of every option, with the methods where not all take it."""
    lines: list[str] = []
    for option, text in ((option, help_of(option, methods, declared)) for option, methods in declared.values()):
        first, *more = textwrap.wrap(f"{option.name}: {text}", 110, break_on_hyphens=False)
        lines += [first, *(f"    {line}" for line in more)]
    return lines


def help_of(option: Option, methods: Sequence[str], declared: Mapping[str, tuple[Option, tuple[str, ...]]]) -> str:
    """The help of an option, with the methods that take it where not all of them do."""
    takers = {method for _, others in declared.values() for method in others}
    return f"{'' if len(methods) == len(takers) else f'of {_listed(methods)}: '}{option.info.help}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
