from .api import animate, compare, convert, evaluate, generate, recognise_rig, render
from .api.editing import edit
from .api.face import add_face
from .api.gestures import add_gesture, find_gestures, gestures, perform_gestures, show_gesture
from .api.robots import to_robot
from .core.errors import UserError
from .data.clips import GestureClip
from .data.prepare import prepare
from .gesture_library.build import add_to_library, build_library
from .gesture_library.check import check_library, library_info
from .gesture_library.library import open_library
from .gesture_library.merge import merge_libraries
from .gesture_library.search import search
from .loading import load
from .methods.phones.run import train_phones
from .methods.training_runs import export, train
from .motion.gestures.gesture import Gesture
from .motion.motion import Motion, load_motion
from .motion.skeleton import Skeleton, canonical_skeleton
from .speech.cues import markup
from .speech.cues.cue import GestureCue
from .speech.loading import load_speech
from .speech.speech import Speech, Word
from .video.detection.keypoints import video_keypoints
from .video.detection.setup import setup_video
from .video.provenance.record import verify
from .video.synthetic.corpus import build_synthetic_people
from .video.training.train import train_video

__version__: str

__all__ = [
    "Gesture",
    "GestureClip",
    "GestureCue",
    "Motion",
    "Skeleton",
    "Speech",
    "UserError",
    "Word",
    "add_face",
    "add_gesture",
    "add_to_library",
    "animate",
    "build_library",
    "build_synthetic_people",
    "canonical_skeleton",
    "check_library",
    "compare",
    "convert",
    "edit",
    "evaluate",
    "export",
    "find_gestures",
    "generate",
    "gestures",
    "library_info",
    "load",
    "load_motion",
    "load_speech",
    "markup",
    "merge_libraries",
    "open_library",
    "perform_gestures",
    "prepare",
    "recognise_rig",
    "render",
    "search",
    "setup_video",
    "show_gesture",
    "to_robot",
    "train",
    "train_phones",
    "train_video",
    "verify",
    "video_keypoints",
]
