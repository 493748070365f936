"""Editing: what is named becomes new, all else keeps its bits, and nothing jumps; poses at the ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cospeech
from cli_data import HELLO, SHIPPED, fails, motion_file, needs_model, place, tone, works, write_wav
from corpus_data import voice
from cospeech.cli import main
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_rotation, geodesic
from cospeech.loading import load
from cospeech.methods.editing import facing_front, heading, in_place, onto
from cospeech.motion.codec import Codec
from cospeech.motion.motion import Motion, load_motion
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.sampling.edit import (
    GROUPS,
    JOINTS,
    blend,
    joint_indices,
    meet_pose,
    span_frames,
    span_weights,
    time_spans,
)
from cospeech.speech.speech import Speech
from format_data import canonical_motion, smooth_rotations

__all__ = ["fails", "place", "works"]  # fixtures

SKELETON = canonical_skeleton()
COVERED = SKELETON.indices(list(JOINTS))


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(geodesic(a.astype(np.float64), b.astype(np.float64)))


def acceleration(motion: Motion) -> np.ndarray:
    """[T - 2] metres a second squared: the largest of wrists and head."""
    points = motion.positions[:, SKELETON.indices(["left_wrist", "right_wrist", "head"])]
    return np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).max(1) * motion.fps**2


def assert_kept(old: Motion, new: Motion, frames: list[tuple[int, int]], joints: list[int]) -> None:
    """Bit by bit the same but at the joints in the frames."""
    assert new.rotations.dtype == old.rotations.dtype
    free = np.zeros(old.rotations.shape[:2], dtype=bool)
    for first, end in frames:
        free[first:end, joints] = True
    assert old.rotations[~free].tobytes() == new.rotations[~free].tobytes()
    assert old.translation.tobytes() == new.translation.tobytes()
    assert old.face is new.face or old.face.tobytes() == new.face.tobytes()
    assert old.fps == new.fps


# ---------------------------------------------------------------------------- spans, joints, fades


def test_groups():
    sizes = {"hands": 32, "arms": 38, "left-arm": 19, "right-arm": 19, "head": 2, "torso": 3}
    assert {name: len(joints) for name, joints in GROUPS.items()} == sizes
    assert joint_indices([]) == sorted(COVERED)
    assert joint_indices(["left-arm", "right-arm"]) == joint_indices(["arms"])
    assert joint_indices(["head,torso"]) == joint_indices(["torso", "head", "neck"])
    assert joint_indices(["left_elbow"]) == [SKELETON.index("left_elbow")]
    for name in ("tail", "pelvis", "left_knee", ""):
        with pytest.raises(UserError, match=f"unknown joint '{name}'; known: hands, arms, .*torso, spine1"):
            joint_indices([name])


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ("2", "a span is START:END in seconds, as in 2.0:4.5; got '2'"),
        ("a:b", "a span is START:END"),
        ("1:2:3", "a span is START:END"),
        ((1.0,), "a span is START:END"),
        ("nan:2", "times that are no numbers"),
        ("2:2", "span 2:2 ends before it has begun"),
        ("3:2", "span 3:2 ends before it has begun"),
        ("-1:2", r"span -1:2 is not within the motion; it must be within 0:6.00"),
        ("5:9", r"span 5:9 is not within the motion; it must be within 0:6.00"),
        ("7:9", "span 7:9 is not within the motion"),
        ("2:2.25", r"span 2:2.25 lasts 0.25 s; give at least 0.3 s"),
    ],
)
def test_spans_that_cannot_be(span, message):
    with pytest.raises(UserError, match=message):
        time_spans([span], 6.0)


def test_fades_lie_inside():
    assert time_spans(["3:4", "1:2", (1.5, 3.0)], 6.0) == [(1.0, 4.0)]
    spans = span_frames([(1.0, 3.0), (4.0, 4.3)], 180, 30)
    weights = span_weights(spans, 180, 30)
    assert spans == [(30, 90), (120, 129)]
    assert not weights[:30].any()
    assert not weights[90:120].any()
    assert not weights[129:].any()
    assert (weights[30:90] > 0).all()
    assert (weights[45:75] == 1).all()
    assert np.abs(np.diff(weights)).max() < 0.12
    assert 0.1 < weights[120:129].max() < 0.3  # so short a span goes only a part of the way
    assert (span_weights([(0, 180)], 180, 30) == 1).all()  # the motion's own ends have no edges
    assert span_weights([(100, 180)], 180, 30)[-1] == 1


def test_a_pose_is_met_and_left_without_a_jump():
    motion = smooth_rotations(60, 55, seed=1)
    pose = smooth_rotations(1, 55, seed=2)[0]
    for last in (False, True):
        met = meet_pose(motion, pose, [3, 9, 20], 30, last=last, longest=60)
        edge, far = (-1, slice(0, 40)) if last else (0, slice(20, 60))
        np.testing.assert_array_equal(met[edge, [3, 9, 20]], pose[[3, 9, 20]])
        np.testing.assert_allclose(met[far], motion[far], atol=1e-6)
        np.testing.assert_array_equal(met[:, 4], motion[:, 4])
        turned = degrees(met[1:], met[:-1])[:, [3, 9, 20]]
        missing = degrees(pose, motion[edge])[[3, 9, 20]]
        assert (turned.max(0) < degrees(motion[1:], motion[:-1])[:, [3, 9, 20]].max(0) + 0.11 * missing).all()


def test_a_body_that_walks_about_is_edited_where_it_is():
    """In place and back again, the chest looks where it looked, whatever the pelvis does."""
    motion = canonical_motion(90, seed=3)
    chest = SKELETON.index("spine3")
    rotations = np.tile(np.eye(3, dtype=np.float32), (90, 55, 1, 1))
    rotations[:, 0] = axis_rotation("Y", np.linspace(0, 3, 90))
    rotations[:, chest] = axis_rotation("X", 0.3 * np.sin(np.linspace(0, 9, 90)))
    walking = replace(motion, rotations=rotations)
    still = in_place(walking)
    assert np.abs(heading(still.rotations[:, 0]) - np.eye(3)).max() < 0.02
    back = onto(still, walking)
    spine = SKELETON.indices(["spine1", "spine2", "spine3"])
    total = back[:, spine[0]] @ back[:, spine[1]] @ back[:, spine[2]]
    assert degrees(total, rotations[:, chest]).max() < 0.1
    front = facing_front(walking[80:81])
    assert degrees(heading(front.rotations[:, 0]), np.eye(3)[None]).max() < 0.1
    assert facing_front(walking[5:6]).rotations is not None
    np.testing.assert_array_equal(facing_front(walking[5:6]).rotations, walking.rotations[5:6])
    mixed = blend(motion.rotations, rotations, np.zeros(90), [1, 2])
    assert mixed.tobytes() == motion.rotations.tobytes()


# ---------------------------------------------------------------------------- with a tiny model


@pytest.fixture(scope="module")
def tiny(tiny_model):
    return load(tiny_model)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech(voice(6.01, seed=4)[0])


@pytest.fixture(scope="module")
def motion(tiny, speech) -> Motion:
    return tiny.generate(speech, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("joints", [(), ("hands",), ("left-arm",), ("head", "spine2"), ("torso",)])
@pytest.mark.parametrize("span", [(), ("2:4.5",), ("0:1", "3.1:3.5", "5:6")])
def test_only_what_is_named_changes(tiny, speech, motion, span, joints):
    edited = tiny.edit(motion, speech, span=span, joints=joints, seed=5)
    frames = span_frames(time_spans(span, motion.seconds), motion.frames, 30)
    assert_kept(motion, edited, frames, joint_indices(joints))
    first, end = frames[0]
    changed = degrees(motion.rotations, edited.rotations)[first:end, joint_indices(joints)]
    assert changed.max() > 0.2
    again = tiny.edit(motion, speech, span=span, joints=joints, seed=5)
    assert again.rotations.tobytes() == edited.rotations.tobytes()
    other = tiny.edit(motion, speech, span=span, joints=joints, seed=6)
    assert other.rotations.tobytes() != edited.rotations.tobytes()
    r = edited.rotations.astype(np.float64)
    np.testing.assert_allclose(r @ r.swapaxes(-1, -2), np.broadcast_to(np.eye(3), r.shape), atol=1e-5)


@pytest.mark.slow
def test_other_frame_rates_and_long_spans_work(tiny):
    long = Speech(np.tile(voice(7.0, seed=1)[0], 3))
    motion = tiny.generate(long, seed=1).resample(60)
    edited = tiny.edit(motion, long, span=["2:17.3"], seed=3)
    assert edited.fps == 60
    assert_kept(motion, edited, [(120, 1038)], COVERED)
    assert degrees(motion.rotations, edited.rotations)[120:1038].max() > 1


@pytest.mark.slow
def test_what_cannot_be_edited(tiny, speech, motion):
    with pytest.raises(UserError, match=r"the motion lasts 4.00 s and the speech 6.01 s; they must agree"):
        tiny.edit(motion[:120], speech)
    tiny.edit(motion[:-2], speech, span=["1:2"])
    with pytest.raises(UserError, match="unknown joint 'nose'"):
        tiny.edit(motion, speech, joints=["nose"])
    other = replace(motion, skeleton=replace(SKELETON, offsets=SKELETON.offsets * 1.1))
    with pytest.raises(UserError, match="retarget the motion first"):
        tiny.edit(other, speech)
    for wish in ({"emotion": "bored"}, {"speaker": "Zoe"}, {"intensity": 9.0}, {"seed": -1}):
        with pytest.raises(UserError):
            tiny.edit(motion, speech, **wish)


@pytest.mark.slow
@pytest.mark.parametrize("seated", [False, True])
def test_it_begins_and_ends_in_the_poses(tiny, speech, motion, seated):
    joints = Codec().joints
    start, end = motion[60:61], motion[100:131]
    made = tiny.generate(speech, seed=2, start_pose=start, end_pose=end, seated=seated)
    assert made.frames == speech.frames
    assert degrees(made.rotations[0], start.rotations[0])[joints].max() < 0.01
    assert degrees(made.rotations[-1], end.rotations[-1])[joints].max() < 0.01
    feet = made.positions[:, SKELETON.indices(["left_ankle", "right_ankle"])]
    assert np.abs(feet - feet[:1]).max() < 0.005
    for frames in (1, 2, 9):
        short = Speech(voice(6.01, seed=4)[0][: frames * 533])
        brief = tiny.generate(short, start_pose=start, end_pose=end)
        assert degrees(brief.rotations[-1], end.rotations[-1])[joints].max() < 0.01
    other = replace(end, skeleton=replace(SKELETON, offsets=SKELETON.offsets * 1.1))
    scaled = tiny.generate(speech, end_pose=other)  # a pose of other proportions is retargeted
    assert degrees(scaled.rotations[-1], end.rotations[-1])[joints].max() < 0.01


@pytest.mark.slow
def test_the_commands(place, works, fails, tiny_model):
    write_wav(place / "talk.wav", tone(2.0))
    works("generate", "talk.wav", "--model", tiny_model, "-o", "talk.npz", "talk.bvh")
    words = ("--speech", "talk.wav", "--span", "0.5:1.0", "--span", "1.2:1.6", "--joints", "hands,head")
    line = works("edit", "talk.npz", *words, "--seed", 3, "--model", tiny_model, "-o", "a.npz", "a.bvh")
    assert line.startswith("wrote a.npz, a.bvh (2.0 s of motion) in ")
    old, new = load_motion(place / "talk.npz"), load_motion(place / "a.npz")
    frames = [(15, 30), (36, 48)]
    assert_kept(old, new, frames, joint_indices(["hands", "head"]))
    mirror = cospeech.edit(
        "talk.npz", speech="talk.wav", span=[(0.5, 1.0), "1.2:1.6"], joints=["hands", "head"], seed=3, model=tiny_model
    )
    np.testing.assert_allclose(mirror.rotations, new.rotations, atol=2e-6)
    works("edit", "talk.bvh", "--speech", "talk.wav", "--model", tiny_model, "-o", "b.bvh")  # retargeted
    works(
        "generate",
        "talk.wav",
        "--start-pose",
        "talk.bvh@0.9",
        "--end-pose",
        "talk.npz",
        "--model",
        tiny_model,
        "--seed",
        8,
        "-o",
        "posed.npz",
    )
    posed = load_motion(place / "posed.npz")
    assert degrees(posed.rotations[0], old.rotations[27])[Codec().joints].max() < 0.1
    assert degrees(posed.rotations[-1], old.rotations[-1])[Codec().joints].max() < 0.1
    motion_file(place / "other.npz", frames=90)
    given = ("--speech", "talk.wav", "--model", tiny_model)
    (place / "wrong.json").write_text('{"left_foot": "Ball_L"}', encoding="utf-8")
    mapped = ("--pose-map", "wrong.json", "--model", tiny_model, "-o", "c.npz")
    for wrong, message in {
        ("generate", "talk.wav", "--start-pose", "talk.bvh", *mapped): "the rig has no joint 'Ball_L'",
        ("generate", "talk.wav", "--end-pose", "talk.bvh@1", *mapped): "the rig has no joint 'Ball_L'",
        ("edit", "talk.npz", *given, "--span", "1:9", "-o", "c.npz"): "span 1:9 is not within the motion",
        ("edit", "talk.npz", *given, "--span", "1:1.1", "-o", "c.npz"): "give at least 0.3 s",
        ("edit", "talk.npz", *given, "--joints", "nose", "-o", "c.npz"): "unknown joint 'nose'; known: hands",
        ("edit", "other.npz", *given, "-o", "c.npz"): "the motion lasts 3.00 s and the speech 2.00 s",
        ("edit", "talk.npz", *given, "-o", "talk.npz"): "it is what is read",
        ("edit", "talk.npz", *given): "no file to write is named",
        ("edit", "none.npz", *given, "-o", "c.npz"): "cannot read none.npz: no such file",
        ("generate", "talk.wav", "--start-pose", "talk.npz@9", "-o", "c.npz"): "it has no pose at 9 s",
        ("generate", "talk.wav", "--end-pose", "talk.npz@x", "-o", "c.npz"): "a pose is FILE or FILE@SECONDS",
        ("generate", "talk.wav", "--end-pose", "none.npz", "-o", "c.npz"): "cannot read none.npz",
    }.items():
        model = () if "--model" in wrong else ("--model", tiny_model)
        assert message in fails(*wrong, *model), wrong


@pytest.mark.slow
def test_an_edit_takes_the_transcript_beside_its_speech(place, capfd, tiny_model):
    """As generate does: named, left out, or taken by itself and said."""
    for suffix in (".wav", ".txt"):
        (place / f"talk{suffix}").write_bytes((HELLO.parent / f"hello{suffix}").read_bytes())
    frames = cospeech.load_speech("talk.wav").frames
    motion_file(place / "dance.npz", frames=frames)

    def page(*words: str) -> tuple[str, str]:
        given = ["dance.npz", "--speech", "talk.wav", "--span", "1:3", "--model", str(tiny_model)]
        main(["edit", *given, *words, "-o", "a.html"])
        return (place / "a.html").read_text(), capfd.readouterr().err

    taken, said = page()
    assert "took the words of talk.txt" in said
    silent, said = page("--no-transcript")
    assert "took" not in said
    named, said = page("--transcript", "talk.txt")
    assert "took" not in said
    assert named == taken
    assert silent != taken


def test_a_transcript_goes_with_a_speech(place, fails, tiny_model):
    motion_file(place / "dance.npz")
    for words in (("--transcript", "a.txt"), ("--lips", "a.csv")):
        line = fails("edit", "dance.npz", *words, "--model", tiny_model, "-o", "b.npz")
        assert "go with a speech; give that with --speech" in line
    with pytest.raises(UserError, match="go with a speech"):
        cospeech.edit("dance.npz", transcript="a.txt", model=tiny_model)


# ---------------------------------------------------------------------------- with the shipped model


@pytest.fixture(scope="module")
def lively():
    """The shipped model, a speech and lively gestures for it."""
    model, hello = load(SHIPPED), cospeech.load_speech(HELLO)
    return model, hello, model.generate(hello, seed=1, emotion="anger", intensity=1.5)


@needs_model
def test_the_content_is_new_and_follows_seed_and_wishes(lively):
    model, hello, motion = lively
    takes = [model.edit(motion, hello, span=["7:10"], emotion="anger", seed=seed).rotations[225:285] for seed in (2, 3)]
    takes.append(model.edit(motion, hello, span=["7:10"], emotion="sadness", seed=2).rotations[225:285])
    arms = SKELETON.indices(["left_shoulder", "right_shoulder", "left_elbow", "right_elbow"])
    for take in takes:
        assert degrees(take, motion.rotations[225:285])[:, arms].max() > 15
    assert degrees(takes[0], takes[1])[:, arms].max() > 15
    assert degrees(takes[0], takes[2])[:, arms].max() > 15


@needs_model
@pytest.mark.parametrize("joints", [(), ("left-arm",), ("torso",)])
def test_nothing_jumps_where_old_meets_new(lively, joints):
    """Hands and head speed up no more at the joins than they do anywhere in the motion."""
    model, hello, motion = lively
    usual = acceleration(motion).max()
    for span in ((2.0, 4.5), (5.0, 5.3), (6.0, 7.0)):
        first, end = round(30 * span[0]), round(30 * span[1])
        edited = model.edit(motion, hello, span=[span], joints=joints, seed=4)
        assert_kept(motion, edited, [(first, end)], joint_indices(joints))
        assert acceleration(edited)[first - 3 : end + 1].max() < 1.25 * usual


@needs_model
def test_poses_are_left_and_reached_without_a_jump(lively):
    model, hello, motion = lively
    usual = acceleration(motion).max()
    for frame in (100, 200):
        made = model.generate(hello, start_pose=motion[frame:], end_pose=motion[: frame + 30])
        assert degrees(made.rotations[0], motion.rotations[frame])[Codec().joints].max() < 0.01
        assert degrees(made.rotations[-1], motion.rotations[frame + 29])[Codec().joints].max() < 0.01
        assert acceleration(made).max() < 1.25 * usual
