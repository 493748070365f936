"""SMPL-X npz: the field's own file byte for byte, edits that keep the rest, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from zipfile import ZipFile

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix, axis_rotation, geodesic
from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.formats.smplx import PELVIS, load_smplx, save_smplx
from cospeech.motion.motion import Motion
from cospeech.motion.retarget import to_rig
from cospeech.motion.skeleton import CANONICAL_NAMES
from format_data import canonical_motion, shared_file

BEAT2 = "beat2/2_scott_0_1_1.npz"
LAYOUT = {
    "betas": ("float32", (300,)),
    "poses": ("float32", (7, 165)),
    "expressions": ("float64", (7, 100)),
    "trans": ("float64", (7, 3)),
    "model": ("<U9", ()),
    "gender": ("<U7", ()),
    "mocap_frame_rate": ("int32", ()),
}


def small(tmp_path, **changes):
    rng = np.random.default_rng(0)
    arrays = {
        "betas": rng.normal(size=300).astype(np.float32),
        "poses": rng.normal(size=(7, 165)).astype(np.float32),
        "expressions": rng.normal(size=(7, 100)),
        "trans": rng.normal(size=(7, 3)),
        "model": np.array("smplx2020"),
        "gender": np.array("neutral"),
        "mocap_frame_rate": np.array(30, np.int32),
    }
    arrays.update(changes)
    path = tmp_path / "small.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def test_the_fields_own_file_comes_back_byte_for_byte(tmp_path):
    path = shared_file(BEAT2)
    motion = load_motion(path)
    assert motion.fps == 30.0
    assert motion.frames == 1440
    assert motion.skeleton.names == CANONICAL_NAMES
    save_motion(motion, tmp_path / "again.npz")
    with ZipFile(path) as first, ZipFile(tmp_path / "again.npz") as second:
        assert first.namelist() == second.namelist()
        assert all(first.read(name) == second.read(name) for name in first.namelist())
        same_zip = first.infolist()[0].extract_version == second.infolist()[0].extract_version
    # Pythons differ in what their zipfile says of itself; with the one that the corpus was written with, all is equal.
    if same_zip:
        assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_what_the_numbers_mean():
    path = shared_file(BEAT2)
    motion = load_motion(path)
    with np.load(path) as file:
        poses, trans = file["poses"].reshape(-1, 55, 3), file["trans"]
    np.testing.assert_allclose(motion.rotations, axis_angle_to_matrix(poses.astype(np.float64)), atol=1e-6)
    np.testing.assert_allclose(motion.translation, trans + PELVIS, atol=1e-6)
    height = motion.positions[:, CANONICAL_NAMES.index("head"), 1]
    assert 1.4 < height.mean() < 1.7  # a standing person, y up
    ankles = motion.positions[:, [7, 8], 1]
    assert 0.05 < np.percentile(ankles, 1) < 0.12  # on the floor


def test_any_numbers_survive_bit_for_bit(tmp_path):
    path = small(tmp_path, poses=(np.random.default_rng(1).normal(size=(7, 165)) * 3).astype(np.float32))
    save_smplx(load_smplx(path), tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_cut_and_edit_keep_the_rest_bit_equal(tmp_path):
    path = small(tmp_path)
    motion = load_smplx(path)
    rotations = motion.rotations.copy()
    rotations[3, 16] = rotations[3, 16] @ axis_rotation("X", 0.5)
    edited = replace(motion, rotations=rotations)[2:6]
    save_smplx(edited, tmp_path / "again.npz")
    with np.load(path) as a, np.load(tmp_path / "again.npz") as b:
        old, new = a["poses"].reshape(7, 55, 3)[2:6], b["poses"].reshape(4, 55, 3)
        same = (old == new).all(-1)
        assert not same[1, 16]
        assert same.sum() == same.size - 1
        np.testing.assert_array_equal(b["expressions"], a["expressions"][2:6])
        np.testing.assert_array_equal(b["trans"], a["trans"][2:6])
        np.testing.assert_array_equal(b["betas"], a["betas"])
    again = load_smplx(tmp_path / "again.npz")
    assert geodesic(again.rotations.astype(float), edited.rotations.astype(float)).max() < 1e-5


def test_generated_motion_has_the_layout_of_the_field(tmp_path):
    motion = canonical_motion(7, face=False)
    save_motion(motion, tmp_path / "made.npz")
    with np.load(tmp_path / "made.npz") as file:
        assert {
            key: (file[key].dtype.str.lstrip("<") if file[key].dtype.kind != "U" else file[key].dtype.str)
            for key in file.files
        }.keys() == LAYOUT.keys()
        assert list(file.files) == list(LAYOUT)
        for key, (dtype, shape) in LAYOUT.items():
            assert file[key].dtype == np.dtype(dtype), key
            assert file[key].shape == shape, key
        assert not file["betas"].any()
        assert not file["expressions"].any()
        assert str(file["gender"]) == "neutral"
    again = load_motion(tmp_path / "made.npz")
    assert geodesic(again.rotations.astype(float), motion.rotations.astype(float)).max() < 1e-5
    np.testing.assert_allclose(again.translation, motion.translation, atol=1e-6)


def test_a_face_is_kept_beside_the_parameters(tmp_path):
    """And what reads SMPL-X finds the other arrays as before."""
    motion = canonical_motion(7)
    first = save_motion(motion, tmp_path / "a.npz")
    with np.load(first) as file:
        assert list(file.files) == [*LAYOUT, "arkit_face"]
        assert file["arkit_face"].dtype == np.float32
    again = load_motion(first)
    np.testing.assert_array_equal(again.face, motion.face)
    assert save_motion(again, tmp_path / "b.npz").read_bytes() == first.read_bytes()
    save_motion(again.with_face(None), tmp_path / "c.npz")
    assert load_motion(tmp_path / "c.npz").face is None


@pytest.mark.parametrize(
    ("face", "problem"),
    [(np.zeros((3, 52)), r"must be \(7, 52\); got \(3, 52\)"), (np.full((7, 52), np.nan), "finite numbers")],
)
def test_a_broken_face_is_refused(tmp_path, face, problem):
    with np.load(save_motion(canonical_motion(7), tmp_path / "a.npz")) as file:
        arrays = dict(file)
    np.savez(tmp_path / "b.npz", **{**arrays, "arkit_face": face})
    with pytest.raises(UserError, match=f"arkit_face {problem}|arkit_face must hold {problem}"):
        load_motion(tmp_path / "b.npz")


def test_other_rigs_are_retargeted(tmp_path):
    motion = canonical_motion(7, face=False)
    save_motion(to_rig(motion, "mixamo"), tmp_path / "made.npz")
    again = load_motion(tmp_path / "made.npz")
    np.testing.assert_allclose(again.positions[:, :22], motion.positions[:, :22], atol=1e-4)


def test_other_rates_and_joined_motions(tmp_path):
    motion = load_smplx(small(tmp_path)).resample(60)
    save_smplx(motion, tmp_path / "again.npz")
    again = load_smplx(tmp_path / "again.npz")
    assert again.fps == 60.0
    np.testing.assert_allclose(again.positions, motion.positions, atol=1e-4)
    save_smplx(replace(motion, fps=29.97), tmp_path / "film.npz")
    assert load_smplx(tmp_path / "film.npz").fps == pytest.approx(29.97)


def test_amass_is_z_up_and_spells_its_rate_otherwise(tmp_path):
    still = np.zeros((7, 165), np.float32)
    still[:, 0] = np.pi / 2  # standing in a z-up world
    path = small(tmp_path, poses=still, mocap_frame_rate=None, mocap_framerate=np.array(120.0))
    motion = load_smplx(path)
    assert motion.fps == 120.0
    np.testing.assert_allclose(motion.rotations[:, 0], np.broadcast_to(np.eye(3), (7, 3, 3)), atol=1e-6)
    save_smplx(motion, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    assert load_smplx(path, up="y").rotations[0, 0, 2, 1] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"poses": None}, "no array 'poses'"),
        ({"trans": None}, "no array 'trans'"),
        ({"poses": np.zeros((7, 75))}, r"poses must be \(T, 165\)"),
        ({"poses": np.zeros((0, 165)), "trans": np.zeros((0, 3))}, "T > 0"),
        ({"trans": np.zeros((6, 3))}, "poses must be"),
        ({"trans": np.full((7, 3), np.nan)}, "trans must hold finite numbers"),
        ({"poses": np.full((7, 165), "a")}, "poses must hold finite numbers"),
        ({"mocap_frame_rate": np.array(0)}, "mocap_frame_rate must be a positive number"),
        ({"mocap_frame_rate": np.array("fast")}, "mocap_frame_rate must be a positive number"),
        ({"gender": np.array({"a": 1}, dtype=object)}, "pickled Python objects"),
        ({"poses": np.array([None] * 7)}, "pickled Python objects"),
    ],
)
def test_broken_files(tmp_path, changes, problem):
    with pytest.raises(UserError, match=problem) as caught:
        load_smplx(small(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_no_pickle_is_ever_run(tmp_path):
    import pickle

    class Bomb:
        def __reduce__(self):
            return (exec, ("raise SystemExit('ran')",))

    path = tmp_path / "bomb.npz"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="refused"):
        load_motion(path)
    np.savez(path, poses=np.array([Bomb()], dtype=object), trans=np.zeros((1, 3)))
    with pytest.raises(UserError, match="refused"):
        load_motion(path)


def test_a_plain_array_is_no_npz(tmp_path):
    path = tmp_path / "a.npz"
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match="a single array"):
        load_motion(path)


def test_motion_of_a_single_frame(tmp_path):
    motion = canonical_motion(1)
    assert isinstance(load_motion(save_motion(motion, tmp_path / "a.npz")), Motion)
