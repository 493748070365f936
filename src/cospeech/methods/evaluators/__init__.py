"""Networks that measure motion: features for distances between distributions, and a classifier of emotions."""

from ..registry import Method

EXTRACTOR = Method(
    name="extractor",
    title="features of motion for distances such as FGD",
    training="cospeech.methods.evaluators.train:EXTRACTOR",
    evaluator=True,
)
CLASSIFIER = Method(
    name="emotion-classifier",
    title="the emotion that motion shows",
    training="cospeech.methods.evaluators.train:CLASSIFIER",
    evaluator=True,
)
