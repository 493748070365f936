"""Pack the Blender extension into a zip that Blender installs: Preferences > Get Extensions > Install from Disk.

``python scripts/build_blender_extension.py [-o FOLDER]`` writes cospeech-blender-VERSION.zip and prints its path. The
version is the package's, written as semantic versioning has it. The same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import re
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "integrations" / "blender" / "cospeech"
MANIFEST = "blender_manifest.toml"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def package_version() -> str:
    """As Blender reads it: 0.2.0.dev0 is 0.2.0-dev.0."""
    text = (ROOT / "src" / "cospeech" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(\d+\.\d+\.\d+)(?:\.dev(\d+))?"', text, re.MULTILINE)
    if found is None:
        raise SystemExit("src/cospeech/__init__.py has no version of the form 1.2.3 or 1.2.3.dev0")
    return found[1] + (f"-dev.{found[2]}" if found[2] else "")


def build(folder: Path) -> Path:
    """Write the zip into a folder; its path."""
    version = package_version()
    target = folder / f"cospeech-blender-{version}.zip"
    files = {path.name: path.read_bytes() for path in sorted(SOURCE.glob("*.py"))}
    manifest = (SOURCE / MANIFEST).read_text(encoding="utf-8")
    manifest, count = re.subn(r"^version = .*$", f'version = "{version}"', manifest, flags=re.MULTILINE)
    if count != 1:
        raise SystemExit(f"{MANIFEST} has {count} lines with a version, not one")
    files |= {MANIFEST: manifest.encode(), "LICENSE": (ROOT / "LICENSE").read_bytes()}
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), data, zipfile.ZIP_DEFLATED)
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "dist", metavar="FOLDER")
    print(build(parser.parse_args().out))
