"""Gestures that a user asks for: files and calls, and what is refused in one line."""

from __future__ import annotations

import json

import pytest

from cospeech.core.errors import UserError
from cospeech.speech.cues.cue import GestureCue
from cospeech.speech.cues.gesture_file import requested_cues
from cospeech.speech.word import Word

KNOWN = ("wave", "nod", "point", "shake_head", "thumbs_up")
SAID = "He went to the door and the door was shut.".split()
WORDS = tuple(Word(text, 0.5 * k, 0.5 * k + 0.4) for k, text in enumerate(SAID))
SECONDS = 6.0


def read(tmp_path, text, name="gestures.json", **options):
    path = tmp_path / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return requested_cues(path, **{"words": WORDS, "seconds": SECONDS, "known": KNOWN, **options})


def test_json(tmp_path):
    entries = [
        {"word": "door", "occurrence": 2, "gesture": "point", "direction": [1, 0, 0.5], "duration": 2, "hold": 9},
        {"time": 1.25, "gesture": "wave", "side": "right", "size": 1.5, "speed": 0.8, "height": 0.1, "repeats": 3},
    ]
    cues = read(tmp_path, {"gestures": entries})
    assert cues == read(tmp_path, entries)
    assert cues == (
        GestureCue(
            "wave", 1.25, source="file", side="right", size=1.5, speed=0.8, height=0.1, repeats=3
        ),
        GestureCue(
            "point", 3.7, word="door", source="file", direction=(1.0, 0.0, 0.5), duration=2.0, hold_until=SECONDS
        ),
    )  # fmt: skip


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables(tmp_path, separator):
    lines = ["Time,Word,Name,Side,Direction", "1.25,,wave,left,", "", ",Door,point,,0 1 0"]
    cues = read(tmp_path, "\n".join(lines).replace(",", separator), "gestures.csv")
    assert [(cue.gesture, cue.time, cue.word, cue.side, cue.direction) for cue in cues] == [
        ("wave", 1.25, "", "left", None),
        ("point", pytest.approx(2.2), "door", None, (0.0, 1.0, 0.0)),
    ]


def test_calls():
    cue = GestureCue("nod", 2.0)
    cues = requested_cues([cue, {"gesture": "wave", "time": "0.5 s"}], seconds=3.0, known=KNOWN.__contains__)
    assert cues == (GestureCue("wave", 0.5, source="call"), cue)
    assert requested_cues({"gesture": "wave", "time": 1}, seconds=3.0) == (GestureCue("wave", 1.0, source="call"),)
    assert requested_cues((), seconds=3.0) == ()


def test_phrases_and_punctuation(tmp_path):
    (cue,) = read(tmp_path, [{"word": "the door, was", "gesture": "nod"}])
    assert (cue.word, cue.time) == ("was", pytest.approx(4.2))
    (cue,) = read(tmp_path, [{"word": "SHUT", "gesture": "nod"}])
    assert cue.word == "shut."


def test_both_hands_at_once_are_fine(tmp_path):
    both = [{"time": 1, "gesture": "wave", "side": "left"}, {"time": 1, "gesture": "point", "side": "right"}]
    assert len(read(tmp_path, both)) == 2
    assert len(read(tmp_path, [{"time": 1, "gesture": "wave"}, {"time": 1, "gesture": "nod"}])) == 2


WAVE = {"time": 1, "gesture": "wave"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ([{**WAVE, "sise": 2}], "entry 1 has the key 'sise', which means nothing; did you mean size or side?"),
        ([{**WAVE, "colour": 2}], "has the key 'colour', which means nothing; known: time, word, occurrence, gesture"),
        ([{"time": 7, "gesture": "wave"}], "entry 1 is at 7 s, outside the speech of 6.000 s"),
        ([{"time": -1, "gesture": "wave"}], "is at -1 s, outside"),
        ([{"time": "soon", "gesture": "wave"}], "has the time 'soon'; give seconds"),
        ([{"gesture": "wave"}], "has neither a time nor a word"),
        ([{**WAVE, "word": "door"}], "has both a time and a word"),
        ([{"time": 1}], "has no gesture"),
        ([{"word": "dor", "gesture": "wave"}], "is at the word 'dor', which is not said; did you mean door?"),
        ([{"word": "zebra", "gesture": "wave"}], "which is not said; check the transcript"),
        ([{"word": "door", "occurrence": 3, "gesture": "wave"}], "is at occurrence 3 of 'door', which is said 2 times"),
        ([{"word": "was", "occurrence": 2, "gesture": "wave"}], "which is said once"),
        ([{"word": "was", "occurrence": 0, "gesture": "wave"}], "has the occurrence 0; give a whole number from 1 on"),
        ([{**WAVE, "occurrence": 2}], "has an occurrence but no word"),
        ([WAVE, WAVE], "entry 2 (wave) is at 1.00 s, as wave is"),
        ([{**WAVE, "side": "left"}, {**WAVE, "gesture": "point", "side": "both"}], "entry 2 (point) is at 1.00 s"),
        ([{**WAVE, "duration": 0.3}], "has the duration 0.3; give a number from 0.5 to 10 s"),
        ([{**WAVE, "duration": 12}], "has the duration 12"),
        ([{**WAVE, "side": "top"}], "it can be left, right or both"),
        ([{**WAVE, "gesture": "wafe"}], "names the gesture 'wafe', which is not known; did you mean wave?"),
        ([{**WAVE, "start": 2}], "has time twice"),
        (["wave"], "entry 1 is 'wave'"),
        ({"time": 1, "gesture": "wave"}, "has no 'gestures'"),
        ({"gestures": [], "author": "me"}, "has 'author' beside 'gestures'"),
        ({"gestures": []}, "has no gestures in it"),
        ("{", "is no JSON that can be read"),
        ("3", "is no list"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "gestures.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,gesture,sise\n1,wave,2", "the first line has the column 'sise', which means nothing; did you mean size"),
        ("time,gesture\n1,wave,2", "line 2 has 3 cells but the first line 2"),
        ("time,gesture\n1,wave\n2,wafe", "line 3 names the gesture 'wafe'"),
        ("", "has no gestures in it"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=r"gestures\.csv") as caught:
        read(tmp_path, text, "gestures.csv")
    assert message in str(caught.value)


def test_words_that_are_not_known(tmp_path):
    with pytest.raises(UserError, match="the words are not known; give a transcript, or a time"):
        read(tmp_path, [{"word": "door", "gesture": "wave"}], words=())
    with pytest.raises(UserError, match=r"no such file of gestures: .*nowhere\.json"):
        requested_cues(tmp_path / "nowhere.json", seconds=1.0)
    with pytest.raises(UserError, match=r"give gestures as \.json or \.csv"):
        requested_cues(tmp_path / "gestures.bvh", seconds=1.0)
    with pytest.raises(UserError, match="entry 1 is 3"):
        requested_cues([3], seconds=1.0)
    with pytest.raises(UserError, match="got int"):
        requested_cues(3, seconds=1.0)
    with pytest.raises(UserError, match=r"entry 1 is at 5 s, outside the speech of 1\.000 s"):
        requested_cues([GestureCue("wave", 5.0)], seconds=1.0)
