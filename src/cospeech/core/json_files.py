"""The one place where JSON of others is read: as plain values, or (TOML too) as typed structures.

msgspec is imported when a file is read, not before: its import takes about 20 ms, which generating need not pay.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, TypeVar

from .errors import UserError
from .limits import check_size

T = TypeVar("T")

_PATH = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_LONGEST_VALUE = 40  # characters of a value that stand in a message
_WHOLE = 18  # digits of a whole number that stays one; longer ones become floats
_BETWEEN = re.compile(r"[ \t\r\n,]*")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # how half a character of UTF-16 is written
_HALVES = re.compile("[\ud800-\udfff]")


def plain_json(data: bytes | str, where: str | Path, *, advice: str = "save it again") -> Any:
    """The values of a JSON text: dictionaries, lists, strings, numbers, and nothing that a file can hurt with.

    NaN, which no JSON has but many programs write, is one; whole numbers of more than 18 digits
    become floats; halves of characters go.

    Args:
        where: how messages call it: its file.
        advice: what to do about a text that cannot be read.
    Raises:
        UserError: no JSON, nested too deep, or with an infinite number.
    """
    found = json_values(data, where, advice=advice)
    if len(found) != 1:
        problem = "it is empty" if not found else "something follows its end"
        raise UserError(f"{where} is no JSON that can be read ({problem}); {advice}")
    return found[0]


def json_values(data: bytes | str, where: str | Path, *, advice: str = "save it again") -> list[Any]:
    """``plain_json`` of a text in which any number of values follow one another, with commas between them or none."""
    text = data.decode("utf-8-sig", errors="replace") if isinstance(data, bytes) else data.removeprefix("\ufeff")
    decoder = json.JSONDecoder(parse_int=_int, parse_float=_float, parse_constant=_float)
    found, at = [], _BETWEEN.match(text).end()  # type: ignore[union-attr]
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            found.append(value)
            at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
    except RecursionError:
        raise UserError(f"{where} is no JSON that can be read (it nests too deep); {advice}") from None
    except ValueError as error:
        raise UserError(f"{where} is no JSON that can be read ({' '.join(str(error).split())}); {advice}") from None
    values: list[Any] = _without_halves(found) if _HALF.search(text) else found
    return values


def read_json(path: Path, *, advice: str = "save it again", limit: str = "text") -> Any:
    """``plain_json`` of a file.

    Args:
        limit: which limit of ``core.limits`` its size has.
    Raises:
        UserError: the file cannot be read or is too large, and as ``plain_json``.
    """
    check_size(path, limit)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"no such file: {path}; check the name") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    return plain_json(data, path, advice=advice)


def _int(text: str) -> int | float:
    return int(text) if len(text) <= _WHOLE else _float(text)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text[:12]}{'...' if len(text) > 12 else ''} is too large")
    return value


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _HALVES.sub("", value)
    if isinstance(value, list):
        return [_without_halves(one) for one in value]
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(one) for key, one in value.items()}
    return value


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
