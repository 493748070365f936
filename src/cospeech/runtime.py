"""Load a model folder and run its graphs. The generate path: NumPy and ONNX Runtime, no torch."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError
from .methods.folder import METHODS, ModelFolder, find_folder, read_config, shipped_folders

if TYPE_CHECKING:
    from .methods.base import GestureModel


def shipped() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    return tuple(sorted(path.name for path in shipped_folders() if read_config(path)["method"] in METHODS))


def load(name: str | Path = "contextual") -> GestureModel:
    """Load a shipped model by name, or any model folder.

    Raises:
        UserError: there is no such model, or the folder is broken or of another format.
    """
    folder = find_folder(name, shipped)
    config = read_config(folder)
    if config["method"] not in METHODS:
        raise UserError(f"{folder} measures motion and makes none; give a model of {', '.join(METHODS)}")
    module, attribute = METHODS[config["method"]].split(":")
    method = getattr(import_module(module), attribute)
    try:
        model: GestureModel = method(ModelFolder(folder, config))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged ({error})"
        raise UserError(f"{folder / 'config.json'} {reason}; export the model again") from error
    return model
