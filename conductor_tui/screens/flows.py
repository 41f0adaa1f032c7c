"""From a key to a command: what has to be asked first, and what is said of the result.

Each flow is a coroutine over a desk: what is selected, what is known, and the app to ask with.
It returns the command to send, or None where there is nothing to send.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from slugify import slugify
from textual.app import App

from conductor_tui.domain.commands import (
    AddTasks,
    CancelTask,
    Command,
    InterruptAgent,
    Land,
    ResolveBreakpoint,
    RetryTask,
    SendMessage,
    SetDispatch,
)
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Answer, BreakpointKind, TaskStatus
from conductor_tui.domain.views import BreakpointView, Snapshot, TaskView
from conductor_tui.screens.dialogs import AddTask, AskText, Confirm, NewTask, Tell
from conductor_tui.widgets import plain, words
from conductor_tui.widgets.breakpoint_panel import BreakpointPanel


@dataclass(frozen=True, slots=True)
class Desk:
    """What a flow works with."""

    app: App[Any]
    picture: Snapshot
    selected: str | None
    template: Task
    """A task with the defaults of the settings: what a new one is made from."""

    @property
    def task(self) -> TaskView | None:
        """The selected task."""
        return self.picture.tasks.get(self.selected or "")

    def say(self, text: str) -> None:
        """Say why nothing happens."""
        self.app.notify(text, severity="warning", timeout=4, markup=False)


Flow = Callable[[Desk], Awaitable[Command | None]]


async def add(desk: Desk) -> Command | None:
    """Ask for a new task."""
    template = desk.template
    new = await desk.app.push_screen_wait(
        AddTask(template.agent, template.checks, template.priority)
    )
    return None if new is None else AddTasks((task_from(new, template, set(desk.picture.tasks)),))


async def pause(desk: Desk) -> Command | None:
    """Pause the start of tasks, or resume it."""
    run = desk.picture.run
    if run is None:
        desk.say("There is no run yet. Press a to add a task.")
        return None
    return SetDispatch(paused=not run.paused)


async def cancel(desk: Desk) -> Command | None:
    """Ask before a task is ended."""
    task = _chosen(desk)
    if task is None:
        return None
    if task.status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED):
        desk.say(f"{task.id} is {words.TASK_SIGNS[task.status].word} already.")
        return None
    text = "Its agent is ended; its workspace is kept. Retry queues it again."
    yes = await desk.app.push_screen_wait(Confirm(f"Cancel {task.id}?", text, "Cancel the task"))
    return CancelTask(task.id) if yes else None


async def retry(desk: Desk) -> Command | None:
    """Ask for words that go with another attempt."""
    task = _chosen(desk)
    if task is None:
        return None
    if task.status not in (TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.BLOCKED):
        word = words.TASK_SIGNS[task.status].word
        desk.say(f"{task.id} is {word}: only failed, cancelled or blocked tasks are retried.")
        return None
    text = await desk.app.push_screen_wait(
        AskText(f"Retry {task.id}", "What to do better; may be empty.", needed=False)
    )
    return None if text is None else RetryTask(task.id, text or None)


async def message(desk: Desk) -> Command | None:
    """Ask for words to a running agent."""
    task = _at_work(desk)
    if task is None:
        return None
    text = await desk.app.push_screen_wait(
        AskText(
            f"Message to {task.spec.agent} at {task.id}", "The agent reads it now.", needed=True
        )
    )
    return None if text is None else SendMessage(task.id, text)


async def interrupt(desk: Desk) -> Command | None:
    """Stop what an agent does now."""
    task = _at_work(desk)
    if task is None:
        return None
    text = "It stops what it does now; its session lives on."
    yes = await desk.app.push_screen_wait(Confirm(f"Interrupt {task.id}?", text, "Interrupt"))
    return InterruptAgent(task.id) if yes else None


async def land(desk: Desk) -> Command | None:
    """Ask before accepted work goes to the user's branch."""
    done = [t for t in desk.picture.tasks.values() if t.status is TaskStatus.COMPLETED]
    if not done:
        desk.say("Nothing is accepted yet, so there is nothing to land.")
        return None
    rest = len(desk.picture.tasks) - len(done)
    text = f"The accepted work of {words.plural(len(done), 'task')} is merged into your branch."
    if rest:
        text += f"\n{words.plural(rest, 'other task')} of this run {_is(rest)} not part of it."
    yes = await desk.app.push_screen_wait(Confirm("Land accepted work?", text, "Land"))
    return Land() if yes else None


FLOWS: Mapping[str, Flow] = {
    "add": add,
    "pause": pause,
    "cancel": cancel,
    "retry": retry,
    "message": message,
    "interrupt": interrupt,
    "land": land,
}
"""Name of an action → what leads to its command."""


