"""What can be said of the files that motion is written to: joint names, rate, axes, unit, helpers, mesh, expressions.

Every command and function that writes motion takes these options. Each goes to those of the files whose format has
it; one that none of them has is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from ..avatar.body import BODIES, ColoursLike, chosen_body, load_body, read_colours
from ..core.arguments import number
from ..core.errors import UserError
from ..motion.formats import FORMATS, Format, known_suffixes
from ..motion.formats.bvh import metres
from ..motion.formats.vrma import EXPRESSIONS
from ..motion.rig_binding import find_table

_OF_OUR_BODY = ("rig", "twist", "mesh")  # a user's own character keeps its joints and its mesh
_WHO = ("body", "colours")  # who is shown, of our own people
_FASTEST = 1000.0  # frames a second


class WriteKeywords(TypedDict, total=False):
    """Keyword arguments of what writes motion."""

    rig: str | None
    fps: float | None
    up: str | None
    unit: str | None
    twist: bool
    mesh: bool
    expressions: str | None
    body: str
    colours: ColoursLike | None


@dataclass(frozen=True)
class WriteOption:
    """One of them: its value if it is not given, its help, and what raises UserError for a value that is wrong."""

    default: str | float | bool | None
    metavar: str
    help: str
    check: Callable[[Any], object]


def _rate(fps: Any) -> None:
    if not 1 <= number(fps, "fps") <= _FASTEST:
        raise UserError(f"fps must be from 1 to {_FASTEST:g} frames a second; got {fps}")


def _one_of(name: str, *allowed: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if value not in allowed:
            raise UserError(f"{name} must be {', '.join(allowed[:-1])} or {allowed[-1]}; got {value!r}")

    return check


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise UserError(f"twist and mesh are True or False; got {value!r}")


def _body(name: Any) -> None:
    load_body(1, name)


WRITE_OPTIONS: dict[str, WriteOption] = {
    "rig": WriteOption(
        None, "NAME", "whose joint names to write: mixamo, vrm, ue5, rigify, smplx ... (.bvh .glb .fbx)", find_table
    ),
    "fps": WriteOption(None, "X", "frames a second of motion files; those of the motion unless given", _rate),
    "up": WriteOption(None, "y|z", "the axis that points up (.bvh .npz .fbx); y unless given", _one_of("up", "y", "z")),
    "unit": WriteOption(None, "m|cm", "of length (.bvh .fbx): m, dm, cm, mm, in, ft; cm unless given", metres),
    "twist": WriteOption(True, "", "helper joints that spread the twist of the arms (.glb .fbx)", _flag),
    "mesh": WriteOption(True, "", "the body; --no-mesh for moving joints alone (.glb .fbx)", _flag),
    "expressions": WriteOption(
        None,
        "|".join(EXPRESSIONS),
        "the face of a .vrma: VRM's presets (unless given), ARKit's shapes as custom expressions, or none",
        _one_of("expressions", *EXPRESSIONS),
    ),
    "body": WriteOption(BODIES[0], "NAME", "who is shown: person, woman or mannequin (.html .mp4 .glb .fbx)", _body),
    "colours": WriteOption(
        None,
        "PART=COLOUR,...",
        "of jacket, shirt, trousers, belt, shoes, soles and hair, of the mannequin of surface, lines and soles, as in "
        "jacket=#345,trousers=navy (.html .mp4 .glb .fbx)",
        read_colours,
    ),
}


def check_writing(targets: Iterable[Path], options: Mapping[str, Any], *, onto: object | None = None) -> dict[str, Any]:
    """The options that are given, checked before any work is done.

    Args:
        onto: the user's own character, whose joints and mesh stay as they are.
    Raises:
        UserError: a value that is not allowed, or an option that none of the files has.
    """
    unknown = [name for name in options if name not in WRITE_OPTIONS]
    if unknown:
        raise UserError(f"writing takes no option {unknown[0]!r}; it takes {', '.join(WRITE_OPTIONS)}")
    given = {name: value for name, value in options.items() if value != WRITE_OPTIONS[name].default}
    targets = list(targets)
    _check_who(given, targets, onto)
    for name, value in given.items():
        WRITE_OPTIONS[name].check(value)
        _check_taken(name, [FORMATS.get(target.suffix.lower()) for target in targets], onto)
    if "rig" in given:
        _check_npz(targets, given["rig"])
    if "colours" in given:
        chosen_body(given.get("body"), given["colours"], 1)
    return given


def _check_who(given: Mapping[str, Any], targets: Sequence[Path], onto: object | None) -> None:
    """Raises UserError if a body of ours is asked for where there is another, or none."""
    who = [name for name in _WHO if name in given]
    drawn = [target for target in targets if FORMATS.get(target.suffix.lower()).content == "picture"]
    if who and given.get("mesh") is False and not drawn:
        raise UserError(f"without a mesh nobody is shown; leave {' and '.join(who)} out, or the mesh in")
    if who and onto is not None:
        raise UserError(f"your own character is shown as it is; leave {' and '.join(who)} out, or onto")


def _check_taken(name: str, forms: Sequence[Format], onto: object | None) -> None:
    """Raises UserError if none of the formats has an option."""
    if not any(_takes(form, name, onto) for form in forms):
        takers = ", ".join(suffix for suffix in known_suffixes("write") if _takes(FORMATS.get(suffix), name, onto))
        got = ", ".join(dict.fromkeys(form.suffix for form in forms))
        added = f", or add such a file to {got}" if got else ""
        raise UserError(f"{name} is an option of {takers}; leave it out{added}")


def _check_npz(targets: Sequence[Path], rig: str) -> None:
    """Raises UserError if an npz is to get the joints of another rig than its own."""
    npz = [target for target in targets if target.suffix.lower() == ".npz"]
    if npz and find_table(rig).name != "canonical":
        raise UserError(f"{npz[0]}: an .npz holds the joints of SMPL-X, not of {rig}; write it by itself")


def options_for(path: Path, given: Mapping[str, Any], *, onto: object | None = None) -> dict[str, Any]:
    """Those of the given options that the format of a file has."""
    form = FORMATS.get(path.suffix.lower())
    return {name: value for name, value in given.items() if _takes(form, name, onto)}


def _takes(form: Format, name: str, onto: object | None) -> bool:
    if onto is not None and name in _OF_OUR_BODY and "onto" in form.options("write"):
        return False
    if name in _WHO and onto is not None:
        return False
    if name == "fps":
        return form.write is not None and form.content != "picture"
    return name in form.options("write")
