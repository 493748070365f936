"""Two takes that join: the second speech begins in the pose, and with the movement, in which the first one ended."""

import numpy as np

import cospeech
from common import HELLO, out_folder

out = out_folder()
speech = cospeech.load_speech(HELLO)
model = cospeech.load("emotion")
first = cospeech.generate(speech.cut(end=4.0), model=model, seed=1)
second = cospeech.generate(speech.cut(start=4.0, end=8.0), model=model, seed=2, start_pose=first)

step = np.linalg.norm(second.positions[0] - first.positions[-1], axis=-1).max()
print(f"no joint moves by more than {100 * step:.1f} cm where the takes join")
first.save(out / "first.bvh")
second.save(out / "second.bvh")
