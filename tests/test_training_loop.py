"""The one training loop: resumed to the bit, the same in two processes as in one, and logged."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from cospeech.core.errors import UserError
from cospeech.nn.quantizer import ResidualQuantizer
from cospeech.training.checkpoints import BestFigure, saved_run
from cospeech.training.curves import read_log, write_curves
from cospeech.training.lock import lock_run
from cospeech.training.loop import ProcessInfo, TrainConfig, fit, schedule

torch.set_num_threads(1)

CONFIG = TrainConfig(steps=20, batch_size=8, learning_rate=1e-2, warmup=4, log_every=3, validate_every=7, save_every=10)


class Small(nn.Module):
    """What makes resuming hard: dropout, codebooks that reset dead codes at random, random layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.dropout = nn.Linear(4, 6), nn.Dropout(0.3)
        self.quantizer = ResidualQuantizer(3, 8, 6, dropout=0.5)
        self.last = nn.Linear(6, 4)
        self.fixed = nn.Parameter(torch.ones(4), requires_grad=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        quantized = self.quantizer(self.dropout(self.first(x))[:, None])
        return self.last(quantized.latent[:, 0]) * self.fixed, quantized.commitment


def loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    y, commitment = network(batch["x"])
    error = (y - batch["x"]).square().mean()
    return error + 0.1 * commitment, {"error": error, "commitment": commitment}


def batches(step: int, process: ProcessInfo) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1000 * step + process.rank)
    return {"x": torch.randn(8 // process.world_size, 4, generator=generator)}


def fresh() -> Small:
    torch.manual_seed(5)
    return Small()


class Cut(Exception):
    """The power went."""


def cut_at(last: int):
    def some(step: int, process: ProcessInfo) -> dict[str, Tensor]:
        if step >= last:
            raise Cut
        return batches(step, process)

    return some


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(v, b.state_dict()[name]) for name, v in a.state_dict().items())


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> tuple[Small, Path]:
    folder = tmp_path_factory.mktemp("straight")
    return fit(fresh(), loss, batches, folder, CONFIG), folder


@pytest.mark.parametrize("stopped", [10, 14])
def test_ten_steps_and_ten_more_are_twenty_to_the_bit(straight, tmp_path, stopped):
    """Stopped at a checkpoint, or after it: the run goes on from the last checkpoint."""
    with pytest.raises(Cut):
        fit(fresh(), loss, cut_at(stopped), tmp_path, CONFIG)
    torch.manual_seed(999)  # what the resuming process did before is no matter
    resumed = fit(Small(), loss, batches, tmp_path, CONFIG)
    assert same(resumed, straight[0])
    one, two = (torch.load(f / "training.pt", weights_only=True) for f in (straight[1], tmp_path))
    assert one["step"] == two["step"] == 20
    for a, b in zip(one["optimizer"]["state"].values(), two["optimizer"]["state"].values(), strict=True):
        assert all(torch.equal(a[key], b[key]) for key in a)
    assert torch.equal(one["random"][0], two["random"][0])


def test_the_log_of_a_resumed_run_tells_each_step_once(tmp_path):
    with pytest.raises(Cut):
        fit(fresh(), loss, cut_at(14), tmp_path, CONFIG)
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"step": 13, "loss": 1.0}\n{"step": 1')  # the power went while it was written
    fit(Small(), loss, batches, tmp_path, CONFIG)
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)
    assert 13 not in steps
    assert steps[-1] == CONFIG.steps


def test_a_finished_run_is_loaded_and_not_trained(straight):
    def never(step: int, process: ProcessInfo) -> dict[str, Tensor]:
        raise AssertionError("no step was left")

    assert same(fit(Small(), loss, never, straight[1], CONFIG), straight[0])


def test_a_run_of_other_sizes_or_a_broken_one_is_told(straight, tmp_path):
    shutil.copy(straight[1] / "training.pt", tmp_path)
    with pytest.raises(UserError, match="holds a run of other sizes; choose another folder"):
        fit(nn.Linear(3, 3), loss, batches, tmp_path, CONFIG)
    (tmp_path / "training.pt").write_bytes(b"half of it")
    with pytest.raises(UserError, match=r"training\.pt is damaged; remove"):
        fit(fresh(), loss, batches, tmp_path, CONFIG)


def test_another_seed_is_another_run(straight, tmp_path):
    assert not same(fit(fresh(), loss, batches, tmp_path, replace(CONFIG, seed=1)), straight[0])


VALIDATION = {7: 0.4, 14: 0.2, 20: 0.3}  # figure at each step of the validation


