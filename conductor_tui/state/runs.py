"""How events change the picture of a run."""

from __future__ import annotations

from dataclasses import replace

from conductor_tui.domain.errors import EXIT_OK, EXIT_PARKED
from conductor_tui.domain.events import (
    DispatchChanged,
    Event,
    LandDone,
    LandRefused,
    MergeDone,
    Recorded,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
)
from conductor_tui.domain.values import RunStatus
from conductor_tui.domain.views import RunView

RUN_EVENTS: tuple[type[Event], ...] = (
    RunStarted,
    RunResumed,
    RunInterrupted,
    RunFinished,
    DispatchChanged,
    LandDone,
    LandRefused,
    MergeDone,
)
"""The events that change the picture of a run."""

_BY_EXIT_CODE = {EXIT_OK: RunStatus.COMPLETED, EXIT_PARKED: RunStatus.PARKED}


def fold_run(run: RunView | None, recorded: Recorded) -> RunView | None:
    """Return the run after an event; unchanged by any that is not of :data:`RUN_EVENTS`."""
    event = recorded.event
    if isinstance(event, RunStarted):
        return RunView(
            id=recorded.run,
            status=RunStatus.RUNNING,
            plan=event.plan,
            settings=event.settings,
            judge=event.judge,
            base=event.base,
            branch=event.branch,
            started_at=recorded.ts,
        )
    if run is None:
        return None
    if isinstance(event, RunResumed):
        return replace(
            run,
            status=RunStatus.RUNNING,
            plan=event.plan,
            settings=event.settings,
            judge=event.judge,
            paused=False,
            ended_at=None,
            exit_code=None,
            reason="",
        )
    if isinstance(event, (RunInterrupted, RunFinished)):
        return replace(
            run,
            status=_end(event),
            ended_at=recorded.ts,
            exit_code=event.exit_code,
            reason=event.reason,
        )
    return _during(run, recorded)


def _during(run: RunView, recorded: Recorded) -> RunView:
    match recorded.event:
        case DispatchChanged(paused=paused):
            return replace(run, paused=paused)
        case LandDone(branch=branch) if recorded.task is None:
            return replace(run, landed=branch, not_landed="")
        case LandRefused(reason=reason):
            return replace(run, not_landed=reason)
        case MergeDone():
            return replace(run, landed="")
    return run


def _end(event: RunInterrupted | RunFinished) -> RunStatus:
    if isinstance(event, RunInterrupted):
        return RunStatus.INTERRUPTED
    return _BY_EXIT_CODE.get(event.exit_code, RunStatus.FAILED)
