"""Models, options and emotions as callers give them, checked and opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..loading import load, load_option_names
from ..methods.base import GestureModel
from ..methods.conditioning import AUTO, detected_mixture
from ..methods.options import options_of
from ..speech.speech import Speech

DETECTOR = "emotion"  # the shipped model that detects emotions

ModelLike = str | Path | GestureModel


def open_model(model: ModelLike, keywords: Mapping[str, Any]) -> tuple[GestureModel, dict[str, Any]]:
    """The model, loaded with those of the keyword arguments that are of loading, and the other ones.

    Raises:
        UserError: neither a name, a folder nor a loaded model; what ``load`` raises; or options of loading
            for a model that is loaded already.
    """
    if isinstance(model, str | Path):
        names = load_option_names(model)
        own = {name: value for name, value in keywords.items() if name in names}
        return load(model, **own), {name: value for name, value in keywords.items() if name not in names}
    if not isinstance(model, GestureModel):
        raise UserError(
            f"model must be the name of a shipped model, a model folder or a loaded model; got {type(model).__name__}"
        )
    names = load_option_names()
    late = [name for name, value in keywords.items() if name in names and value is not None]
    if late:
        raise UserError(f"this model is loaded already; give its {late[0]} to load(), as in load(NAME, {late[0]}=...)")
    return model, {name: value for name, value in keywords.items() if name not in names}


def checked_options(model: GestureModel, action: str, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """All options of an action by name, checked and converted, before any work is done.

    Raises:
        UserError: an option that the model does not take, or a value that is not allowed.
    """
    options = model.requested(action, keywords)
    return {name: getattr(options, name) for name in options_of(type(options), action)}


def detect_emotion(speech: Speech, *, model: GestureModel | None = None) -> dict[str, float]:
    """How likely a voice is in each of the ten emotions, by name; they sum to one.

    What is shipped learned it from synthetic voices (``data.prosody``): take it as a guess.

    Args:
        model: a model that can detect emotions; the shipped one that does if None or if it cannot.
    """
    if model is None or not model.capabilities.detects_emotion:
        model = load(DETECTOR)
    return model.detect_emotion(speech)


def with_detected_emotion(options: dict[str, Any], speech: Speech, model: GestureModel) -> dict[str, Any]:
    """The options, the emotion "auto" replaced by what the voice sounds like."""
    if options.get("emotion") != AUTO:
        return options
    return {**options, "emotion": detected_mixture(detect_emotion(speech, model=model), known=model.emotions)}
