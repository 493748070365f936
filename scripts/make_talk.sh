#!/bin/sh
# Makes examples/talk.ogg from examples/talk.txt: a minute, 16 kHz mono, with a pause after every line.
#
# Voice: "slt" of flite 2.2 (Carnegie Mellon University, a free licence in the manner of BSD), which
# Debian has as the package flite: apt-get install flite.
# Run from anywhere; needs python with cospeech installed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
parts=$(mktemp -d)
trap 'rm -r "$parts"' EXIT

n=0
while IFS= read -r line; do
    n=$((n + 1))
    printf '%s\n' "$line" > "$parts/$n.txt"
    flite -voice slt --setf int_f0_target_mean=190 --setf int_f0_target_stddev=34 --setf duration_stretch=0.98 \
        -f "$parts/$n.txt" -o "$parts/$n.wav"
done < "$root/examples/talk.txt"

PYTHONPATH="$root/src" "${PYTHON:-python3}" - "$parts" "$root/examples/talk.ogg" << 'END'
import sys
from pathlib import Path

import numpy as np
import soundfile

from cospeech.speech.audio import decode

folder, target = Path(sys.argv[1]), sys.argv[2]
pieces = [np.zeros(6400, np.float32)]
for number in range(1, len(list(folder.glob("*.wav"))) + 1):
    pieces += [decode(folder / f"{number}.wav"), np.zeros(8000, np.float32)]
samples = np.concatenate(pieces)
soundfile.write(target, 0.8 * samples / np.abs(samples).max(), 16000, format="OGG", subtype="VORBIS")
END
