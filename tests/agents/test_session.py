"""A session over a process that plays a stream: what is written, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

import pytest

from conductor_tui.agents import session as sessions
from conductor_tui.agents import turns
from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.agents.session import ProtocolSession
from conductor_tui.domain.agent_events import AgentExited, AgentLog, AgentText
from conductor_tui.domain.errors import AgentError, HostError
from conductor_tui.domain.ports.agents import Permission, PermissionAsked, TurnEnded
from conductor_tui.domain.ports.hosts import Chunk, Exit
from tests.agents import recordings
from tests.agents.fakes import FakeProcess, all_of, of


def played(name: str, **more: Exit) -> FakeProcess:
    """A process that plays a recording to its end."""
    entries = recordings.load(name)
    data = recordings.output(entries)
    return FakeProcess([Chunk("out", 0, data)], more.get("ended", recordings.ended(entries)))


def session(process: FakeProcess, **more: int | bool) -> ProtocolSession:
    protocol = ClaudeProtocol("Do it.", folder="/w/repo", instructions="Be kind.")
    return ProtocolSession(
        process,
        protocol,
        position=int(more.get("position", 0)),
        attached=bool(more.get("attached", False)),
    )


def written(process: FakeProcess) -> list[dict[str, object]]:
    return [json.loads(line) for line in process.written.splitlines()]


async def test_the_work_begins_with_our_hook_and_the_prompt() -> None:
    process = played("success")
    one = session(process)
    assert written(process) == []
    await all_of(one)
    first, second = written(process)
    assert first["request"] == {
        "subtype": "initialize",
        "hooks": {
            "PreToolUse": [
                {
                    "matcher": "*",
                    "hookCallbackIds": ["conductor-pre-tool-use"],
                    "timeout": 604800,
                }
            ]
        },
        "appendSystemPrompt": "Be kind.",
    }
    assert second["message"] == {"role": "user", "content": "Do it."}
    assert one.pid == process.pid


async def test_all_is_yielded_and_the_exit_is_last() -> None:
    arrivals = await all_of(session(played("success")))
    assert arrivals[-1].signal == AgentExited(0, "exited")
    assert len(of(arrivals, AgentText)) == 3
    assert arrivals[-1].position == len(recordings.output(recordings.load("success")))


async def test_replies_are_written_without_anybody_asking() -> None:
    process = played("invalid-key")
    await all_of(session(process))
    assert [line["request"] for line in written(process)[2:]] == [{"subtype": "interrupt"}]


async def test_an_answer_is_written_once_and_never_for_what_is_no_longer_asked() -> None:
    process = played("permission-deny")
    one = session(process)
    async for arrival in one.signals():
        if isinstance(arrival.signal, PermissionAsked):
            await one.permit(arrival.signal.request, Permission("deny", "No."))
            await one.permit(arrival.signal.request, Permission("allow"))
    await one.permit("nobody asked this", Permission("allow"))
    await one.answer("nor this", "yes")
    (line,) = written(process)[2:]
    response = line["response"]
    assert isinstance(response, dict)
    assert response["response"] == {"behavior": "deny", "message": "No."}


async def test_what_is_said_to_a_program_that_is_gone_is_an_error() -> None:
    process = played("success")
    process.deaf = True
    one = session(process)
    await one.interrupt()
    with pytest.raises(AgentError, match="takes no more input"):
        await one.say("Hello?")


async def test_a_program_that_reads_nothing_does_not_hold_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stopped(FakeProcess):
        async def write(self, data: bytes) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(sessions, "WRITE_S", 0.01)
    with pytest.raises(AgentError, match="read nothing"):
        await session(Stopped([])).say("Hello?")


async def test_a_lost_host_is_told_and_is_an_end() -> None:
    class Lost(FakeProcess):
        async def wait(self) -> Exit:
            raise HostError("the link is cut")

    arrivals = await all_of(session(Lost([])))
    assert of(arrivals, AgentLog) == [AgentLog("the link is cut")]
    assert of(arrivals, AgentExited) == [AgentExited(None, "lost")]
    assert of(arrivals, TurnEnded) == []


async def test_a_program_that_tells_no_states_is_done_after_a_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "GRACE_S", 0.01)
    process = played("success")
    process.stays_until.clear()
    one = session(process)
    found = []
    async with asyncio.timeout(5):
        async for arrival in one.signals():
            found.append(arrival.signal)
            if isinstance(arrival.signal, TurnEnded):
                process.stays_until.set()
    assert [type(signal) for signal in found[-2:]] == [TurnEnded, AgentExited]


async def test_attached_to_an_agent_that_waits() -> None:
    entries = recordings.load("permission-allow")
    data = recordings.output(entries)
    whole = await all_of(session(played("permission-allow")))
    (asked,) = [one for one in whole if isinstance(one.signal, PermissionAsked)]
    process = FakeProcess([Chunk("out", 0, data[: asked.position])])
    process.stays_until.clear()
    one = session(process, position=asked.position, attached=True)
    async with asyncio.timeout(5):
        signals = one.signals()
        again = await anext(signals)
        assert again == asked
        assert isinstance(again.signal, PermissionAsked)
        await one.permit(again.signal.request, Permission("allow"))
        process.stays_until.set()
        rest = [arrival async for arrival in signals]
    assert [type(arrival.signal) for arrival in rest] == [AgentExited]
    assert b'"behavior":"allow"' in process.written


async def test_a_reader_may_leave_early() -> None:
    process = played("success")
    process.stays_until.clear()
    signals = session(process).signals()
    assert isinstance(signals, AsyncGenerator)
    async with asyncio.timeout(5), contextlib.aclosing(signals):
        async for arrival in signals:
            if isinstance(arrival.signal, AgentText):
                break
    assert len(asyncio.all_tasks()) == 1


async def test_closing_waits_a_grace_and_then_ends() -> None:
    willing, unwilling = played("success"), played("success")
    unwilling.stays_until.clear()
    await session(willing).close()
    await session(unwilling).close(0.01)
    assert willing.calls == ["close_input"]
    assert unwilling.calls == ["close_input", "end"]


async def test_ending_and_letting_go_reach_the_process() -> None:
    process = played("success")
    await session(process).end()
    await session(process).release()
    assert process.calls == ["end", "release"]


async def test_an_interruption_by_whoever_ended_the_program_is_no_end_of_the_turn() -> None:
    for reason, turns_ended in (("exited", 1), ("lease", 0), ("ended", 0)):
        arrivals = await all_of(session(played("sigint", ended=Exit(0, reason))))
        assert len(of(arrivals, TurnEnded)) == turns_ended
        assert of(arrivals, AgentExited) == [AgentExited(0, reason)]
