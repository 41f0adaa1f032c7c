"""What each command does to a running conductor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from conductor_tui.domain.commands import (
    AddTasks,
    CancelRun,
    CancelTask,
    Command,
    InterruptAgent,
    Land,
    ResolveBreakpoint,
    RetryTask,
    SendMessage,
    SetDispatch,
    ShowDiff,
)
from conductor_tui.domain.errors import NotFound, Refused, UsageError
from conductor_tui.domain.events import DispatchChanged, Draft, RunResumed
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Answer, RunStatus, TaskStatus
from conductor_tui.domain.views import Snapshot, TaskView
from conductor_tui.engine.conductor import Conductor, queued_draft
from conductor_tui.engine.landing import land
from conductor_tui.engine.live import LiveAgent
from conductor_tui.engine.resolving import find_breakpoint, plan_resolution, queued_again

_RETRIABLE = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.BLOCKED})

_ID_LENGTH = 48
"""Longest task id (contract, section 1)."""


class Commands:
    """The door by which faces reach the engine: a CommandSink."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._tools = conductor.tools

    async def send(self, command: Command) -> Mapping[str, Any]:
        """Carry out a command and return its JSON-able result.

        Raises:
            ConductorError: it could not be carried out.
        """
        result: Mapping[str, Any]
        match command:
            case AddTasks():
                result = await self._add(command)
            case ResolveBreakpoint():
                result = await self._resolve(command)
            case CancelTask(task, reason):
                await self._conductor.dispatcher.cancel(task, reason)
                result = {"task": task, "status": "cancelled"}
            case CancelRun(reason):
                result = await self._cancel_run(reason)
            case RetryTask():
                result = await self._retry(command)
            case SetDispatch(paused):
                await self._tools.state.record(Draft(DispatchChanged(paused)))
                result = {"paused": paused}
            case Land(task):
                result = await land(self._tools.state, self._tools.workspaces, task)
            case ShowDiff(task):
                result = await self._diff(task)
            case _:
                result = await self._tell_agent(command)
        return result

    # -- tasks -----------------------------------------------------------------------------------

    async def _add(self, command: AddTasks) -> Mapping[str, Any]:
        if not self._conductor.has_open_run:
            await self._conductor.begin(command.tasks)
            return {"run": self._run_id(), "tasks": [task.id for task in command.tasks]}
        tasks = joining(self._snapshot, command)
        if tasks:
            await self._tools.state.record(*map(queued_draft, tasks))
            self._conductor.dispatcher.look_again()
        return {"run": self._run_id(), "tasks": [task.id for task in tasks]}

    async def _retry(self, command: RetryTask) -> Mapping[str, Any]:
        await self._tools.state.record(*retrying(self._snapshot, command, self._tools.judge))
        await self._conductor.carry_on()
        return {"task": command.task, "status": "queued"}

    async def _cancel_run(self, reason: str) -> Mapping[str, Any]:
        cancelled = await self._conductor.dispatcher.cancel_all(reason)
        return {"run": self._run_id(), "cancelled": cancelled}

    async def _diff(self, task: str) -> Mapping[str, Any]:
        view = find_task(self._snapshot, task)
        spaces = self._tools.workspaces
        if not view.workspace:
            return {"task": task, "diff": ""}
        workspace = await spaces.locate(self._run_id(), task)
        return {"task": task, "diff": await spaces.diff(workspace)}

    # -- breakpoints and agents --------------------------------------------------------------------

    async def _resolve(self, command: ResolveBreakpoint) -> Mapping[str, Any]:
        point = find_breakpoint(self._snapshot, command.id)
        if command.answer is Answer.CANCEL and point.task is not None:
            reason = command.text or f"cancelled at breakpoint {point.id} by {command.by}"
            await self._conductor.dispatcher.cancel(point.task, reason)
            return {"breakpoint": command.id, "task": point.task, "answer": command.answer.value}
        await self._tools.state.record(*plan_resolution(self._snapshot, command))
        agent = None if point.task is None else self._conductor.dispatcher.agent_of(point.task)
        if agent is not None:
            agent.desk.poke()
        self._conductor.dispatcher.look_again()
        return {
            "breakpoint": command.id,
            "task": point.task,
            "answer": command.answer.value,
            "workspace": point.evidence.get("workspace"),
        }

    async def _tell_agent(self, command: Command) -> Mapping[str, Any]:
        match command:
            case SendMessage(task, text, by):
                await self._agent(task).say(text, by)
                return {"task": task}
            case InterruptAgent(task):
                await self._agent(task).interrupt()
                return {"task": task}
        raise UsageError(f"unknown command {command.name!r}")

    def _agent(self, task: str) -> LiveAgent:
        find_task(self._snapshot, task)
        agent = self._conductor.dispatcher.agent_of(task)
        if agent is None:
            raise Refused(f"no agent is at work on {task}")
        return agent

    @property
    def _snapshot(self) -> Snapshot:
        return self._conductor.snapshot

    def _run_id(self) -> str:
        run = self._snapshot.run
        return "" if run is None else run.id


def find_task(snapshot: Snapshot, name: str) -> TaskView:
    """Return a task of the run by its id.

    Raises:
        NotFound: there is none.
    """
    task = snapshot.tasks.get(name)
    if task is None:
        raise NotFound(f"there is no task {name} in this run", "see `conductor status`")
    return task


def retrying(snapshot: Snapshot, command: RetryTask, judge: Mapping[str, Any]) -> list[Draft]:
    """Return the events that queue an ended or blocked task again, with a new budget.

    Raises:
        NotFound: there is no such task.
        Refused: it is at work, waits, or is done.
    """
    view = find_task(snapshot, command.task)
    if view.status not in _RETRIABLE:
        raise Refused(
            f"task {view.id} is {view.status}; only a failed, cancelled or blocked one is retried"
        )
    drafts = []
    if snapshot.run is not None and snapshot.run.status is not RunStatus.RUNNING:
        drafts.append(Draft(RunResumed(tuple(snapshot.tasks), snapshot.run.settings, judge)))
    return [*drafts, Draft(queued_again(view, "retry", command.text), view.id)]


def joining(snapshot: Snapshot, command: AddTasks) -> list[Task]:
    """Return the tasks as they enter the open run: clashing ids renamed, or left out.

    Raises:
        UsageError: a task depends on one that neither the run nor the addition has.
    """
    taken = set(snapshot.tasks)
    names: dict[str, str] = {}
    tasks: list[Task] = []
    for task in command.tasks:
        if task.id in taken and command.known == "skip":
            continue
        names[task.id] = _free(task.id, taken)
        taken.add(names[task.id])
        tasks.append(task)
    renamed = [
        replace(
            task,
            id=names[task.id],
            depends_on=tuple(names.get(name, name) for name in task.depends_on),
        )
        for task in tasks
    ]
    _check_dependencies(renamed, taken)
    return renamed


def _check_dependencies(tasks: Sequence[Task], known: set[str]) -> None:
    for task in tasks:
        for name in task.depends_on:
            if name not in known:
                raise UsageError(f"task {task.id} depends on {name}, which is not in the run")


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        suffix = f"-{number}"
        candidate = name[: _ID_LENGTH - len(suffix)].rstrip("-") + suffix
    return candidate
