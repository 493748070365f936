"""Detects keypoints in pictures and films, and caches the results."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.media import opened_media
from ...core.progress import stage
from ...core.timing import FPS
from ...motion.points import POINTS
from .extraction import film_arrays, picture_arrays
from .face_mesh import MESH_SIZE
from .networks import NETWORKS, Networks
from .setup import networks_folder

# What the results depend on, beside the networks: any change of these files makes cached results void.
SOURCES = tuple(
    Path(__file__).with_name(f"{name}.py")
    for name in ("boxes", "conversion", "extraction", "face_mesh", "holistic", "regions", "tflite")
)
_ARRAYS = ("points", "confidence", "people", "fps", "size")


def detect(what: Path | np.ndarray, *, name: str, cache: bool = True) -> dict[str, np.ndarray]:
    """The arrays of ``extraction`` for a film, or for a picture [H, W, 3] uint8 sRGB.

    Results are cached in ``cache_folder()`` under a hash of the content and of the detector, so that nothing is
    detected twice and no result of another detector is used.

    Args:
        what: the film's path, or the picture.
        name: of the file, for messages.
        cache: False to detect anew and cache nothing.
    Raises:
        UserError: the networks are missing or damaged, or the film cannot be read.
    """
    cached = cache_folder() / f"{_content_hash(what)}.npz" if cache else None
    if cached is not None and (known := _read(cached)) is not None:
        return known
    networks = Networks(networks_folder())
    stage(f"detecting the person in {name}")
    found = picture_arrays(networks, what) if isinstance(what, np.ndarray) else _film(networks, what, name)
    if cached is not None:
        cache_arrays(found, cached)
    return found


def cache_folder() -> Path:
    """Folder of the cache: ``XDG_CACHE_HOME/cospeech/keypoints``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "cospeech" / "keypoints"


def _film(networks: Networks, path: Path, name: str) -> dict[str, np.ndarray]:
    import av

    try:
        with opened_media(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            total = f" of {stream.frames}" if stream.frames else ""
            rate = float(stream.average_rate or stream.guessed_rate or FPS)

            def frames() -> Iterator[np.ndarray]:
                for frame in container.decode(stream):
                    picture = frame.to_ndarray(format="rgb24")
                    yield np.ascontiguousarray(np.rot90(picture, round(getattr(frame, "rotation", 0) / 90) % 4))

            return film_arrays(
                networks, frames(), rate, lambda done: stage(f"detecting the person in {name}, frame {done}{total}")
            )
    except (av.error.FFmpegError, OSError, IndexError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"could not find keypoints in {name} ({reason}); export it again as MP4") from None


def _content_hash(what: Path | np.ndarray) -> str:
    digest = hashlib.sha256("".join(NETWORKS.values()).encode())
    for source in SOURCES:
        digest.update(source.read_bytes())
    if isinstance(what, np.ndarray):
        digest.update(repr(what.shape).encode())
        digest.update(np.ascontiguousarray(what).data)
    else:
        with open(what, "rb") as film:
            while block := film.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:32]


def cached_arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the named arrays that a cached file has; none if it is missing, damaged or something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names if name in file}
    except Exception:  # zipfile, zlib and NumPy raise half a dozen types for a damaged file
        return {}


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a result, or None if the file is missing, damaged or something else."""
    found = cached_arrays(path, (*_ARRAYS, "mask", "mesh"))
    complete = all(name in found for name in _ARRAYS)
    return found if complete and _has_shapes(found) else None


def _has_shapes(found: dict[str, np.ndarray]) -> bool:
    """Whether the arrays of a result fit one another, and points, confidence and mesh are finite."""
    points, confidence = found["points"], found["confidence"]
    frames = len(points) if points.ndim else 0
    shapes = {
        "points": (frames, len(POINTS), 2),
        "confidence": (frames, len(POINTS)),
        "people": (frames,),
        "size": (2,),
        "fps": (),
    }
    if frames == 0 or any(found[name].shape != shape for name, shape in shapes.items()):
        return False
    if "mask" in found and found["mask"].shape != tuple(found["size"][::-1]):
        return False
    mesh = found.get("mesh", np.zeros((MESH_SIZE, 3)))
    if mesh.shape != (MESH_SIZE, 3):
        return False
    return all(bool(np.isfinite(values).all()) for values in (points, confidence, mesh))


def cache_arrays(found: dict[str, np.ndarray], place: Path) -> None:
    """Write into the cache; if it cannot be written to, nothing is cached."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(place) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **found)
    except (OSError, UserError):
        pass
