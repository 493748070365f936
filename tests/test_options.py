"""One declaration of what a method takes: checks, messages, keyword arguments, commands, and other packages."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import cospeech
from cli_data import tone
from cospeech.cli import COMMANDS, main
from cospeech.cli.declared import completed
from cospeech.core.deprecation import RenamedWarning
from cospeech.core.errors import UserError
from cospeech.methods.base import BodyModel, SampledMotion
from cospeech.methods.conditioning import Condition
from cospeech.methods.model_folder import ModelFolder, check_gesturing
from cospeech.methods.options import (
    BodyOptions,
    EditKeywords,
    GenerateKeywords,
    LoadKeywords,
    builtin_options,
    describe,
    method_options,
    option,
    read_options,
)
from cospeech.methods.registry import METHODS, Method
from cospeech.motion.codec import Codec
from cospeech.sampling.rhythm import RhythmSettings
from cospeech.speech.speech import Speech
from format_data import canonical_motion

SPEECH = Speech(tone(2.0)[:, 0])


@dataclass(frozen=True, kw_only=True)
class WaveOptions(BodyOptions):
    """What the method of the test takes."""

    height: float = option(1.0, help="how high the hand is raised", unit="m", minimum=0.0, maximum=2.0, metavar="X")
    hand: str = option("left", help="which hand waves", choices=("left", "right"), actions=("generate", "edit"))


class Networks:
    """One step a frame."""

    downsample = 1


class WaveModel(BodyModel[WaveOptions, Condition]):
    """A method of another package: it holds a pose, whose frames say what was requested."""

    options = WaveOptions

    def __init__(self, folder: ModelFolder) -> None:
        check_gesturing(folder, (), ())
        super().__init__(folder)
        self.networks, self.sampling = Networks(), RhythmSettings(rhythm=False)
        self.heights: list[float] = []

    def condition(self, options: WaveOptions, frames: int) -> Condition:
        return self.global_condition(options)

    def sample(self, features, condition, options, rng, words) -> SampledMotion:
        self.heights.append(options.height)
        encoded = Codec().encode(canonical_motion(1))
        return SampledMotion(np.repeat(encoded, len(features), 0), explanation={"hand": options.hand})

    def resample(self, part, options, rng) -> np.ndarray:
        return part.encoded[part.span[0] : part.span[1]]


@pytest.fixture
def wave(tmp_path, monkeypatch) -> Path:
    """A model folder of that method, which is added to the registry as a package would do."""
    completed.cache_clear()
    monkeypatch.setitem(
        METHODS.registered,
        "wave",
        Method(name="wave", title="waves", open=f"{__name__}:WaveModel", options=f"{__name__}:WaveOptions"),
    )
    folder = tmp_path / "wave"
    folder.mkdir()
    config = {"format": 1, "method": "wave", "package_version": "0", "config": {}, "styles": ["Ada", "Eve"]}
    (folder / "config.json").write_text(json.dumps(config))
    yield folder
    completed.cache_clear()


def test_a_method_of_another_package_loads_generates_and_edits(wave):
    model = cospeech.load(wave)
    motion = cospeech.generate(SPEECH, model=model, height=1.5, hand="right", speaker="Eve")
    assert len(motion) == SPEECH.frames
    assert motion.face is not None
    assert model.heights == [1.5]
    assert motion.extra["explain"] == {
        "method": "wave",
        "model": "wave",
        "hand": "right",
        "gestures": [],
        "left_out": [],
        "strokes": [],
    }
    edited = cospeech.edit(motion, speech=SPEECH, model=model, span=(0.5, 1.5), hand="right")
    np.testing.assert_array_equal(edited.rotations[:15], motion.rotations[:15])
    seated = cospeech.generate(SPEECH, model=wave, seated=True)
    assert seated.translation[0, 1] < motion.translation[0, 1] - 0.2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"height": 3}, "height must be from 0 to 2; got 3"),
        ({"height": "x"}, "height must be a number; got 'x'"),
        ({"height": float("nan")}, "height must be from 0 to 2"),
        ({"hand": "both"}, "hand must be one of left, right; got 'both'"),
        ({"seated": 1}, "seated must be True or False; got 1"),
        ({"seed": 1.5}, "seed must be a whole number from 0 on; got 1.5"),
        ({"hieght": 1.0}, "the method wave takes no option 'hieght'; it takes emotion, intensity, "),
        ({"hieght": 1.0}, "perhaps 'height' is meant"),
        ({"faithfulness": 0.5}, "methods that take faithfulness: exges"),
        ({"pins": ["a.bvh@1:2"]}, "cannot read a.bvh: no such file"),
        ({"library": "x"}, "the method wave takes no option 'library' when it is loaded; it takes none"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(wave, given, message):
    with pytest.raises(UserError) as error:
        cospeech.generate(SPEECH, model=wave, **given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_other_methods_say_who_takes_an_option(wave):
    with pytest.raises(UserError, match=r"the method contextual takes no option 'height'; .*: wave"):
        cospeech.generate(SPEECH, height=1.5)
    with pytest.raises(UserError, match=r"the method wave takes no option 'height' for an edit; .*hand"):
        cospeech.edit(canonical_motion(60), speech=SPEECH, model=wave, height=1.0)


def test_options_that_request_nothing_are_accepted_by_every_method(wave):
    plain = cospeech.generate(SPEECH, model=wave)
    same = cospeech.generate(SPEECH, model=wave, faithfulness=None, constraint=(), emotion_track=None, library=None)
    np.testing.assert_array_equal(plain.rotations, same.rotations)
    with pytest.raises(UserError, match="takes no option 'nothing'"):
        cospeech.generate(SPEECH, model=wave, nothing=None)


def test_the_command_line_has_the_options_of_other_packages(wave, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["generate", "--help"])
    assert end.value.code == 0
    shown = " ".join(capfd.readouterr().out.replace("│", " ").split())
    assert "--height X" in shown
    assert "of wave: how high the hand is raised" in shown
    import soundfile

    soundfile.write("talk.wav", SPEECH.samples, 16_000)
    main(["generate", "talk.wav", "--model", str(wave), "--height", "0.5", "--hand", "right", "-o", "out.npz"])
    assert (tmp_path / "out.npz").is_file()
    with pytest.raises(SystemExit):
        main(["generate", "talk.wav", "--model", str(wave), "--height", "5", "-o", "other.npz"])
    assert "height must be from 0 to 2; got 5" in capfd.readouterr().err


def test_an_interface_can_be_built_from_the_declaration():
    shown = {control["name"]: control for control in describe(WaveOptions, "generate")}
    assert json.loads(json.dumps(shown["height"])) == {
        "name": "height",
        "type": "number",
        "help": "how high the hand is raised",
        "unit": "m",
        "range": [0.0, 2.0],
        "choices": None,
        "default": 1.0,
        "metavar": "X",
        "repeated": False,
        "actions": ["generate"],
    }
    assert shown["hand"]["choices"] == ["left", "right"]
    assert shown["seed"]["type"] == "integer"
    assert [control["name"] for control in describe(method_options("exges"), "load")] == ["library", "library_model"]


def test_types_for_editors_are_those_of_the_declarations():
    assert set(GenerateKeywords.__annotations__) == set(builtin_options("generate"))
    assert set(EditKeywords.__annotations__) == set(builtin_options("edit"))
    assert set(LoadKeywords.__annotations__) == set(builtin_options("load"))


def test_functions_and_commands_have_every_option():
    for name, actions in (("generate", ("load", "generate")), ("animate", ("load", "generate")), ("edit", ("edit",))):
        function = inspect.signature(getattr(cospeech, name)).parameters
        command = inspect.signature(completed(COMMANDS[name], plugins=False)).parameters
        for declared, _ in builtin_options(*actions).values():
            assert function[declared.name].default == declared.default
            assert f"        {declared.name}: " in getattr(cospeech, name).__doc__
            assert (declared.name in command) == declared.info.command_line


def test_old_names_work_with_a_notice():
    with pytest.warns(RenamedWarning, match="'pins' is now called 'constraint'"):
        options = read_options(method_options("exges"), {"pins": "a.bvh@1:2"}, action="generate", taker="exges")
    assert options.constraint == ("a.bvh@1:2",)
    with pytest.warns(RenamedWarning), pytest.raises(UserError, match="library must be the path of a folder"):
        cospeech.load("exges", base=5)


@pytest.mark.parametrize(
    ("words", "notice"),
    [
        (["base", "info", "gone"], "base is now called library"),
        (["search", "a.wav", "--base=gone"], "--base is now called --library"),
        (["generate", "a.wav", "--model", "exges", "--base-model", "x"], "--base-model is now called --library-model"),
        (["export", "run", "--store", "s", "-o", "model"], "--store is now called --dataset"),
        (["prepare", "folder=gone", "--space", "body", "-o", "d"], "--space is now called --representation"),
    ],
)
def test_old_commands_and_options_work_with_a_notice(words, notice, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(words)
    first, *rest = capfd.readouterr().err.splitlines()
    assert notice in first
    assert "unrecognized" not in "".join(rest)
