"""What warping alone cannot show of a face: a mouth that opens or shuts, lids that close, irises that move.

Lids (``lids``) and irises (``gaze``) are the portrait's own pixels; the inside of a mouth (``mouth_interior``) is
drawn. Drawn at its own keypoints, a portrait is left as it is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...core.series import smoothstep
from ...motion.points import BODY_SLICE, CHIN, EYES, FACE_SLICE, INNER_LIPS
from .face_curves import Axes, Patch, curve
from .gaze import LUMA, irises, look
from .layers import Layers
from .lids import MARGIN, close_lids, eye_points
from .limb_geometry import TINY
from .mouth_interior import Cavity, interior
from .resampling import bilinear

# All of these are decisions of ours, set by eye [D]. Millimetres are those of a face of usual size.
EYES_APART = 90.0  # millimetres between the outer corners of the eyes
MOUTH_HALF = 24.0  # millimetres from the middle of a mouth at rest to its corner
MOUTH_OPEN, MOUTH_RANGE = 0.015, 0.05  # lips open further than in the portrait, in widths of the mouth
MOUTH_MARGIN = 3  # pixels
STABLE = (27, 28, *range(31, 36), 36, 39, 42, 45)  # points that neither jaw nor lids move
NOSE_BASE = slice(31, 36)  # of these, the ones as deep in the head as the teeth
UPPER_SHOWN, LOWER_HIDDEN = 1.2, 2.2  # millimetres of upper teeth below their lip at rest, of lower ones behind theirs
CHEEKS = ((2, 31), (14, 35))  # points between which the light on the face is measured
OWN_OPEN = 0.03  # widths of the mouth: lips of a portrait that are open further show teeth, hidden in shutting
OWN_LEAST, OWN_RANGE, OWN_BELOW = 1.5, 1.5, 1.2  # pixels that lips are apart to show teeth, which begin below the lip
BLEED, BLEED_SHARE = 0.8, 0.2  # pixels, and share of the portrait's opening: teeth at the lower lip's edge
SHUT_HALF, SHUT_MOST = 0.05, 0.5  # widths of the mouth hidden above and below where lips meet; share of the opening
SHUT_FROM = 0.6  # share of closing from which the lips' edges cover what is between them
SHUT_REACH = 3.0  # of these, over which lips are stretched to hide it
PARTED = 0.05  # widths of the mouth that the lips of an open mouth stay apart in warping
SEAM_HALF, SEAM_MOST, SEAM_DARK = 0.6, 0.5, 0.45  # pixels of the line between lips, its opacity and brightness
# Within the eight inner lip points: the curves above and below, and pairs opposite each other.
UPPER_CURVE, LOWER_CURVE = [0, 1, 2, 3, 4], [0, 7, 6, 5, 4]
UPPER_LIP, LOWER_LIP = [1, 2, 3], [7, 6, 5]


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The similarity (matrix [2, 2], offset [2]) that takes points [N, 2] nearest to others (least squares)."""
    a, b = source - source.mean(0), target - target.mean(0)
    power = max(float((a * a).sum()), 1e-9)
    real, imaginary = (a * b).sum() / power, (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / power
    matrix = np.array([[real, -imaginary], [imaginary, real]])
    return matrix, target.mean(0) - matrix @ source.mean(0)


def paint_face(
    colours: np.ndarray,
    layers: Layers,
    driven: np.ndarray,
    window: tuple[slice, slice],
    came: np.ndarray,
    gaze: np.ndarray | None = None,
) -> None:
    """Draw irises, lids and mouth onto the warped body, in place.

    Args:
        colours: [h, w, 3] float32 in 0 .. 1, a window of the driven picture.
        layers: of the portrait.
        driven: [116, 2] pixels.
        window: its rows and columns.
        came: [h, w, 2] float32 pixels of the portrait that each pixel came from; changed where others are drawn.
        gaze: [2] radians by which the eyes turn, to the right of the picture and down; None for eyes at rest.
    """
    wide = unfolded(layers.points, driven)
    for eye, iris in zip(EYES, irises(layers), strict=True):
        points = eye_points(wide, eye)
        margin = MARGIN * np.ptp(points[:, 0])
        brow = driven[FACE_SLICE][17:27, 1].min()
        low = np.minimum(points.min(0) - margin, [np.inf, brow])
        patch = Patch.around(layers, colours, came, window, low, points.max(0) + 2 * margin)
        if patch is None:
            continue
        if gaze is not None and iris is not None and np.any(gaze):
            look(patch, points, iris, gaze)
        close_lids(patch, wide, driven, eye)
    inner = driven[FACE_SLICE][list(INNER_LIPS)]
    low, high = inner.min(0) - MOUTH_MARGIN, inner.max(0) + MOUTH_MARGIN
    patch = Patch.around(layers, colours, came, window, low, high)
    if patch is not None:
        _mouth(patch, driven, wide)


def eyes_open(source: np.ndarray, driven: np.ndarray) -> np.ndarray:
    """Driven keypoints [116, 2] with eyes at least as open as the portrait's, as warping cannot close them."""
    result = driven.copy()
    matrix, offset = similarity(source[FACE_SLICE], driven[FACE_SLICE])
    for eye in EYES:
        points = [BODY_SLICE.stop + k for k in eye]
        if _gap(driven[points]) < _gap(source[points]) * np.sqrt(abs(np.linalg.det(matrix))):
            middle = driven[[points[0], points[3]]].mean(0)
            own = source[points] @ matrix.T + offset
            result[points] = own + middle - own[[0, 3]].mean(0)
    return result


def unfolded(source: np.ndarray, driven: np.ndarray) -> np.ndarray:
    """Driven keypoints [116, 2] to which a picture can be warped without folds: with open eyes, and lips that do not
    quite meet where the portrait's do not."""
    result = eyes_open(source, driven)
    lips = BODY_SLICE.stop + np.array(INNER_LIPS)
    before, after = source[lips], driven[lips]
    ways = [_unit(points[4] - points[0]) for points in (before, after)]
    down = np.array([-ways[1][1], ways[1][0]])
    least = PARTED * float(np.linalg.norm(before[4] - before[0]))
    for upper, lower in zip(UPPER_LIP, LOWER_LIP, strict=True):
        own = float((before[lower] - before[upper]) @ [-ways[0][1], ways[0][0]])
        apart, wanted = after[lower] - after[upper], min(least, own)
        gap = float(apart @ down)
        if gap < wanted:
            beside = float((before[lower] - before[upper]) @ ways[0]) - float(apart @ ways[1])
            share = min(1.0, (wanted - gap) / max(wanted, TINY))  # which comes in smoothly
            move = (wanted - gap) / 2 * down + share * beside / 2 * ways[1]
            result[lips[upper]] -= move
            result[lips[lower]] += move
    return result


def _unit(way: np.ndarray) -> np.ndarray:
    """A vector [2] of length 1."""
    unit: np.ndarray = way / max(float(np.hypot(*way)), TINY)
    return unit


def _gap(eye: np.ndarray) -> float:
    """Opening of an eye [6, 2], pixels."""
    return float(np.linalg.norm(eye[[1, 2]] - eye[[5, 4]], axis=1).mean())


def _opening(inner: np.ndarray) -> float:
    """Opening of inner lips [8, 2], pixels."""
    return float(np.linalg.norm(inner[UPPER_LIP] - inner[LOWER_LIP], axis=1).mean())


def _mouth(patch: Patch, driven: np.ndarray, wide: np.ndarray) -> None:
    """Hide what a mouth shows that shuts, or show what is inside one that opens."""
    inner, before = (points[FACE_SLICE][list(INNER_LIPS)] for points in (driven, patch.layers.points))
    axes, size = Axes.of(inner[0], inner[4]), float(np.linalg.norm(before[4] - before[0]))
    places, local = axes.into(patch.places), axes.into(inner)
    gap, own = _opening(inner), _opening(before)
    if gap < own and own > OWN_OPEN * size:
        warped = axes.into(wide[FACE_SLICE][list(INNER_LIPS)])
        _shut(patch, axes, places, warped, (1 - gap / own, own, size))
    shown = smoothstep(np.array(((gap - own) / max(size, TINY) - MOUTH_OPEN) / MOUTH_RANGE))
    if shown > 0:
        _inside(patch, driven, axes, places, (local, float(shown)))


def _shut(
    patch: Patch, axes: Axes, places: np.ndarray, local: np.ndarray, measures: tuple[float, float, float]
) -> None:
    """Lips over the teeth of a mouth that shuts; ``measures``: share shut, opening and width in the portrait."""
    share, own, size = measures
    x, y = places[..., 0], places[..., 1]
    upper, lower = curve(local[UPPER_CURVE], x), curve(local[LOWER_CURVE], x)
    started = float(smoothstep(np.array((share - SHUT_FROM) / (1 - SHUT_FROM))))
    within = np.sqrt(np.clip(1 - (2 * x / axes.width) ** 2, 0, 1))  # thinner towards the corners
    beyond = min(SHUT_HALF * size, SHUT_MOST * own) * within
    middle, half = (upper + lower) / 2, (lower - upper) / 2
    off = y - middle
    # Between the lips' edges, and a little beyond, their own pixels come from further out.
    far, reach = started * (half + beyond), half + np.maximum(SHUT_REACH * beyond, TINY)
    pulled = np.sign(off) * (far + np.abs(off) * np.maximum(reach - far, 0) / reach)
    where = (np.abs(off) < reach) & (far > TINY)
    patch.blend(where.astype(float), patch.origin(axes.out_of(x, middle + pulled)))
    line = SEAM_MOST * np.exp(-((off / SEAM_HALF) ** 2) / 2) * where * started
    patch.colours[:] *= (1 - line * (1 - SEAM_DARK))[..., None].astype(np.float32)


def _inside(patch: Patch, driven: np.ndarray, axes: Axes, places: np.ndarray, lips: tuple[np.ndarray, float]) -> None:
    """Teeth and tongue between lips that open; ``lips``: inner ones in the mouth's axes, and the share that shows."""
    local, shown = lips
    x, y = places[..., 0], places[..., 1]
    upper, lower = curve(local[UPPER_CURVE], x), curve(local[LOWER_CURVE], x)
    bleeding = min(BLEED, BLEED_SHARE * _opening(patch.layers.points[FACE_SLICE][list(INNER_LIPS)]))
    share = np.clip(np.minimum(y - upper, lower + bleeding - y) + 0.5, 0, 1) * np.clip(lower - upper, 0, 1)
    share = share * np.clip(axes.width / 2 - np.abs(x) + 0.5, 0, 1) * shown
    where = np.nonzero(share > 0)
    if not len(where[0]):
        return
    source = patch.layers.points
    face, moved = source[FACE_SLICE], driven[FACE_SLICE]
    matrix = similarity(face[list(STABLE)], moved[list(STABLE)])[0]
    back = np.linalg.inv(matrix)
    base, new = face[NOSE_BASE].mean(0), moved[NOSE_BASE].mean(0)
    skull = (patch.places[where] - new) @ back.T + base  # pixels of the portrait, fixed to the skull
    own = Axes.of(face[36], face[45])
    pixels = own.width / EYES_APART  # of a millimetre, in the portrait
    rest = own.into(face[list(INNER_LIPS)])
    at = own.into(skull)
    middle = rest[[2, 6]].mean(0)[0]
    half = np.where(at[:, 0] < middle, middle - rest[0, 0], rest[4, 0] - middle)
    edge = rest[2, 1] + UPPER_SHOWN * pixels
    low = max(rest[6, 1] + LOWER_HIDDEN * pixels, edge)
    dropped = own.into((moved[CHIN] - new) @ back.T + base)[1] - own.into(face[CHIN])[1]
    scale = pixels * np.sqrt(abs(np.linalg.det(matrix)))  # of a millimetre, as it is drawn
    cavity = Cavity(
        (at[:, 0] - middle) / np.maximum(half, TINY) * MOUTH_HALF,
        (at[:, 1] - edge) / pixels,
        (at[:, 1] - low - dropped) / pixels,
        np.maximum((y - upper)[where], 0) / scale,
        np.maximum((lower - y)[where], 0) / scale,
        2 * np.abs(x[where]) / axes.width,
        axes.width / max(float(scale / pixels) * (rest[4, 0] - rest[0, 0]), TINY),
    )
    drawn = interior(cavity, float(scale), _light(patch.layers))
    kept, within = _own_inside(at, rest)
    drawn = drawn * (1 - kept[:, None]) + patch.from_portrait(own.out_of(at[:, 0], within)) * kept[:, None]
    patch.colours[where] += share[where][:, None].astype(np.float32) * (drawn - patch.colours[where])


def _own_inside(at: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the portrait itself shows what is at places [M, 2] fixed to the skull, [M], and at which height [M].

    Its own teeth go on upwards behind its upper lip.
    """
    upper, lower = curve(rest[UPPER_CURVE], at[:, 0]), curve(rest[LOWER_CURVE], at[:, 0])
    kept = np.clip(lower - 0.5 - at[:, 1], 0, 1) * smoothstep((lower - upper - OWN_LEAST) / OWN_RANGE)
    below = np.maximum(at[:, 1], upper + np.minimum(OWN_BELOW, (lower - upper) / 2))
    return kept * ((at[:, 0] > rest[0, 0]) & (at[:, 0] < rest[4, 0])), below


@lru_cache(maxsize=2)
def _light(layers: Layers) -> float:
    """Brightness of the cheeks, 0 to 1."""
    face = layers.points[FACE_SLICE]
    places = np.array([face[a] + share * (face[b] - face[a]) for a, b in CHEEKS for share in (0.4, 0.5, 0.6)])
    return float(np.median(bilinear(layers.colours[0], places) @ LUMA))
