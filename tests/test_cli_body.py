"""``--body`` and ``--colours``: who is shown, and in which clothes, in every file with a skin."""

from __future__ import annotations

import numpy as np
import pytest

from cli_data import motion_file, place, works
from cospeech import UserError, convert, load_motion, render
from cospeech.avatar.body import BODIES, load_body
from cospeech.avatar.camera import Camera
from cospeech.avatar.frames import render_frames
from cospeech.avatar.light import srgb_to_linear
from cospeech.cli import main
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import canonical_skeleton
from format_data import parts
from test_cli_onto import refused

__all__ = ["place", "works"]  # fixtures


def meshes_of(path, body):
    """The meshes by name, and the colours [V, 4] in the order of the body's vertices."""
    document, data = parts(path)

    def read(index: int, width: int) -> np.ndarray:
        accessor = document["accessors"][index]
        start = document["bufferViews"][accessor["bufferView"]].get("byteOffset", 0)
        return np.frombuffer(data, np.uint16, width * accessor["count"], start).reshape(-1, width)

    moved = np.isin(body.triangles, np.concatenate(body.morphs.indices)).any(1)
    meshes = {mesh["name"]: mesh for mesh in document["meshes"]}
    colours = np.full((len(body), 4), 1, np.uint16)
    for name, own in (("face", moved), ("body", ~moved)):
        (primitive,) = meshes[name]["primitives"]
        corners = read(primitive["indices"], 1)[:, 0]
        colours[body.triangles[own].reshape(-1)] = read(primitive["attributes"]["COLOR_0"], 4)[corners]
    return meshes, colours


@pytest.mark.parametrize("name", BODIES)
def test_each_body_is_written_with_its_name(place, name):
    path = convert(motion_file(place / "dance.bvh"), place / "talk.glb", body=name)
    meshes, colours = meshes_of(path, load_body(0, name))
    face = meshes["face"]
    assert meshes["body"]["extras"]["body"] == face["extras"]["body"] == name
    assert len(face["primitives"][0]["targets"]) == len(face["extras"]["targetNames"]) == 52
    assert "targets" not in meshes["body"]["primitives"][0]
    assert (colours != 1).any(1).all()  # every vertex is in one of them
    assert load_motion(path).frames == load_motion(place / "dance.bvh").frames


def test_the_motion_is_the_same_on_every_body(place):
    dance = motion_file(place / "dance.bvh")
    first, *others = (load_motion(convert(dance, place / f"{name}.glb", body=name)) for name in BODIES)
    for other in others:
        np.testing.assert_array_equal(other.rotations, first.rotations)
        np.testing.assert_array_equal(other.translation, first.translation)


def test_colours_reach_glb_fbx_and_page(place, works):
    dance = motion_file(place / "dance.bvh")
    works("convert", dance, "-o", "talk.glb", "talk.fbx", "talk.html", "--body", "woman", "--colours", "jacket=#00ff00")
    works("convert", dance, "-o", "own.fbx", "own.html", "--body", "woman")
    woman = load_body(0, "woman")
    _, colours = meshes_of(place / "talk.glb", woman)
    jacket = woman.regions["jacket"].vertices
    assert colours[jacket][:, [0, 2]].max() == 0
    assert colours[jacket][:, 1].max() > 0.3 * 65535
    for name in ("fbx", "html"):
        assert (place / f"talk.{name}").read_bytes() != (place / f"own.{name}").read_bytes()
        assert (place / f"talk.{name}").stat().st_size == pytest.approx(
            (place / f"own.{name}").stat().st_size, rel=0.02
        )


def test_colours_reach_the_picture():
    still = np.tile(np.eye(3, dtype=np.float32), (1, 55, 1, 1))
    skeleton = canonical_skeleton()
    motion = Motion(skeleton, 30.0, still, skeleton.rest_positions[:1].astype(np.float32))
    camera = Camera((0.0, 1.2, 0.0), 4.0, 0.3)
    plain, dyed = (
        next(render_frames(motion, size=64, camera=camera, body="mannequin", colours=colours)).astype(int)
        for colours in (None, "surface=#00ff00")
    )
    assert (dyed[..., 1] - dyed[..., 0])[24:40, 24:40].min() > 40
    assert np.abs(plain[..., 1] - plain[..., 0])[24:40, 24:40].max() < 20


def test_the_default_glb_has_its_colours_of_before(place):
    _, colours = meshes_of(convert(motion_file(place / "dance.bvh"), place / "talk.glb"), load_body(0))
    own = srgb_to_linear(load_body(0).baked_colours)
    np.testing.assert_allclose(colours[:, :3] / 65535, np.clip(own, 0, 1), atol=1e-4)


def test_what_cannot_be_is_said_in_one_line(place, capfd):
    dance = motion_file(place / "dance.bvh")
    assert "there are person, woman and mannequin" in refused(capfd, "convert", dance, "-o", "a.glb", "--body", "man")
    assert "it has soles, surface, lines" in refused(
        capfd, "render", dance, "-o", "a.html", "--body", "mannequin", "--colours", "jacket=red"
    )
    assert "body is an option of" in refused(capfd, "convert", dance, "-o", "a.bvh", "--body", "woman")
    assert "no colour 'reddish'" in refused(capfd, "convert", dance, "-o", "a.glb", "--colours", "jacket=reddish")
    assert "without a mesh nobody is shown" in refused(
        capfd, "convert", dance, "-o", "a.glb", "--body", "woman", "--no-mesh"
    )
    assert not (place / "a.glb").exists()


def test_ones_own_character_has_no_other_body(place, capfd):
    from character_data import MIXAMO, write_character

    dance, me = motion_file(place / "dance.bvh"), write_character(place / "me.glb", MIXAMO)
    for words in (["--body", "woman"], ["--colours", "jacket=red"]):
        line = refused(capfd, "convert", dance, "-o", "a.glb", "--onto", me, *words)
        assert "your own character is shown as it is" in line
    with pytest.raises(UserError, match="leave body out, or onto"):
        render(load_motion(dance), place / "a.html", onto=me, body="woman")


def test_main_takes_it_for_render(place, capfd):
    main(["render", str(motion_file(place / "dance.bvh")), "-o", "a.html", "--body", "mannequin"])
    assert "wrote a.html" in capfd.readouterr().err
