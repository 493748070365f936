"""Gestures by name: those that come with cospeech, and a user's own, which go before them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...core.errors import UserError
from .dictionary import GESTURES
from .files import FOLDER, file_name, gestures_in, users_folder
from .gesture import Gesture

NEAR = 5  # names that a message lists


class GestureDictionary(Mapping[str, Gesture]):
    """Gestures by name or alias; case, blanks and hyphens do not matter.

    >>> GestureDictionary()["Thumbs-Up"].name, "handup" in GestureDictionary()
    ('thumbs_up', True)
    """

    def __init__(self, own: Iterable[Gesture] = ()) -> None:
        """Args: own: gestures that are added, or take the place of those of the same name."""
        self.own = {gesture.name: gesture for gesture in own}
        self._gestures = {**GESTURES, **self.own}
        self._names: dict[str, str] = {}
        for gestures in (GESTURES.values(), self.own.values()):
            self._names |= {file_name(alias): gesture.name for gesture in gestures for alias in gesture.aliases}
        self._names |= {file_name(name): name for name in self._gestures}

    @classmethod
    def of_user(cls, library: str | Path | None = None) -> GestureDictionary:
        """With the gestures that the user keeps, and with those of a gesture library."""
        own = gestures_in(users_folder())
        return cls([*own, *([] if library is None else gestures_in(Path(library) / FOLDER))])

    def joined(self, more: Iterable[Gesture]) -> GestureDictionary:
        """With more gestures; itself if there are none."""
        more = tuple(more)
        return GestureDictionary([*self.own.values(), *more]) if more else self

    def __getitem__(self, name: str) -> Gesture:
        """Raises UserError with near names if there is no such gesture."""
        found = self._names.get(file_name(name))
        if found is None:
            raise UserError(f"no gesture {name!r}; {self._near(name)}, and cospeech gesture list shows all")
        return self._gestures[found]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and file_name(name) in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._gestures)

    def __len__(self) -> int:
        return len(self._gestures)

    def _near(self, name: str) -> str:
        wanted = file_name(name)
        near = difflib.get_close_matches(wanted, self._names, NEAR, 0.55)
        near += [other for other in self._names if wanted and (wanted in other or other in wanted)]
        names = list(dict.fromkeys(self._names[other] for other in near))[:NEAR]
        return f"near ones are {', '.join(names)}" if names else f"there are {len(self)}, such as wave, point and big"
