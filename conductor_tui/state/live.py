"""What was committed last, for any number of followers: the newest picture and events."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import islice

from conductor_tui.domain.events import Recorded
from conductor_tui.domain.views import Snapshot

TAIL_EVENTS = 1024
"""Events kept in memory for followers who keep up; slower ones read the database."""

TAIL_BYTES = 8 * 1024 * 1024
"""And how large they may be together, as JSON."""

STRETCH = 256
"""Events handed to a follower before it looks again whether it still keeps up."""

Page = Callable[[str, int], Awaitable[list[Recorded]]]
"""Reads the next events of a run after a ``seq`` from the database."""


class Live:
    """The published state of the newest run; written by the writer, read by everybody."""

    def __init__(self, snapshot: Snapshot, run_ids: Sequence[str]) -> None:
        self.snapshot = snapshot
        self.run_ids = list(run_ids)
        """All runs of the file, oldest first; the snapshot is the last one's."""
        self.closed = False
        self._tail: deque[tuple[Recorded, int]] = deque()
        self._tail_bytes = 0
        self._changed = asyncio.Event()

    @property
    def run(self) -> str | None:
        """The newest run."""
        return self.run_ids[-1] if self.run_ids else None

    def publish(self, snapshot: Snapshot, events: Sequence[tuple[Recorded, int]]) -> None:
        """Show what was committed, then wake the followers.

        Args:
            snapshot: the picture after the events.
            events: the events with the sizes of their data.
        """
        if snapshot.run is not None and snapshot.run.id != self.run:
            self.run_ids.append(snapshot.run.id)
            self._tail.clear()
            self._tail_bytes = 0
        for recorded, size in events:
            self._tail.append((recorded, size))
            self._tail_bytes += size
        while len(self._tail) > TAIL_EVENTS or self._tail_bytes > TAIL_BYTES:
            self._tail_bytes -= self._tail.popleft()[1]
        self.snapshot = snapshot
        self._wake()

    def close(self) -> None:
        """Let every follower come to its end."""
        self.closed = True
        self._wake()

    async def follow(self, min_interval_s: float) -> AsyncIterator[Snapshot]:
        """Yield the newest picture at once and after changes, until closed; never a backlog."""
        now = asyncio.get_running_loop().time
        while True:
            snapshot, shown_at = self.snapshot, now()
            yield snapshot
            while self.snapshot is snapshot:
                if self.closed:
                    return
                await self._changed.wait()
            await self._pause(shown_at + min_interval_s - now())

    async def events(self, since: int, page: Page) -> AsyncIterator[Recorded]:
        """Yield the events of the newest run after ``since``, then what comes, until closed.

        When another run is begun, it goes on with that one's first event.
        """
        run, seq = self.run, since
        while True:
            changed = self._changed
            stretch = await self._after(run, seq, page)
            for recorded in stretch:
                seq = recorded.seq
                yield recorded
            if stretch:
                continue
            if run != self.run:
                run, seq = self._next_run(run), 0
            elif self.closed:
                return
            else:
                await changed.wait()

    async def _after(self, run: str | None, seq: int, page: Page) -> list[Recorded]:
        if run is None or (run == self.run and self.snapshot.seq <= seq):
            return []
        if run == self.run and self._tail and self._tail[0][0].seq <= seq + 1:
            start = seq + 1 - self._tail[0][0].seq
            return [recorded for recorded, _ in islice(self._tail, start, start + STRETCH)]
        return [] if self.closed else await page(run, seq)

    def _next_run(self, run: str | None) -> str:
        return self.run_ids[0 if run is None else self.run_ids.index(run) + 1]

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.closed:
                    await self._changed.wait()

    def _wake(self) -> None:
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()
