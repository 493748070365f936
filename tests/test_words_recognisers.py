"""Words from the sound by recognisers that a user may have: stubs with the real interfaces, none is installed here.

The interfaces are those of faster-whisper 1.2 (``WhisperModel``), pywhispercpp 1.4 (``Model``) and whisper.cpp's
``whisper-cli`` with ``--output-json-full``.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cospeech import api
from cospeech.core.errors import UserError
from cospeech.speech import recognised_words
from cospeech.speech.loading import load_recording
from cospeech.speech.recognised_words import recognise_words
from cospeech.speech.speech import Speech
from cospeech.speech.word import Word

HEARD = [(" Hello", 0.2, 0.6, 0.95), (" wor", 0.7, 0.9, 0.9), ("ld.", 0.9, 1.2, 0.8), (" So", 1.5, 1.7, 0.3)]
WORDS = (Word("Hello", 0.2, 0.6), Word("world.", 0.7, 1.2), Word("So", 1.5, 1.7))

FASTER_WHISPER = """
import json, os
from dataclasses import dataclass
HEARD = json.loads(os.environ["HEARD"])

@dataclass
class Word:
    start: float
    end: float
    word: str
    probability: float

@dataclass
class Segment:
    text: str
    words: list

@dataclass
class TranscriptionInfo:
    language: str
    language_probability: float

class WhisperModel:
    def __init__(self, model_size_or_path, device="auto", device_index=0, compute_type="default", cpu_threads=0,
                 num_workers=1, download_root=None, local_files_only=False):
        assert local_files_only, "nothing may be downloaded"
        assert os.path.isfile(os.path.join(model_size_or_path, "model.bin"))

    def transcribe(self, audio, language=None, task="transcribe", beam_size=5, condition_on_previous_text=True,
                   word_timestamps=False, vad_filter=False):
        assert audio.dtype.name == "float32" and audio.ndim == 1
        if os.environ.get("FAILS"):
            raise RuntimeError("unsupported\\nmodel")
        words = [Word(start, end, text, sure) for text, start, end, sure in HEARD]
        return (Segment("", [word] if word_timestamps else None) for word in words), TranscriptionInfo("en", 0.9)
"""

PYWHISPERCPP = """
import json, os
HEARD = json.loads(os.environ["HEARD"])

class Segment:
    def __init__(self, t0, t1, text, probability=float("nan")):
        self.t0, self.t1, self.text, self.probability = t0, t1, text, probability

class Model:
    def __init__(self, model="tiny", models_dir=None, params_sampling_strategy=0, redirect_whispercpp_logs_to=False,
                 use_openvino=False, context_params=None, **params):
        assert os.path.isfile(model), "nothing may be downloaded"

    def transcribe(self, media, n_processors=None, new_segment_callback=None, abort_callback=None,
                   extract_probability=False, **params):
        assert params == {"language": "de", "max_len": 1, "split_on_word": True, "token_timestamps": True}
        return [Segment(round(100 * a), round(100 * b), text.strip(), sure) for text, a, b, sure in HEARD]
"""

WHISPER_CLI = """#!{python}
import json, os, sys, wave
words = sys.argv[1:]
options = {{}}
while words:
    word = words.pop(0)
    if word in ("-sow", "-np", "-ojf"):
        options[word] = True
    elif word in ("-m", "-f", "-l", "-ml", "-of"):
        options[word] = words.pop(0)
    else:
        sys.stderr.write("error: unknown argument: " + word + "\\n")
        sys.exit(0)
if not open(options["-m"], "rb").read().startswith(b"lmgg"):
    sys.stderr.write("error: failed to initialize whisper context\\n")
    sys.exit(3)
with wave.open(options["-f"]) as sound:
    assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
assert options["-ml"] == "1" and options["-sow"] and options["-ojf"]
pieces = []
for text, start, end, sure in json.loads(os.environ["HEARD"]):
    times = {{"from": round(1000 * start), "to": round(1000 * end)}}
    tokens = [{{"text": "[_BEG_]", "p": 0.1, "id": 50364}}, {{"text": text, "offsets": times, "p": sure, "id": 1}}]
    pieces.append({{"timestamps": {{}}, "offsets": times, "text": text, "tokens": tokens}})
