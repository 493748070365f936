"""A model folder on disk: where it is, its config, its ONNX graphs, its arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import is_dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..core.errors import UserError
from ..core.json_files import read_json
from ..core.onnx_graphs import check_graph

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")

FORMAT = 1
_SLOTS = Semaphore(2)  # graphs opened at a time: each needs several times the memory of its file meanwhile
_REQUIRED = ("format", "method", "config", "package_version")


class ModelFolder:
    """A model folder: its config, its graphs as sessions, its arrays."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder, self.config = folder, config
        self._opening: dict[str, Thread] = {}
        self._opened: dict[str, Graph | UserError] = {}

    def graph(self, name: str) -> Graph:
        """Open a graph by name (the file NAME.onnx), or wait for one that ``open_ahead`` began to open."""
        if name not in self._opening:
            return Graph(self.folder / f"{name}.onnx")
        self._opening[name].join()
        graph = self._opened[name]
        if isinstance(graph, UserError):
            raise graph
        return graph

    def open_ahead(self, *names: str) -> None:
        """Begin to open graphs in threads of their own, in this order, while the caller does other work.

        ONNX Runtime releases the interpreter while it optimises a graph. What is wrong with a file is raised by
        ``graph``, where it is used.
        """
        for name in names:
            self._opening[name] = Thread(target=self._open, args=(name,))
            self._opening[name].start()

    def _open(self, name: str) -> None:
        with _SLOTS:
            try:
                self._opened[name] = Graph(self.folder / f"{name}.onnx")
            except UserError as error:
                self._opened[name] = error

    def graphs(self) -> Callable[[str], Graph]:
        """``graph``, which opens each one when it is first used and keeps it."""
        return cache(self.graph)

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Read NAME.safetensors."""
        from safetensors.numpy import load_file

        path = self.folder / f"{name}.safetensors"
        try:
            return dict(load_file(path))
        except FileNotFoundError:
            raise UserError(f"model folder {self.folder} lacks {path.name}; export the model again") from None
        except Exception as error:
            raise UserError(f"{path} is damaged ({_one_line(error)}); export the model again") from None


class Graph:
    """One ONNX graph; call it with arrays in the order of its inputs, get the first output."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self.path = path
        if not path.is_file():
            raise UserError(f"model folder {path.parent} lacks {path.name}; export the model again")
        check_graph(path)
        options = onnxruntime.SessionOptions()
        # One thread: the networks are small, and a second one that waits in a loop slows NumPy's own.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a class of its own for each failure
            raise UserError(f"{path} is damaged ({_one_line(error)}); export the model again") from None
        self.inputs = [entry.name for entry in self.session.get_inputs()]

    def shape(self, name: str) -> list[Any]:
        """Sizes of an input's axes; names of those that vary."""
        return list(next(entry.shape for entry in self.session.get_inputs() if entry.name == name))

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        return self.all(*arrays)[0]

    def all(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """All outputs, in the order of the graph."""
        try:
            result: list[np.ndarray] = self.session.run(None, dict(zip(self.inputs, arrays, strict=True)))
        except Exception as error:  # ONNX Runtime has a class of its own for each failure
            raise UserError(f"{self.path} cannot be run ({_one_line(error)}); export the model again") from error
        return result


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def shipped_folders() -> list[Path]:
    """Folders of all models that come with the package."""
    root = Path(str(files("cospeech") / "models"))
    return [path.parent for path in sorted(root.glob("*/config.json"))]


def evaluator_folder(name: str | Path, *methods: str) -> ModelFolder:
    """The folder of a model that makes no motion: a shipped one by name, or any.

    Args:
        methods: one of which it must be of.
    Raises:
        UserError: there is none, it is broken, or it does something else.
    """
    folder = find_folder(
        name, lambda: tuple(path.name for path in shipped_folders() if read_config(path)["method"] in methods)
    )
    config = read_config(folder)
    if config["method"] not in methods:
        wanted = " or ".join(map(repr, methods))
        raise UserError(f"{folder} is a model of {config['method']!r}; a model of {wanted} is needed")
    return ModelFolder(folder, config)


def find_folder(name: str | Path, known: Callable[[], tuple[str, ...]]) -> Path:
    """A model folder as given, or the shipped one of that name."""
    folder = Path(str(name))
    if folder.is_dir():
        return folder
    inside = Path(str(files("cospeech") / "models" / str(name)))
    if not inside.is_dir() or folder.name != str(name):
        names = ", ".join(known()) or "none here"
        raise UserError(f"no model {str(name)!r}: give a model folder or a shipped one ({names})")
    return inside


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder, checked."""
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"{folder} is no model folder: it has no config.json")
    config = read_json(path, advice="export the model again")
    missing = [key for key in _REQUIRED if not isinstance(config, dict) or key not in config]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; export the model again")
    if config["format"] != FORMAT:
        raise UserError(f"{folder} has model format {config['format']}, this version reads {FORMAT}; export it again")
    return dict(config)


# What config.json of every model that gestures may hold.
COMMON_KEYS = frozenset(
    {
        *_REQUIRED,
        "name",
        "styles",
        "default_speaker",
        "codec",
        "fps",
        "trained_on",
        "made_pairs",
        "credits",
        "sampling",
        "calibration",
        "flow",
        "results",
        "encoders",
    }
)


def check_sizes(sizes: object, path: Path, where: str, keys: Sequence[str]) -> None:
    """Raises UserError unless ``sizes``, the entry ``where`` of a config.json, has whole numbers above 0."""
    for key in keys:
        if not isinstance(sizes, dict) or not isinstance(sizes.get(key), int) or sizes[key] < 1:
            raise UserError(f"{path} lacks the whole number {where}.{key}; export the model again")


def check_gesturing(folder: ModelFolder, own: Collection[str], sizes: Sequence[str]) -> None:
    """What every method requires of the config.json of its models.

    Args:
        own: keys that it may hold beside ``COMMON_KEYS``.
        sizes: whole numbers that ``config`` must give.
    Raises:
        UserError: something is missing, unknown or of the wrong kind; the message names it.
    """
    config, path = folder.config, folder.folder / "config.json"
    known = COMMON_KEYS | set(own)
    strange = sorted(set(config) - known)
    if strange:
        raise UserError(f"{path} has the unknown key {strange[0]!r}; known: {', '.join(sorted(known))}")
    check_sizes(config["config"], path, "config", sizes)
    styles = config.get("styles")
    if not isinstance(styles, list) or not styles or not all(isinstance(name, str) for name in styles):
        raise UserError(f"{path} lacks styles, the list of speakers; export the model again")
    if config.get("default_speaker", styles[0]) not in styles:
        raise UserError(f"{path} has the default speaker {config['default_speaker']!r}; known: {', '.join(styles)}")
    levels = config.get("calibration", {}).get("intensity", {})
    if set(levels) - set(styles) or not all(isinstance(level, float) for level in levels.values()):
        raise UserError(f"{path}: calibration.intensity must give numbers to speakers of styles; got {levels}")


def read_settings(folder: ModelFolder, defaults: S) -> S:
    """Settings of the sampler: ``defaults`` with what ``sampling`` of config.json names, nested ones too.

    Raises:
        UserError: there is no such setting.
    """
    try:
        return _replaced(defaults, folder.config.get("sampling", {}))
    except (TypeError, ValueError, AttributeError) as error:
        path = folder.folder / "config.json"
        raise UserError(f"{path} has sampling settings that are not known ({error}); correct them") from None


def _replaced(settings: S, changes: Mapping[str, Any]) -> S:
    values = {
        name: _replaced(getattr(settings, name), value) if is_dataclass(getattr(settings, name, None)) else value
        for name, value in changes.items()
    }
    return replace(settings, **values)


def read_rest(folder: ModelFolder, speakers: Sequence[str]) -> dict[str, np.ndarray]:
    """The rest pose of every speaker: encoded [C], or its tokens [4, K]. Raises UserError if one is missing."""
    rest = folder.arrays("rest")
    missing = [name for name in speakers if name not in rest]
    if missing:
        raise UserError(
            f"model folder {folder.folder} lacks the rest pose of {', '.join(missing)}; export the model again"
        )
    return rest
