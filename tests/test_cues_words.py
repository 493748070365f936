"""From words to triggers: patterns, negation, idioms, stress, languages, files of users."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cospeech.core.errors import UserError
from cospeech.speech.cues.matching import find_triggers
from cospeech.speech.cues.patterns import parse_pattern, plain_word
from cospeech.speech.cues.stress import stress_time
from cospeech.speech.cues.triggers import LANGUAGES, load_triggers, triggers_of
from cospeech.speech.languages import language_of
from cospeech.speech.phones.track import Phone
from cospeech.speech.word import Word


def said(text: str, *, step: float = 0.4) -> list[Word]:
    """Words of a text, each 0.35 s long."""
    return [Word(word, step * k, step * k + 0.35) for k, word in enumerate(text.split())]


def meanings(text: str, language: str | None = None) -> set[str]:
    return {trigger.meaning for trigger in find_triggers(said(text), language=language)}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("The whale was enormous.", "size.large"),
        ("He lives over there.", "deixis.there"),
        ("Thank you for the ride.", "thanks"),
        ("We walked from Rome to Naples.", "from_to"),
        ("Where is my coat?", "question"),
        ("I have no idea.", "doubt.unknown"),
        ("Turn right at the bakery.", "direction.right"),
        ("Nuts, bolts, and so on.", "roll"),
        ("Der Wal war riesig.", "size.large"),
        ("Er wohnt dort drüben.", "deixis.there"),
        ("Vielen Dank fürs Mitnehmen.", "thanks"),
        ("Wo ist mein Mantel?", "question"),
        ("Keine Ahnung.", "doubt.unknown"),
        ("Biegen Sie an der Ecke rechts ab.", "direction.right"),
        ("GROSSE Häuser.", "size.large"),
    ],
)
def test_phrases_have_their_meaning(text, meaning):
    assert meaning in meanings(text)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("It is not big.", "size.large"),
        ("It isn't a very big problem.", "size.large"),
        ("Nobody is tall here.", "size.tall"),
        ("Das Haus ist nicht groß.", "size.large"),
        ("Das ist kein großes Haus.", "size.large"),
        ("Die Preise steigen nicht.", "rise"),
    ],
)
def test_what_is_denied_is_not_shown(text, meaning):
    assert meaning not in meanings(text)


def test_a_denial_is_seen_itself_and_ends_with_its_clause():
    assert "negation" in meanings("It is not big.")
    assert "size.large" in meanings("It is not cheap, but it is huge.")
    assert "size.large" in meanings("It was not only huge.")
    assert "negation" in meanings("I don't agree with you.")  # turned, not dropped
    assert "agreement" not in meanings("I don't agree with you.")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("I left the house.", "direction.left"),
        ("You are right about that.", "direction.right"),
        ("It is no big deal.", "size.large"),
        ("He makes small talk.", "size.small"),
        ("At first hand we saw it.", "one_hand"),
        ("I see.", "object.look"),
        ("On the other hand it rains.", "one_hand"),
        ("Then they fell in love.", "fall"),
        ("She grew up in Wales.", "rise"),
        ("What a day.", "question"),
        ("Er steigt aus dem Bus.", "rise"),
        ("Das gefällt mir gut.", "fall"),
        ("Guten Morgen, Herr Maier.", "time.future"),
        ("Er ist mir nicht recht.", "direction.right"),
    ],
)
def test_idioms_and_other_uses_mean_nothing(text, meaning):
    assert meaning not in meanings(text)


def test_the_longer_phrase_counts():
    assert "other_hand" in meanings("On the other hand it costs time.")
    assert meanings("I'm not sure.") == {"doubt"}  # neither a denial nor an agreement


def test_a_phrase_stays_in_its_sentence():
    words = [*said("It was so"), Word("Long", 5.0, 5.4), Word("roads", 5.4, 5.8)]
    found = find_triggers([*said("We went up."), *[Word(w.text, w.start + 9, w.end + 9) for w in said("There he is.")]])
    assert all(trigger.last < 3 or trigger.first >= 3 for trigger in found)
    assert find_triggers(words, language="en")[-1].phrase_end == pytest.approx(5.8)


def test_the_stroke_falls_on_the_stressed_syllable():
    (trigger,) = (t for t in find_triggers([Word("together", 1.0, 1.6)], language="en") if t.meaning == "together")
    assert 1.2 < trigger.time < 1.4  # toGETHer, not TOgether
    (trigger,) = (t for t in find_triggers([Word("riesig", 1.0, 1.6)], language="de") if t.meaning == "size.large")
    assert trigger.time < 1.3


def test_phones_place_the_stress_more_exactly():
    word = Word("together", 1.0, 1.6)
    names = "T AH G EH DH ER".split()
    phones = [Phone(name, 1.0 + 0.05 * k, 1.05 + 0.05 * k) for k, name in enumerate(names)]  # spoken early in its span
    assert stress_time(word, at=2, phones=phones) == pytest.approx(1.175)
    assert stress_time(word, at=2) == pytest.approx(1.3, abs=0.06)


@pytest.mark.parametrize("text", ["mmm", "42", "...", "ß", ""])
def test_any_word_has_a_time_within_it(text):
    assert 1.0 <= stress_time(Word(text, 1.0, 1.5)) <= 1.5


def test_the_language_is_recognised_and_may_be_given():
    assert language_of("das ist ein Haus".split()) == "de"
    assert language_of("this is a house".split()) == "en"
    assert "size.large" in meanings("Das ist ein riesiges Haus.")
    assert "size.large" not in meanings("Das ist ein riesiges Haus.", "en")
    with pytest.raises(UserError, match=r"no triggers for the language 'fr'; known: en, de"):
        find_triggers(said("bonjour"), language="fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_data_are_whole(language):
    table = triggers_of(language)
    carried = {phrase.meaning for phrase in table.phrases}
    assert carried - {""} == set(table.meanings)
    for meaning in table.meanings.values():
        assert not set(meaning.against) - set(table.meanings)
        assert meaning.name not in meaning.against
    assert table.contradict("direction.up", "direction.down")
    assert table.contradict("agreement", "negation")
    assert not table.contradict("greeting", "size.large")


def test_no_words_no_triggers():
    assert find_triggers([]) == []
    assert find_triggers([Word("--", 0.0, 0.1)]) == []


@pytest.mark.parametrize(
    ("pattern", "takes", "leaves"),
    [
        ("enorm*", "enormous", "norm"),
        ("*hoch", "haushoch", "hochhaus"),
        ("walk(s|ed|ing)", "walked", "walker"),
        ("a|b", "b", "ab"),
        ("really? big", "big", "really"),
        ("from ... to", "from here and there to", "from one two three four to"),
        ("look at *", "look at him", "look at"),
        ("@much big", "very big", "big"),
        ("no,", "no, wait", "no wait"),
        ("< why", "why now", "that is why"),
        ("done >", "we are done.", "done with it"),
        ("why ?", "why now?", "why now."),
        ("groß", "GROSS", "größe"),
    ],
)
def test_what_a_pattern_takes(tmp_path, pattern, takes, leaves):
    file = tmp_path / "own.json"
    content = {
        "language": "xx",
        "lists": {"much": ["very", "so"]},
        "meanings": {"mine": {"gestures": ["wave"]}},
        "phrases": {"mine": [pattern]},
    }
    file.write_text(json.dumps(content), encoding="utf-8")
    table = load_triggers(file)
    assert find_triggers(said(takes), triggers=table)
    assert not find_triggers(said(leaves), triggers=table)


def test_the_main_word_is_marked_or_the_longest():
    assert parse_pattern("ˈthank you", {}).main == 0
    assert parse_pattern("a touch of", {}).main == 1
    assert plain_word("„Wärm’s!“") == "wärm's"


def test_a_file_extends_its_language(tmp_path):
    file = tmp_path / "own.json"
    content = {
        "language": "en",
        "meanings": {"robot": {"gestures": ["robot dance"], "strength": 0.9}, "size.large": {"gestures": ["wide"]}},
        "phrases": {
            "robot": ["do the robot"],
            "size.large": {"phrases": ["ginormous"], "remove": ["huge"]},
            "greeting": ["wassup"],
        },
        "idioms": ["robot vacuum"],
    }
    file.write_text(json.dumps(content), encoding="utf-8")
    table = load_triggers(file)

    def found(text):
        return {trigger.meaning: trigger.gestures for trigger in find_triggers(said(text), triggers=table)}

    assert found("Please do the robot") == {"robot": ("robot dance",)}
    assert found("It is ginormous") == {"size.large": ("wide",)}
    assert "size.large" not in found("It is huge")
    assert "greeting" in found("wassup")
    assert "greeting" in found("hello")
    assert "thanks" in found("Thank you")  # what is not named stays


def test_a_file_replaces_its_language_or_brings_a_new_one(tmp_path):
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"language": "en", "replace": True, "phrases": {"thanks": ["ta"]}}), encoding="utf-8")
    table = load_triggers(file)
    assert [trigger.meaning for trigger in find_triggers(said("ta thanks"), triggers=table)] == ["thanks"]
    file.write_text(json.dumps({"language": "fr", "phrases": {"thanks": ["merˈci"]}}), encoding="utf-8")
    assert find_triggers(said("merci beaucoup"), triggers=load_triggers(file))[0].gestures == (
        "thank_you",
        "hand_on_chest",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"language": "en", "phrases": {"size.larg": ["x"]}}, "unknown meaning 'size.larg'; near ones: size.large"),
        ({"language": "en", "phrases": {"thanks": ["a|"]}}, "phrase 'a|' has '', which cannot be read"),
        ({"language": "en", "phrases": {"thanks": ["..."]}}, "has no word that must be there"),
        ({"language": "en", "phrases": {"thanks": ["@x y"]}}, "names the list 'x', which is not there"),
        ({"language": "en", "phrases": {"thanks": ["ˈa ˈb"]}}, "marks 2 words"),
        ({"language": "en", "phrases": {"thanks": ["a*b"]}}, "'a*b', which is no word"),
        ({"language": "en", "phrases": {"thanks": {"words": ["x"]}}}, "words"),
        ({"language": "en", "meanings": {"new": {"strength": 0.5}}}, "'new' has no gestures"),
        ({"language": "en", "meanings": {"thanks": {"strength": 3}}}, "has strength 3; give 0 to 1"),
        ({"language": "en", "meanings": {"thanks": {"against": ["greetin"]}}}, "names 'greetin'; near ones: greeting"),
        ({"language": "en", "meanings": {"thanks": {"gestures": ["wav"]}}}, "gesture 'wav'; near ones: wave"),
        ({"phrases": {}}, "language"),
        ([], "object"),
    ],
)
def test_errors_of_a_file_are_one_line_that_names_the_place(tmp_path, content, message):
    file = tmp_path / "own.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_triggers(file, gestures=("wave", "nod", "thank_you", *_all_gestures()))
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def _all_gestures() -> set[str]:
    return {gesture for meaning in triggers_of("en").meanings.values() for gesture in meaning.gestures}


def test_the_file_that_the_docs_show_works(tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "gestures.md").read_text(encoding="utf-8")
    block = page.split("## What triggers what", 1)[1].split("```json\n", 1)[1].split("```", 1)[0]
    file = tmp_path / "own.json"
    file.write_text(block, encoding="utf-8")
    found = find_triggers(said("It moved like a robot, and it was humongous"), triggers=load_triggers(file))
    assert [trigger.meaning for trigger in found] == ["robot", "size.large"]
    assert found[1].gestures == ("wide",)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_triggers(tmp_path / "none.json")
