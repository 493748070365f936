"""A glTF animation as a motion: any node tree, rest pose from the skin's bind matrices.

glTF joints have rest rotations of their own. With A(t) the linear part of a joint's world transform,
``H(t) = A(t) A(rest)^-1`` is its rotation against rest, and H is what a ``Motion`` with world-aligned rest
frames has as world rotation; offsets are differences of rest positions. Scale and the translation of
joints other than the root are rest values only: what is animated of them is left out.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.limits import check_limit, check_poses, check_rate
from ...core.progress import note_once
from ...core.rotation import matrix_from_6d, matrix_to_6d, quaternion_to_matrix, slerp
from ...core.timing import FPS, seconds_to_frame, standard_rate
from ..kinematics import local_rotations
from ..motion import Motion
from ..skeleton import Skeleton
from . import chosen_of
from .gltf import GltfFile

NODES = "nodes"  # in the extra of what is read: the node of each joint
_BETWEEN_KEYS = 100.0  # frames that there may be between keys, on average
_FEWEST = 8  # joints of a body beside another one
HELPER = "cospeech_helper"  # in a node's extras: a skinning helper, no joint of the motion
_SAME = 1e-5  # seconds: keys are stored in single precision
_MOVES = 1e-4  # metres: a root whose child moves less than this against it stays


@dataclass(frozen=True)
class Track:
    """One animated property of a node: keys and how to read between them."""

    times: np.ndarray  # [K] seconds
    values: np.ndarray  # [K, width], or [K, 3, width] (in-tangent, value, out-tangent) of cubic splines
    interpolation: str

    def at(self, times: np.ndarray, *, rotation: bool = False) -> np.ndarray:
        """Values [T, width] at times [T]; held before the first and after the last key."""
        values = self.values[:, 1] if self.interpolation == "CUBICSPLINE" else self.values
        if len(self.times) == 1:
            return np.repeat(values, len(times), axis=0)
        times = np.clip(times, self.times[0], self.times[-1])
        near = np.clip(np.searchsorted(self.times, times - _SAME), 0, len(self.times) - 1)
        times = np.where(np.abs(self.times[near] - times) < _SAME, self.times[near], times)
        low = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.times) - 2)
        step = self.times[low + 1] - self.times[low]
        t = (times - self.times[low]) / step
        if self.interpolation == "STEP":
            return values[np.where(times >= self.times[-1], len(self.times) - 1, low)]
        if self.interpolation == "CUBICSPLINE":
            t, step = t[:, None], step[:, None]
            out, into = self.values[low, 2] * step, self.values[low + 1, 0] * step
            h00, h10 = 2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t
            h01, h11 = -2 * t**3 + 3 * t**2, t**3 - t**2
            cubic: np.ndarray = h00 * values[low] + h10 * out + h01 * values[low + 1] + h11 * into
            return cubic
        if rotation:
            return slerp(values[low], values[low + 1], t)
        linear: np.ndarray = values[low] * (1 - t[:, None]) + values[low + 1] * t[:, None]
        return linear


@dataclass(frozen=True)
class Animation:
    """All tracks of one glTF animation."""

    name: str
    tracks: dict[tuple[int, str], Track]  # (node, "translation" | "rotation" | "scale" | "weights")
    times: np.ndarray  # [T] seconds, the frames
    fps: float


@dataclass(frozen=True)
class Person:
    """The joints of one body in a file."""

    name: str
    joints: dict[int, str]  # node -> its name
    skin: dict[str, Any] | None = None  # whose bind pose is the rest pose


def read_animation(
    file: GltfFile, which: str | int | None, fps: float | None, *, nodes: Container[int] | None = None
) -> Animation:
    """An animation by name or index, with its own frame rate unless one is given.

    Args:
        which: name or number from 0; None takes the first one, which is said where there are several.
        nodes: of a person; without ``which`` the first animation that moves one of them is taken.
    """
    entries = file.items("animations")
    if not entries:
        raise UserError(f"{file.path}: holds no animation")
    names = animation_names(file)
    own = [k for k, entry in enumerate(entries) if nodes is None or _moves(entry, nodes)] or range(len(names))
    if which is None:  # of a person's own the first
        index = own[chosen_of([names[k] for k in own], None, path=file.path, what="animations", option="--animation")]
    else:
        index = chosen_of(names, which, path=file.path, what="animations", option="--animation")
        if index not in own:
            note_once(f"the animation {names[index]} of {file.path} does not move the person that is read")
    tracks = _tracks(file, entries[index])
    if not tracks:
        raise UserError(f"{file.path}: animation {names[index]!r} is empty")
    if fps is None:
        fps = _frame_rate(tracks)
    elif not 0 < fps <= 1000:
        raise UserError(f"fps must be between 0 and 1000; got {fps}")
    start = min(track.times[0] for track in tracks.values())
    end = max(track.times[-1] for track in tracks.values())
    check_limit("seconds", end - start, f"{file.path}: animation {names[index]!r}")
    check_rate(fps, file.path)
    frames = seconds_to_frame(end - start, fps=fps) + 1
    keys = sum(len(track.times) for track in tracks.values())
    check_poses(frames, min(len(tracks), 1000), file.path, given=keys, share=_BETWEEN_KEYS)
    return Animation(names[index], tracks, start + np.arange(frames) / fps, float(fps))


def animation_names(file: GltfFile) -> tuple[str, ...]:
    """Names of the animations in a file."""
    return tuple(str(entry.get("name", f"animation_{i}")) for i, entry in enumerate(file.items("animations")))


def _moves(entry: dict[str, Any], nodes: Container[int]) -> bool:
    return any(channel.get("target", {}).get("node") in nodes for channel in entry.get("channels", []))


def people(file: GltfFile) -> list[Person]:
    """The bodies in a file that have a skin, the one with the most joints first.

    Skins whose joints are the same, or hang on those of another skin, are clothes of one body.
    """
    nodes = file.items("nodes")
    parents = _node_parents(file, nodes)
    skins = sorted((s for s in file.items("skins") if s.get("joints")), key=lambda s: -len(s["joints"]))
    found: list[Person] = []
    lines: list[set[int]] = []  # of each body: its joints and all above them but those that bodies share
    for skin in skins:
        joints = _skin_joints(file, skin)
        line = set(joints)
        above = {node for joint in joints for node in _line_to_root(joint, parents)}
        if any(line & other or above & other for other in lines):
            continue
        lines.append(line)
        top = parents[min(joints, key=lambda joint: len(_line_to_root(joint, parents)))]
        name = _node_name(nodes, top if top >= 0 else joints[0])
        found.append(Person(name, {node: _node_name(nodes, node) for node in joints}, skin))
    return [person for k, person in enumerate(found) if k == 0 or len(person.joints) >= _FEWEST]


def chosen_person(file: GltfFile, which: str | int | None) -> Person | None:
    """One of the bodies in a file, by name or number from 0; None where no body has a skin."""
    found = people(file)
    if not found:
        if which is not None:
            raise UserError(f"{file.path}: holds one body; leave --person out")
        return None
    return found[chosen_of([p.name for p in found], which, path=file.path, what="people", option="--person")]


def read_motion(
    file: GltfFile, animation: Animation, joints: dict[int, str] | None = None, person: Person | None = None
) -> Motion:
    """The skeleton motion of an animation.

    Args:
        file: the parsed file.
        animation: from ``read_animation``.
        joints: node -> joint name, where an extension names them; None takes the person, or what moves.
        person: from ``chosen_person``.
    """
    nodes = file.items("nodes")
    parents = _node_parents(file, nodes)
    skin = person.skin if person is not None and joints is None else None
    if joints is None:
        joints = dict(person.joints) if person is not None else _moving_joints(animation, nodes)
    joints = {node: name for node, name in joints.items() if not nodes[node].get("extras", {}).get(HELPER)}
    if not joints:
        raise UserError(f"{file.path}: no skin and no moving nodes; nothing to read as a body")
    order = _one_root(_outwards(joints, parents), joints, parents, nodes)

    rest = _world(file, parents, order, None)
    if skin is not None:
        rest = _bind_pose(file, skin, rest)
    moving = _world(file, parents, order, animation)
    up = _without_still_roots(order, {node: _joint_parent(node, order, parents) for node in order}, moving)
    place = {node: i for i, node in enumerate(order)}
    world = np.stack([_turn(moving[node][0], rest[node][0][0]) for node in order], axis=1)
    skeleton_parents = tuple(place.get(up[node], -1) for node in order)
    positions = np.array([rest[node][1][0] for node in order])
    skeleton = Skeleton(
        _unique([joints[node] for node in order]), skeleton_parents, offsets_of(positions, skeleton_parents)
    )
    local = local_rotations(world, skeleton_parents)
    return Motion(skeleton, animation.fps, local, moving[order[0]][1], extra={NODES: tuple(order)})


def offsets_of(positions: np.ndarray, parents: Sequence[int]) -> np.ndarray:
    """Offsets from the parent [J, 3] of places in the world; of the root its place."""
    return np.array([place - (positions[p] if p >= 0 else 0.0) for place, p in zip(positions, parents, strict=True)])


def still_animation() -> Animation:
    """An animation of one frame in which nothing moves, for files that have none."""
    return Animation("", {}, np.zeros(1), float(FPS))


def _moving_joints(animation: Animation, nodes: list[dict[str, Any]]) -> dict[int, str]:
    """Node -> name of all nodes that move."""
    return {n: _node_name(nodes, n) for n in sorted({n for n, path in animation.tracks if path != "weights"})}


def _node_name(nodes: list[dict[str, Any]], node: int) -> str:
    return str(nodes[node].get("name") or f"node_{node}")


def _without_still_roots(
    order: list[int], up: dict[int, int], moving: dict[int, tuple[np.ndarray, np.ndarray]]
) -> dict[int, int]:
    """Parents by joint, once still roots over the joint that carries the body's path are taken off ``order``."""
    while True:
        below = [node for node in order if up[node] == order[0]]
        if len(below) != 1 or not _slides(moving[order[0]], moving[below[0]]):
            return up
        del up[order.pop(0)]
        up[order[0]] = -1