def scripted(figures: list[float]):
    """A validation that gives these figures one after the other."""
    left = list(figures)
    return lambda network: {"error": left.pop(0)}


def test_the_best_weights_lie_beside_the_last(straight, tmp_path):
    from safetensors import safe_open

    figures = list(VALIDATION.values())
    last = fit(fresh(), loss, batches, tmp_path, CONFIG, validate=scripted(figures), best=BestFigure("error"))
    assert same(last, straight[0])
    with safe_open(tmp_path / "best.safetensors", "pt") as saved:
        assert saved.metadata() == {"step": "14", "figure": "error", "value": "0.2"}
    (tmp_path / "config.json").write_text('{"method": "small", "config": {}}')
    best, _ = saved_run(tmp_path, {"small": lambda sizes: Small()}, checkpoint="best")
    short = replace(CONFIG, validate_every=14, save_every=14)  # what the network was at step 14

    with pytest.raises(Cut):
        fit(fresh(), loss, cut_at(14), tmp_path / "short", short)
    assert same(best, saved_run_weights(tmp_path / "short"))
    assert not same(best, last)


def saved_run_weights(folder: Path) -> Small:
    from safetensors.torch import load_file

    network = Small()
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return network


def test_larger_figures_may_be_better_and_a_run_without_one_says_so(straight, tmp_path):
    from safetensors import safe_open

    larger = BestFigure("error", larger=True)
    fit(fresh(), loss, batches, tmp_path, CONFIG, validate=scripted([0.1, math.nan, 0.3]), best=larger)
    with safe_open(tmp_path / "best.safetensors", "pt") as saved:
        assert saved.metadata()["step"] == "20"
    with pytest.raises(UserError, match="has no best checkpoint, since nothing was validated; use the last one"):
        saved_run(straight[1], {}, checkpoint="best")


@pytest.mark.parametrize("stopped", [10, 15])
def test_the_best_checkpoint_survives_resuming(tmp_path, stopped):
    """The best of before the stop is remembered; one of after the checkpoint comes again."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    best = BestFigure("error")
    fit(fresh(), loss, batches, tmp_path / "straight", CONFIG, validate=scripted([0.2, 0.4, 0.3]), best=best)
    with pytest.raises(Cut):
        fit(fresh(), loss, cut_at(stopped), tmp_path / "cut", CONFIG, validate=scripted([0.2, 0.4]), best=best)
    fit(Small(), loss, batches, tmp_path / "cut", CONFIG, validate=scripted([0.4, 0.3]), best=best)
    files = [tmp_path / name / "best.safetensors" for name in ("straight", "cut")]
    for path in files:
        with safe_open(path, "pt") as saved:
            assert saved.metadata() == {"step": "7", "figure": "error", "value": "0.2"}
    one, two = (load_file(path) for path in files)
    assert all(torch.equal(value, two[name]) for name, value in one.items())


@pytest.mark.parametrize(
    ("config", "description", "expected"),
    [
        ({"seed": 1}, {}, "seed: 0 in the folder, 1 now"),
        ({"steps": 15}, {}, "steps: 20 in the folder, 15 now"),
        ({"learning_rate": 0.5}, {}, r"training\.learning_rate: 0\.01 in the folder, 0\.5 now"),
        ({}, {"store": "b"}, "dataset: a in the folder, b now"),
        ({}, {"config": {"width": 9}}, r"config\.width: 8 in the folder, 9 now"),
    ],
)
def test_a_run_is_continued_with_its_own_settings_only(tmp_path, config, description, expected):
    settings = {"store": "a", "config": {"width": 8, "filters": (1, 2)}}
    fit(fresh(), loss, batches, tmp_path, replace(CONFIG, steps=20, save_every=20), describe=settings)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=f"holds a run with other settings .{expected}.; continue with the same"):
        fit(Small(), loss, batches, tmp_path, replace(CONFIG, **config), describe={**settings, **description})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_more_steps_and_other_intervals_continue_a_run(tmp_path):
    """So does what an older version wrote, which lacks the newer settings."""
    fit(fresh(), loss, batches, tmp_path, replace(CONFIG, steps=10), describe={"config": {"width": 8}})
    state = torch.load(tmp_path / "training.pt", weights_only=True)
    del state["random_cuda"]
    torch.save(state, tmp_path / "training.pt")
    longer = replace(CONFIG, steps=12, log_every=1, validate_every=3, save_every=6)
    fit(Small(), loss, batches, tmp_path, longer, describe={"config": {"width": 8, "depth": 2}})
    assert json.loads((tmp_path / "config.json").read_text())["training"]["steps"] == 12
    assert [step for step, _ in read_log(tmp_path)["loss"]] == [3, 6, 9, 10, 11, 12]


def test_one_training_at_a_time_in_a_folder(tmp_path):
    with (
        lock_run(tmp_path),
        pytest.raises(UserError, match=rf"is being trained by process {os.getpid()} on .*; wait for it, or choose"),
    ):
        fit(fresh(), loss, batches, tmp_path, CONFIG)
    assert not list(tmp_path.iterdir())
    (tmp_path / "lock").write_text("process 1 on a machine that lost its power")
    fit(fresh(), loss, batches, tmp_path, replace(CONFIG, steps=1))
    assert not (tmp_path / "lock").exists()


def test_figures_go_to_tensorboard_where_it_is_installed(tmp_path, monkeypatch):
    """And to loggers of one's own, the same ones."""

    class Writer:
        made: ClassVar[list[Writer]] = []

        def __init__(self, log_dir: str, purge_step: int) -> None:
            self.log_dir, self.purge_step, self.closed = log_dir, purge_step, False
            self.scalars: list[tuple[str, float, int]] = []
            self.made.append(self)

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            self.scalars.append((tag, value, step))

        def close(self) -> None:
            self.closed = True

    class Own:
        def __init__(self) -> None:
            self.figures: dict[int, dict[str, float]] = {}
            self.closed = False

        def log(self, step, figures):
            self.figures.setdefault(step, {}).update(figures)

        def close(self):
            self.closed = True

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    own = Own()
    fit(fresh(), loss, batches, tmp_path, CONFIG, validate=scripted([0.1] * 3), loggers=[own])
    (writer,) = Writer.made
    assert (writer.log_dir, writer.purge_step) == (str(tmp_path / "tensorboard"), 1)
    assert writer.closed
    assert own.closed
    log = read_log(tmp_path)
    assert [(step, value) for tag, value, step in writer.scalars if tag == "training/loss"] == log["loss"]
    assert [(step, value) for tag, value, step in writer.scalars if tag == "validation/error"] == log["val_error"]
    assert own.figures[20]["val_error"] == 0.1
    assert [(step, values["loss"]) for step, values in own.figures.items() if "loss" in values] == log["loss"]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("steps", 0, "steps must be 1 or more; got 0"),
        ("learning_rate", -1.0, r"learning_rate must be above 0; got -1\.0"),
        ("warmup", -1, "warmup must not be negative; got -1"),
    ],
)
def test_schedules_out_of_range_are_refused(field, value, expected):
    with pytest.raises(UserError, match=expected):
        replace(CONFIG, **{field: value})


