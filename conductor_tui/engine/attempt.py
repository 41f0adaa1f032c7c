"""The way of one task, step after step, each from what the state says comes next.

Nothing is remembered here between two steps: a task goes on the same way after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from conductor_tui.domain.errors import ConductorError, StateError
from conductor_tui.domain.events import AttemptFinished, TaskPhase, TaskStarted
from conductor_tui.domain.ports.work import Workspace
from conductor_tui.domain.values import Answer, BreakpointKind, Phase, TaskStatus
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
    view = tools.state.snapshot.tasks[task]
    known = Workspace(task, view.workspace, view.branch, view.base)
    job = Job(tools, slots, numbering, task, known)
    try:
        await _take_up(job)
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


async def _take_up(job: Job) -> None:
    try:
        job.workspace = await job.tools.workspaces.locate(job.run.id, job.task)
    except ConductorError:
        await _started(job)  # only a task that runs can ask what is to be done
        raise
    await _started(job)


async def _started(job: Job) -> None:
    workspace = job.workspace
    await job.record(TaskStarted(workspace.path, workspace.base), TaskPhase(Phase.PREPARING))


async def _prepare(job: Job) -> None:
    job.workspace = await job.tools.workspaces.open(job.run.id, job.spec, job.workspace.base)


async def _stop_for(job: Job, error: ConductorError) -> None:
    """Ask a human about an obstacle that no further attempt removes by itself."""
    if job.view.status is not TaskStatus.RUNNING:
        return
    last = job.view.resumable
    if last is not None:
        await job.record(
            AttemptFinished(
                False,
                error.code,
                last.usage,
                last.usage.cost_usd,
                len(job.view.files),
                error.message,
            )
        )
    point = job.breakpoint(
        BreakpointKind.RESULT,
        error.message,
        f"“{job.spec.title}” cannot go on. {error.mend}".strip(),
        {"error": error.code, "mend": error.mend, "workspace": job.workspace.path},
        ("mend it, then retry", "reject"),
    )
    # There may be no work that could be accepted.
    options = tuple(option for option in point.options if option != Answer.APPROVE)
    await ask_about_result(job, replace(point, options=options), acceptable=False)
