"""Tables of text: the one place where CSV is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import UserError
from .limits import check_size


def csv_rows(
    text: str | Iterable[str], where: str | Path, *, delimiter: str = ",", spaces: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Rows of a table with the numbers of their lines; empty lines are left out.

    Args:
        text: the table, or its lines.
        where: the file, for messages.
        spaces: quotes may follow a space, as in ``a, "b"``.
    Raises:
        UserError: a cell of more than 131,072 characters, a quote that does not end, or a zero byte; it names the line.
    """
    lines = io.StringIO(text, newline="") if isinstance(text, str) else text
    reader = csv.reader(_with_end(lines), delimiter=delimiter, skipinitialspace=spaces)
    try:
        begins = 1
        for row in reader:
            if row and any(_END in cell for cell in row):
                if row != [_END] or begins != reader.line_num:
                    raise UserError(f"{where}, line {begins}: a quote begins here and does not end; close it")
                return
            if row:
                yield reader.line_num, row
            begins = reader.line_num + 1
    except csv.Error as error:
        what = "a cell has more than 131,072 characters" if "field larger" in str(error) else str(error)
        raise UserError(f"{where}, line {begins}: no CSV table that can be read ({what}); save it again") from None


_END = "\ue000 end of the table \ue000"  # a last line; where it is not a row of its own, a quote has swallowed it


def _with_end(lines: Iterable[str]) -> Iterator[str]:
    yield from lines
    yield _END


def csv_records(text: str | Iterable[str], where: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table whose first line names the columns, by these names; cells that a row lacks are "".

    Raises:
        UserError: as ``csv_rows``, and a row of more cells than there are columns.
    """
    rows = csv_rows(text, where, spaces=True)
    header = next((row for _, row in rows), [])
    for line, row in rows:
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            raise UserError(f"{where}, line {line} has {len(row)} cells of {len(header)}; save the table again")
        cells = row[: len(header)] + [""] * (len(header) - len(row))
        yield line, dict(zip(header, cells, strict=True))


def read_csv(path: Path) -> str:
    """The text of a table in UTF-8, for ``csv_rows``. Raises UserError: not to be read, too large, or no text."""
    check_size(path, "text")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return file.read()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in UTF-8; save the table as UTF-8") from None
