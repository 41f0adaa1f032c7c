"""Settings into the words of the rooms that use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor_tui.agents.agent_settings import AgentSettings
from conductor_tui.agents.registry import KINDS, create_agent
from conductor_tui.domain.ports.agents import Agent
from conductor_tui.domain.ports.hosts import Host
from conductor_tui.domain.values import BreakpointPolicy
from conductor_tui.engine.tools import Options
from conductor_tui.settings.models import Landing, Settings
from conductor_tui.settings.secrets import read_token
from conductor_tui.supervision.permissions import Policy


def make_agents(
    settings: Settings, host: Host, env: Mapping[str, str], *, i_know: bool
) -> dict[str, Agent]:
    """Return the agents that can run here, by name.

    Raises:
        SettingsError: a token or a script cannot be read, or a mode is refused.
    """
    return {
        name: create_agent(
            AgentSettings(
                name=name,
                kind=given.kind.value,
                command=tuple(given.command),
                model=given.model,
                permission_mode=given.permission_mode,
                script=given.script,
                args=tuple(given.args),
                environment=tuple(settings.environment),
                token=read_token(name, given, env),
                i_know=i_know,
            ),
            host,
            env,
        )
        for name, given in settings.agents.items()
        if given.kind.value in KINDS and given.host is None
    }


def permission_policy(settings: Settings) -> Policy:
    """Return the rules of ``permissions:``."""
    rules = settings.permissions
    return Policy.of(rules.allow, rules.ask, rules.deny)


def options_of(settings: Settings, *, detach: bool, batch: bool) -> Options:
    """Return how this process is to run."""
    default = BreakpointPolicy.FAIL if batch else BreakpointPolicy.WAIT
    return Options(
        max_agents=settings.max_agents,
        on_breakpoint=settings.on_breakpoint or default,
        keep_going=settings.keep_going,
        detach=detach,
        land=settings.land is Landing.AUTO,
        budget_usd=settings.budget_usd,
    )


def short(settings: Settings) -> dict[str, Any]:
    """Return the settings as the first event of a run tells them."""
    return {
        "max_agents": settings.max_agents,
        "agents": {name: agent.kind.value for name, agent in settings.agents.items()},
        "land": settings.land.value,
        "budget_usd": settings.budget_usd,
    }
