"""The way of one task, step after step, each from what the state says comes next.

Nothing is remembered here between two steps: a task goes on the same way after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from conductor_tui.domain.errors import ConductorError, StateError
from conductor_tui.domain.events import TaskPhase, TaskStarted
from conductor_tui.domain.values import BreakpointKind, Phase, TaskStatus
from conductor_tui.domain.views import Step
from conductor_tui.engine.absence import ask_about_result
from conductor_tui.engine.checking import check
from conductor_tui.engine.job import Job
from conductor_tui.engine.live import LiveAgent
from conductor_tui.engine.merging import merge
from conductor_tui.engine.numbering import Numbering
from conductor_tui.engine.slots import Slots
from conductor_tui.engine.tools import Tools
from conductor_tui.engine.working import work


async def drive(
    tools: Tools,
    slots: Slots,
    numbering: Numbering,
    task: str,
    turn: asyncio.Lock,
    live: Callable[[LiveAgent | None], None],
) -> None:
    """Bring a task that holds a slot as far as it goes: to its end, or to a wait.

    Args:
        tools: the engine's surroundings.
        slots: where the task's slot is.
        numbering: gives the ids of breakpoints.
        task: the task's id.
        turn: the lock of the run's branch.
        live: told which agent is at work for the task.
    """
    job = await _take_up(tools, slots, numbering, task)
    try:
        await _prepare(job)
        while job.view.status is TaskStatus.RUNNING:
            match job.view.step:
                case Step.WORK:
                    await work(job, live)
                case Step.CHECK:
                    await check(job)
                case Step.MERGE:
                    await merge(job, turn)
                case Step.NOTHING:
                    return
    except StateError:
        raise
    except ConductorError as error:
        await _stop_for(job, error)


async def _take_up(tools: Tools, slots: Slots, numbering: Numbering, task: str) -> Job:
    run = tools.state.snapshot.run
    workspace = await tools.workspaces.locate(run.id if run else "", task)
    job = Job(tools, slots, numbering, task, workspace)
    await job.record(TaskStarted(workspace.path, workspace.base), TaskPhase(Phase.PREPARING))
    return job


async def _prepare(job: Job) -> None:
    job.workspace = await job.tools.workspaces.open(job.run.id, job.spec, job.workspace.base)


async def _stop_for(job: Job, error: ConductorError) -> None:
    """Ask a human about an obstacle that no further attempt removes by itself."""
    if job.view.status is not TaskStatus.RUNNING:
        return
    point = job.breakpoint(
        BreakpointKind.RESULT,
        error.message,
        f"“{job.spec.title}” cannot go on. {error.mend}".strip(),
        {"error": error.code, "mend": error.mend, "workspace": job.workspace.path},
        ("mend it, then retry", "reject"),
    )
    await ask_about_result(job, point, acceptable=False)
