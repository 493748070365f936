"""Load a model folder and run its graphs. The generate path: NumPy and ONNX Runtime, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .core.errors import UserError
from .methods.model_folder import ModelFolder, find_folder, read_config, shipped_folders
from .methods.registry import METHODS, generating, resolve

if TYPE_CHECKING:
    from .methods.base import GestureModel

EMBEDDER = "retrieval"  # folder of a model that has an embedding of its own


def shipped() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    return tuple(sorted(path.name for path in shipped_folders() if read_config(path)["method"] in generating()))


def load(
    name: str | Path = "contextual", *, base: str | Path | None = None, base_model: str | Path | None = None
) -> GestureModel:
    """Load a shipped model by name, or any model folder.

    Args:
        base: gesture library that a method with retrieval takes its gestures from; the one that the model
            brings along if None.
        base_model: what the base's keys were made with, if that is no shipped model.
    Raises:
        UserError: there is no such model, the folder is broken or of another format, the base does not fit,
            or the method takes no base.
    """
    folder = find_folder(name, shipped)
    config = read_config(folder)
    if config["method"] not in METHODS:
        known = ", ".join(generating())
        raise UserError(f"{folder / 'config.json'} names the method {config['method']!r}; known: {known}")
    method = METHODS.get(config["method"])
    if method.evaluator or method.open is None:
        raise UserError(f"{folder} measures motion and generates none; give a model of {', '.join(generating())}")
    try:
        model: GestureModel = resolve(method.open)(ModelFolder(folder, config))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged ({error})"
        raise UserError(f"{folder / 'config.json'} {reason}; export the model again") from error
    if hasattr(model, "with_library"):
        return _with_library(model, folder, config.get("base"), base, base_model)
    if base is not None or base_model is not None:
        raise UserError(f"{config['method']} takes no gesture library; leave --base out, or choose a model of exges")
    return model


def _with_library(
    model: GestureModel, folder: Path, own: str | None, base: str | Path | None, base_model: str | Path | None
) -> GestureModel:
    from .gesture_library.embedder import Embedding, load_embedder
    from .gesture_library.library import GestureLibrary
    from .gesture_library.references import LibraryReferences

    if base is None and own is None:
        return model
    opened = GestureLibrary(folder / str(own) if base is None else base)
    if base_model is None and (folder / EMBEDDER / "config.json").is_file():
        base_model = folder / EMBEDDER  # what the model was trained with, if the base is of it
        if Embedding.of(load_embedder(base_model)) != opened.header.embedding:
            base_model = None
    embedder = None if base_model is None else load_embedder(base_model)
    changed: GestureModel = model.with_library(LibraryReferences(opened, embedder))  # type: ignore[attr-defined]
    return changed
