"""From words to cues: which gesture is asked for at which moment."""
