"""Reads what cospeech added to a glTF binary: one animation of joints and face shapes. Knows nothing of Blender."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_JSON, _BIN = 0x4E4F534A, 0x004E4942
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_FLOAT = 5126
_DEFAULTS = {"translation": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0, 1.0), "scale": (1.0, 1.0, 1.0)}


@dataclass(frozen=True, eq=False)
class Shapes:
    """Weights of the morph targets of a mesh."""

    names: tuple[str, ...]
    weights: np.ndarray  # [T, K]
    base: np.ndarray  # [K] that the file gives them at rest


@dataclass(frozen=True, eq=False)
class Clip:
    """An animation. World space is glTF's: metres, y up; matrices act on columns."""

    times: np.ndarray  # [T] seconds from 0
    names: tuple[str, ...]  # of the joints
    rest: np.ndarray  # [J, 4, 4] world matrices of the joints at rest
    world: np.ndarray  # [T, J, 4, 4] world matrices
    shapes: dict[str, Shapes]  # by the name of the node that has the mesh


def read_clip(path: str | Path) -> Clip:
    """The last animation of a .glb, which is the one that cospeech adds.

    Raises:
        ValueError: the file is damaged, or holds no such animation.
    """
    document, binary = _chunks(Path(path).read_bytes(), str(path))
    if not document.get("animations") or not document.get("skins"):
        raise ValueError(f"{path} holds no animation of a skin")
    nodes = document["nodes"]
    animation = document["animations"][-1]
    tracks: dict[tuple[int, str], np.ndarray] = {}
    times = np.zeros(1)
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        keys = _accessor(document, binary, sampler["input"])[:, 0]
        if len(keys) > len(times):
            times = keys
        tracks[channel["target"]["node"], channel["target"]["path"]] = _accessor(document, binary, sampler["output"])
    count = len(times)
    parents = {child: node for node, entry in enumerate(nodes) for child in entry.get("children", ())}
    still = {node: _local(entry, {}, node, 1) for node, entry in enumerate(nodes)}
    moved = {node: _local(entry, tracks, node, count) for node, entry in enumerate(nodes)}
    joints = list(dict.fromkeys(joint for skin in document["skins"] for joint in skin["joints"]))
    rest, world = _world(still, parents), _world(moved, parents)
    return Clip(
        times,
        tuple(nodes[joint].get("name", "") for joint in joints),
        np.stack([rest[joint][0] for joint in joints]),
        np.stack([np.broadcast_to(world[joint], (count, 4, 4)) for joint in joints], axis=1),
        _shapes(document, tracks, count),
    )


def _chunks(data: bytes, name: str) -> tuple[dict, bytes]:
    if len(data) < 20 or data[:4] != b"glTF" or struct.unpack_from("<I", data, 8)[0] != len(data):
        raise ValueError(f"{name} is no whole glTF binary")
    found, at = {}, 12
    while at + 8 <= len(data):
        length, kind = struct.unpack_from("<II", data, at)
        found[kind] = data[at + 8 : at + 8 + length]
        at += 8 + length
    return json.loads(found[_JSON]), found.get(_BIN, b"")


def _accessor(document: dict, binary: bytes, index: int) -> np.ndarray:
    """[count, width] float."""
    accessor = document["accessors"][index]
    if accessor["componentType"] != _FLOAT or "bufferView" not in accessor:
        raise ValueError("a track is not of floats")
    view = document["bufferViews"][accessor["bufferView"]]
    width = _WIDTHS[accessor["type"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    values = np.frombuffer(binary, "<f4", accessor["count"] * width, start)
    return values.reshape(-1, width).astype(np.float64)


def _local(entry: dict, tracks: dict[tuple[int, str], np.ndarray], node: int, count: int) -> np.ndarray:
    """[T or 1, 4, 4] of a node against its parent."""
    if "matrix" in entry:
        return np.array(entry["matrix"], np.float64).reshape(1, 4, 4).swapaxes(1, 2)
    parts = {}
    for path, default in _DEFAULTS.items():
        values = tracks.get((node, path))
        if values is None:
            values = np.array([entry.get(path, default)], np.float64)
        elif len(values) not in (1, count):
            raise ValueError("tracks of several lengths")
        parts[path] = values
    length = max(map(len, parts.values()))
    matrix = np.tile(np.eye(4), (length, 1, 1))
    matrix[:, :3, :3] = _turns(parts["rotation"]) * parts["scale"][:, None, :]
    matrix[:, :3, 3] = parts["translation"]
    return matrix


def _turns(quaternions: np.ndarray) -> np.ndarray:
    """[T, 3, 3] of quaternions x, y, z, w [T, 4]."""
    x, y, z, w = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _world(local: dict[int, np.ndarray], parents: dict[int, int]) -> dict[int, np.ndarray]:
    """[T or 1, 4, 4] of every node in the scene."""
    found: dict[int, np.ndarray] = {}
    for node in local:
        line = [node]
        while line[-1] in parents and line[-1] not in found:
            line.append(parents[line[-1]])
        for at in reversed(line):
            if at not in found:
                found[at] = found[parents[at]] @ local[at] if at in parents else local[at]
    return found


def _shapes(document: dict, tracks: dict[tuple[int, str], np.ndarray], count: int) -> dict[str, Shapes]:
    found = {}
    for (node, path), values in tracks.items():
        if path != "weights":
            continue
        entry = document["nodes"][node]
        mesh = document["meshes"][entry["mesh"]]
        names = tuple(mesh.get("extras", {}).get("targetNames", ()))
        if names:
            weights = np.broadcast_to(values.reshape(-1, len(names)), (count, len(names)))
            base = np.zeros(len(names))
            given = entry.get("weights") or mesh.get("weights") or []
            base[: len(given)] = given
            found[entry.get("name", "")] = Shapes(names, weights, base)
    return found
