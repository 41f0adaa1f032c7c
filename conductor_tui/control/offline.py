"""Commands while no conductor runs: recorded durably under the lock, carried out where possible.

What only a running conductor can do (start an agent) is left to the next start, and said so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random
from typing import Any

from conductor_tui.domain.commands import (
    AddTasks,
    CancelRun,
    CancelTask,
    Command,
    Land,
    ResolveBreakpoint,
    RetryTask,
    SetDispatch,
    ShowDiff,
)
from conductor_tui.domain.errors import NotFound, Refused
from conductor_tui.domain.events import Draft, RunFinished, RunInterrupted, RunStarted
from conductor_tui.domain.ports.hosts import Host
from conductor_tui.domain.ports.work import Workspaces
from conductor_tui.domain.values import ACTIVE, Answer, RunStatus, TaskStatus
from conductor_tui.domain.views import Snapshot
from conductor_tui.engine import summary
from conductor_tui.engine.commands import find_task, joining, retrying
from conductor_tui.engine.conductor import OPEN, integration_branch, is_open, queued_draft
from conductor_tui.engine.dispatcher import cancellation
from conductor_tui.engine.landing import land
from conductor_tui.engine.resolving import find_breakpoint, plan_resolution
from conductor_tui.state.manager import StateManager
from conductor_tui.state.runfiles import new_run_id

LATER = "recorded; the next start of conductor carries it out"
NOW = "done"


class OfflineCommands:
    """A CommandSink on the state alone; its caller holds the repository's lock.

    Args:
        state: the state, open for writing.
        workspaces: git.
        host: where leftovers of a detached run are ended.
        now: tells the time.
        random: where the letters of run ids come from.
    """

    def __init__(
        self,
        state: StateManager,
        workspaces: Workspaces,
        host: Host,
        now: Callable[[], datetime],
        random: Random,
    ) -> None:
        self._state = state
        self._workspaces = workspaces
        self._host = host
        self._now = now
        self._random = random

    @property
    def _snapshot(self) -> Snapshot:
        return self._state.snapshot

    async def send(self, command: Command) -> Mapping[str, Any]:
        """Carry out or record a command; the result says which in ``when``.

        Raises:
            ConductorError: it cannot be done, now or later.
        """
        result: Mapping[str, Any]
        match command:
            case AddTasks():
                result = await self._add(command)
            case ResolveBreakpoint():
                result = await self._resolve(command)
            case CancelTask(task, reason):
                await self._cancel(task, reason)
                await self._close_if_over()
                result = {"task": task, "status": "cancelled", "when": NOW}
            case CancelRun(reason):
                result = await self._cancel_run(reason)
            case RetryTask():
                result = await self._retry(command)
            case Land(task):
                result = {**await land(self._state, self._workspaces, task), "when": NOW}
            case ShowDiff(task):
                result = await self._diff(task)
            case SetDispatch():
                raise Refused("no conductor runs, so there is nothing to pause or resume")
            case _:
                raise Refused("no agent is at work: no conductor runs on this repository")
        return result

    async def _add(self, command: AddTasks) -> Mapping[str, Any]:
        if is_open(self._snapshot):
            tasks = joining(self._snapshot, command)
            if tasks:
                await self._state.record(*map(queued_draft, tasks))
        else:
            tasks = list(command.tasks)
            await self._open_run(command)
        run = self._snapshot.run
        return {
            "run": run.id if run else None,
            "tasks": [task.id for task in tasks],
            "when": LATER,
        }

    async def _open_run(self, command: AddTasks) -> None:
        head = await self._workspaces.preflight()
        name = new_run_id(self._now(), self._random)
        ids = tuple(task.id for task in command.tasks)
        started = RunStarted(ids, {}, {}, head.commit, integration_branch(name))
        await self._state.begin(name, [Draft(started), *map(queued_draft, command.tasks)])
        await self._state.record(Draft(RunInterrupted(0, "queued while no conductor ran")))

    async def _resolve(self, command: ResolveBreakpoint) -> Mapping[str, Any]:
        point = find_breakpoint(self._snapshot, command.id)
        if command.answer is Answer.CANCEL and point.task is not None:
            await self._cancel(point.task, command.text or f"cancelled at breakpoint {point.id}")
        else:
            await self._state.record(*plan_resolution(self._snapshot, command))
        await self._close_if_over()
        task = self._snapshot.tasks.get(point.task or "")
        later = task is not None and task.status is TaskStatus.QUEUED
        return {
            "breakpoint": command.id,
            "task": point.task,
            "answer": command.answer.value,
            "workspace": point.evidence.get("workspace"),
            "when": LATER if later else NOW,
        }

    async def _retry(self, command: RetryTask) -> Mapping[str, Any]:
        run = self._snapshot.run
        await self._state.record(
            *retrying(self._snapshot, command, run.judge if run else {}),
            Draft(RunInterrupted(0, "queued while no conductor ran")),
        )
        return {"task": command.task, "status": "queued", "when": LATER}

    async def _cancel_run(self, reason: str) -> Mapping[str, Any]:
        if self._snapshot.run is None:
            raise NotFound("there is no run")
        cancelled = [task.id for task in self._snapshot.in_order() if task.status in ACTIVE]
        for task in cancelled:
            await self._cancel(task, reason)
        await self._close_if_over()
        return {"run": self._snapshot.run.id, "cancelled": cancelled, "when": NOW}

    async def _cancel(self, task: str, reason: str) -> None:
        view = find_task(self._snapshot, task)
        if view.status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED):
            raise Refused(f"task {task} is {view.status} already")
        run = self._snapshot.run
        if run is not None:
            await self._host.sweep({"CONDUCTOR_RUN_ID": run.id, "CONDUCTOR_TASK_ID": task})
        await self._state.record(*cancellation(self._snapshot, task, reason))

    async def _close_if_over(self) -> None:
        """Close a run in which nothing is left to do; no other process is there to do it."""
        snapshot = self._snapshot
        if snapshot.active or snapshot.run is None or snapshot.run.status not in OPEN:
            return
        if snapshot.run.status is RunStatus.PARKED and snapshot.open_breakpoints:
            return
        await self._state.record(
            Draft(
                RunFinished(
                    summary.exit_code(snapshot),
                    summary.reason(snapshot),
                    summary.task_table(snapshot),
                    summary.open_points(snapshot),
                )
            )
        )

    async def _diff(self, task: str) -> Mapping[str, Any]:
        view = find_task(self._snapshot, task)
        run = self._snapshot.run
        if run is None or not view.workspace:
            return {"task": task, "diff": ""}
        workspace = await self._workspaces.locate(run.id, task)
        return {"task": task, "diff": await self._workspaces.diff(workspace)}
