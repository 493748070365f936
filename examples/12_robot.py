"""Move a robot as the speaker moves: joint angles within the limits and speeds of its URDF, and what these cut."""

import cospeech
from common import HELLO, out_folder
from cospeech.motion.robots.robot_files import save_robot_motion

out = out_folder()


def joint(name: str, parent: str, child: str, axis: str, xyz: str, lower: float, upper: float) -> str:
    """A joint as URDF writes it: where it sits on its parent link, what it turns about, how far and how fast."""
    return f"""
  <joint name="{name}" type="revolute">
    <parent link="{parent}"/> <child link="{child}"/> <origin xyz="{xyz}"/> <axis xyz="{axis}"/>
    <limit lower="{lower}" upper="{upper}" effort="10" velocity="8"/>
  </joint>"""


# A made-up robot of 60 cm. Arms hang at rest; x points forward, y to its left, z up.
joints = joint("head_yaw", "torso", "neck", "0 0 1", "0 0 0.13", -2.0, 2.0)
joints += joint("head_pitch", "neck", "head", "0 1 0", "0 0 0", -0.6, 0.5)
for side, sign in (("left", 1), ("right", -1)):
    inward, outward = sorted((-0.3 * sign, 1.8 * sign))
    joints += joint(f"{side}_shoulder_pitch", "torso", f"{side}_1", "0 1 0", f"0 {0.1 * sign} 0.1", -2.8, 1.5)
    joints += joint(f"{side}_shoulder_roll", f"{side}_1", f"{side}_2", "1 0 0", "0 0 0", inward, outward)
    joints += joint(f"{side}_shoulder_yaw", f"{side}_2", f"{side}_3", "0 0 1", "0 0 -0.05", -1.9, 1.9)
    joints += joint(f"{side}_elbow", f"{side}_3", f"{side}_4", "0 1 0", "0 0 -0.06", -1.8, 0.0)
    joints += joint(f"{side}_wrist_yaw", f"{side}_4", f"{side}_hand", "0 0 1", "0 0 -0.1", -1.8, 1.8)
urdf = out / "robot.urdf"
urdf.write_text(f'<robot name="small">\n  <link name="torso"/>{joints}\n</robot>\n')

motion = cospeech.generate(cospeech.load_speech(HELLO).cut(end=5.0))
moved = cospeech.to_robot(motion, urdf)
for error in moved.errors:
    print(f"{error.name}: {error.median:.1f} degrees off (median), {error.most_of:.1f} (95 %)")
for cut in moved.cuts:
    print(f"{cut.joint} is cut by its {cut.by} by {cut.most:.2f} radians from {cut.start:.2f} to {cut.end:.2f} s")
print("wrote", save_robot_motion(moved, out / "robot.csv"), "and", save_robot_motion(moved, out / "robot.json"))
