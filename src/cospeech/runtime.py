"""Load a model folder and run its graphs. The generate path: NumPy and ONNX Runtime, no torch."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UserError
from .methods.folder import ModelFolder

if TYPE_CHECKING:
    from .methods.base import GestureModel

FORMAT = 1
METHODS = {"contextual": "cospeech.methods.contextual.model:ContextualModel"}

_REQUIRED = ("format", "method", "config", "package_version")


def shipped() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    root = files("cospeech") / "models"
    if not root.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in root.iterdir() if (entry / "config.json").is_file()))


def load(name: str | Path = "contextual") -> GestureModel:
    """Load a shipped model by name, or any model folder.

    Raises:
        UserError: there is no such model, or the folder is broken or of another format.
    """
    folder = Path(str(name))
    if not folder.is_dir():
        inside = Path(str(files("cospeech") / "models" / str(name)))
        if not inside.is_dir() or folder.name != str(name):
            known = ", ".join(shipped()) or "none here"
            raise UserError(f"no model {str(name)!r}: give a model folder or a shipped one ({known})")
        folder = inside
    config = read_config(folder)
    module, attribute = METHODS[config["method"]].split(":")
    method = getattr(import_module(module), attribute)
    try:
        model: GestureModel = method(ModelFolder(folder, config))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged ({error})"
        raise UserError(f"{folder / 'config.json'} {reason}; export the model again") from error
    return model


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder, checked."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{folder} is no model folder: it has no config.json") from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}); export the model again") from None
    missing = [key for key in _REQUIRED if not isinstance(config, dict) or key not in config]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; export the model again")
    if config["format"] != FORMAT:
        raise UserError(
            f"{folder} has model format {config['format']}, this version reads {FORMAT}; export it again"
        )
    if config["method"] not in METHODS:
        raise UserError(f"{path} names the method {config['method']!r}; known: {', '.join(METHODS)}")
    return dict(config)