def read_weights(file: GltfFile, animation: Animation) -> dict[str, np.ndarray]:
    """Morph target weights [T] by target name, of all meshes of the animation."""
    result: dict[str, np.ndarray] = {}
    for (node, path), track in animation.tracks.items():
        mesh = file.item("nodes", node).get("mesh")
        if path != "weights" or mesh is None:
            continue
        names = file.item("meshes", mesh).get("extras", {}).get("targetNames", [])
        values = track.at(animation.times)
        for i, name in enumerate(names[: values.shape[1]]):
            result.setdefault(str(name), values[:, i])
    return result


def _tracks(file: GltfFile, entry: dict[str, Any]) -> dict[tuple[int, str], Track]:
    tracks: dict[tuple[int, str], Track] = {}
    samplers = entry.get("samplers", [])
    widths = {"rotation": 4, "translation": 3, "scale": 3}
    for channel in entry.get("channels", []):
        target = channel["target"]
        node, path = target.get("node"), target.get("path")
        if node is None or path not in (*widths, "weights"):
            continue
        file.item("nodes", node)
        sampler = samplers[channel["sampler"]]
        times, values = file.values(sampler["input"]), file.values(sampler["output"])
        kind = sampler.get("interpolation", "LINEAR")
        if kind not in ("LINEAR", "STEP", "CUBICSPLINE"):
            raise UserError(f"{file.path}: unknown interpolation {kind!r}")
        if times.ndim != 1 or len(times) == 0 or (np.diff(times) <= 0).any():
            raise UserError(f"{file.path}: the key times of an animation must grow; damaged")
        shape = (len(times), 3, -1) if kind == "CUBICSPLINE" else (len(times), -1)
        values = values.reshape(shape)
        if path in widths and values.shape[-1] != widths[path]:
            raise UserError(f"{file.path}: {path} keys must have {widths[path]} numbers each; damaged")
        tracks[node, path] = Track(times, values, kind)
    return tracks


