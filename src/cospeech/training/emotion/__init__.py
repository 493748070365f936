"""Training of the EmotionGesture method."""
