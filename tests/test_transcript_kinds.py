"""Transcripts of all formats: the same words from each, what is not spoken left out, and no surprise in broken ones."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise

import pytest

from cospeech.core.errors import UserError
from cospeech.speech.beside import transcript_beside
from cospeech.speech.transcript import SUFFIXES, read_phones, read_transcript
from transcript_data import EAF, HELLO, SAME, TEXTGRID, WORLD

WANTED = [("hello", 0.5, 1.0), ("world", 1.0, 1.5)]


def read(tmp_path, name, content, *, seconds=None):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    found = read_transcript(path, seconds=seconds)
    return found if isinstance(found, str) else [(w.text, round(w.start, 3), round(w.end, 3)) for w in found]


def refused(tmp_path, name, content, **options):
    with pytest.raises(UserError) as caught:
        read(tmp_path, name, content, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", SAME)
def test_every_format_says_the_same(tmp_path, name):
    found = read(tmp_path, name, SAME[name], seconds=3.0)
    assert [(text.strip(".").lower(), start, end) for text, start, end in found] == WANTED


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"])
@pytest.mark.parametrize("name", ["cues.srt", "whisper.tsv", "long.TextGrid", "elan.eaf", "openai.json", "lines.ass"])
def test_every_encoding_and_line_end(tmp_path, name, encoding):
    content = SAME[name].replace("hello", "hé’llo" if encoding != "latin-1" else "hé'llo").replace("\n", "\r\n")
    if name.endswith(".json"):
        content = content.replace("\\u00e9", "é").replace("\\u2019", "’")
    said = [text for text, _, _ in read(tmp_path, name, content.encode(encoding), seconds=3.0)]
    assert [one.replace("’", "'") for one in said] == ["hé'llo", "world"]


def test_a_text_in_an_encoding_that_is_not_read_is_refused(tmp_path):
    assert "save it as UTF-8" in refused(tmp_path, "a.txt", "привет, как дела сегодня".encode("cp1251"))
    assert (
        read(tmp_path, "b.txt", "ça, c'était très élégant — déjà".encode("cp1252")) == "ça, c'était très élégant déjà"
    )
    assert read(tmp_path, "c.txt", "привет, как дела".encode()[:-1]).startswith("привет, как дел")


# --- kinds that were read wrongly -----------------------------------------------------------------


def test_captions_with_lines_of_one_space(tmp_path):
    content = (
        "WEBVTT\nKind: captions\nLanguage: en\n\n"
        "00:00:00.320 --> 00:00:02.230 align:start position:0%\n \n"
        "hello<00:00:00.800><c> my</c><00:00:01.100><c> friends</c>\n\n"
        "00:00:02.230 --> 00:00:02.240 align:start position:0%\nhello my friends\n \n\n"
        "00:00:05.000 --> 00:00:07.000 align:start position:0%\n \nwelcome<00:00:05.500><c> back</c>\n"
    )
    wanted = [("hello", 0.32, 0.8), ("my", 0.8, 1.1), ("friends", 1.1, 2.23), ("welcome", 5.0, 5.5), ("back", 5.5, 7.0)]
    assert read(tmp_path, "a.vtt", content) == wanted
    rolled = content.replace("position:0%\n \nwelcome", "position:0%\nhello my friends\nwelcome").replace(
        "0:05.000", "0:02.240"
    )
    assert [w[0] for w in read(tmp_path, "b.vtt", rolled)] == [w[0] for w in wanted]


def test_a_word_said_twice_is_kept_beside_rolling_lines(tmp_path):
    content = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n \nso<00:01.500><c> yes</c>\n\n00:02.000 --> 00:02.010\nso yes\n \n\n"
        "00:02.010 --> 00:03.000\nso yes\nyes\n\n00:03.000 --> 00:03.010\nyes\n \n\n00:03.010 --> 00:04.000\nyes\nyes\n"
    )
    assert [w[0] for w in read(tmp_path, "a.vtt", content)] == ["so", "yes", "yes", "yes"]
    plain = "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo.\n"
    assert [w[0] for w in read(tmp_path, "a.srt", plain)] == ["No.", "No."]


def test_rolling_captions_without_times_inside(tmp_path):
    lines = ["we go on", "and on again", "to the end"]
    cues, shown = [], []
    for at, line in enumerate(lines):
        cues.append((2.0 * at, 2.0 * at + 1.99, [*shown[-1:], line]))
        cues.append((2.0 * at + 1.99, 2.0 * at + 2.0, [line]))
        shown.append(line)
    content = "".join(
        f"{n}\n00:00:{a:06.3f} --> 00:00:{b:06.3f}\n".replace(".", ",") + "\n".join(text) + "\n\n"
        for n, (a, b, text) in enumerate(cues, start=1)
    )
    assert " ".join(w[0] for w in read(tmp_path, "a.srt", content)) == " ".join(lines)
    growing = (
        "1\n00:00:00,000 --> 00:00:01,000\nwe go\n\n2\n00:00:01,000 --> 00:00:02,000\nwe go on\n\n"
        "3\n00:00:02,000 --> 00:00:03,000\nwe go on again\n"
    )
    assert read(tmp_path, "b.srt", growing)[2:] == [("on", 1.0, 2.0), ("again", 2.0, 3.0)]


def test_speakers_noises_and_dashes_are_not_words(tmp_path):
    content = (
        "1\n00:00:00,500 --> 00:00:02,000\nANNA: Hello there\n\n2\n00:00:02,000 --> 00:00:04,000\n(laughs) Good\n\n"
        "3\n00:00:04,000 --> 00:00:05,000\n- Yes - he said -\n-No!\n\n4\n00:00:05,000 --> 00:00:06,000\n[music]\n\n"
        "5\n00:00:06,000 --> 00:00:07,000\n>> DR. SMITH (whispering): it is -5 degrees\n\n"
        '6\n00:00:07,000 --> 00:00:08,000\n♪ <i>la la</i> ♪ {\\an8}&amp; <font color="red">go</font>\n\n'
        "7\n00:00:08,000 --> 00:00:09,000\nRemember: be (quite\nloud) kind ... *sighs*\n\n"
        "8\n00:00:09,000 --> 00:00:10,000\nMAN #1: It's 12:30\n"
    )
    said = " ".join(w[0] for w in read(tmp_path, "a.srt", content))
    assert said == "Hello there Good Yes he said No! it is -5 degrees la la & go Remember: be kind It's 12:30"
    assert read(tmp_path, "a.srt", content)[:3] == [("Hello", 0.5, 1.25), ("there", 1.25, 2.0), ("Good", 2.0, 4.0)]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("ANNA: Hi (laughs) Bob", "Hi Bob"),
        ("- Hi\n- [door slams] Bob", "Hi Bob"),
        ("<v Anna>Hi Bob</v>", "Hi Bob"),
        ("Anna: Hi\nBob: Anna", "Hi Anna"),
        ("Speaker 1: Hi Bob", "Hi Bob"),
        ("SPEAKER_00: Hi Bob", "Hi Bob"),
        ("Note: Hi Bob", "Note: Hi Bob"),
        ("HTTP://x.org Hi", "HTTP://x.org Hi"),
        ("（笑） Hi 【音楽】 Bob", "Hi Bob"),
        ("Hi&nbsp;&lt;b&gt;Bob&lt;/b&gt;", "Hi Bob"),
        ("Hi \u202aBob\u202c \x1b Ann\ud800", "Hi Bob Ann"),
        ("Hi <c.yellow>Bob</c> \U0001f3b5", "Hi Bob"),
    ],
)
@pytest.mark.parametrize("name", ["a.srt", "a.tsv", "a.json", "a.lrc"])
def test_what_is_not_spoken(tmp_path, name, said, left):
    line = said.replace("\n", " \\N ") if name == "a.ass" else said
    if "\n" in said and name in ("a.tsv", "a.lrc"):
        pytest.skip("a cell has one line")
    content = {
        "a.srt": f"1\n00:00:01,000 --> 00:00:03,000\n{line}\n",
        "a.tsv": f"start\tend\ttext\n1.0\t3.0\t{line}\n",
        "a.lrc": f"[00:01.00]{line}\n[00:03.00]\n",
        "a.json": json.dumps({"segments": [{"start": 1.0, "end": 3.0, "text": line}]}),
    }[name]
    found = read(tmp_path, name, content.encode("utf-8", "replace") if name != "a.json" else content)
    if name != "a.json" and "\ud800" in said:
        left = left.replace("Ann", "Ann?")
    assert " ".join(w[0] for w in found) == left
    assert (found[0][1], found[-1][2]) == (1.0, 3.0)


def test_plain_text_says_only_what_is_said(tmp_path):
    content = "ANNA: Hello there (laughs).\r\n- [music]\r\nBOB: We met (as usual) at 12:30 — twice.\r\n(He leaves)\r\n"
    assert read(tmp_path, "a.txt", content) == "Hello there We met (as usual) at 12:30 twice."
    assert "no words" in refused(tmp_path, "b.txt", "(laughs)\n[music]\n")
    assert "formatted document" in refused(tmp_path, "c.txt", "<!DOCTYPE html><p>Hello")


def test_noises_across_words_of_a_recogniser(tmp_path):
    said = ["Hello", "(door", "slams)", "ANNA:", "there", "♪", "-", "friends."]
    items = [{"word": word, "start": 0.5 * k, "end": 0.5 * k + 0.4} for k, word in enumerate(said)]
    found = read(tmp_path, "a.json", json.dumps({"segments": [{"start": 0, "end": 5, "text": "", "words": items}]}))
    assert found == [("Hello", 0.0, 0.4), ("there", 2.0, 2.4), ("friends.", 3.5, 3.9)]


def test_words_that_gentle_did_not_find_fill_their_gap(tmp_path):
    lost = [{"case": "not-found-in-audio", "word": word} for word in ("well", "my", "all")]
    found = read(
        tmp_path,
        "a.json",
        json.dumps({"words": [lost[0], HELLO, lost[1], {**WORLD, "start": 1.4, "end": 1.9}, lost[2]]}),
    )
    assert found == [
        ("well", 0.22, 0.5),
        ("hello", 0.5, 1.0),
        ("my", 1.0, 1.4),
        ("world", 1.4, 1.9),
        ("all", 1.9, 2.11),
    ]


def test_deepgram_is_read_with_punctuation_and_both_channels(tmp_path):
    def channel(*words):
        return {"alternatives": [{"words": [*words]}]}

    document = {
        "results": {
            "channels": [
                channel({**HELLO, "punctuated_word": "Hello,"}, {**WORLD, "start": 3, "end": 4}),
                channel(WORLD),
            ]
        }
    }
    assert read(tmp_path, "a.json", json.dumps(document)) == [
        ("Hello,", 0.5, 1.0),
        ("world", 1.0, 1.5),
        ("world", 3.0, 4.0),
    ]


@pytest.mark.parametrize(("said", "held"), [("size = 3", "size = 2"), ("size = 3", "size = 7")])
def test_a_textgrid_with_a_wrong_count_is_read_and_told(tmp_path, capsys, said, held):
    assert read(tmp_path, "a.TextGrid", TEXTGRID.replace(said, held)) == WANTED
    assert "says" in capsys.readouterr().err
    path = tmp_path / "b.TextGrid"
    path.write_text(TEXTGRID.replace("size = 2\n", "size = 9\n"))
    assert [phone.name for phone in read_phones(path)] == ["AH"]


def test_textgrids_are_read_as_praat_reads_text(tmp_path):
    """Free numbers and strings in order, all else and what follows "!" is comment; checked against Praat 6.4."""
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    content = (
        'from 0 ! start 7 "x"\nto 2s\n<exists>\nthere is 1 tier\n'
        'class "IntervalTier" called "words" from 0 to 2 size=9 with 2\n'
        'at 0 until 0.5e0 "he said ""no!"""\nthen 0.5 200% "b\nc" !end'
    )
    assert read(tmp_path, "a.TextGrid", head + content) == [
        ("he", 0.0, 0.107),
        ("said", 0.107, 0.286),
        ('"no!"', 0.286, 0.5),
        ("b", 0.5, 1.25),
        ("c", 1.25, 2.0),
    ]
    assert "no TextGrid" in refused(tmp_path, "b.TextGrid", head + content[:-9])  # a string that does not end


