"""Pictures of a user's own character: what is drawn stands where its file says, in its own colours."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from character_data import MIXAMO, RIGIFY, VRM0, VRM1, gesturing, picture, write_character
from cospeech.avatar import frames
from cospeech.avatar.camera import frame_motion
from cospeech.avatar.character.character import open_character
from cospeech.avatar.character.drawing import draw_figure, framed_person, pose_figure
from cospeech.avatar.character.figure import Figure, load_figure
from cospeech.avatar.character.lighter import lighter
from cospeech.avatar.character.textures import WHITE, Textures, load_textures
from cospeech.avatar.frames import render_frames
from cospeech.avatar.scene import Studio
from cospeech.core.errors import UserError
from cospeech.core.rotation import quaternion_to_matrix
from cospeech.motion.formats.gltf import GltfFile
from cospeech.motion.skeleton import CANONICAL_NAMES
from format_data import parts, rebuilt
from test_avatar_html import PLAYER_CHECK, block, unpack


def skinned(path: Path, frame: int) -> np.ndarray:
    """The vertices of a file's one mesh at a frame of its last animation, by what glTF says."""
    file = GltfFile(path)
    nodes, clip = file.items("nodes"), file.items("animations")[-1]
    local = [dict(node) for node in nodes]
    weights = None
    for channel in clip["channels"]:
        target, sampler = channel["target"], clip["samplers"][channel["sampler"]]
        values, keys = file.values(sampler["output"]), len(file.values(sampler["input"]))
        row = values.reshape(keys, -1)[min(frame, keys - 1)]
        if target["path"] == "weights":
            weights = row
        else:
            local[target["node"]][target["path"]] = row
    parents = {child: index for index, node in enumerate(nodes) for child in node.get("children", [])}

    def world(index: int) -> np.ndarray:
        node, matrix = local[index], np.eye(4)
        turn = quaternion_to_matrix(np.array(node.get("rotation", [0, 0, 0, 1]), float)[[3, 0, 1, 2]])
        matrix[:3, :3] = turn * np.array(node.get("scale", [1, 1, 1]))
        matrix[:3, 3] = node.get("translation", [0, 0, 0])
        return world(parents[index]) @ matrix if index in parents else matrix

    skin, primitive = file.items("skins")[0], file.items("meshes")[0]["primitives"][0]
    inverse = file.values(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    bones = np.stack([world(joint) @ bind for joint, bind in zip(skin["joints"], inverse, strict=True)])
    attributes = primitive["attributes"]
    points = file.values(attributes["POSITION"])
    for target, weight in zip(primitive.get("targets", []), [] if weights is None else weights, strict=True):
        points = points + weight * file.values(target["POSITION"])
    blend = np.einsum(
        "vk,vkab->vab", file.values(attributes["WEIGHTS_0"]), bones[file.values(attributes["JOINTS_0"]).astype(int)]
    )
    return np.einsum("vab,vb->va", blend[:, :3, :3], points) + blend[:, :3, 3]


@pytest.mark.parametrize(
    "kind",
    [MIXAMO, VRM1, VRM0, RIGIFY, replace(MIXAMO, posed_nodes=True)],
    ids=["mixamo", "vrm1", "vrm0", "rigify", "another pose"],
)
def test_what_is_drawn_is_what_the_file_shows(tmp_path, kind):
    motion = gesturing(12)
    source = write_character(tmp_path / "me.glb", kind)
    path = motion.save(tmp_path / "out.glb", onto=source)
    character = open_character(source)
    figure = load_figure(character)
    moved = figure.move(character.pose(motion))
    for frame in (0, 7):
        points, normals = pose_figure(figure, moved, frame)
        expected = (skinned(path, frame) - figure.place) @ figure.heading * figure.scale
        assert np.linalg.norm(points - expected, axis=1).max() < 5e-4
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-4)
    # As tall as our person, on the floor, facing +z: the nose is in front.
    assert figure.vertices[:, 1].max() == pytest.approx(1.769, abs=0.01)
    assert abs(figure.vertices[:, 1].min()) < 1e-3
    head = figure.vertices[figure.vertices[:, 1] > 1.55]
    assert head[np.abs(head[:, 0]) < 0.02][:, 2].max() > 0.1
    assert set(CANONICAL_NAMES) <= set(figure.names)
    assert all(parent < joint for joint, parent in enumerate(figure.parents))


def frame_of(source: Path, size: int = 160) -> np.ndarray:
    motion = gesturing(3, face=False)
    still = motion[1:2]
    return next(render_frames(still, size=size, view="full", onto=open_character(source), workers=1)).astype(int)


def test_textures_are_not_mirrored(tmp_path):
    """The picture's left half, red, is on the person's right: to the left of who looks at it."""
    frame = frame_of(write_character(tmp_path / "me.glb", replace(MIXAMO, texture=picture())))
    red = np.argwhere((frame[..., 0] > 90) & (frame[..., 2] < 60))
    blue = np.argwhere((frame[..., 2] > 90) & (frame[..., 0] < 60))
    assert len(red) > 300
    assert len(blue) > 300
    assert red[:, 1].mean() < blue[:, 1].mean() - 5


