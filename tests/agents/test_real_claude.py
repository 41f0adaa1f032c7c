"""The real Claude Code behind the real runner, against a scripted model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from conductor_tui.agents.agent_settings import AgentSettings
from conductor_tui.agents.registry import create_agent
from conductor_tui.domain.agent_events import AgentExited, AgentToolResult, AgentUsage
from conductor_tui.domain.ports.agents import (
    AgentSession,
    Arrival,
    Permission,
    PermissionAsked,
    QuestionAsked,
    SessionOpened,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.hosts.local import LocalHost
from tests.agents.fakes import all_of, assignment, of
from tests.support.external import external
from tests.support.messages_api import MessagesServer, claude_environment
from tests.support.model_script import ModelScript, Usage, say, script, tool

WHICH = {
    "question": "Which separator?",
    "header": "Separator",
    "multiSelect": False,
    "options": [{"label": "Hyphen", "description": "-"}, {"label": "Dot", "description": "."}],
}
WORK = script(
    [
        tool("Write", file_path="{cwd}/slug.py", content="x = 1\n"),
        tool("Bash", command="touch made.txt", description="Touch"),
        tool("Bash", command="touch denied.txt", description="Touch"),
        tool("AskUserQuestion", questions=[WHICH]),
        say("All done."),
    ],
    [say("Once more.")],
)


def decide(intent: ToolIntent) -> Permission:
    """Writing is allowed, all else is asked."""
    return Permission("allow") if intent.tool == "Write" else Permission("ask")


def reply(asked: PermissionAsked) -> Permission:
    """One command is changed, the other denied."""
    if "denied" in str(asked.input["command"]):
        return Permission("deny", "The reviewer says no.")
    return Permission("allow", input={**asked.input, "command": "touch changed.txt"})


async def talk(session: AgentSession) -> list[Arrival]:
    """Answer what is asked, say something after the first turn, close after the second."""
    arrivals: list[Arrival] = []
    async for arrival in session.signals():
        arrivals.append(arrival)
        match arrival.signal:
            case ToolIntent() as intent:
                await session.permit(intent.request, decide(intent))
            case PermissionAsked() as asked:
                await session.permit(asked.request, reply(asked))
            case QuestionAsked() as question:
                await session.answer(question.request, "dot")
            case TurnEnded(text="All done."):
                await session.say("And again.")
            case TurnEnded():
                await session.close()
    return arrivals


@pytest.mark.external
async def test_a_session_with_the_real_claude(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    settings = AgentSettings("claude", "claude", command=(str(external("claude")),))
    model = ModelScript({"slugify": WORK}, usage=Usage(1000, 100))
    async with MessagesServer(model) as server, LocalHost() as host, asyncio.timeout(50):
        agent = create_agent(settings, host, claude_environment(server, tmp_path / "home"))
        told = assignment(work, spool=str(tmp_path / "s1"), prompt="Add slugify")
        arrivals = await talk(await agent.open(told))
        shown = [result.text for result in server.tool_results("slugify")]
        again = await agent.attach(told, 0)
        assert again is not None
        replayed = await all_of(again)
    assert of(arrivals, SessionOpened) == [SessionOpened(told.session)]
    assert [type(one).__name__ for one in of(arrivals, ToolIntent, PermissionAsked)] == [
        "ToolIntent",
        "ToolIntent",
        "PermissionAsked",
        "ToolIntent",
        "PermissionAsked",
    ]
    turned = [one for one in of(arrivals, TurnEnded) if isinstance(one, TurnEnded)]
    assert [(one.ok, one.text, one.denied) for one in turned] == [
        (True, "All done.", 1),
        (True, "Once more.", 0),
    ]
    assert arrivals[-1].signal == AgentExited(0, "exited")
    assert sorted(path.name for path in work.iterdir()) == ["changed.txt", "slug.py"]
    assert "The reviewer says no." in shown[2]
    assert '"Which separator?"="Dot"' in shown[3]
    diffs = [one.diff for one in of(arrivals, AgentToolResult) if isinstance(one, AgentToolResult)]
    assert diffs[0] == "--- /dev/null\n+++ b/slug.py\n@@ -0,0 +1 @@\n+x = 1\n"
    used = [one for one in of(arrivals, AgentUsage) if isinstance(one, AgentUsage)]
    assert [(one.input, one.output) for one in used] == [(5000, 500), (1000, 100)]
    kinds = (AgentToolResult, AgentUsage, TurnEnded, AgentExited)
    assert of(replayed, *kinds) == of(arrivals, *kinds)
