"""Features of windows of motion that show what makes movement look alive, for tests of two samples.

Averages over a corpus can match while no single window does: hands that never hold still, a head that hangs, arms that
move as mirror images. The features below say for three seconds at a time how wrists, trunk and head move and rest, and
what one hand does that the other does not. The choice is ours (docs/metrics.md lists them). Two of them, the raw jerk
of either wrist, mostly see the texture of measurement: an invisible low-pass changes them more than a viewer would
notice. So a test is shown with and without them (``without_texture``).
"""

from __future__ import annotations

import numpy as np

from ..core.errors import UserError
from ..core.series import runs
from ..motion.kinematics import global_rotations
from ..motion.motion import Motion
from ..motion.phases import STILL_SPEED, hand_speed, wrists_in_chest
from ..motion.skeleton import canonical_skeleton

WINDOW = 3.0  # seconds
HOP = 1.5  # seconds
MOVING_SPEED = 0.25  # metres a second: a hand that gestures
SHORTEST_HOLD = 0.3  # seconds below STILL_SPEED that are a hold
LEAST_SPREAD = 1e-3  # millimetres, thousandths of a degree, of a share: what spreads less is rounding
EXTRACTOR = "movement-3s-1"  # changes with the features

_SIDES = ("left", "right")
_AXES = ("x", "y", "z")
_TURNS = ("pitch", "yaw", "roll")


def _names() -> tuple[str, ...]:
    names = []
    for side in _SIDES:
        names += [f"{side}_wrist_{axis}_mean" for axis in _AXES] + [f"{side}_wrist_{axis}_sd" for axis in _AXES]
        names += [f"{side}_speed_{what}" for what in ("mean", "p10", "p95", "max_log")]
        names += [f"{side}_still_share", f"{side}_hold_share", f"{side}_holds", f"{side}_longest_hold"]
        names += [f"{side}_range", f"{side}_jerk_raw"]
    for what in ("head", "chest"):
        names += [f"{what}_{turn}_{figure}" for turn in _TURNS for figure in ("mean", "sd", "speed")]
    names += ["one_handed_share", "speed_asymmetry", "speed_correlation", "mirror_distance", "both_still_share"]
    return (*names, "hands_apart_mean", "hands_apart_sd")


NAMES = _names()
RAW_TEXTURE = tuple(index for index, name in enumerate(NAMES) if name.endswith("_jerk_raw"))


def movement_features(motion: Motion) -> np.ndarray:
    """[W, len(NAMES)] float64 of the windows of a motion; none of one that is shorter than a window.

    Wrists are in metres in the frame of the chest (x to the left, y up, z to the front), turns in degrees and degrees a
    second, of the head against the world and of the chest against the world, shares from 0 to 1.

    Raises:
        UserError: the motion is on another skeleton.
    """
    if motion.skeleton.names != canonical_skeleton().names:
        raise UserError(f"expected the canonical skeleton, got one of {len(motion.skeleton)} joints; retarget it first")
    length, hop = round(WINDOW * motion.fps), round(HOP * motion.fps)
    wrists = wrists_in_chest(motion).astype(np.float64)
    speed = hand_speed(motion)
    jerk = np.linalg.norm(np.diff(wrists, n=3, axis=0), axis=-1) * motion.fps**3
    turns = _turns(motion)
    rows = []
    for start in range(0, len(motion) - length + 1, hop):
        window = slice(start, start + length)
        rows.append(_row(wrists[window], speed[window], jerk[window], turns[window], motion.fps))
    return np.array(rows, dtype=np.float64).reshape(-1, len(NAMES))


def without_texture(rows: np.ndarray) -> np.ndarray:
    """Rows [N, D] without the columns of raw jerk."""
    return np.delete(rows, RAW_TEXTURE, axis=1)


def _turns(motion: Motion) -> np.ndarray:
    """[T, 2, 3] degrees: pitch (down is positive), yaw, roll of head and chest against the world."""
    skeleton = canonical_skeleton()
    world = global_rotations(motion.rotations.astype(np.float64), skeleton.parents)
    parts = world[:, skeleton.indices(["head", "spine3"])]
    front, left = parts[..., 2], parts[..., 0]
    pitch = -np.arcsin(np.clip(front[..., 1], -1, 1))
    yaw = np.arctan2(front[..., 0], front[..., 2])
    roll = np.arcsin(np.clip(left[..., 1], -1, 1))
    degrees: np.ndarray = np.rad2deg(np.stack([pitch, np.unwrap(yaw, axis=0), roll], axis=-1))
    return degrees


def _row(wrists: np.ndarray, speed: np.ndarray, jerk: np.ndarray, turns: np.ndarray, fps: float) -> list[float]:
    values: list[float] = []
    still = speed < STILL_SPEED
    for side in range(2):
        place, pace = wrists[:, side], speed[:, side]
        values += [*place.mean(0), *place.std(0)]
        values += [pace.mean(), *np.percentile(pace, [10, 95]), np.log(pace.max() + 0.01)]
        holds = [last - first for first, last in runs(still[:, side], shortest=round(SHORTEST_HOLD * fps))]
        values += [still[:, side].mean(), sum(holds) / len(pace), len(holds), max(holds, default=0) / len(pace)]
        values += [float(np.ptp(place, axis=0).max()), np.log(jerk[:, side].mean() + 1.0)]
    for part in range(2):
        for turn in range(3):
            angle = turns[:, part, turn]
            values += [angle.mean(), angle.std(), np.abs(np.diff(angle)).mean() * fps]
    slow, fast = speed.min(1), speed.max(1)
    moving = fast > MOVING_SPEED
    values.append(float((slow[moving] < fast[moving] / 3).mean()) if moving.any() else 0.0)
    total = speed.sum(0)
    values.append(float(abs(total[0] - total[1]) / (total.sum() + 1e-6)))
    spread = speed.std(0)
    values.append(float(np.corrcoef(speed.T)[0, 1]) if spread.min() > 1e-6 else 0.0)
    values.append(float(np.linalg.norm(wrists[:, 0] * [-1.0, 1.0, 1.0] - wrists[:, 1], axis=-1).mean()))
    values.append(float(still.all(1).mean()))
    apart = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1)
    return [*values, float(apart.mean()), float(apart.std())]
