"""Joint positions over time as JSON, in space or projected to an image.

``{"format": "cospeech-keypoints", "version": 1, "fps": 30, "dimensions": 3, "unit": "m", "names": [...],
"parents": [...], "points": [[[x, y, z], ...], ...]}``: one list a frame, one point a joint, y up, facing +z.

Projected, the unit is "px", points are [x, y] with the origin at the top left and y down, and "camera" tells
how: a pinhole at ``camera`` metres looking along -z, so that the person faces it and their left is at the
right of the image; ``f = height / 2 / tan(fov / 2)``, ``x = width / 2 + f (X - cx) / (cz - Z)``,
``y = height / 2 - f (Y - cy) / (cz - Z)``.

Points that a model made in a picture have no depth; their "camera" tells where the person is: "centre", the
pixel in the middle between the shoulders, and "shoulder_width" in pixels. Points that were found in a picture
or film have a "confidence" beside, 0 to 1 for each, 0 where a point is made up; their "camera" tells the
"size" of the picture.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.json_files import read_json
from ...core.timing import FrameSeries
from ..motion import Motion
from . import Format

DOCUMENT_FORMAT = "cospeech-keypoints"
VERSION = 1
SUFFIX = ".json"


@dataclass(frozen=True, eq=False)
class Keypoints(FrameSeries):
    """Points of a body over time."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root
    fps: float
    points: np.ndarray  # [T, J, 3] metres, y up, or [T, J, 2] pixels, y down
    camera: dict[str, Any] | None = None  # of a projection, or where the person is in the picture
    confidence: np.ndarray | None = None  # [T, J] 0 to 1, of points that were found in a picture

    def __len__(self) -> int:
        return len(self.points)

    def save(self, path: str | Path) -> Path:
        """Write a .json file; it appears whole or not at all.

        Raises:
            UserError: another suffix, or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != SUFFIX:
            raise UserError(f"points in a picture go into {SUFFIX} files; got {path}, name a {SUFFIX} file")
        return _write(self, path)


def save_keypoints(
    motion: Motion,
    path: str | Path,
    *,
    dimensions: int = 3,
    size: tuple[int, int] = (512, 512),
    camera: tuple[float, float, float] = (0.0, 1.15, 3.2),
    fov: float = 35.0,
) -> Path:
    """Write the positions of all joints.

    Args:
        motion: any skeleton.
        path: the file; it appears whole or not at all.
        dimensions: 3 (metres), or 2 (pixels of the image that ``camera`` sees).
        size: width and height of the image, pixels.
        camera: its place, metres; it looks along -z.
        fov: vertical angle of view, degrees.

    Raises:
        UserError: other dimensions, or a joint at or behind the camera.
    """
    points, seen = motion.positions.astype(np.float64), None
    if dimensions == 2:
        points = project(points, size=size, camera=camera, fov=fov)
        seen = {"size": list(size), "position": list(camera), "fov": fov}
    elif dimensions != 3:
        raise UserError(f"keypoints have 2 or 3 dimensions; got {dimensions}")
    skeleton = motion.skeleton
    return _write(Keypoints(skeleton.names, skeleton.parents, motion.fps, points, seen), Path(path))


def _write(keypoints: Keypoints, path: Path) -> Path:
    dimensions = keypoints.points.shape[-1]
    document: dict[str, Any] = {
        "format": DOCUMENT_FORMAT,
        "version": VERSION,
        "fps": keypoints.fps,
        "dimensions": dimensions,
        "unit": "m" if dimensions == 3 else "px",
        "names": list(keypoints.names),
        "parents": list(keypoints.parents),
    }
    if keypoints.camera is not None:
        document["camera"] = keypoints.camera
    if keypoints.confidence is not None:
        document["confidence"] = np.round(keypoints.confidence, 3).tolist()
    document["points"] = np.round(keypoints.points, 5 if dimensions == 3 else 2).tolist()
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    return path


def load_keypoints(path: str | Path) -> Keypoints:
    """Read what ``save_keypoints`` wrote.

    Raises:
        UserError: not such a file, or damaged.
    """
    path = Path(path)
    document = read_json(path, limit="json")
    if not isinstance(document, dict) or document.get("format") != DOCUMENT_FORMAT:
        raise UserError(f'{path}: not a keypoints file; its "format" must be {DOCUMENT_FORMAT!r}')
    if document.get("version") != VERSION:
        raise UserError(f"{path}: keypoints version {document.get('version')!r}; this reads {VERSION}")
    try:
        names, parents = tuple(map(str, document["names"])), tuple(map(int, document["parents"]))
        points = np.asarray(document["points"], dtype=np.float64)
        fps, dimensions = float(document["fps"]), int(document["dimensions"])
        sure = document.get("confidence")
        confidence = None if sure is None else np.clip(np.asarray(sure, dtype=np.float64), 0.0, 1.0)
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise UserError(
            f"{path}: names, parents, fps, dimensions, points or confidence are missing or damaged"
        ) from error
    if points.shape[1:] != (len(names), dimensions) or len(parents) != len(names) or not np.isfinite(points).all():
        raise UserError(f"{path}: points must be [frames, {len(names)}, {dimensions}]; got {list(points.shape)}")
    if confidence is not None and not (confidence.shape == points.shape[:2] and np.isfinite(confidence).all()):
        raise UserError(f"{path}: confidence must be [frames, {len(names)}]; got {list(confidence.shape)}")
    if not 0 < fps < 1e5:
        raise UserError(f"{path}: fps must be positive; got {fps}")
    return Keypoints(names, parents, fps, points, document.get("camera"), confidence)


def project(
    points: np.ndarray,
    *,
    size: tuple[int, int] = (512, 512),
    camera: tuple[float, float, float] = (0.0, 1.15, 3.2),
    fov: float = 35.0,
) -> np.ndarray:
    """Pixels [..., 2] of points [..., 3] metres, as the module says; UserError behind the camera."""
    if not 0 < fov < 180:
        raise UserError(f"fov must be between 0 and 180 degrees; got {fov}")
    width, height = size
    offset = points - np.asarray(camera, dtype=np.float64)
    depth = -offset[..., 2]
    if (depth <= 1e-3).any():
        raise UserError(f"a joint is at or behind the camera at {tuple(camera)}; move the camera back along z")
    focal = height / 2 / np.tan(np.radians(fov) / 2)
    return np.stack([width / 2 + focal * offset[..., 0] / depth, height / 2 - focal * offset[..., 1] / depth], axis=-1)


FORMAT = Format(".json", "joint positions, 3D or projected", write=save_keypoints, content="points")
