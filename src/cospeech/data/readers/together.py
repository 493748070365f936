"""What readers of speech and motion recorded together share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...motion.kinematics import global_rotations
from ...motion.motion import Motion
from ...motion.posture import stand
from ...progress import note
from ...rotation import axis_rotation
from ...speech.speech import Speech
from ...timing import FPS, frame_to_sample
from ..clips import Dropped
from .ebmdb import implausible

LOOSE = 0.5  # seconds by which sound and motion may differ in length without a word
SHARE = 0.2  # share of the longer one by which they may differ at all


def upright(motion: Motion) -> Motion:
    """Canonical motion as a store keeps it: 30 fps, facing +z on average, standing on the spot.

    Only the mean heading is taken out; leaning and turning stay, and with them the world's view of
    everything from the chest upwards. Hips and legs are posed anew, since the codec knows none.
    """
    motion = motion.resample(FPS)
    skeleton = motion.skeleton
    chest = skeleton.index("spine3")
    world = global_rotations(motion.rotations[:, : chest + 1], skeleton.parents[: chest + 1])[:, chest]
    ahead = world[:, :, 2].astype(np.float64).mean(axis=0)  # +z of the chest in the world
    rotations = motion.rotations.copy()
    rotations[:, 0] = axis_rotation("Y", -np.arctan2(ahead[0], ahead[2])) @ rotations[:, 0]
    return stand(replace(motion, rotations=rotations, extra={}))


def as_long_as_each_other(
    identity: str, speech: Speech, motion: Motion, *, quiet: bool = False
) -> tuple[Speech, Motion] | Dropped:
    """Sound and motion that began together, cut to the shorter; with exactly ``speech.frames`` frames.

    More than half a second is told, more than a fifth of the longer one means that the two do not
    belong together. (A decision of ours: that the beginnings meet is not checked.)
    """
    longer, shorter = sorted((speech.seconds, motion.seconds), reverse=True)
    lengths = f"{speech.seconds:.1f} s of sound, {motion.seconds:.1f} s of motion"
    if longer - shorter > LOOSE:
        if longer - shorter > SHARE * longer:
            return Dropped(identity, f"sound and motion differ by more than a fifth in length ({lengths})")
        if not quiet:
            note(f"{identity}: {lengths}; both are cut to the shorter")
    frames = min(speech.frames, motion.frames)
    if frames < FPS:
        return Dropped(identity, f"shorter than a second ({frames} frames)")
    samples = frame_to_sample(frames, sample_rate=speech.sample_rate)
    if len(speech.samples) > samples:
        speech = speech.cut(end=samples / speech.sample_rate)
    motion = motion[:frames]
    reason = implausible(motion)
    return Dropped(identity, reason) if reason else (speech, motion)
