"""Workspaces in memory: trees are dictionaries, commits have a name and a tree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from conductor_tui.domain.ports.work import Head, Landing, Merge, Workspace
from conductor_tui.domain.task import Task
from conductor_tui.domain.views import FileView
from tests.bell import Bell

Tree = dict[str, str]

BASE = "base0"


class FakeWorkspaces:
    """Implements the port ``Workspaces``.

    Args:
        bell: rung at everything that happens.
    """

    def __init__(self, bell: Bell) -> None:
        self.bell = bell
        self.commits: dict[str, Tree] = {BASE: {"README.md": "hello"}}
        self.tip = ""
        """The run's branch; empty before the run is started."""
        self.files: dict[str, Tree] = {}
        """task → what lies in its workspace."""
        self.bases: dict[str, str] = {}
        self.merges: dict[str, str] = {}
        """A task's commit → the commit that brought it in."""
        self.conflicts: dict[str, list[tuple[str, ...]]] = {}
        """task → the conflicts its next merges meet."""
        self.refusals: dict[str, int] = {}
        """task → how often its merge is not adopted, as the branch has moved."""
        self.errors: dict[str, list[Exception]] = {}
        """A method's name → what its next calls raise."""
        self.holds: dict[str, asyncio.Event] = {}
        """A method's name → its calls take until this is set."""
        self.landing = Landing("landed", "main", ("a.txt",))
        self.calls: list[tuple[str, str]] = []
        """(method, task) in the order they were called."""
        self._touched: dict[str, asyncio.Event] = {}

    def write(self, task: str, path: str, text: str) -> None:
        """Put a file into a task's workspace."""
        self.files[task][path] = text
        self._touch(task)

    def count(self, method: str, task: str) -> int:
        """Return how often a method was called for a task."""
        return self.calls.count((method, task))

    # -- the port --------------------------------------------------------------------------------

    async def preflight(self) -> Head:
        """Say that ``main`` is checked out."""
        await self._called("preflight", "")
        return Head(BASE, "main")

    async def start_run(self, run: str, base: str) -> str:
        """Make the run's branch."""
        await self._called("start_run", "")
        self.tip = self.tip or base or BASE
        return f"conductor/{run}/integration"

    async def locate(self, run: str, task: str) -> Workspace:
        """Say where a task's workspace is."""
        await self._called("locate", task)
        base = self.bases.get(task, self.tip)
        return Workspace(task, f"/ws/{task}", f"conductor/{run}/{task}", base)

    async def open(self, run: str, task: Task, base: str | None) -> Workspace:
        """Make a task's workspace, or open it."""
        await self._called("open", task.id)
        if task.id not in self.files:
            self.bases[task.id] = base or self.tip
            self.files[task.id] = dict(self.commits[self.bases[task.id]])
        return Workspace(
            task.id, f"/ws/{task.id}", f"conductor/{run}/{task.id}", self.bases[task.id]
        )

    async def changes(self, workspace: Workspace) -> tuple[FileView, ...]:
        """Compare the files with the base."""
        await self._called("changes", workspace.task)
        old, new = self.commits[self.bases[workspace.task]], self.files[workspace.task]
        return tuple(
            FileView(path, _change(old.get(path), new.get(path)), 1, 0)
            for path in sorted(old.keys() | new.keys())
            if old.get(path) != new.get(path)
        )

    async def diff(self, workspace: Workspace) -> str:
        """Name the changed files."""
        return "".join(f"diff {file.path}\n" for file in await self.changes(workspace))

    async def watch(self, workspace: Workspace) -> AsyncIterator[None]:
        """Tell each time a file was written."""
        while True:
            event = self._touched.setdefault(workspace.task, asyncio.Event())
            await event.wait()
            event.clear()
            yield None

    async def commit(self, run: str, workspace: Workspace, message: str) -> str:
        """Commit the files."""
        await self._called("commit", workspace.task)
        base, tree = self.bases[workspace.task], self.files[workspace.task]
        return base if tree == self.commits[base] else self._commit("c", tree)

    async def merge(self, run: str, workspace: Workspace, commit: str, message: str) -> Merge:
        """Merge file by file."""
        await self._called("merge", workspace.task)
        moved = self.tip != self.bases[workspace.task]
        wanted = self.conflicts.get(workspace.task)
        if wanted:
            return Merge(None, wanted.pop(0), moved, self.tip)
        base = self.commits[self.bases[workspace.task]]
        tree, conflicts = _join(base, self.commits[self.tip], self.commits[commit])
        if conflicts:
            return Merge(None, conflicts, moved, self.tip)
        joined = self._commit("m", tree, f"{self.tip}+{commit}")
        self.merges[commit] = joined
        return Merge(joined, (), moved, self.tip)

    async def adopt(self, run: str, task: str, merge: Merge) -> bool:
        """Move the run's branch."""
        await self._called("adopt", task)
        if self.refusals.get(task):
            self.refusals[task] -= 1
            return False
        if self.tip != merge.onto or merge.commit is None:
            return False
        self.tip = merge.commit
        return True

    async def merged(self, run: str, task: str, commit: str) -> str | None:
        """Say what brought a commit in."""
        await self._called("merged", task)
        joined = self.merges.get(commit)
        return joined if joined == self.tip else None

    async def put(self, workspace: Workspace, commit: str) -> Workspace:
        """Lay out a commit."""
        await self._called("put", workspace.task)
        self.files[workspace.task] = dict(self.commits[commit])
        if commit in self.merges.values():
            self.bases[workspace.task] = self.tip
        return replace(workspace, base=self.bases[workspace.task])

    async def rebase(self, run: str, workspace: Workspace) -> tuple[Workspace, tuple[str, ...]]:
        """Bring the run's branch in."""
        await self._called("rebase", workspace.task)
        base = self.commits[self.bases[workspace.task]]
        mine = self.files[workspace.task]
        tree, conflicts = _join(base, self.commits[self.tip], mine)
        self.files[workspace.task] = tree | dict.fromkeys(conflicts, "<<<<<<<")
        self.bases[workspace.task] = self.tip
        return replace(workspace, base=self.tip), conflicts

    async def land(self, run: str, task: str | None) -> Landing:
        """Land as the test wants it."""
        await self._called("land", task or "")
        return self.landing

    # -- inside ------------------------------------------------------------------------------------

    async def _called(self, method: str, task: str) -> None:
        self.calls.append((method, task))
        self.bell.ring()
        if method in self.holds:
            await self.holds[method].wait()
        if self.errors.get(method):
            raise self.errors[method].pop(0)

    def _commit(self, letter: str, tree: Tree, salt: str = "") -> str:
        name = f"{letter}{abs(hash((salt, *sorted(tree.items())))):x}"
        self.commits[name] = dict(tree)
        return name

    def _touch(self, task: str) -> None:
        self._touched.setdefault(task, asyncio.Event()).set()
        self.bell.ring()


def _change(old: str | None, new: str | None) -> str:
    if old is None:
        return "added"
    return "deleted" if new is None else "modified"


def _join(base: Tree, ours: Tree, theirs: Tree) -> tuple[Tree, tuple[str, ...]]:
    tree, conflicts = dict(ours), []
    for path in sorted(base.keys() | ours.keys() | theirs.keys()):
        old, our, their = base.get(path), ours.get(path), theirs.get(path)
        if their in (old, our):
            continue
        if our != old:
            conflicts.append(path)
        elif their is None:
            del tree[path]
        else:
            tree[path] = their
    return tree, tuple(conflicts)
