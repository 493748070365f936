"""The code in docs/extending runs as it stands, and each piece of it is short."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from corpus_data import gesturing, voice
from cospeech.core.registry import Registry
from cospeech.data.prepare import prepare
from cospeech.data.readers import READERS
from cospeech.evaluation.groups import METRICS
from cospeech.methods.registry import METHODS
from cospeech.motion.formats import FORMATS
from cospeech.motion.rigs import RIGS
from cospeech.speech.audio import write_wav

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
REGISTRIES: tuple[Registry, ...] = (METHODS, READERS, FORMATS, RIGS, METRICS)
LONGEST = 40  # lines of code of one block
RECORDINGS, SECONDS = 16, 4.0


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with what the pages use; what they register is gone afterwards."""
    monkeypatch.chdir(tmp_path)
    for registry in REGISTRIES:
        monkeypatch.setitem(vars(registry), "registered", {})
    monkeypatch.setitem(sys.modules, "page", ModuleType("page"))
    shutil.copy(ROOT / "examples" / "hello.wav", tmp_path)
    return tmp_path


def recordings(folder: Path) -> Path:
    folder.mkdir()
    for k in range(RECORDINGS):
        write_wav(folder / f"ann-joy-{k}.wav", voice(SECONDS, seed=k)[0])
        gesturing(SECONDS, seed=k).save(folder / f"ann-joy-{k}.bvh")
    return folder


def run(page: str) -> ModuleType:
    """All blocks of a page, one after the other, as one module."""
    module = sys.modules["page"]
    for block in blocks(ROOT / "docs" / "extending" / page):
        exec(compile(block, page, "exec"), vars(module))
    return module


def test_every_kind_of_part_has_a_page():
    assert [page.stem for page in PAGES] == ["format", "method", "metric", "reader", "rig"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_are_short(page):
    assert blocks(page)
    for block in blocks(page):
        assert len(block.splitlines()) <= LONGEST
        assert max(map(len, block.splitlines())) <= 120


def test_format(place):
    run("format.md")
    assert FORMATS.origin(".lean") == "this process"


def test_rig(place):
    run("rig.md")
    assert (place / "robot.html").is_file()


def test_method(place):
    motion = run("method.md").motion
    assert motion.positions[:, motion.skeleton.index("neck"), 0].std() > 0.01


def test_reader(place, capsys):
    recordings(place / "recordings")
    run("reader.md")
    assert capsys.readouterr().out.strip()
    assert (place / "data").is_dir()


def test_metric(place, capsys):
    folder = recordings(place / "recordings")
    prepare([("folder", folder)], "data", quiet=True)
    shutil.copytree(folder, place / "takes", ignore=shutil.ignore_patterns("*.wav"))
    report = run("metric.md").report
    assert {value.name for row in report.rows for value in row.values} == {"hand_height"}
    assert "hand_height" in capsys.readouterr().out
