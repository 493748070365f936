"""Gaze: where eyes look, how they get there, and that all formats say the same."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.rotation import euler_to_matrix, geodesic
from cospeech.motion.eyes import DOWN, SIDE, UP, eye_angles, eye_rotations, look_weights, one_gaze
from cospeech.motion.face_shapes import ARKIT_INDEX, mirror_face
from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.face import face_from_speech
from cospeech.motion.procedural.gaze import AT_LISTENER, Gaze, directions, gaze, saccade_seconds, sampled
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech import Speech, load_speech
from cospeech.speech.features import LAYOUT, SILENCE
from format_data import parts

ROOT = Path(__file__).parents[1]


def spoken(spans, seconds):
    """Features of speech in spans of seconds."""
    features = np.zeros((round(seconds * 30), LAYOUT.dim), np.float32)
    features[:, LAYOUT["energy"]] = SILENCE
    for start, end in spans:
        features[round(start * 30) : round(end * 30), LAYOUT["speech"]] = 1.0
        features[round(start * 30) : round(end * 30), LAYOUT["energy"]] = 0.3
    return features


PHRASES = [(first, first + 3.0) for first in np.arange(1.0, 60.0, 4.5)]
FEATURES = spoken(PHRASES, 62.0)


def looked(features, seed, **options) -> Gaze:
    return gaze(features, np.random.default_rng(seed), **options)


def turning(frames, degrees, seconds, nod=0.0):
    """A head [T, 3, 3] that turns to and fro."""
    phase = np.sin(2 * np.pi * np.arange(frames) / 30 / seconds)
    return euler_to_matrix(np.radians(np.stack([degrees * phase, nod * phase], -1)), "YX")


@pytest.mark.parametrize("downcast", [0.0, 1.0])
def test_listeners_are_looked_at_half_to_four_fifths_of_the_time(downcast):
    for head in (None, turning(len(FEATURES), 12.0, 5.0)):
        shares = [
            (np.hypot(*looked(FEATURES, seed, head=head, downcast=downcast).target.T) < AT_LISTENER).mean()
            for seed in range(8)
        ]
        assert 0.55 < np.mean(shares) < 0.8
        assert min(shares) > 0.45
        assert max(shares) < 0.85


def test_thoughts_begin_with_a_look_away_and_end_with_one_back():
    away_at = {"beginning": [], "end": []}
    for seed in range(20):
        away = np.hypot(*looked(FEATURES, seed).target.T) > AT_LISTENER
        for start, end in PHRASES[:-1]:
            away_at["beginning"].append(away[round((start + 0.3) * 30)])
            away_at["end"].append(away[round(end * 30) - 1])
    assert np.mean(away_at["beginning"]) > 0.5
    assert np.mean(away_at["end"]) < 0.1


def test_who_is_ashamed_looks_down():
    def pitch(downcast):
        found = [looked(FEATURES, seed, downcast=downcast).target for seed in range(8)]
        away = np.concatenate(found)
        return away[np.hypot(*away.T) > AT_LISTENER, 1].mean()

    assert pitch(1.0) > 4.0
    assert abs(pitch(0.0)) < 3.0


def test_saccades_are_as_fast_as_those_of_people():
    """Sampled a thousand times a second: durations as asked, speeds near the main sequence of Baloh et al. 1975."""
    found = looked(FEATURES, 3)
    speed = np.hypot(*np.diff(sampled(found.fixations, np.arange(62000) / 1000), axis=0).T) * 1000
    checked = 0
    for saccade in found.saccades:
        assert saccade.duration == pytest.approx(0.021 + 0.0022 * saccade.amplitude)
        if saccade.amplitude > 4.0:
            part = speed[round(saccade.start * 1000) : round((saccade.start + saccade.duration) * 1000)]
            usual = 551.0 * (1.0 - np.exp(-saccade.amplitude / 14.0))
            assert 0.8 < part.max() / usual < 1.7
            checked += 1
    assert checked > 10
    assert 300 < np.pi / 2 * 10.0 / saccade_seconds(10.0) < 450
    assert speed.max() < 600


def test_fixations_tremble_by_less_than_a_degree():
    found = looked(FEATURES, 5)
    small = [saccade.amplitude for saccade in found.saccades if saccade.amplitude < 1.0]
    assert len(small) > 30


def test_eyes_turn_against_the_head_and_hold_their_place():
    frames = len(FEATURES)
    head = turning(frames, 12.0, 3.0, nod=5.0)
    found = looked(FEATURES, 2, head=head)
    seen = np.einsum("tij,tj->ti", head, directions(found.eyes))
    wanted = directions(found.target)
    off = np.degrees(np.arccos(np.clip((seen * wanted).sum(-1), -1, 1)))
    assert np.percentile(off, 95) < 0.5
    at = np.hypot(*found.target.T) < AT_LISTENER
    # A still target needs eyes that move; a head alone would take the gaze along.
    assert np.corrcoef(found.eyes[at, 0], np.degrees(np.arctan2(head[at, 0, 2], head[at, 2, 2])))[0, 1] < -0.95


def test_eyes_never_leave_their_range():
    head = turning(len(FEATURES), 70.0, 4.0, nod=50.0)
    eyes = looked(FEATURES, 2, head=head).eyes
    assert np.abs(eyes[:, 0]).max() <= SIDE
    assert eyes[:, 1].max() <= DOWN
    assert eyes[:, 1].min() >= -UP


def test_eyes_go_before_the_head():
    """A head that turns 16 degrees aside and back every five seconds: looks away begin shortly before."""
    frames = len(FEATURES)
    time = np.arange(frames) / 30
    pulse = np.clip(np.sin(2 * np.pi * time / 5.0) * 4.0, 0.0, 1.0)  # rises within .2 s
    head = euler_to_matrix(np.radians(16.0 * pulse)[:, None], "Y")
    leads, sides = [], []
    for seed in range(12):
        found = looked(FEATURES, seed, head=head)
        away = np.hypot(*found.target.T) > AT_LISTENER
        for onset in range(150, frames - 60, 150):
            begins = [k for k in range(onset - 15, onset + 8) if away[k] and not away[k - 1]]
            if begins:
                leads.append((onset - begins[0]) / 30)
                sides.append(found.target[begins[0] + 3, 0])
    assert len(leads) > 30
    assert 0.0 <= np.median(leads) <= 0.35
    assert np.mean(np.array(sides) > 0) > 0.8  # to the side to which the head will turn


def test_the_same_seed_is_the_same_gaze():
    np.testing.assert_array_equal(looked(FEATURES, 4).eyes, looked(FEATURES, 4).eyes)
    assert np.abs(looked(FEATURES, 4).eyes - looked(FEATURES, 5).eyes).max() > 5.0


# Weights, rotations and files -----------------------------------------------------------------------------------------


def test_weights_and_angles_say_the_same():
    rng = np.random.default_rng(0)
    angles = np.stack([rng.uniform(-SIDE, SIDE, (50, 2)), rng.uniform(-UP, DOWN, (50, 2))], -1)
    face = look_weights(angles)
    np.testing.assert_allclose(eye_angles(face), angles, atol=1e-5)
    np.testing.assert_allclose(eye_angles(mirror_face(face)), angles[:, ::-1] * [-1.0, 1.0], atol=1e-5)
    left = look_weights(np.full((1, 2, 2), 10.0))[0]
    assert left[ARKIT_INDEX["eyeLookOutLeft"]] == left[ARKIT_INDEX["eyeLookInRight"]] == pytest.approx(10.0 / SIDE)
    assert left[ARKIT_INDEX["eyeLookDownLeft"]] == pytest.approx(10.0 / DOWN)
    turn = eye_rotations(left[None])[0, 0] @ [0.0, 0.0, 1.0]
    assert turn[0] > 0.1  # to the person's left is +x
    assert turn[1] < -0.1


@pytest.fixture(scope="module")
def looking() -> Motion:
    """A canonical body at rest with a face that looks about."""
    speech = load_speech(ROOT / "examples" / "hello.wav").cut(end=6.0)
    face = face_from_speech(speech, seed=1)
    skeleton = canonical_skeleton()
    rest = np.tile(np.eye(3, dtype=np.float32), (len(face), len(skeleton), 1, 1))
    motion = Motion(skeleton, 30.0, rest, np.tile(skeleton.offsets[0], (len(face), 1)), face=face)
    assert np.ptp(eye_angles(face)[:, 0, 0]) > 5.0
    return motion


def joints(motion):
    return motion.rotations[:, motion.skeleton.indices(["left_eye", "right_eye"])].astype(float)


def test_vrma_csv_and_weights_carry_one_gaze(tmp_path, looking):
    """Read from the bytes of the files, not by our readers."""
    expected = eye_angles(looking.face)
    document, binary = parts(save_motion(looking, tmp_path / "a.vrma"))
    node = document["extensions"]["VRMC_vrm_animation"]["lookAt"]["node"]
    animation = document["animations"][0]
    channel = next(channel for channel in animation["channels"] if channel["target"]["node"] == node)
    assert channel["target"]["path"] == "rotation"
    accessor = document["accessors"][animation["samplers"][channel["sampler"]]["output"]]
    view = document["bufferViews"][accessor["bufferView"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    x, y, z, w = np.frombuffer(binary, "<f4", 4 * accessor["count"], start).reshape(-1, 4).T.astype(float)
    # As three-vrm reads lookAt: Euler angles of order YXZ, yaw to the left, pitch down.
    yaw = np.degrees(np.arctan2(2 * (x * z + w * y), 1 - 2 * (x * x + y * y)))
    pitch = np.degrees(np.arcsin(np.clip(2 * (w * x - y * z), -1, 1)))
    np.testing.assert_allclose(yaw, expected[:, 0, 0], atol=0.01)
    np.testing.assert_allclose(pitch, expected[:, 0, 1], atol=0.01)
    rows = list(csv.DictReader(save_motion(looking, tmp_path / "a.csv").read_text().splitlines()))
    for eye, name in enumerate(("LeftEye", "RightEye")):
        for k, angle in enumerate(("Yaw", "Pitch")):
            column = np.degrees([float(row[name + angle]) for row in rows])
            np.testing.assert_allclose(column, expected[:, eye, k], atol=0.01)
    outward = np.array([float(row["EyeLookOutLeft"]) - float(row["EyeLookInLeft"]) for row in rows])
    np.testing.assert_allclose(SIDE * outward, yaw, atol=0.01)


@pytest.mark.parametrize("name", ["a.bvh", "a.npz", "bare.glb"])
def test_joints_of_the_eyes_carry_it_where_a_format_has_them(tmp_path, looking, name):
    options = {"mesh": False} if name.endswith(".glb") else {}
    path = save_motion(looking, tmp_path / name, **options)
    if name.endswith(".npz"):
        with np.load(path) as file:
            poses = file["poses"].reshape(-1, 55, 3)
        assert np.abs(np.degrees(poses[:, 23, 1]) - eye_angles(looking.face)[:, 0, 0]).max() < 1.0
        return
    assert geodesic(joints(load_motion(path)), eye_rotations(looking.face)).max() < 1e-3


@pytest.mark.parametrize("suffix", ["npz", "csv", "glb", "vrma"])
def test_a_gaze_that_is_read_moves_the_eyes_once(tmp_path, looking, suffix):
    again = load_motion(save_motion(looking, tmp_path / f"a.{suffix}"))
    assert "left_eye" not in again.skeleton.names or np.allclose(joints(again), np.eye(3), atol=1e-6)
    np.testing.assert_allclose(eye_angles(again.face), eye_angles(looking.face), atol=0.05)


def test_what_is_drawn_turns_its_eyes_once(looking):
    turned = looking.rotations.copy()
    turned[:, looking.skeleton.indices(["left_eye", "right_eye"])] = eye_rotations(looking.face)
    assert (joints(one_gaze(replace(looking, rotations=turned))) == np.eye(3)).all()
    bare = replace(looking, rotations=turned, face=None)
    assert one_gaze(bare) is bare


def test_a_glb_that_is_read_carries_its_gaze_on(tmp_path, looking):
    again = load_motion(save_motion(looking, tmp_path / "a.glb"))
    rows = list(csv.DictReader(save_motion(again, tmp_path / "a.csv").read_text().splitlines()))
    yaw = np.degrees([float(row["LeftEyeYaw"]) for row in rows])
    np.testing.assert_allclose(yaw, eye_angles(looking.face)[:, 0, 0], atol=0.05)


def test_npz_carries_the_face_to_other_formats(tmp_path, looking):
    save_motion(looking, tmp_path / "talk.npz")
    for suffix, tolerance in (("glb", 1e-6), ("csv", 1e-6)):
        path = save_motion(load_motion(tmp_path / "talk.npz"), tmp_path / f"talk.{suffix}")
        np.testing.assert_allclose(load_motion(path).face, looking.face, atol=tolerance)
    vrma = load_motion(save_motion(load_motion(tmp_path / "talk.npz"), tmp_path / "talk.vrma"))
    column = ARKIT_INDEX["mouthPucker"]
    np.testing.assert_allclose(vrma.face[:, column], looking.face[:, column], atol=1e-6)


def test_a_face_that_belongs_to_a_body_looks_at_the_viewer():
    """Whatever the body does with its head, and where it faces."""
    speech = Speech(np.zeros(16000 * 20, np.float32))
    skeleton = canonical_skeleton()
    for facing in (0.0, 90.0):
        rotations = np.tile(np.eye(3), (speech.frames, len(skeleton), 1, 1))
        rotations[:, 0] = euler_to_matrix(np.radians([facing]), "Y")
        rotations[:, skeleton.index("head")] = turning(speech.frames, 10.0, 4.0)
        body = Motion(skeleton, 30.0, rotations, np.tile(skeleton.offsets[0], (speech.frames, 1)))
        face = face_from_speech(speech, seed=1, body=body)
        look = np.einsum("tij,tj->ti", turning(speech.frames, 10.0, 4.0), directions(eye_angles(face)[:, 0]))
        near = np.degrees(np.arccos(np.clip(look[:, 2], -1, 1))) < AT_LISTENER
        assert 0.5 < near.mean() < 0.85
        still = face_from_speech(speech, seed=1)
        assert np.abs(eye_angles(face) - eye_angles(still)).max() > 5.0
