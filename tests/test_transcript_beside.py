"""A transcript that lies beside a recording: taken if it fits, told if it does not, never an error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import cospeech
from cospeech.cli import main
from cospeech.speech import beside
from cospeech.speech.loading import load_recording
from cospeech.speech.speech import Speech

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def talk(tmp_path):
    shutil.copy(EXAMPLES / "hello.wav", tmp_path / "talk.wav")
    return tmp_path / "talk.wav"


@pytest.fixture
def notes(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(beside, "note", said.append)
    return said


def words_of(speech: Speech) -> int:
    return len(speech.words)


def test_a_text_that_fits_is_taken_and_said(talk, notes):
    shutil.copy(EXAMPLES / "hello.txt", talk.with_suffix(".txt"))
    speech = load_recording(talk)
    assert words_of(speech) == len((EXAMPLES / "hello.txt").read_text().split())
    assert len(notes) == 1
    assert "took the words of" in notes[0]
    assert words_of(load_recording(talk, beside=False)) == 0


def test_captions_are_taken(talk, notes):
    text = (EXAMPLES / "hello.txt").read_text().strip()
    from cospeech.speech.forced_alignment import align
    from cospeech.speech.loading import load_speech

    words = align(load_speech(talk), text=text)
    half = len(words) // 2
    cues = [(words[:half], 1), (words[half:], 2)]
    lines = []
    for part, number in cues:
        start, end = (f"00:00:{time:06.3f}".replace(".", ",") for time in (part[0].start, part[-1].end))
        lines.append(f"{number}\n{start} --> {end}\n{' '.join(w.text for w in part)}\n")
    talk.with_suffix(".srt").write_text("\n".join(lines))
    assert words_of(load_recording(talk)) == len(words)
    segments = [{"start": p[0].start, "end": p[-1].end, "text": " ".join(w.text for w in p)} for p, _ in cues]
    talk.with_suffix(".srt").unlink()
    talk.with_suffix(".json").write_text(json.dumps({"segments": segments}))
    assert words_of(load_recording(talk)) == len(words)


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".txt", "the quick brown fox jumps over every lazy dog that sleeps by the river " * 3),
        (".txt", "To do: buy milk"),
        (".txt", ""),
        (".srt", "1\n00:00:05,000 --> 00:00:01,000\nbackwards\n"),
        (".TextGrid", "this is none"),
    ],
)
def test_what_does_not_fit_is_a_note(talk, notes, suffix, text):
    talk.with_suffix(suffix).write_text(text)
    assert words_of(load_recording(talk)) == 0
    assert len(notes) == 1
    assert "lies beside the recording but" in notes[0]


@pytest.mark.parametrize(
    "document", [{"format": "cospeech-visemes", "words": []}, {"names": [1]}, [1, 2], {"explain": {}}, "hello"]
)
def test_outputs_of_ours_and_other_json_are_passed_over(talk, notes, document):
    talk.with_suffix(".json").write_text(json.dumps(document))
    assert words_of(load_recording(talk)) == 0
    assert notes == []


def test_a_transcript_that_is_named_goes_first(talk, notes):
    talk.with_suffix(".txt").write_text("something else entirely")
    speech = load_recording(talk, transcript=EXAMPLES / "hello.txt")
    assert words_of(speech) > 20
    assert notes == []


def test_nothing_is_aligned_where_neither_face_nor_gestures_need_it(tmp_path, capsys):
    examples = Path(__file__).parents[1] / "examples"
    for name in ("hello.wav", "hello.txt"):
        shutil.copy(examples / name, tmp_path)
    bodies = []
    for suffix in (".bvh", ".glb"):
        out = tmp_path / f"talk{suffix}"
        main(["generate", str(tmp_path / "hello.wav"), "-o", str(out), "--gesture-density", "off"])
        assert ("took the words" in capsys.readouterr().err) == (suffix == ".glb")
        bodies.append(cospeech.load_motion(out))
    assert bodies[1].face is not None
    wrists = [body.positions[:, 20] - body.positions[:, 0] for body in bodies]
    np.testing.assert_allclose(wrists[0], wrists[1], atol=2e-3)
