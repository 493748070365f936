"""Gestures from a library, with a pose of the right arm that must be met from second 2 to 3.5."""

import numpy as np

import cospeech
from common import HELLO, out_folder
from cospeech.core.rotation import axis_rotation

out = out_folder()
model = cospeech.load("exges")
speech = cospeech.load_speech(HELLO).cut(end=5.0)
motion = model.generate(speech)

wave = motion[:1]  # a pose: one frame, the right upper arm raised to the side
rotations = wave.rotations.copy()
rotations[:, wave.skeleton.index("right_shoulder")] = axis_rotation("Z", np.radians(20.0))
cospeech.Motion(wave.skeleton, wave.fps, rotations, wave.translation).save(out / "wave.bvh")

met = cospeech.generate(speech, model=model, constraint=f"{out / 'wave.bvh'}@2.0:3.5:right-arm", faithfulness=0.8)
arm = met.skeleton.index("right_shoulder")
difference = np.abs(met.rotations[60:105, arm] - rotations[0, arm]).max()
print(f"the upper arm differs from the pose by at most {difference:.1e} from 2.0 to 3.5 s")
met.save(out / "constrained.bvh")
