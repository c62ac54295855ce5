"""What an agent has on record at one moment, read from a copy of its file.

A running agent holds its file alone, and one that was killed leaves its last commits in the log
beside it. Both files are only read: the folder may be mounted read-only or be another user's.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.errors import StoreError
from agent.store.database import Database

_LOG = "-wal"
_HEADER_BYTES = 32
"""Of the log; its salts change whenever it begins anew (sqlite.org/fileformat2.html, 4.1)."""
_TRIES = 5
_MEBIBYTE = 1024 * 1024


class _Mark(NamedTuple):
    """What stays the same while no change leaves the log: its head; the file itself without one."""

    head: bytes
    changed_ns: int
    size: int


@contextmanager
def snapshot(path: Path) -> Iterator[Database]:
    """Open a copy of the database at ``path`` and of its log; the copy goes afterwards.

    Raises:
        StoreError: it cannot be read or copied, or never holds still; the text says what to do.
    """
    with tempfile.TemporaryDirectory(prefix="bbu-agent-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / path.name
        try:
            still = any(_copied(path, copy) for _ in range(_TRIES))
        except OSError as error:
            raise StoreError(_advice(path, error)) from error
        if not still:
            raise StoreError(f"{path}: changes while it is copied; try again, or ask the agent")
        try:
            with closing(Database(copy)) as database:
                yield database
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}; it is damaged, or no agent's file") from error
        except StoreError as error:
            raise StoreError(f"{path}: {error}") from error


def _copied(path: Path, copy: Path) -> bool:
    """Copy file and log, in this order, and say whether they belong together.

    What the agent moves from the log to the file meanwhile stays in the log, and holds good
    over the file, until the log begins anew.
    """
    before = _mark(path)
    shutil.copyfile(path, copy)
    log = Path(f"{copy}{_LOG}")
    try:
        shutil.copyfile(f"{path}{_LOG}", log)
    except FileNotFoundError:
        log.unlink(missing_ok=True)
    return before == _mark(path)


def _mark(path: Path) -> _Mark:
    try:
        with Path(f"{path}{_LOG}").open("rb") as log:
            head = log.read(_HEADER_BYTES)
    except FileNotFoundError:
        head = b""
    if head:
        return _Mark(head, 0, 0)
    told = path.stat()
    return _Mark(head, told.st_mtime_ns, told.st_size)


def _advice(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{error.filename}: this user may not read it; call it as the agent's user"
    if isinstance(error, FileNotFoundError):
        return f"{path}: is not there any more; name the agent's state_dir"
    size = -(-path.stat().st_size // _MEBIBYTE)
    return (
        f"{path}: cannot be copied: {error.strerror}; "
        f"give TMPDIR a folder with room for {size} MiB, and look at the disk"
    )
