"""Read and write motion files; the suffix chooses the format. docs/formats.md states every convention."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.arguments import file_path
from ...core.errors import UserError

if TYPE_CHECKING:
    from ..motion import Motion


@dataclass(frozen=True)
class Format:
    """One file format. Its module is imported when a file asks for it."""

    suffix: str
    title: str
    module: str
    reader: str | None = None  # name of a function(path, **options) -> Motion
    writer: str | None = None  # name of a function(motion, path, **options) -> Path

    def function(self, name: str) -> Callable[..., Any]:
        """The reader or writer itself."""
        return getattr(import_module(f"{__name__}.{self.module}"), name)


FORMATS: dict[str, Format] = {
    entry.suffix: entry
    for entry in (
        Format(".bvh", "Biovision hierarchy", "bvh", "load_bvh", "save_bvh"),
        Format(".npz", "SMPL-X parameters as in BEAT2", "smplx", "load_smplx", "save_smplx"),
        Format(".glb", "glTF binary: avatar with animation", "glb", "load_glb", "save_glb"),
        Format(".vrma", "VRM animation", "vrma", "load_vrma", "save_vrma"),
        Format(".csv", "ARKit face, as Live Link Face writes it", "arkit", "load_arkit", "save_arkit"),
        Format(".json", "joint positions, 3D or projected", "keypoints", None, "save_keypoints"),
    )
}


def load_motion(path: str | Path, **options: Any) -> Motion:
    """Read a motion file.

    Args:
        path: .bvh, .npz, .glb, .vrma or .csv.
        options: what the format's own reader takes (see docs/formats.md).

    Raises:
        UserError: unknown suffix or option, no such file, or a broken one.
    """
    path = file_path(path, "a motion file or a Motion")
    entry = _format(path, "read")
    if entry.reader is None:
        raise UserError(f"{path}: {entry.suffix} holds no full motion; formats.{entry.module} reads its points")
    if not path.is_file():
        raise UserError(f"cannot read {path}: no such file" if not path.exists() else f"{path} is no file")
    reader = entry.function(entry.reader)
    _check_options(reader, options, entry)
    try:
        return reader(path, **options)
    except UserError as error:
        if str(path) in str(error):
            raise
        raise UserError(f"{path}: {error}") from error


def save_motion(motion: Motion, path: str | Path, **options: Any) -> Path:
    """Write a motion file: whole or not at all.

    Args:
        motion: what to write; formats that know one rig only retarget it.
        path: .bvh, .npz, .glb, .vrma, .csv or .json.
        options: what the format's own writer takes (see docs/formats.md).

    Raises:
        UserError: unknown suffix or option, or the file cannot be written.
    """
    path = Path(path)
    entry = _format(path, "write")
    if entry.writer is None:
        raise UserError(f"{path}: {entry.suffix} files are read, not written; {_listing('write')}")
    writer = entry.function(entry.writer)
    _check_options(writer, options, entry)
    return writer(motion, path, **options)


def _format(path: Path, action: str) -> Format:
    entry = FORMATS.get(path.suffix.lower())
    if entry is None:
        raise UserError(f"{path}: unknown suffix {path.suffix!r}; {_listing(action)}")
    return entry


def _listing(action: str) -> str:
    suffixes = [entry.suffix for entry in FORMATS.values() if (entry.reader if action == "read" else entry.writer)]
    return f"to {action} there are {', '.join(suffixes)}"


def _check_options(function: Callable[..., Any], options: dict[str, Any], entry: Format) -> None:
    known = [name for name, p in inspect.signature(function).parameters.items() if p.kind is p.KEYWORD_ONLY]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise UserError(f"{entry.suffix} takes no option {unknown[0]!r}; it takes {', '.join(known) or 'none'}")
