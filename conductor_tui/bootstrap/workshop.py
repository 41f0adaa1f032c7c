"""The engine with all it works with: opened in order, closed in order, whatever happens between."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from conductor_tui.agents.environment import agent_environment
from conductor_tui.bootstrap.judges import appoint
from conductor_tui.bootstrap.logfile import logging_to
from conductor_tui.bootstrap.translation import (
    make_agents,
    options_of,
    permission_policy,
    short,
)
from conductor_tui.checks.shell import ShellChecker
from conductor_tui.control.offline import OfflineCommands
from conductor_tui.control.server import ControlServer
from conductor_tui.domain.errors import Fault, SettingsError
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Completion
from conductor_tui.engine.commands import Commands
from conductor_tui.engine.conductor import Conductor
from conductor_tui.engine.tools import Tools
from conductor_tui.hosts.local import LocalHost
from conductor_tui.hosts.runtime import socket_path
from conductor_tui.settings.loading import load_settings
from conductor_tui.settings.models import AgentSettings, Settings
from conductor_tui.settings.plan import load_plan, read_plan
from conductor_tui.state.lock import RepositoryLock
from conductor_tui.state.manager import StateManager
from conductor_tui.state.runfiles import RunFiles
from conductor_tui.supervision.prompts import Prompts
from conductor_tui.workspace.git import Git
from conductor_tui.workspace.repository import exclude, find_repository
from conductor_tui.workspace.workspaces import GitWorkspaces

STATE_FOLDER = ".conductor"
STATE_FILE = "state.db"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the command line asks of a run; None where it says nothing."""

    directory: Path
    plan: str | None = None
    batch: bool = False
    max_agents: int | None = None
    agent: str | None = None
    judge: str | None = None
    on_breakpoint: str | None = None
    budget_usd: float | None = None
    timeout: str | None = None
    as_json: bool = False
    keep_going: bool | None = None
    land: bool | None = None
    resume: bool = False
    detach: bool = False
    i_know: bool = False

    def flags(self) -> dict[str, object]:
        """Return what was given, by the settings' keys."""
        return {
            "max_agents": self.max_agents,
            "agent": self.agent,
            "judge.provider": self.judge,
            "on_breakpoint": self.on_breakpoint,
            "budget_usd": self.budget_usd,
            "timeout": self.timeout,
            "keep_going": self.keep_going,
            "land": None if self.land is None else ("auto" if self.land else "manual"),
        }


