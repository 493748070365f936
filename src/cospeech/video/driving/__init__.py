"""Keypoints of a portrait that follow a motion or another person's keypoints; it knows no pixels."""
