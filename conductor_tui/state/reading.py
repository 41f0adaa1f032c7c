"""The database file, read: the pictures and the history of any run, beside whoever writes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from conductor_tui.domain.errors import NotFound, StateError
from conductor_tui.domain.events import Recorded
from conductor_tui.domain.views import RunView, Snapshot
from conductor_tui.state import rows
from conductor_tui.state.faults import SQLITE_ERRORS, state_error
from conductor_tui.state.journal import BUSY_TIMEOUT_S
from conductor_tui.state.schema import migrations, version_of

PAGE = 256
"""Events decoded in one go; more would hold up the loop for longer than a frame."""

_TASK, _POINT = 1, 2

# One statement, so that all of it is of the same moment while another process writes.
_PICTURE = """
SELECT 0 AS kind, 0 AS place,
       (SELECT coalesce(max(seq), 0) FROM events WHERE run = :run), '', data
  FROM runs WHERE id = :run
UNION ALL
SELECT 1, place, position, updated_at, data FROM tasks WHERE run = :run
UNION ALL
SELECT 2, place, 0, '', data FROM breakpoints WHERE run = :run
 ORDER BY kind, place
"""

_Values = Sequence[object] | Mapping[str, object]


class Reader:
    """A connection that only reads."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._prepared = False

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Reader]:
        """Open an existing file for reading; it is always closed again.

        Raises:
            NotFound: there is no such file.
            StateError: it is no database of ours, or of another schema.
        """
        if not await asyncio.to_thread(path.is_file):
            raise NotFound(f"there is no state at {path}", "no run was started here yet")
        try:
            connection = await aiosqlite.connect(
                _uri(path), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
        except SQLITE_ERRORS as error:
            raise state_error(path, error) from error
        try:
            await _require_schema(connection, path)
            yield cls(connection, path)
        finally:
            await connection.close()

    async def run_ids(self) -> list[str]:
        """Return the ids of all runs, oldest first."""
        return [row[0] for row in await self._fetch("SELECT id FROM runs ORDER BY n")]

    async def runs(self) -> list[RunView]:
        """Return all runs, newest first."""
        found = await self._fetch("SELECT data FROM runs ORDER BY n DESC")
        await self._prepare()
        return [rows.run_of(row[0]) for row in found]

    async def newest(self) -> Snapshot:
        """Return the picture of the newest run; an empty one before any."""
        ids = await self.run_ids()
        return await self.load(ids[-1]) if ids else Snapshot()

    async def load(self, run: str) -> Snapshot:
        """Return the picture of a run.

        Raises:
            NotFound: there is no such run.
        """
        found = await self._fetch(_PICTURE, {"run": run})
        if not found:
            raise NotFound(f"there is no run {run}", "`conductor status` names the newest one")
        await self._prepare()
        view, seq = rows.run_of(found[0][-1]), int(found[0][2])
        tasks = [rows.task_of(row) for row in found if row[0] == _TASK]
        points = [rows.breakpoint_of(row) for row in found if row[0] == _POINT]
        return Snapshot(
            run=view,
            tasks={task.id: task for task in tasks},
            breakpoints={point.id: point for point in points},
            seq=seq,
        )

    async def last_ts(self, run: str) -> str:
        """Return the time of a run's last event."""
        query = "SELECT ts FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1"
        found = await self._fetch(query, (run,))
        return str(found[0][0]) if found else ""

    async def page(self, run: str, since: int, limit: int = PAGE) -> list[Recorded]:
        """Return the next events of a run after ``since``, at most ``limit``."""
        return await self.history(run, since=since, limit=limit)

    async def history(
        self,
        run: str,
        *,
        since: int = 0,
        task: str | None = None,
        types: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Recorded]:
        """Return events of a run in order: those after ``since``, of one task, of some types."""
        where, values = ["run = ?", "seq > ?"], []
        if task is not None:
            where.append("task = ?")
            values.append(task)
        if types is not None:
            where.append(f"type IN ({', '.join('?' * len(types))})")
            values.extend(types)
        query = (
            f"SELECT {rows.EVENT_COLUMNS} FROM events WHERE {' AND '.join(where)}"
            " ORDER BY seq LIMIT ?"
        )
        await self._prepare()
        found: list[Recorded] = []
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = await self._fetch(query, (run, since, *values, size))
            found.extend(rows.recorded_of(row) for row in page)
            if len(page) < size:
                break
            since = found[-1].seq
        return found

    async def _prepare(self) -> None:
        if not self._prepared:
            await asyncio.to_thread(rows.prepare)
            self._prepared = True

    async def _fetch(self, query: str, values: _Values = ()) -> list[rows.Row]:
        try:
            return [tuple(row) for row in await self._connection.execute_fetchall(query, values)]
        except SQLITE_ERRORS as error:
            raise state_error(self._path, error) from error
        except ValueError as error:  # what aiosqlite says of a connection that is closed
            raise StateError(f"{self._path}: {error}", "open the state again") from error


async def _require_schema(connection: aiosqlite.Connection, path: Path) -> None:
    try:
        newest = (await asyncio.to_thread(migrations))[-1].number
        version = await version_of(connection, path, newest)
    except SQLITE_ERRORS as error:
        raise state_error(path, error) from error
    if version == 0:
        raise NotFound(f"{path} is empty", "no run was started here yet")
    if version < newest:
        raise StateError(
            f"{path} was written by an older conductor (schema {version}, now {newest})",
            "start conductor here once: it brings the file up to date",
        )


def _uri(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"
