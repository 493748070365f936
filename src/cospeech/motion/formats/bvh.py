"""BVH (Biovision hierarchy): the text format every animation tool reads.

A BVH rest pose is its offsets alone, so rest rotations are identity and a file maps to a ``Motion``
without loss. Conventions that the format leaves open, and how they are settled here:

- Position channels replace the joint's OFFSET, axis by axis, as Blender does. Files written here keep
  the root OFFSET at zero, so that tools which add the two (three.js) agree.
- Position channels of other joints: constant ones become the joint's offset. Ones that move stay in
  ``motion.extra["per_frame"]["bvh_position/NAME"]`` ([T, 3] metres, from the parent's origin in its frame),
  are written back, and count for nothing else: the skeleton takes their mean.
- BVH has no unit and no up axis. Both are told by the person (its height, and where the head is) and can be given.
- A file may hold several people, each with a ROOT of its own; one of them is read.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.limits import check_length, check_limit, check_poses, check_size
from ...core.progress import note_once
from ...core.rotation import euler_to_matrix, matrix_to_euler
from ..eyes import with_turned_eyes
from ..motion import Motion
from ..person_frame import TURNS, TYPICAL, UNITS, metres_per_unit, person_height
from ..rig_recognition import recognised
from ..skeleton import Skeleton
from . import SOURCE, Format, chosen_of

POSITION_KEY = "bvh_position/"  # in motion.extra["per_frame"]: [T, 3] metres of a joint that also slides
_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")

MOST_CHANNELS = 9  # of a joint: three each of position, rotation, scale
_STILL = 1e-5  # metres; a joint that slides less has a constant offset
_END_SITE = -2  # among the indices of open joints
_HUMAN_CHAIN = 1.35  # metres from the hips to a finger tip, along the bones
_RATES = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 72.0, 90.0, 100.0, 120.0, 200.0, 240.0)
_MOTION_HEAD = re.compile(
    r"\s*Frames:[ \t]*(?P<frames>\S*)[^\n]*\n\s*Frame[ \t]*Time:[ \t]*(?P<time>\S*)[^\n]*(?:\n|$)", re.IGNORECASE
)
_BONES = 10.0  # metres: all bones of a person together, about
_LIKELY = (1.2, 2.3)  # metres: heights of a person that need no second thought


@dataclass
class _Joint:
    name: str
    parent: int
    line: int
    offset: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    channels: list[str] = field(default_factory=list)  # "Xposition", "Zrotation"


def load_bvh(
    path: str | Path, *, up: str = "auto", unit: str | float = "auto", person: str | int | None = None
) -> Motion:
    """Read a BVH file.

    Args:
        path: the file.
        up: "y", "z", or "auto" (where the head is above the hips); z-up files are turned to y-up.
        unit: "m", "dm", "cm", "mm", "in", "ft", metres a unit as a number, or "auto" (the person's height).
        person: of several, the one whose ROOT has this name, or number from 0; the first if None.

    Raises:
        UserError: not a BVH file, or broken; the message names the line.
    """
    path = Path(path)
    if up not in ("auto", "y", "z"):
        raise UserError(f"up is 'auto', 'y' or 'z'; got {up!r}")
    text = _read_text(path)
    marker = re.search(r"^[ \t]*MOTION[ \t]*\r?$", text, re.MULTILINE | re.IGNORECASE)
    if marker is None:
        raise UserError(f"{path}: no MOTION line; not a BVH file, or cut off before the motion")
    parser = _HierarchyParser(path, text[: marker.start()])
    everything, all_ends = parser.parse()
    values, fps = _parse_motion(path, text, marker.end(), sum(len(joint.channels) for joint in everything))
    people = tuple(everything[root].name for root in parser.roots)
    chosen = chosen_of(people, person, path=path, what="people", option="--person")
    joints, ends, values = _of_person(parser.roots, chosen, everything, all_ends, values)
    check_poses(len(values), len(joints), path, given=values.size)

    parents = tuple(joint.parent for joint in joints)
    offsets = np.array([joint.offset for joint in joints])
    end_offsets = np.array([offset for _, offset in ends]).reshape(-1, 3)
    rotations, moving = _poses(joints, offsets, values)
    translation = moving.pop(0) if 0 in moving else np.tile(offsets[0], (len(values), 1))

    scale = _unit_scale(unit, joints, offsets, ends)
    if up == "auto":
        up = _up(joints, rotations, translation, offsets)
    turn = TURNS[up]
    if up != "y":
        rotations = (turn @ rotations @ turn.T).astype(np.float32)
    offsets = offsets @ turn.T * scale
    per_frame = _slides(joints, offsets, {index: position @ turn.T * scale for index, position in moving.items()})
    end_offsets = end_offsets @ turn.T * scale
    skeleton = Skeleton(
        tuple(joint.name for joint in joints),
        parents,
        offsets,
        tuple((joint, (x, y, z)) for (joint, _), (x, y, z) in zip(ends, end_offsets.tolist(), strict=True)),
    )
    extra: dict[str, Any] = {"per_frame": per_frame} if per_frame else {}
    extra[SOURCE] = {"up": up, "scale": scale, "people": people, "person": people[chosen]}
    return Motion(skeleton, fps, rotations, translation @ turn.T * scale, extra=extra)


def _slides(joints: list[_Joint], offsets: np.ndarray, moving: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
    """Positions of joints other than the root that move, by their key; ``offsets`` get the means."""
    per_frame = {}
    for index, position in moving.items():
        offsets[index] = position.mean(0)
        if np.abs(position - offsets[index]).max() > _STILL:
            per_frame[POSITION_KEY + joints[index].name] = position
    return per_frame


def _of_person(
    roots: list[int], chosen: int, joints: list[_Joint], ends: list[tuple[int, list[float]]], values: np.ndarray
) -> tuple[list[_Joint], list[tuple[int, list[float]]], np.ndarray]:
    """Joints, end sites and channels of one of several people, who stand one after the other in the file."""
    start, stop = [*roots, len(joints)][chosen : chosen + 2]
    first = sum(len(joint.channels) for joint in joints[:start])
    count = sum(len(joint.channels) for joint in joints[start:stop])
    own = [replace(joint, parent=joint.parent - start if joint.parent >= 0 else -1) for joint in joints[start:stop]]
    tips = [(joint - start, tip) for joint, tip in ends if start <= joint < stop]
    return own, tips, values[:, first : first + count]


def _poses(joints: list[_Joint], offsets: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Local rotations [T, J, 3, 3] float32, and positions [T, 3] of the joints that have such channels."""
    frames = len(values)
    rotations = np.empty((frames, len(joints), 3, 3), dtype=np.float32)
    moving: dict[int, np.ndarray] = {}
    column = 0
    for index, joint in enumerate(joints):
        block = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        turns = [i for i, channel in enumerate(joint.channels) if channel.endswith("rotation")]
        order = "".join(joint.channels[i][0] for i in turns)
        rotations[:, index] = euler_to_matrix(np.radians(block[:, turns]), order) if turns else np.eye(3)
        shifts = [i for i, channel in enumerate(joint.channels) if channel.endswith("position")]
        if shifts:
            position = np.tile(offsets[index], (frames, 1))
            position[:, ["XYZ".index(joint.channels[i][0]) for i in shifts]] = block[:, shifts]
            moving[index] = position
    return rotations, moving


def _read_text(path: Path) -> str:
    check_size(path, "file")
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if not text.lstrip().upper().startswith("HIERARCHY"):
        raise UserError(f"{path}: not a BVH file; line 1 must be HIERARCHY")
    return text


class _Tokens:
    """Words of the hierarchy, each with its line number."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.items = [
            (word, number)
            for number, line in enumerate(text.splitlines(), start=1)
            for word in line.replace("{", " { ").replace("}", " } ").split()
        ]
        self.at = 0

    @property
    def line(self) -> int:
        return self.items[min(self.at, len(self.items) - 1)][1]

    def peek(self) -> str:
        return self.items[self.at][0] if self.at < len(self.items) else ""

    def take(self, what: str) -> str:
        if self.at >= len(self.items):
            raise UserError(f"{self.path}, line {self.line}: the hierarchy ends where {what} should follow")
        self.at += 1
        return self.items[self.at - 1][0]

    def expect(self, word: str) -> None:
        got = self.take(word)
        if got.upper() != word:
            self.fail(f"expected {word}, got {got[:40]!r}")

    def number(self, what: str) -> float:
        word = self.take(what)
        try:
            value = float(word)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            self.fail(f"{what} must be a number, got {word[:40]!r}")
        return value

    def name(self) -> str:
        """The rest of the line up to a brace: some tools write names with spaces."""
        line, words = self.line, []
        while self.peek() not in ("", "{", "}") and self.line == line:
            words.append(self.take("a name"))
        if not words:
            self.fail("a joint without a name")
        return "_".join(words)

    def fail(self, problem: str) -> None:
        line = self.items[max(self.at - 1, 0)][1] if self.items else 1
        raise UserError(f"{self.path}, line {line}: {problem}")


class _HierarchyParser:
    """Joints and end sites of the part before MOTION; errors name the line."""

    def __init__(self, path: Path, text: str) -> None:
        self.tokens = _Tokens(path, text)
        self.joints: list[_Joint] = []
        self.ends: list[tuple[int, list[float]]] = []  # joint it hangs on, offset
        self.roots: list[int] = []  # of each person in the file
        self._lines: dict[str, int] = {}  # of each joint's name
        self._open: list[int] = []  # joints whose brace is open; _END_SITE for an End Site

    def parse(self) -> tuple[list[_Joint], list[tuple[int, list[float]]]]:
        tokens = self.tokens
        tokens.expect("HIERARCHY")
        statements = {"ROOT": self._joint, "JOINT": self._joint, "END": self._end_site}
        inside = {"OFFSET": self._offset, "CHANNELS": self._channels, "}": self._close}
        while tokens.peek() or self._open or not self.joints:
            word = tokens.peek().upper()
            statement = statements.get(word) or (inside.get(word) if self._open else None)
            if word == "CHANNELS" and self._open[-1:] == [_END_SITE]:
                statement = None
            if word == "":
                tokens.take("a closing brace" if self._open else "ROOT")
            elif statement is None:
                got = tokens.take(word)
                tokens.fail(f"unexpected {got[:40]!r}")
            else:
                tokens.take(word)
                statement(word)
        return self.joints, self.ends

    @property
    def _in_joint(self) -> bool:
        return bool(self._open) and self._open[-1] != _END_SITE

    def _joint(self, word: str) -> None:
        tokens, line = self.tokens, self.tokens.line
        if word == "ROOT":
            if self._open:
                tokens.fail("a ROOT within a joint")
            self.roots.append(len(self.joints))
            self._lines = {}
        if word == "JOINT" and not self._in_joint:
            tokens.fail("a JOINT outside of any joint")
        name = tokens.name()
        if name in self._lines:
            tokens.fail(f"joint {name!r} occurs twice (first in line {self._lines[name]}); rename one")
        self._lines[name] = line
        check_limit("joints", len(self.joints) + 1, f"{tokens.path}, line {line}")
        self.joints.append(_Joint(name, self._open[-1] if self._open else -1, line))
        tokens.expect("{")
        self._open.append(len(self.joints) - 1)

    def _end_site(self, word: str) -> None:
        if not self._in_joint:
            self.tokens.fail("an End Site outside of any joint")
        self.tokens.name()
        self.tokens.expect("{")
        self.ends.append((self._open[-1], [0.0, 0.0, 0.0]))
        self._open.append(_END_SITE)

    def _offset(self, word: str) -> None:
        offset = [self.tokens.number("an OFFSET") for _ in range(3)]
        if self._in_joint:
            self.joints[self._open[-1]].offset = offset
        else:
            self.ends[-1] = (self.ends[-1][0], offset)

    def _channels(self, word: str) -> None:
        tokens = self.tokens
        count = tokens.number("the number of CHANNELS")
        if count != int(count) or not 0 <= count <= MOST_CHANNELS:
            tokens.fail(f"a joint has 0 to {MOST_CHANNELS} channels, got {count:g}")
        channels = self.joints[self._open[-1]].channels = []
        for _ in range(int(count)):
            channel = tokens.take("a channel name").capitalize()
            if not re.fullmatch(r"[XYZ](position|rotation|scale)", channel):
                tokens.fail(f"unknown channel {channel[:40]!r}; known: Xposition ... Zrotation")
            if channel in channels:
                tokens.fail(f"channel {channel} occurs twice")
            channels.append(channel)

    def _close(self, word: str) -> None:
        self._open.pop()


def _parse_motion(path: Path, text: str, start: int, channels: int) -> tuple[np.ndarray, float]:
    """Frame values [T, channels] and frames a second, from the text behind MOTION."""
    head = _MOTION_HEAD.match(text, start)
    line = text.count("\n", 0, start) + 1
    if head is None:
        raise UserError(f"{path}, line {line + 1}: expected 'Frames: N' and 'Frame Time: S' behind MOTION")
    try:
        frames, seconds = int(head["frames"]), float(head["time"])
    except ValueError:
        frames, seconds = -1, 0.0
    if frames < 1 or not 0 < seconds < np.inf:
        raise UserError(
            f"{path}, line {line + 1}: needs at least one frame and a positive frame time; "
            f"got {head['frames'][:40]!r} and {head['time'][:40]!r}"
        )
    check_length(frames, 1.0 / seconds if seconds > 1e-300 else np.inf, path)
    body = text[head.end() :]
    first_line = text.count("\n", 0, head.end()) + 1
    if channels == 0:
        raise UserError(f"{path}: no joint has channels; nothing moves")
    values = _floats(body)
    if values is None or len(values) != frames * channels or not np.isfinite(values).all():
        raise UserError(f"{path}{_motion_fault(body, first_line, frames, channels)}")
    return values.reshape(frames, channels), _frame_rate(head["time"], seconds)


def _floats(text: str) -> np.ndarray | None:
    """All numbers of a text, or None if anything else is in it."""
    if not text.strip():
        return np.zeros(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # NumPy before 2.3 only warns of bad text
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            return None


def _motion_fault(body: str, first_line: int, frames: int, channels: int) -> str:
    """What is wrong with a motion block that did not parse, beginning with the line."""
    count = 0
    for number, line in enumerate(body.splitlines(), start=first_line):
        words = line.split()
        if not words:
            continue
        count += 1
        for word in words:
            try:
                good = bool(np.isfinite(float(word)))
            except ValueError:
                good = False
            if not good:
                return f", line {number}: {word[:40]!r} is not a finite number"
        if len(words) != channels:
            return f", line {number}: frame {count} has {len(words)} values for {channels} channels"
    return f", line {first_line - 2}: says {frames} frames, the file holds {count}; cut off or edited by hand"


def _frame_rate(text: str, seconds: float) -> float:
    """Frames a second of a rounded frame time: 0.0333333 means 30."""
    exact = 1.0 / seconds
    if abs(exact - round(exact)) < 1e-6 * exact:
        return float(round(exact))
    digits = len(text.partition(".")[2]) if "e" not in text.lower() else 9
    last_place = 10.0**-digits
    film = [rate * 1000 / 1001 for rate in (24.0, 30.0, 60.0, 120.0)]
    nearest = min([*_RATES, float(max(round(exact), 1)), *film], key=lambda rate: abs(1 / rate - seconds))
    close = abs(1 / nearest - seconds) <= last_place and abs(nearest - exact) < 0.05 * exact
    return nearest if close else exact


def _unit_scale(
    unit: str | float, joints: list[_Joint], offsets: np.ndarray, ends: list[tuple[int, list[float]]]
) -> float:
    """Metres a unit; "auto" takes the unit in which the longest chain of bones is most human.

    Where that leaves the person too small or too tall, the person's height decides.
    """
    if unit != "auto":
        return metres(unit)
    reach = np.zeros(len(joints))
    for index, joint in enumerate(joints):
        if joint.parent >= 0:
            reach[index] = reach[joint.parent] + np.linalg.norm(offsets[index])
    longest = max([*reach, *(reach[joint] + np.linalg.norm(tip) for joint, tip in ends)])
    if longest <= 0:
        return UNITS["cm"]
    best = min(("m", "cm", "mm", "in"), key=lambda name: abs(np.log(longest * UNITS[name] / _HUMAN_CHAIN)))
    human = abs(np.log(longest * UNITS[best] / _HUMAN_CHAIN)) < np.log(2)
    scale = UNITS[best if human else "cm"]
    skeleton = _skeleton(joints, offsets / longest, [(joint, np.array(tip) / longest) for joint, tip in ends])
    still = Motion(skeleton, 30.0, np.tile(np.eye(3), (1, len(joints), 1, 1)), skeleton.offsets[:1])
    height = person_height(still)
    if height is None or _LIKELY[0] <= height * longest * scale <= _LIKELY[1]:
        return scale
    scale, name = metres_per_unit(height * longest)
    if not name:
        note_once(
            f"the person is {height * longest:.4g} units tall, which is no height of people in any unit; "
            f"taken as {TYPICAL} m"
        )
    return scale


def _skeleton(joints: list[_Joint], offsets: np.ndarray, ends: list[tuple[int, np.ndarray]]) -> Skeleton:
    return Skeleton(
        tuple(joint.name for joint in joints),
        tuple(joint.parent for joint in joints),
        offsets,
        tuple((joint, (float(tip[0]), float(tip[1]), float(tip[2]))) for joint, tip in ends),
    )


def _up(joints: list[_Joint], rotations: np.ndarray, translation: np.ndarray, offsets: np.ndarray) -> str:
    """Which axis is up: that along which the head is above the hips."""
    some = slice(None, None, max(1, len(rotations) // 16))
    size = max(float(np.linalg.norm(offsets, axis=1).sum()), 1e-9) / _BONES
    skeleton = _skeleton(joints, offsets / size, [])
    motion = Motion(skeleton, 30.0, rotations[some], translation[some] / size)
    found = recognised(motion)
    if found is None:
        heads = [i for i, joint in enumerate(joints) if "head" in joint.name.lower()]
        low, high = 0, heads[0] if heads else 0
    else:
        low = found.joints["pelvis"][0]
        high = next((found.joints[name][0] for name in ("head", "neck", "spine3") if name in found.joints), low)
    rise = (motion.positions[:, high] - motion.positions[:, low]).mean(0)
    return "z" if rise[2] > 1.5 * abs(rise[1]) else "y"


def save_bvh(
    motion: Motion,
    path: str | Path,
    *,
    unit: str | float = "cm",
    order: str = "ZXY",
    rig: str | None = None,
    up: str = "y",
) -> Path:
    """Write a BVH file: root OFFSET zero, Euler angles without jumps, an End Site on every leaf.

    Args:
        motion: any skeleton.
        path: the file; it appears whole or not at all.
        unit: "cm" (what tools expect), another name of ``UNITS``, or metres a unit.
        order: axes of the rotation channels, in order of application.
        rig: write canonical motion with the joint names of a named table ("mixamo", "vrm", "ue5", ...).
        up: "y" (what tools expect), or "z".
    """
    path = Path(path)
    order = order.upper()
    _check_options(order, up)
    motion = with_turned_eyes(motion)
    if rig is not None:
        from ..retarget import to_rig

        motion = to_rig(motion, rig)
    scale = 1.0 / metres(unit)
    skeleton = motion.skeleton
    _check_names(skeleton)
    positions = shifts(motion)
    rotations, ends = motion.rotations, leaf_ends(skeleton)
    if up == "z":
        turn = TURNS["z"].T  # undone by reading; the person faces -y
        rotations = turn @ rotations.astype(np.float64) @ turn.T
        positions = {joint: position @ turn.T for joint, position in positions.items()}
        ends = [(joint, turn @ tip) for joint, tip in ends]
        skeleton = replace(skeleton, offsets=skeleton.offsets @ turn.T)
    lines = ["HIERARCHY"]
    columns: list[np.ndarray] = []
    angles = np.degrees(continuous_euler(rotations, order))
    _write_joint(lines, 0, 0, skeleton, ends, scale, order, set(positions))
    for joint in _depth_first(skeleton):
        if joint in positions:
            columns.append(positions[joint] * scale)
        columns.append(angles[:, joint])
    table = np.concatenate(columns, axis=1)
    lines += ["MOTION", f"Frames: {motion.frames}", f"Frame Time: {1 / motion.fps:.8f}"]
    row = " ".join(["%.5f"] * table.shape[1])
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
        for start in range(0, len(table), 1024):
            file.writelines(row % tuple(values) + "\n" for values in table[start : start + 1024].tolist())
    return path


def _check_options(order: str, up: str) -> None:
    """Raises UserError for what ``save_bvh`` does not know."""
    if order not in _ORDERS:
        raise UserError(f"rotation order must be one of {', '.join(_ORDERS)}; got {order!r}")
    if up not in ("y", "z"):
        raise UserError(f"up is 'y' or 'z'; got {up!r}")


def shifts(motion: Motion) -> dict[int, np.ndarray]:
    """Positions [T, 3] in metres of the joints that move against their parents, the root among them."""
    moved = {0: motion.translation.astype(np.float64)}
    for key, value in motion.extra.get("per_frame", {}).items():
        name = key.removeprefix(POSITION_KEY)
        if key.startswith(POSITION_KEY) and name in motion.skeleton.names and len(value) == motion.frames:
            moved[motion.skeleton.index(name)] = np.asarray(value, np.float64)
    return moved


def _check_names(skeleton: Skeleton) -> None:
    """Raises UserError for joint names that the format cannot hold."""
    for name in skeleton.names:
        if not name or re.search(r"[\s{}]", name):
            raise UserError(f"joint name {name!r} cannot stand in a BVH file: empty, or spaces in it")


def continuous_euler(rotations: np.ndarray, order: str) -> np.ndarray:
    """Euler angles [T, J, 3] radians of rotations [T, J, 3, 3], without jumps along time.

    Of the two triples (a, b, c) and (a + pi, pi - b, c + pi) that name one rotation, each frame takes the
    one nearer to the frame before; then whole turns are removed.
    """
    angles = matrix_to_euler(rotations, order)
    if len(angles) < 2:
        return angles
    other = np.stack([angles[..., 0] + np.pi, np.pi - angles[..., 1], angles[..., 2] + np.pi], -1)

    def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        total: np.ndarray = np.abs((a - b + np.pi) % (2 * np.pi) - np.pi).sum(-1)
        return total

    # Changing the triple costs the same from either one, so the choices follow by counting changes.
    changes = distance(other[1:], angles[:-1]) < distance(angles[1:], angles[:-1]) - 1e-9
    swapped = np.concatenate([np.zeros_like(changes[:1]), np.cumsum(changes, axis=0) % 2 == 1])
    return np.unwrap(np.where(swapped[..., None], other, angles), axis=0)


def leaf_ends(skeleton: Skeleton) -> list[tuple[int, np.ndarray]]:
    """End sites: the skeleton's own, and for leaves without one a tip that carries on the last bone."""
    ends = [(joint, np.asarray(tip)) for joint, tip in skeleton.ends]
    known = {joint for joint, _ in ends}
    for joint, children in enumerate(skeleton.children):
        if children or joint in known:
            continue
        offset = skeleton.offsets[joint]
        name = re.sub(r"[._-][lr]$", "", skeleton.names[joint].lower())  # Blender's and Unreal's sides
        if name.endswith(("eye", "jaw")):
            tip = np.array([0.0, 0.0, 0.03 if name.endswith("eye") else 0.08])
        elif name.endswith("head"):
            tip = np.array([0.0, 0.18, 0.0])
        elif name.endswith(("foot", "toe", "toes", "toebase", "ball")):
            height = float(skeleton.rest_positions[joint, 1])  # the tip of the toes stands on the floor
            tip = np.array([0.0, -height if 0 < height < 0.15 else 0.0, 0.07])
        elif name.endswith(("wrist", "hand")):
            tip = offset * (0.17 / max(float(np.linalg.norm(offset)), 1e-6))
        else:
            tip = offset * 0.8
        ends.append((joint, tip if np.linalg.norm(tip) > 1e-4 else np.array([0.0, 0.05, 0.0])))
    return ends


def metres(unit: str | float) -> float:
    """Metres a unit, by name or number. Raises UserError."""
    if isinstance(unit, str):
        if unit not in UNITS:
            raise UserError(f"unknown unit {unit!r}; known: {', '.join(UNITS)}, or metres a unit as a number")
        return UNITS[unit]
    if not 0 < unit < 1e6:
        raise UserError(f"a unit is a positive number of metres; got {unit}")
    return float(unit)


def _depth_first(skeleton: Skeleton) -> list[int]:
    order: list[int] = []
    stack = [0]
    while stack:
        joint = stack.pop()
        order.append(joint)
        stack.extend(reversed(skeleton.children[joint]))
    return order


def _write_joint(
    lines: list[str],
    joint: int,
    depth: int,
    skeleton: Skeleton,
    ends: list[tuple[int, np.ndarray]],
    scale: float,
    order: str,
    with_position: set[int],
) -> None:
    pad = "\t" * depth
    offset = skeleton.offsets[joint] * scale if joint else np.zeros(3)
    turns = " ".join(f"{axis}rotation" for axis in order)
    channels = f"6 Xposition Yposition Zposition {turns}" if joint in with_position else f"3 {turns}"
    lines += [
        f"{pad}{'JOINT' if depth else 'ROOT'} {skeleton.names[joint]}",
        f"{pad}{{",
        f"{pad}\tOFFSET {_triple(offset)}",
        f"{pad}\tCHANNELS {channels}",
    ]
    for child in skeleton.children[joint]:
        _write_joint(lines, child, depth + 1, skeleton, ends, scale, order, with_position)
    for owner, tip in ends:
        if owner == joint:
            lines += [f"{pad}\tEnd Site", f"{pad}\t{{"]
            lines += [f"{pad}\t\tOFFSET {_triple(tip * scale)}", f"{pad}\t}}"]
    lines.append(f"{pad}}}")


def _triple(vector: np.ndarray) -> str:
    return " ".join(f"{value + 0.0:.6f}" for value in vector)


FORMAT = Format(".bvh", "Biovision hierarchy", load_bvh, save_bvh, any_rig=True)
