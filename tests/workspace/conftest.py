"""A repository, a room over it, and git spoken as a user and as an agent would."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from conductor_tui.domain.ports.work import Workspace
from conductor_tui.domain.task import Task
from conductor_tui.workspace.git import Git
from conductor_tui.workspace.repository import find_repository
from conductor_tui.workspace.workspaces import GitWorkspaces
from tests.workspace.host import CountingHost

RUN = "20261120-100000-abcd"


def git(folder: Path, *arguments: str, check: bool = True, stdin: str = "") -> str:
    """Run git as a person would in a folder."""
    ended = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=stdin,
        check=False,
        capture_output=True,
        text=True,
        errors="surrogateescape",
    )
    assert ended.returncode == 0 or not check, ended.stderr
    return ended.stdout.strip()


@dataclass
class Room:
    """A room over a repository, with what tests look at."""

    workspaces: GitWorkspaces
    host: CountingHost
    repo: Path

    async def start(self, run: str = RUN) -> str:
        """Start a run from HEAD."""
        head = await self.workspaces.preflight()
        return await self.workspaces.start_run(run, head.commit)

    async def open(self, task: str = "one", run: str = RUN, base: str | None = None) -> Workspace:
        """Open a task's workspace."""
        return await self.workspaces.open(run, Task(task, task, "do it"), base)

    async def accept(self, workspace: Workspace, message: str = "Work", run: str = RUN) -> str:
        """Commit, merge and adopt; return the commit on the run's branch."""
        commit = await self.workspaces.commit(run, workspace, message)
        merge = await self.workspaces.merge(run, workspace, commit, message)
        assert merge.commit is not None, merge.conflicts
        assert await self.workspaces.adopt(run, workspace.task, merge)
        return merge.commit

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run git as the user in the repository."""
        return git(self.repo, *arguments, check=check)


def files(workspace: Workspace) -> Path:
    """Return the folder of a workspace."""
    return Path(workspace.path)


async def make_room(repo: Path) -> Room:
    """Make a room over a repository."""
    host = CountingHost()
    runner = Git(host, os.environ, lock_waits_s=(0.05, 0.1))
    return Room(GitWorkspaces(runner, await find_repository(runner, str(repo))), host, repo)


@pytest.fixture
async def room(repo: Path) -> Room:
    """A room over the small repository, a run started."""
    made = await make_room(repo)
    await made.start()
    return made
