"""Figures on motion and on how it goes with speech."""
