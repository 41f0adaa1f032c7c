"""The last step of a task: its accepted work goes to the run's branch, or a human is asked.

One task of a run merges at a time: its checks may have to run again on the merged tree, and the
branch must not move under them. Every part can be done again after a crash.
"""

from __future__ import annotations

import asyncio

from conductor_tui.domain.events import (
    Event,
    MergeConflict,
    MergeDone,
    TaskCompleted,
    TaskPhase,
)
from conductor_tui.domain.ports.work import Merge
from conductor_tui.domain.values import (
    BreakpointKind,
    DecisionAction,
    Outcome,
    Phase,
    Scope,
)
from conductor_tui.engine.absence import ask_about_result
from conductor_tui.engine.checking import ask_for_verdict, decision_event, run_checks
from conductor_tui.engine.job import Job
from conductor_tui.engine.sealing import seal
from conductor_tui.supervision.decision import Decision, merged_feedback


async def merge(job: Job, turn: asyncio.Lock) -> None:
    """Bring the task's work to the run's branch.

    Args:
        job: a running task whose work is accepted.
        turn: held by the task that merges.
    """
    await job.record(TaskPhase(Phase.MERGING))
    async with turn:
        spaces, run = job.tools.workspaces, job.run.id
        commit = await seal(job)
        if commit == job.workspace.base:
            await _complete(job, commit, merged=False)
            return
        done = await spaces.merged(run, job.task, commit)
        while done is None:
            merging = await spaces.merge(run, job.workspace, commit, merge_message(job))
            if merging.commit is None:
                await _conflict(job, merging)
                return
            if (merging.moved or not job.proved) and not await _still_proved(job, merging):
                return
            if await spaces.adopt(run, job.task, merging):
                done = merging.commit
        await _complete(job, done, merged=True)


def merge_message(job: Job) -> str:
    """Return the message of the merge into the run's branch."""
    return f"Merge {job.task}: {job.spec.title}\n"


async def _complete(job: Job, commit: str, *, merged: bool) -> None:
    events: list[Event] = []
    if merged:
        events.append(MergeDone(commit, job.run.branch))
    last = job.view.attempt
    outcome = Outcome.SUCCESS if last is None or last.ok else Outcome.SUCCESS_LIMITS
    events.append(TaskCompleted(outcome, commit))
    await job.record(*events)


async def _still_proved(job: Job, merging: Merge) -> bool:
    """Run the checks on the merged tree; on red, say so: the next attempt is on the new base."""
    if job.view.forced or not job.spec.checks or merging.commit is None:
        return True
    job.workspace = await job.tools.workspaces.put(job.workspace, merging.commit)
    results = await run_checks(job, Scope.MERGED)
    job.proved = True
    if all(result.ok for result in results):
        return True
    red = ", ".join(f"`{result.check}`" for result in results if not result.ok)
    left = job.view.attempts_left > 0
    decision = Decision(
        DecisionAction.RETRY if left else DecisionAction.ASK,
        f"merged with the other tasks' work, {red} is red",
        merged_feedback(results),
        {"checks": {result.check: result.ok for result in results}, "on": Scope.MERGED.value},
    )
    if left:
        await job.record(decision_event(decision))
    else:
        await ask_for_verdict(job, decision, results)
    return False


async def _conflict(job: Job, merging: Merge) -> None:
    files = ", ".join(merging.conflicts[:5]) + (" …" if len(merging.conflicts) > 5 else "")
    point = job.breakpoint(
        BreakpointKind.CONFLICT,
        f"the work conflicts with what other tasks merged, in {files}",
        "Let the agent resolve it on the new base, or do it by hand?",
        {"files": list(merging.conflicts), "workspace": job.workspace.path},
        ("retry: the agent resolves it", "take over by hand", "reject"),
    )
    await ask_about_result(job, point, MergeConflict(merging.conflicts), acceptable=False)
