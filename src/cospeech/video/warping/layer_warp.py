"""Layers of a portrait warped to other keypoints, composed back to front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.series import smoothstep
from ...motion.points import FACE_SLICE, SHOULDERS
from .arm_mesh import ArmMesh, rasterized
from .body_map import BodyMap, body_map
from .built_forearm import paint_forearm
from .hand_views import HandView, ShownHand
from .layers import LAYERS, SEEN_MASK, Layers
from .limb_geometry import INDEX, PARTS, TINY, body_scale, hand
from .mouth_and_lids import paint_face
from .plate import hand_plate
from .resampling import bilinear

# All of these are decisions of ours, set by eye [D].
DIRECTED, DIRECTED_RANGE = 0.15, 0.2  # shoulder widths: forearms shorter than that have no direction in the picture
STRETCH = (0.5, 2.0)  # range of a forearm's length against the portrait's
LATTICE, FACE_LATTICE = 8, 2  # of 256, pixels between places at which the body's map is computed, and in the face
FACE_MARGIN = 3  # pixels round the face that are computed on the finer lattice
STAYS = 0.04  # shoulder widths that a layer moves until the room beside it is as it is without the person
LEEWAY = 0.5  # shoulder widths above the portrait's lower border that are stretched where a body rises
FADE_OUT = 2.0  # pixels over which an arm ends beyond the portrait's border


@dataclass(frozen=True, eq=False)
class Drawn:
    """A portrait warped to other keypoints."""

    picture: np.ndarray  # [H, W, 3] float32 in 0 .. 1
    shares: np.ndarray  # [5, H, W] float32: visible share of each of LAYERS in each pixel; the rest is background
    source: np.ndarray  # [H, W, 2] float32 pixels of the portrait that each pixel came from
    came: np.ndarray  # [5, H, W, 2] float32: likewise of each layer, where it is
    layers: Layers

    @cached_property
    def seen(self) -> np.ndarray:
        """[7, H, W] float32: visible share of each of PARTS in each pixel."""
        result = np.zeros((len(PARTS), *self.shares.shape[1:]), np.float32)
        height, width = self.shares.shape[1:]
        for k, name in enumerate(LAYERS):
            rows, columns = np.nonzero(self.shares[k] > 0)
            x, y = np.clip(self.came[k, rows, columns].astype(int), 0, [width - 1, height - 1]).T
            side = name.partition("_")[0]
            own = _parts_of(k, side, side in self.layers.meshes)
            parts = self.layers.parts[:, y, x] * own[:, None]
            whole = parts.sum(0)
            parts = np.where(whole > TINY, parts / np.maximum(whole, TINY), 0)
            parts[own.argmax(), whole <= TINY] = 1  # behind what is in front
            result[:, rows, columns] += parts * self.shares[k, rows, columns]
        return result


def _parts_of(k: int, side: str, cut_out: bool) -> np.ndarray:
    """[7] whether a layer holds each of PARTS."""
    if k == 0:
        return np.ones(len(PARTS))
    ends = ("lower", "hand") if LAYERS[k].endswith("arm") else ("hand",)
    return np.array([float(cut_out and part.startswith(side) and part.endswith(ends)) for part in PARTS])


def driven_vertices(
    mesh: ArmMesh, body: BodyMap, source: np.ndarray, driven: np.ndarray, side: str
) -> tuple[np.ndarray, np.ndarray]:
    """Where the vertices [V, 2] of an arm move to, pixels: each with body, forearm and hand by its weights.

    Args:
        mesh: of the portrait's arm.
        body: the map of the body's layer, which holds the elbow.
        source: [116, 2] keypoints of the portrait.
        driven: [116, 2] where they move to.
        side: of the arm.
    """
    shoulder, elbow, wrist = (source[INDEX[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist"))
    with_hand = hand_plate(hand(source, side), hand(driven, side))
    with_body = body.forward(np.concatenate([mesh.vertices, np.stack([shoulder, elbow])]))
    new_shoulder, new_elbow, new_wrist = *with_body[-2:], with_hand(wrist[None])[0]
    u = mesh.along[:, None]
    between = mesh.vertices + (1 - u) * (new_elbow - elbow) + u * (new_wrist - wrist)
    length = float(np.linalg.norm(wrist - elbow)) / body_scale(source)
    directed = float(np.clip((length - DIRECTED) / DIRECTED_RANGE, 0, 1))
    turned = _along_bone(mesh.vertices, np.stack([elbow, wrist]), np.stack([new_elbow, new_wrist]))
    forearm = between + directed * (turned - between)
    w = mesh.weights
    result: np.ndarray = w[:, :1] * with_body[:-2] + w[:, 1:2] * forearm + w[:, 2:] * with_hand(mesh.vertices)
    return result, np.stack([new_shoulder, new_elbow, new_wrist])


def _along_bone(places: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Places [V, 2] rotated with a bone [2, 2] and stretched between its ends."""
    ways = [bone[1] - bone[0] for bone in (before, after)]
    old, new = (max(float(np.linalg.norm(way)), TINY) for way in ways)
    first, last = ways[0] / old, ways[1] / new
    offset = places - before[0]
    along, across = offset @ first, offset @ [-first[1], first[0]]
    ratio = float(np.clip(new / old, *STRETCH))
    longer = along + (ratio - 1) * np.clip(along, 0, old)
    result: np.ndarray = after[0] + longer[:, None] * last + across[:, None] * np.array([-last[1], last[0]])
    return result


