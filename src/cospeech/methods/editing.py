"""Editing by tokens (paper, "Video Gesture Editing"): a motion becomes tokens, those of a span are opened
and sampled again between the kept ones, and what is decoded joins the motion.

A motion from anywhere is first brought to what the model knows, a body that faces +z and stands. On the
way back the trunk is turned onto the pelvis that the motion has. Both are decisions of ours [D].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from ..core.errors import UserError
from ..core.rotation import axis_rotation, transpose
from ..core.timing import FPS, frame_times
from ..motion.codec import Codec
from ..motion.kinematics import global_rotations
from ..motion.motion import Motion
from ..motion.procedural.posture import distribute_spine, stand
from ..motion.skeleton import canonical_skeleton
from .contextual.sampling import Condition, ContextualSampling, Networks, sample_tokens
from .postprocessing import on_the_beat

CONTEXT = 24  # tokens that are read on either side of a span, where the window has room for them
LEAST = 8  # tokens that are read in any case
POSE = 6  # tokens for which a pose is held while it is encoded
TURNED = np.deg2rad(45.0)  # a pose that faces further aside than this is turned to the front [D]

Span = tuple[int, int]  # frames [first, last + 1) at 30 a second


class EditNetworks(Networks, Protocol):
    """What editing needs beside sampling."""

    def encode(self, motion: np.ndarray) -> np.ndarray:
        """Coded motion [T, C], T a multiple of ``downsample``, -> tokens [N, K]."""
        ...

    def vectors(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens [N, K] -> summed code vectors [N, D]."""
        ...


def resample_spans(
    networks: EditNetworks,
    coded: np.ndarray,
    features: np.ndarray,
    spans: Sequence[Span],
    condition: Condition,
    rng: np.random.Generator,
    settings: ContextualSampling,
    rest: np.ndarray,
    *,
    ends: tuple[int, int],
) -> np.ndarray:
    """Coded motion [T, C] whose spans are sampled anew, frames outside as they were.

    Args:
        features: [T, F] of the speech.
        rest: [K] token that is given where a span reaches the motion's own beginning or end.
        ends: so many of it at the beginning and at the end.
    """
    step, frames = networks.downsample, len(coded)
    count = -(-frames // step)
    fill = ((0, count * step - frames), (0, 0))
    features = np.pad(features, fill, mode="edge")
    result = np.pad(coded, fill, mode="edge")
    for first, end in spans:
        low, high = first // step, -(-end // step)  # tokens that the span touches
        around = int(np.clip((settings.window - (high - low)) // 2, LEAST, CONTEXT))
        start, stop = max(0, low - around), min(count, high + around)
        part = slice(start * step, stop * step)
        given = networks.encode(result[part])
        given[low - start : high - start] = -1
        if first == 0:
            given[: min(ends[0], high)] = rest
        if end == frames:
            given[max(low - start, len(given) - ends[1]) :] = rest
        sampled = sample_tokens(networks, features[part], condition, rng, settings, given=given)
        new = networks.decode(sampled.latent)[first - start * step : end - start * step]
        result[first:end] = on_the_beat(new, features[first:end]) if settings.rhythm else new
    return result[:frames]


def in_place(motion: Motion) -> Motion:
    """Canonical motion as the model knows it: 30 fps, the pelvis facing +z at all times, standing.

    Raises:
        UserError: the motion is on another skeleton.
    """
    motion = canonical(motion).resample(FPS)
    rotations = motion.rotations.copy()
    rotations[:, 0] = transpose(heading(rotations[:, 0])) @ rotations[:, 0]
    return stand(replace(motion, rotations=rotations, face=None, extra={}))


def onto(new: Motion, motion: Motion) -> np.ndarray:
    """Local rotations [T, J, 3, 3] of ``new``, which is in place, for the pelvis and frames of ``motion``.

    Chest and all above it look where they looked, seen from where the pelvis is heading; the spine
    leads there.
    """
    skeleton = canonical_skeleton()
    if len(new) != len(motion) or abs(motion.fps - FPS) > 1e-3:
        new = new.warp(frame_times(len(motion), fps=motion.fps))
    rotations = new.rotations.copy()
    chest = skeleton.index("spine3")
    world = global_rotations(rotations[:, : chest + 1], skeleton.parents[: chest + 1])[:, chest]
    pelvis = motion.rotations[:, 0]
    turn = transpose(pelvis) @ heading(pelvis) @ world
    for name, local in distribute_spine(turn, 0.0).items():
        rotations[:, skeleton.index(name)] = local
    return rotations


def canonical(motion: Motion) -> Motion:
    """The same motion. Raises UserError if it is on another skeleton."""
    if motion.skeleton != canonical_skeleton():
        raise UserError(
            f"expected the canonical {len(canonical_skeleton())}-joint skeleton, got another one of "
            f"{len(motion.skeleton)} joints; retarget the motion first"
        )
    return motion


def without_origin(extra: dict[str, Any]) -> dict[str, Any]:
    """What goes with a motion, less the tale of where its gestures are from: an edit makes it untrue."""
    return {name: value for name, value in extra.items() if name != "explain"}


def heading(pelvis: np.ndarray) -> np.ndarray:
    """[..., 3, 3] turn about y of the direction in which a pelvis [..., 3, 3] faces."""
    return axis_rotation("Y", _aside(pelvis))


def _aside(pelvis: np.ndarray) -> np.ndarray:
    return np.arctan2(pelvis[..., 0, 2], pelvis[..., 2, 2])


def facing_front(pose: Motion) -> Motion:
    """A canonical pose that faces far aside, turned to the front; any other one as it is.

    Raises:
        UserError: the pose is on another skeleton.
    """
    pelvis = canonical(pose).rotations[:, 0]
    if np.abs(_aside(pelvis)).max() <= TURNED:
        return pose
    rotations = pose.rotations.copy()
    rotations[:, 0] = transpose(heading(pelvis)) @ pelvis
    return replace(pose, rotations=rotations)


def pose_tokens(networks: EditNetworks, pose: Motion) -> np.ndarray:
    """[K] the token of a pose, a canonical motion of one frame, that is held."""
    standing = stand(replace(pose, fps=FPS, face=None, extra={}))
    held = np.repeat(Codec().encode(standing), POSE * networks.downsample, axis=0)
    return networks.encode(held)[POSE // 2]
