"""The commands of portrait video: cospeech video with commands of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Unpack

from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg

from ..core.errors import UserError
from ..core.files import check_folder, same_file
from ..core.progress import note
from .annotations import (
    Clip,
    Count,
    DatasetFolder,
    MaybeCount,
    MaybeFile,
    MaybeFolder,
    MaybeName,
    MaybeNumber,
    Model,
    OutFolder,
    Recording,
    RigMap,
)
from .declared import takes
from .outputs import done, files_in, not_over, numbered
from .training import need_torch

if TYPE_CHECKING:
    from ..methods.options import Keywords
    from ..motion.formats.keypoints import Keypoints
    from ..motion.motion import Motion

Files = UseAppendAction[Annotated[tuple[Path, ...], arg(metavar="FILE|FOLDER", help_behavior_hint="")]]
Pictures = UseAppendAction[Annotated[tuple[Path, ...], arg(metavar="PICTURE|FILM", help_behavior_hint="")]]
PictureOrFilm = Annotated[Path, arg(metavar="PICTURE|FILM")]
PointsFile = Annotated[Path, arg(aliases=["-o"], metavar="FILE.json")]
MaybePython = Annotated[str | None, arg(metavar="PYTHON", help_behavior_hint="")]


def setup(
    *, folder: MaybeFolder = None, python: MaybePython = None, wheel: MaybeFile = None, matting: MaybeFile = None
) -> None:
    """Fetch the networks that find a person's points and outline in pictures, once: 172 MB, of which 65 are kept.

    Args:
        folder: where; a folder of the user's data unless given. One elsewhere has to be named afterwards
            with COSPEECH_KEYPOINTS.
        python: a Python whose pip downloads; the running one unless given.
        wheel: the wheel of mediapipe 0.10.21, if it is downloaded already.
        matting: the npm package @imgly/background-removal-data 1.4.5 (.tgz), if it is downloaded already.
    """
    began = time.monotonic()
    from ..video.detection.matting_setup import setup_matting
    from ..video.detection.setup import FOLDER, setup_video

    found = setup_video(folder, python=python, wheel=wheel)
    try:
        setup_matting(folder, package=matting)
    except UserError as error:
        if matting is not None:
            raise
        note(f"portraits are cut out less exactly, as the matting network is not there: {error}")
    what = f"set {FOLDER}={found.parent}" if folder else "cospeech video keypoints PICTURE -o points.json"
    note(f"the networks are ready in {found} after {time.monotonic() - began:.0f} s; next: {what}")


def keypoints(
    path: Positional[PictureOrFilm],
    /,
    *,
    out: PointsFile,
    points: MaybeFile = None,
    cache: Annotated[bool, arg(help_behavior_hint="")] = True,
) -> None:
    """Find the points of the one person in a picture or film, and fill in what is not seen.

    Args:
        path: a picture (PNG, JPEG, WebP) or a film.
        out: where to write: 116 points in pixels, with how sure each is.
        points: JSON of another detector (MMPose, DWPose, OpenPose), which is read instead of looking.
        cache: look up what was found before; --no-cache to look anew and keep nothing.
    """
    began = time.monotonic()
    from ..video.detection.keypoints import video_keypoints

    if out.suffix.lower() != ".json":
        raise UserError(f"points in a picture go into .json files; got {out}, name a .json file")
    check_folder(out)
    not_over(out, path, points)
    found = video_keypoints(path, points=points, cache=cache)
    found.save(out)
    done((out,), began, f"{found.frames} frame{'s' if found.frames > 1 else ''} of {len(found.names)} points")


@takes("load", "generate")
def animate(
    portrait: Positional[Annotated[Path, arg(metavar="PORTRAIT")]],
    speech: Positional[Recording],
    /,
    *,
    out: Annotated[Path | None, arg(aliases=["-o"], metavar="FILE.mp4", help_behavior_hint="")] = None,
    motion: MaybeFile = None,
    points: MaybeFile = None,
    more: Pictures = (),
    transcript: MaybeFile = None,
    no_transcript: FlagCreatePairsOff[bool] = False,
    lips: MaybeFile = None,
    model: Model = "contextual",
    size: Annotated[int, arg(metavar="PIXELS")] = 512,
    strength: Annotated[float, arg(metavar="X")] = 1.0,
    crop: Literal["auto", "bust", "half"] = "auto",
    variants: Count = 4,
    best: Annotated[bool, arg(help_behavior_hint="")] = True,
    fast: FlagCreatePairsOff[bool] = False,
    refine: Annotated[str, arg(metavar="NAME|FOLDER|none")] = "portrait",
    mark: Annotated[bool, arg(help_behavior_hint="")] = True,
    map: RigMap = None,
    animation: Clip = None,
    person: Clip = None,
    **options: Unpack[Keywords],
) -> None:
    """Turn a portrait and a recording into a film of that person who gestures and speaks.

    Args:
        portrait: a picture of one person from head to waist, facing the camera (PNG, JPEG, WebP).
        speech: a sound file (wav, flac, mp3, ogg, m4a, webm), or a video with sound.
        out: the film to write, *.mp4; named after the speech unless given.
        motion: what to move as, a motion file or points in a picture (.json), instead of generating.
        points: JSON of the portrait's points from another detector (MMPose, DWPose, OpenPose).
        more: a further picture or film of the person, which shows the hands from another side. Takes several.
        transcript: what is said: captions, a recogniser's JSON, TextGrid or plain text; it helps the lips. One
            that lies beside the recording under its name is taken by itself if it fits.
        no_transcript: leave out what lies beside the recording.
        lips: a track that the mouth follows: ARKit CSV, Oculus or VRM visemes (CSV, JSON), Rhubarb, TextGrid phones.
        model: a shipped model (contextual, emotion, exges) or a model folder.
        size: of the longer side, pixels.
        strength: 0 (still) to 1 of the gestures.
        crop: what of the picture is shown: half for as much as there is of the person, bust for head and shoulders,
            auto for those where no hand can be shown moving.
        variants: so many takes, of this seed and those after it, of which the best borne by the portrait is drawn.
        best: choose among the takes; --no-best to draw all of them, into files with numbers.
        fast: one take, without the network; twice as fast.
        refine: the network that paints what warping cannot: the shipped one, a folder, or none.
        mark: add the watermark and the record that say it is generated; --no-mark to leave them out.
        map: JSON that says which joint of the motion's rig is which, as in {"left_foot": "Ball_L"}.
        animation: of several in the motion's file, by name or number from 0.
        person: of several in the motion's file, by name or number from 0.
    """
    began = time.monotonic()
    from .. import api
    from ..api.rig import reading_options
    from ..speech.loading import load_recording
    from ..video.films.further_pictures import with_further_views
    from ..video.films.portrait import open_portrait
    from ..video.warping.refine import NONE, open_refiner

    targets = _films(out, speech, 1 if best or fast or motion is not None else variants)
    for path in targets:
        not_over(
            path, portrait, speech, motion, points, *more, transcript, lips, model, refine, map, *files_in(options)
        )
    driver = _driver(motion, reading_options(map, animation, person))
    recording = load_recording(speech, transcript=transcript, lips=lips, beside=not no_transcript)
    open_refiner(refine)  # a wrong name is reported before points are looked for
    opened = with_further_views(open_portrait(portrait, points=points, size=size, crop=crop), more)
    chosen: dict[str, Any] = {"strength": strength, "variants": variants if best and not fast else 1, "mark": mark}
    first = options.get("seed", 0)
    for take, path in enumerate(targets):
        options["seed"] = first + take
        look = NONE if fast else refine
        api.animate(opened, recording, path, motion=driver, model=model, refine=look, **chosen, **options)
    done(targets, began, f"{recording.seconds:.1f} s of film")


def _films(out: Path | None, speech: Path, count: int) -> tuple[Path, ...]:
    """Where films are written: in the current folder under the speech's name unless said."""
    if out is None:
        out = Path(f"{speech.stem}.mp4")
        if same_file(out, speech):
            out = Path(f"{speech.stem}-animated.mp4")
    return numbered((out,), count)


