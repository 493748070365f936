"""Distances to those who are imitated, and models that read the columns of encoders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from corpus_data import gesturing, voice
from cospeech.core.errors import UserError
from cospeech.core.rotation import axis_angle_to_matrix
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.evaluation.clips import EvaluationClip, Recordings, file_name
from cospeech.evaluation.evaluate import evaluate
from cospeech.evaluation.material import FLOOR, OTHERS, SYNTHETIC, choose, speech_of
from cospeech.evaluation.report import Report, read_report
from cospeech.evaluation.requested_speakers import requested_speakers
from cospeech.evaluation.systems import FolderSystem, ModelSystem
from cospeech.evaluation.table import table
from cospeech.motion.codec import Codec
from cospeech.speech.encoders.settings import EncoderSettings, describe
from cospeech.speech.features import speech_features
from cospeech.speech.layout import LAYOUT
from encoder_data import LengthEncoder, LoudnessEncoder

BOTH = {"speech_encoding": LoudnessEncoder(), "words": LengthEncoder()}
LIFTED = {"Ada": 0.0, "Eve": 0.2, "Ben": 1.0}  # radians by which a person holds the left arm up


def moving(person: str, seed: int):
    """Gestures of a person, [T, C] coded."""
    motion = gesturing(3.0, seed=seed)
    rotations = motion.rotations.copy()
    rotations[:, motion.skeleton.index("left_shoulder")] @= axis_angle_to_matrix(
        np.array([0.0, 0.0, LIFTED[person]])
    ).astype(np.float32)
    return Codec().encode(replace(motion, rotations=rotations))


def fill(folder, *, made: bool = True) -> GestureDataset:
    """Ada and Eve to train on, Ben to test; recordings with speech, or alone beside synthetic pairs."""
    entries, encoders = [], describe(BOTH)
    for split, people, count in (("train", ("Ada", "Eve"), 12), ("test", ("Ben",), 12)):
        for person in people:
            for k in range(count):
                coded = moving(person, seed=len(entries))
                features = speech_features(voice(3.0, seed=len(entries))[0])[: len(coded)]
                coded = coded[: len(features)]
                own = np.full((len(coded), 2), len(entries), np.float16)
                rest = (split, person, ("joy", "anger")[k % 2], coded)
                extra = {"speech_encoding": own, "words": -own}
                if made:
                    entries.append(SampleData(f"{person}/{k}", "motion", *rest, None))
                entries.append(
                    SampleData(
                        f"voice {person} {k}" if made else f"{person}/{k}",
                        "synthetic_pair" if made else "pair",
                        *rest,
                        features,
                        extra=extra,
                    )
                )
    folder.mkdir()
    write_shard(folder, 0, entries, LAYOUT.dim, widths={"speech_encoding": 2, "words": 2})
    write_manifest(folder, {"feature_dim": LAYOUT.dim, "made_pairs": made, "encoders": encoders}, [0])
    return GestureDataset(folder)


@pytest.fixture(scope="module")
def apart(tmp_path_factory) -> GestureDataset:
    return fill(tmp_path_factory.mktemp("speakers") / "apart")


class Wrists:
    """Where both wrists are: an extractor of six features."""

    dim, fps, skeleton, window = 6, 30.0, "canonical-55", 0

    def __init__(self, rows: str, step: int) -> None:
        self.id, self.step = f"wrists-{rows}", step

    def features(self, motion, *, clip=""):
        wrists = motion.positions[:, motion.skeleton.indices(["left_wrist", "right_wrist"])]
        return wrists.reshape(len(motion), -1)[:: self.step].astype(np.float64)


WRISTS = {"frame": Wrists("frame", 2), "window": Wrists("window", 10)}


class Mimic:
    """A model that moves as the requested speaker."""

    name = "mimic"

    def __init__(self, *speakers: str, encoders: tuple[str, ...] = ()) -> None:
        self.speakers = speakers
        kinds = {kind: BOTH[kind] for kind in encoders}
        self.config = {"encoders": describe(kinds)} if kinds else {}
        self.received = []

    def from_features(self, features, *, speaker, seed=0, **options):
        self.received.append(features)
        coded = moving(speaker, seed=1000 + seed)
        return Codec().decode(coded[np.minimum(np.arange(len(features)), len(coded) - 1)])


def value(report: Report, row: str, metric: str) -> float:
    found = next(one for one in report.rows if one.name == row)
    return next(v.value for v in found.values if v.name == metric)


def names(report: Report) -> set[str]:
    return {v.name for row in report.rows for v in row.values}


def test_a_mimic_is_near_the_requested_speakers(apart, tmp_path):
    report = evaluate(
        [ModelSystem(Mimic("Ada", "Eve")), ModelSystem(Mimic("Ada", "Eve"), name="other", seed=50)],
        apart,
        metrics=("fgd",),
        out=tmp_path,
        extractor=WRISTS,
        quiet=True,
    )
    for rows in ("frame", "window"):
        own, other = f"fgd_{rows}_requested", f"fgd_{rows}"
        assert value(report, "mimic", own) < 0.2 * value(report, "mimic", other)
        assert value(report, OTHERS, own) < 0.2 * value(report, FLOOR, own)
        assert value(report, FLOOR, other) < 0.2 * value(report, FLOOR, own)
        assert value(report, SYNTHETIC, own) > 5 * value(report, "mimic", own)
        assert own in {d.metric for d in report.differences}
    said = {row.name: v.convention for row in report.rows for v in row.values if v.name == "fgd_frame_requested"}
    played = {name for name, text in said.items() if text.endswith("which this row plays back")}
    assert played == {"random real clips", "nearest by sound"}
    assert "12 real clips of the requested speakers" in said["mimic"]
    assert any("are measured against 12 recordings" in n and "(Ada, Eve)" in n for n in report.notes)
    assert report.data["requested_speakers"] == ["Ada", "Eve"]
    text = table(report, 120)
    assert "in the style of Ada, Eve" in text
    assert "fgd_frame_requested" in text
    assert names(read_report(tmp_path)) == names(report)
    assert "fgd_window_requested" in (tmp_path / "report.html").read_text()


def test_no_clip_is_held_against_itself(apart):
    speech = speech_of(choose(apart, "test", clips=20, seed=0), Recordings(apart))
    found = requested_speakers(apart, "test", [ModelSystem(Mimic("Ada", "Eve"))], speech, 0)
    row, reference = ({item.id for item in part} for part in (found.measured, found.reference))
    assert not row & reference
    assert len(row | reference) == 24
    assert not any(item.split == "test" for item in (*found.measured, *found.reference))
    for part in (found.measured, found.reference):
        assert sorted({item.speaker for item in part}) == ["Ada", "Eve"]
        assert sum(item.emotion == "joy" for item in part) == 6
    one = requested_speakers(apart, "test", [ModelSystem(Mimic("Eve"))], speech, 0)
    assert (one.names, {item.speaker for item in (*one.measured, *one.reference)}) == (("Eve",), {"Eve"})


@pytest.mark.parametrize(
    ("speakers", "reason"),
    [
        (("Ben", "Ada"), "the requested speakers are those of the split"),
        (("Ada", "Zoe", "Kim"), "the dataset has no recorded motion of Kim, Zoe outside of the split"),
    ],
)
def test_why_there_is_none(apart, speakers, reason):
    speech = speech_of(choose(apart, "test", clips=20, seed=0), Recordings(apart))
    found = requested_speakers(apart, "test", [ModelSystem(Mimic(*speakers))], speech, 0)
    assert (found.why_not, found.measured, found.reference) == (reason, (), ())


def test_a_report_without_says_why(apart):
    report = evaluate(
        [ModelSystem(Mimic("Ben"))], apart, metrics=("fgd",), baselines=False, extractor=WRISTS, quiet=True
    )
    assert any(
        note.endswith("requested speakers: the requested speakers are those of the split.") for note in report.notes
    )
    assert names(report) == {"fgd_frame", "fgd_window", "kid_window"}
    other = evaluate([ModelSystem(Mimic("Ben"))], apart, metrics=("liveliness",), baselines=False, quiet=True)
    assert not any("requested speakers:" in note for note in other.notes)


def test_too_few_rows_leave_one_distance_out(apart):
    class Blind(Wrists):
        """Has nothing to say of Ada's motion."""

        def features(self, motion, *, clip=""):
            return super().features(motion, clip=clip)[: 0 if clip.startswith("Ada") else None]

    kinds = {"frame": Wrists("frame", 2), "window": Blind("window", 10)}
    report = evaluate(
        [ModelSystem(Mimic("Ada"))], apart, metrics=("fgd",), baselines=False, extractor=kinds, quiet=True
    )
    assert "fgd_frame_requested" in names(report)
    assert "fgd_window_requested" not in names(report)
    assert any(note.startswith("fgd_window_requested is left out") for note in report.notes)


