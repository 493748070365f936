"""Strict reading of JSON and TOML files into typed structures, with errors that name the place.

msgspec is imported when a file is read, not before: its import takes about 20 ms, which generating need not pay.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from .errors import UserError

T = TypeVar("T")

_PATH = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_LONGEST_VALUE = 40  # characters of a value that stand in a message


def read_struct(path: str | Path, kind: type[T]) -> T:
    """Read a JSON file (TOML by its suffix) into a structure, with every type checked.

    Args:
        path: the file, UTF-8.
        kind: a ``msgspec.Struct``, dataclass or any other type that msgspec checks. With
            ``forbid_unknown_fields=True`` a Struct refuses keys that it does not have.

    Raises:
        UserError: the file cannot be read, or a value does not fit; the message names the file, the key,
            what stands there and what is allowed.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"no such file: {path}; check the name") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    return decode_struct(data, kind, path, toml=path.suffix.lower() == ".toml")


def decode_struct(data: bytes | str, kind: type[T], where: str | Path, *, toml: bool = False) -> T:
    """``read_struct`` of text that is already in memory; ``where`` names it in messages."""
    import msgspec

    document = _document(data, where, toml=toml)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise UserError(_described(str(error), document, kind, where)) from None


def _document(data: bytes | str, where: str | Path, *, toml: bool) -> Any:
    """The plain values of a text: dictionaries, lists, strings and numbers."""
    text = data.decode("utf-8-sig", errors="replace") if isinstance(data, bytes) else data
    try:
        if toml:
            import tomllib

            return tomllib.loads(text)
        import msgspec

        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        language = "TOML" if toml else "JSON"
        raise UserError(f"{where} is not {language} that can be read: {' '.join(str(error).split())}") from None


def _described(message: str, document: Any, kind: type, where: str | Path) -> str:
    """One line on a value that does not fit, from msgspec's own message."""
    place = _PATH.search(message)
    steps = _steps(place["path"]) if place else []
    problem = message[: place.start()] if place else message
    problem = problem.replace("`", "").removeprefix("Object ")
    problem = problem[:1].lower() + problem[1:]
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    if problem.startswith("contains unknown field"):
        known = _known_fields(kind, steps)
        problem += f"; known: {', '.join(known)}" if known else "; remove it"
    elif ", got " not in problem:
        found, value = _value(document, steps)
        if found and not isinstance(value, dict | list):
            problem += f"; got {repr(value)[:_LONGEST_VALUE]}"
    return f"{where}: {f'{key}: ' if key else ''}{problem}"


def _steps(path: str) -> list[str | int]:
    """Keys and indices of a path as msgspec writes it: ``.frames[3].time``."""
    steps: list[str | int] = []
    for step in _STEP.finditer(path):
        if step["key"]:
            steps.append(step["key"])
        else:
            steps.append(int(step["index"]) if step["index"].isdigit() else "*")
    return steps


def _value(document: Any, steps: list[str | int]) -> tuple[bool, Any]:
    """Whether there is a value at a path, and the value."""
    for step in steps:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return False, None
    return True, document


def _known_fields(kind: Any, steps: list[str | int]) -> tuple[str, ...]:
    """Names of the fields of the structure at a path; none where the path leads through other types."""
    import msgspec

    info = msgspec.inspect.type_info(kind)
    for step in steps:
        if isinstance(step, int):
            info = getattr(info, "item_type", info)
        elif step == "*":
            info = getattr(info, "value_type", info)
        else:
            fields = {field.encode_name: field.type for field in getattr(info, "fields", ())}
            if step not in fields:
                return ()
            info = fields[step]
    return tuple(field.encode_name for field in getattr(info, "fields", ()))
