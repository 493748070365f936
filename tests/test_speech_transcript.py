"""Transcripts: each layout people have, and a clear line for each that is wrong."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

from cospeech.core.errors import UserError
from cospeech.speech.transcript import read_transcript, spread

SHARED = Path(os.environ.get("COSPEECH_SHARED", Path(__file__).parents[2] / "shared"))

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 2
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.0
            text = "HH"
        intervals [3]:
            xmin = 1.0
            xmax = 2
            text = "AY1"
    item [2]:
        class = "TextTier"
        name = "beats"
        xmin = 0
        xmax = 2
        points: size = 1
        points [1]:
            number = 0.7
            mark = "x = 3"
    item [3]:
        class = "IntervalTier"
        name = "NAME"
        xmin = 0
        xmax = 2
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.0
            text = "say ""hi"""
        intervals [3]:
            xmin = 1.0
            xmax = 1.25
            text = "<sil>"
        intervals [4]:
            xmin = 1.25
            xmax = 2
            text = "señor"
'''
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2
<exists>
1
"IntervalTier"
"words"
0
2
3
0
0.5
""
0.5
1
"hello"
1
2
"world"
"""


def words(tmp_path, name, content, *, encoding="utf-8", seconds=None):
    path = tmp_path / name
    path.write_bytes(content.encode(encoding))
    found = read_transcript(path, seconds=seconds)
    return [(w.text, round(w.start, 3), round(w.end, 3)) for w in found]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("tier", ["words", "anna - words", "Ortho", "speech"])
def test_textgrid_long(tmp_path, tier, encoding):
    found = words(tmp_path, "a.TextGrid", LONG.replace("NAME", tier), encoding=encoding)
    assert found == [("say", 0.5, 0.722), ('"hi"', 0.722, 1.0), ("señor", 1.25, 2.0)]


def test_textgrid_short(tmp_path):
    assert words(tmp_path, "a.TextGrid", SHORT) == [("hello", 0.5, 1.0), ("world", 1.0, 2.0)]
    assert words(tmp_path, "a", SHORT) == [("hello", 0.5, 1.0), ("world", 1.0, 2.0)]
    with pytest.raises(UserError, match=r"suffix \.unknown"):
        words(tmp_path, "a.unknown", SHORT)


def test_real_textgrid():
    path = SHARED / "data" / "beat2" / "2_scott_0_1_1.TextGrid"
    if not path.exists():
        pytest.skip("the shared data are not here")
    found = read_transcript(path, seconds=48.0)
    assert len(found) == 160
    assert (found[0].text, found[0].start, found[0].end) == ("the", 1.42, 1.52)


def test_srt(tmp_path):
    content = (
        "1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Hello</i> {\\an8}there\r\n\r\n"
        "2\r\n00:00:02,500 --> 00:00:03,000\r\n[music]\r\n\r\n"
        "3\r\n00:00:03,000 --> 00:00:04,000\r\nA &amp; B\r\n"
    )
    found = words(tmp_path, "a.srt", content)
    assert [w[0] for w in found] == ["Hello", "there", "A", "&", "B"]
    assert found[0] == ("Hello", 1.0, 1.5)


def test_vtt_with_times_inside(tmp_path):
    content = (
        "WEBVTT\n\nNOTE made --by hand\n\n"
        "intro\n00:01.000 --> 00:03.000 align:start\nso<00:01.500><c> we</c><00:02.000><c> go</c>\n\n"
        "00:03.000 --> 00:03.010\nso we go\n\n"
        "00:03.010 --> 00:05.000\nso we go\non<00:04.000><c> now</c>\n"
    )
    assert words(tmp_path, "a.vtt", content) == [
        ("so", 1.0, 1.5),
        ("we", 1.5, 2.0),
        ("go", 2.0, 3.0),
        ("on", 3.01, 4.0),
        ("now", 4.0, 5.0),
    ]


SAID = [{"word": " Hi", "start": 0.5, "end": 0.8}, {"word": " all.", "start": 0.9, "end": 1.5}]


@pytest.mark.parametrize(
    "data",
    [
        {"text": "", "segments": [{"id": 0, "start": 0.4, "end": 1.6, "text": " Hi all.", "words": SAID}]},
        {"segments": [{"start": 0.4, "end": 1.6, "text": " Hi all."}], "words": SAID},
        [{"start": 0.4, "end": 1.6, "text": " Hi all.", "words": SAID}],
        {"word_segments": SAID},
        {
            "text": "Hi all.",
            "chunks": [{"timestamp": [0.5, 0.8], "text": " Hi"}, {"timestamp": [0.9, 1.5], "text": " all."}],
        },
        {
            "transcription": [
                {"offsets": {"from": 500, "to": 800}, "text": " Hi"},
                {"offsets": {"from": 900, "to": 1500}, "text": " all."},
            ]
        },
    ],
    ids=["openai", "web", "list", "whisperx", "pipeline", "cpp"],
)
def test_whisper_layouts(tmp_path, data):
    assert words(tmp_path, "a.json", json.dumps(data)) == [("Hi", 0.5, 0.8), ("all.", 0.9, 1.5)]


def test_whisper_segments_only_are_spread(tmp_path):
    data = {"segments": [{"start": 1.0, "end": 2.0, "text": " we go on"}]}
    assert words(tmp_path, "a.json", json.dumps(data)) == [("we", 1.0, 1.333), ("go", 1.333, 1.667), ("on", 1.667, 2.0)]


def test_whisperx_words_without_times_fill_the_gap(tmp_path):
    them = {"word": "them", "start": 1.2, "end": 1.5}
    said = [SAID[0], {"word": "42"}, {"word": "of"}, them, {"word": "5"}]
    data = {"segments": [{"start": 0.4, "end": 1.9, "text": "...", "words": said}]}
    assert words(tmp_path, "a.json", json.dumps(data)) == [
        ("Hi", 0.5, 0.8),
        ("42", 0.8, 1.0),
        ("of", 1.0, 1.2),
        ("them", 1.2, 1.5),
        ("5", 1.5, 1.9),
    ]


def test_plain_text(tmp_path):
    (tmp_path / "a.txt").write_text("Hello,\n  you there.\n")
    assert read_transcript(tmp_path / "a.txt") == "Hello, you there."


def test_a_last_word_that_hangs_over_is_cut(tmp_path):
    content = "1\n00:00:01,000 --> 00:00:02,400\nhello\n"
    assert words(tmp_path, "a.srt", content, seconds=2.0) == [("hello", 1.0, 2.0)]


def test_small_overlaps_are_cut(tmp_path):
    content = "1\n00:00:01,000 --> 00:00:02,200\none\n\n2\n00:00:02,000 --> 00:00:03,000\ntwo\n"
    assert words(tmp_path, "a.srt", content) == [("one", 1.0, 2.0), ("two", 2.0, 3.0)]


BAD = [
    ("a.srt", "1\n00:00:01,000 --> 00:00:09,000\nhello\n", "cue 1 .*recording lasts 2.000 s"),
    ("a.srt", "1\n00:00:05,000 --> 00:00:06,000\nhello\n", "cue 1 .*recording lasts 2.000 s"),
    ("a.srt", "1\n00:00:01,500 --> 00:00:01,000\nhello\n", "cue 1 .*before its start"),
    ("a.srt", "1\n00:00:01,500 --> 00:00:01,700\nb\n\n2\n00:00:01,000 --> 00:00:01,200\na\n", "cue 2 .*in order"),
    ("a.srt", "1\nsoon --> later\nhello\n", "cue 1 has times"),
    ("a.srt", "\n", "no words"),
    ("a.txt", " \n", "is empty"),
    ("a.TextGrid", "hello", "no TextGrid"),
    ("a.TextGrid", LONG[:500], "no TextGrid"),
    ("a.json", "{", "no JSON"),
    ("a.json", "3", "no 'segments'"),
    ("a.json", '{"segments": [{"text": "hi"}]}', "segment 1 .*no times"),
    ("a.json", '{"segments": [{"text": "hi", "start": "now", "end": 1}]}', "segment 1 has the time 'now'"),
    ("a.json", '{"segments": [{"text": "hi", "start": NaN, "end": 1}]}', "segment 1 .*correct"),
    ("a.txt", "a\x00b", "no text file"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_wrong_files_get_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        read_transcript(tmp_path / name, seconds=2.0)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_missing_and_folder(tmp_path):
    with pytest.raises(UserError, match="no such transcript"):
        read_transcript(tmp_path / "none.srt")
    with pytest.raises(UserError, match="is a folder"):
        read_transcript(tmp_path)


def test_spread_fills_its_time():
    found = spread("to be or not", start=1.0, end=3.0)
    assert found[0].start == 1.0
    assert found[-1].end == pytest.approx(3.0)
    assert all(a.end == b.start for a, b in pairwise(found))
