"""What several tests share: a small synthetic corpus, the dataset made of it, and tiny models trained on that.

Each is made once a run, when the first test asks for it, also where several workers share the run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable
from copy import copy
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

IN_WORKER = "PYTEST_XDIST_WORKER" in os.environ
# Workers fill the machine already, and sums differ with threads; read when NumPy and torch are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from corpus_data import MiniCorpus, shake, write_ebmdb, write_speech  # noqa: E402

settings.register_profile("steady", deadline=None)  # a busy machine is no failure
settings.load_profile("steady")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker per processor; none of their own where files are named, whose tests start sooner without."""
    if all(Path(argument.partition("::")[0]).is_file() for argument in config.args):
        return 0
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# Files that take longest, the longest first: what begins last should not be what the other workers wait for.
LONG = """
    video_training part_model spaces_end_to_end evaluate export emotion_training exges_model contextual_end_to_end
    judges emotion_export emotion_refusals video_edit exges_nets video_layer_warp prepare_encoders video_evaluation cli
    video_watermark video_layers cli_errors tokenizer alignment training_loop
""".split()


def pytest_configure(config: pytest.Config) -> None:
    """Workers take files in the order of ``LONG``, not those with the most tests first."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {f"test_{name}.py": index for index, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish() -> None:
    """Has torch read its operators of ONNX once: it does so anew for each graph, which takes a second."""
    if "cospeech.training.onnx_export" not in sys.modules:
        return
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry
    except ImportError:  # of another torch
        return
    read = cache(ONNXRegistry.from_torchlib)

    def copied(**options: int) -> ONNXRegistry:
        registry = copy(read(**options))
        registry.functions = {name: list(functions) for name, functions in registry.functions.items()}
        return registry

    ONNXRegistry.from_torchlib = staticmethod(copied)


Make = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def make_once(tmp_path_factory) -> Make:
    """Makes a folder of this name, unless another worker has: then it waits until that one is done."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if IN_WORKER else own) / "shared"
    shared.mkdir(exist_ok=True)

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, finished = shared / name, shared / f"{name}.finished"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the file
            if not finished.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                finished.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def mini_corpus(make_once: Make) -> MiniCorpus:
    """Motion of four actors and the voices of six others."""

    def fill(folder: Path) -> None:
        write_ebmdb(folder / "ebmdb")
        write_speech(folder / "speech")

    folder = make_once("corpus", fill)
    return MiniCorpus(folder / "ebmdb", folder / "speech")


@pytest.fixture(scope="session")
def mini_dataset(mini_corpus: MiniCorpus, make_once: Make) -> Path:
    """The corpus, prepared."""
    from cospeech.data.prepare import prepare

    corpora = [("ebmdb", mini_corpus.ebmdb), ("speech", mini_corpus.speech)]
    return make_once("dataset", lambda folder: prepare(corpora, folder, rounds=2, quiet=True))


@pytest.fixture(scope="session")
def tiny_run(mini_dataset: Path, make_once: Make) -> Path:
    """A training run of the tiny preset. Its weights are shaken afterwards, so that every part of the
    networks counts: twenty steps leave most of them as good as zero."""
    from cospeech.methods.training_runs import train

    def fill(folder: Path) -> None:
        train(mini_dataset, folder, preset="tiny", set=("generator.tokens=body",))
        shake(folder)

    return make_once("run", fill)


@pytest.fixture(scope="session")
def parts_model(tiny_run: Path, mini_dataset: Path, make_once: Make) -> Path:
    """A model folder with words of body parts and a flow, trained from the alignment of the tiny run."""
    from cospeech.methods.training_runs import export, train

    def fill(folder: Path) -> None:
        run = folder / "run"
        shutil.copytree(tiny_run / "alignment", run / "alignment")
        for stage in ("parts", "generator", "activity", "flow"):
            train(mini_dataset, run, preset="tiny", stage=stage)
        shake(run, stages=("generator", "activity", "flow"))
        export(run, folder / "parts", dataset=mini_dataset)

    return make_once("parts_run", fill) / "parts"


@pytest.fixture(scope="session")
def tiny_model(tiny_run: Path, mini_dataset: Path, make_once: Make) -> Path:
    """The model folder of the run."""
    from cospeech.methods.training_runs import export

    return make_once("models", lambda folder: export(tiny_run, folder / "tiny", dataset=mini_dataset)) / "tiny"


@pytest.fixture(scope="session")
def emotion_run(tiny_run: Path, mini_dataset: Path, make_once: Make) -> Path:
    """A run of EmotionGesture on the tokenizer of the tiny run, with shaken weights."""
    from cospeech.methods.training_runs import train

    def fill(run: Path) -> None:
        for stage in ("alignment", "tokenizer"):
            shutil.copytree(tiny_run / stage, run / stage)
        for stage in ("mining", "emotion", "prior"):
            train(mini_dataset, run, method="emotion", preset="tiny", stage=stage)
            shake(run, stages=(stage,))

    return make_once("emotion_run", fill)


@pytest.fixture(scope="session")
def emotion_model(emotion_run: Path, mini_dataset: Path, make_once: Make) -> Path:
    """The model folder of that run."""
    from cospeech.methods.training_runs import export

    folder = make_once("emotion_models", lambda folder: export(emotion_run, folder / "moody", dataset=mini_dataset))
    return folder / "moody"


@pytest.fixture(scope="session")
def tiny_evaluators(mini_dataset: Path, make_once: Make) -> Path:
    """Runs and model folders (NAME-model) of the tiny extractor and emotion classifier."""
    from cospeech.methods.training_runs import export, train

    def fill(folder: Path) -> None:
        for method in ("extractor", "emotion-classifier"):
            train(mini_dataset, folder / method, method=method, preset="tiny")
            export(folder / method, folder / f"{method}-model")

    return make_once("evaluators", fill)
