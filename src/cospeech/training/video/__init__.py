"""Training of portrait video."""
