"""One self-contained HTML file in which the person moves and speaks, offline, in any current browser.

The page is our own (``player/``): a WebGL2 scene, a clock led by the sound, and a strip with waveform,
words and gesture phases. This module packs motion, body, sound and page into one file.

Numbers are packed as the page's ``codec.js`` reads them: every channel is quantised, differenced along
time, zigzagged and split into byte planes, then deflated. Rotations are rotation vectors of 1/8192
radian (0.007 degrees); differenced twice they take about 0.3 MB a minute.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..files import atomic_path
from ..motion.face import ARKIT_NAMES
from ..motion.motion import Motion
from ..motion.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, canonical_skeleton
from ..rotation import matrix_to_axis_angle
from .pose import canonical_motion, pose_vertices
from .skinning import dense_weights

if TYPE_CHECKING:
    from ..motion.phases import Phase
    from ..speech.speech import Speech
    from .body import Body

PhaseTuple = tuple[float, float, str, str, float]  # start and end in seconds, kind, side, strength

ROTATION_STEP = 1 / 8192  # radians
TRANSLATION_STEP = 5e-5  # metres
POSITION_STEP = 4e-5  # metres; 16 bits reach 1.3 m from the middle of the body
MORPH_STEP = 2e-5  # metres
PEAKS_PER_SECOND = 100  # bars of the waveform
INFLUENCES = 8  # joints that move one vertex, helpers included
PHASE_KINDS = ("preparation", "stroke", "hold", "retraction", "rest")


def write_html(
    motion: Motion,
    path: str | Path,
    *,
    speech: Speech | None = None,
    phases: Iterable[Phase | PhaseTuple] | None = None,
    title: str | None = None,
    level: int = 1,
    body: Body | None = None,
) -> Path:
    """Write one HTML file that plays a motion, with its speech if there is one; it needs no network.

    Args:
        motion: on any known skeleton; others than the canonical one are retargeted.
        path: where to; the file appears whole or not at all.
        speech: its sound leads the animation, its words stand in the strip and the captions.
        phases: gesture phases as ``motion.phases.phases`` finds them, or tuples of start and end in
            seconds, kind, side ("left", "right", anything else for both) and strength (any unit).
        title: the heading; default the file's name.
        level: detail of the body, 0 (finest) or 1 (a third of the size).
        body: another body than the package's own.

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
        from ..motion.retarget import retarget

        motion = retarget(motion)
    if body is None:
        from .body import load_body

        body = load_body(level)
    page = _page(motion, speech, _phase_rows(phases or ()), title or path.stem, body)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


# ---------------------------------------------------------------------------- the page


def _page(motion: Motion, speech: Speech | None, phases: list[dict], title: str, body: Body) -> str:
    from .. import __name__ as package

    moving = _moving_shapes(motion)
    motion_packer = _Packer()
    motion_meta = _pack_motion(motion, body, moving, motion_packer)
    sound, sound_type = b"", ""
    if speech is not None:
        motion_packer.add("peaks", _peaks(speech)[None], width=1, order=1, signed=False)
        sound, sound_type = encode_sound(speech)
    body_packer = _Packer()
    body_meta = _pack_body(body, moving, body_packer)
    words = [] if speech is None else [
        {"text": word.text, "start": round(word.start, 3), "end": round(word.end, 3)} for word in speech.words
    ]
    facts = [] if speech is None else [fact for fact in (speech.speaker, speech.emotion) if fact]
    meta = {
        "format": 1,
        "title": title,
        "fps": motion.fps,
        "frames": motion.frames,
        "joints": list(CANONICAL_NAMES),
        "parents": list(CANONICAL_PARENTS),
        "rest": body.joint_positions.astype(np.float64).round(6).tolist(),
        "facts": facts,
        "stool": _stool(motion, body),
        "motion": {**motion_meta, "data": motion_packer.layout()},
        "body": {**body_meta, "data": body_packer.layout()},
        "audio": {"type": sound_type} if sound else None,
        "timeline": {"words": words, "phases": phases, "peaksPerSecond": PEAKS_PER_SECOND},
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
        "BODY": body_packer.base64(),
        "MOTION": motion_packer.base64(),
        "AUDIO": base64.b64encode(sound).decode("ascii"),
        "SCRIPT": script,
    }
    # One pass, so that nothing a user wrote can be taken for a place to fill.
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: parts[found[1]], _source("player.html"))


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
    low, high = points.min(0) - 15, points.max(0) + 15
    size = high - low
    bones = "".join(
        f"M{points[parent][0]:.1f} {points[parent][1]:.1f}L{points[joint][0]:.1f} {points[joint][1]:.1f}"
        for joint, parent in enumerate(skeleton.parents)
        if parent >= 0 and not re.search("eye|jaw", skeleton.names[joint])
    )
    x, y = points[skeleton.index("head")]
    return (
        f'<svg viewBox="{low[0]:.1f} {low[1]:.1f} {size[0]:.1f} {size[1]:.1f}" role="img" aria-label="A still">'
        f'<path d="{bones}" fill="none" stroke="#e8ecf4" stroke-width="2" stroke-linecap="round"/>'
        f'<ellipse cx="{x:.1f}" cy="{y - 8:.1f}" rx="8" ry="11" fill="#e8ecf4"/></svg>'
    )


