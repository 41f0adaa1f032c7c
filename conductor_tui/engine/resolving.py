"""What follows from a human's answer: a pure plan of events, the same whoever carries it out."""

from __future__ import annotations

from conductor_tui.domain.commands import ResolveBreakpoint
from conductor_tui.domain.errors import NotFound, Refused, UsageError
from conductor_tui.domain.events import BreakpointResolved, Draft, TaskFailed, TaskQueued
from conductor_tui.domain.values import Answer, BreakpointKind, TaskStatus
from conductor_tui.domain.views import BreakpointView, Snapshot, TaskView

_STAYS_OPEN = frozenset({Answer.TAKE_OVER, Answer.WAIT})

_NEEDS_A_RESULT = frozenset(
    {
        BreakpointKind.RESULT,
        BreakpointKind.CONFLICT,
        BreakpointKind.LIMIT,
        BreakpointKind.HOST,
        BreakpointKind.BUDGET,
        BreakpointKind.DISK,
        BreakpointKind.STATE,
    }
)
"""Kinds on which a rejection fails the task; on the others the agent goes on with the text."""


def find_breakpoint(snapshot: Snapshot, name: str) -> BreakpointView:
    """Return an open breakpoint by its id.

    Raises:
        NotFound: there is none of that id.
        Refused: it has been answered.
    """
    point = snapshot.breakpoints.get(name)
    if point is None:
        raise NotFound(f"there is no breakpoint {name}", "see `conductor breakpoint list`")
    if not point.open:
        raise Refused(f"breakpoint {name} was answered already: {point.answer} by {point.by}")
    return point


def plan_resolution(snapshot: Snapshot, command: ResolveBreakpoint) -> list[Draft]:
    """Return the events that an answer means, in order.

    Raises:
        NotFound: no such breakpoint.
        Refused: answered already, or acceptance of red checks without force.
        UsageError: an answer that this kind does not take.
    """
    point = find_breakpoint(snapshot, command.id)
    _check_answer(point, command)
    resolved = BreakpointResolved(
        command.id, command.answer, command.text, command.by, command.input, command.force
    )
    drafts = [Draft(resolved, point.task, point.attempt)]
    task = snapshot.tasks.get(point.task or "")
    if task is None or command.answer in _STAYS_OPEN:
        return drafts
    if command.answer is Answer.REJECT and point.kind in _NEEDS_A_RESULT:
        reason = command.text or f"rejected by {command.by}: {point.reason}"
        return [*drafts, Draft(TaskFailed(reason), task.id, point.attempt)]
    if task.status is TaskStatus.WAITING and not _others_open(snapshot, point):
        drafts.append(Draft(queued_again(task, "answered"), task.id, point.attempt))
    return drafts


def queued_again(task: TaskView, cause: str, feedback: str | None = None) -> TaskQueued:
    """Return the event that queues a known task once more."""
    return TaskQueued(
        title=task.spec.title,
        depends_on=task.spec.depends_on,
        priority=task.spec.priority,
        agent=task.spec.agent,
        cause=cause,
        feedback=feedback,
    )


def _check_answer(point: BreakpointView, command: ResolveBreakpoint) -> None:
    if command.answer not in point.options:
        raise UsageError(
            f"a breakpoint of kind {point.kind} cannot be answered with --{command.answer}",
            f"it takes: {', '.join(f'--{option}' for option in point.options)}",
        )
    if command.answer is Answer.EDIT and command.input is None:
        raise UsageError("--edit needs the changed input as a JSON object")
    if command.answer is Answer.ANSWER and not command.text:
        raise UsageError("--answer needs a text")
    red = point.evidence.get("red")
    if command.answer is Answer.APPROVE and red and not command.force:
        raise Refused(
            f"checks are red: {', '.join(map(str, red))}",
            "accept all the same with --approve --force (it is recorded), or --retry",
        )


def _others_open(snapshot: Snapshot, point: BreakpointView) -> bool:
    return any(
        other.task == point.task and other.id != point.id for other in snapshot.open_breakpoints
    )
