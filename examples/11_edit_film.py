"""A film's gestures: some generated again by a model of keypoints, and all of them given to another person.

Needs the extra [train]. The films are drawn here and their keypoints are known, so that nothing has to be set up. With
a film of your own, ``cospeech video keypoints clip.mp4 -o clip.json`` detects them, after ``cospeech video setup``. The
preset ``tiny`` trains for seconds and shows that everything works; it learns nothing.
"""

import numpy as np
from PIL import Image

import cospeech
from common import HELLO, out_folder
from cospeech.avatar.camera import frame_motion
from cospeech.avatar.film import render_video
from cospeech.avatar.frames import render_frames
from cospeech.motion.formats.keypoints import Keypoints
from cospeech.motion.points import POINTS, parents
from cospeech.speech.audio import write_wav
from cospeech.video.driving.landmarks import landmarks_of, project

SIZE = 128  # pixels

out = out_folder()
speech = cospeech.load_speech(HELLO).cut(end=6.0)
films = out / "films" / "ann"  # a folder of films has one folder for each speaker
films.mkdir(parents=True, exist_ok=True)


def keypoints(motion, camera):
    """Where a detector would find the drawn person."""
    points = project(landmarks_of(motion), camera, SIZE, SIZE)
    return Keypoints(POINTS, parents(POINTS), 30.0, points, {"size": [SIZE, SIZE]}, np.ones(points.shape[:2]))


motions = [cospeech.generate(speech, seed=seed) for seed in range(3)]
camera = frame_motion(motions[0], yaw=0.0)
for number, motion in enumerate(motions):
    keypoints(motion, camera).save(films / f"talk{number}.json")
    write_wav(films / f"talk{number}.wav", speech.samples)
clip = render_video(motions[0], out / "clip.mp4", speech=speech, size=SIZE, camera=camera)

# A model of keypoints: it keeps the tokens of a film's own keypoints round a span and generates those within it.
cospeech.prepare([("keypoints", out / "films")], out / "dataset")
small = ("alignment.depth=1", "generator.depth=1", "generator.speech_depth=1", "generator.residual=none")
run = cospeech.train(out / "dataset", out / "run", preset="tiny", modality="body", set=small)
model = cospeech.export(run, out / "model", dataset=out / "dataset")
points = films / "talk0.json"
edited = cospeech.edit(clip, out=out / "edited.mp4", span="1:2.5", model=model, points=points)
print("wrote", edited)

# The same in numbers: keypoints outside of the span are kept as they are.
new = cospeech.edit(points, speech=speech, span="1:2.5", model=model)
new.save(out / "edited.json")

# Identity transfer: the person of the film moves another one, here with the edited gestures.
picture = next(render_frames(motions[1][40:41], size=SIZE, camera=camera))
Image.fromarray(picture).save(out / "other.png")
keypoints(motions[1][40:41], camera).save(out / "other.json")
film = cospeech.animate(
    out / "other.png", speech, out / "transfer.mp4", motion=out / "edited.json", points=out / "other.json", size=SIZE
)
print("wrote", film)
