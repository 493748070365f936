"""Whether a made rig is read rightly, and rigs that something was done to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from cospeech.core import progress
from cospeech.core.errors import UserError
from cospeech.motion.motion import Motion, load_motion
from cospeech.motion.retarget import on_canonical
from cospeech.motion.rig_recognition import Recognition
from cospeech.motion.skeleton import Skeleton
from rig_data import ARM, CONVENTIONS, CORE, LEG, LIMBS, RESTS, UNITS, MadeRig, make_rig, renamed

WRONG = 1.0  # degrees


def wrong_joints(made: MadeRig, found: Recognition) -> set[str]:
    """Joints of the body that were taken for others, or not found."""
    names = made.motion.skeleton.names
    return {
        part
        for part in CORE
        if part in made.truth and (part not in found.joints or names[found.joints[part][0]] != made.truth[part])
    }


def direction_error(made: MadeRig, result: Motion) -> float:
    """Largest angle in degrees between limbs of a result on the canonical skeleton and those that were made."""
    points = result.positions.astype(float)
    worst = 0.0
    for start, end in LIMBS:
        if start not in made.directions:
            continue
        bone = points[:, result.skeleton.index(end)] - points[:, result.skeleton.index(start)]
        bone /= np.linalg.norm(bone, axis=-1, keepdims=True)
        chord = np.linalg.norm(bone - made.directions[start], axis=-1).max()
        worst = max(worst, float(np.degrees(2 * np.arcsin(min(1.0, chord / 2)))))
    return worst


def limb_error(made: MadeRig, path: Path) -> float | None:
    """``direction_error`` of a file that is read; None if it is refused in one line."""
    try:
        result = on_canonical(load_motion(path), separate=False)
    except UserError as error:
        return None if "\n" not in str(error) else np.inf
    return direction_error(made, result)


@dataclass(frozen=True)
class Outcome:
    """What became of a rig."""

    KINDS: ClassVar[tuple[str, ...]] = ("right", "refused", "wrong and said", "silently wrong")
    kind: str
    what: str


def mutated(seed: int) -> tuple[MadeRig, str]:
    """A made rig that something was done to, and what."""
    rng = np.random.default_rng(seed)
    made = make_rig(
        str(rng.choice(list(CONVENTIONS))),
        rest=str(rng.choice(RESTS[:3], p=[0.5, 0.25, 0.25])),
        unit=str(rng.choice(list(UNITS)[:2])),
        up=str(rng.choice(["y", "z"])),
        facing=float(rng.choice([0.0, 90.0, 143.0])),
        seed=seed,
        frames=12,
        t_pose=bool(rng.random() < 0.3),
    )
    how = str(rng.choice(list(_MUTATIONS)))
    return _MUTATIONS[how](made, rng), how


def _nonsense(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    some = rng.choice(made.names, size=int(rng.integers(1, 9)), replace=False)
    return renamed(made, {str(name): f"x{k}q" for k, name in enumerate(some)})


def _all_nonsense(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    return renamed(made, {name: f"n{k}" for k, name in enumerate(made.names)})


def _permuted(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    return renamed(made, dict(zip(made.names, rng.permutation(made.names).tolist(), strict=True)))


def _two_exchanged(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    a, b = (str(name) for name in rng.choice(made.names, size=2, replace=False))
    return renamed(made, {a: b, b: a})


def _sides_exchanged(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    truth = made.truth
    pairs = {truth[p]: truth[p.replace("left", "right")] for p in truth if p.startswith("left")}
    return renamed(made, pairs | {right: left for left, right in pairs.items()})


def _prefixed(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    start = str(rng.choice(["Hero:", "Rig_", "ACTOR1:Skel:", "p.", "npc_07_"]))
    return renamed(made, {name: start + name for name in made.names})


def _suffixed(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    return renamed(made, {name: f"{name}.002" for name in made.names})


def _cased(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    lower = {name: name.lower() for name in made.names}
    return renamed(made, lower) if len(set(lower.values())) == len(lower) else made


def _without(made: MadeRig, joints: set[int]) -> MadeRig:
    """The rig without some joints and what hangs on them."""
    skeleton, gone = made.motion.skeleton, set(joints)
    for joint, parent in enumerate(skeleton.parents):
        if parent in gone:
            gone.add(joint)
    kept = [joint for joint in range(len(skeleton)) if joint not in gone]
    place = {joint: k for k, joint in enumerate(kept)}
    smaller = Skeleton(
        tuple(skeleton.names[j] for j in kept),
        tuple(place.get(skeleton.parents[j], -1) for j in kept),
        skeleton.offsets[kept],
        tuple((place[j], tip) for j, tip in skeleton.ends if j in place),
    )
    motion = replace(made.motion, skeleton=smaller, rotations=made.motion.rotations[:, kept])
    truth = {part: name for part, name in made.truth.items() if name in smaller.names}
    directions = {s: d for s, d in made.directions.items() if s in truth and dict(LIMBS)[s] in truth}
    return replace(made, motion=motion, truth=truth, directions=directions, names=smaller.names)


def _cut(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    parts = [p for p in (*LEG[1:], *ARM[2:]) if f"left_{p}" in made.truth] + ["legs", "head"]
    part = str(rng.choice(parts))
    names = {"legs": ("left_hip", "right_hip"), "head": ("head",)}.get(part, (f"left_{part}", f"right_{part}"))
    if part not in ("legs", "head") and rng.random() < 0.4:
        names = names[:1]
    return _without(made, {made.names.index(made.truth[name]) for name in names})


def _cut_any(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    return _without(made, {int(rng.integers(1, len(made.names)))})


def _stretched(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    """Bones of other lengths, the same on both sides; directions stay."""
    skeleton = made.motion.skeleton
    offsets = skeleton.offsets.copy()
    for part in (*LEG[1:], *ARM[1:], "head"):
        factor = float(np.exp(rng.normal(0, 0.25)))
        for name in (part, f"left_{part}", f"right_{part}"):
            if name in made.truth:
                offsets[made.names.index(made.truth[name])] *= factor
    return replace(made, motion=replace(made.motion, skeleton=replace(skeleton, offsets=offsets)))


def _tail(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    """Chains that are no person's: tails, hair, skirts, wings, some in pairs."""
    skeleton, motion = made.motion.skeleton, made.motion
    names, parents, offsets = list(skeleton.names), list(skeleton.parents), list(skeleton.offsets)
    size = float(np.linalg.norm(skeleton.offsets, axis=1).sum())
    for k in range(int(rng.integers(1, 4))):
        root = int(rng.integers(0, len(skeleton)))
        step = rng.normal(size=3) * size * 0.01
        for mirrored in range(int(rng.integers(1, 3))):
            above = root
            for n in range(int(rng.integers(1, 6))):
                parents.append(above)
                above = len(names)
                names.append(f"extra_{k}_{mirrored}_{n}")
                offsets.append(step * (np.array([-1, 1, 1]) if mirrored else 1))
    more = len(names) - len(skeleton)
    rest = np.tile(np.eye(3, dtype=np.float32), (motion.frames, more, 1, 1))
    longer = Skeleton(tuple(names), tuple(parents), np.array(offsets), skeleton.ends)
    rotations = np.concatenate([motion.rotations, rest], axis=1)
    return replace(made, motion=replace(motion, skeleton=longer, rotations=rotations), names=tuple(names))


