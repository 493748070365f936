"""cospeech: speech in, gestures out.

>>> import cospeech
>>> "generate" in dir(cospeech)
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import compare, convert, edit, evaluate, generate, render
    from .data.clips import GestureClip
    from .data.prepare import prepare
    from .errors import UserError
    from .motion.motion import Motion, load_motion
    from .motion.skeleton import Skeleton, canonical_skeleton
    from .runtime import load
    from .speech.speech import Speech, Word, load_speech
    from .training.run import export, train

__version__ = "0.1.0"

_WHERE = {
    "GestureClip": "data.clips",
    "Motion": "motion.motion",
    "Skeleton": "motion.skeleton",
    "Speech": "speech.speech",
    "UserError": "errors",
    "Word": "speech.speech",
    "canonical_skeleton": "motion.skeleton",
    "compare": "api",
    "convert": "api",
    "edit": "api",
    "evaluate": "api",
    "export": "training.run",
    "generate": "api",
    "load": "runtime",
    "load_motion": "motion.motion",
    "load_speech": "speech.speech",
    "prepare": "data.prepare",
    "render": "api",
    "train": "training.run",
}

__all__ = [
    "GestureClip",
    "Motion",
    "Skeleton",
    "Speech",
    "UserError",
    "Word",
    "canonical_skeleton",
    "compare",
    "convert",
    "edit",
    "evaluate",
    "export",
    "generate",
    "load",
    "load_motion",
    "load_speech",
    "prepare",
    "render",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'cospeech' has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
