"""Build the gesture library that is shipped: motion of our own models, since recordings may not be shipped.

    python scripts/build_exges_library.py OUT --speech SPEECH --corpus DATASET --segments 3000

Speeches are gestured by a shipped model in the manner of every speaker and in every mood, each with a seed of its own.
The motion is cut as recordings are. Of the segments of a speaker and mood, those in which something moves and nothing
is implausibly fast are candidates, and of these the most different ones are kept: greedily the one that is farthest
from all that were kept, by wrist path and gesture key. The library keeps them as latents.

Work is done in pieces, one of each speaker and mood, which are libraries in --pieces (OUT.pieces unless given); what is
there already is taken, so a run that was stopped goes on where it was.

With --corpus it also says how far each segment is from the nearest motion of any recording (``distances``), beside the
same between halves of the recordings of one actor: were recordings shipped in disguise, segments would be nearer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cospeech.core.errors import UserError
from cospeech.core.progress import note, track
from cospeech.core.timing import FPS
from cospeech.data.dataset import GestureDataset
from cospeech.gesture_library.build import write_library
from cospeech.gesture_library.catalogue import Header, has_catalogue
from cospeech.gesture_library.check import library_info
from cospeech.gesture_library.embedder import Embedder, Embedding, load_embedder
from cospeech.gesture_library.expressiveness import Hands
from cospeech.gesture_library.library import GestureLibrary
from cospeech.gesture_library.merge import merge_libraries
from cospeech.gesture_library.segments import segments, speech_breaks
from cospeech.gesture_library.shards import packed, unpacked
from cospeech.gesture_library.writer import Recording, Segment
from cospeech.loading import load
from cospeech.methods.base import GestureModel
from cospeech.metrics.repetition import LEAST_AMPLITUDE
from cospeech.motion.codec import Codec
from cospeech.motion.motion import Motion
from cospeech.motion.phases import wrists_in_chest
from cospeech.speech.layout import LAYOUT
from cospeech.speech.loading import load_speech
from cospeech.speech.speech import Speech

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
LEVELS = (0.8, 1.0, 1.3)  # of intensity
SPOKEN = 0.4  # share of a speech that is speech
SHORTEST = 3.0  # seconds of a speech
LEAST_EXTENT = 0.05  # metres: in a segment with a smaller box around the wrists nothing moves
FASTEST = 3.0  # metres a second, of a wrist
PATH = 16  # samples of a wrist path that stands for a segment
COARSE = 3  # frames between those in which the nearest recording is looked for
ACTOR_SEGMENTS = 60  # segments of an actor's recordings that are compared with the others


@dataclass(frozen=True)
class Voice:
    """What is gestured: a sound file, or a sample of a dataset."""

    name: str
    features: np.ndarray  # [T, F]
    speech: Speech | None  # None: there are features alone


@dataclass(frozen=True)
class Settings:
    """What pieces are made with; a piece of other settings is not taken."""

    model: str  # its name, and ``behaviour``
    embedding: Embedding
    voices: tuple[str, ...]
    kept: int  # segments of a piece
    candidates: int  # among which they are chosen
    seed: int

    @property
    def digest(self) -> str:
        """Changes with any of them."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:10]


# ---------------------------------------------------------------------------- speech


def voices(speech: Path | None, dataset: Path | None) -> list[Voice]:
    """Speeches of a folder and of the training split of a dataset that are long enough and mostly speech."""
    found: list[Voice] = []
    if speech is not None:
        files = sorted(path for path in speech.rglob("*") if path.suffix.lower() in SOUNDS)
        for path in track(files, "speech", total=len(files)):
            loaded = load_speech(path)
            found.append(Voice(path.stem, loaded.features, loaded))
    if dataset is not None:
        opened = GestureDataset(dataset)
        by_name = {
            one.id.rsplit("#", 1)[0]: one for one in opened.select(split="train", kind=("pair", "synthetic_pair"))
        }
        found += [Voice(name, opened.features(one), None) for name, one in sorted(by_name.items())]
    fits = [
        one
        for one in found
        if len(one.features) >= SHORTEST * FPS and LAYOUT.get(one.features, "speech").mean() >= SPOKEN
    ]
    if not fits:
        raise UserError(
            f"none of {len(found)} speeches is {SHORTEST:g} s long and mostly speech; name another --speech"
        )
    return fits


