"""Runs, tasks and breakpoints as JSON objects, the same on the command line and on the socket."""

from __future__ import annotations

from typing import Any

from conductor_tui.domain.codec import to_data
from conductor_tui.domain.values import TaskStatus
from conductor_tui.domain.views import AttemptView, Snapshot, TaskView
from conductor_tui.engine.summary import breakpoint_row, duration


def status_picture(snapshot: Snapshot) -> dict[str, Any]:
    """Return the run as ``{run, state, tasks, breakpoints, agents}``."""
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
            if task.status is TaskStatus.RUNNING and (last := task.resumable) is not None
        ],
    }


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
