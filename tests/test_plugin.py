"""Another package adds a method, a reader, a format, a rig and a metric, and the commands show and use them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from corpus_data import voice
from cospeech.data.dataset import GestureDataset
from cospeech.speech.audio import write_wav

ROOT = Path(__file__).parents[1]
RECORDINGS = 12
SECONDS = 4.0


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> dict[str, str]:
    """The environment of a process in which the plugin is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    source, target = folder / "source", folder / "site"
    shutil.copytree(ROOT / "tests" / "plugin", source)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([sys.executable, *install, "--target", str(target), str(source)], check=True, timeout=300)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(target)])}


@pytest.fixture(scope="module")
def cospeech(installed, tmp_path_factory):
    """The command line, in a folder of its own: what it printed."""
    folder = tmp_path_factory.mktemp("work")

    def run(*words: object) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "cospeech", *map(str, words)],
            cwd=folder,
            env=installed,
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    run.folder = folder
    return run


@pytest.fixture(scope="module")
def dataset(cospeech) -> Path:
    """A dataset that the plugin's reader reads from recordings in the plugin's format."""
    corpus = cospeech.folder / "recordings"
    corpus.mkdir()
    for k in range(RECORDINGS):
        write_wav(corpus / f"ann-{k}.wav", voice(SECONDS, seed=k)[0])
        lean = 8 * np.sin(np.arange(round(SECONDS * 30)) / (5 + k))
        (corpus / f"ann-{k}.lean").write_text("\n".join(map(str, lean)))
    cospeech("prepare", "leancorpus=recordings", "-o", "data")
    return cospeech.folder / "data"


@pytest.fixture(scope="module")
def model(cospeech) -> Path:
    """A model folder of the plugin's method."""
    folder = cospeech.folder / "leaner"
    folder.mkdir()
    config = {"format": 1, "method": "lean", "package_version": "0.1.0", "config": {}, "styles": ["ann"]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def degrees(path: Path) -> np.ndarray:
    return np.loadtxt(path)


def test_convert_reads_and_writes_the_format(cospeech):
    (cospeech.folder / "a.lean").write_text("0\n10\n20\n")
    assert "add the formats .lean" in cospeech("convert", "--help")
    cospeech("convert", "a.lean", "-o", "a.bvh", "a.glb")
    cospeech("convert", "a.bvh", "-o", "again.lean")
    np.testing.assert_allclose(degrees(cospeech.folder / "again.lean"), [0, 10, 20], atol=3)


def test_convert_recognises_the_rig(cospeech, installed):
    code = "import cospeech; cospeech.load_motion('b.lean').save('b.bvh', rig='leanrig')"
    (cospeech.folder / "b.lean").write_text("20\n10\n0\n")
    subprocess.run([sys.executable, "-c", code], cwd=cospeech.folder, env=installed, check=True)
    assert "lean_pelvis" in (cospeech.folder / "b.bvh").read_text()
    cospeech("convert", "b.bvh", "-o", "rigged.lean")
    np.testing.assert_allclose(degrees(cospeech.folder / "rigged.lean"), degrees(cospeech.folder / "b.lean"), atol=3)


def test_prepare_shows_and_reads_the_corpus(cospeech, dataset):
    assert "add the corpora leancorpus" in cospeech("prepare", "--help")
    recorded = GestureDataset(dataset).select(split="train", kind="pair")
    assert len(recorded) == RECORDINGS
    assert {sample.speaker for sample in recorded} == {"ann"}


def test_generate_shows_and_takes_the_options_of_the_method(cospeech, model):
    assert "--lean" in cospeech("generate", "--help")
    sound = cospeech.folder / "hello.wav"
    shutil.copy(ROOT / "examples" / "hello.wav", sound)
    cospeech("generate", sound, "--model", model, "-o", "little.lean")
    cospeech("generate", sound, "--model", model, "--lean", "30", "-o", "much.lean")
    little, much = (degrees(cospeech.folder / f"{name}.lean") for name in ("little", "much"))
    assert len(little) == len(much)
    assert much.max() > 2 * little.max() > 2


def test_evaluate_shows_and_measures_the_metric(cospeech, dataset, model):
    assert "add the metrics lean" in cospeech("evaluate", "--help")
    printed = cospeech("evaluate", model, "--data", dataset, "--split", "train", "--metrics", "lean", "-o", "report")
    assert "lean" in printed
    report = json.loads((cospeech.folder / "report" / "report.json").read_text())
    assert {value["name"] for row in report["rows"] for value in row["values"]} == {"lean"}
