"""Which nodes of a glTF file are a person's joints, and how that person stands at rest.

The rest pose is the one that the skin was bound in (inverse bind matrices), for nodes may hold any pose; bones are as
long as the nodes have them. A VRM names its bones itself, other rigs are recognised by ``motion.rig_binding``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...core.errors import UserError
from ...core.rotation import axis_rotation, geodesic
from ...motion.formats.gltf import GltfFile
from ...motion.formats.humanoid import vrm_bones
from ...motion.rig_binding import LIMBS, Binding, bind, bind_joints, find_table
from ...motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, Skeleton
from .nodes import NodeTree, rotation_of

NEEDED = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist") for side in ("left", "right")
)  # without these nobody gestures
_NEAR_QUARTER = np.radians(5.0)
_SAME_PLACE = 2e-3  # metres
_SAME_POSE = 1e-3  # relative difference of transforms that count as one


@dataclass(frozen=True, eq=False)
class Rig:
    """A person's joints within a node tree. World space is that of the file's scene: metres, y up."""

    nodes: tuple[int, ...]  # of each joint
    skeleton: Skeleton  # the joints in rest pose, turned to face +z; the hips first, their offset is their place
    heading: np.ndarray  # [3, 3] turn about the vertical from facing +z to how the person stands in the scene
    binding: Binding
    attached: frozenset[int]  # joints that hang on no joint in the file, though they should: they have a path as well
    linear: np.ndarray  # [N, 3, 3] world linear part of every node of the file in rest pose
    turns: np.ndarray  # [N, 3, 3] rotation alone
    places: np.ndarray  # [N, 3] metres
    rolls: tuple[tuple[int, int], ...]  # joints that stand where a limb begins, beside it: (joint, joint of the limb)
    skins: tuple[int, ...]  # of the person
    vrm: str | None  # "0", "1", or None for a file that is no VRM

    @property
    def upright(self) -> bool:
        """Whether the person stands at rest; one who lies was exported with another axis up."""
        return bool(self.binding.facing[1, 1] > np.cos(np.radians(25.0)))


def read_rig(file: GltfFile, tree: NodeTree, person: str | None = None) -> Rig:
    """The person of a file.

    Args:
        file, tree: the file and its nodes.
        person: name of one of several people: of a skin, or of a node above its joints.

    Raises:
        UserError: no skin, several people and none chosen, no rig that is known, or no arms.
    """
    skins = _skins_of_person(file, tree, person)
    linear, turns, places = _bind_pose(file, tree, skins)
    humanoid, vrm = vrm_bones(file)
    joints = {node for skin in skins for node in _joints(file, skin)}
    names = dict(zip(range(len(tree.names)), tree.names, strict=True)) | humanoid
    if humanoid:
        joints |= set(humanoid)
    kept = [node for node in tree.order if node in joints]
    whole = _skeleton(kept, {node: _above(node, joints, tree) for node in kept}, names, places)
    found = _bound(file, whole, "vrm" if humanoid else None)
    mapped = {name: tuple(kept[joint] for joint in indices) for name, indices in found.joints.items()}
    rolls = _rolls(tree, mapped, joints, places)
    order, parents, attached = _person_tree(tree, mapped, rolls)
    heading = _heading(found, {name: places[nodes[0]] for name, nodes in mapped.items()})
    skeleton = _skeleton(order, parents, names, places @ heading)
    place = {node: joint for joint, node in enumerate(order)}
    return Rig(
        tuple(order),
        skeleton,
        heading,
        bind_joints(_placed(mapped, place), skeleton),
        frozenset(place[node] for node in attached),
        linear,
        turns,
        places,
        tuple((place[node], place[limb]) for node, limb in rolls.items()),
        skins,
        vrm,
    )


def _placed(mapped: dict[str, tuple[int, ...]], place: dict[int, int]) -> dict[str, tuple[int, ...]]:
    """Joints by canonical name, of nodes by canonical name."""
    return {name: tuple(place[node] for node in nodes) for name, nodes in mapped.items()}


def _heading(found: Binding, rest: dict[str, np.ndarray]) -> np.ndarray:
    """The turn about the vertical by which somebody who stands faces elsewhere than +z; quarter turns if near them."""
    left = rest["left_shoulder"] - rest["right_shoulder"]
    if found.facing[1, 1] < np.cos(np.radians(25.0)) or np.hypot(left[0], left[2]) < 1e-6:
        return np.eye(3)
    yaw = float(np.arctan2(-left[2], left[0]))
    quarter = np.round(yaw / (np.pi / 2)) * (np.pi / 2)
    return axis_rotation("Y", quarter if abs(yaw - quarter) < _NEAR_QUARTER else yaw)


def _bound(file: GltfFile, skeleton: Skeleton, table: str | None) -> Binding:
    try:
        found = bind(table, skeleton)
    except UserError as error:
        raise UserError(f"{file.path}: {error}") from error
    missing = [name for name in NEEDED if name not in found.joints]
    if missing:
        names = find_table(found.table).rig_name if found.table else str
        wanted = ", ".join(f"{names(name) or name} ({name})" for name in missing)
        raise UserError(f"{file.path}: the {found.table} rig lacks {wanted}; a character needs whole arms")
    return found


def _joints(file: GltfFile, skin: int) -> list[int]:
    joints = file.item("skins", skin).get("joints", [])
    for joint in joints:
        file.item("nodes", joint)
    return list(joints)


def _skins_of_person(file: GltfFile, tree: NodeTree, person: str | None) -> tuple[int, ...]:
    """The skins of the person: those whose joints are one another's, or stand above or below them."""
    skins = [index for index, skin in enumerate(file.items("skins")) if skin.get("joints")]
    if not skins:
        raise UserError(f"{file.path}: no skin in it; a character has a mesh that is bound to bones")
    people = _people(file, tree, skins)
    if len(people) > 1:
        people = [one for one in people if _is_person(file, tree, one[1])] or people
    if len(people) == 1 and person is None:
        return tuple(people[0][1])
    names = [_name(file, tree, *one) for one in people]
    if person is None:
        raise UserError(
            f"{file.path}: holds {len(people)} people: {', '.join(names)}; take one, as in {file.path.name}@{names[0]}"
        )
    if person not in names:
        raise UserError(f"{file.path}: no person {person!r}; there is {', '.join(names)}")
    return tuple(people[names.index(person)][1])


