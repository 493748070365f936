"""The meshes of a character's file as one mesh in rest pose, with materials by base colour and shapes of the face.

Base colour factor and texture, vertex colours and cut-outs (MASK, and BLEND as a cut-out at one half) are kept; metal,
roughness, emission, outlines and normal maps are not drawn, and MToon and unlit materials look lit. [D]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.progress import note
from .character import Character
from .rig import inverse_binds

COMPRESSED = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_HALF = 0.5  # alpha at which a blended material is cut


@dataclass(frozen=True)
class Material:
    """What is drawn of a material."""

    factor: np.ndarray  # [4] linear base colour and alpha
    picture: int  # index of the image, -1 for none
    coordinates: str  # attribute of its texture coordinates
    transform: np.ndarray  # [2, 3] of texture coordinates
    cutoff: float  # alpha below which nothing is drawn, 0 for all
    double: bool


@dataclass(frozen=True, eq=False)
class Part:
    """One primitive, in the scene's space at rest."""

    points: np.ndarray  # [V, 3] metres
    normals: np.ndarray | None  # [V, 3] unit
    triangles: np.ndarray  # [F, 3]
    owners: np.ndarray  # [V, 4 or 8] nodes that move a vertex
    weights: np.ndarray  # [V, 4 or 8] sum 1
    colours: np.ndarray  # [V, 3] linear
    uv: np.ndarray  # [V, 2]
    material: Material
    node: int  # that carries the mesh
    targets: dict[int, tuple[np.ndarray, np.ndarray]]  # morph target -> vertices [K], and how they move [K, 3] metres


def compression(character: Character) -> str:
    """How a character's meshes are compressed, "" if they are not."""
    used = character.file.document.get("extensionsRequired", [])
    return next((name for extension, name in COMPRESSED.items() if extension in used), "")


def check_drawable(character: Character) -> None:
    """Raise UserError for a character that cannot be drawn, before any work is done."""
    how = compression(character)
    if how:
        raise UserError(
            f"{character.path.name}: its meshes are compressed ({how}) and cannot be drawn; write .glb or .vrm only, "
            f"or decompress it first (npx @gltf-transform/cli copy {character.path.name} plain.glb)"
        )
    if not character.mesh_nodes:
        raise UserError(f"{character.path.name}: no mesh in it is a person's; nothing can be drawn")


def read_parts(character: Character) -> tuple[list[Part], list[bytes]]:
    """All primitives of the character, and the pictures that their materials use."""
    file = character.file
    materials = [_material(character, entry) for entry in file.items("materials")]
    plain = Material(np.ones(4), -1, "TEXCOORD_0", np.eye(2, 3), 0.0, False)
    parts: list[Part] = []
    for node in character.mesh_nodes:
        for primitive in file.item("meshes", file.item("nodes", node)["mesh"]).get("primitives", []):
            if primitive.get("mode", _TRIANGLES) in (_TRIANGLES, _STRIP, _FAN):
                index = primitive.get("material")
                parts.append(_part(character, node, primitive, plain if index is None else materials[index]))
    if not parts:
        raise UserError(f"{character.path.name}: no triangles in it; nothing can be drawn")
    used = sorted({part.material.picture for part in parts} - {-1})
    place = {picture: at for at, picture in enumerate(used)} | {-1: -1}
    renumbered = [
        replace(part, material=replace(part.material, picture=place[part.material.picture])) for part in parts
    ]
    return renumbered, [_picture(character, picture) for picture in used]


def _picture(character: Character, index: int) -> bytes:
    entry = character.file.item("images", index)
    return character.file.view(entry["bufferView"]) if "bufferView" in entry else character.file.resource(entry["uri"])


def _material(character: Character, entry: dict[str, Any]) -> Material:
    plain = entry.get("pbrMetallicRoughness", {})
    other = entry.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness", {})
    texture = plain.get("baseColorTexture") or other.get("diffuseTexture")
    factor = np.array(plain.get("baseColorFactor", other.get("diffuseFactor", [1, 1, 1, 1])), np.float64)
    mode = entry.get("alphaMode", "OPAQUE")
    cutoff = {"MASK": float(entry.get("alphaCutoff", 0.5)), "BLEND": _HALF}.get(mode, 0.0)
    transform = np.eye(2, 3)
    picture, coordinates = -1, 0
    if texture is not None:
        picture, coordinates = _image_of(character, texture["index"]), texture.get("texCoord", 0)
        moved = texture.get("extensions", {}).get("KHR_texture_transform", {})
        turn, scale = float(moved.get("rotation", 0.0)), np.array(moved.get("scale", [1, 1]), np.float64)
        c, s = np.cos(turn), np.sin(turn)
        transform[:, :2] = np.array([[c, s], [-s, c]]) * scale
        transform[:, 2] = moved.get("offset", [0, 0])
        coordinates = moved.get("texCoord", coordinates)
    double = bool(entry.get("doubleSided"))
    return Material(factor, picture, f"TEXCOORD_{coordinates}", transform, cutoff, double)


