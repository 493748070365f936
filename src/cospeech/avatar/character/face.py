"""The face of a character: which of its morph targets are driven by what.

Known are the 52 shapes of ARKit in their usual spellings (Ready Player Me has them), the names of Reallusion's CC3 and
CC4, the expressions of VRM 0 and 1, the visemes of Oculus, and plain names of mouth shapes and blinks (VRoid, MMD).
The first family of this order that moves the mouth drives it, likewise the lids; so nothing is moved twice.
ARKit weights become visemes and presets by rules of our own. [D]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...motion.eyes import LOOKS
from ...motion.face_shapes import ARKIT_INDEX, ARKIT_NAMES
from ...motion.formats.gltf import GltfFile
from ...motion.formats.vrma import preset_weights
from ...motion.procedural.lips import JAW

FEWEST = 8  # shapes of ARKit or Reallusion that make a face of that family
_CLEAR = {"pucker": 0.8, "dimple": 0.3, "roll": 0.2, "bitten": 0.55}  # our weights of a clear "oo", "ee", "m", "f"
VISEMES = ("PP", "FF", "aa", "E", "I", "O", "U")  # of Oculus, those that ARKit weights tell apart
PRESETS = ("aa", "ih", "ou", "ee", "oh", "blink", "blinkLeft", "blinkRight", "happy", "sad")
LOOK_PRESETS = ("lookUp", "lookDown", "lookLeft", "lookRight")
DRIVERS = (
    *ARKIT_NAMES,
    *(f"preset {name}" for name in (*PRESETS, *LOOK_PRESETS)),
    *(f"viseme {name}" for name in VISEMES),
)
_DRIVER = {name: index for index, name in enumerate(DRIVERS)}
_MOUTH = {"jawOpen", *(f"preset {name}" for name in PRESETS[:5]), *(f"viseme {name}" for name in VISEMES)}
_LIDS = {"eyeBlinkLeft", "eyeBlinkRight", "preset blink", "preset blinkLeft", "preset blinkRight"}

Recipe = Mapping[str, float]  # driver -> weight of a morph target at the driver's 1


@dataclass(frozen=True, eq=False)
class Shapes:
    """The morph targets of one node's mesh."""

    node: int
    base: np.ndarray  # [K] weights that the file has
    matrix: np.ndarray  # [drivers, K]


@dataclass(frozen=True, eq=False)
class Face:
    """All driven meshes of a character."""

    family: str  # what was recognised, for a note; empty without a face
    count: int  # morph targets that are driven
    meshes: tuple[Shapes, ...]

    @property
    def moves_mouth(self) -> bool:
        """Whether some morph target opens or shapes the mouth."""
        rows = [_DRIVER[name] for name in _MOUTH]
        return any(shapes.matrix[rows].any() for shapes in self.meshes)

    @property
    def moves_eyes(self) -> bool:
        """Whether some morph target turns the eyes."""
        rows = [*LOOKS, *(_DRIVER[f"preset {name}"] for name in LOOK_PRESETS)]
        return any(shapes.matrix[rows].any() for shapes in self.meshes)


def drivers(face: np.ndarray, *, eyes: bool) -> np.ndarray:
    """Weights [T, drivers] from ARKit weights [T, 52]; without ``eyes`` nothing looks anywhere."""
    face = np.clip(np.asarray(face, np.float64), 0.0, 1.0)
    if not eyes:
        face = face.copy()
        face[:, LOOKS] = 0.0

    def mean(name: str) -> np.ndarray:
        sides = [ARKIT_INDEX[f"{name}{side}"] for side in ("Left", "Right")]
        return np.asarray(face[:, sides].mean(1))

    presets = preset_weights(face)
    presets["blink"] = np.minimum(presets["blinkLeft"], presets["blinkRight"])
    presets["lookUp"], presets["lookDown"] = mean("eyeLookUp"), mean("eyeLookDown")
    out_left, in_left = (face[:, ARKIT_INDEX[f"eyeLook{way}Left"]] for way in ("Out", "In"))
    out_right, in_right = (face[:, ARKIT_INDEX[f"eyeLook{way}Right"]] for way in ("Out", "In"))
    presets["lookLeft"], presets["lookRight"] = (out_left + in_right) / 2, (in_left + out_right) / 2
    visemes = _visemes(face, mean("mouthDimple"))
    return np.concatenate(
        [
            face,
            np.stack([np.clip(presets[name], 0.0, 1.0) for name in (*PRESETS, *LOOK_PRESETS)], axis=1),
            np.stack([visemes[name] for name in VISEMES], axis=1),
        ],
        axis=1,
    )


