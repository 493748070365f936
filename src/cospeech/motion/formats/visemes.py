"""Visemes over time as JSON: what avatars of other programs move their lips by.

``{"format": "cospeech-visemes", "version": 1, "seconds": ..., "source": ..., "visemes": [{"start", "end", "viseme",
"phone", "probability"}, ...], "fps": 30, "names": [...], "weights": [[...], ...], "vrm": {"names": [...], "weights":
[[...], ...]}, "mouthCues": [{"start", "end", "value"}, ...]}``: timed visemes of Oculus, their weights frame by frame,
the mouth shapes of VRM 1 (VRM 0 calls them A, I, U, E, O), and the cues of Rhubarb. ``source`` tells how the phones are
known: given, words, recogniser or network. ``--lips`` and ``speech.lip_track`` read such files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import UserError
from ...core.files import atomic_path
from ...core.timing import FPS
from ...speech.lip_track import DOCUMENT_FORMAT, RHUBARB_PHONES, VRM_PHONES
from ...speech.phones.inventory import PHONES, VISEME_INDEX, VISEME_OF, VISEMES
from ...speech.phones.track import TRACK_RATE, PhoneTrack, decoded
from ...speech.speech import Speech

VERSION = 1
SUFFIX = ".visemes.json"
_PLACES = 3
# Visemes -> shares of the mouth shapes of VRM 1, in the order of its preset names.
_VRM_SHARES: dict[str, dict[str, float]] = {
    **{"aa": {"aa": 1.0}, "E": {"ee": 1.0}, "I": {"ih": 1.0}, "O": {"oh": 1.0}, "U": {"ou": 1.0}},
    **{"CH": {"ou": 0.35}, "RR": {"oh": 0.35}, "FF": {"ih": 0.1}},
    **{name: {"ih": 0.22} for name in ("TH", "DD", "SS", "nn", "kk")},
}
# The cue of Rhubarb for each viseme; A is closed, B nearly, C open, D wide, E rounded, F puckered, G f and v, H l.
_RHUBARB = dict(zip(VISEMES, "XAGBBBBBBEDCBEF", strict=True))


def save_visemes(path: str | Path, speech: Speech | None, *, frames: int) -> Path:
    """Write the visemes of a speech, so many frames of them.

    Raises:
        UserError: no speech, or one whose lips come as weights of a face.
    """
    if speech is None:
        raise UserError(f"{path}: visemes are those of a speech; generate them from a recording")
    if speech.lips is not None and not speech.lips.is_of_phones:
        raise UserError(f"{path}: the lips are given as weights of a face, which have no visemes; write .csv or .glb")
    path = Path(path)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(viseme_document(speech.phone_track, frames, speech.seconds)) + "\n")
    return path


def viseme_document(track: PhoneTrack, frames: int, seconds: float) -> dict[str, Any]:
    """What the file holds."""
    times = np.arange(len(track.probabilities)) / TRACK_RATE
    phones = track.phones or decoded(times, track.probabilities)
    timed = [
        {
            "start": round(phone.start, _PLACES),
            "end": round(phone.end, _PLACES),
            "viseme": VISEME_OF[phone.name],
            "phone": phone.name,
            "probability": round(phone.probability, _PLACES),
        }
        for phone in phones
    ]
    place = np.minimum(np.round(np.arange(frames) * TRACK_RATE / FPS).astype(np.int64), len(track.probabilities) - 1)
    weights = track.probabilities[place] @ np.eye(len(VISEMES))[list(VISEME_INDEX)]
    shares = np.asarray([[_VRM_SHARES.get(viseme, {}).get(name, 0.0) for name in VRM_PHONES] for viseme in VISEMES])
    assert len(PHONES) == track.probabilities.shape[1]
    return {
        "format": DOCUMENT_FORMAT,
        "version": VERSION,
        "seconds": round(seconds, _PLACES),
        "source": track.source,
        "visemes": timed,
        "fps": FPS,
        "names": list(VISEMES),
        "weights": np.round(weights, _PLACES).tolist(),
        "vrm": {"names": list(VRM_PHONES), "weights": np.round(weights @ shares, _PLACES).tolist()},
        "mouthCues": _cues(timed, seconds),
    }


def _cues(timed: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """Cues of Rhubarb from timed visemes, X where nothing is said; neighbours that are alike are one."""
    cues: list[dict[str, Any]] = []
    before = 0.0

    def add(start: float, end: float, value: str) -> None:
        assert value in RHUBARB_PHONES
        if cues and cues[-1]["value"] == value:
            cues[-1]["end"] = end
        elif end > start:
            cues.append({"start": start, "end": end, "value": value})

    for one in timed:
        if one["start"] > before:
            add(before, one["start"], "X")
        add(max(before, one["start"]), max(before, one["end"]), _RHUBARB[one["viseme"]])
        before = max(before, one["end"])
    if seconds > before:
        add(before, round(seconds, _PLACES), "X")
    return cues
