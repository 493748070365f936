"""Old names that keep working for one release, each with a one-line notice (as librosa's ``deprecation`` does)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from .errors import UserError

P = ParamSpec("P")
R = TypeVar("R")


class RenamedWarning(FutureWarning):
    """An old name was used; it goes with the next minor release."""


def warn_renamed(old: str, new: str, *, stacklevel: int = 2) -> None:
    """Warn once a place that ``old`` is now called ``new``."""
    warnings.warn(f"{old} is now called {new}; the old name goes with the next release", RenamedWarning, stacklevel + 1)


def renamed_keywords(names: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: keyword arguments by their old names (old -> new) reach the function by the new ones.

    Raises:
        UserError: (on calling) both names of one argument are given.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: Any, **keywords: Any) -> R:
            for old, new in names.items():
                if old in keywords:
                    if new in keywords:
                        raise UserError(f"{new} is given twice, as {old} too; leave {old} out")
                    warn_renamed(f"the argument {old!r}", repr(new))
                    keywords[new] = keywords.pop(old)
            return function(*args, **keywords)

        return call

    return decorate


def renamed_attribute(module: str, old: str, new: str, value: Any) -> Any:
    """For a module's ``__getattr__``: the value of an attribute that is asked for by its old name."""
    warn_renamed(f"{module}.{old}", f"{module}.{new}", stacklevel=3)
    return value
