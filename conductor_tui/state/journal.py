"""The database file, written: one connection, one transaction for each group of operations."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from conductor_tui.state.faults import SQLITE_ERRORS, state_error
from conductor_tui.state.rows import Change
from conductor_tui.state.schema import Migration, migrate, migrations

BUSY_TIMEOUT_S = 5.0
"""How long SQLite waits for another process's lock; only we write, so it is never reached."""

WAL_LIMIT = 16 * 1024 * 1024
"""Bytes to which the log file is cut back after a checkpoint."""

_INTAKE = (
    "INSERT INTO intake (id, seq, events, run, tasks, progress, breakpoints)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class Journal:
    """The one connection that writes; used by one task only, so transactions never mix."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        steps: Sequence[Migration] | None = None,
    ) -> AsyncIterator[Journal]:
        """Open the file, made or migrated where needed; it is always closed again.

        Args:
            path: the database; its folder is made 0700, the file 0600.
            busy_timeout_s: how long to wait for a lock of another process, seconds.
            steps: the schema's steps; those of this version if not given.

        Raises:
            StateError: it is no database of ours, of a newer conductor, or cannot be written.
        """
        try:
            await asyncio.to_thread(_prepare, path)
            connecting = aiosqlite.connect(path, timeout=busy_timeout_s, isolation_level=None)
            connection = await connecting
        except SQLITE_ERRORS as error:
            raise state_error(path, error) from error
        try:
            try:
                known = await asyncio.to_thread(migrations) if steps is None else steps
                await migrate(connection, path, known)
                await _configure(connection)
            except SQLITE_ERRORS as error:
                raise state_error(path, error) from error
            yield cls(connection, path)
        finally:
            await connection.close()

    async def write(self, change: Change) -> None:
        """Write the rows in one transaction; they are on the disk when this returns.

        Raises:
            StateError: they could not be written; nothing of them was.
        """
        values = (
            change.id,
            change.seq,
            f"[{','.join(change.events)}]",
            None if change.run is None else json.dumps(change.run),
            json.dumps(change.tasks),
            json.dumps(change.progress),
            json.dumps(change.breakpoints),
        )
        try:
            # Outside of BEGIN each statement is a transaction; a trigger spreads the rows.
            await self._connection.execute(_INTAKE, values)
        except sqlite3.Error as error:
            raise state_error(self._path, error) from error


async def _configure(connection: aiosqlite.Connection) -> None:
    # FULL: a commit is on the disk, not only with the system, when it returns.
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"journal_size_limit = {WAL_LIMIT}",
    ):
        await connection.execute_fetchall(f"PRAGMA {pragma}")


def _prepare(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    # SQLite gives its side files the mode of the database.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
