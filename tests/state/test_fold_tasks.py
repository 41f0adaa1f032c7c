from __future__ import annotations

from dataclasses import replace

import pytest

from conductor_tui.domain.agent_events import (
    AgentExited,
    AgentLog,
    AgentText,
    AgentUsage,
)
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CheckFinished,
    CheckStarted,
    DecisionMade,
    Draft,
    FileChanged,
    MergeDone,
    TaskBlocked,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskPhase,
    TaskQueued,
    TaskStarted,
    TaskWaiting,
    UnknownEvent,
)
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import (
    Answer,
    BreakpointKind,
    DecisionAction,
    Outcome,
    Phase,
    Scope,
    TaskStatus,
    Usage,
    WaitReason,
)
from conductor_tui.domain.views import CheckView, DecisionView, FileView, Snapshot, Step
from conductor_tui.state.snapshot import reduce
from tests.state.build import (
    AT_WORK,
    RUN,
    at_work,
    begin,
    fold,
    queue,
    raised,
    record,
    resolved,
    stamp,
    task_after,
)

FINISHED = AttemptFinished(True, "completed", Usage(10, 5, 0.5), 0.5, 3)
WAITING = TaskWaiting(WaitReason.LIMIT, "2026-11-20T12:00:00Z")
LATER = AT_WORK + 1


def decide(action: DecisionAction, reason: str = "because", **parts: object) -> DecisionMade:
    return DecisionMade(action, 40.0, 60.0, parts, reason)


def test_a_new_task_is_queued_in_the_order_of_the_plan() -> None:
    snapshot = reduce(Snapshot(), record([*begin("b", "a"), queue("c")]))
    assert [task.id for task in snapshot.in_order()] == ["b", "a", "c"]
    task = snapshot.tasks["a"]
    assert task.spec == Task(id="a", title="A", prompt="do a")
    assert (task.order, task.status, task.step) == (1, TaskStatus.QUEUED, Step.WORK)
    assert task.queued_at == task.updated_at == stamp(3)


def test_a_started_task_has_its_place() -> None:
    snapshot = reduce(Snapshot(), record([*begin("a"), at_work("a")[0]]))
    task = snapshot.tasks["a"]
    assert task.status is TaskStatus.RUNNING
    assert (task.workspace, task.base) == ("ws/a", "base0")
    assert task.branch == f"conductor/{RUN}/a"
    assert task.phase is Phase.PREPARING
    assert task.started_at == stamp(3)


def test_the_first_start_is_remembered() -> None:
    task = task_after(WAITING, queue("a", "ready"), TaskStarted("ws/a", "base1"))
    assert task.started_at == stamp(3)
    assert task.base == "base1"


@pytest.mark.parametrize("phase", list(Phase))
def test_a_phase_lasts_while_the_task_runs(phase: Phase) -> None:
    assert task_after(TaskPhase(phase)).phase is phase
    assert task_after(TaskPhase(phase), WAITING).phase is None
    assert task_after(TaskPhase(phase), TaskFailed("broke")).phase is None


def test_an_attempt_is_added() -> None:
    task = task_after()
    attempt = task.attempt
    assert attempt is not None
    assert (attempt.n, attempt.agent, attempt.session, attempt.pid) == (1, "claude", "s1", 7)
    assert (attempt.spool, attempt.position, attempt.started_at) == ("spool1", 0, stamp(AT_WORK))
    assert task.resumable == attempt
    assert task.attempts_left == 2


@pytest.mark.parametrize(
    ("spool", "position"),
    [("spool1", 500), ("spool2", 0)],
)
def test_a_resumed_attempt_goes_on(spool: str, position: int) -> None:
    task = task_after(
        Draft(AgentText("hi"), "a", 1, 500),
        FINISHED,
        AttemptStarted("claude", "s2", 8, resumed=True, spool=spool),
    )
    (attempt,) = task.attempts
    assert (attempt.session, attempt.pid, attempt.spool) == ("s2", 8, spool)
    assert attempt.position == position
    assert (attempt.ended_at, attempt.ok) == (None, None)
    assert attempt.started_at == stamp(AT_WORK)
    assert attempt.usage == Usage(10, 5, 0.5)
    assert task.step is Step.WORK


def test_a_second_attempt_is_a_new_one() -> None:
    task = task_after(FINISHED, Draft(AttemptStarted("claude", "s2", 8), "a", 2))
    assert [attempt.n for attempt in task.attempts] == [1, 2]
    assert task.attempts[0].reason == "completed"
    assert task.attempts_left == 1


@pytest.mark.parametrize(("resumed", "numbers"), [(False, [1, 2]), (True, [1])])
def test_an_attempt_without_number_is_the_next_or_the_same(
    resumed: bool, numbers: list[int]
) -> None:
    task = task_after(Draft(AttemptStarted("claude", "s2", 8, resumed=resumed), "a"))
    assert [attempt.n for attempt in task.attempts] == numbers


