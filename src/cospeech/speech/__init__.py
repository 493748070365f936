"""What was said: recordings, transcripts, word times and the features the networks hear."""

from .speech import Speech, Word, load_speech

__all__ = ["Speech", "Word", "load_speech"]
