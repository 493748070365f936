"""One self-contained HTML file in which the person moves and speaks, offline, in any current browser.

The page is our own (``player/``): a WebGL2 scene, a clock led by the sound, and a strip with waveform,
words and gesture phases. This module puts motion, body, sound and page into one file.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import UserError
from ..core.files import atomic_path
from ..motion.formats import Format
from ..motion.motion import Motion
from ..motion.phases import Phase, phases
from ..motion.retarget import on_canonical, retarget
from ..motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, canonical_skeleton
from .body import chosen_body
from .character.character import Character, open_character
from .character.drawing import pose_figure
from .character.figure import load_figure
from .character.textures import encoded
from .player.packing import (
    PEAKS_PER_SECOND,
    Packer,
    encode_sound,
    moving_shapes,
    pack_body,
    pack_figure,
    pack_motion,
    pack_tracks,
    peaks,
)
from .pose import pose_vertices

if TYPE_CHECKING:
    from ..speech.speech import Speech
    from .body import Body, BodyLike, ColoursLike

PhaseTuple = tuple[float, float, str, str, float]  # start and end in seconds, kind, side, strength

PHASE_KINDS = ("preparation", "stroke", "hold", "retraction", "rest")


def write_html(
    motion: Motion,
    path: str | Path,
    *,
    speech: Speech | None = None,
    phases: Iterable[Phase | PhaseTuple] | None = None,
    title: str | None = None,
    level: int = 0,
    body: BodyLike | None = None,
    colours: ColoursLike | None = None,
    onto: str | Path | Character | None = None,
) -> Path:
    """Write one HTML file that plays a motion, with its speech if there is one; it needs no network.

    Args:
        motion: on any known skeleton; others than the canonical one are retargeted.
        path: where to; the file appears whole or not at all.
        speech: its sound leads the animation, its words stand in the strip and the captions.
        phases: gesture phases as ``motion.phases.phases`` finds them, or tuples of start and end in
            seconds, kind, side ("left", "right", anything else for both) and strength (any unit).
        title: the heading; default the file's name.
        level: detail of the body, 0 (finest) or 1 (lighter by 0.2 MB).
        body: "person", "woman", "mannequin", or another body bound to the canonical joints.
        colours: of its clothes, as in "jacket=#345,trousers=navy" or as a dict.
        onto: a user's own character, which is shown instead.

    Returns:
        The path.

    Raises:
        UserError: the motion is empty, its skeleton is unknown, a phase has an unknown kind, or the file
            cannot be written.
    """
    path = Path(path)
    if not motion.frames:
        raise UserError("the motion has no frames; give at least one")
    if level not in (0, 1):
        raise UserError(f"no body of level {level!r}; allowed are 0 (finest) and 1 (smaller file)")
    if motion.skeleton != canonical_skeleton():
        motion = retarget(motion, separate=onto is None)
    if onto is not None:
        shown = _character_shown(motion, open_character(onto))
    else:
        shown = _default_shown(motion, chosen_body(body, colours, level))
    page = _page(
        motion,
        speech,
        _phase_rows(phases or ()),
        (title or path.stem).encode("utf-8", errors="replace").decode(),
        shown,
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def save_page(
    motion: Motion,
    path: str | Path,
    *,
    speech: Speech | None = None,
    body: BodyLike | None = None,
    colours: ColoursLike | None = None,
    title: str | None = None,
    level: int = 0,
    onto: str | Path | Character | None = None,
) -> Path:
    """``write_html`` with the gesture phases that are found in the motion; rigs that are known are retargeted."""
    motion = on_canonical(motion, separate=onto is None)
    found = phases(motion)
    shown: dict[str, Any] = {"level": level, "body": body, "colours": colours, "onto": onto}
    return write_html(motion, path, speech=speech, phases=found, title=title, **shown)


# ---------------------------------------------------------------------------- the page


def _sources(motion: Motion) -> list[dict[str, Any]]:
    """Where the gestures of a motion come from, if it tells (``extra["explain"]``), for the strip."""
    result = []
    for used in motion.extra.get("explain", {}).get("used", []):
        name = str(used["segment"]).rsplit("/", 1)[-1]
        words = f", said “{used['words']}”" if used.get("words") else ""
        detail = (
            f"from {used['segment']} ({used.get('speaker')}, {used.get('emotion') or 'no emotion'}{words}), "
            f"score {used['score']:.2f}, {used['speed']:.2f} times as fast"
        )
        result.append({"text": name, "detail": detail, "start": used["used_from"], "end": used["used_to"]})
    for named in motion.extra.get("explain", {}).get("gestures", []):
        name = str(named["gesture"]).replace("_", " ")
        word = f"“{named['word']}”" if named.get("word") else "no word"
        detail = f"{name}, at {word} ({named.get('meaning') or named.get('source')}), stroke at {named['stroke']:.2f} s"
        result.append({"text": name, "detail": detail, "start": named["start"], "end": named["end"]})
    return sorted(result, key=lambda source: source["start"])


def _captions(speech: Speech, motion: Motion) -> list[dict[str, Any]]:
    """The words with their times, those with a named gesture with its name."""
    named = motion.extra.get("explain", {}).get("gestures", [])
    result: list[dict[str, Any]] = []
    for word in speech.words:
        entry: dict[str, Any] = {"text": word.text, "start": round(word.start, 3), "end": round(word.end, 3)}
        gestures = [g["gesture"] for g in named if g.get("word") == word.text and abs(g["stroke"] - word.start) < 1.0]
        if gestures:
            entry["gesture"] = str(gestures[0]).replace("_", " ")
        result.append(entry)
    return result


@dataclass(frozen=True, eq=False)
class _Shown:
    """Who is seen on a page, packed."""

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    rest: np.ndarray  # [J, 3] metres
    crown: float | None  # metres from the head's joint to the top of the head; None: as of our person
    stool: dict[str, float] | None
    helpers: bool  # whether helpers spread the twist of the arms
    motion: Packer
    motion_meta: dict[str, Any]
    mesh: Packer
    mesh_meta: dict[str, Any]
    pictures: tuple[tuple[str, bytes], ...] = ()  # media type and bytes of the textures


def _default_shown(motion: Motion, body: Body) -> _Shown:
    """The default person, or another body on the canonical joints."""
    moving = moving_shapes(motion)
    motion_packer, body_packer = Packer(), Packer()
    motion_meta = pack_motion(motion, body, moving, motion_packer)
    body_meta = pack_body(body, moving, body_packer)
    rest = body.joint_positions.astype(np.float64)

    def pose(frame: int) -> np.ndarray:
        points: np.ndarray = pose_vertices(body, motion.with_face(None), frames=slice(frame, frame + 1))[0]
        return points

    stool = _stool(motion, pose)
    return _Shown(
        CANONICAL_NAMES, CANONICAL_PARENTS, rest, None, stool, True, motion_packer, motion_meta, body_packer, body_meta
    )


def _character_shown(motion: Motion, character: Character) -> _Shown:
    """A user's own character."""
    figure = load_figure(character)
    moved = figure.move(character.pose(motion))
    motion_packer, packer = Packer(), Packer()
    mesh_meta, face_meta = pack_figure(figure, moved, packer)
    face = moved.weights[:, face_meta["faceShapes"]]
    motion_meta = pack_tracks(moved.rotations, moved.places[:, 0], face, motion_packer) | face_meta

    def pose(frame: int) -> np.ndarray:
        return pose_figure(figure, moved, frame)[0]

    return _Shown(
        figure.names,
        figure.parents,
        figure.rest,
        figure.crown,
        _stool(motion, pose),
        False,
        motion_packer,
        motion_meta,
        packer,
        mesh_meta,
        tuple(encoded(figure.textures)),
    )


