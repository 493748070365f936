"""Damaged files: a seeded change of bytes, lines or numbers of a small valid file, for every reader. One JSON object.

    python benchmarks/bench_mutations.py [--each 200] [--seed 0] [--readers bvh,npz]

Each reader runs in a process of its own. A file must be read, or refused with a ``UserError``. Counted is what else
happens: ``faults`` (other exceptions, and processes that end), ``slow`` (over 20 s), ``large`` (over 500 MB more than
before), and ``not_finite`` (what is read holds numbers that are not finite). ``first`` names the first of each, as
``KIND NUMBER: what``; ``--readers NAME --only NUMBER --keep FILE`` writes that file.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SLOW = 20.0  # seconds
LARGE = 500 << 20  # bytes
WORDS = "0.50 1.00 hello\n1.00 1.50 world\n"
NUMBERS = "0 -1 1 255 65536 2147483647 4294967295 999999999999 1e-310 1e30 1e308 1e400 nan inf -inf".split()
NUMBERS += ["9" * 400, "0.0000000001", "-0", "1e5", "30000000"]
TEXTS = ['"', "'", "{", "}", "[", "]", "<", ">", ",", ":", "\n", "\0", "\x1b[31m", "\ud7ff", "\ufeff", "&", "#"]
TEXTS += ["[" * 3000, "<" * 3000, '"' * 1001, "null", "true", "\\ud800", "-->", "../../x", "http://127.0.0.1:9/x"]
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Reader:
    """A kind of file: a valid one, and what reads it and returns arrays and numbers that must be finite."""

    suffix: str
    make: Callable[[Path], None]
    read: Callable[[Path], Iterable[Any]]
    binary: bool = False


class _TooSlow(BaseException):
    """Not an Exception, so that no reader takes it for a damaged file."""


def mutated(data: bytes, rng: random.Random, *, binary: bool) -> bytes:
    """The data after one to four changes."""
    for _ in range(rng.randint(1, 4)):
        data = (_binary if binary and rng.random() < 0.8 else _text)(data, rng)
    return data


def _binary(data: bytes, rng: random.Random) -> bytes:
    at, kind = rng.randrange(len(data) + 1), rng.randrange(5)
    if rng.random() < 0.5:  # headers are where it hurts
        at = min(at, rng.randrange(200))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    if kind == 2:
        return data[:at] + rng.choice((b"\0", b"\xff", b"\x7f", b"\x01\0")) * rng.choice((2, 4, 8)) + data[at + 4 :]
    if kind == 3:
        return data[:at] + data[at + rng.randrange(1, 64) :]
    start = rng.randrange(len(data) + 1)
    return data[:at] + data[start : start + rng.randrange(1, 400)] + data[at:]


def _text(data: bytes, rng: random.Random) -> bytes:
    kind = rng.randrange(6)
    numbers = list(_NUMBER.finditer(data))
    if kind < 2 and numbers:
        found = rng.choice(numbers)
        return data[: found.start()] + rng.choice(NUMBERS).encode() + data[found.end() :]
    lines = data.splitlines(keepends=True)
    if kind == 2 and len(lines) > 1:
        a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        return b"".join(lines)
    if kind == 3 and lines:
        at = rng.randrange(len(lines))
        return b"".join(lines[:at] + lines[at : at + 1] * rng.choice((0, 2, 500)) + lines[at + 1 :])
    at = rng.randrange(len(data) + 1)
    if kind == 4:
        return data[:at] + rng.choice(TEXTS).encode("utf-8", "surrogatepass") + data[at:]
    return _binary(data, rng) if data else data


def readers() -> dict[str, Reader]:
    """Every reader by name."""
    return {**_motion_readers(), **_speech_readers(), **_other_readers()}


def _motion_readers() -> dict[str, Reader]:
    from cospeech.core.rotation import axis_angle_to_matrix
    from cospeech.motion.formats.keypoints import Keypoints, load_keypoints
    from cospeech.motion.motion import Motion, load_motion
    from cospeech.motion.skeleton import canonical_skeleton

    rng = np.random.default_rng(0)
    body = canonical_skeleton()
    turns = axis_angle_to_matrix(rng.normal(size=(12, len(body), 3)) * 0.2)
    motion = Motion(body, 30.0, turns, np.tile(body.offsets[0], (12, 1)), rng.random((12, 52)))

    def saved(**options: Any) -> Callable[[Path], None]:
        return lambda path: void(motion.save(path, **options))

    def read(path: Path) -> Iterator[Any]:
        found = load_motion(path)
        yield from (found.fps, found.positions, found.skeleton.offsets, found.rotations, found.resample(30).translation)
        yield 0.0 if found.face is None else found.face

    points = Keypoints(("a", "b"), (-1, 0), 30.0, rng.random((5, 2, 2)), None, rng.random((5, 2)))

    def read_points(path: Path) -> Iterator[Any]:
        found = load_keypoints(path)
        yield from (found.fps, found.points, 0.0 if found.confidence is None else found.confidence)

    return {
        "bvh": Reader(".bvh", saved(), read),
        "npz": Reader(".npz", saved(), read, binary=True),
        "glb": Reader(".glb", saved(mesh=False), read, binary=True),
        "vrma": Reader(".vrma", saved(), read, binary=True),
        "fbx": Reader(".fbx", saved(mesh=False), read, binary=True),
        "arkit": Reader(".csv", saved(), read),
        "keypoints": Reader(".json", lambda path: void(points.save(path)), read_points),
    }


def _speech_readers() -> dict[str, Reader]:
    import soundfile

    from cospeech.methods.emotion.emotion_track import read_track
    from cospeech.speech.audio import decode
    from cospeech.speech.lip_track import load_lips
    from cospeech.speech.transcript import read_marked, read_phones, read_transcript

    def words(path: Path) -> Iterator[Any]:
        if read_marked(path) is None:
            yield [(word.start, word.end) for word in read_transcript(path, seconds=60.0) if not isinstance(word, str)]
            yield [(phone.start, phone.end) for phone in read_phones(path)]

    def lips(path: Path) -> Iterator[Any]:
        found = load_lips(path)
        yield from (found.weights, found.fps)

    def emotions(path: Path) -> Iterator[Any]:
        yield [(keyframe.start, keyframe.strength) for keyframe in read_track(path)]

    def sound(form: str, subtype: str) -> Callable[[Path], None]:
        samples = (0.3 * np.sin(np.arange(8000) * 0.05)).astype(np.float32)
        return lambda path: soundfile.write(path, samples, 16000, format=form, subtype=subtype)

    def film_sound(path: Path) -> None:
        import av

        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=16000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8192), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux([*stream.encode(frame), *stream.encode(None)])

    clock = "00:00:0{}{}500 --> 00:00:0{}{}900\nhello <i>you</i> [laughs]\n\n"
    srt = "".join(f"{n}\n{clock.format(n, ',', n, ',')}" for n in range(1, 5))
    segments = [{"start": 0.5, "end": 1.5, "text": "hi you", "words": [{"word": "hi", "start": 0.5, "end": 1.0}]}]
    grid = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n1\n"IntervalTier"\n"words"\n0\n2\n2\n'
    )
    ass = "[Events]\nFormat: Start, End, Text\nDialogue: 0:00:01.00,0:00:02.00,hello {\\i1}you\n"
    slots = '<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="900"/>'
    eaf = (
        f"<ANNOTATION_DOCUMENT>\n<TIME_ORDER>{slots}</TIME_ORDER>\n<TIER TIER_ID='words'>\n<ANNOTATION>"
        "<ALIGNABLE_ANNOTATION ANNOTATION_ID='x' TIME_SLOT_REF1='a' TIME_SLOT_REF2='b'>\n"
        "<ANNOTATION_VALUE>hello</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
    )
    visemes = "time,aa,O\n0.0,1,0\n0.1,0,1\n0.2,0.5,0.5\n"
    cues = {"mouthCues": [{"start": 0.0, "end": 0.4, "value": "A"}, {"start": 0.4, "end": 0.9, "value": "D"}]}
    track = "start,emotion,strength\n0,joy,1\n2,fear,0.5\n"
    transcripts = {
        "srt": (".srt", srt),
        "vtt": (".vtt", "WEBVTT\n\n" + clock.format(1, ".", 2, ".")),
        "sbv": (".sbv", "0:00:00.500,0:00:01.500\nhello\n\n0:00:02.000,0:00:03.000\nyou\n"),
        "ass": (".ass", ass),
        "lrc": (".lrc", "[00:01.00]hello\n[00:02.00]world\n"),
        "ctm": (".ctm", "a 1 0.5 0.4 hello\na 1 1.0 0.4 world\n"),
        "tsv": (".tsv", "start\tend\ttext\n500\t1000\thello\n1000\t1500\tworld\n"),
        "table": (".csv", 'start,end,text\n0.5,1.0,hello\n1.0,1.5,"world, you"\n'),
        "textgrid": (".TextGrid", grid + '0\n1\n"hello"\n1\n2\n"world"\n'),
        "eaf": (".eaf", eaf),
        "recogniser": (".json", json.dumps({"text": "hi you", "segments": segments}, indent=1)),
        "text": (".txt", "Hello [wave] you *there*, and (point left) that.\n"),
    }
    found = {name: Reader(suffix, _text_of(text), words) for name, (suffix, text) in transcripts.items()}
    return found | {
        "lips_csv": Reader(".csv", _text_of(visemes), lips),
        "lips_json": Reader(".json", _text_of(json.dumps(cues, indent=1)), lips),
        "lips_tsv": Reader(".tsv", _text_of("0.00\tX\n0.50\tD\n0.90\tA\n"), lips),
        "emotions_csv": Reader(".csv", _text_of(track), emotions),
        "emotions_json": Reader(".json", _text_of('[{"start": 0, "emotion": "joy", "strength": 0.5}]'), emotions),
        "wav": Reader(".wav", sound("WAV", "PCM_16"), lambda path: [decode(path)], binary=True),
        "wav_float": Reader(".wav", sound("WAV", "FLOAT"), lambda path: [decode(path)], binary=True),
        "flac": Reader(".flac", sound("FLAC", "PCM_16"), lambda path: [decode(path)], binary=True),
        "ogg": Reader(".ogg", sound("OGG", "VORBIS"), lambda path: [decode(path)], binary=True),
        "m4a": Reader(".m4a", film_sound, lambda path: [decode(path)], binary=True),
    }


def _other_readers() -> dict[str, Reader]:
    from cospeech.core.files import write_arrays
    from cospeech.data.readers.detections import load_detections
    from cospeech.data.readers.folder import read_labels
    from cospeech.data.readers.safe_pickle import unpickle
    from cospeech.motion.gestures.files import read_gesture
    from cospeech.motion.rig_map import read_map
    from cospeech.speech.cues.gesture_file import requested_cues
    from cospeech.speech.cues.triggers import load_triggers
    from cospeech.video.provenance.record import verify

    def gestures(path: Path) -> Iterator[Any]:
        yield [cue.time for cue in requested_cues(path, seconds=60.0)]

    def frames(path: Path) -> Iterator[Any]:
        from cospeech.data.frames import open_frames

        yield [len(one[0 : len(one)]) for one in open_frames(path).values()]  # its values are any numbers

    def pickled(path: Path) -> None:
        import pickle

        path.write_bytes(pickle.dumps({"a": np.arange(6.0), "b": ["x", 2]}))

    def labels(path: Path) -> Iterator[Any]:
        (path.parent / "labels.csv").write_bytes(path.read_bytes())
        read_labels(path.parent, [path.parent / "a.bvh"])
        yield 0.0

    def picture(path: Path) -> None:
        from PIL import Image

        Image.new("RGB", (64, 64), (90, 120, 30)).save(path)

    people = {"people": [{"pose_keypoints_2d": [1.0, 2.0, 0.9] * 25}], "fps": 30}
    told = [{"time": 0.5, "gesture": "wave"}, {"time": 1.5, "gesture": "nod"}]
    return {
        "map": Reader(
            ".json", _text_of('{"left_foot": "Ball_L", "head": ["Head", "Skull"]}'), lambda p: void(read_map(p))
        ),
        "detections": Reader(".json", _text_of(json.dumps(people)), lambda path: load_detections(path)[:2]),
        "gestures_json": Reader(".json", _text_of(json.dumps(told, indent=1)), gestures),
        "gestures_csv": Reader(".csv", _text_of("time,gesture\n0.5,wave\n1.5,nod\n"), gestures),
        "gesture": Reader(".json", _gesture_file, lambda path: void(read_gesture(path))),
        "triggers": Reader(".json", _text_of('{"words": {"hello": "wave"}}'), lambda path: void(load_triggers(path))),
        "labels": Reader(".csv", _text_of("file,emotion,split\na.bvh,joy,train\n"), labels),
        "pickle": Reader(".pkl", pickled, lambda path: void(unpickle(path.read_bytes())), binary=True),
        "frames": Reader(
            ".safetensors", lambda path: write_arrays(path, {"a": np.ones((4, 3), np.float32)}), frames, binary=True
        ),
        "picture": Reader(".png", picture, lambda path: void(verify(path)), binary=True),
    }


def _gesture_file(path: Path) -> None:
    from importlib.resources import files

    found = sorted(Path(str(files("cospeech"))).rglob("gestures/**/*.json"))
    path.write_bytes(found[0].read_bytes() if found else b"{}")


def _text_of(text: str) -> Callable[[Path], None]:
    return lambda path: void(path.write_text(text, encoding="utf-8"))


def void(*_: Any) -> tuple[Any, ...]:
    return ()


def finite(value: Any) -> bool:
    """Whether all numbers in arrays and nested lists are finite."""
    if isinstance(value, list | tuple):
        return all(map(finite, value))
    array = np.asarray(value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def tried(reader: Reader, path: Path) -> str:
    """What reading a file comes to: "", or the kind of what must not be and what it was."""
    from cospeech.core.errors import UserError

    def stop(*_: Any) -> None:
        raise _TooSlow

    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(int(SLOW))
    try:
        found = list(reader.read(path))
        kind = "" if finite(found) else "not_finite"
    except UserError as error:
        kind = "" if "\n" not in str(error) else "faults: several lines"
    except _TooSlow:
        kind = "slow"
    except MemoryError:
        kind = "large"
    except Exception as error:
        where = error.__traceback__
        while where and where.tb_next:
            where = where.tb_next
        line = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
        kind = f"faults: {type(error).__name__}: {' '.join(str(error).split())[:90]} ({line})"
    finally:
        signal.alarm(0)
    if time.monotonic() - began > SLOW:
        kind = kind or "slow"
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before > LARGE >> 10:
        kind = kind or "large"
    return kind


def worker(name: str, numbers: range, seed: int, keep: str | None) -> None:
    """Mutations of one reader, by their numbers; a line for each that comes to something."""
    from cospeech.core import progress

    progress.note = progress.note_once = lambda *_: None  # what is said by the way

    reader = readers()[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{reader.suffix}"
        for number in mutations(name, reader, path, numbers, seed):
            print(json.dumps([number, None]), flush=True)
            if keep:
                Path(keep).write_bytes(path.read_bytes())
            print(json.dumps([number, tried(reader, path)]), flush=True)


def mutations(name: str, reader: Reader, path: Path, numbers: Iterable[int], seed: int) -> Iterator[int]:
    """The numbers, each with the file mutated; the valid file is tried before."""
    reader.make(path)
    data = path.read_bytes()
    found = tried(reader, path)
    if found:
        raise SystemExit(f"{name}: the valid file fails: {found}")
    for number in numbers:
        path.write_bytes(mutated(data, random.Random(f"{seed} {name} {number}"), binary=reader.binary))
        yield number


def measured(name: str, each: int, seed: int) -> dict[str, Any]:
    """Figures of one reader; a process that ends is counted and the next one goes on behind it."""
    counts: dict[str, Any] = {"mutations": each, "faults": 0, "slow": 0, "large": 0, "not_finite": 0, "first": {}}
    start = 0
    while start < each:
        words = ["--readers", name, "--only", f"{start}:{each}", "--seed", str(seed)]
        done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
        told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        if not told:
            raise SystemExit(f"{name} cannot be measured: {done.stderr.strip()[-600:]}")
        if told[-1][1] is None:
            told.append([told[-1][0], f"faults: the process ended with {done.returncode}"])
        for number, kind in told:
            if kind:
                counts[kind.partition(":")[0]] += 1
                counts["first"].setdefault(kind, number)
        start = told[-1][0] + 1
    counts["first"] = [f"{kind} [{number}]" for kind, number in counts["first"].items()]
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=200, help="mutations of each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", default="", help="names with commas between; all unless given")
    parser.add_argument("--only", help="of one reader: a number, or START:END; runs in this process")
    parser.add_argument("--keep", help="of one mutation: where to write it")
    words = parser.parse_args()
    names = list(filter(None, words.readers.split(","))) or list(readers())
    if words.only:
        start, _, end = words.only.partition(":")
        worker(names[0], range(int(start), int(end or int(start) + 1)), words.seed, words.keep)
        return
    found = {name: measured(name, words.each, words.seed) for name in names}
    kinds = ("mutations", "faults", "slow", "large", "not_finite")
    total = {kind: sum(figures[kind] for figures in found.values()) for kind in kinds}
    print(json.dumps({"total": total, "readers": found}, indent=1))


if __name__ == "__main__":
    main()
