"""Rendering of synthetic people with exact keypoints, mask and body parts at every pixel.

The network of portrait video learns from them where no videos of people may be used. The default person is drawn
with other proportions, clothes, light and surroundings (``appearance``, ``figure``, ``clothing``, ``backdrop``);
keypoints come from the body, so they are exact also where it is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...avatar.body import vertex_normals
from ...avatar.camera import Camera
from ...avatar.light import STUDIO, Light, shade, tone
from ...avatar.pose import canonical_motion, pose_vertices
from ...avatar.raster import plane_coefficients, visibility
from ...avatar.skinning import joint_transforms
from ...core.errors import UserError
from ...motion.motion import Motion
from ...motion.points import POINTS
from ...motion.skeleton import CANONICAL_NAMES
from ..driving.landmarks import joint_places, landmarks_3d, project
from .appearance import Appearance, Lamps, View
from .backdrop import backdrop
from .clothing import albedo, vertex_colours
from .figure import Figure, make_figure

SAMPLES = 2  # per pixel and axis
CHUNK = 16  # frames posed at once
HEAD_TOP = 0.185  # metres of hair above the joint of the head
SIZES = (64, 1024)
HEAD_BOTTOM = 1.6  # metres on the default person: what is higher is head
_HEAD_RISE = 0.7  # quantile over the frames of the head's height above the shoulders, for which there is room
_LEAST_HEAD_RISE = 0.8  # of the head's height at rest
_TOP_MARGIN, _LEAST_ROOM = 0.012, 0.2  # of the picture's height: above the hair; from top to shoulders at least
_COVERED = 0.5  # share of a pixel from which it has the part of the person
_MIDDLE = 127  # the grey, of 255, that contrast leaves as it is
_WARM = (0.06, 0.0, -0.08)  # change of red, green and blue by a warmth of 1


@dataclass(frozen=True, eq=False)
class PersonFilm:
    """Pictures of one person, with their annotations."""

    frames: np.ndarray  # [T, H, W, 3] uint8 sRGB
    points: np.ndarray  # [T, 116, 2] float32 pixels, x right, y down, order of motion.points.POINTS
    confidence: np.ndarray  # [T, 116] float32, 1 in the picture, 0 outside
    mask: np.ndarray  # [T, H, W] uint8, share of the pixel that is person, 0 to 255
    parts: np.ndarray  # [T, H, W] uint8: 0 background, 1 trunk, 2 head, 3-5 left upper arm to hand, 6-8 right


def light_of(lamps: Lamps) -> Light:
    """The studio's light with other strengths and another position of the key light."""
    side, rise = np.radians(lamps.side), np.radians(lamps.rise)
    key = np.array([np.sin(side) * np.cos(rise), np.sin(rise), np.cos(side) * np.cos(rise)])
    fill = STUDIO.fill * (np.array([-1.0, 1, 1]) if lamps.side > 0 else np.ones(3))
    return replace(
        STUDIO,
        key=key,
        key_colour=STUDIO.key_colour * lamps.key,
        fill=fill,
        fill_colour=STUDIO.fill_colour * lamps.fill,
        rim_colours=STUDIO.rim_colours * lamps.rim,
        sky=STUDIO.sky * lamps.sky,
        ground=STUDIO.ground * lamps.sky,
        shadow=lamps.shadow,
    )


def frame_person(figure: Figure, motion: Motion, view: View) -> Camera:
    """A still camera that frames the person from head to hips in a square picture.

    Args:
        figure: its proportions set the scale.
        motion: position and direction of the chest are medians over it.
        view: position and size in the picture; reduced if the head would be cut off.
    """
    body = figure.body
    rotations, translation, _ = canonical_motion(body, motion, slice(None))
    transforms = joint_transforms(rotations, translation, body.joint_positions)[:, : len(CANONICAL_NAMES)]
    places = np.einsum("tjab,jb->tja", transforms[..., :3], body.joint_positions) + transforms[..., 3]
    shoulders = [CANONICAL_NAMES.index(f"{side}_shoulder") for side in ("left", "right")]
    head = CANONICAL_NAMES.index("head")
    middle = np.median(places[:, shoulders].mean(1), axis=0)
    facing = np.median(transforms[:, CANONICAL_NAMES.index("spine3"), :, 2], axis=0)
    yaw = float(np.degrees(np.arctan2(facing[0], facing[2]))) + view.yaw
    wide = float(np.linalg.norm(np.subtract(*body.joint_positions[shoulders])))
    size = float(body.joint_positions[head, 1] - body.joint_positions[shoulders[0], 1])
    rise = float(np.quantile(places[:, head, 1], _HEAD_RISE) - middle[1])
    top = max(rise, _LEAST_HEAD_RISE * size) + HEAD_TOP * _head_size(figure)
    height = max(wide / view.shoulders, top / max(view.shoulder_line - _TOP_MARGIN, _LEAST_ROOM))
    axes = Camera((0.0, 0.0, 0.0), 1.0, 1.0, yaw, view.pitch).axes
    target = middle - axes[0] * view.across * height - axes[1] * (0.5 - view.shoulder_line) * height
    x, y, z = (float(v) for v in target)
    return Camera((x, y, z), view.distance, height, yaw, view.pitch)


