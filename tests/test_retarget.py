"""Retargeting: limbs keep their directions whatever the rest poses; tables; floors; the way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix, axis_rotation, geodesic, transpose
from cospeech.motion.formats import load_motion
from cospeech.motion.formats.bvh import load_bvh
from cospeech.motion.kinematics import global_rotations, local_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.retarget import detect_table, known_tables, limb_directions, rest_at, retarget, to_rig
from cospeech.motion.rig_binding import LIMBS, bind
from cospeech.motion.rigs import RIGS, spread
from cospeech.motion.skeleton import CANONICAL_NAMES, Skeleton, canonical_skeleton
from format_data import SHARED, beat_rig, canonical_motion, ebmdb_clips, reposed, shared_file, smooth_rotations


def worst_angle(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """Largest angle in degrees between limbs of the same name."""
    assert set(a) <= set(b)
    chord = max(np.linalg.norm(a[name] - b[name], axis=-1).max() for name in a)
    return float(np.degrees(2 * np.arcsin(chord / 2)))


def moving(skeleton: Skeleton, frames: int = 30, seed: int = 0, angle: float = 0.5) -> Motion:
    translation = np.tile(skeleton.offsets[0], (frames, 1))
    return Motion(skeleton, 30.0, smooth_rotations(frames, len(skeleton), seed=seed, angle=angle), translation)


def test_corpus_limbs_keep_their_directions(tmp_path):
    for path in ebmdb_clips(tmp_path, every=100):
        source = load_bvh(path)
        assert detect_table(source.skeleton) == "ebmdb"
        result = retarget(source, table="ebmdb")
        assert result.skeleton == canonical_skeleton()
        assert result.frames == source.frames
        before, after = limb_directions(source, "ebmdb"), limb_directions(result, "canonical")
        assert len(before) == 12
        assert worst_angle(before, after) < 0.01  # a degree is promised
        # The tree gives fingers, jaw and eyes no source: they rest.
        np.testing.assert_array_equal(result.rotations[:, 22:], np.broadcast_to(np.eye(3), (len(result), 33, 3, 3)))


def test_palms_of_hanging_arms_face_the_thighs():
    """EBMDB rests with hanging arms; the same pose on the canonical T-pose body must turn the palms in."""
    trunk = ("Hips", "Chest", "Chest2", "Chest3", "Chest4", "Neck", "Head")
    arm = ("Collar", "Shoulder", "Elbow", "Wrist")
    lengths = [[0, 1, 0], *([[0, 0.1, 0]] * 4), [0, 0.14, 0], [0, 0.09, 0]]
    for x in (1, -1):
        lengths += [[0.03 * x, 0.1, 0], [0.13 * x, 0, 0], [0, -0.3, 0], [0, -0.25, 0]]
    skeleton = Skeleton(
        (*trunk, *("Left" + part for part in arm), *("Right" + part for part in arm)),
        (-1, 0, 1, 2, 3, 4, 5, 4, 7, 8, 9, 4, 11, 12, 13),
        np.array(lengths),
    )
    still = Motion(skeleton, 30.0, np.tile(np.eye(3), (1, 15, 1, 1)), skeleton.offsets[:1])
    result = retarget(still, table="ebmdb")
    world = global_rotations(result.rotations.astype(float), result.skeleton.parents)[0]
    palm_down = np.array([0.0, -1.0, 0.0])
    left, right = (world[result.skeleton.index(f"{side}_wrist")] @ palm_down for side in ("left", "right"))
    np.testing.assert_allclose(left, [-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(right, [1, 0, 0], atol=1e-6)
    thumb = (
        result.positions[0, result.skeleton.index("left_thumb1")]
        - result.positions[0, result.skeleton.index("left_wrist")]
    )
    assert thumb[2] > 0.02  # thumbs to the front


@pytest.mark.parametrize(
    "turns",
    [
        {},
        {"LeftArm": (0, 0, -80), "RightArm": (0, 0, 80)},
        {"LeftArm": (0, 0, -45), "RightArm": (0, 0, 45), "LeftForeArm": (0, -20, 0)},
        {"LeftUpLeg": (0, 0, 8), "RightUpLeg": (0, 0, -8)},
        {"Hips": (0, 90, 0)},
        {"Hips": (0, 180, 0), "LeftArm": (0, 0, -70)},
        {"Hips": (-90, 0, 0)},
    ],
    ids=["T-pose", "hanging", "A-pose", "straddled", "sideways", "backwards", "lying"],
)
def test_any_rest_pose(turns):
    """The same performance on rigs of other rest poses gives the same canonical motion."""
    rig = beat_rig()
    assert detect_table(rig) == "beat"
    performance = moving(rig)
    world = global_rotations(performance.rotations.astype(float), rig.parents)
    other = reposed(rig, turns)
    # What the other rig's joints must do to look the same: world rotations against its own rest.
    local = np.tile(np.eye(3), (len(rig), 1, 1))
    for name, vector in turns.items():
        local[rig.index(name)] = axis_angle_to_matrix(np.radians(np.array(vector, dtype=float)))
    rest = global_rotations(local, rig.parents)
    same = replace(performance, skeleton=other, rotations=local_rotations(world @ transpose(rest), rig.parents))
    np.testing.assert_allclose(same.positions, performance.positions, atol=1e-4)
    expected, result = retarget(performance), retarget(same)
    assert worst_angle(limb_directions(performance), limb_directions(expected)) < 0.01
    assert worst_angle(limb_directions(same), limb_directions(result)) < 0.01
    # Hands have knuckles here, so their whole orientation is known; so is the trunk's.
    a, b = (global_rotations(m.rotations.astype(float), m.skeleton.parents) for m in (expected, result))
    for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "left_wrist", "right_wrist"):
        joint = CANONICAL_NAMES.index(name)
        assert geodesic(a[:, joint], b[:, joint]).max() < np.radians(0.1)
    # Feet are taken to stand flat in rest, which straddled ones do not; else all is the same.
    atol = 0.03 if "LeftUpLeg" in turns else 2e-3
    np.testing.assert_allclose(expected.positions[:, :22], result.positions[:, :22], atol=atol)


def test_fingers_follow():
    rig = beat_rig()
    source = moving(rig, seed=3)
    result = retarget(source)
    for finger, label in (("index", "Index"), ("pinky", "Pinky"), ("thumb", "Thumb")):
        for k in (1, 2):
            a = source.positions[:, rig.index(f"LeftHand{label}{k + 1}")]
            a = a - source.positions[:, rig.index(f"LeftHand{label}{k}")]
            b = result.positions[:, CANONICAL_NAMES.index(f"left_{finger}{k + 1}")]
            b = b - result.positions[:, CANONICAL_NAMES.index(f"left_{finger}{k}")]
            cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
            assert cosine.min() > np.cos(np.radians(0.1))


def test_neck_of_two_bones_is_averaged():
    rig = beat_rig()
    still = moving(rig, frames=2, angle=0.0)
    rotations = still.rotations.copy()
    rotations[:, rig.index("Neck1")] = axis_rotation("Y", np.radians(40.0))
    world = global_rotations(
        retarget(replace(still, rotations=rotations)).rotations.astype(float), canonical_skeleton().parents
    )
    neck, head = world[0, CANONICAL_NAMES.index("neck")], world[0, CANONICAL_NAMES.index("head")]
    assert geodesic(neck, axis_rotation("Y", np.radians(20.0))) < 1e-3
    assert geodesic(head, axis_rotation("Y", np.radians(40.0))) < 1e-3


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_spines_of_any_number_of_bones(count):
    """However many bones the rig's spine has, the chest ends up with the same orientation."""
    bones = [f"spine_{i + 1:02d}" for i in range(count)]
    names, parents = ["pelvis", *bones, "neck_01", "head"], [*range(-1, count), count, count + 1]
    lengths = [[0, 0.9, 0], *([[0, 0.5 / count, 0]] * count), [0, 0.2, 0], [0, 0.1, 0]]
    for side, x in (("l", 1), ("r", -1)):
        parents += [count, *range(len(names), len(names) + 3)]
        names += [f"{part}_{side}" for part in ("clavicle", "upperarm", "lowerarm", "hand")]
        lengths += [[0.03 * x, 0.1, 0], [0.14 * x, 0, 0], [0.28 * x, 0, 0], [0.25 * x, 0, 0]]
    offsets = np.array(lengths)
    skeleton = Skeleton(tuple(names), tuple(parents), offsets)
    rotations = np.tile(np.eye(3), (1, len(names), 1, 1))
    for bone in bones:
        rotations[0, names.index(bone)] = axis_rotation("X", np.radians(60.0 / count))
    result = retarget(Motion(skeleton, 30.0, rotations, offsets[:1]), table="ue5")
    world = global_rotations(result.rotations.astype(float), result.skeleton.parents)[0]
    bends = [np.degrees(geodesic(np.eye(3), world[CANONICAL_NAMES.index(f"spine{k}")])) for k in (1, 2, 3)]
    assert bends[2] == pytest.approx(60.0, abs=0.01)
    assert 0 < bends[0] < bends[1] < bends[2]


