"""Joint embedding of speech and gesture: which speech goes with which motion."""

from ..registry import Method

METHOD = Method(
    name="alignment",
    title="which speech goes with which gesture",
    training="cospeech.methods.alignment.stages:TRAINING",
    evaluator=True,
)
