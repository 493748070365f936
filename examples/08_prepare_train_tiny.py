"""The whole way of a model: recordings, dataset, training run, model folder, gestures. Needs the extra [train].

The recordings are generated here, so that the example needs no data: replace ``recordings`` by a folder of your own
BVH and sound files. The preset ``tiny`` trains for seconds and shows that everything works; it learns nothing.
"""

import soundfile

import cospeech
from common import HELLO, out_folder

out = out_folder()
recordings = out / "recordings" / "anna"  # a folder of recordings has one folder for each speaker
recordings.mkdir(parents=True, exist_ok=True)
speech = cospeech.load_speech(HELLO).cut(end=6.0)
for seed in range(4):
    cospeech.generate(speech, seed=seed).save(recordings / f"talk{seed}.bvh")
    soundfile.write(recordings / f"talk{seed}.wav", speech.samples, speech.sample_rate)

dataset = out / "dataset"
print(cospeech.prepare([("folder", out / "recordings")], dataset))
run = cospeech.train(dataset, out / "run", preset="tiny")
model = cospeech.export(run, out / "mymodel", dataset=dataset)
print("speakers:", ", ".join(cospeech.load(model).speakers))
cospeech.generate(speech, model=model).save(out / "hello.bvh")
