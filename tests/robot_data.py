"""Humanoids made up for tests, as URDF: one with arms of seven joints, one of five. No vendors' files."""

from __future__ import annotations


def joint(
    name: str,
    parent: str,
    child: str,
    axis: str | None,
    xyz: str = "0 0 0",
    limits: tuple[float, float] = (-3.0, 3.0),
    *,
    rpy: str = "0 0 0",
    velocity: float = 20.0,
    kind: str = "revolute",
    extra: str = "",
) -> str:
    """One joint; fixed without an axis."""
    if axis is None:
        return (
            f'<joint name="{name}" type="fixed"><origin xyz="{xyz}" rpy="{rpy}"/><parent link="{parent}"/>'
            f'<child link="{child}"/></joint>'
        )
    return (
        f'<joint name="{name}" type="{kind}"><origin xyz="{xyz}" rpy="{rpy}"/><parent link="{parent}"/>'
        f'<child link="{child}"/><axis xyz="{axis}"/>'
        f'<limit lower="{limits[0]}" upper="{limits[1]}" effort="50" velocity="{velocity}"/>{extra}</joint>'
    )


def urdf(joints: list[str], name: str = "made") -> str:
    return f'<?xml version="1.0"?>\n<robot name="{name}">\n<link name="base"/>\n' + "\n".join(joints) + "\n</robot>\n"


X, Y, Z = "1 0 0", "0 1 0", "0 0 1"


def seven(*, elbow: tuple[float, float] = (-1.1, 2.1), velocity: float = 20.0, rename=lambda name: name) -> str:
    """Arms of seven joints that hang at rest, forearms forward; a waist of three; a neck of two; legs."""
    joints = [
        joint("waist_yaw_joint", "base", "waist1", Z, limits=(-2.6, 2.6)),
        joint("waist_roll_joint", "waist1", "waist2", X, "0 0 0.04", (-0.5, 0.5)),
        joint("waist_pitch_joint", "waist2", "torso", Y, limits=(-0.5, 0.5)),
        joint("neck_yaw_joint", "torso", "neck", Z, "0 0 0.45", (-1.5, 1.5)),
        joint("head_pitch_joint", "neck", "head", Y, "0 0 0.05", (-0.8, 0.8)),
        joint("head_camera", "head", "camera", None, "0.05 0 0.1"),
    ]
    for side, s in (("left", 1), ("right", -1)):
        roll = (-1.6, 2.25) if s == 1 else (-2.25, 1.6)
        joints += [
            joint(f"{side}_hip_pitch_joint", "base", f"{side}_thigh", Y, f"0 {0.1 * s} -0.1"),
            joint(f"{side}_knee_joint", f"{side}_thigh", f"{side}_shin", Y, "0 0 -0.3", (0.1, 2.8)),
            joint(f"{side}_shoulder_pitch_joint", "torso", f"{side}_s1", Y, f"0 {0.1 * s} 0.28", (-3.1, 2.7)),
            joint(f"{side}_shoulder_roll_joint", f"{side}_s1", f"{side}_s2", X, f"0 {0.04 * s} -0.01", roll),
            joint(f"{side}_shoulder_yaw_joint", f"{side}_s2", f"{side}_s3", Z, "0 0 -0.1", (-2.6, 2.6)),
            joint(f"{side}_elbow_joint", f"{side}_s3", f"{side}_e", Y, "0.015 0 -0.09", elbow, velocity=velocity),
            joint(f"{side}_wrist_roll_joint", f"{side}_e", f"{side}_w1", X, "0.1 0 -0.01", (-1.97, 1.97)),
            joint(f"{side}_wrist_pitch_joint", f"{side}_w1", f"{side}_w2", Y, "0.038 0 0", (-1.6, 1.6)),
            joint(f"{side}_wrist_yaw_joint", f"{side}_w2", f"{side}_w3", Z, "0.046 0 0", (-1.6, 1.6)),
            joint(f"{side}_palm_joint", f"{side}_w3", f"{side}_palm", None, "0.08 0 0"),
            joint(
                f"{side}_index_0_joint",
                f"{side}_palm",
                f"{side}_i0",
                Z,
                "0.02 0 0",
                (0.0, 1.6) if s == 1 else (-1.6, 0.0),
            ),
            joint(
                f"{side}_index_1_joint",
                f"{side}_i0",
                f"{side}_i1",
                Z,
                "0.03 0 0",
                (-1.7, 1.7),
                extra=f'<mimic joint="{side}_index_0_joint" multiplier="0.5"/>',
            ),
        ]
    text = urdf(joints, "made seven")
    for word in ("waist_yaw", "waist_roll", "waist_pitch", "neck", "head", "shoulder", "elbow", "wrist", "hip", "knee"):
        text = text.replace(word, rename(word))
    return text


def five() -> str:
    """Arms of five joints that point forward at rest, as of a small robot; no waist; a neck of two."""
    joints = [
        joint("HeadYaw", "base", "Neck", Z, "0 0 0.126", (-2.08, 2.08), velocity=8.2),
        joint("HeadPitch", "Neck", "Head", Y, limits=(-0.67, 0.51), velocity=7.2),
    ]
    for side, s in (("L", 1), ("R", -1)):
        out = (-0.31, 1.32) if s == 1 else (-1.32, 0.31)
        bent = (-1.54, -0.03) if s == 1 else (0.03, 1.54)
        joints += [
            joint(
                f"{side}ShoulderPitch", "base", f"{side}Shoulder", Y, f"0 {0.098 * s} 0.1", (-2.08, 2.08), velocity=8.2
            ),
            joint(f"{side}ShoulderRoll", f"{side}Shoulder", f"{side}Bicep", Z, limits=out, velocity=7.2),
            joint(
                f"{side}ElbowYaw",
                f"{side}Bicep",
                f"{side}Elbow",
                X,
                f"0.105 {0.015 * s} 0",
                (-2.08, 2.08),
                velocity=8.2,
            ),
            joint(f"{side}ElbowRoll", f"{side}Elbow", f"{side}Forearm", Z, limits=bent, velocity=7.2),
            joint(f"{side}WristYaw", f"{side}Forearm", f"{side}Wrist", X, "0.056 0 0", (-1.82, 1.82), velocity=24.6),
            joint(f"{side}HandTip", f"{side}Wrist", f"{side}Tip", None, "0.058 0 -0.012"),
        ]
    return urdf(joints, "made five")
