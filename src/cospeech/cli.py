"""The command line: one thin command for each function of ``api``."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial, wraps
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg

from .errors import UserError
from .progress import note, stage

DEFAULT_SUFFIXES = (".html", ".mp4", ".bvh", ".glb")

Recording = Annotated[Path, arg(metavar="SPEECH")]
MotionFile = Annotated[Path, arg(metavar="MOTION")]
StoreFolder = Annotated[Path, arg(metavar="STORE")]
RunFolder = Annotated[Path, arg(metavar="RUN")]
Out = UseAppendAction[Annotated[tuple[Path, ...], arg(aliases=["-o"], metavar="FILE", help_behavior_hint="")]]
OutFolder = Annotated[Path, arg(aliases=["-o"], metavar="FOLDER")]
MaybeFile = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
MaybeName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
MaybeCount = Annotated[int | None, arg(metavar="N", help_behavior_hint="")]
Count = Annotated[int, arg(metavar="N")]
Corpora = Annotated[tuple[str, ...], arg(metavar="READER=FOLDER ...", help_behavior_hint="")]


def generate(
    speech: Positional[Recording],
    /,
    *,
    out: Out = (),
    emotion: MaybeName = None,
    intensity: Annotated[float, arg(metavar="X")] = 1.0,
    speaker: MaybeName = None,
    transcript: MaybeFile = None,
    seed: Count = 0,
    seated: FlagCreatePairsOff[bool] = False,
    model: Annotated[str, arg(metavar="NAME|FOLDER")] = "contextual",
) -> None:
    """Turn a recording into a person who moves and speaks.

    Args:
        speech: a sound file (wav, flac, mp3, ogg, m4a, webm), or a video with sound.
        out: where to write; the suffix chooses the format (.html .mp4 .bvh .glb .vrma .npz .csv .json).
            Takes several. Default: .html, .mp4, .bvh and .glb, named after the speech.
        emotion: neutral (default), amusement, anger, disgust, fear, joy, pride, sadness, shame, surprise.
        intensity: liveliness, 0.25 to 2.5; 1.0 is usual.
        speaker: whose manner of gesturing; a wrong name lists the right ones.
        transcript: what is said: TextGrid, SRT, VTT, Whisper JSON or plain text.
        seed: another one gives another take.
        seated: sit instead of stand.
        model: a shipped model or a model folder.
    """
    began = time.monotonic()
    from . import api
    from .runtime import load
    from .speech.speech import load_speech

    targets = out or _default_targets(speech)
    for target in targets:
        _not_over(api.check_target(target), speech)
    loaded = load(model)
    stage("listening")
    heard = load_speech(speech, transcript=transcript, emotion=emotion)
    stage("gesturing")
    motion = api.generate(
        heard, emotion=emotion, intensity=intensity, speaker=speaker, seed=seed, seated=seated, model=loaded
    )
    for target in targets:
        stage(f"writing {target.name}")
        api.write(motion, target, speech=heard)
    _done(targets, began, f"{motion.seconds:.1f} s of motion")


def convert(source: Positional[MotionFile], /, *, out: Out) -> None:
    """Bring motion from one format to another.

    Args:
        source: a motion file (.bvh .npz .glb .vrma).
        out: where to write; the suffix chooses the format. Takes several.
    """
    began = time.monotonic()
    from . import api

    for target in _some(out):
        _not_over(api.check_target(target), source)
    for target in out:
        stage(f"writing {target.name}")
        api.convert(source, target)
    _done(out, began, f"from {source.name}")


def render(
    motion: Positional[MotionFile], /, *, out: Out, audio: MaybeFile = None, transcript: MaybeFile = None
) -> None:
    """Draw motion on the default body, as a film or a page.

    Args:
        motion: a motion file (.bvh .npz .glb .vrma).
        out: a film (.mp4) or a page (.html). Takes several.
        audio: the speech that goes with it.
        transcript: its words, for the page.
    """
    began = time.monotonic()
    from . import api
    from .motion.motion import load_motion
    from .speech.speech import load_speech

    for target in _some(out):
        _not_over(api.check_target(target, suffixes=api.PICTURES), motion, audio)
    speech = None if audio is None else load_speech(audio, transcript=transcript)
    moved = load_motion(motion)
    for target in out:
        stage(f"drawing {target.name}")
        api.render(moved, target, speech=speech)
    _done(out, began, f"{moved.seconds:.1f} s of motion")


def prepare(
    corpora: Positional[Corpora],
    /,
    *,
    out: OutFolder,
    rounds: Count = 6,
    seed: Count = 0,
    limit: MaybeCount = None,
) -> None:
    """Read corpora into a store for training; goes on where it was interrupted.

    Args:
        corpora: readers are ebmdb, beat2, folder (BVH with sound) and speech (sound alone).
        out: folder of the store.
        rounds: how often each speech gets a partner where pairs have to be made.
        seed: of the matching.
        limit: read only so many clips a corpus and speaker, for trials.
    """
    from .data.prepare import prepare as run

    if not corpora:
        raise UserError("no corpus is named; name one or more, as in folder=recordings")
    pairs = []
    for corpus in corpora:
        name, sign, folder = corpus.partition("=")
        if not sign:
            raise UserError(f"expected READER=FOLDER, as in folder=recordings; got {corpus!r}")
        pairs.append((name, folder))
    run(pairs, out, rounds=rounds, seed=seed, limit=limit)
    note(f"wrote {out}; next: cospeech train {out} -o run")


def train(
    store: Positional[StoreFolder],
    /,
    *,
    out: OutFolder,
    preset: str = "default",
    stage: str = "all",
    steps: MaybeCount = None,
    seed: Count = 0,
    splits: tuple[str, ...] = ("train",),
) -> None:
    """Train on a store, alone or under torchrun; a run is continued (needs the extra [train]).

    Args:
        store: folder made by prepare.
        out: run folder.
        preset: tiny, default or large.
        stage: tokenizer, generator or all.
        steps: of each stage, instead of the preset's.
        seed: of weights and batches.
        splits: what to train on.
    """
    _need_torch()
    from .training.contextual.train import train as run

    run(store, out, preset=preset, stage=stage, steps=steps, seed=seed, splits=splits)
    if os.environ.get("RANK", "0") == "0":  # of several processes the first one speaks
        note(f"trained {out}; next: cospeech export {out} --store {store} -o model")


def export(
    run: Positional[RunFolder],
    /,
    *,
    store: StoreFolder,
    out: OutFolder,
    name: MaybeName = None,
) -> None:
    """Make a model folder, which needs no torch, from a finished run (needs the extra [train]).

    Args:
        run: run folder.
        store: the store it was trained on (for the rest poses).
        out: model folder to write.
        name: the model's name; that of the folder unless given.
    """
    _need_torch()
    from .training.contextual.train import export as write

    write(run, store, out, name=name)
    note(f"wrote {out}; next: cospeech generate speech.wav --model {out}")


_DESCRIPTION = "Speech in, gestures out. Start with: cospeech generate talk.wav"

COMMANDS: dict[str, Any] = {
    "generate": generate,
    "convert": convert,
    "render": render,
    "prepare": prepare,
    "train": train,
    "export": export,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a user's error ends in one line and status 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--version"]:
        from . import __version__

        sys.stdout.write(f"cospeech {__version__}\n")
        return
    try:
        _parsed(words)()
    except UserError as error:
        note(f"cospeech: {error}")
        raise SystemExit(2) from None
    except OSError as error:  # of the machine: a full disk, a folder that may not be written to
        if error.errno is None:
            raise
        place = f" {error.filename}" if error.filename else ""
        note(f"cospeech: cannot go on:{place} {error.strerror}; free space or choose another place")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        note("cospeech: stopped; nothing half-written was left")
        raise SystemExit(130) from None


def _parsed(words: list[str]) -> Callable[[], None]:
    """The command that the words ask for, ready to run.

    Raises:
        UserError: the words are no command; in one line what tyro says in a box.
    """
    chosen: list[Callable[[], None]] = []

    def choosing(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def choose(*args: Any, **options: Any) -> None:
            chosen.append(partial(command, *args, **options))

        return choose

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            tyro.extras.subcommand_cli_from_dict(
                {name: choosing(command) for name, command in COMMANDS.items()},
                args=_spread_outputs(words), prog="cospeech", description=_DESCRIPTION,
            )  # fmt: skip
    except SystemExit as end:
        if end.code in (0, None):
            raise
        raise UserError(_from_box(said.getvalue(), words)) from None
    return chosen[0]


def _from_box(text: str, words: list[str]) -> str:
    """What a box of tyro says, in one line: its complaint, a guess at what was meant, where help is."""
    lines = [line.strip("│ ") for line in text.splitlines() if line.startswith("│")]
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("──"):
            parts.append([])
        else:
            parts[-1].append(line)
    complaint = " ".join(parts[0][:2] if parts[0][0].endswith(":") else parts[0]).rstrip(".")
    for part in parts[1:]:
        guess = re.match(r"(--[\w-]+)", part[1]) if part[0].startswith("Perhaps") and len(part) > 1 else None
        if guess:
            complaint += f"; perhaps {guess[1]}"
        if part[0].startswith("Available subcommands"):
            complaint += f"; known: {' '.join(part).partition(': ')[2]}"
    command = f"{words[0]} " if words and words[0] in COMMANDS else ""
    return f"{complaint[:1].lower()}{complaint[1:]}; see cospeech {command}--help"


# Where to go next; the first one that fits is said.
_NEXT = {
    ".html": "open {} in a browser",
    ".mp4": "play {}",
    ".glb": "load {} into Blender with File > Import > glTF 2.0",
    ".bvh": "load {} into Blender with File > Import > Motion Capture",
    ".vrma": "play {} on a VRM avatar",
}


def _done(targets: Sequence[Path], began: float, what: str) -> None:
    names = ", ".join(str(target) for target in targets)
    hints = [
        f"; {hint.format(target)}"
        for suffix, hint in _NEXT.items()
        for target in targets
        if target.suffix.lower() == suffix
    ]
    note(f"wrote {names} ({what}) in {time.monotonic() - began:.1f} s{hints[0] if hints else ''}")


def _default_targets(speech: Path) -> tuple[Path, ...]:
    """Beside the caller, named after the speech; a film given as speech is not written over."""
    targets = tuple(Path(speech.stem + suffix) for suffix in DEFAULT_SUFFIXES)
    if any(_same(target, speech) for target in targets):
        return tuple(target.with_stem(f"{speech.stem}-gestures") for target in targets)
    return targets


def _some(out: tuple[Path, ...]) -> tuple[Path, ...]:
    if not out:
        raise UserError("no file to write is named; name one or more with -o")
    return out


def _not_over(target: Path, *sources: Path | None) -> None:
    """Refuse to write over what is read."""
    if any(source is not None and _same(target, source) for source in sources):
        raise UserError(f"cannot write {target}: it is what is read; give another name with -o")


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


# Options that stand alone; after any other one comes its value.
_FLAGS = ("-h", "--help", "--seated")


def _spread_outputs(words: list[str]) -> list[str]:
    """``-o a b`` means ``-o a -o b``: every word after -o up to the next option is an output.

    ``-o a talk.wav`` with nothing else to read means that the last word is what to read.
    """
    if words[:1] not in (["generate"], ["convert"], ["render"]):
        return words
    result, outputs, given, last = words[:1], 0, False, ""
    for word, following in pairwise([*words[1:], "-"]):
        if word in ("-o", "--out"):
            last, outputs = "-o", 0
            if following.startswith("-"):
                result.append(word)  # it lacks its file, which the parser will say
        elif word.startswith("-") and len(word) > 1:
            last = "" if "=" in word or word in _FLAGS else word
            result.append(word)
        elif last == "-o":
            result += ["--out", word]
            outputs += 1
        else:
            given = given or not last
            last = ""
            result.append(word)
    if not given and last == "-o" and outputs > 1:
        del result[-2]
    return result


def _need_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UserError("training needs torch, which is not installed; pip install 'cospeech[train]'")
