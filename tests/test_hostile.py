"""Hostile and unlucky inputs, by kind: one clear line, status 2, nothing written, in bounded time and memory.

Every input is made here, in a few lines. ``refused`` runs a command under a limit on memory (500 MB more than there is)
and on time.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli_data import fails, motion_file, place, tone, write_wav
from cospeech.cli import main
from cospeech.core.csv_files import csv_records, csv_rows
from cospeech.core.errors import UserError
from cospeech.core.files import atomic_path, whole_folder
from cospeech.core.json_files import plain_json
from cospeech.core.limits import LIMITS, limit, raised
from cospeech.core.onnx_graphs import check_graph
from cospeech.core.text import harmless
from cospeech.data.frames import open_frames
from cospeech.gesture_library.library import open_library
from cospeech.methods.model_folder import Graph
from cospeech.motion.motion import Motion, load_motion
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech.audio import decode
from format_data import parts, rebuilt
from library_data import built_library, library_dataset

__all__ = ["built_library", "fails", "library_dataset", "place"]  # fixtures

MEMORY = 500 << 20
SECONDS = 5.0  # a second where nothing else runs
ESC = "\x1b]0;title\x07\x1b[31m"


@contextmanager
def bounded():
    """Memory and time that the block may take."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, before[1]))
    began = time.monotonic()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert time.monotonic() - began < SECONDS


@pytest.fixture
def refused(fails):
    """A command that must end in one line, within the bounds; returns the line."""

    def run(*words: object) -> str:
        with bounded():
            said = fails(*words)
        assert "not enough memory" not in said
        assert len(said) < 600, said
        return said

    return run


def bvh(joints: int, frames: int, *, channels: str = "3 Xrotation Yrotation Zrotation", rate: str = "0.033") -> str:
    """A root that turns, and joints that hang from it."""
    lines = ["HIERARCHY", "ROOT r", "{", "OFFSET 0 0 0", f"CHANNELS {channels}"]
    for joint in range(joints - 1):
        lines += [f"JOINT j{joint}", "{", "OFFSET 0 1 0", "CHANNELS 0", "End Site", "{", "OFFSET 0 1 0", "}", "}"]
    row = " ".join(["0"] * int(channels.split()[0]))
    return "\n".join([*lines, "}", "MOTION", f"Frames: {frames}", f"Frame Time: {rate}", *[row] * frames, ""])


def npz(path: Path, **sizes: int) -> Path:
    """A motion with further arrays of zeros, which compress to nothing; megabytes each."""
    motion_file(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, megabytes in sizes.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (megabytes << 20,)}
                np.lib.format.write_array_header_1_0(file, header)
                for _ in range(megabytes):
                    file.write(bytes(1 << 20))
    return path


# ---------------------------------------------------------------------------- recordings


def test_a_rate_that_no_recording_has(place, refused):
    for rate in (1, 999, 2_000_000):
        soundfile.write(place / "a.wav", tone(2.0)[:, 0], rate)
        assert f"has {rate} samples a second; 1000 to 1000000 are allowed" in refused(
            "generate", "a.wav", "-o", "a.bvh"
        )


def test_more_sound_than_is_allowed_is_refused_before_it_is_decoded(place, refused, monkeypatch):
    soundfile.write(place / "long.flac", np.zeros(5 * 3600 * 1000, np.int16), 1000)  # 5 h in a few kilobytes
    said = refused("generate", "long.flac", "-o", "a.bvh")
    assert "has 18,000 seconds of a recording or a motion; 14,400 are allowed, give --limit seconds=NUMBER" in said
    write_wav(place / "short.wav", tone(2.0))
    monkeypatch.setenv("COSPEECH_LIMITS", "seconds=1.5")
    with pytest.raises(UserError, match=r"1\.50? are allowed"):
        decode(place / "short.wav")


def test_lists_of_other_files_are_no_recordings(place, refused):
    write_wav(place / "s.wav", tone(1.0))
    (place / "list.wav").write_text("ffconcat version 1.0\n" + "file s.wav\n" * 20000)
    (place / "live.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ns.wav\n")
    (place / "sdp.mp4").write_text("v=0\nc=IN IP4 127.0.0.1\nm=audio 8899 RTP/AVP 0\n")
    for name in ("list.wav", "live.m3u8", "sdp.mp4"):
        assert "is no recording that can be read" in refused("generate", name, "-o", "a.bvh")


