"""What the documentation says is so: commands, options, examples, links."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import shlex
import shutil
from collections.abc import Iterator
from functools import wraps
from pathlib import Path

import numpy as np
import pytest

import cospeech
from character_data import VRM1, write_character
from cli_data import HELLO, ROOT, motion_file, needs_model, place
from cospeech import cli
from cospeech.cli.declared import completed

__all__ = ["place"]  # fixture

PACKAGE = ROOT / "src" / "cospeech"
README = ROOT / "README.md"
GUIDES = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
DOCS = [README, *GUIDES, *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted(path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_docstring_examples(path):
    if re.search(r"^import torch", path.read_text(encoding="utf-8"), re.MULTILINE):
        pytest.importorskip("torch")
    name = ".".join(["cospeech", *path.relative_to(PACKAGE).with_suffix("").parts])
    result = doctest.testmod(importlib.import_module(name.removesuffix(".__init__")))
    assert result.attempted
    assert not result.failed


def test_the_two_commands():
    """Exactly these two set everything up."""
    first, second = blocks(README, "sh")[:2]
    assert first == (
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/cospeech generate examples/hello.wav\n"
    )
    assert second == ".venv/bin/pip install '.[test]' && .venv/bin/pytest\n"
    assert HELLO.is_file()


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every call of cospeech in a block of commands: the file's name, and the words after cospeech."""
    for path in DOCS:
        for block in blocks(path, "sh"):
            for line in re.split(r"\n|&&", block.replace("\\\n", " ")):
                words = shlex.split(line, comments=True)
                for k, word in enumerate(words):
                    if word.endswith(".venv/bin/cospeech") or word == "cospeech":
                        yield path.name, words[k + 1 :]
                        break


def test_commands_exist():
    seen = set()
    for name, words in commands():
        if words[0].startswith("-"):
            assert words[0] in ("--help", "--version"), f"{name}: {words}"
            continue
        command = " ".join(words[:2]) if " ".join(words[:2]) in cli.COMMANDS else words[0]
        assert command in cli.COMMANDS, f"{name}: {words}"
        known = {"progress", *inspect.signature(completed(cli.COMMANDS[command], plugins=False)).parameters}
        for word in words[1:]:
            if word.startswith("--"):
                option = word[2:].split("=")[0].replace("-", "_")
                assert option in known, f"{name}: {command} has no option {word}"
        seen.add(command)
    assert seen == set(cli.COMMANDS)


def test_command_lines_parse(monkeypatch, capsys, tmp_path):
    """Every command line of the documentation, values and all; none uses a name that is on its way out."""
    called = []
    for name, command in cli.COMMANDS.items():

        def record(*args: object, _name: str = name, **options: object) -> None:
            called.append(_name)

        monkeypatch.setitem(cli.COMMANDS, name, wraps(command)(record))
    monkeypatch.chdir(tmp_path)
    lines = [(name, words) for name, words in commands() if words and not words[0].startswith("-")]
    for count, (name, words) in enumerate(lines, start=1):
        try:
            cli.main(words)
        except SystemExit:
            pytest.fail(f"{name}: cospeech {shlex.join(words)}: {capsys.readouterr().err}")
        assert len(called) == count
        assert "now called" not in capsys.readouterr().err, f"{name}: {words}"
    assert len(lines) > 30


def test_the_table_of_options_is_complete():
    text = README.read_text(encoding="utf-8")
    section = text.split("## Options")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `(-[-\w]+)", section, re.MULTILINE))
    parameters = inspect.signature(completed(cli.COMMANDS["generate"], plugins=False)).parameters
    options = {f"--{name.replace('_', '-')}" for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert documented == options - {"--out"} | {"-o"}
    for name, default in re.findall(r"^\| `--([\w-]+)[^|]*\| ([\w.]+) \|", section, re.MULTILINE):
        given = parameters[name.replace("-", "_")].default
        assert str(given) == default or not given, f"--{name} is {given} by default, the table says {default}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if not link.startswith(("http://", "https://")):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"


@pytest.mark.parametrize("path", [*DOCS, ROOT / "NOTICE", ROOT / "pyproject.toml"], ids=lambda path: path.name)
def test_no_paths_of_one_machine(path):
    assert not re.search(r"(?<![\w.:])/(work|root|home|tmp|Users)/", path.read_text(encoding="utf-8"))


def test_named_files_exist():
    """Files of the repository that the documentation names between backticks."""
    here = r"`((?:src|docs|tests|scripts|benchmarks|examples)/[\w./-]+\.\w+)`"
    for path in DOCS:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(here, text):
            assert (ROOT / name).exists(), f"{path.name} names {name}"
        for name in re.findall(r"`([a-z_]+(?:/[a-z_]+)+\.py)`", text):
            assert (PACKAGE / name).exists() or (ROOT / name).exists(), f"{path.name} names {name}"


