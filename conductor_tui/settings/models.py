"""What may stand in conductor.yaml, and what holds where nothing is said (contract, section 4)."""

from __future__ import annotations

import re
import shlex
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

from conductor_tui.domain.values import BreakpointPolicy, PermissionMode
from conductor_tui.settings.fields import Dollars, Filled, Seconds, Text, VariableName, Version
from conductor_tui.settings.rules import parse_rule

AGENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
"""Names of agents and hosts: they stand in paths, variables and on the command line."""


class AgentKind(StrEnum):
    """Which protocol an agent's program speaks."""

    CLAUDE = "claude"
    ACP = "acp"
    COMMAND = "command"
    SCRIPTED = "scripted"
    CODEX = "codex"
    QWEN = "qwen"


class JudgeProvider(StrEnum):
    """Who judges results."""

    AUTO = "auto"
    OLLAMA = "ollama"
    OPENAI = "openai"
    NONE = "none"


class Landing(StrEnum):
    """Whether accepted work lands on the user's branch by itself."""

    MANUAL = "manual"
    AUTO = "auto"


def _command(value: object) -> object:
    """Take a command line as its words."""
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ValueError(f"is no command line: {error}") from None
    if not words:
        raise ValueError("is empty")
    return words


def _mode(value: object) -> object:
    return PermissionMode.MANUAL if value == "default" else value


def _rule(text: str) -> str:
    parse_rule(text)
    return text


def _name(text: str) -> str:
    if not AGENT_NAME.fullmatch(text):
        raise ValueError("should be a name of letters, digits, '_' and '-'")
    return text


def _pattern(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\*?", text):
        raise ValueError("should be a variable's name, which may end with '*'")
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://\S+", text):
        raise ValueError("should be an address that begins with http:// or https://")
    return text


def _yes_no(value: object) -> object:
    """Say it plainly: YAML reads ``land: yes`` as a truth value, which is neither word."""
    if isinstance(value, bool):
        raise ValueError("should be one of manual, auto")
    return value


Command = Annotated[list[Text], BeforeValidator(_command), Field(min_length=1)]
Name = Annotated[Text, AfterValidator(_name)]
RuleText = Annotated[Text, AfterValidator(_rule)]
Percent = Annotated[int, Strict(), Field(ge=0, le=100)]
Mapped = dict[Text, Any]


class Model(BaseModel):
    """A section: unknown keys are faults, and nothing changes it once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSettings(Model):
    """One agent under ``agents:``."""

    kind: AgentKind = AgentKind.CLAUDE
    command: Command = Field(default_factory=list)
    """The program and its arguments; of claude, codex and qwen the name of the kind."""
    args: list[Text] = Field(default_factory=list)
    """Further arguments, after our own."""
    model: Filled | None = None
    permission_mode: Annotated[PermissionMode, BeforeValidator(_mode)] = PermissionMode.MANUAL
    host: Name | None = None
    script: Filled | None = None
    """Of a scripted agent: its file, absolute once it is read."""
    token_env: VariableName | None = None
    token_file: Filled | None = None


class HostSettings(Model):
    """One host under ``hosts:``; paths with ``~`` are those of the host or, of keys, ours."""

    address: Filled
    port: Annotated[int, Strict(), Field(ge=1, le=65535)] = 22
    user: Filled | None = None
    workdir: Filled = "~/conductor"
    max_agents: Annotated[int, Strict(), Field(ge=1, le=4)] = 4
    known_hosts: Filled = "~/.ssh/known_hosts"
    identity_file: Filled | None = None
    isolated: Annotated[bool, Strict()] = False
    """Nothing on it is worth protecting: agents may bypass permissions there."""


class JudgeSettings(Model):
    """Who judges results, and where its model is served."""

    provider: JudgeProvider = JudgeProvider.AUTO
    model: Filled = "qwen3-coder:30b"
    url: Annotated[Filled, AfterValidator(_address)] = "http://127.0.0.1:11434"
    timeout: Seconds = 60.0
    token_env: VariableName | None = None
    token_file: Filled | None = None


class PermissionSettings(Model):
    """Rules in Claude Code's syntax; lists of several files are joined, so none loosens another."""

    allow: list[RuleText] = Field(default_factory=list)
    ask: list[RuleText] = Field(default_factory=list)
    deny: list[RuleText] = Field(default_factory=list)


class QualitySettings(Model):
    """Scores, 0 to 100, at which a result passes, is tried again, or is put before a human."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    passing: Percent = Field(70, alias="pass")
    retry_below: Percent = 50
    breakpoint_below: Percent = 30


class FileSettings(Model):
    """All keys of a settings file."""

    version: Version = 1
    max_agents: Annotated[int, Strict(), Field(ge=1, le=4)] = 4
    agent: Name | None = None
    """Who does a task that names nobody; None: ``claude``, or the first under ``agents:``."""
    agents: dict[Name, AgentSettings] = Field(default_factory=dict)
    hosts: dict[Name, HostSettings] = Field(default_factory=dict)
    judge: JudgeSettings = Field(default_factory=JudgeSettings)
    permissions: PermissionSettings = Field(default_factory=PermissionSettings)
    environment: list[Annotated[Text, AfterValidator(_pattern)]] = Field(default_factory=list)
    quality: QualitySettings = QualitySettings.model_validate({})
    breakpoints: list[Mapped] = Field(default_factory=list)
    notify: list[Mapped] = Field(default_factory=list)
    land: Annotated[Landing, BeforeValidator(_yes_no)] = Landing.MANUAL
    on_breakpoint: BreakpointPolicy | None = None
    """None: ``fail`` headless, ``wait`` in the app."""
    budget_usd: Dollars | None = None
    """Of a whole run."""
    timeout: Seconds | None = None
    """Of a whole run, seconds."""
    keep_going: Annotated[bool, Strict()] = True


class Settings(FileSettings):
    """What holds for this process, all sources together; made by ``load_settings``."""

    origins: dict[str, str] = Field(default_factory=dict)
    """Where each value that is no default comes from, by its dotted key."""
    files: list[str] = Field(default_factory=list)
    """The settings files that were read, the strongest first."""

    @property
    def default_agent(self) -> str:
        """The agent of a task that names nobody."""
        if self.agent is not None:
            return self.agent
        return "claude" if "claude" in self.agents else next(iter(self.agents))
