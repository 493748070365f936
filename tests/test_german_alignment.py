"""Plain German text: how it is read and pronounced, told from English, and found in sound."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from cospeech.speech import forced_alignment, load_speech
from cospeech.speech.forced_alignment import align, find_words
from cospeech.speech.g2p_german import german_number, german_pronunciations, pronounce_german, spoken_german
from cospeech.speech.languages import language_of
from cospeech.speech.phones.inventory import PHONES
from cospeech.speech.phones.of_words import lip_phones_in_words, phones_in_words

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import espeak  # noqa: E402

needs_espeak = pytest.mark.skipif(not espeak.is_installed(), reason="espeak-ng is not installed")
TEXT = "Guten Morgen, ich heiße Anna. Schau, die große Tür ist zu! Wir brauchen 42 Äpfel, aber nicht heute."


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("Straße", "SH T R AA S AH"),
        ("sprechen", "SH P R EH SH AH N"),
        ("verstehen", "F EH R SH T EY AH N"),
        ("Nacht", "N AA HH T"),
        ("gemacht", "G AH M AA HH T"),
        ("geben", "G EY B AH N"),
        ("Beispiel", "B AY S P IY L"),
        ("Freund", "F R OY N T"),
        ("zwei", "T S V AY"),
        ("gut", "G UW T"),
        ("Füße", "F IY S AH"),
        ("sechs", "Z EH K S"),
        ("ruhig", "R UW IH SH"),
        ("Bäckerei", "B EH K EH R AY"),
        ("Quelle", "K V EH L AH"),
        ("GmbH", "G EY EH M B EY HH AA"),
    ],
)
def test_pronunciation(word, phones):
    assert " ".join(pronounce_german(word)) == phones


def test_what_may_be_heard():
    assert german_pronunciations("Tür") == (("T", "IY", "R"), ("T", "UW"))
    assert german_pronunciations("ich")[1] == ("IH", "HH")
    assert pronounce_german("'") == ()
    for word in "Xylophon Ypsilon Übermut Öl Ähre Gerüst Chef Pfütze Psyche jäh Rhythmus".split():
        for way in german_pronunciations(word):
            assert way, word
            assert set(way) <= set(PHONES), word


def test_numbers():
    assert german_number(0) == ["null"]
    assert german_number(21) == ["einundzwanzig"]
    assert german_number(117) == ["einhundertsiebzehn"]
    assert german_number(3_001_016) == ["drei", "millionen", "eintausendsechzehn"]
    assert german_number(1_000_001) == ["eine", "million", "eins"]
    assert spoken_german("1.205") == ["eintausendzweihundertfünf"]
    assert spoken_german("2024") == ["zweitausendvierundzwanzig"]
    assert spoken_german("1800") == ["achtzehnhundert"]
    assert spoken_german("3,50€") == ["drei", "komma", "fünfzig", "euro"]
    assert spoken_german("„Café“-Besuch") == ["cafe", "besuch"]
    assert spoken_german("GRÖSSE A\u0308pfel") == ["grösse", "äpfel"]
    assert spoken_german("我") == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Das ist nicht der Weg.", "de"),
        ("This is not the way.", "en"),
        ("Ich will das Team, das die App am besten kennt.", "de"),
        ("Die hard in this man's war", "en"),
        ("Wir müssen in the office sein, denn es ist wichtig.", "de"),
        ("Schöne Grüße", "de"),
        ("The Müller family and the Schäfers", "en"),
        ("Bonjour tout le monde", "en"),
        ("", "en"),
    ],
)
def test_languages(text, language):
    assert language_of(text) == language
    assert language_of(text.split()) == language


@needs_espeak
@pytest.mark.parametrize("voice", ["de", "de+f2"])
def test_words_are_found(voice, monkeypatch):
    notes: list[str] = []
    monkeypatch.setattr(forced_alignment, "note", notes.append)
    speech = espeak.say(TEXT, voice=voice).speech
    words = align(speech, text=TEXT)
    assert [word.text for word in words] == TEXT.split()
    assert not notes
    errors = np.abs([a.start - b.start for a, b in zip(words, speech.words, strict=True)])
    assert np.median(errors) < 0.05
    assert np.mean(errors < 0.2) > 0.9
    phones = phones_in_words(speech.samples, words)
    assert len(phones) > 40
    assert lip_phones_in_words(speech.samples, words) == ()  # for lips the network is better


@needs_espeak
def test_another_text_is_refused():
    speech = espeak.say(TEXT, voice="de+f2").speech
    other = "Meine Schwester wohnt seit Jahren in einem kleinen Dorf, und dort spielt sie jeden Abend auf der Geige."
    assert find_words(speech, text=other) is None
    assert find_words(load_speech(ROOT / "examples" / "hello.wav"), text=f"{other} {other}") is None


@needs_espeak
def test_an_english_text_is_refused_for_german_speech():
    speech = espeak.say(TEXT, voice="de").speech
    text = "You know that the weather in this town is never good, and we all have to go"
    assert find_words(speech, text=text) is None
