"""Rotations in every representation the package needs, for NumPy arrays and torch tensors alike.

Conventions: matrices act on column vectors (``v' = R v``), quaternions are (w, x, y, z) with w >= 0
where unique, axis-angle vectors carry the angle in radians as their length, Euler angles are
intrinsic and named by their axes in order of application, ``"YXZ"`` meaning
``R = Ry(a) @ Rx(b) @ Rz(c)``, radians. All functions take any leading dimensions ``(..., n)``.

torch is never imported here: a tensor brings its own functions along.
"""

from __future__ import annotations

import sys
from typing import Any, overload

import numpy as np

from .arrays import Array

_EPS = 1e-8


def _xp(x: Any) -> Any:
    """The array module of x."""
    return np if isinstance(x, np.ndarray | np.generic) else sys.modules["torch"]


def _float(x: Any) -> Any:
    if isinstance(x, np.ndarray | np.generic | list | tuple | float | int):
        x = np.asarray(x)
        return x if x.dtype.kind == "f" else x.astype(np.float64)
    return x


def _norm(x: Any) -> Any:
    return _xp(x).sqrt((x * x).sum(-1)[..., None])


def _stack(parts: list[Any]) -> Any:
    return _xp(parts[0]).stack(parts, -1)


def _where(condition: Any, a: Any, b: Any) -> Any:
    return _xp(condition).where(condition, a, b)


def _clip(x: Any, low: float, high: float) -> Any:
    return np.clip(x, low, high) if _xp(x) is np else x.clamp(low, high)


def _cross(a: Any, b: Any) -> Any:
    return _stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ]
    )


def matrix_to_6d(matrix: Array) -> Array:
    """[..., 3, 3] -> [..., 6]: the first two columns, one after the other (Zhou et al. 2019)."""
    columns: Array = _xp(matrix).concatenate([matrix[..., :, 0], matrix[..., :, 1]], -1)
    return columns


def matrix_from_6d(sixd: Array) -> Array:
    """[..., 6] -> [..., 3, 3] by Gram-Schmidt (Zhou et al. 2019); any six numbers give a rotation."""
    a, b = sixd[..., :3], sixd[..., 3:]
    x = a / (_norm(a) + _EPS)
    b = b - (x * b).sum(-1)[..., None] * x
    y = b / (_norm(b) + _EPS)
    y = y - (x * y).sum(-1)[..., None] * x  # once more: what is left of nearly parallel vectors is rounding
    y = y / (_norm(y) + _EPS)
    matrix: Array = _stack([x, y, _cross(x, y)])
    return matrix


def quaternion_to_matrix(q: Array) -> Array:
    """[..., 4] (w, x, y, z), any length but zero -> [..., 3, 3]."""
    q = _float(q)
    q = q / _norm(q)
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    ]
    flat: Any = _stack(rows)
    result: Array = flat.reshape((*flat.shape[:-1], 3, 3))
    return result


def matrix_to_quaternion(matrix: Array) -> Array:
    """[..., 3, 3] -> [..., 4] (w, x, y, z), w >= 0; stable for every angle."""
    m = _float(matrix)
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    # Four candidates, each exact up to scale; take the one whose own component is largest.
    candidates = _stack(
        [
            _stack([1 + m00 + m11 + m22, a, b, c]),
            _stack([a, 1 + m00 - m11 - m22, d, e]),
            _stack([b, d, 1 - m00 + m11 - m22, f]),
            _stack([c, e, f, 1 - m00 - m11 + m22]),
        ]
    )  # [..., component, candidate]
    own = _stack([candidates[..., i, i] for i in range(4)])
    best = own.argmax(-1)
    if _xp(m) is np:
        q = np.take_along_axis(candidates, best[..., None, None], -1)[..., 0]
    else:
        index = best[..., None, None].expand(*best.shape, 4, 1)
        q = candidates.gather(-1, index)[..., 0]
    q = q / _norm(q)
    unique: Array = _where(q[..., :1] < 0, -q, q)
    return unique


def axis_angle_to_quaternion(vector: Array) -> Array:
    """[..., 3] radians -> [..., 4] (w, x, y, z)."""
    v = _float(vector)
    xp = _xp(v)
    angle = _norm(v)
    half = angle / 2
    # sin(a/2)/a, with its Taylor series near zero
    scale = _where(angle > 1e-4, xp.sin(half) / (angle + (angle == 0)), 0.5 - angle * angle / 48)
    q: Array = xp.concatenate([xp.cos(half), v * scale], -1)
    return q


def quaternion_to_axis_angle(q: Array) -> Array:
    """[..., 4] -> [..., 3] radians, length in [0, pi]."""
    q = _float(q)
    xp = _xp(q)
    q = q / _norm(q)
    q = _where(q[..., :1] < 0, -q, q)
    v = q[..., 1:]
    sine = _norm(v)
    arctan2 = xp.arctan2 if xp is np else xp.atan2
    angle: Array = 2 * arctan2(sine, q[..., :1])
    scale = _where(sine > 1e-6, angle / (sine + (sine == 0)), 2.0 + sine * sine / 3)
    vector: Array = v * scale
    return vector


