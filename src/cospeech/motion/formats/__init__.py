"""Read and write motion files; the suffix chooses the format. docs/formats.md states every convention.

This module knows no motion and no format: each format's own module declares a ``Format`` and ``FORMATS`` names it,
so ``Motion`` can save itself through here. Another package adds a format by an entry point, named by its suffix::

    [project.entry-points."cospeech.formats"]
    ".toy" = "mypackage.toy:FORMAT"
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...core.arguments import file_path
from ...core.errors import UserError
from ...core.limits import check_limit
from ...core.progress import note_once
from ...core.registry import Registry
from ..rig_map import with_map

SOURCE = "source"  # in motion.extra: what a reader settled: up axis, scale, animations, people
_LISTED = 12  # names in a message
Content = Literal["body", "face", "points", "picture"]
Action = Literal["read", "write"]


@dataclass(frozen=True)
class Format:
    """One file format: what it is called, what it holds, and how it is read and written.

    Args:
        suffix: of its files, in lower case, with the dot.
        title: a few words on the format.
        read: ``read(path, **options) -> Motion``; None if no motion can be read from such files.
        write: ``write(motion, path, **options) -> Path``; None if such files are read only. A writer that has the
            keyword ``speech`` gets the recording that goes with the motion, if there is one.
        content: "body" (and face, if the format has one), "face" alone, "points" (positions without rotations), or
            "picture" (drawn on the avatar).
        any_rig: the writer keeps every skeleton as it is; others get motion on the canonical skeleton.
        face: the writer keeps the weights of a face, or draws them.
        needs: the option without which nothing is written, "" for none.
    """

    suffix: str
    title: str
    read: Callable[..., Any] | None = None
    write: Callable[..., Path] | None = None
    content: Content = "body"
    any_rig: bool = False
    face: bool = False
    needs: str = ""

    def options(self, action: Action) -> tuple[str, ...]:
        """Names of the keyword options that reading or writing takes."""
        function = self.read if action == "read" else self.write
        if function is None:
            return ()
        return tuple(name for name, p in inspect.signature(function).parameters.items() if p.kind is p.KEYWORD_ONLY)


# The writers that draw the avatar are named here and never imported from here: they stand above motion.
FORMATS: Registry[Format] = Registry(
    "motion format",
    "cospeech.formats",
    {
        ".bvh": "cospeech.motion.formats.bvh:FORMAT",
        ".npz": "cospeech.motion.formats.smplx:FORMAT",
        ".glb": "cospeech.avatar.glb:FORMAT",
        ".fbx": "cospeech.avatar.fbx:FORMAT",
        ".vrma": "cospeech.motion.formats.vrma:FORMAT",
        ".vrm": "cospeech.avatar.character.glb:FORMAT",
        ".csv": "cospeech.motion.formats.arkit:FORMAT",
        ".json": "cospeech.motion.formats.keypoints:FORMAT",
        ".html": "cospeech.avatar.page:FORMAT",
        ".mp4": "cospeech.avatar.film:FORMAT",
    },
)


def known_suffixes(action: Action, *, content: Content | None = None) -> tuple[str, ...]:
    """Suffixes that can be read or written; of formats of one content if it is given."""
    formats = (FORMATS.get(suffix) for suffix in FORMATS)
    return tuple(
        form.suffix
        for form in formats
        if (form.read if action == "read" else form.write) and content in (None, form.content)
    )


def face_suffixes() -> tuple[str, ...]:
    """Suffixes of the formats that are written with a face."""
    return tuple(suffix for suffix in known_suffixes("write") if FORMATS.get(suffix).face)


def find_format(path: str | Path, action: Action) -> Format:
    """The format of a file that is to be read or written, by its suffix.

    Raises:
        UserError: unknown suffix, or a format that cannot be read or written; the message lists those that can.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise UserError(f"{path}: unknown suffix {suffix!r}; {_listing(action)}")
    form = FORMATS.get(suffix.lower())
    if action == "write" and form.write is None:
        raise UserError(f"{path}: {form.suffix} files are read, not written; {_listing(action)}")
    if action == "read" and form.read is None:
        reason = "holds drawn motion" if form.content == "picture" else "holds no full motion"
        raise UserError(f"{path}: {form.suffix} {reason}; {_listing(action)}")
    return form


def load_motion(path: str | Path, *, map: str | Path | None = None, **options: Any) -> Any:
    """Read a motion file.

    Args:
        path: .bvh, .npz, .glb, .vrm, .fbx, .vrma, .csv, or a format of an installed package.
        map: a JSON file that says which of the rig's joints is which (``motion.rig_map``), before its names do.
        options: what the format's own reader takes (see docs/formats.md).

    Returns:
        The ``Motion``; ``motion.motion.load_motion`` is the same function with that type.

    Raises:
        UserError: unknown suffix or option, no such file, or a broken one.
    """
    path = file_path(path, "a motion file or a Motion")
    form = find_format(path, "read")
    assert form.read is not None
    if not path.is_file():
        raise UserError(f"cannot read {path}: no such file" if not path.exists() else f"{path} is no file")
    _check_options(form, "read", options)
    try:
        motion = form.read(path, **options)
    except UserError as error:
        if str(path) in str(error):
            raise
        raise UserError(f"{path}: {error}") from error
    _check_distance(motion, path)
    return motion if map is None else with_map(motion, map)


def save_motion(motion: Any, path: str | Path, **options: Any) -> Path:
    """Write a motion file: whole or not at all.

    Args:
        motion: a ``Motion``; formats that know one rig only retarget it.
        path: .bvh, .npz, .glb, .fbx, .vrma, .csv, .json, .html, .mp4, or a format of an installed package.
        options: what the format's own writer takes (see docs/formats.md).

    Raises:
        UserError: unknown suffix or option, or the file cannot be written.
    """
    path = Path(path)
    form = find_format(path, "write")
    assert form.write is not None
    _check_options(form, "write", options)
    return form.write(motion, path, **options)


def _check_distance(motion: Any, path: Path) -> None:
    """Raises UserError for a body that is farther from the origin than anybody walks, or larger than anybody is."""
    for values in (getattr(motion, "translation", None), getattr(getattr(motion, "skeleton", None), "offsets", None)):
        if values is not None and len(values):
            check_limit("distance", max(abs(float(values.min())), abs(float(values.max()))), path)


def _listing(action: Action) -> str:
    return f"to {action} there are {', '.join(known_suffixes(action))}"


def _check_options(form: Format, action: Action, options: dict[str, Any]) -> None:
    known = form.options(action)
    unknown = [name for name in options if name not in known]
    if unknown:
        raise UserError(f"{form.suffix} takes no option {unknown[0]!r}; it takes {', '.join(known) or 'none'}")


def chosen_of(names: Sequence[str], which: str | int | None, *, path: Path, what: str, option: str) -> int:
    """Which of several things in a file is meant, by name or number from 0; the first if None, which is said.

    Args:
        what: they are, in the plural: "animations".
        option: of the command line that chooses.

    Raises:
        UserError: none has that name or number.
    """
    listing = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    if which is None:
        if len(names) > 1:
            note_once(f"{path} holds {len(names)} {what}: {listing}; {names[0]} is read, choose with {option} NAME")
        return 0
    if isinstance(which, str) and which in names:
        return names.index(which)
    if isinstance(which, int) or which.isdigit():
        if 0 <= int(which) < len(names):
            return int(which)
    raise UserError(f"{path}: no {option.removeprefix('--')} {which!r}; it has {listing}")
