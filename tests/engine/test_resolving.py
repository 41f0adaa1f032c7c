"""What each answer to each kind of breakpoint means, as events."""

from __future__ import annotations

import pytest

from conductor_tui.domain.commands import ResolveBreakpoint
from conductor_tui.domain.errors import NotFound, Refused, UsageError
from conductor_tui.domain.values import ANSWERS, Answer, BreakpointKind, TaskStatus
from conductor_tui.engine.resolving import plan_resolution
from tests.engine.pictures import a_point, a_run, a_task, at

KINDS_THAT_FAIL = {
    kind
    for kind in BreakpointKind
    if kind not in (BreakpointKind.PERMISSION, BreakpointKind.QUESTION, BreakpointKind.PLAN)
}


def events_of(kind: BreakpointKind, answer: Answer, **more: object) -> list[str]:
    run = a_run(at(a_task("a"), TaskStatus.WAITING), points=(a_point(kind=kind, **more),))  # type: ignore[arg-type]
    changed = {"command": "ls"} if answer is Answer.EDIT else None
    command = ResolveBreakpoint("b1", answer, "text", changed, by="cli")
    return [draft.event.type for draft in plan_resolution(run, command)]


@pytest.mark.parametrize("kind", BreakpointKind)
@pytest.mark.parametrize("answer", [answer for answer in Answer if answer is not Answer.CANCEL])
def test_every_answer_of_every_kind(kind: BreakpointKind, answer: Answer) -> None:
    if answer not in ANSWERS[kind]:
        with pytest.raises(UsageError, match=f"--{answer}"):
            events_of(kind, answer)
        return
    follows = "task.queued"
    if answer is Answer.REJECT and kind in KINDS_THAT_FAIL:
        follows = "task.failed"
    expected = ["breakpoint.resolved"]
    if answer not in (Answer.TAKE_OVER, Answer.WAIT):
        expected.append(follows)
    assert events_of(kind, answer) == expected


def test_red_checks_are_accepted_only_by_force() -> None:
    run = a_run(
        at(a_task("a"), TaskStatus.WAITING), points=(a_point(evidence={"red": ["pytest -q"]}),)
    )
    with pytest.raises(Refused, match="pytest -q") as refused:
        plan_resolution(run, ResolveBreakpoint("b1", Answer.APPROVE))
    assert "--force" in refused.value.mend
    forced = plan_resolution(run, ResolveBreakpoint("b1", Answer.APPROVE, force=True))
    assert [draft.event.type for draft in forced] == ["breakpoint.resolved", "task.queued"]


def test_the_task_waits_until_all_its_questions_are_answered() -> None:
    permission = BreakpointKind.PERMISSION
    run = a_run(
        at(a_task("a"), TaskStatus.WAITING),
        points=(a_point("b1", kind=permission), a_point("b2", kind=permission)),
    )
    drafts = plan_resolution(run, ResolveBreakpoint("b1", Answer.APPROVE))
    assert [draft.event.type for draft in drafts] == ["breakpoint.resolved"]


def test_an_answered_breakpoint_is_answered() -> None:
    run = a_run(at(a_task("a"), TaskStatus.QUEUED), points=(a_point(answer=Answer.APPROVE),))
    with pytest.raises(Refused, match="answered already"):
        plan_resolution(run, ResolveBreakpoint("b1", Answer.REJECT))


def test_an_unknown_breakpoint_is_told() -> None:
    with pytest.raises(NotFound, match="b9"):
        plan_resolution(a_run(), ResolveBreakpoint("b9", Answer.APPROVE))


@pytest.mark.parametrize(
    ("kind", "answer"),
    [(BreakpointKind.PERMISSION, Answer.EDIT), (BreakpointKind.QUESTION, Answer.ANSWER)],
)
def test_an_answer_has_to_be_whole(kind: BreakpointKind, answer: Answer) -> None:
    run = a_run(at(a_task("a"), TaskStatus.WAITING), points=(a_point(kind=kind),))
    with pytest.raises(UsageError, match=f"--{answer}"):
        plan_resolution(run, ResolveBreakpoint("b1", answer))
