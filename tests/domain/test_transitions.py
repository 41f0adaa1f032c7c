"""Every pair of status and event: the table of the contract, section 7, and nothing beside it."""

from __future__ import annotations

import pytest

from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    BreakpointRaised,
    DecisionMade,
    Event,
    FileChanged,
    RunFinished,
    RunInterrupted,
    RunResumed,
    TaskBlocked,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskPhase,
    TaskQueued,
    TaskStarted,
    TaskWaiting,
)
from conductor_tui.domain.transitions import after_run_event, next_status
from conductor_tui.domain.values import (
    BreakpointKind,
    DecisionAction,
    Outcome,
    Phase,
    TaskStatus,
    Usage,
    WaitReason,
)

QUEUED, RUNNING, WAITING, BLOCKED, COMPLETED, FAILED, CANCELLED = TaskStatus

EVENTS: dict[str, Event] = {
    "queued": TaskQueued("t"),
    "started": TaskStarted("/w", "base"),
    "phase": TaskPhase(Phase.WORKING),
    "waiting": TaskWaiting(WaitReason.BREAKPOINT),
    "blocked": TaskBlocked("other"),
    "completed": TaskCompleted(Outcome.SUCCESS, "c"),
    "failed": TaskFailed("why"),
    "cancelled": TaskCancelled("why"),
    "attempt started": AttemptStarted("a", None, 1),
    "attempt finished": AttemptFinished(True, "completed", Usage(), None, 0),
    "decision": DecisionMade(DecisionAction.ACCEPT, None, None, {}, "r"),
    "asked": BreakpointRaised("b1", BreakpointKind.RESULT, "r", "a", ()),
    "file": FileChanged("f", "added", 1, 0),
}

ALLOWED: dict[tuple[TaskStatus | None, str], TaskStatus] = {
    (None, "queued"): QUEUED,
    (WAITING, "queued"): QUEUED,
    (FAILED, "queued"): QUEUED,
    (CANCELLED, "queued"): QUEUED,
    (BLOCKED, "queued"): QUEUED,
    (QUEUED, "started"): RUNNING,
    (QUEUED, "blocked"): BLOCKED,
    (QUEUED, "cancelled"): CANCELLED,
    (RUNNING, "phase"): RUNNING,
    (RUNNING, "waiting"): WAITING,
    (RUNNING, "completed"): COMPLETED,
    (RUNNING, "failed"): FAILED,
    (RUNNING, "cancelled"): CANCELLED,
    (WAITING, "completed"): COMPLETED,
    (WAITING, "failed"): FAILED,
    (WAITING, "cancelled"): CANCELLED,
    (BLOCKED, "cancelled"): CANCELLED,
    (FAILED, "cancelled"): CANCELLED,
    **{
        (status, name): status
        for status in (RUNNING, WAITING)
        for name in ("attempt started", "attempt finished", "decision", "asked")
    },
    **{(status, "file"): status for status in TaskStatus},
}


@pytest.mark.parametrize("status", [None, *TaskStatus])
@pytest.mark.parametrize("name", EVENTS)
def test_only_the_table_is_allowed(status: TaskStatus | None, name: str) -> None:
    target = ALLOWED.get((status, name))
    if target is not None:
        assert next_status(status, EVENTS[name]) is target
        return
    with pytest.raises(IllegalTransition, match=EVENTS[name].type):
        next_status(status, EVENTS[name])


@pytest.mark.parametrize(
    ("event", "target"),
    [
        (RunInterrupted(130, "signal"), QUEUED),
        (RunResumed((), {}, {}), QUEUED),
        (RunFinished(3, "parked"), RUNNING),
    ],
)
def test_what_ran_is_queued_when_its_process_ends(event: Event, target: TaskStatus) -> None:
    assert after_run_event(RUNNING, event) is target


@pytest.mark.parametrize("status", [status for status in TaskStatus if status is not RUNNING])
def test_the_end_of_a_process_moves_no_other_task(status: TaskStatus) -> None:
    assert after_run_event(status, RunInterrupted(130, "signal")) is status
