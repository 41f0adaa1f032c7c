"""Kinds of agents by name: the one door through which bootstrap builds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from conductor_tui.agents.agent_settings import CLAUDE, SCRIPTED, AgentSettings
from conductor_tui.agents.driver import ClaudeKind, HostedAgent, Kind, ScriptedKind, local_python
from conductor_tui.agents.script import load_script
from conductor_tui.agents.scripted import player_source
from conductor_tui.domain.errors import Fault, SettingsError
from conductor_tui.domain.ports.agents import Agent
from conductor_tui.domain.ports.hosts import Host

Factory = Callable[[AgentSettings, Host], Kind]


class UnknownKind(SettingsError):
    """An agent is of a kind that nobody knows."""

    def __init__(self, settings: AgentSettings, known: tuple[str, ...]) -> None:
        text = f"there is no kind {settings.kind!r} (there are: {', '.join(known)})"
        super().__init__(
            [Fault(settings.file, settings.line, f"agents.{settings.name}.kind", text)]
        )


def _claude(settings: AgentSettings, host: Host) -> Kind:
    del host
    return ClaudeKind(settings)


def _scripted(settings: AgentSettings, host: Host) -> Kind:
    if not settings.script:
        raise settings.fault("script", "a scripted agent needs a script file")
    script = load_script(Path(settings.script).expanduser())
    return ScriptedKind(settings, script, local_python(host), player_source())


KINDS: Mapping[str, Factory] = MappingProxyType({CLAUDE: _claude, SCRIPTED: _scripted})


def create_agent(settings: AgentSettings, host: Host, ours: Mapping[str, str]) -> Agent:
    """Build an agent. Blocks where it reads a script: not for the event loop itself.

    Args:
        settings: its entry of conductor.yaml; the path of a script is absolute or relative to the
            current folder.
        host: where it runs.
        ours: our environment, of which the agent gets what the contract allows.

    Raises:
        SettingsError: an unknown kind, a mode that needs a sandbox, a fault in the script.
    """
    factory = KINDS.get(settings.kind)
    if factory is None:
        raise UnknownKind(settings, tuple(sorted(KINDS)))
    settings.check_mode()
    return HostedAgent(settings, factory(settings, host), host, ours)
