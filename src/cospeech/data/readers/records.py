"""What Python itself has stored, read without running what it may hold; and packages that may be missing."""

from __future__ import annotations

import io
import pickle
from importlib import import_module
from types import ModuleType
from typing import Any

from ...errors import UserError

# What a pickled array is made with, by NumPy 1 and 2. Nothing of this runs code of the file.
_ALLOWED = {
    *(
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    ),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    *(("numpy", name) for name in ("ndarray", "dtype")),
    ("_codecs", "encode"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


def unpickle(data: bytes) -> Any:
    """Numbers, texts, lists, dicts and arrays of a pickle.

    Raises:
        UserError: damaged, or it holds anything else, which could run code.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"a pickled record is damaged or holds more than numbers and texts ({reason})"
        ) from error


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
