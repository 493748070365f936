"""Parts of the Blender extension that need no Blender: the client of a command, the reader of its file, the zip.

What needs Blender is in test_clients_extension.py.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from character_data import MIXAMO, gesturing, write_character
from cospeech import __version__
from cospeech.avatar.character.character import open_character
from cospeech.core import progress

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "integrations" / "blender" / "cospeech"


def module(name: str) -> ModuleType:
    """A module of the extension, without the package, which asks for Blender."""
    spec = importlib.util.spec_from_file_location(f"blender_{name}", SOURCE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # its dataclasses look there
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def command() -> ModuleType:
    return module("command")


def finished(running) -> list[float]:
    """Polls to the end; the shares on the way."""
    shares, end = [], time.monotonic() + 30
    while not running.poll():
        shares.append(running.share)
        assert time.monotonic() < end
        time.sleep(0.01)
    return [*shares, running.share]


def saying(tmp_path: Path, *lines: str, status: int = 0) -> list[str]:
    """Words of a command that says these lines."""
    script = tmp_path / "says.py"
    told = "".join(f"sys.stderr.write({line + os.linesep!r})\n" for line in lines)
    script.write_text(f"import sys\n{told}sys.exit({status})\n", encoding="utf-8")
    return [sys.executable, str(script)]


def test_it_knows_the_protocol_of_this_version(command):
    assert command.PROTOCOL == progress.PROTOCOL


def test_real_commands(command, tmp_path):
    motion = gesturing(8, face=False).save(tmp_path / "a.bvh")
    words = [*command.find_command(f'"{sys.executable}" -m cospeech'), "convert"]
    running = command.Command.start([*words, str(motion), "-o", str(tmp_path / "b.npz")])
    assert finished(running)[-1] == 1.0
    assert running.outputs == [str(tmp_path / "b.npz")]
    running = command.Command.start([*words, str(tmp_path / "no.bvh"), "-o", str(tmp_path / "c.npz")])
    with pytest.raises(command.CommandError, match=r"no\.bvh"):
        finished(running)


def test_shares_grow_over_all_takes_and_noise_is_left_out(command, tmp_path):
    running = command.Command.start(
        saying(
            tmp_path,
            '{"event": "start", "protocol": 1, "cospeech": "9", "command": "generate", "more": 1}',
            "a library's warning",
            '{"event": "something new"}',
            '{"event": "stage", "stage": "generating", "take": 1, "takes": 2}',
            '{"event": "progress", "stage": "generating", "done": 1, "total": 2}',
            '{"event": "progress", "stage": "generating", "done": 0, "total": null}',
            '{"event": "stage", "stage": "generating", "take": 2, "takes": 2}',
            '{"event": "progress", "stage": "generating", "done": 0, "total": 2}',
            '{"event": "note", "message": "a note"}',
            '{"event": "stage", "stage": "writing a.glb"}',
            '{"event": "done", "outputs": ["/a.glb"], "message": ""}',
        )
    )
    seen = []
    take_in = running._take_in
    running._take_in = lambda line: (take_in(line), seen.append((running.share, running.stage)))
    finished(running)
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert (0.55, "generating, take 2 of 2") in seen
    assert (running.notes, running.outputs) == (["a note"], ["/a.glb"])


@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        (['{"event": "error", "message": "no such file", "status": 2}'], 2, "no such file"),
        (["cospeech: unrecognized options: --progress"], 2, "unrecognized options: --progress"),
        ([], 3, "it ended with status 3"),
        ([], 0, "it ended with status 0"),
        (['{"event": "start", "protocol": 2, "cospeech": "9"}'], 0, "cospeech 9 reports its progress by protocol 2"),
        (['{"event": "done", "outputs": []}'], 1, "it ended with status 1"),
    ],
)
def test_failures_are_one_line(command, tmp_path, lines, status, message):
    running = command.Command.start(saying(tmp_path, *lines, status=status))
    with pytest.raises(command.CommandError) as error:
        finished(running)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_stopping_ends_the_process(command, tmp_path):
    script = tmp_path / "waits.py"
    script.write_text("import time\ntime.sleep(60)\n")
    running = command.Command.start([sys.executable, str(script)])
    assert not running.poll()
    running.stop()
    assert running.process.poll() is not None
    running.stop()  # once more does no harm


def test_finding_the_command(command, tmp_path, monkeypatch):
    spaced = tmp_path / "a folder"
    spaced.mkdir()
    script = spaced / "cospeech"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert command.find_command(str(script)) == [str(script)]
    monkeypatch.setenv("PATH", str(spaced))
    assert command.find_command("") == [str(script)]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(command.CommandError, match="no command cospeech is on the PATH"):
        command.find_command(" ")
    with pytest.raises(command.CommandError, match="no such program"):
        command.find_command("nonsense -m cospeech")
    with pytest.raises(command.CommandError, match="cannot be run"):
        command.Command.start([str(tmp_path)])


def test_the_clip_is_what_the_character_was_posed_as(tmp_path):
    character = open_character(write_character(tmp_path / "me.glb", MIXAMO))
    motion = gesturing(12)
    path = motion.save(tmp_path / "out.glb", onto=character)
    clip, posed = module("clip").read_clip(path), character.pose(motion)
    np.testing.assert_allclose(clip.times, np.arange(12) / 30, atol=1e-6)
    names = [character.tree.names[node] for node in character.rig.nodes]
    order = [clip.names.index(name) for name in names]
    np.testing.assert_allclose(clip.world[:, order][..., :3, 3], posed.places, atol=1e-5)
    turns = clip.world[:, order][..., :3, :3] @ np.linalg.inv(clip.rest[order][:, :3, :3])
    np.testing.assert_allclose(turns, posed.turns, atol=1e-5)
    (shapes,) = clip.shapes.values()
    jaw = shapes.names.index("jawOpen")
    np.testing.assert_allclose(shapes.weights[:, jaw], motion.face[:, 17], atol=1e-6)
    assert not shapes.base.any()


def test_a_damaged_file_is_refused(tmp_path):
    read_clip = module("clip").read_clip
    whole = write_character(tmp_path / "me.glb", MIXAMO)
    with pytest.raises(ValueError, match="no animation"):
        read_clip(whole)
    (tmp_path / "cut.glb").write_bytes(whole.read_bytes()[:-8])
    with pytest.raises(ValueError, match="no whole glTF binary"):
        read_clip(tmp_path / "cut.glb")


def test_the_zip_holds_what_blender_asks_for(tmp_path):
    script = ROOT / "scripts" / "build_blender_extension.py"
    first, second = (
        Path(
            subprocess.run(
                [sys.executable, script, "-o", tmp_path / name], capture_output=True, text=True, check=True
            ).stdout.strip()
        )
        for name in ("a", "b")
    )
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = set(archive.namelist())
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert names == {"LICENSE", "blender_manifest.toml"} | {path.name for path in SOURCE.glob("*.py")}
    needed = {
        "schema_version",
        "id",
        "version",
        "name",
        "tagline",
        "maintainer",
        "type",
        "blender_version_min",
        "license",
    }
    assert needed <= set(manifest)
    assert manifest["version"].partition("-")[0] == __version__.partition(".dev")[0]
    assert first.name == f"cospeech-blender-{manifest['version']}.zip"
    assert len(manifest["tagline"]) <= 64
    assert manifest["license"] == ["SPDX:Apache-2.0"]
    for reason in manifest["permissions"].values():
        assert len(reason) <= 64
        assert not reason.endswith(".")
