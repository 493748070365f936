"""Named gestures are a part of a gesture library."""

from __future__ import annotations

import cospeech
from cospeech.motion.gestures.demonstration import demonstrated
from cospeech.motion.gestures.dictionary import GESTURES
from library_data import library_dataset

__all__ = ["library_dataset"]  # fixtures


def test_named_gestures_come_along(tmp_path, library_dataset):
    mine = tmp_path / "mine"
    cospeech.build_library(library_dataset, mine, quiet=True)
    cospeech.add_gesture(demonstrated(GESTURES["bow"]).motion, name="deep bow", library=mine)
    assert "deep_bow" in "\n".join(cospeech.library_info(mine).lines())
    cospeech.merge_libraries([mine], tmp_path / "both", quiet=True)
    assert cospeech.library_info(tmp_path / "both").named == ("deep_bow",)
    assert not cospeech.check_library(tmp_path / "both").problems
    cospeech.build_library(library_dataset, mine, quiet=True)  # built anew, it keeps them
    assert cospeech.library_info(mine).named == ("deep_bow",)
