"""Settings of the stages: a preset, and what the user sets otherwise, checked field by field.

A setting is named by its field (``width``), for every stage that has it, or by stage and field
(``generator.width``). Fields of the schedule may stand with or without ``training`` before them
(``generator.training.steps``). A file has the same names as tables.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from ..core.errors import UserError
from ..core.json_files import read_struct
from .loop import TrainConfig
from .stages import CheckedConfig, Settings, Stage, preset_names

ALIASES = {"lr": "learning_rate", "batch": "batch_size"}
_TRAINING = "training"


@dataclass(frozen=True)
class Override:
    """One setting that differs from the preset."""

    path: tuple[str, ...]
    value: Any
    source: str  # where it stands, for messages

    @property
    def name(self) -> str:
        return ".".join(self.path)


def read_overrides(config: Mapping[str, Any] | str | Path | None, assignments: Sequence[str] = ()) -> list[Override]:
    """Settings of a mapping or a TOML file, then those of assignments, which go first where both name a field.

    Args:
        config: fields, or tables of fields by stage, or the path of a TOML file of them.
        assignments: as in "lr=1e-4", "generator.width=128".
    Raises:
        UserError: no such file, a file that is not TOML, or an assignment without a name or value.
    """
    found: list[Override] = []
    if isinstance(config, str | Path):
        if Path(config).suffix.lower() != ".toml":
            raise UserError(f"settings are read from a TOML file (*.toml); got {config}")
        found += _flat(read_struct(config, dict[str, Any]), str(config))
    elif config is not None:
        found += _flat(config, "config")
    for text in assignments:
        name, sign, value = text.partition("=")
        if not (sign and name.strip() and value.strip()):
            raise UserError(f"a setting is written NAME=VALUE, as in lr=1e-4; got {text!r}")
        found.append(Override(tuple(name.strip().split(".")), _value(value.strip()), f"{text!r}"))
    return found


def _flat(table: Mapping[str, Any], source: str, path: tuple[str, ...] = ()) -> Iterator[Override]:
    for name, value in table.items():
        where = (*path, *str(name).split("."))
        if isinstance(value, Mapping):
            yield from _flat(value, source, where)
        else:
            yield Override(where, value, source)


def _value(text: str) -> Any:
    """A value as TOML has it; what is none is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def settings(
    stages: Sequence[Stage[Any]], preset: str, overrides: Sequence[Override], *, chosen: Sequence[str]
) -> dict[str, Settings]:
    """Settings of all stages by name.

    Args:
        stages: of the method.
        preset: one that all of them have.
        overrides: later ones go first.
        chosen: stages that are trained now; a field without a stage is set in those of them that have it.
    Raises:
        UserError: an unknown preset or field, a field that is not the user's to set, a value of a wrong
            type or out of range, or fields of a chosen stage that do not fit each other.
    """
    known = preset_names(stages)
    if preset not in known:
        raise UserError(f"unknown preset {preset!r}; known: {', '.join(known)}")
    by_name = {stage.name: stage for stage in stages}
    result = {name: stage.presets[preset] for name, stage in by_name.items()}
    for override in overrides:
        first, path = override.path[0], override.path
        targets = list(chosen)
        if first in by_name and len(path) > 1:
            targets, path = [first], path[1:]
        for name, place in _places(override, path, [by_name[name] for name in targets], result).items():
            result[name] = _replaced(result[name], place, override)
    for name in chosen:
        config = result[name].config
        if isinstance(config, CheckedConfig):
            config.check()
    return result


def _places(
    override: Override, path: tuple[str, ...], targets: Sequence[Stage[Any]], own: Mapping[str, Settings]
) -> dict[str, tuple[str, ...]]:
    """Full path of the field in each of the stages that it can be set in. Raises UserError if there is none."""
    places = {stage.name: _field(own[stage.name], path) for stage in targets}
    having = {name: place for name, place in places.items() if place is not None}
    able = {stage.name: having[stage.name] for stage in targets if not _derived(stage, having.get(stage.name))}
    if able:
        return able
    if having:
        raise UserError(
            f"{override.name!r} in {override.source} follows from the dataset or from earlier stages in "
            f"{', '.join(having)}; leave it out"
        )
    known = sorted({field for stage in targets for field in _settable(stage, own[stage.name])})
    raise UserError(
        f"unknown setting {override.name!r} in {override.source}; known in "
        f"{', '.join(stage.name for stage in targets)}: {', '.join(known)}; "
        "lr and batch are short for learning_rate and batch_size"
    )


def _derived(stage: Stage[Any], place: tuple[str, ...] | None) -> bool:
    """Whether a stage has no such field, or one that is not the user's to set."""
    return place is None or (place[0] == "config" and place[1] in stage.derived)


def _field(own: Settings, path: tuple[str, ...]) -> tuple[str, ...] | None:
    """Full path of a field, from ``config`` or ``training`` on; None if it has none of that name."""
    path = (*path[:-1], ALIASES.get(path[-1], path[-1]))
    if path[0] == _TRAINING:
        candidates: tuple[tuple[str, ...], ...] = (path,)
    else:
        candidates = (("config", *path), (_TRAINING, *path))
    for candidate in candidates:
        place: Any = own
        for name in candidate:
            if not is_dataclass(place) or name not in {field.name for field in fields(place)}:
                break
            place = getattr(place, name)
        else:
            return None if is_dataclass(place) else candidate
    return None


def _settable(stage: Stage[Any], own: Settings) -> list[str]:
    """Names that can be set in a stage."""
    names = [field.name for field in fields(TrainConfig)]
    for field in fields(own.config):
        value = getattr(own.config, field.name)
        if field.name in stage.derived:
            continue
        names += [f"{field.name}.{inner.name}" for inner in fields(value)] if is_dataclass(value) else [field.name]
    return names


def _replaced(place: Any, path: tuple[str, ...], override: Override) -> Any:
    """A dataclass with the field at a path replaced."""
    name, *rest = path
    if rest:
        return replace(place, **{name: _replaced(getattr(place, name), tuple(rest), override)})
    try:
        value = msgspec.convert(override.value, get_type_hints(type(place))[name])
    except msgspec.ValidationError as error:
        problem = str(error).replace("`", "")
        raise UserError(f"{override.name!r} in {override.source}: {problem[:1].lower()}{problem[1:]}") from None
    return replace(place, **{name: value})