def _head_size(figure: Figure) -> float:
    """Height of the head relative to the default person's."""
    own, rest = figure.body.vertices[: figure.own, 1], figure.rest[: figure.own, 1]
    inside = rest > HEAD_BOTTOM
    return float(np.ptp(own[inside]) / np.ptp(rest[inside]))


def render_person(
    appearance: Appearance,
    motion: Motion,
    *,
    size: int = 256,
    frames: np.ndarray | None = None,
    level: int = 1,
    pictures: tuple[np.ndarray, ...] = (),
    camera: Camera | None = None,
) -> PersonFilm:
    """Draw a person in motion.

    Args:
        appearance: person, light, background and camera.
        motion: on the canonical joints, with or without a face.
        size: pixels, width and height, 64 to 1024.
        frames: indices of the frames to draw, all if None; the camera frames the whole motion.
        level: detail of the body, 1 suits 256 pixels.
        pictures: backgrounds of the user's own, see ``backdrop``.
        camera: instead of the appearance's.

    Raises:
        UserError: a wrong size, no frames, or a motion on another skeleton.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise UserError(f"pictures of people are {SIZES[0]} to {SIZES[1]} pixels wide; got {size}")
    if not motion.frames or (frames is not None and not len(frames)):
        raise UserError("the motion has no frames; nothing can be drawn")
    figure = make_figure(appearance, level)
    camera = camera or frame_person(figure, motion, appearance.view)
    chosen = motion if frames is None else _picked(motion, np.asarray(frames))
    painter = _Painter(figure, appearance, camera, size, backdrop(appearance.backdrop, size, pictures))
    count = chosen.frames
    film = PersonFilm(
        np.empty((count, size, size, 3), np.uint8),
        np.empty((count, len(POINTS), 2), np.float32),
        np.empty((count, len(POINTS)), np.float32),
        np.empty((count, size, size), np.uint8),
        np.empty((count, size, size), np.uint8),
    )
    for start in range(0, count, CHUNK):
        span = slice(start, min(start + CHUNK, count))
        posed = pose_vertices(figure.body, chosen, frames=span)
        known = replace(figure.body, vertices=figure.body.vertices[: figure.own])
        places = joint_places(figure.body, chosen, frames=span)
        film.points[span] = project(landmarks_3d(known, posed[:, : figure.own], places), camera, size, size)
        for k, points in enumerate(posed, start):
            film.frames[k], film.mask[k], film.parts[k] = painter.draw(points)
    inside = (film.points >= 0).all(-1) & (film.points < size).all(-1)
    film.confidence[:] = inside
    return film


def _picked(motion: Motion, frames: np.ndarray) -> Motion:
    return replace(
        motion,
        rotations=motion.rotations[frames],
        translation=motion.translation[frames],
        face=None if motion.face is None else motion.face[frames],
        extra={},
    )


class _Painter:
    """Draws one figure, frame by frame."""

    def __init__(self, figure: Figure, appearance: Appearance, camera: Camera, size: int, behind: np.ndarray) -> None:
        self.figure, self.appearance, self.camera, self.size = figure, appearance, camera, size
        self.light = light_of(appearance.lamps)
        self.behind = behind
        self.fixed = np.concatenate([vertex_colours(figure, appearance), figure.rest], 1)
        self.faces = np.ascontiguousarray(figure.body.triangles[:, ::-1])

    def draw(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Posed vertices [V, 3] -> picture [S, S, 3], mask [S, S], parts [S, S], all uint8."""
        figure, body, size = self.figure, self.figure.body, self.size
        normals = vertex_normals(points[None], body.triangles)[0]
        factor, added = shade(body, points, normals, self.camera, self.light).terms()
        values = np.concatenate([factor, added, self.fixed], 1)
        fine = SAMPLES * size
        screen = self.camera.project(points, fine, fine)
        ids = visibility(screen, self.faces, fine, fine).ravel()
        hit = np.flatnonzero(ids >= 0)
        faces = ids[hit]
        shown = _across(screen, self.faces, values, faces, hit, fine)
        reflectance = albedo(figure.region[faces], shown[:, 11:14], shown[:, 6:11], self.appearance)
        colour = tone(shown[:, :3] * reflectance + shown[:, 3:6])
        layer = np.zeros((fine * fine, 4), np.float32)
        layer[hit, :3] = colour * np.float32(255)
        layer[hit, 3] = 1
        person = np.add.reduce(_quarters(layer.reshape(fine, fine, 4))) * np.float32(1 / SAMPLES**2)
        cover = person[..., 3]
        picture = person[..., :3] + self.behind * (1 - cover)[..., None]
        label = np.zeros(fine * fine, np.uint8)
        label[hit] = figure.part[faces]
        parts = np.where(cover >= _COVERED, _most(_quarters(label.reshape(fine, fine))), 0).astype(np.uint8)
        return self._graded(picture), np.round(cover * 255).astype(np.uint8), parts

    def _graded(self, picture: np.ndarray) -> np.ndarray:
        bright, contrast, saturation = self.appearance.grade
        grey = picture.mean(-1, keepdims=True)
        picture = grey + (picture - grey) * saturation
        picture = (picture - _MIDDLE) * contrast + _MIDDLE * bright
        warm = self.appearance.warmth * np.array(_WARM, np.float32)
        return np.clip(picture * (1 + warm) + 0.5, 0, 255).astype(np.uint8)


