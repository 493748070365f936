"""Load a model folder and run its graphs. The generate path: NumPy and ONNX Runtime, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from .core.arguments import file_path
from .core.errors import UserError
from .methods.model_folder import ModelFolder, find_folder, read_config, shipped_folders
from .methods.options import GenerateOptions, LoadKeywords, method_options, options_of, read_options, with_declared
from .methods.registry import METHODS, Method, generating, resolve

if TYPE_CHECKING:
    from .methods.base import GestureModel

EMBEDDER = "retrieval"  # folder of a model that has an embedding of its own
OLD_LOAD_NAMES = ("base", "base_model")


def shipped() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    return tuple(sorted(path.name for path in shipped_folders() if read_config(path)["method"] in generating()))


def load_option_names(name: str | Path | None = None) -> set[str]:
    """Names of the options of loading, those that they had before as well: of a model, or of the shipped methods."""
    names = {*LoadKeywords.__annotations__, *OLD_LOAD_NAMES}
    if name is not None:
        _, _, method = _described(name)
        for option in options_of(method_options(method.name), "load").values():
            names |= {option.name, *option.info.old}
    return names


@with_declared("load")
def load(name: str | Path = "contextual", **options: Unpack[LoadKeywords]) -> GestureModel:
    """Load a shipped model by name, or any model folder.

    Args:
        name: a shipped model, or a model folder of any method, those of other packages included.
        options: of loading, as the method declares them.
    Raises:
        UserError: there is no such model, the folder is broken or of another format, the library does not fit,
            or the method takes no such option.
    """
    folder, config, method = _described(name)
    declared = read_options(method_options(method.name), options, action="load", taker=f"the method {method.name}")
    try:
        model: GestureModel = resolve(str(method.open))(ModelFolder(folder, config))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged ({error})"
        raise UserError(f"{folder / 'config.json'} {reason}; export the model again") from error
    if model.capabilities.takes_library:
        model = _with_library(model, folder, config.get("base"), declared)
    return model.configured(declared)


def _described(name: str | Path) -> tuple[Path, dict[str, Any], Method]:
    """Folder, config.json and method of a model that gestures. Raises UserError, see ``load``."""
    folder = find_folder(file_path(name, "the name of a model or a model folder"), shipped)
    config = read_config(folder)
    if config["method"] not in METHODS:
        known = ", ".join(generating())
        raise UserError(f"{folder / 'config.json'} names the method {config['method']!r}; known: {known}")
    method = METHODS.get(config["method"])
    if method.evaluator or method.open is None:
        raise UserError(f"{folder} measures motion and generates none; give a model of {', '.join(generating())}")
    return folder, config, method


def _with_library(model: GestureModel, folder: Path, own: str | None, options: GenerateOptions) -> GestureModel:
    """The model with the library that is named, or with its own one."""
    from .gesture_library.embedder import Embedding, load_embedder
    from .gesture_library.library import GestureLibrary
    from .gesture_library.references import LibraryReferences

    values = vars(options)
    library, library_model = values.get("library"), values.get("library_model")
    if library is None and own is None:
        return model
    opened = GestureLibrary(folder / str(own) if library is None else library)
    if library_model is None and (folder / EMBEDDER / "config.json").is_file():
        library_model = folder / EMBEDDER  # what the model was trained with, if the library is of it
        if Embedding.of(load_embedder(library_model)) != opened.header.embedding:
            library_model = None
    embedder = None if library_model is None else load_embedder(library_model)
    return model.with_library(LibraryReferences(opened, embedder))
