"""Packs motion, body and sound as small as the page's ``codec.js`` can read.

Every channel of numbers is quantised, differenced along time, zigzagged and split into byte planes,
then deflated. Rotations are rotation vectors of 1/8192 radian (0.007 degrees); differenced twice they
take about 0.3 MB a minute.
"""

from __future__ import annotations

import base64
import io
import zlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ...core.errors import UserError
from ...core.rotation import matrix_to_axis_angle
from ...motion.face_shapes import ARKIT_NAMES
from ...motion.motion import Motion
from ..light import Lit, linear_to_srgb
from ..pose import canonical_motion
from ..skinning import dense_weights

if TYPE_CHECKING:
    from ...speech.speech import Speech
    from ..body import Body
    from ..character.figure import Figure, FigureMotion

ROTATION_STEP = 1 / 8192  # radians
TRANSLATION_STEP = 5e-5  # metres
POSITION_STEP = 4e-5  # metres; 16 bits reach 1.3 m from the middle of the body
MORPH_STEP = 2e-5  # metres
UV_STEP = 1 / 8192  # of a texture
PEAKS_PER_SECOND = 100  # bars of the waveform
INFLUENCES = 8  # joints that move one vertex, helpers included


class Packer:
    """Integer arrays, packed one after the other; ``codec.js`` is the other half."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._arrays: dict[str, dict[str, int | bool]] = {}

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

    def layout(self) -> dict[str, Any]:
        """Where each array lies, for the page."""
        return {"size": sum(map(len, self._blocks)), "arrays": self._arrays}

    def base64(self) -> str:
        """All arrays, deflated."""
        return base64.b64encode(zlib.compress(b"".join(self._blocks), 9)).decode("ascii")


def moving_shapes(motion: Motion) -> list[int]:
    """Indices of the face shapes that ever move: only these are worth a place in the file."""
    if motion.face is None:
        return []
    return np.flatnonzero(motion.face.max(axis=0) > 0.5 / 255).tolist()


def pack_motion(motion: Motion, body: Body, moving: list[int], packer: Packer) -> dict[str, Any]:
    rotations, translation, face = canonical_motion(body, motion, slice(None))
    used = np.zeros((motion.frames, 0)) if face is None else face[:, moving]
    return pack_tracks(rotations, translation, used, packer) | {"faceShapes": moving}


def pack_tracks(rotations: np.ndarray, translation: np.ndarray, face: np.ndarray, packer: Packer) -> dict[str, Any]:
    """Local rotations [T, J, 3, 3], the root's path [T, 3] metres and weights [T, K] of shapes of the face."""
    vectors = matrix_to_axis_angle(rotations.astype(np.float64)).reshape(len(rotations), -1)
    packer.add("rotations", np.round(vectors / ROTATION_STEP).T, width=2, order=2, signed=True)
    packer.add("translation", np.round(translation / TRANSLATION_STEP).T, width=4, order=2, signed=True)
    packer.add("face", np.round(face.T * 255), width=1, order=1, signed=False)
    return {"steps": {"rotation": ROTATION_STEP, "translation": TRANSLATION_STEP}}


def peaks(speech: Speech) -> np.ndarray:
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


class Mesh(Lit, Protocol):
    """What a page draws; fields are as ``Body`` has them."""

    @property
    def vertices(self) -> np.ndarray:
        """[V, 3] metres."""

    @property
    def normals(self) -> np.ndarray:
        """[V, 3]."""


def pack_body(body: Body, moving: list[int], packer: Packer) -> dict[str, Any]:
    """The default person, or another on the canonical joints."""
    stored = [body.morphs.names.index(ARKIT_NAMES[shape]) for shape in moving]
    shapes = {
        shape: (body.morphs.indices[at], body.morphs.deltas[at]) for shape, at in zip(moving, stored, strict=True)
    }
    dense = dense_weights(body.joints, body.weights, body.vertices, body.joint_positions)
    return pack_mesh(body, body.colours, dense, shapes, 52, packer)[0]


def pack_mesh(
    mesh: Mesh,
    colours: np.ndarray,
    dense: np.ndarray,
    shapes: dict[int, tuple[np.ndarray, np.ndarray]],
    known: int,
    packer: Packer,
) -> tuple[dict[str, Any], np.ndarray]:
    """A mesh in rest pose. Vertices that a shape moves come first, so that the page rewrites one stretch of them.

    Args:
        mesh: to pack.
        colours: [V, 3] sRGB, 0 to 1.
        dense: [V, J] weights of all transforms.
        shapes: of the face, by number: vertices [K], and how they move [K, 3] metres.
        known: how many shapes there are.
        packer: where to.

    Returns:
        What the page has to know, and the order [V] in which it has the vertices.
    """
    count = len(mesh.vertices)
    in_face = np.zeros(count, bool)
    for indices, _ in shapes.values():
        in_face[indices] = True
    order = np.argsort(~in_face, kind="stable")
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)

    middle = (mesh.vertices.max(0) + mesh.vertices.min(0)) / 2
    step = max(POSITION_STEP, float(np.abs(mesh.vertices - middle).max()) / 32000)
    joints, weights = _influences(dense)
    packer.add("position", np.round((mesh.vertices[order] - middle) / step).T, width=2, order=1, signed=True)
    packer.add("normal", np.round(mesh.normals[order] * 127).T, width=1, order=1, signed=True)
    packer.add("colour", np.round(np.clip(colours[order], 0, 1) * 255).T, width=1, order=1, signed=False)
    surface = np.stack([mesh.occlusion, mesh.shine, mesh.softness], axis=1)
    packer.add("surface", np.round(surface[order] * 255).T, width=1, order=1, signed=False)
    packer.add("joints", joints[order].T, width=1, order=0, signed=False)
    packer.add("weights", weights[order].T, width=1, order=0, signed=False)
    packer.add("triangles", place[mesh.triangles].T, width=4, order=1, signed=False)
    index = np.concatenate([place[indices] for indices, _ in shapes.values()] or [np.zeros(0, int)])
    delta = np.concatenate([deltas for _, deltas in shapes.values()] or [np.zeros((0, 3))])
    packer.add("morphIndex", index[None], width=4, order=1, signed=False)
    packer.add("morphDelta", np.round(delta / MORPH_STEP).T, width=2, order=1, signed=True)
    counts = [0] * known
    for shape, (indices, _) in shapes.items():
        counts[shape] = len(indices)
    meta = {
        "vertices": count,
        "faceVertices": int(in_face.sum()),
        "middle": middle.tolist(),
        "positionStep": step,
        "morphStep": MORPH_STEP,
        "morphCounts": counts,
    }
    return meta, order


def pack_figure(figure: Figure, moved: FigureMotion, packer: Packer) -> tuple[dict[str, Any], dict[str, Any]]:
    """A user's own character and what it does: what the page has to know of the mesh, and of the motion."""
    moving = np.flatnonzero(moved.weights.max(axis=0, initial=0.0) > 0.5 / 255).tolist()
    shapes = {shape: figure.shapes[shape] for shape in moving}
    colours = linear_to_srgb(figure.colours)
    mesh, order = pack_mesh(figure, colours, figure.dense, shapes, len(figure.shapes), packer)
    if len(figure.textures):
        packer.add("uv", np.round(figure.uv[order] / UV_STEP).T, width=4, order=1, signed=True)
        picture = np.stack([figure.layer[order], np.round(figure.cutoff[order] * 255)])
        packer.add("picture", picture, width=2, order=1, signed=True)
        mesh |= {"uvStep": UV_STEP, "pictureSize": figure.textures.size}
    return mesh, {"faceShapes": moving}


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
