"""The humanoid of VRM files: which node is which bone (VRM 0.x: extension ``VRM``; VRM 1.0: ``VRMC_vrm``)."""

from __future__ import annotations

from ..rig_tables import spread
from ..rigs import RIGS
from .gltf import GltfFile

_CHEST = ("spine", "chest", "upperChest")
# What VRM 0 calls the thumb's proximal bone is the metacarpal of VRM 1, and so on.
_THUMB_0 = {"Proximal": "Metacarpal", "Intermediate": "Proximal", "Distal": "Distal"}


def vrm_bones(file: GltfFile) -> tuple[dict[int, str], str | None]:
    """Node -> VRM 1 bone of what a VRM names, and its version, "0" or "1"; nothing and None for other files.

    Raises:
        UserError: it names nodes that are not there.
    """
    extensions = file.document.get("extensions", {})
    if "VRMC_vrm" in extensions:
        bones = extensions["VRMC_vrm"].get("humanoid", {}).get("humanBones", {})
        named, version = {str(bone): entry.get("node") for bone, entry in bones.items()}, "1"
    elif "VRM" in extensions:
        entries = extensions["VRM"].get("humanoid", {}).get("humanBones", [])
        named, version = {_as_vrm_1(str(entry.get("bone"))): entry.get("node") for entry in entries}, "0"
    else:
        return {}, None
    for node in named.values():
        file.item("nodes", node)
    return {node: bone for bone, node in named.items()}, version


def humanoid_bones(file: GltfFile) -> dict[int, str]:
    """Node -> canonical joint of the bones that a VRM names; empty for other files."""
    named, _ = vrm_bones(file)
    joint = canonical_of_vrm(tuple(named.values()))
    return {node: joint[bone] for node, bone in named.items() if bone in joint}


def canonical_of_vrm(bones: tuple[str, ...]) -> dict[str, str]:
    """Canonical joints by VRM bone, of those that a humanoid has: its spine may lack chest and upper chest."""
    table = RIGS.get("vrm")
    joint = {rig: canonical for canonical, rig in table.joints.items() if isinstance(rig, str)}
    chest = [bone for bone in _CHEST if bone in bones]
    joint |= {bone: canonical for canonical, bone in spread(chest).items()}
    return joint


def _as_vrm_1(bone: str) -> str:
    side, sign, phalanx = bone.partition("Thumb")
    return f"{side}{sign}{_THUMB_0.get(phalanx, phalanx)}"
