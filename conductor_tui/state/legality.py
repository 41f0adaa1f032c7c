"""Whether an operation may follow on what is known: asked before anything of it is written."""

from __future__ import annotations

from collections.abc import Sequence

from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import (
    BreakpointRaised,
    BreakpointResolved,
    Draft,
    Event,
    RunStarted,
    TaskQueued,
)
from conductor_tui.domain.transitions import after_run_event, next_status
from conductor_tui.domain.values import TaskStatus
from conductor_tui.state.breakpoints import stays_open
from conductor_tui.state.runs import RUN_EVENTS
from conductor_tui.state.snapshot import Fold


def check(fold: Fold, drafts: Sequence[Draft], *, begins: bool) -> None:
    """Walk through an operation as if it were folded, without touching the fold.

    Args:
        fold: everything before the operation.
        drafts: the operation, in order.
        begins: whether it opens a new run.

    Raises:
        IllegalTransition: one of its events is not allowed where it stands.
    """
    if begins:
        if not drafts or not isinstance(drafts[0].event, RunStarted):
            raise IllegalTransition("a run begins with run.started")
    elif drafts and fold.run is None:
        raise IllegalTransition(f"{drafts[0].event.type} needs a run, and none was begun")
    trial = _Trial(fold, begins=begins)
    for draft in drafts[1:] if begins else drafts:
        trial.take(draft)


class _Trial:
    """The statuses and breakpoints an operation would lead to."""

    def __init__(self, fold: Fold, *, begins: bool) -> None:
        self._fold = fold
        self._begins = begins
        self._statuses: dict[str, TaskStatus] = {}
        self._points: dict[str, bool] = {}
        """Breakpoints the operation raised or answered → whether they are open."""

    def take(self, draft: Draft) -> None:
        event = draft.event
        if isinstance(event, RunStarted):
            raise IllegalTransition("run.started begins a run and comes only first")
        if isinstance(event, RUN_EVENTS):
            self._take_run_event(event)
        elif isinstance(event, BreakpointRaised):
            if self._open(event.id) is not None:
                raise IllegalTransition(f"breakpoint {event.id} was raised before")
            self._points[event.id] = True
        elif isinstance(event, BreakpointResolved):
            self._resolve(event)
        if draft.task is not None:
            self._take_task_event(draft.task, event)

    def _take_run_event(self, event: Event) -> None:
        known = (
            {} if self._begins else {name: view.status for name, view in self._fold.tasks.items()}
        )
        for name, status in (known | self._statuses).items():
            self._statuses[name] = after_run_event(status, event)

    def _take_task_event(self, task: str, event: Event) -> None:
        before = self._status(task)
        after = next_status(before, event)
        if before is None and isinstance(event, TaskQueued) and not _describes(event, task):
            raise IllegalTransition(f"the new task {task} came without its own description")
        if after is not None:
            self._statuses[task] = after

    def _resolve(self, event: BreakpointResolved) -> None:
        state = self._open(event.id)
        if state is None:
            raise IllegalTransition(f"there is no breakpoint {event.id}")
        if not state:
            raise IllegalTransition(f"breakpoint {event.id} was answered before")
        self._points[event.id] = stays_open(event.answer)

    def _status(self, task: str) -> TaskStatus | None:
        if task in self._statuses or self._begins:
            return self._statuses.get(task)
        view = self._fold.tasks.get(task)
        return None if view is None else view.status

    def _open(self, point: str) -> bool | None:
        if point in self._points or self._begins:
            return self._points.get(point)
        view = self._fold.breakpoints.get(point)
        return None if view is None else view.open


def _describes(event: TaskQueued, task: str) -> bool:
    return event.spec is not None and event.spec.id == task