def test_holes_of_a_texture_are_holes(tmp_path):
    pixels = np.full((64, 64, 4), 255, np.uint8)
    pixels[:, :32, 3] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    source = write_character(tmp_path / "me.glb", replace(MIXAMO, texture=file.getvalue()))
    whole = frame_of(source)
    document, binary = parts(source)
    for mode in ("MASK", "BLEND"):
        document["materials"][0]["alphaMode"] = mode
        cut = frame_of(rebuilt(source, document, binary))
        changed = np.argwhere(np.abs(cut - whole).sum(2) > 60)
        assert len(changed) > 300
        unchanged = np.argwhere((np.abs(cut - whole).sum(2) == 0) & (whole.min(2) > 60))
        assert changed[:, 1].mean() < unchanged[:, 1].mean() - 5


def test_base_colour_and_vertex_colours(tmp_path):
    source = write_character(tmp_path / "me.glb", MIXAMO)  # green by its factor
    frame = frame_of(source)
    green = (frame[..., 1] > frame[..., 0] + 60) & (frame[..., 1] > frame[..., 2] + 60)
    assert green.sum() > 1000
    document, binary = parts(source)
    document["materials"][0]["extensions"] = {"KHR_materials_unlit": {}}
    document["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [0.5, 0.05, 0.05, 1.0]
    frame = frame_of(rebuilt(source, document, binary))
    assert (frame[..., 0] > frame[..., 1] + 60).sum() > 1000


def test_texels_between_levels():
    """A texture is read where it is, and its halved levels are its means."""
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:, 64:] = 200
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    textures = load_textures([file.getvalue()], "me.glb")
    assert textures.size == 128
    at = np.array([[0.25, 0.5], [0.75, 0.5], [1.75, -0.5], [0.5, 0.5]], np.float32)
    texel = textures.sample(*textures.levels(np.zeros(4, int), np.zeros(4)), *at.T)
    np.testing.assert_allclose(texel[:, 0] / 256, [0, 200, 200, 100], atol=1)
    coarse = textures.sample(*textures.levels(np.zeros(4, int), np.full(4, 20.0)), *at.T)
    np.testing.assert_allclose(coarse[:, 0] / 256, 100, atol=1)
    white = textures.sample(*textures.levels(np.full(4, -1), np.zeros(4)), *at.T)
    assert (white == WHITE).all()


