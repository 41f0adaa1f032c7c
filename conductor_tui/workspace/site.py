"""What all operations on one repository share: git, the repository, its settings, the locks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from conductor_tui.domain.errors import GitError
from conductor_tui.domain.ports.work import Workspace
from conductor_tui.workspace.git import Git, failure, words
from conductor_tui.workspace.records import Desk, Record
from conductor_tui.workspace.repository import Repository, Settings, read_settings


class Site:
    """One repository on which tasks are worked."""

    def __init__(self, git: Git, repository: Repository) -> None:
        self.git = git
        self.repository = repository
        self.landing = asyncio.Lock()
        """Held while the user's own files are changed."""
        self._settings: Settings | None = None
        self._locks: dict[str, asyncio.Lock] = {}

    async def settings(self) -> Settings:
        """Return the user's git settings, read once."""
        if self._settings is None:
            self._settings = await read_settings(self.git, self.repository)
        return self._settings

    async def identity(self) -> Mapping[str, str]:
        """Return the variables with which commits are made."""
        return (await self.settings()).identity

    def desk(self, task: str) -> Desk:
        """Return the paths that belong to a task."""
        return Desk(self.repository, task)

    def lock(self, task: str) -> asyncio.Lock:
        """Return the lock of a task's private index: git would refuse a second writer."""
        return self._locks.setdefault(task, asyncio.Lock())

    async def resolve(self, *names: str) -> list[str]:
        """Return the objects some names stand for, by one command.

        Raises:
            GitError: one of them does not exist.
        """
        said = await self.git.line(self.repository.place, "rev-parse", *names)
        return said.split("\n")

    async def find(self, ref: str) -> str | None:
        """Return the commit of a ref; None where it does not exist."""
        ended = await self.git.ask(
            self.repository.place, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"
        )
        return words(ended.out) if ended.code == 0 else None

    async def transact(self, *lines: str) -> bool:
        """Change refs together, all or none; False where they are not as expected."""
        ended = await self.git.ask(
            self.repository.place, "update-ref", "--stdin", stdin="".join(lines).encode()
        )
        if ended.code not in {0, 128}:
            raise failure(("update-ref", "--stdin"), ended)
        return ended.code == 0

    async def require(self, *lines: str) -> None:
        """Change refs together.

        Raises:
            GitError: it could not be done; none has changed.
        """
        await self.git.run(
            self.repository.place, "update-ref", "--stdin", stdin="".join(lines).encode()
        )

    async def record(self, workspace: Workspace) -> tuple[Desk, Record]:
        """Return the desk and the record of an open workspace.

        Raises:
            GitError: there is none.
        """
        desk = self.desk(workspace.task)
        record = await asyncio.to_thread(desk.load)
        if record is None or record.branch != workspace.branch:
            raise GitError(
                f"conductor has no record of the workspace {workspace.path}",
                f"open it anew: conductor retry {workspace.task}",
            )
        return desk, record


def integration(run: str) -> str:
    """Return the branch on which a run's accepted work comes together."""
    return f"conductor/{run}/integration"


def update(ref: str, new: str, old: str = "") -> str:
    """Return the line that moves a ref, only from ``old`` where one is given."""
    return f"update {ref} {new} {old}".rstrip() + "\n"


def create(ref: str, new: str) -> str:
    """Return the line that makes a ref which must not be there."""
    return f"create {ref} {new}\n"


def delete(ref: str) -> str:
    """Return the line that removes a ref, if it is there."""
    return f"delete {ref}\n"


def parents_of(line: str) -> tuple[str, Sequence[str]]:
    """Split a line of ``rev-list --parents`` into a commit and its parents."""
    commit, *parents = line.split()
    return commit, parents
