"""``--onto``: generate, edit, convert and render with a character of one's own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from character_data import MIXAMO, VRM1, gesturing, write_character
from cli_data import motion_file, place, tone, works, write_wav
from cospeech import UserError, convert, load_motion
from cospeech.cli import main
from format_data import parts, rebuilt
from test_character import worlds

__all__ = ["place", "works"]  # fixtures


def refused(capfd, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words)])
    assert ended.value.code == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_convert_and_render_onto_a_vrm(place, works, capfd):
    me = write_character(place / "me.vrm", VRM1)
    motion_file(place / "dance.bvh")
    main("convert dance.bvh --onto me.vrm -o talk.vrm talk.bvh page.html".split())
    pose, beside, line = capfd.readouterr().err.splitlines()
    assert pose.startswith("me.vrm rests in another pose than the T-pose")
    assert beside == "wrote talk.vrma as well: VRM viewers play that, and not the animation within a VRM"
    assert line.startswith("wrote talk.vrm, talk.bvh, page.html (from dance.bvh)")
    assert [clip["name"] for clip in parts(place / "talk.vrm")[0]["animations"]] == ["gesture"]
    assert load_motion(place / "talk.vrma").frames == load_motion(place / "dance.bvh").frames
    write_character(me, replace(VRM1, arms_down=0.0))
    works("render", "dance.bvh", "--onto", me, "-o", "film.mp4")
    assert (place / "film.mp4").stat().st_size > 500


def test_lips_onto_a_character(place, works):
    write_character(place / "me.glb", MIXAMO)
    gesturing(30, face=False).save(place / "dance.npz")
    write_wav(place / "talk.wav", tone(0.9), 16_000)
    works("convert", "dance.npz", "--speech", "talk.wav", "--onto", "me.glb", "-o", "out.glb")
    clip = parts(place / "out.glb")[0]["animations"][0]
    assert any(channel["target"]["path"] == "weights" for channel in clip["channels"])


def test_python_takes_it_as_well(tmp_path):
    me = write_character(tmp_path / "me.glb", MIXAMO)
    gesturing(4).save(tmp_path / "a.npz")
    convert(tmp_path / "a.npz", tmp_path / "a.glb", onto=me)
    assert parts(tmp_path / "a.glb")[0]["extras"] == json.loads('{"unknown": [1, {"two": 3.5}]}')
    with pytest.raises(UserError, match=r"me\.glb is no VRM, so no \.vrm can be written; write \.glb"):
        convert(tmp_path / "a.npz", tmp_path / "a.vrm", onto=me)


def test_what_cannot_be_is_said_before_any_work(place, capfd):
    write_character(place / "me.vrm", replace(VRM1, arms_down=0.0))
    motion_file(place / "dance.bvh")
    write_wav(place / "talk.wav", tone(0.5), 16_000)
    gesturing(3).save(place / "dance.vrma")
    for words, message in (
        ("convert dance.bvh -o a.vrm", "a .vrm is somebody's avatar; name it with --onto"),
        (
            "convert dance.bvh -o a.bvh --onto me.vrm",
            "none of the files shows me.vrm; these do: .glb, .vrm, .html, .mp4",
        ),
        ("convert dance.bvh -o me.vrm --onto me.vrm", "it is what is read"),
        ("convert dance.vrma -o dance.vrm --onto me.vrm", "cannot write dance.vrma: it is what is read"),
        ("convert dance.bvh -o a.glb --onto no.glb", "cannot read no.glb: no such file"),
        ("convert dance.bvh -o a.glb --onto dance.bvh", "no character is read from .bvh"),
        ("generate talk.wav -o a.glb --onto me.vrm@Ann", "no person 'Ann'; there is Armature"),
        ("render dance.bvh -o a.mp4 --onto talk.wav", "no character is read from .wav"),
        ("edit talk.mp4 --speech talk.wav -o b.mp4 --onto me.vrm", "a video keeps its own person; leave --onto out"),
    ):
        assert message in refused(capfd, *words.split()), words


def test_one_who_lies_is_told_and_stands(place, capfd):
    """A file that was exported with z up: its animation puts it on its feet."""
    write_character(place / "me.glb", MIXAMO)
    document, binary = parts(place / "me.glb")
    x, y, z, w = document["nodes"][0]["rotation"]
    s = 0.5**0.5  # a quarter turn about x more
    document["nodes"][0]["rotation"] = [s * (w + x), s * (y - z), s * (z + y), s * (w - x)]
    rebuilt(place / "me.glb", document, binary)
    gesturing(5).save(place / "dance.npz")
    main("convert dance.npz -o out.glb --onto me.glb".split())
    assert capfd.readouterr().err.startswith("me.glb lies at rest, as if another axis than y were up")
    (places, names) = worlds(place / "out.glb")
    head, foot = (places[:, names.index(f"mixamorig:{name}"), 1] for name in ("Head", "LeftFoot"))
    assert (head - foot > 1.2).all()
