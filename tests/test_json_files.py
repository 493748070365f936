"""Strict reading of JSON and TOML: what fits comes back typed, what does not is named in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import pytest

from cospeech.core.errors import UserError
from cospeech.core.json_files import decode_struct, read_struct


class Frame(msgspec.Struct, forbid_unknown_fields=True):
    time: Annotated[float, msgspec.Meta(ge=0)]
    weights: list[float]
    kind: Literal["face", "body"] = "face"


class Recording(msgspec.Struct, forbid_unknown_fields=True):
    names: list[str]
    frames: list[Frame]
    more: dict[str, Frame] = {}


GOOD = '{"names": ["jawOpen"], "frames": [{"time": 0, "weights": [0.5]}]}'


def test_a_good_file_comes_back_typed(tmp_path):
    path = tmp_path / "face.json"
    path.write_text("\ufeff" + GOOD)
    found = read_struct(path, Recording)
    assert found.names == ["jawOpen"]
    assert found.frames[0].weights == [0.5]


def test_toml_by_its_suffix(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("time = 2.5\nweights = [1, 2]\n")
    assert read_struct(path, Frame).time == 2.5
    path.write_text("time = \n")
    with pytest.raises(UserError, match="not TOML"):
        read_struct(path, Frame)


def test_dataclasses_too():
    @dataclass
    class Point:
        x: float
        y: float

    assert decode_struct('{"x": 1, "y": 2}', Point, "a point") == Point(1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"names": [1], "frames": []}', r"face.json: names\[0\]: expected str, got int"),
        ('{"names": [], "frames": [{"time": -1, "weights": []}]}', r"frames\[0\].time: expected float >= 0.0; got -1"),
        (
            '{"names": [], "frames": [{"time": 1, "weights": [], "kind": "hand"}]}',
            r"frames\[0\].kind: invalid enum value 'hand'",
        ),
        (
            '{"names": [], "frames": [{"time": 1, "wights": []}]}',
            r"frames\[0\]: .*(wights; known: time, weights, kind|missing required field weights)",
        ),
        ('{"names": [], "frames": [], "fps": 30}', "contains unknown field fps; known: names, frames, more"),
        (
            '{"names": [], "frames": [], "more": {"a": {"time": 1, "weights": [], "x": 1}}}',
            r"more.\*: contains unknown field x; known: time, weights, kind",
        ),
        ('{"names": []}', "missing required field frames"),
        ("[]", "expected object, got array"),
        ('{"names": [', "is not JSON that can be read"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(tmp_path, text, message):
    path = tmp_path / "face.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_struct(path, Recording)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_struct(tmp_path / "none.json", Frame)
    with pytest.raises(UserError, match="cannot read"):
        read_struct(tmp_path, Frame)