def film(path: Path) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(tone(1.0).T.copy(), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux([*stream.encode(frame), *stream.encode(None)])


def test_names_are_never_addresses(tmp_path, monkeypatch):
    """Neither a protocol nor a colon means anything but itself."""
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "a.mp4")
    for name in ("2024-01-01T12:30:00.m4a", "http:/127.0.0.1:9/x.m4a", "file:x.m4a", "concat:a.m4a|b.m4a"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes((tmp_path / "a.mp4").read_bytes())
        assert len(decode(name)) > 15000


def test_a_recording_comes_through_a_pipe(tmp_path):
    write_wav(tmp_path / "a.wav", tone(1.0))
    os.mkfifo(tmp_path / "pipe")
    data = (tmp_path / "a.wav").read_bytes()
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(data))
    writer.start()
    heard = decode(tmp_path / "pipe")
    writer.join()
    assert np.array_equal(heard, decode(tmp_path / "a.wav"))


def test_standard_input_is_a_recording(tmp_path):
    write_wav(tmp_path / "a.wav", tone(1.0))
    code = "from cospeech.speech.audio import decode; raise SystemExit(len(decode('-')) // 1000)"
    with open(tmp_path / "a.wav", "rb") as file:
        assert subprocess.run([sys.executable, "-c", code], stdin=file).returncode == 16


def test_a_pipe_that_brings_anything_else_is_not_stored(tmp_path):
    with pytest.raises(UserError, match="is a device; give a recording"):
        decode("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"hello, this is text"))
    writer.start()
    with pytest.raises(UserError, match="brings no recording"):
        decode(tmp_path / "pipe")
    writer.join()


# ---------------------------------------------------------------------------- motion


def test_joints_and_frames_are_limited_before_memory_is_taken(place, refused):
    (place / "joints.bvh").write_text(bvh(10_000, 100))
    assert "has 2,001 joints of a skeleton; 2,000 are allowed" in refused("convert", "joints.bvh", "-o", "a.npz")
    (place / "still.bvh").write_text(bvh(1_900, 10_000))
    assert "makes 10000 frames of 1900 joints out of" in refused("convert", "still.bvh", "-o", "a.npz")


@pytest.mark.parametrize("rate", ["1e-310", "9999", "1e-9", "1e308", "nan", "-1", "0"])
def test_rates_that_no_motion_has(place, refused, rate):
    (place / "a.bvh").write_text(bvh(3, 5, rate=rate))
    said = refused("convert", "a.bvh", "-o", "a.npz")
    assert "frames a second; 1 to 1000 are allowed" in said or "a positive frame time" in said


@pytest.mark.parametrize("number", ["1e30", "1e308", "-1e9"])
def test_nobody_walks_so_far(place, refused, number):
    lines = motion_file(place / "a.bvh").read_text().split("\n")
    row = next(at for at, line in enumerate(lines) if line.startswith("Frame Time")) + 1
    lines[row] = " ".join([number, *lines[row].split()[1:]])
    (place / "far.bvh").write_text("\n".join(lines))
    for target in ("b.npz", "b.glb", "b.bvh"):
        said = refused("convert", "far.bvh", "-o", target)
        assert "metres from the origin; 100,000 are allowed" in said or "not finite" in said


def test_two_keys_an_hour_apart_take_no_memory(place, refused):
    document, binary = parts(motion_file(place / "a.glb"))
    animation = document["animations"][0]
    times = {sampler["input"] for sampler in animation["samplers"]}
    for seconds, said in ((3 * 3600.0, "frames of"), (86_400.0, "seconds of a recording or a motion")):
        accessors = json.loads(json.dumps(document["accessors"]))
        views = [*document["bufferViews"], {"buffer": 0, "byteOffset": len(binary), "byteLength": 8}]
        for at in times:
            accessors[at] |= {"bufferView": len(views) - 1, "byteOffset": 0, "count": 2, "max": [seconds]}
        for sampler in animation["samplers"]:
            accessors[sampler["output"]]["count"] = 2
        changed = {
            **document,
            "accessors": accessors,
            "bufferViews": views,
            "buffers": [{"byteLength": len(binary) + 8}],
        }
        changed["animations"] = [
            {**animation, "channels": [c for c in animation["channels"] if c["target"]["path"] != "weights"]}
        ]
        rebuilt(place / "day.glb", changed, binary + np.array([0, seconds], "<f4").tobytes())
        assert said in refused("convert", "day.glb", "-o", "b.bvh")


def test_of_an_npz_only_what_is_needed_is_read(place, capfd):
    npz(place / "a.npz", unused=800, small=1)
    with bounded():
        motion = load_motion(place / "a.npz")
    assert len(motion) == 6
    assert "the array 'unused' has 800 MiB and is left out" in capfd.readouterr().err
    assert "small" in motion.extra["smplx"]["arrays"]


def test_an_npz_that_unpacks_to_far_more_than_it_is(place, refused):
    with zipfile.ZipFile(motion_file(place / "a.npz")) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != "poses.npy"}
    with zipfile.ZipFile(place / "c.npz", "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in kept.items():
            out.writestr(name, data)
        with out.open("poses.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f8", "fortran_order": False, "shape": (500_000, 165)}
            )
            for _ in range(630):
                file.write(bytes(1 << 20))
    assert "unpacks to" in refused("convert", "c.npz", "-o", "d.bvh")


