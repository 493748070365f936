"""What several tests share: a made-up corpus, the dataset made of it, and a tiny model trained on that.

Each is made once a run, when the first test asks for it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from corpus_data import MiniCorpus, shake, write_ebmdb, write_speech

settings.register_profile("steady", deadline=None)  # a busy machine is no failure
settings.load_profile("steady")


@pytest.fixture(scope="session")
def mini_corpus(tmp_path_factory) -> MiniCorpus:
    """Motion of four actors and the voices of six others."""
    folder = tmp_path_factory.mktemp("corpus")
    return MiniCorpus(write_ebmdb(folder / "ebmdb"), write_speech(folder / "speech"))


@pytest.fixture(scope="session")
def mini_dataset(mini_corpus, tmp_path_factory) -> Path:
    """The corpus, prepared."""
    from cospeech.data.prepare import prepare

    out = tmp_path_factory.mktemp("store")
    prepare([("ebmdb", mini_corpus.ebmdb), ("speech", mini_corpus.speech)], out, rounds=2, quiet=True)
    return out


@pytest.fixture(scope="session")
def tiny_run(mini_dataset, tmp_path_factory) -> Path:
    """A training run of the tiny preset. Its weights are shaken afterwards, so that every part of the
    networks counts: twenty steps leave most of them as good as zero."""
    from cospeech.methods.training_runs import train

    out = train(mini_dataset, tmp_path_factory.mktemp("run"), preset="tiny")
    shake(out)
    return out


@pytest.fixture(scope="session")
def tiny_model(tiny_run, mini_dataset, tmp_path_factory) -> Path:
    """The model folder of the run."""
    from cospeech.methods.training_runs import export

    return export(tiny_run, tmp_path_factory.mktemp("models") / "tiny", dataset=mini_dataset)


@pytest.fixture(scope="session")
def emotion_run(tiny_run, mini_dataset, tmp_path_factory) -> Path:
    """A run of EmotionGesture on the tokenizer of the tiny run, with shaken weights."""
    from cospeech.methods.training_runs import train

    run = tmp_path_factory.mktemp("emotion") / "run"
    for stage in ("alignment", "tokenizer"):
        shutil.copytree(tiny_run / stage, run / stage)
    for stage in ("mining", "emotion", "prior"):
        train(mini_dataset, run, method="emotion", preset="tiny", stage=stage)
        shake(run, stages=(stage,))
    return run


@pytest.fixture(scope="session")
def emotion_model(emotion_run, mini_dataset, tmp_path_factory) -> Path:
    """The model folder of that run."""
    from cospeech.methods.training_runs import export

    return export(emotion_run, tmp_path_factory.mktemp("models") / "moody", dataset=mini_dataset)


@pytest.fixture(scope="session")
def tiny_evaluators(mini_dataset, tmp_path_factory) -> Path:
    """Runs and model folders (NAME-model) of the tiny extractor and emotion classifier."""
    from cospeech.methods.training_runs import export, train

    folder = tmp_path_factory.mktemp("judges")
    for method in ("extractor", "emotion-classifier"):
        train(mini_dataset, folder / method, method=method, preset="tiny")
        export(folder / method, folder / f"{method}-model")
    return folder
