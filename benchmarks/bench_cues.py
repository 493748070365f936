"""Gestures at the words of sentences, spoken by espeak-ng: one JSON object.

    python benchmarks/bench_cues.py [--sentences FILE] [--show]

For sentences with one meaning that asks for a gesture (``gesture_sentences.json``) and plain ones: the share that get
one of the class that is wanted, at "rich"; that get one that contradicts it; plain ones that get any, at "normal" and
at "rich"; and how far the time of a cue is from the middle of the stressed vowel of its word, which espeak-ng states.
A class is the wanted one or part of it ("doubt.unknown" of "doubt"). Words and their times are given. ``--show`` lists
what fell short.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import espeak
from cospeech.speech.cues.choosing import choose_cues
from cospeech.speech.cues.cue import GestureCue
from cospeech.speech.cues.matching import find_triggers
from cospeech.speech.cues.triggers import triggers_of
from cospeech.speech.word import Word
from spoken_stress import stress_times

SENTENCES = Path(__file__).with_name("gesture_sentences.json")
VOICES = {"en": "en-us", "de": "de"}


@dataclass(frozen=True)
class Sentence:
    """A sentence that was spoken: its words, the middle of the stressed vowel of each, and its length in seconds."""

    words: tuple[Word, ...]
    stress: tuple[float, ...]
    seconds: float


@cache
def spoken(text: str, language: str) -> Sentence:
    said = espeak.say(text, voice=VOICES[language])
    return Sentence(said.speech.words, stress_times(said, text, voice=VOICES[language]), said.speech.seconds)


def cues_of(sentence: Sentence, language: str | None, density: str) -> list[GestureCue]:
    return choose_cues(find_triggers(sentence.words, language=language), density=density, seconds=sentence.seconds)


def is_wanted(meaning: str, wanted: Sequence[str]) -> bool:
    return any(meaning == name or meaning.startswith(name + ".") for name in wanted)


def late(cue: GestureCue, sentence: Sentence) -> float:
    """Seconds from the middle of the stressed vowel of the cue's word to the cue."""
    places = [k for k, word in enumerate(sentence.words) if word.start <= cue.time <= word.end]
    place = min(places, key=lambda k: abs(sentence.stress[k] - cue.time)) if places else 0
    return cue.time - sentence.stress[place]


def contradicts(cue: GestureCue, wanted: Sequence[str], language: str) -> bool:
    return any(triggers_of(language).contradict(cue.meaning, name) for name in wanted)


def measured(content: dict, show: bool) -> dict[str, object]:
    hits: dict[str, list[bool]] = {language: [] for language in VOICES}
    against, others, errors, at_word, recognised = [], [], [], [], []
    for row in content["triggers"]:
        sentence = spoken(row["text"], row["language"])
        cues = cues_of(sentence, row["language"], "rich")
        right = [cue for cue in cues if is_wanted(cue.meaning, row["wanted"])]
        hits[row["language"]].append(bool(right))
        against.append(any(contradicts(cue, row["wanted"], row["language"]) for cue in cues))
        others.append(len(cues) - len(right))
        errors += [late(cue, sentence) for cue in cues]
        places = [k for k, word in enumerate(sentence.words) if row["word"] in word.text]
        if right and places:
            at_word.append(min(abs(cue.time - sentence.stress[k]) for cue in right for k in places))
        recognised.append(cues_of(sentence, None, "rich") == cues)
        if show and (not right or against[-1] or len(cues) > len(right)):
            found = [(cue.meaning, cue.gesture, cue.word) for cue in cues]
            print("miss " if not right else "other", row["wanted"], row["text"], found)
    plain: dict[str, list[int]] = {"normal": [], "rich": []}
    for row in content["plain"]:
        sentence = spoken(row["text"], row["language"])
        for density, counts in plain.items():
            cues = cues_of(sentence, row["language"], density)
            counts.append(len(cues))
            if show and cues:
                print("plain", density, row["text"], [(cue.meaning, cue.word) for cue in cues])
    away = np.abs(errors)
    return {
        "sentences": len(against),
        "plain_sentences": len(content["plain"]),
        "wanted_class": round(float(np.mean([hit for rows in hits.values() for hit in rows])), 3),
        "wanted_class_by_language": {name: round(float(np.mean(rows)), 3) for name, rows in hits.items()},
        "contradictions": round(float(np.mean(against)), 4),
        "other_cues_a_sentence": round(float(np.mean(others)), 2),
        "language_recognised": round(float(np.mean(recognised)), 3),
        "plain_with_gesture": {density: int(np.count_nonzero(counts)) for density, counts in plain.items()},
        "timing_s": {
            "median": round(float(np.median(away)), 3),
            "p90": round(float(np.percentile(away, 90)), 3),
            "of_the_wanted_word_median": round(float(np.median(at_word)), 3),
            "of_the_wanted_word_p90": round(float(np.percentile(at_word, 90)), 3),
        },
    }


def cost(content: dict) -> dict[str, float]:
    """Milliseconds for a minute of words, the tables read and not read."""
    words: list[Word] = []
    offset = 0.0
    for row in content["triggers"]:
        one = spoken(row["text"], row["language"])
        words += [Word(word.text, word.start + offset, word.end + offset) for word in one.words]
        offset += one.seconds
    triggers_of.cache_clear()
    begin = time.perf_counter()
    triggers_of("en"), triggers_of("de")
    read = time.perf_counter() - begin
    begin = time.perf_counter()
    choose_cues(find_triggers(words, language="en"), density="rich")
    found = time.perf_counter() - begin
    return {"read_ms": round(read * 1e3, 1), "minute_ms": round(found * 1e3 * 60 / offset, 2)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sentences", type=Path, default=SENTENCES)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    if not espeak.is_installed():
        print(json.dumps({"benchmark": "cues", "skipped": "espeak-ng is not installed"}, indent=1))
        return
    content = json.loads(options.sentences.read_text(encoding="utf-8"))
    result = {"benchmark": "cues", **measured(content, options.show), "cost": cost(content)}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