def test_a_finished_attempt_waits_for_its_check() -> None:
    task = task_after(decide(DecisionAction.RETRY), FINISHED)
    (attempt,) = task.attempts
    assert (attempt.ok, attempt.reason, attempt.files_changed) == (True, "completed", 3)
    assert attempt.ended_at == stamp(LATER + 1)
    assert (task.step, task.feedback, task.resumable) == (Step.CHECK, None, None)


@pytest.mark.parametrize(
    ("told", "total", "booked"),
    [
        ([], Usage(10, 5, 0.5), Usage(10, 5, 0.5)),
        ([Usage(4, 1, 0.25)], Usage(10, 5, 0.5), Usage(10, 5, 0.5)),
        ([Usage(4, 1, 0.25), Usage(6, 4, 0.25)], Usage(10, 5, 0.5), Usage(10, 5, 0.5)),
        ([Usage(20, 9, 1.0)], Usage(10, 5, 0.5), Usage(20, 9, 1.0)),
        ([Usage(20, 9, None)], Usage(), Usage(20, 9, 0.5)),
    ],
)
def test_what_an_attempt_used_is_booked_once(
    told: list[Usage], total: Usage, booked: Usage
) -> None:
    pieces = [AgentUsage(each.input, each.output, each.cost_usd) for each in told]
    task = task_after(*pieces, AttemptFinished(True, "completed", total, 0.5, 0))
    assert task.usage == booked
    assert task.attempts[0].usage == booked


def test_usage_survives_attempts_and_retries() -> None:
    snapshot = fold(
        AgentUsage(10, 1, 0.5),
        FINISHED,
        Draft(AttemptStarted("claude", "s2", 8), "a", 2),
        Draft(AgentUsage(3, 2, 0.25), "a", 2),
        TaskFailed("broke"),
        queue("a", "retry"),
    )
    assert snapshot.usage == Usage(13, 7, 0.75)
    assert [each.usage.input for each in snapshot.tasks["a"].attempts] == [10, 3]


def test_a_position_only_goes_up_and_counts_for_its_attempt() -> None:
    task = task_after(
        Draft(AgentText("x"), "a", 1, 300),
        Draft(AgentText("y"), "a", 1, 200),
        Draft(CheckStarted("pytest -q", Scope.WORKSPACE), "a", 1, 350),
        Draft(FINISHED, "a", 1, 100),
        Draft(AttemptStarted("claude", "s2", 8), "a", 2),
        Draft(AgentText("z"), "a", 2, 40),
        Draft(AgentExited(0), "a", 1, 340),
        Draft(AgentText("nobody"), "a", 9, 9000),
    )
    assert [attempt.position for attempt in task.attempts] == [350, 40]
    assert task.updated_at == stamp(LATER + 7)


def test_a_check_is_shown_running_then_done() -> None:
    started = CheckStarted("pytest -q", Scope.WORKSPACE)
    finished = CheckFinished("pytest -q", Scope.WORKSPACE, 1, False, 2.5, "1 failed")
    done = CheckView("pytest -q", Scope.WORKSPACE, False, 1, 2.5, "1 failed")
    running = CheckView("pytest -q", Scope.WORKSPACE)
    merged = CheckView("pytest -q", Scope.MERGED)
    assert task_after(started).attempts[0].checks == (running,)
    assert task_after(started, started).attempts[0].checks == (running,)
    assert task_after(started, finished).attempts[0].checks == (done,)
    again = CheckStarted("pytest -q", Scope.MERGED)
    assert task_after(started, finished, again).attempts[0].checks == (done, merged)
    assert task_after(finished).attempts[0].checks == (done,)
    assert task_after(started, finished, started).attempts[0].checks == (done, running)


@pytest.mark.parametrize(
    ("event", "step", "feedback"),
    [
        (decide(DecisionAction.ACCEPT), Step.MERGE, None),
        (decide(DecisionAction.RETRY), Step.WORK, "because"),
        (decide(DecisionAction.RETRY, feedback="do better"), Step.WORK, "do better"),
        (decide(DecisionAction.RETRY, feedback=7), Step.WORK, "because"),
        (decide(DecisionAction.ASK), Step.NOTHING, None),
        (decide(DecisionAction.FAIL), Step.NOTHING, None),
    ],
)
def test_a_decision_leads_to_its_step(
    event: DecisionMade, step: Step, feedback: str | None
) -> None:
    task = task_after(FINISHED, event)
    assert (task.step, task.feedback) == (step, feedback)
    view = DecisionView(event.action, "because", 40.0, 60.0, event.parts)
    assert task.attempts[0].decision == view


def test_feedback_stays_until_the_attempt_that_was_told_is_over() -> None:
    told = [FINISHED, decide(DecisionAction.RETRY)]
    second = Draft(AttemptStarted("claude", "s2", 8), "a", 2)
    assert task_after(*told, second).feedback == "because"
    assert task_after(*told, second, Draft(FINISHED, "a", 2)).feedback is None


def test_a_waiting_task_says_for_what() -> None:
    task = task_after(WAITING)
    assert task.status is TaskStatus.WAITING
    assert (task.waiting, task.until) == (WaitReason.LIMIT, "2026-11-20T12:00:00Z")
    assert task.step is Step.WORK


