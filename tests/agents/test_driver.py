"""How each kind is started: command line, environment, refusals, and the real scripted agent."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest

from conductor_tui.agents.agent_settings import AgentSettings
from conductor_tui.agents.environment import agent_environment, claude_login
from conductor_tui.agents.registry import KINDS, UnknownKind, create_agent
from conductor_tui.domain.agent_events import AgentExited, AgentText
from conductor_tui.domain.errors import AgentError, HostError, SettingsError
from conductor_tui.domain.ports.agents import SessionOpened, TurnEnded
from conductor_tui.domain.ports.hosts import Chunk, ProcessSpec
from conductor_tui.domain.values import PermissionMode
from conductor_tui.hosts.local import LocalHost
from tests.agents import recordings
from tests.agents.fakes import FakeHost, FakeProcess, all_of, assignment, of

CLAUDE = AgentSettings("claude", "claude")
OURS = {"PATH": "/bin", "HOME": "/home/dev", "SECRET_KEY": "x", "ANTHROPIC_API_KEY": "sk-ours"}


def recorded(name: str = "success") -> FakeProcess:
    entries = recordings.load(name)
    data = recordings.output(entries)
    return FakeProcess([Chunk("out", 0, data)], recordings.ended(entries))


async def started(settings: AgentSettings, **more: object) -> ProcessSpec:
    """What the host is asked to start."""
    host = FakeHost(recorded())
    await create_agent(settings, host, OURS).open(assignment(**more))  # type: ignore[arg-type]
    (spec,) = host.specs
    return spec


# ---- claude ----------------------------------------------------------------------------------


async def test_the_command_line_of_claude() -> None:
    spec = await started(CLAUDE)
    assert spec.argv == (
        *("claude", "-p", "--input-format", "stream-json", "--output-format", "stream-json"),
        *("--verbose", "--permission-prompt-tool", "stdio"),
        *("--session-id", "3f1c9a52-7d1e-4c40-9c1b-2f6f0a5d8e11"),
        *("--permission-mode", "default", "--setting-sources", "user"),
        *("--settings", '{"attribution":{"commit":"","pr":""}}'),
    )
    assert (spec.cwd, spec.spool, spec.detach) == ("/w/repo", "/w/repo/spool", False)


async def test_what_settings_and_assignment_change_in_it() -> None:
    settings = AgentSettings(
        "builder",
        "claude",
        command=("npx", "claude"),
        model="sonnet",
        permission_mode=PermissionMode.ACCEPT_EDITS,
        args=("--max-turns", "9"),
        setting_sources="user,project",
    )
    argv = (await started(settings, resume=True, detach=True)).argv
    assert argv[:3] == ("npx", "claude", "-p")
    assert argv[-2:] == ("--max-turns", "9")
    given = dict(pairwise(argv))
    assert given["--resume"] == "3f1c9a52-7d1e-4c40-9c1b-2f6f0a5d8e11"
    assert given["--model"] == "sonnet"
    assert given["--permission-mode"] == "acceptEdits"
    assert given["--setting-sources"] == "user,project"
    assert "--session-id" not in argv


async def test_the_environment_of_claude() -> None:
    spec = await started(CLAUDE, env={"FLAVOUR": "sweet"})
    assert spec.env == {
        "PATH": "/bin",
        "HOME": "/home/dev",
        "ANTHROPIC_API_KEY": "sk-ours",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
        "CLAUDE_CODE_MAX_RETRIES": "3",
        "FLAVOUR": "sweet",
        "CONDUCTOR_RUN_ID": "20261120-100000-abcd",
        "CONDUCTOR_TASK_ID": "slugify",
        "GIT_CEILING_DIRECTORIES": "/w",
    }


async def test_a_token_of_the_settings_wins_and_is_never_printed() -> None:
    settings = AgentSettings("claude", "claude", token="sk-theirs")
    assert (await started(settings)).env["ANTHROPIC_API_KEY"] == "sk-theirs"
    assert "sk-theirs" not in repr(settings)
    assert claude_login("sk-ant-oat01-x") == {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-x"}


@pytest.mark.parametrize("leave", ["isolated", "i_know"])
async def test_bypassing_permissions_with_leave(leave: str) -> None:
    settings = AgentSettings(
        "c",
        "claude",
        permission_mode=PermissionMode.BYPASS,
        isolated=leave == "isolated",
        i_know=leave == "i_know",
    )
    spec = await started(settings)
    assert "bypassPermissions" in spec.argv
    assert spec.env["IS_SANDBOX"] == "1"
    assert "IS_SANDBOX" not in (await started(CLAUDE)).env


def test_bypassing_permissions_without_leave() -> None:
    settings = AgentSettings("c", "claude", permission_mode=PermissionMode.BYPASS, line=7)
    with pytest.raises(SettingsError) as caught:
        create_agent(settings, FakeHost(), OURS)
    assert str(caught.value).startswith("conductor.yaml:7: agents.c.permission_mode: ")
    assert "--i-know" in str(caught.value)


async def test_the_repositorys_own_instructions_are_passed_on() -> None:
    process, host = recorded(), FakeHost()
    host.process, host.files = process, {"CLAUDE.md": b"Use tabs.\n"}
    await all_of(await create_agent(CLAUDE, host, OURS).open(assignment()))
    request = json.loads(process.written.splitlines()[0])["request"]
    assert "Use tabs." in request["appendSystemPrompt"]


async def test_a_program_that_is_missing_is_told_with_its_mend() -> None:
    host = FakeHost(refuses=HostError("no such file"))
    with pytest.raises(AgentError) as caught:
        await create_agent(CLAUDE, host, OURS).open(assignment())
    assert "agent claude: claude could not be started: no such file" in caught.value.message
    assert "npm install -g @anthropic-ai/claude-code" in caught.value.mend


async def test_attaching() -> None:
    agent = create_agent(CLAUDE, FakeHost(recorded()), OURS)
    assert (agent.name, agent.kind, agent.sessions) == ("claude", "claude", True)
    session = await agent.attach(assignment(), 10_000)
    assert session is not None
    arrivals = await all_of(session)
    assert len(arrivals) > 1
    assert of(arrivals, SessionOpened) == []
    assert of(arrivals, AgentExited) == [AgentExited(0, "exited")]
    assert await create_agent(CLAUDE, FakeHost(), OURS).attach(assignment(), 0) is None


# ---- the registry ----------------------------------------------------------------------------


def test_an_unknown_kind_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownKind, match=r"agents\.x\.kind: .*'gpt' \(there are: claude, script"):
        create_agent(AgentSettings("x", "gpt"), FakeHost(), OURS)
    assert set(KINDS) == {"claude", "scripted"}


def test_a_scripted_agent_needs_a_script() -> None:
    with pytest.raises(SettingsError, match=r"agents\.fake\.script: "):
        create_agent(AgentSettings("fake", "scripted"), FakeHost(), OURS)


# ---- the environment -------------------------------------------------------------------------


def environment(ours: dict[str, str], kind: str = "claude", **more: object) -> dict[str, str]:
    env = agent_environment(ours, kind=kind, run="r", task="t", **more)  # type: ignore[arg-type]
    return {name: value for name, value in env.items() if name in ours}


MARKS = (
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_EXECPATH",
    "AI_AGENT",
)


@pytest.mark.parametrize("name", MARKS)
def test_marks_of_a_surrounding_session_never_pass(name: str) -> None:
    assert environment({name: "1"}, extra=["CLAUDE*", "AI_*"], task_env={name: "1"}) == {}


@pytest.mark.parametrize(
    ("name", "claude", "scripted"),
    [
        ("PATH", True, True),
        ("LC_ALL", True, True),
        ("XDG_CACHE_HOME", True, True),
        ("https_proxy", True, True),
        ("SSL_CERT_FILE", True, True),
        ("ANTHROPIC_BASE_URL", True, False),
        ("CLAUDE_CONFIG_DIR", True, False),
        ("CLAUDE_CODE_OAUTH_TOKEN", True, False),
        ("AWS_PROFILE", True, False),
        ("OPENAI_API_KEY", False, False),
        ("GITHUB_TOKEN", False, False),
        ("CONDUCTOR_AGENT_CLAUDE_TOKEN", False, False),
        ("PYTHONPATH", False, False),
        ("path", False, False),
    ],
)
def test_the_allow_list(name: str, claude: bool, scripted: bool) -> None:
    assert bool(environment({name: "x"})) is claude
    assert bool(environment({name: "x"}, "scripted")) is scripted


def test_names_and_globs_of_the_settings() -> None:
    ours = {"MYTOOL_A": "1", "MYTOOL_B": "2", "PIP_INDEX_URL": "3", "OTHER": "4"}
    found = environment(ours, extra=["PIP_INDEX_URL", "MYTOOL_*"])
    assert set(found) == {"MYTOOL_A", "MYTOOL_B", "PIP_INDEX_URL"}


def test_retries_may_be_set_but_not_our_own_marks() -> None:
    env = agent_environment(
        {"CLAUDE_CODE_MAX_RETRIES": "9"},
        kind="claude",
        run="r",
        task="t",
        task_env={"CONDUCTOR_RUN_ID": "other"},
    )
    assert env["CLAUDE_CODE_MAX_RETRIES"] == "9"
    assert (env["CONDUCTOR_RUN_ID"], env["CONDUCTOR_TASK_ID"]) == ("r", "t")


# ---- behind a real runner --------------------------------------------------------------------


async def test_the_scripted_agent_behind_a_real_runner(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    script = tmp_path / "fake.yaml"
    script.write_text(
        "attempts:\n"
        "- - write: {path: '{{task.id}}.txt', text: 'try {{attempt}}'}\n"
        "  - run: echo $CONDUCTOR_TASK_ID $SECRET_KEY\n"
        "- - say: 'told: {{feedback}}'\n"
    )
    settings = AgentSettings("fake", "scripted", script=str(script))
    async with LocalHost() as host:
        ours = {**OURS, "PATH": "/usr/bin:/bin"}
        agent = await asyncio.to_thread(create_agent, settings, host, ours)
        session = await agent.open(assignment(work, spool=str(tmp_path / "s1")))
        arrivals = []
        async for arrival in session.signals():
            arrivals.append(arrival)
            if isinstance(arrival.signal, TurnEnded):
                await session.close()
        assert (work / "slugify.txt").read_text() == "try 1"
        assert arrivals[-1].signal == AgentExited(0, "exited")
        again = await agent.attach(assignment(work, spool=str(tmp_path / "s1")), 0)
        assert again is not None
        assert await all_of(again) == arrivals
        told = assignment(work, spool=str(tmp_path / "s2"), attempt=2, feedback="red")
        second = await agent.open(told)
        async for arrival in second.signals():
            if isinstance(arrival.signal, AgentText):
                assert arrival.signal.text == "told: red"
                await second.close()
    assert [getattr(one, "output", "") for one in (a.signal for a in arrivals)].count("slugify")


async def test_a_script_without_steps_for_the_task(tmp_path: Path) -> None:
    script = tmp_path / "fake.yaml"
    script.write_text("tasks: {other: {steps: []}}")
    settings = AgentSettings("fake", "scripted", script=str(script))
    agent = await asyncio.to_thread(create_agent, settings, FakeHost(recorded()), OURS)
    with pytest.raises(AgentError, match="no steps for task slugify"):
        await agent.open(assignment())