def _visemes(face: np.ndarray, dimple: np.ndarray) -> dict[str, np.ndarray]:
    """Weights [T] of Oculus visemes, from what lips, jaw and corners of the mouth do."""

    def weight(name: str) -> np.ndarray:
        return np.asarray(face[:, ARKIT_INDEX[name]])

    gap = np.clip((weight("jawOpen") - weight("mouthClose")) / JAW, 0.0, 1.0)
    rounded = np.clip(weight("mouthPucker") / _CLEAR["pucker"], 0.0, 1.0)
    wide = np.clip(dimple / _CLEAR["dimple"], 0.0, 1.0) * (1.0 - rounded)
    shut = np.clip(weight("mouthRollUpper") / _CLEAR["roll"], 0.0, 1.0)
    bitten = (weight("mouthRollLower") - 1.25 * weight("mouthRollUpper")) / _CLEAR["bitten"]
    return {
        "PP": shut,
        "FF": np.clip(bitten, 0.0, 1.0),
        "aa": gap * (1.0 - rounded) * (1.0 - wide),
        "E": gap * wide,
        "I": (1.0 - gap) * wide,
        "O": gap * rounded,
        "U": (1.0 - gap) * rounded,
    }


def read_face(file: GltfFile, nodes: list[int], vrm: str | None) -> Face:
    """The face of a character.

    Args:
        file: the file.
        nodes: whose meshes are the character's.
        vrm: version of the VRM extension in it, None without.
    """
    targets = {node: _target_names(file, node) for node in nodes}
    targets = {node: names for node, names in targets.items() if names}
    families: list[tuple[str, dict[tuple[int, int], Recipe]]] = [
        ("ARKit shapes", _by_name(targets, _ARKIT, fewest=FEWEST)),
        ("Reallusion shapes", _by_name(targets, _REALLUSION, fewest=FEWEST)),
        ("VRM expressions", _vrm_recipes(file, targets, vrm)),
        ("Oculus visemes", _by_name(targets, _OCULUS, fewest=2)),
        ("mouth shapes and blinks", _by_name(targets, _PLAIN, fewest=1)),
    ]
    chosen, used = _chosen(families)
    meshes = []
    for node, names in targets.items():
        matrix = np.zeros((len(DRIVERS), len(names)))
        for target in range(len(names)):
            for driver, weight in chosen.get((node, target), {}).items():
                matrix[_DRIVER[driver], target] = weight
        if matrix.any():
            meshes.append(Shapes(node, base_weights(file, node, len(names)), matrix))
    return Face(" and ".join(used), len(chosen), tuple(meshes))


def _chosen(
    families: list[tuple[str, dict[tuple[int, int], Recipe]]],
) -> tuple[dict[tuple[int, int], dict[str, float]], list[str]]:
    """What drives each morph target: of mouth, lids and the rest each by the first family that has it."""
    chosen: dict[tuple[int, int], dict[str, float]] = {}
    used: list[str] = []
    open_parts = {"mouth", "lids", "rest"}
    for family, recipes in families:
        parts = {_part(driver) for recipe in recipes.values() for driver in recipe} & open_parts
        for key, recipe in recipes.items():
            taken = {driver: weight for driver, weight in recipe.items() if _part(driver) in parts}
            if taken:
                chosen.setdefault(key, {}).update(taken)
        open_parts -= parts
        used += [family] if parts else []
    return chosen, used


def _part(driver: str) -> str:
    """Which part of the face a driver moves."""
    if driver in _LIDS:
        return "lids"
    return "mouth" if driver in _MOUTH or driver.startswith(("jaw", "mouth", "tongue", "cheekPuff")) else "rest"


def weights_of(shapes: Shapes, driven: np.ndarray) -> np.ndarray:
    """Weights [T, K] of a mesh's morph targets; those that are not driven stay as the file has them."""
    moved = shapes.matrix.any(0)
    weights = np.clip(driven @ shapes.matrix, 0.0, 1.0)
    result: np.ndarray = np.where(moved, weights, shapes.base).astype(np.float32)
    return result


def base_weights(file: GltfFile, node: int, count: int) -> np.ndarray:
    """Weights [count] that the file gives the morph targets of a node's mesh."""
    entry = file.item("nodes", node)
    weights = entry.get("weights") or file.item("meshes", entry["mesh"]).get("weights") or []
    base = np.zeros(count)
    base[: len(weights[:count])] = weights[:count]
    return base


