"""How phones that follow one another shape the mouth: dominance functions.

Each phone has a target for each part of the mouth and a dominance that rises before it and falls after it; what is
seen is the mean of the targets, weighted by their dominances at the moment (Cohen and Massaro 1993, "Modeling
coarticulation in synthetic visual speech", equations 1 to 6). Here phones may be sure or merely likely: the dominance
of a phone is its probability over time, spread by two exponentials, so that a text and a recogniser are treated
alike. Lips that shut (p, b, m) and teeth on the lip (f, v) are no means: they hold for the whole of the phone.
Targets and rates are decisions of ours. [D]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.series import widest
from ...core.timing import FPS
from ...speech.phones.inventory import PHONE_INDEX, PHONES
from ...speech.phones.track import TRACK_RATE

PARTS = ("open", "round", "wide", "teeth", "tongue")
# open: how far the lips are apart; round: drawn together and forward; wide: corners drawn back; teeth: near each
# other and shown, as in s; tongue: tip seen, as in th and l. Dominance of opening and of rounding last.
_TARGETS = """
SIL  0    0    0    0    0    1.5  .49
AA   1    0    0    0    0    1    1
AE   .9   0    .3   0    0    1    1
AH   .6   .05  0    0    0    .74  .58
AO   .75  .55  0    0    0    1    1
AW   .9   .35  0    0    0    1    .94
AY   .9   0    .15  0    0    1    .94
EH   .65  0    .3   .1   0    .94  .87
ER   .4   .4   0    .1   0    .81  .74
EY   .55  0    .5   .1   0    .94  .94
IH   .4   0    .35  .15  0    .81  .74
IY   .3   0    .7   .2   0    .87  1
OW   .6   .75  0    0    0    .94  1
OY   .65  .6   0    0    0    .94  1
UH   .35  .6   0    0    0    .81  .87
UW   .25  1    0    0    0    .94  1
P    0    .05  0    0    0    1    .32
B    0    .05  0    0    0    1    .32
M    0    .05  0    0    0    1    .32
F    .2   0    .1   .1   0    1    .49
V    .2   0    .1   .1   0    1    .49
TH   .25  0    .1   .2   1    .81  .38
DH   .25  0    .1   .2   .8   .74  .38
T    .2   0    .1   .35  .3   .66  .25
D    .2   0    .1   .35  .3   .66  .25
K    .3   0    0    0    0    .58  .25
G    .3   0    0    0    0    .58  .25
HH   .4   0    0    0    0    .32  .17
CH   .2   .55  0    .6   0    .87  .81
JH   .2   .55  0    .6   0    .87  .81
SH   .2   .6   0    .6   0    .87  .87
ZH   .2   .6   0    .6   0    .87  .87
S    .18  0    .3   .8   0    .87  .58
Z    .18  0    .3   .8   0    .87  .58
N    .22  0    .1   .15  .3   .58  .25
L    .3   0    .05  0    .7   .66  .32
NG   .3   0    .1   0    0    .58  .25
R    .25  .45  0    .05  0    .74  .66
W    .15  .95  0    0    0    .94  1
Y    .25  0    .5   .2   0    .74  .74
"""
_ROWS = {line.split()[0]: [float(x) for x in line.split()[1:]] for line in _TARGETS.strip().splitlines()}
_TABLE = np.asarray([_ROWS[phone] for phone in PHONES])
TARGETS = _TABLE[:, : len(PARTS)]  # [phones, parts]
_DOMINANCE = np.stack([_TABLE[:, -2], _TABLE[:, -1], _TABLE[:, -1], _TABLE[:, -2], _TABLE[:, -2]], axis=1)
# Seconds in which a dominance falls to 1/e before and after its phone; rounding begins early.
_BEFORE = (0.045, 0.11, 0.08, 0.035, 0.04)
_AFTER = (0.04, 0.07, 0.06, 0.035, 0.04)
_SHUT = tuple(PHONE_INDEX[phone] for phone in ("P", "B", "M"))
_BITTEN = tuple(PHONE_INDEX[phone] for phone in ("F", "V"))
_REACH = 8.0  # times a rate, after which a dominance is nothing
_CLOSING = 0.03  # seconds in which the lips come together and part again


@dataclass(frozen=True)
class MouthShapes:
    """What the parts of the mouth do, each [T] float64 in 0 .. 1, 30 frames a second.

    Args:
        open, round, wide, teeth, tongue: see ``PARTS``.
        shut: lips pressed together, over all the others.
        bitten: lower lip at the upper teeth.
    """

    open: np.ndarray
    round: np.ndarray
    wide: np.ndarray
    teeth: np.ndarray
    tongue: np.ndarray
    shut: np.ndarray
    bitten: np.ndarray


def coarticulated(probabilities: np.ndarray, frames: int) -> MouthShapes:
    """The mouth over so many frames, from phones.

    Args:
        probabilities: [T, phones] at ``TRACK_RATE`` rows a second (``speech.phones.track``).
    """
    place = np.arange(frames) * TRACK_RATE / FPS
    parts = {}
    for index, name in enumerate(PARTS):
        weights = probabilities * _DOMINANCE[:, index]
        above = _spread(weights @ TARGETS[:, index], _BEFORE[index], _AFTER[index])
        below = _spread(weights.sum(axis=1), _BEFORE[index], _AFTER[index])
        parts[name] = np.interp(place, np.arange(len(above)), above / np.maximum(below, 1e-9))
    return MouthShapes(
        **parts,
        shut=_held(probabilities[:, _SHUT].sum(axis=1), frames),
        bitten=_held(probabilities[:, _BITTEN].sum(axis=1), frames),
    )


def _spread(line: np.ndarray, before: float, after: float) -> np.ndarray:
    """[T] spread by exponentials that rise to each moment and fall behind it."""
    reach = round(_REACH * max(before, after) * TRACK_RATE)
    time = np.arange(-reach, reach + 1) / TRACK_RATE
    kernel = np.where(time < 0.0, np.exp(time / before), np.exp(-time / after))
    return np.convolve(line, kernel)[reach : reach + len(line)]


def _held(line: np.ndarray, frames: int) -> np.ndarray:
    """[frames]: as strong as ``line`` [T] is at its strongest while a frame lasts, with soft edges outside it."""
    held = widest(line, round(TRACK_RATE / FPS) // 2)
    edges = round(_CLOSING * TRACK_RATE)
    mean = np.convolve(np.pad(widest(held, edges // 2), edges // 2, mode="edge"), np.full(edges, 1.0 / edges), "valid")
    place = np.minimum(np.round(np.arange(frames) * TRACK_RATE / FPS).astype(np.int64), len(line) - 1)
    return np.asarray(np.clip(np.maximum(held, mean[: len(held)])[place], 0.0, 1.0))
