"""Nothing that a command reads is written over, by whatever name; a missing file is said to be missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli_data import config_only, fails, motion_file, place, srt, tone, write_wav

__all__ = ["fails", "place"]  # fixtures

READ = "it is what is read; give another name with -o"


@pytest.fixture
def talk(place) -> Path:
    """A speech with all that may go with it."""
    write_wav(place / "talk.wav", tone(2.0))
    (place / "t.json").write_text('{"segments": [{"start": 0.0, "end": 1.0, "text": "one"}]}')
    (place / "track.csv").write_text("start,emotion\n0,joy\n")
    motion_file(place / "pose.bvh")
    motion_file(place / "dance.glb")
    srt(place / "t.html", (0.1, 0.5))
    (place / "t.mp4").write_text("said")
    (place / "points.json").write_text("{}")
    (place / "face.png").write_bytes(b"no picture")
    config_only(place / "model")
    return place


OVER = [
    "generate talk.wav --transcript t.json -o {t.json}",
    "generate talk.wav --emotion-track track.csv -o {track.csv}",
    "generate talk.wav --start-pose pose.bvh -o {pose.bvh}",
    "generate talk.wav --start-pose pose.bvh@0.1 -o x.glb {pose.bvh}",
    "generate talk.wav --end-pose pose.bvh@0.1 -o {pose.bvh}",
    "generate talk.wav --constraint pose.bvh@0:1:hands -o {pose.bvh}",
    "generate talk.wav --constraint dance.glb@0:1 --constraint pose.bvh@0:1 -o {pose.bvh}",
    "generate talk.wav --model model -o {model/config.json}",
    "edit pose.bvh --speech talk.wav -o {pose.bvh}",
    "edit pose.bvh --speech talk.wav --transcript t.json -o {t.json}",
    "face pose.bvh --speech talk.wav --transcript t.html -o {t.html}",
    "edit t.mp4 --points points.json -o {points.json}",
    "convert pose.bvh -o {pose.bvh}",
    "render pose.bvh --audio talk.wav --transcript t.mp4 -o {t.mp4}",
    "search talk.wav --library base --transcript t.json -o {t.json}",
    "search dance.glb --library base -o {dance.glb}",
    "animate face.png talk.wav --transcript t.mp4 -o {t.mp4}",
    "video keypoints face.png --points points.json -o {points.json}",
]


@pytest.mark.parametrize("words", OVER)
def test_nothing_that_is_read_is_written_over(talk, fails, words):
    before, _, rest = words.partition("{")
    name, _, after = rest.partition("}")
    assert not after
    read = Path(name)
    link = Path(f"link{read.suffix}")
    link.symlink_to(read)
    hard = Path(f"hard{read.suffix}")
    os.link(read, hard)
    for target in (name, read.resolve(), f"./model/../{name}", link, hard):
        assert READ in fails(*before.split(), target), target


def test_a_missing_input_is_not_written_over_either(place, fails):
    assert READ in fails("convert", "none.bvh", "-o", "./none.bvh")
    Path("link.bvh").symlink_to("none.bvh")
    assert READ in fails("convert", "none.bvh", "-o", "link.bvh")


def test_numbered_files_and_explanations_are_not_written_over_what_is_read(talk, fails):
    Path("x.explain.json").write_text("[]")
    words = ("generate", "talk.wav", "--transcript", "x.explain.json", "-o", "x.html")
    assert READ in fails(*words, "--explain", "--model", "exges")
    motion_file(talk / "take.2.bvh")
    words = ("generate", "talk.wav", "--start-pose", "take.2.bvh@0.1", "-o", "take.bvh")
    assert READ in fails(*words, "--variants", "3")
    Path("x.2.explain.json").write_text("[]")
    words = ("generate", "talk.wav", "--transcript", "x.2.explain.json", "-o", "x.html", "--variants", "2")
    assert READ in fails(*words, "--explain", "--model", "exges")


def test_a_missing_speech_is_said_to_be_missing(talk, fails):
    Path("gone.mp4").write_text("an older film")
    message = fails("animate", "face.png", "gone.wav")
    assert "no such file: gone.wav; check the name" in message
    assert "free space" not in message
