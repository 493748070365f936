"""Write motion for another program, read it back, and move it to another rig."""

import numpy as np

import cospeech
from common import HELLO, out_folder
from cospeech.motion.retarget import retarget

out = out_folder()
motion = cospeech.generate(cospeech.load_speech(HELLO).cut(end=5.0))

mixamo = motion.save(out / "mixamo.bvh", rig="mixamo")  # the joint names of Mixamo
print("joints of the file:", ", ".join(cospeech.load_motion(mixamo).skeleton.names[:4]), "...")

back = retarget(cospeech.load_motion(mixamo))  # the rig is recognised by its names
wrist = motion.skeleton.index("left_wrist")
error = np.abs(back.positions[:, wrist] - motion.positions[:, wrist]).max()
print(f"the left wrist is off by at most {100 * error:.2f} cm after the way there and back")

print("wrote", cospeech.convert(mixamo, out / "mixamo.glb"))
