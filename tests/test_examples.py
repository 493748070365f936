"""Every script and notebook of examples/ runs on its own, as a user runs it, and writes what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli_data import ROOT, needs_model

EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(EXAMPLES.glob("[0-9]*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
NEEDS_TORCH = {"08_prepare_train_tiny.py", "11_edit_film.py"}

pytestmark = [needs_model, pytest.mark.slow]


def environment() -> dict[str, str]:
    """That of this process, with the package that is tested first on the path."""
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example(script: Path, tmp_path):
    if script.name in NEEDS_TORCH:
        pytest.importorskip("torch")
    command = [sys.executable, str(script), "--out", str(tmp_path / "results")]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip(), "an example says what it did"
    assert any(path.stat().st_size for path in (tmp_path / "results").rglob("*") if path.is_file())
    assert [path.name for path in tmp_path.iterdir()] == ["results"]  # and nothing beside its folder


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(notebook: Path, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.read(notebook, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code), f"strip the outputs of {notebook.name}"
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setenv("COSPEECH_EXAMPLES", str(EXAMPLES))
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any(cell.outputs for cell in code)


def test_there_are_examples():
    assert len(SCRIPTS) >= 10
    assert NOTEBOOKS
