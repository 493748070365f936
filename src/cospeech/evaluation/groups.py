"""The groups of figures that an evaluation knows; a light module, for the command line."""

GROUPS = (
    "fgd",  # distances between distributions of features: FGD a frame, a window, KID
    "two_sample",  # can a classifier tell it from real motion
    "liveliness",  # speed, strokes, stillness, extent
    "diversity",
    "beats",
    "smoothness",
    "plausibility",  # joint limits, self-intersection
    "emotion",  # accuracy of the frozen classifier
    "accuracy",  # distance from the recorded motion of the same speech, where there is one
)
