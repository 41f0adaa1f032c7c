"""The one task that writes: takes what waits, checks it, commits it as a group, publishes it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from conductor_tui.domain.errors import IllegalTransition, StateError
from conductor_tui.domain.events import Draft, Recorded
from conductor_tui.domain.views import Snapshot
from conductor_tui.state import rows
from conductor_tui.state.journal import Journal
from conductor_tui.state.legality import check
from conductor_tui.state.live import Live
from conductor_tui.state.snapshot import Fold

Clock = Callable[[], datetime]
"""Tells the time, with a time zone."""

NOTE_DELAY_S = 0.05
"""How long a lone output line may wait for company."""

NOTE_ROWS = 20
"""Output lines that are written without waiting for more. Few, because a transition that comes
meanwhile has to carry them along; on a slow disk they gather while the last group is written."""

GROUP_ROWS = 500
"""Rows of one transaction; 1,000 would hold the writer for 5 ms."""

QUEUE_ROWS = 2000
QUEUE_BYTES = 8 * 1024 * 1024
"""How much may wait before whoever brings more output lines has to wait."""

RETRY_S = 1.0
"""How long after a failed commit the lines that wait are tried again."""

BREATH_ROWS = 64
"""Pictures turned into JSON before the loop gets a turn."""


@dataclass(slots=True, eq=False)
class _Operation:
    """Drafts that are written together or not at all."""

    drafts: Sequence[Draft]
    rows: list[str]
    """The events as rows in JSON, encoded where they came from: nobody waits there."""
    size: int
    ts: str
    done: asyncio.Future[list[Recorded]] | None
    """Who waits for it; nobody waits for output lines."""
    begins: str | None = None
    """The id of the run it opens."""
    recorded: list[Recorded] = field(default_factory=list)
    """Its numbered events, once it was judged legal."""
    illegal: IllegalTransition | None = None


class Writer:
    """Owns the queue of operations and the order in which they become true."""

    def __init__(
        self, journal: Journal, live: Live, clock: Clock, *, last_ts: str, note_delay_s: float
    ) -> None:
        self.dropped = 0
        """Output lines that the states forbade, or that could not be written before the end."""
        self._journal = journal
        self._live = live
        self._clock = clock
        self._last_ts = last_ts
        self._note_delay_s = note_delay_s
        self._queue: deque[_Operation] = deque()
        self._rows = 0
        self._bytes = 0
        self._awaited = 0
        """Operations in the queue somebody waits for."""
        self._due = 0.0
        """When, on the loop's clock, the lines in the queue are written at the latest."""
        self._fault: StateError | None = None
        """Why the last commit failed; None once one succeeds."""
        self._closing = False
        self._stopped = False
        self._work = asyncio.Event()
        self._room = asyncio.Event()

    # -- what others call ------------------------------------------------------------------

    async def submit(self, drafts: Sequence[Draft], begins: str | None = None) -> list[Recorded]:
        """Queue an operation and return its events once they are committed and published.

        A caller that is cancelled stops waiting; the operation is carried out all the same.
        """
        done: asyncio.Future[list[Recorded]] = asyncio.get_running_loop().create_future()
        self._push(self._operation(drafts, done, begins))
        self._work.set()
        # A caller that is cancelled cancels only this future, which the writer then leaves alone.
        return await done

    async def note(self, drafts: Sequence[Draft]) -> None:
        """Queue output lines; wait only while too much is queued already.

        Raises:
            StateError: the queue is full and the last commit failed; nothing was queued.
        """
        operation = self._operation(drafts, None, None)
        while self._rows >= QUEUE_ROWS or self._bytes >= QUEUE_BYTES:
            if self._fault is not None:
                raise _again(self._fault)
            self._room.clear()
            await self._room.wait()
            if self._closing:
                raise _closed()
        if not self._queue:
            self._due = asyncio.get_running_loop().time() + self._note_delay_s
            self._work.set()
        self._push(operation)
        if self._ripe():
            self._work.set()

    async def close(self) -> None:
        """Write what is queued, then let :meth:`run` end."""
        self._closing = True
        self._fault = None  # lines that could not be written have one more chance
        self._work.set()
        while not self._stopped:
            self._room.clear()
            await self._room.wait()

    @property
    def fault(self) -> StateError | None:
        """Why the last commit failed; None once one succeeds."""
        return self._fault

    # -- the task ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Write until closed; owned by the task group of whoever opened the state."""
        try:
            while await self._work_due():
                group = self._take()
                try:
                    await self._write(group)
                finally:
                    for operation in group:  # settled by now, unless the writer itself broke
                        _fail(operation, _closed())
        finally:
            self._stopped = True
            for operation in self._queue:
                self.dropped += operation.done is None
                _fail(operation, _closed())
            self._queue.clear()
            self._room.set()

    async def _work_due(self) -> bool:
        """Wait until something is to be written now; False once closed and done."""
        now = asyncio.get_running_loop().time
        while not (self._awaited or self._ripe()):
            if self._closing:
                return bool(self._queue) and self._fault is None
            if self._queue and now() >= self._due:
                return True
            self._work.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._due if self._queue else None):
                    await self._work.wait()
        return True

    def _ripe(self) -> bool:
        """Whether enough lines wait; after a fault only time makes them ripe."""
        return self._fault is None and self._rows >= NOTE_ROWS

    def _take(self) -> list[_Operation]:
        """Take the next group; an operation that opens a run is a group of its own."""
        group: list[_Operation] = []
        size = 0
        while self._queue and size < GROUP_ROWS:
            alone = self._queue[0].begins is not None
            if alone and group:
                break
            group.append(self._pop())
            size += len(group[-1].drafts)
            if alone:
                break
        self._room.set()
        return group

    async def _write(self, group: list[_Operation]) -> None:
        fold = Fold(self._live.snapshot)
        legal = [operation for operation in group if self._judge(fold, operation)]
        snapshot = fold.snapshot()
        if snapshot.seq != self._live.snapshot.seq or snapshot.run is not self._live.snapshot.run:
            try:
                await self._journal.write(await self._change(fold, snapshot, legal))
            except StateError as error:
                self._put_back(group, error)
                return
            self._fault = None
            self._live.publish(
                snapshot,
                [
                    (recorded, len(row))
                    for operation in legal
                    for recorded, row in zip(operation.recorded, operation.rows, strict=True)
                ],
            )
        for operation in group:
            self._settle(operation)

    def _judge(self, fold: Fold, operation: _Operation) -> bool:
        """Number an operation's events and fold them, or note why it is illegal."""
        begins = operation.begins
        operation.illegal = None
        try:
            if begins in self._live.run_ids:
                raise IllegalTransition(f"the run {begins} was begun before")
            check(fold, operation.drafts, begins=begins is not None)
        except IllegalTransition as error:
            operation.illegal = error
            return False
        run = begins or (fold.run.id if fold.run is not None else "")
        operation.recorded = [
            Recorded(
                number, operation.ts, run, draft.task, draft.attempt, draft.event, draft.position
            )
            for number, draft in enumerate(operation.drafts, 1 if begins else fold.seq + 1)
        ]
        for recorded in operation.recorded:
            fold.apply(recorded)
        return True

    async def _change(
        self, fold: Fold, snapshot: Snapshot, legal: Sequence[_Operation]
    ) -> rows.Change:
        """Turn a group into rows: its events, and the pictures that differ from those on disk."""
        old = self._live.snapshot
        first = next(recorded for operation in legal for recorded in operation.recorded)
        change = rows.Change(first.run, first.seq)
        change.events = [row for operation in legal for row in operation.rows]
        if snapshot.run is not None and snapshot.run is not old.run:
            change.run = rows.run_row(snapshot.run)
        places = {
            "tasks": change.tasks,
            "progress": change.progress,
            "breakpoints": change.breakpoints,
        }
        found = rows.changed_rows(old, snapshot, fold.touched_tasks, fold.touched_points)
        for count, (place, row) in enumerate(found, 1):
            places[place].append(row)
            if count % BREATH_ROWS == 0:
                await asyncio.sleep(0)
        return change

    def _settle(self, operation: _Operation) -> None:
        if operation.illegal is not None:
            self.dropped += operation.done is None
            _fail(operation, operation.illegal)
        elif operation.done is not None and not operation.done.done():
            operation.done.set_result(operation.recorded)

    def _put_back(self, group: list[_Operation], error: StateError) -> None:
        """After a failed commit: tell who waits, keep the lines in their order for another try."""
        self._fault = error
        self._due = asyncio.get_running_loop().time() + RETRY_S
        for operation in reversed(group):
            if operation.done is None:
                self._push(operation, left=True)
            else:
                _fail(operation, _again(error))
        self._room.set()

    # -- the queue ---------------------------------------------------------------------------

    def _operation(
        self,
        drafts: Sequence[Draft],
        done: asyncio.Future[list[Recorded]] | None,
        begins: str | None,
    ) -> _Operation:
        if self._closing or self._stopped:
            raise _closed()
        # The queue is in the order of these times, so they never go back, whatever the clock does.
        now = self._clock().astimezone(UTC)
        self._last_ts = ts = max(now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), self._last_ts)
        encoded = [rows.event_row(draft, ts) for draft in drafts]
        return _Operation(drafts, encoded, sum(map(len, encoded)), ts, done, begins)

    def _push(self, operation: _Operation, *, left: bool = False) -> None:
        if left:
            self._queue.appendleft(operation)
        else:
            self._queue.append(operation)
        self._count(operation, 1)

    def _pop(self) -> _Operation:
        operation = self._queue.popleft()
        self._count(operation, -1)
        return operation

    def _count(self, operation: _Operation, sign: int) -> None:
        self._rows += sign * len(operation.drafts)
        self._bytes += sign * operation.size
        self._awaited += sign * (operation.done is not None)


def _fail(operation: _Operation, error: StateError) -> None:
    if operation.done is not None and not operation.done.done():
        operation.done.set_exception(error)


def _closed() -> StateError:
    return StateError("the state is closed", "open it again")


def _again(error: StateError) -> StateError:
    """Copy an error that is raised in more than one place: each raise grows its traceback."""
    return StateError(error.message, error.mend)
