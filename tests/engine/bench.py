"""A conductor on a workbench: the real engine and state, everything else a fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from conductor_tui.domain.codec import type_name
from conductor_tui.domain.commands import AddTasks, Command, ResolveBreakpoint
from conductor_tui.domain.events import Event, Recorded
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Answer, TaskStatus
from conductor_tui.domain.views import BreakpointView, Snapshot, TaskView
from conductor_tui.engine.asking import Judge
from conductor_tui.engine.commands import Commands
from conductor_tui.engine.conductor import Conductor
from conductor_tui.engine.tools import Options, Tools
from conductor_tui.state.manager import StateManager
from conductor_tui.supervision.permissions import Policy
from conductor_tui.supervision.prompts import Prompts
from tests.bell import Bell, Clock
from tests.fake_workspaces import FakeWorkspaces
from tests.fakes import FakeAgent, FakeChecker, FakeHost


def a_task(
    name: str, *after: str, checks: tuple[str, ...] = ("make test",), **more: object
) -> Task:
    """Return a task of the fake agent with one check."""
    task = Task(name, name.title(), f"Do {name}", depends_on=after, agent="fake", checks=checks)
    return replace(task, **more)  # type: ignore[arg-type]


class Bench:
    """Fakes that outlive conductors, and the conductor that works with them now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bell = Bell()
        self.clock = Clock()
        self.spaces = FakeWorkspaces(self.bell)
        self.agent = FakeAgent(self.bell, self.spaces.write)
        self.checker = FakeChecker(self.bell)
        self.host = FakeHost(self.bell)
        self.policy = Policy()
        self.prompts = Prompts()
        self.random = Random(7)
        self.notices: tuple[str, ...] = ()
        self.judging: Judge | None = None
        self.state: StateManager
        self.conductor: Conductor

    @asynccontextmanager
    async def opened(self, options: Options | None = None) -> AsyncIterator[Conductor]:
        """Open the state with a new conductor on it, as a new process does."""
        async with StateManager.open(self.folder / "state.db", clock=self.clock) as state:
            self.state = state
            self.conductor = Conductor(self._tools(state, options or Options()))
            async with asyncio.TaskGroup() as group:
                ringing = group.create_task(self._ring(state))
                try:
                    yield self.conductor
                finally:
                    ringing.cancel()

    @asynccontextmanager
    async def begun(self, *tasks: Task, options: Options | None = None) -> AsyncIterator[Conductor]:
        """Open a conductor that runs a plan; it is stopped at the end of the block."""
        async with self.opened(options) as conductor, conductor.running():
            await conductor.begin(tasks)
            yield conductor

    @asynccontextmanager
    async def resumed(self, options: Options | None = None) -> AsyncIterator[Conductor]:
        """Open a conductor that goes on with the run."""
        async with self.opened(options) as conductor, conductor.running():
            await conductor.resume()
            yield conductor

    async def ran(self, *tasks: Task, options: Options | None = None) -> Snapshot:
        """Run a plan to where it settles; return the last picture."""
        async with self.begun(*tasks, options=options):
            await self.settle()
        return self.last

    async def send(self, command: Command) -> None:
        """Give a command to the conductor."""
        await Commands(self.conductor).send(command)

    async def add(self, *tasks: Task) -> None:
        """Queue further tasks."""
        await self.send(AddTasks(tasks))

    async def answer(self, point: str, answer: Answer, **more: object) -> None:
        """Answer a breakpoint."""
        await self.send(ResolveBreakpoint(point, answer, by="cli", **more))  # type: ignore[arg-type]

    async def until(self, fact: object) -> None:
        """Wait for a fact: something callable."""
        assert callable(fact)
        await self.bell.until(fact)

    async def until_status(self, task: str, status: TaskStatus) -> None:
        """Wait until a task stands so."""
        await self.bell.until(lambda: self.task(task).status is status)

    async def until_asked(self, number: int = 1) -> BreakpointView:
        """Wait for the nth breakpoint of the run, and return it."""
        await self.bell.until(lambda: len(self.last.breakpoints) >= number)
        return list(self.last.breakpoints.values())[number - 1]

    async def settle(self) -> None:
        """Wait until nothing goes on by itself."""
        async with asyncio.timeout(10):
            await self.conductor.settled()

    @property
    def last(self) -> Snapshot:
        """The newest picture."""
        return self.state.snapshot

    def task(self, name: str) -> TaskView:
        """Return a task as it stands."""
        return self.last.tasks[name]

    def statuses(self) -> dict[str, str]:
        """Return the tasks' statuses."""
        return {task.id: task.status.value for task in self.last.in_order()}

    async def history(self) -> list[Recorded]:
        """Return all events of the run, seen to be gapless."""
        async with StateManager.read(self.folder / "state.db") as state:
            run = state.snapshot.run
            assert run is not None
            events = await state.history(run.id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        return events

    async def types(self, task: str | None = None) -> list[str]:
        """Return the names of the events, of one task or of the run itself."""
        return [type_name(one.event) for one in await self.history() if one.task == task]

    async def of_type(self, kind: type[Event], task: str | None = None) -> list[Recorded]:
        """Return the events of a kind."""
        return [
            one
            for one in await self.history()
            if isinstance(one.event, kind) and task in (None, one.task)
        ]

    def _tools(self, state: StateManager, options: Options) -> Tools:
        return Tools(
            state=state,
            workspaces=self.spaces,
            agents={"fake": self.agent},
            checker=self.checker,
            host=self.host,
            folder=self.folder,
            prompts=self.prompts,
            policy=self.policy,
            home="",
            resolve=str,
            now=self.clock,
            random=self.random,
            options=options,
            judge={"provider": "none"},
            judging=self.judging,
            notices=self.notices,
        )

    async def _ring(self, state: StateManager) -> None:
        async for _ in state.follow():
            self.bell.ring()


def without(names: Sequence[str], *dropped: str) -> list[str]:
    """Return names without some of them."""
    return [name for name in names if name not in dropped]