# ---------------------------------------------------------------------------- pieces


def gestured(model: GestureModel, voice: Voice, *, speaker: str, emotion: str, seed: int) -> Motion:
    """Motion of the upper body as the model has it, without what lets a person stand at ease."""
    options = {"speaker": speaker, "emotion": emotion, "seed": seed, "intensity": LEVELS[seed % len(LEVELS)]}
    if voice.speech is None:
        return model.from_features(voice.features, relaxed=False, **options)
    return model.generate(voice.speech, relaxed=False, face=False, **options)


def cut(
    motion: Motion, voice: Voice, embedder: Embedder, *, seed: int, emotion: str, speaker: str
) -> Iterator[Recording]:
    """Segments of a generated motion in which something moves, each as a recording of its own."""
    motion = replace(motion, extra={})
    encoded, hands, features = Codec().encode(motion), Hands(motion), voice.features[:, : LAYOUT.dim]
    words = None if voice.speech is None else voice.speech.words
    for first, last in segments(hands.activity, speech_breaks(features, words)):
        figures = hands.of(first, last)
        if last - first < embedder.shortest or figures.extent < LEAST_EXTENT or figures.peak > FASTEST:
            continue
        own = packed(encoded[first:last])
        segment = Segment(
            0,
            last - first,
            None,
            embedder.gesture(encoded[first:last]),
            embedder.speech(features[first:last]),
            figures,
            embedder.gesture_frames(encoded[first:last]) if embedder.fine else None,
        )
        yield Recording(
            f"made/{voice.name}~{speaker}~{emotion}~{seed}~{first}",
            "generated",
            "train",
            speaker,
            emotion,
            (f"made/{voice.name}",),
            hashlib.sha256(own.tobytes()).hexdigest()[:16],
            last - first,
            own,
            (segment,),
        )


def piece(
    folder: Path, model: GestureModel, embedder: Embedder, spoken: Sequence[Voice], settings: Settings, number: int
) -> Path:
    """The library of one speaker and mood, the ``number``-th; made unless it is there."""
    speaker, emotion = conditions(model)[number]
    out = folder / f"{speaker}-{emotion}-{settings.digest}"
    if has_catalogue(out):
        return out
    order = np.random.default_rng([settings.seed, number]).permutation(len(spoken))
    found: list[Recording] = []
    for take in count():
        if len(found) >= settings.candidates:
            break
        if take == 4 * settings.candidates:
            raise UserError(f"{take} takes of {speaker} in {emotion} gave only {len(found)} segments that move")
        voice, seed = spoken[order[take % len(spoken)]], 1000 * settings.seed + take
        motion = gestured(model, voice, speaker=speaker, emotion=emotion, seed=seed)
        found += cut(motion, voice, embedder, seed=seed, emotion=emotion, speaker=speaker)
    chosen = [found[k] for k in diverse(looks(found), settings.kept)]
    codec = Codec()
    header = Header(settings.embedding, float(FPS), codec.body, codec.hands, LAYOUT.dim)
    write_library(out, header, chosen, None, empty=f"no gestures of {speaker} in {emotion}")
    return out


def behaviour(model: GestureModel, voice: Voice) -> str:
    """Changes when the model moves in another way."""
    motion = gestured(model, voice, speaker=model.speakers[0], emotion=model.emotions[0], seed=0)
    return hashlib.sha256(packed(Codec().encode(replace(motion, extra={}))).tobytes()).hexdigest()[:10]


def conditions(model: GestureModel) -> list[tuple[str, str]]:
    """Speaker and mood of each piece."""
    return [(speaker, emotion) for emotion in model.emotions for speaker in model.speakers]


