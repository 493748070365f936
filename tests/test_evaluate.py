"""Evaluation: halves, rows, baselines, differences, and what comes out as files."""

from __future__ import annotations

import csv
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import cospeech
from corpus_data import gesturing, voice
from cospeech.cli import main
from cospeech.core.errors import UserError
from cospeech.data.dataset import GestureDataset, SampleData, write_manifest, write_shard
from cospeech.evaluation.baselines import BLEND, BaselineMaterial, join
from cospeech.evaluation.clips import EvaluationClip, Recordings, file_name
from cospeech.evaluation.evaluate import evaluate
from cospeech.evaluation.groups import METRICS, requested_metrics
from cospeech.evaluation.material import FLOOR, OTHERS, SYNTHETIC, choose
from cospeech.evaluation.report import NO_DIFFERENCE, read_report
from cospeech.evaluation.systems import FolderSystem, ModelSystem
from cospeech.evaluation.table import table
from cospeech.metrics import Label, MeanMetric
from cospeech.motion.codec import Codec
from cospeech.motion.phases import strokes
from cospeech.speech.features import accents, speech_features
from cospeech.speech.layout import LAYOUT

GROUPS = ("liveliness", "beats", "accuracy", "smoothness")


def fill(folder: Path, *, made: bool) -> Path:
    """A dataset of 14 test and 8 training clips: recorded together, or apart with synthetic pairs."""
    codec, entries = Codec(), []
    for split, count in (("train", 8), ("test", 14)):
        for k in range(count):
            seed = k + 100 * (split == "test")
            motion = gesturing(4.0, seed=seed)
            features = speech_features(voice(4.0, seed=seed)[0])[: len(motion)]
            coded = codec.encode(motion)[: len(features)]
            name, emotion = f"{split}/{k}", ("joy", "anger")[k % 2]
            speaker = "Ada" if split == "train" else "Ben"
            info = {"speed": 0.2}
            if made:
                entries.append(SampleData(name, "motion", split, speaker, emotion, coded, None, info))
                name, kind = f"voice {k}#{split}", "synthetic_pair"
            else:
                kind = "pair"
            entries.append(SampleData(name, kind, split, speaker, emotion, coded, features, info))
    folder.mkdir()
    write_shard(folder, 0, entries, LAYOUT.dim)
    write_manifest(folder, {"feature_dim": LAYOUT.dim, "made_pairs": made}, [0])
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> GestureDataset:
    return GestureDataset(fill(tmp_path_factory.mktemp("evaluation") / "pairs", made=False))


@pytest.fixture(scope="module")
def apart(tmp_path_factory) -> GestureDataset:
    return GestureDataset(fill(tmp_path_factory.mktemp("evaluation") / "apart", made=True))


class Fake:
    """A model that gives the recorded motion of a clip, later by some frames."""

    name, config, speakers = "fake", {}, ("Ada", "Eve")

    def __init__(self, dataset: GestureDataset, late: int = 0) -> None:
        self.known = {
            dataset.features(item).tobytes(): Codec().decode(dataset.motion(item))
            for item in dataset.items
            if item.kind != "motion"
        }
        self.late, self.requested = late, []

    def generate(self, speech, **options):
        raise AssertionError("a dataset has no sound")

    def from_features(self, features, *, seed=0, **options):
        self.requested.append(options["speaker"])
        motion = self.known[features.tobytes()]
        return motion.warp(np.maximum(np.arange(len(motion)) - self.late, 0) / motion.fps)


def value(report, row: str, metric: str) -> float:
    found = next(row_ for row_ in report.rows if row_.name == row)
    return next(v.value for v in found.values if v.name == metric)


def test_halves_do_not_meet_and_have_like_emotions(pairs):
    material = choose(pairs, "test", clips=100, seed=0)
    first, second = ({item.id for item in half} for half in (material.measured, material.reference))
    assert not first & second
    assert len(first) == len(second) == 7
    assert {item.id for item in material.speech} <= first  # nobody is measured against their own answer
    for half in (material.measured, material.reference):
        assert 3 <= sum(item.emotion == "joy" for item in half) <= 4
    assert [i.id for i in choose(pairs, "test", clips=100, seed=0).measured] == [i.id for i in material.measured]


