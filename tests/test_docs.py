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
from pathlib import Path

import pytest

from cli_data import HELLO, ROOT, motion_file, needs_model, place
from cospeech import cli

__all__ = ["place"]  # fixture

PACKAGE = ROOT / "src" / "cospeech"
README = ROOT / "README.md"
DOCS = [README, *sorted((ROOT / "docs").glob("*.md"))]
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
        known = inspect.signature(cli.COMMANDS[command]).parameters
        for word in words[1:]:
            if word.startswith("--"):
                option = word[2:].split("=")[0].replace("-", "_")
                assert option in known, f"{name}: {command} has no option {word}"
        seen.add(command)
    assert seen == set(cli.COMMANDS)


def test_the_table_of_options_is_complete():
    text = README.read_text(encoding="utf-8")
    section = text.split("## Options")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `(-[-\w]+)", section, re.MULTILINE))
    parameters = inspect.signature(cli.COMMANDS["generate"]).parameters
    options = {f"--{name.replace('_', '-')}" for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert told == options - {"--out"} | {"-o"}
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


@pytest.mark.slow
def test_the_motion_examples_of_the_readme(place):
    motion_file(place / "dance.bvh", frames=12)
    shutil.copy(HELLO, place / "music.mp3")  # the content counts, not the name
    for _, words in commands():
        if words[0] in ("convert", "render") and words[1] == "dance.bvh":
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