def _one_frame(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    frame = int(rng.integers(made.motion.frames))
    directions = {name: value[frame : frame + 1] for name, value in made.directions.items()}
    return replace(made, motion=made.motion[frame : frame + 1], directions=directions)


def _still_nonsense(made: MadeRig, rng: np.random.Generator) -> MadeRig:
    return _all_nonsense(_one_frame(made, rng), rng)


_MUTATIONS = {
    function.__name__.strip("_").replace("_", " "): function
    for function in (
        *(_nonsense, _all_nonsense, _permuted, _two_exchanged, _sides_exchanged, _prefixed, _suffixed, _cased),
        *(_cut, _cut_any, _stretched, _tail, _one_frame, _still_nonsense),
    )
}


def outcome(made: MadeRig, how: str, folder: Path) -> Outcome:
    """What becomes of a rig that is written and read: right, refused in one line, wrong with a word, or without."""
    path = made.save(folder / ("rig.glb" if len(made.names) % 3 == 0 and made.unit == "m" else "rig.bvh"))
    said: list[str] = []
    before = progress.note
    progress.note = said.append  # type: ignore[assignment]
    progress.forget_notes()
    try:
        result = on_canonical(load_motion(path), separate=False)
    except UserError as error:
        return Outcome("refused" if "\n" not in str(error) else "silently wrong", how)
    finally:
        progress.note = before
    if direction_error(made, result) <= WRONG:
        return Outcome("right", how)
    doubts = [text for text in said if "confidence" in text or "no joint was found" in text or "no place" in text]
    return Outcome("wrong and said" if doubts else "silently wrong", how)