def test_a_folder_is_held_against_the_training_people(tmp_path):
    dataset = fill(tmp_path / "pairs", made=False)  # recorded together, so that there are no synthetic pairs
    body, theirs = Recordings(dataset), tmp_path / "theirs"
    theirs.mkdir()
    for item in choose(dataset, "test", clips=20, seed=0).speech:
        body.motion(item).save(theirs / f"{file_name(item.id)}.npz")
    report = evaluate([FolderSystem(theirs)], dataset, metrics=("fgd",), baselines=False, extractor=WRISTS, quiet=True)
    assert report.data["requested_speakers"] == ["Ada", "Eve"]
    assert value(report, "theirs", "fgd_window_requested") > 5 * value(report, OTHERS, "fgd_window_requested")


# ---------------------------------------------------------------------------- encoders


@pytest.mark.parametrize("kinds", [(), ("words",), ("speech_encoding", "words")])
def test_a_model_gets_the_columns_that_it_learned_with(apart, kinds):
    mimic = Mimic("Ada", encoders=kinds)
    evaluate([ModelSystem(mimic)], apart, metrics=("smoothness",), baselines=False, quiet=True)
    items = choose(apart, "test", clips=120, seed=0).speech
    assert len(mimic.received) == len(items) == 12
    for received, item in zip(mimic.received, items, strict=True):
        parts = [apart.features(item), *(apart.extra(kind, item) for kind in kinds)]
        np.testing.assert_array_equal(received, np.concatenate(parts, axis=1))


