"""The app on a fake feed, under a pilot: what tests of screens and of the app begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual.pilot import Pilot

from conductor_tui.app import ConductorApp
from conductor_tui.domain.events import Recorded
from conductor_tui.domain.task import Task
from conductor_tui.domain.views import Snapshot
from conductor_tui.screens.dashboard import Dashboard
from tests.support.faces import FakeClock, FakeFeed, FakeSink

TEMPLATE = Task(id="", title="", prompt="", checks=("pytest -q",))


@dataclass
class Table:
    """An app at work, with everything around it."""

    pilot: Pilot[None]
    app: ConductorApp
    feed: FakeFeed
    sink: FakeSink
    clock: FakeClock

    @property
    def dashboard(self) -> Dashboard:
        """The dashboard, whatever lies over it."""
        found = self.app.screen_stack[1]
        assert isinstance(found, Dashboard)
        return found

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they start is done."""
        await self.pilot.press(*keys)
        await self.settle()

    async def write(self, text: str) -> None:
        """Type a text."""
        await self.press(*("space" if letter == " " else letter for letter in text))

    async def settle(self) -> None:
        """Let messages, workers and layout come to rest."""
        for _ in range(2):
            await self.pilot.pause()

    def pass_grace(self) -> None:
        """Let the half second go by in which no key is an answer."""
        self.clock.passed += 0.6

    async def push(
        self, snapshot: Snapshot | None = None, said: list[Recorded] | None = None
    ) -> None:
        """Let the run change."""
        await self.feed.push(snapshot, said)
        await self.settle()


@asynccontextmanager
async def opened(
    snapshot: Snapshot | None = None,
    said: list[Recorded] | None = None,
    *,
    size: tuple[int, int] = (120, 36),
    theme: str = "conductor-dark",
    detach: bool = False,
) -> AsyncIterator[Table]:
    """Open the app on a picture."""
    clock, feed, sink = FakeClock(), FakeFeed(snapshot, said), FakeSink()
    app = ConductorApp(
        feed,
        sink,
        repository="textkit",
        template=TEMPLATE,
        clock=clock,
        monotonic=clock.monotonic,
        theme=theme,
        detach=detach,
    )
    async with app.run_test(size=size) as pilot:
        table = Table(pilot, app, feed, sink, clock)
        await table.settle()
        yield table
