"""Settings of the stages: presets, a TOML file, single assignments; validated, and stored in the run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields

import pytest

torch = pytest.importorskip("torch")

import cospeech  # noqa: E402
from cospeech import cli  # noqa: E402
from cospeech.core.errors import UserError  # noqa: E402
from cospeech.methods.registry import METHODS, resolve, trainable  # noqa: E402
from cospeech.training.loop import TrainConfig  # noqa: E402
from cospeech.training.settings import read_overrides, settings  # noqa: E402
from cospeech.training.stages import Settings, Stage, chosen_stages, preset_names  # noqa: E402

torch.set_num_threads(1)


@dataclass(frozen=True)
class Inner:
    noise: float = 0.1


@dataclass(frozen=True)
class First:
    width: int = 8
    kind: str = "plain"
    causal: bool = False
    filters: tuple[int, ...] = (1, 2)
    channels: int = 3
    masks: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class Second:
    width: int = 16
    latent: int = 4


TINY = TrainConfig(steps=5)
ONE = Stage("one", lambda run: None, {"tiny": Settings(First(), TINY)}, derived=("channels",))
TWO = Stage(
    "two",
    lambda run: None,
    {"tiny": Settings(Second(), TINY), "large": Settings(Second(width=99), TINY)},
    needs={"one": "latent"},
    derived=("latent",),
)
STAGES = (ONE, TWO)


def chosen(config=None, *assignments: str, stages=("one", "two")) -> dict[str, Settings]:
    return settings(STAGES, "tiny", read_overrides(config, assignments), chosen=stages)


def test_a_field_is_set_where_it_is_known():
    found = chosen(None, "width=32", "lr=1e-4", "two.batch=6", "one.masks.noise=1", "kind=fancy", "filters=[3, 4]")
    assert found["one"].config == First(width=32, kind="fancy", filters=(3, 4), masks=Inner(1.0))
    assert found["two"].config == Second(width=32)
    assert found["one"].training == TrainConfig(steps=5, learning_rate=1e-4)
    assert found["two"].training == TrainConfig(steps=5, learning_rate=1e-4, batch_size=6)
    alone = chosen(None, "width=32", "two.width=64", stages=("one",))  # a stage may be named that is not trained now
    assert (alone["one"].config.width, alone["two"].config.width) == (32, 64)


def test_a_file_holds_tables_by_stage_and_assignments_go_first(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("width = 20\n[one]\ncausal = true\n[one.training]\nsteps = 7\n[training]\nlr = 0.5\n")
    found = chosen(path, "one.steps=9")
    assert (found["one"].config.width, found["two"].config.width, found["one"].config.causal) == (20, 20, True)
    assert (found["one"].training.steps, found["two"].training.steps) == (9, 5)
    assert found["one"].training.learning_rate == found["two"].training.learning_rate == 0.5
    same = chosen({"width": 20, "one": {"causal": True, "training": {"steps": 9}}, "training": {"lr": 0.5}})
    assert same == found


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("widht=3", r"unknown setting 'widht' in .*; known in one, two: batch_size, .*, masks\.noise, .*, width;"),
        ("two.kind=a", "unknown setting 'two.kind' in .*; known in two: batch_size, "),
        ("width=wide", "'width' in 'width=wide': expected int, got str"),
        ("width=2.5", "'width' in 'width=2.5': expected int, got float"),
        ("causal=1", "'causal' in 'causal=1': expected bool, got int"),
        ("filters=3", "'filters' in 'filters=3': expected array, got int"),
        ("lr=fast", "'lr' in 'lr=fast': expected float, got str"),
        ("lr=-1", r"learning_rate must be above 0; got -1\.0"),
        ("channels=9", "'channels' in .* follows from the dataset or from earlier stages in one; leave it out"),
        ("masks=3", "unknown setting 'masks'"),
        ("width", "a setting is written NAME=VALUE, as in lr=1e-4; got 'width'"),
        ("=3", "a setting is written NAME=VALUE"),
    ],
)
def test_settings_that_cannot_be(assignment, expected):
    with pytest.raises(UserError, match=expected):
        chosen(None, assignment)


def test_files_and_presets_that_cannot_be(tmp_path):
    (tmp_path / "broken.toml").write_text("width = [")
    with pytest.raises(UserError, match=r"broken\.toml is not TOML that can be read"):
        chosen(tmp_path / "broken.toml")
    with pytest.raises(UserError, match=r"no such file: .*absent\.toml"):
        chosen(tmp_path / "absent.toml")
    with pytest.raises(UserError, match=r"settings are read from a TOML file \(\*\.toml\); got mine\.json"):
        chosen("mine.json")
    assert preset_names(STAGES) == ("tiny",)  # what all stages have
    with pytest.raises(UserError, match="unknown preset 'large'; known: tiny"):
        settings(STAGES, "large", [], chosen=["one"])
    with pytest.raises(UserError, match="unknown stage 'three'; known: one, two, all"):
        chosen_stages(STAGES, "three")
    assert TWO.needed(Second(latent=0)) == ()
    assert TWO.needed(Second()) == ("one",)


@pytest.mark.parametrize("name", trainable())
def test_every_method_has_the_presets_and_no_field_of_two_meanings(name):
    """A field of a stage's config must not be called as one of the schedule, or a setting would be ambiguous."""
    training = resolve(METHODS.get(name).training)
    assert preset_names(training.stages) == ("tiny", "default", "large", "paper")
    names = [stage.name for stage in training.stages]
    assert training.mark in names
    schedule = {one.name for one in fields(TrainConfig)}
    for stage in training.stages:
        assert set(stage.needs) <= set(names[: names.index(stage.name)])
        for own in stage.presets.values():
            known = {one.name for one in fields(own.config)}
            assert not known & (schedule | {"training"})
            assert known >= set(stage.derived)
            assert all(hasattr(own.config, switch) for switch in stage.needs.values() if switch)