def test_spread():
    assert spread([]) == {}
    assert spread(["a", "b"]) == {"spine1": "a", "spine3": "b"}
    assert spread(["a", "b", "c", "d", "e"]) == {"spine1": "a", "spine2": "c", "spine3": "e"}


@pytest.mark.parametrize("table", list(RIGS))
def test_out_to_a_rig_and_back(table):
    motion = canonical_motion(20)
    toes = RIGS.get(table).rig_name("left_foot") is not None  # without them the soles are not known
    rig = to_rig(motion, table)
    back = retarget(rig, keep_floor=toes)
    known = [i for i, name in enumerate(CANONICAL_NAMES) if RIGS.get(table).rig_name(name)]
    assert len(known) >= 20  # classic rigs have one or two bones in the spine: what bends between them is lost
    assert worst_angle(limb_directions(motion), limb_directions(back)) < 0.01
    if len(RIGS.get(table).spine) < 3:
        return
    np.testing.assert_allclose(back.positions[:, known], motion.positions[:, known], atol=1e-4)
    np.testing.assert_array_equal(back.face, motion.face)
    # Onto the rig as its own skeleton gives the same.
    onto = to_rig(motion, table, skeleton=rig.skeleton, keep_floor=toes)
    again = retarget(onto, table=table, keep_floor=toes)
    np.testing.assert_allclose(again.positions[:, known], motion.positions[:, known], atol=1e-4)


