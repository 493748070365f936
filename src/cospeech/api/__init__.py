"""The calls behind the commands: speech in, motion out; motion from format to format; motion to pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.arguments import file_path, several
from ..core.emotions import EMOTIONS
from ..core.errors import UserError
from ..core.files import atomic_path, check_folder
from ..loading import load
from ..methods.base import GestureModel
from ..methods.conditioning import heard_mixture
from ..methods.emotion.emotion_track import Mood, read_track
from ..methods.exges.motion_constraint import Pin
from ..motion.formats import FORMATS, known_suffixes
from ..motion.formats.keypoints import Keypoints
from ..motion.motion import Motion, load_motion
from ..motion.retarget import on_canonical
from ..speech.loading import SpeechLike, load_speech
from ..speech.speech import Speech
from .editing import edit as edit
from .inputs import AUTO, hear_emotion, mood, pin, pose

if TYPE_CHECKING:
    from ..evaluation.report import Report
    from ..video.films.portrait import Portrait


def generate(
    speech: SpeechLike,
    *,
    emotion: str | Mapping[str, float] | None = None,
    emotion_track: str | Path | Sequence[Mood] | None = None,
    variety: float | None = None,
    intensity: float = 1.0,
    speaker: str | None = None,
    transcript: str | Path | None = None,
    seed: int = 0,
    seated: bool = False,
    start_pose: str | Path | Motion | None = None,
    end_pose: str | Path | Motion | None = None,
    faithfulness: float | None = None,
    constraint: str | Pin | Sequence[str | Pin] = (),
    base: str | Path | None = None,
    base_model: str | Path | None = None,
    model: str | Path | GestureModel = "contextual",
) -> Motion | Keypoints:
    """Gestures for a recording, exactly as long as it.

    A model of bodies gives ``Motion``, one of points in a picture ``Keypoints``.

    Args:
        speech: a sound or video file, (samples, rate), or a loaded ``Speech``.
        emotion: one of ``emotions.EMOTIONS`` or an alias; a mixture as weights by name or as in
            "joy:0.7,surprise:0.3", what it lacks to one is neutral; "auto" for what the voice sounds like;
            neutral if not given.
        emotion_track: of emotion: moods over time, or a JSON or CSV file of start, emotion, strength.
        variety: of emotion: 0 for the most usual motion, 1 as people differ, up to 2.
        intensity: liveliness, 1.0 is usual; 0.25 to 2.5.
        speaker: whose manner, a name that the model knows.
        transcript: TextGrid, SRT, VTT, Whisper JSON or plain text; for the player's words and the lips.
        seed: another one gives another take.
        seated: sit instead of stand.
        start_pose: the pose to begin in, the first frame of a motion or motion file, or with
            "FILE@SECONDS" that moment of it; rest if not given. A pose that faces more than 45 degrees
            aside is turned to the front. A model of emotion goes on from what led to that moment, too, and
            from the end of a motion that is given as such.
        end_pose: the pose to end in, likewise; the last frame.
        faithfulness: of exges: how much of the retrieved gestures is kept, 0 to 1.
        constraint: of exges: motion that must be met exactly, "FILE@START:END" or "FILE@START:END:JOINTS"
            with joints or groups by name; a file of one frame is a pose that is held.
        base: of exges: the gesture library that gestures are taken from; the model's own if None.
        base_model: of exges: what the base's keys were made with, if that is no shipped model.
        model: a shipped model's name, a model folder or a loaded model.
    Raises:
        UserError: anything given that cannot be used.
    """
    if not isinstance(model, str | Path) and (base is not None or base_model is not None):
        raise UserError("this model is loaded already; give its base to load(), as in load(NAME, base=FOLDER)")
    emotion = mood(emotion)
    track = read_track(emotion_track) if isinstance(emotion_track, str | Path) else emotion_track or ()
    loaded = load(model, base=base, base_model=base_model) if isinstance(model, str | Path) else model
    heard = load_speech(speech, transcript=transcript)
    if emotion == AUTO:
        known = getattr(loaded, "emotions", EMOTIONS)
        emotion = heard_mixture(hear_emotion(heard, model=loaded), known=known)
    more: dict[str, Any] = {}
    if hasattr(loaded, "with_library"):
        pins_given = (constraint,) if isinstance(constraint, Pin) else several(constraint)
        pins = tuple(p if isinstance(p, Pin) else pin(p, heard.seconds) for p in pins_given)
        more = {"faithfulness": faithfulness, "pins": pins}
    elif faithfulness is not None or constraint:
        raise UserError(
            f"the model {loaded.name} knows no faithfulness and no constraint; choose --model exges, or leave them out"
        )
    if hasattr(loaded, "hear"):
        more = {"emotion_track": track, "variety": variety}
    elif variety is not None or track:
        raise UserError(
            f"the model {loaded.name} knows no variety and no track of emotions; choose --model emotion, "
            "or leave them out"
        )
    before = loaded.history if hasattr(loaded, "history") else 0
    return loaded.generate(
        heard,
        emotion=emotion,
        intensity=intensity,
        speaker=speaker,
        seed=seed,
        seated=seated,
        start_pose=pose(start_pose, before=before),
        end_pose=pose(end_pose, last=True),
        **more,
    )


def check_target(path: str | Path, *, suffixes: tuple[str, ...] | None = None) -> Path:
    """An output path that can be written, by suffix and folder; before any work is done.

    Args:
        suffixes: those that are allowed; all that can be written unless given.
    Raises:
        UserError: unknown suffix, missing or unwritable folder, or a folder in the file's place.
    """
    path = file_path(path, "where to write")
    suffix = path.suffix.lower()
    writable = suffix in suffixes if suffixes else suffix in FORMATS and FORMATS.get(suffix).write is not None
    if not writable:
        known = ", ".join(suffixes or known_suffixes("write"))
        raise UserError(f"cannot write {path}: unknown suffix {path.suffix!r}; known: {known}")
    check_folder(path)
    return path


def write(motion: Motion | Keypoints, path: str | Path, *, speech: Speech | None = None) -> Path:
    """Write motion to any format that is known, the pictures included; points in a picture to .json."""
    path = check_target(path)
    if isinstance(motion, Keypoints):
        return motion.save(path)
    options = {"speech": speech} if "speech" in FORMATS.get(path.suffix.lower()).options("write") else {}
    return motion.save(path, **options)


def check_explained(model: GestureModel, path: str | Path) -> Path:
    """Where an explanation is to be written, before any work is done.

    Raises:
        UserError: the model explains nothing, or the folder cannot be written.
    """
    if not hasattr(model, "with_library"):
        raise UserError(f"the model {model.name} explains nothing; leave --explain out, or choose exges")
    check_folder(path)
    return Path(path)


def write_explanation(motion: Motion | Keypoints, path: str | Path) -> Path:
    """Write as JSON where the gestures of a motion come from (``motion.extra["explain"]``).

    Raises:
        UserError: the motion has no explanation: it was not made from a gesture library.
    """
    if isinstance(motion, Keypoints) or "explain" not in motion.extra:
        raise UserError("this motion has no explanation; only models of exges take gestures from a base")
    with atomic_path(Path(path)) as temporary:
        text = json.dumps(motion.extra["explain"], indent=1, ensure_ascii=False)
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def render(motion: Motion, path: str | Path, *, speech: Speech | None = None) -> Path:
    """Draw motion on the default avatar: .mp4 (a film) or .html (one page that plays anywhere, offline).

    Motion of a known rig is retargeted first.
    """
    check_target(path, suffixes=known_suffixes("write", content="picture"))
    return write(motion, path, speech=speech)


def convert(source: str | Path, out: str | Path) -> Path:
    """Motion from one format to another; rigs that are known are retargeted where the target needs it."""
    out = check_target(out)
    motion = load_motion(source)
    if not FORMATS.get(out.suffix.lower()).any_rig:
        motion = on_canonical(motion)
    return write(motion, out)


def evaluate(
    systems: str | Path | GestureModel | Sequence[str | Path | GestureModel],
    data: str | Path,
    *,
    out: str | Path | None = None,
    metrics: str | Sequence[str] | None = None,
    split: str = "test",
    clips: int = 120,
    extractor: str | Path = "extractor",
    classifier: str | Path = "emotion-classifier",
    seed: int = 0,
) -> Report:
    """Measure models or folders of motion beside real motion and baselines (``evaluation.evaluate``).

    Args:
        systems: one or several: shipped models by name, model folders, loaded models, or folders of motion
            files named after the clips; with several, every pair is compared on the same clips.
        data: store made by ``prepare``.
        out: folder for report.html, report.json and clips.csv; nothing is written without it.
        metrics: one or several groups of figures, of ``evaluation.groups.METRICS``; all of them if None. Of fgd,
            names in _requested are distances to the speakers that a model imitates, where it does not know those
            of the split (``evaluation.requested_speakers``).
        split: of the dataset.
        clips: speeches at most.
        extractor: features for distances, a shipped model or a folder.
        classifier: of emotions, a shipped model or a folder.
        seed: of the choice of clips and of generation.
    Raises:
        UserError: anything given that cannot be used, too little data for a number, or a model that reads
            columns of encoders that the dataset was prepared without.
    """
    from ..evaluation.evaluate import evaluate as run
    from ..evaluation.systems import FolderSystem, ModelSystem, System

    chosen: list[System] = []
    for system in several(systems):
        if not isinstance(system, str | Path):
            chosen.append(ModelSystem(system, seed=seed))
        elif Path(system).is_dir() and not (Path(system) / "config.json").is_file():
            chosen.append(FolderSystem(system))
        else:
            chosen.append(ModelSystem(load(system), seed=seed))
    return run(
        chosen,
        data,
        out=out,
        metrics=None if metrics is None else several(metrics),
        split=split,
        clips=clips,
        extractor=extractor,
        classifier=classifier,
        seed=seed,
        player=_page,
    )


def _page(motion: Motion, path: Path, title: str) -> Path:
    from ..avatar.page import write_html
    from ..motion.phases import phases

    return write_html(motion, path, phases=phases(motion), title=title, level=1)


def compare(
    systems: str | Path | GestureModel | Sequence[str | Path | GestureModel],
    data: str | Path,
    *,
    out: str | Path | None = None,
    metrics: str | Sequence[str] | None = None,
    split: str = "test",
    clips: int = 120,
    extractor: str | Path = "extractor",
    classifier: str | Path = "emotion-classifier",
    seed: int = 0,
) -> Report:
    """``evaluate`` for two systems or more; ``Report.differences`` has the paired intervals.

    Args:
        systems: two or more, see ``evaluate``.

    Raises:
        UserError: fewer than two systems, and what ``evaluate`` raises.
    """
    systems = several(systems)
    if len(systems) < 2:
        raise UserError(f"two systems or more are compared; got {len(systems)}, use evaluate for one")
    return evaluate(
        systems,
        data,
        out=out,
        metrics=metrics,
        split=split,
        clips=clips,
        extractor=extractor,
        classifier=classifier,
        seed=seed,
    )


def animate(
    portrait: str | Path | Portrait,
    speech: SpeechLike,
    out: str | Path,
    *,
    motion: str | Path | Motion | Keypoints | None = None,
    points: str | Path | None = None,
    emotion: str | Mapping[str, float] | None = None,
    intensity: float = 1.0,
    speaker: str | None = None,
    transcript: str | Path | None = None,
    seed: int = 0,
    model: str | Path | GestureModel = "contextual",
    size: int = 512,
    strength: float = 1.0,
    refine: str | Path = "portrait",
    mark: bool = True,
) -> Path:
    """A film in which a portrait gestures and speaks, exactly as long as the recording, with its sound.

    Args:
        portrait: a picture of one person from head to waist, facing the camera, or an opened one.
        speech: a sound or video file, (samples, rate), or a loaded ``Speech``.
        out: the film, *.mp4; it appears whole or not at all.
        motion: what to move as, a motion file or points in a picture, instead of generating.
        points: JSON of the portrait's points from another detector, instead of looking for them.
        emotion, intensity, speaker, transcript, seed, model: as of ``generate``.
        size: of the longer side, pixels.
        strength: 0 (still) to 1 of the gestures.
        refine: the network that paints what warping cannot: the shipped one, a model folder, or "none".
        mark: carry the watermark and the record that tell it is made.
    Raises:
        UserError: anything given that cannot be used, or a portrait without a face or shoulders.
    """
    from ..video.films.animate import animate_portrait, check_film, open_driver
    from ..video.films.portrait import Portrait, open_portrait
    from ..video.warping.refine import open_refiner

    check_film(out)
    open_refiner(refine)  # a wrong name is told before anything is made
    heard = load_speech(speech, transcript=transcript)
    if not isinstance(portrait, Portrait):
        portrait = open_portrait(portrait, points=points, size=size)
    maker = "motion"
    if motion is None:
        maker = Path(model).name if isinstance(model, str | Path) else model.name
        motion = generate(heard, emotion=emotion, intensity=intensity, speaker=speaker, seed=seed, model=model)
    elif not isinstance(motion, Motion | Keypoints):
        motion = open_driver(motion)
    return animate_portrait(
        portrait, motion, out, speech=heard, strength=strength, refine=refine, mark=mark, model=maker
    )