def test_baselines_and_figures_read_the_features_alone(apart):
    clips = speech_of(choose(apart, "test", clips=120, seed=0), Recordings(apart))
    assert {clip.features.shape[1] for clip in clips} == {LAYOUT.dim}
    report = evaluate([ModelSystem(Mimic("Ada", encoders=("words",)))], apart, metrics=("beats",), quiet=True)
    assert value(report, "mimic", "bas_sigma0.1") >= 0


def test_what_a_store_lacks_is_told_before_any_work(apart):
    mimic = Mimic("Ada", encoders=("words",))
    mimic.config["encoders"]["words"]["weights"] = "ffff0000"

    class Untouched(Wrists):
        def features(self, motion, *, clip=""):
            pytest.fail("work was done")

    with pytest.raises(UserError, match=r"prepared with length, layer last, weights 0000bbbb; wanted"):
        evaluate([ModelSystem(mimic)], apart, metrics=("fgd",), extractor={"frame": Untouched("frame", 2)}, quiet=True)
    assert not mimic.received
    clip = EvaluationClip("x", "Ada", None, np.zeros((9, LAYOUT.dim)), None, 0)
    with pytest.raises(UserError, match="clip 'x' has speech features alone, wanted are columns of words"):
        clip.inputs({"words": EncoderSettings("length", width=2)})
