"""How a run stands in a few numbers: its exit code and the table of its tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conductor_tui.domain.errors import EXIT_FAILED, EXIT_OK, EXIT_PARKED
from conductor_tui.domain.values import TaskStatus
from conductor_tui.domain.views import BreakpointView, Snapshot, TaskView

_FAILED = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.BLOCKED})


def exit_code(snapshot: Snapshot) -> int:
    """Return the exit code of a run that goes no further by itself (contract, section 2)."""
    if any(task.status in _FAILED for task in snapshot.tasks.values()):
        return EXIT_FAILED
    if any(task.status is not TaskStatus.COMPLETED for task in snapshot.tasks.values()):
        return EXIT_PARKED
    return EXIT_OK


def reason(snapshot: Snapshot) -> str:
    """Return the same in words."""
    counts: dict[str, int] = {}
    for task in snapshot.tasks.values():
        counts[task.status] = counts.get(task.status, 0) + 1
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))


def task_table(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """Return each task's end in short, by id."""
    return {task.id: _row(task) for task in snapshot.in_order()}


def open_points(snapshot: Snapshot) -> tuple[dict[str, Any], ...]:
    """Return the open breakpoints in short, oldest first."""
    return tuple(breakpoint_row(point) for point in snapshot.open_breakpoints)


def breakpoint_row(point: BreakpointView) -> dict[str, Any]:
    """Return a breakpoint as JSON."""
    return {
        "id": point.id,
        "task": point.task,
        "ts": point.ts,
        "kind": point.kind.value,
        "reason": point.reason,
        "ask": point.ask,
        "options": list(point.options),
        "evidence": dict(point.evidence),
        "suggestions": list(point.suggestions),
        "answer": point.answer.value if point.answer else None,
        "text": point.text,
        "by": point.by,
        "resolved_at": point.resolved_at,
    }


def _row(task: TaskView) -> dict[str, Any]:
    return {
        "status": task.status.value,
        "attempts": len(task.attempts),
        "outcome": task.outcome.value if task.outcome else None,
        "branch": task.branch or None,
        "commit": task.commit or None,
        "cost_usd": task.usage.cost_usd,
        "duration_s": duration(task),
        "reason": task.reason or None,
    }


def duration(task: TaskView) -> float | None:
    """Return the seconds from a task's start to its end, None where it has not both."""
    if task.started_at is None or task.ended_at is None:
        return None
    span = datetime.fromisoformat(task.ended_at) - datetime.fromisoformat(task.started_at)
    return round(span.total_seconds(), 3)