def _target_names(file: GltfFile, node: int) -> tuple[str, ...]:
    """Names of the morph targets of a node's mesh, as tools keep them in extras; numbers where there are none."""
    mesh = file.item("nodes", node).get("mesh")
    if mesh is None:
        return ()
    entry = file.item("meshes", mesh)
    primitives = entry.get("primitives", [])
    count = max((len(primitive.get("targets", [])) for primitive in primitives), default=0)
    holders = [entry, *primitives]
    listings = [(one.get("extras") or {}).get("targetNames") for one in holders]
    names: list[Any] = next((names for names in listings if names), [])
    listed = [str(name) for name in names[:count]]
    return (*listed, *(f"target_{k}" for k in range(len(listed), count)))


def _plain(name: str) -> str:
    """A name without what exporters put before it, in lower case, without signs between its words.

    >>> _plain("blendShape1.eyeBlink_L"), _plain("A14_Eye_Blink_Left"), _plain("Fcl_MTH_A")
    ('eyeblinkl', 'eyeblinkleft', 'fclmtha')
    """
    name = re.split(r"[.:|]", name)[-1]
    name = re.sub(r"^(?:[AT]\d\d_|arkit[_ ]?|bs_|head_|ctrl_expressions_)", "", name, flags=re.IGNORECASE)
    return re.sub(r"[\s_-]", "", name).lower()


def _by_name(
    targets: Mapping[int, tuple[str, ...]], table: Mapping[str, Recipe], *, fewest: int
) -> dict[tuple[int, int], Recipe]:
    """(node, target) -> recipe of a table of plain names; nothing where fewer names than that are found."""
    found = {
        (node, target): table[_plain(name)]
        for node, names in targets.items()
        for target, name in enumerate(names)
        if _plain(name) in table
    }
    return found if len({tuple(sorted(recipe)) for recipe in found.values()}) >= fewest else {}


def _vrm_recipes(
    file: GltfFile, targets: Mapping[int, tuple[str, ...]], vrm: str | None
) -> dict[tuple[int, int], Recipe]:
    """(node, target) -> recipe, by the VRM's own expressions."""
    found: dict[tuple[int, int], dict[str, float]] = {}
    for driver, node, target, weight in _vrm_binds(file, list(targets), vrm):
        if node in targets and isinstance(target, int) and 0 <= target < len(targets[node]):
            found.setdefault((node, target), {})[driver] = float(weight)
    return dict(found)


def _vrm_binds(file: GltfFile, nodes: list[int], vrm: str | None) -> Iterator[tuple[str, Any, Any, Any]]:
    """Driver, node, morph target and weight of every bind of an expression that is driven."""
    extensions = file.document.get("extensions", {})
    if vrm == "1":
        presets = extensions["VRMC_vrm"].get("expressions", {}).get("preset", {})
        bound = {name: entry.get("morphTargetBinds") for name, entry in presets.items()}
        for name, driver in _vrm_drivers(bound).items():
            for one in bound[name]:
                yield driver, one.get("node"), one.get("index"), one.get("weight", 1.0)
    elif vrm == "0":
        groups = extensions["VRM"].get("blendShapeMaster", {}).get("blendShapeGroups", [])
        bound = {_VRM0.get(str(group.get("presetName", "")).lower(), ""): group.get("binds") for group in groups}
        carriers = [(node, file.item("nodes", node).get("mesh")) for node in nodes]
        for name, driver in _vrm_drivers(bound).items():
            for node, one in [(node, one) for one in bound[name] for node, mesh in carriers if mesh == one.get("mesh")]:
                yield driver, node, one.get("index"), one.get("weight", 100.0) / 100.0


def _vrm_drivers(bound: Mapping[str, Any]) -> dict[str, str]:
    """Expression -> driver, of those that move something; both lids by one only where there is none for each."""
    known = [name for name, binds in bound.items() if binds and name in (*PRESETS, *LOOK_PRESETS)]
    both = {"blinkLeft", "blinkRight"} <= set(known)
    left_out = {"blink"} if both else {"blinkLeft", "blinkRight"} if "blink" in known else set()
    return {name: f"preset {name}" for name in known if name not in left_out}


_VRM0 = {
    **{"a": "aa", "i": "ih", "u": "ou", "e": "ee", "o": "oh", "blink": "blink", "joy": "happy", "sorrow": "sad"},
    **{"blink_l": "blinkLeft", "blink_r": "blinkRight"},
    **{f"look{way}": f"look{way.capitalize()}" for way in ("up", "down", "left", "right")},
}


def _arkit_table() -> dict[str, Recipe]:
    table: dict[str, Recipe] = {}
    for name in ARKIT_NAMES:
        table[name.lower()] = {name: 1.0}
        for side in ("Left", "Right"):
            if name.endswith(side):
                table[name.removesuffix(side).lower() + side[0].lower()] = {name: 1.0}
    return table


