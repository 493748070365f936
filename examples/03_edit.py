"""Other gestures from second 2 to 4.5, in the arms only; everything else keeps its bits."""

import numpy as np

import cospeech
from common import HELLO, out_folder

out = out_folder()
speech = cospeech.load_speech(HELLO).cut(end=7.0)
model = cospeech.load("contextual")  # loaded once, used twice
before = model.generate(speech)
after = cospeech.edit(before, speech=speech, span=(2.0, 4.5), joints="arms", seed=3, model=model)

changed = np.flatnonzero(np.any(before.rotations != after.rotations, axis=(1, 2, 3)))
print(f"changed from {changed[0] / before.fps:.2f} to {(changed[-1] + 1) / before.fps:.2f} s")
after.save(out / "edited.bvh")
