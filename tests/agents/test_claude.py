"""Claude Code's protocol beyond the recordings: money, turns, requests, hostile input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.agents.claude_requests import UNANSWERED
from conductor_tui.agents.protocol import Reply
from conductor_tui.agents.turns import GRACE_S, STUCK_S
from conductor_tui.domain.agent_events import (
    AgentExited,
    AgentLimit,
    AgentLog,
    AgentText,
    AgentToolResult,
    AgentUsage,
)
from conductor_tui.domain.ports.agents import (
    Permission,
    PermissionAsked,
    QuestionAsked,
    RequestWithdrawn,
    Signal,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.domain.ports.hosts import Exit
from conductor_tui.domain.values import Usage
from tests.agents import recordings

Json = dict[str, Any]
MODEL = "claude-sonnet-5"


def feed(protocol: ClaudeProtocol, *messages: Json) -> list[Signal | Reply]:
    """What a protocol makes of some lines."""
    return [
        signal for message in messages for signal in protocol.receive(json.dumps(message).encode())
    ]


def state(name: str) -> Json:
    return {"type": "system", "subtype": "session_state_changed", "state": name}


def result(text: str = "Done.", **more: Any) -> Json:
    told = {"type": "result", "subtype": "success", "is_error": False, "result": text}
    return {**told, "terminal_reason": "completed", **more}


def models(input: int, output: int, cost: float, basis: str = "list") -> Json:
    tokens = {"inputTokens": input, "outputTokens": output, "costUSD": cost, "costBasis": basis}
    return {MODEL: tokens}


def can_use(tool: str, given: Json, request: str = "r1", call: str = "t1") -> Json:
    asked = {"subtype": "can_use_tool", "tool_name": tool, "input": given, "tool_use_id": call}
    return {"type": "control_request", "request_id": request, "request": asked}


def hook(tool: str, given: Json, request: str = "h1", call: str = "t1") -> Json:
    told = {
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": given,
        "tool_use_id": call,
    }
    asked = {"subtype": "hook_callback", "callback_id": "x", "input": told}
    return {"type": "control_request", "request_id": request, "request": asked}


def answer(lines: list[bytes]) -> Json:
    """The body of the one response that was written."""
    (line,) = lines
    found: Json = json.loads(line)["response"]["response"]
    return found


# ---- money -----------------------------------------------------------------------------------


def used(protocol: ClaudeProtocol, *results: Json) -> list[tuple[int, int, float | None]]:
    events = [one for one in feed(protocol, *results) if isinstance(one, AgentUsage)]
    return [
        (u.input, u.output, None if u.cost_usd is None else round(u.cost_usd, 6)) for u in events
    ]


def test_totals_become_differences() -> None:
    totals = [result(modelUsage=models(100 * n, 10 * n, 0.05 * n)) for n in (1, 2, 3)]
    assert used(ClaudeProtocol(), *totals) == [(100, 10, 0.05)] * 3
    resumed = ClaudeProtocol(booked=Usage(100, 10, 0.05))
    assert used(resumed, *totals[1:]) == [(100, 10, 0.05)] * 2


def test_the_same_total_twice_books_nothing() -> None:
    total = result(modelUsage=models(100, 10, 0.05))
    assert used(ClaudeProtocol(), total, total) == [(100, 10, 0.05)]


def test_a_price_that_nobody_knows_is_unknown() -> None:
    invented = result(modelUsage=models(100, 10, 0.05, "unknown"), total_cost_usd=0.05)
    assert used(ClaudeProtocol(), invented) == [(100, 10, None)]


def test_a_program_that_counts_anew_after_a_resume_is_booked_in_full() -> None:
    booked = Usage(1000, 100, 0.5)
    assert used(ClaudeProtocol(booked=booked), result(modelUsage=models(100, 10, 0.05))) == [
        (100, 10, 0.05)
    ]
    large = models(5000, 500, 2.5)
    anew = result(modelUsage=large, model_usage_since_last_result=large)
    assert used(ClaudeProtocol(booked=booked), anew) == [(5000, 500, 2.5)]


def test_a_failed_turn_without_totals_does_not_reset_them() -> None:
    first, second = (result(modelUsage=models(100 * n, 10 * n, 0.05 * n)) for n in (1, 2))
    empty = result(modelUsage={}, total_cost_usd=0)
    assert used(ClaudeProtocol(), first, empty, second) == [(100, 10, 0.05)] * 2


def test_cache_tokens_count_as_input() -> None:
    cached = {
        MODEL: {"inputTokens": 1, "cacheReadInputTokens": 20, "cacheCreationInputTokens": 300}
    }
    assert used(ClaudeProtocol(), result(modelUsage=cached)) == [(321, 0, None)]


def test_a_dialect_without_totals_is_booked_by_turn() -> None:
    turn = result(usage={"input_tokens": 7, "output_tokens": 3})
    assert used(ClaudeProtocol(), turn, turn) == [(7, 3, None)] * 2


# ---- how turns end ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, "completed"),
        ({"terminal_reason": None}, "completed"),
        ({"subtype": "error_max_turns", "is_error": True}, "max_turns"),
        ({"subtype": "error_max_budget_usd", "is_error": True}, "max_budget"),
        ({"terminal_reason": "aborted_tools", "is_error": True}, "aborted"),
        ({"is_error": True, "api_error_status": 401}, "login"),
        ({"is_error": True, "api_error_status": 500, "terminal_reason": "api_error"}, "api_error"),
        ({"is_error": True, "api_error": "usage_limit_reached"}, "limit"),
        ({"is_error": True, "subtype": "error_during_execution", "errors": ["x"]}, "error"),
        ({"stop_reason": "refusal"}, "refused"),
        ({"terminal_reason": "hook_stopped"}, "hook_stopped"),
    ],
)
def test_reasons(told: Json, reason: str) -> None:
    (ended,) = feed(ClaudeProtocol(), state("idle"), result(**told))[1:]
    assert isinstance(ended, TurnEnded)
    assert (ended.ok, ended.reason) == (reason == "completed", reason)


def test_a_result_is_no_end_before_the_program_is_idle() -> None:
    protocol = ClaudeProtocol()
    assert feed(protocol, state("running"), result())[1:] == []
    assert protocol.patience() == STUCK_S
    assert feed(protocol, state("idle"))[1:] == [TurnEnded(True, "completed", "Done.")]
    assert protocol.patience() is None


def test_a_program_that_hangs_after_its_result_is_done_in_the_end() -> None:
    protocol = ClaudeProtocol()
    feed(protocol, state("running"), result())
    assert protocol.quiet() == [TurnEnded(True, "completed", "Done.")]
    assert protocol.quiet() == []


def test_without_states_a_silence_is_the_end() -> None:
    protocol = ClaudeProtocol()
    assert feed(protocol, result()) == []
    assert protocol.patience() == GRACE_S
    assert protocol.quiet() == [TurnEnded(True, "completed", "Done.")]


def test_without_states_a_sub_agent_holds_the_turn_open() -> None:
    protocol = ClaudeProtocol()
    tasks = {"type": "system", "subtype": "background_tasks_changed"}
    agent = {"task_id": "a", "task_type": "local_agent"}
    feed(protocol, {**tasks, "tasks": [agent]}, result("Delegated."))
    assert protocol.patience() is None
    feed(protocol, {**tasks, "tasks": []}, {"type": "system", "subtype": "init"})
    assert protocol.patience() is None
    feed(protocol, result("All done."))
    assert protocol.quiet() == [TurnEnded(True, "completed", "All done.")]


def test_a_background_shell_holds_no_turn_open() -> None:
    protocol = ClaudeProtocol()
    started = {"type": "system", "subtype": "task_started", "task_type": "local_bash"}
    feed(protocol, {**started, "task_id": "b", "is_backgrounded": True}, result())
    assert protocol.patience() == GRACE_S


def test_a_message_said_between_result_and_idle_begins_the_next_turn() -> None:
    protocol = ClaudeProtocol(new_id=lambda: "m1")
    lifecycle = {"type": "command_lifecycle", "command_uuid": "m1"}
    feed(protocol, state("running"), {**lifecycle, "command_uuid": "m0", "state": "completed"})
    feed(protocol, result("First."))
    protocol.say("And this?")
    assert feed(protocol, state("idle"))[1:] == []
    feed(protocol, {**lifecycle, "state": "started"}, state("running"), result("Second."))
    assert feed(protocol, state("idle"))[1:] == [TurnEnded(True, "completed", "Second.")]


def test_denials_of_one_turn_are_not_counted_in_the_next() -> None:
    protocol = ClaudeProtocol()
    denied = [{"tool_name": "Bash", "tool_use_id": "t1"}]
    first = feed(protocol, state("idle"), result(permission_denials=denied))[-1]
    both = [*denied, {"tool_name": "Bash", "tool_use_id": "t2"}]
    second = feed(protocol, state("idle"), result(permission_denials=both))[-1]
    assert isinstance(first, TurnEnded)
    assert isinstance(second, TurnEnded)
    assert (first.denied, second.denied) == (1, 1)


def test_after_a_wrong_login_the_aborted_result_is_no_second_end() -> None:
    protocol = ClaudeProtocol()
    retry = {"type": "system", "subtype": "api_retry", "error_status": 401, "attempt": 1}
    ended = [one for one in feed(protocol, state("running"), retry) if isinstance(one, TurnEnded)]
    assert [one.reason for one in ended] == ["login"]
    aborted = result(is_error=True, terminal_reason="aborted_streaming")
    after = feed(protocol, aborted, state("idle"))
    assert not [one for one in after if isinstance(one, TurnEnded)]
    protocol.say("Again.")
    feed(protocol, state("running"), result("Now."))
    assert feed(protocol, state("idle"))[1:] == [TurnEnded(True, "completed", "Now.")]


def test_a_limit_that_is_being_paid_over_is_none() -> None:
    def event(**info: Any) -> Json:
        return {"type": "rate_limit_event", "rate_limit_info": {"resetsAt": 1795181640, **info}}

    fine = [
        event(status="allowed", overageStatus="rejected"),
        event(status="allowed_warning"),
        event(status="rejected", isUsingOverage=True),
    ]
    assert feed(ClaudeProtocol(), *fine) == []
    hit = event(status="rejected", rateLimitType="five_hour")
    limit = AgentLimit("2026-11-20T13:34:00Z", "five hour limit")
    assert feed(ClaudeProtocol(), hit, hit) == [limit]
    unknown = event(status="rejected", resetsAt=1e300)
    assert feed(ClaudeProtocol(), unknown) == [AgentLimit(None, "limit")]


@pytest.mark.parametrize(
    ("line", "ended", "reason"),
    [
        ("No conversation found with session ID: 1", Exit(1, "exited"), "unknown_session"),
        ("error: unknown option '--bogus'", Exit(1, "exited"), "not_started"),
        ("Killed", Exit(137, "lease"), None),
    ],
)
def test_an_end_before_a_word(line: str, ended: Exit, reason: str | None) -> None:
    protocol = ClaudeProtocol("Do it.")
    protocol.opening()
    assert protocol.error_line(line.encode()) == [AgentLog(line)]
    signals = protocol.exited(ended)
    assert signals[-1] == AgentExited(ended.code, ended.reason)
    told = [(one.reason, one.text) for one in signals if isinstance(one, TurnEnded)]
    assert told == ([(reason, line)] if reason else [])


def test_a_program_without_hooks_is_stopped() -> None:
    protocol = ClaudeProtocol()
    refused = {"subtype": "error", "request_id": "conductor-initialize", "error": "unknown"}
    found = feed(protocol, {"type": "control_response", "response": refused})
    assert isinstance(found[0], TurnEnded)
    assert found[0].reason == "protocol"
    assert isinstance(found[1], Reply)


# ---- requests --------------------------------------------------------------------------------


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


# ---- hostile and unknown input ---------------------------------------------------------------


def test_an_unknown_type_is_kept_raw_and_told_once() -> None:
    protocol = ClaudeProtocol()
    first = {"type": "tomorrow", "n": 1}
    assert feed(protocol, first, {"type": "tomorrow", "n": 2}) == [AgentLog(json.dumps(first))]
    other = {"type": "system", "subtype": "tomorrow"}
    assert feed(protocol, other, other) == [AgentLog(json.dumps(other))]


@pytest.mark.parametrize(
    "line", [b"{not json", b"[1, 2]", b"null", b"plain words", b"\xff\xfe", b"[" * 200_000]
)
def test_a_malformed_line_is_told_as_it_is(line: bytes) -> None:
    (log,) = ClaudeProtocol().receive(line)
    assert log == AgentLog(line.decode("utf-8", "replace"))
    assert ClaudeProtocol().receive(b"  ") == []


HOSTILE = "[/usr/lib] [bold]x[/] \x1b[31mred\x1b]0;title\x07 \u202e\u0000 {{ task.id }} $(touch x)"


def test_hostile_text_is_kept_as_it_is() -> None:
    block = {"type": "text", "text": HOSTILE}
    (said,) = feed(ClaudeProtocol(), {"type": "assistant", "message": {"content": [block]}})
    assert said == AgentText(HOSTILE)


def test_what_no_file_can_hold_is_replaced() -> None:
    line = b'{"type":"assistant","message":{"content":[{"type":"text","text":"a\\ud800b"}]}}'
    assert ClaudeProtocol().receive(line) == [AgentText("a\ufffdb")]


def test_a_result_that_is_a_list_of_texts_is_one_text() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}, {"type": "odd"}]
    block = {"type": "tool_result", "tool_use_id": "t1", "content": parts}
    found = feed(ClaudeProtocol(), {"type": "user", "message": {"content": [block]}})
    assert found == [AgentToolResult("t1", True, "one\ntwo\n[odd]")]


LINES = sorted(
    {
        line
        for name in recordings.CLAUDE
        if name != "long-line"
        for line in recordings.output(recordings.load(name)).splitlines()
    }
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(LINES), st.data())
def test_no_shape_of_a_known_line_breaks_the_reader(line: bytes, data: st.DataObject) -> None:
    message = json.loads(line)
    place: Any = message
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()) and key != "type":
            place[key] = data.draw(JSON)
            break
        place = place[key]
    protocol = ClaudeProtocol(folder="/w/repo")
    protocol.receive(json.dumps(message).encode())
    assert protocol.exited(Exit(0, "exited"))[-1] == AgentExited(0, "exited")
