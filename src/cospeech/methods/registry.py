"""The methods by name: how each opens a model folder, what it lets users set, how it is trained.

Each method's package declares a ``Method`` in its ``__init__``. Another package adds one by an entry point, in
its pyproject.toml::

    [project.entry-points."cospeech.methods"]
    mymethod = "mypackage:METHOD"

A ``Method`` names what it is made of as "module:attribute", which is imported when it is needed: generating
imports no training code, and training no ONNX Runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ..core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method. References are "module:attribute"; None where the method has no such thing.

    Args:
        name: as config.json of a model folder, ``train --method`` and ``load`` have it.
        title: one line for lists of methods.
        open: callable ModelFolder -> model (``base.GestureModel``, or what measures motion).
        options: dataclass of what ``generate`` takes, a subclass of ``options.GenerateOptions``.
        training: how it is trained and exported, a ``methods.training.Training``: stages with presets, and more.
        evaluator: it measures motion and generates none.
    """

    name: str
    title: str
    open: str | None = None
    options: str = "cospeech.methods.options:BodyOptions"
    training: str | None = None
    evaluator: bool = False


METHODS: Registry[Method] = Registry(
    "method",
    "cospeech.methods",
    {
        "contextual": "cospeech.methods.contextual:METHOD",
        "exges": "cospeech.methods.exges:METHOD",
        "emotion": "cospeech.methods.emotion:METHOD",
        "extractor": "cospeech.methods.evaluators:EXTRACTOR",
        "emotion-classifier": "cospeech.methods.evaluators:CLASSIFIER",
        "alignment": "cospeech.methods.alignment:METHOD",
        "retrieval": "cospeech.methods.exges:RETRIEVAL",
    },
)


def resolve(reference: str) -> Any:
    """What a reference "module:attribute" names, imported now."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def generating() -> tuple[str, ...]:
    """Names of the methods that generate motion."""
    return tuple(name for name in METHODS if not METHODS.get(name).evaluator)


def trainable() -> tuple[str, ...]:
    """Names of the methods that can be trained."""
    return tuple(name for name in METHODS if METHODS.get(name).training is not None)
