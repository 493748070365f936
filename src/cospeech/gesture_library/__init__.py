"""The gesture library: segments of motion, found by what was said with them or by how they move."""
