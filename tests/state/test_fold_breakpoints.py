from __future__ import annotations

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.events import (
    AttemptFinished,
    BreakpointResolved,
    DecisionMade,
    Draft,
    Event,
    TaskCancelled,
)
from conductor_tui.domain.values import Answer, BreakpointKind, DecisionAction, TaskStatus, Usage
from conductor_tui.domain.views import Grant, Step
from tests.state.build import AT_WORK, fold, raised, resolved, stamp, task_after

FINISHED = AttemptFinished(True, "completed", Usage(), None, 1)
ASKED: tuple[Event, ...] = (
    FINISHED,
    DecisionMade(DecisionAction.ASK, None, None, {"feedback": "one test is red"}, "red"),
)
KEEP_OPEN = (Answer.TAKE_OVER, Answer.WAIT)


def test_a_raised_breakpoint_is_open() -> None:
    event = raised("b1", BreakpointKind.PERMISSION, tool="Bash", input={"command": "ls"})
    point = fold(event).breakpoints["b1"]
    assert point.open
    assert (point.task, point.attempt, point.kind) == ("a", 1, BreakpointKind.PERMISSION)
    assert (point.reason, point.ask, point.ts) == ("why", "what", stamp(AT_WORK + 1))
    assert point.options == ("approve", "always", "edit", "reject")
    assert point.evidence == {"tool": "Bash", "input": {"command": "ls"}}


def test_a_breakpoint_may_belong_to_no_task() -> None:
    snapshot = fold(Draft(raised("d", BreakpointKind.DISK)), Draft(resolved("d", Answer.APPROVE)))
    point = snapshot.breakpoints["d"]
    assert (point.task, point.answer) == (None, Answer.APPROVE)


def test_an_answer_says_who_and_when() -> None:
    point = fold(
        raised("b", BreakpointKind.RESULT), resolved("b", Answer.REJECT, "no")
    ).breakpoints["b"]
    assert not point.open
    assert (point.answer, point.text, point.by) == (Answer.REJECT, "no", "cli")
    assert point.resolved_at == stamp(AT_WORK + 2)


def test_open_ones_come_oldest_first() -> None:
    snapshot = fold(
        raised("z", BreakpointKind.RESULT),
        raised("y", BreakpointKind.HOST),
        raised("x", BreakpointKind.RESULT),
        resolved("y", Answer.APPROVE),
    )
    assert [point.id for point in snapshot.open_breakpoints] == ["z", "x"]


def test_lines_before_an_answer_are_older_than_it() -> None:
    line = Draft(AgentText("x"), "a", 1, 70)
    task = task_after(raised("b", BreakpointKind.RESULT), line, resolved("b", Answer.APPROVE))
    assert task.updated_at == stamp(AT_WORK + 3)
    assert task.attempts[0].position == 70


def test_the_first_answer_counts() -> None:
    snapshot = fold(
        raised("b", BreakpointKind.RESULT),
        resolved("b", Answer.APPROVE),
        resolved("b", Answer.RETRY, "again"),
    )
    assert snapshot.breakpoints["b"].answer is Answer.APPROVE
    assert snapshot.tasks["a"].step is Step.MERGE


def test_an_answer_to_nothing_changes_nothing() -> None:
    assert fold(resolved("nobody", Answer.APPROVE)).tasks == fold().tasks


@pytest.mark.parametrize("kind", list(BreakpointKind))
@pytest.mark.parametrize("answer", KEEP_OPEN)
def test_taking_over_and_waiting_leave_it_open(kind: BreakpointKind, answer: Answer) -> None:
    snapshot = fold(raised("b", kind, tool="Bash", input={}), resolved("b", answer))
    assert snapshot.breakpoints["b"].open
    assert snapshot.breakpoints["b"].by is None
    assert (snapshot.tasks["a"].step, snapshot.tasks["a"].grants) == (Step.WORK, ())


@pytest.mark.parametrize(
    ("event", "text", "changed"),
    [
        (resolved("b", Answer.APPROVE), None, None),
        (resolved("b", Answer.ALWAYS), None, None),
        (resolved("b", Answer.REJECT, "too bold"), "too bold", None),
        (resolved("b", Answer.EDIT, changed={"command": "ls -l"}), None, {"command": "ls -l"}),
    ],
)
def test_a_permission_becomes_a_grant(
    event: BreakpointResolved, text: str | None, changed: dict[str, object] | None
) -> None:
    asked = raised("b", BreakpointKind.PERMISSION, tool="Bash", input={"command": "ls"})
    task = task_after(asked, event)
    assert task.grants == (Grant("b", "Bash", {"command": "ls"}, event.answer, text, changed),)
    assert task.step is Step.WORK


