"""Motion: how a body moves, and how to cut, resample, mirror and save it."""

from __future__ import annotations

import html
import tempfile
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.rotation import matrix_to_quaternion, quaternion_to_matrix, slerp
from ..core.timing import FPS, FrameSeries, seconds_to_frame
from . import formats
from .face_shapes import FACE_SHAPES, mirror_face
from .kinematics import joint_positions, mirror_rotations
from .skeleton import Skeleton, mirror_name

_FRAME_HEIGHT = 480  # pixels of the player in a notebook


@dataclass(frozen=True, eq=False)
class Motion(FrameSeries):
    """A body in motion. Right-handed, y up, metres, facing +z; rotations are local to the parent."""

    skeleton: Skeleton
    fps: float
    rotations: np.ndarray  # [T, J, 3, 3] float32, local; the rest pose is identity everywhere
    translation: np.ndarray  # [T, 3] float32 metres, the root's position
    face: np.ndarray | None = None  # [T, 52] float32, ARKit weights 0 to 1
    # What a format carries beside (betas, model); arrays [T, ...] in extra["per_frame"] are cut along.
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            rotations = np.asarray(self.rotations, dtype=np.float32)
            translation = np.asarray(self.translation, dtype=np.float32)
        frames, joints = len(rotations), len(self.skeleton)
        if rotations.shape != (frames, joints, 3, 3):
            raise UserError(f"rotations must be [T, {joints}, 3, 3]; got {list(rotations.shape)}")
        if translation.shape != (frames, 3):
            raise UserError(f"translation must be [{frames}, 3]; got {list(translation.shape)}")
        if not self.fps > 0:
            raise UserError(f"frames a second must be positive; got {self.fps}")
        if not (np.isfinite(rotations).all() and np.isfinite(translation).all()):
            raise UserError("motion holds numbers that are not finite; repair or cut the recording")
        object.__setattr__(self, "rotations", rotations)
        object.__setattr__(self, "translation", translation)
        if self.face is not None:
            face = np.asarray(self.face, dtype=np.float32)
            if face.shape != (frames, FACE_SHAPES):
                raise UserError(f"face must be [{frames}, {FACE_SHAPES}] ARKit weights; got {list(face.shape)}")
            if not np.isfinite(face).all():
                raise UserError("the face holds numbers that are not finite; repair or cut the recording")
            object.__setattr__(self, "face", face)

    def __len__(self) -> int:
        return len(self.rotations)

    @cached_property
    def positions(self) -> np.ndarray:
        """[T, J, 3] world positions of the joints, metres."""
        return joint_positions(self.rotations, self.translation, self.skeleton)

    def __getitem__(self, span: slice) -> Motion:
        """Frames of a slice, as a motion of its own; an explanation, whose times are the whole's, is left."""
        if not isinstance(span, slice):
            raise TypeError("a motion is cut with a slice, as in motion[10:20]")
        return replace(
            self,
            rotations=self.rotations[span],
            translation=self.translation[span],
            face=None if self.face is None else self.face[span],
            extra=_with_per_frame(
                {name: value for name, value in self.extra.items() if name != "explain"},
                {k: v[span] for k, v in self._per_frame.items()},
            ),
        )

    @property
    def _per_frame(self) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = self.extra.get("per_frame", {})
        return arrays

    def cut(self, start: float, end: float) -> Motion:
        """The frames from ``start`` to ``end`` seconds."""
        return self[seconds_to_frame(start, fps=self.fps) : seconds_to_frame(end, fps=self.fps)]

    def with_face(self, face: np.ndarray | None) -> Motion:
        """The same body with other face weights [T, 52]."""
        return replace(self, face=face)

    def resample(self, fps: float = FPS) -> Motion:
        """The same motion at another frame rate (slerp of rotations, linear else); the length stays."""
        if abs(fps - self.fps) < 1e-6 or self.frames < 2:
            return replace(self, fps=fps) if self.frames < 2 else self
        frames = max(1, seconds_to_frame(self.seconds, fps=fps))
        return self._at(np.arange(frames) * (self.fps / fps), fps)

    def warp(self, times: np.ndarray) -> Motion:
        """The motion at source times [T'] in seconds, one output frame each (a time warp)."""
        return self._at(np.asarray(times, dtype=np.float64) * self.fps, self.fps)

    def _at(self, position: np.ndarray, fps: float) -> Motion:
        position = np.clip(position, 0, self.frames - 1)
        low = np.minimum(position.astype(int), max(self.frames - 2, 0))
        high = np.minimum(low + 1, self.frames - 1)
        t = position - low
        quaternions = matrix_to_quaternion(self.rotations)
        rotations = quaternion_to_matrix(slerp(quaternions[low], quaternions[high], t[:, None]))
        w = t[:, None].astype(np.float32)
        return replace(
            self,
            fps=fps,
            rotations=rotations.astype(np.float32),
            translation=self.translation[low] * (1 - w) + self.translation[high] * w,
            face=None if self.face is None else self.face[low] * (1 - w) + self.face[high] * w,
            extra=_with_per_frame(self.extra, {k: _blend(v[low], v[high], t) for k, v in self._per_frame.items()}),
        )

    def mirror(self) -> Motion:
        """The mirror image (left <-> right), for skeletons that name their sides left_* and right_*."""
        names = self.skeleton.names
        partner = tuple(self.skeleton.index(mirror_name(name)) for name in names)
        return replace(
            self,
            rotations=mirror_rotations(self.rotations, partner),
            translation=self.translation * np.array([-1, 1, 1], dtype=np.float32),
            face=None if self.face is None else mirror_face(self.face),
            extra=_with_per_frame(self.extra, {}),
        )

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write to a file; the suffix chooses the format (see ``motion.formats``)."""
        return formats.save_motion(self, path, **options)

    def _repr_html_(self) -> str | None:
        """The motion as a notebook shows it: the player's page in a frame; None where it cannot be drawn."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                page = self.save(Path(folder) / "motion.html", level=1, title=f"{self.seconds:.1f} s of motion")
            except UserError:  # no frames, or a rig that is not known
                return None
            source = html.escape(page.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{source}" width="100%" height="{_FRAME_HEIGHT}" style="border: 0"></iframe>'


def concatenate(parts: list[Motion]) -> Motion:
    """Motions one after the other. Raises UserError if skeletons or frame rates differ."""
    first = parts[0]
    for part in parts[1:]:
        if part.skeleton != first.skeleton or part.fps != first.fps:
            raise UserError("only motions of one skeleton and one frame rate can be joined")
    faces = [part.face for part in parts]
    return replace(
        first,
        rotations=np.concatenate([part.rotations for part in parts]),
        translation=np.concatenate([part.translation for part in parts]),
        face=None if any(face is None for face in faces) else np.concatenate(faces),  # type: ignore[arg-type]
        extra=_with_per_frame(
            first.extra,
            {
                key: np.concatenate([part._per_frame[key] for part in parts])
                for key in first._per_frame
                if all(key in part._per_frame for part in parts)
            },
        ),
    )


def _with_per_frame(extra: dict[str, Any], values: dict[str, np.ndarray]) -> dict[str, Any]:
    """``extra`` with other per-frame arrays; the key goes when there are none."""
    rest = {key: value for key, value in extra.items() if key != "per_frame"}
    return {**rest, "per_frame": values} if values else rest


def _blend(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Linear blend of [T, ...] arrays by t [T]; the type stays."""
    t = t.reshape(-1, *([1] * (a.ndim - 1)))
    blended: np.ndarray = (a * (1 - t) + b * t).astype(a.dtype)
    return blended


def load_motion(path: str | Path, **options: Any) -> Motion:
    """Read a motion file; the suffix chooses the format (see ``motion.formats``)."""
    motion: Motion = formats.load_motion(path, **options)
    return motion