# Reallusion's names -> ARKit shapes; {} is the side. What ARKit has as one shape moves both sides, or upper and lower.
_REALLUSION_SIDED = {
    **{"Brow_Raise_Outer_{}": "browOuterUp{}", "Brow_Drop_{}": "browDown{}", "Eye_Blink_{}": "eyeBlink{}"},
    **{"Eye_Squint_{}": "eyeSquint{}", "Eye_Wide_{}": "eyeWide{}", "Nose_Sneer_{}": "noseSneer{}"},
    **{"Nose_Flank_Raise_{}": "noseSneer{}", "Cheek_Raise_{}": "cheekSquint{}", "Mouth_Smile_{}": "mouthSmile{}"},
    **{"Mouth_Frown_{}": "mouthFrown{}", "Mouth_Stretch_{}": "mouthStretch{}", "Mouth_Dimple_{}": "mouthDimple{}"},
    **{"Mouth_Press_{}": "mouthPress{}", "Mouth_Up_Upper_{}": "mouthUpperUp{}"},
    **{"Mouth_Down_Lower_{}": "mouthLowerDown{}", "Eye_{}_Look_Up": "eyeLookUp{}", "Eye_{}_Look_Down": "eyeLookDown{}"},
}
_REALLUSION_PAIRED = {
    **{"Brow_Raise_Inner_{}": "browInnerUp", "Cheek_Puff_{}": "cheekPuff", "Mouth_Pucker_Up_{}": "mouthPucker"},
    **{"Mouth_Pucker_Down_{}": "mouthPucker", "Mouth_Funnel_Up_{}": "mouthFunnel"},
    **{"Mouth_Funnel_Down_{}": "mouthFunnel", "Mouth_Roll_In_Upper_{}": "mouthRollUpper"},
    **{"Mouth_Roll_In_Lower_{}": "mouthRollLower"},
}
_REALLUSION_SINGLE = {
    **{"Jaw_Open": "jawOpen", "Jaw_Forward": "jawForward", "Jaw_L": "jawLeft", "Jaw_R": "jawRight"},
    **{"Mouth_Close": "mouthClose", "Mouth_Pucker": "mouthPucker", "Mouth_L": "mouthLeft", "Mouth_R": "mouthRight"},
    **{"Mouth_Shrug_Upper": "mouthShrugUpper", "Mouth_Shrug_Lower": "mouthShrugLower", "Tongue_Out": "tongueOut"},
    **{"Eye_L_Look_L": "eyeLookOutLeft", "Eye_L_Look_R": "eyeLookInLeft"},
    **{"Eye_R_Look_L": "eyeLookInRight", "Eye_R_Look_R": "eyeLookOutRight", "Mouth_Open": "jawOpen"},
}


def _reallusion_table() -> dict[str, Recipe]:
    table: dict[str, Recipe] = {}
    for letter, side in (("L", "Left"), ("R", "Right")):
        for name, shape in (_REALLUSION_SIDED | _REALLUSION_PAIRED).items():
            table[_plain(name.format(letter))] = {shape.format(side): 1.0}
    for name, shape in _REALLUSION_SINGLE.items():
        table[_plain(name)] = {shape: 1.0}
    return table


_ARKIT = _arkit_table()
_REALLUSION = _reallusion_table()
_OCULUS: dict[str, Recipe] = {
    **{f"viseme{name.lower()}": {f"viseme {name}": 1.0} for name in VISEMES},
    **{"vexplosive": {"viseme PP": 1.0}, "vdentallip": {"viseme FF": 1.0}, "vopen": {"viseme aa": 1.0}},
    **{"vtighto": {"viseme O": 1.0}, "vtight": {"viseme U": 1.0}, "vwide": {"viseme E": 1.0, "viseme I": 1.0}},
}
_PLAIN: dict[str, Recipe] = {
    **{name: {f"preset {preset}": 1.0} for name, preset in zip("aiueo", PRESETS[:5], strict=True)},
    **{f"fclmth{name}": {f"preset {preset}": 1.0} for name, preset in zip("aiueo", PRESETS[:5], strict=True)},
    **{name: {f"preset {preset}": 1.0} for name, preset in zip("あいうえお", PRESETS[:5], strict=True)},
    **{preset: {f"preset {preset}": 1.0} for preset in PRESETS[:5]},
    **{name: {"preset blink": 1.0} for name in ("blink", "eyesclosed", "eyesclose", "fcleyeclose", "まばたき")},
    **{
        f"{name}{side}": {f"preset blink{whole}": 1.0}
        for name in ("blink", "fcleyeclose")
        for side, whole in (("l", "Left"), ("left", "Left"), ("r", "Right"), ("right", "Right"))
    },
    **{name: {"preset aa": 1.0} for name in ("mouthopen", "openmouth")},
}
