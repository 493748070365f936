"""Arms as hinges: poses authored by where a hand is, and motion whose hands or elbows are moved a little.

All in the frame of the chest (spine3). An elbow is a hinge about the axis that stands on upper and lower arm.
Decisions of ours, the limits by looking.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core.rotation import align_vectors, axis_angle_to_matrix, matrix_to_axis_angle, transpose
from ...core.series import minimum_jerk
from ..motion import Motion
from ..skeleton import canonical_skeleton

OUTWARD_FREE = 24.0  # degrees by which an upper arm leaves the sagittal plane before it is held back
OUTWARD_MORE = 18.0  # degrees beyond that which it never reaches
TURN_DOWN = np.array([0.0, -0.8, 0.25])  # where an arm goes that is held back, beside where it points
ASIDE_FREE = 0.36  # metres from the middle of the chest to the side that a wrist goes before the elbow bends instead
ASIDE_MORE = 0.13  # metres beyond that which it never reaches
MOUTH = np.array([0.0, 0.01, 0.1])  # metres from the head joint, in its frame
MOUTH_FREE = 0.19  # metres around the mouth that fingers keep free
FINGERS_AT = 1.35  # where fingers are, in lengths of the palm from the wrist
MOUTH_AHEAD = 0.4  # the free space reaches 1 / MOUTH_AHEAD times as far to the front
MOUTH_AWAY = np.array([0.7, -0.7, 0.0])  # where they go instead, outwards and down
LOW = (0.02, -0.16)  # metres, the wrist above the chest joint: from here down to here elbows are drawn in
ELBOW_FREE = 12.0  # degrees by which the elbow of a low hand stands out before it is drawn in
ELBOW_KEPT = 0.15  # share of what it stands out far beyond that
WRIST_KEPT = 0.5  # share of a low hand's bend at the wrist: what rests on no lap is not bent by one
TWIST_SHARE = 0.6  # of the forearm's twist that leads to a hand's; the wrist makes the rest
HINGE = 0.05  # weight of the upper arm's own hinge, which tells how a straight arm bends
FULLY_STRETCHED = 0.995  # share of an arm's length beyond which no hand is asked to go


@dataclass(frozen=True)
class Arm:
    """One arm over time in the frame of the chest."""

    side: str
    upper: np.ndarray  # [T, 3, 3] rotations of upper arm, lower arm and hand
    lower: np.ndarray
    hand: np.ndarray
    collar: np.ndarray  # [T, 3, 3] the collar's local rotation, which is kept

    @classmethod
    def of(cls, rotations: np.ndarray, side: str) -> Arm:
        """From local rotations [T, J, 3, 3]."""
        collar, shoulder, elbow, wrist = (rotations[:, joint].astype(np.float64) for joint in _joints(side))
        upper = collar @ shoulder
        lower = upper @ elbow
        return cls(side, upper, lower, lower @ wrist, collar)

    def write(self, rotations: np.ndarray) -> None:
        """Set shoulder, elbow and wrist of local rotations [T, J, 3, 3], in place."""
        _, shoulder, elbow, wrist = _joints(self.side)
        rotations[:, shoulder] = transpose(self.collar) @ self.upper
        rotations[:, elbow] = transpose(self.upper) @ self.lower
        rotations[:, wrist] = transpose(self.lower) @ self.hand

    @property
    def sign(self) -> float:
        """1 to the left, -1 to the right: outwards."""
        return 1.0 if self.side == "left" else -1.0

    @property
    def shoulder(self) -> np.ndarray:
        """[T, 3] metres."""
        offsets = canonical_skeleton().offsets
        collar, shoulder, _, _ = _joints(self.side)
        place: np.ndarray = offsets[collar] + self.collar @ offsets[shoulder]
        return place

    @property
    def elbow(self) -> np.ndarray:
        """[T, 3] metres."""
        place: np.ndarray = self.shoulder + self.upper @ canonical_skeleton().offsets[_joints(self.side)[2]]
        return place

    @property
    def wrist(self) -> np.ndarray:
        """[T, 3] metres."""
        place: np.ndarray = self.elbow + self.lower @ canonical_skeleton().offsets[_joints(self.side)[3]]
        return place

    @property
    def knuckle(self) -> np.ndarray:
        """[T, 3] metres: the middle finger's."""
        skeleton = canonical_skeleton()
        place: np.ndarray = self.wrist + self.hand @ skeleton.offsets[skeleton.index(f"{self.side}_middle1")]
        return place

    def turned(self, turn: np.ndarray) -> Arm:
        """The whole arm turned about its shoulder by [T, 3, 3]."""
        return replace(self, upper=turn @ self.upper, lower=turn @ self.lower, hand=turn @ self.hand)

    def reaching(self, moved: np.ndarray) -> Arm:
        """The wrist moved by [T, 3] metres: the elbow bends or stretches, then the arm turns the shortest way."""
        shoulder, elbow, wrist = self.shoulder, self.elbow, self.wrist
        first, second = elbow - shoulder, wrist - elbow
        a, b = (np.linalg.norm(bone, axis=-1) for bone in (first, second))
        target = wrist + moved - shoulder
        distance = np.clip(np.linalg.norm(target, axis=-1), np.abs(a - b) * 1.2, (a + b) * FULLY_STRETCHED)

        def bend(length: np.ndarray) -> np.ndarray:
            angle: np.ndarray = np.arccos(np.clip((length**2 - a**2 - b**2) / (2 * a * b), -1, 1))
            return angle

        more = bend(distance) - bend(np.linalg.norm(wrist - shoulder, axis=-1))
        hinge = np.cross(first, second) - self.sign * HINGE * (a * b)[:, None] * self.upper[:, :, 1]
        hinge /= np.linalg.norm(hinge, axis=-1, keepdims=True)
        fold = axis_angle_to_matrix(hinge * more[:, None])
        folded = replace(self, lower=fold @ self.lower, hand=fold @ self.hand)
        return folded.turned(align_vectors(folded.wrist - shoulder, target))


