"""A portrait that speaks. The person is drawn here, and their points are known, so nothing has to be set up.

With a photograph, leave ``points`` out after ``cospeech video setup``, or give the JSON of your own detector.
"""

import numpy as np
from PIL import Image

import cospeech
from common import HELLO, out_folder
from cospeech.avatar.camera import frame_motion
from cospeech.avatar.frames import render_frames
from cospeech.motion.formats.keypoints import Keypoints
from cospeech.motion.points import POINTS, parents
from cospeech.video.driving.landmarks import landmarks_of, project

SIZE = 128  # pixels

out = out_folder()
speech = cospeech.load_speech(HELLO).cut(end=1.0)
motion = cospeech.generate(speech)

pose = motion[:1]
camera = frame_motion(motion, yaw=0.0)
picture = next(render_frames(pose, size=SIZE, camera=camera))
Image.fromarray(picture).save(out / "person.png")
points = project(landmarks_of(pose), camera, SIZE, SIZE)
found = Keypoints(POINTS, parents(POINTS), 30.0, points, {"size": [SIZE, SIZE]}, np.ones(points.shape[:2]))
found.save(out / "person.json")

film = cospeech.animate(out / "person.png", speech, out / "talk.mp4", points=out / "person.json", size=SIZE)
print("wrote", film)
print("\n".join(cospeech.verify(film).lines()))  # the marks that say that it is generated
