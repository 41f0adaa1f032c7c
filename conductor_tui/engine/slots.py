"""Who may keep an agent busy: a fixed number of slots, granted by the dispatcher only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Slots:
    """The slots of a run; a task that waits for a human holds none.

    Args:
        released: called whenever a slot becomes free.
    """

    def __init__(self, released: Callable[[], None]) -> None:
        self._released = released
        self._holders: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @property
    def holders(self) -> frozenset[str]:
        """The ids of the tasks that hold a slot."""
        return frozenset(self._holders)

    def waits(self, task: str) -> bool:
        """Return whether a task that is at work already waits here for a slot."""
        return task in self._waiting

    def grant(self, task: str) -> None:
        """Give a slot to a task, and wake it if it waits for one."""
        self._holders.add(task)
        waiting = self._waiting.pop(task, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def release(self, task: str) -> None:
        """Take the slot back, if the task holds one."""
        if task in self._holders:
            self._holders.remove(task)
            self._released()

    async def acquire(self, task: str) -> None:
        """Wait until the dispatcher grants a slot to the task."""
        if task in self._holders:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[task] = future
        self._released()
        try:
            await future
        finally:
            if self._waiting.get(task) is future:
                del self._waiting[task]