def axis_angle_to_matrix(vector: Array) -> Array:
    """[..., 3] radians -> [..., 3, 3]."""
    return quaternion_to_matrix(axis_angle_to_quaternion(vector))


def matrix_to_axis_angle(matrix: Array) -> Array:
    """[..., 3, 3] -> [..., 3] radians, length in [0, pi]."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


@overload
def axis_rotation(axis: str, angle: float) -> np.ndarray: ...
@overload
def axis_rotation(axis: str, angle: Array) -> Array: ...
def axis_rotation(axis: str, angle: Any) -> Any:
    """Rotation about "X", "Y" or "Z" by ``angle`` [...] radians -> [..., 3, 3]."""
    a = _float(angle)
    xp = _xp(a)
    c, s = xp.cos(a), xp.sin(a)
    one, zero = xp.ones_like(c), xp.zeros_like(c)
    flat = {
        "X": [one, zero, zero, zero, c, -s, zero, s, c],
        "Y": [c, zero, s, zero, one, zero, -s, zero, c],
        "Z": [c, -s, zero, s, c, zero, zero, zero, one],
    }[axis.upper()]
    stacked = _stack(flat)
    return stacked.reshape((*stacked.shape[:-1], 3, 3))


def euler_to_matrix(angles: Array, order: str) -> Array:
    """[..., n] radians and n axis letters -> [..., 3, 3]; ``order="YXZ"`` is Ry(a) Rx(b) Rz(c)."""
    a = _float(angles)
    matrix: Array = axis_rotation(order[0], a[..., 0])
    for i, axis in enumerate(order[1:], start=1):
        matrix = matrix @ axis_rotation(axis, a[..., i])
    return matrix


def matrix_to_euler(matrix: np.ndarray, order: str) -> np.ndarray:
    """[..., 3, 3] -> [..., 3] radians for one of the six orders of three different axes.

    At the gimbal lock (middle angle +-90 degrees) the last angle is set to zero.
    """
    m = np.asarray(matrix, dtype=np.float64)
    i, j, k = ("XYZ".index(axis) for axis in order.upper())
    sign = 1.0 if (i, j, k) in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1.0
    sine = np.clip(sign * m[..., i, k], -1.0, 1.0)
    middle = np.arcsin(sine)
    locked = np.abs(sine) > 1 - 1e-12
    first = np.where(
        locked, np.arctan2(sign * m[..., k, j], m[..., j, j]), np.arctan2(-sign * m[..., j, k], m[..., k, k])
    )
    last = np.where(locked, 0.0, np.arctan2(-sign * m[..., i, j], m[..., i, i]))
    return np.stack([first, middle, last], -1)


def transpose(matrix: Array) -> Array:
    """The inverse rotation, [..., 3, 3]."""
    xp = _xp(matrix)
    swap = xp.swapaxes if xp is np else xp.transpose
    turned: Array = swap(matrix, -1, -2)
    return turned


def geodesic(a: Array, b: Array) -> Array:
    """Angle between rotations [..., 3, 3] -> [...] radians in [0, pi].

    Computed from the chord, 2 asin(|A - B| / (2 sqrt 2)), which keeps its precision at small angles
    where the usual arccos of the trace loses half of the digits.
    """
    d = a - b
    xp = _xp(d)
    chord = xp.sqrt((d * d).sum(-1).sum(-1)) / (2 * 2**0.5)
    angle: Array = 2 * (np.arcsin if xp is np else xp.asin)(_clip(chord, 0.0, 1.0))
    return angle


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """Spherical interpolation of quaternions [..., 4] by t [...] in [0, 1], along the short way."""
    a, b = _float(a), _float(b)
    dot = (a * b).sum(-1)[..., None]
    b = _where(dot < 0, -b, b)
    dot = np.clip(np.abs(dot), 0.0, 1.0)
    t = np.asarray(t)[..., None]
    angle = np.arccos(dot)
    sine = np.sin(angle)
    near = sine < 1e-6
    safe = np.where(near, 1.0, sine)
    wa = np.where(near, 1 - t, np.sin((1 - t) * angle) / safe)
    wb = np.where(near, t, np.sin(t * angle) / safe)
    q = wa * a + wb * b
    unit: np.ndarray = q / _norm(q)
    return unit


def align_vectors(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The smallest rotation that turns direction ``source`` [..., 3] to ``target`` [..., 3]."""
    s, t = _float(source), _float(target)
    s, t = np.broadcast_arrays(s, t)
    s, t = s / _norm(s), t / _norm(t)
    w = 1 + (s * t).sum(-1)[..., None]
    v = np.cross(s, t)
    # Opposite directions: any axis square to the source will do.
    helper = np.where(np.abs(s[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    v = np.where(w < 1e-13, np.cross(s, helper), v)
    return quaternion_to_matrix(np.concatenate([np.where(w < 1e-13, 0.0, w), v], -1))
