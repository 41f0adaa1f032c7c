from __future__ import annotations

import itertools
import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import AttemptStarted, Draft, TaskQueued
from conductor_tui.domain.transitions import after_run_event, next_status
from conductor_tui.domain.values import TaskStatus, Usage
from conductor_tui.domain.views import Snapshot
from conductor_tui.state import rows
from conductor_tui.state.legality import check
from conductor_tui.state.runs import RUN_EVENTS
from conductor_tui.state.snapshot import Fold, reduce
from tests.state.build import RUN, at_work, begin, record
from tests.state.legal import any_drafts, legal, legal_lists

few = settings(max_examples=40)

cuts = st.lists(st.integers(min_value=0, max_value=70), max_size=8)


@few
@given(legal_lists, cuts)
def test_batches_do_not_matter(drafts: list[Draft], places: list[int]) -> None:
    events = record(drafts)
    whole = reduce(Snapshot(), events)
    one_by_one = Snapshot()
    for event in events:
        one_by_one = reduce(one_by_one, [event])
    in_batches = Snapshot()
    edges = [0, *sorted(min(place, len(events)) for place in places), len(events)]
    for start, end in itertools.pairwise(edges):
        in_batches = reduce(in_batches, events[start:end])
    assert whole == one_by_one == in_batches
    assert list(whole.tasks) == list(one_by_one.tasks) == list(in_batches.tasks)
    assert list(whole.breakpoints) == list(one_by_one.breakpoints)


@few
@given(st.lists(any_drafts, max_size=60))
def test_folding_takes_anything(drafts: list[Draft]) -> None:
    snapshot = reduce(Snapshot(), record([*begin("a"), *drafts]))
    assert snapshot.seq == len(drafts) + 2
    assert reduce(Snapshot(), record(drafts)).run is None


@few
@given(legal_lists)
def test_statuses_are_those_of_the_one_function(drafts: list[Draft]) -> None:
    statuses: dict[str, TaskStatus] = {}
    for draft in drafts:
        if isinstance(draft.event, RUN_EVENTS):
            for name, status in statuses.items():
                statuses[name] = after_run_event(status, draft.event)
        if draft.task is not None:
            after = next_status(statuses.get(draft.task), draft.event)
            assert after is not None
            statuses[draft.task] = after
    snapshot = reduce(Snapshot(), record(drafts))
    assert {name: task.status for name, task in snapshot.tasks.items()} == statuses


@few
@given(st.lists(any_drafts, max_size=30), st.lists(any_drafts, max_size=4))
def test_an_operation_is_judged_as_if_its_events_came_alone(
    before: list[Draft], operation: list[Draft]
) -> None:
    kept = legal(before)
    snapshot = reduce(Snapshot(), record(kept))
    together = _allowed(snapshot, operation)
    alone = True
    for place, draft in enumerate(operation):
        alone = alone and _allowed(snapshot, [draft])
        snapshot = reduce(snapshot, record([draft], len(kept) + 1 + place))
    assert together == alone


def _allowed(snapshot: Snapshot, drafts: list[Draft]) -> bool:
    try:
        check(Fold(snapshot), drafts, begins=False)
    except IllegalTransition:
        return False
    return True


@few
@given(legal_lists)
@example(drafts=[*begin("a"), Draft(TaskQueued("x"), "nobody")])
def test_pictures_survive_their_rows(drafts: list[Draft]) -> None:
    snapshot = reduce(Snapshot(), record(drafts))
    assert snapshot.run is not None
    assert rows.run_of(rows.run_row(snapshot.run)[-1]) == snapshot.run
    for task in snapshot.tasks.values():
        assert rows.task_of(rows.task_row(task)) == task
    for point in snapshot.breakpoints.values():
        assert rows.breakpoint_of(rows.breakpoint_row(0, point)) == point


@few
@given(legal_lists)
def test_events_survive_their_rows(drafts: list[Draft]) -> None:
    for recorded, draft in zip(record(drafts), drafts, strict=True):
        ts, name, task, attempt, position, data = json.loads(rows.event_row(draft, recorded.ts))
        row = (RUN, recorded.seq, ts, name, task, attempt, position, data)
        again = rows.recorded_of(row)
        assert rows.event_row(
            Draft(again.event, again.task, again.attempt, again.position), again.ts
        ) == rows.event_row(draft, ts)
        assert again == recorded


@few
@given(legal_lists, legal_lists)
def test_only_what_differs_is_written(one: list[Draft], two: list[Draft]) -> None:
    """Rows of the difference, laid over the old ones, are the new picture."""
    old, new = (reduce(Snapshot(), record(drafts)) for drafts in (one, two))
    names = set(new.tasks)
    found = list(rows.changed_rows(old, new, names, set(new.breakpoints)))
    tasks = dict(old.tasks)
    for place, row in found:
        if place == "tasks":
            tasks[row[0]] = rows.task_of(row)
        elif place == "progress":
            stored = rows.task_row(old.tasks[row[0]])
            tasks[row[0]] = rows.task_of((*stored[:3], row[1], row[2], stored[-1]))
    assert {name: tasks[name] for name in names} == new.tasks
    written = [row[0] for place, row in found if place != "breakpoints"]
    assert set(written) == {name for name in names if old.tasks.get(name) != new.tasks[name]}
    assert len(written) == len(set(written))


@few
@given(legal_lists)
def test_a_task_used_what_its_attempts_used_at_least(drafts: list[Draft]) -> None:
    for task in reduce(Snapshot(), record(drafts)).tasks.values():
        total = sum((attempt.usage for attempt in task.attempts), Usage())
        assert total.input <= task.usage.input
        assert total.output <= task.usage.output


def test_progress_of_an_older_attempt_is_more_than_progress() -> None:
    second = Draft(AttemptStarted("claude", "s2", 8), "a", 2)
    spoke = [Draft(AgentText("x"), "a", attempt, 1) for attempt in (1, 2)]
    old = reduce(Snapshot(), record([*begin("a"), *at_work("a"), second, *spoke]))
    for attempt, place in ((1, "tasks"), (2, "progress")):
        new = reduce(old, record([Draft(AgentText("x"), "a", attempt, 9)], old.seq + 1))
        ((found, _row),) = rows.changed_rows(old, new, {"a"}, ())
        assert found == place
