"""What the names of a rig's joints say: side, part and number of each, and the body that they make together.

Names are read as words, so that ``mixamorig:LeftArm.001``, ``J_Bip_L_UpperArm``, ``Bip01 L UpperArm``, ``lShldrBend``
and ``upperarm_l`` say the same. What a word leaves open (a shoulder may be a collar or an upper arm, a leg a thigh or a
shin) is settled by what else there is and by the tree; pelvis and spine are what joins the limbs, whatever they are
called. ``rigs.py`` has the names of known conventions, which are told apart there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .rig_tables import spread
from .skeleton import FINGERS, Skeleton

SIDES = ("left", "right")
Joints = dict[str, tuple[int, ...]]  # canonical name -> indices in the rig; several are averaged

_NAMESPACE = re.compile(r"^.*[:|]")
_NUMBERED = re.compile(r"\.\d{3}$")  # what Blender adds to a name that is taken
_PREFIXES = re.compile(
    r"^(mixamorig\d*|j_(bip|sec|adj)|(valvebiped[._])?bip(ed)?\d*|cc_base|rl|def|org|character\d*|[mf]_avg|b|jnt|bone)"
    r"[_\-. ]+|^mixamorig\d*(?=[A-Z])",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_VERTEBRA = re.compile(r"^[LTC]\d{1,2}$")  # of the back, as Xsens calls them
_LEFT, _RIGHT = ("l", "left", "lft"), ("r", "right", "rgt")
_SILENT = ("c", "joint", "jnt", "bone", "bend", "jt", "bn")
_SHARE = 0.7  # of the joints: what so many share is no part of their names

# Words of a part, the surest first: those of a later group count only where the earlier groups are not there.
_THIGH = (("thigh", "upleg", "upperleg", "legupper", "femur", "upperlimb"), ("hip", "hips"))
_SHIN = (("shin", "calf", "knee", "lowerleg", "lowleg", "leglower", "tibia", "crus"),)
_COLLAR = (("clavicle", "collar", "collarbone", "scapula", "clav", "shoulderblade"), ("shoulder",))
_UPPER_ARM = (("upperarm", "uparm", "armupper", "shldr", "humerus"), ("arm",), ("shoulder",))
_FOREARM = (("forearm", "lowerarm", "lowarm", "armlower", "elbow", "radius", "ulna"),)
_TOES = (("toe", "toes", "toebase", "ball", "forefoot", "football"),)
_FOOT, _HAND = ("foot", "ankle"), ("hand", "wrist")
_PELVIS, _HEAD = ("hips", "hip", "pelvis"), ("head",)
_NECK = ("neck", "necktwist", "necklower", "neckupper")
_JAW, _EYE = ("jaw", "lowerjaw", "jawroot"), ("eye", "eyeball")
_GLUED = {
    word for groups in (_THIGH, _SHIN, _COLLAR, _UPPER_ARM, _FOREARM, _TOES) for group in groups for word in group
}
_FINGER_WORDS = {"thumb": "thumb", "index": "index", "middle": "middle", "mid": "middle", "ring": "ring"}
_FINGER_WORDS |= {"pinky": "pinky", "pinkie": "pinky", "little": "pinky"}
_GLUED |= {*_FOOT, *_HAND, *_EYE, *_FINGER_WORDS, "leg", "fingers", "hipjoint"}
_ORDER = ("thumb", "index", "middle", "ring", "pinky")
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_PHALANGES = ("metacarpal", "proximal", "intermediate", "medial", "distal", "mc", "pp", "mp", "dp")
_METACARPAL = ("metacarpal", "carpal", "mc", "in")  # "in": LeftInHandIndex
_ENDS = ("end", "tip", "nub", "site", "effector")


@dataclass(frozen=True)
class JointName:
    """A joint's name as words."""

    side: str  # "left", "right" or ""
    part: str  # words joined, without side and numbers: "upperarm"
    numbers: tuple[str, ...]
    words: tuple[str, ...]  # in lower case, without the side

    @property
    def key(self) -> tuple[str, str, tuple[int, ...]]:
        """The same for names that differ in spelling alone."""
        return self.side, self.part, tuple(int(number) for number in self.numbers)


