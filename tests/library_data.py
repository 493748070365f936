"""What the tests of the gesture library share: small stores of every kind, and embedders that cost "
"nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from corpus_data import gesturing, voice
from cospeech.data.dataset import SampleData, write_manifest, write_shard
from cospeech.data.readers.paired_files import upright
from cospeech.motion.codec import Codec
from cospeech.motion.procedural.fingers import add_fingers
from cospeech.speech.features import speech_features
from cospeech.speech.layout import FEATURE_DIM

WORDS = [["Well,", 0.4, 0.8], ["hello", 1.0, 1.4], ["there.", 1.4, 1.9], ["Good", 3.1, 3.4], ["day!", 3.4, 4.0]]


class FakeEmbedder:
    """Embeddings [16] of length one: a fixed mixture of means and changes. The same on every machine."""

    name, fingerprint, embedding, shortest, fine = "fake", "f00d", 16, 4, 0

    def speech(self, features: np.ndarray) -> np.ndarray:
        return self._mixed(features, 1)

    def gesture(self, coded: np.ndarray) -> np.ndarray:
        return self._mixed(coded, 2)

    def _mixed(self, rows: np.ndarray, seed: int) -> np.ndarray:
        mixture = np.random.default_rng(seed).standard_normal((2 * rows.shape[1], self.embedding))
        seen = np.concatenate([rows.mean(0), 5 * np.abs(np.diff(rows, axis=0)).mean(0)])
        mixed = seen.astype(np.float64) @ mixture
        return (mixed / np.linalg.norm(mixed)).astype(np.float32)


class OtherEmbedder(FakeEmbedder):
    """The same under another fingerprint."""

    fingerprint = "beef"


def item(
    name: str,
    kind: str,
    seconds: float,
    *,
    seed: int,
    split: str = "train",
    speaker: str = "anna",
    emotion: str | None = "joy",
    info: dict | None = None,
) -> SampleData:
    """One item of a dataset."""
    moved = add_fingers(upright(gesturing(seconds, seed=seed)), emotion=emotion, seed=seed)
    coded = Codec().encode(moved)
    features = None
    if kind != "motion":
        features = speech_features(voice(seconds, seed=seed, pause=(1.8, 2.6))[0])[: len(coded)]
    return SampleData(name, kind, split, speaker, emotion, coded, features, info or {})


def write_store(folder: Path, entries: list[SampleData], **header: object) -> Path:
    """A dataset of these items."""
    folder.mkdir(parents=True, exist_ok=True)
    write_shard(folder, 0, entries, FEATURE_DIM)
    codec = Codec()
    described = {"codec": {"body": list(codec.body), "hands": list(codec.hands)}, "feature_dim": FEATURE_DIM}
    write_manifest(folder, {**described, "made_pairs": True, **header}, [0])
    return folder


def many_kinds() -> list[SampleData]:
    """Real motion, pairs with and without words, synthetic pairs that share speech and motion, a test "
    "item."""
    return [
        item("anna/clip1", "motion", 7.0, seed=1),
        item("anna/clip2", "motion", 5.3, seed=2, emotion="anger"),
        item("ben/clip3", "motion", 6.1, seed=3, speaker="ben", emotion=None),
        item("ben/short", "motion", 0.8, seed=4, speaker="ben"),
        item("talk", "pair", 6.0, seed=5, speaker="ben", info={"words": WORDS}),
        item("quiet talk", "pair", 5.0, seed=6, speaker="carla", emotion="neutral"),
        item("a.wav#0", "made_pair", 6.5, seed=7, info={"sources": ["anna/clip1~", "anna/clip2"]}),
        item("a.wav#1", "made_pair", 6.5, seed=8, speaker="ben", info={"sources": ["ben/clip3"]}),
        item("b.wav#0", "made_pair", 5.5, seed=9, info={"sources": ["anna/clip2~"]}),
        item("held out", "motion", 5.0, seed=10, split="test", speaker="dora"),
    ]


@pytest.fixture(scope="session")
def library_dataset(tmp_path_factory) -> Path:
    return write_store(tmp_path_factory.mktemp("base") / "store", many_kinds())


@pytest.fixture(scope="session")
def more_datasets(tmp_path_factory) -> list[Path]:
    """Five more, of two recordings each."""
    folder = tmp_path_factory.mktemp("more")
    return [
        write_store(
            folder / f"store{n}",
            [
                item(f"more{n}", "motion", 4.5, seed=20 + n, speaker="emil"),
                item(f"more{n}.wav", "pair", 5.5, seed=30 + n, speaker="emil", emotion="fear"),
            ],
        )
        for n in range(5)
    ]


@pytest.fixture(scope="session")
def built_library(library_dataset, tmp_path_factory) -> Path:
    """A library of the dataset's training part. Tests that change it copy it first."""
    from cospeech.gesture_library.build import build_library

    out = tmp_path_factory.mktemp("built") / "base"
    build_library(library_dataset, out, model=FakeEmbedder(), quiet=True)
    return out


def write_model(folder: Path, *, seed: int = 0, size: int = 8) -> Path:
    """A model folder of method "alignment" whose embeddings are a mixture of means."""
    onnx = pytest.importorskip("onnx")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for graph, columns in (("speech", FEATURE_DIM), ("gesture", Codec().channels)):
        weight = rng.standard_normal((columns, size)).astype(np.float32)
        model = helper.make_model(
            helper.make_graph(
                [
                    helper.make_node("Identity", ["x"], ["frames"]),
                    helper.make_node("ReduceMean", ["x", "time"], ["mean"], keepdims=0),
                    helper.make_node("MatMul", ["mean", "weight"], ["embedding"]),
                ],
                graph,
                [helper.make_tensor_value_info("x", float32, [1, "frames", columns])],
                [
                    helper.make_tensor_value_info("frames", float32, [1, "frames", columns]),
                    helper.make_tensor_value_info("embedding", float32, [1, size]),
                ],
                [
                    onnx.numpy_helper.from_array(weight, "weight"),
                    onnx.numpy_helper.from_array(np.array([1], np.int64), "time"),
                ],
            ),
            opset_imports=[helper.make_opsetid("", 18)],
            ir_version=9,
        )
        (folder / f"{graph}.onnx").write_bytes(model.SerializeToString())
    config = {
        "format": 1,
        "method": "alignment",
        "name": folder.name,
        "package_version": "0.1.0",
        "config": {
            "features": FEATURE_DIM,
            "words": 0,
            "channels": Codec().channels,
            "embedding": size,
            "width": 48,
            "downsample": 4,
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder
