"""Lip-sync of other projects beside ours: Rhubarb, TalkingHead and HeadAudio, from npm, under Node.

    npm install --prefix PEERS @met4citizen/talkinghead @met4citizen/headaudio rhubarb-lip-sync-wasm

``peers.mjs`` runs them; their timed visemes or mouth cues become phones, as those of a file do (``--lips``), and move
our mouth: what is compared is what they know of the speech, not how their avatars draw it. HeadAudio is live and hears
late; its README delays the sound for that, and here it is given the delay that suits it best.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cospeech.core.timing import SAMPLE_RATE
from cospeech.speech.audio import resample
from cospeech.speech.lip_track import load_lips
from cospeech.speech.phones.track import PhoneTrack
from cospeech.speech.speech import Speech

RUNNER = Path(__file__).with_name("peers.mjs")
LONGEST_RUN = 3600.0  # seconds that a peer may take


@dataclass(frozen=True)
class Peer:
    """How another project is asked.

    Args:
        package: in npm.
        label: as the table names it.
        rate: of the sound that it hears.
        delays: seconds by which the sound may come later, of which the best is taken.
    """

    package: str
    label: str
    rate: int = SAMPLE_RATE
    delays: tuple[float, ...] = (0.0,)


PEERS = {
    "rhubarb": Peer("rhubarb-lip-sync-wasm", "Rhubarb"),
    "rhubarb-text": Peer("rhubarb-lip-sync-wasm", "Rhubarb, with the text"),
    "talkinghead": Peer("@met4citizen/talkinghead", "TalkingHead, words with times"),
    "headaudio": Peer("@met4citizen/headaudio", "HeadAudio", 48_000, (0.0, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15)),
}
NEEDS_WORDS = ("talkinghead", "rhubarb-text")


def modules_of(folder: Path) -> Path:
    """The node_modules in a folder, or the folder itself."""
    return folder / "node_modules" if (folder / "node_modules").is_dir() else folder


def is_installed(name: str, folder: Path) -> bool:
    return (modules_of(folder) / PEERS[name].package).is_dir()


def run_peer(name: str, speeches: Sequence[Speech], folder: Path) -> tuple[list[dict[str, Any]], float]:
    """Documents with timed visemes or mouth cues, and seconds of CPU a second of sound.

    Raises:
        RuntimeError: Node or the package failed; with its last words.
    """
    peer = PEERS[name]
    with tempfile.TemporaryDirectory() as temporary:
        job = []
        for index, speech in enumerate(speeches):
            samples = speech.resampled().samples
            if peer.rate != SAMPLE_RATE:
                samples = resample(samples, rate=SAMPLE_RATE, sample_rate=peer.rate)
            path = Path(temporary) / f"{index}.f32"
            path.write_bytes(np.asarray(samples, "<f4").tobytes())
            words = [{"text": word.text, "start": word.start, "end": word.end} for word in speech.words]
            job.append({"sound": str(path), "words": words})
        done = subprocess.run(
            ["node", str(RUNNER), str(modules_of(folder)), name],
            input=json.dumps({"recordings": job}),
            capture_output=True,
            text=True,
            timeout=LONGEST_RUN,
        )
    if done.returncode or "[{" not in done.stdout:
        said = done.stderr.strip().splitlines() or ["no answer"]
        raise RuntimeError(next((line.strip() for line in said if "Error" in line), said[-1])[:200])
    answers = json.loads(done.stdout[done.stdout.index("[{") :])  # the package may print before
    seconds = sum(speech.seconds for speech in speeches)
    return answers, sum(answer["cpu"] for answer in answers) / seconds


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def track_of(document: dict[str, Any], seconds: float, *, earlier: float = 0.0) -> PhoneTrack:
    """The phones of such a document, so many seconds earlier than it says."""
    moved = {
        key: [
            {**one, "start": max(0.0, one["start"] - earlier), "end": max(0.0, one["end"] - earlier)}
            for one in document[key]
        ]
        for key in ("visemes", "mouthCues")
        if key in document
    }
    path = Path(_scratch().name) / "track.json"
    path.write_text(json.dumps(moved))
    return load_lips(path).phone_track(seconds)
