"""Where commands write: named files or default ones, what must not be written over, and the closing note."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.arguments import several
from ..core.errors import UserError
from ..core.files import same_file
from ..core.media import STANDARD_INPUT
from ..core.progress import wrote

if TYPE_CHECKING:
    from ..avatar.character.character import Character

DEFAULT_SUFFIXES = (".html", ".mp4", ".bvh", ".glb")

# Where to go next; the first one that fits is said.
_NEXT = {
    ".html": "open {} in a browser",
    ".mp4": "play {}",
    ".glb": "load {} into Blender with File > Import > glTF 2.0",
    ".bvh": "load {} into Blender with File > Import > Motion Capture",
    ".vrm": "open {} in Blender with the VRM add-on, or play the .vrma beside it",
    ".fbx": "load {} into Unity, Unreal or Maya, or into Blender with File > Import > FBX",
    ".vrma": "play {} on a VRM avatar",
}


def done(targets: Sequence[Path], began: float, what: str) -> None:
    """Say what was written, how long it took and what to do with it."""
    names = ", ".join(str(target) for target in targets)
    hints = [
        f"; {hint.format(target)}"
        for suffix, hint in _NEXT.items()
        for target in targets
        if target.suffix.lower() == suffix
    ]
    wrote(targets, f"wrote {names} ({what}) in {time.monotonic() - began:.1f} s{hints[0] if hints else ''}")


def default_targets(
    speech: Path, *others: str | Path | None, suffixes: Sequence[str] = DEFAULT_SUFFIXES
) -> tuple[Path, ...]:
    """In the working folder, named after the speech; a film given as speech is not written over.

    Args:
        others: what else is read and is not written over, as of ``not_over``.
    """
    stem = "speech" if str(speech) == STANDARD_INPUT else speech.stem
    targets = tuple(Path(stem + suffix) for suffix in suffixes)
    if any(_is_read(target, (speech, *others)) for target in targets):
        return tuple(Path(f"{stem}-gestures{suffix}") for suffix in suffixes)
    return targets


def numbered(targets: Sequence[Path], variants: int, take: int | None = None) -> tuple[Path, ...]:
    """Files of one take, or of all: as they are named if there is one, else talk.1.bvh, talk.2.bvh ...

    Raises:
        UserError: less than one variant.
    """
    if variants < 1:
        raise UserError(f"variants must be a whole number from 1 on; got {variants}")
    if variants == 1:
        return tuple(targets)
    takes = range(variants) if take is None else (take,)
    return tuple(
        target.with_name(f"{target.name.split('.')[0]}.{k + 1}.{'.'.join(target.name.split('.')[1:])}")
        if target.suffix.lower() == ".json"
        else target.with_name(f"{target.stem}.{k + 1}{target.suffix}")
        for k in takes
        for target in targets
    )


def point_targets(out: Sequence[Path], speech: Path, *others: str | Path | None) -> tuple[Path, ...]:
    """Where a model of keypoints in a picture writes: the files that are named, or one after the speech.

    Raises:
        UserError: a file of another format is named.
    """
    for target in out:
        if target.suffix.lower() != ".json":
            raise UserError(
                f"cannot write {target}: this model generates keypoints in a picture, which go into .json files"
            )
    return tuple(out) or default_targets(speech, *others, suffixes=(".keypoints.json",))


def some(out: tuple[Path, ...]) -> tuple[Path, ...]:
    """The files to write. Raises UserError if none is named."""
    if not out:
        raise UserError("no file to write is named; name one or more with -o")
    return out


def not_over(target: Path, *sources: str | Path | None) -> None:
    """Refuse to write over what is read.

    Args:
        sources: all that the command reads: files, names of models, and texts such as FILE@SECONDS or
            FILE@START:END. Of a folder, which a model may be, its config.json counts.
    Raises:
        UserError: the target is one of them, also by another name or through a link.
    """
    if _is_read(target, sources):
        raise UserError(f"cannot write {target}: it is what is read; give another name with -o")


def character_for(onto: Path | None, targets: Sequence[Path], *sources: str | Path | None) -> Character | None:
    """The character that files are written with, opened; what comes beside them goes over nothing that is read.

    Raises:
        UserError: it cannot be used, or a file beside is one of the sources.
    """
    from ..api.character import beside, check_onto

    character = check_onto(onto, targets)
    for target in beside(character, targets):
        not_over(target, onto, *sources)
    return character


def files_in(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Texts among the values of options, each of which may name a file that is read."""
    return tuple(value for given in options.values() for value in several(given) if isinstance(value, str))


def _is_read(target: Path, sources: Iterable[str | Path | None]) -> bool:
    names = [str(source) for source in sources if source is not None]
    names += [name.rpartition("@")[0] for name in names if "@" in name]
    return any(same_file(target, path) for name in names for path in (name, Path(name) / "config.json"))