@pytest.mark.parametrize(
    ("method", "assignment", "message"),
    [
        ("contextual", "fusion=sum", "unknown fusion 'sum'; set fusion to one of cross, concat, both"),
        ("contextual", "generator.heads=5", "heads 5 does not split width 32 into heads of an even size; allowed"),
        ("contextual", "speech_heads=3", "speech_heads 3 does not split speech_width 32"),
        ("contextual", "residual=some", "unknown residual 'some'; set residual to one of latent, codes, none"),
        ("exges", "fusion=sum", "unknown fusion 'sum'"),
        ("exges", "denoiser.heads=0", "heads 0 does not split width 32"),
        (
            "alignment",
            "width=30",
            "heads 2 does not split width 30 into heads of an even size; allowed for this width: 1,",
        ),
        ("emotion", "similarity=dot", "unknown similarity 'dot'; set similarity to one of cosine, inverse_l2"),
        ("emotion", "chunk=5", "a chunk must be an even number of steps; got 5"),
        ("emotion", "window=25", "a window of 25 steps has no whole chunks of 4"),
        ("emotion", "prior.heads=5", "heads 5 does not split width 32"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused_before_any_stage_is_trained(
    mini_dataset, tmp_path, capsys, method, assignment, message
):
    words = ["train", str(mini_dataset), "-o", str(tmp_path / "run"), "--method", method, "--preset", "tiny"]
    with pytest.raises(SystemExit) as caught:
        cli.main([*words, "--set", assignment])
    printed = capsys.readouterr().err
    assert caught.value.code == 2
    assert message in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_settings_reach_the_run_and_stay_in_it(mini_dataset, tmp_path, capsys):
    """At the command line, and with the API."""
    path = tmp_path / "mine.toml"
    path.write_text("[alignment]\nwidth = 16\n[alignment.training]\nsteps = 2\nwarmup = 1\n")
    words = ["train", str(mini_dataset), "-o", str(tmp_path / "run"), "--method", "alignment", "--preset", "tiny"]
    cli.main([*words, "--config", str(path), "--set", "lr=1e-4", "--set", "batch=4"])
    described = json.loads((tmp_path / "run" / "config.json").read_text())
    assert described["config"]["width"] == 16
    assert {k: described["training"][k] for k in ("steps", "learning_rate", "batch_size")} == {
        "steps": 2,
        "learning_rate": 1e-4,
        "batch_size": 4,
    }
    with pytest.raises(SystemExit) as caught:
        cli.main([*words, "--config", str(path), "--set", "lr=1e-4"])
    assert caught.value.code == 2
    assert "batch_size: 4 in the folder, 8 now" in capsys.readouterr().err
    changes = {"lr": 1e-4, "batch": 4, "alignment": {"width": 16, "training": {"steps": 2, "warmup": 1}}}
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    cospeech.train(
        mini_dataset, tmp_path / "run", method="alignment", preset="tiny", splits="train", config=changes
    )  # one split as text is that split
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    with pytest.raises(UserError, match="unknown checkpoint 'first'; known: last, best"):
        cospeech.export(tmp_path / "run", tmp_path / "model", checkpoint="first")


def test_one_split_may_be_given_as_text(mini_dataset, tmp_path):
    for splits in ("nobody", ["nobody"]):
        with pytest.raises(UserError, match="longer in nobody and two are needed"):
            cospeech.train(mini_dataset, tmp_path / "run", method="alignment", preset="tiny", splits=splits)


def test_what_is_trained_with_a_method_is_no_method_to_train(tmp_path):
    with pytest.raises(UserError, match="unknown method 'retrieval'; known: contextual, exges"):
        cospeech.train(tmp_path, tmp_path / "run", method="retrieval")
