"""Marks in a text: clean text for the voice, marks for the hands, whole or as a stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cospeech
from cospeech.core.errors import UserError
from cospeech.speech.cues.markup import Marked, MarkupStream, cues_of, split
from cospeech.speech.loading import load_recording, load_speech
from cospeech.speech.placed import placed
from cospeech.speech.speech import Speech
from cospeech.speech.transcript import read_marked, read_transcript
from cospeech.speech.word import Word

ROOT = Path(__file__).parents[1]

WAVES = [
    '<expr type="gesture" label="wave"/>',
    "<expr type='gesture' label='wave' />",
    "<EXPR label=wave type=gesture/>",
    r"<expr type=\"gesture\" label=\"wave\"/>",
    "<expr type=“gesture” label=“wave”/>",
    '<gesture name="wave"/>',
    "<bookmark mark='gesture.wave'/>",
    '<mark name="gesture.wave"/>',
    "[animation:wave]",
    "[ Gesture : wave ]",
    "[anim=wave]",
    "{gesture: wave}",
    '{"gesture": "wave"}',
    '{"gesture": {"name": "wave"}}',
    '{"motion": "wave"}',
    '<|ACT:{"motion":"wave"}|>',
    '<|ACT {"motion":"wave"}|>',
    '<|ACT:"motion":"wave"|>',
    '<|act: motion="wave"|>',
    "<|ACT:wave|>",
]


@pytest.mark.parametrize("mark", WAVES)
def test_every_form(mark):
    marked = cospeech.markup.split(f"Well, {mark} hello you!")
    assert marked.text == "Well, hello you!"
    (one,) = marked.marks
    assert (one.kind, one.name, one.at, one.word, one.parameters) == ("gesture", "wave", 6, 1, {})


@pytest.mark.parametrize(
    "mark",
    [
        '<expr type="gesture" label="point" size="1.5" side="left" direction="left up" hold="2s"/>',
        "[gesture: point, size: 150%, side: Left, direction: (1, 1, 0), hold: 2 s]",
        "[gesture:point size=1.5 hand=left direction=left,up hold=2]".replace("left,up", "'left, up'"),
        "{gesture: point, size: 1.5, side: left, direction: [1, 1, 0], hold: 2}",
        '{"gesture": {"name": "point", "size": 1.5, "side": "left", "direction": [1, 1, 0], "hold": 2}}',
        '<|ACT:{"motion": "point", "size": 1.5, "side": "left", "direction": "left up", "hold": 2, "why": "so"}|>',
    ],
)
def test_parameters(mark):
    (one,) = split(mark + " that").marks
    assert one.name == "point"
    assert one.parameters == {"size": 1.5, "side": "left", "direction": (1.0, 1.0, 0.0), "hold": 2.0}


def test_what_language_models_write():
    marked = split(
        '<|ACT:{"emotion":{"name":"happy","intensity":0.8},"motion":"wave"}|>Hello! <|EMOTE_SAD|>Oh. '
        '{"emotion": "surprised", "motion": null, "intent": "greet"} So? [emotion:angry]No.'
    )
    assert marked.text == "Hello! Oh. So? No."
    assert [(one.name, one.at, one.word) for one in marked.emotions] == [
        ("joy", 0, 0),
        ("sadness", 7, 1),
        ("surprise", 11, 2),
        ("anger", 15, 3),
    ]
    assert marked.emotions[0].parameters == {"intensity": 0.8}
    assert [(one.name, one.word) for one in marked.gestures] == [("wave", 0)]
    two = split('{"motion": ["nod", {"name": "point", "side": "right"}]} Yes')
    assert [(one.name, one.parameters) for one in two.gestures] == [("nod", {}), ("point", {"side": "right"})]


def test_azure_names():
    (one,) = split("Hello <bookmark mark='gesture.wave-left-1'/> there").marks
    assert (one.name, one.parameters) == ("wave", {"side": "left"})
    assert split("<bookmark mark='gesture.show-front-3'/>x").marks[0].name == "show-front"


UNHARMED = [
    "a < b and <b>bold</b> <break time='1s'/> <mark name='here'/> <bookmark mark='chapter.2'/>",
    "see [1], [laughs], {x: 1}, {'a': 2} and f[animation] or [gesture]",
    '{"text": "hello", "size": 3} <|DELAY:1|> <|ACTOR:me|> <expr type="pause" label="long"/>',
    "an arrow <- and <<two>> [[gestures]] {{}} <",
    "naïve — “quoted”\r\n\tlines\n\n  and  spaces ",
]


@pytest.mark.parametrize("text", UNHARMED)
def test_what_is_no_mark_stays(text):
    assert split(text) == Marked(text)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("[gesture:nod] Yes", "Yes"),
        ("so[gesture:nod], yes", "so, yes"),
        ("Yes. [gesture:nod]", "Yes. "),
        ("a\n[gesture:nod]\nb", "a\nb"),
        ("a\n\n[gesture:nod] b", "a\n\nb"),
        ("a [gesture:nod] [gesture:wave] b", "a b"),
        ('<expr type="gesture" label="wave">Hello</expr> you', "Hello you"),
    ],
)
def test_spaces_around_marks(text, clean):
    assert split(text).text == clean


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[gesture:nod]one two", 0),
        ("one[gesture:nod] two", 1),
        ("one [gesture:nod]two", 1),
        ("one[gesture:nod], two", 1),
        ("do[gesture:nod]n't go", 0),
        ("well[gesture:nod]-known man", 0),
        ("one — [gesture:nod] — two", 1),
        ("one two [gesture:nod]", 2),
        ("one two![gesture:nod]", 2),
    ],
)
def test_the_word_that_follows(text, word):
    assert split(text).marks[0].word == word


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('so <expr type="gesture" label="wave"', "at character 3 of the text is not closed; end it with />"),
        ("[animation:wave hello\nyou", "is not closed; end it with ]"),
        ("<|ACT:motion=wave", "is not closed; end it with |>"),
        ("{gesture: wave " + "x" * 1000 + "}", "is not closed; end it with }"),
        ('<expr type="gesture"/>', "has no label"),
        ("[gesture:]", "has no name"),
        ("<|ACT:|>", "is empty"),
        ('<expr type="gesture" label="wave" sice="2"/>', "has 'sice', which no gesture takes; did you mean size"),
        ('<expr type="gesture" label="wave" loud/>', "has 'loud', which is no name"),
        ("{gesture: wave, duration: 20}", "has the duration '20'; give a number from 0.5 to 10 s"),
        ("{gesture: wave, side: top}", "it can be left, right or both"),
        ("{gesture: wave, repeats: 1.5}", "give a whole number from 1 to 20"),
        ("{gesture: point, direction: [0, 0, 0]}", "give x, y, z"),
        ("{gesture: wave, size: 1, scale: 2}", "has size twice"),
        ("[emotion: joy, side: left]", "has 'side', which no gesture takes"),
    ],
)
def test_a_mark_that_cannot_be_read(text, message):
    with pytest.raises(UserError) as caught:
        split(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert split(text, strict=False) == Marked(text)


PIECES = st.sampled_from(
    [*WAVES, *UNHARMED, "Hello ", "don't", " ", "\n", ", ", "<", "[", "{", "<|", "|>", "]", "}", "/>", '"', "'", "\\"]
    + ['<expr type="gesture"', "[animation:", "{gesture", "<|ACT", "<|EMOTE_HAPPY|>", "é", "1", "</expr>", "wave"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), st.data())
def test_any_chunking_gives_the_same(text, data):
    whole = split(text, strict=False)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    stream = MarkupStream()
    parts = [stream.push(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)] + [stream.close()]
    assert "".join(part.text for part in parts) == whole.text
    assert [mark for part in parts for mark in part.marks] == list(whole.marks)


@given(st.text(alphabet="ab <>[]{}|/\"':=,.\\\n", max_size=60))
def test_nothing_is_lost_of_a_text_without_marks(text):
    assert split(text, strict=False) == Marked(text)


def test_a_stream_hands_on_text_at_once():
    stream = MarkupStream()
    said = []
    for character in "Hello you [animation:wave] and [1] so":
        said.append(stream.push(character).text)
    assert said[: len("Hello you ")] == list("Hello you ")
    assert said[len("Hello you [animation:wave] a") - 1] == "a"
    assert said[len("Hello you [animation:wave] and [1") - 1] == "[1"  # a bracket waits for one character
    endless = MarkupStream()
    endless.push("{gesture: wave ")
    assert sum(len(endless.push("word ").text) for _ in range(400)) > 1000  # what never closes does not wait for ever


def test_cues_at_words():
    words = (Word("Hello,", 0.0, 0.4), Word("my", 0.5, 0.7), Word("friend.", 0.7, 1.3))
    cues = cues_of(split("[gesture:wave]Hello, {gesture: point, hold: 2} my friend [gesture:bow]"), words)
    assert [(cue.gesture, cue.word, cue.source) for cue in cues] == [
        ("wave", "Hello,", "text"),
        ("point", "my", "text"),
        ("bow", "friend.", "text"),
    ]
    for cue, word in zip(cues, words, strict=True):
        assert word.start <= cue.time <= word.end
    assert cues[1].hold_until == pytest.approx(cues[1].time + 2)
    assert cues_of(split("Hello my friend"), ()) == ()


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("a well known man came in", 4),  # split otherwise
        ("a well-known man came in", 3),
        ("A WELL-KNOWN, man came! in", 3),
        ("a well-known gentleman came in", 3),  # heard otherwise
        ("um a well-known man came in", 4),
        ("awell-known man came in", 2),
    ],
)
def test_words_that_are_written_otherwise(said, place):
    words = [Word(text, float(k), k + 0.5) for k, text in enumerate(said.split())]
    (cue,) = cues_of(split("A well-known man [gesture:nod] came in."), words)
    assert cue.word == said.split()[place]


def test_unknown_gestures_list_near_ones():
    words = (Word("Hello", 0.0, 0.4),)
    with pytest.raises(UserError, match=r"names the gesture 'wafe', which is not known; did you mean wave\?"):
        cues_of(split("[gesture:wafe] Hello"), words, known=["wave", "nod"])
    assert cues_of(split("[gesture:Shake-Head] Hello"), words, known=["shake_head"])
    with pytest.raises(UserError, match="need the times of its words"):
        cues_of(split("[gesture:wave] Hello"), ())


def test_a_text_with_marks_as_a_transcript(tmp_path):
    text = (ROOT / "examples" / "hello.txt").read_text()
    marked = text.replace("Look at", "[gesture:point] Look <b>at</b>").replace("wave,", '<expr label="wave"/>wave,')
    assert marked != text
    path = tmp_path / "talk.txt"
    path.write_text("{gesture: bow} (music) " + marked)
    assert read_transcript(path) == " ".join(text.split())
    found = read_marked(path)
    assert [mark.word for mark in found.marks] == [0, text.split().index("Look"), text.split().index("wave,")]
    speech = load_speech(ROOT / "examples" / "hello.wav", transcript=path)
    assert [(cue.gesture, cue.word) for cue in speech.cues] == [("bow", "Hello!"), ("point", "Look"), ("wave", "wave,")]
    for cue in speech.cues:
        word = next(word for word in speech.words if word.text == cue.word)
        assert word.start < cue.time < word.end
    later = speech.cut(start=2.0)
    assert [cue.time for cue in later.cues] == pytest.approx([cue.time - 2.0 for cue in speech.cues[1:]])
    assert speech.resampled(sample_rate=8000).cues == speech.cues
    moved = placed(speech, start=1.5, seconds=speech.seconds + 3)
    assert [cue.time for cue in moved.cues] == pytest.approx([cue.time + 1.5 for cue in speech.cues])


def test_marks_in_what_lies_beside_a_recording(tmp_path):
    (tmp_path / "hello.wav").write_bytes((ROOT / "examples" / "hello.wav").read_bytes())
    text = (ROOT / "examples" / "hello.txt").read_text()
    (tmp_path / "hello.txt").write_text(text.replace("Look", "[gesture:point] Look"))
    speech = load_recording(tmp_path / "hello.wav")
    assert [(cue.gesture, cue.word) for cue in speech.cues] == [("point", "Look")]


def test_a_transcript_whose_marks_cannot_be_read(tmp_path):
    path = tmp_path / "talk.txt"
    path.write_text("Hello [gesture:wave you")
    with pytest.raises(UserError, match=r"talk\.txt: the mark .* is not closed"):
        read_transcript(path)
    path.write_text('{"emotion": "joy", "motion": "wave"} Hello you')  # not a recogniser's JSON
    assert read_transcript(path) == "Hello you"


def test_a_cut_drops_cues_outside_it():
    (cue,) = cues_of(split("[gesture:wave] a"), (Word("a", 1.0, 1.2),))
    speech = Speech(np.zeros(48000, np.float32), cues=(cue,))
    assert speech.cut(start=0.5, end=1.5).cues[0].time == pytest.approx(0.6)
    assert speech.cut(end=1.0).cues == ()
