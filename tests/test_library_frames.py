"""Keys of frames in a gesture library: stored, merged, checked, and what a search makes of them."""

from __future__ import annotations

import numpy as np

from cospeech.gesture_library.build import build_library
from cospeech.gesture_library.check import check_library
from cospeech.gesture_library.library import GestureLibrary, Hit
from cospeech.gesture_library.merge import merge_libraries
from library_data import FakeEmbedder, library_dataset

__all__ = ["library_dataset"]  # a fixture


class FrameEmbedder(FakeEmbedder):
    """As the fake one, with keys of frames."""

    name, fine = "fake with frames", 4

    def speech_frames(self, features: np.ndarray) -> np.ndarray:
        return self._frames(features, 3)

    def gesture_frames(self, coded: np.ndarray) -> np.ndarray:
        return self._frames(coded, 4)

    def _frames(self, rows: np.ndarray, seed: int) -> np.ndarray:
        steps = rows[: len(rows) // 4 * 4].reshape(len(rows) // 4, -1)
        keys = steps @ np.random.default_rng(seed).standard_normal((steps.shape[1], self.fine))
        return (keys / np.linalg.norm(keys, axis=1, keepdims=True)).astype(np.float32)


def test_keys_of_frames_are_stored_merged_and_checked(library_dataset, tmp_path):
    embedder = FrameEmbedder()
    build_library(library_dataset, tmp_path / "one", model=embedder, quiet=True)
    merge_libraries([tmp_path / "one"], tmp_path / "two", quiet=True)
    for folder in ("one", "two"):
        opened = GestureLibrary(tmp_path / folder)
        assert opened.has_frame_keys
        assert not list(check_library(tmp_path / folder).problems)
        for entry in opened.samples()[::3]:
            wanted = embedder.gesture_frames(opened.encoded(entry))
            np.testing.assert_allclose(opened.frame_keys(entry), wanted, atol=1e-3)
    plain = tmp_path / "plain"
    build_library(library_dataset, plain, model=FakeEmbedder(), quiet=True)
    assert not GestureLibrary(plain).has_frame_keys


def test_frames_put_hits_in_a_finer_order(library_dataset, tmp_path):
    """Of hits with one score, the one whose frames are the question's own comes first."""
    embedder = FrameEmbedder()
    build_library(library_dataset, tmp_path / "one", model=embedder, quiet=True)
    opened = GestureLibrary(tmp_path / "one")
    entries = opened.samples()
    hits = [Hit(n, 0.5, entry) for n, entry in enumerate(entries[:6], start=1)]
    for wanted in hits:
        finer = opened.rerank(hits, opened.frame_keys(wanted.sample))
        assert finer[0].sample == wanted.sample
        assert finer[0].score > 0.74
        assert [hit.rank for hit in finer] == [1, 2, 3, 4, 5, 6]