def _frame_rate(tracks: dict[tuple[int, str], Track]) -> float:
    """Frames a second of the densest track with even keys; the package's own rate if there is none."""
    densest = max((track.times for track in tracks.values()), key=len)
    if len(densest) < 3:
        return float(FPS)
    steps = np.diff(densest)
    step = float(np.median(steps))
    rate = 1.0 / step
    if np.abs(steps - step).max() > 0.02 * step or not 5 <= rate <= 500:
        return float(FPS)
    return standard_rate(float((len(densest) - 1) / (densest[-1] - densest[0])))


def _node_parents(file: GltfFile, nodes: list[dict[str, Any]]) -> list[int]:
    parents = [-1] * len(nodes)
    for index, node in enumerate(nodes):
        for child in node.get("children", []):
            file.item("nodes", child)
            if parents[child] >= 0 or child == index:
                raise UserError(f"{file.path}: node {child} has two parents; damaged")
            parents[child] = index
    for index in range(len(nodes)):
        seen, at = 0, index
        while at >= 0:
            at, seen = parents[at], seen + 1
            if seen > len(nodes):
                raise UserError(f"{file.path}: the node tree runs in a circle; damaged")
    return parents


def _outwards(joints: dict[int, str], parents: list[int]) -> list[int]:
    """Joints with every parent before its children: in the given order if that is so, else tree order."""
    given = list(joints)
    if all(given.index(parent) < i for i, n in enumerate(given) if (parent := _joint_parent(n, given, parents)) >= 0):
        return given
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(parents):
        children.setdefault(parent, []).append(node)
    order, stack = [], list(reversed(children.get(-1, [])))
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(reversed(children.get(node, [])))
    return [node for node in order if node in joints]


