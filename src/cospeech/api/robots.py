"""Motion for a robot: joint angles of a humanoid that a URDF file describes."""

from __future__ import annotations

from pathlib import Path

from ..core.arguments import file_path
from ..core.errors import UserError
from ..motion.motion import Motion, load_motion
from ..motion.robots.joint_angles import RobotMotion, robot_motion
from ..motion.robots.robot_map import map_robot
from ..motion.robots.urdf import load_urdf


def check_alone(robot: str | Path | None, speech: object, onto: object) -> str | Path:
    """The robot whose joint angles are asked for. Raises UserError if there is none, or with a face or a skin."""
    if robot is None:
        raise UserError("a robot map goes with a robot; give its URDF with --robot")
    if speech is not None or onto is not None:
        raise UserError("a robot has neither a face nor a skin; leave out --speech and --onto, or --robot")
    return robot


def to_robot(motion: Motion | str | Path, urdf: str | Path, *, robot_map: str | Path | None = None) -> RobotMotion:
    """Joint angles of a robot that moves as a person does (docs/robots.md).

    Args:
        motion: a motion, or a motion file, on any rig that is known.
        urdf: the robot.
        robot_map: JSON that names its arms, waist and head, where they are not recognised.

    Returns:
        Positions of all joints at the rate of the motion, within limits and speeds, with what was cut.

    Raises:
        UserError: a file cannot be read, or the robot has no two arms that are recognised.
    """
    robot = load_urdf(urdf)
    parts = map_robot(robot, None if robot_map is None else file_path(robot_map, "a robot map"))
    moved = motion if isinstance(motion, Motion) else load_motion(motion)
    return robot_motion(moved, robot, parts)
