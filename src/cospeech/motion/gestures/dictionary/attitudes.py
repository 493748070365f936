"""What one thinks and feels: thinking, doubt, questions, surprise, thanks, welcome."""

from __future__ import annotations

from ..gesture import Gesture
from ..gesture import HandKey as K
from ..gesture import TurnKey as T

_ON_CHEST = (
    K(-0.18, (0.19, -0.05, 0.31), "in .4up", "back", "palm"),
    K(0.17, (0.15, -0.03, 0.19), "in .4up", "back .15in", "palm"),
)

GESTURES = (
    Gesture(
        "think",
        "let me think",
        "emblem",
        hand=(
            K(-0.2, (0.15, 0.02, 0.28), "up .3in", "back .3in", "loose_fist"),
            K(0.2, (0.06, 0.075, 0.24), "up .35in .25back", "back .5in", "loose_fist"),
        ),
        hold=0.9,
        exact=True,
        head=(T(0.2, pitch=-4, yaw=-9, roll=4),),
        face={"browInnerUp": 0.2, "eyeSquint": 0.2},
        aliases=("thinking", "hmm"),
    ),
    Gesture(
        "so_so",
        "more or less",
        "emblem",
        hand=(
            K(-0.14, (0.2, 0.0, 0.37), "ahead .1in", "down .7in", "spread"),
            K(0.14, (0.21, 0.0, 0.37), "ahead .1in", "down .7out", "spread"),
            K(0.42, (0.2, 0.0, 0.37), "ahead .1in", "down .7in", "spread"),
        ),
        cycle=(1, 2),
        repeats=2,
        hold=0.1,
        head=(T(-0.1, roll=-5), T(0.2, roll=5)),
        face={"mouthFrown": 0.15, "browInnerUp": 0.2},
        aliases=("maybe", "more_or_less"),
    ),
    Gesture(
        "question",
        "what, why",
        "emblem",
        hand=(
            K(-0.17, (0.17, -0.12, 0.28), "ahead .2out", "up .5in", "palm"),
            K(0.17, (0.28, -0.09, 0.32), "ahead .6out", "up .2in", "open"),
        ),
        mirrored=True,
        hold=0.6,
        head=(T(0.1, roll=6, pitch=-3),),
        face={"browOuterUp": 0.6, "browInnerUp": 0.5},
        aliases=("why", "what", "ask"),
    ),
    Gesture(
        "surprised",
        "oh!",
        "emblem",
        hand=(
            K(-0.14, (0.2, -0.02, 0.27), "up .6ahead", "ahead .6down", "palm"),
            K(0.14, (0.28, 0.13, 0.24), "up .35out", "ahead .2in", "spread"),
        ),
        mirrored=True,
        hold=0.5,
        head=(T(0.05, pitch=-6),),
        trunk=(T(0.1, pitch=-4),),
        face={"eyeWide": 0.8, "browOuterUp": 0.9, "browInnerUp": 0.8, "jawOpen": 0.2},
        aliases=("surprise", "wow"),
    ),
    Gesture(
        "hand_on_chest",
        "sincerely, from my heart",
        "emblem",
        hand=_ON_CHEST,
        hold=0.8,
        exact=True,
        head=(T(0.1, pitch=3),),
        aliases=("sincere", "honestly"),
    ),
    Gesture(
        "thank_you",
        "thanks",
        "emblem",
        hand=_ON_CHEST,
        hold=0.6,
        exact=True,
        head=(T(0.15, pitch=11), T(0.45, pitch=8)),
        trunk=(T(0.2, pitch=6),),
        face={"mouthSmile": 0.4, "cheekSquint": 0.25},
        aliases=("thanks",),
    ),
    Gesture(
        "sorry",
        "I apologise",
        "emblem",
        hand=(
            K(-0.2, (0.2, -0.1, 0.29), "in .5up", "back", "palm"),
            K(0.18, (0.145, -0.06, 0.195), "in .5up", "back .1in", "palm"),
        ),
        other=(
            K(-0.2, (0.2, -0.14, 0.3), "in .4up", "back", "palm"),
            K(0.18, (0.14, -0.1, 0.26), "in .35up", "back .1in", "palm"),
        ),
        hold=0.7,
        exact=True,
        head=(T(0.2, pitch=9, roll=6),),
        trunk=(T(0.2, pitch=4),),
        face={"browInnerUp": 0.7, "mouthFrown": 0.25},
        aliases=("apologise", "apologize"),
    ),
    Gesture(
        "welcome",
        "come in",
        "emblem",
        hand=(
            K(-0.25, (0.16, -0.08, 0.3), "ahead .2in", "up .6in", "palm"),
            K(0.25, (0.44, -0.04, 0.27), "ahead .9out .2up", "up .5in", "open"),
        ),
        mirrored=True,
        hold=0.7,
        head=(T(0.2, pitch=4),),
        face={"mouthSmile": 0.5, "cheekSquint": 0.35, "browOuterUp": 0.25},
        aliases=("open_arms", "come_in"),
    ),
    Gesture(
        "hands_clasped",
        "patiently",
        "emblem",
        hand=(
            K(-0.2, (0.17, -0.12, 0.28), "ahead .7in .3up", "in .5back", "curled"),
            K(0.2, (0.07, -0.13, 0.265), "ahead in .5up", "in .6back", "curled"),
        ),
        other=(
            K(-0.2, (0.17, -0.13, 0.27), "ahead .7in .3up", "in .5back", "curled"),
            K(0.2, (0.07, -0.15, 0.25), "ahead in .4up", "in .6back", "curled"),
        ),
        hold=0.9,
        exact=True,
        aliases=("clasp", "fold_hands"),
    ),
    Gesture(
        "strong",
        "strength",
        hand=(
            K(-0.18, (0.36, 0.02, 0.2), "ahead .6up", "in .4up", "fist"),
            K(0.18, (0.36, 0.27, 0.09), "up .4in", "in .4back .4down", "fist"),
        ),
        hold=0.6,
        face={"browDown": 0.25, "mouthPress": 0.2},
        aliases=("strength", "muscle"),
    ),
)
