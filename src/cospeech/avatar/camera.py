"""Where the picture is taken from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import UserError
from ..motion.motion import Motion
from ..motion.skeleton import CANONICAL_NAMES
from .body import load_body
from .pose import canonical_motion
from .skinning import joint_transforms

VIEWS = ("gesture", "full", "face")
CROWN = 0.185  # metres from the joint of our person's head to its top
FRAMED = 600  # moments of a motion that are looked at, about
HANGING = 0.05  # metres below the hips, from which a hand may leave a picture of gestures


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. Metres and degrees; y up."""

    target: tuple[float, float, float]  # the point in the middle of the picture
    distance: float  # from the target
    height: float  # what the picture's height shows at the target, metres
    yaw: float = 0.0  # degrees; 0 looks at the front of a body that faces +z, positive from its left
    pitch: float = 3.0  # degrees from above

    @property
    def axes(self) -> np.ndarray:
        """[3, 3] rows: right, up, towards the viewer, in world space."""
        yaw, pitch = np.radians(self.yaw), np.radians(self.pitch)
        back = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
        return np.stack([right, np.cross(back, right), back])

    @property
    def position(self) -> np.ndarray:
        """[3] metres."""
        position: np.ndarray = np.asarray(self.target) + self.distance * self.axes[2]
        return position

    def project(self, points: np.ndarray, width: int, height: int) -> np.ndarray:
        """World [..., 3] -> screen x, y in pixels and distance along the line of sight in metres."""
        local = (points - np.asarray(self.target, np.float32)) @ self.axes.T.astype(np.float32)
        depth = np.float32(self.distance) - local[..., 2]
        scale = np.float32(height / self.height * self.distance) / np.maximum(depth, 0.05)
        result = np.empty_like(local)
        result[..., 0] = local[..., 0] * scale + width / 2
        result[..., 1] = height / 2 - local[..., 1] * scale
        result[..., 2] = depth
        return result


@dataclass(frozen=True, eq=False)
class Person:
    """Where somebody's canonical joints are in a motion, for framing it."""

    places: np.ndarray  # [T, 55, 3] metres
    turns: np.ndarray  # [T, 55, 3, 3] world rotations against the canonical T-pose
    crown: float = CROWN  # metres from the head's joint to the top of the head


def default_person(motion: Motion) -> Person:
    """Ours, in a motion on the canonical joints."""
    body = load_body(1)
    stride = max(1, motion.frames // FRAMED)
    rotations, translation, _ = canonical_motion(body, motion, slice(None, None, stride))
    transforms = joint_transforms(rotations, translation, body.joint_positions)[:, :55].astype(np.float64)
    places = np.einsum("tjab,jb->tja", transforms[..., :3], body.joint_positions) + transforms[..., 3]
    return Person(places, transforms[..., :3])


def frame_motion(
    motion: Motion, *, view: str = "gesture", aspect: float = 1.0, yaw: float = 6.0, person: Person | None = None
) -> Camera:
    """A still camera that has the whole motion in the picture.

    Args:
        motion: on the canonical joints.
        view: "gesture" from the hips to above the head, "full" with the feet, "face" head and shoulders. Hands that
            gesture are in the picture in the first two, those that hang below the hips in the second.
        aspect: width of the picture / height.
        yaw: degrees off the front, so that depth shows.
        person: who moves, if not our own.

    Raises:
        UserError: no such view.
    """
    if view not in VIEWS:
        raise UserError(f"views are {', '.join(VIEWS)}; got {view!r}")
    person = default_person(motion) if person is None else person
    place, turns, skull = person.places, person.turns, person.crown / CROWN
    index = {name: i for i, name in enumerate(CANONICAL_NAMES)}
    facing = turns[:, index["spine2"], :, 2].mean(0)
    turn = float(np.degrees(np.arctan2(facing[0], facing[2]))) + yaw

    head = place[:, index["head"]]
    top = head + turns[:, index["head"], :, 1] * person.crown
    points = [top, head + [0.12 * skull, 0, 0], head - [0.12 * skull, 0, 0]]
    if view == "face":
        points += [head + [0.24 * skull, -0.16, 0], head - [0.24 * skull, 0.16, 0]]
    else:
        hip = (place[:, index["left_hip"]] + place[:, index["right_hip"]]) / 2
        points += [place[:, index[f"{side}_{name}"]] for side in ("left", "right") for name in ("shoulder", "elbow")]
        for side in ("left", "right"):
            raised = (view == "full") | (place[:, index[f"{side}_middle3"], 1] > hip[:, 1] - HANGING)
            for finger in ("index", "middle", "pinky", "thumb"):
                joint = index[f"{side}_{finger}3"]
                reach = 0.045 if side == "left" else -0.045
                points.append((place[:, joint] + turns[:, joint, :, 0] * reach)[raised])
        if view == "full":
            feet = [
                place[:, index[f"{side}_{name}"]] for side in ("left", "right") for name in ("ankle", "foot", "knee")
            ]
            points += [p - [0, 0.11, 0] for p in feet]
        else:
            points += [hip - [0, 0.1, 0]]
        points += [hip + [0.3, 0, 0], hip - [0.3, 0, 0]]
    margin = {"gesture": 0.06, "full": 0.07, "face": 0.03}[view]
    cloud = np.concatenate(points)
    axes = Camera((0.0, 0.0, 0.0), 1.0, 1.0, turn).axes
    local = cloud @ axes.T
    low, high = local.min(0), local.max(0)
    span = max(high[1] - low[1], (high[0] - low[0]) / aspect) + 2 * margin
    centre = (low + high) / 2
    room = max(0.0, span * aspect / 2 - margin - (high[0] - low[0]) / 2)
    centre[0] += np.clip(np.median((head @ axes.T)[:, 0]) - centre[0], -room, room)  # head in the middle
    centre[2] = np.median(local[:, 2])
    x, y, z = (float(v) for v in centre @ axes)
    target = (x, y, z)
    camera = Camera(target, 3.2 * span, span, turn)
    # What leans towards the camera looks larger: measure it as seen, and step back accordingly.
    seen = camera.project(cloud.astype(np.float32), 2, 2)[:, :2] - 1
    seen /= np.array([aspect, 1.0]) * (1 - 2 * margin / span)
    span *= max(1.0, float(np.abs(seen).max()))
    return Camera(target, 3.2 * span, span, turn)
