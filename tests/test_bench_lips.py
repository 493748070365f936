"""The benchmark of lips: its table, and other projects from npm beside ours."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from cospeech.speech.phones.inventory import PHONE_INDEX
from cospeech.speech.phones.track import Phone
from cospeech.speech.speech import Speech, Word

ROOT = Path(__file__).parents[1]

sys.path.insert(0, str(ROOT / "benchmarks"))
import bench_lips  # noqa: E402
import bench_portrait_lips  # noqa: E402
import peers  # noqa: E402

# Packages with the entry points that peers.mjs uses, and answers that are easy to tell.
RHUBARB = """
export class Rhubarb {
  static async getModule() { console.log("[DEBUG] loaded"); }
  static async getLipSync(pcm, { dialogText }) {
    const end = pcm.length / 2 / 16000;
    return { mouthCues: [{ start: 0, end: 1, value: "D" }, { start: 1, end, value: dialogText ? "A" : "X" }] };
  }
}
"""
TALKINGHEAD = """
export class LipsyncEn {
  preProcessText(text) { return text.trim(); }
  wordsToVisemes(word) { return { visemes: ["PP", "aa"], times: [0, 1], durations: [1, 3] }; }
}
"""


@pytest.fixture
def recording():
    """Two seconds: "ma", then "am"."""
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(32_000)).astype(np.float32)
    phones = (Phone("M", 0.5, 0.6), Phone("AA", 0.6, 1.0), Phone("AA", 1.2, 1.4), Phone("M", 1.4, 1.5))
    return bench_lips.Recording("made", Speech(samples, words=(Word("ma", 0.5, 1.0), Word("am", 1.2, 1.5))), phones)


@pytest.fixture
def folder(tmp_path):
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    for path, text in {
        "rhubarb-lip-sync-wasm/dist/index.js": RHUBARB,
        "@met4citizen/talkinghead/modules/lipsync-en.mjs": TALKINGHEAD,
    }.items():
        file = tmp_path / "node_modules" / path
        file.parent.mkdir(parents=True)
        file.write_text(text)
    for package in ("rhubarb-lip-sync-wasm", "@met4citizen/talkinghead"):
        (tmp_path / "node_modules" / package / "package.json").write_text('{"type": "module"}')
    return tmp_path


def test_timed_visemes_share_the_time_of_their_word(recording, folder):
    (document,), cpu = peers.run_peer("talkinghead", [recording.speech], folder)
    assert [one["viseme"] for one in document["visemes"]] == ["PP", "aa", "PP", "aa"]
    assert document["visemes"][0] == pytest.approx({"start": 0.5, "end": 0.6, "viseme": "PP"})  # at most .2 s a viseme
    assert document["visemes"][1]["end"] == pytest.approx(0.9)
    assert cpu < 1.0


def test_cues_become_phones(recording, folder):
    plain, guided = (peers.run_peer(name, [recording.speech], folder)[0][0] for name in ("rhubarb", "rhubarb-text"))
    assert plain["mouthCues"][-1] == {"start": 1, "end": 2, "value": "X"}
    assert guided["mouthCues"][-1]["value"] == "A"
    track = peers.track_of(guided, 2.0, earlier=0.2).probabilities
    assert track[75, PHONE_INDEX["AA"]] > 0.9
    assert track[85, PHONE_INDEX["M"]] > 0.9


def test_what_cannot_be_run_is_said_in_its_row(recording, folder):
    row = bench_lips.measure_peer("headaudio", [recording], folder)
    assert row["note"] == "@met4citizen/headaudio is not installed"
    silent = bench_lips.Recording("made", Speech(recording.speech.samples), recording.phones)
    assert "needs words" in bench_lips.measure_peer("talkinghead", [silent], folder)["note"]
    (folder / "node_modules" / "rhubarb-lip-sync-wasm" / "dist" / "index.js").write_text("throw new Error('broken')")
    assert "broken" in bench_lips.measure_peer("rhubarb", [recording], folder)["note"]
    text = bench_lips.table([bench_lips.cells("made", bench_lips.measure_peer("headaudio", [recording], folder))])
    assert "is not installed" in text
    assert len({len(bench_lips.cells("made", row)), len(bench_lips.COLUMNS)}) == 1


def test_the_truth_scores_best(recording, folder):
    truth = bench_lips.measure("phones", [recording])
    peer = bench_lips.measure_peer("talkinghead", [recording], folder)
    assert truth["pbm"] == [2, 2]
    assert truth["viseme_accuracy"] == 1.0
    assert peer["pbm"] == [1, 2]  # its second PP is at the word's beginning
    assert peer["opening_r"] < truth["opening_r"]
    assert bench_lips.cells("made", truth)[1:3] == ["true phones", "2/2 (0.34 to 1.00)"]


@pytest.mark.parametrize("late", [-2, 0, 3])
def test_lips_of_a_portrait_that_come_late_are_told(recording, late):
    truth = bench_lips.true_opening(recording, 60)
    row = bench_portrait_lips.measure(recording, np.roll(truth, late))
    assert row["lag"] == late
    assert (row["r"] > 0.99) == (late == 0)
    assert bench_portrait_lips.measure(recording, truth)["pbm"][1] == 2