def test_annotations_of_elan(tmp_path):
    divided = EAF.replace(
        "</ANNOTATION_DOCUMENT>",
        '<TIER TIER_ID="ortho" PARENT_REF="gesture"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="b1" ANNOTATION_REF="a3">'
        "<ANNOTATION_VALUE>one</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION><ANNOTATION><REF_ANNOTATION "
        'ANNOTATION_ID="b2" ANNOTATION_REF="a3" PREVIOUS_ANNOTATION="b1"><ANNOTATION_VALUE>two</ANNOTATION_VALUE>'
        "</REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>",
    ).replace("anna-words", "anna-notes")
    assert read(tmp_path, "a.eaf", divided) == [("one", 0.5, 1.0), ("two", 1.0, 1.5)]
    bomb = EAF.replace("<ANNOTATION_DOCUMENT", '<!DOCTYPE x [<!ENTITY a "b">]><ANNOTATION_DOCUMENT', 1)
    assert "document type" in refused(tmp_path, "b.eaf", bomb)
    assert "deeper" in refused(tmp_path, "c.eaf", "<a>" * 100_000)
    assert "no time slot" in refused(tmp_path, "d.eaf", EAF.replace('REF1="ts1"', 'REF1="ts9"'))


# --- times ----------------------------------------------------------------------------------------


