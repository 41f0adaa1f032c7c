"""What becomes of a breakpoint on a task's result: ask, or do what the policy says."""

from __future__ import annotations

from conductor_tui.domain.events import (
    BreakpointRaised,
    BreakpointResolved,
    TaskFailed,
    TaskWaiting,
)
from conductor_tui.domain.values import Answer, BreakpointPolicy, WaitReason
from conductor_tui.engine.job import Job


async def ask_about_result(job: Job, point: BreakpointRaised, *, acceptable: bool) -> None:
    """Raise a breakpoint on a task's result; the policy answers it where nobody is there.

    Args:
        job: the task; it has to be running.
        point: the breakpoint.
        acceptable: whether the policy ``accept`` may accept the work (no check is red).
    """
    policy = job.tools.options.on_breakpoint
    if policy in (BreakpointPolicy.WAIT, BreakpointPolicy.SKIP):
        await job.record(point, TaskWaiting(WaitReason.BREAKPOINT))
        return
    by = f"policy:{policy}"
    if policy is BreakpointPolicy.ACCEPT and acceptable:
        await job.record(
            point,
            BreakpointResolved(point.id, Answer.APPROVE, "every check is green", by),
        )
        return
    await job.record(
        point,
        BreakpointResolved(point.id, Answer.REJECT, None, by),
        TaskFailed(point.reason),
    )
