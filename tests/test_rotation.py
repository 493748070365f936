"""Rotations: group axioms, round trips, scipy as the reference, NumPy and torch alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cospeech.core import rotation as R

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
settings.register_profile("rotation", max_examples=60, deadline=None)
settings.load_profile("rotation")

finite = st.floats(-1.0, 1.0, allow_nan=False, width=64)


@st.composite
def quaternions(draw):
    q = np.array([draw(finite) for _ in range(4)])
    norm = np.linalg.norm(q)
    return q / norm if norm > 1e-3 else np.array([1.0, 0.0, 0.0, 0.0])


@st.composite
def vectors(draw, longest: float = np.pi - 1e-3):
    v = np.array([draw(finite) for _ in range(3)])
    norm = np.linalg.norm(v)
    return v * (min(norm, 1.0) * longest / norm) if norm > 0 else v


def random_matrices(count: int, seed: int = 0) -> np.ndarray:
    return Rotation.random(count, random_state=seed).as_matrix()


@given(quaternions(), quaternions(), quaternions())
def test_group_axioms(a, b, c):
    x, y, z = (R.quaternion_to_matrix(q) for q in (a, b, c))
    np.testing.assert_allclose((x @ y) @ z, x @ (y @ z), atol=1e-12)
    np.testing.assert_allclose(x @ R.transpose(x), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(x @ y), 1.0, atol=1e-12)


@given(quaternions())
def test_quaternion_round_trip_and_scipy(q):
    matrix = R.quaternion_to_matrix(q)
    np.testing.assert_allclose(matrix, Rotation.from_quat(q[[1, 2, 3, 0]]).as_matrix(), atol=1e-12)
    back = R.matrix_to_quaternion(matrix)
    assert back[0] >= 0
    assert min(np.abs(back - q).max(), np.abs(back + q).max()) < 1e-9


@given(vectors())
def test_axis_angle_round_trip_and_scipy(v):
    matrix = R.axis_angle_to_matrix(v)
    np.testing.assert_allclose(matrix, Rotation.from_rotvec(v).as_matrix(), atol=1e-9)
    np.testing.assert_allclose(R.matrix_to_axis_angle(matrix), v, atol=1e-6)


@pytest.mark.parametrize("length", [0.0, 1e-12, 1e-8, 1e-5, 1e-4, 1e-3, np.pi - 1e-9, np.pi])
def test_axis_angle_at_its_ends(length):
    v = np.array([0.6, -0.8, 0.0]) * length
    matrix = R.axis_angle_to_matrix(v)
    np.testing.assert_allclose(matrix, Rotation.from_rotvec(v).as_matrix(), atol=1e-12)
    back = R.matrix_to_axis_angle(matrix)
    np.testing.assert_allclose(R.axis_angle_to_matrix(back), matrix, atol=1e-7)
    assert np.linalg.norm(back) <= np.pi + 1e-12


@given(vectors(longest=9.0))
def test_axis_angle_beyond_half_a_turn(v):
    np.testing.assert_allclose(R.axis_angle_to_matrix(v), Rotation.from_rotvec(v).as_matrix(), atol=1e-9)


def test_half_turns_give_quaternions():
    for axis in np.eye(3):
        matrix = Rotation.from_rotvec(axis * np.pi).as_matrix()
        np.testing.assert_allclose(np.abs(R.matrix_to_quaternion(matrix)[1:]), axis, atol=1e-9)


@given(quaternions())
def test_sixd_round_trip(q):
    matrix = R.quaternion_to_matrix(q)
    sixd = R.matrix_to_6d(matrix)
    assert sixd.shape == (6,)
    np.testing.assert_allclose(R.matrix_from_6d(sixd), matrix, atol=1e-7)


def test_any_six_numbers_give_a_rotation():
    matrix = R.matrix_from_6d(np.random.default_rng(1).normal(size=(500, 6)))
    np.testing.assert_allclose(matrix @ R.transpose(matrix), np.broadcast_to(np.eye(3), (500, 3, 3)), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(matrix), 1.0, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_euler_round_trip_and_scipy(order):
    angles = np.random.default_rng(2).uniform(-1, 1, (300, 3)) * [np.pi, np.pi / 2 - 1e-3, np.pi]
    matrix = R.euler_to_matrix(angles, order)
    np.testing.assert_allclose(matrix, Rotation.from_euler(order, angles).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(R.matrix_to_euler(matrix, order), angles, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("middle", [np.pi / 2, -np.pi / 2])
def test_euler_at_the_gimbal_lock(order, middle):
    matrix = R.euler_to_matrix(np.array([0.7, middle, -0.4]), order)
    angles = R.matrix_to_euler(matrix, order)
    assert angles[2] == 0.0
    np.testing.assert_allclose(R.euler_to_matrix(angles, order), matrix, atol=1e-9)


def test_euler_of_one_and_two_axes():
    np.testing.assert_allclose(R.euler_to_matrix(np.array([0.3]), "Y"), R.axis_rotation("Y", 0.3), atol=1e-15)
    both = R.axis_rotation("Z", 0.3) @ R.axis_rotation("X", 0.4)
    np.testing.assert_allclose(R.euler_to_matrix(np.array([0.3, 0.4]), "ZX"), both, atol=1e-15)


@given(quaternions(), quaternions(), quaternions())
def test_geodesic_is_a_metric(a, b, c):
    x, y, z = (R.quaternion_to_matrix(q) for q in (a, b, c))
    d = R.geodesic
    assert d(x, x) == 0
    assert abs(d(x, y) - d(y, x)) < 1e-12
    assert d(x, z) <= d(x, y) + d(y, z) + 1e-9
    assert abs(d(z @ x, z @ y) - d(x, y)) < 1e-6


def test_geodesic_against_scipy_and_small_angles():
    x, y = random_matrices(200, 1), random_matrices(200, 2)
    expected = (Rotation.from_matrix(x).inv() * Rotation.from_matrix(y)).magnitude()
    np.testing.assert_allclose(R.geodesic(x, y), expected, atol=1e-6)
    tiny = R.axis_rotation("X", 1e-7)
    assert R.geodesic(np.eye(3), tiny) == pytest.approx(1e-7, rel=1e-6)


@given(quaternions(), quaternions(), st.floats(0, 1))
def test_slerp_divides_the_angle(a, b, t):
    middle = R.quaternion_to_matrix(R.slerp(a, b, t))
    whole = R.geodesic(R.quaternion_to_matrix(a), R.quaternion_to_matrix(b))
    assert R.geodesic(R.quaternion_to_matrix(a), middle) == pytest.approx(whole * t, abs=1e-5)
    assert R.geodesic(middle, R.quaternion_to_matrix(b)) == pytest.approx(whole * (1 - t), abs=1e-5)


def test_slerp_ends_and_short_way():
    q = R.matrix_to_quaternion(random_matrices(50))
    np.testing.assert_allclose(R.slerp(q, -q, np.full(50, 0.5)), q, atol=1e-9)
    other = R.matrix_to_quaternion(random_matrices(50, 3))
    np.testing.assert_allclose(R.slerp(q, other, np.zeros(50)), q, atol=1e-9)
    ends = R.slerp(q, other, np.ones(50))
    np.testing.assert_allclose(R.quaternion_to_matrix(ends), R.quaternion_to_matrix(other), atol=1e-9)


@given(vectors(), vectors())
def test_align_vectors(a, b):
    if np.linalg.norm(a) < 1e-3 or np.linalg.norm(b) < 1e-3:
        return
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    turn = R.align_vectors(a, b)
    np.testing.assert_allclose(turn @ a, b, atol=1e-6)
    angle = np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)
    assert R.geodesic(np.eye(3), turn) == pytest.approx(angle, abs=1e-5)  # the smallest one


@pytest.mark.parametrize("axis", range(3))
def test_align_opposite_vectors(axis):
    a = np.eye(3)[axis]
    turn = R.align_vectors(a, -a)
    np.testing.assert_allclose(turn @ a, -a, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turn), 1.0, atol=1e-9)


def test_leading_dimensions_and_types():
    matrix = random_matrices(24).reshape(2, 3, 4, 3, 3)
    assert R.matrix_to_quaternion(matrix).shape == (2, 3, 4, 4)
    assert R.matrix_to_6d(matrix).shape == (2, 3, 4, 6)
    assert R.matrix_to_euler(matrix, "YXZ").shape == (2, 3, 4, 3)
    assert R.matrix_to_axis_angle(matrix).shape == (2, 3, 4, 3)
    assert R.geodesic(matrix, matrix).shape == (2, 3, 4)
    assert R.matrix_from_6d(R.matrix_to_6d(matrix.astype(np.float32))).dtype == np.float32
    assert R.quaternion_to_matrix(np.array([1, 0, 0, 0])).dtype == np.float64


def test_torch_gives_what_numpy_gives():
    torch = pytest.importorskip("torch")
    matrix = random_matrices(64)
    vector = Rotation.from_matrix(matrix).as_rotvec()
    for name, value in (
        ("matrix_to_6d", matrix),
        ("matrix_to_quaternion", matrix),
        ("matrix_to_axis_angle", matrix),
        ("axis_angle_to_matrix", vector),
        ("axis_angle_to_quaternion", vector),
        ("transpose", matrix),
    ):
        function = getattr(R, name)
        np.testing.assert_allclose(function(torch.from_numpy(value)).numpy(), function(value), atol=1e-12)
    sixd = R.matrix_to_6d(matrix) + 0.1
    np.testing.assert_allclose(R.matrix_from_6d(torch.from_numpy(sixd)).numpy(), R.matrix_from_6d(sixd), atol=1e-12)
    a, b = torch.from_numpy(matrix[:32]), torch.from_numpy(matrix[32:])
    np.testing.assert_allclose(R.geodesic(a, b).numpy(), R.geodesic(matrix[:32], matrix[32:]), atol=1e-12)
    angles = torch.from_numpy(vector)
    np.testing.assert_allclose(R.euler_to_matrix(angles, "ZXY").numpy(), R.euler_to_matrix(vector, "ZXY"), atol=1e-12)


def test_torch_gradients_are_finite():
    torch = pytest.importorskip("torch")
    sixd = torch.randn(20, 6, dtype=torch.float64, requires_grad=True)
    R.matrix_from_6d(sixd).sum().backward()
    assert torch.isfinite(sixd.grad).all()


def test_rotation_imports_no_torch():
    import subprocess
    import sys

    code = "import cospeech.core.rotation, cospeech.motion.formats, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_nearly_parallel_six_numbers_still_give_a_rotation():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(500, 3)).astype(np.float32)
    second = first + rng.normal(size=(500, 3)).astype(np.float32) * 0.01
    matrix = R.matrix_from_6d(np.concatenate([first, second], -1)).astype(np.float64)
    product = matrix @ matrix.swapaxes(-1, -2)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=2e-6)
