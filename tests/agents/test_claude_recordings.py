"""Every recording of the real Claude Code, and what it means to us."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from conductor_tui.domain.agent_events import (
    AgentExited,
    AgentLimit,
    AgentLog,
    AgentRetry,
    AgentState,
    AgentText,
    AgentToolCall,
    AgentToolResult,
    AgentUsage,
)
from conductor_tui.domain.ports.agents import (
    PermissionAsked,
    QuestionAsked,
    RequestWithdrawn,
    SessionOpened,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.domain.values import Usage
from tests.agents import recordings
from tests.agents.recordings import CLAUDE, Json, Replay, replay

INTERRUPTED = "[Request interrupted by user"
OK = (True, "completed", 0)


@dataclass(frozen=True)
class Meaning:
    """What a recording has to come out as."""

    turns: tuple[tuple[bool, str, int], ...] = (OK,)
    """ok, reason, denied of each."""
    usage: tuple[tuple[int, int, float], ...] = ()
    tools: str = ""
    """A call each; `!` where it had no good result."""
    asked: str = ""
    exit: int = 0
    retries: tuple[int, ...] = ()
    log: tuple[str, ...] = ()
    """How the lines begin."""


MEANINGS = {
    "all-denied": Meaning(((True, "completed", 2),), ((38374, 113, 0.155756),), "Write! Bash!"),
    "ask-question": Meaning(
        usage=((27830, 117, 0.11366),), tools="AskUserQuestion", asked="QuestionAsked"
    ),
    "background-shell": Meaning((OK, OK), ((27829, 53, 0.112376), (14247, 13, 0.057248)), "Bash"),
    "edit": Meaning(usage=((38382, 100, 0.155528),), tools="Read Edit"),
    "hook-callback": Meaning(
        ((True, "completed", 1),), ((41889, 113, 0.169816),), "Write Bash!", "ToolIntent ToolIntent"
    ),
    "interrupt-text": Meaning(
        ((False, "aborted", 0), OK),
        ((13838, 34, 0.056032), (13912, 13, 0.055908)),
        log=(INTERRUPTED,),
    ),
    "interrupt-tool": Meaning(
        ((False, "aborted", 0), OK),
        ((13838, 45, 0.056252), (14117, 13, 0.056728)),
        "Bash!",
        log=(INTERRUPTED,),
    ),
    "invalid-key": Meaning(
        ((False, "login", 0),), exit=1, retries=(401, 401, 401), log=("Invalid API key",)
    ),
    "json-schema": Meaning(usage=((12770, 30, 0.05168),), tools="StructuredOutput"),
    "long-line": Meaning(usage=((73943, 31, 0.296392),), tools="Read"),
    "max-budget": Meaning(
        ((False, "max_budget", 0),), ((25570, 120, 0.10468),), "Write Bash!", exit=1
    ),
    "max-turns": Meaning(
        ((False, "max_turns", 0),), ((25522, 120, 0.104488),), "Write Bash", exit=1
    ),
    "message-queued": Meaning(usage=((27848, 40, 0.112192),), tools="Bash"),
    "model-fallback": Meaning(
        usage=((12671, 13, 0.001274),), retries=(529, 529), log=("model_fallback: Switched to",)
    ),
    "no-login": Meaning(((False, "login", 0),), exit=1, log=("Not logged in",)),
    "overloaded-529": Meaning(
        ((False, "api_error", 0),), exit=1, retries=(529, 529), log=("API Error: Repeated 529",)
    ),
    "permission-allow": Meaning(
        usage=((27768, 53, 0.112132),), tools="Bash", asked="PermissionAsked"
    ),
    "permission-cancelled": Meaning(
        ((False, "aborted", 1),),
        ((13838, 42, 0.056192),),
        "Bash!",
        "PermissionAsked RequestWithdrawn",
        exit=1,
        log=(INTERRUPTED,),
    ),
    "permission-changed-input": Meaning(
        usage=((27772, 57, 0.112228),), tools="Bash", asked="PermissionAsked"
    ),
    "permission-deny": Meaning(
        ((True, "completed", 1),), ((27780, 66, 0.11244),), "Bash!", "PermissionAsked"
    ),
    "permission-deny-stop": Meaning(
        ((False, "aborted", 1),),
        ((13838, 42, 0.056192),),
        "Bash!",
        "PermissionAsked",
        exit=1,
        log=(INTERRUPTED,),
    ),
    "rate-limit-429-recovers": Meaning(usage=((12671, 9, 0.050864),), retries=(429, 429)),
    "resume-1-first": Meaning(usage=((38473, 143, 0.156752),), tools="Write Bash"),
    "resume-2-resumed": Meaning(usage=((51482, 156, 0.209048),)),
    "resume-unknown": Meaning(
        ((False, "unknown_session", 0),), exit=1, log=("No conversation found with session ID",)
    ),
    "sigint": Meaning(
        ((False, "aborted", 0),), ((13838, 45, 0.056252),), "Bash!", log=(INTERRUPTED,)
    ),
    "sigterm": Meaning((), tools="Bash!", exit=143),
    "subagent-background": Meaning(
        usage=((28042, 63, 0.113428), (29950, 67, 0.12114)), tools="Agent Bash"
    ),
    "subagent-foreground": Meaning(usage=((44250, 114, 0.17928),), tools="Agent Bash"),
    "success": Meaning(usage=((38473, 143, 0.156752),), tools="Write Bash"),
    "success-partial": Meaning(usage=((38473, 143, 0.156752),), tools="Write Bash"),
    "tool-fails": Meaning(usage=((38310, 86, 0.15496),), tools="Bash! Read!"),
    "usage-limit": Meaning(((False, "limit", 0),), exit=1, log=("You've hit your 5-hour limit",)),
}


def meaning(found: Replay) -> Meaning:
    """What came out, without its logs."""
    good = {result.id for result in found.of(AgentToolResult) if result.ok}
    calls = found.of(AgentToolCall)
    asked = found.of(ToolIntent, PermissionAsked, QuestionAsked, RequestWithdrawn)
    return Meaning(
        tuple((turn.ok, turn.reason, turn.denied) for turn in found.of(TurnEnded)),
        tuple((u.input, u.output, round(u.cost_usd, 6)) for u in found.of(AgentUsage)),
        " ".join(call.tool + "!" * (call.id not in good) for call in calls),
        " ".join(type(signal).__name__ for signal in asked),
        found.of(AgentExited)[-1].code,
        tuple(retry.status for retry in found.of(AgentRetry)),
    )


def lines(name: str) -> list[Json]:
    """What the program wrote, as JSON."""
    return [json.loads(line) for line in recordings.output(recordings.load(name)).splitlines()]


def test_every_recording_has_its_meaning() -> None:
    assert set(CLAUDE) == set(MEANINGS)


@pytest.mark.parametrize("name", CLAUDE)
def test_meaning(name: str) -> None:
    found = replay(name)
    expected = MEANINGS[name]
    log = [event.line for event in found.of(AgentLog)]
    assert meaning(found) == Meaning(**{**expected.__dict__, "log": ()})
    assert len(log) == len(expected.log), log
    assert all(line.startswith(begin) for line, begin in zip(log, expected.log, strict=True))
    assert isinstance(found.signals[-1], AgentExited)
    assert len(found.of(AgentExited)) == 1


@pytest.mark.parametrize("name", CLAUDE)
def test_each_text_appears_once_and_whole(name: str) -> None:
    said = [
        block["text"]
        for line in lines(name)
        if line["type"] == "assistant" and "error" not in line
        for block in line["message"]["content"]
        if block["type"] == "text"
    ]
    assert [event.text for event in replay(name).of(AgentText)] == said


@pytest.mark.parametrize("name", CLAUDE)
def test_what_is_booked_adds_up_to_the_last_total(name: str) -> None:
    totals = [line["total_cost_usd"] for line in lines(name) if line["type"] == "result"]
    booked = sum((event.cost_usd or 0.0) for event in replay(name).of(AgentUsage))
    assert booked == pytest.approx(totals[-1] if totals else 0.0)


@pytest.mark.parametrize("name", CLAUDE)
def test_each_signal_of_a_line_has_a_position_of_its_own(name: str) -> None:
    found = replay(name).arrivals
    ends = {arrival.position for arrival in found}
    told = [one.position for one in found if not isinstance(one.signal, AgentLog)]
    at_end = len(recordings.output(recordings.load(name)))
    before = [position for position in told if position < at_end]
    assert before == sorted(set(before))
    assert max(ends) == at_end


@pytest.mark.parametrize("name", CLAUDE)
def test_our_lines_say_what_the_recorded_host_said(name: str) -> None:
    found = replay(name)
    host = [entry for entry in recordings.load(name) if entry.direction == "in"]
    assert len(found.written) == len(host)
    for then, ours in found.written:
        assert said(ours) == said(then)


def said(message: Json) -> Any:
    """The part of a host's line that the program acts upon."""
    if message["type"] == "user":
        return (message["message"], message.get("uuid") if "uuid" in message else "no-id")
    if message["type"] == "control_request":
        hooks = message["request"].get("hooks", {}).get("PreToolUse", [{}])
        return (message["request"]["subtype"], hooks[0].get("matcher"))
    response = {**message["response"], "response": dict(message["response"]["response"])}
    # To end the turn with a denial is not for us: an interrupt does that.
    response["response"].pop("interrupt", None)
    return response


