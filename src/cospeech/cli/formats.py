"""The commands on motion that is there: into another format, or drawn."""

from __future__ import annotations

import time

from tyro.conf import Positional

from ..core.progress import stage
from .annotations import MaybeFile, MotionFile, Out
from .outputs import done, not_over, some


def convert(source: Positional[MotionFile], /, *, out: Out) -> None:
    """Bring motion from one format to another.

    Args:
        source: a motion file (.bvh .npz .glb .vrma).
        out: where to write; the suffix chooses the format. Takes several.
    """
    began = time.monotonic()
    from .. import api

    for target in some(out):
        not_over(api.check_target(target), source)
    for target in out:
        stage(f"writing {target.name}")
        api.convert(source, target)
    done(out, began, f"from {source.name}")


def render(
    motion: Positional[MotionFile], /, *, out: Out, audio: MaybeFile = None, transcript: MaybeFile = None
) -> None:
    """Draw motion on the default body, as a film or a page.

    Args:
        motion: a motion file (.bvh .npz .glb .vrma).
        out: a film (.mp4) or a page (.html). Takes several.
        audio: the speech that goes with it.
        transcript: its words, for the page.
    """
    began = time.monotonic()
    from .. import api
    from ..motion.formats import known_suffixes
    from ..motion.motion import load_motion
    from ..speech.loading import load_speech

    drawn = known_suffixes("write", content="picture")
    for target in some(out):
        not_over(api.check_target(target, suffixes=drawn), motion, audio, transcript)
    speech = None if audio is None else load_speech(audio, transcript=transcript)
    moved = load_motion(motion)
    for target in out:
        stage(f"drawing {target.name}")
        api.render(moved, target, speech=speech)
    done(out, began, f"{moved.seconds:.1f} s of motion")