def _page(motion: Motion, speech: Speech | None, phases: list[dict[str, Any]], title: str, shown: _Shown) -> str:
    from .. import __name__ as package

    motion_packer = shown.motion
    sound, sound_type = b"", ""
    if speech is not None:
        motion_packer.add("peaks", peaks(speech)[None], width=1, order=1, signed=False)
        sound, sound_type = encode_sound(speech)
    words = [] if speech is None else _captions(speech, motion)
    facts = [] if speech is None else [fact for fact in (speech.speaker, speech.emotion) if fact]
    meta = {
        "format": 1,
        "title": title,
        "fps": motion.fps,
        "frames": motion.frames,
        "joints": list(shown.joints),
        "parents": list(shown.parents),
        "rest": shown.rest.round(6).tolist(),
        "crown": shown.crown,
        "helpers": shown.helpers,
        "facts": facts,
        "stool": shown.stool,
        "motion": {**shown.motion_meta, "data": motion_packer.layout()},
        "body": {**shown.mesh_meta, "data": shown.mesh.layout()},
        "audio": {"type": sound_type, "seconds": round(speech.seconds, 4)} if speech is not None else None,
        "timeline": {"words": words, "sources": _sources(motion), "phases": phases, "peaksPerSecond": PEAKS_PER_SECOND},
    }
    style, script = _source("player.css"), bundle()
    parts = {
        "POLICY": "default-src 'none'; base-uri 'none'; form-action 'none'; media-src blob: data:; "
        f"script-src '{_fingerprint(script)}'; style-src '{_fingerprint(style)}'",
        "VERSION": html.escape(_version(package.split(".")[0])),
        "TITLE": html.escape(title),
        "LABEL": html.escape(f"A person {'speaks and gestures' if speech is not None else 'moves'}: {title}"),
        "STYLE": style,
        "POSTER": _poster(motion),
        "META": _json(meta),
        "BODY": shown.mesh.base64(),
        "PICTURES": _json([{"type": kind, "data": _base64(data)} for kind, data in shown.pictures]),
        "MOTION": motion_packer.base64(),
        "AUDIO": _base64(sound),
        "SCRIPT": script,
    }
    # One pass, so that nothing a user wrote can be taken for a place to fill.
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: parts[found[1]], _source("player.html"))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _json(value: Any) -> str:
    """JSON that can stand in a script element: no ``</script>`` and no ``<!--`` can arise in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _fingerprint(text: str) -> str:
    """The hash by which the page's policy lets its own script and style through, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "source"


