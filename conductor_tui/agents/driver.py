"""Agents as the settings name them: how each kind is started on its host, and attached to."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from conductor_tui.agents import claude_launch, environment, scripted
from conductor_tui.agents.agent_settings import AgentSettings
from conductor_tui.agents.claude import ClaudeProtocol
from conductor_tui.agents.protocol import AgentProtocol
from conductor_tui.agents.script import Script
from conductor_tui.agents.session import ProtocolSession
from conductor_tui.domain.errors import AgentError, HostError
from conductor_tui.domain.ports.agents import AgentSession, Assignment
from conductor_tui.domain.ports.hosts import Host, ProcessSpec
from conductor_tui.domain.values import PermissionMode

INSTRUCTIONS = "CLAUDE.md"
INSTRUCTIONS_LIMIT = 64 << 10
"""Bytes of the repository's own instructions that are passed on."""

READ_S = 10.0
"""Deadline for reading a small file on the host."""


class Kind(Protocol):
    """What differs between the kinds of agents."""

    @property
    def mend(self) -> str:
        """How to get the program where it is missing."""

    def argv(self, assignment: Assignment) -> tuple[str, ...]:
        """Return the command line."""

    def environment(self) -> Mapping[str, str]:
        """Return variables of the kind itself, above inherited ones."""

    async def protocol(self, assignment: Assignment, host: Host) -> AgentProtocol:
        """Return a fresh protocol for an assignment."""

    def replayed(self, assignment: Assignment) -> AgentProtocol:
        """Return a fresh protocol for a program that was started before."""


class HostedAgent:
    """Implements the port `Agent`: a kind, its settings, its host and what it inherits.

    Args:
        settings: the entry of conductor.yaml.
        kind: what is particular to the kind.
        host: where it runs.
        ours: the environment that its own is chosen from.
    """

    def __init__(
        self, settings: AgentSettings, kind: Kind, host: Host, ours: Mapping[str, str]
    ) -> None:
        self.name = settings.name
        self.kind = settings.kind
        self._settings = settings
        self._kind = kind
        self._host = host
        self._ours = ours

    @property
    def sessions(self) -> bool:
        """Whether a later program can go on with the conversation of an earlier one."""
        return True

    async def open(self, assignment: Assignment) -> AgentSession:
        """Start the agent's program on an assignment.

        Raises:
            AgentError: the program is missing or could not be started.
        """
        protocol = await self._kind.protocol(assignment, self._host)
        spec = ProcessSpec(
            argv=self._kind.argv(assignment),
            cwd=assignment.workspace,
            env=self._environment(assignment),
            spool=assignment.spool,
            detach=assignment.detach,
        )
        try:
            process = await self._host.start(spec)
        except HostError as error:
            message = f"agent {self.name}: {spec.argv[0]} could not be started: {error.message}"
            raise AgentError(message, error.mend or self._kind.mend) from error
        return ProtocolSession(process, protocol)

    async def attach(self, assignment: Assignment, position: int) -> AgentSession | None:
        """Attach to the program of an earlier conductor; signals go on after ``position``."""
        process = await self._host.attach(assignment.spool)
        if process is None:
            return None
        return ProtocolSession(
            process,
            self._kind.replayed(assignment),
            position=position,
            err_position=assignment.err_position,
            attached=True,
        )

    def _environment(self, assignment: Assignment) -> dict[str, str]:
        return environment.agent_environment(
            {**self._ours, **self._kind.environment()},
            kind=self.kind,
            run=assignment.run,
            task=assignment.task,
            extra=self._settings.environment,
            task_env={**assignment.env, **environment.git_ceiling(assignment.workspace)},
        )


@dataclass(frozen=True, slots=True)
class ClaudeKind:
    """Claude Code."""

    settings: AgentSettings
    mend: str = claude_launch.MEND

    def argv(self, assignment: Assignment) -> tuple[str, ...]:
        """Return the command line."""
        return claude_launch.argv(self.settings, assignment)

    def environment(self) -> Mapping[str, str]:
        """Return the login and, where all permissions are bypassed, the leave to do so as root."""
        token = self.settings.token
        login = environment.claude_login(token) if token else {}
        bypass = self.settings.permission_mode is PermissionMode.BYPASS
        return {**login, **({"IS_SANDBOX": "1"} if bypass else {})}

    async def protocol(self, assignment: Assignment, host: Host) -> AgentProtocol:
        """Return a fresh protocol for an assignment."""
        sources = {source.strip() for source in self.settings.setting_sources.split(",")}
        told = "" if "project" in sources else await _instructions(host, assignment.workspace)
        return ClaudeProtocol(
            assignment.prompt,
            folder=assignment.workspace,
            booked=assignment.booked,
            instructions=told,
        )

    def replayed(self, assignment: Assignment) -> AgentProtocol:
        """Return a fresh protocol for a program that was started before."""
        return ClaudeProtocol(folder=assignment.workspace, booked=assignment.booked)


@dataclass(frozen=True, slots=True)
class ScriptedKind:
    """The scripted agent."""

    settings: AgentSettings
    script: Script
    python: str
    source: str
    """The player's program."""
    mend: str = "name a Python >= 3.8 by `command:`"

    def argv(self, assignment: Assignment) -> tuple[str, ...]:
        """Return the command line; the player's text travels in it, nothing is installed."""
        del assignment
        interpreter = self.settings.command or (self.python,)
        return (*interpreter, "-I", "-u", "-c", self.source, *self.settings.args)

    def environment(self) -> Mapping[str, str]:
        """Return nothing: no model, no login."""
        return {}

    async def protocol(self, assignment: Assignment, host: Host) -> AgentProtocol:
        """Return a fresh protocol for an assignment.

        Raises:
            AgentError: the script has nothing for this task.
        """
        del host
        feedback = assignment.feedback or (assignment.prompt if assignment.attempt > 1 else "")
        steps = self.script.play(assignment.task, assignment.attempt, feedback)
        if steps is None:
            raise AgentError(
                f"agent {self.settings.name}: {self.settings.script} has no steps for task "
                f"{assignment.task}",
                f"add them under `tasks: {{{assignment.task}: …}}`, or `steps:` for all tasks",
            )
        return scripted.ScriptedProtocol(steps, assignment)

    def replayed(self, assignment: Assignment) -> AgentProtocol:
        """Return a fresh protocol for a program that was started before."""
        return scripted.ScriptedProtocol([], assignment)


def local_python(host: Host) -> str:
    """Return the Python for the player: our own here, whatever is called so elsewhere."""
    return sys.executable if host.name == "local" else "python3"


async def _instructions(host: Host, folder: str) -> str:
    """Return the repository's instructions for Claude, which our choice of settings leaves out.

    Claude Code takes them for part of the project's settings, whose hooks must not be read.
    """
    argv = ("head", "-c", str(INSTRUCTIONS_LIMIT), INSTRUCTIONS)
    try:
        read = await host.execute(argv, cwd=folder, timeout_s=READ_S)
    except HostError:
        return ""
    text = read.out.decode("utf-8", "replace").strip() if read.code == 0 else ""
    return f"The repository's own instructions ({INSTRUCTIONS}):\n\n{text}" if text else ""
