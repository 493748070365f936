"""How well plain German text is aligned: one JSON object.

    python benchmarks/bench_german.py [--voices de,de+f2,de+m3] [--sentences 4]

Sentences of benchmarks/gesture_sentences.json are spoken by espeak-ng (formant synthesis), four at a time, so the
times of the words are known. Figures of each voice: share of texts found, median and 90th percentile of the error of
word starts in seconds, share within 0.2 s, and share of texts of other recordings, as long, that are refused. The
English ones, spoken by its American voice, stand beside it. For lips the probability of the right mouth shape where
one speaks: by the phones of the German words, and as the phone network hears it, which lips use.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from cospeech.core.errors import UserError
from cospeech.speech.forced_alignment import find_words
from cospeech.speech.languages import language_of
from cospeech.speech.phones.inventory import SILENCE, VISEME_INDEX, VISEMES, phones_of_ipa
from cospeech.speech.phones.of_words import phones_in_words
from cospeech.speech.phones.recognise import recognise
from cospeech.speech.phones.track import Phone, rasterised
from espeak import Spoken, say

SENTENCES = Path(__file__).parent / "gesture_sentences.json"


def sentences(language: str) -> list[str]:
    found = json.loads(SENTENCES.read_text(encoding="utf-8"))
    return [entry["text"] for part in ("triggers", "plain") for entry in found[part] if entry["language"] == language]


def right_shape(spoken: Spoken, probabilities: np.ndarray) -> float:
    """Mean probability of the true mouth shape where one speaks."""
    truth = []
    for name, start, end in spoken.phones:
        names = phones_of_ipa(name)
        step = (end - start) / max(1, len(names))
        truth += [Phone(one, start + k * step, start + (k + 1) * step) for k, one in enumerate(names)]
    shapes = np.eye(len(VISEMES))[list(VISEME_INDEX)]
    true = rasterised(truth, spoken.speech.seconds) @ shapes
    alike = (probabilities @ shapes)[: len(true)] * true
    return float(alike.sum(axis=1)[true[:, VISEMES.index(SILENCE.lower())] < 0.5].mean())


def refused(spoken: Spoken, text: str) -> bool:
    try:
        return find_words(spoken.speech, text=text) is None
    except UserError:
        return True


def measured(voice: str, language: str, size: int) -> dict[str, Any]:
    texts = sentences(language)
    groups = [" ".join(texts[k : k + size]) for k in range(0, len(texts) - size + 1, size)]
    errors: list[float] = []
    found, others, by_words, by_network = [], [], [], []
    for index, text in enumerate(groups):
        spoken = say(text, voice=voice)
        words = find_words(spoken.speech, text=text)
        found.append(words is not None)
        others.append(refused(spoken, groups[(index + len(groups) // 2) % len(groups)]))
        if words is None:
            continue
        true = {word.text: word for word in spoken.speech.words}  # of a word that is there twice neither is compared
        once = [word for word in words if text.split().count(word.text) == 1 and word.text in true]
        errors += [abs(word.start - true[word.text].start) for word in once]
        if language == "de":
            phones = phones_in_words(spoken.speech.samples, words)
            by_words.append(right_shape(spoken, rasterised(phones, spoken.speech.seconds)))
            track = recognise(spoken.speech.samples, recogniser="network")
            by_network.append(right_shape(spoken, track.probabilities))
    result: dict[str, Any] = {
        "texts": len(groups),
        "found": round(float(np.mean(found)), 3),
        "median": round(float(np.median(errors)), 4),
        "percentile_90": round(float(np.quantile(errors, 0.9)), 4),
        "within_200_ms": round(float(np.mean(np.array(errors) < 0.2)), 4),
        "others_refused": round(float(np.mean(others)), 3),
    }
    if by_words:
        result["lips"] = {"words": round(float(np.mean(by_words)), 3), "network": round(float(np.mean(by_network)), 3)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--voices", default="de,de+f2,de+m3")
    parser.add_argument("--sentences", type=int, default=4, help="said at once")
    options = parser.parse_args()
    german = sentences("de")
    result = {
        "benchmark": "german",
        "recognised": round(float(np.mean([language_of(text) == "de" for text in german])), 3),
        "english_recognised": round(float(np.mean([language_of(text) == "en" for text in sentences("en")])), 3),
        "german": {voice: measured(voice, "de", options.sentences) for voice in options.voices.split(",")},
        "english": {"en-us": measured("en-us", "en", options.sentences)},
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
