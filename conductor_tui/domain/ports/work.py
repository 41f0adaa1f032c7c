"""Where work is kept apart, proved and brought together: workspaces and checks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Scope
from conductor_tui.domain.views import FileView


@dataclass(frozen=True, slots=True)
class Head:
    """What is checked out in the user's repository; ``branch`` is None when detached."""

    commit: str
    branch: str | None


@dataclass(frozen=True, slots=True)
class Workspace:
    """A task's own clone."""

    task: str
    path: str
    branch: str
    """``conductor/<run>/<task>``."""
    base: str
    """The commit the task's change is measured against."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The outcome of bringing a task's work together with the run's branch."""

    commit: str | None
    """The merged commit; None on a conflict."""
    conflicts: tuple[str, ...] = ()
    moved: bool = False
    """The run's branch had moved since the task's base: the checks must run again on ``commit``."""
    onto: str = ""
    """The tip of the run's branch it was merged onto."""


class Workspaces(Protocol):
    """Where work is kept apart and brought together (contract, section 5)."""

    async def preflight(self) -> Head:
        """Say what is checked out, having made sure that a run can start here.

        Raises:
            RepositoryError: it cannot, with the mend.
        """

    async def start_run(self, run: str, base: str) -> str:
        """Make the integration branch if it is not there; return its name."""

    async def locate(self, run: str, task: str) -> Workspace:
        """Say where a task's workspace is, or will be, on which branch and base; write nothing."""

    async def open(self, run: str, task: Task, base: str | None) -> Workspace:
        """Make the task's workspace from the integration branch, or open the one that is there.

        A workspace of an older run is moved aside first.
        """

    async def changes(self, workspace: Workspace) -> tuple[FileView, ...]:
        """Return how the workspace differs from its base, untracked files too."""

    async def diff(self, workspace: Workspace) -> str:
        """Return the unified diff of the workspace against its base."""

    def watch(self, workspace: Workspace) -> AsyncIterator[None]:
        """Yield whenever files of the workspace may have changed (a hint, debounced)."""

    async def commit(self, run: str, workspace: Workspace, message: str) -> str:
        """Commit all of the workspace on the task's branch in the repository; return the commit.

        Returns the base itself where nothing changed.
        """

    async def merge(self, run: str, workspace: Workspace, commit: str, message: str) -> Merge:
        """Merge a task's commit with the integration branch, without moving any branch."""

    async def adopt(self, run: str, task: str, merge: Merge) -> bool:
        """Move the integration branch to the merged commit; False if it moved meanwhile."""

    async def merged(self, run: str, task: str, commit: str) -> str | None:
        """Return the commit that brought ``commit`` to the integration branch, if one did."""

    async def put(self, workspace: Workspace, commit: str) -> Workspace:
        """Make the workspace's files those of a commit (all its work is committed already)."""

    async def rebase(self, run: str, workspace: Workspace) -> tuple[Workspace, tuple[str, ...]]:
        """Bring the integration branch into the workspace, which gets a new base.

        Returns also the files that hold conflict markers for the agent to resolve.
        """

    async def land(self, run: str, task: str | None) -> Landing:
        """Merge the run's branch, or one task's, into the branch that is checked out."""


@dataclass(frozen=True, slots=True)
class Landing:
    """The outcome of landing: a commit, or the reason why not."""

    commit: str | None
    branch: str
    files: tuple[str, ...] = ()
    refused: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one run of a check showed."""

    check: str
    on: Scope
    ok: bool
    exit_code: int | None
    duration_s: float
    output: str


class Checker(Protocol):
    """Runs a task's checks on its host."""

    async def run(
        self, run: str, task: Task, workspace: Workspace, check: str, on: Scope
    ) -> CheckResult:
        """Run one check to its end or its time limit; its whole tree is dead afterwards."""
