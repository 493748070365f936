"""Does a body pass through itself: hands and forearms in trunk, head or each other.

The canonical body in simple solids, measured on the default avatar. [D] Only what lies deep counts: the
middle line of a hand or forearm inside the trunk (the elliptic cylinder of ``liveliness``) or the head
(an ellipsoid), and middle lines of two palms or forearms nearer than half of their flesh. Hands that
touch, fold or rest on a belly are no error. Real recordings on a body that is not theirs have some of
this, so put their share beside.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import UserError
from ..motion.kinematics import forward
from ..motion.motion import Motion
from ..motion.skeleton import canonical_skeleton
from .base import DEFAULT, Bootstrap, Label, MeanMetric
from .inputs import check_canonical
from .liveliness import TRUNK_DEPTH, TRUNK_WIDTH

HEAD_CENTRE = (0.0, 0.047, 0.012)  # metres from the head joint, in its frame
HEAD_AXES = (0.08, 0.115, 0.1)  # half axes, metres
HANDS_APART = 0.02  # metres between middle lines; a palm is 0.036 thick, and fingers may interlock
FOREARMS_APART = 0.035  # metres between middle lines; a forearm is about 0.07 thick

KINDS = ("trunk", "head", "hands", "forearms")
FOREARM_PLACES = (0.25, 0.5, 0.75)  # from elbow to wrist; an elbow may lean on the waist


def intersections(motion: Motion) -> dict[str, np.ndarray]:
    """Frames [T] bool of each kind: "trunk", "head", "hands" (a palm in the other), "forearms".

    Args:
        motion: on the canonical skeleton.
    """
    skeleton = canonical_skeleton()
    world, place = forward(
        motion.rotations.astype(np.float64), motion.translation.astype(np.float64), skeleton.parents, skeleton.offsets
    )
    lines = {side: _arm(place, side) for side in ("left", "right")}
    probes = []
    for elbow, wrist, knuckle, tip in lines.values():
        probes += [elbow + share * (wrist - elbow) for share in FOREARM_PLACES]
        probes += [wrist, (wrist + knuckle) / 2, knuckle, tip]
    points = np.stack(probes, axis=1)  # [T, P, 3]
    left, right = lines["left"], lines["right"]
    return {
        "trunk": np.any(inside_trunk(world, place, points), axis=1),
        "head": np.any(inside_head(world, place, points), axis=1),
        "hands": segment_distance(left[1], left[2], right[1], right[2]) < HANDS_APART,
        "forearms": segment_distance(left[0], left[1], right[0], right[1]) < FOREARMS_APART,
    }


def _arm(place: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Elbow, wrist, knuckle and last joint of the middle finger, [T, 3] each."""
    names = [f"{side}_elbow", f"{side}_wrist", f"{side}_middle1", f"{side}_middle3"]
    elbow, wrist, knuckle, tip = (place[:, joint] for joint in canonical_skeleton().indices(names))
    return elbow, wrist, knuckle, tip


def inside_trunk(world: np.ndarray, place: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[T, P] bool: points [T, P, 3] inside the trunk, as ``liveliness.palm_in_trunk`` has it.

    Args:
        world: [T, J, 3, 3] world rotations, canonical skeleton.
        place: [T, J, 3] world positions, metres.
    """
    skeleton = canonical_skeleton()
    result = np.zeros(points.shape[:2], dtype=bool)
    for joint, top in (("pelvis", "spine2"), ("spine2", "spine3"), ("spine3", "neck")):
        index = skeleton.index(joint)
        local = np.einsum("tji,tpj->tpi", world[:, index], points - place[:, index : index + 1])
        span = np.linalg.norm(place[:, skeleton.index(top)] - place[:, index], axis=-1)[:, None]
        ring = (local[..., 0] / TRUNK_WIDTH) ** 2 + ((local[..., 2] - 0.02) / TRUNK_DEPTH) ** 2
        result |= (ring < 1) & (local[..., 1] > -0.05) & (local[..., 1] < span)
    return result


def inside_head(world: np.ndarray, place: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[T, P] bool: points [T, P, 3] inside the head; the others as for ``inside_trunk``."""
    head = canonical_skeleton().index("head")
    local = np.einsum("tji,tpj->tpi", world[:, head], points - place[:, head : head + 1])
    inside: np.ndarray = (((local - HEAD_CENTRE) / HEAD_AXES) ** 2).sum(axis=-1) < 1
    return inside


def segment_distance(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Smallest distance [...] between segments a-b and c-d, ends [..., 3].

    Ericson, Real-Time Collision Detection (2005), 5.1.9; segments must have some length.
    """
    u, v, r = b - a, d - c, a - c
    uu, vv, uv = (u * u).sum(-1), (v * v).sum(-1), (u * v).sum(-1)
    ur, vr = (u * r).sum(-1), (v * r).sum(-1)
    square = uu * vv - uv * uv
    s = np.where(square > 1e-12, (uv * vr - ur * vv) / np.where(square > 1e-12, square, 1.0), 0.0).clip(0, 1)
    t = ((uv * s + vr) / vv).clip(0, 1)
    s = ((uv * t - ur) / uu).clip(0, 1)
    gap: np.ndarray = np.linalg.norm(r + s[..., None] * u - t[..., None] * v, axis=-1)
    return gap


class SelfIntersection(MeanMetric):
    """Share of frames in which the body passes through itself.

    Args:
        kind: one of KINDS, or "any".
    """

    def __init__(self, kind: str = "any", *, bootstrap: Bootstrap = DEFAULT) -> None:
        if kind not in (*KINDS, "any"):
            raise UserError(f"kind must be any, {', '.join(KINDS)}; got {kind!r}")
        self.kind = kind
        what = {
            "any": "any of trunk, head, hands, forearms",
            "trunk": "a hand's or forearm's middle line in the trunk",
            "head": "a hand's or forearm's middle line in the head",
            "hands": f"middle lines of the palms within {HANDS_APART:g} m",
            "forearms": f"middle lines of the forearms within {FOREARMS_APART:g} m",
        }[kind]
        super().__init__(Label(f"self_intersection_{kind}", "1", "frames", f"share of frames: {what}"), bootstrap)

    def update(self, motion: Motion, *, clip: str) -> None:
        """Take a clip on the canonical skeleton."""
        check_canonical(motion, clip=clip)
        found = intersections(motion)
        bad = np.any(list(found.values()), axis=0) if self.kind == "any" else found[self.kind]
        if not len(bad):
            self.left_out += 1
            return
        self.add(float(bad.sum()), len(bad), clip=clip)
