"""Hooks of mkdocs: pages of the site that are not files of docs/.

README.md becomes the home page, CONTRIBUTING.md and CHANGELOG.md pages of their own, and the page of commands is
made of what ``cospeech COMMAND --help`` prints, so it cannot differ from the program. Links between these files and
docs/ are rewritten; a link to any other file of the repository becomes plain text, since the site does not have it.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
STATIC = ("LICENSE", "NOTICE")
HELP_COLUMNS = 110

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add a section of the navigation with every page of docs/extending, before the design."""
    pages = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs" / "extending").glob("*.md"))
    if pages and config.nav is not None:
        place = next(k for k, entry in enumerate(config.nav) if "Design" in entry)
        config.nav.insert(place, {"Extending": pages})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=rewritten(text, folder="")))
    for name in STATIC:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    files.append(File.generated(config, "commands.md", content=commands_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page of docs/ that lead out of it."""
    if page.file.generated_by is not None:
        return markdown
    return rewritten(markdown, folder=posixpath.join("docs", posixpath.dirname(page.file.src_uri)))


def rewritten(text: str, *, folder: str) -> str:
    """Markdown of a file in ``folder`` of the repository, with links as the site has them."""

    def on_site(target: str) -> str | None:
        """The link as the site has it, or None for a file that the site lacks."""
        path, sign, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return target
        path = posixpath.normpath(posixpath.join(folder, path))
        if path in PAGES:
            path = PAGES[path]
        elif path.startswith("docs/"):
            path = path.removeprefix("docs/")
        elif path not in STATIC:
            return None
        start = posixpath.relpath(folder, "docs") if folder else "."
        return posixpath.relpath(path, start) + sign + anchor

    def link(match: re.Match[str]) -> str:
        target = on_site(match[2])
        return match[1] if target is None else f"[{match[1]}]({target})"

    def image(match: re.Match[str]) -> str:
        return f"![{match[1]}]({on_site(match[2]) or match[2]})"

    return _LINK.sub(link, _IMAGE.sub(image, text))


def commands_page() -> str:
    """The help of every command, as the program prints it."""
    from cospeech.cli import COMMANDS

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(help_text, COMMANDS))
    sections = [f"## {name}\n```text\n{text.strip()}\n```\n" for name, text in zip(COMMANDS, texts, strict=True)]
    head = "# Commands\nEvery command prints this with `--help`. All take [`--progress json`](progress.md).\n\n"
    return head + "\n".join(sections)


def help_text(command: str) -> str:
    """What ``cospeech COMMAND --help`` prints."""
    environment = {**os.environ, "COLUMNS": str(HELP_COLUMNS), "NO_COLOR": "1", "PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-m", "cospeech", *command.split(), "--help"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return done.stdout
