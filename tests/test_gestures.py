"""The dictionary of gestures, and how they are put into motion."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cospeech
from cospeech.core.errors import UserError
from cospeech.core.rotation import geodesic
from cospeech.metrics.contact import through_share
from cospeech.motion.gestures.demonstration import at_rest, demonstrated
from cospeech.motion.gestures.dictionary import GESTURES
from cospeech.motion.gestures.files import gestures_in, read_gesture, recorded_gesture, save_gesture
from cospeech.motion.gestures.gesture import Gesture, HandKey, direction
from cospeech.motion.gestures.lookup import GestureDictionary
from cospeech.motion.gestures.paths import through
from cospeech.motion.gestures.perform import perform
from cospeech.motion.gestures.reach import MOST_BEND, reaching
from cospeech.motion.phases import hand_speed, wrists_in_chest
from cospeech.motion.procedural.arms import Arm
from cospeech.speech.cues.cue import GestureCue

FIND = GestureDictionary().__getitem__
RNG = np.random.default_rng(5)


@pytest.fixture
def talking(canonical_motion_of_speech):
    return canonical_motion_of_speech


@pytest.fixture(scope="module")
def canonical_motion_of_speech():
    """Ten seconds of a person who stands, with arms that move a little."""
    return at_rest(10.0, seed=3)


def done(motion, *cues, seed=0):
    return perform(motion, cues, FIND, seed=seed)


def test_the_dictionary_has_what_was_promised():
    assert len(GESTURES) >= 80
    wanted = (
        "wave nod shrug ok stop count_10 point point_self big rise past list_1 either_or from_to precision_grip chop"
    )
    wanted += " container offer set_aside refuse roll circle everything nothing think hands_clasped applause money door"
    assert set(wanted.split()) <= set(GESTURES)
    dictionary = GestureDictionary()
    for peer in "handup index ok thumbup thumbdown side shrug".split():
        assert peer in dictionary


def test_every_gesture_is_made_on_time_and_passes_through_nothing():
    parts, late = [], []
    for name, gesture in GESTURES.items():
        result = demonstrated(gesture, uses=2, seed=1)
        assert len(result.placed) == 2, name
        parts.append(result.motion)
        if gesture.hand:
            pace = hand_speed(result.motion)
            for placed in result.placed:
                own = pace[:, 0 if placed.side == "left" else 1] if placed.side != "both" else pace.max(axis=1)
                peaks = np.flatnonzero((own[1:-1] >= own[:-2]) & (own[1:-1] > own[2:]) & (own[1:-1] > 0.15)) + 1
                late.append(np.abs(peaks / 30 - placed.stroke).min(initial=1.0))
    assert through_share(parts) < 0.005
    assert np.median(late) < 0.1
    assert np.percentile(late, 90) < 0.25


@pytest.mark.parametrize("name", ["wave", "big", "think", "point_left", "nod", "shrug"])
def test_what_takes_no_part_keeps_its_bits(talking, name):
    result = done(talking, GestureCue(name, 5.0))
    (placed,) = result.placed
    before = round((placed.start - 0.5) * 30)
    after = round((placed.end + 0.8) * 30)
    np.testing.assert_array_equal(result.motion.rotations[:before], talking.rotations[:before])
    np.testing.assert_array_equal(result.motion.rotations[after:], talking.rotations[after:])
    np.testing.assert_array_equal(result.motion.translation, talking.translation)
    legs = talking.skeleton.indices(["left_hip", "right_knee", "left_ankle"])
    np.testing.assert_array_equal(result.motion.rotations[:, legs], talking.rotations[:, legs])
    if placed.side in ("left", "right"):
        other = {"left": "right", "right": "left"}[placed.side]
        arm = talking.skeleton.indices([f"{other}_elbow", f"{other}_wrist", f"{other}_index1"])
        np.testing.assert_array_equal(result.motion.rotations[:, arm], talking.rotations[:, arm])


def test_nothing_asked_for_changes_nothing(talking):
    result = done(talking)
    assert result.motion is talking
    assert not result.face.any()


def test_the_same_seed_gives_the_same_gesture_and_two_uses_differ(talking):
    cues = [GestureCue("big", 3.0), GestureCue("big", 7.0)]
    first, again = done(talking, *cues), done(talking, *cues)
    np.testing.assert_array_equal(first.motion.rotations, again.motion.rotations)
    wrists = wrists_in_chest(first.motion)
    uses = [wrists[round((use.stroke - 0.5) * 30) :][:36] for use in first.placed]
    size = np.sqrt(((uses[0] - uses[0].mean(axis=0)) ** 2).sum(axis=-1).mean())
    assert np.linalg.norm(uses[0] - uses[1], axis=-1).mean() > 0.25 * size


def test_left_and_right_are_the_speakers_own(talking):
    for name, side, sign in (("point_left", "left", 1), ("point_right", "right", -1)):
        for seed in range(4):
            result = done(talking, GestureCue(name, 5.0), seed=seed)
            assert result.placed[0].side == side
            wrist = wrists_in_chest(result.motion)[round(5.4 * 30), 0 if side == "left" else 1]
            assert sign * wrist[0] > 0.35


@pytest.mark.parametrize("toward", [(1, 0, 0.2), (-1, 0.3, 0.5), (0.1, 0, 1), (0, 1, 0.4), (0.6, -0.6, 0.5)])
def test_pointing_points_where_it_is_asked_to(talking, toward):
    result = done(talking, GestureCue("point", 5.0, direction=toward))
    side = result.placed[0].side
    arm = Arm.of(result.motion.rotations.astype(float), side)
    finger = (arm.hand[round(5.4 * 30)] @ [arm.sign, 0.0, 0.0]) @ (np.array(toward) / np.linalg.norm(toward))
    assert np.degrees(np.arccos(finger)) < 12


def test_parameters_are_heeded(talking):
    def way(**parameters):
        motion = done(talking, GestureCue("big", 5.0, **parameters)).motion
        return np.ptp(wrists_in_chest(motion)[round(4.7 * 30) : round(5.6 * 30), 0, 0])

    def height(**parameters):
        return wrists_in_chest(done(talking, GestureCue("ok", 5.0, side="left", **parameters)).motion)[
            round(5.5 * 30), 0, 1
        ]

    assert way(size=1.4) > 1.2 * way(size=0.8)
    assert height(height=0.1) - height() == pytest.approx(0.1, abs=0.02)
    assert done(talking, GestureCue("ok", 5.0, side="left")).placed[0].side == "left"
    long, short = (done(talking, GestureCue("stop", 5.0, duration=seconds)).placed[0] for seconds in (4.0, 1.2))
    assert long.end - long.start > short.end - short.start + 1.5
    waves = [done(talking, GestureCue("wave", 3.0, repeats=n)).placed[0].end for n in (1, 5)]
    assert waves[1] - waves[0] > 1.5


def test_two_gestures_close_together_go_on_without_rest(talking):
    result = done(talking, GestureCue("stop", 4.0, side="right"), GestureCue("ok", 4.9, side="right"))
    assert [placed.gesture for placed in result.placed] == ["stop", "ok"]
    height = wrists_in_chest(result.motion)[round(3.9 * 30) : round(5.2 * 30), 1, 1]
    assert height.min() > -0.1  # a hand that rested between would hang at -0.4


def test_what_has_no_time_is_left_out_and_said(talking):
    result = done(talking, GestureCue("big", 4.0), GestureCue("small", 4.1, strength=0.5), GestureCue("ok", 9.99))
    assert [placed.gesture for placed in result.placed] == ["big"]
    reasons = {left.cue.gesture: left.reason for left in result.left_out}
    assert "leaves no time" in reasons["small"]
    assert "no time before the end" in reasons["ok"]


def test_two_at_once_take_both_hands(talking):
    result = done(talking, GestureCue("stop", 4.0), GestureCue("ok", 4.1))
    assert {placed.gesture: placed.side for placed in result.placed}.keys() == {"stop", "ok"}
    assert {placed.side for placed in result.placed} == {"left", "right"}


def test_the_stronger_of_two_is_made(talking):
    result = done(talking, GestureCue("big", 4.0, strength=0.4), GestureCue("small", 4.1))
    assert [placed.gesture for placed in result.placed] == ["small"]


def test_a_stronger_gesture_of_both_hands_takes_the_place_of_two(talking):
    weak = [GestureCue("ok", 4.0, side="left", strength=0.3), GestureCue("stop", 4.05, side="right", strength=0.3)]
    result = done(talking, *weak, GestureCue("big", 4.2))
    assert [placed.gesture for placed in result.placed] == ["big"]
    assert {left.cue.gesture for left in result.left_out} == {"ok", "stop"}


def test_given_poses_stay(talking):
    result = perform(talking, [GestureCue("stop", 0.6), GestureCue("ok", 9.2)], FIND, seed=0, posed=(True, True))
    np.testing.assert_array_equal(result.motion.rotations[[0, -1]], talking.rotations[[0, -1]])
    assert [placed.gesture for placed in result.placed] == ["stop", "ok"]


def test_hands_are_where_they_are_asked_to_be_as_far_as_arms_and_wrists_go():
    count = 200
    wrist = RNG.uniform((0.0, -0.25, 0.2), (0.35, 0.3, 0.42), (count, 3))
    fingers, palm = RNG.normal(size=(2, count, 3))
    arm = reaching("left", wrist, fingers, palm, np.zeros(count))
    from cospeech.motion.skeleton import canonical_skeleton

    offsets = canonical_skeleton().offsets
    shoulder, elbow, wrist_joint = (
        offsets[canonical_skeleton().index(f"left_{part}")] for part in ("shoulder", "elbow", "wrist")
    )
    collar = offsets[canonical_skeleton().index("left_collar")]
    reached = collar + shoulder + arm.upper @ elbow + arm.lower @ wrist_joint
    near = np.linalg.norm(wrist - collar - shoulder, axis=-1) < 0.46
    np.testing.assert_allclose(reached[near], wrist[near], atol=1e-6)
    bend = np.degrees(np.arccos(np.clip((arm.lower[:, :, 0] * arm.hand[:, :, 0]).sum(-1), -1, 1)))
    assert bend.max() <= MOST_BEND + 0.1
    assert geodesic(arm.hand @ np.swapaxes(arm.hand, -1, -2), np.tile(np.eye(3), (count, 1, 1))).max() < 1e-6


def test_a_curve_passes_its_keys_and_stands_still_at_its_ends():
    times, values = np.array([0.0, 0.3, 0.5, 1.0]), RNG.normal(size=(4, 3))
    np.testing.assert_allclose(through(times, values, times), values, atol=1e-9)
    fine = through(times, values, np.linspace(-0.2, 1.2, 1401))
    np.testing.assert_allclose(fine[0], values[0])
    speed = np.abs(np.diff(fine, axis=0)) * 1000
    assert speed[:200].max() < 1e-6
    assert speed[200].max() < 0.1
    assert np.abs(np.diff(fine, 2, axis=0)).max() * 1e6 < 400  # no jump of speed


def test_directions_are_words_or_numbers():
    assert direction("out") == (1.0, 0.0, 0.0)
    for wrong in ("sideways", "", "up down", (0, 0, 0), (1, 2)):
        with pytest.raises(UserError, match=r"direction"):
            direction(wrong)


def test_gestures_that_cannot_be_are_refused():
    key = HandKey(0.0, (0.2, 0.0, 0.3), "up", "ahead")
    with pytest.raises(UserError, match="square to each other"):
        replace(key, palm="up")
    with pytest.raises(UserError, match="unknown hand shape 'hoof'; known: relaxed, open"):
        replace(key, shape="hoof")
    with pytest.raises(UserError, match="moves nothing"):
        Gesture("x", "x")
    with pytest.raises(UserError, match="times of keys must rise"):
        Gesture("x", "x", hand=(key, key))


def test_unknown_names_list_near_ones():
    with pytest.raises(UserError, match=r"no gesture 'thumsup'; near ones are thumbs_up.*cospeech gesture list"):
        FIND("thumsup")


def test_every_gesture_is_the_same_after_a_file(tmp_path):
    for gesture in GESTURES.values():
        save_gesture(tmp_path, gesture)
    assert {gesture.name: gesture for gesture in gestures_in(tmp_path)} == dict(GESTURES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "x", "hand": [{"time": 0, "at": [0, 0, 0.3], "fingers": "up", "palm": "ahed"}]}, "unknown direction"),
        ({"name": "x", "hands": []}, "unknown 'hands', perhaps 'hand'"),
        ({"name": "x", "hand": [{"time": 0, "at": [0, 0], "fingers": "up", "palm": "ahead"}]}, "hand"),
        ({"name": "x", "hand": [{"tim": 0}]}, "perhaps 'time'"),
        ({"name": "x", "motion": "../y.npz", "stroke": 1}, "a file beside it"),
        ({"name": "x", "motion": "y.npz", "stroke": "soon"}, "stroke is 'soon'"),
        ({"name": "x"}, "moves nothing"),
    ],
)
def test_files_that_are_no_gesture_end_in_one_line(tmp_path, data, message):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UserError) as error:
        read_gesture(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("COSPEECH_HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_gesture_of_ones_own_is_added_from_a_motion_and_used(home, talking):
    wave = demonstrated(GESTURES["wave"], side="left").motion
    wave.save(home / "wave.bvh")
    cospeech.add_gesture(home / "wave.bvh", name="Royal wave", stroke=1.4, aliases=["queen"])
    assert {"royal wave", "ROYAL-WAVE", "queen"} <= {
        n for n in ("royal wave", "ROYAL-WAVE", "queen") if n in cospeech.gestures()
    }
    mixed = cospeech.perform_gestures(talking, [{"time": 5.0, "gesture": "royal wave"}])
    (placed,) = mixed.extra["explain"]["gestures"]
    assert placed["gesture"] == "royal_wave"
    ours, theirs = wrists_in_chest(mixed)[150, 0], wrists_in_chest(wave)[42, 0]
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    np.testing.assert_array_equal(mixed.rotations[:, talking.skeleton.index("right_elbow")], talking.rotations[:, 19])


def test_a_gesture_of_a_library_is_known_where_the_library_is(home):
    (home / "mine").mkdir()
    cospeech.add_gesture(demonstrated(GESTURES["bow"]).motion, name="deep bow", library=home / "mine")
    assert "deep bow" in cospeech.gestures(home / "mine")
    assert "deep bow" not in cospeech.gestures()
    with pytest.raises(UserError, match="no gesture library"):
        cospeech.add_gesture(demonstrated(GESTURES["bow"]).motion, name="x", library=home / "none")


def test_a_stroke_must_be_within_its_motion(talking):
    with pytest.raises(UserError, match=r"give one 0\.1 to 2\.90 s after its beginning"):
        recorded_gesture(talking[:90], name="x", stroke=5.0)
    with pytest.raises(UserError, match=r"lasts 0\.10 s; give 0\.3 to 10 s"):
        recorded_gesture(talking[:3], name="x", stroke=0.05)
    with pytest.raises(UserError, match="no letter in it"):
        recorded_gesture(talking[:90], name="!!", stroke=1.0)


def test_faces_take_part(talking):
    result = done(talking, GestureCue("surprised", 5.0))
    from cospeech.motion.face_shapes import ARKIT_INDEX

    wide = result.face[:, ARKIT_INDEX["eyeWideLeft"]]
    assert wide[160] > 0.5
    assert wide[:100].max() == 0


def test_the_page_marks_words_with_gestures(talking, tmp_path):
    speech = cospeech.Speech(
        np.zeros(16000 * 10, np.float32) + 1e-3,
        words=(cospeech.Word("hello", 4.8, 5.2), cospeech.Word("you", 5.3, 5.5)),
    )
    mixed = cospeech.perform_gestures(talking, [{"word": "hello", "gesture": "wave"}], speech=speech)
    page = mixed.save(tmp_path / "talk.html", speech=speech, level=1).read_text(encoding="utf-8")
    assert '"gesture": "wave"' in page or '"gesture":"wave"' in page
    assert "wave, at" in page  # in the strip


def test_other_names_are_taken_everywhere(talking):
    mixed = cospeech.perform_gestures(talking, [{"time": 5.0, "gesture": "clap"}])
    assert mixed.extra["explain"]["gestures"][0]["gesture"] == "applause"


@pytest.mark.parametrize(("side", "toward"), [("left", (-1, 0, 0)), ("right", (1, -0.5, 0)), ("right", (1, 0, -0.5))])
def test_who_points_across_the_body_keeps_the_arm_out_of_it(talking, side, toward):
    from cospeech.motion.procedural.contact import penetration

    result = done(talking, GestureCue("point", 5.0, side=side, direction=toward))
    assert penetration(result.motion).forearm_trunk.max() < 0.03


def test_sides_are_heeded_where_a_gesture_leaves_them_free(talking):
    assert done(talking, GestureCue("wave", 5.0, side="both")).placed[0].side == "both"
    assert done(talking, GestureCue("big", 5.0, side="left")).placed[0].side == "left"


def test_gestures_end_where_the_motion_ends(talking):
    result = done(talking, GestureCue("wave", 7.0, repeats=20), GestureCue("nod", 9.3))
    assert all(placed.end <= talking.seconds for placed in result.placed)
    assert result.placed[0].end == pytest.approx(talking.seconds, abs=0.7)


@pytest.mark.parametrize("seconds", [0.8, 1.2, 2.0, 4.0, 8.0])
def test_durations_are_kept(talking, seconds):
    (placed,) = done(talking, GestureCue("ok", 1.5, duration=seconds)).placed
    assert placed.end - placed.start == pytest.approx(seconds, abs=0.35 + 0.1 * seconds)


def test_a_short_motion_has_no_room(talking):
    result = perform(talking[:9], [GestureCue("wave", 0.15)], FIND, seed=0)
    assert not result.placed
    assert len(result.left_out) == 1


def test_what_was_asked_for_and_is_left_out_is_said(talking, capsys):
    cospeech.perform_gestures(talking, [{"time": 0, "gesture": "wave"}, {"time": 5, "gesture": "ok"}])
    assert "the gesture wave at 0.00 s is left out" in capsys.readouterr().err
    many = [GestureCue("stop", 5.0 + 0.01 * k, side="left") for k in range(60)]
    cospeech.perform_gestures(talking, [many[0], *(replace(cue, time=cue.time + 0.06) for cue in many[7::7])])
    assert "more gestures are left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"face": {"mouthGrin": 0.3}}, "unknown face shape 'mouthGrin'"),
        ({"hold": -3}, "hold is -3; give 0 to 10 s"),
        ({"head": [{"time": 0, "pitch": 170}]}, "pitch is 170; give -60 to 60 degrees"),
        ({"head": [{"time": 50}]}, "time of a key is 50"),
        ({"hand": [{"time": 0, "at": [9, 9, 9], "fingers": "up", "palm": "in"}]}, "at most 0.8 metres"),
        ({"repeats": 0}, "repeats is 0"),
    ],
)
def test_gestures_out_of_range_are_refused(tmp_path, changed, message):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"name": "x", "shoulders": 10, **changed}))
    with pytest.raises(UserError, match=message):
        read_gesture(path)


def test_a_broken_file_of_the_users_stops_nothing(home, capsys):
    (home / "home" / "gestures").mkdir(parents=True)
    (home / "home" / "gestures" / "broken.json").write_text('{"name": "broken", ')
    assert "wave" in cospeech.gestures()
    assert "a gesture is left out" in capsys.readouterr().err


def test_a_name_that_is_taken_is_said(home, talking, capsys):
    cospeech.add_gesture(talking[60:150], name="wave", stroke=1.0)
    assert "wave now stands for what the gesture wave stood for" in capsys.readouterr().err
