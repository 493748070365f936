"""Search a gesture library for gestures that go with a speech."""

from pathlib import Path

import cospeech
from common import HELLO, out_folder

out = out_folder()
models = Path(cospeech.__file__).parent / "models"
library = cospeech.open_library(models / "exges-base")  # generated gestures; it ships with the method exges
embedding = models / "retrieval"  # the model that the library's keys were made with

result = cospeech.search(HELLO, library=library, model=embedding, k=3)
for part in result.found:
    names = ", ".join(f"{hit.sample.id} ({hit.score:.2f})" for hit in part.hits)
    print(f"{part.start:5.2f}-{part.end:5.2f} s: {names}")
result.motion(result.best).save(out / "best.bvh")
