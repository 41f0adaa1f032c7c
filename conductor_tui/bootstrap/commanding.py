"""Commands from the command line: to the conductor that runs here, or to the state alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conductor_tui.bootstrap.loop import run
from conductor_tui.bootstrap.workshop import (
    STATE_FILE,
    STATE_FOLDER,
    RunRequest,
    find_root,
    load_settings_for,
    open_state_alone,
)
from conductor_tui.control.client import NoConductor, ask
from conductor_tui.domain.commands import AddTasks, Command, ShowDiff
from conductor_tui.domain.views import Snapshot
from conductor_tui.engine.conductor import is_open
from conductor_tui.settings.plan import make_task
from conductor_tui.state.manager import StateManager


def carry_out(directory: Path, command: Command) -> Mapping[str, Any]:
    """Have a command carried out by whoever can.

    Raises:
        ConductorError: it could not be.
    """
    return run(_carry_out(directory, command))


async def _carry_out(directory: Path, command: Command) -> Mapping[str, Any]:
    folder = await find_root(directory) / STATE_FOLDER
    try:
        return await ask(folder, command)
    except NoConductor:
        async with open_state_alone(directory) as sink:
            return await sink.send(command)


def read_diff(directory: Path, task: str) -> str:
    """Return a task's change against its base, as a unified diff."""
    return str(carry_out(directory, ShowDiff(task))["diff"])


def add_task(directory: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Queue a task given by the keys of a plan's task.

    Raises:
        PlanError: a key's value is wrong.
    """
    return run(_add_task(directory, values))


async def _add_task(directory: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    root = await find_root(directory)
    settings = await asyncio.to_thread(load_settings_for, root, RunRequest(directory))
    known = await _known_tasks(root / STATE_FOLDER / STATE_FILE)
    task = make_task(
        values,
        taken=known,
        known=known,
        agents=list(settings.agents),
        default_agent=settings.default_agent,
    )
    return await _carry_out(directory, AddTasks((task,)))


async def _known_tasks(path: Path) -> tuple[str, ...]:
    """Return the ids of the open run's tasks; a closed run's are free again."""
    if not await asyncio.to_thread(path.is_file):
        return ()
    async with StateManager.read(path) as state:
        snapshot: Snapshot = state.snapshot
    return tuple(snapshot.tasks) if is_open(snapshot) else ()