def test_texels_of_all_channels_at_once():
    """Between four texels as it is computed channel by channel, with alpha."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (64, 64, 4), dtype=np.uint8)
    textures = Textures(pixels[None])
    u, v = rng.uniform(-1, 2, (2, 500)).astype(np.float32)
    texel = textures.sample(*textures.levels(np.zeros(500, int), np.zeros(500)), u, v) / 256
    x, y = np.floor(u * 64 * 16 - 8) / 16, np.floor(v * 64 * 16 - 8) / 16
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    expected = sum(
        pixels[(top + j) % 64, (left + i) % 64] * (abs(1 - i - (x - left)) * abs(1 - j - (y - top)))[:, None]
        for i in (0, 1)
        for j in (0, 1)
    )
    np.testing.assert_allclose(texel, expected, atol=1e-6)


def test_a_lighter_figure_looks_the_same(tmp_path):
    """Fewer vertices, and the picture of a speaking face is the same to less than is seen."""
    motion = gesturing(12)
    source = write_character(tmp_path / "me.glb", replace(MIXAMO, texture=picture()))
    figure = load_figure(open_character(source))
    moved = figure.move(open_character(source).pose(motion))
    camera = frame_motion(motion, view="face", aspect=1.0, person=framed_person(figure, moved, motion))
    far = replace(camera, height=8 * camera.height)
    less = lighter(figure, far.height / 300)
    assert len(less) < 0.8 * len(figure)
    assert len(lighter(figure, camera.height / 300)) > len(less)  # nearer, more
    assert len(less.shapes) == len(figure.shapes)
    assert all(delta.any() for _, delta in less.shapes)
    studio = Studio(far, 300, 300)
    for frame in (0, 7):
        pictures = [draw_figure(studio, one, *pose_figure(one, moved, frame)).astype(int) for one in (figure, less)]
        difference = np.abs(pictures[0] - pictures[1])
        assert (difference**2).mean() < 255**2 / 10**3.6  # a PSNR of 36 dB
        assert (difference.max(2) > 60).sum() < 100  # of the outline, and where red meets blue


def test_a_lighter_figure_has_no_holes(tmp_path):
    """Every edge of a closed surface has two triangles still, and what lies at its rim stays."""
    figure = load_figure(open_character(write_character(tmp_path / "me.glb", MIXAMO)))
    less = lighter(figure, 0.002)

    def rim(one: Figure) -> set[bytes]:
        """Places of the edges that one triangle has."""
        a, b, c = one.triangles.T
        edges = np.sort(np.concatenate([np.stack(pair, 1) for pair in ((a, b), (b, c), (c, a))]), 1)
        found, count = np.unique(edges, axis=0, return_counts=True)
        return {np.sort(one.vertices[edge], 0).tobytes() for edge in found[count == 1]}

    assert rim(less) == rim(figure)


def test_long_films_are_drawn_of_a_lighter_figure(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(frames, "_start", lambda job, workers: drawn.append(len(job.figure)))
    character = open_character(write_character(tmp_path / "me.glb", MIXAMO))
    for count in (frames.LONG - 1, frames.LONG):
        frames.render_frames(gesturing(count, face=False), size=160, onto=character)
    assert drawn[0] == len(load_figure(character))
    assert drawn[1] < 0.8 * drawn[0]


def test_large_textures_become_small(tmp_path):
    """A page stays small, whatever the character weighs."""
    source = write_character(tmp_path / "me.glb", replace(MIXAMO, texture=picture(2048)))
    page = gesturing(6).save(tmp_path / "a.html", onto=source)
    (shown,) = json.loads(block(page.read_text(encoding="utf-8"), "pictureData"))
    assert shown["type"] == "image/jpeg"
    assert page.stat().st_size < 700_000
    meta = json.loads(block(page.read_text(encoding="utf-8"), "meta"))
    assert meta["body"]["pictureSize"] == 1024


def test_a_page_holds_the_character(tmp_path):
    motion = gesturing(10)
    source = write_character(tmp_path / "me.glb", replace(RIGIFY, texture=picture(), targets=lambda name: name))
    page = motion.save(tmp_path / "a.html", onto=source).read_text(encoding="utf-8")
    meta = json.loads(block(page, "meta"))
    figure = load_figure(open_character(source))
    assert meta["joints"] == list(figure.names)
    assert meta["joints"].index("DEF-upper_arm.L.001".replace("DEF", "own DEF")) < meta["joints"].index("left_elbow")
    arrays = unpack(page, "bodyData", "body")
    assert len(arrays["uv"][0]) == meta["body"]["vertices"] == len(figure)
    placed = arrays["position"].T * meta["body"]["positionStep"] + meta["body"]["middle"]
    np.testing.assert_allclose(np.sort(placed[:, 1]), np.sort(figure.vertices[:, 1]), atol=1e-4)
    tracks = unpack(page, "motionData", "motion")
    assert tracks["rotations"].shape == (3 * len(figure.names), 10)
    assert len(meta["motion"]["faceShapes"]) == 52
    assert not meta["helpers"]


def test_compressed_meshes_cannot_be_drawn(tmp_path):
    source = write_character(tmp_path / "me.glb", MIXAMO)
    document, binary = parts(source)
    document["extensionsUsed"] = document["extensionsRequired"] = ["EXT_meshopt_compression"]
    rebuilt(source, document, binary)
    for name in ("a.html", "a.mp4"):
        with pytest.raises(UserError, match=r"me.glb: its meshes are compressed \(meshopt\).*write .glb") as caught:
            gesturing(3).save(tmp_path / name, onto=source)
        assert "\n" not in str(caught.value)
    gesturing(3).save(tmp_path / "a.glb", onto=source)


def test_broken_textures_end_in_one_line(tmp_path):
    source = write_character(tmp_path / "me.glb", replace(MIXAMO, texture=picture()[:60]))
    with pytest.raises(UserError, match=r"me\.glb: a texture cannot be read"):
        gesturing(3).save(tmp_path / "a.html", onto=source)


@pytest.mark.slow
def test_a_browser_draws_the_character(tmp_path):
    if not (os.environ.get("PLAYWRIGHT_DIR") and shutil.which("node")):
        pytest.skip("needs node, Chromium and PLAYWRIGHT_DIR, a folder with playwright-core")
    source = write_character(tmp_path / "me.glb", replace(MIXAMO, texture=picture()))
    page = gesturing(10).save(tmp_path / "a.html", onto=source)
    command = ["node", str(PLAYER_CHECK), str(page), "--out", str(tmp_path), "--seconds", "0.3", "--size", "320x240"]
    done = subprocess.run([*command, "--views", "front", "--at", "0.1"], capture_output=True, text=True, timeout=300)
    report = json.loads(done.stdout)
    assert report["renderer"] == "webgl2"
    assert report["problems"] == []
    frame = np.asarray(Image.open(tmp_path / "front-0.1.png").convert("RGB")).astype(int)
    red = np.argwhere((frame[..., 0] > 90) & (frame[..., 2] < 60))
    blue = np.argwhere((frame[..., 2] > 90) & (frame[..., 0] < 60))
    assert red[:, 1].mean() < blue[:, 1].mean() - 5
