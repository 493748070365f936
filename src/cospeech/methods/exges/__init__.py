"""ExGes: gestures retrieved from a library, joined and completed by diffusion."""

from ..registry import Method

METHOD = Method(
    name="exges",
    title="gestures from a library, joined by diffusion (ExGes)",
    open="cospeech.methods.exges.flow_model:open_model",
    options="cospeech.methods.exges.options:ExGesOptions",
    training="cospeech.methods.exges.stages:TRAINING",
)

RETRIEVAL = Method(name="retrieval", title="which speech goes with which gesture, frame by frame", evaluator=True)
