"""Settings: four sources, one order of strength, every fault at once, secrets kept out."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain.errors import EXIT_USAGE, SettingsError
from conductor_tui.domain.values import BreakpointPolicy, PermissionMode
from conductor_tui.settings.loading import FILE_NAME, list_settings, load_settings
from conductor_tui.settings.models import AgentKind, JudgeProvider, Landing, Settings
from conductor_tui.settings.secrets import read_token, variable_of

CONTRACT = """\
version: 1
max_agents: 4
agents:
  claude: {kind: claude, command: claude, model: sonnet, permission_mode: default}
  builder: {kind: claude, host: build1}
  reviewer: {kind: acp, command: [gemini, --acp]}
  tidy: {kind: command, command: 'aider --message-file "{prompt_file}"'}
  fake: {kind: scripted, script: demo/fake.yaml}
  codex: {}
hosts:
  build1: {address: build1.example.org, port: 22, user: ci, workdir: ~/conductor, max_agents: 2,
    known_hosts: ~/.ssh/known_hosts, identity_file: ~/.ssh/id_ed25519}
judge: {provider: auto, model: "qwen3-coder:30b", url: "http://127.0.0.1:11434", timeout: 60s}
permissions:
  allow: ["Read", "Edit", "Bash(git status *)", "Bash(pytest *)"]
  ask: ["Bash(git push *)"]
  deny: ["Read(.env)", "Bash(rm -rf *)"]
environment: [PIP_INDEX_URL, "MYTOOL_*"]
quality: {pass: 80, retry_below: 60, breakpoint_below: 20}
breakpoints: [{when: x}]
notify: []
land: manual
"""


class Sources:
    """A project folder and a user's folder."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.user = folder / "user"
        self.project.mkdir()
        self.user.mkdir()

    def load(
        self,
        project: str | None = None,
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
        i_know: bool = False,
    ) -> Settings:
        for folder, text in ((self.project, project), (self.user, user)):
            if text is not None:
                (folder / FILE_NAME).write_text(text, encoding="utf-8")
        return load_settings(
            self.project, env=env or {}, flags=flags, user=self.user, i_know=i_know
        )

    def faults(
        self, project: str | None = None, *, user: str | None = None, **env: str
    ) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            self.load(project, user=user, env=env)
        assert caught.value.exit_code == EXIT_USAGE
        return [str(fault) for fault in caught.value.faults]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)


def test_the_contracts_example(sources: Sources) -> None:
    found = sources.load(CONTRACT)
    assert list(found.agents) == ["claude", "builder", "reviewer", "tidy", "fake", "codex"]
    assert found.agents["claude"].permission_mode is PermissionMode.MANUAL
    assert found.agents["builder"].command == ["claude"]
    assert found.agents["reviewer"].command == ["gemini", "--acp"]
    assert found.agents["tidy"].command == ["aider", "--message-file", "{prompt_file}"]
    assert found.agents["fake"].script == str(sources.project / "demo" / "fake.yaml")
    assert (found.agents["codex"].kind, found.agents["codex"].command) == (
        AgentKind.CODEX,
        ["codex"],
    )
    assert found.hosts["build1"].max_agents == 2
    assert (found.judge.provider, found.judge.timeout) == (JudgeProvider.AUTO, 60)
    assert found.permissions.deny == ["Read(.env)", "Bash(rm -rf *)"]
    assert found.quality.passing == 80
    assert found.breakpoints == [{"when": "x"}]
    assert (found.default_agent, found.land, found.files) == ("claude", Landing.MANUAL, [FILE_NAME])


def test_without_any_file(sources: Sources) -> None:
    found = sources.load()
    assert list(found.agents) == ["claude"]
    assert found.agents["claude"].command == ["claude"]
    assert (found.default_agent, found.max_agents, found.files) == ("claude", 4, [])
    assert {setting.origin for setting in list_settings(found)} == {"default"}


def test_flag_environment_project_user_default(sources: Sources) -> None:
    names = ["default", "user", "project", "environment", "flag"]
    for strongest, name in enumerate(names):
        found = sources.load(
            "judge: {model: project}" if strongest >= 2 else None,
            user="judge: {model: user, url: 'http://user'}" if strongest >= 1 else None,
            env={"CONDUCTOR_JUDGE_MODEL": "environment"} if strongest >= 3 else {},
            flags={"judge.model": "flag", "agent": None} if strongest >= 4 else None,
        )
        expected = "qwen3-coder:30b" if name == "default" else name
        assert found.judge.model == expected
        # What a stronger source does not name stays.
        assert (found.judge.url == "http://user") is (strongest >= 1)


