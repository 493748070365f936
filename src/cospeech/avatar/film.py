"""Motion to mp4 with its sound, and to a sheet of still pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import UserError
from ..core.files import atomic_path
from ..core.progress import track
from ..core.timing import rate_fraction
from ..motion.formats import Format
from ..motion.motion import Motion
from ..motion.retarget import on_canonical
from ..speech.speech import Speech
from .body import BodyLike, ColoursLike
from .camera import Camera, frame_motion
from .character.character import Character, open_character
from .frames import picture_size, render_frames

FILM_SIZE = (960, 720)  # pixels of a film: a face is about 110 wide, and arms that are spread stay in the picture
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
AAC_FRAME = 1024  # samples
BT709 = (1, 1, 1)  # colour space, primaries, curve


def render_video(
    motion: Motion,
    path: str | Path,
    *,
    speech: Speech | None = None,
    size: int | tuple[int, int] = FILM_SIZE,
    fps: float | None = None,
    view: str = "gesture",
    camera: Camera | None = None,
    level: int | None = None,
    backend: str = "auto",
    workers: int | None = None,
    quality: int = 20,
    quiet: bool = False,
    body: BodyLike | None = None,
    colours: ColoursLike | None = None,
    onto: str | Path | Character | None = None,
) -> Path:
    """Draw a motion to an mp4 file (H.264, AAC), exactly as long as the motion.

    Args:
        motion: on the canonical joints or any rig that is known.
        path: the file, *.mp4; it appears whole or not at all.
        speech: its sound goes along, from the first frame on; cut or filled with silence to the
            motion's length.
        size: pixels, one number for a square or (width, height), even.
        fps: frames a second; by default the motion's own.
        view, camera, level, backend, workers: see ``render_frames``.
        quality: x264's constant rate factor, 0 (lossless) to 51; lower is better and larger.
        quiet: no progress bar.
        body: "person", "woman", "mannequin", or another body bound to the canonical joints.
        colours: of its clothes, as in "jacket=#345,trousers=navy" or as a dict.
        onto: a user's own character, which is drawn instead of our person.

    Returns:
        The path.

    Raises:
        UserError: an odd size, an empty motion, a place that cannot be written to, or what
            ``render_frames`` raises.
    """
    path = Path(path)
    width, height = picture_size(size)
    if width % 2 or height % 2:
        raise UserError(f"an H.264 picture needs even width and height; got {width} x {height}")
    if path.suffix.lower() not in (".mp4", ".m4v", ".mov"):
        raise UserError(f"a video is written as .mp4, .m4v or .mov; got {path.name}")
    if fps is not None and not 1 <= fps <= 240:
        raise UserError(f"frames a second must be 1 to 240; got {fps}")
    character = None if onto is None else open_character(onto)
    motion = on_canonical(motion, separate=character is None)
    if fps is not None:
        motion = motion.resample(fps)
    frames = render_frames(
        motion,
        size=(width, height),
        view=view,
        camera=camera,
        level=level,
        backend=backend,
        workers=workers,
        body=body,
        colours=colours,
        onto=character,
    )
    with atomic_path(path) as temporary:
        shown = track(frames, "drawing", total=motion.frames, quiet=quiet)
        write_video(temporary, shown, motion.frames, motion.fps, (width, height), speech=speech, quality=quality)
    return path


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    count: int,
    fps: float,
    size: tuple[int, int],
    *,
    speech: Speech | None = None,
    quality: int = 20,
    metadata: Mapping[str, str] | None = None,
    colours: tuple[int, int, int] = BT709,
) -> None:
    """Encode pictures and a sound into a file, in step.

    Args:
        path: the file; its suffix chooses the container.
        frames: the pictures, ``count`` of them: [H, W, 3] uint8 sRGB, or [3 H / 2, W] uint8 planes of YUV
            4:2:0 (Y, U, V), which go to the encoder as they are.
        count: how many.
        fps: frames a second.
        size: (width, height) of the pictures, even.
        speech: the sound, cut or filled to ``count / fps`` seconds.
        quality: x264's constant rate factor.
        metadata: what the container says of the video: title, comment, description ...; names that mp4 does
            not know are lost.
        colours: colour space, primaries and curve of planes, by their numbers in H.264.
    """
    import av
    from av.video.reformatter import Colorspace

    rate = rate_fraction(fps)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        container.metadata.update(metadata or {})
        video: Any = container.add_stream("libx264" if "libx264" in av.codecs_available else "h264", rate=rate)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = 1 / rate
        video.options = {"crf": str(quality), "preset": "veryfast"}
        # BT.709, and said so, else players guess and skin turns greenish.
        context = video.codec_context
        context.colorspace, context.color_primaries, context.color_trc = colours
        sound = None
        if speech is not None:
            sound = AacTrack(container, *aac_samples(speech, count, fps))
        for index, picture in enumerate(frames):
            planes = picture.ndim == 2
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="yuv420p" if planes else "rgb24")
            if not planes:
                frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(video.encode(frame))
            if sound is not None:
                sound.write_until((index + 1) / fps)
        container.mux(video.encode(None))
        if sound is not None:
            sound.finish()


def aac_samples(speech: Speech, count: int, fps: float) -> tuple[np.ndarray, int]:
    """Samples [N] float32 of exactly count / fps seconds, and a rate that AAC knows."""
    samples, rate = speech.samples, speech.sample_rate
    if rate not in AAC_RATES:
        import soxr

        samples, rate = soxr.resample(samples, rate, 48000), 48000
    wanted = round(count * rate / rate_fraction(fps))
    samples = samples[:wanted]
    return np.pad(samples, (0, wanted - len(samples))).astype(np.float32), rate


class AacTrack:
    """An AAC stream that is written along with the pictures."""

    def __init__(self, container: Any, samples: np.ndarray, rate: int) -> None:
        self.container, self.samples, self.rate, self.at = container, samples, rate, 0
        self.stream = container.add_stream("aac", rate=rate)
        self.stream.codec_context.layout = "mono"
        self.stream.codec_context.bit_rate = 96_000 if rate >= 16000 else 48_000

    def write_until(self, seconds: float) -> None:
        """Encode what is heard up to some seconds."""
        import av

        while self.at < min(seconds * self.rate, len(self.samples)):
            block = self.samples[self.at : self.at + AAC_FRAME]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = self.rate, self.at
            self.container.mux(self.stream.encode(frame))
            self.at += len(block)

    def finish(self) -> None:
        """Encode the rest."""
        self.write_until(float("inf"))
        self.container.mux(self.stream.encode(None))


def contact_sheet(
    motion: Motion,
    path: str | Path,
    *,
    rows: int = 3,
    columns: int = 4,
    size: int | tuple[int, int] = 256,
    view: str = "gesture",
    camera: Camera | None = None,
) -> Path:
    """Evenly spaced frames of a motion as one picture, each with its time, to look a motion over.

    Args:
        motion: on the canonical joints.
        path: an image file, as *.png.
        rows, columns: of pictures.
        size: of each picture, pixels.
        view, camera: see ``render_frames``.

    Raises:
        UserError: rows or columns below one, or what ``render_frames`` raises.
    """
    from PIL import Image, ImageDraw

    if rows < 1 or columns < 1:
        raise UserError(f"a sheet has at least one row and column; got {rows} x {columns}")
    width, height = picture_size(size)
    if camera is None:
        camera = frame_motion(motion, view=view, aspect=width / height)
    count = rows * columns
    chosen = np.linspace(0, motion.frames - 1, count).round().astype(int)
    picked = Motion(
        motion.skeleton,
        motion.fps,
        motion.rotations[chosen],
        motion.translation[chosen],
        None if motion.face is None else motion.face[chosen],
    )
    sheet = Image.new("RGB", (columns * width, rows * height))
    for i, picture in enumerate(render_frames(picked, size=(width, height), camera=camera, backend="software")):
        tile = Image.fromarray(picture)
        ImageDraw.Draw(tile).text((6, 4), f"{chosen[i] / motion.fps:.2f} s", fill=(60, 66, 76))
        sheet.paste(tile, ((i % columns) * width, (i // columns) * height))
    path = Path(path)
    with atomic_path(path) as temporary:
        try:
            sheet.save(temporary)
        except ValueError:
            raise UserError(f"cannot tell the kind of picture from {path.name}; end it in .png") from None
    return path


FORMAT = Format(".mp4", "a video of the avatar, H.264 and AAC", write=render_video, content="picture", face=True)
