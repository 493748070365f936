"""Pickles are read without running code or trusting NumPy's dtypes in them."""

import codecs
import pickle
import re

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.data.readers.safe_pickle import unpickle

DTYPES = (
    *("?", "i1", "u1", "<i2", ">i2", "<u4", ">i8", "f2", "<f4", ">f4", "f8", ">f8", "g", "c8", ">c16"),
    *("S3", "<U4", ">U4"),
)


def _same(one: np.ndarray, other: np.ndarray) -> None:
    assert type(one) is type(other)
    assert (one.dtype, one.dtype.str, one.shape) == (other.dtype, other.dtype.str, other.shape)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_come_back(dtype, protocol):
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    arrays = [
        values,
        np.asfortranarray(values),
        values.transpose(1, 0, 2),  # neither order
        values[:, ::2],
        values[0, 0, 1:2].reshape(()),
        values[:0],
        np.zeros((3, 0, 2), dtype),
    ]
    back = unpickle(pickle.dumps(arrays, protocol=protocol))
    for one, other in zip(back, arrays, strict=True):
        _same(one, other)
        assert one.flags.writeable
    assert back[1].flags.f_contiguous
    scalar = values[0, 1, 2]
    found = unpickle(pickle.dumps(scalar, protocol=protocol))
    assert type(found) is type(scalar)
    assert found == scalar


@pytest.mark.parametrize("protocol", range(6))
def test_what_holds_arrays_comes_back(protocol):
    one = np.arange(3.0)
    value = {"tuple": (one, [one, {"deep": np.int16(3)}]), "texts": np.array(["é", "日本", ""]), np.int64(4): b"\xff"}
    back = unpickle(pickle.dumps(value, protocol=protocol))
    assert list(back) == ["tuple", "texts", 4]
    assert back["tuple"][0] is back["tuple"][1][0]
    np.testing.assert_array_equal(back["tuple"][0], one)
    assert back["tuple"][1][1] == {"deep": 3}
    assert back["texts"].tolist() == ["é", "日本", ""]
    assert back[4] == b"\xff"
    objects = np.empty((2, 2), dtype=object, order="F")
    objects[0, 0], objects[0, 1], objects[1, 0] = "text", one, [one, None]
    found = unpickle(pickle.dumps(objects, protocol=protocol))
    assert (found[0, 0], found[1, 1]) == ("text", None)
    np.testing.assert_array_equal(found[0, 1], one)
    np.testing.assert_array_equal(found[1, 0][0], one)
    alone = np.empty((), dtype=object)
    alone[()] = "text"
    assert unpickle(pickle.dumps(alone, protocol=protocol)).item() == "text"
    assert unpickle(pickle.dumps(np.str_(""), protocol=protocol)) == ""
    ring: list = [one]
    ring.append(ring)
    again = unpickle(pickle.dumps(ring, protocol=protocol))
    assert again[1] is again


@pytest.mark.parametrize("core", ["core", "_core"])
def test_arrays_of_both_numpys(core):
    data = pickle.dumps([np.arange(3), np.float32(2)], protocol=2)
    named = re.sub(rb"cnumpy\._?core\.", f"cnumpy.{core}.".encode(), data)
    array, scalar = unpickle(named)
    assert (array.tolist(), scalar) == ([0, 1, 2], 2)


