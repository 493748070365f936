"""The command line: it mirrors the functions, and does what it says in one line."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_origin, get_type_hints

import numpy as np
import pytest

import cospeech
from cli_data import HELLO, ROOT, SHIPPED, motion_file, needs_model, place, srt, tone, works, write_wav
from cospeech import api, cli
from cospeech.api.writing import WRITE_OPTIONS
from cospeech.cli import main
from cospeech.cli.declared import completed
from cospeech.cli.words import parsed, spread_outputs
from cospeech.data.prepare import prepare
from cospeech.motion.formats import FORMATS
from cospeech.motion.motion import load_motion
from cospeech.speech.loading import load_speech

__all__ = ["place", "works"]  # fixtures

READING = ("map", "animation", "person")  # of the file, which functions take loaded
SAVING = set(WRITE_OPTIONS)  # of files: ``cospeech.convert(**options)``, ``motion.save``
TAKES = SAVING | {"out", "explain", "onto", "variants", "best", "no_transcript"}
# Command -> (its function, other names for the same thing, what the command alone takes, the function alone).
MIRROR = {
    "generate": ("cospeech.api", {}, TAKES, {"face", "relaxed"}),
    "edit": ("cospeech.api.editing", {}, SAVING | {"no_transcript", "onto", *READING}, set()),
    "animate": ("cospeech.api", {}, {"best", "fast", "no_transcript", *READING}, {"face", "relaxed"}),
    "train video": ("cospeech.video.training.train", {}, set(), {"looks"}),
    "train phones": ("cospeech.methods.phones.run", {}, set(), set()),
    "video people": ("cospeech.video.synthetic.corpus", {}, set(), {"actors", "kinds", "pictures", "quiet", "shard"}),
    "convert": ("cospeech.api", {}, SAVING, {"options"}),
    "render": ("cospeech.api", {"audio": "speech", "out": "path"}, {"transcript", "speech", *READING}, set()),
    "face": ("cospeech.api.face", {}, SAVING | {"out", "no_transcript", "onto", *READING}, set()),
    "rig": ("cospeech.api.rig", {"file": "source"}, {"json"}, set()),
    "prepare": ("cospeech.data.prepare", {}, set(), {"quiet"}),
    "train": ("cospeech.methods.training_runs", {}, set(), set()),
    "export": ("cospeech.methods.training_runs", {}, set(), set()),
    "evaluate": ("cospeech.api", {}, set(), set()),
    "compare": ("cospeech.api", {}, set(), set()),
    "search": ("cospeech.gesture_library.search", {}, {"out", *READING}, {"approximate"}),
    "gesture list": ("cospeech.api.gestures", {}, {"json"}, set()),
    "gesture show": ("cospeech.api.gestures", {}, {"out"}, set()),
    "gesture find": ("cospeech.api.gestures", {}, set(), set()),
    "gesture add": ("cospeech.api.gestures", {"alias": "aliases"}, set(READING), {"reading"}),
    "gesture perform": ("cospeech.api.gestures", {"gestures": "cues"}, {"out"}, set()),
    "library build": ("cospeech.gesture_library.build", {}, set(), {"quiet"}),
    "library info": ("cospeech.gesture_library.check", {}, set(), set()),
    "library add": ("cospeech.gesture_library.build", {}, set(), {"quiet"}),
    "library check": ("cospeech.gesture_library.check", {}, set(), set()),
    "library merge": ("cospeech.gesture_library.merge", {}, set(), {"quiet"}),
    "video setup": ("cospeech.video.detection.setup", {}, {"matting"}, set()),
    "video keypoints": ("cospeech.video.detection.keypoints", {}, {"out"}, set()),
    "verify": ("cospeech.video.provenance.record", {}, set(), set()),
}
# With the options that the methods declare.
COMMANDS = {name: completed(command, plugins=False) for name, command in cli.COMMANDS.items()}
# Commands whose functions have another name.
NAMES = {
    "face": "add_face",
    "rig": "recognise_rig",
    "gesture list": "gestures",
    "gesture show": "show_gesture",
    "gesture find": "find_gestures",
    "gesture add": "add_gesture",
    "gesture perform": "perform_gestures",
    "library build": "build_library",
    "library info": "library_info",
    "library add": "add_to_library",
    "library check": "check_library",
    "library merge": "merge_libraries",
    "video setup": "setup_video",
    "video keypoints": "video_keypoints",
    "train video": "train_video",
    "train phones": "train_phones",
    "video people": "build_synthetic_people",
}


def test_every_command_has_its_function_in_the_package():
    assert set(MIRROR) == set(COMMANDS)
    assert {NAMES.get(command, command) for command in MIRROR} <= set(cospeech.__all__)


@pytest.mark.parametrize("command", list(MIRROR))
def test_commands_mirror_functions(command):
    module, renamed, only_command, only_function = MIRROR[command]
    if "training" in module:
        pytest.importorskip("torch")
    function = getattr(cospeech, NAMES.get(command, command))
    assert function.__module__ == module
    if module.startswith("cospeech.api"):
        assert getattr(api, function.__name__) is function
    theirs = inspect.signature(function).parameters
    ours = inspect.signature(COMMANDS[command]).parameters
    names = {renamed.get(name, name) for name in ours if name not in only_command}
    assert names == set(theirs) - only_function
    for name, parameter in ours.items():
        if name in only_command or name == "out":
            continue
        assert parameter.default == theirs[renamed.get(name, name)].default, name
    for text in (COMMANDS[command].__doc__, function.__doc__):
        assert text
        assert "Args:" in text or command in ("convert", "render", "export")


def test_help_names_every_option():
    for command, function in COMMANDS.items():
        for name in inspect.signature(function).parameters:
            assert f"        {name}: " in (function.__doc__ or ""), f"{command} does not explain {name}"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("generate a.wav -o b.bvh", "generate a.wav --out b.bvh"),
        ("generate a.wav -o b.bvh c.glb", "generate a.wav --out b.bvh --out c.glb"),
        ("generate a.wav -o b.bvh -o c.glb", "generate a.wav --out b.bvh --out c.glb"),
        ("generate a.wav -o b.bvh --seed 3 -o c.glb", "generate a.wav --out b.bvh --seed 3 --out c.glb"),
        ("generate -o b.bvh --seed 3 a.wav", "generate --out b.bvh --seed 3 a.wav"),
        ("generate -o b.bvh a.wav", "generate --out b.bvh a.wav"),
        ("generate --emotion joy -o b.bvh c.glb a.wav", "generate --emotion joy --out b.bvh --out c.glb a.wav"),
        ("generate --seated a.wav -o b.bvh", "generate --seated a.wav --out b.bvh"),
        ("generate a.wav --out=b.bvh", "generate a.wav --out=b.bvh"),
        ("generate a.wav -o", "generate a.wav -o"),
        (
            "edit a.npz --speech a.wav --span 1:2 -o b.glb c.npz",
            "edit a.npz --speech a.wav --span 1:2 --out b.glb --out c.npz",
        ),
        ("convert a.bvh -o b.glb c.npz", "convert a.bvh --out b.glb --out c.npz"),
        ("render a.bvh -o b.mp4 --audio a.wav", "render a.bvh --out b.mp4 --audio a.wav"),
        ("prepare a=b c=d -o store", "prepare a=b c=d -o store"),
        ("generate", "generate"),
        ("", ""),
    ],
)
def test_several_outputs(words, meant):
    assert spread_outputs(words.split(), COMMANDS) == meant.split()


def flags_before_the_input() -> list[tuple[str, str]]:
    """Commands that write several files, with each of their options that takes no value."""
    found = []
    for command, function in COMMANDS.items():
        hints = get_type_hints(function)
        if get_origin(hints.get("out")) is tuple:
            defaults = inspect.signature(function).parameters
            for name in (name for name, kind in hints.items() if kind is bool):
                option = name.replace("_", "-")
                found.append((command, f"--no-{option}" if defaults[name].default else f"--{option}"))
    return found


@pytest.mark.parametrize(("command", "flag"), flags_before_the_input())
def test_a_flag_before_the_input_takes_no_value(command, flag):
    required = ["--speech", "talk.wav"] if command == "face" else []
    for words in ([flag, "in.file"], ["in.file", flag]):
        call = parsed([command, *required, *words, "-o", "a.html", "b.glb"], cli.COMMANDS)
        assert call.args == (Path("in.file"),)
        assert call.keywords["out"] == (Path("a.html"), Path("b.glb"))
        name = flag.removeprefix("--").removeprefix("no-").replace("-", "_")
        assert call.keywords[name] is not flag.startswith("--no-")


def test_there_are_flags_to_try():
    assert {("generate", "--explain"), ("generate", "--seated"), ("edit", "--no-mark")} <= set(flags_before_the_input())


def test_help_and_version(capsys):
    for words in (["--help"], *([*command.split(), "--help"] for command in cli.COMMANDS)):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0
        printed = capsys.readouterr().out
        assert "usage: cospeech" in printed
        assert "(default: )" not in printed
    main(["--version"])
    assert capsys.readouterr().out == f"cospeech {cospeech.__version__}\n"


def test_it_starts_quickly_and_light():
    """The version needs the interpreter and tyro, and nothing that computes."""
    code = (
        "import sys, time; t = time.process_time(); from cospeech.cli import main; main(['--version']);"
        "heavy = {'numpy', 'onnxruntime', 'av', 'torch', 'PIL'} & set(sys.modules);"
        "sys.exit(f'{heavy} {time.process_time() - t}' if heavy or time.process_time() - t > 1 else 0)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_convert_to_every_format(place, works):
    source = motion_file(place / "dance.bvh")
    targets = [f"out{suffix}" for suffix in FORMATS if suffix not in (".csv", ".vrm")]
    line = works("convert", source, "-o", *targets)
    assert line.startswith(f"wrote {', '.join(targets)} (from dance.bvh) in ")
    assert "open out.html in a browser" in line
    assert all((place / target).stat().st_size > 500 for target in targets)
    assert sorted(path.name for path in place.iterdir()) == sorted(["dance.bvh", *targets])
    for target in targets:
        if FORMATS.get(Path(target).suffix).read:
            assert load_motion(place / target).frames == 6, target


def test_render_with_96_khz_sound_of_six_channels_and_words(place, works):
    write_wav(place / "studio.wav", tone(0.4, rate=96_000, channels=6), 96_000)
    srt(place / "studio.srt", (0.05, 0.3))
    motion_file(place / "dance.bvh", frames=12)
    line = works("render", "dance.bvh", "--audio", "studio.wav", "--transcript", "studio.srt", "-o", "a.html", "b.mp4")
    assert line.startswith("wrote a.html, b.mp4 (0.4 s of motion) in ")
    assert "word1" in (place / "a.html").read_text()
    assert len(load_speech(place / "b.mp4").samples) == pytest.approx(0.4 * 16_000, abs=1100)


def test_prepare_reads_a_folder_and_says_what_comes_next(place, capfd):
    folder = place / "recordings"
    folder.mkdir()
    for k in range(3):
        motion_file(folder / f"take{k}.bvh", frames=300)
        write_wav(folder / f"take{k}.wav", tone(10.0))
    main(["prepare", "folder=recordings", "-o", "store"])
    err = capfd.readouterr().err
    assert "next: cospeech train store -o run" in err
    assert (place / "store" / "manifest.json").is_file()
    report = prepare([("folder", folder)], place / "store", quiet=True)  # a second time: nothing is lost
    assert report.clips == 3


# ---------------------------------------------------------------------------- with the shipped model


@needs_model
@pytest.mark.slow
def test_the_first_command_of_the_readme(place, works):
    speech = load_speech(HELLO).cut(end=4.0)  # CI runs the command on the whole recording as well
    write_wav(place / "hello.wav", speech.samples)
    line = works("generate", "hello.wav")
    assert line.startswith("wrote hello.html, hello.mp4, hello.bvh, hello.glb (")
    assert "open hello.html in a browser" in line
    assert sorted(path.name for path in place.iterdir()) == [
        f"hello.{suffix}" for suffix in ("bvh", "glb", "html", "mp4", "wav")
    ]
    assert load_motion(place / "hello.bvh").frames == speech.frames


@pytest.mark.parametrize(
    ("targets", "hint"),
    [
        (["a.npz"], " s\n"),
        (["a.bvh"], "; load a.bvh into Blender with File > Import > Motion Capture\n"),
        (["a.bvh", "a.glb"], "; load a.glb into Blender with File > Import > glTF 2.0\n"),
        (["a.bvh", "b.HTML"], "; open b.HTML in a browser\n"),
    ],
)
def test_it_says_where_to_go_next(place, works, targets, hint):
    assert works("convert", motion_file(place / "dance.npz"), "-o", *targets).endswith(hint)


@needs_model
def test_the_same_seed_gives_the_same_bytes(place, works):
    speech = write_wav(place / "talk.wav", tone(2.0))
    for name, seed in (("a.bvh", 3), ("b.bvh", 3), ("c.bvh", 4)):
        works("generate", speech, "--seed", seed, "-o", name)
    first, again, other = ((place / name).read_bytes() for name in ("a.bvh", "b.bvh", "c.bvh"))
    assert first == again
    assert first != other


@needs_model
@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0, 7.31])
def test_output_is_as_long_as_the_speech(place, works, seconds):
    speech = write_wav(place / "talk.wav", tone(seconds))
    works("generate", speech, "-o", "out.npz")
    assert load_motion(place / "out.npz").frames == load_speech(speech).frames


@needs_model
def test_96_khz_and_six_channels(place, works):
    write_wav(place / "studio.wav", tone(1.5, rate=96_000, channels=6), 96_000)
    works("generate", "studio.wav", "-o", "out.bvh")
    assert load_motion(place / "out.bvh").frames == 45


@needs_model
def test_in_silence_the_person_breathes_and_looks_around(place, works):
    write_wav(place / "silence.wav", np.zeros((16_000 * 12, 1), np.float32))
    works("generate", "silence.wav", "-o", "out.npz")
    motion = load_motion(place / "out.npz")
    assert motion.frames == 360
    assert np.isfinite(motion.rotations).all()
    names = motion.skeleton.names
    for joint, least in (("spine3", 0.3), ("head", 3.0)):  # degrees
        local = motion.rotations[:, names.index(joint)]
        turn = np.einsum("ji,tjk->tik", local[0], local)
        cosine = np.clip((np.trace(turn, axis1=1, axis2=2) - 1) / 2, -1, 1)
        assert np.degrees(np.arccos(cosine)).max() > least, joint
    wrists = motion.positions[60:-60, [names.index("left_wrist"), names.index("right_wrist")]]
    speed = np.linalg.norm(np.diff(wrists, axis=0), axis=-1) * 30
    assert np.median(speed) < 0.08  # metres a second: the hands rest


@needs_model
def test_every_wish_is_heard(place, works):
    speech = write_wav(place / "talk.wav", tone(1.0))
    model = cospeech.load(SHIPPED)
    plain = api.generate(speech, model=model)
    conditions: list[dict[str, object]] = [
        {"emotion": "happiness"},
        {"intensity": 1.6},
        {"speaker": model.speakers[-1]},
        {"seated": True},
        {"seed": 9},
    ]
    for condition in conditions:
        other = api.generate(speech, model=model, **condition)
        assert not np.array_equal(other.rotations, plain.rotations), condition
    words = f"--emotion joy --intensity 1.5 --speaker {model.speakers[0]} --seated --seed 2 -o out.bvh"
    works("generate", speech, *words.split())


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_stopped_leaves_nothing_behind(place, number):
    source = motion_file(place / "talk.npz", frames=3000)
    run = subprocess.Popen(
        [sys.executable, "-m", "cospeech", "render", source, "-o", "film.mp4"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background
    )
    while not list(place.glob("*.mp4")):  # the temporary file, beside which frames are drawn
        assert run.poll() is None
        time.sleep(0.05)
    run.send_signal(number)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 128 + number
    assert said.splitlines()[-1] == "cospeech: stopped; nothing half-written was left"
    assert [path.name for path in place.iterdir()] == [source.name]