def test_a_motion_never_holds_what_is_not_finite():
    body = canonical_skeleton()
    rest = np.tile(np.eye(3), (2, len(body), 1, 1))
    for face in (np.nan, np.inf):
        with pytest.raises(UserError, match="not finite"):
            Motion(body, 30.0, rest, np.zeros((2, 3)), face=np.full((2, 52), face))


def test_a_store_whose_header_lies(tmp_path):
    for header in (
        b'{"a":{"dtype":"F32","shape":[1000000000,3],"data_offsets":[0,12]}}',
        b'{"a":{"dtype":"F32","shape":[1,3],"data_offsets":[0,1200]}}',
        b'{"a":{"dtype":"F32","shape":["x"],"data_offsets":[0,12]}}',
        b"[" * 100_000,
    ):
        (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(12))
        with pytest.raises(UserError):
            open_frames(tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").write_bytes((1 << 60).to_bytes(8, "little"))
    with bounded(), pytest.raises(UserError, match="header is longer"):
        open_frames(tmp_path / "a.safetensors")


# ---------------------------------------------------------------------------- JSON and tables

DEEP = "[" * 100_000 + "]" * 100_000
HUGE = ("9" * 400, "1e400", "-1e400", "Infinity")


def test_json_cannot_hurt():
    with pytest.raises(UserError, match="nests too deep"):
        plain_json(DEEP, "a")
    for number in HUGE:
        with pytest.raises(UserError, match="too large"):
            plain_json(f"[{number}]", "a")
    assert plain_json('["a\\ud800b", "\\ud83d\\ude00"]', "a") == ["ab", "\U0001f600"]
    assert plain_json("[12345678901234567890]", "a") == [12345678901234567890.0]


@pytest.mark.parametrize("text", [DEEP, *[f'{{"words": [{{"word": "a", "start": {n}, "end": 1}}]}}' for n in HUGE]])
def test_json_of_every_option(place, refused, text):
    write_wav(place / "s.wav", tone(1.0))
    (place / "a.json").write_text(text)
    motion_file(place / "m.bvh")
    assert "a.json" in refused("generate", "s.wav", "--transcript", "a.json", "-o", "o.bvh")
    assert "a.json" in refused("generate", "s.wav", "--lips", "a.json", "-o", "o.csv")
    assert "a.json" in refused("convert", "m.bvh", "--map", "a.json", "-o", "o.npz")
    words = ("generate", "s.wav", "--model", "emotion", "-o", "o.bvh")
    assert "a.json" in refused(*words, "--emotion-track", "a.json")


def test_tables_cannot_hurt():
    for text, said in {
        "a,b\n1," + "x" * 200_000: "line 2: no CSV table .*131,072",
        'a,b\n1,2\n3,"x\n4,5\n': "line 3: a quote begins here and does not end",
        'a\n"': "line 2: a quote begins",
    }.items():
        with pytest.raises(UserError, match=said):
            list(csv_rows(text, "t.csv"))
    with pytest.raises(UserError, match="line 2 has 3 cells of 2"):
        list(csv_records("a,b\n1,2,3\n", "t.csv"))
    assert list(csv_rows('a,"b\nc",d', "t.csv")) == [(2, ["a", "b\nc", "d"])]
    assert list(csv_records("a,b\n1\n", "t.csv")) == [(2, {"a": "1", "b": ""})]


def test_tables_of_every_option(place, refused):
    write_wav(place / "s.wav", tone(1.0))
    for head, option, more in (
        ("start,emotion\n0,", "--emotion-track", ("--model", "emotion")),
        ("start,end,text\n0,1,", "--transcript", ()),
        ("time,aa\n0,", "--lips", ()),
    ):
        for cell, said in (("x" * 200_000, "131,072"), ('"joy\n' * 3, "does not end")):
            (place / "t.csv").write_text(head + cell)
            assert said in refused("generate", "s.wav", option, "t.csv", *more, "-o", "o.csv")


def test_captions_are_read_in_linear_time(place, refused):
    write_wav(place / "s.wav", tone(1.0))
    for name, cell in (("a.srt", "<"), ("a.vtt", "["), ("a.srt", "{\\"), ("a.ass", "{"), ("a.lrc", "[")):
        head = "WEBVTT\n\n" if name.endswith("vtt") else "1\n"
        dot = "." if name.endswith("vtt") else ","
        (place / name).write_text(
            f"{head}00:00:00{dot}000 --> 00:00:01{dot}000\n" + cell * (200_000 // len(cell)) + "\n"
        )
        assert name in refused("generate", "s.wav", "--transcript", name, "-o", "o.bvh")


# ---------------------------------------------------------------------------- the terminal


def test_names_of_a_file_do_not_steer_the_terminal(place, capfd):
    text = motion_file(place / "a.bvh").read_text()
    (place / "b.bvh").write_text(text.replace("left_wrist", f"left{ESC}_wrist"))
    for words in (("rig", "b.bvh"), ("rig", "b.bvh", "--json"), ("convert", "b.bvh", "-o", "c.bvh", "--person", ESC)):
        with suppress(SystemExit):
            main(list(words))
        out, err = capfd.readouterr()
        assert not any(ord(character) < 32 and character not in "\n\t" for character in out + err)
        assert "\\u001b" in out + err or "\\x1b" in err
        if "--json" in words:
            json.loads(out)


def test_control_characters_are_escaped_as_json_does():
    assert harmless("a\x1b[1m\u202e\x9b\ud800\tb\nc") == "a\\u001b[1m\\u202e\\u009b\\ud800\tb\nc"


def run(*words: object, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "cospeech", *map(str, words)], stderr=subprocess.PIPE, **options)


def test_output_that_nobody_takes(tmp_path):
    motion_file(tmp_path / "a.bvh")
    with open("/dev/full", "w") as full:
        done = run("rig", tmp_path / "a.bvh", stdout=full)
    assert (done.returncode, done.stderr) == (
        2,
        b"cospeech: cannot write to standard output: No space left on device\n",
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = run("rig", tmp_path / "a.bvh", stdout=writing)
    assert (done.returncode, done.stderr) == (141, b"")
    os.close(writing)
    closed = f"{sys.executable} -m cospeech rig {tmp_path / 'a.bvh'} >&-"
    done = subprocess.run(["sh", "-c", closed], capture_output=True)
    assert (done.returncode, done.stderr.splitlines()[0][:27]) == (2, b"cospeech: standard output i")
    assert subprocess.run(["sh", "-c", f"{sys.executable} -m cospeech rig x.bvh 2>&-"]).returncode == 2


def test_help_of_what_is_no_command(refused):
    assert "nonsense" in refused("nonsense", "--help")
    assert "nonsense" in refused("library", "nonsense", "-h")


def test_a_fault_is_one_line_and_a_log(monkeypatch, capfd):
    monkeypatch.setattr("cospeech.cli.parsed", lambda *_: lambda: [][1])
    with pytest.raises(SystemExit) as end:
        main(["rig", "x"])
    (line,) = capfd.readouterr().err.splitlines()
    assert end.value.code == 70
    log = Path(line.split("report it with ")[1].split(",")[0])
    assert "IndexError" in log.read_text()
    log.unlink()
    monkeypatch.setattr("cospeech.cli.parsed", lambda *_: lambda: bytes(1 << 60))
    with pytest.raises(SystemExit) as end:
        main(["rig", "x"])
    assert end.value.code == 2
    assert "not enough memory" in capfd.readouterr().err


def test_limits_are_raised_and_checked(refused, place):
    (place / "a.bvh").write_text(bvh(3, 5))
    for words, said in (
        (("--limit", "joint=5"), "unknown limit 'joint'; did you mean joints"),
        (("--limit", "joints=many"), "the limit joints is 'many'; give a number above 0"),
        (("--limit",), "give NAME=NUMBER"),
        (("--limit", "joints=2"), "has 3 joints of a skeleton; 2 are allowed"),
    ):
        found = refused("convert", "a.bvh", "-o", "b.npz", *words)
        assert said in found
    with raised(["joints=5000", "seconds=1"]):
        assert (limit("joints"), limit("seconds")) == (5000, 1)
    assert limit("joints") == LIMITS["joints"][0]


# ---------------------------------------------------------------------------- what is written


def test_modes_links_and_pipes_stay(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o600)
    (tmp_path / "link.txt").symlink_to(target)
    with atomic_path(tmp_path / "link.txt") as path:
        path.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new", 0o600)
    os.mkfifo(tmp_path / "pipe")
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()))
    reader.start()
    with atomic_path(tmp_path / "pipe") as path:
        path.write_text("through")
    reader.join()
    assert heard == ["through"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_what_a_kill_left_is_removed_by_the_next_run_and_what_is_being_written_is_not(tmp_path):
    code = (
        "import sys, time\nfrom cospeech.core.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as path:\n    path.write_text('half')\n"
        "    print('there', flush=True)\n    time.sleep(60)"
    )

    def begun() -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a.mp4")], stdout=subprocess.PIPE)
        process.stdout.readline()
        return process

    killed, writing = begun(), begun()
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.iterdir())) == 2
    with atomic_path(tmp_path / "a.mp4") as path:
        path.write_text("whole")
    (left,) = [path for path in tmp_path.iterdir() if path.name != "a.mp4"]
    assert left.read_text() == "half"  # of the one that is alive
    writing.send_signal(signal.SIGKILL)
    writing.wait()
    with atomic_path(tmp_path / "a.mp4") as path:
        path.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_folder_is_the_old_one_or_the_new_one(tmp_path):
    def write(*names: str, fail: bool = False) -> None:
        with whole_folder(tmp_path / "model", kinds=(".onnx", ".json")) as folder:
            for name in names:
                (folder / name).write_text(name)
            if fail:
                raise KeyboardInterrupt

    write("a.onnx", "config.json")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        write("b.onnx", fail=True)
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"a.onnx", "config.json", "notes.txt"}
    write("b.onnx", "config.json")
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"b.onnx", "config.json", "notes.txt"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_names_that_are_no_utf8(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"a\xff.wav")
    os.rename(write_wav(tmp_path / "a.wav", tone(1.0)), name)
    assert len(decode(name)) == 16000
    with atomic_path(os.fsdecode(b"b\xff.txt")) as path:
        str(path).encode()
        path.write_text("b")
    motion_file(tmp_path / "m.bvh")
    for suffix in (b".html", b".glb", b".npz"):
        main(["convert", "m.bvh", "-o", os.fsdecode(b"c\xff" + suffix)])
    assert {b"a\xff.wav", b"b\xff.txt", b"c\xff.html", b"c\xff.glb", b"c\xff.npz"} <= set(os.listdir(b"."))