def test_a_session_is_told_once_although_each_turn_begins_with_it() -> None:
    for name in ("interrupt-text", "subagent-background", "background-shell"):
        assert len(replay(name).of(SessionOpened)) == 1


def test_a_resumed_session_is_booked_by_difference() -> None:
    found = replay("resume-2-resumed", Usage(38473, 143, 0.156752)).of(AgentUsage)
    assert [(u.input, u.output, round(u.cost_usd, 6)) for u in found] == [(13009, 13, 0.052296)]


def test_an_edit_has_its_diff() -> None:
    edits = [result.diff for result in replay("edit").of(AgentToolResult) if result.diff]
    assert edits == [
        "--- a/textkit/tokenise.py\n"
        "+++ b/textkit/tokenise.py\n"
        "@@ -3,4 +3,4 @@\n"
        " \n"
        " def tokenise(text):\n"
        '     """Split text into words."""\n'
        '-    return re.findall(r"[a-z0-9]+", text)\n'
        '+    return re.findall(r"[a-z0-9]+", text.lower())\n'
    ]


def test_a_new_file_has_its_diff() -> None:
    (diff,) = [result.diff for result in replay("hook-callback").of(AgentToolResult) if result.diff]
    assert diff == (
        "--- /dev/null\n+++ b/textkit/title.py\n@@ -0,0 +1,2 @@\n"
        "+def titlecase(text):\n+    return text.title()\n"
    )