def _skin_joints(file: GltfFile, skin: dict[str, Any]) -> list[int]:
    for joint in skin["joints"]:
        file.item("nodes", joint)
    return list(skin["joints"])


def _joint_parent(node: int, order: list[int], parents: list[int]) -> int:
    at = parents[node]
    while at >= 0 and at not in order:
        at = parents[at]
    return at


def _one_root(order: list[int], joints: dict[int, str], parents: list[int], nodes: list[dict[str, Any]]) -> list[int]:
    """Add the nearest common ancestor when the joints have several roots."""
    roots = [node for node in order if _joint_parent(node, order, parents) < 0]
    if len(roots) == 1:
        return order
    lines = [_line_to_root(node, parents) for node in roots]
    common = [node for node in lines[0] if all(node in line for line in lines)]
    if not common:  # separate trees: the first one is the body
        keep = set()
        for node in order:
            if node == roots[0] or _joint_parent(node, order, parents) in keep:
                keep.add(node)
        return [node for node in order if node in keep]
    joints[common[0]] = _node_name(nodes, common[0])
    return [common[0], *order]


def _line_to_root(node: int, parents: list[int]) -> list[int]:
    """A node, its parent, and so on up to the root."""
    line = []
    while node >= 0:
        line.append(node)
        node = parents[node]
    return line