def _joints(side: str) -> list[int]:
    return canonical_skeleton().indices([f"{side}_{part}" for part in ("collar", "shoulder", "elbow", "wrist")])


def tempered(motion: Motion, share: np.ndarray) -> Motion:
    """Arms that do not spread like wings, hands that leave the mouth free, elbows that low hands keep at the body.

    Args:
        share: [T] from 0 to 1, how far arms are moved to there.
    """
    rotations = motion.rotations.astype(np.float64)
    mouth = _mouth(rotations)
    for side in ("left", "right"):
        arm = _elbow_drawn_in(_held_back(Arm.of(rotations, side), share), share)
        arm = arm.reaching(share[:, None] * (_away_from(mouth, arm) + _less_far_aside(arm)))
        arm.write(rotations)
    return replace(motion, rotations=rotations.astype(np.float32))


def _held_back(arm: Arm, share: np.ndarray) -> Arm:
    """The upper arm leaves the sagittal plane by less than OUTWARD_FREE + OUTWARD_MORE degrees."""
    direction = arm.elbow - arm.shoulder
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    outward = np.array([arm.sign, 0.0, 0.0])
    angle = np.rad2deg(np.arcsin(np.clip(direction @ outward, -1, 1)))
    over = np.maximum(angle - OUTWARD_FREE, 0.0)
    less = np.deg2rad(angle - share * (over - OUTWARD_MORE * np.tanh(over / OUTWARD_MORE)))
    along = direction - (direction @ outward)[:, None] * outward
    along += (share * over / (over + OUTWARD_MORE))[:, None] * TURN_DOWN
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    wanted = np.sin(less)[:, None] * outward + np.cos(less)[:, None] * along
    return arm.turned(align_vectors(direction, np.where(over[:, None] > 0, wanted, direction)))


def _elbow_drawn_in(arm: Arm, share: np.ndarray) -> Arm:
    """The elbow of a low hand hangs below the line from shoulder to wrist; its hand bends less at the wrist."""
    shoulder, wrist = arm.shoulder, arm.wrist
    axis = wrist - shoulder
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    out, hanging = (
        vector - (vector * axis).sum(-1, keepdims=True) * axis
        for vector in (arm.elbow - shoulder, np.tile([0.25 * arm.sign, -0.7, -0.7], (len(axis), 1)))
    )
    sine, cosine = (np.cross(hanging, out) * axis).sum(-1), (hanging * out).sum(-1)
    angle = np.rad2deg(np.arctan2(sine, cosine))
    low = minimum_jerk((LOW[0] - wrist[:, 1]) / (LOW[0] - LOW[1])) * share
    over = np.maximum(np.abs(angle) - ELBOW_FREE, 0.0)
    over = over * over / (over + ELBOW_FREE)  # begins gently
    back = -np.sign(angle) * np.minimum(over, 90.0) * (1 - ELBOW_KEPT) * low
    turn = axis_angle_to_matrix(np.deg2rad(back)[:, None] * axis)
    drawn_in = replace(arm.turned(turn), hand=arm.hand)
    bend = matrix_to_axis_angle(transpose(drawn_in.lower) @ drawn_in.hand)
    return replace(drawn_in, hand=drawn_in.lower @ axis_angle_to_matrix(bend * (1 - (1 - WRIST_KEPT) * low)[:, None]))