def test_where_each_value_comes_from(sources: Sources) -> None:
    found = sources.load(
        "max_agents: 2\njudge:\n  timeout: 5m\n",
        user="land: auto\n",
        env={"CONDUCTOR_JUDGE": "none", "CONDUCTOR_RUN_ID": "of a surrounding run"},
        flags={"budget_usd": 3},
    )
    told = {setting.key: (setting.value, setting.origin) for setting in list_settings(found)}
    assert told["max_agents"] == (2, "conductor.yaml:1")
    assert told["judge.timeout"] == (300.0, "conductor.yaml:3")
    assert told["land"] == ("auto", f"{sources.user / FILE_NAME}:1")
    assert told["judge.provider"] == ("none", "environment CONDUCTOR_JUDGE")
    assert told["budget_usd"] == (3.0, "flag")
    assert told["version"] == (1, "default")


def test_variables_of_each_kind(sources: Sources) -> None:
    found = sources.load(
        env={
            "CONDUCTOR_MAX_AGENTS": "3",
            "CONDUCTOR_BUDGET_USD": "2.5",
            "CONDUCTOR_TIMEOUT": "1h",
            "CONDUCTOR_KEEP_GOING": "no",
            "CONDUCTOR_ON_BREAKPOINT": "skip",
            "CONDUCTOR_LAND": "",
        }
    )
    assert (found.max_agents, found.budget_usd, found.timeout) == (3, 2.5, 3600)
    assert (found.keep_going, found.on_breakpoint) == (False, BreakpointPolicy.SKIP)
    assert found.land is Landing.MANUAL


def test_an_agent_is_taken_whole_and_rules_are_joined(sources: Sources) -> None:
    found = sources.load(
        "agents: {claude: {model: haiku}}\npermissions: {allow: [Edit], deny: [Bash(a)]}",
        user="agents: {claude: {permission_mode: plan}, fake: {kind: acp, command: x}}\n"
        "permissions: {allow: [Read, Edit], deny: [Bash(b)]}",
    )
    assert found.agents["claude"].permission_mode is PermissionMode.MANUAL
    assert found.agents["claude"].model == "haiku"
    assert "fake" in found.agents
    assert found.permissions.allow == ["Read", "Edit"]
    assert found.permissions.deny == ["Bash(b)", "Bash(a)"]


def test_the_default_agent(sources: Sources) -> None:
    two = "agents: {a: {kind: acp, command: x}, b: {kind: acp, command: x}}"
    assert sources.load(two).default_agent == "a"
    assert sources.load(two, flags={"agent": "b"}).default_agent == "b"
    assert sources.faults(two, CONDUCTOR_AGENT="c") == [
        "environment: agent: no agent is called c; known: a, b"
    ]


def test_every_fault_of_every_source_at_once(sources: Sources) -> None:
    text = """\
max_agents: 9
agents:
  a: {kind: clod}
  claude: {modl: x}
permissions:
  deny: ["Bash("]
  alow: []
land: yes
judge: {timeout: -1, url: "ftp://x"}
breakpoints: [x]
environment: ["*"]
max_agents: 1
"""
    assert sources.faults(text, user="nope: 1", CONDUCTOR_MAX_AGENTS="many") == [
        "conductor.yaml:12: max_agents: the key stands twice (first on line 1)",
        f"{sources.user / FILE_NAME}:1: nope: unknown key; known: version, max_agents, agent, "
        "agents, hosts, judge, permissions, environment, quality, breakpoints, notify, land, "
        "on_breakpoint, budget_usd, timeout, keep_going",
        "conductor.yaml:1: max_agents: should be less than or equal to 4 (found 9)",
        "conductor.yaml:3: agents.a.kind: should be one of claude, acp, command, scripted, codex, "
        "qwen (found clod)",
        "conductor.yaml:4: agents.claude.modl: unknown key; did you mean model?",
        "conductor.yaml:6: permissions.deny[0]: the bracket is not closed at the end of the rule "
        "(found Bash()",
        "conductor.yaml:7: permissions.alow: unknown key; did you mean allow?",
        "conductor.yaml:8: land: should be one of manual, auto (found true)",
        "conductor.yaml:9: judge.url: should be an address that begins with http:// or https:// "
        "(found ftp://x)",
        "conductor.yaml:9: judge.timeout: should be a duration above zero and at most a year "
        "(found -1)",
        "conductor.yaml:10: breakpoints[0]: should be a mapping (found x)",
        "conductor.yaml:11: environment[0]: should be a variable's name, which may end with '*' "
        "(found *)",
        "environment: CONDUCTOR_MAX_AGENTS: should be a whole number (found many)",
    ]


