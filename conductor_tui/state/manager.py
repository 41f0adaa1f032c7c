"""The one door to all that is known of runs: what is recorded here is true, nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from conductor_tui.domain.errors import StateError
from conductor_tui.domain.events import Draft, Recorded
from conductor_tui.domain.views import RunView, Snapshot
from conductor_tui.state.journal import BUSY_TIMEOUT_S, Journal
from conductor_tui.state.live import Live
from conductor_tui.state.reading import Reader
from conductor_tui.state.writer import NOTE_DELAY_S, Clock, Writer


def utc_now() -> datetime:
    """Tell the time of the machine."""
    return datetime.now(UTC)


class ReadOnlyState:
    """The state of a repository while another process may be writing it."""

    def __init__(self, reader: Reader, snapshot: Snapshot) -> None:
        self._reader = reader
        self._snapshot = snapshot

    @property
    def snapshot(self) -> Snapshot:
        """The newest run as it was when this was opened; empty before any run."""
        return self._snapshot

    async def runs(self) -> list[RunView]:
        """Return all runs, newest first."""
        return await self._reader.runs()

    async def load(self, run: str) -> Snapshot:
        """Return the picture of a run as it is now.

        Raises:
            NotFound: there is no such run.
        """
        return await self._reader.load(run)

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
        return await self._reader.history(run, since=since, task=task, types=types, limit=limit)


class StateManager(ReadOnlyState):
    """Commit, then fold, then announce, then acknowledge: in this order, for every operation.

    Open it with :meth:`open`, once for a repository (see :mod:`conductor_tui.state.lock`).
    """

    def __init__(self, reader: Reader, live: Live, writer: Writer) -> None:
        super().__init__(reader, live.snapshot)
        self._live = live
        self._writer = writer

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock = utc_now,
        note_delay_s: float = NOTE_DELAY_S,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> AbstractAsyncContextManager[StateManager]:
        """Open the state for writing; leaving the block writes what is queued and closes it.

        Args:
            path: the database, made where it is missing.
            clock: tells the time of events.
            note_delay_s: how long an output line may wait for others, seconds.
            busy_timeout_s: how long to wait for a lock of another process, seconds.

        Raises:
            StateError: on entering, the file cannot be used; on leaving, lines that were noted
                could not be written.
        """
        return _Opening(path, clock, note_delay_s, busy_timeout_s)

    @staticmethod
    @asynccontextmanager
    async def read(path: Path) -> AsyncIterator[ReadOnlyState]:
        """Open the state for reading only, also while another process writes.

        Raises:
            NotFound: there is no state at ``path``.
            StateError: the file cannot be read.
        """
        async with Reader.open(path) as reader:
            yield ReadOnlyState(reader, await reader.newest())

    @property
    def snapshot(self) -> Snapshot:
        """The newest run, as far as it is committed; empty before any run."""
        return self._live.snapshot

    @property
    def dropped(self) -> int:
        """How many noted events were dropped because the states forbade them."""
        return self._writer.dropped

    async def begin(self, run_id: str, drafts: Sequence[Draft]) -> list[Recorded]:
        """Open a new run with its first events (``RunStarted``, the tasks) in one transaction.

        Raises:
            IllegalTransition: they do not begin with ``RunStarted``, or the run is known.
            StateError: they could not be written.
        """
        return await self._writer.submit(tuple(drafts), begins=run_id)

    async def record(self, *drafts: Draft) -> list[Recorded]:
        """Record events of the newest run together, durably; they are in :attr:`snapshot` then.

        If the caller is cancelled meanwhile, they are recorded all the same.

        Raises:
            IllegalTransition: the states forbid one of them; nothing is written.
            StateError: they could not be written; nothing is.
        """
        return await self._writer.submit(drafts)

    async def note(self, *drafts: Draft) -> None:
        """Queue events nobody has to wait for (output lines), in order with :meth:`record`.

        Returns at once, unless 2,000 events or 8 MiB wait already: then when there is room. They
        are written within some 20 ms, or with the next record. Those the states forbid are
        dropped and counted in :attr:`dropped`.

        Raises:
            StateError: the queue is full and the disk takes nothing; try again later.
        """
        await self._writer.note(drafts)

    async def flush(self) -> None:
        """Return when all that was noted so far is on the disk.

        Raises:
            StateError: it could not be written; it stays queued and is tried again.
        """
        await self._writer.submit(())

    def follow(self, min_interval_s: float = 0.0) -> AsyncIterator[Snapshot]:
        """Yield the newest snapshot at once, then after changes, until the state is closed.

        Args:
            min_interval_s: the least time between two snapshots; what lies between is skipped.
        """
        return self._live.follow(min_interval_s)

    def events(self, since: int = 0) -> AsyncIterator[Recorded]:
        """Yield each event of the newest run after ``since``, then what comes, gapless.

        A slow reader catches up from the database. When another run is begun, it goes on with
        that run from ``seq`` 1, after the last event of the one before. Ends when the state is
        closed; a reader more than a thousand events behind at that time misses the rest.
        """
        return self._live.events(since, self._reader.page)


@dataclass(slots=True)
class _Owned:
    """What an open state holds on to."""

    stack: AsyncExitStack
    group: asyncio.TaskGroup
    live: Live
    writer: Writer


class _Opening(AbstractAsyncContextManager[StateManager]):
    """The life of an open state.

    A class, not a generator: an error of the block must pass by the task group, which would wrap
    it in an exception group.
    """

    def __init__(
        self, path: Path, clock: Clock, note_delay_s: float, busy_timeout_s: float
    ) -> None:
        self._path = path
        self._clock = clock
        self._note_delay_s = note_delay_s
        self._busy_timeout_s = busy_timeout_s
        self._owned: _Owned | None = None

    async def __aenter__(self) -> StateManager:
        async with AsyncExitStack() as stack:
            journal = await stack.enter_async_context(
                Journal.open(self._path, busy_timeout_s=self._busy_timeout_s)
            )
            reader = await stack.enter_async_context(Reader.open(self._path))
            run_ids = await reader.run_ids()
            live = Live(await reader.newest(), run_ids)
            writer = Writer(
                journal,
                live,
                self._clock,
                last_ts=await reader.last_ts(run_ids[-1]) if run_ids else "",
                note_delay_s=self._note_delay_s,
            )
            group = asyncio.TaskGroup()
            await group.__aenter__()
            group.create_task(writer.run(), name="state writer")
            self._owned = _Owned(stack.pop_all(), group, live, writer)
        return StateManager(reader, live, writer)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        owned, self._owned = self._owned, None
        if owned is None:
            return
        async with owned.stack:
            try:
                await owned.writer.close()
            finally:
                owned.live.close()
                # Told of no error: what the block raised goes on by itself, unwrapped.
                await owned.group.__aexit__(None, None, None)
        if error is None and owned.writer.fault is not None:
            raise StateError(
                f"{owned.writer.dropped} output lines were not kept: {owned.writer.fault.message}",
                owned.writer.fault.mend,
            )
