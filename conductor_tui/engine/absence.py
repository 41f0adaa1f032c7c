"""What becomes of a breakpoint on a task's result: ask, or do what the policy says."""

from __future__ import annotations

from conductor_tui.domain.events import (
    BreakpointRaised,
    BreakpointResolved,
    Event,
    TaskFailed,
    TaskWaiting,
)
from conductor_tui.domain.values import Answer, BreakpointPolicy, WaitReason
from conductor_tui.engine.job import Job


async def ask_about_result(
    job: Job, point: BreakpointRaised, *before: Event, acceptable: bool
) -> None:
    """Raise a breakpoint on a task's result; the policy answers it where nobody is there.

    All of it is recorded at once: a crash cannot part a decision to ask from what is asked.

    Args:
        job: the task; it has to be running.
        point: the breakpoint.
        before: what led to it.
        acceptable: whether the policy ``accept`` may accept the work (no check is red).
    """
    policy = job.tools.options.on_breakpoint
    if policy in (BreakpointPolicy.WAIT, BreakpointPolicy.SKIP):
        await job.record(*before, point, TaskWaiting(WaitReason.BREAKPOINT))
        return
    by = f"policy:{policy}"
    if policy is BreakpointPolicy.ACCEPT and acceptable:
        await job.record(
            *before,
            point,
            BreakpointResolved(point.id, Answer.APPROVE, "every check is green", by),
        )
        return
    await job.record(
        *before,
        point,
        BreakpointResolved(point.id, Answer.REJECT, None, by),
        TaskFailed(point.reason),
    )
