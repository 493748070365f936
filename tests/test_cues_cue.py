"""Gesture cues: what they take, and what they refuse in one line."""

from __future__ import annotations

import math

import pytest

from cospeech.core.errors import UserError
from cospeech.speech.cues.cue import GestureCue


def test_a_name_and_a_time_are_enough():
    cue = GestureCue(" wave ", 1)
    assert (cue.gesture, cue.time, cue.source, cue.strength, cue.side) == ("wave", 1, "call", 1.0, None)


def test_a_direction_may_be_a_list():
    assert GestureCue("point", 1.0, direction=[0, 1, 2]).direction == (0.0, 1.0, 2.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gesture": ""}, "gesture is ''; give the name of one"),
        ({"time": -1.0}, "gesture 'wave' at -1.00 s: time is -1.0; give 0 or more"),
        ({"time": math.nan}, "give 0 or more"),
        ({"time": "soon"}, "gesture 'wave': time is 'soon'; give 0 or more"),
        ({"strength": 2.0}, "strength is 2.0; give 0 to 1"),
        ({"duration": 0.2}, "duration is 0.2; give 0.5 to 10 seconds"),
        ({"hold_until": -1.0}, "hold_until is -1.0; give 0 or more"),
        ({"size": 0}, "size is 0; give 0.1 to 4"),
        ({"speed": True}, "speed is True; give 0.1 to 4"),
        ({"height": 3}, "height is 3; give -1 to 1 metres"),
        ({"repeats": 0}, "repeats is 0; give 1 to 20"),
        ({"repeats": 1.5}, "repeats is 1.5; give a whole number from 1 to 20"),
        ({"side": "up"}, "side is 'up'; give one of left, right, both, or none"),
        ({"source": "dream"}, "source is 'dream'; give one of words, sound, text, file, call"),
        ({"direction": (0, 0, 0)}, "direction is (0, 0, 0); give three numbers"),
        ({"direction": (1, 2)}, "direction is (1, 2); give three numbers"),
        ({"direction": (1, 2, math.inf)}, "give three numbers"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(given, message):
    with pytest.raises(UserError) as caught:
        GestureCue(**{"gesture": "wave", "time": 1.0, **given})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
