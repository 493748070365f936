"""What callers give, checked for its kind before it is used: paths, numbers, one thing or several."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

from .errors import UserError

F = TypeVar("F", bound=Callable[..., Any])


def with_arguments_of(original: Callable[..., Any]) -> Callable[[F], F]:
    """Decorator: a function that hands its arguments on shows those of ``original``, with their description.

    Its docstring keeps its first paragraph and gets the rest of the original's.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(original)
        function.__signature__ = signature  # type: ignore[attr-defined]
        function.__annotations__ = dict(original.__annotations__)
        _, _, described = (original.__doc__ or "").partition("\n\n")
        function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n{described}"
        return function

    return decorate


def several(value: Any) -> tuple[Any, ...]:
    """One thing or several as a tuple; a text or a path is one.

    >>> several("fgd"), several(["fgd", "beats"]), several(3)
    (('fgd',), ('fgd', 'beats'), (3,))
    """
    if isinstance(value, str | bytes | os.PathLike) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def file_path(value: Any, what: str) -> Path:
    """The path of a file. Raises UserError if it is none; ``what`` says what is wanted: "a motion file"."""
    if not isinstance(value, str | os.PathLike):
        raise UserError(f"expected {what}; got {type(value).__name__}, give its path")
    return Path(value)


def number(value: Any, what: str) -> float:
    """The same number. Raises UserError if it is none; ``what`` names it: "intensity"."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UserError(f"{what} must be a number; got {value!r}")
    return value  # type: ignore[return-value]