with open(options["-of"] + ".json", "w") as file:
    json.dump({{"result": {{"language": options["-l"]}}, "transcription": pieces}}, file)
"""


@pytest.fixture
def speech():
    return Speech(np.zeros(32000, np.float32))


@pytest.fixture
def notes(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(recognised_words, "note", said.append)
    return said


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """A home without recognisers or models, into which stubs are put."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("HF_HOME", "HF_HUB_CACHE", recognised_words.COMMAND):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEARD", json.dumps(HEARD))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "site").mkdir()
    (tmp_path / "bin").mkdir()
    yield tmp_path
    for name in ("faster_whisper", "pywhispercpp", "pywhispercpp.model"):
        sys.modules.pop(name, None)


def install(place: Path, name: str) -> None:
    if name == "whisper-cli":
        path = place / "bin" / name
        path.write_text(WHISPER_CLI.format(python=sys.executable))
        path.chmod(0o755)
        return
    folder = place / "site" / name
    folder.mkdir()
    (folder / "__init__.py").write_text(FASTER_WHISPER if name == "faster_whisper" else "")
    (folder / "model.py").write_text(PYWHISPERCPP)


def cached_model(place: Path, name: str, size: int) -> Path:
    folder = place / "XDG_CACHE_HOME" / "huggingface" / "hub" / f"models--{name}" / "snapshots" / "0f1e"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(bytes(size))
    return folder


def ggml_model(folder: Path, name: str = "ggml-base.bin", size: int = 10) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"lmgg" + bytes(size))
    return folder / name


def test_nothing_is_installed(speech, notes):
    assert recognise_words(speech) == ()
    assert recognise_words(speech, recogniser="off") == ()
    assert not notes
    with pytest.raises(UserError, match="faster-whisper is not installed; pip install faster-whisper"):
        recognise_words(speech, recogniser="faster-whisper")
    with pytest.raises(UserError, match=r"whisper\.cpp is not installed"):
        recognise_words(speech, recogniser="whisper.cpp")
    with pytest.raises(UserError, match="unknown recogniser of words 'siri'; known: auto, off, faster-whisper"):
        recognise_words(speech, recogniser="siri")
    with pytest.raises(UserError, match=r"large was named as a model .* no recogniser is installed"):
        recognise_words(speech, model="large")


def test_faster_whisper(place, speech, notes):
    install(place, "faster_whisper")
    model = cached_model(place, "Systran--faster-whisper-base", 100)
    assert recognise_words(speech) == WORDS
    (said,) = notes
    assert said == "took the words that faster-whisper hears with faster-whisper-base: 3, confidence 74 %; unsure: So"
    cached_model(place, "Systran--faster-whisper-large-v3", 300)
    assert recognised_words.RECOGNISERS["faster-whisper"].find_model(None) != str(model)  # the largest
    for name in ("base", "Systran/faster-whisper-base", str(model)):
        assert recognised_words.RECOGNISERS["faster-whisper"].find_model(name) == str(model)
    with pytest.raises(UserError, match="faster-whisper is installed, but tiny is no model of it"):
        recognise_words(speech, recogniser="faster-whisper", model="tiny")


def test_without_a_model(place, speech, notes):
    install(place, "faster_whisper")
    assert recognise_words(speech) == ()
    (said,) = notes
    assert (
        said == "faster-whisper is installed, but there is no model of it here; name one with --words-model to use it"
    )
    with pytest.raises(UserError, match="there is no model of it here; name one with --words-model"):
        recognise_words(speech, recogniser="faster-whisper")


def test_whisper_cpp_by_its_command(place, speech, notes):
    install(place, "whisper-cli")
    model = ggml_model(place / "somewhere")
    assert recognise_words(speech, model=model) == WORDS
    assert "whisper.cpp hears with ggml-base.bin: 3, confidence 74 %" in notes[0]
    assert recognise_words(speech) == ()  # a model in a place that nobody knows
    ggml_model(place / "XDG_CACHE_HOME" / "whisper", "ggml-silero-v5.bin", 1000)  # hears whether there is speech
    ggml_model(place / "XDG_CACHE_HOME" / "whisper", "ggml-tiny.bin")
    assert recognise_words(speech, recogniser="whisper.cpp") == WORDS
    broken = place / "broken.bin"
    broken.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"could not recognise the words .*failed to initialize whisper context"):
        recognise_words(speech, model=broken)