@lru_cache(maxsize=64)
def parsed_names(names: tuple[str, ...]) -> tuple[JointName, ...]:
    """The names of all joints of a skeleton as words; what nearly all have in common is left out."""
    bare = [_NAMESPACE.sub("", name) or name for name in names]
    if sum(bool(_NUMBERED.search(name)) for name in bare) >= _SHARE * len(bare):
        bare = [_NUMBERED.sub("", name) for name in bare]
    prefix = _shared_prefix(bare)
    return tuple(parsed_name(name.removeprefix(prefix) or name) for name in bare)


@lru_cache(maxsize=4096)
def parsed_name(name: str) -> JointName:
    """One name as words.

    >>> parsed_name("J_Bip_L_UpperArm").key
    ('left', 'upperarm', ())
    """
    bare = _PREFIXES.sub("", _NAMESPACE.sub("", name)) or name
    if _VERTEBRA.match(bare):
        return JointName("", bare.lower(), (), (bare.lower(),))
    words = [word.lower() for word in _WORD.findall(bare)]
    side, rest = "", []
    for word in words:
        found, word = _sided(word) if not side else ("", word)
        side = side or found
        if word and word not in _SILENT:
            rest.append(word)
    numbers = tuple(word for word in rest if word.isdigit())
    part = "".join(word for word in rest if not word.isdigit())
    return JointName(side, part, numbers, tuple(rest))


def _sided(word: str) -> tuple[str, str]:
    """Side and the rest of a word."""
    for side, words in (("left", _LEFT), ("right", _RIGHT)):
        if word in words:
            return side, ""
        if word.startswith(side) or word.endswith(side):
            return side, word.removeprefix(side) if word.startswith(side) else word.removesuffix(side)
        if word[:1] == side[0] and word[1:] in _GLUED:
            return side, word[1:]
    return "", word


def _shared_prefix(names: Sequence[str]) -> str:
    """What most names begin with, up to a separator."""
    starts = Counter(name[: sign.end()] for name in names for sign in re.finditer(r"[_\-. ]", name))
    shared = [start for start, count in starts.items() if len(names) >= 8 and count >= _SHARE * len(names)]
    return max(shared, key=len, default="")


class Tree:
    """Who is above whom among the joints of a skeleton."""

    def __init__(self, parents: Sequence[int]) -> None:
        self.lines: list[tuple[int, ...]] = []  # of each joint, from the root to itself
        for joint, parent in enumerate(parents):
            self.lines.append((*(self.lines[parent] if parent >= 0 else ()), joint))

    def above(self, ancestor: int, joint: int) -> bool:
        """Whether a joint hangs on another one, or is it."""
        return ancestor in self.lines[joint]

    def below(self, ancestor: int, joint: int) -> bool:
        """Whether a joint hangs on another one and is not it."""
        return ancestor != joint and self.above(ancestor, joint)

    def together(self, one: int, other: int) -> bool:
        """Whether two joints are of one tree: a skin may leave out what joins them."""
        return self.lines[one][0] == self.lines[other][0]

    def fork(self, joints: Sequence[int]) -> int:
        """The nearest joint that all hang on, one of them or above; -1 if there is none."""
        lines = [self.lines[joint] for joint in joints]
        common = [joint for joint in lines[0] if all(joint in line for line in lines)]
        return common[-1] if common else -1

    def between(self, ancestor: int, joint: int) -> tuple[int, ...]:
        """Joints from an ancestor (left out) to one below it (included)."""
        line = self.lines[joint]
        return line[line.index(ancestor) + 1 :] if ancestor in line else ()