def _driver(path: Path | None, reading: dict[str, Any]) -> Motion | Keypoints | None:
    """What a portrait moves as, of a file. Raises UserError if it cannot be read."""
    from ..video.films.animate import open_driver

    if path is not None:
        return open_driver(path, **reading)
    if reading:
        raise UserError(f"{next(iter(reading))} is of the file that --motion names; name one, or leave it out")
    return None


def train_video(
    *,
    out: OutFolder,
    video: Files = (),
    portraits: Files = (),
    people: Files = (),
    preset: str = "default",
    steps: MaybeCount = None,
    adversarial: MaybeNumber = None,
    start: Annotated[str, arg(metavar="NAME|FOLDER|none")] = "portrait",
    seed: Count = 0,
    name: MaybeName = None,
) -> None:
    """Learn the looks of a person from films of them, or those of many (needs the extra [train]).

    Args:
        out: run folder; the model folder is OUT/model, for animate with --refine OUT/model.
        video: films of one person before a still camera. Takes several.
        portraits: pictures, or folders of them; they are moved by their layers. Takes several.
        people: folders of drawn people, made by video people. Takes several.
        preset: tiny, default or large (for a GPU).
        steps: instead of the preset's.
        adversarial: weight of the loss by a critic that sees the edges between keypoints; 0 for none.
        start: weights to begin with: the shipped model, a model folder, or none for new ones.
        seed: of weights, poses and batches.
        name: the model's name; that of the folder unless given.
    """
    need_torch()
    from ..video.training.train import train_video as run

    model = run(
        out,
        video=video,
        portraits=portraits,
        people=people,
        preset=preset,
        steps=steps,
        adversarial=adversarial,
        start=start,
        seed=seed,
        name=name,
    )
    note(f"wrote {model}; next: cospeech animate PORTRAIT SPEECH --refine {model}")


def people(
    dataset: Positional[DatasetFolder],
    /,
    *,
    out: OutFolder,
    count: Count = 500,
    frames_each: Count = 6,
    size: Annotated[int, arg(metavar="PIXELS")] = 256,
    seed: Count = 0,
    split: str = "train",
    film: FlagCreatePairsOff[bool] = False,
) -> None:
    """Draw people of many looks who move as in a dataset, to train portrait video on.

    Args:
        dataset: folder made by prepare, with recorded motion.
        out: folder of the corpus; goes on where it was interrupted.
        count: how many people.
        frames_each: pictures of each.
        size: pixels of their sides.
        seed: of looks and moments.
        split: of the dataset, whose actors move.
        film: consecutive pictures at 30 a second instead of poses far apart.
    """
    from ..video.synthetic.corpus import build_synthetic_people

    build_synthetic_people(
        dataset, out, count=count, frames_each=frames_each, size=size, seed=seed, split=split, film=film
    )
    note(f"wrote {out}; next: cospeech train video --people {out} -o RUN")


VIDEO_COMMANDS: dict[str, Any] = {
    "animate": animate,
    "train video": train_video,
    "video people": people,
    "video setup": setup,
    "video keypoints": keypoints,
}