def _world(
    file: GltfFile, parents: list[int], wanted: list[int], animation: Animation | None
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """World linear part [T, 3, 3] and position [T, 3] of nodes; T is 1 without an animation."""
    done: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for target in wanted:
        line = []
        at = target
        while at >= 0 and at not in done:
            line.append(at)
            at = parents[at]
        for node in reversed(line):
            linear, position = _local(file, node, animation)
            if parents[node] >= 0:
                above, origin = done[parents[node]]
                position = origin + (above @ position[..., None])[..., 0]
                linear = above @ linear
            done[node] = (linear, position)
    frames = 1 if animation is None else len(animation.times)
    return {
        node: (np.broadcast_to(done[node][0], (frames, 3, 3)), np.broadcast_to(done[node][1], (frames, 3)))
        for node in wanted
    }


def _local(file: GltfFile, index: int, animation: Animation | None) -> tuple[np.ndarray, np.ndarray]:
    """Linear part and position of a node in its parent's frame, [T or 1, ...]."""
    node = file.item("nodes", index)
    if "matrix" in node:
        matrix = np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
        return matrix[None, :3, :3], matrix[None, :3, 3]
    parts = {
        "translation": np.array(node.get("translation", [0, 0, 0]), dtype=np.float64).reshape(1, 3),
        "rotation": np.array(node.get("rotation", [0, 0, 0, 1]), dtype=np.float64).reshape(1, 4),
        "scale": np.array(node.get("scale", [1, 1, 1]), dtype=np.float64).reshape(1, 3),
    }
    if animation is not None:
        for path in parts:
            track = animation.tracks.get((index, path))
            if track is not None:
                parts[path] = track.at(animation.times, rotation=path == "rotation")
    if (np.abs(parts["rotation"]).max(-1) < 1e-6).any():
        raise UserError(f"{file.path}: node {index} has a rotation of zero length; damaged")
    turn = quaternion_to_matrix(parts["rotation"][:, [3, 0, 1, 2]])
    return turn * parts["scale"][:, None, :], parts["translation"]


def _bind_pose(
    file: GltfFile, skin: dict[str, Any], rest: dict[int, tuple[np.ndarray, np.ndarray]]
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Rest transforms from the inverse bind matrices: the node's own may hold any pose."""
    if "inverseBindMatrices" not in skin:
        return rest
    inverse = file.values(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    bind = {}
    for node, matrix in zip(skin["joints"], inverse, strict=False):
        if node in rest:
            if abs(np.linalg.det(matrix)) < 1e-12:
                raise UserError(f"{file.path}: an inverse bind matrix has no inverse; damaged")
            bind[node] = np.linalg.inv(matrix)
    first = next((node for node in rest if node in bind), None)
    if first is None:
        return rest
    # Bind space may be scaled or turned against the scene (a mesh in centimetres): the root tells how.
    scene = np.eye(4)
    size = float(np.cbrt(abs(np.linalg.det(rest[first][0][0]) / np.linalg.det(bind[first][:3, :3]))))
    if not 0.99 < size < 1.01:
        scene[:3, :3], scene[:3, 3] = rest[first][0][0], rest[first][1][0]
        scene = scene @ np.linalg.inv(bind[first])
    result = dict(rest)
    for node, matrix in bind.items():
        matrix = scene @ matrix
        result[node] = (matrix[None, :3, :3], matrix[None, :3, 3])
    return result


def _slides(parent: tuple[np.ndarray, np.ndarray], child: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether a child moves against its parent's frame."""
    shift = (np.linalg.inv(parent[0]) @ (child[1] - parent[1])[..., None])[..., 0]
    return bool(np.ptp(shift, axis=0).max() > _MOVES)


def _turn(moving: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Rotation [T, 3, 3] of a linear part against rest."""
    return matrix_from_6d(matrix_to_6d(moving @ np.linalg.inv(rest)))


def _unique(names: list[str]) -> tuple[str, ...]:
    result: list[str] = []
    for name in names:
        candidate, count = name, 2
        while candidate in result:
            candidate, count = f"{name}_{count}", count + 1
        result.append(candidate)
    return tuple(result)