# ---------------------------------------------------------------------------- gesture libraries


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE file SET name = '../../etc/passwd'",
        "UPDATE file SET name = '/dev/zero'",
        "UPDATE file SET bytes = 'many'",
        "UPDATE file SET name = 7",
        "ALTER TABLE entry RENAME TO other; CREATE VIEW entry AS WITH RECURSIVE c(x) AS "
        "(SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS row FROM c",
        "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
        "DROP TABLE recording",
        "DELETE FROM recording",
        "UPDATE entry SET words = '" + "[" * 50_000 + "'",
        "UPDATE entry SET words = '[[1]]'",
        "UPDATE base SET value = '" + "[" * 50_000 + "'",
    ],
)
def test_catalogues_that_were_tampered_with(place, built_library, capfd, change):
    import shutil

    shutil.copytree(built_library, place / "library")
    (catalogue,) = (place / "library").glob("*.sqlite")
    with sqlite3.connect(catalogue) as connection:
        connection.executescript(change)
    connection.close()
    capfd.readouterr()
    with bounded():
        for words in (("library", "info"), ("library", "check")):
            with suppress(SystemExit):
                main([*words, str(place / "library")])
        out, err = capfd.readouterr()
        said = out + err
        if "damaged" not in said:  # what these do not read
            with pytest.raises(UserError, match="damaged"):
                open_library(place / "library").samples()
    assert "fault" not in said


