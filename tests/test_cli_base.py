"""cospeech search and cospeech library, from a dataset to a motion file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli_data import ROOT, fails, motion_file, place, srt, write_wav
from corpus_data import voice
from cospeech.cli import main
from cospeech.cli.words import parsed
from cospeech.core.errors import UserError
from cospeech.gesture_library.catalogue import FILE
from cospeech.gesture_library.library import open_library
from cospeech.gesture_library.search import search
from cospeech.motion.motion import load_motion
from library_data import library_dataset, many_kinds, more_datasets, write_model, write_store

__all__ = ["fails", "library_dataset", "more_datasets", "place"]  # fixtures


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "mixer")


@pytest.fixture(scope="module")
def made(library_dataset, model, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "gestures"
    main(["library", "build", str(library_dataset), "-o", str(out), "--model", str(model)])
    return out


@pytest.fixture
def says(capfd):
    """Run a command that must succeed; returns its standard output and standard error."""

    def run(*words: object) -> tuple[str, str]:
        capfd.readouterr()
        main([str(word) for word in words])
        return capfd.readouterr()

    return run


def talk(path: Path, seconds: float = 6.0) -> Path:
    return write_wav(path, voice(seconds, seed=3, pause=(2.6, 3.4))[0][:, None])


def test_from_a_store_to_a_motion_file(place, says, library_dataset, more_datasets, model):
    out, err = says("library", "build", library_dataset, "-o", "gestures", "--model", model)
    assert out == ""
    assert err.splitlines()[0] == "3 synthetic pairs: their speech and motion were never recorded together"
    assert err.splitlines()[1].startswith("wrote gestures: 22 segments (")
    assert err.endswith("next: cospeech search talk.wav --library gestures\n")
    out, err = says("library", "info", "gestures")
    assert err == ""
    assert "segments    22 of 0.01 h" in out
    assert "recordings  recorded together 2, motion only 3, synthetic pairs 3" in out
    out, err = says("library", "check", "gestures")
    assert (out, err) == ("22 of 22 segments of gestures are whole\n", "")
    out, err = says("library", "add", "gestures", more_datasets[0], "--model", model)
    assert (out, err) == ("", "added to gestures: 4 segments (0.00 h) of 2 recordings\n")
    talk(place / "talk.wav")
    out, err = says(
        "search",
        "talk.wav",
        "--library",
        "gestures",
        "--model",
        model,
        "-k",
        "2",
        "-o",
        "hits.json",
        "best.bvh",
        "best.npz",
    )
    assert err.startswith("wrote hits.json, best.bvh, best.npz (best ")
    hits = json.loads((place / "hits.json").read_text())
    assert (hits["asked"], hits["by"], hits["base"]) == ("speech", "motion", "gestures")
    assert [len(part["hits"]) for part in hits["segments"]] == [2] * len(hits["segments"])
    assert hits["segments"][-1]["end"] == 6.0
    best = max((hit for part in hits["segments"] for hit in part["hits"]), key=lambda hit: hit["score"])
    assert load_motion(place / "best.bvh").frames == round(30 * (best["end"] - best["start"]))
    assert f", {best['id']})" in err
    rows = out.splitlines()
    assert rows[0].split() == "rank score seconds speaker emotion kind recording words".split()
    assert len(rows) == 1 + 3 * len(hits["segments"])
    assert rows[1] == f"talk.wav 0.00-{hits['segments'][0]['end']:.2f} s"
    assert rows[2].startswith(f"1     {hits['segments'][0]['hits'][0]['score']:.3f}")
    out, err = says("search", "best.bvh", "--library", "gestures", "--model", model, "--by", "motion", "-k", "1")
    assert best["recording"] in out
    out, err = says("library", "merge", "gestures", "-o", "copy")
    assert err.startswith("wrote copy: 26 segments")
    says("library", "merge", "gestures", "-o", "small", "--motion", "latents")
    says("library", "build", library_dataset, "-o", "again", "--model", model, "--motion", "latents")
    for name, count in (("small", 26), ("again", 22)):
        out, _ = says("library", "info", name)
        assert f"segments    {count} of" in out
        assert "motion      kept as latents" in out
        out, _ = says("library", "check", name)
        assert out == f"{count} of {count} segments of {name} are whole\n"
    out, _ = says("search", "talk.wav", "--library", "small", "--model", model, "-k", "2", "-o", "small.bvh")
    assert out.splitlines()[2].startswith(rows[2].split(".")[0])


def test_made_pairs_are_called_made_pairs(place, says, made, model):
    out, _ = says("search", motion_file(place / "a.bvh", 60), "--library", made, "--model", model, "-k", "30")
    assert "synthetic pair" in out
    assert " pair " in out.replace("synthetic pair", "")
    assert "motion" not in out.split("\n", 1)[1].replace("clip", "")  # what has no speech is not compared


def test_options_reach_the_search(place, says, made, model):
    talk(place / "talk.wav")
    srt(place / "talk.srt", (0.2, 1.0), (2.0, 3.2), (4.5, 5.5))
    words = ("search", "talk.wav", "--library", made, "--model", model, "-o", "hits.json")

    def hits(*more: object) -> list[dict]:
        says(*words, *more)
        return json.loads((place / "hits.json").read_text())["segments"]

    first = hits("--span", "0.5:2.5")[0]
    assert (first["start"], first["end"], len(first["hits"])) == (0.5, 2.5, 5)
    assert all(h["speaker"] == "ben" for part in hits("--speaker", "ben") for h in part["hits"])
    assert all(h["emotion"] == "joy" for part in hits("--emotion", "happy") for h in part["hits"])
    assert all("hello" in h["words"] for part in hits("--words", "Hello") for h in part["hits"])
    assert all(h["speed"] >= 0.12 for part in hits("--min-speed", "0.12") for h in part["hits"])
    assert all(h["speed"] <= 0.12 for part in hits("--max-speed", "0.12") for h in part["hits"])
    assert all(h["strokes"] >= 3 for part in hits("--min-strokes", "3") for h in part["hits"])
    left = hits("-k", "99", "--exclude", "talk", "--exclude", "a.wav")[0]["hits"]
    assert not {"talk", "a.wav#0", "a.wav#1"} & {h["recording"] for h in left}
    assert {h["kind"] for h in hits("--by", "speech", "-k", "99")[0]["hits"]} == {"pair", "made_pair"}
    assert hits("--transcript", "talk.srt") != hits()
    python = search(place / "talk.wav", library=made, model=model, k=2, speaker="ben").as_dict()["segments"]
    assert python == hits("-k", "2", "--speaker", "ben")


def test_one_line_for_what_goes_wrong(place, fails, made, model, library_dataset):
    speech, motion = talk(place / "talk.wav", 1.5), motion_file(place / "a.bvh", 40)
    (place / "empty").mkdir()
    (place / "notes").mkdir()
    (place / "notes" / "note.txt").touch()
    other = write_model(place / "other", seed=1)
    nothing = "is no gesture library: it has no finished catalogue.sqlite; make one with `cospeech library build"
    for name in ("missing", "empty", "notes", speech):
        assert nothing in fails("library", "info", name)
        assert nothing in fails("library", "check", name)
        assert nothing in fails("search", speech, "--library", name, "--model", model)
        assert nothing in fails("library", "add", name, library_dataset, "--model", model)
        assert nothing in fails("library", "merge", made, name, "-o", "new")
    changed = "was made with the embedding mixer ("
    assert changed in fails("search", motion, "--library", made, "--model", other)
    assert "or build it again with `cospeech library build DATASET -o" in fails(
        "library", "add", made, library_dataset, "--model", other
    )
    assert "empty is no dataset" in fails("library", "build", "empty", "-o", "new", "--model", model)
    assert "no model 'nothing'" in fails("library", "build", library_dataset, "-o", "new", "--model", "nothing")
    assert "notes is no gesture library and holds something else" in fails(
        "library", "build", library_dataset, "-o", "notes", "--model", model
    )
    assert "has no motion or pair or made_pair or generated in val" in fails(
        "library", "build", library_dataset, "-o", "new", "--model", model, "--split", "val"
    )
    command = ("search", speech, "--library", made, "--model", model)
    assert "unknown speaker 'zoe'; the library has anna, ben, carla" in fails(*command, "--speaker", "zoe")
    assert "k must be 1 or more; got 0" in fails(*command, "-k", "0")
    assert "folder no/where does not exist" in fails(*command, "-o", "no/where/hits.json")
    assert "unknown suffix '.txt'" in fails(*command, "-o", "hits.txt")
    assert "only a motion file takes person; leave it out" in fails(*command, "--person", "1")
    assert "no person '7'; it has pelvis" in fails("search", motion, *command[2:], "--person", "7")
    assert "it is what is read" in fails("search", motion, *command[2:], "-o", "a.bvh")
    assert "by is speech or motion; got 'sound'" in fails(*command, "--by", "sound")


def test_damage_is_told_and_the_rest_is_found(place, says, made, model, capfd):
    folder = shutil.copytree(made, place / "base")
    motion = next(file for file in open_library(folder).files if file.role == "motion")
    with open(folder / motion.name, "r+b") as file:
        file.seek(motion.bytes // 2)
        byte = file.read(1)
        file.seek(motion.bytes // 2)
        file.write(bytes([byte[0] ^ 255]))
    with pytest.raises(SystemExit) as end:
        main(["library", "check", str(folder)])
    out, err = capfd.readouterr()
    assert end.value.code == 2
    assert f"{motion.name} is damaged: its checksum is not that of the catalogue" in out
    assert len(err.splitlines()) == 1
    assert "22 of 22 segments are lost; build it again, or keep the rest with `cospeech library merge" in err
    out, _ = says("search", talk(place / "talk.wav", 1.5), "--library", folder, "--model", model)
    assert len(out.splitlines()) == 1 + 1 + 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("library", "expected one of {build, info, add, check, merge}; see cospeech library --help"),
        ("library bild x", "unrecognized options: bild, x; known: build, info, add, check, merge; see cospeech"),
        ("library build", "missing from cospeech library build: DATASET; see cospeech library build --help"),
        ("library add one", "missing from cospeech library add: DATASET; see cospeech library add --help"),
        ("library info one two", "unrecognized options: two; see cospeech library info --help"),
        ("library build one -o", "missing value for argument '-o/--out'"),
        ("library build one -o two --splt val", "unrecognized options: --splt, val; perhaps --split; see"),
        ("search", "missing from cospeech search: SPEECH|MOTION; see cospeech search --help"),
        ("search a.wav --library b -k five", "error parsing -k"),
    ],
)
def test_words_that_are_no_command(fails, words, message):
    assert message in fails(*words.split())


def test_words_of_a_group():
    from cospeech.cli import COMMANDS

    assert "library build" in COMMANDS
    with pytest.raises(UserError, match="unrecognized options: library build"):
        parsed(["library build"], COMMANDS)


def test_help_of_a_group(capsys):
    for words in (["library", "--help"], *(["library", name, "--help"] for name in ("build", "add", "merge"))):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0
        assert f"usage: cospeech {' '.join(words[:-1])} " in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "library   Gesture libraries" in capsys.readouterr().out


def test_a_search_needs_neither_torch_nor_faiss(place, made, model):
    talk(place / "talk.wav", 1.5)
    code = (
        "import sys\n"
        "from cospeech.cli import main\n"
        f"main(['search', 'talk.wav', '--library', {str(made)!r}, '--model', {str(model)!r}, '-o', 'a.bvh'])\n"
        "sys.exit(bool({'torch', 'onnx', 'faiss', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    assert (place / "a.bvh").is_file()


def test_stores_of_motion_alone(place, says, fails, model):
    write_store(place / "store", [entry for entry in many_kinds() if entry.kind == "motion"])
    says("library", "build", "store", "-o", "base", "--model", model)
    assert (place / "base" / FILE).is_file()
    motion = motion_file(place / "a.bvh", 60)
    assert "has no speech that can be compared; ask by motion" in fails(
        "search", motion, "--library", "base", "--model", model
    )
    out, _ = says("search", motion, "--library", "base", "--model", model, "--by", "motion")
    assert "synthetic pair" not in out
