"""What readers of speech and motion recorded together share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.progress import note
from ...core.rotation import axis_rotation
from ...core.timing import FPS, frame_to_sample
from ...motion.formats.bvh import load_bvh
from ...motion.kinematics import global_rotations
from ...motion.motion import Motion
from ...motion.procedural.fingers import add_fingers
from ...motion.procedural.posture import already_posed, stand
from ...motion.retarget import retarget
from ...motion.rig_binding import bind
from ...motion.rig_recognition import RELIABLE, Recognition, recognise
from ...motion.skeleton import LEFT_HAND, RIGHT_HAND
from ...speech.loading import load_speech
from ...speech.speech import Speech, Word
from ...speech.transcript import spread
from ..clips import Dropped, GestureClip
from .ebmdb import implausible, seed_of

LOOSE = 0.5  # seconds by which sound and motion may differ in length without a word
SHARE = 0.2  # share of the longer one by which they may differ at all
_STILL = np.deg2rad(1.0)  # fingers that turn less than this all through a recording were not recorded


class Few:
    """Counts what was read of each speaker, for ``limit``."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._counts: Counter[str] = Counter()

    def over(self, speaker: str) -> bool:
        """Count one more of a speaker; whether that is more than were asked for."""
        self._counts[speaker] += 1
        return self.limit is not None and self._counts[speaker] > self.limit


def by_name(folder: Path, motion: str, *others: str) -> dict[str, dict[str, Path]]:
    """Files beneath a folder by their name without suffix, then by their suffix (lower case).

    Args:
        folder: is searched with all folders in it.
        motion: suffix of the motion files.
        others: suffixes of what goes with them.

    Raises:
        UserError: two files have one name and suffix, and there is a motion of that name.
    """
    found: dict[str, dict[str, list[Path]]] = {}
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        if suffix == motion or suffix in others:
            found.setdefault(path.stem, {}).setdefault(suffix, []).append(path)
    for own in found.values():
        for paths in own.values():
            if len(paths) > 1 and motion in own:
                raise UserError(f"two files are called {paths[0].name} beneath {folder}; keep one of them")
    return {name: {suffix: paths[0] for suffix, paths in own.items()} for name, own in found.items()}


def recording(
    sound: Path, *, text: Path | None = None, speaker: str | None, emotion: str | None, quiet: bool
) -> Speech:
    """A recording with its words; without them, and that is told, if the transcript cannot be used."""
    try:
        return load_speech(sound, transcript=text, speaker=speaker, emotion=emotion)
    except UserError as error:
        speech = load_speech(sound, speaker=speaker, emotion=emotion)  # raises if it was the sound
        if not quiet:
            note(f"{sound.stem}: read without words: {error}")
        return speech


def words_within(entries: Iterable[tuple[str, float, float]], seconds: float) -> tuple[Word, ...]:
    """Words of (text, start, end) in order and inside a recording of so many seconds.

    What begins outside is left out, what overlaps the word before it begins after that, a text of several
    words is spread over its time. Recognised speech has all of this; it is not worth a clip.
    """
    words: list[Word] = []
    for text, start, end in sorted(entries, key=lambda entry: entry[1]):
        if not (np.isfinite(start) and np.isfinite(end)) or end < 0 or start >= seconds:
            continue
        start = max(start, 0.0, words[-1].end if words else 0.0)
        words += spread(text, start=start, end=max(start, min(end, seconds))) if text.strip() else []
    return tuple(words)


def bvh_body(
    path: Path, *, identity: str, table: str | None = None, emotion: str | None, fingers: bool | None = None
) -> Motion:
    """A BVH file as a dataset keeps motion: canonical skeleton, 30 fps, upright (see ``as_stored``).

    Args:
        path: the file.
        identity: the clip's, seed of made-up fingers.
        table: the rig; None looks at the joint names.
        emotion: of made-up fingers.
        fingers: whether the recording has fingers of its own; None looks whether they move. A recording
            without gets those of ``motion.procedural.fingers``.

    Raises:
        UserError: no BVH file, broken, or of an unknown rig.
    """
    recorded = load_bvh(path)
    return as_stored(recorded, identity=identity, table=table, emotion=emotion, fingers=fingers).motion