def test_overlapping_cues_keep_their_times(tmp_path):
    """A cue that is cut short would be spoken in no time; then both voices are heard in turn."""
    content = "1\n00:00:00,000 --> 00:00:10,000\nwe all go on\n\n2\n00:00:00,100 --> 00:00:02,100\nyes we do\n"
    found = read(tmp_path, "a.srt", content)
    assert [w[0] for w in found] == ["we", "yes", "we", "do", "all", "go", "on"]
    assert found[0][1] == 0.0
    assert found[-1] == ("on", 7.692, 10.0)


def test_cues_at_once_and_without_length(tmp_path):
    content = "1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n00:00:01,000 --> 00:00:02,000\ntwo\n\n"
    assert read(tmp_path, "a.srt", content) == [("one", 1.0, 1.5), ("two", 1.5, 2.0)]
    assert read(tmp_path, "b.srt", content.replace("two", "one")) == [("one", 1.0, 2.0)]
    empty = "1\n00:00:01,000 --> 00:00:01,000\nhello my friends\n\n2\n00:00:05,000 --> 00:00:06,000\n\n"
    assert read(tmp_path, "c.srt", empty)[-1] == ("friends", 1.593, 2.12)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.docx", "hello", "known: .textgrid"),
        ("a.xyz", SAME["cues.srt"], "known: .textgrid"),
        ("a", "hello there", "has no suffix"),
        ("a.srt", "1\n-00:00:01,000 --> 00:00:02,000\nhi\n", "cue 1 has times"),
        ("a.srt", "1\n00:00:03,000 --> 00:00:02,000\nhi\n", "before its start"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\na<00:09.000> b\n", "cue 1 has the time 00:09.000"),
        ("a.tsv", "start\tend\ttext\n-5\t1\thi\n", "times -5.0 to 1.0"),
        ("a.tsv", "start\tend\ttext\nsoon\t1\thi\n", "line 2 has the time 'soon'"),
        ("a.tsv", "0.0\tX\n0.5\tB\n", "no column of text"),
        ("a.tsv", "0.0\t1.0\ta b\tc d\n", "more than one column"),
        ("a.tsv", "start\tend\ttext\n2.5\t1.0\thi\n", "before its start"),
        ("a.tsv", "", "no words"),
        ("x.ctm", "a 1 0.5 0.4 hi\nb 1 0.1 0.4 hi\n", "2 recordings (a, b)"),
        ("a.ctm", "a 1 0.5 -0.4 hi\n", "negative"),
        ("a.ctm", "a 1 0.5\n", "3 columns"),
        ("a.lrc", "hello\n", "line 1 has no time"),
        ("a.ass", "[Events]\nDialogue: 0,soon,later,D,,0,0,0,,hi\n", "line 1 of dialogue has no times"),
        ("a.json", '{"segments": [{"text": "hi", "start": 1' + "0" * 400 + ', "end": 2}]}', "is too large"),
        ("a.json", '{"segments": [{"text": "hi", "start": 1e400, "end": 2}]}', "is too large"),
        ("a.json", "[" * 100_000, "no JSON"),
        ("a.json", '{"text": "hello"}', "no 'segments'"),
        ("a.json", '{"words": [{"word": "hi"}]}', "no times"),
        ("a.json", '{"words": ["hi"]}', "no 'segments'"),
        ("a.TextGrid", TEXTGRID.replace("size = 3", "size = 1e400"), "no TextGrid"),
        ("a.eaf", "<html/>", "no ELAN file"),
        ("a.eaf", "<?xml", "no ELAN file"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, name, content, message):
    assert message in refused(tmp_path, name, content)


def test_a_file_without_a_suffix_is_told_by_its_content(tmp_path):
    for name, content in SAME.items():
        if not name.endswith((".ass", ".lrc", ".sbv")):
            assert len(read(tmp_path, "content", content)) == 2, name


def test_of_several_recordings_in_ctm_the_one_of_the_file_is_read(tmp_path):
    assert read(tmp_path, "b.ctm", "a 1 0.5 0.5 no\nb 1 0.5 0.5 hello\nb 1 1.0 0.5 world\n") == WANTED


@pytest.mark.parametrize("name", ["vosk.json", "deepgram.json", "words.ctm", "elan.eaf", "whisper.tsv", "lines.lrc"])
def test_every_kind_is_found_beside_a_recording(tmp_path, name):
    recording = tmp_path / "talk.wav"
    path = tmp_path / f"talk.{name.rpartition('.')[2]}"
    path.write_text(SAME[name])
    assert transcript_beside(recording) == path


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"format": "cospeech-visemes", "words": []}', '{"results": {}}', "[1]"]
)
def test_other_json_beside_a_recording_is_passed_over(tmp_path, content):
    (tmp_path / "talk.json").write_text(content)
    assert transcript_beside(tmp_path / "talk.wav") is None


