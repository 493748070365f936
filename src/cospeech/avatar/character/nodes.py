"""The nodes of a glTF file and where they stand at rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.rotation import matrix_to_quaternion, quaternion_to_matrix
from ...motion.formats.gltf import GltfFile


@dataclass(frozen=True, eq=False)
class NodeTree:
    """All nodes of a file in their rest pose. Metres, y up, as glTF has it."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for a root
    order: tuple[int, ...]  # every parent before its children
    translations: np.ndarray  # [N, 3] in the parent's frame
    rotations: np.ndarray  # [N, 3, 3] likewise
    scales: np.ndarray  # [N, 3]

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """The nodes below each."""
        below: list[list[int]] = [[] for _ in self.parents]
        for node in self.order:
            if self.parents[node] >= 0:
                below[self.parents[node]].append(node)
        return tuple(map(tuple, below))

    def line(self, node: int) -> list[int]:
        """A node, its parent, and so on up to the root."""
        found = []
        while node >= 0:
            found.append(node)
            node = self.parents[node]
        return found

    def below(self, top: int) -> list[int]:
        """A node and all below it, every parent before its children, each branch whole before the next."""
        found, stack = [], [top]
        while stack:
            node = stack.pop()
            found.append(node)
            stack.extend(reversed(self.children[node]))
        return found

    def world(self, rotations: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """World linear parts [N, 3, 3], rotations alone [N, 3, 3] and positions [N, 3]; with other local rotations."""
        local = self.rotations if rotations is None else rotations
        count = len(self.parents)
        linear, turns, places = np.empty((count, 3, 3)), np.empty((count, 3, 3)), np.empty((count, 3))
        for node in self.order:
            parent = self.parents[node]
            own = local[node] * self.scales[node]
            if parent < 0:
                linear[node], turns[node], places[node] = own, local[node], self.translations[node]
            else:
                linear[node] = linear[parent] @ own
                turns[node] = turns[parent] @ local[node]
                places[node] = places[parent] + linear[parent] @ self.translations[node]
        return linear, turns, places


def read_nodes(file: GltfFile) -> NodeTree:
    """The nodes of a file. Raises UserError where they are no trees."""
    entries = file.items("nodes")
    parents = [-1] * len(entries)
    for index, entry in enumerate(entries):
        for child in entry.get("children", []):
            file.item("nodes", child)
            if parents[child] >= 0:
                raise UserError(f"{file.path}: node {child} has two parents; damaged")
            parents[child] = index
    order = [index for index, parent in enumerate(parents) if parent < 0]
    for node in order:  # grows as it is walked
        order.extend(entries[node].get("children", []))
    if len(order) < len(entries):
        raise UserError(f"{file.path}: the node tree runs in a circle; damaged")
    parts = [local_parts(entry) for entry in entries]
    translations, rotations, scales = (
        np.array([part[k] for part in parts], np.float64).reshape(len(parts), *shape)
        for k, shape in enumerate(((3,), (3, 3), (3,)))
    )
    if not all(np.isfinite(values).all() for values in (translations, rotations, scales)):
        raise UserError(f"{file.path}: a node holds numbers that are not finite; damaged")
    names = tuple(str(entry.get("name") or f"node_{index}") for index, entry in enumerate(entries))
    return NodeTree(names, tuple(parents), tuple(order), translations, rotations, scales)


def local_parts(entry: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Translation [3], rotation [3, 3] and scale [3] of a node; of a matrix without its shear."""
    if "matrix" in entry:
        matrix = np.array(entry["matrix"], np.float64).reshape(4, 4).T
        scale = np.linalg.norm(matrix[:3, :3], axis=0)
        if np.linalg.det(matrix[:3, :3]) < 0:
            scale[0] = -scale[0]
        scale[np.abs(scale) < 1e-12] = 1.0
        return matrix[:3, 3], rotation_of(matrix[:3, :3] / scale), scale
    q = np.array(entry.get("rotation", [0, 0, 0, 1]), np.float64)[[3, 0, 1, 2]]
    turn: np.ndarray = quaternion_to_matrix(q) if q.any() else np.eye(3)
    return np.array(entry.get("translation", [0, 0, 0])), turn, np.array(entry.get("scale", [1, 1, 1]))


def rotation_of(linear: np.ndarray) -> np.ndarray:
    """The rotation nearest to linear parts [..., 3, 3] without a mirror image."""
    u, _, vh = np.linalg.svd(linear)
    flip = np.sign(np.linalg.det(u @ vh))
    u = u.copy()
    u[..., 2] *= flip[..., None]
    nearest: np.ndarray = u @ vh
    return nearest


def as_trs(entry: dict[str, Any]) -> None:
    """A node's matrix replaced by its parts: glTF animates no node that has a matrix."""
    if "matrix" not in entry:
        return
    translation, rotation, scale = local_parts(entry)
    q = matrix_to_quaternion(rotation)
    del entry["matrix"]
    entry.update(translation=translation.tolist(), rotation=q[[1, 2, 3, 0]].tolist(), scale=scale.tolist())
