"""Words of a recording that has no transcript, by a speech recogniser that the user has installed.

Known are faster-whisper (its Python package) and whisper.cpp (its command ``whisper-cli``, or the Python package
``pywhispercpp``). Both need a model of the user's: one that is named, or one that lies where these programs keep
theirs. Nothing is ever downloaded. What is taken, and how sure the recogniser is, is said in a note.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..core.progress import note
from ..core.timing import SAMPLE_RATE
from .speech import Speech
from .transcript import read_words
from .transcript_formats.entries import Entry, Script, joined_as_written
from .word import Word

AUTO, OFF = "auto", "off"
UNSURE = 0.5  # probability of a word below which it is called unsure [D]
DOUBTFUL = 0.6  # mean probability below which the words as a whole are [D]
_SHOWN = 4  # unsure words that a note names
COMMAND = "COSPEECH_WHISPER_CPP"  # names the command of whisper.cpp, where it is called otherwise
_COMMANDS = ("whisper-cli", "whisper-cpp")
_SUFFIXES = (".bin", ".gguf")


@dataclass(frozen=True)
class HeardWord:
    """What a recogniser hears: a word, or a piece of one that the piece before it goes on in.

    Args:
        text: as the recogniser writes it; a space before it begins a word.
        start, end: seconds.
        probability: how sure it is, 0 to 1; NaN if it does not say.
    """

    text: str
    start: float
    end: float
    probability: float = math.nan


@dataclass(frozen=True)
class Recogniser:
    """A recogniser that may be installed.

    Args:
        is_installed: whether it can be used here.
        find_model: the model of that name or path, or one that is there; None if there is none.
        hear: words of samples [N] (float32, mono, 16 kHz) by a model, in a language or any.
        advice: how to install it.
    """

    is_installed: Callable[[], bool]
    find_model: Callable[[str | None], str | None]
    hear: Callable[[np.ndarray, str, str | None], Iterable[HeardWord]]
    advice: str


def recognise_words(
    speech: Speech, *, recogniser: str = AUTO, model: str | Path | None = None, language: str | None = None
) -> tuple[Word, ...]:
    """The words of a recording, heard by an installed recogniser.

    Args:
        recogniser: a name of ``RECOGNISERS``; "auto" for the first that is installed and has a model, or "off".
        model: a model of it: a folder or file, or a name that it has in its cache. The largest there unless given.
        language: "en" and the like; it is recognised unless given.

    Returns:
        The words in order; none if nothing is installed, or nothing is said.

    Raises:
        UserError: an unknown recogniser; one that is named is not installed, has no model or fails; or a model is
            named that none of the installed ones can use.
    """
    if recogniser == OFF:
        return ()
    known = (AUTO, OFF, *RECOGNISERS)
    if recogniser not in known:
        raise UserError(f"unknown recogniser of words {recogniser!r}; known: {', '.join(known)}")
    wanted = None if model is None else str(model)
    found = _auto(wanted) if recogniser == AUTO else (recogniser, _model_of(recogniser, wanted))
    if found is None:
        return ()
    name, path = found
    samples = np.asarray(speech.resampled(sample_rate=SAMPLE_RATE).samples, np.float32)
    try:
        heard = list(RECOGNISERS[name].hear(samples, path, language))
    except UserError:
        raise
    except Exception as error:  # whatever a program of others raises
        message = f"{name} could not recognise the words ({' '.join(str(error).split())[:200]})"
        if recogniser == AUTO and model is None:
            note(message)
            return ()
        raise UserError(f"{message}; use another model, or --words off") from error
    words = _words_of(heard, name, speech.seconds)
    _report(name, path, words, heard)
    return words


def _auto(model: str | None) -> tuple[str, str] | None:
    """The first recogniser that is installed and has a model, and its model. Raises UserError, see above."""
    installed = [name for name, one in RECOGNISERS.items() if one.is_installed()]
    for name in installed:
        path = RECOGNISERS[name].find_model(model)
        if path is not None:
            return name, path
    if model is not None:
        used = f"none of {', '.join(installed)} can use it" if installed else "no recogniser is installed"
        raise UserError(f"{model} was named as a model that recognises words, but {used}; {_ADVICE}")
    if installed:
        note(f"{installed[0]} is installed, but there is no model of it here; name one with --words-model to use it")
    return None


def _model_of(name: str, model: str | None) -> str:
    """The model of a recogniser that was named. Raises UserError if it is not installed or there is none."""
    if not RECOGNISERS[name].is_installed():
        raise UserError(f"{name} is not installed; {RECOGNISERS[name].advice}, or use --words off")
    path = RECOGNISERS[name].find_model(model)
    if path is None:
        what = "there is no model of it here" if model is None else f"{model} is no model of it"
        raise UserError(f"{name} is installed, but {what}; name one with --words-model")
    return path


def _words_of(heard: Iterable[HeardWord], name: str, seconds: float) -> tuple[Word, ...]:
    """Words from what was heard: pieces joined, notes on sounds left out, times in order and inside the recording."""
    entries, before = [], 0.0
    for one in heard:
        if not one.text.strip() or not (math.isfinite(one.start) and math.isfinite(one.end)):
            continue
        start = min(max(one.start, before), seconds)
        before = start
        if start < seconds:
            entries.append(Entry(name, one.text, start, min(max(one.end, start), seconds), joins=True))
    try:
        return read_words(Script([joined_as_written(entries)]), Path(name), seconds) if entries else ()
    except UserError:  # nothing but notes on sounds
        return ()


def _report(name: str, path: str, words: tuple[Word, ...], heard: list[HeardWord]) -> None:
    """Say what was heard and how sure it is."""
    known = [one for one in heard if not math.isnan(one.probability)]
    if not words:
        note(f"{name} hears no words in the recording")
        return
    text = f"took the words that {name} hears with {_called(path)}: {len(words)}"
    if known:
        mean = sum(one.probability for one in known) / len(known)
        unsure = [one.text.strip() for one in known if one.probability < UNSURE]
        text += f", confidence {100 * mean:.0f} %"
        if unsure:
            more = " and others" if len(unsure) > _SHOWN else ""
            text += f"; unsure: {', '.join(unsure[:_SHOWN])}{more}"
        if mean < DOUBTFUL:
            text += "; many may be wrong, a transcript would be better"
    note(text)


def _called(path: str) -> str:
    """What a model is called: its file, or what the hub calls it."""
    parts = [part.rpartition("--")[2] for part in Path(path).parts if part.startswith("models--")]
    return parts[-1] if parts else Path(path).name


# --- faster-whisper -------------------------------------------------------------------------------


def _has(package: str) -> bool:
    spec = find_spec(package)
    return spec is not None and spec.origin is not None


def _xdg(name: str, usual: str) -> Path:
    """A folder of the user's, as the XDG base directories have it."""
    return Path(os.environ.get(name) or Path.home() / usual)