def test_onto_the_corpus_rig_and_back(tmp_path):
    source = load_bvh(ebmdb_clips(tmp_path, 600)[0])
    there = retarget(source)
    back = to_rig(there, "ebmdb", skeleton=source.skeleton)
    assert worst_angle(limb_directions(source), limb_directions(back)) < 0.01
    np.testing.assert_allclose(back.positions, source.positions, atol=5e-3)


def test_canonical_names_are_taken_as_they_are():
    motion = canonical_motion(10)
    result = retarget(motion)
    np.testing.assert_array_equal(result.rotations, motion.rotations)
    np.testing.assert_allclose(result.translation, motion.translation, atol=1e-6)


def test_soles_keep_their_height(tmp_path):
    for path in ebmdb_clips(tmp_path, 400):
        source = load_bvh(path)
        result, free = retarget(source), retarget(source, keep_floor=False)
        ratio = np.linalg.norm(canonical_skeleton().offsets[4]) / np.linalg.norm(source.skeleton.offsets[17])
        toes = [source.skeleton.index(f"{side}Toe") for side in ("Left", "Right")]
        low = source.positions[:, toes, 1].min()
        feet = [CANONICAL_NAMES.index(f"{side}_foot") for side in ("left", "right")]
        assert abs(result.positions[:, feet, 1].min() - low * ratio) < 0.045  # ankles and soles differ a little
        assert np.ptp((result.translation - free.translation)[:, 1]) < 1e-6  # lifted as a whole


def test_standing_stays_on_the_ground():
    rig = beat_rig()
    result = retarget(moving(rig, angle=0.0))
    np.testing.assert_allclose(result.translation[0, 1], canonical_skeleton().offsets[0, 1], atol=0.03)
    feet = result.positions[0, [CANONICAL_NAMES.index(f"{side}_foot") for side in ("left", "right")], 1]
    np.testing.assert_allclose(feet, canonical_skeleton().rest_positions[10, 1], atol=0.02)


def test_upper_bodies_alone():
    rig = beat_rig()
    keep = [i for i, name in enumerate(rig.names) if not any(k in name for k in ("Leg", "Foot", "Toe"))]
    half = Skeleton(
        tuple(rig.names[i] for i in keep),
        tuple(keep.index(rig.parents[i]) if rig.parents[i] >= 0 else -1 for i in keep),
        rig.offsets[keep],
    )
    source = moving(half)
    result = retarget(source, table="zeggs")
    assert worst_angle(limb_directions(source, "zeggs"), limb_directions(result)) < 0.01
    assert (result.rotations[:, 4] == np.eye(3)).all()


