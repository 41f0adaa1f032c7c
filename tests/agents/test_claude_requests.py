"""What Claude Code asks, and the lines that answer it."""

from __future__ import annotations

import json

import pytest

from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.agents.claude_requests import UNANSWERED
from conductor_tui.agents.protocol import Reply
from conductor_tui.domain.agent_events import AgentExited, AgentLog
from conductor_tui.domain.ports.agents import (
    Permission,
    PermissionAsked,
    QuestionAsked,
    RequestWithdrawn,
    ToolIntent,
)
from conductor_tui.domain.ports.hosts import Exit
from tests.agents.claude_lines import Json, answer, called, can_use, feed, hook


@pytest.mark.parametrize(
    ("permission", "written"),
    [
        (Permission("pass"), {}),
        (Permission("ask"), {"permissionDecision": "ask"}),
        (Permission("allow"), {"permissionDecision": "allow"}),
        (
            Permission("allow", input={"command": "ls"}),
            {"permissionDecision": "allow", "updatedInput": {"command": "ls"}},
        ),
        (
            Permission("deny", "No shell."),
            {"permissionDecision": "deny", "permissionDecisionReason": "No shell."},
        ),
    ],
)
def test_answers_to_an_intent(permission: Permission, written: Json) -> None:
    protocol = ClaudeProtocol()
    intent = ToolIntent("h1", "t1", "Bash", {"command": "rm x"})
    assert feed(protocol, hook("Bash", {"command": "rm x"})) == [intent]
    assert protocol.standing() == [intent]
    expected = {"hookEventName": "PreToolUse", **written}
    found = answer(protocol.permit("h1", permission))
    assert found == ({"hookSpecificOutput": expected} if written else {})
    assert protocol.standing() == []


def test_an_intent_that_is_asked_becomes_a_permission_request_for_the_same_call() -> None:
    protocol = ClaudeProtocol()
    feed(protocol, hook("Bash", {"command": "x"}))
    protocol.permit("h1", Permission("ask"))
    asked = feed(protocol, can_use("Bash", {"command": "x"}))
    assert asked == [PermissionAsked("r1", "t1", "Bash", {"command": "x"})]
    changed = answer(protocol.permit("r1", Permission("allow", input={"command": "y"})))
    assert changed == {"behavior": "allow", "updatedInput": {"command": "y"}}


def test_an_intent_that_was_not_answered_in_time_is_withdrawn() -> None:
    protocol = ClaudeProtocol()
    feed(protocol, hook("Bash", {}))
    assert feed(protocol, can_use("Bash", {}))[0] == RequestWithdrawn("h1")


def test_what_a_permission_request_does_not_take() -> None:
    protocol = ClaudeProtocol()
    feed(protocol, can_use("Bash", {}))
    with pytest.raises(ValueError, match="pass"):
        protocol.permit("r1", Permission("pass"))
    assert answer(protocol.permit("r1", Permission("deny")))["message"]


def test_a_hook_on_a_question_is_passed_without_asking_anybody() -> None:
    for tool in ("AskUserQuestion", "ExitPlanMode"):
        (reply,) = feed(ClaudeProtocol(), hook(tool, {}))
        assert isinstance(reply, Reply)
        assert answer([reply.data]) == {}


ONE = {"question": "Which?", "options": [{"label": "Hyphen"}, {"label": "Dot"}]}
TWO = {"question": "How many?", "options": []}


@pytest.mark.parametrize(
    ("questions", "text", "answers"),
    [
        ([ONE], "hyphen", {"Which?": "Hyphen"}),
        ([ONE], "A blank, please", {"Which?": "A blank, please"}),
        ([ONE], "", {"Which?": "Hyphen"}),
        ([TWO], "", {"How many?": "Yes."}),
        ([ONE, TWO], "dot\nthree", {"Which?": "Dot", "How many?": "three"}),
        ([ONE, TWO], "as you like", {"Which?": "as you like", "How many?": "as you like"}),
    ],
)
def test_answers_to_questions(questions: list[Json], text: str, answers: Json) -> None:
    protocol = ClaudeProtocol()
    feed(protocol, can_use("AskUserQuestion", {"questions": questions}))
    written = answer(protocol.answer("r1", text))
    assert written["behavior"] == "allow"
    assert written["updatedInput"] == {"questions": questions, "answers": answers}


def test_a_question_nobody_answers_is_declined() -> None:
    protocol = ClaudeProtocol()
    feed(protocol, can_use("AskUserQuestion", {"questions": [ONE]}))
    written = answer(protocol.answer("r1", None))
    assert written == {"behavior": "deny", "message": UNANSWERED}


def test_several_questions_are_one_text() -> None:
    (asked,) = feed(ClaudeProtocol(), can_use("AskUserQuestion", {"questions": [ONE, TWO]}))
    assert isinstance(asked, QuestionAsked)
    assert asked.text.splitlines()[:2] == ["1. Which? (Hyphen | Dot)", "2. How many?"]
    assert asked.choices == ()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", {"behavior": "allow", "updatedInput": {"plan": "1. Do"}}),
        ("First the tests.", {"behavior": "deny", "message": "First the tests."}),
        (None, {"behavior": "deny", "message": "The plan was not approved."}),
    ],
)
def test_a_plan_is_approved_or_sent_back(text: str | None, written: Json) -> None:
    protocol = ClaudeProtocol()
    asked = feed(protocol, can_use("ExitPlanMode", {"plan": "1. Do"}))
    assert asked == [QuestionAsked("r1", "t1", "1. Do", (), plan=True)]
    assert answer(protocol.answer("r1", text)) == written


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (called("ExitPlanMode", plan="1. Do"), "1. Do"),
        (
            called("Write", file_path="/home/dev/.claude/plans/odd-name.md", content="2. Do"),
            "2. Do",
        ),
        ({"type": "assistant", "message": {"content": "My plan."}}, "My plan."),
        (called("Write", file_path="/w/repo/a.md", content="x"), "The agent's plan is ready."),
    ],
)
def test_a_plan_that_is_asked_about_without_its_text(before: Json, text: str) -> None:
    *_, asked = feed(ClaudeProtocol(), before, can_use("ExitPlanMode", {}))
    assert asked == QuestionAsked("r1", "t1", text, (), plan=True)


def test_a_request_we_do_not_know_is_refused() -> None:
    asked = {"type": "control_request", "request_id": "e1", "request": {"subtype": "elicitation"}}
    log, reply = feed(ClaudeProtocol(), asked)
    assert isinstance(log, AgentLog)
    assert isinstance(reply, Reply)
    assert json.loads(reply.data)["response"]["subtype"] == "error"


def test_the_end_of_the_program_withdraws_what_it_asked() -> None:
    protocol = ClaudeProtocol()
    feed(protocol, can_use("Bash", {}))
    assert protocol.exited(Exit(143, "ended")) == [
        RequestWithdrawn("r1"),
        AgentExited(143, "ended"),
    ]
