"""How events change the picture of a task: one small function for each kind of event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conductor_tui.domain.agent_events import AgentLog, AgentPermission, AgentQuestion, AgentUsage
from conductor_tui.domain.codec import to_data
from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CheckFinished,
    CheckStarted,
    DecisionMade,
    Event,
    FileChanged,
    MergeDone,
    Recorded,
    TaskBlocked,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskPhase,
    TaskQueued,
    TaskStarted,
    TaskWaiting,
)
from conductor_tui.domain.judge_events import JudgeAway, JudgeVerdict
from conductor_tui.domain.transitions import next_status
from conductor_tui.domain.values import Answer, Outcome, Phase, TaskStatus
from conductor_tui.domain.views import FileView, Grant, Step, TaskView
from conductor_tui.state import attempts
from conductor_tui.state.breakpoints import PLAN_TOOL, QUESTION_TOOL


def new_task(recorded: Recorded, order: int) -> TaskView | None:
    """Return the picture of a task that is queued for the first time; None for other events."""
    event = recorded.event
    if not isinstance(event, TaskQueued) or event.spec is None:
        return None
    return TaskView(
        spec=event.spec,
        order=order,
        feedback=event.feedback,
        queued_at=recorded.ts,
        updated_at=recorded.ts,
    )


def fold_task(task: TaskView, recorded: Recorded) -> TaskView:
    """Return the task after an event of its own; one its status forbids changes nothing."""
    event = recorded.event
    try:
        status = next_status(task.status, event)
    except IllegalTransition:
        return task
    handler = _HANDLERS.get(type(event))
    if handler is not None:
        task = handler(task, recorded, event)
    if recorded.position is not None:
        task = attempts.raise_position(task, recorded.attempt, recorded.position)
    return settle(task, task.status if status is None else status, recorded.ts)


def is_quiet(event: Event) -> bool:
    """Whether an event leaves a task as it is, but for its position and time (output lines)."""
    return type(event) not in _HANDLERS


def settle(task: TaskView, status: TaskStatus, ts: str) -> TaskView:
    """Give the task a status, and drop what belongs to the statuses it is not in."""
    waits = status is TaskStatus.WAITING
    return replace(
        task,
        status=status,
        phase=task.phase if status is TaskStatus.RUNNING else None,
        waiting=task.waiting if waits else None,
        until=task.until if waits else None,
        blocked_by=task.blocked_by if status is TaskStatus.BLOCKED else None,
        updated_at=ts,
    )


def _queued(task: TaskView, recorded: Recorded, event: TaskQueued) -> TaskView:
    task = replace(task, spec=event.spec or task.spec, queued_at=recorded.ts)
    if event.cause not in ("retry", "new"):
        return task
    return replace(
        task,
        step=Step.WORK,
        budget_from=len(task.attempts),
        feedback=event.feedback,
        forced=False,
        grants=(),
        outcome=None,
        reason="",
        ended_at=None,
        commit="",
        merged=False,
    )


def _started(task: TaskView, recorded: Recorded, event: TaskStarted) -> TaskView:
    return replace(
        task,
        workspace=event.workspace,
        base=event.base,
        branch=f"conductor/{recorded.run}/{task.id}",
        phase=Phase.PREPARING,
        started_at=task.started_at or recorded.ts,
    )


def _phase(task: TaskView, _recorded: Recorded, event: TaskPhase) -> TaskView:
    return replace(task, phase=event.phase)


def _waiting(task: TaskView, _recorded: Recorded, event: TaskWaiting) -> TaskView:
    return replace(task, waiting=event.reason, until=event.until)


def _blocked(task: TaskView, _recorded: Recorded, event: TaskBlocked) -> TaskView:
    return replace(task, blocked_by=event.by, reason=event.reason)


def _completed(task: TaskView, recorded: Recorded, event: TaskCompleted) -> TaskView:
    return replace(
        task,
        outcome=event.outcome,
        commit=event.commit,
        reason="",
        ended_at=recorded.ts,
        step=Step.NOTHING,
    )


def _failed(task: TaskView, recorded: Recorded, event: TaskFailed) -> TaskView:
    return _ended(task, recorded, event.outcome, event.reason)


def _cancelled(task: TaskView, recorded: Recorded, event: TaskCancelled) -> TaskView:
    return _ended(task, recorded, Outcome.FAILED, event.reason)


def _ended(task: TaskView, recorded: Recorded, outcome: Outcome, reason: str) -> TaskView:
    return replace(task, outcome=outcome, reason=reason, ended_at=recorded.ts, step=Step.NOTHING)


def _file_changed(task: TaskView, _recorded: Recorded, event: FileChanged) -> TaskView:
    files = dict(task.files)
    if event.change == "reverted":
        files.pop(event.path, None)
    else:
        files[event.path] = FileView(event.path, event.change, event.added, event.removed)
    return replace(task, files=files)


def _merged(task: TaskView, _recorded: Recorded, event: MergeDone) -> TaskView:
    return replace(task, merged=True, commit=event.commit)


def _permission(task: TaskView, _recorded: Recorded, event: AgentPermission) -> TaskView:
    if event.by != "breakpoint":
        return task
    wanted = to_data(event.input)

    def told(grant: Grant) -> bool:
        inputs = (to_data(grant.input), to_data(grant.changed))
        return grant.tool == event.tool and wanted in inputs

    return _without_first(task, told)


def _question(task: TaskView, _recorded: Recorded, event: AgentQuestion) -> TaskView:
    def told(grant: Grant) -> bool:
        # A rejected question is told to the agent without an answer.
        return grant.tool in (QUESTION_TOOL, PLAN_TOOL) and (
            event.answer is not None or grant.answer is Answer.REJECT
        )

    return _without_first(task, told)


def _without_first(task: TaskView, told: Callable[[Grant], bool]) -> TaskView:
    for place, grant in enumerate(task.grants):
        if told(grant):
            return replace(task, grants=task.grants[:place] + task.grants[place + 1 :])
    return task


_HANDLERS: dict[type[Event], Callable[[TaskView, Recorded, Any], TaskView]] = {
    TaskQueued: _queued,
    TaskStarted: _started,
    TaskPhase: _phase,
    TaskWaiting: _waiting,
    TaskBlocked: _blocked,
    TaskCompleted: _completed,
    TaskFailed: _failed,
    TaskCancelled: _cancelled,
    FileChanged: _file_changed,
    MergeDone: _merged,
    AgentPermission: _permission,
    AgentQuestion: _question,
    AgentLog: attempts.agent_log,
    AgentUsage: attempts.agent_usage,
    AttemptStarted: attempts.attempt_started,
    AttemptFinished: attempts.attempt_finished,
    CheckStarted: attempts.check_started,
    CheckFinished: attempts.check_finished,
    DecisionMade: attempts.decision_made,
    JudgeVerdict: attempts.judge_verdict,
    JudgeAway: attempts.judge_away,
}
