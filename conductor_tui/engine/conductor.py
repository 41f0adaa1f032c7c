"""The life of a run in one process: it is opened or resumed, carried on, and ends clean.

Everything the engine starts is in one task group, open as long as :meth:`Conductor.running` is;
when that block is left no agent is alive (unless the run is detached) and the state says how far
the run came.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from conductor_tui.domain.errors import NotFound
from conductor_tui.domain.events import (
    Draft,
    Event,
    Notice,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    TaskQueued,
)
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import RunStatus
from conductor_tui.domain.views import Snapshot
from conductor_tui.engine import summary
from conductor_tui.engine.dispatcher import Dispatcher
from conductor_tui.engine.scheduler import stuck
from conductor_tui.engine.tools import Tools
from conductor_tui.state.runfiles import new_run_id

OPEN = frozenset({RunStatus.RUNNING, RunStatus.PARKED, RunStatus.INTERRUPTED})
"""Statuses of a run that can go on."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How this process is to end, where a face has said so."""

    code: int
    reason: str


class Conductor:
    """Runs the tasks of the open run of one repository.

    Args:
        tools: the engine's surroundings.
    """

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.dispatcher = Dispatcher(tools)
        self._ending: _Ending | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The newest picture of the run."""
        return self.tools.state.snapshot

    @property
    def has_open_run(self) -> bool:
        """Whether there is a run that can go on."""
        return is_open(self.snapshot)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Conductor]:
        """Dispatch tasks as long as the block is open; leave nothing running behind it."""
        async with asyncio.TaskGroup() as group:
            loop = group.create_task(self.dispatcher.run(group))
            try:
                yield self
            finally:
                loop.cancel()
                await asyncio.wait([loop])
                await self.dispatcher.stop()
                await self._write_the_end()

    async def begin(self, tasks: Sequence[Task]) -> None:
        """Open a new run with its whole plan, then prepare its branch.

        Raises:
            RepositoryError: no run can start on the repository.
        """
        head = await self.tools.workspaces.preflight()
        run = new_run_id(self.tools.now(), self.tools.random)
        started = RunStarted(
            plan=tuple(task.id for task in tasks),
            settings=self.tools.settings,
            judge=self.tools.judge,
            base=head.commit,
            branch=integration_branch(run),
        )
        await self.tools.state.begin(run, [Draft(started), *map(queued_draft, tasks)])
        await self._prepare()

    async def resume(self) -> None:
        """Go on with the newest run; what ran when its process ended is queued at its step.

        Raises:
            NotFound: there is no run to go on with.
        """
        if self.snapshot.run is None:
            raise NotFound("there is no run to resume", "start one: conductor --batch PLAN")
        await self.tools.workspaces.preflight()
        await self._sweep()
        resumed = RunResumed(tuple(self.snapshot.tasks), self.tools.settings, self.tools.judge)
        await self.tools.state.record(Draft(resumed))
        await self._prepare()

    async def carry_on(self) -> None:
        """See to what was recorded just now, also where this process has not taken up the run."""
        if self.dispatcher.is_open:
            self.dispatcher.look_again()
        else:
            await self._sweep()
            await self._prepare()

    async def settled(self) -> None:
        """Return when nothing goes on by itself: the run closed, or only humans can move it."""
        await self.dispatcher.settled.wait()

    def end_with(self, code: int, reason: str) -> None:
        """Have this process end now, and say how, for the last event of the run."""
        if self._ending is None:
            self._ending = _Ending(code, reason)
        self.dispatcher.finish()

    async def _prepare(self) -> None:
        run = self.snapshot.run
        if run is not None:
            await self.tools.workspaces.start_run(run.id, run.base)
        if self.tools.notices:
            notices = [Draft(Notice("warning", text)) for text in self.tools.notices]
            await self.tools.state.record(*notices)
        self.dispatcher.open()

    async def _sweep(self) -> None:
        """End what an earlier process left behind, except programs that can be attached to."""
        run = self.snapshot.run
        for task in self.snapshot.tasks.values():
            if run is not None and task.attempts and task.resumable is None:
                marks = {"CONDUCTOR_RUN_ID": run.id, "CONDUCTOR_TASK_ID": task.id}
                await self.tools.host.sweep(marks)

    async def _write_the_end(self) -> None:
        await self.tools.state.flush()  # what was under way when all was stopped
        event = self._closing_event()
        if event is not None:
            await self.tools.state.record(Draft(event))

    @property
    def _is_stuck(self) -> bool:
        return stuck(self.snapshot, patient=self.tools.options.patient)

    def _closing_event(self) -> Event | None:
        snapshot = self.snapshot
        if snapshot.run is None or snapshot.run.status is not RunStatus.RUNNING:
            return None
        table, points = summary.task_table(snapshot), summary.open_points(snapshot)
        if self._ending is None and snapshot.active and self._is_stuck:
            code = summary.exit_code(snapshot)
            return RunFinished(code, summary.reason(snapshot), table, points)
        ending = self._ending or _Ending(0, "conductor was closed")
        return RunInterrupted(ending.code, ending.reason, table, points)


def is_open(snapshot: Snapshot) -> bool:
    """Return whether a run can go on: it is not closed, or something in it is parked."""
    return snapshot.run is not None and (snapshot.run.status in OPEN or snapshot.active)


def integration_branch(run: str) -> str:
    """Return the name of the branch on which a run's accepted work comes together."""
    return f"conductor/{run}/integration"


def queued_draft(task: Task) -> Draft:
    """Return the event that enters a new task into a run."""
    return Draft(
        TaskQueued(task.title, task.depends_on, task.priority, task.agent, "new", spec=task),
        task.id,
    )
