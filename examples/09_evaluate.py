"""Measure a model beside recorded motion and baselines.

The "recordings" are takes of another method, so that the example needs no data; the figures mean nothing. With a
dataset of your own recordings, call ``evaluate`` with all groups of metrics.
"""

import csv

import soundfile

import cospeech
from common import HELLO, out_folder

out = out_folder()
model = cospeech.load("exges")
recordings = out / "recordings"
recordings.mkdir(exist_ok=True)
speech = cospeech.load_speech(HELLO).cut(end=4.0)
rows = []
for seed in range(12):
    name = f"talk{seed}.bvh"
    cospeech.generate(speech, model=model, seed=seed).save(recordings / name)
    soundfile.write(recordings / f"talk{seed}.wav", speech.samples, speech.sample_rate)
    rows.append({"file": name, "speaker": "anna", "split": "train" if seed < 2 else "test"})
with (recordings / "labels.csv").open("w", newline="") as file:
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)

dataset = out / "dataset"
cospeech.prepare([("folder", recordings)], dataset)
report = cospeech.evaluate("contextual", dataset, metrics=["liveliness", "beats"], clips=4, out=out / "report")
for row in report.rows:
    figures = ", ".join(f"{value.name} {value.value:.3g}" for value in row.values[:3])
    print(f"{row.name}: {figures}")
print("open", out / "report" / "report.html")
