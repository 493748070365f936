"""The commands, each thin over a function of the package."""

from __future__ import annotations

import shutil
import time
from typing import Annotated, Any

from tyro.conf import Positional, arg

from ..core.arguments import with_arguments_of
from ..core.errors import UserError
from ..core.progress import note, say
from .annotations import Count, DatasetFolder, Metrics, OutFolder, Systems
from .formats import convert, face, render
from .gesture import edit, generate
from .library import LIBRARY_COMMANDS
from .named_gestures import GESTURE_COMMANDS
from .rig import RIG_COMMANDS
from .training import TRAINING_COMMANDS
from .verify import VERIFY_COMMANDS
from .video import VIDEO_COMMANDS


def evaluate(
    systems: Positional[Systems],
    /,
    *,
    data: DatasetFolder,
    out: OutFolder,
    metrics: Metrics = (),
    split: str = "test",
    clips: Count = 120,
    extractor: Annotated[str, arg(metavar="NAME|FOLDER")] = "extractor",
    classifier: Annotated[str, arg(metavar="NAME|FOLDER")] = "emotion-classifier",
    seed: Count = 0,
) -> None:
    """Measure models or folders of motion beside real motion and baselines.

    Args:
        systems: a shipped model, a model folder, or a folder of motion files (.bvh .npz ...) named
            after the clips, from any program; with several, they are compared on the same clips.
        data: folder of a dataset made by prepare.
        out: folder for report.html, report.json and clips.csv.
        metrics: groups of figures: fgd, two_sample, movement, movement_finished, presence, liveliness, diversity,
            beats, coupling, smoothness, plausibility, emotion, accuracy, or those of installed packages; all unless
            named. Of fgd, names in _requested are distances to the speakers that a model imitates, where it does not
            know those of the split.
        split: of the dataset: test, val or train.
        clips: speeches at most.
        extractor: features for distances, a shipped model or a folder.
        classifier: of emotions, a shipped model or a folder.
        seed: of the choice of clips and of generation.
    """
    began = time.monotonic()
    from .. import api
    from ..evaluation.table import table

    if not systems:
        raise UserError("nothing to evaluate is named; name a model, a model folder or a folder of motion")
    report = api.evaluate(
        [str(system) for system in systems],
        data,
        out=out,
        metrics=metrics or None,
        split=split,
        clips=clips,
        extractor=extractor,
        classifier=classifier,
        seed=seed,
    )
    say(table(report, shutil.get_terminal_size((120, 40)).columns).rstrip("\n"))
    note(f"wrote {out} in {time.monotonic() - began:.0f} s; next: open {out / 'report.html'} in a browser")


@with_arguments_of(evaluate)
def compare(systems: Positional[Systems], /, **options: Any) -> None:
    """Measure several systems on the same clips, with the intervals of their differences."""
    if len(systems) < 2:
        raise UserError(f"two systems or more are compared; got {len(systems)}, use evaluate for one")
    evaluate(systems, **options)


COMMANDS: dict[str, Any] = {
    "generate": generate,
    "edit": edit,
    "convert": convert,
    "render": render,
    "face": face,
    **RIG_COMMANDS,
    **TRAINING_COMMANDS,
    "evaluate": evaluate,
    "compare": compare,
    **GESTURE_COMMANDS,
    **LIBRARY_COMMANDS,
    **VIDEO_COMMANDS,
    **VERIFY_COMMANDS,
}
