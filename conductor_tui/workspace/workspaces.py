"""The ``Workspaces`` port over a git repository: one short method per wish, one room below."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from conductor_tui.domain.ports.work import Head, Landing, Merge, Workspace
from conductor_tui.domain.task import Task
from conductor_tui.domain.views import FileView
from conductor_tui.workspace import clones, landing, merging, repository, watcher
from conductor_tui.workspace.diffs import Diffs
from conductor_tui.workspace.git import Git
from conductor_tui.workspace.repository import Repository
from conductor_tui.workspace.site import Site


class GitWorkspaces:
    """Where work is kept apart and brought together, in one repository (contract, section 5)."""

    def __init__(self, git: Git, found: Repository, diff_limit: int = 2_000_000) -> None:
        """Work on a repository that ``find_repository`` found; a diff is cut at ``diff_limit``."""
        self.site = Site(git, found)
        self._diffs = Diffs(self.site, diff_limit)

    async def preflight(self) -> Head:
        """Say what is checked out, having made sure that a run can start here."""
        settings = await self.site.settings()
        return await repository.preflight(self.site.git, self.site.repository, settings)

    async def start_run(self, run: str, base: str) -> str:
        """Make the integration branch if it is not there; return its name."""
        return await clones.start_run(self.site, run, base)

    async def locate(self, run: str, task: str) -> Workspace:
        """Say where a task's workspace is, or will be, on which branch and base; write nothing."""
        return await clones.locate(self.site, run, task)

    async def open(self, run: str, task: Task, base: str | None) -> Workspace:
        """Make the task's workspace from the integration branch, or open the one that is there."""
        return await clones.open_workspace(self.site, run, task.id, base)

    async def changes(self, workspace: Workspace) -> tuple[FileView, ...]:
        """Return how the workspace differs from its base, untracked files too."""
        return await self._diffs.changes(workspace)

    async def diff(self, workspace: Workspace) -> str:
        """Return the unified diff of the workspace against its base."""
        return await self._diffs.diff(workspace)

    def watch(self, workspace: Workspace) -> AsyncGenerator[None, None]:
        """Yield whenever files of the workspace may have changed (a hint, debounced)."""
        return watcher.watch(workspace.path)

    async def commit(self, run: str, workspace: Workspace, message: str) -> str:
        """Commit all of the workspace on the task's branch in the repository."""
        return await merging.commit_work(self.site, run, workspace, message)

    async def merge(self, run: str, workspace: Workspace, commit: str, message: str) -> Merge:
        """Merge a task's commit with the integration branch, without moving any branch."""
        return await merging.merge(self.site, run, workspace, commit, message)

    async def adopt(self, run: str, task: str, merge: Merge) -> bool:
        """Move the integration branch to the merged commit; False if it moved meanwhile."""
        return await merging.adopt(self.site, run, task, merge)

    async def merged(self, run: str, task: str, commit: str) -> str | None:
        """Return the commit that brought ``commit`` to the integration branch, if one did."""
        return await merging.merged(self.site, run, task, commit)

    async def put(self, workspace: Workspace, commit: str) -> Workspace:
        """Make the workspace's files those of a commit; work in no commit is rescued first."""
        return await merging.put(self.site, workspace, commit)

    async def rebase(self, run: str, workspace: Workspace) -> tuple[Workspace, tuple[str, ...]]:
        """Bring the integration branch into the workspace; return the conflicting files too."""
        return await merging.rebase(self.site, run, workspace)

    async def land(self, run: str, task: str | None) -> Landing:
        """Merge the run's branch, or one task's, into the branch that is checked out."""
        return await landing.land(self.site, run, task)
