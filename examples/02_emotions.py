"""One speech in several emotions, in a mixture, and in emotions that change on the way."""

import cospeech
from common import HELLO, out_folder

out = out_folder()
speech = cospeech.load_speech(HELLO).cut(end=6.0)

for emotion in ("joy", "sadness", "joy:0.7,surprise:0.3"):
    motion = cospeech.generate(speech, emotion=emotion, intensity=1.3)
    name = emotion.split(":")[0] + ("-mixed" if ":" in emotion else "")
    print(emotion, motion.save(out / f"{name}.bvh"))

track = out / "track.csv"
track.write_text("start,emotion,strength\n0,neutral,1\n3,anger,0.8\n")
motion = cospeech.generate(speech, model="emotion", emotion_track=track)
print("emotions over time", motion.save(out / "track.bvh"))