def test_a_sub_agent_has_a_name() -> None:
    for name in ("subagent-background", "subagent-foreground"):
        found = replay(name)
        helpers = {call.tool: call.agent for call in found.of(AgentToolCall)}
        assert helpers == {"Agent": None, "Bash": "general-purpose: Count the lines"}


def test_a_turn_with_a_sub_agent_in_the_background_ends_once_it_is_done() -> None:
    found = replay("subagent-background")
    names = [type(signal).__name__ for signal in found.signals]
    assert names.index("TurnEnded") > names.index("AgentToolResult", names.index("AgentUsage"))
    assert found.of(TurnEnded)[0].text == "The helper reports: README.md has 3 lines."


def test_a_usage_limit_says_when_it_ends() -> None:
    assert replay("usage-limit").of(AgentLimit) == [
        AgentLimit("2026-11-20T13:34:00Z", "five hour limit")
    ]


def test_a_wrong_login_ends_the_turn_at_the_first_refusal_and_stops_the_program() -> None:
    found = replay("invalid-key")
    names = [type(signal).__name__ for signal in found.signals]
    assert names[:3] == ["SessionOpened", "AgentRetry", "TurnEnded"]
    assert [reply["request"]["subtype"] for reply in found.replies] == ["interrupt"]
    assert "log in" in found.of(TurnEnded)[0].text


def test_states_are_told() -> None:
    states = [event.state for event in replay("permission-allow").of(AgentState)]
    assert states == ["running", "requires_action", "running", "idle"]


def test_a_picture_is_named_and_not_carried_along() -> None:
    (result,) = replay("long-line").of(AgentToolResult)
    assert result.output == "[image/png, 145530 bytes]"


def test_a_question_comes_with_its_choices() -> None:
    (asked,) = replay("ask-question").of(QuestionAsked)
    assert asked.text == "Which separator should slugify use?"
    assert asked.choices == ("Hyphen", "Underscore")
    assert not asked.plan