# ---------------------------------------------------------------------------- what is played


def _phase_rows(phases: Iterable[Phase | PhaseTuple]) -> list[dict]:
    rows = []
    for phase in phases:
        if isinstance(phase, Sequence):
            start, end, kind, side, strength = phase
        else:
            start, end, kind, side, strength = phase.start, phase.end, phase.kind, phase.side, phase.strength
        if kind not in PHASE_KINDS:
            raise UserError(f"no gesture phase {kind!r}; allowed are {', '.join(PHASE_KINDS)}")
        rows.append({"start": float(start), "end": float(end), "kind": kind, "side": str(side), "strength": strength})
    top = max((row["strength"] for row in rows if row["kind"] == "stroke"), default=1.0) or 1.0
    for row in rows:
        row.update(start=round(row["start"], 3), end=round(row["end"], 3))
        row["strength"] = round(min(float(row["strength"]) / top, 1.0), 3)
    return sorted(rows, key=lambda row: row["start"])


def _stool(motion: Motion, body: Body) -> dict | None:
    """Where a stool belongs under a seated speaker: the lowest point of the seat, metres. None if they stand."""
    height = float(np.median(motion.translation[:, 1]))
    if not 0.25 * motion.skeleton.offsets[0, 1] < height < 0.72 * motion.skeleton.offsets[0, 1]:
        return None
    frame = int(np.argmin(np.abs(motion.translation[:, 1] - height)))
    points = pose_vertices(body, motion.with_face(None), frames=slice(frame, frame + 1))[0]
    # Under the thighs, a hand's breadth before the pelvis: no jacket hangs there.
    ahead = motion.rotations[:, 0, :, 2].mean(axis=0) * 0.1
    x, _, z = motion.translation.mean(axis=0) + ahead
    under = points[(np.hypot(points[:, 0] - x, points[:, 2] - z) < 0.13) & (points[:, 1] > 0.6 * height)]
    if not len(under):
        return None
    # Cloth and cushion give way: the seat's top is a little above the lowest point.
    seat = float(under[:, 1].min()) + 0.008
    return {"x": round(float(x - 0.6 * ahead[0]), 4), "z": round(float(z - 0.6 * ahead[2]), 4), "height": round(seat, 4)}


def _moving_shapes(motion: Motion) -> list[int]:
    """Indices of the face shapes that ever move: only these are worth a place in the file."""
    if motion.face is None:
        return []
    return np.flatnonzero(motion.face.max(axis=0) > 0.5 / 255).tolist()


def _pack_motion(motion: Motion, body: Body, moving: list[int], packer: _Packer) -> dict:
    rotations, translation, face = canonical_motion(body, motion, slice(None))
    vectors = matrix_to_axis_angle(rotations.astype(np.float64)).reshape(motion.frames, -1)
    packer.add("rotations", np.round(vectors / ROTATION_STEP).T, width=2, order=2, signed=True)
    packer.add("translation", np.round(translation / TRANSLATION_STEP).T, width=4, order=2, signed=True)
    used = np.zeros((0, motion.frames)) if face is None else face[:, moving].T
    packer.add("face", np.round(used * 255), width=1, order=1, signed=False)
    return {"steps": {"rotation": ROTATION_STEP, "translation": TRANSLATION_STEP}, "faceShapes": moving}


def _peaks(speech: Speech) -> np.ndarray:
    """[N] 0 to 255: the loudest sample of every hundredth of a second, relative to the loudest of all."""
    edges = np.arange(0, len(speech.samples), speech.sample_rate / PEAKS_PER_SECOND).astype(int)
    peaks = np.maximum.reduceat(np.abs(speech.samples), edges)
    return np.round(255 * (peaks / max(float(peaks.max()), 1e-6)) ** 0.7)


def encode_sound(speech: Speech) -> tuple[bytes, str]:
    """The sound as a small file that browsers play, and its media type.

    AAC in MP4 through PyAV, whose edit list lets players cut the encoder's delay off to the sample;
    16-bit WAV where the encoder is missing.
    """
    import av

    try:
        return _encode_aac(speech.samples, speech.sample_rate), "audio/mp4"
    except (av.FFmpegError, ValueError):
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, speech.samples, speech.sample_rate, format="WAV", subtype="PCM_16")
        return file.getvalue(), "audio/wav"


