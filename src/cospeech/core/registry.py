"""Registries: the parts that come with cospeech by name, and those that other packages add.

A package adds to a registry by an entry point, in its pyproject.toml::

    [project.entry-points."cospeech.readers"]
    mycorpus = "mypackage.reader:read"

or, in a script or a notebook, by ``register``. Built-in parts are looked up first, so generating with them never
searches the installed packages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from .errors import UserError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Registry(Generic[T]):
    """Parts of one kind by name. Nothing is imported until a part is asked for.

    Args:
        kind: what the parts are, in the singular, for messages: "method", "corpus reader".
        group: name of the entry-point group: "cospeech.methods".
        builtin: name -> the part that comes with cospeech, or "module:attribute" of it.
    """

    kind: str
    group: str
    builtin: Mapping[str, T | str]
    registered: dict[str, T] = field(default_factory=dict, init=False)

    @cached_property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """Entry points of installed packages by name; a name that is built in stays ours."""
        from importlib.metadata import entry_points  # slow to import, and generating needs no plugins

        found = sorted(entry_points(group=self.group), key=lambda point: (point.name, point.value))
        return {point.name: point for point in found if point.name not in self.builtin}

    @property
    def names(self) -> tuple[str, ...]:
        """All names: built-in ones in their own order, then those of other packages by the alphabet."""
        added = (*self.plugins, *(name for name in self.registered if name not in self.plugins))
        return (*self.builtin, *added)

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self.registered or name in self.plugins

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def register(self, name: str, part: T) -> T:
        """Add a part for as long as this process runs; the same name again replaces it.

        Raises:
            UserError: the name is that of a built-in part.
        """
        if name in self.builtin:
            raise UserError(f"the {self.kind} {name!r} is built in; register yours under another name")
        self.registered[name] = part
        return part

    def origin(self, name: str) -> str:
        """Which distribution a part comes from: "cospeech", the name of another package, or "this process"."""
        if name in self.builtin:
            return "cospeech"
        if name in self.registered:
            return "this process"
        distribution = self.plugins[name].dist
        return distribution.name if distribution else "unknown"

    def get(self, name: str) -> T:
        """The part of that name.

        Raises:
            UserError: there is none, or the package that adds it cannot be imported.
        """
        if name in self.builtin:
            part = self.builtin[name]
            if not isinstance(part, str):
                return part
            module, _, attribute = part.partition(":")
            return cast(T, getattr(import_module(module), attribute))
        if name in self.registered:
            return self.registered[name]
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