def test_what_does_not_fit_together(sources: Sources) -> None:
    text = """\
agents:
  claude: {permission_mode: bypassPermissions, host: b, command: "claude --x"}
  b: {kind: acp}
  c: {}
  d: {kind: scripted, command: x}
  e: {kind: command, command: x, script: y}
quality: {pass: 10}
"""
    assert sources.faults(text) == [
        "conductor.yaml:4: agents.c: needs `kind:`, one of claude, acp, command, scripted, codex, "
        "qwen",
        "conductor.yaml:2: agents.claude.host: no host is called b",
        "conductor.yaml:2: agents.claude.permission_mode: bypassPermissions needs a sandbox, a "
        "host marked `isolated: true`, or --i-know",
        "conductor.yaml:3: agents.b: an agent of kind acp needs `command:`",
        "conductor.yaml:5: agents.d: a scripted agent needs `script:`, the file with its steps",
        "conductor.yaml:5: agents.d.command: a scripted agent has no command",
        "conductor.yaml:6: agents.e.script: only a scripted agent has a script; this one is "
        "command",
        "conductor.yaml:7: quality: should be ordered: breakpoint_below <= retry_below <= pass",
    ]


def test_when_permissions_may_be_bypassed(sources: Sources) -> None:
    bypass = "agents: {claude: {permission_mode: bypassPermissions%s}}\n"
    isolated = "hosts: {h: {address: a, isolated: true}}"
    assert sources.load(bypass % "", i_know=True).agents
    assert sources.load(bypass % "", env={"IS_SANDBOX": "1"}).agents
    assert sources.load(bypass % ", host: h" + isolated).agents
    assert len(sources.faults(bypass % ", host: h" + isolated.replace("true", "false"))) == 1


@pytest.mark.parametrize("key", ["token", "api_key", "apiKey", "password", "auth_token", "Secret"])
@pytest.mark.parametrize("place", ["agents: {claude: {%s: x}}", "judge: {%s: x}", "%s: x"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(
    key: str, place: str, sources: Sources
) -> None:
    (told,) = sources.faults(place.replace("x}", "hunter2}") % key)
    assert "name it by token_env or token_file" in told
    assert "hunter2" not in told


def test_two_sources_of_a_token(sources: Sources) -> None:
    both = "agents: {my-agent: {kind: acp, command: x, token_env: A, token_file: b}}"
    assert "token_env A and token_file" in sources.faults(both)[0]
    one = "agents: {my-agent: {kind: acp, command: x, token_env: A}}"
    assert variable_of("my-agent") == "CONDUCTOR_AGENT_MY_AGENT_TOKEN"
    told = sources.faults(one, CONDUCTOR_AGENT_MY_AGENT_TOKEN="x")
    assert told == [
        "conductor.yaml:1: agents.my-agent: the token has two sources: token_env A and the "
        "variable CONDUCTOR_AGENT_MY_AGENT_TOKEN; keep one"
    ]


def test_tokens_are_read_when_they_are_needed(sources: Sources) -> None:
    (sources.project / "key").write_text("  from-file\n")
    found = sources.load(
        "agents:\n  a: {kind: acp, command: x, token_file: key}\n"
        "  b: {kind: acp, command: x, token_env: B}\n  c: {kind: acp, command: x}\n"
    )
    env = {"B": "from-env", "CONDUCTOR_AGENT_C_TOKEN": "named"}
    agents = found.agents
    assert [read_token(name, agents[name], env) for name in "abc"] == [
        "from-file",
        "from-env",
        "named",
    ]
    assert read_token("c", agents["c"], {}) is None
    assert read_token(None, found.judge, env) is None
    with pytest.raises(SettingsError, match="B is not set"):
        read_token("b", agents["b"], {})
    (sources.project / "key").write_text("\n")
    with pytest.raises(SettingsError, match="the file is empty"):
        read_token("a", agents["a"], {})
    (sources.project / "key").unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        read_token("a", agents["a"], {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "conductor.yaml:1: should be a mapping of settings"),
        ("a: [", "conductor.yaml:1: not YAML"),
        ("a: 1\nb: \x01", "conductor.yaml:2: not YAML"),
    ],
)
def test_files_that_are_no_settings(text: str, told: str, sources: Sources) -> None:
    assert sources.faults(text)[0].startswith(told)


def test_a_folder_instead_of_the_file(sources: Sources) -> None:
    (sources.project / FILE_NAME).mkdir()
    assert sources.faults() == ["conductor.yaml: cannot be read: Is a directory"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "agents:\n", "agents: {}\n"])
def test_a_file_that_sets_nothing(text: str, sources: Sources) -> None:
    if text == "agents:\n":
        assert sources.faults(text) == [
            "conductor.yaml:1: agents: should be a mapping (found nothing)"
        ]
    else:
        assert list(sources.load(text).agents) == ["claude"]


WORDS = st.sampled_from(
    ["agents", "claude", "kind", "judge", "permissions", "allow", "hosts", "token", "notify", "x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
)


@given(value=st.dictionaries(WORDS, VALUES))
def test_no_file_raises_anything_else(
    value: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / FILE_NAME).write_text(yaml.safe_dump(value), encoding="utf-8")
    agents = ["claude"]
    with contextlib.suppress(SettingsError):
        agents = list(load_settings(folder, env={}, user=folder / "none").agents)
    assert agents