@pytest.mark.parametrize(
    ("answer", "rules"),
    [(Answer.ALWAYS, ("Bash(ls *)",)), (Answer.APPROVE, ())],
)
def test_always_makes_a_rule_of_the_run(answer: Answer, rules: tuple[str, ...]) -> None:
    evidence = {"tool": "Bash", "input": {}, "rule": "Bash(ls *)"}
    snapshot = fold(
        raised("b1", BreakpointKind.PERMISSION, **evidence),
        resolved("b1", answer),
        raised("b2", BreakpointKind.PERMISSION, **evidence),
        resolved("b2", answer),
    )
    assert snapshot.run is not None
    assert snapshot.run.rules == rules


@pytest.mark.parametrize(
    ("kind", "tool"),
    [(BreakpointKind.QUESTION, "AskUserQuestion"), (BreakpointKind.PLAN, "ExitPlanMode")],
)
@pytest.mark.parametrize("answer", [Answer.ANSWER, Answer.APPROVE, Answer.REJECT])
def test_a_question_becomes_a_grant_with_the_text(
    kind: BreakpointKind, tool: str, answer: Answer
) -> None:
    task = task_after(raised("b", kind), resolved("b", answer, "blue"))
    assert task.grants == (Grant("b", tool, {}, answer, "blue"),)


@pytest.mark.parametrize("kind", list(BreakpointKind))
def test_cancelling_is_the_engine_s_to_do(kind: BreakpointKind) -> None:
    task = task_after(raised("b", kind, tool="Bash", input={}), resolved("b", Answer.CANCEL))
    assert (task.grants, task.step, task.status) == ((), Step.WORK, TaskStatus.RUNNING)


@pytest.mark.parametrize("force", [False, True])
def test_an_approved_result_is_merged(force: bool) -> None:
    task = task_after(
        *ASKED, raised("b", BreakpointKind.RESULT), resolved("b", Answer.APPROVE, force=force)
    )
    assert (task.step, task.forced) == (Step.MERGE, force)


@pytest.mark.parametrize(
    ("before", "text", "feedback"),
    [
        (ASKED, "look at utf-8", "look at utf-8"),
        (ASKED, None, "one test is red"),
        ((), None, None),
    ],
)
def test_a_retried_result_gets_a_new_budget(
    before: tuple[Event, ...], text: str | None, feedback: str | None
) -> None:
    point = raised("b", BreakpointKind.RESULT)
    task = task_after(*before, point, resolved("b", Answer.RETRY, text))
    assert (task.step, task.budget_from, task.feedback) == (Step.WORK, 1, feedback)
    assert task.attempts_left == 3


def test_a_rejected_result_waits_for_the_engine_to_fail_it() -> None:
    before = task_after(*ASKED)
    task = task_after(*ASKED, raised("b", BreakpointKind.RESULT), resolved("b", Answer.REJECT))
    assert (task.step, task.status) == (before.step, before.status)


@pytest.mark.parametrize(
    ("evidence", "text", "feedback"),
    [
        ({"files": ["a.py", "b.py"]}, "keep ours", "keep ours\nFiles in conflict: a.py, b.py"),
        ({"files": ("a.py",)}, None, "why\nFiles in conflict: a.py"),
        ({}, "keep ours", "keep ours"),
    ],
)
def test_a_retried_conflict_is_told_its_files(
    evidence: dict[str, object], text: str | None, feedback: str
) -> None:
    forced = [raised("r", BreakpointKind.RESULT), resolved("r", Answer.APPROVE, force=True)]
    point = raised("b", BreakpointKind.CONFLICT, **evidence)
    task = task_after(*ASKED, *forced, point, resolved("b", Answer.RETRY, text))
    assert (task.step, task.budget_from, task.feedback) == (Step.WORK, 1, feedback)
    assert not task.forced


@pytest.mark.parametrize(
    "kind",
    [
        BreakpointKind.LIMIT,
        BreakpointKind.HOST,
        BreakpointKind.BUDGET,
        BreakpointKind.DISK,
        BreakpointKind.STATE,
    ],
)
def test_going_on_keeps_the_step(kind: BreakpointKind) -> None:
    snapshot = fold(FINISHED, raised("b", kind), resolved("b", Answer.APPROVE))
    assert snapshot.breakpoints["b"].answer is Answer.APPROVE
    assert snapshot.tasks["a"].step is Step.CHECK


def test_an_answer_does_nothing_to_a_task_that_has_ended() -> None:
    point = raised("b", BreakpointKind.RESULT)
    snapshot = fold(point, TaskCancelled("stop"), resolved("b", Answer.RETRY, "again"))
    assert not snapshot.breakpoints["b"].open
    task = snapshot.tasks["a"]
    assert (task.status, task.step, task.feedback) == (TaskStatus.CANCELLED, Step.NOTHING, None)