def test_a_shard_that_is_a_pipe(place, built_library, refused):
    import shutil

    shutil.copytree(built_library, place / "library")
    shard = next((place / "library").glob("motion-*.safetensors"))
    shard.unlink()
    os.mkfifo(shard)
    with bounded(), pytest.raises(SystemExit):
        main(["library", "check", "library"])


# ---------------------------------------------------------------------------- damaged files of every kind

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import bench_mutations  # noqa: E402

MUTATED = bench_mutations.readers()


@pytest.mark.parametrize("name", MUTATED)
def test_damaged_files_are_read_or_refused(name, tmp_path, capfd):
    """Fifty seeded changes of a valid file; ``benchmarks/bench_mutations.py`` makes more."""
    reader, path = MUTATED[name], tmp_path / f"file{MUTATED[name].suffix}"
    found = {
        number: bench_mutations.tried(reader, path)
        for number in bench_mutations.mutations(name, reader, path, range(50), seed=7)
    }
    assert {number: kind for number, kind in found.items() if kind} == {}


def test_the_mutations_notice_what_must_not_be(tmp_path):
    def faulty(path: Path) -> list[float]:
        text = path.read_text(errors="replace")
        return [float(text)] if text != "1.5" else []

    reader = bench_mutations.Reader(".txt", lambda path: path.write_text("1.5"), faulty)
    kinds = [
        bench_mutations.tried(reader, tmp_path / "a.txt").partition(":")[0]
        for _ in bench_mutations.mutations("faulty", reader, tmp_path / "a.txt", range(60), seed=0)
    ]
    assert {"faults", "not_finite", ""} <= set(kinds)


