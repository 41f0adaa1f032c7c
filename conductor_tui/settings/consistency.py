"""What can only be judged when all sources of settings are together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from conductor_tui.domain.errors import Fault
from conductor_tui.domain.values import PermissionMode
from conductor_tui.settings.faults import suggestion
from conductor_tui.settings.models import AgentKind, AgentSettings, Settings
from conductor_tui.settings.secrets import sources_of

Said = tuple[str, str]
"""A dotted key, and what is wrong with its value."""


def consistency_faults(
    settings: Settings,
    env: Mapping[str, str],
    i_know: bool,
    blame: Callable[[str, str], Fault],
) -> list[Fault]:
    """Return the faults of settings that are right one by one.

    Args:
        settings: all of them.
        env: the environment: a token in it is a second source; ``IS_SANDBOX`` marks a sandbox.
        i_know: permissions may be bypassed anywhere.
        blame: makes the fault of a key.
    """
    found: list[Said] = []
    for name, agent in settings.agents.items():
        key = f"agents.{name}"
        found += _agent(key, agent)
        found += _host(key, agent, settings)
        found += _bypass(key, agent, settings, i_know or bool(env.get("IS_SANDBOX")))
        found += _sources(key, sources_of(name, agent, env))
    found += _sources("judge", sources_of(None, settings.judge, env))
    if settings.agent is not None and settings.agent not in settings.agents:
        text = f"no agent is called {settings.agent}{suggestion(settings.agent, settings.agents)}"
        found.append(("agent", text))
    found += _quality(settings)
    return [blame(key, text) for key, text in found]


def _agent(key: str, agent: AgentSettings) -> Iterator[Said]:
    if agent.kind is AgentKind.SCRIPTED:
        if agent.script is None:
            yield key, "a scripted agent needs `script:`, the file with its steps"
        if agent.command:
            yield f"{key}.command", "a scripted agent has no command"
        return
    if agent.script is not None:
        yield f"{key}.script", f"only a scripted agent has a script; this one is {agent.kind}"
    if not agent.command:
        yield key, f"an agent of kind {agent.kind} needs `command:`"


def _host(key: str, agent: AgentSettings, settings: Settings) -> Iterator[Said]:
    if agent.host is not None and agent.host not in settings.hosts:
        text = f"no host is called {agent.host}{suggestion(agent.host, settings.hosts)}"
        yield f"{key}.host", text


def _bypass(key: str, agent: AgentSettings, settings: Settings, may: bool) -> Iterator[Said]:
    host = settings.hosts.get(agent.host or "")
    isolated = host is not None and host.isolated
    if agent.permission_mode is PermissionMode.BYPASS and not (may or isolated):
        yield (
            f"{key}.permission_mode",
            "bypassPermissions needs a sandbox, a host marked `isolated: true`, or --i-know",
        )


def _sources(key: str, sources: list[str]) -> Iterator[Said]:
    if len(sources) > 1:
        yield key, f"the token has two sources: {' and '.join(sources)}; keep one"


def _quality(settings: Settings) -> Iterator[Said]:
    quality = settings.quality
    if not quality.breakpoint_below <= quality.retry_below <= quality.passing:
        yield "quality", "should be ordered: breakpoint_below <= retry_below <= pass"
