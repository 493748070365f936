"""What a heavy character of one's own costs ``cospeech generate``: one JSON object.

    python benchmarks/bench_onto.py [--sound SOUND] [--megabytes 40] [--repeats 3]

The character is our own person with a texture of noise on every mesh, so that its file is as large as asked. Each
kind of output is made by the command in turns with and without ``--onto``; seconds of the clock and of processors
are the medians of the repeats.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import cospeech
from cospeech.motion.formats.gltf import GltfFile
from cospeech.motion.motion import Motion
from cospeech.motion.skeleton import canonical_skeleton

KINDS = ("glb", "html", "mp4")
FLOAT, ARRAY = 5126, 34962


def heavy_character(path: Path, megabytes: float) -> Path:
    """Our person at rest with textures of noise, as a .glb of about so many megabytes."""
    skeleton = canonical_skeleton()
    still = np.tile(np.eye(3, dtype=np.float32), (1, len(skeleton), 1, 1))
    Motion(skeleton, 30.0, still, skeleton.rest_positions[:1].astype(np.float32)).save(path)
    file = GltfFile(path)
    document, binary = file.document, bytearray(file.binary)
    missing = max(megabytes * 1e6 - len(binary), 1e5) / len(document["meshes"])
    for mesh in document["meshes"]:
        primitive = mesh["primitives"][0]
        corners = file.values(primitive["attributes"]["POSITION"])[:, :2]
        places = ((corners - corners.min(0)) / np.ptp(corners, axis=0)).astype(np.float32)
        document["accessors"].append(
            {
                "bufferView": _view(document, binary, places.tobytes(), ARRAY),
                "componentType": FLOAT,
                "count": len(places),
                "type": "VEC2",
            }
        )
        primitive["attributes"]["TEXCOORD_0"] = len(document["accessors"]) - 1
        primitive["material"] = _noise_material(document, binary, missing)
    document["buffers"] = [{"byteLength": len(binary)}]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary))
    path.write_bytes(
        head
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + struct.pack("<I4s", len(binary), b"BIN\0")
        + bytes(binary)
    )
    return path


def _view(document: dict[str, Any], binary: bytearray, data: bytes, target: int | None = None) -> int:
    view = {"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)}
    document["bufferViews"].append(view if target is None else {**view, "target": target})
    binary += data + bytes(-len(data) % 4)
    return len(document["bufferViews"]) - 1


def _noise_material(document: dict[str, Any], binary: bytearray, size: float) -> int:
    """A material with a PNG of about ``size`` bytes, which noise does not let shrink."""
    from PIL import Image

    side = round((size / 3) ** 0.5)
    noise = np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)
    png = io.BytesIO()
    Image.fromarray(noise).save(png, "png", compress_level=1)
    document.setdefault("images", []).append(
        {"bufferView": _view(document, binary, png.getvalue()), "mimeType": "image/png"}
    )
    document.setdefault("textures", []).append({"source": len(document["images"]) - 1})
    texture = {"index": len(document["textures"]) - 1}
    document["materials"].append({"pbrMetallicRoughness": {"baseColorTexture": texture, "metallicFactor": 0.0}})
    return len(document["materials"]) - 1


def seconds_of(sound: Path, out: Path, onto: Path | None) -> tuple[float, float]:
    """Seconds of the clock and of processors of one command."""
    command = [sys.executable, "-m", "cospeech", "generate", str(sound), "-o", str(out)]
    began, spent = time.perf_counter(), processor_seconds()
    subprocess.run(command + (["--onto", str(onto)] if onto else []), check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began, processor_seconds() - spent


def processor_seconds() -> float:
    """Of all commands that have ended, and their processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sound", type=Path, default=Path(__file__).parents[1] / "examples" / "hello.wav")
    parser.add_argument("--megabytes", type=float, default=40.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    result: dict[str, Any] = {
        "benchmark": "onto",
        "version": cospeech.__version__,
        "load": round(os.getloadavg()[0], 2),
    }
    with tempfile.TemporaryDirectory() as folder:
        character = heavy_character(Path(folder) / "heavy.glb", options.megabytes)
        result["character_mb"] = round(character.stat().st_size / 1e6, 1)
        for kind in options.kinds:
            out = Path(folder) / f"talk.{kind}"
            runs = [
                [seconds_of(options.sound, out, onto) for onto in (None, character)] for _ in range(options.repeats)
            ]
            (plain, plain_cpu), (onto, onto_cpu) = np.median(runs, 0).tolist()
            result[kind] = {
                "without_s": round(plain, 2),
                "onto_s": round(onto, 2),
                "more_s": round(onto - plain, 2),
                "more_cpu_s": round(onto_cpu - plain_cpu, 2),
            }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