def joints_by_name(skeleton: Skeleton) -> Joints:
    """Canonical joints that the names tell, without regard to any one convention. Empty if they tell no body."""
    names = parsed_names(skeleton.names)
    tree = Tree(skeleton.parents)
    found: dict[str, int] = {}
    for side in SIDES:
        _arm(names, tree, side, found)
        _leg(names, tree, side, found)
    result: Joints = {name: (joint,) for name, joint in found.items()}
    if not all(f"{side}_shoulder" in found for side in SIDES):
        return {}
    result |= _trunk(names, tree, found)
    if "pelvis" not in result:
        return {}
    for side in SIDES:
        result |= _hand(names, tree, side, found.get(f"{side}_wrist"))
        eye = _first(names, side, _EYE)
        if eye is not None:
            result[f"{side}_eye"] = (eye,)
    jaw = _first(names, "", _JAW)
    if jaw is not None:
        result["jaw"] = (jaw,)
    return result


def _first(
    names: Sequence[JointName], side: str, parts: Sequence[str], fits: Callable[[int], bool] = lambda joint: True
) -> int | None:
    """The joint of a part, of several that with the smallest number, and then the first one."""
    wanted = [j for j, name in enumerate(names) if name.side == side and name.part in parts and fits(j)]
    return min(wanted, key=lambda j: (len(names[j].numbers), names[j].key[2], j), default=None)


def _surest(
    names: Sequence[JointName], side: str, groups: Sequence[Sequence[str]], fits: Callable[[int], bool]
) -> int | None:
    for group in groups:
        joint = _first(names, side, group, fits)
        if joint is not None:
            return joint
    return None


def _arm(names: Sequence[JointName], tree: Tree, side: str, found: dict[str, int]) -> None:
    """Collar, upper arm, forearm and hand of one side, from the forearm outwards and inwards."""
    elbow = _surest(names, side, _FOREARM, lambda joint: True)
    shoulder = _surest(names, side, _UPPER_ARM, lambda j: elbow is None or tree.below(j, elbow))
    if shoulder is None:
        return
    found[f"{side}_shoulder"] = shoulder
    collar = _surest(names, side, _COLLAR, lambda j: tree.below(j, shoulder))
    if collar is not None:
        found[f"{side}_collar"] = collar
    if elbow is not None:
        found[f"{side}_elbow"] = elbow
        hands = [j for j, n in enumerate(names) if n.side == side and n.part in _HAND and tree.below(elbow, j)]
        if hands:
            found[f"{side}_wrist"] = min(hands, key=lambda j: len(tree.lines[j]))


def _leg(names: Sequence[JointName], tree: Tree, side: str, found: dict[str, int]) -> None:
    """Thigh, shin, foot and toes of one side."""
    knee = _surest(names, side, _SHIN, lambda joint: True)
    if knee is None:  # "leg" is the shin where there is a thigh beside it
        thigh = _surest(names, side, _THIGH, lambda joint: True)
        knee = None if thigh is None else _first(names, side, ("leg",), lambda j: tree.below(thigh, j))
    if knee is None:
        return
    hip = _surest(names, side, (*_THIGH, ("leg",)), lambda j: tree.below(j, knee))
    if hip is None:
        return
    found[f"{side}_hip"], found[f"{side}_knee"] = hip, knee
    feet = [j for j, n in enumerate(names) if n.side == side and n.part in _FOOT and tree.below(knee, j)]
    ankle = min(feet, key=lambda j: len(tree.lines[j]), default=None)
    if ankle is None:
        return
    found[f"{side}_ankle"] = ankle
    toes = _surest(names, side, (*_TOES, ("foot",)), lambda j: tree.below(ankle, j))
    if toes is not None:
        found[f"{side}_foot"] = toes


