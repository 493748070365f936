"""The catalogue: one SQLite file that says what is in a library and in which shard files.

Shard files never change, so all that has to be atomic is this one file, and SQLite makes it so. One
process writes at a time: it holds the write lock from its first shard to the commit, which lets readers
in all the while but for the commit itself. A process that is killed loses its lock, and the next one
that opens the catalogue rolls back what was begun. A rollback journal and not a write-ahead log, because
a library is written seldom, read from anywhere, and shall be readable where nothing may be written. Readers
copy the catalogue into memory: whatever happens on the disk, they see what they opened.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.json_files import plain_json
from .embedder import Embedding
from .shards import ShardFile, checked_file, is_shard, remove_leftovers, sync_folder

FILE = "catalogue.sqlite"
FRAMES_FORMAT, LATENTS_FORMAT = 1, 2  # of libraries that keep frames of motion, and latents; both are read
MOTIONS = ("frames", "latents")  # how motion is kept
KINDS = {
    "motion": "motion only",
    "pair": "recorded together",
    "made_pair": "synthetic pairs",
    "generated": "made by a model",
}
_APPLICATION = 0x67627365  # marks the SQLite file as ours
_WAIT_TO_WRITE, _WAIT_TO_COMMIT = 2.0, 60.0  # seconds

_TABLES = """
CREATE TABLE base (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE shard (id INTEGER PRIMARY KEY, first_row INTEGER NOT NULL, rows INTEGER NOT NULL,
    frames INTEGER NOT NULL);
CREATE TABLE file (shard INTEGER NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL, PRIMARY KEY (shard, role));
CREATE TABLE recording (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    split TEXT NOT NULL, speaker TEXT NOT NULL, emotion TEXT, frames INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE origin (recording INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (name, recording));
CREATE TABLE entry (row INTEGER PRIMARY KEY, recording INTEGER NOT NULL, shard INTEGER NOT NULL,
    first INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, spoken INTEGER NOT NULL,
    words TEXT, text TEXT, speed REAL NOT NULL, peak REAL NOT NULL, extent REAL NOT NULL,
    strokes INTEGER NOT NULL);
"""
TABLES = ("base", "shard", "file", "recording", "origin", "entry")


@dataclass(frozen=True)
class Header:
    """What all entries of a library have in common."""

    embedding: Embedding
    fps: float
    body: tuple[str, ...]  # joints of the codec
    hands: tuple[str, ...]
    features: int  # F of the speech features
    bases: str | None = None  # fingerprint of the bases of latents (``LatentMotion``); None: frames of motion

    @property
    def motion(self) -> str:
        """How motion is kept: frames or latents."""
        return MOTIONS[self.bases is not None]

    @property
    def format(self) -> int:
        """Format of the catalogue."""
        return FRAMES_FORMAT if self.bases is None else LATENTS_FORMAT

    def rows(self) -> list[tuple[str, str]]:
        """As the table ``base`` keeps it."""
        return [(name, json.dumps(value)) for name, value in asdict(self).items() if value is not None]

    @classmethod
    def read(cls, rows: Iterable[tuple[str, str]]) -> Header:
        """Raises KeyError, TypeError or ValueError if something lacks or is of another kind."""
        values = {name: plain_json(value, name) for name, value in rows}
        return cls(
            Embedding(**values["embedding"]),
            float(values["fps"]),
            tuple(values["body"]),
            tuple(values["hands"]),
            int(values["features"]),
            values.get("bases"),
        )


def _connect(path: Path, mode: str, wait: float) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _check_schema(folder: Path, connection: sqlite3.Connection) -> None:
    """Raises UserError for what a catalogue does not have, and whose statements would run: views and triggers."""
    for kind, name in connection.execute("SELECT type, name FROM sqlite_master"):
        if kind not in ("table", "index"):
            raise _damaged(folder, f"it has the {kind} {str(name)[:40]!r}")
    found = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    missing = [name for name in TABLES if name not in found]
    if missing:
        raise _damaged(folder, f"it lacks the table {missing[0]}")


def _missing(folder: Path) -> UserError:
    return UserError(
        f"{folder} is no gesture library: it has no finished {FILE}; make one with "
        f"`cospeech library build DATASET -o {folder}`"
    )


def _damaged(folder: Path, reason: object) -> UserError:
    return UserError(
        f"{folder / FILE} is damaged ({reason}); remove that file and build the library again with "
        f"`cospeech library build DATASET -o {folder}`"
    )


def has_catalogue(folder: Path) -> bool:
    """Is there a catalogue that was begun at least?"""
    return (folder / FILE).is_file()


def check_place(folder: Path) -> None:
    """Raises UserError if a folder for a new library is something else already."""
    if not folder.exists() or has_catalogue(folder):
        return
    if not folder.is_dir() or not all(is_shard(path) for path in folder.iterdir()):
        raise UserError(f"{folder} is no gesture library and holds something else; choose another folder")


def read_catalogue(folder: Path) -> sqlite3.Connection:
    """A copy of the catalogue in memory: what the library was at this moment.

    Raises:
        UserError: there is no library, it is damaged, or of another format.
    """
    path = folder / FILE
    if not path.is_file() or path.stat().st_size == 0:
        raise _missing(folder)
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        with closing(_connect(path, "rw", _WAIT_TO_COMMIT)) as disk:
            disk.backup(copy)
        if not _begun(copy):
            raise _missing(folder)
        copy.execute("PRAGMA trusted_schema = OFF")
        check_format(folder, copy)
        _check_schema(folder, copy)
        problem = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise _damaged(folder, error) from None
    if problem != "ok":
        raise _damaged(folder, " ".join(problem.split()))
    return copy


def _begun(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def check_format(folder: Path, connection: sqlite3.Connection) -> None:
    """Raises UserError if the catalogue is another program's, or of another format."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise UserError(f"{folder / FILE} is no catalogue of a gesture library; choose another folder")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in (FRAMES_FORMAT, LATENTS_FORMAT):
        what = "update cospeech" if version > LATENTS_FORMAT else "build it again with `cospeech library build`"
        known = f"{FRAMES_FORMAT} and {LATENTS_FORMAT}"
        raise UserError(f"{folder} has gesture library format {version}, this version reads {known}; {what}")


def read_header(folder: Path, connection: sqlite3.Connection) -> Header:
    """The header of a catalogue. Raises UserError if it is damaged."""
    try:
        return Header.read(connection.execute("SELECT name, value FROM base"))
    except (sqlite3.Error, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, f"no {error}" if isinstance(error, KeyError) else error) from None


def read_files(connection: sqlite3.Connection) -> list[ShardFile]:
    """All shard files, in order of shards."""
    rows = connection.execute("SELECT shard, role, name, bytes, sha256 FROM file ORDER BY shard, role")
    return [checked_file(row) for row in rows]


class Writing:
    """A change of a library, under the write lock. Nothing of it is seen before the commit."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder, self._connection = folder, connection

    @property
    def connection(self) -> sqlite3.Connection:
        """The catalogue as it was, and as it becomes."""
        return self._connection

    def start_anew(self, header: Header) -> None:
        """Forget all entries, if there are any."""
        if not _begun(self._connection):
            for statement in _TABLES.split(";\n"):
                if statement.strip():
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._connection.execute(f"PRAGMA user_version = {header.format}")
        for table in TABLES:
            self._connection.execute(f"DELETE FROM {table}")
        self._connection.executemany("INSERT INTO base VALUES (?, ?)", header.rows())

    def insert(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert whole rows into a table."""
        rows = list(rows)
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


@contextmanager
def writing(folder: Path, *, create: bool = False) -> Iterator[Writing]:
    """Change a library: commit when the block ends well, else leave everything as it was.

    Files that a killed process left behind are removed before, those that are no longer used after.

    Args:
        create: make folder and catalogue if there are none.
    Raises:
        UserError: there is no library, it is damaged, another process is writing to it, or the disk is full.
    """
    created = create and not folder.exists()
    if create:
        folder.mkdir(parents=True, exist_ok=True)
    elif not has_catalogue(folder):
        raise _missing(folder)
    try:
        with closing(_locked(folder)) as connection:
            yield from _transaction(folder, connection, create)
    finally:
        if created and not any(folder.iterdir()):
            folder.rmdir()
    _clean(folder)


def _transaction(folder: Path, connection: sqlite3.Connection, create: bool) -> Iterator[Writing]:
    before: set[str] | None = None
    try:
        if _begun(connection):
            check_format(folder, connection)
            _check_schema(folder, connection)
        elif not create:
            raise _missing(folder)
        before = _known(connection)
        remove_leftovers(folder, before)
        yield Writing(folder, connection)
        sync_folder(folder)
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * _WAIT_TO_COMMIT)}")
        connection.execute("COMMIT")
    except BaseException as error:
        if before is not None:
            remove_leftovers(folder, before)
        if create and (folder / FILE).stat().st_size == 0:  # nobody else has begun: the lock is ours
            (folder / FILE).unlink()
        if isinstance(error, sqlite3.Error):
            raise UserError(f"cannot write {folder / FILE}: {error}; the library is as it was") from None
        raise
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _locked(folder: Path) -> sqlite3.Connection:
    """A connection with the write lock. The file is there before and after, and is the same."""
    path = folder / FILE
    while True:
        try:
            with open(path, "ab") as opened:
                number = os.fstat(opened.fileno()).st_ino
            connection = _connect(path, "rw", _WAIT_TO_WRITE)
            try:
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("PRAGMA cache_spill = OFF")  # a spill locks readers out before the commit
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error:
                connection.close()
                raise
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}; choose another folder") from None
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise UserError(f"another process is writing to {folder}; wait until it has ended") from None
            raise UserError(f"cannot write {path}: {error}; choose another folder") from None
        except sqlite3.DatabaseError as error:
            raise _damaged(folder, error) from None
        if path.exists() and path.stat().st_ino == number:
            return connection
        connection.close()  # a first build that failed has removed it while we waited


def _known(connection: sqlite3.Connection) -> set[str]:
    if not _begun(connection):
        return set()
    return {name for (name,) in connection.execute("SELECT name FROM file")}


def _clean(folder: Path) -> None:
    """Remove the files of what was replaced, unless somebody is writing already (who will do it)."""
    try:
        connection = _locked(folder)
    except UserError:
        return
    with closing(connection):
        remove_leftovers(folder, _known(connection))
        connection.execute("ROLLBACK")
