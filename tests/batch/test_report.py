"""The morning's report: each section by table; nothing that the state does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conductor_tui.batch.report import render
from conductor_tui.domain.values import (
    Answer,
    BreakpointKind,
    DecisionAction,
    Outcome,
    RunStatus,
    Scope,
    TaskStatus,
    Usage,
    WaitReason,
)
from conductor_tui.domain.views import (
    AttemptView,
    BreakpointView,
    CheckView,
    DecisionView,
    FileView,
    RunView,
    Snapshot,
    TaskView,
)
from tests.engine.bench import a_task


def a_view(name: str = "a", status: TaskStatus = TaskStatus.COMPLETED, **more: object) -> TaskView:
    view = TaskView(a_task(name), 0, status, outcome=Outcome.SUCCESS)
    return replace(view, **more)  # type: ignore[arg-type]


def an_attempt(n: int = 1, ok: bool = True, action: DecisionAction | None = None) -> AttemptView:
    checks = (CheckView("make test", Scope.WORKSPACE, ok), CheckView("make test", Scope.MERGED, ok))
    decision = None if action is None else DecisionView(action, "outside its paths")
    return AttemptView(n, "fake", "s1", ok=True, checks=checks, decision=decision)


def a_point(answer: Answer | None = None, by: str | None = None) -> BreakpointView:
    options = ("approve", "retry", "reject", "cancel")
    return BreakpointView(
        "b1", "a", 1, BreakpointKind.RESULT, "red", "Accept it?", options, "", answer=answer, by=by
    )


def report(*tasks: TaskView, points: tuple[BreakpointView, ...] = ()) -> str:
    run = RunView("r1", RunStatus.COMPLETED, (), {}, {}, "base", "conductor/r1/integration")
    return render(
        Snapshot(
            run,
            {task.id: replace(task, order=order) for order, task in enumerate(tasks)},
            {point.id: point for point in points},
        )
    )


CASES = [
    ([a_view(attempts=(an_attempt(),))], ["Done\n  a  A", "0 files, green: make test\n"], []),
    (
        [
            a_view(
                attempts=(an_attempt(1), an_attempt(2)),
                files={"x": FileView("x", "added", 1, 0)},
                started_at="2026-11-20T10:00:00Z",
                ended_at="2026-11-20T10:01:30Z",
                usage=Usage(1, 1, 0.5),
            )
        ],
        ["1 file, green: make test, 2 attempts, 90 s", "$0.50 reported"],
        ["Not proved"],
    ),
    (
        [
            a_view(
                status=TaskStatus.FAILED, reason="red", workspace="/ws/a", attempts=(an_attempt(),)
            )
        ],
        ["Failed\n  a  A\n      failed: red", "conductor diff a; again: conductor retry a"],
        ["Done"],
    ),
    ([a_view(status=TaskStatus.FAILED, reason="red")], ["failed: red"], ["conductor diff"]),
    ([a_view(status=TaskStatus.CANCELLED, reason="enough")], ["cancelled: enough"], []),
    (
        [a_view(status=TaskStatus.BLOCKED, blocked_by="z")],
        ["blocked: depends on z"],
        ["Done", "Not reached"],
    ),
    (
        [
            a_view(status=TaskStatus.WAITING, waiting=WaitReason.LIMIT),
            a_view("q", TaskStatus.QUEUED),
        ],
        ["Not reached\n  a  waiting: limit\n  q  queued\n"],
        ["Failed"],
    ),
    (
        [a_view(spec=a_task("a", checks=()), attempts=(replace(an_attempt(), checks=()),))],
        ["no check was run", "Not proved\n  a: it has no check\n"],
        [],
    ),
    (
        [a_view(outcome=Outcome.SUCCESS_LIMITS, attempts=(an_attempt(),))],
        ["a: the agent did not end its turn by itself"],
        [],
    ),
    (
        [a_view(merged=True)],
        ["The accepted work is on conductor/r1/integration", "`conductor land`"],
        [],
    ),
    ([], ["Run r1: 0 of 0 tasks completed."], ["Done", "Failed", "conductor land", "reported"]),
]


@pytest.mark.parametrize(("tasks", "told", "untold"), CASES)
def test_what_is_told(tasks: list[TaskView], told: list[str], untold: list[str]) -> None:
    text = report(*tasks)
    for words in told:
        assert words in text
    for words in untold:
        assert words not in text


def test_what_waits_is_told_with_the_command_that_answers_it() -> None:
    text = report(a_view(status=TaskStatus.WAITING), points=(a_point(),))
    assert "Waits for you\n  [b1] a: red\n      Accept it?\n" in text
    assert "conductor breakpoint resolve b1 --approve | --retry | --reject | --cancel" in text
    assert "Not reached" not in text


BY_HAND = [
    (a_view(forced=True), "a: accepted with red checks by cli"),
    (a_view(spec=a_task("a", checks=())), "a: it has no check (accepted by cli)"),
    (
        a_view(attempts=(an_attempt(action=DecisionAction.ASK),)),
        "a: outside its paths; accepted by cli",
    ),
]


@pytest.mark.parametrize(("task", "told"), BY_HAND)
def test_what_was_accepted_by_hand_is_not_proved(task: TaskView, told: str) -> None:
    text = report(task, points=(a_point(Answer.APPROVE, "cli"),))
    assert f"Not proved\n  {told}\n" in text


def test_there_is_no_run() -> None:
    assert render(Snapshot()) == "There is no run.\n"


def test_what_agents_say_does_not_steer_the_terminal() -> None:
    text = report(a_view(status=TaskStatus.FAILED, reason="\x1b[2Jred\x07"))
    assert "\x1b" not in text
    assert "\x07" not in text
