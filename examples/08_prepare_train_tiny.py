"""From recordings to a training run: the folder, the dataset, the three networks. Needs the extra [train].

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
report = cospeech.prepare([("folder", out / "recordings")], dataset)
print("\n".join(report.lines()))
run = cospeech.train(dataset, out / "run", preset="tiny")
for stage in sorted(path.parent.name for path in run.rglob("model.safetensors")):
    print(f"trained {stage}: see {run / stage / 'curves.svg'}")
print(f"next: cospeech export {run} --dataset {dataset} -o mymodel && cospeech generate talk.wav --model mymodel")
