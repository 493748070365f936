"""Films written in pieces: what is copied keeps its bits, and what is encoded again looks the same."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from cospeech.speech.audio import decode
from cospeech.speech.speech import Speech
from cospeech.video.films.footage import open_footage
from cospeech.video.films.pieces import LEAST_PSNR, frame_psnr, write_film

FRAMES, WIDTH, HEIGHT = 48, 128, 96
FIRST, END = 20, 30  # frames that are new


def source(path, options=(), *, codec="libx264", pixels="yuv420p", aspect=None, cut=()):
    """A film of noise that drifts, and that changes abruptly at the frames ``cut``."""
    rng = np.random.default_rng(0)
    still = rng.normal(128, 40, (HEIGHT + 60, WIDTH + 60, 3))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for k in range(FRAMES):
            picture = still[k : k + HEIGHT, k : k + WIDTH] + rng.normal(0, 3, (HEIGHT, WIDTH, 3))
            picture = 255 - picture if any(k >= at for at in cut) else picture
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode(None))
    return path


def rewritten(film, out, new=(slice(FIRST, END),), **options):
    """The PSNR of every frame when some are replaced by flat ones."""
    footage = open_footage(film)
    inside = np.zeros(footage.frames, bool)
    for span in new:
        inside[span] = True
    flat = (np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8) for _ in range(int(inside.sum())))
    write_film(out, inside, flat, footage, **{"speech": None, "quality": 16, "metadata": {}, **options})
    again = open_footage(out)
    assert (again.size, again.fps, again.frames) == (footage.size, footage.fps, footage.frames)
    quality = np.array([frame_psnr(*pair) for pair in zip(footage.planes(), again.planes(), strict=True)])
    assert (quality[inside] < 30).all()
    assert (quality[~inside] >= LEAST_PSNR).all()
    return np.isinf(quality)


KEYS = {"keyint": "12", "min-keyint": "12", "scenecut": "0"}


@pytest.mark.parametrize(
    "options",
    [
        {"crf": "30"},
        {"crf": "20", "bf": "0"},
        {"crf": "24", "profile": "baseline"},
        {"crf": "24", "x264-params": "bframes=6:b-pyramid=normal:b-adapt=0"},
    ],
    ids=["usual", "without B", "baseline", "many B"],
)
def test_frames_before_a_span_keep_their_bits(tmp_path, options):
    exact = rewritten(source(tmp_path / "film.mp4", options), tmp_path / "new.mp4")
    assert exact[: FIRST - 7].all()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_frames_from_the_next_key_frame_on_keep_their_bits(tmp_path, suffix):
    keys = ":".join(f"{name}={value}" for name, value in KEYS.items())
    film = source(tmp_path / f"film{suffix}", {"crf": "24", "bf": "0", "x264-params": keys})
    exact = rewritten(film, tmp_path / "new.mp4")
    assert exact[:FIRST].all()
    assert exact[36:].all()
    exact = rewritten(film, tmp_path / "new.mov", (slice(0, 5), slice(14, 20), slice(22, 24), slice(40, FRAMES)))
    assert exact[12:14].all()
    assert exact[24:40].all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("film.mp4", {"pixels": "yuv444p"}),
        ("film.mp4", {"pixels": "yuvj420p"}),
        ("film.mp4", {"options": {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0"}}),
        ("film.avi", {"codec": "mpeg4", "options": {"q": "3"}}),
        ("film.webm", {"codec": "libvpx-vp9", "options": {"crf": "24", "b": "0", "cpu-used": "8"}}),
    ],
    ids=["4:4:4", "full range", "open groups", "mpeg4", "vp9"],
)
def test_what_cannot_be_copied_looks_the_same(tmp_path, name, options):
    if options.get("codec", "libx264") not in av.codecs_available:
        pytest.skip("this build of FFmpeg does not have the encoder")
    rewritten(source(tmp_path / name, **options), tmp_path / "new.mp4")


def test_the_shape_of_pixels_stays(tmp_path):
    film = source(tmp_path / "film.mp4", aspect=Fraction(4, 3))
    rewritten(film, tmp_path / "new.mp4")
    assert open_footage(film).aspect == open_footage(tmp_path / "new.mp4").aspect == Fraction(4, 3)


def test_sound_and_tags_go_along(tmp_path):
    film = source(tmp_path / "film.mp4")
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(FRAMES * 640) / 16_000)
    speech = Speech(tone.astype(np.float32))
    rewritten(film, tmp_path / "new.mp4", speech=speech, metadata={"comment": "a comment"})
    assert np.corrcoef(decode(tmp_path / "new.mp4")[:30_000], tone[:30_000])[0, 1] > 0.99
    assert open_footage(tmp_path / "new.mp4").about["comment"] == "a comment"
