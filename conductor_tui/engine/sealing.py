"""What an agent left is fixed before it is proved: the tree that is judged is the one merged.

A check may write files (reports, caches) or change some; none of that becomes part of the work.
"""

from __future__ import annotations

from conductor_tui.engine.job import Job


async def seal(job: Job) -> str:
    """Commit all of the workspace on the task's branch; return the commit."""
    last = job.view.attempt
    again = f", attempt {last.n}" if last is not None and last.n > 1 else ""
    message = f"{job.spec.title}{again}\n"
    return await job.tools.workspaces.commit(job.run.id, job.workspace, message)


async def unseal(job: Job) -> None:
    """Make the workspace again what the agent left; what a check left besides is rescued."""
    last = job.view.attempt
    if last is not None and last.commit:
        job.workspace = await job.tools.workspaces.put(job.workspace, last.commit)