def _encode_aac(samples: np.ndarray, rate: int) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate)
        stream.layout = "mono"
        stream.bit_rate = 40_000 if rate <= 24_000 else 64_000
        block = 1 << 15
        for start in range(0, len(samples), block):
            part = np.ascontiguousarray(samples[None, start : start + block], dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


# ---------------------------------------------------------------------------- the body


def _pack_body(body: Body, moving: list[int], packer: _Packer) -> dict:
    """Vertices that a used face shape moves come first, so that the page rewrites one stretch of them."""
    count = len(body.vertices)
    stored = [body.morphs.names.index(ARKIT_NAMES[shape]) for shape in moving]
    shapes = [(body.morphs.indices[shape], body.morphs.deltas[shape]) for shape in stored]
    in_face = np.zeros(count, bool)
    for indices, _ in shapes:
        in_face[indices] = True
    order = np.argsort(~in_face, kind="stable")
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)

    middle = (body.vertices.max(0) + body.vertices.min(0)) / 2
    dense = dense_weights(body.joints, body.weights, body.vertices, body.joint_positions)
    joints, weights = _influences(dense)
    packer.add("position", np.round((body.vertices[order] - middle) / POSITION_STEP).T, width=2, order=1, signed=True)
    packer.add("normal", np.round(body.normals[order] * 127).T, width=1, order=1, signed=True)
    packer.add("colour", np.round(np.clip(body.colours[order], 0, 1) * 255).T, width=1, order=1, signed=False)
    surface = np.stack([body.occlusion, body.shine, body.softness], axis=1)
    packer.add("surface", np.round(surface[order] * 255).T, width=1, order=1, signed=False)
    packer.add("joints", joints[order].T, width=1, order=0, signed=False)
    packer.add("weights", weights[order].T, width=1, order=0, signed=False)
    packer.add("triangles", place[body.triangles].T, width=4, order=1, signed=False)
    index = np.concatenate([place[indices] for indices, _ in shapes] or [np.zeros(0, int)])
    delta = np.concatenate([deltas for _, deltas in shapes] or [np.zeros((0, 3))])
    packer.add("morphIndex", index[None], width=4, order=1, signed=False)
    packer.add("morphDelta", np.round(delta / MORPH_STEP).T, width=2, order=1, signed=True)
    counts = [0] * 52
    for shape, (indices, _) in zip(moving, shapes, strict=True):
        counts[shape] = len(indices)
    return {
        "vertices": count,
        "faceVertices": int(in_face.sum()),
        "middle": middle.tolist(),
        "positionStep": POSITION_STEP,
        "morphStep": MORPH_STEP,
        "morphCounts": counts,
    }


def _influences(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The strongest influences of each vertex, [V, 8] indices and [V, 8] weights that sum to 255."""
    joints = np.argsort(-dense, axis=1, kind="stable")[:, :INFLUENCES]
    weights = np.take_along_axis(dense, joints, 1).astype(np.float64)
    weights *= 255 / weights.sum(1, keepdims=True)
    whole = np.floor(weights)
    # The largest remainders take what rounding left over.
    left = 255 - whole.sum(1).astype(int)
    rank = np.argsort(np.argsort(-(weights - whole), axis=1, kind="stable"), axis=1)
    whole += rank < left[:, None]
    joints[whole == 0] = 0
    return joints, whole


class _Packer:
    """Integer arrays, packed one after the other; ``codec.js`` is the other half."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._arrays: dict[str, dict] = {}

    def add(self, name: str, values: np.ndarray, *, width: int, order: int, signed: bool) -> None:
        """Append whole numbers [channels, count] of ``width`` bytes, differenced ``order`` times.

        All arithmetic is modulo the width, so a difference may overflow and still come back exactly.
        """
        channels, count = values.shape
        values = np.asarray(values).astype(np.int64)
        bits = 8 * width
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if values.size and not low <= int(values.min()) <= int(values.max()) <= high:
            raise UserError(f"{name} reaches beyond what the page can hold; is the motion in metres?")
        for _ in range(order):
            values = np.diff(values, axis=1, prepend=0)
        half = 1 << bits - 1
        values = (values + half) % (1 << bits) - half
        zigzag = (values << 1) ^ (values >> 63)
        planes = [(zigzag >> 8 * plane & 255).astype(np.uint8).tobytes() for plane in range(width)]
        self._arrays[name] = {
            "offset": sum(map(len, self._blocks)),
            "channels": channels,
            "count": count,
            "width": width,
            "order": order,
            "signed": signed,
        }
        self._blocks.append(b"".join(planes))

    def layout(self) -> dict:
        """Where each array lies, for the page."""
        return {"size": sum(map(len, self._blocks)), "arrays": self._arrays}

    def base64(self) -> str:
        """All arrays, deflated."""
        return base64.b64encode(zlib.compress(b"".join(self._blocks), 9)).decode("ascii")
