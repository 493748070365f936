"""Speech in, gestures out: a page to watch, and motion files for other programs."""

import cospeech
from common import HELLO, out_folder

out = out_folder()
speech = cospeech.load_speech(HELLO, transcript=HELLO.with_suffix(".txt"))
motion = cospeech.generate(speech, seed=0)
print(f"{motion.frames} frames at {motion.fps:g} a second, {len(motion.skeleton)} joints")

cospeech.render(motion, out / "hello.html", speech=speech)
for suffix in (".bvh", ".glb", ".vrma", ".npz"):
    print("wrote", motion.save(out / f"hello{suffix}"))
