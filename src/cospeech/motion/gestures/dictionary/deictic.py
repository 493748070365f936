"""Pointing: at oneself, at the listener, at places and directions. Left is the speaker's left."""

from __future__ import annotations

from ..gesture import Gesture
from ..gesture import HandKey as K
from ..gesture import TurnKey as T

GESTURES = (
    Gesture(
        "point",
        "that, in a direction",
        "deictic",
        hand=(
            K(-0.17, (0.18, -0.02, 0.27), "ahead", "down .3in", "index"),
            K(0.17, (0.27, 0.07, 0.41), "ahead .55out", "down .3in", "index"),
        ),
        aims=True,
        hold=0.6,
        aliases=("index", "that"),
    ),
    Gesture(
        "point_self",
        "I, me",
        "deictic",
        hand=(
            K(-0.16, (0.2, -0.04, 0.3), "in .4up", "back", "palm"),
            K(0.16, (0.17, -0.02, 0.24), "in .25up .3back", "back .5in .2down", "index"),
        ),
        hold=0.4,
        exact=True,
        aliases=("me", "self", "i"),
    ),
    Gesture(
        "point_you",
        "you",
        "deictic",
        hand=(
            K(-0.16, (0.18, -0.06, 0.27), "ahead .2in", "in .3up", "loose_fist"),
            K(0.16, (0.12, 0.02, 0.46), "ahead", "in .4down", "index"),
        ),
        hold=0.4,
        head=(T(0.1, pitch=3),),
        aliases=("you",),
    ),
    Gesture(
        "point_here",
        "here, this place",
        "deictic",
        hand=(
            K(-0.16, (0.16, 0.04, 0.33), "ahead .6down", "down .6back", "index"),
            K(0.16, (0.15, -0.09, 0.36), "down .3ahead", "back .3down", "index"),
        ),
        hold=0.4,
        head=(T(0.1, pitch=8),),
        aliases=("here",),
    ),
    Gesture(
        "point_there",
        "there, over there",
        "deictic",
        hand=(
            K(-0.17, (0.22, 0.0, 0.28), "ahead .4out", "down .3in", "index"),
            K(0.17, (0.41, 0.12, 0.33), "ahead .9out .2up", "down .3in", "index"),
        ),
        hold=0.6,
        head=(T(-0.1, yaw=14), T(0.3, yaw=16)),
        aliases=("there", "over_there"),
    ),
    Gesture(
        "point_up",
        "up there",
        "deictic",
        hand=(
            K(-0.17, (0.19, 0.06, 0.26), "up", "in", "index"),
            K(0.17, (0.2, 0.27, 0.2), "up .1ahead", "in .4ahead", "index"),
        ),
        hold=0.5,
        head=(T(0.0, pitch=-9),),
        aliases=("up", "above"),
    ),
    Gesture(
        "point_down",
        "down there",
        "deictic",
        hand=(
            K(-0.17, (0.25, 0.02, 0.28), "ahead .5down", "down .5back", "index"),
            K(0.17, (0.3, -0.16, 0.26), "down .15ahead .1out", "back", "index"),
        ),
        hold=0.5,
        head=(T(0.0, pitch=12, yaw=6),),
        aliases=("down", "below"),
    ),
    Gesture(
        "point_left",
        "to the left",
        "deictic",
        hand=(
            K(-0.17, (0.24, 0.0, 0.28), "out ahead", "down", "index"),
            K(0.17, (0.47, 0.07, 0.22), "out .2ahead", "down .2ahead", "index"),
        ),
        side="left",
        hold=0.5,
        head=(T(-0.1, yaw=16), T(0.3, yaw=18)),
        aliases=("left",),
    ),
    Gesture(
        "point_right",
        "to the right",
        "deictic",
        hand=(
            K(-0.17, (0.24, 0.0, 0.28), "out ahead", "down", "index"),
            K(0.17, (0.47, 0.07, 0.22), "out .2ahead", "down .2ahead", "index"),
        ),
        side="right",
        hold=0.5,
        head=(T(-0.1, yaw=16), T(0.3, yaw=18)),
        aliases=("right", "side"),
    ),
    Gesture(
        "point_behind",
        "behind me",
        "deictic",
        hand=(
            K(-0.16, (0.23, 0.06, 0.26), "up .5ahead", "in", "loose_fist"),
            K(0.16, (0.27, 0.2, 0.13), "up .15back", "in", "thumb"),
        ),
        hold=0.5,
        head=(T(0.0, yaw=10),),
        aliases=("behind", "over_the_shoulder"),
    ),
)
