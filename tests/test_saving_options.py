"""Options of the files that motion is written to, the same on the command line and in Python."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cospeech import api, cli
from cospeech.core.errors import UserError
from cospeech.motion.formats import load_motion, save_motion
from cospeech.motion.formats.gltf import GltfFile
from cospeech.motion.retarget import retarget
from format_data import canonical_motion


@pytest.fixture
def dance(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return save_motion(canonical_motion(13), Path("dance.glb"), level=1)


def convert(*words: str) -> None:
    cli.main(["convert", "dance.glb", *words])


def test_rig_rate_axis_and_unit_of_bvh(dance):
    convert("-o", "a.bvh", "--rig", "mixamo", "--fps", "60", "--up", "z", "--unit", "m")
    text = Path("a.bvh").read_text()
    assert "ROOT Hips" in text
    assert "Frame Time: 0.01666667" in text
    head = [float(value) for value in text.partition("JOINT Spine\n")[2].split("OFFSET")[1].split()[:3]]
    assert 0.05 < head[2] < 0.1  # metres, up is z
    again = retarget(load_motion("a.bvh"))
    motion = load_motion(dance)
    assert (again.fps, again.frames) == (60.0, 26)
    body = slice(0, 22)
    np.testing.assert_allclose(again.positions[:-2:2, body], motion.positions[:-1, body], atol=2e-5)
    given = load_motion("a.bvh", up="z", unit="m")
    np.testing.assert_allclose(given.positions, load_motion("a.bvh").positions, atol=1e-6)


def test_each_option_goes_to_the_files_that_have_it(dance):
    convert("-o", "a.bvh", "a.glb", "a.npz", "a.vrma", "--rig", "smplx", "--up", "z", "--no-twist", "--fps", "24")
    assert {load_motion(Path(f"a{suffix}")).fps for suffix in (".bvh", ".glb", ".npz", ".vrma")} == {24.0}
    assert not any("twist" in str(node.get("name")) for node in GltfFile("a.glb").items("nodes"))
    with np.load("a.npz") as stored:
        assert stored["trans"][0, 2] > 0.9  # as in AMASS, up is z
    np.testing.assert_allclose(load_motion("a.npz").positions, load_motion("a.glb").positions, atol=1e-4)


def test_names_of_a_rig_in_a_glb_with_its_skin(dance):
    convert("-o", "a.glb", "--rig", "ue5")
    file = GltfFile("a.glb")
    names = {file.items("nodes")[joint]["name"] for joint in file.items("skins")[0]["joints"]}
    assert {"pelvis", "spine_05", "upperarm_l", "index_03_r"} <= names
    assert not {"jaw", "left_shoulder"} & names
    weights = file.values(file.items("meshes")[0]["primitives"][0]["attributes"]["WEIGHTS_0"])
    np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-5)
    convert("-o", "b.glb", "--rig", "vrm", "--no-mesh")
    assert "meshes" not in GltfFile("b.glb").document


def test_expressions_of_vrma(dance):
    extension = "VRMC_vrm_animation"
    convert("-o", "a.vrma", "--expressions", "arkit")
    assert "jawOpen" in GltfFile("a.vrma").document["extensions"][extension]["expressions"]["custom"]
    convert("-o", "b.vrma", "--expressions", "none")
    assert "expressions" not in GltfFile("b.vrma").document["extensions"][extension]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "a.glb", "--unit", "cm"], r"unit is an option of \.bvh, \.fbx; leave .* to \.glb"),
        (["-o", "a.html", "--rig", "mixamo"], r"rig is an option of \.bvh, \.npz, \.glb, \.fbx"),
        (["-o", "a.bvh", "--no-twist"], r"twist is an option of \.glb, \.fbx"),
        (["-o", "a.bvh", "--expressions", "arkit"], r"expressions is an option of \.vrma"),
        (["-o", "a.mp4", "--fps", "60"], "fps is an option of"),
        (["-o", "a.vrma", "--expressions", "all"], "expressions must be preset, arkit or none"),
        (["-o", "a.bvh", "--rig", "mixam"], "unknown rig"),
        (["-o", "a.bvh", "--up", "x"], "up must be y or z"),
        (["-o", "a.bvh", "--unit", "mile"], "unknown unit 'mile'"),
        (["-o", "a.bvh", "--fps", "0"], "fps must be from 1 to 1000"),
        (["-o", "a.bvh", "b.npz", "--rig", "mixamo"], r"b\.npz: an \.npz holds the joints of SMPL-X, not of mixamo"),
    ],
)
def test_bad_combinations_end_in_one_line(dance, capsys, words, said):
    with pytest.raises(SystemExit) as end:
        convert(*words)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(said, line), line
    assert [path.name for path in Path().iterdir()] == ["dance.glb"]  # nothing was written


def test_the_same_in_python(dance):
    api.convert(dance, "a.bvh", rig="vrm", fps=24, unit="mm")
    assert load_motion("a.bvh").skeleton.names[0] == "hips"
    api.write(load_motion(dance), "b.bvh", up="z")
    with pytest.raises(UserError, match="fps must be a number"):
        api.convert(dance, "a.bvh", fps="24")
    with pytest.raises(UserError, match="writing takes no option 'size'; it takes rig, fps"):
        api.convert(dance, "a.bvh", size=3)


@pytest.mark.parametrize("command", ["generate", "edit", "convert", "face"])
def test_every_command_that_writes_motion_has_them(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    shown = capsys.readouterr().out
    for option in ("--rig", "--fps", "--up", "--unit", "--no-twist", "--no-mesh", "--expressions"):
        assert option in shown