def draw(
    layers: Layers, driven: np.ndarray, gaze: np.ndarray | None = None, hands: Mapping[str, ShownHand] | None = None
) -> Drawn:
    """Warp a portrait.

    Args:
        layers: from ``layers.cut``.
        driven: [116, 2] pixels, where its keypoints move to.
        gaze: [2] radians by which the eyes turn, to the right of the picture and down; None for eyes at rest.
        hands: by side, of those that are drawn from further views; the others are the portrait's.
    """
    hands = hands or {}
    width, height = layers.size
    picture = layers.background.copy()
    still = _still(layers, driven) * _own_shares(hands)
    if still.any():
        picture += np.tensordot(still, layers.rim_shares, 1)[..., None] * layers.rim
    source = layers.places.copy()
    shares = np.zeros((len(LAYERS), height, width), np.float32)
    came = np.zeros((len(LAYERS), height, width, 2), np.float32)
    body = body_map(layers.points, driven, layers.size, tuple(layers.meshes), layers.head)
    window = layers.window
    came[(0, *window)] = places_from(body, window, _face(driven), pixel=max(1, max(width, height) // 256))
    _held_at_border(came[0], window, LEEWAY * body_scale(layers.points))
    got, share, residual = _sampled(layers, 0, came[(0, *window)].reshape(-1, 2))
    if still[1:].any():
        places = came[(0, *window)].reshape(-1, 2)
        there = np.flatnonzero(layers.shaded.take(_pixels(places, layers)))
        shade = np.tensordot(still[1:], layers.shade_shares[1:], 1)[..., None] * layers.shade
        residual[there] += bilinear(shade, places[there])
    shape = picture[window].shape
    got, share, residual = got.reshape(shape), share.reshape(shape[:2]), residual.reshape(shape)
    paint_face(got, layers, driven, window, came[(0, *window)], gaze)
    got -= picture[window]
    got *= share[..., None]
    got += residual
    picture[window] += got
    shares[(0, *window)] = share
    np.copyto(source[window], came[(0, *window)], where=share[..., None] > 0.5)
    drawn = Drawn(picture, shares, source, came, layers)
    scale = body_scale(layers.points)
    for side, mesh in layers.meshes.items():
        k = LAYERS.index(f"{side}_arm")
        moved, chain = driven_vertices(mesh, body, layers.points, driven, side)
        own = layers.points[[INDEX[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist")]]
        painted = paint_forearm(picture, layers.forearms[side], chain, own, came[0], scale)
        if painted is not None:
            window, share = painted
            shares[(slice(None), *window)] *= 1 - share
            came[(k, *window)] = source[window]
            shares[(k, *window)] = share
        _paint_mesh(drawn, mesh, moved, f"{side}_arm", hands.get(side))
        if side in hands and side not in layers.hands:
            _paint_views(drawn, side, hands[side])
    for side, mesh in layers.hands.items():
        with_hand = hand_plate(hand(layers.points, side), hand(driven, side))
        _paint_mesh(drawn, mesh, with_hand(mesh.vertices), f"{side}_hand", hands.get(side))
        if side in hands:
            _paint_views(drawn, side, hands[side])
    np.clip(picture, 0, 1, out=picture)
    return drawn


def _held_at_border(came: np.ndarray, window: tuple[slice, slice], leeway: float) -> None:
    """Stretch the lowest part of a body that rises, so that nothing is shown of what the portrait's border cut off.

    Args:
        came: [H, W, 2] pixels of the portrait; changed in place.
        window: rows and columns in which it is defined.
        leeway: pixels above the border that are stretched.
    """
    height = len(came)
    if window[0].stop < height:
        return
    lacking = np.maximum(came[-1, window[1], 1] - (height - 0.5), 0)
    y = np.arange(height)[window[0]] + 0.5
    near = smoothstep(1 - (height - y) / leeway).astype(np.float32)
    came[(*window, 1)] -= near[:, None] * lacking


def _own_shares(hands: Mapping[str, ShownHand]) -> np.ndarray:
    """[5] how much of each of LAYERS is the portrait's own hand's."""
    sides = [name.partition("_")[0] for name in LAYERS]
    return np.array([hands[side].own if side in hands else 1.0 for side in sides], np.float32)


def _paint_mesh(drawn: Drawn, mesh: ArmMesh, moved: np.ndarray, name: str, shown: ShownHand | None = None) -> None:
    """Draw a layer with the vertices of its mesh moved over what is drawn, in place."""
    layers, k = drawn.layers, LAYERS.index(name)
    width, height = layers.size
    at, places = rasterized(moved, mesh.vertices, mesh.triangles, layers.size)
    got, share, residual = _sampled(layers, k, places)
    beyond = np.maximum(np.maximum(-places, places - [width, height]).max(-1), 0)
    share = share * np.clip(1 - beyond / FADE_OUT, 0, 1).astype(np.float32)
    if shown is not None and shown.own < 1:
        left_out = np.full((len(places), 2), 1 - shown.own, np.float32)
        if name.endswith("arm"):  # the forearm stays
            left_out *= layers.own_hands[name.partition("_")[0]].reshape(-1, 2)[_pixels(places, layers)]
        share, residual = share * (1 - left_out[:, 0]), residual * (1 - left_out[:, 1:])
    flat = drawn.picture.reshape(-1, 3)
    flat[at] += share[:, None] * (got - flat[at]) + residual
    _note_seen(drawn, k, at, places, share)


def _paint_views(drawn: Drawn, side: str, shown: ShownHand) -> None:
    """Draw further views of a hand over what is drawn, in place."""
    layers = drawn.layers
    for view, points, opacity in shown.views:
        moved = hand_plate(view.points, points)(view.mesh.vertices)
        at, places = rasterized(moved, view.mesh.vertices, view.mesh.triangles, layers.size)
        got = bilinear(view.layer, places)
        share = got[:, 3] * np.float32(opacity)
        flat = drawn.picture.reshape(-1, 3)
        flat[at] += share[:, None] * (got[:, :3] - flat[at])
        _note_seen(drawn, LAYERS.index(f"{side}_hand"), at, _own_places(layers, side, view, places), share)


def _own_places(layers: Layers, side: str, view: HandView, places: np.ndarray) -> np.ndarray:
    """Pixels [M, 2] of the portrait's own hand that are about where those of a view are."""
    to_own = hand_plate(view.points, hand(layers.points, side))
    result: np.ndarray = (places @ to_own.matrix.T + to_own.offset).astype(np.float32)
    return result


def _note_seen(drawn: Drawn, k: int, at: np.ndarray, places: np.ndarray, share: np.ndarray) -> None:
    """Note what is seen of a layer, by pixels [M], where they came from [M, 2], and opacities [M]; in place."""
    at, places, share = (values[share > SEEN_MASK] for values in (at, places, share))
    every = drawn.shares.reshape(len(LAYERS), -1)
    every[:, at] *= 1 - share
    every[k, at] += share
    drawn.came[k].reshape(-1, 2)[at] = places
    solid = share > 0.5
    drawn.source.reshape(-1, 2)[at[solid]] = places[solid]


def _still(layers: Layers, driven: np.ndarray) -> np.ndarray:
    """[5] how little each of LAYERS moves: 1 where it stays, 0 from ``STAYS`` on."""
    apart = np.linalg.norm(driven - layers.points, axis=1) / body_scale(layers.points)
    result = []
    for k, name in enumerate(LAYERS):
        side = name.partition("_")[0]
        of_arm = [*(INDEX[f"{side}_{joint}"] for joint in ("elbow", "wrist"))] if k else [*SHOULDERS]
        moved = max(float(apart[of_arm].max()), 0.0 if k else float(apart[FACE_SLICE].mean()))
        result.append(1 - min(1.0, moved / STAYS))
    return np.array(result, np.float32)


def _sampled(layers: Layers, k: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours [M, 3], opacities [M] and residuals [M, 3] of a layer at places [M, 2] pixels of the portrait."""
    there = np.flatnonzero(layers.drawn[k].take(_pixels(places, layers)))
    got = np.zeros((len(places), layers.stacked.shape[-1]), np.float32)
    got[there] = bilinear(layers.stacked[k], places.take(there, 0))
    return got[:, :3], got[:, 3], got[:, 4:]


def _pixels(places: np.ndarray, layers: Layers) -> np.ndarray:
    """Rows times width plus columns [M] of places [M, 2], the nearest ones for those beyond the border."""
    width, height = layers.size
    x, y = (np.clip(places[:, axis].astype(np.intp), 0, size - 1) for axis, size in ((0, width), (1, height)))
    return y * width + x


def places_from(
    move: BodyMap, window: tuple[slice, slice], detail: tuple[slice, slice] | None = None, *, pixel: int = 1
) -> np.ndarray:
    """Source pixels [h, w, 2] float32 of a window of the driven picture.

    Splines are computed on a lattice, which is finer within ``detail``, and interpolated bilinearly.

    Args:
        move: the map.
        window: rows and columns.
        detail: rows and columns, which may reach beyond the window.
        pixel: of 256, in pixels of the picture.
    """
    rows, columns = window
    result = _coarse(move, window, LATTICE * pixel)
    if detail is not None:
        top, low = max(rows.start, detail[0].start), min(rows.stop, detail[0].stop)
        left, right = max(columns.start, detail[1].start), min(columns.stop, detail[1].stop)
        if low > top and right > left:
            part = _coarse(move, (slice(top, low), slice(left, right)), FACE_LATTICE * pixel)
            result[top - rows.start : low - rows.start, left - columns.start : right - columns.start] = part
    return result


def _coarse(move: BodyMap, window: tuple[slice, slice], step: int) -> np.ndarray:
    knots = []
    for span in window:
        count = max(2, -(-(span.stop - span.start) // step) + 1)
        knots.append(span.start + 0.5 + step * np.arange(count))
    y, x = np.meshgrid(*knots, indexing="ij")
    values = move(np.stack([x, y], -1).reshape(-1, 2)).reshape(*x.shape, 2).astype(np.float32)
    for axis, span in enumerate(window):
        place = np.arange(span.stop - span.start) / step
        low = np.minimum(place.astype(int), values.shape[axis] - 2)
        share = (place - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        values = values.take(low, axis) * (1 - share) + values.take(low + 1, axis) * share
    return values


def _face(points: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns round the face of [116, 2]."""
    face = points[FACE_SLICE]
    low = np.floor(face.min(0)).astype(int) - FACE_MARGIN
    high = np.ceil(face.max(0)).astype(int) + FACE_MARGIN
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
