"""The one function that says which status follows from which event (contract, section 7)."""

from __future__ import annotations

from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    BreakpointRaised,
    DecisionMade,
    Event,
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
from conductor_tui.domain.values import TaskStatus as S

_NEW = None

_ALLOWED: dict[type[Event], tuple[frozenset[S | None], S]] = {
    TaskQueued: (frozenset({_NEW, S.WAITING, S.FAILED, S.CANCELLED, S.BLOCKED}), S.QUEUED),
    TaskStarted: (frozenset({S.QUEUED}), S.RUNNING),
    TaskPhase: (frozenset({S.RUNNING}), S.RUNNING),
    TaskWaiting: (frozenset({S.RUNNING}), S.WAITING),
    TaskBlocked: (frozenset({S.QUEUED}), S.BLOCKED),
    TaskCompleted: (frozenset({S.RUNNING, S.WAITING}), S.COMPLETED),
    TaskFailed: (frozenset({S.RUNNING, S.WAITING}), S.FAILED),
    TaskCancelled: (
        frozenset({S.QUEUED, S.RUNNING, S.WAITING, S.BLOCKED, S.FAILED}),
        S.CANCELLED,
    ),
}

_ONLY_RUNNING = (AttemptStarted, AttemptFinished, DecisionMade, BreakpointRaised)
"""Events by which a late process could change a task that has moved on."""


def next_status(status: S | None, event: Event) -> S | None:
    """Return the status of a task after an event of its own.

    Args:
        status: the task's present status; None where the task is not known yet.
        event: the event.

    Raises:
        IllegalTransition: the states do not allow the event.
    """
    rule = _ALLOWED.get(type(event))
    if rule is not None:
        sources, target = rule
        if status not in sources:
            raise _illegal(status, event)
        return target
    if status is None:
        raise _illegal(status, event)
    if isinstance(event, _ONLY_RUNNING) and status not in (S.RUNNING, S.WAITING):
        raise _illegal(status, event)
    return status


def after_run_event(status: S, event: Event) -> S:
    """Return the status of each task after an event of its run.

    A process that ends leaves no agent behind, so what ran is queued to go on at its step.
    """
    if isinstance(event, (RunInterrupted, RunResumed)) and status is S.RUNNING:
        return S.QUEUED
    return status


def _illegal(status: S | None, event: Event) -> IllegalTransition:
    return IllegalTransition(f"{event.type} cannot follow on a task that is {status or 'unknown'}")
