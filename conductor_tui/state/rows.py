"""Pictures and events as rows of the database, and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from conductor_tui.domain import codec
from conductor_tui.domain.events import Draft, Recorded, UnknownEvent
from conductor_tui.domain.views import BreakpointView, RunView, Snapshot, TaskView

Row = tuple[Any, ...]
View = TypeVar("View", RunView, TaskView, BreakpointView)

EVENT_COLUMNS = "run, seq, ts, type, task, attempt, position, data"


@dataclass(slots=True)
class Change:
    """The rows of one transaction, all of one run."""

    id: str
    """The run."""
    seq: int
    """Of the first event; the others follow without a gap."""
    events: list[str] = field(default_factory=list)
    """As :func:`event_row` makes them."""
    run: Row | None = None
    """``status, data``; None where the run's picture stays as it is."""
    tasks: list[Row] = field(default_factory=list)
    """``id, place, status, position, updated_at, data``."""
    progress: list[Row] = field(default_factory=list)
    """``id, position, updated_at`` of tasks of which nothing else changed."""
    breakpoints: list[Row] = field(default_factory=list)
    """``id, place, open, data``."""


def event_row(draft: Draft, ts: str) -> str:
    """Return an event's row as JSON: ``[ts, type, task, attempt, position, data]``.

    Raises:
        TypeError: the event holds something JSON cannot.
    """
    event = draft.event
    data = codec.dumps(event.data if isinstance(event, UnknownEvent) else event)
    name = codec.type_name(event)
    return json.dumps((ts, name, draft.task, draft.attempt, draft.position, data))


def recorded_of(row: Row) -> Recorded:
    """Rebuild an event from its row."""
    run, seq, ts, name, task, attempt, position, data = row
    event = codec.from_data(name, json.loads(data))
    return Recorded(seq, ts, run, task, attempt, event, position)


def run_row(run: RunView) -> Row:
    """Return the row of a run."""
    return (run.status, codec.dumps(run))


def task_row(task: TaskView) -> Row:
    """Return the row of a task."""
    return (
        task.id,
        task.order,
        task.status,
        _position(task),
        task.updated_at,
        codec.dumps(task),
    )


def progress_row(task: TaskView) -> Row:
    """Return the values that output lines change."""
    return (task.id, _position(task), task.updated_at)


def only_progress(old: TaskView, new: TaskView) -> bool:
    """Whether a task differs only in its newest attempt's position and its time."""
    before, after = old.attempt, new.attempt
    if before is not None and after is not None and before.n == after.n:
        if replace(after, position=before.position) != before:
            return False
        if old.attempts[:-1] != new.attempts[:-1]:
            return False
    elif before is not after:
        return False
    return replace(new, attempts=old.attempts, updated_at=old.updated_at) == old


def breakpoint_row(place: int, point: BreakpointView) -> Row:
    """Return the row of a breakpoint."""
    return (point.id, place, int(point.open), codec.dumps(point))


def prepare() -> None:
    """Build what rebuilding pictures needs; pydantic reads files then, so not on the loop."""
    for kind in (RunView, TaskView, BreakpointView):
        codec.adapter(kind)


def run_of(data: str) -> RunView:
    """Rebuild a run."""
    return _view(RunView, data)


def task_of(row: Row) -> TaskView:
    """Rebuild a task from a row that ends in position, updated_at and data."""
    position, updated_at, data = row[-3:]
    task = _view(TaskView, data)
    newest = task.attempt
    if newest is None:
        return replace(task, updated_at=updated_at)
    attempts = (*task.attempts[:-1], replace(newest, position=position))
    return replace(task, attempts=attempts, updated_at=updated_at)


def breakpoint_of(row: Row) -> BreakpointView:
    """Rebuild a breakpoint."""
    return _view(BreakpointView, row[-1])


def changed_rows(
    old: Snapshot, new: Snapshot, tasks: Collection[str], points: Collection[str]
) -> Iterator[tuple[str, Row]]:
    """Yield the rows of the tasks and breakpoints that differ, each with the field of Change.

    Args:
        old: the picture on disk.
        new: the picture to be written.
        tasks: ids of the tasks that may differ.
        points: ids of the breakpoints that may differ.
    """
    if old.run is None or new.run is None or old.run.id != new.run.id:
        old = Snapshot()
    for name in tasks:
        before, task = old.tasks.get(name), new.tasks[name]
        if before == task:
            continue
        if before is not None and only_progress(before, task):
            yield "progress", progress_row(task)
        else:
            yield "tasks", task_row(task)
    places = _places(old.breakpoints, new.breakpoints, points)
    for name in points:
        point = new.breakpoints[name]
        if old.breakpoints.get(name) != point:
            yield "breakpoints", breakpoint_row(places.get(name, 0), point)


def _places(
    old: Mapping[str, BreakpointView], new: Mapping[str, BreakpointView], points: Collection[str]
) -> dict[str, int]:
    if all(name in old for name in points):
        return {}  # a row that is there keeps its place
    return {name: place for place, name in enumerate(new)}


def _position(task: TaskView) -> int:
    newest = task.attempt
    return 0 if newest is None else newest.position


def _view(kind: type[View], data: str) -> View:
    # Not validate_json: it refuses the escaped bytes of paths that are not UTF-8.
    view: View = codec.adapter(kind).validate_python(json.loads(data))
    return view
