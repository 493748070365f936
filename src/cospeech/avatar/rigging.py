"""The default body on the joints of a file: helpers for twisted arms, another rig's names, a motion for all of it.

What formats with a skin (GLB, FBX) have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..core.rotation import transpose
from ..motion.expressions import one_jaw
from ..motion.eyes import one_gaze
from ..motion.motion import Motion
from ..motion.retarget import kept_ancestor, on_canonical, renamed
from ..motion.rig_binding import find_table
from ..motion.skeleton import CANONICAL_NAMES, Skeleton, canonical_skeleton
from .body import Body
from .skinning import dense_weights, twist_about_x

_INFLUENCES = 4  # joints that move a vertex


@dataclass(frozen=True, eq=False)
class RiggedBody:
    """A body bound to the joints of a file, and the motion of these."""

    body: Body
    motion: Motion  # on the joints of the file; helpers come last
    helpers: frozenset[int]  # joints that only carry skin
    joints: np.ndarray  # [V, 4] uint8, indices into the motion's joints; 0 where the weight is 0
    weights: np.ndarray  # [V, 4] float32, sum 1


def rigged(motion: Motion, body: Body, *, twist: bool = True, rig: str | None = None) -> RiggedBody:
    """Bind a body to a motion, which is retargeted to the canonical joints first.

    Args:
        twist: add helper joints that spread the twist of the arms.
        rig: name the joints as a named table does; skin of joints that it lacks goes to those above them.

    Raises:
        UserError: an unknown rig, or a motion on joints that are not recognised.
    """
    table = None if rig is None else find_table(rig)
    if motion.skeleton.names != CANONICAL_NAMES:
        motion = on_canonical(motion)
    motion = replace(one_gaze(one_jaw(motion)), skeleton=_skeleton_of(body))
    joints, weights = _influences(body.joints, body.weights)
    if twist:
        motion = _with_helpers(motion)
        dense = dense_weights(body.joints, body.weights, body.vertices, motion.skeleton.rest_positions)
        top = np.argsort(-dense, axis=1, kind="stable")[:, :_INFLUENCES]
        joints, weights = _influences(top, np.take_along_axis(dense, top, axis=1))
    if table is not None:
        names = dict(zip(CANONICAL_NAMES, map(table.rig_name, CANONICAL_NAMES), strict=True))
        place = _places(motion.skeleton, lambda name: names.get(name, name))
        motion = renamed(motion, lambda name: names.get(name, name))
        joints, weights = _merged(place[joints], weights)
    whole = len(motion.skeleton)
    helpers = frozenset(range(whole - (8 if twist else 0), whole))
    return RiggedBody(body, motion, helpers, joints, weights)


def _skeleton_of(body: Body) -> Skeleton:
    """The skeleton the body is bound to: the canonical one, or its own offsets where they differ."""
    own, rest = canonical_skeleton(), np.asarray(body.joint_positions, np.float64)
    if np.abs(own.rest_positions - rest).max() < 1e-3:
        return own
    parents = np.array(own.parents)
    return Skeleton(own.names, own.parents, rest - np.where(parents[:, None] >= 0, rest[parents], 0.0))


def _influences(joints: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints [V, 4] and weights as files want them: sum 1, joint 0 where the weight is 0."""
    weights = np.asarray(weights, np.float32)
    weights = weights / weights.sum(1, keepdims=True)
    return np.where(weights > 0, joints, 0).astype(np.uint8), weights


def _merged(joints: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Influences as of ``_influences``, with the weights that one joint has twice added up."""
    weights = weights.copy()
    for later in range(1, _INFLUENCES):
        for earlier in range(later):
            same = (joints[:, later] == joints[:, earlier]) & (weights[:, later] > 0)
            weights[same, earlier] += weights[same, later]
            weights[same, later] = 0.0
    return _influences(joints, weights)


def _with_helpers(motion: Motion) -> Motion:
    """The motion with eight joints more, in the order of ``skinning.dense_weights``.

    Two below each upper arm and two below each forearm, at the place of these. Those of the upper arm take the twist
    back, all of it or half, those of the forearm carry half or all of the wrist's; all follow an arm posed by hand.
    """
    skeleton = motion.skeleton
    names, parents, turns = list(skeleton.names), list(skeleton.parents), [motion.rotations]
    for side in ("left", "right"):
        shoulder, elbow, wrist = (skeleton.index(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist"))
        arm = motion.rotations[:, shoulder].astype(np.float64)
        hand = motion.rotations[:, wrist].astype(np.float64)
        whole = twist_about_x(arm, 1.0)
        for joint, turn, label in (
            (shoulder, transpose(whole), "shoulder_twist0"),
            (shoulder, transpose(whole) @ twist_about_x(arm, 0.5), "shoulder_twist1"),
            (elbow, twist_about_x(hand, 0.5), "elbow_twist1"),
            (elbow, twist_about_x(hand, 1.0), "elbow_twist2"),
        ):
            names.append(f"{side}_{label}")
            parents.append(joint)
            turns.append(turn[:, None].astype(np.float32))
    offsets = np.concatenate([skeleton.offsets, np.zeros((len(names) - len(skeleton), 3))])
    longer = Skeleton(tuple(names), tuple(parents), offsets, skeleton.ends)
    return replace(motion, skeleton=longer, rotations=np.concatenate(turns, axis=1), extra={})


def _places(skeleton: Skeleton, name_of: Callable[[str], str | None]) -> np.ndarray:
    """For every joint its index among those that keep a name, or that of the joint above it that does."""
    kept = [joint for joint, name in enumerate(skeleton.names) if name_of(name)]
    owners = [joint if joint in kept else kept_ancestor(skeleton, joint, kept) for joint in range(len(skeleton))]
    return np.array([kept.index(owner) for owner in owners])


def unit_normals(body: Body) -> np.ndarray:
    """The body's normals [V, 3] float32; up where a vertex has none."""
    normals = np.asarray(body.normals, np.float32)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-6, normals / np.maximum(length, 1e-6), [0.0, 1.0, 0.0]).astype(np.float32)
