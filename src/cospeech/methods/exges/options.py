"""What users can set of ExGes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..options import BodyOptions, option


@dataclass(frozen=True, kw_only=True)
class ExGesOptions(BodyOptions):
    """Those of all methods that generate bodies, and those of retrieval."""

    faithfulness: float | None = option(
        None,
        help="share of the retrieved gestures that is kept, 0 to 1; the model's own setting unless given",
        minimum=0.0,
        maximum=1.0,
        metavar="X",
    )
    library: str | Path | None = option(
        None,
        kind="folder",
        help="the gesture library that gestures are taken from; the model's own unless given",
        metavar="FOLDER",
        actions=("load",),
        old=("base",),
    )
    library_model: str | Path | None = option(
        None,
        kind="folder",
        help="the model that the keys of the library were computed with, if no shipped one",
        metavar="NAME|FOLDER",
        actions=("load",),
        old=("base_model",),
    )