def looks(found: Sequence[Recording]) -> np.ndarray:
    """[N, D] where segments lie: wrist path and gesture key, each divided by how far they spread."""
    paths = []
    for one in found:
        wrists = wrists_in_chest(Codec().decode(unpacked(one.motion)))
        places = np.linspace(0, len(wrists) - 1, PATH).round().astype(int)
        paths.append(wrists[places].ravel())
    sides = (np.array(paths), np.array([one.segments[0].gesture for one in found]))
    return np.concatenate([side / max(float(np.sqrt(side.var(0).sum())), 1e-9) for side in sides], axis=1)


def diverse(places: np.ndarray, kept: int) -> list[int]:
    """Rows of [N, D], each the farthest from those before; the first the one nearest to the middle."""
    chosen: list[int] = []
    nearest = -np.linalg.norm(places - places.mean(0), axis=1)
    for _ in range(min(kept, len(places))):
        chosen.append(int(nearest.argmax()))
        distance = np.linalg.norm(places - places[chosen[-1]], axis=1)
        nearest = distance if len(chosen) == 1 else np.minimum(nearest, distance)
        nearest[chosen] = -np.inf
    return chosen


# ---------------------------------------------------------------------------- distance to recordings


def wrists_of(encoded: np.ndarray) -> np.ndarray:
    """[T, 6] metres, both wrists in the frame of the chest."""
    return wrists_in_chest(Codec().decode(encoded)).reshape(len(encoded), 6).astype(np.float32)


def distances(paths: Sequence[np.ndarray], recordings: Sequence[np.ndarray]) -> np.ndarray:
    """[N] metres from each path [L, 6] to the nearest window of as many frames of any recording [T, 6].

    The root mean square over time of the distance of both wrists. Windows begin at every frame: the best among every
    third frame is looked for first, at a third of the frames, and then around it exactly.
    """
    best = np.full(len(paths), np.inf)
    places = np.zeros((len(paths), 2), dtype=int)  # recording and frame
    groups: dict[int, list[int]] = {}
    for index, path in enumerate(paths):
        groups.setdefault(len(path[::COARSE]), []).append(index)
    for number, recording in enumerate(recordings):
        thin = recording[::COARSE]
        for length, members in groups.items():
            if len(thin) < length:
                continue
            windows = sliding_window_view(thin, length, axis=0).transpose(0, 2, 1).reshape(-1, 6 * length)
            own = np.array([paths[k][::COARSE].ravel() for k in members])
            squared = (windows**2).sum(1)[:, None] - 2 * windows @ own.T + (own**2).sum(1)
            found = squared.min(axis=0) / length
            better = found < best[members]
            for k, frame in zip(np.array(members)[better], squared.argmin(axis=0)[better], strict=True):
                places[k] = number, COARSE * frame
            best[members] = np.minimum(best[members], found)
    for k in np.flatnonzero(np.isfinite(best)):
        recording, path = recordings[places[k, 0]], paths[k]
        starts = places[k, 1] + np.arange(-COARSE, COARSE + 1)
        starts = starts[(starts >= 0) & (starts + len(path) <= len(recording))]
        exact = [np.sqrt(((recording[s : s + len(path)] - path) ** 2).sum(1).mean()) for s in starts]
        best[k] = min(exact, default=np.sqrt(max(best[k], 0.0)))
    return best