def test_a_perfect_system_has_no_error_and_a_late_one_has_more(pairs):
    systems = [ModelSystem(Fake(pairs, late), name=f"late {late}") for late in (0, 3, 9)]
    report = evaluate(systems, pairs, metrics=GROUPS, quiet=True)
    errors = [value(report, f"late {late}", "mpjpe") for late in (0, 3, 9)]
    assert errors[0] < 0.03  # the body was stood up meanwhile
    assert errors[0] < errors[1] < errors[2]
    names = [row.name for row in report.rows]
    assert names == [
        FLOOR,
        OTHERS,
        "mean pose",
        "rules",
        "random real clips",
        "nearest by sound",
        "late 0",
        "late 3",
        "late 9",
    ]
    assert not report.synthetic_pairs
    assert value(report, "mean pose", "still_share") == 1.0
    gaps = {(d.a, d.b, d.metric): d for d in report.differences}
    late = gaps["late 3", "late 9", "mpjpe"]
    assert late.better == "late 3"
    assert late.difference == pytest.approx(errors[1] - errors[2])
    assert late.interval[1] < 0


def test_two_names_of_one_system_have_no_difference(pairs):
    systems = [ModelSystem(Fake(pairs), name=name) for name in ("a", "b")]
    report = evaluate(systems, pairs, metrics=GROUPS, baselines=False, quiet=True)
    assert report.differences
    assert all(d.difference == 0 and d.better == NO_DIFFERENCE for d in report.differences)


def test_styles_take_turns_where_the_speaker_is_not_known(pairs):
    fake = Fake(pairs)
    evaluate([ModelSystem(fake)], pairs, metrics=("smoothness",), baselines=False, quiet=True)
    assert set(fake.requested) == {"Ada", "Eve"}


def test_made_pairs_are_called_so(apart):
    report = evaluate([ModelSystem(Fake(apart))], apart, metrics=GROUPS, quiet=True)
    assert report.synthetic_pairs
    assert SYNTHETIC in [row.name for row in report.rows]
    assert any("matching strokes and accents, not a truth" in note for note in report.notes)
    assert "synthetic pairs" in table(report, 120).lower()
    real = next(row for row in report.rows if row.name == FLOOR)
    assert not any(v.name.startswith(("bc_", "stroke_accent")) for v in real.values)  # it has no voice
    assert not any(v.name == "mpjpe" for row in report.rows for v in row.values)  # and no truth


def test_all_groups_with_trained_judges(pairs, tiny_evaluators, tmp_path):
    report = evaluate(
        [ModelSystem(Fake(pairs))],
        pairs,
        out=tmp_path / "report",
        quiet=True,
        players=1,
        extractor=tiny_evaluators / "extractor-model",
        classifier=tiny_evaluators / "emotion-classifier-model",
        player=lambda motion, path, title: path.write_text(title),
    )
    floor = value(report, FLOOR, "fgd_window")
    assert value(report, "fake", "fgd_window") < value(report, "mean pose", "fgd_window")
    assert floor < value(report, "mean pose", "fgd_window")
    assert value(report, "fake", "two_sample_rows") <= 100
    ids = {v.extractor for row in report.rows for v in row.values if v.name.startswith("fgd")}
    assert len(ids) == 2
    assert all(name.startswith("extractor-model-") for name in ids)
    row = next(row for row in report.rows if row.name == "fake")
    assert row.confusion.sum() == row.clips == 7
    assert set(row.emotions) == {"joy", "anger"}
    assert sum(row.heat["left"].ravel()) == pytest.approx(1.0)
    assert (row.histograms["hand_speed"].density * np.diff(row.histograms["hand_speed"].edges)).sum() == (
        pytest.approx(1.0)
    )
    back = read_report(tmp_path / "report")
    assert [r.name for r in back.rows] == [r.name for r in report.rows]
    pages = back.players[0].pages
    assert set(pages) == {FLOOR, "fake"}
    assert all((tmp_path / "report" / page).is_file() for page in pages.values())
    with open(tmp_path / "report" / "clips.csv", newline="") as file:
        clips = list(csv.DictReader(file))
    assert len(clips) == 7
    assert clips[0]["file"] == file_name(clips[0]["id"])


def test_a_folder_of_motion_is_measured_as_well(pairs, tmp_path):
    material = choose(pairs, "test", clips=100, seed=0)
    body = Recordings(pairs)
    for k, item in enumerate(material.speech[:6]):
        motion = body.motion(item)
        motion.save(tmp_path / (("", "res_")[k % 2] + file_name(item.id) + (".bvh", ".npz")[k % 2]))
    report = evaluate([FolderSystem(tmp_path, name="theirs")], pairs, metrics=GROUPS, quiet=True)
    row = next(row for row in report.rows if row.name == "theirs")
    assert (row.clips, row.left_out) == (6, {"no motion": 1})
    assert value(report, "theirs", "mpjpe") < 0.005


