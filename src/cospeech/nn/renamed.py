"""Weights that were saved under the old name of a submodule."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn


def accept_old_names(module: nn.Module, names: Mapping[str, str]) -> None:
    """Let ``load_state_dict`` find submodules of ``module`` by their old names, too (old -> new)."""
    module.register_load_state_dict_pre_hook(partial(_rename, names))  # type: ignore[no-untyped-call]


def _rename(names: Mapping[str, str], _: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
    for old, new in names.items():
        before = f"{prefix}{old}."
        for key in [key for key in state if key.startswith(before)]:
            state[f"{prefix}{new}.{key.removeprefix(before)}"] = state.pop(key)
