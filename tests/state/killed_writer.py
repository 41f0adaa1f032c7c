"""A program that records as fast as it can, tells each thing it was told is safe, and is killed.

python -m tests.state.killed_writer DATABASE
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.events import (
    AttemptStarted,
    Draft,
    Notice,
    RunResumed,
    TaskPhase,
    TaskStarted,
)
from conductor_tui.domain.values import Phase
from conductor_tui.state.manager import StateManager
from tests.state.build import RUN, begin

TASKS = ("a", "b", "c", "d")


async def work(state: StateManager, task: str) -> None:
    """Note lines and record pairs; a line on standard output for each pair that is safe."""
    for number in itertools.count():
        for _ in range(number % 5):
            await state.note(Draft(AgentText("line " * 20), task, 1, number))
        phase = Phase.WORKING if number % 2 else Phase.CHECKING
        pair = (Draft(TaskPhase(phase), task), Draft(Notice("info", f"{task}{number}"), task))
        first, second = await state.record(*pair)
        os.write(1, f"{first.seq} {second.seq} {task}{number}\n".encode())


async def main(path: Path) -> None:
    """Open or resume the run, put all tasks to work, never end."""
    async with StateManager.open(path) as state, asyncio.TaskGroup() as group:
        if state.snapshot.run is None:
            await state.begin(RUN, begin(*TASKS))
        else:
            await state.record(Draft(RunResumed(TASKS, {}, {})))
        for task in TASKS:
            await state.record(
                Draft(TaskStarted("ws", "base"), task),
                Draft(AttemptStarted("claude", "s", 1), task, 1),
            )
            group.create_task(work(state, task))


def serve(path: Path) -> None:
    """Fork a writer for each line, until the end of input."""
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.write(1, f"born {os.getpid()}\n".encode())
            asyncio.run(main(path))
        _, status = os.waitpid(pid, 0)
        os.write(1, f"dead {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