def test_a_file_that_lacks_its_last_moment_keeps_its_last_pose(pairs, tmp_path):
    item = choose(pairs, "test", clips=1, seed=0).speech[0]
    whole = Recordings(pairs).motion(item)
    whole[:-10].save(tmp_path / f"{file_name(item.id)}.npz")
    clip = EvaluationClip(item.id, item.speaker, item.emotion, pairs.features(item), whole, 0)
    made = FolderSystem(tmp_path).motion(clip)
    assert len(made) == len(whole)
    np.testing.assert_allclose(made.positions[:-10], whole.positions[:-10], atol=1e-4)
    np.testing.assert_allclose(made.positions[-1], whole.positions[-11], atol=1e-4)


def test_hands_and_voice_are_measured_in_every_row_that_has_both(pairs):
    report = evaluate([ModelSystem(Fake(pairs))], pairs, quiet=True, metrics=["movement", "coupling"])
    assert value(report, "fake", "stroke_prominent_accent_ratio") > 0
    assert value(report, "fake", "nearest_repeat") > 0
    still = {v.name for row in report.rows if row.name == "mean pose" for v in row.values}
    assert "nearest_repeat" not in still  # nobody gestures
    assert not any(v.name.startswith("hand_lead") for row in report.rows for v in row.values)  # clips are too short


@pytest.mark.parametrize("kind", ["pairs", "apart"])
def test_finished_bodies_are_held_against_finished_recordings(kind, request):
    dataset = request.getfixturevalue(kind)
    report = evaluate([ModelSystem(Fake(dataset))], dataset, quiet=True, metrics=["movement_finished"])
    for row in report.rows:
        found = {value.name: value for value in row.values}
        assert set(found) == {"movement_finished_two_sample", "movement_finished_two_sample_texture"}
        assert found["movement_finished_two_sample"].chance == 50.0
    still, real = (value(report, row, "movement_finished_two_sample") for row in ("mean pose", FLOOR))
    assert still > 80 > real


def test_bad_folders_and_clips(pairs, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        FolderSystem(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"holds no model .* and no motion files"):
        FolderSystem(tmp_path)
    item = choose(pairs, "test", clips=1, seed=0).speech[0]
    Recordings(pairs).motion(item)[:60].save(tmp_path / f"{file_name(item.id)}.npz")
    with pytest.raises(UserError, match=r"has 2\.00 s of motion, clip 'test/\d+' \d\.\d\d s"):
        evaluate([FolderSystem(tmp_path)], pairs, metrics=("smoothness",), clips=1, quiet=True)
    (tmp_path / f"{file_name(item.id)}.npz").rename(tmp_path / "somebody.npz")
    with pytest.raises(UserError, match=rf"has no motion for any .* such as {file_name(item.id)}\.bvh"):
        evaluate([FolderSystem(tmp_path)], pairs, metrics=("smoothness",), clips=1, quiet=True)


def test_too_little_to_measure_is_told(pairs, mini_dataset):
    with pytest.raises(UserError, match="at least 10 are needed for two halves"):
        evaluate([ModelSystem(Fake(pairs))], mini_dataset, quiet=True)
    with pytest.raises(UserError, match=r"unknown metrics 'fid'; known: fgd,"):
        evaluate([ModelSystem(Fake(pairs))], pairs, metrics=("fid",))
    with pytest.raises(UserError, match="two systems are called 'fake'"):
        evaluate([ModelSystem(Fake(pairs)), ModelSystem(Fake(pairs))], pairs)
    with pytest.raises(UserError, match="two systems or more are compared; got 1"):
        cospeech.compare([Fake(pairs)], pairs.folder)


def test_baselines_move_as_they_say(pairs):
    material = BaselineMaterial(pairs)
    item = pairs.select(split="test")[0]
    clip = EvaluationClip(item.id, item.speaker, item.emotion, pairs.features(item), None, 0)
    made = {system.name: system.motion(clip) for system in material.systems()}
    assert {len(motion) for motion in made.values()} == {len(clip.features)}
    assert np.ptp(made["mean pose"].rotations, axis=0).max() == 0
    beats = np.array([stroke.time for stroke in strokes(made["rules"])])
    times = accents(clip.features)[0]
    assert len(beats)
    assert np.abs(beats[:, None] - times).min(axis=1).mean() < 0.35
    for name in ("random real clips", "nearest by sound"):
        assert np.ptp(made[name].rotations, axis=0).max() > 0.1


def test_the_nearest_sound_of_a_training_clip_is_itself(pairs):
    system = next(s for s in BaselineMaterial(pairs).systems() if s.name == "nearest by sound")
    item = pairs.select(split="train")[3]
    features = pairs.features(item)[:60]
    made = system.motion(EvaluationClip("x", "Ada", None, features, None, 0))
    wanted = system.material.body(pairs.motion(item)[:60])
    np.testing.assert_allclose(made.positions, wanted.positions, atol=1e-3)


def test_stretches_are_joined_without_a_step():
    parts = [np.full((40, 2), float(k)) for k in range(3)]
    joined = join(parts)
    assert len(joined) == 120 - 2 * BLEND
    assert np.abs(np.diff(joined, axis=0)).max() < 0.15


def test_the_command_writes_a_report(pairs, tiny_evaluators, tmp_path, capsys, monkeypatch):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for item in choose(pairs, "test", clips=100, seed=0).speech:
        Recordings(pairs).motion(item).save(theirs / f"{file_name(item.id)}.npz")
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "theirs", "--data", str(pairs.folder), "-o", "report"]
    main([*words, "--extractor", str(tiny_evaluators / "extractor-model"), "--metrics", "fgd", "liveliness"])
    out, err = capsys.readouterr()
    assert "theirs" in out
    assert "fgd_frame" in out
    assert "open report/report.html in a browser" in err
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "report.html",
        "report.json",
        "clips.csv",
        "players",
    }


