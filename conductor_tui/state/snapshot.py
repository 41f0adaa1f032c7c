"""Folds events into the one frozen picture everybody looks at; pure and total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conductor_tui.domain.events import (
    BreakpointRaised,
    BreakpointResolved,
    Recorded,
    RunStarted,
)
from conductor_tui.domain.transitions import after_run_event
from conductor_tui.domain.views import BreakpointView, RunView, Snapshot, TaskView
from conductor_tui.state import breakpoints
from conductor_tui.state.attempts import raise_position
from conductor_tui.state.runs import RUN_EVENTS, fold_run
from conductor_tui.state.tasks import fold_task, is_quiet, new_task, settle


def reduce(snapshot: Snapshot, batch: Sequence[Recorded]) -> Snapshot:
    """Return the snapshot after a batch of events, in order."""
    fold = Fold(snapshot)
    for recorded in batch:
        fold.apply(recorded)
    return fold.snapshot()


@dataclass(slots=True)
class _Mark:
    """Output lines of one task that are not folded in yet."""

    ts: str
    positions: dict[int | None, int] = field(default_factory=dict)


class Fold:
    """A snapshot that takes events; copies each mapping once, however many events come.

    Output lines only move a position and a time, so they are gathered and folded in together:
    a thousand lines cost one copy of their task's picture.
    """

    def __init__(self, base: Snapshot) -> None:
        self._base = base
        self.run: RunView | None = base.run
        self.seq = base.seq
        self.touched_tasks: set[str] = set()
        self.touched_points: set[str] = set()
        self._tasks: dict[str, TaskView] | None = None
        self._points: dict[str, BreakpointView] | None = None
        self._marks: dict[str, _Mark] = {}

    def apply(self, recorded: Recorded) -> None:
        """Take one event."""
        event = recorded.event
        self.seq = recorded.seq
        if isinstance(event, RUN_EVENTS):
            self._run_event(recorded)
        elif isinstance(event, BreakpointRaised):
            self._put_point(breakpoints.raised(recorded, event))
        elif isinstance(event, BreakpointResolved):
            self._resolve(recorded, event)
            return
        if recorded.task is not None:
            self._task_event(recorded.task, recorded)

    def snapshot(self) -> Snapshot:
        """Return the picture after all events so far; further events start from it."""
        for task in tuple(self._marks):
            self._settle_mark(task)
        self._base = Snapshot(
            run=self.run, tasks=self.tasks, breakpoints=self.breakpoints, seq=self.seq
        )
        self._tasks = self._points = None
        return self._base

    @property
    def tasks(self) -> Mapping[str, TaskView]:
        """The tasks' pictures; statuses are exact, positions may lag until :meth:`snapshot`."""
        return self._base.tasks if self._tasks is None else self._tasks

    @property
    def breakpoints(self) -> Mapping[str, BreakpointView]:
        """The breakpoints' pictures."""
        return self._base.breakpoints if self._points is None else self._points

    def _run_event(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, RunStarted):
            self._tasks, self._points = {}, {}
            self._marks.clear()
            self.touched_tasks.clear()
            self.touched_points.clear()
        self.run = fold_run(self.run, recorded)
        for task in tuple(self.tasks.values()):
            status = after_run_event(task.status, recorded.event)
            if status is not task.status:
                self._settle_mark(task.id)
                self._put_task(settle(self.tasks[task.id], status, recorded.ts))

    def _resolve(self, recorded: Recorded, event: BreakpointResolved) -> None:
        point = self.breakpoints.get(event.id)
        if point is None or not point.open:
            return
        self._put_point(breakpoints.resolved(point, recorded, event))
        if self.run is not None:
            self.run = breakpoints.effect_on_run(self.run, point, event)
        if point.task is None:
            return
        self._settle_mark(point.task)
        task = self.tasks.get(point.task)
        if task is not None:
            task = breakpoints.effect_on_task(task, point, event)
            self._put_task(settle(task, task.status, recorded.ts))

    def _task_event(self, name: str, recorded: Recorded) -> None:
        task = self.tasks.get(name)
        if task is None:
            fresh = new_task(recorded, len(self.tasks))
            if fresh is not None and fresh.id == name:
                self._put_task(fresh)
        elif is_quiet(recorded.event):
            self._mark(name, recorded)
        else:
            self._settle_mark(name)
            self._put_task(fold_task(self.tasks[name], recorded))

    def _mark(self, task: str, recorded: Recorded) -> None:
        mark = self._marks.setdefault(task, _Mark(recorded.ts))
        mark.ts = recorded.ts
        if recorded.position is not None:
            earlier = mark.positions.get(recorded.attempt, 0)
            mark.positions[recorded.attempt] = max(earlier, recorded.position)

    def _settle_mark(self, name: str) -> None:
        mark = self._marks.pop(name, None)
        task = self.tasks.get(name)
        if mark is None or task is None:
            return
        for attempt, position in mark.positions.items():
            task = raise_position(task, attempt, position)
        self._put_task(settle(task, task.status, mark.ts))

    def _put_task(self, task: TaskView) -> None:
        if self._tasks is None:
            self._tasks = dict(self._base.tasks)
        self._tasks[task.id] = task
        self.touched_tasks.add(task.id)

    def _put_point(self, point: BreakpointView) -> None:
        if self._points is None:
            self._points = dict(self._base.breakpoints)
        self._points[point.id] = point
        self.touched_points.add(point.id)