def _mouth(rotations: np.ndarray) -> np.ndarray:
    """[T, 3] metres in the frame of the chest."""
    skeleton = canonical_skeleton()
    neck, head = skeleton.indices(["neck", "head"])
    turned = rotations[:, neck]
    place: np.ndarray = skeleton.offsets[neck] + turned @ skeleton.offsets[head] + (turned @ rotations[:, head]) @ MOUTH
    return place


def _away_from(mouth: np.ndarray, arm: Arm) -> np.ndarray:
    """[T, 3] metres by which fingers that come before the mouth are moved outwards and down."""
    fingers = arm.wrist + FINGERS_AT * (arm.knuckle - arm.wrist) - mouth
    fingers[:, 2] *= np.where(fingers[:, 2] > 0, MOUTH_AHEAD, 1.0)
    near = np.clip(1 - (fingers**2).sum(-1) / MOUTH_FREE**2, 0, 1) ** 2
    moved: np.ndarray = near[:, None] * MOUTH_FREE * MOUTH_AWAY * np.array([arm.sign, 1.0, 1.0])
    return moved


def _less_far_aside(arm: Arm) -> np.ndarray:
    """[T, 3] metres by which a wrist far to the side is moved inwards."""
    aside = arm.wrist[:, 0] * arm.sign
    over = np.maximum(aside - ASIDE_FREE, 0.0)
    moved = np.zeros((len(over), 3))
    moved[:, 0] = arm.sign * (ASIDE_MORE * np.tanh(over / ASIDE_MORE) - over)
    return moved


def posed_arm(
    side: str, wrist: np.ndarray, *, elbow: np.ndarray, fingers: np.ndarray, palm: np.ndarray
) -> dict[str, np.ndarray]:
    """Local rotations [3, 3] of collar, shoulder, elbow and wrist of an arm whose hand is at a place.

    Args:
        wrist: [3] metres in the frame of the chest.
        elbow: [3] where the elbow points, of which what stands on the line from shoulder to wrist counts.
        fingers: [3] where the fingers point.
        palm: [3] where the palm looks.
    """
    skeleton = canonical_skeleton()
    names = [f"{side}_{part}" for part in ("collar", "shoulder", "elbow", "wrist")]
    collar, shoulder, upper, lower = (skeleton.offsets[joint] for joint in skeleton.indices(names))
    a, b, sign = np.linalg.norm(upper), np.linalg.norm(lower), 1.0 if side == "left" else -1.0
    reach = wrist - (collar + shoulder)
    distance = min(float(np.linalg.norm(reach)), float(a + b) * FULLY_STRETCHED)
    along = reach / np.linalg.norm(reach)
    out = _unit(elbow - (elbow @ along) * along)
    cosine = (a * a + distance**2 - b * b) / (2 * a * distance)
    first = along * cosine + out * np.sqrt(1 - cosine**2)
    second = _unit(along * distance - a * first)
    bent = _unit(second - (second @ first) * first)  # where the hinge takes the lower arm
    hinge = np.cross(bent, sign * first)
    above = np.stack([sign * first, hinge, bent], axis=1)
    below = np.stack([sign * second, hinge, np.cross(sign * second, hinge)], axis=1)
    straight = _unit(fingers)
    up = -_unit(palm - (palm @ straight) * straight)
    hand = np.stack([sign * straight, up, np.cross(sign * straight, up)], axis=1)
    bowed = align_vectors(second[None], straight[None])[0]
    back = bowed.T @ up  # the hand's back if the wrist were straight
    twist = np.arctan2(np.cross(hinge, back) @ second, hinge @ back)
    below = axis_angle_to_matrix(TWIST_SHARE * twist * second) @ below
    return dict(zip(names, (np.eye(3), above, above.T @ below, below.T @ hand), strict=True))


def _unit(vector: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vector / np.linalg.norm(vector)
    return unit
