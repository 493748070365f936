"""What programs hear of a command: ``--progress json``, docs/progress.md."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli_data import motion_file, needs_model, tone, write_wav
from cospeech import __version__
from cospeech.cli import main
from cospeech.core import progress


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def heard(capsys, *words: object, status: int | None = None) -> list[dict]:
    """The lines of a command, all of which are JSON; the first and the last are as promised."""
    code = None
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        code = end.code
    assert code == status
    out, err = capsys.readouterr()
    assert out == ""
    events = lines(err)
    assert events[0]["event"] == "start"
    assert (events[0]["protocol"], events[0]["cospeech"]) == (1, __version__)
    assert [line["event"] for line in events if line["event"] in ("done", "error")] == [events[-1]["event"]]
    return events


@pytest.mark.parametrize("where", ["before", "after", "with ="])
def test_files_that_are_written_stand_in_the_last_line(tmp_path, monkeypatch, capsys, where):
    monkeypatch.chdir(tmp_path)
    motion_file(tmp_path / "a.bvh")
    words = ["convert", "a.bvh", "-o", "b.bvh", "c.npz"]
    option = ["--progress=json"] if where == "with =" else ["--progress", "json"]
    events = heard(capsys, *([*option, *words] if where == "before" else [*words, *option]))
    assert events[0]["command"] == "convert"
    assert [line["stage"] for line in events if line["event"] == "stage"] == ["writing b.bvh", "writing c.npz"]
    assert events[-1]["outputs"] == [str(tmp_path / "b.bvh"), str(tmp_path / "c.npz")]
    assert events[-1]["message"].startswith("wrote b.bvh, c.npz")
    assert all(Path(path).is_file() for path in events[-1]["outputs"])


def test_errors_are_a_line_and_write_nothing(tmp_path, capsys):
    events = heard(capsys, "convert", tmp_path / "no.bvh", "-o", tmp_path / "b.bvh", "--progress", "json", status=2)
    assert events[-1]["status"] == 2
    assert "no.bvh" in events[-1]["message"]
    assert "\n" not in events[-1]["message"]
    assert heard(capsys, "convert", "--nonsense", "--progress", "json", status=2)[-1]["event"] == "error"
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_ours_is_a_line_too(capsys, monkeypatch):
    def faulty(*_: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("cospeech.cli.parsed", lambda *_: faulty)
    with pytest.raises(SystemExit) as end:
        main(["convert", "--progress", "json"])
    assert end.value.code == 70
    last = lines(capsys.readouterr().err)[-1]
    assert (last["event"], last["status"]) == ("error", 70)
    log = re.search(r"fault of cospeech \(ZeroDivisionError: a fault\); please report it with (\S+),", last["message"])
    assert log
    assert "Traceback" in Path(log[1]).read_text()
    Path(log[1]).unlink()
    with pytest.raises(ZeroDivisionError):
        main(["convert", "--progress", "json", "--debug"])
    last = lines(capsys.readouterr().err)[-1]
    assert last == {"event": "error", "message": "ZeroDivisionError: a fault", "status": 70}


def test_another_kind_is_refused_and_text_stays_text(tmp_path, capsys):
    for words in (["--progress", "xml"], ["--progress"]):
        with pytest.raises(SystemExit):
            main(["convert", *words])
        assert "progress is reported as text or json; got" in capsys.readouterr().err
    motion_file(tmp_path / "a.bvh")
    for words in ([], ["--progress", "text"]):
        main(["convert", str(tmp_path / "a.bvh"), "-o", str(tmp_path / "b.bvh"), *words])
        assert capsys.readouterr().err.startswith("wrote ")


def test_steps_are_counted_of_the_outer_loop_alone(capsys):
    progress.report_as("json")
    try:
        for _ in progress.track("ab", "drawing"):
            assert list(progress.counted([1, 2, 3])) == [1, 2, 3]
        for _ in progress.counted([1]):
            break  # a loop that is left is no longer counted
        assert list(progress.counted([1])) == [1]
    finally:
        progress.report_as("text")
    events = lines(capsys.readouterr().err)
    assert events[0] == {"event": "stage", "stage": "drawing"}
    assert [(line["done"], line["total"]) for line in events[1:]] == [(0, 2), (1, 2), (2, 2), (0, 1), (0, 1), (1, 1)]
    assert list(progress.counted([1, 2])) == [1, 2]
    assert capsys.readouterr().err == ""


@needs_model
def test_takes_and_windows_of_generate(tmp_path, capsys):
    talk = write_wav(tmp_path / "talk.wav", tone(9.0))
    words = ("generate", talk, "-o", tmp_path / "a.bvh", "--variants", 2, "--progress", "json")
    events = heard(capsys, *words)
    takes = [(line["take"], line["takes"]) for line in events if line.get("stage") == "generating" and "take" in line]
    assert takes == [(1, 2), (2, 2)]
    counts = [(line["done"], line["total"]) for line in events if line["event"] == "progress"]
    total = counts[0][1]
    assert total >= 2
    assert counts == [(done, total) for done in range(total + 1)] * 2
    assert [Path(path).name for path in events[-1]["outputs"]] == ["a.1.bvh", "a.2.bvh"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program could answer")
def test_a_command_that_is_ended_says_so_and_leaves_nothing(tmp_path):
    motion_file(tmp_path / "a.bvh", 900)
    words = ["convert", "a.bvh", "-o", "b.mp4", "--progress", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cospeech", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["event"] == "progress":
            break
    process.send_signal(signal.SIGTERM)
    last = lines(process.communicate(timeout=30)[1])[-1]
    assert process.returncode == 128 + signal.SIGTERM
    assert (last["event"], last["status"]) == ("error", 143)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bvh"]