class _Reduced:
    """Pickled as the given call, with the given state."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


def _crafted(code="i8", state=(3, "<", None, None, None, -1, -1, 0), shape=(3,), data=bytes(24), dtype=None):
    dtype = _Reduced(np.dtype, (code, False, True), state) if dtype is None else dtype
    rebuild, start, _ = np.arange(3).__reduce__()
    return pickle.dumps(_Reduced(rebuild, start, (1, shape, dtype, False, data)), protocol=4)


def test_crafted_arrays_are_as_numpys():
    assert unpickle(_crafted()).tolist() == [0, 0, 0]


OBJECT = np.dtype(object)
HIDDEN = {
    "an object field": ("V8", (3, "|", None, ("a",), {"a": (OBJECT, 0)}, 8, 1, 0)),
    "an object field of numbers": ("i8", (3, "<", None, ("a",), {"a": (OBJECT, 0)}, 8, 8, 0)),
    "objects by subarray": ("V8", (3, "|", (OBJECT, (1,)), None, None, 8, 1, 0)),
    "a field of numbers": ("V8", (3, "|", None, ("a",), {"a": (np.dtype("i8"), 0)}, 8, 1, 0)),
    "bytes of no type": ("V8", (3, "|", None, None, None, 8, 1, 0)),
    "objects as bytes": ("O8", (3, "|", None, None, None, -1, -1, 63)),
    "another length": ("S8", (3, "|", None, None, None, 16, 1, 0)),
    "dates": ("M8", (4, "<", None, None, None, -1, -1, 0, ({}, (b"s", 1, 1, 1)))),
    "an unknown order": ("i8", (3, "x", None, None, None, -1, -1, 0)),
    "a list of types": ("i8,O", (3, "<", None, None, None, -1, -1, 0)),
    "no state": ("i8", 3),
}


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_a_dtype_hides_is_refused(hidden):
    code, state = HIDDEN[hidden]
    with pytest.raises(UserError, match="holds more than numbers and texts"):
        unpickle(_crafted(code, state, data=b"\x41" * 24))


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ((4,), bytes(24)),
        ((2,), bytes(24)),
        ((), bytes(24)),
        ((-3,), bytes(24)),
        ((-1, -3), bytes(24)),
        ((2**62, 4), b""),
        ((0, 2**70), b""),
        ((3.0,), bytes(24)),
        ([3], bytes(24)),
        ((3,), [1, 2, 3]),
        ((3,), None),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shape, data):
    with pytest.raises(UserError, match="damaged"):
        unpickle(_crafted(shape=shape, data=data))


def test_other_crafted_pickles_are_refused():
    text = (3, "<", None, None, None, 4, 4, 8)
    frombuffer = np.arange(3).__reduce_ex__(5)[0]
    eight = np.dtype("i8")
    for data in (
        _crafted("U1", text, (1,), b"\xff\xff\xff\x7f"),  # no character
        _crafted("U0", (3, "<", None, None, None, 0, 4, 8), (2**40,), b""),
        _crafted(dtype=np.arange(3)),
        pickle.dumps(_Reduced(*np.arange(3).__reduce__()[:2])),  # no data
        pickle.dumps(_Reduced(frombuffer, (bytes(16), eight, (3,), "C"))),
        pickle.dumps(_Reduced(frombuffer, (bytes(16), eight, (2,), "A"))),
        pickle.dumps(_Reduced(frombuffer, (bytes(16), eight, (1, 2), "K", (0, 0)))),
        pickle.dumps(_Reduced(frombuffer, (bytes(16), np.dtype([("a", "O")]), (2,), "C"))),
        pickle.dumps(_Reduced(np.float64(1).__reduce__()[0], (OBJECT, "text"))),
        pickle.dumps(_Reduced(np.float64(1).__reduce__()[0], (eight, bytes(4)))),
        pickle.dumps(_Reduced(codecs.encode, ("text", "rot13"))),
        pickle.dumps(_Reduced(codecs.encode, ("text", "utf-8"))),
        pickle.dumps(_Reduced(bytes, (2**40,))),
        pickle.dumps(np.dtype),
        pickle.dumps([np.ndarray]),
        b"\x80\x02cnumpy\ndtype\nN}X\x05\x00\x00\x00_madecnumpy\nndarray\ns\x86b.",  # state for a name
        b"\x80\x02cnumpy\nndarray\n)\x81.",
    ):
        with pytest.raises(UserError, match="damaged"):
            unpickle(data)
    assert unpickle(_crafted()).tolist() == [0, 0, 0]
