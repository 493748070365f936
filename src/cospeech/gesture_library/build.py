"""From a dataset to a library: cut, measure, embed, write."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.arguments import several
from ..core.deprecation import renamed_keywords
from ..core.errors import UserError
from ..core.progress import note, track
from ..core.timing import FPS, seconds_to_frame
from ..data.dataset import SYNTHETIC_PAIR, GestureDataset, Sample
from ..motion.codec import Codec
from ..speech.layout import LAYOUT
from ..speech.speech import Word
from .catalogue import KINDS, MOTIONS, Header, check_place, writing
from .embedder import Embedder, Embedding, load_embedder
from .expressiveness import Hands
from .latents import FIT_FRAMES, LatentMotion
from .library import GestureLibrary, check_header
from .segments import SHORTEST, segments, speech_breaks
from .shards import packed
from .writer import Recording, Segment, Shards

SPLITS = ("train", "val", "test")


@dataclass
class Added:
    """What ``build_library``, ``add_to_library`` and ``merge_libraries`` did."""

    segments: int = 0
    recordings: int = 0
    seconds: float = 0.0
    synthetic_pairs: int = 0  # recordings that are synthetic pairs, speech and motion never recorded together
    there: int = 0  # recordings that were there already
    short: int = 0  # recordings shorter than a second

    def count(self, recording: Recording) -> None:
        """One more."""
        self.segments += len(recording.segments)
        self.recordings += 1
        self.seconds += recording.frames / FPS
        self.synthetic_pairs += recording.kind == "made_pair"

    def __str__(self) -> str:
        text = f"{self.segments:,} segments ({self.seconds / 3600:.2f} h) of {self.recordings:,} recordings"
        text += f", {self.synthetic_pairs:,} of them synthetic pairs" if self.synthetic_pairs else ""
        text += f"; {self.there:,} were there already" if self.there else ""
        return text + (f"; {self.short:,} shorter than a second were left out" if self.short else "")


def build_library(
    dataset: str | Path,
    out: str | Path,
    *,
    split: str | Sequence[str] = ("train",),
    kinds: str | Sequence[str] = tuple(KINDS),
    model: str | Path | Embedder = "alignment",
    motion: str = "frames",
    quiet: bool = False,
) -> Added:
    """Make a gesture library of a dataset. One that is there is replaced when the new one is finished.

    Args:
        dataset: folder made by ``prepare``.
        out: folder of the library.
        split: parts of the dataset: train, val, test. ExGes takes the training part alone, so that nothing
            of a test can be found [P].
        kinds: which recordings: motion, pair (recorded together), made_pair, generated.
        model: what makes the keys, a shipped model's name, a model folder or an ``Embedder``.
        motion: how it is kept: "frames", as the dataset has it, or "latents" of body parts, a tenth of the space
            and not exact (``gesture_library.latents``); keys then take a quarter.
        quiet: without progress and notes.
    Raises:
        UserError: anything given that cannot be used, the folder holds something else, or another process
            is writing to it. The library is as it was then.
    """
    if motion not in MOTIONS:
        raise UserError(f"motion is {' or '.join(MOTIONS)}; got {motion!r}")
    opened, out, embedder = GestureDataset(dataset), Path(out), load_embedder(model)
    items = _chosen(opened, split, kinds)
    header = _header(opened, embedder)
    check_place(out)
    added = Added()
    bases = LatentMotion.fit(_Spread(opened, items)) if motion == "latents" else None
    cut = _cut(opened, items, embedder, {}, added, quiet)
    write_library(out, header, cut, bases, empty=f"no recording of {dataset} is a second long; nothing was written")
    _report(added, quiet)
    return added


def write_library(
    out: Path, header: Header, recordings: Iterable[Recording], bases: LatentMotion | None, *, empty: str
) -> None:
    """Write recordings as a new library, in place of one that is there.

    Args:
        header: what they have in common.
        bases: keep motion as latents of these; as frames if None.
        empty: what is said if there are no segments.
    Raises:
        UserError: there are no segments, or the folder cannot be written. What was there is as it was.
    """
    check_place(out)
    count = 0
    with writing(out, create=True) as change:
        change.start_anew(replace(header, bases=None if bases is None else bases.fingerprint))
        shards = Shards(change, header.embedding.size, bases)
        shards.write_bases()
        for recording in recordings:
            shards.add(recording)
            count += len(recording.segments)
        if not count:
            raise UserError(empty)
        shards.finish()


@renamed_keywords({"base": "library"})
def add_to_library(
    library: str | Path,
    dataset: str | Path,
    *,
    split: str | Sequence[str] = ("train",),
    kinds: str | Sequence[str] = tuple(KINDS),
    model: str | Path | Embedder = "alignment",
    quiet: bool = False,
) -> Added:
    """Add the recordings of a dataset that a gesture library does not have yet.

    Args:
        library: folder of the library.
        dataset: folder made by ``prepare``.
        split: parts of the dataset: train, val, test.
        kinds: which recordings: motion, pair (recorded together), made_pair, generated.
        model: what makes the keys; must be what the library was made with.
        quiet: without progress and notes.
    Raises:
        UserError: as ``build_library``; also if the library is of another skeleton, frame rate or embedding, or
            has another recording of the same name.
    """
    opened, embedder, before = GestureDataset(dataset), load_embedder(model), GestureLibrary(library)
    items = _chosen(opened, split, kinds)
    before.check_embedder(embedder)
    check_header(before.header, _header(opened, embedder), before.folder)
    added = Added()
    with writing(before.folder) as change:
        known = dict(change.connection.execute("SELECT name, digest FROM recording"))
        shards = Shards(change, embedder.embedding, before.bases)
        for recording in _cut(opened, items, embedder, known, added, quiet):
            shards.add(recording)
        shards.finish()
    _report(added, quiet)
    return added


def _report(added: Added, quiet: bool) -> None:
    if added.synthetic_pairs and not quiet:
        note(f"{added.synthetic_pairs:,} synthetic pairs: their speech and motion were never recorded together")


class _Spread:
    """Encoded motions of items evenly over a dataset, ``FIT_FRAMES`` at most; can be iterated over again."""

    def __init__(self, dataset: GestureDataset, items: Sequence[Sample]) -> None:
        self._dataset = dataset
        every = max(1, -(-sum(item.frames for item in items) // FIT_FRAMES))
        self._items = items[::every]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._dataset.motion(item) for item in self._items)


def _chosen(dataset: GestureDataset, split: str | Sequence[str], kinds: str | Sequence[str]) -> list[Sample]:
    split, kinds = several(split), several(kinds)
    for what, names, known in (("split", split, SPLITS), ("kind", kinds, tuple(KINDS))):
        for name in names:
            if name not in known:
                raise UserError(f"unknown {what} {name!r}; known: {', '.join(known)}")
    items = dataset.select(split=split, kind=kinds)
    if not items:
        raise UserError(
            f"{dataset.folder} has no {' or '.join(kinds)} in {' or '.join(split)}; name other splits or kinds"
        )
    return items


def _header(dataset: GestureDataset, embedder: Embedder) -> Header:
    """What a library of this dataset would be. Raises UserError if the dataset is of another skeleton or "
    "rate."""
    dataset.need_bodies("a gesture library")
    codec, written = Codec(), dataset.header.get("codec", {})
    own = Header(Embedding.of(embedder), float(FPS), codec.body, codec.hands, LAYOUT.dim)
    header = Header(
        own.embedding,
        float(dataset.header.get("fps", FPS)),
        tuple(written.get("body", own.body)),
        tuple(written.get("hands", own.hands)),
        int(dataset.header.get("feature_dim", own.features)),
    )
    if header != own:
        raise UserError(
            f"{dataset.folder} holds motion of another skeleton or rate, or other speech features than this "
            "version; run `cospeech prepare` again in a new folder"
        )
    return header