def _people(file: GltfFile, tree: NodeTree, skins: list[int]) -> list[tuple[set[int], list[int]]]:
    """Joints and skins that belong together."""
    people: list[tuple[set[int], list[int]]] = []
    for skin in skins:
        joints = set(_joints(file, skin))
        same = [one for one in people if _of_one(joints, one[0], tree)]
        people = [one for one in people if not any(one is other for other in same)]
        together = joints.union(*(one[0] for one in same))
        people.append((together, [*(index for one in same for index in one[1]), skin]))
    return people


def _of_one(one: set[int], other: set[int], tree: NodeTree) -> bool:
    """Whether joints of one set are in the other, or hang below it."""
    return any(node in other for joint in one for node in tree.line(joint)) or any(
        node in one for joint in other for node in tree.line(joint)
    )


def _is_person(file: GltfFile, tree: NodeTree, skins: Iterable[int]) -> bool:
    joints = {node for skin in skins for node in _joints(file, skin)}
    kept = [node for node in tree.order if node in joints]
    _, _, places = tree.world()
    names = dict(enumerate(tree.names)) | vrm_bones(file)[0]
    try:
        bind(None, _skeleton(kept, {node: _above(node, joints, tree) for node in kept}, names, places))
    except UserError:
        return False
    return True


def _name(file: GltfFile, tree: NodeTree, joints: set[int], skins: list[int]) -> str:
    """What a person is called: the node above the joints, else the skin."""
    root = next(node for node in tree.order if node in joints)
    above = tree.parents[root]
    skin = file.item("skins", skins[0]).get("name")
    return str(tree.names[above] if above >= 0 else skin or tree.names[root])


def _above(node: int, kept: set[int], tree: NodeTree) -> int:
    """The nearest kept node above one, -1 if there is none."""
    return next((above for above in tree.line(node)[1:] if above in kept), -1)


def _skeleton(order: list[int], parents: dict[int, int], names: dict[int, str], places: np.ndarray) -> Skeleton:
    place = {node: joint for joint, node in enumerate(order)}
    offsets = [places[node] - (places[parents[node]] if parents[node] >= 0 else 0.0) for node in order]
    unique: list[str] = []
    for node in order:
        name, count = names[node], 2
        while name in unique:
            name, count = f"{names[node]}_{count}", count + 1
        unique.append(name)
    up = tuple(place[parents[node]] if parents[node] >= 0 else -1 for node in order)
    return Skeleton(tuple(unique), up, np.array(offsets).reshape(-1, 3))


def _rolls(tree: NodeTree, mapped: dict[str, tuple[int, ...]], joints: set[int], places: np.ndarray) -> dict[int, int]:
    """Joints without a place that stand where a limb begins, as its siblings: they carry skin of the limb."""
    placed = {node for nodes in mapped.values() for node in nodes}
    found = {}
    for name in LIMBS:
        limb = mapped.get(name, (-1,))[0]
        siblings = tree.children[tree.parents[limb]] if limb >= 0 and tree.parents[limb] >= 0 else ()
        for node in siblings:
            if node in joints - placed and np.linalg.norm(places[node] - places[limb]) < _SAME_PLACE:
                found[node] = limb
    return found


