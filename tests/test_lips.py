"""Lips: coarticulation, tracks that are given, and what the mouth does with phones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.motion.face_shapes import ARKIT_INDEX, ARKIT_NAMES
from cospeech.motion.formats.visemes import save_visemes
from cospeech.motion.motion import Motion
from cospeech.motion.procedural.coarticulation import coarticulated
from cospeech.motion.procedural.face import face_from_speech
from cospeech.motion.procedural.lips import lips_from_phones
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech import Speech, load_speech
from cospeech.speech.lip_track import load_lips
from cospeech.speech.phones.inventory import PHONE_INDEX, VISEMES
from cospeech.speech.phones.track import Phone, PhoneTrack, rasterised

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def hello():
    return load_speech(ROOT / "examples" / "hello.wav")


def spelled(text, length=0.1, start=0.5):
    return tuple(
        Phone(name, start + k * length, start + (k + 1) * length) for k, name in enumerate(text.split()) if name != "_"
    )


def mouth(phones, speech):
    track = PhoneTrack(phones, rasterised(phones, speech.seconds), "given")
    return lips_from_phones(track, speech.features)


def apart(face):
    return face[:, ARKIT_INDEX["jawOpen"]] - face[:, ARKIT_INDEX["mouthClose"]]


@pytest.mark.parametrize("name", ["P", "B", "M"])
def test_lips_are_shut_for_the_whole_of_p_b_and_m(hello, name):
    phones = spelled(f"AA {name} AA {name} IY", length=0.13)
    face = mouth(phones, hello)
    assert apart(face).max() > 0.2
    for phone in phones:
        if phone.name == name:
            inside = slice(int(np.ceil(phone.start * 30)), int(phone.end * 30) + 1)
            assert apart(face)[inside].max() < 0.01
            assert face[inside, ARKIT_INDEX["mouthPressLeft"]].min() > 0.25


def test_the_shortest_closure_is_seen(hello):
    """Wherever it falls between two frames."""
    for start in np.arange(1.0, 1.04, 0.005):
        phones = (Phone("AA", 0.5, start), Phone("B", start, start + 0.03), Phone("AA", start + 0.03, 1.5))
        around = slice(round(start * 30) - 1, round(start * 30) + 3)
        assert apart(mouth(phones, hello))[around].min() < 0.03


def test_teeth_touch_the_lip_on_f_and_v(hello):
    face = mouth(spelled("AA F AA", length=0.15), hello)
    roll = face[:, ARKIT_INDEX["mouthRollLower"]]
    inside = slice(round(0.66 * 30), round(0.79 * 30))
    assert roll[inside].min() > 0.4
    assert roll[round(0.55 * 30)] < 0.1
    assert apart(face)[inside].max() < 0.5 * apart(face).max()


def test_lips_are_round_before_the_vowel(hello):
    """In "stew" they are from the s on; in "stay" they are not."""
    pucker = ARKIT_INDEX["mouthPucker"]
    round_, plain = (mouth(spelled(f"S T {vowel}", length=0.1), hello)[:, pucker] for vowel in ("UW", "EY"))
    before = round(0.67 * 30)  # in the t, well before the vowel at .7 s
    assert round_[before] > 0.25
    assert plain[before] < 0.1
    assert round_.max() > 0.45


def test_a_likely_closure_is_a_soft_one():
    probabilities = rasterised([Phone("AA", 0.2, 1.0)], 1.2)
    for strength in (0.2, 0.6):
        likely = probabilities.copy()
        likely[50:58] *= 1.0 - strength
        likely[50:58, PHONE_INDEX["B"]] = strength
        shut = coarticulated(likely, 36).shut
        assert abs(shut[16] - strength) < 0.25 or shut[16] > strength
        assert shut[16] > coarticulated(probabilities, 36).shut[16]


def test_a_loud_voice_opens_the_mouth_further(hello):
    phones = spelled("AA AA AA AA", length=0.2, start=0.4)
    shapes = coarticulated(rasterised(phones, hello.seconds), hello.frames)
    from cospeech.motion.procedural.lips import mouth_weights

    quiet, loud = (mouth_weights(shapes, np.full(hello.frames, e), np.zeros(hello.frames)) for e in (0.2, 0.9))
    assert apart(loud).max() > 1.2 * apart(quiet).max()


def test_all_is_in_range(hello):
    rng = np.random.default_rng(0)
    phones = spelled(" ".join(rng.choice(list(PHONE_INDEX)[1:], 90)), length=0.08)
    face = mouth(phones, hello)
    assert face.shape == (hello.frames, 52)
    assert face.min() >= 0.0
    assert face.max() <= 1.0
    assert (apart(face) >= -1e-6).all()


@pytest.mark.parametrize("look_ahead", [0.0, 0.08, 0.2])
def test_live_lips_are_those_of_a_whole_file(hello, look_ahead):
    from cospeech.motion.procedural.lip_stream import LipStream
    from cospeech.speech.phones.recognise import recognise

    whole = lips_from_phones(recognise(hello.samples, recogniser="network", look_ahead=look_ahead), hello.features)
    stream = LipStream(look_ahead=look_ahead)
    parts, ready = [], 0
    for at in range(0, len(hello.samples), 1600):
        parts.append(stream.push(hello.samples[at : at + 1600]))
        ready += len(parts[-1])
        heard = min(at + 1600, len(hello.samples)) / 16000
        assert ready >= (heard - stream.delay - 0.1) * 30
    parts.append(stream.flush())
    live = np.concatenate(parts)
    assert live.shape == whole.shape
    assert np.abs(live - whole).mean() < 0.01
    assert np.corrcoef(apart(live), apart(whole))[0, 1] > 0.97


# Tracks -------------------------------------------------------------------------------------------------------------


def test_visemes_that_are_written_are_read_again(tmp_path, hello):
    speech = replace(hello, phones=spelled("HH AH L OW _ M AA M AA F IH SH", length=0.15))
    frames = speech.frames
    path = save_visemes(tmp_path / "talk.visemes.json", speech, frames=frames)
    document = json.loads(path.read_text())
    assert document["names"] == list(VISEMES)
    assert len(document["weights"]) == frames
    assert {cue["value"] for cue in document["mouthCues"]} <= set("ABCDEFGHX")
    assert max(row[1] for row in document["vrm"]["weights"]) > 0.5  # ih of "fish"
    again = replace(hello, lips=load_lips(path))
    first, second = apart(face_from_speech(speech)), apart(face_from_speech(again))
    assert np.corrcoef(first, second)[0, 1] > 0.9
    for cue in ("mouthCues", "visemes"):
        (tmp_path / "other.json").write_text(json.dumps({cue: document[cue]}))
        other = replace(hello, lips=load_lips(tmp_path / "other.json"))
        assert np.corrcoef(first, apart(face_from_speech(other)))[0, 1] > 0.75


def test_arkit_weights_are_taken_as_they_are(tmp_path, hello):
    from cospeech.motion.formats.arkit import save_arkit

    skeleton = canonical_skeleton()
    frames = hello.frames
    face = np.zeros((frames, 52), np.float32)
    face[:, ARKIT_INDEX["jawOpen"]] = np.abs(np.sin(np.arange(frames) / 7))
    face[:, ARKIT_INDEX["browInnerUp"]] = 0.9
    motion = Motion(
        skeleton,
        30.0,
        np.tile(np.eye(3), (frames, len(skeleton), 1, 1)),
        np.tile(skeleton.offsets[0], (frames, 1)),
        face=face,
    )
    save_arkit(motion, tmp_path / "lips.csv")
    got = face_from_speech(replace(hello, lips=load_lips(tmp_path / "lips.csv")))
    np.testing.assert_allclose(got[:, ARKIT_INDEX["jawOpen"]], face[:, ARKIT_INDEX["jawOpen"]], atol=0.02)
    assert got[:, ARKIT_INDEX["browInnerUp"]].min() < 0.5  # brows are ours
    assert len(ARKIT_NAMES) == 52


WIDE = [float(5 <= k < 8) for k in range(20)]  # ten a second: open from .5 to .8 s
CUES = [{"start": 0.5, "end": 0.8, "value": "D"}, {"start": 0.8, "end": 0.9, "value": "A"}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "0.00\tX\n0.50\tD\n0.80\tA\n0.90\tX\n"),
        ("a.json", json.dumps({"mouthCues": CUES})),
        ("b.json", json.dumps({"visemes": ["aa", "PP"], "vtimes": [500, 800], "vdurations": [300, 100]})),
        ("c.json", json.dumps({"visemes": [{"start": 0.5, "end": 0.8, "viseme": "viseme_aa"}]})),
        ("d.json", json.dumps({"fps": 10, "names": ["aa", "ih", "ou"], "weights": [[w, 0, 0] for w in WIDE]})),
        ("e.csv", "time,A,I,U,E,O\n" + "".join(f"{k / 10},{w},0,0,0,0\n" for k, w in enumerate(WIDE))),
        ("f.csv", "time,viseme_aa,viseme_PP\n" + "".join(f"{k / 10},{w},{k == 8:d}\n" for k, w in enumerate(WIDE))),
    ],
)
def test_tracks_of_other_programs(tmp_path, hello, name, text):
    path = tmp_path / name
    path.write_text(text)
    face = apart(face_from_speech(replace(hello, lips=load_lips(path))))
    assert face[round(0.62 * 30)] > 0.2
    assert face[round(1.2 * 30) :].max() < 0.05


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "0.50\tX\n0.20\tD\n", "in order"),
        ("a.json", '{"visemes": [{"start": 0.5, "end": 0.8, "viseme": "zz"}]}', "unknown name 'zz'"),
        ("b.json", '{"visemes": [{"start": 0.5, "end": NaN, "viseme": "aa"}]}', "no finite number"),
        ("c.json", '{"visemes": ["aa"], "vtimes": [1, 2], "vdurations": [3]}', "differ in length"),
        ("d.json", "{", "no JSON"),
        ("e.json", "[1, 2]", "no track of lips"),
        ("f.json", '{"names": ["aa"], "weights": [[1, 2]]}', "must have 1 numbers"),
        ("g.csv", "time,aa,PP\n0.2,1,0\n0.1,0,1\n", "backwards"),
        ("h.csv", "time,aa,PP\n0.1,nan,0\n0.2,0,1\n", "no finite number"),
        ("i.csv", "time,foo,bar\n0.1,1,0\n0.2,0,1\n", "unknown name 'foo'"),
        ("j.csv", "hello there", "no track of lips"),
        ("k.json", '{"visemes": []}', "no phones or visemes"),
    ],
)
def test_bad_tracks_end_in_one_line(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_lips(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_visemes_are_those_of_a_speech(tmp_path, hello):
    with pytest.raises(UserError, match="those of a speech"):
        save_visemes(tmp_path / "a.visemes.json", None, frames=30)


def test_a_missing_track_is_told(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv"):
        load_lips(tmp_path / "none.csv")
    with pytest.raises(UserError, match="a track of lips"):
        load_lips(3)  # type: ignore[arg-type]


def test_a_cut_speech_keeps_its_phones_and_lips(tmp_path, hello):
    (tmp_path / "a.tsv").write_text("0.00\tX\n1.50\tD\n1.80\tA\n1.90\tX\n")
    speech = Speech(hello.samples, phones=spelled("AA M AA", start=1.5), lips=load_lips(tmp_path / "a.tsv"))
    part = speech.cut(start=1.0, end=2.5)
    assert abs(part.phones[0].start - 0.5) < 1e-6
    track = part.phone_track.probabilities
    assert track[60, PHONE_INDEX["AA"]] > 0.9
