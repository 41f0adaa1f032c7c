"""Runs, tasks and breakpoints as JSON objects, the same on the command line and on the socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conductor_tui.domain.codec import to_data
from conductor_tui.domain.values import TaskStatus
from conductor_tui.domain.views import AttemptView, Snapshot, TaskView
from conductor_tui.engine.summary import breakpoint_row, duration


def status_picture(
    snapshot: Snapshot, alive: Callable[[str, int], bool] | None = None
) -> dict[str, Any]:
    """Return the run as ``{run, state, tasks, breakpoints, agents}``.

    Args:
        snapshot: the run.
        alive: says of a run and a process id whether it lives; without it, agents are those of
            running tasks. With it, also those that go on without conductor (``--detach``).
    """
    run = snapshot.run
    return {
        "run": run.id if run else None,
        "state": run.status.value if run else None,
        "branch": run.branch if run else None,
        "judge": dict(run.judge) if run else None,
        "paused": run.paused if run else False,
        "cost_usd": snapshot.usage.cost_usd,
        "tasks": [task_row(task) for task in snapshot.in_order()],
        "breakpoints": [breakpoint_row(point) for point in snapshot.open_breakpoints],
        "agents": [
            {
                "task": task.id,
                "agent": last.agent,
                "attempt": last.n,
                "pid": last.pid,
                "session": last.session,
            }
            for task in snapshot.in_order()
            if (last := task.resumable) is not None and _at_work(snapshot, task, last, alive)
        ],
    }


def _at_work(
    snapshot: Snapshot,
    task: TaskView,
    last: AttemptView,
    alive: Callable[[str, int], bool] | None,
) -> bool:
    if alive is None or last.pid is None or snapshot.run is None:
        return task.status is TaskStatus.RUNNING
    return alive(snapshot.run.id, last.pid)


def task_row(task: TaskView) -> dict[str, Any]:
    """Return one line of ``status``."""
    return {
        "id": task.id,
        "title": task.spec.title,
        "status": task.status.value,
        "phase": task.phase.value if task.phase else None,
        "attempts": len(task.attempts),
        "agent": task.spec.agent,
        "priority": task.spec.priority,
        "depends_on": list(task.spec.depends_on),
        "waiting": task.waiting.value if task.waiting else None,
        "until": task.until,
        "blocked_by": task.blocked_by,
        "outcome": task.outcome.value if task.outcome else None,
        "reason": task.reason or None,
        "commit": task.commit or None,
        "cost_usd": task.usage.cost_usd,
        "duration_s": duration(task),
    }


def task_picture(snapshot: Snapshot, task: TaskView) -> dict[str, Any]:
    """Return a task whole: attempts, evidence, decisions, cost."""
    return {
        **task_row(task),
        "run": snapshot.run.id if snapshot.run else None,
        "prompt": task.spec.prompt,
        "checks": list(task.spec.checks),
        "workspace": task.workspace or None,
        "branch": task.branch or None,
        "base": task.base or None,
        "files": [to_data(file) for file in task.files.values()],
        "usage": to_data(task.usage),
        "attempts": [_attempt(attempt) for attempt in task.attempts],
        "breakpoints": [
            breakpoint_row(point)
            for point in snapshot.breakpoints.values()
            if point.task == task.id
        ],
    }


def _attempt(attempt: AttemptView) -> dict[str, Any]:
    data: dict[str, Any] = to_data(attempt)
    data["cost_usd"] = attempt.usage.cost_usd
    return data
