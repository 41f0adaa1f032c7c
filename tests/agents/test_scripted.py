"""The scripted agent for real: its player is a process, each word of a script does what it says."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conductor_tui.agents.reader import StreamReader
from conductor_tui.agents.scripted import ScriptedProtocol, player_source
from conductor_tui.agents.session import ProtocolSession
from conductor_tui.domain.agent_events import (
    AgentExited,
    AgentLimit,
    AgentLog,
    AgentState,
    AgentText,
    AgentToolCall,
    AgentToolResult,
    AgentUsage,
)
from conductor_tui.domain.ports.agents import (
    Arrival,
    Permission,
    PermissionAsked,
    QuestionAsked,
    RequestWithdrawn,
    SessionOpened,
    Signal,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.domain.ports.hosts import Chunk, Exit
from tests.agents.fakes import PipedProcess, assignment

Json = dict[str, Any]
React = Callable[[Signal], Any]
DONE = TurnEnded(True, "completed")


@pytest.fixture(scope="module")
def source() -> str:
    return player_source()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    return work


class Rehearsal:
    """Plays steps in a folder; `react` may return a coroutine that answers a signal."""

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = folder
        self.source = source
        self.told = assignment(folder)
        self.session: ProtocolSession
        self.process: PipedProcess

    async def play(self, *steps: Json, react: React = lambda _: None) -> list[Any]:
        """Every signal; the input closes when the turn is over and nothing else is said."""
        argv = [sys.executable, "-I", "-u", "-c", self.source]
        self.process = await PipedProcess.start(argv, self.folder)
        self.session = ProtocolSession(self.process, ScriptedProtocol(steps, self.told))
        signals: list[Any] = []
        async with asyncio.timeout(20):
            async for arrival in self.session.signals():
                signals.append(arrival.signal)
                answer = react(arrival.signal)
                if answer is not None:
                    await answer
                elif isinstance(arrival.signal, TurnEnded):
                    await self.session.close()
        return signals


@pytest.fixture
def rehearsal(folder: Path, source: str) -> Rehearsal:
    return Rehearsal(folder, source)


def without_ids(signals: list[Any]) -> list[Any]:
    """Signals whose ids differ between two runs, with those left out."""
    return [
        replace(one, id="") if isinstance(one, AgentToolCall | AgentToolResult) else one
        for one in signals
    ]


async def test_saying(rehearsal: Rehearsal) -> None:
    assert await rehearsal.play({"say": "Hello ✓ [b]"}) == [
        SessionOpened(rehearsal.told.session),
        AgentState("running"),
        AgentText("Hello ✓ [b]"),
        TurnEnded(True, "completed", "Hello ✓ [b]"),
        AgentState("idle"),
        AgentExited(0, "exited"),
    ]


async def test_writing_and_editing(rehearsal: Rehearsal, folder: Path) -> None:
    found = await rehearsal.play(
        {"write": {"path": "new/slug.py", "text": "one\ntwo\n"}},
        {"edit": {"path": "new/slug.py", "old": "two", "new": "2"}},
    )
    path = {"file_path": "new/slug.py"}
    assert (folder / "new/slug.py").read_text() == "one\n2\n"
    assert without_ids(found)[2:-3] == [
        AgentToolCall("", "Write", {**path, "content": "one\ntwo\n"}),
        AgentToolResult(
            "",
            True,
            "written: new/slug.py",
            "--- /dev/null\n+++ b/new/slug.py\n@@ -0,0 +1,2 @@\n+one\n+two\n",
        ),
        AgentToolCall("", "Edit", {**path, "old_string": "two", "new_string": "2"}),
        AgentToolResult(
            "",
            True,
            "written: new/slug.py",
            "--- a/new/slug.py\n+++ b/new/slug.py\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n",
        ),
    ]
    calls = [one.id for one in found if isinstance(one, AgentToolCall)]
    assert [one.id for one in found if isinstance(one, AgentToolResult)] == calls
    assert len(set(calls)) == 2


@pytest.mark.parametrize("path", ["../out.txt", "/etc/out.txt", "link/out.txt", "."])
async def test_a_path_out_of_the_workspace_is_refused(
    rehearsal: Rehearsal, folder: Path, path: str
) -> None:
    (folder / "link").symlink_to(folder.parent)
    found = await rehearsal.play({"write": {"path": path, "text": "x"}})
    (result,) = [one for one in found if isinstance(one, AgentToolResult)]
    assert not result.ok
    assert result.output.startswith("refused: ")
    assert not (folder.parent / "out.txt").exists()


@pytest.mark.parametrize("path", ["missing.txt", "there.txt"])
async def test_an_edit_that_finds_nothing_fails(
    rehearsal: Rehearsal, folder: Path, path: str
) -> None:
    (folder / "there.txt").write_text("other")
    found = await rehearsal.play({"edit": {"path": path, "old": "x", "new": "y"}})
    (result,) = [one for one in found if isinstance(one, AgentToolResult)]
    assert (result.ok, result.diff) == (False, None)
    assert (folder / "there.txt").read_text() == "other"


@pytest.mark.parametrize(
    ("command", "ok", "output"),
    [
        ("echo out; echo err >&2", True, "out\nerr"),
        ("echo said; exit 3", False, "Exit code 3\nsaid"),
        ("cat", True, ""),
        ("sleep 60 & echo started", True, "started"),
        ("kill -9 $$", False, "Exit code -9"),
    ],
)
async def test_running(rehearsal: Rehearsal, command: str, ok: bool, output: str) -> None:
    found = await rehearsal.play({"run": command})
    (call,) = [one for one in found if isinstance(one, AgentToolCall)]
    (result,) = [one for one in found if isinstance(one, AgentToolResult)]
    assert (call.tool, call.input) == ("Bash", {"command": command})
    assert (result.ok, result.output) == (ok, output)


ASK = {"ask": {"tool": "Bash", "input": {"command": "git push"}}, "denied": [{"say": "Then not."}]}


def permits(one: Rehearsal, intent: Permission, asked: Permission | None = None) -> React:
    """Answers the intent, and the question that may follow it."""

    def react(signal: Signal) -> Any:
        if isinstance(signal, ToolIntent):
            return one.session.permit(signal.request, intent)
        if isinstance(signal, PermissionAsked) and asked:
            return one.session.permit(signal.request, asked)
        return None

    return react


@pytest.mark.parametrize(
    ("intent", "asked", "questions", "result", "denied"),
    [
        (Permission("allow"), None, 0, 'allowed: {"command": "git push"}', 0),
        (Permission("deny", "No."), None, 0, "No.", 1),
        (Permission("ask"), Permission("deny"), 1, "denied", 1),
        (Permission("pass"), Permission("allow", input={"x": 1}), 1, 'allowed: {"x": 1}', 0),
    ],
)
async def test_asking(
    rehearsal: Rehearsal,
    intent: Permission,
    asked: Permission | None,
    questions: int,
    result: str,
    denied: int,
) -> None:
    found = await rehearsal.play(ASK, react=permits(rehearsal, intent, asked))
    call = next(one for one in found if isinstance(one, AgentToolCall))
    requests = [one for one in found if isinstance(one, ToolIntent | PermissionAsked)]
    assert [type(one) for one in requests] == [ToolIntent, *[PermissionAsked] * questions]
    assert {(one.id, one.tool) for one in requests} == {(call.id, "Bash")}
    (got,) = [one for one in found if isinstance(one, AgentToolResult)]
    assert (got.ok, got.output) == (denied == 0, result)
    assert [one.text for one in found if isinstance(one, AgentText)] == ["Then not."] * denied
    assert [one.denied for one in found if isinstance(one, TurnEnded)] == [denied]
    assert not [one for one in found if isinstance(one, RequestWithdrawn)]


@pytest.mark.parametrize(
    ("answer", "said"), [("A dot.", "Answered: A dot."), (None, "Nobody answered.")]
)
async def test_a_question(rehearsal: Rehearsal, answer: str | None, said: str) -> None:
    def react(signal: Signal) -> Any:
        if isinstance(signal, QuestionAsked):
            assert signal.text == "Which separator?"
            return rehearsal.session.answer(signal.request, answer)
        return None

    found = await rehearsal.play({"question": "Which separator?"}, react=react)
    assert [one.text for one in found if isinstance(one, AgentText)] == [said]
    states = [one.state for one in found if isinstance(one, AgentState)]
    assert states == ["running", "requires_action", "running", "idle"]


async def test_waiting_and_usage(rehearsal: Rehearsal) -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    usage = {"input": 7, "output": 3, "cost_usd": 0.25}
    found = await rehearsal.play({"wait": 0.3}, {"usage": usage}, {"usage": {"input": 1}})
    assert loop.time() - before >= 0.3
    told = [one for one in found if isinstance(one, AgentUsage)]
    assert told == [AgentUsage(7, 3, 0.25), AgentUsage(1, 0, None)]


async def test_a_limit_ends_the_turn_and_a_resumed_session_goes_on_behind_it(
    rehearsal: Rehearsal, folder: Path
) -> None:
    (folder / ".git").mkdir()
    steps = ({"say": "before"}, {"limit": {"resets_in": 3600}}, {"say": "after"})
    found = await rehearsal.play(*steps)
    (limit,) = [one for one in found if isinstance(one, AgentLimit)]
    assert limit.resets_at
    left = datetime.fromisoformat(limit.resets_at) - datetime.now(UTC)
    assert 3500 < left.total_seconds() < 3601
    assert [one.reason for one in found if isinstance(one, TurnEnded)] == ["limit"]
    for attempt, said in ((2, "before"), (2, "after"), (2, "before"), (3, "before")):
        rehearsal.told = assignment(folder, resume=True, attempt=attempt)
        again = await rehearsal.play(*steps)
        assert [one.text for one in again if isinstance(one, AgentText)] == [said]


async def test_exiting(rehearsal: Rehearsal) -> None:
    found = await rehearsal.play({"say": "Bye."}, {"exit": 3}, {"say": "never"})
    assert found[2:] == [AgentText("Bye."), AgentExited(3, "exited")]


async def test_hanging(rehearsal: Rehearsal) -> None:
    def react(signal: Signal) -> Any:
        return rehearsal.session.close(0.2) if signal == AgentText("Now.") else None

    found = await rehearsal.play({"say": "Now."}, {"hang": True}, react=react)
    assert found[-2:] == [AgentText("Now."), AgentExited(137, "ended")]


async def test_a_message_is_acknowledged(rehearsal: Rehearsal) -> None:
    turns = 0

    def react(signal: Signal) -> Any:
        nonlocal turns
        if isinstance(signal, TurnEnded):
            turns += 1
            return rehearsal.session.say("Also the docs.") if turns == 1 else None
        return None

    found = await rehearsal.play({"say": "One."}, react=react)
    told = [one for one in found if isinstance(one, AgentText | TurnEnded)]
    assert told == [
        AgentText("One."),
        replace(DONE, text="One."),
        AgentText("Message received: Also the docs."),
        replace(DONE, text="Message received: Also the docs."),
    ]


@pytest.mark.parametrize(
    ("step", "withdrawn", "results"),
    [({"wait": 60}, 0, []), ({"run": "sleep 60"}, 0, ["interrupted"]), (ASK, 1, [])],
)
async def test_an_interruption_ends_the_turn(
    rehearsal: Rehearsal, step: Json, withdrawn: int, results: list[str]
) -> None:
    def react(signal: Signal) -> Any:
        trigger = AgentText("Now.") if "wait" in step else None
        if signal == trigger or (isinstance(signal, AgentToolCall) and "run" in step):
            return rehearsal.session.interrupt()
        return rehearsal.session.interrupt() if isinstance(signal, ToolIntent) else None

    found = await rehearsal.play({"say": "Now."}, step, {"say": "never"}, react=react)
    assert [one.reason for one in found if isinstance(one, TurnEnded)] == ["aborted"]
    assert len([one for one in found if isinstance(one, RequestWithdrawn)]) == withdrawn
    assert [one.output for one in found if isinstance(one, AgentToolResult)] == results
    assert [one.text for one in found if isinstance(one, AgentText)] == ["Now."]


# ---- its protocol ----------------------------------------------------------------------------


def read(data: bytes, position: int = 0, attached: bool = False) -> list[Arrival]:
    protocol = ScriptedProtocol([], assignment())
    reader = StreamReader(protocol, position=position, attached=attached)
    output = [*reader.feed(Chunk("out", 0, data), 0.0), *reader.silence(1.0)]
    return [one for one in output if isinstance(one, Arrival)]


INTENT = b'{"type":"intent","request":"r","id":"c","tool":"Bash","input":{}}\n'
SETTLED = b'{"type":"settled","request":"r"}\n'
TURN = b'{"type":"turn","ok":true,"reason":"completed","text":"","denied":0}\n'
IDLE = b'{"type":"state","state":"idle"}\n'


def test_attaching_tells_again_what_still_holds() -> None:
    asked = ToolIntent("r", "c", "Bash", {})
    size = len(INTENT)
    assert [one.signal for one in read(INTENT, size, True)] == [asked]
    assert read(INTENT + SETTLED, size, True) == []
    idle = INTENT + SETTLED + TURN + IDLE
    assert [one.signal for one in read(idle, len(idle), True)] == [DONE]
    again = idle + b'{"type":"state","state":"running"}\n'
    assert read(again, len(again), True) == []


def test_what_the_player_did_not_write_is_told_as_it_is() -> None:
    assert [one.signal for one in read(b'Traceback\n{"type":"odd"}\n\n')] == [
        AgentLog("Traceback"),
        AgentLog('{"type":"odd"}'),
    ]


def test_a_player_that_does_not_start_says_why() -> None:
    protocol = ScriptedProtocol([], assignment())
    assert protocol.error_line(b"SyntaxError: old Python") == [AgentLog("SyntaxError: old Python")]
    assert protocol.exited(Exit(1, "exited")) == [
        TurnEnded(False, "not_started", "SyntaxError: old Python"),
        AgentExited(1, "exited"),
    ]


def test_the_end_withdraws_what_is_open() -> None:
    protocol = ScriptedProtocol([], assignment())
    protocol.receive(b'{"type":"opened","session":"s"}')
    protocol.receive(INTENT)
    assert protocol.exited(Exit(143, "ended")) == [
        RequestWithdrawn("r"),
        AgentExited(143, "ended"),
    ]
    with pytest.raises(ValueError, match="perhaps"):
        protocol.permit("r", Permission("perhaps"))
