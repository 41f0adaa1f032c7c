"""Reading commands: they open the state beside whoever writes it, and change nothing."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from conductor_tui.batch.printers import JsonPrinter
from conductor_tui.batch.transcript import Transcript
from conductor_tui.bootstrap.loop import run
from conductor_tui.bootstrap.workshop import STATE_FILE, STATE_FOLDER, find_root
from conductor_tui.control.client import NoConductor, follow
from conductor_tui.control.pictures import status_picture, task_picture
from conductor_tui.domain.errors import NotFound
from conductor_tui.domain.views import Snapshot
from conductor_tui.engine.commands import find_task
from conductor_tui.engine.summary import breakpoint_row
from conductor_tui.state.manager import ReadOnlyState, StateManager


def read_status(directory: Path) -> dict[str, Any]:
    """Return the newest run as ``{run, state, tasks, breakpoints, agents}``."""
    return status_picture(run(_newest(directory)), _alive)


async def _newest(directory: Path) -> Snapshot:
    try:
        async with _reading(directory) as state:
            return state.snapshot
    except NotFound:
        return Snapshot()


def _alive(run_id: str, pid: int) -> bool:
    """Say whether a process is alive and one of this run's: ids of processes are used again."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"CONDUCTOR_RUN_ID={run_id}".encode() in environment.split(b"\0")


def read_task(directory: Path, name: str) -> dict[str, Any]:
    """Return a task whole.

    Raises:
        NotFound: there is no such run or task.
    """
    return run(_task(directory, name))


async def _task(directory: Path, name: str) -> dict[str, Any]:
    async with _reading(directory) as state:
        snapshot, task = await _named(state, name)
        return task_picture(snapshot, find_task(snapshot, task))


def read_breakpoints(directory: Path, *, everything: bool) -> list[dict[str, Any]]:
    """Return the breakpoints of the newest run, oldest first."""
    return run(_breakpoints(directory, everything))


async def _breakpoints(directory: Path, everything: bool) -> list[dict[str, Any]]:
    try:
        async with _reading(directory) as state:
            points = state.snapshot.breakpoints.values()
            return [breakpoint_row(point) for point in points if everything or point.open]
    except NotFound:
        return []


def print_log(
    directory: Path, name: str | None, *, follow_on: bool, since: int, as_json: bool
) -> None:
    """Print what an agent said and did, and what was done with it.

    Args:
        directory: somewhere in the repository.
        name: TASK or RUN/TASK; None: all of the newest run.
        follow_on: go on as long as a conductor runs.
        since: only events behind this ``seq``.
        as_json: as JSON lines.
    """
    run(_log(directory, name, follow_on, since, as_json))


async def _log(
    directory: Path, name: str | None, follow_on: bool, since: int, as_json: bool
) -> None:
    show = JsonPrinter(sys.stdout).show if as_json else Transcript(sys.stdout).show
    async with _reading(directory) as state:
        snapshot, task = (state.snapshot, None) if name is None else await _named(state, name)
        run_id = snapshot.run.id if snapshot.run else ""
        if task is not None:
            find_task(snapshot, task)
        seen = since
        for recorded in await state.history(run_id, since=since, task=task):
            seen = recorded.seq
            show(recorded)
    if not follow_on:
        return
    try:
        async for recorded in follow(await _folder(directory), run_id, seen):
            if task in (None, recorded.task):
                show(recorded)
    except NoConductor:
        return


async def _named(state: ReadOnlyState, name: str) -> tuple[Snapshot, str]:
    run_id, slash, task = name.rpartition("/")
    return (await state.load(run_id) if slash else state.snapshot), task


@asynccontextmanager
async def _reading(directory: Path) -> AsyncIterator[ReadOnlyState]:
    async with StateManager.read(await _folder(directory) / STATE_FILE) as state:
        yield state


async def _folder(directory: Path) -> Path:
    return await find_root(directory) / STATE_FOLDER
