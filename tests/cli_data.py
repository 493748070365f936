"""What the tests of the command line share: recordings, transcripts and motion, good and bad."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cospeech.cli import main
from format_data import canonical_motion

ROOT = Path(__file__).parents[1]
HELLO = ROOT / "examples" / "hello.wav"
SHIPPED = Path(str(files("cospeech"))) / "models" / "contextual"
needs_model = pytest.mark.skipif(
    not (SHIPPED / "config.json").is_file(), reason="no model is shipped yet: models/contextual"
)


def tone(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    """[N, channels] float32: a hum that swells and fades four times a second."""
    t = np.arange(int(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * 140 * t) * np.sin(2 * np.pi * 2 * t) ** 2
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def not_a_number(path: Path) -> Path:
    samples = tone(1.0)
    samples[8000] = np.nan
    return write_wav(path, samples)


def srt(path: Path, *spans: tuple[float, float]) -> Path:
    def clock(seconds: float) -> str:
        return f"00:00:{int(seconds):02d},{round(seconds % 1 * 1000):03d}"

    cues = [f"{i}\n{clock(a)} --> {clock(b)}\nword{i}\n" for i, (a, b) in enumerate(spans, start=1)]
    path.write_text("\n".join(cues))
    return path


def motion_file(path: Path, frames: int = 6) -> Path:
    return canonical_motion(frames).save(path, **({"mesh": False} if path.suffix == ".glb" else {}))


def config_only(folder: Path, **changes: object) -> Path:
    """A model folder that holds a plausible config.json and nothing else."""
    folder.mkdir(exist_ok=True)
    config: dict[str, object] = {
        "format": 1,
        "method": "contextual",
        "name": "fake",
        "package_version": "0.1.0",
        "config": {"codes": 32, "layers": 2, "downsample": 4, "features": 48, "width": 32},
        "styles": ["Ada", "Ben"],
        "default_speaker": "Ada",
        **changes,
    }
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fails(place, capfd):
    """Run a command that must fail: one line on standard error, status 2, and no file more or less."""

    def run(*words: object) -> str:
        def everything() -> dict[str, bytes]:
            return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}

        before = everything()
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert end.value.code == 2
        assert out == ""
        assert err.endswith("\n"), err
        # A transcript that is taken since it lies beside the recording is told before.
        err = "".join(line for line in err.splitlines(keepends=True) if "lies beside the recording" not in line)
        assert len(err.splitlines()) == 1, err
        assert err.startswith("cospeech: "), err
        assert "Traceback" not in err
        assert everything() == before
        return err

    return run


@pytest.fixture
def works(place, capfd):
    """Run a command that must succeed; returns its one line."""

    def run(*words: object) -> str:
        capfd.readouterr()
        main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert out == ""
        # A transcript beside the recording is told when it is taken.
        assert len([line for line in err.splitlines() if "lies beside the recording" not in line]) == 1, err
        assert err.startswith("wrote "), err
        return err

    return run
