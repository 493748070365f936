"""The calls behind the commands: speech in, motion out; motion from format to format; motion to pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from ..avatar.body import BODIES, ColoursLike
from ..core.arguments import file_path, several, with_arguments_of
from ..core.errors import UserError
from ..core.files import atomic_path, check_folder
from ..core.timing import seconds_to_frame
from ..loading import load
from ..methods.base import GestureModel
from ..methods.conditioning import AUTO as AUTO
from ..methods.options import Keywords, with_declared
from ..motion.formats import FORMATS, known_suffixes
from ..motion.formats.keypoints import Keypoints
from ..motion.formats.visemes import SUFFIX as VISEMES_SUFFIX
from ..motion.formats.visemes import save_visemes
from ..motion.motion import Motion, load_motion
from ..motion.retarget import on_canonical
from ..motion.robots.robot_files import check_robot_target, save_robot_motion
from ..speech.loading import SpeechLike, load_speech, with_words
from ..speech.speech import Speech
from .character import CharacterLike, check_onto, takes_character
from .editing import edit as edit
from .face import add_face as add_face
from .face import carries_face as carries_face
from .face import check_face_target as check_face_target
from .face import face_options as face_options
from .face import placed_speech as placed_speech
from .gestures import add_gesture as add_gesture
from .gestures import find_gestures as find_gestures
from .gestures import gestures as gestures
from .gestures import perform_gestures as perform_gestures
from .gestures import show_gesture as show_gesture
from .inputs import ModelLike, checked_options, open_model, with_detected_emotion
from .rig import RigReport as RigReport
from .rig import reading_options
from .rig import recognise_rig as recognise_rig
from .robots import check_alone
from .robots import to_robot as to_robot
from .writing import WriteKeywords
from .writing import check_writing as check_writing
from .writing import options_for as options_for

if TYPE_CHECKING:
    from ..evaluation.report import Report
    from ..video.films.portrait import Portrait


@with_declared("load", "generate")
def generate(
    speech: SpeechLike,
    *,
    transcript: str | Path | None = None,
    lips: str | Path | None = None,
    words: str = "auto",
    words_model: str | Path | None = None,
    model: ModelLike = "contextual",
    **options: Unpack[Keywords],
) -> Motion | Keypoints:
    """Gestures for a recording, exactly as long as it.

    A model of bodies gives ``Motion``, one of keypoints in a picture ``Keypoints``. What can be given beside the
    speech is declared by the model's method (``methods.options``).

    Args:
        speech: a sound or video file, (samples, rate), or a loaded ``Speech``.
        transcript: captions, a recogniser's JSON, TextGrid or plain text; for the player's words and the lips.
        lips: a track of lips that the mouth follows (``speech.lip_track``): ARKit CSV, visemes, Rhubarb.
        words: without a transcript, what hears the words (``speech.recognised_words``): faster-whisper, whisper.cpp,
            auto for what is installed, or off.
        words_model: its model: a folder, a file, or a name that it has in its cache.
        model: a shipped model's name, a model folder or a loaded model.
        options: of the method.
    Raises:
        UserError: anything given that cannot be used, or an option that the method does not take.
    """
    loaded, keywords = open_model(model, options)
    checked = checked_options(loaded, "generate", keywords)
    recording = with_words(load_speech(speech, transcript=transcript, lips=lips), words, model=words_model)
    return loaded.generate(recording, **with_detected_emotion(checked, recording, loaded))


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


def write(
    motion: Motion | Keypoints,
    path: str | Path,
    *,
    speech: Speech | None = None,
    onto: CharacterLike | None = None,
    **options: Unpack[WriteKeywords],
) -> Path:
    """Write motion to any format that is known, the pictures included; points in a picture to .json.

    A file .visemes.json gets the visemes of the speech. ``onto`` names your own character, which .glb and .vrm then
    hold and pictures show; other formats have no place for it.

    Args:
        options: of the file (``api.writing``); one that its format has not is refused.
    """
    path = check_target(path)
    given = check_writing([path], options, onto=onto)
    if path.name.lower().endswith(VISEMES_SUFFIX):
        return save_visemes(path, speech, frames=max(1, seconds_to_frame(len(motion) / motion.fps)))
    if isinstance(motion, Keypoints):
        return motion.save(path)
    known = FORMATS.get(path.suffix.lower()).options("write")
    fps = given.pop("fps", None)
    motion = motion if fps is None else motion.resample(fps)
    if "rig" in given:
        motion = on_canonical(motion)
    given |= {name: value for name, value in {"speech": speech, "onto": onto}.items() if name in known}
    return motion.save(path, **given)


def check_explained(model: GestureModel, path: str | Path) -> Path:
    """Where an explanation is to be written, before any work is done.

    Raises:
        UserError: the model explains nothing, or the folder cannot be written.
    """
    if not model.capabilities.explains:
        raise UserError(f"{model.described} explains nothing; leave --explain out")
    check_folder(path)
    return Path(path)


def write_explanation(motion: Motion | Keypoints, path: str | Path) -> Path:
    """Write as JSON where the gestures of a motion come from (``motion.extra["explain"]``).

    Raises:
        UserError: the motion has no explanation: it was not made from a gesture library.
    """
    if isinstance(motion, Keypoints) or "explain" not in motion.extra:
        raise UserError("this motion has no explanation; its model does not say where gestures come from")
    with atomic_path(Path(path)) as temporary:
        text = json.dumps(motion.extra["explain"], indent=1, ensure_ascii=False)
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def render(
    motion: Motion,
    path: str | Path,
    *,
    speech: Speech | None = None,
    body: str = BODIES[0],
    colours: ColoursLike | None = None,
    onto: CharacterLike | None = None,
) -> Path:
    """Draw motion on one of our bodies, or your own (``onto``): .mp4 (a film) or .html (one page, plays offline).

    Motion of a known rig is retargeted first.

    Args:
        body: "person", "woman" or "mannequin".
        colours: of its clothes, as in "jacket=#345,trousers=navy" or as a dict.
    """
    check_target(path, suffixes=known_suffixes("write", content="picture"))
    return write(motion, path, speech=speech, onto=check_onto(onto, (path,)), body=body, colours=colours)


def convert(
    source: str | Path,
    out: str | Path,
    *,
    speech: SpeechLike | None = None,
    onto: CharacterLike | None = None,
    robot: str | Path | None = None,
    robot_map: str | Path | None = None,
    map: str | Path | None = None,
    animation: str | int | None = None,
    person: str | int | None = None,
    **options: Unpack[WriteKeywords],
) -> Path:
    """Motion from one format to another; rigs that are known are retargeted where the target needs it.

    Args:
        source: a motion file.
        out: where to write; the suffix chooses the format.
        speech: a recording that the motion gets lips and a face from, as by ``add_face``.
        onto: your own character (.glb, .vrm, .fbx), which the motion is put on; FILE@NAME for one of several people.
        robot, robot_map: a humanoid's URDF, whose joint angles are written (.csv, .json), as by ``to_robot``.
        map: JSON that says which joint of the rig is which (``motion.rig_map``).
        animation: of several in the file, by name or number from 0.
        person: likewise.
        options: of the file, as of ``write``.
    Raises:
        UserError: anything given that cannot be used, or, with a speech, a format that carries no face.
    """
    reading = reading_options(map, animation, person)
    if robot is not None or robot_map is not None:
        robot = check_alone(robot, speech, onto)
        check_writing((), options)  # a robot has none of these
        target = check_robot_target(out)
        moved = to_robot(load_motion(source, **reading), robot, robot_map=robot_map)
        return save_robot_motion(moved, target)
    out = check_target(out) if speech is None else check_face_target(out)
    character = check_onto(onto, (out,))
    given = check_writing([out], options, onto=character)
    motion = load_motion(source, **reading)
    if speech is None:
        return write_converted(motion, out, onto=character, **given)
    recording = placed_speech(motion, load_speech(speech))
    return write_converted(add_face(motion, recording), out, speech=recording, onto=character, **given)


def write_converted(motion: Motion, path: str | Path, *, onto: CharacterLike | None = None, **options: Any) -> Path:
    """``write``, retargeted first where the format holds one rig only."""
    path = check_target(path)
    kept = FORMATS.get(path.suffix.lower()).any_rig or (onto is not None and takes_character(path.suffix.lower()))
    kept |= options.get("mesh") is False
    return write(motion if kept else on_canonical(motion), path, onto=onto, **options)


def evaluate(
    systems: ModelLike | Sequence[ModelLike],
    data: str | Path,
    *,
    out: str | Path | None = None,
    metrics: str | Sequence[str] | None = (),
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
        data: folder of a dataset made by ``prepare``.
        out: folder for report.html, report.json and clips.csv; nothing is written without it.
        metrics: one or several groups of figures, of ``evaluation.groups.METRICS``; all of them if none. Of fgd,
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

    file_path(data, "the folder of a dataset")
    chosen: list[System] = []
    for system in several(systems):
        if not isinstance(system, str | Path):
            chosen.append(ModelSystem(open_model(system, {})[0], seed=seed))
        elif Path(system).is_dir() and not (Path(system) / "config.json").is_file():
            chosen.append(FolderSystem(system))
        else:
            chosen.append(ModelSystem(load(system), seed=seed))
    return run(
        chosen,
        data,
        out=out,
        metrics=several(metrics or ()) or None,
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


class EvaluateKeywords(TypedDict, total=False):
    """Keyword arguments of ``evaluate``."""

    out: str | Path | None
    metrics: str | Sequence[str] | None
    split: str
    clips: int
    extractor: str | Path
    classifier: str | Path
    seed: int


@with_arguments_of(evaluate)
def compare(systems: ModelLike | Sequence[ModelLike], data: str | Path, **options: Unpack[EvaluateKeywords]) -> Report:
    """``evaluate`` for two systems or more (fewer are refused); ``Report.differences`` has the paired intervals."""
    systems = several(systems)
    if len(systems) < 2:
        raise UserError(f"two systems or more are compared; got {len(systems)}, use evaluate for one")
    return evaluate(systems, data, **options)


def _best_borne(
    portrait: Portrait, speech: Speech, model: ModelLike, variants: int, strength: float, options: Keywords
) -> Motion | Keypoints:
    """The take of some seeds that a portrait bears best."""
    from ..video.films.animate import estimated_damage

    if variants < 1:
        raise UserError(f"variants must be a whole number from 1 on; got {variants}")
    opened, keywords = open_model(model, options)
    first = int(keywords.get("seed", 0))
    takes = (generate(speech, model=opened, **{**keywords, "seed": first + take}) for take in range(variants))
    if variants == 1:
        return next(takes)
    return min(takes, key=lambda motion: estimated_damage(portrait, motion, strength=strength))


@with_declared("load", "generate")
def animate(
    portrait: str | Path | Portrait,
    speech: SpeechLike,
    out: str | Path,
    *,
    motion: str | Path | Motion | Keypoints | None = None,
    points: str | Path | None = None,
    more: Sequence[str | Path] = (),
    transcript: str | Path | None = None,
    lips: str | Path | None = None,
    model: ModelLike = "contextual",
    size: int = 512,
    strength: float = 1.0,
    crop: str = "auto",
    variants: int = 4,
    refine: str | Path = "portrait",
    mark: bool = True,
    **options: Unpack[Keywords],
) -> Path:
    """A film in which a portrait gestures and speaks, exactly as long as the recording, with its sound.

    Args:
        portrait: a picture of one person from head to waist, facing the camera, or an opened one.
        speech: a sound or video file, (samples, rate), or a loaded ``Speech``.
        out: the film, *.mp4; it appears whole or not at all.
        motion: what to move as, a motion file or points in a picture, instead of generating.
        points: JSON of the portrait's points from another detector, instead of looking for them.
        more: further pictures or films of the same person, which show the hands from other sides.
        transcript, lips, model: as of ``generate``.
        size: of the longer side, pixels.
        strength: 0 (still) to 1 of the gestures.
        crop: what of the picture is shown: "half" for as much as there is of the person, "bust" for head and
            shoulders, "auto" for those where no hand can be shown moving.
        variants: so many takes are generated, of this seed and those after it, and the one that the portrait bears
            best is drawn.
        refine: the network that paints what warping cannot: the shipped one, a model folder, or "none".
        mark: add the watermark and the record that say it is generated.
        options: of the method, as of ``generate``.
    Raises:
        UserError: anything given that cannot be used, or a portrait without a face or shoulders.
    """
    from ..video.films.animate import animate_portrait, check_film, open_driver
    from ..video.films.further_pictures import with_further_views
    from ..video.films.portrait import Portrait, open_portrait
    from ..video.warping.refine import open_refiner

    check_film(out)
    open_refiner(refine)  # a wrong name is reported before anything is generated
    recording = load_speech(speech, transcript=transcript, lips=lips)
    if not isinstance(portrait, Portrait):
        portrait = open_portrait(portrait, points=points, size=size, crop=crop)
    portrait = with_further_views(portrait, more)
    method = "motion"
    with ThreadPoolExecutor(1) as beside:
        cut = beside.submit(getattr, portrait, "layers")  # while the takes are generated
        if motion is None:
            method = Path(model).name if isinstance(model, str | Path) else model.name
            motion = _best_borne(portrait, recording, model, variants, strength, options)
        elif not isinstance(motion, Motion | Keypoints):
            motion = open_driver(motion)
        cut.result()
    return animate_portrait(
        portrait, motion, out, speech=recording, strength=strength, refine=refine, mark=mark, model=method
    )
