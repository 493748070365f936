"""Gestures put into a motion: prepared from whatever the body does, on time, held, and let go into it again.

Arms go from the generated motion to the gesture and back along the shortest turns of their joints, with least jerk; two
gestures close together lead from one to the other without rest. All joints that a gesture does not need stay as they
were, and a hand that holds still goes on with a part of its small generated movements. [D]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...core.progress import note
from ...core.rotation import axis_angle_to_matrix, matrix_to_quaternion, quaternion_to_matrix, slerp, transpose
from ...core.series import hann_mean, minimum_jerk
from ...speech.cues.cue import GestureCue
from ..face_shapes import FACE_SHAPES
from ..motion import Motion
from ..procedural.arms import Arm
from ..procedural.contact import separated
from ..procedural.lips import shape_columns
from .gesture import Gesture, HandKey
from .manner import QUICKEST, Manner, manner_of
from .paths import HandPath, hand_path, through, turn_path
from .reach import shoulder_place
from .recorded import PARTS, RecordedPath, fingers_of_side, mirrored, recorded_path

NEAR = 12  # uses before one that may leave it no time
PREPARED = (0.28, 0.85)  # seconds of a preparation, least and most
RETRACTED = (0.45, 1.0)  # seconds of a retraction
SETTING_OUT, PACE = 0.26, 0.75  # seconds, and seconds a metre, of a preparation
LETTING_GO = 1.3  # times as long as a preparation is a retraction
INTO_STROKE = 0.08  # seconds for which a preparation lasts into the stroke, so that a hand hardly stops
BETWEEN = 0.3  # seconds from the end of a gesture to the stroke of the next one of that hand, at least
ACROSS, BEFORE = 0.3, 0.6  # of the way that a hand goes across the body, at most, and ahead of it, at least
POSED = 0.5  # seconds from a given pose at either end in which nothing is moved
SHORTEST_BODY = 0.15  # seconds of a stroke, a preparation or a retraction where little time is given
LEAST_AFTER = 0.1  # seconds of a motion after a stroke
HELD = 0.3  # seconds of a usual hold from which a gesture waits for the end of its phrase
LONGEST_HOLD = 1.6  # seconds for which the end of a phrase is waited for
ALIVE = 0.3  # share of a hand's small generated movements that it keeps
STEADY = 0.8  # seconds over which they are taken to be small
FACE_EASE = 0.3  # seconds in which a face takes part, and stops
RAISED = (0.22, 0.4)  # seconds in which shoulders go up, and down
AROUND = 0.4  # seconds beside gestures in which hands may be moved out of the body

ASKED_FOR = ("text", "file", "call")  # sources of cues that somebody asked for by name
TOLD = 5  # of those that are left out
OTHER = {"left": "right", "right": "left"}
Find = Callable[[str], Gesture]  # the gesture of a name, as a ``GestureDictionary`` has it


@dataclass(frozen=True)
class PlacedGesture:
    """A gesture in a motion; times in seconds."""

    gesture: str
    cue: GestureCue
    start: float  # of the preparation
    stroke: float  # its fastest moment
    end: float  # of the retraction
    side: str  # "left", "right", "both" or "head"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        times = {name: round(getattr(self, name), 3) for name in ("start", "stroke", "end")}
        why = {name: getattr(self.cue, name) for name in ("word", "meaning", "source")}
        return {"gesture": self.gesture, **times, "side": self.side, **{k: v for k, v in why.items() if v}}


@dataclass(frozen=True)
class LeftOut:
    """A gesture that was asked for and not made, and why."""

    cue: GestureCue
    reason: str

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"gesture": self.cue.gesture, "time": round(self.cue.time, 3), "word": self.cue.word, "why": self.reason}


@dataclass(frozen=True, eq=False)
class Performance:
    """A motion with gestures in it."""

    motion: Motion
    face: np.ndarray  # [T, 52] what they add to a face
    placed: tuple[PlacedGesture, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(eq=False)
class _Use:
    """A use of a gesture, while it is planned."""

    cue: GestureCue
    gesture: Gesture
    manner: Manner
    form: Gesture  # the gesture as it is done: aimed, and with its repeats
    hold: float  # seconds
    hands: dict[str, HandPath | RecordedPath] = field(default_factory=dict)

    @property
    def first(self) -> float:
        """Seconds: the beginning of the stroke."""
        return min((path.first for path in self.hands.values()), default=self.cue.time - 0.2)

    @property
    def last(self) -> float:
        """Seconds: the end of what hands do, before it is held."""
        keys = self.form.head or self.form.trunk
        late = keys[-1].time * self.manner.tempo if keys else 0.3
        return max((path.last for path in self.hands.values()), default=self.cue.time + late)

    @property
    def held(self) -> float:
        """Seconds: the end of the hold."""
        return self.last + self.hold


def perform(
    motion: Motion, cues: Sequence[GestureCue], find: Find, *, seed: int, posed: tuple[bool, bool] = (False, False)
) -> Performance:
    """A motion with the gestures that are asked for.

    Args:
        motion: on the canonical joints.
        cues: in any order.
        find: the gesture of a name.
        seed: of how they are done.
        posed: whether the motion begins, and ends, in a pose that is given and must stay.
    """
    within = (POSED if posed[0] else 0.0, motion.seconds - (POSED if posed[1] else 0.0))
    uses, left_out = _planned(within, sorted(cues, key=lambda cue: cue.time), find, seed)
    face = np.zeros((len(motion), FACE_SHAPES), np.float32)
    if not uses:
        return Performance(motion, face, (), tuple(left_out))
    blend = _Blend(motion)
    spans = {side: _spans(motion, uses, side, within) for side in ("left", "right")}
    for use in uses:
        for side, path in use.hands.items():
            blend.arm(path, spans[side][id(use)])
        blend.turns(use)
        _put_face(face, use, motion.fps)
    placed = [_placed(use, [spans[side][id(use)] for side in use.hands], motion.seconds) for use in uses]
    moved = blend.motion()
    at = np.arange(len(motion)) / motion.fps
    near = np.zeros(len(motion))
    for done in placed:
        near = np.maximum(near, minimum_jerk(np.minimum(at - done.start, done.end - at) / AROUND + 1))
    return Performance(separated(moved, weights=near), face, tuple(placed), tuple(left_out))


def _planned(
    within: tuple[float, float], cues: Sequence[GestureCue], find: Find, seed: int
) -> tuple[list[_Use], list[LeftOut]]:
    """Uses of gestures that leave each other room, in order of time, and what had no room."""
    counts: dict[str, int] = {}
    uses: list[_Use] = []
    left_out: list[LeftOut] = []
    for cue in cues:
        gesture = find(cue.gesture)
        number = counts.get(gesture.name, 0)
        manner = manner_of(gesture, cue, number, np.random.default_rng([seed, *gesture.name.encode()]))
        use = _timed(_use(cue, gesture, manner), within)
        if use is None:
            left_out.append(LeftOut(cue, "no time before the end, or after the beginning, of the motion"))
            continue
        blocking, shortened = _made_room(uses, use)
        if blocking and _may_change_hands(use):
            other = _timed(_use(cue, gesture, replace(manner, side=OTHER[manner.side])), within)
            if other is not None:
                use, (blocking, shortened) = other, _made_room(uses, other)
        stronger = [earlier for earlier in blocking if earlier.cue.strength >= cue.strength]
        if stronger:
            left_out.append(LeftOut(cue, _leaves_no_time(stronger[0].cue, stronger[0].gesture)))
            continue
        left_out += [LeftOut(earlier.cue, _leaves_no_time(cue, gesture)) for earlier in blocking]
        uses = [earlier for earlier in uses if earlier not in blocking]
        counts[gesture.name] = number + 1
        uses = [shortened.get(id(earlier), earlier) for earlier in uses] + [use]
    return uses, left_out


def _leaves_no_time(cue: GestureCue, gesture: Gesture) -> str:
    return f"{gesture.name} at {cue.time:.2f} s leaves no time"


def _made_room(uses: Sequence[_Use], use: _Use) -> tuple[list[_Use], dict[int, _Use]]:
    """The uses that leave this one no time; and what to put in the place of others, by ``id``."""
    blocking, shortened = [], {}
    for earlier in [earlier for earlier in uses[-NEAR:] if _share_parts(earlier, use)][-2:]:
        shorter = _shortened(earlier, use)
        if shorter is None:
            blocking.append(earlier)
        else:
            shortened[id(earlier)] = shorter
    return blocking, shortened


def _may_change_hands(use: _Use) -> bool:
    return len(use.hands) == 1 and use.gesture.side == "free" and use.cue.side is None and use.cue.direction is None


def _use(cue: GestureCue, gesture: Gesture, manner: Manner) -> _Use:
    """A use with its paths and its hold."""
    form = _handed(_aimed(gesture, cue, manner), cue).repeated(manner.repeats)
    use = _Use(cue, gesture, manner, form, gesture.hold * manner.hold)
    other = OTHER[manner.side]
    if form.recording is not None:
        use.hands.update(_recorded(form, manner, cue.time))
    if form.hand:
        use.hands[manner.side] = hand_path(form.hand, manner.side, cue.time, manner, leads=True)
    if form.mirrored or form.other:
        use.hands[other] = hand_path(form.other or form.hand, other, cue.time, manner, leads=False)
    if cue.hold_until is not None and gesture.hold >= HELD:
        use.hold = max(use.hold, min(cue.hold_until - use.last, LONGEST_HOLD))
    return use


def _handed(gesture: Gesture, cue: GestureCue) -> Gesture:
    """A gesture of one hand with both, or one of both alike with one, if that is asked for."""
    if cue.side == "both" and gesture.hands == "one" and gesture.side == "free" and gesture.recording is None:
        return replace(gesture, mirrored=True)
    if cue.side in ("left", "right") and gesture.mirrored:
        return replace(gesture, mirrored=False)
    return gesture


def _recorded(gesture: Gesture, manner: Manner, stroke: float) -> dict[str, RecordedPath]:
    """Arms of a recorded gesture, mirrored if the other hand leads."""
    recording = gesture.recording
    assert recording is not None
    if recording.sides[0] != manner.side:
        recording = mirrored(recording)
    return {side: recorded_path(recording, side, stroke, manner.tempo) for side in recording.sides}


def _timed(use: _Use, within: tuple[float, float]) -> _Use | None:
    """The use as long as it was asked to be, and within the motion; None if there is no time for it."""
    if use.cue.duration is not None:
        use = _lasting(use, use.cue.duration)
    early = within[0] + PREPARED[0] - INTO_STROKE - use.first
    if early > BETWEEN or use.cue.time + max(early, 0.0) > within[1] - LEAST_AFTER:
        return None
    if early > 0:
        use = _again(use, cue=replace(use.cue, time=use.cue.time + early))
    while use.last > within[1] and use.manner.repeats > 1:
        use = _again(use, manner=replace(use.manner, repeats=use.manner.repeats - 1))
    return replace(use, hold=max(0.0, min(use.hold, within[1] - use.last)))


def _lasting(use: _Use, duration: float) -> _Use:
    """A use that takes so long with preparation and retraction: it is done quicker, or held longer."""
    natural, ways = use.last - use.first, 2 * _most_way(use.cue)
    body = max(SHORTEST_BODY, duration - min(ways, PREPARED[1] + RETRACTED[0]))
    if body < natural:
        manner = replace(use.manner, tempo=max(QUICKEST, use.manner.tempo * body / natural), repeats=1)
        return replace(_again(use, manner=manner), hold=0.0)
    return replace(use, hold=body - natural)


def _most_way(cue: GestureCue) -> float:
    """Seconds of a preparation or a retraction, at most: three tenths of a duration that is asked for."""
    return np.inf if cue.duration is None else max(SHORTEST_BODY, 0.3 * cue.duration)


def _again(use: _Use, *, cue: GestureCue | None = None, manner: Manner | None = None) -> _Use:
    """The use at another time, or in another manner, with its hold."""
    return replace(_use(cue or use.cue, use.gesture, manner or use.manner), hold=use.hold)


def _aimed(gesture: Gesture, cue: GestureCue, manner: Manner) -> Gesture:
    """A gesture that points into the direction that is asked for, if one is."""
    if not gesture.aims or cue.direction is None:
        return gesture
    toward = np.array(cue.direction, dtype=np.float64)
    toward = toward / max(float(np.linalg.norm(toward)), 1e-9)
    toward[0] *= 1.0 if manner.side == "left" else -1.0  # outwards
    shoulder = np.abs(shoulder_place("left"))
    reach = toward
    if toward[0] < -ACROSS:  # a hand that points across the body stays before it
        reach = np.array([-ACROSS, toward[1], max(toward[2], BEFORE)])
        reach = reach / np.linalg.norm(reach)
    first, last = (shoulder + np.array([0.0, -0.06, 0.03]) + share * reach for share in (0.26, 0.42))
    across = np.cross(np.cross(toward, (-0.5, -1.0, 0.0)), toward)
    away = (float(toward[0]), float(toward[1]), float(toward[2]))
    palm = (float(across[0]), float(across[1]), float(across[2]))
    key = gesture.hand[-1]
    keys = [
        HandKey(time, (float(at[0]), float(at[1]), float(at[2])), away, palm, key.shape)
        for time, at in ((-0.17, first), (0.17, last))
    ]
    return replace(gesture, hand=tuple(keys), cycle=None)


def _share_parts(one: _Use, other: _Use) -> bool:
    return bool(one.hands.keys() & other.hands.keys()) or bool(one.gesture.head and other.gesture.head)


def _shortened(earlier: _Use, later: _Use) -> _Use | None:
    """A use that ends when the next one needs its hand; None if it cannot."""
    room = later.first - BETWEEN
    if earlier.last > room and earlier.cue.repeats is None and earlier.manner.repeats > 1:
        earlier = _use(earlier.cue, earlier.gesture, replace(earlier.manner, repeats=1))
    if earlier.last > room:
        return None
    return replace(earlier, hold=min(earlier.hold, room - earlier.last))


@dataclass(frozen=True)
class _Span:
    """When a hand is at a gesture, seconds: its weight rises from start to ready, and falls from let_go to end."""

    start: float
    ready: float
    let_go: float
    end: float

    def weight(self, at: np.ndarray) -> np.ndarray:
        rising = minimum_jerk((at - self.start) / max(self.ready - self.start, 1e-6))
        falling = minimum_jerk((self.end - at) / max(self.end - self.let_go, 1e-6))
        return np.asarray(np.minimum(rising, falling))


def _spans(motion: Motion, uses: Sequence[_Use], side: str, within: tuple[float, float]) -> dict[int, _Span]:
    """When a hand is at each of its gestures, by the ``id`` of the use."""
    own = [use for use in uses if side in use.hands]
    wrist = Arm.of(motion.rotations, side).wrist
    result: dict[int, _Span] = {}
    before: _Use | None = None
    for k, use in enumerate(own):
        path, following = use.hands[side], own[k + 1] if k + 1 < len(own) else None
        places = np.clip(np.round(np.array([path.first - 0.5, use.held + 0.5]) * motion.fps), 0, len(motion) - 1)
        come, go = wrist[places.astype(int)]
        from_generated = min(_way(come, path.wrist[0], PREPARED), _most_way(use.cue))
        ready = path.first + INTO_STROKE
        start = max(within[0], ready - from_generated)
        if before is not None and result[id(before)].end > start:
            last = before.hands[side].wrist[-1]
            start = max(before.held, ready - _way(last, path.wrist[0], PREPARED))
            result[id(before)] = replace(result[id(before)], let_go=ready, end=ready + 1e-3)
        back = min(_way(path.wrist[-1], go, RETRACTED) * LETTING_GO, _most_way(use.cue))
        held = use.held
        if following is None and held + back > within[1]:
            held = max(path.last, within[1] - back)
        end = held + back if within[1] == motion.seconds else min(held + back, within[1])
        result[id(use)], before = _Span(start, ready, min(held, end), end), use
    return result


def _way(one: np.ndarray, other: np.ndarray, bounds: tuple[float, float]) -> float:
    """Seconds in which a hand goes from one place to another."""
    return float(np.clip(SETTING_OUT + PACE * np.linalg.norm(one - other), *bounds))


class _Blend:
    """A motion into which gestures are blended one after the other."""

    def __init__(self, motion: Motion) -> None:
        self.source, self.skeleton = motion, motion.skeleton
        self.rotations = motion.rotations.astype(np.float64)
        self.at = np.arange(len(motion)) / motion.fps
        width = 2 * round(STEADY * motion.fps / 2) + 1
        self.alive = {}
        for side in ("left", "right"):
            wrist = Arm.of(motion.rotations, side).wrist
            self.alive[side] = ALIVE * (wrist - hann_mean(wrist, width))

    def motion(self) -> Motion:
        """The motion as it is now."""
        return replace(self.source, rotations=self.rotations.astype(np.float32))

    def arm(self, path: HandPath | RecordedPath, span: _Span) -> None:
        """An arm and its fingers, in place."""
        weight = span.weight(self.at)
        rows = np.flatnonzero(weight > 0)
        if not len(rows):
            return
        share, side = weight[rows], path.side
        joints = self.skeleton.indices([f"{side}_{part}" for part in PARTS]) + fingers_of_side(side)
        collar = self.rotations[rows, self.skeleton.index(f"{side}_collar")]
        target = path.turns(self.at[rows], collar, self.alive[side][rows])
        place = np.ix_(rows, np.array(joints))
        own = matrix_to_quaternion(self.rotations[place])
        self.rotations[place] = quaternion_to_matrix(slerp(own, target, share[:, None]))

    def turns(self, use: _Use) -> None:
        """Head, trunk and shoulders, in place."""
        for keys, joints in ((use.form.head, ("neck", "head")), (use.form.trunk, ("spine1", "spine2", "spine3"))):
            if not keys:
                continue
            times, angles = turn_path(keys, use.cue.time, use.manner, use.hold if use.hands else 0.0)
            turn = np.deg2rad(through(times, angles, self.at)) / len(joints)
            vectors = turn[:, [0, 1, 2]] * np.array([1.0, 1.0, -1.0])
            rows = np.flatnonzero(np.abs(turn).max(axis=1) > 0)
            part = axis_angle_to_matrix(vectors[rows])
            for joint in self.skeleton.indices(joints):
                self.rotations[rows, joint] = self.rotations[rows, joint] @ part
        if use.form.shoulders:
            self._raise_shoulders(use)

    def _raise_shoulders(self, use: _Use) -> None:
        up, down = RAISED
        rise = minimum_jerk((self.at - use.cue.time) / up + 0.5)
        fall = minimum_jerk((use.held + down - self.at) / down)
        angle = np.deg2rad(use.form.shoulders * use.manner.size) * np.minimum(rise, fall)
        rows = np.flatnonzero(angle > 0)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            collar, shoulder = self.skeleton.indices([f"{side}_collar", f"{side}_shoulder"])
            turn = axis_angle_to_matrix(np.array([0.0, 0.0, sign]) * angle[rows, None])
            before = self.rotations[rows, collar]
            self.rotations[rows, collar] = turn @ before
            arm = before @ self.rotations[rows, shoulder]  # which hangs as it did
            self.rotations[rows, shoulder] = transpose(turn @ before) @ arm


def _put_face(face: np.ndarray, use: _Use, fps: float) -> None:
    """Add what a face does in a use, in place."""
    at = np.arange(len(face)) / fps
    rise = minimum_jerk((at - use.first) / FACE_EASE + 1)
    share = np.minimum(rise, minimum_jerk((use.held - at) / FACE_EASE + 1))
    for name, weight in use.form.face.items():
        for column in shape_columns(name):
            face[:, column] = np.maximum(face[:, column], weight * share)


def _placed(use: _Use, spans: Sequence[_Span], seconds: float) -> PlacedGesture:
    side = "head" if not use.hands else "both" if len(use.hands) == 2 else next(iter(use.hands))
    start = min((span.start for span in spans), default=use.first - 0.3)
    end = max((span.end for span in spans), default=use.held + 0.4)
    return PlacedGesture(use.gesture.name, use.cue, max(0.0, start), use.cue.time, min(end, seconds), side)


def with_gestures(face: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Face weights [T, 52] with those that gestures add; where both move a shape the stronger one shows."""
    return np.asarray(np.maximum(face, added[: len(face)]))


def tell_left_out(left_out: Sequence[LeftOut]) -> None:
    """A note for each gesture that somebody asked for and that is not made; many are counted."""
    asked = [left for left in left_out if left.cue.source in ASKED_FOR]
    for left in asked[:TOLD]:
        note(f"the gesture {left.cue.gesture} at {left.cue.time:.2f} s is left out: {left.reason}")
    if len(asked) > TOLD:
        note(f"... and {len(asked) - TOLD:,} more gestures are left out; --explain names them")
