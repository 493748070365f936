"""Drawn people with exact keypoints, masks and parts, as training material; it knows no networks."""