class LowHands(MeanMetric):
    """How low the left hand comes: what a package of somebody else may measure."""

    def __init__(self, real):
        super().__init__(Label("left_hand_height", "m", "frames", "mean height of the left wrist", "real"))

    def update(self, motion, clip):
        height = motion.positions[:, motion.skeleton.index("left_wrist"), 1]
        self.add(float(height.sum()), len(height), clip=clip.id)


def test_a_metric_of_another_package_stands_in_every_row(pairs, monkeypatch):
    point = EntryPoint("low_hands", f"{__name__}:LowHands", "cospeech.metrics")
    monkeypatch.setitem(METRICS.__dict__, "plugins", {"low_hands": point})
    systems = [ModelSystem(Fake(pairs), name=name) for name in ("a", "b")]
    report = evaluate(systems, pairs, metrics=("low_hands",), quiet=True)
    assert {v.name for row in report.rows for v in row.values} == {"left_hand_height"}
    assert value(report, "a", "left_hand_height") == pytest.approx(value(report, FLOOR, "left_hand_height"), rel=0.01)
    assert [d.metric for d in report.differences] == ["left_hand_height"]
    assert requested_metrics(None)[-1] == "low_hands"
    with pytest.raises(UserError, match=r"unknown metrics 'fid'; known: fgd, .*, low_hands"):
        requested_metrics(["fid"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dataset": 5}, r"expected the folder of a dataset; got 5, give the folder that prepare wrote"),
        ({"clips": 0}, "clips must be a whole number from 1 on; got 0"),
        ({"clips": "ten"}, "clips must be a whole number from 1 on; got 'ten'"),
        ({"seed": -1}, "seed must be a whole number from 0 on; got -1"),
        ({"split": 2}, "split must be the name of one, such as test; got 2"),
        ({"metrics": ()}, "no metrics are named; known: fgd,"),
    ],
)
def test_values_of_a_wrong_kind_are_one_line(pairs, values, message):
    dataset = values.pop("dataset", pairs)
    with pytest.raises(UserError, match=message) as caught:
        evaluate([ModelSystem(Fake(pairs))], dataset, quiet=True, **values)
    assert "\n" not in str(caught.value)


def test_a_report_appears_whole_or_not_at_all(pairs, tmp_path):
    def broken(motion, path, title):
        raise UserError("no player today")

    options = {"metrics": ("smoothness",), "baselines": False, "clips": 1, "quiet": True}
    with pytest.raises(UserError, match="no player today"):
        evaluate([ModelSystem(Fake(pairs))], pairs, out=tmp_path / "report", player=broken, **options)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, not a folder"):
        evaluate([ModelSystem(Fake(pairs))], pairs, out=tmp_path / "file", **options)
    kept = tmp_path / "report" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    (tmp_path / "report" / "report.json").write_text("old")
    evaluate([ModelSystem(Fake(pairs))], pairs, out=tmp_path / "report", **options)
    assert kept.read_text() == "mine"
    assert read_report(tmp_path / "report").rows
    assert {path.name for path in tmp_path.iterdir()} == {"file", "report"}