def _source(name: str) -> str:
    return (resources.files(__package__) / "player" / name).read_text(encoding="utf-8")


def bundle() -> str:
    """The player's modules and shaders as one script.

    Every module becomes a function of its own that returns what it exports, in the order in which
    they import each other; an import line becomes a destructuring of that.
    """
    line = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
    export = re.compile(r"^export (?=(?:async )?(?:const|function|class) (\w+))", re.MULTILINE)
    modules: dict[str, str] = {}

    def visit(name: str) -> None:
        if name in modules:
            return
        text = _source(f"{name}.js")
        for _, module in line.findall(text):
            visit(module)
        names = ", ".join(export.findall(text))
        body = export.sub("", line.sub(r"const \1 = module_\2;", text))
        modules[name] = f"const module_{name} = (() => {{\n{body}return {{ {names} }};\n}})();\n"

    visit("main")
    folder = resources.files(__package__) / "player"
    shaders = {file.name: _source(file.name) for file in folder.iterdir() if file.name.endswith(".glsl")}
    start = f"module_main.start({_json(dict(sorted(shaders.items())))});\n"
    return '"use strict";\n(() => {\n' + "".join(modules.values()) + start + "})();\n"


def _poster(motion: Motion) -> str:
    """A still stick figure of the middle frame as SVG, for a browser without JavaScript."""
    skeleton = motion.skeleton
    points = motion[motion.frames // 2 : motion.frames // 2 + 1].positions[0, :, :2] * [100, -100]
    low, high = points.min(0) - 22, points.max(0) + 10
    size = high - low
    bones = "".join(
        f"M{points[parent][0]:.1f} {points[parent][1]:.1f}L{points[joint][0]:.1f} {points[joint][1]:.1f}"
        for joint, parent in enumerate(skeleton.parents)
        if parent >= 0 and not re.search("eye|jaw", skeleton.names[joint])
    )
    x, y = points[skeleton.index("head")]
    view = f"{low[0]:.1f} {low[1]:.1f} {size[0]:.1f} {size[1]:.1f}"
    return (
        f'<svg viewBox="{view}" role="img" aria-label="A still of the motion">'
        f'<path d="{bones}" fill="none" stroke="#e8ecf4" stroke-width="2" stroke-linecap="round"/>'
        f'<ellipse cx="{x:.1f}" cy="{y - 8:.1f}" rx="8" ry="11" fill="#e8ecf4"/></svg>'
    )


# ---------------------------------------------------------------------------- what is played


def _phase_rows(phases: Iterable[Phase | PhaseTuple]) -> list[dict[str, Any]]:
    rows = []
    for phase in phases:
        if isinstance(phase, tuple):
            start, end, kind, side, strength = phase
        else:
            start, end, kind, side, strength = phase.start, phase.end, phase.kind, phase.side, phase.strength
        if kind not in PHASE_KINDS:
            raise UserError(f"no gesture phase {kind!r}; allowed are {', '.join(PHASE_KINDS)}")
        rows.append((round(float(start), 3), round(float(end), 3), kind, str(side), float(strength)))
    top = max((strength for _, _, kind, _, strength in rows if kind == "stroke"), default=1.0) or 1.0
    names = ("start", "end", "kind", "side", "strength")
    return [dict(zip(names, (*row[:4], round(min(row[4] / top, 1.0), 3)), strict=True)) for row in sorted(rows)]


def _stool(motion: Motion, pose: Callable[[int], np.ndarray]) -> dict[str, float] | None:
    """Where a stool belongs under a seated speaker, and how high, metres; None if they stand.

    Args:
        motion: on the canonical joints.
        pose: gives the points [V, 3] of a frame.
    """
    height = float(np.median(motion.translation[:, 1]))
    if not 0.25 * motion.skeleton.offsets[0, 1] < height < 0.72 * motion.skeleton.offsets[0, 1]:
        return None
    frame = int(np.argmin(np.abs(motion.translation[:, 1] - height)))
    points = pose(frame)
    # Under the thighs, a hand's breadth before the pelvis: no jacket hangs there.
    ahead = motion.rotations[:, 0, :, 2].mean(axis=0) * 0.1
    x, _, z = motion.translation.mean(axis=0) + ahead
    under = points[(np.hypot(points[:, 0] - x, points[:, 2] - z) < 0.13) & (points[:, 1] > 0.6 * height)]
    if not len(under):
        return None
    # Cloth and cushion give way: the seat's top is a little above the lowest point.
    seat = float(under[:, 1].min()) + 0.008
    x, z = float(x - 0.6 * ahead[0]), float(z - 0.6 * ahead[2])
    return {"x": round(x, 4), "z": round(z, 4), "height": round(seat, 4)}


FORMAT = Format(".html", "one page that plays anywhere, offline", write=save_page, content="picture", face=True)