@pytest.mark.parametrize("cause", ["answered", "ready"])
def test_a_task_that_waited_goes_on_at_its_step(cause: str) -> None:
    task = task_after(FINISHED, WAITING, queue("a", cause))
    assert (task.status, task.step) == (TaskStatus.QUEUED, Step.CHECK)
    assert (task.waiting, task.until, task.budget_from) == (None, None, 0)


def test_a_blocked_task_is_freed() -> None:
    drafts = [*begin("a", "b"), Draft(TaskBlocked("a"), "b")]
    task = reduce(Snapshot(), record(drafts)).tasks["b"]
    assert (task.status, task.blocked_by, task.reason) == (TaskStatus.BLOCKED, "a", "dependency")
    task = reduce(Snapshot(), record([*drafts, queue("b", "unblocked")])).tasks["b"]
    assert (task.status, task.blocked_by, task.step) == (TaskStatus.QUEUED, None, Step.WORK)


@pytest.mark.parametrize("feedback", [None, "try harder"])
def test_a_retried_task_starts_afresh_but_keeps_its_history(feedback: str | None) -> None:
    again = TaskQueued("A", cause="retry", feedback=feedback)
    task = task_after(
        raised("p", BreakpointKind.PERMISSION, tool="Bash", input={}),
        resolved("p", Answer.APPROVE),
        raised("r", BreakpointKind.RESULT),
        resolved("r", Answer.APPROVE, force=True),
        MergeDone("c0ffee"),
        TaskFailed("broke"),
        again,
    )
    assert (task.status, task.step, task.budget_from) == (TaskStatus.QUEUED, Step.WORK, 1)
    assert (task.feedback, task.grants, task.forced) == (feedback, (), False)
    assert (task.outcome, task.reason, task.ended_at) == (None, "", None)
    assert (task.merged, task.commit) == (False, "")
    assert len(task.attempts) == 1
    assert task.attempts_left == 3


def test_files_come_and_go() -> None:
    added = FileChanged("new.py", "added", 10, 0)
    modified = FileChanged("old.py", "modified", 1, 2)
    task = task_after(added, modified, FileChanged("new.py", "added", 12, 0))
    assert task.files == {
        "new.py": FileView("new.py", "added", 12, 0),
        "old.py": FileView("old.py", "modified", 1, 2),
    }
    reverted = FileChanged("new.py", "reverted", 0, 0)
    assert set(task_after(added, modified, reverted, reverted).files) == {"old.py"}


def test_merged_work_has_its_commit() -> None:
    task = task_after(MergeDone("c0ffee"))
    assert (task.merged, task.commit) == (True, "c0ffee")


@pytest.mark.parametrize(
    ("event", "status", "outcome", "reason"),
    [
        (TaskCompleted(Outcome.SUCCESS, "c0ffee"), TaskStatus.COMPLETED, Outcome.SUCCESS, ""),
        (TaskFailed("broke"), TaskStatus.FAILED, Outcome.FAILED, "broke"),
        (
            TaskFailed("half", Outcome.PARTIAL),
            TaskStatus.FAILED,
            Outcome.PARTIAL,
            "half",
        ),
        (TaskCancelled("stop"), TaskStatus.CANCELLED, Outcome.FAILED, "stop"),
    ],
)
def test_an_ended_task(
    event: TaskFailed, status: TaskStatus, outcome: Outcome, reason: str
) -> None:
    task = task_after(WAITING, event)
    assert (task.status, task.outcome, task.reason) == (status, outcome, reason)
    assert (task.step, task.waiting, task.until) == (Step.NOTHING, None, None)
    assert task.ended_at == stamp(LATER + 1)


def test_a_late_result_never_overwrites_an_ended_task() -> None:
    ended = task_after(TaskCancelled("stop"))
    late = task_after(
        TaskCancelled("stop"),
        FINISHED,
        decide(DecisionAction.ACCEPT),
        TaskCompleted(Outcome.SUCCESS, "c0ffee"),
    )
    assert late == ended


def test_what_cannot_be_is_left_out() -> None:
    before = fold()
    after = fold(
        Draft(TaskPhase(Phase.WORKING), "nobody"),
        Draft(AgentText("x"), "nobody", 1, 5),
        Draft(TaskQueued("No description"), "nobody"),
        Draft(TaskQueued("Other", spec=Task(id="x", title="", prompt="")), "nobody"),
        queue("a"),
    )
    assert after == replace(before, seq=after.seq)


def test_an_unknown_event_is_only_a_sign_of_life() -> None:
    task = task_after(Draft(UnknownEvent("agent.dance", {"steps": 3}), "a", 1, 77))
    before = task_after()
    attempt = replace(before.attempts[0], position=77, opened=True)
    assert task == replace(before, attempts=(attempt,), updated_at=stamp(LATER))


def test_standard_error_has_a_place_of_its_own() -> None:
    task = task_after(
        Draft(AgentLog("first", 10), "a", 1),
        Draft(AgentLog("second", 25), "a", 1),
        Draft(AgentLog("of another stream"), "a", 1),
    )
    assert task.attempts[0].err_position == 25
