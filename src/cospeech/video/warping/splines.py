"""Thin-plate splines: smooth maps of the picture plane that take points to points.

Contextual Gesture, appendix J, equations 11 to 15 (after Zhao & Zhang, CVPR 2022): of all maps with
T(P^D_i) = P^S_i the one with the least bending, T(p) = A [p; 1] + sum_i w_i U(||P^D_i - p||),
U(r) = r^2 log r^2. It is a backward map: from a place in the driven picture to the place in the source
that it comes from. A ridge of 0.01 on K, as public code has it, keeps near points from folding the plate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RIDGE = 0.01  # in units where the picture is 2 wide


@dataclass(frozen=True, eq=False)
class Spline:
    """A batch of maps with the same number of control points. Coordinates: the picture is -1 .. 1."""

    control: np.ndarray  # [..., N, 2] of the driven picture
    weights: np.ndarray  # [..., N + 3, 2]: w, then the affine part for 1, x, y

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Where places [..., M, 2] of the driven picture come from, [..., M, 2]."""
        return basis(places, self.control) @ self.weights


def radial(squared: np.ndarray) -> np.ndarray:
    """U of squared distances: r^2 log r^2, 0 at 0 (equation 14)."""
    result: np.ndarray = squared * np.log(np.maximum(squared, 1e-12))
    return result


def basis(places: np.ndarray, control: np.ndarray) -> np.ndarray:
    """[..., M, N + 3]: U of every distance, then 1, x, y."""
    x, y = (places[..., :, None, k] - control[..., None, :, k] for k in (0, 1))
    squared = x * x + y * y
    ones = np.ones((*squared.shape[:-1], 1), squared.dtype)
    flat = np.broadcast_to(places, (*squared.shape[:-1], 2))
    return np.concatenate([radial(squared), ones, flat], axis=-1)


def fit_spline(driven: np.ndarray, source: np.ndarray, *, ridge: float = RIDGE) -> Spline:
    """Fit the map with T(driven) = source, approximately for a ridge above 0.

    Args:
        driven, source: [..., N, 2] in the picture's -1 .. 1, N from 3 on; float64 is recommended.
        ridge: added to the diagonal of K (equation 15).
    Raises:
        ValueError: shapes differ, or fewer than three points.
    """
    if driven.shape != source.shape or driven.shape[-2] < 3 or driven.shape[-1] != 2:
        raise ValueError(f"two sets of three points or more; got {driven.shape} and {source.shape}")
    count = driven.shape[-2]
    rows = basis(driven, driven)  # [..., N, N + 3]
    system = np.zeros((*driven.shape[:-2], count + 3, count + 3))
    system[..., :count, :] = rows
    system[..., :count, :count] += ridge * np.eye(count)
    system[..., count:, :count] = np.swapaxes(rows[..., count:], -1, -2)
    # Points on one line leave the affine part open across it: the smallest answer is taken there.
    system[..., count:, count:] -= 1e-9 * np.eye(3)
    wanted = np.zeros((*driven.shape[:-2], count + 3, 2))
    wanted[..., :count, :] = source
    return Spline(driven, np.linalg.solve(system, wanted))
