"""Claude Code's protocol beyond the recordings: what a turn costs and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.agents.protocol import Reply
from conductor_tui.agents.turns import GRACE_S, STUCK_S
from conductor_tui.domain.agent_events import AgentExited, AgentLimit, AgentLog, AgentUsage
from conductor_tui.domain.ports.agents import TurnEnded
from conductor_tui.domain.ports.hosts import Exit
from conductor_tui.domain.values import Usage
from tests.agents.claude_lines import MODEL, Json, feed, models, result, state

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
        (
            {"stop_reason": "refusal", "is_error": True, "terminal_reason": "api_error"},
            "refused",
        ),
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
