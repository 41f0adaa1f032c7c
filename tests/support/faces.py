"""The doubles a face is tested with: a feed, a sink and a clock that do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from conductor_tui.domain import events
from conductor_tui.domain.commands import Command, ShowDiff
from conductor_tui.domain.errors import ConductorError
from conductor_tui.domain.views import Snapshot
from tests.support.pictures import DIFF, NOW


class FakeClock:
    """A clock that stands until it is moved: the time of day, and seconds for measuring."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> datetime:
        """Return the time of day."""
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        """Return the seconds that passed."""
        return self.passed


class FakeFeed:
    """A feed whose pictures and events a test pushes."""

    def __init__(
        self, snapshot: Snapshot | None = None, said: list[events.Recorded] | None = None
    ) -> None:
        self._snapshot = snapshot or Snapshot()
        self._said = list(said or [])
        self._changed = asyncio.Condition()
        self._version = 0

    @property
    def snapshot(self) -> Snapshot:
        """The newest picture."""
        return self._snapshot

    async def push(
        self, snapshot: Snapshot | None = None, said: list[events.Recorded] | None = None
    ) -> None:
        """Show another picture, and let more happen."""
        async with self._changed:
            if snapshot is not None:
                self._snapshot = snapshot
                self._version += 1
            self._said += said or []
            self._changed.notify_all()

    async def follow(self, min_interval_s: float = 0.0) -> AsyncIterator[Snapshot]:
        """Yield the newest picture at once, and after each change."""
        seen = -1
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._version != seen)  # noqa: B023
                seen, picture = self._version, self._snapshot
            yield picture

    async def events(self, since: int = 0) -> AsyncIterator[events.Recorded]:
        """Yield what happened, then what happens."""
        taken = 0
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: len(self._said) > taken)  # noqa: B023
                news, taken = self._said[taken:], len(self._said)
            for recorded in news:
                if recorded.seq > since:
                    yield recorded


class FakeSink:
    """A sink that keeps what it was sent, and answers as it was told."""

    def __init__(self, diff: str = DIFF) -> None:
        self.sent: list[Command] = []
        self.diffs: list[str] = []
        self.diff = diff
        self.results: dict[type[Command], Mapping[str, Any]] = {}
        self.errors: dict[type[Command], ConductorError] = {}

    async def send(self, command: Command) -> Mapping[str, Any]:
        """Keep a command; diffs apart, since the app asks for them by itself."""
        if isinstance(command, ShowDiff):
            self.diffs.append(command.task)
            return {"diff": self.diff}
        self.sent.append(command)
        if type(command) in self.errors:
            raise self.errors[type(command)]
        return self.results.get(type(command), {})
