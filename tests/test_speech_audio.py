"""Decoding: every format there and back, and one clear line for every file that cannot be used."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cospeech.core.errors import UserError
from cospeech.speech.audio import decode, resample, write_wav

soundfile = pytest.importorskip("soundfile")


def tone(seconds: float, rate: int, *, channels: int = 1, hertz: float = 300.0) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * hertz * time)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def likeness(found: np.ndarray, hertz: float = 300.0) -> float:
    """How much of the sound is the tone, whatever its phase."""
    middle = found[len(found) // 4 : 3 * len(found) // 4].astype(np.float64)
    time = np.arange(len(middle)) / 16000
    part = 2.0 * np.abs(np.mean(middle * np.exp(-2j * np.pi * hertz * time)))
    return part / np.sqrt(2.0 * np.mean(middle**2))


@pytest.mark.parametrize(
    ("suffix", "rate", "channels"),
    [
        ("wav", 16000, 1),
        ("wav", 8000, 1),
        ("wav", 44100, 2),
        ("wav", 96000, 6),
        ("wav", 11025, 1),
        ("flac", 48000, 2),
        ("ogg", 44100, 1),
        ("mp3", 44100, 2),
    ],
)
def test_sound_files(tmp_path, suffix, rate, channels):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(1.3, rate, channels=channels), rate)
    found = decode(path)
    assert found.dtype == np.float32
    assert found.ndim == 1
    assert abs(len(found) - 1.3 * 16000) <= (1 if suffix in ("wav", "flac") else 2400)
    assert likeness(found) > 0.99
    assert abs(np.abs(found[4000:16000]).max() - 0.5) < 0.03


@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "picture"),
    [("m4a", "aac", 44100, None), ("webm", "libopus", 48000, None), ("mp4", "aac", 48000, "mpeg4")],
)
def test_containers(tmp_path, suffix, codec, rate, picture):
    path = tmp_path / f"tone.{suffix}"
    write_container(path, codec, rate, picture)
    found = decode(path)
    assert abs(len(found) / 16000 - 1.5) < 0.1
    assert likeness(found) > 0.98
    assert np.abs(found).max() <= 1.0


def write_container(path, codec: str | None, rate: int, picture: str | None) -> None:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        video = container.add_stream(picture, rate=25) if picture else None
        audio = container.add_stream(codec, rate=rate) if codec else None
        if audio:
            audio.layout = "stereo"
        if video:
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
            for _ in range(5):
                image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                container.mux(video.encode(image))
            container.mux(video.encode(None))
        if audio:
            sound = np.ascontiguousarray(tone(1.5, rate, channels=2).T)
            for start in range(0, sound.shape[1], 960):
                part = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(sound[:, start : start + 960]), format="fltp", layout="stereo"
                )
                part.sample_rate, part.pts = rate, start
                container.mux(audio.encode(part))
            container.mux(audio.encode(None))


def test_louder_than_full_scale_is_scaled_not_clipped(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, 6.0 * tone(0.5, 16000), 16000, subtype="FLOAT")
    found = decode(path)
    assert np.abs(found).max() == pytest.approx(1.0)
    assert likeness(found) > 0.9999


def test_full_scale_square_wave_stays_within_range_when_resampled(tmp_path):
    path = tmp_path / "square.wav"
    soundfile.write(path, np.sign(tone(0.5, 44100)), 44100, subtype="FLOAT")
    assert np.abs(decode(path)).max() <= 1.0


def test_silence_is_fine(tmp_path):
    soundfile.write(tmp_path / "quiet.wav", np.zeros(8000), 16000)
    assert not decode(tmp_path / "quiet.wav").any()


def test_write_and_read_again(tmp_path):
    wave = tone(0.4, 16000)[:, 0]
    write_wav(tmp_path / "a.wav", wave)
    np.testing.assert_allclose(decode(tmp_path / "a.wav"), wave, atol=1e-4)
    with pytest.raises(UserError, match=r"\.wav"):
        write_wav(tmp_path / "a.mp3", wave)
    with pytest.raises(ValueError):
        write_wav(tmp_path / "b.wav", np.array([np.nan, 0.0]))


def test_a_file_cut_short_gives_what_it_has(tmp_path):
    whole = tmp_path / "whole.wav"
    soundfile.write(whole, tone(1.0, 16000), 16000)
    (tmp_path / "cut.wav").write_bytes(whole.read_bytes()[:16044])
    assert len(decode(tmp_path / "cut.wav")) == 8000


def test_resampled_length_is_exact():
    assert len(resample(np.zeros(44100, np.float32), rate=44100)) == 16000
    assert len(resample(np.zeros(100, np.float32), rate=96000)) == 17


def bad_files(folder):
    """Every bad input, with what its message must say."""
    (folder / "folder.wav").mkdir()
    (folder / "text.wav").write_text("this is no sound\n" * 50)
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "short.wav", np.zeros(1000), 16000)
    soundfile.write(folder / "none.wav", np.zeros(0), 16000)
    broken = np.zeros(16000)
    broken[8000] = np.nan
    soundfile.write(folder / "nan.wav", broken, 16000, subtype="DOUBLE")
    broken[8000] = np.inf
    soundfile.write(folder / "inf.wav", broken, 16000, subtype="DOUBLE")
    (folder / "random.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    write_container(folder / "mute.mp4", None, 48000, "mpeg4")
    return {
        "missing.wav": "no such file",
        "folder.wav": "is a folder",
        "text.wav": "no recording",
        "empty.wav": "is empty",
        "short.wav": r"lasts 0\.062 s",
        "none.wav": "no sound",
        "nan.wav": r"no numbers \(first at 0\.500 s\)",
        "inf.wav": "no numbers",
        "random.mp4": "no recording",
        "mute.mp4": "only video",
    }


def test_every_bad_file_gets_one_line(tmp_path):
    for name, message in bad_files(tmp_path).items():
        with pytest.raises(UserError, match=message) as caught:
            decode(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


def test_importing_speech_is_light():
    code = (
        "import sys, cospeech.speech, cospeech.speech.features, cospeech.speech.audio, "
        "cospeech.speech.forced_alignment, cospeech.speech.transcript, cospeech.motion.procedural.face; "
        "sys.exit(bool({'soundfile', 'av', 'soxr', 'pocketsphinx', 'torch', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
