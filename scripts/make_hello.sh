#!/bin/sh
# Makes examples/hello.wav from examples/hello.txt: 16 kHz mono, three lines in three moods.
#
# Voice: "slt" of flite 2.2 (Carnegie Mellon University, a free licence in the manner of BSD), which
# Debian has as the package flite: apt-get install flite.
# Run from anywhere; needs python with cospeech installed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
parts=$(mktemp -d)
trap 'rm -r "$parts"' EXIT

# line  pitch in Hz  its deviation  length of sounds
say() {
    sed -n "$1p" "$root/examples/hello.txt" | sed 's/cospeech/co-speech/' > "$parts/$1.txt"
    flite -voice slt --setf int_f0_target_mean="$2" --setf int_f0_target_stddev="$3" \
        --setf duration_stretch="$4" -f "$parts/$1.txt" -o "$parts/$1.wav"
}
say 1 185 28 0.95 # friendly
say 2 228 45 0.88 # excited
say 3 165 18 1.08 # calm

PYTHONPATH="$root/src" "${PYTHON:-python3}" - "$parts" "$root/examples/hello.wav" << 'END'
import sys

import numpy as np

from cospeech.speech.audio import decode, write_wav


def quiet(seconds):
    return np.zeros(round(seconds * 16000), np.float32)


def trimmed(path):
    """Without the silence at both ends, at an equal loudness."""
    samples = decode(path)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    samples = samples[loud[0] : loud[-1] + 1]
    return samples / np.sqrt(np.mean(samples**2))


one, two, three = (trimmed(f"{sys.argv[1]}/{line}.wav") for line in (1, 2, 3))
voice = np.concatenate(
    [quiet(0.3), one, quiet(0.9), 1.15 * two, quiet(0.6), 0.75 * three, quiet(0.5)]
)
write_wav(sys.argv[2], 0.8 * voice / np.max(np.abs(voice)))
END
