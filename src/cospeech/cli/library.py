"""The commands of the gesture library: cospeech search, and cospeech library with commands of its own."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from ..core.errors import UserError
from ..core.files import atomic_path, check_folder
from ..core.progress import note, say
from .annotations import (
    Clip,
    DatasetFolder,
    LibraryFolder,
    LibraryFolders,
    MaybeCount,
    MaybeFigure,
    MaybeFile,
    MaybeName,
    MaybeSpan,
    MaybeWords,
    Names,
    Out,
    OutFolder,
    Query,
    RigMap,
    Some,
)
from .outputs import done, not_over

if TYPE_CHECKING:
    from ..gesture_library.search import SearchResult

_KINDS = ("motion", "pair", "made_pair", "generated")


def search(
    query: Positional[Query],
    /,
    *,
    library: LibraryFolder,
    out: Out = (),
    k: Annotated[int, arg(metavar="N", aliases=["-k"])] = 5,
    by: Annotated[str | None, arg(metavar="motion|speech", help_behavior_hint="")] = None,
    span: MaybeSpan = None,
    speaker: MaybeName = None,
    emotion: MaybeName = None,
    words: MaybeWords = None,
    exclude: Names = (),
    min_speed: MaybeFigure = None,
    max_speed: MaybeFigure = None,
    min_peak: MaybeFigure = None,
    min_extent: MaybeFigure = None,
    min_strokes: MaybeCount = None,
    transcript: MaybeFile = None,
    model: Annotated[str, arg(metavar="NAME|FOLDER")] = "alignment",
    map: RigMap = None,
    animation: Clip = None,
    person: Clip = None,
) -> None:
    """Find gestures that go with a speech, speeches that go with a motion, or more of the same kind.

    Args:
        query: a sound or video file, or a motion file (.bvh .npz .glb .fbx .vrma). What is longer than four
            seconds is cut, and every part has hits of its own.
        library: folder of the gesture library.
        out: where to write: .json gets all hits, a motion file or a picture the motion of the best one.
            Takes several.
        k: hits for each part at most.
        by: compare with how segments move (motion) or with what was said (speech). Unless given, a speech
            is compared with motion and a motion with speech.
        span: ask with this part alone, in one piece, as in 2.0:4.5.
        speaker: whose motion; a wrong name lists the right ones.
        emotion: neutral, amusement, anger, disgust, fear, joy, pride, sadness, shame, surprise.
        words: said in the segment, next to each other.
        exclude: a recording to leave out, with all that share an original with it. May be given again.
        min_speed: mean speed of both wrists at least, metres a second.
        max_speed: likewise, at most.
        min_peak: highest speed of a wrist at least, metres a second.
        min_extent: reach of the wrist that goes further at least, metres.
        min_strokes: strokes in the segment at least.
        transcript: of a sound file, which is then cut at its words.
        model: what makes the keys: a shipped model or a model folder; what the library was built with.
        map: JSON that says which joint of the rig of a motion is which, as in {"left_foot": "Ball_L"}.
        animation: of several in a motion file, by name or number from 0.
        person: of several in a motion file, by name or number from 0.
    """
    began = time.monotonic()
    from ..api.rig import reading_options
    from ..gesture_library.query import load_query
    from ..gesture_library.search import search as find

    _check_outputs(out, query, transcript, library, model, map)
    result = find(
        load_query(query, transcript, reading_options(map, animation, person)),
        library=library,
        k=k,
        by=by,
        span=span,
        speaker=speaker,
        emotion=emotion,
        words=words,
        exclude=exclude,
        min_speed=min_speed,
        max_speed=max_speed,
        min_peak=min_peak,
        min_extent=min_extent,
        min_strokes=min_strokes,
        model=model,
    )
    say("\n".join(_table(result, query.name)))
    for target in out:
        _write_result(result, target)
    if out:
        done(out, began, f"best {result.best.score:.3f}, {result.best.sample.id}")


def _check_outputs(out: Sequence[Path], *read: str | Path | None) -> None:
    """Raises UserError if what was found cannot be written there, or would go over what is read."""
    from .. import api

    for target in out:
        if target.suffix.lower() == ".json":
            check_folder(target)
        else:
            api.check_target(target)
        not_over(target, *read)


def _write_result(result: SearchResult, target: Path) -> None:
    """All hits as .json, or the motion of the best one in any other format."""
    from .. import api

    if target.suffix.lower() == ".json":
        with atomic_path(target) as path:
            path.write_text(json.dumps(result.as_dict(), indent=1), encoding="utf-8")
    else:
        api.write(result.motion(result.best), target)


def _table(result: SearchResult, name: str) -> list[str]:
    """Lines of a table as wide as the terminal, one part of the query after the other."""
    width = shutil.get_terminal_size((120, 40)).columns
    rows = [("rank", "score", "seconds", "speaker", "emotion", "kind", "recording", "words")]
    for part in result.found:
        rows.append((f"{name} {part.start:.2f}-{part.end:.2f} s", "", "", "", "", "", "", ""))
        for hit in part.hits:
            entry = hit.sample
            rows.append(
                (
                    str(hit.rank),
                    f"{hit.score:.3f}",
                    f"{entry.start:.2f}-{entry.end:.2f}",
                    entry.speaker,
                    entry.emotion or "-",
                    entry.kind.replace("made_", "synthetic_").replace("_", " "),
                    entry.recording,
                    entry.text or "-",
                )
            )
    hits = [row for row in rows if row[1]]
    wide = [max(len(row[column]) for row in hits) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(size) for cell, size in zip(row, wide, strict=True)).rstrip()[:width] if row[1] else row[0]
        for row in rows
    ]


def build(
    dataset: Positional[DatasetFolder],
    /,
    *,
    out: OutFolder,
    split: Some = ("train",),
    kinds: Some = _KINDS,
    model: Annotated[str, arg(metavar="NAME|FOLDER")] = "alignment",
    motion: Annotated[str, arg(metavar="frames|latents")] = "frames",
) -> None:
    """Make a gesture library of a dataset; one that is there is replaced when the new one is finished.

    Args:
        dataset: folder made by prepare.
        out: folder of the library.
        split: parts of the dataset: train, val, test.
        kinds: which recordings: motion (no speech), pair (recorded together), made_pair, generated.
        model: what makes the keys: a shipped model or a model folder.
        motion: how it is kept: frames, as the dataset has it, or latents of body parts, a tenth of the space and
            not exact.
    """
    from ..gesture_library.build import build_library

    added = build_library(dataset, out, split=split, kinds=kinds, model=model, motion=motion)
    note(f"wrote {out}: {added}; next: cospeech search talk.wav --library {out}")


def add(
    library: Positional[LibraryFolder],
    dataset: Positional[DatasetFolder],
    /,
    *,
    split: Some = ("train",),
    kinds: Some = _KINDS,
    model: Annotated[str, arg(metavar="NAME|FOLDER")] = "alignment",
) -> None:
    """Add the recordings of a dataset that a gesture library does not have; searches go on meanwhile.

    Args:
        library: folder of the library.
        dataset: folder made by prepare.
        split: parts of the dataset: train, val, test.
        kinds: which recordings: motion (no speech), pair (recorded together), made_pair, generated.
        model: what makes the keys; what the library was built with.
    """
    from ..gesture_library.build import add_to_library

    added = add_to_library(library, dataset, split=split, kinds=kinds, model=model)
    note(f"added to {library}: {added}")


def info(library: Positional[LibraryFolder], /) -> None:
    """Say what is in a gesture library.

    Args:
        library: folder of the library.
    """
    from ..gesture_library.check import library_info

    say("\n".join(library_info(library).lines()))


def check(library: Positional[LibraryFolder], /) -> None:
    """Read all of a gesture library and compare it with its check sums; status 2 if something is damaged.

    Args:
        library: folder of the library.
    """
    from ..gesture_library.check import check_library

    found = check_library(library)
    say("\n".join([*found.problems, *found.lines()]))
    if found.problems:
        raise UserError(found.complaint())


def merge(
    libraries: Positional[LibraryFolders],
    /,
    *,
    out: OutFolder,
    motion: Annotated[str | None, arg(metavar="frames|latents", help_behavior_hint="")] = None,
) -> None:
    """Make one gesture library of several; of a damaged one, what is whole.

    Args:
        libraries: folders of the libraries; what two of them have is taken once.
        out: folder of the new library.
        motion: keep it anew, as frames or as latents (see library build); as it is unless given.
    """
    from ..gesture_library.merge import merge_libraries

    note(f"wrote {out}: {merge_libraries(libraries, out, motion=motion)}")


LIBRARY_COMMANDS: dict[str, Any] = {
    "search": search,
    "library build": build,
    "library info": info,
    "library add": add,
    "library check": check,
    "library merge": merge,
}
