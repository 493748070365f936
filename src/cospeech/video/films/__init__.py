"""Portraits and films as files: opened, animated, edited, written; it knows no training."""
