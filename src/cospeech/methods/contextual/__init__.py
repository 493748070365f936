"""Contextual Gesture: masked motion tokens that are filled in to go with speech."""

from ..registry import Method

METHOD = Method(
    name="contextual",
    title="motion tokens filled in by masked prediction (Contextual Gesture)",
    open="cospeech.methods.contextual.model:open_model",
    options="cospeech.methods.contextual.options:ContextualOptions",
    training="cospeech.methods.contextual.stages:TRAINING",
)
