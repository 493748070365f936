from .loading import load_speech
from .speech import Speech, Word

__all__ = ["Speech", "Word", "load_speech"]