def report(library: GestureLibrary, corpus: Path) -> list[str]:
    """Lines: how far segments are from recordings, and halves of one actor's recordings from one another."""
    dataset = GestureDataset(corpus)
    items = dataset.select(split=("train", "val", "test"), kind=("motion", "pair"))
    recordings: dict[str, list[np.ndarray]] = {}
    for item in track(items, "recordings", total=len(items)):
        recordings.setdefault(item.speaker, []).append(wrists_of(dataset.motion(item)))
    everything = [one for own in recordings.values() for one in own]
    samples = library.samples()
    paths = [wrists_of(library.encoded(sample)) for sample in track(samples, "segments", total=len(samples))]
    halves = {actor: one[1::2] for actor, one in recordings.items()}
    own = [(path, halves[s.speaker]) for path, s in zip(paths, samples, strict=True) if s.speaker in halves]
    cuts: list[tuple[np.ndarray, list[np.ndarray]]] = []
    for actor, whole in recordings.items():
        parts = [one[a:b] for one in whole[::2] for a, b in segments(speed_of(one))]
        cuts += [(part, halves[actor]) for part in parts[:: max(1, len(parts) // ACTOR_SEGMENTS)]]
    return [
        compared("library, to any recording", paths, [everything] * len(paths)),
        compared("library, to half of the recordings of the same actor", *_columns(own)),
        compared("recordings of an actor, to the other half", *_columns(cuts)),
    ]


def _columns(pairs: Sequence[tuple[np.ndarray, list[np.ndarray]]]) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    return [path for path, _ in pairs], [recordings for _, recordings in pairs]


def speed_of(wrists: np.ndarray) -> np.ndarray:
    """[T] metres a second of the faster wrist of [T, 6]."""
    steps = np.linalg.norm(
        np.diff(wrists.reshape(-1, 2, 3), axis=0, prepend=wrists[None, :1].reshape(1, 2, 3)), axis=-1
    )
    return steps.max(axis=1) * FPS


def compared(what: str, paths: Sequence[np.ndarray], recordings: Sequence[Sequence[np.ndarray]]) -> str:
    """A line: median and minimum of ``distances``, in metres and over the amplitude of the segment itself.

    Args:
        recordings: what each path is compared with; equal ones are looked through at once.
    """
    found = np.full(len(paths), np.inf)
    for own in {id(one): one for one in recordings}.values():
        members = [k for k, one in enumerate(recordings) if one is own]
        found[members] = distances([paths[k] for k in members], own)
    amplitude = np.array([np.sqrt(path.var(axis=0).sum()) for path in paths])
    moving = np.isfinite(found) & (amplitude >= LEAST_AMPLITUDE)
    if not moving.any():
        return f"{what}: nothing to compare"
    figures = [
        f"median {np.median(values):.3f}{unit}, minimum {values.min():.3f}{unit}"
        for values, unit in ((found[moving], " m"), (found[moving] / amplitude[moving], " of its amplitude"))
    ]
    return f"{what}: {'; '.join(figures)}; {moving.sum()} segments that move"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="contextual", help="a shipped model or a model folder")
    parser.add_argument("--speech", type=Path, help="folder of speech files")
    parser.add_argument("--dataset", type=Path, help="dataset whose training speeches are gestured as well")
    parser.add_argument("--keys", default="retrieval", help="the model that makes the keys")
    parser.add_argument("--segments", type=int, default=3000)
    parser.add_argument("--spare", type=float, default=1.5, help="times as many candidates as are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pieces", type=Path, help="folder of the pieces; OUT.pieces unless given")
    parser.add_argument("--corpus", type=Path, help="dataset of the recordings that segments are compared with")
    found = parser.parse_args()
    if found.speech is None and found.dataset is None:
        parser.error("name speech to gesture: --speech FOLDER, --dataset DATASET, or both")
    return found


def main() -> None:
    args = arguments()
    model, embedder = load(args.model), load_embedder(args.keys)
    spoken = voices(args.speech, args.dataset)
    total = len(conditions(model))
    kept = -(-args.segments // total)
    names = tuple(sorted(voice.name for voice in spoken))
    model_now = f"{args.model} {behaviour(model, spoken[0])}"
    settings = Settings(model_now, Embedding.of(embedder), names, kept, round(args.spare * kept), args.seed)
    folder = args.pieces or args.out.with_name(f"{args.out.name}.pieces")
    folder.mkdir(parents=True, exist_ok=True)
    pieces = [
        piece(folder, model, embedder, spoken, settings, number)
        for number in track(range(total), "speakers and moods", total=total)
    ]
    merge_libraries(pieces, args.out, motion="latents")
    info = library_info(args.out)
    note("\n".join([*info.lines(), f"{info.bytes / info.segments:.0f} bytes a segment"]))
    if args.corpus is not None:
        note("\n".join(report(GestureLibrary(args.out), args.corpus)))


if __name__ == "__main__":
    main()
