"""Registries: the parts that come with cospeech by name, and those that other packages add.

A package adds to a registry by an entry point, in its pyproject.toml::

    [project.entry-points."cospeech.readers"]
    mycorpus = "mypackage.reader:read"

Built-in parts are looked up first, so generating with them never searches the installed packages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from .errors import UserError

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Registry(Generic[T]):
    """Parts of one kind by name. Nothing is imported until a part is asked for.

    Args:
        kind: what the parts are, in the singular, for messages: "method", "corpus reader".
        group: name of the entry-point group: "cospeech.methods".
        builtin: name -> "module:attribute" of the parts that come with cospeech.
    """

    kind: str
    group: str
    builtin: Mapping[str, str]

    @cached_property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """Entry points of installed packages by name; a name that is built in stays ours."""
        found = sorted(entry_points(group=self.group), key=lambda point: (point.name, point.value))
        return {point.name: point for point in found if point.name not in self.builtin}

    @property
    def names(self) -> tuple[str, ...]:
        """All names: built-in ones in their own order, then those of other packages by the alphabet."""
        return (*self.builtin, *self.plugins)

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self.plugins

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def origin(self, name: str) -> str:
        """Which distribution a part comes from: "cospeech", or the name of another package."""
        if name in self.builtin:
            return "cospeech"
        distribution = self.plugins[name].dist
        return distribution.name if distribution else "unknown"

    def get(self, name: str) -> T:
        """The part of that name.

        Raises:
            UserError: there is none, or the package that adds it cannot be imported.
        """
        if name in self.builtin:
            module, _, attribute = self.builtin[name].partition(":")
            return cast(T, getattr(import_module(module), attribute))
        if name not in self.plugins:
            raise UserError(f"unknown {self.kind} {name!r}; known: {', '.join(self.names)}")
        return cast(T, self._load(self.plugins[name]))

    def _load(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:  # another package's module may raise anything
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"the {self.kind} {point.name!r} of the package {self.origin(point.name)} cannot be loaded "
                f"({point.value}: {reason}); update or uninstall that package"
            ) from error