def test_test_commands_of_the_guide_name_tests():
    """Every pattern in the table of CONTRIBUTING.md finds a test file."""
    patterns = re.findall(r"tests/[\w*/]+\.py", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(patterns) > 20
    for pattern in patterns:
        assert list(ROOT.glob(pattern)), f"CONTRIBUTING.md names {pattern}"


def test_the_reference_has_every_public_name():
    listed = re.findall(r"^::: cospeech\.(\w+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(cospeech.__all__)


def test_the_site_has_every_page():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:")[1]
    listed = set(re.findall(r": ([\w/-]+\.md)$", navigation, re.MULTILINE))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}  # those of docs/extending are added by the hooks
    assert listed - pages == {"index.md", "commands.md", "contributing.md", "changelog.md"}  # scripts/site_hooks.py
    assert pages <= listed


def test_the_conventions_are_those_of_the_code():
    from cospeech.core.rotation import axis_rotation, euler_to_matrix, matrix_to_6d, matrix_to_quaternion
    from cospeech.motion.codec import Codec
    from cospeech.motion.procedural.face import ARKIT_NAMES
    from cospeech.motion.skeleton import CANONICAL_NAMES

    page = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+)-(\d+) \| (.*) \|$", page, re.MULTILINE)
    for first, last, cells in rows[:4]:
        names = tuple(re.findall(r"`(\w+)`", cells))
        assert names == CANONICAL_NAMES[int(first) : int(last) + 1]
    assert len(rows) == 6
    assert int(rows[-1][1]) == len(CANONICAL_NAMES) - 1
    turn = euler_to_matrix(np.array([0.3, -0.5, 0.7]), "YXZ")
    by_axis = [axis_rotation(axis, np.array(angle)) for axis, angle in (("Y", 0.3), ("X", -0.5), ("Z", 0.7))]
    np.testing.assert_allclose(turn, by_axis[0] @ by_axis[1] @ by_axis[2])
    np.testing.assert_array_equal(matrix_to_6d(turn), [*turn[:, 0], *turn[:, 1]])
    assert matrix_to_quaternion(np.eye(3)).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert f"`[T, {Codec().channels}]`" in page
    assert (len(ARKIT_NAMES), ARKIT_NAMES[0], ARKIT_NAMES[-1]) == (52, "eyeBlinkLeft", "tongueOut")


def test_the_map_names_what_is_there():
    """Folders and files of docs/architecture.md, and none of the top-level ones is left out."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = page.split("```text\n")[1].split("```")[0].splitlines()[1:]
    top, listed = "", set()
    for line in tree:
        name = line.split()[0]
        if line.startswith("    "):
            assert (PACKAGE / top / name).exists(), f"{top}{name}"
        else:
            top = name
            listed.add(name.rstrip("/"))
            assert (PACKAGE / name).exists(), name
    there = {path.name for path in PACKAGE.iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert listed == there
    assert len(page.splitlines()) <= 70


def test_python_examples_parse():
    for path in DOCS:
        for block in blocks(path, "python"):
            ast.parse(block, path.name)


@needs_model
@pytest.mark.slow
def test_the_python_example_of_the_readme(place, capsys):
    shutil.copy(HELLO, place / "talk.wav")
    (block,) = blocks(README, "python")
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip().endswith("55, 3)")
    assert (place / "talk.bvh").is_file()
    assert (place / "talk.html").is_file()


@needs_model
@pytest.mark.slow
@pytest.mark.parametrize("page", ["python.md", "quickstart.md"])
def test_the_python_pages(place, page):
    """Their blocks, one after the other, on the example's recording."""
    shutil.copy(HELLO, place / "talk.wav")
    names: dict[str, object] = {}
    for block in blocks(ROOT / "docs" / page, "python"):
        exec(compile(block, page, "exec"), names)
    assert (place / "talk.bvh").is_file()


@pytest.mark.slow
def test_the_motion_examples_of_the_readme(place):
    motion_file(place / "dance.bvh", frames=12)
    shutil.copy(HELLO, place / "music.mp3")  # the content counts, not the name
    shutil.copy(HELLO, place / "talk.wav")
    write_character(place / "me.vrm", VRM1)
    for _, words in commands():
        if words[0] in ("convert", "render", "face") and words[1] == "dance.bvh":
            cli.main(words)
    for suffix in (".glb", ".vrma", ".mp4"):
        assert (place / f"dance{suffix}").stat().st_size > 1000


def test_every_module_says_what_it_is_for():
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*.py")
        if (text := path.read_text(encoding="utf-8")).strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert not silent, silent
