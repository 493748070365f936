"""Maps of joints that a user writes: JSON that says which joint of a rig is which of a person's.

::

    {"left_foot": "Foot_L_end", "neck": ["Neck", "Neck1"], "jaw": null}

A key is a canonical joint, or a bone of VRM (``leftFoot``); its value is the rig's joint, several that are averaged, or
null for none. Joints that the map leaves out are told by their names, as without a map.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.json_files import read_json
from .rig_tables import GIVEN, SPINE
from .rigs import RIGS
from .skeleton import CANONICAL_NAMES, Skeleton


def with_map(motion: Any, path: str | Path) -> Any:
    """The ``Motion`` with a map of its joints, which goes before what the file and its names say.

    Raises:
        UserError: no such file, no map, or a joint that is not there.
    """
    said = read_map(path)
    joints = {name: _there(motion.skeleton, names, Path(path)) for name, names in said.items()}
    before = motion.extra.get(GIVEN, {}).get("joints", {})
    used = {joint for names in joints.values() for joint in names}
    kept = {name: names for name, names in before.items() if not used & set(names)}
    given = {"by": "the map", "title": "as the map says", "table": "", "joints": {**kept, **joints}}
    return replace(motion, extra={**motion.extra, GIVEN: given})


def read_map(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Names of a rig's joints by canonical joint; none for joints that have no place.

    Raises:
        UserError: no such file, or not of that form.
    """
    content = read_json(Path(path), advice="a map is an object of joints")
    if not isinstance(content, dict) or not content:
        raise UserError(f'{path}: a map is an object of joints, as in {{"left_foot": "Foot_L"}}')
    vrm = {bone: joint for joint, bone in RIGS.get("vrm").joints.items() if isinstance(bone, str)}
    vrm |= dict(zip(RIGS.get("vrm").spine, SPINE, strict=True))
    result: dict[str, tuple[str, ...]] = {}
    for key, value in content.items():
        name = vrm.get(key, key)
        if name not in CANONICAL_NAMES:
            near = get_close_matches(key, (*CANONICAL_NAMES, *vrm), n=1)
            hint = f"; perhaps {near[0]}" if near else f"; known: {', '.join(CANONICAL_NAMES[:22])} ..."
            raise UserError(f"{path}: {key!r} is no joint of a person{hint}")
        names = [] if value is None else [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(joint, str) for joint in names):
            raise UserError(f"{path}: {key} is a joint's name, a list of them or null; got {str(value)[:40]!r}")
        result[name] = tuple(names)
    return result


def _there(skeleton: Skeleton, names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """The names, if the skeleton has them; spaces are underscores in BVH files."""
    known = {name.replace(" ", "_"): name for name in skeleton.names}
    for name in names:
        if name.replace(" ", "_") not in known:
            near = get_close_matches(name, skeleton.names, n=1)
            hint = f"perhaps {near[0]}" if near else f"it has {', '.join(skeleton.names[:12])} ..."
            raise UserError(f"{path}: the rig has no joint {name!r}; {hint}")
    return tuple(known[name.replace(" ", "_")] for name in names)
