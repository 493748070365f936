"""Tracks of lips that cannot be used, of every kind: each ends in one line that says what is wrong, and where."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cli_data import fails, motion_file, place, tone, write_wav
from cospeech.core.errors import UserError
from cospeech.motion.formats import load_motion
from cospeech.speech import lip_track
from cospeech.speech.lip_track import load_lips

__all__ = ["fails", "place"]  # fixtures

LIVE_LINK = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,JawOpen,MouthClose,HeadYaw\n"
    "14:03:52:28.207,61,0.25,0.5,0.1,0.2\n"
    "14:03:52:29.207,61,0.5,0.75,0.0,0.0\n"
    "14:03:53:00.207,0\n"
)
VRM = "time,aa,ih,ou,ee,oh\n0.0,0,0,0,0,0\n0.1,1,0,0,0,0\n0.2,0,1,0,0,0\n"
VRM0 = VRM.replace("aa,ih,ou,ee,oh", "A,I,U,E,O")
OCULUS = "time,viseme_aa,viseme_PP\n0.0,0,0\n0.1,1,0\n0.2,0,1\n"
RHUBARB = "0.00\tX\n0.50\tD\n0.80\tA\n0.90\tX\n"


def textgrid(*intervals: tuple[float, float, str]) -> str:
    rows = "".join(f'{start:g}\n{end:g}\n"{label}"\n' for start, end, label in intervals)
    last = intervals[-1][1] if intervals else 1
    head = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n{last:g}\n<exists>\n1\n'
    return f'{head}"IntervalTier"\n"phones"\n0\n{last:g}\n{len(intervals)}\n{rows}'


def cues(*spans: tuple[object, object, object]) -> str:
    return json.dumps({"mouthCues": [{"start": a, "end": b, "value": name} for a, b, name in spans]})


def timed(*spans: tuple[object, object, object]) -> str:
    return json.dumps({"visemes": [{"start": a, "end": b, "viseme": name} for a, b, name in spans]})


def columns(names: object, starts: object, lengths: object) -> str:
    return json.dumps({"visemes": names, "vtimes": starts, "vdurations": lengths})


def weights(names: object, rows: object, fps: object = 30) -> str:
    return json.dumps({"fps": fps, "names": names, "weights": rows})


GOOD = {
    "live link.csv": LIVE_LINK,
    "vrm.csv": VRM,
    "vrm0.csv": VRM0,
    "oculus.csv": OCULUS,
    "rhubarb.tsv": RHUBARB,
    "rhubarb.json": cues((0.0, 0.5, "X"), (0.5, 0.8, "D"), (0.8, 0.9, "A")),
    "timed.json": timed((0.5, 0.8, "viseme_aa"), (0.8, 0.9, "PP")),
    "columns.json": columns(["aa", "PP"], [500, 800], [300, 100]),
    "weights.json": weights(["aa", "ih"], [[0, 0], [1, 0]]),
    "oculus.json": weights(["sil", "PP", "aa"], [[1, 0, 0], [0, 0, 1]]),
    "phones.TextGrid": textgrid((0, 0.5, ""), (0.5, 0.8, "AA1"), (0.8, 0.9, "ʔ"), (0.9, 1.0, "sil")),
}

BAD = [
    # times backwards
    ("a.csv", LIVE_LINK.replace("14:03:52:29.207", "14:03:51:29.207"), "line 3: the time runs backwards"),
    ("a.csv", VRM.replace("0.2,", "0.05,"), "line 4: the time runs backwards"),
    ("a.csv", OCULUS.replace("0.2,", "0.1,"), "line 4: the time runs backwards"),
    ("a.tsv", RHUBARB.replace("0.80", "0.20"), "entry 3 is at 0.2 s, after one at 0.5 s"),
    ("a.json", cues((0.5, 0.8, "D"), (0.2, 0.3, "A")), "entry 2 is at 0.2 to 0.3 s, after one at 0.5 s"),
    ("a.json", cues((0.5, 0.2, "D")), "entry 1 is at 0.5 to 0.2 s"),
    ("a.json", timed((0.5, 0.8, "aa"), (0.2, 0.3, "PP")), "put times in order"),
    ("a.json", columns(["aa", "PP"], [500, 200], [300, 100]), "put times in order"),
    ("a.json", columns(["aa"], [500], [-300]), "put times in order"),
    ("a.TextGrid", textgrid((0.5, 0.8, "AA"), (0.2, 0.3, "M")), "interval 2 of tier 'phones'"),
    ("a.TextGrid", textgrid((0.5, 0.2, "AA")), "interval 1 of tier 'phones'"),
    # unknown names
    ("a.csv", LIVE_LINK.replace("MouthClose", "Close"), "unknown name 'Close'"),
    ("a.csv", VRM.replace("ih", "ix"), "unknown name 'ix'"),
    ("a.csv", OCULUS.replace("viseme_PP", "viseme_QQ"), "unknown name 'viseme_QQ'"),
    ("a.csv", "time,browInnerUp\n0.0,1\n", "unknown name"),
    ("a.tsv", RHUBARB.replace("D", "Q"), "entry 2: unknown name 'Q'"),
    ("a.txt", "0.00\tQ\n0.50\tD\n", "entry 1: unknown name 'Q'"),
    ("a.json", cues((0.5, 0.8, "Q")), "entry 1: unknown name 'Q'"),
    ("a.json", cues((0.5, 0.8, None)), "unknown name 'None'"),
    ("a.json", timed((0.5, 0.8, "zz")), "unknown name 'zz'"),
    ("a.json", columns(["aa", 3], [0, 100], [100, 100]), "unknown name '3'"),
    ("a.json", weights(["aa", "zz"], [[0, 1]]), "unknown name 'zz'"),
    ("a.TextGrid", textgrid((0.5, 0.8, "AA"), (0.8, 0.9, "?!")), "interval 2 of tier 'phones': unknown name '\\?!'"),
    # names twice, and none
    ("a.csv", VRM.replace("ih", "aa"), "names 'aa' twice"),
    ("a.csv", LIVE_LINK.replace("MouthClose", "jawopen"), "names 'jawopen' twice"),
    ("a.json", weights(["PP", "PP"], [[0, 1]]), "names 'PP' twice"),
    ("a.json", weights([], [[], []]), "unknown name ''"),
    ("a.csv", "time\n0.1\n0.2\n", "no track of lips"),
    # no finite numbers
    ("a.csv", LIVE_LINK.replace("0.75", "nan"), "line 3: 'nan' is no finite number"),
    ("a.csv", VRM.replace("0.1,1", "0.1,inf"), "line 3: 'inf' is no finite number"),
    ("a.csv", VRM.replace("0.1,", "nan,"), "line 3: 'nan' is no finite number"),
    ("a.csv", OCULUS.replace("0.1,1", "0.1,open"), "line 3: 'open' is no finite number"),
    ("a.tsv", RHUBARB.replace("0.50", "nan"), "entry 2: 'nan' is no finite number"),
    ("a.txt", "nan\tX\n0.50\tD\n", "entry 1: 'nan' is no finite number"),
    ("a.json", cues((0.5, float("nan"), "D")), "entry 1: 'nan' is no finite number"),
    ("a.json", cues((0.5, None, "D")), "entry 1: 'None' is no finite number"),
    ("a.json", cues(([], 1, "D")), "is no finite number"),
    ("a.json", timed((float("inf"), 1, "aa")), "the number Infinity is too large"),
    ("a.json", timed((0, 10**400, "aa")), "is too large"),
    ("a.json", timed((True, 2, "aa")), "'True' is no finite number"),
    ("a.json", columns(["aa"], ["soon"], [1]), "'soon' is no finite number"),
    ("a.json", weights(["aa"], [[float("nan")]]), "row 1: 'nan' is no finite number"),
    ("a.json", weights(["aa"], [[1]], fps=float("nan")), "fps: 'nan' is no finite number"),
    ("a.json", weights(["aa"], [[1]], fps=0), "fps is 0"),
    ("a.json", weights(["aa"], [[1]], fps="fast"), "fps: 'fast'"),
    ("a.TextGrid", textgrid((0.5, float("nan"), "AA")), "no TextGrid"),
    ("a.TextGrid", textgrid((0.5, 0.8, "AA")).replace('0.8\n"AA', '1e999\n"AA'), "interval 1 of tier 'phones'"),
    # wrong numbers of columns
    ("a.csv", LIVE_LINK.replace(",0.0,0.0\n", ",0.0\n"), "line 3 has 5 cells of 6"),
    ("a.csv", LIVE_LINK.replace(",0.0,0.0\n", ",0.0,0.0,1\n"), "line 3 has 7 cells of 6"),
    ("a.csv", VRM.replace("0.1,1,0,0,0,0", "0.1,1"), "line 3 has 2 cells of 6"),
    ("a.csv", OCULUS.replace("0.1,1,0", "0.1,1,0,1"), "line 3 has 4 cells of 3"),
    ("a.tsv", RHUBARB.replace("\tD", "\tD\tE"), "entry 2 has 3 columns"),
    ("a.tsv", RHUBARB.replace("\tD", ""), "entry 2 has 1 columns"),
    ("a.json", columns(["aa"], [1, 2], [3]), "differ in length"),
    ("a.json", weights(["aa", "ih"], [[0, 1], [0]]), "every row of weights must have 2 numbers"),
    ("a.json", weights(["aa"], [0, 1]), "every row of weights must have 1 numbers"),
    # times below 0
    ("a.csv", VRM.replace("0.0,0,0", "-0.5,0,0"), "line 2 is at -0.5 s; times count from 0"),
    ("a.tsv", RHUBARB.replace("0.00", "-0.50"), "entry 1 begins at -0.5 s; times count from 0"),
    ("a.json", cues((-0.5, 0.8, "D")), "entry 1 begins at -0.5 s"),
    ("a.json", timed((-0.5, 0.8, "aa")), "entry 1 begins at -0.5 s"),
    ("a.json", columns(["aa"], [-500], [100]), "entry 1 begins at -0.5 s"),
    ("a.TextGrid", textgrid((-0.5, 0.8, "AA")), "interval 1 of tier 'phones'"),
    # overlapping
    (
        "a.json",
        cues((0.0, 1.0, "D"), (0.5, 1.5, "A")),
        "entry 2 begins at 0.5 s, before the one above it ends \\(1 s\\)",
    ),
    ("a.json", timed((0.0, 1.0, "aa"), (0.5, 1.5, "PP")), "before the one above it ends"),
    ("a.json", columns(["aa", "PP"], [0, 500], [1000, 100]), "before the one above it ends"),
    ("a.TextGrid", textgrid((0.0, 1.0, "AA"), (0.5, 1.5, "M")), "interval 2 of tier 'phones'"),
    # nothing in it
    *((f"a{suffix}", text, "is empty") for suffix in (".csv", ".tsv", ".json", ".TextGrid") for text in ("", " \n")),
    ("a.csv", LIVE_LINK.splitlines()[0], "no track of lips"),
    ("a.json", "{}", "no track of lips"),
    ("a.json", "[]", "no track of lips"),
    ("a.json", '{"visemes": 3}', "no track of lips"),
    ("a.json", '{"visemes": null, "mouthCues": {}}', "no track of lips"),
    ("a.json", cues(), "no phones or visemes"),
    ("a.json", timed(), "no phones or visemes"),
    ("a.json", columns([], [], []), "no phones or visemes"),
    ("a.json", weights(["aa"], []), "every row of weights"),
    ("a.TextGrid", textgrid(), "no phones or visemes"),
    ("a.TextGrid", textgrid((0, 1, "AA")).replace("phones", "words"), "no phones or visemes"),
    # far too long
    ("a.tsv", "0.0\tD\n1e12\tA\n", "a track of lips lasts"),
    ("a.json", cues((0.0, 1e12, "D")), "a track of lips lasts"),
    ("a.json", timed((1e9, 1e9 + 1, "aa")), "a track of lips lasts"),
    ("a.csv", VRM.replace("0.2,", "1e12,"), "a track of lips lasts"),
    ("a.json", weights(["aa"], [[1]], fps=1e-9), "a track of lips lasts"),
    ("a.TextGrid", textgrid((0, 1e12, "AA")), "a track of lips lasts"),
    # no such format at all
    ("a.json", "[" * 100_000, "no JSON"),
    ("a.json", '{"mouthCues": [', "no JSON"),
    ("a.csv", "time,aa\n" + "x" * 200_000, "no CSV table"),
    ("a.csv", "hello there", "no track of lips"),
    ("a.TextGrid", "hello there", "no TextGrid"),
    ("a.TextGrid", GOOD["phones.TextGrid"][:-20], "no TextGrid"),
]


@pytest.mark.parametrize("name", list(GOOD))
def test_what_the_bad_tracks_are_made_of_is_good(tmp_path, name):
    (tmp_path / name).write_text(GOOD[name])
    track = load_lips(tmp_path / name)
    assert np.isfinite(track.weights).all()
    assert track.weights.max() > 0.7


@pytest.mark.parametrize(("name", "text", "message"), BAD)
def test_a_bad_track_ends_in_one_line(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_lips(tmp_path / name)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 300 + len(str(tmp_path))
    assert name in line


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.TextGrid"])
def test_what_is_no_text_or_no_file(tmp_path, name):
    with pytest.raises(UserError, match="no such track of lips"):
        load_lips(tmp_path / name)
    (tmp_path / name).write_bytes(bytes(range(256)) * 4)
    with pytest.raises(UserError, match="no text file; give CSV"):
        load_lips(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="is a folder"):
        load_lips(tmp_path / name)


def test_a_huge_file_is_not_read(tmp_path):
    with open(tmp_path / "a.csv", "wb") as file:
        file.truncate(lip_track.LARGEST + 1)  # takes no space
    with pytest.raises(UserError, match="has 256 MiB; a track of lips has 256 at most"):
        load_lips(tmp_path / "a.csv")


@pytest.mark.parametrize("command", ["generate", "face", "edit"])
def test_the_commands_end_in_that_line(place, fails, command):
    write_wav(place / "talk.wav", tone(1.0))
    motion_file(place / "dance.npz", frames=30)
    (place / "lips.tsv").write_text("0.50\tX\n0.20\tD\n")
    given = ["talk.wav"] if command == "generate" else ["dance.npz", "--speech", "talk.wav"]
    assert "lips.tsv, entry 2 is at 0.2 s" in fails(command, *given, "--lips", "lips.tsv", "-o", "out.glb")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LIVE_LINK.replace("14:03:52:29.207", "14:03:51:29.207"), "line 3: the time runs backwards"),
        (LIVE_LINK.replace(",0.0,0.0\n", ",0.0\n"), "line 3 has 5 cells of 6"),
        (LIVE_LINK.replace(",0.0,0.0\n", ",0.0,0.0,1\n"), "line 3 has 7 cells of 6"),
        (LIVE_LINK.replace("0.75", "nan"), "line 3: 'nan' is not a finite number"),
        (LIVE_LINK.replace("MouthClose", "JawOpen"), "names 'jawopen' twice"),
        ("", "needs a line of names"),
    ],
)
def test_a_bad_face_is_no_motion_either(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_motion(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)


def test_midnight_is_not_backwards(tmp_path):
    text = LIVE_LINK.replace("14:03:52", "23:59:59").replace("14:03:53", "00:00:00")
    (tmp_path / "a.csv").write_text(text)
    assert len(load_lips(tmp_path / "a.csv").weights) == 3
    assert load_motion(tmp_path / "a.csv").frames == 3


def test_rows_lie_at_their_times(tmp_path):
    """Times may be rounded, uneven and begin late."""
    times = [round(2.0 + k / 30, 3) for k in range(1800)] + [65.0]
    rows = [float(k in (0, 1500)) for k in range(1801)]
    (tmp_path / "a.csv").write_text("time,aa\n" + "".join(f"{t},{w}\n" for t, w in zip(times, rows, strict=True)))
    track = load_lips(tmp_path / "a.csv")
    heard = track.phone_track(70.0).probabilities[:, lip_track.PHONE_INDEX["AA"]]
    peaks = np.flatnonzero((heard > 0.5) & (heard >= np.roll(heard, 1)) & (heard >= np.roll(heard, -1)))
    assert abs(peaks / 100 - 2.0).min() < 0.03
    assert abs(peaks / 100 - 52.0).min() < 0.03
    assert ((abs(peaks / 100 - 2.0) < 0.05) | (abs(peaks / 100 - 52.0) < 0.05)).all()