def _person_tree(
    tree: NodeTree, mapped: dict[str, tuple[int, ...]], rolls: dict[int, int]
) -> tuple[list[int], dict[int, int], list[int]]:
    """The nodes that move, hips first: those with a place, those between them, hands and feet whole.

    Returns:
        Nodes in order, the parent of each among them (-1 of the hips), and those that hang on none of them in the file
        and get the parent that anatomy gives.
    """
    hips = mapped["pelvis"][0]
    kept = _kept(tree, mapped, hips) | set(rolls)
    parents = {node: -1 if node == hips else _above(node, kept, tree) for node in kept}
    attached = [node for node in kept if parents[node] < 0 and node != hips]
    for node in attached:
        name = next((name for name, nodes in mapped.items() if node in nodes), "spine3")
        parents[node] = _anatomical_parent(name, mapped)
    return _downwards(hips, {node: parents[node] for node in tree.order if node in kept}), parents, attached


def _kept(tree: NodeTree, mapped: dict[str, tuple[int, ...]], hips: int) -> set[int]:
    """Nodes with a place, those between them, hands and feet whole."""
    kept = {hips}
    placed = {node for nodes in mapped.values() for node in nodes}
    for name, nodes in mapped.items():
        for node in nodes:
            line = tree.line(node)
            top = max(at for at, above in enumerate(line) if above in placed)
            kept.update(line[: (line.index(hips) if hips in line else top + 1)])
        if name.endswith(("_wrist", "_ankle")):
            kept.update(tree.below(nodes[0]))
    return kept


def _downwards(top: int, parents: dict[int, int]) -> list[int]:
    """The nodes of a tree, every parent before its children."""
    order = [top]
    for node in order:  # grows as it is walked
        order.extend(child for child, parent in parents.items() if parent == node)
    return order


def _anatomical_parent(name: str, mapped: dict[str, tuple[int, ...]]) -> int:
    joint = CANONICAL_PARENTS[CANONICAL_NAMES.index(name)]
    while joint > 0 and CANONICAL_NAMES[joint] not in mapped:
        joint = CANONICAL_PARENTS[joint]
    return mapped[CANONICAL_NAMES[max(joint, 0)]][-1]


def inverse_binds(file: GltfFile, skin: int) -> dict[int, np.ndarray]:
    """Node -> inverse bind matrix [4, 4] of a skin; identity where the skin has none."""
    entry = file.item("skins", skin)
    joints = _joints(file, skin)
    if "inverseBindMatrices" not in entry:
        return {node: np.eye(4) for node in joints}
    matrices = file.values(entry["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    if len(matrices) < len(joints):
        raise UserError(f"{file.path}: skin {skin} has {len(matrices)} bind matrices for {len(joints)} joints; damaged")
    for node, matrix in zip(joints, matrices, strict=False):
        if abs(np.linalg.det(matrix)) < 1e-18:
            raise UserError(f"{file.path}: an inverse bind matrix of {node} has no inverse; damaged")
    return dict(zip(joints, matrices, strict=False))


def _bind_pose(file: GltfFile, tree: NodeTree, skins: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World linear parts, rotations and positions of all nodes in the pose that the skins were bound in."""
    linear, turns, places = tree.world()
    wanted: dict[int, np.ndarray] = {}  # node -> world rotation
    for skin in skins:
        inverse = inverse_binds(file, skin)
        matrices = {node: _transform(linear[node], places[node]) @ matrix for node, matrix in inverse.items()}
        first = next(node for node in tree.order if node in matrices)
        scene = matrices[first]
        size = max(float(np.abs(scene).max()), 1e-9)
        if all(np.abs(matrix - scene).max() < _SAME_POSE * size for matrix in matrices.values()):
            continue  # the nodes stand as the skin was bound
        turn = _to_axes(rotation_of(scene[:3, :3]))
        for node, matrix in inverse.items():
            wanted.setdefault(node, turn @ rotation_of(np.linalg.inv(matrix)[:3, :3]))
    if not wanted:
        return linear, turns, places
    local, world = tree.rotations.copy(), turns.copy()
    for node in tree.order:
        parent = tree.parents[node]
        above = world[parent] if parent >= 0 else np.eye(3)
        if node in wanted:
            local[node] = above.T @ wanted[node]
        world[node] = above @ local[node]
    return tree.world(local)


def _to_axes(turn: np.ndarray) -> np.ndarray:
    """The nearest rotation by quarter turns: between a mesh's space and the scene there is no other."""
    axes = np.zeros((3, 3))
    left = np.abs(turn)
    for _ in range(3):
        row, column = np.unravel_index(int(left.argmax()), (3, 3))
        axes[row, column] = np.sign(turn[row, column])
        left[row, :] = left[:, column] = -1.0
    near: np.ndarray = axes if np.linalg.det(axes) > 0 and geodesic(axes, turn) < np.radians(50.0) else turn
    return near


def _transform(linear: np.ndarray, place: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, place
    return matrix
