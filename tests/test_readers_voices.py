"""The reader of voices: splits by speaker, transcripts out of the manifest."""

from __future__ import annotations

import pytest

from corpus_data import voice, write_speech
from cospeech.core.errors import UserError
from cospeech.data.clips import Dropped
from cospeech.data.readers import voices
from cospeech.speech.audio import write_wav
from cospeech.speech.speech import Word

GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
4
<exists>
1
"IntervalTier"
"words"
0
4
2
0
1.5
"hello"
1.5
2.5
"there"
"""


def read(folder) -> dict:
    return {clip.id: clip for clip in voices.read(folder, quiet=True)}


def test_speakers_keep_to_one_split(tmp_path):
    write_speech(tmp_path, train=2, others=1, seconds=4.5)
    write_wav(tmp_path / "short.wav", voice(1.5, seed=0)[0])
    (tmp_path / "noise.mp3").write_bytes(b"no sound")
    clips = read(tmp_path)
    assert "shorter than two seconds" in clips.pop("short.wav").reason
    assert isinstance(clips.pop("noise.mp3"), Dropped)
    assert sorted(clip.split for clip in clips.values()) == ["test", "train", "train", "val"]
    for clip in clips.values():
        assert clip.motion is None
        assert clip.split == voices.split_of(clip.speaker)


def test_the_hash_keeps_about_a_tenth_each():
    splits = [voices.split_of(f"speaker {k}") for k in range(3000)]
    assert splits.count("val") == pytest.approx(300, abs=60)
    assert splits.count("test") == pytest.approx(300, abs=60)


def talks(folder, rows: list[str], names: str = "abcd") -> None:
    for name in names:
        write_wav(folder / f"{name}.wav", voice(2.5, seed=1)[0])
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")


def test_transcripts_of_the_manifest_give_words_in_english_alone(tmp_path, monkeypatch):
    spoken = []

    def fake(speech, *, text):
        spoken.append(text)
        return tuple(Word(word, k * 0.5, k * 0.5 + 0.4) for k, word in enumerate(text.split()))

    monkeypatch.setattr(voices, "align", fake)
    talks(
        tmp_path,
        [
            "file,speaker,language,transcript",
            'a.wav,Ada,en,"Well, good morning."',
            "b.wav,Ben,de,Guten Morgen",
            "c.wav,Cem,en,",
        ],
    )
    clips = read(tmp_path)
    assert [word.text for word in clips["a.wav"].speech.words] == ["Well,", "good", "morning."]
    assert [clips[name].speech.words for name in ("b.wav", "c.wav", "d.wav")] == [(), (), ()]
    assert [clips[name].speaker for name in ("a.wav", "b.wav", "d.wav")] == ["Ada", "Ben", "d.wav"]
    assert spoken == ["Well, good morning."]


def test_without_a_language_a_transcript_is_english(tmp_path, monkeypatch):
    monkeypatch.setattr(voices, "align", lambda speech, *, text: (Word(text, 0.0, 1.0),))
    talks(tmp_path, ["file,transcript", "a.wav,hello"])
    clips = read(tmp_path)
    assert [word.text for word in clips["a.wav"].speech.words] == ["hello"]


def test_a_transcript_beside_the_sound_goes_before_the_manifest(tmp_path, monkeypatch):
    def never(speech, *, text):
        raise AssertionError("the file has the times already")

    monkeypatch.setattr(voices, "align", never)
    talks(tmp_path, ["file,transcript", "a.wav,something else"], names="a")
    (tmp_path / "a.TextGrid").write_text(GRID.replace("\n4\n", "\n2.5\n"))
    (clip,) = voices.read(tmp_path, quiet=True)
    assert [word.text for word in clip.speech.words] == ["hello", "there"]


def test_words_are_not_worth_a_voice(tmp_path, monkeypatch, capsys):
    def fails(speech, *, text):
        raise UserError("far too many words")

    monkeypatch.setattr(voices, "align", fails)
    talks(tmp_path, ["file,transcript", "a.wav,hello"], names="a")
    (clip,) = voices.read(tmp_path)
    assert clip.speech.words == ()
    assert "a: read without words: far too many words" in capsys.readouterr().err


def test_no_sound(tmp_path):
    with pytest.raises(UserError, match="holds no sound files"):
        list(voices.read(tmp_path))
