"""The sub-packages of video import in one direction only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cospeech import video

ROOT = Path(video.__file__).parent
# From the top down; a sub-package imports from those below its line.
ORDER = (
    ("training",),
    ("films",),
    ("evaluation", "synthetic"),
    ("detection",),
    ("driving",),
    ("warping",),
    ("provenance",),
)
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}


def imported(path: Path) -> set[str]:
    """Names of the sub-packages that a module of video imports, also within functions."""
    depth = len(path.relative_to(ROOT).parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
    return found & set(LEVEL)


def test_all_sub_packages_are_known():
    found = {path.stem if path.is_file() else path.name for path in ROOT.iterdir() if not path.name.startswith("_")}
    assert found - {"assets"} == set(LEVEL)


@pytest.mark.parametrize("name", LEVEL)
def test_imports_point_downward(name):
    paths = [ROOT / f"{name}.py"] if (ROOT / f"{name}.py").is_file() else sorted((ROOT / name).glob("*.py"))
    for path in paths:
        for other in imported(path) - {name}:
            assert LEVEL[other] > LEVEL[name], f"{path.name} imports {other}"
    if name in ("training", "films"):
        assert any(imported(path) - {name} for path in paths)