@pytest.mark.parametrize("prefix", ["", "mixamorig:", "mixamorig_", "mixamorig", "Character1:mixamorig:"])
def test_prefixes_of_mixamo(prefix):
    motion = to_rig(canonical_motion(3), "mixamo")
    names = tuple(prefix + name for name in motion.skeleton.names)
    named = replace(motion, skeleton=replace(motion.skeleton, names=names))
    assert detect_table(named.skeleton) == "mixamo"
    np.testing.assert_allclose(retarget(named).rotations, retarget(motion).rotations, atol=1e-7)


@pytest.mark.parametrize(
    ("file", "animation", "table"),
    [
        ("animations.glb", "Idle_Talking_Loop", "rigify"),
        ("animations.glb", "Walk_Loop", "rigify"),
        ("animations-extra.glb", "Greeting", "ue5"),
    ],
)
def test_game_rigs(file, animation, table):
    source = load_motion(shared_file(f"mesh2motion/{file}"), animation=animation)
    assert detect_table(source.skeleton) == table
    result = retarget(source)
    assert worst_angle(limb_directions(source), limb_directions(result)) < 0.01
    feet = [CANONICAL_NAMES.index(f"{side}_foot") for side in ("left", "right")]
    assert abs(result.positions[:, feet, 1].min() - 0.048) < 0.04


def test_a_frame_as_rest_pose():
    """All bones along x in rest says nothing; the first frame, in T-pose, does."""
    rig = beat_rig()
    performance = moving(rig, seed=5)
    rotations = performance.rotations.copy()
    rotations[0] = np.eye(3)
    performance = replace(performance, rotations=rotations)
    world = global_rotations(rotations.astype(float), rig.parents)
    turns = axis_angle_to_matrix(np.random.default_rng(0).normal(size=(len(rig), 3)))
    offsets = [turns[p].T @ o if p >= 0 else o for p, o in zip(rig.parents, rig.offsets, strict=True)]
    scrambled = replace(
        performance,
        skeleton=replace(rig, offsets=np.array(offsets)),
        rotations=local_rotations(world @ turns, rig.parents),
    )
    np.testing.assert_allclose(scrambled.positions, performance.positions, atol=1e-5)
    again = rest_at(scrambled, 0)
    np.testing.assert_allclose(again.positions, performance.positions, atol=1e-5)
    np.testing.assert_allclose(again.skeleton.offsets, rig.offsets, atol=1e-6)
    np.testing.assert_allclose(retarget(again).positions, retarget(performance).positions, atol=1e-4)
    with pytest.raises(UserError, match="no frame 30"):
        rest_at(again, 30)


def test_unknown_rigs_and_tables():
    strange = Skeleton(("a", "b"), (-1, 0), np.ones((2, 3)))
    with pytest.raises(UserError, match=r"fit no known rig; known: canonical, ebmdb, beat"):
        detect_table(strange)
    with pytest.raises(UserError, match="unknown rig table 'teapot'; known: canonical"):
        retarget(canonical_motion(2), table="teapot")
    with pytest.raises(UserError, match="lacks Hips, LeftShoulder, RightShoulder"):
        retarget(Motion(strange, 30.0, np.tile(np.eye(3), (1, 2, 1, 1)), np.zeros((1, 3))), table="ebmdb")
    with pytest.raises(UserError, match="starts from the canonical joints"):
        to_rig(to_rig(canonical_motion(2), "vrm"), "vrm")
    assert "smplx" in known_tables()
    assert "beat2" in known_tables()


def test_tables_are_sound():
    for table in (RIGS.get(name) for name in RIGS):
        assert set(table.joints) <= set(CANONICAL_NAMES), table.name
        written = [table.rig_name(name) for name in CANONICAL_NAMES if table.rig_name(name)]
        assert len(set(written)) == len(written), table.name
        for name in ("pelvis", "neck", "head", *LIMBS):
            assert table.rig_name(name), (table.name, name)


def test_corrections_of_the_corpus_are_quarter_turns(tmp_path):
    source = load_bvh(ebmdb_clips(tmp_path, 2000)[0])
    corrections = bind("ebmdb", source.skeleton).corrections
    np.testing.assert_allclose(corrections["left_shoulder"], axis_rotation("Z", -np.pi / 2), atol=1e-6)
    np.testing.assert_allclose(corrections["right_wrist"], axis_rotation("Z", np.pi / 2), atol=1e-6)
    np.testing.assert_array_equal(corrections["head"], np.eye(3))
    assert SHARED.is_dir()
