"""Named gestures: a dictionary of them, and how they are put into a motion."""