def _across(
    screen: np.ndarray, triangles: np.ndarray, values: np.ndarray, faces: np.ndarray, at: np.ndarray, width: int
) -> np.ndarray:
    """Vertex values [V, C] at samples: ``faces`` [N] are the triangles seen at the flat pixels ``at`` [N]."""
    seen = np.zeros(len(triangles), bool)
    seen[faces] = True
    used = np.flatnonzero(seen)
    compact = np.zeros(len(triangles), np.int32)
    compact[used] = np.arange(len(used), dtype=np.int32)
    corners = triangles[used]
    # Shares of the corners, linear on the screen; three numbers a sample however many values there are.
    unit = np.eye(3, dtype=np.float32)
    own = screen[corners].reshape(-1, 3)
    plane = plane_coefficients(own, np.arange(len(own)).reshape(-1, 3), np.tile(unit, (len(used), 1)))
    first = own[::3]
    plane[:, 0] -= plane[:, 1] * first[:, :1] + plane[:, 2] * first[:, 1:2]
    row = compact[faces]
    y, x = np.divmod(at.astype(np.int32), np.int32(width))
    rows = plane.reshape(-1, 9).take(row, axis=0)
    share = rows[:, :3] + rows[:, 3:6] * (x + np.float32(0.5))[:, None]
    share += rows[:, 6:] * (y + np.float32(0.5))[:, None]
    np.clip(share, 0, 1, out=share)
    share /= share.sum(1, keepdims=True)
    values = np.asarray(values, np.float32)
    result = values.take(corners[:, 0].take(row), axis=0) * share[:, :1]
    for k in (1, 2):
        result += values.take(corners[:, k].take(row), axis=0) * share[:, k : k + 1]
    return result


def _quarters(samples: np.ndarray) -> list[np.ndarray]:
    """The four samples of every pixel."""
    return [samples[y::SAMPLES, x::SAMPLES] for y in range(SAMPLES) for x in range(SAMPLES)]


def _most(labels: list[np.ndarray]) -> np.ndarray:
    """The label that most samples of a pixel have, 0 not counted; the first of them if even."""
    best, most = labels[0], np.zeros(labels[0].shape, np.uint8)
    for label in labels:
        count = sum((other == label).astype(np.uint8) for other in labels) * (label > 0)
        best = np.where(count > most, label, best)
        most = np.maximum(count, most)
    return best
