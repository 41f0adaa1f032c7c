"""Accepted work goes to the branch that is checked out, and what came of it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conductor_tui.domain.errors import GitError, NotFound, RepositoryError
from conductor_tui.domain.events import Draft, Event, LandDone, LandRefused
from conductor_tui.domain.ports.work import Workspaces
from conductor_tui.state.manager import StateManager


async def land(state: StateManager, workspaces: Workspaces, task: str | None) -> Mapping[str, Any]:
    """Merge the run's branch, or one task's, into the branch that is checked out.

    Returns:
        ``commit`` (None where it was refused), ``branch``, ``files``, ``refused``, ``mend``.

    Raises:
        NotFound: there is no run.
        GitError: git failed; recorded as refused.
    """
    run = state.snapshot.run
    if run is None:
        raise NotFound("there is no run whose work could be landed")
    if task is not None and task not in state.snapshot.tasks:
        raise NotFound(f"there is no task {task} in run {run.id}", "see `conductor status`")
    try:
        landing = await workspaces.land(run.id, task)
    except (GitError, RepositoryError) as error:
        await state.record(Draft(LandRefused(error.message), task))
        raise
    event: Event = (
        LandDone(landing.commit, landing.branch, landing.files)
        if landing.commit is not None
        else LandRefused(landing.refused, landing.files)
    )
    await state.record(Draft(event, task))
    return {
        "commit": landing.commit,
        "branch": landing.branch,
        "files": list(landing.files),
        "refused": landing.refused,
        "mend": landing.mend,
    }
