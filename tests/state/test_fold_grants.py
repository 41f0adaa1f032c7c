from __future__ import annotations

import pytest

from conductor_tui.domain.agent_events import AgentPermission, AgentQuestion
from conductor_tui.domain.values import Answer, BreakpointKind
from tests.state.build import raised, resolved, task_after

GRANTED = (
    raised("p1", BreakpointKind.PERMISSION, tool="Bash", input={"command": ["ls"]}),
    resolved("p1", Answer.APPROVE),
    raised("p2", BreakpointKind.PERMISSION, tool="Bash", input={"command": "rm"}),
    resolved("p2", Answer.EDIT, changed={"command": "rm -i"}),
    raised("q1", BreakpointKind.QUESTION),
    resolved("q1", Answer.ANSWER, "blue"),
)


def permission(tool: str, command: object, by: str = "breakpoint") -> AgentPermission:
    return AgentPermission("t1", tool, {"command": command}, "allow", by)


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (permission("Bash", ("ls",)), ["p2", "q1"]),
        (permission("Bash", "rm"), ["p1", "q1"]),
        (permission("Bash", "rm -i"), ["p1", "q1"]),
        (permission("Bash", "other"), ["p1", "p2", "q1"]),
        (permission("Edit", "rm"), ["p1", "p2", "q1"]),
        (permission("Bash", "rm", "rule"), ["p1", "p2", "q1"]),
        (AgentQuestion("colour?", "blue"), ["p1", "p2"]),
        (AgentQuestion("colour?", None), ["p1", "p2", "q1"]),
    ],
)
def test_an_answer_the_agent_was_told_is_used_up(event: AgentPermission, left: list[str]) -> None:
    task = task_after(*GRANTED, event)
    assert [grant.breakpoint for grant in task.grants] == left


def test_only_the_first_of_equal_answers_is_used_up() -> None:
    asked = {"tool": "Bash", "input": {"command": "ls"}}
    twice = [
        raised("p1", BreakpointKind.PERMISSION, **asked),
        resolved("p1", Answer.APPROVE),
        raised("p2", BreakpointKind.PERMISSION, **asked),
        resolved("p2", Answer.APPROVE),
    ]
    task = task_after(*twice, permission("Bash", "ls"))
    assert [grant.breakpoint for grant in task.grants] == ["p2"]


def test_a_rejected_question_is_used_up_without_an_answer() -> None:
    asked = [raised("q1", BreakpointKind.QUESTION), resolved("q1", Answer.REJECT, "no time")]
    assert task_after(*asked).grants[0].text == "no time"
    assert task_after(*asked, AgentQuestion("colour?", None)).grants == ()
