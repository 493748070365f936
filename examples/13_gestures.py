"""Gestures at words: those that a text calls for, those that somebody asks for, and marks in a text."""

from pathlib import Path

import cospeech
from common import HELLO, out_folder

out = out_folder()
talk = Path(__file__).with_name("talk.ogg")  # a minute of one speaker, with talk.txt beside it

motion = cospeech.generate(talk, transcript=talk.with_suffix(".txt"), gesture_density="rich")
for named in motion.extra["explain"]["gestures"]:
    print(f"{named['stroke']:6.2f} s  {named['gesture']:16} {named['word']}")
motion.save(out / "talk.html", speech=cospeech.load_speech(talk), level=1)

asked = [{"time": 1.2, "gesture": "wave", "side": "right"}, {"time": 5.0, "gesture": "point", "direction": "left up"}]
cospeech.generate(HELLO, gestures=asked).save(out / "asked.bvh")

marked = cospeech.markup.split("Hello [animation:wave] world!")
print(marked.text, [(mark.name, mark.word) for mark in marked.marks])
