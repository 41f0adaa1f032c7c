"""How states, ages and money are said: the same glyph, word and look in every pane."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from conductor_tui.domain.values import RunStatus, TaskStatus, Usage
from conductor_tui.domain.views import TaskView

Clock = Callable[[], datetime]
"""Tells the time, with its zone: ages and times of day follow from it."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How a state is shown: the glyph and the word carry it, the colour only helps."""

    glyph: str
    word: str
    look: str


TASK_SIGNS: dict[TaskStatus, Sign] = {
    TaskStatus.WAITING: Sign("◆", "waiting", "warn"),
    TaskStatus.RUNNING: Sign("▸", "running", "info"),
    TaskStatus.QUEUED: Sign("·", "queued", "dim"),
    TaskStatus.BLOCKED: Sign("⊘", "blocked", "bad"),
    TaskStatus.FAILED: Sign("✗", "failed", "bad"),
    TaskStatus.CANCELLED: Sign("○", "cancelled", "dim"),
    TaskStatus.COMPLETED: Sign("✓", "done", "ok"),
}
"""In the order in which they want a human."""

RUN_SIGNS: dict[RunStatus, Sign] = {
    RunStatus.RUNNING: Sign("▸", "running", "info"),
    RunStatus.COMPLETED: Sign("✓", "completed", "ok"),
    RunStatus.FAILED: Sign("✗", "failed", "bad"),
    RunStatus.PARKED: Sign("◆", "parked", "warn"),
    RunStatus.INTERRUPTED: Sign("○", "interrupted", "warn"),
}


def duration(seconds: float) -> str:
    """Return a length of time in at most five cells: ``8s``, ``3m``, ``1h05``, ``2d``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}"
    return f"{whole // 86400}d"


def seconds_between(start: str | None, end: str | datetime | None) -> float | None:
    """Return the seconds between two times of the state; None where one is missing."""
    if not start or not end:
        return None
    try:
        first = datetime.fromisoformat(start)
        last = end if isinstance(end, datetime) else datetime.fromisoformat(end)
    except ValueError:
        return None
    return (last - first).total_seconds()


def age(start: str | None, end: str | datetime | None) -> str:
    """Return the time between two times in words; empty where it is not known."""
    seconds = seconds_between(start, end)
    return "" if seconds is None else duration(seconds)


def time_of_day(ts: str, now: datetime) -> str:
    """Return an event's time of day in the zone of ``now``; empty where it is no time."""
    try:
        return datetime.fromisoformat(ts).astimezone(now.tzinfo).strftime("%H:%M:%S")
    except ValueError:
        return ""


def task_age(task: TaskView, now: datetime) -> str:
    """Return how long a task worked, or has been in its state: queued and waiting ones too."""
    if task.ended_at:
        return age(task.started_at or task.queued_at, task.ended_at)
    if task.status is TaskStatus.RUNNING:
        return age(task.started_at, now)
    if task.status is TaskStatus.WAITING:
        return age(task.updated_at or task.started_at, now)
    return age(task.queued_at, now)


def money(usages: Iterable[Usage]) -> str:
    """Return what was spent: ``$0.42``, ``≥$0.42`` where a part has no price, ``?`` where none."""
    total, known, unknown = 0.0, False, False
    for usage in usages:
        if usage.cost_usd is not None:
            total, known = total + usage.cost_usd, True
        elif usage.input or usage.output:
            unknown = True
    if unknown and not known:
        return "?"
    return f"{'≥' if unknown else ''}${total:.2f}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