# --- broken files ---------------------------------------------------------------------------------


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A text with one to four accidents: bytes changed, parts lost, doubled or moved, impossible numbers."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(data) + 1), chance.randint(1, 12)
        kind = chance.randrange(8)
        if kind == 0 and data:
            data[min(at, len(data) - 1)] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length]
        elif kind == 3:
            data = data[:at]
        elif kind == 4:
            data[at:at] = chance.choice(
                [b"\x00", b"\xff\xfe", b"-", b'"', b"<", b"[", b"{\\", b"\n\n", b" --> ", b"\xed\xa0\x80"]
            )
        elif kind == 5:
            data[at:at] = chance.choice(
                [b"1e400", b"NaN", b"-1", b"9" * 30, b"Infinity", b"null", b"[]", b"{}", b"true"]
            )
        elif kind == 6:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            data = bytearray(b"\n".join(lines))
        else:
            digits = [k for k, byte in enumerate(data) if chr(byte).isdigit()]
            if digits:
                data[chance.choice(digits)] = ord(str(chance.randrange(10)))
    return bytes(data)


def check_mutation(path, content: bytes) -> bool:
    """Reads a broken file; whether it was read. Either words in order, or one line."""
    path.write_bytes(content)
    try:
        found = read_transcript(path, seconds=60.0)
        read_phones(path)
    except UserError as error:
        lines = str(error).splitlines()
    else:
        lines = []
    if lines:
        assert len(lines) == 1
        return False
    if isinstance(found, str):
        assert found.split()
        return True
    assert found
    for word in found:
        assert 0.0 <= word.start <= word.end <= 60.0
        assert math.isfinite(word.start + word.end)
        assert word.text.strip()
        word.text.encode()
    assert all(one.start <= later.start and one.end <= later.start for one, later in pairwise(found))
    return True


def test_broken_transcripts_of_all_formats(tmp_path):
    chance = random.Random(5)
    names = sorted(SAME)
    whole = 0
    for number in range(1000):
        name = names[number % len(names)]
        path = tmp_path / f"broken{name[name.index('.') :]}"
        whole += check_mutation(path, mutated(SAME[name].encode(), chance))
    assert 100 < whole < 900  # neither all refused nor none


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("text", ["<", "[", "{\\", "(", "*", "- ", '"', "[[", "<c>", "A:", "1\t", "9:", "&#"])
def test_long_runs_of_one_sign_take_no_time(tmp_path, suffix, text):
    """60 kB of one sign, alone and in a cue: linear time (the test's own limit is that of the suite)."""
    path = tmp_path / f"a{suffix}"
    check_mutation(path, (text * (60_000 // len(text))).encode())
    head = {".srt": "1\n00:00:01,000 --> 00:00:02,000\n", ".tsv": "start\tend\ttext\n1.0\t2.0\t", ".lrc": "[00:01.00]"}
    if suffix in head:
        check_mutation(path, (head[suffix] + text * (60_000 // len(text))).encode())
