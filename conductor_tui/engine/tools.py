"""All the engine works with, put together by ``bootstrap`` and handed down whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from conductor_tui.domain.ports.agents import Agent
from conductor_tui.domain.ports.hosts import Host
from conductor_tui.domain.ports.work import Checker, Workspaces
from conductor_tui.domain.values import BreakpointPolicy
from conductor_tui.engine.asking import Judge
from conductor_tui.state.manager import StateManager
from conductor_tui.supervision.permissions import Policy
from conductor_tui.supervision.prompts import Prompts


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line and the settings say about this process's way of running."""

    max_agents: int = 4
    on_breakpoint: BreakpointPolicy = BreakpointPolicy.WAIT
    keep_going: bool = True
    detach: bool = False
    land: bool = False
    """Land by itself when every task of the run completed."""
    budget_usd: float | None = None
    """What the agents of this run may cost together."""

    @property
    def patient(self) -> bool:
        """Whether the run waits for a judge that is away; with ``skip`` such a task is parked."""
        return self.on_breakpoint is not BreakpointPolicy.SKIP


@dataclass(frozen=True, slots=True)
class Tools:
    """The engine's surroundings."""

    state: StateManager
    workspaces: Workspaces
    agents: Mapping[str, Agent]
    checker: Checker
    host: Host
    folder: Path
    """``.conductor``, where runs leave their files."""
    prompts: Prompts
    policy: Policy
    home: str
    """The home folder, for ``~/`` in permission rules."""
    resolve: Callable[[str], str]
    """Follows the symbolic links of an absolute path; may block."""
    now: Callable[[], datetime]
    random: Random
    options: Options = Options()
    judge: Mapping[str, Any] = field(default_factory=dict)
    """``provider`` and ``model`` as resolved at the start."""
    judging: Judge | None = None
    """Who judges; None: only checks decide."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings in short, for the record."""
    notices: tuple[str, ...] = ()
    """What a human should know before the work begins."""
