"""What the examples share: the recording that comes along, and the folder that --out names."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path

HELLO = Path(__file__).with_name("hello.wav")  # 15 seconds of one speaker


def out_folder() -> Path:
    """The folder that --out names, made if it is not there; ``out`` in the current folder unless named."""
    caller = inspect.stack()[1].frame
    parser = argparse.ArgumentParser(description=inspect.getdoc(inspect.getmodule(caller)))
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder to write to")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    return folder