STAYS_OPEN = frozenset({Answer.TAKE_OVER, Answer.WAIT})
"""Answers after which a breakpoint waits on for another one."""


async def resolve(desk: Desk, given: BreakpointPanel.Answered) -> Command | None:
    """Return the command of an answer; accepting red checks is asked twice."""
    point = desk.picture.breakpoints.get(given.point)
    force = False
    if (
        point is not None
        and given.answer is Answer.APPROVE
        and point.kind is BreakpointKind.RESULT
        and (red := red_checks(point, desk.picture.tasks.get(point.task or "")))
    ):
        text = "Red: " + ", ".join(red) + "\nIt is recorded that you accepted it all the same."
        title = (
            f"Accept {point.task} although {words.plural(len(red), 'check')} {_is(len(red))} red?"
        )
        if not await desk.app.push_screen_wait(Confirm(title, text, "Accept it")):
            return None
        force = True
    return ResolveBreakpoint(given.point, given.answer, given.text, given.changed, force)


def red_checks(point: BreakpointView, task: TaskView | None) -> list[str]:
    """Return the checks that are red: as the evidence says, else by the newest attempt."""
    told = point.evidence.get("red")
    if isinstance(told, (list, tuple)):
        return [plain.line(str(check)) for check in told]
    if task is None or task.attempt is None:
        return []
    last = {check.check: check.ok for check in task.attempt.checks}
    return [plain.line(check) for check, ok in last.items() if ok is False]


async def leave(desk: Desk, *, detach: bool) -> bool:
    """Return whether to leave; ask while agents work."""
    busy = sum(task.status is TaskStatus.RUNNING for task in desk.picture.tasks.values())
    if not busy:
        return True
    fate = (
        "They go on without this screen; the next start attaches to them."
        if detach
        else "They will be ended; their work is kept and the run goes on with the next start."
    )
    text = f"{words.plural(busy, 'agent')} {_is(busy)} working. {fate}"
    return await desk.app.push_screen_wait(Confirm("Quit?", text, "Quit", "Stay"))


async def tell_result(desk: Desk, command: Command, result: Mapping[str, Any]) -> None:
    """Say what a command did, where a human cannot see it anyway."""
    if isinstance(command, AddTasks):
        desk.app.notify(f"Queued {command.tasks[0].id}.", timeout=3, markup=False)
    elif isinstance(command, SetDispatch):
        text = (
            "No further task is started; agents at work go on." if command.paused else "Going on."
        )
        desk.app.notify(text, timeout=3)
    elif isinstance(command, SendMessage):
        desk.app.notify(f"Sent to {command.task}.", timeout=3, markup=False)
    elif isinstance(command, Land):
        commit, branch = str(result.get("commit", ""))[:10], result.get("branch", "your branch")
        text = plain.line(f"Landed on {branch} as {commit}." if commit else "Landed.")
        desk.app.notify(text, timeout=10, markup=False)
    elif isinstance(command, ResolveBreakpoint) and command.answer is Answer.TAKE_OVER:
        await _tell_workspace(desk, command, result)


async def _tell_workspace(
    desk: Desk, command: ResolveBreakpoint, result: Mapping[str, Any]
) -> None:
    point = desk.picture.breakpoints.get(command.id)
    task = desk.picture.tasks.get(point.task or "") if point is not None else None
    folder = str(result.get("workspace") or (task.workspace if task is not None else ""))
    text = f"Work in\n\n{folder}\n\nThen accept it, or let the agent try again: it waits here."
    await desk.app.push_screen_wait(Tell("The workspace is yours", text, folder))


def task_from(new: NewTask, template: Task, taken: set[str]) -> Task:
    """Return a task as a human wrote it, with an id that is free."""
    title = plain.line(new.text.split("\n", 1)[0])[:100]
    return replace(
        template,
        id=free_id(title, taken),
        title=title,
        prompt=new.text,
        agent=new.agent,
        checks=new.checks,
        priority=new.priority,
    )


def free_id(title: str, taken: set[str]) -> str:
    """Return an id made from a title (contract, section 1): ``-2``, ``-3`` on a clash."""
    base = slugify(title, max_length=44, word_boundary=True).strip("-")
    if not base or base == "integration":
        number = len(taken) + 1
        while f"task-{number}" in taken:
            number += 1
        return f"task-{number}"
    found, number = base, 2
    while found in taken:
        found, number = f"{base}-{number}", number + 1
    return found


def _chosen(desk: Desk) -> TaskView | None:
    if desk.task is None:
        desk.say("No task is selected.")
    return desk.task


def _at_work(desk: Desk) -> TaskView | None:
    task = _chosen(desk)
    if task is not None and task.status is not TaskStatus.RUNNING:
        desk.say(f"No agent is at work on {task.id}.")
        return None
    return task


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
