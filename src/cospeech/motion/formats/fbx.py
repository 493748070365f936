"""FBX in: the animation of any FBX file, and the whole file as glTF; ``avatar.fbx`` writes the default body.

Read by the library ufbx (MIT; the extra ``fbx``), which knows what makes FBX hard: pivots, rotations before and after
the animated one, how scale is inherited, axes and units. It runs in a process of its own, so that a hostile file can
only end that one; what comes out is glTF, so that all that is known of skins, rest poses and rigs there holds here.
"""

from __future__ import annotations

import struct
from importlib.util import find_spec
from pathlib import Path

from ...core.errors import UserError
from ...core.parallel import map_together
from ..motion import Motion
from .fbx_gltf import FbxFault, FbxTask, gltf_contents
from .glb import motion_of
from .gltf import GltfFile, foreign

_BINARY, _ASCII = b"Kaydara FBX Binary", b"FBXHeaderExtension"
_BEGINNING = 4096  # bytes within which a text file must say that it is FBX


def load_fbx(
    path: str | Path,
    *,
    animation: str | int | None = None,
    person: str | int | None = None,
    fps: float | None = None,
    up: str = "auto",
) -> Motion:
    """Read the animation of an FBX file, binary or text.

    Args:
        path: the file.
        animation: name or index of the stack ("take"); the first if None.
        person: of several bodies, name or number from 0; the one with the most joints if None, which is said.
        fps: sample at this rate; None takes that of the keys where they are even, else the file's.
        up: "y" as the file's settings have it, or "z" or "auto", as of ``load_glb``.

    Returns:
        The motion on the file's own rig, with a face if the file animates ARKit shapes. Rest is the bind pose.

    Raises:
        UserError: the library is not installed, or the file is damaged, without animation, or has none of that name.
    """
    file = fbx_as_gltf(path, meshes=False)
    with foreign(path):
        return motion_of(file, animation=animation, fps=fps, person=person, up=up)


def fbx_as_gltf(path: str | Path, *, meshes: bool = True) -> GltfFile:
    """A whole FBX file as glTF: metres, y up.

    Nodes with their names; meshes with normals, texture coordinates, skins and shapes (those alone that carry a shape
    if ``meshes`` is False, and without their surface); base colours and textures, embedded or beside the file; every
    animation, sampled evenly.

    Raises:
        UserError: the library is not installed, or the file is damaged.
    """
    path = Path(path)
    _check(path)
    if find_spec("ufbx") is None:
        raise UserError(f"{path}: to read FBX, install its library with pip install 'cospeech[fbx]'")
    try:
        document, binary = next(map_together(gltf_contents, [FbxTask(str(path.resolve()), meshes)], 1))
    except FbxFault as error:
        raise UserError(f"{path}: {error}") from error
    except RuntimeError as error:  # the library crashed, or ran out of memory
        raise UserError(f"{path}: cannot be read as FBX; damaged, or too large") from error
    return GltfFile(path, document, binary)


def _check(path: Path) -> None:
    """Raises UserError unless a file begins as FBX does, which is told without the library."""
    try:
        with open(path, "rb") as file:
            begin = file.read(_BEGINNING)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if begin.startswith(_BINARY):
        if len(begin) < 27:
            raise UserError(f"{path}: cut off; an FBX file is longer")
        version = struct.unpack_from("<I", begin, 23)[0]
        if not 5000 <= version < 9000:
            raise UserError(f"{path}: FBX version {version}; 5000 to 8999 are read; damaged")
    elif _ASCII not in begin:
        raise UserError(f"{path}: not an FBX file")
