"""Whether the face is alive and the lips still shut: one table, and one JSON object.

    python benchmarks/bench_face.py --beat2 FOLDER [--speech FOLDER] [--count 8] [--seeds 3] [-o FILE]

Recordings are those of ``bench_lips.py``, of speakers that no network has heard; of LibriSpeech ``--count`` of them.
Each gets a body of the contextual model and the face that goes with it, in conversation, once for each seed.

- blinks a minute: eyeBlink rises over .8.
- looks at the viewer: share of the frames in which the eyes, turned in the turned head, look within 5 degrees of the
  viewer, who is straight ahead; with the body, and of the face alone.
- saccades a minute: of 1 degree and more, and all. Their speed is that of the gaze sampled 1000 times a second, against
  what people's main sequence has: 551 (1 - exp(-A / 14)) degrees a second (Baloh et al. 1975).
- held: median and 95th percentile of how far the gaze leaves its place in the world within fixations at the viewer,
  degrees, while the head turns; and by how much the head turns in the same frames.
- p, b, m: closures of the given phones that the neutral face shows, kept in every mood at intensity 1 and 2: by weights
  (jawOpen - mouthClose no greater) and on the default avatar (inner lips no further apart by ``SLACK``).
- unmoved in silence: share of the frames of pauses and of 60 s of silence in which no weight changes by .0005.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import cospeech
from bench_lips import Recording, beat2, held_out, opening
from cospeech.core.emotions import CONVERSATION
from cospeech.core.timing import FPS, SAMPLE_RATE
from cospeech.motion.eyes import eye_angles
from cospeech.motion.face_shapes import ARKIT_INDEX
from cospeech.motion.kinematics import global_rotations
from cospeech.motion.motion import Motion
from cospeech.motion.points import FACE_SLICE
from cospeech.motion.procedural.face import face_from_speech, gaze_of
from cospeech.motion.procedural.gaze import AT_LISTENER, directions, sampled
from cospeech.motion.procedural.mood_faces import MOODS
from cospeech.motion.skeleton import canonical_skeleton
from cospeech.speech.features import pauses
from cospeech.speech.speech import Speech
from cospeech.video.driving.heads import INNER
from cospeech.video.driving.landmarks import landmarks_of

SLACK = 0.3  # millimetres
SHUT = 0.06  # of jawOpen - mouthClose
STILL = 0.0005  # of a weight
SILENCE = 60.0  # seconds
FINE = 1000  # samples a second of a saccade


def heads(body: Motion) -> np.ndarray:
    """Rotations of the head in the world, [T, 3, 3]."""
    turns = global_rotations(body.rotations.astype(np.float64), body.skeleton.parents)
    head: np.ndarray = turns[:, body.skeleton.index("head")]
    return head


def off_viewer(face: np.ndarray, head: np.ndarray | None) -> np.ndarray:
    """Degrees [T] between the gaze of the weights and the viewer, straight ahead in the world."""
    look = directions(eye_angles(face).mean(axis=1))
    if head is not None:
        look = np.einsum("tij,tj->ti", head[: len(look)], look[: len(head)])
    angles: np.ndarray = np.degrees(np.arccos(np.clip(look[:, 2], -1.0, 1.0)))
    return angles


def starts(face: np.ndarray) -> int:
    """Blinks."""
    return int((np.diff((face[:, ARKIT_INDEX["eyeBlinkLeft"]] > 0.8).astype(np.int8)) == 1).sum())


def of_eyes(recordings: Sequence[Recording], seeds: int) -> dict[str, Any]:
    """Blinks and gaze."""
    model = cospeech.load("contextual")
    seconds = blinks = large = every = 0.0
    near: list[np.ndarray] = []
    alone: list[np.ndarray] = []
    ratios: list[float] = []
    drift: list[np.ndarray] = []
    turned: list[np.ndarray] = []
    for recording in recordings:
        for seed in range(seeds):
            speech = recording.speech
            body = model.generate(speech, seed=seed, emotion=CONVERSATION)
            assert body.face is not None
            head = heads(body)
            seconds += speech.seconds
            blinks += starts(body.face)
            near.append(off_viewer(body.face, head))
            alone.append(off_viewer(face_from_speech(speech, seed=seed, emotion=CONVERSATION), None))
            gaze = gaze_of(speech, seed=seed, moods={CONVERSATION: np.ones(speech.frames)}, body=body)
            every += len(gaze.saccades)
            large += sum(saccade.amplitude >= 1.0 for saccade in gaze.saccades)
            fine = sampled(gaze.fixations, np.arange(round(speech.seconds * FINE)) / FINE)
            speed = np.hypot(*np.diff(fine, axis=0).T) * FINE
            for saccade in gaze.saccades:
                part = speed[round(saccade.start * FINE) : round((saccade.start + saccade.duration) * FINE)]
                if saccade.amplitude >= 2.0 and len(part):
                    ratios.append(float(part.max()) / (551.0 * (1.0 - np.exp(-saccade.amplitude / 14.0))))
            look = np.einsum("tij,tj->ti", head, directions(eye_angles(body.face).mean(axis=1)))
            wanted = directions(gaze.target[: len(look)])
            at = np.hypot(*gaze.target[: len(look)].T) < AT_LISTENER
            drift.append(np.degrees(np.arccos(np.clip((look * wanted).sum(-1), -1.0, 1.0)))[at])
            turned.append(np.degrees(np.arccos(np.clip(head[: len(at), 2, 2], -1.0, 1.0)))[at])
    strayed, heads_off = np.concatenate(drift), np.concatenate(turned)
    each = [float((part < AT_LISTENER).mean()) for part in near]
    return {
        "seconds": round(seconds),
        "blinks_a_minute": round(60.0 * blinks / seconds, 1),
        "at_viewer": round(float((np.concatenate(near) < AT_LISTENER).mean()), 3),
        "at_viewer_of_recordings": [round(min(each), 2), round(max(each), 2)],
        "at_viewer_face_alone": round(float((np.concatenate(alone) < AT_LISTENER).mean()), 3),
        "saccades_a_minute": round(60.0 * large / seconds, 1),
        "saccades_a_minute_all": round(60.0 * every / seconds, 1),
        "peak_speed_over_main_sequence": [round(float(value), 2) for value in np.percentile(ratios, (5, 50, 95))],
        "gaze_off_its_place": [round(float(value), 2) for value in np.percentile(strayed, (50, 95))],
        "head_off_the_viewer": [round(float(value), 1) for value in np.percentile(heads_off, (50, 95))],
    }


def lip_gap(face: np.ndarray) -> np.ndarray:
    """Millimetres [T] between the inner lips of the default avatar."""
    skeleton, frames = canonical_skeleton(), len(face)
    rest = np.tile(np.eye(3, dtype=np.float32), (frames, len(skeleton), 1, 1))
    still = Motion(skeleton, FPS, rest, np.tile(skeleton.offsets[0], (frames, 1)), face)
    points = np.asarray(landmarks_of(still), np.float64)[:, FACE_SLICE, 1]
    gap: np.ndarray = 1000.0 * np.mean([points[:, upper] - points[:, lower] for upper, lower in INNER], axis=0)
    return gap


def of_lips(recordings: Sequence[Recording]) -> dict[str, Any]:
    """Closures kept in every mood."""
    kept = {"weights": 0, "avatar": 0}
    wanted = 0
    widest = 0.0
    for recording in recordings:
        speech = Speech(recording.speech.samples, recording.speech.sample_rate, phones=recording.phones)
        neutral = face_from_speech(speech, emotion="neutral")
        spans = [
            slice(int(np.ceil(phone.start * FPS)), int(phone.end * FPS) + 1)
            for phone in recording.phones
            if phone.name in ("P", "B", "M") and phone.end * FPS < len(neutral) - 1
        ]
        spans = [span for span in spans if span.stop > span.start]
        frames = np.unique(np.concatenate([np.arange(span.start, span.stop) for span in spans]))
        place = {int(frame): at for at, frame in enumerate(frames)}
        apart, gap = opening(neutral), lip_gap(neutral[frames])
        shut = [span for span in spans if apart[span].min() < SHUT]
        for mood in MOODS:
            for intensity in (1.0, 2.0):
                face = face_from_speech(speech, emotion=mood, intensity=intensity)
                apart_now, gap_now = opening(face), lip_gap(face[frames])
                for span in shut:
                    at = [place[frame] for frame in range(span.start, span.stop)]
                    more = float((gap_now[at] - gap[at]).max())
                    widest = max(widest, more)
                    wanted += 1
                    kept["weights"] += bool((apart_now[span] <= apart[span] + 1e-4).all())
                    kept["avatar"] += more <= SLACK
    return {"closures": wanted, "kept": kept, "widest_gain_mm": round(widest, 2)}


def of_silence(recordings: Sequence[Recording], seeds: int) -> float:
    """Share of the frames of silence in which nothing moves."""
    still = frames = 0
    silent = Speech(np.zeros(round(SILENCE * SAMPLE_RATE), np.float32))
    for speech in (silent, *(recording.speech for recording in recordings)):
        for seed in range(seeds):
            change = np.abs(np.diff(face_from_speech(speech, seed=seed), axis=0)).max(axis=1)
            for start, end in pauses(speech.resampled().samples):
                part = change[round(start * FPS) : round(end * FPS)]
                still, frames = still + int((part < STILL).sum()), frames + len(part)
    return round(still / frames, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--beat2", type=Path, required=True)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    recordings = beat2(options.beat2)
    if options.speech:
        voices = held_out(options.speech)
        recordings += voices[:: max(1, len(voices) // options.count)][: options.count]
    result = {
        "benchmark": "face",
        "recordings": len(recordings),
        "eyes": of_eyes(recordings, options.seeds),
        "lips": of_lips(recordings),
        "unmoved_in_silence": of_silence(recordings, options.seeds),
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