@dataclass(frozen=True)
class Taken:
    """A file's motion as a dataset keeps it."""

    motion: Motion  # canonical, 30 fps, standing
    posed: bool  # this package had stood or seated the body before it was saved


def as_stored(
    recorded: Motion, *, identity: str, table: str | None = None, emotion: str | None, fingers: bool | None = None
) -> Taken:
    """A recording on any known rig as a dataset keeps it; the arguments are those of ``bvh_body``.

    Readers and the evaluation of somebody else's files both come here, so that a recording is the same
    motion on either side. A motion that this package has already stood up keeps its heading and, if its
    rig has fingers, these fingers, moving or not.

    Raises:
        UserError: the rig is unknown, or guessed too uncertainly for data.
    """
    recorded = recorded.resample(FPS)
    joints = _certain(recorded).joints if table is None else bind(table, recorded.skeleton).joints
    moved = retarget(recorded, table=table)
    posed = already_posed(moved)
    motion = upright(moved) if posed is None else posed
    if fingers is None:
        has_them = any(joint.endswith("_index1") for joint in joints)
        fingers = has_them and (posed is not None or _moves(motion))
    if not fingers:
        motion = add_fingers(motion, emotion=emotion, seed=seed_of(identity))
    return Taken(motion, posed is not None)


def _certain(recorded: Motion) -> Recognition:
    """Which joint is which, where that may be relied on. Raises UserError where it may not."""
    found = recognise(recorded)
    if found.confidence <= RELIABLE:
        raise UserError(
            f"which joint is which is guessed ({found.confidence:.2f} of 1; more than {RELIABLE} is asked of data): "
            f"{'; '.join(found.doubts) or found.title}; convert it with --map names.json first"
        )
    return found


def _moves(motion: Motion) -> bool:
    """Whether any finger joint turns in the course of a motion."""
    fingers = motion.rotations[:, [*LEFT_HAND, *RIGHT_HAND]]
    return bool(np.abs(fingers - fingers[:1]).max() > _STILL)


def upright(motion: Motion) -> Motion:
    """Canonical motion as a dataset keeps it: 30 fps, facing +z on average, standing on the spot.

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


def paired(
    identity: str,
    speech: Callable[[], Speech],
    motion: Callable[[], Motion],
    *,
    speaker: str,
    split: str,
    emotion: str | None,
    quiet: bool,
) -> GestureClip | Dropped:
    """The clip of a recording, or why there is none; ``speech`` and ``motion`` read the two sides."""
    try:
        said, moved = speech(), motion()
    except UserError as error:
        return Dropped(identity, str(error))
    fitted = as_long_as_each_other(identity, said, moved, quiet=quiet)
    if isinstance(fitted, Dropped):
        return fitted
    return GestureClip(identity, speaker, split, emotion, *fitted)


def as_long_as_each_other(
    identity: str, speech: Speech, motion: Motion, *, quiet: bool = False
) -> tuple[Speech, Motion] | Dropped:
    """Sound and motion that began together, cut to the shorter; with exactly ``speech.frames`` frames.

    More than half a second is told, more than a fifth of the longer one means that the two do not
    belong together. (A decision of ours: that the beginnings meet is not checked.)
    """
    reason = unlike(identity, speech.seconds, motion.seconds, quiet=quiet)
    if reason:
        return Dropped(identity, reason)
    frames = min(speech.frames, motion.frames)
    if frames < FPS:
        return Dropped(identity, f"shorter than a second ({frames} frames)")
    samples = frame_to_sample(frames, sample_rate=speech.sample_rate)
    if len(speech.samples) > samples:
        speech = speech.cut(end=samples / speech.sample_rate)
    motion = motion[:frames]
    reason = implausible(motion)
    return Dropped(identity, reason) if reason else (speech, motion)


def unlike(identity: str, sound: float, motion: float, *, quiet: bool = False) -> str | None:
    """Why sound and motion of so many seconds do not belong together, or None; see above."""
    longer, shorter = sorted((sound, motion), reverse=True)
    lengths = f"{sound:.1f} s of sound, {motion:.1f} s of motion"
    if longer - shorter > max(LOOSE, SHARE * longer):
        return f"sound and motion differ by more than a fifth in length ({lengths})"
    if longer - shorter > LOOSE and not quiet:
        note(f"{identity}: {lengths}; both are cut to the shorter")
    return None