def _cut(
    dataset: GestureDataset, items: list[Sample], embedder: Embedder, known: dict[str, str], added: Added, quiet: bool
) -> Iterator[Recording]:
    """The recordings that are not known yet, each with its segments."""
    codec, least = Codec(), max(round(SHORTEST * FPS), embedder.shortest)
    for item in track(items, "gesture library", total=len(items), quiet=quiet):
        coded = dataset.motion(item)
        features = None if item.kind == "motion" else dataset.features(item)
        motion, digest = packed(coded), _digest(coded, features)
        if item.id in known:
            if known[item.id] != digest:
                raise UserError(
                    f"the library has another recording called {item.id!r}; prepare this one under another "
                    "name, or build a library of its own"
                )
            added.there += 1
            continue
        if len(coded) < least:
            added.short += 1
            continue
        words, hands = words_of(item), Hands(codec.decode(coded))
        breaks = None if features is None else speech_breaks(features, words)
        cut = tuple(
            Segment(
                start,
                end,
                None if words is None else words_within(words, start, end),
                embedder.gesture(coded[start:end]),
                None if features is None else embedder.speech(features[start:end]),
                hands.of(start, end),
                embedder.gesture_frames(coded[start:end]) if embedder.fine else None,
            )
            for start, end in segments(hands.activity, breaks)
        )
        kind = "made_pair" if item.kind == SYNTHETIC_PAIR else item.kind  # a library's name for them
        recording = Recording(
            item.id, kind, item.split, item.speaker, item.emotion, origins(item), digest, len(motion), motion, cut
        )
        added.count(recording)
        yield recording


def _digest(coded: np.ndarray, features: np.ndarray | None) -> str:
    digest = hashlib.sha256(packed(coded).tobytes())
    digest.update(b"" if features is None else features.astype(np.float16).tobytes())
    return digest.hexdigest()[:16]


def words_of(item: Sample) -> tuple[Word, ...] | None:
    """Words of a dataset's item, ``info["words"]`` as [[text, start, end], ...] in seconds; None without.

    Raises:
        UserError: they are of another form.
    """
    given = item.info.get("words")
    if given is None:
        return None
    try:
        return tuple(Word(str(text), float(start), float(end)) for text, start, end in given)
    except (TypeError, ValueError):
        raise UserError(
            f"the words of {item.id!r} are no list of [text, start, end]; run `cospeech prepare` again"
        ) from None


def words_within(words: Sequence[Word], start: int, end: int) -> tuple[Word, ...]:
    """Words whose middle is in the frames from start to before end, in seconds from ``start``."""
    offset = start / FPS
    return tuple(
        Word(word.text, round(word.start - offset, 4), round(word.end - offset, 4))
        for word in words
        if start <= seconds_to_frame((word.start + word.end) / 2) < end
    )


def origins(item: Sample) -> tuple[str, ...]:
    """What an item is made of: itself, or, if it is a synthetic pair, its speech and its clips."""
    if item.kind != SYNTHETIC_PAIR:
        return (item.id,)
    clips = {str(name).removesuffix("~") for name in item.info.get("sources", ())}  # "~": mirrored
    return tuple(sorted({item.id.rpartition("#")[0] or item.id, *clips}))
