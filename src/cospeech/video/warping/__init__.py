"""Pixels of a portrait that follow its keypoints: layers, splines, inpainting; it knows no motion and no files."""
