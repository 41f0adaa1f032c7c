"""The file's schema: its version, the steps that lead there, and the copy made before a change."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import aiosqlite

from conductor_tui.domain.errors import StateError

APPLICATION_ID = int.from_bytes(b"ctui", "big")
"""What the header of our files says they are (set by the first migration)."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema, to version ``number``."""

    number: int
    sql: str


def migrations() -> tuple[Migration, ...]:
    """Read the steps that came with this version, in order."""
    folder = resources.files("conductor_tui.state.migrations")
    steps = [
        Migration(int(file.name.partition("_")[0]), file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return tuple(sorted(steps, key=lambda step: step.number))


async def version_of(connection: aiosqlite.Connection, path: Path, newest: int) -> int:
    """Return the file's schema version; 0 for an empty file.

    Raises:
        StateError: the file is another program's, or of a newer conductor.
    """
    version = await _number(connection, "PRAGMA user_version")
    marked = await _number(connection, "PRAGMA application_id") == APPLICATION_ID
    empty = await _number(connection, "SELECT count(*) FROM sqlite_master") == 0
    if not marked and (version or not empty):
        raise StateError(
            f"{path} is a database of another program", "move it away, then start again"
        )
    if version > newest:
        raise StateError(
            f"{path} was written by a newer conductor (schema {version}, known here: {newest})",
            "upgrade conductor",
        )
    return version


async def migrate(connection: aiosqlite.Connection, path: Path, steps: Sequence[Migration]) -> None:
    """Bring the file to the newest schema, wholly or not at all.

    An existing file is copied first, to ``<name>.schema-<old version>``.

    Raises:
        StateError: see :func:`version_of`; or a step failed, and the file is as it was.
    """
    newest = steps[-1].number
    version = await version_of(connection, path, newest)
    if version == newest:
        return
    if version:
        await _copy(connection, path.with_name(f"{path.name}.schema-{version}"))
    script = "\n".join(step.sql for step in steps if step.number > version)
    try:
        await connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {newest};\nCOMMIT;"
        )
    except sqlite3.Error as error:
        await connection.rollback()
        raise StateError(
            f"{path}: schema {version} could not be brought to {newest}: {error}",
            "nothing was changed; go back to the conductor that wrote it, and report this",
        ) from error


async def _copy(connection: aiosqlite.Connection, target: Path) -> None:
    await asyncio.to_thread(_make_room, target)
    await connection.execute("VACUUM INTO ?", (str(target),))


def _make_room(target: Path) -> None:
    target.unlink(missing_ok=True)
    # SQLite writes into an empty file, and keeps its mode.
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


async def _number(connection: aiosqlite.Connection, query: str) -> int:
    rows = list(await connection.execute_fetchall(query))
    return int(rows[0][0])
