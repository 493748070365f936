"""Write the tables of docs/results.md from the figures stored in benchmarks/results.

``python scripts/make_results.py`` puts every stored table between its markers, ``<!-- table NAME -->`` and
``<!-- end NAME -->``; ``--check`` writes nothing and ends with status 1 if the page differs from the figures. Each
file of benchmarks/results holds the command that measured, the date, the columns and the rows of one table.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"
RESULTS = ROOT / "benchmarks" / "results"
_BLOCK = re.compile(r"(<!-- table (?P<name>[\w-]+) -->\n)(?P<text>.*?)(<!-- end (?P=name) -->)", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """One measured table. Cells are as the page shows them: a figure, its unit, its interval."""

    command: str
    date: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "".join(_line(cells) for cells in lines)


def _line(cells: tuple[str, ...]) -> str:
    if set(cells) == {"---"}:
        return "|" + "|".join(cells) + "|\n"
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells) + "\n"


def stored(folder: Path = RESULTS) -> dict[str, Table]:
    """All stored tables by name.

    Raises:
        ValueError: a file lacks its command or date, or a row has another length than the columns.
    """
    tables = {}
    for path in sorted(folder.glob("*.json")):
        text = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(tuple(map(str, row)) for row in text["rows"])
        table = Table(text["command"], text["date"], tuple(text["columns"]), rows)
        if not table.command or not table.date or any(len(row) != len(table.columns) for row in rows):
            raise ValueError(f"{path} needs a command, a date and rows of {len(table.columns)} cells")
        tables[path.stem] = table
    return tables


def filled(page: str, tables: Mapping[str, Table]) -> str:
    """The page with every table between its markers.

    Raises:
        ValueError: a table has no markers on the page, or markers have no table.
    """
    named = [found["name"] for found in _BLOCK.finditer(page)]
    if sorted(named) != sorted(tables):
        wrong = sorted(set(named) ^ set(tables)) or sorted(named)
        raise ValueError(f"each table and each pair of markers must stand once; look at {', '.join(wrong)}")
    return _BLOCK.sub(lambda found: f"{found[1]}{tables[found['name']]}{found[4]}", page)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the tables of docs/results.md from stored figures.")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if the page differs")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    made = filled(page, stored())
    if check:
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