def test_looking_at_the_model_does_not_change_it(straight, tmp_path):
    """Validation may draw random numbers of its own; training must not notice."""
    modes = []

    def validate(network: nn.Module) -> dict[str, float]:
        modes.append(network.training)
        return {"noise": float(torch.rand(3).sum()), "weight": float(network.first.weight.sum())}

    watched = fit(fresh(), loss, batches, tmp_path, CONFIG, validate=validate)
    assert same(watched, straight[0])
    assert modes == [False] * 3  # at 7, 14 and 20
    assert [step for step, _ in read_log(tmp_path)["val_noise"]] == [7, 14, 20]


def test_the_run_folder(straight, tmp_path):
    from safetensors.torch import load_file

    model, folder = straight
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "curves.svg",
        "log.jsonl",
        "model.safetensors",
        "training.pt",
    }
    weights = load_file(folder / "model.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    log = read_log(folder)
    assert set(log) == {"loss", "gradient", "error", "commitment", "rate", "seconds"}
    assert [step for step, _ in log["loss"]] == [3, 6, 9, 12, 15, 18, 20]
    assert log["loss"][-1][1] < log["loss"][0][1]
    fit(fresh(), loss, batches, tmp_path, replace(CONFIG, steps=1), describe={"method": "small"})
    described = json.loads((tmp_path / "config.json").read_text())
    assert described["method"] == "small"
    assert described["training"]["steps"] == 1


def test_curves_are_a_picture_of_every_figure(straight, tmp_path):
    root = ElementTree.parse(straight[1] / "curves.svg").getroot()
    tag = "{http://www.w3.org/2000/svg}"
    titles = {text.text for text in root.iter(f"{tag}text") if text.get("font-weight") == "bold"}
    assert titles == set(read_log(straight[1]))
    assert len(list(root.iter(f"{tag}polyline"))) == len(titles)
    write_curves(tmp_path)  # nothing logged, nothing drawn
    assert not (tmp_path / "curves.svg").exists()


def test_gradients_are_clipped_after_they_are_there(tmp_path):
    """The field's classic: clipping before backward() clips nothing."""
    norms = []

    def steep(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        left = [p.grad for p in network.parameters() if p.grad is not None]  # as the last step used them
        if left:
            norms.append(float(torch.stack([g.norm() for g in left]).norm()))
        value, terms = loss(network, batch)
        return 1e4 * value, terms

    fit(fresh(), steep, batches, tmp_path, replace(CONFIG, clip=0.5))
    assert len(norms) == 19
    assert max(norms) <= 0.5 + 1e-4
    assert min(norms) > 0.49
    assert max(value for _, value in read_log(tmp_path)["gradient"]) > 100  # the log tells the true one


def test_the_learning_rate_warms_up_and_goes_down():
    config = TrainConfig(steps=1000, warmup=100, final_rate=0.02)
    rates = [schedule(step, config) for step in range(1000)]
    assert rates[0] == 0.01
    assert rates[99] == rates[100] == 1.0
    assert rates[:100] == sorted(rates[:100])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert rates[550] == pytest.approx(0.51)
    assert rates[-1] == pytest.approx(0.02, abs=1e-4)


def test_matrices_decay_biases_do_not(tmp_path):
    def idle(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        return sum((p.sum() * 0 for p in network.parameters()), torch.zeros(())), {}

    model = nn.Linear(3, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit(model, idle, batches, tmp_path, replace(CONFIG, weight_decay=0.5, save_every=50))
    assert torch.equal(model.bias, before["bias"])
    assert (model.weight.abs() < before["weight"].abs()).all()


PROCESS = """
import sys
import torch
sys.path.insert(0, {tests!r})
torch.set_num_threads(1)
from torch import nn
from cospeech.training.loop import ProcessInfo, TrainConfig, fit, join_processes
import test_training_loop as t

out = sys.argv[1]
linear = fit(t.linear(), t.straight_loss, t.shares, out + "/linear", t.LINEAR)
small = fit(t.fresh(), t.loss, t.batches, out + "/small", t.CONFIG)
torch.save([linear.state_dict(), small.state_dict()], f"{{out}}/rank{{join_processes().rank}}.pt")
"""

LINEAR = replace(CONFIG, steps=15, save_every=6)


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 2)


def straight_loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    return (network(batch["x"]) - batch["x"][:, :2] * 3 - 1).square().mean(), {}


def shares(step: int, process: ProcessInfo) -> dict[str, Tensor]:
    """The same eight samples a step, dealt out to the processes."""
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
    return {"x": x[process.rank :: process.world_size]}


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path):
    """Under torchrun, over gloo: both ranks end with the same weights, and with those of one process.

    The codebooks' sums are joined too, though each process draws its own random numbers; that they agree on how
    many layers a step uses is what keeps them from waiting for each other for ever.
    """
    script = tmp_path / "process.py"
    script.write_text(PROCESS.format(tests=str(Path(__file__).parent)))
    source = str(Path(__file__).parents[1] / "src")
    paths = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, tmp_path],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    for a, b in zip(first, second, strict=True):
        assert all(torch.equal(value, b[name]) for name, value in a.items())
    alone = fit(linear(), straight_loss, shares, tmp_path / "alone", LINEAR).state_dict()
    for name, value in alone.items():
        torch.testing.assert_close(first[0][name], value, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(first[0]["weight"], linear().weight)
    states = torch.load(tmp_path / "small" / "training.pt", weights_only=True)["random"]
    assert len(states) == 2
    assert not torch.equal(*states)


@pytest.mark.parametrize("supported", [True, False])
def test_bfloat16_is_left_to_processors_that_have_it(supported, tmp_path, monkeypatch, capsys):
    """One without the instructions would emulate it, and take ten times as long as with float32."""
    monkeypatch.setattr("cospeech.training.loop.has_bfloat16", lambda device: supported)
    seen = []

    def loss(network: torch.nn.Module, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        seen.append(network(batch["x"]).dtype)
        value = (network(batch["x"]).float() ** 2).mean()
        return value, {"square": value}

    config = TrainConfig(steps=1, batch_size=2, warmup=1, bf16=True)
    fit(torch.nn.Linear(3, 2), loss, lambda step, process: {"x": torch.ones(2, 3)}, tmp_path / "run", config)
    assert seen == [torch.bfloat16 if supported else torch.float32]
    assert ("has no bfloat16 instructions" in capsys.readouterr().err) is not supported
