"""Ask a library: gestures for a speech, speeches that a motion fits, or more of the same kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.arguments import several
from ..core.deprecation import renamed_keywords, warn_renamed
from ..core.errors import UserError
from ..motion.motion import Motion
from ..sampling.edit import Span
from ..speech.loading import SpeechLike
from ..speech.speech import Speech
from .embedder import Embedder, load_embedder
from .library import GestureLibrary, Hit
from .query import load_query, questions
from .sample import Filters

ROLES = {"speech": "speech", "motion": "gesture"}  # what segments are compared by -> role of their keys


@dataclass(frozen=True)
class Found:
    """The answer for one segment of what was asked with."""

    start: float  # seconds
    end: float
    hits: tuple[Hit, ...]  # best first


@dataclass(frozen=True)
class SearchResult:
    """The answer of ``search``. ``as_dict`` keeps the keys "base" and "asked", which hits.json has always had."""

    library: GestureLibrary
    query: str  # "speech" or "motion": what the question was
    by: str  # "speech" or "motion": what of the library was compared with it
    found: tuple[Found, ...]  # one for each segment, in order

    @property
    def base(self) -> GestureLibrary:
        """Old name of ``library``."""
        warn_renamed("SearchResult.base", "SearchResult.library")
        return self.library

    @property
    def asked(self) -> str:
        """Old name of ``query``."""
        warn_renamed("SearchResult.asked", "SearchResult.query")
        return self.query

    @property
    def best(self) -> Hit:
        """The hit of the highest score in all segments."""
        return max((hit for part in self.found for hit in part.hits), key=lambda hit: hit.score)

    def motion(self, hit: Hit) -> Motion:
        """The motion of a hit: canonical, 30 fps. Raises as ``GestureLibrary.motion``."""
        return self.library.motion(hit.sample)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "base": str(self.library.folder),
            "asked": self.query,
            "by": self.by,
            "embedding": vars(self.library.header.embedding),
            "segments": [
                {
                    "start": round(part.start, 4),
                    "end": round(part.end, 4),
                    "hits": [
                        {"rank": hit.rank, "score": round(hit.score, 6), **hit.sample.as_dict()} for hit in part.hits
                    ],
                }
                for part in self.found
            ],
        }


@renamed_keywords({"base": "library"})
def search(
    query: SpeechLike | Motion,
    *,
    library: str | Path | GestureLibrary,
    k: int = 5,
    by: str | None = None,
    span: Span | Sequence[Span] | None = None,
    speaker: str | None = None,
    emotion: str | None = None,
    words: str | None = None,
    exclude: str | Sequence[str] = (),
    min_speed: float | None = None,
    max_speed: float | None = None,
    min_peak: float | None = None,
    min_extent: float | None = None,
    min_strokes: int | None = None,
    transcript: str | Path | None = None,
    model: str | Path | Embedder = "alignment",
    approximate: bool = False,
) -> SearchResult:
    """Find the segments of a gesture library that go with a speech or a motion.

    Args:
        query: a sound or video file, (samples, rate), a motion file (.bvh .npz .glb .fbx .vrma), or either loaded.
            What is longer than a segment is cut as the recordings of a library are.
        library: folder of the library, or an opened one.
        k: hits for each segment at most.
        by: "motion" compares with how segments move, "speech" with what was said; the other side than
            the question's if None.
        span: ask with this part alone, in one piece: "START:END" or (START, END) in seconds.
        speaker: whose motion.
        emotion: of the motion, one of ``emotions.EMOTIONS`` or an alias.
        words: said in the segment, next to each other.
        exclude: recordings to leave out, with all that share an original with them.
        min_speed: mean speed of both wrists at least, metres a second.
        max_speed: likewise, at most.
        min_peak: highest speed of a wrist at least, metres a second.
        min_extent: reach of the wrist that goes further at least, metres.
        min_strokes: strokes in the segment at least.
        transcript: of a sound file, which is then cut at its words.
        model: what makes the keys; must be what the library was made with.
        approximate: by faiss, for programs that ask a large library often.
    Raises:
        UserError: anything given that cannot be used, or nothing fits the filters.
    """
    loaded = load_query(query, transcript)
    modality = "speech" if isinstance(loaded, Speech) else "motion"
    side = by or ("motion" if modality == "speech" else "speech")
    if side not in ROLES:
        raise UserError(f"by is {' or '.join(ROLES)}; got {by!r}")
    opened = library if isinstance(library, GestureLibrary) else GestureLibrary(library)
    embedder = load_embedder(model)
    opened.check_embedder(embedder)
    exclude = several(exclude)
    for name in exclude:
        if not opened.related([name]):
            raise UserError(f"the library has nothing of a recording {name!r}; there is nothing to leave out")
    filters = Filters(
        speaker=speaker,
        emotion=emotion,
        words=words,
        min_speed=min_speed,
        max_speed=max_speed,
        min_peak=min_peak,
        min_extent=min_extent,
        min_strokes=min_strokes,
        exclude=exclude,
    )
    present, allowed = opened.keys(ROLES[side]).present, opened.allowed(filters)
    if not present.any():
        other = next(name for name in ROLES if name != side)
        raise UserError(f"{opened.folder} has no {side} that can be compared; ask by {other}")
    if allowed is not None and not (allowed & present).any():
        raise UserError(f"none of {len(opened):,} segments fits ({filters}); ask for less")
    found = []
    for one in questions(loaded, span, embedder):
        hits = opened.nearest(one.key, role=ROLES[side], k=k, filters=filters, approximate=approximate)
        found.append(Found(one.start, one.end, tuple(hits)))
    return SearchResult(opened, modality, side, tuple(found))
