"""Snapshots made by hand, for the pure parts of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from conductor_tui.domain.task import Task
from conductor_tui.domain.values import ANSWERS, Answer, BreakpointKind, RunStatus, TaskStatus
from conductor_tui.domain.views import AttemptView, BreakpointView, RunView, Snapshot, TaskView


def a_task(name: str, *after: str, priority: int = 5, order: int = 0) -> TaskView:
    return TaskView(
        Task(name, name.title(), f"Do {name}", depends_on=after, priority=priority), order
    )


def at(task: TaskView, status: TaskStatus, attempts: int = 0) -> TaskView:
    made = tuple(AttemptView(n, "claude", f"s{n}", ended_at="x") for n in range(1, attempts + 1))
    return replace(task, status=status, attempts=made)


def a_point(
    name: str = "b1",
    task: str = "a",
    kind: BreakpointKind = BreakpointKind.RESULT,
    evidence: Mapping[str, object] | None = None,
    answer: Answer | None = None,
) -> BreakpointView:
    return BreakpointView(
        id=name,
        task=task,
        attempt=1,
        kind=kind,
        reason="why",
        ask="what",
        options=(*ANSWERS[kind], Answer.CANCEL),
        ts="2026-11-20T10:00:00.000000Z",
        evidence=evidence or {},
        answer=answer,
    )


def a_run(
    *tasks: TaskView, points: tuple[BreakpointView, ...] = (), paused: bool = False
) -> Snapshot:
    plan = tuple(task.id for task in tasks)
    run = RunView("r", RunStatus.RUNNING, plan, {}, {}, "base", "conductor/r/integration")
    return Snapshot(
        replace(run, paused=paused),
        {task.id: replace(task, order=order) for order, task in enumerate(tasks)},
        {point.id: point for point in points},
        1,
    )
