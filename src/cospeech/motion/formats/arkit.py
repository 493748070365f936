"""ARKit face weights as CSV, as the Live Link Face app writes them: 52 shapes, head and eye rotations.

Columns: Timecode (HH:MM:SS:FF.thousandths), BlendShapeCount (61), 52 shapes in the app's order, then HeadYaw,
HeadPitch, HeadRoll and the same of both eyes. The app documents neither unit nor sign of the rotations; here
they are radians, ``R = Ry(yaw) Rx(pitch) Rz(roll)`` in our axes: yaw turns to the person's left, pitch nods
down, roll leans to the person's right. The head's is against the chest, the eyes' against the head; eyes whose joints
rest have the angles of their weights (``motion.eyes``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.csv_files import csv_rows
from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.rotation import euler_to_matrix, matrix_to_euler, matrix_to_quaternion, quaternion_to_matrix, slerp
from ...core.timecodes import checked_rate
from ...speech.lip_track import check_cells
from ..eyes import with_eyes_in_face, with_turned_eyes
from ..face_shapes import ARKIT_NAMES, FACE_SHAPES
from ..motion import Motion
from ..skeleton import CANONICAL_NAMES, canonical_skeleton
from . import Format

_EYE = ("EyeBlink", "EyeLookDown", "EyeLookIn", "EyeLookOut", "EyeLookUp", "EyeSquint", "EyeWide")
_PAIRS = (
    *("MouthSmile", "MouthFrown", "MouthDimple", "MouthStretch"),
    *("MouthPress", "MouthLowerDown", "MouthUpperUp"),
)


def _both(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in ("Left", "Right"))


LIVE_LINK_SHAPES = (
    *(name + "Left" for name in _EYE),
    *(name + "Right" for name in _EYE),
    *("JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker"),
    *("MouthRight", "MouthLeft"),
    *_both(_PAIRS[:4]),
    *("MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper"),
    *_both(_PAIRS[4:]),
    *("BrowDownLeft", "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff"),
    *_both(("CheekSquint", "NoseSneer")),
    "TongueOut",
)
LIVE_LINK_ROTATIONS = tuple(
    part + angle for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")
)
FEWEST_SHAPES = 2  # columns of shapes that make a table one of a face


def save_arkit(motion: Motion, path: str | Path) -> Path:
    """Write face, head and eyes as a Live Link Face CSV.

    Raises:
        UserError: the motion has no face, or more than 999 frames a second.
    """
    path = Path(path)
    if motion.face is None:
        raise UserError("the motion has no face weights; a Live Link Face CSV holds nothing else")
    column = {name.lower(): i for i, name in enumerate(ARKIT_NAMES)}
    face = motion.face[:, [column[name.lower()] for name in LIVE_LINK_SHAPES]]
    values = np.concatenate([face, _angles(motion)], axis=1)
    row = ",".join(["%s", "61"] + ["%.9g"] * values.shape[1]) + "\n"
    rate = max(round(motion.fps), 1)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(",".join(["Timecode", "BlendshapeCount", *LIVE_LINK_SHAPES, *LIVE_LINK_ROTATIONS]) + "\n")
        for frame, numbers in enumerate(values.tolist()):
            seconds, rest = divmod(frame, rate)
            stamp = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}.000"
            file.write(row % (stamp, *numbers))
    return path


def load_arkit(path: str | Path, *, fps: float | None = None) -> Motion:
    """Read a Live Link Face CSV: a canonical body at rest with face, head (shared with the neck) and eyes.

    Args:
        path: the file. Columns are found by name, in any case and order; missing ones stay 0.
        fps: None takes it from the timecodes, 60 where they do not tell.

    Raises:
        UserError: no such columns, rows of another length, times backwards, or a value that is no number (the message
            names the line).
    """
    path = Path(path)
    if fps is not None and not 0 < fps <= 1000:
        raise UserError(f"fps must be between 0 and 1000; got {fps}")
    header, rows, lines = _read_table(path)
    place = {name: i for i, name in enumerate(header)}
    if sum(name.lower() in place for name in ARKIT_NAMES) < FEWEST_SHAPES:
        raise UserError(f"{path}: the first line names no ARKit shapes such as JawOpen or EyeBlinkLeft")
    values = _values(path, place, rows, lines)
    rate = _timecode_rate(path, place, rows, lines)
    if fps is None:
        fps = rate
    skeleton = canonical_skeleton()
    rotations = np.tile(np.eye(3), (len(rows), len(skeleton), 1, 1))
    angles = values[:, FACE_SHAPES:].reshape(-1, 3, 3)
    turns = euler_to_matrix(angles, "YXZ")
    whole = matrix_to_quaternion(turns[:, 0])
    half = quaternion_to_matrix(slerp(whole, np.tile([1.0, 0.0, 0.0, 0.0], (len(rows), 1)), np.full(len(rows), 0.5)))
    for name, turn in (("neck", half), ("head", half), ("left_eye", turns[:, 1]), ("right_eye", turns[:, 2])):
        rotations[:, skeleton.index(name)] = turn
    translation = np.tile(skeleton.offsets[0], (len(rows), 1))
    return with_eyes_in_face(Motion(skeleton, fps, rotations, translation, face=values[:, :FACE_SHAPES]))


def _values(path: Path, place: dict[str, int], rows: list[list[str]], lines: list[int]) -> np.ndarray:
    """[T, 52 + 9] weights and rotations by their columns, 0 where the file has none; UserError names the line."""
    columns = [place.get(name.lower()) for name in (*ARKIT_NAMES, *LIVE_LINK_ROTATIONS)]
    values = np.zeros((len(rows), len(columns)))
    for at, (row, line) in enumerate(zip(rows, lines, strict=True)):
        if not any(row[2:]):  # the app leaves a row empty when it loses the face: hold the last one
            values[at] = values[at - 1] if at else 0.0
            continue
        check_cells(path, line, row, len(place))
        for k, column in enumerate(columns):
            if column is not None and row[column]:
                values[at, k] = _number(row[column], path, line)
    return values


def _timecode_rate(path: Path, place: dict[str, int], rows: list[list[str]], lines: list[int]) -> float:
    """Frames a second by the time codes, if there are any. Raises UserError where they run backwards."""
    column = place.get("timecode")
    stamps = [] if column is None else [row[column] if column < len(row) else "" for row in rows]
    return checked_rate(stamps, lambda row: f"{path}, line {lines[row]}")


def _number(text: str, path: Path, line: int) -> float:
    """A finite number. Raises UserError, which names the line."""
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise UserError(f"{path}, line {line}: {text[:40]!r} is not a finite number")
    return value


def _angles(motion: Motion) -> np.ndarray:
    """Yaw, pitch, roll of head and eyes, [T, 9] radians; eyes that rest look where the weights say."""
    motion = with_turned_eyes(motion)
    if motion.skeleton.names != CANONICAL_NAMES:
        return np.zeros((motion.frames, 9))
    neck, head, left, right = (
        motion.rotations[:, motion.skeleton.index(name)].astype(np.float64)
        for name in ("neck", "head", "left_eye", "right_eye")
    )
    return np.concatenate([matrix_to_euler(turn, "YXZ") for turn in (neck @ head, left, right)], axis=1)


def _read_table(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Lower-case header, rows and their line numbers."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file; a Live Link Face CSV is plain text") from error
    table = [([cell.strip() for cell in row], line) for line, row in csv_rows(text, path)]
    if len(table) < 2:
        raise UserError(f"{path}: needs a line of names and at least one line of numbers")
    header = [name.lower() for name in table[0][0]]
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path} names {twice!r} twice; name every column once")
    return header, [row for row, _ in table[1:]], [line for _, line in table[1:]]


FORMAT = Format(".csv", "ARKit face, as Live Link Face writes it", load_arkit, save_arkit, content="face", face=True)
