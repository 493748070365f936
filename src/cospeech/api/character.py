"""The user's own character, as calls and commands take it: opened and checked before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..avatar.character.character import Character, open_character
from ..avatar.character.meshes import check_drawable
from ..core.errors import UserError
from ..core.progress import note
from ..motion.formats import FORMATS, known_suffixes

CharacterLike = str | Path | Character


def check_onto(onto: CharacterLike | None, targets: Iterable[str | Path]) -> Character | None:
    """The character that files are written with, opened; a note says what it cannot show.

    Args:
        onto: its file, FILE@NAME for one of several people, or an open character; None for our own person.
        targets: what is written.

    Raises:
        UserError: no such file, no rig that is known, no format that shows a character, or a .vrm without a VRM.
    """
    suffixes = [Path(target).suffix.lower() for target in targets]
    if onto is None:
        if ".vrm" in suffixes:
            raise UserError("a .vrm is somebody's avatar; name it with --onto, or write .vrma for any of them")
        return None
    character = open_character(onto)
    if {".html", ".mp4"} & set(suffixes):
        check_drawable(character)
    if not any(map(takes_character, suffixes)):
        known = ", ".join(suffix for suffix in known_suffixes("write") if takes_character(suffix))
        raise UserError(f"none of the files shows {character.path.name}; these do: {known}")
    if ".vrm" in suffixes and character.vrm is None:
        raise UserError(f"{character.path.name} is no VRM, so no .vrm can be written; write .glb")
    if character is not onto:  # one that is open has been told of
        for remark in _remarks(character):
            note(f"{character.path.name} {remark}")
    return character


def _remarks(character: Character) -> Iterator[str]:
    """What a user should know of a character that is used all the same."""
    lacks = character.lacks()
    if lacks:
        yield f"has no {lacks}: what the motion has of that is left out"
    if not character.rig.upright:
        yield "lies at rest, as if another axis than y were up; in the animation it stands"
    if character.vrm is not None and not character.in_t_pose:
        yield "rests in another pose than the T-pose that VRM prescribes: the .vrma beside it will look wrong on it"


def takes_character(suffix: str) -> bool:
    """Whether files of this suffix can show a user's own character."""
    return suffix in FORMATS and "onto" in FORMATS.get(suffix).options("write")


def beside(onto: Character | None, targets: Iterable[str | Path]) -> tuple[Path, ...]:
    """Files that are written beside the targets: a .vrma for every file of a VRM."""
    if onto is None or onto.vrm is None:
        return ()
    return tuple(
        Path(target).with_suffix(".vrma") for target in targets if Path(target).suffix.lower() in (".glb", ".vrm")
    )
