"""Keypoints and mask of the one person in a picture or film; it knows nothing of motion or of later pictures."""
