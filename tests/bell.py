"""How tests wait for facts, and for time that does not pass by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

PATIENCE_S = 10.0
"""How long a test waits for a fact before it is red, seconds."""


class Bell:
    """Rung whenever a fake was used or the state moved."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait for a fact."""
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def until(self, fact: Callable[[], object]) -> None:
        """Return when a fact holds.

        Raises:
            TimeoutError: it does not come.
        """
        async with asyncio.timeout(PATIENCE_S):
            while not fact():
                await self._rung.wait()


class Clock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.time += timedelta(seconds=seconds)
