"""EmotionGesture: gestures in an emotion, a mixture, or one that changes over time."""

from ..registry import Method

METHOD = Method(
    name="emotion",
    title="gestures in emotions that change over time, and many takes (EmotionGesture)",
    open="cospeech.methods.emotion.model:EmotionModel",
    options="cospeech.methods.emotion.options:EmotionOptions",
    training="cospeech.methods.emotion.stages:TRAINING",
)
