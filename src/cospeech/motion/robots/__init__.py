"""Motion for humanoid robots: joint angles of a robot that a URDF file describes."""
