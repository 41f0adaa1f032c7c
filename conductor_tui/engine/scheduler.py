"""Which task may start next, and which cannot: pure functions of a snapshot."""

from __future__ import annotations

from collections.abc import Collection

from conductor_tui.domain.values import TaskStatus, WaitReason
from conductor_tui.domain.views import Snapshot, TaskView

_DEAD = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.BLOCKED})


def startable(snapshot: Snapshot, holders: Collection[str], slots: int) -> list[TaskView]:
    """Return the tasks to be given a slot now, most urgent first.

    A task an agent has begun goes before one that is new, so that few things are half done; then
    priority (10 first), then the plan's order.

    Args:
        snapshot: the run as it stands.
        holders: ids of the tasks that hold a slot.
        slots: how many slots there are.
    """
    free = slots - len(holders)
    if free <= 0 or snapshot.run is None or snapshot.run.paused:
        return []
    ready = [
        task
        for task in snapshot.tasks.values()
        if task.status is TaskStatus.QUEUED
        and task.id not in holders
        and _dependencies_done(snapshot, task)
    ]
    ready.sort(key=lambda task: (not task.attempts, -task.spec.priority, task.order))
    return ready[:free]


def newly_blocked(snapshot: Snapshot) -> list[tuple[TaskView, str]]:
    """Return queued tasks that can no longer start, each with the dependency that is dead."""
    found = []
    for task in snapshot.in_order():
        if task.status is not TaskStatus.QUEUED:
            continue
        dead = _dead_dependency(snapshot, task)
        if dead is not None:
            found.append((task, dead))
    return found


def newly_free(snapshot: Snapshot) -> list[TaskView]:
    """Return blocked tasks none of whose dependencies is dead any more."""
    return [
        task
        for task in snapshot.in_order()
        if task.status is TaskStatus.BLOCKED and _dead_dependency(snapshot, task) is None
    ]


def stuck(snapshot: Snapshot, *, patient: bool = True) -> bool:
    """Return whether nothing in the run can go on before a human answers a breakpoint.

    Args:
        snapshot: the run as it stands.
        patient: a judge that is away is waited for; otherwise its tasks are parked too.
    """
    if newly_blocked(snapshot) or newly_free(snapshot):
        return False
    answered = {point.task for point in snapshot.open_breakpoints}
    for task in snapshot.tasks.values():
        if task.status is TaskStatus.RUNNING:
            return False
        parked = task.id in answered or (not patient and task.waiting is WaitReason.JUDGE)
        if task.status is TaskStatus.WAITING and not parked:
            return False
        if task.status is TaskStatus.QUEUED and _dependencies_done(snapshot, task):
            return False
    return True


def _dependencies_done(snapshot: Snapshot, task: TaskView) -> bool:
    return all(snapshot.tasks[name].status is TaskStatus.COMPLETED for name in task.spec.depends_on)


def _dead_dependency(snapshot: Snapshot, task: TaskView) -> str | None:
    for name in task.spec.depends_on:
        if snapshot.tasks[name].status in _DEAD:
            return name
    return None
