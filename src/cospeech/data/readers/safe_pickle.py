"""What Python itself has stored, read without running what it may hold; and packages that may be missing."""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

import numpy as np

from ...core.errors import UserError

_ORDERS = ("<", ">", "=", "|")
_STATE = 3  # version of the state of a dtype without metadata
_LAST_CHARACTER = 0x10FFFF
_PLAIN = frozenset({type(None), bool, int, float, str, bytes, bytearray})


class _Part:
    """What a name of a pickle stands for while it is read; NumPy itself is not called by the file."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the state of a name")


class _Name(_Part):
    """A name that is only handed on, as ``numpy.ndarray`` is."""

    __slots__ = ()


class _Call(_Part):
    """A name that is called; it has no state and no attribute that a pickle could set."""

    __slots__ = ("_made",)

    def __init__(self, made: Callable[..., Any]) -> None:
        self._made = made

    def __call__(self, *args: Any) -> Any:
        return self._made(*args)


class _Type(_Part):
    """A dtype: its code, as ``f4``, and the state that was set, of which the byte order is used."""

    __slots__ = ("_code", "_state")

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        self._code = code
        self._state: Any = (_STATE, "=", None, None, None, -1, -1, 0)

    def __setstate__(self, state: Any) -> None:
        self._state = state

    def checked(self) -> np.dtype[Any]:
        """The dtype: numbers, texts or (whole) objects; no fields, subarrays, metadata or dates."""
        if type(self._code) is not str or not re.fullmatch(r"[biufcSU][0-9]{1,9}|O[48]?", self._code):
            raise pickle.UnpicklingError("an array of another type than numbers and texts")
        dtype = np.dtype(object) if self._code[0] == "O" else np.dtype(self._code)
        state = self._state
        if type(state) is not tuple or len(state) != 8:
            raise pickle.UnpicklingError("a dtype of unknown state")
        version, order, *structure, size, _, _ = state
        if version != _STATE or structure != [None] * 3 or size not in (-1, dtype.itemsize):
            raise pickle.UnpicklingError("a dtype with fields or of unknown state")
        if order not in _ORDERS:
            raise pickle.UnpicklingError("a dtype of unknown byte order")
        return dtype if order == "|" else dtype.newbyteorder(order)


class _Array(_Part):
    """An array or a NumPy scalar: (version, shape, dtype, is Fortran order, data), and the order of axes."""

    __slots__ = ("_axes", "_state", "is_scalar")

    def __init__(self, state: Any = None, *, axes: Any = None, is_scalar: bool = False) -> None:
        self._state = state
        self._axes = axes
        self.is_scalar = is_scalar

    def __setstate__(self, state: Any) -> None:
        self._state = state

    def checked(self) -> tuple[np.ndarray, list[Any]]:
        """The array, and what goes into it yet if it is one of objects."""
        state = self._state
        if type(state) is not tuple or len(state) != 5:
            raise pickle.UnpicklingError("an array without data")
        _, shape, of_type, fortran, data = state
        if type(of_type) is not _Type or type(shape) is not tuple:
            raise pickle.UnpicklingError("an array of unknown shape or type")
        if any(type(length) is not int or length < 0 for length in shape):
            raise pickle.UnpicklingError("an array of unknown shape")
        dtype, count = of_type.checked(), math.prod(shape)
        if dtype.hasobject:
            if self.is_scalar or type(data) is not list or len(data) != count:
                raise pickle.UnpicklingError(f"objects that do not fit the shape {shape}")
            return np.empty(shape, dtype, order="F" if fortran else "C"), data
        array = _numbers(data, dtype, shape, "F" if fortran else "C")
        return array if self._axes is None else array.transpose(self._axes), []


def _numbers(data: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
    count = math.prod(shape)
    raw = data.encode("latin1") if type(data) is str else data  # of Python 2
    if type(raw) not in (bytes, bytearray) or len(raw) != count * dtype.itemsize:
        raise pickle.UnpicklingError(f"data that do not fit the shape {shape} of {dtype}")
    if not raw:
        if count > 1:
            raise pickle.UnpicklingError(f"{count} texts of no length")
        return np.zeros(shape, dtype, order=order)
    if dtype.kind == "U" and np.frombuffer(raw, dtype.byteorder + "u4").max() > _LAST_CHARACTER:
        raise pickle.UnpicklingError("texts of what are no characters")
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy(order=order)


def _encode(text: Any, encoding: Any) -> bytes:
    """Bytes, as protocols 0 to 2 write them."""
    if type(text) is not str or encoding != "latin1":
        raise pickle.UnpicklingError("it encodes what are no bytes")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """No bytes, as protocols 0 to 2 write them."""
    return b""


def _reconstruct(subtype: Any, shape: Any, code: Any) -> _Array:
    if subtype is not _NDARRAY:
        raise pickle.UnpicklingError("an array of another class")
    return _Array()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
    if order not in ("C", "F", "K") or (order == "K") != (axes is not None):
        raise pickle.UnpicklingError("an array of unknown order")
    return _Array((1, shape, dtype, order == "F", data), axes=axes)


def _scalar(dtype: Any, data: Any = b"") -> _Array:
    return _Array((1, (), dtype, False, data), is_scalar=True)


# What a pickled array is made with, by NumPy 1 and 2.
_NDARRAY = _Name()
_ALLOWED: dict[tuple[str, str], _Part] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Call(_Type),
    ("_codecs", "encode"): _Call(_encode),
    ("builtins", "bytes"): _Call(_no_bytes),
    ("__builtin__", "bytes"): _Call(_no_bytes),
}
for _core in ("core", "_core"):
    _ALLOWED[f"numpy.{_core}.multiarray", "_reconstruct"] = _Call(_reconstruct)
    _ALLOWED[f"numpy.{_core}.multiarray", "scalar"] = _Call(_scalar)
    _ALLOWED[f"numpy.{_core}.numeric", "_frombuffer"] = _Call(_frombuffer)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _ALLOWED[module, name]


class _Assembly:
    """Puts arrays where their parts stand, in what a pickle held; what occurs twice is one object still."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, Any]] = {}  # what was there is kept, so that its id stays its own

    def __call__(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if id(value) not in self._done:
            made = self._made(value)
            self._done[id(value)] = value, made
        return self._done[id(value)][1]

    def _made(self, value: Any) -> Any:
        if isinstance(value, _Array):
            return self._array(value)
        if isinstance(value, tuple | frozenset):
            return type(value)([self(item) for item in value])
        if not isinstance(value, list | dict | set):
            raise pickle.UnpicklingError("a name or a dtype by itself")
        self._done[id(value)] = value, value  # it may hold itself
        if isinstance(value, list):
            value[:] = [self(item) for item in value]
            return value
        items = list(value.items()) if isinstance(value, dict) else list(value)
        value.clear()
        value.update([self(item) for item in items])
        return value

    def _array(self, part: _Array) -> Any:
        array, objects = part.checked()
        if part.is_scalar:
            return array[()]
        self._done[id(part)] = part, array
        for place, item in zip(np.ndindex(array.shape) if objects else (), objects, strict=True):
            array[place] = self(item)
        return array


def unpickle(data: bytes) -> Any:
    """Numbers, texts, lists, dicts and arrays of a pickle.

    Arrays are put together here from their checked parts (type, shape, bytes): NumPy's own ``__setstate__``
    trusts the file and can be led to read memory at an address that stands in it.

    Raises:
        UserError: damaged, or it holds anything else, which could run code.
    """
    try:
        return _Assembly()(_Unpickler(io.BytesIO(data)).load())
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"a pickled record is damaged or holds more than numbers and texts ({reason})") from error


def need(package: str, corpus: str) -> ModuleType:
    """A package of the extra [corpora].

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module(package)
    except ImportError:
        raise UserError(
            f"reading {corpus} needs {package}, which is not installed; pip install 'cospeech[corpora]'"
        ) from None
