"""Sizes, shapes and movements, drawn in the air."""

from __future__ import annotations

from ..gesture import Gesture
from ..gesture import HandKey as K
from ..gesture import TurnKey as T

GESTURES = (
    Gesture(
        "big",
        "large",
        hand=(
            K(-0.2, (0.11, -0.03, 0.32), "ahead .3in .2up", "in", "palm"),
            K(0.2, (0.36, 0.03, 0.31), "ahead .3up .1in", "in", "open"),
        ),
        mirrored=True,
        hold=0.5,
        face={"browOuterUp": 0.4, "eyeWide": 0.25},
        aliases=("large", "huge"),
    ),
    Gesture(
        "small",
        "little",
        hand=(
            K(-0.16, (0.2, 0.0, 0.29), "in .6up .3ahead", "back .3down", "open"),
            K(0.16, (0.19, 0.08, 0.32), "in .55up .2ahead", "back .3down", "measure"),
        ),
        hold=0.5,
        face={"eyeSquint": 0.4, "browDown": 0.1},
        aliases=("little", "tiny"),
    ),
    Gesture(
        "tall",
        "high",
        hand=(
            K(-0.2, (0.2, -0.06, 0.31), "ahead .5in", "down", "flat"),
            K(0.2, (0.23, 0.27, 0.26), "ahead .8in", "down", "flat"),
        ),
        hold=0.5,
        head=(T(0.1, pitch=-7),),
        aliases=("high",),
    ),
    Gesture(
        "short",
        "low, not tall",
        hand=(
            K(-0.18, (0.24, 0.0, 0.31), "ahead .4in", "down", "flat"),
            K(0.18, (0.28, -0.22, 0.28), "ahead .3in", "down", "flat"),
        ),
        hold=0.5,
        head=(T(0.1, pitch=8, yaw=6),),
        aliases=("low",),
    ),
    Gesture(
        "wide",
        "broad",
        hand=(
            K(-0.22, (0.12, 0.0, 0.34), "ahead .3up", "in", "flat"),
            K(0.22, (0.5, 0.06, 0.22), "out .5ahead .4up", "ahead .5in", "open"),
        ),
        mirrored=True,
        hold=0.5,
        face={"browOuterUp": 0.3},
        aliases=("broad",),
    ),
    Gesture(
        "narrow",
        "close together",
        hand=(
            K(-0.2, (0.24, 0.0, 0.33), "ahead .3up", "in", "flat"),
            K(0.2, (0.075, 0.0, 0.34), "ahead .3up", "in", "flat"),
        ),
        mirrored=True,
        hold=0.5,
        face={"eyeSquint": 0.25},
        aliases=("thin",),
    ),
    Gesture(
        "long",
        "long, drawn out",
        hand=(
            K(-0.24, (0.05, 0.0, 0.34), "ahead .5up .3in", "down .5ahead .3in", "pinch"),
            K(0.24, (0.42, 0.02, 0.29), "ahead .5up .3in", "down .5ahead .3in", "pinch"),
        ),
        mirrored=True,
        hold=0.4,
        aliases=("drawn_out",),
    ),
    Gesture(
        "round",
        "a ball",
        hand=(
            K(-0.26, (0.06, 0.13, 0.34), "ahead .5in .2up", "down .3in", "bowl"),
            K(0.0, (0.21, 0.02, 0.33), "ahead .2up", "in", "bowl"),
            K(0.26, (0.08, -0.12, 0.32), "ahead .4in", "up .4in", "bowl"),
        ),
        mirrored=True,
        hold=0.3,
        aliases=("ball", "sphere", "world"),
    ),
    Gesture(
        "flat",
        "level, even",
        hand=(
            K(-0.2, (0.07, -0.06, 0.34), "ahead .4in", "down", "flat"),
            K(0.2, (0.36, -0.06, 0.31), "ahead .1out", "down", "flat"),
        ),
        mirrored=True,
        hold=0.3,
        aliases=("level", "even"),
    ),
    Gesture(
        "deep",
        "far down",
        hand=(
            K(-0.22, (0.17, 0.12, 0.33), "ahead .6down .2in", "down .6back", "flat"),
            K(0.22, (0.19, -0.17, 0.31), "down .4ahead", "back .4down", "flat"),
        ),
        hold=0.4,
        head=(T(0.1, pitch=9),),
        trunk=(T(0.2, pitch=3),),
    ),
    Gesture(
        "thick",
        "thick, one above the other",
        hand=(
            K(-0.18, (0.06, 0.0, 0.33), "ahead .8in", "down", "palm"),
            K(0.18, (0.06, 0.1, 0.33), "ahead .8in", "down", "palm"),
        ),
        other=(
            K(-0.18, (0.06, -0.07, 0.33), "ahead .8in", "up", "palm"),
            K(0.18, (0.06, -0.14, 0.33), "ahead .8in", "up", "palm"),
        ),
        hold=0.5,
        aliases=("fat",),
    ),
    Gesture(
        "rise",
        "more, upwards",
        hand=(
            K(-0.24, (0.18, -0.17, 0.31), "ahead .5in", "up", "palm"),
            K(0.24, (0.19, 0.15, 0.34), "ahead .6in .2up", "up", "palm"),
        ),
        hold=0.3,
        head=(T(0.1, pitch=-5),),
        aliases=("increase", "grow", "more"),
    ),
    Gesture(
        "fall",
        "less, downwards",
        hand=(
            K(-0.22, (0.2, 0.17, 0.33), "ahead .4in", "down", "palm"),
            K(0.22, (0.23, -0.19, 0.3), "ahead .3in .2down", "down", "palm"),
        ),
        hold=0.3,
        head=(T(0.1, pitch=6),),
        aliases=("decrease", "sink", "less"),
    ),
    Gesture(
        "forward",
        "onwards",
        hand=(
            K(-0.2, (0.18, -0.02, 0.23), "ahead .3up", "in", "blade"),
            K(0.2, (0.14, 0.03, 0.47), "ahead", "in", "blade"),
        ),
        hold=0.35,
        trunk=(T(0.1, pitch=3),),
        aliases=("onwards", "ahead"),
    ),
    Gesture(
        "back",
        "backwards, return",
        hand=(
            K(-0.2, (0.17, 0.0, 0.42), "up .5ahead", "back .5up", "palm"),
            K(0.2, (0.23, 0.1, 0.22), "up .2out .1back", "back", "palm"),
        ),
        hold=0.3,
        trunk=(T(0.1, pitch=-3),),
        aliases=("return", "backwards"),
    ),
    Gesture(
        "past",
        "long ago",
        kind="metaphoric",
        hand=(
            K(-0.24, (0.2, 0.06, 0.34), "up .4ahead", "back .4up", "palm"),
            K(0.24, (0.28, 0.23, 0.08), "up .7back", "back .7down", "palm"),
        ),
        hold=0.3,
        head=(T(0.1, yaw=6, pitch=-3),),
        aliases=("ago", "earlier", "before"),
    ),
    Gesture(
        "future",
        "some day, next",
        kind="metaphoric",
        hand=(
            K(-0.26, (0.18, 0.02, 0.24), "up .7ahead", "ahead .7down", "palm"),
            K(0.0, (0.17, 0.17, 0.36), "ahead .9up", "down .9ahead", "palm"),
            K(0.26, (0.15, 0.06, 0.47), "ahead .2down", "down .2back", "palm"),
        ),
        hold=0.35,
        aliases=("later", "next", "tomorrow"),
    ),
    Gesture(
        "now",
        "at this moment",
        kind="metaphoric",
        hand=(
            K(-0.15, (0.17, 0.05, 0.32), "ahead .6down .2in", "down .6back", "index"),
            K(0.13, (0.15, -0.05, 0.33), "down .45ahead .1in", "back .45down", "index"),
        ),
        mirrored=True,
        hold=0.35,
        head=(T(0.1, pitch=5),),
        aliases=("today", "immediately"),
    ),
    Gesture(
        "fast",
        "quick",
        hand=(
            K(-0.12, (0.04, 0.02, 0.33), "ahead .7in", "in .7back", "blade"),
            K(0.12, (0.43, 0.08, 0.32), "ahead .8out", "in .8ahead", "blade"),
        ),
        hold=0.15,
        head=(T(0.05, yaw=6),),
        aliases=("quick",),
    ),
    Gesture(
        "slow",
        "slowly",
        hand=(
            K(-0.55, (0.06, -0.02, 0.34), "ahead .3in", "down", "palm"),
            K(0.0, (0.2, 0.01, 0.36), "ahead", "down", "relaxed"),
            K(0.55, (0.36, -0.04, 0.32), "ahead .3out", "down", "palm"),
        ),
        hold=0.2,
        aliases=("slowly", "gradually"),
    ),
    Gesture(
        "across",
        "over, to the other side",
        hand=(
            K(-0.26, (-0.08, -0.03, 0.33), "ahead .5in", "down", "palm"),
            K(0.0, (0.13, 0.13, 0.38), "ahead", "down", "palm"),
            K(0.26, (0.37, -0.04, 0.31), "ahead .4out .2down", "down", "palm"),
        ),
        hold=0.25,
        aliases=("over", "bridge"),
    ),
    Gesture(
        "circle",
        "around",
        hand=(
            K(-0.3, (0.2, 0.16, 0.34), "ahead .3up", "down .3in", "index"),
            K(-0.1, (0.31, 0.06, 0.33), "ahead .3up", "down .3in", "index"),
            K(0.1, (0.2, -0.05, 0.36), "ahead", "down .3in", "index"),
            K(0.3, (0.09, 0.06, 0.36), "ahead .2up", "down .3in", "index"),
            K(0.5, (0.2, 0.16, 0.34), "ahead .3up", "down .3in", "index"),
        ),
        cycle=(1, 4),
        repeats=1,
        hold=0.1,
        aliases=("around",),
    ),
)