def _trunk(names: Sequence[JointName], tree: Tree, found: dict[str, int]) -> Joints:
    """Pelvis, spine, neck and head: what joins the limbs, whatever it is called."""
    chest = tree.fork([found.get(f"{side}_collar", found[f"{side}_shoulder"]) for side in SIDES])
    pelvis = -1 if chest < 0 else _pelvis(names, tree, found, chest)
    if pelvis < 0:
        return {}
    result: Joints = {"pelvis": (pelvis,)}
    spine = [joint for joint in tree.lines[chest] if not tree.above(joint, pelvis)]
    result |= {name: (joint,) for name, joint in spread(spine).items()}
    head = _first(names, "", _HEAD, lambda j: tree.below(chest, j))
    if head is None:
        head = _outermost(names, tree, chest)
    if head is None:
        return result
    result["head"] = (head,)
    neck = tree.between(chest, head)[:-1]
    spoken = [joint for joint in neck if names[joint].part in _NECK]
    if neck:
        result["neck"] = _ends(spoken or list(neck))
    return result


def _pelvis(names: Sequence[JointName], tree: Tree, found: dict[str, int], chest: int) -> int:
    """What is called hips or pelvis above both thighs and nearest to them, else what joins them; -1 if nothing."""
    thighs = [found[f"{side}_hip"] for side in SIDES if f"{side}_hip" in found]
    fork = tree.fork(thighs) if len(thighs) == 2 else chest
    line = tree.lines[fork] if fork >= 0 else ()
    named = [joint for joint in line if not names[joint].side and names[joint].part in _PELVIS]
    if named:
        return named[-1]
    return fork if len(thighs) == 2 or not line else line[0]


def _outermost(names: Sequence[JointName], tree: Tree, chest: int) -> int | None:
    """The last joint of the longest line that goes on from the chest and belongs to neither side."""
    silent = {*_ENDS, *_JAW, *_EYE}
    beyond = [
        j for j, name in enumerate(names) if tree.below(chest, j) and not name.side and not silent & set(name.words)
    ]
    return max(beyond, key=lambda j: len(tree.lines[j]), default=None)


def _ends(joints: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys((joints[0], joints[-1])))


def _hand(names: Sequence[JointName], tree: Tree, side: str, wrist: int | None) -> Joints:
    """Three joints of every finger that has two or more, from the knuckle outwards."""
    result: Joints = {}
    for finger in () if wrist is None else FINGERS:
        own = [
            joint
            for joint, name in enumerate(names)
            if name.side == side and tree.below(int(wrist or 0), joint) and _finger(name) == finger
        ]
        ended = any(set(names[joint].words) & set(_ENDS) for joint in own)
        line = _knuckles(names, tree, finger, own)
        if len(line) > 3 and ended:  # an end of its own: the first is the metacarpal
            line = line[-3:]
        if len(line) > 1:
            result |= {f"{side}_{finger}{k}": (joint,) for k, joint in enumerate(line[:3], start=1)}
    return result


def _knuckles(names: Sequence[JointName], tree: Tree, finger: str, own: Sequence[int]) -> list[int]:
    """Of a finger's joints those that bend it, from the hand outwards; of the thumb with its metacarpal."""
    silent = set(_ENDS) if finger == "thumb" else {*_ENDS, *_METACARPAL}
    joints = sorted((j for j in own if not silent & set(names[j].words)), key=lambda j: len(tree.lines[j]))
    return [joint for joint in joints if tree.above(joint, joints[-1])]


def _finger(name: JointName) -> str | None:
    """Which finger a name is of: by word, by ordinal (Xsens), or by number (3ds Max from 0, Rokoko from 1)."""
    for word in name.words:
        if word in _FINGER_WORDS:
            return _FINGER_WORDS[word]
    phalanx = bool(set(name.words) & set(_PHALANGES))
    for ordinal, finger in zip(_ORDINALS, _ORDER, strict=True):
        if phalanx and ordinal in name.words:
            return finger
    if "finger" not in name.words or not name.numbers:
        return None
    index = int(name.numbers[0][0]) - (1 if phalanx else 0)
    return _ORDER[index] if 0 <= index < len(_ORDER) else None
