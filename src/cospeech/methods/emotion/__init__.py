"""EmotionGesture: emotion and beat mined from the voice, a prompt from the pose, many results."""