# ---------------------------------------------------------------------------- models


def onnx_file(path: Path, *, operator: str = "Relu", domain: str = "", external: bool = False, inner: bool = False):
    """A graph of one node, written with the package onnx."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    def value(name: str):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])

    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if external:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="../../etc/passwd")
    graph = helper.make_graph([node], "g", [value("x")], [value("y")], [weights])
    if inner:
        branch = helper.make_graph([helper.make_node("Loop", ["x"], ["y"])], "b", [], [value("y")])
        node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
        graph = helper.make_graph([node], "g", [value("x")], [value("y")])
    onnx.save(helper.make_model(graph), path)
    return path


def test_graphs_are_looked_at_before_they_run(tmp_path):
    check_graph(onnx_file(tmp_path / "good.onnx"))
    for changes, said in (
        ({"operator": "Loop"}, "holds Loop, which may run for ever"),
        ({"operator": "Scan"}, "holds Scan"),
        ({"inner": True}, "holds Loop"),
        ({"domain": "evil.ops"}, "needs the operator 'Relu' of 'evil.ops'"),
        ({"external": True}, "keeps weights in another file"),
    ):
        with pytest.raises(UserError, match=said):
            check_graph(onnx_file(tmp_path / "a.onnx", **changes))
    (tmp_path / "b.onnx").write_bytes(b"hello, I am a text")
    with pytest.raises(UserError, match="damaged"):
        check_graph(tmp_path / "b.onnx")
    graph = Graph(tmp_path / "good.onnx")
    with pytest.raises(UserError, match="cannot be run"):
        graph(np.zeros((3, 4), np.float32))
