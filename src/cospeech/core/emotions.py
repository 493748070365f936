"""The emotion vocabulary, shared by speech, data, models and metrics."""

from __future__ import annotations

from .errors import UserError

# The ten categories of the MPI Emotional Body Expressions Database, neutral first.
EMOTIONS = ("neutral", "amusement", "anger", "disgust", "fear", "joy", "pride", "sadness", "shame", "surprise")

# The mood of someone who talks with somebody, which no actor was asked to show.
CONVERSATION = "conversation"

# BEAT's eight categories and a few everyday words.
ALIASES = {
    "happiness": "joy",
    "happy": "joy",
    "angry": "anger",
    "sad": "sadness",
    "contempt": "disgust",
    "fearful": "fear",
    "scared": "fear",
    "surprised": "surprise",
    "amused": "amusement",
    "proud": "pride",
    "ashamed": "shame",
    "disgusted": "disgust",
}


def canonical_emotion(name: str) -> str:
    """The canonical name of an emotion (case and aliases resolved).

    Raises:
        UserError: the name is neither an emotion nor an alias; the message lists the known ones.

    >>> canonical_emotion("Happiness")
    'joy'
    """
    key = name.strip().lower()
    key = ALIASES.get(key, key)
    if key not in EMOTIONS:
        raise UserError(f"unknown emotion {name!r}; known: {', '.join(EMOTIONS)}")
    return key
