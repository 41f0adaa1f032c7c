"""What one agent said and did, as text."""

from __future__ import annotations

import io

import pytest

from conductor_tui.batch.printers import describe
from conductor_tui.batch.transcript import Transcript
from conductor_tui.domain.agent_events import (
    AgentExited,
    AgentLimit,
    AgentLog,
    AgentPermission,
    AgentQuestion,
    AgentRetry,
    AgentState,
    AgentText,
    AgentToolCall,
    AgentToolResult,
    MessageSent,
)
from conductor_tui.domain.events import (
    BudgetExceeded,
    Event,
    FileChanged,
    LandDone,
    LandRefused,
    MergeConflict,
    Notice,
    Recorded,
    TaskCancelled,
    TaskPhase,
    TaskWaiting,
)
from conductor_tui.domain.values import Phase, WaitReason

EVENTS: list[tuple[Event, str]] = [
    (AgentText("one\ntwo"), "10:00:00  one\n          two\n"),
    (AgentText(""), "10:00:00\n"),
    (AgentToolCall("t", "Bash", {"command": "ls"}), "10:00:00  > Bash(command='ls')\n"),
    (AgentToolResult("t", True, "x\ny"), "10:00:00  < x\n          < y\n"),
    (AgentToolResult("t", False, "no", diff="+1"), "10:00:00  ! +1\n"),
    (AgentPermission("t", "Bash", {}, "deny", "rule"), "10:00:00  deny Bash by rule\n"),
    (AgentPermission("t", "Bash", {}, "deny", "mode", "no"), "10:00:00  deny Bash by mode: no\n"),
    (AgentQuestion("Which?", "red"), "10:00:00  ? Which?\n            red\n"),
    (AgentQuestion("Which?", None), "10:00:00  ? Which?\n            (no answer)\n"),
    (MessageSent("a", "hurry", "cli"), "10:00:00  cli: hurry\n"),
    (AgentRetry(529, 3.0), "10:00:00  its model answered 529; it tries again in 3 s\n"),
    (AgentLog("warn"), "10:00:00  . warn\n"),
    (AgentExited(1), "10:00:00  == its program ended (exited, exit code 1)\n"),
    (FileChanged("a.txt", "added", 3, 1), "10:00:00  ~ added a.txt (+3 -1)\n"),
    (TaskPhase(Phase.WORKING), "10:00:00  == working\n"),
    (TaskCancelled("enough"), "10:00:00  == cancelled: enough\n"),
    (AgentState("idle"), ""),
]


def told(event: Event) -> str:
    out = io.StringIO()
    Transcript(out).show(Recorded(1, "2026-11-20T10:00:00.000000Z", "r", "a", 1, event))
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


@pytest.mark.parametrize(("event", "expected"), EVENTS)
def test_each_event(event: Event, expected: str) -> None:
    assert told(event) == expected


def test_long_output_is_folded() -> None:
    text = told(AgentToolResult("t", True, "\n".join(map(str, range(30)))))
    assert text.count("\n") == 13
    assert "… 18 more lines" in text


SHORT: list[tuple[Event, str]] = [
    (TaskWaiting(WaitReason.LIMIT, "12:00"), "limit until 12:00"),
    (LandDone("0123456789abcdef", "main"), "0123456789 on main"),
    (LandRefused("dirty"), "dirty"),
    (AgentLimit("12:00"), "usage limit, resets 12:00"),
    (AgentLimit(None), "usage limit"),
    (MergeConflict(("a", "b")), "a, b"),
    (BudgetExceeded("run", 2.0, 1.0), "run: 2.00 of 1.00 used"),
    (Notice("info", "hello"), "hello"),
    (AgentPermission("t", "Bash", {}, "deny", "rule"), "Bash by rule"),
]


@pytest.mark.parametrize(("event", "text"), SHORT)
def test_lines_of_a_run(event: Event, text: str) -> None:
    line = describe(event)
    assert line is not None
    assert line[2] == text


def test_what_says_nothing_to_a_person_has_no_line() -> None:
    assert describe(AgentPermission("t", "Bash", {}, "allow", "rule")) is None
    assert describe(AgentState("idle")) is None
