"""Who may start, who cannot, and when nothing goes on: by table and by property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain.values import TaskStatus
from conductor_tui.domain.views import Snapshot, TaskView
from conductor_tui.engine.scheduler import newly_blocked, newly_free, startable, stuck
from tests.engine.pictures import a_point, a_run, a_task, at

QUEUED, RUNNING, WAITING, BLOCKED, COMPLETED, FAILED, CANCELLED = TaskStatus


def names(tasks: list[TaskView]) -> list[str]:
    return [task.id for task in tasks]


def test_priority_then_order() -> None:
    run = a_run(a_task("a"), a_task("b", priority=9), a_task("c", priority=9), a_task("d"))
    assert names(startable(run, set(), 3)) == ["b", "c", "a"]


def test_what_is_begun_goes_first() -> None:
    run = a_run(a_task("urgent", priority=10), at(a_task("begun"), QUEUED, attempts=1))
    assert names(startable(run, set(), 1)) == ["begun"]


def test_slots_are_the_limit() -> None:
    run = a_run(*(a_task(name) for name in "abcdef"))
    assert names(startable(run, {"a", "b"}, 4)) == ["c", "d"]
    assert startable(run, {"a", "b", "c", "d"}, 4) == []


def test_a_paused_run_starts_nothing() -> None:
    assert startable(a_run(a_task("a"), paused=True), set(), 4) == []


@pytest.mark.parametrize("status", [QUEUED, RUNNING, WAITING, FAILED, CANCELLED, BLOCKED])
def test_all_dependencies_have_to_be_completed(status: TaskStatus) -> None:
    run = a_run(
        at(a_task("done"), COMPLETED), at(a_task("other"), status), a_task("c", "done", "other")
    )
    assert "c" not in names(startable(run, set(), 4))


@pytest.mark.parametrize("status", [FAILED, CANCELLED, BLOCKED])
def test_a_dead_dependency_blocks(status: TaskStatus) -> None:
    run = a_run(at(a_task("a"), status), a_task("b", "a"))
    assert [(task.id, by) for task, by in newly_blocked(run)] == [("b", "a")]


@pytest.mark.parametrize("status", [QUEUED, RUNNING, WAITING, COMPLETED])
def test_a_living_dependency_frees(status: TaskStatus) -> None:
    run = a_run(at(a_task("a"), status), at(a_task("b", "a"), BLOCKED))
    assert names(newly_free(run)) == ["b"]
    assert newly_blocked(run) == []


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run(at(a_task("a"), WAITING), points=(a_point(),)), True),
        (a_run(at(a_task("a"), WAITING), a_task("b", "a"), points=(a_point(),)), True),
        (a_run(at(a_task("a"), WAITING), a_task("b"), points=(a_point(),)), False),
        (a_run(at(a_task("a"), WAITING), at(a_task("b"), RUNNING), points=(a_point(),)), False),
        (a_run(at(a_task("a"), WAITING)), False),
        (a_run(at(a_task("a"), COMPLETED)), True),
        (a_run(at(a_task("a"), FAILED), a_task("b", "a")), False),
        (a_run(at(a_task("a"), QUEUED), at(a_task("b", "a"), BLOCKED), paused=True), False),
    ],
    ids=[
        "asked",
        "asked, one depends",
        "asked, one ready",
        "asked, one runs",
        "limit",
        "over",
        "one is to be blocked",
        "one is to be freed",
    ],
)
def test_stuck_means_only_a_human_can_move_it(run: Snapshot, expected: bool) -> None:
    assert stuck(run) is expected


statuses = st.sampled_from(list(TaskStatus))


@given(st.lists(st.tuples(statuses, st.integers(1, 10)), max_size=8), st.integers(1, 4), st.data())
def test_never_more_than_the_slots_and_never_before_its_time(
    rows: list[tuple[TaskStatus, int]], slots: int, data: st.DataObject
) -> None:
    tasks = []
    for index, (status, priority) in enumerate(rows):
        earlier = data.draw(st.sets(st.integers(0, index - 1), max_size=2)) if index else set()
        after = [f"t{number}" for number in earlier]
        tasks.append(at(a_task(f"t{index}", *after, priority=priority), status))
    run = a_run(*tasks)
    holders = {task.id for task in tasks if task.status is RUNNING}
    chosen = startable(run, holders, slots)
    assert len(chosen) <= max(0, slots - len(holders))
    for task in chosen:
        assert task.status is QUEUED
        assert all(run.tasks[name].status is COMPLETED for name in task.spec.depends_on)
