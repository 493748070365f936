"""The command line: one thin command for each function of ``api``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional, UseAppendAction, arg

from .errors import UserError
from .progress import note

Out = Annotated[tuple[Path, ...], arg(aliases=["-o"])]
DEFAULT_SUFFIXES = (".html", ".mp4", ".bvh", ".glb")


def generate(
    speech: Positional[Path],
    /,
    *,
    out: UseAppendAction[Out] = (),
    emotion: str | None = None,
    intensity: float = 1.0,
    speaker: str | None = None,
    transcript: Path | None = None,
    seed: int = 0,
    seated: bool = False,
    model: str = "contextual",
) -> None:
    """Speech in, gestures out.

    Args:
        speech: a sound file, or a video with sound.
        out: where to write; the suffix chooses the format (.html .mp4 .bvh .glb .vrma .npz .csv .json).
            May be given several times. Without it: .html, .mp4, .bvh and .glb, named after the speech.
        emotion: neutral, amusement, anger, disgust, fear, joy, pride, sadness, shame or surprise.
        intensity: liveliness; 1.0 is usual.
        speaker: whose manner of gesturing.
        transcript: TextGrid, SRT, VTT, Whisper JSON or plain text.
        seed: another one gives another take.
        seated: sit instead of stand.
        model: a shipped model or a model folder.
    """
    began = time.monotonic()
    from . import api
    from .speech.speech import load_speech

    targets = out or tuple(Path(speech.stem + suffix) for suffix in DEFAULT_SUFFIXES)
    for target in targets:
        api.check_target(target)
    stage("listening")
    heard = load_speech(speech, transcript=transcript)
    stage("gesturing")
    motion = api.generate(
        heard, emotion=emotion, intensity=intensity, speaker=speaker, seed=seed, seated=seated, model=model
    )
    for target in targets:
        stage(f"writing {target.name}")
        api.write(motion, target, speech=heard)
    _done(targets, began, f"{motion.seconds:.1f} s of motion")


def convert(source: Positional[Path], /, *, out: Out) -> None:
    """Motion from one format to another.

    Args:
        source: a motion file (.bvh .npz .glb .vrma).
        out: where to write; the suffix chooses the format.
    """
    began = time.monotonic()
    from . import api

    for target in out:
        api.convert(source, target)
    _done(out, began, "converted")


def render(
    motion: Positional[Path], /, *, out: Out, audio: Path | None = None, transcript: Path | None = None
) -> None:
    """Draw motion on the default avatar, as .mp4 or .html.

    Args:
        motion: a motion file (.bvh .npz .glb .vrma).
        out: film (.mp4) or page (.html).
        audio: the speech that goes with it.
        transcript: its words, for the page.
    """
    began = time.monotonic()
    from . import api
    from .motion.motion import load_motion
    from .speech.speech import load_speech

    for target in out:
        api.check_target(target)
    speech = None if audio is None else load_speech(audio, transcript=transcript)
    moved = load_motion(motion)
    for target in out:
        stage(f"drawing {target.name}")
        api.render(moved, target, speech=speech)
    _done(out, began, f"{moved.seconds:.1f} s of motion")


def prepare(
    corpora: Positional[tuple[str, ...]], /, *, out: Annotated[Path, arg(aliases=["-o"])], rounds: int = 6,
    seed: int = 0, limit: int | None = None,
) -> None:  # fmt: skip
    """Corpora to a store for training; resumes where it was interrupted.

    Args:
        corpora: READER=FOLDER each; readers: ebmdb, beat2, folder (BVH with sound), speech.
        out: folder of the store.
        rounds: how often each speech gets a partner where pairs have to be made.
        seed: of the matching.
        limit: read only so many clips a corpus and speaker, for trials.
    """
    from .data.prepare import prepare as run

    pairs = []
    for corpus in corpora:
        name, sign, folder = corpus.partition("=")
        if not sign:
            raise UserError(f"expected READER=FOLDER, as in folder=recordings; got {corpus!r}")
        pairs.append((name, folder))
    run(pairs, out, rounds=rounds, seed=seed, limit=limit)
    note(f"wrote {out}; next: cospeech train {out} -o run")


def train(
    store: Positional[Path], /, *, out: Annotated[Path, arg(aliases=["-o"])], preset: str = "default",
    stage: str = "all", steps: int | None = None, seed: int = 0, splits: tuple[str, ...] = ("train",),
) -> None:  # fmt: skip
    """Train on a store (needs the extra [train]); a run is continued. Works under torchrun.

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
    note(f"trained {out}; next: cospeech export {out} --store {store} -o model")


def export(
    run: Positional[Path],
    /,
    *,
    store: Path,
    out: Annotated[Path, arg(aliases=["-o"])],
    name: str | None = None,
) -> None:
    """A finished run to a model folder that needs no torch.

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
        tyro.extras.subcommand_cli_from_dict(
            COMMANDS, args=_spread_outputs(words), prog="cospeech", description="Speech in, gestures out.",
        )  # fmt: skip
    except UserError as error:
        sys.stderr.write(f"cospeech: {error}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        sys.stderr.write("cospeech: stopped; nothing half-written was left\n")
        raise SystemExit(130) from None


def stage(text: str) -> None:
    """Say what is being done, on a terminal, in a line that the next one replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text} ...")
        sys.stderr.flush()


def _done(targets: Sequence[Path], began: float, what: str) -> None:
    stage("")
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    names = ", ".join(str(target) for target in targets)
    watch = next((target for target in targets if target.suffix == ".html"), None)
    hint = f"; open {watch} in a browser" if watch else ""
    note(f"wrote {names} ({what}) in {time.monotonic() - began:.1f} s{hint}")


def _spread_outputs(words: list[str]) -> list[str]:
    """``-o a b`` means ``-o a -o b``: every word after -o up to the next option is an output."""
    if words[:1] != ["generate"]:
        return words
    result: list[str] = []
    collecting = 0
    for word in words:
        if word in ("-o", "--out"):
            collecting = 1
            continue
        if word.startswith("-") and len(word) > 1:
            collecting = 0
        if collecting:
            result += ["--out", word]
        else:
            result.append(word)
    return result


def _need_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UserError("training needs torch, which is not installed; pip install 'cospeech[train]'")
