"""SQLite's errors in words a user can act on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from conductor_tui.domain.errors import StateError

_MENDS = (
    ("not a database", "it was damaged or is another program's: move it away, then start again"),
    ("malformed", "it was damaged: move it away, then start again"),
    ("full", "make room on the disk, then try again"),
    ("i/o error", "look at the disk (full, quota, failing), then try again"),
    ("locked", "another program holds the file: end it, then try again"),
    ("readonly", "make the file and its folder writable for you"),
    ("unable to open", "make the file and its folder readable and writable for you"),
)
"""Words of SQLite's messages → mend; the first that occurs counts."""


def state_error(path: Path, error: Exception) -> StateError:
    """Say which file SQLite could not read or write, why, and what to do."""
    text = str(error)
    mend = next((mend for word, mend in _MENDS if word in text.lower()), "")
    return StateError(f"{path}: {text}", mend)


SQLITE_ERRORS = (sqlite3.Error, OSError)
"""What reading or writing the file may raise."""