@dataclass(frozen=True, slots=True)
class Workshop:
    """Everything a face needs."""

    repository: Path
    settings: Settings
    state: StateManager
    conductor: Conductor
    commands: Commands

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer other processes as long as the block is open."""
        socket = Path(await asyncio.to_thread(socket_path))
        server = ControlServer(self.state, self.commands)
        async with server.serving(self.repository / STATE_FOLDER, socket):
            yield


@asynccontextmanager
async def open_workshop(request: RunRequest) -> AsyncIterator[Workshop]:
    """Open the engine on the repository of a folder; close it when the block is left.

    Raises:
        RepositoryError: no run can start on it.
        SettingsError: the settings have faults.
        LockHeld: another conductor works on it.
    """
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(LocalHost())
        spaces, repository = await look_at(host, request.directory)
        settings = await asyncio.to_thread(load_settings_for, repository, request)
        await spaces.preflight()
        await asyncio.to_thread(exclude, spaces.site.repository)
        folder = repository / STATE_FOLDER
        await stack.enter_async_context(RepositoryLock(folder))
        await stack.enter_async_context(logging_to(folder))
        state = await stack.enter_async_context(StateManager.open(folder / STATE_FILE))
        conductor = Conductor(await _tools(request, settings, host, spaces, state, folder))
        yield Workshop(repository, settings, state, conductor, Commands(conductor))


async def _tools(
    request: RunRequest,
    settings: Settings,
    host: LocalHost,
    spaces: GitWorkspaces,
    state: StateManager,
    folder: Path,
) -> Tools:
    env = dict(os.environ)
    judge = await appoint(settings, env, state.snapshot)
    agents = await asyncio.to_thread(make_agents, settings, host, env, i_know=request.i_know)
    return Tools(
        state=state,
        workspaces=spaces,
        agents=agents,
        checker=ShellChecker(
            host,
            _check_environment(settings, env),
            lambda run, task: str(RunFiles(folder, run).folder / task),
        ),
        host=host,
        folder=folder,
        prompts=await asyncio.to_thread(Prompts),
        policy=permission_policy(settings),
        home=env.get("HOME", ""),
        resolve=os.path.realpath,
        now=_now,
        random=random.Random(),
        options=options_of(settings, detach=request.detach, batch=request.batch),
        judge=judge.record,
        judging=judge.judging,
        settings=short(settings),
        notices=(*judge.notices, *await asyncio.to_thread(_limits_of, folder.parent)),
    )


def _limits_of(repository: Path) -> tuple[str, ...]:
    """Say what of a repository does not reach the agents."""
    if not (repository / ".gitmodules").exists():
        return ()
    return ("submodules are empty in the workspaces, and changes inside one are not taken",)


@asynccontextmanager
async def open_state_alone(directory: Path) -> AsyncIterator[OfflineCommands]:
    """Open the state for commands while no conductor runs.

    Raises:
        LockHeld: one runs after all.
    """
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(LocalHost())
        spaces, repository = await look_at(host, directory)
        await asyncio.to_thread(exclude, spaces.site.repository)
        folder = repository / STATE_FOLDER
        await stack.enter_async_context(RepositoryLock(folder))
        state = await stack.enter_async_context(StateManager.open(folder / STATE_FILE))
        yield OfflineCommands(state, spaces, host, _now, random.Random())


async def find_root(directory: Path) -> Path:
    """Return the top folder of the repository a folder belongs to.

    Raises:
        RepositoryError: it belongs to none.
    """
    async with LocalHost() as host:
        return Path((await find_repository(_git(host), str(directory))).top)


def load_settings_for(root: Path, request: RunRequest) -> Settings:
    """Return all that holds for a repository and this command line.

    Raises:
        SettingsError: every fault of every source.
    """
    return load_settings(root, env=dict(os.environ), flags=request.flags(), i_know=request.i_know)


async def read_tasks(request: RunRequest, workshop: Workshop) -> list[Task]:
    """Read the plan the command line names.

    Raises:
        PlanError: every fault of it.
        SettingsError: a task's agent cannot be used.
    """
    source = request.plan or "-"
    name, text = await asyncio.to_thread(read_plan, source, sys.stdin.buffer)
    tasks = load_plan(
        name,
        text,
        agents=list(workshop.settings.agents),
        default_agent=workshop.settings.default_agent,
        known=tuple(workshop.state.snapshot.tasks) if request.resume else (),
    )
    await asyncio.to_thread(require_usable, tasks, workshop)
    return tasks


def require_usable(tasks: list[Task], workshop: Workshop) -> None:
    """Refuse tasks whose agent this version cannot run.

    Raises:
        SettingsError: naming each agent once.
    """
    known = workshop.settings.agents
    wanted = {task.agent for task in tasks} - set(workshop.conductor.tools.agents)
    faults = [
        Fault("conductor.yaml", None, f"agents.{name}", _unusable(known[name]))
        for name in sorted(wanted)
    ]
    for name in sorted({task.agent for task in tasks} - wanted):
        command = known[name].command
        if command and shutil.which(command[0]) is None:
            text = f"there is no program {command[0]} here; `conductor doctor` says how to get it"
            faults.append(Fault("conductor.yaml", None, f"agents.{name}.command", text))
    for task in tasks:
        if task.completion is Completion.DONE_FILE:
            text = "completion: done_file is not supported by this version"
            faults.append(Fault("the plan", None, f"task {task.id}", text))
    if faults:
        raise SettingsError(faults)


def _unusable(agent: AgentSettings) -> str:
    if agent.host is not None:
        return "agents on another host are not supported by this version"
    return f"agents of kind {agent.kind} are not supported by this version"


async def look_at(host: LocalHost, directory: Path) -> tuple[GitWorkspaces, Path]:
    """Return the workspaces and the top folder of the repository a folder belongs to.

    Raises:
        RepositoryError: it belongs to none.
    """
    git = _git(host)
    found = await find_repository(git, str(directory))
    return GitWorkspaces(git, found), Path(found.top)


def _git(host: LocalHost) -> Git:
    return Git(host, dict(os.environ))


def _check_environment(settings: Settings, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of checks: what every agent gets, without the agents' own."""
    return agent_environment(env, kind="check", run="", task="", extra=settings.environment)


def _now() -> datetime:
    return datetime.now(UTC)
