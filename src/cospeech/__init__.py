"""cospeech: speech in, gestures out.

>>> import cospeech
>>> "generate" in dir(cospeech)
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import animate, compare, convert, evaluate, generate, render
    from .api.editing import edit
    from .core.errors import UserError
    from .data.clips import GestureClip
    from .data.prepare import prepare
    from .gesture_library.build import add_to_library, build_library
    from .gesture_library.check import check_library, library_info
    from .gesture_library.library import open_library
    from .gesture_library.merge import merge_libraries
    from .gesture_library.search import search
    from .loading import load
    from .methods.training_runs import export, train
    from .motion.motion import Motion, load_motion
    from .motion.skeleton import Skeleton, canonical_skeleton
    from .speech.speech import Speech, Word, load_speech
    from .video.detection.keypoints import video_keypoints
    from .video.detection.setup import setup_video
    from .video.provenance.record import verify
    from .video.synthetic.corpus import build_people
    from .video.training.train import train_video

__version__ = "0.1.0"

_WHERE = {
    "GestureClip": "data.clips",
    "Motion": "motion.motion",
    "Skeleton": "motion.skeleton",
    "Speech": "speech.speech",
    "UserError": "core.errors",
    "Word": "speech.speech",
    "add_to_library": "gesture_library.build",
    "animate": "api",
    "library_info": "gesture_library.check",
    "build_library": "gesture_library.build",
    "build_people": "video.synthetic.corpus",
    "canonical_skeleton": "motion.skeleton",
    "check_library": "gesture_library.check",
    "compare": "api",
    "convert": "api",
    "edit": "api.editing",
    "evaluate": "api",
    "export": "methods.training_runs",
    "generate": "api",
    "load": "loading",
    "load_motion": "motion.motion",
    "load_speech": "speech.speech",
    "merge_libraries": "gesture_library.merge",
    "open_library": "gesture_library.library",
    "prepare": "data.prepare",
    "render": "api",
    "search": "gesture_library.search",
    "setup_video": "video.detection.setup",
    "train": "methods.training_runs",
    "train_video": "video.training.train",
    "video_keypoints": "video.detection.keypoints",
    "verify": "video.provenance.record",
}

__all__ = [
    "GestureClip",
    "Motion",
    "Skeleton",
    "Speech",
    "UserError",
    "Word",
    "add_to_library",
    "animate",
    "build_library",
    "build_people",
    "canonical_skeleton",
    "check_library",
    "compare",
    "convert",
    "edit",
    "evaluate",
    "export",
    "generate",
    "library_info",
    "load",
    "load_motion",
    "load_speech",
    "merge_libraries",
    "open_library",
    "prepare",
    "render",
    "search",
    "setup_video",
    "train",
    "train_video",
    "verify",
    "video_keypoints",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'cospeech' has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