def test_whisper_cpp_called_otherwise(place, speech, monkeypatch):
    install(place, "whisper-cli")
    command = (place / "bin" / "whisper-cli").rename(place / "main")
    with pytest.raises(UserError, match="no recogniser is installed"):
        recognise_words(speech, model=ggml_model(place / "here"))
    monkeypatch.setenv(recognised_words.COMMAND, str(command))
    assert recognise_words(speech, model=ggml_model(place / "here")) == WORDS


def test_pywhispercpp(place, speech, monkeypatch, notes):
    monkeypatch.setenv(
        "HEARD", json.dumps([("Hello", 0.2, 0.6, 0.95), ("world.", 0.7, 1.2, 0.8), ("So", 1.5, 1.7, 0.3)])
    )
    install(place, "pywhispercpp")
    ggml_model(place / "XDG_DATA_HOME" / "pywhispercpp" / "models")
    assert recognise_words(speech, language="de") == WORDS
    assert "whisper.cpp hears with ggml-base.bin: 3, confidence 68 %; unsure: So" in notes[0]


def test_the_best_is_taken_first(place, speech, notes):
    for name in ("faster_whisper", "whisper-cli"):
        install(place, name)
    ggml_model(place / "XDG_CACHE_HOME" / "whisper")
    recognise_words(speech)
    cached_model(place, "Systran--faster-whisper-base", 100)
    recognise_words(speech)
    assert ["whisper.cpp" in notes[0], "faster-whisper" in notes[1]] == [True, True]


def test_times_and_notes_on_sounds_are_put_right(place, speech, monkeypatch, notes):
    install(place, "faster_whisper")
    cached_model(place, "Systran--faster-whisper-base", 100)
    odd = [(" [Music]", 0.0, 0.3, 0.9), (" one", 0.5, 0.4, 0.9), (" two", 0.3, 0.8, 0.2), (" three", 1.9, 9.0, 0.1)]
    monkeypatch.setenv("HEARD", json.dumps([*odd, (" four", 5.0, 6.0, 0.1)]))
    words = recognise_words(speech)
    assert [word.text for word in words] == ["one", "two", "three"]
    assert all(a.start <= b.start for a, b in pairwise(words))
    assert words[-1].end <= speech.seconds
    assert "many may be wrong, a transcript would be better" in notes[-1]
    sys.modules.pop("faster_whisper")
    monkeypatch.setenv("HEARD", json.dumps([(" (music)", 0.0, 0.3, 0.9)]))
    assert recognise_words(speech) == ()
    assert notes[-1] == "faster-whisper hears no words in the recording"


def test_a_recogniser_that_fails(place, speech, monkeypatch, notes):
    install(place, "faster_whisper")
    cached_model(place, "Systran--faster-whisper-base", 100)
    monkeypatch.setenv("FAILS", "1")
    assert recognise_words(speech) == ()
    assert notes == ["faster-whisper could not recognise the words (unsupported model)"]
    with pytest.raises(UserError, match=r"\(unsupported model\); use another model, or --words off"):
        recognise_words(speech, recogniser="faster-whisper")


def test_recordings_and_calls(place, monkeypatch):
    hello = Path(__file__).parents[1] / "examples" / "hello.wav"
    install(place, "faster_whisper")
    cached_model(place, "Systran--faster-whisper-base", 100)
    assert load_recording(hello, beside=False, words="auto").words == WORDS
    assert load_recording(hello, beside=False).words == ()
    given = load_recording(hello, transcript=hello.with_suffix(".txt"), words="auto")
    assert given.words[0].text == "Hello!"  # what is known is not recognised
    seen = []
    model = api.load("contextual")
    monkeypatch.setattr(type(model), "generate", lambda self, speech, **options: seen.append(speech.words))
    api.generate(hello, model=model)
    api.generate(hello, model=model, words="off")
    assert seen == [WORDS, ()]
