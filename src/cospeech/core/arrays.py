"""The type of what works on NumPy arrays and torch tensors alike."""

from __future__ import annotations

from typing import TypeVar

Array = TypeVar("Array")  # numpy.ndarray or torch.Tensor, as arrays.pyi tells type checkers: torch is not imported here
