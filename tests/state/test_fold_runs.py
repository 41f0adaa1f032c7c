from __future__ import annotations

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.events import (
    DispatchChanged,
    Draft,
    LandDone,
    MergeDone,
    Notice,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    TaskFailed,
    TaskPhase,
)
from conductor_tui.domain.values import BreakpointKind, Phase, RunStatus, TaskStatus
from conductor_tui.domain.views import RunView, Snapshot
from conductor_tui.state.snapshot import Fold, reduce
from tests.state.build import (
    AT_WORK,
    OTHER_RUN,
    RUN,
    begin,
    fold,
    queue,
    raised,
    record,
    stamp,
)

RESUMED = Draft(RunResumed(("a", "b"), {"max_agents": 2}, {"provider": "ollama"}))
INTERRUPTED = Draft(RunInterrupted(130, "SIGINT"))
PAUSED = Draft(DispatchChanged(True))


def run_of(snapshot: Snapshot) -> RunView:
    assert snapshot.run is not None
    return snapshot.run


def test_a_run_begins() -> None:
    started = RunStarted(
        ("a",), {"x": 1}, {"provider": "none"}, "c0ffee", "conductor/r/integration"
    )
    snapshot = reduce(Snapshot(), record([Draft(started)]))
    assert snapshot == Snapshot(
        run=RunView(
            id=RUN,
            status=RunStatus.RUNNING,
            plan=("a",),
            settings={"x": 1},
            judge={"provider": "none"},
            base="c0ffee",
            branch="conductor/r/integration",
            started_at=stamp(1),
        ),
        seq=1,
    )


def test_another_run_begins_with_nothing_of_the_one_before() -> None:
    before = fold(raised("b", BreakpointKind.RESULT))
    after = reduce(before, record(begin("z"), run=OTHER_RUN))
    assert after == reduce(Snapshot(), record(begin("z"), run=OTHER_RUN))
    assert (set(after.tasks), after.breakpoints, after.seq) == ({"z"}, {}, 2)


def test_lines_of_the_run_before_do_not_reach_into_the_next() -> None:
    late = record([Draft(AgentText("x"), "a", 1, 99)], AT_WORK + 1)
    new = record(begin("a"), run=OTHER_RUN)
    assert reduce(fold(), [*late, *new]) == reduce(Snapshot(), new)


@pytest.mark.parametrize("ending", [INTERRUPTED, RESUMED])
def test_what_ran_is_queued_again_when_its_process_is_gone(ending: Draft) -> None:
    snapshot = fold(
        Draft(AgentText("last words"), "a", 1, 90),
        TaskPhase(Phase.WORKING),
        queue("b"),
        Draft(AgentText("very last"), "a", 1, 120),
        ending,
    )
    task = snapshot.tasks["a"]
    assert (task.status, task.phase) == (TaskStatus.QUEUED, None)
    assert task.attempts[0].position == 120
    assert snapshot.tasks["b"].updated_at == stamp(AT_WORK + 3)


def test_only_what_ran_is_queued_again() -> None:
    assert fold(TaskFailed("broke"), RESUMED).tasks["a"].status is TaskStatus.FAILED


def test_an_interrupted_run_goes_on() -> None:
    run = run_of(fold(PAUSED, INTERRUPTED))
    assert (run.status, run.exit_code, run.reason) == (RunStatus.INTERRUPTED, 130, "SIGINT")
    assert (run.ended_at, run.paused) == (stamp(AT_WORK + 2), True)
    run = run_of(fold(PAUSED, INTERRUPTED, RESUMED))
    assert (run.status, run.exit_code, run.reason) == (RunStatus.RUNNING, None, "")
    assert (run.ended_at, run.paused) == (None, False)
    assert (run.plan, run.settings) == (("a", "b"), {"max_agents": 2})
    assert run.judge == {"provider": "ollama"}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, RunStatus.COMPLETED),
        (3, RunStatus.PARKED),
        (1, RunStatus.FAILED),
        (4, RunStatus.FAILED),
    ],
)
def test_a_run_ends_as_its_exit_code_says(code: int, status: RunStatus) -> None:
    run = run_of(fold(Draft(RunFinished(code, "done"))))
    assert (run.status, run.exit_code, run.reason) == (status, code, "done")
    assert run.ended_at == stamp(AT_WORK + 1)


@pytest.mark.parametrize("paused", [True, False])
def test_dispatch_is_paused_and_resumed(paused: bool) -> None:
    assert run_of(fold(PAUSED, Draft(DispatchChanged(paused)))).paused is paused


def test_events_of_no_task_only_count() -> None:
    before = fold()
    after = fold(Draft(Notice("info", "hello")))
    assert (after.run, after.tasks, after.seq) == (before.run, before.tasks, AT_WORK + 1)


def test_a_run_is_landed_until_more_is_merged() -> None:
    landed = Draft(LandDone("c0ffee", "main"))
    assert run_of(fold(landed)).landed == "main"
    assert run_of(fold(Draft(LandDone("c0ffee", "main"), "a"))).landed == ""
    assert run_of(fold(landed, Draft(MergeDone("c0ffee"), "a"))).landed == ""


def test_nothing_happens_before_a_run() -> None:
    assert reduce(Snapshot(), record([PAUSED, INTERRUPTED])) == Snapshot(seq=2)


def test_a_mapping_is_copied_once_for_a_batch() -> None:
    before = fold()
    batch = record([TaskPhase(Phase.WORKING), AgentText("x"), TaskPhase(Phase.CHECKING)], 5)
    folding = Fold(before)
    folding.apply(batch[0])
    copied = folding.tasks
    for recorded in batch[1:]:
        folding.apply(recorded)
    after = folding.snapshot()
    assert after.tasks is copied
    assert after.breakpoints is before.breakpoints
    assert before.tasks["a"].phase is Phase.PREPARING


def test_output_lines_alone_leave_the_mapping_until_the_end() -> None:
    before = fold()
    folding = Fold(before)
    for recorded in record([Draft(AgentText("x"), "a", 1, n) for n in range(50)], 5):
        folding.apply(recorded)
    assert folding.tasks is before.tasks
    after = folding.snapshot()
    assert after.tasks["a"].attempts[0].position == 49
    assert after.tasks["a"].updated_at == stamp(54)
