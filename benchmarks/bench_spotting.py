"""How well phrases that trigger gestures are spotted without words: one JSON object.

    python benchmarks/bench_spotting.py SPEECH [--voices en-us,en,de,de+f2] [--sentences FILE] [--calibrate]

SPEECH is a folder of real speech with manifest.csv (file, language, transcript). It needs espeak-ng and the extra
[phones]. Given are false triggers a minute: of English phrases in real speech that does not have them, by its
transcripts; of German ones in plain German sentences spoken by espeak-ng, since no real German speech is at hand, and
in the English speech. Beside them the share of the sentences of FILE whose wanted class is spotted, and the share
of those that have a phrase of ``spotted.json`` which are; and how far the stroke's time is from the middle of the word.

Each phrase has a threshold above the best that it reaches where it is not said, and all have one in common. False
triggers are counted in each quarter of the plain speech by the thresholds that the other three give. ``--calibrate``
writes ``spotted.json``: the common threshold with which there is one false trigger a minute, and those of the phrases
by all of the plain speech.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cospeech.speech import load_speech
from cospeech.speech.cues import spotting
from cospeech.speech.cues.spotting import SpottedPhrase, spottable, spotted_in
from cospeech.speech.phones.hama import phone_probabilities
from cospeech.speech.phones.network import hear_phones
from cospeech.speech.word import Word
from espeak import say

FOLDER = Path(__file__).parent
PLAIN = FOLDER / "plain_german.txt"
VOICES = ("de", "de+f2", "de+m3", "de+f4", "de+m7")  # of the plain sentences
LOWEST = -4.0  # score below the thresholds down to which is looked when they are chosen
RATE = 1.0  # false triggers a minute
FOLDS = 4  # parts of the plain speech, each judged by thresholds of the others


@dataclass(frozen=True)
class Heard:
    """A recording as it is heard, and what is said in it."""

    text: str
    minutes: float
    pieces: Any
    steps: Any
    words: tuple[Word, ...] = ()

    @classmethod
    def of(cls, samples: np.ndarray, text: str, words: tuple[Word, ...] = ()) -> Heard:
        steps = hear_phones(samples, look_ahead=spotting.LOOK_AHEAD)
        return cls(text, len(samples) / 16000 / 60, phone_probabilities(samples), steps, words)

    def spotted(self, language: str, least: float = 0.0) -> list[SpottedPhrase]:
        return spotted_in(self.pieces, self.steps, language, least=least)

    def says(self, phrase: str) -> bool:
        wanted, said = spelled(phrase), spelled(self.text)
        return any(said[k : k + len(wanted)] == wanted for k in range(len(said) - len(wanted) + 1))


def spelled(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower().replace("’", "'"))


def real_speech(folder: Path) -> list[Heard]:
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["transcript"] and row["language"] == "en"]
    return [Heard.of(load_speech(folder / row["file"]).samples, row["transcript"]) for row in rows]


def plain_german() -> list[Heard]:
    texts = PLAIN.read_text(encoding="utf-8").splitlines()
    said = [(text, voice) for text in texts for voice in VOICES]
    return [Heard.of(say(text, voice=voice).speech.samples, text) for text, voice in said]


def sentences(path: Path, kind: str, language: str, voice: str) -> list[tuple[dict[str, Any], Heard]]:
    entries = [one for one in json.loads(path.read_text(encoding="utf-8"))[kind] if one["language"] == language]
    spoken = [(one, say(one["text"], voice=voice).speech) for one in entries]
    return [(one, Heard.of(speech.samples, one["text"], speech.words)) for one, speech in spoken]


def false_rate(parts: Iterable[Heard], language: str) -> float:
    parts = list(parts)
    wrong = sum(not part.says(one.phrase) for part in parts for one in part.spotted(language))
    return round(wrong / sum(part.minutes for part in parts), 2)


def is_wanted(meaning: str, entry: dict[str, Any]) -> bool:
    """Whether a meaning is a wanted one or part of it ("doubt.unknown" of "doubt")."""
    return any(meaning == wanted or meaning.startswith(f"{wanted}.") for wanted in entry["wanted"])


def spotted_share(entries: list[tuple[dict[str, Any], Heard]], language: str) -> dict[str, float]:
    """Shares of sentences whose wanted class is spotted, wrong ones, and errors of time."""
    meanings = spottable(language)
    found, possible, wrong, errors = [], [], 0, []
    for entry, heard in entries:
        right = [one for one in heard.spotted(language) if is_wanted(one.meaning, entry)]
        wrong += len(heard.spotted(language)) - len(right)
        found.append(bool(right))
        possible.append(any(heard.says(phrase) and is_wanted(meanings[phrase], entry) for phrase in meanings))
        for one in right:
            said = [word for word in heard.words if spelled(word.text)[:1] == spelled(one.phrase)[-1:]]
            errors += [min(abs(one.time - 0.5 * (word.start + word.end)) for word in said)] if said else []
    return {
        "found": round(float(np.mean(found)), 3),
        "spottable": round(float(np.mean(possible)), 3),
        "found_of_spottable": round(float(np.mean(np.array(found)[np.array(possible)])), 3),
        "others_spotted": round(wrong / len(entries), 3),
        "time_median": round(float(np.median(errors)), 3),
    }


Findings = list[tuple[str, float]]  # phrases that are not said, each with its score without thresholds


def wrong_findings(part: Heard, language: str) -> Findings:
    """What is found in a recording that does not say it, however unsure."""
    phrases = spotting.table_of(language)[1]
    least = {phrase.text: phrase.least for phrase in phrases}
    lowest = LOWEST - max(least.values())
    return [
        (one.phrase, one.score + least[one.phrase])
        for one in part.spotted(language, lowest)
        if not part.says(one.phrase)
    ]


def tops_of(findings: Iterable[Findings]) -> dict[str, float]:
    """The best score that each phrase reaches where it is not said."""
    best: dict[str, float] = {}
    for phrase, score in (one for part in findings for one in part):
        best[phrase] = max(best.get(phrase, LOWEST), score + 0.01)
    return best


def unseen(groups: list[Findings], others: list[Findings]) -> list[float]:
    """Scores of wrong findings above those that their phrases reach in the other three quarters and in ``others``."""
    scores = []
    for fold in range(FOLDS):
        best = tops_of([*others, *(group for k, group in enumerate(groups) if k % FOLDS != fold)])
        for group in groups[fold::FOLDS]:
            scores += [score for phrase, score in group if score >= best.get(phrase, LOWEST)]
    return sorted(scores, reverse=True)


def calibrate(language: str, groups: list[Findings], others: list[Findings], minutes: float) -> None:
    """Write thresholds of the phrases of a language."""
    content = json.loads(spotting.FILE.read_text(encoding="utf-8"))
    wrong, allowed = unseen(groups, others), int(RATE * minutes)
    least = round(wrong[allowed] + 0.01 if len(wrong) > allowed else LOWEST, 2)
    best = tops_of([*groups, *others])
    content[language]["least"] = least
    for phrase, entry in content[language]["phrases"].items():
        entry[2] = round(float(max(least, best.get(phrase, LOWEST))), 2)
    parts = []
    for code, one in content.items():
        lines = [f"   {json.dumps(k, ensure_ascii=False)}: {json.dumps(v)}" for k, v in one["phrases"].items()]
        head = f' "{code}": {{\n  "weights": {json.dumps(one["weights"])},\n  "least": {one.get("least", 0.0)},\n'
        parts.append(head + '  "phrases": {\n' + ",\n".join(lines) + "\n  }\n }")
    spotting.FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    spotting.table_of.cache_clear()


def rate(language: str, groups: list[Findings], others: list[Findings], minutes: float) -> float:
    """False triggers a minute, each quarter by the thresholds that the other three give."""
    least = json.loads(spotting.FILE.read_text(encoding="utf-8"))[language]["least"]
    return round(sum(score >= least for score in unseen(groups, others)) / minutes, 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("speech", type=Path)
    parser.add_argument("--voices", default="en-us,en,de,de+f2")
    parser.add_argument("--sentences", type=Path, default=FOLDER / "gesture_sentences.json")
    parser.add_argument("--calibrate", action="store_true")
    options = parser.parse_args()
    english, german = real_speech(options.speech), plain_german()
    wrong = {"en": [wrong_findings(part, "en") for part in english]}
    parts = [wrong_findings(part, "de") for part in german]
    # A text in all voices is one group, so that it is not in two quarters.
    wrong["de"] = [
        [one for part in parts[k : k + len(VOICES)] for one in part] for k in range(0, len(parts), len(VOICES))
    ]
    others = {"en": [], "de": [wrong_findings(part, "de") for part in english]}
    minutes = {"en": sum(part.minutes for part in english), "de": sum(part.minutes for part in german)}
    for language in ("en", "de") if options.calibrate else ():
        calibrate(language, wrong[language], others[language], minutes[language])
    result: dict[str, Any] = {
        "benchmark": "spotting",
        "phrases": {language: len(spottable(language)) for language in wrong},
        "false_a_minute": {one: rate(one, wrong[one], others[one], minutes[one]) for one in wrong},
        "minutes": {language: round(length, 1) for language, length in minutes.items()},
        "voices": {},
    }
    for voice in options.voices.split(","):
        language = voice[:2]
        figures: dict[str, Any] = spotted_share(sentences(options.sentences, "triggers", language, voice), language)
        plain = [heard for _, heard in sentences(options.sentences, "plain", language, voice)]
        result["voices"][voice] = {**figures, "plain_false_a_minute": false_rate(plain, language)}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