def _image_of(character: Character, texture: Any) -> int:
    """The image of a texture; -1 for one that is compressed for graphics cards."""
    entry = character.file.item("textures", texture)
    extensions = entry.get("extensions", {})
    source = entry.get("source", extensions.get("EXT_texture_webp", {}).get("source"))
    if source is None:
        note(f"{character.path.name}: a texture of a kind that is not read ({', '.join(extensions)}) is left out")
        return -1
    character.file.item("images", source)
    return int(source)


def _part(character: Character, node: int, primitive: dict[str, Any], material: Material) -> Part:
    file, attributes = character.file, primitive["attributes"]
    points = file.values(attributes["POSITION"])
    count = len(points)
    owners, weights, linear, shift = _skinned(character, node, attributes, count)
    rest = np.einsum("vab,vb->va", linear, points) + shift
    normals = None
    if "NORMAL" in attributes:
        normals = np.einsum("vab,vb->va", linear, file.values(attributes["NORMAL"]))
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    colours = np.ones((count, 3))
    if "COLOR_0" in attributes:
        colours = file.values(attributes["COLOR_0"])[:, :3]
    uv = np.zeros((count, 2))
    if material.picture >= 0 and material.coordinates in attributes:
        uv = file.values(attributes[material.coordinates]) @ material.transform[:, :2].T + material.transform[:, 2]
    indices = file.values(primitive["indices"]).astype(np.int64) if "indices" in primitive else np.arange(count)
    triangles = _triangles(indices, primitive.get("mode", _TRIANGLES))
    if len(triangles) and not 0 <= triangles.min() <= triangles.max() < count:
        raise UserError(f"{file.path}: a triangle names a vertex that is not there; damaged")
    if np.linalg.det(linear[0]) < 0:
        triangles = triangles[:, ::-1]  # a mirrored mesh
    return Part(
        rest,
        normals,
        triangles,
        owners,
        weights,
        colours * material.factor[:3],
        uv,
        material,
        node,
        _targets(character, primitive, linear),
    )


def _triangles(indices: np.ndarray, mode: int) -> np.ndarray:
    """[F, 3] of a list, a strip or a fan."""
    if mode == _TRIANGLES:
        return indices[: len(indices) // 3 * 3].reshape(-1, 3)
    k = np.arange(max(len(indices) - 2, 0))
    if mode == _FAN:
        return np.stack([indices[0 * k], indices[k + 1], indices[k + 2]], axis=1)
    odd = k % 2
    return np.stack([indices[k], indices[k + 1 + odd], indices[k + 2 - odd]], axis=1)


def _skinned(
    character: Character, node: int, attributes: dict[str, Any], count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Nodes and weights of all vertices, and what takes each from the mesh's space to the scene at rest."""
    file, rig = character.file, character.rig
    entry = file.item("nodes", node)
    if "skin" not in entry:
        ones = np.ones((count, 1))
        linear = np.broadcast_to(rig.linear[node], (count, 3, 3))
        return np.full((count, 1), node), ones, linear, np.broadcast_to(rig.places[node], (count, 3))
    inverse = inverse_binds(file, entry["skin"])
    nodes = np.array(list(inverse))
    binds = np.stack(list(inverse.values()))
    linear = rig.linear[nodes] @ binds[:, :3, :3]
    shift = np.einsum("jab,jb->ja", rig.linear[nodes], binds[:, :3, 3]) + rig.places[nodes]
    sets = [k for k in range(2) if f"JOINTS_{k}" in attributes]
    if not sets:
        raise UserError(f"{file.path}: a skinned mesh without joints; damaged")
    joints = np.concatenate([file.values(attributes[f"JOINTS_{k}"]) for k in sets], 1).astype(np.int64)
    weights = np.concatenate([file.values(attributes[f"WEIGHTS_{k}"]) for k in sets], 1)
    joints = np.where(weights > 0, joints, 0)
    if joints.max(initial=0) >= len(nodes):
        raise UserError(f"{file.path}: a vertex names a joint that its skin has not; damaged")
    total = weights.sum(1, keepdims=True)
    weights = np.where(total > 1e-6, weights / np.maximum(total, 1e-6), np.eye(1, weights.shape[1]))
    blended = np.einsum("vk,vkab->vab", weights, linear[joints])
    return nodes[joints], weights, blended, np.einsum("vk,vka->va", weights, shift[joints])


def _targets(
    character: Character, primitive: dict[str, Any], linear: np.ndarray
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    found = {}
    for index, target in enumerate(primitive.get("targets", [])):
        if "POSITION" in target:
            delta = character.file.values(target["POSITION"])
            moved = np.flatnonzero(np.abs(delta).max(1) > 0)
            found[index] = (moved, np.einsum("vab,vb->va", linear[moved], delta[moved]))
    return found