def _hub() -> Path:
    """The folder in which the Hugging Face hub keeps what it has downloaded."""
    home = Path(os.environ.get("HF_HOME") or _xdg("XDG_CACHE_HOME", ".cache") / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


def _faster_whisper_model(model: str | None) -> str | None:
    """A folder of a CTranslate2 model, by path, by name in the cache, or the largest there."""
    if model is not None and (Path(model) / "model.bin").is_file():
        return model
    wanted = None if model is None else model.replace("/", "--").lower()
    found = []
    for path in _hub().glob("models--*whisper*/snapshots/*/model.bin"):
        name = path.parts[-4].lower()
        if wanted is None or name.endswith((f"-{wanted}", f"--{wanted}", f"-{wanted}-ct2")):
            found.append((path.stat().st_size, str(path.parent)))
    return max(found)[1] if found else None


def _faster_whisper(samples: np.ndarray, model: str, language: str | None) -> Iterator[HeardWord]:
    from faster_whisper import WhisperModel

    network = WhisperModel(model, local_files_only=True)
    segments, _ = network.transcribe(
        samples, language=language, word_timestamps=True, vad_filter=True, condition_on_previous_text=False
    )
    for segment in segments:
        for word in segment.words or ():
            yield HeardWord(word.word, float(word.start), float(word.end), float(word.probability))


# --- whisper.cpp ----------------------------------------------------------------------------------


def _whisper_command() -> str | None:
    own = os.environ.get(COMMAND)
    return next(filter(None, map(shutil.which, (own,) if own else _COMMANDS)), None)


def _whisper_cpp_model(model: str | None) -> str | None:
    """A ggml file, by path, by name in the folders that whisper.cpp's users have, or the largest there."""
    if model is not None and Path(model).suffix in _SUFFIXES and Path(model).is_file():
        return model
    data, cache = _xdg("XDG_DATA_HOME", ".local/share"), _xdg("XDG_CACHE_HOME", ".cache")
    folders = [data / "pywhispercpp" / "models", cache / "whisper", cache / "whisper.cpp", data / "whisper.cpp"]
    command = _whisper_command()
    if command is not None:
        folders += [parent / "models" for parent in list(Path(command).resolve().parents)[:3]]
    found = []
    for path in (path for folder in folders for suffix in _SUFFIXES for path in folder.glob(f"ggml-*{suffix}")):
        if "silero" not in path.name and (model is None or path.stem == f"ggml-{model}"):
            found.append((path.stat().st_size, str(path)))
    return max(found)[1] if found else None


def _whisper_cpp(samples: np.ndarray, model: str, language: str | None) -> Iterable[HeardWord]:
    command = _whisper_command()
    if command is None:
        return _by_pywhispercpp(samples, model, language)
    return _by_command(command, samples, model, language)


def _by_pywhispercpp(samples: np.ndarray, model: str, language: str | None) -> Iterator[HeardWord]:
    from pywhispercpp.model import Model

    network = Model(model, redirect_whispercpp_logs_to=None, print_progress=False)
    # One word a segment, with its time and the mean probability of its tokens; times are hundredths of a second.
    one_word = {"max_len": 1, "split_on_word": True, "token_timestamps": True}
    segments = network.transcribe(samples, language=language or "auto", extract_probability=True, **one_word)
    for segment in segments:
        yield HeardWord(f" {segment.text.strip()}", segment.t0 / 100, segment.t1 / 100, float(segment.probability))


def _by_command(command: str, samples: np.ndarray, model: str, language: str | None) -> Iterator[HeardWord]:
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        sound, out = Path(folder) / "speech.wav", Path(folder) / "words"
        soundfile.write(sound, samples, SAMPLE_RATE, subtype="PCM_16")
        words = [command, "-m", model, "-f", str(sound), "-l", language or "auto", "-ml", "1", "-sow", "-np"]
        done = subprocess.run([*words, "-ojf", "-of", str(out)], capture_output=True, text=True, errors="replace")
        written = out.with_suffix(".json")
        if done.returncode or not written.is_file():  # it ends with 0 for wrong arguments, too
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise RuntimeError(lines[-1] if lines else f"{command} ended with status {done.returncode}")
        document = json.loads(written.read_text(encoding="utf-8", errors="replace"))
    for piece in document["transcription"]:
        tokens = [token for token in piece.get("tokens", ()) if not str(token["text"]).startswith("[_")]
        logs = [math.log(max(float(token["p"]), 1e-6)) for token in tokens]
        sure = math.exp(sum(logs) / len(logs)) if logs else math.nan
        times = piece["offsets"]
        yield HeardWord(piece["text"], times["from"] / 1000, times["to"] / 1000, sure)


RECOGNISERS: dict[str, Recogniser] = {
    "faster-whisper": Recogniser(
        lambda: _has("faster_whisper"), _faster_whisper_model, _faster_whisper, "pip install faster-whisper"
    ),
    "whisper.cpp": Recogniser(
        lambda: _whisper_command() is not None or _has("pywhispercpp"),
        _whisper_cpp_model,
        _whisper_cpp,
        "install whisper-cli of whisper.cpp, or pip install pywhispercpp",
    ),
}
_ADVICE = " or ".join(one.advice for one in RECOGNISERS.values())
